"""Fault keeper: decides when what is known of faults has changed, and what a start makes of it.

Which faults there are is seen a slice after it changes; the keeper writes it at
the next key-off or stop. What only RTC memory knew after a reset counts as
confirmed once more, at the moment of the start.
"""

from service import fault_record, records
from service.drive_cycle import DriveCycle
from service.fault_history import History
from vcu.faults import TABLE, WORD_SHIFT, WORDS
from vcu.loop import Loop


class FaultKeeper:
    """Owns the history. is_changed says that flash lacks something."""

    def __init__(self) -> None:
        self.history = History()
        self.is_changed = False
        self._cycle = DriveCycle(self.history)
        self._changes = 0  # of the faults, when the history was last brought up to them
        self._is_cleared = False

    def restore(self, loop: Loop, payload: bytes, version: int) -> bool:
        """Take a record; False where it is refused."""
        taken = fault_record.unpack(payload, version, loop.faults, loop.recorder, self.history)
        return taken == records.TAKEN

    def recall(self, loop: Loop, stored: "list[int]", key_cycle: int) -> None:
        """Add the rows that were stored before the last reset and that no record has."""
        faults = loop.faults
        for word in range(WORDS):
            new = stored[word] & ~faults.stored[word]
            for i in range(len(TABLE[word])):
                if new >> i & 1:
                    number = word * WORD_SHIFT + i
                    faults.recall(number)
                    count = faults.counts[number]
                    self.history.note(number, count, loop.operating_s, key_cycle)
                    self.is_changed = True

    def clear(self) -> None:
        """A person has cleared the faults, and the history follows in the next slice."""
        self._is_cleared = True

    def step(self, loop: Loop, key_cycle: int, passed_ms: int) -> None:
        """One slice, passed_ms after the last."""
        self._cycle.step(loop.sig, passed_ms)
        if self._is_cleared or loop.faults.changes != self._changes:
            self.look(loop, key_cycle)

    def look(self, loop: Loop, key_cycle: int) -> None:
        """Bring the history up to the faults."""
        faults = loop.faults
        if self._is_cleared:
            self._is_cleared = False
            self.history.clear(faults, loop.operating_s, key_cycle)
        elif self.history.look(faults, loop.operating_s, key_cycle):
            self.is_changed = True
        self._changes = faults.changes

    def begin_cycle(self, loop: Loop) -> None:
        """The key was turned on, and it was no bounce."""
        self._cycle.begin(loop.faults)

    def end_cycle(self, loop: Loop) -> None:
        """The key was turned off."""
        if self._cycle.end(loop.faults):
            self.is_changed = True

    def pack(self, loop: Loop) -> bytearray:
        """Return the record as it is now; from now on it is as good as written."""
        self.is_changed = False
        return fault_record.pack(loop.faults, loop.recorder, self.history)
