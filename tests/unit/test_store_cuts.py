"""The record store on a real littlefs, in MicroPython: no cut of the supply loses a record."""

import os
import subprocess
from pathlib import Path

import pytest

from sim.interpreter import FIRMWARE_DIR, find_micropython

pytestmark = pytest.mark.usefixtures("interpreter")

SCRIPT = Path(__file__).parents[1] / "mpy" / "store_cuts.py"
CUTS, SEEDS = (15000, 4) if os.environ.get("LSEV_PROVE") else (1000, 1)


def run(cuts, seed, firmware=FIRMWARE_DIR):
    done = subprocess.run(
        [find_micropython(), str(SCRIPT), str(cuts), str(seed)],
        env={"MICROPYPATH": str(firmware)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_cut_at_any_flash_operation_leaves_each_record_old_or_new(seed):
    status, printed = run(CUTS, seed)
    print(printed.strip())
    assert status == 0, printed
    words = printed.split()
    assert words[0] == "cuts" and int(words[1]) >= CUTS
    # A life of thirteen saves has about ninety operations; each was cut.
    assert int(words[5]) > 75


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("newest[1] + 1", "newest[1]"),  # two copies of one sequence
        ('self._name) + ".new"', "self._name)"),  # in place, without a rename
    ],
)
def test_the_cuts_find_a_store_that_does_it_wrong(copied_firmware, old, new):
    assert run(1000, 1, copied_firmware("service/store.py", old, new))[0] != 0
