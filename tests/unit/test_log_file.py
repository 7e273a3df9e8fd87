"""Recordings: a header that says what it is, units by name, and an end that may be cut off."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from host_tools.arguments import InputError
from host_tools.log_file import header, read_log, unit_of, write_csv
from service.telemetry import TELEMETRY

FIRST = header({"unique_id": "a1b2c3"}, ["speed_mmps", "mode"], 10, "2026-11-23T09:30:00+0800")


def recording(tmp_path: Path, *rows: str, first: dict[str, Any] = FIRST) -> Path:
    path = tmp_path / "drive.ndjson"
    path.write_text("\n".join([json.dumps(first), *rows]) + "\n", encoding="utf-8")
    return path


def sheet(names: list[str], rows: list[dict[str, Any]]) -> list[list[str]]:
    out = io.StringIO()
    assert write_csv(header({}, names, 10, ""), rows, out) == len(rows)
    return list(csv.reader(io.StringIO(out.getvalue())))


def test_the_header_names_format_version_device_and_units() -> None:
    assert (FIRST["format"], FIRST["version"], FIRST["device_id"]) == ("lsev-log", 1, "a1b2c3")
    assert FIRST["units"] == {"t": "ms", "speed_mmps": "mm/s", "mode": "1"}


def test_every_value_with_a_unit_in_its_name_has_it_in_the_header() -> None:
    bare = [row[0] for row in TELEMETRY if unit_of(row[0]) == "1"]
    suffixes = ("_mmps", "_permille", "_cv", "_da", "_ddegc", "_mv", "_counts", "_m", "_s", "_ms")
    assert [name for name in bare if name.endswith(suffixes)] == []


def test_a_recording_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = recording(tmp_path, '{"t":100,"speed_mmps":5000,"mode":4}', '{"t":200}')
    first, rows, is_cut_off = read_log(path)
    assert first == FIRST and not is_cut_off
    assert rows == [{"t": 100, "speed_mmps": 5000, "mode": 4}, {"t": 200}]


def test_a_sheet_has_units_for_people_and_words_for_states() -> None:
    head, *rows = sheet(
        ["speed_mmps", "pack_cv", "pack_da", "soc_permille", "battery_ddegc", "mode", "key_on"],
        [
            {"t": 1500, "speed_mmps": 12500, "pack_cv": 6012, "pack_da": -35, "mode": 4}
            | {"soc_permille": 805, "battery_ddegc": -1000, "key_on": 1},
            {"t": 1600, "mode": 99},
        ],
    )
    assert head == [
        "t_s",
        "speed_kmh",
        "pack_v",
        "pack_a",
        "soc_pct",
        "battery_degc",
        "mode",
        "key_on",
    ]
    assert rows[0] == ["1.5", "45.0", "60.12", "-3.5", "80.5", "", "DRIVE", "1"]
    assert rows[1] == ["1.6", "", "", "", "", "", "99", ""]


def test_a_last_line_that_is_cut_off_is_left_out_and_told(tmp_path: Path) -> None:
    _, rows, is_cut_off = read_log(recording(tmp_path, '{"t":100}', '{"t":2'))
    assert is_cut_off and rows == [{"t": 100}]


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ([], "no header"),
        (["hello"], "no header"),
        (["[1]"], "no header"),
        (['{"t":1}'], "no header"),
        ([json.dumps(FIRST | {"version": 2})], "version 2"),
        ([json.dumps(FIRST), "rubbish", '{"t":1}'], ":2: no row"),
        ([json.dumps(FIRST), '{"mode":1}', '{"t":1}'], ":2: no row"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_place(
    lines: list[str], word: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=word):
        read_log(path)
