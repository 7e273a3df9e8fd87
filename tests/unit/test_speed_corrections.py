"""SpeedObserver: what the count or stamp of a tick corrects, and which stamps are not believed."""

import pytest

from tests.unit.speed_bench import COUNT_GAINS, SPACING, STAMP_GAINS, Bench, kick, stamped

# --- one tick at a time, to the count


@pytest.mark.parametrize("pulses", [1, 2, 3, 5])
@pytest.mark.parametrize("dt_ms", [10, 20, 40])
def test_by_count_the_wheel_is_expected_in_the_middle_between_two_pulses(pulses, dt_ms):
    bench = Bench()
    bench.see()
    error = pulses * SPACING
    assert bench.pulse(pulses, dt_ms=dt_ms) == kick(error, COUNT_GAINS[1], dt_ms)
    disturbance = error * (COUNT_GAINS[2] // 8) * dt_ms // 781 // 16
    assert bench.observer.disturbance_mmps2 == min(disturbance, 12000)


def test_the_second_tick_corrects_what_the_first_left_of_the_error():
    bench = Bench()
    bench.see()
    first = bench.pulse(4)
    error = 4 * SPACING
    # What the position took of the error is gone, and the prediction moves on.
    left = error - error * COUNT_GAINS[0] * 10 / 1000
    disturbance = bench.observer.disturbance_mmps2
    predicted = first + disturbance / 100
    second = bench.pulse(0)
    corrected = predicted + (left - predicted) * COUNT_GAINS[1] / 98 / 1024 * 10
    assert second == pytest.approx(corrected, abs=2)


def test_by_count_a_wheel_that_stops_dead_at_full_speed_counts_as_60_cm_too_far_and_no_more():
    bench = Bench()
    bench.roll(24000, 400)
    speed = bench.observer.speed_mmps + bench.observer.disturbance_mmps2 * 40 / 1000
    # 960 mm in this tick, and one pulse of them is counted.
    expected = speed + kick(-60000, COUNT_GAINS[1], 40)
    assert bench.pulse(1, dt_ms=40) == pytest.approx(expected, abs=3)


def test_the_first_edge_after_a_standstill_says_where_the_wheel_is_and_nothing_of_its_speed():
    bench = stamped()
    assert bench.pulse(1) == 0
    assert bench.observer.disturbance_mmps2 == 0


def test_the_second_edge_corrects_speed_and_disturbance_by_a_whole_spacing():
    bench = stamped()
    bench.pulse(1)
    assert bench.pulse(1) == kick(SPACING, STAMP_GAINS[1], 10)
    assert bench.observer.disturbance_mmps2 == SPACING * STAMP_GAINS[2] // 8 * 10 // 781 // 16


@pytest.mark.parametrize(("ticks", "waited_ms"), [(0, 10), (1, 20), (2, 22), (30, 22)])
def test_a_stamp_corrects_by_the_time_since_the_last_but_at_most_22_ms(ticks, waited_ms):
    bench = stamped()
    bench.pulse(1)
    for _ in range(ticks):
        bench.see()
    assert bench.pulse(1) == kick(SPACING, STAMP_GAINS[1], waited_ms)


def test_a_stamp_one_pulse_behind_the_counter_says_the_same_of_an_earlier_moment():
    newest, behind = Bench(stamps=True), Bench(stamps=True)
    newest.roll(7000, 300)
    behind.roll(7000, 300)
    for _ in range(100):
        newest.roll(7000)
        behind.wheel.roll(behind.raw, 7000)
        behind.raw.edge_pulses_counts -= 1
        behind.raw.edge_age_us += 56250 * 1000 // 7000
        behind.see()
        assert behind.observer.speed_mmps == pytest.approx(newest.observer.speed_mmps, abs=5)


def test_without_stamps_the_edge_fields_are_not_looked_at():
    plain, odd = Bench(), Bench()
    for _ in range(100):
        odd.raw.edge_pulses_counts = (odd.raw.edge_pulses_counts + 7) & 0xFFFF
        assert plain.roll(6000) == odd.roll(6000)


@pytest.mark.parametrize("age_us", [40000, 40001, 900000])
def test_a_stamp_older_than_40_ms_counts_as_40_ms_old(age_us):
    bench, twin = Bench(stamps=True), Bench(stamps=True)
    for car, car_age_us in ((bench, age_us), (twin, 40000)):
        car.roll(3000, 600)
        car.raw.edge_age_us = car_age_us
        car.pulse(2)
    assert bench.observer.speed_mmps == twin.observer.speed_mmps
    assert bench.observer.disturbance_mmps2 == twin.observer.disturbance_mmps2


def test_edge_by_edge_each_takes_what_the_last_left_of_the_error():
    bench = stamped()
    bench.pulse(1)  # from rest: now its place is known
    assert bench.observer.speed_mmps == 0
    first = bench.pulse(1)
    assert first == kick(SPACING, STAMP_GAINS[1], 10)
    left = SPACING * (1 - STAMP_GAINS[0] * 10 / 1000)
    predicted = first + 0.5 + bench.observer.disturbance_mmps2 / 100
    corrected = predicted + (left + SPACING - predicted) * STAMP_GAINS[1] / 98 / 1024 * 10
    assert bench.pulse(1) == pytest.approx(corrected, abs=1.2)


def test_past_the_next_edge_without_having_seen_it_the_speed_falls():
    bench = Bench(stamps=True)
    bench.roll(600, 600)
    while bench.sig.standstill_ms:
        bench.roll(600)
    # 56 mm at 600 mm/s take 94 ms; the bound of 1.2 spacings says 613 mm/s at 110 ms.
    speeds = {}
    while bench.sig.standstill_ms < 110:
        bench.roll(0)
        speeds[bench.sig.standstill_ms] = bench.observer.speed_mmps
    assert speeds[80] == pytest.approx(600, abs=2)
    # 6 mm too far in a tick are 35 mm/s.
    assert 26 <= speeds[100] - speeds[110] <= 36
    assert bench.observer.disturbance_mmps2 < -50


def test_a_car_that_vanishes_at_full_speed_in_one_long_tick_brakes_and_does_not_push():
    bench = Bench(stamps=True)
    bench.roll(24500, 300)
    bench.roll(0, dt_ms=40)
    assert bench.observer.disturbance_mmps2 == -12000
    assert bench.observer.speed_mmps <= SPACING * 12 // 40


def test_stamps_that_point_far_back_never_raise_the_speed():
    bench = Bench(stamps=True)
    bench.roll(3000, 600)
    for _ in range(8):
        before = bench.observer.speed_mmps
        bench.raw.edge_pulses_counts = (bench.raw.edge_pulses_counts - 7) & 0xFFFF
        assert bench.see() <= before + 1
    assert bench.observer.speed_mmps < 3000


# --- late stamps


def is_believed(speed, late_us):
    """Whether a stamp that is late_us late, or too early, moves the estimate."""
    bench = Bench(stamps=True)
    bench.roll(speed, 600)
    # On to a tick in which the newest edge is new, and old enough to be stamped later.
    while True:
        before = bench.observer.speed_mmps
        pulses = bench.raw.edge_pulses_counts
        bench.wheel.roll(bench.raw, speed)
        if bench.raw.edge_pulses_counts != pulses and bench.raw.edge_age_us >= late_us:
            break
        bench.see()
    bench.raw.edge_age_us -= late_us
    return abs(bench.see() - before) > 5


@pytest.mark.parametrize(
    ("speed", "late_us", "believed"),
    [
        (10000, 700, True),
        (10000, 800, False),
        (10000, -700, True),
        (10000, -800, False),
        (7000, 850, True),
        (7000, 950, False),
        (6050, 2100, False),
        (6050, -2100, False),
        (5950, 2100, True),
        (5950, -2100, True),
        (2000, 9000, True),
        (2000, -20000, True),
    ],
)
def test_above_6_m_per_s_a_stamp_off_by_a_sixteenth_spacing_and_0_4_ms_is_not_believed(
    speed, late_us, believed
):
    assert is_believed(speed, late_us) == believed


def late_at_10_mps(bench, ticks):
    """Roll on with stamps 3 ms too old, and return the change of the estimate at each tick."""
    changes = []
    for _ in range(ticks):
        before = bench.observer.speed_mmps
        changes.append(abs(bench.roll(10000, late_us=-3000)[0] - before))
    return changes


def test_three_late_stamps_in_a_row_are_rejected_and_the_fourth_is_believed():
    bench = Bench(stamps=True)
    bench.roll(10000, 300)
    first, second, third, fourth = late_at_10_mps(bench, 4)
    assert max(first, second, third) <= 1
    assert fourth > 50


def test_a_good_stamp_ends_the_row_of_late_ones():
    bench = Bench(stamps=True)
    bench.roll(10000, 300)
    for _ in range(5):
        assert max(late_at_10_mps(bench, 3)) <= 1
        bench.roll(10000)


def test_after_a_late_stamp_was_believed_the_row_begins_again():
    bench = Bench(stamps=True)
    bench.roll(10000, 300)
    late_at_10_mps(bench, 4)
    # Believed, the estimate is off by 3 ms; honest stamps are now the late ones.
    before = bench.observer.speed_mmps
    bench.roll(10000)
    predicted = before + bench.observer.disturbance_mmps2 / 100
    assert bench.observer.speed_mmps == pytest.approx(predicted, abs=5)


def test_between_two_edges_the_wheel_goes_no_further_than_the_next():
    # It stops dead at 5 m/s; the prediction rolls on, but owes nothing when the next edge comes.
    bench = Bench(stamps=True)
    bench.roll(5000, 600)
    bench.roll(0, 40)
    waiting = bench.observer.speed_mmps
    before = bench.wheel.pulses_at(bench.wheel.way_um)
    while bench.wheel.pulses_at(bench.wheel.way_um) == before:
        after = bench.roll(400)[0]
    assert after >= waiting - 50
