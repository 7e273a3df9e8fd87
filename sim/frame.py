"""The two records that cross between simulated car and controller in lockstep, as flat integers.

Both the host (CPython) and the virtual board (MicroPython) import this file.
A frame is a list of integers, on the board an array("i"); the names below are its indices.
"""

# What the car offers to the controller's pins at the start of a tick.
PEDAL_A_MV = 0  # voltages at the ADC pins
PEDAL_B_MV = 1
PACK_V_MV = 2
BUS_V_MV = 3
PACK_A_MV = 4
SLOW_MV = 5  # nine of them, in the order of vcu.signals.SLOW_NAMES
PULSES = 14  # wheel pulses since power-on, modulo 65536
EDGE_PULSES = 15  # the same when the newest edge was stamped
EDGE_AGE_US = 16  # how long ago that was; -1 before the first, or without stamps
KEY_ON = 17
PLUG_IN = 18
BRAKE_ON = 19
GEAR_FORWARD_ON = 20
GEAR_REVERSE_ON = 21
EARLY_PULSES = 22  # the wheel pulses as they stood EARLY_AGE_US before the tick
EARLY_AGE_US = 23
ENABLE_READBACK = 24  # the enable line behind its gates, as the car's wiring makes it
MOTOR_PULSES = 25  # the second source of speed, modulo 65536
COMMAND = 26  # one of the five below
INPUT_SIZE = 27

RUN = 0  # run one tick
END = 1  # end the session
STALL = 2  # the chip is busy for these 10 ms: no tick, and the next one is that much later
DOUBLE = 3  # two ticks in the place of one
UNREAD = 4  # run one tick, with a USB host that holds the port open and reads nothing

AGE_LIMIT_US = 900_000  # what hal/esp32_io.py makes of the age of an older edge

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
GUARD = 12  # the guard's own consent to the enable line
CHARGE_V_MV = 13  # at the inputs of a charger that follows set-points
CHARGE_A_MV = 14
PIN_COUNT = 15
MODE = 15
REASONS = 16
SPEED_MMPS = 17
TORQUE_PERMILLE = 18  # signed, forward positive
SOC_PERMILLE = 19
LIMITER = 20
ODOMETER_M = 21
LATE_TICKS = 22
PEDAL_PERMILLE = 23
RANGE_M = 24
RANGE_UNCERTAINTY_M = 25
SOC_UNCERTAINTY_PERMILLE = 26
TRIP_MWH = 27
TICKS = 28
CONTACTOR_STATE = 29
ACCEL_FULL_MMPS2 = 30
FAULTS = 31  # four words of active faults, in the order of vcu.faults.TABLE
STORED = 35  # the same four, of what is stored
FLASH_OPS = 39  # flash operations since power-on
FLASH_OPS_MOVING = 40  # those of them while not parked
CHARGE_PHASE = 41  # in the order of vcu.charge.phases.NAMES
CHARGE_CAUSE = 42  # of its CAUSE_NAMES
CHARGE_SET_CV = 43
CHARGE_SET_MA = 44
CHARGE_IN_MAH = 45  # of this session
# From 4.5 ms before the next tick, when the board is told of it, until it samples the wheel.
SAMPLE_WAIT_US = 46
OUTPUT_SIZE = 47
