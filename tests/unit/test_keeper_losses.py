"""Keeper: what is lost or cannot be read is told; nobody drives until a person confirms."""

import errno
import os
import struct
from pathlib import Path

import pytest

from service import keeper, record_copy, records
from service.keeper import system_bit
from service.records import preset_mark
from service.store import Files
from tests.unit.runs import HARD, board_in
from vcu.faults import PERSON, STOP, SYSTEM, TABLE

LOST = system_bit("parameters_lost")
RECORDS_LOST = system_bit("records_lost")
NOT_WRITTEN = system_bit("records_not_written")

board = pytest.fixture(board_in)


def saved_cap(board):
    """A board whose parameters alone were written: a cap of 50 km/h."""
    run = board.start()
    run.params.set("speed_cap_kmh", 50)
    run.keeper.save_params()
    run.parked = True
    run.slices(200)


def test_lost_parameters_stay_lost_over_restarts_until_a_person_confirms(board):
    saved_cap(board)
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
    saved_cap(board)
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
    saved_cap(board)
    for _ in range(2):
        assert board.start(values={"speed_cap_kmh": 40}).params.get("speed_cap_kmh") == 40
        board.cut_power()
    run = board.start()
    assert run.params.get("speed_cap_kmh") == 50
    assert not run.loop.system_bits & LOST


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
