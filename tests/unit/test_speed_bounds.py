"""SpeedObserver: bounded without a pulse, in a stall, and whatever the counter does."""

import pytest

from tests.unit.speed_bench import COUNT_GAINS, SPACING, STAMP_GAINS, Bench, kick, mean, stamped

# --- no pulse


@pytest.mark.parametrize("stamps", [False, True])
def test_after_600_ms_without_a_pulse_the_car_stands(stamps):
    bench = Bench(stamps)
    bench.roll(10000, 300)
    bench.roll(0)  # the last pulse may lie in this tick
    assert bench.roll(0, 70, torque=1000)[-1] == 0
    # Count back from standstill_ms, which says how long ago the last pulse was.
    bench.roll(10000, 300)
    while bench.sig.standstill_ms < 590:
        bench.roll(0, torque=1000, full=8000)
    assert bench.sig.standstill_ms == 590
    assert bench.observer.disturbance_mmps2 < 0
    bench.roll(0, torque=1000, full=8000)
    assert bench.sig.standstill_ms == 600
    assert bench.observer.speed_mmps == 0
    assert bench.observer.disturbance_mmps2 == 0


def test_a_blocked_wheel_stands_whatever_the_torque_would_do():
    bench = Bench()
    assert bench.roll(0, 200, torque=1000, full=8000) == [0] * 200


@pytest.mark.parametrize("stamps", [False, True])
def test_without_a_pulse_the_car_is_no_faster_than_1_2_spacings_in_the_time_since(stamps):
    bench = Bench(stamps)
    bench.roll(15000, 300)
    for _ in range(58):
        bench.roll(0, torque=1000, full=4000)
        age_ms = bench.sig.standstill_ms
        if age_ms > 20:
            assert bench.observer.speed_mmps <= SPACING * 12 // age_ms
        if age_ms == 30:
            assert bench.observer.speed_mmps == 2250
        if age_ms == 20:
            assert bench.observer.speed_mmps > 5000  # two ticks without a pulse are no news


def test_the_bound_leaves_a_slow_constant_speed_alone():
    bench = Bench(stamps=True)
    bench.roll(1000, 600)
    assert min(bench.roll(1000, 100)) >= 990


@pytest.mark.parametrize("dt_ms", [10, 40])
def test_the_age_of_the_last_pulse_is_time_and_stops_at_a_minute(dt_ms):
    bench = Bench()
    assert bench.sig.standstill_ms == 0
    bench.see(dt_ms=dt_ms)
    assert bench.sig.standstill_ms == 60000
    bench.pulse(1, dt_ms=dt_ms)
    assert bench.sig.standstill_ms == 0
    bench.see(dt_ms=dt_ms)
    assert bench.sig.standstill_ms == dt_ms
    for _ in range(60000 // dt_ms + 5):
        bench.see(dt_ms=dt_ms)
    assert bench.sig.standstill_ms == 60000


# --- bounds


def test_no_counter_makes_the_car_faster_than_25_m_per_s_or_pushed_by_more_than_12_m_per_s2():
    bench = Bench()
    fastest = 0
    for _ in range(100):
        fastest = max(fastest, bench.pulse(20))
        assert bench.observer.disturbance_mmps2 <= 12000
    assert fastest == 25000
    assert bench.observer.disturbance_mmps2 == 12000
    assert bench.see(torque=1000, full=8000) == 25000


def test_a_counter_that_almost_stops_brakes_by_no_more_than_12_m_per_s2():
    bench = Bench()
    bench.roll(20000, 300)
    lowest = 0
    for i in range(100):
        bench.pulse(i % 2, torque=1000, full=8000)
        lowest = min(lowest, bench.observer.disturbance_mmps2)
    assert lowest == -12000


def test_the_speed_is_a_magnitude_and_never_negative():
    bench = Bench()
    bench.roll(3000, 200)
    slowest = min(bench.pulse(1 if i % 40 == 0 else 0, torque=-1000) for i in range(200))
    assert slowest == 0


@pytest.mark.parametrize("pulses", [15, 60])
def test_an_error_of_more_than_0_6_m_by_count_and_0_8_m_by_stamp_counts_as_that(pulses):
    counted = Bench()
    counted.see()
    assert counted.pulse(pulses, dt_ms=20) == kick(60000, COUNT_GAINS[1], 20)
    by_stamp = stamped()
    for _ in range(3):
        by_stamp.pulse(pulses)  # late, all three, and that is as far as they may be
    assert by_stamp.observer.speed_mmps == 0
    assert by_stamp.pulse(pulses) == kick(80000, STAMP_GAINS[1], 22)


@pytest.mark.parametrize("stamps", [False, True])
@pytest.mark.parametrize("jump", [1000, 40000, 65000])
def test_a_counter_that_was_reset_disturbs_the_speed_for_a_second_only(stamps, jump):
    bench = Bench(stamps)
    bench.roll(9000, 300)
    bench.wheel.first_pulse += jump
    bench.roll(9000, 600)
    assert mean(bench.roll(9000, 100)) == pytest.approx(9000, rel=0.02)


def test_after_a_counter_that_jumps_the_speed_is_right_again_without_a_stop():
    bench = Bench(wheel_circumference_mm=2200, pulses_per_turn=12)
    for _ in range(50):
        bench.pulse(65535)
    bench.wheel.first_pulse = bench.raw.pulses_counts
    bench.roll(8000, 600)
    assert mean(bench.roll(8000, 200)) == pytest.approx(8000, rel=0.02)


def test_a_counter_that_jumps_at_every_tick_stays_within_the_bounds():
    # Four pulses a turn of 2.2 m: 65 535 of them would be 36 km in 10 ms.
    bench = Bench(wheel_circumference_mm=2200, pulses_per_turn=4)
    for _ in range(500):
        assert 0 <= bench.pulse(65535) <= 25000
        assert -12000 <= bench.observer.disturbance_mmps2 <= 12000
    bench.roll(0, 70)
    assert bench.observer.speed_mmps == 0
    bench.roll(8000, 600)
    assert mean(bench.roll(8000, 200)) == pytest.approx(8000, rel=0.02)


def test_pulses_that_stop_at_full_speed_correct_by_no_more_than_0_8_m_in_a_long_tick():
    bench = Bench(stamps=True)
    bench.roll(24000, 300)
    before = bench.observer.speed_mmps
    after = bench.see(dt_ms=40)
    # 0.8 m in 10 um, over the 40 ms of the tick, and then the bound of one spacing in 40 ms.
    assert before > 23000
    assert after == SPACING * 12 // 40


# --- after a stall


@pytest.mark.parametrize("stamps", [False, True])
def test_pulses_of_a_stall_are_no_speed(stamps):
    bench = Bench(stamps)
    before = bench.roll(5000, 200)[-1]
    bench.wheel.roll(bench.raw, 5000, 2000)
    bench.observer.skip(bench.raw, 40)
    assert bench.observer.pulses_counts == bench.raw.pulses_counts
    seen = [bench.see(dt_ms=40), *bench.roll(5000, 30)]
    assert max(abs(speed - before) for speed in seen) < 0.1 * before


@pytest.mark.parametrize("stamps", [False, True])
def test_without_the_skip_they_would_be(stamps):
    bench = Bench(stamps)
    before = bench.roll(5000, 200)[-1]
    bench.wheel.roll(bench.raw, 5000, 2000)
    seen = [bench.see(dt_ms=40), *bench.roll(5000, 30)]
    assert max(abs(speed - before) for speed in seen) > 0.1 * before


def test_pulses_in_a_stall_are_no_standstill_and_none_let_the_age_go_on():
    bench = Bench()
    bench.see()
    bench.pulse(1)
    for _ in range(10):
        bench.see()
    assert bench.sig.standstill_ms == 100
    bench.observer.skip(bench.raw, 40)
    bench.see(dt_ms=40)
    assert bench.sig.standstill_ms == 140
    bench.raw.pulses_counts += 1
    bench.observer.skip(bench.raw, 40)
    assert bench.observer.pulses_counts == bench.raw.pulses_counts
    bench.see(dt_ms=40)
    assert bench.sig.standstill_ms == 0


# --- each bound at its last count


def test_after_599_ms_without_a_pulse_the_car_may_still_roll_and_after_600_it_stands():
    bench = Bench(stamps=True)
    bench.roll(10000, 300)
    while bench.sig.standstill_ms < 590:
        bench.roll(0, torque=1000, full=8000)
    bench.roll(0, torque=1000, full=8000, dt_ms=9)
    assert bench.sig.standstill_ms == 599
    # It has not come to rest: what brakes it is still there.
    assert bench.observer.disturbance_mmps2 < 0
    assert bench.roll(0, torque=1000, full=8000, dt_ms=1)[0] == 0
    assert bench.observer.disturbance_mmps2 == 0


@pytest.mark.parametrize("stamps", [False, True])
def test_20_ms_without_a_pulse_bound_nothing_and_21_ms_do(stamps):
    bench = Bench(stamps)
    bench.roll(15000, 300)
    bench.roll(0)
    while bench.sig.standstill_ms:
        bench.roll(15000)
    assert bench.roll(0, dt_ms=20)[0] > 4000
    bench.roll(0, dt_ms=1)
    assert bench.sig.standstill_ms == 21
    assert bench.observer.speed_mmps == SPACING * 12 // 21


def test_by_count_a_skipped_stall_leaves_the_speed_to_the_mm_per_second():
    bench = Bench()
    bench.roll(9000, 300)
    expected = bench.observer.speed_mmps + bench.observer.disturbance_mmps2 / 100
    bench.observer.skip(bench.raw, 10)
    assert bench.see() == pytest.approx(expected, abs=2)


def test_by_stamp_the_first_edge_after_a_skipped_stall_says_nothing_of_the_speed():
    bench = Bench(stamps=True)
    bench.roll(5000, 300)
    for way_mm in (57, 71, 85, 99):  # wherever between two pulses the wheel comes out
        bench.wheel.roll(bench.raw, way_mm * 25, 40)
        bench.observer.skip(bench.raw, 40)
        readings = [bench.see(dt_ms=40), *bench.roll(5000, 40)]
        assert readings == [pytest.approx(5000, abs=60)] * 41
