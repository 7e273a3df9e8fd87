"""Flash bench: many boards at once, and what each of them runs when a person stops it."""

import errno
import os
import signal
import threading
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.bundle import write_bundle
from host_tools.cli import main, make_parser
from host_tools.endings import Ended, ended_by_signals
from host_tools.flash_command import run
from host_tools.flash_screen import Bench as Rows
from host_tools.flash_steps import Tools
from host_tools.slots import FlashError
from tests.unit.answering_board import Terminal
from tests.unit.flashing import NEW, OLD, Bench
from tests.unit.folder_board import FolderBoard, flashed

PATIENCE_S = 30.0
WORDS = ["flash", "--yes", "--bundle", "b.zip", "--all", "P0", "P1"]


@pytest.fixture
def boards(own_folder: Path) -> Generator[dict[str, Bench]]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job has it ignored
    write_bundle(NEW, Path("b.zip"))
    yield {f"P{n}": Bench(flashed(own_folder / f"flash{n}", OLD)) for n in range(2)}
    signal.signal(signal.SIGINT, before)


def tools_of(boards: dict[str, Bench]) -> Tools:
    return replace(
        boards["P0"].tools,
        link=lambda port, tap: boards[port].link(port, tap),
        prompt=lambda port: boards[port].board.open(port),
    )


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the main thread has been stopped by the signal."""
    event, stop = threading.Event(), Rows.stop

    def stop_and_tell(rows, reason):
        stop(rows, reason)
        event.set()

    monkeypatch.setattr(Rows, "stop", stop_and_tell)
    return event


def is_stopped_in_write(
    board: FolderBoard, number: int, at: int, stopped: threading.Event
) -> None:
    """Have the process get a signal while that board writes its at-th file."""
    write, writes = board.write, []

    def written(path, data, progress=None):
        writes.append(path)
        if len(writes) == at:
            os.kill(os.getpid(), number)
            assert stopped.wait(PATIENCE_S)
        write(path, data, progress)

    board.write = written


@pytest.mark.parametrize(
    ("number", "stop", "who"),
    [(signal.SIGINT, KeyboardInterrupt, "Ctrl-C"), (signal.SIGTERM, Ended, "a signal")],
)
def test_a_bench_that_is_stopped_ends_every_board_and_says_of_each_what_it_runs(
    boards, stopped, capsys, number, stop, who
) -> None:
    is_stopped_in_write(boards["P1"].board, number, 2, stopped)
    with pytest.raises(stop), ended_by_signals():
        run(make_parser().parse_args(WORDS), tools_of(boards))
    first, second = capsys.readouterr().out.splitlines()
    assert second.startswith(f"P1  FAIL: stopped by {who}; version 1.0.0 in slot a was kept")
    assert first.startswith("P0  PASS") or f"P0  FAIL: stopped by {who}; " in first
    assert boards["P1"].board.starts() == "1.0.0" and boards["P1"].board.resets == 1


def test_boards_that_wait_for_their_start_when_it_is_stopped_say_what_was_chosen(
    boards, stopped, capsys
) -> None:
    both = threading.Barrier(2)

    def sleep(seconds):
        if both.wait(PATIENCE_S) == 0:
            os.kill(os.getpid(), signal.SIGINT)
        assert stopped.wait(PATIENCE_S)

    boards["P1"].console.answers["status"] = ["mode SELFTEST"]
    boards["P0"].console.answers["status"] = ["mode SELFTEST"]
    with pytest.raises(KeyboardInterrupt):
        run(make_parser().parse_args(WORDS), replace(tools_of(boards), sleep=sleep))
    lines = capsys.readouterr().out.splitlines()
    for line, port in zip(lines, boards, strict=True):
        assert line.startswith(f"{port}  FAIL: stopped by Ctrl-C; all of version 2.0.0 in slot b")


def test_a_last_line_that_is_wider_than_the_terminal_is_told_whole(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    rows = Rows(["P0", "P1"])
    rows.show("P0", "FAIL: " + "why " * 30 + "and what to do")
    rows.show("P1", "PASS")
    capsys.readouterr()
    rows.end()
    out = capsys.readouterr().out
    assert out.endswith("and what to do\n") and "P1" not in out


def test_a_person_is_shown_the_ports_and_asked_once_before_any_board_is_stopped(
    boards, capsys, monkeypatch
) -> None:
    words = [word for word in WORDS if word != "--yes"]
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(FlashError, match="nothing was changed, as you wished"):
        run(make_parser().parse_args(words), tools_of(boards))
    shown = capsys.readouterr().out
    assert shown.startswith("P0\nP1\nstop and flash what is at these ports (2)? [y/N]")
    assert not any(board.console.told for board in boards.values())
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run(make_parser().parse_args(words), tools_of(boards)) == 0
    assert "2 of 2 passed" in capsys.readouterr().out


def test_a_backup_that_cannot_be_written_fails_its_board_alone(
    boards, capsys, monkeypatch
) -> None:
    def back_up(files, state, before, path):
        if "P0" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return "backup: none"

    monkeypatch.setattr("host_tools.flash_command.back_up", back_up)
    assert run(make_parser().parse_args(WORDS), tools_of(boards)) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("P0  FAIL: ") and "No space left on device" in first
    assert "nothing was changed; version 1.0.0 in slot a was kept" in first
    assert second.startswith("P1  PASS") and last == "1 of 2 passed"
    assert boards["P0"].board.starts() == "1.0.0"


def test_a_bench_without_a_port_says_so(boards, monkeypatch, capsys) -> None:
    monkeypatch.setattr("host_tools.flash_bench.find_ports", dict)
    assert main(["flash", "--yes", "--bundle", "b.zip", "--all"]) == 2
    assert "no serial port was found" in capsys.readouterr().err
