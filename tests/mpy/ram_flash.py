"""RAM flash: a flash chip in memory whose supply goes at any one of its operations.

A change is made once and its program and erase operations are kept; then the
flash is put together again as it was when the supply went before each of them,
in the middle of its bytes, and after it. For 64-bit MicroPython with VfsLfs2.
"""

import errno
from array import array
from binascii import crc32

# Of an operation at which the supply goes, in this order.
BEFORE = 0
TORN = 1
AFTER = 2

# blocks, and bytes of one: littlefs in its smallest form, and an ESP32's flash
GEOMETRIES = ((96, 512), (24, 4096))


class Flash:
    """One life of a chip over data, which outlives it; log takes every change, None for none.

    It dies at operation number left, -1 for never. A new object for each life,
    because a file that could not be closed is closed again by a later
    collection, and must then write nothing. erases counts by block, if given.
    """

    def __init__(self, data, block_bytes, log=None, left=-1, erases=None):
        self.data = data
        self.block_bytes = block_bytes
        self.log = log
        self.left = left
        self.erases = erases
        self.is_dead = False

    def readblocks(self, block, buffer, offset=0):
        if self.is_dead:
            return -errno.EIO
        at = block * self.block_bytes + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        return self._change(block * self.block_bytes + offset, buffer)

    def _change(self, at, buffer):
        # A negative number: a positive one would be taken for success.
        if self.is_dead:
            return -errno.EIO
        self.left -= 1
        if self.left == 0:
            self.is_dead = True
            return -errno.EIO
        if self.log is not None:
            self.log.append((at, bytes(buffer)))
        self.data[at : at + len(buffer)] = buffer
        return 0

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // self.block_bytes
        if op == 5:
            return self.block_bytes
        if op == 6:
            if self.erases is not None:
                self.erases[arg] += 1
            return self._change(arg * self.block_bytes, b"\xff" * self.block_bytes)
        return 0


class Random:
    """The same numbers on every run of a seed."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        """Return 0 .. limit - 1."""
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


class Image:
    """The contents of a flash, and a mark of them that follows each change of a block."""

    def __init__(self, data, block_bytes):
        self.data = bytearray(data)
        self._block_bytes = block_bytes
        self._marks = array("I", [0] * (len(data) // block_bytes))
        for block in range(len(self._marks)):
            self._look(block)

    def _look(self, block):
        at = block * self._block_bytes
        self._marks[block] = crc32(memoryview(self.data)[at : at + self._block_bytes])

    def put(self, at, piece):
        """Change some bytes of one block."""
        self.data[at : at + len(piece)] = piece
        self._look(at // self._block_bytes)

    def mark(self):
        """Return a number that differs where the contents do."""
        return crc32(self._marks)


class Tally:
    """What was cut: distinct are operation x before, torn, after x history, pairs the second ones.

    A history is what was on the flash and what was done to it; one that was there
    before is not counted again. images are the contents of the flash that differ.
    """

    def __init__(self):
        self.distinct = 0
        self.pairs = 0
        self.images = set()
        self._histories = set()

    def is_new(self, image, log):
        """Return whether this history was not there before."""
        mark = image.mark()
        for at, piece in log:
            mark = crc32(piece, mark ^ at)
        if mark in self._histories:
            return False
        self._histories.add(mark)
        return True

    def print(self, ms):
        """Print what was counted."""
        print(
            "cuts", self.distinct, "pairs", self.pairs, "images", len(self.images),
            "histories", len(self._histories), "ms", ms,
        )  # fmt: skip


def cuts_of(image, log, random, tally, is_pair=False):
    """Yield operations that were done and whether the contents are new, the image as cut there.

    A history that was there before yields nothing. At the end the image is as if
    nothing had been cut.
    """
    if not tally.is_new(image, log):
        return
    seen = set()
    for number in range(len(log)):
        at, piece = log[number]
        for kind in (BEFORE, TORN, AFTER):
            if kind == TORN:
                image.put(at, memoryview(piece)[: 1 + random.below(max(len(piece) - 1, 1))])
            elif kind == AFTER:
                image.put(at, piece)
            tally.distinct += 1
            if is_pair:
                tally.pairs += 1
            mark = image.mark()
            is_new = mark not in seen
            seen.add(mark)
            tally.images.add(mark)
            yield number + (1 if kind == AFTER else 0), is_new
