"""What ends a bulk and which pack it shows, each condition inside and outside."""

import pytest

from tests.unit.charges import (
    LITHIUM,
    RELAY,
    Rig,
    full_at_once,
    get,
    lithium,
    near_target,
    speaking,
)
from vcu.charge import backstops


def test_the_bulk_ends_at_its_voltage_less_half_a_percent_for_10_s():
    rig = Rig().in_bulk()
    rig.session.in_mah = 20000
    set_mv = rig.command.limit_cv * 10 / rig.cells
    rig.so(cell_mv=set_mv * 0.995 - 3).seconds(60)
    assert rig.phase == "BULK"
    for _ in range(3):
        rig.so(cell_mv=set_mv * 0.995 + 3).seconds(8)
        rig.so(cell_mv=set_mv * 0.995 - 3).seconds(2)
    assert rig.phase == "BULK"
    rig.so(cell_mv=set_mv * 0.995 + 3)
    assert 9 <= rig.until("ABSORB") <= 12
    assert rig.session.absorb_limit_s == get(rig, "absorb_limit")


@pytest.mark.parametrize(
    ("share", "falls_to", "reached"),
    [(0.981, 0.74, True), (0.981, 0.76, False), (0.979, 0.74, False), (0.981, 0.005, False)],
)
def test_a_charger_that_takes_too_little_for_a_volt_is_there_when_its_current_falls(
    share, falls_to, reached
):
    rig = Rig().in_bulk().seconds(400)
    rig.session.in_mah = 20000
    rig.session.bulk_s = 20000 * 3600 // rig.command.set_ma
    near_target(rig, share).so(obeys=False, amps=rig.command.set_ma / 1000 * falls_to)
    assert (rig.seconds(20).phase == "ABSORB") is reached


def test_a_current_that_the_controller_holds_down_says_nothing_about_the_voltage():
    rig = Rig(charger_max_da=150, capacity_mah=75000).in_bulk().seconds(400)
    rig.session.in_mah = 20000
    rig.session.bulk_s = 20000 * 3600 // rig.command.set_ma
    rig.warm_up(485)  # less than half
    near_target(rig, 0.981).seconds(20)
    assert rig.command.set_ma < rig.session.bulk_ma * 3 // 4
    assert rig.phase == "BULK"


def test_an_hour_of_bulk_that_heat_slows_to_a_half_counts_as_half_an_hour():
    rig = Rig().in_bulk()
    rig.warm_up(475)
    before_s, before_mah, ma = rig.session.bulk_s, rig.session.in_mah, rig.session.bulk_ma
    rig.seconds(600)
    assert rig.command.warmth_permille < 700
    counted_s = rig.session.bulk_s - before_s
    assert counted_s == pytest.approx(600 * rig.command.warmth_permille / 1000, abs=2)
    assert rig.session.in_mah - before_mah == pytest.approx(counted_s * ma / 3600, rel=0.05)


def test_a_relay_charger_gives_all_and_its_time_counts_so_in_heat():
    rig = Rig(**RELAY, capacity_mah=60000).so(amps=10.0)
    rig.until("BULK")
    rig.warm_up(462)
    before_s = rig.session.bulk_s
    assert rig.command.warmth_permille < 1000
    assert rig.seconds(100).session.bulk_s - before_s == 100


def test_the_bulk_ends_when_the_highest_cell_is_at_its_voltage():
    rig = Rig(3300, **(LITHIUM | {"cell_count": 20, "bms_kind": 2})).so(obeys=True)
    speaking(rig, seconds=60)
    assert rig.phase == "BULK"
    rig.session.in_mah = 20000
    speaking(rig, highest_mv=get(rig, "absorb"), seconds=13)
    assert rig.phase == "ABSORB"


def test_the_mean_current_of_the_bulk_is_what_went_in_over_its_time():
    rig = Rig().in_bulk().seconds(400)
    assert abs(rig.session.bulk_ma - rig.command.set_ma) < rig.command.set_ma * 0.15
    assert rig.session.bulk_s >= 405


def test_time_without_current_is_no_bulk():
    rig = Rig().so(obeys=True)
    rig.until("BULK")
    rig.seconds(25)
    assert rig.session.bulk_s <= 1


@pytest.mark.parametrize(
    ("make", "values", "phase"),
    [
        (Rig, {"in_mah": 1900}, "FAULT"),
        (Rig, {"in_mah": 2000}, "ABSORB"),
        (Rig, {"soc": 399}, "FAULT"),
        (Rig, {"soc": 400}, "ABSORB"),
        (lithium, {"soc": 799}, "FAULT"),
        (lithium, {"soc": 800}, "ABSORB"),
        (Rig, {"unsure": 300}, "FAULT"),
        (Rig, {"unsure": 301}, "ABSORB"),
        (Rig, {"absorb_s": 1}, "ABSORB"),
    ],
)
def test_a_pack_that_is_empty_by_its_count_and_full_by_its_voltage_is_another(make, values, phase):
    rig = full_at_once(make, **values)
    assert rig.phase == phase
    assert rig.session.faults == (backstops.WRONG_PACK if phase == "FAULT" else 0)


@pytest.mark.parametrize(
    ("over_float_mv", "tails", "phase"), [(5, 1.9, "FULL"), (-5, 1.9, "BULK"), (5, 2.1, "BULK")]
)
def test_enough_ends_it_where_so_little_current_keeps_it_above_its_float(
    over_float_mv, tails, phase
):
    """So ends a hot pack with a shorted cell, that no voltage near the set-point ever would."""
    rig = Rig().in_bulk()
    rig.so(cell_mv=get(rig, "float") + over_float_mv).at_tail(tails).seconds(3)
    session = rig.session
    session.in_mah = session.missing_mah * get(rig, "return_most") // 1000 + 100
    rig.seconds(3)
    assert (rig.phase, session.is_full) == (phase, int(phase == "FULL"))
    assert (session.missing_mah == rig.capacity_mah) == (phase == "BULK")


def test_a_bulk_that_stands_still_for_an_hour_has_lost_a_cell():
    rig = Rig().in_bulk().seconds(3400)
    assert rig.phase == "BULK"
    rig.seconds(260)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.CELL_SHORTED)


def test_lithium_stands_still_and_is_well():
    rig = lithium().in_bulk().seconds(4000)
    assert rig.phase == "BULK"
