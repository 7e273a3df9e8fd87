"""The flash board's process: MicroPython's unix build, in which a Ctrl-C comes as on a chip.

That build raises KeyboardInterrupt in the middle of any machine instruction: one that met a
collection or an exception on its way left the heap locked, or ended code that minds it. A chip
only notes the byte and raises at the next jump. So what the host sends is another signal, for
which the interpreter's own note is the handler; that of SIGINT only tells the host, as the bit
in /proc does, whether code that runs wants a Ctrl-C.
"""

import ctypes
import signal
import sys
from importlib import import_module

CTRL_C = signal.SIGUSR1


def main() -> int:
    """Run the interpreter with this command's arguments; its exit status."""
    micropython_run = import_module("micropython_run")  # untyped, and not for every machine
    note = ctypes.CDLL(str(micropython_run.__file__)).mp_sched_keyboard_interrupt
    libc = ctypes.CDLL(None)
    libc.signal(CTRL_C, note)
    libc.siginterrupt(CTRL_C, 1)  # what waits in a call is to notice too
    return int(micropython_run.run_main(sys.argv))


if __name__ == "__main__":
    sys.exit(main())
