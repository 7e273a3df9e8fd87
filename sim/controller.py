"""Controller: what every way of running the firmware offers, and the board data it starts from.

All take an input frame, run one tick and give an output frame (sim/frame.py),
and for the same inputs all give the same outputs.
"""

import runpy
from pathlib import Path
from typing import Any, Protocol

from vcu.charge.bms import CellData
from vcu.sense import Scaling

BOARDS_DIR = Path(__file__).resolve().parent.parent / "boards"
# Why a firmware ended whose watchdog nobody fed, in the words that people read.
WATCHDOG_BIT = "its watchdog bit"


class ControllerError(Exception):
    """The firmware cannot be started, or has stopped; the text has its own last words."""


class Controller(Protocol):
    """A controller in lockstep. outputs is the last output frame, all 0 before the first."""

    scaling: Scaling
    outputs: list[int]

    @property
    def cell_data(self) -> CellData | None:
        """Where a BMS with a serial port puts what it says; None where none can be connected."""
        ...

    def restart(self, power_lost: bool) -> None:
        """Start the firmware anew, as a reset or the return of the supply does.

        outputs is all 0 until the next exchange, which is the first tick: how long
        a chip takes to boot is for the caller to let pass. Flash is kept, and RTC
        memory unless power was lost.
        """
        ...

    def exchange(self, inputs: list[int]) -> list[int]:
        """Run one tick with these inputs and return a new output frame; ControllerError."""
        ...

    def close(self) -> None:
        """End it; more than once does no harm."""
        ...


def board_file(name: str) -> Path:
    """Return the path of boards/NAME/board.py; ControllerError names the boards there are."""
    path = BOARDS_DIR / name / "board.py"
    if not path.is_file():
        names = ", ".join(sorted(p.parent.name for p in BOARDS_DIR.glob("*/board.py")))
        raise ControllerError(f"no board is called {name!r}: there are {names}")
    return path


def load_board(name: str) -> dict[str, Any]:
    """Return the data of boards/NAME/board.py; ControllerError as from board_file."""
    return runpy.run_path(str(board_file(name)))


def board_scaling(data: dict[str, Any]) -> Scaling:
    """Return what one count means on the board."""
    return Scaling(
        data["PACK_CV_PER_1000_COUNTS"],
        data["BUS_CV_PER_1000_COUNTS"],
        data["PACK_DA_PER_1000_COUNTS"],
        data["RAIL_CV_PER_1000_COUNTS"],
        data["SENSOR_5V_MV_PER_1000_COUNTS"],
        data["NTC_TABLE"],
    )
