"""Which GPIO of the classic ESP32 (WROOM-32) board carries which signal, and what its dividers do.

Data only: plain literals, no import. README.md beside this file has the wiring.
A pin below 100 is a GPIO, 100 + n is output Qn of the 74HC595, -1 is not fitted.
"""

NAME = "esp32"
CHIP = "esp32"

# Fast analog inputs, each on its own channel of ADC1 and read every tick.
PEDAL_A = 34
PEDAL_B = 35
PACK_V = 36
BUS_V = 39
PACK_A = 32

# Slow analog inputs: a 74HC4067, one input a tick. Select lines from the lowest bit up,
# on the shift register.
MUX = 33
MUX_SELECT = (103, 104, 105, 107)
MUX_INPUTS = (
    "battery_temp",
    "motor_temp",
    "controller_temp",
    "rail_12v",
    "sensor_5v",
    "throttle_readback",
    "reference_low",
    "reference_high",
    "bms_contacts",
)

# Digital inputs: 12 V on the wire lets the car do more, so an open wire, which the
# pull-downs hold low, reads key off, plugged in, brake pressed, no gear.
# ACTIVE is the level that means on, in, pressed, selected.
KEY = 4
KEY_ACTIVE = 1
KEY_PULL = "down"
PLUG = 13
PLUG_ACTIVE = 0
PLUG_PULL = "down"
BRAKE = 17
BRAKE_ACTIVE = 0
BRAKE_PULL = "down"
GEAR_FORWARD = 14
GEAR_FORWARD_ACTIVE = 1
GEAR_FORWARD_PULL = "down"
GEAR_REVERSE = 15
GEAR_REVERSE_ACTIVE = 1
GEAR_REVERSE_PULL = "down"

# The enable line behind all its gates. Its contact is closed to ground while the line is off,
# so an open wire, which the pull-up holds high, reads on: the state that is a fault.
ENABLE_READBACK = 5
ENABLE_READBACK_ACTIVE = 1
ENABLE_READBACK_PULL = "up"

# Wheel sensor through the Schmitt trigger, which drives the pin both ways; ACTIVE is the
# level after a counted edge. An open wire gives no pulses.
PULSES = 16
PULSES_ACTIVE = 1
PULSES_PULL = "up"
EDGE_STAMPS = 1  # 1: a pin interrupt stamps each edge

# No pin is left for a hall sensor of the motor.
MOTOR_PULSES = -1
MOTOR_PULSES_ACTIVE = 1
MOTOR_PULSES_PULL = "up"

# Outputs, all active high and held low by a resistor; no pin is left for regen and for a
# charger's set-points.
THROTTLE = 25
REGEN = -1
ENABLE = 26
GUARD = 22  # in series with ENABLE: both must agree
REVERSE = 27
CONTACTOR = 18
PRECHARGE = 19
CHARGER = 21
CHARGE_V = -1
CHARGE_A = -1
HEARTBEAT = 23
LAMP = 100
BUZZER = 101
FAN = 102
HOLD = 106  # it feeds the controller only: no coil hangs on it
# In the order in which a stop releases them.
ACTUATORS = (
    "THROTTLE",
    "REGEN",
    "ENABLE",
    "GUARD",
    "CHARGE_V",
    "CHARGE_A",
    "CHARGER",
    "PRECHARGE",
    "CONTACTOR",
    "REVERSE",
    "BUZZER",
    "LAMP",
    "FAN",
    "HEARTBEAT",
    "HOLD",
)

# 74HC595: nothing that can move the car, or feed it or its charger. Its lines end at CMOS
# inputs, so they may sit on strapping pins; at reset GPIO 12 must be low and has a pull-down,
# GPIO 0 must be high and has a pull-up.
SHIFT_DATA = 12
SHIFT_CLOCK = 2
SHIFT_LATCH = 0

NOT_FITTED = ("can", "charger_setpoint", "motor_hall", "regen")

# 19.5 kHz is the highest round frequency at which 80 MHz leaves 12 bits, 1.2 mV a step.
PWM_HZ = 19500
PWM_FULL_SCALE_MV = 5000  # filtered voltage at full duty

# One count is 1 mV at the ADC pin.
PACK_CV_PER_1000_COUNTS = 3333  # 100 V at 3.0 V: 2 x 110 k over 6.8 k
BUS_CV_PER_1000_COUNTS = 3333
PACK_DA_PER_1000_COUNTS = 2500  # 4 mV/A: +-300 A is 1500 +- 1200 counts
RAIL_CV_PER_1000_COUNTS = 660  # 56 k over 10 k
SENSOR_5V_MV_PER_1000_COUNTS = 1818  # 18 k over 22 k: 0.55
THROTTLE_READBACK_MV_PER_1000_COUNTS = 1818  # 18 k over 22 k: 0.55
REFERENCE_LOW_COUNTS = 306  # 2.495 V over 390 + 8.2 k + 1.2 k
REFERENCE_HIGH_COUNTS = 2396

# 10 k B3950 to ground, 10 k to 3.3 V: counts, 0.1 degC, ...
# fmt: off
NTC_TABLE = (
    65, 1500,
    90, 1350,
    129, 1200,
    189, 1050,
    282, 900,
    428, 750,
    657, 600,
    1143, 400,
    2023, 150,
    2543, 0,
    2816, -100,
    3014, -200,
    3143, -300,
    3220, -400,
)
# fmt: on
