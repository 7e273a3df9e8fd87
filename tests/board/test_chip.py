"""The virtual chip: what its parts take of time, keep through a reset, count, and lead to pins."""

import shutil
from contextlib import closing

import pytest

from sim import frame
from sim.controller import ControllerError
from sim.interpreter import FIRMWARE_DIR, MicropythonController
from tests.board.bench_car import BOARDS, SLICES, bench_inputs, small_firmware
from vcu.signals import SLOW_NAMES, SLOW_ORDER

pytestmark = pytest.mark.usefixtures("interpreter")


def test_virtual_time_is_charged_for_what_a_chip_is_slow_at(tmp_path):
    main = """
import gc
from time import sleep_ms, ticks_diff, ticks_us
import board
from machine import ADC, Pin, Counter, PWM
adc = ADC(Pin(board.PEDAL_A), atten=ADC.ATTN_11DB)
marks = [ticks_us()]
def mark():
    marks.append(ticks_us())
adc.read_uv(); mark()
print("x" * 113); mark()
kept = bytearray(600000)
gc.collect(); mark()
sleep_ms(6000); mark()
assert marks[-1] < marks[0]
print([ticks_diff(b, a) for a, b in zip(marks, marks[1:])])
for wrong in (lambda: Pin(49), lambda: ADC(Pin(board.ENABLE)), lambda: Counter(0, Pin(0))):
    try:
        wrong()
        print("taken")
    except ValueError:
        print("refused")
"""
    folder = small_firmware(tmp_path, main)
    with (
        closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller,
        pytest.raises(ControllerError, match="came to its end") as ended,
    ):
        controller.exchange(bench_inputs())
    adc_us, print_us, collect_us, sleep_us = eval(str(ended.value).splitlines()[2])
    assert (adc_us, sleep_us) == (60, 6_000_000)
    assert print_us == 115 * 1_000_000 // 11520  # with its CR LF
    assert 35_000 < collect_us < 60_000
    assert str(ended.value).count("refused") == 3


# --- reset, flash and RTC memory

KEEPS = """
import os, sys
from time import sleep_ms
import machine
rtc = machine.RTC()
print("cause", machine.reset_cause(), "rtc", rtc.memory(), "flash", sorted(os.listdir("")))
rtc.memory(b"kept " + bytes([machine.reset_cause()]))
with open("odometer" + str(machine.reset_cause()), "wb") as file:
    file.write(b"12345")
while True:
    sleep_ms(10)
"""


def test_flash_is_kept_through_everything_and_rtc_memory_through_a_reset_alone(tmp_path):
    folder = small_firmware(tmp_path, KEEPS)
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        for power_lost in (False, False, True):
            for _ in range(20):
                controller.exchange(bench_inputs())
            controller.restart(power_lost)
        controller.exchange(bench_inputs())
        assert controller.printed().splitlines() == [
            "cause 1 rtc b'' flash []",
            "cause 2 rtc b'kept \\x01' flash ['odometer1']",
            "cause 2 rtc b'kept \\x02' flash ['odometer1', 'odometer2']",
            "cause 1 rtc b'' flash ['odometer1', 'odometer2']",
        ]
        assert (controller.flash / "odometer1").read_bytes() == b"12345"


@pytest.mark.parametrize(
    ("end", "why", "cause"),
    [
        ("machine.reset()", "asked for a reset", 2),
        ("1 // 0", "crashed", 3),
        ("machine.WDT(timeout=500)\nwhile True: sleep_ms(1)", "watchdog bit", 3),
    ],
)
def test_the_next_start_has_the_cause_that_an_esp32_gives(tmp_path, end, why, cause):
    main = "import machine\nfrom time import sleep_ms\nprint('cause', machine.reset_cause())\n"
    folder = small_firmware(tmp_path, f"{main}sleep_ms(1)\nsleep_ms(200)\n{end}\n")
    with closing(MicropythonController("esp32", {}, firmware=folder)) as controller:
        with pytest.raises(ControllerError, match=why):
            for _ in range(100):
                controller.exchange(bench_inputs())
        controller.restart(power_lost=False)
        assert controller.outputs == [0] * frame.OUTPUT_SIZE
        assert controller.exit_status is None
        controller.exchange(bench_inputs())
        controller.exchange(bench_inputs())
        assert f"cause {cause}" in controller.printed().splitlines()


def test_rtc_memory_takes_2048_bytes_and_refuses_more(tmp_path):
    main = """
import machine
rtc = machine.RTC()
rtc.memory(bytearray(2048))
try:
    rtc.memory(bytearray(2049))
except ValueError as error:
    print(len(rtc.memory()), error)
rtc.memory(b"")
print(rtc.memory())
"""
    folder = small_firmware(tmp_path, main)
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        with pytest.raises(ControllerError, match="came to its end"):
            controller.exchange(bench_inputs())
        assert controller.printed().splitlines() == ["2048 buffer too long", "b''"]


def test_flash_operations_are_counted_and_take_the_time_that_flash_takes(tmp_path):
    main = """
import os
from time import sleep_ms, ticks_diff, ticks_us
marks = [ticks_us()]
def mark():
    marks.append(ticks_us())
class Loop:
    def is_parked(self):
        return True
class Car:
    loop = Loop()
os.mkdir("a"); mark()
with open("a/b", "wb") as file:
    file.write(bytes(4096)); mark()
with open("a/b") as file:
    mark()
os.rename("a/b", "a/c"); mark()
os.remove("a/c"); os.rmdir("a"); mark()
print([ticks_diff(b, a) for a, b in zip(marks, marks[1:])])
"""
    folder = small_firmware(tmp_path, main)
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        with pytest.raises(ControllerError, match="came to its end"):
            controller.exchange(bench_inputs())
        assert controller.printed().strip() == "[45000, 125000, 0, 45000, 90000]"
        out = controller.outputs
        assert (out[frame.FLASH_OPS], out[frame.FLASH_OPS_MOVING]) == (5, 0)


def test_a_flash_operation_while_the_car_is_not_parked_is_counted_apart(copied_firmware):
    write = "            if self.ticks in (20, 400):\n                open('x', 'w').close()\n"
    folder = copied_firmware("main.py", SLICES, write + SLICES)
    inputs = bench_inputs()
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        counts = []
        for tick in range(450):
            if tick < 50:
                inputs[frame.PULSES] = inputs[frame.EARLY_PULSES] = tick
            out = controller.exchange(inputs)
            counts.append((out[frame.FLASH_OPS], out[frame.FLASH_OPS_MOVING]))
        before = counts[0][0]
        assert [counts[tick] for tick in (10, 100, 449)] == [
            (before, 0),
            (before + 1, 1),
            (before + 2, 1),
        ]


# --- the pins of guard, read-back and motor pulses

PINS = """
from time import sleep_us, ticks_add, ticks_diff, ticks_us
import board
from hal.esp32_io import Esp32Io
from vcu.signals import Outputs, Raw

io = Esp32Io(board)
raw = Raw()
out = Outputs()
tick = 0
seen = []
due_us = ticks_us()
while True:
    due_us = ticks_add(due_us, 10000)
    sleep_us(ticks_diff(due_us, ticks_us()))
    io.read(raw)
    out.guard = tick & 1
    out.hold = tick >> 1 & 1
    io.write(out)
    seen.append((raw.enable_readback, raw.motor_pulses_counts, raw.slow_index, raw.slow_counts))
    tick += 1
    if tick == 26:
        print(seen)
"""


@pytest.mark.parametrize("board", BOARDS)
def test_guard_read_back_motor_pulses_and_slow_order_go_through_the_pins(board, tmp_path):
    shutil.copytree(FIRMWARE_DIR / "hal", tmp_path / "hal")
    shutil.copytree(FIRMWARE_DIR / "vcu", tmp_path / "vcu")
    folder = small_firmware(tmp_path, PINS)
    inputs = bench_inputs()
    guards, holds = [], []
    with closing(MicropythonController(board, {}, firmware=folder)) as controller:
        for tick in range(26):
            inputs[frame.ENABLE_READBACK] = tick >> 2 & 1
            inputs[frame.MOTOR_PULSES] = 65530 + tick
            for i in range(len(SLOW_NAMES)):
                inputs[frame.SLOW_MV + i] = 100 * i
            out = controller.exchange(inputs)
            guards.append(out[frame.GUARD])
            holds.append(out[frame.HOLD])
        seen = eval(controller.printed())
    assert guards == [0, 1] * 13
    assert holds == [0, 0, 1, 1] * 6 + [0, 0]
    assert [read[0] for read in seen] == [tick >> 2 & 1 for tick in range(26)]
    motor = [65530 + tick & 0xFFFF for tick in range(26)] if board == "esp32_s3" else [0] * 26
    assert [read[1] for read in seen] == motor
    slow = [*SLOW_ORDER, *SLOW_ORDER[:2]]
    assert [read[2:] for read in seen] == [(i, 100 * i) for i in slow]
