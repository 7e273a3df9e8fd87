"""The same firmware files on three interpreters: the same outputs, and a tick within its cost.

`make test` drives each sequence once, LSEV_PROVE=1 three times.
"""

import os
import subprocess
import sys
from functools import cache

from tests.mpy import fuel, wasm

ROUNDS = "3" if os.environ.get("LSEV_PROVE") else "1"
PROVED_TICKS = 200_000
# What the tick costs with faults, guard and protection in it; the goals that `make bench`
# prints beside it, 140 000 and 210 000, are missed. These keep it from growing unseen.
MEAN_FUEL = 203_000
WORST_FUEL = 800_000
# What a charge may add to a drive's tick, and what a change of its phase, once, may cost.
CHARGE_FUEL = 20_000
CHANGE_FUEL = 155_000


def run_trace(interpreter: str, **paths: str) -> list[str]:
    """Run trace.py, which itself fails where it did not reach all that there is."""
    ended = subprocess.run(
        [interpreter, "tests/mpy/trace.py", ROUNDS],
        cwd=wasm.ROOT, env=os.environ | paths, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.splitlines()


@cache
def trace_on_cpython() -> list[str]:
    return run_trace(sys.executable, PYTHONPATH=os.pathsep.join(["firmware", "sim/shim"]))


def checksums(lines: list[str]) -> dict[str, str]:
    rows = [line.split() for line in lines if line.startswith("trace ")]
    print(f"{len(rows)} sequences, {sum(int(row[3]) for row in rows)} ticks")
    return {row[1]: row[2] for row in rows}


def test_trace_drives_twenty_sequences_and_in_a_proof_200_000_ticks():
    lines = trace_on_cpython()
    assert len(checksums(lines)) >= 20
    ticks = int(lines[-1].removeprefix("total "))
    assert ticks >= PROVED_TICKS * int(ROUNDS) // 3


def test_64_bit_micropython_computes_exactly_what_cpython_does(interpreter):
    found = checksums(run_trace(interpreter, MICROPYPATH="firmware"))
    assert found == checksums(trace_on_cpython())


def test_32_bit_micropython_computes_exactly_what_cpython_does():
    assert checksums(wasm.run("trace.py", ROUNDS).splitlines()) == checksums(trace_on_cpython())


def test_a_tick_stays_within_its_share_of_instructions():
    total = fuel.measure_ticks()["total"]
    print(total)
    assert total["mean"] <= MEAN_FUEL
    assert total["worst"] <= WORST_FUEL


def test_a_charging_tick_costs_at_most_20_000_fuel_more_than_a_driving_one():
    rows = fuel.measure_ticks()
    print(rows["charge"], rows["drive"])
    assert rows["charge"]["mean"] <= rows["drive"]["mean"] + CHARGE_FUEL
    assert rows["charge"]["worst"] <= rows["limited"]["worst"] + CHARGE_FUEL


def test_a_piece_of_the_charge_costs_at_most_20_000_fuel_more_than_the_ceilings_it_replaces():
    rows = fuel.measure_pieces()
    print(rows)
    ceilings = rows.pop("ceilings")["mean"]
    assert len(rows) == 10
    for name, row in rows.items():
        assert row["mean"] <= ceilings + CHARGE_FUEL, (name, row)
        assert row["worst"] <= CHANGE_FUEL, (name, row)
