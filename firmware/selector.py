"""Selector: decides which of the two application slots starts; it is a board's /main.py.

Hazard: an update that was cut off, or that does not start, in a car that must
drive tomorrow. Rule: a slot runs only when its manifest, which is written last,
fits its files; a new version is on trial until it confirms itself, and each of
its starts is counted before it begins. Updates never touch this file, and it
imports nothing that they touch.

/slot is one line of JSON and one with its CRC-32 in eight hex digits:

    {"slot": "a", "trial": 0, "confirmed": true, "failed": "", "why": ""}

trial counts starts that were begun and not ended in order; failed names the slot
that was given up last, and why says for what. service/slots.py writes the same.

All of it is one file, longer than others: what the root holds must be whole or not
there after a cut, and of two files one could be of another version.
"""

import gc
import json
import os
import sys
import time
from binascii import crc32, hexlify
from hashlib import sha256

from micropython import const, kbd_intr

SLOTS = ("a", "b")
_RECORD = "/slot"
_MANIFEST = "/manifest.json"
_HEAD = ("version", "board", "vehicle", "micropython_min")
_MAIN = ("main.mpy", "main.py")
_STARTS_MOST = const(2)
# What machine.reset_cause() says of a watchdog's reset, on an ESP32.
_WDT_RESET = const(3)
# Checking and importing take seconds; an import that hangs must not take the board away.
_START_WATCHDOG_MS = const(60000)
# As in main.py: somebody works at the prompt, and a forgotten board comes back.
_PROMPT_WATCHDOG_MS = const(600000)
# A manifest has about 100 bytes a file; what is much longer is none.
_TEXT_BYTES_MOST = const(32768)
_CHUNK_BYTES = const(1024)
_CTRL_C = const(3)
# Of an exception's text, which may be as long as it likes, this much is kept.
_WHY_CHARS_MOST = const(120)


def make(slot: str, trial: int, confirmed: bool, failed: str, why: str) -> dict:
    """Return a record."""
    return {"slot": slot, "trial": trial, "confirmed": confirmed, "failed": failed, "why": why}


def pack(record: dict) -> str:
    """Return the two lines that are kept of a record."""
    line = json.dumps(record)
    return line + "\n" + f"{crc32(line.encode()):08x}" + "\n"


def parse(text: str) -> "dict | None":
    """Return the record that text is, None if a single bit of it is wrong."""
    line, _, crc = text.partition("\n")
    if crc != f"{crc32(line.encode()):08x}" + "\n":
        return None
    kept = json.loads(line)
    if kept["slot"] not in SLOTS:
        return None
    return make(
        kept["slot"], kept["trial"], kept["confirmed"], kept.get("failed", ""), kept.get("why", "")
    )


class Disk:
    """The file operations that the selector uses; a test puts in others that fail."""

    def open(self, path: str, mode: str):
        """Open a file; OSError."""
        return open(path, mode)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over another one if it is there, in one step; OSError."""
        os.rename(old, new)


class Selector:
    """root is "" on a board; chip is the module machine, or has its three names."""

    def __init__(self, root: str, chip, disk: "Disk | None" = None) -> None:
        self._root = root
        self._chip = chip
        self._disk = disk if disk is not None else Disk()
        self._buffer = bytearray(_CHUNK_BYTES)
        self.record: "dict | None" = None
        self.reasons = {name: "" for name in SLOTS}  # why a slot cannot start

    def run(self, load) -> None:
        """Choose, count, start; load(folder) imports the application and returns it to call.

        A Ctrl-C stops the import and the application, and nothing else: one that met the record
        half-way would cost a good version one of its starts. What comes sooner waits for the
        application, which reads it.
        """
        kbd_intr(-1)
        self._chip.WDT(timeout=_START_WATCHDOG_MS)
        slot = self.choose(self._chip.reset_cause())
        if slot:
            slot = self.count(slot)
        if not slot:
            self._give_up()
            return
        gc.collect()
        is_loaded = False
        try:
            try:
                kbd_intr(_CTRL_C)
                application = load(self._root + "/" + slot)
                is_loaded = True
                application()
            finally:
                _shut_out_ctrl_c()
        except KeyboardInterrupt:
            _shut_out_ctrl_c()  # a second one may have met the line above
            # A person wants the prompt: no failure of this version.
            self._chip.WDT(timeout=_PROMPT_WATCHDOG_MS)
            self._uncount()
            raise
        except Exception as error:
            record = self.record = self._read() or self.record
            if is_loaded and record["slot"] == slot and record["confirmed"]:
                # The loop crashed: its own watchdog starts the same version anew.
                raise
            self._replace(slot, error)

    def choose(self, cause: int) -> str:
        """Return the slot to start, "" for none; the record then names it, where it can."""
        record = self.record = self._read()
        if record is None:
            return self._choose_anew()
        slot = record["slot"]
        why = ""
        if not record["confirmed"] and record["trial"] and cause == _WDT_RESET:
            why = "the watchdog ended its trial"
        elif not record["confirmed"] and record["trial"] >= _STARTS_MOST:
            why = "two starts on trial did not end in order"
        is_whole = self.check(slot)
        if is_whole and not why:
            return slot
        # A slot that was given up before is better than one that is not whole.
        if is_whole and _other(slot) == record["failed"]:
            return slot
        if self.fall_back(why or self.reasons[slot]):
            return _other(slot)
        if is_whole:
            self._say(slot, why + "; the other slot has no application, so it starts again")
            return slot
        return ""

    def _choose_anew(self) -> str:
        for name in SLOTS:
            if self.check(name):
                self._say(name, "starts on trial; /slot is missing or damaged")
                self.record = make(name, 0, False, "", "")
                return name
        return ""

    def fall_back(self, why: str) -> bool:
        """Change to the other slot if it is whole, for good where /slot can be written."""
        record = self.record
        other = _other(record["slot"])
        if not self.check(other):
            return False
        self._say(record["slot"], "given up: " + why + "; slot " + other + " starts")
        self.record = make(other, 0, True, record["slot"], why)
        self._write(self.record)
        return True

    def count(self, slot: str) -> str:
        """Count the start of a version on trial, before it begins; return the slot to start.

        What cannot be counted could fail for ever: then the other slot starts.
        """
        record = self.record
        if record["confirmed"] or record["trial"] >= _STARTS_MOST:
            return slot
        counted = make(slot, record["trial"] + 1, False, record["failed"], record["why"])
        if self._write(counted):
            self.record = counted
            return slot
        other = _other(slot)
        return other if other != record["failed"] and self.check(other) else slot

    def check(self, slot: str) -> bool:
        """Return whether every byte of a slot fits its manifest; else reasons[slot] says why.

        At each start, of a trusted version too: littlefs has no checksum over a file's bytes,
        and what a rotten one would do to a car nobody knows. One that is too short would not
        even fail: MicroPython reads a .mpy past its end for ever.
        """
        began_us = time.ticks_us()
        reason = self._fault_of(self._root + "/" + slot)
        self.reasons[slot] = reason
        if not reason:
            ms = time.ticks_diff(time.ticks_us(), began_us) // 1000
            self._say(slot, "every file verified in " + str(ms) + " ms")
        else:
            self._say(slot, reason)
        return not reason

    def _fault_of(self, folder: str) -> str:
        path = _MANIFEST
        try:
            manifest = json.loads(self._text(folder + path))
            total = sha256(_head_of(manifest))
            has_main = False
            for name, size, digest in manifest["files"]:
                path = "/" + name
                total.update((name + " " + str(size) + " " + digest + "\n").encode())
                has_main = has_main or name in _MAIN
                if self._digest(folder + path) != digest:
                    return path[1:] + " is damaged: its SHA-256 is wrong"
            if not has_main or _hex(total) != manifest["total"]:
                return "manifest.json is damaged: its total is wrong"
        except OSError as error:
            return path[1:] + " is missing or cannot be read, errno " + str(error.errno)
        except Exception as error:  # whatever a damaged manifest leads to
            return "manifest.json is damaged: " + type(error).__name__
        return ""

    def _digest(self, path: str) -> str:
        digest = sha256()
        buffer = self._buffer
        view = memoryview(buffer)
        file = self._disk.open(path, "rb")
        try:
            size = file.readinto(buffer)
            while size:
                digest.update(view[:size])
                size = file.readinto(buffer)
        finally:
            file.close()
        return _hex(digest)

    def _text(self, path: str) -> str:
        file = self._disk.open(path, "rb")
        try:
            return file.read(_TEXT_BYTES_MOST).decode()
        finally:
            file.close()

    def _read(self) -> "dict | None":
        try:
            return parse(self._text(self._root + _RECORD))
        except Exception:  # missing, damaged, or a file system that cannot read it
            return None

    def _write(self, record: dict) -> bool:
        """Keep a record: written beside the old one, read back, and renamed over it."""
        path = self._root + _RECORD
        try:
            file = self._disk.open(path + ".new", "wb")
            try:
                file.write(pack(record).encode())
                file.flush()
            finally:
                file.close()
            if self._text(path + ".new") != pack(record):
                return False
            self._disk.rename(path + ".new", path)
        except Exception as error:
            print("selector: /slot cannot be written:", error)
            return False
        return True

    def _replace(self, slot: str, error: Exception) -> None:
        """The application failed on trial, or cannot even be imported: change over."""
        record = self.record
        why = (type(error).__name__ + ": " + str(error))[:_WHY_CHARS_MOST]
        if hasattr(sys, "print_exception"):
            sys.print_exception(error)
        self.reasons[slot] = why
        if record["slot"] == slot and _other(slot) != record["failed"] and self.fall_back(why):
            # Half of a program is loaded and may have set up pins; the other starts clean.
            self._chip.reset()
        self._give_up()

    def _uncount(self) -> None:
        """Take this start back, if the application has not done so, or confirmed itself."""
        record = self._read()
        if record == self.record and record["trial"]:
            record["trial"] -= 1
            self._write(record)

    def _give_up(self) -> None:
        self._chip.WDT(timeout=_PROMPT_WATCHDOG_MS)
        print("selector: no application can start; boot.py has made the outputs safe")
        for name in SLOTS:
            self._say(name, self.reasons[name] or "was given up before")
        print("selector: records are kept; connect a computer and run: lsev flash")

    def _say(self, slot: str, text: str) -> None:
        print("selector: slot " + slot + ": " + text)


def _head_of(manifest: dict) -> bytes:
    """Return what the sum of a manifest covers besides its files."""
    return "".join([manifest[name] + "\n" for name in _HEAD]).encode()


def _shut_out_ctrl_c() -> None:
    """From here on no Ctrl-C stops anything, not even one of a flood that came before.

    MicroPython raises one that is on its way at its next jump, so there is one to do it here.
    """
    while True:
        try:
            kbd_intr(-1)
            for _ in range(2):
                pass
            return
        except KeyboardInterrupt:
            pass


def _other(slot: str) -> str:
    return SLOTS[1 - SLOTS.index(slot)]


def _hex(digest) -> str:
    return hexlify(digest.digest()).decode()


def load(folder: str):
    """Import the application of a slot, with its own board data; return what runs it."""
    sys.path.insert(0, folder)
    # boot.py's, from the root; and the name under which this file could be found.
    for name in ("board", "main"):
        sys.modules.pop(name, None)
    import main

    return main.start


if __name__ == "__main__":
    import machine

    Selector("", machine).run(load)
