"""Arguments that several commands of lsev take, and what they accept."""

import argparse
import math
from pathlib import Path
from typing import Any, Protocol

from host_tools import texts

PORT_HELP = "serial port (default: LSEV_PORT, else the only one found)"


class InputError(ValueError):
    """What a person gave will not do; the text says why, what was kept and what to do."""


class Commands(Protocol):
    """What argparse hands out for adding commands to a parser."""

    def add_parser(self, name: str, **keywords: Any) -> argparse.ArgumentParser:
        """Add a command and return its parser."""
        ...


def duration_s(text: str) -> float:
    """Return text as seconds, above 0 and finite; else ArgumentTypeError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return seconds


def add_fault(parser: argparse.ArgumentParser, when: str) -> None:
    """Add --fault, whose default moment is when."""
    parser.add_argument(
        "--fault",
        metavar="NAME[@SECONDS]",
        action="append",
        default=[],
        dest="faults",
        help=f"break something, by default {when}; may be given again (see `lsev sim faults`)",
    )


def add_port(parser: argparse.ArgumentParser) -> None:
    """Add --port, which every command that talks to a board has."""
    parser.add_argument("--port", metavar="PORT", help=PORT_HELP)


def add_language(parser: argparse.ArgumentParser) -> None:
    """Add --lang."""
    parser.add_argument(
        "--lang", choices=texts.LANGUAGES, help="language (default: LC_ALL, LC_MESSAGES, LANG)"
    )


def add_port_and_language(parser: argparse.ArgumentParser) -> None:
    """Add --port and --lang, which every command that looks after a car has."""
    add_port(parser)
    add_language(parser)


def add_key(parser: argparse.ArgumentParser) -> None:
    """Add --key, which every command that writes has."""
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="file with the vehicle's key (default: the file that LSEV_KEY names, else it is"
        " asked for)",
    )


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add --yes, which every command that asks before it does something has."""
    parser.add_argument("--yes", action="store_true", help="do not ask")
