"""A guard on the bench: everything that reaches it is shown by hand, and what it does is told."""

from types import SimpleNamespace

from tests.unit.cars import make_params
from vcu.guard import DATA, Guard
from vcu.signals import SLOW_BATTERY_TEMP, SLOW_THROTTLE_READBACK, Outputs, Raw

# A count is 0.01 V, 0.1 A, 1 mV: with 100 A, a count of voltage is a watt.
SCALING = SimpleNamespace(
    pack_cv_per_1000_counts=1000,
    pack_da_per_1000_counts=1000,
    throttle_readback_mv_per_1000_counts=1000,
)
HUNDRED_AMPERE_COUNTS = 1000
# One count of pedal A is 1 permille of travel, of pedal B 2; 2 mV are 1 permille of torque;
# one pulse in the newest half of the guard's memory is 125 mm/s.
PLAIN = {
    "pedal_a_released_counts": 1000,
    "pedal_a_pressed_counts": 2000,
    "pedal_b_released_counts": 500,
    "pedal_b_pressed_counts": 1000,
    "pedal_slack_counts": 40,
    "throttle_start_mv": 1000,
    "throttle_full_mv": 3000,
    "wheel_force_n": 1000,
    "stall_power_w": 1000,
    "idle_power_w": 250,
    "motor_lag_ms": 100,
    "wheel_circumference_mm": 1200,
    "pulses_per_turn": 20,
}
ONE_CHANNEL = {"pedal_channels": 1}
# The guard remembers the way of the wheel in eight slots of 120 ms: so many ticks each, of
# which the first ends when it has got into step.
SLOT = 12
FIRST = 16
HALF = 4  # slots


def make_guard(params, scaling):
    return Guard(
        params.values(),
        scaling.pack_cv_per_1000_counts,
        scaling.pack_da_per_1000_counts,
        scaling.throttle_readback_mv_per_1000_counts,
    )


class Bench:
    """A guard with a hand on everything that reaches it; the attributes are what it is shown.

    What commands the outputs writes all of them anew in every tick, as the loop does.
    """

    def __init__(self, ticks=0, **values):
        self.params = make_params(**(PLAIN | values))
        self.guard = make_guard(self.params, SCALING)
        self.raw = Raw()
        self.out = Outputs()
        self.raw.key_on = self.raw.gear_forward_on = 1
        self.raw.plug_in = self.raw.brake_on = 0
        self.raw.slow_index = SLOW_BATTERY_TEMP
        self.pedal = 500
        self.torque = 0
        self.mv = None  # overrides what the torque says
        self.power_w = 0
        self.line = None  # the enable line: None follows what was driven
        self.enable = 1
        self.heartbeat = 1
        self.reverse = 0
        self.readback_mv = None
        self.tick(ticks)

    def tick(self, count=1, dt_ms=10):
        for _ in range(count):
            self._fill()
            self.guard.step(self.raw, self.out, dt_ms)
        return self

    def _fill(self):
        raw, out = self.raw, self.out
        driven = out.enable & out.guard & out.heartbeat
        raw.enable_readback = driven if self.line is None else self.line
        if self.pedal is not None:
            raw.pedal_a_counts = 1000 + self.pedal
            raw.pedal_b_counts = 500 + self.pedal // 2
        raw.pack_v_counts = max(self.power_w, 1)
        raw.pack_a_counts = 1500 + (HUNDRED_AMPERE_COUNTS if self.power_w else 0)
        if self.readback_mv is not None:
            raw.slow_index = SLOW_THROTTLE_READBACK
            raw.slow_counts = self.readback_mv
        out.throttle_permille = self.torque
        out.throttle_mv = 1000 + self.torque * 2 if self.torque else 800
        if self.mv is not None:
            out.throttle_mv = self.mv
        out.regen_permille = 0 if self.torque else 300
        out.enable = self.enable
        out.guard = 1
        out.heartbeat = self.heartbeat
        out.reverse = self.reverse
        out.contactor = 1
        out.precharge = 1

    def pulse(self, count):
        self.raw.pulses_counts = (self.raw.pulses_counts + count) & 0xFFFF
        return self

    def roll(self, pulses_per_slot, slots):
        """Roll so many slots with the same number of pulses in each."""
        for _ in range(slots):
            self.pulse(pulses_per_slot).tick(SLOT)
        return self

    @property
    def bits(self):
        return self.guard.bits

    @property
    def is_stopped(self):
        """All that could make the car pull is taken."""
        out = self.out
        levels = (out.enable, out.guard, out.heartbeat)
        taken = levels == (0, 0, 0)
        assert taken or levels == (self.enable, 1, self.heartbeat)
        if taken:
            assert out.throttle_mv == out.throttle_permille == out.regen_permille == 0
        assert self.guard.is_tripped == taken
        return taken

    def ticks_to_stop(self, most=100):
        """Tick until traction is taken; returns in how many ticks it was not."""
        for ticks in range(most):
            self.tick()
            if self.is_stopped:
                return ticks
        raise AssertionError(f"still not stopped after {most} ticks")

    def trip(self):
        """Bring the guard to take traction, with nothing left that is wrong."""
        self.torque = 1000
        self.ticks_to_stop()
        self.torque = 0
        return self

    def key_off(self, ticks):
        self.raw.key_on = 0
        self.tick(ticks)
        self.raw.key_on = 1
        return self


def stays(bench, ticks=60):
    """Whether nothing happens for 0.6 s."""
    bench.tick(ticks)
    return not bench.is_stopped and bench.bits == 0


def trips(bench, bit, ticks=60):
    """Whether exactly this bit is found within 0.6 s, and traction taken."""
    bench.tick(ticks)
    return bench.is_stopped and bench.bits == bit


def asking(torque, **changes):
    """A bench on which torque is asked, with other parameters, inputs or attributes of its own."""
    values = {k: v for k, v in changes.items() if k in PLAIN | ONE_CHANNEL}
    bench = Bench(**values)
    bench.torque = torque
    for name in changes.keys() - values.keys():
        setattr(bench if hasattr(bench, name) else bench.raw, name, changes[name])
    return bench


def pulling(torque, per_slot, **values):
    """Return what makes a bench that rolls, and the torque that is asked of it next."""

    def make_bench():
        bench = Bench(FIRST, **values)
        bench.pedal = 1000
        return bench.roll(per_slot, 2 * HALF), torque

    return make_bench


def in_room(guard, room):
    return guard if room == "guard" else getattr(guard, room)


def numbers(guard, room):
    return {name: v for name, v in vars(in_room(guard, room)).items() if isinstance(v, int)}


def kept(room):
    """Return the names under which a room of the guard keeps what it must know."""
    different = dict.fromkeys(PLAIN) | {"speed_cap_kmh": 50, "reverse_cap_kmh": 10}
    different |= {"pack_a_zero_counts": 1400, "pedal_channels": 1}
    defaults = make_params()
    plain = make_params(**PLAIN)
    for name in PLAIN:
        value = defaults.get(name)
        different[name] = value if value != plain.get(name) else value + 1
    scaling = SimpleNamespace(**{name: value + 77 for name, value in vars(SCALING).items()})
    other = numbers(make_guard(make_params(**different), scaling), room)
    return [name for name, v in numbers(Bench().guard, room).items() if other[name] != v]


def is_found_when_flipped(room, name, bit):
    """Flip a bit of what a room keeps: the hazard itself; whether traction is gone in 200 ms."""
    bench = Bench(FIRST)
    thing = in_room(bench.guard, room)
    setattr(thing, name, getattr(thing, name) ^ (1 << bit))
    bench.tick(20)
    return bool(bench.bits & DATA) and bench.is_stopped
