"""Pairs: decides which directories of littlefs one rotten block of flash would lead astray.

littlefs has a directory in a pair of blocks: when one is full, what counts goes on in the
other. The newer one knows where the directories that are in it have moved, and its fellow
where they were, at which by now there may be something else. Rule: a pair is loose if its
blocks do not tell the same of where the directories in it are, and of where the next one
in littlefs' own list of all of them is.

A block is read as littlefs reads it (its SPEC.md): tags of 32 bits, each in exclusive or
with the one before, in commits that end with a checksum. What comes after the last commit
that is whole does not count.
"""

import struct
from binascii import crc32

from micropython import const

# A file whose name ends so is there for a moment only (service/settling.py).
MARK = "~settling"

_BLOCK_COUNT = const(4)
_BLOCK_BYTES = const(5)
_ROOT: "tuple[int, int]" = (0, 1)
_NO_BLOCK = const(0xFFFFFFFF)
_HALF_OF_REVISIONS = const(0x80000000)
_TAG_BYTES = const(4)
_SIZE = const(0x3FF)  # of what follows a tag, and all of it where that is deleted

# What a tag is about: the higher bits of its kind, and some whole kinds.
_CLASS = const(0x700)
_NAME = const(0x000)
_SUPERBLOCK = const(0x0FF)
_STRUCT = const(0x200)
_FOLDER = const(0x200)
_SPLICE = const(0x400)
_CREATE = const(0x401)
_TAIL = const(0x600)
_COMMIT_CLASS = const(0x780)
_COMMIT = const(0x500)


class NullDevice:
    """The flash of a controller whose files are on a computer's disk: it has no block."""

    def ioctl(self, command: int, argument: int) -> int:
        """Return that there is none."""
        return 0

    def readblocks(self, block: int, buffer: "bytearray | memoryview", offset: int) -> None:
        """Read nothing."""


class Told:
    """What one block tells, up to its last whole commit; is_whole: there is one.

    folders are the names and pairs of the directories in it, tail is the next pair, None at
    the end, and goes_on that this is the same directory's. first is the lowest name in it, or
    one that a power cut has left in it.
    """

    def __init__(self, data: "memoryview") -> None:
        self.revision: int = struct.unpack_from("<I", data, 0)[0]
        self.is_whole = False
        self.tail: "tuple[int, int] | None" = None
        self.goes_on = False
        self._names: "list[str]" = []
        self._pairs: "list[tuple[int, int] | None]" = []
        self._read(data)
        self.folders: "list[tuple[str, tuple[int, int]]]" = []
        left: "list[str]" = []
        for i in range(len(self._names)):
            name, place = self._names[i], self._pairs[i]
            if place is not None:
                self.folders.append((name, place))
            elif name.endswith(MARK):
                left.append(name)
        self.folders.sort()
        # A folder that a person has called so is none of these.
        others = [name for name in self._names if name and not name.endswith(MARK)]
        self.first = min(left or others, default="")
        # Loose ones are kept until they are settled: all names of many files would fill the heap.
        self._names = []
        self._pairs = []

    def places(self) -> "tuple[object, ...]":
        """Return what both blocks of a pair must agree about."""
        return (self.is_whole, self.folders, self.tail, self.goes_on)

    def is_after(self, other: "Told") -> bool:
        """Return whether this is the newer one of two blocks."""
        if not self.is_whole or not other.is_whole:
            return self.is_whole
        return (self.revision - other.revision) & _HALF_OF_REVISIONS == 0

    def _read(self, data: "memoryview") -> None:
        tags: "list[tuple[int, int, int, int]]" = []  # of a commit that has not ended yet
        begin, at, high, low = 0, _TAG_BYTES, 0xFFFF, 0xFFFF
        while at + _TAG_BYTES <= len(data):
            new_high, new_low = struct.unpack_from(">HH", data, at)
            high ^= new_high
            low ^= new_low
            kind = high >> 4
            first = at + _TAG_BYTES
            end = first + (low & _SIZE if low & _SIZE != _SIZE else 0)
            if high & 0x8000 or end > len(data):
                return
            if kind & _COMMIT_CLASS != _COMMIT:
                tags.append((kind, (high & 15) << 6 | low >> 10, first, end))
            elif crc32(data[begin:first]) ^ 0xFFFFFFFF != struct.unpack_from("<I", data, first)[0]:
                return
            else:
                for tag in tags:
                    self._take(data, tag)
                tags = []
                self.is_whole = True
                begin = end
                high ^= (kind & 1) << 15
            at = end

    def _take(self, data: "memoryview", tag: "tuple[int, int, int, int]") -> None:
        kind, entry, first, end = tag
        names, pairs = self._names, self._pairs
        if kind & _CLASS == _TAIL:
            self.tail = _pair(data, first)
            self.goes_on = bool(kind & 1)
        elif kind & _CLASS == _SPLICE and kind != _CREATE:
            del names[entry : entry + 1], pairs[entry : entry + 1]
        elif kind & _CLASS in (_NAME, _STRUCT, _SPLICE):
            # Only what comes later than the first commit has been created before it has a name.
            while len(names) < entry + (kind != _CREATE):
                names.append("")
                pairs.append(None)
            if kind == _CREATE:
                names.insert(entry, "")
                pairs.insert(entry, None)
            elif kind & _CLASS == _STRUCT:
                pairs[entry] = _pair(data, first) if kind == _FOLDER else None
            elif kind != _SUPERBLOCK:
                names[entry] = bytes(data[first:end]).decode()


def _pair(data: "memoryview", at: int) -> "tuple[int, int] | None":
    one, other = struct.unpack_from("<II", data, at)
    return None if one == _NO_BLOCK else (min(one, other), max(one, other))


class Pair:
    """One pair of blocks: path is that of its directory with a stroke behind, "" if unknown."""

    def __init__(self, device: NullDevice, blocks: "tuple[int, int]", path: str) -> None:
        self._device = device
        self.blocks = blocks
        self.path = path
        self.block_bytes = device.ioctl(_BLOCK_BYTES, 0)
        data = bytearray(self.block_bytes)
        told: "list[Told]" = []
        for block in blocks:
            device.readblocks(block, data, 0)
            told.append(Told(memoryview(data)))
        self.newest = told[0] if told[0].is_after(told[1]) else told[1]
        self.is_loose = told[0].places() != told[1].places() or self.newest.first.endswith(MARK)

    def revisions(self) -> bytes:
        """Return what changes when littlefs has gone on to the other block."""
        data = bytearray(2 * _TAG_BYTES)
        for i in range(2):
            piece = memoryview(data)[i * _TAG_BYTES : (i + 1) * _TAG_BYTES]
            self._device.readblocks(self.blocks[i], piece, 0)
        return bytes(data)


def walk(device: NullDevice, base: str):
    """Yield each pair in the order of littlefs' list; base is the path of the root, as "/".

    What a directory is in comes before it, unless it was renamed into another one: such a pair
    comes once without a path, and again with it. It ends where neither block of a pair is whole.
    """
    blocks: "tuple[int, int] | None" = _ROOT
    paths: "dict[tuple[int, int], str]" = {_ROOT: base}
    late: "list[Pair]" = []
    for _ in range(device.ioctl(_BLOCK_COUNT, 0)):
        if blocks is None:
            break
        pair = Pair(device, blocks, paths.get(blocks, ""))
        if not pair.newest.is_whole:
            break
        if pair.path:
            _learn(pair, paths)
        else:
            late.append(pair)
        yield pair
        blocks = pair.newest.tail
    for _ in range(len(late)):
        for pair in late:
            pair.path = paths.get(pair.blocks, "")
            if pair.path:
                _learn(pair, paths)
                late.remove(pair)
                yield pair
                break


def _learn(pair: Pair, paths: "dict[tuple[int, int], str]") -> None:
    """Note the paths of what a pair tells of."""
    newest = pair.newest
    for name, place in newest.folders:
        paths[place] = pair.path + name + "/"
    if newest.goes_on and newest.tail is not None:
        paths[newest.tail] = pair.path
