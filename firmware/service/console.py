"""Console: bytes from a serial port become lines, each line one answer, a slice at a time.

feed() only keeps a byte; step() takes a few of them or writes one line
into the ring, and hands a few bytes on, so that neither can delay a tick. With
nothing to do it allocates nothing.

Bytes are echoed, because the terminals that people have (miniterm, PuTTY,
screen, mpremote) show only what comes back. CR, LF and CRLF end a line, BS and
DEL take a character back, Ctrl-U the line. Every line that is not empty gets
exactly one last reply line, `ok` or `err CODE slug: what happened; what was
kept; what to do`, and then the prompt.

The caller's slice, between two ticks:

    while console.room() and port.any(): stop = console.feed(port.byte()) or stop
    console.step()

where `stop`, True after Ctrl-C on a parked car, permits to end the program.
write(data) gets a memoryview of at most 100 bytes and must not wait: it
returns how many it took, 0 when the host does not read.
"""

from micropython import const

from service.desk import Desk
from service.reply import (
    BAD_ARGUMENT,
    BAD_LENGTH,
    FAILED,
    LINE_BYTES,
    NOT_NOW,
    Reply,
)
from service.verbs import Context, answer

_INPUT_BYTES = const(64)
_LINE_MAX = const(120)
# 11.5 kB/s carry 115 bytes in a tick.
_DRAIN_BYTES = const(100)
_TAKE_BYTES = const(16)

_CTRL_C = const(3)
_BACKSPACE = const(8)
_LF = const(10)
_CR = const(13)
_CTRL_U = const(21)
_CANCEL = const(24)
_ESCAPE = const(27)
_SPACE = const(32)
_DELETE = const(127)

# What makes a line unusable; it is dropped whole, never run in part.
_FINE = const(0)
_LONG = const(1)
_FOREIGN = const(2)
_OVERRUN = const(3)


class Console:
    """One serial port's console; dropped_bytes counts control bytes that mean nothing here."""

    def __init__(self, desk: Desk, write) -> None:  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
        self._desk = desk
        self.reply = Reply(write)  # pyright: ignore[reportUnknownArgumentType]
        self._context = Context(desk, self.reply)
        self.dropped_bytes = 0
        self._input = bytearray(_INPUT_BYTES)
        self._first = 0
        self._count = 0
        self._line = bytearray(_LINE_MAX)
        self._length = 0
        self._flaw: int = _FINE
        self._was_cr = False
        self._escape = 0  # in a terminal's key code: 1 after ESC, 2 after ESC [ or ESC O
        self._is_overrun = False  # bytes are being lost, until the end of a line
        self._is_broken_off = False
        self._answer = None

    def room(self) -> int:
        """Return how many bytes feed() can keep."""
        return _INPUT_BYTES - self._count

    def feed(self, byte: int) -> bool:
        """Keep one byte, 0..255; True for a Ctrl-C that may end the program: the car is parked.

        A byte for which there is no room spoils its line, which is then refused whole.
        """
        if self._is_overrun:
            # The end of the spoiled line, behind the byte that makes it one.
            if byte in (_CR, _LF) and self.room() >= 2:
                self._is_overrun = False
                self._keep(_CANCEL)
                self._keep(byte)
            return False
        if byte == _CTRL_C:
            if self._desk.is_parked():
                return True
            self._is_broken_off = True
        elif self._count < _INPUT_BYTES:
            self._keep(byte)
        else:
            self._is_overrun = True
        return False

    def _keep(self, byte: int) -> None:
        self._input[(self._first + self._count) % _INPUT_BYTES] = byte
        self._count += 1

    def step(self, take_bytes: int = _TAKE_BYTES) -> None:
        """Take at most take_bytes or write one line, and hand on at most 100 bytes.

        An exception of a verb ends its answer with `err 10` and is raised again.
        """
        if self._is_broken_off:
            self._break_off()
        if self._answer is not None:
            if self.reply.room() >= LINE_BYTES:
                self._go_on()
        else:
            while take_bytes and self._count and self._answer is None:
                byte = self._input[self._first]
                self._first = (self._first + 1) % _INPUT_BYTES
                self._count -= 1
                take_bytes -= 1
                self._take(byte)
        self.reply.drain(_DRAIN_BYTES)

    def _break_off(self) -> None:
        """Ctrl-C while the car may move is data: it ends the answer and the line, no more."""
        self._is_broken_off = False
        self._answer = None
        self._forget_line()
        self.reply.end()
        self.reply.error(
            NOT_NOW, "Ctrl-C while not parked; the program runs on; park the car first"
        )
        self._prompt()

    def _take(self, byte: int) -> None:
        was_cr = self._was_cr
        self._was_cr = byte == _CR
        if self._escape:
            self._skip_key(byte)
        elif byte in (_CR, _LF):
            if byte == _CR or not was_cr:
                self._end_line()
        elif byte in (_BACKSPACE, _DELETE):
            self._rub_out()
        elif byte == _CTRL_U:
            while self._length:
                self._rub_out()
            self._flaw = _FINE
        elif byte == _CANCEL:
            self._flaw = _OVERRUN
        elif byte == _ESCAPE:
            self._escape = 1
        elif byte > _DELETE:
            self._flaw = _FOREIGN
        elif byte < _SPACE:
            self.dropped_bytes = (self.dropped_bytes + 1) & 0xFFFF
        elif self._length >= _LINE_MAX:
            self._flaw = _LONG
        else:
            self._line[self._length] = byte
            self._length += 1
            self.reply.byte(byte)

    def _skip_key(self, byte: int) -> None:
        """Leave out what an arrow or function key sends: ESC [ digits letter, or ESC O letter."""
        if self._escape == 1:
            if byte != _ESCAPE:
                self._escape = 2 if byte in (0x5B, 0x4F) else 0
        elif byte >= 0x40 or byte < _SPACE:
            self._escape = 0

    def _rub_out(self) -> None:
        if self._length:
            self._length -= 1
            self.reply.byte(_BACKSPACE)
            self.reply.byte(_SPACE)
            self.reply.byte(_BACKSPACE)

    def _end_line(self) -> None:
        self.reply.end()
        if self._flaw != _FINE:
            self._refuse_line()
            return
        words = str(self._line[: self._length], "ascii").split()
        self._forget_line()
        if words:
            self.reply.has_failed = False
            self._answer = answer(self._context, words)
        else:
            self._prompt()

    def _refuse_line(self) -> None:
        flaw = self._flaw
        self._forget_line()
        if flaw == _LONG:
            self.reply.error(BAD_LENGTH, "line over 120 characters; dropped whole; send less")
        elif flaw == _FOREIGN:
            self.reply.error(BAD_ARGUMENT, "not ASCII; line dropped whole; use plain letters")
        else:
            self.reply.error(BAD_LENGTH, "input came too fast; line dropped whole; send slower")
        self._prompt()

    def _forget_line(self) -> None:
        self._length = 0
        self._flaw = _FINE
        self._escape = 0

    def _go_on(self) -> None:
        generator = self._answer
        if generator is None:
            return
        try:
            next(generator)
            return
        except StopIteration:
            if not self.reply.has_failed:
                self.reply.line("ok")
        except Exception:
            # Half a line may stand there already.
            self.reply.end()
            self.reply.error(FAILED, "this answer broke; the car is as it was; report it")
            self._answer = None
            self._prompt()
            raise
        self._answer = None
        self._prompt()

    def _prompt(self) -> None:
        self.reply.text("lsev* " if self._desk.is_edited else "lsev> ")
