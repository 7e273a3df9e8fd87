"""Blocks of littlefs as its SPEC.md says: tags in commits, each commit with its checksum."""

import struct
from binascii import crc32

BLOCK_BYTES = 256
NAME_FILE, NAME_FOLDER, SUPERBLOCK, FOLDER, INLINE, CREATE, DELETE, TAIL, LONG_TAIL, CRC = (
    0x001, 0x002, 0x0FF, 0x200, 0x201, 0x401, 0x4FF, 0x600, 0x601, 0x500,
)  # fmt: skip
NO_ENTRY = 0x3FF


def pair(*blocks):
    return struct.pack("<II", *blocks)


def folder(entry, name, *blocks):
    """Return the tags of a folder that is at these two blocks."""
    return [(NAME_FOLDER, entry, name.encode()), (FOLDER, entry, pair(*blocks))]


def file(entry, name):
    return [(NAME_FILE, entry, name.encode()), (INLINE, entry, b"content")]


def tail(*blocks, goes_on=False):
    return [(LONG_TAIL if goes_on else TAIL, NO_ENTRY, pair(*blocks))]


def block(revision, *commits, crc_kind=CRC):
    """Return a block with these commits, which are lists of kind, entry and bytes."""
    data = struct.pack("<I", revision)
    before, begin = 0xFFFFFFFF, 0
    for commit in commits:
        for kind, entry, payload in [*commit, (crc_kind, NO_ENTRY, b"????")]:
            tag = kind << 20 | entry << 10 | (len(payload) if kind != DELETE else 0)
            data += struct.pack(">I", tag ^ before)
            if kind == crc_kind:
                payload = struct.pack("<I", crc32(data[begin:]) ^ 0xFFFFFFFF)
            data += payload
            before = tag ^ ((kind & 1) << 31 if kind == crc_kind else 0)
        begin = len(data)
    return data.ljust(BLOCK_BYTES, b"\xff")


class Device:
    """A flash with these blocks, by number; others are blank."""

    def __init__(self, blocks, count=16):
        self.blocks = dict(blocks)
        self.count = count
        self.reads = 0

    def ioctl(self, command, argument):
        return {4: self.count, 5: BLOCK_BYTES}[command]

    def readblocks(self, number, buffer, offset=0):
        self.reads += 1
        data = self.blocks.get(number, b"\xff" * BLOCK_BYTES)
        buffer[:] = data[offset : offset + len(buffer)]
