"""The loop as a whole: from key-on to driving, what cuts the torque, parked, and why not."""

from itertools import pairwise

import pytest
from unit.cars import BOTH, FORWARD, NEUTRAL, REVERSE, Driver, make_params, make_scaling

from vcu import contactor, faults, modes
from vcu.limits import LIMITER_NAMES
from vcu.loop import Loop
from vcu.preset import Preset
from vcu.signals import SLOW_ORDER

# The mode follows key, plug, gear and contactor within so many ticks.
MODE = 5
# Where nothing that moves the car depends on it.
MODE_AT_REST = 9
# What the loop works out slowly, it has worked out after so many.
SETTLED = 100

LITHIUM = {
    "chemistry": 3,
    "cell_count": 24,
    "regen_max_permille": 400,
    "coast_regen_permille": 80,
    "charge_max_da": 800,
    "discharge_max_da": 1800,
    "pack_resistance_mohm": 25,
}


def driving(pedal=500, speed_mmps=3000, **kwargs):
    """A car in DRIVE that rolls, with torque on."""
    driver = Driver(**kwargs).engage(FORWARD)
    driver.pedal = pedal
    driver.roll_at(speed_mmps)
    driver.tick(SETTLED)
    if pedal:
        assert driver.out.throttle_permille > 0
    return driver


def lithium(soc_mv=3270, **values):
    driver = Driver(**{**LITHIUM, **values})
    driver.open_cv = soc_mv * 24 // 10
    return driver


# --- from key-on to driving


def test_from_power_on_to_drive_the_modes_come_in_their_order():
    driver = Driver()
    seen = [driver.mode]
    driver.key = 1
    for tick in range(300):
        driver.gear = FORWARD if tick > 200 else NEUTRAL
        driver.tick()
        if driver.mode != seen[-1]:
            seen.append(driver.mode)
    assert seen == [modes.SELFTEST, modes.OFF, modes.PRECHARGE, modes.READY, modes.DRIVE]


def test_the_self_test_ends_when_every_slow_channel_has_been_read():
    driver = Driver()
    last_ticks = max(SLOW_ORDER.index(index) for index in SLOW_ORDER)
    driver.tick(last_ticks)
    assert (driver.mode, driver.loop.sig.slow_seen) == (modes.SELFTEST, 0)
    driver.tick()
    assert driver.loop.sig.slow_seen == 1
    driver.tick(MODE_AT_REST - 1)
    assert driver.mode == modes.OFF


def test_a_car_whose_pack_cannot_be_read_tests_itself_and_does_not_start():
    driver = Driver()
    driver.pack_readable = False
    driver.tick(100)
    assert driver.mode == modes.OFF
    driver.key = 1
    for _ in range(100):
        driver.tick()
        assert (driver.out.precharge, driver.out.contactor, driver.out.enable) == (0, 0, 0)
    assert "pack_not_readable" in driver.reasons


def test_the_bus_is_charged_before_the_contactor_closes_and_only_then_may_it_drive():
    driver = Driver()
    driver.tick(20)
    driver.key = 1
    stages = []
    for _ in range(300):
        driver.tick()
        out = driver.out
        stage = (out.precharge, out.contactor, driver.mode == modes.READY)
        if not stages or stage != stages[-1]:
            stages.append(stage)
        if out.contactor:
            assert driver.bus_cv > 0.9 * driver.pack_cv
        if out.enable:  # to be tested, while there is nothing to switch on
            assert (out.precharge, out.contactor, out.throttle_permille) == (0, 0, 0)
            assert driver.bus_cv == 0
    assert stages == [
        (0, 0, False), (1, 0, False), (1, 1, False), (0, 1, False), (0, 1, True),
    ] or stages == [(0, 0, False), (1, 0, False), (1, 1, False), (0, 1, True)]  # fmt: skip


def test_ready_gives_no_torque_and_drive_only_what_the_pedal_asks():
    driver = Driver().start()
    driver.pedal = 1000
    driver.tick(SETTLED)
    assert (driver.mode, driver.out.enable, driver.out.throttle_permille) == (modes.READY, 0, 0)
    driver.pedal = 0
    driver.tick()
    driver.gear = FORWARD
    driver.tick(MODE)
    assert (driver.mode, driver.out.enable, driver.out.throttle_permille) == (modes.DRIVE, 1, 0)
    driver.pedal = 500
    driver.tick(SETTLED)
    assert 250 < driver.out.throttle_permille < 500
    assert driver.loop.torque_permille == driver.out.throttle_permille


def test_a_pedal_held_at_key_on_starts_nothing():
    driver = Driver()
    driver.pedal = 500
    driver.start()
    driver.gear = FORWARD
    driver.tick(SETTLED)
    assert (driver.mode, driver.out.throttle_permille) == (modes.READY, 0)


def test_the_torque_rises_by_the_slew():
    driver = Driver().engage()
    driver.pedal = 1000
    driver.tick()
    given = []
    for _ in range(5):
        driver.tick()
        given.append(driver.out.throttle_permille)
    assert [after - before for before, after in pairwise(given)] == [12] * 4
    assert LIMITER_NAMES[driver.loop.chain.winner] == "slew"


def test_reverse_drives_backwards_with_its_own_torque():
    driver = Driver().engage(REVERSE)
    driver.pedal = 1000
    driver.tick(50)
    assert (driver.out.enable, driver.out.reverse) == (1, 1)
    assert driver.out.throttle_permille == 400
    assert LIMITER_NAMES[driver.loop.chain.winner] == "reverse_torque"


def test_after_reverse_forward_has_all_its_torque_again():
    driver = Driver(discharge_max_da=3000).engage(REVERSE)
    driver.pedal = 1000
    driver.tick(20)
    driver.pedal = 0
    driver.wait_for(lambda: driver.body.speed_mps < 0.5, 20000)
    driver.gear = FORWARD
    driver.tick(5)
    driver.pedal = 1000
    driver.tick(90)
    assert driver.out.reverse == 0
    assert driver.out.throttle_permille > 900


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


# Bits of the SYSTEM word.
FAILED_SERVICE, LOST_PARAMETERS, LOST_RECORDS = 1 << 7, 1 << 8, 1 << 10
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
    driver.key = 0
    driver.wait_for(lambda: driver.mode == modes.OFF, 200)
    driver.tick(10)
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.READY, 5000)
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
    driver.key = 0
    driver.wait_for(lambda: driver.mode == modes.OFF, 300)
    driver.tick(10)
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.READY, 5000)


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


# --- parked


def standing(**kwargs):
    """READY, in neutral, pedal released, standing for long."""
    driver = Driver(**kwargs).start()
    assert driver.loop.sig.standstill_ms >= 2000
    return driver


def test_a_car_that_stands_in_neutral_with_the_pedal_released_is_parked():
    assert standing().loop.is_parked() is True


def test_a_bare_board_on_a_bench_is_parked():
    loop = Loop(make_scaling(), make_params())
    for _ in range(20):
        loop.step(10)
    assert loop.is_parked() is True


def test_two_seconds_after_the_last_pulse_it_is_parked_and_not_a_tick_sooner():
    driver = standing()
    driver.roll_at(2000)
    driver.tick(20)
    driver.roll_at(0)
    driver.tick()
    driver.wait_for(lambda: driver.loop.sig.standstill_ms == 1990, 3000)
    assert driver.loop.is_parked() is False
    driver.tick()
    assert driver.loop.sig.standstill_ms == 2000
    assert driver.loop.is_parked() is True


def test_while_the_enable_is_high_it_is_not_parked():
    driver = Driver().engage()
    driver.tick(10)
    # The gear goes to neutral between two ticks: the enable is still high.
    driver.loop.raw.gear_forward_on = 0
    assert (driver.out.enable, driver.loop.is_parked()) == (1, False)
    driver.gear = NEUTRAL
    for _ in range(MODE):
        driver.tick()
        assert driver.loop.is_parked() is (driver.out.enable == 0)
    assert driver.loop.is_parked() is True


@pytest.mark.parametrize("gear", [FORWARD, REVERSE, BOTH])
def test_in_gear_with_the_key_on_it_is_not_parked_even_when_nothing_is_enabled(gear):
    driver = Driver()
    driver.gear = gear
    driver.start()
    assert driver.out.enable == 0
    assert driver.loop.is_parked() is False
    driver.key = 0
    driver.tick()
    assert driver.loop.is_parked() is True


@pytest.mark.parametrize("key", [0, 1])
def test_with_the_pedal_pressed_it_is_not_parked(key):
    driver = standing()
    driver.key = key
    driver.pedal = 300
    driver.tick(2)
    assert driver.loop.is_parked() is False
    driver.pedal = 0
    driver.tick(2)
    assert driver.loop.is_parked() is True


def test_with_a_pedal_that_cannot_be_read_it_is_parked():
    driver = standing()
    driver.pedal = 300
    driver.pedal_a_counts = -1
    driver.tick(2)
    assert driver.loop.is_parked() is True


@pytest.mark.parametrize("name", ["plug", "brake"])
def test_plug_and_brake_have_no_say_in_parked(name):
    driver = standing()
    setattr(driver, name, 1)
    driver.tick(SETTLED)
    assert driver.loop.is_parked() is True


# --- service


def test_service_is_entered_parked_with_the_contactor_open_and_left_on_request():
    driver = Driver()
    driver.tick(30)
    driver.loop.service_wanted = True
    driver.tick(MODE_AT_REST)
    assert driver.mode == modes.SERVICE
    driver.key = 1
    driver.tick(SETTLED)
    assert (driver.mode, driver.out.contactor) == (modes.SERVICE, 0)
    driver.loop.service_wanted = False
    driver.tick(MODE_AT_REST)
    assert driver.mode in (modes.OFF, modes.PRECHARGE)


def test_service_ends_when_it_is_no_longer_parked():
    driver = Driver()
    driver.tick(30)
    driver.loop.service_wanted = True
    driver.tick(MODE_AT_REST)
    assert driver.mode == modes.SERVICE
    driver.pedal = 500
    driver.tick(MODE_AT_REST)
    assert driver.mode == modes.OFF
    driver.pedal = 0
    driver.tick(MODE_AT_REST)
    assert driver.mode == modes.SERVICE
    driver.roll_at(3000)
    driver.tick(10)
    assert driver.mode == modes.OFF


def test_service_is_not_entered_from_driving():
    driver = driving()
    driver.loop.service_wanted = True
    driver.tick(SETTLED)
    assert driver.mode == modes.DRIVE


# --- time


@pytest.mark.parametrize(("dt_ms", "counted_ms"), [(39, 39), (40, 40), (41, 40), (1000, 40)])
def test_a_tick_longer_than_40_ms_is_counted_as_40(dt_ms, counted_ms):
    loop = Loop(make_scaling(), make_params())
    loop.step(10)
    loop.raw.pulses_counts = 1
    loop.step(10)
    assert loop.sig.standstill_ms == 0
    loop.step(dt_ms)
    assert loop.sig.standstill_ms == counted_ms


def test_the_torque_does_not_jump_after_a_stall():
    driver = Driver().engage()
    driver.pedal = 1000
    driver.tick(3)
    before = driver.out.throttle_permille
    driver.tick(dt_ms=40)
    assert driver.out.throttle_permille == before + 48
    driver.loop.step(5000)
    assert driver.out.throttle_permille == before + 96


# --- what it counts


def test_the_odometer_shows_the_way_that_the_car_went():
    driver = driving(speed_mmps=8000)
    driver.tick(2000)
    assert driver.loop.energy.odometer_m == pytest.approx(driver.wheel.way_um / 1e6, abs=2)
    assert driver.loop.energy.odometer_m > 100


def test_where_the_counter_stands_at_power_on_was_not_driven():
    loop = Loop(make_scaling(), make_params())
    loop.raw.pulses_counts = 600
    for _ in range(200):
        loop.step(10)
    assert loop.energy.odometer_m == 0


@pytest.mark.parametrize(("jump", "metres"), [(1000, 56), (1001, 0), (60000, 0)])
def test_a_counter_that_was_reset_is_no_distance(jump, metres):
    loop = Loop(make_scaling(), make_params())
    for _ in range(10):
        loop.step(10)
    loop.raw.pulses_counts = jump
    for _ in range(10):
        loop.step(10)
    assert loop.energy.odometer_m == metres


def test_the_energy_is_that_at_the_terminals():
    driver = driving(speed_mmps=5000)
    begin = driver.loop.energy.trip_mwh
    used_mwms = 0
    for _ in range(2000):
        driver.tick()
        used_mwms += driver.pack_cv * driver.pack_da * 10
    assert driver.loop.energy.trip_mwh - begin == pytest.approx(used_mwms / 3.6e6, rel=0.02)


def test_the_state_of_charge_falls_as_it_drives():
    driver = Driver(capacity_mah=10000).engage()
    driver.pedal = 1000
    driver.tick(SETTLED)
    before = driver.loop.sig.soc_permille
    driver.tick(3000)
    assert 0 < driver.loop.sig.soc_permille < before


def test_the_range_is_worked_out():
    driver = standing()
    driver.tick(SETTLED)
    assert driver.loop.energy.range_m > 0
    assert 0 < driver.loop.energy.range_uncertainty_m < driver.loop.energy.range_m


def test_the_resistance_of_the_pack_is_learnt_from_the_drive():
    driver = Driver(discharge_max_da=3000, pack_resistance_mohm=60).engage()
    driver.resistance_mohm = 110
    driver.roll_at(6000)
    for i in range(3000):
        driver.pedal = 1000 if i % 200 < 100 else 0
        driver.tick()
    assert driver.loop.pack.resistance_mohm == pytest.approx(110, rel=0.15)


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


# --- why it does not drive


def why(driver, ticks=SETTLED):
    driver.tick(ticks)
    return driver.reasons


def test_it_drives_and_there_is_no_reason_why_not():
    assert why(driving()) == []


def test_before_the_self_test_is_over_that_is_the_first_reason():
    driver = Driver()
    assert driver.reasons == ["self_test_running"]
    driver.tick(8)
    assert (driver.mode, driver.reasons[0]) == (modes.SELFTEST, "self_test_running")


def test_broken_parameters_keep_it_off_and_are_named():
    driver = Driver(Preset({"speed_cap_kmh": 99}))
    driver.key = 1
    assert why(driver, 200) == ["fault_stops_the_car", "parameters_broken"]
    assert (driver.mode, driver.out.contactor, driver.out.precharge) == (modes.FAULT, 0, 0)
    assert driver.active == {"parameters_conflict"}


def test_the_key_is_off():
    assert why(Driver()) == ["key_off"]


def test_it_is_plugged_in():
    driver = Driver()
    driver.plug = 1
    driver.key = 1
    assert why(driver) == ["plugged_in"]
    assert driver.mode == modes.CHARGE


def test_it_is_in_service():
    driver = Driver()
    driver.loop.service_wanted = True
    assert why(driver) == ["key_off", "service"]


def test_it_precharges_and_cools_down_after_a_precharge_that_failed():
    driver = Driver(precharge_timeout_ms=2000)
    driver.precharge_works = False
    driver.tick(10)
    driver.key = 1
    assert why(driver) == ["precharging"]
    driver.wait_for(lambda: driver.loop.contactor.state == contactor.COOLDOWN)
    assert why(driver) == ["precharging", "precharge_cooling_down"]
    assert (driver.out.precharge, driver.out.contactor) == (0, 0)


def test_its_contactor_failed():
    driver = Driver(precharge_timeout_ms=500, precharge_tries=1)
    driver.precharge_works = False
    driver.tick(10)
    driver.key = 1
    driver.wait_for(lambda: driver.mode == modes.FAULT)
    assert why(driver) == ["fault_stops_the_car", "contactor_failed", "precharge_cooling_down"]
    assert driver.active == {"precharge_failed"}


def test_its_pack_cannot_be_read():
    driver = driving()
    driver.pack_readable = False
    assert why(driver) == ["fault_stops_the_car", "pack_not_readable"]


def test_its_pedal_cannot_be_read():
    driver = driving()
    driver.pedal_a_counts = -1
    assert why(driver) == ["pedal_fault_until_released"]
    driver.pedal_b_counts = -1
    assert why(driver) == ["pedal_not_readable"]


def test_two_gears_are_selected():
    driver = driving(pedal=0)
    driver.gear = BOTH
    assert why(driver) == ["gear_conflict", "gear_neutral"]


def test_the_gear_was_not_seen_in_neutral_nor_the_pedal_released():
    driver = Driver()
    driver.gear = FORWARD
    driver.pedal = 500
    driver.start()
    assert why(driver) == ["gear_not_seen_in_neutral", "pedal_not_seen_released"]
    driver.gear = NEUTRAL
    assert why(driver) == ["pedal_not_seen_released", "gear_neutral"]
    driver.gear = FORWARD
    assert why(driver) == ["pedal_not_seen_released"]


def test_the_gear_is_in_neutral():
    assert why(Driver().start()) == ["gear_neutral"]


def test_the_gear_was_engaged_with_the_pedal_pressed():
    driver = Driver().start()
    driver.pedal = 500
    driver.tick()
    driver.gear = FORWARD
    assert why(driver) == ["moving_or_pedal_pressed"]


def test_the_gear_was_engaged_against_the_way_it_rolls():
    driver = driving(pedal=0)
    driver.gear = REVERSE
    assert why(driver) == ["moving_or_pedal_pressed"]


def test_the_brake_is_pressed():
    driver = driving()
    driver.brake = 1
    assert why(driver) == ["brake_pressed"]


def test_the_pedal_is_released():
    assert why(Driver().engage()) == ["pedal_released"]


def test_a_limiter_leaves_no_torque():
    driver = driving()
    driver.motor_ddegc = 1420
    assert why(driver) == ["torque_limited_to_zero"]
    assert LIMITER_NAMES[driver.loop.chain.winner] == "motor_temp"


@pytest.mark.parametrize("off_ms", range(10, 200, 10))
def test_a_key_that_bounces_in_a_fault_never_closes_the_contactor_in_the_fault(off_ms):
    bench = Driver().start()
    bench.contactor_works = False
    bench.wait_for(lambda: bench.mode == modes.FAULT)
    bench.contactor_works = True
    bench.key = 0
    bench.tick(off_ms // 10)
    bench.key = 1
    for _ in range(200):
        bench.tick()
        assert not (bench.mode == modes.FAULT and bench.loop.out.contactor)


# --- ticks that come late


@pytest.mark.parametrize(("dt_ms", "told"), [(25, False), (26, True), (500, True)])
def test_a_tick_that_comes_more_than_25_ms_after_the_last_is_told(dt_ms, told):
    driver = driving()
    driver.tick(1, dt_ms)
    driver.tick(SETTLED)
    assert ("tick_late" in driver.stored) is told
    assert driver.mode == modes.DRIVE


def test_a_late_tick_while_something_is_saved_or_the_car_is_parked_is_none():
    saving = driving()
    saving.loop.saving = True
    saving.tick(1, 500)
    saving.tick(SETTLED)
    parked = Driver().start()
    parked.tick(300)
    parked.tick(1, 500)
    parked.tick(SETTLED)
    assert "tick_late" not in saving.stored | parked.stored


@pytest.mark.parametrize("stall_ms", [100, 500, 2000])
def test_a_car_that_stalled_while_it_drove_goes_on_at_the_speed_it_has(stall_ms):
    driver = driving(speed_mmps=5000)
    before = driver.loop.sig.speed_mmps
    driver.tick(1, stall_ms)
    gained_mmps = driver.body.speed_mps * 1000 - before
    for tick in range(SETTLED):
        off_mmps = abs(driver.loop.sig.speed_mmps - driver.body.speed_mps * 1000)
        assert off_mmps < (200 + abs(gained_mmps) if tick < 50 else 200)
        driver.tick()
    assert driver.mode == modes.DRIVE


@pytest.mark.parametrize("phase", range(8))  # where in a round the stall comes
@pytest.mark.parametrize("stamps", [False, True])
def test_a_stall_at_the_cap_does_not_lift_it(stamps, phase):
    driver = Driver(stamps=stamps, wheel_force_n=1500, discharge_max_da=3000).engage()
    driver.pedal = 1000
    driver.tick(2500 + phase)
    fastest = 0
    for _ in range(20):
        driver.tick(1, 100)
        for _ in range(50):
            driver.tick()
            fastest = max(fastest, driver.body.speed_mps * 3.6)
    assert 39 < fastest < 40.5


# --- a person clears the faults


def test_clearing_forgets_what_is_over_and_its_frames():
    driver = driving()
    driver.pedal_a_counts = 0
    driver.tick(30)
    driver.pedal_a_counts = None
    driver.pedal = 0
    driver.tick(200)
    assert (driver.active, driver.stored) == (set(), {"pedal_a_low"})
    assert max(driver.loop.recorder.numbers) >= 0
    driver.loop.clear_faults()
    assert driver.stored == set()
    assert max(driver.loop.recorder.numbers) == -1


def test_clearing_keeps_what_is_still_so():
    driver = driving()
    driver.pedal_a_counts = 0
    driver.tick(30)
    driver.loop.clear_faults()
    assert driver.active == driver.stored == {"pedal_a_low"}


def test_lost_parameters_stop_the_car_until_a_person_confirms_the_defaults():
    driver = Driver()
    driver.loop.system_bits = LOST_PARAMETERS | LOST_RECORDS
    driver.tick(SETTLED)
    driver.key = 1
    driver.tick(SETTLED)
    driver.key = 0
    driver.tick(200)
    driver.key = 1
    driver.tick(SETTLED)
    assert (driver.mode, driver.out.contactor) == (modes.FAULT, 0)
    assert driver.active == {"parameters_lost", "records_lost"}
    driver.loop.clear_faults()
    assert (driver.active, driver.loop.system_bits) == (set(), 0)
    driver.wait_for(lambda: driver.mode == modes.READY)


def test_clearing_does_not_unsay_what_the_service_half_says_otherwise():
    driver = Driver()
    driver.loop.system_bits = LOST_PARAMETERS | FAILED_SERVICE
    driver.tick(SETTLED)
    driver.loop.clear_faults()
    assert driver.loop.system_bits == FAILED_SERVICE
