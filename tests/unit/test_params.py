"""The parameter table itself, what it refuses, and each cross-field rule on its own."""

import re

import pytest

from sim.vehicle import load_vehicle, vehicle_names
from vcu import chemistry
from vcu.params import OK, OUT_OF_RANGE, RULES, TABLE, UNKNOWN, Params

# What ids stored on a car mean, for ever: rows may join, none may change or leave.
PUBLISHED_IDS = {
    1: "speed_cap_kmh",
    2: "reverse_cap_kmh",
    3: "reverse_torque_permille",
    4: "wheel_circumference_mm",
    5: "pulses_per_turn",
    6: "wheel_force_n",
    7: "motor_lag_ms",
    8: "laden_mass_kg",
    10: "pedal_channels",
    11: "pedal_a_released_counts",
    12: "pedal_a_pressed_counts",
    13: "pedal_b_released_counts",
    14: "pedal_b_pressed_counts",
    15: "pedal_slack_counts",
    16: "pedal_deadband_permille",
    17: "pedal_curve_permille",
    20: "torque_rise_permille_s",
    21: "torque_fall_permille_s",
    22: "regen_max_permille",
    23: "coast_regen_permille",
    24: "throttle_zero_mv",
    25: "throttle_start_mv",
    26: "throttle_full_mv",
    30: "chemistry",
    31: "cell_count",
    32: "capacity_mah",
    33: "discharge_max_da",
    34: "charge_max_da",
    35: "pack_resistance_mohm",
    36: "pack_a_zero_counts",
    37: "soc_derate_permille",
    38: "soc_turtle_permille",
    39: "turtle_torque_permille",
    40: "motor_hot_ddegc",
    41: "motor_stop_ddegc",
    42: "controller_hot_ddegc",
    43: "controller_stop_ddegc",
    44: "consumption_wh_km",
    50: "precharge_diff_cv",
    51: "precharge_timeout_ms",
    52: "precharge_tries",
    53: "precharge_cooldown_ms",
    54: "weld_check_ms",
    55: "contactor_open_da",
    60: "learner_on",
    61: "learner_cap_kmh",
    62: "learner_rise_permille_s",
    63: "walk_cap_kmh",
    64: "stab_ms",
    65: "stab_below_kmh",
    66: "braked_pedal_permille",
    67: "rolling_warn_kmh",
    68: "crawl_cap_kmh",
    69: "crawl_torque_permille",
    70: "crawl_power_w",
    71: "stall_power_w",
    72: "motor_pulses_per_turn",
    73: "idle_power_w",
    80: "charger_kind",
    81: "charger_max_da",
    82: "charger_full_cv",
    83: "mains_v",
    84: "mains_max_da",
    85: "bms_kind",
}

SUFFIX_UNITS = {
    "_kmh": "km/h",
    "_permille": "permille",
    "_permille_s": "permille/s",
    "_mm": "mm",
    "_n": "N",
    "_kg": "kg",
    "_ms": "ms",
    "_counts": "counts",
    "_mv": "mV",
    "_cv": "0.01 V",
    "_da": "0.1 A",
    "_mah": "mAh",
    "_mohm": "mOhm",
    "_ddegc": "0.1 degC",
    "_wh_km": "Wh/km",
    "_w": "W",
    "_v": "V",
}
NO_SUFFIX = (
    "pulses_per_turn",
    "motor_pulses_per_turn",
    "pedal_channels",
    "chemistry",
    "cell_count",
    "precharge_tries",
    "learner_on",
    "charger_kind",
    "bms_kind",
)

A_RELEASED, A_PRESSED = "pedal_a_released_counts", "pedal_a_pressed_counts"
B_RELEASED, B_PRESSED = "pedal_b_released_counts", "pedal_b_pressed_counts"

# One count apart, rule by rule: the first values hold, the second break this rule alone.
# fmt: off
EDGES = [
    ("pedal_a_span", {A_RELEASED: 468, A_PRESSED: 668}, {A_RELEASED: 468, A_PRESSED: 667}),
    ("pedal_a_span", {A_RELEASED: 668, A_PRESSED: 468}, {A_RELEASED: 667, A_PRESSED: 468}),
    ("pedal_a_span", {A_RELEASED: 468, A_PRESSED: 668, "pedal_channels": 1},
                     {A_RELEASED: 468, A_PRESSED: 468, "pedal_channels": 1}),
    ("pedal_b_span", {B_RELEASED: 234, B_PRESSED: 434}, {B_RELEASED: 234, B_PRESSED: 433}),
    ("pedal_b_span", {B_RELEASED: 434, B_PRESSED: 234}, {B_RELEASED: 433, B_PRESSED: 234}),
    ("pedal_b_span", {B_RELEASED: 234, B_PRESSED: 234, "pedal_channels": 1},
                     {B_RELEASED: 234, B_PRESSED: 234}),
    ("pedal_slopes", {B_RELEASED: 234, B_PRESSED: 234 + 1842 - 150},
                     {B_RELEASED: 234, B_PRESSED: 234 + 1842 - 149}),
    ("pedal_slopes", {B_RELEASED: 234, B_PRESSED: 234 + 1842 + 150},
                     {B_RELEASED: 234, B_PRESSED: 234 + 1842 + 149}),
    ("pedal_slopes", {B_RELEASED: 234, B_PRESSED: 234 + 1842, "pedal_channels": 1},
                     {B_RELEASED: 234, B_PRESSED: 234 + 1842}),
    ("pedal_slopes", {B_RELEASED: 2310, B_PRESSED: 468}, {B_RELEASED: 468, B_PRESSED: 2310}),
    ("throttle_order", {"throttle_zero_mv": 1099}, {"throttle_zero_mv": 1100}),
    ("throttle_order", {"throttle_start_mv": 1999, "throttle_full_mv": 2000},
                       {"throttle_start_mv": 2000, "throttle_full_mv": 2000}),
    ("regen_charge", {"regen_max_permille": 1, "charge_max_da": 1},
                     {"regen_max_permille": 1, "charge_max_da": 0}),
    ("regen_charge", {"regen_max_permille": 0, "charge_max_da": 0},
                     {"regen_max_permille": 1000, "charge_max_da": 0}),
    ("coast_regen", {"regen_max_permille": 80, "coast_regen_permille": 80},
                    {"regen_max_permille": 80, "coast_regen_permille": 81}),
    ("soc_order", {"soc_turtle_permille": 199, "soc_derate_permille": 200},
                  {"soc_turtle_permille": 200, "soc_derate_permille": 200}),
    ("motor_temp", {"motor_hot_ddegc": 1100, "motor_stop_ddegc": 1101},
                   {"motor_hot_ddegc": 1100, "motor_stop_ddegc": 1100}),
    ("controller_temp", {"controller_hot_ddegc": 700, "controller_stop_ddegc": 701},
                        {"controller_hot_ddegc": 700, "controller_stop_ddegc": 700}),
    # The pack divider ends at 100 V; the cell voltages are those of a full charge.
    ("pack_range", {"chemistry": chemistry.FLOODED, "cell_count": 37},
                   {"chemistry": chemistry.FLOODED, "cell_count": 38}),
    ("pack_range", {"chemistry": chemistry.AGM, "cell_count": 39},
                   {"chemistry": chemistry.AGM, "cell_count": 40}),
    ("pack_range", {"chemistry": chemistry.GEL, "cell_count": 40},
                   {"chemistry": chemistry.LFP, "cell_count": 40}),
    ("pack_range", {"chemistry": chemistry.LFP, "cell_count": 27},
                   {"chemistry": chemistry.LFP, "cell_count": 28}),
    ("pack_range", {"chemistry": chemistry.NMC, "cell_count": 23},
                   {"chemistry": chemistry.NMC, "cell_count": 24}),
]
# fmt: on


def params_with(values):
    params = Params()
    for name, value in values.items():
        assert params.set(name, value) == OK
    return params


NAMES = [name for _, name, _, _, _, _ in TABLE]
DEFAULTS = {name: default for _, name, _, _, _, default in TABLE}

each_row = pytest.mark.parametrize(
    ("number", "name", "unit", "low", "high", "default"), TABLE, ids=NAMES
)
each_name = pytest.mark.parametrize(
    ("name", "low", "high"), [(name, low, high) for _, name, _, low, high, _ in TABLE], ids=NAMES
)


def values_of(params):
    return {name: params.get(name) for name in NAMES}


def test_ids_and_names_are_unique():
    numbers = [number for number, _, _, _, _, _ in TABLE]
    assert len(set(numbers)) == len(set(NAMES)) == len(TABLE)


def test_a_published_id_keeps_its_name():
    now = {number: name for number, name, _, _, _, _ in TABLE}
    assert {number: now.get(number) for number in PUBLISHED_IDS} == PUBLISHED_IDS


@each_row
def test_a_row_has_an_id_a_unit_and_a_default_within_its_range(
    number, name, unit, low, high, default
):
    assert number > 0
    assert -(2**30) < low <= default <= high < 2**30
    assert low < high
    if name in NO_SUFFIX:
        assert unit in ("1", "enum")
    else:
        suffix = re.search("_(permille_s|wh_km|[a-z]+)$", name).group()
        assert unit == SUFFIX_UNITS[suffix]


def test_new_parameters_hold_the_defaults():
    assert values_of(Params()) == DEFAULTS


@each_name
def test_both_ends_of_a_range_are_taken_and_no_other_value_changes(name, low, high):
    for value in (low, high):
        assert values_of(params_with({name: value})) == DEFAULTS | {name: value}


@each_name
def test_one_outside_a_range_is_refused_and_the_old_value_kept(name, low, high):
    params = params_with({name: high})
    assert params.set(name, low - 1) == OUT_OF_RANGE
    assert params.set(name, high + 1) == OUT_OF_RANGE
    assert params.get(name) == high


def test_a_name_that_is_no_row_is_unknown():
    params = Params()
    assert params.set("speed_cap", 45) == UNKNOWN
    with pytest.raises(KeyError, match="speed_cap"):
        params.get("speed_cap")


def test_the_three_answers_of_set_differ():
    assert len({OK, UNKNOWN, OUT_OF_RANGE}) == 3


def test_two_cars_do_not_share_their_values():
    params_with({"speed_cap_kmh": 56})
    assert Params().get("speed_cap_kmh") == 40


def test_the_speed_cap_is_accepted_from_40_to_56_and_refused_outside():
    accepted = [cap for cap in range(120) if Params().set("speed_cap_kmh", cap) == OK]
    assert accepted == list(range(40, 57))


def test_the_chemistry_is_any_that_the_tables_know():
    known = [kind for kind in range(-3, 20) if Params().set("chemistry", kind) == OK]
    assert known == list(range(len(chemistry.NAMES)))


def test_the_defaults_break_no_rule():
    assert Params().broken_rules() == []


@pytest.mark.parametrize(("slug", "holds", "breaks"), EDGES)
def test_a_rule_breaks_one_count_beyond_its_edge_and_alone(slug, holds, breaks):
    assert params_with(holds).broken_rules() == []
    assert params_with(breaks).broken_rules() == [slug]


def test_every_rule_has_been_broken_on_its_own():
    slugs = [slug for slug, _ in RULES]
    assert len(set(slugs)) == len(slugs)
    assert {slug for slug, _, _ in EDGES} == set(slugs)


def test_equal_pedal_end_points_are_refused():
    assert params_with({A_PRESSED: 468}).broken_rules() == ["pedal_a_span"]
    assert params_with({B_PRESSED: 234}).broken_rules() == ["pedal_b_span"]


def test_all_broken_rules_are_reported_in_the_order_of_the_table():
    params = params_with({"motor_stop_ddegc": 700, A_PRESSED: 468, "soc_turtle_permille": 300})
    assert params.broken_rules() == ["pedal_a_span", "soc_order", "motor_temp"]


def test_there_is_a_preset_for_each_of_the_three_legal_caps():
    caps = {load_vehicle(name).values["speed_cap_kmh"] for name in vehicle_names()}
    assert caps >= {40, 45, 56}


@pytest.mark.parametrize("name", vehicle_names())
def test_a_vehicle_preset_loads_and_breaks_no_rule(name):
    values = load_vehicle(name).values
    assert set(values) == set(NAMES)
    assert params_with(values).broken_rules() == []


def test_the_driver_protection_has_the_defaults_that_its_rules_name():
    assert {
        "learner_on": 0,
        "walk_cap_kmh": 6,
        "stab_ms": 250,
        "stab_below_kmh": 6,
        "braked_pedal_permille": 800,
        "rolling_warn_kmh": 3,
        "crawl_cap_kmh": 10,
    }.items() <= DEFAULTS.items()


def test_a_learners_cap_begins_at_10_kmh_and_no_crawl_is_faster_than_10():
    ranges = {name: (low, high) for _, name, _, low, high, _ in TABLE}
    assert ranges["learner_cap_kmh"][0] == 10
    assert ranges["crawl_cap_kmh"][1] == 10


def test_torque_is_released_within_100_ms_whatever_is_set():
    # The guard gives torque that long to follow the pedal down.
    ranges = {name: (low, high) for _, name, _, low, high, _ in TABLE}
    assert ranges["torque_fall_permille_s"][0] >= 10000


def test_one_set_takes_another_whole_and_they_differ_where_it_changed():
    one, two = Params(), Params()
    two.set("walk_cap_kmh", 5)
    rows = one.differing(two)
    assert [TABLE[i][1] for i in rows] == ["walk_cap_kmh"]
    assert (one.at(rows[0]), two.at(rows[0])) == (6, 5)
    one.take(two)
    assert one.values() == two.values() and one.differing(two) == []
    two.put(rows[0], 6)
    assert two.get("walk_cap_kmh") == 6 and one.get("walk_cap_kmh") == 5
