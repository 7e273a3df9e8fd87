"""Flash: what is refused before anything is changed, and what `--force` takes."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools import versions_command
from host_tools.board_files import About
from host_tools.bundle import write_bundle
from host_tools.cli import main, make_parser
from host_tools.fit import chip_of, numbers
from host_tools.flash_command import run
from host_tools.slots import FlashError
from tests.unit.answering_board import Terminal
from tests.unit.flashing import AT_PROMPT, LFP, LOST, MOVING, NEW, OLD, Bench, losing, used
from tests.unit.folder_board import VEHICLE, FolderBoard, flashed, make_bundle

pytestmark = pytest.mark.usefixtures("own_folder")
bench = pytest.fixture(used)


def refused(bench, bundle, *options) -> str:
    """Return what a refusal said; the board keeps its version, and is started again."""
    before = bench.board.tree("")
    assert bench.flash(bundle, *options) == 1
    assert bench.board.tree("") == before
    assert bench.board.starts() == "1.0.0"
    return Path("lsev_flash_a1b2c3_20261123_120000.txt").read_text()


def test_an_older_version_is_refused_and_taken_when_forced(bench) -> None:
    older = make_bundle("0.9.9")
    assert "0.9.9 is older than 1.0.0" in refused(bench, older)
    assert bench.board.resets == 1
    assert bench.flash(older, "--force") == 0
    assert bench.board.starts() == "0.9.9"


def test_a_refusal_names_the_version_on_trial_that_runs_on_and_none_older_replaces_it(
    bench, capsys
) -> None:
    assert bench.flash(NEW) == 0
    capsys.readouterr()
    assert bench.flash(make_bundle("1.5.0")) == 1
    out = capsys.readouterr().out
    assert "1.5.0 is older than 2.0.0" in out
    assert "version 2.0.0 in slot b was kept and keeps running" in out
    assert bench.board.starts() == "2.0.0"


def test_a_bundle_for_another_board_is_refused_even_when_forced(bench) -> None:
    other = make_bundle("2.0.0", board="esp32")
    assert "its pins would be driven wrongly; nothing was changed" in refused(
        bench, other, "--force"
    )


def test_another_vehicle_is_refused_and_both_are_named_with_cap_and_chemistry(bench) -> None:
    bench.console.answers["dump"] = ["speed_cap_kmh=44", "chemistry=1", "checksum 11111111"]
    said = refused(bench, LFP)
    assert f"this car is {VEHICLE} (cap 44 km/h, agm)" in said
    assert "the version is for four_wheel_72v_lfp (cap 56 km/h, lfp)" in said
    assert "nothing was changed" in said and "version 1.0.0 in slot a was kept" in said
    assert f"take a version for {VEHICLE}, or --force" in said


def test_another_vehicle_is_refused_where_no_program_answers_and_its_slot_says_what_it_is(
    tmp_path,
) -> None:
    preset = b'PARAMETERS = {"speed_cap_kmh": 45, "chemistry": 1}\n'
    there = replace(OLD, files={**OLD.files, "vehicle.py": preset})
    bench = Bench(flashed(tmp_path / "flash", there), {"id": AT_PROMPT})
    assert f"this car is {VEHICLE} (cap 45 km/h, agm)" in refused(bench, LFP)


def test_another_vehicle_that_is_forced_does_not_get_the_values_of_the_one_before(
    bench, capsys
) -> None:
    losing(bench)
    assert bench.flash(LFP, "--force") == 0
    out = capsys.readouterr().out
    assert f"another vehicle, forced: {VEHICLE} (cap 45 km/h, flooded) becomes" in out
    assert "restore begin" not in bench.console.told
    assert "take them over" not in out and "parameters_lost and does not drive" in out


def test_a_rollback_to_another_vehicle_names_both_and_is_refused_until_it_is_forced(
    bench, capsys
) -> None:
    bench.console.answers["dump"] = ["speed_cap_kmh=44", "chemistry=1", "checksum 11111111"]
    assert bench.flash(LFP, "--force") == 0
    losing(bench)
    bench.console.answers["dump"] = ["speed_cap_kmh=56", "chemistry=3", "checksum 22222222"]
    bench.vehicle = LFP.vehicle
    words = ["rollback", "--yes", "--port", "P"]
    with pytest.raises(FlashError) as refusal:
        versions_command.run_rollback(make_parser().parse_args(words), bench.tools)
    said = str(refusal.value)
    assert "this car is four_wheel_72v_lfp (cap 56 km/h, lfp)" in said
    assert f"the version is for {VEHICLE} (cap 40 km/h, flooded)" in said
    assert "nothing was changed" in said and bench.board.starts() == "2.0.0"
    capsys.readouterr()
    bench.console.answers["faults"] = [LOST]
    args = make_parser().parse_args([*words, "--force"])
    assert versions_command.run_rollback(args, bench.tools) == 0
    out = capsys.readouterr().out
    assert "another vehicle, forced" in out and bench.board.starts() == "1.0.0"
    assert "restore begin" not in bench.console.told and "take them over" not in out


@pytest.mark.parametrize("verb", ["flash", "rollback"])
def test_without_a_terminal_it_wants_yes_and_opens_no_port(verb, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main([verb, "--port", "./nowhere"]) == 2
    assert "no terminal to ask at; nothing was changed; give --yes" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["", "\n", "n\n"])
def test_end_of_input_and_no_answer_at_a_terminal_are_a_no(bench, typed, monkeypatch) -> None:
    assert bench.flash(NEW) == 0
    for verb in (["flash", "--bundle", "bundle.zip"], ["rollback"]):
        monkeypatch.setattr("sys.stdin", Terminal(typed))
        args = make_parser().parse_args([*verb, "--port", "P"])
        before = bench.board.tree("")
        assert args.run(args, bench.tools) == 1
        assert bench.board.tree("") == before


def test_a_car_that_could_move_is_not_stopped(bench, capsys) -> None:
    bench.console.answers["repl"] = MOVING
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert "the car could move" in out and "moves at 12 km/h" in out and "key off" in out
    assert bench.board.operations == 0 or bench.board.starts() == "1.0.0"
    assert bench.board.resets == 0


def test_a_micropython_that_is_too_old_or_another_chip_is_refused(tmp_path: Path) -> None:
    for about, why in (
        (About("1.22.0", "ESP32S3 with ESP32S3", 6, "a1b2c3", 512, 0), "cannot run the bundle"),
        (About("1.29.0", "ESP32S3 with ESP32S3", 5, "a1b2c3", 512, 0), "cannot run the bundle"),
        (About("1.29.0", "Generic ESP32 with ESP32", 6, "a1b2c3", 512, 0), "the chip is ESP32"),
    ):
        board = FolderBoard(tmp_path / "blank", about)
        bench = Bench(board, {"id": AT_PROMPT})
        assert bench.flash(NEW) == 1
        assert why in Path("lsev_flash_a1b2c3_20261123_120000.txt").read_text()
        assert board.operations == 0


def test_a_blank_board_needs_to_be_told_what_it_is_for(tmp_path: Path, capsys) -> None:
    bench = Bench(FolderBoard(tmp_path / "blank"), {"id": AT_PROMPT})
    assert run(make_parser().parse_args(["flash", "--yes", "--port", "P"]), bench.tools) == 1
    assert "give --board and --vehicle" in capsys.readouterr().out


def test_a_damaged_bundle_is_refused_before_a_port_is_opened(bench, capsys) -> None:
    write_bundle(NEW, Path("bundle.zip"))
    Path("bundle.zip").write_bytes(Path("bundle.zip").read_bytes()[:-9])
    assert main(["flash", "--port", "nowhere", "--bundle", "bundle.zip"]) == 2
    assert "no whole bundle" in capsys.readouterr().err


def test_a_chip_and_a_version_are_read_out_of_their_texts() -> None:
    assert chip_of("Generic ESP32S3 module with Octal-SPIRAM with ESP32S3") == "ESP32S3"
    assert chip_of("ESP32-S3 board with ESP32-S3") == "ESP32S3"
    assert chip_of("linux [GCC 14.2.1] version") == ""
    assert numbers("0.10.2-dev3") == (0, 10, 2) > numbers("0.9") == (0, 9, 0)
