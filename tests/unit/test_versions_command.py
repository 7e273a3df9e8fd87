"""`versions` and `rollback`: both slots, and back to the other one."""

import json
import re
import zipfile
from pathlib import Path

import pytest

from host_tools import versions_command
from host_tools.cli import make_parser
from host_tools.slot_record import Record, encode
from host_tools.slots import FlashError
from tests.unit.flashing import DUMP, LOST, NEW, OLD, losing, used
from tests.unit.folder_board import VEHICLE, make_bundle

pytestmark = pytest.mark.usefixtures("own_folder")
bench = pytest.fixture(used)


def test_versions_shows_both_slots(bench, capsys) -> None:
    bench.flash(NEW)
    capsys.readouterr()
    args = make_parser().parse_args(["versions", "--port", "P"])
    assert versions_command.run_versions(args, bench.tools) == 0
    out = capsys.readouterr().out
    assert "slot a: version 1.0.0" in out and "slot b: version 2.0.0" in out
    assert "chosen: slot b, on trial" in out


def test_versions_tells_two_builds_of_one_version_apart(bench, capsys) -> None:
    again = make_bundle("1.0.0", "more")
    bench.flash(again)
    capsys.readouterr()
    args = make_parser().parse_args(["versions", "--port", "P"])
    assert versions_command.run_versions(args, bench.tools) == 0
    out = capsys.readouterr().out
    assert f"slot a: version 1.0.0 for esp32_s3, {VEHICLE}, sum {OLD.total[:8]}\n" in out
    assert f"slot b: version 1.0.0 for esp32_s3, {VEHICLE}, sum {again.total[:8]}\n" in out
    args.json = True
    versions_command.run_versions(args, bench.tools)
    slots = json.loads(capsys.readouterr().out)["slots"]
    assert [slot["sum"] for slot in slots] == [OLD.total, again.total]


def test_a_rollback_starts_the_other_version_and_a_second_one_comes_back(bench, capsys) -> None:
    bench.flash(NEW)
    for written in Path().glob("lsev_backup_*.zip"):
        written.unlink()
    args = make_parser().parse_args(["rollback", "--yes", "--port", "P"])
    assert versions_command.run_rollback(args, bench.tools) == 0
    assert bench.board.starts() == "1.0.0"
    out = capsys.readouterr().out
    assert "PASS: version 1.0.0 in slot a runs" in out
    backup = re.findall(r"backup: (\S+)", out)[-1]
    with zipfile.ZipFile(backup) as archive:
        assert archive.read("dump.txt").decode().splitlines() == DUMP
    Path(backup).unlink()
    assert versions_command.run_rollback(args, bench.tools) == 0
    assert bench.board.starts() == "2.0.0"


def test_a_rollback_to_a_version_that_cannot_read_the_parameters_gives_them_back(
    bench, capsys
) -> None:
    assert bench.flash(NEW) == 0
    losing(bench)
    bench.console.answers["faults"] = lambda _: [LOST] if bench.starts() == "1.0.0" else []
    args = make_parser().parse_args(["rollback", "--yes", "--port", "P"])
    assert versions_command.run_rollback(args, bench.tools) == 0
    out = capsys.readouterr().out
    assert "parameters: 2 given back" in out and "the same 2 as before" in out
    assert "parameters_lost and does not drive" in out


def test_versions_says_why_a_slot_was_given_up(bench, capsys) -> None:
    bench.flash(NEW)
    (bench.board.root / "slot").write_bytes(encode(Record("a", 0, True, "b", "ImportError: x")))
    args = make_parser().parse_args(["versions", "--port", "P"])
    assert versions_command.run_versions(args, bench.tools) == 0
    assert "slot b was given up: ImportError: x" in capsys.readouterr().out


def test_a_rollback_without_another_version_is_refused(bench) -> None:
    args = make_parser().parse_args(["rollback", "--yes", "--port", "P"])
    with pytest.raises(FlashError, match=r"no whole version to go back to; version 1\.0\.0"):
        versions_command.run_rollback(args, bench.tools)
    assert bench.board.starts() == "1.0.0"
