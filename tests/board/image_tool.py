"""The flash of a switched-off board, as its own MicroPython sees it.

    micropython image_tool.py put IMAGE BLOCK_BYTES BLOCKS FOLDER   FOLDER's files into it
    micropython image_tool.py look IMAGE BLOCK_BYTES BLOCKS         what would start, as JSON
    micropython image_tool.py record IMAGE BLOCK_BYTES BLOCKS       only what /slot says

put makes the file system where there is none. look changes nothing: the board's own
selector chooses as after power-on, every file of that slot is verified, and of the
other one too. For 64-bit MicroPython with VfsLfs2.
"""

import json
import os
import sys

import vfs

import selector

_MOUNT = "/board"
_FOLDER = 0x4000
_EROFS = 30


class Image:
    """A block device over a file."""

    def __init__(self, path, block_bytes, blocks):
        # Open as long as the device is: no `with` lasts that long, close() ends it.
        self._file = open(path, "r+b")  # noqa: SIM115
        self._block_bytes = block_bytes
        self._blocks = blocks

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(block * self._block_bytes + offset)
        self._file.readinto(buffer)
        return 0

    def writeblocks(self, block, buffer, offset=0):
        self._file.seek(block * self._block_bytes + offset)
        self._file.write(buffer)
        return 0

    def ioctl(self, op, block):
        if op == 4:
            return self._blocks
        if op == 5:
            return self._block_bytes
        return 0

    def close(self):
        self._file.close()


class ReadOnly(selector.Disk):
    """A disk on which a look at the choice leaves nothing."""

    def open(self, path, mode):
        if mode != "rb":
            raise OSError(_EROFS)
        return open(path, mode)


class Chip:
    """A chip that has just got its supply."""


def quiet(*values):
    """Print nothing: a selector says something at every start."""


selector.print = quiet


def put(source, target):
    """Copy all below a folder, over what is there."""
    for name in os.listdir(source):
        old = source + "/" + name
        new = target + "/" + name
        if os.stat(old)[0] & _FOLDER:
            if name not in os.listdir(target):
                os.mkdir(new)
            put(old, new)
        else:
            with open(old, "rb") as file:
                data = file.read()
            with open(new, "wb") as file:
                file.write(data)


def look():
    """Return the slot that would start, what is in each, and the record."""
    chooser = selector.Selector(_MOUNT, Chip(), ReadOnly())
    slot = chooser.choose(1)
    found = {"chosen": slot}
    for name in selector.SLOTS:
        found[name] = None
        if chooser.check(name):
            with open(_MOUNT + "/" + name + "/manifest.json") as file:
                found[name] = json.load(file)["version"]
    found["runs"] = found[slot] if slot and "main.py" in os.listdir(_MOUNT) else None
    return found


def main(verb, path, block_bytes, blocks, *folder):
    """Do one thing and close the image, so that nothing is left to a finaliser."""
    image = Image(path, int(block_bytes), int(blocks))
    try:
        vfs.mount(vfs.VfsLfs2(image), _MOUNT)
    except OSError:
        vfs.VfsLfs2.mkfs(image)
        vfs.mount(vfs.VfsLfs2(image), _MOUNT)
    if verb == "put":
        put(folder[0], _MOUNT)
    elif verb == "look":
        print(json.dumps(look()))
    else:
        with open(_MOUNT + "/slot") as file:
            print(json.dumps(selector.parse(file.read())))
    vfs.umount(_MOUNT)
    image.close()


main(*sys.argv[1:])
