"""Settling: has each directory of the records in both of its blocks of flash.

Hazard: littlefs writes a directory into two blocks in turns, and a new one, or one that
it has moved after 101 erases, is in one of them only: rot there takes all of it, and a
directory that is gone keeps the rest from being mounted. Rule: every few starts a small
file, which lies in its directory, is written in each until both blocks have it. A slot
is written by the host, which settles it then (host_tools/prompt_files.py).

The root is settled as seldom as will do. After about 66 settlings littlefs moves it out of
the first two blocks, for good, and rot in one of these would then bring back the root that
was, which does not know where the records have gone. What stays is a risk: from a move of
the records' own directory to the next settling of the root one block of the root does not
know of it, and where littlefs has made another directory of what was left, rot in the other
loses the records. Counted (tests/mpy/store_life.py) at 60 moments of 2 200 starts: with blocks of
4 KiB, as the flash of an ESP32 has them, 6 of 1 439 lost blocks lost records, with 512 bytes at 24
of the 60 moments; in no block but the root's two.
"""

from micropython import const

from service.files import Files, errno_of, make, put

_SETTLING = "settling"
# littlefs keeps a file in its directory if it is this small, and an eighth of a block.
_INLINE_BYTES = const(120)


def settle(files: Files, root: str, folders: "tuple[str, ...]", with_parent: bool) -> int:
    """Settle the folders in root and root, with_parent what it is in; return 0, or an errno.

    A folder that moves is written down in the one that it is in, which therefore comes
    later. About a second, and six to nine erases. Where flash refuses, or the supply goes, the
    records are as they were before. On a computer's disk there is nothing to settle.
    """
    parent = root[: root.rfind("/") + 1]
    try:
        block_bytes = files.block_bytes(parent or "/")
        if not block_bytes:
            return 0
        make(files, root)
        for folder in folders:
            make(files, root + "/" + folder)
        for folder in folders:
            _fill_log(files, root + "/" + folder + "/", block_bytes)
        _fill_log(files, root + "/", block_bytes)
        if with_parent:
            _fill_log(files, parent, block_bytes)
    except OSError as error:
        return errno_of(error)
    return 0


def _fill_log(files: Files, folder: str, block_bytes: int) -> None:
    """Write a small file until the directory has gone on to its other block."""
    data = bytes(min(_INLINE_BYTES, block_bytes // 8 - 8))
    for _ in range(block_bytes // len(data) + 2):
        put(files, folder + _SETTLING, data)
    files.remove(folder + _SETTLING)
