"""Terminal: who the bytes of the one serial port are for: the console or an OBD adapter.

feed() only keeps a byte; step() takes a few of them or writes one line into
the ring, and hands a few bytes on, so that neither can delay a tick. With
nothing to do it allocates nothing.

The console is how it begins. A line that begins with AT, two DEL on a line of
their own, or the verb `obd` make it an ELM327 adapter, until a line `exit` or
120 s without a byte; nothing that an OBD client does not expect is sent then.
MicroPython's prompt is the third: Ctrl-C, on a parked car.

The caller's slice, between two ticks:

    while terminal.room() and port.any(): stop = terminal.feed(port.byte()) or stop
    terminal.step(passed_ms)

where `stop`, True after Ctrl-C on a parked car, permits to end the program.
write(data) gets a memoryview of at most 100 bytes and must not wait: it
returns how many it took, 0 when the host does not read.
"""

from micropython import const

from service.console import Console
from service.context import Context
from service.desk import IDENTITY_NAMES, Desk
from service.inlet import SPOILED, Inlet
from service.obd import Obd
from service.reply import Reply

# 11.5 kB/s carry 115 bytes in a tick.
_DRAIN_BYTES = const(100)
_TAKE_BYTES = const(16)
_CTRL_C = const(3)
_LF = const(10)
_CR = const(13)
_SPACE = const(32)
# How long Ctrl-C stops a board that has just started, and is not yet known to be parked.
BOOT_WINDOW_MS = const(1500)
_OBD_IDLE_MS = const(120000)
_EXIT = b"exit"


class Terminal:
    """Owns console, OBD adapter and the ring between them and the port."""

    def __init__(self, desk: Desk, write) -> None:  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
        self._desk = desk
        self.reply = Reply(write)  # pyright: ignore[reportUnknownArgumentType]
        self._context = Context(desk, self.reply)
        self._console = Console(self._context)
        self._obd = Obd(desk, self.reply)
        self._inlet = Inlet()
        self._is_broken_off = False
        self.is_obd = False
        self._obd_is_busy = False
        self._obd_idle_ms = 0
        self._matched = 0  # letters of `exit` that this OBD line is so far, -1 for another line
        self._was_cr = False

    def room(self) -> int:
        """Return how many bytes feed() can keep."""
        return self._inlet.room()

    def is_silent(self) -> bool:
        """Return whether all that was to be said has left."""
        return not self._console.is_busy() and self.reply.is_empty()

    def feed(self, byte: int) -> bool:
        """Keep one byte, 0..255; True for a Ctrl-C that may end the program."""
        desk = self._desk
        desk.count_byte()
        if byte != _CTRL_C:
            self._inlet.put(byte, not self.is_obd)
            return False
        if desk.is_parked() or self._is_starting():
            return True
        self._is_broken_off = True
        return False

    def _is_starting(self) -> bool:
        """Return whether the board has just started and the motor controller is not enabled."""
        desk = self._desk
        if desk.uptime_s > 1 or desk.uptime_ms >= BOOT_WINDOW_MS:
            return False
        return not desk.loop.raw.enable_readback

    def announce(self) -> None:
        """Tell whoever listens that the board has started, and how to reach the prompt."""
        reply = self.reply
        reply.text('#b {"')
        for i in range(2):
            reply.text(IDENTITY_NAMES[i] + '":"' + self._desk.identity[i] + '","')
        reply.line('hint":"Ctrl-C within 1.5 s stops here, later only when parked"}')

    def step(self, passed_ms: int = 0, take_bytes: int = _TAKE_BYTES) -> None:
        """Take at most take_bytes or write one line, and hand on at most 100 bytes.

        An exception of a verb ends its answer with `err 10` and is raised again.
        """
        context = self._context
        self._desk.pass_time(passed_ms)
        self._inlet.pass_time(passed_ms)
        context.events.step()
        if context.inputs.left_ms > 0:
            context.inputs.step(passed_ms)
        if self.is_obd:
            self._step_obd(passed_ms, take_bytes)
        else:
            self._step_console(passed_ms, take_bytes)
        self.reply.drain(_DRAIN_BYTES)

    def _step_console(self, passed_ms: int, take_bytes: int) -> None:
        console = self._console
        telemetry = self._context.telemetry
        console.pass_time(passed_ms)
        if telemetry.rate_hz:
            is_free = not console.is_typing() and not (console.is_busy() and self.reply.is_open)
            telemetry.step(passed_ms, is_free)
        if telemetry.is_writing or not self.reply.has_line_room():
            return
        if self._is_broken_off:
            self._is_broken_off = False
            console.break_off()
        elif console.is_busy():
            console.go_on()
            if self._context.wants_obd and not console.is_busy():
                self._context.wants_obd = False
                self._begin_obd(b"")
        elif self._inlet.count:
            console.take(self._inlet, take_bytes)
            line = console.take_obd_line()
            if line:
                self._begin_obd(line)
        elif self._inlet.has_flooded():
            console.refuse_flood()

    def _begin_obd(self, line: bytes) -> None:
        """Become an OBD adapter; line is what has been typed to it already."""
        self._context.telemetry.end()
        self._desk.access.lock()
        self.reply.begin(b"")
        if self.reply.is_open:  # a prompt
            self.reply.end()
        self.is_obd = True
        self._obd_idle_ms = 0
        self._matched = 0
        self._was_cr = True  # an LF may follow the CR that has ended the line
        self._obd.start()
        if not line:
            self.reply.text(">")
        for byte in line:
            self._obd.byte(byte)
        self._obd_is_busy = bool(line)

    def _end_obd(self) -> None:
        self.is_obd = False
        self._is_broken_off = False

    def _step_obd(self, passed_ms: int, take_bytes: int) -> None:
        self._obd_idle_ms += passed_ms
        if self._inlet.quiet_ms < passed_ms or self._inlet.count:
            self._obd_idle_ms = 0
        if self._obd_idle_ms >= _OBD_IDLE_MS:
            self._end_obd()
        elif self._obd_is_busy:
            if self.reply.has_line_room():
                self._obd_is_busy = self._obd.step()
        elif self.reply.has_line_room():
            while take_bytes and self._inlet.count and self.is_obd and not self._obd_is_busy:
                self._take_obd(self._inlet.take())
                take_bytes -= 1

    def _take_obd(self, byte: int) -> None:
        was_cr = self._was_cr
        self._was_cr = byte == _CR
        if byte == SPOILED or (byte == _LF and was_cr):
            return
        if byte == _LF:
            byte = _CR
        if byte == _CR and self._matched == len(_EXIT):
            self._end_obd()
            self.reply.end()
            self._console.prompt()
            return
        if byte == _CR:
            self._matched = 0
            self._obd_is_busy = True
        elif byte != _SPACE:
            is_next = 0 <= self._matched < len(_EXIT) and byte | 32 == _EXIT[self._matched]
            self._matched = self._matched + 1 if is_next else -1
        self._obd.byte(byte)
