"""Input sequences: scripts of knob settings, which car and controller then play through."""

from car import (
    ADC_FROZEN,
    ALL,
    BATTERY,
    BATTERY_NTC,
    BATTERY_SHORT,
    BOTH,
    BRAKE,
    BROKEN,
    BUS_ADC,
    CELL,
    CHARGER,
    CONTACTOR_OPEN,
    CONTACTOR_WELDED,
    CONTROLLER,
    CONTROLLER_NTC,
    CORNERS,
    CORRUPT,
    CURRENT_ADC,
    CURRENT_HIGH,
    CURRENT_ZERO,
    DEFAULTS,
    DT,
    ENABLE_OFF,
    ENABLE_ON,
    FLAGS,
    GEAR,
    GRADE,
    HALF_PULSES,
    HILLS,
    KEY,
    LATE,
    MASS,
    MOTOR,
    MOTOR_HALL_LOST,
    MOTOR_NTC,
    MOTOR_ON,
    NO_PULSES,
    PACK,
    PACK_ADC,
    PACK_HIGH,
    PEDAL,
    PEDAL_A_OPEN,
    PEDAL_B_OPEN,
    PEDAL_HIGH,
    PEDAL_SKEW,
    PEDALS,
    PLUG,
    PRECHARGE_OPEN,
    PULSES,
    RAIL_HIGH,
    RAIL_LOW,
    REFERENCE_OFF,
    SERVICE,
    SLOW,
    SOURCE,
    SUPPLY_HIGH,
    SUPPLY_LOW,
    SYSTEM,
    TALKS,
    THROTTLE_HIGH,
    THROTTLE_LOW,
    TICK,
    WANDER,
    WISH,
    Car,
    make_scaling,
)
from charges import PLUGGED
from supply import fulfil, remember_zero

from vcu.loop import Loop
from vcu.params import OK, Params

# What CORRUPT does.
TRAVEL = 1
SPACING = 2
DEAF = 3
COPY = 4

_DT_CORNERS_MS = (1, 9, 10, 11, 40, 41, 500, 60000)


def _ignore(raw, sig, powered) -> None:
    """Stand for a request that no longer looks at the driver."""


class Drive:
    """One sequence under way: loop is the controller, car its surroundings; tick() is one tick."""

    def __init__(self, sequence, rounds: int) -> None:
        name, values, stamps, steps = sequence
        params = Params()
        for i in range(0, len(values), 2):
            if params.set(values[i], values[i + 1]) != OK:
                raise ValueError(values[i])
        self.name = name
        self.loop = Loop(make_scaling(), params)
        remember_zero(self.loop.charge, params)
        # Made here, because nothing may be made in a tick: both channels have travelled far.
        shape = self.loop.sense.pedal._shape
        self._wrong_shape = (shape[0] - 500,) + shape[1:4] + (shape[4] - 250,) + shape[5:]
        self.car = Car(params, stamps, len(steps))
        self.ticks = rounds * sum([step[0] for step in steps])
        self.done = 0
        self.dt_ms = 10
        self._capacity_mah = params.get("capacity_mah")
        self._steps = steps
        self._next = 0
        self._left = 0

    def advance(self) -> None:
        """Set the knobs and let the car move: all of a tick but the controller."""
        knobs = self.car.knobs
        if self._left == 0:
            self._turn_knobs()
        self._left -= 1
        self.done += 1
        dt_ms = knobs[TICK]
        random = self.car.random
        if knobs[LATE]:
            dt_ms += random.below(knobs[LATE] + 1)
        if knobs[CORNERS] & DT:
            dt_ms = _DT_CORNERS_MS[random.below(len(_DT_CORNERS_MS))]
        self.dt_ms = dt_ms
        self.loop.service_wanted = knobs[SERVICE] == 1
        # The car's own arithmetic is good for 40 ms at a time.
        self.car.step(self.loop.raw, self.loop.out, dt_ms if dt_ms < 40 else 40)
        if knobs[TALKS]:
            self.car.tell_cells(self.loop.charge.cell_data)

    def _turn_knobs(self) -> None:
        """Begin the next step of the script; a new round begins with every knob at its default."""
        knobs = self.car.knobs
        if self._next == 0:
            for i in range(len(DEFAULTS)):
                knobs[i] = DEFAULTS[i]
        step = self._steps[self._next]
        for i in range(1, len(step), 2):
            knobs[step[i]] = step[i + 1]
        self.loop.system_bits |= knobs[SYSTEM]
        knobs[SYSTEM] = 0
        if knobs[CORRUPT]:
            self._corrupt(knobs[CORRUPT])
            knobs[CORRUPT] = 0
        if knobs[WISH]:
            fulfil(knobs[WISH], self.loop.charge, self._capacity_mah)
            knobs[WISH] = 0
        self._left = step[0]
        self._next += 1
        if self._next == len(self._steps):
            self._next = 0

    def _corrupt(self, what: int) -> None:
        """Damage level 1, or the guard's own memory, so that the guard has something to find."""
        loop = self.loop
        if what == TRAVEL:
            loop.sense.pedal._shape = self._wrong_shape
        elif what == SPACING:
            loop.observer._spacing >>= 1
        elif what == DEAF:
            loop._request = _ignore
        elif what == COPY:
            loop.guard.torque._cap_mmps += 1

    def tick(self) -> None:
        """Run one tick of car and controller."""
        self.advance()
        self.loop.step(self.dt_ms)


# A step is (ticks, KNOB, value, KNOB, value, ...).
_START = ((30, PLUG, 0), (180, KEY, 1), (20, GEAR, 1))
_STOP = (
    (300, WANDER, 0, PEDAL, 0, BRAKE, 1, BROKEN, 0),
    (60, KEY, 0, GEAR, 0, BRAKE, 0, PLUG, 0, GRADE, 0),
)
_CORNERS = _START + (
    (300, WANDER, 1, CORNERS, PULSES), (200, CORNERS, PEDALS + DT), (200, CORNERS, SLOW + DT),
    (200, CORNERS, FLAGS), (200, CORNERS, 0), (200, CORNERS, PACK + DT), (100, CORNERS, ALL),
) + _STOP  # fmt: skip

_FLOODED_48 = (
    "wheel_circumference_mm", 1290, "wheel_force_n", 800, "laden_mass_kg", 430,
    "discharge_max_da", 700, "pack_resistance_mohm", 55,
)  # fmt: skip
_AGM_60 = (
    "speed_cap_kmh", 45, "wheel_circumference_mm", 1595, "wheel_force_n", 1250,
    "laden_mass_kg", 600, "chemistry", 1, "cell_count", 30, "discharge_max_da", 1200,
    "charge_max_da", 200,
)  # fmt: skip
_LFP_72 = (
    "speed_cap_kmh", 56, "wheel_circumference_mm", 1595, "wheel_force_n", 1700,
    "laden_mass_kg", 650, "regen_max_permille", 400, "coast_regen_permille", 80, "chemistry", 3,
    "discharge_max_da", 1800, "charge_max_da", 800, "pack_resistance_mohm", 25, "bms_kind", 1,
)  # fmt: skip
_GEL_72 = (
    "speed_cap_kmh", 40, "chemistry", 2, "cell_count", 36, "pulses_per_turn", 12,
    "wheel_force_n", 1000, "capacity_mah", 60000, "discharge_max_da", 1000,
)  # fmt: skip
_NMC_60 = (
    "speed_cap_kmh", 45, "chemistry", 4, "cell_count", 16, "regen_max_permille", 300,
    "coast_regen_permille", 150, "charge_max_da", 400, "discharge_max_da", 1500,
    "wheel_force_n", 1400, "capacity_mah", 80000, "bms_kind", 1,
)  # fmt: skip
_ONE_CHANNEL = (
    "pedal_channels", 1, "pedal_a_released_counts", 2400, "pedal_a_pressed_counts", 500,
)  # fmt: skip
_QUICK_FAILURE = (
    "precharge_timeout_ms", 500, "precharge_tries", 2, "precharge_cooldown_ms", 3000,
    "weld_check_ms", 500,
)  # fmt: skip
_LOW_EXTREMES = (
    "wheel_circumference_mm", 900, "pulses_per_turn", 96, "wheel_force_n", 150,
    "laden_mass_kg", 1200, "motor_lag_ms", 300, "pedal_deadband_permille", 300,
    "pedal_curve_permille", 1000, "torque_rise_permille_s", 100, "torque_fall_permille_s", 10000,
    "cell_count", 8, "chemistry", 3, "capacity_mah", 10000, "discharge_max_da", 100,
    "pack_resistance_mohm", 500, "consumption_wh_km", 20, "reverse_cap_kmh", 3,
)  # fmt: skip
_HIGH_EXTREMES = (
    "speed_cap_kmh", 56, "reverse_cap_kmh", 15, "wheel_circumference_mm", 2200,
    "pulses_per_turn", 4, "wheel_force_n", 4000, "laden_mass_kg", 200, "motor_lag_ms", 10,
    "pedal_deadband_permille", 20, "pedal_curve_permille", 0, "torque_rise_permille_s", 5000,
    "torque_fall_permille_s", 50000, "regen_max_permille", 1000, "coast_regen_permille", 400,
    "chemistry", 2, "cell_count", 40, "capacity_mah", 300000, "discharge_max_da", 3000,
    "charge_max_da", 1500, "pack_resistance_mohm", 5, "consumption_wh_km", 200,
    "reverse_torque_permille", 600,
)  # fmt: skip

# name, parameters other than the defaults, whether the board stamps edges, steps
SEQUENCES = (
    ("idle", (), False, ((1000, PLUG, 1), (300, PLUG, 0), (200, BRAKE, 1))),
    ("start", (), True, (
        (30,), (180, KEY, 1, PEDAL, 300, GEAR, 1), (30, GEAR, 0), (30, PEDAL, 0), (30, GEAR, 1),
        (400, PEDAL, 400), (50, GEAR, 0), (50, PEDAL, 0), (50, GEAR, 1), (100, PEDAL, 850),
        (60, KEY, 0), (60, KEY, 1),
    ) + _STOP),
    ("city", _AGM_60, True, _START + ((1800, WANDER, 1),) + _STOP),
    ("city_counted", _FLOODED_48, False, _START + ((1800, WANDER, 1),) + _STOP),
    ("hilly", _LFP_72, True, _START + ((1800, WANDER, 1, HILLS, 80),) + _STOP),
    ("cap_40", _FLOODED_48, False, _START + (
        (900, PEDAL, 850), (300, GRADE, 60), (300, GRADE, 0), (300, GRADE, -80),
    ) + _STOP),
    ("cap_45", _AGM_60, True, _START + (
        (900, PEDAL, 850, MASS, 250), (300, GRADE, 40), (300, GRADE, -20),
    ) + _STOP),
    ("cap_56", _LFP_72, True, _START + (
        (1000, PEDAL, 850, MASS, 800), (300, GRADE, 80), (400, GRADE, -60),
    ) + _STOP),
    ("reverse", _AGM_60, True, (
        (30,), (180, KEY, 1), (20, GEAR, -1), (300, PEDAL, 850), (200, GEAR, 1),
        (100, BRAKE, 1, PEDAL, 0), (50, BRAKE, 0), (200, PEDAL, 500), (200, GRADE, 150),
        (200, PEDAL, 0, GRADE, 0), (20, GEAR, -1), (200, PEDAL, 200, GRADE, 100),
    ) + _STOP),
    ("regen_downhill", _LFP_72, True, _START + (
        (900, PEDAL, 700), (500, PEDAL, 0), (500, PEDAL, 850, GRADE, -80, MASS, 900),
        (300, PEDAL, 0, BATTERY, 30), (200, BATTERY, -50), (200, BATTERY, 520),
    ) + _STOP),
    ("regen_full_pack", _NMC_60, False, _START + (
        (900, PEDAL, 850, CELL, 4130), (300, PEDAL, 0, GRADE, -60), (300, CELL, 4190),
        (300, CELL, 4000, BROKEN, BATTERY_NTC), (200, BROKEN, 0),
    ) + _STOP),
    ("hot", _LFP_72, True, _START + (
        (300, PEDAL, 850), (300, MOTOR, 1250), (200, MOTOR, 1450),
        (300, MOTOR, 400, BATTERY, 550),
        (200, BATTERY, 250, CONTROLLER, 780), (200, CONTROLLER, 900), (200, CONTROLLER, 470),
    ) + _STOP),
    ("cold", _NMC_60, True, ((30, BATTERY, -180, MOTOR, -200, CONTROLLER, -250),) + _START + (
        (600, PEDAL, 850, SOURCE, 150), (300, BATTERY, -300), (300, PEDAL, 0), (200, BATTERY, 50),
    ) + _STOP),
    ("thermistors_broken", _AGM_60, False, _START + (
        (300, PEDAL, 850), (200, BROKEN, BATTERY_NTC), (200, BROKEN, MOTOR_NTC),
        (200, BROKEN, CONTROLLER_NTC), (200, BROKEN, BATTERY_NTC + MOTOR_NTC + CONTROLLER_NTC),
    ) + _STOP),
    ("empty_lfp", _LFP_72, True, ((30, CELL, 3080),) + _START + (
        (500, PEDAL, 850), (300, CELL, 2950), (300, CELL, 3250, SOURCE, 300),
    ) + _STOP),
    ("empty_lead", _GEL_72, False, ((30, CELL, 1940),) + _START + (
        (500, PEDAL, 850), (300, CELL, 1780), (300, CELL, 1690),
    ) + _STOP),
    ("full_lead", _GEL_72, True, ((30, CELL, 2200),) + _START + (
        (800, PEDAL, 850, GRADE, 100, MASS, 900), (300, PEDAL, 600),
    ) + _STOP),
    ("one_channel", _ONE_CHANNEL, True, _START + (
        (400, PEDAL, 600), (100, BROKEN, PEDAL_B_OPEN), (100, BROKEN, PEDAL_A_OPEN),
        (100, BROKEN, 0), (200, PEDAL, 0), (200, PEDAL, 800),
    ) + _STOP),
    ("pedal_faults", (), True, _START + (
        (300, PEDAL, 600), (100, PEDAL_SKEW, 200), (100, PEDAL_SKEW, -200), (100, PEDAL_SKEW, 0),
        (100, BROKEN, PEDAL_A_OPEN), (100, BROKEN, PEDAL_B_OPEN), (200, BROKEN, 0),
        (100, PEDAL, 1040), (200, PEDAL, 1200), (100, PEDAL, -30), (200, PEDAL, 500),
    ) + _STOP),
    ("gears", (), False, _START + (
        (200, PEDAL, 500), (50, GEAR, BOTH), (50, GEAR, 1), (50, PEDAL, 0), (50, GEAR, -1),
        (100, GEAR, 1), (100, PEDAL, 300), (50, GEAR, 0), (50, BRAKE, 1), (50, GEAR, 1),
        (200, PEDAL, 0, BRAKE, 0),
    ) + _STOP),
    ("charge", _NMC_60, True, (
        (30,), (400, PLUG, 1), (600, CHARGER, 300, CELL, 3900), (300, CELL, 4150),
        (100, KEY, 1), (100, CHARGER, 0), (200, PLUG, 0), (20, GEAR, 1), (100, PEDAL, 500),
        (200, PLUG, 1), (100, PLUG, 0),
    ) + _STOP),
    ("service", (), True, (
        (300,), (100, SERVICE, 1), (50, SERVICE, 0), (100, SERVICE, 1, KEY, 1), (100, PEDAL, 500),
        (100, PEDAL, 0, GEAR, 1), (50, SERVICE, 0), (150, GEAR, 0),
    ) + _STOP),
    ("precharge_fails", _QUICK_FAILURE, True, (
        (30,), (520, KEY, 1, BROKEN, PRECHARGE_OPEN), (50, KEY, 0), (320, KEY, 1), (30, KEY, 0),
        (100, KEY, 1, BROKEN, 0), (20, GEAR, 1), (200, PEDAL, 500),
    ) + _STOP),
    ("welded", _QUICK_FAILURE, False, (
        (30,), (150, KEY, 1, BROKEN, CONTACTOR_WELDED), (50, KEY, 0), (150, KEY, 1), (50, KEY, 0),
        (200, BROKEN, 0), (150, KEY, 1), (30, GEAR, 1), (200, PEDAL, 300),
        (150, KEY, 0, BROKEN, CONTACTOR_WELDED), (100, KEY, 1),
    ) + _STOP),
    ("stuck_open", (), True, _START + (
        (300, PEDAL, 600), (400, BROKEN, CONTACTOR_OPEN), (50, KEY, 0), (100, BROKEN, 0),
        (150, KEY, 1, PEDAL, 0), (400, BROKEN, CONTACTOR_OPEN),
    ) + _STOP),
    ("adc_fails", _AGM_60, True, _START + (
        (300, PEDAL, 600), (50, BROKEN, CURRENT_ADC), (200, BROKEN, 0), (50, PEDAL, 0),
        (100, PEDAL, 600), (50, BROKEN, PACK_ADC), (10, BROKEN, 0), (10, BROKEN, PACK_ADC),
    ) + _STOP),
    ("late_ticks", _AGM_60, True, _START + ((1500, WANDER, 1, HILLS, 40, LATE, 50),) + _STOP),
    ("pulses_lost", _LFP_72, True, _START + (
        (500, PEDAL, 700), (100, BROKEN, NO_PULSES), (300, BROKEN, 0), (100, BROKEN, NO_PULSES),
        (200, BROKEN, 0, PEDAL, 0),
    ) + _STOP),
    ("rolling_away", (), False, _START + (
        (100, GRADE, 200), (200, PEDAL, 200), (200, GEAR, 0, PEDAL, 0), (100, GEAR, -1),
        (300, GRADE, -200), (100, GEAR, 1), (200, PEDAL, 300),
    ) + _STOP),
    ("rules_broken", ("soc_turtle_permille", 300), False, ((100,), (200, KEY, 1), (50, KEY, 0))),
    ("pressed_at_start", (), True, (
        (30, PLUG, 0), (900, KEY, 1, PEDAL, 300), (30, PEDAL, 0), (30, GEAR, 1),
        (40, PEDAL, 500, BRAKE, 1), (1700,), (50, BRAKE, 0, PEDAL, 900), (200, PEDAL, 0),
        (20, PEDAL, 1000), (300,),
    ) + _STOP),
    ("learner", ("learner_on", 1), True, _START + ((600, PEDAL, 850),) + _STOP),
    ("supply", _AGM_60, True, _START + (
        (300, PEDAL, 400), (60, BROKEN, SUPPLY_LOW), (60, BROKEN, 0), (30, PEDAL, 0),
        (100, PEDAL, 400), (60, BROKEN, SUPPLY_HIGH), (30, BROKEN, 0, PEDAL, 0),
        (100, PEDAL, 500), (60, BROKEN, PEDAL_HIGH), (30, BROKEN, 0, PEDAL, 0),
        (100, BROKEN, RAIL_LOW), (100, BROKEN, RAIL_HIGH), (100, BROKEN, REFERENCE_OFF),
        (100, BROKEN, 0, SYSTEM, 0b110111110000), (100, PEDAL, 300), (60, BROKEN, ADC_FROZEN),
    ) + _STOP),
    ("guard_torque", _AGM_60, True, _START + ((100, PEDAL, 300), (200, CORRUPT, TRAVEL)) + _STOP),
    ("guard_speed", _FLOODED_48, True, _START + (
        (800, PEDAL, 800, MASS, 250), (900, CORRUPT, SPACING),
    ) + _STOP),
    ("guard_conflict", _AGM_60, True, _START + (
        (200, PEDAL, 500), (10, CORRUPT, DEAF), (100, BRAKE, 1),
    ) + _STOP),
    ("guard_data", _AGM_60, True, _START + ((200, PEDAL, 500), (100, CORRUPT, COPY)) + _STOP),
    ("outputs_fail", _AGM_60, True, _START + (
        (200, PEDAL, 300), (100, BROKEN, THROTTLE_LOW), (50, BROKEN, 0),
        (150, BROKEN, ENABLE_OFF), (60, BROKEN, 0, PEDAL, 0, BRAKE, 1), (150, KEY, 0, GEAR, 0),
        (200, KEY, 1, BRAKE, 0), (200, GEAR, 1, BROKEN, ENABLE_OFF), (300, PEDAL, 600),
        (60, KEY, 0, GEAR, 0, PEDAL, 0), (200, KEY, 1), (150, KEY, 0, BROKEN, 0),
        (200, KEY, 1), (60, GEAR, 1), (100, PEDAL, 300), (60, BROKEN, THROTTLE_HIGH),
        (100, KEY, 0, GEAR, 0, PEDAL, 0, BROKEN, 0), (200, KEY, 1), (60, GEAR, 1),
        (100, BROKEN, ENABLE_ON, GEAR, 0), (100, BROKEN, 0, KEY, 0),
        (200, KEY, 1), (60, GEAR, 1), (200, PEDAL, 100), (100, BROKEN, MOTOR_ON, PEDAL, 0),
    ) + _STOP),
    ("speed_wrong", ("motor_pulses_per_turn", 60, "wheel_force_n", 1250), True, _START + (
        (700, PEDAL, 700), (200, BROKEN, MOTOR_HALL_LOST), (100, KEY, 0, GEAR, 0, PEDAL, 0),
        (200, BROKEN, 0), (300, KEY, 1), (60, GEAR, 1), (700, PEDAL, 700),
        (200, BROKEN, HALF_PULSES), (100, KEY, 0, GEAR, 0, PEDAL, 0, BROKEN, 0), (300, KEY, 1),
        (60, GEAR, 1), (700, PEDAL, 700), (200, BROKEN, NO_PULSES), (300, BROKEN, 0, PEDAL, 0),
        (300, BROKEN, NO_PULSES, BRAKE, 1), (300, PEDAL, 500, BRAKE, 0),
    ) + _STOP),
    ("pack_wrong", _NMC_60, True, _START + (
        (300, PEDAL, 700), (100, BROKEN, CURRENT_ZERO), (60, BROKEN, 0, PEDAL, 0, BRAKE, 1),
        (60, BROKEN, CURRENT_HIGH), (150, KEY, 0, BROKEN, 0, GEAR, 0), (200, KEY, 1),
        (60, BROKEN, PACK_HIGH), (150, KEY, 0, BROKEN, 0), (200, KEY, 1),
        (60, BROKEN, BUS_ADC), (150, KEY, 0, BROKEN, 0), (200, KEY, 1),
        (60, BROKEN, PACK_ADC), (150, KEY, 0, BROKEN, 0), (100, BROKEN, BATTERY_SHORT),
        (300, BROKEN, 0, BATTERY, 620), (300, BATTERY, -170), (300, BATTERY, 250, CONTROLLER, 900),
        (300, CONTROLLER, 300, CELL, 2700), (200, CELL, 4400), (150, CELL, 0, PLUG, 1),
        (200, CHARGER, 900), (200, CHARGER, -2500),
    ) + _STOP),
    ("low_extremes", _LOW_EXTREMES, False, _START + (
        (800, PEDAL, 850), (300, GRADE, -100), (200, BRAKE, 1), (100, BRAKE, 0, PEDAL, 0),
        (400, GEAR, -1),
    ) + _STOP),
    ("high_extremes", _HIGH_EXTREMES, True, ((30, MASS, 200),) + _START + (
        (500, PEDAL, 850), (400, GRADE, -150), (300, PEDAL, 0), (200, GRADE, 100, PEDAL, 880),
        (500, WANDER, 1, HILLS, 150),
    ) + _STOP),
    ("corners", _AGM_60, True, _CORNERS),
    ("corners_counted", _LFP_72, False, _CORNERS),
    ("corners_low_extremes", _LOW_EXTREMES, True, _CORNERS),
    ("corners_high_extremes", _HIGH_EXTREMES, False, _CORNERS),
) + PLUGGED  # fmt: skip
