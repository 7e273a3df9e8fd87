"""Events: what has happened since the start: faults, key and modes, in a ring in memory.

The fault record keeps what must outlive the supply; this is the order in which
it came.
"""

from array import array

from micropython import const

from service.desk import Desk
from service.reply import Reply
from vcu import modes
from vcu.faults import CLASS_NAMES, WORD_SHIFT, WORDS, row_of

EVENTS = 32

# What happened; of the first two the value is the row number of the fault, of the last two what is
# new.
CONFIRMED = const(0)
HEALED = const(1)
KEY = const(2)
MODE = const(3)


class Events:
    """Looks at the loop once a slice; step() needs no heap.

    count is how many there were: number n is in the ring while
    n > count - EVENTS.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._times_ms = array("i", [0] * EVENTS)
        self._kinds = bytearray(EVENTS)
        self._values = bytearray(EVENTS)
        self.count: int = 0
        self._changes = 0
        self._word: int = WORDS  # the next to be compared: one a slice
        self._active = [0] * WORDS
        self._key_on = 0
        self._mode: int = modes.SELFTEST

    def step(self) -> None:
        """Note what is new."""
        loop = self._desk.loop
        key_on = loop.raw.key_on
        if key_on != self._key_on:
            self._key_on = key_on
            self._add(KEY, key_on)
        mode = loop.modes.mode
        if mode != self._mode:
            self._mode = mode
            self._add(MODE, mode)
        faults = loop.faults
        if faults.changes != self._changes:
            self._changes = faults.changes
            self._word = 0
        if self._word < WORDS:
            self._compare(self._word, faults.active[self._word])
            self._word += 1

    def _compare(self, word: int, active: int) -> None:
        changed = active ^ self._active[word]
        self._active[word] = active
        number = word * WORD_SHIFT
        while changed:
            if changed & 1:
                self._add(CONFIRMED if active & 1 else HEALED, number)
            changed >>= 1
            active >>= 1
            number += 1

    def _add(self, kind: int, value: int) -> None:
        at = self.count % EVENTS
        self._times_ms[at] = self._desk.uptime_ms
        self._kinds[at] = kind
        self._values[at] = value
        self.count += 1

    def fault_at(self, number: int) -> int:
        """Return the row number of the fault that event number confirmed, or -1."""
        at = number % EVENTS
        return self._values[at] if self._kinds[at] == CONFIRMED else -1

    def time_ms(self, number: int) -> int:
        """Return when event number came, in ms since the start modulo 2**30."""
        return self._times_ms[number % EVENTS]

    def write(self, reply: Reply, most: int):
        """Write the last most of them, a line each."""
        most = min(most, self.count, EVENTS)
        if not most:
            reply.line("nothing since the start")
        for number in range(self.count - most, self.count):
            at = number % EVENTS
            kind = self._kinds[at]
            value = self._values[at]
            reply.number(self._times_ms[at], 3)
            if kind == KEY:
                reply.line(" s key on" if value else " s key off")
            elif kind == MODE:
                reply.line(" s mode " + modes.NAMES[value])
            else:
                row = row_of(value)
                reply.text(" s fault " if kind == CONFIRMED else " s healed ")
                reply.number(row[0])
                reply.line(" " + row[2] + " " + row[1] + " " + CLASS_NAMES[row[3]])
            yield
