"""Fault text: what is wrong with the car, for a person, the worst thing in the first line."""

from host_tools import texts
from host_tools.answers import Diagnosis, FaultLine
from host_tools.screen import COLUMNS, labelled, wrap
from vcu.faults import CLASS_NAMES, STOP, SYSTEM, TABLE

_LABEL_COLUMNS = 10
# What stops the car blinks its number, and these do while the car is plugged in, whatever their
# class; the rest has no blink code to look for.
_NAMES = tuple(row[1] for row in TABLE[SYSTEM])
_ENDS_A_CHARGE = _NAMES[_NAMES.index("wrong_pack") : _NAMES.index("charger_welded")]


def headline(diagnosis: Diagnosis, lang: str) -> str:
    """Return one line: the worst active fault and what it does, or that there is none."""
    if diagnosis.active:
        worst = diagnosis.active[0]
        title = texts.fault(worst.name, lang).title
        effect = texts.effect(worst.fault_class, lang)
        line = texts.ui("headline", lang).format(dtc=worst.dtc, title=title, effect=effect)
        more = len(diagnosis.active) - 1
        return line + (texts.ui("headline_more", lang).format(count=more) if more else "")
    if diagnosis.stored:
        return texts.ui("none_active", lang).format(count=len(diagnosis.stored))
    return texts.ui("no_fault", lang)


def describe(diagnosis: Diagnosis, lang: str) -> list[str]:
    """Return all lines: headline, which car, why it does not drive, each fault with its texts."""
    lines = wrap(headline(diagnosis, lang))
    lines += wrap(_device(diagnosis, lang))
    lines += ["", *why(diagnosis, lang)]
    for key, faults in (
        ("active_now", diagnosis.active),
        ("was_there", diagnosis.stored),
        ("was_cleared", diagnosis.cleared),
    ):
        if faults:
            lines += ["", texts.ui(key, lang)]
            for fault in faults:
                lines += _fault(fault, lang)
    return lines


def _device(diagnosis: Diagnosis, lang: str) -> str:
    words = {key: diagnosis.identity.get(key, "?") for key in ("vehicle", "version", "board")}
    return texts.ui("device", lang).format(number=diagnosis.number, **words)


def why(diagnosis: Diagnosis, lang: str) -> list[str]:
    """Return why the car does not drive, each reason with its reading, or that it drives."""
    if diagnosis.drives:
        return [texts.ui("drives", lang)]
    lines = [texts.ui("does_not_drive", lang)]
    for name, reading in diagnosis.reasons:
        lines += labelled("-", texts.reason(name, lang), 2, 2)
        lines += labelled("", texts.reading(name, reading, lang), 4, 2)
    return lines


def _fault(fault: FaultLine, lang: str) -> list[str]:
    text = texts.fault(fault.name, lang)
    effect = texts.effect(fault.fault_class, lang)
    blinks = fault.fault_class == CLASS_NAMES[STOP] or fault.name in _ENDS_A_CHARGE
    key = "fault_head_blinks" if blinks else "fault_head"
    head = texts.ui(key, lang).format(
        dtc=fault.dtc, title=text.title, effect=effect, code=fault.blink_code, name=fault.name
    )
    lines = [f"  {line}" for line in wrap(head, COLUMNS - 2)]
    label = texts.ui("causes", lang)
    for place, cause in enumerate(text.causes, 1):
        lines += labelled(label, f"{place}. {cause}", 4, _LABEL_COLUMNS)
        label = ""
    lines += labelled(texts.ui("measure", lang), text.measure, 4, _LABEL_COLUMNS)
    if text.clears:
        lines += labelled(texts.ui("ends", lang), text.clears, 4, _LABEL_COLUMNS)
    if fault.count:
        seen = texts.ui("times_seen", lang).format(
            count=fault.count,
            first=_moment(fault.first_s, fault.first_cycle, lang),
            last=_moment(fault.last_s, fault.last_cycle, lang),
        )
        lines += labelled(texts.ui("seen", lang), seen, 4, _LABEL_COLUMNS)
    if fault.first_date or fault.last_date:
        first, last = fault.first_date or "?", fault.last_date or "?"
        dates = texts.ui("dates", lang).format(first=first, last=last)
        lines += labelled("", dates, 4, _LABEL_COLUMNS)
    if fault.passes:
        done, needed = fault.passes
        passes = texts.ui("permanent", lang).format(done=done, needed=needed)
        lines += labelled("", passes, 4, _LABEL_COLUMNS)
    return lines


def _moment(seconds: int, cycle: int, lang: str) -> str:
    """Return when that was, in operating time; without the key cycle where it is not known."""
    key, shown = ("hours", f"{seconds / 3600:.1f}") if seconds >= 3600 else ("seconds", seconds)
    moment = texts.ui(key, lang).format(time=shown)
    return texts.ui("in_cycle", lang).format(moment=moment, cycle=cycle) if cycle else moment


def as_dict(fault: FaultLine, lang: str) -> dict[str, object]:
    """Return a fault with its texts for --json."""
    text = texts.fault(fault.name, lang)
    return {
        "blink_code": fault.blink_code,
        "dtc": fault.dtc,
        "name": fault.name,
        "class": fault.fault_class,
        "active": fault.is_active,
        "count": fault.count,
        "first_s": fault.first_s,
        "last_s": fault.last_s,
        "first_cycle": fault.first_cycle,
        "last_cycle": fault.last_cycle,
        "cleared": fault.is_cleared,
        "first_date": fault.first_date,
        "last_date": fault.last_date,
        "permanent": "{} of {}".format(*fault.passes) if fault.passes else "",
        "title": text.title,
        "causes": list(text.causes),
        "measure": text.measure,
        "clears": text.clears,
    }
