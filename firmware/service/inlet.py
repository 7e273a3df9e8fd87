"""Inlet: which bytes of the serial port are kept for the terminal, and which are not.

A ring of 64 bytes. A byte for which there is no room spoils its line, which is
then refused whole; more than 50 lines a second are a flood, of which nothing is
kept until the port was quiet for 100 ms. Nothing here needs the heap.
"""

from array import array

from micropython import const

_SIZE = const(64)
# Stands in the ring behind a line of which bytes were lost.
SPOILED = const(256)
_LF = const(10)
_CR = const(13)
_SPACE = const(32)
_TILDE = const(126)
_LINES_A_SECOND = const(50)
_SECOND_MS = const(1000)
_QUIET_MS = const(100)


class Inlet:
    """put() keeps a byte, take() gives the oldest; has_flooded() is told once."""

    def __init__(self) -> None:
        self._ring = array("H", [0] * _SIZE)
        self._first = 0
        self.count: int = 0
        self._is_flooded = False
        self.quiet_ms = 0  # since the last byte, saturating
        self._is_overrun = False  # bytes are being lost, until the end of a line
        self._is_dropping = False
        self._lines = 0
        self._window_ms = 0
        self._was_cr = False

    def room(self) -> int:
        """Return how many bytes put() can keep."""
        return _SIZE - self.count

    def pass_time(self, passed_ms: int) -> None:
        """Count the second of the lines, and how long no byte has come."""
        self._window_ms += passed_ms
        if self._window_ms >= _SECOND_MS:
            self._window_ms = 0
            self._lines = 0
        if self.quiet_ms < _SECOND_MS:
            self.quiet_ms += passed_ms
        if self._is_dropping and self.quiet_ms >= _QUIET_MS:
            self._is_dropping = False
            self._lines = 0

    def has_flooded(self) -> bool:
        """Return once, when what was kept of it has been taken, that a flood has begun."""
        if self.count or not self._is_flooded:
            return False
        self._is_flooded = False
        return True

    def put(self, byte: int, counts_lines: bool) -> None:
        """Keep one byte, 0..255, or lose it as the rules say."""
        self.quiet_ms = 0
        if self._is_dropping:
            return
        is_end = byte == _CR or (byte == _LF and not self._was_cr)
        self._was_cr = byte == _CR
        if self._is_overrun:
            # The end of the spoiled line, behind the mark that makes it one.
            if is_end and self.room() >= 2:
                self._is_overrun = False
                self._keep(SPOILED)
                self._keep(byte)
        elif self.count < _SIZE:
            self._keep(byte)
        else:
            self._is_overrun = True
        if is_end and counts_lines:
            self._lines += 1
            if self._lines > _LINES_A_SECOND:
                self._is_dropping = True
                self._is_flooded = True

    def _keep(self, byte: int) -> None:
        self._ring[(self._first + self.count) % _SIZE] = byte
        self.count += 1

    def move(self, line: bytearray, at: int, most: int) -> int:
        """Move printable ASCII into line, up to its end; return how many, at most that many."""
        ring = self._ring
        first = self._first
        limit = min(most, self.count, len(line) - at)
        taken = 0
        while taken < limit:
            byte = ring[first]
            if byte < _SPACE or byte > _TILDE:
                break
            line[at + taken] = byte
            taken += 1
            first += 1
            if first == _SIZE:
                first = 0
        self._first = first
        self.count -= taken
        return taken

    def take(self) -> int:
        """Return the oldest byte, or SPOILED; the caller has looked at count."""
        byte = self._ring[self._first]
        self._first = (self._first + 1) % _SIZE
        self.count -= 1
        return byte
