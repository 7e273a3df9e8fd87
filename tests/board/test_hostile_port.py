"""A hostile client at the virtual board's pty: the car drives as if nobody were there.

Two boards drive the same road, one of them with the client. The virtual board charges time
for readings of its inputs, for flash and for what it sends, as the UART of a board sends it, not
for the interpreter's own work; what that costs is bounded in instructions by
tests/unit/test_mpy_trace.py and test_console.py. A frame that says UNREAD makes the port the
USB of an ESP32-S3 whose host holds it open and does not read: each write waits half a second.
"""

import os
import random
from contextlib import ExitStack, closing, suppress

import pytest

from host_tools.board_port import SerialPort
from sim import frame
from sim.controller import ControllerError
from sim.interpreter import MicropythonController
from sim.wires import Wires
from tests.board.bench_car import bench_inputs, read_back
from vcu import modes

pytestmark = pytest.mark.usefixtures("interpreter")

PULSES_PER_TICK = 2
# 115 200 baud carry this much in a tick.
BYTES_A_TICK = 115
NOT_READING_TICKS = 1000


class Board:
    """A virtual board with a 48 V car that somebody drives, and a port where one is wanted."""

    def __init__(self, stack, has_port):
        self.port = SerialPort() if has_port else None
        if self.port is not None:
            stack.enter_context(closing(self.port))
        self.controller = stack.enter_context(
            closing(
                MicropythonController(
                    "esp32_s3",
                    {"speed_cap_kmh": 45},
                    console=self.port.console if self.port else None,
                )
            )
        )
        self.client = -1
        if self.port is not None:
            self.port.hand_over()
            self.client = os.open(self.port.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.inputs = bench_inputs()
        self.wires = Wires()
        self.out = self.controller.outputs

    def tick(self, pulses=0):
        inputs = self.inputs
        inputs[frame.PULSES] = (inputs[frame.PULSES] + pulses) & 0xFFFF
        inputs[frame.EARLY_PULSES] = inputs[frame.PULSES]
        read_back(self.wires, inputs, self.out)
        bus = self.wires.contactor or self.wires.precharge
        inputs[frame.BUS_V_MV] = inputs[frame.PACK_V_MV] if bus else 0
        if self.port is not None:
            self.port.pump(0.0)
        self.out = self.controller.exchange(inputs)
        return self.out

    def run(self, ticks, pulses=0):
        for _ in range(ticks):
            self.tick(pulses)

    def arm(self):
        """Key on, contactor closed, in gear with the pedal a third down."""
        self.inputs[frame.KEY_ON] = 1
        self.run(250)
        assert self.out[frame.MODE] == modes.READY
        self.inputs[frame.GEAR_FORWARD_ON] = 1
        self.run(20)
        self.inputs[frame.PEDAL_A_MV] = 468 + 600
        self.inputs[frame.PEDAL_B_MV] = 234 + 300
        self.run(30)
        assert self.out[frame.MODE] == modes.DRIVE
        assert self.out[frame.ENABLE] and self.out[frame.THROTTLE_MV]

    def send(self, data):
        """Write what the port takes."""
        with suppress(BlockingIOError):
            return os.write(self.client, data)
        return 0

    def heard(self):
        said = b""
        with suppress(BlockingIOError):
            while data := os.read(self.client, 4096):
                said += data
        return said

    def unplug(self):
        os.close(self.client)
        self.client = -1


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def frames(board, ticks, act):
    """Drive on while the client acts; return all that the pins and the loop said, tick by tick."""
    found = []
    for tick in range(ticks):
        act(tick)
        found.append(board.tick(PULSES_PER_TICK if tick % 3 else 1))
    return found


def nobody(_tick):
    pass


def test_a_flood_a_client_that_does_not_read_and_an_unplugged_one_change_no_tick(stack):
    quiet = Board(stack, has_port=False)
    hostile = Board(stack, has_port=True)
    for board in (quiet, hostile):
        board.arm()
    late = hostile.out[frame.LATE_TICKS]
    rnd = random.Random(5)
    sent = 0

    def flood(tick):
        nonlocal sent
        # Noise of every byte, and lines with long answers among it.
        noise = rnd.randbytes(BYTES_A_TICK) if tick % 50 else b"\rdump\rsub * 20\rhelp\r0100\r"
        sent += hostile.send(noise)
        if tick < 500:
            hostile.heard()
        if tick == 500 + NOT_READING_TICKS:
            hostile.unplug()

    def after(tick):
        if tick < 500 + NOT_READING_TICKS + 1:
            flood(tick)

    ticks = 500 + NOT_READING_TICKS + 300
    ours = frames(hostile, ticks, after)
    theirs = frames(quiet, ticks, nobody)
    for tick, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert mine == other, tick
    assert hostile.out[frame.LATE_TICKS] == late
    assert ours[-1][frame.MODE] == modes.DRIVE
    print(f"{sent} bytes in {ticks} ticks, late ticks {hostile.out[frame.LATE_TICKS] - late}")
    assert sent > BYTES_A_TICK * 500


def test_a_usb_host_that_does_not_read_costs_one_tick_until_the_car_is_parked(stack):
    board = Board(stack, has_port=True)
    board.arm()
    board.send(b"sub mode,speed_mmps 20\r")
    board.run(50)
    assert b"#t" in board.heard()
    late = board.out[frame.LATE_TICKS]

    def flood(tick):
        # Lines that want an answer, at the pace of 115 200 baud.
        board.send((b"status\r" * 17)[:BYTES_A_TICK])

    board.inputs[frame.COMMAND] = frame.UNREAD
    said = frames(board, 2000, flood)
    ticks = [out[frame.LATE_TICKS] - late for out in said]
    assert ticks[-1] == 1
    # The lost enable line and the missing ticks are told, and the driver drives on.
    assert said[-1][frame.MODE] == modes.DRIVE
    assert said[-1][frame.ENABLE] and said[-1][frame.THROTTLE_MV]
    board.inputs[frame.COMMAND] = frame.RUN
    board.run(600, PULSES_PER_TICK)
    assert board.heard() == b""
    assert board.out[frame.LATE_TICKS] - late == 1
    board.inputs[frame.PEDAL_A_MV] = 468
    board.inputs[frame.PEDAL_B_MV] = 234
    board.inputs[frame.GEAR_FORWARD_ON] = board.inputs[frame.KEY_ON] = 0
    board.run(600)
    board.send(b"\r\rwhy\r")
    board.run(200)
    assert b"does not drive" in board.heard()
    board.unplug()


def test_what_a_board_sends_takes_the_time_that_a_uart_takes_behind_its_fifo(tmp_path):
    (tmp_path / "boot.py").write_text("", encoding="utf-8")
    (tmp_path / "main.py").write_text(
        """
import sys
from time import sleep_ms, ticks_diff, ticks_us
times = []
def send(count):
    start = ticks_us()
    assert sys.stdout.buffer.write(b"." * count) == count
    times.append(ticks_diff(ticks_us(), start))
send(128)
send(115)
sleep_ms(1000)
send(100)
print()
print(times)
""",
        encoding="utf-8",
    )
    with (
        closing(MicropythonController("esp32_s3", {}, firmware=tmp_path)) as controller,
        pytest.raises(ControllerError, match="came to its end") as ended,
    ):
        controller.exchange([0] * frame.INPUT_SIZE)
    free_us, full_us, rested_us = eval(str(ended.value).splitlines()[-1])
    assert free_us == rested_us == 0
    assert full_us == pytest.approx(115 * 1e6 / 11520, abs=2)


def test_who_plugs_in_after_the_flood_is_answered(stack):
    board = Board(stack, has_port=True)
    board.run(250)
    rnd = random.Random(6)
    for _ in range(300):
        board.send(rnd.randbytes(BYTES_A_TICK).replace(b"\x03", b""))
        board.tick()
    board.unplug()
    board.run(100)
    board.client = os.open(board.port.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    quiet = 0
    while quiet < 50:  # what the pty and the pipe to the board still hold; a chip drops it
        board.tick()
        quiet = 0 if board.heard() else quiet + 1
        assert board.out[frame.TICKS] < 20_000
    board.heard()
    board.send(b"\r\rexit\r")
    board.run(100)
    board.heard()
    board.send(b"why\r")
    board.run(100)
    assert board.heard().endswith(b"ok\r\nlsev> ")
    board.unplug()


def test_each_byte_that_is_not_ascii_followed_by_silence_stops_nothing_and_spoils_its_line(stack):
    quiet = Board(stack, has_port=False)
    board = Board(stack, has_port=True)
    for each in (quiet, board):
        each.run(250)
    for byte in range(0x80, 0x100):
        board.heard()
        for sent in (bytes([byte]), b"\r"):
            board.send(sent)
            for _ in range(20):
                assert board.tick() == quiet.tick(), byte
        assert b"err 12 bad-argument: not ASCII" in board.heard(), byte
    board.unplug()


def test_ctrl_c_while_armed_is_answered_22_and_changes_nothing(stack):
    quiet = Board(stack, has_port=False)
    board = Board(stack, has_port=True)
    for each in (quiet, board):
        each.arm()
    board.heard()

    def ctrl_c(tick):
        if tick % 40 == 0:
            board.send(b"\x03")

    assert frames(board, 200, ctrl_c) == frames(quiet, 200, nobody)
    assert board.heard().count(b"err 22 not-now: Ctrl-C") == 5
    board.unplug()


def test_ctrl_c_while_parked_leaves_every_output_off_and_the_prompt(stack):
    board = Board(stack, has_port=True)
    board.inputs[frame.KEY_ON] = 1
    board.run(300)
    assert board.out[frame.CONTACTOR]
    board.send(b"\x03")
    with pytest.raises(ControllerError, match="Ctrl-C"):
        board.run(10)
    assert not any(board.controller.outputs[: frame.PIN_COUNT])
    board.unplug()
