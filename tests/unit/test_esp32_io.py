"""Esp32Io and boot.py against a recording stand-in for `machine`."""

import importlib.util
import re
import runpy
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

# For what its import does: on CPython the stand-in adds ticks_us and the like to time.
import micropython  # noqa: F401
import pytest

from vcu.signals import SLOW_NAMES, SLOW_ORDER, Outputs, Raw

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ("esp32_s3", "esp32")
DIRECT = ("PEDAL_A", "PEDAL_B", "PACK_V", "BUS_V", "PACK_A")
FLAGS = (
    "key_on",
    "plug_in",
    "brake_on",
    "gear_forward_on",
    "gear_reverse_on",
    "enable_readback",
)
FLAG_PINS = ("KEY", "PLUG", "BRAKE", "GEAR_FORWARD", "GEAR_REVERSE", "ENABLE_READBACK")


class Bench:
    """What is wired to the pins, and everything that was done to them, in order."""

    def __init__(self):
        self.events = []
        self.outside = {}  # level put on an input from outside; absent is an open wire
        self.levels = {}
        self.duty = {}
        self.volts_uv = {}  # a number, or an exception to raise
        self.handlers = {}
        self.pulses = 0
        self.motor_pulses = 0
        self.now_us = 0
        self.broken = set()
        self.on_count = None  # called when the counter has been read

    def machine(self):
        bench = self

        class Pin:
            IN, OUT, PULL_DOWN, PULL_UP, IRQ_RISING, IRQ_FALLING = 1, 3, 1, 2, 1, 2

            def __init__(self, number, mode=None, pull=None, *, value=None):
                if not 0 <= number <= 48:
                    raise ValueError("invalid pin")
                self.number = number
                self.pull = pull
                if mode == Pin.OUT:
                    bench.levels[number] = value
                    bench.events.append(("make", number, value))

            def __call__(self, level=None):
                if level is None:
                    resting = 1 if self.pull == Pin.PULL_UP else 0
                    return bench.outside.get(self.number, resting)
                if self.number in bench.broken:
                    raise OSError(5)
                bench.levels[self.number] = level
                bench.events.append(("pin", self.number, level))
                return None

            value = __call__

            def irq(self, handler, trigger):
                assert any(event[:2] == ("counter", self.number) for event in bench.events)
                bench.handlers[self.number] = (handler, trigger)

        class ADC:
            ATTN_11DB = 3

            def __init__(self, pin, *, atten):
                assert atten == ADC.ATTN_11DB
                self.number = pin.number

            def read_uv(self):
                bench.events.append(("adc", self.number))
                reading = bench.volts_uv.get(self.number, 0)
                if isinstance(reading, Exception):
                    raise reading
                return reading() if callable(reading) else reading

        class PWM:
            def __init__(self, pin, *, freq, duty_u16):
                self.number = pin.number
                bench.duty[self.number] = duty_u16
                bench.events.append(("pwm", self.number, freq))

            def duty_u16(self, duty):
                if self.number in bench.broken:
                    raise OSError(5)
                assert 0 <= duty <= 65535
                bench.duty[self.number] = duty
                bench.events.append(("duty", self.number, duty))

        class Counter:
            RISING, FALLING = 1, 2

            def __init__(self, unit, pin, *, edge, filter_ns):
                assert unit in (0, 1)
                self.unit = unit
                assert filter_ns * 80 // 1000 in range(1000, 1024)  # close to the longest
                bench.events.append(("counter", pin.number, edge))

            def value(self):
                if self.unit == 1:
                    return bench.motor_pulses
                bench.events.append(("count",))
                seen = bench.pulses
                if bench.on_count:
                    bench.on_count()
                return seen

        module = ModuleType("machine")
        for part in (Pin, ADC, PWM, Counter):
            setattr(module, part.__name__, part)
        return module

    def edge(self, pin, pulses, now_us):
        """A counted edge, whose handler runs at now_us."""
        self.pulses = pulses
        self.now_us = now_us
        self.handlers[pin][0](None)

    def millivolts(self, pin):
        return (self.duty[pin] * 5000 + 32767) // 65535


def load_board(name, **changes):
    spec = importlib.util.spec_from_file_location("board", ROOT / "boards" / name / "board.py")
    board = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(board)
    for field, value in changes.items():
        assert hasattr(board, field)
        setattr(board, field, value)
    return board


@pytest.fixture
def bench(monkeypatch):
    bench = Bench()
    monkeypatch.setitem(sys.modules, "machine", bench.machine())
    monkeypatch.delitem(sys.modules, "hal.esp32_io", raising=False)
    monkeypatch.setattr(time, "ticks_us", lambda: bench.now_us % (1 << 30))
    yield bench
    sys.modules.pop("hal.esp32_io", None)


def make(board):
    from hal.esp32_io import Esp32Io

    return Esp32Io(board)


@pytest.fixture(params=BOARDS)
def board(request):
    return load_board(request.param)


def outputs(**fields):
    out = Outputs()
    for name, value in fields.items():
        assert hasattr(out, name)
        setattr(out, name, value)
    return out


def all_on():
    voltages = {"throttle_mv": 3000, "charge_v_mv": 4000, "charge_a_mv": 2000}
    return outputs(**voltages, **dict.fromkeys(OUTPUT_FIELDS, 1))


def reads(io, times=1):
    raw = Raw()
    for _ in range(times):
        io.read(raw)
    return raw


def shifted(bench, board):
    """The pattern that the 74HC595 shows, replayed from the wires."""
    register = shown = clock = latch = data = 0
    for event in bench.events:
        if event[0] not in ("pin", "make"):
            continue
        _, number, level = event
        if number == board.SHIFT_DATA:
            data = level
        elif number == board.SHIFT_CLOCK:
            if level and not clock:
                register = (register << 1 | data) & 0xFF
            clock = level
        elif number == board.SHIFT_LATCH:
            if level and not latch:
                shown = register
            latch = level
    return shown


def shown(bench, board, field):
    """The level of an output, be it a pin or on the shift register."""
    number = getattr(board, field)
    if number >= 100:
        return shifted(bench, board) >> (number - 100) & 1
    return bench.levels[number]


# --- reading


def test_open_wires_read_as_the_state_in_which_the_car_does_less(bench, board):
    raw = reads(make(board))
    assert [getattr(raw, flag) for flag in FLAGS] == [0, 1, 1, 0, 0, 1]


def test_twelve_volts_on_a_wire_lets_the_car_do_more(bench, board):
    for field in FLAG_PINS:
        bench.outside[getattr(board, field)] = 1
    raw = reads(make(board))
    assert [getattr(raw, flag) for flag in FLAGS] == [1, 0, 0, 1, 1, 1]


def test_the_relay_s_rest_contact_to_ground_says_that_the_enable_line_is_off(bench, board):
    bench.outside[board.ENABLE_READBACK] = 0
    assert reads(make(board)).enable_readback == 0


@pytest.mark.parametrize("field, flag", list(zip(FLAG_PINS, FLAGS, strict=True)))
def test_each_flag_follows_its_own_pin(bench, board, field, flag):
    io = make(board)
    before = getattr(reads(io), flag)
    resting = 1 if getattr(board, f"{field}_PULL") == "up" else 0
    bench.outside[getattr(board, field)] = 1 - resting
    raw = reads(io)
    assert getattr(raw, flag) == 1 - before
    others = [getattr(raw, name) for name in FLAGS if name != flag]
    bench.outside.clear()
    assert others == [getattr(reads(io), name) for name in FLAGS if name != flag]


def test_pulses_come_before_the_analog_reads_and_one_slow_channel_comes_last(bench, board):
    io = make(board)
    bench.events.clear()
    reads(io)
    kinds = [event for event in bench.events if event[0] in ("count", "adc")]
    pins = [getattr(board, field) for field in (*DIRECT, "MUX")]
    assert kinds == [("count",), *(("adc", pin) for pin in pins)]


def test_a_count_is_a_millivolt_at_the_pin(bench, board):
    for i, field in enumerate(DIRECT):
        bench.volts_uv[getattr(board, field)] = (100 + i) * 1000 + 999
    raw = reads(make(board))
    got = (raw.pedal_a_counts, raw.pedal_b_counts, raw.pack_v_counts, raw.bus_v_counts)
    assert got == (100, 101, 102, 103)
    assert raw.pack_a_counts == 104


@pytest.mark.parametrize("error", [OSError(5), ValueError("not ready")])
def test_a_converter_that_raises_reads_minus_one_and_disturbs_no_other(bench, board, error):
    bench.volts_uv[board.PEDAL_A] = 500_000
    bench.volts_uv[board.PACK_V] = error
    bench.volts_uv[board.MUX] = error
    raw = reads(make(board))
    assert (raw.pedal_a_counts, raw.pack_v_counts, raw.slow_counts) == (500, -1, -1)


def test_the_multiplexer_shows_each_slow_channel_a_whole_tick_before_it_is_read(bench, board):
    io = make(board)

    def selected():
        bits = []
        for number in board.MUX_SELECT:
            if number >= 100:
                bits.append(shifted(bench, board) >> (number - 100) & 1)
            else:
                bits.append(bench.levels[number])
        return sum(bit << place for place, bit in enumerate(bits))

    bench.volts_uv[board.MUX] = lambda: (selected() + 1) * 100_000
    raw = Raw()
    for tick in range(40):
        position = selected()
        io.read(raw)
        assert raw.slow_index == SLOW_ORDER[tick % len(SLOW_ORDER)] == position
        assert raw.slow_counts == (raw.slow_index + 1) * 100
        following = SLOW_ORDER[(tick + 1) % len(SLOW_ORDER)]
        assert selected() == following
        io.write(outputs(lamp=tick & 1))  # must not disturb the selection
        assert selected() == following


def test_a_board_whose_multiplexer_is_wired_in_another_order_is_refused(bench):
    board = load_board("esp32_s3", MUX_INPUTS=SLOW_NAMES[::-1])
    with pytest.raises(ValueError, match="MUX_INPUTS"):
        make(board)


# --- pulses


def test_the_motor_s_pulses_are_counted_apart_from_the_wheel_s_and_wrap_at_16_bits(bench):
    board = load_board("esp32_s3", MOTOR_PULSES_ACTIVE=0)
    io = make(board)
    assert ("counter", board.MOTOR_PULSES, 2) in bench.events
    bench.pulses, bench.motor_pulses = 7, 65536 + 900
    raw = reads(io)
    assert (raw.pulses_counts, raw.motor_pulses_counts) == (7, 900)


def test_a_board_without_a_second_source_of_speed_counts_no_motor_pulses(bench):
    io = make(load_board("esp32"))
    bench.pulses = bench.motor_pulses = 7
    assert reads(io).motor_pulses_counts == 0
    assert len([event for event in bench.events if event[0] == "counter"]) == 1


def test_the_pulse_count_wraps_at_16_bits(bench, board):
    io = make(board)
    bench.pulses = 65535
    assert reads(io).pulses_counts == 65535
    bench.pulses = 65536 + 7
    assert reads(io).pulses_counts == 7


def test_the_counter_is_made_before_the_interrupt_and_both_take_the_same_edge(bench, board):
    make(board)
    assert ("counter", board.PULSES, 1) in bench.events
    assert bench.handlers[board.PULSES][1] == 1
    board.PULSES_ACTIVE = 0
    make(board)
    assert ("counter", board.PULSES, 2) in bench.events
    assert bench.handlers[board.PULSES][1] == 2


def test_there_is_no_stamp_before_the_first_edge(bench, board):
    io = make(board)
    bench.now_us = 5_000_000
    raw = Raw()
    raw.edge_age_us = 7
    io.read(raw)
    assert raw.edge_age_us == -1


def test_the_stamp_carries_the_count_and_the_age_of_the_newest_edge(bench, board):
    io = make(board)
    bench.edge(board.PULSES, 41, 10_000)
    bench.edge(board.PULSES, 42, 12_500)
    bench.pulses = 43  # counted, its handler has not run yet
    bench.now_us = 13_700
    raw = reads(io)
    assert (raw.pulses_counts, raw.edge_pulses_counts, raw.edge_age_us) == (43, 42, 1200)


def test_a_spike_that_the_counter_did_not_count_is_not_stamped(bench, board):
    io = make(board)
    bench.edge(board.PULSES, 0, 1000)
    assert reads(io).edge_age_us == -1
    bench.edge(board.PULSES, 1, 2000)
    bench.edge(board.PULSES, 1, 9000)
    bench.now_us = 10_000
    assert reads(io).edge_age_us == 8000


def test_the_stamp_never_runs_ahead_of_the_count(bench, board):
    """An edge that arrives while the count is read belongs to the next tick."""
    io = make(board)
    bench.edge(board.PULSES, 5, 1000)

    def arrive():
        bench.on_count = None
        bench.edge(board.PULSES, 6, 1500)

    bench.on_count = arrive
    raw = reads(io)
    assert (raw.pulses_counts, raw.edge_pulses_counts) == (5, 5)
    raw = reads(io)
    assert (raw.pulses_counts, raw.edge_pulses_counts) == (6, 6)


@pytest.mark.parametrize("moment", ["after the time", "after the count"])
def test_a_stamp_is_never_made_of_two_edges(bench, board, moment):
    """An edge that arrives while the stamp of the one before is read."""
    make(board)
    from hal.esp32_io import Esp32Io

    class Interrupted(Esp32Io):
        gets = -1

        @property
        def _edge_us(self):
            self.gets += 1
            if self.gets == 2 and moment == "after the count":
                bench.edge(board.PULSES, 6, 51_000)
            stamped = self.stamped
            if self.gets == 1 and moment == "after the time":
                bench.edge(board.PULSES, 6, 51_000)
            return stamped

        @_edge_us.setter
        def _edge_us(self, stamped):
            self.stamped = stamped

    io = Interrupted(board)
    bench.edge(board.PULSES, 5, 1000)
    io.gets = 0
    bench.now_us = 51_000
    raw = reads(io)
    assert io.gets == 3
    assert (raw.edge_pulses_counts, raw.edge_age_us) == (6, 0)


def test_the_age_of_an_edge_saturates_and_stays_saturated_when_the_clock_wraps(bench, board):
    io = make(board)
    bench.edge(board.PULSES, 1, 1000)
    for age_us, seen_us in ((899_999, 899_999), (900_000, 900_000), (900_001, 900_000)):
        bench.now_us = 1000 + age_us
        assert reads(io).edge_age_us == seen_us
    wrapped = [(turns << 30) + 500 for turns in (1, 2, 5)]
    for age_us in sorted([*range(1_000_000, 3 << 30, 10_000_000), *wrapped]):
        bench.now_us = 1000 + age_us
        assert reads(io).edge_age_us == 900_000
    bench.edge(board.PULSES, 2, bench.now_us + 500)
    bench.now_us += 100
    assert reads(io).edge_age_us == 100


def test_an_edge_just_before_the_clock_wraps_has_its_true_age(bench, board):
    io = make(board)
    bench.edge(board.PULSES, 1, (1 << 30) - 300)
    bench.now_us = (1 << 30) + 200
    assert reads(io).edge_age_us == 500


def test_a_board_without_stamps_installs_no_interrupt_and_leaves_the_age_minus_one(bench):
    board = load_board("esp32_s3", EDGE_STAMPS=0)
    io = make(board)
    bench.pulses = 3
    assert bench.handlers == {}
    assert reads(io).edge_age_us == -1


def test_a_board_without_stamps_tells_the_count_and_the_age_of_the_sample_before_the_tick(bench):
    io = make(load_board("esp32", EDGE_STAMPS=0))
    assert reads(io).early_age_us == -1
    bench.pulses, bench.now_us = 65536 + 11, (1 << 30) - 1000
    io.sample()
    bench.pulses, bench.now_us = 65536 + 13, (1 << 30) + 1500
    raw = reads(io)
    assert (raw.pulses_counts, raw.early_pulses_counts, raw.early_age_us) == (13, 11, 2500)
    io.read(raw)
    assert raw.early_age_us == -1


def test_a_board_with_stamps_needs_no_sample_before_the_tick(bench, board):
    io = make(board)
    io.sample()
    assert reads(io).early_age_us == -1


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


# --- boot.py


def boot(bench, monkeypatch, board):
    fake = ModuleType("micropython")
    sizes = []
    fake.alloc_emergency_exception_buf = sizes.append
    monkeypatch.setitem(sys.modules, "micropython", fake)
    monkeypatch.setitem(sys.modules, "board", board)
    runpy.run_path(str(ROOT / "firmware" / "boot.py"))
    return sizes


def test_boot_drives_every_actuator_low_and_clears_the_shift_register(
    bench, monkeypatch, board, capsys
):
    assert boot(bench, monkeypatch, board) == [100]
    for name in board.ACTUATORS:
        number = getattr(board, name)
        if 0 <= number < 100:
            assert bench.events.count(("make", number, 0)) == 1
    if board.SHIFT_CLOCK >= 0:
        assert bench.events.count(("pin", board.SHIFT_CLOCK, 1)) == 8
        assert bench.events[-2:] == [("pin", board.SHIFT_LATCH, 1), ("pin", board.SHIFT_LATCH, 0)]
        for signal in ("SHIFT_DATA", "SHIFT_CLOCK", "SHIFT_LATCH"):
            assert ("make", getattr(board, signal), 0) in bench.events
    assert all(level == 0 for level in bench.levels.values())
    assert capsys.readouterr().out == ""


def test_boot_goes_on_when_one_actuator_fails(bench, monkeypatch, board, capsys):
    names = list(board.ACTUATORS)
    del board.CONTACTOR
    assert boot(bench, monkeypatch, board) == [100]
    assert "CONTACTOR" in capsys.readouterr().out
    for name in names:
        number = getattr(board, name, -1)
        if 0 <= number < 100:
            assert bench.levels[number] == 0


def test_boot_says_when_the_shift_register_cannot_be_cleared(bench, monkeypatch, capsys):
    board = load_board("esp32", SHIFT_LATCH=77)
    assert boot(bench, monkeypatch, board) == [100]
    assert "shift register" in capsys.readouterr().out


def test_boot_without_board_data_says_so_and_ends(bench, monkeypatch, capsys):
    assert boot(bench, monkeypatch, None) == [100]
    assert "no board data" in capsys.readouterr().out
    assert bench.levels == {}


def test_boot_runs_where_there_is_no_emergency_buffer(bench, monkeypatch, board):
    monkeypatch.setitem(sys.modules, "micropython", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "board", board)
    runpy.run_path(str(ROOT / "firmware" / "boot.py"))
    assert bench.levels[board.CONTACTOR] == 0


# --- under MicroPython

MPY_MACHINE = """
class Pin:
    IN, OUT, PULL_DOWN, PULL_UP, IRQ_RISING, IRQ_FALLING = 1, 3, 1, 2, 1, 2
    handler = None
    def __init__(self, number, mode=0, pull=0, value=0): self.level = 0
    def value(self, level=None):
        if level is None: return self.level
        self.level = level
    def __call__(self, level): self.level = level
    def irq(self, handler, trigger): Pin.handler = handler
class ADC:
    ATTN_11DB = 3
    fail = False
    def __init__(self, pin, atten=0): pass
    def read_uv(self):
        if ADC.fail: raise OSError(5)
        return 1234567
class PWM:
    def __init__(self, pin, freq=0, duty_u16=0): self.duty = 0
    def duty_u16(self, duty): self.duty = duty
class Counter:
    RISING, FALLING, count = 1, 2, 0
    def __init__(self, unit, pin, edge=1, filter_ns=0): pass
    def value(self): return Counter.count
"""

MPY_SCRIPT = """
import sys
sys.path[:] = [{paths}]
import boot, board, micropython
from machine import ADC, Counter, Pin
from hal.esp32_io import Esp32Io
from vcu.signals import Outputs, Raw

def run():
    io = Esp32Io(board)
    raw = Raw()
    out = Outputs()
    tick = 0
    while tick < 40:
        ADC.fail = tick & 8
        Counter.count = tick * 3
        out.throttle_mv = (tick * 1237) % 5001
        out.regen_permille = (tick * 377) % 1001
        out.charge_v_mv = (tick * 1237) % 5001
        out.charge_a_mv = (tick * 377) % 5001
        out.enable = out.charger = out.hold = tick & 1
        out.contactor = out.precharge = out.lamp = out.reverse = (tick >> 1) & 1
        micropython.heap_lock()
        try:
            Pin.handler(None)
            io.read(raw)
            io.write(out)
            io.heartbeat()
            if tick == 30:
                io.stop()
        finally:
            micropython.heap_unlock()
        tick += 1
    print("ok", raw.pedal_a_counts, raw.pulses_counts, raw.edge_pulses_counts)

run()
"""


@pytest.mark.parametrize("name", BOARDS)
def test_a_tick_in_micropython_allocates_nothing(name, tmp_path, interpreter):
    (tmp_path / "machine.py").write_text(MPY_MACHINE)
    folders = (tmp_path, ROOT / "firmware", ROOT / "boards" / name)
    script = tmp_path / "ticks.py"
    script.write_text(MPY_SCRIPT.format(paths=", ".join(repr(str(path)) for path in folders)))
    result = subprocess.run(
        [interpreter, script], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.fullmatch(r"ok 1234 117 117\s*", result.stdout), result.stdout
