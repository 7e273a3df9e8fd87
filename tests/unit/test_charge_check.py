"""What a plug-in is checked for, and how a charge goes on after it."""

import pytest

from tests.unit.charges import CHECK_S, KINDS, LITHIUM, RELAY, Rig, get, known, speaking, surface
from vcu.charge import backstops

# --- CHECK: is this the pack?


@pytest.mark.parametrize(("first", "check_s"), [(False, 6), (True, 60)])
def test_the_check_has_the_relay_open_and_the_first_one_takes_its_time_for_the_zero(
    first, check_s
):
    rig = Rig(first=first).seconds(check_s)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("CHECK", "checking", 0)
    assert rig.until("BULK") <= 4
    assert rig.session.number == 1


def test_a_zero_that_drifts_by_its_noise_is_followed_slowly():
    rig = Rig()
    known_q4 = rig.session.zero_q4
    rig.zero_counts += 0.4
    assert rig.until("BULK") <= CHECK_S
    assert 0 < rig.session.zero_q4 - known_q4 <= 3


@pytest.mark.parametrize("drift", [0.6, -0.6, 1.5])
def test_a_zero_that_drifted_by_more_than_noise_is_taken_after_a_minute(drift):
    rig = Rig()
    known_q4 = rig.session.zero_q4
    rig.zero_counts += drift
    assert 55 <= rig.until("BULK") <= 65
    assert abs(rig.session.zero_q4 - known_q4 - drift * 16) <= 2


@pytest.mark.parametrize("load_a", [-0.6, -1.0, -2.0])
@pytest.mark.parametrize("kind", [{}, RELAY], ids=["setpoint", "relay"])
def test_a_load_that_ends_in_the_first_check_may_be_a_weld_until_the_plug_is_out(kind, load_a):
    rig = Rig(first=True, **kind).so(leak_a=load_a).seconds(10).so(leak_a=0.0).seconds(100)
    assert (rig.phase, rig.cause) == ("CHECK", "fault")
    assert rig.charge.bits == backstops.WELDED
    rig.so(plug=False).seconds(10)
    assert (rig.charge.bits, rig.charge.is_quiet) == (0, True)
    rig.plug = True
    assert rig.until("BULK") <= 70


@pytest.mark.parametrize("noise", [1.2, -1.2])
def test_six_seconds_of_noise_are_no_new_zero(noise):
    rig = Rig()
    known_q4 = rig.session.zero_q4
    rig.until("CHECK")
    rig.so(zero_counts=rig.zero_counts + noise).seconds(7)
    assert (rig.phase, rig.cause, rig.charge.meter.zero_q4) == ("CHECK", "checking", known_q4)
    rig.zero_counts -= noise
    assert rig.until("BULK") <= 20
    assert abs(rig.session.zero_q4 - known_q4) <= 1


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("edge", "off_mv", "fits"), [
    ("reject_below", -2, False),
    ("reject_below", 2, True),
    ("reject_new_below", -2, False),
    ("reject_new_below", 2, True),
    ("reject_above", -2, True),
    ("reject_above", 3, False),
])  # fmt: skip
def test_a_resting_cell_outside_its_chemistrys_window_is_another_pack(name, edge, off_mv, fits):
    values = {"chemistry": KINDS[name], "cell_count": 20}
    rig = Rig(2050, **values, bms_kind=1 if name in ("lfp", "nmc") else 0)
    if edge == "reject_below":
        known(rig)
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


def test_a_pack_that_was_swapped_is_confirmed_by_its_check_and_that_is_kept_at_once():
    rig = Rig(2300)
    rig.session.forget()
    rig.seconds(20)
    assert rig.session.is_unconfirmed == 1
    latches = rig.session.latches
    rig.so(cell_mv=2050).until("BULK", 200)
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
    rig = known(Rig(cell_mv, soc_permille=soc, unsure_permille=unsure)).seconds(CHECK_S)
    assert rig.charge.pack_check.is_wrong is not fits


@pytest.mark.parametrize(
    ("number", "swapped", "fits"), [(1, 0, True), (0, 0, False), (1, 1, False)]
)
def test_only_a_pack_that_was_charged_here_may_be_deeply_discharged(number, swapped, fits):
    """A smaller one that is full looks the same."""
    rig = known(Rig(1720))
    rig.session.number = number
    rig.session.is_unconfirmed = swapped
    rig.seconds(10)
    assert (rig.session.is_unconfirmed, rig.charge.pack_check.is_wrong) == (swapped, not fits)
    assert (rig.phase == "PRECHARGE") is fits


@pytest.mark.parametrize(("a_minute_mv", "fits"), [(-6.0, False), (-3.0, True), (9.0, True)])
def test_a_new_pack_that_comes_straight_from_a_charger_must_settle_first(a_minute_mv, fits):
    rig = Rig(2010, first=True)
    for _ in range(200):
        rig.so(cell_mv=rig.cell_mv + a_minute_mv / 60).seconds()
    assert ({phase for phase, _ in rig.seen} >= {"BULK"}) is fits
    assert fits or rig.cause == "checking"
    assert fits or rig.until("BULK", 70) > 30


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


@pytest.mark.parametrize("welded_s", [1, 2, 5, 60])
def test_a_current_that_ends_within_the_check_is_no_part_of_the_zero(welded_s):
    rig = Rig()
    known_q4 = rig.session.zero_q4
    rig.until("CHECK")
    rig.seconds(1).so(leak_a=2.0).seconds(welded_s).so(leak_a=0.0)
    assert 4 <= rig.until("BULK") <= CHECK_S
    assert abs(rig.session.zero_q4 - known_q4) <= 1


@pytest.mark.parametrize("at_s", [5, 8, 20, 55])
def test_a_weak_relay_that_welds_within_the_very_first_check_is_told_and_never_the_zero(at_s):
    rig = Rig(first=True, **RELAY)
    rig.zero_counts += 4.5
    rig.seconds(at_s).so(leak_a=1.0).seconds(4)
    assert rig.charge.bits & backstops.WELDED
    rig.seconds(100)
    assert (rig.phase, rig.cause, rig.session.zero_q4) == ("CHECK", "fault", 0)
    rig.so(leak_a=0.0)
    assert 55 <= rig.until("BULK") <= 65
    assert rig.charge.bits == 0
    assert abs(rig.session.zero_q4 - rig.zero_counts * 16) <= 1


@pytest.mark.parametrize(("loud_s", "is_noise"), [(1, True), (2, False)])
def test_one_round_of_noise_does_not_begin_the_first_check_anew(loud_s, is_noise):
    rig = Rig(first=True).seconds(30)
    for _ in range(2):
        rig.so(leak_a=0.6).seconds(loud_s).so(leak_a=0.0).seconds(3)
    assert (rig.until("BULK") <= 30) is is_noise
    assert abs(rig.session.zero_q4 - rig.zero_counts * 16) <= 1


def test_a_check_that_begins_with_a_current_knows_nothing_of_the_last_ones_rest():
    rig = Rig().in_bulk()
    rig.so(plug=False).seconds(5)
    rig.zero_counts += 1.5
    rig.so(plug=True, leak_a=1.2).until("CHECK")
    rig.so(leak_a=0.0)
    assert 55 <= rig.until("BULK") <= 65
    assert abs(rig.session.zero_q4 - rig.zero_counts * 16) <= 1


@pytest.mark.parametrize("load_a", [-4.0, -2.0, -1.0])
def test_a_load_for_part_of_a_check_moves_no_known_zero(load_a):
    rig = Rig()
    known_q4 = rig.session.zero_q4
    rig.so(leak_a=load_a).seconds(30).so(leak_a=0.0)
    assert 4 <= rig.until("BULK") <= CHECK_S
    assert abs(rig.session.zero_q4 - known_q4) <= 1


def test_a_load_that_begins_within_the_first_check_begins_it_anew():
    rig = Rig(first=True).seconds(50)
    rig.so(leak_a=-2.0).seconds(50)
    assert (rig.phase, rig.session.zero_q4) == ("CHECK", 0)
    rig.until("BULK", 20)


@pytest.mark.parametrize("first", [False, True])
def test_a_load_that_ends_within_the_check_is_no_part_of_the_zero(first):
    rig = Rig(first=first)
    zero_q4 = rig.zero_counts * 16
    rig.so(leak_a=-30.0).seconds(200)
    assert (rig.phase, rig.cause) == ("CHECK", "sensor_lost")
    rig.so(leak_a=0.0).until("BULK", 130)
    assert abs(rig.session.zero_q4 - zero_q4) <= 1


def test_a_charge_that_was_asked_for_later_waits_with_the_relay_open():
    rig = Rig()
    rig.session.delay_s = 100
    rig.seconds(50)
    assert (rig.phase, rig.cause, rig.charge.enable) == ("CHECK", "scheduled", 0)
    assert 40 <= rig.until("BULK") <= 70


@pytest.mark.parametrize("ticks", [0, 18, 27, 36])
def test_a_wait_that_is_asked_for_as_the_check_ends_is_kept(ticks):
    rig = Rig().seconds(5)
    for _ in range(ticks):
        rig.tick()
    assert rig.phase == "CHECK"
    rig.session.delay_s = 100
    rig.seconds(60)
    assert (rig.phase, rig.cause) == ("CHECK", "scheduled")


def test_a_wait_goes_on_after_a_power_cut_and_passes_also_while_something_hinders():
    rig = Rig()
    rig.session.delay_s = 300
    rig.seconds(50).cut_power()
    rig.charge.inhibited = True
    assert rig.seconds(100).cause == "sensor_lost"
    rig.charge.inhibited = False
    assert 140 <= rig.until("BULK", 200) <= 160
    assert rig.session.delay_s == 0


def test_a_wait_was_for_this_plug():
    rig = Rig()
    rig.session.delay_s = 300
    rig.seconds(20).so(plug=False).seconds(2)
    assert rig.session.delay_s == 0


def test_what_hinders_in_the_round_before_it_goes_on_is_waited_for():
    before = Rig()
    ticks = 0
    while before.phase != "BULK":
        before.tick()
        ticks += 1
    rig = Rig()
    for _ in range(ticks - 15):
        rig.tick()
    rig.charge.inhibited = True
    rig.seconds(3)
    assert (rig.phase, rig.cause, rig.session.number) == ("CHECK", "sensor_lost", 0)
    rig.charge.inhibited = False
    rig.until("BULK", 5)


def test_a_first_check_that_something_hinders_takes_the_zero_so_that_a_weld_is_told():
    rig = Rig(first=True, **RELAY, charge_max_da=50)
    rig.seconds(65)
    assert (rig.phase, rig.cause) == ("CHECK", "current_high")
    assert rig.session.zero_q4 != 0
    rig.so(leak_a=1.0).seconds(6)
    assert rig.charge.bits & backstops.WELDED


def test_the_first_zero_is_kept_though_no_charge_begins():
    rig = Rig(first=True, **RELAY, charge_max_da=50)
    while not rig.session.zero_q4:
        before = rig.session.changes
        rig.seconds(1)
    assert rig.phase == "CHECK" and rig.session.changes == before + 1
