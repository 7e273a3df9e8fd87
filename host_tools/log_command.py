"""Log: records live values of a car into a file, and turns such a file into a sheet."""

import argparse
import json
import math
import re
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path

from host_tools import texts
from host_tools.answers import parse_words
from host_tools.arguments import Commands, add_language, add_port_and_language, duration_s
from host_tools.files import check_free, whole_file
from host_tools.link import LinkError
from host_tools.log_file import header, read_log, write_csv
from host_tools.session import Opener, open_session

# A line carries about ten values ten times a second at 115200 baud.
_NAMES = (
    "mode,speed_mmps,torque_permille,pedal_permille,pack_cv,pack_da,soc_permille,"
    "battery_ddegc,motor_ddegc,controller_ddegc,limiter"
)
_RATE_HZ = 10
# The board has started anew, or has ended the subscription.
_ENDS = ("b", "l")
# So long without a row, it has done so and the line that said it was lost.
_SILENT_S = 3.0
_LIST = re.compile(r"[\w*]+(,[\w*]+)*", re.ASCII)
_MOST_HZ = 20


def run(
    args: argparse.Namespace,
    opener: Opener = open_session,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Record or export and return the exit status."""
    lang = texts.language(args.lang)
    if args.action == "export":
        return _export(args, lang)
    return _record(args, lang, opener, clock)


def _record(
    args: argparse.Namespace, lang: str, opener: Opener, clock: Callable[[], float]
) -> int:
    """Write rows until the time is over or Ctrl-C; what was recorded is kept."""
    rows = 0
    check_free(args.file)
    with opener(args.port) as link, ExitStack() as files:
        started = f"{datetime.now().astimezone():%Y-%m-%dT%H:%M:%S%z}"
        identity = parse_words(link.command("id"))
        first = header(identity, args.names.split(","), args.rate, started)
        link.subscribe(args.names, args.rate)  # what is refused leaves no file
        # A line at a time: whatever kills this costs no more than one.
        file = files.enter_context(args.file.open("x", buffering=1, encoding="utf-8"))
        file.write(json.dumps(first, ensure_ascii=False) + "\n")
        now = heard = clock()
        end = now + args.seconds if args.seconds else math.inf
        try:
            while now < end:
                is_ended = now - heard > _SILENT_S
                for kind, values in link.events():
                    if kind == "t":
                        file.write(json.dumps(values) + "\n")
                        rows += 1
                        heard = now
                    elif kind in _ENDS:
                        is_ended = True
                if is_ended:
                    link.subscribe(args.names, args.rate)
                    heard = now
                now = clock()
        except KeyboardInterrupt:
            pass  # the usual way to end a recording
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(args.file)) from None
        finally:
            print(texts.ui("recorded", lang).format(count=rows, path=args.file))
            with suppress(LinkError):
                link.command("unsub")
    return 0


def _export(args: argparse.Namespace, lang: str) -> int:
    first, rows, is_cut_off = read_log(args.file)
    target: Path = args.output or args.file.with_suffix(".csv")
    check_free(target)
    with whole_file(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        count = write_csv(first, rows, out)
    if is_cut_off:
        print(texts.ui("cut_off", lang))
    print(texts.ui("exported", lang).format(count=count, path=target))
    return 0


_EXAMPLES = """\
examples:
  lsev log record drive.ndjson                     the usual values, until Ctrl-C
  lsev log record drive.ndjson --seconds 60 --rate 20 --names speed_mmps,pack_da,pack_cv
  lsev log record wiggle.ndjson --names pedal_a_counts,pedal_b_counts --rate 20
  lsev log export drive.ndjson                     drive.csv, in units for people
  lsev log export drive.ndjson -o sheet.csv

A recording is NDJSON: a header with format, version, device and units, then one record a
sample. It never overwrites a file, and what was recorded is kept however it ends.
exit status: 0 written, 1 the board reported an error, 2 no port or bad input
"""


def _names(text: str) -> str:
    if not _LIST.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of names, separated by commas")
    return text


def _rate(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_HZ:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {_MOST_HZ}")
    return int(text)


def add_command(commands: Commands) -> None:
    """Add `lsev log`."""
    log = commands.add_parser(
        "log",
        help="record live values, and export a recording as CSV",
        description="Record live values of a connected car, or turn a recording into a sheet.",
        epilog=_EXAMPLES,
    )
    log.set_defaults(incomplete=log)
    actions = log.add_subparsers(dest="action", metavar="ACTION")
    record = actions.add_parser("record", help="record until Ctrl-C or --seconds")
    record.add_argument("file", type=Path, metavar="FILE.ndjson")
    record.add_argument(
        "--names",
        type=_names,
        default=_NAMES,
        help="values, separated by commas (default: those of a drive)",
    )
    record.add_argument(
        "--rate", type=_rate, default=_RATE_HZ, metavar="HZ", help="1 to 20 (default: 10)"
    )
    record.add_argument("--seconds", type=duration_s, metavar="N", help="stop after that")
    export = actions.add_parser("export", help="write a recording as CSV")
    export.add_argument("file", type=Path, metavar="FILE.ndjson")
    export.add_argument("-o", "--output", type=Path, metavar="FILE.csv", help="where to write it")
    add_port_and_language(record)
    add_language(export)
    for action in (record, export):
        action.set_defaults(run=run)
