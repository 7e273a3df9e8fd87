"""Scenarios: a drive as data, with what must come out of it; pytest and lsev run the same ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim import frame
from sim.driver import CycleDriver, Driver
from sim.faults import Fault, parse_fault
from sim.metrics import Expectation, Metrics, Watch
from sim.plant.car import CarData
from sim.trace import EVERY_TICKS, Row, fault_numbers, row
from sim.vehicle import Vehicle, load_vehicle, nearest
from sim.world import TICK_S, Road, World, flat


class ScenarioError(ValueError):
    """There is no such scenario; the text names the nearest."""


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
    car: CarData | None = None  # instead of the vehicle's own
    settings: tuple[tuple[str, int], ...] = ()  # parameters over the vehicle's own
    faults: tuple[str, ...] = ()  # NAME or NAME@SECONDS
    watches: tuple[Watch, ...] = ()

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

    scenario: Scenario
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


def find_scenario(name: str) -> Scenario:
    """Return the scenario; ScenarioError names the nearest."""
    from sim.scenarios import SCENARIOS

    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    raise ScenarioError(
        f"no scenario is called {name!r}; nearest: {nearest(name, scenario_names())}"
    )


def run_scenario(
    scenario: Scenario,
    *,
    vehicle: Vehicle | None = None,
    seed: int = 1,
    runtime: str = "cpython",
    progress: Callable[[float, World], None] | None = None,
    faults: Sequence[Fault] = (),
) -> Result:
    """Drive the scenario to its end; progress is called once per simulated second.

    A vehicle that is given comes as it is, without the scenario's settings;
    faults, which one run uses up, come on top of the scenario's own.
    """
    chosen = vehicle if vehicle is not None else scenario.load_vehicle()
    broken = (*(parse_fault(text) for text in scenario.faults), *faults)
    driver = scenario.make_driver(chosen)
    cycle = driver if isinstance(driver, CycleDriver) else None
    rows: list[Row] = []
    with World(
        chosen,
        car=scenario.car,
        driver=driver,
        road=scenario.road,
        ambient_c=scenario.ambient_c,
        soc=scenario.soc,
        seed=seed,
        runtime=runtime,
        faults=broken,
    ) as world:
        metrics = Metrics(world, scenario.watches)
        for tick in range(1, round(scenario.seconds / TICK_S) + 1):
            world.step()
            wanted_mps = cycle.asked_mps if cycle is not None else -1.0
            metrics.step(wanted_mps)
            if tick % EVERY_TICKS == 0:
                rows.append(row(world, max(wanted_mps, 0.0) * 3.6))
            if progress is not None and tick % 100 == 0:
                progress(world.time_s, world)
        values = metrics.values()
        stored = fault_numbers(world.outputs, frame.STORED)
    checks = tuple(Check(e, values[e.metric]) for e in scenario.expectations)
    injected = tuple(f"{fault.name}@{fault.onset_s:g}" for fault in broken)
    return Result(scenario, chosen, runtime, seed, values, checks, rows, injected, stored)
