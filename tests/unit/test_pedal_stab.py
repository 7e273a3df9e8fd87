"""The pedal: how fast it was pressed."""

import pytest

from tests.unit.pedal_bench import RELEASED, make_pedal, read, travelled


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
