"""Seal: counts a change of any of the four once, and knows a tyre from another cap."""

import pytest

from service.seal import SEALED, Seal, is_far
from vcu.params import Params

VALUES = dict(zip(SEALED, (45, 20, 1500, 24), strict=True))


def params(**values):
    made = Params()
    for name, value in (VALUES | values).items():
        assert made.set(name, value) == 0
    return made


def sealed():
    seal = Seal()
    seal.look(params())
    return seal


def test_the_first_look_takes_the_values_and_counts_nothing():
    seal = Seal()
    assert not seal.look(params()) and seal.count == 0
    assert not seal.look(params()) and seal.count == 0


@pytest.mark.parametrize("name", SEALED)
def test_a_change_of_each_of_the_four_counts_once_and_back_counts_again(name):
    seal = sealed()
    assert seal.look(params(**{name: VALUES[name] + 1})) and seal.count == 1
    assert not seal.look(params(**{name: VALUES[name] + 1})) and seal.count == 1
    assert seal.look(params()) and seal.count == 2


def test_the_counter_stops_at_its_end_and_never_begins_anew():
    seal = sealed()
    seal.count = 0xFFFF
    seal.look(params(speed_cap_kmh=50))
    assert seal.count == 0xFFFF


@pytest.mark.parametrize(
    ("mm", "pulses", "far"),
    [
        (1500, 24, False),
        (1575, 24, False), (1576, 24, True),  # + 5 %
        (1425, 24, False), (1424, 24, True),  # - 5 %
        (1500, 25, False), (1500, 23, False),  # 4 %
        (1500, 26, True), (1500, 22, True),
        (1575, 25, False),  # one against the other
        (1424, 23, False),
        (1563, 23, True),  # one with the other: + 8.7 %
        (3000, 48, False),
    ],
)  # fmt: skip
def test_circumference_by_pulses_may_move_by_5_percent_in_all(mm, pulses, far):
    assert is_far(mm, pulses, 1500, 24) == far


def test_without_a_wheel_as_delivered_nothing_is_far():
    assert not is_far(2200, 4, 0, 0)
