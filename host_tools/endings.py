"""How a signal ends a command: by way of every clean-up, as Ctrl-C does."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Ended(BaseException):
    """A signal asks for the end; raised so that whatever is open is cleaned up."""


@contextmanager
def ended_by_signals() -> Generator[None]:
    """Let SIGTERM and SIGHUP end what runs as Ctrl-C does, by way of every clean-up."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Ended(number)

    # Windows has no SIGHUP.
    numbers = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
