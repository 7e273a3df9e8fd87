"""Calibrate: guides a person through a calibration, step by step; the board accepts or refuses.

The board says in each step what to do and shows its reading; nothing is changed before it has
accepted the whole, and a calibration that is broken off is aborted there.
"""

import argparse
import re
from collections.abc import Callable
from contextlib import suppress

from host_tools import texts
from host_tools.answers import Commander
from host_tools.arguments import Commands, add_key, add_port_and_language
from host_tools.link import LinkError
from host_tools.screen import wrap
from host_tools.session import Opener, open_session, unlocked

WHATS = ("pedal", "brake", "current", "wheel")
_STEP_S = 30.0
_STOP_WORDS = ("q", "quit", "stop")
# How the board asks for a step, and what it says of a value that it has changed.
_STEP = re.compile(r"(\d+) of (\d+): ")
_CHANGE = " -> "
# Refusals (busy, not now, moving) after which the board still has what was measured so far.
_KEPT = (21, 22, 88)
_OUT_OF_RANGE = 31


def run(
    args: argparse.Namespace,
    opener: Opener = open_session,
    listen: Callable[[str], str] = input,
) -> int:
    """Calibrate or undo; 0 when the board took it, 1 when the person stopped."""
    lang = texts.language(args.lang)
    with opener(args.port) as link:
        if args.undo:
            _tell(unlocked(link, args.key, lambda: link.command(f"cal {args.what} undo")))
            print(texts.ui("undone", lang))
            return _restart(link, args, lang)
        print("\n".join(wrap(texts.ui(f"before_{args.what}", lang))))
        said = unlocked(link, args.key, lambda: link.command(f"cal {args.what} start"))
        try:
            taken = _guide(link, args, said, lang, listen)
        except BaseException:
            _abort(link, args.what)
            raise
        if taken is None:
            _abort(link, args.what)
            print(texts.ui("stopped", lang))
            return 1
        _tell(taken)
        if not any(_CHANGE in line for line in taken):
            print(texts.ui("was_right", lang))
            return 0
        print(texts.ui("calibrated", lang).format(what=args.what))
        return _restart(link, args, lang)


def _restart(link: Commander, args: argparse.Namespace, lang: str) -> int:
    if args.reboot:
        link.command("reboot")
        print(texts.ui("restarting", lang))
    return 0


def _guide(
    link: Commander,
    args: argparse.Namespace,
    said: list[str],
    lang: str,
    listen: Callable[[str], str],
) -> list[str] | None:
    """Go through the steps; return what the board says of the result, None when a person stops.

    What is refused without spoiling what was measured is told, and asked for again.
    """
    what = args.what
    is_last = False
    while True:
        _show(said, what, lang)
        is_last = is_last or any("accept" in line for line in said)
        is_drive = is_last and what == "wheel"
        key = "ask_metres" if is_drive else "ask_accept" if is_last else "press_enter"
        try:
            answer = listen(texts.ui(key, lang) + " ").strip().lower()
        except EOFError:
            return None
        if answer in _STOP_WORDS:
            return None
        said = []
        if is_drive and not answer:
            continue  # still driving
        try:
            if is_last:
                metres = f" {answer}" if is_drive else ""
                return _accept(link, args, f"cal {what} accept{metres}")
            said = link.command(f"cal {what} step", timeout_s=_STEP_S)
        except LinkError as error:
            # A result that is out of range is dropped by the board; a drive it still has.
            is_kept = error.code == _OUT_OF_RANGE and (is_drive or not is_last)
            if error.code not in _KEPT and not is_kept:
                raise
            reason = texts.refusal(error.slug, str(error), lang)
            print("\n".join(wrap(texts.ui("not_taken", lang).format(reason=reason))))


def _accept(link: Commander, args: argparse.Namespace, line: str) -> list[str]:
    """Have the board take the result; a drive in between has locked it again."""
    return unlocked(link, args.key, lambda: link.command(line, timeout_s=_STEP_S))


def _abort(link: Commander, what: str) -> None:
    with suppress(LinkError):
        link.command(f"cal {what} abort")


def _show(lines: list[str], what: str, lang: str) -> None:
    """Show what the board says; what it asks a person to do in that person's language."""
    for line in lines:
        step = _STEP.match(line)
        if step:
            place = "pressed" if int(step[1]) % 2 == 0 else "released"
            asked = texts.ui(f"step_{what}_{place}", lang)
            line = f"{step[1]}/{step[2]}: {asked}"
        elif "`accept" in line:
            continue  # the question says it
        print("\n".join(wrap(texts.calibration(line, lang))))


def _tell(lines: list[str]) -> None:
    """Show each value that has changed."""
    for line in lines:
        if _CHANGE in line:
            print("\n".join(wrap(line)))


_EXAMPLES = """\
examples:
  lsev calibrate pedal              released and pressed, three times, both channels
  lsev calibrate brake              the switch is seen released and pressed
  lsev calibrate current            the current sensor's zero, nothing switched on
  lsev calibrate wheel              drive a measured distance of at least 50 m, type the metres
  lsev calibrate pedal --undo       back to the values before

The car must be parked with the key off (for the wheel: parked at start and end). The board
refuses what cannot be right; then, and when you stop, the old calibration is kept. The new one
is in use after a restart.
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
    parser.add_argument("--reboot", action="store_true", help="restart the board afterwards")
    add_key(parser)
    add_port_and_language(parser)
    parser.set_defaults(run=run)
