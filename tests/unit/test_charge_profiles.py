"""The profile of each chemistry: its table in itself, and the arithmetic of a pack."""

import pytest

from tests.unit.cars import make_params
from vcu import chemistry
from vcu.charge.profiles import CURRENT_BY_TEMPERATURE, TABLE, Profile
from vcu.chemistry import AGM, FLOODED, GEL, LFP, NMC
from vcu.fixmath import lerp

KINDS = range(len(chemistry.NAMES))
LEAD = (FLOODED, AGM, GEL)
LITHIUM = (LFP, NMC)

each_kind = pytest.mark.parametrize("kind", KINDS, ids=chemistry.NAMES)


def profile(kind, cells=24, capacity_mah=100000):
    return Profile(make_params(chemistry=kind, cell_count=cells, capacity_mah=capacity_mah))


# --- the table


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_a_row_has_a_number_for_each_chemistry_and_a_unit(row):
    name, *values, unit = row
    assert name == name.lower()
    assert len(values) == len(chemistry.NAMES)
    assert all(isinstance(value, int) for value in values)
    assert unit.startswith(("mV", "s", "permille", "0.1 degC", "the same"))


def test_names_are_unique():
    names = [row[0] for row in TABLE]
    assert len(set(names)) == len(names)


@each_kind
def test_the_voltages_of_a_chemistry_stand_in_their_order(kind):
    get = profile(kind).get
    order = ["reject_below", "precharge_below", "restart_below", "absorb", "absorb_most", "hard"]
    values = [get(name) for name in order]
    assert values == sorted(values)
    assert get("restart_below") < get("absorb") < get("hard")
    assert get("restart_below") < get("reject_above") < get("hard")
    assert get("absorb_most") < get("hard")
    assert get("float") < get("absorb")


@pytest.mark.parametrize("kind", LITHIUM)
def test_a_lithium_cell_has_a_soft_limit_between_its_set_point_and_its_hard_one(kind):
    get = profile(kind).get
    assert get("absorb") < get("soft_cell") < get("hard")


@each_kind
def test_a_battery_too_cold_or_too_hot_goes_on_well_inside_its_limits(kind):
    get = profile(kind).get
    assert get("too_cold") + 50 <= get("warm_again") < get("cool_again") <= get("too_hot") - 50


@each_kind
def test_the_current_is_none_at_the_hot_stop_and_rises_nowhere_above_the_cool_one(kind):
    table = CURRENT_BY_TEMPERATURE[kind]
    ddegc = list(table[::2])
    assert ddegc == sorted(set(ddegc))
    get = profile(kind).get
    assert lerp(get("too_hot"), table) == 0
    hot = [lerp(t, table) for t in range(get("cool_again"), get("too_hot") + 1)]
    assert hot == sorted(hot, reverse=True)


@each_kind
def test_only_lead_is_compensated_and_floated_and_only_flooded_equalized(kind):
    get = profile(kind).get
    assert profile(kind).is_lithium is (kind in LITHIUM)
    assert (get("compensation") > 0) is (kind in LEAD)
    assert (get("float") > 0) is (kind in LEAD)
    assert (get("equalize") > 0) is (kind == FLOODED)
    assert (get("retop") > 0) is (kind in LEAD)


@pytest.mark.parametrize("kind", LEAD)
def test_lead_gets_back_more_than_it_gave_and_never_more_than_its_limit(kind):
    get = profile(kind).get
    assert 1000 <= get("return_least") < get("return_most") < get("ah_limit")


@pytest.mark.parametrize("kind", LITHIUM)
def test_lithium_gives_back_what_it_gets(kind):
    assert (profile(kind).get("return_least"), profile(kind).get("return_most")) == (0, 0)


@each_kind
def test_every_phase_with_current_has_a_limit(kind):
    get = profile(kind).get
    for name in ("precharge_limit", "bulk_limit", "absorb_limit", "ah_limit", "bulk_slack"):
        assert get(name) > 0
    assert (get("float_limit") > 0) is (get("float") > 0)
    assert (get("equalize_limit") > 0) is (get("equalize") > 0)
    assert (get("balance_limit") > 0) is (get("balance") > 0)


def test_a_name_that_is_no_row_is_an_error():
    with pytest.raises(KeyError, match="absorbtion"):
        profile(AGM).get("absorbtion")


# --- a pack


@pytest.mark.parametrize("name", ["reject_above", "hard"])
@pytest.mark.parametrize("cells", [24, 30, 36])
def test_a_voltage_of_the_pack_is_that_of_a_cell_times_its_cells(cells, name):
    pack = profile(AGM, cells)
    assert pack.cv(name) == pack.get(name) * cells // 10


@pytest.mark.parametrize("capacity_mah", [10000, 104500, 300000])
def test_a_current_is_a_share_of_the_capacity(capacity_mah):
    pack = profile(FLOODED, capacity_mah=capacity_mah)
    assert pack.ma("bulk") == capacity_mah * pack.get("bulk") // 1000


# Set-points are compensated to the voltages of charging.md 1.3, 36 cells.
@pytest.mark.parametrize(
    ("kind", "cell_mv", "ddegc", "pack_cv"),
    [
        (AGM, 2420, 250, 8712),
        (AGM, 2420, 400, 8496),
        (AGM, 2420, 0, 8928),  # held at 2.48 V
        (FLOODED, 2450, 100, 9090),
        (FLOODED, 2450, 450, 8460),
        (GEL, 2350, -100, 8712),  # held at 2.42 V
        (GEL, 2350, 400, 8244),
        (AGM, 2270, 400, 7956),  # its float
    ],
)
def test_a_set_point_is_compensated(kind, cell_mv, ddegc, pack_cv):
    assert profile(kind, 36).compensated_cv(cell_mv, ddegc) == pack_cv


@pytest.mark.parametrize(("kind", "mv_per_degc"), [(FLOODED, 5), (AGM, 4), (GEL, 4)])
@pytest.mark.parametrize("cells", [24, 30, 36])
def test_the_whole_pack_is_compensated_and_not_one_cell_of_it(kind, mv_per_degc, cells):
    pack = profile(kind, cells)
    float_mv = pack.get("float")
    slope_cv = pack.compensated_cv(float_mv, 450) - pack.compensated_cv(float_mv, 250)
    assert slope_cv == -cells * mv_per_degc * 20 // 10


@each_kind
@pytest.mark.parametrize("name", ["absorb", "float", "equalize"])
def test_a_warmer_battery_never_gets_more(kind, name):
    pack = profile(kind, 36)
    cell_mv = pack.get(name)
    curve = [pack.compensated_cv(cell_mv, ddegc) for ddegc in range(-400, 801)]
    assert curve == sorted(curve, reverse=True)


@pytest.mark.parametrize("kind", LEAD)
def test_the_compensation_holds_its_value_beyond_minus_10_and_50_degc(kind):
    pack = profile(kind, 36)
    float_mv = pack.get("float")
    at = pack.compensated_cv
    assert at(float_mv, -101) == at(float_mv, -100) > at(float_mv, -90)
    assert at(float_mv, 501) == at(float_mv, 500) < at(float_mv, 490)


@each_kind
def test_an_absorption_is_never_held_above_its_most(kind):
    pack = profile(kind, 36)
    for ddegc in range(-400, 801, 10):
        assert pack.compensated_cv(pack.get("absorb"), ddegc) <= pack.cv("absorb_most")


@pytest.mark.parametrize("kind", LITHIUM)
def test_lithium_has_one_voltage_at_every_temperature(kind):
    pack = profile(kind, 20)
    assert {pack.compensated_cv(pack.get("absorb"), t) for t in range(-400, 801)} == {
        pack.cv("absorb")
    }


def test_an_equalization_is_compensated_from_its_own_voltage():
    pack = profile(FLOODED, 36)
    cell_mv = pack.get("equalize")
    assert pack.compensated_cv(cell_mv, 250) == cell_mv * 36 // 10
    assert pack.compensated_cv(cell_mv, 150) == (cell_mv + 50) * 36 // 10


# --- current by temperature


@pytest.mark.parametrize(
    ("ddegc", "permille"),
    [
        (-10, 0), (0, 0), (10, 50), (20, 100), (50, 100), (75, 150), (125, 350), (250, 500),
        (475, 300), (525, 50), (550, 0),
    ],
)  # fmt: skip
def test_lfp_takes_the_current_that_its_temperature_allows(ddegc, permille):
    assert lerp(ddegc, CURRENT_BY_TEMPERATURE[LFP]) == permille


@pytest.mark.parametrize(("ddegc", "permille"), [(0, 0), (20, 100), (250, 500), (500, 0)])
def test_nmc_takes_nothing_from_50_degc_on(ddegc, permille):
    assert lerp(ddegc, CURRENT_BY_TEMPERATURE[NMC]) == permille


@pytest.mark.parametrize(("kind", "from_ddegc"), [(FLOODED, 400), (AGM, 450), (GEL, 450)])
def test_lead_tapers_to_nothing_at_50_degc(kind, from_ddegc):
    table = CURRENT_BY_TEMPERATURE[kind]
    bulk = profile(kind).get("bulk")
    assert lerp(from_ddegc, table) == lerp(-200, table) == bulk
    assert lerp((from_ddegc + 500) // 2, table) == bulk // 2
    assert lerp(499, table) > 0 == lerp(500, table)
