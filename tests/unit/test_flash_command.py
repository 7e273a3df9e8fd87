"""Flash: what is told and kept, and that the old version runs on whatever happens."""

import os
import signal
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest

from host_tools import versions_command
from host_tools.bundle import ROOT, write_bundle
from host_tools.cli import main, make_parser
from host_tools.endings import Ended
from host_tools.flash_command import run
from host_tools.flash_screen import Screen
from host_tools.flash_steps import Tools
from host_tools.ports import PortError
from host_tools.slot_record import Record, encode
from tests.unit.flashing import DUMP, LFP, LOST, MOVING, NEW, OLD, Bench, used
from tests.unit.folder_board import VEHICLE, flashed, make_bundle

pytestmark = pytest.mark.usefixtures("own_folder")
bench = pytest.fixture(used)


def test_an_update_passes_with_a_report_and_a_backup(bench, capsys) -> None:
    assert bench.flash(NEW) == 0
    out = capsys.readouterr().out
    assert "version 2.0.0 in slot b runs and has passed its self-test" in out
    assert "PASS (report: lsev_flash_a1b2c3_20261123_120000.txt)" in out
    report = Path("lsev_flash_a1b2c3_20261123_120000.txt").read_text()
    assert NEW.total in report and report.endswith("PASS\n") and "the same 2 as before" in report
    assert bench.board.starts() == "2.0.0" and bench.board.resets == 1
    assert bench.console.told.index("dump") < bench.console.told.index("repl")


def test_a_report_that_cannot_be_written_denies_no_flash_and_one_that_is_there_is_kept(
    bench, capsys
) -> None:
    assert bench.flash(NEW, "--report", "nowhere/x.txt") == 0
    out = capsys.readouterr().out
    assert "PASS (no report: nowhere/x.txt: No such file or directory)" in out
    assert bench.board.starts() == "2.0.0"
    Path("kept.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        bench.flash(make_bundle("3.0.0"), "--report", "kept.txt")
    assert Path("kept.txt").read_text() == "mine" and bench.board.starts() == "2.0.0"


def test_the_backup_has_parameters_fault_history_and_all_records(bench) -> None:
    bench.flash(NEW)
    with zipfile.ZipFile("lsev_backup_a1b2c3_20261123_120000.zip") as archive:
        assert archive.read("records/a/odometer") == b"12 km"
        assert archive.read("dump.txt").decode().splitlines() == DUMP
        assert b"pedal_a_low" in archive.read("faults_hist.txt")


def test_the_backup_holds_keys_and_is_its_owners_alone_before_any_byte_is_in_it(
    bench, capsys, monkeypatch
) -> None:
    modes = []

    class Watched(zipfile.ZipFile):
        def __init__(self, path, *words):
            if "lsev_backup" in str(path):
                modes.append(Path(path).stat().st_mode & 0o777)
            super().__init__(path, *words)

    monkeypatch.setattr("host_tools.flash_steps.zipfile.ZipFile", Watched)
    (bench.board.root / "records" / "a" / "identity").write_bytes(b"k1 k2")
    assert bench.flash(NEW) == 0
    name = "lsev_backup_a1b2c3_20261123_120000.zip"
    assert modes == [0o600] and Path(name).stat().st_mode & 0o777 == 0o600
    assert (
        f"backup: {name} (it holds the vehicle's keys: only you can read it, keep it so)"
        in capsys.readouterr().out
    )


def test_a_backup_of_a_board_without_keys_claims_none(bench, capsys) -> None:
    assert bench.flash(NEW) == 0
    out = capsys.readouterr().out
    assert "backup: lsev_backup_a1b2c3_20261123_120000.zip\n" in out and "keys" not in out


def test_git_leaves_alone_what_a_flash_writes(bench, tmp_path) -> None:
    bench.flash(NEW)
    patterns = (ROOT / ".gitignore").read_text().split()
    written = [path.name for path in tmp_path.glob("lsev_*")]
    assert len(written) == 2
    for name in (*written, "board.img"):
        assert any(fnmatch(name, pattern) for pattern in patterns), name


@pytest.mark.parametrize(
    ("stop", "who"), [(KeyboardInterrupt(), "Ctrl-C"), (Ended(15), "a signal")]
)
def test_who_stops_it_leaves_a_report_that_says_what_was_kept(bench, capsys, stop, who) -> None:
    writes = []
    write = bench.board.write

    def stop_in_the_fourth(path, data, progress=None):
        writes.append(path)
        if len(writes) == 4:
            raise stop
        write(path, data, progress)

    bench.board.write = stop_in_the_fourth
    with pytest.raises(type(stop)):
        bench.flash(NEW)
    out = capsys.readouterr().out
    assert f"stopped by {who}; version 1.0.0 in slot a was kept" in out and "lsev flash" in out
    assert bench.board.starts() == "1.0.0" and bench.board.resets == 1
    assert Path("lsev_flash_a1b2c3_20261123_120000.txt").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminal_that_is_closed_ends_a_command_by_way_of_its_clean_up(
    number, monkeypatch, capsys
) -> None:
    def close(name):
        os.kill(os.getpid(), number)

    monkeypatch.setattr(versions_command, "choose_port", close)
    assert main(["versions"]) == 128 + number
    assert "stopped by a signal" in capsys.readouterr().err


def test_a_port_that_is_not_there_is_no_failed_board(capsys) -> None:
    write_bundle(NEW, Path("bundle.zip"))
    assert main(["flash", "--yes", "--port", "./nowhere", "--bundle", "bundle.zip"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not list(Path.cwd().glob("lsev_flash_*"))


def test_a_version_that_gives_up_is_a_fail_that_names_what_runs(bench, capsys) -> None:
    bench.starts = lambda: "1.0.0"
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert f"2.0.0 in slot b was chosen, but version 1.0.0 runs, for {VEHICLE}: the chosen" in out
    assert "given up: ImportError" in out and "can be used as before" in out


def test_a_version_that_gives_up_and_has_lost_the_parameters_says_where_they_are(
    bench, capsys
) -> None:
    bench.starts = lambda: "1.0.0"
    dumps = iter([DUMP])
    bench.console.answers["dump"] = lambda _: next(dumps, ["speed_cap_kmh=40", *DUMP[1:]])
    assert bench.flash(LFP, "--force") == 1
    out = capsys.readouterr().out
    assert "not those of before (speed_cap_kmh): `lsev params restore` with dump.txt" in out
    assert "as before;" not in out
    bench.console.answers |= {"dump": DUMP, "faults": lambda _: [LOST]}
    assert bench.flash(NEW) == 1
    assert "not those of before (the record is lost)" in capsys.readouterr().out


def test_why_a_version_was_given_up_is_told_though_nobody_heard_the_board_say_so(
    bench, capsys
) -> None:
    @contextmanager
    def silent(port, tap):
        yield bench.console

    bench.tools = replace(bench.tools, link=silent)
    given_up = Record("a", 0, True, "b", "ImportError: no module named 'x'")

    def give_up():
        if bench.board.resets == 1:  # the restart into the new version
            (bench.board.root / "slot").write_bytes(encode(given_up))
        return "1.0.0"

    bench.starts = give_up
    assert bench.flash(NEW) == 1
    assert "slot b was given up: ImportError: no module named 'x'" in capsys.readouterr().out
    assert bench.board.resets == 1


def test_a_board_that_does_not_come_back_is_a_fail_that_says_what_to_do(bench, capsys) -> None:
    said = iter(["1.0.0"])
    bench.starts = lambda: next(said, "")
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert "has not started it: it is at MicroPython's prompt and drives nothing" in out
    assert "after two failed starts" in out
    assert "lsev versions" in out


def test_a_self_test_that_does_not_end_is_a_fail(bench, capsys) -> None:
    bench.console.answers["status"] = ["mode SELFTEST, contactor open"]
    assert bench.flash(NEW) == 1
    assert "its self-test does not end" in capsys.readouterr().out


def test_a_cable_pulled_at_any_operation_leaves_a_version_and_a_report(bench, capsys) -> None:
    for at in range(0, 60, 3):
        bench.board.operations, bench.board.cut_at = 0, at
        status = bench.flash(NEW, "--force")
        bench.board.cut_at = -1
        out = capsys.readouterr().out
        assert bench.board.starts() in ("1.0.0", "2.0.0")
        if status:
            assert "no answer" in out and "check the cable" in out
            assert "kept and keeps running" in out or "chosen is not known" in out
    assert bench.board.starts() == "2.0.0"


def test_a_cut_that_leaves_a_torn_file_in_a_full_slot_does_not_call_it_whole(
    bench, capsys
) -> None:
    settle = bench.board.settle

    def tear(folder):
        bench.board.cut_at, bench.board.cut = bench.board.operations, "torn"
        settle(folder)

    bench.board.settle = tear
    assert bench.flash(NEW) == 1
    bench.board.cut_at, out = -1, capsys.readouterr().out
    assert "version 2.0.0 was written to slot b and read back, but whether it is whole now" in out
    assert "not known (`lsev versions` shows it); version 1.0.0 in slot a was kept; check" in out
    args = make_parser().parse_args(["versions", "--port", "P"])
    assert versions_command.run_versions(args, bench.tools) == 0
    assert "slot b: main.mpy~ is not of version 2.0.0" in capsys.readouterr().out


def test_many_boards_get_one_line_each(tmp_path: Path, capsys, monkeypatch) -> None:
    boards = {f"P{n}": flashed(tmp_path / f"flash{n}", OLD) for n in range(3)}
    benches = {port: Bench(board) for port, board in boards.items()}
    benches["P1"].console.answers["repl"] = MOVING
    monkeypatch.setattr("host_tools.flash_bench.find_ports", lambda: dict.fromkeys(boards, ""))
    first = benches["P0"]
    tools = Tools(
        lambda port, tap: benches[port].link(port, tap),
        lambda port: boards[port].open(port),
        first.clock,
        first.sleep,
        first.now,
    )
    write_bundle(NEW, Path("b.zip"))
    words = ["flash", "--all", "--yes", "--bundle", "b.zip"]
    assert run(make_parser().parse_args(words), tools) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[:8] for line in lines] == ["P0  PASS", "P1  FAIL", "P2  PASS", "2 of 3 p"]
    assert len(list(tmp_path.glob("lsev_flash_*.txt"))) == 3


def test_named_ports_are_flashed_each_once_and_one_that_is_not_there_fails_alone(
    tmp_path: Path, capsys
) -> None:
    bench = Bench(flashed(tmp_path / "flash", OLD))
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "P").symlink_to(tmp_path / "P")

    @contextmanager
    def link(port, tap):
        if port == "none":
            raise PortError("nothing is at none")
        yield bench.console

    write_bundle(NEW, Path("b.zip"))
    words = ["flash", "--yes", "--bundle", "b.zip", "--all", "P", "none", "dev/P"]
    assert run(make_parser().parse_args(words), replace(bench.tools, link=link)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("dev/P  PASS") and lines[2:] == ["1 of 2 passed"]
    assert list(tmp_path.glob("lsev_flash_a1b2c3_devP_*.txt"))
    assert lines[1].startswith("none  FAIL: nothing is at none")
    assert bench.board.starts() == "2.0.0" and bench.board.resets == 1


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space")])
def test_an_output_that_is_lost_ends_a_flash_with_a_report(
    bench, error: OSError, monkeypatch
) -> None:
    def tell(screen: Screen, text: str) -> None:
        raise error

    monkeypatch.setattr(Screen, "tell", tell)
    with pytest.raises(type(error)):
        bench.flash(NEW)
    report = Path("lsev_flash_a1b2c3_20261123_120000.txt").read_text()
    assert "FAIL: stopped by a lost output; " in report and "slot a" in report
    assert bench.board.starts() == "1.0.0"


def test_a_damaged_selector_is_told_and_left_until_it_is_asked_for(bench, capsys) -> None:
    whole = bench.board.read("/main.py")
    (bench.board.root / "main.py").write_bytes(whole[:-9])
    bench.flash(NEW)
    assert "other than this lsev's: /main.py: left as they are; --root" in capsys.readouterr().out
    assert bench.board.read("/main.py") == whole[:-9]
    assert bench.flash(make_bundle("3.0.0"), "--root") == 0
    assert "/main.py: put anew" in capsys.readouterr().out
    assert bench.board.read("/main.py") == whole
