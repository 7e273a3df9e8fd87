"""Patterns: what lamp and buzzer do in each, and the number that a fault blinks."""

from itertools import groupby

import pytest

from vcu import faults, patterns
from vcu.patterns import FAULT_CODE, NAMES, TABLE, Patterns, blink

IDS = [row[0] for word in faults.TABLE for row in word]
# Long enough for 99: nine long flashes of 7 steps, nine short ones of 4, gap and pause.
TWO_ROUNDS = 2 * (9 * 7 + 6 + 9 * 4 + 14)


def flashes(code, first_step=0):
    """Return the lengths of the flashes of one round, and of the dark ones between, in steps."""
    lit = [blink(code, step) for step in range(first_step, first_step + TWO_ROUNDS)]
    runs = [(state, len(list(run))) for state, run in groupby(lit)]
    return runs


def digits(code):
    """Read a code from the lamp as a person does: long ones, then short ones, until the pause."""
    runs = flashes(code)
    tens = ones = 0
    for state, length in runs:
        if state and length == 5:
            tens += 1
        elif state:
            assert length == 2
            ones += 1
        elif length >= 14:
            break
    return tens, ones


@pytest.mark.parametrize("code", IDS)
def test_a_person_can_read_every_number_of_the_fault_table(code):
    assert digits(code) == (code // 10, code % 10)


def test_long_and_short_flashes_have_a_gap_between_them_and_a_pause_after():
    runs = flashes(23)
    assert runs[:10] == [
        (1, 5), (0, 2), (1, 5), (0, 2 + 6), (1, 2), (0, 2), (1, 2), (0, 2), (1, 2), (0, 2 + 14),
    ]  # fmt: skip


def test_the_number_comes_again_and_again():
    round_steps = 2 * 7 + 6 + 3 * 4 + 14
    for step in range(200):
        assert blink(23, step) == blink(23, step + round_steps)


def test_before_a_number_is_known_the_lamp_stays_dark():
    assert {blink(0, step) for step in range(100)} == {0}


@pytest.mark.parametrize("shown", [n for n in range(len(NAMES)) if n != FAULT_CODE])
def test_a_pattern_has_sixteen_steps_of_128_ms_and_begins_again(shown):
    _, lamp, buzzer = TABLE[shown]
    pattern = Patterns()
    for clock_ms in range(0, 5000, 8):
        pattern.step(shown, 0, clock_ms)
        step = clock_ms // 128 % 16
        assert pattern.shown == shown
        assert (pattern.lamp, pattern.buzzer) == (lamp >> step & 1, buzzer >> step & 1)


def test_a_fault_blinks_its_number_in_silence():
    pattern = Patterns()
    pattern.step(patterns.ROLLING, 0, 0)
    assert pattern.buzzer == 1
    for step in range(100):
        pattern.step(FAULT_CODE, 41, step * 128 + 127)
        assert (pattern.lamp, pattern.buzzer) == (blink(41, step), 0)


def test_no_two_patterns_look_and_sound_alike():
    shown = [(lamp, buzzer) for _, lamp, buzzer in TABLE]
    shown[FAULT_CODE] = ("blinks", 0)
    assert len(set(shown)) == len(TABLE)


def test_what_the_driver_must_act_on_at_once_is_heard():
    heard = {name for name, _, buzzer in TABLE if buzzer}
    assert heard == {"overspeed", "rolling", "crawl"}


@pytest.mark.parametrize("name", NAMES)
def test_a_pattern_has_its_name_at_its_number(name):
    assert NAMES[getattr(patterns, name.upper())] == name


def test_new_lamps_are_dark():
    pattern = Patterns()
    assert (pattern.shown, pattern.lamp, pattern.buzzer) == (patterns.SILENT, 0, 0)
