"""The pedal: what counts as pressed, what as broken, and how the travel is shaped."""

from fractions import Fraction

import pytest

from tests.unit.cars import make_params
from vcu.pedal import A_HIGH, A_LOW, B_HIGH, B_LOW, DISAGREES, Pedal
from vcu.signals import Signals

# One count of A is 1 permille of travel, one count of B is 2.
PLAIN = {
    "pedal_a_released_counts": 1000,
    "pedal_a_pressed_counts": 2000,
    "pedal_b_released_counts": 500,
    "pedal_b_pressed_counts": 1000,
    "pedal_slack_counts": 40,
    "pedal_deadband_permille": 60,
    "pedal_curve_permille": 0,
}
GOOD_A, GOOD_B = 1500, 750
BROKEN = (0, 0, 0)
RELEASED = (1, 1, 0)


def make_pedal(**changes):
    return Pedal(make_params(**(PLAIN | changes)))


def make_channel(released, pressed, slack=40):
    """Return a pedal of one channel and a straight curve."""
    return make_pedal(
        pedal_channels=1,
        pedal_a_released_counts=released,
        pedal_a_pressed_counts=pressed,
        pedal_slack_counts=slack,
        pedal_deadband_permille=20,
    )


def read(pedal, a_counts, b_counts, supply_ok=True, dt_ms=10):
    """Return (valid, released, permille) after one tick, with no stale value left behind."""
    sig = Signals()
    sig.pedal_valid = sig.pedal_released = sig.pedal_permille = 7
    pedal.step(a_counts, b_counts, supply_ok, sig, dt_ms)
    return sig.pedal_valid, sig.pedal_released, sig.pedal_permille


def travelled(pedal, travel_permille):
    """Return the same for both channels at the same travel, an even permille."""
    return read(pedal, 1000 + travel_permille, 500 + travel_permille // 2)


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


# --- two channels that differ


@pytest.mark.parametrize("sign", [1, -1])
def test_two_channels_101_permille_apart_cut_the_torque_after_50_ms(sign):
    pedal = make_pedal()
    for _ in range(4):
        assert read(pedal, 1500 + 101 * sign, 750)[0] == 1
    assert pedal.fault_bits == 0
    assert read(pedal, 1500 + 101 * sign, 750) == BROKEN
    assert (pedal.fault_bits, pedal.needs_release) == (DISAGREES, True)


@pytest.mark.parametrize("sign", [1, -1])
def test_two_channels_100_permille_apart_agree_for_ever(sign):
    pedal = make_pedal()
    for _ in range(1000):
        assert read(pedal, 1500 + 100 * sign, 750)[0] == 1
    assert pedal.fault_bits == 0


@pytest.mark.parametrize(("dt_ms", "ticks"), [(9, 6), (10, 5), (12, 5), (13, 4), (49, 2), (50, 1)])
def test_the_50_ms_are_counted_in_time_and_not_in_ticks(dt_ms, ticks):
    pedal = make_pedal()
    for _ in range(ticks - 1):
        assert read(pedal, 1700, 750, dt_ms=dt_ms)[0] == 1
    assert read(pedal, 1700, 750, dt_ms=dt_ms) == BROKEN


def test_channels_that_are_apart_every_other_tick_are_found_within_120_ms():
    pedal = make_pedal()
    for tick in range(12):
        read(pedal, 1700 if tick & 1 else 1500, 750)
    assert pedal.fault_bits == DISAGREES


def test_channels_that_are_apart_for_one_tick_now_and_then_are_not():
    pedal = make_pedal()
    for tick in range(2000):
        assert read(pedal, 1500 if tick % 11 else 1700, 750)[0] == 1


def test_channels_that_are_apart_in_one_tick_of_nine_are_found_in_time():
    pedal = make_pedal()
    for tick in range(250):
        read(pedal, 1500 if tick % 9 else 1700, 750)
    assert pedal.fault_bits == DISAGREES


def disagreed():
    """A pedal whose channels were apart, and agree again, half pressed."""
    pedal = make_pedal()
    for _ in range(5):
        read(pedal, 1700, 750)
    assert pedal.fault_bits == DISAGREES
    return pedal


def test_after_a_disagreement_the_torque_stays_cut_until_the_pedal_has_been_seen_released():
    pedal = disagreed()
    for _ in range(1000):
        assert travelled(pedal, 500) == BROKEN
    assert travelled(pedal, 50) == BROKEN
    assert travelled(pedal, 48) == RELEASED
    assert (pedal.fault_bits, pedal.needs_release) == (0, False)
    assert travelled(pedal, 500)[2] > 0


def test_two_channels_that_go_on_to_differ_leave_the_lower_one_once_it_was_released():
    pedal = disagreed()
    assert read(pedal, 1700, 500) == RELEASED
    for _ in range(20):
        assert read(pedal, 1900, 650) == travelled(make_pedal(), 300)
        assert pedal.fault_bits == DISAGREES
    assert read(pedal, 1200, 900) == travelled(make_pedal(), 200)


@pytest.mark.parametrize(("a_counts", "b_counts"), [(1050, 500), (1000, 525)])
def test_a_disagreement_is_forgotten_only_with_both_channels_released(a_counts, b_counts):
    pedal = disagreed()
    read(pedal, a_counts, b_counts)
    assert pedal.fault_bits == DISAGREES
    read(pedal, 1049, 524)
    assert pedal.fault_bits == 0


def test_two_wires_that_were_swapped_give_no_torque_anywhere_on_the_way():
    pedal = Pedal(make_params())
    for travel in (*range(0, 1001, 5), *range(1000, -1, -5)) * 2:
        a_counts = 468 + (2310 - 468) * travel // 1000
        b_counts = 234 + (1155 - 234) * travel // 1000
        assert read(pedal, b_counts, a_counts) == BROKEN
    assert pedal.fault_bits & (A_LOW | B_HIGH) == A_LOW | B_HIGH


def test_two_channels_shorted_together_disagree():
    pedal = Pedal(make_params())
    for _ in range(5):
        read(pedal, 1000, 1000)
    assert pedal.fault_bits == DISAGREES


# --- a channel out of its range, and what is left

OUTSIDE = [
    pytest.param((959, None), A_LOW, id="a low"),
    pytest.param((-1, None), A_LOW, id="a failed"),
    pytest.param((2041, None), A_HIGH, id="a high"),
    pytest.param((None, 459), B_LOW, id="b low"),
    pytest.param((None, -1), B_LOW, id="b failed"),
    pytest.param((None, 1041), B_HIGH, id="b high"),
]


def with_broken(broken, travel):
    """The readings of both channels at a travel in permille, one of them broken."""
    a_counts, b_counts = broken
    return (
        1000 + travel if a_counts is None else a_counts,
        500 + travel // 2 if b_counts is None else b_counts,
    )


@pytest.mark.parametrize(("broken", "bit"), OUTSIDE)
def test_a_channel_out_of_range_cuts_at_once_and_leaves_the_other_when_that_was_released(
    broken, bit
):
    pedal = make_pedal()
    assert travelled(pedal, 500)[0] == 1
    for _ in range(500):
        assert read(pedal, *with_broken(broken, 500)) == BROKEN
    assert pedal.fault_bits == bit
    assert read(pedal, *with_broken(broken, 0)) == RELEASED
    for travel in range(0, 1001, 10):
        expected = travelled(make_pedal(), travel)
        assert read(pedal, *with_broken(broken, travel)) == expected
        assert pedal.travel_permille == travel
    assert pedal.fault_bits == bit


@pytest.mark.parametrize(("broken", "bit"), OUTSIDE)
def test_a_channel_that_heals_is_not_believed_before_both_were_released(broken, bit):
    pedal = make_pedal()
    read(pedal, *with_broken(broken, 0))
    assert travelled(pedal, 500)[0] == 1
    healed_high = (2000, 750) if bit in (A_LOW, A_HIGH) else (1500, 1000)
    assert read(pedal, *healed_high) == travelled(make_pedal(), 500)
    assert pedal.fault_bits == bit
    assert travelled(pedal, 0) == RELEASED
    assert pedal.fault_bits == 0
    assert read(pedal, 1500, 740) == travelled(make_pedal(), 480)
    assert read(pedal, 1480, 750) == travelled(make_pedal(), 480)


@pytest.mark.parametrize(("broken", "bit"), OUTSIDE)
def test_a_channel_that_heals_pressed_further_than_the_other_keeps_its_fault(broken, bit):
    pedal = make_pedal()
    read(pedal, *with_broken(broken, 0))
    read(pedal, *((1050, 500) if bit in (A_LOW, A_HIGH) else (1000, 525)))
    assert pedal.fault_bits == bit


@pytest.mark.parametrize(("b_counts", "bit"), [(459, B_LOW), (1041, B_HIGH)])
@pytest.mark.parametrize(("a_counts", "a_bit"), [(959, A_LOW), (2041, A_HIGH)])
def test_with_both_channels_out_of_range_nothing_is_believed_not_even_released(
    a_counts, a_bit, b_counts, bit
):
    pedal = make_pedal()
    for _ in range(100):
        assert read(pedal, a_counts, b_counts) == BROKEN
    assert pedal.fault_bits == a_bit | bit


@pytest.mark.parametrize("order", [1, -1])
def test_two_channels_that_broke_one_after_the_other_leave_nothing(order):
    pedal = make_pedal()
    first, second = ((-1, 500), (1000, -1))[::order]
    read(pedal, *first)
    for _ in range(100):
        assert read(pedal, *second) == BROKEN
    assert travelled(pedal, 500) == BROKEN
    assert travelled(pedal, 0) == RELEASED
    assert pedal.fault_bits == 0


def test_a_second_fault_of_a_channel_needs_the_pedal_released_again():
    pedal = make_pedal()
    read(pedal, 959, 500)
    assert read(pedal, 959, 750)[2] > 0
    assert read(pedal, 2041, 750) == BROKEN
    assert pedal.fault_bits == A_LOW | A_HIGH
    assert read(pedal, 2041, 500) == RELEASED


@pytest.mark.parametrize(("counts", "bit"), [(959, A_LOW), (-1, A_LOW), (2041, A_HIGH)])
def test_one_channel_alone_that_heals_is_believed_after_it_was_released(counts, bit):
    pedal = make_channel(1000, 2000)
    assert read(pedal, 1500, 0)[2] > 0
    assert read(pedal, counts, 0) == BROKEN
    assert pedal.fault_bits == bit
    for _ in range(100):
        assert read(pedal, 1010, 0) == BROKEN
    assert pedal.fault_bits == bit
    assert read(pedal, 1009, 0) == RELEASED
    assert pedal.fault_bits == 0
    assert read(pedal, 1500, 0)[2] > 0


def test_the_travel_is_the_lower_channel_and_may_leave_0_to_1000_by_the_slack():
    pedal = make_pedal()
    for a_counts, b_counts, travel in ((960, 500, -40), (2040, 1020, 1040), (1500, 740, 480)):
        read(pedal, a_counts, b_counts)
        assert pedal.travel_permille == travel


def test_the_faults_are_bits_in_the_order_of_the_fault_table():
    assert (A_LOW, A_HIGH, B_LOW, B_HIGH, DISAGREES) == (1, 2, 4, 8, 16)


def test_while_the_pedal_is_held_it_says_whether_only_its_release_is_missing():
    pedal = make_pedal()
    assert pedal.is_readable
    read(pedal, -1, 750)
    assert (pedal.needs_release, pedal.is_readable) == (True, True)
    read(pedal, -1, -1)
    assert (pedal.needs_release, pedal.is_readable) == (True, False)


# --- their supply


@pytest.mark.parametrize("channels", [1, 2])
def test_without_their_5_volts_the_channels_say_nothing_until_released_with_them(channels):
    pedal = make_pedal(pedal_channels=channels)
    assert travelled(pedal, 500)[2] > 0
    for travel in (500, 0):
        assert read(pedal, 1000 + travel, 500 + travel // 2, supply_ok=False) == BROKEN
        assert pedal.needs_release
    assert pedal.fault_bits == 0
    assert travelled(pedal, 500) == BROKEN
    assert travelled(pedal, 0) == RELEASED
    assert travelled(pedal, 500)[2] > 0


def test_without_their_5_volts_channels_that_read_zero_are_not_called_broken():
    pedal = make_pedal()
    assert read(pedal, 0, 0, supply_ok=False) == BROKEN
    assert pedal.fault_bits == 0


# --- how fast it was pressed


def press(pedal, ticks, top=900, dt_ms=10):
    """Go from 10 % to top in so many ticks, and return stab_ms."""
    for tick in range(1, ticks + 1):
        travel = 100 + (top - 100) * tick // ticks
        read(pedal, 1000 + travel, 500 + travel // 2, dt_ms=dt_ms)
    return pedal.stab_ms


@pytest.mark.parametrize(("ticks", "dt_ms"), [(1, 10), (2, 10), (25, 10), (60, 10), (10, 25)])
def test_a_press_from_10_to_88_percent_is_timed_up_to_the_look_before(ticks, dt_ms):
    pedal = make_pedal()
    travelled(pedal, 100)
    there = next(tick for tick in range(1, ticks + 1) if 100 + 800 * tick // ticks >= 880)
    assert press(pedal, ticks, dt_ms=dt_ms) == (there - 1) * dt_ms


def test_a_press_that_ends_one_permille_below_88_percent_is_none_yet():
    pedal = make_pedal(pedal_channels=1)
    travelled(pedal, 100)
    assert press(pedal, 5, top=879) == -1
    travelled(pedal, 880)
    assert pedal.stab_ms == 50


def test_the_time_runs_from_the_last_tick_at_10_percent():
    pedal = make_pedal(pedal_channels=1)
    for travel in (0, 100, 101, 102, 900):
        travelled(pedal, travel)
    assert pedal.stab_ms == 20


def test_a_press_is_told_once():
    pedal = make_pedal()
    travelled(pedal, 0)
    assert press(pedal, 3) == 20
    pedal.stab_ms = -1
    for travel in (1000, 500, 1000):
        travelled(pedal, travel)
    assert pedal.stab_ms == -1
    travelled(pedal, 100)
    assert press(pedal, 4) == 30


def test_a_pedal_that_was_pressed_at_power_on_was_not_stabbed():
    pedal = make_pedal()
    for travel in (500, 900, 1000):
        travelled(pedal, travel)
    assert pedal.stab_ms == -1


@pytest.mark.parametrize(("ticks", "told"), [(1000, 9990), (1001, -1)])
def test_a_press_that_takes_longer_than_10_seconds_is_not_timed(ticks, told):
    pedal = make_pedal()
    travelled(pedal, 100)
    for _ in range(ticks - 1):
        travelled(pedal, 500)
    travelled(pedal, 900)
    assert pedal.stab_ms == told


def test_a_press_that_was_not_readable_on_its_way_is_not_timed():
    pedal = make_pedal(pedal_channels=1)
    travelled(pedal, 100)
    travelled(pedal, 500)
    read(pedal, -1, 0)
    travelled(pedal, 900)
    travelled(pedal, 1000)
    assert pedal.stab_ms == -1


@pytest.mark.parametrize(("first_ms", "told"), [(9999, 9999), (10000, -1)])
def test_a_press_is_timed_while_less_than_10_seconds_have_passed(first_ms, told):
    pedal = make_pedal(pedal_channels=1)
    travelled(pedal, 100)
    read(pedal, 1500, 0, dt_ms=first_ms)
    read(pedal, 1900, 0, dt_ms=1)
    assert pedal.stab_ms == told


def test_a_press_before_a_fault_and_one_after_it_are_not_one_press():
    # With a wide dead band the pedal is released above 10 %.
    pedal = make_pedal(pedal_channels=1, pedal_deadband_permille=300)
    travelled(pedal, 100)
    read(pedal, -1, 0)
    assert travelled(pedal, 200) == RELEASED
    travelled(pedal, 900)
    assert pedal.stab_ms == -1


# --- each judgement at its last count


def test_the_bits_are_those_of_the_first_rows_of_the_fault_table():
    assert (A_LOW, A_HIGH, B_LOW, B_HIGH, DISAGREES) == (1, 2, 4, 8, 16)


def test_before_the_first_step_the_pedal_is_readable_at_rest_and_was_not_stabbed():
    pedal = make_pedal()
    assert (pedal.fault_bits, pedal.needs_release, pedal.is_readable) == (0, False, True)
    assert (pedal.travel_permille, pedal.stab_ms) == (0, -1)


def test_a_pedal_that_must_be_released_says_whether_it_can_be_read():
    pedal = make_pedal(pedal_channels=1)
    read(pedal, -1, 0)
    assert not pedal.is_readable
    assert travelled(pedal, 500) == BROKEN
    assert pedal.is_readable
    read(pedal, -1, 0)
    assert not pedal.is_readable


def test_a_channel_with_equal_end_points_has_no_count_in_range():
    for counts in range(-1, 4096):
        assert read(make_channel(1000, 1000), counts, 0) == BROKEN, counts


@pytest.mark.parametrize("b_counts", [460, 1040])
def test_a_second_channel_at_the_last_count_of_its_range_is_compared_like_any_other(b_counts):
    pedal = make_pedal()
    for _ in range(5):
        read(pedal, GOOD_A, b_counts)
    assert pedal.fault_bits == DISAGREES


def test_the_lower_channel_counts_when_it_is_lower_by_one_permille():
    pedal = make_pedal()
    read(pedal, 1501, 750)
    assert pedal.travel_permille == 500
    read(pedal, 1499, 750)
    assert pedal.travel_permille == 499


def test_the_time_apart_is_forgotten_by_one_ms_in_each_tick_together():
    pedal = make_pedal()
    for _ in range(4):
        read(pedal, 1500, 650)
    for _ in range(20):
        travelled(pedal, 500)
    for bits in (0, 0, DISAGREES):
        read(pedal, 1500, 650)
        assert pedal.fault_bits == bits


def test_after_a_disagreement_the_50_ms_begin_at_zero():
    pedal = disagreed()
    assert travelled(pedal, 0) == RELEASED
    read(pedal, 1500, 650, dt_ms=49)
    assert pedal.fault_bits == 0
    read(pedal, 1500, 650, dt_ms=1)
    assert pedal.fault_bits == DISAGREES


@pytest.mark.parametrize(
    ("a_counts", "b_counts", "bit"),
    [(960, 0, B_LOW), (2040, 0, B_LOW), (0, 460, A_LOW), (0, 1040, A_LOW)],
)
def test_beside_a_broken_channel_the_last_count_of_the_other_is_still_good(
    a_counts, b_counts, bit
):
    pedal = make_pedal()
    read(pedal, a_counts, b_counts)
    assert pedal.fault_bits == bit


@pytest.mark.parametrize("counts", [960, 2040])
def test_without_5_volts_one_channel_at_the_last_count_of_its_range_is_not_called_broken(counts):
    pedal = make_channel(1000, 2000)
    assert read(pedal, counts, -1, supply_ok=False) == BROKEN
    assert pedal.fault_bits == 0
