"""Board: the virtual board in real time, its serial console behind a port that tools can open."""

import signal
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

from host_tools.board_port import SerialPort, linked
from host_tools.hands import WORDS, Hands, Typed
from sim.controller import ControllerError
from sim.driver import ParkedDriver
from sim.faults import Fault
from sim.flash_board import FlashBoard
from sim.interpreter import MicropythonController
from sim.port_link import check_link
from sim.vehicle import load_vehicle
from sim.world import TICK_S, World

# Further behind than this the clock starts anew: the machine slept, or is too slow.
_BEHIND_S = 0.5
_LISTEN_TICKS = 10
# How often the board with the flash looks whether it shall end; it runs by itself.
_LOOK_S = 0.1
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NoPromptError(ControllerError):
    """Somebody asked for MicroPython's prompt, by Ctrl-C or `repl`, and there is none here."""

    def __init__(self) -> None:
        super().__init__(
            "the firmware ended for MicroPython's prompt, as on any parked car: by Ctrl-C, `repl`,"
            " mpremote or a command that looks at the board's files; this board has no prompt;"
            " start `lsev board --flash IMAGE`, which has one"
        )


@contextmanager
def _serial_port() -> Generator[SerialPort]:
    """Have a serial port; where the firmware stops, the error has its last words."""
    port = SerialPort()
    try:
        yield port
    except NoPromptError:
        raise
    except ControllerError as error:
        raise ControllerError(f"{error}\n{port.last_words()}".strip()) from None
    finally:
        port.close()


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
    with (
        _serial_port() as port,
        _ending_signals() as got,
        closing(
            MicropythonController(board, car.values, console=port.console, name=car.name)
        ) as controller,
    ):
        port.hand_over()
        driver = ParkedDriver()
        world = World(car, driver=driver, board=board, controller=controller, faults=faults)
        with linked(link, port.name):
            broken = [f"broken from {f.onset_s:g} s on: {f.name}" for f in faults]
            what = [f"virtual {board}, {car.name}, parked, key off", *broken]
            _introduce(what, link, port.name, f"its driver listens here: {WORDS}")
            _run(world, controller, port, Hands(world, driver), got, fast, seconds)
    return 0


def _introduce(what: list[str], link: Path | None, port: str, *hints: str) -> None:
    where = port if link is None else f"{link} -> {port}"
    print("\n".join((*what, f"serial port: {where}", *hints, "stop it with Ctrl-C")), flush=True)


def _run_flash(
    vehicle: str, board: str, link: Path | None, image: Path, seconds: float | None
) -> int:
    with _ending_signals() as got, FlashBoard(link, board, image, vehicle=vehicle) as flash_board:
        what = f"virtual {board}, files in {image}, parked, key off"
        hint = "the car stands still: what is typed here is not listened to"
        _introduce([what], link, flash_board.port_name, hint)
        end_s = None if seconds is None else time.monotonic() + seconds
        while not got and (end_s is None or time.monotonic() < end_s):
            time.sleep(_LOOK_S)
    return 0


def _run(
    world: World,
    controller: MicropythonController,
    port: SerialPort,
    hands: Hands,
    got: list[int],
    fast: bool,
    seconds: float | None,
) -> None:
    """Step the world, each tick at its time, until got has a signal or seconds are over.

    A board that asks for a reset starts anew, as a real one does.
    """
    typed = Typed()
    due_s = time.monotonic()
    while not got and (seconds is None or world.time_s < seconds):
        try:
            world.step()
        except ControllerError:
            if controller.asked_for_prompt:
                raise NoPromptError from None
            if not controller.asked_for_reset:
                raise
            world.restart(power_lost=False)
        if world.ticks % _LISTEN_TICKS == 0:
            for line in typed.lines():
                print(hands.obey(line), flush=True)
        due_s += TICK_S
        now_s = time.monotonic()
        if now_s - due_s > _BEHIND_S:
            due_s = now_s
        port.pump(now_s if fast else due_s)
