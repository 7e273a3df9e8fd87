"""Records: what is written down of parameters and counters, and what is believed of it.

A payload only ever grows at its end: a shorter one, of older firmware, reads as
if zeros followed. Whatever else changes takes a new version, and the unpack
function that meets an older one converts it first. Rows are kept by their ids,
which are never reused, so that a table may be reordered. Everything is checked
before anything is taken.
"""

import struct
from binascii import crc32

from micropython import const

from vcu.energy import Energy
from vcu.faults import DERATE, TABLE, WORDS, Faults
from vcu.params import TABLE as PARAMETERS
from vcu.params import Params

# name of each record, and the newest version of its payload that this firmware reads
PARAMS = "params"
ODOMETER = "odometer"
BOOT = "boot"
PARAMS_VERSION = const(1)
ODOMETER_VERSION = const(1)

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

    lit_m are the metres with a malfunction lamp lit since a person cleared the
    faults at cleared_m; is_lit says that it is. energy_wh is what the pack gave
    over all, net of regeneration; it grows by the present trip's energy when
    counters are read from the loop.
    """

    FORMAT = "<IIiiIHHIIII"
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
        "lit_m",
        "cleared_m",
    )
    SIZE = const(40)

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
        self.lit_m = 0
        self.cleared_m = 0
        self.is_lit = False

    def pack_into(self, buffer: bytearray, at: int) -> None:
        """Write SIZE bytes into buffer; the buffer is the caller's, this runs every second."""
        values = [getattr(self, name) for name in Counters.NAMES]
        struct.pack_into(Counters.FORMAT, buffer, at, *values)

    def take(self, other: "Counters") -> None:
        """Take all values of another."""
        for name in Counters.NAMES:
            setattr(self, name, getattr(other, name))

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

    def clear(self) -> None:
        """A person has cleared the faults, at the metre that was read last."""
        self.lit_m = 0
        self.cleared_m = self.odometer_m

    def read(self, energy: Energy, operating_s: int) -> None:
        """Take what the loop has counted; the odometer never goes backwards."""
        if energy.odometer_m > self.odometer_m:
            if self.is_lit:
                self.lit_m += energy.odometer_m - self.odometer_m
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


def lamp_is_lit(faults: Faults) -> bool:
    """Return whether a row is active that stops, slows or weakens the car."""
    for word in range(WORDS):
        bits = faults.active[word]
        rows = TABLE[word]
        row = 0
        while bits:
            if bits & 1 and rows[row][3] <= DERATE:
                return True
            bits >>= 1
            row += 1
    return False


def fitted(payload: "bytes | bytearray", size: int) -> bytes:
    """Return payload at exactly size bytes: newer fields cut off, missing ones zero."""
    return bytes(payload[:size]) + bytes(max(0, size - len(payload)))
