"""The two records that cross between simulated car and controller in lockstep, as flat integers.

Both the host (CPython) and the virtual board (MicroPython) import this file.
A frame is an array("i"); the names below are the indices into it.
"""

# What the car offers to the controller's pins at the start of a tick.
PEDAL_A_MV = 0  # voltages at the ADC pins
PEDAL_B_MV = 1
PACK_V_MV = 2
BUS_V_MV = 3
PACK_A_MV = 4
SLOW_MV = 5  # eight of them, in the order of vcu.signals.SLOW_NAMES
PULSES = 13  # wheel pulses since power-on, modulo 65536
EDGE_PULSES = 14  # the same when the newest edge was stamped
EDGE_AGE_US = 15  # how long ago that was; -1 before the first, or without stamps
KEY_ON = 16
PLUG_IN = 17
BRAKE_ON = 18
GEAR_FORWARD_ON = 19
GEAR_REVERSE_ON = 20
EARLY_PULSES = 21  # the wheel pulses as they stood EARLY_AGE_US before the tick
EARLY_AGE_US = 22
COMMAND = 23  # 0 run one tick, 1 end the session
INPUT_SIZE = 24

# What the controller's pins drive after the tick, then what its loop says of itself.
THROTTLE_MV = 0
REGEN_PERMILLE = 1
ENABLE = 2
REVERSE = 3
CONTACTOR = 4
PRECHARGE = 5
CHARGER = 6
LAMP = 7
BUZZER = 8
FAN = 9
HOLD = 10
HEARTBEAT = 11  # level of the pin
PIN_COUNT = 12
MODE = 12
REASONS = 13
SPEED_MMPS = 14
TORQUE_PERMILLE = 15  # signed, forward positive
SOC_PERMILLE = 16
LIMITER = 17
ODOMETER_M = 18
LATE_TICKS = 19
PEDAL_PERMILLE = 20
RANGE_M = 21
RANGE_UNCERTAINTY_M = 22
SOC_UNCERTAINTY_PERMILLE = 23
TRIP_MWH = 24
TICKS = 25
CONTACTOR_STATE = 26
ACCEL_FULL_MMPS2 = 27
OUTPUT_SIZE = 28
