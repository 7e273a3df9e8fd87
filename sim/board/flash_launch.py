"""Starts the virtual board whose files are a littlefs, as MicroPython starts on an ESP32.

The host (sim/flash_board.py) calls start() in a fresh interpreter and goes on at
its prompt. The flash is mounted as / in place of the host's folders, or made if
it is blank, boot.py runs and then, but for a reset from the raw prompt, main.py.
What is asked of the host goes out through a socket of its own, one word a line:
`up` (a Ctrl-C may come from now on), `reset`, `soft`, `cut` (which it answers by
ending this process), `again` (a Ctrl-C came in the middle of a flash operation)
and `watchdog MS`.
"""

# ruff: noqa: E402 - time is the interpreter's own only while the path says so

import os
import sys

import flash
from micropython import const, kbd_intr

_path = sys.path[:]
sys.path[:] = [".frozen"]  # the interpreter's own, and not that of sim/board/time.py
import time

sys.path[:] = _path

from link import inputs
from own_time import OwnTime
from storage import storage

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from typing import Any

_CTRL_C = const(3)
# The names of this side of the board, and of data that flash has its own copies of.
_HOST_MODULES = ("board", "flash", "flash_launch", "frame", "link", "own_time", "storage")
# Not as CPython and the stubs have them.
_vfs: "Any" = __import__("vfs")
_sys: "Any" = sys
_print_exception = _sys.print_exception
_FIRST_BOOT_PY = "# This file is executed on every boot (including wake-boot from deepsleep)\n"
_CORRUPTED = (
    "The filesystem appears to be corrupted. If you had important data there, you\n"
    "may want to make a flash snapshot to try to recover it. Otherwise, perform\n"
    "factory reprogramming of MicroPython firmware.\n"
)


class Host:
    """The socket to the host."""

    def __init__(self, number: int) -> None:
        self._socket: "Any" = open(number, "r+b")
        self._nothing = bytearray(1)

    def tell(self, line: bytes) -> None:
        """Tell it a line and go on; allocates nothing."""
        self._socket.write(line)

    def end(self, line: bytes) -> None:
        """Tell it a line that ends this process; nothing runs after it, no finaliser either."""
        while True:
            try:
                self.tell(line)
                self._socket.readinto(self._nothing)  # nothing comes
            except KeyboardInterrupt:
                continue


class FlashBdev:
    """What `from flashbdev import bdev` finds on an ESP32: the flash that is mounted as /."""

    def __init__(self, chip: "flash.Flash") -> None:
        self.bdev = chip


def _fit_machine(host: Host, pins: "Any", speed: int, chip: bytes) -> None:
    """Give the pins' machine module what reaches beyond this process."""
    import machine

    class Watchdog:
        """The watchdog, which a soft reset does not stop."""

        def __init__(self, id: int = 0, timeout: int = 5000) -> None:
            self._line: bytes = ("watchdog " + str(timeout // speed) + "\n").encode()
            self.feed()

        def feed(self) -> None:
            """Count from now; as often as that the pins follow what the host has put on them."""
            host.tell(self._line)
            pins.seek(0)
            pins.readinto(inputs)

    def reset() -> None:
        """Start anew at once, as the reset button does."""
        host.end(b"reset\n")

    def soft_reset() -> None:
        """Start the interpreter anew."""
        host.end(b"soft\n")

    def unique_id() -> bytes:
        """Return what tells this chip from all others."""
        return chip

    fitted: "Any" = machine
    fitted.WDT = Watchdog
    fitted.reset = reset
    fitted.soft_reset = soft_reset
    fitted.unique_id = unique_id


def _mount(device: "Any", block_bytes: int, host: Host) -> None:
    """Mount the flash as /, made anew if it is blank; else say that it is lost, until Ctrl-C.

    All as MicroPython does on an ESP32: what cannot be mounted is blank if its
    first block is, so one whose very first start lost its power has to be erased
    by a person. To look first would be wrong: littlefs erases that block at times.
    """
    _vfs.umount("/")
    try:
        _vfs.mount(device, "/")
    except OSError:
        first = bytearray(block_bytes)
        device.readblocks(0, first)
        if first == bytearray(b"\xff" * block_bytes):
            _vfs.VfsLfs2.mkfs(device)
            _vfs.mount(device, "/")
            with open("/boot.py", "w") as file:
                file.write(_FIRST_BOOT_PY)
        else:
            kbd_intr(_CTRL_C)
            host.tell(b"up\n")
            while True:
                print(_CORRUPTED)
                time.sleep(3)
    os.chdir("/")


def _run(name: str, host: Host) -> bool:
    """Run a file of the root in __main__ as pyexec.c does; True when it ended, or is not there."""
    import __main__

    try:
        with open(name) as file:
            source = file.read()
    except OSError:
        return True
    try:
        code = compile(source, name, "exec")
        kbd_intr(_CTRL_C)
        exec(code, __main__.__dict__)
    except SystemExit:
        host.end(b"soft\n")
    except BaseException as error:
        _print_exception(error)
        return False
    finally:
        kbd_intr(-1)
    return True


def start(
    folder: str,
    geometry: "tuple[int, int]",
    socket: int,
    cause: int,
    main: bool,
    speed: int,
    number: bytes,
) -> None:
    """Start with the files of the host's folder; geometry is a block's bytes and their count.

    number is the chip's own, as machine.unique_id() says it.
    """
    host = Host(socket)
    pins: "Any" = open(folder + "/inputs", "rb")
    pins.readinto(inputs)
    sys.modules["time"] = OwnTime(time, speed)  # pyright: ignore[reportArgumentType]
    image = flash.Kept(open(folder + "/image", "r+b"))
    plan = flash.Plan(flash.Kept(open(folder + "/plan", "r+b")))
    storage.attach(folder, cause)
    _fit_machine(host, pins, speed, number)
    chip = flash.Flash(
        image,
        geometry[0],
        geometry[1],
        plan,
        lambda: host.end(b"cut\n"),
        lambda: host.tell(b"again\n"),
    )
    for name in _HOST_MODULES:
        sys.modules.pop(name, None)
    sys.modules["flashbdev"] = FlashBdev(chip)  # pyright: ignore[reportArgumentType]
    sys.path[:] = ["", ".frozen", "/lib"]
    kbd_intr(-1)  # one in a mount would look like a chip that is blank, and empty it
    try:
        _mount(chip, geometry[0], host)
    except KeyboardInterrupt:  # at the prompt, without files
        return
    host.tell(b"up\n")
    if _run("boot.py", host) and main:
        _run("main.py", host)
