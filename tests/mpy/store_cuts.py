"""Store cuts: all records on a real littlefs in RAM, the supply cut at every flash operation.

    micropython -X heapsize=32m store_cuts.py CUTS [SEED]

For 64-bit MicroPython with VfsLfs2. What is written is what the firmware's own
keeper writes: at a first start, for parameters that were saved (with their entry in
the change log), at key-off (odometer and boot record), for faults with their freeze
frames, for a charge a copy at a time, for an identity, and at the first key-off
after an update that reads older versions of records. Each program and erase
operation of it is cut, before, in the middle of its bytes and after. From each of
these the board must start without a loss; a record that was committed by then must
be there or a later one, byte by byte. While parameters are saved, the start and the
saving that follow a cut are cut again, at each of their operations. Prints

    cuts DISTINCT pairs PAIRS images IMAGES histories HISTORIES ms MILLISECONDS
"""

import gc
import struct
import sys
import time

import vfs
from car import make_scaling
from ram_flash import GEOMETRIES, Flash, Image, Random, Tally, cuts_of

from service import charge_record, fault_record, records, store, vault
from service.boot_record import BootRecord, NullMemory
from service.keeper import Keeper, system_bit
from service.store import Store
from vcu.loop import Loop
from vcu.preset import Preset
from vcu.recorder import FRAME_ROWS

_MOUNT = "/cut"
_ROOT = _MOUNT + "/records"
_POWER_ON = 1
_SLICE_MS = 10
_PRESET = {"speed_cap_kmh": 45}
_MARK = records.preset_mark(_PRESET)
# More than any number that is used, so that whatever is kept is looked at.
_ANY_VERSION = 0xFFFF
NAMES = (
    (charge_record.NAME, records.ODOMETER, fault_record.NAME)
    + vault.NAMES
    + (records.PARAMS, records.BOOT)
)
# Of service/record_copy.py, in its order.
STATUS_NAMES = ("ok", "busy", "missing", "damaged", "future", "failed")
# Bits that a start after a cut may have; any other is a loss.
_CUT_BITS = system_bit("supply_lost")
# Of version 1 of the faults: rows 11 (twice), 55 and 94, no frames.
_FAULTS_1 = (
    b"\x03\x00\x0c\x15"
    b"\x0b\x01\x02\x00\x64\x00\x00\x00\x66\x00\x00\x00"
    b"\x37\x00\x01\x00\x67\x00\x00\x00\x67\x00\x00\x00"
    b"\x5e\x01\x01\x00\x65\x00\x00\x00\x65\x00\x00\x00"
)
_ODOMETER_1 = "<IIiiIHHII"


class Entry:
    """A record that was begun when so many operations were done, and committed, -1 for never."""

    def __init__(self, content, begun, committed):
        self.content = content
        self.begun = begun
        self.committed = committed


class Notes:
    """What of each record may be found: contents are version and payload, None for none."""

    def __init__(self, contents):
        self.entries = {name: [Entry(contents[name], 0, 0)] for name in NAMES}

    def may_be(self, name, content, done):
        """Return whether content is allowed when so many operations were done."""
        entries = self.entries[name]
        i = len(entries) - 1
        while i >= 0:
            entry = entries[i]
            if entry.begun <= done and entry.content == content:
                return True
            if 0 <= entry.committed <= done:
                return False
            i -= 1
        return False


class NotingStore(Store):
    """A store that notes when a record was begun, and when it said that it is kept."""

    def __init__(self, root, flash, notes):
        super().__init__(root, None, flash)
        self._flash = flash
        self._notes = notes
        self._entry = None

    def begin(self, name, version, payload):
        super().begin(name, version, payload)
        self._entry = Entry((version, bytes(payload)), len(self._flash.log), -1)
        self._notes.entries[name].append(self._entry)

    def step(self):
        status = super().step()
        if status == store.OK and self._entry is not None:
            self._entry.committed = len(self._flash.log)
            self._entry = None
        elif status == store.FAILED:
            raise ValueError("a write failed without a cut")
        return status


class Run:
    """One run of the firmware's start and its keeper, without the loop's own steps."""

    def __init__(self, kept):
        self.keeper = Keeper(kept, BootRecord(NullMemory()))
        self.keeper.load_boot(_POWER_ON)
        self.params = Preset(_PRESET)
        self.keeper.load_params(self.params, _MARK)
        self.loop = Loop(make_scaling(), self.params)
        self.keeper.restore(self.loop)
        self.keeper.start()
        if self.loop.system_bits & ~_CUT_BITS:
            raise ValueError("a start told a loss: " + hex(self.loop.system_bits))

    def settle(self):
        """Parked, until all is written."""
        for _ in range(400):
            self.keeper.step(self.loop, True, _SLICE_MS)
            if not self.keeper.is_busy():
                return
        raise ValueError("the keeper does not come to an end")

    def drive(self, metres):
        """A drive, without a word to flash, and the key off at its end."""
        loop = self.loop
        loop.raw.key_on = 1
        self.keeper.step(loop, False, _SLICE_MS)
        loop.energy.odometer_m += metres
        loop.operating_s += 60
        for _ in range(2):
            self.keeper.step(loop, False, 1000)
        loop.raw.key_on = 0
        self.settle()


class Life:
    """One board: its flash, and the contents of each record that is sure."""

    def __init__(self, geometry, seed, tally):
        blocks, self.block_bytes = geometry
        self.random = Random(seed)
        self.tally = tally
        self.data = bytearray(b"\xff" * (blocks * self.block_bytes))
        self._scratch = bytearray(self.data)
        self._again = bytearray(self.data)
        vfs.VfsLfs2.mkfs(Flash(self.data, self.block_bytes))
        self.contents = {name: None for name in NAMES}

    def mounted(self, data, act, log=None, read_bytes=32):
        """Mount data as the flash, do act(flash), and take it away again.

        read_bytes is MicroPython's own; a look that writes nothing is quicker with more.
        """
        flash = Flash(data, self.block_bytes, log)
        vfs.mount(vfs.VfsLfs2(flash, readsize=read_bytes), _MOUNT)
        try:
            return act(flash)
        finally:
            vfs.umount(_MOUNT)
            flash.is_dead = True

    def change(self, act, is_paired=False):
        """Start and do act(run) for good, and check the flash at each cut of both."""
        image = Image(self.data, self.block_bytes)
        notes = Notes(self.contents)
        log = []
        self.mounted(self.data, lambda flash: act(Run(NotingStore(_ROOT, flash, notes))), log)
        for done, is_new in cuts_of(image, log, self.random, self.tally):
            if not is_new:
                continue
            found = self.check(image.data, notes, done)
            if is_paired:
                self.cut_again(image, act, found)
            else:
                self._scratch[:] = image.data
                self.mounted(self._scratch, lambda _: Run(Store(_ROOT)))
        self.contents = self.check(self.data, notes, len(log))

    def cut_again(self, image, act, contents):
        """Start from the image, do act once more, and check each cut of that."""
        again = Image(image.data, self.block_bytes)
        notes = Notes(contents)
        log = []
        self._again[:] = image.data
        self.mounted(self._again, lambda flash: act(Run(NotingStore(_ROOT, flash, notes))), log)
        for done, is_new in cuts_of(again, log, self.random, self.tally, True):
            if is_new:
                self.check(again.data, notes, done)

    def check(self, data, notes, done):
        """Return what is found of each record; raise where it is not what it may be."""
        return self.mounted(data, lambda _: found_in(notes, done), None, self.block_bytes // 4)


def found_in(notes, done):
    files = Store(_ROOT)
    contents = {}
    for name in NAMES:
        status = files.read(name, _ANY_VERSION)
        content = None if status == store.MISSING else (files.version, files.payload)
        if status not in (store.OK, store.MISSING) or files.damaged_copies:
            raise ValueError(name + " is " + STATUS_NAMES[status])
        if not notes.may_be(name, content, done):
            raise ValueError(name + " is neither the old nor the new one")
        contents[name] = content
    return contents


def save_params(number):
    """Return what changes parameters and saves them, as `set` and `save` do."""

    def act(run):
        run.params.set("speed_cap_kmh", 40 + number % 17)
        run.params.set("torque_fall_permille_s", 10000 + number)
        run.keeper.save_params()
        run.settle()

    return act


def store_faults(number):
    """Return a drive in which faults come, with freeze frames."""

    def act(run):
        loop = run.loop
        for i in range(1 + number % 5):
            row = (number * 7 + i * 5) % 15
            loop.faults.recall(row)
            loop.recorder.freeze(row, loop.sig, 4, 2, number % 1000)
            for _ in range(FRAME_ROWS + 1):
                loop.recorder.step()
        run.drive(number)

    return act


def charge(number):
    """Return a piece of a charge: one copy as it flows on, both for a change."""

    def act(run):
        run.loop.charge.session.total_s += number
        run.loop.charge.session.in_mah += number
        run.loop.charge.session.changes += 1
        run.keeper.save_charge()
        run.settle()

    return act


def provision(number):
    """Return what gives the board an identity."""

    def act(run):
        identity = run.keeper.vault.identity
        keys = [bytes([number % 200 + i + k for i in range(32)]) for k in range(2)]
        identity.take("LS-" + str(number), "L5XAB3CD4EF567890", keys[0], keys[1])
        identity.take_wheel(1500, 6)
        run.keeper.save_identity()
        run.settle()

    return act


def put_older(life, number):
    """Have both copies of faults and odometer as earlier firmware wrote them."""
    metres = 0
    if life.contents[records.ODOMETER] is not None:
        metres = struct.unpack("<I", life.contents[records.ODOMETER][1][:4])[0]
    counted = (metres + 1, number, -3, 5, 9000, 300, 60, 70 + number, 9)

    def act(_):
        files = Store(_ROOT)
        for _ in range(2):
            files.write(fault_record.NAME, 1, _FAULTS_1)
            files.write(records.ODOMETER, 1, struct.pack(_ODOMETER_1, *counted))

    life.mounted(life.data, act)
    notes = Notes(life.contents)
    for name, payload in (
        (fault_record.NAME, _FAULTS_1),
        (records.ODOMETER, struct.pack(_ODOMETER_1, *counted)),
    ):
        notes.entries[name] = [Entry((1, payload), 0, 0)]
    life.contents = life.check(life.data, notes, 0)


def run_board(life, cuts):
    """Bring a board through its years until it was cut that often."""
    number = 0
    while life.tally.distinct < cuts:
        number += 1 + life.random.below(3)
        put_older(life, number)
        life.change(store_faults(number + 1))
        life.change(lambda run: None)
        life.change(save_params(number), True)
        life.change(lambda run, n=number: run.drive(n))
        life.change(charge(number))
        life.change(store_faults(number))
        if number % 3 == 0:
            life.change(provision(number))
        gc.collect()


def main(arguments):
    """Cut that many times, half of them in each geometry."""
    began = time.ticks_ms()
    cuts = int(arguments[0])
    tally = Tally()
    for i in range(len(GEOMETRIES)):
        seed = int(arguments[1]) if len(arguments) > 1 else 1
        run_board(Life(GEOMETRIES[i], seed, tally), cuts * (i + 1) // len(GEOMETRIES))
    tally.print(time.ticks_diff(time.ticks_ms(), began))


if __name__ == "__main__":
    main(sys.argv[1:])
