"""Serial port: the console's bytes, taken one at a time and only when they are there.

Text reads block on half a line or half a character, so only readinto() of one
byte is used, and only after the poll has promised it.
"""

from micropython import const

_POLL_OUT = const(4)
_POLL_IN = const(1)


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
        """Hand data on without waiting; how many bytes were taken, 0 while nobody reads."""
        for _ in self._ready_out.ipoll(0):
            return self._write(data) or 0
        return 0
