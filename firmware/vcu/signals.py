"""The records that pass through the loop: what was read, what it means, what is commanded.

Suffixes, the only ones in use:
    _mv mV   _cv 0.01 V   _ma mA   _da 0.1 A   _mohm mOhm   _mw mW   _w W
    _mah mAh   _mwh mWh   _wh Wh   _ms ms   _us us   _s s   _permille 1/1000
    _um um   _mm mm   _m m   _km km   _mmps mm/s   _mmps2 mm/s2   _kmh km/h
    _n N   _kg kg   _ddegc 0.1 degC   _counts raw   _min min   _hz Hz   _bytes bytes
A number behind one says in how many parts of it: _cv16 is 1/16 of 0.01 V, _q4 1/16 count.
Signs: pack current is positive out of the pack, torque is positive when it
drives the car forward, a request is positive when it accelerates in the
selected direction. A flag is 0 or 1.
"""

from micropython import const

# The slow analog channels: one is read per tick (Raw.slow_index), in SLOW_ORDER.
SLOW_BATTERY_TEMP = const(0)
SLOW_MOTOR_TEMP = const(1)
SLOW_CONTROLLER_TEMP = const(2)
SLOW_RAIL_12V = const(3)
SLOW_SENSOR_5V = const(4)
SLOW_THROTTLE_READBACK = const(5)
SLOW_REFERENCE_LOW = const(6)
SLOW_REFERENCE_HIGH = const(7)
SLOW_BMS_CONTACTS = const(8)
SLOW_NAMES = (
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

# The order in which they are read. The two that prove a safe output and a sane pedal come
# round every 40 ms, the others every 120 ms, rail and BMS contacts in turn.
SLOW_ORDER = (
    SLOW_THROTTLE_READBACK, SLOW_BATTERY_TEMP, SLOW_SENSOR_5V, SLOW_MOTOR_TEMP,
    SLOW_THROTTLE_READBACK, SLOW_CONTROLLER_TEMP, SLOW_SENSOR_5V, SLOW_RAIL_12V,
    SLOW_THROTTLE_READBACK, SLOW_REFERENCE_LOW, SLOW_SENSOR_5V, SLOW_REFERENCE_HIGH,
    SLOW_THROTTLE_READBACK, SLOW_BATTERY_TEMP, SLOW_SENSOR_5V, SLOW_MOTOR_TEMP,
    SLOW_THROTTLE_READBACK, SLOW_CONTROLLER_TEMP, SLOW_SENSOR_5V, SLOW_BMS_CONTACTS,
    SLOW_THROTTLE_READBACK, SLOW_REFERENCE_LOW, SLOW_SENSOR_5V, SLOW_REFERENCE_HIGH,
)  # fmt: skip

# A temperature that the sensor cannot tell: consumers must look at the valid flag.
UNKNOWN_DDEGC = const(-1000)


class Raw:
    """What the hal reads in one tick.

    One analog count is 1 mV at the ADC pin; -1 says that the read failed.
    pulses_counts is the hardware counter modulo 65536. Where the board stamps
    edges, edge_pulses_counts is that counter as it stood when the newest edge
    was stamped, edge_age_us ago; a board without stamps leaves edge_age_us -1.
    motor_pulses_counts is the second source of speed, where one is fitted.
    enable_readback is the enable line behind all its gates: this output, the
    guard's and the heartbeat's charge pump.
    early_pulses_counts is the counter as the main loop sampled it between two
    ticks, early_age_us before this one; -1 when it did not.
    """

    def __init__(self) -> None:
        self.pedal_a_counts = 0
        self.pedal_b_counts = 0
        self.pack_v_counts = 0
        self.bus_v_counts = 0
        self.pack_a_counts = 0
        self.slow_index = 0
        self.slow_counts = 0
        self.pulses_counts = 0
        self.edge_pulses_counts = 0
        self.edge_age_us = -1
        self.early_pulses_counts = 0
        self.early_age_us = -1
        self.motor_pulses_counts = 0
        self.enable_readback = 0
        self.key_on = 0
        self.plug_in = 1
        self.brake_on = 1
        self.gear_forward_on = 0
        self.gear_reverse_on = 0


class Signals:
    """What the readings mean, in units, with the estimates made from them."""

    def __init__(self) -> None:
        self.pack_cv = 0
        self.bus_cv = 0
        self.pack_da = 0
        self.pack_valid = 0  # pack voltage, bus voltage and current could all be read
        self.battery_ddegc = UNKNOWN_DDEGC
        self.motor_ddegc = UNKNOWN_DDEGC
        self.controller_ddegc = UNKNOWN_DDEGC
        self.battery_temp_valid = 0
        self.motor_temp_valid = 0
        self.controller_temp_valid = 0
        self.rail_cv = 0
        self.sensor_5v_mv = 0
        self.reference_low_counts = 0
        self.reference_high_counts = 0
        self.slow_seen = 0  # every slow channel has been read since power-on
        self.pedal_permille = 0  # 0 released .. 1000 pressed, the lower of the channels
        self.pedal_valid = 0
        self.pedal_released = 0
        self.speed_mmps = 0  # never negative; the direction is the gear's
        self.speed_trusted = 1  # 0: the wheel sensor is not believed, and nothing else tells
        self.standstill_ms = 0  # time since the last wheel pulse, saturating
        self.pack_rest_cv = 0  # pack voltage with the sag of the present current added back
        self.soc_permille = 0
        self.bms_bits = -1  # 1 charge, 2 discharge permitted; -1 its wire reads as neither


class Outputs:
    """What the loop commands. Everything 0 is the safe state of every output."""

    def __init__(self) -> None:
        self.throttle_permille = 0  # drive torque asked of the motor controller, 0..1000
        self.throttle_mv = 0  # the same as a voltage at the motor controller's input
        self.regen_permille = 0  # braking torque asked of the motor controller, 0..1000
        self.enable = 0
        self.guard = 0  # the guard's own consent: without it the enable line stays low
        self.heartbeat = 0  # toggle the heartbeat in this tick; withheld, all the rest falls
        self.reverse = 0
        self.contactor = 0
        self.precharge = 0
        self.charger = 0  # its relay
        self.charge_v_mv = 0  # at the charger's voltage input: 5 V is charger_full_cv
        self.charge_a_mv = 0  # at its current input: 5 V is charger_max_da
        self.lamp = 0
        self.buzzer = 0
        self.fan = 0
        self.hold = 0  # keeps the controller's own supply up after key-off
