"""Presets and drive cycles: a broken file is refused by name, line and column."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.cycle import CYCLES_DIR, DataFileError, load
from sim.vehicle import load_vehicle, read_preset, vehicle_names
from vcu.charge.bms import NONE as NO_BMS
from vcu.charge.command import NO_CHARGER
from vcu.charge.profiles import Profile
from vcu.params import TABLE
from vcu.preset import Preset

PRESET = 'PARAMETERS = {{\n    "cell_count": 24,\n    {}\n}}\n'
HEADER = "t_s,speed_kmh\n"


def file_of(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def assert_told(
    read: Callable[[Path], object], path: Path, line: int, column: int, words: list[str]
) -> None:
    """Read a broken file: it is refused by its place, with these words about the mistake."""
    with pytest.raises(DataFileError) as caught:
        read(path)
    assert (caught.value.path, caught.value.line, caught.value.column) == (path, line, column)
    said = str(caught.value)
    assert said.startswith(f"{path.name}:{line}:{column}: ")
    assert said.endswith("; nothing was changed")
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        pytest.param(PRESET.format('"chemistry": 1,,'), 3, 20, ["syntax"], id="syntax error"),
        pytest.param("PARAMETERS = {\n", 1, 14, ["never closed"], id="open bracket"),
        pytest.param(
            PRESET.format('"speed_cap": 45'), 3, 5, ["speed_cap", "speed_cap_kmh"], id="unknown"
        ),
        pytest.param(
            PRESET.format('"speed_cap_kmh": 57'), 3, 5, ["57", "40 to 56 km/h"], id="too high"
        ),
        pytest.param(
            PRESET.format('"speed_cap_kmh": 39'), 3, 5, ["39", "40 to 56 km/h"], id="too low"
        ),
        pytest.param(
            PRESET.format('"speed_cap_kmh": 45.5'),
            *(3, 22, ["speed_cap_kmh", "whole number"]),
            id="fraction",
        ),
        pytest.param(
            PRESET.format('"speed_cap_kmh": "45"'),
            *(3, 22, ["speed_cap_kmh", "whole number"]),
            id="string",
        ),
        pytest.param(
            PRESET.format('"pedal_channels": True'),
            *(3, 23, ["pedal_channels", "whole number"]),
            id="truth value",
        ),
        pytest.param(PRESET.format("45: 45"), 3, 5, ["name"], id="name is a number"),
        pytest.param(PRESET.format("**other"), 3, 7, ["not data"], id="code"),
        pytest.param("VALUES = {}\n", 1, 1, ["PARAMETERS", "missing"], id="no PARAMETERS"),
        pytest.param("PARAMETERS = []\n", 1, 1, ["PARAMETERS", "missing"], id="no dictionary"),
        pytest.param(
            PRESET.format('"throttle_zero_mv": 1500'), 1, 1, ["throttle_order"], id="broken rule"
        ),
    ],
)
def test_a_broken_preset_names_file_line_column_and_mistake(
    tmp_path: Path, text: str, line: int, column: int, words: list[str]
) -> None:
    path = file_of(tmp_path, "my_car.py", text)
    assert_told(read_preset, path, line, column, words)


def test_a_preset_takes_its_values_over_the_defaults_up_to_both_limits(tmp_path: Path) -> None:
    text = PRESET.format('"speed_cap_kmh": 56, "reverse_cap_kmh": 3')
    values = read_preset(file_of(tmp_path, "my_car.py", text))
    expected = {name: default for _, name, _, _, _, default in TABLE}
    assert values == {**expected, "cell_count": 24, "speed_cap_kmh": 56, "reverse_cap_kmh": 3}


def test_every_preset_that_comes_along_is_complete() -> None:
    assert len(vehicle_names()) >= 3
    for name in vehicle_names():
        assert list(load_vehicle(name).values) == [row_name for _, row_name, _, _, _, _ in TABLE]


@pytest.mark.parametrize("name", vehicle_names())
def test_every_preset_that_comes_along_can_charge_and_its_charger_suits_its_pack(
    name: str,
) -> None:
    values = load_vehicle(name).values
    profile = Profile(Preset(values))
    assert values["charger_kind"] != NO_CHARGER
    assert values["charger_max_da"] <= values["charge_max_da"]
    assert values["charger_max_da"] * 100 <= profile.ma("bulk")
    assert profile.is_lithium == (values["bms_kind"] != NO_BMS)
    assert values["charger_full_cv"] >= profile.cv("absorb")


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        pytest.param("time,speed\n0,0\n", 1, 1, ["t_s,speed_kmh"], id="wrong header"),
        pytest.param("0,0\n5,10\n", 1, 1, ["t_s,speed_kmh"], id="no header"),
        pytest.param("# a comment\n\nt_s\n", 3, 1, ["t_s,speed_kmh"], id="header behind comment"),
        pytest.param(HEADER + "0,0\n5\n", 3, 1, ["2 fields", "1"], id="field missing"),
        pytest.param(HEADER + "0,0\n5,1,2\n", 3, 1, ["2 fields", "3"], id="field too many"),
        pytest.param(HEADER + "0,0\n5,fast\n", 3, 3, ["'fast'"], id="speed is no number"),
        pytest.param(HEADER + "0,0\nsoon,5\n", 3, 1, ["'soon'"], id="time is no number"),
        pytest.param(HEADER + "0,0\n5,10\n4,10\n", 4, 1, ["times"], id="time falls"),
        pytest.param(HEADER + "0,0\n0,10\n", 3, 1, ["times"], id="time stands"),
        pytest.param(HEADER + "0,0\n10,120.1\n", 3, 4, ["120 km/h"], id="too fast"),
        pytest.param(HEADER + "0,0\n10,-0.1\n", 3, 4, ["0 to 120"], id="backwards"),
        pytest.param(HEADER + "0,0\n", 2, 1, ["two rows"], id="one row"),
    ],
)
def test_a_broken_cycle_names_file_line_column_and_mistake(
    tmp_path: Path, text: str, line: int, column: int, words: list[str]
) -> None:
    path = file_of(tmp_path, "my_way.csv", text)
    assert_told(load, path, line, column, words)


def test_a_cycle_is_straight_lines_between_its_points(tmp_path: Path) -> None:
    cycle = load(file_of(tmp_path, "my_way.csv", "# mine\n" + HEADER + "2,0\n12,120\n20,36\n"))
    asked = [round(cycle.speed_mps(t_s) * 3.6, 6) for t_s in (0.0, 2.0, 7.0, 12.0, 16.0, 99.0)]
    assert asked == [0.0, 0.0, 60.0, 120.0, 78.0, 36.0]
    assert cycle.duration_s == 20.0
    assert max(cycle.clipped(10.0).speeds_mps) == 10.0


def test_every_cycle_that_comes_along_can_be_read() -> None:
    paths = list(CYCLES_DIR.glob("*.csv"))
    assert len(paths) >= 2
    for path in paths:
        assert load(path).duration_s > 60.0
