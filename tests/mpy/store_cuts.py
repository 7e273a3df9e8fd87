"""Store cuts: the record store on a real littlefs in RAM, its supply cut at every flash operation.

    store_cuts.py CUTS [SEED]

For 64-bit MicroPython with VfsLfs2. A life mounts the flash, checks what is
kept, then saves; at its chosen program or erase operation the supply goes, in
the middle of the bytes. Every record must then be the old one or the new one,
and a number that only grew must not have shrunk; the charge's is a real one, and
is written a copy at a time in between, as it is while current flows. Prints
`cuts CUTS saves SAVES operations DISTINCT`; DISTINCT is the number of different
operations of a life at which it was cut.
"""

import errno
import gc
import struct
import sys

import vfs

from service import charge_record, store
from service.charge_record import Moment
from service.store import Store
from vcu.charge.session import FIELDS, Session

_BLOCKS = 64
_BLOCK_BYTES = 512
_MOUNT = "/cut"
_NAMES = ("charge", "odometer", "faults", "params", "boot")
_SIZES = (charge_record.SIZE, 32, 700, 350, 20)
_CHARGE = 0


class Flash:
    """One life of the flash chip: `data` outlives it; after operation number cut it is dead.

    A new object for each life, because a file that could not be closed is closed
    again by a later collection, and must then write nothing.
    """

    def __init__(self, data, cut, torn):
        self.data = data
        self.left = cut
        self.torn = torn
        self.is_dead = False

    def readblocks(self, block, buffer, offset=0):
        if self.is_dead:
            return -errno.EIO
        at = block * _BLOCK_BYTES + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        at = block * _BLOCK_BYTES + offset
        return self._change(at, buffer)

    def _change(self, at, buffer):
        if self.is_dead:
            return -errno.EIO
        size = len(buffer)
        self.left -= 1
        if self.left == 0:
            self.is_dead = True
            size = size * self.torn // 4
        self.data[at : at + size] = memoryview(buffer)[:size]
        # A positive number would be taken for success.
        return -errno.EIO if self.is_dead else 0

    def ioctl(self, op, arg):
        if op == 4:
            return _BLOCKS
        if op == 5:
            return _BLOCK_BYTES
        if op == 6:
            return self._change(arg * _BLOCK_BYTES, b"\xff" * _BLOCK_BYTES)
        return 0


def payload_of(which, number):
    """Return a payload that says which record it is, and the how-manieth."""
    if which == _CHARGE:
        return charge_of(number)
    size = _SIZES[which]
    head = struct.pack("<II", which, number)
    return head + bytes((number * 7 + i) & 255 for i in range(size - len(head)))


# Of a charge's fields, those that are not just the number.
_OTHERS = (
    ("phase", 3),
    ("is_full", 0),
    ("is_cold", 0),
    ("is_hot", 0),
    ("equalize_armed", 0),
    ("is_unconfirmed", 0),
    ("faults", 5),
    ("target_permille", 900),
    ("rested_cv", 6300),
)


def charge_of(number):
    """Return a session whose clocks and charge have all grown to number, current flowing."""
    values = [number] * len(FIELDS)
    for name, value in _OTHERS:
        values[FIELDS.index(name)] = value
    return struct.pack("<IIHH" + str(len(values)) + "i", number, number, 50, 150, *values)


def number_of(which, payload):
    """Return the how-manieth a payload is; for a charge, after the car has taken it."""
    if which != _CHARGE:
        return struct.unpack("<II", payload[:8])[1]
    session = Session()
    moment = Moment()
    if not charge_record.unpack(payload, session, moment):
        raise ValueError("the charge is refused")
    # A minute may be lost, and counts as charged.
    if session.total_s != moment.operating_s + 60 or session.absorb_s != moment.operating_s:
        raise ValueError("the charge's clocks went back")
    return moment.left_mah


class Lives:
    """The flash, and what each record may be."""

    def __init__(self, seed):
        self.data = bytearray(b"\xff" * (_BLOCKS * _BLOCK_BYTES))
        vfs.VfsLfs2.mkfs(Flash(self.data, -1, 0))
        self.state = seed
        self.kept = [0] * len(_NAMES)  # the number of each record that is sure, 0 for none
        self.saves = 0
        self.cut_at = set()

    def below(self, limit):
        """Return 0 .. limit - 1, the same on every run."""
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit

    def check(self, first, last):
        """Mount without a cut; each record is the old one, or one of first .. last."""
        vfs.mount(vfs.VfsLfs2(Flash(self.data, -1, 0)), _MOUNT)
        files = Store(_MOUNT + "/records")
        for which in range(len(_NAMES)):
            status = files.read(_NAMES[which], 1)
            old = self.kept[which]
            if status == store.MISSING and old == 0:
                continue
            if status != store.OK or files.damaged_copies:
                raise ValueError(_NAMES[which] + " " + store.STATUS_NAMES[status])
            found = number_of(which, files.payload)
            is_known = found == old or first <= found <= last
            if not is_known or files.payload != payload_of(which, found):
                raise ValueError(_NAMES[which] + " is neither the old nor the new one")
            self.kept[which] = found
        vfs.umount(_MOUNT)

    def live(self, number, cut):
        """Save the records until operation `cut` kills the flash; False when it never came."""
        flash = Flash(self.data, cut, self.below(5))
        try:
            vfs.mount(vfs.VfsLfs2(flash), _MOUNT)
            files = Store(_MOUNT + "/records")
            for which in range(len(_NAMES)):
                for _ in range(2):
                    status = files.write(_NAMES[which], 1, payload_of(which, number))
                    if status == store.OK:
                        self.saves += 1
                        self.kept[which] = number
                    elif not flash.is_dead:
                        raise ValueError("a write failed without a cut")
                if which < 3 and files.write("charge", 1, charge_of(number)) == store.OK:
                    self.saves += 1
                    self.kept[_CHARGE] = number
        except OSError:
            if not flash.is_dead:
                raise
        flash_died = flash.is_dead
        flash.is_dead = True
        try:
            vfs.umount(_MOUNT)
        except OSError:
            pass
        if flash_died:
            self.cut_at.add(cut)
        return flash_died


def main(arguments):
    """Cut that many times."""
    lives = Lives(int(arguments[1]) if len(arguments) > 1 else 1)
    cuts = int(arguments[0])
    done = 0
    number = 0
    cut = 0
    while done < cuts:
        number += 1
        first = number
        cut += 1
        if lives.live(number, cut):
            done += 1
            if lives.below(8) == 0:
                # The next life is cut too, before anything has been put right.
                number += 1
                lives.live(number, 1 + lives.below(60))
                done += 1
        else:
            cut = lives.below(3)
        lives.check(first, number)
        if done % 64 == 0:
            gc.collect()
    print("cuts", done, "saves", lives.saves, "operations", len(lives.cut_at))


if __name__ == "__main__":
    main(sys.argv[1:])
