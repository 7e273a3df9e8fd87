"""Store rot: any one block of the flash rots, and the board starts with every record there.

    micropython -X heapsize=32m store_rot.py AGES [SEED]

For 64-bit MicroPython with VfsLfs2. Boards of several ages, in two geometries: after
their first minute and after months, when littlefs has moved its directories. Each
block in turn is erased, zeroed, has one bit wrong, or is noise; then the file system
must mount, each record must be the newest, and the firmware must start without a
loss. The boot record alone may be the one before: it has a new copy in one place
only, and an older one just tells an older ending. AGES is how many of the ages are
tried. Prints

    rotten ROTTEN of BLOCKS blocks

where ROTTEN counts the starts from a flash that is not as it was.
"""

import sys

from ram_flash import GEOMETRIES, Random, Tally
from store_cuts import NAMES, STATUS_NAMES, Life, Run, charge, provision, save_params, store_faults

from service import records, store
from service.store import Store

_MOUNT = "/cut"
_ROOT = _MOUNT + "/records"
_ANY_VERSION = 0xFFFF
# Times that every record was written on a board, and a charge in between.
_AGES = ((1, 0), (3, 5), (12, 150))
_NOT_NEWEST = (records.BOOT,)


def grow_up(life, years):
    """Write every record so many times, and a charge that goes on in between."""
    rounds, minutes = years
    for number in range(1, rounds + 1):
        for act in (
            save_params(number),
            provision(number),
            store_faults(number),
            charge(number),
        ):
            live(life, lambda run, what=act: what(run))
        live(life, lambda run: flow(run, minutes))
        live(life, lambda run, n=number: run.drive(n))
    # The start that settles what littlefs has moved comes every few starts.
    for _ in range(8):
        live(life, lambda run: run.drive(1))


def live(life, act):
    life.mounted(life.data, lambda flash: act(Run(Store(_ROOT, None, flash))))


def flow(run, minutes):
    for i in range(minutes):
        charge(i)(run)


def contents():
    """Return what is kept of each record; raise where one is missing or damaged."""
    files = Store(_ROOT)
    found = {}
    for name in NAMES:
        status = files.read(name, _ANY_VERSION)
        if status != store.OK:
            raise ValueError(name + " is " + STATUS_NAMES[status])
        found[name] = files.payload
    return found


def rot_of(random, piece):
    """Yield what may become of the bytes of a block."""
    yield b"\xff" * len(piece)
    yield b"\x00" * len(piece)
    flipped = bytearray(piece)
    flipped[random.below(len(piece))] ^= 1 << random.below(8)
    yield flipped
    yield bytes([random.below(256) for _ in range(len(piece))])


def rot_each(life, random, check, expected):
    """Rot each block in each way and call check(life, expected); return how often."""
    whole = bytes(life.data)
    size = life.block_bytes
    count = 0
    for at in range(0, len(whole), size):
        for piece in rot_of(random, whole[at : at + size]):
            if piece == whole[at : at + size]:
                continue
            count += 1
            life.data[:] = whole
            life.data[at : at + size] = piece
            try:
                check(life, expected)
            except (OSError, ValueError) as error:
                print("block", at // size, "is rotten:", error)
                raise
    return count


def check(life, expected):
    found = life.mounted(life.data, lambda _: contents())
    live(life, lambda run: None)
    for name in NAMES:
        if found[name] != expected[name] and name not in _NOT_NEWEST:
            raise ValueError(name + " is an older one")


def main(arguments):
    ages = _AGES[: int(arguments[0])]
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    count = blocks = 0
    for geometry in GEOMETRIES:
        for years in ages:
            life = Life(geometry, seed, Tally())
            grow_up(life, years)
            expected = life.mounted(life.data, lambda _: contents())
            count += rot_each(life, Random(seed), check, expected)
            blocks += geometry[0]
    print("rotten", count, "of", blocks, "blocks")


if __name__ == "__main__":
    main(sys.argv[1:])
