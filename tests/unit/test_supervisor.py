"""Supervisor: the shut-off test, keys that bounce, caps, and a fault that outlasts its cause."""

import pytest
from unit.cars import FORWARD, NEUTRAL, REVERSE, Driver

from vcu import contactor, modes, shutoff

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


# --- what a person may do, and why the car does not drive


def test_a_car_that_rolls_gives_nobody_its_service_mode():
    driver = Driver()
    driver.tick(20)
    driver.loop.service_wanted = True
    driver.roll_at(2000)
    assert driver.mode == modes.OFF
    driver.body.speed_mps = 0.0
    driver.wait_for(lambda: driver.mode == modes.SERVICE, 3000)


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
    # From when it takes more than an idle car may: 250 W.
    driver.wait_for(lambda: driver.pack_da * driver.pack_cv > 250000, 1000)
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
        if driver.loop.contactor.state == contactor.OPEN:
            raise AssertionError(off_at_ms)


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
