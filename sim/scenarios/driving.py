"""The drives: city cycle, school run, full pedal, long downhill."""

import math

from sim.cycle import CYCLES_DIR, load
from sim.driver import CycleDriver, Driver, PedalDriver
from sim.metrics import Expectation
from sim.scenario import Scenario
from sim.vehicle import Vehicle
from sim.world import slopes

# What every drive must show, whatever else it is about.
_ALWAYS = (
    Expectation("over_cap_kmh", -math.inf, 0.5, "km/h"),
    Expectation("over_with_torque_ms", 0.0, 200.0, "ms"),
    Expectation("hunting_kmh", 0.0, 0.5, "km/h"),
    # A late edge moves the speed by 0.1 km/h, and torque is released at once: at most 229 in the
    # 60 first seeds of full_pedal.
    Expectation("torque_jump_permille", 0.0, 250.0, ""),
    Expectation("arc_closings", 0.0, 0.0, ""),
    Expectation("late_ticks", 0.0, 0.0, ""),
    Expectation("odometer_error_m", 0.0, 5.0, "m"),
    Expectation("stored_faults", 0.0, 0.0, ""),
    Expectation("flash_ops_moving", 0.0, 0.0, ""),
)


def _cycle(name: str, vehicle: Vehicle) -> Driver:
    cap_mps = vehicle.values["speed_cap_kmh"] / 3.6
    return CycleDriver(load(CYCLES_DIR / f"{name}.csv").clipped(cap_mps))


def _ece15(vehicle: Vehicle) -> Driver:
    return _cycle("ece15", vehicle)


def _school_run(vehicle: Vehicle) -> Driver:
    return _cycle("school_run", vehicle)


def _full_pedal(vehicle: Vehicle) -> Driver:
    return PedalDriver(lambda t: min(1.0, t / 0.5) if t < 100.0 else 0.0)


def _downhill(vehicle: Vehicle) -> Driver:
    return PedalDriver(lambda t: min(1.0, t / 0.5))


DRIVES = (
    Scenario(
        name="ece15",
        summary="UN R83 urban cycle, 195 s, clipped to the cap",
        seconds=200.0,
        make_driver=_ece15,
        expectations=(
            *_ALWAYS,
            Expectation("distance_km", 0.93, 1.06, "km"),
            Expectation("cycle_error_kmh", 0.0, 1.5, "km/h"),
            Expectation("wh_per_km", 35.0, 100.0, "Wh/km"),
        ),
    ),
    Scenario(
        name="school_run",
        summary="stop-and-go to school, 1.9 km with a hill of 6 %",
        seconds=305.0,
        make_driver=_school_run,
        road=slopes((900.0, 0.06), (1150.0, -0.05), (1350.0, 0.0), over_m=20.0),
        expectations=(
            *_ALWAYS,
            Expectation("distance_km", 1.9, 2.3, "km"),
            Expectation("cycle_error_kmh", 0.0, 2.0, "km/h"),
        ),
    ),
    Scenario(
        name="full_pedal",
        summary="full pedal over flat road, an 8 % climb and its crest",
        seconds=125.0,
        make_driver=_full_pedal,
        road=slopes((450.0, 0.08), (600.0, 0.0)),
        expectations=(
            *_ALWAYS,
            Expectation("below_cap_kmh", 0.4, 1.0, "km/h"),
            Expectation("governed_s", 30.0, math.inf, "s"),
        ),
    ),
    Scenario(
        name="downhill",
        summary="1.5 km down a 6 % slope with the pedal held, braked by regeneration",
        seconds=130.0,
        make_driver=_downhill,
        vehicle="four_wheel_72v_lfp",
        soc=0.7,
        road=slopes((300.0, -0.06), (1800.0, 0.0), over_m=20.0),
        expectations=(
            *_ALWAYS,
            Expectation("top_kmh", 50.0, 59.0, "km/h"),
            Expectation("regen_wh", 20.0, math.inf, "Wh"),
        ),
    ),
)
