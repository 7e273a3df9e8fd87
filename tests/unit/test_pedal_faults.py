"""The pedal: what counts as broken, and what is left of it then."""

import pytest

from tests.unit.cars import make_params
from tests.unit.pedal_bench import (
    BROKEN,
    GOOD_A,
    RELEASED,
    make_channel,
    make_pedal,
    read,
    travelled,
)
from vcu.pedal import A_HIGH, A_LOW, B_HIGH, B_LOW, DISAGREES, Pedal

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


# --- each judgement at its last count


def test_a_pedal_that_must_be_released_says_whether_it_can_be_read():
    pedal = make_pedal(pedal_channels=1)
    read(pedal, -1, 0)
    assert not pedal.is_readable
    assert travelled(pedal, 500) == BROKEN
    assert pedal.is_readable
    read(pedal, -1, 0)
    assert not pedal.is_readable


@pytest.mark.parametrize("b_counts", [460, 1040])
def test_a_second_channel_at_the_last_count_of_its_range_is_compared_like_any_other(b_counts):
    pedal = make_pedal()
    for _ in range(5):
        read(pedal, GOOD_A, b_counts)
    assert pedal.fault_bits == DISAGREES


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
