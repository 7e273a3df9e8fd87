"""Failed starts: what runs after each of them on the virtual board, and what its serial port says.

Real MicroPython, littlefs, boot.py, selector and this firmware. tests/board/failed_starts.md is
the table of what came out, generated here with LSEV_KEEP_SCREENS=1. LSEV_PROVE=1 runs all of
it, without it 7 of 20; and a Ctrl-C every 2 ms from 40 moments on, without it from 1.
"""

import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import serial

from host_tools.bundle import FIRMWARE_DIR, MICROPYTHON_MIN, Bundle, version_of
from host_tools.slot_record import Record, encode
from sim.flash_board import FlashBoard
from tests.board.flashed import (
    BOARD,
    VEHICLE,
    blank,
    built,
    once,
    record,
    tool,
    with_line,
    write_root,
    write_slot,
)
from tests.proving import PROVE

pytestmark = pytest.mark.usefixtures("interpreter")

KEPT = Path(__file__).with_name("failed_starts.md")
OLD, NEW = "1.0.0", "2.0.0"
ON_TRIAL, TRUSTED = Record("b", 0, False), Record("b", 0, True)
PROMPT = "the prompt"
# Of a host that has much else to do.
PATIENCE_S = 120.0
ROOT = ("a", "b", "boot.py", "main.py", "board.py")
KEEPS = bool(os.environ.get("LSEV_KEEP_SCREENS"))
STEP = "import vcu.loop\ndef step(self, ms):\n {}\nvcu.loop.Loop.step = step"
HANGS, FAILS = STEP.format("while True: pass"), STEP.format("1 // 0")
ENDLESS = "import vcu.modes\nvcu.modes.Modes.step = lambda self, conditions: False"


@dataclass(frozen=True)
class Case:
    """Slot a has the old version, slot b the new one; runs is what the driver gets in the end."""

    failure: str
    runs: str
    line: str = ""  # of the new version's main.py
    record: Record = ON_TRIAL
    spoilt: dict[str, str] = field(default_factory=dict[str, str])
    cuts: int = 0  # times that the supply goes while the new version runs
    key_offs: int = 0  # and that the key is turned off before it goes
    speed: int = 1


GONE, FIRST = "gone", "first"
CASES = {
    "trial": Case("none, the new version is on trial", NEW),
    "import": Case("exception at import, on trial", OLD, "import no_such_module"),
    "import_trusted": Case("exception at import, trusted", OLD, "1 // 0", TRUSTED),
    "old_mpy": Case(".mpy of another MicroPython", OLD, spoilt={"b/main.mpy": "format"}),
    "crash": Case("exception in the first tick, on trial", OLD, FAILS),
    "hung_import": Case("import that never ends, on trial", OLD, "while True: pass", speed=20),
    "hung_tick": Case("tick that never ends, on trial", OLD, HANGS, speed=8),
    "hung_test": Case("self-test that never ends, switched off twice", OLD, ENDLESS, cuts=2),
    "two_starts": Case("two starts on trial whose supply went", OLD, cuts=2),
    "key_off": Case("none: two starts on trial that a key-off ended", NEW, key_offs=2),
    "bad_hash": Case("flipped bit in a file, on trial", OLD, spoilt={"b/vcu/loop.mpy": "flip"}),
    "rotten": Case(
        "flipped bit in a file, trusted", OLD, record=TRUSTED, spoilt={"b/vcu/loop.mpy": "flip"}
    ),
    "bad_sum": Case("manifest of another version", OLD, spoilt={"b/manifest.json": "version"}),
    "cut_short": Case("file too short, trusted", OLD, "", TRUSTED, {"b/vcu/loop.mpy": "short"}),
    "no_record": Case("/slot damaged", OLD, spoilt={"slot": "flip"}),
    "both_bad": Case(
        "both slots bad", PROMPT, spoilt={"a/vehicle.py": GONE, "b/main.mpy": "flip"}
    ),
    "no_slots": Case("boot.py and selector, no slot", PROMPT, spoilt={"a": GONE, "b": GONE}),
    "no_selector": Case("main.py of the root damaged", PROMPT, spoilt={"main.py": FIRST}),
    "no_boot": Case("boot.py damaged", PROMPT, spoilt={"boot.py": FIRST}),
    "empty": Case("no boot.py, selector or slot", PROMPT, spoilt=dict.fromkeys(ROOT, GONE)),
}
SAMPLE = ("import", "hung_tick", "two_starts", "key_off", "bad_hash", "both_bad", "empty")
# From the supply to where a Ctrl-C every 2 ms begins: from boot.py to the first ticks.
DELAYS_S = [i / 50 for i in range(40)] if PROVE else [0.2]
NAMES = tuple(CASES) if PROVE or KEEPS else SAMPLE


def spoil(folder: Path, name: str, how: str) -> None:
    path = folder / name
    if how == "gone":
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    data = bytearray(path.read_bytes())
    if how == "flip":
        data[len(data) // 2] ^= 1
    elif how == FIRST:
        data[0] ^= 1
    elif how == "short":
        del data[-1]
    elif how == "version":
        data = data.replace(NEW.encode(), b"2.0.1")
    path.write_bytes(data)


def of_another_micropython(bundle: Bundle) -> Bundle:
    data = bytearray(bundle.files["main.mpy"])
    data[1] -= 1  # the version of the format, which the manifest agrees with
    return replace(bundle, files={**bundle.files, "main.mpy": bytes(data)})


def make_flash(folder: Path, case: Case, base: Path) -> Path:
    """Return the image of a board as the case has it."""
    files, image = folder / "files", folder / "image"
    bundle = with_line(built_once(base), NEW, case.line)
    if case.spoilt.get("b/main.mpy") == "format":
        bundle = of_another_micropython(bundle)
    if not {GONE, FIRST}.isdisjoint(case.spoilt.values()):
        shutil.copytree(base / "files", files)
        blank(image)
    else:  # the others have all that the shared image has
        shutil.copy(base / "image", image)
    write_slot(files, "b", bundle)
    (files / "slot").write_bytes(encode(case.record))
    for name, how in case.spoilt.items():
        spoil(files, name, how)
    tool("put", image, str(files))
    return image


def built_once(base: Path) -> Bundle:
    """Return this firmware as the folder of the shared files has it."""
    files = {
        path.relative_to(base / "files" / "b").as_posix(): path.read_bytes()
        for path in (base / "files" / "b").rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    return Bundle(version_of(FIRMWARE_DIR), BOARD, VEHICLE, MICROPYTHON_MIN, files)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of a board that has two versions."""

    def make(folder: Path) -> None:
        bundle = built()
        (folder / "files").mkdir()
        write_slot(folder / "files", "a", with_line(bundle, OLD))
        write_slot(folder / "files", "b", bundle)
        write_root(folder / "files", bundle, ON_TRIAL)
        blank(folder / "image")
        tool("put", folder / "image", str(folder / "files"))

    return once(tmp_path_factory, "two_versions", make)


def wait_for(
    board: FlashBoard, is_so: Callable[[], bool], what: str, pause_s: float = 0.02
) -> None:
    patience_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < patience_s, f"{what} did not come: {board.printed()}"
        time.sleep(pause_s)


def has_started(board: FlashBoard, version: str) -> bool:
    return f'"version":"{version}"' in board.printed()


def live(board: FlashBoard, case: Case, image: Path) -> str:
    """Let the case happen and return all that the serial port has said."""
    said = ""
    for _ in range(case.cuts):
        wait_for(board, lambda: has_started(board, NEW), "the new version")
        said += board.printed()
        board.restart()
    for _ in range(case.key_offs):
        board.turn_key(True)
        wait_for(board, lambda: has_started(board, NEW), "the new version")
        seen = board.feeds + 50  # ticks in which the key is seen
        wait_for(board, lambda seen=seen: board.feeds > seen, "ticks")
        board.turn_key(False)
        wait_for(board, lambda: record(image)["trial"] == 0, "the end of the start")
        said += board.printed()
        board.restart()
    ends = ">>> " if case.runs == PROMPT else f'"version":"{case.runs}"'
    wait_for(board, lambda: ends in board.printed(), ends)
    return said + board.printed()


def row(case: Case, said: str) -> str:
    """Return the row of the table: each line of the selector, each exception, each version."""
    found = re.findall(r"(?:selector: |boot: |\w+Error: )[^\r\n]+|\"version\":\"[^\"]+|>>> ", said)
    lines = [
        re.sub(r"\d+ ms", "N ms", line).replace('"version":"', "#b version ").strip()
        for line in found
        if ": given up" in line or "Error: " not in line or not line.startswith("selector")
    ]
    return f"| {case.failure} | {case.runs} | {'<br>'.join(f'`{line}`' for line in lines)} |"


HEAD = """\
# What starts after a failed start

Generated by tests/board/test_failed_starts.py with LSEV_KEEP_SCREENS=1. Slot a has version
1.0.0, slot b version 2.0.0, and the record names slot b. In each case the outputs are at their
safe level from boot.py on (where there is none, by their resistors), until a version that has
started raises them. The root's boot.py and main.py are single copies: where one is damaged,
`lsev flash --root` puts it anew.

| failure | what runs in the end | what the serial port says |
| --- | --- | --- |
"""


@pytest.mark.parametrize("name", NAMES)
def test_after_a_failed_start_runs_what_the_table_says(
    name: str, base: Path, tmp_path: Path
) -> None:
    case = CASES[name]
    image = make_flash(tmp_path, case, base)
    with FlashBoard(tmp_path / "port", image=image, speed=case.speed) as board:
        said = live(board, case, image)
    found = row(case, said)
    if KEEPS:
        keep(case, found)
    assert found in KEPT.read_text(encoding="utf-8").splitlines()


def keep(case: Case, found: str) -> None:
    """Write the table anew with this row; the others stay as they are."""
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    rows = {line.split(" | ")[0]: line for line in lines if line.startswith("| ")}
    rows[f"| {case.failure}"] = found
    wanted = [rows[f"| {c.failure}"] for c in CASES.values() if f"| {c.failure}" in rows]
    KEPT.write_text(HEAD + "\n".join(wanted) + "\n", encoding="utf-8")


@pytest.mark.parametrize("delay_s", DELAYS_S)
def test_ctrl_c_all_the_time_while_it_starts_costs_a_version_on_trial_no_start(
    delay_s: float, base: Path, tmp_path: Path
) -> None:
    image = make_flash(tmp_path, CASES["trial"], base)
    with FlashBoard(tmp_path / "port", image=image) as board:
        time.sleep(delay_s)
        with serial.Serial(board.port_name, timeout=0) as port:

            def is_at_prompt() -> bool:
                port.write(b"\x03")
                port.read(1 << 16)
                return board.printed().endswith(">>> ")

            wait_for(board, is_at_prompt, "the prompt", 0.002)
        assert record(image) == vars(ON_TRIAL), board.printed()


def test_the_table_has_a_row_for_each_case_and_no_other() -> None:
    lines = KEPT.read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ")[0][2:] for line in lines[lines.index("| --- | --- | --- |") + 1 :]]
    assert rows == [case.failure for case in CASES.values()]
