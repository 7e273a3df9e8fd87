"""What a charge may have: the least of everything, less at once and more slowly."""

import pytest

from tests.unit.cars import make_params
from tests.unit.charges import KINDS
from vcu.charge import command
from vcu.charge.backstops import Obedience
from vcu.charge.command import Command
from vcu.charge.profiles import Profile
from vcu.chemistry import AGM, FLOODED, LFP

PLENTY = 400000
DEFAULTS = {"chemistry": AGM, "charge_max_da": 1500, "charger_max_da": 600, "mains_max_da": 160}
DEFAULTS |= {"capacity_mah": 300000, "charger_full_cv": 10000, "mains_v": 250}


def commanding(**values):
    params = make_params(**(DEFAULTS | values))
    return Command(params, Profile(params))


def limit_ma(phase_ma=PLENTY, ddegc=250, is_known=True, cv=5000, bms_ma=PLENTY, **values):
    """The current limit when nothing limits but what is given."""
    new = commanding(**values)
    new.find_current(phase_ma, ddegc, is_known, cv, bms_ma)
    return new.limit_ma


def test_the_kinds_have_their_names_at_their_numbers():
    assert [command.KIND_NAMES[i] for i in range(3)] == ["none", "relay", "setpoint"]
    assert (command.NO_CHARGER, command.RELAY, command.SETPOINT) == (0, 1, 2)


# --- current


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"phase_ma": 5000}, 5000),
        ({"charge_max_da": 70}, 7000),
        ({"charger_max_da": 80}, 8000),
        ({"bms_ma": 9000}, 9000),
        ({"ddegc": 475}, 30000),
        ({"bms_ma": 0}, 0),
        ({"bms_ma": -5}, 0),
        ({"charge_max_da": 0}, 0),
        ({"ddegc": 500}, 0),
    ],
)
def test_the_least_of_all_limits_is_the_limit(values, answer):
    assert limit_ma(**values) == answer


# charging.md 1.3: 0.9 of what the socket gives
@pytest.mark.parametrize(
    ("mains_v", "mains_max_da", "cv", "answer"),
    [
        (230, 100, 5800, 35689),
        (230, 100, 7260, 28512),
        (230, 100, 8700, 23793),
        (110, 80, 8700, 9103),
    ],
)
def test_the_socket_gives_no_more_than_its_power(mains_v, mains_max_da, cv, answer):
    assert limit_ma(cv=cv, mains_v=mains_v, mains_max_da=mains_max_da) == answer


@pytest.mark.parametrize("cv", [0, 1, 1499, 1500])
def test_a_pack_below_15_v_counts_as_that_for_the_socket(cv):
    assert limit_ma(cv=cv, mains_v=100, mains_max_da=40) == 24000


def test_the_most_that_can_be_configured_stays_a_small_integer():
    assert limit_ma(cv=1500, chemistry=LFP, charger_max_da=600) == 60000


@pytest.mark.parametrize("ddegc", [-300, 250, 600])
def test_a_temperature_that_is_not_known_is_a_twentieth_of_the_capacity(ddegc):
    assert limit_ma(ddegc=ddegc, is_known=False) == 15000


def test_a_limit_that_is_lower_counts_also_without_a_temperature():
    assert limit_ma(is_known=False, bms_ma=1000) == 1000


def test_what_warmth_leaves_of_the_current_is_told_where_it_is_the_least():
    new = commanding()
    for ddegc, known, told in ((250, True, 1000), (475, True, None), (475, False, 1000)):
        new.find_current(PLENTY, ddegc, known, 5000, PLENTY)
        if told is None:
            least = limit_ma()
            assert new.warmth_permille == new.limit_ma * 1000 // least < 1000
        else:
            assert new.warmth_permille == told


# --- a charger that gives more volts than it is told


def holding(cvs, ma=10000):
    """Return the command after these measured voltages, one a second, and its limit."""
    new = commanding(cell_count=24)
    new.find_voltage(2400, 250, True)
    for cv in cvs:
        new.find_current(ma, 250, True, cv, PLENTY)
        new.step(1000)
    return new


def test_a_charger_that_gives_more_than_it_is_told_is_told_less():
    ramp = [5000] * 60
    assert holding(ramp).set_cv == 5760
    assert holding([*ramp, 5782, 5759]).set_cv == 5760  # 0.4 % is 0.22 V
    assert holding([*ramp, 5792]).set_cv == 5755
    assert holding([*ramp, 5792, 5783]).set_cv == 5754
    assert holding([*ramp, 5792, 5782, 5760]).set_cv == 5755
    assert holding([*ramp, 5792, 5759]).set_cv == 5756


def test_it_is_told_1_percent_less_at_most_and_never_more():
    ramp = [5000] * 60
    assert holding(ramp + [6000] * 100).set_cv == 5760 - 57
    assert holding(ramp + [5000] * 1000).set_cv == 5760


def test_a_limit_that_comes_down_lowers_what_may_be_held_back():
    new = holding([5000] * 60 + [6000] * 100)
    new.find_voltage(2300, 250, True)
    new.find_current(10000, 250, True, 5520, PLENTY)
    new.step(1000)
    assert new.set_cv == 5520 - 55


def test_a_new_start_begins_with_what_is_allowed():
    new = holding([5000] * 60 + [5800] * 9)
    assert new.set_cv < 5760
    new.stop()
    new.find_current(10000, 250, True, 5000, PLENTY)
    new.step(1000)
    assert new.set_cv == 5760


def regulate(gain_permille, rounds=60):
    """Return the voltage that such a charger ends at, its limit, and the rounds until it disobeys.

    The pack takes what it gets: it has whatever voltage the charger gives, a round late.
    """
    new = commanding(cell_count=24)
    obedience = Obedience()
    new.find_voltage(2400, 250, True)
    cv = 5760
    for round_ in range(60 + rounds):
        new.find_current(10000, 250, True, cv, PLENTY)
        new.step(800)
        bits = obedience.step(1, True, True, cv, 5000, new.limit_cv, 10000, 800)
        if bits:
            return cv, new.limit_cv, round_ - 59
        if round_ >= 60:
            cv = new.set_cv * gain_permille // 1000
    return cv, new.limit_cv, None


@pytest.mark.parametrize("gain_permille", [1000, 1004, 1008, 1010, 1014, 1018])
def test_a_charger_that_gives_more_holds_the_voltage_that_is_wanted_and_no_less(gain_permille):
    cv, limit_cv, caught = regulate(gain_permille)
    assert caught is None
    assert limit_cv <= cv <= limit_cv + limit_cv // 100


def test_a_charger_that_gives_too_little_is_told_no_less():
    assert regulate(990) == (5760 * 990 // 1000, 5760, None)


@pytest.mark.parametrize("gain_permille", [1021, 1030, 1100])
def test_telling_it_less_hides_no_charger_that_is_2_percent_off(gain_permille):
    caught = regulate(gain_permille)[2]
    assert caught is not None and caught <= 9  # of 0.8 s: 5 s, and the round it was late


# --- voltage


@pytest.mark.parametrize("ddegc", [-300, 0, 250, 390])
def test_a_temperature_that_is_not_known_counts_as_50_degc(ddegc):
    new = commanding(cell_count=36)
    new.find_voltage(2420, ddegc, False)
    assert new.limit_cv == 8352
    new.find_voltage(2420, ddegc, True)
    assert new.limit_cv > 8352


@pytest.mark.parametrize("ddegc", [-200, 0, 250])
def test_a_charger_that_is_a_percent_off_gives_no_pack_its_hard_limit(ddegc):
    new = commanding(chemistry=FLOODED)
    pack = Profile(make_params(**(DEFAULTS | {"chemistry": FLOODED})))
    new.find_voltage(pack.get("hard") + 1, ddegc, True)
    assert pack.cv("hard") * 0.985 < new.limit_cv and new.limit_cv * 1.01 < pack.cv("hard")
    new.find_voltage(2660, 250, True)
    assert new.limit_cv == 2660 * 24 // 10


@pytest.mark.parametrize("name", KINDS)
def test_the_set_points_of_every_chemistry_are_below_what_a_charger_may_add(name):
    new = commanding(chemistry=KINDS[name])
    pack = Profile(make_params(**(DEFAULTS | {"chemistry": KINDS[name]})))
    for ddegc in (-200, 100, 250):
        new.find_voltage(pack.get("absorb"), ddegc, True)
        assert new.limit_cv == pack.compensated_cv(pack.get("absorb"), ddegc)


# --- less at once, more slowly


def allowed(new, ma):
    new.find_voltage(2420, 250, True)
    new.find_current(ma, 250, True, 5000, PLENTY)
    return new


def at(ma):
    """A command that has risen to ma, with its wait over."""
    new = allowed(commanding(), ma)
    for _ in range(60):
        new.step(1000)
    assert new.set_ma == ma
    return new


def test_the_current_rises_after_half_a_minute_at_5_a_a_second():
    new = allowed(commanding(), 12000)
    for _ in range(30):
        new.step(1000)
        assert new.set_ma == 0
    for answer in (5000, 10000, 12000, 12000):
        new.step(1000)
        assert new.set_ma == answer


@pytest.mark.parametrize("dt_ms", [100, 800, 2000])
def test_it_rises_as_fast_in_short_steps_as_in_long_ones(dt_ms):
    new = allowed(commanding(), 30000)
    passed_ms = 0
    while new.set_ma < 30000:
        new.step(dt_ms)
        passed_ms += dt_ms
    assert 36000 <= passed_ms <= 36000 + 2 * dt_ms


def test_less_is_commanded_in_the_same_step_and_the_way_up_waits_again():
    new = allowed(at(12000), 4000)
    new.step(100)
    assert new.set_ma == 4000
    allowed(new, 12000)
    for _ in range(30):
        new.step(1000)
        assert new.set_ma == 4000
    new.step(1000)
    assert new.set_ma == 9000


def test_a_limit_that_comes_and_goes_does_not_make_the_current_swing():
    new = at(12000)
    for _ in range(10):
        allowed(new, 4000).step(1000)
        for _ in range(20):
            allowed(new, 12000).step(1000)
            assert new.set_ma == 4000


def test_the_voltage_is_what_is_allowed_at_once():
    new = at(12000)
    assert new.set_cv == new.limit_cv == 2420 * 24 // 10
    new.find_voltage(2300, 250, True)
    new.step(100)
    assert new.set_cv == 5520


def test_a_stop_commands_nothing_and_the_way_back_waits():
    new = at(12000)
    new.stop()
    assert (new.set_cv, new.set_ma, new.voltage_mv(), new.current_mv()) == (0, 0, 0, 0)
    for _ in range(30):
        new.step(1000)
        assert new.set_ma == 0
    new.step(1000)
    assert new.set_ma == 5000


# --- the charger's inputs


def test_5_v_at_its_inputs_are_the_chargers_full_voltage_and_current():
    new = at(12000)
    assert new.voltage_mv() == 5808 * 5000 // 10000
    assert new.current_mv() == 12000 * 5000 // 60000


def test_what_the_charger_reads_is_never_more_than_what_is_commanded():
    for full_cv in (6000, 7777, 9999, 12000):
        for max_da in (150, 333, 599):
            params = {"charger_full_cv": full_cv, "charger_max_da": max_da}
            new = allowed(commanding(**params), 12345)
            for _ in range(60):
                new.step(1000)
            assert new.voltage_mv() * full_cv <= new.set_cv * 5000
            assert new.current_mv() * max_da * 100 <= new.set_ma * 5000


def test_a_voltage_beyond_the_chargers_is_its_full_one():
    new = allowed(commanding(charger_full_cv=5000), 12000)
    new.step(100)
    assert new.set_cv > 5000
    assert new.voltage_mv() == 5000


def test_the_chargers_full_current_is_5_v():
    new = allowed(commanding(charger_max_da=100), 20000)
    for _ in range(60):
        new.step(1000)
    assert (new.set_ma, new.current_mv()) == (10000, 5000)
