"""Keeper: stored, pending and permanent faults over key cycles, and their record."""

import os
from pathlib import Path

import pytest

from service.keeper import system_bit
from tests.unit.runs import WDT, board_in

RECORDS_LOST = system_bit("records_lost")

board = pytest.fixture(board_in)


def test_stored_faults_come_back_and_a_person_clears_them_for_good(board):
    run = board.start()
    run.loop.faults.stored[0] = 1
    run.loop.faults.counts[0] = 3
    run.drive(60).key_off()
    board.cut_power()
    run = board.start()
    assert run.loop.faults.stored[0] == 1 and run.loop.faults.counts[0] == 3
    assert run.keeper.history.first_s[0] > 0
    run.loop.clear_faults()
    run.keeper.confirm()
    run.parked = True
    run.slices(500)
    board.cut_power()
    run = board.start()
    assert run.loop.faults.stored[0] == 0 and run.loop.faults.counts[0] == 0


def test_the_fault_record_is_written_as_version_2_in_both_copies(board):
    run = board.start()
    run.loop.faults.recall(0)
    run.drive(60).key_off()
    for path in board.copies("faults"):
        assert Path(path).read_bytes()[4:6] == b"\x02\x00"
    assert len(board.copies("faults")) == 2


def test_a_fault_record_of_version_1_is_taken_and_goes_on_as_version_2(board):
    run = board.start()
    entries = bytes.fromhex("0b0102006400000066000000")  # 11 stored, twice, at 100 and 102 s
    assert run.keeper.store.write("faults", 1, bytes.fromhex("01000c15") + entries) == 0
    run = board.start()
    assert run.loop.faults.stored[0] == run.loop.faults.permanent[0] == 1
    assert run.loop.faults.counts[0] == 2
    assert not run.keeper.bits
    run.loop.faults.recall(1)
    run.drive(60).key_off()
    board.cut_power()
    run = board.start()
    assert run.loop.faults.stored[0] == 3
    assert (run.keeper.history.first_s[0], run.keeper.history.last_s[0]) == (100, 102)


def test_a_fault_record_with_a_time_that_cannot_be_is_set_aside_and_told(board):
    run = board.start()
    run.loop.faults.recall(0)
    run.drive(60).key_off()
    payload = bytearray(Path(board.copies("faults")[0]).read_bytes()[16:])
    payload[11] = 0xFF
    assert run.keeper.store.write("faults", 2, payload) == 0
    board.cut_power()
    run = board.start()
    assert run.loop.faults.stored[0] == 0
    assert run.keeper.bits & RECORDS_LOST
    assert "faults.0" in os.listdir(board.root + "/lost")


def fast(run, seconds=61):
    """A key cycle above 10 km/h, saved at its end; the supply goes."""
    run.loop.sig.speed_mmps = 5000
    run.loop.sig.speed_trusted = 1
    run.drive(300, seconds)
    run.loop.sig.speed_mmps = 0
    return run.key_off()


def test_a_permanent_fault_outlives_clear_and_power_and_goes_after_three_clean_drives(board):
    run = board.start()
    run.drive(60)
    run.loop.faults.recall(0)
    run.key_off()
    run.loop.clear_faults()
    run.keeper.confirm()
    run.slices(500)
    for passes in range(3):
        board.cut_power()
        run = board.start()
        assert run.loop.faults.stored[0] == 0
        assert (run.loop.faults.permanent[0], run.keeper.history.passes[0]) == (1, passes)
        fast(run)
    board.cut_power()
    assert board.start().loop.faults.permanent[0] == 0


def test_what_came_in_the_last_key_cycle_is_pending_in_the_next_and_not_in_the_one_after(board):
    run = board.start()
    run.drive(60)
    run.loop.faults.recall(0)
    run.key_off()
    for pending in (1, 0):
        board.cut_power()
        run = board.start()
        run.drive(60)
        assert run.loop.faults.pending[0] & 1 == pending
        run.loop.faults.recall(5)
        run.key_off()


def test_a_key_that_bounces_begins_no_key_cycle(board):
    run = board.start()
    run.drive(60)
    run.loop.faults.recall(0)
    cycles = run.keeper.counters.key_cycles
    for off_ms, new in ((90, 0), (100, 1)):
        run.key(0, False)
        run.slices(off_ms)
        run.key(1, False)
        run.slices(10)
        assert run.keeper.counters.key_cycles == cycles + new
        assert run.loop.faults.came[0] == 1 - new


def test_a_fault_that_only_rtc_memory_knew_has_the_moment_of_the_start(board):
    run = board.start().drive(600)
    run.loop.faults.recall(0)
    run.slices(1000)
    run = board.start(WDT)
    history = run.keeper.history
    assert (history.first_s[0], history.first_cycle[0]) == (60, 1)
    assert run.loop.faults.permanent[0] == run.loop.faults.pending[0] == 1
    run.drive(60).key_off()
    board.cut_power()
    assert board.start().loop.faults.stored[0] == 1


def test_a_fault_that_comes_at_once_after_a_clear_has_new_times(board):
    run = board.start().drive(60)
    run.loop.faults.recall(0)
    run.slices(10)
    run.loop.operating_s = 500
    run.loop.clear_faults()
    run.keeper.confirm()
    run.slices(10)
    assert run.keeper.history.cleared_s == 500
    run.loop.faults.recall(0)
    run.slices(10)
    assert (run.keeper.history.first_s[0], run.loop.faults.counts[0]) == (500, 1)
    run.loop.operating_s = 600
    run.loop.faults.recall(0)
    run.slices(10)
    assert (run.keeper.history.first_s[0], run.keeper.history.last_s[0]) == (500, 600)
