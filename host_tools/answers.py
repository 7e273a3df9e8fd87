"""Answers: what the board's lines say, taken apart for a program; unknown lines are kept whole."""

import re
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from vcu import modes
from vcu.faults import CLASS_NAMES

_FAULT = re.compile(r"\s*(\d+) ([PCBU][0-9A-F]{4}) (\w+) (STOP|CRAWL|DERATE|WARN)\b(.*)")
_COUNT = re.compile(r"\b(\d+)x")
_TIMES = re.compile(r"\bat (\d+)\.\.(\d+) s")
_CYCLES = re.compile(r"\bkey cycle (\d+)\.\.(\d+)")
_PASSES = re.compile(r"\bpermanent, clean drives (\d+) of (\d+)")
_DATES = re.compile(r"\s+first (?:at an unknown time|(\d.+?))(?:, last (.+))?")
_REASON = re.compile(r"\s+(\w+): (.*)")
_PARAMETER = re.compile(r"(\w+) (-?\d+) (.+) \((-?\d+)\.\.(-?\d+), default (-?\d+)\)( changed)?")


class Commander(Protocol):
    """Whatever answers a line of the console; host_tools.link.Link does.

    is_unlocked: this session has given a key, which the board takes as valid for minutes.
    """

    is_unlocked: bool

    def command(self, line: str, timeout_s: float = 5.0) -> list[str]:
        """Return the lines of the answer; LinkError when it is an error or there is none."""
        ...

    def subscribe(self, names: str, rate_hz: int) -> None:
        """Have values sent so many times a second; LinkError."""
        ...

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what came unasked since the last call: "t" and values, "e" and a fault."""
        ...


@dataclass(frozen=True)
class FaultLine:
    """What `faults` and `faults hist` say of a row.

    Times are operating seconds, cycles key cycles, 0 where they are not known. is_cleared: a
    person has cleared it, and it is still permanent; passes are the clean drives of how many it
    needs, none where it is not permanent. Dates are the board's words, "" where it has no time.
    """

    blink_code: int
    dtc: str
    name: str
    fault_class: str
    is_active: bool
    count: int
    first_s: int
    last_s: int
    first_cycle: int = 0
    last_cycle: int = 0
    is_cleared: bool = False
    passes: tuple[int, int] | None = None
    first_date: str = ""
    last_date: str = ""


@dataclass(frozen=True)
class Parameter:
    """A line of `get`."""

    name: str
    value: int
    unit: str
    low: int
    high: int
    default: int


@dataclass(frozen=True)
class Diagnosis:
    """What a person wants to know first; the worst of the active faults is the first."""

    identity: dict[str, str]
    drives: bool
    reasons: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    faults: list[FaultLine] = field(default_factory=list[FaultLine])

    @property
    def active(self) -> list[FaultLine]:
        """The faults that are there now."""
        return [fault for fault in self.faults if fault.is_active]

    @property
    def stored(self) -> list[FaultLine]:
        """The faults that were there and are not cleared."""
        return [fault for fault in self.faults if not fault.is_active and not fault.is_cleared]

    @property
    def cleared(self) -> list[FaultLine]:
        """The faults that a person has cleared and only driving lets go."""
        return [fault for fault in self.faults if fault.is_cleared]

    @property
    def number(self) -> str:
        """The vehicle's id, or that of the chip on a board that is no vehicle's yet."""
        given = self.identity.get("vehicle_id", "")
        is_given = given and given not in ("not provisioned", "lost")
        return given if is_given else self.identity.get("unique_id", "?")


def parse_faults(lines: list[str]) -> list[FaultLine]:
    """Return the faults of `faults` and of `faults hist`, a row of the table once.

    Active ones before stored and cleared ones, the most severe class first.
    """
    found: dict[int, FaultLine] = {}
    last = 0
    for line in lines:
        match, dates = _FAULT.match(line), _DATES.fullmatch(line)
        if match is not None:
            fault = _fault(match)
            last = fault.blink_code
            known = found.get(last)
            # The history says more of a row, but a row that was active may have healed between.
            found[last] = fault if known is None else _merged(known, fault)
        elif dates is not None and last in found:
            found[last] = replace(found[last], first_date=dates[1] or "", last_date=dates[2] or "")
    worst_first: list[str] = list(CLASS_NAMES)
    return sorted(
        found.values(),
        key=lambda f: (not f.is_active, f.is_cleared, worst_first.index(f.fault_class)),
    )


def _fault(match: re.Match[str]) -> FaultLine:
    blink_code, dtc, name, fault_class, rest = match.groups()
    count, passes = _COUNT.search(rest), _PASSES.search(rest)
    first_s, last_s = _span(_TIMES, rest)
    first_cycle, last_cycle = _span(_CYCLES, rest)
    return FaultLine(
        int(blink_code),
        dtc,
        name,
        fault_class,
        rest.startswith(" active"),
        int(count[1]) if count else 0,
        first_s,
        last_s,
        first_cycle,
        last_cycle,
        rest.startswith(" cleared"),
        (int(passes[1]), int(passes[2])) if passes else None,
    )


def _span(pattern: re.Pattern[str], text: str) -> tuple[int, int]:
    found = pattern.search(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _merged(first: FaultLine, second: FaultLine) -> FaultLine:
    return replace(second, is_active=first.is_active or second.is_active)


def parse_words(lines: list[str]) -> dict[str, str]:
    """Return the rest of each line by its first word."""
    pairs = (line.strip().partition(" ") for line in lines if line.strip())
    return {word.rstrip(":"): rest.strip() for word, _, rest in pairs}


def parse_reasons(lines: list[str]) -> list[tuple[str, str]]:
    """Return each reason of `why` with its present and needed reading."""
    matches = (_REASON.fullmatch(line) for line in lines)
    return [(m[1], m[2]) for m in matches if m is not None and m[1] in modes.REASONS]


def parse_parameters(lines: list[str]) -> list[Parameter]:
    """Return the parameters of `get`."""
    matches = (_PARAMETER.match(line.strip()) for line in lines)
    return [
        Parameter(m[1], int(m[2]), m[3], int(m[4]), int(m[5]), int(m[6]))
        for m in matches
        if m is not None
    ]


def read_diagnosis(link: Commander) -> Diagnosis:
    """Ask the board who it is, whether it drives and what is wrong; LinkError."""
    identity, why = parse_words(link.command("id")), link.command("why")
    return diagnose(identity, why, [*link.command("faults"), *link.command("faults hist")])


def diagnose(identity: dict[str, str], why: list[str], faults: list[str]) -> Diagnosis:
    """Return what the answers to `why`, and to `faults` and `faults hist`, come to."""
    drives = bool(why) and why[0].startswith("drives")
    return Diagnosis(identity, drives, parse_reasons(why), parse_faults(faults))
