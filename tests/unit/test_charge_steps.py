"""What ends each phase of a charge and which comes next, each condition inside and outside."""

import pytest

from tests.unit.charges import (
    KINDS,
    RELAY,
    WAIT_S,
    Rig,
    balancing,
    begun,
    equalizing,
    excesses,
    floating,
    full_lead,
    full_lithium,
    get,
    known,
    lithium,
    most,
    relay_absorbing,
    speaking,
)
from vcu.charge import backstops
from vcu.chemistry import LFP

PAUSE_S = 600


# --- OFF and what keeps it there


def test_a_car_that_is_not_plugged_in_does_nothing():
    rig = Rig().so(plug=False).seconds(100)
    assert rig.seen == [("OFF", "unplugged")]


@pytest.mark.parametrize(
    ("rig", "cause"),
    [
        pytest.param(lambda: Rig(charger_kind=0), "no_charger", id="no charger"),
        pytest.param(lambda: Rig(3300, chemistry=LFP, cell_count=20), "no_bms", id="no bms"),
    ],
)
def test_a_car_without_what_a_charge_needs_says_so(rig, cause):
    rig = rig().seconds(30)
    assert rig.seen[-1] == ("OFF", cause)
    assert {phase for phase, _ in rig.seen} == {"OFF"}


@pytest.mark.parametrize(("name", "broken"), [("parameters_ok", False), ("parameters_lost", True)])
def test_a_car_with_broken_parameters_is_not_charged_until_they_are_whole(name, broken):
    rig = Rig()
    setattr(rig.charge, name, broken)
    assert rig.seconds(30).seen[-1] == ("OFF", "parameters_broken")
    setattr(rig.charge, name, not broken)
    rig.until("BULK")


def test_a_car_with_a_latched_fault_is_not_charged():
    rig = Rig()
    rig.session.faults = backstops.RUNAWAY
    assert rig.seconds(30).seen[-1] == ("FAULT", "fault")
    assert "BULK" not in {phase for phase, _ in rig.seen}


@pytest.mark.parametrize("phase", ["CHECK", "BULK", "ABSORB", "FLOAT", "PAUSE", "FAULT"])
def test_the_plug_leads_from_every_phase_to_off(phase):
    rig = Rig()
    if phase == "BULK":
        rig.in_bulk()
    elif phase == "ABSORB":
        rig.in_absorption()
    elif phase == "FLOAT":
        rig.in_float()
    elif phase == "PAUSE":
        rig.warm(600).until("CHECK")
        rig = Rig().in_bulk().warm(None).so(readable=False)
        rig.until("PAUSE")
    elif phase == "FAULT":
        rig.in_bulk().charge.trip(backstops.RUNAWAY)
    else:
        rig.until("CHECK")
    assert rig.phase == phase
    rig.so(plug=False).seconds(2)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("OFF", "unplugged", 0)


@pytest.mark.parametrize("from_piece", range(10))
@pytest.mark.parametrize("pieces", range(1, 11))
def test_a_plug_that_is_in_for_less_than_a_round_leaves_nothing_begun(from_piece, pieces):
    rig = Rig().so(plug=False)
    for _ in range(from_piece):
        rig.tick()
    rig.plug = True
    for _ in range(pieces):
        rig.tick()
    rig.so(plug=False).seconds(2)
    assert (rig.phase, rig.cause) == ("OFF", "unplugged")


# --- what hinders a check or a charge


def test_a_measurement_that_is_not_to_be_believed_keeps_it_in_the_check():
    rig = Rig()
    rig.charge.inhibited = True
    assert rig.seconds(20).seen[-1] == ("CHECK", "sensor_lost")
    rig.charge.inhibited = False
    rig.until("BULK")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("edge", "cause"), [("too_cold", "too_cold"), ("too_hot", "too_hot")])
def test_a_battery_too_cold_or_too_hot_is_not_charged(name, edge, cause):
    rig = Rig(2050, chemistry=KINDS[name], cell_count=20, bms_kind=1)
    rig.cell_mv = 3300 if name in ("lfp", "nmc") else 2050
    rig.warm(get(rig, edge) + (-1 if edge == "too_cold" else 0)).seconds(20)
    assert (rig.phase, rig.cause) == ("CHECK", cause)


@pytest.mark.parametrize("bits", [0, 2, -1])
def test_a_pack_whose_bms_does_not_permit_it_is_not_charged(bits):
    rig = lithium()
    rig.sig.bms_bits = bits
    rig.seconds(20)
    assert (rig.phase, rig.cause) == ("CHECK", "bms_refuses")


def test_lithium_without_a_temperature_is_not_charged_and_lead_is():
    rig = lithium().warm(None).seconds(20)
    assert (rig.phase, rig.cause) == ("CHECK", "sensor_lost")
    assert Rig().warm(None).seconds(20).phase == "BULK"


def test_a_relay_charger_that_gives_more_than_is_allowed_is_not_switched_on():
    rig = Rig(**RELAY, capacity_mah=40000)  # 8 A may flow, 10 flow
    slack_ma = rig.seconds(3).command.limit_ma * 11 // 10 + 1000
    assert rig.command.charger_ma > slack_ma
    assert rig.seconds(20).seen[-1] == ("CHECK", "current_high")
    assert Rig(**RELAY, capacity_mah=42000).seconds(20).phase == "BULK"


@pytest.mark.parametrize("cause", ["sensor_lost", "too_hot", "bms_refuses"])
def test_what_hinders_pauses_a_charge_for_ten_minutes_at_least(cause):
    rig = lithium().in_bulk()
    if cause == "sensor_lost":
        rig.charge.inhibited = True
    elif cause == "too_hot":
        rig.warm_up(get(rig, "too_hot"))
    else:
        rig.sig.bms_bits = -1
    rig.seconds(3)
    assert (rig.phase, rig.cause, rig.charge.enable, rig.command.set_ma) == ("PAUSE", cause, 0, 0)
    rig.charge.inhibited = False
    rig.sig.bms_bits = 3
    paused_s = 3
    if cause == "too_hot":
        before_s = rig.time_s
        rig.warm_up(get(rig, "cool_again") - 1)
        paused_s += rig.time_s - before_s
    paused_s += rig.until("CHECK", 1000)
    assert PAUSE_S - 3 <= paused_s <= PAUSE_S + 3
    assert rig.cause == "checking"
    rig.until("BULK")
    assert rig.session.number == 1


def test_a_pause_lasts_as_long_as_what_hinders():
    rig = lithium().in_bulk()
    rig.sig.bms_bits = -1
    rig.seconds(2 * PAUSE_S)
    assert rig.phase == "PAUSE"
    rig.sig.bms_bits = 3
    assert rig.until("CHECK") <= 3


def test_a_voltage_that_is_3_s_old_pauses_the_charge():
    rig = Rig().in_bulk().so(readable=False)
    assert rig.seconds(2).phase == "BULK"
    assert rig.seconds(4).phase == "PAUSE"
    assert rig.cause == "sensor_lost"


def test_no_current_for_a_minute_pauses_the_charge():
    rig = Rig().in_bulk().so(obeys=False, amps=0.25)
    assert rig.seconds(55).phase == "BULK"
    rig.until("PAUSE", 120)  # the mean of the current has to come down, too
    assert rig.cause == "no_current"
    rig = Rig().in_bulk().so(obeys=False, amps=0.35).seconds(600)
    assert rig.phase == "BULK"


def test_a_current_that_comes_back_within_the_minute_goes_on():
    rig = Rig().in_bulk()
    for _ in range(4):
        rig.so(obeys=False, amps=0.0).seconds(50)
        rig.so(obeys=True).seconds(5)
    assert rig.phase == "BULK"


def test_a_relay_charger_that_gives_too_much_for_5_s_is_switched_off():
    rig = Rig(**RELAY).so(amps=10.0)
    rig.until("BULK")
    limit_a = (rig.seconds(10).command.limit_ma * 11 // 10 + 1000) / 1000
    assert rig.so(amps=limit_a - 0.1).seconds(30).phase == "BULK"
    rig.so(amps=limit_a + 0.1).seconds(4)
    assert rig.phase == "BULK"
    rig.seconds(4)
    assert (rig.phase, rig.cause) == ("PAUSE", "current_high")


def test_a_relay_charger_that_gives_too_much_three_times_is_not_tried_again():
    rig = Rig(**RELAY).so(amps=9.0)
    rig.until("BULK")
    assert excesses(rig, 2).phase == "PAUSE"
    assert (excesses(rig, 1).phase, rig.session.faults) == ("FAULT", backstops.DISOBEYS)


def test_another_plug_may_be_another_charger():
    rig = Rig(**RELAY).so(amps=9.0)
    rig.until("BULK")
    excesses(rig, 2).so(plug=False).seconds(2)
    assert excesses(rig.so(plug=True), 2).phase == "PAUSE"
    assert rig.session.faults == 0


def test_too_much_for_a_hot_pack_is_not_the_chargers_fault():
    rig = Rig(**RELAY, capacity_mah=60000).so(amps=9.0)
    rig.until("BULK")
    rig.warm_up(455)
    assert rig.command.warmth_permille == 1000
    rig.warm(462).seconds(2)
    assert rig.command.warmth_permille < 1000
    assert excesses(rig, 4).phase == "PAUSE"
    assert rig.session.faults == 0


@pytest.mark.parametrize(("over_mv", "pauses"), [(48, False), (53, True)])
def test_a_relay_charger_50_mv_a_cell_too_high_for_a_minute_is_switched_off(over_mv, pauses):
    rig = relay_absorbing().at_target(over_mv)
    assert rig.seconds(55).phase == "ABSORB"
    rig.seconds(10)
    assert ((rig.phase, rig.cause) == ("PAUSE", "voltage_high")) is pauses


def test_time_that_a_hot_pack_waits_for_its_own_charger_is_absorption():
    rig = relay_absorbing().at_target(60).seconds(65)
    before_s = rig.session.absorb_s
    rig.seconds(300)
    assert rig.phase == "PAUSE"
    assert 298 <= rig.session.absorb_s - before_s <= 302


# --- PRECHARGE


def test_a_deeply_discharged_pack_is_charged_gently_until_it_has_come_up():
    rig = known(Rig(1700)).so(obeys=True)
    rig.until("PRECHARGE")
    rig.seconds(WAIT_S)
    assert rig.command.set_ma == rig.charge.profile.ma("precharge")
    below_mv = get(rig, "precharge_below")
    rig.so(cell_mv=below_mv * 1.01 - 2).seconds(60)
    assert rig.phase == "PRECHARGE"
    rig.so(cell_mv=below_mv * 1.01 + 2).seconds(8)
    assert rig.phase == "PRECHARGE"
    rig.so(cell_mv=1700).seconds(2)
    rig.so(cell_mv=below_mv * 1.01 + 2)
    assert 9 <= rig.until("BULK") <= 12


def test_a_pack_that_does_not_come_up_in_time_has_a_dead_cell():
    rig = known(Rig(1700)).so(obeys=True)
    rig.until("PRECHARGE")
    rig.session.phase_s = get(rig, "precharge_limit") - 20
    rig.seconds(15)
    assert rig.phase == "PRECHARGE"
    rig.seconds(10)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.PRECHARGE_FAILED)


def test_what_hinders_a_charge_hinders_a_gentle_one_too():
    rig = known(lithium(2200)).so(obeys=True)
    rig.until("PRECHARGE")
    rig.sig.bms_bits = 2
    rig.seconds(2)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("PAUSE", "bms_refuses", 0)


def test_a_charger_that_cannot_be_gentle_does_not_charge_an_empty_pack():
    rig = known(Rig(1700, **RELAY)).seconds(20)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.PRECHARGE_FAILED)
    assert rig.charge.enable == 0


# --- a target below full


def test_a_charge_to_a_target_ends_there_from_the_bulk():
    rig = Rig().in_bulk()
    rig.session.target_permille = 800
    rig.soc(799).seconds(5)
    assert rig.phase == "BULK"
    rig.soc(800).seconds(2)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("FULL", "target_reached", 0)
    assert rig.energy.soc_permille == 800


def test_a_charge_to_a_target_ends_there_from_absorption():
    rig = Rig().in_absorption()
    rig.session.target_permille = 950
    rig.soc(950).seconds(2)
    assert (rig.phase, rig.cause) == ("FULL", "target_reached")


@pytest.mark.parametrize(("soc", "again"), [(701, False), (699, True)])
def test_a_pack_at_its_target_is_charged_again_a_tenth_below_it(soc, again):
    rig = Rig().in_bulk()
    rig.session.target_permille = 800
    rig.soc(800).seconds(2)
    rig.so(cell_mv=2100).soc(soc).seconds(80)
    assert (rig.phase in ("CHECK", "BULK")) is again


# --- FULL


def test_a_full_pack_is_not_charged_again_by_pulling_the_plug():
    rig = full_lithium()
    for _ in range(3):
        rig.so(plug=False).seconds(30)
        rig.so(plug=True).seconds(30)
        assert (rig.phase, rig.cause) == ("FULL", "full")
    assert rig.session.number == 1


def test_a_full_pack_is_not_charged_again_by_a_power_cut():
    rig = full_lithium().cut_power().seconds(100)
    assert (rig.phase, rig.cause, rig.session.number) == ("FULL", "full", 1)


@pytest.mark.parametrize(("soc", "again"), [(900, False), (899, True)])
def test_full_lithium_is_charged_again_below_its_share(soc, again):
    rig = full_lithium().soc(soc).seconds(90)
    assert (rig.phase != "FULL") is again
    if again:
        rig.until("BULK")
        assert rig.session.number == 2


def test_a_charge_that_ended_with_a_low_count_is_not_begun_again_and_again():
    rig = lithium(soc_permille=800).in_absorption()
    rig.session.absorb_s = get(rig, "absorb_limit") - 5
    rig.until("FULL", 30)
    rig.so(cell_mv=3380).seconds(600)
    assert (rig.phase, rig.session.number) == ("FULL", 1)
    rig.soc(740).seconds(90)
    assert rig.phase != "FULL"


def test_what_a_full_pack_was_counted_as_is_known_after_a_power_cut():
    rig = lithium(soc_permille=800).in_absorption()
    rig.session.absorb_s = get(rig, "absorb_limit") - 5
    rig.until("FULL", 30)
    rig.so(cell_mv=3380).soc(785).cut_power().seconds(20)
    assert rig.session.full_permille == 800
    rig.soc(749).seconds(90)
    rig.until("BULK")
    assert rig.session.number == 2


def test_lead_whose_bms_forbids_more_in_float_is_full_and_that_is_kept_once():
    rig = Rig(bms_kind=1).in_float().so(cell_mv=2260, obeys=False, amps=0.0).until_closed()
    latches = rig.session.latches
    rig.sig.bms_bits = 2
    rig.seconds(300)
    assert (rig.phase, rig.cause, rig.session.latches) == ("FULL", "full", latches)


@pytest.mark.parametrize(("off_mv", "again"), [(2, False), (-2, True)])
def test_a_full_pack_that_comes_down_for_a_minute_is_charged_again(off_mv, again):
    rig = full_lithium()
    restart_mv = get(rig, "restart_below")
    for _ in range(3):
        rig.so(cell_mv=restart_mv - 2).seconds(50)
        rig.so(cell_mv=restart_mv + 2).seconds(3)
    assert rig.phase == "FULL"
    rig.so(cell_mv=restart_mv + off_mv).seconds(75)
    assert (rig.phase != "FULL") is again


def test_full_lead_is_topped_up_after_a_week():
    rig = full_lead()
    rig.session.phase_s = get(rig, "retop") - 5
    assert rig.seconds(3).phase == "FULL"
    rig.seconds(5)
    rig.until("BULK")
    assert rig.session.number == 2


def test_full_lithium_is_never_topped_up():
    rig = full_lithium()
    rig.session.phase_s = 700000
    assert rig.seconds(100).phase == "FULL"


# --- going on after a power cut


@pytest.mark.parametrize("phase", ["FLOAT", "EQUALIZE"])
def test_a_phase_after_absorption_goes_on_with_its_clock(phase):
    rig = floating() if phase == "FLOAT" else equalizing()
    rig.session.phase_s = 3000
    rig.cut_power().so(cell_mv=2200)
    rig.until(phase)
    assert 3000 <= rig.session.phase_s <= 3010


def test_balancing_goes_on_with_its_clock():
    rig = balancing()
    rig.session.phase_s = 1000
    rig.cut_power().so(cell_mv=3400)
    speaking(rig, seconds=12, highest_mv=3420, lowest_mv=3400)
    assert rig.phase == "BALANCE"
    assert 1000 <= rig.session.phase_s <= 1015


def test_a_bulk_that_was_broken_off_goes_on_with_what_it_has_counted():
    rig = Rig().in_bulk()
    rig.session.in_mah = 7000
    before = (rig.session.number, rig.session.limit_mah, rig.session.bulk_s)
    rig.cut_power()
    rig.until("BULK")
    session = rig.session
    assert (session.number, session.limit_mah, session.bulk_s) == before
    assert session.in_mah == 7000


def test_an_absorption_that_was_broken_off_goes_on_with_its_time():
    rig = Rig().in_absorption()
    rig.session.absorb_s = 5000
    rig.cut_power().so(cell_mv=2200)
    rig.until("BULK")
    rig.seconds(WAIT_S).at_target()
    rig.until("ABSORB")
    assert 5000 <= rig.session.absorb_s <= 5010


@pytest.mark.parametrize(("soc", "number"), [(481, 1), (479, 2)])
@pytest.mark.parametrize("cut", [False, True])
def test_a_car_that_gave_2_percent_in_between_was_driven_and_begins_anew(cut, soc, number):
    rig = Rig().in_bulk()
    if cut:
        rig.cut_power()
    rig.drive(soc)
    rig.until("BULK")
    assert rig.session.number == number


def test_what_a_rest_corrects_in_the_count_was_not_driven():
    rig = Rig().in_bulk()
    rig.so(plug=False).seconds(20).soc(400).seconds(20)
    rig.so(plug=True).until("BULK")
    assert rig.session.number == 1


# --- what a new charge may bring


@pytest.mark.parametrize(
    ("soc", "unsure", "missing_mah", "at_most_missing_mah"),
    [
        (500, 0, 50000, 50000),
        (500, 50, 50000, 55000),
        (500, 100, 50000, 60000),
        (500, 101, 60100, 60100),
        (500, 300, 80000, 80000),
        (500, 301, 100000, 100000),
        (900, 300, 40000, 40000),
        (1000, 20, 0, 2000),
        (0, 100, 100000, 100000),
    ],
)
def test_a_charge_may_bring_what_is_missing_and_what_is_not_known(
    soc, unsure, missing_mah, at_most_missing_mah
):
    assert begun(soc, unsure) == (missing_mah, most(Rig(), at_most_missing_mah))


def test_a_charge_never_brings_more_than_its_limit_of_a_whole_pack():
    for soc in (0, 100, 500):
        rig = Rig()
        assert begun(soc, 400)[1] <= rig.capacity_mah * get(rig, "ah_limit") // 1000


# --- FAULT


def test_a_fault_stays_until_a_person_clears_it():
    rig = Rig().in_bulk()
    rig.charge.trip(backstops.RUNAWAY)
    rig.seconds(100)
    rig.so(plug=False).seconds(30)
    rig.so(plug=True).seconds(30)
    rig.cut_power().seconds(30)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("FAULT", "fault", 0)
    rig.charge.clear()
    rig.until("BULK")


def test_a_fault_that_was_cleared_elsewhere_is_over():
    rig = Rig().in_bulk()
    rig.charge.trip(backstops.RUNAWAY)
    rig.seconds(5)
    rig.session.faults = 0
    rig.until("BULK")


@pytest.mark.parametrize(
    ("bit", "goes_on"), [(backstops.TIMEOUT, True), (backstops.AH_LIMIT, False)]
)
def test_a_drive_forgives_a_charge_that_took_too_long_and_nothing_else(bit, goes_on):
    rig = Rig().in_bulk()
    rig.charge.trip(bit)
    rig.seconds(30)
    assert rig.phase == "FAULT"
    latches = rig.session.latches
    rig.drive(450).seconds(30)
    assert (rig.phase != "FAULT") is goes_on
    assert (rig.session.latches > latches) is goes_on
