"""What a technician's terminal shows, sets and saves of parameters, and what the board is."""

from types import SimpleNamespace

import pytest

from service import desk as desks
from service.desk import COUNTER_NAMES, IDENTITY_NAMES
from tests.unit.terminals import IDENTITY, driving, parked
from vcu.params import TABLE as PARAMS

terminal = pytest.fixture(parked)


# Parameters


def test_get_shows_value_unit_range_default_and_whether_it_was_changed(terminal):
    assert terminal.ask("get speed_cap_kmh") == [
        "speed_cap_kmh 40 km/h (40..56, default 40)",
        "ok",
    ]
    terminal.params.set("speed_cap_kmh", 45)
    assert terminal.ask("get speed_cap_kmh")[0] == (
        "speed_cap_kmh 45 km/h (40..56, default 40) changed"
    )


def test_get_star_writes_every_row_a_line_and_a_prefix_those_that_begin_so(terminal):
    lines = terminal.ask("get *")
    assert [line.split()[0] for line in lines[:-1]] == [row[1] for row in PARAMS]
    lines = terminal.ask("get pedal_a*")
    assert len(lines) == 3


def test_set_says_old_and_new_value_and_when_it_is_in_use(terminal):
    assert terminal.ask("set speed_cap_kmh 45") == [
        "speed_cap_kmh 40 -> 45 km/h; in use after `save` and `reboot`",
        "ok",
    ]
    assert terminal.params.get("speed_cap_kmh") == 45
    assert "parked yes, parameters edited, not saved" in terminal.ask("status")
    assert terminal.send("\r").endswith("lsev* ")


@pytest.mark.parametrize(("value", "taken"), [(39, 0), (40, 1), (56, 1), (57, 0), (-45, 0)])
def test_set_takes_the_ends_of_the_range_and_nothing_outside(terminal, value, taken):
    answer = terminal.ask(f"set speed_cap_kmh {value}")
    assert (answer[-1] == "ok") == bool(taken)
    if not taken:
        assert answer == [
            f"err 31 out-of-range: {value} is outside; speed_cap_kmh stays"
            " 40 km/h (40..56, default 40); give one inside"
        ]
        assert terminal.params.get("speed_cap_kmh") == 40


@pytest.mark.parametrize("value", ["4.5", "abc", "-", "0x2d", "1e3", "1234567890", "inf", "4_5"])
def test_set_refuses_what_is_no_whole_number(terminal, value):
    assert terminal.ask("set speed_cap_kmh " + value)[0].startswith("err 12 bad-argument: ")
    assert terminal.params.get("speed_cap_kmh") == 40


@pytest.mark.parametrize("line", ["set speed_cap_kmh 45", "save", "clear", "reboot"])
def test_nothing_is_written_while_the_car_is_not_parked(line):
    terminal = driving()
    answer = terminal.ask(line)
    assert len(answer) == 1
    assert answer[0].startswith("err 88 moving: not parked (")
    assert "gear F" in answer[0]
    assert "nothing changed; stand 2 s in N or key off, pedal up" in answer[0]
    assert terminal.requests == []
    assert terminal.params.get("speed_cap_kmh") == 40


def test_save_names_the_broken_rule_and_keeps_the_edits(terminal):
    terminal.ask("set throttle_start_mv 3000")
    terminal.ask("set throttle_full_mv 2500")
    answer = terminal.ask("save")
    assert answer == [
        "err 31 out-of-range: rule throttle_order broken; not saved, edits kept;"
        " set its parameters and save"
    ]
    assert terminal.requests == []
    assert terminal.params.get("throttle_full_mv") == 2500
    assert terminal.desk.is_edited


def test_save_waits_for_the_store_and_then_nothing_is_unsaved(terminal):
    terminal.ask("set speed_cap_kmh 45")
    assert terminal.ask("save") == ["saved; in use after `reboot`", "ok"]
    assert terminal.requests == [desks.SAVE]
    assert not terminal.desk.is_edited
    assert terminal.ask("save") == ["saved; nothing had been edited", "ok"]


def test_a_save_that_failed_says_what_the_store_said_and_stays_unsaved(terminal):
    terminal.ask("set speed_cap_kmh 45")
    terminal.trouble = "flash full; the old values are kept; free space and save again"
    assert terminal.ask("save") == ["err 72 flash-error: " + terminal.trouble]
    assert terminal.desk.is_edited


def test_a_request_that_nobody_serves_ends_as_busy_and_blocks_the_next(terminal):
    terminal.serves = False
    for byte in b"clear\r":
        terminal.console.feed(byte)
    assert "err 21 busy: not done within 5 s" in terminal.settle(600)
    for byte in b"reboot\r":
        terminal.console.feed(byte)
    assert "err 21 busy: the last request is not done" in terminal.settle(100)
    assert terminal.desk.wanted == desks.CLEAR


def test_a_car_that_drives_off_during_save_is_not_saved(terminal):
    driver = terminal.driver
    for byte in b"save\r":
        terminal.console.feed(byte)
    for _ in range(3):
        terminal.main()
    driver.roll_at(3000).tick(30)
    assert "err 88 moving: " in terminal.settle()
    assert terminal.requests == []


# The board


def test_reboot_is_asked_for(terminal):
    assert terminal.ask("reboot") == ["rebooting", "ok"]
    assert terminal.requests == [desks.REBOOT]


def test_id_shows_each_line_and_a_sum_that_any_edit_changes(terminal):
    lines = terminal.ask("id")
    for name, value in zip(IDENTITY_NAMES, IDENTITY, strict=True):
        assert f"{name} {value}" in lines

    assert not any(line.startswith(("slot", "sum", "given_up")) for line in lines)
    terminal.desk.slots = SimpleNamespace(lines=lambda: ("slot b trial 1", "sum 12"))
    asked = terminal.ask("id")
    assert asked[asked.index("slot b trial 1") + 1] == "sum 12"

    def parameter_sum():
        return next(line for line in terminal.ask("id") if line.startswith("parameters "))

    sums = {parameter_sum()}
    for row in PARAMS[::6]:
        terminal.params.set(row[1], row[5] + 1 if row[5] < row[4] else row[5] - 1)
        sums.add(parameter_sum())
    assert len(sums) == len(PARAMS[::6]) + 1


def test_stats_shows_every_counter_hours_odometer_and_energy(terminal):
    terminal.desk.life.energy_wh = 12_345
    for i in range(len(COUNTER_NAMES)):
        terminal.desk.counters[i] = 1000 + i
    lines = terminal.ask("stats")
    for i, name in enumerate(COUNTER_NAMES):
        assert f"{name} {1000 + i}" in lines
    assert "odometer_km 0.0" in lines and "energy_kwh 12.3" in lines
    assert any(line.startswith("operating_h ") for line in lines)
