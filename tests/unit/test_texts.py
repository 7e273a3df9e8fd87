"""Texts: a row of the firmware's tables has its text in each language, and each text a row."""

import re

import pytest

from host_tools import texts
from host_tools.texts import en, faults_en, faults_zh, zh
from service.error_codes import SLUGS
from service.readings import NEEDS
from vcu import faults, modes, patterns
from vcu.charge import phases
from vcu.limits import LIMITER_NAMES

FAULT_NAMES = [row[1] for word in faults.TABLE for row in word]
ROWS = {
    "REASONS": modes.REASONS,
    "LIMITERS": LIMITER_NAMES,
    "MODES": modes.NAMES,
    "CLASSES": faults.CLASS_NAMES,
}
# What README.md has and no tool says.
README_ROWS = {
    "PATTERNS": patterns.NAMES,
    "PHASES": phases.NAMES,
    "CAUSES": phases.CAUSE_NAMES,
}
CHINESE = re.compile("[\u4e00-\u9fff]")
FIELD = re.compile(r"\{\w*\}")


@pytest.mark.parametrize(
    ("words", "table"), [(w, t) for t in ROWS for w in (en, zh)] + [(en, t) for t in README_ROWS]
)
def test_every_row_has_a_text_in_each_language_and_every_text_a_row(words, table: str) -> None:
    rows, written = set((ROWS | README_ROWS)[table]), set(getattr(words, table))
    assert rows - written == set(), f"rows without a text in {words.__file__}"
    assert written - rows == set(), f"texts without a row in {words.__file__}"


@pytest.mark.parametrize("table", [faults_en, faults_zh], ids=["en", "zh"])
def test_every_fault_has_its_texts_in_each_language_and_every_text_its_fault(table) -> None:
    assert list(table.FAULTS) == FAULT_NAMES, f"rows and texts of {table.__file__} differ"
    assert set(table.CLEARS) <= set(FAULT_NAMES)
    assert set(table.LATCHES) == set(faults.LATCH_NAMES)


@pytest.mark.parametrize("lang", texts.LANGUAGES)
@pytest.mark.parametrize("name", FAULT_NAMES)
def test_a_fault_says_what_it_is_what_causes_it_what_to_measure_and_what_ends_it(
    name: str, lang: str
) -> None:
    text = texts.fault(name, lang)
    stop = {"en": ".", "zh": "。"}[lang]
    assert 4 <= len(text.title) <= 90 and not text.title.endswith(stop)
    assert 1 <= len(text.causes) <= 5 and len(set(text.causes)) == len(text.causes)
    for sentence in (text.measure, text.clears):
        assert sentence.endswith(stop), sentence
    assert "{" not in text.clears
    assert "|" not in text.title + "".join(text.causes)


@pytest.mark.parametrize("name", FAULT_NAMES)
def test_the_two_languages_name_the_same_parts_and_as_many_causes(name: str) -> None:
    english, chinese = texts.fault(name, "en"), texts.fault(name, "zh")
    assert len(english.causes) == len(chinese.causes)
    both = (
        " ".join((*english.causes, english.measure)),
        " ".join((*chinese.causes, chinese.measure)),
    )
    parts = re.compile(r"J\d-\d+|[a-z]+_[a-z_]+|`[^`]*`")
    named = [
        {part.split(" FILE")[0].split(" 文件")[0].strip("`") for part in parts.findall(text)}
        for text in both
    ]
    assert named[0] == named[1]


def test_each_refusal_of_the_board_is_told_in_chinese_and_its_own_words_are_kept() -> None:
    assert {f" {slug}: " for slug in zh.REFUSALS} == set(SLUGS.values())
    assert texts.refusal("moving", "3.2 km/h", "zh") == zh.REFUSALS["moving"] + ": 3.2 km/h"
    assert texts.refusal("moving", "3.2 km/h", "en") == "3.2 km/h"
    assert texts.refusal("lost", "the port is gone", "zh") == "the port is gone"


@pytest.mark.parametrize("table", [*ROWS, "REFUSALS", "READINGS", "UI"])
def test_chinese_is_chinese_and_english_is_not(table: str) -> None:
    if table != "UI":  # which has words that are but fields and marks
        for key, text in getattr(zh, table).items():
            assert CHINESE.search(text), key
    for key, text in getattr(en, table, {}).items():  # the board speaks English itself
        assert not CHINESE.search(text), key


def test_every_word_of_the_tools_is_there_in_both_languages_with_the_same_fields() -> None:
    assert set(en.UI) == set(zh.UI)
    for key, text in en.UI.items():
        assert sorted(FIELD.findall(text)) == sorted(FIELD.findall(zh.UI[key])), key


@pytest.mark.parametrize("lang", texts.LANGUAGES)
def test_how_a_fault_ends_follows_its_latch_and_heal_time(lang: str) -> None:
    assert "5" in texts.fault("speed_erratic", lang).clears
    key = {"en": "key", "zh": "钥匙"}[lang]
    pedal = {"en": "pedal", "zh": "踏板"}[lang]
    assert key in texts.fault("speed_erratic", lang).clears
    assert pedal in texts.fault("pedal_a_low", lang).clears
    assert "lsev faults --clear" in texts.fault("records_lost", lang).clears


@pytest.mark.parametrize(("name", "template"), NEEDS)
def test_what_a_reason_needs_is_told_in_chinese_with_the_same_readings(
    name: str, template: str
) -> None:
    fields = re.compile("%[A-Za-z0-9]")
    assert sorted(fields.findall(zh.READINGS[name])) == sorted(fields.findall(template))
    said = fields.sub(lambda field: f"<{field[0][1]}>", template)
    shown = texts.reading(name, said, "zh")
    assert CHINESE.search(shown) and "needs" not in shown and "%<" not in shown
    assert sorted(re.findall("<.>", shown)) == sorted(re.findall("<.>", said))
    assert texts.reading(name, said, "en") == said.replace(", needs ", "; needs ")


def test_a_reading_that_no_template_has_is_shown_as_the_board_says_it() -> None:
    assert set(zh.READINGS) == {name for name, _ in NEEDS}
    assert texts.reading("key_off", "key melted, needs a new one", "zh").startswith("key melted")
    assert texts.reading("flux", "1.21 GW, needs more", "zh").startswith("1.21 GW")


def test_what_a_calibration_reads_is_told_in_chinese_with_the_same_readings() -> None:
    said = "pedal a 470 mV, b 235 mV, current 1500 mV = 0.0 A"
    shown = texts.calibration(said, "zh")
    assert CHINESE.search(shown) and "pedal" not in shown
    assert re.findall(r"[\d.]+", shown) == re.findall(r"[\d.]+", said)
    assert texts.calibration(said, "en") == said
    assert texts.calibration("something else", "zh") == "something else"


@pytest.mark.parametrize("lang", texts.LANGUAGES)
def test_a_name_of_a_newer_firmware_is_shown_and_nothing_fails(lang: str) -> None:
    text = texts.fault("flux_capacitor", lang)
    assert text.title == "flux_capacitor" and text.causes == () and text.measure
    for find in (texts.reason, texts.limiter, texts.mode):
        assert find("flux_capacitor", lang) == "flux_capacitor"


@pytest.mark.parametrize(
    ("wanted", "environment", "lang"),
    [
        (None, {}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
        (None, {"LANG": "zh_TW.UTF-8", "LC_ALL": "C"}, "en"),
        (None, {"LANG": "C", "LC_MESSAGES": "zh_CN"}, "zh"),
        (None, {"LANG": "zh_CN", "LC_ALL": ""}, "zh"),
        ("en", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("zh-CN", {"LANG": "C"}, "zh"),
    ],
)
def test_the_language_is_the_wanted_one_or_that_of_the_environment(
    wanted: str | None, environment: dict[str, str], lang: str
) -> None:
    assert texts.language(wanted, environment) == lang
