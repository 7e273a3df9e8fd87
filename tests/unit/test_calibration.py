"""`cal` at the console: what it takes over, what it refuses, and the way back."""

import pytest

from service import calibration
from service.change_log import ChangeLog
from service.seal import Seal
from tests.unit import cars, runs
from tests.unit.benches import Bench

PEDAL = {
    "pedal_a_released_counts": 490, "pedal_a_pressed_counts": 2290,
    "pedal_b_released_counts": 245, "pedal_b_pressed_counts": 1145,
}  # fmt: skip
WHATS = ("pedal", "brake", "current", "wheel")


@pytest.fixture
def car(tmp_path):
    return Bench(runs.Board(tmp_path))


def values(car):
    return car.params.values()


def hold(car, released, a_more=0, b_more=0):
    """Let go of or press the pedal that PEDAL describes."""
    end = "released" if released else "pressed"
    car.driver.pedal_a_counts = PEDAL[f"pedal_a_{end}_counts"] + a_more
    car.driver.pedal_b_counts = PEDAL[f"pedal_b_{end}_counts"] + b_more
    car.driver.tick(5)


def measure_pedal(car, shift=None):
    """Take all six steps; shift(step) is what channel a reads more than it should."""
    hold(car, True)
    car.good("cal pedal start")
    said = []
    for step in range(6):
        hold(car, step % 2 == 0, shift(step) if shift else 0)
        said.append(car.good("cal pedal step"))
    hold(car, True)
    car.driver.tick(20)
    return said


def drive(car, metres, pulses_per_metre=16):
    """Roll metres of the real way, as far as the pulses tell, and stand."""
    pulses = metres * pulses_per_metre
    while pulses:
        newest = min(pulses, 800)  # of a tenth of a second: no more are believed
        car.driver.wheel.first_pulse += newest
        car.driver.tick(10)
        pulses -= newest
    car.driver.tick(250)


# What it takes over


def test_a_pedal_is_led_through_six_steps_and_saved_with_its_log(car):
    said = measure_pedal(car)
    assert "press the pedal" in said[0][-1] and "let the pedal go" in said[1][-1]
    assert "accept" in said[5][-1] and not any(
        "accept" in line for row in said[:5] for line in row
    )
    assert values(car)["pedal_a_released_counts"] == 468
    lines = car.good("cal pedal accept")
    assert "pedal_a_released_counts 468 -> 490 counts" in lines
    again = car.leave()
    assert {name: again.params.get(name) for name in PEDAL} == PEDAL
    assert sum("pedal_" in line for line in again.good("changes")) == 4


@pytest.mark.parametrize("what", ["pedal", "current", "wheel"])
def test_undo_brings_the_values_before_back_also_after_a_restart(car, what):
    before = values(car)
    calibrate(car, what)
    assert values(car) != before
    again = car.leave()
    again.good(f"cal {what} undo")
    assert values(again.leave()) == before


def test_undo_leaves_what_was_edited_by_another(car):
    calibrate(car, "current")
    car.good("set walk_cap_kmh 5", "save", "cal current undo")
    assert car.params.get("pack_a_zero_counts") == 1500 and car.params.get("walk_cap_kmh") == 5


def calibrate(car, what):
    if what == "pedal":
        measure_pedal(car)
        car.good("cal pedal accept")
    elif what == "current":
        car.driver.extra_da = 20
        car.good("cal current start", "cal current step", "cal current accept")
        car.driver.extra_da = 0
    else:
        car.good("cal wheel start")
        drive(car, 100)
        car.good("cal wheel accept 102")


def test_a_brake_is_seen_released_and_pressed(car):
    car.good("cal brake start", "cal brake step")
    assert "brake reads released" in car.error("cal brake step")[1]
    car.driver.brake = 1
    car.driver.tick(5)
    car.good("cal brake step", "cal brake accept")
    assert car.error("cal brake undo")[0] == 24


def test_a_brake_that_reads_pressed_at_rest_is_told(car):
    car.driver.brake = 1
    car.good("cal brake start")
    code, text = car.error("cal brake step")
    assert code == 22 and "brake reads pressed" in text


@pytest.mark.parametrize(("da", "taken"), [(27, True), (-27, True), (35, False), (-35, False)])
def test_a_zero_of_the_current_is_taken_within_3_a_of_the_vehicles(car, da, taken):
    car.driver.extra_da = da
    car.good("cal current start", "cal current step")
    if taken:
        car.good("cal current accept")
        assert car.params.get("pack_a_zero_counts") == 1500 + da * 1000 // 2500
    else:
        code, text = car.error("cal current accept")
        assert code == 31 and "old values kept" in text
        assert car.params.get("pack_a_zero_counts") == 1500


@pytest.mark.parametrize(("what", "kept"), [("current", False), ("pedal", True)])
def test_a_new_zero_of_the_current_is_not_overruled_by_the_last_plug_ins(car, what, kept):
    session = car.driver.loop.charge.session
    session.zero_q4 = 1497 << 4
    latches = session.latches
    calibrate(car, what)
    assert (session.zero_q4 != 0, session.latches == latches) == (kept, kept)


@pytest.mark.parametrize(
    ("line", "kept"), [("set pack_a_zero_counts 1508", False), ("set laden_mass_kg 510", True)]
)
def test_a_zero_that_was_typed_is_not_overruled_either(car, line, kept):
    session = car.driver.loop.charge.session
    session.zero_q4 = 1497 << 4
    car.good(line, "save")
    assert (session.zero_q4 != 0) == kept


@pytest.mark.parametrize(
    ("driven", "told", "circumference"),
    [(100, "100", 1500), (100, "102", 1530), (100, "98.5", 1478), (60, "60.6", 1515)],
)
def test_a_measured_way_gives_the_wheel(car, driven, told, circumference):
    car.good("cal wheel start")
    drive(car, driven)
    said = car.ask(f"cal wheel accept {told}")
    assert abs(car.params.get("wheel_circumference_mm") - circumference) <= 2, said


@pytest.mark.parametrize("metres", [680, 690, 980])
def test_a_wheel_of_many_pulses_is_measured_over_a_way_that_its_counter_does_not_hold(
    tmp_path, metres
):
    fine = {"wheel_circumference_mm": 1000, "pulses_per_turn": 96}
    car = Bench(runs.Board(tmp_path), fine)
    car.good("cal wheel start")
    drive(car, metres, 96)
    car.good(f"cal wheel accept {metres * 1.02:.1f}")
    assert car.params.get("wheel_circumference_mm") == 1020


@pytest.mark.parametrize(
    ("driven", "told", "code"),
    [(49, "49.9", 31), (100, "116", 31), (100, "84", 31), (3, "50", 31), (1100, "1100", 31),
     (100, "x", 31), (100, "-100", 31), (100, "1e3", 31), (100, "100.55", 31),
     (4196, "100", 31)],
)  # fmt: skip
def test_a_way_that_cannot_be_is_refused_and_may_be_told_again(car, driven, told, code):
    car.good("cal wheel start")
    drive(car, driven)
    assert car.error(f"cal wheel accept {told}")[0] == code
    assert car.params.get("wheel_circumference_mm") == 1500
    if driven == 100:
        car.good("cal wheel accept 101")


def test_the_wheel_beyond_5_percent_needs_the_factory_and_waits_for_it(car):
    car.provision().unlock(1)
    car.good("cal wheel start")
    drive(car, 100)
    assert car.error("cal wheel accept 107")[0] == 33
    assert car.params.get("wheel_circumference_mm") == 1500
    car.unlock(2)
    car.good("cal wheel accept 107")
    assert abs(car.params.get("wheel_circumference_mm") - 1605) <= 2
    assert car.rows("seal")[0] == "seal_changes 1"


def test_the_wheel_within_5_percent_needs_only_the_workshop(car):
    car.provision().unlock(1)
    car.good("cal wheel start")
    drive(car, 100)
    car.good("cal wheel accept 104")
    assert abs(car.params.get("wheel_circumference_mm") - 1560) <= 2


def test_fewer_than_100_pulses_are_no_measure_however_well_they_fit(tmp_path):
    coarse = {"wheel_circumference_mm": 2200, "pulses_per_turn": 4}
    car = Bench(runs.Board(tmp_path), coarse)
    car.good("cal wheel start")
    car.driver.wheel.first_pulse += 99
    car.driver.tick(300)
    assert "99 pulses counted, needs 100" in car.error("cal wheel accept 54.4")[1]
    car.driver.wheel.first_pulse += 1
    car.driver.tick(300)
    car.good("cal wheel accept 55")


def test_an_entry_whose_value_never_came_to_be_is_not_undone():
    params = cars.make_params(pack_a_zero_counts=1500)
    changes = ChangeLog(Seal())
    changes.add((1, 1, 0), 36, 1490, 1510, 1)
    assert calibration.values_before(changes, params, calibration.CURRENT) == {}
    changes.add((2, 1, 0), 36, 1490, 1500, 1)
    before = calibration.values_before(changes, params, calibration.CURRENT)
    assert before == {"pack_a_zero_counts": 1490}


# What it refuses


@pytest.mark.parametrize(
    ("shift", "told"),
    [
        (lambda step: -1650 if step % 2 else 0, "needs 200"),
        (lambda step: 60 if step == 2 else 0, "not let go to the same place"),
        (lambda step: 100 if step == 3 else 0, "not pressed to the same place"),
        (lambda step: -880 if step % 2 else 0, "rule pedal_slopes"),
    ],
)
def test_a_pedal_that_cannot_be_is_refused_whole(car, shift, told):
    before = values(car)
    measure_pedal(car, shift)
    code, text = car.error("cal pedal accept")
    assert code == 31 and told in text and "old values kept" in text
    assert values(car) == before and not car.desk.is_edited


def test_ends_that_are_swapped_are_refused(car):
    hold(car, True)
    car.good("cal pedal start")
    for step in range(6):
        hold(car, step % 2 == 1)
        car.good("cal pedal step")
    hold(car, True)
    car.driver.tick(20)
    assert "moved the other way" in car.error("cal pedal accept")[1]


@pytest.mark.parametrize("counts", [40, 41])
def test_a_foot_that_does_not_hold_still_is_no_step(car, counts):
    hold(car, True)
    car.good("cal pedal start")
    main = car.main

    def shaking():
        car.driver.pedal_a_counts = 490 if car.driver.pedal_a_counts != 490 else 490 + counts
        main()

    car.main = shaking
    last = car.ask("cal pedal step")[-1]
    told = "err 31 out-of-range: reading moved 41 mV, 40 at most; "
    assert last == "ok" if counts == 40 else last.startswith(told)


@pytest.mark.parametrize("channel", "ab")
def test_a_reading_that_fails_is_told_as_that_and_is_no_step(car, channel):
    hold(car, True)
    car.good("cal pedal start")
    setattr(car.driver, f"pedal_{channel}_counts", -1)
    code, text = car.error("cal pedal step")
    assert code == 31 and "a reading failed; step not taken; see `io`" in text
    hold(car, True)
    assert "2 of 6" in car.good("cal pedal step")[-1]


REFUSALS = {
    "moving": (lambda car: car.driver.roll_at(1000), 88),
    "pedal pressed": (lambda car: setattr(car.driver, "pedal", 500), 22),
    "in gear": (lambda car: car.driver.__dict__.update(key=1, gear=cars.FORWARD), 22),
    "charging": (lambda car: setattr(car.driver, "plug", 1), 22),
    "locked": (lambda car: car.provision(), 33),
}


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("word", ["start", "undo"])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_each_is_refused_when_it_is_no_time_for_it(car, refusal, word, what):
    prepare, code = REFUSALS[refusal]
    prepare(car)
    car.driver.tick(30)
    assert car.error(f"cal {what} {word}")[0] == code
    assert not car.desk.is_edited


@pytest.mark.parametrize("what", ["pedal", "current", "wheel"])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_was_measured_is_not_accepted_when_it_is_no_time_for_it(car, refusal, what):
    before = values(car)
    if what == "pedal":
        measure_pedal(car)
        car.driver.pedal_a_counts = car.driver.pedal_b_counts = None
    elif what == "current":
        car.good("cal current start", "cal current step")
    else:
        car.good("cal wheel start")
        drive(car, 100)
    prepare, code = REFUSALS[refusal]
    prepare(car)
    car.driver.tick(30)
    metres = " 102" if what == "wheel" else ""
    assert car.error(f"cal {what} accept{metres}")[0] == code
    assert values(car) == before


@pytest.mark.parametrize("what", ["pedal", "brake", "current"])
@pytest.mark.parametrize(
    ("change", "code"),
    [({"key": 1}, 22), ({"plug": 1}, 22), ({"gear": cars.REVERSE}, 22), ("moving", 88)],
)
def test_no_step_is_taken_while_the_car_could_do_anything(car, change, code, what):
    car.good(f"cal {what} start")
    if change == "moving":
        car.driver.wheel.first_pulse += 1
    else:
        car.driver.__dict__.update(change)
    car.driver.tick(10)
    assert car.error(f"cal {what} step")[0] == code


def test_a_key_that_is_turned_during_a_step_spoils_it(car):
    car.good("cal pedal start")
    main = car.main

    def turning():
        main()
        if car.console._console.is_busy():
            slices.append(1)
        car.driver.key = 1 if len(slices) > 20 else 0

    slices = []
    car.main = turning
    assert car.error("cal pedal step")[0] == 22
    car.main = main
    assert car.good("cal")[0] == "under way: pedal, step 0 of 6"


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("word", ["step", "accept", "abort"])
def test_nothing_goes_on_that_was_not_begun(car, word, what):
    line = f"cal {what} {word}" + (" 100" if (what, word) == ("wheel", "accept") else "")
    assert car.error(line)[0] == 24


def test_nothing_is_accepted_before_its_last_step_nor_after_an_abort(car):
    car.good("cal pedal start", "cal pedal step")
    assert car.error("cal pedal accept")[0] == 24
    car.good("cal pedal abort")
    assert car.error("cal pedal step")[0] == 24


@pytest.mark.parametrize(
    "line", ["cal horn start", "cal pedal", "cal pedal jump", "cal wheel accept",
             "cal pedal accept 5", "cal wheel start 5"],
)  # fmt: skip
def test_what_is_no_calibration_is_refused(car, line):
    assert car.error(line)[0] == 12


@pytest.mark.parametrize("edits", [["set walk_cap_kmh 5"], ["begin"], ["restore begin"]])
def test_other_edits_are_not_written_with_it(car, edits):
    car.good("cal current start", "cal current step", *edits)
    assert "other edits are not saved" in car.error("cal current accept")[1]


@pytest.mark.parametrize("edits", [["set walk_cap_kmh 5"], ["begin"], ["restore begin"]])
def test_other_edits_are_told_before_the_first_step(car, edits):
    car.good(*edits)
    assert "other edits are not saved" in car.error("cal pedal start")[1]


def test_flash_that_refuses_it_leaves_the_old_values(car):
    car.driver.extra_da = 20
    car.good("cal current start", "cal current step")
    car.board.files.full = True
    assert car.error("cal current accept")[0] == 72
    assert car.params.get("pack_a_zero_counts") == 1500


def test_alone_it_tells_what_is_under_way_and_what_is_read(car):
    car.good("cal brake start", "cal brake step")
    said = car.good("cal")
    assert said[0] == "under way: brake, step 1 of 2"
    assert said[1].startswith("pedal a 468 mV, b 234 mV, current 1500 mV")
