"""Flashing on a bench: a board that answers as what its selector starts; two bundles for it."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from host_tools.bundle import write_bundle
from host_tools.cli import make_parser
from host_tools.flash_command import run
from host_tools.flash_steps import Tools
from host_tools.link import LinkError
from tests.unit.answering_board import AnsweringBoard
from tests.unit.folder_board import VEHICLE, flashed, make_bundle

AT_PROMPT = LinkError(None, "at-prompt", "the board is at MicroPython's prompt")
DUMP = ["speed_cap_kmh=45", "reverse_cap_kmh=8", "checksum 11111111"]
OLD, NEW = make_bundle("1.0.0"), make_bundle("2.0.0")
LOST = "91 P0601 parameters_lost STOP active 1x"
MOVING = LinkError(88, "moving", "the car moves at 12 km/h")
LFP = replace(
    NEW,
    vehicle="four_wheel_72v_lfp",
    files={
        **NEW.files,
        "vehicle.py": b'PARAMETERS = {"speed_cap_kmh": 56, "chemistry": 3}\n',
    },
)


class Bench:
    """A board with a console that says what its selector starts."""

    def __init__(self, board, answers=None, starts=None):
        self.board = board
        self.starts = starts or board.starts
        self.console = AnsweringBoard(
            {"id": self.identity, "dump": DUMP, "repl": [], "changes": [], "status": ["mode OFF"]}
            | (answers or {})
        )
        self.time_s = 0.0
        self.vehicle = VEHICLE
        self.tools = Tools(self.link, board.open, self.clock, self.sleep, self.now)

    def identity(self, line):
        version = self.starts()
        if not version:
            raise AT_PROMPT
        about = [f"version {version}", "board esp32_s3", f"vehicle {self.vehicle}"]
        started, its_slot = self.board.started()
        return [*about, *(its_slot if started == version else ()), "unique_id a1b2c3"]

    @contextmanager
    def link(self, port, tap):
        tap("selector: slot b: given up: ImportError")
        yield self.console

    def clock(self):
        self.time_s += 1.0
        return self.time_s

    def sleep(self, seconds):
        self.time_s += seconds

    def now(self):
        return datetime(2026, 11, 23, 12, 0)

    def flash(self, bundle, *options):
        write_bundle(bundle, Path("bundle.zip"))
        words = ["flash", "--port", "PORT", "--bundle", "bundle.zip", "--yes", *options]
        return run(make_parser().parse_args(words), self.tools)


def used(tmp_path):
    """A bench with a board that has run the old version, and has records of its way."""
    board = flashed(tmp_path / "flash", OLD)
    (board.root / "records" / "a").mkdir(parents=True)
    (board.root / "records" / "a" / "odometer").write_bytes(b"12 km")
    return Bench(board)


def losing(bench):
    """The board's new version cannot read the record of the parameters, until it is told them."""
    kept = iter([DUMP])
    told = bench.console.told
    bench.console.answers |= {
        "dump": lambda _: next(kept, DUMP if "save" in told else ["speed_cap_kmh=40", *DUMP[1:]]),
        "faults": lambda _: [LOST] if bench.starts() == "2.0.0" else [],
        "restore": [], "checksum": ["restored"], "save": [], "reboot": [], "abort": [],
        **{line.split()[0]: [] for line in DUMP[:-1]},
    }  # fmt: skip
