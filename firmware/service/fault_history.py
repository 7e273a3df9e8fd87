"""Fault history: when each row was confirmed first and last, and when a person last cleared.

A moment is three clocks: operating seconds, key cycles, and the wall time where
a host has told it. Reading changes nothing; only clear() forgets.
"""

from array import array

from micropython import const

from vcu.faults import WORD_SHIFT, WORDS, Faults

ROWS = WORDS * WORD_SHIFT
# Clean drives after which a permanent row is let go: service/drive_cycle.py.
PASSES_MOST = const(3)


def no_clock() -> int:
    """Return the wall time where nobody knows it."""
    return 0


class History:
    """By row number: times of the first and the last confirmation since cleared, 0 for unknown.

    *_s are operating seconds, *_cycle key cycles, *_wall_s seconds since 1970.
    passes counts the clean drives of a permanent row. cleared_* is when a person
    cleared last, 0 for never. clock answers the wall time; it is asked only for
    what is new, for it needs the heap.
    """

    def __init__(self) -> None:
        zeros = [0] * ROWS
        self.first_s = array("i", zeros)
        self.last_s = array("i", zeros)
        self.first_cycle = array("i", zeros)
        self.last_cycle = array("i", zeros)
        self.first_wall_s = array("I", zeros)
        self.last_wall_s = array("I", zeros)
        self.passes = bytearray(ROWS)
        self.cleared_s = 0
        self.cleared_cycle = 0
        self.cleared_wall_s = 0
        self.clock = no_clock
        self._counts = array("H", zeros)

    def look(self, faults: Faults, operating_s: int, key_cycle: int) -> bool:
        """Note what was confirmed or cleared since; whether anything was."""
        changed = False
        counts = faults.counts
        for number in range(ROWS):
            count = counts[number]
            if count != self._counts[number]:
                changed = True
                if count:
                    self.note(number, count, operating_s, key_cycle)
                else:
                    self._forget(number)
        return changed

    def note(self, number: int, count: int, operating_s: int, key_cycle: int) -> None:
        """A row was confirmed just now, for the count-th time; it has to begin its passes anew."""
        wall_s = self.clock()
        second = operating_s if operating_s > 0 else 1
        if not self.first_s[number]:
            self.first_s[number] = second
            self.first_cycle[number] = key_cycle
            self.first_wall_s[number] = wall_s
        self.last_s[number] = second
        self.last_cycle[number] = key_cycle
        self.last_wall_s[number] = wall_s
        self.passes[number] = 0
        self._counts[number] = count

    def _forget(self, number: int) -> None:
        """The passes of a permanent row stay: no person can shorten them or make them longer."""
        self._counts[number] = 0
        self.first_s[number] = self.last_s[number] = 0
        self.first_cycle[number] = self.last_cycle[number] = 0
        self.first_wall_s[number] = self.last_wall_s[number] = 0

    def clear(self, faults: Faults, operating_s: int, key_cycle: int) -> None:
        """A person has cleared; rows that are active still keep their times."""
        self.look(faults, operating_s, key_cycle)
        self.cleared_s = operating_s if operating_s > 0 else 1
        self.cleared_cycle = key_cycle
        self.cleared_wall_s = self.clock()

    def resume(self, number: int, count: int) -> None:
        """Go on from what a record says of one row; its times are set already."""
        self._counts[number] = count
