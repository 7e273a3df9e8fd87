"""Faults: shows what is wrong with a car and what to do; clears on request, after a report."""

import argparse
import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from host_tools import texts
from host_tools.answers import Commander, Diagnosis, FaultLine, read_diagnosis
from host_tools.customer_report_command import default_path, save
from host_tools.fault_text import as_dict, describe
from host_tools.files import check_free
from host_tools.session import (
    Commands,
    Opener,
    add_key,
    add_port_and_language,
    ask_before,
    open_session,
    unlocked,
)

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
    if args.clear and args.report is not None:
        check_free(args.report)
    with opener(args.port) as link:
        diagnosis = read_diagnosis(link)
        if args.clear:
            return _clear(link, args, diagnosis, lang, clock(), sleep)
    if args.json:
        print(json.dumps(_object(diagnosis, diagnosis.faults, lang), ensure_ascii=False))
    else:
        print("\n".join(describe(diagnosis, lang)))
    return 0


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
    """Save a report, ask, clear, and say what is still there; 1 when something is."""
    path: Path = args.report or default_path(before, now)
    save(link, before, path, lang, now)
    say = _quiet if args.json else print
    say(texts.ui("report_saved", lang).format(path=path))
    there = _there(before)
    agreed = args.json or not there
    if not agreed and not ask_before("ask_clear", lang, count=len(there)):
        say(texts.ui("not_cleared", lang))
        return 0
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
        print("\n".join(describe(after, lang)))
    else:
        print(texts.ui("all_cleared", lang).format(count=len(there)))
        if after.cleared:
            print("\n".join(describe(after, lang)))
    return 1 if left else 0


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
exit status: 0 shown or cleared, 1 the board refused or a fault is still there, 2 no port
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
    add_key(parser)
    add_port_and_language(parser)
    parser.set_defaults(run=run)
