"""Keeper: saves at key-off and at stops, never while the car could move, and brings it back."""

import errno
import os
from pathlib import Path

import pytest

from service import boot_record, records
from service.boot_record import BootRecord
from service.keeper import Keeper, system_bit
from service.store import Store
from tests.unit.runs import HARD, PWRON, SLICE_MS, WDT, board_in

RECORDS_LOST = system_bit("records_lost")
NOT_WRITTEN = system_bit("records_not_written")

board = pytest.fixture(board_in)


def test_what_was_driven_comes_back_after_key_off(board):
    board.start().drive(1200).key_off()
    board.cut_power()
    run = board.start()
    assert run.loop.energy.odometer_m == 1200
    assert run.loop.operating_s == 60
    assert run.keeper.counters.key_cycles == 1
    assert run.keeper.boot.last_run() == "key turned off, everything saved"
    assert run.loop.system_bits == 0


def test_nothing_is_written_while_the_car_could_move(board):
    run = board.start()
    run.loop.faults.counts[3] = 1
    run.loop.faults.stored[0] = 8
    before = board.files.changes
    run.drive(6000, 200)
    run.key(0, False)
    assert run.slices(1900) == 0
    assert board.files.changes == before
    run.parked = True
    assert run.slices(500) > 0


def test_a_car_that_still_rolls_after_key_off_is_saved_before_the_supply_goes(board):
    run = board.start().drive(600)
    run.key(0, False)
    assert run.slices(1900) == 0
    assert run.loop.saving
    assert run.slices(500) > 0
    assert not run.loop.saving
    board.cut_power()
    assert board.start().loop.energy.odometer_m == 600


def test_the_supply_is_held_while_saving_and_never_longer_than_three_seconds(board):
    run = board.start().drive(600)
    assert not run.loop.saving
    run.key(0, True)
    run.slices(10)
    assert run.loop.saving
    run.slices(1000)
    assert not run.loop.saving
    run.drive(600)
    run.key(0, False)
    run.loop.out.contactor = 1  # it does not open
    run.slices(2980)
    assert run.loop.saving
    run.slices(40)
    assert not run.loop.saving


def test_both_copies_get_what_was_saved_so_that_rot_in_one_changes_nothing(board):
    board.start().drive(600).key_off()
    board.start().drive(600).key_off()
    board.rot("odometer", 1)
    board.cut_power()
    run = board.start()
    assert run.loop.energy.odometer_m == 1200
    assert run.keeper.store.damaged_copies == 1


def test_a_stop_in_neutral_saves_once_a_minute(board):
    run = board.start().drive(600)
    run.parked = True
    assert run.slices(9000) == 0
    assert run.slices(2000) == 4  # two copies, written and renamed
    run.loop.energy.odometer_m += 1
    assert run.slices(50000) == 0
    assert run.slices(10000) == 4
    assert run.slices(200000) == 0


def wait_until(run, happened):
    """Let slices pass until it has happened, ten seconds at most."""
    for _ in range(1000):
        if happened():
            return
        run.slices(SLICE_MS)
    raise AssertionError("it did not happen")


def test_a_copy_that_was_begun_before_a_drive_does_not_take_what_was_driven_in_it_back(board):
    run = board.start().drive(1200)
    run.parked = True
    run.slices(9000)
    before = board.files.changes
    wait_until(run, lambda: board.files.changes == before + 3)  # the second copy, not renamed
    run.drive(6000)
    run.parked = True
    run.slices(70000)
    board.cut_power()
    assert board.start().loop.energy.odometer_m == 7200


def test_a_key_that_comes_back_before_flash_has_its_end_goes_on_with_the_run(board):
    run = board.start().drive(1200)
    new = [os.path.join(board.root, folder, records.BOOT + ".new") for folder in "ab"]
    run.key(0, True)
    wait_until(run, lambda: any(os.path.exists(path) for path in new))
    run.key(1, True)
    run.slices(3000)
    run.drive(60)
    board.cut_power()
    run = board.start()
    assert run.keeper.boot.ending == boot_record.POWER_LOST
    assert run.loop.system_bits == system_bit("supply_lost")


def test_after_a_reset_while_driving_a_second_is_lost_and_flash_is_left_alone(board):
    run = board.start().drive(600)
    run.loop.faults.stored[1] |= 2
    run.slices(1000)
    before = board.files.changes
    run = board.start(WDT)
    assert board.files.changes == before
    assert run.loop.energy.odometer_m == 600
    assert run.loop.faults.stored[1] == 2 and sum(run.loop.faults.counts) == 1
    assert run.loop.system_bits == system_bit("reset_by_watchdog")
    run.drive(60, 60)
    assert board.start(HARD).loop.energy.odometer_m == 660


def test_a_power_cut_while_driving_loses_what_was_driven_since_the_last_save_and_says_so(board):
    board.start().drive(600).key_off()
    board.start().drive(300)
    board.cut_power()
    run = board.start()
    assert run.loop.energy.odometer_m == 600
    assert run.keeper.boot.ending == boot_record.POWER_LOST
    assert run.loop.system_bits == system_bit("supply_lost")


def test_the_odometer_never_goes_backwards_over_any_loss(board):
    run = board.start().drive(600).key_off()
    old = {path: Path(path).read_bytes() for path in board.copies("odometer")}
    run.drive(600).key_off()
    for path, data in old.items():
        Path(path).write_bytes(data)
    assert board.start(HARD).loop.energy.odometer_m == 1200
    board.rot("odometer")
    run = board.start(HARD)
    assert run.loop.energy.odometer_m == 1200
    assert run.loop.system_bits & RECORDS_LOST


@pytest.mark.parametrize(("flash_s", "left_mah"), [(59, 2000), (60, 2000), (61, 1000)])
def test_the_newer_of_flash_and_rtc_memory_counts_and_the_larger_odometer(
    board, flash_s, left_mah
):
    run = board.start().drive(600)
    counters = records.Counters()
    counters.odometer_m = 700
    counters.operating_s = flash_s
    counters.left_mah = 1000
    counters.uncertainty_permille = 50
    payload = bytearray(counters.SIZE)
    counters.pack_into(payload, 0)
    assert run.keeper.store.write("odometer", 1, payload) == 0
    run.loop.energy.left_mah = 2000
    run.loop.energy.soc_uncertainty_permille = 50
    run.slices(1000)
    run = board.start(HARD)
    assert run.loop.energy.odometer_m == 700
    assert run.loop.energy.left_mah == left_mah


def test_a_full_file_system_is_told_and_the_car_goes_on(board):
    run = board.start().drive(600)
    board.files.full = True
    run.key_off()
    assert run.keeper.bits & NOT_WRITTEN
    assert run.keeper.errno == errno.ENOSPC
    assert not run.loop.saving
    assert board.start(HARD).loop.energy.odometer_m == 600
    board.files.full = False
    run.slices(70000)
    assert not run.keeper.bits & NOT_WRITTEN and run.keeper.errno == -1
    board.cut_power()
    assert board.start().loop.energy.odometer_m == 600


def test_a_board_fed_by_plug_or_usb_ends_in_order_when_it_is_just_unplugged(board):
    run = board.start()
    run.key(0, True)
    run.slices(15000)
    assert not run.loop.saving
    board.cut_power()
    assert board.start().keeper.boot.ending == boot_record.ENDED
    run = board.start()
    run.key(0, True)
    run.slices(15000)
    run.key(1, True)
    run.slices(200)
    board.cut_power()
    assert board.start().keeper.boot.ending == boot_record.POWER_LOST


def test_an_end_by_exception_is_kept_in_rtc_memory_and_when_parked_in_flash_too(board):
    for parked in (False, True):
        run = board.start().drive(60)
        before = board.files.changes
        run.keeper.end(run.loop, boot_record.CRASHED, "ValueError: no", parked)
        assert (board.files.changes > before) == parked
        if parked:
            board.cut_power()
        run = board.start(WDT)
        assert run.keeper.boot.last_run() == "exception: ValueError: no"
        assert run.loop.system_bits == system_bit("reset_by_exception")


def test_a_failure_to_start_is_written_to_flash_once(board):
    for i in range(4):
        board.cut_power()
        keeper = Keeper(Store(board.root, board.files), BootRecord(board.memory))
        keeper.load_boot(PWRON)
        before = board.files.changes
        keeper.fail_to_start("ImportError: no module named 'vehicle'")
        assert (board.files.changes > before) == (i == 0)
    assert "ImportError" in board.start().keeper.boot.last_run()


def test_a_failure_to_start_keeps_what_rtc_memory_has_counted(board):
    board.start().drive(600)
    keeper = Keeper(Store(board.root, board.files), BootRecord(board.memory))
    keeper.load_boot(WDT)
    keeper.fail_to_start("ImportError: no")
    assert board.start(WDT).loop.energy.odometer_m == 600


def test_a_trip_begins_anew_before_its_energy_leaves_the_small_integers(board):
    run = board.start()
    run.loop.energy.trip_m = 9000000
    run.loop.energy.trip_mwh = 1 << 29
    run.drive(60).key_off()
    run = board.start(HARD)
    assert (run.loop.energy.trip_m, run.loop.energy.trip_mwh) == (0, 0)
    assert run.keeper.counters.energy_wh == (1 << 29) // 1000
    run.drive(60).key_off()
    assert run.keeper.counters.energy_wh == (1 << 29) // 1000
