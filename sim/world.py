"""The world: advances virtual time, ten milliseconds a tick, for one car and its controller."""

from collections.abc import Callable
from typing import Protocol

from sim.driver import Driver, PedalDriver
from sim.frame import (
    BRAKE_ON,
    CHARGER,
    CONTACTOR,
    ENABLE,
    GEAR_FORWARD_ON,
    GEAR_REVERSE_ON,
    KEY_ON,
    PLUG_IN,
    PRECHARGE,
    REGEN_PERMILLE,
    REVERSE,
    THROTTLE_MV,
)
from sim.plant.battery import Battery, make_battery
from sim.plant.car import Car, CarData
from sim.plant.cars import CARS
from sim.plant.sensors import SensorData, Sensors
from sim.runtime import Controller, make_controller
from sim.vehicle import Vehicle, load_vehicle
from vcu import chemistry

TICK_S = 0.01

Road = Callable[[float], float]


class Charger(Protocol):
    """What charges the pack: step() sets current_a, positive into the pack."""

    current_a: float

    def step(self, pack_v: float, enabled: bool, dt_s: float) -> None:
        """Advance by dt_s with the controller's charge enable."""


def flat(position_m: float) -> float:
    """Return the grade of a flat road."""
    return 0.0


class World:
    """One car in one place. Every part can be replaced; what is not given comes with the vehicle.

    vehicle is a preset's name or a Vehicle; car the plant's data; battery any
    object with the battery contract; road the grade (climbing positive) over
    position_m; charger feeds the pack while the plug is in.
    """

    def __init__(
        self,
        vehicle: str | Vehicle = "four_wheel_60v_agm",
        *,
        car: CarData | None = None,
        battery: Battery | None = None,
        driver: Driver | None = None,
        road: Road = flat,
        charger: Charger | None = None,
        ambient_c: float = 25.0,
        soc: float = 0.9,
        sensors: SensorData | None = None,
        seed: int = 1,
        runtime: str = "cpython",
        board: str = "esp32_s3",
        controller: Controller | None = None,
    ) -> None:
        self.vehicle = load_vehicle(vehicle) if isinstance(vehicle, str) else vehicle
        values = self.vehicle.values
        if battery is None:
            battery = make_battery(
                chemistry.NAMES[values["chemistry"]],
                values["cell_count"],
                values["capacity_mah"] / 1000.0,
                soc,
                ambient_c,
            )
        self.battery = battery
        self.driver = driver if driver is not None else PedalDriver(lambda t: 1.0)
        self.road = road
        self.charger = charger
        self.ambient_c = ambient_c
        if controller is None:
            stamps = (sensors or SensorData()).stamps
            controller = make_controller(runtime, board, values, stamps=stamps)
        self.controller = controller
        self.car = Car(car if car is not None else CARS[self.vehicle.name], battery, ambient_c)
        self.sensors = Sensors(
            self.car, self.controller.scaling, values, sensors or SensorData(), seed
        )
        self.ticks = 0
        self.time_s = 0.0
        self.outputs = self.controller.outputs
        self._sample()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the controller; the world cannot be stepped afterwards."""
        self.controller.close()

    def _sample(self) -> None:
        """Let the driver decide and the sensors see, for the tick that comes."""
        driver = self.driver
        car = self.car
        driver.step(self.time_s, car.speed_mps, TICK_S)
        inputs = self.sensors.inputs
        inputs[KEY_ON] = driver.key
        inputs[PLUG_IN] = driver.plug
        inputs[BRAKE_ON] = driver.brake > 0.02
        inputs[GEAR_FORWARD_ON] = driver.gear > 0
        inputs[GEAR_REVERSE_ON] = driver.gear < 0
        self.sensors.step(driver.pedal, self.outputs[THROTTLE_MV], self.time_s)

    def step(self) -> None:
        """Run one tick of the controller and ten milliseconds of the car."""
        out = self.controller.exchange(self.sensors.inputs)
        self.outputs = out
        car = self.car
        extra_a = 0.0
        charger = self.charger
        if charger is not None and self.driver.plug:
            charger.step(self.battery.voltage_v, out[CHARGER] == 1, TICK_S)
            extra_a = -charger.current_a
        car.step(
            out[THROTTLE_MV] * 0.001,
            out[REGEN_PERMILLE] * 0.001,
            out[ENABLE] == 1,
            out[REVERSE] == 1,
            out[CONTACTOR] == 1,
            out[PRECHARGE] == 1,
            self.driver.brake,
            self.road(car.position_m),
            extra_a,
            self.ambient_c,
            TICK_S,
        )
        self.ticks += 1
        self.time_s = self.ticks * TICK_S
        self._sample()

    def run(self, seconds: float) -> None:
        """Step until seconds more have passed."""
        for _ in range(round(seconds / TICK_S)):
            self.step()


def slopes(*pieces: tuple[float, float], over_m: float = 2.0) -> Road:
    """Return a road: pieces are (from_m, grade), each reached over over_m of road."""

    def road(position_m: float) -> float:
        grade = 0.0
        for start_m, new in pieces:
            if position_m < start_m:
                break
            share = (position_m - start_m) / over_m
            grade += (new - grade) * (share if share < 1.0 else 1.0)
        return grade

    return road
