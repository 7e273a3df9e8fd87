"""Judge: conditions become rows of the fault table with a frame each, and what follows at once."""

from itertools import pairwise

import pytest

from tests.unit.cars import BOTH, Driver, driving, number_of
from vcu import faults, guard, modes, plausibility, shutoff
from vcu.charge import backstops, phases
from vcu.judge import Judge
from vcu.limits import WALK
from vcu.preset import Preset
from vcu.recorder import FIELD_COUNT, FIELDS
from vcu.signals import SLOW_BMS_CONTACTS, SLOW_REFERENCE_HIGH, SLOW_REFERENCE_LOW

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


def frozen(driver):
    """The names of the rows whose frames were frozen, in their order."""
    rows = [row[1] for word in faults.TABLE for row in word]
    numbers = {number_of(name): name for name in rows}
    return [numbers[number] for number in driver.loop.recorder.numbers if number >= 0]


def test_a_judge_says_what_it_confirmed_until_every_frame_is_frozen():
    driver = Driver()
    driver.tick(ROUND)
    judge = Judge(driver.loop)
    assert not judge.must_freeze
    assert not judge.traction(80)
    driver.loop.guard.bits = guard.DATA | guard.UNINTENDED
    assert judge.traction(160)
    for _ in range(2):
        assert judge.must_freeze
        judge.freeze()
    judge.freeze()
    assert not judge.must_freeze
    assert not judge.traction(240)
    assert frozen(driver) == ["unintended_drive", "guard_data"]


def test_a_row_that_has_its_frame_does_not_take_the_place_of_the_next():
    driver = Driver()
    driver.tick(ROUND)
    driver.loop.sense.pedal.fault_bits = 1
    driver.loop.plausibility.bits = plausibility.LOST
    judge = Judge(driver.loop)
    for clock_ms in range(80, 400, 80):
        judge.driver(clock_ms)
        judge.traction(clock_ms)
    for _ in range(3):
        judge.freeze()
    assert not judge.must_freeze
    driver.loop.guard.bits = guard.DATA
    judge.traction(400)
    judge.freeze()
    assert frozen(driver) == ["pedal_a_low", "speed_lost", "guard_data"]
    # One that is new to a car that kept these in its store freezes its own as well.
    judge = Judge(driver.loop)
    driver.loop.guard.bits = guard.DATA | guard.ENABLE_ON
    judge.traction(480)
    judge.freeze()
    assert frozen(driver)[3:] == ["enable_stuck_on"]


@pytest.mark.parametrize(
    ("torque", "pack_da", "is_delivered"),
    [(301, 14, False), (301, -14, False), (301, 15, True), (301, -15, True), (300, 14, True)],
)
def test_more_than_300_permille_that_take_less_than_1_5_a_are_not_delivered(
    torque, pack_da, is_delivered
):
    driver = Driver()
    driver.tick(ROUND)
    driver.loop.observer.lagged_permille = torque
    driver.loop.sig.pack_da = pack_da
    assert not Judge(driver.loop).traction(80)  # nothing is confirmed yet
    row, word = number_of("torque_not_delivered"), faults.TRACTION
    bit = row - word * faults.WORD_SHIFT
    assert driver.loop.faults.present[word] >> bit & 1 == 1 - is_delivered


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


def test_what_a_charge_latches_is_a_row_of_the_table():
    driver = Driver()
    driver.tick(ROUND)
    driver.loop.charge.trip(backstops.WRONG_PACK)
    driver.tick(2 * ROUND)
    assert driver.active == {"wrong_pack"}


def bus_is_live(driver):
    driver.is_welded = True


def weld_is_stored(driver):
    number = number_of("contactor_welded")
    driver.loop.faults.stored[number // faults.WORD_SHIFT] |= 1 << number % faults.WORD_SHIFT


@pytest.mark.parametrize("happen", [bus_is_live, weld_is_stored])
def test_a_plugged_car_whose_traction_has_power_is_not_charged(happen):
    driver = Driver(charger_kind=2)
    driver.plug = 1
    driver.tick(ROUND)
    assert not driver.loop.charge.traction_live
    happen(driver)
    driver.tick(ROUND)
    assert driver.loop.charge.traction_live


def test_a_plugged_car_whose_enable_line_stays_on_is_not_charged(monkeypatch):
    driver = Driver(charger_kind=2)
    driver.plug = 1
    monkeypatch.setattr(Driver, "line_high", True)
    driver.tick(ROUND)
    assert driver.loop.charge.traction_live


def test_a_weld_that_was_repaired_and_cleared_forbids_no_charge():
    driver = Driver(charger_kind=2)
    driver.plug = 1
    weld_is_stored(driver)
    driver.tick(ROUND)
    driver.loop.clear_faults()
    driver.tick(ROUND)
    assert not driver.loop.charge.traction_live


# One row of each word: what shows it, and the ms after which it is confirmed.
TIMES = {
    "gear_both": (lambda driver: setattr(driver, "gear", BOTH), 400),
    "torque_not_delivered": (lambda driver: setattr(driver, "motor_works", False), 1000),
    "battery_too_cold": (lambda driver: setattr(driver, "battery_ddegc", -200), 2000),
    "bms_lost": (lambda driver: driver.slow_counts.update({SLOW_BMS_CONTACTS: 400}), 1000),
}


@pytest.mark.parametrize("name", TIMES)
def test_a_row_is_confirmed_after_its_time_give_or_take_a_round_of_its_word(name):
    break_it, confirm_ms = TIMES[name]
    round_ms = 400 if name == "bms_lost" else 80
    taken = []
    for late in range(0, 40, 8):  # wherever in the rounds of 0.4 s it begins
        driver = Driver(bms_kind=1).engage()
        driver.slow_counts[SLOW_BMS_CONTACTS] = 1052
        driver.body.drag_n = 1e6
        driver.pedal = 600
        driver.tick(200 + late)
        assert driver.active == set()
        break_it(driver)
        taken.append(driver.wait_for(lambda d=driver: name in d.active))
    # A first look counts with the time before it. A motor takes a while to lose its current.
    assert confirm_ms - 90 <= min(taken)
    assert max(taken) <= confirm_ms + round_ms + 300


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


def with_row(word, bit):
    """A car at its key in which this row is active, whatever set it."""
    driver = Driver()
    driver.tick(ROUND)
    driver.loop.faults.active[word] |= 1 << bit
    driver.tick(ROUND)
    return driver


MEASURES = {
    "pack_v_sensor_low",
    "pack_v_sensor_high",
    "bus_v_sensor",
    "pack_a_sensor_low",
    "pack_a_sensor_high",
    "pack_a_sensor_stuck",
    "adc_reference",
}


@pytest.mark.parametrize("word", [faults.PACK, faults.SYSTEM])
def test_a_measurement_that_is_not_to_be_believed_inhibits_a_charge_and_nothing_else_does(word):
    assert not Driver().loop.charge.inhibited
    for bit, row in enumerate(faults.TABLE[word]):
        assert with_row(word, bit).loop.charge.inhibited is (row[1] in MEASURES), row[1]


@pytest.mark.parametrize(("bus_cv", "is_live"), [(9000, False), (9001, True)])
def test_traction_is_live_above_nine_tenths_of_the_packs_voltage(bus_cv, is_live):
    driver = Driver()
    driver.tick(ROUND)
    driver.loop.sig.pack_cv, driver.loop.sig.bus_cv = 10000, bus_cv
    Judge(driver.loop).system(80)
    assert driver.loop.charge.traction_live == is_live


def test_parameters_that_were_lost_stay_so_for_a_charge_until_a_person_has_looked():
    driver = Driver(charger_kind=2)
    driver.plug = 1
    driver.loop.system_bits |= 1 << number_of("parameters_lost") % faults.WORD_SHIFT
    driver.tick(1000)
    charge = driver.loop.charge
    assert (charge.phase, charge.cause) == (phases.OFF, phases.BAD_PARAMETERS)
    driver.loop.clear_faults()
    driver.wait_for(lambda: charge.phase == phases.CHECK, 3000)


def test_a_frozen_adc_inhibits_a_charge_for_as_long_as_it_lasts():
    driver = Driver()
    driver.plug = driver.key = 1
    driver.tick(2 * ROUND)
    assert not driver.loop.charge.inhibited
    driver.slow_counts = {SLOW_REFERENCE_LOW: 1000, SLOW_REFERENCE_HIGH: 1099}
    driver.wait_for(lambda: driver.loop.charge.inhibited, 2000)
    driver.slow_counts = {}
    driver.key = 0
    driver.wait_for(lambda: not driver.loop.charge.inhibited, 8000)


def test_a_speed_that_any_of_four_rows_speaks_against_is_not_believed():
    for bit, row in enumerate(faults.TABLE[faults.TRACTION]):
        driver = with_row(faults.TRACTION, bit)
        is_blind = row[1].startswith("speed_")
        assert driver.loop.sig.speed_trusted == (0 if is_blind else 1), row[1]
        assert driver.loop.allowances.crawls_blind is is_blind


def test_a_speed_is_not_believed_before_its_row_is_confirmed():
    driver = Driver().engage()
    driver.loop.plausibility.bits |= plausibility.DIFFERS
    driver.wait_for(lambda: driver.loop.sig.speed_trusted == 0, 80)
    assert "speed_sources_differ" not in driver.stored


def test_a_stab_and_a_gear_against_the_other_are_rows_and_the_stab_walks():
    driver = Driver(stab_ms=250).engage()
    driver.tick(10)
    driver.pedal = 1000
    driver.tick(10)
    assert driver.active == {"pedal_stabbed"}
    assert driver.loop.governor.name == WALK


def test_a_shutoff_test_that_failed_is_told():
    driver = Driver()
    driver.tick(ROUND)
    driver.line = driver.key = 1
    driver.wait_for(lambda: driver.loop.shutoff.state == shutoff.FAILED, 1000)
    driver.tick(ROUND // 10)
    assert "shutoff_test_failed" in driver.active


def without_motor(pedal):
    """A car held fast whose motor takes no current, and its driver's foot."""
    driver = Driver().engage()
    driver.motor_works = False
    driver.body.drag_n = 1e6
    driver.pedal = pedal
    return driver


def test_a_motor_that_takes_no_current_at_standstill_is_told():
    driver = without_motor(600)
    driver.tick(200)
    assert driver.active == {"torque_not_delivered"}
    assert driver.mode == modes.DRIVE


@pytest.mark.parametrize("current_da", [-20, 20])
def test_a_motor_that_holds_a_car_on_a_hill_is_not(current_da):
    driver = without_motor(600)
    driver.extra_da = current_da
    driver.tick(300)
    assert driver.stored == set()


def test_nor_is_one_that_is_asked_for_less_than_a_third_of_its_torque():
    driver = without_motor(400)
    driver.tick(300)
    assert 250 < driver.loop.torque_permille < 300
    assert driver.stored == set()


def test_nor_is_one_whose_torque_the_driver_has_just_let_go():
    driver = driving(pedal=1000, speed_mmps=100)
    driver.motor_works = False
    driver.pedal = 0
    driver.tick(300)
    assert "torque_not_delivered" not in driver.stored


def test_a_current_that_does_not_reach_the_sensor_while_the_guard_holds_is_no_stuck_sensor():
    driver = driving(speed_mmps=6000)
    driver.line = 0
    driver.tick(100)
    assert driver.stored == {"enable_stuck_off"}


@pytest.mark.parametrize("stall_ms", [410, 480])
def test_a_stall_that_took_the_torque_away_is_no_stuck_sensor(stall_ms):
    for tick in range(8):  # wherever in a round it comes
        driver = driving(speed_mmps=6000)
        driver.tick(tick)
        driver.line = driver.body.torque_permille = 0  # the pump of the heartbeat has fallen
        driver.tick(1, stall_ms)
        driver.line = None
        driver.tick(100)
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
