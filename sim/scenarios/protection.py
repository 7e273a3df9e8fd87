"""The driver protections: learner, pedal stab, pedal with brake, rolling, and crawl in numbers."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sim.driver import Driver, PedalDriver, through
from sim.metrics import Expectation, Watch
from sim.plant.car import CarData
from sim.scenario import Scenario
from sim.vehicle import Vehicle
from sim.world import slopes

_ALWAYS = (
    Expectation("arc_closings", 0.0, 0.0, ""),
    Expectation("late_ticks", 0.0, 0.0, ""),
    Expectation("flash_ops_moving", 0.0, 0.0, ""),
)


# Times of the drivers count from 3.5 s of the run, when the foot leaves the brake.
# fmt: off
_GENTLE_START = through((0.0, 0.0), (1.0, 1.0))
_STAB = through(
    (2.0, 0.0), (2.05, 0.1), (2.25, 0.9), (12.0, 0.9),  # the stab, held
    (12.2, 0.0), (14.0, 0.0), (15.5, 1.0),  # released, then as one drives
)
_HILL_START = through((0.0, 0.0), (0.6, 0.8), (3.0, 0.8), (4.0, 1.0))
_PEDAL_ON_BRAKE = through(
    (0.0, 0.0), (1.0, 0.6), (6.0, 0.6), (6.5, 0.9), (20.0, 0.9),  # not released at the brake
    (20.2, 0.0), (22.0, 0.0), (23.5, 1.0),
)
_BRAKE_ON_PEDAL = through((6.0, 0.0), (6.1, 1.0), (10.0, 1.0), (10.1, 0.0))
# Drive, stop when the fault has come, start again: what the crawl allows is what it does then.
_STOP_AND_START = through(
    (0.0, 0.0), (1.0, 0.5), (6.0, 0.5), (6.2, 0.0), (14.0, 0.0), (15.0, 1.0),
)
_STOP = through((6.0, 0.0), (6.5, 0.8), (12.0, 0.8), (12.2, 0.0))
_NO_BRAKE = through((0.0, 0.0))
# fmt: on


def _drive(
    pedal_at: Callable[[float], float], brake_at: Callable[[float], float] = _NO_BRAKE
) -> Callable[[Vehicle], Driver]:
    return lambda vehicle: PedalDriver(pedal_at, brake_at=brake_at)


def _roll(vehicle: Vehicle) -> Driver:
    return PedalDriver(lambda t: 0.0, gear=0)


_PROTECTIONS = (
    Scenario(
        name="learner",
        summary="full pedal in learner mode: its own cap, gentle",
        seconds=45.0,
        settings=(("learner_on", 1),),
        make_driver=_drive(_GENTLE_START),
        watches=(Watch("start", 3.0, 6.0),),
        expectations=(
            *_ALWAYS,
            Expectation("top_kmh", 18.0, 20.5, "km/h"),
            Expectation("start_rise_permille_s", 50.0, 450.0, "1/s"),
        ),
    ),
    Scenario(
        name="pedal_stab",
        summary="pedal stabbed at standstill: walking speed until it is released",
        seconds=40.0,
        make_driver=_drive(_STAB),
        watches=(Watch("stabbed", 5.0, 15.5), Watch("free", 17.5)),
        expectations=(
            *_ALWAYS,
            Expectation("stabbed_top_kmh", 2.0, 6.5, "km/h"),
            Expectation("free_top_kmh", 25.0, 45.5, "km/h"),
        ),
    ),
    Scenario(
        name="hill_start",
        summary="0 to 80 % in 600 ms on a 12 % hill: no stab, the car climbs",
        seconds=25.0,
        road=slopes((-10.0, 0.12)),
        make_driver=_drive(_HILL_START),
        watches=(Watch("climb", 4.0),),
        expectations=(
            *_ALWAYS,
            Expectation("climb_top_kmh", 9.0, 45.5, "km/h"),
            Expectation("climb_torque_permille", 700.0, 1000.0, ""),
        ),
    ),
    Scenario(
        name="pedal_with_brake",
        summary="pedal and brake together: no torque, then walking speed until released",
        seconds=45.0,
        make_driver=_drive(_PEDAL_ON_BRAKE, _BRAKE_ON_PEDAL),
        watches=(Watch("braked", 9.7, 13.5), Watch("walk", 13.7, 23.5), Watch("free", 26.0)),
        expectations=(
            *_ALWAYS,
            Expectation("braked_torque_permille", 0.0, 0.0, ""),
            Expectation("walk_top_kmh", 2.0, 6.5, "km/h"),
            Expectation("free_top_kmh", 20.0, 45.5, "km/h"),
        ),
    ),
    Scenario(
        name="rolling",
        summary="brake off in neutral on a 5 % slope: the buzzer warns from 3 km/h on",
        seconds=15.0,
        road=slopes((-10.0, -0.05)),
        make_driver=_roll,
        watches=(Watch("slow", 0.0, 5.0), Watch("rolling", 7.0)),
        expectations=(
            *_ALWAYS,
            Expectation("rolling_top_kmh", 6.0, 20.0, "km/h"),
            Expectation("rolling_buzzer_s", 0.5, math.inf, "s"),
            Expectation("rolling_torque_permille", 0.0, 0.0, ""),
        ),
    ),
)

_CRAWL_WATCH = (Watch("crawl", 17.0),)


def _with_mass(mass_kg: float, car: CarData) -> CarData:
    area_m2 = 0.7 if mass_kg < 400.0 else car.drag_area_m2  # small cars are light ones
    return replace(car, mass_kg=mass_kg, drag_area_m2=area_m2)


def _crawl(name: str, summary: str, fault: str, mass_kg: float, top_kmh: float) -> Scenario:
    return Scenario(
        name=f"{name}_{mass_kg:.0f}",
        summary=f"{summary}, {mass_kg:.0f} kg",
        seconds=80.0,
        make_car=partial(_with_mass, mass_kg),
        faults=(fault,),
        make_driver=_drive(_STOP_AND_START, _STOP),
        watches=_CRAWL_WATCH,
        expectations=(
            *_ALWAYS,
            Expectation("crawl_top_kmh", 2.0, top_kmh, "km/h"),
            Expectation("crawl_buzzer_s", 1.0, math.inf, "s"),
            Expectation("stored_faults", 1.0, 3.0, ""),
            Expectation("stored_stops", 0.0, 0.0, ""),
        ),
    )


_CRAWLS = tuple(
    scenario
    for mass_kg in (250.0, 600.0, 900.0)
    for scenario in (
        _crawl("crawl_pedal_lost", "one pedal channel open", "pedal_a_open@8", mass_kg, 10.0),
        _crawl("crawl_speed_lost", "no wheel pulses", "pulses_lost@8", mass_kg, 25.0),
    )
)

PROTECTIONS = (*_PROTECTIONS, *_CRAWLS)
