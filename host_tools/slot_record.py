"""Slot record: which slot of a board starts, in the form that the board's own selector reads."""

from dataclasses import dataclass
from typing import Any

import selector

RECORD = "/slot"
# Firmware has no typing: a dict there has no types in it.
_selector: Any = selector
# So many starts on trial that did not end in order bring the other slot back at the next.
STARTS_MOST: int = _selector._STARTS_MOST


@dataclass(frozen=True)
class Record:
    """trial counts begun starts of a slot that is not confirmed; failed is what was given up."""

    slot: str
    trial: int
    confirmed: bool
    failed: str = ""
    why: str = ""


def encode(record: Record) -> bytes:
    """Return the bytes of /slot."""
    fields = (record.slot, record.trial, record.confirmed, record.failed, record.why)
    return _selector.pack(_selector.make(*fields)).encode()


def decode(data: bytes) -> Record | None:
    """Return the record; None where a single bit of it is wrong."""
    try:
        found = _selector.parse(data.decode())
        return None if found is None else Record(**found)
    except (ValueError, KeyError, TypeError):
        return None
