"""Store life: at moments of a long life of a board each block in turn loses what it had.

    micropython -X heapsize=32m store_life.py BLOCK_BYTES STARTS MOMENTS [SEED]

For 64-bit MicroPython with VfsLfs2. littlefs moves a directory after 101 erases, and what the
other directories know of its place is then in one of their two blocks only, until the keeper
settles them: that comes and goes with the starts, which store_rot.py has too few of. Prints

    moments MOMENTS erased ERASED root ROOT other OTHER

ERASED counts the flashes of which one block was erased, ROOT and OTHER the moments at which that
lost a record or the file system, where it was one of the root's first two blocks, or another.
"""

import os
import sys

from ram_flash import GEOMETRIES, Tally
from store_cuts import Life, charge, provision, save_params, store_faults
from store_rot import check, contents, live

_ROOT_BLOCKS = 2
_SLOT = "/cut/b"
_PROGRAM_BYTES = 2000


def use(life, number):
    """One start and what a person does after it, and another one with a drive."""
    if number % 7 == 0:
        live(life, save_params(number))
    elif number % 3 == 0:
        live(life, charge(number))
    elif number % 50 == 1:
        live(life, store_faults(number))
    live(life, lambda run: run.drive(number))


def update():
    """Write a slot, which littlefs lists before the records: it too tells where they are."""
    os.mkdir(_SLOT)
    with open(_SLOT + "/main.mpy", "wb") as file:
        file.write(bytes(_PROGRAM_BYTES))


def losses(life):
    """Erase each block in turn; return how many had something, and those that lost a record."""
    whole = bytes(life.data)
    size = life.block_bytes
    expected = life.mounted(life.data, lambda _: contents())
    count = 0
    lost = []
    for block in range(len(whole) // size):
        begin, end = block * size, (block + 1) * size
        if whole[begin:end] == b"\xff" * size:
            continue
        count += 1
        life.data[:] = whole
        life.data[begin:end] = b"\xff" * size
        try:
            check(life, expected)
        except (OSError, ValueError):
            lost.append(block)
    life.data[:] = whole
    return count, lost


def main(arguments):
    block_bytes, starts, moments = [int(word) for word in arguments[:3]]
    seed = int(arguments[3]) if len(arguments) > 3 else 1
    (geometry,) = [g for g in GEOMETRIES if g[1] == block_bytes]
    life = Life(geometry, seed, Tally())
    for act in (save_params(1), provision(1), store_faults(1), charge(1)):
        live(life, act)
    life.mounted(life.data, lambda _: update())
    erased = root = other = 0
    for number in range(1, starts + 1):
        use(life, number)
        if number % (starts // moments):
            continue
        count, lost = losses(life)
        erased += count
        root += min(lost, default=_ROOT_BLOCKS) < _ROOT_BLOCKS
        other += max(lost, default=0) >= _ROOT_BLOCKS
    print("moments", moments, "erased", erased, "root", root, "other", other)


if __name__ == "__main__":
    main(sys.argv[1:])
