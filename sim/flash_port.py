"""The serial port of the flash board: a pseudo terminal that other programs open by a link.

What the board prints while nobody has the port open is lost, as on a wire.
Whoever has it open gets every byte: what the terminal does not take waits here.
"""

import os
import select
from contextlib import suppress
from pathlib import Path

from sim.port_link import drop_link, make_link, open_terminal

_CHUNK_BYTES = 4096
# A program that opened the port and does not read: the board drops what is older.
_WAITING_BYTES = 1 << 18


class FlashPort:
    """A raw pseudo terminal, `name`, and the link to it if there is one, until close()."""

    def __init__(self, link: Path | None) -> None:
        self._link = link
        self.number, self.name = open_terminal()
        self._waiting = bytearray()
        if link is not None:
            try:
                make_link(link, self.name)
            except OSError:
                os.close(self.number)
                raise

    @property
    def events(self) -> int:
        """What to poll for."""
        return select.POLLIN | (select.POLLOUT if self._waiting else 0)

    def read(self) -> bytes:
        """Return what a program has sent; empty when there is nothing, or nobody."""
        try:
            return os.read(self.number, _CHUNK_BYTES)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Send to whoever has the port open."""
        self._waiting += data
        del self._waiting[:-_WAITING_BYTES]
        self.flush()

    def flush(self) -> None:
        """Send what waits, as much as the terminal takes."""
        with suppress(OSError):
            while self._waiting:
                del self._waiting[: os.write(self.number, self._waiting[:_CHUNK_BYTES])]

    def forget(self) -> None:
        """Nobody has the port open: what waits is lost."""
        self._waiting.clear()

    def close(self) -> None:
        """Take port and link away, as pulling the cable does."""
        if self._link is not None:
            drop_link(self._link, self.name)
        os.close(self.number)
