"""How a signal ends a command: by way of every clean-up, as Ctrl-C does."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


class Ended(BaseException):
    """A signal asks for the end; raised so that whatever is open is cleaned up."""


def _raise(number: int) -> None:
    raise Ended(number)


@contextmanager
def ended_by_signals(hear: Callable[[int], None] = _raise) -> Generator[None]:
    """Let SIGTERM and SIGHUP end what runs as Ctrl-C does, by way of every clean-up.

    hear is told the signal instead where an exception could be lost, as in an event loop.
    """

    def end(number: int, frame: FrameType | None) -> None:
        hear(number)

    # Windows has no SIGHUP.
    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
