"""Drivers: the person at the pedals, as an object whose attributes the world reads each tick.

A driver has step(t_s, speed_mps, dt_s) and the attributes key, plug, gear (1, 0,
-1), pedal and brake (0..1). The ones here start as people do: key, wait for the
contactor in neutral, gear, foot from the brake to the pedal.
"""

from collections.abc import Callable
from typing import Protocol

from sim.cycle import Cycle

# Key at once, gear after the pre-charge, off the brake a moment later.
KEY_S = 0.5
GEAR_S = 3.0
GO_S = 3.5
PLUG_S = 1.0
# A person decides twenty times a second at best.
DECIDE_TICKS = 5


class Driver(Protocol):
    """What the world needs of a driver."""

    key: bool
    plug: bool
    gear: int
    pedal: float
    brake: float

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Decide key, plug, gear, pedal and brake for the tick at t_s."""


def through(*points: tuple[float, float]) -> Callable[[float], float]:
    """Return the function of time that runs straight from point (s, value) to point."""

    def at(t_s: float) -> float:
        before_s, before = points[0]
        if t_s <= before_s:
            return before
        for point_s, value in points[1:]:
            if t_s < point_s:
                return before + (value - before) * (t_s - before_s) / (point_s - before_s)
            before_s, before = point_s, value
        return before

    return at


def _off_the_brake(t_s: float) -> float:
    return 0.0


class StartingDriver:
    """Starts the car; another class says what happens from GO_S on, after this step()."""

    def __init__(self, gear: int = 1) -> None:
        self._gear = gear
        self.key = False
        self.plug = False
        self.gear = 0
        self.pedal = 0.0
        self.brake = 1.0

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Turn the key, wait for the contactor, choose the gear; the foot is on the brake."""
        self.key = t_s >= KEY_S
        self.gear = self._gear if t_s >= GEAR_S else 0
        self.pedal = 0.0
        self.brake = 1.0


class ParkedDriver:
    """Nobody in the car: key off, neutral, pedal released, brake on, not plugged in."""

    def __init__(self) -> None:
        self.key = False
        self.plug = False
        self.gear = 0
        self.pedal = 0.0
        self.brake = 1.0

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Leave everything as it is."""


class PluggedDriver(ParkedDriver):
    """Nobody is in the car; somebody has put the plug in at PLUG_S. The brake is off."""

    def __init__(self) -> None:
        super().__init__()
        self.brake = 0.0

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Put the plug in when it is time."""
        self.plug = t_s >= PLUG_S


class PedalDriver(StartingDriver):
    """Starts the car and then presses pedal and brake as functions of time say."""

    def __init__(
        self,
        pedal_at: Callable[[float], float],
        gear: int = 1,
        brake_at: Callable[[float], float] = _off_the_brake,
    ) -> None:
        super().__init__(gear)
        self._pedal_at = pedal_at
        self._brake_at = brake_at

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Follow the start-up, then the functions of the seconds since GO_S."""
        super().step(t_s, speed_mps, dt_s)
        if t_s >= GO_S:
            self.brake = self._brake_at(t_s - GO_S)
            self.pedal = self._pedal_at(t_s - GO_S)


class CycleDriver(StartingDriver):
    """Follows a speed profile with a little preview, pedal and brake never together."""

    def __init__(self, cycle: Cycle) -> None:
        super().__init__()
        self._cycle = cycle
        self._integral = 0.0
        self._ticks = 0
        self.asked_mps = 0.0  # what the cycle asked when the driver last decided

    def wanted_mps(self, t_s: float) -> float:
        """Return the speed that the cycle asks at t_s of the run."""
        return self._cycle.speed_mps(t_s - GO_S) if t_s >= GO_S else 0.0

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Drive towards the speed asked 0.4 s ahead."""
        self._ticks += 1
        if self._ticks % DECIDE_TICKS:
            return
        super().step(t_s, speed_mps, dt_s)
        wanted = self.asked_mps = self.wanted_mps(t_s)
        ahead = self.wanted_mps(t_s + 0.4)
        if ahead <= 0.05 and wanted <= 0.3:
            self._integral = 0.0
            self.pedal = 0.0
            self.brake = 1.0 if speed_mps < 0.5 else 0.35
            return
        error = ahead - speed_mps
        if -1.0 < error < 1.0:
            self._integral = min(
                0.8, max(-0.2, self._integral + 0.25 * error * dt_s * DECIDE_TICKS)
            )
        slope = (ahead - wanted) / 0.4
        effort = 0.35 * error + self._integral + 0.25 * slope
        if effort >= 0.0:
            self.pedal = min(1.0, effort + (0.06 if wanted > 0.1 else 0.0))
            self.brake = 0.0
        else:
            self.pedal = 0.0
            # Engine braking first: a person brakes only when clearly too fast.
            self.brake = min(1.0, -effort) if error < -0.4 else 0.0
