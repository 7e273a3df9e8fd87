"""What ends a charge although its phase would go on, asked once a round."""

import pytest

from tests.unit.charges import Rig, floating, get, lithium
from vcu.charge import backstops


def test_a_charger_that_gives_more_than_it_was_told_is_switched_off_after_5_s():
    rig = Rig().in_bulk()
    rig.so(obeys=False, amps=rig.command.set_ma * 1.1 / 1000 + 1.2).seconds(4)
    assert rig.charge.enable == 1
    rig.seconds(4)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.DISOBEYS)
    assert rig.charge.enable == 0


def test_a_step_down_is_judged_from_the_first_second_in_which_the_charger_knew_of_it():
    rig = Rig().in_bulk()
    rig.so(obeys=False, amps=rig.command.set_ma / 1000).warm(None).seconds(1)
    assert rig.command.set_ma < 1000 * rig.amps * 0.8
    rig.seconds(4)
    assert rig.charge.enable == 1
    rig.seconds(1)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.DISOBEYS)


def test_what_the_bms_forbids_is_told_in_the_round_that_saw_it():
    rig = lithium().in_bulk()
    assert rig.charge.bits == 0
    rig.sig.bms_bits = 1
    rig.seconds(1)
    assert rig.charge.bits == backstops.NO_DISCHARGE


def test_a_current_past_an_open_relay_is_told_as_long_as_it_flows_and_latches_nothing_here():
    rig = Rig().in_bulk()
    rig.so(plug=False, leak_a=0.6).seconds(5)
    assert rig.charge.bits == backstops.WELDED
    rig.so(leak_a=0.2).seconds(3)
    assert (rig.charge.bits, rig.session.faults) == (0, 0)


def test_a_current_is_seen_to_rest_only_with_the_relay_open():
    rig = Rig().in_bulk()
    assert not rig.charge.is_quiet
    rig.so(plug=False).seconds(2)
    assert rig.charge.is_quiet
    rig.so(leak_a=0.6).seconds(2)
    assert not rig.charge.is_quiet


def test_a_sensor_that_is_lost_in_a_charge_makes_no_welded_relay_of_its_last_current():
    rig = Rig().in_bulk()
    rig.so(readable=False).seconds(20)
    assert (rig.phase, rig.cause, rig.charge.bits) == ("PAUSE", "sensor_lost", 0)
    rig.so(readable=True, leak_a=0.6).seconds(5)
    assert rig.charge.bits == backstops.WELDED
    rig.so(readable=False).seconds(20)
    assert rig.charge.bits == backstops.WELDED


@pytest.mark.parametrize("cell_mv", [400, 0])  # of 24 cells: below 15 V none is a voltage
def test_a_welded_relay_is_told_also_where_the_pack_has_no_voltage_that_can_be_read(cell_mv):
    rig = Rig().in_bulk().so(cell_mv=cell_mv).seconds(20)
    assert (rig.phase, rig.cause, rig.charge.bits) == ("PAUSE", "sensor_lost", 0)
    rig.so(leak_a=0.6).seconds(5)
    assert rig.charge.bits == backstops.WELDED
    rig.so(leak_a=0.0).seconds(2)
    assert rig.charge.bits == 0


def test_a_voltage_that_is_lost_while_it_was_too_high_latches_nothing():
    rig = Rig().in_bulk().at_target(over_mv=40).seconds(3)
    rig.so(cell_mv=400).seconds(5)
    assert (rig.phase, rig.cause, rig.session.faults) == ("PAUSE", "sensor_lost", 0)


def test_a_current_that_rises_at_its_voltage_ends_the_charge():
    rig = Rig().in_absorption()
    rig.so(obeys=False, amps=5.0).seconds(120)
    assert rig.phase == "ABSORB"
    rig.amps = 8.0
    rig.seconds(580)
    assert rig.phase == "ABSORB"
    rig.seconds(150)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.RUNAWAY)


def test_a_current_that_rises_in_the_bulk_is_the_chargers():
    rig = Rig().in_bulk().so(obeys=False, amps=5.0).seconds(200)
    assert rig.so(amps=15.0).seconds(900).phase == "BULK"


def test_a_battery_that_warms_at_its_voltage_while_its_current_stays_ends_the_charge():
    rig = Rig().in_absorption().so(obeys=False, amps=6.0).seconds(3650)
    assert rig.phase == "ABSORB"
    for minute in range(64):
        rig.warm(250 + minute).at_target().seconds(60)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.RUNAWAY)


def test_more_charge_than_a_session_may_bring_ends_it():
    rig = lithium().in_bulk()
    rig.session.in_mah = rig.session.limit_mah - 15
    assert rig.seconds(1).phase == "BULK"
    rig.seconds(10)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.AH_LIMIT)


def test_a_float_ends_with_the_day_and_the_pack_is_full():
    rig = floating()
    rig.session.total_s = 86390
    assert rig.seconds(5).phase == "FLOAT"
    rig.seconds(10)
    assert (rig.phase, rig.session.faults) == ("FULL", 0)


def test_a_bulk_lasts_as_long_as_its_table_says_at_most():
    rig = Rig().in_bulk().so(obeys=False, amps=1.0)
    rig.session.in_mah = 1000
    rig.session.bulk_s = get(rig, "bulk_limit") - 10
    assert rig.seconds(5).phase == "BULK"
    rig.seconds(10)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.TIMEOUT)


def test_a_bulk_lasts_no_longer_than_its_slack_times_what_is_missing_over_its_current():
    rig = lithium(unsure_permille=100).in_bulk()
    bulk_ma = rig.command.set_ma
    limit_s = rig.session.missing_mah * get(rig, "bulk_slack") * 36 // 10 // bulk_ma
    assert 7200 < limit_s < get(rig, "bulk_limit")
    for before_s, phase in ((100, "BULK"), (-40, "FAULT")):
        rig.session.bulk_s = limit_s - before_s
        rig.session.in_mah = rig.session.bulk_s * bulk_ma // 3600
        rig.seconds(20)
        assert rig.phase == phase
    assert rig.session.faults == backstops.TIMEOUT


def test_a_bulk_that_brought_nothing_ends_at_the_limit_of_the_table():
    rig = lithium().in_bulk()
    rig.session.bulk_s = 7300
    rig.session.in_mah = -200
    assert rig.seconds(5).phase == "BULK"


def test_in_two_hours_no_bulk_is_too_long():
    rig = lithium(soc_permille=950).in_bulk()
    rig.session.bulk_s = 7100
    rig.session.in_mah = rig.session.limit_mah - 1000
    assert rig.seconds(90).phase == "BULK"


def test_a_pack_that_rests_a_cell_lower_after_its_next_charge_has_lost_one():
    rig = Rig().in_float()
    rig.so(cell_mv=2170, amps=0.0).seconds(1900)
    assert rig.session.rested_cv == pytest.approx(2170 * 24 // 10, abs=2)
    rig.session.phase_s = get(rig, "float_limit")
    rig.until("FULL")
    rig.drive(300).so(cell_mv=2050)
    rig.in_float()
    rig.so(cell_mv=2170 * 23 / 24, amps=0.0).seconds(1700)
    assert rig.phase == "FLOAT"
    rig.seconds(200)
    assert (rig.phase, rig.session.faults) == ("FAULT", backstops.CELL_SHORTED)


@pytest.mark.parametrize(
    ("limit", "reached"), [("TIMEOUT", {"total_s": 86400}), ("AH_LIMIT", {"limit_mah": 1})]
)
@pytest.mark.parametrize(
    ("counted", "rests_mv", "shorted"),
    [(985, 2170 * 23 / 24, True), (970, 2170 * 23 / 24, False), (985, 2140, False)],
)
def test_a_charge_that_a_limit_ended_though_it_was_full_still_tells_a_lost_cell(
    counted, rests_mv, shorted, limit, reached
):
    rig = Rig().in_float()
    rig.so(cell_mv=2170, amps=0.0).seconds(1900)
    rig.drive(300).so(cell_mv=2050)
    rig.in_bulk().soc(counted)
    for field, value in reached.items():
        setattr(rig.session, field, value)
    rig.until("FAULT")
    ended = getattr(backstops, limit)
    assert rig.session.faults == ended
    rig.so(cell_mv=rests_mv, obeys=False).seconds(1700)
    assert rig.session.faults == ended
    rig.seconds(600)
    lost = backstops.CELL_SHORTED if shorted else 0
    assert rig.session.faults == ended | lost


def test_a_charge_that_ended_at_a_target_rests_lower_and_is_no_memory_of_a_full_one():
    rig = Rig().in_float()
    rig.so(cell_mv=2170, amps=0.0).seconds(1900)
    rig.drive(300).so(cell_mv=2050)
    rig.session.target_permille = 900
    rig.in_bulk().soc(900).until("FULL")
    rig.so(cell_mv=2120, obeys=False).seconds(2500)
    assert (rig.phase, rig.session.faults) == ("FULL", 0)
    assert rig.session.rested_cv == pytest.approx(2170 * 24 // 10, abs=2)


def test_a_lithium_packs_rest_says_nothing_of_lost_cells():
    rig = lithium().in_absorption().at_tail()
    rig.until("FULL", 300)
    rig.so(cell_mv=3450, amps=0.0).seconds(2000)
    rig.drive(800).so(cell_mv=3300)
    rig.in_absorption().at_tail()
    rig.until("FULL", 300)
    rig.so(cell_mv=3350, amps=0.0).seconds(2000)
    assert (rig.phase, rig.session.faults) == ("FULL", 0)
