"""Board port: the pseudo terminal of a virtual board, and the symlink that gives it a name.

Whoever pumps it stands in between as the USB chip of a real board does: what the
firmware prints while nobody has the port open, or faster than it is read, is
lost and never holds the firmware up.
"""

import os
import select
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from sim.port_link import drop_link, make_link, open_terminal, with_line_ends

_CHUNK_BYTES = 4096
# What a crash report shows of the firmware's output.
_LAST_WORDS_BYTES = 4000


class SerialPort:
    """The pseudo terminal `name`; pump() carries bytes between it and the firmware's console."""

    def __init__(self) -> None:
        self._port, self.name = open_terminal()
        self._board, self._firmware = socket.socketpair()
        self._board.setblocking(False)
        self.console = self._firmware.fileno()
        self._firmware_runs = True
        self._printed = b""

    def hand_over(self) -> None:
        """Give up the console, which the firmware's process has inherited by now."""
        self._firmware.close()

    def pump(self, until_s: float) -> None:
        """Carry bytes until time.monotonic() is until_s; if it is already, those that wait."""
        poll = select.poll()
        poll.register(self._port, select.POLLIN)
        if self._firmware_runs:
            poll.register(self._board, select.POLLIN)
        is_open = True
        while True:
            events = dict(poll.poll(max(0.0, until_s - time.monotonic()) * 1000.0))
            event = events.get(self._port, 0)
            if event & select.POLLIN:
                self._to_firmware()
            elif event:
                is_open = False  # as far as this call is concerned; the next asks again
                poll.unregister(self._port)
            if self._board.fileno() in events and not self._to_port(is_open):
                poll.unregister(self._board)
            if not events or time.monotonic() >= until_s:
                return

    def _to_port(self, is_open: bool) -> bool:
        """Carry what the firmware printed; False when its process has ended."""
        try:
            data = self._board.recv(_CHUNK_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._firmware_runs = False
            return False
        sent = with_line_ends(data, self._printed)
        self._printed = (self._printed + data)[-_LAST_WORDS_BYTES:]
        if is_open:
            with suppress(OSError):  # not read fast enough: the rest is lost
                os.write(self._port, sent)
        return True

    def _to_firmware(self) -> None:
        # Closed again meanwhile, or the firmware does not read: the bytes are lost.
        with suppress(OSError):
            self._board.send(os.read(self._port, _CHUNK_BYTES))

    def last_words(self) -> str:
        """Return the end of what the firmware has printed."""
        self.pump(0.0)
        lines = self._printed.decode("utf-8", "replace").splitlines()
        # What was said to a program and not to a person tells nothing of an end.
        return "\n".join(line for line in lines if not line.startswith(("@", "#"))).strip()

    def close(self) -> None:
        """Close both ends; the port is gone."""
        self._firmware.close()
        self._board.close()
        os.close(self._port)


@contextmanager
def linked(link: Path | None, port: str) -> Generator[None]:
    """Keep a symlink to the port; FileExistsError when something else is there."""
    if link is None:
        yield
        return
    make_link(link, port)
    try:
        yield
    finally:
        drop_link(link, port)
