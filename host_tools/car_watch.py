"""Car watch: keeps asking a car how it is, over every reset, lost cable and damaged line.

step() does one piece of that, and view is always a whole picture of what is known, for who
shows it in another thread.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from host_tools import live_values
from host_tools.answers import Commander, Diagnosis, diagnose, parse_parameters, parse_words
from host_tools.link import LinkError

RATE_HZ = 10
TREND_S = 60
# Readings older than this are told from new ones.
STALE_S = 1.0
# What else may be looked at: the commands, and how often they are asked.
PAGES: dict[str, tuple[tuple[str, ...], float]] = {
    "params": (("get *",), 30.0),
    "inputs": (("io",), 1.0),
    "info": (("id", "stats", "log 10"), 5.0),
}

_RETRY_S = 1.0
# A port with no board behind it is told within this.
_FIRST_S = 3.0
_FAREWELL_S = 1.0
# So long without a reading, the board has been reset and knows of no subscription.
_SILENT_S = 2.0
_ASK_AGAIN_S = 2.0
_LOG_LINES = 200
_REST_S = 0.05


Tap = Callable[[str], None]
LiveOpener = Callable[[Tap], AbstractContextManager[Commander]]


@dataclass(frozen=True)
class View:
    """What is known of a car; state is "looking", "live" or "lost".

    trouble is the slug of what keeps the link down, reason the sentence; received_s is when the
    values came, by the watch's clock; trends have a value a reading, None where it is not known.
    """

    state: str = "looking"
    trouble: str = ""
    reason: str = ""
    diagnosis: Diagnosis | None = None
    values: Mapping[str, int] = field(default_factory=dict[str, int])
    received_s: float = 0.0
    parameters: Mapping[str, int] = field(default_factory=dict[str, int])
    trends: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    pages: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    log: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()


class CarWatch:
    """Owns the link; step() again and again, in one thread, and close() at the end."""

    def __init__(
        self,
        opener: LiveOpener,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.view = View()
        self.page = ""  # of PAGES: what is looked at now
        self._opener = opener
        self._clock = clock
        self._sleep = sleep
        self._stack = ExitStack()
        self._link: Commander | None = None
        self._retry_s = clock()
        self._is_new = True
        self._ask_s = 0.0
        self._identity: dict[str, str] = {}
        self._faults: list[str] = []
        self._history: list[str] = []
        self._pages_s: dict[str, float] = {}
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._raw: deque[str] = deque(maxlen=_LOG_LINES)
        self._trends = {key: deque[float](maxlen=TREND_S * RATE_HZ) for key in live_values.TRENDS}

    def close(self) -> None:
        """End the subscription, which the next program would hear, and let the port go."""
        link, self._link = self._link, None
        if link is not None:
            with suppress(LinkError, OSError):
                link.command("unsub", _FAREWELL_S)
        self._stack.close()

    def note(self, text: str) -> None:
        """Put a line into the log."""
        self._log.append(text)

    def step(self) -> None:
        """Look for the car, or hear and ask it once; nothing that fails ends the watch."""
        try:
            if self._link is not None:
                self._follow(self._link)
            elif self._clock() >= self._retry_s:
                self._connect()
            else:
                self._sleep(_REST_S)
        except LinkError as error:
            self._lose(error.slug, str(error))
        except OSError as error:
            self._lose("", str(error))
        self.view = replace(self.view, log=tuple(self._log), raw=tuple(self._raw))

    def _connect(self) -> None:
        self._is_new = True
        self._link = self._stack.enter_context(self._opener(self._hear))
        self._begin(self._link)

    def _begin(self, link: Commander) -> None:
        """Learn who the car is and what is wrong, and subscribe."""
        self._identity = parse_words(link.command("id", _FIRST_S))
        self._faults = []
        diagnosis = self._diagnose(link)
        self.view = replace(
            self.view, state="live", trouble="", reason="", diagnosis=diagnosis, pages={}
        )
        self._pages_s.clear()
        link.subscribe(live_values.NAMES, RATE_HZ)
        self._ask_s = self._clock() + _ASK_AGAIN_S
        self.view = replace(self.view, parameters=self._parameters(link), received_s=self._clock())

    def _diagnose(self, link: Commander) -> Diagnosis:
        """Ask what is wrong; the long history only where a fault is new."""
        why, faults = link.command("why"), link.command("faults")
        if faults != self._faults:
            self._history = link.command("faults hist")
            self._faults = faults
        return diagnose(self._identity, why, [*faults, *self._history])

    def _parameters(self, link: Commander) -> dict[str, int]:
        commands = [f"get {name}" for name in live_values.PARAMETERS]
        lines = [line for command in commands for line in self._ask(link, command)]
        return {p.name: p.value for p in parse_parameters(lines)}

    def _follow(self, link: Commander) -> None:
        reasons = self.view.values.get("reasons")
        is_told = False
        for kind, values in link.events():
            if kind == "b":
                self._begin(link)
                return
            if kind == "t":
                self._take(values)
            is_told = is_told or kind == "e"
        now_s = self._clock()
        if now_s - self.view.received_s > _SILENT_S:
            self._begin(link)
        elif is_told or now_s >= self._ask_s or self.view.values.get("reasons") != reasons:
            self._ask_s = now_s + _ASK_AGAIN_S
            self.view = replace(self.view, diagnosis=self._diagnose(link))
        elif self.page in PAGES and now_s >= self._pages_s.get(self.page, now_s):
            self._turn_to(link, self.page, now_s)

    def _take(self, values: Mapping[str, Any]) -> None:
        """Take a line of telemetry; what is no number in it is damage."""
        whole = {name: value for name, value in values.items() if type(value) is int}
        if not whole:
            return
        for row in live_values.ROWS:
            value = live_values.number(row, whole)
            if row.key in self._trends and value is not None:
                self._trends[row.key].append(value)
        trends = {key: tuple(points) for key, points in self._trends.items()}
        self.view = replace(self.view, values=whole, received_s=self._clock(), trends=trends)

    def _turn_to(self, link: Commander, page: str, now_s: float) -> None:
        commands, every_s = PAGES[page]
        self._pages_s[page] = now_s + every_s
        lines = [line for command in commands for line in self._ask(link, command)]
        self.view = replace(self.view, pages={**self.view.pages, page: tuple(lines)})

    def _ask(self, link: Commander, command: str) -> list[str]:
        """Return the answer, or the board's refusal in its place; LinkError when it is gone."""
        try:
            return link.command(command)
        except LinkError as error:
            if error.code is None:
                raise
            return [str(error)]

    def _lose(self, slug: str, reason: str) -> None:
        """Let the port go, and try again a little later; what was known is kept as old.

        A damaged line is not the end of a link: only its answer is asked for again.
        """
        if self.view.reason != reason:
            self.note(reason)
        if slug == "garbled" and self.view.state == "live":
            return
        self._link = None
        self._stack.close()
        self._retry_s = self._clock() + _RETRY_S
        state = "looking" if self.view.diagnosis is None else "lost"
        self.view = replace(self.view, state=state, trouble=slug, reason=reason)

    def _hear(self, line: str) -> None:
        """Keep every line but the telemetry; in the log only what nobody has asked for.

        What comes first may be the end of a line that began before the port was open.
        """
        is_cut_off, self._is_new = self._is_new and line[:1] not in "#@>", False
        if line.startswith("#t ") or is_cut_off:
            return
        self._raw.append(line)
        if not line.startswith(("@", "> ")):
            self.note(line)
