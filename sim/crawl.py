"""Crawl: how fast a car that crawls goes on the flat, and what grade it still climbs.

The car drives, loses a sensor, stops, and starts again with the pedal down: what
it does from then on is what the crawl allows.
"""

from dataclasses import replace

from sim.driver import PedalDriver, through
from sim.faults import make_fault
from sim.plant.cars import CARS
from sim.vehicle import Vehicle
from sim.world import Road, World, flat, slopes

# A pedal channel is gone and the speed still true; or nothing tells the speed any more.
TRUSTED = "pedal_a_open"
UNKNOWN = "pulses_lost"
TRUSTED_KMH = 10.0
UNKNOWN_KMH = 25.0

_LOST_S = 8.0
_PEDAL = through((0.0, 0.0), (1.0, 0.7), (6.0, 0.7), (6.2, 0.0), (14.0, 0.0), (14.6, 1.0))
_BRAKE = through((6.0, 0.0), (6.5, 1.0), (13.9, 1.0), (14.0, 0.0))
_AGAIN_S = 21.0
_FLAT_S = 80.0
_CLIMB_S = 45.0
# Moving forward at less than this is standing.
_CLIMBS_MPS = 0.2


def _crawl(vehicle: Vehicle, fault: str, mass_kg: float, road: Road) -> World:
    plant = CARS[vehicle.name]
    # Small cars are light ones.
    area_m2 = 0.7 if mass_kg < 400.0 else plant.drag_area_m2
    return World(
        vehicle,
        car=replace(plant, mass_kg=mass_kg, drag_area_m2=area_m2),
        driver=PedalDriver(_PEDAL, brake_at=_BRAKE),
        road=road,
        faults=(make_fault(fault, _LOST_S),),
    )


def crawl_top_kmh(vehicle: Vehicle, fault: str, mass_kg: float) -> float:
    """Return the highest speed on the flat after the new start."""
    top_mps = 0.0
    with _crawl(vehicle, fault, mass_kg, flat) as world:
        while world.time_s < _FLAT_S:
            world.step()
            if world.time_s > _AGAIN_S:
                top_mps = max(top_mps, abs(world.car.speed_mps))
    return top_mps * 3.6


def climbs(vehicle: Vehicle, fault: str, mass_kg: float, grade: float) -> bool:
    """Return whether the car that crawls still moves up a grade."""
    with _crawl(vehicle, fault, mass_kg, slopes((-1e4, grade))) as world:
        world.run(_CLIMB_S)
        return world.car.speed_mps > _CLIMBS_MPS


def climbed_percent(vehicle: Vehicle, fault: str, mass_kg: float) -> int:
    """Return the steepest grade, in whole percent up to 20, that it climbs; 0 for none."""
    percent = 0
    while percent < 20 and climbs(vehicle, fault, mass_kg, (percent + 1) / 100.0):
        percent += 1
    return percent
