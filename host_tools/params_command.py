"""Params: reads and changes the parameters of a connected car; all of a change, or nothing.

Every change is staged on the board, checked there as a whole, and only then taken over; what
fails before that is aborted.
"""

import argparse
import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from host_tools import parameter_help, texts
from host_tools.answers import Commander, Parameter, parse_parameters, parse_words
from host_tools.files import check_free, whole_file
from host_tools.link import LinkError
from host_tools.screen import wrap
from host_tools.session import (
    Commands,
    Opener,
    SessionError,
    add_key,
    add_port_and_language,
    ask_before,
    open_session,
    unlocked,
)

_SAVE_S = 15.0
_PAIR = re.compile(r"(\w+)=(-?\d+)")


def run(
    args: argparse.Namespace,
    opener: Opener = open_session,
    clock: Callable[[], datetime] = datetime.now,
) -> int:
    """Do one of the actions and return the exit status."""
    lang = texts.language(args.lang)
    # What is wrong with the input is told before a port is opened.
    if args.action == "set":
        args.pairs = _pairs(args.settings)
        if not args.pairs and not args.reboot:
            raise SessionError("no NAME=NUMBER was given; nothing was changed")
    elif args.action in ("restore", "diff") and args.file is not None:
        args.lines = read_dump(args.file)
    elif args.action == "dump" and args.file is not None:
        check_free(args.file)
    with opener(args.port) as link:
        if args.action == "get":
            return _get(link, args)
        if args.action == "dump":
            return _dump(link, args, lang, clock())
        if args.action == "diff":
            return _diff(link, args, lang)
        if args.action == "restore":
            return _restore(link, args, lang, clock())
        return _set(link, args, lang)


def _get(link: Commander, args: argparse.Namespace) -> int:
    found: list[Parameter] = []
    for wanted in args.names or ["*"]:
        found += parse_parameters(link.command(f"get {wanted}"))
    if args.json:
        print(json.dumps({"parameters": [vars(p) for p in found]}))
        return 0
    width = max((len(p.name) for p in found), default=0)
    for p in found:
        mark = " " if p.value == p.default else "*"
        bounds = f"{p.low}..{p.high}, default {p.default}"
        print(f"{mark} {p.name:<{width}} {p.value:>7} {p.unit:<10} {bounds}")
        if len(found) == 1:
            print("\n".join(wrap(parameter_help.PARAMETERS.get(p.name, ""))))
    return 0


def _pairs(settings: list[str]) -> list[tuple[str, int]]:
    pairs: list[tuple[str, int]] = []
    for text in settings:
        match = _PAIR.fullmatch(text)
        if match is None:
            raise SessionError(f"{text!r} is not NAME=NUMBER; nothing was changed")
        pairs.append((match[1], int(match[2])))
    return pairs


def _set(link: Commander, args: argparse.Namespace, lang: str) -> int:
    def change() -> list[str]:
        return staged(link, [f"set {name}={value}" for name, value in args.pairs])

    if not args.pairs:
        return _restart(link, lang)
    for line in unlocked(link, args.key, change):
        print(texts.ui("staged", lang).format(text=line.partition(";")[0]))
    return _kept(link, len(args.pairs), args.reboot, lang)


def staged(link: Commander, commands: list[str]) -> list[str]:
    """Stage commands, have them checked as a whole and taken over; return what was said.

    LinkError leaves everything as it was: what was staged is aborted.
    """
    said: list[str] = []
    link.command("begin")
    try:
        for command in commands:
            said += link.command(command)
        link.command("commit")
    except BaseException:
        with suppress(LinkError):
            link.command("abort")
        raise
    return said


def _kept(link: Commander, count: int, reboot: bool, lang: str) -> int:
    """Write to flash what was taken over, and restart where that was asked for."""
    link.command("save", timeout_s=_SAVE_S)
    print(texts.ui("saved", lang).format(count=count))
    return _restart(link, lang) if reboot else 0


def _restart(link: Commander, lang: str) -> int:
    link.command("reboot")
    link.is_unlocked = False
    print(texts.ui("restarting", lang))
    return 0


def read_dump(path: Path, text: str | None = None) -> list[str]:
    """Return the lines of a dump without its comments; SessionError when it is none.

    text is what is in the file, where it is known.
    """
    text = path.read_text(encoding="utf-8") if text is None else text
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) < 2 or not all(map(_PAIR.fullmatch, lines[:-1])) or _PAIR.fullmatch(lines[-1]):
        raise SessionError(
            f"{path} is no whole dump: lines NAME=VALUE and a last line with the checksum;"
            " nothing was changed; make one with `lsev params dump FILE`"
        )
    return lines


def _dump_lines(link: Commander, now: datetime) -> list[str]:
    identity = parse_words(link.command("id"))
    head = f"# lsev parameters of {identity.get('vehicle', '?')} {identity.get('unique_id', '?')}"
    return [head, f"# {now:%Y-%m-%d %H:%M}", *link.command("dump")]


def _write_dump(link: Commander, path: Path, now: datetime) -> int:
    lines = _dump_lines(link, now)
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sum(1 for line in lines if _PAIR.fullmatch(line))


def _dump(link: Commander, args: argparse.Namespace, lang: str, now: datetime) -> int:
    if args.file is None:
        print("\n".join(_dump_lines(link, now)))
    else:
        count = _write_dump(link, args.file, now)
        print(texts.ui("dumped", lang).format(count=count, path=args.file))
    return 0


def _diff(link: Commander, args: argparse.Namespace, lang: str) -> int:
    """Show what differs from the defaults, or from a dump."""
    if args.file is None:
        lines = link.command("diff")
    else:
        there = _values(link.command("dump"))
        here = _values(args.lines)
        lines = [
            f"{name} {there.get(name, '-')} (file {here.get(name, '-')})"
            for name in [*there, *(name for name in here if name not in there)]
            if there.get(name) != here.get(name)
        ]
    print("\n".join(lines) if lines else texts.ui("same", lang))
    return 0


def _values(lines: list[str]) -> dict[str, str]:
    matches = (_PAIR.fullmatch(line) for line in lines)
    return {match[1]: match[2] for match in matches if match is not None}


def _restore(link: Commander, args: argparse.Namespace, lang: str, now: datetime) -> int:
    """Keep what is set, then have the board take the whole dump, or nothing of it."""
    count = len(args.lines) - 1
    if not ask_before("ask_restore", lang, count=count, path=args.file):
        print(texts.ui("nothing_changed", lang).format(reason="-"))
        return 0
    backup = Path(f"lsev_params_before_{now:%Y%m%d_%H%M%S}.txt")
    _write_dump(link, backup, now)
    print(texts.ui("backup", lang).format(path=backup))
    unlocked(link, args.key, lambda: give_dump(link, args.lines))
    return _kept(link, count, args.reboot, lang)


def give_dump(link: Commander, lines: list[str]) -> list[str]:
    """Have the board take all lines of a dump; LinkError leaves everything as it was."""
    link.command("restore begin")
    try:
        for line in lines[:-1]:
            link.command(line)
        return link.command(lines[-1])
    except BaseException:
        with suppress(LinkError):
            link.command("abort")
        raise


_EXAMPLES = """\
examples:
  lsev params get                          all of them; * marks what differs from the default
  lsev params get speed_cap_kmh            one, with its sentence
  lsev params get "pedal_*"                all whose names begin so
  lsev params set reverse_cap_kmh=6 learner_on=1 --reboot
  lsev params set --reboot                 only restart, so that what was saved is in use
  lsev params dump my_car.txt              a text file with a checksum in its last line
  lsev params diff                         what differs from default and preset
  lsev params diff my_car.txt              what differs from a dump
  lsev params restore my_car.txt           all of it, or nothing; keeps a dump of before

A change needs a parked car, and the key where one is set. It is checked as a whole on the
board first; when anything is refused, nothing is changed. It is in use after a restart.
A dump never overwrites a file.
exit status: 0 done, 1 the board refused, 2 bad input, no key or no port
"""


def add_command(commands: Commands) -> None:
    """Add `lsev params`."""
    params = commands.add_parser(
        "params",
        help="read, change, dump, compare and restore parameters of a car",
        description="Read or change the parameters of a connected car.",
        epilog=_EXAMPLES,
    )
    params.set_defaults(incomplete=params)
    actions = params.add_subparsers(dest="action", metavar="ACTION")
    get = actions.add_parser("get", help="show values with unit, range and default")
    get.add_argument("names", nargs="*", metavar="NAME", help="a name, or its beginning and *")
    get.add_argument("--json", action="store_true", help="print one JSON object")
    change = actions.add_parser("set", help="change values, all or none")
    change.add_argument("settings", nargs="*", metavar="NAME=VALUE")
    dump = actions.add_parser("dump", help="write all values as text")
    dump.add_argument("file", nargs="?", type=Path, metavar="FILE")
    diff = actions.add_parser("diff", help="show what differs from the defaults or from a dump")
    diff.add_argument("file", nargs="?", type=Path, metavar="FILE")
    restore = actions.add_parser("restore", help="set all values of a dump, all or none")
    restore.add_argument("file", type=Path, metavar="FILE")
    for writer in (change, restore):
        writer.add_argument("--reboot", action="store_true", help="restart the board afterwards")
        add_key(writer)
    for action in (get, change, dump, diff, restore):
        add_port_and_language(action)
        action.set_defaults(run=run)
