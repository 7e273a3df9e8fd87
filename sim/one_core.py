"""One core: two processes in lockstep stay together, where handing over costs them least.

One of the two always waits for the other: on one core the hand-over costs a
fraction of what it costs between two. A locked file per core keeps simulations
that run side by side from choosing the same one.
"""

import fcntl
import os
import tempfile
from pathlib import Path


class OneCore:
    """A context that may be entered many times; the last to leave frees the core."""

    def __init__(self) -> None:
        self._inside = 0
        self._cores: set[int] = set()
        self._lock = -1

    def __enter__(self) -> None:
        self._inside += 1
        if self._inside > 1 or not hasattr(os, "sched_setaffinity"):
            return
        # Field 39 of proc_pid_stat(5); the second, in brackets, may have spaces in it.
        fields = Path("/proc/thread-self/stat").read_text().rpartition(")")[2].split()
        here = int(fields[36])
        cores = os.sched_getaffinity(0)
        for core in sorted(cores, key=lambda core: core != here):
            if self._claim(core):
                self._cores = cores
                os.sched_setaffinity(0, {core})
                return

    def _claim(self, core: int) -> bool:
        lock = -1
        try:
            lock = os.open(
                Path(tempfile.gettempdir()) / f"lsev-core-{core}", os.O_RDWR | os.O_CREAT
            )
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if lock >= 0:
                os.close(lock)
            return False
        self._lock = lock
        return True

    def __exit__(self, *exc: object) -> None:
        self._inside -= 1
        if self._inside == 0 and self._cores:
            os.sched_setaffinity(0, self._cores)
            os.close(self._lock)
            self._cores = set()


ONE_CORE = OneCore()
