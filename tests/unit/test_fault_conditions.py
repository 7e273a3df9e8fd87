"""Which condition sets which row of the fault table, and that no row is set by nothing."""

import pytest

from tests.unit.cars import BOTH, FORWARD, REVERSE, Driver, knows_its_zero, number_of
from vcu import guard, guard_torque, plausibility
from vcu.charge import backstops
from vcu.faults import PERSON, TABLE, WORD_SHIFT
from vcu.signals import (
    SLOW_BATTERY_TEMP,
    SLOW_BMS_CONTACTS,
    SLOW_RAIL_12V,
    SLOW_REFERENCE_HIGH,
    SLOW_REFERENCE_LOW,
    SLOW_SENSOR_5V,
)


class Broken(Driver):
    """A car in which some of what the hal reads is not the truth."""

    def __init__(self, **values):
        super().__init__(**values)
        self.raw_values = {}
        self.seen = set()

    def _fill(self, dt_ms):
        super()._fill(dt_ms)
        for name, value in self.raw_values.items():
            setattr(self.loop.raw, name, value)

    def tick(self, count=1, dt_ms=10):
        for _ in range(count):
            super().tick(1, dt_ms)
            self.seen |= self.present

    @property
    def present(self):
        return self._rows(self.loop.faults.present)

    def reading(self, **values):
        self.raw_values |= values
        return self

    def slow(self, index, counts):
        self.slow_counts[index] = counts
        return self

    def so(self, **attributes):
        for name, value in attributes.items():
            setattr(self, name, value)
        return self

    def key_on(self):
        return self.so(key=1)


def parked(**values):
    """Self-test and first estimate of the charge done, key off."""
    driver = Broken(**values)
    driver.tick(100)
    return driver


def plugged(open_cv, **values):
    """A car that has been plugged in long enough for the check of its pack."""
    driver = knows_its_zero(parked(**values)).so(plug=1, open_cv=open_cv)
    driver.tick(1000)
    return driver


def ready(**values):
    return Broken(**values).start()


def rolling(speed_mmps, pedal=0, **values):
    driver = Broken(**values).engage(FORWARD)
    driver.pedal = pedal
    driver.roll_at(speed_mmps)
    return driver


# How each comes about; with what else, where one cannot be had alone.
CONDITIONS = {
    "pedal_a_low": lambda: parked().so(pedal_a_counts=20),
    "pedal_a_high": lambda: parked().so(pedal_a_counts=2800),
    "pedal_b_low": lambda: parked().reading(pedal_b_counts=20),
    "pedal_b_high": lambda: parked().reading(pedal_b_counts=2800),
    "pedal_disagrees": lambda: parked().so(pedal_a_counts=1400),
    "pedal_pressed_at_start": lambda: parked().so(pedal=500, key=1),
    "sensor_5v_low": lambda: parked().slow(SLOW_SENSOR_5V, 2300),
    "sensor_5v_high": lambda: parked().slow(SLOW_SENSOR_5V, 2700),
    "adc_frozen adc_reference": lambda: (
        parked().slow(SLOW_REFERENCE_LOW, 1000).slow(SLOW_REFERENCE_HIGH, 1099)
    ),
    "pedal_stabbed": lambda: rolling(0, stab_ms=250).so(pedal=1000),
    "pedal_with_brake": lambda: rolling(3000).so(brake=1, pedal=300),
    "pedal_with_brake brake_always_pressed": lambda: ready().so(brake=1, pedal=300),
    "gear_both": lambda: ready().so(gear=BOTH),
    "gear_while_moving": lambda: rolling(3000).so(gear=REVERSE),
    "rolling_in_neutral": lambda: ready().roll_at(1500),
    "overspeed": lambda: rolling(12500),
    "shutoff_test_failed enable_stuck_on": lambda: parked().key_on().reading(enable_readback=1),
    "enable_stuck_off": lambda: rolling(0).so(pedal=500).reading(enable_readback=0),
    "torque_not_delivered": lambda: rolling(0).so(pedal=600, runaway_permille=0),
    "charge_low": lambda: Broken().so(open_cv=1900 * 24 // 10),
    "pack_voltage_low": lambda: ready().so(open_cv=1640 * 24 // 10),
    "pack_voltage_high": lambda: ready().so(open_cv=2710 * 24 // 10),
    "pack_v_sensor_low": lambda: parked().key_on().reading(pack_v_counts=0),
    "pack_v_sensor_high": lambda: parked().key_on().reading(pack_v_counts=3200),
    "bus_v_sensor": lambda: parked().key_on().reading(bus_v_counts=-1),
    "pack_a_sensor_low": lambda: parked().key_on().reading(pack_a_counts=50),
    "pack_a_sensor_high": lambda: parked().key_on().reading(pack_a_counts=3200),
    "pack_a_sensor_stuck": lambda: rolling(6000, 600).reading(pack_a_counts=1500),
    "discharge_over_current unintended_drive": lambda: parked().so(extra_da=1050),
    "charge_over_current charger_welded": lambda: parked().so(extra_da=-200),
    "battery_sensor_low": lambda: parked().slow(SLOW_BATTERY_TEMP, 10),
    "battery_sensor_high": lambda: parked().slow(SLOW_BATTERY_TEMP, 3200),
    "battery_too_hot": lambda: parked().so(battery_ddegc=700),
    "battery_too_cold": lambda: parked().so(battery_ddegc=-300),
    "motor_sensor": lambda: parked().so(motor_ddegc=None),
    "motor_too_hot": lambda: parked().so(motor_ddegc=1400),
    "controller_sensor": lambda: parked().so(controller_ddegc=None),
    "controller_too_hot": lambda: parked().so(controller_ddegc=850),
    "contactor_welded": lambda: parked().key_on().reading(bus_v_counts=1530),
    "contactor_stuck_open": lambda: ready().so(contactor_works=False, precharge_works=False),
    "precharge_failed": lambda: parked(precharge_tries=1).so(
        precharge_works=False, contactor_works=False, key=1
    ),
    "rail_low": lambda: parked().slow(SLOW_RAIL_12V, 1700),
    "rail_high": lambda: parked().slow(SLOW_RAIL_12V, 2600),
    "adc_reference": lambda: parked().slow(SLOW_REFERENCE_LOW, 269),
    "parameters_conflict": lambda: parked(
        pedal_b_released_counts=468, pedal_b_pressed_counts=2310
    ),
    "charger_welded": lambda: parked().so(extra_da=-40),
    "wrong_pack": lambda: plugged(charger_kind=2, open_cv=2260 * 24 // 10),
    "bms_lost discharge_not_permitted": lambda: parked(bms_kind=1).slow(SLOW_BMS_CONTACTS, 400),
    "discharge_not_permitted": lambda: parked(bms_kind=1).slow(SLOW_BMS_CONTACTS, 1980),
}


@pytest.mark.parametrize("names", CONDITIONS)
def test_a_condition_sets_the_rows_of_its_name_and_no_other(names):
    driver = CONDITIONS[names]()
    driver.seen.clear()
    driver.tick(650)
    assert driver.seen == set(names.split())


BITS = [(plausibility, name) for name in ("LOST", "STOPPED", "ERRATIC", "DIFFERS")]
BITS += [(guard_torque, name) for name in ("TORQUE", "SPEED", "CONFLICT")]
BITS += [(guard, name) for name in ("UNINTENDED", "DATA", "THROTTLE_HIGH", "THROTTLE_LOW")]
BITS += [(guard, name) for name in ("ENABLE_ON", "ENABLE_OFF")]
ROW_OF_BIT = {
    "LOST": "speed_lost",
    "STOPPED": "speed_stopped",
    "ERRATIC": "speed_erratic",
    "DIFFERS": "speed_sources_differ",
    "UNINTENDED": "unintended_drive",
    "TORQUE": "guard_torque",
    "SPEED": "guard_speed",
    "CONFLICT": "guard_conflict",
    "DATA": "guard_data",
    "THROTTLE_HIGH": "throttle_high",
    "THROTTLE_LOW": "throttle_low",
    "ENABLE_ON": "enable_stuck_on",
    "ENABLE_OFF": "enable_stuck_off",
}


@pytest.mark.parametrize(("module", "name"), BITS)
def test_a_finding_of_the_speed_or_of_the_guard_is_the_row_of_its_name(module, name):
    driver = parked()
    finder = driver.loop.plausibility if module is plausibility else driver.loop.guard
    driver.seen.clear()
    for _ in range(12):
        finder.bits |= getattr(module, name)  # one good look may take it back
        driver.tick()
    assert driver.seen == {ROW_OF_BIT[name]}


ROW_OF_CHARGE_BIT = {
    "WRONG_PACK": "wrong_pack",
    "OVER_VOLTAGE": "charge_over_voltage",
    "TIMEOUT": "charge_timeout",
    "AH_LIMIT": "charge_ah_limit",
    "RUNAWAY": "thermal_runaway",
    "CELL_SHORTED": "cell_shorted",
    "PRECHARGE_FAILED": "deep_discharge",
    "DISOBEYS": "charger_disobeys",
}


@pytest.mark.parametrize("name", ROW_OF_CHARGE_BIT)
def test_what_a_charge_latches_is_the_row_of_its_name_until_a_person_clears_it(name):
    driver = parked()
    driver.seen.clear()
    driver.loop.charge.trip(getattr(backstops, name))
    driver.tick(300)
    assert driver.seen == driver.active == {ROW_OF_CHARGE_BIT[name]}
    driver.loop.clear_faults()
    driver.tick(300)
    assert driver.present == driver.active == driver.stored == set()


@pytest.mark.parametrize("key", [0, 1])
def test_a_bms_that_permits_everything_is_no_fault_at_power_on(key):
    driver = Broken(bms_kind=1).slow(SLOW_BMS_CONTACTS, 1052).so(key=key)
    driver.tick(400)
    assert driver.stored == set()
    assert driver.loop.charge.bms.may_discharge


def test_a_pack_that_was_swapped_stops_the_car_until_the_plug_in_check_agrees():
    driver = parked(charger_kind=2)
    driver.loop.charge.session.forget()
    knows_its_zero(driver)
    driver.tick(200)
    assert driver.present == driver.active == {"pack_unconfirmed"}
    assert driver.loop.faults.is_stopped
    driver.plug = 1
    driver.tick(1000)
    assert driver.present == driver.active == set()


@pytest.mark.parametrize(("dt_ms", "rows"), [(25, set()), (26, {"tick_late"})])
def test_a_late_tick_of_a_car_that_is_not_parked_is_told_once(dt_ms, rows):
    driver = rolling(3000)
    driver.seen.clear()
    driver.tick(1, dt_ms)
    driver.tick(100)
    assert driver.seen == rows
    assert driver.present == set()
    driver = parked()
    driver.tick(200)
    driver.seen.clear()
    driver.tick(1, 300)
    driver.tick(100)
    assert driver.seen == set()


# What the service half finds, and the table only times.
FOUND_BY_SERVICE = {
    "reset_by_watchdog",
    "reset_by_exception",
    "supply_lost",
    "service_failed",
    "parameters_lost",
    "records_lost",
    "records_not_written",
}


def test_there_is_no_row_that_nothing_sets():
    found = {name for names in CONDITIONS for name in names.split()}
    found |= {ROW_OF_BIT[name] for _, name in BITS} | {"tick_late"} | FOUND_BY_SERVICE
    found |= set(ROW_OF_CHARGE_BIT.values()) | {"pack_unconfirmed"}
    assert found == {row[1] for rows in TABLE for row in rows}


def all_of_service():
    driver = parked()
    driver.seen.clear()
    for name in FOUND_BY_SERVICE:
        driver.loop.system_bits |= 1 << number_of(name) % WORD_SHIFT
    return driver


def test_how_the_last_run_ended_is_told_once_and_what_lasts_until_its_finder_takes_it_back():
    driver = all_of_service()
    driver.tick(100)
    assert driver.seen == FOUND_BY_SERVICE
    lasting = {"service_failed", "parameters_lost", "records_lost", "records_not_written"}
    assert driver.present == lasting


def test_a_person_takes_back_what_waits_for_a_person_and_nothing_else():
    driver = all_of_service()
    driver.tick(100)
    assert driver.loop.faults.is_stopped
    driver.loop.clear_faults()
    driver.tick(100)
    assert driver.present == {"service_failed", "records_not_written"}
    assert {row[1] for rows in TABLE for row in rows if row[6] == PERSON} == {
        "parameters_lost",
        "records_lost",
    }
    assert driver.active == driver.stored == driver.present
