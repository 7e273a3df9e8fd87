"""Car: what hangs on the controller's pins, in integers, set by knobs.

Not a simulator (sim/plant is): it answers the outputs just well enough that
every mode, contactor state and limiter can be reached by driving there. All of
it stays below 2**30, so that it gives the same inputs on every interpreter,
and it allocates nothing while it runs.
"""

from array import array

from micropython import const
from supply import Supply, contacts_mv, tell_cells

from vcu.charge.bms import CellData
from vcu.fixmath import lerp
from vcu.params import Params
from vcu.sense import Scaling
from vcu.signals import (
    SLOW_BMS_CONTACTS,
    SLOW_ORDER,
    SLOW_RAIL_12V,
    SLOW_REFERENCE_HIGH,
    SLOW_REFERENCE_LOW,
    SLOW_SENSOR_5V,
    SLOW_THROTTLE_READBACK,
    Outputs,
    Raw,
)

# The knobs: what a script can set, by index, and what each is at the start of a round.
KEY = const(0)
PLUG = const(1)
BRAKE = const(2)
GEAR = const(3)  # -1, 0, 1, or BOTH
PEDAL = const(4)  # permille
PEDAL_SKEW = const(5)  # counts added to channel B
GRADE = const(6)  # permille, positive uphill
MASS = const(7)  # kg
CELL = const(8)  # open-circuit voltage of one cell, mV; 0 takes the chemistry's middle
SOURCE = const(9)  # pack resistance, mOhm
BATTERY = const(10)  # temperatures, 0.1 degC, in the order of their slow channels
MOTOR = const(11)
CONTROLLER = const(12)
CHARGER = const(13)  # current into the pack, 0.1 A
BROKEN = const(14)  # what is broken, the bits below
SERVICE = const(15)
LATE = const(16)  # ticks take up to this many ms longer
WANDER = const(17)  # 1: pedal and brake at random
HILLS = const(18)  # with WANDER, slopes up to this many permille
CORNERS = const(19)  # which inputs jump between their extreme values, the bits below
SYSTEM = const(20)  # bits that the service half reports, once
CORRUPT = const(21)  # what is wrong in the controller's own memory, see sequences.py
GIVES = const(22)  # permille of what a charger is told, and of what a plain one gives
BMS = const(23)  # contacts: 1 charge, 2 discharge permitted, 4 shorted wire
TALKS = const(24)  # 1: the BMS sends cell data, 2: of one cell more than there are
SPREAD = const(25)  # between the highest and the lowest cell, mV
WISH = const(26)  # once, see supply.py
TICK = const(27)  # ms
DEFAULTS = (
    0, 0, 0, 0, 0, 0, 0, 500, 0, 50, 250, 400, 300, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1000, 3, 0, 0, 0, 10,
)  # fmt: skip

BOTH = const(2)

# What can be broken.
PRECHARGE_OPEN = const(1)
CONTACTOR_OPEN = const(2)
CONTACTOR_WELDED = const(4)
PACK_ADC = const(8)
CURRENT_ADC = const(16)
BATTERY_NTC = const(32)  # these three in the order of the slow channels too
MOTOR_NTC = const(64)
CONTROLLER_NTC = const(128)
PEDAL_A_OPEN = const(256)
PEDAL_B_OPEN = const(512)
NO_PULSES = const(1024)
ENABLE_ON = const(1 << 11)
ENABLE_OFF = const(1 << 12)
THROTTLE_HIGH = const(1 << 13)
THROTTLE_LOW = const(1 << 14)
SUPPLY_LOW = const(1 << 15)
SUPPLY_HIGH = const(1 << 16)
ADC_FROZEN = const(1 << 17)
REFERENCE_OFF = const(1 << 18)
MOTOR_ON = const(1 << 19)  # the motor pulls by itself
HALF_PULSES = const(1 << 20)
RAIL_LOW = const(1 << 21)
RAIL_HIGH = const(1 << 22)
CURRENT_ZERO = const(1 << 23)
BATTERY_SHORT = const(1 << 24)
BUS_ADC = const(1 << 25)
PACK_HIGH = const(1 << 26)
CURRENT_HIGH = const(1 << 27)
MOTOR_HALL_LOST = const(1 << 28)
PEDAL_HIGH = const(1 << 29)

# What jumps.
PEDALS = const(1)
PACK = const(2)
SLOW = const(4)
PULSES = const(8)
FLAGS = const(16)
DT = const(32)
ALL = const(63)

_NTC = (60, 1500, 300, 1000, 800, 600, 1650, 250, 2600, 0, 2950, -200, 3150, -400)
_NTC_INVERSE = (-400, 3150, -200, 2950, 0, 2600, 250, 1650, 600, 800, 1000, 300, 1500, 60)
PACK_CV = const(3200)
PACK_DA = const(2000)
CELL_MV = (2050, 2100, 2100, 3270, 3800)  # about half full, by chemistry
_ANALOG_CORNERS = (-1, 0, 1, 59, 60, 400, 1500, 2310, 3149, 3150, 3151, 3300)
_AGE_CORNERS_US = (-1, 0, 1, 9999, 40000, 900000)


class Random:
    """A full-period linear congruence of 20 bits; its products stay below 2**30."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, limit: int) -> int:
        """Return 0 .. limit - 1, limit at most 4096."""
        self._state = (self._state * 1021 + 24571) & 0xFFFFF
        return (self._state >> 4) * limit >> 16 if limit < 4096 else self._state >> 8


class Car:
    """What hangs on the pins: battery, bus, contactor, motor, wheels, and all their sensors."""

    def __init__(self, params: Params, stamps: bool, seed: int) -> None:
        get = params.get
        self.knobs = array("i", DEFAULTS)
        self.random = Random(seed)
        self.speed_mmps = 0  # positive forwards
        self.grade_permille = 0
        self._stamps = stamps
        self._cells = get("cell_count")
        self._cell_mv = CELL_MV[get("chemistry")]
        self._force_n = get("wheel_force_n")
        self._lag_ms = get("motor_lag_ms")
        self._start_mv = get("throttle_start_mv")
        self._span_mv = get("throttle_full_mv") - self._start_mv
        self._current_max_da = get("discharge_max_da")
        self._spacing_um = get("wheel_circumference_mm") * 1000 // get("pulses_per_turn")
        self._a_released = get("pedal_a_released_counts")
        self._a_span = get("pedal_a_pressed_counts") - self._a_released
        self._b_released = get("pedal_b_released_counts")
        self._b_span = get("pedal_b_pressed_counts") - self._b_released
        self._zero_counts = get("pack_a_zero_counts")
        self._bus_cv = 0
        self._pack_cv = 0
        self._pack_da = 0
        self._torque_permille = 0  # after the lag, positive accelerating in the gear's direction
        self._speed_q = 0  # mm/s / 64
        self._travel_um = 0  # since the last pulse
        self._pulses = 0
        self._edge_pulses = 0
        self._edge_age_us = 0
        self._early_pulses = 0
        self._early_age_us = -1
        self._slow = 0
        self._frozen_counts = 0
        self._beat_ms = 1000  # since the heartbeat last toggled
        self._motor_um = 0
        self._motor_um_per_pulse = 0
        if get("motor_pulses_per_turn"):
            self._motor_um_per_pulse = (
                get("wheel_circumference_mm") * 1000 // get("motor_pulses_per_turn")
            )
        self._motor_pulses = 0
        self._wander_ticks = 0
        self._supply = Supply(params)

    def step(self, raw: Raw, out: Outputs, dt_ms: int) -> None:
        """Let dt_ms pass under the outputs of the last tick, then fill raw."""
        knobs = self.knobs
        if knobs[WANDER]:
            self._wander()
        else:
            self.grade_permille = knobs[GRADE]
        force_n = self._motor(out, dt_ms)
        self._roll(force_n, -1 if out.reverse else 1, dt_ms)
        self._electric(out, force_n, dt_ms)
        self._count(dt_ms)
        self._analog(raw, out)
        self._read_lines(raw, out, dt_ms)
        raw.key_on = knobs[KEY]
        raw.plug_in = knobs[PLUG]
        raw.brake_on = knobs[BRAKE]
        gear = knobs[GEAR]
        raw.gear_forward_on = 1 if gear > 0 else 0
        raw.gear_reverse_on = 1 if gear == BOTH or gear < 0 else 0
        if knobs[CORNERS]:
            self._corners(raw, knobs[CORNERS])

    def _wander(self) -> None:
        """Another pedal, now and then the brake, another slope, every 0.2 to 1.5 s."""
        if self._wander_ticks > 0:
            self._wander_ticks -= 1
            return
        random = self.random
        knobs = self.knobs
        self._wander_ticks = 20 + random.below(128)
        pedal = random.below(1400) - 200
        knobs[BRAKE] = 1 if pedal < -100 else 0
        knobs[PEDAL] = 0 if pedal < 0 else (pedal if pedal < 1000 else 1000)
        hills = knobs[HILLS]
        self.grade_permille = random.below(2 * hills + 1) - hills

    def _motor(self, out: Outputs, dt_ms: int) -> int:
        """Return the force of the motor in the gear's direction, after lag and power limit."""
        asked = 0
        if self.knobs[BROKEN] & MOTOR_ON and self._bus_cv > 2000:
            asked = 1000
        elif out.enable and self._bus_cv > 2000 and not self.knobs[BROKEN] & ENABLE_OFF:
            if out.throttle_mv >= self._start_mv:
                asked = (out.throttle_mv - self._start_mv) * 1000 // self._span_mv
            asked -= out.regen_permille
        torque = self._torque_permille
        torque += (asked - torque) * dt_ms // (self._lag_ms + dt_ms)
        self._torque_permille = torque
        force_n = torque * self._force_n // 1000
        speed = self.speed_mmps if self.speed_mmps >= 0 else -self.speed_mmps
        if speed > 1000:
            # The motor controller's own limit is twice the pack's: 6000 dA * 10 000 cV = 6e7 mW
            most_n = 2 * self._current_max_da * self._pack_cv // speed
            if force_n > most_n:
                force_n = most_n
        elif force_n < 0:
            force_n = 0
        return force_n

    def _roll(self, force_n: int, direction: int, dt_ms: int) -> None:
        knobs = self.knobs
        mass = knobs[MASS]
        speed = self.speed_mmps
        magnitude = speed if speed >= 0 else -speed
        # 1200 kg * 981 * 300 = 3.5e8
        push_n = force_n * direction - mass * 981 * self.grade_permille // 100000
        drag_n = mass * 15 // 100 + (magnitude // 10) * (magnitude // 10) // 1000 * 36 // 1000
        if knobs[BRAKE]:
            drag_n += mass * 4
        step_q = drag_n * 64 // mass * dt_ms  # mm/s / 64 that drag can take away in this tick
        speed_q = self._speed_q + push_n * 64 // mass * dt_ms
        if speed_q > step_q:
            speed_q -= step_q
        elif speed_q < -step_q:
            speed_q += step_q
        else:
            speed_q = 0
        self._speed_q = speed_q
        self.speed_mmps = speed_q >> 6

    def _electric(self, out: Outputs, force_n: int, dt_ms: int) -> None:
        knobs = self.knobs
        broken = knobs[BROKEN]
        ocv_cv = (knobs[CELL] or self._cell_mv) * self._cells // 10
        speed = self.speed_mmps if self.speed_mmps >= 0 else -self.speed_mmps
        # 4000 N * 25 000 mm/s = 1e8 mW, and what the motor loses in its windings
        power_mw = force_n * speed
        power_mw = power_mw // 4 * (5 if power_mw > 0 else 3)
        lost_n = force_n if force_n >= 0 else -force_n
        # Windings lose with the square of the torque; 4000 N * 4000 N = 1.6e7
        current = power_mw // (self._pack_cv + 1) + lost_n * lost_n // self._force_n // 10 + 3
        if broken & CONTACTOR_WELDED or (out.contactor and not broken & CONTACTOR_OPEN):
            self._bus_cv = self._pack_cv
        else:
            current = 1
            if out.precharge and not broken & PRECHARGE_OPEN:
                self._bus_cv += (self._pack_cv - self._bus_cv) * dt_ms // (150 + dt_ms)
            else:
                self._bus_cv -= self._bus_cv * dt_ms // 4000
        if knobs[PLUG]:
            current -= knobs[CHARGER]
            current -= self._supply.current_da(out, ocv_cv, knobs[SOURCE], knobs[GIVES])
        current = -2900 if current < -2900 else (2900 if current > 2900 else current)
        self._pack_da = current
        pack_cv = ocv_cv - current * knobs[SOURCE] // 100
        self._pack_cv = 0 if pack_cv < 0 else (10500 if pack_cv > 10500 else pack_cv)

    def _count(self, dt_ms: int) -> None:
        """Pulses of the wheel, and the stamp of the newest or a sample half a tick ago.

        Once in fifty the stamp comes late or the sample not at all.
        """
        speed = self.speed_mmps if self.speed_mmps >= 0 else -self.speed_mmps
        if self._edge_age_us < 900000:
            self._edge_age_us += dt_ms * 1000
        self._early_age_us = -1
        if self.knobs[BROKEN] & NO_PULSES:
            return
        if self.random.below(50):
            half_um = self._travel_um + speed * dt_ms // 2
            self._early_pulses = (self._pulses + half_um // self._spacing_um) & 0xFFFF
            self._early_age_us = dt_ms * 500
        if self.knobs[BROKEN] & HALF_PULSES:
            speed >>= 1
        self._travel_um += speed * dt_ms
        if self._travel_um < self._spacing_um:
            return
        new = self._travel_um // self._spacing_um
        self._travel_um -= new * self._spacing_um
        self._pulses = (self._pulses + new) & 0xFFFF
        if self.random.below(50):
            self._edge_pulses = self._pulses
            # 550 mm * 1000 = 5.5e8; um over mm/s is ms
            age = self._travel_um * 1000 // (speed + 1)
            self._edge_age_us = age if age < 900000 else 900000

    def _analog(self, raw: Raw, out: Outputs) -> None:
        knobs = self.knobs
        broken = knobs[BROKEN]
        random = self.random
        pedal = knobs[PEDAL]
        raw.pedal_a_counts = self._a_released + self._a_span * pedal // 1000 + random.below(5) - 2
        b = self._b_released + self._b_span * pedal // 1000 + random.below(5) - 2
        raw.pedal_b_counts = b + knobs[PEDAL_SKEW]
        if broken & PEDAL_A_OPEN:
            raw.pedal_a_counts = 3
        if broken & PEDAL_B_OPEN:
            raw.pedal_b_counts = -1
        raw.pack_v_counts = self._pack_cv * 1000 // PACK_CV + random.below(3)
        raw.bus_v_counts = self._bus_cv * 1000 // PACK_CV + random.below(3)
        raw.pack_a_counts = (
            self._zero_counts + self._pack_da * 1000 // PACK_DA + random.below(5) - 2
        )
        if broken & PACK_ADC:
            raw.pack_v_counts = -1
        if broken & CURRENT_ADC:
            raw.pack_a_counts = -1
        raw.pulses_counts = self._pulses
        raw.edge_pulses_counts = self._edge_pulses
        raw.edge_age_us = self._edge_age_us if self._stamps else -1
        raw.early_pulses_counts = self._early_pulses
        raw.early_age_us = -1 if self._stamps else self._early_age_us
        if broken & CURRENT_ZERO:
            raw.pack_a_counts = self._zero_counts
        if broken & CURRENT_HIGH:
            raw.pack_a_counts = 3100
        if broken & PACK_HIGH:
            raw.pack_v_counts = 3100
        if broken & BUS_ADC:
            raw.bus_v_counts = 3100
        if broken & PEDAL_HIGH:
            raw.pedal_a_counts = raw.pedal_b_counts = 3200
        place = self._slow + 1 if self._slow < len(SLOW_ORDER) - 1 else 0
        self._slow = place
        slow = SLOW_ORDER[place]
        raw.slow_index = slow
        if not broken & ADC_FROZEN:
            self._frozen_counts = self._slow_counts(slow, broken, out)
        raw.slow_counts = self._frozen_counts

    def tell_cells(self, data: CellData) -> None:
        """Let the BMS say what it sees of the pack's cells."""
        knobs = self.knobs
        cells = self._cells + knobs[TALKS] - 1
        mean_mv = self._pack_cv * 10 // self._cells
        tell_cells(data, cells, mean_mv, knobs[SPREAD], knobs[BMS])

    def _slow_counts(self, slow: int, broken: int, out: Outputs) -> int:
        if slow < 3:
            if broken & BATTERY_SHORT and slow == 0:
                return 10
            if broken & (BATTERY_NTC << slow):
                return 3300
            return lerp(self.knobs[BATTERY + slow], _NTC_INVERSE)
        if slow == SLOW_RAIL_12V:
            return 1500 if broken & RAIL_LOW else (2700 if broken & RAIL_HIGH else 2100)
        if slow == SLOW_SENSOR_5V:
            return 2200 if broken & SUPPLY_LOW else (2750 if broken & SUPPLY_HIGH else 2500)
        if slow == SLOW_THROTTLE_READBACK:
            if broken & THROTTLE_HIGH:
                return 2200
            return 0 if broken & THROTTLE_LOW else out.throttle_mv * 55 // 100
        if slow == SLOW_BMS_CONTACTS:
            return contacts_mv(self.knobs[BMS])
        if slow == SLOW_REFERENCE_LOW:
            return 300
        return 2200 if slow == SLOW_REFERENCE_HIGH and broken & REFERENCE_OFF else 2400

    def _read_lines(self, raw: Raw, out: Outputs, dt_ms: int) -> None:
        """The enable line behind its gates and the heartbeat's pump; the motor's own pulses."""
        broken = self.knobs[BROKEN]
        self._beat_ms = 0 if out.heartbeat else min(self._beat_ms + dt_ms, 1000)
        raw.enable_readback = out.enable & out.guard if self._beat_ms < 80 else 0
        if broken & ENABLE_ON:
            raw.enable_readback = 1
        elif broken & ENABLE_OFF:
            raw.enable_readback = 0
        if self._motor_um_per_pulse and not broken & MOTOR_HALL_LOST:
            speed = self.speed_mmps if self.speed_mmps >= 0 else -self.speed_mmps
            self._motor_um += speed * dt_ms
            new = self._motor_um // self._motor_um_per_pulse
            self._motor_um -= new * self._motor_um_per_pulse
            self._motor_pulses = (self._motor_pulses + new) & 0xFFFF
        raw.motor_pulses_counts = self._motor_pulses

    def _corners(self, raw: Raw, corners: int) -> None:
        """Each input that corners names jumps to one of its extremes, once in eight ticks."""
        random = self.random
        analog = _ANALOG_CORNERS
        count = len(analog)
        if corners & PEDALS and random.below(8) == 0:
            raw.pedal_a_counts = analog[random.below(count)]
            raw.pedal_b_counts = analog[random.below(count)]
        if corners & PACK:
            if random.below(8) == 0:
                raw.pack_v_counts = analog[random.below(count)]
            if random.below(8) == 0:
                raw.bus_v_counts = analog[random.below(count)]
            if random.below(8) == 0:
                raw.pack_a_counts = analog[random.below(count)]
        if corners & SLOW and random.below(4) == 0:
            raw.slow_counts = analog[random.below(count)]
        if corners & PULSES and random.below(8) == 0:
            self._pulses = random.below(4096) << 4 | random.below(16)
            raw.edge_pulses_counts = random.below(4096) << 4 | random.below(16)
            raw.edge_age_us = _AGE_CORNERS_US[random.below(len(_AGE_CORNERS_US))]
            raw.early_pulses_counts = random.below(4096) << 4 | random.below(16)
            raw.early_age_us = _AGE_CORNERS_US[random.below(len(_AGE_CORNERS_US))]
        if corners & FLAGS and random.below(64) == 0:
            which = random.below(5)
            if which == 0:
                raw.plug_in = 1
            elif which == 1:
                raw.key_on = 0
            elif which == 2:
                raw.gear_reverse_on = 1
            elif which == 3:
                raw.gear_forward_on = 0
            else:
                raw.brake_on = 1


def make_scaling() -> Scaling:
    """Return a board with 105 V and 360 A of range."""
    return Scaling(PACK_CV, PACK_CV, PACK_DA, 600, 2000, _NTC)
