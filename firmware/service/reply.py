"""Reply: text goes into a bounded ring, and leaves it a few bytes at a time.

Nothing here waits. Who writes a line asks for room() first; what does not fit
is dropped and counted, because a full port must never hold up a tick.

A program puts a tag before its command, and then each line of the answer is
`@TAG + text *CRC`, the last one `@TAG ok *CRC` or `@TAG err CODE slug: text
*CRC`. The sum is the CRC-32 of zlib over all that stands before ` *`. A line
`@TAG + pending *CRC` is no part of the answer: it says that more is to come.
"""

from binascii import crc32, hexlify

from micropython import const

from service.error_codes import SLUGS

# The longest line that anybody may write between two looks at room(), and what a tag and a
# sum add to it.
LINE_BYTES = const(200)
_TAG_BYTES = const(24)
_SIZE = const(400)
# Ten digits, point and sign.
_DIGITS = const(12)
_MINUS = const(45)
_POINT = const(46)
_ZERO = const(48)


class Reply:
    """A ring of characters; write(data) takes a memoryview and may say how many bytes it took.

    Where write returns None it took them all. has_failed says that the answer
    being written began an error line; is_open that a line has been begun.
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
        self.is_open = False
        self._has_said = False
        self._tag = b""  # with its @; empty for a person
        self._held_tag = b""
        self._crc = 0
        self._unsummed = 0  # bytes at the end of the ring that belong to a line with a sum
        self._is_final = False
        self._final = bytearray(LINE_BYTES + _TAG_BYTES)
        self._final_size: int = 0

    def room(self) -> int:
        """Return how many bytes fit."""
        return _SIZE - self._count

    def is_empty(self) -> bool:
        """Return whether all has been handed on."""
        return self._count == 0

    def has_line_room(self) -> bool:
        """Return whether the longest line fits, with tag and sum."""
        return _SIZE - self._count >= LINE_BYTES + _TAG_BYTES

    def begin(self, tag: bytes) -> None:
        """Begin the answer to a command with that tag, b"" for a person."""
        self._tag = tag
        self.has_failed = False

    def is_tagged(self) -> bool:
        """Return whether the answer is for a program."""
        return self._tag != b""

    def has_said(self) -> bool:
        """Return once that a line for a program has been begun since the last call."""
        has_said = self._has_said
        self._has_said = False
        return has_said

    def hold(self) -> None:
        """Leave the tag away for lines that are not part of the answer, until resume()."""
        self._held_tag = self._tag
        self._tag = b""

    def resume(self) -> None:
        """Go on with the answer."""
        self._tag = self._held_tag

    def ok(self) -> None:
        """End the answer well."""
        if self._tag:
            self._open(b" ", True)
        self.line("ok")

    def byte(self, value: int) -> None:
        """Append one byte."""
        self.is_open = True
        if self._count >= _SIZE:
            self.lost_bytes = (self.lost_bytes + 1) & 0xFFFF
            return
        self._ring[(self._first + self._count) % _SIZE] = value
        self._count += 1

    def text(self, text: str) -> None:
        """Append ASCII text, the whole of it or nothing."""
        self.data(text.encode())

    def data(self, data: "bytes | memoryview") -> None:
        """Append ASCII bytes, all of them or none."""
        if self._tag and not self.is_open:
            self._open(b" + ", False)
        self.is_open = True
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
        if self._tag:
            self._unsummed += size
            if self._is_final:
                self._keep(data, size)

    def _open(self, mark: bytes, is_final: bool) -> None:
        """Begin a line of a tagged answer."""
        if self.is_open:
            self.end()
        self.is_open = True
        self._has_said = True
        self._crc = 0
        self._is_final = is_final
        if is_final:
            self._final_size = 0
        self.data(self._tag + mark)

    def _keep(self, data: "bytes | memoryview", size: int) -> None:
        """Keep the last line of an answer, for a program that asks again."""
        if self._final_size + size <= len(self._final):
            self._final[self._final_size : self._final_size + size] = data
            self._final_size += size

    def line(self, text: str) -> None:
        """Append text and end the line."""
        self.text(text)
        self.end()

    def end(self) -> None:
        """End the line as terminals expect."""
        if self._tag:
            if not self.is_open:
                self._open(b" + ", False)
            self._sum()
            self.data(b" *" + hexlify(self._crc.to_bytes(4, "big")).upper() + b"\r\n")
            self._unsummed = 0
            self._is_final = False
        else:
            self.data(b"\r\n")
        self.is_open = False

    def _sum(self) -> None:
        """Take into the sum what is not in it yet."""
        start = (self._first + self._count - self._unsummed) % _SIZE
        end = start + self._unsummed
        self._unsummed = 0
        if end <= _SIZE:
            self._crc = crc32(self._view[start:end], self._crc)
        else:
            self._crc = crc32(self._view[: end - _SIZE], crc32(self._view[start:], self._crc))

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
        size = _DIGITS - at
        if self._tag or size > _SIZE - self._count:
            self.data(self._digits_view[at:])
            return
        # Byte by byte, because a slice of the digits needs the heap: telemetry is mostly numbers.
        self.is_open = True
        place = (self._first + self._count) % _SIZE
        self._count += size
        while at < _DIGITS:
            self._ring[place] = digits[at]
            at += 1
            place += 1
            if place == _SIZE:
                place = 0

    def error(self, code: int, text: str = "") -> None:
        """Begin "err CODE slug: "; a text ends the line: what happened; was kept; to do."""
        self.has_failed = True
        if self._tag:
            self._open(b" ", True)
        self.text("err ")
        self.number(code)
        self.text(SLUGS[code])
        if text:
            self.line(text)

    def repeat(self) -> None:
        """Write the last line of the last tagged answer once more."""
        tag = self._tag
        self._tag = b""
        if self.is_open:
            self.end()
        self.data(memoryview(self._final)[: self._final_size])
        self._tag = tag

    def drain(self, most_bytes: int) -> None:
        """Hand at most most_bytes on, in one write."""
        size = self._count
        if size == 0:
            return
        if self._unsummed:
            self._sum()
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
