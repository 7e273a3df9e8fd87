"""Recorder: the last seconds in a ring, and what they looked like when a fault was confirmed.

Ten times a second one row of the state goes into a ring of four seconds. When
a row of the fault table is confirmed for the first time since it was last
cleared, the row at that moment is its freeze frame, and the two seconds before
it are copied out of the ring, one row every 40 ms, so that no tick is long.
"""

from array import array

from micropython import const

from vcu.faults import WORD_SHIFT
from vcu.signals import Signals

FIELDS = (
    "pedal_permille", "speed_mmps", "pack_cv", "bus_cv", "pack_da", "battery_ddegc",
    "motor_ddegc", "controller_ddegc", "mode", "limiter", "torque_permille", "soc_permille",
)  # fmt: skip
FIELD_COUNT = const(12)
ROW_MS = const(100)
# A frame has its own row first and then the rows before it, the newest first.
FRAME_ROWS = const(21)
FRAMES = const(6)

_RING_ROWS = const(40)
_LIMIT = const(32767)


class Recorder:
    """frames[i] are FRAME_ROWS rows of FIELD_COUNT values of the fault numbers[i], -1 for none.

    A row that was not recorded yet, after power-on, is all zero. When every
    frame is taken, later faults have none: what came first explains the rest.
    """

    def __init__(self) -> None:
        self.numbers = array("h", [-1] * FRAMES)
        self.frames = [array("h", [0] * (FIELD_COUNT * FRAME_ROWS)) for _ in range(FRAMES)]
        self.ready = 0  # bit i: frame i is copied whole
        self._ring = array("h", [0] * (FIELD_COUNT * _RING_ROWS))
        self._next = 0  # the ring's row that is written next
        self._rows = 0
        self.copying = -1  # the frame that is being copied, or -1
        self._to_row = 0
        self._from_row = 0

    def record(self, sig: Signals, mode: int, limiter: int, torque_permille: int) -> None:
        """Write one row; call every ROW_MS."""
        self._fill(self._ring, self._next * FIELD_COUNT, sig, mode, limiter, torque_permille)
        self._next = self._next + 1 if self._next < _RING_ROWS - 1 else 0
        if self._rows < _RING_ROWS:
            self._rows += 1

    def freeze(
        self, number: int, sig: Signals, mode: int, limiter: int, torque_permille: int
    ) -> None:
        """Take the frame of row number, unless it has one or none is free."""
        free = -1
        for i in range(FRAMES):
            if self.numbers[i] == number:
                return
            if free < 0 and self.numbers[i] < 0:
                free = i
        if free < 0:
            return
        if self.copying >= 0:
            # A second fault within the 0.8 s of a copy: the first one's history ends here.
            self.ready |= 1 << self.copying
        self.numbers[free] = number
        self._fill(self.frames[free], 0, sig, mode, limiter, torque_permille)
        self.copying = free
        self._to_row = 1
        self._from_row = self._next

    def step(self) -> None:
        """Copy one row of the frame that was begun last, if it is not whole yet."""
        if self.copying < 0:
            return
        i = self.copying
        if self._to_row > self._rows or self._to_row >= FRAME_ROWS:
            self.ready |= 1 << i
            self.copying = -1
            return
        self._from_row = self._from_row - 1 if self._from_row else _RING_ROWS - 1
        source = self._from_row * FIELD_COUNT
        target = self._to_row * FIELD_COUNT
        ring = self._ring
        frame = self.frames[i]
        end = target + FIELD_COUNT
        while target < end:
            frame[target] = ring[source]
            target += 1
            source += 1
        self._to_row += 1

    def forget(self, active: "list[int]") -> None:
        """Free every frame but those of rows still active; a person cleared the faults."""
        for i in range(FRAMES):
            number = self.numbers[i]
            if number >= 0 and active[number // WORD_SHIFT] >> number % WORD_SHIFT & 1:
                continue
            self.numbers[i] = -1
            self.ready &= ~(1 << i)
            if self.copying == i:
                self.copying = -1
            frame = self.frames[i]
            for k in range(FIELD_COUNT * FRAME_ROWS):
                frame[k] = 0  # a history that is cut short must not go on with an old one

    def _fill(
        self, rows: "array[int]", at: int, sig: Signals, mode: int, limiter: int, torque: int
    ) -> None:
        rows[at] = sig.pedal_permille
        speed_mmps = sig.speed_mmps
        rows[at + 1] = speed_mmps if speed_mmps < _LIMIT else _LIMIT
        rows[at + 2] = sig.pack_cv
        rows[at + 3] = sig.bus_cv
        rows[at + 4] = sig.pack_da
        rows[at + 5] = sig.battery_ddegc
        rows[at + 6] = sig.motor_ddegc
        rows[at + 7] = sig.controller_ddegc
        rows[at + 8] = mode
        rows[at + 9] = limiter
        rows[at + 10] = torque
        rows[at + 11] = sig.soc_permille
