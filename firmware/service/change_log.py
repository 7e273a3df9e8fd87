"""Change log: the last 32 values that were written, who wrote them and when; with the seal.

The record is written before the parameters are. A power cut in between leaves an
entry of a change that did not come to be, never a change without an entry.
"""

import struct

from micropython import const

from service.seal import Seal

NAME = "changes"
VERSION = const(1)

ENTRIES = const(32)
# Who wrote: the levels of service/access.py, and these.
OPEN = const(3)  # the board has no keys
START = const(4)  # it was so at a start: the vehicle's data or the record was changed
ROLE_NAMES = ("view", "service", "factory", "anyone", "found-at-start")
# In place of a parameter's id, of which the lowest is 1.
PROVISIONING = const(0)

# seal: count, bit 0 lost, bit 1 has values, the four values; then the number of entries
_HEAD = "<HBHHHHB"
_HEAD_BYTES = const(12)
# operating seconds, key cycles, seconds since 1970 or 0, id, old and new value, role
_ENTRY = "<IIIHiiB"
_ENTRY_BYTES = const(23)
_HALF_INTEGER = const((1 << 30) - 1)


class ChangeLog:
    """The entries, packed as they are written to flash; count of them, the oldest first."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._entries = bytearray(ENTRIES * _ENTRY_BYTES)
        self.count: int = 0

    def add(self, moment: "tuple[int, int, int]", id_: int, old: int, new: int, role: int) -> None:
        """Add a change; moment is operating seconds, key cycles, seconds since 1970 or 0."""
        entries = self._entries
        if self.count == ENTRIES:
            entries[:-_ENTRY_BYTES] = entries[_ENTRY_BYTES:]
            self.count -= 1
        at = self.count * _ENTRY_BYTES
        seconds, cycles, wall_s = moment
        struct.pack_into(_ENTRY, entries, at, seconds, cycles, wall_s, id_, old, new, role)
        self.count += 1

    def entry(self, i: int) -> "tuple[int, int, int, int, int, int, int]":
        """Return the three of its moment, id, old and new value and role of entry i."""
        at = i * _ENTRY_BYTES
        return struct.unpack(_ENTRY, self._entries[at : at + _ENTRY_BYTES])

    def pack(self) -> bytes:
        """Return the record's payload."""
        seal = self._seal
        flags = (1 if seal.is_lost else 0) | (2 if seal.has_values else 0)
        cap, learner, wheel_mm, pulses = seal.values
        head = struct.pack(_HEAD, seal.count, flags, cap, learner, wheel_mm, pulses, self.count)
        return head + self._entries[: self.count * _ENTRY_BYTES]

    def unpack(self, payload: bytes) -> bool:
        """Take a whole record, or nothing where a value is impossible."""
        if len(payload) < _HEAD_BYTES:
            return False
        seal_count, flags, *values, count = struct.unpack(_HEAD, payload[:_HEAD_BYTES])
        end = _HEAD_BYTES + count * _ENTRY_BYTES
        if count > ENTRIES or len(payload) < end:
            return False
        for at in range(_HEAD_BYTES, end, _ENTRY_BYTES):
            seconds, cycles, _, _, old, new, role = struct.unpack(
                _ENTRY, payload[at : at + _ENTRY_BYTES]
            )
            if seconds > _HALF_INTEGER or cycles > _HALF_INTEGER or role >= len(ROLE_NAMES):
                return False
            if max(abs(old), abs(new)) > _HALF_INTEGER:
                return False
        self._entries[: end - _HEAD_BYTES] = payload[_HEAD_BYTES:end]
        self.count = count
        seal = self._seal
        seal.count = seal_count
        seal.is_lost = bool(flags & 1)
        seal.has_values = bool(flags & 2)
        for i in range(len(values)):
            seal.values[i] = values[i]
        return True

    def lose(self) -> None:
        """What was changed before is not known any more."""
        self._seal.is_lost = True
