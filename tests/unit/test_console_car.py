"""What a technician's terminal tells of the car: why it does not drive, its state, its faults."""

import pytest

from service import desk as desks
from service.readings import NEEDS
from tests.unit import cars
from tests.unit.terminals import Terminal, driving, parked
from vcu import modes, sense
from vcu.faults import DRIVER, SYSTEM, TABLE

terminal = pytest.fixture(parked)


# Why it does not drive


def test_every_reason_has_a_reading_and_what_is_needed():
    assert sorted(slug for slug, _ in NEEDS) == sorted(modes.REASONS)
    for slug, template in NEEDS:
        assert "needs" in template, slug


def test_every_letter_of_a_template_has_a_reading(terminal):
    for slug, template in NEEDS:
        terminal.console._context.line(template)
        text = terminal.settle()
        assert "%" not in text.replace(" %", ""), (slug, text)


def why(driver):
    lines = Terminal(driver).ask("why")
    assert lines[-1] == "ok"
    return lines


def test_a_plugged_in_car_with_the_key_off_says_both_and_the_plug_first():
    driver = cars.Driver()
    driver.plug = 1
    driver.tick(100)
    lines = why(driver)
    assert lines[0] == "does not drive:"
    assert lines[1] == "  plugged_in: plug reads in, needs out"
    assert lines[2] == "  key_off: key reads off, needs on"


def test_a_pedal_held_at_the_start_is_shown_with_its_travel_and_the_travel_needed():
    driver = cars.Driver()
    driver.pedal = 341
    driver.tick(10)
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.READY)
    driver.tick(50)
    assert "  pedal_not_seen_released: pedal 34.0 %, needs below 5.0 % once" in why(driver)


@pytest.mark.parametrize(("level", "gate"), [(1, "guard_low"), (0, "all_high")])
def test_a_shutoff_test_that_failed_is_shown_with_the_step_at_which_it_did(level, gate):
    driver = cars.Driver()
    driver.tick(20)
    driver.key = 1
    driver.line = level
    driver.wait_for(lambda: driver.mode == modes.FAULT)
    driver.tick(50)
    assert f"  fault 51 P1A03 shutoff_test_failed STOP, at {gate}" in why(driver)


def test_a_brake_that_is_pressed_is_named():
    driver = cars.Driver().engage()
    driver.brake = 1
    driver.tick(50)
    assert "  brake_pressed: brake reads pressed, needs released" in why(driver)


def test_a_pack_that_cannot_be_read_shows_its_counts_and_the_range_of_sense():
    driver = cars.Driver()
    driver.pack_readable = False
    driver.tick(100)
    row = next(line for line in why(driver) if "pack_not_readable" in line)
    assert "counts pack -1 bus 0 current 1500, needs 0..3050, current 100.." in row
    assert (sense._MIN_COUNTS, sense._MAX_COUNTS) == (100, 3050)


def test_a_pedal_wire_that_is_off_shows_counts_and_range_of_both_channels():
    driver = cars.Driver().start()
    driver.pedal_a_counts = 3
    driver.tick(50)
    needs = dict(NEEDS)["pedal_not_readable"]
    terminal = Terminal(driver)
    terminal.console._context.line(needs)
    assert terminal.settle() == "counts A 3, needs 358..2420; B 234, needs 124..1265\r\n"


def test_a_driving_car_says_that_it_drives():
    assert driving().ask("why")[0].startswith("drives: torque ")


def test_status_begins_with_why_and_goes_on_with_the_car(terminal):
    terminal.desk.last_run = "power was cut"
    lines = terminal.ask("status")
    assert lines[0] == "does not drive:"
    reasons = terminal.ask("why")[:-1]
    assert lines[: len(reasons)] == reasons
    rest = lines[len(reasons) :]
    assert rest[0].startswith("mode OFF, contactor open, gear N, pedal ")
    assert rest[1] == "speed 0.0 km/h, cap 40 km/h"
    assert rest[2].startswith("pack 49.")
    assert rest[3] == "degC: battery 25.0, motor 40.0, controller 30.0"
    assert rest[4] == "limited by none, torque 0.0 %"
    assert rest[5] == "parked yes"
    assert rest[6:] == ["last run: power was cut", "ok"]


def test_status_shows_what_cannot_be_measured_as_such():
    driver = cars.Driver()
    driver.motor_ddegc = None
    driver.pack_readable = False
    driver.tick(100)
    lines = Terminal(driver).ask("status")
    assert "pack not readable" in lines
    assert "degC: battery 25.0, motor ?, controller 30.0" in lines


def test_status_of_a_moving_car_shows_speed_and_that_it_is_not_parked():
    terminal = driving()
    sig = terminal.desk.loop.sig
    sig.speed_mmps = 11111
    sig.speed_trusted = 1
    assert "speed 39.9 km/h, cap 40 km/h" in terminal.ask("status")
    sig.speed_trusted = 0
    lines = terminal.ask("status")
    assert "speed 39.9 km/h not trusted, cap 40 km/h" in lines
    assert "parked no" in lines


# Faults


def confirm(loop, word, bit):
    """Make one row active; and once it was, see that it is gone."""
    for _ in range(30):
        loop.faults.step(word, 1 << bit, 1, 0, 500)


def test_faults_says_when_there_are_none(terminal):
    terminal.desk.loop.faults.clear()
    assert terminal.ask("faults") == ["none active, none stored", "ok"]


def test_a_fault_is_shown_with_code_class_count_times_and_what_heals_it(terminal):
    loop = terminal.desk.loop
    loop.faults.clear()
    confirm(loop, DRIVER, 0)
    assert terminal.ask("faults")[0] == (
        "11 P2122 pedal_a_low CRAWL active 1x; heals 1.0 s after it is gone + pedal up"
    )
    for _ in range(10):
        loop.faults.step(DRIVER, 0, 0, 1, 500)
    terminal.desk.history.note(0, 1, 120, 3)
    assert terminal.ask("faults")[0] == (
        "11 P2122 pedal_a_low CRAWL stored 1x at 120..120 s;"
        " heals 1.0 s after it is gone + pedal up"
    )


def test_every_row_of_the_table_can_be_shown(terminal):
    loop = terminal.desk.loop
    for word in range(len(TABLE)):
        for _ in range(30):
            loop.faults.step(word, (1 << len(TABLE[word])) - 1, 1, 0, 500)
    lines = terminal.ask("faults")
    assert len(lines) == sum(len(rows) for rows in TABLE) + 1
    assert terminal.console.reply.lost_bytes == 0


def test_why_names_the_faults_that_stop_or_crawl_the_car_and_no_others(terminal):
    loop = terminal.desk.loop
    loop.faults.clear()
    confirm(loop, DRIVER, 0)
    confirm(loop, SYSTEM, 0)
    lines = terminal.ask("why")
    assert "  fault 11 P2122 pedal_a_low CRAWL" in lines
    assert not any("rail_low" in line for line in lines)


def test_a_fault_that_only_a_person_clears_says_so(terminal):
    bit = [row[1] for row in TABLE[SYSTEM]].index("records_lost")
    confirm(terminal.desk.loop, SYSTEM, bit)
    row = next(line for line in terminal.ask("faults") if "records_lost" in line)
    assert row.endswith("; heals by `clear`")


def test_freeze_writes_the_frame_and_the_2_s_before_it(terminal):
    loop = terminal.desk.loop
    for speed_mmps in range(1000, 1030):
        loop.sig.speed_mmps = speed_mmps
        loop.recorder.record(loop.sig, modes.DRIVE, 10, 500)
    loop.recorder.freeze(0, loop.sig, modes.DRIVE, 10, 600)
    assert terminal.ask("freeze 11") == [
        "err 21 busy: frame is still being copied; it is kept; ask again"
    ]
    for _ in range(25):
        loop.recorder.step()
    lines = terminal.ask("freeze 11")
    assert "speed_mmps 1029" in lines
    assert "mode DRIVE" in lines
    assert "torque_permille 600" in lines
    at = next(i for i, line in enumerate(lines) if line.startswith("t_ms,pedal_permille,"))
    rows = [line.split(",") for line in lines[at:-1]]
    assert len(rows) == 22
    assert {len(row) for row in rows} == {13}
    assert [rows[1][2], rows[2][2], rows[21][2]] == ["1029", "1029", "1010"]
    assert rows[21][0] == "-2000"


def test_freeze_of_a_fault_at_the_start_shows_no_rows_that_were_never_recorded(terminal):
    loop = cars.Driver().loop
    loop.sig.pack_cv = 6400
    for _ in range(3):
        loop.recorder.record(loop.sig, modes.SELFTEST, 0, 0)
    loop.recorder.freeze(0, loop.sig, modes.SELFTEST, 0, 0)
    for _ in range(25):
        loop.recorder.step()
    terminal.desk.loop.recorder = loop.recorder
    lines = terminal.ask("freeze 11")
    assert [line.split(",")[0] for line in lines[-6:-2]] == ["0", "-100", "-200", "-300"]
    assert lines[-2] == "nothing was recorded before: the controller had just started"


def test_freeze_of_what_has_no_frame_names_those_that_have(terminal):
    loop = terminal.desk.loop
    loop.recorder.forget([0] * 4)
    loop.recorder.freeze(1, loop.sig, 0, 0, 0)
    for word in ("77", "x", "-1"):
        answer = terminal.ask("freeze " + word)
        assert answer[0].startswith(f"err 12 bad-argument: no frame of {word}; nothing changed;")
        assert answer[0].endswith("there are: 12")


def test_freeze_says_so_where_there_is_no_frame_at_all(terminal):
    terminal.desk.loop.recorder.forget([0] * 4)
    assert terminal.ask("freeze 11")[0].endswith("there are: none")


def test_clear_is_asked_for_when_parked_and_its_outcome_told(terminal):
    assert terminal.ask("clear")[0].startswith("cleared")
    assert terminal.requests == [desks.CLEAR]
