"""Flashing from end to end: this firmware, real littlefs, mpremote's protocol over a port.

The cable is pulled at 2 places of an update and the supply at 1, at 20 each with LSEV_PROVE=1.
"""

import json
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from host_tools.bundle import Bundle, build, write_bundle
from host_tools.cli import main
from sim.flash_board import FlashBoard

BOARD, VEHICLE = "esp32_s3", "four_wheel_60v_agm"
NEW, BROKEN = "7.0.0", "8.0.0"
PROVE = bool(os.environ.get("LSEV_PROVE"))
# An update sends about 330 kB, and its flash is programmed and erased about 2 900 times.
SENT_BYTES = range(2_000, 312_000, 15_500) if PROVE else (2_000, 120_000)
OPERATIONS = range(50, 2_650, 130) if PROVE else (500,)


@contextmanager
def powered(folder: Path, image: Path, blocks: int = 512) -> Generator[FlashBoard]:
    with FlashBoard(folder / "port", image=image, block_count=blocks) as board:
        yield board


def lsev(folder: Path, *words: str) -> int:
    """Run a command on the board of a folder."""
    return main([words[0], "--port", str(folder / "port"), *words[1:]])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, interpreter: str) -> tuple[Path, str]:
    """The flash of a board that was empty and got this firmware, and what was said."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch, powered(folder, folder / "image"):
        patch.chdir(folder)
        status = lsev(folder, "flash", "--yes", "--board", BOARD, "--vehicle", VEHICLE)
        said = next(folder.glob("lsev_flash_*.txt")).read_text()
    assert status == 0, said
    return folder / "image", said


@pytest.fixture
def flashed(
    first: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[FlashBoard]:
    """That board, switched on."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(first[0], tmp_path / "image")
    with powered(tmp_path, tmp_path / "image") as board:
        yield board


@pytest.fixture
def make(
    copied_firmware: Callable[[str, str, str], Path], tmp_path: Path
) -> Callable[[str, str], Bundle]:
    """Return make(version, line): bundle.zip of this firmware with a line put into its main.py."""

    def with_line(version: str, line: str) -> Bundle:
        firmware = copied_firmware("main.py", 'VERSION = "', f'{line}\nVERSION = "{version}" or "')
        text = (firmware / "main.py").read_text().replace(f'"{version}" or "', f'"{version}"  # ')
        (firmware / "main.py").write_text(text)
        bundle = build(BOARD, VEHICLE, firmware)
        write_bundle(bundle, tmp_path / "bundle.zip")
        return bundle

    return with_line


def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return what `lsev versions` says: the slot that is chosen, and the version in each."""
    capsys.readouterr()
    assert lsev(folder, "versions", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    versions = {s["slot"]: s["version"] if s["whole"] else None for s in found["slots"]}
    return {"chosen": found["chosen"]["slot"], **versions}


def test_an_empty_board_gets_the_firmware_and_runs_it(first: tuple[Path, str]) -> None:
    assert "no slot is chosen" in first[1]
    assert "runs and has passed its self-test" in first[1]
    assert first[1].endswith("PASS\n")


def test_an_update_runs_beside_the_old_version_and_a_rollback_goes_back(
    flashed: FlashBoard,
    make: Callable[[str, str], Bundle],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(NEW, "")
    assert lsev(tmp_path, "flash", "--yes", "--bundle", "bundle.zip") == 0
    out = capsys.readouterr().out
    assert f"version {NEW} runs and has passed its self-test" in out
    assert "parameters: the same" in out
    there = shown(tmp_path, capsys)
    assert (there["chosen"], there["b"]) == ("b", NEW) and there["a"]
    assert lsev(tmp_path, "rollback", "--yes") == 0
    assert f"PASS: version {there['a']} in slot a runs" in capsys.readouterr().out


def test_a_version_that_cannot_be_imported_gives_way_to_the_old_one(
    flashed: FlashBoard,
    make: Callable[[str, str], Bundle],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make(BROKEN, "import no_such_module")
    assert lsev(tmp_path, "flash", "--yes", "--bundle", "bundle.zip") == 1
    out = capsys.readouterr().out
    assert f"version {BROKEN} was installed, but version" in out
    assert "given up: ImportError" in flashed.printed()
    assert shown(tmp_path, capsys)["chosen"] == "a"


@pytest.mark.parametrize("sent", SENT_BYTES)
def test_a_cable_pulled_while_it_copies_leaves_the_old_version(
    flashed: FlashBoard,
    make: Callable[[str, str], Bundle],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sent: int,
) -> None:
    make(NEW, "")
    flashed.unplug_after(sent)
    assert lsev(tmp_path, "flash", "--yes", "--bundle", "bundle.zip") == 1
    out = capsys.readouterr().out
    assert "FAIL: " in out and ("was kept" in out or "nothing was changed" in out), out
    flashed.restart()
    assert shown(tmp_path, capsys)["chosen"] == "a"


@pytest.mark.parametrize("number", OPERATIONS)
def test_a_supply_cut_while_it_writes_leaves_the_old_version(
    flashed: FlashBoard,
    make: Callable[[str, str], Bundle],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    make(NEW, "")
    flashed.cut_power_at(number)
    assert lsev(tmp_path, "flash", "--yes", "--bundle", "bundle.zip") == 1
    assert "FAIL: " in capsys.readouterr().out
    flashed.restart()
    assert shown(tmp_path, capsys)["chosen"] == "a"


def test_wrong_board_older_version_and_damaged_file_change_nothing(
    flashed: FlashBoard,
    make: Callable[[str, str], Bundle],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make("0.0.1", "")
    assert lsev(tmp_path, "flash", "--yes", "--bundle", "bundle.zip") == 1
    assert "0.0.1 is older than" in capsys.readouterr().out
    data = bytearray((tmp_path / "bundle.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bundle.zip").write_bytes(data)
    assert lsev(tmp_path, "flash", "--yes", "--bundle", "bundle.zip") == 2
    assert "no whole bundle" in capsys.readouterr().err
    assert lsev(tmp_path, "flash", "--yes", "--board", "esp32", "--vehicle", VEHICLE) == 1
    assert "its pins would be driven wrongly" in capsys.readouterr().out
    there = shown(tmp_path, capsys)
    assert (there["chosen"], there["b"]) == ("a", None)


def test_a_flash_too_small_for_the_bundle_says_so_and_stays_as_it_was(
    interpreter: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with powered(tmp_path, tmp_path / "image", blocks=64):
        assert lsev(tmp_path, "flash", "--yes", "--board", BOARD, "--vehicle", VEHICLE) == 1
    out = capsys.readouterr().out
    assert "the board's flash is full" in out and "nothing was changed" in out
