"""OBD: a scan tool's ELM327 dialect, a line at a time: set something, or ask the car.

Spaces and case do not matter, an empty line repeats the last, a digit too many
at the end (the number of frames that the tool expects) is ignored, what is
unknown gets `?` and what is unsupported `NO DATA`. Every answer ends with an
empty line and `>`.
"""

from micropython import const

from service.desk import Desk
from service.obd_frames import ObdFrames
from service.obd_modes import REQUEST_BYTES, ObdModes
from service.obd_settings import ECHO, ObdSettings, digit_of
from service.reply import Reply

_LINE_BYTES = const(80)
# A step writes one line.
_ROOM_BYTES = const(80)

_CR = const(13)
_SPACE = const(32)
_DELETE = const(127)
_A = const(0x41)
_T = const(0x54)


class Obd:
    """One session: byte() for what comes, step() for one line of what goes."""

    def __init__(self, desk: Desk, reply: Reply) -> None:
        self._reply = reply
        self._modes = ObdModes(desk)
        self._settings = ObdSettings(desk)
        self._is_on = self._settings.is_on
        self._frames = ObdFrames(reply, self._modes.payload, self._is_on)
        self._line = bytearray(_LINE_BYTES)
        self._length: int = 0  # typed so far
        self._size: int = 0  # of the command that stands in line, until the next is begun
        self._is_bad = False
        self._request = bytearray(REQUEST_BYTES)
        self._work = None

    def start(self) -> None:
        """Begin a session as an adapter does that was just plugged in."""
        self._settings.reset()
        self._reply.begin(b"")
        self._length = 0
        self._size = 0
        self._is_bad = False
        self._work = None

    def byte(self, byte: int) -> None:
        """Take one byte, 0..255; at most 80 of a line are kept, a longer one is not run.

        What comes before step() has finished an answer is dropped: the caller holds it back.
        """
        if self._work is not None:
            return
        if byte == _CR:
            self._end_line()
        elif byte >= _DELETE:
            self._is_bad = True
        elif byte >= _SPACE:
            if self._is_on[ECHO]:
                self._reply.byte(byte)
            if byte > _SPACE:
                self._keep(byte)

    def _keep(self, byte: int) -> None:
        self._size = 0
        if self._length >= _LINE_BYTES:
            self._is_bad = True
            return
        if 0x61 <= byte <= 0x7A:
            byte -= 0x20
        self._line[self._length] = byte
        self._length += 1

    def _end_line(self) -> None:
        if self._is_on[ECHO]:
            self._frames.newline()
        is_bad = self._is_bad
        if self._length:
            self._size = 0 if is_bad else self._length
        self._length = 0
        self._is_bad = False
        self._work = self._refuse() if is_bad else self._run()

    def step(self) -> bool:
        """Write at most one line of an answer; whether more is to come."""
        work = self._work
        if work is None:
            return False
        if self._reply.room() < _ROOM_BYTES:
            return True
        try:
            next(work)
            return True
        except StopIteration:
            self._work = None
        self._frames.newline()
        self._reply.data(b">")
        self._reply.is_open = False
        return False

    def _refuse(self):
        self._frames.say("?")
        yield

    def _run(self):
        """Do what stands in line."""
        line = self._line
        if not self._size:
            return
        if self._size >= 2 and line[0] == _A and line[1] == _T:
            text = str(line[2 : self._size], "ascii")
            answer = self._settings.command(text)
            if text == "Z":
                self._frames.newline()
                self._frames.newline()
            self._frames.say(answer)
            yield
            return
        count = self._parse()
        if not count:
            self._frames.say("?")
        elif not self._settings.reaches_bus():
            self._frames.say("UNABLE TO CONNECT")
        else:
            self._modes.size = 0
            if self._settings.reaches_unit():
                for _ in self._modes.answer(self._request, count):
                    yield
            for _ in self._frames.write(self._modes.size):
                yield

    def _parse(self) -> int:
        """Fill the request from the hexadecimal digits in line; its bytes, 0 for a bad one."""
        count = self._size // 2
        if not 0 < count <= REQUEST_BYTES:
            return 0
        for i in range(self._size):
            digit = digit_of(self._line[i])
            if digit < 0:
                return 0
            if i < 2 * count:
                self._request[i // 2] = (self._request[i // 2] << 4 | digit) & 0xFF
        return count
