"""Seal: whether the speed cap, or what defeats it as easily, was ever changed.

The cap is passed through the wheel circumference and the pulses per turn as well
as through itself, so all four share one seal: a counter that only grows. Whoever
inspects the car compares it with its papers.
"""

from array import array

from micropython import const

from vcu.params import Params

SEALED = ("speed_cap_kmh", "learner_cap_kmh", "wheel_circumference_mm", "pulses_per_turn")
# Worn and changed tyres are within this; a speed that reads that much lower is another cap.
WHEEL_PERCENT = const(5)
_COUNT_MOST = const(0xFFFF)


class Seal:
    """count of changes, at most 65 535, and the four values as they were last seen.

    has_values is False until a first change was written. is_lost: the record was
    lost once, and count is only what came after.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self.is_lost = False
        self.has_values = False
        self.values = array("i", [0] * len(SEALED))

    def look(self, params: Params) -> bool:
        """Take the values in use; True, and counted, where one differs from what was known."""
        is_changed = False
        for i in range(len(SEALED)):
            value = params.get(SEALED[i])
            if value != self.values[i]:
                is_changed = self.has_values
                self.values[i] = value
        self.has_values = True
        if is_changed:
            self.bump()
        return is_changed

    def bump(self) -> None:
        """Count a change."""
        self.count = min(self.count + 1, _COUNT_MOST)


def is_far(mm: int, pulses: int, old_mm: int, old_pulses: int) -> bool:
    """Return whether circumference / pulses differs by more than 5 % from the old; 0 is no old."""
    if not old_mm or not old_pulses:
        return False
    # 2200 mm * 96 * 100 = 2.1e7
    old = old_mm * pulses
    return abs(mm * old_pulses - old) * 100 > WHEEL_PERCENT * old
