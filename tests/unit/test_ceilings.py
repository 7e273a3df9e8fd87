"""Ceilings: each at its edges."""

import pytest

from tests.unit.cars import drawing, make_params, moving
from vcu.ceilings import Ceiling, CurrentCeiling, RegenCeiling
from vcu.limits import MOTOR_TEMP, PACK_CURRENT

# --- a plain ceiling


def test_a_ceiling_is_open_until_its_owner_sets_it():
    ceiling = Ceiling(MOTOR_TEMP)
    assert (ceiling.name, ceiling.permille) == (MOTOR_TEMP, 1000)


# --- the current ceiling


def current_ceiling(limit_da, lagged_permille, current_da):
    ceiling = CurrentCeiling(PACK_CURRENT, max(limit_da, 1), moving(lagged_permille))
    ceiling.limit_da = limit_da
    ceiling.step(drawing(current_da))
    return ceiling


@pytest.mark.parametrize(
    ("limit_da", "lagged", "current_da", "answer"),
    [
        (700, 800, 1000, 560),
        (700, 800, 700, 800),
        (700, 800, 701, 798),
        (700, 1000, 701, 998),
        (700, 800, 1400, 400),
        (1, 1000, 3000, 0),
    ],
)
def test_torque_is_scaled_by_allowed_over_measured_current(limit_da, lagged, current_da, answer):
    assert current_ceiling(limit_da, lagged, current_da).permille == answer


def test_the_current_ceiling_never_passes_full_torque():
    assert current_ceiling(700, 1000, 400).permille == 1000
    assert current_ceiling(700, 572, 400).permille == 1000  # 1001 as the ratio has it
    assert current_ceiling(700, 571, 400).permille == 999


@pytest.mark.parametrize(("current_da", "answer"), [(49, 1000), (50, 400)])
def test_below_5_a_the_ratio_of_current_to_torque_is_not_used(current_da, answer):
    assert current_ceiling(100, 200, current_da).permille == answer


@pytest.mark.parametrize(("current_da", "answer"), [(199, 1000), (200, 400)])
def test_below_a_quarter_of_the_limit_the_ratio_is_not_used(current_da, answer):
    assert current_ceiling(800, 100, current_da).permille == answer


@pytest.mark.parametrize(
    ("limit_da", "answer"), [(0, 0), (1, 4), (100, 400), (249, 996), (250, 1000), (1000, 1000)]
)
def test_while_little_flows_torque_is_four_times_the_share_that_is_allowed(limit_da, answer):
    ceiling = CurrentCeiling(PACK_CURRENT, 1000, moving(1000))
    ceiling.limit_da = limit_da
    ceiling.step(drawing(0))
    assert ceiling.permille == answer


@pytest.mark.parametrize("current_da", [-500, 0, 49, 50, 500])
def test_no_allowed_current_is_no_torque_even_when_none_flows(current_da):
    assert current_ceiling(0, 1000, current_da).permille == 0


def test_the_smallest_allowed_current_is_torque_as_long_as_none_flows():
    assert current_ceiling(1, 1000, 0).permille == 1000


def test_current_drawn_while_the_motor_brakes_leaves_no_drive_torque_but_never_asks_for_braking():
    assert current_ceiling(700, -300, 700).permille == 0


def test_the_current_ceiling_falls_at_once_and_comes_back_by_halves():
    ceiling = current_ceiling(400, 800, 1000)
    assert ceiling.permille == 320
    ceiling.step(drawing(0))
    assert ceiling.permille == 320 + 340  # (680 + 1) / 2
    ceiling.step(drawing(0))
    assert ceiling.permille == 660 + 170
    ceiling.step(drawing(1000))
    assert ceiling.permille == 320


def test_the_current_ceiling_comes_back_all_the_way_and_no_further():
    ceiling = current_ceiling(400, 800, 1000)
    for _ in range(60):
        ceiling.step(drawing(0))
    assert ceiling.permille == 1000


@pytest.mark.parametrize(
    ("max_da", "limit_da", "answer"),
    [(800, 200, 1000), (800, 199, 995), (700, 172, 982), (799, 200, 1000), (800, 1, 5)],
)
def test_while_little_flows_the_torque_is_four_times_the_share_that_is_allowed(
    max_da, limit_da, answer
):
    ceiling = CurrentCeiling(PACK_CURRENT, max_da, moving(1000))
    ceiling.limit_da = limit_da
    ceiling.step(drawing(0))
    assert ceiling.permille == answer


def test_the_last_permille_of_torque_is_not_rounded_away():
    assert current_ceiling(100, 10, 1000).permille == 1


# --- the regeneration ceiling


def regen_ceiling(limit_da, lagged=-300, current_da=0, fitted=400, valid=1, ticks=1):
    ceiling = RegenCeiling(make_params(regen_max_permille=fitted), moving(lagged))
    ceiling.limit_da = limit_da
    sig = drawing(current_da)
    sig.pack_valid = valid
    for _ in range(ticks):
        ceiling.step(sig)
    return ceiling


def test_no_regeneration_passes_where_none_is_fitted():
    assert regen_ceiling(800, fitted=0, ticks=50).permille == 0


def test_no_regeneration_passes_before_the_first_step():
    ceiling = RegenCeiling(make_params(regen_max_permille=400), moving())
    assert ceiling.permille == 0
    ceiling.step(drawing(0))
    assert ceiling.permille == 0


def test_regeneration_opens_by_quarters_all_the_way_to_what_is_fitted():
    assert regen_ceiling(800, ticks=1).permille == 100
    assert regen_ceiling(800, ticks=2).permille == 175
    assert regen_ceiling(800, ticks=80).permille == 400


@pytest.mark.parametrize(("limit_da", "answer"), [(-1, 0), (0, 0), (1, 4), (50, 200)])
def test_regeneration_is_in_proportion_to_the_allowance_and_none_without_one(limit_da, answer):
    assert regen_ceiling(limit_da, ticks=80).permille == answer


def test_an_allowance_that_goes_takes_the_regeneration_at_once():
    ceiling = regen_ceiling(800, ticks=80)
    ceiling.limit_da = 0
    ceiling.step(drawing(0))
    assert ceiling.permille == 0


def test_a_pack_that_cannot_be_read_takes_the_regeneration_at_once():
    ceiling = regen_ceiling(800, ticks=80)
    unreadable = drawing(0)
    unreadable.pack_valid = 0
    ceiling.step(unreadable)
    assert ceiling.permille == 0


@pytest.mark.parametrize(
    ("limit_da", "charging_da", "answer"),
    [
        (100, 50, 400),  # 5 A and less is noise
        (100, 51, 400),  # 588, more than is fitted
        (50, 51, 200),  # in proportion to 100, less than the ratio's 294
        (204, 51, 400),
        (60, 240, 75),
        (100, 399, 75),
        (100, 400, 75),
        (100, 300, 100),
        (100, -300, 400),  # drawing, not charging
    ],
)
def test_regeneration_is_scaled_by_allowed_over_measured_charge(limit_da, charging_da, answer):
    ceiling = regen_ceiling(800, ticks=80)
    ceiling.limit_da = limit_da
    ceiling.step(drawing(-charging_da))
    assert ceiling.permille == answer


@pytest.mark.parametrize(("limit_da", "answer"), [(203, 39), (204, 40)])
def test_below_a_quarter_of_the_allowance_the_ratio_is_not_used(limit_da, answer):
    # Hardly any torque and 5.1 A: by the ratio, 10 permille make 39.
    ceiling = regen_ceiling(800, lagged=-10, fitted=40, ticks=80)
    ceiling.limit_da = limit_da
    ceiling.step(drawing(-51))
    assert ceiling.permille == answer


@pytest.mark.parametrize(
    ("limit_da", "charging_da", "answer"),
    [(40, 20, 160), (40, 21, 19), (10, 20, 40), (84, 21, 336), (83, 21, 39)],
)
def test_up_to_2_a_or_a_quarter_of_the_allowance_the_proportion_counts_and_above_the_ratio(
    limit_da, charging_da, answer
):
    ceiling = regen_ceiling(800, lagged=-10, ticks=80)
    ceiling.limit_da = limit_da
    ceiling.step(drawing(-charging_da))
    assert ceiling.permille == answer


def test_the_least_regeneration_that_can_be_fitted_is_some():
    assert regen_ceiling(800, fitted=1, ticks=10).permille == 1


def test_charge_that_flows_while_the_motor_drives_leaves_no_regeneration():
    assert regen_ceiling(800, lagged=300, current_da=-900, ticks=5).permille == 0
