"""The car itself: motor controller, motor, wheels, road load, bus capacitor and contactor.

SI units and floats. Positive force drives the car forward, positive current
leaves the pack, positive grade climbs.
"""

import math
from dataclasses import dataclass

from sim.plant.battery import Battery
from sim.plant.heat import Heat

GRAVITY_MPS2 = 9.81
AIR_DENSITY_KGPM3 = 1.2
# What a motor controller that drives takes out of its bus capacitor, or the pre-charge.
FAILED_ON_A = 20.0


@dataclass(frozen=True)
class CarData:
    """What the car is made of; defaults are a middling four-wheeler."""

    mass_kg: float = 600.0
    wheel_circumference_m: float = 1.595
    pulses_per_turn: int = 24
    drag_area_m2: float = 0.9  # Cd * A
    rolling: float = 0.015
    brake_mps2: float = 6.0
    force_n: float = 1250.0  # at the wheels, at full throttle, below the power limit
    battery_limit_a: float = 120.0  # the motor controller's own limit
    regen_force_n: float = 0.0  # 0: the motor controller cannot brake
    no_load_mps: float = 19.0  # at the nominal voltage
    nominal_v: float = 60.0
    lag_s: float = 0.08
    copper_loss_w: float = 900.0  # at full force
    iron_loss_w_per_mps: float = 12.0
    idle_w: float = 15.0  # motor controller awake
    bleed_a: float = 0.02  # out of the bus capacitor while the contactor is open
    throttle_start_v: float = 1.0
    throttle_full_v: float = 3.6
    bus_f: float = 0.0022
    precharge_ohm: float = 47.0


class Car:
    """Steps by 10 ms; position_m and speed_mps are signed, forward positive."""

    def __init__(self, data: CarData, battery: Battery, ambient_c: float) -> None:
        self.data = data
        self.battery = battery
        self._weight_n = data.mass_kg * GRAVITY_MPS2
        self._rolling_n = self._weight_n * data.rolling
        self._drag_kgpm = 0.5 * AIR_DENSITY_KGPM3 * data.drag_area_m2
        self.position_m = 0.0
        self.travelled_m = 0.0  # never falls: what a wheel sensor without direction counts
        self.speed_mps = 0.0
        self.force_n: float = 0.0
        self.demand = 0.0  # share of full force after the motor controller's lag
        self.bus_v: float = 0.0
        self.current_a: float = 0.0
        self.motor = Heat(14000.0, 7.0, ambient_c)
        self.controller = Heat(3500.0, 5.0, ambient_c)
        self.energy_out_wh: float = 0.0
        self.energy_in_wh: float = 0.0
        self.failed_on = False  # the motor controller drives, whatever it is told
        self.saturated = False  # the motor, not its throttle, limits the force
        self.pushed = False  # the road alone would accelerate the car
        self.arc_closings = 0  # contactor closed onto a bus far from pack voltage
        self._was_closed = False
        self._alpha = 0.0
        self._alpha_dt = 0.0
        self._slow_s: float = 0.0
        self._loss_j: float = 0.0

    def step(
        self,
        throttle_v: float,
        regen: float,
        enable: bool,
        reverse: bool,
        contactor: bool,
        precharge: bool,
        brake: float,
        grade: float,
        extra_a: float,
        ambient_c: float,
        dt_s: float,
    ) -> None:
        """Advance by dt_s; regen and brake are 0..1, extra_a is what else the pack gives."""
        data = self.data
        speed = self.speed_mps
        if dt_s != self._alpha_dt:
            self._alpha_dt = dt_s
            self._alpha = 1.0 - math.exp(-dt_s / data.lag_s)
        wanted = 0.0
        if self.failed_on:
            wanted = 1.0
        elif enable and contactor and self.bus_v > 0.5 * data.nominal_v:
            over_v = throttle_v - data.throttle_start_v
            if over_v > 0.0:
                wanted = over_v / (data.throttle_full_v - data.throttle_start_v)
                if wanted > 1.0:
                    wanted = 1.0
            elif data.regen_force_n > 0.0:
                wanted = -regen
        self.demand += (wanted - self.demand) * self._alpha
        force, current = self._motor(speed, reverse, contactor)
        self._move(force, speed, brake, grade, dt_s)
        self._electric(current, extra_a, contactor, precharge, ambient_c, dt_s)

    def _motor(self, speed: float, reverse: bool, contactor: bool) -> tuple[float, float]:
        """Return the force at the wheels and the pack current that makes it."""
        data = self.data
        direction = -1.0 if reverse else 1.0
        forward_speed = speed * direction
        bus_v = self.bus_v
        demand = self.demand
        self.saturated = False
        if not contactor or bus_v < 1.0:
            return 0.0, 0.0
        if demand < 0.001 and demand > -0.001:
            return 0.0, data.idle_w / bus_v
        if demand > 0.0:
            force = demand * data.force_n
            # Back-EMF: in the last tenth below the no-load speed the force fades.
            room = 1.0 - forward_speed * data.nominal_v / (data.no_load_mps * bus_v)
            if room < 0.1:
                self.saturated = True
                force *= room * 10.0 if room > 0.0 else 0.0
            limit_w = data.battery_limit_a * bus_v
        else:
            # Regeneration fades below 1.5 m/s and cannot drive backwards.
            fade = forward_speed / 1.5
            force = demand * data.regen_force_n * (0.0 if fade < 0.0 else min(fade, 1.0))
            limit_w = math.inf
        share = force / data.force_n
        # A motor that is hardly driven takes its iron losses from the wheels: W per m/s is N.
        iron_n = abs(force)
        if iron_n > data.iron_loss_w_per_mps:
            iron_n = data.iron_loss_w_per_mps
        loss_w = data.copper_loss_w * share * share + iron_n * abs(speed)
        power_w = force * forward_speed + loss_w + data.idle_w
        if power_w > limit_w:
            self.saturated = True
            # Fewer amps: solve for the force to first order.
            force *= (limit_w - data.idle_w) / (power_w - data.idle_w)
            power_w = limit_w
        self._loss_j += loss_w
        return force * direction, power_w / bus_v

    def _move(self, force: float, speed: float, brake: float, grade: float, dt_s: float) -> None:
        data = self.data
        mass = data.mass_kg
        slope = -self._weight_n * grade
        drag = self._drag_kgpm * speed * abs(speed)
        friction = self._rolling_n + brake * data.brake_mps2 * mass
        push = force + slope - drag
        self.pushed = slope * speed > 0.0 and abs(slope) > self._rolling_n + abs(drag)
        if speed == 0.0:
            if abs(push) <= friction:
                self.force_n = force
                return
            net = push - math.copysign(friction, push)
        else:
            net = push - friction if speed > 0.0 else push + friction
        new_speed = speed + net / (mass * 1.05) * dt_s
        if speed != 0.0 and new_speed * speed < 0.0:
            new_speed = 0.0  # friction stops a car, it does not reverse it
        self.speed_mps = new_speed
        moved = 0.5 * (speed + new_speed) * dt_s
        self.position_m += moved
        self.travelled_m += abs(moved)
        self.force_n = force

    def _electric(
        self,
        current: float,
        extra_a: float,
        contactor: bool,
        precharge: bool,
        ambient_c: float,
        dt_s: float,
    ) -> None:
        data = self.data
        battery = self.battery
        pack_v = battery.voltage_v
        if contactor:
            if not self._was_closed and abs(pack_v - self.bus_v) > 0.1 * data.nominal_v:
                self.arc_closings += 1
            self.bus_v = pack_v
        else:
            drain_a = data.bleed_a if self.bus_v > 0.0 else 0.0
            if self.failed_on:
                drain_a = FAILED_ON_A if self.bus_v > 0.0 else 0.0
            current = (pack_v - self.bus_v) / data.precharge_ohm if precharge else 0.0
            self.bus_v += (current - drain_a) / data.bus_f * dt_s
            if self.bus_v < 0.0:
                self.bus_v = 0.0
        self._was_closed = contactor
        current += extra_a
        battery.step(current, dt_s, ambient_c)
        self.current_a = current
        energy_wh = battery.voltage_v * current * dt_s / 3600.0
        if energy_wh > 0.0:
            self.energy_out_wh += energy_wh
        else:
            self.energy_in_wh -= energy_wh
        self._slow_s += dt_s
        if self._slow_s >= 1.0:
            loss_w = self._loss_j * dt_s / self._slow_s
            self.motor.step(loss_w * 0.7, self._slow_s, ambient_c)
            self.controller.step(loss_w * 0.3, self._slow_s, ambient_c)
            self._slow_s = 0.0
            self._loss_j = 0.0
