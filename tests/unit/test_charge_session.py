"""The session: what of a charge is kept, what a new one and a swapped pack begin from."""

import pytest

from tests.unit.charge_records import values_of
from vcu.charge.session import FIELDS, Session

COUNTERS = ("changes", "latches")
# What a new charge starts from; the rest outlives it.
OF_ONE_CHARGE = {
    "phase", "total_s", "phase_s", "bulk_s", "absorb_s", "in_mah", "bulk_ma", "absorb_limit_s",
    "least_ma", "is_full", "full_permille",
}  # fmt: skip
GIVEN = {"number", "limit_mah", "missing_mah"}


def filled():
    """A session in which every field has a value of its own."""
    session = Session()
    for value, name in enumerate(FIELDS, 100):
        setattr(session, name, value)
    return session


def test_every_field_is_kept_and_nothing_else_is_one():
    assert set(vars(Session())) == set(FIELDS) | set(COUNTERS)
    assert len(set(FIELDS)) == len(FIELDS)


def test_a_car_that_was_never_charged_has_nothing_to_go_on_with():
    assert set(vars(Session()).values()) == {0}


def test_a_new_charge_counts_from_zero_and_forgets_no_fault_no_memory_and_no_wish():
    session = filled()
    before = values_of(session)
    session.begin(50000, 60000)
    after = values_of(session)
    assert (after["number"], after["missing_mah"], after["limit_mah"]) == (101, 50000, 60000)
    assert {after[name] for name in OF_ONE_CHARGE} == {0}
    stays = set(FIELDS) - OF_ONE_CHARGE - GIVEN
    assert {name: after[name] for name in stays} == {name: before[name] for name in stays}
    assert {"faults", "rested_cv", "equalize_armed", "target_permille", "is_hot"} <= stays
    assert (session.changes, session.latches) == (1, 0)


def test_a_swapped_pack_has_nothing_of_the_old_one_and_is_to_be_confirmed():
    session = filled()
    session.changes = session.latches = 7
    session.forget()
    assert values_of(session) == dict.fromkeys(FIELDS, 0) | {"is_unconfirmed": 1}
    assert (session.changes, session.latches) == (8, 8)


def test_what_must_be_kept_at_once_is_also_worth_keeping():
    session = Session()
    session.note()
    assert (session.changes, session.latches) == (1, 0)
    session.latch()
    assert (session.changes, session.latches) == (2, 1)


@pytest.mark.parametrize("name", [*COUNTERS, "number"])
def test_the_counters_begin_again_after_16_bits(name):
    session = Session()
    setattr(session, name, 0xFFFF)
    session.begin(1, 1)
    session.latch()
    assert getattr(session, name) == (1 if name == "changes" else 0)


def test_the_fields_of_a_session_are_never_reordered():
    assert FIELDS[:22] == (
        "number", "phase", "total_s", "phase_s", "bulk_s", "absorb_s", "in_mah", "limit_mah",
        "missing_mah", "bulk_ma", "absorb_limit_s", "least_ma", "left_mah", "faults", "is_full",
        "is_cold", "is_hot", "rested_cv", "equalize_armed", "target_permille", "is_unconfirmed",
        "zero_q4",
    )  # fmt: skip
