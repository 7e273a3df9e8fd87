"""Log file: a recording as NDJSON, with a header that says what it is, and as CSV for a sheet.

The first line is the header; every other line is one telemetry line of the board as it came:
t in ms since the board's start, integers in the unit of their name.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from host_tools.arguments import InputError
from host_tools.live_values import WORDS
from vcu.signals import UNKNOWN_DDEGC

FORMAT = "lsev-log"
VERSION = 1
# Unit of a name's suffix, what a sheet shows instead, and the factor.
_SUFFIXES = (
    ("_mmps", "mm/s", "_kmh", 0.0036),
    ("_permille", "1/1000", "_pct", 0.1),
    ("_ddegc", "0.1 degC", "_degc", 0.1),
    ("_cv", "0.01 V", "_v", 0.01),
    ("_da", "0.1 A", "_a", 0.1),
    ("_mv", "mV", "_mv", 1),
    ("_counts", "count", "_counts", 1),
    ("_kmh", "km/h", "_kmh", 1),
    ("_ms", "ms", "_ms", 1),
    ("_m", "m", "_m", 1),
    ("_s", "s", "_s", 1),
)


def unit_of(name: str) -> str:
    """Return the unit of a value, or "1"."""
    return next((unit for suffix, unit, _, _ in _SUFFIXES if name.endswith(suffix)), "1")


def header(
    identity: dict[str, str], names: list[str], rate_hz: int, started: str
) -> dict[str, object]:
    """Return the first record of a recording."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "device_id": identity.get("unique_id", ""),
        "device": identity,
        "started": started,
        "rate_hz": rate_hz,
        "units": {"t": "ms", **{name: unit_of(name) for name in names}},
    }


def read_log(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], bool]:
    """Return header, rows and whether the last line was cut off; InputError."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    first = _record(lines[0]) if lines else None
    if first is None or first.get("format") != FORMAT:
        raise InputError(
            f"{path} is no recording: its first line is no header of `lsev log record`;"
            " nothing was written"
        )
    if first.get("version") != VERSION:
        raise InputError(
            f"{path} has version {first.get('version')}, this lsev reads {VERSION}; the file was"
            " not changed; use the lsev that made it"
        )
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines[1:], 2):
        row = _record(line)
        if row is None or "t" not in row:
            if number == len(lines):
                return first, rows, True  # the recording was broken off in this line
            raise InputError(
                f"{path}:{number}: no row of a recording: {line[:60]!r}; nothing was written"
            )
        rows.append(row)
    return first, rows, False


def _record(line: str) -> dict[str, Any] | None:
    try:
        found: object = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None  # pyright: ignore[reportUnknownVariableType]


def write_csv(first: dict[str, Any], rows: Iterable[dict[str, Any]], file: TextIO) -> int:
    """Write a column a value, in units for people, and return the number of rows."""
    names = [name for name in first.get("units", {}) if name != "t"]
    writer = csv.writer(file)
    writer.writerow(["t_s", *map(_column, names)])
    count = 0
    for row in rows:
        writer.writerow([row["t"] / 1000, *(_cell(name, row.get(name)) for name in names)])
        count += 1
    return count


def _column(name: str) -> str:
    for suffix, _, shown, _ in _SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix) + shown
    return name


def _cell(name: str, value: Any) -> object:
    if not isinstance(value, int):
        return ""
    words = WORDS.get(name, ())
    if 0 <= value < len(words):
        return words[value]
    if name.endswith("_ddegc") and value == UNKNOWN_DDEGC:
        return ""
    for suffix, _, _, factor in _SUFFIXES:
        if name.endswith(suffix):
            return value * factor if factor == 1 else round(value * factor, 3)
    return value
