"""The verbs about the board: clock, echo, log, help, desc, and io for every input."""

import json
import re

import pytest

from service.desk import IDENTITY_NAMES
from service.inputs import NAMES as INPUTS
from tests.unit.terminals import IDENTITY, Terminal, parked, pause
from vcu.params import TABLE as PARAMS

terminal = pytest.fixture(parked)


# --- Verbs of the board


def test_the_board_says_that_it_has_started_and_how_to_stop_it(terminal):
    terminal.console.announce()
    text = terminal.settle()
    assert text.startswith("#b {")
    said = json.loads(text[3:])
    assert (said["name"], said["version"]) == IDENTITY[:2] == ("lsev", "0.1.0")
    assert IDENTITY_NAMES[:2] == ("name", "version")
    assert "1.5 s" in said["hint"]


def test_time_is_unknown_until_a_host_sets_it_and_goes_on_from_there(terminal):
    assert terminal.ask("time")[0] == "time unknown; set it: time SECONDS"
    assert terminal.desk.wall_s() == 0
    assert terminal.ask("time 1795405000")[0] == "time 1795405000"
    before = terminal.desk.wall_s()
    pause(terminal, 60_000)
    assert terminal.desk.wall_s() - before == 60


@pytest.mark.parametrize(
    "word", ["x", "17", "0000000001", "-179540500", "17954050000", "1767225599"]
)
def test_a_time_that_is_none_leaves_the_clock_alone(terminal, word):
    terminal.ask("time 1795405000")
    assert terminal.ask("time " + word)[0].startswith("err 12 bad-argument: ")
    assert terminal.desk.wall_s() >= 1795405000


def test_echo_off_shows_nothing_of_what_is_typed_and_on_shows_it_again(terminal):
    terminal.send("echo off\r")
    assert terminal.send("why\r").startswith("\r\ndoes not drive")
    terminal.send("echo on\r")
    assert terminal.ask("why")[-1] == "ok"
    assert terminal.ask("echo maybe")[0].startswith("err 12 ")


def test_log_shows_key_mode_and_faults_in_the_order_in_which_they_came(terminal):
    driver = terminal.driver

    def turn(**what):
        for name, value in what.items():
            setattr(driver, name, value)
        for _ in range(300):
            driver.tick(1)
            terminal.main()

    turn(key=1)
    turn(pedal_a_counts=3)
    turn(key=0, pedal_a_counts=None)
    rows = [line.partition(" s ")[2] for line in terminal.ask("log")[:-1]]
    wanted = ["key on", "mode READY", "fault 11 P2122 pedal_a_low CRAWL", "key off"]
    assert [row for row in rows if row in wanted] == wanted
    assert "healed 11 P2122 pedal_a_low CRAWL" in rows
    assert len(terminal.ask("log 2")) == 3
    assert terminal.ask("log 0")[0].startswith("err 12 ")


def test_the_log_keeps_the_last_32(terminal):
    for number in range(100):
        terminal.driver.loop.raw.key_on = number & 1
        terminal.main()
    lines = terminal.ask("log")
    assert len(lines) == 33
    assert lines[-2].endswith("key on")


def test_log_says_when_nothing_has_happened():
    terminal = Terminal()
    terminal.driver.loop.modes.mode = 0
    assert terminal.ask("log") == ["nothing since the start", "ok"]


def test_help_of_a_verb_shows_its_line_and_of_none_the_nearest(terminal):
    assert terminal.ask("help reboot") == ["reboot  start again (parked)", "ok"]
    assert "reboot" in terminal.ask("help rebot")[0]


def test_desc_writes_an_object_for_each_parameter(terminal):
    terminal.params.set("speed_cap_kmh", 45)
    rows = [json.loads(line) for line in terminal.ask("desc")[:-1]]
    assert [row["name"] for row in rows] == [row[1] for row in PARAMS]
    assert rows[0] == {
        "name": "speed_cap_kmh", "unit": "km/h", "min": 40, "max": 56, "default": 40,
        "value": 45, "level": 2,
    }  # fmt: skip
    assert len(terminal.ask("desc pedal_a*")) == 3
    assert "speed_cap_kmh" in terminal.ask("desc sped_cap")[0]


# --- Inputs


def io_of(terminal):
    """Ask `io` while the car ticks, and return its lines."""
    for byte in b"io\r":
        terminal.console.feed(byte)
    for _ in range(120):
        terminal.driver.tick(1)
        terminal.main()
    lines = bytes(terminal.sent).decode().split("\r\n")[1:-1]
    terminal.sent.clear()
    return lines


def test_io_shows_every_input_raw_and_in_its_unit_with_its_limits(terminal):
    lines = io_of(terminal)
    assert [line.split()[0] for line in lines[: len(INPUTS)]] == list(INPUTS)
    rows = dict(zip(INPUTS, lines, strict=False))
    assert rows["pedal_a"] == "pedal_a 468 mV = 0.0 %, limits 358..2420 mV, seen 468..468 mV"
    assert re.match(r"pack_v \d+ mV = 49\.\d\d V, limits 15.0 V..3050 mV, seen ", rows["pack_v"])
    assert "= 25.0 degC" in rows["battery_temp"]
    assert rows["rail_12v"].startswith("rail_12v 2100 mV = 12.60 V, limits 10.5..15.5 V")
    assert rows["sensor_5v"].startswith("sensor_5v 2500 mV = 5.000 V, limits 4.75..5.25 V")
    assert "= permits nothing" in rows["bms_contacts"]
    assert lines[len(INPUTS)].endswith("gear N, enable line off")
    assert "key off, plug out" in lines[len(INPUTS)]
    assert lines[-1] == "ok"


def test_io_shows_the_least_and_the_most_since_it_was_last_asked(terminal):
    io_of(terminal)
    for counts in (200, 700, 468):
        terminal.driver.pedal_a_counts = counts
        terminal.driver.tick(1)
        terminal.main()
    assert io_of(terminal)[0].endswith("seen 200..700 mV")
    assert io_of(terminal)[0].endswith("seen 468..468 mV")


def test_a_reading_that_failed_is_shown_as_such(terminal):
    io_of(terminal)
    terminal.driver.pack_readable = False
    terminal.driver.tick(50)
    row = next(line for line in io_of(terminal) if line.startswith("pack_v"))
    assert row.startswith("pack_v failed mV = not valid")
    assert ", seen failed.." in row


def test_each_input_of_the_pedal_has_its_own_travel(terminal):
    terminal.driver.pedal = 500
    terminal.driver.tick(50)
    lines = io_of(terminal)
    for line in lines[:2]:
        assert 49.0 <= float(re.search(r"= ([\d.]+) %", line)[1]) <= 51.0
