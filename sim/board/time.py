"""The virtual board's time: MicroPython's own module, its clocks and sleeps on virtual time."""

import sys

from link import link
from micropython import const

_path = sys.path[:]
sys.path[:] = []  # leaves only the interpreter's own time
# All of it, because this module stands in for the whole of the interpreter's (F403), and here,
# because the path must be empty first (E402). pyright takes it for CPython's, whose functions
# have other types than the ones below that replace them.
from time import *  # noqa: E402, F403  # pyright: ignore[reportWildcardImportFromLibrary, reportAssignmentType]

sys.path[:] = _path

_TICKS_PERIOD = const(1 << 30)
_TICKS_HALF = const(1 << 29)

ticks_us = link.ticks_us
sleep_us = link.sleep


def ticks_ms() -> int:
    """Return the virtual clock in ms, which wraps with the other."""
    return (link.now_us - link.wrap_us) // 1000 & (_TICKS_PERIOD - 1)


def ticks_add(ticks: int, delta: int) -> int:
    """Return ticks moved by delta, in the period of an ESP32."""
    return (ticks + delta) & (_TICKS_PERIOD - 1)


def ticks_diff(end: int, start: int) -> int:
    """Return end - start, -2**29 .. 2**29 - 1."""
    return ((end - start + _TICKS_HALF) & (_TICKS_PERIOD - 1)) - _TICKS_HALF


def sleep_ms(ms: int) -> None:
    """Let virtual ms pass."""
    link.sleep(ms * 1000)


def sleep(seconds: float) -> None:
    """Let virtual seconds pass."""
    link.sleep(int(seconds * 1000000))


def time_ns() -> int:
    """Return virtual ns since power-on: a board without a set clock starts at its epoch."""
    return link.now_us * 1000


def time() -> int:
    """Return virtual seconds since power-on."""
    return link.now_us // 1000000
