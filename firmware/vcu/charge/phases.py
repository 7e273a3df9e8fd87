"""Phases: the states of a charge, and why there is no current or not the full one."""

from micropython import const

OFF = const(0)
CHECK = const(1)
PRECHARGE = const(2)
BULK = const(3)
ABSORB = const(4)
EQUALIZE = const(5)
FLOAT = const(6)
BALANCE = const(7)
FULL = const(8)
PAUSE = const(9)
FAULT = const(10)
NAMES = (
    "OFF", "CHECK", "PRECHARGE", "BULK", "ABSORB", "EQUALIZE", "FLOAT", "BALANCE", "FULL",
    "PAUSE", "FAULT",
)  # fmt: skip

# Why there is no current, or not the full one.
NOTHING = const(0)
UNPLUGGED = const(1)
NO_CHARGER = const(2)
NO_BMS = const(3)
BAD_PARAMETERS = const(4)
CHECKING = const(5)
WRONG = const(6)
COLD = const(7)
HOT = const(8)
NO_SENSOR = const(9)
BMS_REFUSES = const(10)
NO_CURRENT = const(11)
HIGH_VOLTAGE = const(12)
TOO_MUCH_CURRENT = const(13)
SCHEDULED = const(14)
TARGET_REACHED = const(15)
IS_FULL = const(16)
HAS_FAULT = const(17)
TRACTION_LIVE = const(18)
CAUSE_NAMES = (
    "nothing", "unplugged", "no_charger", "no_bms", "parameters_broken", "checking", "wrong_pack",
    "too_cold", "too_hot", "sensor_lost", "bms_refuses", "no_current", "voltage_high",
    "current_high", "scheduled", "target_reached", "full", "fault",
    "traction_live",
)  # fmt: skip
