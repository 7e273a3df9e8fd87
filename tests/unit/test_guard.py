"""The guard as a whole: memory, what it compares, taking traction and giving it back."""

from types import SimpleNamespace

import pytest

from tests.unit.guard_bench import (
    FIRST,
    HALF,
    SCALING,
    SLOT,
    Bench,
    asking,
    is_found_when_flipped,
    kept,
    make_guard,
    numbers,
    stays,
    trips,
)
from vcu.guard import (
    DATA,
    ENABLE_OFF,
    ENABLE_ON,
    THROTTLE_HIGH,
    THROTTLE_LOW,
    UNINTENDED,
)
from vcu.guard_torque import CONFLICT, SPEED, TORQUE
from vcu.signals import SLOW_BATTERY_TEMP, SLOW_REFERENCE_HIGH, SLOW_SENSOR_5V

# --- nothing wrong


def test_a_guard_that_finds_nothing_changes_no_output():
    bench = Bench()
    bench.torque = 500
    bench.tick(100)
    out = bench.out
    assert not bench.guard.is_tripped
    assert bench.guard.wheel.speed_mmps == Bench().guard.wheel.speed_mmps == 0
    assert (out.throttle_permille, out.throttle_mv, out.regen_permille) == (500, 2000, 0)
    assert (out.enable, out.guard, out.heartbeat) == (1, 1, 1)
    assert (out.contactor, out.precharge, out.reverse) == (1, 1, 0)


# --- memory


KEPT = kept("guard")


def test_the_guard_keeps_its_own_copies():
    assert KEPT == ["_obeys_ms", "_readback_scale", "_complement"]


@pytest.mark.parametrize("name", KEPT)
def test_a_bit_that_flips_in_a_copy_takes_traction_within_200_ms(name):
    assert all(is_found_when_flipped("guard", name, bit) for bit in range(30))


@pytest.mark.parametrize("room", ["torque", "power", "wheel"])
def test_the_copies_of_every_room_are_looked_at(room):
    assert is_found_when_flipped(room, kept(room)[0], 0)


def test_a_bit_that_flips_is_found_where_every_tick_is_late_too():
    bench = Bench(FIRST).tick(4, dt_ms=200)
    bench.guard.torque._cap_mmps ^= 1
    assert bench.tick(10, dt_ms=200).bits & DATA


def test_memory_as_it_was_written_is_never_found_wrong():
    assert stays(Bench(), 400)


# --- what the rooms are handed, and what they find


BROKEN = {
    UNINTENDED: {"torque": 0, "power_w": 3000},
    TORQUE: {"torque": 1000},
    CONFLICT: {"torque": 100, "brake_on": 1},
}


@pytest.mark.parametrize("finding", BROKEN)
def test_every_rule_of_the_driver_that_is_broken_takes_traction(finding):
    assert trips(asking(**BROKEN[finding]), finding)


def test_torque_above_the_cap_takes_traction():
    bench = Bench(FIRST).roll(100, 1)
    bench.torque = 100
    bench.tick(12)
    assert bench.is_stopped
    assert bench.bits == SPEED


def test_a_slot_of_the_way_ends_every_120_ms():
    bench = Bench(FIRST)
    # 60 mm a pulse, in the half second of four slots
    assert [bench.roll(100, 1).guard.wheel.speed_mmps for _ in range(4)] == [
        12500,
        25000,
        37500,
        50000,
    ]


@pytest.mark.parametrize(("lag_ms", "envelope"), [(100, 366), (300, 387)])
def test_a_motor_is_given_twice_the_lag_of_its_parameter(lag_ms, envelope):
    bench = asking(340, motor_lag_ms=lag_ms).tick(4)
    bench.torque = 0
    assert bench.tick(3).guard.torque.envelope == envelope  # of 400, after 20 ms


@pytest.mark.parametrize(("per_slot", "bits"), [(1, UNINTENDED), (20, 0)])
def test_power_is_judged_by_how_fast_the_wheel_turns(per_slot, bits):
    bench = Bench(FIRST).roll(per_slot, 2 * HALF)
    bench.torque = 340
    bench.power_w = 3000
    assert bench.tick(8).bits == bits


@pytest.mark.parametrize(("late_ms", "bits"), [(10, UNINTENDED), (40, 0)])
def test_power_is_judged_by_how_fast_the_wheel_gains_where_it_says_so(late_ms, bits):
    bench = Bench(FIRST)
    bench.pedal = 1000
    bench.roll(5, 2 * HALF)
    bench.torque = 340
    bench.power_w = 1500
    bench.roll(5, 16).pulse(5).tick(1, late_ms).tick(SLOT - 1)
    bench.roll(5, 1)
    bench.power_w = 2040  # of which the lightest car would explain 28 W more in two looks
    assert bench.tick(4).bits == bits


@pytest.mark.parametrize(("coasted_ms", "bits"), [(1500, 0), (1501, UNINTENDED)])
def test_coasting_begins_after_1500_ms(coasted_ms, bits):
    bench = Bench(FIRST)
    bench.torque = 100
    bench.roll(1, 2 * HALF)
    bench.torque = 0
    # In the first two ticks torque was asked; the slot ends in the twelfth, with the gain.
    bench.tick(2, 0).pulse(400)
    bench.tick(9, 0)
    bench.tick(1, 0)
    bench.tick(2, 0)
    lengths = (coasted_ms, 0, 0, 0)
    for dt_ms in lengths:
        bench.tick(1, dt_ms)
    assert bench.bits == bits


# --- the enable line


def stuck_line(level, ticks=FIRST):
    """A bench whose line is seen at level, though the other one was driven in the tick before."""
    bench = Bench(ticks)
    bench.enable = 1 - level
    bench.tick(2)
    bench.line = level
    return bench


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("early", [0, 1])
def test_an_enable_line_that_does_not_follow_for_more_than_120_ms_is_found(level, early):
    bench = stuck_line(level, FIRST + early)
    bench.tick(12)
    assert bench.bits == 0
    bench.tick(3)
    assert bench.bits == (ENABLE_ON if level else ENABLE_OFF)
    bench.tick()
    assert bench.is_stopped == bool(level)  # a car that does not move is no hazard


@pytest.mark.parametrize(("last_ms", "bits"), [(0, 0), (1, ENABLE_ON)])
def test_120_ms_are_not_more_than_120(last_ms, bits):
    bench = stuck_line(1)
    bench.tick(11).tick(1, 0)
    assert bench.bits == 0
    bench.tick(1, last_ms)
    assert bench.bits == bits


def test_a_line_that_has_followed_is_given_its_120_ms_again():
    bench = stuck_line(1).tick(4)
    bench.line = None
    bench.tick(4)
    bench.line = 1
    assert bench.tick(11).tick(1, 0).bits == 0
    assert bench.tick(1, 1).bits == ENABLE_ON


@pytest.mark.parametrize("dt_ms", [20, 100, 500])
def test_a_stall_is_one_look_at_the_line(dt_ms):
    bench = stuck_line(1)
    bench.tick(12, dt_ms)
    assert bench.bits == 0
    bench.tick(2, dt_ms)
    assert bench.bits == ENABLE_ON


@pytest.mark.parametrize("missing", ["enable", "heartbeat"])
def test_the_line_is_expected_low_when_any_gate_is(missing):
    bench = Bench(ticks=10)
    setattr(bench, missing, 0)
    bench.line = 1
    bench.tick(20)
    assert bench.bits == ENABLE_ON
    bench = Bench(ticks=10)
    setattr(bench, missing, 0)
    bench.line = 0
    assert stays(bench)


def test_the_line_is_expected_low_after_the_guard_took_its_consent():
    bench = Bench().trip()
    bench.line = 1
    bench.tick(12)
    assert bench.bits == TORQUE
    bench.tick(4)
    assert bench.bits == TORQUE | ENABLE_ON


def test_an_enable_line_that_falls_within_100_ms_is_in_order_as_often_as_it_does():
    bench = Bench(FIRST)
    for _ in range(10):
        bench.enable = 0
        bench.line = 1
        bench.tick(11)
        bench.line = 0
        bench.tick(4)
        bench.enable = 1
        bench.tick()
        bench.line = None
        bench.tick(4)
    assert bench.bits == 0


def test_an_enable_line_that_does_not_come_up_is_told_and_forgotten_when_it_does():
    bench = stuck_line(0).tick(100)
    assert bench.bits == ENABLE_OFF
    bench.line = 1
    bench.tick(2)
    assert bench.bits == 0
    bench.line = 0
    bench.tick(12)
    assert bench.bits == 0


def test_a_line_that_was_found_stuck_stays_found_when_it_falls():
    bench = stuck_line(1).tick(20)
    bench.line = 0
    bench.tick(50)
    assert bench.bits == ENABLE_ON
    assert bench.is_stopped


# --- the throttle's read-back


def read_back(bench, readback_mv, times=1):
    """Show the voltage in so many readings, one every 40 ms."""
    for _ in range(times):
        bench.readback_mv = readback_mv
        bench.tick()
        bench.readback_mv = None
        bench.raw.slow_index = SLOW_BATTERY_TEMP
        bench.tick(3)
    return bench


@pytest.mark.parametrize(
    ("mv", "times", "bits"), [(2300, 9, 0), (2301, 1, 0), (2301, 2, THROTTLE_HIGH)]
)
def test_a_throttle_300_mv_above_what_was_driven_takes_traction_at_the_second_look(
    mv, times, bits
):
    bench = asking(500)
    bench.tick(10)
    read_back(bench, mv, times)
    assert bench.bits == bits
    assert bench.is_stopped == (bits != 0)


@pytest.mark.parametrize(
    ("mv", "times", "bits"), [(1700, 9, 0), (1699, 1, 0), (1699, 2, THROTTLE_LOW)]
)
def test_a_throttle_300_mv_below_what_was_driven_is_told_at_the_second_look(mv, times, bits):
    bench = asking(500)
    bench.tick(10)
    read_back(bench, mv, times)
    assert bench.bits == bits
    assert not bench.is_stopped
    read_back(bench, 1700)
    assert bench.bits == 0
    read_back(bench, 1699)
    assert bench.bits == 0


def test_one_good_reading_between_two_bad_ones_clears_both():
    bench = asking(500)
    bench.tick(10)
    for mv in (2301, 2000, 2301, 2000, 1699, 2000, 1699, 2301, 1699):
        read_back(bench, mv)
    assert bench.bits == 0


@pytest.mark.parametrize(("first", "then"), [(500, 0), (0, 500)])
@pytest.mark.parametrize(
    ("mv", "bits"), [(2300, 0), (2301, THROTTLE_HIGH), (500, 0), (499, THROTTLE_LOW)]
)
def test_while_the_throttle_moves_either_of_the_last_two_voltages_is_right(first, then, mv, bits):
    bench = asking(first)
    bench.tick(10)
    for _ in range(2):
        bench.torque = then
        bench.tick()
        read_back(bench, mv)  # 2000 and 800 mV were driven in the two ticks before
        bench.torque = first
        bench.tick(4)
    assert bench.bits == bits


def test_the_voltages_compared_are_those_of_the_two_ticks_before():
    for age, is_wrong in ((0, True), (1, False), (2, False), (3, True)):
        bench = asking(0)
        bench.tick(10)
        for _ in range(2):
            bench.torque = 500
            for tick in range(4):
                bench.readback_mv = 2000 if tick == age else None
                bench.raw.slow_index = SLOW_BATTERY_TEMP
                bench.tick()
                bench.torque = 0
            bench.readback_mv = None
            bench.raw.slow_index = SLOW_BATTERY_TEMP
            bench.tick(4)
        assert (bench.bits == THROTTLE_HIGH) == is_wrong, age


def test_a_reading_that_failed_says_nothing():
    bench = asking(500)
    bench.tick(10)
    read_back(bench, 1699)
    read_back(bench, -1, 5)
    assert bench.bits == 0
    read_back(bench, 1699)
    assert bench.bits == THROTTLE_LOW
    bench = asking(500)
    bench.tick(10)
    read_back(bench, 0, 2)
    assert bench.bits == THROTTLE_LOW


@pytest.mark.parametrize("index", [SLOW_BATTERY_TEMP, SLOW_SENSOR_5V, SLOW_REFERENCE_HIGH])
def test_other_slow_channels_are_not_the_throttle(index):
    bench = asking(500)
    bench.raw.slow_index = index
    bench.raw.slow_counts = 3300
    assert stays(bench)


def test_the_scale_of_the_read_back_is_the_boards():
    scaling = SimpleNamespace(**vars(SCALING))
    scaling.throttle_readback_mv_per_1000_counts = 1818
    for counts, bits in ((1265, 0), (1266, THROTTLE_HIGH)):
        bench = asking(500)
        bench.guard = make_guard(bench.params, scaling)
        bench.tick(10)
        assert read_back(bench, counts, 3).bits == bits


# --- taking traction, and giving it back


def test_traction_stays_taken_for_as_long_as_the_key_is_on():
    bench = Bench().trip()
    bench.tick(3000)
    assert bench.is_stopped
    assert bench.bits == TORQUE


@pytest.mark.parametrize(("ticks", "is_stopped"), [(49, True), (50, False)])
def test_traction_comes_back_when_the_key_was_off_for_500_ms(ticks, is_stopped):
    bench = Bench().trip()
    bench.key_off(ticks).tick()
    assert bench.is_stopped == is_stopped
    assert bench.bits == (TORQUE if is_stopped else 0)


def test_the_tick_in_which_the_key_frees_it_is_still_without_traction():
    bench = Bench().trip()
    bench.raw.key_on = 0
    bench.tick(50)
    assert (bench.out.enable, bench.out.throttle_mv) == (0, 0)
    assert not bench.guard.is_tripped


def test_a_key_that_bounces_does_not_add_up():
    bench = Bench().trip()
    for _ in range(5):
        bench.key_off(40).tick()
    assert bench.is_stopped


def test_the_key_counts_in_time_and_not_in_ticks():
    bench = Bench().trip().tick(4)
    bench.raw.key_on = 0
    bench.tick(1, 499)
    assert bench.is_stopped
    bench.tick(1, 1)
    bench.raw.key_on = 1
    bench.tick()
    assert not bench.is_stopped


def test_a_trip_without_the_key_is_freed_500_ms_after_it_as_often_as_it_comes():
    bench = Bench()
    bench.raw.key_on = 0
    bench.tick(10)
    for _ in range(2):
        bench.power_w = 3000
        bench.ticks_to_stop()  # the first 10 ms
        bench.power_w = 0
        bench.tick(4).tick(1, 449)
        assert bench.guard.is_tripped
        bench.tick(1, 1)
        assert not bench.guard.is_tripped
        bench.tick(4)


@pytest.mark.parametrize("power_w", [370, 371])
def test_the_key_frees_nothing_while_power_flows(power_w):
    bench = Bench().trip()
    bench.tick(200)  # the envelope of what was asked is over
    bench.power_w = power_w
    bench.key_off(100).tick()
    assert bench.is_stopped == (power_w == 371)
    bench.power_w = 0
    bench.key_off(60).tick()
    assert not bench.is_stopped


def test_each_finding_without_the_key_stands_for_half_a_second():
    shown = []
    bench = Bench(FIRST)
    bench.raw.key_on = bench.enable = 0
    for _ in range(2):
        bench.line = 1
        bench.ticks_to_stop()
        bench.line = None
        shown.append(sum(1 for _ in range(100) if bench.tick().bits))
    assert min(shown) >= 48


@pytest.mark.parametrize("key_on", [0, 1])
def test_a_finding_that_stands_counts_its_time_no_further(key_on):
    """In weeks it would be no small integer, which is an exception in the tick."""
    bench = Bench(FIRST).trip()
    bench.raw.key_on = key_on
    bench.line = 1
    bench.power_w = 3000
    bench.tick(4 * SLOT * HALF)
    before = numbers(bench.guard, "guard")
    bench.tick(4 * SLOT * HALF)
    assert numbers(bench.guard, "guard") == before


@pytest.mark.parametrize("readback_mv", [0, 4000])
def test_a_throttle_that_stays_wrong_is_counted_no_further_than_it_counts(readback_mv):
    bench = read_back(asking(500).tick(10), readback_mv, SLOT * HALF)
    before = numbers(bench.guard, "guard")
    assert numbers(read_back(bench, readback_mv, SLOT * HALF).guard, "guard") == before


def test_a_command_that_goes_on_without_the_key_gets_not_even_one_tick():
    bench = Bench()
    bench.torque = 1000
    bench.ticks_to_stop()
    bench.raw.key_on = 0
    for _ in range(300):
        bench.tick()
        assert bench.is_stopped or not bench.guard.is_tripped
        assert bench.out.throttle_mv == 0
        assert bench.out.enable == 0


def test_after_the_key_everything_is_found_again_with_its_own_time():
    bench = Bench().trip().key_off(50)
    bench.tick()
    bench.torque = 1000
    assert bench.ticks_to_stop() in (10, 11)


def ticks_to_open(bench, falls_to_w=2600):
    """Count the ticks after the first without traction until the contactor is open too.

    By then the power has begun to fall.
    """
    bench.power_w = min(bench.power_w, falls_to_w)
    for ticks in range(100):
        if not bench.out.contactor:
            assert bench.out.precharge == 0
            return ticks
        assert bench.out.precharge == 1
        bench.tick()
    raise AssertionError("the contactor stays closed")


@pytest.mark.parametrize("early", [0, 1])
def test_power_that_still_flows_130_ms_after_a_trip_opens_the_contactor(early):
    bench = Bench(ticks=early)
    bench.power_w = 3000
    bench.ticks_to_stop()
    assert ticks_to_open(bench) == 12


def test_without_power_the_contactor_opens_170_ms_after_a_trip():
    bench = Bench()
    bench.torque = 1000
    bench.ticks_to_stop()
    assert ticks_to_open(bench) == 16


@pytest.mark.parametrize("trips_before", [0, 1])
def test_169_ms_after_a_trip_without_power_are_not_170(trips_before):
    bench = Bench()
    for _ in range(trips_before):
        bench.trip().key_off(59).tick()
    bench.torque = 1000
    bench.ticks_to_stop()
    assert bench.tick(15).tick(1, 9).out.contactor == 1
    assert bench.tick(1, 1).out.contactor == 0


def test_the_contactor_is_opened_by_time_and_not_by_ticks():
    bench = Bench()
    bench.power_w = 3000
    bench.ticks_to_stop()
    bench.power_w = 2600
    bench.tick(2).tick(1, 99)
    assert bench.out.contactor == 1
    assert bench.tick(1, 1).out.contactor == 0


@pytest.mark.parametrize(("lag_ms", "ticks"), [(10, 5), (60, 5), (100, 9), (300, 12)])
def test_power_that_has_not_begun_to_fall_after_the_motors_lag_opens_the_contactor(lag_ms, ticks):
    for falls_to_w, is_early in ((2626, True), (2625, False)):
        bench = Bench(motor_lag_ms=lag_ms)
        bench.power_w = 3000
        bench.ticks_to_stop()
        assert ticks_to_open(bench, falls_to_w) == (ticks if is_early else 12)


def test_59_ms_after_a_trip_no_motor_has_been_given_its_time_to_let_go():
    bench = Bench(motor_lag_ms=10)
    bench.power_w = 3000
    bench.ticks_to_stop()
    assert bench.tick(4).tick(1, 9).out.contactor == 1
    assert bench.tick(1, 1).out.contactor == 0


def test_the_contactor_stays_open_until_the_key_frees_it_though_the_power_ends_with_it():
    bench = Bench()
    bench.power_w = 3000
    bench.tick(30)
    bench.power_w = 0
    bench.tick(100)
    assert (bench.out.contactor, bench.out.precharge) == (0, 0)
    bench.key_off(50).tick()
    assert (bench.out.contactor, bench.out.precharge) == (1, 1)


def test_each_trip_has_its_own_130_ms():
    bench = Bench().trip()
    bench.tick(100)
    bench.key_off(50).tick()
    bench.tick(300)
    bench.power_w = 3000
    bench.ticks_to_stop()
    assert ticks_to_open(bench) == 12


# --- what the findings are


def test_each_finding_is_a_bit_in_the_order_of_the_fault_table():
    found = (UNINTENDED, TORQUE, SPEED, CONFLICT, DATA, THROTTLE_HIGH, THROTTLE_LOW)
    assert (*found, ENABLE_ON, ENABLE_OFF) == tuple(1 << bit for bit in range(9))


def test_a_line_and_a_throttle_that_are_in_order_take_back_no_other_finding():
    pulled = Bench(FIRST)
    pulled.power_w = 3000
    pulled.ticks_to_stop()
    pulled.power_w = 0
    pulled.line = 1
    pulled.tick(6)
    pulled.line = None
    assert pulled.tick(6).bits == UNINTENDED
    stuck = Bench(FIRST)
    stuck.enable = 0
    stuck.line = 1
    stuck.tick(FIRST)
    stuck.line = None
    stuck.readback_mv = 0
    assert stuck.tick(6).bits == ENABLE_ON


def test_a_throttle_that_is_read_back_in_the_very_first_tick_is_in_order():
    bench = Bench()
    bench.readback_mv = 0
    assert bench.tick().bits == 0


@pytest.mark.parametrize(("mv", "found"), [(2301, THROTTLE_HIGH), (1699, THROTTLE_LOW)])
def test_after_a_good_reading_of_the_throttle_two_bad_ones_are_enough(mv, found):
    bench = asking(500)
    bench.tick(10)
    read_back(bench, 2000)
    assert read_back(bench, mv).bits == 0
    assert read_back(bench, mv).bits == found
