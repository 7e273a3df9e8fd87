"""On a real littlefs, behind its main.py, the firmware settles the directories of a board."""

import time
from pathlib import Path

import pytest

from host_tools.slot_record import Record
from service.pairs import NullDevice, walk
from sim.flash_board import FlashBoard
from tests.board.flashed import BLOCK_BYTES, BLOCKS, blank, built, tool, write_root, write_slot

pytestmark = pytest.mark.usefixtures("interpreter")

# Of a host that has much else to do.
PATIENCE_S = 120.0


class Image(NullDevice):
    """The flash of a board as it is now."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()

    def ioctl(self, command: int, argument: int) -> int:
        return {4: BLOCKS, 5: BLOCK_BYTES}[command]

    def readblocks(self, block: int, buffer: bytearray | memoryview, offset: int) -> None:
        at = block * BLOCK_BYTES + offset
        buffer[:] = self._data[at : at + len(buffer)]


def loose(image: Path) -> dict[str, bool]:
    """Return the directories by path, and whether one rotten block could lead one astray."""
    found: dict[str, bool] = {}
    for pair in walk(Image(image), "/"):
        found[pair.path] = found.get(pair.path, False) or pair.is_loose
    return found


def test_a_parked_board_has_its_records_and_its_slot_told_by_both_blocks(tmp_path: Path) -> None:
    image, files = tmp_path / "image", tmp_path / "files"
    files.mkdir()
    bundle = built()
    write_slot(files, "a", bundle)
    write_root(files, bundle, Record("a", 0, True))
    blank(image)
    tool("put", image, str(files))
    assert any(loose(image).values())
    with FlashBoard(tmp_path / "port", image=image, speed=8) as board:
        patience_s = time.monotonic() + PATIENCE_S
        found = loose(image)
        while "/records/b/" not in found or any(found.values()):
            assert time.monotonic() < patience_s, (found, board.printed())
            time.sleep(0.2)
            found = loose(image)
    assert {"/", "/a/", "/a/vcu/", "/records/", "/records/a/", "/records/b/"} <= set(found)
