"""Boot record: says how the last run ended, from what it left behind and not from the chip alone.

Hazard: a controller that resets while driving and nobody knows. The chip calls
a brown-out a power-on and a panic a hard reset, so each run keeps its state in
RTC memory, which survives every reset, and in flash, which survives a power cut:

    RTC memory   flash      means
    running      -          a reset while running: the watchdog's, or another
    other        -          that state: key off, exception, Ctrl-C, reboot
    lost         running    the supply went while running
    lost         other      that state
    lost         none       no earlier run is known
"""

import io
import struct
import sys
from binascii import crc32

from micropython import const

from service.records import Counters
from vcu.faults import WORDS

VERSION = const(1)

# The state of this run, and how a run ended. What flash keeps: never renumbered.
RUNNING = const(0)
ENDED = const(1)
CRASHED = const(2)
INTERRUPTED = const(3)
REBOOTED = const(4)
# Judged from outside; no run says these of itself.
HUNG = const(5)
POWER_LOST = const(6)
RESET = const(7)
UNKNOWN = const(8)
TEXTS = (
    "running",
    "key turned off, everything saved",
    "exception",
    "stopped by Ctrl-C",
    "reboot asked for",
    "watchdog: the loop hung",
    "supply lost while running",
    "reset while running: brown-out, panic or reset button",
    "no earlier run known",
)

# What machine.reset_cause() says of a watchdog's reset, on an ESP32.
WDT_RESET = const(3)
TEXT_BYTES = const(120)

_MAGIC = b"LSB1"
# magic, state, bytes of text, 0, boots, stored faults, wall time; counters, text, checksum follow
_HEAD = "<4sBBHI4II"
_HEAD_BYTES = const(32)
_COUNTERS_AT = _HEAD_BYTES
_TEXT_AT = _HEAD_BYTES + Counters.SIZE
_CRC_AT = _TEXT_AT + TEXT_BYTES
SIZE = _CRC_AT + 4
_COUNT_MASK = const(0x3FFFFFFF)


class NullMemory:
    """A chip without memory that survives a reset."""

    def get(self) -> bytes:
        """Return nothing."""
        return b""

    def put(self, data: "bytes | bytearray") -> None:
        """Keep nothing."""


class BootRecord:
    """This run's state, and how the last one ended: ending is one of the consts above.

    memory has get() and put(data), at least SIZE bytes. boots counts starts.
    has_params: flash has a record of parameters, so that one that is gone is missed.
    told: chemistry and cell count that the other records are of; no cells for unknown.
    After judge(), counters, stored and wall_s (seconds since 1970, 0 for unknown) are
    what the last run had counted and stored when it was reset; counters is None when its
    memory was lost. clock answers the wall time of this run.
    """

    def __init__(self, memory: NullMemory) -> None:
        self._memory = memory
        self._buffer = bytearray(SIZE)
        self.boots = 0
        self.state: int = RUNNING
        self.state_in_flash: int = UNKNOWN
        self.text = ""
        self.has_params = False
        self.told = (0, 0)
        self.ending: int = UNKNOWN
        self.ending_text = ""
        self.counters: "Counters | None" = None
        self.stored = [0] * WORDS
        self.wall_s = 0
        self.clock = self._last_wall_s

    def _last_wall_s(self) -> int:
        """Return the last run's wall time: until a clock is there, it is all that is known."""
        return self.wall_s

    def judge(self, reset_cause: int, payload: bytes) -> None:
        """Decide how the last run ended; payload is flash's boot record, empty for none."""
        state = UNKNOWN
        if len(payload) >= 6:
            self.boots, state = struct.unpack("<IB", payload[:5])
            end = 6 + payload[5]
            self.ending_text = _text(payload[6:end])
            self.has_params = payload[end : end + 1] == b"\1"
            if len(payload) >= end + 3:
                self.told = (payload[end + 1], payload[end + 2])
            self.state_in_flash = state
        if state == RUNNING:
            state = POWER_LOST
        kept = self._take_memory(bytes(self._memory.get()))
        if kept >= 0:
            state = kept
            if kept == RUNNING:
                state = HUNG if reset_cause == WDT_RESET else RESET
        self.ending = state if state < len(TEXTS) else UNKNOWN
        self.boots = (self.boots + 1) & _COUNT_MASK

    def _take_memory(self, data: bytes) -> int:
        """Return the state that RTC memory has, and take the rest; -1 when it was lost."""
        if len(data) < SIZE or data[:4] != _MAGIC:
            return -1
        data = data[:SIZE]
        if struct.unpack("<I", data[_CRC_AT:])[0] != crc32(data[:_CRC_AT]):
            return -1
        counters = Counters()
        if not counters.unpack(data[_COUNTERS_AT:_TEXT_AT]):
            return -1
        head = struct.unpack(_HEAD, data[:_HEAD_BYTES])
        self.counters = counters
        self.stored = list(head[5:9])
        self.wall_s = head[9]
        if head[4] > self.boots:
            self.boots = head[4]
        self.ending_text = _text(data[_TEXT_AT : _TEXT_AT + head[2]])
        return head[1]

    def keep(self, state: int, counters: Counters, stored: "list[int]") -> None:
        """Write this run's state into RTC memory, text included; once a second, between ticks."""
        self.state = state
        buffer = self._buffer
        text = self.text.encode()[:TEXT_BYTES]
        struct.pack_into(
            _HEAD, buffer, 0, _MAGIC, state, len(text), 0, self.boots,
            stored[0], stored[1], stored[2], stored[3], self.clock(),
        )  # fmt: skip
        counters.pack_into(buffer, _COUNTERS_AT)
        buffer[_TEXT_AT : _TEXT_AT + len(text)] = text
        struct.pack_into("<I", buffer, _CRC_AT, crc32(memoryview(buffer)[:_CRC_AT]))
        self._memory.put(buffer)

    def pack(self) -> bytes:
        """Return what flash keeps: boots, the state of this run, its text, has_params, told."""
        text = self.text.encode()[:TEXT_BYTES]
        head = struct.pack("<IBB", self.boots, self.state, len(text))
        return head + text + bytes((1 if self.has_params else 0,) + self.told)

    def last_run(self) -> str:
        """Return how the last run ended, in a few words."""
        if self.ending == CRASHED and self.ending_text:
            return "exception: " + self.ending_text
        return TEXTS[self.ending]


def describe(error: Exception) -> str:
    """Return what an exception was and where, in at most 120 ASCII characters."""
    text = str(type(error).__name__) + ": " + str(error)
    printer = getattr(sys, "print_exception", None)
    if printer is not None:
        stream = io.StringIO()
        printer(error, stream)
        places = [line.strip() for line in stream.getvalue().split("\n") if " line " in line]
        if places:
            text += " | " + places[-1]
    return _text(text.encode()[:TEXT_BYTES])


def _text(data: "bytes | bytearray") -> str:
    """Return data as text for a terminal; what is not printable ASCII becomes a question mark."""
    return "".join([chr(byte) if 32 <= byte < 127 else "?" for byte in data])
