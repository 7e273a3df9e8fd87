"""Why the car does not drive, as the loop says it, and what a person clears."""

import pytest

from tests.unit.cars import BOTH, FORWARD, NEUTRAL, REVERSE, SETTLED, Driver, driving
from vcu import contactor, modes
from vcu.limits import LIMITER_NAMES
from vcu.preset import Preset

# Bits of the SYSTEM word.
FAILED_SERVICE, LOST_PARAMETERS, LOST_RECORDS = 1 << 7, 1 << 8, 1 << 10


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
