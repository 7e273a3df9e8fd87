"""OBD modes: what each mode of SAE J1979 answers, as the bytes of one message.

A request that is not supported has no answer at all, as on a real bus, where a
control unit that cannot answer is silent. Nothing is written from here but by
mode 04, which asks the desk to clear the faults, as a person at the console
does, and is refused while the car could move.
"""

import struct
from binascii import crc32

from micropython import const

from service.desk import NOTHING, Desk
from service.obd_pids import Picture, code_of, put
from vcu.faults import TABLE, WORD_SHIFT, WORDS
from vcu.params import TABLE as PARAMETERS

# Every row of the fault table, two bytes each, fits.
PAYLOAD_BYTES = const(208)
REQUEST_BYTES = const(7)

_POSITIVE = const(0x40)
_NEGATIVE = const(0x7F)
_BUSY = const(0x21)
_NOT_NOW = const(0x22)
_FLASH_REFUSED = const(0x72)
_CODES_A_PIECE = const(4)
_PARAMETERS_A_PIECE = const(2)

# Mode 09: what is asked for, and its bytes after the count of items.
_VIN = const(2)
_CALIBRATION = const(4)
_VERIFICATION = const(6)
_UNIT_NAME = const(10)
_VIN_BYTES = const(17)
_CALIBRATION_BYTES = const(16)
# Its short name and its name, as J1979 has them for a drive motor's control unit.
_UNIT = b"DMCM\0-DriveMotorCtrl"


class ObdModes:
    """payload[:size] is the answer to the last request, size 0 where there is none."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._picture = Picture(desk)
        self._row = bytearray(6)  # id and value of a parameter
        self.payload = bytearray(PAYLOAD_BYTES)
        self.size = 0

    def answer(self, request: "bytes | bytearray", count: int):
        """Return the generator that answers request[:count], 1 to 7 bytes, a piece at a time."""
        mode = request[0]
        faults = self._desk.loop.faults
        self.size = 0
        self.payload[0] = mode + _POSITIVE & 0xFF
        if mode == 1:
            return self._live(request, count)
        if mode == 2:
            return self._frozen(request, count)
        if mode == 3:
            return self._list(faults.stored)
        if mode == 4:
            return self._clear()
        if mode == 7:
            return self._list(faults.pending)
        if mode == 9 and count > 1:
            return self._identify(request[1])
        if mode == 10:
            return self._list(faults.permanent)
        return iter(())

    def _live(self, request: "bytes | bytearray", count: int):
        """Answer up to six PIDs at once; those that there are not are left out."""
        at = 1
        for i in range(1, count):
            self._picture.look()
            begin = at
            self.payload[at] = request[i]
            at = put(self._picture, request[i], self.payload, at + 1)
            if at == begin + 1:
                at = begin
            yield
        if at > 1:
            self.size = at

    def _frozen(self, request: "bytes | bytearray", count: int):
        """Answer pairs of PID and frame; a frame that is left away is the first."""
        at = 1
        for i in range(1, count, 2):
            pid = request[i]
            frame = request[i + 1] if i + 1 < count else 0
            self._picture.recall(frame)
            # With no frame stored, what there is to know is that there is none.
            is_told = self._picture.number >= 0 or pid == 2 or pid == 0
            begin = at
            self.payload[at] = pid
            self.payload[at + 1] = frame
            if is_told:
                at = put(self._picture, pid, self.payload, at + 2)
            if at <= begin + 2:
                at = begin
            yield
        if at > 1:
            self.size = at

    def _list(self, words: "list[int]"):
        """Answer the codes of the bits in words, their number first."""
        payload = self.payload
        count = 0
        for word in range(WORDS):
            bits = words[word]
            for row in range(len(TABLE[word])):
                if bits >> row & 1:
                    code = code_of(word * WORD_SHIFT + row)
                    payload[2 + 2 * count] = code >> 8
                    payload[3 + 2 * count] = code & 0xFF
                    count += 1
                    if count % _CODES_A_PIECE == 0:
                        yield
            yield
        payload[1] = count
        self.size = 2 + 2 * count

    def _clear(self):
        """Have the faults cleared, if nothing moves and nothing could; wait until it is done.

        It needs no key: a scan tool has none. What it cannot clear are the permanent codes.
        """
        desk = self._desk
        if not desk.is_parked():
            self._refuse(_NOT_NOW)
            return
        if desk.wanted != NOTHING:
            self._refuse(_BUSY)
            return
        desk.request_clear()
        for _ in desk.until_done():
            yield
        if desk.wanted != NOTHING:
            self._refuse(_BUSY)
        elif desk.trouble:
            self._refuse(_FLASH_REFUSED if desk.is_parked() else _NOT_NOW)
        else:
            self.size = 1

    def _refuse(self, reason: int) -> None:
        payload = self.payload
        payload[1] = payload[0] - _POSITIVE
        payload[0] = _NEGATIVE
        payload[2] = reason
        self.size = 3

    def _identify(self, what: int):
        """Answer who this is: car, firmware, what its parameters sum up to, control unit."""
        desk = self._desk
        self.payload[1] = what
        self.payload[2] = 1
        vin = desk.vault.identity.vin.encode()
        if what == 0:
            self._put_supported(len(vin) == _VIN_BYTES)
        elif what == _VIN:
            if len(vin) == _VIN_BYTES:
                self._put_item(vin, _VIN_BYTES)
        elif what == _CALIBRATION:
            # The version first: the most used tool strips 0, 1 and 2 off the end of a text.
            self._put_item((desk.identity[1] + "-LSEV").encode(), _CALIBRATION_BYTES)
        elif what == _VERIFICATION:
            total = crc32(desk.identity[1].encode())
            for i in range(len(PARAMETERS)):
                row = PARAMETERS[i]
                struct.pack_into("<Hi", self._row, 0, row[0], desk.params.get(row[1]))
                total = crc32(self._row, total)
                if i % _PARAMETERS_A_PIECE == 0:
                    yield
            self._put_item(total.to_bytes(4, "big"), 4)
        elif what == _UNIT_NAME:
            self._put_item(_UNIT, len(_UNIT))
        yield

    def _put_supported(self, has_vin: bool) -> None:
        bits = 0
        for what in (_CALIBRATION, _VERIFICATION, _UNIT_NAME):
            bits |= 0x8000 >> what - 1
        if has_vin:
            bits |= 0x8000 >> _VIN - 1
        self.payload[2] = bits >> 8
        self.payload[3] = bits & 0xFF
        self.payload[4] = 0
        self.payload[5] = 0
        self.size = 6

    def _put_item(self, data: bytes, size: int) -> None:
        """Write one item of a fixed size; zeros fill what is left of it."""
        for i in range(size):
            self.payload[3 + i] = data[i] if i < len(data) else 0
        self.size = 3 + size
