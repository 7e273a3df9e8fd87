"""The lsev command: exit status, what it prints where, and that nothing is written by halves."""

import csv
import dataclasses
import io
import json
import math
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import host_tools.board
import host_tools.sim_command
from host_tools.cli import main, make_parser
from sim.charge_scenario import ChargeScenario
from sim.controller import ControllerError
from sim.faults import FAULTS
from sim.metrics import Expectation
from sim.scenario import Scenario, find_scenario
from sim.scenarios import SCENARIOS
from sim.vehicle import VEHICLES_DIR
from tests.unit.commands import refused

SECONDS = 6.0
CHARGE_SECONDS = 900.0
CONTRACT_COLUMNS = [
    *("t_s", "mode", "speed_kmh", "speed_seen_kmh", "pedal_pct", "torque_pct"),
    *("pack_v", "pack_a", "soc_pct", "batt_c", "limiter", "faults"),
    *("charge_phase", "charge_set_v", "charge_set_a", "odo_km"),
]
RULED_OUT = ["--set", "throttle_zero_mv=1200", "--set", "soc_turtle_permille=300"]

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every run short; full_pedal and hot_shed cannot meet what they expect in it."""
    good = Expectation("odometer_error_m", 0.0, 5.0, "m")
    bad = Expectation("distance_km", 1.0, math.inf, "km")
    safe = Expectation("cell_room_mv", 0.0, math.inf, "mV")
    full = Expectation("full", 1.0, 1.0, "")

    def shorten(scenario: Scenario | ChargeScenario) -> Scenario | ChargeScenario:
        if isinstance(scenario, ChargeScenario):
            return dataclasses.replace(
                scenario,
                seconds=CHARGE_SECONDS,
                expectations=(safe, full) if scenario.name == "hot_shed" else (safe,),
                more={},
                piece_s=min(scenario.piece_s, SECONDS),
                piece_faults=(),
                piece_expectations=(good,),
            )
        return dataclasses.replace(
            scenario,
            seconds=SECONDS,
            expectations=(good, bad) if scenario.name == "full_pedal" else (good,),
        )

    monkeypatch.setattr("sim.scenarios.SCENARIOS", tuple(map(shorten, SCENARIOS)))


@pytest.fixture
def no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test when a scenario is started."""

    def run_scenario(*_: object, **__: object) -> None:
        pytest.fail("the run was started")

    monkeypatch.setattr(host_tools.sim_command, "run_scenario", run_scenario)


@pytest.mark.parametrize(("scenario", "status"), [("ece15", 0), ("full_pedal", 1)])
def test_the_status_says_whether_all_expectations_were_met(
    scenario: str, status: int, capsys: Capture
) -> None:
    assert main(["sim", "run", scenario]) == status
    out, err = capsys.readouterr()
    assert err == ""
    assert ("FAIL distance_km" in out) == ("FAILED: 6 s simulated" in out) == (status == 1)
    assert "ok   odometer_error_m" in out


@pytest.mark.parametrize(("scenario", "status"), [("overnight", 0), ("hot_shed", 1)])
def test_a_charge_is_told_with_its_figures_and_its_status(
    scenario: str, status: int, capsys: Capture
) -> None:
    assert main(["sim", "run", scenario]) == status
    out, err = capsys.readouterr()
    assert err == ""
    assert "from 20 to 23." in out and "never full" in out and "BULK 0.2 h" in out
    assert ("FAIL full" in out) == ("FAILED: 900 s simulated" in out) == (status == 1)
    assert "ok   cell_room_mv" in out


def test_a_charge_writes_the_same_files_as_a_drive_with_a_row_per_10_s(
    tmp_path: Path, capsys: Capture
) -> None:
    trace, page = tmp_path / "t.csv", tmp_path / "r.html"
    files = ["--trace", str(trace), "--report", str(page)]
    assert main(["sim", "run", "overnight", "--json", "--set", "charger_max_da=80", *files]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["scenario"], result["runtime"], result["step_s"]) == ("overnight", "cpython", 1)
    assert result["values"]["top_a"] == pytest.approx(8.0, abs=0.1)
    with trace.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[: len(CONTRACT_COLUMNS)] == CONTRACT_COLUMNS
    assert [float(row["t_s"]) for row in rows] == [10.0 * i for i in range(1, 91)]
    assert (rows[-1]["mode"], rows[-1]["charge_phase"]) == ("CHARGE", "BULK")
    assert float(rows[-1]["charge_set_v"]) > 70.0 and float(rows[-1]["charge_set_a"]) == 8.0
    assert float(rows[-1]["pack_a"]) == pytest.approx(-8.0, abs=0.1)
    assert "Charging current" in page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("interpreter")
def test_a_charge_under_micropython_says_that_it_is_its_beginning(capsys: Capture) -> None:
    assert main(["sim", "run", "overnight", "--runtime", "micropython"]) == 0
    out = capsys.readouterr().out
    assert "its first 6 s of 900 s, in the whole 10 ms loop on the virtual board" in out
    arguments = ["sim", "run", "overnight", "--runtime", "micropython", "--json"]
    assert main([*arguments, "--fault", "battery_temp_open@3"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["step_s"], result["piece_of_s"]) == (0.01, 900.0)
    assert result["faults"] == ["battery_temp_open@3"]


@pytest.mark.usefixtures("no_run")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["shorted_cell", "--runtime", "micropython"], ["after hours", "overnight, cold"]),
        (["overnight", "--fault", "reset"], ["too coarse", "--runtime micropython"]),
        (["shorted_cell", "--vehicle", "four_wheel_72v_lfp"], ["has lfp", "take four_wheel_60v"]),
        (["deaf_charger", "--vehicle", "three_wheel_48v_flooded"], ["a relay", "charger_kind=2"]),
        (["overnight", "--set", "charger_kind=0"], ["no charger", "charger_kind=1"]),
    ],
)
def test_a_charge_that_makes_no_sense_is_refused_with_one_that_does(
    arguments: list[str], words: list[str], capsys: Capture
) -> None:
    said = refused(["sim", "run", *arguments], capsys)
    for word in words:
        assert word in said


@pytest.mark.usefixtures("no_run")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["scholrun"], ["'scholrun'", "school_run, "], id="scenario"),
        pytest.param(["ece15", "--vehicle", "60v"], ["'60v'", "four_wheel_60v_agm"], id="vehicle"),
        pytest.param(
            ["ece15", "--set", "sped_cap=45"], ["'sped_cap'", "speed_cap_kmh, "], id="parameter"
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_three_nearest(
    arguments: list[str], words: list[str], capsys: Capture
) -> None:
    said = refused(["sim", "run", *arguments], capsys)
    for word in words:
        assert word in said
    assert len(said.partition("nearest: ")[2].split(", ")) == 3


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize(
    "arguments",
    [
        ["sim", "run", "ece15"],
        ["sim", "run", "overnight", "--runtime", "micropython"],
        ["board"],
    ],
)
def test_a_vehicle_file_without_a_physical_car_is_told_where_it_belongs(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    preset = (VEHICLES_DIR / "four_wheel_60v_agm.py").read_text(encoding="utf-8")
    (tmp_path / "my_car.py").write_text(preset, encoding="utf-8")
    monkeypatch.setattr("sim.vehicle.VEHICLES_DIR", tmp_path)
    said = refused([*arguments, "--vehicle", "my_car"], capsys)
    assert said == "lsev: my_car has no physical car; add it to sim/plant/cars.py\n"


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [("ece15", "distance_kn", "distance_km"), ("overnight", "ah_facter", "ah_factor")],
)
def test_a_figure_that_no_run_gives_is_told_before_the_run_with_the_three_nearest(
    name: str, wrong: str, right: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def stepped(*_: object) -> None:
        pytest.fail("the run was started")

    odd = dataclasses.replace(
        find_scenario(name), expectations=(Expectation(wrong, 0.0, 1.0, ""),)
    )
    monkeypatch.setattr("sim.scenarios.SCENARIOS", (odd,))
    monkeypatch.setattr("sim.world.World.step", stepped)
    monkeypatch.setattr("sim.charging.ChargeRun.step", stepped)
    said = refused(["sim", "run", name], capsys)
    assert f"{name} expects '{wrong}'" in said
    near = said.partition("nearest: ")[2].strip().split(", ")
    assert len(near) == 3 and right in near


@pytest.mark.usefixtures("no_run")
@pytest.mark.parametrize(
    "arguments", [["ece15"], ["overnight", "--runtime", "micropython"]], ids=["drive", "charge"]
)
def test_a_fault_that_would_come_after_the_end_is_refused(
    arguments: list[str], capsys: Capture
) -> None:
    fault = f"reset@{SECONDS:g}"
    said = refused(["sim", "run", *arguments, "--fault", fault], capsys)
    assert said == (f"lsev: {fault} would never come: {arguments[0]} ends at {SECONDS:g} s\n")


def test_a_fault_in_the_last_moment_comes(capsys: Capture) -> None:
    main(["sim", "run", "ece15", "--fault", f"plug_open@{SECONDS - 0.01:g}"])
    assert "broken on purpose: plug_open@5.99" in capsys.readouterr().out


@pytest.mark.usefixtures("no_run")
@pytest.mark.parametrize("value", ["39", "57"])
def test_a_value_out_of_range_is_answered_with_range_and_unit(value: str, capsys: Capture) -> None:
    said = refused(["sim", "run", "ece15", "--set", f"speed_cap_kmh={value}"], capsys)
    assert f"speed_cap_kmh = {value} is outside 40 to 56 km/h" in said


@pytest.mark.parametrize("value", ["40", "56"])
def test_a_value_at_either_end_of_its_range_is_taken(value: str, capsys: Capture) -> None:
    assert main(["sim", "run", "ece15", "--set", f"speed_cap_kmh={value}"]) == 0
    assert f"km/h of {value}," in capsys.readouterr().out


@pytest.mark.usefixtures("no_run")
@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("speed_cap_kmh=fast", "speed_cap_kmh = 'fast' is no whole number"),
        ("speed_cap_kmh=4_5", "speed_cap_kmh = '4_5' is no whole number"),
        ("speed_cap_kmh=45.5", "speed_cap_kmh = '45.5' is no whole number"),
        ("speed_cap_kmh=", "speed_cap_kmh = '' is no whole number"),
        ("speed_cap_kmh", "'speed_cap_kmh' is not NAME=VALUE"),
    ],
)
def test_what_is_no_number_is_answered_with_its_name(
    setting: str, word: str, capsys: Capture
) -> None:
    assert word in refused(["sim", "run", "ece15", "--set", setting], capsys)


@pytest.mark.usefixtures("no_run")
def test_every_rule_that_values_break_together_is_told_in_a_sentence(capsys: Capture) -> None:
    said = refused(["sim", "run", "ece15", *RULED_OUT], capsys).splitlines()
    assert said[1].startswith("  throttle_order: The throttle voltages must rise")
    assert said[2].startswith("  soc_order: soc_turtle_permille must be below")


@pytest.mark.usefixtures("no_run")
@pytest.mark.parametrize(
    "arguments",
    [["sim", "run"], ["drive"], ["sim", "run", "ece15", "--seed", "x"]]
    + [["sim", "run", "ece15", "--runtime", "pypy"], ["board", "--board", "esp8266"]]
    + [["board", "--seconds", seconds] for seconds in ("-1", "0", "nan", "inf", "x")],
)
def test_bad_usage_exits_with_2(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: lsev")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["sim", "board", "lsev sim run school_run", "exit status"]),
        (["sim"], ["list", "run", "lsev sim list"]),
    ],
)
def test_an_incomplete_command_shows_help_with_examples(
    arguments: list[str], words: list[str], capsys: Capture
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    for word in words:
        assert word in err


DEVICE = (
    *("monitor", "faults", "params", "calibrate", "log", "report"),
    *("flash", "versions", "rollback", "provision"),
)


@pytest.mark.parametrize(
    "command", [["sim", "run"], ["sim", "matrix"], ["board"], ["sim"], [], *([d] for d in DEVICE)]
)
def test_every_example_of_the_help_is_good_usage(
    command: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_tools.sim_command, "_run", lambda args: 0)
    monkeypatch.setattr(host_tools.sim_command, "_matrix", lambda args: 0)
    monkeypatch.setattr(host_tools.board, "run_board", lambda *args: 0)
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    shown = [line.split("   ")[0] for line in map(str.strip, lines) if "lsev " in line]
    examples = [shlex.split(line) for line in shown if line.startswith("lsev ")]
    examples = [words[1:] for words in examples if words[0] == "lsev"]
    assert len(examples) >= 2
    for arguments in examples:
        if arguments[0] in DEVICE:
            assert callable(make_parser().parse_args(arguments).run)
        else:
            assert main(arguments) == 0


WITHOUT_UNIX = """
import signal, sys
import mpremote.console, serial.tools.list_ports  # which have halves of their own for Windows
for name in ("fcntl", "pty", "termios", "tty"):
    sys.modules[name] = None
del signal.SIGHUP, signal.SIGPIPE
from host_tools.cli import main
assert main(["sim", "list"]) == 0
assert main(["board"]) == 1
assert main(["sim", "run", "school_run", "--runtime", "micropython"]) == 1
"""


def test_all_but_micropython_starts_without_what_only_unix_has() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_UNIX], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    board, run = done.stderr.splitlines()
    assert "Linux or macOS" in board and "Linux and macOS" in run


def test_a_character_that_the_terminal_does_not_have_is_a_question_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    monkeypatch.setattr(host_tools.sim_command, "_list", lambda args: print("21 °C") or 0)
    assert main(["sim", "list"]) == 0
    assert printed.getvalue() == b"21 ?C\n"


def test_a_machine_without_micropython_is_told_what_goes_without_it(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["sim", "run", "school_run", "--runtime", "micropython"]) == 1
    err = capsys.readouterr().err
    assert "make setup" in err and "leave --runtime micropython" in err


def test_the_version_is_that_of_the_firmware(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    project = tomllib.loads((VEHICLES_DIR.parents[1] / "pyproject.toml").read_text())
    assert capsys.readouterr().out == f"lsev {project['project']['version']}\n"


def test_list_shows_all_scenarios_and_vehicles(capsys: Capture) -> None:
    assert main(["sim", "list"]) == 0
    text = capsys.readouterr().out
    assert main(["sim", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [s["name"] for s in listed["scenarios"]] == [s.name for s in SCENARIOS]
    for name in [*listed["vehicles"], *(s["name"] for s in listed["scenarios"])]:
        assert name in text


def test_a_broken_vehicle_file_is_told_in_the_list_and_hides_no_other(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in VEHICLES_DIR.glob("*.py"):
        shutil.copy(path, tmp_path)
    (tmp_path / "my_car.py").write_text("PARAMETERS = {\n", encoding="utf-8")
    monkeypatch.setattr("sim.vehicle.VEHICLES_DIR", tmp_path)
    assert main(["sim", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "my_car.py:1:14" in lines["my_car"] and "cap 45" in lines["four_wheel_60v_agm"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sim", "run", "ece15", "--seed", "x"], "--seed: 'x' is no whole number"),
        (["sim", "matrix", "--onsets", "1.5"], "--onsets: '1.5' is no whole number"),
        (["board", "--seconds", "soon"], "--seconds: soon is no number of seconds above 0"),
        (["log", "record", "f", "--seconds", "0"], "--seconds: 0 is no number of seconds above 0"),
    ],
)
def test_what_is_no_number_is_told_as_that(words: list[str], told: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.usefixtures("interpreter")
def test_a_board_with_a_flash_says_that_it_does_not_listen_to_what_is_typed(
    tmp_path: Path, capsys: Capture
) -> None:
    assert main(["board", "--flash", str(tmp_path / "f.img"), "--seconds", "0.2"]) == 0
    assert "the car stands still: what is typed here is not listened to" in capsys.readouterr().out


def test_an_image_that_cannot_be_is_told_by_the_name_that_was_given(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "odd").write_bytes(b"abc")
    for name, why in (
        ("nowhere/f.img", "No such file"),
        ("odd", "whole blocks"),
        (".", "Is a directory"),
    ):
        image = tmp_path / name
        assert main(["board", "--flash", str(image), "--seconds", "1"]) == 2
        assert f"lsev: {image}: " in (said := capsys.readouterr().err) and why in said


def test_faults_shows_everything_that_can_be_broken(capsys: Capture) -> None:
    assert main(["sim", "faults"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(FAULTS)
    assert main(["sim", "faults", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["faults"]
    assert {row["name"]: row["description"] for row in listed} == FAULTS


@pytest.mark.usefixtures("no_run")
@pytest.mark.parametrize("command", [["sim", "run", "ece15"], ["board"]])
@pytest.mark.parametrize(
    ("fault", "word"),
    [("pedal_c_open", "nearest: pedal_b_open"), ("reset@soon", "'soon' is no time in seconds")],
)
def test_a_fault_that_cannot_be_is_refused(
    command: list[str], fault: str, word: str, capsys: Capture
) -> None:
    assert word in refused([*command, "--fault", "pedal_a_open", "--fault", fault], capsys)


def test_faults_are_injected_shown_and_named_in_every_result(
    tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "report.html"
    faults = ["--fault", "battery_temp_open@1", "--fault", "plug_open@5"]
    main(["sim", "run", "ece15", *faults, "--report", str(path)])
    assert "broken on purpose: battery_temp_open@1, plug_open@5" in capsys.readouterr().out
    assert "battery_temp_open@1, plug_open@5" in path.read_text(encoding="utf-8")
    main(["sim", "run", "ece15", *faults, "--json"])
    assert json.loads(capsys.readouterr().out)["faults"] == ["battery_temp_open@1", "plug_open@5"]


def test_what_the_controller_stores_is_named_with_its_code(
    tmp_path: Path, capsys: Capture
) -> None:
    page, trace = tmp_path / "report.html", tmp_path / "trace.csv"
    fault = ["--fault", "battery_temp_open@1"]
    main(["sim", "run", "ece15", *fault, "--report", str(page), "--trace", str(trace)])
    assert "battery_sensor_high (P0A9E)" in capsys.readouterr().out
    assert "<td>battery_sensor_high</td><td>P0A9E</td>" in page.read_text(encoding="utf-8")
    with trace.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[5]["faults"] == "" and "battery_sensor_high" in rows[-1]["faults"].split("+")
    main(["sim", "run", "ece15", *fault, "--json"])
    stored = json.loads(capsys.readouterr().out)["stored_faults"]
    assert {
        "name": "battery_sensor_high",
        "dtc": "P0A9E",
        "class": "DERATE",
        "blink_code": 65,
    } in (stored)


@pytest.mark.parametrize(("scenario", "status"), [("ece15", 0), ("full_pedal", 1)])
def test_json_is_one_object_on_standard_output_and_nothing_else(
    scenario: str, status: int, tmp_path: Path, capsys: Capture
) -> None:
    files = ["--trace", str(tmp_path / "t.csv"), "--report", str(tmp_path / "r.html")]
    assert main(["sim", "run", scenario, "--json", "--seed", "7", *files]) == status
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert out.count("\n") == 1 and err == ""
    assert (result["scenario"], result["seed"]) == (scenario, 7)
    assert result["passed"] is (status == 0)
    assert [c["passed"] for c in result["checks"]] == ([True, False] if status else [True])
    assert result["checks"][-1]["high"] == (None if status else 5.0)


def test_an_error_with_json_leaves_standard_output_empty(capsys: Capture) -> None:
    refused(["sim", "run", "nowhere", "--json"], capsys)


def test_the_trace_has_the_promised_columns_and_a_row_per_100_ms(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    assert main(["sim", "run", "full_pedal", "--trace", str(path)]) == 1
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header[: len(CONTRACT_COLUMNS)] == CONTRACT_COLUMNS
    assert [float(row[0]) for row in rows] == [round(i * 0.1, 1) for i in range(1, 61)]
    assert all(len(row) == len(header) for row in rows)
    assert {row[1] for row in rows} >= {"OFF", "READY", "DRIVE"}
    assert float(rows[-1][2]) > 5.0
    assert list(tmp_path.iterdir()) == [path]


def test_the_report_is_a_page(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert main(["sim", "run", "ece15", "--report", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("no_run")
@pytest.mark.parametrize("option", ["--trace", "--report"])
@pytest.mark.parametrize(
    ("name", "what"),
    [("no_folder/file", "No such file or directory"), ("folder", "no ordinary file")]
    + [("file/in_file", "Not a directory")],
)
def test_a_path_that_cannot_be_written_is_told_before_the_run(
    option: str, name: str, what: str, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    said = refused(["sim", "run", "ece15", option, str(tmp_path / name)], capsys)
    assert name in said and what in said and "nothing was changed" in said
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.usefixtures("no_run")
def test_a_device_is_not_replaced_by_a_file(capsys: Capture) -> None:
    assert "no ordinary file" in refused(["sim", "run", "ece15", "--trace", os.devnull], capsys)
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    ("error", "status", "word"),
    [
        (ControllerError("the firmware stopped: it crashed"), 1, "it crashed"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_a_run_that_breaks_off_leaves_no_file_and_keeps_the_old_one(
    error: BaseException,
    status: int,
    word: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run_scenario(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(host_tools.sim_command, "run_scenario", run_scenario)
    old = tmp_path / "report.html"
    old.write_text("old", encoding="utf-8")
    files = ["--trace", str(tmp_path / "trace.csv"), "--report", str(old)]
    assert main(["sim", "run", "ece15", *files]) == status
    assert word in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_a_signal_ends_leaves_no_file(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "host_tools", "sim", "run", "school_run", "--trace"]
    with subprocess.Popen([*command, str(tmp_path / "t.csv")], stderr=subprocess.PIPE) as process:
        patience_s = time.monotonic() + 10.0
        while not list(tmp_path.iterdir()) and time.monotonic() < patience_s:
            time.sleep(0.005)
        began = bool(list(tmp_path.iterdir()))
        process.send_signal(number)
        err = process.communicate(timeout=10.0)[1]
    assert began and process.returncode == 128 + number
    assert b"stopped by a signal" in err
    assert list(tmp_path.iterdir()) == []


def test_a_trace_that_breaks_off_is_named_and_leaves_no_file(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_csv(rows: object, path: Path) -> None:
        path.write_text("t_s,mo", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(host_tools.sim_command, "write_csv", write_csv)
    trace, page = str(tmp_path / "trace.csv"), str(tmp_path / "page.html")
    assert main(["sim", "run", "ece15", "--trace", trace, "--report", page]) == 2
    assert f"lsev: {trace}: No space left on device; nothing was" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_seed_changes_the_noise_and_the_same_seed_repeats_it(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, seed in zip(paths, "112", strict=True):
        main(["sim", "run", "full_pedal", "--seed", seed, "--trace", str(path)])
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again != other


def test_a_reader_that_has_enough_ends_it_without_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "host_tools", "sim", "list"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


# Linux has it and macOS has not; what it stands for cannot be had without a disk of its own.
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_an_output_that_is_lost_does_not_say_that_nothing_was_done() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "host_tools", "sim", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr and "is not known" in done.stderr
    assert "nothing was changed" not in done.stderr


@pytest.mark.parametrize(
    ("words", "closed", "status"),
    [
        ("sim list", "<&-", 0),
        ("sim list", ">&-", 0),
        ("sim list", "<&- >&- 2>&-", 0),
        ("faults --clear", "<&-", 2),
    ],
)
def test_a_standard_stream_that_is_closed_is_no_trouble(
    words: str, closed: str, status: int
) -> None:
    command = f"{shlex.quote(sys.executable)} -m host_tools {words} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert ("no terminal to ask at" in done.stderr) == (status == 2)
