"""Change log: the last 32 entries and the seal come back whole, and a damaged record is none."""

import pytest

from service.change_log import ENTRIES, ROLE_NAMES, ChangeLog
from service.seal import Seal
from vcu.params import Params

WALL_S = 0xFFFFFFFF


def log_of(entries):
    seal = Seal()
    seal.look(Params())
    seal.bump()
    log = ChangeLog(seal)
    for n in range(entries):
        log.add((n, 7, WALL_S), 1, -n, n, n % len(ROLE_NAMES))
    return log, seal


@pytest.mark.parametrize(("added", "kept"), [(0, 0), (1, 1), (32, 32), (33, 32), (100, 32)])
def test_the_last_32_are_kept_the_oldest_first(added, kept):
    log, _ = log_of(added)
    assert log.count == kept
    for i in range(kept):
        n = added - kept + i
        assert log.entry(i) == (n, 7, WALL_S, 1, -n, n, n % len(ROLE_NAMES))


@pytest.mark.parametrize("added", [0, 1, 40])
def test_what_is_packed_comes_back(added):
    log, seal = log_of(added)
    seal.is_lost = True
    there_seal = Seal()
    there = ChangeLog(there_seal)
    assert there.unpack(log.pack())
    assert there.count == log.count
    assert [there.entry(i) for i in range(there.count)] == [log.entry(i) for i in range(log.count)]
    assert there_seal.__dict__ == seal.__dict__


def test_a_record_that_is_cut_anywhere_gives_nothing():
    whole = log_of(3)[0].pack()
    for size in range(len(whole)):
        seal = Seal()
        log = ChangeLog(seal)
        assert not log.unpack(whole[:size])
        assert log.count == 0 and seal.count == 0 and not seal.has_values


@pytest.mark.parametrize(
    "entry",
    [((1 << 30, 0, 0), 1, 0, 0, 0), ((0, 1 << 30, 0), 1, 0, 0, 0), ((0, 0, 0), 1, 1 << 30, 0, 0),
     ((0, 0, 0), 1, 0, -(1 << 30), 0), ((0, 0, 0), 1, 0, 0, len(ROLE_NAMES))],
)  # fmt: skip
def test_an_entry_that_cannot_be_gives_nothing(entry):
    log, _ = log_of(1)
    log.add(*entry)
    there = ChangeLog(Seal())
    assert not there.unpack(log.pack()) and there.count == 0


def test_more_entries_than_there_can_be_are_none():
    payload = bytearray(log_of(ENTRIES)[0].pack()) + bytes(23)
    payload[11] = ENTRIES + 1
    assert not ChangeLog(Seal()).unpack(bytes(payload))
