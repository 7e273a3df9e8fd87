"""Fault record: what goes in comes out, whole or not at all, also across versions."""

import struct

import pytest

from service import fault_record
from service.fault_history import History
from service.fault_record import row_number
from service.records import REFUSED, TAKEN
from tests.unit.confirming import confirm
from vcu.faults import TABLE, WORDS, Faults, row_of
from vcu.recorder import FIELD_COUNT, FRAME_ROWS, Recorder
from vcu.signals import Signals

ENTRY_BYTES = 28
# What version 1 wrote: 11 twice at 100 and 102 s, 55 at 103 s and cleared, 94 at 101 s.
VERSION_1_HEAD = bytes.fromhex("03000c15")
VERSION_1_ROWS = bytes.fromhex(
    "0b0102006400000066000000"
    "370001006700000067000000"
    "5e0101006500000065000000"
)  # fmt: skip
FRAME = bytes([11]) + struct.pack(f"<{FIELD_COUNT * FRAME_ROWS}h", *range(-100, 152))


def faulty():
    """Faults 11 (twice) and 94 stored, 55 permanent and cleared; a frame of 11."""
    faults, recorder, history = Faults(), Recorder(), History()
    history.clock = lambda: 1795400000
    sig = Signals()
    for _ in range(30):
        sig.speed_mmps += 100
        recorder.record(sig, 4, 2, -300)
    confirm(faults, 55)
    history.look(faults, 90, 6)
    faults.clear()
    history.clear(faults, 95, 7)
    history.passes[row_number(55)] = 2
    faults.begin_cycle()
    for second, id_ in ((100, 11), (101, 94), (102, 11)):
        confirm(faults, id_)
        assert history.look(faults, second, second - 93)
    recorder.freeze(row_number(11), sig, 4, 2, -300)
    for _ in range(FRAME_ROWS + 1):
        recorder.step()
    return faults, recorder, history


def state(faults, recorder, history):
    """All that a record keeps."""
    fields = {
        name: list(value) for name, value in vars(history).items() if hasattr(value, "__len__")
    }
    fields |= {name: value for name, value in vars(history).items() if name.startswith("cleared_")}
    words = (faults.stored, faults.came, faults.pending, faults.permanent, list(faults.counts))
    return words, fields, list(recorder.numbers), recorder.ready, recorder.frames


def read(payload, version=fault_record.VERSION):
    parts = Faults(), Recorder(), History()
    return fault_record.unpack(bytes(payload), version, *parts), parts


def test_all_that_is_known_of_faults_comes_back():
    parts = faulty()
    taken, other = read(fault_record.pack(*parts))
    assert taken == TAKEN
    assert state(*other) == state(*parts)
    faults, recorder, history = other
    assert faults.active == [0] * WORDS
    assert faults.permanent[0] == 1 and faults.permanent[2] == 1 << 2
    assert recorder.ready == 1 and any(recorder.frames[0])
    assert (history.first_s[0], history.last_s[0]) == (100, 102)
    assert (history.first_cycle[0], history.last_cycle[0]) == (7, 9)
    assert history.last_wall_s[0] == history.cleared_wall_s == 1795400000
    assert (history.cleared_s, history.cleared_cycle) == (95, 7)
    assert history.passes[row_number(55)] == 2
    assert not history.look(faults, 200, 20)


def test_the_largest_fault_record_fits_the_store():
    faults, recorder, history = faulty()
    for word in range(WORDS):
        faults.stored[word] = faults.permanent[word] = (1 << len(TABLE[word])) - 1
    for i in range(len(recorder.numbers)):
        recorder.numbers[i] = i
        recorder.ready |= 1 << i
    payload = fault_record.pack(faults, recorder, history)
    assert 4000 < len(payload) <= 8192


def test_faults_that_this_firmware_lacks_are_ignored_and_frames_of_another_shape_too():
    parts = faulty()
    payload = fault_record.pack(*parts)
    frame_at = 4 + ENTRY_BYTES * payload[0]
    payload[4] = 250
    payload[frame_at] = 251
    taken, other = read(payload)
    assert taken == TAKEN
    assert sum(other[0].counts) == sum(parts[0].counts) - 2
    assert other[1].ready == 0
    payload[frame_at] = 11
    payload[2:4] = bytes((FIELD_COUNT * 3, FRAME_ROWS // 3))
    taken, other = read(payload)
    assert taken == TAKEN
    assert other[1].ready == 0 and list(other[1].numbers) == [-1] * 6


def test_a_short_fault_record_is_refused_whole():
    payload = fault_record.pack(*faulty())
    for length in range(len(payload)):
        taken, other = read(payload[:length])
        assert taken == REFUSED
        assert state(*other) == state(Faults(), Recorder(), History())


@pytest.mark.parametrize("at", [4, 8, 12, 16])
def test_a_time_that_cannot_be_refuses_the_record_whole(at):
    parts = faulty()
    for entry in range(3):
        payload = fault_record.pack(*parts)
        struct.pack_into("<I", payload, 4 + ENTRY_BYTES * entry + at, (1 << 30) - 1)
        assert read(payload)[0] == TAKEN
        struct.pack_into("<I", payload, 4 + ENTRY_BYTES * entry + at, 1 << 30)
        taken, other = read(payload)
        assert taken == REFUSED
        assert state(*other) == state(Faults(), Recorder(), History())


@pytest.mark.parametrize("at", [-12, -8])
def test_a_moment_of_clearing_that_cannot_be_refuses_the_record_too(at):
    payload = fault_record.pack(*faulty())
    struct.pack_into("<I", payload, len(payload) + at, 1 << 30)
    assert read(payload)[0] == REFUSED


def test_more_passes_than_let_a_row_go_refuse_the_record():
    payload = fault_record.pack(*faulty())
    for passes, answer in ((2, TAKEN), (3, REFUSED)):
        payload[5] = payload[5] & 15 | passes << 4
        assert read(payload)[0] == answer


def test_a_wall_time_of_the_next_century_comes_back():
    parts = faulty()
    parts[2].last_wall_s[0] = (1 << 32) - 1
    assert read(fault_record.pack(*parts))[1][2].last_wall_s[0] == (1 << 32) - 1


def test_a_record_of_version_1_is_converted_and_nothing_in_it_is_lost():
    head = bytearray(VERSION_1_HEAD)
    head[1] = 1
    taken, (faults, recorder, history) = read(bytes(head) + VERSION_1_ROWS + FRAME, 1)
    assert taken == TAKEN
    assert {row_of(n)[0]: count for n, count in enumerate(faults.counts) if count} == {
        11: 2, 55: 1, 94: 1,
    }  # fmt: skip
    assert faults.stored == [1, 0, 0, 1 << 11]
    assert (history.first_s[0], history.last_s[0]) == (100, 102)
    assert not any(history.first_cycle) and not any(history.last_wall_s)
    assert history.cleared_s == 0
    assert recorder.numbers[0] == 0 and recorder.ready == 1
    assert list(recorder.frames[0]) == list(range(-100, 152))


def test_what_stops_or_crawls_the_car_in_a_record_of_version_1_is_permanent_unless_cleared():
    _, (faults, _, _) = read(VERSION_1_HEAD + VERSION_1_ROWS, 1)
    assert faults.permanent == [1, 0, 0, 0]  # 11; 55 was cleared, 94 only warns
    assert faults.came == faults.pending == [0, 0, 0, 0]


def test_a_record_of_version_1_goes_on_as_one_of_version_2():
    _, parts = read(VERSION_1_HEAD + VERSION_1_ROWS, 1)
    taken, other = read(fault_record.pack(*parts))
    assert taken == TAKEN and state(*other) == state(*parts)


def test_a_short_record_of_version_1_is_refused():
    payload = bytes([3, 1]) + VERSION_1_HEAD[2:] + VERSION_1_ROWS + FRAME
    assert read(payload, 1)[0] == TAKEN
    for length in range(len(payload)):
        assert read(payload[:length], 1)[0] == REFUSED


def test_a_row_of_version_1_that_this_firmware_lacks_is_ignored():
    row = b"\xfa" + VERSION_1_ROWS[1:12]
    taken, (faults, _, _) = read(bytes([1]) + VERSION_1_HEAD[1:] + row, 1)
    assert taken == TAKEN and not any(faults.counts) and not any(faults.permanent)


def test_row_numbers_follow_ids():
    for word in TABLE:
        for row in word:
            assert row_of(row_number(row[0])) == row
    assert row_number(10) == -1
