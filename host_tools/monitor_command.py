"""Monitor command: starts the watch of a car, and shows it on a screen or as plain lines."""

import argparse
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager

from host_tools import live_values, monitor_text, texts
from host_tools.arguments import Commands, add_port_and_language, duration_s
from host_tools.car_watch import CarWatch, LiveOpener, Tap, View
from host_tools.endings import Ended, ended_by_signals
from host_tools.fault_text import headline, why
from host_tools.link import Link, open_link
from host_tools.live_values import ROWS
from host_tools.ports import PortError
from host_tools.session import tell_time

_PLAIN_S = 1.0
# How long the screen may take to leave the terminal as it was.
_LEAVE_S = 3.0
# What a line of --plain has.
_PLAIN_KEYS = ("speed", "pedal", "torque", "limiter", "gear", "pack_v", "pack_a", "soc")


def live_opener(name: str | None) -> LiveOpener:
    """Return what opens the port anew each time, whichever it is by then."""

    @contextmanager
    def opened(tap: Tap) -> Generator[Link]:
        with open_link(name, tap) as link:
            tell_time(link)
            yield link

    return opened


def run(
    args: argparse.Namespace,
    make_opener: Callable[[str | None], LiveOpener] = live_opener,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Show the car until the person ends it, or for --seconds; return the exit status."""
    lang = texts.language(args.lang)
    with closing(CarWatch(make_opener(args.port), clock)) as watch:
        if args.plain or args.seconds or not sys.stdout.isatty():
            _plain(watch, lang, args.seconds, clock)
        else:
            _on_screen(watch, lang)
    return 0


def _on_screen(watch: CarWatch, lang: str) -> None:
    # Only here: it takes a third of a second, which --plain need not wait for.
    from host_tools.monitor import Monitor

    ended, left = threading.Event(), threading.Event()
    monitor = Monitor(watch, lang)
    signals: list[int] = []

    def end(number: int) -> None:
        signals.append(number)
        monitor.must_end = True
        ended.set()

    def follow() -> None:
        while not ended.is_set():
            watch.step()
        watch.close()
        # A screen whose terminal is gone waits for ever to write its last line there.
        if signals and not left.wait(_LEAVE_S):
            os._exit(128 + signals[0])

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        with ended_by_signals(end):
            monitor.run()
    finally:
        ended.set()
        left.set()
        thread.join(timeout=10.0)
    if signals:
        raise Ended(signals[0])


def _plain(watch: CarWatch, lang: str, seconds: float | None, clock: Callable[[], float]) -> None:
    """Print what is wrong whenever that changes, and a line of readings each second."""
    end_s = clock() + seconds if seconds else math.inf
    due_s, told = clock(), [""]
    while clock() < end_s:
        watch.step()
        view = watch.view
        if view.state == "looking" and view.reason and not view.trouble:
            raise PortError(view.reason)  # a script is told at once; a lost port is waited for
        said = state_lines(view, lang)
        if said and said != told:
            print("\n".join(said), flush=True)
            told = said
        if view.state == "live" and view.values and clock() >= due_s:
            print(readings_line(view, lang), flush=True)
            due_s = clock() + _PLAIN_S


def state_lines(view: View, lang: str) -> list[str]:
    """Return what is wrong and why the car does not drive; [] while nothing is known."""
    if view.state != "live":
        lines = monitor_text.banner(view, lang, 1000) if view.reason else []
        return [line.text for line in lines]
    if view.diagnosis is None:
        return []
    names = [fault.name for fault in view.diagnosis.active[:1]]
    measures = [texts.fault(name, lang).measure for name in names]
    to_do = [texts.ui("to_do", lang).format(measure=text) for text in measures]
    # Without the readings, which change all the time: they come in lines of their own.
    reasons = [line for line in why(view.diagnosis, lang) if not line.startswith("      ")]
    return [headline(view.diagnosis, lang), *to_do, *reasons]


def readings_line(view: View, lang: str) -> str:
    """Return the main readings in one line, a "?" for one that is not known."""
    parts = [
        f"{texts.ui(f'value_{row.key}', lang)} {live_values.shown(row, view.values)} {row.unit}"
        for row in ROWS
        if row.key in _PLAIN_KEYS
    ]
    return ", ".join(part.rstrip() for part in parts)


_EXAMPLES = """\
examples:
  lsev monitor                      the only port there is, or the one of LSEV_PORT
  lsev monitor --port COM3 --lang zh
  lsev monitor --plain              lines for a pipe, a log or a screen reader
  lsev monitor --seconds 10         such lines, for ten seconds

Keys: F1 monitor, F2 faults with causes and what to measure, F3 parameters, F4 inputs (move the
harness and watch least and most), F5 identity, counters and the raw lines; t another curve,
q end. It only reads, and goes on by itself when the board restarts or the cable was out.
exit status: 0 ended, 2 no port or bad input
"""


def add_command(commands: Commands) -> None:
    """Add `lsev monitor`."""
    parser = commands.add_parser(
        "monitor",
        help="watch a connected car: what is wrong, why it stands, what it reads",
        description="Watch a connected car on one screen.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--plain", action="store_true", help="print lines, no screen")
    parser.add_argument(
        "--seconds", type=duration_s, metavar="N", help="print lines, and end after that"
    )
    add_port_and_language(parser)
    parser.set_defaults(run=run)
