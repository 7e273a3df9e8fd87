"""What ends absorption, equalising, float and balancing, each condition inside and outside."""

import pytest

from service.charge_wishes import EQUALIZE, grant
from tests.unit.charges import (
    KINDS,
    WAIT_S,
    Rig,
    absorbing_with_bms,
    balancing,
    equalizing,
    floating,
    flooded,
    full_lead,
    get,
    lithium,
    near_target,
    relay_absorbing,
    returned,
    speaking,
)
from vcu.charge import backstops
from vcu.chemistry import FLOODED

# --- ABSORB


def test_lead_is_full_when_its_current_has_stayed_at_its_tail_and_the_charge_is_back():
    rig = returned(Rig().in_absorption())
    rig.session.absorb_s = get(rig, "absorb_min")
    hold_s = get(rig, "tail_hold")
    rig.at_tail(1.1).seconds(hold_s + 100)
    assert rig.phase == "ABSORB"
    returned(rig).at_tail(0.9).seconds(hold_s // 2)
    rig.at_tail(1.5).seconds(60)
    rig.at_tail(0.9).seconds(hold_s - 60)
    assert rig.phase == "ABSORB"
    rig.seconds(200)
    assert (rig.phase, rig.session.is_full) == ("FLOAT", 1)
    assert rig.energy.soc_permille == 1000
    assert rig.session.left_mah == rig.capacity_mah


def test_a_tail_alone_waits_an_hour_for_the_charge_to_come_back():
    rig = Rig().in_absorption(after_mah=30000)
    rig.session.absorb_s = get(rig, "absorb_min")
    rig.at_tail(0.3).seconds(get(rig, "tail_hold") + 3500)
    assert rig.phase == "ABSORB"
    rig.seconds(200)
    assert (rig.phase, rig.energy.soc_permille) == ("FLOAT", 1000)


def test_before_its_least_time_absorption_does_not_end():
    rig = returned(Rig().in_absorption()).at_tail()
    least_s = get(rig, "absorb_min")
    assert least_s > get(rig, "tail_hold") + 100
    rig.seconds(least_s - 60)
    assert rig.phase == "ABSORB"
    rig.until("FLOAT", 200)


def test_absorption_ends_when_more_charge_would_only_make_gas():
    rig = Rig().in_absorption()
    session = rig.session
    session.absorb_s = get(rig, "absorb_min")
    rig.at_tail(1.5).seconds(100)
    session.in_mah = session.missing_mah * get(rig, "return_most") // 1000 - 20
    rig.seconds(5)
    assert rig.phase == "ABSORB"
    session.in_mah += 50
    rig.seconds(3)
    assert (rig.phase, session.is_full, rig.charge.enable) == ("FULL", 1, 0)
    assert rig.energy.soc_permille == 500  # that it is full was not seen


def test_a_current_far_above_the_tail_goes_on_although_much_came_back():
    rig = Rig().in_absorption()
    session = rig.session
    session.absorb_s = get(rig, "absorb_min")
    rig.at_tail(2.5).seconds(100)
    session.in_mah = session.missing_mah * get(rig, "return_most") // 1000 + 100
    rig.seconds(30)
    assert rig.phase == "ABSORB"


@pytest.mark.parametrize("name", KINDS)
def test_absorption_ends_at_its_limit_and_that_proves_no_full_pack(name):
    is_lithium = name in ("lfp", "nmc")
    cell_mv = {"lfp": 3300, "nmc": 3700}.get(name, 2050)
    rig = Rig(cell_mv, chemistry=KINDS[name], cell_count=20, bms_kind=int(is_lithium))
    rig.in_absorption()
    rig.session.absorb_s = get(rig, "absorb_limit") - 10
    rig.seconds(5)
    assert rig.phase == "ABSORB"
    rig.seconds(10)
    assert rig.phase == ("FULL" if is_lithium else "FLOAT")
    assert (rig.session.is_full, rig.energy.soc_permille) == (1, 500)


def test_without_a_temperature_absorption_ends_after_two_hours():
    rig = Rig().warm(None).in_absorption().seconds(900)
    rig.session.absorb_s = 7190
    assert rig.seconds(5).phase == "ABSORB"
    assert rig.seconds(10).phase == "FLOAT"


def test_absorption_counts_only_at_its_voltage():
    rig = Rig().in_absorption()
    rig.session.absorb_s = 0
    rig.seconds(20)
    assert 19 <= rig.session.absorb_s <= 21
    set_mv = rig.command.limit_cv * 10 / rig.cells
    rig.so(cell_mv=set_mv * 0.98 - 4).seconds(20)
    assert rig.session.absorb_s <= 21
    rig.so(cell_mv=set_mv * 0.98 + 4).seconds(20)
    assert 39 <= rig.session.absorb_s <= 42


def test_a_tail_below_the_voltage_is_none():
    rig = returned(Rig().in_absorption())
    rig.session.absorb_s = get(rig, "absorb_min")
    set_mv = rig.command.limit_cv * 10 / rig.cells
    rig.at_tail().so(cell_mv=set_mv * 0.98 - 4).seconds(get(rig, "tail_hold") + 60)
    assert rig.phase == "ABSORB"


def test_a_current_that_a_limit_holds_down_is_no_tail():
    rig = absorbing_with_bms(highest_mv=3540, lowest_mv=3300)
    soft_mv = get(rig, "soft_cell")
    speaking(rig, seconds=120, highest_mv=soft_mv - 3)
    assert rig.command.set_ma <= rig.charge.profile.ma("tail")
    assert rig.phase == "ABSORB"


@pytest.mark.parametrize("name", ["lfp", "nmc"])
def test_lithium_is_full_after_a_minute_at_its_tail(name):
    rig = Rig({"lfp": 3300, "nmc": 3700}[name], chemistry=KINDS[name], cell_count=20, bms_kind=1)
    rig.in_absorption().at_tail(1.1).seconds(200)
    assert rig.phase == "ABSORB"
    rig.at_tail(0.5).seconds(55)
    assert rig.phase == "ABSORB"
    rig.seconds(40)
    assert (rig.phase, rig.cause, rig.energy.soc_permille) == ("FULL", "full", 1000)


@pytest.mark.parametrize("dark_s", range(70, 100))
def test_mains_that_come_back_in_the_last_second_of_a_tail_prove_no_full_pack(dark_s):
    rig = Rig(3700, chemistry=KINDS["nmc"], cell_count=20, bms_kind=1).in_absorption()
    rig.so(amps=20.0, obeys=False).seconds(60)
    set_mv = rig.command.limit_cv * 10 / rig.cells
    rig.so(amps=0.0, cell_mv=set_mv * 0.995).seconds(dark_s)
    rig.so(amps=20.0, cell_mv=set_mv).seconds(10)
    assert (rig.phase, rig.session.is_full) == ("ABSORB", 0)
    assert rig.energy.soc_permille < 1000


def test_a_current_that_rises_in_the_last_seconds_of_a_tail_proves_no_full_pack():
    def absorbing():
        rig = Rig(3700, chemistry=KINDS["nmc"], cell_count=20, bms_kind=1).in_absorption()
        return rig.so(amps=20.0, obeys=False).seconds(60).so(amps=1.0)

    ends_s = absorbing().until("FULL", 200)
    for early_s in range(2, 6):  # the round that is under way is half over
        rig = absorbing().seconds(ends_s - early_s).so(amps=20.0).seconds(10)
        assert (rig.phase, rig.energy.soc_permille < 1000) == ("ABSORB", True)


@pytest.mark.parametrize(("over_mv", "phase"), [(1, "FULL"), (-3, "ABSORB")])
def test_a_pack_that_takes_nothing_at_its_voltage_is_full(over_mv, phase):
    rig = Rig(3700, chemistry=KINDS["nmc"], cell_count=20, bms_kind=1).in_absorption()
    assert rig.at_target(over_mv).so(amps=0.0, obeys=False).seconds(150).phase == phase


@pytest.mark.parametrize("name", ["lfp", "nmc"])
def test_a_pack_that_falls_by_a_percent_without_mains_is_not_full(name):
    rig = Rig({"lfp": 3300, "nmc": 3700}[name], chemistry=KINDS[name], cell_count=20, bms_kind=1)
    rig.in_absorption().so(amps=20.0, obeys=False).seconds(60)
    set_mv = rig.command.limit_cv * 10 / rig.cells
    rig.so(amps=0.0, cell_mv=set_mv * 0.989).seconds(600)
    assert rig.session.is_full == 0 and rig.energy.soc_permille < 1000


def test_a_relay_charger_ends_at_its_tail_and_stays_off():
    rig = returned(relay_absorbing())
    rig.session.absorb_s = get(rig, "absorb_min")
    rig.at_tail()
    rig.until("FULL", 1000)
    assert rig.energy.soc_permille == 1000


def plain_at_tail(amps):
    """A plain charger whose pack has taken enough, and takes so little now."""
    rig = returned(relay_absorbing())
    rig.session.absorb_s = get(rig, "absorb_min")
    return rig.so(amps=amps)


@pytest.mark.parametrize(
    ("amps", "falls_mv", "phase"), [(0.0, 8, "ABSORB"), (0.0, 4, "FULL"), (1.0, 8, "FULL")]
)
def test_a_plain_charger_without_current_is_at_its_tail_only_while_it_holds_the_voltage(
    amps, falls_mv, phase
):
    rig = plain_at_tail(amps)
    for minute in range(14):
        rig.so(cell_mv=2420 - falls_mv * minute / 10).seconds(60)
    assert rig.phase == phase
    assert (rig.energy.soc_permille == 1000) is (phase == "FULL")


def test_a_plain_charger_that_goes_down_to_its_float_is_at_its_tail_once_it_holds_that():
    rig = plain_at_tail(0.0).so(cell_mv=2420).seconds(100)
    for cell_mv in range(2420, 2270, -1):
        rig.so(cell_mv=cell_mv).seconds(8)
    assert rig.phase == "ABSORB"
    rig.until("FULL", get(rig, "tail_hold") + 100)


def test_a_bms_that_forbids_more_near_the_end_has_a_full_pack_of_unknown_charge():
    rig = lithium().in_absorption()
    rig.sig.bms_bits = 2
    rig.seconds(70)
    assert (rig.phase, rig.cause, rig.session.is_full) == ("FULL", "full", 1)
    assert rig.energy.soc_permille == 500


def test_a_bms_that_forbids_more_for_a_moment_near_the_end_has_no_full_pack():
    rig = lithium().in_absorption()
    rig.sig.bms_bits = 2
    rig.seconds(2)
    rig.sig.bms_bits = 3
    rig.seconds(100)
    assert (rig.phase, rig.session.is_full) == ("PAUSE", 0)
    rig.until("BULK", 1000)


@pytest.mark.parametrize(
    ("leak_a", "permille", "phase"),
    [(-0.9, 901, "FULL"), (-0.9, 899, "CHECK"), (-0.2, 800, "FULL"), (0.0, 800, "FULL")],
)
def test_a_full_pack_that_something_empties_is_charged_again_whatever_its_voltage(
    leak_a, permille, phase
):
    rig = full_lead().so(leak_a=leak_a, cell_mv=2190).seconds(2)
    for soc in range(999, permille - 1, -1):  # 0.2 A and less: a rested voltage corrects the count
        rig.soc(soc).seconds(1)
    assert rig.seconds(2).phase == phase


@pytest.mark.parametrize(("below", "phase"), [(0.985, "FULL"), (0.97, "PAUSE")])
def test_in_the_bulk_it_depends_on_how_near_the_voltage_is(below, phase):
    rig = lithium().in_bulk()
    set_mv = rig.command.limit_cv * 10 / rig.cells
    rig.so(cell_mv=set_mv * below).seconds(3)
    rig.sig.bms_bits = 2
    rig.seconds(70)
    assert rig.phase == phase


def test_a_bms_that_is_lost_at_the_end_is_no_full_pack():
    rig = lithium().in_absorption()
    rig.sig.bms_bits = -1
    rig.seconds(2)
    assert (rig.phase, rig.cause) == ("PAUSE", "bms_refuses")


def test_a_lithium_charger_that_ends_by_its_own_curve_leaves_a_full_pack_of_unknown_charge():
    rig = relay_absorbing(lithium)
    rig.at_tail(1.9).seconds(15)
    rig.so(amps=0.0, cell_mv=3400).until("FULL", 200)
    assert rig.session.is_full == 1
    assert rig.energy.soc_permille == 500


@pytest.mark.parametrize(("share", "seconds"), [(1.9, 5), (2.1, 60), (0.05, 60)])
def test_a_lithium_charger_whose_current_goes_before_it_came_down_has_no_mains(share, seconds):
    rig = relay_absorbing(lithium)
    rig.at_tail(share).seconds(seconds)
    rig.so(amps=0.0, cell_mv=3400).seconds(200)
    assert (rig.phase, rig.cause, rig.session.is_full) == ("PAUSE", "no_current", 0)
    rig.so(amps=9.0).until("BULK", 700)


def test_a_hot_or_broken_pack_that_gets_only_near_its_voltage_gets_no_more_than_enough():
    rig = near_target(Rig().in_bulk())
    session = rig.session
    session.in_mah = session.missing_mah * get(rig, "return_most") // 1000 - 100
    assert rig.seconds(5).phase == "BULK"
    session.in_mah += 200
    rig.seconds(3)
    assert (rig.phase, session.is_full, rig.energy.soc_permille) == ("FULL", 1, 500)


def test_a_count_that_says_enough_far_from_the_voltage_was_wrong_and_the_charge_goes_on():
    rig = near_target(Rig(soc_permille=900, unsure_permille=50).in_bulk(), 0.975)
    session = rig.session
    assert session.missing_mah < rig.capacity_mah // 9
    session.in_mah = session.missing_mah + rig.capacity_mah * 5 // 100
    assert rig.seconds(5).phase == "BULK"
    assert session.missing_mah == rig.capacity_mah
    assert session.limit_mah == rig.capacity_mah * get(rig, "ah_limit") // 1000
    session.in_mah = session.limit_mah + 50
    rig.seconds(3)
    assert (rig.phase, session.faults) == ("FAULT", backstops.AH_LIMIT)


def test_a_count_that_says_enough_was_right_where_the_pack_met_its_set_point_before_a_pause():
    rig = near_target(Rig(soc_permille=900, unsure_permille=50).in_bulk(), 0.975)
    session = rig.session
    session.absorb_limit_s, missing_mah, limit_mah = 28800, session.missing_mah, session.limit_mah
    session.in_mah = missing_mah + rig.capacity_mah * 5 // 100
    assert rig.seconds(5).phase == "BULK"
    assert (session.missing_mah, session.limit_mah) == (missing_mah, limit_mah)
    near_target(rig).seconds(5)
    assert (rig.phase, session.is_full) == ("FULL", 1)


# --- EQUALIZE


def test_a_flooded_pack_is_equalized_once_where_a_person_asked_for_it():
    rig = flooded()
    limit_mah = rig.session.limit_mah
    rig.at_tail()
    rig.until("EQUALIZE", 2000)
    assert rig.session.equalize_armed == 0
    assert rig.session.limit_mah == limit_mah + rig.capacity_mah * 12 // 100
    rig.so(obeys=True).seconds(WAIT_S)
    assert rig.command.set_ma == rig.charge.profile.ma("equalize_current")
    assert rig.command.set_cv == rig.charge.profile.cv("equalize")


def test_nobody_asked_for_it_or_it_is_no_flooded_pack():
    rig = flooded(armed=0).at_tail()
    rig.until("FLOAT", 2000)
    assert "EQUALIZE" not in {phase for phase, _ in rig.seen}
    rig = Rig()
    rig.session.equalize_armed = 1
    rig.in_float()
    assert rig.session.equalize_armed == 1


@pytest.mark.parametrize(("ddegc", "phase"), [(399, "EQUALIZE"), (400, "FLOAT"), (None, "FLOAT")])
def test_a_warm_pack_or_one_of_unknown_temperature_is_not_equalized(ddegc, phase):
    rig = Rig(chemistry=FLOODED).warm(ddegc)
    rig.session.equalize_armed = 1
    rig.in_absorption(after_mah=40000)
    rig.session.absorb_s = rig.session.absorb_limit_s
    rig.until(phase, 2000)
    assert rig.session.equalize_armed == (0 if phase == "EQUALIZE" else 1)


def test_a_relay_charger_cannot_equalize():
    rig = relay_absorbing(chemistry=FLOODED)
    rig.session.equalize_armed = 1
    rig.session.in_mah = 56000
    rig.session.absorb_s = get(rig, "absorb_min")
    rig.at_tail()
    rig.until("FULL", 1000)
    assert rig.session.equalize_armed == 1


def test_equalizing_ends_when_the_voltage_stood_still_three_times():
    rig = equalizing().so(obeys=True)
    base_mv = rig.cell_mv
    for minute in range(60):
        rig.so(cell_mv=base_mv + minute * 0.07).seconds(60)  # 1.4 mV in 20 minutes
    assert rig.phase == "EQUALIZE"
    rig.seconds(3500)
    assert rig.phase == "EQUALIZE"
    rig.until("FLOAT", 300)


def test_a_person_stops_equalizing_at_once():
    rig = equalizing().so(obeys=True).seconds(WAIT_S)
    assert rig.charge.enable
    grant(rig.charge, EQUALIZE, 0)
    assert (rig.phase, rig.charge.enable, rig.command.set_ma) == ("FLOAT", 0, 0)
    rig.seconds(20)
    assert rig.phase == "FLOAT"


@pytest.mark.parametrize("driven", [False, True])
def test_a_plug_that_is_pulled_ends_equalizing_for_good(driven):
    rig = equalizing().so(obeys=True).seconds(WAIT_S)
    latches = rig.session.latches
    rig.so(plug=False).seconds(3)
    assert (rig.phase, rig.charge.enable, rig.session.latches) == ("OFF", 0, latches + 1)
    if driven:
        rig.drive(rig.energy.soc_permille - 10)
    else:
        rig.cut_power()
    seen = len(rig.seen)
    rig.so(plug=True).until("FLOAT")
    assert "EQUALIZE" not in {phase for phase, _ in rig.seen[seen:]}


def test_a_power_cut_ends_no_equalizing():
    rig = equalizing().so(obeys=True).seconds(WAIT_S).cut_power()
    rig.until("EQUALIZE")


def test_equalizing_ends_at_its_time():
    rig = equalizing().so(obeys=True)
    rig.session.phase_s = get(rig, "equalize_limit") - 10
    assert rig.seconds(5).phase == "EQUALIZE"
    assert rig.seconds(10).phase == "FLOAT"


@pytest.mark.parametrize(("ddegc", "phase"), [(390, "EQUALIZE"), (400, "FLOAT"), (None, "FLOAT")])
def test_equalizing_ends_when_the_pack_is_warm_or_its_temperature_lost(ddegc, phase):
    rig = equalizing().so(obeys=True)
    if ddegc is not None:
        for step in range(250, ddegc, 50):
            rig.warm(step).seconds(61)
    rig.warm(ddegc).seconds(5)
    assert (rig.phase == "EQUALIZE") is (phase == "EQUALIZE")
    assert rig.charge.enable == (1 if phase == "EQUALIZE" else 0)
    assert phase in {seen for seen, _ in rig.seen}


def test_without_a_temperature_a_pack_gets_no_more_than_was_missing():
    rig = Rig().warm(None).in_bulk().seconds(900)
    rig.session.in_mah = rig.session.missing_mah - 30
    assert rig.seconds(2).phase == "BULK"
    rig.seconds(30)
    assert (rig.phase, rig.charge.enable) == ("FULL", 0)


# --- FLOAT


def test_a_float_begins_with_a_rest_and_then_holds_its_voltage():
    rig = Rig().in_float()
    rig.so(cell_mv=2200, amps=0.6).seconds(2000)
    assert (rig.phase, rig.charge.enable, rig.cause) == ("FLOAT", 0, "nothing")
    rig.seconds(150)
    assert (rig.phase, rig.charge.enable) == ("FLOAT", 1)
    assert rig.command.set_cv == rig.charge.profile.compensated_cv(get(rig, "float"), 250)


def test_a_pack_that_gets_no_rest_is_floated_after_four_hours():
    rig = Rig().in_float().so(cell_mv=2200, obeys=False, amps=0.0, leak_a=-0.9)
    rig.session.phase_s = 14380
    rig.seconds(15)
    assert (rig.phase, rig.charge.enable) == ("FLOAT", 0)
    rig.seconds(10)
    assert (rig.phase, rig.charge.enable) == ("FLOAT", 1)


def test_a_float_needs_no_current():
    assert floating().seconds(300).phase == "FLOAT"


def test_a_float_ends_after_its_time():
    rig = floating()
    rig.session.phase_s = get(rig, "float_limit") - 10
    assert rig.seconds(5).phase == "FLOAT"
    rig.seconds(10)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("FULL", "full", 0)


def test_a_float_ends_when_more_charge_would_only_make_gas():
    rig = floating()
    rig.session.in_mah = rig.session.missing_mah * get(rig, "return_most") // 1000
    assert rig.seconds(2).phase == "FULL"


def test_a_pack_that_comes_down_in_float_is_checked_and_charged_again():
    rig = floating()
    restart_mv = get(rig, "restart_below")
    rig.so(cell_mv=restart_mv + 2).seconds(100)
    for _ in range(3):
        rig.so(cell_mv=restart_mv - 2).seconds(50)
        rig.so(cell_mv=restart_mv + 2).seconds(3)
    assert rig.phase == "FLOAT"
    rig.so(cell_mv=restart_mv - 2).seconds(70)
    assert rig.phase in ("CHECK", "BULK")
    rig.until("BULK")
    assert rig.session.number == 2


# --- BALANCE


def test_a_pack_with_uneven_cells_is_held_while_its_bms_evens_them():
    rig = balancing().so(obeys=True)
    speaking(rig, seconds=WAIT_S, highest_mv=3550, lowest_mv=3530)
    assert rig.charge.enable == 1
    assert rig.command.set_ma == rig.charge.profile.ma("balance")
    speaking(rig, seconds=800, highest_mv=3550, lowest_mv=3540)
    speaking(rig, seconds=2, highest_mv=3551, lowest_mv=3540)
    speaking(rig, seconds=890, highest_mv=3550, lowest_mv=3540)
    assert rig.phase == "BALANCE"
    speaking(rig, seconds=20, highest_mv=3550, lowest_mv=3540)
    assert (rig.phase, rig.cause) == ("FULL", "full")


def test_a_pack_that_does_not_become_even_is_full_after_its_time():
    rig = balancing().so(obeys=True)
    rig.session.phase_s = get(rig, "balance_limit") - 10
    speaking(rig, seconds=5, highest_mv=3550, lowest_mv=3530)
    assert rig.phase == "BALANCE"
    speaking(rig, seconds=10, highest_mv=3550, lowest_mv=3530)
    assert rig.phase == "FULL"


def test_a_bms_that_forbids_more_while_balancing_ends_it():
    rig = balancing()
    speaking(rig, seconds=70, highest_mv=3550, lowest_mv=3530, charge=0)
    assert rig.phase == "FULL"


def test_a_pack_with_even_cells_is_not_balanced():
    rig = absorbing_with_bms(lowest_mv=3540)
    rig.at_tail()
    speaking(rig, seconds=100, highest_mv=3550, lowest_mv=3540)
    assert rig.phase == "FULL"
