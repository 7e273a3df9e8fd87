"""Charge record: what is kept of a charge comes back whole, or is refused whole."""

import pytest

from service import charge_record
from service.charge_record import Moment
from service.record_copy import HEADER_BYTES
from tests.unit.charge_records import HIGHEST, filled_session, make_charge, packed, values_of
from vcu.charge.backstops import CELL_SHORTED, TIMEOUT, UNCONFIRMED, WELDED
from vcu.charge.phases import (
    ABSORB,
    BALANCE,
    BULK,
    CHECK,
    FAULT,
    FLOAT,
    FULL,
    OFF,
    PAUSE,
    PRECHARGE,
)
from vcu.charge.session import FIELDS, Session


@pytest.mark.parametrize("seed", range(5))
def test_a_session_and_its_moment_come_back(seed):
    session, moment = Session(), Moment()
    assert charge_record.unpack(packed(filled_session(seed)), session, moment)
    assert values_of(session) == values_of(filled_session(seed))
    assert (moment.operating_s, moment.left_mah, moment.uncertainty_permille) == (77, 41000, 90)
    assert (session.changes, session.latches) == (0, 0)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("number", 0, 65535),
        ("phase", 0, FULL),
        ("total_s", 0, 1 << 28),
        ("absorb_s", 0, 1 << 28),
        ("in_mah", -800000, 800000),
        ("limit_mah", 0, 800000),
        ("missing_mah", 0, 300000),
        ("bulk_ma", -40000000, 40000000),
        ("least_ma", 0, 400000),
        ("left_mah", 0, 300000),
        ("faults", 0, 4095),
        ("is_full", 0, 1),
        ("rested_cv", 0, 20000),
        ("target_permille", 0, 1000),
        ("is_unconfirmed", 0, 1),
        ("zero_q4", 0, 65520),
    ],
)
def test_one_value_out_of_its_range_refuses_the_whole_session(name, low, high):
    for value in (low, high):
        session = filled_session()
        setattr(session, name, value)
        assert charge_record.unpack(packed(session), Session(), Moment()), value
    for value in (low - 1, high + 1):
        session = filled_session()
        setattr(session, name, value)
        taken, moment = Session(), Moment()
        assert not charge_record.unpack(packed(session), taken, moment), value
        assert values_of(taken) == values_of(Session())
        assert moment.operating_s == 0


@pytest.mark.parametrize("end", [0, 1], ids=["least", "most"])
def test_nothing_that_a_charge_multiplies_leaves_the_small_integers(end):
    """What passes a record is multiplied in a tick, where a larger integer is an exception."""
    session = filled_session()
    for name, ends in charge_record.RANGES.items():
        setattr(session, name, ends[end])
    session.phase = ABSORB
    taken = Session()
    assert charge_record.unpack(packed(session, flows_da=0xFFFF), taken, Moment())
    assert abs(taken.in_mah * 1000) < 1 << 30  # vcu/charge/finish.py
    assert abs(taken.in_mah * 720) < 1 << 30  # vcu/charge/bulk.py
    assert abs(taken.bulk_ma * 3) < 1 << 30
    assert taken.missing_mah * 1500 < 1 << 30  # vcu/charge/verdict.py
    assert taken.absorb_s * 2 < 1 << 30
    assert taken.least_ma * 300 < 1 << 30  # vcu/charge/backstops.py


def test_a_check_is_no_phase_to_go_on_with():
    session = filled_session()
    session.phase = CHECK
    assert not charge_record.unpack(packed(session), Session(), Moment())


@pytest.mark.parametrize(
    ("at", "value", "taken"),
    [
        (0, HIGHEST, True),
        (0, HIGHEST + 1, False),
        (4, 300000, True),
        (4, 300001, False),
        (8, 1000, True),
        (8, 1001, False),
    ],
)
def test_an_impossible_moment_refuses_it_too(at, value, taken):
    payload = bytearray(packed(filled_session()))
    size = 2 if at == 8 else 4
    payload[at : at + size] = value.to_bytes(size, "little")
    assert charge_record.unpack(payload, Session(), Moment()) == taken


def test_fields_of_newer_firmware_are_left_and_those_that_older_lacked_are_zero():
    payload = packed(filled_session())
    session = Session()
    assert charge_record.unpack(payload + b"later", session, Moment())
    assert session.zero_q4 == filled_session().zero_q4
    older = Session()
    assert charge_record.unpack(payload[:-4], older, Moment())
    assert older.part_rest == 0 and older.number == filled_session().number
    for length in range(12):
        assert not charge_record.unpack(payload[:length], Session(), Moment())


def test_a_copy_stays_short_enough_to_cost_no_block_of_its_own():
    # littlefs keeps up to 128 bytes in the directory; beyond, each write erases a block.
    assert HEADER_BYTES + charge_record.SIZE <= 128


@pytest.mark.parametrize(
    ("phase", "grown"),
    [
        (PRECHARGE, {"total_s", "phase_s", "in_mah"}),
        (BULK, {"total_s", "phase_s", "bulk_s", "in_mah"}),
        (ABSORB, {"total_s", "phase_s", "absorb_s", "in_mah"}),
        (FLOAT, {"total_s", "phase_s", "in_mah"}),
    ],
)
def test_where_current_flowed_the_minute_that_may_be_lost_counts_as_charged(phase, grown):
    session = filled_session()
    session.phase = phase
    for name in ("total_s", "phase_s", "bulk_s", "absorb_s", "in_mah"):
        setattr(session, name, 1000)
    taken = Session()
    assert charge_record.unpack(packed(session, 150), taken, Moment())
    before, after = values_of(session), values_of(taken)
    assert {name for name in FIELDS if before[name] != after[name]} == grown
    # 15 A for a minute is a quarter of an Ah.
    assert after["in_mah"] == 1250
    assert after["total_s"] == after["phase_s"] == 1060


@pytest.mark.parametrize(
    ("phase", "resting", "measured_ma", "limit_ma", "expected_da"),
    [
        (OFF, False, 9000, 9000, 0),
        (CHECK, False, 9000, 9000, 0),
        (PRECHARGE, False, 0, 3000, 30),
        (BULK, False, 0, 9000, 90),
        (BULK, False, 9500, 9000, 95),
        (BULK, False, 0, 400000, 150),  # no more than the charger gives
        (ABSORB, False, 2000, 9000, 20),
        (BALANCE, False, -50, 9000, 1),
        (FLOAT, True, 2000, 9000, 0),
        (FULL, False, 2000, 9000, 0),
        (PAUSE, False, 2000, 9000, 0),
        (FAULT, False, 2000, 9000, 0),
    ],
)
def test_what_may_flow_until_the_next_write(phase, resting, measured_ma, limit_ma, expected_da):
    charge = make_charge()
    charge.phase = phase
    charge.is_resting = resting
    charge.meter.current_ma = measured_ma
    charge.command.limit_ma = limit_ma
    assert charge_record.flow_da(charge) == expected_da


@pytest.mark.parametrize("off_q4", [-192, -191, 0, 191, 192])
def test_a_kept_zero_of_the_current_sensor_is_used_within_three_ampere(off_q4):
    charge = make_charge()
    base_q4 = charge.meter.zero_q4
    charge.session.zero_q4 = base_q4 + off_q4
    charge_record.take_zero(charge)
    assert charge.meter.zero_q4 == base_q4 + (off_q4 if abs(off_q4) < 192 else 0)
    charge.session.zero_q4 = 0  # never measured
    before = charge.meter.zero_q4
    charge_record.take_zero(charge)
    assert charge.meter.zero_q4 == before


@pytest.mark.parametrize(("uncertainty", "limit_mah"), [(300, 74000), (301, 115000)])
def test_with_its_record_lost_half_of_the_absorption_is_over_and_the_pack_not_full(
    uncertainty, limit_mah
):
    charge = make_charge()
    charge.energy.restore(40000, uncertainty, 1)
    charge_record.assume(charge, 0)
    session = charge.session
    assert session.absorb_limit_s == 28800 and session.absorb_s == 14400
    assert not session.is_full and not session.faults and not session.is_unconfirmed
    assert session.number and session.left_mah == 40000
    # What is missing times 1.15, and 5 % of the pack; never more than the pack's 1.15.
    assert session.limit_mah == limit_mah
    assert session.latches == 1


def test_with_its_record_lost_latched_faults_come_from_the_fault_memory():
    charge = make_charge()
    bits = (CELL_SHORTED | TIMEOUT | WELDED) << 12
    charge_record.assume(charge, bits | 0xFFF)
    assert charge.session.faults == CELL_SHORTED | TIMEOUT
    assert not charge.session.is_unconfirmed
    charge = make_charge()
    charge_record.assume(charge, UNCONFIRMED << 12)
    assert charge.session.faults == 0 and charge.session.is_unconfirmed
