"""Judge: conditions become rows of the fault table with a frame each, and what follows at once."""

from itertools import pairwise

import pytest
from unit.cars import Driver, driving, number_of

from vcu import faults, modes
from vcu.preset import Preset
from vcu.recorder import FIELD_COUNT, FIELDS
from vcu.signals import SLOW_REFERENCE_HIGH, SLOW_REFERENCE_LOW

ROUND = 80  # ticks until everything has had its turn
FRAME = 8  # ticks between two frames that are frozen


# --- faults, and what they looked like


def test_a_fault_that_is_confirmed_freezes_its_frame():
    driver = driving()
    driver.pedal_a_counts = 0
    driver.wait_for(lambda: "pedal_a_low" in driver.active, 300)
    driver.tick(FRAME)
    recorder = driver.loop.recorder
    frame = list(recorder.numbers).index(number_of("pedal_a_low"))
    row = dict(zip(FIELDS, recorder.frames[frame][:FIELD_COUNT], strict=True))
    assert row["mode"] == modes.DRIVE
    assert abs(row["speed_mmps"] - 3000) < 300
    driver.tick(100)
    assert recorder.ready >> frame & 1
    before = recorder.frames[frame][3 * FIELD_COUNT + FIELDS.index("pedal_permille")]
    assert before > 300


def test_two_faults_that_are_confirmed_together_have_a_frame_each():
    driver = driving()
    driver.pedal_a_counts = driver.pedal_b_counts = 0
    driver.wait_for(lambda: {"pedal_a_low", "pedal_b_low"} <= driver.active, 300)
    driver.tick(2 * FRAME)
    taken = set(driver.loop.recorder.numbers)
    assert {number_of("pedal_a_low"), number_of("pedal_b_low")} <= taken


def test_however_many_faults_are_confirmed_together_a_tick_freezes_one_frame():
    driver = Driver()
    driver.tick(ROUND)
    names = ["service_failed", "parameters_lost", "records_lost", "records_not_written"]
    for name in names:
        driver.loop.system_bits |= 1 << number_of(name) % faults.WORD_SHIFT
    recorder = driver.loop.recorder
    taken = [0]
    for _ in range(ROUND):
        driver.tick()
        taken.append(sum(1 for number in recorder.numbers if number >= 0))
    assert max(after - before for before, after in pairwise(taken)) == 1
    assert list(recorder.numbers)[:4] == [number_of(name) for name in names]
    assert driver.active == set(names)


def test_a_fault_that_is_cleared_before_its_frame_was_frozen_has_none():
    driver = driving()
    driver.pedal_a_counts = driver.pedal_b_counts = 0
    driver.wait_for(lambda: {"pedal_a_low", "pedal_b_low"} <= driver.active, 300)
    driver.loop.faults.present[faults.DRIVER] = 0  # both are good again
    driver.loop.clear_faults()
    driver.tick(2 * FRAME)
    assert list(driver.loop.recorder.numbers) == [-1] * len(driver.loop.recorder.numbers)


@pytest.mark.parametrize("name", ["parameters_lost", "records_lost", "service_failed"])
def test_what_the_service_half_found_is_a_row_of_the_table(name):
    driver = Driver()
    driver.tick(ROUND)
    driver.loop.system_bits |= 1 << number_of(name) % faults.WORD_SHIFT
    driver.tick(ROUND)
    assert name in driver.active
    driver.loop.system_bits = 0
    driver.tick(10 * ROUND)
    assert (name in driver.active) is (name != "service_failed")
    assert name in driver.stored


@pytest.mark.parametrize(
    "name", ["tick_late", "reset_by_watchdog", "reset_by_exception", "supply_lost"]
)
def test_an_event_is_told_once_and_does_not_last(name):
    driver = Driver()
    driver.loop.system_bits |= 1 << number_of(name) % faults.WORD_SHIFT
    driver.tick(10 * ROUND)
    assert name in driver.stored
    assert name not in driver.active
    assert driver.loop.system_bits == 0
    assert driver.loop.faults.counts[number_of(name)] == 1


def test_a_refused_parameter_stops_the_car():
    driver = Driver(Preset({"speed_cap_kmh": 99}))
    driver.tick(ROUND)
    assert driver.active == {"parameters_conflict"}


def test_a_reference_that_reads_wrong_makes_the_car_crawl():
    driver = driving()
    driver.slow_counts[SLOW_REFERENCE_LOW] = 400
    driver.tick(3 * ROUND)
    assert driver.active == {"adc_reference"}
    assert driver.loop.faults.is_crawling


@pytest.mark.parametrize("name", ["", "adc_frozen", "adc_reference", "pack_v_sensor_low"])
def test_a_measurement_that_is_not_to_be_believed_inhibits_a_charge(name):
    driver = Driver()
    driver.plug = driver.key = 1
    driver.tick(2 * ROUND)
    assert not driver.loop.charge.inhibited
    if name == "adc_frozen":
        driver.slow_counts = {SLOW_REFERENCE_LOW: 1000, SLOW_REFERENCE_HIGH: 1099}
    elif name == "adc_reference":
        driver.slow_counts = {SLOW_REFERENCE_LOW: 400}
    elif name:
        driver.pack_readable = False
    driver.wait_for(lambda: name in driver.active | {""}, 1000)
    driver.wait_for(lambda: driver.loop.charge.inhibited is (name != ""), ROUND * 10)


def test_a_motor_that_takes_no_current_at_standstill_is_told():
    driver = Driver().engage()
    driver.motor_works = False
    driver.body.drag_n = 1e6
    driver.pedal = 600
    driver.tick(200)
    assert driver.active == {"torque_not_delivered"}
    assert driver.mode == modes.DRIVE


def test_a_motor_that_holds_a_car_on_a_hill_is_not():
    driver = Driver().engage()
    driver.body.drag_n = 1e6
    driver.pedal = 600
    driver.tick(300)
    assert "torque_not_delivered" not in driver.stored


def test_a_current_that_does_not_reach_the_sensor_while_the_guard_holds_is_no_stuck_sensor():
    driver = driving(speed_mmps=6000)
    driver.line = 0
    driver.tick(100)
    assert driver.loop.guard.bits
    assert "pack_a_sensor_stuck" not in driver.stored


# --- a speed that is not to be believed


def test_a_car_whose_wheel_sensor_is_lost_crawls_on_little_torque_and_power():
    driver = Driver().engage()
    driver.wheel_turns = False
    driver.pedal = 1000
    driver.wait_for(lambda: "speed_lost" in driver.active, 3000)
    assert driver.loop.sig.speed_trusted == 0
    assert driver.loop.allowances.crawls_blind
    driver.tick(ROUND)
    assert 0 < driver.out.throttle_permille <= 250
    assert driver.limiter == "crawl"
    driver.tick(6000)
    assert driver.body.speed_mps < 25 / 3.6
    assert driver.pack_da * driver.pack_cv / 1e6 < 300


def test_with_pulses_again_and_the_pedal_released_the_speed_is_believed():
    driver = Driver().engage()
    driver.wheel_turns = False
    driver.pedal = 1000
    driver.wait_for(lambda: "speed_lost" in driver.active, 3000)
    driver.wheel_turns = True
    driver.tick(50)
    assert driver.loop.sig.speed_trusted == 0
    driver.pedal = 0
    driver.wait_for(lambda: driver.loop.sig.speed_trusted == 1, 4000)
    assert not driver.loop.allowances.crawls_blind
