"""Store wear: how often a year of use erases each block, counted on a real littlefs.

    micropython -X heapsize=32m store_wear.py DAYS

For 64-bit MicroPython with VfsLfs2, blocks of 4 KiB, 2 MB of which the program has
half. A day is what the budget in firmware/service/keeper.py says: it is written by the
firmware's own keeper, only that a charge's minutes follow each other at once. Prints

    days DAYS writes WRITES erases ERASES worst WORST root ROOT ms MILLISECONDS

WRITES counts copies of records, WORST is how often the block was erased that was
erased most, and ROOT how often the two blocks of the root were.
"""

import sys
import time
from array import array

import vfs
from ram_flash import Flash
from store_cuts import Run, save_params, store_faults

from service import charge_record
from service.store import OK, Store

_MOUNT = "/cut"
_ROOT = _MOUNT + "/records"
_BLOCKS = 512
_BLOCK_BYTES = 4096
_PROGRAM_BYTES = 1 << 20
DRIVES = 10
STOPS = 30
CHARGE_MINUTES = 720
CHARGE_CHANGES = 10


class Car:
    """A car that is used day by day."""

    def __init__(self):
        self.erases = array("I", [0] * _BLOCKS)
        self.writes = 0
        data = bytearray(b"\xff" * (_BLOCKS * _BLOCK_BYTES))
        self._flash = Flash(data, _BLOCK_BYTES, erases=self.erases)
        vfs.VfsLfs2.mkfs(self._flash)
        vfs.mount(vfs.VfsLfs2(self._flash), _MOUNT)
        with open(_MOUNT + "/program", "wb") as file:
            for _ in range(_PROGRAM_BYTES // _BLOCK_BYTES):
                file.write(bytes(_BLOCK_BYTES))
        # What flashing erases is not the records'.
        for block in range(_BLOCKS):
            self.erases[block] = 0

    def live(self, day):
        """A day: drives with stops in them, and a night at the socket, each after a start."""
        for i in range(DRIVES):
            run = self._start()
            run.loop.raw.key_on = 1
            run.keeper.step(run.loop, False, 10)
            for _ in range(STOPS // DRIVES):
                run.loop.energy.odometer_m += 500
                run.loop.operating_s += 60
                stop(run)
            if i == 0 and day % 7 == 0:
                save_params(day)(run)
                store_faults(day)(run)
            else:
                run.drive(500)
            self.writes += run.keeper.store.writes
        run = self._start()
        files = run.keeper.store
        for minute in range(CHARGE_MINUTES + 2 * CHARGE_CHANGES):
            run.loop.charge.session.total_s = minute
            payload = charge_record.pack(run.loop.charge, run.loop.operating_s, 150)
            if files.write(charge_record.NAME, charge_record.VERSION, payload) != OK:
                raise ValueError("a write failed")
        self.writes += files.writes

    def _start(self):
        vfs.umount(_MOUNT)
        vfs.mount(vfs.VfsLfs2(self._flash), _MOUNT)
        return Run(Store(_ROOT, None, self._flash))


def stop(run):
    """A stop in neutral, long enough to be written."""
    for _ in range(11):
        run.keeper.step(run.loop, True, 1000)
    while run.keeper.is_busy():
        run.keeper.step(run.loop, True, 10)
    run.keeper.step(run.loop, False, 60000)


def main(arguments):
    began = time.ticks_ms()
    car = Car()
    days = int(arguments[0])
    for day in range(days):
        car.live(day)
    ms = time.ticks_diff(time.ticks_ms(), began)
    print(
        "days", days, "writes", car.writes, "erases", sum(car.erases),
        "worst", max(car.erases), "root", sum(car.erases[:2]), "ms", ms,
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
