"""What boot.py does to the pins before anything else, and what it says where it cannot."""

import runpy
import sys
from types import ModuleType, SimpleNamespace

import pytest

from tests.unit.pin_bench import BOARDS, ROOT, asked_board, load_board, wired

bench = pytest.fixture(wired)
board = pytest.fixture(params=BOARDS)(asked_board)


def boot(bench, monkeypatch, board):
    fake = ModuleType("micropython")
    sizes = []
    fake.kbd_intr = lambda byte: bench.events.append(("kbd_intr", byte))
    fake.alloc_emergency_exception_buf = sizes.append
    monkeypatch.setitem(sys.modules, "micropython", fake)
    monkeypatch.setitem(sys.modules, "board", board)
    runpy.run_path(str(ROOT / "firmware" / "boot.py"))
    return sizes


def test_boot_drives_every_actuator_low_and_clears_the_shift_register(
    bench, monkeypatch, board, capsys
):
    assert boot(bench, monkeypatch, board) == [100]
    for name in board.ACTUATORS:
        number = getattr(board, name)
        if 0 <= number < 100:
            assert bench.events.count(("make", number, 0)) == 1
    if board.SHIFT_CLOCK >= 0:
        assert bench.events.count(("pin", board.SHIFT_CLOCK, 1)) == 8
        assert bench.events[-2:] == [("pin", board.SHIFT_LATCH, 1), ("pin", board.SHIFT_LATCH, 0)]
        for signal in ("SHIFT_DATA", "SHIFT_CLOCK", "SHIFT_LATCH"):
            assert ("make", getattr(board, signal), 0) in bench.events
    assert all(level == 0 for level in bench.levels.values())
    assert capsys.readouterr().out == ""


def test_no_ctrl_c_ends_boot_before_the_first_pin_is_driven(bench, monkeypatch):
    boot(bench, monkeypatch, load_board("esp32_s3"))
    assert bench.events.index(("kbd_intr", -1)) == 0 < len(bench.events) - 1


def test_boot_goes_on_when_one_actuator_fails(bench, monkeypatch, board, capsys):
    names = list(board.ACTUATORS)
    del board.CONTACTOR
    assert boot(bench, monkeypatch, board) == [100]
    assert "CONTACTOR" in capsys.readouterr().out
    for name in names:
        number = getattr(board, name, -1)
        if 0 <= number < 100:
            assert bench.levels[number] == 0


def test_boot_says_when_the_shift_register_cannot_be_cleared(bench, monkeypatch, capsys):
    board = load_board("esp32", SHIFT_LATCH=77)
    assert boot(bench, monkeypatch, board) == [100]
    assert "shift register" in capsys.readouterr().out


def test_boot_without_board_data_says_so_and_ends(bench, monkeypatch, capsys):
    assert boot(bench, monkeypatch, None) == [100]
    assert "no board data" in capsys.readouterr().out
    assert bench.levels == {}


def test_boot_runs_where_there_is_no_emergency_buffer(bench, monkeypatch, board):
    fake = SimpleNamespace(kbd_intr=lambda byte: None)
    monkeypatch.setitem(sys.modules, "micropython", fake)
    monkeypatch.setitem(sys.modules, "board", board)
    runpy.run_path(str(ROOT / "firmware" / "boot.py"))
    assert bench.levels[board.CONTACTOR] == 0
