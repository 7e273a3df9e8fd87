"""The report: one page that needs no network, shows every expectation, and is written whole."""

import dataclasses
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from host_tools.plots import DRIVE_PANELS, MAX_POINTS, Plots, thin, ticks, time_ticks
from host_tools.run_page import page, write_page
from sim.charge_scenario import ChargeScenario
from sim.metrics import Expectation
from sim.scenario import Result, find_scenario, run_scenario, whole_loop_piece
from sim.trace import COLUMNS
from sim.vehicle import load_vehicle
from vcu.modes import REASONS

VOID = {"meta", "input"}


@pytest.fixture(scope="module")
def cycle() -> Result:
    return run_scenario(dataclasses.replace(find_scenario("ece15"), seconds=30.0))


@pytest.fixture(scope="module")
def failed() -> Result:
    scenario = dataclasses.replace(
        find_scenario("full_pedal"),
        seconds=12.0,
        expectations=(
            Expectation("distance_km", 1.0, math.inf, "km"),
            Expectation("arc_closings", 0.0, 0.0, ""),
        ),
    )
    vehicle = load_vehicle(scenario.vehicle).with_values({"speed_cap_kmh": 50})
    return run_scenario(scenario, vehicle=vehicle)


@pytest.fixture(scope="module")
def night() -> Result:
    return run_scenario(dataclasses.replace(find_scenario("overnight"), seconds=5 * 3600.0))


class Outline(HTMLParser):
    """Collects tags and attributes, and that every tag is closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", " ", html)


def with_column(result: Result, column: str, values: list[object]) -> Result:
    place = list(COLUMNS).index(column)
    rows = [
        (*row[:place], value, *row[place + 1 :])
        for row, value in zip(result.rows, values, strict=True)
    ]
    return dataclasses.replace(result, rows=rows)


def test_the_page_is_well_formed_and_asks_nothing_of_any_network(cycle: Result) -> None:
    html = page(cycle)
    outline = Outline(html)
    assert outline.open == []
    assert not [value for name, value in outline.attributes if name in ("src", "href", "link")]
    for word in ("http", "@import", "url(", "import ", "fetch("):
        assert word not in html


def test_light_dark_and_small_screens_are_provided_for(cycle: Result) -> None:
    html = page(cycle)
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html


def test_the_header_says_what_ran_and_how_it_ended(failed: Result) -> None:
    text = text_of(page(failed))
    for word in ("full_pedal", "FAILED", "four_wheel_60v_agm, speed_cap_kmh = 50", "cpython"):
        assert word in text


def test_each_expectation_has_value_range_and_verdict(failed: Result) -> None:
    html = page(failed)
    rows = re.findall(r'<tr class="(\w+)">(.*?)</tr>', html)
    cells = [(verdict, re.findall("<td>(.*?)</td>", row)) for verdict, row in rows]
    distance = f"{failed.values['distance_km']:.4g}"
    assert cells == [
        ("FAILED", ["distance_km", distance, "at least 1", "km", "FAILED"]),
        ("passed", ["arc_closings", "0", "0", "", "ok"]),
    ]


def test_a_run_that_passed_says_so(cycle: Result) -> None:
    passed = dataclasses.replace(cycle, checks=())
    html = page(passed)
    assert "<title>ece15: passed</title>" in html
    assert "FAILED" not in text_of(html.partition("<style>")[0] + html.partition("<body>")[2])


def test_every_plot_and_band_is_there(cycle: Result) -> None:
    text = text_of(page(cycle))
    for title in ("Speed", "Pedal and torque", "Pack voltage", "Pack current", "Grade"):
        assert title in text
    for title in ("State of charge", "Temperature", "mode", "limiter", "cap  45"):
        assert title in text


def test_a_charge_has_voltage_current_temperature_phases_and_ampere_hours_on_one_page(
    night: Result,
) -> None:
    html = page(night)
    text = text_of(html)
    titles = ("Pack voltage", "Charging current", "Temperature", "Charge put in", "Highest cell")
    for word in (*titles, "charger set to", "counted", "charge phase", "charge cause"):
        assert word in text
    for word in (
        "the charge alone, at a second a step",
        "20 to ",
        "kWh",
        "5.0 h",
        "BULK 3.",
        "air",
    ):
        assert word in text
    plots = text_of(html.partition("<details>")[0])
    for word in ("Speed", "Wh/km", "motor controller"):
        assert word not in plots
    assert Outline(html).open == [] and len(html) < 1_000_000


def test_a_charge_that_was_cut_short_by_the_runtime_says_what_was_run() -> None:
    scenario = find_scenario("overnight")
    assert isinstance(scenario, ChargeScenario)
    piece = dataclasses.replace(whole_loop_piece(scenario), seconds=5.0)
    text = text_of(page(run_scenario(piece)))
    assert "the first 5.0 s of 14.0 h, in the whole 10 ms loop" in text
    assert "Charging current" in text and "Pedal and torque" not in text


def test_the_cycle_is_plotted_only_where_there_is_one(cycle: Result, failed: Result) -> None:
    assert "asked by the cycle" in page(cycle)
    assert "asked by the cycle" not in page(failed)


def test_the_bands_name_each_limiter_and_how_long_it_held(failed: Result) -> None:
    values = ["none"] * 60 + ["slew"] * 1 + ["speed_cap"] * 59
    html = page(with_column(failed, "limiter", values))
    text = text_of(html)
    assert "slew 0.1 s" in text and "none 6.0 s" in text and "speed_cap 5.9 s" in text
    band = re.findall(r"<i style=\"--band:var\(--b(\d+)\);left:([\d.]+)%;width:([\d.]+)%\">", html)
    limiter = [(int(colour), float(left), float(width)) for colour, left, width in band][-3:]
    assert [colour for colour, _, _ in limiter] == [0, 10, 11]
    assert limiter[1][1] == pytest.approx(50.0) and limiter[1][2] == pytest.approx(100 / 120, 0.01)
    assert limiter[2][1] + limiter[2][2] == pytest.approx(100.0, 0.001)


def test_a_moment_in_a_long_run_stays_visible_in_the_bands(failed: Result) -> None:
    rows = [(i * 0.1, *failed.rows[50][1:]) for i in range(1, 20001)]
    values: list[object] = ["speed_cap"] * 20000
    values[12345] = "pack_current"
    html = page(with_column(dataclasses.replace(failed, rows=rows), "limiter", values))
    assert "pack_current 0.1 s" in text_of(html)
    assert len(re.findall(r"<i style=\"--band:var\(--b4\)", html)) >= 1
    assert all(
        len(points.split()) <= MAX_POINTS for points in re.findall('points="([^"]*)"', html)
    )
    assert len(html) < 1_500_000


def test_what_the_charger_is_set_to_leaves_a_gap_where_nothing_is_set(failed: Result) -> None:
    count = len(failed.rows)
    values: list[object] = [60.0 if 20 <= i < 40 or i >= 80 else 0.0 for i in range(count)]
    html = page(with_column(failed, "charge_set_v", values))
    assert "charger set to" in html
    asked = re.findall(r'<polyline class="asked" points="([^"]*)"', html)
    assert [len(points.split()) for points in asked] == [20, count - 80]


def test_the_rows_behind_the_cursor_are_those_of_the_trace(cycle: Result) -> None:
    html = page(cycle)
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html)
    assert found is not None
    data = json.loads(found[1])
    assert list(data["columns"]) == list(COLUMNS)
    place = list(COLUMNS).index("speed_kmh")
    assert data["columns"]["speed_kmh"] == [round(row[place], 3) for row in cycle.rows]
    assert tuple(data["reasons"]) == REASONS


def test_no_text_of_a_run_can_break_out_of_the_page(failed: Result) -> None:
    evil = "</script><b>"
    scenario = dataclasses.replace(failed.scenario, summary=evil)
    result = with_column(failed, "faults", [evil] * len(failed.rows))
    html = page(dataclasses.replace(result, scenario=scenario))
    assert evil not in html
    assert Outline(html).open == []


def test_a_run_without_a_row_still_gives_a_page(failed: Result) -> None:
    html = page(dataclasses.replace(failed, rows=[]))
    assert "too short" in html
    assert Outline(html).open == []


@pytest.mark.parametrize("count", [1, 2, MAX_POINTS, MAX_POINTS + 1, 30011])
def test_a_thinned_line_keeps_its_ends_and_its_extremes(count: int) -> None:
    xs = [i * 0.1 for i in range(count)]
    ys = [math.sin(i / 50.0) for i in range(count)]
    ys[count * 2 // 3] = 9.0
    ys[count // 3] = -9.0
    points = thin(xs, ys)
    assert len(points) == count if count <= MAX_POINTS else len(points) <= MAX_POINTS
    assert points[0] == (xs[0], ys[0]) and points[-1] == (xs[-1], ys[-1])
    assert max(y for _, y in points) == max(ys) and min(y for _, y in points) == min(ys)
    assert points == sorted(points)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.0, 56.0, 5, [0.0, 20.0, 40.0, 60.0]),
        (0.0, 100.0, 4, [0.0, 25.0, 50.0, 75.0, 100.0]),
        (-31.0, 100.0, 4, [-50.0, 0.0, 50.0, 100.0]),
        (57.2, 63.9, 3, [55.0, 57.5, 60.0, 62.5, 65.0]),
        (89.9, 90.1, 2, [89.9, 90.0, 90.1]),
        (5.0, 5.0, 2, [5.0, 5.0 + 5e-10]),
    ],
)
def test_ticks_are_round_numbers_around_the_values(
    low: float, high: float, most: int, expected: list[float]
) -> None:
    assert ticks(low, high, most) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("seconds", "unit", "last_s"),
    [(8.0, "s", 8.0), (305.0, "s", 300.0), (600.0, "s", 600.0), (601.0, "min", 600.0)]
    + [(10800.0, "min", 9000.0), (36000.0, "h", 36000.0)],
)
def test_the_time_axis_ends_inside_the_run_in_a_unit_that_reads_well(
    seconds: float, unit: str, last_s: float
) -> None:
    places, _, name = time_ticks(seconds)
    assert name == unit
    assert places[0] == 0.0 and places[-1] == pytest.approx(last_s)
    assert 3 <= len(places) <= 9


def test_the_page_is_written_whole_and_alone(tmp_path: Path, cycle: Result) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    write_page(cycle, path)
    assert path.read_text(encoding="utf-8") == page(cycle)
    assert list(tmp_path.iterdir()) == [path]


def test_the_state_of_charge_is_not_seen_at_0_before_the_controller_has_read_the_pack(
    cycle: Result,
) -> None:
    (panel,) = [panel for panel in DRIVE_PANELS if panel.title == "State of charge"]
    plots = Plots(cycle)
    seen = plots.by_name["soc_seen_pct"]
    assert seen[0] == 0.0 and float(seen[-1]) > 50.0
    drawn = plots.panel(panel)
    assert '<i style="top:100.00%">0</i>' not in drawn
    assert drawn.count('<polyline class="seen"') == 1


def test_a_parameter_that_is_a_plain_number_or_a_choice_has_no_unit(cycle: Result) -> None:
    html = page(cycle)
    assert "<td>enum</td>" not in html and "<td>1</td></tr>" not in html
    assert "<td>km/h</td>" in html


def test_when_writing_fails_the_old_page_is_kept(
    tmp_path: Path, cycle: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")

    def half(self: Path, text: str, encoding: str) -> int:
        with self.open("w", encoding=encoding) as file:
            file.write(text[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match=r"No space left.*/report\.html'"):
        write_page(cycle, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_keeps_pointing_at_the_file_that_is_written(tmp_path: Path, cycle: Result) -> None:
    target = tmp_path / "folder" / "report.html"
    target.parent.mkdir()
    link = tmp_path / "link.html"
    link.symlink_to(target)
    write_page(cycle, link)
    assert link.is_symlink() and target.is_file()
