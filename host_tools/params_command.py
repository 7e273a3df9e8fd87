"""Params: reads and changes the parameters of a connected car; all of a change, or nothing.

Every change is staged on the board, checked there as a whole, and only then taken over; what
fails before that is aborted.
"""

import argparse
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from host_tools import parameter_help, texts
from host_tools.answers import Commander, Parameter, parse_parameters
from host_tools.arguments import Commands, InputError, add_key, add_port_and_language, add_yes
from host_tools.dump_file import PAIR, dump_lines, give_dump, read_dump, values_in, write_dump
from host_tools.files import check_free
from host_tools.link import LinkError
from host_tools.screen import wrap
from host_tools.session import Opener, ask, check_agreed, open_session, unlocked
from service.value_verbs import PLAIN

_SAVE_S = 15.0
# What is known of the values where the cable is pulled before `save`, and during it.
_OLD = "nothing was saved: once the board is restarted all its values are the old ones"
_UNKNOWN = (
    "whether it was saved is not known, but all the values are the new ones or all the old ones:"
    " restart the board, then look with `lsev params {look}`"
)


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
            raise InputError("no NAME=NUMBER was given; nothing was changed")
    elif args.action in ("restore", "diff") and args.file is not None:
        args.lines = read_dump(args.file)
        if args.action == "restore":
            check_agreed(args.yes)
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
        print(f"{mark} {p.name:<{width}} {p.value:>7}{_unit(p):<11} {bounds}")
        if len(found) == 1:
            print("\n".join(wrap(parameter_help.PARAMETERS.get(p.name, ""))))
    return 0


def _unit(parameter: Parameter) -> str:
    """Return what a person reads behind the value: nothing behind a plain number or a choice.

    Behind a number of tenths or hundredths it is what they come to.
    """
    if parameter.unit in PLAIN:
        return ""
    factor, _, unit = parameter.unit.partition(" ")
    return f" = {parameter.value * float(factor):g} {unit}" if unit else f" {factor}"


def _pairs(settings: list[str]) -> list[tuple[str, int]]:
    pairs: list[tuple[str, int]] = []
    for text in settings:
        match = PAIR.fullmatch(text)
        if match is None:
            raise InputError(f"{text!r} is not NAME=NUMBER; nothing was changed")
        pairs.append((match[1], int(match[2])))
    return pairs


def _set(link: Commander, args: argparse.Namespace, lang: str) -> int:
    def change() -> list[str]:
        return staged(link, [f"set {name}={value}" for name, value in args.pairs])

    if not args.pairs:
        return _restart(link, lang)
    with _telling(_OLD):
        said = unlocked(link, args.key, change)
    for line in said:
        print(texts.ui("staged", lang).format(text=line.partition(";")[0]))
    return _kept(link, len(args.pairs), args.reboot, lang, "get")


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


@contextmanager
def _telling(known: str) -> Generator[None]:
    """Have the loss of the board say what is known of its values; a refusal says it itself."""
    try:
        yield
    except LinkError as error:
        if error.code is not None:
            raise
        raise LinkError(None, error.slug, f"{error.text}; {known}") from None


def _kept(link: Commander, count: int, reboot: bool, lang: str, look: str) -> int:
    """Write to flash what was taken over, and restart where that was asked for.

    look is the action that shows how it ended where the board is lost.
    """
    with _telling(_UNKNOWN.format(look=look)):
        link.command("save", timeout_s=_SAVE_S)
    print(texts.ui("saved", lang).format(count=count))
    return _restart(link, lang) if reboot else 0


def _restart(link: Commander, lang: str) -> int:
    link.command("reboot")
    link.is_unlocked = False
    print(texts.ui("restarting", lang))
    return 0


def _dump(link: Commander, args: argparse.Namespace, lang: str, now: datetime) -> int:
    if args.file is None:
        print("\n".join(dump_lines(link, now)))
    else:
        count = write_dump(link, args.file, now)
        print(texts.ui("dumped", lang).format(count=count, path=args.file))
    return 0


def _diff(link: Commander, args: argparse.Namespace, lang: str) -> int:
    """Show what differs from the defaults, or from a dump."""
    if args.file is None:
        lines = link.command("diff")
    else:
        there = {p.name: p for p in parse_parameters(link.command("get *"))}
        here = values_in(args.lines)
        lines = [
            f"{name} {p.value}{_unit(p)} (file {here.get(name, '-')})"
            for name, p in there.items()
            if str(p.value) != here.get(name)
        ]
        lines += [f"{name} - (file {here[name]})" for name in here if name not in there]
    print("\n".join(lines) if lines else texts.ui("same", lang))
    return 0


def _restore(link: Commander, args: argparse.Namespace, lang: str, now: datetime) -> int:
    """Keep what is set, then have the board take the whole dump, or nothing of it."""
    count = len(args.lines) - 1
    question = texts.ui("ask_restore", lang).format(count=count, path=args.file)
    if not args.yes and not ask(question, lang):
        print(texts.ui("nothing_changed", lang))
        return 1
    backup = Path(f"lsev_params_before_{now:%Y%m%d_%H%M%S}.txt")
    write_dump(link, backup, now)
    print(texts.ui("backup", lang).format(path=backup))
    with _telling(_OLD):
        unlocked(link, args.key, lambda: give_dump(link, args.lines))
    return _kept(link, count, args.reboot, lang, f"diff {args.file}")


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
A dump never overwrites a file. Without a terminal to ask at, restore wants --yes.
exit status: 0 done, 1 the board refused, or the answer was no, 2 bad input, no key, no port, or
--yes is missing
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
    add_yes(restore)
    for writer in (change, restore):
        writer.add_argument("--reboot", action="store_true", help="restart the board afterwards")
        add_key(writer)
    for action in (get, change, dump, diff, restore):
        add_port_and_language(action)
        action.set_defaults(run=run)
