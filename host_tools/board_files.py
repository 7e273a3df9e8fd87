"""Board files: what flashing needs of the file system of a board, whatever is in between."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class BoardError(Exception):
    """The board at its prompt did not do it; number is the errno it gave, 0 for none."""

    def __init__(self, text: str, number: int = 0) -> None:
        super().__init__(text)
        self.number = number

    @property
    def is_full(self) -> bool:
        """Whether the file system had no room."""
        return self.number == errno.ENOSPC


@dataclass(frozen=True)
class About:
    """What MicroPython says of itself and of its flash."""

    micropython: str
    machine: str
    mpy_version: int
    unique_id: str
    block_bytes: int
    free_blocks: int


@dataclass(frozen=True)
class Entry:
    """A file with its size and SHA-256, or a folder."""

    is_folder: bool
    size: int
    sha256: str


Progress = Callable[[int, int], None]


class BoardFiles(Protocol):
    """What flashing needs of a board; all paths absolute; each raises BoardError."""

    def about(self) -> About:
        """Return what MicroPython says of itself and of its flash."""
        ...

    def tree(self, folder: str) -> dict[str, Entry]:
        """Return all below a folder by path, read from flash; "" is the root; {} for no folder."""
        ...

    def read(self, path: str) -> bytes:
        """Return a file's bytes; BoardError ENOENT."""
        ...

    def write(self, path: str, data: bytes, progress: Progress | None = None) -> None:
        """Write a file in place."""
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Write a file beside path, read it back and rename it over: the old one or the new."""
        ...

    def make_folder(self, path: str) -> None:
        """Make a folder."""
        ...

    def remove(self, path: str, is_folder: bool = False) -> None:
        """Remove a file or an empty folder."""
        ...

    def settle(self, folder: str) -> None:
        """Have a folder in both of its blocks of flash."""
        ...

    def reset(self) -> None:
        """Start the board anew; nothing else can be asked of it then."""
        ...
