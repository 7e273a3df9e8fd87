"""The most power that may flow, by the torque asked and how fast the car may be by then."""

import pytest

from tests.unit.guard_bench import FIRST, Bench, pulling
from vcu.guard import UNINTENDED

CAP = 11751  # mm/s: 40 km/h and 3, less what the measurement lags behind

# Of two ticks of 25 ms nobody knows what power did in between: then only the most counts. The
# second look is so long after the wheel was last heard.
SINCE_MS = 140


def most_w(asked, speed, force=1000, stall=1000, idle=250, cap=CAP, since_ms=SINCE_MS):
    """Return the most watts for asked permille of torque: force and speed, stalling, idling.

    The lightest car gains 4 mm/s2 for each N and 1.2 m/s2 of a hill, and all of it may be a
    quarter and losses more: 1.6 times. 120 W are no more than noise.
    """
    force_n = force * asked // 1000
    rolls = min(speed + ((force_n * 4 + 1200) * since_ms >> 10), cap)
    needed_w = force_n * rolls // 1000 + stall * asked // 1000 * asked // 1000
    return idle + max(needed_w * 8 // 5, 120)


def most_power(make_bench):
    """Return the most watts that may flow with the torque that a new bench then asks."""
    low, high = 0, 3050
    while low < high:
        middle = (low + high + 1) // 2
        bench, torque = make_bench()
        bench.torque = torque
        bench.power_w = middle
        bench.tick(4, 25)
        if bench.bits & UNINTENDED:
            high = middle - 1
        else:
            low = middle
    return low


# 60 permille are added to what is asked, for a motor that begins earlier than its parameter says,
# and 0.3 m/s to how fast the wheel was.
@pytest.mark.parametrize(("torque", "per_slot"), [(1, 2), (40, 2), (240, 2), (340, 1), (340, 3)])
def test_the_power_that_may_flow_is_that_of_force_and_speed_with_a_margin(torque, per_slot):
    assert most_power(pulling(torque, per_slot)) == most_w(torque + 60, per_slot * 500 + 300)


@pytest.mark.parametrize(
    ("circumference_mm", "margin_mmps"), [(1259, 300), (1260, 2000), (2000, 2000)]
)
def test_where_a_whole_second_is_looked_at_the_speed_may_lag_further_behind(
    circumference_mm, margin_mmps
):
    wheel = {"pulses_per_turn": 9, "wheel_circumference_mm": circumference_mm}
    make_bench = pulling(40, 1, **wheel)
    speed = make_bench()[0].guard.wheel.speed_mmps
    assert most_power(make_bench) == most_w(100, speed + margin_mmps)


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ({"wheel_force_n": 2000}, {"force": 2000}),
        ({"stall_power_w": 3000}, {"stall": 3000}),
        ({"idle_power_w": 800}, {"idle": 800}),
    ],
)
def test_force_stall_and_idle_power_are_parameters(values, changes):
    assert most_power(pulling(140, 1, **values)) == most_w(200, 800, **changes)


@pytest.mark.parametrize(
    ("torque", "asked"), [(938, 998), (939, 999), (940, 1000), (941, 1000), (1000, 1000)]
)
def test_more_than_full_torque_is_never_taken_for_granted(torque, asked):
    make_bench = pulling(torque, 1, wheel_force_n=500)
    assert most_power(make_bench) == most_w(asked, 800, force=500)


@pytest.mark.parametrize(
    ("slots", "fastest"),
    [
        # Four pulses gained, less one: 0.375 m/s, which is more than the margin.
        ((4, 4, 4, 4, 5, 5, 5, 5), 2875),
        # Two pulses in the newest slot, of 0.5 m/s each, and one of them in the half second.
        ((4, 4, 4, 4, 4, 4, 4, 6), 3000),
        ((4, 4, 4, 4, 4, 4, 4, 5), 2500),
        ((4, 4, 4, 4, 4, 4, 4, 4), 2300),
    ],
)
def test_a_car_that_gains_speed_is_as_fast_as_it_will_be(slots, fastest):
    def make_bench():
        bench = Bench(FIRST).roll(4, 8)
        for pulses in slots:
            bench.roll(pulses, 1)
        return bench, 40

    assert most_power(make_bench) == most_w(100, fastest)


def test_no_car_is_faster_than_its_cap():
    # 47.5 m/s and 2.862 m/s are the speed and the cap of reverse; power is judged by the other.
    assert most_power(pulling(40, 95)) == most_w(100, CAP)


@pytest.mark.parametrize("asked", [72, 82])
def test_the_cap_is_the_parameter_to_the_mm_per_second(asked):
    # With so many N a mm/s less, or more, is a watt less or more.
    make_bench = pulling(asked - 60, 95, speed_cap_kmh=56)
    assert most_power(make_bench) == most_w(asked, 16195, cap=16195)


@pytest.mark.parametrize(("over_w", "flows"), [(0, False), (1, True)])
def test_after_a_late_tick_the_most_may_flow_and_not_a_watt_more(over_w, flows):
    bench, bench.torque = pulling(40, 1)()
    bench.power_w = most_w(100, 800, since_ms=SINCE_MS - 50) + over_w
    assert bench.tick(2, 25).guard.power.flows == flows


def test_a_car_that_pulls_from_power_on_stood_until_then():
    def make_bench():
        bench = Bench(wheel_force_n=4000)
        bench.pedal = 1000
        return bench, 240

    assert most_power(make_bench) == most_w(300, 0, force=4000, since_ms=100)


@pytest.mark.parametrize(
    ("slots", "brake", "speed"),
    [(0, 0, 2800), (1, 0, 2776), (9, 0, 2584), (9, 1, 856), (20, 1, 0)],
)
def test_a_wheel_that_falls_silent_may_go_on_as_fast_as_it_went(slots, brake, speed):
    # Coasting it loses 0.2 m/s2 at least, braked 2, and stands in the end.
    def make_bench():
        bench = pulling(40, 5)()[0].roll(0, min(slots, 1))
        bench.raw.brake_on = brake
        bench.roll(0, max(slots - 1, 0))
        bench.raw.brake_on = 0
        return bench, 40

    assert most_power(make_bench) == most_w(100, speed)


def test_a_car_that_was_braked_to_a_stop_stands():
    def make_bench():
        bench = pulling(240, 5, wheel_force_n=4000)()[0]
        bench.raw.brake_on = 1
        bench.roll(0, 20)
        bench.raw.brake_on = 0
        return bench, 240

    assert most_power(make_bench) == most_w(300, 0, force=4000)


# Two late ticks, in a slot that had begun 80 ms before; the wheel is looked at after them.
STALLED_MS = 1080


def stall(bench):
    return bench.tick(4).tick(2, 500).tick(2)


@pytest.mark.parametrize(("brake", "loses", "asked"), [(0, 216, 100), (1, 2160, 300)])
def test_a_silent_wheel_loses_in_a_stall_what_it_would_have_lost_in_its_time(brake, loses, asked):
    def make_bench():
        bench = pulling(0, 5, wheel_force_n=4000)()[0].roll(0, 1)
        bench.raw.brake_on = brake
        stall(bench)
        bench.raw.brake_on = 0
        return bench, asked - 60

    speed = 2776 - loses
    assert most_power(make_bench) == most_w(asked, speed, force=4000, since_ms=120)


def test_a_silent_wheel_gains_in_a_stall_what_it_would_have_gained_in_its_time():
    def make_bench():
        bench = Bench(FIRST, wheel_force_n=3996, idle_power_w=100)
        bench.pedal = 1000
        bench.torque = 60
        return stall(bench), 60

    # 479 N: 1.916 m/s2 of the lightest car, and a hill with 1.2.
    speed = 3116 * STALLED_MS // 1000
    assert most_power(make_bench) == most_w(120, speed, force=3996, idle=100, since_ms=120)


@pytest.mark.parametrize("slots", [4, 8])
def test_a_car_that_stood_gains_no_more_speed_than_the_lightest_with_the_torque_asked(slots):
    def make_bench():
        bench = Bench(FIRST)
        bench.pedal = 1000
        bench.torque = 340
        return bench.roll(0, slots), 340

    # 400 N move 250 kg with 1.6 m/s2, and a hill with 1.2: 2.8 m/s2, in slots of 120 ms.
    assert most_power(make_bench) == most_w(400, slots * 336)


@pytest.mark.parametrize(("torque", "speed"), [(40, 0), (41, 11751)])
def test_a_silent_wheel_gains_with_more_than_a_tenth_of_torque_and_up_to_the_cap(torque, speed):
    def make_bench():
        bench = Bench(FIRST)
        bench.pedal = 1000
        bench.torque = torque
        return bench.roll(0, 90), torque  # 11 s with 1.6 m/s2

    assert most_power(make_bench) == most_w(torque + 60, speed)


@pytest.mark.parametrize(("pulses", "speed"), [(0, 6 * 336), (1, 500), (2, 1000)])
def test_the_first_pulse_ends_the_silence_with_its_slot(pulses, speed):
    def make_bench():
        bench = Bench(FIRST)
        bench.pedal = 1000
        bench.torque = 340
        bench.roll(0, 5)
        return bench.roll(pulses, 1), 340

    assert most_power(make_bench) == most_w(400, speed)
