"""What Esp32Io writes: each output by its own pin, in an order in which nothing can jump."""

import sys

import pytest

from tests.unit.pin_bench import (
    BOARDS,
    asked_board,
    load_board,
    make,
    outputs,
    reads,
    shifted,
    wired,
)
from vcu.signals import SLOW_ORDER, Outputs

OUTPUT_FIELDS = (
    "enable",
    "guard",
    "reverse",
    "contactor",
    "precharge",
    "charger",
    "hold",
    "lamp",
    "buzzer",
    "fan",
)

bench = pytest.fixture(wired)
board = pytest.fixture(params=BOARDS)(asked_board)


def all_on():
    voltages = {"throttle_mv": 3000, "charge_v_mv": 4000, "charge_a_mv": 2000}
    return outputs(**voltages, **dict.fromkeys(OUTPUT_FIELDS, 1))


def shown(bench, board, field):
    """The level of an output, be it a pin or on the shift register."""
    number = getattr(board, field)
    if number >= 100:
        return shifted(bench, board) >> (number - 100) & 1
    return bench.levels[number]


# --- writing


def test_every_output_is_at_its_safe_level_when_the_port_is_made(bench, board):
    make(board)
    for name in board.ACTUATORS:
        number = getattr(board, name)
        if number >= 0:
            assert shown(bench, board, name) == 0
    assert set(bench.duty.values()) == {0}
    assert ("pwm", board.THROTTLE, board.PWM_HZ) in bench.events


@pytest.mark.parametrize("millivolts", [0, 1, 2, 799, 800, 2500, 3599, 4999, 5000])
def test_a_throttle_voltage_survives_its_way_through_the_duty(bench, board, millivolts):
    io = make(board)
    io.write(outputs(throttle_mv=millivolts))
    assert bench.millivolts(board.THROTTLE) == millivolts


def test_every_throttle_voltage_has_its_own_duty(bench):
    board = load_board("esp32_s3")
    io = make(board)
    out = Outputs()
    for out.throttle_mv in range(board.PWM_FULL_SCALE_MV + 1):
        io.write(out)
        assert bench.millivolts(board.THROTTLE) == out.throttle_mv


@pytest.mark.parametrize("asked, driven", [(-1, 0), (5001, 5000)])
def test_a_throttle_beyond_its_scale_is_driven_as_the_end_of_the_scale(
    bench, board, asked, driven
):
    io = make(board)
    io.write(outputs(throttle_mv=asked))
    assert bench.millivolts(board.THROTTLE) == driven


@pytest.mark.parametrize("permille, millivolts", [(0, 0), (1, 5), (500, 2500), (1000, 5000)])
def test_regen_permille_spans_the_whole_scale(bench, permille, millivolts):
    board = load_board("esp32_s3")
    make(board).write(outputs(regen_permille=permille))
    assert bench.millivolts(board.REGEN) == millivolts


@pytest.mark.parametrize("field", ["charge_v_mv", "charge_a_mv"])
@pytest.mark.parametrize("millivolts", [0, 1, 2499, 4260, 5000])
def test_a_set_point_of_the_charger_comes_out_of_its_own_pin(bench, field, millivolts):
    board = load_board("esp32_s3")
    io = make(board)
    io.write(outputs(**{field: millivolts}))
    voltages = {pin: bench.millivolts(pin) for pin in bench.duty}
    own = getattr(board, field.upper().removesuffix("_MV"))
    assert voltages == dict.fromkeys(voltages, 0) | {own: millivolts}
    io.write(Outputs())
    assert set(bench.duty.values()) == {0}


def test_regen_and_set_points_on_a_board_without_them_are_accepted_and_drive_nothing(bench):
    board = load_board("esp32")
    io = make(board)
    io.write(outputs(regen_permille=700, charge_v_mv=4000, charge_a_mv=5000))
    assert list(bench.duty) == [board.THROTTLE]
    assert bench.duty[board.THROTTLE] == 0


@pytest.mark.parametrize("field", OUTPUT_FIELDS)
def test_each_command_drives_its_own_output_and_no_other(bench, board, field):
    io = make(board)
    io.write(outputs(**{field: 1}))
    on = [name for name in OUTPUT_FIELDS if shown(bench, board, name.upper()) == 1]
    assert on == [field]
    io.write(Outputs())
    assert all(shown(bench, board, name.upper()) == 0 for name in OUTPUT_FIELDS)


def test_what_a_board_does_not_fit_is_accepted_and_drives_nothing(bench):
    board = load_board("esp32_s3", LAMP=-1, BUZZER=-1, FAN=-1)
    io = make(board)
    io.write(outputs(lamp=1, buzzer=1, fan=1))
    io.stop()
    selects = sum(1 << number - 100 for number in board.MUX_SELECT)
    assert shifted(bench, board) & ~selects == 0
    assert {number for number, level in bench.levels.items() if level} == set()


def moments(bench, board, io, out, fields):
    """When, in this write, each output came to its new level: a place among the events."""
    before = {field: None for field in fields}
    start = len(bench.events)
    io.write(out)
    events = bench.events
    for field in fields:
        number = getattr(board, field)
        if number < 100:
            kinds = [event[1] for event in events[start:]]
            before[field] = kinds.index(number)
            continue
        for i in range(start, len(events) + 1):
            bench.events = events[:i]
            if shown(bench, board, field) == getattr(out, field.lower()):
                before[field] = i - start - 1
                break
    bench.events = events
    return [before[field] for field in fields]


def driven(bench):
    """The pins of the chip in the order in which they were driven, and up or down."""
    events = [event for event in bench.events if event[0] in ("pin", "duty")]
    return [(number, "up" if level else "down") for _, number, level in events]


def fitted(board, *fields):
    return tuple(field for field in fields if getattr(board, field) >= 0)


def test_releasing_takes_the_torque_first_and_the_supply_last(bench, board):
    io = make(board)
    io.write(all_on())
    fields = fitted(board, "GUARD", "THROTTLE", "ENABLE", "CHARGE_V", "CHARGE_A", "CHARGER")
    fields += ("PRECHARGE", "CONTACTOR", "REVERSE", "HOLD")
    places = moments(bench, board, io, Outputs(), fields)
    assert places == sorted(places)
    assert places[0] == 0
    assert max(shown(bench, board, field) for field in fields) == 0
    assert set(bench.duty.values()) == {0}


def test_starting_gives_the_supply_first_and_the_torque_last(bench, board):
    io = make(board)
    fields = fitted(board, "REVERSE", "HOLD", "PRECHARGE", "CONTACTOR", "CHARGER")
    fields += fitted(board, "CHARGE_V", "CHARGE_A", "GUARD", "ENABLE")
    places = moments(bench, board, io, all_on(), (*fields, "THROTTLE"))
    assert places == sorted(places)
    on = [field for field in fields if not field.startswith("CHARGE_")]
    assert min(shown(bench, board, field) for field in on) == 1
    assert driven(bench)[-1] == (board.THROTTLE, "up")


def test_without_the_guard_s_consent_its_pin_goes_low_while_all_else_is_commanded(bench, board):
    io = make(board)
    io.write(all_on())
    bench.events.clear()
    out = all_on()
    out.guard = 0
    io.write(out)
    assert driven(bench)[0] == (board.GUARD, "down")
    assert bench.levels[board.ENABLE] == 1


def test_what_takes_energy_away_comes_before_what_adds_it_in_the_same_tick(bench):
    board = load_board("esp32_s3")
    io = make(board)
    io.write(outputs(charger=1, charge_v_mv=4000, charge_a_mv=2000, contactor=1, throttle_mv=3000))
    bench.events.clear()
    io.write(outputs(throttle_mv=1000, enable=1, precharge=1, regen_permille=200))
    order = driven(bench)
    charging = (board.CHARGER, board.CHARGE_V, board.CHARGE_A)
    downs = [order.index((pin, "down")) for pin in (*charging, board.CONTACTOR)]
    downs.append(order.index((board.THROTTLE, "up")))  # lower than before, not yet zero
    ups = [order.index((pin, "up")) for pin in (board.PRECHARGE, board.ENABLE, board.REGEN)]
    assert max(downs) < min(ups)


def test_less_regen_is_taken_away_first_and_more_is_added_last(bench):
    board = load_board("esp32_s3")
    io = make(board)

    def place(permille):
        bench.events.clear()
        io.write(outputs(regen_permille=permille, enable=1))
        events = [event[:2] for event in bench.events]
        assert events.count(("duty", board.REGEN)) == 1
        return events.index(("duty", board.REGEN)) - events.index(("pin", board.ENABLE))

    assert place(700) > 0
    assert place(200) < 0
    assert place(300) > 0
    assert place(300) < 0
    io.stop()
    assert place(200) > 0


@pytest.mark.parametrize("field", ["charge_v_mv", "charge_a_mv"])
def test_a_lower_set_point_comes_before_the_charger_s_relay_and_a_higher_one_after_it(
    bench, field
):
    board = load_board("esp32_s3")
    io = make(board)
    pin = getattr(board, field.upper().removesuffix("_MV"))

    def place(millivolts):
        bench.events.clear()
        io.write(outputs(**{field: millivolts}, charger=1))
        events = [event[:2] for event in bench.events]
        assert events.count(("duty", pin)) == 1
        return events.index(("duty", pin)) - events.index(("pin", board.CHARGER))

    assert place(4000) > 0
    assert place(3999) < 0
    assert place(0) < 0
    assert place(1) > 0
    io.stop()
    assert bench.duty[pin] == 0
    assert place(1) > 0


def test_every_output_is_driven_once_in_every_tick_so_that_a_lost_level_comes_back(bench):
    board = load_board("esp32_s3")
    io = make(board)
    numbers = (getattr(board, name) for name in board.ACTUATORS if name != "HEARTBEAT")
    pins = sorted(number for number in numbers if number < 100)
    wires = (board.SHIFT_DATA, board.SHIFT_CLOCK, board.SHIFT_LATCH)
    for out in (all_on(), all_on(), Outputs(), Outputs()):
        bench.events.clear()
        io.write(out)
        assert sorted(number for number, _ in driven(bench) if number not in wires) == pins


def test_a_board_with_pins_enough_needs_no_shift_register(bench):
    direct = {"LAMP": 38, "BUZZER": 48, "FAN": 42, "HOLD": 45, "MUX_SELECT": (0, 3, 20, 46)}
    board = load_board("esp32_s3", SHIFT_CLOCK=-1, SHIFT_DATA=-1, SHIFT_LATCH=-1, **direct)
    io = make(board)
    io.write(outputs(lamp=1, hold=1))
    assert [bench.levels[pin] for pin in (38, 48, 42, 45)] == [1, 0, 0, 1]
    for following in (*SLOW_ORDER[1:], SLOW_ORDER[0]):
        reads(io)
        bits = [bench.levels[pin] for pin in board.MUX_SELECT]
        assert bits == [following >> place & 1 for place in range(4)]


def test_the_shift_register_is_cleared_when_made_because_it_wakes_with_any_pattern(bench):
    board = load_board("esp32")
    make(board)
    for signal in ("SHIFT_DATA", "SHIFT_CLOCK", "SHIFT_LATCH"):
        assert ("make", getattr(board, signal), 0) in bench.events
    first = bench.events.index(("pin", board.SHIFT_LATCH, 1))
    assert bench.events[:first].count(("pin", board.SHIFT_CLOCK, 1)) == 8
    assert bench.events[:first].count(("pin", board.SHIFT_DATA, 1)) == 0


@pytest.mark.parametrize("pattern", [0b10000000, 0b00000001, 0b10110010, 0xFF])
def test_the_shift_register_puts_every_bit_on_its_own_output(bench, pattern):
    from hal.shift_register import ShiftRegister

    board = load_board("esp32")
    pin = sys.modules["machine"].Pin
    register = ShiftRegister(pin(board.SHIFT_DATA), pin(board.SHIFT_CLOCK), pin(board.SHIFT_LATCH))
    outputs = [register.pin(number) for number in range(8)]
    for number, output in enumerate(outputs):
        output.value(pattern >> number & 1)
    assert shifted(bench, board) == 0
    bench.events.clear()
    register.flush()
    assert shifted(bench, board) == pattern
    assert bench.events.count(("pin", board.SHIFT_CLOCK, 1)) == 8
    for output in outputs:
        output.value(0)
    register.flush()
    assert shifted(bench, board) == 0


def test_a_write_latches_the_shift_register_once_and_only_when_it_changed(bench):
    board = load_board("esp32")
    io = make(board)

    def latches(out):
        bench.events.clear()
        io.write(out)
        return bench.events.count(("pin", board.SHIFT_LATCH, 1))

    assert latches(outputs(lamp=1, buzzer=1, fan=1)) == 1
    assert latches(outputs(lamp=1, buzzer=1, fan=1)) == 0
    assert latches(Outputs()) == 1
    # The hold is let go after all else, so that the last of it is not lost with the supply.
    assert latches(outputs(lamp=1, hold=1)) == 1
    assert latches(Outputs()) == 2


# --- heartbeat and stop


def test_the_heartbeat_toggles_once_per_call_and_nothing_else_moves_it(bench, board):
    io = make(board)
    levels = []
    for _ in range(5):
        io.heartbeat()
        levels.append(bench.levels[board.HEARTBEAT])
        io.write(all_on())
        reads(io)
        assert bench.levels[board.HEARTBEAT] == levels[-1]
    assert levels == [1, 0, 1, 0, 1]
    io.stop()
    assert bench.levels[board.HEARTBEAT] == 0
    io.heartbeat()
    assert bench.levels[board.HEARTBEAT] == 1


def test_stop_releases_everything_throttle_first_and_may_be_repeated(bench, board):
    io = make(board)
    io.heartbeat()
    io.write(all_on())
    for _ in range(2):
        bench.events.clear()
        io.stop()
        assert bench.duty[board.THROTTLE] == 0
        for name in board.ACTUATORS:
            if getattr(board, name) >= 0:
                assert shown_after_stop(bench, board, name) == 0
        order = [number for number, _ in driven(bench)]
        expected = [getattr(board, name) for name in board.ACTUATORS]
        expected = [number for number in expected if 0 <= number < 100]
        assert [number for number in order if number in expected] == expected


def shown_after_stop(bench, board, name):
    number = getattr(board, name)
    if number >= 100:
        # The second stop shifts nothing, because nothing changed.
        latched = ("pin", board.SHIFT_LATCH, 1) in bench.events
        return shown(bench, board, name) if latched else 0
    return bench.levels[number]


def test_stop_passes_over_a_part_that_fails_and_releases_the_rest(bench, board):
    io = make(board)
    io.write(all_on())
    bench.broken = {board.THROTTLE, board.CONTACTOR}
    io.stop()
    for name in ("ENABLE", "PRECHARGE", "CHARGER", "REVERSE", "LAMP", "HOLD"):
        assert shown(bench, board, name) == 0


def test_a_throttle_after_a_stop_counts_as_added_torque_again(bench, board):
    io = make(board)
    io.write(all_on())
    io.stop()
    bench.events.clear()
    io.write(all_on())
    assert driven(bench)[-1] == (board.THROTTLE, "up")
