"""Install: whatever is cut off where, the board starts one whole version, or has none yet."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.board_files import BoardError
from host_tools.bundle import MANIFEST
from host_tools.install import choose_other, install
from host_tools.slot_record import decode, encode
from host_tools.slots import FlashError, differing_root_files, inspect
from tests.unit.folder_board import (
    BLOCK_BYTES,
    CUTS,
    FolderBoard,
    flashed,
    make_bundle,
    put,
)

V1, V2, V3 = make_bundle("1.0.0", "old"), make_bundle("2.0.0", "new"), make_bundle("3.0.0")


def every_cut(
    tmp_path: Path, before: FolderBoard, action: Callable[[FolderBoard], object]
) -> list[FolderBoard]:
    """Return the boards as action leaves them, cut before, in and after each operation of it."""
    trial = FolderBoard(tmp_path / "trial")
    shutil.copytree(before.root, trial.root, dirs_exist_ok=True)
    action(trial)
    found = []
    for at in range(trial.operations):
        for cut in CUTS:
            board = FolderBoard(tmp_path / f"{at}{cut}")
            shutil.copytree(before.root, board.root, dirs_exist_ok=True)
            board.cut_at, board.cut = at, cut
            with pytest.raises((FlashError, BoardError)):
                action(board)
            board.cut_at = -1
            found.append(board)
    assert len(found) > 5
    return found


def test_a_blank_board_gets_a_slot_and_its_selector_last(tmp_path: Path) -> None:
    board = FolderBoard(tmp_path / "flash")
    (board.root / "boot.py").write_bytes(b"# MicroPython's own\n")
    assert put(board, V1) == "a"
    assert board.starts() == "1.0.0"
    assert b"release_actuators" in (board.root / "boot.py").read_bytes()
    assert (board.root / "board.py").read_bytes() == V1.files["board.py"]
    assert not decode(board.read("/slot")).confirmed


def test_an_update_goes_to_the_other_slot_and_leaves_the_root_and_the_records(
    tmp_path: Path,
) -> None:
    board = flashed(tmp_path / "flash", V1)
    (board.root / "records").mkdir()
    (board.root / "records" / "odometer").write_bytes(b"12 km")
    kept = {name: board.read(name) for name in ("/main.py", "/boot.py", "/board.py")}
    assert put(board, V2) == "b"
    assert board.starts() == "2.0.0"
    assert {name: board.read(name) for name in kept} == kept
    assert board.read("/records/odometer") == b"12 km"
    assert inspect(board).slots["a"].is_whole


def test_the_third_version_takes_the_place_of_the_first_with_nothing_of_it_left(
    tmp_path: Path,
) -> None:
    board = flashed(tmp_path / "flash", V1, V2)
    assert put(board, V3) == "a"
    assert board.starts() == "3.0.0"
    names = {path.removeprefix("/a/") for path, e in board.tree("/a").items() if not e.is_folder}
    assert names == {*V3.files, MANIFEST}
    assert not (board.root / "a" / "service").exists()


def test_equal_files_are_not_written_again(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1, V2)
    whole = FolderBoard(tmp_path / "other")
    put(whole, V3)
    board.operations = 0
    put(board, V3)
    assert board.operations < whole.operations


def test_a_first_flash_cut_anywhere_starts_nothing_or_the_whole_and_can_be_repeated(
    tmp_path: Path,
) -> None:
    before = FolderBoard(tmp_path / "flash")
    (before.root / "boot.py").write_bytes(b"# MicroPython's own\n")
    for board in every_cut(tmp_path, before, lambda b: put(b, V1)):
        assert board.starts() in ("", "1.0.0")
        put(board, V1)
        assert board.starts() == "1.0.0"


@pytest.mark.parametrize("old", [(V1,), (V1, V2)], ids=["first update", "second update"])
def test_an_update_cut_anywhere_leaves_the_old_or_the_new_version_whole(
    tmp_path: Path, old
) -> None:
    before = flashed(tmp_path / "flash", *old)
    kept = old[-1].version
    seen = set()
    for board in every_cut(tmp_path, before, lambda b: put(b, V3)):
        seen.add(board.starts())
        put(board, V3)
        assert board.starts() == "3.0.0"
        assert inspect(board).slots["a"].is_whole and inspect(board).slots["b"].is_whole
    assert seen == {kept, "3.0.0"}


def test_a_version_on_trial_is_given_up_before_the_confirmed_one(tmp_path: Path) -> None:
    before = flashed(tmp_path / "flash", V1)
    put(before, V2)
    for board in every_cut(tmp_path, before, lambda b: put(b, V3)):
        assert board.starts() in ("1.0.0", "2.0.0", "3.0.0")
        state = inspect(board)
        assert state.slots["a"].manifest.version == "1.0.0"
        assert state.slots[state.record.slot].is_whole


def test_a_rollback_cut_anywhere_starts_one_of_the_two(tmp_path: Path) -> None:
    before = flashed(tmp_path / "flash", V1, V2)
    boards = every_cut(tmp_path, before, lambda b: choose_other(b, inspect(b)))
    assert {board.starts() for board in boards} == {"1.0.0", "2.0.0"}


def go_back(board):
    return choose_other(board, inspect(board)).version


def test_a_version_left_before_it_was_trusted_is_what_the_next_update_writes_over(
    tmp_path: Path,
) -> None:
    board = flashed(tmp_path / "flash", V1)
    put(board, V2)
    assert go_back(board) == "1.0.0"
    record = decode(board.read("/slot"))
    assert (record.slot, record.failed) == ("a", "b")
    assert put(board, V3) == "b"
    assert inspect(board).slots["a"].manifest.version == "1.0.0"


def test_a_start_that_was_cut_off_twice_does_not_bring_back_what_a_person_has_left(
    tmp_path: Path,
) -> None:
    board = flashed(tmp_path / "flash", V1)
    put(board, V2)
    go_back(board)
    (board.root / "slot").write_bytes(
        encode(replace(decode(board.read("/slot")), trial=2))  # two starts whose supply went
    )
    assert board.starts() == "1.0.0"


def test_a_version_that_is_wanted_again_can_fail_its_trial_again(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1)
    put(board, V2)
    for version, failed in (("1.0.0", "b"), ("2.0.0", ""), ("1.0.0", "b"), ("2.0.0", "")):
        assert go_back(board) == version
        assert decode(board.read("/slot")).failed == failed
    (board.root / "slot").write_bytes(encode(replace(decode(board.read("/slot")), trial=2)))
    assert board.starts() == "1.0.0"


def test_a_rollback_from_a_trusted_version_gives_it_up_for_nothing(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1, V2)
    assert go_back(board) == "1.0.0"
    assert decode(board.read("/slot")).failed == ""
    assert put(board, V3) == "a"


def test_a_damaged_root_is_put_anew_when_asked_and_the_board_has_it_old_or_new_at_every_cut(
    tmp_path: Path,
) -> None:
    before = flashed(tmp_path / "flash", V1)
    whole = {name: before.read(name) for name in ("/main.py", "/boot.py", "/board.py")}
    rotten = {name: b"rotten" + data for name, data in whole.items()}
    for name, data in rotten.items():
        (before.root / name[1:]).write_bytes(data)
    assert differing_root_files(inspect(before), V2) == ["/board.py", "/boot.py", "/main.py"]
    put(before, V2)
    assert {name: before.read(name) for name in whole} == rotten

    def renew(board):
        install(board, V3, inspect(board), lambda *_: None, renews_root=True)

    for board in every_cut(tmp_path, before, renew):
        for name in whole:
            assert board.read(name) in (whole[name], rotten[name])
        renew(board)
        assert {name: board.read(name) for name in whole} == whole


def test_there_is_no_way_back_to_a_damaged_version(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1, V2)
    (board.root / "a" / "main.mpy").write_bytes(b"rotten")
    with pytest.raises(FlashError, match=r"no whole version to go back to; version 2\.0\.0"):
        choose_other(board, inspect(board))
    assert board.starts() == "2.0.0"


@pytest.mark.parametrize("name", sorted(V1.files))
def test_a_flipped_bit_in_any_file_of_a_slot_is_seen(tmp_path: Path, name: str) -> None:
    board = flashed(tmp_path / "flash", V1, V2)
    data = bytearray((board.root / "a" / name).read_bytes())
    data[len(data) // 2] ^= 4
    (board.root / "a" / name).write_bytes(data)
    state = inspect(board)
    assert name in state.slots["a"].trouble and state.slots["b"].is_whole
    assert state.idle == "a"


def test_a_module_that_no_manifest_names_makes_a_slot_no_version(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1)
    (board.root / "a" / "vcu" / "loop.py").write_bytes(b"print('hidden')")
    assert "vcu/loop.py is not of version" in inspect(board).slots["a"].trouble


def test_what_reads_back_wrong_is_written_once_more(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1)
    board.spoil["/b/vcu/loop.mpy"] = 1
    put(board, V2)
    assert board.starts() == "2.0.0"


def test_worn_flash_keeps_the_old_version_and_is_named(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1)
    board.spoil["/b/vcu/loop.mpy"] = 9
    with pytest.raises(FlashError, match=r"vcu/loop\.mpy reads back .*version 1\.0\.0 .*was kept"):
        put(board, V2)
    assert board.starts() == "1.0.0"


def test_a_full_flash_is_seen_before_anything_is_changed(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1)
    (board.root / "holiday.jpg").write_bytes(bytes(40 * BLOCK_BYTES))
    board.blocks = board._used() + 5
    before = board.tree("")
    with pytest.raises(FlashError, match=r"full: .*nothing was changed; .*kept.*/holiday\.jpg"):
        put(board, V2)
    assert board.tree("") == before


def test_a_flash_that_is_full_after_all_gives_the_room_back(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1)
    state = inspect(board)  # which still believes in the room of before
    board.blocks = board._used() + 3
    with pytest.raises(FlashError, match=r"full; slot b was emptied again; version 1\.0\.0"):
        install(board, V2, state, lambda *_: None)
    assert board.tree("/b") == {}
    assert board.starts() == "1.0.0"


def test_a_damaged_record_is_none_and_the_whole_slot_is_kept(tmp_path: Path) -> None:
    board = flashed(tmp_path / "flash", V1)
    data = board.read("/slot")
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1
        assert decode(bytes(flipped)) is None
    (board.root / "slot").write_bytes(data[:20])
    state = inspect(board)
    assert state.record is None and state.idle == "b"
    put(board, V2)
    assert board.starts() == "2.0.0"
