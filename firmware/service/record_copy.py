"""Record copy: decides whether the bytes of a file are a copy of a record, and what is in it.

Hazard: a car that drives with half a record, or with another's. Rule: a copy counts
only when its checksum over name, header and payload holds.
"""

import struct
from binascii import crc32

from micropython import const

# What a copy is found to be, and what the store answers (service/store.py).
OK = 0
BUSY = 1  # step() has more to do
MISSING = 2  # never written
DAMAGED = 3  # no copy was valid; the old bytes lie in lost/
FUTURE = 4  # written by newer firmware; the old bytes lie in lost/
FAILED = 5  # the file system refused; errno says how

_MAGIC = b"LSR1"
# magic, version of the payload, its length, sequence, checksum
_HEADER = "<4sHHII"
HEADER_BYTES = const(16)
SEQUENCE_MASK = const((1 << 30) - 1)
_SEQUENCE_HALF = const(1 << 29)
# The longest record has the freeze frames; whatever claims to be longer is none.
PAYLOAD_BYTES_MOST = const(8192)


class Copy:
    """One copy of a record as it was found: status OK, MISSING or DAMAGED, and what is in it."""

    def __init__(self, status: int, sequence: int, version: int, payload: bytes) -> None:
        self.status = status
        self.sequence = sequence
        self.version = version
        self.payload = payload


def checksum(name: str, header: "bytes | bytearray", payload: "bytes | bytearray") -> int:
    """Return the CRC-32 of a record; the name is in it, so that no file can pass for another."""
    # The last four bytes of the header are the place of the checksum itself.
    return crc32(payload, crc32(header[: HEADER_BYTES - 4], crc32(name.encode())))


def header_of(name: str, version: int, sequence: int, payload: "bytes | bytearray") -> bytearray:
    """Return what stands before the payload of a copy; sequence is 0 .. 2**30 - 1."""
    header = bytearray(HEADER_BYTES)
    struct.pack_into(_HEADER, header, 0, _MAGIC, version, len(payload), sequence, 0)
    crc = checksum(name, header, payload)
    struct.pack_into("<I", header, HEADER_BYTES - 4, crc)
    return header


def parse(name: str, data: bytes) -> Copy:
    """Return the copy that data is: OK, or DAMAGED if a single bit of it is wrong."""
    damaged = Copy(DAMAGED, 0, 0, b"")
    if len(data) < HEADER_BYTES:
        return damaged
    magic, version, length, sequence, crc = struct.unpack(_HEADER, data[:HEADER_BYTES])
    payload = data[HEADER_BYTES:]
    if magic != _MAGIC or length != len(payload) or sequence > SEQUENCE_MASK:
        return damaged
    if checksum(name, data[:HEADER_BYTES], payload) != crc:
        return damaged
    return Copy(OK, sequence, version, payload)


def is_newer(sequence: int, than: int) -> bool:
    """Return whether a sequence came after another; they begin anew after 2**30."""
    return 0 < ((sequence - than) & SEQUENCE_MASK) < _SEQUENCE_HALF
