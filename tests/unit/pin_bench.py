"""A bench of pins: a stand-in for `machine` that records all that is done to it, in order."""

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

# For what its import does: on CPython the stand-in adds ticks_us and the like to time.
import micropython  # noqa: F401

from vcu.signals import Outputs, Raw

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ("esp32_s3", "esp32")


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


def asked_board(request):
    """Return the data of the board that a fixture is asked for."""
    return load_board(request.param)


def wired(monkeypatch):
    """Return a bench whose stand-in is `machine` until the test is over."""
    bench = Bench()
    monkeypatch.setitem(sys.modules, "machine", bench.machine())
    for name in ("hal.esp32_io", "hal.esp32_parts"):
        monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]  # made anew with this machine, and not left to others
    monkeypatch.setattr(time, "ticks_us", lambda: bench.now_us % (1 << 30))
    return bench


def make(board):
    from hal.esp32_io import Esp32Io

    return Esp32Io(board)


def outputs(**fields):
    out = Outputs()
    for name, value in fields.items():
        assert hasattr(out, name)
        setattr(out, name, value)
    return out


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
