"""Keeper: directories are settled when there is time, and keep nobody waiting."""

import pytest

from service import store
from service.store import Store
from tests.unit import runs
from tests.unit.garage import Garage
from tests.unit.littlefs_blocks import SUPERBLOCK, Device, block, tail
from tests.unit.runs import SLICE_MS, board_in

board = pytest.fixture(board_in)


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
