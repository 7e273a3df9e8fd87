"""Metrics: figures that a run boils down to, and the limits a scenario sets for them."""

import math
from dataclasses import dataclass

from sim.frame import (
    BUZZER,
    CHARGE_PHASE,
    FLASH_OPS_MOVING,
    LATE_TICKS,
    LIMITER,
    MODE,
    ODOMETER_M,
    RANGE_M,
    RANGE_UNCERTAINTY_M,
    SOC_PERMILLE,
    STORED,
    TORQUE_PERMILLE,
)
from sim.trace import fault_numbers
from sim.world import TICK_S, World
from vcu.faults import STOP, row_of
from vcu.limits import NONE, REGEN_CHARGE, SPEED_CAP
from vcu.modes import DRIVE

# Governed speed counts as settled this long after the grade last moved and the governor took over.
SETTLE_S = 3.0
# The governor still governs while the pedal is held and nothing limits for this long:
# noise of its own must not excuse it.
GAP_S = 0.2
# A pedal that was let go takes so long to reach the torque: two ticks, and at most 0.1 s of slew.
# Until then the governor may still limit; a gap that begins so soon is the driver's.
RELEASE_S = 0.15
# Above its dead band; below this share of its travel a pedal may ask for coasting.
PRESSED = 0.3
# How fast torque rises is judged over this many ticks.
RISE_TICKS = 20
# Hunting is judged over windows of this length.
WINDOW_S = 4.0


@dataclass(frozen=True)
class Expectation:
    """One figure of the run and the range it must lie in."""

    metric: str
    low: float
    high: float
    unit: str


@dataclass(frozen=True)
class Watch:
    """A part of the run with figures of its own: NAME_top_kmh and the others of Watched."""

    name: str
    from_s: float
    to_s: float = math.inf


class Watched:
    """The figures of one Watch."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.top_mps = 0.0
        self.torque_permille = 0
        self.rise_permille_s = 0.0
        self.buzzer_s = 0.0
        self._ticks = 0
        self._rise_from_permille = 0

    def step(self, speed_mps: float, torque_permille: int, buzzer: int) -> None:
        """Take in a tick inside the watch."""
        if self._ticks % RISE_TICKS == 0:
            rise_permille = torque_permille - self._rise_from_permille
            self._rise_from_permille = torque_permille
            if self._ticks:
                rise_permille_s = rise_permille / (RISE_TICKS * TICK_S)
                self.rise_permille_s = max(self.rise_permille_s, rise_permille_s)
        self._ticks += 1
        self.top_mps = max(self.top_mps, speed_mps)
        self.torque_permille = max(self.torque_permille, abs(torque_permille))
        if buzzer:
            self.buzzer_s += TICK_S

    def values(self) -> dict[str, float]:
        """Return the figures by name."""
        name = self.watch.name
        return {
            f"{name}_top_kmh": self.top_mps * 3.6,
            f"{name}_torque_permille": float(self.torque_permille),
            f"{name}_rise_permille_s": self.rise_permille_s,
            f"{name}_buzzer_s": self.buzzer_s,
        }


class Metrics:
    """Watches every tick of a world; read value(name) when the run is over."""

    def __init__(self, world: World, watches: tuple[Watch, ...] = ()) -> None:
        self._world = world
        self._watched = [Watched(watch) for watch in watches]
        self._cap_mps = world.vehicle.values["speed_cap_kmh"] / 3.6
        self._grade = world.road(0.0)
        self._settled_s = 0.0
        self._gap_s = GAP_S
        self._pedal = 0.0
        self._held_s = 0.0
        self._window_s = 0.0
        self._window_low = 0.0
        self._window_high = 0.0
        self._after_push = False
        self._square_error = 0.0
        self._cycle_ticks = 0
        self._over_torque_s = 0.0
        self.over_cap_mps = -math.inf  # never near it
        self.top_mps = 0.0
        self.hunting_mps = 0.0
        self.below_cap_mps = 0.0
        self.over_with_torque_s = 0.0
        self.drive_s = 0.0
        self.governed_s = 0.0
        self.lowest_v = world.battery.voltage_v
        self.torque_jump_permille = 0
        self._torque_permille = 0
        self.charge_ah = 0.0
        self.charge_top_a = 0.0
        self.charge_with_traction_s = 0.0
        self.charge_on_s = 0.0

    def step(self, wanted_mps: float) -> None:
        """Take in the tick that has just run; wanted_mps below 0 means that nothing is asked."""
        world = self._world
        car = world.car
        out = world.outputs
        speed = car.speed_mps if car.speed_mps >= 0.0 else -car.speed_mps
        if speed > self.top_mps:
            self.top_mps = speed
        if wanted_mps >= 0.0:
            error = speed - wanted_mps
            self._square_error += error * error
            self._cycle_ticks += 1
        for watched in self._watched:
            if watched.watch.from_s < world.time_s <= watched.watch.to_s:
                watched.step(speed, out[TORQUE_PERMILLE], out[BUZZER])
        self._charging(world)
        if out[MODE] != DRIVE:
            return
        self.drive_s += TICK_S
        if world.battery.voltage_v < self.lowest_v:
            self.lowest_v = world.battery.voltage_v
        if speed > self._cap_mps - 2.0:
            self._near_cap(speed, self._governs(out[LIMITER]), out[TORQUE_PERMILLE] > 0)
        else:
            self._settled_s = 0.0
            self._gap_s = GAP_S
            self._after_push = False

    def _governs(self, limiter: int) -> bool:
        """Return whether the governor limits, or did just now and the pedal is where it was.

        With the pedal pressed only the governor asks for braking, whoever cuts that short.
        """
        pedal = self._world.driver.pedal
        self._held_s = self._held_s + TICK_S if pedal >= self._pedal else 0.0
        self._pedal = pedal
        if limiter == SPEED_CAP or (limiter == REGEN_CHARGE and pedal > PRESSED):
            self._gap_s = 0.0
            return True
        self._gap_s += TICK_S
        if limiter != NONE or self._held_s < RELEASE_S:
            self._gap_s = GAP_S
        return self._gap_s < GAP_S

    def _charging(self, world: World) -> None:
        current_a = world.charger.current_a
        self.charge_ah += current_a * (TICK_S / 3600.0)
        self.charge_top_a = max(self.charge_top_a, current_a)
        wires = world.wires
        if wires.charger:
            self.charge_on_s += TICK_S
            if wires.enable or wires.contactor or wires.precharge:
                self.charge_with_traction_s += TICK_S

    def _near_cap(self, speed: float, governed: bool, torque: bool) -> None:
        car = self._world.car
        over = speed - self._cap_mps
        if car.pushed:
            self._after_push = True
        elif over < 0.3 / 3.6:
            self._after_push = False
        if not self._after_push and over > self.over_cap_mps:
            self.over_cap_mps = over
        if over > 0.5 / 3.6 and torque:
            self._over_torque_s += TICK_S
            if self._over_torque_s > self.over_with_torque_s:
                self.over_with_torque_s = self._over_torque_s
        else:
            self._over_torque_s = 0.0
        grade = self._world.road(car.position_m)
        steady = grade == self._grade and not self._after_push and not car.saturated
        if not governed or not steady:
            self._grade = grade
            self._settled_s = 0.0
            return
        self.governed_s += TICK_S
        self._settled_s += TICK_S
        torque_permille = self._world.outputs[TORQUE_PERMILLE]
        jump = abs(torque_permille - self._torque_permille)
        self._torque_permille = torque_permille
        if jump > self.torque_jump_permille and self._settled_s > SETTLE_S:
            self.torque_jump_permille = jump
        if self._settled_s >= SETTLE_S:
            self._settled(speed)
        else:
            self._window_s = 0.0
            self._window_low = self._window_high = speed

    def _settled(self, speed: float) -> None:
        """Hunting is the swing inside a window, floor the lowest settled speed."""
        below = self._cap_mps - speed
        if below > self.below_cap_mps:
            self.below_cap_mps = below
        self._window_low = min(self._window_low, speed)
        self._window_high = max(self._window_high, speed)
        self._window_s += TICK_S
        swing = self._window_high - self._window_low
        if swing > self.hunting_mps:
            self.hunting_mps = swing
        if self._window_s >= WINDOW_S:
            self._window_s = 0.0
            self._window_low = self._window_high = speed

    def values(self) -> dict[str, float]:
        """Return every figure by name."""
        world = self._world
        car = world.car
        out = world.outputs
        distance_km = car.travelled_m / 1000.0
        net_wh = car.energy_out_wh - car.energy_in_wh
        error_mps = math.sqrt(self._square_error / max(self._cycle_ticks, 1))
        over_cap_mps = self.over_cap_mps if self.over_cap_mps > -math.inf else 0.0
        stored = fault_numbers(out, STORED)
        figures = {
            "distance_km": distance_km,
            "top_kmh": self.top_mps * 3.6,
            "drive_s": self.drive_s,
            "over_cap_kmh": over_cap_mps * 3.6,
            "hunting_kmh": self.hunting_mps * 3.6,
            "below_cap_kmh": self.below_cap_mps * 3.6,
            "governed_s": self.governed_s,
            "torque_jump_permille": float(self.torque_jump_permille),
            "over_with_torque_ms": self.over_with_torque_s * 1000.0,
            "cycle_error_kmh": error_mps * 3.6,
            "energy_wh": net_wh,
            "wh_per_km": net_wh / distance_km if distance_km > 0.05 else 0.0,
            "regen_wh": car.energy_in_wh,
            "soc_pct": world.battery.soc * 100.0,
            "soc_error_pct": abs(out[SOC_PERMILLE] / 10.0 - world.battery.soc * 100.0),
            "odometer_error_m": abs(out[ODOMETER_M] - car.travelled_m),
            "lowest_v": self.lowest_v,
            "motor_c": car.motor.temperature_c,
            "battery_c": world.battery.temperature_c,
            "arc_closings": float(car.arc_closings),
            "late_ticks": float(out[LATE_TICKS]),
            "range_km": out[RANGE_M] / 1000.0,
            "range_uncertainty_km": out[RANGE_UNCERTAINTY_M] / 1000.0,
            "stored_faults": float(len(stored)),
            "stored_stops": float(sum(row_of(number)[3] == STOP for number in stored)),
            "flash_ops_moving": float(out[FLASH_OPS_MOVING]),
            "charge_ah": self.charge_ah,
            "charge_top_a": self.charge_top_a,
            "charge_on_s": self.charge_on_s,
            "charge_with_traction_ms": self.charge_with_traction_s * 1000.0,
            "charge_phase": float(out[CHARGE_PHASE]),
        }
        for watched in self._watched:
            figures |= watched.values()
        return figures
