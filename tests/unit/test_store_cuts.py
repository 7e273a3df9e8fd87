"""The records on a real littlefs, in MicroPython: no cut and no rotten block loses one."""

import re
import subprocess

import pytest

from sim.interpreter import FIRMWARE_DIR, find_micropython
from tests.proving import PROVE

pytestmark = pytest.mark.usefixtures("interpreter")

MPY = FIRMWARE_DIR.parent / "tests" / "mpy"
CUTS, SEEDS = (30000, 2) if PROVE else (3000, 1)
AGES = 3 if PROVE else 1
DAYS = 20 if PROVE else 2
# Starts of a board's life, and the moments of it at which each block is erased.
LIFE = (1500, 60) if PROVE else (120, 4)
ERASES_MOST = 100_000


def run(script, *arguments, firmware=FIRMWARE_DIR):
    done = subprocess.run(
        [find_micropython(), "-X", "heapsize=32m", str(MPY / script), *map(str, arguments)],
        env={"MICROPYPATH": f"{firmware}:{MPY}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def numbers(printed):
    """Return what was counted, by the word before it."""
    print(printed.strip())
    return {word: int(count) for word, count in re.findall(r"(\w+) (\d+)", printed)}


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_a_cut_at_any_flash_operation_leaves_each_record_old_or_new_and_the_board_starts(
    seed, record_property
):
    status, printed = run("store_cuts.py", CUTS, seed)
    assert status == 0, printed
    found = numbers(printed)
    record_property("distinct cuts of the supply, of records", found["cuts"])
    assert found["cuts"] >= CUTS
    assert found["pairs"] > CUTS // 3
    assert found["images"] > CUTS // 3


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("store.py", "newest[1] + 1", "newest[1]"),  # two copies of one sequence
        ("store.py", 'self._name) + ".new"', "self._name)"),  # in place, without a rename
        ("fault_record.py", "if version == 1:", "if version == 0:"),  # no migration
        ("records.py", "max(0, size - len(payload))", "0"),
        # said to be kept before it is
        ("store.py", "self._step = _REPLACE\n                return BUSY", "return OK"),
    ],
)
def test_the_cuts_find_a_store_that_does_it_wrong(copied_firmware, file, old, new):
    broken = copied_firmware(f"service/{file}", old, new)
    status, printed = run("store_cuts.py", 2000, 1, firmware=broken)
    assert status != 0 and "ValueError" in printed, printed


def test_whichever_block_rots_the_board_starts_with_the_newest_of_each_record(record_property):
    status, printed = run("store_rot.py", AGES)
    assert status == 0, printed
    rotten = numbers(printed)["rotten"]
    record_property("flashes with a rotten block, records", rotten)
    assert rotten > AGES * 3 * (96 + 24)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("keeper.py", "_COPIES = const(2)", "_COPIES = const(1)"),
        ("store.py", "self._folder = 1 - newest[0]", "self._folder = 0"),
        # A directory is in one block only.
        ("settling.py", "if not loose:", "if True:"),
    ],
)
def test_the_rot_finds_a_store_that_has_all_in_one_place(copied_firmware, file, old, new):
    broken = copied_firmware(f"service/{file}", old, new)
    status, printed = run("store_rot.py", 1, firmware=broken)
    assert status != 0 and "block" in printed, printed


@pytest.mark.parametrize(("block_bytes", "blocks"), [(4096, 20), (512, 70)])
def test_at_no_moment_of_a_life_does_an_erased_block_lose_a_record(
    block_bytes, blocks, record_property
):
    status, printed = run("store_life.py", block_bytes, *LIFE)
    assert status == 0, printed
    found = numbers(printed)
    record_property(
        f"moments of a life with each block of {block_bytes} B erased", found["moments"]
    )
    assert found["moments"] == LIFE[1] and found["erased"] > LIFE[1] * blocks
    assert found["root"] == found["other"] == 0


@pytest.mark.parametrize(
    ("block_bytes", "life", "file", "old", "new", "word"),
    [
        (
            4096,
            (20, 1),
            "settling.py",
            "pair.is_loose and",
            "pair.blocks != (0, 1) and pair.is_loose and",
            "root",
        ),
        (
            512,
            (300, 3),
            "settling.py",
            "pair.is_loose and",
            "pair.blocks == (0, 1) and pair.is_loose and",
            "other",
        ),
    ],
)
def test_a_life_finds_directories_that_are_not_settled_when_they_have_moved(
    copied_firmware, block_bytes, life, file, old, new, word
):
    broken = copied_firmware(f"service/{file}", old, new)
    status, printed = run("store_life.py", block_bytes, *life, firmware=broken)
    assert status == 0 and numbers(printed)[word] > 0, printed


def budget(word):
    """Return a number of the wear budget in the keeper's first lines."""
    text = (FIRMWARE_DIR / "service" / "keeper.py").read_text(encoding="utf-8").split('"""')[1]
    (number,) = re.findall(rf"([0-9 ]+[0-9]) {word}", " ".join(text.split()))
    return int(number.replace(" ", ""))


def test_a_year_of_use_stays_within_the_wear_budget():
    status, printed = run("store_wear.py", DAYS)
    assert status == 0, printed
    found = numbers(printed)
    assert found["writes"] * 365 <= budget("writes a year") * DAYS
    assert found["erases"] * 365 <= budget("erases a year") * DAYS
    worst = budget("of them in the worst block")
    # littlefs stays in a block for 101 erases and then goes on to one that chance chooses: in so
    # few days a block may have had two stays more than its share.
    assert found["worst"] <= 2 * 101 + worst * DAYS // 365
    assert worst * 15 < ERASES_MOST
    # It is settled at the first start; after 101 erases littlefs would move it.
    assert found["root"] <= 2
