"""Scenarios: a drive as data, with what must come out of it; pytest and lsev run the same ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sim import frame
from sim.charge_metrics import ChargeMetrics
from sim.charge_scenario import ChargeScenario, Progress, UnfitError, run_charge
from sim.driver import CycleDriver, Driver, PluggedDriver
from sim.faults import Fault, parse_fault
from sim.fittings import Bms
from sim.metrics import Expectation, Metrics, Watch
from sim.plant.battery import Battery
from sim.plant.car import CarData
from sim.plant.cars import find_car
from sim.trace import EVERY_TICKS, Row, fault_numbers, row
from sim.vehicle import Vehicle, load_vehicle, nearest
from sim.world import TICK_S, Road, World, flat


class ScenarioError(ValueError):
    """There is no such scenario, or no such figure in it; the text names the nearest."""


@dataclass(frozen=True)
class Scenario:
    """One drive: who drives which car where for how long, and the figures it must show."""

    name: str
    summary: str
    seconds: float
    make_driver: Callable[[Vehicle], Driver]
    expectations: tuple[Expectation, ...]
    vehicle: str = "four_wheel_60v_agm"
    road: Road = flat
    ambient_c: float = 25.0
    soc: float = 0.9
    make_car: Callable[[CarData], CarData] | None = None  # out of the vehicle's own
    settings: tuple[tuple[str, int], ...] = ()  # parameters over the vehicle's own
    faults: tuple[str, ...] = ()  # NAME or NAME@SECONDS
    watches: tuple[Watch, ...] = ()
    make_pack: Callable[[Vehicle, float, float], Battery] | None = None  # else the vehicle's own
    make_bms: Callable[[Vehicle], Bms | None] | None = None  # else the vehicle's own
    piece_of_s: float = 0.0  # of a charge of so long, of which this is the beginning

    def load_vehicle(self, name: str | None = None) -> Vehicle:
        """Return the scenario's vehicle, or the named one, with the scenario's settings."""
        vehicle = load_vehicle(self.vehicle if name is None else name)
        return vehicle.with_values(dict(self.settings))


@dataclass(frozen=True)
class Check:
    """An expectation and what the run gave."""

    expectation: Expectation
    value: float

    @property
    def passed(self) -> bool:
        """Whether the value lies in the expected range."""
        return self.expectation.low <= self.value <= self.expectation.high


@dataclass(frozen=True)
class Result:
    """All that is left of a run."""

    scenario: Scenario | ChargeScenario
    vehicle: Vehicle
    runtime: str
    seed: int
    values: dict[str, float]
    checks: tuple[Check, ...]
    rows: list[Row]
    injected: tuple[str, ...] = ()  # what was broken on purpose, as NAME@SECONDS
    stored: tuple[int, ...] = ()  # row numbers (vcu.faults.row_of) that the controller remembers

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return all(check.passed for check in self.checks)


def scenario_names() -> list[str]:
    """Return the names of all scenarios, in the order of their tables."""
    from sim.scenarios import SCENARIOS

    return [scenario.name for scenario in SCENARIOS]


def find_scenario(name: str) -> Scenario | ChargeScenario:
    """Return the scenario; ScenarioError names the nearest."""
    from sim.scenarios import SCENARIOS

    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    raise ScenarioError(
        f"no scenario is called {name!r}; nearest: {nearest(name, scenario_names())}"
    )


def whole_loop_piece(charge: ChargeScenario) -> Scenario:
    """Return the beginning of a charge as a scenario of the whole 10 ms loop; UnfitError."""
    from sim.scenarios import SCENARIOS

    if charge.piece_s == 0.0:
        charges = (s for s in SCENARIOS if isinstance(s, ChargeScenario) and s.piece_s)
        raise UnfitError(
            f"{charge.name} shows itself after hours, which the whole loop is too slow for; leave"
            f" --runtime away, or take one whose beginning says something:"
            f" {', '.join(s.name for s in charges)}"
        )
    return Scenario(
        name=charge.name,
        summary=charge.summary,
        seconds=charge.piece_s,
        make_driver=lambda vehicle: PluggedDriver(),
        expectations=charge.piece_expectations,
        vehicle=charge.vehicle,
        ambient_c=charge.ambient_c,
        soc=charge.soc,
        settings=charge.settings,
        faults=charge.piece_faults,
        make_pack=charge.make_pack,
        make_bms=charge.make_bms,
        piece_of_s=charge.seconds,
    )


def as_run(
    scenario: Scenario | ChargeScenario,
    vehicle: Vehicle,
    runtime: str,
    faults: Sequence[Fault] = (),
) -> Scenario | ChargeScenario:
    """Return what is run of the scenario: of a charge under MicroPython its beginning.

    UnfitError says what does not go together.
    """
    if isinstance(scenario, ChargeScenario):
        scenario.check(vehicle)
        if runtime != "cpython":
            scenario = whole_loop_piece(scenario)
    if isinstance(scenario, Scenario):
        for fault in faults:
            if fault.onset_s >= scenario.seconds:
                raise UnfitError(
                    f"{fault.name}@{fault.onset_s:g} would never come: {scenario.name} ends at"
                    f" {scenario.seconds:g} s"
                )
        return scenario
    if faults:
        raise UnfitError(
            f"{scenario.name} runs at a second a step, too coarse for --fault; with --runtime"
            " micropython its beginning takes faults"
        )
    return scenario


def run_scenario(
    scenario: Scenario | ChargeScenario,
    *,
    vehicle: Vehicle | None = None,
    seed: int = 1,
    runtime: str = "cpython",
    progress: Progress | None = None,
    faults: Sequence[Fault] = (),
) -> Result:
    """Run the scenario to its end; progress is called once per simulated second, or ten.

    A vehicle that is given comes as it is, without the scenario's settings;
    faults, which one run uses up, come on top of the scenario's own. UnfitError
    as from as_run(), and ScenarioError for a figure that no run gives.
    """
    chosen = vehicle if vehicle is not None else scenario.load_vehicle()
    scenario = as_run(scenario, chosen, runtime, faults)
    if isinstance(scenario, Scenario):
        return _drive(scenario, chosen, seed, runtime, progress, faults)
    expectations = scenario.expected(chosen)
    unrun = ChargeMetrics(scenario.make_run(chosen, seed), scenario.watches)
    _check_metrics(scenario.name, expectations, unrun.values())
    charged = run_charge(scenario, chosen, seed=seed, progress=progress)
    values = charged.values
    checks = tuple(Check(e, values[e.metric]) for e in expectations)
    return Result(
        scenario, chosen, runtime, seed, values, checks, charged.rows, stored=charged.stored
    )


def _check_metrics(
    name: str, expectations: Sequence[Expectation], figures: Mapping[str, float]
) -> None:
    """Raise ScenarioError before the run where one is expected that it does not give."""
    for expectation in expectations:
        if expectation.metric not in figures:
            raise ScenarioError(
                f"{name} expects {expectation.metric!r}, which is no figure of a run; nearest:"
                f" {nearest(expectation.metric, list(figures))}"
            )


def _drive(
    scenario: Scenario,
    chosen: Vehicle,
    seed: int,
    runtime: str,
    progress: Progress | None,
    faults: Sequence[Fault],
) -> Result:
    broken = (*(parse_fault(text) for text in scenario.faults), *faults)
    driver = scenario.make_driver(chosen)
    cycle = driver if isinstance(driver, CycleDriver) else None
    rows: list[Row] = []
    with make_world(scenario, chosen, driver, seed, runtime, broken) as world:
        metrics = Metrics(world, scenario.watches)
        _check_metrics(scenario.name, scenario.expectations, metrics.values())
        for tick in range(1, round(scenario.seconds / TICK_S) + 1):
            world.step()
            wanted_mps = cycle.asked_mps if cycle is not None else -1.0
            metrics.step(wanted_mps)
            if tick % EVERY_TICKS == 0:
                rows.append(row(world, max(wanted_mps, 0.0) * 3.6, metrics.charge_ah))
            if progress is not None and tick % 100 == 0:
                progress(world.time_s, _what_it_does(world))
        values = metrics.values()
        stored = fault_numbers(world.outputs, frame.STORED)
    checks = tuple(Check(e, values[e.metric]) for e in scenario.expectations)
    injected = tuple(f"{fault.name}@{fault.onset_s:g}" for fault in broken)
    return Result(scenario, chosen, runtime, seed, values, checks, rows, injected, stored)


def _what_it_does(world: World) -> str:
    if world.driver.plug:
        return f"{world.charger.current_a:.1f} A"
    return f"{world.car.speed_mps * 3.6:.1f} km/h"


def make_world(
    scenario: Scenario,
    vehicle: Vehicle,
    driver: Driver,
    seed: int,
    runtime: str,
    faults: Sequence[Fault] = (),
) -> World:
    """Return the scenario's world at its beginning."""
    battery = None
    if scenario.make_pack is not None:
        battery = scenario.make_pack(vehicle, scenario.soc, scenario.ambient_c)
    return World(
        vehicle,
        car=scenario.make_car(find_car(vehicle.name)) if scenario.make_car else None,
        battery=battery,
        driver=driver,
        road=scenario.road,
        bms=scenario.make_bms(vehicle) if scenario.make_bms is not None else None,
        ambient_c=scenario.ambient_c,
        soc=scenario.soc,
        seed=seed,
        runtime=runtime,
        faults=faults,
    )
