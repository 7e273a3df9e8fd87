"""The modes: every row of the transition table, none beside it, every reason not to drive."""

from itertools import product

import pytest

from vcu import modes
from vcu.modes import (
    CHARGE,
    DRIVE,
    FAULT,
    NAMES,
    OFF,
    PRECHARGE,
    READY,
    REASONS,
    SELFTEST,
    SERVICE,
    Conditions,
    Modes,
)

# Every fact as it is in a car that drives.
DRIVING = {
    "parameters_ok": True,
    "stopped": False,
    "testing_shutoff": False,
    "pedal_held": False,
    "sensors_ok": 1,
    "pack_ok": 1,
    "pedal_ok": 1,
    "key_on": 1,
    "plugged_in": 0,
    "parked": False,
    "service_wanted": False,
    "contactor_open": False,
    "contactor_closed": True,
    "contactor_failed": False,
    "cooling_down": False,
    "gear_conflict": False,
    "gear_selected": True,
    "direction_engaged": True,
    "seen_neutral": True,
    "seen_released": True,
    "brake_on": 0,
    "torque_wanted": True,
    "torque_given": True,
}
# The facts, one tick each, that lead from the self test to a mode.
UNTIL_OFF = ({"sensors_ok": 1},)
UNTIL_PRECHARGE = (*UNTIL_OFF, {"contactor_closed": False})
UNTIL_READY = (*UNTIL_PRECHARGE, {"direction_engaged": False})
PATHS = {
    SELFTEST: (),
    OFF: UNTIL_OFF,
    PRECHARGE: UNTIL_PRECHARGE,
    READY: UNTIL_READY,
    DRIVE: (*UNTIL_READY, {}),
    CHARGE: (*UNTIL_OFF, {"plugged_in": 1, "contactor_open": True}),
    SERVICE: (*UNTIL_OFF, {"service_wanted": True, "parked": True, "contactor_open": True}),
    FAULT: (*UNTIL_PRECHARGE, {"contactor_failed": True, "contactor_closed": False}),
}

# What leads where, told as facts: the first row that matches is taken. A row with
# several sets of facts is taken when any of them holds.
NOT_PERMITTED = ({"key_on": 0}, {"plugged_in": 1}, {"pack_ok": 0})
MAY_START = {
    "parameters_ok": True,
    "pack_ok": 1,
    "service_wanted": False,
    "key_on": 1,
    "plugged_in": 0,
    "contactor_failed": False,
    "stopped": False,
}
FAILED = ({"contactor_failed": True}, {"stopped": True})
EXPECTED = {
    SELFTEST: [(OFF, ({"sensors_ok": 1},))],
    OFF: [
        (CHARGE, ({"plugged_in": 1, "contactor_open": True},)),
        (SERVICE, ({"service_wanted": True, "parked": True, "contactor_open": True},)),
        (FAULT, ({"stopped": True, "key_on": 1, "plugged_in": 0},)),
        (PRECHARGE, (MAY_START,)),
    ],
    PRECHARGE: [
        (FAULT, FAILED),
        (OFF, NOT_PERMITTED),
        (READY, ({"contactor_closed": True},)),
    ],
    READY: [
        (FAULT, FAILED),
        (OFF, NOT_PERMITTED),
        (DRIVE, ({"direction_engaged": True},)),
    ],
    DRIVE: [
        (FAULT, FAILED),
        (OFF, NOT_PERMITTED),
        (READY, ({"direction_engaged": False},)),
    ],
    CHARGE: [(OFF, ({"plugged_in": 0},))],
    SERVICE: [(OFF, ({"service_wanted": False}, {"parked": False}))],
    FAULT: [
        (
            OFF,
            (
                {"contactor_open": True, "key_on": 0},
                {"contactor_open": True, "plugged_in": 1},
                {"contactor_open": True, "stopped": False},
            ),
        )
    ],
}
DECIDING = (
    "parameters_ok",
    "stopped",
    "sensors_ok",
    "pack_ok",
    "key_on",
    "plugged_in",
    "parked",
    "service_wanted",
    "contactor_open",
    "contactor_closed",
    "contactor_failed",
    "direction_engaged",
)

# What brings each reason about, and no other.
# fmt: off
ALONE = [
    ("self_test_running",        SELFTEST,  {}),
    ("fault_stops_the_car",      FAULT,     {"stopped": True}),
    ("parameters_broken",        OFF,       {"parameters_ok": False}),
    ("contactor_failed",         FAULT,     {"contactor_failed": True}),
    ("pack_not_readable",        OFF,       {"pack_ok": 0}),
    ("plugged_in",               CHARGE,    {"plugged_in": 1}),
    ("key_off",                  OFF,       {"key_on": 0}),
    ("service",                  SERVICE,   {}),
    ("testing_shutoff",          PRECHARGE, {"testing_shutoff": True}),
    ("precharging",              PRECHARGE, {}),
    ("precharge_cooling_down",   OFF,       {"cooling_down": True}),
    ("pedal_not_readable",       DRIVE,     {"pedal_ok": 0}),
    ("pedal_fault_until_released", DRIVE,   {"pedal_held": True, "pedal_ok": 0}),
    ("gear_conflict",            OFF,       {"gear_conflict": True}),
    ("gear_not_seen_in_neutral", READY,     {"seen_neutral": False,
                                             "direction_engaged": False}),
    ("pedal_not_seen_released",  READY,     {"seen_released": False,
                                             "direction_engaged": False}),
    ("gear_neutral",             READY,     {"gear_selected": False,
                                             "direction_engaged": False}),
    ("moving_or_pedal_pressed",  READY,     {"direction_engaged": False}),
    ("brake_pressed",            DRIVE,     {"brake_on": 1}),
    ("torque_limited_to_zero",   DRIVE,     {"torque_given": False}),
    ("pedal_released",           DRIVE,     {"torque_wanted": False}),
]
# fmt: on

each_mode = pytest.mark.parametrize("mode", range(len(NAMES)), ids=NAMES)


def facts(**changes):
    c = Conditions()
    for name, value in (DRIVING | changes).items():
        assert hasattr(c, name)
        setattr(c, name, value)
    return c


def in_mode(mode):
    """Return modes that were led to mode, tick by tick."""
    machine = Modes()
    for changes in PATHS[mode]:
        machine.step(facts(**changes))
    assert NAMES[machine.mode] == NAMES[mode]
    return machine


def next_mode(mode, **changes):
    machine = in_mode(mode)
    changed = machine.step(facts(**changes))
    assert changed is (machine.mode != mode)
    return machine.mode


def why(mode, **changes):
    """Return the names of the reasons given in mode for a driving car but for the changes."""
    machine = in_mode(mode)
    machine.explain(facts(**changes))
    assert machine.reasons < 1 << len(REASONS)
    return {name for bit, name in enumerate(REASONS) if machine.reasons >> bit & 1}


def test_a_mode_has_its_name():
    numbers = (SELFTEST, OFF, PRECHARGE, READY, DRIVE, CHARGE, SERVICE, FAULT)
    assert numbers == tuple(range(8))
    assert tuple(getattr(modes, name) for name in NAMES) == numbers


def test_facts_name_every_condition():
    assert set(vars(Conditions())) == set(DRIVING)


@each_mode
def test_every_transition_of_the_table_happens_and_no_other(mode):
    for values in product((0, 1), repeat=len(DECIDING)):
        given = {name: type(DRIVING[name])(v) for name, v in zip(DECIDING, values, strict=True)}
        expected = mode
        for target, alternatives in EXPECTED[mode]:
            if any(all(given[name] == v for name, v in row.items()) for row in alternatives):
                expected = target
                break
        assert next_mode(mode, **given) == expected, given


def test_a_new_car_tests_itself():
    machine = Modes()
    assert machine.mode == SELFTEST
    assert machine.reasons == 1 << REASONS.index("self_test_running")


def test_conditions_that_nobody_has_refreshed_start_nothing():
    machine = Modes()
    conditions = Conditions()
    for _ in range(10):
        machine.step(conditions)
    machine.explain(conditions)
    assert machine.mode == SELFTEST
    assert machine.wants_contactor() is False
    assert {name for bit, name in enumerate(REASONS) if machine.reasons >> bit & 1} == {
        "self_test_running",
        "parameters_broken",
        "pack_not_readable",
        "plugged_in",
        "key_off",
        "pedal_not_readable",
    }


def test_conditions_that_nobody_has_refreshed_do_not_let_a_driver_drive():
    machine = in_mode(READY)
    machine.explain(Conditions())
    assert {
        "gear_not_seen_in_neutral",
        "pedal_not_seen_released",
        "gear_neutral",
        "brake_pressed",
    } <= {name for bit, name in enumerate(REASONS) if machine.reasons >> bit & 1}
    unrefreshed = Conditions()
    assert vars(unrefreshed) == {name: type(v)(0) for name, v in DRIVING.items()} | {
        "plugged_in": 1,
        "contactor_open": True,
        "brake_on": 1,
    }


def test_at_most_one_transition_is_taken_in_a_tick():
    machine = Modes()
    seen = []
    for _ in range(5):
        machine.step(facts())
        seen.append(machine.mode)
    assert seen == [OFF, PRECHARGE, READY, DRIVE, DRIVE]


@pytest.mark.parametrize("mode", [PRECHARGE, READY, DRIVE])
@pytest.mark.parametrize("change", NOT_PERMITTED)
def test_key_plug_and_an_unreadable_pack_end_driving_in_one_tick(mode, change):
    assert next_mode(mode, **change) == OFF


@pytest.mark.parametrize("mode", [PRECHARGE, READY, DRIVE])
def test_a_failed_contactor_is_a_fault_even_as_the_key_is_turned_off(mode):
    assert next_mode(mode, contactor_failed=True) == FAULT
    assert next_mode(mode, contactor_failed=True, key_on=0, plugged_in=1, pack_ok=0) == FAULT


def test_a_car_with_broken_parameters_never_starts():
    machine = in_mode(OFF)
    for _ in range(100):
        machine.step(facts(parameters_ok=False))
        assert machine.mode == OFF


def test_a_fault_lasts_as_long_as_a_fault_stops_the_car():
    machine = in_mode(FAULT)
    for _ in range(6000):
        machine.step(facts(stopped=True, contactor_open=True))
        assert machine.mode == FAULT
    machine.step(facts(stopped=False, contactor_open=True))
    assert machine.mode == OFF


def test_a_fault_is_not_left_before_the_contactor_is_open():
    machine = in_mode(FAULT)
    for changes in ({"key_on": 0}, {"plugged_in": 1}, {"stopped": False}):
        for _ in range(100):
            machine.step(facts(**{"stopped": True} | changes))
            assert machine.mode == FAULT
    machine.step(facts(stopped=True, key_on=0, contactor_open=True))
    assert machine.mode == OFF


def test_a_car_that_a_fault_stops_shows_the_fault_only_with_the_key_on_and_unplugged():
    assert next_mode(OFF, stopped=True, contactor_open=True) == FAULT
    assert next_mode(OFF, stopped=True, contactor_open=True, key_on=0) == OFF
    assert next_mode(OFF, stopped=True, contactor_open=True, plugged_in=1) == CHARGE


def test_a_contactor_that_is_still_failed_is_not_started_again():
    machine = in_mode(OFF)
    machine.step(facts(contactor_failed=True))
    assert machine.mode == OFF


@each_mode
def test_the_contactor_is_wanted_to_drive_and_for_nothing_else(mode):
    assert in_mode(mode).wants_contactor() is (mode in (PRECHARGE, READY, DRIVE))


def test_a_car_that_gives_torque_has_no_reason_not_to():
    assert why(DRIVE) == set()


@pytest.mark.parametrize(("reason", "mode", "changes"), ALONE)
def test_each_reason_is_given_alone_for_its_cause(reason, mode, changes):
    assert why(mode, **changes) == {reason}


def test_every_reason_has_its_own_name():
    assert len(set(REASONS)) == len(REASONS)


@each_mode
@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("fault_stops_the_car", {"stopped": True}),
        ("parameters_broken", {"parameters_ok": False}),
        ("contactor_failed", {"contactor_failed": True}),
        ("pack_not_readable", {"pack_ok": 0}),
        ("plugged_in", {"plugged_in": 1}),
        ("key_off", {"key_on": 0}),
        ("precharge_cooling_down", {"cooling_down": True}),
        ("pedal_not_readable", {"pedal_ok": 0}),
        ("pedal_fault_until_released", {"pedal_held": True, "pedal_ok": 0}),
        ("gear_conflict", {"gear_conflict": True}),
    ],
)
def test_a_cause_outside_the_drivers_hands_is_told_in_every_mode(mode, reason, changes):
    assert why(mode, **changes) == why(mode) | {reason}


@each_mode
def test_only_ready_and_drive_tell_what_the_driver_has_to_do(mode):
    told = why(
        mode,
        seen_neutral=False,
        seen_released=False,
        gear_selected=False,
        direction_engaged=False,
        brake_on=1,
    )
    drivers = {
        "gear_not_seen_in_neutral",
        "pedal_not_seen_released",
        "gear_neutral",
        "brake_pressed",
    }
    assert told & drivers == (drivers if mode in (READY, DRIVE) else set())
    assert (told == why(mode)) is (mode not in (READY, DRIVE))


@pytest.mark.parametrize("mode", [READY, DRIVE])
@pytest.mark.parametrize("seen_neutral", [True, False])
@pytest.mark.parametrize("seen_released", [True, False])
@pytest.mark.parametrize("gear_selected", [True, False])
@pytest.mark.parametrize("direction_engaged", [True, False])
def test_moving_or_pressed_is_told_only_when_nothing_else_keeps_the_gear_out(
    mode, seen_neutral, seen_released, gear_selected, direction_engaged
):
    told = why(
        mode,
        seen_neutral=seen_neutral,
        seen_released=seen_released,
        gear_selected=gear_selected,
        direction_engaged=direction_engaged,
    )
    kept_out = gear_selected and seen_neutral and seen_released and not direction_engaged
    assert ("moving_or_pedal_pressed" in told) is kept_out
    assert ("gear_neutral" in told) is not gear_selected


@pytest.mark.parametrize("direction_engaged", [True, False])
@pytest.mark.parametrize("brake_on", [0, 1])
@pytest.mark.parametrize("pedal_ok", [0, 1])
@pytest.mark.parametrize("torque_wanted", [True, False])
@pytest.mark.parametrize("torque_given", [True, False])
def test_the_pedal_and_the_limiters_are_blamed_only_when_torque_could_be_asked_for(
    direction_engaged, brake_on, pedal_ok, torque_wanted, torque_given
):
    told = why(
        DRIVE,
        direction_engaged=direction_engaged,
        brake_on=brake_on,
        pedal_ok=pedal_ok,
        torque_wanted=torque_wanted,
        torque_given=torque_given,
    )
    could_ask = bool(direction_engaged and not brake_on and pedal_ok)
    assert ("pedal_released" in told) is (could_ask and not torque_wanted)
    limited = could_ask and torque_wanted and not torque_given
    assert ("torque_limited_to_zero" in told) is limited


def test_several_reasons_are_told_together():
    assert why(OFF, key_on=0, plugged_in=1, parameters_ok=False) == {
        "key_off",
        "plugged_in",
        "parameters_broken",
    }


def test_a_reason_that_has_gone_is_no_longer_told():
    machine = in_mode(OFF)
    machine.explain(facts(key_on=0))
    assert machine.reasons
    machine.explain(facts())
    assert machine.reasons == 0


def test_the_lowest_bit_is_the_most_important_reason():
    order = (
        "self_test_running",
        "contactor_failed",
        "plugged_in",
        "key_off",
        "precharging",
        "gear_conflict",
        "gear_neutral",
        "brake_pressed",
        "pedal_released",
    )
    bits = [REASONS.index(name) for name in order]
    assert bits == sorted(bits)
