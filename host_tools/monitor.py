"""Monitor: one screen that says what is wrong with a car, why it stands, and what it reads now."""

import time
from collections.abc import Callable, Iterable
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import ContentSwitcher, Footer, Sparkline, Static

from host_tools import live_values, monitor_text, texts
from host_tools.car_watch import CarWatch
from host_tools.monitor_text import Line
from host_tools.screen import pad

_REFRESH_S = 0.1
# The page of each function key; "" is the first.
_KEYS = (
    ("f1", "1", "monitor"),
    ("f2", "2", "faults"),
    ("f3", "3", "params"),
    ("f4", "4", "inputs"),
    ("f5", "5", "info"),
)
_STYLES = {
    "": "",
    "title": "bold reverse",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
    "dim": "dim",
}


def as_text(lines: Iterable[Line]) -> Text:
    """Return lines for a widget; what a board sends is never taken for markup."""
    parts = [Text(line.text, _STYLES[line.mood]) for line in lines]
    return Text("\n", no_wrap=False).join(parts)


class Monitor(App[None]):
    """Shows what the watch sees, ten times a second; another thread lets the watch step."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { overflow: hidden; }
    ContentSwitcher { height: 1fr; }
    #page { height: 100%; }
    #title { height: 1; }
    #banner { max-height: 4; }
    #why { max-height: 5; }
    #readings { height: auto; }
    #course { height: 1; }
    #curve { height: 2; }
    #log { height: 1fr; min-height: 2; }
    """
    BINDINGS: ClassVar = [Binding("ctrl+c", "quit", show=False, priority=True)]

    def __init__(
        self, watch: CarWatch, lang: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self.must_end = False  # set by a signal, seen at the next refresh
        self._watch = watch
        self._lang = lang
        self._clock = clock
        self._page = "monitor"
        self._trend = 0

    def compose(self) -> ComposeResult:
        """Lay the screen out: title, the pages, the keys."""
        yield Static(id="title")
        with ContentSwitcher(initial="monitor"):
            with Vertical(id="monitor"):
                for name in ("banner", "why", "readings", "course"):
                    yield Static(id=name)
                yield Sparkline(id="curve")
                yield Static(id="log")
            with VerticalScroll(id="page"):
                yield Static(id="lines")
        yield Footer()

    def on_mount(self) -> None:
        """Name the keys in the language, and begin to show."""
        for key, digit, page in _KEYS:
            label = texts.ui(f"key_{page}", self._lang)
            self.bind(
                f"{key},{digit}", f"turn('{page}')", description=label, key_display=key.upper()
            )
        self.bind("t", "next_trend", description=texts.ui("key_trend", self._lang))
        self.bind("q", "quit", description=texts.ui("key_quit", self._lang))
        self.set_interval(_REFRESH_S, self.refresh_view)
        self.refresh_view()

    def action_turn(self, page: str) -> None:
        """Show another page, from its beginning."""
        self._page = page
        self._watch.page = page
        is_first = page == "monitor"
        self.query_one(ContentSwitcher).current = "monitor" if is_first else "page"
        if not is_first:
            scroll = self.query_one("#page", VerticalScroll)
            scroll.scroll_home(animate=False)
            scroll.focus()
        self.refresh_view()

    def action_next_trend(self) -> None:
        """Show the curve of the next reading."""
        self._trend = (self._trend + 1) % len(live_values.TRENDS)
        self.refresh_view()

    def refresh_view(self) -> None:
        """Show the present view."""
        if self.must_end:
            self.exit()
        if not self.query("#title"):
            return  # the screen is being taken down
        view, lang = self._watch.view, self._lang
        columns = self.size.width
        title = monitor_text.title(view, lang)
        self._show("#title", [Line(pad(title.text, columns), title.mood)])
        if self._page != "monitor":
            self._show("#lines", monitor_text.page(view, self._page, lang))
            return
        self._show("#banner", monitor_text.banner(view, lang, columns))
        self._show("#why", monitor_text.why(view, lang, columns))
        self._show_readings(columns)
        key = live_values.TRENDS[self._trend]
        self._show("#course", [monitor_text.trend(view, key, lang)])
        self.query_one("#curve", Sparkline).data = view.trends.get(key, ())
        room = self.query_one("#log", Static).size.height
        self._show("#log", [Line(text, "dim") for text in view.log[-room:]] if room else [])

    def _show_readings(self, columns: int) -> None:
        """Show the readings in as many columns as there is room for, the first column first."""
        view, now_s = self._watch.view, self._clock()
        readings = [monitor_text.reading(row, view, now_s, self._lang) for row in live_values.ROWS]
        side_by_side = max(1, (columns + 2) // (monitor_text.READING_COLUMNS + 2))
        height = -(-len(readings) // side_by_side)
        rows: list[Text] = []
        for at in range(height):
            cells = readings[at::height]
            rows.append(Text("  ").join(Text(c.text, _STYLES[c.mood]) for c in cells))
        self.query_one("#readings", Static).update(Text("\n").join(rows))

    def _show(self, where: str, lines: list[Line]) -> None:
        self.query_one(where, Static).update(as_text(lines))
