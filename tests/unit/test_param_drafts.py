"""Edits, dumps and seals at the console: all of a change or nothing, by who may, and logged."""

import re
from binascii import crc32

import pytest

from service.param_levels import LEVELS, level_of
from service.seal import SEALED
from tests.unit import cars, runs
from tests.unit.garage import PROVISION, VALUES, Garage
from vcu.params import OK, TABLE

NAMES = [row[1] for row in TABLE]


board = pytest.fixture(runs.board_in)


@pytest.fixture
def car(board):
    return Garage(board)


@pytest.fixture
def locked(car):
    return car.provision()


def checksum(lines):
    return f"checksum {crc32(''.join(line + chr(10) for line in lines).encode()):08X}"


def restore(car, lines):
    """Return the last answer; every line before it is given, whatever is said."""
    car.ask("restore begin")
    for line in lines[:-1]:
        car.ask(line)
    return car.ask(lines[-1])[-1]


# Staged edits


def test_staged_edits_change_nothing_before_commit_and_everything_at_it(car):
    before = car.params.values()
    said = car.good("begin", "set walk_cap_kmh=5", "set reverse_cap_kmh 6")
    assert said == ["reverse_cap_kmh 8 -> 6 km/h; staged: `commit`, then `save`"]
    assert car.params.values() == before and not car.desk.is_edited
    assert car.good("show") == [
        "reverse_cap_kmh 8 -> 6 km/h staged",
        "walk_cap_kmh 6 -> 5 km/h staged",
    ]
    assert car.good("commit") == ["2 taken over; in use after `save` and `reboot`"]
    assert car.params.values() == before | {"walk_cap_kmh": 5, "reverse_cap_kmh": 6}
    assert car.good("show")[0] == "reverse_cap_kmh 8 -> 6 km/h not saved"
    car.good("save")
    assert car.good("show") == ["nothing staged, and nothing to save"]
    assert car.leave().params.get("walk_cap_kmh") == 5


def test_a_broken_rule_between_two_values_refuses_both_and_keeps_them_staged(car):
    car.good("begin", "set motor_hot_ddegc=1400", "set motor_stop_ddegc=1300")
    code, text = car.error("commit")
    assert code == 31 and "rule motor_temp broken; nothing changed, edits stay staged" in text
    assert car.params.get("motor_hot_ddegc") == 1100 and not car.desk.is_edited
    car.good("set motor_stop_ddegc=1500", "commit")
    assert car.params.get("motor_hot_ddegc") == 1400


def test_two_values_that_only_fit_together_go_in_together(car):
    # One after the other either would break the rule.
    car.good("begin", "set motor_hot_ddegc=1500", "set motor_stop_ddegc=1600", "commit", "save")
    kept = car.leave().params
    assert (kept.get("motor_hot_ddegc"), kept.get("motor_stop_ddegc")) == (1500, 1600)


def test_abort_drops_what_is_staged(car):
    car.good("begin", "set walk_cap_kmh=5")
    assert car.good("abort") == ["1 edits dropped; parameters as they were"]
    assert car.error("commit")[0] == 24 and car.error("abort")[0] == 24
    assert car.params.get("walk_cap_kmh") == 6


def test_begin_again_drops_what_a_client_left_behind(car):
    car.good("begin", "set walk_cap_kmh=5")
    assert car.good("begin")[0] == "1 staged before were dropped"
    car.good("commit")
    assert car.params.get("walk_cap_kmh") == 6


def test_nothing_is_saved_while_edits_are_staged(car):
    car.good("begin", "set walk_cap_kmh=5")
    assert car.error("save")[0] == 24
    assert car.leave().params.get("walk_cap_kmh") == 6


@pytest.mark.parametrize("line", ["set walk_cap_kmh=99", "set walk_cap_kmh=x", "set nothing=1"])
def test_an_edit_that_is_refused_is_not_staged(car, line):
    car.good("begin")
    assert car.error(line)[0] in (12, 31)
    assert car.good("show") == ["nothing staged, and nothing to save"]


def test_a_car_that_drives_takes_nothing_over(car):
    car.good("begin", "set walk_cap_kmh=5")
    car.driver.engage()
    assert car.error("commit")[0] == 22
    assert car.params.get("walk_cap_kmh") == 6


def test_ctrl_c_in_the_middle_of_a_commit_leaves_all_or_nothing(car):
    before = car.params.values()
    for slices in range(1, 30):
        car.good("begin", "set walk_cap_kmh=5", "set reverse_cap_kmh=6", "set stab_ms=100")
        for byte in b"commit\r":
            car.console.feed(byte)
        for _ in range(slices):
            car.main()
        car.driver.gear = cars.FORWARD
        car.driver.tick(2)
        car.console.feed(3)
        car.settle()
        car.driver.gear = cars.NEUTRAL
        car.driver.tick(250)
        changed = {n for n, v in car.params.values().items() if v != before[n]}
        assert changed in (set(), {"walk_cap_kmh", "reverse_cap_kmh", "stab_ms"})
        for name, value in before.items():
            car.params.set(name, value)
        car.ask("abort")


# Defaults


def test_defaults_stages_the_vehicles_own_values_not_the_tables(car):
    car.good("set speed_cap_kmh 50", "set walk_cap_kmh 5", "save")
    said = car.good("defaults")
    assert said[:2] == ["speed_cap_kmh 50 -> 45 km/h staged", "walk_cap_kmh 5 -> 6 km/h staged"]
    car.good("commit")
    assert car.params.values() == car.run.params.values()
    assert car.params.get("speed_cap_kmh") == VALUES["speed_cap_kmh"] != 40


def test_defaults_of_a_group_leaves_the_others(car):
    car.good("set speed_cap_kmh 50", "set walk_cap_kmh 5", "defaults walk*", "commit")
    assert (car.params.get("speed_cap_kmh"), car.params.get("walk_cap_kmh")) == (50, 6)


def test_defaults_does_not_put_the_old_packs_currents_on_another_pack(car):
    for name, value in (("capacity_mah", 50000), ("charge_max_da", 60), ("walk_cap_kmh", 5)):
        assert car.params.set(name, value) == OK
    said = car.good("defaults")
    assert "charge_max_da stays: it belongs to the other pack" in said
    car.good("commit")
    assert car.params.get("charge_max_da") == 60 and car.params.get("walk_cap_kmh") == 6


# Dump, diff and restore


def test_a_dump_has_every_value_and_a_checksum_over_them(car):
    lines = car.dump()
    assert lines[:-1] == [f"{name}={car.params.get(name)}" for name in NAMES]
    assert lines[-1] == checksum(lines[:-1])


def test_diff_shows_what_is_not_the_default_and_marks_what_is_not_the_vehicles(car):
    car.good("set walk_cap_kmh 5")
    assert car.good("diff") == [
        "speed_cap_kmh 45 km/h (default 40, vehicle 45)",
        "wheel_circumference_mm 1500 mm (default 1350, vehicle 1500)",
        "walk_cap_kmh 5 km/h (default 6, vehicle 6) changed",
    ]


def test_a_plain_number_and_a_choice_are_shown_without_a_unit(car):
    said = car.good("begin", "set learner_on=1")
    assert said == ["learner_on 0 -> 1; staged: `commit`, then `save`"]
    assert car.good("set charger_kind 1")[0].startswith("charger_kind 0 -> 1; staged")
    assert "charger_kind 0 -> 1 staged" in car.good("show")
    car.good("commit")
    assert "learner_on 1 (default 0, vehicle 0) changed" in car.good("diff")


def test_a_restored_dump_is_the_same_on_another_board(car, tmp_path):
    car.good("set speed_cap_kmh 50", "set walk_cap_kmh 5", "set pedal_a_released_counts 470")
    lines = car.dump()
    (tmp_path / "other").mkdir()
    other = Garage(runs.Board(tmp_path / "other"), {"speed_cap_kmh": 40})
    assert restore(other, lines) == "ok"
    assert other.params.values() == car.params.values()
    other.good("save")
    assert other.leave().params.values() == car.params.values()


@pytest.mark.parametrize("at", [0, 20, -2])
@pytest.mark.parametrize("damage", ["digit", "lost", "twice", "range", "name"])
def test_a_damaged_dump_changes_nothing(car, at, damage):
    before = car.params.values()
    lines = car.good("set walk_cap_kmh 5", "dump")
    car.good("set walk_cap_kmh 6")
    name, value = lines[at].split("=")
    changed = {
        "digit": [f"{name}={int(value) + 1}"], "lost": [], "twice": [lines[at]] * 2,
        "range": [f"{name}=999999999"], "name": [f"x{lines[at]}"],
    }[damage]  # fmt: skip
    lines[at : at + 1 or None] = changed
    answer = restore(car, lines)
    assert (
        answer.startswith(("err 73 bad-crc", "err 12 bad-argument"))
        and "nothing changed" in answer
    )
    assert car.params.values() == before
    assert car.error(lines[-1])[0] == 24


def test_a_refused_line_spoils_the_dump_even_where_the_checksum_fits_the_rest(car):
    lines = ["walk_cap_kmh=5", "stab_ms=100"]
    car.good("restore begin", lines[0])
    car.error("walk_cap_kmh=99")
    car.good(lines[1])
    assert car.error(checksum(lines))[0] == 12
    assert car.params.get("walk_cap_kmh") == 6


def test_a_dump_that_breaks_a_rule_is_refused_whole(car):
    lines = ["walk_cap_kmh=5", "motor_stop_ddegc=1000"]
    assert restore(car, [*lines, checksum(lines)]).startswith(
        "err 31 out-of-range: rule motor_temp"
    )
    assert car.params.get("walk_cap_kmh") == 6 and not car.desk.is_edited


def test_a_dump_of_another_pack_is_refused_until_that_is_swapped(car):
    lines = ["walk_cap_kmh=5", "cell_count=30"]
    car.good("restore begin", lines[0])
    code, text = car.error(lines[1])
    assert code == 22 and "another pack's; nothing changed; swap it first" in text
    assert car.error(checksum(lines))[0] == 12
    assert car.params.get("cell_count") == 24 and car.params.get("walk_cap_kmh") == 6


def test_a_dump_line_without_restore_is_no_command(car):
    assert car.error("walk_cap_kmh=5")[0] == 11
    assert car.error("checksum 00000000")[0] == 24


# Levels


def test_every_level_is_a_parameters_and_comfort_makes_no_car_faster():
    assert {name for name, _ in LEVELS} <= set(NAMES)
    assert [name for name in NAMES if level_of(name) == 0] == [
        "pedal_curve_permille", "coast_regen_permille", "consumption_wh_km",
    ]  # fmt: skip
    assert [name for name in NAMES if level_of(name) == 2] == ["speed_cap_kmh"]


@pytest.mark.parametrize("way", ["set", "staged"])
@pytest.mark.parametrize(
    "name", [n for n in NAMES if n not in ("chemistry", "cell_count", "capacity_mah")]
)
def test_each_parameter_is_refused_below_its_level(locked, name, way):
    if way == "staged":
        locked.good("begin")
    for level in range(3):
        locked.access.level = level
        line = f"set {name}={locked.params.get(name)}"
        if level < level_of(name):
            assert locked.error(line)[0] == 33
        else:
            locked.good(line)


def test_an_edit_made_at_a_level_is_not_saved_below_it(locked):
    locked.unlock(2)
    locked.good("set speed_cap_kmh 50", "lock")
    assert "needs level 2" in locked.error("save")[1]
    locked.unlock(1)
    assert locked.error("save")[0] == 33
    assert locked.leave().params.get("speed_cap_kmh") == 45


def test_an_edit_staged_at_a_level_is_not_taken_over_below_it(locked):
    locked.unlock(2)
    locked.good("begin", "set speed_cap_kmh 50")
    locked.access.lock()
    assert "needs level 2" in locked.error("commit")[1]
    assert locked.params.get("speed_cap_kmh") == 45


def test_comfort_is_saved_by_anyone(locked):
    locked.good("set pedal_curve_permille 300", "save")
    assert locked.leave().params.get("pedal_curve_permille") == 300


@pytest.mark.parametrize(
    ("edits", "level"),
    [(["wheel_circumference_mm=1575"], 1), (["wheel_circumference_mm=1576"], 2),
     (["wheel_circumference_mm=1425"], 1), (["wheel_circumference_mm=1424"], 2),
     (["pulses_per_turn=25"], 1), (["pulses_per_turn=26"], 2),
     (["wheel_circumference_mm=2000", "pulses_per_turn=32"], 1),
     (["wheel_circumference_mm=1563", "pulses_per_turn=23"], 2), (["learner_cap_kmh=30"], 1)],
)  # fmt: skip
def test_the_wheel_moves_5_percent_for_the_workshop_and_further_for_the_factory(
    locked, edits, level
):
    locked.unlock(1)
    locked.good("begin", *[f"set {edit}" for edit in edits])
    answer = locked.ask("commit")[-1]
    assert answer == "ok" if level == 1 else "needs level 2" in answer
    if level == 2:
        locked.unlock(2)
        locked.good("commit")
    locked.good("save")


def test_the_5_percent_are_in_total_since_provisioning_not_from_change_to_change(locked):
    locked.unlock(1)
    locked.good("set wheel_circumference_mm 1550", "save")
    again = locked.leave()
    again.unlock(1)
    assert again.error("set wheel_circumference_mm 1600")[0] == 33
    again.good("set wheel_circumference_mm 1575", "save")


@pytest.mark.parametrize("name", SEALED)
def test_a_restore_that_carries_a_sealed_value_needs_the_factory_even_if_it_is_the_same(
    locked, name
):
    lines = [f"{name}={locked.params.get(name)}"]
    locked.unlock(1)
    locked.good("restore begin")
    assert "needs level 2" in locked.error(lines[0])[1]
    assert restore(locked, [*lines, checksum(lines)]).startswith("err 12")
    locked.unlock(2)
    assert restore(locked, [*lines, checksum(lines)]) == "ok"


def test_a_restore_without_sealed_values_needs_the_service_level(locked):
    lines = ["walk_cap_kmh=5"]
    assert restore(locked, [*lines, checksum(lines)]).startswith("err 12")
    locked.unlock(1)
    assert restore(locked, [*lines, checksum(lines)]) == "ok"


# Seal and change log


def seal_rows(car):
    return car.rows("seal")


def test_id_shows_the_seal_and_its_four_values(car):
    assert seal_rows(car) == [
        "seal_changes 0", "sealed_speed_cap_kmh 45", "sealed_learner_cap_kmh 20",
        "sealed_wheel_circumference_mm 1500", "sealed_pulses_per_turn 24",
    ]  # fmt: skip


def test_a_saved_change_counts_and_an_edit_does_not(locked):
    locked.unlock(2)
    locked.good("set speed_cap_kmh 50")
    assert seal_rows(locked)[:2] == ["seal_changes 0", "sealed_speed_cap_kmh 45"]
    locked.good("save")
    again = locked.leave()
    assert seal_rows(again)[:2] == ["seal_changes 1", "sealed_speed_cap_kmh 50"]
    again.unlock(2)
    again.good("set speed_cap_kmh 45", "save")
    assert seal_rows(again.leave())[:2] == ["seal_changes 2", "sealed_speed_cap_kmh 45"]


def test_what_is_not_sealed_leaves_the_seal(locked):
    locked.unlock(1)
    locked.good("set walk_cap_kmh 5", "save")
    assert seal_rows(locked)[0] == "seal_changes 0"


def test_a_cap_that_was_changed_behind_the_consoles_back_is_found_at_the_start(locked):
    flashed = locked.leave(VALUES | {"speed_cap_kmh": 56})
    assert flashed.params.get("speed_cap_kmh") == 56
    assert seal_rows(flashed)[0] == "seal_changes 1"
    flashed.settle()
    again = flashed.leave()
    assert seal_rows(again)[0] == "seal_changes 1"
    assert again.good("changes")[-1].endswith("found-at-start: speed_cap_kmh 45 -> 56")


def test_provisioning_again_counts_as_a_change(locked):
    locked.unlock(2)
    locked.good(PROVISION)
    assert seal_rows(locked.leave())[0] == "seal_changes 1"


def test_a_lost_seal_says_that_it_was_lost_for_ever(locked, board):
    board.rot("changes")
    again = locked.leave()
    assert seal_rows(again)[0] == "seal_changes 0 or more: the record was lost once"
    again.unlock(2)
    again.good("set speed_cap_kmh 50", "save")
    assert seal_rows(again.leave())[0] == "seal_changes 1 or more: the record was lost once"


def test_the_log_tells_who_changed_what_and_when(car):
    car.good("time 1795400000", PROVISION, "lock")
    car.unlock(1)
    car.good("set walk_cap_kmh 5", "set stab_ms 100", "save")
    car.unlock(2)
    car.good("time 1795400100", "set speed_cap_kmh 50", "save")
    lines = car.leave().good("changes")
    lines = [re.sub(r"^\d+ s", "N s", line) for line in lines]
    assert lines == [
        "N s, key cycle 0, 2026-11-23 02:13 UTC, anyone: provisioned",
        "N s, key cycle 0, 2026-11-23 02:13 UTC, service: walk_cap_kmh 6 -> 5",
        "N s, key cycle 0, 2026-11-23 02:13 UTC, service: stab_ms 250 -> 100",
        "N s, key cycle 0, 2026-11-23 02:15 UTC, factory: speed_cap_kmh 45 -> 50",
    ]


def test_a_change_without_a_clock_is_in_the_log_at_an_unknown_time(car):
    car.good(PROVISION)
    assert car.good("changes")[0].endswith(
        ", key cycle 0, at an unknown time, anyone: provisioned"
    )


def test_a_swapped_pack_is_in_the_log_too(car):
    car.good("pack agm 30 80 bms none", "pack confirm")
    names = {line.split(": ")[1].split()[0] for line in car.leave().good("changes")}
    assert {"chemistry", "cell_count", "capacity_mah"} <= names


def test_an_edit_that_is_not_saved_is_not_in_the_log(car):
    car.good("set walk_cap_kmh 5")
    assert car.good("changes") == ["no parameter was ever written"]


def test_the_log_is_in_flash_before_the_value_is(car, board):
    """Wherever the power is cut, a new value has its entry; an entry without it may stand."""
    for cut in range(0, 24):
        car = Garage(board).leave()
        value = 5 if car.params.get("walk_cap_kmh") == 6 else 6
        before = len(car.good("changes"))
        car.good(f"set walk_cap_kmh {value}")
        for byte in b"save\r":
            car.console.feed(byte)
        changes = board.files.changes
        for _ in range(200):
            if board.files.changes - changes >= cut:
                break
            car.main()
        again = car.leave()
        if again.params.get("walk_cap_kmh") == value:
            assert f"-> {value}" in again.good("changes")[-1]
        assert len(again.good("changes")) >= min(before, 1)
