"""Esp32 parts: what a pin named in a board's data becomes: an input, an output, a voltage, none.

A part that is not fitted has the methods of one that is (boards/*/board.py).
"""

from machine import ADC, PWM, Counter, Pin
from micropython import const

from hal.shift_register import NullRegister, ShiftRegister

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no types to import
if TYPE_CHECKING:
    from types import ModuleType

_SHIFT_BASE = const(100)  # in the board's data 100 + n is output Qn of the shift register
_FILTER_NS = const(12700)  # the longest that the pulse counter has
_DUTY_FULL = const(65535)

# A tuple written in an except clause is built, on the heap, when the exception comes.
PART_ERRORS = (OSError, ValueError, RuntimeError)


class NullPin:
    """An output that is not fitted: accepts its value and drives nothing."""

    def value(self, level: int) -> None:
        """Drive nothing."""


class NullCounter:
    """A pulse input that is not fitted."""

    def value(self) -> int:
        """Return 0: nothing was counted."""
        return 0


class Voltage:
    """A PWM output that is filtered to a voltage outside."""

    def __init__(self, number: int, hertz: int, full_scale_mv: int) -> None:
        self._pwm = PWM(Pin(number, Pin.OUT, value=0), freq=hertz, duty_u16=0)
        self._full_mv = full_scale_mv

    def value(self, millivolts: int) -> None:
        """Drive 0 .. full scale mV; a value outside is driven as the nearer end."""
        full_mv = self._full_mv
        if millivolts < 0:
            millivolts = 0
        elif millivolts > full_mv:
            millivolts = full_mv
        # 5000 * 65535 = 3.3e8
        self._pwm.duty_u16((millivolts * _DUTY_FULL + (full_mv >> 1)) // full_mv)


def counts(adc: ADC) -> int:
    """Return the reading in counts of 1 mV, or -1 when the converter raised an error."""
    try:
        return adc.read_uv() // 1000
    except PART_ERRORS:
        return -1


def analog(number: int) -> ADC:
    """Return an analog input of the widest range that the chip has."""
    return ADC(Pin(number), atten=ADC.ATTN_11DB)


def digital(number: int, pull: str) -> Pin:
    """Return a digital input with its pull, "up" or "down"."""
    return Pin(number, Pin.IN, Pin.PULL_UP if pull == "up" else Pin.PULL_DOWN)


def counter(unit: int, pin: Pin, active: int) -> Counter:
    """Return the counter of the edges to a level, without spikes below 12.7 us."""
    edge = Counter.RISING if active else Counter.FALLING
    return Counter(unit, pin, edge=edge, filter_ns=_FILTER_NS)


def make_register(board: "ModuleType"):
    """Return the shift register that more outputs hang on, or one that is not fitted."""
    if board.SHIFT_CLOCK < 0:
        return NullRegister()
    return ShiftRegister(
        Pin(board.SHIFT_DATA, Pin.OUT, value=0),
        Pin(board.SHIFT_CLOCK, Pin.OUT, value=0),
        Pin(board.SHIFT_LATCH, Pin.OUT, value=0),
    )


def output(number: int, register):
    """Return an output at 0: a pin, an output of the shift register, or below 0 none."""
    if number < 0:
        return NullPin()
    if number >= _SHIFT_BASE:
        return register.pin(number - _SHIFT_BASE)
    return Pin(number, Pin.OUT, value=0)


def voltage(number: int, board: "ModuleType"):
    """Return a voltage at 0, below 0 one that is not fitted."""
    if number < 0:
        return NullPin()
    return Voltage(number, board.PWM_HZ, board.PWM_FULL_SCALE_MV)
