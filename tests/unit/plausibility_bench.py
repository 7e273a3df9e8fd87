"""A wheel, a motor hall and a driver's foot in front of a Plausibility."""

from types import SimpleNamespace

from tests.unit.cars import make_params
from vcu.plausibility import Plausibility
from vcu.signals import Raw, Signals

STEP_MS = 40
WINDOW = 5  # steps

# A pulse every 62 mm; full torque is 1000 N and, standing, 1000 W; 150 W of lights may be on.
PLAIN = {
    "wheel_circumference_mm": 1240,
    "pulses_per_turn": 20,
    "wheel_force_n": 1000,
    "stall_power_w": 1000,
    "idle_power_w": 150,
}


class Roll:
    """A wheel, a motor hall and a driver's foot in front of a Plausibility."""

    def __init__(self, **values):
        self.params = make_params(**(PLAIN | values))
        self.observer = SimpleNamespace(lagged_permille=0)
        self.judge = Plausibility(self.params, self.observer)
        self.raw = Raw()
        self.raw.brake_on = 0
        self.sig = Signals()
        self.sig.pack_valid = 1
        self.sig.pack_cv = 10000
        self.sig.standstill_ms = 60000

    @property
    def bits(self):
        return self.judge.bits

    def step(self, pulses=0, motor_pulses=0, dt_ms=STEP_MS, times=1):
        raw, sig = self.raw, self.sig
        for _ in range(times):
            raw.pulses_counts = (raw.pulses_counts + pulses) & 0xFFFF
            raw.motor_pulses_counts = (raw.motor_pulses_counts + motor_pulses) & 0xFFFF
            sig.standstill_ms = 0 if pulses else min(sig.standstill_ms + dt_ms, 60000)
            self.judge.step(raw, sig, dt_ms)
        return self

    def roll(self, windows, pulses, speed_mmps=0):
        """Roll whole windows with so many pulses in each, all of them in its first step."""
        if speed_mmps:
            self.sig.speed_mmps = speed_mmps
        for _ in range(windows):
            self.step(pulses).step(times=WINDOW - 1)
        return self

    def pull(self, torque, watts):
        """Ask for torque, and draw so many watts from the pack."""
        self.observer.lagged_permille = torque
        self.sig.pack_cv = 1000
        self.sig.pack_da = watts
        return self


def rolling(speed_mmps=5000, both=False, **values):
    """A car that has rolled for two seconds at an even speed, and not braked."""
    # 248 mm from one pulse to the next: one a step are 6.2 m/s.
    roll = Roll(**({"pulses_per_turn": 5} | values))
    roll.sig.speed_mmps = speed_mmps
    roll.step(pulses=1, motor_pulses=int(both), times=50)
    assert roll.bits == 0
    return roll


def gone_silent(roll, standstill_ms):
    """Let the pulses end, and be judged once, so long after the last."""
    roll.sig.standstill_ms = standstill_ms - STEP_MS
    return roll.step()


MOTOR = {"motor_pulses_per_turn": 40}  # a pulse every 31 mm
