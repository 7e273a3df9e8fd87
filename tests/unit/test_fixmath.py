"""The arithmetic of the loop against exact fractions, on both sides of every step."""

from fractions import Fraction
from itertools import pairwise
from math import floor

import pytest

from vcu.fixmath import clamp, div_round, lerp

DIVISORS = (1, 2, 3, 4, 7, 10, 1000)
DIVIDENDS = (*range(-2100, 2101), -(2**30) + 1001, 2**30 - 1001)
# Rises, falls, is flat, crosses zero in both axes.
TABLE = (-200, 0, -100, 500, 0, 1000, 400, 1000, 500, -30)


def sign(value):
    return -1 if value < 0 else 1


@pytest.mark.parametrize(
    ("value", "clamped"),
    [(-41, -40), (-40, -40), (-39, -39), (0, 0), (69, 69), (70, 70), (71, 70)],
)
def test_clamp_changes_only_what_is_outside(value, clamped):
    assert clamp(value, -40, 70) == clamped


@pytest.mark.parametrize("divisor", DIVISORS)
def test_div_round_goes_to_the_nearest_and_halves_away_from_zero(divisor):
    for dividend in DIVIDENDS:
        nearest = sign(dividend) * floor(Fraction(abs(dividend), divisor) + Fraction(1, 2))
        assert div_round(dividend, divisor) == nearest


def test_lerp_gives_each_point_of_its_table():
    for i in range(0, len(TABLE), 2):
        assert lerp(TABLE[i], TABLE) == TABLE[i + 1]


def test_lerp_is_flat_beyond_both_ends():
    assert lerp(-201, TABLE) == lerp(-9999, TABLE) == 0
    assert lerp(501, TABLE) == lerp(9999, TABLE) == -30


def test_lerp_rounds_the_straight_line_between_two_points():
    points = list(zip(TABLE[::2], TABLE[1::2], strict=True))
    for (x0, y0), (x1, y1) in pairwise(points):
        for x in range(x0 + 1, x1):
            exact = y0 + Fraction((x - x0) * (y1 - y0), x1 - x0)
            assert abs(lerp(x, TABLE) - exact) <= Fraction(1, 2)


def test_lerp_rounds_a_half_away_from_the_left_point():
    assert lerp(1, (0, 0, 2, 1)) == 1
    assert lerp(1, (0, 0, 2, -1)) == -1
    assert lerp(1, (0, 1, 2, 0)) == 0


def test_lerp_in_a_table_of_one_point_is_that_point():
    assert [lerp(x, (10, 1000)) for x in (9, 10, 11)] == [1000, 1000, 1000]
