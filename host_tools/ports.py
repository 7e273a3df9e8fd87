"""Ports: which serial port the car is at, and why one cannot be opened."""

import errno
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import serial
from serial.tools import list_ports

BAUD = 115200
POLL_S = 0.05
_WRITE_S = 2.0
_SILICON_LABS = 0x10C4
_MAC_PREFIX = "/dev/cu."
# Of the processes that hold a port the first is named; a command line is cut to this.
_COMMAND_CHARS = 60
_HOW = "plug the cable in, or name a port with --port or LSEV_PORT"


class PortError(OSError):
    """There is no port, more than one, or one that does not open; the text says what to do."""


def find_ports(listed: Callable[[], Iterable[Any]] = list_ports.comports) -> dict[str, str]:
    """Return the description of each port that may be a car's, by its name.

    A port without USB behind it cannot be: a modem, a Bluetooth device, a PC's own COM1. Of the
    two names that macOS gives each port, only the one that does not wait for a carrier counts.
    """
    found = {
        port.device: port.description
        for port in sorted(listed())
        if port.vid is not None
        and (sys.platform != "darwin" or port.device.startswith(_MAC_PREFIX))
    }
    return {
        name: text if text and text != "n/a" else "no description" for name, text in found.items()
    }


def choose_port(
    name: str | None, listed: Callable[[], Iterable[Any]] = list_ports.comports
) -> str:
    """Return name, else what LSEV_PORT names, else the only port there is; PortError."""
    name = name or os.environ.get("LSEV_PORT")
    if name:
        return name
    found = find_ports(listed)
    if len(found) == 1:
        return next(iter(found))
    raise PortError(f"{_there(found)}; {_HOW}")


def _there(found: dict[str, str]) -> str:
    if not found:
        return "no serial port was found"
    names = ", ".join(f"{name} ({text})" for name, text in found.items())
    return f"the serial ports are {names}"


def open_port(name: str | None) -> serial.Serial:
    """Open the named port, the one of LSEV_PORT, or the only one there is; PortError."""
    name = choose_port(name)
    if _is_no_device(name):
        raise PortError(f"{name} is no serial port; {_there(find_ports())}; {_HOW}")
    # Hazard: the link of a virtual board that was killed may name somebody's shell by now, which
    # would run what is sent to a board. A shell has its terminal open.
    holder = holder_of(name)
    if holder:
        is_virtual = os.path.realpath(name).startswith("/dev/pts/")
        left = "; a virtual board that was killed has left its name: start it anew"
        raise PortError(
            f"{name} is in use by {holder}; close it there and try again{left * is_virtual}"
        )
    try:
        # Two programs at one port would each get half of the answers.
        port: Any = serial.serial_for_url(
            name, BAUD, timeout=POLL_S, write_timeout=_WRITE_S, exclusive=True, do_not_open=True
        )
        _open(port)
    except ValueError as error:
        raise PortError(f"{name} is no port: {error}; {_HOW}") from None
    except OSError as error:
        raise _explained(name, error) from None
    return port


def _is_no_device(name: str) -> bool:
    """Return whether it is a file or a folder, or the device that swallows everything."""
    path = Path(name)
    return os.name != "nt" and (
        path.is_file() or path.is_dir() or os.path.realpath(name) == os.devnull
    )


def _open(port: Any) -> None:
    """Open with DTR and RTS up, as mpremote does.

    A chip with USB of its own sends nothing without DTR; behind a USB bridge they reset the chip
    while they differ. Every driver raises both at once, but that of the CP210x on Windows. On a
    car's board they must not be connected at all.
    """
    found = list(list_ports.grep(str(port.port))) if os.name == "nt" else []
    is_odd = bool(found) and found[0].vid == _SILICON_LABS
    if is_odd:
        port.dtr = port.rts = False
    port.open()
    if is_odd:
        port.dtr = port.rts = True


def _explained(name: str, error: OSError) -> PortError:
    """Return what a person can do about a port that did not open."""
    if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return PortError(f"nothing is at {name}; {_there(find_ports())}; {_HOW}")
    if error.errno in (errno.EACCES, errno.EPERM) and os.name != "nt":
        return PortError(
            f"{name} may not be opened by this user; join its group with"
            f" `sudo usermod -aG {_group_of(name)} $USER`, log out and in again"
        )
    if error.errno in (errno.EBUSY, errno.EAGAIN, errno.EACCES):
        return PortError(f"{name} is in use by another program; close it there and try again")
    return PortError(f"{name} does not open ({error}); take the cable out and in, and try again")


def _group_of(name: str) -> str:
    try:
        return Path(name).group()
    # The port is gone, its group has no name, or the system has no groups (Windows): the
    # group that most systems give to serial ports is the best guess for the sentence.
    except (OSError, KeyError, NotImplementedError):
        return "dialout"


def holder_of(name: str, proc: Path = Path("/proc")) -> str:
    """Return the program that has the port open, as far as /proc tells; "" for none known.

    This process does not count: it may be opening its own port again.
    """
    if not name.startswith(("/", ".")) and not Path(name).is_symlink():
        return ""
    device = os.path.realpath(name)
    for folder in proc.glob("[0-9]*"):
        if folder.name == str(os.getpid()) or _is_fork(folder, proc):
            continue
        if _has_open(folder, device):
            return f"{_command_of(folder)} (process {folder.name})"
    return ""


def _is_fork(folder: Path, proc: Path) -> bool:
    """Return whether it is a child of this process that has not begun its own program yet.

    For that moment it has open whatever this process has.
    """
    try:
        parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        own = (proc / str(os.getpid()) / "cmdline").read_bytes()
        return parent == str(os.getpid()) and (folder / "cmdline").read_bytes() == own
    except (OSError, IndexError):
        return False


def _has_open(folder: Path, device: str) -> bool:
    try:
        return any(os.readlink(fd) == device for fd in (folder / "fd").iterdir())
    except OSError:
        return False  # it has ended meanwhile, or is another user's


def _command_of(folder: Path) -> str:
    try:
        words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "another program"
    return " ".join(words).strip()[:_COMMAND_CHARS] or "another program"
