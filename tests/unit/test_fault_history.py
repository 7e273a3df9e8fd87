"""Fault history: first and last time of each row on three clocks, until a person clears."""

from service.fault_history import History
from tests.unit.confirming import confirm
from vcu.faults import DRIVER, Faults

FIRST_WALL_S = 1795400000


def times(history, number):
    return (
        (history.first_s[number], history.first_cycle[number], history.first_wall_s[number]),
        (history.last_s[number], history.last_cycle[number], history.last_wall_s[number]),
    )


def test_the_first_and_the_last_confirmation_have_seconds_key_cycle_and_wall_time():
    faults, history = Faults(), History()
    number = confirm(faults, 11)
    assert history.look(faults, 100, 3)
    history.clock = lambda: FIRST_WALL_S
    for second, cycle in ((150, 3), (900, 4)):
        assert not history.look(faults, second - 1, cycle)
        confirm(faults, 11)
        assert history.look(faults, second, cycle)
    assert times(history, number) == ((100, 3, 0), (900, 4, FIRST_WALL_S))
    assert faults.counts[number] == 3


def test_a_fault_in_the_first_second_is_not_taken_for_one_that_never_was():
    faults, history = Faults(), History()
    number = confirm(faults, 11)
    history.look(faults, 0, 1)
    assert times(history, number)[0] == (1, 1, 0)


def test_the_clock_is_asked_only_for_what_is_new():
    faults, history = Faults(), History()
    asked = []
    history.clock = lambda: asked.append(1) or 0
    history.look(faults, 1, 1)
    assert not asked
    confirm(faults, 11)
    history.look(faults, 2, 1)
    history.look(faults, 3, 1)
    assert len(asked) == 1


def test_a_cleared_fault_loses_its_times_and_the_moment_of_clearing_is_kept():
    faults, history = Faults(), History()
    number = confirm(faults, 11)
    history.look(faults, 100, 3)
    faults.clear()
    history.clock = lambda: FIRST_WALL_S
    history.clear(faults, 300, 5)
    assert times(history, number) == ((0, 0, 0), (0, 0, 0))
    assert (history.cleared_s, history.cleared_cycle, history.cleared_wall_s) == (
        300, 5, FIRST_WALL_S,
    )  # fmt: skip


def test_a_fault_that_is_still_there_keeps_its_times_through_a_clear():
    faults, history = Faults(), History()
    faults.step(DRIVER, 1, 1, 0, 500)
    history.look(faults, 100, 3)
    faults.clear()
    history.clear(faults, 300, 5)
    assert times(history, 0) == ((100, 3, 0), (100, 3, 0))


def test_no_person_shortens_the_passes_of_a_row_and_its_return_begins_them_anew():
    faults, history = Faults(), History()
    number = confirm(faults, 11)
    history.look(faults, 100, 3)
    history.passes[number] = 2
    faults.clear()
    history.clear(faults, 300, 5)
    assert history.passes[number] == 2
    confirm(faults, 11)
    history.look(faults, 400, 6)
    assert history.passes[number] == 0
