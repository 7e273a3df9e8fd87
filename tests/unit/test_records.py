"""Records: what goes in comes out, whole or not at all, also from older and newer firmware."""

import struct

import pytest

from service import records
from service.records import OTHER_PRESET, REFUSED, TAKEN, Counters
from tests.unit.cars import make_scaling
from vcu.loop import Loop
from vcu.params import TABLE as PARAMETERS
from vcu.params import Params
from vcu.preset import Preset

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
