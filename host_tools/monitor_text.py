"""Monitor text: what the monitor says of a car, as lines with a mood, for screen and pipe."""

from dataclasses import dataclass

from host_tools import live_values, texts
from host_tools.answers import Diagnosis
from host_tools.car_watch import STALE_S, TREND_S, View
from host_tools.fault_text import describe, headline
from host_tools.live_values import ROWS, Row
from host_tools.screen import pad, wrap
from vcu import modes

# Columns of a reading: label, value, unit, limits, age; two of them stand side by side in 80.
_LABEL, _VALUE, _UNIT, _RANGE, _AGE = 11, 7, 5, 12, 4
READING_COLUMNS = _LABEL + _VALUE + _UNIT + _RANGE + _AGE
_MOST_BANNER = 3
_MOST_WHY = 3
# An age that says no more than "old".
_OLDEST_S = 99.0


@dataclass(frozen=True)
class Line:
    """A line and its mood: "", "title", "good", "warn", "bad" or "dim"; never by colour alone."""

    text: str
    mood: str = ""


def title(view: View, lang: str) -> Line:
    """Return which car it is, its mode, and how the link is."""
    link = texts.ui(f"link_{view.state}", lang)
    if view.diagnosis is None:
        return Line(f"lsev  {link}", "title")
    mode = view.values.get("mode", -1)
    name = modes.NAMES[mode] if 0 <= mode < len(modes.NAMES) else "?"
    known = texts.mode(name, lang) if name != "?" else ""
    vehicle = view.diagnosis.identity.get("vehicle", "?")
    if view.state != "live":
        return Line(f"{vehicle}  {link}", "title")
    return Line(f"{vehicle}  {link}  {name}  {known}", "title")


def banner(view: View, lang: str, columns: int) -> list[Line]:
    """Return the worst thing that is wrong, and what to do about it."""
    if view.diagnosis is None and not view.reason:
        return [Line(texts.ui("asking", lang))]
    if view.state != "live" or view.diagnosis is None:
        return _no_link(view, lang, columns)
    active = view.diagnosis.active
    mood = ("bad" if active[0].fault_class in ("STOP", "CRAWL") else "warn") if active else "good"
    lines = wrap(headline(view.diagnosis, lang), columns)
    if active:
        measure = texts.fault(active[0].name, lang).measure
        lines += wrap(texts.ui("to_do", lang).format(measure=measure), columns)
    return _cut([Line(text, mood) for text in lines], _MOST_BANNER)


def _no_link(view: View, lang: str, columns: int) -> list[Line]:
    try:
        reason = texts.ui(f"trouble_{view.trouble}", lang)
    except KeyError:
        reason = view.reason or texts.ui("link_looking", lang)
    lines = wrap(texts.ui("no_link", lang).format(reason=reason), columns)
    if view.diagnosis is not None:
        lines.append(texts.ui("old_values", lang))
    return [Line(text, "bad") for text in lines]


def _cut(lines: list[Line], most: int) -> list[Line]:
    """Return at most so many lines; the last of them says that there are more."""
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    return [*lines[: most - 1], Line(last.text.rstrip(" .。") + " … F2", last.mood)]


def why(view: View, lang: str, columns: int) -> list[Line]:
    """Return why the car does not drive: each reason, what is read now and what is needed."""
    if view.diagnosis is None:
        return []
    lines = _drives(view, lang) if view.diagnosis.drives else _why(view.diagnosis, lang, columns)
    return lines if view.state == "live" else [Line(line.text, "dim") for line in lines]


def _drives(view: View, lang: str) -> list[Line]:
    """Return that it drives, and what holds it back where something does."""
    limiter = live_values.shown(_row("limiter"), view.values)
    held = "" if limiter in ("none", "?") else texts.limiter(limiter, lang)
    return [Line(f"{texts.ui('drives', lang)} {held}".rstrip(), "good")]


def _why(diagnosis: Diagnosis, lang: str, columns: int) -> list[Line]:
    lines = [Line(texts.ui("does_not_drive", lang), "warn")]
    for name, reading in diagnosis.reasons[:_MOST_WHY]:
        shown = texts.reading(name, reading, lang)
        first, *more = wrap(f"- {texts.reason(name, lang)} ({shown})", columns)
        lines += [Line(first, "warn"), *(Line(f"  {text}", "warn") for text in more)]
    more = len(diagnosis.reasons) - _MOST_WHY
    if more > 0:
        lines.append(Line("- " + texts.ui("more_reasons", lang).format(count=more), "warn"))
    return lines


def _row(key: str) -> Row:
    return next(row for row in ROWS if row.key == key)


def age_s(view: View, now_s: float) -> float:
    """Return how old the readings are, in seconds."""
    return max(0.0, now_s - view.received_s) if view.values else _OLDEST_S


def reading(row: Row, view: View, now_s: float, lang: str) -> Line:
    """Return one reading with unit, limits and age: "?" and dim when old, "!" beyond a limit."""
    old_s = age_s(view, now_s)
    is_old = old_s > STALE_S or view.state != "live"
    value = live_values.shown(row, view.values)
    if value in ("on", "off", "in", "out"):
        value = texts.ui(f"word_{value}", lang)
    outside = live_values.is_outside(row, view.values, view.parameters)
    mark = "?" if is_old and value != "?" else "!" if outside else " "
    shown = pad(texts.ui(f"value_{row.key}", lang), _LABEL)
    if row.unit:
        shown += value.rjust(_VALUE - 1) + mark + pad(" " + row.unit, _UNIT)
        shown += " " + live_values.range_of(row, view.parameters)
    else:
        shown += " " + value + mark
    mood = "dim" if is_old else "bad" if outside else ""
    return Line(pad(shown, READING_COLUMNS - _AGE) + _age(old_s), mood)


def _age(old_s: float) -> str:
    """Return an age in as many columns as it has."""
    return f"{old_s:3.1f}s" if old_s < 9.95 else f"{min(old_s, _OLDEST_S):3.0f}s"


def trend(view: View, key: str, lang: str) -> Line:
    """Return what the curve of a reading shows."""
    row = _row(key)
    points = view.trends.get(key) or (0.0,)
    return Line(
        texts.ui("trend", lang).format(
            label=texts.ui(f"value_{key}", lang),
            unit=row.unit,
            low=f"{min(points):.{row.decimals}f}",
            high=f"{max(points):.{row.decimals}f}",
            seconds=TREND_S,
        )
    )


def page(view: View, name: str, lang: str) -> list[Line]:
    """Return a whole page: "faults", or one of car_watch.PAGES."""
    if view.diagnosis is None:
        return [Line(texts.ui("asking", lang))]
    if name == "faults":
        return [Line(text) for text in describe(view.diagnosis, lang)]
    said = view.pages.get(name)
    lines = [Line(texts.ui("asking", lang))] if said is None else [Line(text) for text in said]
    if name == "info":
        lines += [Line(""), *(Line(text, "dim") for text in view.raw)]
    return lines
