"""Worlds for the tests: the loop of one, and a drive as it stood at each of its moments."""

import copy
from functools import cache

from sim.runtime import CpythonController
from sim.vehicle import load_vehicle
from sim.world import World, flat
from tests.property.envelope import ScriptDriver
from vcu.loop import Loop

VEHICLE = load_vehicle("four_wheel_60v_agm")
# Forward in every way, up to the cap on a long slope, and backwards at the end.
DRIVE = (
    (3.5, True, False, 1, 0.4, 0.0),
    (6.0, True, False, 1, 0.0, 0.0),
    (7.0, True, False, 1, 0.8, 0.0),
    (9.0, True, False, 1, 0.0, 0.4),
    (10.0, True, False, 1, 1.0, 0.0),
    (36.0, True, False, 1, 0.3, 0.0),
    (39.0, True, False, 1, 0.0, 0.9),
    (45.0, True, False, -1, 0.0, 1.0),
    (46.0, True, False, -1, 0.6, 0.0),
    (50.0, True, False, -1, 0.0, 1.0),
    (52.0, False, False, 0, 0.0, 1.0),
)
MOMENT_S = 0.53
MOMENTS = 100


def loop_of(world: World) -> Loop:
    """Return the control loop of a world that runs in CPython."""
    controller = world.controller
    assert isinstance(controller, CpythonController)
    return controller.loop


@cache
def moments() -> list[World]:
    """Return the drive as it stood at each of its moments, the pre-charge among them."""
    world = World(VEHICLE, driver=ScriptDriver(*DRIVE), road=flat)
    found: list[World] = []
    top_mps = 0.0
    for _ in range(MOMENTS):
        world.run(MOMENT_S)
        top_mps = max(top_mps, world.car.speed_mps)
        found.append(copy.deepcopy(world))
    assert top_mps * 3.6 > VEHICLE.values["speed_cap_kmh"] - 1.0
    assert world.car.speed_mps == 0.0
    return found
