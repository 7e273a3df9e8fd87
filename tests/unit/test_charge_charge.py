"""The charge as a whole: when the relay is closed, what is commanded, what is told."""

import pytest

from tests.unit.cars import PACK_CV_PER_1000, Driver, knows_its_zero
from tests.unit.charges import (
    LITHIUM,
    RELAY,
    WAIT_S,
    Rig,
    balancing,
    equalizing,
    floating,
    get,
    known,
    lithium,
    speaking,
)
from vcu.charge import backstops, command, phases
from vcu.chemistry import AGM, FLOODED, LFP
from vcu.fixmath import lerp
from vcu.signals import Raw

ACTIVE = ("PRECHARGE", "BULK", "ABSORB", "EQUALIZE", "FLOAT", "BALANCE")
LATCHED = (
    "OVER_VOLTAGE", "TIMEOUT", "AH_LIMIT", "RUNAWAY", "CELL_SHORTED", "PRECHARGE_FAILED",
    "DISOBEYS",
)  # fmt: skip


def permitted_ma(rig, ddegc):
    return rig.capacity_mah * lerp(ddegc, rig.charge.profile.current_by_temperature) // 1000


# --- the clock


def plugged_in_after(ticks, dt_ms):
    """What a charge does, tick by tick, in a loop that has lived for so long."""
    driver = knows_its_zero(Driver(charger_kind=command.SETPOINT))
    driver.tick(ticks, dt_ms=dt_ms)
    driver.plug = 1
    charge = driver.loop.charge
    rows = []
    for _ in range(4000):
        driver.tick()
        driver.extra_da = -charge.command.set_ma // 100
        session = charge.session
        now = (charge.phase, charge.dt_ms, charge.command.set_ma, session.total_s, session.in_mah)
        rows.append(now)
    return rows


@pytest.mark.parametrize(("dt_ms", "phase"), [(1997, phases.CHECK), (1993, phases.BULK)])
def test_the_clock_of_the_loop_that_wraps_in_a_check_or_a_charge_changes_nothing(dt_ms, phase):
    """It counts 24 bits of ms: it wraps in the fifth hour of every night."""
    ticks = 8400
    rows = plugged_in_after(ticks, dt_ms)
    assert rows[((1 << 24) - ticks * dt_ms) // 10][0] == phase
    assert rows[-1][2] > 5000
    assert rows == plugged_in_after(400, dt_ms)


# --- the relay


def test_before_the_first_step_nothing_is_on():
    charge = Rig().charge
    assert (charge.phase, charge.enable, charge.bits) == (phases.OFF, 0, 0)
    assert (charge.command.set_cv, charge.command.set_ma) == (0, 0)


def test_the_relay_is_closed_in_phases_with_current_and_in_no_other():
    seen = set()
    for rig in (Rig(), known(Rig(1700)), lithium(), Rig(2300), Rig(charger_kind=0)):
        rig.obeys = True
        for _ in range(100):
            rig.tick()
            rig.seconds()
            seen.add((rig.phase, rig.charge.enable))
            assert rig.charge.enable == 0 or rig.phase in ACTIVE
    assert {("BULK", 1), ("PRECHARGE", 1), ("CHECK", 0), ("OFF", 0)} <= seen


def test_the_plug_opens_the_relay_with_the_next_sample():
    rig = Rig().in_bulk()
    assert (rig.charge.enable, rig.command.set_ma > 0) == (1, True)
    rig.so(plug=False).tick()
    assert (rig.charge.enable, rig.command.set_ma, rig.command.set_cv) == (0, 0, 0)
    assert rig.phase == "OFF"


def test_a_plug_that_bounces_is_a_new_check_with_the_relay_open():
    rig = Rig().in_bulk()
    rig.so(plug=False).tick()
    rig.so(plug=True).seconds(3)
    assert (rig.phase, rig.charge.enable) == ("CHECK", 0)


# --- over-voltage


def sampled(rig, *off_counts):
    """Let these samples come, each so many counts off the hard limit."""
    hard_counts = rig.charge.profile.cv("hard") * 1000 // PACK_CV_PER_1000
    raw = Raw()
    for off in off_counts:
        raw.pack_v_counts = hard_counts + off
        raw.pack_a_counts = 1500
        rig.charge.step(raw, 100)
    return rig


def test_the_third_sample_in_a_row_above_the_hard_limit_opens_the_relay_and_latches():
    rig = sampled(Rig().in_bulk(), 1, 1)
    assert rig.charge.enable == 1
    sampled(rig, 1)
    assert (rig.charge.enable, rig.phase) == (0, "FAULT")
    assert rig.session.faults == backstops.OVER_VOLTAGE


@pytest.mark.parametrize("samples", [(0,) * 9, (1, 1, 0) * 3, (1, 1, -500) * 3])
def test_samples_at_the_limit_or_two_above_it_open_nothing(samples):
    assert sampled(Rig().in_bulk(), *samples).charge.enable == 1


def test_with_the_relay_open_a_high_voltage_is_the_packs_own():
    rig = Rig()
    rig.until("CHECK")
    assert sampled(rig, *[500] * 9).session.faults == 0


def test_samples_of_two_charges_are_not_counted_together():
    rig = sampled(Rig().in_bulk(), 1, 1)
    rig.so(plug=False).seconds()
    rig.so(plug=True, obeys=True).until("BULK")
    rig.seconds(WAIT_S)
    assert sampled(rig, 1, 1).charge.enable == 1


def test_one_cell_above_its_hard_limit_three_times_opens_the_relay_and_latches():
    rig = speaking(lithium(bms_kind=2).so(obeys=True), seconds=60)
    hard_mv = get(rig, "hard")
    speaking(rig, seconds=2, highest_mv=hard_mv)
    assert rig.session.faults == 0
    speaking(rig, seconds=2, highest_mv=hard_mv)
    assert (rig.phase, rig.charge.enable) == ("FAULT", 0)
    assert rig.session.faults == backstops.OVER_VOLTAGE


# --- what is measured


def test_what_goes_in_is_counted_in_charge_and_in_time():
    rig = Rig().in_bulk()
    before = (rig.session.in_mah, rig.session.total_s, rig.session.bulk_s)
    rig.seconds(720)
    after = (rig.session.in_mah, rig.session.total_s, rig.session.bulk_s)
    grown = [b - a for a, b in zip(before, after, strict=True)]
    assert grown[0] == pytest.approx(rig.command.set_ma / 5, rel=0.01)
    assert 719 <= grown[1] == grown[2] <= 721


def test_with_the_relay_open_nothing_is_counted():
    rig = Rig().so(leak_a=0.3).seconds(500)
    assert rig.phase != "CHECK"
    rig = Rig(2300).so(leak_a=0.4).seconds(500)
    assert (rig.session.in_mah, rig.session.total_s) == (0, 0)


@pytest.mark.parametrize(("piece_ms", "factor"), [(20, 1), (80, 1), (200, 1), (500, 0.4)])
def test_seconds_are_whole_ones_of_rounds_of_any_length_up_to_2_s(piece_ms, factor):
    rig = Rig().in_bulk()
    before_s = rig.session.total_s
    raw = rig.raw
    rounds = 1_000_000 // (piece_ms * 10)
    for _ in range(rounds * 10):
        rig.charge.step(raw, piece_ms)
    assert rig.session.total_s - before_s == pytest.approx(1000 * factor, abs=2)


# --- what is commanded


def test_the_bulk_of_lead_has_its_share_of_the_capacity_and_its_compensated_voltage():
    rig = Rig().warm(150).in_bulk()
    profile = rig.charge.profile
    assert rig.command.set_ma == profile.ma("bulk")
    assert rig.command.set_cv == profile.compensated_cv(get(rig, "absorb"), 150)
    assert rig.command.set_cv > profile.compensated_cv(get(rig, "absorb"), 250)


def test_without_a_temperature_lead_is_charged_as_at_50_degc_and_slowly():
    rig = Rig().warm(None).in_bulk()
    assert rig.command.set_ma == rig.capacity_mah // 20
    assert rig.command.set_cv == rig.charge.profile.compensated_cv(get(rig, "absorb"), 500)


@pytest.mark.parametrize("chemistry", [FLOODED, AGM])
def test_without_a_temperature_no_float_is_above_2_25_v(chemistry):
    rig = Rig(chemistry=chemistry).in_float().warm(None)
    rig.session.in_mah = 30000  # not all that was missing: it is floated
    rig.so(cell_mv=2125, obeys=False, amps=0.0).until_closed().seconds(2)
    most_mv = min(2250, get(rig, "float"))
    assert rig.command.set_cv == rig.charge.profile.compensated_cv(most_mv, 500)


def test_a_float_has_its_own_voltage():
    rig = floating().seconds(1)
    assert rig.command.set_cv == rig.charge.profile.compensated_cv(get(rig, "float"), 250)


def test_equalizing_has_its_own_voltage_and_current():
    rig = equalizing().so(obeys=True).seconds(WAIT_S)
    profile = rig.charge.profile
    assert rig.command.set_cv == profile.compensated_cv(get(rig, "equalize"), 250)
    assert rig.command.set_cv > profile.cv("absorb")
    assert rig.command.set_ma == profile.ma("equalize_current")


def test_balancing_has_its_own_current_and_lithiums_one_voltage():
    rig = balancing().so(obeys=True)
    speaking(rig, seconds=WAIT_S, highest_mv=3550, lowest_mv=3530)
    assert rig.command.set_ma == rig.charge.profile.ma("balance")
    assert rig.command.set_cv == rig.charge.profile.cv("absorb")


@pytest.mark.parametrize(
    ("coldest", "hottest", "counts"),
    [(60, 250, 60), (250, 480, 480), (60, 480, 60), (90, 498, 498)],
)
def test_of_a_cold_cell_and_a_hot_one_the_one_that_permits_less_counts(coldest, hottest, counts):
    rig = speaking(lithium(bms_kind=2, charger_max_da=600).so(obeys=True), seconds=20)
    data = rig.charge.cell_data
    for _ in range(620):  # such a change is not believed for ten minutes
        speaking(rig, seconds=0)
        data.cells, data.lowest_mv, data.highest_mv = 20, 3300, 3310
        data.charge_permitted, data.charge_limit_ma, data.fresh = 1, 100000, True
        data.coldest_ddegc, data.hottest_ddegc = coldest, hottest
        rig.sig.battery_ddegc = (coldest + hottest) // 2
        rig.seconds()
    assert rig.charge.warmth.is_known
    assert rig.command.limit_ma == min(permitted_ma(rig, counts), rig.charge.profile.ma("bulk"))


def test_a_high_cell_lowers_the_current_and_what_the_bms_allows_is_the_most():
    rig = speaking(lithium(bms_kind=2).so(obeys=True), seconds=100)
    bulk_ma = rig.command.set_ma
    assert bulk_ma == rig.charge.profile.ma("bulk")
    speaking(rig, seconds=2, highest_mv=get(rig, "soft_cell") - 15)
    assert rig.command.set_ma == bulk_ma // 2
    for _ in range(2):
        speaking(rig, seconds=0)
        data = rig.charge.cell_data
        data.charge_limit_ma, data.fresh = 4000, True
        rig.seconds()
    assert rig.command.set_ma == 4000


def test_a_relay_charger_is_told_nothing_and_gives_what_it_gives():
    rig = Rig(**RELAY).so(amps=10.0)
    rig.until("BULK")
    rig.seconds(60)
    assert (rig.phase, rig.charge.enable, rig.session.faults) == ("BULK", 1, 0)


# --- what it tells


@pytest.mark.parametrize("name", LATCHED)
def test_a_fault_that_is_latched_opens_the_relay_is_told_and_kept_at_once(name):
    bit = getattr(backstops, name)
    rig = Rig().in_bulk()
    latches = rig.session.latches
    rig.charge.trip(bit)
    assert (rig.charge.enable, rig.phase, rig.cause) == (0, "FAULT", "fault")
    assert rig.session.latches == latches + 1
    rig.charge.trip(bit)
    assert rig.session.latches == latches + 1
    rig.seconds(2)
    assert rig.charge.bits == rig.session.faults == bit


def test_two_faults_are_both_told_and_the_first_row_has_its_number_blinked():
    rig = Rig().in_bulk()
    assert rig.charge.fault_id() == 0
    rig.charge.trip(backstops.RUNAWAY)
    assert rig.charge.fault_id() == 39
    rig.charge.trip(backstops.TIMEOUT)
    assert rig.charge.fault_id() == 37
    rig.seconds(2)
    assert rig.charge.bits == backstops.RUNAWAY | backstops.TIMEOUT


def test_a_person_clears_what_is_latched_and_it_is_told_no_more():
    rig = Rig().in_bulk()
    rig.charge.trip(backstops.RUNAWAY)
    rig.seconds(2)
    latches = rig.session.latches
    rig.charge.clear()
    assert (rig.charge.bits, rig.session.faults, rig.phase) == (0, 0, "OFF")
    assert rig.session.latches == latches + 1


def test_there_is_nothing_to_clear_in_a_charge_that_is_well():
    rig = Rig().in_bulk()
    latches = rig.session.latches
    rig.charge.clear()
    assert (rig.phase, rig.charge.enable, rig.session.latches) == ("BULK", 1, latches)


@pytest.mark.parametrize(
    ("bits", "told"),
    [
        (3, 0),
        (2, 0),
        (1, backstops.NO_DISCHARGE),
        (0, backstops.NO_DISCHARGE),
        (-1, backstops.BMS_LOST | backstops.NO_DISCHARGE),
    ],
)
def test_what_the_bms_permits_is_told_at_the_socket_and_while_the_car_drives(bits, told):
    rig = lithium()
    rig.sig.bms_bits = bits
    rig.seconds(3)
    assert rig.charge.bits == told
    rig = lithium()
    rig.sig.bms_bits = bits
    rig.charge.watch(400)
    assert rig.charge.bits == told


def test_a_pack_that_warms_by_12_degc_on_the_way_is_known_at_the_socket():
    rig = Rig().seconds(5).so(plug=False).seconds(2)
    for ddegc in range(250, 370):
        rig.warm(ddegc)
        for _ in range(15):
            rig.charge.watch(400)
    rig.so(plug=True).seconds(5)
    assert (rig.charge.warmth.is_known, rig.cause) == (True, "checking")


@pytest.mark.parametrize(("drive_s", "is_known"), [(540, False), (660, True)])
def test_a_sensor_that_jumped_on_the_way_is_not_believed_for_ten_minutes(drive_s, is_known):
    rig = Rig().seconds(5).so(plug=False).seconds(2).warm(450)
    for _ in range(drive_s * 10 // 4):
        rig.charge.watch(400)
    rig.so(plug=True).seconds(5)
    assert rig.charge.warmth.is_known is is_known


def test_before_a_bms_had_the_time_to_answer_it_is_not_lost():
    rig = lithium(bms_kind=2)
    assert rig.seconds(4).charge.bits == 0
    assert rig.seconds(4).charge.bits == backstops.BMS_LOST | backstops.NO_DISCHARGE


def test_what_is_latched_is_told_while_the_car_drives():
    rig = Rig()
    rig.session.faults = backstops.CELL_SHORTED
    rig.session.is_unconfirmed = 1
    rig.charge.watch(400)
    assert rig.charge.bits == backstops.CELL_SHORTED | backstops.UNCONFIRMED


def test_the_phase_to_go_on_with_and_its_clock_are_kept_through_a_pause():
    rig = lithium().in_absorption()
    rig.session.phase_s = 500
    rig.sig.bms_bits = -1
    rig.seconds(20)
    assert rig.phase == "PAUSE"
    assert rig.session.phase == phases.ABSORB
    assert 500 <= rig.session.phase_s <= 501


def test_each_change_of_phase_is_worth_keeping():
    rig = Rig()
    before = rig.session.changes
    rig.until("BULK")
    assert rig.session.changes >= before + 2


def test_a_whole_charge_of_lithium_never_floats_and_one_of_lead_never_balances():
    rig = lithium().in_absorption().at_tail()
    rig.until("FULL", 300)
    rig.seconds(3000)
    assert not {"FLOAT", "EQUALIZE"} & {phase for phase, _ in rig.seen}
    rig = Rig(chemistry=AGM, bms_kind=LITHIUM["bms_kind"]).in_float()
    assert "BALANCE" not in {phase for phase, _ in rig.seen}
    assert rig.charge.profile.kind != LFP


def test_clearing_does_not_make_a_welded_chargers_current_the_zero():
    rig = Rig().in_bulk()
    zero_q4 = rig.session.zero_q4
    assert zero_q4
    rig.so(plug=False, leak_a=2.5).seconds(6)
    assert rig.charge.bits & backstops.WELDED
    rig.charge.clear()
    assert rig.session.zero_q4 == zero_q4


@pytest.mark.parametrize("phase", ["BULK", "FLOAT"])
def test_clearing_within_a_charge_hides_no_relay_that_welds_after_it(phase):
    rig = Rig()
    rig.in_bulk() if phase == "BULK" else rig.in_float()
    rig.charge.clear()
    rig.so(plug=False, leak_a=1.0).seconds(6)
    assert rig.charge.bits & backstops.WELDED


def test_a_zero_that_was_set_anew_is_measured_at_the_next_plug_in_and_the_old_one_kept_nowhere():
    rig = Rig()
    latches = rig.session.latches
    rig.charge.forget_zero()
    assert (rig.session.zero_q4, rig.session.latches) == (0, latches + 1)


def test_a_zero_that_was_set_anew_within_a_first_check_ends_the_weld_that_a_load_looked_like():
    rig = Rig(first=True).so(leak_a=-2.0).seconds(20).so(leak_a=0.0).seconds(5)
    assert rig.charge.bits == backstops.WELDED
    rig.charge.forget_zero()
    rig.until("BULK")
    assert rig.charge.bits == 0


@pytest.mark.parametrize(("given_mah", "moved_mah", "kept_mah"), [
    (0, -9800, 0), (99000, 9800, 100000), (50000, -9800, 40200),
])  # fmt: skip
def test_what_rest_corrects_leaves_a_session_that_its_record_can_hold(
    given_mah, moved_mah, kept_mah
):
    rig = Rig()
    rig.seconds(2)
    assert rig.phase == "CHECK" and rig.charge.enable == 0
    rig.session.left_mah = given_mah
    rig.energy.left_mah += moved_mah
    rig.seconds(1)
    assert rig.session.left_mah == kept_mah
