"""Faults: shows what is wrong with a car and what to do; clears on request, after a report."""

import argparse
import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from host_tools import texts
from host_tools.answers import Commander, Diagnosis, FaultLine, read_diagnosis
from host_tools.arguments import Commands, InputError, add_key, add_port_and_language, add_yes
from host_tools.fault_text import as_dict, describe
from host_tools.files import check_free
from host_tools.report_command import default_path, save
from host_tools.session import Opener, ask, check_agreed, open_session, unlocked

# Longer than the longest confirm time that a fault of a parked car needs to come back.
_COMES_BACK_S = 2.0
_CLEAR_S = 15.0


def run(
    args: argparse.Namespace,
    opener: Opener = open_session,
    clock: Callable[[], datetime] = datetime.now,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Show the faults, or clear them; return the exit status."""
    lang = texts.language(args.lang)
    _check(args)
    with opener(args.port) as link:
        diagnosis = read_diagnosis(link)
        if args.clear:
            return _clear(link, args, diagnosis, lang, clock(), sleep)
    if args.json:
        print(json.dumps(_object(diagnosis, diagnosis.faults, lang), ensure_ascii=False))
    else:
        print(_lines(diagnosis, lang))
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse, before a port is opened, what could not be asked or kept; InputError, OSError."""
    if not args.clear:
        if args.report is not None:
            raise InputError(
                "--report is where --clear saves one; nothing was written; `lsev report -o FILE`"
                " writes one alone"
            )
        return
    check_agreed(args.yes)
    if args.json and not args.yes:
        raise InputError("--json asks nothing; nothing was cleared; give --yes with it")
    if args.report is not None:
        check_free(args.report)


def _object(diagnosis: Diagnosis, faults: list[FaultLine], lang: str) -> dict[str, object]:
    return {
        "device": diagnosis.identity,
        "drives": diagnosis.drives,
        "reasons": [
            {"name": name, "text": texts.reason(name, lang), "reading": reading}
            for name, reading in diagnosis.reasons
        ],
        "faults": [as_dict(fault, lang) for fault in faults],
    }


def _clear(
    link: Commander,
    args: argparse.Namespace,
    before: Diagnosis,
    lang: str,
    now: datetime,
    sleep: Callable[[float], None],
) -> int:
    """Save a report, ask, clear, and say what is still there; 1 when something is, or for a no."""
    there = _there(before)
    if not there:
        found = {**_object(before, before.faults, lang), "report": None, "cleared": list(there)}
        print(json.dumps(found, ensure_ascii=False) if args.json else _lines(before, lang))
        return 0
    path: Path = args.report or default_path(before, now)
    save(link, before, path, lang, now)
    say = _quiet if args.json else print
    say(texts.ui("report_saved", lang).format(path=path))
    if not args.yes and not ask(texts.ui("ask_clear", lang).format(count=len(there)), lang):
        say(texts.ui("not_cleared", lang))
        return 1
    unlocked(link, args.key, lambda: link.command("clear", timeout_s=_CLEAR_S))
    sleep(_COMES_BACK_S)
    after = read_diagnosis(link)
    left = _there(after)
    if args.json:
        found = _object(after, after.faults, lang) | {
            "report": str(path),
            "cleared": [name for name in there if name not in left],
        }
        print(json.dumps(found, ensure_ascii=False))
    elif left:
        print(texts.ui("still_there", lang).format(count=len(left)))
        print(_lines(after, lang))
    else:
        print(texts.ui("all_cleared", lang).format(count=len(there)))
        if after.cleared:
            print(_lines(after, lang))
    return 1 if left else 0


def _lines(diagnosis: Diagnosis, lang: str) -> str:
    return "\n".join(describe(diagnosis, lang))


def _quiet(text: str) -> None:
    """Print nothing: standard output is for one JSON object."""


def _there(diagnosis: Diagnosis) -> list[str]:
    """Return the names of what a person can clear: not what only driving lets go."""
    return [fault.name for fault in diagnosis.faults if not fault.is_cleared]


_EXAMPLES = """\
examples:
  lsev faults                       what is wrong, likely causes, what to measure, what ends it
  lsev faults --lang zh             in Chinese; without it LANG decides
  lsev faults --json                one JSON object
  lsev faults --clear               save a report file, ask, clear, and say what came back

Reading changes nothing. --clear needs a parked car, and the service key where one is set.
Without a terminal to ask at, and with --json, it wants --yes.
exit status: 0 shown or cleared, 1 the board refused, a fault is still there, or the answer was
no, 2 no port, or --yes is missing
"""


def add_command(commands: Commands) -> None:
    """Add `lsev faults`."""
    parser = commands.add_parser(
        "faults",
        help="show what is wrong with a car and what to do about it",
        description="Show the faults of a connected car, the worst first.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--clear", action="store_true", help="clear them, after saving a report")
    parser.add_argument("--report", type=Path, metavar="FILE", help="where --clear saves it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_yes(parser)
    add_key(parser)
    add_port_and_language(parser)
    parser.set_defaults(run=run)
