"""Trial: decides when the running version has earned to be trusted, and which end was in order.

Hazard: a version that starts, hangs a minute later, and was trusted already; or a
good one that is given up because its driver turned the key off twice. Rule: 30 s
after the self-test without a fault of the controller confirm it; a key that was
turned off takes its start back. Both write flash, so both wait for the car to park.
"""

from micropython import const

from service.slots import Slots
from vcu.loop import Loop
from vcu.modes import FAULT, SELFTEST

_CLEAN_MS = const(30000)
# The supply is held no longer for it: a start that is not taken back is one of two.
_HOLD_MS = const(3000)
_TIME_MAX_MS = const(1 << 29)


class Trial:
    """failure is why flash refused the last write, or "". Idle once the version is trusted."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._clean_ms = 0
        self._off_ms = 0
        self._was_key_on: bool = False
        self._is_end_due = False
        self._is_begin_due = False
        self._is_ended = False
        self.failure = ""

    def is_on(self) -> bool:
        """Return whether the running version is not trusted yet."""
        return self._slots.is_on_trial()

    def step(self, loop: Loop, is_parked: bool, is_clean: bool, passed_ms: int) -> None:
        """One slice, passed_ms after the last.

        is_clean is false where a service of the controller itself has failed.
        """
        if not self._slots.is_on_trial():
            self._is_end_due = False
            return
        self._watch_key(bool(loop.raw.key_on), passed_ms)
        mode = loop.modes.mode
        if is_clean and mode != SELFTEST and mode != FAULT:
            self._clean_ms = min(self._clean_ms + passed_ms, _TIME_MAX_MS)
        else:
            self._clean_ms = 0
        if not is_parked:
            return
        if self._clean_ms >= _CLEAN_MS:
            self._clean_ms = 0  # where flash refuses, again in 30 s
            self.failure = self._slots.confirm()
        elif self._is_end_due:
            self._is_end_due = False
            self._is_ended = True
            self.failure = self._slots.orderly_end()
        elif self._is_begin_due:
            self._is_begin_due = False
            self._is_ended = False
            self.failure = self._slots.begin_again()

    def holds(self) -> bool:
        """Return whether the supply must stay until the end of this start is written."""
        return self._is_end_due and self._off_ms < _HOLD_MS

    def end(self) -> None:
        """The program ends because a person asked for it, outputs safe: no failed start."""
        if self._slots.is_on_trial():
            self.failure = self._slots.orderly_end()

    def _watch_key(self, key_on: bool, passed_ms: int) -> None:
        self._off_ms = 0 if key_on else min(self._off_ms + passed_ms, _TIME_MAX_MS)
        if key_on != self._was_key_on:
            self._was_key_on = key_on
            self._is_begin_due = key_on and self._is_ended
            self._is_end_due = not key_on
