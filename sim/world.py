"""The world: advances virtual time, ten milliseconds a tick, for one car and its controller."""

from collections.abc import Callable, Sequence

from sim.controller import Controller
from sim.driver import Driver, PedalDriver
from sim.faults import Fault
from sim.fittings import Bms, Charger, fitted_bms, fitted_charger
from sim.frame import (
    BRAKE_ON,
    ENABLE_READBACK,
    GEAR_FORWARD_ON,
    GEAR_REVERSE_ON,
    KEY_ON,
    OUTPUT_SIZE,
    PLUG_IN,
    SAMPLE_WAIT_US,
)
from sim.plant.battery import Battery, make_battery
from sim.plant.car import Car, CarData
from sim.plant.cars import find_car
from sim.plant.sensors import SensorData, Sensors
from sim.runtime import make_controller
from sim.vehicle import Vehicle, load_vehicle
from sim.wires import Wires
from vcu import chemistry

TICK_S = 0.01
# From a reset to the first tick of the loop; until then the resistors hold every output low.
BOOT_TICKS = 30
# What a BMS does is slow: it looks, and is heard, this often.
_BMS_TICKS = 10
_BMS_S = _BMS_TICKS * TICK_S
# Full voltage at a charger's set-point inputs.
_SETPOINT_FULL_MV = 5000.0

Road = Callable[[float], float]


def flat(position_m: float) -> float:
    """Return the grade of a flat road."""
    return 0.0


class World:
    """One car in one place. Every part can be replaced; what is not given comes with the vehicle.

    vehicle is a preset's name or a Vehicle; car the plant's data; battery any
    object with the battery contract; road the grade (climbing positive) over
    position_m; charger feeds the pack while the plug is in; bms watches its
    cells; faults break things on their own timeline. inputs is what the
    controller's pins see, wires what reaches the car, outputs the controller's
    last frame, all 0 while it boots. VehicleError when no car is given or known.
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
        bms: Bms | None = None,
        ambient_c: float = 25.0,
        soc: float = 0.9,
        sensors: SensorData | None = None,
        seed: int = 1,
        runtime: str = "cpython",
        board: str = "esp32_s3",
        controller: Controller | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        self.vehicle = load_vehicle(vehicle) if isinstance(vehicle, str) else vehicle
        values = self.vehicle.values
        if car is None:  # before there is a controller to be ended
            car = find_car(self.vehicle.name)
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
        self.charger = charger if charger is not None else fitted_charger(values)
        self.bms = bms if bms is not None else fitted_bms(values)
        self._charger_v_per_mv = values["charger_full_cv"] / 100.0 / _SETPOINT_FULL_MV
        self._charger_a_per_mv = values["charger_max_da"] / 10.0 / _SETPOINT_FULL_MV
        self.ambient_c = ambient_c
        if controller is None:
            stamps = (sensors or SensorData()).stamps
            controller = make_controller(
                runtime, board, values, stamps=stamps, name=self.vehicle.name
            )
        self.controller = controller
        self.car = Car(car, battery, ambient_c)
        self.sensors = Sensors(
            self.car, self.controller.scaling, values, sensors or SensorData(), seed
        )
        self.wires = Wires()
        self.ticks = 0
        self.time_s = 0.0
        self.outputs = self.controller.outputs
        self.faults = tuple(faults)
        self.inputs = self.sensors.inputs
        if self.faults:
            self.inputs = list(self.inputs)  # the sensors do not see what is done to theirs
        self._exchange = self.controller.exchange
        self._boot_ticks = 0
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
        wires = self.wires
        sensors = self.sensors
        inputs = sensors.inputs
        inputs[KEY_ON] = driver.key
        inputs[PLUG_IN] = driver.plug
        inputs[BRAKE_ON] = driver.brake > 0.02
        inputs[GEAR_FORWARD_ON] = driver.gear > 0
        inputs[GEAR_REVERSE_ON] = driver.gear < 0
        inputs[ENABLE_READBACK] = wires.enable
        if self.bms is not None and self.ticks % _BMS_TICKS == 0:
            self._ask(self.bms)
        sensors.step(driver.pedal, wires.throttle_mv, self.time_s, self.outputs[SAMPLE_WAIT_US])
        if self.faults:
            self._break_inputs()

    def _ask(self, bms: Bms) -> None:
        """Let the BMS look, and tell the controller by both of its ways."""
        bms.step(self.battery, self.car.current_a, _BMS_S)
        self.sensors.contacts_mv = bms.contacts_mv
        cell_data = self.controller.cell_data
        if cell_data is not None:
            bms.fill(cell_data)

    def _break_inputs(self) -> None:
        for fault in self.faults:
            fault.advance(self)  # while inputs are still those of the last tick
        inputs = self.inputs
        inputs[:] = self.sensors.inputs
        for fault in self.faults:
            fault.sense(inputs)

    def restart(self, power_lost: bool) -> None:
        """Reset the controller, or cut its power: it is gone until it has booted."""
        self.controller.restart(power_lost=power_lost)
        self._boot_ticks = BOOT_TICKS
        self._exchange = self._boot

    def _boot(self, inputs: list[int]) -> list[int]:
        """Stand in for the controller while it boots, with every output at its safe level."""
        self._boot_ticks -= 1
        if self._boot_ticks <= 0:
            self._exchange = self.controller.exchange
        return [0] * OUTPUT_SIZE

    def step(self) -> None:
        """Run one tick of the controller and ten milliseconds of the car."""
        self.outputs = out = self._exchange(self.inputs)
        wires = self.wires
        wires.follow(out)
        for fault in self.faults:
            fault.drive(wires)
        car = self.car
        if self.driver.plug:
            extra_a = -self._charge(wires)
        else:
            extra_a = self.charger.current_a = 0.0
        car.step(
            wires.throttle_mv * 0.001,
            wires.regen_permille * 0.001,
            wires.enable,
            wires.reverse,
            wires.contactor,
            wires.precharge,
            self.driver.brake,
            self.road(car.position_m),
            extra_a,
            self.ambient_c,
            TICK_S,
        )
        self.ticks += 1
        self.time_s = self.ticks * TICK_S
        self._sample()

    def _charge(self, wires: Wires) -> float:
        """Let the charger follow its wires; return what it puts into the pack in A."""
        charger = self.charger
        charger.step(
            self.battery.voltage_v,
            wires.charger,
            wires.charge_v_mv * self._charger_v_per_mv,
            wires.charge_a_mv * self._charger_a_per_mv,
            TICK_S,
        )
        return charger.current_a

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
