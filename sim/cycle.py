"""Drive cycles: a CSV of time and speed becomes a profile, or an error that names its place."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

CYCLES_DIR = Path(__file__).parent / "cycles"


class DataFileError(ValueError):
    """A data file is broken; the text names file, line and column, and nothing was changed."""

    def __init__(self, path: Path, line: int, column: int, what: str) -> None:
        super().__init__(f"{path.name}:{line}:{column}: {what}; nothing was changed")
        self.path = path
        self.line = line
        self.column = column


@dataclass(frozen=True)
class Cycle:
    """A speed profile: straight lines between points, 0 before and the last speed after."""

    times_s: tuple[float, ...]
    speeds_mps: tuple[float, ...]

    @property
    def duration_s(self) -> float:
        """Time of the last point."""
        return self.times_s[-1]

    def speed_mps(self, t_s: float) -> float:
        """Return the speed asked at t_s."""
        i = bisect_right(self.times_s, t_s)
        if i == 0:
            return self.speeds_mps[0]
        if i == len(self.times_s):
            return self.speeds_mps[-1]
        t0, t1 = self.times_s[i - 1], self.times_s[i]
        v0, v1 = self.speeds_mps[i - 1], self.speeds_mps[i]
        return v0 + (v1 - v0) * (t_s - t0) / (t1 - t0)

    def clipped(self, cap_mps: float) -> "Cycle":
        """Return the cycle with every speed at most cap_mps."""
        return Cycle(self.times_s, tuple(min(v, cap_mps) for v in self.speeds_mps))


def read_text(path: Path) -> str:
    """Return the text of a data file; DataFileError when it is not UTF-8."""
    data = path.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise DataFileError(path, line, column, "this byte is not UTF-8 text") from None


def load(path: Path) -> Cycle:
    """Read `t_s,speed_kmh` rows; `#` starts a comment line. DataFileError names what is wrong."""
    times: list[float] = []
    speeds: list[float] = []
    header = False
    number = 1
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        if not header:
            if text.strip() != "t_s,speed_kmh":
                raise DataFileError(path, number, 1, "the first row must be 't_s,speed_kmh'")
            header = True
            continue
        fields = text.split(",")
        if len(fields) != 2:
            raise DataFileError(path, number, 1, f"a row has 2 fields, this one {len(fields)}")
        row: list[float] = []
        column = 1
        for field in fields:
            try:
                value = float(field)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise DataFileError(path, number, column, f"{field!r} is no number")
            row.append(value)
            column += len(field) + 1
        speed_column = len(fields[0]) + 2
        if times and row[0] <= times[-1]:
            raise DataFileError(path, number, 1, "times must rise from row to row")
        if not 0.0 <= row[1] <= 120.0:
            raise DataFileError(path, number, speed_column, "a speed is 0 to 120 km/h")
        times.append(row[0])
        speeds.append(row[1] / 3.6)
    if len(times) < 2:
        raise DataFileError(path, number, 1, "a cycle needs at least two rows")
    return Cycle(tuple(times), tuple(speeds))
