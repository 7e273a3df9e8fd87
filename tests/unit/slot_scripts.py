"""What lsev does to a board's files, flash after flash, as scripts that MicroPython plays.

host_tools/install.py decides each step here, on a folder; tests/mpy/slot_cuts.py does the same
steps on a real littlefs and cuts the supply at each operation of them.
"""

import json
import random
from pathlib import Path

from host_tools.bundle import Bundle
from host_tools.install import choose_other, install
from host_tools.prompt_files import SETTLE
from host_tools.slot_record import Record, decode, encode
from host_tools.slots import SELECTOR, inspect
from tests.unit.folder_board import BOARD, VEHICLE, FolderBoard

# The root's own files are written once, and what is in them is nobody's here.
_ROOT_BYTES = 200
_FILES = ("board.py", "main.mpy", "vcu/loop.mpy", "vcu/pedal.mpy")
_SAME = "vehicle.py"


class NotedBoard(FolderBoard):
    """A board that notes each step, as [verb, path, bytes in hex]."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.steps: list[list[str]] = []
        self._is_inner = False

    def _note(self, verb: str, path: str, data: bytes = b"") -> None:
        if not self._is_inner:
            short = data[:_ROOT_BYTES] if path == SELECTOR or path == "/boot.py" else data
            self.steps.append([verb, path, short.hex()])

    def write(self, path, data, progress=None):
        self._note("write", path, data)
        super().write(path, data, progress)

    def replace(self, path, data):
        self._note("replace", path, data)
        self._is_inner = True
        super().replace(path, data)
        self._is_inner = False

    def make_folder(self, path):
        self._note("mkdir", path)
        super().make_folder(path)

    def remove(self, path, is_folder=False):
        self._note("rmdir" if is_folder else "remove", path)
        super().remove(path, is_folder)

    def settle(self, folder):
        self._note("settle", folder, SETTLE.encode())
        super().settle(folder)

    def taken(self) -> list[list[str]]:
        """Return the steps since the last call."""
        steps, self.steps = self.steps, []
        return steps


def version(number: int, sizes: list[int]) -> Bundle:
    """Return version 0.number.0; each byte tells which one it is of, but for one equal file."""
    files = {n: bytes([number]) * size for n, size in zip(_FILES, sizes, strict=True)}
    files[_SAME] = b"v" * 40
    return Bundle(f"0.{number}.0", BOARD, VEHICLE, "1.26.0", files)


def write_scripts(path: Path, folder: Path, years: int, block_bytes: int, seed: int) -> None:
    """Write a line for each year of a board: the steps of its update and of a rollback to it."""
    board = NotedBoard(folder)
    chance = random.Random(seed * 10_000 + block_bytes)
    old: Record | None = None
    with path.open("w", encoding="ascii") as file:
        for year in range(years):
            number = year % 250 + 1
            sizes = [chance.randint(1, block_bytes // 2 + 300) for _ in _FILES]
            install(board, version(number, sizes), inspect(board), lambda *_: None)
            update, rollback = board.taken(), []
            new = decode(board.read("/slot"))
            assert new is not None
            if old is not None:  # it is given up, and a person wants it all the same
                given_up = Record(old.slot, 0, True, new.slot, "the watchdog ended its trial")
                (board.root / "slot").write_bytes(encode(given_up))
                choose_other(board, inspect(board))
                rollback = board.taken()
            old = Record(new.slot, 0, True)
            (board.root / "slot").write_bytes(encode(old))
            file.write(json.dumps([number, update, rollback]) + "\n")
