"""Slot cuts: two application slots on a real littlefs in RAM, the supply cut at every operation.

    micropython -X heapsize=8m slot_cuts.py CUTS SEED SCRIPT SCRIPT

For 64-bit MicroPython with VfsLfs2. Each program and erase operation of a first
flash, update, automatic fall-back, rollback, confirmation, counted start and
orderly end is cut, before, in the middle of its bytes and after (ram_flash.py). From each
of these the selector must start the old or the new version, whole. The changes of
/slot are cut a second time, at every operation of the start that follows.
What a host does is in the scripts, one for each geometry, which its own code has
written (tests/unit/slot_scripts.py): a line for each year of a board.
Histories (what was flashed before, and how large) go on until CUTS; each is new.
Prints

    cuts DISTINCT pairs PAIRS images IMAGES histories HISTORIES ms MILLISECONDS

What a cut leaves just as another one of the same change did is started once.
"""

import errno
import gc
import json
import os
import sys
import time
from binascii import unhexlify

import vfs
from ram_flash import GEOMETRIES, Flash, Image, Random, Tally, cuts_of

import selector
from service.slots import Slots

_MOUNT = "/cut"
_POWER_ON = 1
_WATCHDOG = 3
# A host sends more at once; here too a file may come in several pieces.
_CHUNK_BYTES = 256
# The file that is equal in every version, and is therefore not written again.
_SAME = ("vehicle.py", b"v" * 40)


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


def quiet(*values, end=""):
    """Print nothing: a selector says something at every start."""


selector.print = quiet


def play(steps):
    """Do what a host does to the files of a board, as host_tools/board_files.py does it."""
    for verb, path, data in steps:
        path = _MOUNT + path
        if verb == "write":
            write(path, unhexlify(data))
        elif verb == "replace":
            write(path + ".new", unhexlify(data))
            with open(path + ".new", "rb") as file:
                if file.read() != unhexlify(data):
                    raise ValueError(path + ".new reads back other than it was written")
            os.rename(path + ".new", path)
        elif verb == "settle":
            settle(path, unhexlify(data))
        elif verb == "mkdir":
            os.mkdir(path)
        elif verb == "rmdir":
            os.rmdir(path)
        else:
            os.remove(path)


def settle(path, code):
    """Do as the board at its prompt; what it prints there is only for the host's patience."""
    exec(code, {"p": path, "print": quiet})


def write(path, data):
    """Write a file in place, each piece in a file of its own."""
    for at in range(0, max(1, len(data)), _CHUNK_BYTES):
        with open(path, "ab" if at else "wb") as file:
            file.write(data[at : at + _CHUNK_BYTES])


def found_in(slot):
    """Return the number of the version that a slot has whole, judged without the selector."""
    folder = _MOUNT + "/" + slot + "/"
    with open(folder + "manifest.json", "rb") as file:
        manifest = json.loads(file.read())
    number = int(manifest["version"].split(".")[1])
    for name, size, _ in manifest["files"]:
        with open(folder + name, "rb") as file:
            wanted = _SAME[1] if name == _SAME[0] else bytes([number]) * size
            if file.read() != wanted:
                raise ValueError(name + " is not of " + manifest["version"])
    return number


class Life:
    """One board: its flash, what it runs, and what it was brought up with before."""

    def __init__(self, geometry, seed, tally):
        blocks, self.block_bytes = geometry
        self.data = bytearray(b"\xff" * (blocks * self.block_bytes))
        self.random = Random(seed)
        self.tally = tally
        vfs.VfsLfs2.mkfs(Flash(self.data, self.block_bytes))

    def mounted(self, data, act, log=None, left=-1):
        """Return what act() returns with data as the flash; an object for each life of a chip."""
        flash = Flash(data, self.block_bytes, log, left)
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
        image = Image(self.data, self.block_bytes)
        log = []
        refused = self.mounted(self.data, act, log)
        if refused:
            raise ValueError(refused)
        for _, is_new in cuts_of(image, log, self.random, self.tally):
            if is_new:
                self.check(image.data, numbers, cause)
                if pair_numbers:
                    self.cut_again(image, pair_numbers, cause)
        self.check(self.data, numbers, cause)  # also where nothing was written

    def check(self, data, numbers, cause):
        """Choose from the flash, without a write: what runs must be whole, and one of numbers."""
        chooser = selector.Selector(_MOUNT, Chip(cause), ReadOnly())
        self.mounted(data, lambda: judge(chooser, chooser.choose(cause), numbers))

    def cut_again(self, image, numbers, cause):
        """Start from the image for good, and cut that start at each of its operations."""
        started = bytearray(image.data)
        log = []
        self.mounted(started, lambda: start(cause), log)
        again = Image(image.data, self.block_bytes)
        for _, is_new in cuts_of(again, log, self.random, self.tally, True):
            if is_new:
                self.check(again.data, numbers, _POWER_ON)


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


def start(cause=_POWER_ON):
    chooser = selector.Selector(_MOUNT, Chip(cause))
    chooser.count(chooser.choose(cause))


def run_board(life, cuts, script):
    """Bring a board through its years until it was cut that often."""
    old = 0
    with open(script) as years:
        while life.tally.distinct < cuts:
            number, update, rollback = json.loads(years.readline())
            run_year(life, old, number, update, rollback)
            old = number
            gc.collect()


def run_year(life, old, number, update, rollback):
    """A new version comes, is given up, is wanted all the same, and is trusted."""
    either = (old, number)
    update_cut_live(life, number, update, old)
    # An empty board: until there is a version, 0, the prompt is what is left.
    life.change(lambda: play(update), either)
    only = (number,)
    if old:
        life.change(start, only, either)
        life.change(lambda: start(_WATCHDOG), (old,), either, _WATCHDOG)
        life.change(lambda: play(rollback), either, either)
    # Two starts that were cut off are two failed ones: then the old version is right.
    pair = either if old else only
    life.change(start, only, pair)
    life.change(lambda: slots_at(slot_now()).orderly_end(), only, pair)
    life.change(start, only, pair)
    life.change(lambda: slots_at(slot_now()).confirm(), only, pair)


def update_cut_live(life, number, steps, old):
    """An update whose flash dies under the running program: it must end, and the old one run."""
    for _ in range(3):
        image = bytearray(life.data)
        life.mounted(image, lambda: play(steps), None, 1 + life.random.below(300))
        life.check(image, (old, number), _POWER_ON)


def main(arguments):
    """Cut that many times, half of them in each geometry."""
    began = time.ticks_ms()
    cuts = int(arguments[0])
    tally = Tally()
    for i in range(len(GEOMETRIES)):
        life = Life(GEOMETRIES[i], int(arguments[1]), tally)
        run_board(life, cuts * (i + 1) // len(GEOMETRIES), arguments[2 + i])
    tally.print(time.ticks_diff(time.ticks_ms(), began))


if __name__ == "__main__":
    main(sys.argv[1:])
