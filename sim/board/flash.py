"""The virtual board's flash chip: what each program and erase does, and where the supply goes.

A block device for VfsLfs2, of NOR flash: an erase makes a block all ones, a
program can only clear bits. Its bytes are in a file, which outlives the
interpreter. Programs and erases are numbered from 1; a Plan says at which
of them the supply goes, before, in the middle or after it, or from which on the
chip refuses every write while the processor goes on. A worn block takes no
erase and no program, and does not say so: littlefs finds out by reading back.
Refusals are negative: MicroPython takes a positive errno for success. Nothing is
allocated, because a collection closes files, and while it runs nothing can be.
"""

from array import array

from micropython import const

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_EIO = const(5)
_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
_BLOCK_ERASE = const(6)

# What happens at the chosen operation; the host's side is sim/flash_board.py.
BEFORE = const(1)
TORN = const(2)
AFTER = const(3)
REFUSED = const(4)

# The plan (sim/flash_files.py): operations done, the chosen one or 0, its kind, and the worn
# blocks, -1 where there is none.
_PLAN_SIZE = const(11)
_FIRST_WORN = const(3)
_INT_BYTES = const(4)


class Kept:
    """Bytes in an open file, without a buffer in between."""

    def __init__(self, file: "Any") -> None:
        self._file: "Any" = file

    def read(self, at: int, buffer: "Any", size: int) -> None:
        """Read size bytes from byte at on into the buffer's first."""
        self._file.seek(at)
        self._file.readinto(buffer, size)

    def write(self, at: int, data: "Any", size: int) -> None:
        """Keep the first size bytes from byte at on."""
        self._file.seek(at)
        self._file.write(data, size)


class Plan:
    """What shall happen to which operation, in numbers that host and board share."""

    def __init__(self, shared: Kept) -> None:
        self._shared = shared
        self._numbers = array("i", [0] * _PLAN_SIZE)
        self._count = array("i", [0])

    def kind(self) -> int:
        """Return what happens to the operation that comes now; 0 is nothing special."""
        numbers = self._numbers
        self._shared.read(0, numbers, _PLAN_SIZE * _INT_BYTES)
        chosen = numbers[1]
        number = numbers[0] + 1
        if not chosen or number < chosen:
            return 0
        if number == chosen or numbers[2] == REFUSED:
            return numbers[2]
        return 0

    def is_worn(self, block: int) -> bool:
        """Return whether the block has been erased too often, as of the last kind()."""
        index = _FIRST_WORN
        while index < _PLAN_SIZE:
            if self._numbers[index] == block:
                return True
            index += 1
        return False

    def count(self) -> None:
        """Count the operation that kind() was asked about."""
        self._count[0] = self._numbers[0] + 1
        self._shared.write(0, self._count, _INT_BYTES)


class Flash:
    """The block device. on_cut must not return; on_interrupt hears of a Ctrl-C in an operation.

    The flash of a chip is driven by code that no Ctrl-C ends half-way, while a
    KeyboardInterrupt that left these methods would leave littlefs so. What
    interrupts an operation is therefore handed on, and comes again after it.
    """

    def __init__(
        self,
        memory: Kept,
        block_bytes: int,
        block_count: int,
        plan: Plan,
        on_cut: "Callable[[], None]",
        on_interrupt: "Callable[[], None]",
    ) -> None:
        self._memory = memory
        self._block_bytes = block_bytes
        self._block_count = block_count
        self._plan = plan
        self._on_cut = on_cut
        self._on_interrupt = on_interrupt
        self._erased: bytes = b"\xff" * block_bytes
        self._scratch = bytearray(block_bytes)

    def readblocks(self, block: int, buffer: "Any", offset: int = 0) -> int:
        """Fill the buffer from the block's byte offset on; 0."""
        while True:
            try:
                self._memory.read(block * self._block_bytes + offset, buffer, len(buffer))
                return 0
            except KeyboardInterrupt:
                self._on_interrupt()

    def writeblocks(self, block: int, data: "Any", offset: int = 0) -> int:
        """Clear the bits that data has not; 0, or negative when the chip refuses."""
        while True:  # doing it once more changes nothing
            try:
                return self._change(block, offset, data, len(data), False)
            except KeyboardInterrupt:
                self._on_interrupt()

    def ioctl(self, command: int, block: int) -> "int | None":
        """Tell the geometry, or erase the block: 0, or negative when the chip refuses."""
        if command == _BLOCK_COUNT:
            return self._block_count
        if command == _BLOCK_SIZE:
            return self._block_bytes
        if command != _BLOCK_ERASE:
            return 0
        while True:
            try:
                return self._change(block, 0, self._erased, self._block_bytes, True)
            except KeyboardInterrupt:
                self._on_interrupt()

    def _change(self, block: int, offset: int, data: "Any", size: int, is_erase: bool) -> int:
        kind = self._plan.kind()
        if kind == REFUSED:
            return -_EIO
        if kind == BEFORE:
            self._on_cut()
            return -_EIO
        if kind == TORN:
            size //= 2
        if not self._plan.is_worn(block):
            self._put(block * self._block_bytes + offset, data, size, is_erase)
        if kind:
            self._on_cut()
            return -_EIO
        self._plan.count()
        return 0

    def _put(self, at: int, data: "Any", size: int, is_erase: bool) -> None:
        if is_erase:
            self._memory.write(at, data, size)
            return
        kept = self._scratch
        self._memory.read(at, kept, size)
        index = 0
        while index < size:
            kept[index] &= data[index]
            index += 1
        self._memory.write(at, kept, size)
