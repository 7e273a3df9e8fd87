"""Every flip of one or two bits of a record is detected, in all pairs.

A CRC is linear: two flips are undetected only where the sum of the file changes by the
same number for both. So that no two of the single flips' numbers are equal, and none is
zero, is a proof over all pairs; a sample is tried one by one.
"""

import random

import pytest

import selector
from service import boot_record
from service.boot_record import BootRecord, NullMemory
from service.record_copy import (
    DAMAGED,
    HEADER_BYTES,
    OK,
    PAYLOAD_BYTES_MOST,
    checksum,
    header_of,
    parse,
)
from service.records import Counters
from tests.proving import PROVE
from tests.unit.kept_records import IDS, LINES

TRIED = 200_000 if PROVE else 3_000
# The longest that the store believes.
LONGEST = ("faults", 2, bytes(range(256)) * (PAYLOAD_BYTES_MOST // 256))


def flipped(data, *bits):
    changed = bytearray(data)
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def file_of(name, version, payload):
    return bytes(header_of(name, version, 7, payload)) + payload


def sums(name, data):
    """Return by how much the sum of a file and the sum in it differ, after each single flip."""
    at = HEADER_BYTES
    found = []
    for bit in range(len(data) * 8):
        bad = flipped(data, bit)
        kept = int.from_bytes(bad[at - 4 : at], "little")
        found.append(checksum(name, bad[:at], bad[at:]) ^ kept)
    return found


@pytest.mark.parametrize(("name", "version", "data"), LINES, ids=IDS)
def test_every_pair_of_flipped_bits_of_a_record_is_detected(name, version, data):
    assert parse(name, data).status == OK
    found = sums(name, data)
    assert 0 not in found and len(set(found)) == len(found)
    bits = len(found)
    chance = random.Random(bits)
    tried = TRIED // len(LINES)
    for _ in range(tried):
        pair = chance.sample(range(bits), 2)
        assert parse(name, flipped(data, *pair)).status == DAMAGED, pair
        header = flipped(data, pair[0] % 128, pair[1])
        assert header == data or parse(name, header).status == DAMAGED, pair
    print(f"{name}: {bits} single flips, {bits * (bits - 1) // 2} pairs, {tried * 2} tried")


def test_the_sum_of_two_flips_is_the_sum_of_each():
    name, _, data = LINES[0]
    found = sums(name, data)
    at = HEADER_BYTES
    for first in range(len(found)):
        second = (first * 7 + 3) % len(found)
        bad = flipped(data, first, second)
        kept = int.from_bytes(bad[at - 4 : at], "little")
        if first != second:
            both = checksum(name, bad[:at], bad[at:]) ^ kept
            assert both == found[first] ^ found[second]


def test_in_the_longest_record_too_no_two_flips_hide_each_other():
    data = file_of(*LONGEST)
    assert parse("faults", data).status == OK
    at = HEADER_BYTES
    kept = int.from_bytes(data[at - 4 : at], "little")
    found = {
        checksum("faults", data[:at], flipped(data, bit)[at:]) ^ kept
        for bit in range(at * 8, len(data) * 8)
    }
    assert 0 not in found and len(found) == (len(data) - at) * 8


def test_every_pair_of_flipped_bits_of_the_slots_record_is_detected():
    text = selector.pack(selector.make("b", 1, False, "a", "two starts")).encode()
    chance = random.Random(3)
    bits = len(text) * 8

    def is_refused(data):
        try:
            return selector.parse(data.decode()) is None
        except (UnicodeDecodeError, ValueError, KeyError, TypeError):
            return True

    assert not is_refused(text)
    for bit in range(bits):
        assert is_refused(flipped(text, bit)), bit
    pairs = [(i, j) for i in range(bits) for j in range(i)]
    for pair in pairs if PROVE else chance.sample(pairs, TRIED):
        assert is_refused(flipped(text, *pair)), pair


def test_every_pair_of_flipped_bits_of_rtc_memory_is_detected():
    class Memory(NullMemory):
        data = b""

        def get(self):
            return self.data

        def put(self, data):
            self.data = bytes(data)

    memory = Memory()
    BootRecord(memory).keep(boot_record.RUNNING, Counters(), [1, 2, 3, 4])
    good = memory.data
    chance = random.Random(5)
    for _ in range(TRIED):
        memory.data = flipped(good, *chance.sample(range(len(good) * 8), 2))
        boot = BootRecord(memory)
        boot.judge(1, b"")
        assert boot.counters is None
