"""Rounds: what is counted, judged and told a piece a tick, and what a stall does to it."""

from itertools import pairwise

import pytest
from unit.cars import FORWARD, Driver, knows_its_zero

from vcu import contactor, faults, modes, patterns
from vcu.charge import phases
from vcu.preset import Preset
from vcu.recorder import FIELD_COUNT, FIELDS
from vcu.signals import SLOW_BMS_CONTACTS, SLOW_REFERENCE_LOW

ROUND = 80  # ticks until everything has had its turn
FRAME = 8  # ticks between two frames that are frozen


def driving(pedal=500, speed_mmps=3000, **values):
    driver = Driver(**values).engage(FORWARD)
    driver.pedal = pedal
    driver.roll_at(speed_mmps)
    driver.tick(50)
    return driver


def number_of(name):
    """The row number of a fault, as counts and freeze frames have it."""
    for word, rows in enumerate(faults.TABLE):
        for bit, row in enumerate(rows):
            if row[1] == name:
                return word * faults.WORD_SHIFT + bit
    raise KeyError(name)


# --- time


@pytest.mark.parametrize("dt_ms", [10, 9, 25, 40])
def test_operating_time_is_the_seconds_that_passed_whatever_the_ticks(dt_ms):
    driver = Driver()
    ticks = 20000 // dt_ms
    driver.tick(ticks, dt_ms)
    assert abs(driver.loop.operating_s - ticks * dt_ms / 1000) <= 1


def test_a_stall_is_counted_in_operating_time_up_to_2_s():
    driver = Driver()
    driver.tick(ROUND)
    before = driver.loop.operating_s
    driver.tick(10, 2000)
    driver.tick(2 * ROUND)
    assert driver.loop.operating_s - before in (20, 21, 22)


def test_the_energy_of_a_stall_is_counted_once():
    driver = driving(pedal=0)
    driver.extra_da = 40  # less than the guard stops the car for
    driver.tick(ROUND)
    before = driver.loop.energy.trip_mwh
    driver.tick(1, 1000)
    driver.tick(ROUND)
    counted = driver.loop.energy.trip_mwh - before
    assert counted == pytest.approx(driver.pack_cv * driver.pack_da * 1.8 / 3600, rel=0.1)


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


def test_ten_rows_a_second_go_into_the_ring():
    driver = driving(pedal=0)
    driver.tick(500)
    driver.pedal = 500
    driver.tick(100)
    driver.pedal_a_counts = 0
    driver.wait_for(lambda: "pedal_a_low" in driver.active, 300)
    driver.tick(100)
    frame = list(driver.loop.recorder.numbers).index(number_of("pedal_a_low"))
    rows = driver.loop.recorder.frames[frame]
    pedal = [rows[i * FIELD_COUNT + FIELDS.index("pedal_permille")] for i in range(21)]
    pressed = sum(1 for permille in pedal if permille > 300)
    assert 9 <= pressed <= 11


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


# --- a car at its socket


def at_its_socket(cell_mv=2050, contacts=3300, **values):
    """A car that has been plugged in long enough for the check of its pack."""
    driver = Driver(**({"charger_kind": 2} | values))
    driver.open_cv = driver.params.get("cell_count") * cell_mv // 10
    driver.slow_counts[SLOW_BMS_CONTACTS] = contacts
    knows_its_zero(driver)
    driver.plug = 1
    driver.tick(1000)
    return driver


def test_a_car_that_is_plugged_in_is_charged_and_the_plug_ends_it_in_the_same_tick():
    driver = at_its_socket()
    assert driver.mode == modes.CHARGE
    assert driver.loop.charge.phase == phases.BULK
    assert driver.out.charger == 1
    assert driver.out.charge_v_mv > 2500
    driver.plug = 0
    driver.tick()
    assert (driver.out.charger, driver.out.charge_v_mv, driver.out.charge_a_mv) == (0, 0, 0)
    driver.tick(ROUND)
    assert driver.loop.charge.phase == phases.OFF


def test_a_car_is_never_charged_and_driven_in_the_same_tick():
    driver = at_its_socket()
    driver.key = 1
    for tick in range(1500):
        driver.plug = tick // 300 % 2
        driver.gear = FORWARD if tick % 300 > 250 else 0
        driver.tick()
        out = driver.out
        assert not (out.charger and (out.enable or out.contactor or out.precharge))
        assert not (out.charger and driver.loop.contactor.state != contactor.OPEN)


@pytest.mark.parametrize(
    "breaks",
    [
        lambda driver: driver.slow_counts.update({SLOW_REFERENCE_LOW: 400}),
        lambda driver: setattr(driver, "pack_readable", False),
    ],
    ids=["adc reference", "pack voltage"],
)
def test_a_measurement_that_is_not_believed_pauses_the_charge(breaks):
    driver = at_its_socket()
    breaks(driver)
    driver.wait_for(lambda: driver.loop.charge.phase == phases.PAUSE, 8000)
    assert driver.loop.charge.cause == phases.NO_SENSOR
    assert driver.out.charger == 0


def test_a_lithium_pack_whose_temperature_is_lost_is_not_charged():
    driver = at_its_socket(3300, contacts=1052, chemistry=3, cell_count=20, bms_kind=1)
    assert driver.out.charger == 1
    driver.battery_ddegc = None
    driver.wait_for(lambda: not driver.out.charger, 2000)
    assert driver.loop.charge.cause == phases.NO_SENSOR


def test_a_lithium_pack_whose_bms_forbids_charging_is_not_charged():
    driver = at_its_socket(3300, contacts=1052, chemistry=3, cell_count=20, bms_kind=1)
    assert driver.out.charger == 1
    driver.slow_counts[SLOW_BMS_CONTACTS] = 1336
    driver.wait_for(lambda: not driver.out.charger, 2000)
    assert driver.loop.charge.cause == phases.BMS_REFUSES


def test_while_the_car_drives_a_bms_that_forbids_discharge_takes_the_torque_within_5_s():
    driver = driving(bms_kind=1)
    driver.slow_counts[SLOW_BMS_CONTACTS] = 1052
    driver.tick(10 * ROUND)
    assert driver.out.throttle_permille > 0
    assert "discharge_not_permitted" not in driver.active
    driver.slow_counts[SLOW_BMS_CONTACTS] = 1980
    driver.tick(ROUND)
    assert driver.out.throttle_permille > 0  # to leave the crossing
    driver.tick(5 * ROUND)
    assert (driver.out.throttle_permille, driver.limiter) == (0, "bms")
    assert "discharge_not_permitted" in driver.active
    assert driver.mode == modes.DRIVE


def test_while_the_car_drives_a_bms_whose_wire_is_shorted_is_told():
    driver = driving(bms_kind=1)
    driver.slow_counts[SLOW_BMS_CONTACTS] = 400
    driver.tick(5 * ROUND)
    assert "bms_lost" in driver.active


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


# --- what is told


def test_the_lamp_shows_what_the_car_does():
    driver = Driver()
    seen = []
    for tick in range(400):
        driver.key = 1 if tick > 50 else 0
        driver.tick()
        shown = patterns.NAMES[driver.loop.output.patterns.shown]
        if not seen or seen[-1] != shown:
            seen.append(shown)
    assert seen == ["silent", "ready"]
    driver.plug = 1
    driver.tick(50)
    assert patterns.NAMES[driver.loop.output.patterns.shown] == "plugged_in"


def test_a_car_that_rolls_in_neutral_is_heard():
    driver = Driver().start()
    driver.roll_at(2000)
    heard = 0
    for _ in range(300):
        driver.tick()
        heard += driver.out.buzzer
    assert heard
    assert "rolling_in_neutral" in driver.active
