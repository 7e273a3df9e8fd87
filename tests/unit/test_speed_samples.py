"""SpeedObserver: samples of the count between two ticks, when they are taken and what they say."""

from itertools import pairwise

import pytest

from tests.unit.cars import make_params
from tests.unit.speed_bench import COUNT_GAINS, SPACING, Bench, kick, mean
from vcu.speed import SAMPLE_MAX_US, SpeedObserver


@pytest.mark.parametrize("speed", [2000, 5000, 15555])
def test_a_sample_between_the_ticks_calms_the_count_and_leaves_the_mean(speed):
    counted, sampled = Bench(), Bench(early=True)
    counted.roll(speed, 300)
    sampled.roll(speed, 300)
    rough = counted.roll(speed, 300)
    smooth = sampled.roll(speed, 300)
    assert max(smooth) - min(smooth) < 0.6 * (max(rough) - min(rough))
    assert mean(smooth) == pytest.approx(speed, rel=0.001)


def lag_at_whole_pulses(phase_um, ages_us):
    """How far behind, at worst, where two pulses a tick become three per cent more."""
    bench = Bench(wheel_circumference_mm=1500, pulses_per_turn=24)  # 62.5 mm a pulse
    bench.wheel.way_um = phase_um
    speed = 12500
    worst = 0
    for tick in range(480):
        if tick > 400 and speed < 12800:
            speed += 5
        age_us = ages_us(bench.observer, tick)
        early_um = bench.wheel.way_um + speed * (10000 - age_us) // 1000
        bench.wheel.roll(bench.raw, speed)
        bench.raw.early_age_us = age_us
        bench.raw.early_pulses_counts = bench.wheel.pulses_at(early_um)
        estimate = bench.see()
        if tick > 400:
            worst = max(worst, abs(estimate - speed))
    return worst


def test_a_wheel_that_makes_whole_pulses_per_tick_is_not_blind_to_a_gain_in_speed():
    # Moments spread evenly lag by 107 mm/s, one fixed moment by 137 or more.
    lags = [
        lag_at_whole_pulses(phase_um, SpeedObserver.sample_age_us)
        for phase_um in range(0, 62500, 6250)
    ]
    assert mean(lags) < 90


SPREAD_US = 2365  # the second of the ages that are spread evenly


@pytest.mark.parametrize(
    ("speed", "age_us"),
    [
        (5000, 4374),  # half a spacing and 50 mm are one spacing and 21.87 mm
        (10000, 1562),
        (24000, 1796),
        (3143, 1049),
        (5115, 4500),
        (5116, SPREAD_US),  # 4501: before the sample could be taken
        (8882, SPREAD_US),  # 499: too late, and the pulse before that is 7 ms old
        (8883, 500),
        (14790, 4294),  # 491 is too late, 3803.2 earlier is not
        (14803, 4298),  # 499 is too late, 3799 earlier is not
        (14804, 500),
        (15000, 624),
        (15343, 834),
    ],
)
def test_a_sample_is_taken_where_a_pulse_is_expected_and_can_be_seen(speed, age_us):
    bench = Bench()
    bench.see()  # in the middle between two pulses
    bench.observer.speed_mmps = speed
    assert bench.observer.sample_age_us(1) == age_us


@pytest.mark.parametrize(("speed", "age_us"), [(9000, 1149), (15555, 662), (24000, 824)])
def test_where_several_pulses_could_be_seen_it_is_the_last(speed, age_us):
    bench = Bench(wheel_circumference_mm=900, pulses_per_turn=96)
    bench.see()
    bench.observer.speed_mmps = speed
    assert bench.observer.sample_age_us(1) == age_us


def test_up_to_3_m_per_s_the_moments_of_the_samples_are_spread_evenly():
    bench = Bench(wheel_circumference_mm=900, pulses_per_turn=96)
    bench.see()
    bench.observer.speed_mmps = 3000
    assert bench.observer.sample_age_us(0) == 4500
    assert bench.observer.sample_age_us(1) == SPREAD_US
    bench.observer.speed_mmps = 3001
    assert bench.observer.sample_age_us(0) == bench.observer.sample_age_us(1) < SPREAD_US


def test_where_no_pulse_is_expected_samples_come_1_to_4_and_a_half_ms_early_and_evenly_spread():
    sample_age_us = SpeedObserver(make_params()).sample_age_us
    ages_us = [sample_age_us(ticks) for ticks in range(987 * 2)]
    assert ages_us[0] == max(ages_us) == SAMPLE_MAX_US == 4500  # as the virtual board has it
    assert min(ages_us) == 1049
    assert len(set(ages_us)) == 987
    assert ages_us[987:] == ages_us[:987]
    assert sample_age_us(2**30 - 1) in set(ages_us)
    for start in range(987):
        soon = sorted(ages_us[start : start + 21])
        assert max(b - a for a, b in pairwise(soon)) < 320


@pytest.mark.parametrize("speed", [5000, 15555, 24000])
def test_a_sample_that_comes_and_goes_does_not_move_the_speed(speed):
    # The sample's moment and the tick's must agree on where the wheel is.
    bench = Bench(early=True)
    bench.roll(speed, 300)
    bench.early = False
    assert mean(bench.roll(speed, 25)) == pytest.approx(speed, abs=35)
    bench.roll(speed, 300)
    bench.early = True
    assert mean(bench.roll(speed, 25)) == pytest.approx(speed, abs=35)


def test_an_early_sample_says_the_same_of_another_moment():
    bench = Bench()
    bench.see()
    bench.raw.early_age_us = 5000
    bench.raw.early_pulses_counts = 2
    # At the tick 4 spacings are missing, at the sample 2 were, at speed 0.
    assert bench.pulse(4) == kick(3 * SPACING, COUNT_GAINS[1], 10)


@pytest.mark.parametrize(
    ("pulses", "behind", "spacings"),
    [(1, 0, 1), (2, 0, 2.5), (1, 1, 0.75), (3, 1, 3.75), (3, 2, 2)],
)
def test_what_lies_outside_both_spacings_counts_whole_and_the_way_to_their_middle_half(
    pulses, behind, spacings
):
    bench = Bench()
    bench.see()
    bench.raw.early_age_us = 0
    bench.raw.early_pulses_counts = pulses - behind
    # (3, 2): no place agrees with both, and their mean is all that is left.
    assert bench.pulse(pulses) == kick(int(spacings * SPACING), COUNT_GAINS[1], 10)


@pytest.mark.parametrize("speed", [0, 3000, 4000, 9000, 15000])
def test_where_both_samples_leave_room_the_pull_to_the_middle_is_half(speed):
    plain, sampled = Bench(), Bench()
    for bench in (plain, sampled):
        bench.roll(9000, 301)
        before = bench.observer.speed_mmps + bench.observer.disturbance_mmps2 / 100
        bench.wheel.roll(bench.raw, speed)
    sampled.raw.early_age_us = 0
    sampled.raw.early_pulses_counts = sampled.raw.pulses_counts
    pull = plain.see() - before  # by the middle alone
    half_spacing = SPACING / 2 * COUNT_GAINS[1] * 10 / 98 / 1024
    outside = abs(pull) - half_spacing
    expected = abs(pull) / 2 + max(outside, 0)
    assert abs(sampled.see() - before) == pytest.approx(expected, abs=3)


def test_an_early_sample_of_age_zero_is_a_sample_and_a_negative_age_is_none():
    sampled, missing = Bench(), Bench()
    for bench, age_us in ((sampled, 0), (missing, -1)):
        bench.see()
        bench.raw.early_age_us = age_us
        bench.raw.early_pulses_counts = 0
    assert sampled.pulse(4) == kick(2 * SPACING, COUNT_GAINS[1], 10)
    assert missing.pulse(4) == kick(4 * SPACING, COUNT_GAINS[1], 10)


@pytest.mark.parametrize("age_us", [40000, 40001, 900000])
def test_an_early_sample_older_than_40_ms_counts_as_40_ms_old(age_us):
    bench, twin = Bench(), Bench()
    for car, car_age_us in ((bench, age_us), (twin, 40000)):
        car.roll(3000, 300)
        car.raw.early_age_us = car_age_us
        car.raw.early_pulses_counts = car.raw.pulses_counts
        car.pulse(2)
    assert bench.observer.speed_mmps == twin.observer.speed_mmps
    assert bench.observer.disturbance_mmps2 == twin.observer.disturbance_mmps2


def test_an_early_sample_is_moved_on_by_the_way_since():
    rolled, sampled = Bench(), Bench()
    for bench in (rolled, sampled):
        bench.roll(9000, 300)
    # 20 ms at 9 m/s are 180 mm, and 2 spacings of them were counted.
    sampled.raw.early_age_us = 20000
    sampled.raw.early_pulses_counts = sampled.raw.pulses_counts - 2
    surplus = (18000 - 2 * SPACING) // 2
    expected = rolled.see() + kick(surplus, COUNT_GAINS[1], 10)
    assert sampled.see() == pytest.approx(expected, abs=4)
