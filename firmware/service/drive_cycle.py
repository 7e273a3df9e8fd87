"""Drive cycle: says when a permanent fault is let go, by driving alone and never by a person.

Hazard: a car is cleared before it is sold or inspected, and nothing tells what
was wrong with it. Rule (after the permanent codes of OBD, mode 0A of SAE J1979):
a permanent row goes after three key cycles in which the car drove above 10 km/h
for 60 s in all, and in which the row was not active for a moment. A cycle with
less driving counts neither for it nor against it.
"""

from micropython import const

from service.fault_history import PASSES_MOST, History
from vcu.faults import WORD_SHIFT, WORDS, Faults
from vcu.signals import Signals

_DROVE_MMPS = const(2778)
_DROVE_MS = const(60000)


class DriveCycle:
    """One key cycle after another; passes are kept in the history, with the faults."""

    def __init__(self, history: History) -> None:
        self._passes = history.passes
        self._drove_ms = 0
        self._is_judged = False

    def begin(self, faults: Faults) -> None:
        """The key was turned on."""
        faults.begin_cycle()
        self._drove_ms = 0
        self._is_judged = False

    def step(self, sig: Signals, passed_ms: int) -> None:
        """Count the time that the car drives; a speed that is not to be trusted is none."""
        if sig.speed_mmps > _DROVE_MMPS and sig.speed_trusted and self._drove_ms < _DROVE_MS:
            self._drove_ms += passed_ms

    def end(self, faults: Faults) -> bool:
        """The key was turned off: judge each permanent row; whether there is something to write.

        A key that bounces ends the same cycle twice: it counts once.
        """
        is_pass = self._drove_ms >= _DROVE_MS and not self._is_judged
        self._is_judged = self._is_judged or is_pass
        changed = False
        for word in range(WORDS):
            number = word * WORD_SHIFT
            bits = faults.permanent[word]
            came = faults.came[word]
            while bits:
                if bits & 1 and self._judge(faults, number, came & 1, is_pass):
                    changed = True
                bits >>= 1
                came >>= 1
                number += 1
        return changed

    def _judge(self, faults: Faults, number: int, came: int, is_pass: bool) -> bool:
        passes = self._passes
        before = passes[number]
        if came:
            passes[number] = 0
        elif is_pass:
            passes[number] = before + 1
            if before + 1 >= PASSES_MOST:
                passes[number] = 0
                faults.release(number)
                return True
        return passes[number] != before
