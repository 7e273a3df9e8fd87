"""Power that rises, or does not fall, though what was asked explains no such thing."""

import pytest

from tests.unit.guard_bench import FIRST, HALF, HUNDRED_AMPERE_COUNTS, SLOT, Bench, pulling
from vcu.guard import UNINTENDED


def steady(power_w, torque=340, **values):
    """A bench that has rolled at 2.5 m/s for two seconds with torque asked and power steady.

    So long after a slot, 80 ms, the car may roll at 3.018 m/s: 400 N at that and its stalling are
    1367 W, and what may flow at most is 2437 W, with 250 W of idling.
    """
    bench = Bench(FIRST, **values)
    bench.pedal = 1000
    bench.roll(5, 2 * HALF)
    bench.torque = torque
    bench.power_w = min(power_w, 1600)  # and what is more comes in small steps
    for _ in range(16):
        bench.roll(5, 1)
        bench.power_w = min(power_w, bench.power_w + 100)
    assert bench.bits == 0
    return bench


@pytest.mark.parametrize(
    ("before_w", "after_w", "bits"),
    [
        # Up to what the torque needs at that speed it may come at any time.
        (500, 1610, 0),
        (500, 1700, UNINTENDED),
        # Above that only by the idle power, an eighth and what a car gains: 50 W in a look.
        (1610, 1800, 0),
        (1610, 2100, 0),
        (1610, 2250, UNINTENDED),
        (2000, 2240, 0),
        (2300, 2437, 0),
        (2300, 2438, UNINTENDED),
    ],
)
def test_power_that_rises_though_no_more_is_asked_is_unintended(before_w, after_w, bits):
    bench = steady(before_w)
    bench.power_w = after_w
    assert bench.tick(4).bits == bits


def rising(bench, watts_a_look):
    """What is found where power rises to nearly the most in even steps, while the car rolls on."""
    for look, power_w in enumerate(range(1000, 2330, watts_a_look)):
        bench.power_w = power_w
        bench.pulse(5 if look % (SLOT // 2) == 0 else 0).tick(2)
    return bench.bits


@pytest.mark.parametrize(("watts_a_look", "bits"), [(15, 0), (64, 0), (70, UNINTENDED)])
def test_power_that_rises_no_faster_than_the_speed_of_the_lightest_car_is_not(watts_a_look, bits):
    # 400 N move it with 2.8 m/s2, a quarter more of them with 3.6, and a motor at its end gives
    # half of 3 m/s in each second more: 40 W in a look are explained, and of the rest the idle
    # power and an eighth are let pass.
    bench = steady(1000)
    bench.pulse(5).tick(1, 40).tick(SLOT - 1)  # of a late tick the wheel says nothing for a second
    assert rising(bench, watts_a_look) == bits


@pytest.mark.parametrize(("watts_a_look", "bits"), [(36, 0), (44, UNINTENDED)])
def test_nor_faster_than_its_wheel_says_where_no_more_was_asked_for_a_second(watts_a_look, bits):
    # It gains nothing, give or take 0.5 m/s2; with hill and end as above that is 24 W in a look.
    assert rising(steady(1000), watts_a_look) == bits


@pytest.mark.parametrize(("more", "bits"), [(30, UNINTENDED), (31, 0)])
def test_what_the_wheel_says_does_not_count_once_more_is_asked(more, bits):
    bench = steady(1000)
    bench.torque += more
    bench.roll(5, 1)
    assert rising(bench, 50) == bits


@pytest.mark.parametrize(("slots", "bits"), [(8, 0), (9, UNINTENDED)])
def test_it_counts_again_with_the_looks_after_the_eighth_slot(slots, bits):
    bench = steady(1500)
    bench.torque += 31
    bench.roll(5, 1 + slots)
    bench.power_w = 2040  # of which the lightest car would explain 28 W more in two looks
    assert bench.tick(4).bits == bits


def test_little_by_little_more_is_no_more():
    bench = steady(1000)
    for _ in range(4):
        bench.torque += 10
        bench.roll(5, 1)
    assert rising(bench, 60) == UNINTENDED


@pytest.mark.parametrize(
    ("force_n", "power_w", "bits"),
    [(1000, 810, 0), (1000, 811, UNINTENDED), (2500, 1410, 0), (2500, 1411, UNINTENDED)],
)
def test_power_that_rises_in_a_silent_wheel_is_that_of_a_wheel_between_two_pulses(
    force_n, power_w, bits
):
    # 400 or 1000 N at 1 m/s and their stalling, though in 0.96 s the lightest car would be at
    # 2.7 m/s or more.
    bench = Bench(FIRST, wheel_force_n=force_n)
    bench.pedal = 1000
    bench.torque = 340
    bench.power_w = 300
    bench.roll(0, 8)
    bench.power_w = power_w
    assert bench.tick(4).bits == bits


def test_power_that_comes_with_more_torque_is_not():
    bench = steady(900, torque=140)
    bench.power_w = 2400
    assert bench.tick(4).bits == UNINTENDED
    bench = steady(900, torque=140)
    bench.torque = 340
    bench.power_w = 2000
    assert bench.tick(4).bits == 0
    bench = steady(500, torque=300)
    bench.torque = 310  # which alone needs 60 W more
    bench.power_w = 1950
    assert bench.tick(4).bits == UNINTENDED


@pytest.mark.parametrize(
    ("torque", "force_n", "stall_w", "most"),
    [(340, 1000, 1000, 2245), (341, 996, 1796, 2343), (347, 997, 997, 2247)],
)
def test_more_torque_explains_what_it_needs_more_and_a_quarter_of_that(
    torque, force_n, stall_w, most
):
    # 950 W flowed beyond the idle ones. 100 N more need 310 W at 3.1 m/s and 90 W more to stall:
    # 500 W with the quarter. 46 W come with the speed; of the rest 250 W and an eighth pass.
    for power_w, found in ((most, 0), (most + 1, UNINTENDED)):
        bench = steady(1200, torque, wheel_force_n=force_n, stall_power_w=stall_w)
        bench.torque += 100
        bench.power_w = power_w
        assert bench.tick(4).bits == found


def test_what_begins_to_flow_with_torque_is_explained_from_nothing_on():
    # 1.25 times what 400 N need at 1 m/s, the idle power and an eighth.
    for power_w, found in ((1082, 0), (1083, UNINTENDED)):
        bench, bench.torque = pulling(340, 1)()
        bench.power_w = power_w
        assert bench.tick(4).bits == found
        assert bench.guard.power.power_w == power_w


@pytest.mark.parametrize(
    ("ticks", "power_w", "bits"), [(20, 950, 0), (20, 1000, UNINTENDED), (200, 1050, 0)]
)
def test_power_that_went_into_the_pack_is_not_missing_in_the_next_pull(ticks, power_w, bits):
    bench, bench.torque = pulling(340, 1)()
    bench.power_w = 500
    bench.tick(4)
    bench.torque = 0
    for _ in range(ticks):  # in 200 nothing is left of the torque that was asked
        bench._fill()
        bench.raw.pack_v_counts, bench.raw.pack_a_counts = 2000, 1500 - HUNDRED_AMPERE_COUNTS
        bench.guard.step(bench.raw, bench.out, 10)
    bench.torque = 340
    bench.power_w = power_w  # more than 400 N need at 1.3 m/s, and less than they may
    assert bench.tick(4).bits == bits


@pytest.mark.parametrize(("lag_ms", "looks"), [(10, 0), (100, 2), (300, 7)])
def test_what_was_asked_earlier_explains_power_for_as_long_as_the_motor_lags(lag_ms, looks):
    # With 100 ms an eleventh of the 875 W that it adds is forgotten in each look, with 10 a half.
    for more, bits in ((0, 0), (1, UNINTENDED)):
        bench = steady(500, torque=140, motor_lag_ms=lag_ms)
        bench.torque = 340
        bench.pulse(5).tick(2 * (looks + more))
        bench.power_w = 1700
        assert bench.tick(4).bits == bits


def test_power_that_rose_while_a_tick_was_late_is_what_flows_from_then_on():
    bench = steady(500)
    bench.power_w = 2200
    bench.tick(2, 25)
    assert bench.tick(20).bits == 0
    bench = steady(500)
    bench.power_w = 2200
    bench.tick(1, 20).tick(1, 21)
    assert bench.tick(20).bits == 0
    bench = steady(500)
    bench.power_w = 2200
    bench.tick(4, 20)
    assert bench.bits == UNINTENDED
    for power_w, bits in ((2541, 0), (2542, UNINTENDED)):
        bench = steady(500)
        bench.power_w = power_w  # what may flow at most, and a watt more
        bench.tick(4, 25)
        assert bench.bits == bits


@pytest.mark.parametrize(
    ("torque", "watts", "ticks"),
    [(0, 750, 7), (0, 450, 17), (0, 150, 57), (40, 750, 7), (40, 450, 19)],
)
def test_the_power_that_may_flow_fades_with_twice_the_lag_of_the_motor(torque, watts, ticks):
    # The 896 W of 400 N at one metre per second and their stalling fade to each of these, by a
    # twelfth in each look, after 33 and 131 ms, and then it is seen twice. 150 W may be noise for
    # as long as 30 W are needed. With 40 permille still asked they fade towards the 176 W of
    # 100 N, by a twelfth of what is beyond those.
    bench, bench.torque = pulling(340, 1)()
    bench.power_w = 250 + watts
    bench.tick(4)
    bench.torque = torque
    taken = []
    for tick in range(60):
        bench.pulse(1 if tick % SLOT == 0 else 0).tick()
        taken.append(bench.is_stopped)
    assert taken.index(True) == ticks
