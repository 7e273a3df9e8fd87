"""Slots: the version on trial speaks for itself, and no cut leaves half of what it said."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import selector
from selector import Selector
from service.slots import Slots
from sim.interpreter import FIRMWARE_DIR, find_micropython
from tests.proving import PROVE
from tests.unit.folder_board import make_bundle
from tests.unit.slot_disk import Disk, bundle, put, version_in
from tests.unit.slot_scripts import write_scripts

OLD, NEW = "1.0.0", "1.1.0"
SLOTS = (("a", OLD), ("b", NEW))
MPY = Path(__file__).parents[1] / "mpy"
CUTS, SEEDS = (40000, 2) if PROVE else (4000, 1)
# A year of a board is about 1 500 cuts.
YEARS = max(CUTS // 500, 8)
ROTTEN_YEARS = 8 if PROVE else 2


class Chip:
    def WDT(self, timeout):
        pass

    def reset_cause(self):
        return 1


def slots_on(disk, running="b"):
    """Return the slots of a disk, as the program in slot `running` has them."""
    slots = Slots("", json, disk)
    slots.running = running
    return slots


def board_with(slot="b", trial=1, confirmed=False, failed="", why=""):
    disk = Disk()
    put(disk, "a", bundle(OLD))
    put(disk, "b", bundle(NEW))
    disk.files["/slot"] = selector.pack(
        selector.make(slot, trial, confirmed, failed, why)
    ).encode()
    return disk


def kept(disk):
    return selector.parse(disk.files["/slot"].decode())


def test_a_confirmed_version_is_trusted_from_then_on():
    disk = board_with()
    slots = slots_on(disk)
    assert slots.is_on_trial()
    assert slots.confirm() == ""
    assert (kept(disk)["trial"], kept(disk)["confirmed"]) == (0, True)
    assert not slots.is_on_trial()
    operations = disk.operations
    assert slots.confirm() == slots_on(disk).confirm() == ""
    assert disk.operations == operations


def said_by(disk, slot, monkeypatch):
    """Return what the program says that was started from a slot."""
    monkeypatch.setattr("sys.path", [f"/{slot}", *sys.path])
    return Slots("", json, disk).lines()


def test_the_running_version_says_its_slot_its_sum_and_how_far_its_trial_is(monkeypatch):
    sums = {slot: json.loads(bundle(v)["manifest.json"])["total"] for slot, v in SLOTS}
    for slot, kept_slot, trial, confirmed, how in (
        ("b", "b", 0, True, "trusted"),
        ("b", "b", 2, False, "trial 2"),
        ("a", "b", 0, True, "unchosen"),
    ):
        disk = board_with(kept_slot, trial, confirmed)
        with monkeypatch.context() as patch:
            assert said_by(disk, slot, patch) == (f"slot {slot} {how}", f"sum {sums[slot]}")


def test_the_sum_that_a_host_writes_into_its_manifest_is_the_one_that_is_said(monkeypatch):
    made = make_bundle(NEW)
    disk = board_with()
    disk.files["/b/manifest.json"] = made.manifest
    assert said_by(disk, "b", monkeypatch)[1] == f"sum {made.total}"


@pytest.mark.parametrize("text", [None, b"", b"x" * 99, b'"total":"12"}' * 9, b"\xff" * 99])
def test_a_manifest_without_a_sum_is_said_to_have_none(text, monkeypatch):
    disk = board_with()
    del disk.files["/b/manifest.json"]
    if text is not None:
        disk.files["/b/manifest.json"] = text
    assert said_by(disk, "b", monkeypatch)[1] == "sum "


def test_what_was_given_up_is_said_in_one_line_whatever_it_said_itself(monkeypatch):
    disk = board_with("a", 0, True, "b", "ValueError: a\r\n@1 ok")
    assert said_by(disk, "a", monkeypatch)[2:] == ("given_up b: ValueError: a @1 ok",)


def test_what_was_given_up_is_said_in_letters_that_each_host_can_read(monkeypatch):
    disk = board_with("a", 0, True, "b", "OSError: gr\u00f6\u00dfe \u20ac\x1b[2J\x7f~")
    assert said_by(disk, "a", monkeypatch)[2:] == ("given_up b: OSError: gr??e ??[2J?~",)


@pytest.mark.parametrize("running", ["", "a"])
def test_only_the_version_on_trial_can_speak_for_itself(running):
    disk = board_with()
    for call in (Slots.confirm, Slots.orderly_end, Slots.begin_again):
        assert call(slots_on(disk, running)) == ""
    assert disk.operations == 0


def test_an_orderly_end_takes_its_start_back_once():
    disk = board_with(trial=2)
    slots = slots_on(disk)
    for _ in range(3):
        assert slots.orderly_end() == ""
    assert kept(disk)["trial"] == 1
    for _ in range(2):
        assert slots.begin_again() == ""
    assert kept(disk)["trial"] == 2


def test_many_short_runs_with_an_orderly_end_are_no_failure():
    disk = board_with(trial=0)
    for _ in range(5):
        chooser = Selector("", Chip(), disk)
        assert chooser.count(chooser.choose(1)) == "b"
        slots_on(disk).orderly_end()
    assert kept(disk)["slot"] == "b"


def test_selector_and_slots_read_what_the_other_writes():
    disk = board_with(trial=2, failed="a", why='a "reason"')
    slots = slots_on(disk)
    assert (slots.slot, slots.trial, slots.confirmed) == ("b", 2, False)
    assert (slots.failed, slots.why) == ("a", 'a "reason"')
    before = disk.files["/slot"]
    slots.orderly_end()
    slots.begin_again()
    assert disk.files["/slot"] == before


@pytest.mark.parametrize("text", [b"", b"{}\n00000000\n", b"\xff", b"[]\n", b'{"slot": "b"}'])
def test_a_record_that_is_damaged_says_nothing_and_is_left_to_the_selector(text):
    disk = board_with()
    disk.files["/slot"] = text
    slots = slots_on(disk)
    assert slots.slot == "" and slots.confirm() == slots.orderly_end() == ""
    assert disk.files["/slot"] == text


def test_what_has_not_its_sum_never_comes_to_the_parser():
    class Breaking:
        @staticmethod
        def loads(text):
            raise RuntimeError("maximum recursion depth exceeded")

    disk = board_with()
    disk.files["/slot"] = b"[" * 150 + b"\n00000000\n"
    assert Slots("", Breaking(), disk).slot == ""


def test_flash_that_keeps_other_bytes_or_is_full_leaves_the_record_and_says_so():
    disk = board_with()
    before = disk.files["/slot"]
    disk.is_worn = True
    assert "something else than was written" in slots_on(disk).confirm()
    disk.is_worn, disk.is_full = False, True
    slots = slots_on(disk)
    assert "errno 28; the record is as before; free some space" in slots.confirm()
    assert slots.is_on_trial() and disk.files["/slot"] == before
    disk.is_full = False
    assert slots.confirm() == "" and kept(disk)["confirmed"]


@pytest.mark.parametrize("call", [Slots.confirm, Slots.orderly_end])
def test_a_cut_at_any_operation_leaves_what_was_said_or_nothing_of_it(call):
    records = set()
    for cut in range(1, 9):
        disk = board_with()
        before = disk.files["/slot"]
        disk.cut_at = cut
        call(slots_on(disk))
        was_cut = disk.is_dead
        disk.start_anew()
        assert kept(disk) is not None
        records.add(disk.files["/slot"] == before)
        assert version_in(disk, Selector("", Chip(), disk).choose(1)) == NEW
        if not was_cut:
            break
    assert cut > 2 and records == {True, False}


def run_cuts(
    cuts, seed, tmp_path, firmware=FIRMWARE_DIR, change=lambda text: text, name="slot_cuts.py"
):
    """Cut what lsev does to a board, or rot what it leaves; change spoils it first."""
    scripts = []
    for block_bytes in (512, 4096):
        script = tmp_path / f"script_{block_bytes}"
        write_scripts(script, tmp_path / f"board_{block_bytes}", YEARS, block_bytes, seed)
        script.write_text(change(script.read_text()))
        scripts.append(str(script))
    done = subprocess.run(
        [find_micropython(), "-X", "heapsize=8m", str(MPY / name), str(cuts), str(seed), *scripts],
        env={"MICROPYPATH": f"{firmware}:{MPY}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_on_littlefs_a_cut_at_any_flash_operation_leaves_the_old_or_the_new_version(
    seed, tmp_path, record_property
):
    status, printed = run_cuts(CUTS, seed, tmp_path)
    assert status == 0, printed
    words = printed.split()
    record_property("distinct cuts of the supply, of slots", int(words[1]))
    assert words[0] == "cuts" and int(words[1]) >= CUTS
    assert int(words[3]) > CUTS // 3  # cut a second time
    assert int(words[5]) > CUTS // 3  # different contents of the flash


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"/b/', '"/a/'),  # the slot that is kept is the one that is written
        # the record is changed in two steps, with none in between
        ('["replace", "/slot"', '["remove", "/slot", ""], ["replace", "/slot"'),
    ],
)
def test_the_cuts_find_a_host_that_writes_in_a_wrong_order(tmp_path, old, new):
    status, printed = run_cuts(4000, 1, tmp_path, change=lambda text: text.replace(old, new))
    assert status != 0, printed


@pytest.mark.usefixtures("interpreter")
def test_whichever_block_rots_a_board_with_two_versions_starts_one_of_them(
    tmp_path, record_property
):
    status, printed = run_cuts(ROTTEN_YEARS, 1, tmp_path, name="slot_rot.py")
    assert status == 0, printed
    rotten = int(printed.split()[1])
    record_property("flashes with a rotten block, slots", rotten)
    assert rotten > 3 * (96 + 24) * (ROTTEN_YEARS - 1)


@pytest.mark.usefixtures("interpreter")
def test_the_rot_finds_slots_whose_directories_are_in_one_block_only(tmp_path):
    def settle_the_root_instead(text):
        return re.sub('"settle", "[^"]*"', '"settle", ""', text)

    status, printed = run_cuts(2, 1, tmp_path, change=settle_the_root_instead, name="slot_rot.py")
    assert status != 0 and "is rotten" in printed, printed


@pytest.mark.usefixtures("interpreter")
def test_the_cuts_find_a_trial_that_is_taken_for_confirmed_when_it_is_counted(
    copied_firmware, tmp_path
):
    broken = copied_firmware(
        "selector.py", 'record["trial"] + 1, False', 'record["trial"] + 1, True'
    )
    status, printed = run_cuts(4000, 1, tmp_path, broken)
    assert status != 0 and "ValueError" in printed, printed
