"""Retained: how much of a 32-bit MicroPython's heap is in use, counted from outside.

The wasm build cannot collect: pointers that only the virtual machine holds are out of its
collector's sight, and what they point to is freed. So the guest collects nothing, and its
memory is marked here as py/gc.c marks it: from every word outside the heap, a word that
may point to the head of a block counts as doing so. What hidden pointers alone hold is
missing from the figure, and what a stale word points to is in it; MicroPython on 64 bits,
which can collect, keeps 1.4 times as much of the same firmware, as its wider words would have it.
"""

# Two bits for each block of four words, four blocks to a byte of the table.
_BLOCK_BYTES = 16
_BLOCKS_PER_BYTE = 4
_HEAD = 1
_TAIL = 2
# The description of the heap is a static variable, low in memory.
_SEARCHED_WORDS = 1 << 16


class LayoutError(Exception):
    """The guest's memory has no heap where this build keeps it."""


def retained_bytes(memory: bytes) -> int:
    """Return the bytes of all blocks that are reachable in a guest's memory."""
    words = memoryview(memory).cast("I")
    table, pool, end = _find_heap(words)
    states = memory[table:pool]
    kinds = [states[i // 4] >> i % 4 * 2 & 3 for i in range((end - pool) // _BLOCK_BYTES)]
    seen = bytearray(len(kinds))
    waiting: list[int] = []
    live = 0

    def look(first: int, last: int) -> None:
        for word in words[first // 4 : last // 4]:
            if pool <= word < end and word % _BLOCK_BYTES == 0:
                block = (word - pool) // _BLOCK_BYTES
                if kinds[block] == _HEAD and not seen[block]:
                    seen[block] = 1
                    waiting.append(block)

    look(0, table)
    look(end, len(memory))
    while waiting:
        block = after = waiting.pop()
        after += 1
        while after < len(kinds) and kinds[after] == _TAIL:
            after += 1
        live += after - block
        look(pool + block * _BLOCK_BYTES, pool + after * _BLOCK_BYTES)
    return live * _BLOCK_BYTES


def _find_heap(words: "memoryview[int]") -> tuple[int, int, int]:
    """Return where table, pool and end of the heap are; the only words that fit each other."""
    for i in range(min(len(words) - 4, _SEARCHED_WORDS)):
        table, size, _, pool, end = words[i : i + 5]
        blocks_bytes = size * _BLOCKS_PER_BYTE * _BLOCK_BYTES
        if 1 << 10 < size < 1 << 22 and 0 < table < pool < end == pool + blocks_bytes:
            return table, pool, end
    raise LayoutError("no heap found; this build of MicroPython lays it out in another way")
