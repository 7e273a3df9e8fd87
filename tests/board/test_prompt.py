"""The way to MicroPython's prompt on the virtual board: when it is open, and what it leaves."""

import json
import select
from contextlib import closing, suppress
from zlib import crc32

import pytest

from sim import frame
from sim.controller import ControllerError
from tests.board.night import Night
from tests.board.socket_board import Board

pytestmark = pytest.mark.usefixtures("interpreter")


def heard(board):
    said = b""
    while select.select([board.console], [], [], 0)[0]:
        said += board.console.recv(4096)
    return said.decode("latin1")


def test_the_first_line_says_that_the_board_has_started():
    with closing(Board()) as board:
        board.run(5)
        said = heard(board)
        assert said.startswith("#b {")
        assert json.loads(said[3:])["name"] == "lsev"


def test_ctrl_c_within_1500_ms_of_a_start_stops_it_though_it_is_in_gear():
    with closing(Board()) as board:
        board.inputs[frame.KEY_ON] = board.inputs[frame.GEAR_FORWARD_ON] = 1
        board.run(100)
        board.console.send(b"\x03")
        with pytest.raises(ControllerError, match="Ctrl-C"):
            board.run(10)
        assert not any(board.controller.outputs[: frame.PIN_COUNT])


def test_ctrl_c_later_in_gear_is_data_and_answered():
    with closing(Board()) as board:
        board.inputs[frame.KEY_ON] = board.inputs[frame.GEAR_FORWARD_ON] = 1
        board.run(200)
        heard(board)
        board.console.send(b"\x03")
        board.run(20)
        assert "err 22 not-now: Ctrl-C while not parked" in heard(board)


@pytest.mark.parametrize("byte", range(0x80, 0x100, 0x11))
def test_a_single_byte_that_is_not_ascii_and_then_silence_stops_no_tick(byte):
    with closing(Board()) as board:
        board.console.send(bytes([byte]))
        assert board.run(100)[frame.TICKS] == 100
        assert "err 12 bad-argument: not ASCII" in board.say("", 20)


def test_the_verb_repl_answers_and_leaves_every_output_off():
    with closing(Board()) as board:
        board.inputs[frame.KEY_ON] = 1
        board.run(300)
        assert board.out[frame.CONTACTOR]
        board.console.send(b"repl\r")
        with pytest.raises(ControllerError, match="Ctrl-C"):
            board.run(100)
        said = heard(board)
        assert "outputs off; MicroPython's prompt follows" in said
        assert "ok\r\n" in said
        assert not any(board.controller.outputs[: frame.PIN_COUNT])


def test_repl_in_gear_is_refused_and_the_car_goes_on():
    with closing(Board()) as board:
        board.inputs[frame.KEY_ON] = board.inputs[frame.GEAR_FORWARD_ON] = 1
        board.run(300)
        assert "err 22 not-now: not parked (" in board.say("repl", 50)
        assert board.run(10)[frame.TICKS] == 360


@pytest.mark.parametrize("typed", [b"\x03", b"repl\r"])
def test_while_it_charges_the_relay_opens_on_the_way_to_the_prompt(typed):
    with Night() as night:
        night.charge()
        assert night.world.wires.charger
        night.console.send(typed)
        with pytest.raises(ControllerError, match="Ctrl-C"):
            night.world.run(2.0)
        assert night.is_safe()


def test_a_program_talks_to_the_board_in_lines_with_sums():
    with closing(Board()) as board:
        board.run(20)
        heard(board)
        board.console.send(b"@1 time 1795405000\r")
        board.run(30)
        lines = ["@1 + time 1795405000", "@1 ok"]
        assert heard(board) == "".join(f"{t} *{crc32(t.encode()):08X}\r\n" for t in lines)
        board.console.send(b"@2 sub speed_mmps,mode 20\r")
        board.run(200)
        rows = [line for line in heard(board).split("\r\n") if line.startswith("#t")]
        assert 30 <= len(rows) <= 41
        assert set(json.loads(rows[0][3:])) == {"t", "speed_mmps", "mode"}


def test_the_flood_of_a_broken_client_makes_no_tick_late():
    with closing(Board()) as board:
        board.inputs[frame.KEY_ON] = 1
        board.run(300)
        before = board.out[frame.LATE_TICKS]
        noise = bytes(range(4, 256)) + b"\r"
        for tick in range(1000):
            start = tick * 115 % len(noise)
            with suppress(BlockingIOError):  # a chip drops what it has no room for
                board.console.send((noise + noise)[start : start + 115])
            board.run(1)
            heard(board)
        assert board.out[frame.TICKS] == 1300
        assert board.out[frame.LATE_TICKS] == before
        board.run(1500)  # what still waits in the socket
        while "\nok" not in board.say("why", 100):
            assert board.out[frame.TICKS] < 20_000
