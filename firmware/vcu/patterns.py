"""Patterns: what lamp and buzzer tell a person, who has no other display.

A pattern is sixteen steps of 128 ms, about two seconds; of several states that
hold, the first in the table is shown. A fault that stops the car blinks its
number: as many long flashes as its tens, then as many short ones as its ones.
"""

from micropython import const

SILENT = const(0)
FAULT_CODE = const(1)
OVERSPEED = const(2)
ROLLING = const(3)
CRAWL = const(4)
WALK = const(5)
TURTLE = const(6)
PLUGGED_IN = const(7)
READY = const(8)
CHARGING = const(9)
CHARGED = const(10)

# fmt: off
# name, lamp, buzzer: bit i is step i
TABLE: "tuple[tuple[str, int, int], ...]" = (
    ("silent",     0b0000000000000000, 0b0000000000000000),
    ("fault_code", 0b0000000000000000, 0b0000000000000000),  # see blink()
    ("overspeed",  0b1111111111111111, 0b0101010101010101),
    ("rolling",    0b0101010101010101, 0b0000000000110011),
    ("crawl",      0b0000111100001111, 0b0000000000000001),
    ("walk",       0b0011001100110011, 0b0000000000000000),
    ("turtle",     0b0000000011111111, 0b0000000000000000),
    ("plugged_in", 0b0000000000000001, 0b0000000000000000),
    ("ready",      0b1111111111111111, 0b0000000000000000),
    ("charging",   0b0000000000001111, 0b0000000000000000),
    ("charged",    0b0111111111111111, 0b0000000000000000),
)
# fmt: on
NAMES = tuple([row[0] for row in TABLE])

_STEP_SHIFT = const(7)
_LONG_STEPS = const(5)  # on, of seven
_SHORT_STEPS = const(2)  # on, of four
_GAP_STEPS = const(6)
_PAUSE_STEPS = const(14)


def blink(code: int, step: int) -> int:
    """Return whether the lamp is lit in this step of a two-digit code; step counts from any 0."""
    tens = code // 10
    ones = code % 10
    long_steps = tens * (_LONG_STEPS + 2)
    short_steps = ones * (_SHORT_STEPS + 2)
    step %= long_steps + _GAP_STEPS + short_steps + _PAUSE_STEPS
    if step < long_steps:
        return 1 if step % (_LONG_STEPS + 2) < _LONG_STEPS else 0
    step -= long_steps + _GAP_STEPS
    if 0 <= step < short_steps:
        return 1 if step % (_SHORT_STEPS + 2) < _SHORT_STEPS else 0
    return 0


class Patterns:
    """lamp and buzzer as they are to be driven now."""

    def __init__(self) -> None:
        self.shown = SILENT
        self.lamp = 0
        self.buzzer = 0

    def step(self, shown: int, code: int, clock_ms: int, heard: int = SILENT) -> None:
        """Show a pattern at this moment of the clock.

        For FAULT_CODE: code is the fault's, and heard the pattern whose buzzer sounds with it.
        """
        self.shown = shown
        step = clock_ms >> _STEP_SHIFT
        if shown == FAULT_CODE:
            self.lamp = blink(code, step)
            self.buzzer = TABLE[heard][2] >> (step & 15) & 1
            return
        row = TABLE[shown]
        self.lamp = row[1] >> (step & 15) & 1
        self.buzzer = row[2] >> (step & 15) & 1
