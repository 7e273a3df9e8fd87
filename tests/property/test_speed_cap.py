"""The speed cap holds for every car, road, sensor and driver that the product allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.plant.cars import CARS
from sim.world import flat
from tests.cap_drives import Case, assert_within_limits, drive
from tests.proving import PROVE, generated

EXAMPLES = 2000 if PROVE else 60

# Pulses per turn that the product promises: 24 by count alone, 12 with time stamps.
SENSORS = st.sampled_from(
    [(False, 24), (False, 30), (False, 48), (True, 12), (True, 16), (True, 24), (True, 36)]
)
CASES = st.builds(
    Case,
    name=st.sampled_from(sorted(CARS)),
    cap_kmh=st.sampled_from([40, 45, 56]),
    circumference_mm=st.integers(1100, 1900),
    sensors=SENSORS,
    mass_kg=st.floats(250.0, 900.0),
    lag_s=st.floats(0.020, 0.150),
    pack=st.floats(0.80, 1.10),
    celsius=st.floats(-15.0, 45.0),
    full_pedal=st.booleans(),
    seed=st.integers(0, 10**6),
)


@generated(EXAMPLES)
@given(CASES)
def test_no_car_exceeds_its_cap_hunts_or_stays_far_below_it(case: Case) -> None:
    assert_within_limits(drive(case))


# Light cars with slow motors: a crest takes more load off them than they can let go at once.
CRESTS = [
    Case("four_wheel_72v_lfp", 45, 1795, (False, 48), 250.0, 0.15, 1.093, 7.9, False, 542259),
    Case("four_wheel_72v_lfp", 56, 1438, (True, 36), 276.1, 0.14, 1.061, -7.4, False, 958563),
    Case("four_wheel_60v_agm", 56, 1359, (True, 36), 258.4, 0.15, 1.071, 45.0, True, 47093),
    Case("four_wheel_72v_lfp", 56, 1900, (True, 36), 250.0, 0.15, 1.1, 7.2, True, 995191),
    Case("four_wheel_72v_lfp", 45, 1100, (False, 48), 250.0, 0.14, 1.1, 45.0, True, 319808),
    Case("four_wheel_72v_lfp", 56, 1127, (True, 12), 256.2, 0.133, 1.1, -0.3, False, 678345),
    Case("four_wheel_72v_lfp", 56, 1213, (False, 24), 250.0, 0.1337, 1.1, 29.26, True, 577964),
    Case("four_wheel_60v_agm", 56, 1234, (False, 24), 250.0, 0.15, 1.0157, -13.4, False, 133655),
]
# Two whole pulses per tick at the target: two readings at the wrong moments say nothing new.
WHOLE_PULSES = [
    Case("four_wheel_72v_lfp", 56, 1848, (False, 24), 428.2, 0.045, 1.0814, 45.0, True, 704787),
]
# The pedal is let go while the governor limits: what the car then loses is the driver's wish.
LET_GO = [
    Case(
        "four_wheel_60v_agm",
        40,
        1623,
        (False, 30),
        342.62026484119207,
        0.08284873199237033,
        1.1,
        1.4289456752483183,
        False,
        178721,
    ),
    Case(
        "four_wheel_60v_agm",
        45,
        1228,
        (False, 30),
        251.98470350592848,
        0.02,
        1.1,
        14.560284698390596,
        False,
        531628,
    ),
    Case(
        "four_wheel_72v_lfp",
        40,
        1724,
        (False, 30),
        378.9421987010016,
        0.05528960520704393,
        1.0386743672292722,
        38.43727036849786,
        False,
        882016,
    ),
]


@pytest.mark.parametrize("case", [*CRESTS, *WHOLE_PULSES, *LET_GO])
def test_a_crest_whole_pulses_and_a_pedal_let_go_are_within_the_limits_too(case: Case) -> None:
    assert_within_limits(drive(case))


# Rare pulses and a hill that brakes the car to its cap: torque again while the last half second
# was above; and a slow motor that hardly pulls any more at speed.
HONEST = [
    Case("four_wheel_72v_lfp", 45, 1863, (True, 12), 250.0, 0.04716, 1.0553, -15.0, False, 862360),
    Case(
        "four_wheel_72v_lfp",
        40,
        1577,
        (True, 12),
        250.0,
        0.1416598207262696,
        1.1,
        26.07255,
        False,
        15882,
    ),
    Case("four_wheel_60v_agm", 56, 1387, (True, 36), 699.26, 0.15, 1.0599, 30.0, False, 510267),
    Case("four_wheel_72v_lfp", 45, 1900, (False, 48), 900.0, 0.02, 1.0766, 3.0615, True, 7992),
    Case(
        "four_wheel_72v_lfp",
        45,
        1900,
        (True, 12),
        285.0136785192766,
        0.02,
        1.0648313840826735,
        5.317064707230902,
        False,
        232979,
    ),
]


@pytest.mark.parametrize("case", HONEST)
def test_no_hill_and_no_motor_makes_the_guard_stop_an_honest_car(case: Case) -> None:
    assert drive(case)["drive_s"] > 50.0


def test_a_wheel_three_percent_larger_costs_three_percent_and_no_more() -> None:
    case = Case("four_wheel_60v_agm", 45, 1595, (True, 24), 600.0, 0.08, 1.0, 25.0, True, 1)
    plain = drive(case, road=flat)
    larger = drive(case, wheel_error=0.03, road=flat)
    assert min(plain["governed_s"], larger["governed_s"]) > 10.0
    assert larger["over_cap_kmh"] <= 45 * 0.03 + 0.5
    assert larger["over_cap_kmh"] - plain["over_cap_kmh"] <= 45 * 0.03 + 0.1
