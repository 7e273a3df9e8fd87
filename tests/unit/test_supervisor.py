"""Supervisor: the shut-off test, keys that bounce, caps, and a fault that outlasts its cause."""

from random import Random
from types import SimpleNamespace

import pytest

from tests.unit.cars import FORWARD, MODE_AT_REST, NEUTRAL, REVERSE, Driver, make_params
from vcu import contactor, faults, modes, shutoff
from vcu.charge import phases
from vcu.signals import Raw, Signals
from vcu.supervisor import Supervisor

# The mode follows what is asked of it within so many ticks, key-off with its bounces aside.
MODE = 5
WALK_MMPS = 1666
CRAWL_MMPS = 2777


def started(**values):
    """A car whose self-test is over, with the key just turned on."""
    driver = Driver(**values)
    driver.tick(20)
    driver.key = 1
    return driver


def driving(speed_mmps=3000, **values):
    driver = Driver(**values).engage(FORWARD)
    driver.pedal = 500
    driver.roll_at(speed_mmps)
    driver.tick(50)
    assert driver.out.throttle_permille > 0
    return driver


def cap_of(driver):
    """The cap in force and the limiter that it is named by."""
    driver.tick(10)
    governor = driver.loop.governor
    return governor.cap_mmps, governor.name


class Parts:
    """What a supervisor looks at, each where it is put, and what it asks of the contactor."""

    def __init__(self, mode=modes.OFF, **values):
        self.raw, self.sig = Raw(), Signals()
        self.raw.plug_in = 0
        self.modes = SimpleNamespace(
            mode=mode, step=lambda _: False, wants_contactor=lambda: True, explain=self.explain
        )
        self.contactor = SimpleNamespace(
            state=contactor.OPEN, failure=contactor.NOTHING, step=self.ask
        )
        self.shutoff = SimpleNamespace(
            state=shutoff.PASSED, is_running=bool, reset=bool, start=bool
        )
        self.request = SimpleNamespace(
            direction=NEUTRAL, selected=NEUTRAL, seen_neutral=True, seen_released=True, permille=0
        )
        self.faults = SimpleNamespace(is_stopped=False)
        self.guard = SimpleNamespace(is_tripped=False)
        self.charge = SimpleNamespace(is_quiet=True, phase=phases.OFF, allowed=False)
        self.allowances = SimpleNamespace(reverse=SimpleNamespace(permille=1000))
        self.output = SimpleNamespace(show=lambda *_: None)
        self.sense = SimpleNamespace(pedal=SimpleNamespace(needs_release=False))
        self.governor = SimpleNamespace(choose=None)
        self.out = self.protection = None
        self.service_wanted = False
        self.saving = False
        self.torque_permille = 0
        self.asked = None
        self.told = None
        self.supervisor = Supervisor(self, make_params(**values))

    def ask(self, wanted, _sig, _dt_ms):
        self.asked = wanted

    def explain(self, conditions):
        self.told = conditions

    def is_parked(self):
        return True


def with_key_on(parts):
    """The key is on, and was seen."""
    parts.raw.key_on = 1
    parts.supervisor.choose(40)
    return parts


# --- before the first look


def test_a_new_car_has_no_key_no_power_and_tests_nothing():
    supervisor = Driver().loop.supervisor
    assert not supervisor.key_on
    assert not supervisor.powered
    assert not supervisor.tests_shutoff


# --- the shut-off test


def test_each_key_on_tests_every_way_to_switch_off_before_the_bus_gets_voltage():
    driver = started()
    steps = []
    while driver.mode != modes.READY:
        driver.tick()
        state = driver.loop.shutoff.state
        if not steps or steps[-1] != state:
            steps.append(state)
        if state != shutoff.PASSED:
            assert (driver.out.precharge, driver.out.contactor) == (0, 0)
    assert steps == list(range(shutoff.PASSED + 1))


def test_while_it_runs_it_is_the_reason_and_then_pre_charging_is():
    driver = started()
    told = []
    while driver.mode != modes.READY:
        driver.tick()
        for name in driver.reasons:
            if name in ("testing_shutoff", "precharging") and name not in told:
                told.append(name)
    assert told == ["testing_shutoff", "precharging"]


@pytest.mark.parametrize(("level", "failed_at"), [(1, shutoff.GUARD_LOW), (0, shutoff.ALL_HIGH)])
def test_a_line_that_does_not_follow_stops_the_car_until_it_does(level, failed_at):
    driver = started()
    driver.line = level
    driver.wait_for(lambda: driver.mode == modes.FAULT, 1000)
    assert driver.loop.shutoff.failed_at == failed_at
    for _ in range(200):
        driver.tick()
        assert (driver.out.enable, driver.out.precharge, driver.out.contactor) == (0, 0, 0)
    assert "shutoff_test_failed" in driver.active
    driver.line = None
    driver.tick(100)
    assert driver.mode == modes.FAULT
    driver.key = 0
    driver.tick(200)
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.READY)


def test_a_key_on_that_is_broken_off_begins_with_the_whole_test_again():
    driver = started()
    driver.wait_for(lambda: driver.loop.shutoff.state == shutoff.HEARTBEAT_GONE)
    driver.plug = 1
    driver.tick(MODE)
    assert driver.loop.shutoff.state == shutoff.IDLE
    assert (driver.out.enable, driver.out.guard, driver.out.heartbeat) == (0, 0, 1)
    driver.plug = 0
    driver.wait_for(lambda: driver.loop.shutoff.state == shutoff.GUARD_LOW, 100)


def test_a_plug_pulled_with_the_key_on_needs_no_second_test():
    driver = Driver().start()
    driver.plug = 1
    driver.wait_for(lambda: driver.mode == modes.CHARGE, 1000)
    driver.plug = 0
    for _ in range(100):
        driver.tick()
        assert driver.loop.shutoff.state == shutoff.PASSED


def test_the_next_key_on_tests_again():
    driver = Driver().start()
    driver.key = 0
    driver.tick(11 + MODE)
    assert driver.loop.shutoff.state == shutoff.IDLE
    driver.key = 1
    driver.tick(2 * MODE)
    assert driver.loop.shutoff.is_running()


# --- a key that bounces


def test_a_key_that_is_gone_for_less_than_100_ms_cuts_the_torque_and_nothing_else():
    driver = driving()
    for _ in range(5):
        driver.key = 0
        for _ in range(9):
            driver.tick()
            assert (driver.mode, driver.out.contactor) == (modes.DRIVE, 1)
            assert driver.out.throttle_permille == 0
        driver.key = 1
        driver.tick(5)
        assert driver.out.throttle_permille > 0


def test_a_key_that_is_gone_for_longer_was_turned_off():
    driver = driving()
    driver.key = 0
    driver.wait_for(lambda: driver.mode == modes.OFF, 160)
    driver.tick(30)
    assert driver.out.contactor == 0


def test_a_key_counts_as_off_after_100_ms_and_three_looks_at_most():
    driver = started()
    driver.tick(MODE)
    assert driver.loop.supervisor.key_on == 1
    driver.key = 0
    assert 100 <= driver.wait_for(lambda: not driver.loop.supervisor.key_on, 200) <= 160


@pytest.mark.parametrize(("gone_ms", "key_on"), [(99, 1), (100, 0), (101, 0)])
def test_a_key_is_off_100_ms_after_it_was_first_seen_gone(gone_ms, key_on):
    parts = with_key_on(Parts())
    parts.raw.key_on = 0
    parts.supervisor.choose(1000)
    assert parts.supervisor.key_on == 1
    parts.supervisor.choose(gone_ms)
    assert parts.supervisor.key_on == key_on


def test_a_key_that_comes_back_is_seen_to_and_counts_from_the_start_when_it_goes_again():
    parts = with_key_on(Parts())
    supervisor = parts.supervisor
    for _ in range(3):
        parts.raw.key_on = 0
        supervisor.choose(40)
        parts.raw.key_on = 1
        assert supervisor.is_due()
        supervisor.choose(99)
        assert not supervisor.is_due()
        assert supervisor.key_on == 1


# --- what the mode is chosen from

DIRECTIONS = (REVERSE, NEUTRAL, FORWARD)
FACTS = {
    "plug": ("raw.plug_in", (0, 1)),
    "pack": ("sig.pack_valid", (0, 1)),
    "sensors": ("sig.slow_seen", (0, 1)),
    "direction": ("request.direction", DIRECTIONS),
    "contactor": ("contactor.state", tuple(range(len(contactor.NAMES)))),
    "shutoff": ("shutoff.state", tuple(range(len(shutoff.NAMES)))),
    "stopped": ("faults.is_stopped", (False, True)),
    "tripped": ("guard.is_tripped", (False, True)),
    "quiet": ("charge.is_quiet", (False, True)),
}


def put(parts, fact, value):
    part, name = FACTS[fact][0].split(".")
    setattr(getattr(parts, part), name, value)


@pytest.mark.parametrize("fact", FACTS)
def test_a_change_of_one_fact_is_seen_whatever_the_others_are(fact):
    parts = with_key_on(Parts())
    draw = Random(1)
    for _ in range(100):
        for other in FACTS:
            put(parts, other, draw.choice(FACTS[other][1]))
        if fact in ("stopped", "tripped"):
            # Either of them stops the car: one matters where the other is not.
            put(parts, "tripped" if fact == "stopped" else "stopped", False)
        for value in FACTS[fact][1] * 2:
            put(parts, fact, value)
            parts.supervisor.choose(0)
            assert not parts.supervisor.choose(0)
            for changed in FACTS[fact][1]:
                if changed != value:
                    put(parts, fact, changed)
                    assert parts.supervisor.choose(0)
                    put(parts, fact, value)
                    assert parts.supervisor.choose(0)


def test_a_current_that_ends_calls_for_a_choice_each_time():
    driver = driving()
    driver.extra_da = 200
    driver.tick(10)
    driver.plug = 1
    driver.wait_for(lambda: driver.loop.contactor.state == contactor.OPENING, 100)
    for _ in range(5):
        driver.tick()
        assert driver.loop.supervisor.is_due() or driver.loop.contactor.state == contactor.OPEN


# --- what follows from the mode


@pytest.mark.parametrize("mode", range(len(modes.NAMES)))
@pytest.mark.parametrize("state", range(len(contactor.NAMES)))
def test_only_a_closed_contactor_in_ready_or_drive_is_power(mode, state):
    parts = Parts(mode)
    parts.contactor.state = state
    with_key_on(parts)
    powered = state == contactor.CLOSED and mode in (modes.READY, modes.DRIVE)
    assert parts.supervisor.powered == powered


@pytest.mark.parametrize("mode", range(len(modes.NAMES)))
@pytest.mark.parametrize("state", range(len(contactor.NAMES)))
@pytest.mark.parametrize("plug", [0, 1])
def test_a_charge_is_permitted_in_its_mode_plugged_in_with_the_contactor_open(mode, state, plug):
    parts = Parts(mode)
    parts.contactor.state = state
    parts.raw.plug_in = plug
    with_key_on(parts)
    is_open = state in (contactor.OPEN, contactor.COOLDOWN)
    assert parts.charge.allowed == (mode == modes.CHARGE and plug == 1 and is_open)


@pytest.mark.parametrize("state", range(len(contactor.NAMES)))
def test_an_open_contactor_waits_for_a_current_at_rest_and_a_closed_one_does_not(state):
    parts = Parts(modes.PRECHARGE)
    parts.contactor.state = state
    parts.charge.is_quiet = False
    with_key_on(parts)
    assert parts.asked == (state not in (contactor.OPEN, contactor.COOLDOWN))
    parts.charge.is_quiet = True
    parts.supervisor.choose(40)
    assert parts.asked


@pytest.mark.parametrize("phase", range(len(phases.NAMES)), ids=phases.NAMES)
@pytest.mark.parametrize("state", range(len(contactor.NAMES)), ids=contactor.NAMES)
def test_an_open_contactor_waits_for_the_end_of_the_charge_and_a_closed_one_does_not(state, phase):
    parts = Parts(modes.PRECHARGE)
    parts.contactor.state = state
    parts.charge.phase = phase
    with_key_on(parts)
    is_open = state in (contactor.OPEN, contactor.COOLDOWN)
    assert parts.asked == (phase == phases.OFF or not is_open)
    parts.charge.phase = phases.OFF
    parts.supervisor.choose(40)
    assert parts.asked


@pytest.mark.parametrize("permille", [100, 400, 600])
def test_reverse_has_its_share_of_the_torque_and_the_rest_all_of_it(permille):
    parts = with_key_on(Parts(modes.DRIVE, reverse_torque_permille=permille))
    for direction in DIRECTIONS * 2:
        parts.request.direction = direction
        parts.supervisor.choose(40)
        allowed = permille if direction == REVERSE else 1000
        assert parts.allowances.reverse.permille == allowed


def test_the_supply_is_held_from_the_change_of_mode_on_that_needs_it():
    driver = started()
    driver.wait_for(lambda: driver.mode == modes.PRECHARGE, 200)
    assert driver.out.hold == 1


@pytest.mark.parametrize("turtle_permille", [199, 200])
def test_parameters_that_break_a_rule_permit_no_charge(turtle_permille):
    parts = Parts(soc_turtle_permille=turtle_permille, soc_derate_permille=200)
    assert parts.supervisor.parameters_ok == (turtle_permille < 200)
    assert parts.charge.parameters_ok == (turtle_permille < 200)


# --- what a person may do, and why the car does not drive


@pytest.mark.parametrize("permille", [-100, -1, 0, 1, 1000])
def test_torque_is_wanted_and_given_from_one_permille_on(permille):
    parts = Parts(modes.DRIVE)
    parts.request.permille = permille
    parts.supervisor.explain()
    assert (parts.told.torque_wanted, parts.told.torque_given) == (permille > 0, False)
    parts.torque_permille = permille
    parts.request.permille = 0
    parts.supervisor.explain()
    assert (parts.told.torque_wanted, parts.told.torque_given) == (False, permille > 0)


def test_a_car_that_rolls_gives_nobody_its_service_mode():
    driver = Driver()
    driver.tick(20)
    driver.loop.service_wanted = True
    driver.roll_at(2000)
    assert driver.mode == modes.OFF
    driver.body.speed_mps = 0.0
    driver.wait_for(lambda: driver.mode == modes.SERVICE, 3000)


@pytest.mark.parametrize(
    "happens",
    [
        lambda loop: setattr(loop.raw, "key_on", 1),
        lambda loop: setattr(loop.raw, "plug_in", 1),
        lambda loop: setattr(loop, "service_wanted", True),
    ],
    ids=["key", "plug", "wish"],
)
def test_key_plug_and_wish_each_call_for_a_choice_of_the_mode_at_once(happens):
    driver = Driver()
    driver.tick(1000)
    assert not driver.loop.supervisor.is_due()
    happens(driver.loop)
    assert driver.loop.supervisor.is_due()


def test_a_car_that_has_stood_for_long_follows_a_wish_and_its_end():
    driver = Driver()
    driver.tick(1000)
    for wanted, mode in ((True, modes.SERVICE), (False, modes.OFF)) * 2:
        driver.loop.service_wanted = wanted
        driver.tick(2 * MODE_AT_REST)
        assert driver.mode == mode


def test_a_wish_that_is_taken_back_before_its_mode_calls_for_no_choice_any_more():
    driver = Driver()
    driver.tick(20)
    driver.roll_at(500)
    driver.loop.service_wanted = True
    driver.tick(2 * MODE)
    assert driver.mode == modes.OFF
    driver.loop.service_wanted = False
    driver.tick(MODE_AT_REST)
    assert not driver.loop.supervisor.is_due()


def test_a_look_at_the_reasons_takes_no_change_of_gear_from_the_choice_of_the_mode():
    driver = Driver().start()
    driver.gear = FORWARD
    driver.wait_for(lambda: driver.loop.request.direction == FORWARD, 100)
    assert driver.mode == modes.READY
    driver.loop.supervisor.explain()
    assert driver.loop.supervisor.is_due()


def test_a_pressed_brake_is_a_reason_for_as_long_as_it_is_pressed():
    driver = driving()
    for brake in (1, 0):
        driver.brake = brake
        driver.tick(100)
        assert ("brake_pressed" in driver.reasons) == bool(brake)


def test_a_plug_in_while_driving_permits_a_charge_only_once_the_contactor_is_open():
    driver = driving()
    driver.plug = 1
    driver.roll_at(0)
    for _ in range(200):
        driver.tick()
        state = driver.loop.contactor.state
        assert not driver.loop.charge.allowed or state in (contactor.OPEN, contactor.COOLDOWN)
    assert driver.loop.charge.allowed
    driver.plug = 0
    driver.tick(MODE)
    assert not driver.loop.charge.allowed


# --- which cap


def test_forward_and_reverse_have_each_its_cap():
    assert cap_of(Driver(speed_cap_kmh=45).engage(FORWARD)) == (12500, 10)
    assert cap_of(Driver(reverse_cap_kmh=5).engage(REVERSE)) == (1388, 10)


def stab(driver):
    """Press the pedal to the floor within two ticks."""
    driver.tick(10)
    driver.pedal = 1000
    driver.tick(10)


def test_a_stabbed_pedal_gives_walking_speed_until_it_has_been_released():
    driver = Driver(stab_ms=250).engage()
    stab(driver)
    assert cap_of(driver) == (WALK_MMPS, 12)
    assert "pedal_stabbed" in driver.stored
    fastest = 0
    for _ in range(1000):
        driver.tick()
        fastest = max(fastest, driver.body.speed_mps)
    assert 1.0 < fastest < WALK_MMPS / 1000 + 0.14
    driver.pedal = 0
    assert cap_of(driver)[1] == 10


def test_a_pedal_pressed_in_600_ms_is_no_stab():
    driver = Driver(stab_ms=250).engage()
    for travel in range(0, 1001, 16):
        driver.pedal = travel
        driver.tick()
    assert cap_of(driver)[1] == 10
    assert "pedal_stabbed" not in driver.stored


def test_a_broken_pedal_channel_crawls_and_crawling_is_slower_than_nothing_but_walking():
    driver = Driver(stab_ms=250).engage()
    driver.pedal_a_counts = 0
    driver.tick(50)
    assert cap_of(driver) == (CRAWL_MMPS, 13)
    stab(driver)
    assert cap_of(driver) == (WALK_MMPS, 12)


def test_where_crawling_is_as_fast_as_walking_the_driver_is_told_to_release_the_pedal():
    driver = Driver(stab_ms=250, crawl_cap_kmh=6).engage()
    driver.pedal_a_counts = 0
    driver.tick(50)
    stab(driver)
    assert cap_of(driver) == (WALK_MMPS, 12)


def test_a_crawl_slower_than_walking_is_the_cap():
    driver = Driver(stab_ms=250, crawl_cap_kmh=4).engage()
    driver.pedal_a_counts = 0
    driver.tick(50)
    stab(driver)
    assert cap_of(driver) == (1111, 13)


def test_a_crawling_car_stays_below_10_kmh():
    driver = Driver(discharge_max_da=3000).engage()
    driver.pedal_a_counts = 0
    driver.tick(50)
    driver.pedal = 1000
    driver.tick(1500)
    assert 2.2 < driver.body.speed_mps < CRAWL_MMPS / 1000 + 0.14
    assert driver.limiter == "crawl"


# --- faults that stop the car


def test_a_motor_that_pulls_by_itself_loses_the_enable_and_then_the_contactor():
    driver = Driver().engage()
    driver.tick(50)
    driver.runaway_permille = 600
    # From when it takes more than an idle car's lights, 250 W, and its sensor's noise, 120 W.
    driver.wait_for(lambda: driver.pack_da * driver.pack_cv > 370000, 1000)
    ms = driver.wait_for(lambda: not driver.out.enable, 1000)
    assert (driver.out.guard, driver.out.heartbeat, driver.line_high) == (0, 0, False)
    assert ms <= 150
    ms += driver.wait_for(lambda: not driver.out.contactor, 1000)
    assert ms <= 300
    driver.wait_for(lambda: driver.mode == modes.FAULT, 200)
    driver.tick(20)
    assert "unintended_drive" in driver.active
    driver.runaway_permille = None
    driver.tick(300)
    assert driver.mode == modes.FAULT
    driver.gear = NEUTRAL
    driver.key = 0
    driver.tick(150)
    assert not driver.loop.guard.is_tripped
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.READY)


@pytest.mark.parametrize(
    ("break_it", "row"),
    [
        pytest.param({"contactor_works": False}, "contactor_stuck_open", id="stuck open"),
        pytest.param({"precharge_works": False}, "precharge_failed", id="pre-charge"),
        pytest.param({"is_welded": True}, "contactor_welded", id="welded"),
    ],
)
def test_a_contactor_that_failed_stays_failed_until_the_key_was_off(break_it, row):
    driver = Driver(precharge_timeout_ms=500, precharge_tries=1, precharge_cooldown_ms=3000)
    for name, value in break_it.items():
        setattr(driver, name, value)
    driver.tick(20)
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.FAULT)
    for name, value in break_it.items():
        setattr(driver, name, not value)
    driver.bus_cv = 0.0
    for _ in range(1000):
        driver.tick()
        assert (driver.mode, driver.out.contactor) == (modes.FAULT, 0)
    assert {"fault_stops_the_car", "contactor_failed"} <= set(driver.reasons)
    assert row in driver.active
    driver.key = 0
    driver.tick(40)
    assert (driver.mode, driver.loop.contactor.failure) == (modes.OFF, contactor.NOTHING)
    assert row not in driver.active
    assert row in driver.stored
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.READY, 8000)


def test_a_pre_charge_that_failed_as_the_key_was_turned_off_still_cools_down():
    for off_at_ms in range(300, 1000, 10):
        driver = Driver(precharge_timeout_ms=500, precharge_tries=1, precharge_cooldown_ms=3000)
        driver.precharge_works = False
        driver.tick(20)
        driver.key = 1
        driver.wait_for(lambda d=driver: d.out.precharge == 1)
        driver.tick(off_at_ms // 10)
        driver.key = 0
        driver.tick(20)
        assert driver.loop.contactor.state != contactor.OPEN, off_at_ms


# --- the supply


def test_the_supply_is_held_while_something_is_saved_after_the_key():
    driver = Driver().start()
    driver.key = 0
    driver.loop.saving = True
    driver.tick(200)
    assert (driver.mode, driver.out.contactor, driver.out.hold) == (modes.OFF, 0, 1)
    driver.loop.saving = False
    driver.tick(50)
    assert driver.out.hold == 0


def test_a_car_that_a_fault_stopped_holds_its_supply_until_the_key_was_off_and_all_is_saved():
    driver = driving()
    driver.loop.faults.step(faults.DRIVER, 1 << 8, 1, 0, 200)
    driver.wait_for(lambda: driver.mode == modes.FAULT, 300)
    driver.wait_for(lambda: driver.loop.contactor.state == contactor.OPEN, 500)
    driver.tick(100)
    assert (driver.mode, driver.out.hold) == (modes.FAULT, 1)
    driver.key = 0
    for _ in range(5):  # until the service half has seen the key
        driver.tick()
        assert driver.out.hold == 1
    driver.loop.saving = True
    for _ in range(200):
        driver.tick()
        assert driver.out.hold == 1
    assert driver.mode == modes.OFF
    driver.loop.saving = False
    driver.tick(50)
    assert driver.out.hold == 0


def test_a_car_does_not_drive_off_on_a_charger_that_nobody_can_switch_off():
    driver = Driver()
    driver.extra_da = -120
    driver.key = 1
    for _ in range(600):
        driver.tick()
        assert not driver.out.contactor
        assert not driver.out.precharge
    assert "charger_welded" in driver.active
    driver.extra_da = 0
    driver.key = 0
    driver.tick(500)
    driver.start()
    assert driver.mode == modes.READY
