"""What flashing costs on the virtual board: time over its port, and from supply to first tick."""

import os
import tempfile
import time
from argparse import Namespace
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path

from host_tools.cli import main
from sim.controller import ControllerError
from sim.flash_board import FlashBoard

_BOARD = ("--board", "esp32_s3", "--vehicle", "four_wheel_60v_agm")
# The first thing that the program sends comes after its imports, right before its first tick.
_UP = '#b {"name"'
_PATIENCE_S = 30.0


def measure() -> Namespace:
    """Return seconds: first_s, update_s and rollback_s of lsev; boot_s of a trusted version.

    ControllerError where there is no MicroPython, RuntimeError when the board does not do it.
    """
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)  # where lsev puts its reports
        try:
            return _measure(folder)
        finally:
            os.chdir(before)


def _measure(folder: Path) -> Namespace:
    found = Namespace()
    image = folder / "image"
    with FlashBoard(folder / "port", image=image) as board:
        found.first_s = _lsev(folder, "flash", "--yes", *_BOARD)
        found.update_s = _lsev(folder, "flash", "--yes", "--force")
        found.rollback_s = _lsev(folder, "rollback", "--yes")
        boots: list[float] = []
        for _ in range(3):
            board.restart()
            boots.append(_boot(board))
    found.boot_s = min(boots)
    return found


def _lsev(folder: Path, *words: str) -> float:
    said = StringIO()
    started = time.perf_counter()
    with redirect_stdout(said):
        status = main([words[0], "--port", str(folder / "port"), *words[1:]])
    if status:
        raise RuntimeError(f"{words[0]} failed: {said.getvalue()}")
    return time.perf_counter() - started


def _boot(board: FlashBoard) -> float:
    started = time.perf_counter()
    while _UP not in board.printed():
        if time.perf_counter() - started > _PATIENCE_S:
            raise RuntimeError(f"the board does not start: {board.printed()}")
        time.sleep(0.002)
    return time.perf_counter() - started


def show() -> None:
    """Print the figures; where they cannot be measured, why."""
    print("flashing the virtual board over its port (host time; a chip's flash is slower)")
    with suppress(ControllerError):
        found = measure()
        for name, seconds in (
            ("lsev flash, empty board", found.first_s),
            ("lsev flash, update", found.update_s),
            ("lsev rollback", found.rollback_s),
            ("boot: supply to first tick, .mpy, every file verified", found.boot_s),
        ):
            print(f"  {name:<54} {seconds:>6.2f} s")
        return
    print("  not measured: no MicroPython of 64 bits for this machine")


if __name__ == "__main__":
    show()
