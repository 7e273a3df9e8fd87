"""Records: what is written down of parameters, counters and faults, and what is believed of it.

A payload only ever grows at its end: a shorter one, of older firmware, reads as
if zeros followed. Whatever else changes takes a new version, and the unpack
function that meets an older one converts it first. Rows are kept by their ids,
which are never reused, so that a table may be reordered. Everything is checked
before anything is taken.
"""

import struct
from array import array
from binascii import crc32

from micropython import const

from vcu.energy import Energy
from vcu.faults import TABLE, WORD_SHIFT, WORDS, Faults
from vcu.params import TABLE as PARAMETERS
from vcu.params import Params
from vcu.recorder import FIELD_COUNT, FRAME_ROWS, FRAMES, Recorder

# name of each record, and the newest version of its payload that this firmware reads
PARAMS = "params"
ODOMETER = "odometer"
FAULTS = "faults"
BOOT = "boot"
PARAMS_VERSION = const(1)
ODOMETER_VERSION = const(1)
FAULTS_VERSION = const(1)

# What unpacking answers.
TAKEN = 0
OTHER_PRESET = 1  # made over other vehicle data; nothing taken
REFUSED = 2  # a value is out of its range, or the payload is not whole; nothing taken

_HALF_INTEGER = const((1 << 30) - 1)


def preset_mark(values: "dict[str, int]") -> int:
    """Return a checksum of a vehicle's values: another means that the vehicle data changed."""
    mark = 0
    for name in sorted(values):
        mark = crc32((name + "=" + str(values[name]) + "\n").encode(), mark)
    return mark


def pack_params(params: Params, mark: int) -> bytearray:
    """Return all values by id, with the mark of the preset that they were made over."""
    payload = bytearray(6 + 6 * len(PARAMETERS))
    struct.pack_into("<IH", payload, 0, mark, len(PARAMETERS))
    at = 6
    for row in PARAMETERS:
        struct.pack_into("<Hi", payload, at, row[0], params.get(row[1]))
        at += 6
    return payload


def unpack_params(payload: bytes, params: Params, mark: int) -> int:
    """Set all values, or none of them; an id without a row is ignored, one missing stays."""
    if len(payload) < 6:
        return REFUSED
    stored_mark, count = struct.unpack("<IH", payload[:6])
    if len(payload) < 6 + 6 * count:
        return REFUSED
    if stored_mark != mark:
        return OTHER_PRESET
    pairs = [struct.unpack("<Hi", payload[at : at + 6]) for at in range(6, 6 + 6 * count, 6)]
    for id_, value in pairs:
        for row in PARAMETERS:
            if row[0] == id_ and not row[3] <= value <= row[4]:
                return REFUSED
    for id_, value in pairs:
        for row in PARAMETERS:
            if row[0] == id_:
                params.set(row[1], value)
    return TAKEN


class Counters:
    """What the car has counted in its life: metres, charge, energy, time, keys.

    energy_wh is what the pack gave over all, net of regeneration; it grows by
    the present trip's energy when counters are read from the loop.
    """

    FORMAT = "<IIiiIHHII"
    # The attributes in the order of FORMAT.
    NAMES = (
        "odometer_m",
        "trip_m",
        "trip_mwh",
        "energy_wh",
        "left_mah",
        "uncertainty_permille",
        "consumption_wh_km",
        "operating_s",
        "key_cycles",
    )
    SIZE = const(32)

    def __init__(self) -> None:
        self.odometer_m = 0
        self.trip_m = 0
        self.trip_mwh = 0
        self.energy_wh = 0
        self.left_mah = 0
        self.uncertainty_permille = 1000
        self.consumption_wh_km = 0
        self.operating_s = 0
        self.key_cycles = 0

    def pack_into(self, buffer: bytearray, at: int) -> None:
        """Write SIZE bytes into buffer; the buffer is the caller's, this runs every second."""
        values = [getattr(self, name) for name in Counters.NAMES]
        struct.pack_into(Counters.FORMAT, buffer, at, *values)

    def unpack(self, payload: "bytes | bytearray") -> bool:
        """Take all values, or none where one is impossible."""
        values = struct.unpack(Counters.FORMAT, fitted(payload, Counters.SIZE))
        for value in values:
            if not -_HALF_INTEGER <= value <= _HALF_INTEGER:
                return False
        if values[5] > 1000:
            return False
        for i, name in enumerate(Counters.NAMES):
            setattr(self, name, values[i])
        return True

    def read(self, energy: Energy, operating_s: int) -> None:
        """Take what the loop has counted; the odometer never goes backwards."""
        if energy.odometer_m > self.odometer_m:
            self.odometer_m = energy.odometer_m
        if operating_s > self.operating_s:
            self.operating_s = operating_s
        # Euclid's remainder, also where regeneration made it negative.
        self.energy_wh += (energy.trip_mwh - self.trip_mwh) // 1000
        self.trip_mwh += (energy.trip_mwh - self.trip_mwh) // 1000 * 1000
        self.trip_m = energy.trip_m
        self.left_mah = energy.left_mah
        self.uncertainty_permille = energy.soc_uncertainty_permille
        self.consumption_wh_km = energy.consumption_wh_km


def fitted(payload: "bytes | bytearray", size: int) -> bytes:
    """Return payload at exactly size bytes: newer fields cut off, missing ones zero."""
    return bytes(payload[:size]) + bytes(max(0, size - len(payload)))


class History:
    """When each row of the fault table was confirmed first and last, in operating seconds.

    Both are 0 for never. look() is called now and then with the loop's faults and
    finds what was confirmed since by its count.
    """

    def __init__(self) -> None:
        rows = WORDS * WORD_SHIFT
        self.first_s = array("i", [0] * rows)
        self.last_s = array("i", [0] * rows)
        self._counts = array("H", [0] * rows)

    def look(self, faults: Faults, operating_s: int) -> bool:
        """Note what was confirmed or cleared; whether anything was."""
        second = operating_s if operating_s > 0 else 1
        changed = False
        counts = faults.counts
        for number in range(WORDS * WORD_SHIFT):
            count = counts[number]
            if count != self._counts[number]:
                changed = True
                self._counts[number] = count
                self.last_s[number] = second if count else 0
                if not count or not self.first_s[number]:
                    self.first_s[number] = second if count else 0
        return changed

    def restore(self, number: int, count: int, first_s: int, last_s: int) -> None:
        """Go on from what a record says of one row."""
        self._counts[number] = count
        self.first_s[number] = first_s
        self.last_s[number] = last_s


_ENTRY = "<BBHII"
_ENTRY_BYTES = const(12)
_FRAME_BYTES = 1 + 2 * FIELD_COUNT * FRAME_ROWS


def pack_faults(faults: Faults, recorder: Recorder, history: History) -> bytearray:
    """Return every stored row with its count and times, and every whole freeze frame, by id."""
    rows = [n for n in range(WORDS * WORD_SHIFT) if faults.counts[n] or _is_stored(faults, n)]
    frames = [i for i in range(FRAMES) if recorder.numbers[i] >= 0 and recorder.ready >> i & 1]
    payload = bytearray(4 + _ENTRY_BYTES * len(rows) + _FRAME_BYTES * len(frames))
    struct.pack_into("<BBBB", payload, 0, len(rows), len(frames), FIELD_COUNT, FRAME_ROWS)
    at = 4
    for n in rows:
        struct.pack_into(
            _ENTRY,
            payload,
            at,
            TABLE[n // WORD_SHIFT][n % WORD_SHIFT][0],
            1 if _is_stored(faults, n) else 0,
            faults.counts[n],
            history.first_s[n],
            history.last_s[n],
        )
        at += _ENTRY_BYTES
    for i in frames:
        n = recorder.numbers[i]
        payload[at] = TABLE[n // WORD_SHIFT][n % WORD_SHIFT][0]
        values = recorder.frames[i]
        for k in range(FIELD_COUNT * FRAME_ROWS):
            struct.pack_into("<h", payload, at + 1 + 2 * k, values[k])
        at += _FRAME_BYTES
    return payload


def unpack_faults(payload: bytes, faults: Faults, recorder: Recorder, history: History) -> int:
    """Take what is stored, into parts that were just made; ids without a row are ignored."""
    if len(payload) < 4:
        return REFUSED
    count, frame_count, fields, rows = struct.unpack("<BBBB", payload[:4])
    frame_bytes = 1 + 2 * fields * rows
    frames_at = 4 + _ENTRY_BYTES * count
    if len(payload) < frames_at + frame_bytes * frame_count:
        return REFUSED
    for at in range(4, frames_at, _ENTRY_BYTES):
        id_, stored, times, first_s, last_s = struct.unpack(
            _ENTRY, payload[at : at + _ENTRY_BYTES]
        )
        n = row_number(id_)
        if n >= 0 and first_s <= _HALF_INTEGER and last_s <= _HALF_INTEGER:
            faults.counts[n] = times
            if stored:
                faults.stored[n // WORD_SHIFT] |= 1 << n % WORD_SHIFT
            history.restore(n, times, first_s, last_s)
    if fields == FIELD_COUNT and rows == FRAME_ROWS:
        for i in range(min(frame_count, FRAMES)):
            _unpack_frame(payload, frames_at + i * frame_bytes, recorder, i)
    return TAKEN


def _unpack_frame(payload: bytes, at: int, recorder: Recorder, i: int) -> None:
    n = row_number(payload[at])
    if n < 0:
        return
    recorder.numbers[i] = n
    recorder.ready |= 1 << i
    values = recorder.frames[i]
    for k in range(FIELD_COUNT * FRAME_ROWS):
        values[k] = struct.unpack("<h", payload[at + 1 + 2 * k : at + 3 + 2 * k])[0]


def _is_stored(faults: Faults, number: int) -> bool:
    return bool(faults.stored[number // WORD_SHIFT] >> number % WORD_SHIFT & 1)


def row_number(id_: int) -> int:
    """Return the row number of a fault's id, or -1 where the table has none."""
    for word in range(WORDS):
        for i in range(len(TABLE[word])):
            if TABLE[word][i][0] == id_:
                return word * WORD_SHIFT + i
    return -1
