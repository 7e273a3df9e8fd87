"""Generated documents: a text for every row, blocks that follow the tables, and honest errors."""

from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools import parameter_help
from host_tools.docs import BLOCKS, main
from host_tools.texts import en
from sim.scenarios import SCENARIOS
from sim.vehicle import vehicle_names
from vcu import faults, patterns
from vcu.charge import phases, profiles
from vcu.limits import LIMITER_NAMES
from vcu.modes import REASONS
from vcu.params import RULES, TABLE

TEXTS = {
    "parameters": parameter_help.PARAMETERS,
    "rules": parameter_help.RULES,
    "limiters": en.LIMITERS,
    "reasons": en.REASONS,
    "patterns": en.PATTERNS,
    "phases": en.PHASES,
    "causes": en.CAUSES,
}
FAULT_NAMES = [row[1] for word in faults.TABLE for row in word]
EMPTY = "# Car\n\n" + "\n".join(
    f"## {name}\n\n<!-- generated: {name} -->\n<!-- end -->\n" for name in BLOCKS
)


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(EMPTY, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("texts", "rows"),
    [
        pytest.param(parameter_help.PARAMETERS, [row[1] for row in TABLE], id="parameters"),
        pytest.param(parameter_help.RULES, [slug for slug, _ in RULES], id="rules"),
    ],
)
def test_every_row_has_a_text_and_every_text_a_row(texts: dict[str, str], rows: list[str]) -> None:
    assert set(rows) - set(texts) == set(), "rows without a text in host_tools/parameter_help.py"
    assert set(texts) - set(rows) == set(), "texts without a row"


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)
def test_a_text_is_one_short_sentence_that_fits_into_a_table(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        assert text.endswith(".") and ". " not in text, name
        assert 10 < len(text) <= 100, name
        assert "|" not in text and "\n" not in text, name


def test_the_tables_name_all_there_is(readme: Path) -> None:
    assert main([], readme) == 0
    text = readme.read_text(encoding="utf-8")
    names = [*parameter_help.PARAMETERS, *LIMITER_NAMES, *REASONS, *vehicle_names()]
    names += [*FAULT_NAMES, *patterns.NAMES, *phases.NAMES, *phases.CAUSE_NAMES]
    names += [row[0] for row in profiles.TABLE]
    for name in [*names, *(scenario.name for scenario in SCENARIOS)]:
        assert f"`{name}`" in text
    assert "| 1 | `speed_cap_kmh` | km/h | 40 | 56 | 40 | Legal top speed" in text
    assert text.startswith("# Car\n\n## parameters\n\n<!-- generated: parameters -->\n\n| id |")


def block_of(readme: Path, name: str) -> str:
    main([], readme)
    text = readme.read_text(encoding="utf-8")
    return text.partition(f"<!-- generated: {name} -->")[2].partition("<!-- end -->")[0]


def test_a_fault_is_shown_with_its_number_code_class_times_and_latch(readme: Path) -> None:
    lines = block_of(readme, "faults").strip().splitlines()
    assert len(lines) == 2 + len(FAULT_NAMES)
    assert lines[2].startswith("| 11 | `pedal_a_low` | P2122 | CRAWL | 100 | 1000 | pedal | Pedal")
    row = next(line for line in lines if "`parameters_lost`" in line)
    assert row.startswith("| 91 | `parameters_lost` | P0601 | STOP | 0 | 0 | person | ")


def test_a_profile_row_is_shown_with_a_column_for_each_chemistry(readme: Path) -> None:
    lines = block_of(readme, "profiles").strip().splitlines()
    assert len(lines) == 2 + len(profiles.TABLE)
    assert lines[0] == "| parameter | flooded | agm | gel | lfp | nmc | unit |"
    assert "| `hard` | 2700 | 2550 | 2480 | 3650 | 4250 | mV |" in lines


def test_a_pattern_is_shown_with_its_first_step_first(readme: Path) -> None:
    block = block_of(readme, "patterns")
    assert (
        "| `plugged_in` | The car is plugged in, and cannot drive. | `#...............` |" in block
    )
    assert "| `####....####....` | `#...............` |" in block
    assert "| `fault_code` | A fault stops the car. | the fault's number |" in block


def test_a_preset_table_shows_what_leaves_the_default_and_nothing_else(readme: Path) -> None:
    block = block_of(readme, "vehicles")
    assert "| `chemistry` | enum | 0 (flooded) | 1 (agm) | 3 (lfp) | 0 (flooded) |" in block
    row = "| `charger_kind` | enum | 0 (none) | 2 (setpoint) | 2 (setpoint) | 1 (relay) |"
    assert row in block
    assert "`speed_cap_kmh` | km/h | 40 | 45 | 56 | 40 |" in block
    assert "precharge_tries" not in block


def test_rewriting_twice_changes_nothing_and_check_is_content(
    readme: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([], readme)
    first = readme.read_bytes()
    assert main([], readme) == 0
    assert main(["--check"], readme) == 0
    assert readme.read_bytes() == first
    assert "is current" in capsys.readouterr().out


def test_check_names_the_stale_block_and_changes_nothing(
    readme: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([], readme)
    old = readme.read_text(encoding="utf-8").replace("| km/h | 40 | 56 |", "| km/h | 40 | 65 |")
    readme.write_text(old, encoding="utf-8")
    capsys.readouterr()
    assert main(["--check"], readme) == 1
    said = capsys.readouterr().err
    assert "parameters" in said and "make docs" in said
    assert "vehicles" not in said
    assert readme.read_text(encoding="utf-8") == old
    assert main([], readme) == 0
    assert "| km/h | 40 | 56 |" in readme.read_text(encoding="utf-8")


def without(name: str) -> Callable[[str], str]:
    return lambda text: text.replace(f"<!-- generated: {name} -->", "")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param(without("reasons"), "'reasons' is there 0 times", id="block missing"),
        pytest.param(
            lambda text: text[: text.rindex("<!-- end -->")], "'patterns'", id="end missing"
        ),
        pytest.param(
            lambda text: text.replace("<!-- end -->", "", 1), "'vehicles'", id="first end missing"
        ),
        pytest.param(lambda text: text + text, "2 times", id="block twice"),
        pytest.param(
            lambda text: text.replace("generated: reasons", "generated: reason"),
            "'reason'",
            id="unknown name",
        ),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_a_block_that_is_missing_or_odd_is_named_and_nothing_is_changed(
    readme: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[str], str],
    word: str,
    arguments: list[str],
) -> None:
    text = change(EMPTY)
    readme.write_text(text, encoding="utf-8")
    assert main(arguments, readme) == 2
    said = capsys.readouterr().err
    assert word in said and "README.md" in said and "nothing was changed" in said
    assert readme.read_text(encoding="utf-8") == text


def test_without_a_readme_the_error_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], tmp_path / "README.md") == 2
    assert "README.md: No such file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_names_broken_rules_gets_their_sentences() -> None:
    explained = parameter_help.explain(
        "car.py:1:1: these values do not fit together: soc_order, motor_temp; nothing was changed"
    ).splitlines()
    assert explained[1] == "  soc_order: " + parameter_help.RULES["soc_order"]
    assert explained[2] == "  motor_temp: " + parameter_help.RULES["motor_temp"]
    assert len(explained) == 3
    assert parameter_help.explain("motor_temp is hot") == "motor_temp is hot"


@pytest.mark.parametrize(
    ("sentences", "name", "module"),
    [
        (parameter_help.PARAMETERS, "speed_cap_kmh", "parameter_help"),
        *(
            (TEXTS[kind], name, "texts/en")
            for kind, name in (
                ("limiters", LIMITER_NAMES[1]),
                ("reasons", REASONS[0]),
                ("patterns", patterns.NAMES[0]),
                ("phases", phases.NAMES[0]),
                ("causes", phases.CAUSE_NAMES[0]),
            )
        ),
    ],
)
def test_a_row_without_its_sentence_is_named_with_the_file_to_write_it_in(
    sentences: dict[str, str],
    name: str,
    module: str,
    readme: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sentences, name)
    assert main([], readme) == 2
    assert f"{name} has no sentence in host_tools/{module}.py" in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == EMPTY
