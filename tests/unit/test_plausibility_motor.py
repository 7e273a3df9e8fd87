"""Plausibility of the speed: the motor hall against the wheel."""

import pytest

from tests.unit.plausibility_bench import MOTOR, WINDOW, Roll, gone_silent, rolling
from vcu.plausibility import DIFFERS, ERRATIC, LOST, STOPPED


def ready(**values):
    """A roll with a motor hall, that has seen what the counters held at power-on."""
    return Roll(**(MOTOR | values)).step(dt_ms=0)


def compared(wheel, motor, **values):
    """Roll one second with so many pulses of wheel and motor hall; returns the roll."""
    return ready(**values).step(wheel, motor).step(times=24)


@pytest.mark.parametrize(
    ("wheel", "motor", "bits"),
    [
        (100, 200, 0),
        # 200 motor pulses are 6200 mm: 1950 mm more or less are believed.
        (130, 200, 0),
        (131, 200, DIFFERS),
        (68, 200, 0),
        (67, 200, DIFFERS),
        (50, 200, DIFFERS),
        (200, 200, DIFFERS),
        # Nearly standing, 400 mm.
        (6, 0, 0),
        (7, 0, DIFFERS),
        (0, 17, 0),
        (0, 18, DIFFERS),
    ],
)
def test_wheel_and_motor_may_be_400_mm_and_a_quarter_apart_in_a_second(wheel, motor, bits):
    assert compared(wheel, motor).bits == bits


@pytest.mark.parametrize(("pulses_per_turn", "wheel", "bits"), [(34, 15, 0), (52, 23, DIFFERS)])
def test_a_standing_motor_and_a_wheel_are_apart_from_401_mm_on(pulses_per_turn, wheel, bits):
    values = {"wheel_circumference_mm": 900, "pulses_per_turn": pulses_per_turn}
    assert compared(wheel, 0, **values).bits == bits


def test_a_board_without_a_motor_hall_compares_nothing():
    assert compared(100, 0, motor_pulses_per_turn=0).bits == 0


@pytest.mark.parametrize("seconds", [0, 1])
def test_they_are_compared_after_each_second_and_not_before(seconds):
    roll = ready().step(4, 8, times=25 * seconds).step(100, 0).step(times=23)
    assert roll.bits == 0
    assert roll.step(dt_ms=39).bits == 0
    assert roll.step(dt_ms=1).bits == DIFFERS


def test_each_second_is_compared_for_itself():
    roll = ready()
    roll.step(4, 8, times=50)
    assert roll.bits == 0
    roll = compared(100, 0)
    assert roll.bits == DIFFERS
    roll.step(4, 8, times=24)
    assert roll.bits == DIFFERS
    assert roll.step(4, 8).bits == 0


@pytest.mark.parametrize(("wheel", "motor"), [(1500, 0), (0, 15000), (30000, 65500)])
def test_what_the_counters_held_at_power_on_is_not_compared(wheel, motor):
    roll = Roll(**MOTOR)
    roll.raw.pulses_counts = wheel
    roll.raw.motor_pulses_counts = motor
    assert roll.step(4, 8, times=25).bits == 0
    assert roll.step(4, 8, times=25).bits == 0


def test_a_motor_that_agrees_takes_nothing_else_back():
    roll = ready().pull(500, 951).step(times=60)
    assert roll.bits == LOST
    roll = gone_silent(rolling(**MOTOR | {"motor_pulses_per_turn": 5}, both=True), 320)
    assert roll.bits == STOPPED
    assert roll.step(times=60).bits == STOPPED
    roll = ready()
    roll.step(4, 8, times=50).step(40, 80).step(4, 8, times=WINDOW - 1)
    roll.raw.brake_on = 1
    assert roll.step(4, 8, times=60).bits == ERRATIC


@pytest.mark.parametrize(
    ("wheel", "motor", "bits"),
    [(2000, 0, DIFFERS), (2001, 0, 0), (0, 16000, DIFFERS), (0, 16001, 0)],
)
def test_a_counter_that_jumped_is_not_compared(wheel, motor, bits):
    roll = ready()
    roll.raw.brake_on = 1
    roll.step(wheel, motor)
    assert roll.step(times=24).bits == bits
    # And the next second is good again.
    assert roll.step(4, 8, times=25).bits == 0


@pytest.mark.parametrize("circumference_mm", [900, 2200])
@pytest.mark.parametrize("motor_per_turn", [1, 40, 400])
def test_the_motor_is_scaled_by_its_pulses_per_turn_of_the_wheel(circumference_mm, motor_per_turn):
    values = {"wheel_circumference_mm": circumference_mm, "motor_pulses_per_turn": motor_per_turn}
    assert compared(20 * 10, motor_per_turn * 10, **values).bits == 0
    assert compared(20 * 10, motor_per_turn * 20, **values).bits == DIFFERS
    assert compared(20 * 20, motor_per_turn * 10, **values).bits == DIFFERS
