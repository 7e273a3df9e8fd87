"""A lost cell: what is compared with what, what is remembered, and a bulk that stands still."""

from itertools import pairwise

import pytest

from tests.unit.cars import make_params
from vcu.charge.lost_cell import LostCell
from vcu.charge.profiles import Profile
from vcu.charge.session import Session
from vcu.chemistry import AGM

HOUR_S = 3600
CELLS = 24


def profile():
    return Profile(make_params(chemistry=AGM, cell_count=CELLS, capacity_mah=100000))


class Rest:
    """A pack at rest after a whole charge."""

    def __init__(self, known_cv=0):
        self.session = Session()
        self.session.rested_cv = known_cv
        self.session.full_permille = 1000
        self.lost_cell = LostCell(profile(), self.session)

    def rest(self, cv, seconds=1801, current_ma=0, is_over=True):
        found = False
        for _ in range(seconds):
            found = self.lost_cell.rest(is_over, current_ma, cv, 1) or found
        return found


@pytest.mark.parametrize(
    ("cv", "found"), [(5070, False), (5069, True), (5400, False), (4900, True)]
)
def test_a_pack_that_rests_1_3_v_below_its_last_full_charge_has_lost_a_cell(cv, found):
    assert Rest(5200).rest(cv) is found


@pytest.mark.parametrize(("seconds", "found"), [(1799, False), (1800, True)])
def test_the_voltage_is_that_of_half_an_hour_of_rest(seconds, found):
    assert Rest(5200).rest(4900, seconds) is found


@pytest.mark.parametrize("current_ma", [520, -520, 3000])
def test_half_an_ampere_is_no_rest_and_after_it_the_rest_begins_again(current_ma):
    pack = Rest(5200)
    pack.rest(5000, 300, current_ma, is_over=False)
    assert not pack.rest(4900, 4000, current_ma)
    assert not pack.rest(4900, 1799)
    assert pack.rest(4900, 100)


@pytest.mark.parametrize("spike_ma", [5000, -5000])
def test_one_second_of_noise_ends_no_rest(spike_ma):
    pack = Rest(5200)
    pack.rest(4900, 1000)
    pack.rest(4900, 1, spike_ma)
    assert pack.rest(4900, 799)


@pytest.mark.parametrize("current_ma", [499, -499])
def test_just_below_half_an_ampere_is_rest(current_ma):
    assert Rest(5200).rest(4900, 1800, current_ma)


def test_a_pack_that_is_still_to_be_charged_is_not_compared():
    pack = Rest(5200)
    assert not pack.rest(4800, 4000, is_over=False)
    assert pack.session.rested_cv == 5200


def test_the_rest_begins_when_the_charge_is_over():
    pack = Rest(5200)
    pack.rest(4900, 4000, is_over=False)
    assert not pack.rest(4900, 1799)
    assert pack.rest(4900, 1)


def test_the_first_rest_is_remembered_and_the_next_move_it_by_a_quarter():
    pack = Rest()
    pack.rest(5200)
    assert pack.session.rested_cv == 5200
    changes = pack.session.changes
    pack.rest(5200, 1, is_over=False)
    pack.rest(5240)
    assert pack.session.rested_cv == 5210
    assert pack.session.changes == changes + 1


def test_a_pack_is_compared_once_in_each_rest():
    pack = Rest(5200)
    pack.rest(5200, 20000)
    assert not pack.rest(4000, 20000)
    assert pack.session.rested_cv == 5200


def test_an_aging_pack_is_followed_and_a_lost_cell_still_found():
    pack = Rest(5200)
    for cv in range(5200, 5050, -10):
        assert not pack.rest(cv)
        pack.rest(cv, 1, is_over=False)
    assert pack.rest(5060 - 210)


def test_a_pack_whose_voltage_still_falls_has_not_settled():
    pack = Rest(5200)
    for cv in range(5100, 4860, -1):  # 1.7 mV a cell in four minutes
        assert not pack.rest(cv, 60)
    assert pack.rest(4860, 2400)


def test_a_pack_that_settles_slowly_is_compared_with_what_it_settles_at():
    pack = Rest()
    for cv in range(5400, 5200, -5):
        pack.rest(cv, 60)
    pack.rest(5200, 2400)
    assert 5190 <= pack.session.rested_cv <= 5240


def test_a_rest_of_days_is_judged_once():
    pack = Rest()
    for _ in range(100):
        pack.lost_cell.rest(True, 0, 5200, 3600)
    assert pack.session.changes == 1


def to_target(known_cv, permille):
    pack = Rest(known_cv)
    pack.session.target_permille = permille
    pack.session.full_permille = permille
    return pack


@pytest.mark.parametrize(
    ("permille", "below_cv", "found"),
    # 24 cells: 0.43 V for a tenth, half of it is what less charge explains
    [(900, 130 + 21, False), (900, 130 + 22, True), (950, 130 + 10, False), (950, 130 + 11, True)],
)
def test_a_charge_to_a_target_is_compared_with_a_full_one_less_what_it_lacks(
    permille, below_cv, found
):
    pack = to_target(5200, permille)
    assert pack.rest(5200 - below_cv) is found
    assert pack.session.rested_cv == 5200


@pytest.mark.parametrize(("cv", "found"), [(4970, False), (4969, True)])
def test_charges_to_a_target_are_compared_with_each_other(cv, found):
    pack = to_target(0, 900)
    assert not pack.rest(5100)
    pack.rest(5100, 1, is_over=False)
    assert pack.rest(cv) is found


def test_the_rest_after_a_charge_whose_tail_was_not_seen_is_no_memory_of_a_full_one():
    pack = Rest()
    pack.session.full_permille = 999
    assert not pack.rest(4700)
    assert pack.session.rested_cv == 0
    pack.rest(4700, 1, is_over=False)
    pack.session.full_permille = 1000
    assert not pack.rest(5100)
    assert pack.session.rested_cv == 5100
    pack.rest(5100, 1, is_over=False)
    pack.session.full_permille = 999
    assert pack.rest(4969)


def test_the_very_first_rest_is_what_the_next_is_compared_with():
    pack = to_target(0, 900)
    assert not pack.rest(4900)
    assert pack.session.part_rest == 4900 << 10 | 900


@pytest.mark.parametrize("counted", [999, 600, 0])
@pytest.mark.parametrize(("known_cv", "part_cv"), [(5200, 0), (0, 5200)])
@pytest.mark.parametrize(("below_cv", "found"), [(130, False), (131, True)])
def test_a_charge_that_no_target_ended_should_rest_as_if_full_whatever_was_counted(
    counted, known_cv, part_cv, below_cv, found
):
    pack = Rest(known_cv)
    pack.session.full_permille = counted
    pack.session.part_rest = part_cv << 10 | 990 if part_cv else 0
    assert pack.rest(5200 - below_cv) is found
    assert (pack.session.part_rest == 5070 << 10 | 990) is not found


def test_a_rest_after_a_higher_target_should_be_higher():
    pack = to_target(0, 980)
    pack.session.part_rest = 5000 << 10 | 900
    assert not pack.rest(5018 - 130)
    pack.rest(5000, 1, is_over=False)
    pack.session.part_rest = 5000 << 10 | 900
    assert pack.rest(5018 - 131)


@pytest.mark.parametrize(
    ("known_cv", "cv", "found"),
    # a tenth more charge is 0.43 V, half of it, rounded up, is what may be asked of it
    [(0, 5122 - 130, False), (0, 5122 - 131, True), (5050, 4950, False)],
)
def test_the_first_full_charge_after_charges_to_a_target_is_compared_with_the_last_of_them(
    known_cv, cv, found
):
    pack = Rest(known_cv)
    pack.session.part_rest = 5100 << 10 | 900
    assert pack.rest(cv) is found
    assert (pack.session.rested_cv == known_cv) is found


SET_CV = 5808
LOW_CV = SET_CV - 100 * CELLS // 10 - 1
PLATEAU_MA = 5000


def bulk(cvs, current_ma=PLATEAU_MA, lost_cell=None, bulk_s=0):
    """Whether a bulk at these voltages, one a second, has a lost cell."""
    lost_cell = lost_cell or LostCell(profile(), Session())
    return any(lost_cell.bulk(current_ma, cv, SET_CV, bulk_s, 1) for cv in cvs)


@pytest.mark.parametrize(("rises_cv", "found"), [(11, True), (12, False), (-50, True)])
def test_a_bulk_that_rises_less_than_5_mv_a_cell_in_an_hour_stands_still(rises_cv, found):
    assert bulk([LOW_CV - 200] * 3599 + [LOW_CV - 200 + rises_cv]) is found


def test_it_must_stand_still_for_an_hour():
    assert not bulk([LOW_CV] * 3599)
    assert bulk([LOW_CV] * 3600)


@pytest.mark.parametrize(
    ("cv", "current_ma", "found"),
    [
        (LOW_CV + 1, PLATEAU_MA, True),
        (LOW_CV + 2, PLATEAU_MA, False),  # within 0.1 V a cell of its set-point
        (LOW_CV, PLATEAU_MA - 1, False),  # a small charger
    ],
)
def test_near_the_set_point_or_with_little_current_it_may_stand(cv, current_ma, found):
    assert bulk([cv] * 8000, current_ma) is found


def test_an_hour_that_is_interrupted_begins_again():
    lost_cell = LostCell(profile(), Session())
    for _ in range(3):
        assert not bulk([LOW_CV] * 3590, lost_cell=lost_cell)
        assert not bulk([LOW_CV], PLATEAU_MA - 1, lost_cell)


def test_a_pause_begins_the_hour_again():
    lost_cell = LostCell(profile(), Session())
    for _ in range(3):
        assert not bulk([LOW_CV] * 3590, lost_cell=lost_cell)
        lost_cell.begin()


def test_a_current_that_falls_explains_a_voltage_that_stands():
    lost_cell = LostCell(profile(), Session())
    for current_ma in (12000, 11300, 10700, 10100):
        assert not bulk([LOW_CV] * 1800, current_ma, lost_cell)
    assert bulk([LOW_CV] * 3600, 10000, lost_cell)


# Each half hour of a sound gel pack of 100 Ah that gasses three times as much, at 45 degC.
HEATED = ((10125, 5170), (8937, 5167), (7406, 5146), (6625, 5134), (6125, 5129), (5531, 5126),
          (5312, 5128), (4625, 5124))  # fmt: skip


def test_a_sound_pack_whose_current_its_heat_takes_away_for_hours_has_lost_no_cell():
    lost_cell = LostCell(profile(), Session())
    for (from_ma, from_cv), (to_ma, to_cv) in pairwise(HEATED):
        for second in range(1800):
            ma = from_ma + (to_ma - from_ma) * second // 1800
            cv = from_cv + (to_cv - from_cv) * second // 1800
            assert not bulk([cv], ma, lost_cell)


def test_each_hour_is_compared_with_its_own_beginning():
    lost_cell = LostCell(profile(), Session())
    rising = [LOW_CV - 600 + second * 12 // 3599 for second in range(3 * HOUR_S)]
    assert not bulk(rising, lost_cell=lost_cell)
    assert bulk([rising[-1]] * HOUR_S, lost_cell=lost_cell)


DEAD_CV = 1889 * CELLS // 10


@pytest.mark.parametrize(
    ("cv", "bulk_s", "found"),
    [
        (DEAD_CV - 1, 1801, True),
        (DEAD_CV, 1801, False),
        (DEAD_CV - 1, 1800, False),
    ],
)
def test_after_half_an_hour_of_bulk_a_cell_is_above_1_889_v(cv, bulk_s, found):
    assert bulk([cv], bulk_s=bulk_s) is found
