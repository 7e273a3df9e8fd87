"""Cars for the tests: a wheel that turns as told, a body that answers torque, a driver at a Loop.

Deterministic, without noise, with floats where the firmware has none: nothing here
shares arithmetic with what it tests.
"""

from types import SimpleNamespace

from vcu import faults, modes
from vcu.limits import LIMITER_NAMES
from vcu.loop import Loop
from vcu.params import OK, Params
from vcu.sense import Scaling
from vcu.signals import (
    SLOW_BATTERY_TEMP,
    SLOW_BMS_CONTACTS,
    SLOW_CONTROLLER_TEMP,
    SLOW_MOTOR_TEMP,
    SLOW_ORDER,
    SLOW_RAIL_12V,
    SLOW_REFERENCE_HIGH,
    SLOW_REFERENCE_LOW,
    SLOW_SENSOR_5V,
    SLOW_THROTTLE_READBACK,
    Signals,
)

PACK_CV_PER_1000 = 3200
PACK_DA_PER_1000 = 2500
# Two points: 150 degC at 100 counts, -40 degC at 3100.
NTC = (100, 1500, 3100, -400)
BROKEN_NTC_COUNTS = 3300
RAIL_CV_PER_1000 = 600
SENSOR_5V_MV_PER_1000 = 2000
READBACK_MV_PER_1000 = 1818
# What a sound board reads: 12.6 V, 5 V, its two references, and no BMS.
SUPPLIES_COUNTS = {
    SLOW_RAIL_12V: 2100,
    SLOW_SENSOR_5V: 2500,
    SLOW_REFERENCE_LOW: 300,
    SLOW_REFERENCE_HIGH: 2400,
    SLOW_BMS_CONTACTS: 3300,
}
PULL_MMPS2 = 1500
# With no beat of the heartbeat its charge pumps fall, and what they hold up with them.
LINE_FALLS_MS = 100
COIL_FALLS_MS = 700

FORWARD, NEUTRAL, REVERSE, BOTH = 1, 0, -1, 2

# The mode follows key, plug, gear and contactor within so many ticks.
MODE = 5
# Where nothing that moves the car depends on it.
MODE_AT_REST = 9
# What the loop works out slowly, it has worked out after so many.
SETTLED = 100


def make_params(**values):
    """Return Params with values over the defaults; a refused value is a mistake in the test."""
    params = Params()
    for name, value in values.items():
        assert params.set(name, value) == OK, name
    return params


def make_scaling():
    return Scaling(
        PACK_CV_PER_1000,
        PACK_CV_PER_1000,
        PACK_DA_PER_1000,
        RAIL_CV_PER_1000,
        SENSOR_5V_MV_PER_1000,
        NTC,
        READBACK_MV_PER_1000,
    )


class Wheel:
    """A wheel with a pulse counter; the way it rolled is kept exactly, in um."""

    def __init__(self, params, stamps=False, first_pulse=0):
        self.per_turn = params.get("pulses_per_turn")
        self.turn_um = params.get("wheel_circumference_mm") * 1000
        self.motor_per_turn = params.get("motor_pulses_per_turn")
        self.stamps = stamps
        self.way_um = 0
        self.first_pulse = first_pulse
        self.edge_age_us = 0
        self.edge_pulse = 0

    @property
    def motor_pulses(self):
        """What the second source has counted, where one is fitted."""
        return self.way_um * self.motor_per_turn // self.turn_um

    def pulses_at(self, way_um):
        return way_um * self.per_turn // self.turn_um

    def roll(self, raw, speed_mmps, dt_ms=10, early_us=-1):
        """Roll for dt_ms and fill raw with counter, stamp and a sample early_us before its end."""
        self.way_um += speed_mmps * dt_ms
        pulses = self.pulses_at(self.way_um)
        raw.pulses_counts = (pulses + self.first_pulse) & 0xFFFF
        raw.early_age_us = early_us
        if early_us >= 0:
            early = self.pulses_at(self.way_um - speed_mmps * early_us // 1000)
            raw.early_pulses_counts = (early + self.first_pulse) & 0xFFFF
        if not self.stamps:
            return
        self.edge_age_us += dt_ms * 1000
        if pulses != self.edge_pulse:
            self.edge_pulse = pulses
            edge_um = pulses * self.turn_um / self.per_turn
            self.edge_age_us = int((self.way_um - edge_um) * 1000 / speed_mmps)
        raw.edge_pulses_counts = (self.edge_pulse + self.first_pulse) & 0xFFFF
        raw.edge_age_us = self.edge_age_us


class Body:
    """Mass, drag, slope and a motor with a lag, pushed by a torque in permille."""

    def __init__(self, params, mass_kg=500.0, grade=0.0, drag_n=60.0):
        self.mass_kg = mass_kg
        self.grade = grade  # 0.05 is 5 % uphill
        self.drag_n = drag_n
        self.force_full_n = params.get("wheel_force_n")
        self.lag_ms = params.get("motor_lag_ms")
        self.torque_permille = 0.0
        self.speed_mps = 0.0

    @property
    def accel_full_mmps2(self):
        """What full torque does to it, with 5 % for the inertia of the wheels."""
        return self.force_full_n * 1000 / (self.mass_kg * 1.05)

    @property
    def force_n(self):
        return self.force_full_n * self.torque_permille / 1000

    def push(self, torque_permille, dt_ms=10):
        """Let dt_ms pass with torque_permille asked; returns the new speed in mm/s."""
        share = dt_ms / (self.lag_ms + dt_ms)
        self.torque_permille += (torque_permille - self.torque_permille) * share
        speed = self.speed_mps
        pull_n = self.force_n - self.mass_kg * 9.81 * self.grade
        drag_n = (self.drag_n + 0.36 * speed * speed) * dt_ms / 1000
        impulse = pull_n * dt_ms / 1000
        if speed <= 0 and abs(impulse) <= drag_n:
            impulse = 0.0
        else:
            impulse -= drag_n
        self.speed_mps = max(0.0, speed + impulse / (self.mass_kg * 1.05))
        return int(self.speed_mps * 1000)


class Driver:
    """A Loop in a car: the attributes are what a person or a fault does, tick() lets time pass."""

    def __init__(self, params=None, stamps=True, mass_kg=500.0, **values):
        # A pedal that goes from 0 to 1000 between two ticks is a stab; most tests mean a press.
        params = params or make_params(**({"stab_ms": 0} | values))
        self.params = params
        self.loop = Loop(make_scaling(), params)
        self.wheel = Wheel(params, stamps)
        self.body = Body(params, mass_kg)
        self.key = 0
        self.plug = 0
        self.brake = 0
        self.gear = NEUTRAL
        self.pedal = 0  # permille of the travel of both channels
        self.pedal_a_counts = None  # overrides what the pedal says
        self.pedal_b_counts = None
        self.open_cv = params.get("cell_count") * 205  # 2.05 V a cell
        self.resistance_mohm = params.get("pack_resistance_mohm")
        self.battery_ddegc = 250  # None is a broken sensor
        self.motor_ddegc = 400
        self.controller_ddegc = 300
        self.pack_readable = True
        self.contactor_works = True
        self.precharge_works = True
        self.is_welded = False
        self.extra_da = 0  # current of a load or, negative, of a charger
        self.wheel_turns = True  # False: no pulses reach the counter
        self.line = None  # 0 or 1: the enable line is stuck there
        self.motor_works = True
        self.runaway_permille = None  # torque of a motor that listens to nothing
        self.slow_counts = {}  # by slow index: what it reads instead of the truth
        self.pack_cv = self.open_cv
        self.bus_cv = 0.0
        self.pack_da = 0
        self._slow = 0
        self._ticks = 0
        self._silent_ms = 10000  # since the last beat

    @property
    def mode(self):
        return self.loop.modes.mode

    @property
    def out(self):
        return self.loop.out

    @property
    def line_high(self):
        """Whether the enable line is up behind its gates, with what was driven last."""
        out = self.loop.out
        beats = self._silent_ms <= LINE_FALLS_MS
        if self.line is not None:
            return bool(self.line)
        return bool(out.enable and out.guard and beats)

    @property
    def active(self):
        """The names of the rows of the fault table that are active."""
        return self._rows(self.loop.faults.active)

    @property
    def stored(self):
        """The names of the rows of the fault table that were, since a person cleared them."""
        return self._rows(self.loop.faults.stored)

    @property
    def limiter(self):
        return LIMITER_NAMES[self.loop.chain.winner]

    @property
    def reasons(self):
        """The names of why it does not drive."""
        mask = self.loop.modes.reasons
        return [name for i, name in enumerate(modes.REASONS) if mask >> i & 1]

    def tick(self, count=1, dt_ms=10):
        for _ in range(count):
            self._live(dt_ms)
            self._fill(dt_ms)
            self.loop.step(dt_ms)

    def wait_for(self, happened, most_ms=5000):
        """Tick until happened() and return the ms it took; too long is a failure."""
        for ticks in range(most_ms // 10):
            if happened():
                return ticks * 10
            self.tick()
        raise AssertionError(f"still not so after {most_ms} ms")

    def start(self):
        """Self-test, key on, pre-charge, READY; the gear is left in neutral."""
        self.tick(len(SLOW_ORDER) + 4)
        self.key = 1
        self.wait_for(lambda: self.mode == modes.READY)
        self.tick(2)
        return self

    def engage(self, gear=FORWARD):
        """Start, and put it into gear: DRIVE with the pedal released."""
        self.start()
        self.gear = gear
        self.wait_for(lambda: self.mode == modes.DRIVE, 100)
        return self

    def roll_at(self, speed_mmps):
        """Let something else (a hill, a rope) bring the car to speed_mmps; returns itself.

        No faster than cars can: a jump of the speed is a fault.
        """
        step = PULL_MMPS2 / 100000
        while abs(self.body.speed_mps - speed_mmps / 1000) > step:
            self.body.speed_mps += step if self.body.speed_mps < speed_mmps / 1000 else -step
            self.tick()
        self.body.speed_mps = speed_mmps / 1000
        return self

    def _rows(self, words):
        tables = zip(words, faults.TABLE, strict=True)
        return {row[1] for bits, rows in tables for i, row in enumerate(rows) if bits >> i & 1}

    def _live(self, dt_ms):
        out = self.loop.out
        self._silent_ms = 0 if out.heartbeat else self._silent_ms + dt_ms
        asked = out.throttle_permille - out.regen_permille if self.line_high else 0
        if self.runaway_permille is not None:
            asked = self.runaway_permille
        live = self.bus_cv > 2000
        self.body.push(asked if live and self.motor_works else 0, dt_ms)
        power_w = self.body.force_n * self.body.speed_mps
        power_w = power_w / 0.8 if power_w > 0 else power_w * 0.8
        amps = power_w / (self.pack_cv / 100) + abs(self.body.force_n) / 100
        self.pack_da = int(amps * 10) + self.extra_da
        self.pack_cv = int(self.open_cv - self.pack_da * self.resistance_mohm / 100)
        coil = out.contactor and self._silent_ms < COIL_FALLS_MS
        if (coil and self.contactor_works) or self.is_welded:
            self.bus_cv = self.pack_cv
        elif out.precharge and self.precharge_works:
            self.bus_cv += (self.pack_cv - self.bus_cv) * dt_ms / (100 + dt_ms)
        else:
            self.bus_cv -= self.bus_cv * dt_ms / 2000

    def _fill(self, dt_ms):
        raw = self.loop.raw
        get = self.params.get
        raw.key_on = self.key
        raw.plug_in = self.plug
        raw.brake_on = self.brake
        raw.gear_forward_on = 1 if self.gear in (FORWARD, BOTH) else 0
        raw.gear_reverse_on = 1 if self.gear in (REVERSE, BOTH) else 0
        for channel in ("a", "b"):
            released = get(f"pedal_{channel}_released_counts")
            span = get(f"pedal_{channel}_pressed_counts") - released
            counts = released + span * self.pedal // 1000
            setattr(raw, f"pedal_{channel}_counts", counts)
        if self.pedal_a_counts is not None:
            raw.pedal_a_counts = self.pedal_a_counts
        if self.pedal_b_counts is not None:
            raw.pedal_b_counts = self.pedal_b_counts
        raw.pack_v_counts = self.pack_cv * 1000 // PACK_CV_PER_1000 if self.pack_readable else -1
        raw.bus_v_counts = int(self.bus_cv) * 1000 // PACK_CV_PER_1000
        zero = get("pack_a_zero_counts")
        raw.pack_a_counts = zero + self.pack_da * 1000 // PACK_DA_PER_1000
        speed = int(self.body.speed_mps * 1000) if self.wheel_turns else 0
        early_us = -1 if self.wheel.stamps else self.loop.observer.sample_age_us(self._ticks)
        self._ticks += 1
        self.wheel.roll(raw, speed, dt_ms, early_us)
        raw.motor_pulses_counts = self.wheel.motor_pulses & 0xFFFF
        raw.enable_readback = 1 if self.line_high else 0
        self._fill_slow(raw)

    def _fill_slow(self, raw):
        index = SLOW_ORDER[self._slow]
        self._slow = (self._slow + 1) % len(SLOW_ORDER)
        raw.slow_index = index
        temps = {
            SLOW_BATTERY_TEMP: self.battery_ddegc,
            SLOW_MOTOR_TEMP: self.motor_ddegc,
            SLOW_CONTROLLER_TEMP: self.controller_ddegc,
        }
        if self.slow_counts.get(index) is not None:
            raw.slow_counts = self.slow_counts[index]
        elif index == SLOW_THROTTLE_READBACK:
            raw.slow_counts = self.loop.out.throttle_mv * 1000 // READBACK_MV_PER_1000
        elif index in temps:
            ddegc = temps[index]
            raw.slow_counts = BROKEN_NTC_COUNTS
            if ddegc is not None:
                raw.slow_counts = round(100 + (1500 - ddegc) * 3000 / 1900)
        else:
            raw.slow_counts = SUPPLIES_COUNTS[index]


def driving(pedal=500, speed_mmps=3000, **values):
    """A car in DRIVE that rolls as fast as told, with torque on where the pedal is pressed."""
    driver = Driver(**values).engage(FORWARD)
    driver.pedal = pedal
    driver.roll_at(speed_mmps)
    driver.tick(50)
    assert driver.out.throttle_permille > 0 or not pedal
    return driver


def standing(**values):
    """A car in READY and neutral, with the pedal released, that stands for long."""
    driver = Driver(**values).start()
    assert driver.loop.sig.standstill_ms >= 2000
    return driver


def number_of(name):
    """The row number of a fault, as counts and freeze frames have it."""
    for word, rows in enumerate(faults.TABLE):
        for bit, row in enumerate(rows):
            if row[1] == name:
                return word * faults.WORD_SHIFT + bit
    raise KeyError(name)


def knows_its_zero(driver):
    """As if its last plug-in had measured the zero of the current sensor; returns the driver."""
    zero_counts = driver.params.get("pack_a_zero_counts")
    driver.loop.charge.session.zero_q4 = zero_counts * 16
    return driver


def moving(lagged_permille=1000):
    """What a limiter asks of the speed observer: the torque that the motor has followed so far."""
    return SimpleNamespace(lagged_permille=lagged_permille)


def drawing(current_da):
    """Signals of a pack whose current is that, positive when it is discharged."""
    sig = Signals()
    sig.pack_valid = 1
    sig.pack_da = current_da
    return sig
