"""The fault table and its rows: when each is confirmed, when it heals, what a person may clear."""

import re
from pathlib import Path

import pytest

from tests.unit.cars import number_of
from vcu import faults
from vcu.faults import (
    CLASS_NAMES,
    CRAWL,
    DRIVER,
    KEY,
    LATCH_NAMES,
    PACK,
    PEDAL,
    PERSON,
    SELF,
    STOP,
    SYSTEM,
    TABLE,
    TRACTION,
    WORD_SHIFT,
    WORDS,
    Faults,
    row_of,
)

ROWS = [(word, bit, row) for word in range(WORDS) for bit, row in enumerate(TABLE[word])]
NAMES = [row[1] for _, _, row in ROWS]
each_row = pytest.mark.parametrize(("word", "bit", "row"), ROWS, ids=NAMES)
# Of the SYSTEM word: from here on the bits of a charge.
FIRST_OF_CHARGING = 12


def step(table, names, dt_ms=10, key_on=1, released=0, word=None):
    """Let dt_ms pass with the conditions of these names, of one word; the names it confirms."""
    places = [divmod(number_of(name), WORD_SHIFT) for name in names.split()]
    words = {word for word, _ in places} or {word}
    (word,) = words
    bits = table.step(word, sum(1 << bit for _, bit in places), key_on, released, dt_ms)
    return {row[1] for bit, row in enumerate(TABLE[word]) if bits >> bit & 1}


def steps_to(time_ms):
    """Steps that add up to time_ms, the last of them 1 ms."""
    return [500] * ((time_ms - 1) // 500) + [(time_ms - 1) % 500, 1]


def active(table):
    return {row[1] for word, bit, row in ROWS if table.active[word] >> bit & 1}


def stored(table):
    return {row[1] for word, bit, row in ROWS if table.stored[word] >> bit & 1}


def confirmed(row_name):
    """A table in which this row is active, its timers all at 0."""
    table = Faults()
    confirm_ms = row_of(number_of(row_name))[4]
    for _ in range(confirm_ms // 500 + 1):
        step(table, row_name, dt_ms=500)
    assert active(table) == {row_name}
    return table


# --- the table


def test_there_are_at_least_45_rows_and_no_word_is_longer_than_24():
    assert len(ROWS) >= 45
    assert len(TABLE) == WORDS
    assert all(0 < len(rows) <= WORD_SHIFT == 24 for rows in TABLE)


def test_a_blink_code_is_two_digits_without_a_zero_and_means_one_row():
    ids = [row[0] for _, _, row in ROWS]
    assert all(re.fullmatch("[1-9][1-9]", str(row_id)) for row_id in ids)
    assert len(set(ids)) == len(ids)


def test_ids_rise_within_the_table_and_those_of_charging_among_themselves():
    charging = [row[0] for row in TABLE[SYSTEM][FIRST_OF_CHARGING:]]
    others = [row[0] for _, _, row in ROWS if row[0] not in charging]
    assert charging == sorted(charging)
    assert others == sorted(others)


def test_names_are_unique_words():
    assert len(set(NAMES)) == len(NAMES)
    assert all(re.fullmatch("[a-z][a-z0-9_]{2,23}", name) for name in NAMES)


def test_a_dtc_is_a_powertrain_or_network_code_of_sae_j2012_and_means_one_row():
    codes = [row[2] for _, _, row in ROWS]
    assert all(re.fullmatch("[PU][0-3][0-9A-F]{3}", code) for code in codes)
    assert len(set(codes)) == len(codes)


@each_row
def test_every_row_has_a_class_a_latch_and_times_that_its_timer_can_count(word, bit, row):
    _, _, _, kind, confirm_ms, heal_ms, latch = row
    assert CLASS_NAMES[kind] in ("STOP", "CRAWL", "DERATE", "WARN")
    assert LATCH_NAMES[latch] in ("self", "pedal", "key", "person")
    assert 0 <= confirm_ms < 65535
    assert 0 <= heal_ms < 65535


def test_classes_and_latches_have_their_names_at_their_numbers():
    for number, name in enumerate(CLASS_NAMES):
        assert getattr(faults, name) == number
    for number, name in enumerate(LATCH_NAMES):
        assert getattr(faults, name.upper()) == number


def test_what_takes_the_speed_or_a_pedal_channel_away_crawls_and_what_pulls_stops():
    kinds = {row[1]: row[3] for _, _, row in ROWS}
    for name in ("pedal_a_low", "pedal_b_high", "speed_lost", "speed_stopped", "speed_erratic"):
        assert kinds[name] == CRAWL
    for name in ("unintended_drive", "guard_torque", "throttle_high", "enable_stuck_on"):
        assert kinds[name] == STOP


def test_the_readme_prints_every_row_with_its_class_times_and_latch():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = readme.split("<!-- generated: faults -->")[1].split("<!-- end -->")[0]
    printed = [line.split(" | ")[:7] for line in section.splitlines() if re.match(r"\| \d", line)]
    assert printed == [
        [f"| {row_id}", f"`{name}`", dtc, CLASS_NAMES[kind], str(confirm_ms), str(heal_ms), latch]
        for row_id, name, dtc, kind, confirm_ms, heal_ms, latch in (
            (*row[:6], LATCH_NAMES[row[6]]) for _, _, row in ROWS
        )
    ]


@each_row
def test_a_row_is_found_by_its_number(word, bit, row):
    assert row_of(24 * word + bit) == row


@pytest.mark.parametrize("none", [24 * word + len(TABLE[word]) for word in range(WORDS)] + [96])
def test_a_number_without_a_row_is_an_error(none):
    with pytest.raises(IndexError):
        row_of(none)


# --- confirm


def test_a_new_table_has_nothing_wrong():
    table = Faults()
    assert (table.present, table.active, table.stored) == ([0] * 4, [0] * 4, [0] * 4)
    assert (table.is_stopped, table.is_crawling, table.stop_id) == (False, False, 0)
    assert (table.changes, sum(table.counts)) == (0, 0)
    assert len(table.counts) == WORDS * WORD_SHIFT


@each_row
def test_a_row_is_confirmed_at_its_time_and_not_a_millisecond_earlier(word, bit, row):
    table = Faults()
    for dt_ms in steps_to(row[4]) if row[4] else [0]:
        assert table.active[word] == 0
        bits = table.step(word, 1 << bit, 1, 0, dt_ms)
        assert bits == table.active[word]
    assert table.counts[word * WORD_SHIFT + bit] == 1
    assert active(table) == stored(table) == {row[1]}
    assert table.present[word] == 1 << bit
    assert bits == 1 << bit
    assert table.changes == 1
    assert table.is_stopped == (row[3] == STOP)
    assert table.is_crawling == (row[3] == CRAWL)
    assert table.stop_id == (row[0] if row[3] == STOP else 0)


@each_row
def test_a_row_that_is_interrupted_starts_its_time_again(word, bit, row):
    table = Faults()
    if row[4] == 0:
        table.step(word, 1 << bit, 1, 0, 0)
        assert active(table) == {row[1]}
        return
    for _ in range(3):
        for dt_ms in steps_to(row[4])[:-1]:
            assert table.step(word, 1 << bit, 1, 0, dt_ms) == 0
        assert table.step(word, 0, 1, 0, 1) == 0
    assert active(table) == set()
    assert table.changes == 0


def test_rows_are_timed_each_for_itself():
    table = Faults()
    step(table, "pedal_a_low", 90)
    step(table, "pedal_a_low pedal_b_low", 9)
    step(table, "pedal_a_low pedal_b_low", 1)
    assert active(table) == {"pedal_a_low"}
    step(table, "pedal_b_low", 90)
    assert active(table) == {"pedal_a_low", "pedal_b_low"}


def test_a_word_leaves_the_others_alone():
    table = Faults()
    for _ in range(200):
        step(table, "pedal_a_low", 100)
        step(table, "rail_low", 100)
    assert active(table) == {"pedal_a_low", "rail_low"}
    step(table, "", 10, word=TRACTION)
    assert table.present[DRIVER] == 1
    assert table.present[SYSTEM] == 1
    assert table.present[PACK] == 0


def test_a_step_longer_than_half_a_second_counts_as_that():
    table = Faults()
    for _ in range(9):
        step(table, "pedal_pressed_at_start", 60000)
    assert active(table) == set()
    step(table, "pedal_pressed_at_start", 499)
    assert active(table) == set()
    step(table, "pedal_pressed_at_start", 1)
    assert active(table) == {"pedal_pressed_at_start"}


def test_a_row_that_is_active_and_present_is_not_confirmed_again():
    table = confirmed("rail_low")
    for _ in range(300):
        assert step(table, "rail_low", 500) == set()
    assert (table.changes, table.counts[number_of("rail_low")]) == (1, 1)


def test_each_confirmation_is_counted_and_reported():
    table = confirmed("rail_low")
    for _ in range(5):
        assert step(table, "", 500, word=SYSTEM) == set()
    assert (active(table), table.changes) == (set(), 2)
    assert step(table, "rail_low", 500) == {"rail_low"}
    assert (table.changes, table.counts[number_of("rail_low")]) == (3, 2)


def test_the_count_of_a_row_and_the_changes_stay_in_16_bits():
    table = Faults()
    table.counts[number_of("contactor_welded")] = 65534
    table.changes = 65533
    for expected in (65535, 65535):
        step(table, "contactor_welded")
        assert table.counts[number_of("contactor_welded")] == expected
        step(table, "", key_on=0, word=PACK)
    assert table.changes == 1
    table.recall(number_of("contactor_welded"))
    assert table.counts[number_of("contactor_welded")] == 65535


# --- heal


@each_row
def test_a_row_stops_at_its_heal_time_when_its_latch_lets_go_and_not_earlier(word, bit, row):
    table = confirmed(row[1])
    free = {"key_on": 0, "released": 1}
    for dt_ms in steps_to(row[5]) if row[5] else [0]:
        assert table.active[word]
        step(table, "", dt_ms, word=word, **free)
    assert (active(table) == set()) == (row[6] != PERSON)
    assert stored(table) == {row[1]}
    assert table.is_stopped == (row[6] == PERSON and row[3] == STOP)
    assert not table.is_crawling
    assert table.changes == (1 if row[6] == PERSON else 2)


HOLDS = {
    SELF: [],
    PEDAL: [(0, 0), (1, 0)],
    KEY: [(1, 0), (1, 1)],
    PERSON: [(0, 0), (0, 1), (1, 0), (1, 1)],
}


@each_row
@pytest.mark.parametrize("key_on", [0, 1])
@pytest.mark.parametrize("released", [0, 1])
def test_a_latch_holds_its_row_however_long_the_condition_is_gone(
    word, bit, row, key_on, released
):
    table = confirmed(row[1])
    for _ in range(150):
        step(table, "", 500, word=word, key_on=key_on, released=released)
    is_held = (key_on, released) in HOLDS[row[6]]
    assert (active(table) == {row[1]}) == is_held
    if is_held and row[6] != PERSON:
        # Its time has passed: the latch alone is missing.
        step(table, "", 1, word=word, key_on=0, released=1)
        assert active(table) == set()


def test_a_row_whose_condition_comes_back_before_it_has_healed_heals_from_the_start():
    table = confirmed("rail_low")
    for _ in range(3):
        step(table, "", 500, word=SYSTEM)
    step(table, "rail_low", 1)
    step(table, "", 500, word=SYSTEM)
    assert active(table) == {"rail_low"}
    for _ in range(3):
        step(table, "", 500, word=SYSTEM)
    assert active(table) == set()
    assert table.changes == 2


def test_the_latch_must_let_go_when_the_time_has_passed_and_not_before():
    table = confirmed("pedal_a_low")
    step(table, "", 400, released=1, word=DRIVER)
    step(table, "", 500, released=0, word=DRIVER)
    step(table, "", 500, released=0, word=DRIVER)
    assert active(table) == {"pedal_a_low"}
    step(table, "", 1, released=1, word=DRIVER)
    assert active(table) == set()


def test_what_its_latch_held_for_two_and_a_half_hours_stops_as_soon_as_it_is_free():
    table = confirmed("guard_data")
    for _ in range(2**23 // 500 + 1):  # whole laps of a smaller clock would look like no time
        table.step(TRACTION, 0, 1, 0, 500)
    step(table, "", 1, key_on=0, word=TRACTION)
    assert active(table) == set()


# --- what the car does


def test_of_several_that_stop_the_first_in_the_table_has_its_code_shown():
    table = Faults()
    step(table, "contactor_stuck_open contactor_welded")
    assert table.stop_id == 74
    step(table, "guard_speed guard_torque")
    assert table.stop_id == 42
    step(table, "guard_speed", 500, key_on=0)
    step(table, "guard_speed", 500, key_on=0)
    assert table.stop_id == 43
    step(table, "", 1000, key_on=0, word=TRACTION)
    step(table, "", 1000, key_on=0, word=TRACTION)
    assert table.stop_id == 74
    assert table.is_stopped
    step(table, "", key_on=0, word=PACK)
    assert (table.stop_id, table.is_stopped) == (0, False)


def test_a_car_crawls_as_long_as_one_row_of_that_class_is_active():
    table = confirmed("pedal_a_low")
    step(table, "speed_stopped")
    assert table.is_crawling
    step(table, "", 500, released=1, word=DRIVER)
    step(table, "", 500, released=1, word=DRIVER)
    assert active(table) == {"speed_stopped"}
    assert table.is_crawling
    for _ in range(4):
        step(table, "", 500, released=1, word=TRACTION)
    assert (table.is_crawling, table.is_stopped) == (False, False)


def test_rows_of_different_classes_do_not_hide_each_other():
    table = Faults()
    step(table, "speed_stopped guard_data enable_stuck_off", 200)
    assert (table.is_stopped, table.is_crawling, table.stop_id) == (True, True, 45)


# --- a person


def test_clearing_takes_what_is_no_longer_present_whatever_its_latch():
    table = Faults()
    step(table, "parameters_lost records_lost reset_by_watchdog")
    step(table, "", word=SYSTEM)
    assert len(active(table)) == 3
    changes = table.changes
    table.clear()
    assert active(table) == stored(table) == set()
    assert sum(table.counts) == 0
    assert (table.is_stopped, table.stop_id) == (False, 0)
    assert table.changes > changes


def test_clearing_keeps_what_is_still_present_active_and_stored_with_its_count():
    table = Faults()
    step(table, "parameters_lost")
    step(table, "guard_data")
    step(table, "speed_stopped")  # guard_data is gone, and latched
    table.clear()
    assert active(table) == stored(table) == {"parameters_lost", "speed_stopped"}
    assert table.counts[number_of("parameters_lost")] == 1
    assert table.counts[number_of("speed_stopped")] == 1
    assert table.counts[number_of("guard_data")] == 0
    assert (table.is_stopped, table.stop_id, table.is_crawling) == (True, 91, True)


def test_clearing_forgets_what_healed_and_tells_that_there_is_something_to_save():
    table = confirmed("rail_low")
    for _ in range(5):
        step(table, "", 500, word=SYSTEM)
    assert stored(table) == {"rail_low"}
    changes = table.changes
    table.clear()
    assert stored(table) == set()
    assert table.counts[number_of("rail_low")] == 0
    assert table.changes == changes + 1


def test_clearing_does_not_report_a_confirmation():
    table = confirmed("parameters_lost")
    table.changes = 65535
    step(table, "", word=SYSTEM)
    table.clear()
    assert table.changes == 1
    assert step(table, "", word=SYSTEM) == set()


def test_what_is_about_to_be_confirmed_goes_on_being_timed_through_a_clear():
    table = Faults()
    step(table, "rail_low", 499)
    table.clear()
    assert active(table) == set()
    step(table, "rail_low", 1)
    assert active(table) == {"rail_low"}


def test_clearing_a_row_that_was_about_to_heal_starts_its_times_again():
    table = confirmed("pack_v_sensor_low")
    step(table, "", 100, word=PACK)
    table.clear()
    assert active(table) == set()
    step(table, "pack_v_sensor_low", 159)
    assert active(table) == set()
    step(table, "pack_v_sensor_low", 1)
    assert active(table) == {"pack_v_sensor_low"}


# --- for scan tools: this key cycle, pending, permanent


def heal(table, row_name):
    """Let what is active heal, its latches free."""
    for _ in range(60):
        step(table, "", 500, key_on=0, released=1, word=number_of(row_name) // WORD_SHIFT)
    assert active(table) == set()


def names_in(words):
    return {row[1] for word, bit, row in ROWS if words[word] >> bit & 1}


@pytest.mark.parametrize("row_name", [row[1] for _, _, row in ROWS])
def test_a_confirmed_row_is_permanent_if_it_stops_or_crawls_the_car(row_name):
    table = confirmed(row_name)
    assert names_in(table.came) == names_in(table.pending) == {row_name}
    lasts = row_of(number_of(row_name))[3] in (STOP, CRAWL)
    assert names_in(table.permanent) == ({row_name} if lasts else set())


def test_a_condition_that_was_too_short_is_neither_pending_nor_permanent():
    table = Faults()
    step(table, "pedal_a_low", 99)
    step(table, "", word=DRIVER)
    assert not any(table.came + table.pending + table.permanent)


def test_a_row_is_pending_in_its_own_key_cycle_and_the_next_and_permanent_in_all():
    table = confirmed("pedal_a_low")
    heal(table, "pedal_a_low")
    table.begin_cycle()
    assert names_in(table.came) == set()
    assert names_in(table.pending) == {"pedal_a_low"}
    table.begin_cycle()
    assert names_in(table.pending) == set()
    assert names_in(table.permanent) == stored(table) == {"pedal_a_low"}


def test_a_row_that_comes_in_every_key_cycle_stays_pending():
    table = confirmed("pedal_a_low")
    for _ in range(3):
        heal(table, "pedal_a_low")
        table.begin_cycle()
        step(table, "pedal_a_low", 100)
    assert names_in(table.came) == names_in(table.pending) == {"pedal_a_low"}


def test_a_row_that_is_active_as_the_key_cycle_begins_belongs_to_it():
    table = confirmed("pedal_a_low")
    for _ in range(3):
        table.begin_cycle()
    assert names_in(table.came) == names_in(table.pending) == {"pedal_a_low"}


def test_clearing_takes_pending_rows_that_are_not_active_and_no_permanent_one():
    table = confirmed("pedal_a_low")
    heal(table, "pedal_a_low")
    step(table, "speed_stopped")
    table.clear()
    assert names_in(table.pending) == {"speed_stopped"}
    assert names_in(table.came) == names_in(table.permanent) == {"pedal_a_low", "speed_stopped"}
    table.begin_cycle()
    assert names_in(table.pending) == {"speed_stopped"}


def test_a_permanent_row_is_released_alone():
    table = confirmed("pedal_a_low")
    step(table, "speed_stopped")
    step(table, "guard_data speed_stopped")
    changes = table.changes
    table.release(number_of("guard_data"))
    assert names_in(table.permanent) == {"pedal_a_low", "speed_stopped"}
    assert table.changes == changes + 1
    table.release(number_of("speed_stopped"))
    assert names_in(table.permanent) == {"pedal_a_low"}
    assert table.changes == changes + 2


def test_a_row_of_before_the_last_reset_is_remembered_and_not_active():
    table = Faults()
    table.recall(number_of("guard_data"))
    words = (table.stored, table.came, table.pending, table.permanent)
    assert [names_in(word) for word in words] == [{"guard_data"}] * 4
    assert table.counts[number_of("guard_data")] == table.changes == 1
    assert active(table) == set()
    assert not table.is_stopped


def test_a_step_returns_the_rows_that_it_confirmed_and_none_that_were_active_before():
    table = Faults()
    assert step(table, "pedal_disagrees pedal_stabbed") == {"pedal_disagrees", "pedal_stabbed"}
    both_and_one = "pedal_disagrees pedal_stabbed sensor_5v_low"
    assert step(table, both_and_one, 80) == {"sensor_5v_low"}
    assert step(table, both_and_one, 500) == set()
    assert step(table, "rail_low") == set()


def test_a_step_that_heals_one_row_and_confirms_another_returns_the_other():
    table = confirmed("overspeed")
    assert step(table, "pedal_disagrees", 500) == {"pedal_disagrees"}
    assert active(table) == {"pedal_disagrees"}


def test_the_last_bit_of_a_word_is_a_row_like_the_others():
    table = Faults()
    for word in range(WORDS):
        bit = len(TABLE[word]) - 1
        for _ in range(20):
            table.step(word, 1 << bit, 1, 0, 500)
    assert active(table) == {TABLE[word][-1][1] for word in range(WORDS)}
