"""The flash board's files: its flash, its RTC memory, and what shall go wrong with them.

A flash is soldered to one chip, so the name of its file decides the chip's own number, and two
boards cannot run with one file: each would write what the other has not read.

The plan is shared with sim/board/flash.py, which says what its numbers are.
"""

import errno
import fcntl
import hashlib
import os
import struct
import tempfile
from array import array
from pathlib import Path

# Before, in the middle of or after an operation; or the chip refuses it and all that follow.
KINDS = {"before": 1, "torn": 2, "after": 3, "refused": 4}

# Operations done, the chosen one or 0, its kind, and the worn blocks.
_PLAN = struct.Struct("<11i")
_CHOSEN, _FIRST_WORN = 1, 3
_NO_BLOCK = -1
# As many as an ESP32's number has.
_NUMBER_BYTES = 6


class FlashFiles:
    """The folder of one board; geometry is the bytes of a block and their count.

    number is what machine.unique_id() says: another one for each path of an image.
    """

    def __init__(self, image: Path | None, block_bytes: int, block_count: int) -> None:
        """Take the image, or make a blank one; OSError where that cannot be, with its name."""
        self._temporary = tempfile.TemporaryDirectory(prefix="lsev-flash-")
        self.folder = Path(self._temporary.name)
        self._image = self.folder / "image"
        try:
            self.geometry = block_bytes, self._blocks(image, block_bytes, block_count)
        except OSError as error:
            self._temporary.cleanup()
            raise OSError(error.errno, error.strerror, str(image)) from None
        path = os.fsencode(self._image.resolve())
        self.number = hashlib.sha256(path).digest()[:_NUMBER_BYTES]
        worn = [_NO_BLOCK] * (_PLAN.size // 4 - _FIRST_WORN)
        self._plan = self.folder / "plan"
        self._plan.write_bytes(_PLAN.pack(0, 0, 0, *worn))
        self.lose_power()

    def _blocks(self, image: Path | None, block_bytes: int, block_count: int) -> int:
        """Put the image into its place; return how many blocks it has."""
        if image is not None:
            self._image.symlink_to(image.resolve())
        if not self._image.exists():
            self._image.write_bytes(b"\xff" * (block_bytes * block_count))
        self._held = self._image.open("r+b")  # of a folder, or what is another's, it says so
        try:
            _hold(self._held.fileno())
            count, rest = divmod(os.fstat(self._held.fileno()).st_size, block_bytes)
            if rest or not count:
                raise OSError(errno.EINVAL, f"is not of whole blocks of {block_bytes} bytes")
        except OSError:
            self._held.close()
            raise
        return count

    def lose_power(self) -> None:
        """Forget the RTC memory and any planned cut."""
        (self.folder / "rtc").write_bytes(b"")
        self._change(_CHOSEN, 0, 0)

    def keep_inputs(self, inputs: "array[int]") -> None:
        """Let the board's pins read these, as sim/frame.py orders them."""
        path = self.folder / "inputs"
        with path.open("r+b" if path.exists() else "wb", buffering=0) as file:
            file.write(inputs.tobytes())  # in one piece: the board may be reading it

    def close(self) -> None:
        """Remove all but an image that was given."""
        self._held.close()
        self._temporary.cleanup()

    @property
    def operations(self) -> int:
        """How many programs and erases the flash has done since this object was made."""
        return self._read()[0]

    def cut_power_at(self, number: int, kind: str) -> None:
        """Plan for the number-th operation from now; KeyError for a kind that is none."""
        self._change(_CHOSEN, self.operations + number, KINDS[kind])

    def wear_out(self, block: int) -> None:
        """Let the block take no erase and no program any more; ValueError after 8 blocks."""
        self._change(self._read().index(_NO_BLOCK, _FIRST_WORN), block)

    def flip_bit(self, at: int, bit: int) -> None:
        """Flip bit 0..7 of the byte at that place of the flash."""
        with open(self._image, "r+b") as file:
            file.seek(at)
            flipped = file.read(1)[0] ^ 1 << bit
            file.seek(at)
            file.write(bytes((flipped,)))

    def _read(self) -> tuple[int, ...]:
        return _PLAN.unpack(self._plan.read_bytes())

    def _change(self, first: int, *values: int) -> None:
        with open(self._plan, "r+b", buffering=0) as file:
            file.seek(4 * first)
            file.write(array("i", values))


def _hold(number: int) -> None:
    """Have an open image for this board alone, until it is closed; OSError where one has it."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(
            error.errno, "another board runs with this flash: end that one, or name another file"
        ) from None
