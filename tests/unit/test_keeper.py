"""Keeper: saves at key-off and at stops, never while the car could move, and brings it back."""

import errno
import os
import struct
from pathlib import Path

import pytest

from service import boot_record, keeper, record_copy, records, store
from service.boot_record import BootRecord
from service.keeper import Keeper, system_bit
from service.records import preset_mark
from service.store import Files, Store
from tests.unit import runs
from tests.unit.garage import Garage
from tests.unit.littlefs_blocks import SUPERBLOCK, Device, block, tail
from tests.unit.runs import HARD, PWRON, SLICE_MS, WDT, Board
from vcu.faults import PERSON, STOP, SYSTEM, TABLE

LOST = system_bit("parameters_lost")
RECORDS_LOST = system_bit("records_lost")
NOT_WRITTEN = system_bit("records_not_written")


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path)


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


def test_lost_parameters_stay_lost_over_restarts_until_a_person_confirms(board):
    run = board.start()
    run.params.set("speed_cap_kmh", 50)
    run.keeper.save_params()
    run.parked = True
    run.slices(200)
    assert board.start().params.get("speed_cap_kmh") == 50
    board.rot("params", 1)
    assert board.start().params.get("speed_cap_kmh") == 50
    board.rot("params")
    board.rot("params", 1)
    Path(board.copies("params")[0]).write_bytes(b"rot")
    for _ in range(3):
        run = board.start()
        assert run.params.get("speed_cap_kmh") == 45
        assert run.loop.system_bits & LOST
        board.cut_power()
    run.keeper.confirm()
    assert not run.keeper.bits & LOST
    run.parked = True
    run.slices(200)
    run = board.start()
    assert run.params.get("speed_cap_kmh") == 45
    assert not run.loop.system_bits & LOST


def test_a_parameter_record_with_a_value_out_of_range_is_lost_too(board):
    run = board.start()
    payload = records.pack_params(run.params, preset_mark({"speed_cap_kmh": 45}))
    payload[8] = 57
    assert run.keeper.store.write("params", 1, payload) == 0
    run = board.start()
    assert run.params.get("speed_cap_kmh") == 45
    assert run.loop.system_bits & LOST
    assert os.listdir(board.root + "/lost") == ["params.0"]
    assert board.start().loop.system_bits & LOST


def test_new_vehicle_data_wins_over_saved_parameters_which_are_kept_aside(board):
    run = board.start()
    run.params.set("speed_cap_kmh", 50)
    run.keeper.save_params()
    run.parked = True
    run.slices(200)
    run = board.start(values={"speed_cap_kmh": 40})
    assert run.params.get("speed_cap_kmh") == 40
    assert run.loop.system_bits == system_bit("supply_lost")
    run.keeper.trust(True)  # the change log is written first
    run.parked = True
    run.slices(200)
    run.keeper.trust(False)  # the car may move
    assert not os.path.exists(board.root + "/lost")
    for _ in range(2):
        run.keeper.trust(True)
    assert os.listdir(board.root + "/lost") == ["params.0"]
    run.slices(200)
    board.rot("params", 1)  # both copies have them by now
    run = board.start(values={"speed_cap_kmh": 40})
    assert run.params.get("speed_cap_kmh") == 40
    assert not run.loop.system_bits & LOST


def test_a_version_with_new_vehicle_data_that_fails_its_trial_leaves_the_saved_parameters(board):
    run = board.start()
    run.params.set("speed_cap_kmh", 50)
    run.keeper.save_params()
    run.parked = True
    run.slices(200)
    for _ in range(2):
        assert board.start(values={"speed_cap_kmh": 40}).params.get("speed_cap_kmh") == 40
        board.cut_power()
    run = board.start()
    assert run.params.get("speed_cap_kmh") == 50
    assert not run.loop.system_bits & LOST


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


def test_flash_that_cannot_be_mounted_needs_a_person_and_loses_nothing_else(board):
    class NoFiles(Files):
        changes = 0

        def open(self, path, mode):
            raise OSError(errno.ENODEV, "nothing mounted")

        def rename(self, old, new):
            raise OSError(errno.ENODEV, "nothing mounted")

        def mkdir(self, path):
            raise OSError(errno.ENODEV, "nothing mounted")

        def names(self, path):
            raise OSError(errno.ENODEV, "nothing mounted")

    board.files = NoFiles()
    run = board.start()
    assert run.loop.system_bits & LOST and run.loop.system_bits & RECORDS_LOST
    assert run.keeper.bits & NOT_WRITTEN
    run.drive(600).key_off()
    run.keeper.confirm()
    assert not run.keeper.bits & LOST
    assert board.start(HARD).loop.energy.odometer_m == 600


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


def saved(board):
    """A board whose parameters, and everything else, were written."""
    run = board.start().drive(600)
    run.params.set("speed_cap_kmh", 50)
    run.keeper.save_params()
    run.loop.faults.recall(0)
    identity = run.keeper.vault.identity
    identity.take("LS-000123", "L5XAB3CD4EF567890", bytes(range(32)), bytes(range(9, 41)))
    identity.take_wheel(1500, 6)
    run.keeper.save_identity()
    run.keeper.save_charge()
    run.keeper.save_all()
    run.key_off()
    run.slices(2000)
    assert not run.keeper.is_busy() and not run.keeper.bits
    board.start().drive(1).key_off()
    board.cut_power()


def confirm(board, run):
    """A person clears the faults."""
    run.loop.clear_faults()
    run.keeper.confirm()
    run.parked = True
    run.slices(1000)
    board.cut_power()


def test_parameters_that_are_gone_without_a_trace_are_missed_until_a_person_confirms(board):
    saved(board)
    for path in board.copies("params"):
        os.remove(path)
    for _ in range(2):
        run = board.start()
        assert run.params.get("speed_cap_kmh") == 45
        assert run.loop.system_bits & LOST
        run.drive(60).key_off()
        board.cut_power()
    confirm(board, board.start())
    assert not board.start().loop.system_bits & LOST


def test_a_board_whose_parameters_were_never_saved_misses_none(board):
    for _ in range(3):
        run = board.start().drive(60).key_off()
        assert not run.keeper.bits
        board.cut_power()


@pytest.mark.parametrize("name", ["params", *(n for n in keeper._NAMES if n != "params")])
@pytest.mark.parametrize("is_future", [True, False], ids=["future", "damaged"])
def test_what_cannot_be_read_of_any_record_lets_nobody_drive_until_a_person_confirms(
    board, name, is_future
):
    saved(board)
    old = set()
    for path in map(Path, board.copies(name)):
        data = path.read_bytes()
        version = 99 if is_future else 1
        header = struct.pack("<4sHH", b"LSR1", version, len(data) - 16) + data[8:12]
        crc = record_copy.checksum(name, header + bytes(4), data[16:]) ^ (not is_future)
        path.write_bytes(header + struct.pack("<I", crc) + data[16:])
        old.add(path.read_bytes())
    stop = LOST if name == "params" else RECORDS_LOST
    for _ in range(2):
        run = board.start()
        assert run.loop.system_bits & stop
        number = system_bit("parameters_lost" if stop == LOST else "records_lost").bit_length() - 1
        assert TABLE[SYSTEM][number][3] == STOP and TABLE[SYSTEM][number][6] == PERSON
        run.loop.faults.step(SYSTEM, run.loop.system_bits, 1, 1, 100)
        assert run.loop.faults.is_stopped
        kept = {p.read_bytes() for p in Path(board.root, "lost").iterdir()}
        assert old <= kept and old
        run.drive(60).key_off()
        board.cut_power()
    run = board.start()
    confirm(board, run)
    assert not board.start().loop.system_bits & (LOST | RECORDS_LOST)


def test_lost_parameters_that_were_only_saved_anew_let_nobody_drive_until_a_person_confirms(board):
    saved(board)
    board.rot("params")
    run = board.start()
    run.loop.faults.step(SYSTEM, run.loop.system_bits, 1, 1, 100)
    run.keeper.save_params()
    run.drive(60).key_off()
    for _ in range(2):
        board.cut_power()
        run = board.start()
        assert run.loop.system_bits & LOST
    confirm(board, run)
    assert not board.start().loop.system_bits & LOST


class Settling(Store):
    """Counts the pieces of settling, of which there are so many each time; or refuses them."""

    PIECES = 5

    def __init__(self, root, files):
        super().__init__(root, files)
        self.pieces = 0
        self.refuses = False

    def settle_step(self):
        if self.refuses:
            return store.FAILED
        self.pieces += 1
        return store.OK if self.pieces % self.PIECES == 0 else store.BUSY


@pytest.fixture
def settling(monkeypatch):
    monkeypatch.setattr(runs, "Store", Settling)


@pytest.mark.usefixtures("settling")
def test_directories_are_settled_at_every_eighth_start_and_never_while_the_car_may_roll(board):
    settled = []
    for boots in range(1, 18):
        run = board.start()
        if run.keeper.store.pieces == Settling.PIECES:
            settled.append(boots)
        assert run.keeper.store.pieces in (0, Settling.PIECES)
        if boots != 8:  # the ninth start is one after a reset
            run.drive(60).key_off()
            board.cut_power()
    assert settled == [1, 17]


@pytest.mark.usefixtures("settling")
def test_directories_are_settled_at_each_key_off_once_all_is_written_and_the_supply_waits(board):
    run = board.start()
    run.drive(60)
    files = run.keeper.store
    before = files.pieces
    run.key(0, True)
    while files.pieces == before:
        writes = files.writes
        run.slices(SLICE_MS)
        assert run.loop.saving
    while run.keeper.is_busy():
        run.slices(SLICE_MS)
        assert run.loop.saving
    run.slices(SLICE_MS)
    assert not run.loop.saving
    assert (files.writes, files.pieces) == (writes, before + Settling.PIECES)
    run.slices(20000)
    assert files.pieces == before + Settling.PIECES
    run.drive(60)
    assert files.pieces == before + Settling.PIECES
    files.refuses = True
    run.key_off()
    assert not run.loop.saving


@pytest.mark.usefixtures("settling")
def test_a_night_at_the_socket_settles_after_every_32_copies(board):
    run = board.start()
    run.drive(60).key_off()
    files = run.keeper.store
    settled = []
    for _ in range(64):
        pieces = files.pieces
        run.keeper.save_charge()
        run.slices(200)
        if files.pieces > pieces:
            settled.append(files.writes // 32 * 32)
            assert files.pieces == pieces + Settling.PIECES
            assert files.writes - settled[-1] < 2
    assert settled == [32, 64, 96, 128]


def test_what_a_start_has_no_time_to_settle_is_settled_at_key_off(board, monkeypatch):
    tags = [[(SUPERBLOCK, 0, b"littlefs"), *tail(n + 2, n + 3)] for n in range(0, 998, 2)]
    tags.append(tail(0xFFFFFFFF, 0xFFFFFFFF))
    device = Device({n: block(1, tags[n // 2]) for n in range(1000)}, count=1000)
    monkeypatch.setattr(runs, "Store", lambda root, files: Store(root, files, device))
    run = board.start()
    assert device.reads == 2 * 400
    run.drive(60)
    assert device.reads == 2 * 400
    run.key_off()
    run.slices(10000)
    assert device.reads == 2 * 500
    assert not run.keeper.is_busy()


@pytest.mark.usefixtures("settling")
@pytest.mark.parametrize("verb", ["save", "reboot"])
def test_a_long_settling_keeps_no_host_waiting_for_what_it_asked(board, monkeypatch, verb):
    monkeypatch.setattr(Settling, "PIECES", 1_000_000)
    car = Garage(board)
    car.run.drive(60).key_off()
    keeper = car.run.keeper
    assert keeper.is_busy() and not keeper.is_writing()
    writes = keeper.store.writes
    keeper.save_all()
    assert keeper.is_writing()
    car.good(verb)
    assert keeper.store.writes > writes
    assert keeper.is_busy() and not keeper.is_writing()
    assert car.services.wants_reset == (verb == "reboot")
