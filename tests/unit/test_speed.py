"""SpeedObserver: right at constant speed, however long the tick, and calm when a car stands."""

import pytest

from tests.unit.cars import make_params
from tests.unit.speed_bench import COUNT_GAINS, SPACING, Bench, kick, mean
from vcu.speed import SpeedObserver


def test_before_the_first_step_nothing_is_said():
    observer = SpeedObserver(make_params())
    assert (observer.speed_mmps, observer.disturbance_mmps2) == (0, 0)
    assert (observer.lagged_permille, observer.delivered_permille) == (0, 0)


# --- constant speed

WHEELS = [
    {},
    {"wheel_circumference_mm": 1290},
    {"wheel_circumference_mm": 1595},
    {"wheel_circumference_mm": 900, "pulses_per_turn": 96},
    {"wheel_circumference_mm": 2200, "pulses_per_turn": 12},
]
SPEEDS = [1500, 3000, 5000, 8000, 11111, 12500, 15555]


@pytest.mark.parametrize("values", WHEELS)
@pytest.mark.parametrize("speed", SPEEDS)
def test_a_constant_speed_is_read_within_1_percent_by_count(speed, values):
    bench = Bench(**values)
    bench.roll(speed, 300)
    readings = bench.roll(speed, 200)
    assert mean(readings) == pytest.approx(speed, rel=0.01)
    # From tick to tick the count is blind within one spacing.
    spacing_mm = bench.wheel.turn_um / bench.wheel.per_turn / 1000
    assert readings == [pytest.approx(speed, abs=100 + 4 * spacing_mm)] * 200


@pytest.mark.parametrize("values", WHEELS)
@pytest.mark.parametrize("speed", [4000, *SPEEDS[3:]])
def test_a_constant_speed_is_read_within_1_percent_by_stamp_at_every_tick(speed, values):
    bench = Bench(stamps=True, **values)
    bench.roll(speed, 300)
    assert bench.roll(speed, 200) == [pytest.approx(speed, rel=0.01)] * 200


def test_by_stamp_the_default_wheel_is_read_within_1_percent_down_to_2_kmh():
    bench = Bench(stamps=True)
    bench.roll(600, 600)
    assert bench.roll(600, 200) == [pytest.approx(600, rel=0.01)] * 200


@pytest.mark.parametrize("stamps", [False, True])
@pytest.mark.parametrize("early", [False, True])
def test_the_counter_may_wrap_at_65536_without_a_trace(stamps, early):
    plain = Bench(stamps, early=early)
    wrapping = Bench(stamps, first_pulse=65530, early=early)
    plain.roll(0)
    wrapping.roll(0)
    for _ in range(300):
        assert plain.roll(9000) == wrapping.roll(9000)
        counted = (wrapping.observer.pulses_counts - 65530) & 0xFFFF
        assert counted == plain.observer.pulses_counts


@pytest.mark.parametrize("stamps", [False, True])
def test_where_the_counter_stands_at_power_on_is_no_movement(stamps):
    bench = Bench(stamps, first_pulse=40000)
    assert bench.roll(0, 5) == [0] * 5
    assert bench.observer.pulses_counts == 40000
    assert bench.sig.standstill_ms == 60000


def test_the_pulses_of_a_tick_are_counted():
    bench = Bench()
    bench.see()
    bench.pulse(3)
    assert bench.observer.pulses_counts == 3
    bench.pulse(0)
    assert bench.observer.pulses_counts == 3
    bench.pulse(65535)
    assert bench.observer.pulses_counts == 2


def test_the_estimate_is_also_in_the_signals():
    bench = Bench()
    bench.roll(5000, 100)
    assert bench.sig.speed_mmps == bench.observer.speed_mmps > 4000


@pytest.mark.parametrize("stamps", [False, True])
@pytest.mark.parametrize("torque", [0, 1, -1, 500])
def test_however_long_a_car_has_stood_it_starts_the_same(stamps, torque):
    shortly = Bench(stamps)
    shortly.roll(0, 70)
    long = Bench(stamps)
    long.roll(0, 700)
    for bench in (shortly, long):
        assert bench.sig.standstill_ms >= 700
    for speed in (0, 0, 500, 1500, 3000, 3000):
        assert shortly.roll(speed, 20, torque) == long.roll(speed, 20, torque)


@pytest.mark.parametrize("stamps", [False, True])
def test_a_car_that_has_stopped_starts_as_one_that_has_never_moved(stamps):
    stopped = Bench(stamps)
    stopped.roll(4000, 100)
    stopped.roll(0, 100)
    new = Bench(stamps)
    new.roll(0, 100)
    for bench in (stopped, new):
        bench.raw.edge_age_us = 3000 if stamps else -1
    for count in (1, 0, 1, 0, 2, 0, 1):
        assert stopped.pulse(count, torque=300) == new.pulse(count, torque=300)


def test_a_car_that_is_held_under_torque_stands_for_a_minute_at_most():
    bench = Bench()
    bench.roll(0, 6100, torque=500)
    assert bench.sig.standstill_ms == 60000


@pytest.mark.parametrize("torque", [0, 500], ids=["parked", "held"])
def test_a_car_that_stands_counts_nothing_any_further(torque):
    """In days it would be no small integer, which is an exception in the tick."""
    bench = Bench(stamps=True)
    bench.roll(4000, 100)
    bench.roll(0, 100, torque=-400)  # braked by its motor, of which a trace is left
    bench.roll(0, 6100, torque)
    before = dict(vars(bench.observer))
    bench.roll(0, 100, torque)
    assert vars(bench.observer) == before


def test_a_held_car_whose_torque_is_let_go_has_it_no_longer():
    bench = Bench()
    bench.roll(0, 100, torque=800)
    assert bench.observer.lagged_permille > 700
    bench.roll(0, 300)
    assert (bench.observer.lagged_permille, bench.observer.delivered_permille) == (0, 0)


# --- what the torque and the road do


@pytest.mark.parametrize("stamps", [False, True])
@pytest.mark.parametrize(("torque", "explained"), [(0, 0), (500, 1000)])
def test_what_the_torque_does_not_explain_is_the_disturbance(stamps, torque, explained):
    bench = Bench(stamps)
    for speed in range(2000, 6000, 10):  # 1 m/s2
        # 5 A and 48 V would be too little for that torque.
        bench.roll(speed, torque=torque, full=2000)
    assert bench.observer.disturbance_mmps2 == pytest.approx(1000 - explained, abs=150)
    assert bench.observer.speed_mmps == pytest.approx(5990, rel=0.01)


def test_a_braking_car_is_followed_to_the_end():
    bench = Bench(stamps=True)
    bench.roll(8000, 300)
    for speed in range(8000, 1000, -40):  # 4 m/s2
        bench.roll(speed)
        assert bench.observer.speed_mmps == pytest.approx(speed, abs=400)
    assert bench.observer.speed_mmps == pytest.approx(1040, rel=0.05)
    assert bench.observer.disturbance_mmps2 == pytest.approx(-4000, rel=0.1)


@pytest.mark.parametrize(
    ("lag_ms", "dt_ms", "answers"),
    [(80, 10, [111, 209, 297]), (80, 40, [333, 555, 703]), (300, 10, [32, 63, 93])],
)
def test_the_torque_follows_the_throttle_with_the_lag_of_the_motor(lag_ms, dt_ms, answers):
    bench = Bench(motor_lag_ms=lag_ms)
    seen = []
    for _ in answers:
        bench.see(torque=1000, dt_ms=dt_ms)
        assert bench.observer.delivered_permille == bench.observer.lagged_permille
        seen.append(bench.observer.lagged_permille)
    assert seen == answers


def test_braking_torque_has_its_lag_too():
    bench = Bench()
    bench.see(torque=-1000)
    assert bench.observer.delivered_permille == bench.observer.lagged_permille == -112


@pytest.mark.parametrize(("torque", "change"), [(1000, 2), (-1000, -3)])
def test_torque_moves_the_predicted_speed_before_a_pulse_does(torque, change):
    # 111 permille of 2000 mm/s2 for 10 ms; the stamps say nothing in a tick without an edge.
    bench = Bench(stamps=True)
    bench.roll(1000, 600)
    while bench.raw.edge_age_us < 30000:
        bench.roll(1000)
    before = bench.observer.speed_mmps
    bench.roll(1000, torque=torque)
    assert bench.observer.speed_mmps - before == pytest.approx(change, abs=1)


# --- long ticks


@pytest.mark.parametrize("stamps", [False, True])
@pytest.mark.parametrize("dt_ms", [1, 7, 20, 40])
def test_a_constant_speed_is_read_within_1_percent_whatever_the_length_of_the_tick(stamps, dt_ms):
    bench = Bench(stamps)
    bench.roll(9000, 4000 // dt_ms, dt_ms=dt_ms)
    assert mean(bench.roll(9000, 2000 // dt_ms, dt_ms=dt_ms)) == pytest.approx(9000, rel=0.01)


@pytest.mark.parametrize("stamps", [False, True])
def test_a_late_tick_of_40_ms_does_not_disturb_the_speed(stamps):
    bench = Bench(stamps)
    bench.roll(9000, 300)
    # By count the wheel is anywhere between two pulses: half a spacing may count for 40 ms.
    slack = 270 if stamps else kick(SPACING // 2, COUNT_GAINS[1], 40)
    for _ in range(10):
        assert bench.roll(9000, dt_ms=40)[0] == pytest.approx(9000, abs=slack)
        assert bench.roll(9000, 19)[-1] == pytest.approx(9000, rel=0.03)


# --- at rest


def test_a_second_start_is_read_like_the_first():
    bench = Bench(stamps=True)
    bench.roll(0, 70)
    first = bench.roll(1500, 60)
    bench.roll(1500, 300 - 60)  # 4.5 m are 80 spacings: it stops where it started
    bench.roll(0, 70)
    assert bench.roll(1500, 60) == first


def test_a_standing_car_that_is_braked_ever_so_little_is_not_slower_than_standing():
    bench = Bench(stamps=True)
    bench.raw.edge_age_us = 0
    assert bench.see(torque=-1000, full=1, dt_ms=1) == 0


def test_the_counter_is_at_zero_before_the_first_step():
    assert SpeedObserver(make_params()).pulses_counts == 0
