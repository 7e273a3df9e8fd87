"""A session at the console, for any MicroPython: what each line is answered, and what it costs.

Prints `session NAME CRC32HEX BYTES` for each line, and for one of random
bytes; on MicroPython also `slice NAME WORST_US ALLOCATED_BYTES SLICES`, the
longest slice of that answer and what all of its slices took from the heap. Fails where
a slice hands on more than 100 bytes, or an idle slice needs the heap.
"""

import gc
import sys
import time

from car import make_scaling
from micropython import heap_lock, heap_unlock
from sessions import Port, allocated, break_all

from service.desk import NOTHING, Desk
from service.terminal import Terminal
from service.verbs import LATER
from vcu.loop import Loop
from vcu.params import Params

LINES = (
    "help", "status", "why", "faults", "faults hist", "faults freeze 99", "freeze 11",
    "get *", "get speed_cap_kmh", "stauts",
    "get sped", "pack", "pack lfp 16 100", "pack lfp 16 100 bms cells", "pack confirm",
    "pack nmc 32 100 bms contacts", "pack agm 30 x",
    "set speed_cap_kmh 45", "set speed_cap_kmh 99", "set reverse_cap_kmh x", "set chemistry 3",
    "charge", "charge target 90", "charge target full", "charge target storage",
    "charge target 101", "charge ready 480", "charge ready 0", "charge equalize",
    "charge equalize off",
    "save", "clear", "id", "stats", "reboot", "bogus bogus bogus",
    "unlock 1", "auth 0123456789abcdef0123456789abcdef", "lock", "changes",
    "provision id=CAR-1", "provision id=CAR-1 vin=LSEVTEST000000009 k1=" + "a1b2" * 8
    + " k2=" + "c3d4" * 8, "lock", "unlock 3", "auth 00", "set speed_cap_kmh 50", "id",
)  # fmt: skip
SLICES = 120
SLICES_MOST = 1200
RANDOM_BYTES = 20000


def serve(console, desk, port, name):
    """Run slices until nothing comes for a while; print the answer's checksum and cost."""
    worst = slices = quiet = 0
    before = allocated() if allocated else 0
    while quiet < SLICES and slices < SLICES_MOST:
        count = port.count
        start = time.ticks_us()
        console.step(10)
        spent = time.ticks_diff(time.ticks_us(), start)
        slices += 1
        if spent > worst:
            worst = spent
        quiet = quiet + 1 if count == port.count else 0
        if desk.wanted != NOTHING:
            desk.finish()
    taken = allocated() - before if allocated else 0
    port.tell(name, worst, taken, slices)


def collect() -> None:
    """Collect, but not where that frees live objects."""
    if getattr(sys.implementation, "_build", "") != "wasi":
        gc.collect()


def main() -> None:
    gc.disable()
    params = Params()
    loop = Loop(make_scaling(), params)
    before = allocated() if allocated else 0
    desk = Desk(loop, params, ("lsev", "0", "none", "none", "0"))
    port = Port()
    console = Terminal(desk, port.write)
    if allocated:
        print("heap console", allocated() - before)
    break_all(loop)
    # Each verb of a module that is loaded later has been used: loading is no slice's work.
    for _, verbs in LATER:
        for byte in b"help " + verbs[0].encode() + b"\r":
            console.feed(byte)
        for _ in range(SLICES):
            console.step(10)
    port.crc = port.count = 0
    for line in LINES:
        for byte in line.encode() + b"\r":
            console.feed(byte)
        serve(console, desk, port, line)
    collect()
    heap_lock()
    for _ in range(100):
        console.step(10)
    heap_unlock()
    seed = 12345
    for _ in range(RANDOM_BYTES):
        seed = (seed * 20021 + 1) & 0x7FFF
        console.feed(seed >> 7)
        if seed & 0x300 == 0:
            console.step(10)
            if desk.wanted != NOTHING:
                desk.finish()
        if seed & 0x7F00 == 0:
            collect()
    serve(console, desk, port, "random")


main()
