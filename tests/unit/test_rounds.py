"""Rounds: what is counted, allowed and told a piece a tick, and what a stall does to it."""

from itertools import pairwise

import pytest

from tests.unit.cars import FORWARD, Driver, driving, knows_its_zero, number_of
from vcu import contactor, modes, patterns
from vcu.charge import phases
from vcu.recorder import FIELD_COUNT, FIELDS
from vcu.signals import SLOW_BMS_CONTACTS, SLOW_RAIL_12V, SLOW_REFERENCE_LOW

ROUND = 80  # ticks until everything has had its turn


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


# --- the seconds before a fault


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


def test_a_row_of_the_ring_is_written_every_tenth_tick_and_never_in_one_with_the_pedal():
    driver = driving()
    done = []
    rows, pedal = [], []
    record, pedal_step = driver.loop.recorder.record, driver.loop.sense._pedal_step

    def note_row(*args):
        rows.append(len(done))
        record(*args)

    def note_pedal(*args):
        pedal.append(len(done))
        pedal_step(*args)

    driver.loop.recorder.record = note_row
    driver.loop.sense._pedal_step = note_pedal
    while len(done) < 4 * ROUND:
        driver.tick()
        done.append(True)
    assert len(rows) == 4 * ROUND // 10
    assert {after - before for before, after in pairwise(rows)} == {10}
    assert len(pedal) == 2 * ROUND
    assert not set(rows) & set(pedal)


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


@pytest.mark.parametrize("phase", ["BULK", "CHECK"])
@pytest.mark.parametrize("tick", range(8))
def test_a_charge_ends_before_the_contactor_closes_in_whichever_tick_of_a_round_the_plug_goes(
    tick, phase
):
    driver = knows_its_zero(Driver(charger_kind=2).start())
    charge = driver.loop.charge
    driver.plug = 1
    if phase == "CHECK":
        driver.wait_for(lambda: driver.mode == modes.CHARGE)
        charge.session.delay_s = 3600
    driver.tick(1000 + tick)
    assert phases.NAMES[charge.phase] == phase
    driver.plug = 0
    driver.wait_for(lambda: driver.out.precharge or driver.out.contactor, 4000)
    assert (charge.enable, charge.phase, charge.session.delay_s) == (0, phases.OFF, 0)
    driver.wait_for(lambda: driver.mode == modes.READY)
    driver.tick(100)
    driver.plug = 1
    for _ in range(400):
        driver.tick()
        assert not driver.out.charger
    assert phases.NAMES[charge.phase] == "CHECK"


def test_a_plug_contact_that_bounces_opens_the_chargers_relay_once_and_not_each_time():
    driver = at_its_socket()
    openings, was_on, was_mv = 0, driver.out.charger, driver.out.charge_a_mv
    for tick in range(2000):
        driver.plug = 0 if tick % 80 == 2 else 1  # seen by no choice of the mode
        driver.tick()
        openings += was_on and not driver.out.charger
        assert driver.out.charge_a_mv <= was_mv + 100
        was_on, was_mv = driver.out.charger, driver.out.charge_a_mv
    assert (openings, driver.mode) == (1, modes.CHARGE)
    charge = driver.loop.charge
    assert (charge.phase, charge.cause) == (phases.PAUSE, phases.UNPLUGGED)


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


def test_a_fault_that_is_found_while_a_charge_flows_has_its_frame_at_once():
    driver = at_its_socket()
    driver.tick(2 * ROUND)
    driver.slow_counts[SLOW_RAIL_12V] = 1500
    driver.wait_for(lambda: "rail_low" in driver.active)
    driver.tick(16)
    assert driver.out.charger == 1
    assert number_of("rail_low") in driver.loop.recorder.numbers


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
