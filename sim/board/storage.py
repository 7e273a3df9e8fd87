"""What the virtual board keeps when its processor starts anew, and the time that writing takes.

Flash is a folder, and the working directory as the root is on a board. RTC
memory is a file, which the host empties when the power goes. Opening a file to
write and each change of a folder are one flash operation and an erase of 45 ms;
a write is 80 ms for 4 kB. The counts go out with each frame.
"""

import os as _os

from frame import FLASH_OPS, FLASH_OPS_MOVING
from link import link, outputs
from micropython import const

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RTC_BYTES = const(2048)

_ERASE_US = const(45000)
_PROGRAM_US_PER_BLOCK = const(80000)
_BLOCK_BYTES = const(4096)
_HEADER_BYTES = const(2)


class Storage:
    """The folder of one virtual board, across its resets; there is one, `storage`."""

    def __init__(self) -> None:
        self.reset_cause: int = 1
        # Whether the car could be moving now; nothing is known of that before the loop runs.
        self.is_moving: "Callable[[], bool]" = bool
        self._takes_time = True
        self._rtc: "Any" = None

    def attach(self, folder: str, reset_cause: int) -> None:
        """Take the RTC memory that folder keeps, and why the board started."""
        self.reset_cause = reset_cause
        self._rtc = open(folder + "/rtc", "r+b")

    def mount(self, folder: str, takes_time: bool) -> None:
        """Take the flash that is a folder: it becomes the working directory."""
        self._takes_time = takes_time
        _os.chdir(folder)

    def count(self) -> None:
        """Count a flash operation, and let its erase take its time."""
        outputs[FLASH_OPS] += 1
        if self.is_moving():
            outputs[FLASH_OPS_MOVING] += 1
        self.charge(_ERASE_US)

    def charge(self, us: int) -> None:
        """Let the time pass that flash takes."""
        if self._takes_time:
            link.charge(us)

    def load_rtc(self) -> bytes:
        """Return the bytes last kept; empty after the power was cut."""
        self._rtc.seek(0)
        kept = self._rtc.read()
        return kept[_HEADER_BYTES : _HEADER_BYTES + int.from_bytes(kept[:_HEADER_BYTES], "little")]

    def save_rtc(self, data: bytes) -> None:
        """Keep up to RTC_BYTES from now on, also through an abrupt end."""
        self._rtc.seek(0)
        self._rtc.write(len(data).to_bytes(_HEADER_BYTES, "little") + bytes(data))


storage = Storage()


class ChargedFile:
    """A file that is open to write."""

    def __init__(self, file: "Any") -> None:
        self._file: "Any" = file

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def write(self, data: "Any") -> int:
        """Let the time pass that flash takes for these bytes or characters, and write them."""
        storage.charge(len(data) * _PROGRAM_US_PER_BLOCK // _BLOCK_BYTES)
        return self._file.write(data)

    def __enter__(self) -> "ChargedFile":
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()


def charged_open(name: "Any", mode: str = "r", *options: "Any", **named: "Any") -> "Any":
    """Open a file; one to write in costs an operation."""
    if "r" in mode and "+" not in mode:
        return _open(name, mode, *options, **named)
    file = _open(name, mode, *options, **named)
    storage.count()
    return ChargedFile(file)


_open = open


class ChargedOs:
    """The interpreter's os, whose changes of folders cost an operation."""

    def __getattr__(self, name: str) -> object:
        return getattr(_os, name)

    def mkdir(self, path: str) -> None:
        """Make a folder."""
        _os.mkdir(path)
        storage.count()

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over another if there is one."""
        _os.rename(old, new)
        storage.count()

    def remove(self, path: str) -> None:
        """Remove a file."""
        _os.remove(path)
        storage.count()

    def rmdir(self, path: str) -> None:
        """Remove an empty folder."""
        _os.rmdir(path)
        storage.count()

    unlink = remove
