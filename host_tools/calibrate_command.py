"""Calibrate: guides a person through a calibration, step by step; the board accepts or refuses.

The board says in each step what to do and shows its reading; nothing is changed before it has
accepted the whole, and a calibration that is broken off is aborted there.
"""

import argparse
from collections.abc import Callable
from contextlib import suppress

from host_tools import texts
from host_tools.answers import Commander
from host_tools.link import LinkError
from host_tools.screen import wrap
from host_tools.session import (
    Commands,
    Opener,
    add_key,
    add_port_and_language,
    open_session,
    unlocked,
)

WHATS = ("pedal", "brake", "current", "wheel")
_STEP_S = 30.0
_STOP_WORDS = ("q", "quit", "stop")


def run(
    args: argparse.Namespace,
    opener: Opener = open_session,
    listen: Callable[[str], str] = input,
) -> int:
    """Calibrate or undo; 0 when the board took it, 1 when the person stopped."""
    lang = texts.language(args.lang)
    with opener(args.port) as link:
        if args.undo:
            _show(unlocked(link, args.key, lambda: link.command(f"cal {args.what} undo")))
            print(texts.ui("undone", lang))
            return 0
        print("\n".join(wrap(texts.ui(f"before_{args.what}", lang))))
        said = unlocked(link, args.key, lambda: link.command(f"cal {args.what} start"))
        try:
            taken = _guide(link, args, said, lang, listen)
        except BaseException:
            _abort(link, args.what)
            raise
        if not taken:
            _abort(link, args.what)
            print(texts.ui("stopped", lang))
            return 1
    print(texts.ui("calibrated", lang).format(what=args.what))
    return 0


def _guide(
    link: Commander,
    args: argparse.Namespace,
    said: list[str],
    lang: str,
    listen: Callable[[str], str],
) -> bool:
    """Go through the steps; return whether the board has accepted, False when a person stops."""
    what = args.what
    while True:
        _show(said)
        is_last = any("accept" in line for line in said)
        is_drive = is_last and what == "wheel"
        key = "ask_metres" if is_drive else "ask_accept" if is_last else "press_enter"
        try:
            answer = listen(texts.ui(key, lang) + " ").strip().lower()
        except EOFError:
            return False
        if answer in _STOP_WORDS:
            return False
        if not is_last:
            said = link.command(f"cal {what} step", timeout_s=_STEP_S)
        elif is_drive and not answer:
            continue  # still driving
        else:
            metres = f" {answer}" if is_drive else ""
            _show(_accept(link, args, f"cal {what} accept{metres}"))
            return True


def _accept(link: Commander, args: argparse.Namespace, line: str) -> list[str]:
    """Have the board take the result; a drive in between has locked it again."""
    return unlocked(link, args.key, lambda: link.command(line, timeout_s=_STEP_S))


def _abort(link: Commander, what: str) -> None:
    with suppress(LinkError):
        link.command(f"cal {what} abort")


def _show(lines: list[str]) -> None:
    for line in lines:
        print("\n".join(wrap(line)))


_EXAMPLES = """\
examples:
  lsev calibrate pedal              released and pressed, three times, both channels
  lsev calibrate brake              the switch is seen released and pressed
  lsev calibrate current            the current sensor's zero, nothing switched on
  lsev calibrate wheel              drive a measured distance of at least 50 m, type the metres
  lsev calibrate pedal --undo       back to the values before

The car must be parked (for the wheel: at start and end). The board refuses what cannot be
right; then, and when you stop, the old calibration is kept.
exit status: 0 calibrated, 1 refused or stopped, 2 no key or no port
"""


def add_command(commands: Commands) -> None:
    """Add `lsev calibrate`."""
    parser = commands.add_parser(
        "calibrate",
        help="calibrate pedal, brake, current sensor or wheel, step by step",
        description="Calibrate a part of a connected car, guided by the board.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("what", choices=WHATS, help="what to calibrate")
    parser.add_argument("--undo", action="store_true", help="go back to the values before")
    add_key(parser)
    add_port_and_language(parser)
    parser.set_defaults(run=run)
