"""Settling: has what leads to the records told by both blocks of each directory of flash.

Hazard: littlefs writes a directory into two blocks in turns, and moves one that was erased
101 times. Where it is then is told by one block of the directory that it is in, and of the
one before it in littlefs' list: rot there leads to where it was, and a directory that is gone
keeps all the rest from being mounted. Rule: at key-off, and every few starts, each pair of
blocks is looked at (service/pairs.py). Where the two differ, a small file, which lies in its
directory, is written in it until littlefs has gone on to the other block.

Not more often than they differ, because the root has its revisions counted too: at the 101st
littlefs moves it out of the first two blocks, for good, and one of these keeps what was then,
which nothing can settle. Counted (tests/mpy/store_life.py), 12 000 starts write to it twice.

What stays: from a move to the next key-off, or 32 copies at the socket, one block leads to
where it was. A car whose supply goes before each key-off is written is settled by no start,
for it may be rolling. In blocks of 512 bytes a pair that is half full may stay loose, and is
written in at each key-off, for 13 erases; no ESP32 mounts such. Where MicroPython does not
hand out its flash (`flashbdev`, on each ESP32), nothing is settled. What a host writes it
settles itself (host_tools/prompt_files.py).
"""

from micropython import const

from service.files import Files, errno_of, put
from service.pairs import MARK, NullDevice, Pair, walk

# littlefs keeps a file in its directory if it is this small, and an eighth of a block.
_INLINE_BYTES = const(120)
# To settle one may move it, which is told by others that come before it.
_ROUNDS = const(3)
_EIO = const(5)


def settle(files: Files, device: NullDevice, base: str):
    """Look at each pair and settle what differs, a piece at a time; yield an errno, or 0.

    base is the path of the root of the device, as "/". A piece reads two blocks, or writes
    one small file. Where flash refuses, or the supply goes, the records are as they were.
    """
    try:
        for _ in range(_ROUNDS):
            loose: "list[Pair]" = []
            for pair in walk(device, base):
                if pair.is_loose and pair.path and not _is_start_only(pair):
                    loose.append(pair)
                yield 0
            if not loose:
                return
            # What moves is told by pairs before it, which therefore come later.
            for pair in reversed(loose):
                for _ in _fill(files, pair):
                    yield 0
    except (OSError, ValueError, MemoryError) as error:
        yield errno_of(error) if isinstance(error, OSError) else _EIO


def _is_start_only(pair: Pair) -> bool:
    """Return whether this is what littlefs leaves in a place that a directory has moved on from.

    A new name would come into the next pair of the same directory.
    """
    return pair.newest.goes_on and not pair.newest.first


def _fill(files: Files, pair: Pair):
    """Write a small file in a pair until littlefs has gone on to the other block of it."""
    data = bytes(min(_INLINE_BYTES, pair.block_bytes // 8 - 8))
    path = pair.path + _name_before(pair.newest.first)
    revisions = pair.revisions()
    for _ in range(pair.block_bytes // len(data) + 2):
        put(files, path, data)
        yield
        if pair.revisions() != revisions:
            break
    files.remove(path)


def _name_before(name: str) -> str:
    """Return a name that comes just before one, and so into the same pair of a long directory."""
    if name.endswith(MARK):
        return name  # one that a power cut has left there
    last = ord(name[-1:] or " ") - 1
    # No stroke in a name, which would make a path of it.
    return name[:-1] + chr(last if last != ord("/") else last - 1) + MARK
