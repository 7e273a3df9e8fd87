"""What Esp32Io reads: flags, voltages, pulses and their stamps, and no byte of the heap."""

import re
import subprocess

import pytest

from tests.unit.pin_bench import (
    BOARDS,
    ROOT,
    asked_board,
    load_board,
    make,
    outputs,
    reads,
    shifted,
    wired,
)
from vcu.signals import SLOW_NAMES, SLOW_ORDER, Raw

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

bench = pytest.fixture(wired)
board = pytest.fixture(params=BOARDS)(asked_board)


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
