"""Flashing from end to end: this firmware, real littlefs, mpremote's protocol over a port.

The cable is pulled in a sample of the exchanges of an update, and the supply cut at 1 of its
flash operations; with LSEV_PROVE=1 in every exchange, and at 20 operations.
"""

import re
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from host_tools.board_files import BoardError
from host_tools.bundle import read_bundle, write_bundle
from host_tools.cli import main
from host_tools.flash_steps import Tools, at_prompt, stop_program
from host_tools.install import install
from host_tools.prompt_files import PromptFiles
from host_tools.slot_record import Record
from host_tools.slots import FlashError, inspect
from sim.flash_board import FlashBoard
from tests.board.flashed import (
    BOARD,
    VEHICLE,
    blank,
    built,
    look,
    once,
    record,
    tool,
    with_line,
    write_root,
    write_slot,
)
from tests.proving import PROVE

pytestmark = pytest.mark.usefixtures("interpreter", "own_folder")

NEW, FORGETFUL = "7.0.0", "9.0.0"
# A version that reads and writes parameters in a form before the first.
FORGETS = """
import service.keeper, service.records
service.records.PARAMS_VERSION = 0
v = service.keeper._VERSIONS
service.keeper._VERSIONS = tuple([0 if i == service.keeper._NAMES.index("params") else v[i]
    for i in range(len(v))])
"""
# Of a host that has much else to do; whatever does come, comes within seconds on one that has not.
PATIENCE_S = 120.0
# A version is trusted after 30 clean seconds, and a board's clock is never faster than its speed.
SPEED, TRUST_S = 10, 30.0
# The flash is programmed and erased about 4 200 times by an update.
OPERATIONS = range(50, 3_950, 195) if PROVE else (500,)
# Of about 160 exchanges one in so many.
EXCHANGES = 1 if PROVE else 30


def lsev(folder: Path, *words: str) -> int:
    """Run a command on the board of a folder."""
    return main([words[0], "--port", str(folder / "port"), *words[1:]])


def is_up(board: FlashBoard) -> bool:
    return '"version":"' in board.printed()


def wait_until(is_so: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + PATIENCE_S
    while not is_so() and time.monotonic() < end_s:
        time.sleep(0.02)
    return is_so()


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with this firmware and newer ones: as it is, forgetful, and not to be imported."""

    def make(folder: Path) -> None:
        bundle = built()
        write_bundle(bundle, folder / "first.zip")
        write_bundle(with_line(bundle, NEW), folder / "new.zip")
        write_bundle(with_line(bundle, FORGETFUL, FORGETS), folder / "forgetful.zip")
        write_bundle(
            with_line(bundle, bundle.version, "import no_such_module"), folder / "broken.zip"
        )

    return once(tmp_path_factory, "bundles", make)


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Path:
    """A folder with the image of a board that has this firmware in slot a, trusted."""

    def make(folder: Path) -> None:
        bundle = read_bundle(bundles / "first.zip")
        write_slot(folder / "files", "a", bundle)
        write_root(folder / "files", bundle, Record("a", 0, True))
        blank(folder / "image")
        tool("put", folder / "image", str(folder / "files"))

    return once(tmp_path_factory, "first", make)


@pytest.fixture
def flashed(first: Path, tmp_path: Path) -> Generator[FlashBoard]:
    """That board, switched on."""
    shutil.copy(first / "image", tmp_path / "image")
    with FlashBoard(tmp_path / "port", image=tmp_path / "image") as board:
        assert wait_until(lambda: is_up(board))
        yield board


def update(folder: Path, bundle: Path, *options: str) -> int:
    return lsev(folder, "flash", "--yes", "--bundle", str(bundle), *options)


def state(folder: Path) -> tuple[str, Any, Any]:
    """Return the slot that starts, and the whole version in a and in b."""
    found = look(folder / "image")
    return found["chosen"], found["a"], found["b"]


def test_a_board_from_empty_to_trusted_to_updated_to_rolled_back(
    bundles: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = read_bundle(bundles / "first.zip").version
    with FlashBoard(tmp_path / "port", image=tmp_path / "image"):
        assert lsev(tmp_path, "flash", "--yes", "--board", BOARD, "--vehicle", VEHICLE) == 0
    said = next(tmp_path.glob("lsev_flash_*.txt")).read_text()
    assert "no slot is chosen" in said and said.endswith("PASS\n")
    assert "runs and has passed its self-test" in said
    with FlashBoard(tmp_path / "port", image=tmp_path / "image") as board:
        assert wait_until(lambda: is_up(board))
        assert update(tmp_path, bundles / "new.zip") == 0
        assert "parameters: the same" in capsys.readouterr().out
    let_it_run(tmp_path)
    assert state(tmp_path) == ("b", old, NEW)
    with FlashBoard(tmp_path / "port", image=tmp_path / "image") as board:
        assert wait_until(lambda: is_up(board))
        assert lsev(tmp_path, "rollback", "--yes") == 0
        assert f"PASS: version {old} in slot a runs" in capsys.readouterr().out
    assert state(tmp_path) == ("a", old, NEW)


def let_it_run(folder: Path) -> None:
    """Let the board of a folder run, ten times as fast, until the version trusts itself."""
    image = folder / "image"
    with FlashBoard(folder / "port", image=image, speed=SPEED) as board:
        began_s = time.monotonic()
        assert wait_until(lambda: record(image)["confirmed"])
        assert time.monotonic() - began_s > TRUST_S / SPEED
        assert board.resets == [1], board.printed()


def test_a_build_of_the_same_version_that_cannot_be_imported_gives_way_and_is_a_fail(
    flashed: FlashBoard, bundles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = state(tmp_path)[1]
    assert update(tmp_path, bundles / "broken.zip") == 1
    out = capsys.readouterr().out
    assert f"version {old} in slot b was chosen, but version {old} in slot a runs" in out
    assert "given up: ImportError" in out
    assert state(tmp_path) == ("a", old, old)


# 16 s and 10 s for what test_flash_command.py has in `make test` on boards that only answer.
IN_PROVE = pytest.mark.skipif(not PROVE, reason="long: runs in make prove")


@IN_PROVE
def test_two_boards_are_updated_at_the_same_time(
    first: Path,
    bundles: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folders = [tmp_path / name for name in ("left", "right")]
    with ExitStack() as bench:
        for folder in folders:
            folder.mkdir()
            shutil.copy(first / "image", folder / "image")
            board = FlashBoard(folder / "port", image=folder / "image")
            bench.enter_context(board)
            assert wait_until(lambda board=board: is_up(board))
        ports = [str(folder / "port") for folder in folders]
        words = ["flash", "--yes", "--bundle", str(bundles / "new.zip")]
        assert main([*words, "--all", *ports]) == 0
    assert capsys.readouterr().out.endswith("2 of 2 passed\n")
    assert [state(folder)[::2] for folder in folders] == [("b", NEW)] * 2


def test_a_board_whose_port_became_another_boards_at_the_reset_is_told_as_such(
    flashed: FlashBoard,
    bundles: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(tmp_path / "image", tmp_path / "other_image")  # to the byte the same flash
    before = look(tmp_path / "other_image")
    reset = PromptFiles.reset
    with FlashBoard(tmp_path / "other", image=tmp_path / "other_image") as other:
        assert wait_until(lambda: is_up(other))

        def reset_and_swap(files: PromptFiles) -> None:
            reset(files)
            flashed.unplug()
            (tmp_path / "port").symlink_to(other.port_name)

        monkeypatch.setattr(PromptFiles, "reset", reset_and_swap)
        assert update(tmp_path, bundles / "new.zip") == 1
        own, there = (board.files.number.hex() for board in (flashed, other))
        said = f"(its chip is {there}, not {own}); nothing was changed on it"
        assert "another board is at " in (out := capsys.readouterr().out) and said in out, out
        assert other.resets == [1]
    assert look(tmp_path / "other_image") == before
    assert state(tmp_path)[::2] == ("b", NEW)


@IN_PROVE
def test_parameters_that_the_new_version_cannot_read_are_given_back_and_a_person_must_look(
    flashed: FlashBoard, bundles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["params", "set", "speed_cap_kmh=41", "--port", str(tmp_path / "port")]
    assert main(words) == 0
    assert update(tmp_path, bundles / "forgetful.zip") == 0
    out = capsys.readouterr().out
    assert "given back" in out and "as before" in out
    assert "the board says parameters_lost and does not drive" in out


class Puller:
    """Pulls the cable in the middle of an exchange with the board, in each of them once."""

    def __init__(self, board: FlashBoard, monkeypatch: pytest.MonkeyPatch) -> None:
        self._board = board
        self.seen: set[str] = set()
        self._counts: dict[str, int] = {}
        self.pulls = 0
        self._is_armed = False
        do = PromptFiles._do

        def pulled(files: PromptFiles, what: str, action: Callable[[Any], Any]) -> Any:
            self._before(what)
            return do(files, what, action)

        monkeypatch.setattr(PromptFiles, "_do", pulled)

    def arm(self) -> None:
        self._is_armed = True
        self._counts.clear()

    def disarm(self) -> None:
        self._is_armed = False

    def _before(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1
        name = f"{what} {self._counts[what]}"
        if not self._is_armed or name in self.seen:
            return
        self.seen.add(name)
        if len(self.seen) % EXCHANGES:
            return
        self.pulls += 1
        self._is_armed = False
        self._board.unplug_after(1 + crc32(name.encode()) % 30)


def test_a_cable_pulled_in_any_exchange_leaves_a_whole_version_and_a_sentence(
    flashed: FlashBoard, bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = read_bundle(bundles / "new.zip")
    tools, port = Tools(), str(tmp_path / "port")
    old = state(tmp_path)[1]
    stopped = stop_program(tools, port)
    puller = Puller(flashed, monkeypatch)
    while True:
        try:
            with at_prompt(tools, port, stopped) as files:
                there = inspect(files)
                puller.arm()
                install(files, bundle, there, lambda *_: None)
                puller.disarm()
                break
        except (FlashError, BoardError) as error:
            said = str(error)
            assert "check the cable and try again" in said, said
            assert f"version {old} in slot a was kept" in said, said
            flashed.plug()
            chosen, kept, fresh = state(tmp_path)
            assert kept == old and (chosen == "a" or (chosen, fresh) == ("b", NEW)), said
    print(f"the cable was pulled in {puller.pulls} of {len(puller.seen)} exchanges")
    assert puller.pulls == len(puller.seen) // EXCHANGES > 2
    assert state(tmp_path) == ("b", old, NEW)


def test_a_cable_pulled_during_lsev_flash_leaves_the_old_version_and_says_what_to_do(
    flashed: FlashBoard, bundles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = state(tmp_path)[1]
    flashed.unplug_after(50_000)
    assert update(tmp_path, bundles / "new.zip") == 1
    out = capsys.readouterr().out
    assert re.search(r"FAIL: could not write .*version .* was kept.* check the cable", out), out
    flashed.restart()
    assert wait_until(lambda: f'"version":"{old}"' in flashed.printed())


@pytest.mark.parametrize("number", OPERATIONS)
def test_a_supply_cut_while_it_writes_leaves_the_old_version(
    flashed: FlashBoard,
    bundles: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    flashed.cut_power_at(number)
    assert update(tmp_path, bundles / "new.zip") == 1
    assert "FAIL: " in capsys.readouterr().out
    assert state(tmp_path)[0] == "a"


@pytest.mark.parametrize(
    ("wrong", "options", "words"),
    [
        ({"version": "0.0.1"}, (), "version 0.0.1 is older than"),
        ({"board": "esp32"}, ("--force",), "its pins would be driven wrongly"),
        ({"micropython_min": "9.0.0"}, (), "which needs 9.0.0"),
    ][: 3 if PROVE else 1],  # the others too are tested on a board that is a folder
)
def test_what_does_not_fit_is_refused_and_the_old_version_runs_on(
    flashed: FlashBoard,
    bundles: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: dict[str, str],
    options: tuple[str, ...],
    words: str,
) -> None:
    before = state(tmp_path)
    write_bundle(replace(read_bundle(bundles / "first.zip"), **wrong), tmp_path / "wrong.zip")
    starts = len(flashed.resets)
    assert words in refused(tmp_path, tmp_path / "wrong.zip", capsys, *options)
    assert wait_until(lambda: len(flashed.resets) > starts and is_up(flashed))
    assert state(tmp_path) == before


def refused(folder: Path, bundle: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Return what is said of a bundle that is not installed."""
    assert update(folder, bundle, *options) == 1
    out = capsys.readouterr().out
    (said,) = [line for line in out.splitlines() if line.startswith("FAIL: ")]
    assert "nothing was changed" in said and "was kept and keeps running" in said
    return said


@pytest.mark.parametrize("is_empty", [True, False], ids=["first flash", "update"])
def test_a_flash_without_room_says_so_and_stays_as_it_was(
    is_empty: bool,
    first: Path,
    bundles: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image = tmp_path / "image"
    if is_empty:
        blank(image, 64)
    else:
        shutil.copy(first / "image", image)
        (tmp_path / "more").mkdir()
        (tmp_path / "more" / "holiday.jpg").write_bytes(bytes(1 << 20))
        tool("put", image, str(tmp_path / "more"))
    with FlashBoard(tmp_path / "port", image=image):
        assert update(tmp_path, bundles / "new.zip") == 1
    out = capsys.readouterr().out
    assert "the board's flash is full" in out and "nothing was changed" in out
    if not is_empty:
        assert "was kept and keeps running; remove what else is on it: /holiday.jpg" in out
        assert state(tmp_path)[0] == "a"
