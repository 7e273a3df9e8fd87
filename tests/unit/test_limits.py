"""Limits: every limiter's name, and what pack and parts allow at each edge."""

import pytest

from tests.unit.cars import drawing, make_params, moving
from vcu import limits
from vcu.ceilings import Ceiling
from vcu.chemistry import AGM, FLOODED, GEL, LFP, NMC
from vcu.limits import (
    BMS,
    CRAWL,
    LIMITER_NAMES,
    MOTOR_TEMP,
    NONE,
    PACK_CURRENT,
    PACK_LOW_VOLTAGE,
    REVERSE_TORQUE,
    STATE_OF_CHARGE,
    Allowances,
    Derating,
)
from vcu.pack import Pack
from vcu.signals import Signals

# --- names


def test_every_limiter_has_its_name_at_its_number():
    for number, name in enumerate(LIMITER_NAMES):
        assert getattr(limits, name.upper()) == number


def test_what_speed_or_current_moves_is_no_limiter_by_which_a_car_could_be_learnt():
    moved = {name for i, name in enumerate(LIMITER_NAMES) if limits.ANSWERS_THE_ROAD >> i & 1}
    by_speed = {"speed_cap", "learner", "walk", "crawl"}
    assert moved == by_speed | {"pack_low_voltage", "pack_current", "regen_charge"}


# --- what pack and parts allow


def allowances(chemistry=FLOODED, **values):
    values.setdefault("cell_count", 20)
    values.setdefault("discharge_max_da", 1000)
    return Allowances(make_params(chemistry=chemistry, **values), moving())


def cells_at(cell_mv, count=20):
    """Signals of a pack of count cells with cell_mv each when the sag is added back."""
    sig = Signals()
    sig.pack_valid = 1
    sig.pack_rest_cv = cell_mv * count // 10
    sig.pack_cv = sig.pack_rest_cv
    sig.soc_permille = 500
    sig.battery_ddegc = 250
    sig.battery_temp_valid = 1
    return sig


def discharge_allowed(sig, resistance_mohm=5, **kwargs):
    parts = allowances(**kwargs)
    parts.update_voltage(sig, resistance_mohm)
    return parts.low_voltage.limit_da


@pytest.mark.parametrize(
    ("chemistry", "cell_mv", "answer"),
    [
        (FLOODED, 1699, 0),
        (FLOODED, 1700, 0),
        (FLOODED, 1701, 2),
        (FLOODED, 1800, 300),
        (FLOODED, 1850, 600),
        (FLOODED, 1899, 992),
        (FLOODED, 1900, 4000),  # no limit by the curve
        (AGM, 1750, 100),
        (GEL, 1750, 100),
        (LFP, 2800, 0),
        (LFP, 2801, 0),
        (LFP, 3100, 250),
        (LFP, 3189, 992),
        (LFP, 3190, 4000),
        (NMC, 3000, 0),
        (NMC, 3200, 250),
        (NMC, 3399, 996),
        (NMC, 3400, 4000),
    ],
)
def test_a_low_cell_lowers_the_discharge_current_along_the_curve(chemistry, cell_mv, answer):
    assert discharge_allowed(cells_at(cell_mv), chemistry=chemistry) == answer


def test_the_curve_is_a_share_of_the_parameter():
    assert discharge_allowed(cells_at(1899), discharge_max_da=3000) == 2976


@pytest.mark.parametrize(
    ("chemistry", "floor_mv"),
    [(FLOODED, 1650), (AGM, 1650), (GEL, 1650), (LFP, 2500), (NMC, 2800)],
)
def test_the_floor_allows_the_current_that_would_just_pull_the_pack_down_to_it(
    chemistry, floor_mv
):
    top_mv = {LFP: 3300, NMC: 3700}.get(chemistry, 2100)
    sig = cells_at(top_mv)
    above_cv = (top_mv - floor_mv) * 20 // 10
    assert discharge_allowed(sig, 500, chemistry=chemistry) == above_cv * 100 // 500
    assert discharge_allowed(sig, 200, chemistry=chemistry) == above_cv * 100 // 200


def test_the_lower_of_curve_and_floor_counts():
    sig = cells_at(1850)  # 4 V above the floor, 600 by the curve
    assert discharge_allowed(sig, 66) == 600
    assert discharge_allowed(sig, 67) == 597


def test_below_the_floor_nothing_may_be_drawn():
    assert discharge_allowed(cells_at(2400), chemistry=LFP) == 0
    assert discharge_allowed(cells_at(1600)) == 0


def test_a_pack_that_cannot_be_read_may_not_be_discharged():
    sig = cells_at(2100)
    sig.pack_valid = 0
    assert discharge_allowed(sig) == 0


def test_the_sag_of_the_present_current_is_no_low_voltage():
    pack = Pack(make_params(cell_count=20, pack_resistance_mohm=60))
    sig = cells_at(1750)
    sig.pack_da = 500  # 50 A over 60 mOhm: 3 V of sag, 150 mV a cell
    for _ in range(300):
        pack.step(sig)
    assert 3799 <= sig.pack_rest_cv <= 3500 + 300
    assert discharge_allowed(sig, 60) == (sig.pack_rest_cv - 3300) * 100 // 60
    sig.pack_da = 0
    for _ in range(300):
        pack.step(sig)
    assert discharge_allowed(sig) == 100


def test_low_voltage_scales_the_torque_to_the_allowed_current():
    parts = allowances()
    sig = cells_at(1850)
    parts.update_voltage(sig, 5)
    sig.pack_da = 1200
    parts.low_voltage.step(sig)
    assert parts.low_voltage.permille == 500
    assert parts.low_voltage.name == PACK_LOW_VOLTAGE


def test_the_pack_current_limit_is_the_parameter():
    parts = allowances(discharge_max_da=700)
    assert (parts.current.limit_da, parts.current.name) == (700, PACK_CURRENT)
    assert parts.low_voltage.limit_da == 700


TEMPERATURES = [
    # part, chemistry, 0.1 degC, permille
    ("battery", FLOODED, -301, 300),
    ("battery", FLOODED, -101, 996),
    ("battery", FLOODED, -100, 1000),
    ("battery", FLOODED, 500, 1000),
    ("battery", FLOODED, 501, 990),
    ("battery", FLOODED, 550, 500),
    ("battery", FLOODED, 599, 10),
    ("battery", FLOODED, 600, 0),
    ("battery", AGM, -250, 450),
    ("battery", GEL, -250, 450),
    ("battery", LFP, -250, 0),
    ("battery", LFP, -249, 6),
    ("battery", LFP, -1, 997),
    ("battery", LFP, 0, 1000),
    ("battery", NMC, -100, 700),
    ("battery", NMC, 600, 0),
    ("motor", FLOODED, 1099, 1000),
    ("motor", FLOODED, 1100, 1000),
    ("motor", FLOODED, 1101, 997),
    ("motor", FLOODED, 1250, 500),
    ("motor", FLOODED, 1399, 3),
    ("motor", FLOODED, 1400, 0),
    ("motor", FLOODED, 1401, 0),
    ("controller", FLOODED, 700, 1000),
    ("controller", FLOODED, 701, 993),
    ("controller", FLOODED, 775, 500),
    ("controller", FLOODED, 849, 7),
    ("controller", FLOODED, 850, 0),
]


@pytest.mark.parametrize(("part", "chemistry", "ddegc", "answer"), TEMPERATURES)
def test_heat_and_cold_lower_the_torque(part, chemistry, ddegc, answer):
    parts = allowances(chemistry=chemistry)
    sig = Signals()
    setattr(sig, part + "_ddegc", ddegc)
    setattr(sig, part + "_temp_valid", 1)
    parts.update_battery(sig)
    parts.update_drive(sig)
    assert getattr(parts, part).permille == answer


@pytest.mark.parametrize("part", ["battery", "motor", "controller"])
def test_a_broken_temperature_sensor_is_half_torque_and_leaves_the_other_parts_alone(part):
    parts = allowances()
    sig = Signals()
    for name in ("battery", "motor", "controller"):
        setattr(sig, name + "_ddegc", 250)
        setattr(sig, name + "_temp_valid", 1)
    setattr(sig, part + "_temp_valid", 0)
    parts.update_battery(sig)
    parts.update_drive(sig)
    answers = {name: getattr(parts, name).permille for name in ("battery", "motor", "controller")}
    assert answers.pop(part) == 500
    assert set(answers.values()) == {1000}
    setattr(sig, part + "_temp_valid", 1)
    parts.update_battery(sig)
    parts.update_drive(sig)
    assert getattr(parts, part).permille == 1000


def test_each_ceiling_has_the_name_of_its_cause():
    parts = allowances()
    named = (parts.reverse, parts.battery, parts.motor, parts.controller, parts.soc)
    assert [LIMITER_NAMES[limiter.name] for limiter in named] == [
        "reverse_torque", "battery_temp", "motor_temp", "controller_temp", "state_of_charge",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("soc", "answer"),
    [
        (0, 400),
        (99, 400),
        (100, 400),
        (101, 406),
        (150, 700),
        (199, 994),
        (200, 1000),
        (900, 1000),
    ],
)
def test_a_low_state_of_charge_lowers_the_torque_down_to_the_turtle(soc, answer):
    parts = allowances()
    sig = cells_at(2000)
    sig.soc_permille = soc
    parts.update_battery(sig)
    assert parts.soc.permille == answer


def test_a_low_state_of_charge_counts_even_while_the_pack_cannot_be_read():
    parts = allowances()
    parts.update_battery(Signals())
    assert parts.soc.permille == 400


def charge_allowed(sig, **kwargs):
    parts = allowances(charge_max_da=1000, **kwargs)
    parts.update_charge(sig)
    return parts.regen.limit_da


@pytest.mark.parametrize(
    ("chemistry", "cell_mv", "answer"),
    [
        (FLOODED, 2350, 1000),
        (FLOODED, 2355, 964),
        (FLOODED, 2420, 500),
        (FLOODED, 2495, 31),
        (FLOODED, 2500, 0),
        (FLOODED, 2600, 0),
        (AGM, 2350, 1000),
        (AGM, 2500, 0),
        (GEL, 2300, 1000),
        (GEL, 2415, 36),
        (GEL, 2420, 0),
        (LFP, 3400, 1000),
        (LFP, 3575, 19),
        (LFP, 3580, 0),
        (NMC, 4050, 1000),
        (NMC, 4175, 25),
        (NMC, 4180, 0),
    ],
)
def test_over_voltage_lowers_regeneration_to_nothing(chemistry, cell_mv, answer):
    assert charge_allowed(cells_at(cell_mv), chemistry=chemistry) == answer


def test_over_voltage_is_the_voltage_now_and_not_what_it_would_be_at_rest():
    sig = cells_at(3300)
    sig.pack_cv = 3580 * 2
    assert charge_allowed(sig, chemistry=LFP) == 0


@pytest.mark.parametrize(
    ("chemistry", "soc", "answer"),
    [
        (FLOODED, 800, 1000),
        (FLOODED, 801, 993),
        (AGM, 900, 300),
        (GEL, 969, 4),
        (FLOODED, 970, 0),
        (LFP, 900, 1000),
        (LFP, 901, 990),
        (LFP, 989, 12),
        (LFP, 990, 0),
        (NMC, 1000, 0),
    ],
)
def test_a_full_pack_takes_no_regeneration(chemistry, soc, answer):
    sig = cells_at({LFP: 3300, NMC: 3700}.get(chemistry, 2100))
    sig.soc_permille = soc
    assert charge_allowed(sig, chemistry=chemistry) == answer


@pytest.mark.parametrize(
    ("chemistry", "ddegc", "answer"),
    [
        (LFP, -1, 0),
        (LFP, 0, 0),
        (LFP, 1, 10),
        (LFP, 20, 200),
        (LFP, 100, 400),
        (LFP, 150, 1000),
        (LFP, 450, 1000),
        (LFP, 451, 984),
        (LFP, 549, 4),
        (LFP, 550, 0),
        (NMC, 0, 0),
        (NMC, 1, 10),
        (FLOODED, -200, 0),
        (FLOODED, -199, 5),
        (AGM, 0, 1000),
        (GEL, 499, 10),
        (GEL, 500, 0),
    ],
)
def test_a_cold_or_hot_battery_takes_less_and_frozen_lithium_nothing(chemistry, ddegc, answer):
    sig = cells_at({LFP: 3300, NMC: 3700}.get(chemistry, 2100))
    sig.battery_ddegc = ddegc
    assert charge_allowed(sig, chemistry=chemistry) == answer


def test_a_pack_that_may_not_be_charged_takes_no_regeneration():
    parts = allowances(charge_max_da=0)
    parts.update_charge(cells_at(2000))
    assert parts.regen.limit_da == 0
    parts = allowances(charge_max_da=1)
    parts.update_charge(cells_at(2000))
    assert parts.regen.limit_da == 1


@pytest.mark.parametrize("flag", ["battery_temp_valid", "pack_valid"])
def test_an_unknown_temperature_or_voltage_takes_no_regeneration(flag):
    parts = allowances(charge_max_da=1000)
    sig = cells_at(2100)
    parts.update_charge(sig)
    assert parts.regen.limit_da == 1000
    setattr(sig, flag, 0)
    parts.update_charge(sig)
    assert parts.regen.limit_da == 0


@pytest.mark.parametrize("lowest", ["temperature", "voltage", "charge"])
def test_the_least_of_temperature_voltage_and_charge_counts(lowest):
    sig = cells_at(3450)  # 650
    sig.battery_ddegc = 125  # 700
    sig.soc_permille = 935  # 650
    if lowest == "temperature":
        sig.battery_ddegc = 60
        assert charge_allowed(sig, chemistry=LFP) == 300
    elif lowest == "voltage":
        sig.pack_cv = 3500 * 2
        assert charge_allowed(sig, chemistry=LFP) == 300
    else:
        sig.soc_permille = 970
        assert charge_allowed(sig, chemistry=LFP) == 250


# --- what the battery management permits


def test_a_bms_that_forbids_discharge_takes_the_torque_in_ten_steps_and_gives_it_back_so():
    parts = allowances()
    for may_discharge, ends in ((False, range(900, -1, -100)), (True, range(100, 1001, 100))):
        for permille in ends:
            parts.update_bms(True, may_discharge)
            assert (parts.bms.permille, parts.bms.name) == (permille, BMS)
    parts.update_bms(True, True)
    assert parts.bms.permille == 1000


def test_a_bms_that_forbids_discharge_leaves_no_torque_and_asks_for_none():
    parts = allowances()
    for _ in range(20):
        parts.update_bms(True, False)
    assert parts.bms.permille == 0


def test_a_bms_that_forbids_charging_takes_the_regeneration_at_once_and_no_torque():
    parts = allowances(charge_max_da=1000)
    sig = cells_at(2100)
    for may_charge, answer in ((True, 1000), (False, 0), (True, 1000)):
        parts.update_bms(may_charge, True)
        parts.update_charge(sig)
        assert (parts.regen.limit_da, parts.bms.permille) == (answer, 1000)


# --- the lowest of the ceilings


def test_the_derating_is_the_lowest_ceiling_under_its_name():
    ceilings = tuple(Ceiling(name) for name in (REVERSE_TORQUE, MOTOR_TEMP, STATE_OF_CHARGE))
    derating = Derating(ceilings)
    assert (derating.permille, derating.name) == (1000, NONE)
    for ceiling in ceilings:
        before = derating.permille
        ceiling.permille = before - 100
        assert derating.permille == before
        derating.refresh()
        assert (derating.permille, derating.name) == (before - 100, ceiling.name)
    ceilings[2].permille = 1000
    derating.refresh()
    assert (derating.permille, derating.name) == (800, MOTOR_TEMP)


@pytest.mark.parametrize(
    "part",
    [
        "bms",
        "reverse",
        "low_voltage",
        "current",
        "battery",
        "motor",
        "controller",
        "soc",
        "crawl_torque",
        "crawl_power",
    ],
)
def test_every_ceiling_is_in_the_derating(part):
    parts = allowances()
    ceiling = getattr(parts, part)
    ceiling.permille = 300
    parts.derating.refresh()
    assert (parts.derating.permille, parts.derating.name) == (300, ceiling.name)


def test_the_current_moves_both_current_ceilings_the_regeneration_and_the_derating():
    parts = allowances(discharge_max_da=1000, regen_max_permille=400)
    parts.low_voltage.limit_da = 600
    parts.regen.limit_da = 100
    parts.update_current(drawing(1500))
    assert (parts.low_voltage.permille, parts.current.permille) == (400, 666)
    assert parts.regen.permille == 100
    assert (parts.derating.permille, parts.derating.name) == (400, PACK_LOW_VOLTAGE)


# --- crawling without a speed


def crawling(current_da, pack_cv=4800, ticks=1, **values):
    """Return the parts of a blind car that draws this current at full torque."""
    parts = allowances(**values)
    parts.crawls_blind = True
    sig = drawing(current_da)
    sig.pack_cv = pack_cv
    for _ in range(ticks):
        parts.update_current(sig)
    return parts


def test_a_blind_car_gets_its_crawl_torque_and_is_named_so():
    parts = crawling(0, crawl_torque_permille=150)
    assert parts.crawl_torque.permille == 150
    assert (parts.derating.permille, parts.derating.name) == (150, CRAWL)


@pytest.mark.parametrize(
    ("crawl_power_w", "pack_cv", "limit_da"),
    [(250, 4800, 52), (100, 4800, 20), (400, 7200, 55), (400, 3999, 100), (100, 10000, 9)],
)
def test_a_blind_cars_power_is_a_current_at_the_present_voltage(crawl_power_w, pack_cv, limit_da):
    parts = crawling(0, pack_cv, crawl_power_w=crawl_power_w)
    assert parts.crawl_power.limit_da == limit_da


@pytest.mark.parametrize(
    ("current_da", "answer"),
    [(14, 208), (15, 1000 * 52 // 15), (52, 1000), (104, 500), (520, 100)],
)
def test_a_blind_cars_torque_is_scaled_to_its_power_from_1_5_a_on(current_da, answer):
    parts = crawling(current_da, ticks=20)
    assert parts.crawl_power.permille == min(answer, 208)


def test_a_car_whose_speed_is_not_believed_is_not_braked_by_its_motor():
    values = {"charge_max_da": 500, "regen_max_permille": 400, "crawl_torque_permille": 150}
    parts = allowances(LFP, **values)
    sig = drawing(-100)
    sig.pack_cv, sig.soc_permille = 6600, 500
    sig.battery_ddegc, sig.battery_temp_valid = 250, 1
    for crawls_blind, answer in ((False, 400), (True, 0), (False, 400)):
        parts.crawls_blind = crawls_blind
        parts.update_charge(sig)
        for _ in range(20):
            parts.update_current(sig)
        assert parts.regen.permille == answer


def test_with_a_speed_again_the_crawl_ceilings_are_open_at_once():
    parts = crawling(520, ticks=5)
    assert parts.derating.name == CRAWL
    parts.crawls_blind = False
    parts.update_current(drawing(0))
    assert (parts.crawl_torque.permille, parts.crawl_power.permille) == (1000, 1000)
    assert parts.derating.permille == 1000
