"""Every scenario meets its own expectations, and both runtimes drive it alike.

Every second of every charge is judged by the rules of charging as well (charge_rules.py).
"""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sim.charge_scenario import ChargeScenario, UnfitError
from sim.charging import ChargeRun
from sim.scenario import Result, find_scenario, run_scenario, scenario_names, whole_loop_piece
from sim.vehicle import load_vehicle, vehicle_names
from tests.property.charge_watch import watched
from tests.proving import PROVE

SEEDS = range(1, 11) if PROVE else (1, 2)
CHARGE_SEEDS = range(1, 11) if PROVE else (1,)
CHARGES = [name for name in scenario_names() if isinstance(find_scenario(name), ChargeScenario)]
DRIVES = [name for name in scenario_names() if name not in CHARGES]


def charge(name: str) -> ChargeScenario:
    scenario = find_scenario(name)
    assert isinstance(scenario, ChargeScenario)
    return scenario


def fits(name: str, vehicle: str) -> bool:
    try:
        charge(name).check(charge(name).load_vehicle(vehicle))
    except UnfitError:
        return False
    return True


TRIED = CHARGES if PROVE else ["overnight", "wrong_chemistry"]
PAIRS = [(name, vehicle) for name in TRIED for vehicle in vehicle_names() if fits(name, vehicle)]
# What shows itself after hours only has no piece that the whole loop could run in time.
PIECES = [name for name in TRIED if charge(name).piece_s]


def failed(result: Result) -> list[object]:
    return [check for check in result.checks if not check.passed]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", DRIVES)
def test_a_scenario_meets_its_expectations(name: str, seed: int) -> None:
    assert failed(run_scenario(find_scenario(name), seed=seed)) == []


@pytest.mark.parametrize("seed", CHARGE_SEEDS)
@pytest.mark.parametrize("name", CHARGES)
def test_a_charge_meets_its_expectations_and_breaks_no_rule(name: str, seed: int) -> None:
    assert failed(run_scenario(watched(charge(name)), seed=seed)) == []


def test_a_relay_that_closes_by_itself_in_a_charge_scenario_is_noticed() -> None:
    def story(run: ChargeRun, rnd: random.Random) -> Iterator[float]:
        yield 5.0
        run.charge.enable = 1

    with pytest.raises(AssertionError, match=r"I2 .* in CHECK: relay closed"):
        run_scenario(watched(replace(charge("overnight"), story=story)))


@pytest.mark.parametrize("vehicle", vehicle_names())
def test_every_vehicle_drives_the_city_cycle(vehicle: str) -> None:
    assert failed(run_scenario(find_scenario("ece15"), vehicle=load_vehicle(vehicle))) == []


@pytest.mark.parametrize(("name", "vehicle"), PAIRS)
def test_every_vehicle_that_it_is_about_passes_a_charge(name: str, vehicle: str) -> None:
    scenario = watched(charge(name))
    assert failed(run_scenario(scenario, vehicle=scenario.load_vehicle(vehicle))) == []


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("name", PIECES)
def test_the_beginning_of_a_charge_meets_its_expectations_on_both_runtimes(name: str) -> None:
    piece = whole_loop_piece(charge(name))
    for runtime in ("cpython", "micropython"):
        assert failed(run_scenario(piece, runtime=runtime)) == []


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("name", ["plug_in_while_driving"])
def test_micropython_meets_the_expectations_where_the_plug_goes_in_at_speed(name: str) -> None:
    assert failed(run_scenario(find_scenario(name), runtime="micropython")) == []


# Not where the car stops and saves: a write to flash takes its time in MicroPython only.
@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize(
    "name",
    [name for name in DRIVES if name != "plug_in_while_driving"]
    if PROVE
    else ["ece15", "downhill"],
)
def test_micropython_drives_a_scenario_exactly_as_cpython_does(name: str) -> None:
    scenario = find_scenario(name)
    assert run_scenario(scenario, runtime="micropython").rows == run_scenario(scenario).rows
