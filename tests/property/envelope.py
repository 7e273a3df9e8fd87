"""Envelope: what a car may do, judged from the car's end of the wires and nothing of the firmware.

The pedal is the driver's true foot, the torque what the motor controller's input
voltage asks of it behind the enable line and the contactor, the speed the true one.
"""

from sim.driver import StartingDriver
from sim.frame import PLUG_IN
from sim.world import TICK_S, World

OVER_PEDAL = 0.10  # share of full torque above the travel of the pedal
OVER_CAP_KMH = 3.0


class Envelope:
    """Call step() after each tick of the world; worst_s is the longest time out of it by kind.

    total_s is how long it was out of it in all.
    """

    def __init__(self, world: World) -> None:
        values = world.vehicle.values
        self._world = world
        self._start_mv = values["throttle_start_mv"]
        self._span_mv = values["throttle_full_mv"] - self._start_mv
        self._cap_kmh = values["speed_cap_kmh"] + OVER_CAP_KMH
        self._reverse_cap_kmh = values["reverse_cap_kmh"] + OVER_CAP_KMH
        self._lasting_s = {"pedal": 0.0, "conflict": 0.0, "speed": 0.0}
        self.worst_s = dict(self._lasting_s)
        self.total_s = dict(self._lasting_s)
        self.torque = 0.0
        self._pedal, self._may_drive = self._foot()

    def _foot(self) -> tuple[float, bool]:
        """Return the pedal, and whether anything the driver does or has set forbids torque."""
        driver = self._world.driver
        plugged = driver.plug or self._world.inputs[PLUG_IN] == 1
        may = driver.brake <= 0.02 and driver.key and not plugged and driver.gear != 0
        return driver.pedal, may

    def step(self) -> None:
        """Judge the tick that has just run by what the driver did before it."""
        world = self._world
        wires = world.wires
        self.torque = 0.0
        if wires.enable and wires.contactor:
            self.torque = min(max((wires.throttle_mv - self._start_mv) / self._span_mv, 0.0), 1.0)
        pedal, may_drive = self._pedal, self._may_drive
        self._pedal, self._may_drive = self._foot()
        torque = self.torque
        wrong_way = wires.reverse != (world.driver.gear < 0)
        cap_kmh = self._reverse_cap_kmh if wires.reverse else self._cap_kmh
        drives = torque > 0.0
        self._last("pedal", torque > max(pedal, self._pedal) + OVER_PEDAL + 0.002)
        self._last("conflict", drives and (not (may_drive or self._may_drive) or wrong_way))
        self._last("speed", drives and abs(world.car.speed_mps) * 3.6 > cap_kmh)

    def _last(self, kind: str, is_out: bool) -> None:
        lasting_s = self._lasting_s[kind] + TICK_S if is_out else 0.0
        self._lasting_s[kind] = lasting_s
        self.total_s[kind] += TICK_S if is_out else 0.0
        self.worst_s[kind] = max(self.worst_s[kind], lasting_s)

    def longest_s(self) -> float:
        """Return the longest time outside, of whatever kind."""
        return max(self.worst_s.values())


class ScriptDriver(StartingDriver):
    """Starts the car and does what a table says: (from_s, key, plug, gear, pedal, brake)."""

    def __init__(self, *rows: tuple[float, bool, bool, int, float, float]) -> None:
        super().__init__()
        self._rows = rows

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Move the pedal in 0.4 s from one row's travel to the next; switches follow at once."""
        super().step(t_s, speed_mps, dt_s)
        before = 0.0
        for from_s, key, plug, gear, pedal, brake in self._rows:
            if t_s < from_s:
                break
            share = min((t_s - from_s) / 0.4, 1.0)
            self.pedal = before + (pedal - before) * share
            before = self.pedal if share < 1.0 else pedal
            self.key, self.plug, self.gear, self.brake = key, plug, gear, brake
