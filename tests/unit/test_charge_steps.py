"""What ends each phase of a charge and which comes next, each condition inside and outside."""

import pytest
from unit.charges import CHECK_S, LITHIUM, RELAY, WAIT_S, Rig

from vcu.charge import backstops
from vcu.chemistry import AGM, FLOODED, GEL, LFP, NMC

KINDS = {"flooded": FLOODED, "agm": AGM, "gel": GEL, "lfp": LFP, "nmc": NMC}
PAUSE_S = 600


def lithium(cell_mv=3300, **values):
    return Rig(cell_mv, **(LITHIUM | {"cell_count": 20} | values))


def get(rig, name):
    return rig.charge.profile.get(name)


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


def test_a_car_with_broken_parameters_is_not_charged_until_they_are_whole():
    rig = Rig()
    rig.charge.parameters_ok = False
    assert rig.seconds(30).seen[-1] == ("OFF", "parameters_broken")
    rig.charge.parameters_ok = True
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


# --- CHECK: is this the pack?


@pytest.mark.parametrize(("first", "check_s"), [(False, 6), (True, 60)])
def test_the_check_has_the_relay_open_and_the_first_one_takes_its_time_for_the_zero(
    first, check_s
):
    rig = Rig(first=first).seconds(check_s)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("CHECK", "checking", 0)
    assert rig.until("BULK") <= 2
    assert rig.session.number == 1


def test_a_zero_that_drifts_by_its_noise_is_followed_slowly():
    rig = Rig()
    known_q4 = rig.session.zero_q4
    rig.zero_counts += 0.9
    rig.until("BULK")
    assert 0 < rig.session.zero_q4 - known_q4 <= 3
    rig.zero_counts += 0.5
    rig.so(plug=False).seconds(2)
    rig.so(plug=True).until("BULK")
    assert rig.session.zero_q4 - known_q4 >= 15


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("edge", "off_mv", "fits"), [
    ("reject_below", -2, False),
    ("reject_below", 2, True),
    ("reject_above", -2, True),
    ("reject_above", 3, False),
])  # fmt: skip
def test_a_resting_cell_outside_its_chemistrys_window_is_another_pack(name, edge, off_mv, fits):
    values = {"chemistry": KINDS[name], "cell_count": 20}
    rig = Rig(2050, **values, bms_kind=1 if name in ("lfp", "nmc") else 0)
    rig.cell_mv = get(rig, edge) + off_mv
    rig.seconds(CHECK_S)
    assert (rig.phase in ("BULK", "PRECHARGE")) is fits
    assert rig.charge.pack_check.is_wrong is not fits
    assert ((rig.phase, rig.cause) == ("CHECK", "wrong_pack")) is not fits


def test_a_wrong_pack_waits_in_the_check_with_the_relay_open_and_is_told():
    rig = Rig(2300).seconds(1000)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("CHECK", "wrong_pack", 0)
    assert rig.charge.bits == backstops.WRONG_PACK
    rig.so(cell_mv=2100).until("BULK")
    rig.seconds(2)
    assert rig.charge.bits == 0


def surface(rig):
    return get(rig, "reject_above") + get(rig, "surface")


@pytest.mark.parametrize(("off_mv", "fits"), [(-2, True), (3, False)])
def test_after_a_charge_a_pack_may_stand_higher_for_its_surface_charge(off_mv, fits):
    rig = Rig().in_bulk().cut_power(in_mah=20000)
    rig.so(cell_mv=surface(rig) + off_mv).seconds(CHECK_S + 2)
    assert rig.charge.pack_check.is_wrong is not fits


def test_a_pack_that_was_driven_since_has_no_surface_charge():
    rig = Rig().in_bulk().cut_power(in_mah=20000).soc(450)
    rig.so(cell_mv=surface(rig) - 5).seconds(CHECK_S + 2)
    assert rig.charge.pack_check.is_wrong


def test_a_bms_that_counts_other_cells_is_of_another_pack():
    rig = Rig(3300, **(LITHIUM | {"cell_count": 20, "bms_kind": 2}))
    speaking(rig, cells=19)
    assert rig.cause in ("bms_refuses", "wrong_pack")
    assert rig.phase == "CHECK"
    speaking(rig, cells=20)
    assert rig.phase == "BULK"


def speaking(rig, cells=20, highest_mv=3310, lowest_mv=3300, seconds=CHECK_S + 2, charge=1):
    """Let time pass with a BMS that sends a frame each second."""
    for _ in range(seconds):
        data = rig.charge.cell_data
        data.cells = cells
        data.lowest_mv, data.highest_mv = lowest_mv, highest_mv
        data.coldest_ddegc = data.hottest_ddegc = 250
        data.charge_permitted = charge
        data.discharge_permitted = 1
        data.charge_limit_ma = 100000
        data.fresh = True
        rig.seconds()
    return rig


def test_a_pack_that_was_swapped_is_confirmed_by_its_check_and_that_is_kept_at_once():
    rig = Rig(2300)
    rig.session.forget()
    rig.seconds(20)
    assert rig.session.is_unconfirmed == 1
    latches = rig.session.latches
    rig.so(cell_mv=2050).until("BULK")
    assert (rig.session.is_unconfirmed, rig.session.latches) == (0, latches + 1)


@pytest.mark.parametrize(
    ("cell_mv", "soc", "unsure", "fits"),
    [
        (1847, 700, 100, False),
        (1847, 699, 100, True),
        (1847, 700, 101, True),
        (1853, 700, 0, True),
    ],
)
def test_lead_that_is_flat_by_its_voltage_and_known_not_to_be_is_another_pack(
    cell_mv, soc, unsure, fits
):
    rig = Rig(cell_mv, soc_permille=soc, unsure_permille=unsure).seconds(CHECK_S)
    assert rig.charge.pack_check.is_wrong is not fits


@pytest.mark.parametrize("charger_kind", [0, 2])
def test_a_swapped_pack_is_confirmed_also_where_it_cannot_be_charged(charger_kind):
    rig = Rig(charger_kind=charger_kind).warm(600)
    rig.session.forget()
    rig.seconds(CHECK_S + 62)
    assert rig.session.is_unconfirmed == 0
    assert (rig.phase, rig.cause) == (
        ("OFF", "no_charger") if charger_kind == 0 else ("CHECK", "too_hot")
    )


@pytest.mark.parametrize("charger_kind", [0, 2])
def test_a_swapped_pack_that_is_another_is_refused_also_where_it_cannot_be_charged(charger_kind):
    rig = Rig(2300, charger_kind=charger_kind).warm(600)
    rig.session.forget()
    rig.seconds(CHECK_S + 62)
    assert (rig.phase, rig.cause, rig.session.is_unconfirmed) == ("CHECK", "wrong_pack", 1)


def test_a_swapped_pack_whose_voltage_is_not_believed_is_not_confirmed():
    rig = Rig()
    rig.session.forget()
    rig.charge.inhibited = True
    rig.seconds(100)
    assert (rig.cause, rig.session.is_unconfirmed) == ("sensor_lost", 1)


@pytest.mark.parametrize(("off_counts", "is_zero"), [(11, True), (13, False), (-13, False)])
def test_a_zero_of_the_sensor_that_is_3_a_off_is_no_zero(off_counts, is_zero):
    rig = Rig(first=True)
    rig.zero_counts += off_counts
    rig.seconds(75)
    assert (rig.phase == "BULK") is is_zero
    assert (rig.cause == "sensor_lost") is not is_zero


def test_the_zero_is_measured_at_each_plug_in_and_the_current_is_right_after_it():
    rig = Rig(first=True)
    rig.zero_counts += 4.5
    rig.in_bulk()
    assert abs(rig.charge.meter.current_ma - rig.command.set_ma) <= 50
    assert rig.session.zero_q4 == rig.charge.meter.zero_q4


def test_a_relay_that_is_welded_at_plug_in_is_not_taken_for_the_zero():
    rig = Rig().in_bulk()
    rig.so(plug=False, obeys=False).seconds(5)
    rig.so(plug=True, leak_a=2.0).seconds(60)
    assert (rig.phase, rig.cause) == ("CHECK", "fault")
    assert rig.charge.bits == backstops.WELDED


def test_a_charge_that_was_asked_for_later_waits_with_the_relay_open():
    rig = Rig()
    rig.charge.delay_s = 100
    rig.seconds(50)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("CHECK", "scheduled", 0)
    assert 40 <= rig.until("BULK") <= 70


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


def relay_absorbing(**values):
    rig = Rig(**RELAY, **values).so(amps=9.0)
    rig.until("BULK")
    rig.seconds(5)
    rig.session.in_mah = 20000
    rig.at_target()
    rig.until("ABSORB")
    return rig


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
    rig = Rig(1700).so(obeys=True)
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
    rig = Rig(1700).so(obeys=True)
    rig.until("PRECHARGE")
    rig.session.phase_s = get(rig, "precharge_limit") - 20
    rig.seconds(15)
    assert rig.phase == "PRECHARGE"
    rig.seconds(10)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.PRECHARGE_FAILED)


def test_what_hinders_a_charge_hinders_a_gentle_one_too():
    rig = lithium(2200).so(obeys=True)
    rig.until("PRECHARGE")
    rig.sig.bms_bits = 2
    rig.seconds(2)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("PAUSE", "bms_refuses", 0)


def test_a_charger_that_cannot_be_gentle_does_not_charge_an_empty_pack():
    rig = Rig(1700, **RELAY).seconds(20)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.PRECHARGE_FAILED)
    assert rig.charge.enable == 0


# --- BULK


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


def full_at_once(make, soc=300, unsure=50, **values):
    rig = make(soc_permille=soc, unsure_permille=unsure).in_bulk()
    for name, value in values.items():
        setattr(rig.session, name, value)
    return rig.at_target().seconds(15)


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


def test_a_bulk_that_stands_still_for_an_hour_has_lost_a_cell():
    rig = Rig().in_bulk().seconds(3400)
    assert rig.phase == "BULK"
    rig.seconds(260)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.CELL_SHORTED)


def test_lithium_stands_still_and_is_well():
    rig = lithium().in_bulk().seconds(4000)
    assert rig.phase == "BULK"


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


# --- ABSORB


def returned(rig):
    """So much has come back that the tail may end it."""
    rig.session.in_mah = rig.session.missing_mah * get(rig, "return_least") // 1000 + 1
    return rig


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
    rig.at_tail().so(cell_mv=set_mv * 0.99 - 4).seconds(get(rig, "tail_hold") + 60)
    assert rig.phase == "ABSORB"


def test_a_current_that_a_limit_holds_down_is_no_tail():
    rig = lithium(bms_kind=2).so(obeys=True)
    speaking(rig, seconds=60)
    rig.session.in_mah = 20000
    rig.at_target()
    speaking(rig, seconds=15, highest_mv=3540)
    assert rig.phase == "ABSORB"
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


def test_a_relay_charger_ends_at_its_tail_and_stays_off():
    rig = returned(relay_absorbing())
    rig.session.absorb_s = get(rig, "absorb_min")
    rig.at_tail()
    rig.until("FULL", 1000)
    assert rig.energy.soc_permille == 1000


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


def test_a_full_pack_that_something_empties_is_charged_again_whatever_its_voltage():
    rig = full_lithium()
    tenth_mah = rig.charge.profile.capacity_mah // 10
    for gave_mah, phase in ((tenth_mah, "FULL"), (tenth_mah + 1, "CHECK")):
        rig.session.left_mah = rig.energy.left_mah + gave_mah
        rig.seconds(2)
        assert rig.phase == phase


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
    rig = lithium(**RELAY).so(amps=9.0)
    rig.until("BULK")
    rig.seconds(5)
    rig.session.in_mah = 20000
    rig.at_target()
    rig.until("ABSORB")
    rig.so(amps=0.0, cell_mv=3400).until("FULL", 200)
    assert rig.session.is_full == 1
    assert rig.energy.soc_permille == 500


def test_a_hot_or_broken_pack_that_never_gets_to_its_voltage_gets_no_more_than_enough():
    rig = Rig().in_bulk()
    session = rig.session
    session.in_mah = session.missing_mah * get(rig, "return_most") // 1000 - 100
    assert rig.seconds(5).phase == "BULK"
    session.in_mah += 200
    rig.seconds(3)
    assert (rig.phase, session.is_full, rig.energy.soc_permille) == ("FULL", 1, 500)


# --- EQUALIZE


def flooded(armed=1, **values):
    rig = Rig(chemistry=FLOODED, **values)
    rig.session.equalize_armed = armed
    rig.in_absorption(after_mah=56000)
    rig.session.absorb_s = get(rig, "absorb_min")
    return rig


def equalizing():
    rig = flooded().at_tail()
    rig.until("EQUALIZE", 2000)
    return rig


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
    rig.seconds(20)
    assert (rig.phase, rig.charge.enable) == ("FULL", 0)


# --- FLOAT


def test_a_float_begins_with_a_rest_and_then_holds_its_voltage():
    rig = Rig().in_float()
    rig.so(cell_mv=2200).seconds(2000)
    assert (rig.phase, rig.charge.enable, rig.cause) == ("FLOAT", 0, "nothing")
    rig.seconds(150)
    assert (rig.phase, rig.charge.enable) == ("FLOAT", 1)
    assert rig.command.set_cv == rig.charge.profile.compensated_cv(get(rig, "float"), 250)


def floating():
    rig = Rig().in_float().so(cell_mv=2200, obeys=False, amps=0.0).until_closed()
    assert rig.phase == "FLOAT"
    return rig


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


def balancing(**values):
    rig = lithium(bms_kind=2, **values).so(obeys=True)
    speaking(rig, seconds=60)
    rig.session.in_mah = 20000
    rig.at_target()
    speaking(rig, seconds=15, highest_mv=3550, lowest_mv=3530)
    assert rig.phase == "ABSORB"
    rig.at_tail()
    speaking(rig, seconds=100, highest_mv=3550, lowest_mv=3530)
    assert rig.phase == "BALANCE"
    return rig


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
    rig = lithium(bms_kind=2).so(obeys=True)
    speaking(rig, seconds=60)
    rig.session.in_mah = 20000
    rig.at_target()
    speaking(rig, seconds=15, highest_mv=3550, lowest_mv=3540)
    rig.at_tail()
    speaking(rig, seconds=100, highest_mv=3550, lowest_mv=3540)
    assert rig.phase == "FULL"


# --- FULL


def full_lithium():
    rig = lithium().in_absorption().at_tail()
    rig.until("FULL", 300)
    return rig.so(cell_mv=3340, amps=0.0)


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


def full_lead():
    rig = floating()
    rig.session.phase_s = get(rig, "float_limit")
    rig.until("FULL")
    return rig.so(cell_mv=2150)


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


def begun(soc, unsure):
    rig = Rig(soc_permille=soc, unsure_permille=unsure)
    rig.until("BULK")
    return (rig.session.missing_mah, rig.session.limit_mah)


def most(rig, missing_mah):
    capacity = rig.capacity_mah
    permille = get(rig, "ah_limit")
    return min(missing_mah * permille // 1000 + capacity * 50 // 1000, capacity * permille // 1000)


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
