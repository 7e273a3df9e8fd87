"""Board: the virtual board in real time, its serial console behind a port that tools can open.

The port is a pseudo terminal. This process stands in between as the USB chip of
a real board does: what the firmware prints while nobody has the port open, or
faster than it is read, is lost and never holds the firmware up.
"""

import os
import pty
import re
import select
import signal
import socket
import time
import tty
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType

from sim.controller import ControllerError
from sim.faults import Fault
from sim.flash_board import FlashBoard
from sim.interpreter import MicropythonController
from sim.vehicle import load_vehicle
from sim.world import TICK_S, World

_CHUNK_BYTES = 4096
_BARE_LF = re.compile(rb"(?<!\r)\n")
# What a crash report shows of the firmware's output.
_LAST_WORDS_BYTES = 4000
# Further behind than this the clock starts anew: the machine slept, or is too slow.
_BEHIND_S = 0.5
# How often the board with the flash looks whether it shall end; it runs by itself.
_LOOK_S = 0.1
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ParkedDriver:
    """Nobody in the car: key off, neutral, pedal released, brake on, not plugged in."""

    def __init__(self) -> None:
        self.key = False
        self.plug = False
        self.gear = 0
        self.pedal = 0.0
        self.brake = 1.0

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Leave everything as it is."""


class SerialPort:
    """The pseudo terminal `name`; pump() carries bytes between it and the firmware's console."""

    def __init__(self) -> None:
        self._port, slave = pty.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        os.close(slave)  # only then is it known whether somebody else has the port open
        os.set_blocking(self._port, False)
        self._board, self._firmware = socket.socketpair()
        self._board.setblocking(False)
        self.console = self._firmware.fileno()
        self._firmware_runs = True
        self._half_line_end = b""
        self._printed = b""

    def hand_over(self) -> None:
        """Give up the console, which the firmware's process has inherited by now."""
        self._firmware.close()

    def pump(self, until_s: float) -> None:
        """Carry bytes until time.monotonic() is until_s; if it is already, those that wait."""
        poll = select.poll()
        poll.register(self._port, select.POLLIN)
        if self._firmware_runs:
            poll.register(self._board, select.POLLIN)
        is_open = True
        while True:
            events = dict(poll.poll(max(0.0, until_s - time.monotonic()) * 1000.0))
            event = events.get(self._port, 0)
            if event & select.POLLIN:
                self._to_firmware()
            elif event:
                is_open = False  # as far as this call is concerned; the next asks again
                poll.unregister(self._port)
            if self._board.fileno() in events and not self._to_port(is_open):
                poll.unregister(self._board)
            if not events or time.monotonic() >= until_s:
                return

    def _to_port(self, is_open: bool) -> bool:
        """Carry what the firmware printed; False when its process has ended."""
        try:
            data = self._board.recv(_CHUNK_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._firmware_runs = False
            return False
        self._printed = (self._printed + data)[-_LAST_WORDS_BYTES:]
        # The chip sends CR LF for the LF of a print, and a CR LF as it is.
        sent = _BARE_LF.sub(b"\r\n", self._half_line_end + data)[len(self._half_line_end) :]
        self._half_line_end = b"\r" if data.endswith(b"\r") else b""
        if is_open:
            with suppress(OSError):  # not read fast enough: the rest is lost
                os.write(self._port, sent)
        return True

    def _to_firmware(self) -> None:
        # Closed again meanwhile, or the firmware does not read: the bytes are lost.
        with suppress(OSError):
            self._board.send(os.read(self._port, _CHUNK_BYTES))

    def last_words(self) -> str:
        """Return the end of what the firmware has printed."""
        self.pump(0.0)
        return self._printed.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Close both ends; the port is gone."""
        self._firmware.close()
        self._board.close()
        os.close(self._port)


@contextmanager
def _linked(link: Path | None, port: str) -> Generator[None]:
    """Keep a symlink to the port; FileExistsError when something else is there."""
    if link is None:
        yield
        return
    check_link(link)
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    try:
        temporary.symlink_to(port)
        os.replace(temporary, link)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise type(error)(error.errno, f"cannot link: {error.strerror}", str(link)) from None
    try:
        yield
    finally:
        with suppress(OSError):
            if os.readlink(link) == port:  # another board may have taken the name over
                link.unlink()


def check_link(link: Path) -> None:
    """Raise FileExistsError unless link is free, or a symlink to a pty or to nothing."""
    if link.is_symlink():
        target = os.readlink(link)
        if target.startswith(("/dev/pts/", "/dev/ttys")) or not link.exists():
            return
        raise FileExistsError(f"{link} is a link to {target}: give another name")
    if link.exists():
        raise FileExistsError(f"{link} is there and is no link: give another name")


@contextmanager
def _ending_signals() -> Generator[list[int]]:
    """Collect the signals that ask for the end, which then ends nothing half-way."""
    got: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        got.append(number)

    before = {number: signal.signal(number, note) for number in _ENDING_SIGNALS}
    try:
        yield got
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_board(
    vehicle: str,
    board: str,
    link: Path | None,
    fast: bool,
    seconds: float | None,
    faults: Sequence[Fault] = (),
    flash: Path | None = None,
) -> int:
    """Run the virtual board until a signal, or for seconds of its own time, and return 0.

    With flash it runs what that image has, and the car stands still whatever it does.
    VehicleError, FileExistsError or OSError when it cannot start, and
    ControllerError with its last words when the firmware stops.
    """
    car = load_vehicle(vehicle)
    if link is not None:
        check_link(link)
    if flash is not None:
        return _run_flash(vehicle, board, link, flash, seconds)
    port = SerialPort()
    try:
        with (
            _ending_signals() as got,
            closing(
                MicropythonController(board, car.values, console=port.console, name=car.name)
            ) as controller,
        ):
            port.hand_over()
            world = World(
                car, driver=ParkedDriver(), board=board, controller=controller, faults=faults
            )
            with _linked(link, port.name):
                where = port.name if link is None else f"{link} -> {port.name}"
                print(f"virtual {board}, {car.name}, parked, key off", flush=True)
                for fault in faults:
                    print(f"broken from {fault.onset_s:g} s on: {fault.name}", flush=True)
                print(f"serial port: {where}", flush=True)
                print("stop it with Ctrl-C", flush=True)
                _run(world, controller, port, got, fast, seconds)
    except ControllerError as error:
        raise ControllerError(f"{error}\n{port.last_words()}".strip()) from None
    finally:
        port.close()
    return 0


def _run_flash(
    vehicle: str, board: str, link: Path | None, image: Path, seconds: float | None
) -> int:
    with _ending_signals() as got, FlashBoard(link, board, image, vehicle=vehicle) as flash_board:
        where = flash_board.port_name if link is None else f"{link} -> {flash_board.port_name}"
        print(f"virtual {board}, files in {image}, parked, key off", flush=True)
        print(f"serial port: {where}", flush=True)
        print("stop it with Ctrl-C", flush=True)
        end_s = None if seconds is None else time.monotonic() + seconds
        while not got and (end_s is None or time.monotonic() < end_s):
            time.sleep(_LOOK_S)
    return 0


def _run(
    world: World,
    controller: MicropythonController,
    port: SerialPort,
    got: list[int],
    fast: bool,
    seconds: float | None,
) -> None:
    """Step the world, each tick at its time, until got has a signal or seconds are over.

    A board that asks for a reset starts anew, as a real one does.
    """
    due_s = time.monotonic()
    while not got and (seconds is None or world.time_s < seconds):
        try:
            world.step()
        except ControllerError:
            if not controller.asked_for_reset:
                raise
            world.restart(power_lost=False)
        due_s += TICK_S
        now_s = time.monotonic()
        if now_s - due_s > _BEHIND_S:
            due_s = now_s
        port.pump(now_s if fast else due_s)
