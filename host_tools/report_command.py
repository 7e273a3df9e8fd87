"""Report: one text file about one car, to hand to its owner or to post where help is asked for.

It has no secrets in it: nothing asks the board for a key, and what looks like a key or a
nonce is blotted out in every line.
"""

import argparse
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from host_tools import texts
from host_tools.answers import Commander, Diagnosis, read_diagnosis
from host_tools.arguments import Commands, add_port_and_language
from host_tools.fault_text import describe, headline
from host_tools.files import check_free, whole_file
from host_tools.link import LinkError
from host_tools.session import Opener, open_session

# What else goes into it, under the heading of its key in the texts.
_SECTIONS = (
    ("section_status", "status"),
    ("section_charge", "charge"),
    ("section_history", "faults hist"),
    ("section_inputs", "io"),
    ("section_parameters", "diff"),
    ("section_changes", "changes"),
    ("section_stats", "stats"),
    ("section_log", "log"),
)
# Keys, answers to a challenge and nonces are 16 or 32 bytes.
_SECRET = re.compile(r"\b[0-9A-Fa-f]{32,}\b")
_NAMED_SECRET = re.compile(
    r"(?i)\b(k[12]|key|nonce|auth|password)(\s*[=:]\s*|\s+(?=[0-9a-f]{8}))\S+"
)


def blot_out(line: str) -> str:
    """Return line without anything that looks like a key, an answer to a challenge or a nonce."""
    return _SECRET.sub("(secret)", _NAMED_SECRET.sub(r"\1\2(secret)", line))


def compose(link: Commander, diagnosis: Diagnosis, lang: str, now: datetime) -> list[str]:
    """Return the lines of the report; what the board does not answer is said in its place."""
    lines = describe(diagnosis, lang)
    lines += ["", texts.ui("report_made", lang).format(time=f"{now:%Y-%m-%d %H:%M}")]
    lines += _section(texts.ui("section_identity", lang), _id_lines(diagnosis))
    for key, verb in _SECTIONS:
        lines += _section(texts.ui(key, lang), _ask(link, verb, lang))
    for fault in diagnosis.faults:
        frame = _ask(link, f"freeze {fault.blink_code}", "")
        if frame:
            title = texts.ui("section_frame", lang).format(dtc=fault.dtc, name=fault.name)
            lines += _section(title, frame)
    return [blot_out(line) for line in lines]


def _id_lines(diagnosis: Diagnosis) -> list[str]:
    return [f"{word} {rest}".rstrip() for word, rest in diagnosis.identity.items()]


def _ask(link: Commander, verb: str, lang: str) -> list[str]:
    """Return what the board answers, or a line that says why there is none; "" wants none."""
    try:
        return link.command(verb)
    except LinkError as error:
        if error.code is None:
            raise  # the link is gone, and with it the rest
        return [texts.ui("not_answered", lang).format(reason=error)] if lang else []


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"== {title} ==", *lines]


def default_path(diagnosis: Diagnosis, now: datetime) -> Path:
    """Return a name with the car's id and the time, in the current folder."""
    number = re.sub(r"\W+", "", diagnosis.number) or "car"
    return Path(f"lsev_report_{number}_{now:%Y%m%d_%H%M%S}.txt")


def save(link: Commander, diagnosis: Diagnosis, path: Path, lang: str, now: datetime) -> None:
    """Write the report whole, or nothing; LinkError, OSError."""
    with whole_file(path) as temporary:
        text = "\n".join(compose(link, diagnosis, lang, now)) + "\n"
        temporary.write_text(text, encoding="utf-8")


def run(
    args: argparse.Namespace,
    opener: Opener = open_session,
    clock: Callable[[], datetime] = datetime.now,
) -> int:
    """Write the report and say where it is."""
    lang = texts.language(args.lang)
    now = clock()
    if args.output is not None:
        check_free(args.output)
    with opener(args.port) as link:
        diagnosis = read_diagnosis(link)
        path = args.output or default_path(diagnosis, now)
        save(link, diagnosis, path, lang, now)
    print(headline(diagnosis, lang))
    print(texts.ui("report_saved", lang).format(path=path))
    return 0


_EXAMPLES = """\
examples:
  lsev report                       a file with the car's id and the time in its name
  lsev report -o customer.txt --lang zh

Nothing on the board is changed, and no file is overwritten. The file has no keys in it; the
VIN is, where one is set.
exit status: 0 written, 1 the board reported an error, 2 no port, or the file cannot be written or
is there
"""


def add_command(commands: Commands) -> None:
    """Add `lsev report`."""
    parser = commands.add_parser(
        "report",
        help="write one text file about a car, to hand on",
        description="Write what is wrong, why the car does not drive, history, freeze frames,\n"
        "parameters that differ and counters into one text file.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write it")
    add_port_and_language(parser)
    parser.set_defaults(run=run)
