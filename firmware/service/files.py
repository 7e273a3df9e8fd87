"""Files: the file operations with which records and slots are kept; none leaves a file open."""

import os

from micropython import const

_EEXIST = const(17)


class Files:
    """What records and slots are kept with; a test puts in operations that fail."""

    def open(self, path: str, mode: str):
        """Open a file; OSError."""
        return open(path, mode)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over another one if it is there, in one step; OSError."""
        os.rename(old, new)

    def mkdir(self, path: str) -> None:
        """Make a directory; OSError."""
        os.mkdir(path)

    def remove(self, path: str) -> None:
        """Remove a file; OSError."""
        os.remove(path)

    def names(self, path: str) -> "list[str]":
        """Return the names in a directory; OSError."""
        return os.listdir(path)


def make(files: Files, path: str) -> None:
    """Have a directory; OSError."""
    try:
        files.mkdir(path)
    except OSError as error:
        if error.errno != _EEXIST:
            raise


def put(
    files: Files, path: str, data: "bytes | bytearray", more: "bytes | bytearray" = b""
) -> None:
    """Write a file in place; OSError."""
    file = files.open(path, "wb")
    try:
        file.write(data)
        file.write(more)
    finally:
        # Also after an error: a file that is collected open writes flash, at any time.
        file.close()


def errno_of(error: OSError) -> int:
    """Return the number of an error, 0 where it has none."""
    return error.errno or 0
