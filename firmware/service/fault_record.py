"""Fault record: what is written of stored faults, and what is believed of it.

It has every row that a person has not cleared, that is pending or permanent,
with its count and its times; every whole freeze frame with the 2 s before it;
and when a person cleared last. Rows are kept by their ids, which are never
reused. A record that version 1 of it wrote is converted first.
"""

import struct

from micropython import const

from service.fault_history import PASSES_MOST, ROWS, History
from service.records import REFUSED, TAKEN, fitted
from vcu.faults import CRAWL, TABLE, WORD_SHIFT, WORDS, Faults
from vcu.recorder import FIELD_COUNT, FRAME_ROWS, FRAMES, Recorder

NAME = "faults"
VERSION = const(2)

# count of rows, count of frames, fields and rows of a frame; rows; frames; the end
_HEAD_BYTES = const(4)
# id, flags, count, operating seconds, key cycles and wall time, each of the first and the last
_ENTRY = "<BBHIIIIII"
_ENTRY_BYTES = const(28)
# The same in version 1, without key cycles and wall time; only the first flag.
_ENTRY_1 = "<BBHII"
_ENTRY_1_BYTES = const(12)
_STORED = const(1)
_CAME = const(2)
_PENDING = const(4)
_PERMANENT = const(8)
_PASSES_SHIFT = const(4)
# After the id of its row.
_FRAME = "<" + str(FIELD_COUNT * FRAME_ROWS) + "h"
_FRAME_BYTES = 1 + 2 * FIELD_COUNT * FRAME_ROWS
# cleared: operating seconds, key cycle, wall time
_END = "<III"
_END_BYTES = const(12)
_HALF_INTEGER = const((1 << 30) - 1)


def pack(faults: Faults, recorder: Recorder, history: History) -> bytearray:
    """Return all that is known of faults."""
    rows = [n for n in range(ROWS) if faults.counts[n] or _flags(faults, history, n)]
    frames = [i for i in range(FRAMES) if recorder.numbers[i] >= 0 and recorder.ready >> i & 1]
    size = _HEAD_BYTES + _ENTRY_BYTES * len(rows) + _FRAME_BYTES * len(frames) + _END_BYTES
    payload = bytearray(size)
    struct.pack_into("<BBBB", payload, 0, len(rows), len(frames), FIELD_COUNT, FRAME_ROWS)
    at = _HEAD_BYTES
    for n in rows:
        struct.pack_into(
            _ENTRY, payload, at,
            _id(n), _flags(faults, history, n), faults.counts[n],
            history.first_s[n], history.last_s[n],
            history.first_cycle[n], history.last_cycle[n],
            history.first_wall_s[n], history.last_wall_s[n],
        )  # fmt: skip
        at += _ENTRY_BYTES
    for i in frames:
        payload[at] = _id(recorder.numbers[i])
        values = recorder.frames[i]
        for k in range(FIELD_COUNT * FRAME_ROWS):
            struct.pack_into("<h", payload, at + 1 + 2 * k, values[k])
        at += _FRAME_BYTES
    struct.pack_into(
        _END, payload, at,
        history.cleared_s, history.cleared_cycle, history.cleared_wall_s,
    )  # fmt: skip
    return payload


def unpack(
    payload: bytes, version: int, faults: Faults, recorder: Recorder, history: History
) -> int:
    """Take what is stored, into parts that were just made; ids without a row are ignored.

    A value out of its range refuses the whole, and nothing is taken.
    """
    if version == 1:
        payload = from_version_1(payload)
    if len(payload) < _HEAD_BYTES:
        return REFUSED
    count, frame_count, fields, rows = struct.unpack("<BBBB", payload[:_HEAD_BYTES])
    frame_bytes = 1 + 2 * fields * rows
    frames_at = _HEAD_BYTES + _ENTRY_BYTES * count
    end_at = frames_at + frame_bytes * frame_count
    if len(payload) < end_at + _END_BYTES:
        return REFUSED
    entries = [
        struct.unpack(_ENTRY, payload[at : at + _ENTRY_BYTES])
        for at in range(_HEAD_BYTES, frames_at, _ENTRY_BYTES)
    ]
    end = struct.unpack(_END, payload[end_at : end_at + _END_BYTES])
    if not all([_is_possible(entry) for entry in entries]):
        return REFUSED
    if max(end[:2]) > _HALF_INTEGER:
        return REFUSED
    for entry in entries:
        _take(entry, faults, history)
    if fields == FIELD_COUNT and rows == FRAME_ROWS:
        for i in range(min(frame_count, FRAMES)):
            _take_frame(payload, frames_at + i * frame_bytes, recorder, i)
    history.cleared_s, history.cleared_cycle, history.cleared_wall_s = end
    return TAKEN


def from_version_1(payload: bytes) -> bytes:
    """Return what version 2 says of the same; an empty payload where it is not whole.

    What stops or crawls the car and was not cleared becomes permanent, as if it
    had been confirmed by this firmware. Key cycles and wall times are unknown.
    """
    if len(payload) < _HEAD_BYTES:
        return b""
    count = payload[0]
    frames_at = _HEAD_BYTES + _ENTRY_1_BYTES * count
    frames_bytes = payload[1] * (1 + 2 * payload[2] * payload[3])
    if len(payload) < frames_at + frames_bytes:
        return b""
    entries = b""
    for at in range(_HEAD_BYTES, frames_at, _ENTRY_1_BYTES):
        id_, stored, times, first_s, last_s = struct.unpack(
            _ENTRY_1, payload[at : at + _ENTRY_1_BYTES]
        )
        n = row_number(id_)
        flags = _STORED if stored else 0
        if stored and n >= 0 and TABLE[n // WORD_SHIFT][n % WORD_SHIFT][3] <= CRAWL:
            flags |= _PERMANENT
        entries += struct.pack(_ENTRY, id_, flags, times, first_s, last_s, 0, 0, 0, 0)
    frames = payload[frames_at : frames_at + frames_bytes]
    return payload[:_HEAD_BYTES] + entries + frames + fitted(b"", _END_BYTES)


def _is_possible(entry: "tuple[int, ...]") -> bool:
    return max(entry[3:7]) <= _HALF_INTEGER and entry[1] >> _PASSES_SHIFT < PASSES_MOST


def _take(entry: "tuple[int, ...]", faults: Faults, history: History) -> None:
    n = row_number(entry[0])
    if n < 0:
        return
    flags = entry[1]
    faults.counts[n] = entry[2]
    word = n // WORD_SHIFT
    bit = 1 << n % WORD_SHIFT
    if flags & _STORED:
        faults.stored[word] |= bit
    if flags & _CAME:
        faults.came[word] |= bit
    if flags & _PENDING:
        faults.pending[word] |= bit
    if flags & _PERMANENT:
        faults.permanent[word] |= bit
    history.passes[n] = flags >> _PASSES_SHIFT
    history.first_s[n], history.last_s[n] = entry[3:5]
    history.first_cycle[n], history.last_cycle[n] = entry[5:7]
    history.first_wall_s[n], history.last_wall_s[n] = entry[7:9]
    history.resume(n, entry[2])


def _take_frame(payload: bytes, at: int, recorder: Recorder, i: int) -> None:
    n = row_number(payload[at])
    if n < 0:
        return
    recorder.numbers[i] = n
    recorder.ready |= 1 << i
    frame = recorder.frames[i]
    values = struct.unpack(_FRAME, payload[at + 1 : at + _FRAME_BYTES])
    for k in range(FIELD_COUNT * FRAME_ROWS):
        frame[k] = values[k]


def _flags(faults: Faults, history: History, n: int) -> int:
    word = n // WORD_SHIFT
    shift = n % WORD_SHIFT
    return (
        (faults.stored[word] >> shift & 1)
        | (faults.came[word] >> shift & 1) << 1
        | (faults.pending[word] >> shift & 1) << 2
        | (faults.permanent[word] >> shift & 1) << 3
        | history.passes[n] << _PASSES_SHIFT
    )


def _id(number: int) -> int:
    return TABLE[number // WORD_SHIFT][number % WORD_SHIFT][0]


def row_number(id_: int) -> int:
    """Return the row number of a fault's id, or -1 where the table has none."""
    for word in range(WORDS):
        for i in range(len(TABLE[word])):
            if TABLE[word][i][0] == id_:
                return word * WORD_SHIFT + i
    return -1
