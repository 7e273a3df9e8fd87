"""SpeedObserver: the torque that the pack's power does not bear out is not delivered."""

import pytest

from tests.unit.speed_bench import Bench


def powered(speed, pack_cv=4800, pack_da=500, valid=1, torque=1000, **values):
    """An observer at constant speed with the throttle open, which has weighed this power."""
    bench = Bench(stamps=True, **values)
    bench.sig.pack_valid = valid
    bench.sig.pack_cv = pack_cv
    bench.sig.pack_da = pack_da
    bench.roll(speed, 600, torque=torque, full=0)
    bench.observer.weigh_power(bench.sig)
    bench.roll(speed, torque=torque, full=0)
    return bench.observer


def test_the_torque_delivered_is_no_more_than_the_measured_power_can_make():
    # 2400 W at 10 m/s are 240 N, 88 % of it 211 N, of 900 N 234 permille, and 40 for doubt.
    observer = powered(10000, pack_da=501)
    assert observer.delivered_permille == 274
    assert observer.lagged_permille >= 999


@pytest.mark.parametrize(
    ("pack_da", "force_n", "answer"),
    [(1000, 900, 508), (500, 1800, 157), (3000, 900, 999), (0, 900, 40), (-500, 900, 40)],
)
def test_more_power_is_more_torque_and_charging_is_none(pack_da, force_n, answer):
    observer = powered(10000, pack_da=pack_da, wheel_force_n=force_n)
    assert observer.delivered_permille == pytest.approx(answer, abs=1)


def test_a_torque_below_what_the_power_makes_is_delivered_as_it_is():
    assert powered(10000, torque=200).delivered_permille == 199


@pytest.mark.parametrize(("speed", "is_bound"), [(3998, False), (4002, True)])
def test_the_power_bounds_the_torque_from_4_m_per_s_only(speed, is_bound):
    observer = powered(speed, pack_da=100)
    assert (observer.delivered_permille < 500) == is_bound


@pytest.mark.parametrize(("speed", "answer"), [(3999, 999), (4000, 920)])
def test_the_bound_is_exact_from_4_m_per_s_on(speed, answer):
    bench = Bench(wheel_force_n=1000)
    bench.sig.pack_valid = 1
    bench.sig.pack_cv, bench.sig.pack_da = 4000, 1000  # 1000 N at 4 m/s, 880 of them at the wheel
    for _ in range(200):
        bench.see(torque=1000)
    bench.sig.speed_mmps = speed
    bench.observer.weigh_power(bench.sig)
    bench.see(torque=1000)
    assert bench.observer.delivered_permille == answer


def test_a_pack_that_cannot_be_read_bounds_nothing():
    assert powered(10000, valid=0).delivered_permille >= 999


def test_a_bound_ends_when_the_car_is_slow_again():
    bench = Bench()
    bench.sig.pack_valid = 1
    bench.roll(10000, 300, torque=1000, full=0)
    bench.observer.weigh_power(bench.sig)
    bench.roll(10000, torque=1000, full=0)
    assert bench.observer.delivered_permille == 40
    bench.roll(3000, 100, torque=1000, full=0)
    bench.observer.weigh_power(bench.sig)
    bench.roll(3000, torque=1000, full=0)
    assert bench.observer.delivered_permille >= 999


def test_the_power_bounds_drive_and_not_braking():
    assert powered(10000, pack_da=-500, torque=-800).delivered_permille == -800


def test_the_smallest_charging_power_is_no_torque_like_any_other():
    observer = powered(10000, pack_cv=1, pack_da=-1)
    assert observer.delivered_permille == 40
    assert powered(10000, pack_da=-500).delivered_permille == 40
