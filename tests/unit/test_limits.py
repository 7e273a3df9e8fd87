"""The limiter chain: each ceiling at its edges, the slew, what pack and parts allow, who won."""

from types import SimpleNamespace

import pytest
from unit.cars import make_params

from vcu import limits
from vcu.chemistry import AGM, FLOODED, GEL, LFP, NMC
from vcu.limits import (
    BATTERY_TEMP,
    BMS,
    CRAWL,
    LIMITER_NAMES,
    MOTOR_TEMP,
    NONE,
    PACK_CURRENT,
    PACK_LOW_VOLTAGE,
    REGEN_CHARGE,
    REVERSE_TORQUE,
    SLEW,
    SPEED_CAP,
    STATE_OF_CHARGE,
    Allowances,
    Ceiling,
    Chain,
    CurrentCeiling,
    Derating,
    RegenCeiling,
    Slew,
)
from vcu.pack import Pack
from vcu.signals import Signals


def moving(lagged_permille=1000):
    """What a limiter asks of the speed observer: the torque that the motor has followed so far."""
    return SimpleNamespace(lagged_permille=lagged_permille)


def drawing(current_da):
    sig = Signals()
    sig.pack_valid = 1
    sig.pack_da = current_da
    return sig


# --- names


def test_every_limiter_has_its_name_at_its_number():
    for number, name in enumerate(LIMITER_NAMES):
        assert getattr(limits, name.upper()) == number


# --- a plain ceiling


def test_a_ceiling_is_open_until_its_owner_sets_it():
    ceiling = Ceiling(MOTOR_TEMP)
    assert (ceiling.name, ceiling.permille) == (MOTOR_TEMP, 1000)


# --- the current ceiling


def current_ceiling(limit_da, lagged_permille, current_da):
    ceiling = CurrentCeiling(PACK_CURRENT, max(limit_da, 1), moving(lagged_permille))
    ceiling.limit_da = limit_da
    ceiling.step(drawing(current_da))
    return ceiling


@pytest.mark.parametrize(
    ("limit_da", "lagged", "current_da", "answer"),
    [
        (700, 800, 1000, 560),
        (700, 800, 700, 800),
        (700, 800, 701, 798),
        (700, 1000, 701, 998),
        (700, 800, 1400, 400),
        (1, 1000, 3000, 0),
    ],
)
def test_torque_is_scaled_by_allowed_over_measured_current(limit_da, lagged, current_da, answer):
    assert current_ceiling(limit_da, lagged, current_da).permille == answer


def test_the_current_ceiling_never_passes_full_torque():
    assert current_ceiling(700, 1000, 400).permille == 1000
    assert current_ceiling(700, 572, 400).permille == 1000  # 1001 as the ratio has it
    assert current_ceiling(700, 571, 400).permille == 999


@pytest.mark.parametrize(("current_da", "answer"), [(49, 1000), (50, 400)])
def test_below_5_a_the_ratio_of_current_to_torque_is_not_used(current_da, answer):
    assert current_ceiling(100, 200, current_da).permille == answer


@pytest.mark.parametrize(("current_da", "answer"), [(199, 1000), (200, 400)])
def test_below_a_quarter_of_the_limit_the_ratio_is_not_used(current_da, answer):
    assert current_ceiling(800, 100, current_da).permille == answer


@pytest.mark.parametrize(
    ("limit_da", "answer"), [(0, 0), (1, 4), (100, 400), (249, 996), (250, 1000), (1000, 1000)]
)
def test_while_little_flows_torque_is_four_times_the_share_that_is_allowed(limit_da, answer):
    ceiling = CurrentCeiling(PACK_CURRENT, 1000, moving(1000))
    ceiling.limit_da = limit_da
    ceiling.step(drawing(0))
    assert ceiling.permille == answer


@pytest.mark.parametrize("current_da", [-500, 0, 49, 50, 500])
def test_no_allowed_current_is_no_torque_even_when_none_flows(current_da):
    assert current_ceiling(0, 1000, current_da).permille == 0


def test_the_smallest_allowed_current_is_torque_as_long_as_none_flows():
    assert current_ceiling(1, 1000, 0).permille == 1000


def test_current_drawn_while_the_motor_brakes_leaves_no_drive_torque_but_never_asks_for_braking():
    assert current_ceiling(700, -300, 700).permille == 0


def test_the_current_ceiling_falls_at_once_and_comes_back_by_halves():
    ceiling = current_ceiling(400, 800, 1000)
    assert ceiling.permille == 320
    ceiling.step(drawing(0))
    assert ceiling.permille == 320 + 340  # (680 + 1) / 2
    ceiling.step(drawing(0))
    assert ceiling.permille == 660 + 170
    ceiling.step(drawing(1000))
    assert ceiling.permille == 320


def test_the_current_ceiling_comes_back_all_the_way_and_no_further():
    ceiling = current_ceiling(400, 800, 1000)
    for _ in range(60):
        ceiling.step(drawing(0))
    assert ceiling.permille == 1000


@pytest.mark.parametrize(
    ("max_da", "limit_da", "answer"),
    [(800, 200, 1000), (800, 199, 995), (700, 172, 982), (799, 200, 1000), (800, 1, 5)],
)
def test_while_little_flows_the_torque_is_four_times_the_share_that_is_allowed(
    max_da, limit_da, answer
):
    ceiling = CurrentCeiling(PACK_CURRENT, max_da, moving(1000))
    ceiling.limit_da = limit_da
    ceiling.step(drawing(0))
    assert ceiling.permille == answer


def test_the_last_permille_of_torque_is_not_rounded_away():
    assert current_ceiling(100, 10, 1000).permille == 1


# --- the regeneration ceiling


def regen_ceiling(limit_da, lagged=-300, current_da=0, fitted=400, valid=1, ticks=1):
    ceiling = RegenCeiling(make_params(regen_max_permille=fitted), moving(lagged))
    ceiling.limit_da = limit_da
    sig = drawing(current_da)
    sig.pack_valid = valid
    for _ in range(ticks):
        ceiling.step(sig)
    return ceiling


def test_no_regeneration_passes_where_none_is_fitted():
    assert regen_ceiling(800, fitted=0, ticks=50).permille == 0


def test_no_regeneration_passes_before_the_first_step():
    ceiling = RegenCeiling(make_params(regen_max_permille=400), moving())
    assert ceiling.permille == 0
    ceiling.step(drawing(0))
    assert ceiling.permille == 0


def test_regeneration_opens_by_quarters_all_the_way_to_what_is_fitted():
    assert regen_ceiling(800, ticks=1).permille == 100
    assert regen_ceiling(800, ticks=2).permille == 175
    assert regen_ceiling(800, ticks=80).permille == 400


@pytest.mark.parametrize(("limit_da", "answer"), [(-1, 0), (0, 0), (1, 4), (50, 200)])
def test_regeneration_is_in_proportion_to_the_allowance_and_none_without_one(limit_da, answer):
    assert regen_ceiling(limit_da, ticks=80).permille == answer


def test_an_allowance_that_goes_takes_the_regeneration_at_once():
    ceiling = regen_ceiling(800, ticks=80)
    ceiling.limit_da = 0
    ceiling.step(drawing(0))
    assert ceiling.permille == 0


def test_a_pack_that_cannot_be_read_takes_the_regeneration_at_once():
    ceiling = regen_ceiling(800, ticks=80)
    unreadable = drawing(0)
    unreadable.pack_valid = 0
    ceiling.step(unreadable)
    assert ceiling.permille == 0


@pytest.mark.parametrize(
    ("limit_da", "charging_da", "answer"),
    [
        (100, 50, 400),  # 5 A and less is noise
        (100, 51, 400),  # 588, more than is fitted
        (50, 51, 200),  # in proportion to 100, less than the ratio's 294
        (204, 51, 400),
        (60, 240, 75),
        (100, 399, 75),
        (100, 400, 75),
        (100, 300, 100),
        (100, -300, 400),  # drawing, not charging
    ],
)
def test_regeneration_is_scaled_by_allowed_over_measured_charge(limit_da, charging_da, answer):
    ceiling = regen_ceiling(800, ticks=80)
    ceiling.limit_da = limit_da
    ceiling.step(drawing(-charging_da))
    assert ceiling.permille == answer


@pytest.mark.parametrize(("limit_da", "answer"), [(203, 39), (204, 40)])
def test_below_a_quarter_of_the_allowance_the_ratio_is_not_used(limit_da, answer):
    # Hardly any torque and 5.1 A: by the ratio, 10 permille make 39.
    ceiling = regen_ceiling(800, lagged=-10, fitted=40, ticks=80)
    ceiling.limit_da = limit_da
    ceiling.step(drawing(-51))
    assert ceiling.permille == answer


@pytest.mark.parametrize(
    ("limit_da", "charging_da", "answer"),
    [(40, 20, 160), (40, 21, 19), (10, 20, 40), (84, 21, 336), (83, 21, 39)],
)
def test_up_to_2_a_or_a_quarter_of_the_allowance_the_proportion_counts_and_above_the_ratio(
    limit_da, charging_da, answer
):
    ceiling = regen_ceiling(800, lagged=-10, ticks=80)
    ceiling.limit_da = limit_da
    ceiling.step(drawing(-charging_da))
    assert ceiling.permille == answer


def test_the_least_regeneration_that_can_be_fitted_is_some():
    assert regen_ceiling(800, fitted=1, ticks=10).permille == 1


def test_charge_that_flows_while_the_motor_drives_leaves_no_regeneration():
    assert regen_ceiling(800, lagged=300, current_da=-900, ticks=5).permille == 0


# --- the slew: 1200 permille/s up is 12 a tick, 10 000 permille/s down is 100 a tick


def slewed(*requests, dt_ms=10, **values):
    """Return the answers to requests, one a tick, from standing at zero."""
    slew = Slew(make_params(**values))
    answers = []
    for request in requests:
        slew.start(dt_ms)
        answers.append(slew.limit(request))
    return answers


def rise_to(permille):
    """Enough ticks of this request to arrive at it."""
    return [permille] * (abs(permille) // 12 + 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_torque_rises_slowly_in_both_signs(sign):
    assert slewed(sign * 1000, sign * 1000, sign * 1000) == [sign * 12, sign * 24, sign * 36]
    assert slewed(sign * 11, sign * 12, sign * 24, sign * 37) == [
        sign * 11, sign * 12, sign * 24, sign * 36,
    ]  # fmt: skip


@pytest.mark.parametrize("sign", [1, -1])
def test_torque_falls_fast_in_both_signs(sign):
    answers = slewed(*rise_to(sign * 500), 0, 0)
    assert answers[-3:] == [sign * 500, sign * 400, sign * 300]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_fall_of_one_step_is_not_slowed_and_one_more_is(sign):
    assert slewed(*rise_to(sign * 500), sign * 400)[-1] == sign * 400
    assert slewed(*rise_to(sign * 500), sign * 399)[-1] == sign * 400
    assert slewed(*rise_to(sign * 500), sign * 401)[-1] == sign * 401


@pytest.mark.parametrize("sign", [1, -1])
def test_torque_that_changes_sign_stops_at_zero_and_rises_slowly_from_there(sign):
    answers = slewed(*rise_to(sign * 60), sign * -1000, sign * -1000, sign * -1000)
    assert answers[-4:] == [sign * 60, 0, sign * -12, sign * -24]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_fast_fall_also_ends_at_zero_when_one_step_just_reaches_it(sign):
    assert slewed(*rise_to(sign * 100), -sign)[-1] == 0
    assert slewed(*rise_to(sign * 101), -sign)[-1] == sign
    assert slewed(*rise_to(sign * 99), -sign)[-1] == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_request_that_stays_is_answered_with_itself(sign):
    assert slewed(*rise_to(sign * 60), sign * 60, sign * 60)[-2:] == [sign * 60, sign * 60]


def test_a_longer_tick_allows_a_longer_step():
    assert slewed(1000, 1000, 0, dt_ms=40) == [48, 96, 0]
    assert slewed(-1000, -1000, 0, dt_ms=40) == [-48, -96, 0]


def test_rise_and_fall_are_parameters():
    values = {"torque_rise_permille_s": 5000, "torque_fall_permille_s": 12000}
    assert slewed(*[1000] * 6, 0, 0, **values) == [50, 100, 150, 200, 250, 300, 180, 60]


def test_a_learners_torque_rises_gently_and_falls_as_ever():
    learner = {"learner_on": 1, "torque_rise_permille_s": 1200, "learner_rise_permille_s": 400}
    assert slewed(1000, 1000, 1000, 0, **learner) == [4, 8, 12, 0]
    assert slewed(1000, **learner | {"learner_on": 0}) == [12]
    assert slewed(1000, **learner | {"learner_rise_permille_s": 2000}) == [12]


def test_before_its_first_start_the_slew_lets_nothing_through():
    slew = Slew(make_params())
    assert (slew.limit(1000), slew.limit(-1000)) == (0, 0)


@pytest.mark.parametrize(("rise", "step"), [(999, 0), (1000, 1)])
def test_a_step_is_rounded_down(rise, step):
    assert slewed(1000, dt_ms=1, torque_rise_permille_s=rise) == [step]
    answers = slewed(*[1000] * 1000, 0, dt_ms=1, torque_rise_permille_s=5000,
                     torque_fall_permille_s=10000 + rise)  # fmt: skip
    assert answers[-1] == 1000 - 10 - step


def test_after_a_cut_the_torque_starts_again_from_zero():
    slew = Slew(make_params())
    slew.start(10)
    for _ in range(40):
        slew.limit(1000)
    slew.permille = 0
    assert slew.limit(1000) == 12


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


def test_with_a_speed_again_the_crawl_ceilings_are_open_at_once():
    parts = crawling(520, ticks=5)
    assert parts.derating.name == CRAWL
    parts.crawls_blind = False
    parts.update_current(drawing(0))
    assert (parts.crawl_torque.permille, parts.crawl_power.permille) == (1000, 1000)
    assert parts.derating.permille == 1000


# --- the chain


def chained(*requests, ceiling=1000, speed=1000, braking=1000, slew_ms=1000):
    """Run requests through a chain of which each limiter lets through what is said.

    The slew passes everything, unless its tick is short.
    """
    derating = Derating((Ceiling(BATTERY_TEMP),))
    derating.permille, derating.name = ceiling, BATTERY_TEMP
    slew = Slew(make_params())
    slew.start(slew_ms)
    governor = SimpleNamespace(limit_permille=speed, name=SPEED_CAP)
    chain = Chain(derating, slew, governor, SimpleNamespace(permille=braking))
    assert chain.winner == NONE
    return [(chain.limit(request), chain.winner) for request in requests]


def test_the_chain_cuts_drive_to_the_lowest_ceiling_names_it_and_lets_braking_pass():
    assert chained(599, 600, 601, 1000, 0, -1000, ceiling=600) == [
        (599, NONE), (600, NONE), (600, BATTERY_TEMP), (600, BATTERY_TEMP), (0, NONE),
        (-1000, NONE),
    ]  # fmt: skip


def test_the_chain_lets_drive_rise_no_faster_than_the_slew():
    assert chained(12, 25, 36, 0, -13, slew_ms=10) == [
        (12, NONE), (24, SLEW), (36, NONE), (0, NONE), (-12, SLEW),
    ]  # fmt: skip


def test_the_chain_gives_no_more_than_the_governor_which_may_brake():
    assert chained(-1, speed=500) == [(-1, NONE)]
    assert chained(499, 500, 501, speed=500) == [(499, NONE), (500, NONE), (500, SPEED_CAP)]
    assert chained(1000, 0, -84, -85, -86, speed=-85) == [(-85, SPEED_CAP)] * 3 + [
        (-85, NONE), (-86, NONE),
    ]  # fmt: skip


def test_the_chain_brakes_no_harder_than_the_pack_may_be_charged_and_lets_drive_pass():
    assert chained(1000, 0, -399, -400, -401, -1000, braking=400) == [
        (1000, NONE), (0, NONE), (-399, NONE), (-400, NONE), (-400, REGEN_CHARGE),
        (-400, REGEN_CHARGE),
    ]  # fmt: skip
    # Nor when the governor asks for it.
    assert chained(1000, speed=-85, braking=0) == [(0, REGEN_CHARGE)]


def test_the_last_one_to_change_the_request_wins():
    assert chained(1000, ceiling=800, speed=700) == [(700, SPEED_CAP)]
    assert chained(1000, ceiling=700, speed=800) == [(700, BATTERY_TEMP)]
    assert chained(1000, ceiling=800, slew_ms=10) == [(12, SLEW)]
    assert chained(1000, speed=5, slew_ms=10) == [(5, SPEED_CAP)]
