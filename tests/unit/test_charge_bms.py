"""What a BMS permits: nothing while it is silent, shorted, of another pack, or a cell is full."""

import pytest

from tests.unit.cars import make_params
from vcu.charge import bms
from vcu.charge.bms import CELLS, CONTACTS, NONE, Bms, CellData
from vcu.charge.profiles import Profile
from vcu.chemistry import AGM, LFP, NMC
from vcu.signals import Signals

COUNT = 16


class Bench:
    """A BMS of one of its kinds, asked once a second."""

    def __init__(self, kind, chemistry=LFP):
        params = make_params(chemistry=chemistry, cell_count=COUNT, bms_kind=kind)
        self.profile = Profile(params)
        self.data = CellData()
        self.bms = Bms(params, self.profile, self.data)
        self.sig = Signals()
        self.sig.slow_seen = 1

    def wire(self, bits):
        self.sig.bms_bits = bits
        self.bms.step(self.sig, 1000)
        return self.bms

    def frame(self, highest_mv=3300, lowest_mv=3300, cells=COUNT, charge=1, discharge=1, ma=50000):
        data = self.data
        data.cells = cells
        data.lowest_mv = lowest_mv
        data.highest_mv = highest_mv
        data.charge_permitted = charge
        data.discharge_permitted = discharge
        data.charge_limit_ma = ma
        data.fresh = True
        self.bms.step(self.sig, 1000)
        return self.bms

    def silence(self, *steps_ms):
        for passed_ms in steps_ms:
            self.bms.step(self.sig, passed_ms)
        return self.bms


def permits(one):
    return (one.may_charge, one.may_discharge, one.is_lost)


def test_the_kinds_have_their_names_at_their_numbers():
    assert [bms.KIND_NAMES[kind] for kind in (NONE, CONTACTS, CELLS)] == [
        "none", "contacts", "cells",
    ]  # fmt: skip


@pytest.mark.parametrize(("chemistry", "may_charge"), [(AGM, True), (LFP, False), (NMC, False)])
def test_where_none_is_fitted_only_the_charge_of_lithium_is_forbidden(chemistry, may_charge):
    one = Bench(NONE, chemistry).wire(-1)
    assert permits(one) == (may_charge, True, False)
    assert (one.share_permille, one.limit_ma, one.is_waiting) == (1000, 400000, False)


# --- two contacts


@pytest.mark.parametrize(
    ("bits", "answer"),
    [
        (0, (False, False, False)),
        (1, (True, False, False)),
        (2, (False, True, False)),
        (3, (True, True, False)),
        (-1, (False, False, True)),
    ],
)
def test_the_contacts_permit_what_they_say_and_a_shorted_wire_nothing(bits, answer):
    one = Bench(CONTACTS).wire(bits)
    assert permits(one) == answer
    assert (one.share_permille, one.limit_ma) == (1000, 400000)


@pytest.mark.parametrize("kind", [CONTACTS, CELLS])
def test_before_it_was_asked_it_permits_nothing_and_has_not_had_the_time_to_answer(kind):
    one = Bench(kind).bms
    assert permits(one) == (False, False, True)
    assert one.is_waiting


def test_a_wire_that_was_not_read_yet_is_still_waited_for():
    bench = Bench(CONTACTS)
    bench.sig.slow_seen = 0
    assert bench.wire(-1).is_waiting
    bench.sig.slow_seen = 1
    assert not bench.wire(-1).is_waiting


# --- cell data


def test_a_frame_permits_what_it_says_and_limits_the_current():
    one = Bench(CELLS).frame(charge=1, discharge=0, ma=7000)
    assert permits(one) == (True, False, False)
    assert (one.limit_ma, one.share_permille, one.is_waiting) == (7000, 1000, False)
    assert permits(Bench(CELLS).frame(charge=0)) == (False, True, False)


def test_a_frame_is_used_for_5_s_and_not_a_ms_longer():
    bench = Bench(CELLS)
    bench.frame()
    assert permits(bench.silence(2000, 2000, 1000)) == (True, True, False)
    assert permits(bench.silence(1)) == (False, False, True)
    assert permits(bench.frame()) == (True, True, False)


def test_a_frame_that_comes_in_time_starts_the_5_s_again():
    bench = Bench(CELLS)
    for _ in range(5):
        bench.frame()
        assert permits(bench.silence(2000, 2000)) == (True, True, False)


def test_however_long_it_is_silent_it_stays_lost():
    bench = Bench(CELLS)
    bench.frame()
    assert permits(bench.silence(*[2000] * 1000)) == (False, False, True)


def test_one_that_never_answers_is_waited_for_5_s():
    bench = Bench(CELLS)
    assert bench.silence(2000, 2000, 1000).is_waiting
    assert not bench.silence(1).is_waiting
    assert bench.bms.is_lost


@pytest.mark.parametrize(
    ("lowest_mv", "highest_mv"), [(0, 3300), (0, 0), (3301, 3300), (-5, 3300)]
)
def test_a_frame_that_was_not_filled_is_none(lowest_mv, highest_mv):
    bench = Bench(CELLS)
    assert bench.frame(highest_mv, lowest_mv).is_lost
    bench.frame(charge=0, ma=9000)
    for _ in range(6):
        one = bench.frame(highest_mv, lowest_mv)
        assert (one.may_charge, one.limit_ma, one.highest_mv) == (False, 9000, 3300)
    assert one.is_lost


@pytest.mark.parametrize("cells", [COUNT - 1, COUNT + 1, 0])
def test_another_count_of_cells_is_another_pack(cells):
    bench = Bench(CELLS)
    one = bench.frame(cells=cells)
    assert permits(one) == (False, False, False)
    assert one.count_differs
    assert permits(bench.frame()) == (True, True, False)
    assert not one.count_differs


def test_a_count_that_nobody_knows_any_more_does_not_differ():
    bench = Bench(CELLS)
    bench.frame(cells=COUNT + 1)
    assert not bench.silence(5001).count_differs


# --- one high cell


def test_three_frames_at_the_hard_limit_in_a_row_are_over_it():
    bench = Bench(CELLS)
    hard_mv = bench.profile.get("hard")
    for highest_mv, is_over in (
        (hard_mv, False),
        (hard_mv, False),
        (hard_mv - 1, False),
        (hard_mv, False),
        (hard_mv, False),
        (hard_mv, True),
        (hard_mv + 100, True),
        (hard_mv - 1, False),
    ):
        assert bench.frame(highest_mv).is_over is is_over


def test_the_current_falls_in_the_last_30_mv_below_the_soft_limit():
    bench = Bench(CELLS)
    soft_mv = bench.profile.get("soft_cell")
    for below_mv, share in (
        (31, 1000),
        (30, 1000),
        (29, 966),
        (15, 500),
        (1, 33),
        (0, 0),
        (-9, 0),
    ):
        assert bench.frame(soft_mv - below_mv).share_permille == share


def test_the_spread_is_between_the_highest_cell_and_the_lowest():
    one = Bench(CELLS).frame(3450, 3438)
    assert (one.spread_mv, one.highest_mv) == (12, 3450)
