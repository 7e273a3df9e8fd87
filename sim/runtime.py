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
from typing import Any, NoReturn, Protocol

from sim.frame import (
    BRAKE_ON,
    BUS_V_MV,
    COMMAND,
    DOUBLE,
    EARLY_AGE_US,
    EARLY_PULSES,
    EDGE_AGE_US,
    EDGE_PULSES,
    ENABLE_READBACK,
    END,
    GEAR_FORWARD_ON,
    GEAR_REVERSE_ON,
    INPUT_SIZE,
    KEY_ON,
    MOTOR_PULSES,
    OUTPUT_SIZE,
    PACK_A_MV,
    PACK_V_MV,
    PEDAL_A_MV,
    PEDAL_B_MV,
    PIN_COUNT,
    PLUG_IN,
    PULSES,
    SLOW_MV,
    STALL,
)
from sim.one_core import ONE_CORE
from vcu.loop import Loop
from vcu.preset import Preset
from vcu.request import REVERSE
from vcu.sense import Scaling
from vcu.signals import SLOW_ORDER

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
_SLOW_LAST = len(SLOW_ORDER) - 1
# What main.py makes of time: a tick is late, and nobody has fed the watchdog.
_LATE_MS = 15
_WATCHDOG_MS = 2000

_FRAME_BYTES = OUTPUT_SIZE * 4
# One integer more: the last frame, and why the session ended (sim/board/link.py).
_LAST_BYTES = _FRAME_BYTES + 4
_RESET_ENDING = 3
_ENDINGS = (
    "it came to its end",
    "it crashed",
    "its watchdog bit",
    "it asked for a reset",
    "Ctrl-C interrupted it",
)
_WATCHDOG_BIT = _ENDINGS[2]

# What machine.reset_cause says on an ESP32: a brown-out counts as power-on, and what stops
# without asking for a reset is started anew by its watchdog.
PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
_CAUSES = (WDT_RESET, WDT_RESET, WDT_RESET, HARD_RESET, WDT_RESET)


class ControllerError(Exception):
    """The firmware cannot be started, or has stopped; the text has its own last words."""


class Controller(Protocol):
    """A controller in lockstep. outputs is the last output frame, all 0 before the first."""

    scaling: Scaling
    outputs: "array[int]"

    def restart(self, power_lost: bool) -> None:
        """Start the firmware anew, as a reset or the return of the supply does.

        outputs is all 0 until the next exchange, which is the first tick: how long
        a chip takes to boot is for the caller to let pass. Flash is kept, and RTC
        memory unless power was lost.
        """
        ...

    def exchange(self, inputs: "array[int]") -> "array[int]":
        """Run one tick with these inputs and return a new output frame; ControllerError."""
        ...

    def close(self) -> None:
        """End it; more than once does no harm."""
        ...


def make_controller(
    runtime: str, board: str, values: dict[str, int], *, stamps: bool = True, name: str = ""
) -> Controller:
    """Return the controller for "cpython" or "micropython"; ControllerError if it cannot start.

    With stamps False the board is one without edge stamps, whatever its data says;
    the input frames must then be such a board's too. name is the vehicle's.
    """
    if runtime == "cpython":
        return CpythonController(board, values)
    if runtime == "micropython":
        return MicropythonController(board, values, stamps=stamps, name=name)
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
    """The loop in this process, for speed; what hal and main.py do is written out flat here.

    loop is open to be looked into between two exchanges; a restart makes a new one.
    """

    def __init__(self, board: str, values: dict[str, int]) -> None:
        data = load_board(board)
        self.scaling = board_scaling(data)
        self._values = dict(values)
        self._has_regen = bool(data["REGEN"] >= 0)
        self._has_motor = bool(data["MOTOR_PULSES"] >= 0)
        self._start()

    def _start(self) -> None:
        self.loop = Loop(self.scaling, Preset(self._values))
        self.outputs = array("i", [0] * OUTPUT_SIZE)
        self._error: ControllerError | None = None
        self._slow_place = 0
        self._now_us = 0
        self._edge_seen = False
        self._edge_us = 0
        self._edge_pulses = 0
        self._old_pulses = -1
        self._early_pulses = 0
        self._early_age_us = -1
        self._late_ms = 0  # that the next tick comes after its time
        self._late_ticks = 0
        self._ticks = 0
        self._beat = 0

    def restart(self, power_lost: bool) -> None:
        """Start anew with a fresh loop, which has neither flash nor RTC memory."""
        self._start()

    def exchange(self, inputs: "array[int]") -> "array[int]":
        """Run the ticks of these inputs and return a new output frame; ControllerError.

        Usually that is one tick. After n frames with STALL, in which the pins keep
        their levels, it is one that is 10 n ms late. With DOUBLE it is two, the
        second 1 ms after the first, and the tick of the next frame comes 9 ms later:
        main.py hands whole milliseconds to the loop and loses none.
        """
        if self._error is not None:
            raise self._error
        self._now_us += _TICK_US
        self._note_edge(inputs)
        command = inputs[COMMAND]
        if command == STALL:
            self._stall(inputs)
            return self.outputs
        self._tick(inputs, _TICK_MS + self._late_ms)
        self._late_ms = 0
        if command == DOUBLE:
            self._tick(inputs, 1)
            self._late_ms = -1
        self.outputs = outputs = self._frame()
        return outputs

    def _stall(self, inputs: "array[int]") -> None:
        if self._late_ms <= 0:  # the wheel was sampled before the tick that does not come
            self._early_pulses = inputs[EARLY_PULSES]
            self._early_age_us = inputs[EARLY_AGE_US]
        self._late_ms += _TICK_MS
        self.outputs = array("i", self.outputs)
        if self._late_ms >= _WATCHDOG_MS:
            self._stop(_WATCHDOG_BIT)

    def _stop(self, why: str) -> NoReturn:
        self.outputs = self._frame()
        self.outputs[:PIN_COUNT] = array("i", [0] * PIN_COUNT)
        self._error = ControllerError(f"the firmware stopped: {why}".rstrip())
        raise self._error

    def _tick(self, inputs: "array[int]", dt_ms: int) -> None:
        self._fill(inputs)
        loop = self.loop
        if dt_ms > _LATE_MS:
            self._late_ticks += 1
        try:
            loop.step(dt_ms)
        except Exception:
            self._stop(f"it crashed\n{traceback.format_exc()}")
        if loop.out.heartbeat:
            self._beat ^= 1
        self._ticks += 1

    def _fill(self, inputs: "array[int]") -> None:
        raw = self.loop.raw
        self._stamp()
        raw.pulses_counts = inputs[PULSES]
        if self._late_ms > 0:
            raw.early_pulses_counts = self._early_pulses
            age_us = self._early_age_us
            raw.early_age_us = age_us if age_us < 0 else age_us + self._late_ms * 1000
        else:
            raw.early_pulses_counts = inputs[EARLY_PULSES]
            raw.early_age_us = inputs[EARLY_AGE_US]
        if self._has_motor:
            raw.motor_pulses_counts = inputs[MOTOR_PULSES]
        raw.enable_readback = inputs[ENABLE_READBACK]
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
        place = self._slow_place
        raw.slow_index = index = SLOW_ORDER[place]
        raw.slow_counts = inputs[SLOW_MV + index]
        self._slow_place = place + 1 if place < _SLOW_LAST else 0

    def _note_edge(self, inputs: "array[int]") -> None:
        """Stamp the edge as the pin interrupt does, which runs while a tick is late too."""
        age_us = inputs[EDGE_AGE_US]
        pulses = inputs[EDGE_PULSES]
        if age_us >= 0 and pulses != self._edge_pulses:
            self._edge_seen = True
            self._edge_pulses = pulses
            self._edge_us = self._now_us - age_us

    def _stamp(self) -> None:
        if not self._edge_seen:
            return
        raw = self.loop.raw
        age_us = self._now_us - self._edge_us
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
        faults = loop.faults
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
                self._beat,
                out.guard,
                loop.modes.mode,
                loop.modes.reasons,
                sig.speed_mmps,
                -torque if loop.request.direction == REVERSE else torque,
                sig.soc_permille,
                loop.chain.winner,
                energy.odometer_m,
                self._late_ticks,
                sig.pedal_permille,
                energy.range_m,
                energy.range_uncertainty_m,
                energy.soc_uncertainty_permille,
                energy.trip_mwh,
                self._ticks,
                loop.contactor.state,
                loop.response.accel_full_mmps2,
                *faults.active,
                *faults.stored,
                0,  # nothing is written to flash here
                0,
            ),
        )

    def close(self) -> None:
        """Nothing runs outside this process."""


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
        self.outputs = array("i", [0] * OUTPUT_SIZE)
        self.exit_status: int | None = None
        self.asked_for_reset = False  # that, and no failure, is why it ended
        self._error: ControllerError | None = None
        self._released = False
        self._flash_takes_time = flash_takes_time
        self._cause = PWRON_RESET  # of the start that comes next
        interpreter = find_micropython()
        self._cleanup = contextlib.ExitStack()
        self._wires = contextlib.ExitStack()  # to one run of the firmware
        self._cleanup.callback(self._wires.close)
        try:
            self._folder = Path(self._write_data(_board_file(board), values, stamps, name))
            self.flash = self._folder / "flash"
            self._command = [interpreter, str(_LAUNCHER), str(self._folder), str(firmware)]
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
        self.outputs = array("i", [0] * OUTPUT_SIZE)
        self.exit_status = None
        self._error = None
        self._start()

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
            self._wires.close()
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
            why = f"it ended with {status}"
            self.asked_for_reset = status == _RESET_ENDING
            if status < len(_ENDINGS):
                why = _ENDINGS[status]
                self._cause = _CAUSES[status]
        else:
            # Nobody drives the pins any more: the resistors hold them at their safe level.
            self.outputs = array("i", [0] * OUTPUT_SIZE)
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
            command = array("i", [0] * INPUT_SIZE)
            command[COMMAND] = END
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
