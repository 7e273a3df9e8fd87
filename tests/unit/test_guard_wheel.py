"""The guard's own speed, where it is going, and a car that gains some though nobody asked."""

import random

import pytest

from tests.unit.guard_bench import (
    FIRST,
    HALF,
    SLOT,
    Bench,
    is_found_when_flipped,
    kept,
)
from vcu.guard import UNINTENDED
from vcu.guard_torque import SPEED
from vcu.guard_wheel import ANY_MMPS2

# --- the guard's own speed


@pytest.mark.parametrize("per_slot", [1, 2, 7, 19])
def test_the_speed_is_that_of_the_last_half_second(per_slot):
    bench = Bench(FIRST).roll(per_slot, HALF)
    assert bench.guard.wheel.speed_mmps == per_slot * 500  # 60 mm a pulse, in 120 ms
    bench.roll(per_slot, 9)
    assert bench.guard.wheel.speed_mmps == per_slot * 500
    assert bench.roll(0, 1).guard.wheel.speed_mmps == per_slot * 375
    assert bench.roll(0, 2).guard.wheel.speed_mmps == per_slot * 125
    assert bench.roll(0, 1).guard.wheel.speed_mmps == 0


@pytest.mark.parametrize("counts", [1, 500, 1000])
def test_a_counter_that_is_not_at_zero_at_power_on_is_no_way(counts):
    bench = Bench()
    bench.raw.pulses_counts = counts
    bench.tick(FIRST)
    assert bench.guard.wheel.speed_mmps == 0


def test_what_the_counter_held_at_power_on_is_no_way():
    bench = Bench()
    bench.raw.pulses_counts = 65530
    bench.tick(FIRST)
    assert bench.guard.wheel.speed_mmps == 0
    assert bench.roll(3, HALF).guard.wheel.speed_mmps == 1500  # over the wrap


@pytest.mark.parametrize(("jump", "speed"), [(1000, 125000), (1001, 0), (40000, 0)])
def test_a_counter_that_jumps_further_than_a_wheel_turns_is_no_way(jump, speed):
    bench = Bench(FIRST).roll(jump, 1)
    assert bench.guard.wheel.speed_mmps == speed
    assert bench.roll(2, 2 * HALF).guard.wheel.speed_mmps == 1000


@pytest.mark.parametrize(
    ("pulses_per_turn", "circumference_mm", "halves"),
    [(9, 1260, 2), (9, 1259, 1), (11, 1539, 1), (10, 1399, 1), (4, 2200, 2), (96, 900, 1)],
)
def test_a_wheel_with_a_pulse_every_14_cm_or_rarer_is_looked_at_for_twice_as_long(
    pulses_per_turn, circumference_mm, halves
):
    bench = Bench(FIRST, pulses_per_turn=pulses_per_turn, wheel_circumference_mm=circumference_mm)
    speed = pytest.approx(10 * circumference_mm / pulses_per_turn / 0.48 / halves, rel=0.01)
    assert bench.roll(10, 1).guard.wheel.speed_mmps == speed
    assert bench.roll(0, HALF * halves - 1).guard.wheel.speed_mmps == speed
    assert bench.roll(0, 1).guard.wheel.speed_mmps == 0


def test_the_speed_of_a_coarse_wheel_to_the_mm_per_second():
    bench = Bench(FIRST, pulses_per_turn=4, wheel_circumference_mm=2200)
    assert bench.roll(31, 1).guard.wheel.speed_mmps == 17760  # 31 pulses of 550 mm in 0.96 s
    assert bench.roll(0, HALF).guard.wheel.speed_mmps == 17760


def drive_evenly(bench, lengths_ms, seconds=6):
    """Drive at 10 m/s with ticks of these lengths; returns the lowest and the highest speed."""
    time_ms = 0
    speeds = []
    while time_ms < seconds * 1000:
        dt_ms = next(lengths_ms)
        time_ms += dt_ms
        bench.raw.pulses_counts = time_ms * 10 // 60
        bench.tick(1, dt_ms)
        if time_ms > 1500:
            speeds.append(bench.guard.wheel.speed_mmps)
    return min(speeds), max(speeds)


@pytest.mark.parametrize("dt_ms", [1, 7, 9, 10, 11, 12, 13, 15, 25, 40])
def test_ticks_of_another_length_do_not_make_the_car_faster(dt_ms):
    slowest, fastest = drive_evenly(Bench(), iter(lambda: dt_ms, 0))
    # Two pulses in 80 are 2.5 %, and so is rounding in each of four slots.
    assert 9450 < slowest <= fastest < 10550


@pytest.mark.parametrize("worst_ms", [1, 3, 15, 25])
@pytest.mark.parametrize("seed", range(3))
def test_ticks_that_come_late_now_and_then_do_not_make_the_car_faster(seed, worst_ms):
    pick = random.Random(seed)

    def lengths():
        """As the main loop does: due every 10 ms, and what cannot be made up for is left out."""
        due_ms = last_ms = 0
        while True:
            due_ms += 10
            while due_ms < last_ms + 3:
                due_ms += 10
            now_ms = due_ms + pick.choice((0, 0, 1, worst_ms))
            yield now_ms - last_ms
            last_ms = now_ms

    slowest, fastest = drive_evenly(Bench(), lengths())
    assert 9000 < slowest <= fastest < 10550


def test_a_stall_is_a_slot_of_the_speed_that_it_had():
    bench = Bench(FIRST).roll(4, HALF)
    assert bench.guard.wheel.speed_mmps == 2000
    bench.pulse(4 * 4).tick(1, 480)
    bench.tick(11)
    assert bench.guard.wheel.speed_mmps == pytest.approx(2000, abs=130)


def test_a_speed_that_rises_is_judged_as_it_will_be_a_quarter_second_on():
    # One pulse more in each slot of 120 ms: 4 m/s2, up to 41.9 km/h as measured.
    risen = Bench(FIRST).roll(20, 8)
    risen.torque = 500
    for pulses in (21, 22, 23, 24, 24):
        risen.roll(pulses, 1)
    assert risen.guard.wheel.speed_mmps == 11625
    assert risen.bits == SPEED
    steady = Bench(FIRST).roll(23, 8)
    steady.torque = 500
    assert steady.roll(23, 4).bits == 0


@pytest.mark.parametrize(
    ("slots", "bits"),
    [
        # 93 pulses, 2 and 3 more than in the half second before: 11 750 and 11 875 mm/s.
        ((22, 23, 23, 23, 22, 24, 24, 23), 0),
        ((22, 23, 23, 22, 22, 24, 24, 23), SPEED),
        # 94 pulses and 2 more than before; 64 and 32 more than before: 11 875 mm/s.
        ((23, 23, 23, 23, 23, 24, 24, 23), SPEED),
        ((8, 8, 8, 8, 8, 18, 19, 19), SPEED),
    ],
)
def test_the_speed_is_extrapolated_by_the_pulses_gained_less_one(slots, bits):
    bench = Bench(FIRST)
    bench.raw.brake_on = 1  # so that nothing else is found on the way
    bench.roll(slots[0], 8)
    for pulses in slots:
        bench.roll(pulses, 1)
    bench.raw.brake_on = 0
    bench.torque = 500
    assert bench.roll(slots[0], 1).bits == bits


def test_how_fast_the_speed_rises_is_known_after_eight_slots_and_not_before():
    bench = Bench(FIRST).roll(4, 3).roll(8, 3)
    assert bench.guard.wheel.ahead_mmps == bench.guard.wheel.speed_mmps == 3500
    bench.roll(8, 1)
    assert bench.guard.wheel.speed_mmps == 4000
    assert bench.guard.wheel.ahead_mmps == 4000 + 19 * 125


def test_a_late_tick_says_nothing_of_how_fast_the_speed_rises():
    # The same rise as above; 25 pulses in 130 ms are 23 in 120.
    bench = Bench(FIRST).roll(20, 8)
    bench.torque = 500
    bench.pulse(25).tick(1, 40).tick(SLOT - 1)
    for pulses in (21, 22, 23, 24, 24):
        bench.roll(pulses, 1)
    assert bench.guard.wheel.speed_mmps == 11625
    assert bench.bits == 0


def test_after_a_late_tick_how_fast_the_speed_rises_is_known_eight_slots_later():
    bench = Bench(FIRST).roll(4, 8)
    bench.pulse(4).tick(1, 40).tick(SLOT - 1)
    bench.roll(4, 3).roll(8, 4)
    assert bench.guard.wheel.ahead_mmps == bench.guard.wheel.speed_mmps == 4000
    bench.roll(12, 1)
    assert bench.guard.wheel.speed_mmps == 4500
    assert bench.guard.wheel.ahead_mmps == 4500 + 15 * 125


@pytest.mark.parametrize(("pulses", "counted"), [(6, 6), (9, 8)])  # 5.54 and 8.31
def test_the_pulses_of_a_slot_that_became_long_are_rounded_to_the_nearest(pulses, counted):
    bench = Bench(FIRST)
    bench.pulse(pulses).tick(1, 40).tick(SLOT + 1)
    assert bench.guard.wheel.speed_mmps == counted * 125  # in 120 of 130 ms


# --- how fast the car may be at most


@pytest.mark.parametrize(
    ("slots", "fastest"),
    [
        # 0.3 m/s above the speed; four pulses gained, less one, are 0.375 m/s.
        ((4, 4, 4, 4, 4, 4, 4, 4), 2300),
        ((4, 4, 4, 4, 5, 5, 5, 5), 2875),
        # Two pulses gained, less one; and a pulse in the newest slot is 0.5 m/s.
        ((9, 9, 9, 9, 9, 10, 10, 9), 5050),
        ((4, 4, 4, 4, 4, 4, 4, 6), 3000),
        ((0, 0, 0, 0, 0, 0, 0, 3), 1500),
    ],
)
def test_a_car_is_as_fast_as_speed_rise_or_newest_slot_says(slots, fastest):
    bench = Bench(FIRST).roll(slots[0], 8)
    for pulses in slots:
        bench.roll(pulses, 1)
    assert bench.guard.wheel.fastest_mmps == fastest


@pytest.mark.parametrize(
    ("slots", "speed", "ahead"),
    [
        ((5, 5, 5, 5, 4, 4, 4, 4), 2000, 1500),
        ((4, 4, 4, 4, 4, 4, 4, 3), 1875, 1750),
        ((4, 4, 4, 4, 4, 4, 4, 4), 2000, 2000),
        ((4, 4, 4, 4, 4, 4, 4, 5), 2125, 2125),  # one pulse more is no rise yet
    ],
)
def test_a_car_that_loses_speed_is_slower_ahead_by_as_much_again(slots, speed, ahead):
    bench = Bench(FIRST)
    for pulses in slots:
        bench.roll(pulses, 1)
    wheel = bench.guard.wheel
    assert (wheel.speed_mmps, wheel.ahead_mmps) == (speed, ahead)


@pytest.mark.parametrize(
    ("slots", "speed", "ahead"),
    [
        ((5, 5, 5, 5, 4, 4, 4, 4), 20625, 13750),
        ((4, 4, 4, 4, 4, 4, 4, 3), 17760, 16041),
        ((4, 4, 4, 4, 4, 4, 4, 4), 18333, 18333),
        ((4, 4, 4, 4, 5, 5, 5, 5), 20625, 20625),
    ],
)
def test_a_car_with_a_coarse_wheel_that_loses_speed_is_slower_ahead_by_as_much_again(
    slots, speed, ahead
):
    bench = Bench(FIRST, pulses_per_turn=4, wheel_circumference_mm=2200)
    for pulses in slots:
        bench.roll(pulses, 1)
    wheel = bench.guard.wheel
    assert (wheel.speed_mmps, wheel.ahead_mmps) == (speed, ahead)
    assert wheel.fastest_mmps == speed + 2000


def test_the_speed_of_a_coarse_wheel_may_lie_2_m_per_s_behind():
    bench = Bench(FIRST, pulses_per_turn=4, wheel_circumference_mm=2200).roll(1, 8)
    assert bench.guard.wheel.fastest_mmps == bench.guard.wheel.speed_mmps + 2000


@pytest.mark.parametrize(
    ("slots", "gains"),
    [
        # A pulse more in half a second than in the one before is 0.26 m/s2; two are added.
        ((5, 5, 5, 5, 5, 5, 5, 5), 520),
        ((5, 5, 5, 5, 5, 6, 6, 6), 1302),
        ((5, 5, 5, 5, 5, 5, 5, 4), 260),
        ((5, 5, 5, 5, 4, 4, 4, 4), 0),
        ((5, 5, 5, 0, 5, 5, 5, 5), ANY_MMPS2),
    ],
)
def test_what_a_car_gains_is_the_difference_of_two_half_seconds(slots, gains):
    bench = Bench(FIRST).roll(5, 8)
    for pulses in slots:
        bench.roll(pulses, 1)
    assert bench.guard.wheel.gains_mmps2() == gains


def test_what_it_gains_is_known_after_eight_slots_with_pulses_and_not_once_it_stands():
    bench = Bench()
    wheel = bench.guard.wheel
    assert wheel.gains_mmps2() == ANY_MMPS2
    assert bench.tick(FIRST).roll(5, 7).guard.wheel.gains_mmps2() == ANY_MMPS2
    assert bench.roll(5, 1).guard.wheel.gains_mmps2() == 520
    assert bench.roll(0, 9).guard.wheel.gains_mmps2() == ANY_MMPS2


def test_what_it_gains_is_not_known_for_eight_slots_after_a_late_tick():
    bench = Bench(FIRST).roll(5, 8)
    bench.pulse(5).tick(1, 40).tick(SLOT - 1)
    assert bench.roll(5, 7).guard.wheel.gains_mmps2() == ANY_MMPS2
    assert bench.roll(5, 1).guard.wheel.gains_mmps2() < ANY_MMPS2


@pytest.mark.parametrize(("tick_ms", "is_known"), [(18, True), (19, False)])
def test_a_slot_of_128_ms_is_regular_and_one_of_129_is_not(tick_ms, is_known):
    bench = Bench(FIRST).roll(5, 9)
    bench.pulse(5).tick(1, tick_ms).tick(SLOT - 1)
    assert (bench.guard.wheel.gains_mmps2() < ANY_MMPS2) == is_known


def test_a_wheel_without_a_pulse_in_the_newest_slot_is_silent():
    bench = Bench(FIRST)
    assert bench.guard.wheel.is_silent
    assert not bench.roll(1, 1).guard.wheel.is_silent
    assert bench.roll(0, 1).guard.wheel.is_silent


# --- whether its speed is sure


@pytest.mark.parametrize(("slots", "is_sure"), [(1, False), (24, False), (25, True), (60, True)])
def test_a_wheel_is_sure_after_25_slots_on_time_and_for_as_long_as_they_are(slots, is_sure):
    bench = Bench()
    assert not bench.guard.wheel.is_sure
    bench.tick(FIRST).roll(4, slots - 1)
    assert bench.guard.wheel.is_sure == is_sure


def test_a_late_tick_makes_a_wheel_unsure_for_25_slots():
    bench = Bench(FIRST).roll(4, 30)
    bench.pulse(4).tick(1, 40).tick(SLOT - 1)
    assert not bench.guard.wheel.is_sure
    assert not bench.roll(4, 24).guard.wheel.is_sure
    assert bench.roll(4, 1).guard.wheel.is_sure


def test_a_coarse_wheel_is_never_sure():
    bench = Bench(FIRST, pulses_per_turn=4, wheel_circumference_mm=2200)
    assert not bench.roll(1, 60).guard.wheel.is_sure


# --- a car that accelerates though nobody asked


def gaining(pulses, slots_before, torque=0, brake=0, **values):
    """A car that rolls, lets go of pedal or brake, and so much later gains so many pulses."""
    bench = Bench(FIRST, **values)
    bench.torque = torque
    bench.raw.brake_on = brake
    bench.roll(1, 2 * HALF)
    bench.torque = bench.raw.brake_on = 0
    bench.roll(1, slots_before)
    return bench.pulse(pulses).roll(1, 1)


@pytest.mark.parametrize(
    ("circumference_mm", "pulses", "bits"),
    [(927, 17, 0), (927, 18, UNINTENDED), (928, 16, 0), (928, 17, UNINTENDED)],
)
def test_a_coasting_car_that_gains_3_m_per_s2_is_pulled(circumference_mm, pulses, bits):
    # 17 pulses are 15 for sure: 700 mm of the smaller wheel, 701 of the larger.
    bench = gaining(pulses, 15, wheel_circumference_mm=circumference_mm)
    assert bench.bits == bits
    assert bench.is_stopped == (bits != 0)


@pytest.mark.parametrize(("missing", "bits"), [(0, UNINTENDED), (1, 0), (HALF, 0)])
def test_a_coasting_car_whose_pulses_come_back_gains_nothing(missing, bits):
    bench = Bench(FIRST).roll(10, 20)
    bench.roll(0, missing)
    assert bench.roll(30, HALF).bits == bits


@pytest.mark.parametrize(("before", "bits"), [(3, 0), (4, UNINTENDED)])
def test_a_gain_is_believed_after_eight_slots_with_pulses(before, bits):
    bench = Bench(FIRST).roll(10, 20).roll(0, 1)
    assert bench.roll(10, before).roll(30, HALF).bits == bits


@pytest.mark.parametrize("what", [{"torque": 100}, {"brake": 1}])
@pytest.mark.parametrize(("slots", "bits"), [(11, 0), (13, UNINTENDED)])
def test_who_let_go_of_pedal_or_brake_less_than_1_5_s_ago_is_not_coasting(what, slots, bits):
    # The slot in which it gains is one more: 1.44 s and 1.68 s.
    assert gaining(40, slots, **what).bits == bits


@pytest.mark.parametrize("slots", [13, 82, 85, 300])
def test_a_car_that_has_coasted_for_long_still_coasts(slots):
    assert gaining(40, slots).bits == UNINTENDED


# --- memory


@pytest.mark.parametrize("name", [*kept("wheel"), "is_coarse"])
def test_a_bit_that_flips_in_a_copy_takes_traction_within_200_ms(name):
    assert all(is_found_when_flipped("wheel", name, bit) for bit in range(30))
