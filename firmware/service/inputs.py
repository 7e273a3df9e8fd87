"""Inputs: what each analog input reads now, and the least and most since a person last looked.

A wire that breaks when the harness is moved shows in the least and the most,
however short it was. It costs time in each slice, so it ends by itself.
"""

from array import array

from micropython import const

from vcu.loop import Loop
from vcu.signals import SLOW_NAMES

# The fast ones, then the slow ones in the order of SLOW_NAMES.
PEDAL_A = const(0)
PEDAL_B = const(1)
PACK_V = const(2)
BUS_V = const(3)
PACK_A = const(4)
SLOW = const(5)
NAMES = ("pedal_a", "pedal_b", "pack_v", "bus_v", "pack_a") + SLOW_NAMES

# Nobody has asked for so long: the harness is mended or the technician gone.
_WATCH_MS = const(600000)
_NEVER = const(-2)


class Inputs:
    """now, least and most are in counts, by place in NAMES; -1 failed, -2 not read yet.

    left_ms is how long they will still be kept.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.now = array("h", [_NEVER] * len(NAMES))
        self.least = array("h", [_NEVER] * len(NAMES))
        self.most = array("h", [_NEVER] * len(NAMES))
        self.left_ms = 0

    def watch(self) -> None:
        """Go on watching, or begin; least and most begin anew."""
        self.left_ms = _WATCH_MS
        for i in range(len(NAMES)):
            self.least[i] = self.most[i] = self.now[i]

    def step(self, passed_ms: int) -> None:
        """Once a slice while left_ms is more than 0: take what was read."""
        self.left_ms -= passed_ms
        raw = self._loop.raw
        self._take(PEDAL_A, raw.pedal_a_counts)
        self._take(PEDAL_B, raw.pedal_b_counts)
        self._take(PACK_V, raw.pack_v_counts)
        self._take(BUS_V, raw.bus_v_counts)
        self._take(PACK_A, raw.pack_a_counts)
        self._take(SLOW + raw.slow_index, raw.slow_counts)

    def _take(self, place: int, counts: int) -> None:
        self.now[place] = counts
        least = self.least[place]
        if least == _NEVER or counts < least:
            self.least[place] = counts
        if counts > self.most[place]:
            self.most[place] = counts
