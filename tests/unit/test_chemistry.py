"""The chemistry tables: well formed, within the integers, and true to their sources."""

from itertools import pairwise

import pytest

from vcu import chemistry
from vcu.chemistry import AGM, FLOODED, GEL, LFP, NMC
from vcu.fixmath import lerp

KINDS = (FLOODED, AGM, GEL, LFP, NMC)
LEAD = (FLOODED, AGM, GEL)
LITHIUM = (LFP, NMC)
CURVES = (
    "OCV",
    "LOW_VOLTAGE",
    "HIGH_VOLTAGE",
    "SOC_CHARGE",
    "CHARGE_TEMP",
    "DISCHARGE_TEMP",
    "PEUKERT",
    "USABLE_CAPACITY",
)
NUMBERS = ("CELL_MAX_MV", "FLOOR_MV", "OCV_REST_S", "OCV_TRUSTED_BELOW_MV")

# mV per cell at 10, 30, 50, 70, 90, 100 %, Trojan's figures for a rested flooded cell.
TROJAN = ((1918, 100), (1969, 300), (2017, 500), (2062, 700), (2103, 900), (2122, 1000))

each_kind = pytest.mark.parametrize("kind", KINDS, ids=chemistry.NAMES)
each_curve = pytest.mark.parametrize("curve", CURVES)


def xs(table):
    return table[::2]


def ys(table):
    return table[1::2]


def is_rising(values):
    return all(a < b for a, b in pairwise(values))


def test_each_chemistry_has_its_number_and_its_name():
    assert [chemistry.NAMES[kind] for kind in KINDS] == ["flooded", "agm", "gel", "lfp", "nmc"]


@pytest.mark.parametrize("table", CURVES + NUMBERS)
def test_every_table_has_a_row_for_each_chemistry(table):
    assert len(getattr(chemistry, table)) == len(chemistry.NAMES)


@each_curve
@each_kind
def test_a_curve_is_pairs_with_rising_x_and_small_products(curve, kind):
    table = getattr(chemistry, curve)[kind]
    assert len(table) % 2 == 0
    assert is_rising(xs(table))
    points = list(zip(xs(table), ys(table), strict=True))
    for (x0, y0), (x1, y1) in pairwise(points):
        assert (x1 - x0) * abs(y1 - y0) < 2**30


@each_kind
@pytest.mark.parametrize("curve", [curve for curve in CURVES if curve != "PEUKERT"])
def test_a_share_never_leaves_0_to_1000_permille(curve, kind):
    assert all(0 <= y <= 1000 for y in ys(getattr(chemistry, curve)[kind]))


@each_kind
def test_the_open_circuit_curve_rises_from_empty_to_full(kind):
    states = ys(chemistry.OCV[kind])
    assert is_rising(states)
    assert (states[0], states[-1]) == (0, 1000)


@pytest.mark.parametrize(("cell_mv", "soc_permille"), TROJAN)
def test_the_flooded_curve_has_trojans_points(cell_mv, soc_permille):
    assert lerp(cell_mv, chemistry.OCV[FLOODED]) == soc_permille


@each_kind
def test_an_empty_cell_gives_no_current_and_a_healthy_one_all(kind):
    low = chemistry.LOW_VOLTAGE[kind]
    assert is_rising(ys(low))
    assert lerp(low[0] - 1, low) == 0
    assert lerp(low[-2], low) == 1000


@each_kind
def test_driving_holds_the_cell_above_its_floor_below_the_empty_curve(kind):
    assert chemistry.FLOOR_MV[kind] < chemistry.LOW_VOLTAGE[kind][0]


@each_kind
def test_a_full_cell_takes_no_regeneration(kind):
    high = chemistry.HIGH_VOLTAGE[kind]
    assert is_rising([-y for y in ys(high)])
    assert (high[1], high[-1]) == (1000, 0)
    by_charge = chemistry.SOC_CHARGE[kind]
    assert lerp(1000, by_charge) == 0
    assert lerp(by_charge[-2] - 1, by_charge) > 0
    assert lerp(700, by_charge) == 1000


@each_kind
def test_the_divider_reaches_beyond_what_regeneration_and_rest_can_show(kind):
    assert chemistry.CELL_MAX_MV[kind] > chemistry.HIGH_VOLTAGE[kind][-2]
    assert chemistry.CELL_MAX_MV[kind] > chemistry.OCV[kind][-2]


@pytest.mark.parametrize("kind", LITHIUM)
def test_lithium_takes_no_charge_at_0_degc_and_a_little_just_above(kind):
    curve = chemistry.CHARGE_TEMP[kind]
    assert [lerp(ddegc, curve) for ddegc in (-300, -1, 0)] == [0, 0, 0]
    assert 0 < lerp(1, curve) <= 20


@pytest.mark.parametrize("kind", LEAD)
def test_lead_takes_its_whole_charge_from_0_to_40_degc(kind):
    curve = chemistry.CHARGE_TEMP[kind]
    assert [lerp(ddegc, curve) for ddegc in (0, 400)] == [1000, 1000]
    assert lerp(-1, curve) < 1000
    assert lerp(401, curve) < 1000


@each_kind
def test_a_battery_too_hot_is_neither_charged_nor_discharged(kind):
    assert lerp(551, chemistry.CHARGE_TEMP[kind]) == 0
    assert lerp(600, chemistry.DISCHARGE_TEMP[kind]) == 0
    assert lerp(599, chemistry.DISCHARGE_TEMP[kind]) > 0
    assert lerp(500, chemistry.DISCHARGE_TEMP[kind]) == 1000
    assert lerp(501, chemistry.DISCHARGE_TEMP[kind]) < 1000


@each_kind
def test_cold_takes_discharge_current_and_capacity_but_never_gives_any(kind):
    for curve in (chemistry.DISCHARGE_TEMP[kind], chemistry.USABLE_CAPACITY[kind]):
        shares = [lerp(ddegc, curve) for ddegc in range(-400, 251)]
        assert shares == sorted(shares)
        assert shares[0] < shares[-1] == 1000


@pytest.mark.parametrize(("kind", "exponent"), [(FLOODED, 1.20), (AGM, 1.10), (GEL, 1.15)])
def test_lead_counts_a_fast_ampere_hour_by_peukerts_weight(kind, exponent):
    table = chemistry.PEUKERT[kind]
    assert table[:2] == (50, 1000)  # C/20, the rate of the name plate
    for rate_permille, weight_permille in zip(xs(table), ys(table), strict=True):
        exact = 1000 * (rate_permille * 20 / 1000) ** (exponent - 1)
        assert weight_permille == pytest.approx(exact, abs=0.6)


@pytest.mark.parametrize("kind", LITHIUM)
def test_lithium_counts_every_ampere_hour_as_one(kind):
    assert [lerp(rate, chemistry.PEUKERT[kind]) for rate in (0, 50, 3000)] == [1000] * 3


def test_only_lfp_is_too_flat_to_be_read_by_voltage():
    for kind in KINDS:
        full_mv = chemistry.OCV[kind][-2]
        assert (chemistry.OCV_TRUSTED_BELOW_MV[kind] > full_mv) == (kind != LFP)
    # Above the trusted voltage 10 mV is more than a tenth of the pack.
    assert lerp(3270, chemistry.OCV[LFP]) - lerp(3260, chemistry.OCV[LFP]) > 100


@each_kind
def test_lead_rests_six_hours_before_its_voltage_says_anything_and_lithium_half_an_hour(kind):
    assert chemistry.OCV_REST_S[kind] == (6 * 3600 if kind in LEAD else 1800)
