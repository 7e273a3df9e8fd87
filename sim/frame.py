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
ENABLE_READBACK = 23  # the enable line behind its gates, as the car's wiring makes it
MOTOR_PULSES = 24  # the second source of speed, modulo 65536
COMMAND = 25  # one of the four below
INPUT_SIZE = 26

RUN = 0  # run one tick
END = 1  # end the session
STALL = 2  # the chip is busy for these 10 ms: no tick, and the next one is that much later
DOUBLE = 3  # two ticks in the place of one

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
PIN_COUNT = 13
MODE = 13
REASONS = 14
SPEED_MMPS = 15
TORQUE_PERMILLE = 16  # signed, forward positive
SOC_PERMILLE = 17
LIMITER = 18
ODOMETER_M = 19
LATE_TICKS = 20
PEDAL_PERMILLE = 21
RANGE_M = 22
RANGE_UNCERTAINTY_M = 23
SOC_UNCERTAINTY_PERMILLE = 24
TRIP_MWH = 25
TICKS = 26
CONTACTOR_STATE = 27
ACCEL_FULL_MMPS2 = 28
FAULTS = 29  # four words of active faults, in the order of vcu.faults.TABLE
STORED = 33  # the same four, of what is stored
FLASH_OPS = 37  # flash operations since power-on
FLASH_OPS_MOVING = 38  # those of them while not parked
OUTPUT_SIZE = 39
