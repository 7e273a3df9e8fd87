"""Reply: text for a person goes into a bounded ring, and leaves it a few bytes at a time.

Nothing here waits. Who writes a line asks for room() first; what does not fit
is dropped and counted, because a full port must never hold up a tick.
"""

from micropython import const

# The longest line that anybody may write between two looks at room().
LINE_BYTES = const(200)
_SIZE = const(320)
# Ten digits, point and sign.
_DIGITS = const(12)
_MINUS = const(45)
_POINT = const(46)
_ZERO = const(48)

# Codes are those of UDS negative responses where one fits.
FAILED = const(10)
UNKNOWN_COMMAND = const(11)
BAD_ARGUMENT = const(12)
BAD_LENGTH = const(13)
BUSY = const(21)
NOT_NOW = const(22)
OUT_OF_RANGE = const(31)
FLASH_ERROR = const(72)
_SLUGS = (
    (FAILED, "failed"),
    (UNKNOWN_COMMAND, "unknown-command"),
    (BAD_ARGUMENT, "bad-argument"),
    (BAD_LENGTH, "bad-length"),
    (BUSY, "busy"),
    (NOT_NOW, "not-now"),
    (OUT_OF_RANGE, "out-of-range"),
    (FLASH_ERROR, "flash-error"),
)


class Reply:
    """A ring of characters; write(data) takes a memoryview and may say how many bytes it took.

    Where write returns None it took them all. has_failed says that the answer
    being written began an error line; its owner resets it.
    """

    def __init__(self, write) -> None:  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
        self._write = write
        self._ring = bytearray(_SIZE)
        self._view = memoryview(self._ring)
        self._digits = bytearray(_DIGITS)
        self._digits_view = memoryview(self._digits)
        self._first: int = 0
        self._count: int = 0
        self.lost_bytes = 0
        self.has_failed = False

    def room(self) -> int:
        """Return how many bytes fit."""
        return _SIZE - self._count

    def byte(self, value: int) -> None:
        """Append one byte."""
        if self._count >= _SIZE:
            self.lost_bytes = (self.lost_bytes + 1) & 0xFFFF
            return
        self._ring[(self._first + self._count) % _SIZE] = value
        self._count += 1

    def text(self, text: str) -> None:
        """Append ASCII text, the whole of it or nothing."""
        self._put(text.encode())

    def _put(self, data: "bytes | memoryview") -> None:
        # In bulk: a call for each character would make a line cost more than a tick.
        size = len(data)
        if size > _SIZE - self._count:
            self.lost_bytes = (self.lost_bytes + size) & 0xFFFF
            return
        start = (self._first + self._count) % _SIZE
        tail = _SIZE - start
        if size <= tail:
            self._ring[start : start + size] = data
        else:
            self._ring[start:] = data[:tail]
            self._ring[: size - tail] = data[tail:]
        self._count += size

    def line(self, text: str) -> None:
        """Append text and end the line."""
        self.text(text + "\r\n")

    def end(self) -> None:
        """End the line as terminals expect."""
        self.text("\r\n")

    def number(self, value: int, decimals: int = 0) -> None:
        """Append value / 10**decimals, written out; |value| < 2**30."""
        digits = self._digits
        rest = value if value >= 0 else -value
        at = _DIGITS
        while rest or decimals >= 0:
            at -= 1
            digits[at] = _ZERO + rest % 10
            rest //= 10
            decimals -= 1
            if decimals == 0:
                at -= 1
                digits[at] = _POINT
        if value < 0:
            at -= 1
            digits[at] = _MINUS
        self._put(self._digits_view[at:])

    def error(self, code: int, text: str = "") -> None:
        """Begin "err CODE slug: "; a text ends the line: what happened; was kept; to do."""
        self.has_failed = True
        self.text("err ")
        self.number(code)
        for row_code, slug in _SLUGS:
            if row_code == code:
                self.text(" " + slug)
        self.text(": ")
        if text:
            self.line(text)

    def drain(self, most_bytes: int) -> None:
        """Hand at most most_bytes on, in one write."""
        size = self._count
        if size == 0:
            return
        if size > most_bytes:
            size = most_bytes
        if size > _SIZE - self._first:
            size = _SIZE - self._first
        data = self._view[self._first : self._first + size]
        taken: "int | None" = self._write(data)  # pyright: ignore[reportUnknownVariableType]
        if taken is None:
            taken = size
        self._first = (self._first + taken) % _SIZE
        self._count -= taken
