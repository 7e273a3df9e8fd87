"""A virtual board whose files are a real littlefs, behind a port that mpremote can open.

MicroPython's unix build runs in a process of its own, started by
sim/board/flash_launch.py. This side does what the chip, its USB bridge and its
supply do: soft and hard resets, the watchdog, Ctrl-C, the cable and power cuts.
The flash is a file, which outlives all of them. The car stands still whatever
the pins drive. Time is real, or a whole number of times as fast, as long as the host
keeps up; a busy one makes the board slow, and no watchdog bite. In the friendly
mode LF goes out as CR LF, as on a board; in the raw mode bytes go out as they are.

One class, longer than others: each of these may come in the middle of any other,
from two threads, and what then goes first is decided here under one lock.
"""

import os
import select
import socket
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from sim.controller import ControllerError, board_file
from sim.flash_files import FlashFiles
from sim.flash_output import FlashOutput
from sim.flash_port import FlashPort
from sim.flash_run import FlashRun
from sim.flash_watchdog import FlashWatchdog
from sim.frame import KEY_ON
from sim.interpreter import HARD_RESET, NO_MICROPYTHON, PWRON_RESET, WDT_RESET
from sim.resting_car import resting_inputs

SOFT_RESET = 5

_SIM_DIR = Path(__file__).resolve().parent
_CHUNK_BYTES = 4096
_CTRL_A = b"\x01"
_CTRL_C = b"\x03"
# While nobody has the port open it says so to every poll.
_CLOSED_PORT_MS = 10
# A Ctrl-C that met a flash operation comes again this much later.
_AGAIN_S = 0.001


class FlashBoard:
    """The board, from start() to stop(); its port is at `link` while it has cable and supply.

    image is the file of its flash, made blank if it is not there; without one the
    flash lasts as long as this object. OSError for an image that is not of whole
    blocks, ControllerError where there is no such board, or no interpreter. All
    methods may be called while it runs, those of `files` too: wear_out, flip_bit.
    Attribute resets has the cause of each start, as machine.reset_cause says it; feeds counts
    how often the watchdog was made or fed, which the firmware does in each tick.
    """

    def __init__(
        self,
        link: Path | None,
        board: str = "esp32_s3",
        image: Path | None = None,
        block_bytes: int = 4096,
        block_count: int = 512,
        heap_bytes: int = 2 << 20,
        vehicle: str = "four_wheel_60v_agm",
        speed: int = 1,
    ) -> None:
        self.link = link
        self.resets: list[int] = []
        self.feeds = 0
        if find_spec("micropython_run") is None:
            raise ControllerError(NO_MICROPYTHON)
        options = ["-X", f"heapsize={heap_bytes}", "-i", "-c"]
        self._command = [sys.executable, "-P", str(_SIM_DIR / "flash_process.py"), *options]
        places = (_SIM_DIR / "board", board_file(board).parent, ".frozen", _SIM_DIR)
        self._environment = {"HOME": os.devnull, "MICROPYPATH": ":".join(map(str, places))}
        self.files = FlashFiles(image, block_bytes, block_count)
        self._inputs = resting_inputs(vehicle, board)
        self.files.keep_inputs(self._inputs)
        self._speed = speed
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._serves = True
        self._wake_out, self._wake_in = os.pipe()
        # The console outlives the resets, as the ring of a UART does.
        self._console, self._firmware = socket.socketpair()
        self._console.setblocking(False)
        self._port: FlashPort | None = None
        self._run: FlashRun | None = None
        self._went_dark = threading.Event()
        self._is_up = False  # a Ctrl-C is understood
        self._input: bytes = b""  # from the port, for a board that is not up
        self._bytes_left = -1  # until the cable is pulled
        self._watchdog = FlashWatchdog(self._look)
        self._again_s: float | None = None
        self._output = FlashOutput()

    def start(self) -> None:
        """Connect cable and supply; OSError when the link cannot be made."""
        with self._lock:
            self._port = FlashPort(self.link)
            self._boot(PWRON_RESET)
        self._thread.start()

    def stop(self) -> None:
        """Take supply and cable away and clean up; an image that was given stays."""
        with self._lock:
            self._serves = False
            self._go_dark()
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        self._console.close()
        self._firmware.close()
        os.close(self._wake_in)
        os.close(self._wake_out)
        self.files.close()

    def __enter__(self) -> "FlashBoard":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def restart(self) -> None:
        """Take the supply away, if it is there, and give it back; no cut is planned any more."""
        with self._lock:
            self._go_dark()
            self.files.lose_power()
            self._went_dark.clear()
            self._output = FlashOutput()
            self._port = FlashPort(self.link)
            self._boot(PWRON_RESET)
        self._wake()

    def starve(self, seconds: float) -> None:
        """Take the processor away from what runs for so long, as a busy host does."""
        if self._run is not None:
            self._run.starve(seconds)

    def turn_key(self, is_on: bool) -> None:
        """Turn the key of the resting car; a running program sees it at its next tick."""
        self._inputs[KEY_ON] = int(is_on)
        self.files.keep_inputs(self._inputs)

    @property
    def is_powered(self) -> bool:
        """Whether the supply is there: not after a planned cut, until restart()."""
        return self._run is not None

    @property
    def port_name(self) -> str:
        """What the link points to; empty while there is no cable or no supply."""
        with self._lock:
            return "" if self._port is None else self._port.name

    @property
    def operations(self) -> int:
        """How many programs and erases the flash has done since this object was made."""
        return self.files.operations

    def printed(self) -> str:
        """Return the end of what was printed since power-on, to whom or to nobody."""
        with self._lock:
            return self._output.printed.decode("utf-8", "replace")

    def cut_power_at(self, number: int, kind: str = "torn") -> None:
        """Plan a cut before, torn (in the middle of) or after the number-th flash operation.

        It counts from now: 1 is the next. Kind "refused" cuts nothing: from that
        operation on the chip refuses all, while the board goes on.
        """
        self.files.cut_power_at(number, kind)

    def wait_for_cut(self, timeout_s: float) -> bool:
        """Return whether a cut took the supply away, at the latest after timeout_s."""
        return self._went_dark.wait(timeout_s)

    def unplug(self) -> None:
        """Pull the cable; the board keeps its supply and goes on."""
        with self._lock:
            self._unplug()
        self._wake()

    def unplug_after(self, count: int) -> None:
        """Pull the cable as soon as a program has sent count more bytes, 1 or more."""
        with self._lock:
            self._bytes_left = count

    def plug(self) -> None:
        """Put the cable back: there is a new port behind the same link."""
        with self._lock:
            self._unplug()
            self._port = FlashPort(self.link)
        self._wake()

    def _wake(self) -> None:
        os.write(self._wake_in, b"w")

    def _unplug(self) -> None:
        self._bytes_left = -1
        if self._port is not None:
            self._port.close()
            self._port = None

    def _go_dark(self) -> None:
        """No supply: nothing runs, and the port is gone, as that of a USB chip is."""
        if self._run is not None:
            self._run.end()
            self._run = None
        self._watchdog.stop()
        self._again_s = None
        self._unplug()
        self._input = b""
        self._forward()
        with suppress(BlockingIOError):  # what was sent and not read is lost too
            self._firmware.recv(1 << 20, socket.MSG_DONTWAIT)

    def _boot(self, cause: int) -> None:
        """Start the interpreter; from the raw prompt to the raw prompt, without main.py."""
        self.resets.append(cause)
        is_raw = self._output.is_raw and cause == SOFT_RESET
        self._output.begin(is_raw)
        self._is_up = False
        self._again_s = None
        arguments = f"{str(self.files.folder)!r}, {self.files.geometry}, {{socket}}, {cause}"
        choices = f"{not is_raw}, {self._speed}, {self.files.number!r}"
        code = f"__import__('flash_launch').start({arguments}, {choices})"
        if is_raw:
            self._console.send(_CTRL_A)  # what its prompt reads first
        self._run = FlashRun([*self._command, code], self._environment, self._firmware.fileno())

    def _reset(self, cause: int) -> None:
        """End what runs, say so as a board does, and start again."""
        if self._run is not None:
            self._run.end()
        self._forward()
        if cause == SOFT_RESET:
            self._print(b"\r\nMPY: soft reboot\r\n")
        else:
            self._watchdog.stop()
        self._boot(cause)

    def _serve(self) -> None:
        """Carry bytes and do what is asked, until stop()."""
        is_open = True
        while True:
            with self._lock:
                if not self._serves:
                    return
                poll = select.poll()
                poll.register(self._wake_out, select.POLLIN)
                if self._port is not None and is_open:
                    poll.register(self._port.number, self._port.events)
                if self._run is not None:
                    poll.register(self._run, select.POLLIN)
                    poll.register(self._console, select.POLLIN)
                wait_ms = self._wait_ms(is_open)
            events = dict(poll.poll(wait_ms))
            with self._lock:
                if self._wake_out in events:
                    os.read(self._wake_out, _CHUNK_BYTES)
                    is_open = True
                    continue  # what was polled may be gone
                is_open = self._serve_port(events)
                self._serve_board(events)
                self._serve_clock()

    def _wait_ms(self, is_open: bool) -> int | None:
        due = [at for at in (self._watchdog.due_s, self._again_s) if at is not None]
        waits = [max(0, int(1000.0 * (at - time.monotonic())) + 1) for at in due]
        if not is_open:
            waits.append(_CLOSED_PORT_MS)
        return min(waits) if waits else None

    def _serve_port(self, events: dict[int, int]) -> bool:
        """Take what a program sends; False when nobody has the port open."""
        if self._port is None:
            return True
        event = events.get(self._port.number, 0)
        if event & select.POLLIN:
            self._take(self._port.read())
        elif event & select.POLLHUP:
            self._port.forget()
            return False
        elif event & select.POLLOUT:
            self._port.flush()
        return True

    def _serve_board(self, events: dict[int, int]) -> None:
        run = self._run
        if run is None:
            return
        if self._console.fileno() in events:
            self._forward()
        if run.fileno() not in events:
            return
        words, goes_on = run.words()
        for word in words:
            if self._run is run:
                self._obey(word)
        if not goes_on and self._run is run:
            # Its prompt was left with Ctrl-D or sys.exit(), or a signal ended it.
            self._reset(SOFT_RESET if run.wait() >= 0 else HARD_RESET)

    def _serve_clock(self) -> None:
        now_s = time.monotonic()
        if self._watchdog.bites(now_s):
            self._reset(WDT_RESET)
        if self._again_s is not None and now_s >= self._again_s and self._run is not None:
            self._again_s = None
            self._run.interrupt()

    def _look(self) -> tuple[str, float]:
        return ("X", 0.0) if self._run is None else self._run.look()

    def _obey(self, word: str) -> None:
        """Do what the board has asked for (sim/board/flash_launch.py)."""
        name, _, value = word.partition(" ")
        if name == "up":
            self._is_up = True
            self._take(b"")
        elif name == "watchdog":
            self.feeds += 1
            self._watchdog.feed(int(value) / 1000.0, time.monotonic())
        elif name == "again":
            self._again_s = time.monotonic() + _AGAIN_S
        elif name == "reset":
            self._reset(HARD_RESET)
        elif name == "soft":
            self._reset(SOFT_RESET)
        elif name == "cut":
            self._go_dark()
            self._went_dark.set()

    def _take(self, data: bytes) -> None:
        """Hand on what a program has sent; a byte 3 is for the code that runs, if it minds."""
        pulled = 0 <= self._bytes_left <= len(data)
        if self._bytes_left >= 0:
            data = data[: self._bytes_left]
            self._bytes_left -= len(data)
        self._input += data
        while self._input and self._is_up and self._run is not None:
            before, ctrl_c, self._input = self._input.partition(_CTRL_C)
            with suppress(BlockingIOError):  # the board does not read: the bytes are lost
                self._console.send(before)
                if ctrl_c and not self._run.interrupt():
                    self._console.send(_CTRL_C)
        if pulled:
            self._unplug()

    def _forward(self) -> None:
        """Carry what the board has printed."""
        with suppress(BlockingIOError):
            while data := self._console.recv(_CHUNK_BYTES):
                self._print(data)

    def _print(self, data: bytes) -> None:
        sent = self._output.follow(data)
        if self._port is not None:
            self._port.write(sent)
