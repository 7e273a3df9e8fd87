"""One run of the flash board's interpreter, from a reset to the next: words, Ctrl-C and end.

Needs /proc, which says whether a signal would be a KeyboardInterrupt or the end.
"""

import fcntl
import os
import signal
import socket
import struct
import subprocess
import termios
import time
from contextlib import suppress

from sim.flash_process import CTRL_C

_CHUNK_BYTES = 4096
_SIGINT_BIT = 1 << (signal.SIGINT - 1)
# Where proc(5) has utime and stime, counted from the state; they are in this unit.
_RAN = slice(11, 13)
_CLOCK_HZ = os.sysconf("SC_CLK_TCK")
# How long a Ctrl-C waits for code that was sent just before it and is about to run.
_PATIENCE_S = 0.05
_LOOK_S = 0.0005
# A chip runs on between two bytes of a line; on a busy host a process that hardly runs would meet
# one Ctrl-C after the other within a few bytecodes.
_APART_NS = 1_000_000


class FlashRun:
    """A MicroPython process whose standard input and output are the console."""

    def __init__(self, command: list[str], environment: dict[str, str], console: int) -> None:
        """Start it; {socket} in the command's last word becomes the number of its socket."""
        self._words, other = socket.socketpair()
        self._words.setblocking(False)
        self._console = console
        self._heard = b""
        self._interrupted_ns = 0
        with other:
            self._process = subprocess.Popen(
                [*command[:-1], command[-1].replace("{socket}", str(other.fileno()))],
                stdin=console,
                stdout=console,
                stderr=console,
                env=environment,
                pass_fds=(other.fileno(),),
                start_new_session=True,  # Ctrl-C in the host's terminal is for the host
            )

    @property
    def number(self) -> int:
        """The number of the process."""
        return self._process.pid

    def fileno(self) -> int:
        """Return what to poll: it has words, or the process has ended."""
        return self._words.fileno()

    def words(self) -> tuple[list[str], bool]:
        """Return what the board has asked for since, and whether its process goes on."""
        goes_on = True
        try:
            data = self._words.recv(_CHUNK_BYTES)
            goes_on = bool(data)
        except BlockingIOError:
            data = b""
        except ConnectionError:
            data, goes_on = b"", False
        *lines, self._heard = (self._heard + data).split(b"\n")
        return [line.decode() for line in lines], goes_on

    def interrupt(self) -> bool:
        """Raise KeyboardInterrupt in the code that runs; False when none does, or it minds not.

        At a prompt, or after kbd_intr(-1), the byte is for whoever reads the console.
        The process is stopped between the question and the signal, because a signal
        that comes too late ends it. It waits in the process's own time: on a busy host a byte
        that is given up too soon would stop nothing.
        """
        left_s = _PATIENCE_S
        before_s = self.look()[1]
        while True:
            state, ran_s = self.look()
            waits = state in "ZX" or (state == "S" and not self._unread())
            left_s -= _LOOK_S if state == "S" else ran_s - before_s
            before_s = ran_s
            os.kill(self._process.pid, signal.SIGSTOP)
            while self._state() not in "TZX":
                time.sleep(0)
            ran_ns = self._ran_ns()
            caught = self._catches() and ran_ns - self._interrupted_ns >= _APART_NS
            if caught:
                self._interrupted_ns = ran_ns
                os.kill(self._process.pid, CTRL_C)
            os.kill(self._process.pid, signal.SIGCONT)
            if caught or waits or left_s < 0.0:
                return caught
            time.sleep(_LOOK_S)

    def look(self) -> tuple[str, float]:
        """Return the state of the process as ps shows it, and the seconds that it has run.

        S sleeps, R runs or would if it had a processor, T is stopped, Z has ended.
        """
        with suppress(OSError), open(f"/proc/{self.number}/stat") as file:
            words = file.read().rpartition(")")[2].split()
            return words[0], sum(map(int, words[_RAN])) / _CLOCK_HZ
        return "X", 0.0

    def _ran_ns(self) -> int:
        with suppress(OSError), open(f"/proc/{self.number}/schedstat") as file:
            return int(file.read().split()[0])
        return time.monotonic_ns()  # a kernel that does not count it

    def _state(self) -> str:
        return self.look()[0]

    def _catches(self) -> bool:
        with suppress(OSError), open(f"/proc/{self._process.pid}/status") as file:
            for line in file:
                if line.startswith("SigCgt:"):
                    return bool(int(line.split()[1], 16) & _SIGINT_BIT)
        return False

    def _unread(self) -> int:
        """Return how many bytes of the console the board has not read."""
        count = fcntl.ioctl(self._console, termios.FIONREAD, bytes(4))
        return struct.unpack("i", count)[0]

    def starve(self, seconds: float) -> None:
        """Give it no processor for so long."""
        os.kill(self.number, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.number, signal.SIGCONT)

    def end(self) -> int:
        """Take its supply away, if it still runs; how it ended, as subprocess says it."""
        self._process.kill()
        self._words.close()
        return self._process.wait()

    def wait(self) -> int:
        """Wait for the end that has come; how, as subprocess says it."""
        self._words.close()
        return self._process.wait()
