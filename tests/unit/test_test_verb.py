"""`test` at the console: what it refuses and says; any byte, or a host that is gone, ends it."""

import pytest

from tests.unit import cars, runs
from tests.unit.benches import Bench

NAMES = ("lamp", "buzzer", "fan", "contactor", "charger")


@pytest.fixture
def car(tmp_path):
    return Bench(runs.Board(tmp_path))


@pytest.mark.parametrize("name", NAMES)
def test_each_output_is_tested_and_its_end_is_told(car, name):
    car.driver.open_cv = 100 if name == "contactor" else car.driver.open_cv
    car.driver.tick(3)
    said = car.good(f"test {name} 1")
    assert said[-1] == f"{name} off, the time is over"
    assert said[:2] == [f"{name} asked for; any key ends it", f"{name}: 1.0 s left"]
    assert not getattr(car.loop.out, name) and not car.loop.service_wanted


def test_alone_it_lists_the_outputs(car):
    assert [line.split()[0] for line in car.good("test")] == list(NAMES)


@pytest.mark.parametrize(
    ("line", "code"),
    [("test horn", 12), ("test nothing", 12), ("test lamp 0", 31), ("test lamp 6", 31),
     ("test lamp x", 31), ("test lamp 1 2", 12)],
)  # fmt: skip
def test_what_is_no_test_is_refused(car, line, code):
    assert car.error(line)[0] == code
    assert not car.loop.output_test.is_asked


def locked(car):
    car.provision()


REFUSALS = {
    "moving": (lambda car: car.driver.roll_at(1000), 88),
    "pedal pressed": (lambda car: setattr(car.driver, "pedal", 500), 22),
    "in gear": (lambda car: car.driver.__dict__.update(key=1, gear=cars.FORWARD), 22),
    "key on": (lambda car: setattr(car.driver, "key", 1), 22),
    "charging": (lambda car: setattr(car.driver, "plug", 1), 22),
    "locked": (locked, 33),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_each_is_refused_when_it_is_no_time_for_it(car, refusal, name):
    prepare, code = REFUSALS[refusal]
    prepare(car)
    car.driver.tick(30)
    assert car.error(f"test {name}")[0] == code
    assert not car.loop.output_test.is_asked and not car.loop.service_wanted


def test_the_service_level_is_enough(car):
    car.provision().unlock(1)
    car.good("test lamp 1")


def test_the_contactor_is_refused_with_a_live_pack_and_its_readings_told(car):
    code, text = car.error("test contactor")
    assert code == 22 and "not dead" in text and "pull the pack's plug" in text


@pytest.mark.parametrize("byte", [0, 13, 32, 120, 127])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "contactor"])
def test_any_byte_ends_it_within_two_ticks(car, name, byte):
    car.begin(name)
    car.console.feed(byte)
    car.main()
    car.main()
    assert not getattr(car.loop.out, name)
    assert f"{name} off, a key ended it\r\nok" in car.settle()


def test_the_line_feed_of_a_terminal_that_sends_both_ends_nothing(car):
    text = car.send("test lamp 1\r\n")
    assert "the time is over" in text


def test_a_touched_brake_ends_it_with_an_error(car):
    car.begin("fan")
    car.driver.brake = 1
    assert "err 22 not-now: fan off: key, plug, gear, brake or pedal changed" in car.settle()


def test_a_wheel_that_turns_is_moving(car):
    car.begin("fan")
    car.driver.wheel.first_pulse += 1
    assert "err 88 moving: fan off" in car.settle()


def test_a_host_that_reads_nothing_any_more_ends_it(car):
    car.begin("lamp")
    car.takes = 0
    slices = 0
    while car.loop.out.lamp:
        car.main()
        slices += 1
    assert slices < 160, "it tells each second, and 0.5 s later it is off"
    car.takes = None
    assert "err 10 failed: lamp off: the port did not take its lines" in car.settle()


def test_an_answer_that_breaks_ends_it(car, monkeypatch):
    car.begin("lamp")
    monkeypatch.setattr(car.console.reply, "is_empty", None)
    car.until(lambda: not car.loop.out.lamp, 60)
    assert not car.loop.service_wanted


def test_a_program_hears_of_the_progress_each_second(car):
    text = car.send("@7 test lamp 3\r")
    lines = [line for line in text.split("\r\n") if "left" in line]
    assert [line.split("lamp: ")[1][:3] for line in lines] == ["3.0", "2.0", "1.0"]
    assert "\r\n@7 ok *" in text
