"""Serial port: the console's bytes, taken one at a time and only when they are there.

Text reads block on half a line or half a character, so only readinto() of one
byte is used, and only after the poll has promised it.

Whether a write waits the poll does not say: the chip's own USB is always ready, and then
waits 200 to 500 ms for a host that holds the port open and reads nothing (MicroPython's
usb_serial_jtag.c and mp_usbd_cdc.c). So the first write that takes so long is the last.
"""

from time import ticks_diff, ticks_ms

from micropython import const

_POLL_OUT = const(4)
_POLL_IN = const(1)
# A UART needs 9 ms for the 100 bytes of a slice.
_STUCK_MS = const(50)
# Whoever sends and does not read costs a parked car one tick in so long, and no more.
_REST_MS = const(5000)


class SerialPort:
    """Standard input and output of the board; select and sys are the modules."""

    def __init__(self, select, sys) -> None:
        self._ready_in = select.poll()
        self._ready_in.register(sys.stdin, _POLL_IN)
        self._ready_out = select.poll()
        self._ready_out.register(sys.stdout, _POLL_OUT)
        self._read = sys.stdin.buffer.readinto
        self._write = sys.stdout.buffer.write
        self._one = bytearray(1)
        self._is_open = True
        self.is_stuck = False  # what is written is dropped
        self._stuck_ms: int = 0  # when the write that has waited ended

    def any(self) -> bool:
        """Return whether a byte has come, which byte() then is."""
        if not self._is_open:
            return False
        for event in self._ready_in.ipoll(0):
            if event[1] & _POLL_IN and self._read(self._one):
                return True
            # The end of the input: a port that is gone is polled no more.
            self._is_open = False
            return False
        return False

    def byte(self) -> int:
        """Return the byte that any() has found, 0..255."""
        return self._one[0]

    def write(self, data: memoryview) -> int:
        """Hand data on; how many bytes were taken, 0 while they must wait, all where dropped."""
        if self.is_stuck:
            return len(data)
        for _ in self._ready_out.ipoll(0):
            start_ms = ticks_ms()
            taken = self._write(data) or 0
            self._stuck_ms = ticks_ms()
            self.is_stuck = ticks_diff(self._stuck_ms, start_ms) > _STUCK_MS
            return taken
        return 0

    def try_again(self) -> None:
        """Write again after a rest: a byte has come, and the car can bear that this one waits."""
        if ticks_diff(ticks_ms(), self._stuck_ms) > _REST_MS:
            self.is_stuck = False
