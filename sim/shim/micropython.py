"""What CPython lacks of MicroPython, so that the same firmware files import there."""

import time
from typing import TypeVar

_T = TypeVar("_T")
_TICKS_PERIOD = 1 << 30


def const(value: _T) -> _T:
    """Return value: MicroPython's compiler folds it, CPython just keeps it."""
    return value


def heap_lock() -> None:
    """CPython has no heap to lock."""


def heap_unlock() -> None:
    """CPython has no heap to lock."""


def kbd_intr(byte: int) -> None:
    """CPython's Ctrl-C comes from elsewhere."""


def _ticks_us() -> int:
    return time.perf_counter_ns() // 1000 % _TICKS_PERIOD


def _ticks_ms() -> int:
    return time.perf_counter_ns() // 1000000 % _TICKS_PERIOD


def _ticks_diff(end: int, start: int) -> int:
    half = _TICKS_PERIOD >> 1
    return (end - start + half) % _TICKS_PERIOD - half


# `import time` in a MicroPython script must find these on CPython as well.
time.__dict__.update(ticks_us=_ticks_us, ticks_ms=_ticks_ms, ticks_diff=_ticks_diff)
