"""Dump file: a car's parameters as text with a checksum, which goes back whole or not at all."""

import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from host_tools.answers import Commander, parse_words
from host_tools.arguments import InputError
from host_tools.files import whole_file
from host_tools.link import LinkError

PAIR = re.compile(r"(\w+)=(-?\d+)")


def read_dump(path: Path, text: str | None = None) -> list[str]:
    """Return the lines of a dump without its comments; InputError when it is none.

    text is what is in the file, where it is known.
    """
    text = path.read_text(encoding="utf-8", errors="replace") if text is None else text
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) < 2 or not all(map(PAIR.fullmatch, lines[:-1])) or PAIR.fullmatch(lines[-1]):
        raise InputError(
            f"{path} is no whole dump: lines NAME=VALUE and a last line with the checksum;"
            " nothing was changed; make one with `lsev params dump FILE`"
        )
    return lines


def dump_lines(link: Commander, now: datetime) -> list[str]:
    """Return what the board has, behind whose it is and when; LinkError."""
    identity = parse_words(link.command("id"))
    head = f"# lsev parameters of {identity.get('vehicle', '?')} {identity.get('unique_id', '?')}"
    return [head, f"# {now:%Y-%m-%d %H:%M}", *link.command("dump")]


def write_dump(link: Commander, path: Path, now: datetime) -> int:
    """Write what the board has into a new file; return how many parameters; LinkError, OSError."""
    lines = dump_lines(link, now)
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(values_in(lines))


def values_in(lines: list[str]) -> dict[str, str]:
    """Return the value of each parameter in the lines of a dump."""
    matches = (PAIR.fullmatch(line) for line in lines)
    return {match[1]: match[2] for match in matches if match is not None}


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
