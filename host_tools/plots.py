"""Plots: the rows of a run as line plots and bands over one time axis, in HTML and SVG.

The SVG is stretched and holds no text; every label is HTML beside it, so that
it reads on a phone as on a desk. run_page.css and run_page.js belong to it.
"""

import json
import math
from dataclasses import dataclass
from html import escape
from itertools import groupby

from sim.scenario import Result
from sim.trace import COLUMNS, rounded
from vcu.charge.phases import NAMES as PHASE_NAMES
from vcu.limits import LIMITER_NAMES
from vcu.modes import NAMES as MODE_NAMES
from vcu.modes import REASONS

# Points of a line, and rows behind the cursor: more than a screen has pixels.
MAX_POINTS = 2000
# Colours of bands, in the order of their names; further names go round.
_BAND_COLOURS = 11
_BANDS = {"limiter": LIMITER_NAMES, "mode": MODE_NAMES, "charge_phase": PHASE_NAMES}
# A band narrower than this share of the axis has no room for its name.
_LABEL_FROM = 0.07


@dataclass(frozen=True)
class Line:
    """A column of the trace as a line of a plot."""

    column: str
    label: str
    style: str
    only_if_used: bool = False
    zero_is_gap: bool = False


@dataclass(frozen=True)
class Panel:
    """A plot: its lines, the first on top, share one vertical axis of at least least_span."""

    title: str
    unit: str
    height: int
    least_span: float
    lines: tuple[Line, ...]
    from_zero: bool = False
    band: str = ""  # the column shown as coloured bands underneath


_PACK_V = (
    Line("pack_v", "pack", "true"),
    Line("charge_set_v", "charger set to", "asked", True, zero_is_gap=True),
)
_CHARGE_SET_A = Line("charge_set_a", "charger set to", "asked", True, zero_is_gap=True)
_CHARGE_LEFT = (
    Line("soc_pct", "true", "true"),
    # It is 0 until the controller has read its pack, and while it has no supply.
    Line("soc_seen_pct", "seen", "seen", zero_is_gap=True),
)
DRIVE_PANELS = (
    Panel(
        "Speed",
        "km/h",
        190,
        10.0,
        (
            Line("speed_kmh", "true", "true"),
            Line("speed_seen_kmh", "seen", "seen"),
            Line("wanted_kmh", "asked by the cycle", "asked", only_if_used=True),
        ),
        from_zero=True,
        band="mode",
    ),
    Panel(
        "Pedal and torque",
        "%",
        150,
        100.0,
        (Line("torque_pct", "torque", "true"), Line("pedal_pct", "pedal", "seen")),
        from_zero=True,
        band="limiter",
    ),
    Panel(
        "Pack voltage",
        "V",
        110,
        2.0,
        _PACK_V,
    ),
    Panel(
        "Pack current",
        "A",
        110,
        10.0,
        (
            Line("pack_a", "out of the pack", "true"),
            _CHARGE_SET_A,
        ),
        from_zero=True,
        band="charge_phase",
    ),
    Panel(
        "State of charge",
        "%",
        90,
        2.0,
        _CHARGE_LEFT,
    ),
    Panel(
        "Temperature",
        "°C",
        100,
        5.0,
        (
            Line("batt_c", "battery", "true"),
            Line("motor_c", "motor", "second"),
            Line("controller_c", "motor controller", "third"),
        ),
    ),
    Panel("Grade", "%", 70, 4.0, (Line("grade_pct", "climbing", "true"),), True, "faults"),
)
CHARGE_PANELS = (
    Panel(
        "Pack voltage",
        "V",
        170,
        2.0,
        _PACK_V,
        band="charge_phase",
    ),
    Panel(
        "Charging current",
        "A",
        150,
        5.0,
        (
            Line("charge_a", "into the pack", "true"),
            _CHARGE_SET_A,
        ),
        from_zero=True,
        band="charge_cause",
    ),
    Panel(
        "Temperature",
        "°C",
        110,
        5.0,
        (Line("batt_c", "battery", "true"), Line("ambient_c", "air", "second")),
    ),
    Panel(
        "Charge put in",
        "Ah",
        110,
        5.0,
        (Line("charge_ah", "true", "true"), Line("charge_seen_ah", "counted", "seen")),
        from_zero=True,
    ),
    Panel(
        "State of charge",
        "%",
        110,
        10.0,
        _CHARGE_LEFT,
        band="mode",
    ),
    Panel("Highest cell", "V", 90, 0.1, (Line("cell_max_v", "highest", "true"),), band="faults"),
)


def thin(xs: list[float], ys: list[float]) -> list[tuple[float, float]]:
    """Return at most MAX_POINTS that keep both ends and the extremes in between."""
    count = len(xs)
    if count <= MAX_POINTS:
        return list(zip(xs, ys, strict=True))
    buckets = (MAX_POINTS - 2) // 2
    keep = {0, count - 1}
    for bucket in range(buckets):
        places = range(count * bucket // buckets, count * (bucket + 1) // buckets)
        keep.add(min(places, key=ys.__getitem__))
        keep.add(max(places, key=ys.__getitem__))
    return [(xs[i], ys[i]) for i in sorted(keep)]


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return about most round numbers; the first is at most low, the last at least high."""
    rough = max(high - low, 1e-9) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    first = math.floor(low / step + 1e-6)
    last = math.ceil(high / step - 1e-6)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def time_ticks(seconds: float) -> tuple[list[float], float, str]:
    """Return ticks in 0..seconds, in s, and the unit of their labels: its seconds, its name."""
    unit_s, unit = 1.0, "s"
    if seconds > 600.0:
        unit_s, unit = (60.0, "min") if seconds <= 10800.0 else (3600.0, "h")
    places = [tick * unit_s for tick in ticks(0.0, seconds / unit_s, 7)]
    return [place for place in places if place <= seconds * 1.0001], unit_s, unit


def _y(value: float, marks: list[float]) -> float:
    """Return where value is between the axis's ends, in % from the top."""
    return 100.0 * (marks[-1] - value) / (marks[-1] - marks[0])


def _reach(panel: Panel, values: list[float]) -> tuple[float, float]:
    """Return the lowest and highest value that the panel's axis must reach."""
    low, high = min(values), max(values)
    if panel.from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    missing = max(0.0, panel.least_span - (high - low))
    if panel.from_zero and low == 0.0:
        return low, high + missing
    if panel.from_zero and high == 0.0:
        return low - missing, high
    return low - missing / 2.0, high + missing / 2.0


def _colour(name: str, known: tuple[str, ...]) -> int:
    """Return the number of a band's colour; 0, the pale one, says that there is nothing."""
    return 0 if name in ("", "none") else 1 + known.index(name) % _BAND_COLOURS


def duration(seconds: float) -> str:
    """Return seconds as text in s, min or h."""
    if seconds < 120.0:
        return f"{seconds:.1f} s"
    return f"{seconds / 60.0:.1f} min" if seconds < 10800.0 else f"{seconds / 3600.0:.1f} h"


class Plots:
    """The rows of a run by column, at least one, and the pieces of HTML made of them."""

    def __init__(self, result: Result) -> None:
        self.cap_kmh = float(result.vehicle.values["speed_cap_kmh"])
        columns = zip(*map(rounded, result.rows), strict=True)
        self.by_name: dict[str, tuple[float | int | str, ...]] = {}
        self.by_name.update(zip(COLUMNS, columns, strict=True))
        self.t = self._numbers("t_s")
        self.end_s = self.t[-1]
        self.time_ticks = time_ticks(self.end_s)

    def _numbers(self, column: str) -> list[float]:
        return [float(value) for value in self.by_name[column]]

    def _left(self, t_s: float) -> str:
        return f"{100.0 * t_s / self.end_s:.4g}%"

    def panel(self, panel: Panel) -> str:
        """Return one plot with its legend, axis labels and bands."""
        lines = [
            (line, self._numbers(line.column))
            for line in panel.lines
            if not line.only_if_used or any(self._numbers(line.column))
        ]
        cap = [self.cap_kmh] if panel.unit == "km/h" else []
        drawn = [v for line, values in lines for v in values if v or not line.zero_is_gap]
        low, high = _reach(panel, cap + drawn)
        marks = ticks(low, high, max(2, panel.height // 36))
        legend = "".join(
            f'<li class="{line.style}">{line.label} <b data-column="{line.column}"></b></li>'
            for line, _ in lines
        ) + "".join(f'<li class="cap">cap <b>{v:g}</b></li>' for v in cap)
        labels = "".join(f'<i style="top:{_y(mark, marks):.2f}%">{mark:g}</i>' for mark in marks)
        svg = self._grid(marks) + "".join(
            f'<path class="cap" d="M0 {_y(v, marks):.2f}H1000"/>' for v in cap
        )
        for line, values in reversed(lines):
            svg += self._line(line, values, marks)
        return (
            f"<figure><figcaption><h2>{panel.title} <small>{panel.unit}</small></h2>"
            f"<ul>{legend}</ul></figcaption>"
            f'<div class="plot" style="height:{panel.height}px">{labels}'
            f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" '
            f'aria-label="{panel.title} over time">{svg}</svg></div>'
            f"{self.bands(panel.band)}</figure>"
        )

    def _grid(self, marks: list[float]) -> str:
        grid = "".join(f"M0 {_y(mark, marks):.2f}H1000" for mark in marks)
        grid += "".join(f"M{1000.0 * t / self.end_s:.1f} 0V100" for t in self.time_ticks[0])
        svg = f'<path class="grid" d="{grid}"/>'
        if marks[0] < 0.0 < marks[-1]:
            svg += f'<path class="zero" d="M0 {_y(0.0, marks):.2f}H1000"/>'
        return svg

    def _line(self, line: Line, values: list[float], marks: list[float]) -> str:
        """Return the line in one piece, or in those between its gaps."""
        pieces: list[list[str]] = [[]]
        for t, value in thin(self.t, values):
            if line.zero_is_gap and value == 0.0:
                pieces.append([])
            else:
                pieces[-1].append(f"{1000.0 * t / self.end_s:.1f},{_y(value, marks):.2f}")
        return "".join(
            f'<polyline class="{line.style}" points="{" ".join(piece)}"/>'
            for piece in pieces
            if piece
        )

    def bands(self, column: str) -> str:
        """Return the column's values as coloured bands with a legend of how long each lasted."""
        values = [str(value) for value in self.by_name.get(column, ())]
        if not any(values):
            return ""
        seconds: dict[str, float] = {}
        for before, now, value in zip([0.0, *self.t], self.t, values, strict=False):
            seconds[value] = seconds.get(value, 0.0) + now - before
        known = _BANDS.get(column, tuple(seconds))
        colours = {name: f"--band:var(--b{_colour(name, known)})" for name in seconds}
        legend = "".join(
            f'<li style="{colours[name]}">{escape(name or "none")} {duration(spent)}</li>'
            for name, spent in sorted(seconds.items(), key=lambda item: -item[1])
        )
        title = column.replace("_", " ")
        return (
            f'<div class="bands">{self._bands(values, seconds, colours)}</div>'
            f'<ul class="spent"><li class="title">{title}'
            f' <b data-column="{column}"></b></li>{legend}</ul>'
        )

    def _bands(self, values: list[str], seconds: dict[str, float], colours: dict[str, str]) -> str:
        stretch = max(1, -(-len(values) // MAX_POINTS))
        # Of the values that fall into one stretch the rarest is shown: none may get lost.
        places = [
            min(values[i : i + stretch], key=seconds.__getitem__)
            for i in range(0, len(values), stretch)
        ]
        pieces: list[str] = []
        end, from_s = 0, 0.0
        for name, run in groupby(places):
            end += len(list(run)) * stretch
            to_s = self.t[min(end, len(values)) - 1]
            shown = escape(name) if (to_s - from_s) / self.end_s > _LABEL_FROM else ""
            pieces.append(
                f'<i style="{colours[name]};left:{self._left(from_s)};'
                f'width:{self._left(to_s - from_s)}">{shown}</i>'
            )
            from_s = to_s
        return "".join(pieces)

    def axis(self) -> str:
        """Return the time axis that stays in view, with the cursor's slider and read-out."""
        places, unit_s, unit = self.time_ticks
        labels = "".join(
            f'<i style="left:{self._left(t)}">{t / unit_s:g}{" " + unit if t == 0 else ""}</i>'
            for t in places
        )
        return (
            '<div id="axis"><p id="now">Move over a plot, or move the slider, to read values.</p>'
            f'<div class="time"><input id="slider" type="range" min="0" max="{self.end_s:g}" '
            f'step="0.1" value="0" aria-label="time in seconds">{labels}</div></div>'
        )

    def data(self) -> str:
        """Return the rows behind the cursor as JSON that cannot end its script element."""
        step = max(1, -(-len(self.t) // MAX_POINTS))
        columns = {name: values[::step] for name, values in self.by_name.items()}
        text = json.dumps({"columns": columns, "reasons": REASONS}, separators=(",", ":"))
        return text.replace("<", "\\u003c")
