"""Flash: what is refused, what is told, and that the old version runs on whatever happens."""

import io
import json
import os
import re
import signal
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest

from host_tools import versions_command
from host_tools.arguments import InputError
from host_tools.board_files import About
from host_tools.bundle import ROOT, write_bundle
from host_tools.cli import main, make_parser
from host_tools.endings import Ended
from host_tools.fit import chip_of, numbers
from host_tools.flash_command import run
from host_tools.flash_steps import Tools
from host_tools.link import LinkError
from host_tools.ports import PortError
from host_tools.slot_record import Record, encode
from host_tools.slots import FlashError
from tests.unit.answering_board import Terminal
from tests.unit.flashing import AT_PROMPT, DUMP, LOST, NEW, OLD, Bench, losing
from tests.unit.folder_board import VEHICLE, FolderBoard, flashed, make_bundle

pytestmark = pytest.mark.usefixtures("own_folder")

MOVING = LinkError(88, "moving", "the car moves at 12 km/h")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    board = flashed(tmp_path / "flash", OLD)
    (board.root / "records" / "a").mkdir(parents=True)
    (board.root / "records" / "a" / "odometer").write_bytes(b"12 km")
    return Bench(board)


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


def test_a_bundle_for_another_board_is_refused_even_when_forced(bench) -> None:
    other = make_bundle("2.0.0", board="esp32")
    assert "its pins would be driven wrongly; nothing was changed" in refused(
        bench, other, "--force"
    )


LFP = replace(
    NEW,
    vehicle="four_wheel_72v_lfp",
    files={
        **NEW.files,
        "vehicle.py": b'PARAMETERS = {"speed_cap_kmh": 56, "chemistry": 3}\n',
    },
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


def test_parameters_that_are_other_after_the_start_are_named(bench, capsys) -> None:
    dumps = iter([DUMP])
    bench.console.answers["dump"] = lambda _: next(dumps, ["speed_cap_kmh=40", *DUMP[1:]])
    assert bench.flash(NEW) == 0
    out = capsys.readouterr().out
    assert "other than before: speed_cap_kmh" in out and "lsev params restore" in out


def test_parameters_that_the_new_version_lost_are_given_back_and_a_person_must_look(
    bench, capsys
) -> None:
    losing(bench)
    assert bench.flash(NEW) == 0
    told = bench.console.told
    at = told.index("restore begin")
    assert told[at : at + 6] == ["restore begin", *DUMP, "save", "reboot"]
    assert "clear" not in told
    out = capsys.readouterr().out
    assert "parameters: 2 given back" in out and "the same 2 as before" in out
    assert "parameters_lost and does not drive" in out


def test_parameters_that_the_board_does_not_take_back_are_a_fail_that_names_the_backup(
    bench, capsys
) -> None:
    losing(bench)
    bench.console.answers["checksum"] = LinkError(14, "bad-crc", "not those of the dump")
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert "version 2.0.0 in slot b runs, but the parameters were not given back: not" in out
    assert "lsev params restore" in out and "save" not in bench.console.told
    assert "abort" in bench.console.told


def test_a_key_file_that_is_not_there_does_not_deny_that_the_new_version_runs(
    bench, capsys
) -> None:
    losing(bench)
    bench.console.answers["checksum"] = LinkError(33, "locked", "needs level 2, factory")
    assert bench.flash(NEW, "--key", "nowhere.txt") == 1
    out = capsys.readouterr().out
    assert "version 2.0.0 in slot b runs, but the parameters were not given back: " in out
    assert "nowhere.txt" in out and "lsev params restore" in out


def test_a_board_that_does_not_keep_what_it_took_back_is_locked_again(bench, capsys) -> None:
    losing(bench)
    bench.console.is_unlocked = True
    bench.console.answers |= {"save": LinkError(72, "flash-error", "refused it"), "lock": []}
    assert bench.flash(NEW) == 1
    assert "not given back: refused it" in capsys.readouterr().out
    assert bench.console.told[-1] == "lock"


def test_parameters_of_an_erased_board_come_out_of_its_backup(bench, tmp_path, capsys) -> None:
    bench.flash(NEW)
    (backup,) = tmp_path.glob("lsev_backup_*.zip")
    losing(bench)
    bench.console.answers["faults"] = []
    assert bench.flash(make_bundle("3.0.0"), "--restore", str(backup)) == 0
    assert "parameters: 2 given back" in capsys.readouterr().out


def locked(bench):
    """The board is somebody's: a dump carries its speed cap, which wants the factory key."""
    own = bench.identity
    bench.console.answers |= {
        "id": lambda line: [*own(line), "vehicle_id LSEV-0007", "access view, wrong answers 0"],
        "unlock": [f"level 2 id LSEV-0007 nonce {'ab' * 16} tries 5; `auth HEX` within 60 s"],
        "auth": ["factory until `lock`"],
        "lock": [],
    }
    Path("other.txt").write_text("speed_cap_kmh=45\nreverse_cap_kmh=6\nchecksum 22222222\n")


@pytest.mark.parametrize(
    ("key", "auth", "told"),
    [
        (None, ["factory"], "wants the factory key (level 2)"),
        ("k1=" + "cd" * 16, ["factory"], "has no key of level 2"),
        ("cd" * 16, LinkError(35, "bad-key", "wrong answer for level 2"), "wrong answer for"),
    ],
)
def test_parameters_that_a_locked_board_would_not_take_are_told_before_anything_is_changed(
    bench, monkeypatch, key, auth, told
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    locked(bench)
    bench.console.answers["auth"] = auth
    Path("key.txt").write_text(key or "")
    options = ["--key", "key.txt"] if key else []
    before = bench.board.tree("")
    assert bench.flash(NEW, "--restore", "other.txt", *options) == 1
    (report,) = Path().glob("lsev_flash_*.txt")
    said = report.read_text()
    assert told in said and "nothing was changed; give the vehicle's key with --key" in said
    assert bench.board.tree("") == before and bench.board.resets == 0
    assert "repl" not in bench.console.told


def test_a_locked_board_whose_key_is_given_is_flashed_and_locked_again_before_and_after(
    bench, capsys
) -> None:
    locked(bench)
    bench.console.answers |= {line: [] for line in ("restore", "save", "reboot", "checksum")}
    bench.console.answers |= {"speed_cap_kmh=45": [], "reverse_cap_kmh=6": []}
    Path("key.txt").write_text("cd" * 16)
    assert bench.flash(NEW, "--restore", "other.txt", "--key", "key.txt") == 0
    told = bench.console.told
    assert told.index("unlock 2") < told.index("lock") < told.index("repl")
    assert "2 given back" in capsys.readouterr().out


def test_a_backup_without_parameters_is_refused_before_a_port_is_opened(bench) -> None:
    for data in (b"", b"PK", b"speed_cap_kmh=45"):
        Path("none.zip").write_bytes(data)
        with pytest.raises(InputError, match="nothing was changed"):
            bench.flash(NEW, "--restore", "none.zip")
    with zipfile.ZipFile("none.zip", "w") as archive:
        archive.writestr("id.txt", "version 1")
    with pytest.raises(InputError, match="another backup, or flash without --restore"):
        bench.flash(NEW, "--restore", "none.zip")
    assert bench.console.told == []


def test_a_damaged_bundle_is_refused_before_a_port_is_opened(bench, capsys) -> None:
    write_bundle(NEW, Path("bundle.zip"))
    Path("bundle.zip").write_bytes(Path("bundle.zip").read_bytes()[:-9])
    assert main(["flash", "--port", "nowhere", "--bundle", "bundle.zip"]) == 2
    assert "no whole bundle" in capsys.readouterr().err


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


def test_a_damaged_selector_is_told_and_left_until_it_is_asked_for(bench, capsys) -> None:
    whole = bench.board.read("/main.py")
    (bench.board.root / "main.py").write_bytes(whole[:-9])
    bench.flash(NEW)
    assert "other than this lsev's: /main.py: left as they are; --root" in capsys.readouterr().out
    assert bench.board.read("/main.py") == whole[:-9]
    assert bench.flash(make_bundle("3.0.0"), "--root") == 0
    assert "/main.py: put anew" in capsys.readouterr().out
    assert bench.board.read("/main.py") == whole


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


def test_a_chip_and_a_version_are_read_out_of_their_texts() -> None:
    assert chip_of("Generic ESP32S3 module with Octal-SPIRAM with ESP32S3") == "ESP32S3"
    assert chip_of("ESP32-S3 board with ESP32-S3") == "ESP32S3"
    assert chip_of("linux [GCC 14.2.1] version") == ""
    assert numbers("0.10.2-dev3") == (0, 10, 2) > numbers("0.9") == (0, 9, 0)
