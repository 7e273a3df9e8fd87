"""Slot rot: any one block of the flash rots, and the board still starts a whole version.

    micropython -X heapsize=8m slot_rot.py YEARS SEED SCRIPT SCRIPT

For 64-bit MicroPython with VfsLfs2. A board has two versions after so many updates (the
scripts are those of slot_cuts.py) and a settled root. Then each
block in turn is erased, zeroed, has one bit wrong, or is noise: the file system must
mount, and the selector must start a slot whose every byte is right. Prints

    rotten ROTTEN of BLOCKS blocks
"""

import json
import sys

from ram_flash import GEOMETRIES, Random, Tally
from slot_cuts import Life, play, slot_now, slots_at, start
from store_rot import rot_each


def grow_up(life, years, script):
    """Put a version onto the board in each year, and trust it."""
    with open(script) as lines:
        for _ in range(years):
            number, update, _ = json.loads(lines.readline())
            life.mounted(life.data, lambda steps=update: play(steps))
            life.mounted(life.data, start)
            life.mounted(life.data, lambda: slots_at(slot_now()).confirm())
    # In blocks of 512 bytes the root is a chain, as a slot is.
    (settle,) = {step[2] for step in update if step[0] == "settle"}
    life.mounted(life.data, lambda: play([["settle", "", settle]]))
    return number - 1, number


def check(life, numbers):
    life.check(life.data, numbers, 1)


def main(arguments):
    years, seed = int(arguments[0]), int(arguments[1])
    count = blocks = 0
    for i in range(len(GEOMETRIES)):
        for year in range(2, years + 1):
            life = Life(GEOMETRIES[i], seed, Tally())
            numbers = grow_up(life, year, arguments[2 + i])
            count += rot_each(life, Random(seed), check, numbers)
            blocks += GEOMETRIES[i][0]
    print("rotten", count, "of", blocks, "blocks")


if __name__ == "__main__":
    main(sys.argv[1:])
