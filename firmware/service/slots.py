"""Slots: decides what the running version writes of itself into the record of the slots.

Hazard: a version that is trusted too soon, or given up because its driver turned the
key off twice; a record that a cut leaves half. Rule: only the version on trial speaks
for itself, and every change of /slot is one rename of what was read back. What may be
written into which slot is the host's to decide (host_tools/install.py), what starts is
the selector's (firmware/selector.py), which says what the record means.

Each call that may refuse returns why, as a sentence for a person; "" is success.
"""

import sys
from binascii import crc32

from micropython import const

from service.files import Files

NAMES = ("a", "b")
_MANIFEST = "/manifest.json"
_TEXT_BYTES_MOST = const(1024)
# The end of a manifest, in which its sum stands: all of it would fill 40 kB of the heap.
_TAIL_BYTES = const(80)
_SUM_CHARS = const(64)
_SEEK_END = const(2)


class NullJson:
    """What is needed of the module json, for who has none."""

    def loads(self, text: str) -> "dict[str, object]":
        """Return what JSON says; ValueError."""
        raise ValueError(text)

    def dumps(self, kept: "dict[str, object]") -> str:
        """Return a line of JSON."""
        raise ValueError(str(kept))


class Slots:
    """root is "" on a board; json is the module.

    slot, trial, confirmed, failed and why are what /slot says; slot is "" without it.
    running is the slot that this program was started from, "" at the prompt, and total the sum
    that its manifest states, which the selector has compared with every byte; "" for none read.
    """

    def __init__(self, root: str, json: NullJson, disk: "Files | None" = None) -> None:
        self._path: str = root + "/slot"
        self._json = json
        self._disk = disk if disk is not None else Files()
        self._is_ended = False
        self.running = ""
        for name in NAMES:
            if root + "/" + name in sys.path:
                self.running = name
        self.total = self._sum_of(root + "/" + self.running)
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
            line, _, crc = self._text(self._path).partition("\n")
            # The sum first: a parser may raise anything at what is no record.
            if crc != f"{crc32(line.encode()):08x}" + "\n":
                return
            kept = self._json.loads(line)
            self.trial = int(str(kept["trial"]))
            self.confirmed = bool(kept["confirmed"])
            self.failed = str(kept.get("failed", ""))
            self.why = str(kept.get("why", ""))
            self.slot = str(kept["slot"])
        except (OSError, ValueError, KeyError):
            return

    def lines(self) -> "tuple[str, ...]":
        """Return what a host is told: which slot runs, how it is trusted, its sum, what failed."""
        how = "trusted" if self.confirmed else "trial " + str(self.trial)
        if self.running != self.slot:
            how = "unchosen"
        said = ("slot " + self.running + " " + how, "sum " + self.total)
        if not self.failed:
            return said
        # An exception's text may have line ends, and what a host cannot read.
        given_up = " ".join(("given_up " + self.failed + ": " + self.why).split())
        return said + ("".join([c if " " <= c <= "~" else "?" for c in given_up]),)

    def is_on_trial(self) -> bool:
        """Return whether the running version is the one that /slot names, unconfirmed."""
        return self.running != "" and self.running == self.slot and not self.confirmed

    def confirm(self) -> str:
        """This version has passed its self-test and ran cleanly: trust it. Once; when parked."""
        if not self.is_on_trial():
            return ""
        return self._write(0, True)

    def orderly_end(self) -> str:
        """The key was turned off: this start has not failed. Again: no change."""
        if not self.is_on_trial() or self._is_ended:
            return ""
        self._is_ended = True
        return self._write(max(self.trial - 1, 0), False)

    def begin_again(self) -> str:
        """The key was turned on without a start in between: count it as one."""
        if not self.is_on_trial() or not self._is_ended:
            return ""
        self._is_ended = False
        return self._write(self.trial + 1, False)

    def _write(self, trial: int, confirmed: bool) -> str:
        """Write /slot beside the old one, read it back, and rename it over it; "" or why not."""
        kept: "dict[str, object]" = {"slot": self.slot, "trial": trial, "confirmed": confirmed}
        kept["failed"] = self.failed
        kept["why"] = self.why
        line = self._json.dumps(kept)
        text = line + "\n" + f"{crc32(line.encode()):08x}" + "\n"
        new = self._path + ".new"
        try:
            file = self._disk.open(new, "wb")
            try:
                file.write(text.encode())
                file.flush()
            finally:
                file.close()
            if self._text(new) != text:
                return "flash keeps something else than was written; the record is as before"
            self._disk.rename(new, self._path)
        except OSError as error:
            return (
                "flash refused it, errno " + str(error.errno)
                + "; the record is as before; free some space and try again"
            )  # fmt: skip
        self.trial = trial
        self.confirmed = confirmed
        return ""

    def _sum_of(self, folder: str) -> str:
        try:
            file = self._disk.open(folder + _MANIFEST, "rb")
            try:
                file.seek(-_TAIL_BYTES, _SEEK_END)
                _, _, rest = file.read(_TAIL_BYTES).decode().partition('"total"')
            finally:
                file.close()
        except (OSError, ValueError):
            return ""
        found = rest.strip(' :"}')
        return found if len(found) == _SUM_CHARS else ""

    def _text(self, path: str) -> str:
        file = self._disk.open(path, "rb")
        try:
            return file.read(_TEXT_BYTES_MOST).decode()
        finally:
            file.close()
