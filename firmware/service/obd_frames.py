"""OBD frames: how the bytes of an answer look in the lines of an ELM327.

Up to seven bytes are one line. More are split as ISO 15765-2 does it: with
headers as the frames are on the bus, without them as a length and numbered lines.
"""

from micropython import const

from service.obd_settings import HEADERS, HEX, LENGTHS, LINEFEEDS, RESPONSES, SPACES
from service.reply import Reply

# The longest line is a frame in hexadecimal with its header.
_OUT_BYTES = const(48)
_SPACE = const(32)
_COLON = const(58)
_FROM_THIS = const(0x7E8)
# Payload bytes in a single frame, in the first of several, and in each that follows.
_SINGLE = const(7)
_FIRST = const(6)
_NEXT = const(7)


class ObdFrames:
    """Writes payload as the switches of is_on say."""

    def __init__(self, reply: Reply, payload: bytearray, is_on: bytearray) -> None:
        self._reply = reply
        self._payload = payload
        self._is_on = is_on
        self._out = bytearray(_OUT_BYTES)
        self._view = memoryview(self._out)
        self._end: int = 0

    def newline(self) -> None:
        """End a line."""
        self._reply.data(b"\r\n" if self._is_on[LINEFEEDS] else b"\r")

    def say(self, text: str) -> None:
        """Write a line of words."""
        self._reply.text(text)
        self.newline()

    def write(self, size: int):
        """Write payload[:size] as frames, a line each; NO DATA for size 0."""
        if not self._is_on[RESPONSES]:
            return
        if not size:
            self.say("NO DATA")
        elif size <= _SINGLE:
            self._frame(size, 1, 0, size)
        else:
            if not self._is_on[HEADERS]:
                self._end = 0
                self._digits(size, 3)
                self._space()
                self._finish()
                yield
            self._frame(0x1000 | size, 2, 0, _FIRST)
            yield
            at = _FIRST
            number = 1
            while at < size:
                self._frame(0x20 | number & 0xF, 1, at, min(_NEXT, size - at))
                at += _NEXT
                number += 1
                yield

    def _frame(self, control: int, control_bytes: int, at: int, count: int) -> None:
        """Write one frame: control bytes of the transport protocol, and payload[at : at+count]."""
        self._end = 0
        if self._is_on[HEADERS]:
            self._digits(_FROM_THIS, 3)
            self._space()
            if self._is_on[LENGTHS]:
                self._digits(control_bytes + count, 1)
                self._space()
            for i in range(control_bytes - 1, -1, -1):
                self._byte(control >> 8 * i & 0xFF)
        elif control > _SINGLE:
            # Without headers frames are numbered instead, the first 0.
            self._digits(0 if control_bytes == 2 else control & 0xF, 1)
            self._put(_COLON)
            self._space()
        for i in range(at, at + count):
            self._byte(self._payload[i])
        self._finish()

    def _byte(self, value: int) -> None:
        self._digits(value, 2)
        self._space()

    def _digits(self, value: int, count: int) -> None:
        for i in range(count - 1, -1, -1):
            self._put(HEX[value >> 4 * i & 0xF])

    def _space(self) -> None:
        if self._is_on[SPACES]:
            self._put(_SPACE)

    def _put(self, byte: int) -> None:
        self._out[self._end] = byte
        self._end += 1

    def _finish(self) -> None:
        self._reply.data(self._view[: self._end])
        self.newline()
