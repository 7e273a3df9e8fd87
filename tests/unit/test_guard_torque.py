"""What is asked of the motor, against pedal, brake, plug, key, selector and cap."""

import pytest

from tests.unit.guard_bench import (
    FIRST,
    ONE_CHANNEL,
    SLOT,
    Bench,
    asking,
    is_found_when_flipped,
    kept,
    stays,
    trips,
)
from vcu.faults import TABLE, TRACTION
from vcu.guard_torque import CONFLICT, SPEED, TORQUE

# --- torque against the lower channel


@pytest.mark.parametrize("pedal", [-40, -1, 0, 1, 299, 500, 899])
def test_torque_up_to_10_percent_above_the_pedal_is_permitted_and_no_more(pedal):
    # Channel B reads in steps of 2 permille.
    pedal -= pedal & 1 if pedal > 0 else 0
    permitted = max(pedal, 0) + 100
    assert stays(asking(permitted, pedal=pedal))
    assert trips(asking(permitted + 1, pedal=pedal), TORQUE)


@pytest.mark.parametrize("early", [0, 1])
def test_too_much_torque_is_taken_after_100_ms_and_before_120(early):
    bench = Bench(ticks=early)
    bench.torque = 1000
    assert bench.ticks_to_stop() == 10 + early
    assert bench.bits == TORQUE


@pytest.mark.parametrize("early", [0, 1])
@pytest.mark.parametrize("permitted", [0, 600])
def test_too_much_torque_for_less_than_100_ms_is_let_pass_as_often_as_it_comes(early, permitted):
    bench = Bench(ticks=early)
    for _ in range(20):
        bench.torque = 1000
        bench.tick(9)
        bench.torque = permitted
        bench.tick(3)
    assert not bench.is_stopped
    assert bench.bits == 0


@pytest.mark.parametrize(("dt_ms", "ticks"), [(50, 2), (25, 4), (5, 20), (1, 100)])
def test_the_100_ms_are_time_and_not_ticks(dt_ms, ticks):
    bench = Bench()
    bench.torque = 1000
    bench.tick(ticks, dt_ms)
    assert not bench.is_stopped
    bench.tick(1, dt_ms)
    assert bench.is_stopped


@pytest.mark.parametrize(("last_ms", "is_stopped"), [(19, False), (20, True)])
def test_99_ms_of_too_much_torque_are_not_100(last_ms, is_stopped):
    bench = Bench()
    bench.torque = 1000
    bench.tick(1)
    bench.tick(8)
    bench.tick(1, 0)
    bench.tick(1, last_ms)
    assert bench.is_stopped == is_stopped


@pytest.mark.parametrize("early", [0, 1])
def test_torque_in_every_other_tick_is_seen_too(early):
    bench = Bench(ticks=early)
    for _ in range(8):
        bench.torque = 1000 - bench.torque
        bench.tick()
        assert not bench.is_stopped
    for _ in range(6):
        bench.torque = 1000 - bench.torque
        bench.tick()
    assert bench.is_stopped


def test_a_pause_between_two_excesses_starts_the_100_ms_again():
    bench = Bench()
    bench.torque = 1000
    bench.tick(9)
    bench.torque = 0
    bench.tick(3)
    bench.torque = 1000
    assert bench.ticks_to_stop() == 10  # in step again after 12 ticks


def test_asked_is_the_throttle_voltage_above_where_the_motor_begins():
    # 599 permille asked are 2198 mV, and 1199 mV are 99.5.
    for mv, is_wrong in ((2199, False), (2200, False), (2201, False), (2202, True), (4500, True)):
        bench = asking(0, mv=mv, pedal=500)
        assert trips(bench, TORQUE) == is_wrong, mv
    # Below the start nothing is asked, whoever stands on the brake; from there on it is.
    for mv, is_wrong in ((0, False), (800, False), (999, False), (1000, True), (4500, True)):
        bench = asking(0, mv=mv, brake_on=1)
        assert trips(bench, CONFLICT) == is_wrong, mv


@pytest.mark.parametrize(
    ("a_travel", "b_travel", "permitted"),
    [(600, 300, 400), (300, 600, 400), (300, 300, 400), (1040, 1080, 1000), (0, 1000, 100)],
)
def test_of_two_channels_the_lower_counts(a_travel, b_travel, permitted):
    counts = {"pedal_a_counts": 1000 + a_travel, "pedal_b_counts": 500 + b_travel // 2}
    assert stays(asking(permitted, pedal=None, **counts))
    if permitted < 1000:
        assert trips(asking(permitted + 1, pedal=None, **counts), TORQUE)


# The direction of channel A and of channel B, which moves half as many counts.
SLOPES = [(1, 1), (1, -1), (-1, 1), (-1, -1)]


def sloped(a_slope, b_slope):
    a_ends = (1000, 2000)[::a_slope]
    b_ends = (500, 1000)[::b_slope]
    names = ("a_released", "a_pressed", "b_released", "b_pressed")
    return {f"pedal_{n}_counts": v for n, v in zip(names, (*a_ends, *b_ends), strict=True)}


@pytest.mark.parametrize(("a_slope", "b_slope"), SLOPES)
@pytest.mark.parametrize("travel", [0, 200, 800])
def test_channels_of_either_slope_permit_what_their_travel_says(a_slope, b_slope, travel):
    ends = sloped(a_slope, b_slope)
    counts = {
        "pedal_a_counts": ends["pedal_a_released_counts"] + a_slope * travel,
        "pedal_b_counts": ends["pedal_b_released_counts"] + b_slope * travel // 2,
    }
    assert stays(asking(travel + 100, pedal=None, **ends, **counts))
    assert trips(asking(travel + 101, pedal=None, **ends, **counts), TORQUE)


@pytest.mark.parametrize(("a_slope", "b_slope"), SLOPES)
@pytest.mark.parametrize("channel", ["a", "b"])
@pytest.mark.parametrize(("beyond", "believed"), [(-40, True), (-41, False)])
def test_a_channel_below_its_range_by_more_than_the_slack_is_ignored(
    a_slope, b_slope, channel, beyond, believed
):
    ends = sloped(a_slope, b_slope)
    counts = {
        "pedal_a_counts": ends["pedal_a_released_counts"] + a_slope * 400,
        "pedal_b_counts": ends["pedal_b_released_counts"] + b_slope * 200,
    }
    slope = a_slope if channel == "a" else b_slope
    name = f"pedal_{channel}_counts"
    counts[name] = ends[f"pedal_{channel}_released_counts"] + slope * beyond
    # Believed it says released; ignored it leaves the other, which says 400.
    assert stays(asking(500, pedal=None, **ends, **counts)) != believed
    assert stays(asking(100, pedal=None, **ends, **counts))
    assert trips(asking(501, pedal=None, **ends, **counts), TORQUE)


@pytest.mark.parametrize("slope", [1, -1])
@pytest.mark.parametrize(("beyond", "believed"), [(40, True), (41, False)])
def test_the_only_channel_above_its_range_by_more_than_the_slack_permits_no_more_than_10_percent(
    slope, beyond, believed
):
    ends = sloped(slope, 1)
    counts = {"pedal_a_counts": ends["pedal_a_pressed_counts"] + slope * beyond}
    assert stays(asking(1000, pedal=None, **ends, **counts, **ONE_CHANNEL)) == believed
    assert stays(asking(101, pedal=None, **ends, **counts, **ONE_CHANNEL)) == believed
    assert stays(asking(100, pedal=None, **ends, **counts, **ONE_CHANNEL))


@pytest.mark.parametrize("slope", [1, -1])
@pytest.mark.parametrize(("beyond", "believed"), [(40, True), (41, False)])
def test_channel_b_above_its_range_by_more_than_the_slack_permits_10_percent_alone(
    slope, beyond, believed
):
    ends = sloped(1, slope)
    counts = {
        "pedal_a_counts": 0,
        "pedal_b_counts": ends["pedal_b_pressed_counts"] + slope * beyond,
    }
    assert stays(asking(1000, pedal=None, **ends, **counts)) == believed


@pytest.mark.parametrize("slope", [1, -1])
@pytest.mark.parametrize("channel", ["a", "b"])
def test_a_thousandth_of_a_count_less_travel_than_asked_is_too_little(channel, slope):
    # 301 permille of 2701 counts are 813.001; the other channel is at its end.
    released, pressed = (60, 2761)[::slope]
    counts = {"pedal_a_counts": 2000, "pedal_b_counts": 1000}
    ends = {
        f"pedal_{channel}_released_counts": released,
        f"pedal_{channel}_pressed_counts": pressed,
    }
    for travel, is_enough in ((813, False), (814, True)):
        counts[f"pedal_{channel}_counts"] = released + slope * travel
        assert stays(asking(401, pedal=None, **ends, **counts)) == is_enough


@pytest.mark.parametrize("broken", [-1, 0])
def test_a_channel_that_reads_nothing_is_not_a_released_one(broken):
    low = {"pedal_a_released_counts": 50, "pedal_b_released_counts": 50, "pedal_slack_counts": 200}
    low |= {"pedal_a_pressed_counts": 1050, "pedal_b_pressed_counts": 550}
    good = {"pedal_a_counts": 450, "pedal_b_counts": 250}
    for name in good:
        assert stays(asking(500, pedal=None, **low, **good | {name: broken}))
        assert trips(asking(500, pedal=None, **low, **good | {name: 1}), TORQUE)
    nothing = dict.fromkeys(good, broken)
    assert trips(asking(101, pedal=None, **low, **nothing), TORQUE)
    assert stays(asking(100, pedal=None, **low, **nothing))


@pytest.mark.parametrize("b_counts", [-1, 0, 500, 1000, 3300])
def test_a_board_of_one_channel_does_not_look_at_the_other(b_counts):
    counts = {"pedal_a_counts": 1400, "pedal_b_counts": b_counts}
    assert stays(asking(500, pedal=None, **counts, **ONE_CHANNEL))
    assert trips(asking(501, pedal=None, **counts, **ONE_CHANNEL), TORQUE)


# --- conflicts


CONFLICTS = {
    "brake": {"brake_on": 1},
    "plug": {"plug_in": 1},
    "key": {"key_on": 0},
    "neutral": {"gear_forward_on": 0},
    "both_gears": {"gear_reverse_on": 1},
    "reverse_commanded_forward_selected": {"reverse": 1},
    "forward_commanded_reverse_selected": {"gear_forward_on": 0, "gear_reverse_on": 1},
}


@pytest.mark.parametrize("name", CONFLICTS)
@pytest.mark.parametrize("early", [0, 1])
def test_torque_against_what_the_driver_says_is_taken_after_100_ms(name, early):
    bench = asking(1, **CONFLICTS[name])
    torque, bench.torque = bench.torque, 0
    bench.tick(early)
    bench.torque = torque
    assert bench.ticks_to_stop() == 10 + early
    assert bench.bits == CONFLICT


@pytest.mark.parametrize("name", CONFLICTS)
def test_without_torque_there_is_no_conflict(name):
    assert stays(asking(0, **CONFLICTS[name]))


def test_torque_in_reverse_with_reverse_selected_is_no_conflict():
    assert stays(asking(500, reverse=1, gear_forward_on=0, gear_reverse_on=1))


def test_rules_that_are_broken_in_turn_make_one_violation_of_the_last_of_them():
    bench = Bench()
    bench.torque = 1000
    bench.tick(6)
    bench.raw.brake_on = 1
    assert bench.ticks_to_stop() == 4
    assert bench.bits == CONFLICT


# --- the caps


# Pulses of this wheel within the newest half are to the mm per second the limit, or one more.
AT_LIMIT = [
    (0, {"wheel_circumference_mm": 900, "pulses_per_turn": 81}, 508, 11751),
    (0, {"wheel_circumference_mm": 900, "pulses_per_turn": 26}, 163, 11752),
    (1, {"wheel_circumference_mm": 900, "pulses_per_turn": 74}, 113, 2862),
    (1, {"wheel_circumference_mm": 900, "pulses_per_turn": 36}, 55, 2863),
]


@pytest.mark.parametrize(("reverse", "wheel", "pulses", "speed"), AT_LIMIT)
def test_torque_is_permitted_up_to_3_kmh_above_the_cap_of_its_direction(
    reverse, wheel, pulses, speed
):
    bench = asking(100, **wheel, gear_forward_on=1 - reverse, gear_reverse_on=reverse)
    bench.reverse = reverse
    bench.tick(FIRST).roll(pulses, 1)
    assert bench.guard.wheel.speed_mmps == speed
    bench.tick(2 * SLOT)
    is_over = speed > (2862 if reverse else 11751)
    assert bench.is_stopped == is_over
    assert bench.bits == (SPEED if is_over else 0)


@pytest.mark.parametrize(
    ("name", "kmh", "limit"),
    [
        ("speed_cap_kmh", 40, 11751),
        ("speed_cap_kmh", 45, 13140),
        ("speed_cap_kmh", 56, 16195),
        ("reverse_cap_kmh", 3, 1473),
        ("reverse_cap_kmh", 15, 4806),
    ],
)
def test_the_caps_are_the_parameters(name, kmh, limit):
    bench = Bench(FIRST, **{name: kmh})
    bench.torque = 100
    if name == "reverse_cap_kmh":
        bench.reverse = bench.raw.gear_reverse_on = 1
        bench.raw.gear_forward_on = 0
    pulses = limit // 125  # the most that are not over
    bench.pulse(pulses - 3).tick(SLOT).roll(1, 3).tick(SLOT)
    assert bench.bits == 0
    bench = Bench(FIRST, **{name: kmh})
    bench.torque = 100
    bench.reverse = bench.raw.gear_reverse_on = int(name == "reverse_cap_kmh")
    bench.raw.gear_forward_on = 1 - bench.reverse
    bench.roll(pulses + 1, 1).tick(SLOT)
    assert bench.bits == SPEED


def found_after(slots, torque, **wheel):
    """What is found when torque is asked after these slots of pulses, without any before."""
    bench = Bench(FIRST, **wheel)
    bench.raw.brake_on = 1  # so that nothing else is found on the way
    bench.roll(slots[0], 8)
    for pulses in slots:
        bench.roll(pulses, 1)
    bench.raw.brake_on = 0
    bench.torque = torque
    return bench.roll(slots[0], 1).bits


@pytest.mark.parametrize(
    ("slots", "torque", "bits"),
    [
        # 92 pulses, 19 more than in the half second before: 11 500 mm/s and 2250 to come.
        ((18, 18, 18, 19, 18, 24, 25, 25), 55, 0),
        ((18, 18, 18, 19, 18, 24, 25, 25), 56, SPEED),
        # 20 more: 2375 to come.
        ((18, 18, 18, 18, 18, 24, 25, 25), 53, 0),
        ((18, 18, 18, 18, 18, 24, 25, 25), 54, SPEED),
        # 3 more: 250 to come, and no more than that for more than half of the torque.
        ((22, 23, 22, 22, 22, 23, 23, 24), 600, 0),
    ],
)
def test_below_half_of_the_torque_only_its_part_of_the_rise_is_still_to_come(slots, torque, bits):
    assert found_after(slots, torque) == bits


@pytest.mark.parametrize("torque", [100, 600])
def test_torque_is_permitted_to_a_car_that_will_be_no_faster_than_the_cap(torque):
    # 95 pulses, as many as before or 1 less: 11 875 mm/s and 125 less to come.
    assert found_after((23, 24, 24, 24, 23, 24, 24, 24), torque) == SPEED
    assert found_after((23, 24, 24, 25, 23, 24, 24, 24), torque) == 0


def test_torque_is_permitted_to_a_car_that_will_be_just_as_fast_as_the_cap():
    # 509 pulses, 1 less than before: 11 774 mm/s, and in a moment 11 751.
    slowing = (127, 127, 128, 128, 127, 127, 127, 128)
    wheel = {"wheel_circumference_mm": 900, "pulses_per_turn": 81}
    assert found_after(slowing, 100, **wheel) == 0
    steady = (127, 127, 127, 128, 127, 127, 127, 128)
    assert found_after(steady, 100, **wheel) == SPEED


@pytest.mark.parametrize(
    ("pulses_per_turn", "late_ms", "ticks"),
    [
        pytest.param(24, 10, (1, 3), id="sure"),
        pytest.param(24, 100, (9, 11), id="a late tick"),
        pytest.param(6, 10, (9, 11), id="rare pulses"),
    ],
)
def test_torque_above_the_cap_is_taken_in_two_looks_or_where_the_wheel_is_not_sure_after_100_ms(
    pulses_per_turn, late_ms, ticks
):
    bench = Bench(310, pulses_per_turn=pulses_per_turn)
    bench.tick(SLOT)
    bench.tick(dt_ms=late_ms)
    bench.torque = 100
    bench.pulse(300)
    while bench.guard.wheel.speed_mmps == 0:
        bench.tick()
    assert bench.guard.wheel.speed_mmps > 15000
    assert ticks[0] <= bench.ticks_to_stop() <= ticks[1]


@pytest.mark.parametrize(("last_ms", "is_stopped"), [(9, False), (10, True)])
def test_two_looks_at_torque_above_the_cap_are_20_ms_apart(last_ms, is_stopped):
    bench = Bench(310).pulse(300).tick(2 * SLOT)
    assert bench.guard.wheel.is_sure
    bench.torque = 100
    while not bench.guard.torque.is_broken:
        bench.tick()
    assert bench.tick(1).tick(1, last_ms).is_stopped == is_stopped


def test_above_the_cap_without_torque_nothing_is_wrong():
    bench = Bench().roll(50, 20)
    assert bench.guard.wheel.speed_mmps == 25000
    assert not bench.is_stopped


def test_each_rule_is_a_row_of_the_fault_table_by_its_bit():
    # The guard's findings are the rows from the fifth on.
    rows = {1 << i: row[1] for i, row in enumerate(TABLE[TRACTION][4:])}
    found = [rows.get(bit) for bit in (TORQUE, SPEED, CONFLICT)]
    assert found == ["guard_torque", "guard_speed", "guard_conflict"]


# --- what the motor may still have, and since when nobody asked


@pytest.mark.parametrize(
    ("torque", "envelope"),
    [(0, 0), (340, 400), (939, 999), (940, 1000), (941, 1000), (1000, 1000)],
)
def test_the_envelope_is_what_is_asked_and_60_permille_up_to_all(torque, envelope):
    bench = asking(torque, pedal=1000)
    assert bench.tick(2).guard.torque.envelope == envelope


def test_the_envelope_fades_with_twice_the_lag_of_the_motor():
    bench = asking(340, pedal=1000).tick(4)
    bench.torque = 0
    bench.tick(1)  # of the tick before
    seen = [bench.tick(2).guard.torque.envelope for _ in range(3)]
    assert seen == [366, 335, 307]
    bench = asking(340, pedal=1000).tick(4)
    bench.torque = 40
    bench.tick(1)
    assert [bench.tick(2).guard.torque.envelope for _ in range(2)] == [375, 352]


def test_nobody_asks_since_pedal_and_brake_were_let_go():
    assert Bench(ticks=1).guard.torque.coasting_ms == 10
    bench = asking(340, pedal=1000).tick(4)
    assert bench.guard.torque.coasting_ms == 0
    bench.torque = 0
    assert bench.tick(11).guard.torque.coasting_ms == 100
    bench.raw.brake_on = 1
    assert bench.tick(2).guard.torque.coasting_ms == 0
    bench.raw.brake_on = 0
    assert bench.tick(10).guard.torque.coasting_ms == 100
    bench.torque = 340
    assert bench.tick(2).guard.torque.coasting_ms == 0


@pytest.mark.parametrize(("dt_ms", "most_ms"), [(10, 10000), (9, 10017)])
def test_how_long_nobody_has_asked_is_counted_until_it_is_10_s(dt_ms, most_ms):
    # Looks come every other tick: at 9980 and 10 000, at 9999 and 10 017.
    bench = Bench().tick(1, dt_ms % 10)
    assert bench.tick(1300, dt_ms).guard.torque.coasting_ms == most_ms


# --- memory


KEPT = kept("torque")


def test_it_keeps_its_own_copies():
    assert len(KEPT) == 15


@pytest.mark.parametrize("name", KEPT)
def test_a_bit_that_flips_in_a_copy_takes_traction_within_200_ms(name):
    assert all(is_found_when_flipped("torque", name, bit) for bit in range(30))
