"""Store: keeps named records through power cuts and bit rot, or says that it cannot.

Hazard: a car that drives with half a record, or with another's. Rule: a copy
counts only when its checksum over name, header and payload holds; the newest
such copy is the record. The two copies lie in separate directories, because a
few flipped bits in one directory of littlefs take everything in it. A new copy
is written beside the older one, read back, and renamed over it, so that at any
instant the newest valid copy is either the old record or the new one.

Nothing here runs by itself: each call does one file operation's worth of work,
and whoever calls has made sure that the car is parked.
"""

from micropython import const

from service.files import Files, errno_of, make, put
from service.pairs import NullDevice
from service.record_copy import (
    BUSY,
    DAMAGED,
    FAILED,
    FUTURE,
    HEADER_BYTES,
    MISSING,
    OK,
    PAYLOAD_BYTES_MOST,
    SEQUENCE_MASK,
    Copy,
    header_of,
    is_newer,
    parse,
)
from service.settling import settle

FOLDERS = ("a", "b")
LOST = "lost"
LOST_MOST = const(4)

_ENOENT = const(2)
_PIECES_MOST = const(400)

_IDLE = const(0)
_WRITE = const(1)
_CHECK = const(2)
_REPLACE = const(3)


class Store:
    """The records below root. After read(): version and payload; after FAILED: errno.

    damaged_copies counts copies that were found damaged, also where the other
    one was good; writes counts finished ones. A directory that cannot be made
    or a full file system makes single calls fail and nothing else.
    """

    def __init__(
        self, root: str, files: "Files | None" = None, device: "NullDevice | None" = None
    ) -> None:
        self._root = root
        self._files = files if files is not None else Files()
        self._device = device if device is not None else NullDevice()
        self._pieces = None  # of settling, while it goes on
        self._newest: "dict[str, tuple[int, int]]" = {}  # name: (index in FOLDERS, sequence)
        self._step = _IDLE
        self._name = ""
        self._header: "bytes | bytearray" = b""
        self._folder = 0
        self._sequence = 0
        self._written: "bytes | bytearray" = b""
        self._has_folders = False
        self.version = 0
        self.payload = b""
        self.damaged_copies = 0
        self.writes = 0
        self.errno = 0

    def settle(self) -> None:
        """Have each directory in both of its blocks. For when no loop runs beside it.

        A flash of thousands of files takes minutes, and a start that lasts 60 s is ended by the
        selector's watchdog: what so many pieces leave is for the key-off.
        """
        for _ in range(_PIECES_MOST):
            if self.settle_step() != BUSY:
                return

    def settle_step(self) -> int:
        """Do a piece of service/settling.py: BUSY, OK when there is no more, or FAILED."""
        if self._pieces is None:
            base = self._root[: self._root.rfind("/") + 1] or "/"
            self._pieces = settle(self._files, self._device, base)
        for errno in self._pieces:
            if not errno:
                return BUSY
            self.errno = errno
            self._pieces = None
            return FAILED
        self._pieces = None
        return OK

    def read(self, name: str, newest_version: int) -> int:
        """Find the newest valid copy: OK, MISSING, DAMAGED, FUTURE or FAILED.

        A version above newest_version is FUTURE. What cannot be used is moved to
        lost/; FAILED says that even that did not succeed.
        """
        self.version = 0
        self.payload = b""
        copies = [self._load(i, name) for i in range(len(FOLDERS))]
        newest = self._choose(name, copies)
        if newest is not None and newest.version <= newest_version:
            self.version = newest.version
            self.payload = newest.payload
            return OK
        if newest is None and all([copy.status == MISSING for copy in copies]):
            return MISSING
        if not self.lose(name):
            return FAILED
        return FUTURE if newest is not None else DAMAGED

    def _choose(self, name: str, copies: "list[Copy]") -> "Copy | None":
        chosen: "Copy | None" = None
        for i in range(len(copies)):
            copy = copies[i]
            if copy.status == DAMAGED:
                self.damaged_copies += 1
            elif copy.status == OK and (
                chosen is None or is_newer(copy.sequence, chosen.sequence)
            ):
                chosen = copy
                self._newest[name] = (i, copy.sequence)
        return chosen

    def _load(self, folder: int, name: str) -> Copy:
        try:
            data = self._bytes(self._path(folder, name))
        except OSError as error:
            if error.errno == _ENOENT:
                return Copy(MISSING, 0, 0, b"")
            # A file system that finds its own checksum wrong answers with an error.
            self.errno = errno_of(error)
            return Copy(DAMAGED, 0, 0, b"")
        return parse(name, data)

    def _bytes(self, path: str) -> bytes:
        file = self._files.open(path, "rb")
        try:
            # One byte more than the longest: what does not end there is no record.
            return file.read(HEADER_BYTES + PAYLOAD_BYTES_MOST + 1)
        finally:
            file.close()

    def begin(self, name: str, version: int, payload: "bytes | bytearray") -> None:
        """Take a record to be written by step(); one that was not finished is given up."""
        if name not in self._newest:
            self._choose(name, [self._load(i, name) for i in range(len(FOLDERS))])
        newest = self._newest.get(name, (1, 0))
        self._folder = 1 - newest[0]
        self._sequence = (newest[1] + 1) & SEQUENCE_MASK
        self._name = name
        self._header = header_of(name, version, self._sequence, payload)
        self._written = payload
        self._step = _WRITE

    def step(self) -> int:
        """Do one file operation of the record that was begun: BUSY, OK or FAILED.

        Apart, because each may erase a block of flash, which stalls the chip.
        """
        if self._step == _IDLE:
            return OK
        new = self._path(self._folder, self._name) + ".new"
        try:
            if self._step == _WRITE:
                self._write(new)
                self._step = _CHECK
                return BUSY
            if self._step == _CHECK:
                # A write that the file system only claims to have made replaces nothing.
                if self._bytes(new) != bytes(self._header) + self._written:
                    return self._fail(0)
                self._step = _REPLACE
                return BUSY
            self._files.rename(new, self._path(self._folder, self._name))
        except OSError as error:
            return self._fail(errno_of(error))
        self._newest[self._name] = (self._folder, self._sequence)
        self._step = _IDLE
        self._written = b""
        self.writes += 1
        return OK

    def write(self, name: str, version: int, payload: "bytes | bytearray") -> int:
        """Write a whole copy at once: OK or FAILED. For when no loop runs beside it."""
        self.begin(name, version, payload)
        status = BUSY
        while status == BUSY:
            status = self.step()
        return status

    def _write(self, path: str) -> None:
        self._make_folders()
        put(self._files, path, self._header, self._written)

    def _make_folders(self) -> None:
        if not self._has_folders:
            for folder in ("",) + FOLDERS:
                make(self._files, self._root + "/" + folder if folder else self._root)
            self._has_folders = True

    def lose(self, name: str) -> bool:
        """Move every copy of a record that cannot be used to lost/; whether that succeeded."""
        for i in range(len(FOLDERS)):
            if self._load(i, name).status != MISSING and not self._set_aside(i, name):
                return False
        if name in self._newest:
            del self._newest[name]
        return True

    def set_older_aside(self, name: str) -> bool:
        """Move the copy that is not the newest to lost/; whether nothing of it is left."""
        newest = self._newest.get(name)
        if newest is None or self._load(1 - newest[0], name).status == MISSING:
            return True
        return self._set_aside(1 - newest[0], name)

    def has_lost(self, name: str) -> bool:
        """Return whether lost/ has bytes of a record of this name."""
        try:
            names = self._files.names(self._root + "/" + LOST)
        except OSError:
            return False
        return any([name + "." + str(n) in names for n in range(LOST_MOST)])

    def _set_aside(self, folder: int, name: str) -> bool:
        """Move a copy to lost/NAME.N: the first three and the latest are kept."""
        lost = self._root + "/" + LOST
        try:
            make(self._files, lost)
            names = self._files.names(lost)
            n = 0
            while n < LOST_MOST - 1 and name + "." + str(n) in names:
                n += 1
            self._files.rename(self._path(folder, name), lost + "/" + name + "." + str(n))
        except OSError as error:
            self.errno = errno_of(error)
            return False
        return True

    def _fail(self, errno: int) -> int:
        self.errno = errno
        self._step = _IDLE
        self._written = b""
        return FAILED

    def _path(self, folder: int, name: str) -> str:
        return self._root + "/" + FOLDERS[folder] + "/" + name
