"""Slots: decides what may be written into which application slot, and when a version is trusted.

Hazard: an update that leaves a car with half a program, the wrong one, or none.
Rule: only the slot that the selector would not start is written, after the other
has been proven whole; its manifest goes first and comes last; the change of /slot
is one rename. A new version is on trial (firmware/selector.py) until confirm().

For the application, and for a host at the prompt of a parked car, on which there may
be no version yet: this is one file, so that it can be sent, and imports nothing of the
firmware. Each call that may refuse returns why, as a sentence for a person; "" is success.
"""

import os
import sys
from binascii import crc32, hexlify
from hashlib import sha256

from micropython import const

NAMES = ("a", "b")
MANIFEST = "manifest.json"
_MAIN = ("main.mpy", "main.py")
_FOLDER = const(0x4000)
_TEXT_BYTES_MOST = const(32768)
_CHUNK_BYTES = const(1024)
_NOT_PARKED = "the car could move; nothing was changed; stop, neutral, key off, then ask again"


class NullJson:
    """What is needed of the module json, for who has none."""

    def loads(self, text: str) -> "dict[str, list[tuple[str, int, str]]]":
        """Return what JSON says, of several kinds and not only files; ValueError."""
        raise ValueError(text)

    def dumps(self, kept: "dict[str, object]") -> str:
        """Return a line of JSON."""
        raise ValueError(str(kept))


class Disk:
    """The file operations that the slots use; a test puts in others that fail."""

    def open(self, path: str, mode: str):
        """Open a file; OSError."""
        return open(path, mode)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over another one if it is there, in one step; OSError."""
        os.rename(old, new)

    def mkdir(self, path: str) -> None:
        """Make a folder; OSError."""
        os.mkdir(path)

    def remove(self, path: str) -> None:
        """Remove a file; OSError."""
        os.remove(path)

    def rmdir(self, path: str) -> None:
        """Remove an empty folder; OSError."""
        os.rmdir(path)

    def names(self, path: str) -> "list[str]":
        """Return the names in a folder; OSError."""
        return os.listdir(path)

    def size(self, path: str) -> int:
        """Return the bytes of a file; OSError."""
        return os.stat(path)[6]

    def is_folder(self, path: str) -> bool:
        """Return whether a path is a folder; OSError where it is nothing."""
        return bool(os.stat(path)[0] & _FOLDER)


class Manifest:
    """What the manifest of a slot says; fault is why the slot cannot run, "" for whole."""

    def __init__(self) -> None:
        self.version = ""
        self.board = ""
        self.vehicle = ""
        self.micropython_min = ""
        self.fault = ""


class Slots:
    """root is "" on a board; json the module; board_name what runs, "" for the kept slot's.

    slot, trial, confirmed, failed and why are what /slot says; slot is "" without it.
    running is the slot that this program was started from, "" at the prompt. target is
    the slot that begin_update() has emptied.
    """

    def __init__(
        self, root: str, json: NullJson, board_name: str = "", disk: "Disk | None" = None
    ) -> None:
        self._root = root
        self._json = json
        self._disk = disk if disk is not None else Disk()
        self._board = board_name
        self._is_ended = False
        self.running = ""
        for name in NAMES:
            if root + "/" + name in sys.path:
                self.running = name
        self.target = ""
        self.slot = ""
        self.trial = 0
        self.confirmed = False
        self.failed = ""
        self.why = ""
        self.read()

    def read(self) -> None:
        """Read /slot anew."""
        self.slot = ""
        try:
            line, _, crc = self._text("/slot").partition("\n")
            kept = self._json.loads(line)
            if crc == f"{crc32(line.encode()):08x}" + "\n":
                self.trial = int(str(kept["trial"]))
                self.confirmed = bool(kept["confirmed"])
                self.failed = str(kept.get("failed", ""))
                self.why = str(kept.get("why", ""))
                self.slot = str(kept["slot"])
        except (OSError, ValueError, KeyError):
            return

    def look(self, slot: str, with_hashes: bool) -> Manifest:
        """Return what is in a slot, its files judged by size, or by every byte and no other."""
        found = Manifest()
        path = MANIFEST
        folder = "/" + slot + "/"
        try:
            values = self._json.loads(self._text(folder + MANIFEST))
            found.version = str(values["version"])
            found.board = str(values["board"])
            found.vehicle = str(values["vehicle"])
            found.micropython_min = str(values["micropython_min"])
            total = sha256()
            listed = [MANIFEST]
            for path, size, digest in values["files"]:
                total.update((path + " " + str(size) + " " + digest + "\n").encode())
                listed.append(path)
                if self._disk.size(self._root + folder + path) != size:
                    found.fault = path + " is not as long as the manifest says"
                elif with_hashes and self._digest(folder + path) != digest:
                    found.fault = path + " is damaged"
                if found.fault:
                    return found
            has_main = any([name in listed for name in _MAIN])
            if not has_main or _hex(total.digest()) != str(values["total"]):
                found.fault = MANIFEST + " is damaged"
            elif with_hashes:
                found.fault = self._stray("/" + slot, "", listed)
        except OSError:
            found.fault = path + " is missing"
        except (ValueError, KeyError, TypeError):
            found.fault = MANIFEST + " is damaged"
        return found

    def state(self, slot: str) -> str:
        """Return in a few words what becomes of a slot at the next start."""
        fault = self.look(slot, False).fault
        if fault:
            return "cannot start: " + fault
        if slot != self.slot:
            return "given up: " + self.why if slot == self.failed else "kept for a rollback"
        if self.confirmed:
            return "starts"
        return "starts on trial, " + str(self.trial) + " of 2 starts used"

    def kept(self) -> str:
        """Return the slot that is whole and starts, "" for none: an update must not touch it."""
        first = 1 if self.slot == NAMES[1] else 0
        for name in (NAMES[first], NAMES[1 - first]):
            if not self.look(name, True).fault:
                return name
        return ""

    def begin_update(self, version: str, board: str, is_parked: bool, is_forced: bool) -> str:
        """Empty the slot that is not kept, which is then target; "" or why not.

        is_forced allows an older version, and to give up the version before one on trial.
        """
        if not is_parked:
            return _NOT_PARKED
        self.target = ""
        self.read()
        kept = self.kept()
        target = _other(kept) if kept else self.slot or NAMES[0]
        refused = self._refuse(kept, version, board, is_forced)
        if refused:
            return refused
        on_trial = kept == self.slot and not self.confirmed
        if kept and on_trial and not is_forced and not self.look(target, False).fault:
            return (
                self.look(kept, False).version + " is still on trial, and the update would"
                " replace the version before it; nothing was changed; let it run for a"
                " minute, or force it"
            )
        try:
            self._empty(target)
        except OSError as error:
            return self._flash_refused(error, kept)
        self.target = target
        return ""

    def finish(self, version: str, is_parked: bool, is_forced: bool, slot: str = "") -> str:
        """After the manifest has come: verify all and change over; "" or why not.

        slot is the target, for who has begun in another run of the interpreter.
        """
        if not is_parked:
            return _NOT_PARKED
        slot = slot or self.target
        if slot not in NAMES:
            return "no update was begun; nothing was changed; begin it, and send the files again"
        self.read()
        kept = _other(slot) if not self.look(_other(slot), False).fault else ""
        found = self.look(slot, True)
        keeps = "; slot " + kept + " is kept" if kept else "; no other version is on the board"
        if found.fault:
            return "slot " + slot + ": " + found.fault + keeps + "; send the update again"
        if found.version != version:
            return "slot " + slot + " has " + found.version + keeps + "; send the update again"
        refused = self._refuse(kept, version, found.board, is_forced)
        if refused:
            return refused
        if _numbers(found.micropython_min) > sys.implementation.version[:3]:
            return (
                version + " needs MicroPython " + found.micropython_min + keeps
                + "; see lsev provision"
            )  # fmt: skip
        self.target = ""
        return self._write(slot, 0, False, "", "")

    def rollback(self, is_parked: bool) -> str:
        """Have the other slot start next time, on trial; "" or why not."""
        if not is_parked:
            return _NOT_PARKED
        self.read()
        if self.slot not in NAMES:
            return "/slot is missing or damaged; nothing was changed; reboot, then ask again"
        other = _other(self.slot)
        fault = self.look(other, True).fault
        if fault:
            return "slot " + other + ": " + fault + "; slot " + self.slot + " is kept; flash anew"
        return self._write(other, 0, False, "", "")

    def confirm(self) -> str:
        """This version has passed its self-test and ran cleanly: trust it. Once; when parked."""
        if not self.is_on_trial():
            return ""
        return self._write(self.slot, 0, True, self.failed, self.why)

    def is_on_trial(self) -> bool:
        """Return whether the running version is the one that /slot names, unconfirmed."""
        return self.running != "" and self.running == self.slot and not self.confirmed

    def orderly_end(self) -> str:
        """The key was turned off: this start has not failed. Again: no change."""
        if not self.is_on_trial() or self._is_ended:
            return ""
        self._is_ended = True
        return self._write(self.slot, max(self.trial - 1, 0), False, self.failed, self.why)

    def begin_again(self) -> str:
        """The key was turned on without a start in between: count it as one."""
        if not self.is_on_trial() or not self._is_ended:
            return ""
        self._is_ended = False
        return self._write(self.slot, self.trial + 1, False, self.failed, self.why)

    def _refuse(self, kept: str, version: str, board: str, is_forced: bool) -> str:
        """Return why a version is not for this board, "" if it is."""
        present = self.look(kept, False) if kept else Manifest()
        wanted = self._board or present.board
        if wanted and board != wanted:
            return (
                "the update is for the board " + board + ", this one is " + wanted
                + "; nothing was switched; choose the board's own"
            )  # fmt: skip
        if not is_forced and _numbers(version) < _numbers(present.version):
            return (
                version + " is older than " + present.version
                + "; nothing was switched; force it, or roll back"
            )  # fmt: skip
        return ""

    def _empty(self, slot: str) -> None:
        """Remove all of a slot, the manifest first: from then on nobody takes it for whole."""
        folder = self._root + "/" + slot
        if slot in self._disk.names(self._root or "/"):
            if MANIFEST in self._disk.names(folder):
                self._disk.remove(folder + "/" + MANIFEST)
            self._remove_all(folder)
        else:
            self._disk.mkdir(folder)

    def _remove_all(self, folder: str) -> None:
        for name in self._disk.names(folder):
            path = folder + "/" + name
            if self._disk.is_folder(path):
                self._remove_all(path)
                self._disk.rmdir(path)
            else:
                self._disk.remove(path)

    def _stray(self, folder: str, inner: str, listed: "list[str]") -> str:
        """Return the complaint about a file that is not listed: it could hide one that is."""
        for name in self._disk.names(self._root + folder + inner):
            path = inner + "/" + name
            if self._disk.is_folder(self._root + folder + path):
                stray = self._stray(folder, path, listed)
                if stray:
                    return stray
            elif path[1:] not in listed:
                return path[1:] + " is not in the manifest"
        return ""

    def _digest(self, path: str) -> str:
        digest = sha256()
        file = self._disk.open(self._root + path, "rb")
        try:
            data = file.read(_CHUNK_BYTES)
            while data:
                digest.update(data)
                data = file.read(_CHUNK_BYTES)
        finally:
            file.close()
        return _hex(digest.digest())

    def _text(self, path: str) -> str:
        file = self._disk.open(self._root + path, "rb")
        try:
            return file.read(_TEXT_BYTES_MOST).decode()
        finally:
            file.close()

    def _write(self, slot: str, trial: int, confirmed: bool, failed: str, why: str) -> str:
        """Write /slot beside the old one, read it back, and rename it over it; "" or why not."""
        line = self._json.dumps(
            {"slot": slot, "trial": trial, "confirmed": confirmed, "failed": failed, "why": why}
        )
        text = line + "\n" + f"{crc32(line.encode()):08x}" + "\n"
        path = self._root + "/slot"
        try:
            file = self._disk.open(path + ".new", "wb")
            try:
                file.write(text.encode())
                file.flush()
            finally:
                file.close()
            if self._text("/slot.new") != text:
                return "flash keeps something else than was written; the old version is kept"
            self._disk.rename(path + ".new", path)
        except OSError as error:
            return self._flash_refused(error, self.slot)
        self.read()
        return ""

    def _flash_refused(self, error: OSError, kept: str) -> str:
        return (
            "flash refused it, errno " + str(error.errno) + "; slot " + (kept or "-")
            + " is kept; free some space and try again"
        )  # fmt: skip


def _numbers(version: str) -> "tuple[int, ...]":
    """Return the numbers of a version: 0.10.2-dev is 0, 10, 2."""
    numbers: "list[int]" = []
    for part in version.split("-")[0].split("."):
        numbers.append(int(part) if part.isdigit() else 0)
    while len(numbers) < 3:
        numbers.append(0)
    return tuple(numbers)


def _other(slot: str) -> str:
    return NAMES[1 - NAMES.index(slot)]


def _hex(digest: bytes) -> str:
    return hexlify(digest).decode()
