"""The virtual board's clock and its link to the car: shared by machine, time and launch.

Virtual time moves only by charges (what the chip is slow at) and by sleeps. The
car moves in steps of 10 ms. 4.5 ms before the end of each, the levels of the
output pins go out through one pipe and the readings as they will be at the end
of the step come in through the other, as the flat integers of sim/frame.py:
that early, because the firmware samples the wheel then or later and the car must
already have turned it. At the end itself the wheel moves on and the edge
interrupt runs. The first exchange is at the end of the firmware's first sleep;
before it nothing moves. A frame that says STALL keeps the chip busy for the 10 ms
after its step; the exchange goes on meanwhile.
"""

from array import array

from frame import (
    BRAKE_ON,
    COMMAND,
    EARLY_PULSES,
    EDGE_AGE_US,
    EDGE_PULSES,
    END,
    INPUT_SIZE,
    OUTPUT_SIZE,
    PLUG_IN,
    PULSES,
    STALL,
)
from micropython import const, heap_lock, heap_unlock

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_STEP_US = const(10000)
HAND_OVER_US = const(4500)  # the longest of SpeedObserver.sample_age_us, and its first
# As on an ESP32, where ticks are small integers; the first wrap comes after five seconds.
_TICKS_MASK = const((1 << 30) - 1)
_FIRST_WRAP_US = const(5000000)
_NEVER_US = const(1 << 60)

# How a session ends, in the one integer that makes the last frame longer than the others.
ENDED = const(0)
CRASHED = const(1)
WATCHDOG = const(2)
RESET = const(3)
INTERRUPTED = const(4)  # by Ctrl-C, and the prompt has the board

_INPUT_BYTES = INPUT_SIZE * 4

inputs = array("i", [0] * INPUT_SIZE)
outputs = array("i", [0] * OUTPUT_SIZE)
# Before the car answers the wires are open.
inputs[PLUG_IN] = 1
inputs[BRAKE_ON] = 1
inputs[EDGE_AGE_US] = -1


def _not_connected(frame: "array[int]") -> int:
    raise OSError("the link is not connected")


def _no_probe() -> None:
    pass


class Link:
    """The clock in us since power-on, and the exchange with the car; there is one, `link`."""

    def __init__(self) -> None:
        self.now_us: int = 0
        self.wrap_us: int = _FIRST_WRAP_US  # when ticks_us and ticks_ms begin anew
        self.due_us: int = _NEVER_US  # when something next happens outside the chip
        self.pulses: int = 0  # what the pulse counter shows
        self.watchdog_due_us: int = _NEVER_US
        # Called as a pin interrupt is, at the time of the edge, with the pin.
        self.edge_handler: "Callable[[Any], None] | None" = None
        self.edge_pin: object = None
        # Called before each output frame, to add what the loop says of itself.
        self.probe: "Callable[[], None]" = _no_probe
        self._moves = False  # the car takes its steps
        self._ended = False
        self._stalls = False  # the chip is busy for the step after this one
        self._handed_over = False  # the readings for the end of this step are here
        self._stamp_us: int = -1
        self._stamp_pulses: int = 0
        self._read: "Callable[[array[int]], int | None]" = _not_connected
        self._write: "Callable[[array[int]], int | None]" = _not_connected

    def connect(self, read_fd: int, write_fd: int) -> None:
        """Use two open file descriptors as the pipes from and to the car."""
        self._read = open(read_fd, "rb").readinto
        self._write = open(write_fd, "wb").write

    def ticks_us(self) -> int:
        """Return the clock as time.ticks_us does."""
        return (self.now_us - self.wrap_us) & _TICKS_MASK

    def charge(self, us: int) -> None:
        """Let us pass: the chip was busy that long."""
        now = self.now_us + us
        while now >= self.due_us:
            self.now_us = self.due_us
            if self._handed_over:
                self._end_step()
                if self._stalls:
                    now += _STEP_US
            else:
                self._hand_over()
        self.now_us = now

    def sleep(self, us: int) -> None:
        """Let us pass; the first sleep ends with the first exchange."""
        self.charge(us)
        if not self._moves and not self._ended:
            self._moves = True
            self._receive()

    def finish(self, status: int) -> None:
        """End the session: one last frame with the levels of the pins and why it ended."""
        self.probe()
        self._write(array("i", list(outputs) + [status]))
        self._ended = True
        self.due_us = _NEVER_US

    def _hand_over(self) -> None:
        if self.now_us > self.watchdog_due_us:
            raise SystemExit(WATCHDOG)
        self.probe()
        self._write(outputs)
        self._receive()

    def _receive(self) -> None:
        if self._read(inputs) != _INPUT_BYTES or inputs[COMMAND] == END:
            raise SystemExit(ENDED)
        self._stalls = inputs[COMMAND] == STALL
        self.pulses = inputs[EARLY_PULSES]
        self._handed_over = True
        self.due_us = self.now_us + HAND_OVER_US

    def _end_step(self) -> None:
        """Turn the wheel on; the interrupt sees counter and clock as they were at its edge."""
        now = self.now_us
        self._handed_over = False
        self.due_us = now + (_STEP_US - HAND_OVER_US)
        age_us = inputs[EDGE_AGE_US]
        pulses = inputs[EDGE_PULSES]
        stamp_us = now - age_us
        if age_us >= 0 and (stamp_us != self._stamp_us or pulses != self._stamp_pulses):
            self._stamp_us = stamp_us
            self._stamp_pulses = pulses
            self.pulses = pulses
            self.now_us = stamp_us
            self._interrupt()
            self.now_us = now
        self.pulses = inputs[PULSES]

    def _interrupt(self) -> None:
        handler = self.edge_handler
        if handler is None:
            return
        heap_lock()  # it may run inside the tick, so it must do without the heap
        try:
            handler(self.edge_pin)
        finally:
            heap_unlock()


link = Link()
