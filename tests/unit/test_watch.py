"""Watch: which condition sets which row of the fault table, each limit from both sides."""

from types import SimpleNamespace

import pytest

from tests.unit.cars import FORWARD, NEUTRAL, REVERSE, make_params
from vcu import contactor, faults, pedal
from vcu.signals import Raw, Signals
from vcu.watch import Watch


class Bench:
    """A watch in a sound car that drives at 5 m/s; each word is read by the names of its rows."""

    def __init__(self, **values):
        self.raw = Raw()
        self.raw.key_on = 1
        self.raw.gear_forward_on = 1
        self.sig = sig = Signals()
        sig.pack_valid = sig.pedal_valid = sig.slow_seen = 1
        sig.pack_cv = sig.bus_cv = 5000
        sig.soc_permille = 500
        sig.speed_mmps = 5000
        sig.sensor_5v_mv = 5000
        sig.rail_cv = 1300
        sig.reference_low_counts = 300
        sig.reference_high_counts = 2400
        for part in ("battery", "motor", "controller"):
            setattr(sig, part + "_ddegc", 300)
            setattr(sig, part + "_temp_valid", 1)
        self.sense = SimpleNamespace(
            pedal=SimpleNamespace(fault_bits=0),
            supply_ok=True,
            pack_bits=0,
            battery_is_open=False,
        )
        self.protection = SimpleNamespace(stabbed=0, both=0, rolls=0)
        self.request = SimpleNamespace(
            seen_released=True, seen_neutral=True, selected=FORWARD, direction=FORWARD
        )
        self.relay = SimpleNamespace(failure=contactor.NOTHING)
        self.watch = Watch(make_params(**values), self.sense, self.protection)

    def driver(self, powered=True, overspeed=0, **readings):
        self.read(readings)
        bits = self.watch.driver(self.raw, self.sig, self.request, powered, overspeed)
        return names(faults.DRIVER, bits)

    def pack(self, torque_permille=0, **readings):
        self.read(readings)
        bits = self.watch.pack(self.raw, self.sig, self.relay, torque_permille)
        return names(faults.PACK, bits)

    def system(self, **readings):
        self.read(readings)
        return names(faults.SYSTEM, self.watch.system(self.sig))

    def read(self, readings):
        for name, value in readings.items():
            assert hasattr(self.sig, name)
            setattr(self.sig, name, value)


def names(word, bits):
    rows = faults.TABLE[word]
    assert bits < 1 << len(rows)
    return {row[1] for i, row in enumerate(rows) if bits >> i & 1}


def test_a_sound_car_that_drives_has_nothing_to_tell():
    bench = Bench()
    assert (bench.driver(), bench.pack(), bench.system()) == (set(), set(), set())


# --- the driver


@pytest.mark.parametrize(
    ("bit", "name"),
    [
        (pedal.A_LOW, "pedal_a_low"),
        (pedal.A_HIGH, "pedal_a_high"),
        (pedal.B_LOW, "pedal_b_low"),
        (pedal.B_HIGH, "pedal_b_high"),
        (pedal.DISAGREES, "pedal_disagrees"),
    ],
)
def test_what_the_pedal_found_are_the_first_rows(bit, name):
    bench = Bench()
    bench.sense.pedal.fault_bits = bit
    assert bench.driver() == {name}


def test_a_pedal_not_seen_released_is_one_while_the_car_is_powered_and_it_can_be_read():
    bench = Bench()
    bench.request.seen_released = False
    assert bench.driver() == {"pedal_pressed_at_start"}
    assert bench.driver(powered=False) == set()
    assert bench.driver(pedal_valid=0) == set()


@pytest.mark.parametrize(
    ("sensor_5v_mv", "name"),
    [(0, "sensor_5v_low"), (4999, "sensor_5v_low"), (5000, "sensor_5v_high")],
)
def test_a_bad_supply_of_the_pedal_is_low_or_high(sensor_5v_mv, name):
    bench = Bench()
    assert bench.driver(sensor_5v_mv=sensor_5v_mv) == set()
    bench.sense.supply_ok = False
    assert bench.driver() == {name}


@pytest.mark.parametrize(("high", "frozen"), [(400, False), (399, True), (300, True)])
def test_references_closer_than_100_counts_are_a_frozen_converter(high, frozen):
    bench = Bench()
    expected = {"adc_frozen"} if frozen else set()
    assert bench.driver(reference_high_counts=high) == expected
    assert bench.driver(slow_seen=0) == set()


@pytest.mark.parametrize(
    ("attribute", "name"),
    [("stabbed", "pedal_stabbed"), ("both", "pedal_with_brake"), ("rolls", "rolling_in_neutral")],
)
def test_what_the_protection_saw_is_told(attribute, name):
    bench = Bench()
    setattr(bench.protection, attribute, 1)
    assert bench.driver() == {name}


@pytest.mark.parametrize(("standstill_ms", "told"), [(5000, False), (5001, True)])
def test_a_brake_that_holds_a_pressed_pedal_for_5_s_may_be_always_pressed(standstill_ms, told):
    bench = Bench()
    assert bench.driver(standstill_ms=standstill_ms) == set()
    bench.protection.both = 1
    assert ("brake_always_pressed" in bench.driver()) is told


def test_both_gears_at_once_are_told():
    bench = Bench()
    bench.raw.gear_reverse_on = 1
    assert bench.driver() == {"gear_both"}
    bench.raw.gear_forward_on = 0
    assert bench.driver() == set()


@pytest.mark.parametrize("selected", [FORWARD, REVERSE])
def test_a_gear_selected_above_3_kmh_that_does_not_engage_is_told(selected):
    bench = Bench()
    bench.request.selected = selected
    bench.request.direction = NEUTRAL
    assert bench.driver(speed_mmps=833) == set()
    assert bench.driver(speed_mmps=834) == {"gear_while_moving"}
    bench.request.seen_neutral = False
    assert bench.driver() == set()
    bench.request.seen_neutral = True
    bench.request.selected = NEUTRAL
    assert bench.driver() == set()
    bench.request.selected = bench.request.direction = selected
    assert bench.driver() == set()


def test_overspeed_is_told():
    assert Bench().driver(overspeed=1) == {"overspeed"}


# --- the pack


@pytest.mark.parametrize(
    ("chemistry", "low_cv", "high_cv"), [(0, 3960, 6480), (3, 6000, 8760), (2, 3960, 5952)]
)
def test_the_pack_is_low_and_high_one_count_beyond_its_cells(chemistry, low_cv, high_cv):
    bench = Bench(chemistry=chemistry, cell_count=24)
    assert bench.pack(pack_cv=low_cv) == set()
    assert bench.pack(pack_cv=low_cv - 1) == {"pack_voltage_low"}
    assert bench.pack(pack_cv=high_cv) == set()
    assert bench.pack(pack_cv=high_cv + 1) == {"pack_voltage_high"}


@pytest.mark.parametrize(
    ("bits", "name"),
    [
        (1, "pack_v_sensor_low"),
        (2, "pack_v_sensor_high"),
        (4, "bus_v_sensor"),
        (8, "pack_a_sensor_low"),
        (16, "pack_a_sensor_high"),
    ],
)
def test_a_pack_that_cannot_be_read_is_told_by_its_sensor_with_the_key_on(bits, name):
    bench = Bench()
    bench.sense.pack_bits = bits
    assert bench.pack(pack_cv=0) == {"pack_voltage_low"}
    assert bench.pack(pack_valid=0) == {name}
    bench.raw.key_on = 0
    assert bench.pack() == set()


def test_over_current_is_a_quarter_beyond_what_is_allowed():
    bench = Bench(discharge_max_da=800, charge_max_da=100)
    assert bench.pack(pack_da=1000) == set()
    assert bench.pack(pack_da=1001) == {"discharge_over_current"}
    assert bench.pack(pack_da=-145) == set()
    assert bench.pack(pack_da=-146) == {"charge_over_current"}


# 900 N of which 300 permille at 5 m/s are 1350 W; a quarter is 337.5 W, and at 50 V 6.75 A.
@pytest.mark.parametrize(
    ("pack_da", "stuck"), [(68, False), (67, True), (0, True), (-19, True), (-20, False)]
)
def test_a_car_that_moves_under_torque_on_no_current_has_a_stuck_sensor(pack_da, stuck):
    expected = {"pack_a_sensor_stuck"} if stuck else set()
    assert Bench().pack(300, pack_da=pack_da) == expected


@pytest.mark.parametrize(
    ("torque", "readings"),
    [
        pytest.param(250, {}, id="little torque"),
        pytest.param(300, {"speed_mmps": 3000}, id="slow"),
        pytest.param(300, {"bus_cv": 4500}, id="contactor open"),
        pytest.param(-300, {}, id="braking"),
    ],
)
def test_where_little_current_may_flow_the_sensor_is_not_blamed(torque, readings):
    assert Bench().pack(torque, **readings) == set()


@pytest.mark.parametrize(
    ("torque", "readings"),
    [(251, {}), (300, {"speed_mmps": 3001}), (300, {"bus_cv": 4501})],
)
def test_one_count_further_it_is(torque, readings):
    assert Bench().pack(torque, **readings) == {"pack_a_sensor_stuck"}


@pytest.mark.parametrize(
    ("is_open", "name"), [(0, "battery_sensor_low"), (1, "battery_sensor_high")]
)
def test_a_broken_battery_sensor_is_open_or_shorted(is_open, name):
    bench = Bench()
    bench.sense.battery_is_open = bool(is_open)
    assert bench.pack() == set()
    assert bench.pack(battery_temp_valid=0, battery_ddegc=9999) == {name}


@pytest.mark.parametrize(("chemistry", "hot"), [(0, 600), (3, 600)])
def test_a_battery_is_too_hot_where_no_torque_is_left_and_too_cold_below_minus_15(chemistry, hot):
    bench = Bench(chemistry=chemistry, cell_count=16)
    assert "battery_too_hot" not in bench.pack(battery_ddegc=hot - 1)
    assert "battery_too_hot" in bench.pack(battery_ddegc=hot)
    assert "battery_too_cold" not in bench.pack(battery_ddegc=-150)
    assert "battery_too_cold" in bench.pack(battery_ddegc=-151)


@pytest.mark.parametrize("part", ["motor", "controller"])
def test_a_part_is_too_hot_at_its_stop_or_has_a_broken_sensor(part):
    bench = Bench(motor_stop_ddegc=1200, controller_stop_ddegc=800)
    stop = {"motor": 1200, "controller": 800}[part]
    assert bench.pack(**{part + "_ddegc": stop - 1}) == set()
    assert bench.pack(**{part + "_ddegc": stop}) == {part + "_too_hot"}
    assert bench.pack(**{part + "_temp_valid": 0}) == {part + "_sensor"}


def test_temperatures_are_judged_once_all_have_been_read():
    bench = Bench()
    broken = {"battery_temp_valid": 0, "motor_temp_valid": 0, "controller_temp_valid": 0}
    assert bench.pack(slow_seen=0, **broken) == set()


def test_charge_is_low_below_the_turtles():
    bench = Bench(soc_turtle_permille=100)
    assert bench.pack(soc_permille=100) == set()
    assert bench.pack(soc_permille=99) == {"charge_low"}


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (contactor.WELDED, "contactor_welded"),
        (contactor.STUCK_OPEN, "contactor_stuck_open"),
        (contactor.PRECHARGE_FAILED, "precharge_failed"),
    ],
)
def test_why_the_contactor_failed_is_told(failure, name):
    bench = Bench()
    bench.relay.failure = failure
    assert bench.pack() == {name}


# --- the board


@pytest.mark.parametrize(
    ("readings", "name"),
    [
        ({"rail_cv": 1049}, "rail_low"),
        ({"rail_cv": 1551}, "rail_high"),
        ({"reference_low_counts": 269}, "adc_reference"),
        ({"reference_low_counts": 341}, "adc_reference"),
        ({"reference_high_counts": 2299}, "adc_reference"),
        ({"reference_high_counts": 2501}, "adc_reference"),
    ],
)
def test_rail_and_references_are_wrong_one_count_beyond_their_range(readings, name):
    bench = Bench()
    assert bench.system(**readings) == {name}
    assert bench.system(slow_seen=0) == set()


@pytest.mark.parametrize(
    "readings",
    [
        {"rail_cv": 1050, "reference_low_counts": 270, "reference_high_counts": 2300},
        {"rail_cv": 1550, "reference_low_counts": 340, "reference_high_counts": 2500},
    ],
)
def test_rail_and_references_are_right_at_the_ends_of_their_range(readings):
    assert Bench().system(**readings) == set()


def test_watching_changes_nothing():
    bench = Bench()
    bench.sense.pack_bits = 31
    bench.protection.both = 1
    parts = (bench.raw, bench.sig, bench.sense, bench.protection, bench.request, bench.relay)
    before = [dict(vars(part)) for part in parts]
    bench.driver()
    bench.pack(500)
    bench.system()
    assert [vars(part) for part in parts] == before


def test_a_bare_board_without_a_pack_stores_nothing_of_one():
    bench = Bench()
    bench.raw.key_on = 0
    bench.sense.pack_bits = 1
    bare = {"pack_valid": 0, "soc_permille": 0, "battery_temp_valid": 0, "motor_temp_valid": 0}
    assert bench.pack(**bare, controller_temp_valid=0) == set()
    bench.raw.key_on = 1
    assert bench.pack() == {"pack_v_sensor_low"}
