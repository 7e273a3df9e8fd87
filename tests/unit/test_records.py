"""Records: what goes in comes out, whole or not at all, also from older and newer firmware."""

import struct

import pytest
from mpy.car import make_scaling

from service import records
from service.records import OTHER_PRESET, REFUSED, TAKEN, Counters, History
from vcu.faults import TABLE, WORD_SHIFT, Faults, row_of
from vcu.loop import Loop
from vcu.params import TABLE as PARAMETERS
from vcu.params import Params
from vcu.preset import Preset
from vcu.recorder import FIELD_COUNT, FRAME_ROWS, Recorder
from vcu.signals import Signals

MARK = 0xFEDCBA98
NAMES = [row[1] for row in PARAMETERS]


def values_of(params):
    return [params.get(name) for name in NAMES]


def params_payload(pairs, mark=MARK):
    return struct.pack("<IH", mark, len(pairs)) + b"".join(struct.pack("<Hi", *p) for p in pairs)


def test_all_parameters_come_back_at_both_ends_of_their_ranges():
    for column in (3, 4):
        params = Params()
        for row in PARAMETERS:
            params.set(row[1], row[column])
        other = Params()
        payload = bytes(records.pack_params(params, MARK))
        assert records.unpack_params(payload, other, MARK) == TAKEN
        assert values_of(other) == values_of(params) != values_of(Params())


def test_a_value_outside_its_range_refuses_the_whole_record():
    for row in PARAMETERS:
        for value in (row[3] - 1, row[4] + 1):
            params = Params()
            payload = params_payload([(1, 41), (row[0], value)])
            assert records.unpack_params(payload, params, MARK) == REFUSED, row[1]
            assert values_of(params) == values_of(Params())


def test_unknown_ids_are_ignored_and_missing_ones_keep_the_vehicles_value():
    params = Preset({"speed_cap_kmh": 45, "cell_count": 30})
    payload = params_payload([(9999, 123456), (1, 42)])
    assert records.unpack_params(payload, params, MARK) == TAKEN
    assert params.get("speed_cap_kmh") == 42
    assert params.get("cell_count") == 30


def test_values_made_over_other_vehicle_data_are_not_taken():
    params = Params()
    assert records.unpack_params(params_payload([(1, 42)]), params, MARK + 1) == OTHER_PRESET
    assert values_of(params) == values_of(Params())


def test_a_short_parameter_record_is_refused():
    payload = params_payload([(1, 42), (2, 5)])
    for length in range(len(payload)):
        assert records.unpack_params(payload[:length], Params(), MARK) == REFUSED


def test_the_mark_of_a_preset_follows_names_and_values_and_not_their_order():
    mark = records.preset_mark
    assert mark({"a": 1, "b": 2}) == mark({"b": 2, "a": 1})
    assert len({mark({}), mark({"a": 1}), mark({"a": 2}), mark({"b": 1}), mark({"a": 12})}) == 5


def filled_counters():
    counters = Counters()
    counters.odometer_m = 123456789
    counters.trip_m = 4321
    counters.trip_mwh = -77
    counters.energy_wh = -5
    counters.left_mah = 99000
    counters.uncertainty_permille = 1000
    counters.consumption_wh_km = 61
    counters.operating_s = 1000001
    counters.key_cycles = 12
    return counters


def test_counters_come_back_and_grow_at_their_end_only():
    buffer = bytearray(Counters.SIZE)
    filled_counters().pack_into(buffer, 0)
    for payload in (buffer, buffer + b"later fields"):
        counters = Counters()
        assert counters.unpack(payload)
        assert vars(counters) == vars(filled_counters())
    older = Counters()
    assert older.unpack(buffer[:8])
    assert (older.odometer_m, older.trip_m, older.operating_s) == (123456789, 4321, 0)


@pytest.mark.parametrize("at", [0, 4, 24, 28])
def test_impossible_counters_are_not_taken(at):
    buffer = bytearray(Counters.SIZE)
    struct.pack_into("<I", buffer, at, (1 << 30) - 1)
    assert Counters().unpack(buffer)
    struct.pack_into("<I", buffer, at, 1 << 30)
    assert not Counters().unpack(buffer)
    uncertain = bytearray(Counters.SIZE)
    struct.pack_into("<H", uncertain, 20, 1001)
    assert not Counters().unpack(uncertain)


def test_reading_the_loop_never_turns_odometer_or_time_back_and_adds_energy_once():
    energy = Loop(make_scaling(), Params()).energy
    counters = Counters()
    counters.odometer_m = 500
    counters.operating_s = 60
    energy.odometer_m = 400
    counters.read(energy, 50)
    assert (counters.odometer_m, counters.operating_s) == (500, 60)
    energy.odometer_m = 501
    energy.trip_mwh = 2999
    for _ in range(3):
        counters.read(energy, 61)
    assert (counters.odometer_m, counters.operating_s, counters.energy_wh) == (501, 61, 2)
    energy.trip_mwh = 1500  # regeneration
    counters.read(energy, 61)
    energy.trip_mwh = 3000
    counters.read(energy, 61)
    assert counters.energy_wh == 3


def faulty():
    """Faults 11 and 94 stored, 55 counted and healed by now; a frame of 11."""
    faults = Faults()
    history = History()
    recorder = Recorder()
    sig = Signals()
    for _ in range(30):
        sig.speed_mmps += 100
        recorder.record(sig, 4, 2, -300)
    for second, id_ in ((100, 11), (101, 94), (102, 11)):
        number = records.row_number(id_)
        word = number // WORD_SHIFT
        for present in (1 << number % WORD_SHIFT, 0):
            for _ in range(30):
                faults.step(word, present, 0, 1, 500)
        assert history.look(faults, second)
    recorder.freeze(records.row_number(11), sig, 4, 2, -300)
    for _ in range(FRAME_ROWS + 1):
        recorder.step()
    return faults, recorder, history


def test_faults_their_times_and_their_frames_come_back():
    faults, recorder, history = faulty()
    payload = bytes(records.pack_faults(faults, recorder, history))
    other = Loop(make_scaling(), Params())
    times = History()
    assert records.unpack_faults(payload, other.faults, other.recorder, times) == TAKEN
    assert other.faults.stored == faults.stored != [0, 0, 0, 0]
    assert other.faults.counts == faults.counts
    assert other.faults.active == [0, 0, 0, 0]
    number = records.row_number(11)
    assert faults.counts[number] == 2
    assert (times.first_s[number], times.last_s[number]) == (100, 102)
    assert times.first_s == history.first_s and times.last_s == history.last_s
    assert other.recorder.numbers == recorder.numbers
    assert other.recorder.frames[0] == recorder.frames[0] and any(recorder.frames[0])
    assert other.recorder.ready == 1
    assert not times.look(other.faults, 200)


def test_the_largest_fault_record_fits_the_store():
    faults, recorder, history = faulty()
    for word in range(4):
        for i in range(len(TABLE[word])):
            faults.counts[word * WORD_SHIFT + i] = 65535
            faults.stored[word] |= 1 << i
    for i in range(len(recorder.numbers)):
        recorder.numbers[i] = i
        recorder.ready |= 1 << i
    payload = records.pack_faults(faults, recorder, history)
    assert 3000 < len(payload) <= 8192


def test_faults_that_this_firmware_lacks_are_ignored_and_frames_of_another_shape_too():
    faults, recorder, history = faulty()
    payload = records.pack_faults(faults, recorder, history)
    count = payload[0]
    frame_at = 4 + 12 * count
    payload[4] = 250
    payload[frame_at] = 251
    taken = Faults(), Recorder(), History()
    assert records.unpack_faults(bytes(payload), *taken) == TAKEN
    assert sum(taken[0].counts) == sum(faults.counts) - 2
    assert taken[1].ready == 0
    payload[frame_at] = 11
    payload[2:4] = bytes((FIELD_COUNT * 3, FRAME_ROWS // 3))
    taken = Faults(), Recorder(), History()
    assert records.unpack_faults(bytes(payload), *taken) == TAKEN
    assert taken[1].ready == 0 and list(taken[1].numbers) == [-1] * 6


def test_a_short_fault_record_is_refused_whole():
    payload = bytes(records.pack_faults(*faulty()))
    for length in range(len(payload)):
        taken = Faults(), Recorder(), History()
        assert records.unpack_faults(payload[:length], *taken) == REFUSED
        assert taken[0].stored == [0, 0, 0, 0]


def test_a_cleared_fault_loses_its_times():
    faults, _, history = faulty()
    faults.clear()
    assert history.look(faults, 300)
    assert not any(history.first_s) and not any(history.last_s)


def test_row_numbers_follow_ids():
    for word in TABLE:
        for row in word:
            assert row_of(records.row_number(row[0])) == row
    assert records.row_number(10) == -1
