"""Runs: the firmware's start and its keeper, on a folder for a flash, without its loop."""

import errno
import os

from service.boot_record import BootRecord
from service.keeper import Keeper
from service.records import preset_mark
from service.store import Files, Store
from tests.unit.cars import make_scaling
from vcu.loop import Loop
from vcu.preset import Preset

PWRON, HARD, WDT = 1, 2, 3
SLICE_MS = 10


class Memory:
    """RTC memory: survives a reset."""

    def __init__(self):
        self.data = b""

    def get(self):
        return self.data

    def put(self, data):
        self.data = bytes(data)


class CountingFiles(Files):
    """Counts what changes flash; refuses it all when full."""

    def __init__(self):
        self.changes = 0
        self.full = False

    def _change(self):
        if self.full:
            raise OSError(errno.ENOSPC, "full")
        self.changes += 1

    def open(self, path, mode):
        if mode == "wb":
            self._change()
        return open(path, mode)

    def rename(self, old, new):
        self._change()
        os.rename(old, new)


class Run:
    """One run of the firmware, without its loop's own steps."""

    def __init__(self, board, cause, values):
        self.files = board.files
        self.keeper = Keeper(Store(board.root, board.files), BootRecord(board.memory))
        self.keeper.load_boot(cause)
        self.params = Preset(values)
        self.keeper.load_params(self.params, preset_mark(values))
        self.loop = Loop(make_scaling(), self.params)
        self.keeper.restore(self.loop)
        self.keeper.start()
        self.parked = False

    def slices(self, ms):
        """Let ms pass; return the flash operations of them."""
        before = self.files.changes
        for _ in range(ms // SLICE_MS):
            self.keeper.step(self.loop, self.parked, SLICE_MS)
        return self.files.changes - before

    def key(self, on, parked):
        self.loop.raw.key_on = on
        self.parked = parked
        self.loop.out.contactor = on

    def drive(self, metres, seconds=60):
        self.key(1, False)
        for _ in range(seconds):
            self.loop.operating_s += 1
            self.loop.energy.odometer_m += metres // seconds
            self.slices(1000)
        return self

    def key_off(self):
        self.key(0, True)
        self.slices(1000)
        return self


class Board:
    def __init__(self, tmp_path):
        self.root = str(tmp_path / "records")
        self.memory = Memory()
        self.files = CountingFiles()

    def start(self, cause=PWRON, values=None):
        return Run(self, cause, values or {"speed_cap_kmh": 45})

    def cut_power(self):
        self.memory.data = b""

    def copies(self, name):
        found = [os.path.join(self.root, folder, name) for folder in "ab"]
        return [path for path in found if os.path.exists(path)]

    def rot(self, name, count=2):
        for path in self.copies(name)[:count]:
            with open(path, "r+b") as file:
                file.seek(20)
                byte = file.read(1)[0]
                file.seek(20)
                file.write(bytes([byte ^ 0x10]))


def board_in(tmp_path):
    """For pytest.fixture: a board whose flash is a folder of the test."""
    return Board(tmp_path)
