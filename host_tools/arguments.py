"""Arguments that several commands of lsev take, and what they accept."""

import argparse
import math


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
