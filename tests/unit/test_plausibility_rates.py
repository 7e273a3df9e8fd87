"""Plausibility of the speed: a rate that jumps further than wheels can is erratic."""

import pytest

from tests.unit.plausibility_bench import WINDOW, Roll
from vcu.plausibility import ERRATIC


def test_a_window_ends_after_200_ms_and_not_after_199():
    roll = Roll().roll(8, 10)
    roll.step(pulses=40, times=1).step(times=3)
    assert roll.step(dt_ms=39).bits == 0
    assert roll.step(dt_ms=1).bits == ERRATIC


def test_the_first_window_too_ends_after_200_ms_and_not_after_199():
    # It takes the fifth step of 40 ms as well, so each later one ends a step later.
    roll = Roll().step(dt_ms=39).step(times=5).roll(8, 10)
    assert roll.step(pulses=40).step(times=3).bits == 0
    assert roll.step().bits == ERRATIC


# way between pulses -> the largest steps that are still believed, in pulses per window
RATES = [
    # 500 mm + 2 pulses up, 300 mm + 2 pulses down, within 0.4 s
    ({"wheel_circumference_mm": 1240, "pulses_per_turn": 20}, 9, 6),
    ({"wheel_circumference_mm": 2200, "pulses_per_turn": 4}, 2, 2),
    ({"wheel_circumference_mm": 900, "pulses_per_turn": 96}, 55, 33),
]


@pytest.mark.parametrize(("wheel", "rise", "fall"), RATES)
def test_a_rate_may_change_as_far_as_a_car_can_and_two_pulses(wheel, rise, fall):
    base = 60
    for change, bits in ((rise, 0), (rise + 1, ERRATIC), (-fall, 0), (-fall - 1, ERRATIC)):
        assert Roll(**wheel).roll(8, base).roll(1, base + change).bits == bits, change


@pytest.mark.parametrize(
    ("pulses_per_turn", "change", "bits"),
    [(11, 8, 0), (40, 24, ERRATIC), (61, -22, 0), (88, -31, ERRATIC)],
)
def test_a_rate_may_rise_by_500_and_fall_by_300_mm_to_the_mm(pulses_per_turn, change, bits):
    # With a wheel of 900 mm these are 500, 501, 300 and 301 mm more than two pulses.
    roll = Roll(wheel_circumference_mm=900, pulses_per_turn=pulses_per_turn)
    assert roll.roll(8, 60).roll(1, 60 + change).bits == bits


@pytest.mark.parametrize("gap", [1, 2])
def test_a_rate_is_compared_with_the_last_but_one(gap):
    # Twice 6 pulses in two windows are more than 9 at once.
    roll = Roll().roll(8, 60).roll(1, 66)
    assert roll.bits == 0
    if gap == 2:
        assert roll.roll(1, 66).bits == 0
        assert roll.roll(1, 72).bits == 0
    assert roll.roll(1, 76 if gap == 2 else 70).bits == ERRATIC


def test_an_even_rate_ends_it():
    roll = Roll().roll(8, 10).roll(1, 40)
    assert roll.bits == ERRATIC
    assert roll.roll(1, 40).bits == ERRATIC
    assert roll.roll(1, 40).bits == 0


def test_a_rate_is_judged_at_the_end_of_a_window_and_not_within():
    roll = Roll().roll(8, 10)
    roll.step(pulses=40)
    assert roll.step(times=WINDOW - 2).bits == 0
    assert roll.step().bits == ERRATIC


@pytest.mark.parametrize(("windows", "bits"), [(0, 0), (1, 0), (2, ERRATIC)])
def test_the_first_two_windows_are_compared_with_nothing(windows, bits):
    # The brake has been released for long enough when the windows begin: see the next test.
    roll = Roll()
    roll.step(dt_ms=241, times=6)
    assert roll.roll(windows, 10).roll(1, 60).bits == bits


def test_a_window_made_long_by_late_ticks_and_the_two_after_it_say_nothing():
    for dt_ms, expected in ((80, [ERRATIC, ERRATIC]), (81, [0, 0])):
        found = []
        for pulses in (60, 0):
            roll = Roll().roll(8, 30)
            roll.step(pulses=pulses).step(times=3).step(dt_ms=dt_ms)
            found.append(roll.bits)
        assert found == expected
    roll = Roll().roll(8, 30)
    roll.step(pulses=60).step(times=3).step(dt_ms=81)
    assert roll.roll(1, 60).bits == 0
    assert roll.roll(1, 10).bits == 0
    assert roll.roll(1, 30).bits == ERRATIC


@pytest.mark.parametrize(
    ("last_ms", "pulses", "bits"),
    # 60 in 200 ms may rise to 69, which 69.44 is and 69.52 is not.
    [(80, 72, 0), (80, 83, 0), (80, 84, ERRATIC), (56, 75, 0), (50, 73, ERRATIC)],
)
def test_a_window_that_is_a_little_long_counts_for_as_long_as_it_was(last_ms, pulses, bits):
    roll = Roll().roll(8, 60).step(pulses=pulses).step(times=3)
    assert roll.step(dt_ms=last_ms).bits == bits


@pytest.mark.parametrize(("windows", "bits"), [(5, 0), (6, ERRATIC)])
def test_a_wheel_that_was_braked_may_do_anything_for_1_2_s(windows, bits):
    roll = Roll().roll(8, 30)
    roll.raw.brake_on = 1
    roll.roll(1, 0)
    roll.raw.brake_on = 0
    roll.roll(windows - 1, 30)
    assert roll.bits == 0
    assert roll.roll(1, 0).bits == bits


def test_while_braked_the_wheel_may_lock_and_turn_again():
    roll = Roll().roll(8, 30)
    roll.raw.brake_on = 1
    assert roll.roll(3, 0).roll(3, 40).roll(3, 0).bits == 0


def test_being_erratic_is_remembered_through_a_brake():
    roll = Roll().roll(8, 10).roll(1, 40)
    roll.raw.brake_on = 1
    assert roll.roll(3, 40).bits == ERRATIC


@pytest.mark.parametrize(("before", "bits"), [(1991, 0), (1990, ERRATIC)])
def test_more_than_2000_pulses_in_a_window_are_kept_as_2000(before, bits):
    # What is compared is the new rate itself with the one that was kept.
    roll = Roll().roll(8, before)
    assert roll.roll(1, 2000).bits == bits
    roll = Roll().roll(2, 60000).roll(8, 2000)
    assert roll.bits == 0


def test_a_counter_that_wraps_is_an_even_rate():
    roll = Roll()
    roll.raw.pulses_counts = 65400
    assert roll.roll(12, 30).bits == 0


def test_what_the_counter_holds_at_the_first_step_is_no_rate():
    roll = Roll()
    roll.raw.pulses_counts = 5000
    roll.step(dt_ms=0)
    roll.raw.brake_on = 0
    assert roll.roll(12, 0).bits == 0
    assert roll.judge.bits == 0


def erratic_and_braked():
    roll = Roll().roll(8, 10).roll(2, 40)
    assert roll.bits == ERRATIC
    roll.raw.brake_on = 1
    return roll


def test_a_braked_wheel_is_no_more_erratic_once_it_has_stood_for_two_of_three_windows():
    roll = erratic_and_braked()
    assert roll.roll(2, 0).bits == ERRATIC
    assert roll.roll(1, 0).bits == 0
    # One that locks for a window and turns again has not stood.
    assert erratic_and_braked().roll(1, 0).roll(2, 40).bits == ERRATIC
