"""Every scenario meets its own expectations, and both runtimes drive it alike."""

import os

import pytest

from sim.scenario import find_scenario, run_scenario, scenario_names
from sim.vehicle import load_vehicle, vehicle_names

PROVE = bool(os.environ.get("LSEV_PROVE"))
SEEDS = range(1, 11) if PROVE else (1, 2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", scenario_names())
def test_a_scenario_meets_its_expectations(name: str, seed: int) -> None:
    result = run_scenario(find_scenario(name), seed=seed)
    assert [check for check in result.checks if not check.passed] == []


@pytest.mark.parametrize("vehicle", vehicle_names())
def test_every_vehicle_drives_the_city_cycle(vehicle: str) -> None:
    result = run_scenario(find_scenario("ece15"), vehicle=load_vehicle(vehicle))
    assert [check for check in result.checks if not check.passed] == []


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("name", scenario_names() if PROVE else ["ece15", "downhill"])
def test_micropython_drives_a_scenario_exactly_as_cpython_does(name: str) -> None:
    scenario = find_scenario(name)
    assert run_scenario(scenario, runtime="micropython").rows == run_scenario(scenario).rows
