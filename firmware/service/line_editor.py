"""Line editor: bytes become a line, shown to a person as it grows.

Bytes are echoed, because the terminals that people have (miniterm, PuTTY,
screen, mpremote) show only what comes back; not those of a program, whose lines
begin with @. CR, LF and CRLF end a line, BS and DEL take a character back,
Ctrl-U the line. What spoils a line spoils the whole of it: none is run in part.
"""

from micropython import const

from service.context import Context
from service.inlet import SPOILED, Inlet

LINE_MAX = const(160)
# Half a line that nobody goes on with.
_FORGET_MS = const(30000)

_BACKSPACE = const(8)
_LF = const(10)
_CR = const(13)
_CTRL_U = const(21)
_ESCAPE = const(27)
_SPACE = const(32)
_AT = const(64)
_DELETE = const(127)
# With this bit a letter is a small one.
_SMALL = const(32)
_A = const(97)
_T = const(116)

# What makes a line unusable.
FLAWLESS = const(0)
LONG = const(1)
FOREIGN = const(2)
OVERRUN = const(3)

# Of the DELs: something else has come with them.
_OTHER = const(-1000)


class LineEditor:
    """One line: its flaw, and deletes, the number of DELs where nothing else has come."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reply = context.reply
        self._line = bytearray(LINE_MAX)
        self._view = memoryview(self._line)
        self._length = 0
        self._is_shown = False  # what has been typed of the line stands on the screen
        self.flaw: int = FLAWLESS
        self.deletes = 0
        self._has_ended = False
        self._was_cr = False
        self._escape = 0  # in a terminal's key code: 1 after ESC, 2 after ESC [ or ESC O
        self._age_ms = 0  # of the last byte of half a line

    def line(self) -> bytes:
        """Return what stands in the line."""
        return bytes(self._view[: self._length])

    def forget(self) -> None:
        """Begin a line anew."""
        self._length = 0
        self._is_shown = False
        self.flaw = FLAWLESS
        self.deletes = 0
        self._escape = 0
        self._age_ms = 0

    def is_typing(self) -> bool:
        """Return whether a person is in the middle of a line, which nothing may interrupt."""
        return self._is_shown

    def is_old(self, passed_ms: int) -> bool:
        """Return whether half a line stands there that nobody goes on with."""
        if not self._length and not self.flaw:
            return False
        self._age_ms += passed_ms
        return self._age_ms >= _FORGET_MS

    def take(self, inlet: Inlet, most: int) -> bool:
        """Take at most that many bytes, and none behind the end of a line; True where it ends."""
        if not inlet.count:
            return False
        self._age_ms = 0
        self._has_ended = False
        while most > 0 and inlet.count and not self._has_ended:
            length = self._length
            if length > 1 and not self._escape:
                # In bulk: a call for each byte would make a line cost more than a tick.
                taken = inlet.move(self._line, length, most)
                if taken:
                    self._length = length + taken
                    most -= taken
                    if self._is_shown:
                        self._reply.data(self._view[length : self._length])
                    continue
            self._take(inlet.take())
            most -= 1
        return self._has_ended

    def _take(self, byte: int) -> None:
        was_cr = self._was_cr
        self._was_cr = byte == _CR
        if byte == SPOILED:
            self.flaw = OVERRUN
        elif self._escape:
            self._skip_key(byte)
        elif byte in (_CR, _LF):
            if byte == _CR or not was_cr:
                self._has_ended = True
        elif byte in (_BACKSPACE, _DELETE):
            self.deletes = self.deletes + 1 if byte == _DELETE else _OTHER
            self._rub_out()
        elif byte == _CTRL_U:
            while self._length:
                self._rub_out()
            self.flaw = FLAWLESS
        elif byte == _ESCAPE:
            self._escape = 1
        elif byte > _DELETE:
            self.flaw = FOREIGN
        elif byte < _SPACE:
            self._context.dropped_bytes = (self._context.dropped_bytes + 1) & 0xFFFF
        else:
            self._store(byte)

    def _store(self, byte: int) -> None:
        """Keep a byte and show it, unless the line may be one of those that are not shown."""
        self.deletes = _OTHER
        length = self._length
        if length >= LINE_MAX:
            self.flaw = LONG
            return
        line = self._line
        line[length] = byte
        self._length = length + 1
        # Not those of a program, nor those for an ELM327, which has an echo of its own: only the
        # second letter tells an AT from an `auth`.
        is_a = line[0] | _SMALL == _A
        self._is_shown = (
            self._context.is_echoing
            and line[0] != _AT
            and not (is_a and (length == 0 or line[1] | _SMALL == _T))
        )
        if self._is_shown:
            if is_a and length == 1:
                self._reply.byte(line[0])
            self._reply.byte(byte)

    def _skip_key(self, byte: int) -> None:
        """Leave out what an arrow or function key sends: ESC [ digits letter, or ESC O letter."""
        if self._escape == 1:
            if byte != _ESCAPE:
                self._escape = 2 if byte in (0x5B, 0x4F) else 0
        elif byte >= 0x40 or byte < _SPACE:
            self._escape = 0

    def _rub_out(self) -> None:
        if not self._length:
            return
        self._length -= 1
        if self._is_shown:
            self._rub_out_one()
            if self._length == 1 and self._line[0] | _SMALL == _A:
                self._rub_out_one()  # it may become an AT
                self._is_shown = False

    def _rub_out_one(self) -> None:
        self._reply.byte(_BACKSPACE)
        self._reply.byte(_SPACE)
        self._reply.byte(_BACKSPACE)
