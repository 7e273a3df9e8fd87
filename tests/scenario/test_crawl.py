"""A car that crawls keeps to both limits on the flat, whatever it weighs.

Three masses for each vehicle, 14 with LSEV_PROVE=1.
"""

import pytest

from sim.crawl import (
    TRUSTED,
    TRUSTED_KMH,
    UNKNOWN,
    UNKNOWN_KMH,
    climbs,
    crawl_top_kmh,
)
from sim.vehicle import load_vehicle, vehicle_names
from tests.proving import PROVE

MASSES_KG = range(250, 901, 50) if PROVE else (250, 600, 900)


@pytest.mark.parametrize("mass_kg", MASSES_KG)
@pytest.mark.parametrize("vehicle", vehicle_names())
def test_with_its_speed_known_a_crawling_car_keeps_below_10_km_h(
    vehicle: str, mass_kg: int
) -> None:
    assert 3.0 < crawl_top_kmh(load_vehicle(vehicle), TRUSTED, mass_kg) <= TRUSTED_KMH


@pytest.mark.parametrize("mass_kg", MASSES_KG)
@pytest.mark.parametrize("vehicle", vehicle_names())
def test_with_its_speed_unknown_a_crawling_car_keeps_below_25_km_h(
    vehicle: str, mass_kg: int
) -> None:
    assert 3.0 < crawl_top_kmh(load_vehicle(vehicle), UNKNOWN, mass_kg) <= UNKNOWN_KMH


def test_what_a_crawling_car_climbs_ends_somewhere() -> None:
    vehicle = load_vehicle("four_wheel_60v_agm")
    assert climbs(vehicle, TRUSTED, 600.0, 0.02)
    assert not climbs(vehicle, UNKNOWN, 900.0, 0.20)
