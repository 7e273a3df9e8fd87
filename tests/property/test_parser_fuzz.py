"""No bytes at the serial port raise, go unanswered, move an output or fill the memory.

4 000 chunks of random and mutated lines on CPython, 1 000 on 64-bit MicroPython and 600 on
the 32-bit build; with LSEV_PROVE=1 1 000 000, 40 000 and 100 000. What is counted
is in tests/mpy/line_fuzz.py. Memory is compared where a build's collector can be trusted.
"""

import os
import subprocess
import sys

import pytest

from tests.mpy import wasm
from tests.proving import PROVE

SHARDS, LINES = (10, 100_000) if PROVE else (1, 4_000)
LINES_64 = 40_000 if PROVE else 1_000
SHARDS_32, LINES_32 = (5, 20_000) if PROVE else (1, 600)
# Without a collection a line costs about 4 kB there.
HEAP_32 = "256M"


def run(interpreter: str, lines: int, seed: int, **paths: str) -> dict[str, int]:
    ended = subprocess.run(
        [interpreter, "tests/mpy/line_fuzz.py", str(lines), str(seed)],
        cwd=wasm.ROOT, env=os.environ | paths, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return counts(ended.stdout)


def counts(printed: str) -> dict[str, int]:
    """Return the counts of a run, all of what was to be reached among them."""
    print(printed)
    words = printed.splitlines()[0].split()
    found = {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}
    assert found["commands"] > found["fuzz"] // 3
    assert 0 < found["parked"] < found["commands"]
    assert found["sums"] > found["fuzz"] // 4
    assert found["scans"] and found["prompts"] > found["fuzz"] // 10
    assert found["stops"] and found["breaks"]
    return found


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_command_gets_one_last_line_and_no_output_moves(shard: int) -> None:
    paths = os.pathsep.join(["firmware", "sim/shim", "tests/mpy"])
    found = run(sys.executable, LINES, shard + 1, PYTHONPATH=paths)
    assert found["bytes"] == 256  # every value was there


def test_on_64_bit_micropython_too_and_its_heap_does_not_grow(interpreter: str) -> None:
    run(interpreter, LINES_64, 101, MICROPYPATH="firmware:tests/mpy")


@pytest.mark.parametrize("shard", range(SHARDS_32))
def test_on_32_bit_micropython_too_where_nothing_overflows(shard: int) -> None:
    counts(wasm.run("line_fuzz.py", str(LINES_32), str(201 + shard), heap=HEAP_32))
