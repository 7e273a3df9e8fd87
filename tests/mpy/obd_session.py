"""A scan tool's session, for any MicroPython: what each line is answered, and what it costs.

Prints `session LINE CRC32HEX BYTES` for each line, and for 20 000 random bytes; on
MicroPython also `slice LINE WORST_US ALLOCATED_BYTES SLICES`. Fails where an idle
slice, or one that takes a byte, needs the heap.
"""

import gc
import time

from car import make_scaling
from micropython import heap_lock, heap_unlock
from sessions import Port, allocated, break_all

from service.desk import NOTHING, Desk
from service.obd import Obd
from service.reply import Reply
from vcu.loop import Loop
from vcu.params import Params

LINES = (
    "ATZ", "ATE0", "ATH1", "ATL0", "AT RV", "ATSP0", "ATDPN", "ATDP", "ATSH7E0", "ATST64", "STI",
    "0100", "0120", "0140", "0160", "0180", "01A0", "0101", "010C0D1149425B", "01A6", "0131",
    "020000", "0202", "020D005B000C00", "03", "07", "0A", "04", "0900", "0902", "0904", "0906",
    "090A", "0600", "", "ATH0", "03", "0902", "ATS0", "0902", "ATD",
)  # fmt: skip
SLICES_MOST = 700
RANDOM_BYTES = 20000
VIN = "LSEVTEST3A5B7C9DE"


def serve(obd, reply, desk, port, name):
    """Run slices until the answer is over; print its checksum and cost."""
    worst = slices = 0
    is_busy = True
    before = allocated() if allocated else 0
    while is_busy:
        start = time.ticks_us()
        is_busy = obd.step()
        reply.drain(100)
        spent = time.ticks_diff(time.ticks_us(), start)
        slices += 1
        assert slices < SLICES_MOST
        if spent > worst:
            worst = spent
        if desk.wanted != NOTHING:
            desk.finish()
    taken = allocated() - before if allocated else 0
    for _ in range(10):
        reply.drain(100)
    port.tell(name, worst, taken, slices)


def main() -> None:
    gc.disable()
    params = Params()
    loop = Loop(make_scaling(), params)
    desk = Desk(loop, params, ("lsev", "0.1.0", "none", "none", "0"))
    desk.vault.identity.take("TEST-1", VIN, bytes(range(16)), bytes(range(16)))
    port = Port()
    before = allocated() if allocated else 0
    reply = Reply(port.write)
    obd = Obd(desk, reply)
    if allocated:
        print("heap obd", allocated() - before)
    break_all(loop)
    obd.start()
    for line in LINES:
        for byte in line.encode() + b"\r":
            obd.byte(byte)
        serve(obd, reply, desk, port, line)
    gc.collect()
    heap_lock()
    for _ in range(100):
        obd.byte(0x30)
        obd.step()
    heap_unlock()
    reply.drain(100)
    seed = 12345
    for _ in range(RANDOM_BYTES):
        seed = (seed * 20021 + 1) & 0x7FFF
        obd.byte(seed >> 7)
        obd.step()
        reply.drain(100)
        if desk.wanted != NOTHING:
            desk.finish()
        if seed & 0x7F00 == 0:
            gc.collect()
    while obd.step():
        reply.drain(100)
    obd.byte(13)
    serve(obd, reply, desk, port, "random")


main()
