"""A board made of answers and a person who types: what commands talk to where nothing runs."""

import io
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from host_tools.link import LinkError

Answer = list[str] | LinkError | Callable[[str], list[str]]

IDENTITY = [
    *("name lsev", "version 0.1.0", "board esp32_s3", "vehicle four_wheel_60v_agm"),
    *("unique_id a1b2c3", "parameters 1234567"),
]
PEDAL_OPEN = (
    "11 P2122 pedal_a_low CRAWL active 3x at 720..1440 s; heals 1.0 s after it is gone + pedal up"
)
RAIL_LOW = "81 P0562 rail_low WARN stored 1x at 60..60 s; heals 2.0 s after it is gone"
HISTORY = [
    "11 P2122 pedal_a_low CRAWL active 3x at 720..1440 s, key cycle 4..6; permanent, clean drives "
    "0 of 3; frame",
    "81 P0562 rail_low WARN stored 1x at 60..60 s, key cycle 1..1; frame",
    "13 P2127 pedal_b_low CRAWL cleared 0x; permanent, clean drives 2 of 3",
]
WHY = [
    "does not drive:",
    "  key_off: key reads off, needs on",
    "  pedal_fault_until_released: pedal 0.0 %, needs below 5.0 %, channels alike",
    "  fault 11 P2122 pedal_a_low CRAWL",
]
UNKNOWN = LinkError(11, "unknown-command", "no such name; nothing done; try help")


class AnsweringBoard:
    """Answers a line by the whole line or by its first word; keeps what it was told."""

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self.answers: dict[str, Answer] = {
            "id": IDENTITY,
            "why": WHY,
            "faults": [RAIL_LOW, PEDAL_OPEN],
            "faults hist": HISTORY,
            **(answers or {}),
        }
        self.told: list[str] = []
        self.is_unlocked = False

    def command(self, line: str, timeout_s: float = 5.0) -> list[str]:
        """Answer as a Link does."""
        self.told.append(line)
        answer = self.answers.get(line, self.answers.get(line.split()[0], UNKNOWN))
        if isinstance(answer, LinkError):
            raise answer
        return answer(line) if callable(answer) else list(answer)

    def subscribe(self, names: str, rate_hz: int) -> None:
        """Send nothing."""

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Have nothing to tell."""
        return []

    @contextmanager
    def open(self, port: str | None) -> Generator["AnsweringBoard"]:
        """Be the session of a command."""
        yield self


class Terminal(io.StringIO):
    """Standard input with a person at it, who types that."""

    def isatty(self) -> bool:
        return True
