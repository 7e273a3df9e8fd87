"""Link: a command to the board and its answer, each line with a checksum that must be right.

A command goes out as `@TAG command *CRC` and comes back as lines `@TAG + text *CRC`, the last
one `@TAG ok *CRC` or `@TAG err CODE slug: text *CRC`; `@TAG + pending *CRC` only says that it
is under way. Lines that begin with # were not asked for and are kept for events(); all others
are none of a program's business.
"""

import json
import math
import re
import time
import zlib
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import serial

from host_tools.ports import open_port

# A board that has just started, or is busy, may not have heard the first time. Asking again
# with the same tag is safe: within 2 s the board repeats its last line and does nothing twice.
_AGAIN_S = 1.5
_MOST_EVENTS = 2000
# The longest line of telemetry has all values at once.
_MOST_CHARS = 1000
# A line of 160 without tag, verb, rate and sum.
_MOST_NAME_CHARS = 130
_LAST_TAG = 9999
_LINE = re.compile(rb"@(\d{1,4}) (.*) \*([0-9A-Fa-f]{8})")
# What an answer ends with, whatever has become of its beginning.
_SUM = re.compile(rb".* \*[0-9A-Fa-f]{8}")
# A board that was left as an OBD adapter, or in the middle of a line, is a console after this.
_ATTENTION = b"\r\nexit\r\n"
_PROMPT = b">>> "
_PENDING = "+ pending"
# A board ends the subscription of a program that has said no line for 15 s.
_KEEP_S = 3.0
_ERROR = re.compile(r"err (\d+) ([\w-]+): ?(.*)")


class LinkError(Exception):
    """The board refused (code and slug are its own), or there is no answer (code is None).

    The text says what happened; what was kept; what to do.
    """

    def __init__(self, code: int | None, slug: str, text: str) -> None:
        super().__init__(f"{text} (error {code} {slug})" if code is not None else text)
        self.code = code
        self.slug = slug
        self.text = text


class Link:
    """One board at an open port; not for two threads. tap hears each line, > before the sent."""

    def __init__(
        self, port: serial.Serial, tap: Callable[[str], None] = lambda line: None
    ) -> None:
        self.is_unlocked = False
        self._port = port
        self._tap = tap
        # Another program's tags of the last seconds must not be taken for these.
        self._tag = time.time_ns() // 1_000_000 % _LAST_TAG
        self._half = b""
        self._waits_for = b""
        self._keep_s = math.inf  # when the subscription needs a line to live on
        self._events: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_MOST_EVENTS)

    def command(self, line: str, timeout_s: float = 5.0) -> list[str]:
        """Return the lines of the answer; LinkError when it is an error, or none comes."""
        self._tag = self._tag % _LAST_TAG + 1
        request = f"@{self._tag} {line}".encode()
        request += b" *%08X\r\n" % zlib.crc32(request)
        self._waits_for = request.strip()
        if self._keep_s < math.inf:
            self._keep_s = time.monotonic() + _KEEP_S
        try:
            return self._ask(request, line.split(" ", 1)[0], timeout_s)
        finally:
            self._waits_for = b""

    def _ask(self, request: bytes, word: str, timeout_s: float) -> list[str]:
        self._send(request)
        said: list[str] = []
        heard = False
        now = time.monotonic()
        end, again = now + timeout_s, now + _AGAIN_S
        while now < end:
            for text in self._answers():
                if text == _PENDING:
                    pass  # heard, and no part of the answer
                elif text.startswith("+ "):
                    said.append(text[2:])
                elif text.startswith("ok"):
                    return said
                else:
                    raise _refusal(text)
                heard = True
                end = max(end, time.monotonic() + _AGAIN_S)  # it is still answering
            now = time.monotonic()
            if not heard and now >= again:
                if self._half.endswith(_PROMPT):
                    raise _at_prompt()
                self._send(_ATTENTION)
                self._send(request)
                again = now + _AGAIN_S
        raise _no_answer(word, heard, timeout_s)

    def subscribe(self, names: str, rate_hz: int) -> None:
        """Have the board send values, separated by commas, so many times a second."""
        plus = ""
        for some in _portions(names):
            self.command(f"sub {plus}{some} {rate_hz}")
            plus = "+"
        self._keep_s = time.monotonic() + _KEEP_S
        # What came before was of another subscription, or of half of this one.
        self._events = deque((e for e in self._events if e[0] != "t"), maxlen=_MOST_EVENTS)

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what came unasked since the last call: kind, as "t" or "e", and its values.

        Now and then it says a line to keep the subscription, LinkError where nobody answers it.
        """
        if time.monotonic() >= self._keep_s:
            self.command("echo")
        for _ in self._answers():
            pass  # an answer that nobody waits for any more
        found = list(self._events)
        self._events.clear()
        return found

    def _send(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except OSError as error:
            raise _lost(error) from None
        self._tap("> " + data.decode("ascii", "replace").strip())

    def _answers(self) -> list[str]:
        """Read what is there, at least for a moment; return the lines of this tag's answer."""
        try:
            self._half += self._port.read(max(1, self._port.in_waiting))
        except OSError as error:
            raise _lost(error) from None
        *lines, self._half = self._half.split(b"\n")
        self._half = self._half[-_MOST_CHARS:]
        found: list[str] = []
        for line in map(bytes.strip, lines):
            if not line or len(line) > _MOST_CHARS:
                continue
            if self._waits_for and line.endswith(self._waits_for):
                continue  # an echo
            self._tap(line.decode("ascii", "backslashreplace"))
            if line.startswith(b"#"):
                self._keep(line)
                continue
            match = _LINE.fullmatch(line)
            if match is None or zlib.crc32(line[: match.end(2)]) != int(match[3], 16):
                is_own = line.startswith(b"@%d " % self._tag) or _SUM.fullmatch(line)
                if self._waits_for and is_own:
                    raise _garbled()
            elif int(match[1]) == self._tag:
                found.append(match[2].decode("ascii", "replace"))
        return found

    def _keep(self, line: bytes) -> None:
        kind, _, rest = line[1:].partition(b" ")
        try:
            values: object = json.loads(rest or b"{}")
        except (ValueError, RecursionError):
            return  # broken off by a reset, or damaged
        if isinstance(values, dict):
            self._events.append((kind.decode("ascii", "replace"), values))  # pyright: ignore[reportUnknownArgumentType]


@contextmanager
def open_link(name: str | None, tap: Callable[[str], None] = lambda line: None) -> Generator[Link]:
    """Open the board at the named port, or at the one there is, and close it again; PortError."""
    port = open_port(name)
    try:
        yield Link(port, tap)
    finally:
        port.close()


def _portions(names: str) -> list[str]:
    """Return the names in as many portions as the length of a line makes necessary."""
    portions: list[str] = []
    for name in names.split(","):
        if portions and len(portions[-1]) + len(name) < _MOST_NAME_CHARS:
            portions[-1] += "," + name
        else:
            portions.append(name)
    return portions


def _refusal(text: str) -> LinkError:
    match = _ERROR.fullmatch(text)
    if match is None:
        return LinkError(None, "not-understood", f"the board's answer {text!r} is not understood")
    return LinkError(int(match[1]), match[2], match[3])


def _lost(error: OSError) -> LinkError:
    return LinkError(
        None, "lost", f"the port is gone ({error}); plug the cable in again and start anew"
    )


def _garbled() -> LinkError:
    return LinkError(
        None,
        "garbled",
        "a line of the answer came in damaged; it was not used, the command may have been done;"
        " try again, with a shorter cable",
    )


def _at_prompt() -> LinkError:
    return LinkError(
        None,
        "at-prompt",
        "the board is at MicroPython's prompt, and the car does not drive; nothing was changed;"
        " put the firmware on a bare board with `lsev flash`; restart one that has it, by its"
        " button or with Ctrl-D in a terminal",
    )


def _no_answer(word: str, heard: bool, timeout_s: float) -> LinkError:
    what = "broke off" if heard else f"did not come within {timeout_s:g} s"
    return LinkError(
        None,
        "broke-off" if heard else "no-answer",
        f"the board's answer to `{word}` {what}; whether it was done is not known; look with"
        " `lsev params diff` or `lsev faults`, check cable, supply and port",
    )
