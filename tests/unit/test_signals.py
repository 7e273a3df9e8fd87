"""The records: what they say before anything was read is the careful answer."""

import pytest

from vcu import signals
from vcu.signals import SLOW_NAMES, SLOW_ORDER, UNKNOWN_DDEGC, Outputs, Raw, Signals


def test_every_output_is_off_before_the_first_tick():
    values = vars(Outputs())
    assert len(values) == 16
    assert set(values.values()) == {0}


def test_inputs_not_yet_read_say_plugged_in_braked_key_off_and_in_neutral():
    raw = Raw()
    assert (raw.plug_in, raw.brake_on) == (1, 1)
    assert (raw.key_on, raw.gear_forward_on, raw.gear_reverse_on) == (0, 0, 0)


def test_inputs_not_yet_read_have_neither_stamp_nor_early_sample():
    raw = Raw()
    assert (raw.edge_age_us, raw.early_age_us) == (-1, -1)
    assert (raw.pulses_counts, raw.edge_pulses_counts, raw.early_pulses_counts) == (0, 0, 0)


def test_nothing_is_valid_before_it_was_read():
    sig = Signals()
    flags = [name for name in vars(sig) if name.endswith("_valid")]
    assert len(flags) == 5
    assert not any(getattr(sig, name) for name in flags)
    assert (sig.slow_seen, sig.pedal_released, sig.pedal_permille) == (0, 0, 0)


def test_a_temperature_not_yet_read_is_unknown_and_colder_than_any_place_on_earth():
    sig = Signals()
    assert sig.battery_ddegc == sig.motor_ddegc == sig.controller_ddegc == UNKNOWN_DDEGC
    assert UNKNOWN_DDEGC < -900


def test_the_speed_is_believed_until_something_speaks_against_it():
    assert Signals().speed_trusted == 1


def test_the_enable_line_is_low_until_it_was_read():
    assert Raw().enable_readback == 0


@pytest.mark.parametrize("index", range(len(SLOW_NAMES)), ids=SLOW_NAMES)
def test_every_slow_channel_is_read_at_its_own_even_pace(index):
    every = {signals.SLOW_THROTTLE_READBACK: 4, signals.SLOW_SENSOR_5V: 4}
    # Nothing that acts fast hangs on these two.
    every |= {signals.SLOW_RAIL_12V: 24, signals.SLOW_BMS_CONTACTS: 24}
    ticks = every.get(index, 12)
    round_ticks = len(SLOW_ORDER)
    places = [place for place, name in enumerate(SLOW_ORDER) if name == index]
    assert places == list(range(places[0], round_ticks, ticks))
    assert len(places) * ticks == round_ticks == 24


def test_before_its_wire_was_read_a_bms_permits_nothing():
    assert Signals().bms_bits == -1


@pytest.mark.parametrize("name", SLOW_NAMES)
def test_each_slow_channel_has_its_name_at_its_index(name):
    const_of = {"battery_temp": "BATTERY_TEMP", "motor_temp": "MOTOR_TEMP"}
    const = "SLOW_" + const_of.get(name, name.upper())
    assert SLOW_NAMES[getattr(signals, const)] == name
