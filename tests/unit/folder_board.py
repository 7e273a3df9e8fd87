"""A board whose flash is a folder: what flashing does to it may be cut off at any operation."""

import errno
import hashlib
import json
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import selector
from host_tools.board_files import About, BoardError, Entry, Progress
from host_tools.bundle import Bundle
from host_tools.install import install
from host_tools.slot_record import Record, decode, encode
from host_tools.slots import inspect
from service.slots import Slots

BOARD, VEHICLE = "esp32_s3", "four_wheel_60v_agm"
BLOCK_BYTES = 512
CUTS = ("before", "torn", "after")
_PWRON = 1


def make_bundle(version: str, extra: str = "", board: str = BOARD) -> Bundle:
    """Return a small bundle; extra names a module that only this version has."""
    data = {
        "main.mpy": b"M\x06main " + version.encode() * 60,
        "board.py": f'NAME = "{board}"\n'.encode(),
        "vehicle.py": b"# the same in every version\n",
        "vcu/loop.mpy": b"M\x06loop " + version.encode(),
        "vcu/charge/steps.mpy": b"M\x06steps",
    }
    if extra:
        data[f"service/{extra}.mpy"] = b"M\x06" + extra.encode()
    return Bundle(version, board, VEHICLE, "1.26.0", data)


class _Chip:
    """What the selector needs of the module machine."""

    def WDT(self, timeout: int) -> None:
        """Bite nobody."""

    def reset_cause(self) -> int:
        return _PWRON

    def reset(self) -> None:
        """Stay."""


class _Selector(selector.Selector):
    """The board's own, which here says nothing."""

    def _say(self, slot: str, text: str) -> None:
        """Keep quiet."""


class FolderBoard:
    """BoardFiles over a folder. From operation cut_at on nothing is written any more.

    cut is whether that operation is not done, half done, or done. spoil is a path whose writes
    come out wrong so many times; blocks is the size of the flash.
    """

    def __init__(self, root: Path, about: About | None = None, blocks: int = 1000) -> None:
        self.root = root
        self.root.mkdir(exist_ok=True)
        self._about = about or About(
            "1.29.0", "Generic ESP32S3 module with ESP32S3", 6, "a1b2c3", BLOCK_BYTES, 0
        )
        self.blocks = blocks
        self.operations = 0
        self.cut_at = -1
        self.cut = "before"
        self.spoil: dict[str, int] = {}
        self.resets = 0

    @contextmanager
    def open(self, port: str) -> Generator["FolderBoard"]:
        yield self

    def _path(self, path: str) -> Path:
        assert path.startswith("/"), path
        return self.root / path[1:]

    def _change(self) -> str:
        """Return how much of the next operation is done; BoardError after the cut."""
        self.operations += 1
        if 0 <= self.cut_at < self.operations - 1:
            raise BoardError("no answer")
        return self.cut if self.cut_at == self.operations - 1 else ""

    def _end(self, cut: str) -> None:
        if cut:
            raise BoardError("no answer")

    def _used(self) -> int:
        files = [p for p in self.root.rglob("*") if p.is_file()]
        return sum(-(-p.stat().st_size // BLOCK_BYTES) for p in files)

    def about(self) -> About:
        return About(**{**vars(self._about), "free_blocks": self.blocks - self._used()})

    def tree(self, folder: str) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        start = self.root / folder.lstrip("/")
        for path in sorted(start.rglob("*")) if start.is_dir() else []:
            name = "/" + path.relative_to(self.root).as_posix()
            data = b"" if path.is_dir() else path.read_bytes()
            sha = "-" if path.is_dir() else hashlib.sha256(data).hexdigest()
            found[name] = Entry(path.is_dir(), len(data), sha)
        return found

    def read(self, path: str) -> bytes:
        return self._path(path).read_bytes()

    def write(self, path: str, data: bytes, progress: Progress | None = None) -> None:
        cut = self._change()
        if cut == "before":
            self._end(cut)
        kept = data[: len(data) // 2] if cut == "torn" else data
        if self.spoil.get(path, 0):
            self.spoil[path] -= 1
            kept = bytes([kept[0] ^ 1]) + kept[1:]
        self._path(path).write_bytes(b"")
        if self._used() + -(-len(kept) // BLOCK_BYTES) > self.blocks:
            raise BoardError(f"could not write {path}: OSError: 28", errno.ENOSPC)
        self._path(path).write_bytes(kept)
        if progress:
            progress(len(kept), len(data))
        self._end(cut)

    def replace(self, path: str, data: bytes) -> None:
        self.write(path + ".new", data)
        assert self.read(path + ".new") == data
        cut = self._change()
        if cut in ("", "after"):
            self._path(path + ".new").replace(self._path(path))
        self._end(cut)

    def make_folder(self, path: str) -> None:
        cut = self._change()
        if cut in ("", "after"):
            self._path(path).mkdir()
        self._end(cut)

    def remove(self, path: str, is_folder: bool = False) -> None:
        cut = self._change()
        if cut in ("", "after"):
            self._path(path).rmdir() if is_folder else self._path(path).unlink()
        self._end(cut)

    def settle(self, folder: str) -> None:
        cut = self._change()
        if cut == "torn":
            self._path(f"{folder}/main.mpy~").write_bytes(bytes(9))
        self._end(cut)

    def reset(self) -> None:
        self.resets += 1

    def starts(self) -> str:
        """Return the version that the board's own selector would start, "" for none."""
        return self.started()[0]

    def started(self) -> tuple[str, tuple[str, ...]]:
        """Return that version, "" for none, and what it says of its slot.

        The selector verifies every byte of it, and works on a copy: it writes as well.
        """
        copy = self.root.with_name(self.root.name + "_started")
        shutil.copytree(self.root, copy)
        try:
            chooser = _Selector(str(copy), _Chip())
            slot = chooser.choose(_PWRON)
            if not slot or not (copy / "main.py").exists():
                return "", ()
            assert chooser.check(slot), chooser.reasons
            chooser.count(slot)
            sys.path.append(f"{copy}/{slot}")
            said = Slots(str(copy), json).lines()
            sys.path.pop()
            return (copy / slot / "vcu" / "loop.mpy").read_bytes()[7:].decode(), said
        finally:
            shutil.rmtree(copy)


def put(board, bundle):
    return install(board, bundle, inspect(board), lambda *_: None)


def confirm(board):
    record = decode(board.read("/slot"))
    (board.root / "slot").write_bytes(encode(Record(record.slot, 0, True)))


def flashed(root: Path, *bundles) -> FolderBoard:
    """Return a board with the bundles put onto it, each of them confirmed."""
    board = FolderBoard(root)
    for bundle in bundles:
        put(board, bundle)
        confirm(board)
    return board
