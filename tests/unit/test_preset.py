"""A preset's values over the defaults, and what becomes of those that are not taken."""

import runpy

import pytest

from sim.vehicle import VEHICLES_DIR, vehicle_names
from vcu.charge import command
from vcu.params import OK, OUT_OF_RANGE, TABLE, Params
from vcu.preset import Preset

DEFAULTS = {name: Params().get(name) for _, name, _, _, _, _ in TABLE}


def values_of(params):
    return {name: params.get(name) for name in DEFAULTS}


def test_an_empty_preset_is_the_defaults():
    preset = Preset({})
    assert values_of(preset) == DEFAULTS
    assert preset.refused == []
    assert preset.broken_rules() == []


def test_a_preset_changes_the_values_it_names_and_no_other():
    changes = {"speed_cap_kmh": 56, "cell_count": 30, "charge_max_da": 0}
    preset = Preset(changes)
    assert values_of(preset) == DEFAULTS | changes
    assert preset.broken_rules() == []


@pytest.mark.parametrize("value", [39, 57, -45, True, False, 45.0, 45.5, "45", None])
def test_a_value_that_is_no_whole_number_in_range_is_refused_and_the_default_kept(value):
    preset = Preset({"speed_cap_kmh": value})
    assert preset.refused == ["speed_cap_kmh"]
    assert preset.broken_rules() == ["refused_speed_cap_kmh"]
    assert values_of(preset) == DEFAULTS


def test_a_truth_value_is_refused_even_where_the_number_would_fit():
    assert Preset({"pedal_channels": True}).refused == ["pedal_channels"]
    assert Preset({"regen_max_permille": False}).refused == ["regen_max_permille"]


def test_an_unknown_name_counts_as_a_broken_rule():
    preset = Preset({"speed_cap": 45})
    assert preset.broken_rules() == ["refused_speed_cap"]


def test_a_refused_value_does_not_keep_the_others_from_being_taken():
    preset = Preset({"zzz": 1, "speed_cap_kmh": 45, "aaa": 1, "wheel_force_n": 1000})
    assert preset.refused == ["aaa", "zzz"]
    assert values_of(preset) == DEFAULTS | {"speed_cap_kmh": 45, "wheel_force_n": 1000}


def test_refused_values_are_reported_before_the_broken_cross_field_rules():
    preset = Preset({"speed_cap_kmh": 57, "motor_stop_ddegc": 700, "aaa": 1})
    assert preset.broken_rules() == ["refused_aaa", "refused_speed_cap_kmh", "motor_temp"]


@pytest.mark.parametrize("name", vehicle_names())
def test_a_vehicle_file_is_taken_whole(name):
    parameters = runpy.run_path(str(VEHICLES_DIR / f"{name}.py"))["PARAMETERS"]
    preset = Preset(parameters)
    assert preset.broken_rules() == []
    assert values_of(preset) == DEFAULTS | parameters


def test_a_charger_that_the_board_cannot_command_is_refused_now_and_later():
    values = {"charger_kind": command.SETPOINT, "charger_max_da": 300}
    assert Preset(values).broken_rules() == []
    preset = Preset(values, has_setpoint=False)
    assert preset.broken_rules() == ["refused_charger_kind"]
    assert preset.get("charger_kind") == command.NO_CHARGER
    assert preset.set("charger_kind", command.SETPOINT) == OUT_OF_RANGE
    assert preset.set("charger_kind", command.RELAY) == OK
    assert preset.get("charger_kind") == command.RELAY
