"""Texts: what a person reads about each name of the firmware's tables, in English or Chinese.

The board sends names; the sentences live here, to keep them out of its RAM. A test
compares the keys with the tables that the firmware runs, in each language.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from host_tools.texts import en, faults_en, faults_zh, zh
from service.calibration_steps import READINGS
from service.readings import NEEDS
from vcu import faults as fault_table

LANGUAGES = ("en", "zh")

_WORDS = {"en": en, "zh": zh}
_FAULTS = {"en": faults_en, "zh": faults_zh}
# A reading in a template of the firmware; a % before anything else is itself.
_FIELD = re.compile(r"%([A-Za-z0-9])")
_ROWS = {row[1]: row for word in fault_table.TABLE for row in word}


@dataclass(frozen=True)
class FaultText:
    """What is wrong, its causes with the likeliest first, what to measure, what ends it."""

    title: str
    causes: tuple[str, ...]
    measure: str
    clears: str


def language(wanted: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Return "en" or "zh": wanted where it is given, else what LC_ALL, LC_MESSAGES, LANG say."""
    if wanted:
        return "zh" if wanted.lower().startswith("zh") else "en"
    variables = os.environ if environment is None else environment
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if variables.get(name):
            return "zh" if variables[name].lower().startswith("zh") else "en"
    return "en"


def fault(name: str, lang: str) -> FaultText:
    """Return the texts of a fault; for a name that is no row here, texts that say so."""
    found = _FAULTS[lang].FAULTS.get(name)
    if found is None:
        return FaultText(name, (), _WORDS[lang].UI["unknown_name"], "")
    title, causes, measure = found
    return FaultText(title, causes, measure, _clears(name, lang))


def _clears(name: str, lang: str) -> str:
    """Return what ends a fault: its own sentence, or the one of its latch in the table."""
    own = _FAULTS[lang].CLEARS.get(name)
    if own is not None:
        return own
    row = _ROWS[name]
    sentence = _FAULTS[lang].LATCHES[fault_table.LATCH_NAMES[row[6]]]
    return sentence.format(seconds=f"{row[5] / 1000:g}")


def reason(name: str, lang: str) -> str:
    """Return the sentence of a reason why the car does not drive."""
    return _WORDS[lang].REASONS.get(name, name)


def reading(name: str, said: str, lang: str) -> str:
    """Return what the board says it reads and needs for a reason, in the language where it can."""
    template, wanted = dict(NEEDS).get(name), zh.READINGS.get(name)
    if lang == "zh" and template is not None and wanted is not None:
        return _reworded(said, template, wanted)
    return said.replace(", needs ", ui("needs", lang))


def calibration(said: str, lang: str) -> str:
    """Return a line of a calibration in the language, where it is that of the readings."""
    return _reworded(said, READINGS, zh.CALIBRATION) if lang == "zh" else said


def _reworded(said: str, template: str, wanted: str) -> str:
    """Return wanted with the readings of said, which is template with them; else said itself."""
    match = re.fullmatch("(.+)".join(map(re.escape, _FIELD.split(template)[::2])), said)
    if match is None:
        return said
    values = dict(zip(_FIELD.findall(template), match.groups(), strict=True))
    return _FIELD.sub(lambda field: values[field[1]], wanted)


def refusal(slug: str, said: str, lang: str) -> str:
    """Return what the board says when it refuses, behind what that means in the language."""
    meant = zh.REFUSALS.get(slug) if lang == "zh" else None
    return said if meant is None else f"{meant}: {said}"


def limiter(name: str, lang: str) -> str:
    """Return the sentence of a limiter."""
    return _WORDS[lang].LIMITERS.get(name, name)


def mode(name: str, lang: str) -> str:
    """Return the sentence of a mode of the car."""
    return _WORDS[lang].MODES.get(name, name)


def effect(fault_class: str, lang: str) -> str:
    """Return in few words what a class of faults does to the car."""
    return _WORDS[lang].CLASSES.get(fault_class, fault_class)


def ui(key: str, lang: str) -> str:
    """Return a word or sentence of the tools themselves; KeyError for a key that is none."""
    return _WORDS[lang].UI[key]
