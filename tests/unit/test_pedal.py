"""The pedal: what counts as pressed, and how the travel is shaped."""

from fractions import Fraction

import pytest

from tests.unit.cars import make_params
from tests.unit.pedal_bench import (
    BROKEN,
    GOOD_A,
    GOOD_B,
    PLAIN,
    make_channel,
    make_pedal,
    read,
    travelled,
)
from vcu.pedal import Pedal


def straight(travel):
    """What a travel in whole permille asks for beyond a dead band of 20 without a curve."""
    return max(0, (travel - 20) * 1000 // 980)


@pytest.mark.parametrize(("released", "step"), [(1000, 1), (2000, -1)], ids=["rising", "falling"])
def test_a_channel_of_either_slope_runs_from_released_to_pressed(released, step):
    pedal = make_channel(released, released + 1000 * step)
    for travel in range(1001):
        assert read(pedal, released + travel * step, -1)[2] == straight(travel)
    assert straight(1000) == 1000


@pytest.mark.parametrize(("released", "step"), [(500, 1), (2500, -1)], ids=["rising", "falling"])
def test_a_channel_rounds_its_travel_down(released, step):
    pressed = released + 2000 * step
    alone = make_channel(released, pressed)
    second = make_pedal(
        pedal_b_released_counts=released,
        pedal_b_pressed_counts=pressed,
        pedal_deadband_permille=20,
    )
    for half in range(2001):
        assert read(alone, released + half * step, -1)[2] == straight(half // 2)
        assert read(second, 2000, released + half * step)[2] == straight(half // 2)


@pytest.mark.parametrize(
    ("released", "pressed", "at_low_end", "at_high_end"),
    [(1000, 2000, (1, 1, 0), (1, 0, 1000)), (2000, 1000, (1, 0, 1000), (1, 1, 0))],
    ids=["rising", "falling"],
)
def test_a_channel_within_its_slack_is_held_at_its_ends_and_one_count_outside_is_invalid(
    released, pressed, at_low_end, at_high_end
):
    for counts in (959, 2041):
        assert read(make_channel(released, pressed), counts, -1) == BROKEN
    for counts in (960, 999, 1000):
        assert read(make_channel(released, pressed), counts, -1) == at_low_end
    for counts in (2000, 2001, 2040):
        assert read(make_channel(released, pressed), counts, -1) == at_high_end


@pytest.mark.parametrize(
    ("released", "lowest_good"), [(100, 20), (129, 20), (130, 20), (131, 21), (132, 22)]
)
def test_a_channel_below_20_counts_is_shorted_whatever_its_calibration(released, lowest_good):
    pedal = make_channel(released, 2000, slack=110)
    assert read(pedal, lowest_good, -1) == (1, 1, 0)
    assert read(pedal, lowest_good - 1, -1) == BROKEN


def test_the_lower_of_two_channels_counts():
    pedal = make_pedal(pedal_deadband_permille=20)
    both = read(pedal, 1804, 902)
    assert both[0] == 1
    assert read(pedal, 1804, 1000) == both
    assert read(pedal, 2000, 902) == both
    assert read(pedal, 1803, 902)[2] < both[2]
    assert read(pedal, 1804, 901)[2] < both[2]


def test_one_channel_at_rest_keeps_the_travel_zero_however_far_the_other_goes():
    pedal = make_pedal()
    assert read(pedal, 2000, 500) == (1, 1, 0)
    assert read(pedal, 1000, 1000) == (1, 1, 0)


@pytest.mark.parametrize("counts", [-1, 0, 959, 2041, 3300])
def test_a_first_channel_one_count_outside_its_slack_makes_the_travel_zero(counts):
    assert read(make_pedal(), counts, GOOD_B) == BROKEN
    assert read(make_pedal(pedal_channels=1), counts, GOOD_B) == BROKEN


@pytest.mark.parametrize("counts", [-1, 0, 459, 1041, 3300])
def test_a_second_channel_one_count_outside_its_slack_makes_the_travel_zero(counts):
    assert read(make_pedal(), GOOD_A, counts) == BROKEN


@pytest.mark.parametrize(
    ("a_counts", "b_counts"), [(960, GOOD_B), (2040, GOOD_B), (GOOD_A, 460), (GOOD_A, 1040)]
)
def test_a_channel_at_the_end_of_its_slack_is_still_valid(a_counts, b_counts):
    assert read(make_pedal(), a_counts, b_counts)[0] == 1


def test_two_failed_reads_are_an_invalid_pedal():
    assert read(make_pedal(), -1, -1) == BROKEN


def test_a_car_with_one_channel_does_not_look_at_the_second():
    pedal = make_pedal(pedal_channels=1)
    good = read(pedal, GOOD_A, GOOD_B)
    assert good[2] > 0
    for counts in (-1, 0, 500, 3300):
        assert read(pedal, GOOD_A, counts) == good


def test_two_channels_of_opposite_slope_agree_on_the_travel():
    crossed = make_pedal(pedal_b_released_counts=2000, pedal_b_pressed_counts=1000)
    assert read(crossed, 1000, 2000) == (1, 1, 0)
    assert read(crossed, 2000, 1000) == (1, 0, 1000)
    # 250 of 1000 beyond a dead band of 60.
    assert read(crossed, 1250, 1750) == (1, 0, 190 * 1000 // 940)
    assert read(crossed, 1250, 1000) == read(crossed, 2000, 1750) == (1, 0, 190 * 1000 // 940)


@pytest.mark.parametrize("deadband", [20, 60, 300])
def test_torque_starts_one_permille_beyond_the_dead_band(deadband):
    pedal = make_pedal(pedal_deadband_permille=deadband, pedal_channels=1)
    assert read(pedal, 1000 + deadband, 0) == (1, 0, 0)
    assert read(pedal, 1001 + deadband, 0) == (1, 0, 1)


@pytest.mark.parametrize("deadband", [20, 60, 300])
def test_released_ends_10_permille_below_the_dead_band(deadband):
    pedal = make_pedal(pedal_deadband_permille=deadband, pedal_channels=1)
    assert read(pedal, 1000 + deadband - 11, 0) == (1, 1, 0)
    assert read(pedal, 1000 + deadband - 10, 0) == (1, 0, 0)


def test_the_travel_beyond_the_dead_band_is_remapped_to_0_to_1000():
    pedal = make_pedal(pedal_deadband_permille=300)
    assert travelled(pedal, 650) == (1, 0, 500)
    assert travelled(pedal, 1000) == (1, 0, 1000)


@pytest.mark.parametrize(("curve", "at_half"), [(0, 500), (400, 400), (500, 375), (1000, 250)])
def test_the_curve_blends_a_line_with_a_square(curve, at_half):
    pedal = make_pedal(pedal_deadband_permille=300, pedal_curve_permille=curve)
    assert travelled(pedal, 650) == (1, 0, at_half)
    assert travelled(pedal, 300) == (1, 0, 0)
    assert travelled(pedal, 1000) == (1, 0, 1000)


@pytest.mark.parametrize("curve", [0, 249, 400, 1000])
def test_the_shaped_travel_is_within_3_permille_of_the_exact_curve(curve):
    pedal = make_pedal(pedal_deadband_permille=300, pedal_curve_permille=curve, pedal_channels=1)
    for travel in range(300, 1001):
        line = Fraction(travel - 300, 700)
        exact = 1000 * (line + (line * line - line) * curve / 1000)
        assert -3 < read(pedal, 1000 + travel, 0)[2] - exact < 1


@pytest.mark.parametrize(
    ("curve", "permille"),
    [(249, 406), (751, 282)],  # the line of 468 less a bend of 62.001, of 186.999
)
def test_the_bend_of_the_curve_is_rounded_down_to_a_whole_permille(curve, permille):
    pedal = make_pedal(pedal_deadband_permille=300, pedal_curve_permille=curve, pedal_channels=1)
    assert read(pedal, 1628, 0) == (1, 0, permille)


@pytest.mark.parametrize("curve", [0, 400, 1000])
def test_pressing_further_never_asks_for_less(curve):
    pedal = make_pedal(pedal_curve_permille=curve, pedal_channels=1)
    asked = [read(pedal, counts, 0) for counts in range(960, 2041)]
    assert all(valid for valid, _, _ in asked)
    permille = [value for _, _, value in asked]
    assert permille == sorted(permille)
    assert (permille[0], permille[-1]) == (0, 1000)


def test_no_reading_of_any_channel_gives_torque_and_released_together_or_leaves_0_to_1000():
    params = make_params(**(PLAIN | {"pedal_curve_permille": 400}))
    edges = (459, 460, 524, 525, 530, 531, 1040, 1041)
    for a_counts in (-1, 959, 960, 1049, 1050, 1061, GOOD_A, 2040, 2041):
        for b_counts in (*range(-1, 3301, 11), *edges):
            valid, released, permille = read(Pedal(params), a_counts, b_counts)
            assert valid or not (released or permille)
            assert not (released and permille)
            assert 0 <= permille <= 1000
            a_good = 960 <= a_counts <= 2040
            b_good = 460 <= b_counts <= 1040
            alone_released = (a_good and a_counts < 1050) or (b_good and b_counts < 525)
            assert valid == (1 if (a_good and b_good) or alone_released else 0)
            assert (a_good and b_good) or permille == 0


@pytest.mark.parametrize("end", [50, 1000, 2800])
@pytest.mark.parametrize("channel", ["a", "b"])
def test_a_pedal_whose_end_points_are_equal_is_refused_and_never_valid(channel, end):
    ends = {f"pedal_{channel}_released_counts": end, f"pedal_{channel}_pressed_counts": end}
    assert f"pedal_{channel}_span" in make_params(**ends).broken_rules()
    pedal = make_pedal(**ends)
    for counts in range(-1, 3301):
        readings = (counts, GOOD_B) if channel == "a" else (GOOD_A, counts)
        assert read(pedal, *readings) == BROKEN


def test_the_travel_is_the_lower_channel_and_may_leave_0_to_1000_by_the_slack():
    pedal = make_pedal()
    for a_counts, b_counts, travel in ((960, 500, -40), (2040, 1020, 1040), (1500, 740, 480)):
        read(pedal, a_counts, b_counts)
        assert pedal.travel_permille == travel


def test_before_the_first_step_the_pedal_is_readable_at_rest_and_was_not_stabbed():
    pedal = make_pedal()
    assert (pedal.fault_bits, pedal.needs_release, pedal.is_readable) == (0, False, True)
    assert (pedal.travel_permille, pedal.stab_ms) == (0, -1)


def test_a_channel_with_equal_end_points_has_no_count_in_range():
    ends = {"pedal_a_released_counts": 1000, "pedal_a_pressed_counts": 1000}
    params = make_params(**(PLAIN | {"pedal_channels": 1} | ends))
    for counts in range(-1, 4096):
        assert read(Pedal(params), counts, 0) == BROKEN, counts


def test_the_lower_channel_counts_when_it_is_lower_by_one_permille():
    pedal = make_pedal()
    read(pedal, 1501, 750)
    assert pedal.travel_permille == 500
    read(pedal, 1499, 750)
    assert pedal.travel_permille == 499
