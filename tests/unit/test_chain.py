"""Chain: the slew, the order of the limiters, and who won."""

from types import SimpleNamespace

import pytest

from tests.unit.cars import make_params
from vcu.ceilings import Ceiling
from vcu.chain import Chain, Slew
from vcu.limits import BATTERY_TEMP, NONE, REGEN_CHARGE, SLEW, SPEED_CAP, Derating

# --- the slew: 1200 permille/s up is 12 a tick, 10 000 permille/s down is 100 a tick


def slewed(*requests, dt_ms=10, **values):
    """Return the answers to requests, one a tick, from standing at zero."""
    slew = Slew(make_params(**values))
    return [slew.limit(request, dt_ms) for request in requests]


def rise_to(permille):
    """Enough ticks of this request to arrive at it."""
    return [permille] * (abs(permille) // 12 + 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_torque_rises_slowly_in_both_signs(sign):
    assert slewed(sign * 1000, sign * 1000, sign * 1000) == [sign * 12, sign * 24, sign * 36]
    assert slewed(sign * 11, sign * 12, sign * 24, sign * 37) == [
        sign * 11, sign * 12, sign * 24, sign * 36,
    ]  # fmt: skip


@pytest.mark.parametrize("sign", [1, -1])
def test_torque_falls_fast_in_both_signs(sign):
    answers = slewed(*rise_to(sign * 500), 0, 0)
    assert answers[-3:] == [sign * 500, sign * 400, sign * 300]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_fall_of_one_step_is_not_slowed_and_one_more_is(sign):
    assert slewed(*rise_to(sign * 500), sign * 400)[-1] == sign * 400
    assert slewed(*rise_to(sign * 500), sign * 399)[-1] == sign * 400
    assert slewed(*rise_to(sign * 500), sign * 401)[-1] == sign * 401


@pytest.mark.parametrize("sign", [1, -1])
def test_torque_that_changes_sign_stops_at_zero_and_rises_slowly_from_there(sign):
    answers = slewed(*rise_to(sign * 60), sign * -1000, sign * -1000, sign * -1000)
    assert answers[-4:] == [sign * 60, 0, sign * -12, sign * -24]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_fast_fall_also_ends_at_zero_when_one_step_just_reaches_it(sign):
    assert slewed(*rise_to(sign * 100), -sign)[-1] == 0
    assert slewed(*rise_to(sign * 101), -sign)[-1] == sign
    assert slewed(*rise_to(sign * 99), -sign)[-1] == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_request_that_stays_is_answered_with_itself(sign):
    assert slewed(*rise_to(sign * 60), sign * 60, sign * 60)[-2:] == [sign * 60, sign * 60]


def test_a_longer_tick_allows_a_longer_step():
    assert slewed(1000, 1000, 0, dt_ms=40) == [48, 96, 0]
    assert slewed(-1000, -1000, 0, dt_ms=40) == [-48, -96, 0]


def test_rise_and_fall_are_parameters():
    values = {"torque_rise_permille_s": 5000, "torque_fall_permille_s": 12000}
    assert slewed(*[1000] * 6, 0, 0, **values) == [50, 100, 150, 200, 250, 300, 180, 60]


def test_a_learners_torque_rises_gently_and_falls_as_ever():
    learner = {"learner_on": 1, "torque_rise_permille_s": 1200, "learner_rise_permille_s": 400}
    assert slewed(1000, 1000, 1000, 0, **learner) == [4, 8, 12, 0]
    assert slewed(1000, **learner | {"learner_on": 0}) == [12]
    assert slewed(1000, **learner | {"learner_rise_permille_s": 2000}) == [12]


def test_a_longer_tick_lets_the_torque_rise_and_fall_by_as_much_more():
    slew = Slew(make_params())
    assert (slew.limit(1000, 10), slew.limit(1000, 20), slew.limit(-1000, 1)) == (12, 36, 26)


@pytest.mark.parametrize(("rise", "step"), [(999, 0), (1000, 1)])
def test_a_step_is_rounded_down(rise, step):
    assert slewed(1000, dt_ms=1, torque_rise_permille_s=rise) == [step]
    answers = slewed(*[1000] * 1000, 0, dt_ms=1, torque_rise_permille_s=5000,
                     torque_fall_permille_s=10000 + rise)  # fmt: skip
    assert answers[-1] == 1000 - 10 - step


def test_after_a_cut_the_torque_starts_again_from_zero():
    slew = Slew(make_params())
    for _ in range(40):
        slew.limit(1000, 10)
    slew.permille = 0
    assert slew.limit(1000, 10) == 12


# --- the chain


def chained(*requests, ceiling=1000, speed=1000, braking=1000, slew_ms=1000):
    """Run requests through a chain of which each limiter lets through what is said.

    The slew passes everything, unless its tick is short.
    """
    derating = Derating((Ceiling(BATTERY_TEMP),))
    derating.permille, derating.name = ceiling, BATTERY_TEMP
    slew = Slew(make_params())
    governor = SimpleNamespace(limit_permille=speed, name=SPEED_CAP)
    chain = Chain(derating, slew, governor, SimpleNamespace(permille=braking))
    assert chain.winner == NONE
    return [(chain.limit(request, slew_ms), chain.winner) for request in requests]


def test_the_chain_cuts_drive_to_the_lowest_ceiling_names_it_and_lets_braking_pass():
    assert chained(599, 600, 601, 1000, 0, -1000, ceiling=600) == [
        (599, NONE), (600, NONE), (600, BATTERY_TEMP), (600, BATTERY_TEMP), (0, NONE),
        (-1000, NONE),
    ]  # fmt: skip


def test_the_chain_lets_drive_rise_no_faster_than_the_slew():
    assert chained(12, 25, 36, 0, -13, slew_ms=10) == [
        (12, NONE), (24, SLEW), (36, NONE), (0, NONE), (-12, SLEW),
    ]  # fmt: skip


def test_the_chain_gives_no_more_than_the_governor_which_may_brake():
    assert chained(-1, speed=500) == [(-1, NONE)]
    assert chained(499, 500, 501, speed=500) == [(499, NONE), (500, NONE), (500, SPEED_CAP)]
    assert chained(1000, 0, -84, -85, -86, speed=-85) == [(-85, SPEED_CAP)] * 3 + [
        (-85, NONE), (-86, NONE),
    ]  # fmt: skip


def test_the_chain_brakes_no_harder_than_the_pack_may_be_charged_and_lets_drive_pass():
    assert chained(1000, 0, -399, -400, -401, -1000, braking=400) == [
        (1000, NONE), (0, NONE), (-399, NONE), (-400, NONE), (-400, REGEN_CHARGE),
        (-400, REGEN_CHARGE),
    ]  # fmt: skip
    # Nor when the governor asks for it.
    assert chained(1000, speed=-85, braking=0) == [(0, REGEN_CHARGE)]


def test_the_last_one_to_change_the_request_wins():
    assert chained(1000, ceiling=800, speed=700) == [(700, SPEED_CAP)]
    assert chained(1000, ceiling=700, speed=800) == [(700, BATTERY_TEMP)]
    assert chained(1000, ceiling=800, slew_ms=10) == [(12, SLEW)]
    assert chained(1000, speed=5, slew_ms=10) == [(5, SPEED_CAP)]
