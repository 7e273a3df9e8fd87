"""The torque through the whole loop: what cuts it at once, what limits it, what it teaches."""

import pytest

from tests.unit.cars import BOTH, MODE, NEUTRAL, REVERSE, SETTLED, Driver, driving
from vcu import contactor, faults, modes
from vcu.limits import LIMITER_NAMES
from vcu.signals import SLOW_BMS_CONTACTS

LITHIUM = {
    "chemistry": 3,
    "cell_count": 24,
    "regen_max_permille": 400,
    "coast_regen_permille": 80,
    "charge_max_da": 800,
    "discharge_max_da": 1800,
    "pack_resistance_mohm": 25,
    "bms_kind": 1,
}


def lithium(soc_mv=3270, **values):
    driver = Driver(**{**LITHIUM, **values})
    driver.open_cv = soc_mv * 24 // 10
    driver.slow_counts[SLOW_BMS_CONTACTS] = 1052  # both permitted
    return driver


# --- what cuts the torque in the same tick


def press_brake(driver):
    driver.brake = 1


def plug_in(driver):
    driver.plug = 1


def key_off(driver):
    driver.key = 0


def lose_pedal(driver):
    driver.pedal_a_counts = -1


def go_neutral(driver):
    driver.gear = NEUTRAL


def select_both(driver):
    driver.gear = BOTH


def select_reverse(driver):
    driver.gear = REVERSE


def weld(driver):
    driver.is_welded = True


def lose_resistor(driver):
    driver.precharge_works = False


# The rows of the fault table that stop the car.
STOPPING = {row[1] for word in faults.TABLE for row in word if row[3] == faults.STOP}
AT_ONCE = [press_brake, plug_in, key_off, go_neutral, select_both, select_reverse]


@pytest.mark.parametrize("happen", AT_ONCE)
def test_the_torque_is_cut_in_the_same_tick(happen):
    driver = driving()
    happen(driver)
    driver.tick()
    out = driver.out
    assert (out.throttle_permille, out.regen_permille, driver.loop.torque_permille) == (0, 0, 0)
    assert out.throttle_mv == 800


@pytest.mark.parametrize("happen", AT_ONCE)
def test_a_cut_has_no_ramp_and_no_regeneration_where_that_is_fitted(happen):
    driver = lithium().engage()
    driver.pedal = 500
    driver.roll_at(6000)
    driver.tick(SETTLED)
    happen(driver)
    driver.tick()
    assert (driver.out.throttle_permille, driver.out.regen_permille) == (0, 0)


def test_a_pedal_that_cannot_be_read_cuts_within_20_ms():
    driver = driving()
    lose_pedal(driver)
    driver.tick(2)
    assert (driver.out.throttle_permille, driver.out.regen_permille) == (0, 0)


@pytest.mark.parametrize(("happen", "ticks"), [(plug_in, MODE), (key_off, MODE + 12)])
def test_plug_or_key_take_the_enable_and_then_the_contactor(happen, ticks):
    driver = driving()
    happen(driver)
    driver.tick(ticks)
    assert (driver.mode, driver.out.enable) == (modes.OFF, 0)
    ms = driver.wait_for(lambda: driver.out.contactor == 0, 300)
    assert ms <= 260
    assert driver.out.precharge == 0


@pytest.mark.parametrize("happen", [plug_in, key_off])
def test_the_contactor_opens_under_load_rather_than_wait_for_a_current_that_does_not_stop(happen):
    driver = driving()
    driver.extra_da = 600
    happen(driver)
    ms = driver.wait_for(lambda: driver.out.contactor == 0, 400)
    assert 150 <= ms <= 300


def test_the_plug_leads_to_charge_once_the_contactor_is_open():
    driver = driving()
    driver.plug = 1
    driver.wait_for(lambda: driver.mode == modes.CHARGE, 500)
    assert (driver.out.contactor, driver.out.enable) == (0, 0)
    driver.plug = 0
    driver.key = 0
    driver.tick(MODE)
    assert driver.mode == modes.OFF


def test_a_pack_that_cannot_be_read_cuts_within_200_ms_and_opens_the_contactor():
    driver = driving()
    driver.pack_readable = False
    driver.tick(7)
    assert driver.mode == modes.DRIVE  # one bad sample does not open a contactor
    driver.tick(13)
    assert driver.mode in (modes.OFF, modes.FAULT)
    assert (driver.out.enable, driver.out.throttle_permille) == (0, 0)
    driver.wait_for(lambda: driver.out.contactor == 0, 300)
    driver.tick(10)
    assert driver.mode == modes.FAULT
    assert driver.active >= {"pack_v_sensor_low"}


def key_off_and_on(driver):
    driver.key = 0
    driver.wait_for(lambda: driver.mode == modes.OFF, 200)
    driver.tick(10)
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.READY, 5000)


def test_a_contactor_that_opens_by_itself_is_a_fault_until_the_key_was_off():
    driver = driving()
    driver.contactor_works = False
    driver.wait_for(lambda: driver.mode == modes.FAULT, 5000)
    assert (driver.out.enable, driver.out.throttle_permille, driver.out.contactor) == (0, 0, 0)
    assert driver.loop.contactor.failure == contactor.STUCK_OPEN
    driver.tick(SETTLED)
    assert driver.mode == modes.FAULT
    assert "contactor_failed" in driver.reasons
    driver.contactor_works = True
    driver.pedal = 0
    driver.gear = NEUTRAL
    key_off_and_on(driver)
    assert driver.active.isdisjoint(STOPPING)
    assert "contactor_stuck_open" in driver.stored


@pytest.mark.parametrize("prepare", [weld, lose_resistor])
def test_a_contactor_that_failed_is_tried_again_at_the_next_key_on(prepare):
    driver = Driver(precharge_timeout_ms=500, precharge_tries=1, precharge_cooldown_ms=3000)
    prepare(driver)
    driver.tick(20)
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.FAULT)
    driver.tick(500)
    assert driver.mode == modes.FAULT
    driver.precharge_works = True
    driver.bus_cv = 0.0
    driver.is_welded = False
    key_off_and_on(driver)


def test_when_the_brake_is_let_go_the_torque_rises_from_zero():
    driver = driving()
    driver.brake = 1
    driver.tick()
    driver.brake = 0
    driver.tick()
    assert 0 < driver.out.throttle_permille <= 12


def test_when_the_pedal_can_be_read_again_it_must_first_be_released():
    driver = driving()
    lose_pedal(driver)
    driver.tick(2)
    driver.pedal_a_counts = None
    for _ in range(SETTLED):
        driver.tick()
        assert driver.out.throttle_permille == 0
    driver.pedal = 0
    driver.tick(2)
    assert driver.loop.sig.pedal_valid == 1
    driver.wait_for(lambda: not driver.active, 1500)
    driver.pedal = 500
    driver.tick(4)
    assert driver.out.throttle_permille > 0


def test_while_the_torque_is_cut_no_limiter_is_named():
    driver = Driver().engage()
    driver.pedal = 1000
    driver.tick(3)
    assert driver.loop.chain.winner
    driver.brake = 1
    driver.tick()
    assert driver.loop.chain.winner == 0


# --- each limiter is in the chain


def limited_by(name, prepare, ticks=200, **values):
    """Prepare a car, drive it with the pedal down, and return it if that limiter is at work."""
    driver = Driver(**values)
    prepare(driver)
    driver.engage()
    driver.pedal = 1000
    driver.roll_at(6000)
    driver.tick(ticks)
    assert LIMITER_NAMES[driver.loop.chain.winner] == name
    return driver.out.throttle_permille


def set_to(**values):
    def prepare(driver):
        for name, value in values.items():
            setattr(driver, name, value)

    return prepare


CAUSES = [
    ("battery_temp", {"battery_ddegc": 550}, 500),
    ("battery_temp", {"battery_ddegc": None}, 500),
    ("motor_temp", {"motor_ddegc": 1250}, 500),
    ("motor_temp", {"motor_ddegc": None}, 500),
    ("controller_temp", {"controller_ddegc": 775}, 500),
    ("controller_temp", {"controller_ddegc": None}, 500),
    ("state_of_charge", {"open_cv": 24 * 192}, 440),
]


@pytest.mark.parametrize(("name", "cause", "torque"), CAUSES)
def test_each_cause_limits_the_torque_and_is_named(name, cause, torque):
    given = limited_by(name, set_to(**cause), discharge_max_da=3000)
    assert given == pytest.approx(torque, abs=20)


def test_the_pack_current_stays_at_its_limit():
    driver = Driver(discharge_max_da=400, mass_kg=800).engage()
    driver.pedal = 1000
    driver.tick(1500)
    assert LIMITER_NAMES[driver.loop.chain.winner] == "pack_current"
    assert 350 < driver.pack_da < 440


def test_a_weak_pack_is_not_drawn_below_its_floor():
    driver = Driver(discharge_max_da=3000, pack_resistance_mohm=200).engage()
    driver.pedal = 1000
    lowest = driver.pack_cv
    for _ in range(2000):
        driver.tick()
        lowest = min(lowest, driver.pack_cv)
    assert LIMITER_NAMES[driver.loop.chain.winner] == "pack_low_voltage"
    assert lowest > 24 * 155
    assert driver.pack_cv > 24 * 164


def test_the_speed_cap_is_in_the_chain():
    driver = driving(pedal=1000, speed_mmps=10800, discharge_max_da=3000)
    driver.tick(300)
    assert LIMITER_NAMES[driver.loop.chain.winner] == "speed_cap"
    assert driver.body.speed_mps * 3.6 < 40.5


# --- regeneration


def coasting(prepare=None, **values):
    driver = lithium(**values)
    if prepare:
        prepare(driver)
    driver.engage()
    driver.pedal = 1000
    driver.roll_at(8000)
    driver.tick(SETTLED)
    driver.pedal = 0
    driver.tick(SETTLED)
    return driver


def test_coasting_regenerates_where_it_is_fitted():
    driver = coasting()
    assert (driver.out.regen_permille, driver.out.throttle_permille) == (80, 0)
    assert driver.out.throttle_mv == 800
    assert driver.pack_da < 0


def test_no_regeneration_is_asked_where_none_is_fitted():
    driver = driving(pedal=0, speed_mmps=8000)
    assert (driver.out.regen_permille, driver.out.throttle_permille) == (0, 0)


@pytest.mark.parametrize(
    "cause",
    [{"battery_ddegc": -5}, {"battery_ddegc": None}, {"open_cv": 3585 * 24 // 10}],
    ids=["cold", "unknown temperature", "over-voltage"],
)
def test_lithium_that_is_cold_full_or_of_unknown_temperature_takes_no_regeneration(cause):
    driver = coasting(set_to(**cause))
    assert (driver.out.regen_permille, driver.loop.torque_permille) == (0, 0)
    assert LIMITER_NAMES[driver.loop.chain.winner] == "regen_charge"


def test_lithium_that_no_bms_watches_takes_no_regeneration_and_drives():
    driver = coasting(bms_kind=0)
    assert (driver.out.regen_permille, LIMITER_NAMES[driver.loop.chain.winner]) == (
        0, "regen_charge",
    )  # fmt: skip
    driver.pedal = 500
    driver.tick(SETTLED)
    assert driver.out.throttle_permille > 0


# --- what the learner is told


def listen(driver, ticks=20):
    """Return what the learner is told in these ticks of who moves the torque."""
    told = []
    driver.loop.response.step = lambda _observer, _sig, moves, _ms: told.append(bool(moves))
    driver.tick(ticks)
    assert told
    return set(told)


def test_the_driver_moves_the_torque_when_nothing_limits_it():
    driver = driving(pedal=400)
    assert LIMITER_NAMES[driver.loop.chain.winner] == "none"
    assert listen(driver) == {True}


def test_the_driver_moves_the_torque_while_it_rises_by_the_slew():
    driver = Driver().engage()
    driver.pedal = 1000
    driver.tick(5)
    assert LIMITER_NAMES[driver.loop.chain.winner] == "slew"
    assert listen(driver) == {True}


def test_the_driver_does_not_move_the_torque_while_a_limiter_holds_it():
    driver = driving(pedal=1000, speed_mmps=10900, discharge_max_da=3000)
    driver.tick(300)
    assert listen(driver) == {False}


def test_what_a_ceiling_that_never_moves_leaves_of_the_torque_teaches_as_well():
    driver = Driver(mass_kg=250, discharge_max_da=3000)
    driver.battery_ddegc = None  # a broken sensor halves the torque
    driver.engage()
    driver.brake = 1
    driver.tick(150)
    driver.brake = 0
    driver.pedal = 1000
    driver.wait_for(lambda: driver.body.speed_mps > 4, 20000)
    assert LIMITER_NAMES[driver.loop.chain.winner] == "battery_temp"
    assert listen(driver) == {True}


def test_a_braking_car_teaches_nothing():
    driver = driving(pedal=0)
    driver.brake = 1
    driver.tick(10)
    assert LIMITER_NAMES[driver.loop.chain.winner] == "none"
    assert listen(driver) == {False}


@pytest.mark.parametrize("mass_kg", [250, 900])
def test_a_launch_teaches_the_mass_of_the_car(mass_kg):
    driver = Driver(mass_kg=mass_kg, discharge_max_da=3000).engage()
    driver.pedal = 1000
    driver.wait_for(lambda: driver.body.speed_mps > 5, 20000)
    learnt = driver.loop.response.accel_full_mmps2
    assert learnt == pytest.approx(driver.body.accel_full_mmps2, rel=0.3)
