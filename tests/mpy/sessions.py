"""What the sessions share: a port that keeps a checksum, and a car with many faults."""

import gc
from binascii import crc32

# CPython has no such figure.
allocated = getattr(gc, "mem_alloc", None)


class Port:
    """Takes what is written and keeps its checksum; fails at more than 100 bytes at once."""

    def __init__(self) -> None:
        self.crc = 0
        self.count = 0

    def write(self, data) -> None:
        assert len(data) <= 100
        self.crc = crc32(data, self.crc)
        self.count += len(data)

    def tell(self, name, worst, taken, slices) -> None:
        """Print checksum and cost of the answer to name, and begin the next."""
        name = name.replace(" ", "_") or "-"
        print("session", name, f"{self.crc:08x}", self.count)
        if allocated:
            print("slice", name, worst, taken, slices)
        self.crc = self.count = 0


def break_all(loop) -> None:
    """Confirm twelve rows of each word, with a freeze frame of the first."""
    loop.sig.standstill_ms = 10000
    for word in range(4):
        for _ in range(30):
            loop.faults.step(word, 0xFFF, 1, 0, 500)
    for _ in range(30):
        loop.recorder.record(loop.sig, 4, 10, 0)
    loop.recorder.freeze(0, loop.sig, 4, 10, 0)
    for _ in range(30):
        loop.recorder.step()
