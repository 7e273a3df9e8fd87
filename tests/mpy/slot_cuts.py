"""Slot cuts: two application slots on a real littlefs in RAM, the supply cut at every operation.

    micropython -X heapsize=8m slot_cuts.py CUTS [SEED]

For 64-bit MicroPython with VfsLfs2. Each program and erase operation of a first
flash, update, automatic fall-back, rollback, confirmation, counted start and
orderly end is recorded; then the flash is rebuilt as it was when the supply went
before the operation, in the middle of its bytes (a quarter, half, three quarters),
and after it. From each of these the selector must start the old or the new
version, whole. The changes of /slot are cut a second time, at every operation of
the start that follows. Histories (what was flashed before, and how large) go on
until CUTS; each is new. Prints

    cuts DISTINCT pairs PAIRS images IMAGES histories HISTORIES ms MILLISECONDS

DISTINCT counts history, operation and kind of cut; IMAGES the contents of the
flash that differ, by CRC-32 of all of it. What a cut leaves just as another one of
the same change did is started once.
"""

import errno
import gc
import json
import os
import sys
import time
from binascii import crc32, hexlify
from hashlib import sha256

import vfs

import selector
from service.slots import Slots

# blocks, and bytes of one: littlefs in its smallest form, and an ESP32's flash
_GEOMETRIES = ((64, 512), (24, 4096))
_MOUNT = "/cut"
_POWER_ON = 1
_WATCHDOG = 3
_BEFORE = 0
_AFTER = 4  # quarters of an operation that were done
_BOARD = "esp32_s3"


class Flash:
    """A flash chip over data; log takes every change of it, None for none."""

    def __init__(self, data, block_bytes, log):
        self.data = data
        self.block_bytes = block_bytes
        self.log = log
        self.is_dead = False
        self.left = -1  # operations until it dies

    def readblocks(self, block, buffer, offset=0):
        if self.is_dead:
            return -errno.EIO
        at = block * self.block_bytes + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        return self._change(block * self.block_bytes + offset, buffer)

    def _change(self, at, buffer):
        # A negative number: a positive one would be taken for success.
        if self.is_dead:
            return -errno.EIO
        self.left -= 1
        if self.left == 0:
            self.is_dead = True
            return -errno.EIO
        if self.log is not None:
            self.log.append((at, bytes(buffer)))
        self.data[at : at + len(buffer)] = buffer
        return 0

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // self.block_bytes
        if op == 5:
            return self.block_bytes
        if op == 6:
            return self._change(arg * self.block_bytes, b"\xff" * self.block_bytes)
        return 0


class Chip:
    """A chip that started for this cause."""

    def __init__(self, cause):
        self.cause = cause
        self.resets = 0

    def WDT(self, timeout):
        pass

    def reset_cause(self):
        return self.cause

    def reset(self):
        self.resets += 1


def quiet(*values):
    """Print nothing: a selector says something at every start."""


selector.print = quiet


def files_of(number, sizes):
    """Return the files of version 0.number.0; each byte tells which version it is of."""
    names = ("board.py", "main.mpy", "vcu/loop.mpy", "vcu/pedal.mpy")
    files = [(names[i], bytes([number]) * sizes[i]) for i in range(len(names))]
    rows = [[name, len(data), hexlify(sha256(data).digest()).decode()] for name, data in files]
    lines = "".join([row[0] + " " + str(row[1]) + " " + row[2] + "\n" for row in rows])
    manifest = {
        "version": version_of(number),
        "board": _BOARD,
        "vehicle": "v",
        "micropython_min": "1.26.0",
        "files": rows,
        "total": hexlify(sha256(lines.encode()).digest()).decode(),
    }
    files.append(("manifest.json", json.dumps(manifest).encode()))
    return files


def version_of(number):
    return "0." + str(number) + ".0"


def copy(slot, files):
    """Write files into a slot as mpremote does: in place, 256 bytes at a time."""
    made = []
    for name, data in files:
        path = _MOUNT + "/" + slot + "/" + name
        folder = path[: path.rfind("/")]
        if folder not in made and name.find("/") > 0:
            os.mkdir(folder)
            made.append(folder)
        with open(path, "wb") as file:
            for at in range(0, len(data), 256):
                file.write(data[at : at + 256])


def found_in(slot):
    """Return the number of the version that a slot has whole, judged without the selector."""
    folder = _MOUNT + "/" + slot + "/"
    with open(folder + "manifest.json", "rb") as file:
        manifest = json.loads(file.read())
    number = int(manifest["version"].split(".")[1])
    for name, size, _ in manifest["files"]:
        with open(folder + name, "rb") as file:
            if file.read() != bytes([number]) * size:
                raise ValueError(name + " is not of " + manifest["version"])
    return number


class Life:
    """One board: its flash, what it runs, and what it was brought up with before."""

    def __init__(self, geometry, seed):
        blocks, self.block_bytes = geometry
        self.data = bytearray(b"\xff" * (blocks * self.block_bytes))
        self.state = seed
        self.cuts = 0
        self.pairs = 0
        self.images = set()
        self.seen = set()
        self.histories = 0
        vfs.VfsLfs2.mkfs(Flash(self.data, self.block_bytes, None))

    def below(self, limit):
        """Return 0 .. limit - 1, the same on every run."""
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit

    def mounted(self, data, act, log=None, left=-1):
        """Return what act() returns with data as the flash; an object for each life of a chip."""
        flash = Flash(data, self.block_bytes, log)
        flash.left = left
        result = None
        try:
            vfs.mount(vfs.VfsLfs2(flash), _MOUNT)
            result = act()
        except OSError:
            if not flash.is_dead:
                raise
        finally:
            try:
                vfs.umount(_MOUNT)
            except OSError:
                pass
            # A file that is collected open must write nothing.
            flash.is_dead = True
        return result

    def change(self, act, numbers, pair_numbers=None, cause=_POWER_ON):
        """Do act for good, and check the flash at each cut of it: one of numbers must run.

        With pair_numbers also at each cut of the start that follows; a number may be 0,
        where there is no version yet.
        """
        image = bytearray(self.data)
        log = []
        refused = self.mounted(self.data, act, log)
        if refused:
            raise ValueError(refused)
        self.histories += 1
        self.seen.clear()
        for at, data in log:
            for quarters in range(_BEFORE, _AFTER + 1):
                size = len(data) * quarters // 4
                image[at : at + size] = data[:size]
                self.cuts += 1
                is_new = self.check(image, numbers, cause)
                if pair_numbers and is_new:
                    self.cut_again(image, pair_numbers, cause)
        if image != self.data:
            raise ValueError("the record of the operations is not what happened")

    def check(self, image, numbers, cause):
        """Choose from the image, without a write: what runs must be whole, and one of numbers.

        An image that was checked before in this change is not again; returns whether it is new.
        """
        mark = (crc32(image), cause, numbers)
        if mark in self.seen:
            return False
        self.seen.add(mark)
        self.images.add(mark[0])
        chooser = selector.Selector(_MOUNT, Chip(cause), ReadOnly())
        self.mounted(image, lambda: judge(chooser, chooser.choose(cause), numbers))
        return True

    def cut_again(self, image, numbers, cause):
        """Start from the image for good, and cut that start at each of its operations."""
        started = bytearray(image)
        log = []
        self.mounted(started, lambda: start(cause), log)
        again = bytearray(image)
        for at, data in log:
            for quarters in (0, 2, 4):
                size = len(data) * quarters // 4
                again[at : at + size] = data[:size]
                self.cuts += 1
                self.pairs += 1
                self.check(again, numbers, _POWER_ON)


def judge(chooser, slot, numbers):
    """Raise where the slot that was chosen has not one of these versions whole."""
    found = found_in(slot) if slot else 0
    if found not in numbers:
        raise ValueError(str(found) + " runs, not one of " + str(numbers) + str(chooser.reasons))


class ReadOnly(selector.Disk):
    """A disk on which a look at the choice leaves nothing."""

    def open(self, path, mode):
        if mode != "rb":
            raise OSError(errno.EROFS)
        return open(path, mode)


def slots_at(running):
    slots = Slots(_MOUNT, json)
    slots.running = running
    return slots


def slot_now():
    return Slots(_MOUNT, json).slot


def update(number, sizes):
    slots = slots_at("")
    refused = slots.begin_update(version_of(number), _BOARD, True, True)
    if not refused:
        copy(slots.target, files_of(number, sizes))
        refused = slots.finish(version_of(number), True, True)
    return refused


def start(cause=_POWER_ON):
    chooser = selector.Selector(_MOUNT, Chip(cause))
    chooser.count(chooser.choose(cause))


def run_board(life, cuts):
    """Bring a board through its years until it was cut that often."""
    old = 0
    while life.cuts < cuts:
        number = old % 250 + 1
        sizes = [1 + life.below(life.block_bytes // 2 + 300) for _ in range(4)]
        either = (old, number)
        update_cut_live(life, number, sizes, old)
        # An empty board: until there is a version, 0, the prompt is what is left.
        life.change(lambda n=number, s=sizes: update(n, s), either)
        only = (number,)
        if old:
            life.change(start, only, either)
            life.change(lambda: start(_WATCHDOG), (old,), either, _WATCHDOG)
            life.change(lambda: slots_at("").rollback(True), either, either)
        # Two starts that were cut off are two failed ones: then the old version is right.
        pair = either if old else only
        life.change(start, only, pair)
        life.change(lambda: slots_at(slot_now()).orderly_end(), only, pair)
        life.change(start, only, pair)
        life.change(lambda: slots_at(slot_now()).confirm(), only, pair)
        old = number
        gc.collect()


def update_cut_live(life, number, sizes, old):
    """An update whose flash dies under the running program: it must end, and the old one run."""
    for _ in range(3):
        image = bytearray(life.data)
        life.mounted(image, lambda: update(number, sizes), None, 1 + life.below(150))
        life.cuts += 1
        life.check(image, (old, number), _POWER_ON)


def main(arguments):
    """Cut that many times, half of them in each geometry."""
    began = time.ticks_ms()
    wanted = int(arguments[0])
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    cuts = pairs = histories = 0
    images = set()
    for geometry in _GEOMETRIES:
        life = Life(geometry, seed)
        run_board(life, wanted // 2)
        cuts += life.cuts
        pairs += life.pairs
        histories += life.histories
        images |= life.images
    ms = time.ticks_diff(time.ticks_ms(), began)
    print("cuts", cuts, "pairs", pairs, "images", len(images), "histories", histories, "ms", ms)


if __name__ == "__main__":
    main(sys.argv[1:])
