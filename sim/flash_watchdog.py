"""The flash board's watchdog: decides when it bites, by the time that the board itself has had.

A host that is busy, or stopped, takes the processor away from the board, and this side from
itself. Counted by the host's clock the watchdog would then end a program that has not hung. So
the board's process is looked at several times in a timeout, and each look adds what it has run
since the last, or, where it sleeps of its own will, one share of the timeout and no more.
"""

from collections.abc import Callable

# A look that comes late, however late, brings the end nearer by one of these shares.
_SHARES = 10


class FlashWatchdog:
    """look() returns the state of the process, as ps shows it, and the seconds that it has run."""

    def __init__(self, look: Callable[[], tuple[str, float]]) -> None:
        self._look = look
        self._share_s = 0.0
        self._left_s = 0.0
        self._ran_s: float | None = None  # at the last look since the feed
        self.due_s: float | None = None  # when to look next; None while it is off

    def feed(self, timeout_s: float, now_s: float) -> None:
        """Count from now, on the host's clock."""
        self._share_s = timeout_s / _SHARES
        self._left_s = timeout_s
        self._ran_s = None
        self.due_s = now_s + self._share_s

    def stop(self) -> None:
        """Count no more, until it is fed."""
        self.due_s = None

    def bites(self, now_s: float) -> bool:
        """Look, if it is time to; return whether the board has had its timeout without a feed."""
        if self.due_s is None or now_s < self.due_s:
            return False
        self.due_s = now_s + self._share_s
        state, ran_s = self._look()
        if state in "SI":
            self._left_s -= self._share_s
        elif self._ran_s is not None:
            self._left_s -= max(0.0, ran_s - self._ran_s)  # a soft reset starts a new process
        self._ran_s = ran_s
        return self._left_s <= self._share_s / 2
