"""Slots: an update goes to the slot that is not kept, whole or not at all, also through cuts."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from unit.slot_disk import Disk, bundle, copy, put, version_in

import selector
from selector import Selector
from service.slots import Slots
from sim.interpreter import FIRMWARE_DIR, find_micropython

OLD, NEW, OLDER = "1.0.0", "1.1.0", "0.9.0"
BOARD = "esp32_s3"
SCRIPT = Path(__file__).parents[1] / "mpy" / "slot_cuts.py"
CUTS, SEEDS = (40000, 2) if os.environ.get("LSEV_PROVE") else (4000, 1)


class Chip:
    def WDT(self, timeout):
        pass

    def reset_cause(self):
        return 1


def slots_on(disk, running=""):
    """Return the slots of a disk, as the program in slot `running` has them."""
    slots = Slots("", json, disk=disk)
    slots.running = running
    return slots


def board_with(a=OLD, b="", slot="a", trial=0, confirmed=True, failed="", why=""):
    disk = Disk()
    for name, version in (("a", a), ("b", b)):
        if version:
            put(disk, name, bundle(version))
    record = selector.make(slot, trial, confirmed, failed, why)
    disk.files["/slot"] = selector.pack(record).encode()
    return disk


def begin(slots, version=NEW, board=BOARD, is_parked=True, is_forced=False):
    return slots.begin_update(version, board, is_parked, is_forced)


def update(disk, version=NEW, files=None):
    """Update as a host does; return what refused it, "" for nothing."""
    slots = slots_on(disk)
    refused = begin(slots, version)
    if not refused:
        copy(disk, slots.target, files or bundle(version))
        refused = slots.finish(version, True, False)
    return refused


def chosen(disk):
    """Return the slot that the selector starts, "" for none."""
    return Selector("", Chip(), disk).choose(1)


def kept(disk):
    return selector.parse(disk.files["/slot"].decode())


def test_an_update_goes_to_the_other_slot_and_starts_there_on_trial():
    for slot, other in ("ab", "ba"):
        disk = board_with(**{slot: OLD, other: OLDER}, slot=slot)
        assert update(disk) == ""
        assert (version_in(disk, slot), version_in(disk, other)) == (OLD, NEW)
        record = kept(disk)
        assert (record["slot"], record["trial"], record["confirmed"]) == (other, 0, False)
        assert chosen(disk) == other


def test_the_first_version_of_an_empty_board_starts():
    disk = Disk()
    assert update(disk) == ""
    assert (chosen(disk), version_in(disk, "a")) == ("a", NEW)


def test_the_slot_that_is_whole_is_kept_whatever_the_record_says():
    for record in ("a", "b"):
        disk = board_with(a="", b=OLD, slot=record)
        assert update(disk) == ""
        assert (version_in(disk, "a"), version_in(disk, "b")) == (NEW, OLD)


def test_a_slot_of_the_record_with_one_wrong_byte_is_the_one_that_is_written():
    disk = board_with(a=OLD, b=OLD)
    disk.files["/a/vcu/loop.mpy"] = disk.files["/a/vcu/loop.mpy"].replace(b"o", b"0")
    assert update(disk) == ""
    assert (version_in(disk, "a"), version_in(disk, "b")) == (NEW, OLD)


def test_old_files_of_the_slot_are_gone_so_that_none_hides_a_new_one():
    disk = board_with(b=OLDER)
    disk.files["/b/vcu/loop.py"] = b"old"
    disk.files["/b/old/deep/x.py"] = b"old"
    disk.folders |= {"/b/old", "/b/old/deep"}
    assert update(disk) == ""
    assert {p[3:] for p in disk.files if p.startswith("/b/")} == set(bundle(NEW))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_parked": False}, "could move"),
        ({"board": "esp32"}, "is for the board esp32, this one is esp32_s3"),
        ({"board": "esp32", "is_forced": True}, "is for the board esp32"),
        ({"version": OLDER}, "0.9.0 is older than 1.0.0"),
    ],
)
def test_an_update_that_is_refused_changes_nothing(changes, words):
    disk = board_with(b=OLDER)
    before = dict(disk.files)
    slots = slots_on(disk)
    assert words in begin(slots, **changes)
    assert slots.target == ""
    assert disk.files == before and disk.operations == 0


def test_an_older_version_can_be_forced():
    disk = board_with()
    slots = slots_on(disk)
    assert begin(slots, OLDER, is_forced=True) == ""
    copy(disk, slots.target, bundle(OLDER))
    assert "older" in slots.finish(OLDER, True, False)
    assert slots.finish(OLDER, True, True) == ""
    assert chosen(disk) == "b"


def test_versions_are_compared_by_their_numbers():
    for older, newer in (("1.9.0", "1.10.0"), ("1.0", "1.0.1"), ("1.0.0-dev", "2")):
        for version, expected in ((older, False), (newer, True)):
            disk = board_with()
            files = bundle(newer if version == older else older)
            put(disk, "a", files)
            assert (begin(slots_on(disk), version) == "") == expected


def test_an_update_on_trial_is_not_replaced_over_the_last_good_one_unless_forced():
    disk = board_with(a=OLD, b=NEW, slot="b", confirmed=False)
    slots = slots_on(disk)
    assert "still on trial" in begin(slots, "1.2.0")
    assert version_in(disk, "a") == OLD
    assert begin(slots, "1.2.0", is_forced=True) == ""
    disk = board_with(a=OLD, confirmed=False)
    assert begin(slots_on(disk)) == ""


@pytest.mark.parametrize("name", bundle(NEW))
@pytest.mark.parametrize("fault", ["flipped", "truncated", "missing"])
def test_a_file_that_did_not_come_as_it_was_sent_leaves_the_old_version(name, fault):
    files = bundle(NEW)
    data = files[name]
    at = len(data) - 20  # in the manifest: of the total
    if fault == "flipped":
        files[name] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    elif fault == "truncated":
        files[name] = data[:at]
    else:
        del files[name]
    disk = board_with()
    refused = update(disk, files=files)
    assert name in refused and "slot a is kept" in refused and "again" in refused
    assert kept(disk)["slot"] == chosen(disk) == "a"
    assert version_in(disk, "a") == OLD


def test_a_bundle_that_is_not_what_was_announced_is_not_switched_to():
    for files, words in (
        (bundle("1.2.0"), "slot b has 1.2.0; slot a is kept"),
        (bundle(NEW, board="esp32"), "is for the board esp32"),
        (bundle(NEW, micropython_min="9.0.0"), "needs MicroPython 9.0.0"),
        (bundle(NEW) | {"vcu/loop.py": b"x"}, "vcu/loop.py is not in the manifest"),
    ):
        disk = board_with()
        assert words in update(disk, files=files)
        assert chosen(disk) == "a"


def test_finish_without_a_begin_or_while_moving_changes_nothing():
    disk = board_with(b=NEW)
    assert "no update was begun" in slots_on(disk).finish(NEW, True, False)
    assert "could move" in slots_on(disk).finish(NEW, False, False, "b")
    assert disk.operations == 0
    assert slots_on(disk).finish(NEW, True, False, "b") == ""


def test_a_full_file_system_keeps_the_old_version_and_says_so():
    disk = board_with(b=OLDER)
    slots = slots_on(disk)
    assert begin(slots) == ""
    disk.is_full = True
    with pytest.raises(OSError):
        copy(disk, "b", bundle(NEW))
    assert "manifest.json is missing; slot a is kept" in slots.finish(NEW, True, False)
    disk = board_with(b=NEW)
    disk.is_full = True
    refused = slots_on(disk).finish(NEW, True, False, "b")
    assert "flash refused it, errno 28; slot a is kept" in refused
    assert chosen(disk) == "a"


def test_a_slot_that_cannot_be_emptied_is_told():
    disk = board_with(b=OLDER)
    disk.cut_at = 1
    assert "flash refused it, errno 5; slot a is kept" in begin(slots_on(disk))


def test_an_old_version_is_no_version_from_the_first_operation_on():
    disk = board_with(b=OLDER)
    disk.cut_at = 2
    begin(slots_on(disk))
    assert "/b/manifest.json" not in disk.files


def test_flash_that_keeps_other_bytes_does_not_replace_the_record():
    disk = board_with(b=NEW)
    disk.is_worn = True
    assert "something else than was written" in slots_on(disk).rollback(True)
    assert chosen(disk) == "a"


def test_a_look_by_size_does_not_read_every_byte():
    disk = board_with()
    disk.files["/a/vcu/loop.mpy"] = disk.files["/a/vcu/loop.mpy"].replace(b"o", b"0")
    assert slots_on(disk).look("a", False).fault == ""
    assert slots_on(disk).look("a", True).fault == "vcu/loop.mpy is damaged"


def test_a_rollback_starts_the_other_slot_on_trial():
    disk = board_with(a=OLD, b=NEW, slot="b")
    assert "could move" in slots_on(disk).rollback(False)
    assert slots_on(disk).rollback(True) == ""
    assert (kept(disk)["slot"], kept(disk)["confirmed"]) == ("a", False)
    assert chosen(disk) == "a"


def test_a_rollback_to_what_is_not_whole_is_refused():
    disk = board_with(a=OLD, b="")
    assert "manifest.json is missing; slot a is kept" in slots_on(disk).rollback(True)
    disk.files["/slot"] = b"x"
    assert "damaged" in slots_on(disk).rollback(True)
    assert disk.operations == 0
    disk = board_with(a=OLD, b=NEW)
    disk.files["/b/main.mpy"] = disk.files["/b/main.mpy"].replace(b"o", b"0")
    assert "main.mpy is damaged; slot a is kept" in slots_on(disk).rollback(True)
    assert disk.operations == 0


def test_a_confirmed_version_is_trusted_from_then_on():
    disk = board_with(b=NEW, slot="b", trial=1, confirmed=False)
    assert slots_on(disk, "b").confirm() == ""
    assert (kept(disk)["trial"], kept(disk)["confirmed"]) == (0, True)
    operations = disk.operations
    assert slots_on(disk, "b").confirm() == ""
    assert disk.operations == operations


@pytest.mark.parametrize("running", ["", "a"])
def test_only_the_version_on_trial_can_speak_for_itself(running):
    disk = board_with(b=NEW, slot="b", trial=1, confirmed=False)
    for call in (Slots.confirm, Slots.orderly_end, Slots.begin_again):
        assert call(slots_on(disk, running)) == ""
    assert disk.operations == 0


def test_an_orderly_end_takes_its_start_back_once():
    disk = board_with(b=NEW, slot="b", trial=2, confirmed=False)
    slots = slots_on(disk, "b")
    for _ in range(3):
        assert slots.orderly_end() == ""
    assert kept(disk)["trial"] == 1
    for _ in range(2):
        assert slots.begin_again() == ""
    assert kept(disk)["trial"] == 2


def test_many_short_runs_with_an_orderly_end_are_no_failure():
    disk = board_with(b=NEW, slot="b", confirmed=False)
    for _ in range(5):
        chooser = Selector("", Chip(), disk)
        assert chooser.count(chooser.choose(1)) == "b"
        slots_on(disk, "b").orderly_end()
    assert kept(disk)["slot"] == "b"


def test_states_say_what_becomes_of_each_slot():
    slots = slots_on(board_with(b=NEW))
    assert [slots.state(name) for name in "ab"] == ["starts", "kept for a rollback"]
    slots = slots_on(board_with(b=NEW, slot="b", trial=1, confirmed=False))
    assert slots.state("b") == "starts on trial, 1 of 2 starts used"
    slots = slots_on(board_with(b=NEW, failed="b", why="the watchdog ended its trial"))
    assert slots.state("b") == "given up: the watchdog ended its trial"
    assert slots_on(board_with()).state("b") == "cannot start: manifest.json is missing"
    found = slots.look("b", True)
    assert (found.version, found.board, found.fault) == (NEW, BOARD, "")


def test_selector_and_slots_read_what_the_other_writes():
    disk = board_with(b=NEW, slot="b", trial=2, confirmed=False, failed="a", why='a "reason"')
    slots = slots_on(disk, "b")
    assert (slots.slot, slots.trial, slots.confirmed) == ("b", 2, False)
    assert (slots.failed, slots.why) == ("a", 'a "reason"')
    before = disk.files["/slot"]
    slots.orderly_end()
    slots.begin_again()
    assert disk.files["/slot"] == before


def confirmed(disk):
    slots_on(disk, "b").confirm()


def rolled_back(disk):
    slots_on(disk).rollback(True)


@pytest.mark.parametrize(
    ("change", "start", "versions"),
    [
        (update, {"b": ""}, {OLD, NEW}),
        (update, {"b": OLDER}, {OLD, NEW}),
        (rolled_back, {"b": NEW, "slot": "b"}, {OLD, NEW}),
        (confirmed, {"b": NEW, "slot": "b", "trial": 1, "confirmed": False}, {NEW}),
    ],
)
def test_after_a_cut_at_any_operation_one_version_starts_whole(change, start, versions):
    seen = set()
    cut = 0
    while True:
        cut += 1
        disk = board_with(**start)
        disk.cut_at = cut
        try:
            change(disk)
        except OSError:
            assert disk.is_dead
        was_cut = disk.is_dead
        disk.start_anew()
        slot = chosen(disk)
        assert version_in(disk, slot) in versions
        seen.add(version_in(disk, slot))
        if not was_cut:
            break
    assert cut > 3
    assert seen == versions


def run_cuts(cuts, seed, firmware=FIRMWARE_DIR):
    done = subprocess.run(
        [find_micropython(), "-X", "heapsize=8m", str(SCRIPT), str(cuts), str(seed)],
        env={"MICROPYPATH": str(firmware)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_on_littlefs_a_cut_at_any_flash_operation_leaves_the_old_or_the_new_version(seed):
    status, printed = run_cuts(CUTS, seed)
    print(printed.strip())
    assert status == 0, printed
    words = printed.split()
    assert words[0] == "cuts" and int(words[1]) >= CUTS
    assert int(words[3]) > CUTS // 2  # cut a second time
    assert int(words[5]) > CUTS // 3  # different contents of the flash


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("service/slots.py", "target = _other(kept) if kept", "target = kept if kept"),
        # in two steps, with no record in between
        ("service/slots.py", "self._disk.rename(", "self._disk.remove(path); self._disk.rename("),
        # a trial that is taken for confirmed when it is counted
        ("selector.py", 'record["trial"] + 1, False', 'record["trial"] + 1, True'),
    ],
)
def test_the_cuts_find_slots_that_are_changed_wrongly(copied_firmware, file, old, new):
    status, printed = run_cuts(4000, 1, copied_firmware(file, old, new))
    assert status != 0 and "ValueError" in printed, printed
