"""A speed observer on a bench: a wheel that rolls before it, or a counter that jumps."""

from tests.unit.cars import Wheel, make_params
from vcu.signals import Raw, Signals
from vcu.speed import SpeedObserver

# The observer's gains 3w, 3w**2, w**3: the numbers here that are a matter of tuning.
COUNT_GAINS = (33, 363, 1331)
STAMP_GAINS = (42, 588, 2744)

SPACING = 5625  # of the default wheel, in 10 um: 1350 mm / 24


class Bench:
    """An observer on a wheel."""

    def __init__(self, stamps=False, first_pulse=0, early=False, **values):
        params = make_params(**values)
        self.wheel = Wheel(params, stamps, first_pulse)
        self.observer = SpeedObserver(params)
        self.raw = Raw()
        self.sig = Signals()
        self.early = early

    def roll(self, speed_mmps, ticks=1, torque=0, full=2000, dt_ms=10, late_us=0):
        """Roll at constant speed and return the speed estimated at each tick."""
        speeds = []
        for _ in range(ticks):
            self.wheel.roll(self.raw, speed_mmps, dt_ms, dt_ms * 500 if self.early else -1)
            if late_us:
                self.raw.edge_age_us -= late_us
                assert self.raw.edge_age_us >= 0
            speeds.append(self.see(torque, full, dt_ms))
        return speeds

    def see(self, torque=0, full=2000, dt_ms=10):
        """Give the observer what raw and sig hold."""
        self.observer.step(self.raw, self.sig, torque, full, dt_ms)
        return self.observer.speed_mmps

    def pulse(self, count, **kwargs):
        """Let the counter jump by count, the stamp with it, and return the estimate."""
        self.raw.pulses_counts = (self.raw.pulses_counts + count) & 0xFFFF
        self.raw.edge_pulses_counts = self.raw.pulses_counts
        return self.see(**kwargs)


def mean(values):
    return sum(values) / len(values)


def kick(error, gain, dt_ms):
    """Speed in mm/s that a position error in 10 um gives, rounded down."""
    return error * gain // 98 * dt_ms >> 10


def stamped(**values):
    """A standing bench with stamps; no edge yet, so that the first is judged at speed 0."""
    bench = Bench(stamps=True, **values)
    bench.raw.edge_age_us = 0
    bench.see()
    return bench
