"""Controllers: the firmware behind one interface, in this process or as a whole in MicroPython.

Both take an input frame, run one tick and give an output frame (sim/frame.py),
and for the same inputs both give the same outputs. CpythonController runs the
loop alone and is fast; MicropythonController runs boot.py, main.py and the hal
on the virtual board of sim/board, in lockstep over two pipes.
"""

import contextlib
import os
import runpy
import select
import shutil
import subprocess
import sys
import tempfile
import traceback
from array import array
from pathlib import Path
from typing import Any, Protocol

from sim.frame import (
    BRAKE_ON,
    BUS_V_MV,
    COMMAND,
    EARLY_AGE_US,
    EARLY_PULSES,
    EDGE_AGE_US,
    EDGE_PULSES,
    GEAR_FORWARD_ON,
    GEAR_REVERSE_ON,
    INPUT_SIZE,
    KEY_ON,
    OUTPUT_SIZE,
    PACK_A_MV,
    PACK_V_MV,
    PEDAL_A_MV,
    PEDAL_B_MV,
    PIN_COUNT,
    PLUG_IN,
    PULSES,
    SLOW_MV,
)
from sim.one_core import ONE_CORE
from vcu.loop import Loop
from vcu.preset import Preset
from vcu.request import REVERSE
from vcu.sense import Scaling

_ROOT = Path(__file__).resolve().parent.parent
BOARDS_DIR = _ROOT / "boards"
FIRMWARE_DIR = _ROOT / "firmware"
_LAUNCHER = Path(__file__).resolve().parent / "board" / "launch.py"

# No tick takes this long: the firmware hangs.
ANSWER_S = 20.0

_TICK_MS = 10
_TICK_US = 10_000
# What hal/esp32_io.py does with the age of an edge.
_AGE_LIMIT_US = 900_000
_SLOW_MASK = 7

_FRAME_BYTES = OUTPUT_SIZE * 4
# One integer more: the last frame, and why the session ended (sim/board/link.py).
_LAST_BYTES = _FRAME_BYTES + 4
_ENDINGS = (
    "it came to its end",
    "it crashed",
    "its watchdog bit",
    "it asked for a reset",
    "Ctrl-C interrupted it",
)


class ControllerError(Exception):
    """The firmware cannot be started, or has stopped; the text has its own last words."""


class Controller(Protocol):
    """A controller in lockstep. outputs is the last output frame, all 0 before the first."""

    scaling: Scaling
    outputs: "array[int]"

    def exchange(self, inputs: "array[int]") -> "array[int]":
        """Run one tick with these inputs and return a new output frame; ControllerError."""
        ...

    def close(self) -> None:
        """End it; more than once does no harm."""
        ...


def make_controller(
    runtime: str, board: str, values: dict[str, int], *, stamps: bool = True
) -> Controller:
    """Return the controller for "cpython" or "micropython"; ControllerError if it cannot start.

    With stamps False the board is one without edge stamps, whatever its data says;
    the input frames must then be such a board's too.
    """
    if runtime == "cpython":
        return CpythonController(board, values)
    if runtime == "micropython":
        return MicropythonController(board, values, stamps=stamps)
    raise ControllerError(f"no runtime is called {runtime!r}: there are cpython and micropython")


def _board_file(name: str) -> Path:
    path = BOARDS_DIR / name / "board.py"
    if not path.is_file():
        names = ", ".join(sorted(p.parent.name for p in BOARDS_DIR.glob("*/board.py")))
        raise ControllerError(f"no board is called {name!r}: there are {names}")
    return path


def load_board(name: str) -> dict[str, Any]:
    """Return the data of boards/NAME/board.py; ControllerError names the boards there are."""
    return runpy.run_path(str(_board_file(name)))


def board_scaling(data: dict[str, Any]) -> Scaling:
    """Return what one count means on the board."""
    return Scaling(
        data["PACK_CV_PER_1000_COUNTS"],
        data["BUS_CV_PER_1000_COUNTS"],
        data["PACK_DA_PER_1000_COUNTS"],
        data["RAIL_CV_PER_1000_COUNTS"],
        data["SENSOR_5V_MV_PER_1000_COUNTS"],
        data["NTC_TABLE"],
    )


class CpythonController:
    """The loop in this process, for speed; what hal/esp32_io.py does is written out flat here.

    loop is open to be looked into between two exchanges.
    """

    def __init__(self, board: str, values: dict[str, int]) -> None:
        data = load_board(board)
        self.scaling = board_scaling(data)
        self.loop = Loop(self.scaling, Preset(values))
        self.outputs = array("i", [0] * OUTPUT_SIZE)
        self._has_regen = bool(data["REGEN"] >= 0)
        self._slow_index = 0
        self._now_us = 0
        self._edge_seen = False
        self._edge_us = 0
        self._edge_pulses = 0
        self._old_pulses = -1
        self._ticks = 0

    def exchange(self, inputs: "array[int]") -> "array[int]":
        """Run one tick with these inputs and return a new output frame; ControllerError."""
        loop = self.loop
        raw = loop.raw
        self._stamp(inputs)
        raw.pulses_counts = inputs[PULSES]
        raw.early_pulses_counts = inputs[EARLY_PULSES]
        raw.early_age_us = inputs[EARLY_AGE_US]
        raw.key_on = inputs[KEY_ON]
        raw.plug_in = inputs[PLUG_IN]
        raw.brake_on = inputs[BRAKE_ON]
        raw.gear_forward_on = inputs[GEAR_FORWARD_ON]
        raw.gear_reverse_on = inputs[GEAR_REVERSE_ON]
        raw.pedal_a_counts = inputs[PEDAL_A_MV]
        raw.pedal_b_counts = inputs[PEDAL_B_MV]
        raw.pack_v_counts = inputs[PACK_V_MV]
        raw.bus_v_counts = inputs[BUS_V_MV]
        raw.pack_a_counts = inputs[PACK_A_MV]
        index = self._slow_index
        raw.slow_index = index
        raw.slow_counts = inputs[SLOW_MV + index]
        self._slow_index = (index + 1) & _SLOW_MASK
        try:
            loop.step(_TICK_MS)
        except Exception as error:
            self.outputs = self._frame()
            self.outputs[:PIN_COUNT] = array("i", [0] * PIN_COUNT)
            raise ControllerError(
                f"the firmware stopped: it crashed\n{traceback.format_exc()}".rstrip()
            ) from error
        self._ticks += 1
        self.outputs = outputs = self._frame()
        return outputs

    def _stamp(self, inputs: "array[int]") -> None:
        raw = self.loop.raw
        self._now_us = now_us = self._now_us + _TICK_US
        age_us = inputs[EDGE_AGE_US]
        pulses = inputs[EDGE_PULSES]
        if age_us >= 0 and pulses != self._edge_pulses:
            self._edge_seen = True
            self._edge_pulses = pulses
            self._edge_us = now_us - age_us
        if self._edge_seen:
            age_us = now_us - self._edge_us
            if age_us > _AGE_LIMIT_US or self._edge_pulses == self._old_pulses:
                self._old_pulses = self._edge_pulses
                age_us = _AGE_LIMIT_US
            raw.edge_pulses_counts = self._edge_pulses
            raw.edge_age_us = age_us

    def _frame(self) -> "array[int]":
        """Return the output frame, in the order of sim/frame.py."""
        loop = self.loop
        out = loop.out
        sig = loop.sig
        energy = loop.energy
        ticks = self._ticks
        torque = loop.torque_permille
        return array(
            "i",
            (
                out.throttle_mv,
                out.regen_permille if self._has_regen else 0,
                out.enable,
                out.reverse,
                out.contactor,
                out.precharge,
                out.charger,
                out.lamp,
                out.buzzer,
                out.fan,
                out.hold,
                ticks & 1,
                loop.modes.mode,
                loop.modes.reasons,
                sig.speed_mmps,
                -torque if loop.request.direction == REVERSE else torque,
                sig.soc_permille,
                loop.chain.winner,
                energy.odometer_m,
                0,
                sig.pedal_permille,
                energy.range_m,
                energy.range_uncertainty_m,
                energy.soc_uncertainty_permille,
                energy.trip_mwh,
                ticks,
                loop.contactor.state,
                loop.response.accel_full_mmps2,
            ),
        )

    def close(self) -> None:
        """Nothing runs outside this process."""


class MicropythonController:
    """The whole firmware on the virtual board, in a MicroPython process of its own.

    console is a file descriptor that becomes the board's serial port; without one
    what the firmware prints is kept for printed(). firmware is the folder to run.
    exit_status is None while it runs.
    """

    def __init__(
        self,
        board: str,
        values: dict[str, int],
        *,
        stamps: bool = True,
        console: int | None = None,
        firmware: Path = FIRMWARE_DIR,
    ) -> None:
        self.scaling = board_scaling(load_board(board))
        self.outputs = array("i", [0] * OUTPUT_SIZE)
        self.exit_status: int | None = None
        self._error: ControllerError | None = None
        self._released = False
        interpreter = find_micropython()
        self._cleanup = contextlib.ExitStack()
        try:
            data = self._write_data(_board_file(board), values, stamps)
            self._log = os.open(Path(data) / "printed", os.O_RDWR | os.O_CREAT)
            self._cleanup.callback(os.close, self._log)
            self._cleanup.enter_context(ONE_CORE)
            self._start([interpreter, str(_LAUNCHER), data, str(firmware)], console)
        except BaseException:
            self._cleanup.close()
            raise

    def _write_data(self, board: Path, values: dict[str, int], stamps: bool) -> str:
        """Write board.py and vehicle.py, as flashing does, and return their folder."""
        folder = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="lsev-"))
        text = board.read_text(encoding="utf-8")
        if not stamps:
            text += "\nEDGE_STAMPS = 0\n"
        (Path(folder) / "board.py").write_text(text, encoding="utf-8")
        (Path(folder) / "vehicle.py").write_text(
            f"PARAMETERS = {dict(values)!r}\n", encoding="utf-8"
        )
        return folder

    def _start(self, command: list[str], console: int | None) -> None:
        board_read, self._to_board = os.pipe()
        self._from_board, board_write = os.pipe()
        self._cleanup.callback(os.close, self._to_board)
        self._cleanup.callback(os.close, self._from_board)
        try:
            self._process = subprocess.Popen(
                [*command, str(board_read), str(board_write)],
                stdin=subprocess.DEVNULL if console is None else console,
                stdout=self._log if console is None else console,
                stderr=self._log if console is None else console,
                pass_fds=(board_read, board_write),
                start_new_session=True,  # Ctrl-C is for the host, which then ends the board
            )
        finally:
            os.close(board_read)
            os.close(board_write)
        self._poll = select.poll()
        self._poll.register(self._from_board, select.POLLIN)

    def exchange(self, inputs: "array[int]") -> "array[int]":
        """Run one tick with these inputs and return a new output frame.

        ControllerError when the firmware has stopped, now and at each later call;
        outputs is then how it left its pins.
        """
        if self._error is not None:
            raise self._error
        # A pipe that broke: it has ended, and what it wrote last says why.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._to_board, inputs)
        data = self._answer()
        if len(data) != _FRAME_BYTES:
            self._wait()  # the traceback is printed after the last frame
            self._error = self._ending(data)
            self._release()
            raise self._error
        self.outputs = outputs = array("i", data)
        return outputs

    def _answer(self) -> bytes:
        """Return the next frame, the longer last one, or nothing."""
        if not self._poll.poll(ANSWER_S * 1000):
            self._process.kill()
            return b""
        return os.read(self._from_board, _LAST_BYTES)

    def _ending(self, last: bytes) -> ControllerError:
        """Take the pins from the last frame, and return why it is the last."""
        if len(last) == _LAST_BYTES:
            *levels, status = array("i", last)
            self.outputs = array("i", levels)
            why = _ENDINGS[status] if status < len(_ENDINGS) else f"it ended with {status}"
        else:
            # Nobody drives the pins any more: the resistors hold them at their safe level.
            self.outputs = array("i", [0] * OUTPUT_SIZE)
            why = f"no answer within {ANSWER_S:.0f} s, or killed"
        return ControllerError(f"the firmware stopped: {why}\n{self.printed()}".rstrip())

    def printed(self) -> str:
        """Return what the firmware has printed; empty when it has a console, or is closed."""
        if self._released:
            return ""
        return os.pread(self._log, os.fstat(self._log).st_size, 0).decode("utf-8", "replace")

    def close(self) -> None:
        """End the firmware, which makes its outputs safe, and clean up."""
        if self._error is None:
            self._error = ControllerError("the controller has been closed")
            command = array("i", [0] * INPUT_SIZE)
            command[COMMAND] = 1
            with contextlib.suppress(BrokenPipeError):
                os.write(self._to_board, command)
            last = array("i", self._answer())
            self.outputs = last[:OUTPUT_SIZE] if last else array("i", [0] * OUTPUT_SIZE)
            self._wait()
        self._release()

    def _wait(self) -> None:
        try:
            self.exit_status = self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.exit_status = self._process.wait()

    def _release(self) -> None:
        self._released = True
        self._cleanup.close()


def find_micropython() -> str:
    """Return the interpreter beside this Python, or on the PATH; ControllerError without one."""
    beside = Path(sys.executable).parent / "micropython"
    if beside.is_file():
        return str(beside)
    found = shutil.which("micropython")
    if found is None:
        raise ControllerError("there is no micropython here: run `make setup`")
    return found
