"""Raw counts to units: scale, sign, and which readings are marked as not to be believed."""

import pytest

from tests.unit.cars import make_params
from vcu.pedal import DISAGREES
from vcu.sense import Scaling, Sense
from vcu.signals import SLOW_NAMES, UNKNOWN_DDEGC, Raw, Signals

NTC = (100, 1500, 1000, 400, 2000, 150, 3000, -200)
# Different for each channel, so that no two can be mixed up.
SCALING = Scaling(
    pack_cv_per_1000_counts=3333,
    bus_cv_per_1000_counts=2500,
    pack_da_per_1000_counts=2500,
    rail_cv_per_1000_counts=1660,
    sensor_5v_mv_per_1000_counts=1818,
    ntc_table=NTC,
)
BATTERY, MOTOR, CONTROLLER, RAIL, SENSOR, READBACK, LOW, HIGH, CONTACTS = range(9)
TEMPERATURES = (
    (BATTERY, "battery"),
    (MOTOR, "motor"),
    (CONTROLLER, "controller"),
)


PRESSED = {"pedal_a_counts": 2310, "pedal_b_counts": 1155}
RELEASED = {"pedal_a_counts": 468, "pedal_b_counts": 234}


class Bench:
    """One Sense with its records, fed with a good reading of everything."""

    def __init__(self, **changes):
        self.raw = Raw()
        self.sig = Signals()
        self.raw.pack_v_counts = 1440
        self.raw.bus_v_counts = 1440
        self.raw.pack_a_counts = 1500
        self.raw.slow_counts = 1500
        self.raw.slow_index = READBACK
        self.sense = Sense(SCALING, make_params(**changes))

    def tick(self, dt_ms=10):
        self.sense.step(self.raw, self.sig, dt_ms)

    def read(self, **readings):
        """Return the signals after these readings; those of the 5 V are one sample a call."""
        for name, counts in readings.items():
            assert hasattr(self.raw, name)
            setattr(self.raw, name, counts)
        self.tick()
        if self.raw.slow_index != SENSOR:
            self.tick()  # the pedal is looked at in every other tick
        self.sense.step_pack(self.raw, self.sig)
        return self.sig

    def read_slow(self, index, counts):
        return self.read(slow_index=index, slow_counts=counts)


def pressed():
    """A bench with the pedal pressed, and believed."""
    bench = Bench()
    bench.read(**RELEASED)
    assert bench.read(**PRESSED).pedal_permille == 1000
    return bench


@pytest.mark.parametrize(
    ("counts", "pack_cv", "bus_cv"),
    [
        (450, 1499, 1125),
        (451, 1503, 1127),
        (453, 1509, 1132),
        (1440, 4799, 3600),
        (3000, 9999, 7500),
        (3050, 10165, 7625),
    ],
)
def test_pack_and_bus_voltage_have_each_its_own_scale(counts, pack_cv, bus_cv):
    sig = Bench().read(pack_v_counts=counts, bus_v_counts=0)
    assert (sig.pack_cv, sig.bus_cv) == (pack_cv, 0)
    sig = Bench().read(pack_v_counts=450, bus_v_counts=counts)
    assert (sig.pack_cv, sig.bus_cv) == (1499, bus_cv)


@pytest.mark.parametrize(("counts", "bus_cv"), [(0, 0), (1, 2), (3, 7)])
def test_the_bus_may_be_empty(counts, bus_cv):
    sig = Bench().read(bus_v_counts=counts)
    assert (sig.bus_cv, sig.pack_valid) == (bus_cv, 1)


@pytest.mark.parametrize(
    ("counts", "pack_da"),
    [
        (1500, 0),
        (1501, 3),
        (1499, -3),
        (1502, 5),
        (1498, -5),
        (2699, 2998),
        (301, -2998),
        (2700, 3000),
        (300, -3000),
        (2701, 3000),
        (299, -3000),
        (3050, 3000),
        (100, -3000),
    ],
)
def test_current_out_of_the_pack_is_positive_alike_on_both_sides_and_held_at_300_a(
    counts, pack_da
):
    sig = Bench().read(pack_a_counts=counts)
    assert (sig.pack_da, sig.pack_valid) == (pack_da, 1)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("pack_v_counts", 450, 449),  # 15 V: no pack is below
        ("pack_v_counts", 3050, 3051),
        ("bus_v_counts", 0, -1),
        ("bus_v_counts", 3050, 3051),
        ("pack_a_counts", 100, 99),
        ("pack_a_counts", 3050, 3051),
    ],
)
def test_a_pack_reading_one_count_beyond_its_scale_is_not_one(name, good, bad):
    assert Bench().read(**{name: good}).pack_valid == 1
    assert Bench().read(**{name: bad}).pack_valid == 0


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("scale", "pack_da"), [(2499, 2), (2500, 3), (2501, 3)])
def test_a_current_is_rounded_to_the_nearest_and_a_half_away_from_zero(sign, scale, pack_da):
    raw, sig = Raw(), Signals()
    raw.pack_v_counts = 1440
    raw.pack_a_counts = 1500 + sign
    Sense(Scaling(3333, 3333, scale, 660, 1818, NTC), make_params()).step_pack(raw, sig)
    assert sig.pack_da == sign * pack_da


def test_the_zero_of_the_current_sensor_is_a_parameter():
    bench = Bench(pack_a_zero_counts=1520)
    assert bench.read(pack_a_counts=1520).pack_da == 0
    assert bench.read(pack_a_counts=1560).pack_da == 100


@pytest.mark.parametrize("name", ["pack_v_counts", "bus_v_counts", "pack_a_counts"])
def test_three_failed_reads_make_the_pack_invalid_and_the_last_values_are_kept(name):
    bench = Bench()
    sig = bench.read(pack_v_counts=1440, bus_v_counts=1200, pack_a_counts=1600)
    before = (sig.pack_cv, sig.bus_cv, sig.pack_da)
    assert (sig.pack_valid, before) == (1, (4799, 3000, 250))
    others = {"pack_v_counts": 2000, "bus_v_counts": 2000, "pack_a_counts": 2000}
    for bad, valid in ((1, 1), (2, 1), (3, 0), (4, 0)):
        bench.read(**others | {name: -1})
        assert (bad, sig.pack_valid) == (bad, valid)
        assert (sig.pack_cv, sig.bus_cv, sig.pack_da) == before
    bench.read(**others)
    assert sig.pack_valid == 1
    assert (sig.pack_cv, sig.bus_cv, sig.pack_da) == (6666, 5000, 1250)


def test_the_pedal_is_judged_each_tick_with_its_channels_in_order():
    bench = Bench()
    sig = bench.read(pedal_a_counts=468, pedal_b_counts=234)
    assert (sig.pedal_valid, sig.pedal_released, sig.pedal_permille) == (1, 1, 0)
    bench.read(pedal_a_counts=2310, pedal_b_counts=1155)
    assert (sig.pedal_valid, sig.pedal_released, sig.pedal_permille) == (1, 0, 1000)
    bench.read(pedal_a_counts=1155, pedal_b_counts=2310)
    assert (sig.pedal_valid, sig.pedal_released, sig.pedal_permille) == (0, 0, 0)


@pytest.mark.parametrize("dt_ms", [7, 10, 15, 20])
def test_two_pedal_channels_that_disagree_are_found_within_40_to_70_ms(dt_ms):
    bench = pressed()
    bench.raw.pedal_a_counts -= 500
    passed_ms = 0
    while bench.sig.pedal_valid and passed_ms < 1000:
        bench.tick(dt_ms)
        passed_ms += dt_ms
    assert bench.sense.pedal.fault_bits == DISAGREES
    assert 40 <= passed_ms <= 70


@pytest.mark.parametrize(
    ("readings", "bits"),
    [
        pytest.param({"pack_v_counts": 449}, 1, id="pack low"),
        pytest.param({"pack_v_counts": -1}, 1, id="pack failed"),
        pytest.param({"pack_v_counts": 3051}, 2, id="pack high"),
        pytest.param({"bus_v_counts": -1}, 4, id="bus failed"),
        pytest.param({"bus_v_counts": 3051}, 4, id="bus high"),
        pytest.param({"pack_a_counts": 99}, 8, id="current low"),
        pytest.param({"pack_a_counts": 3051}, 16, id="current high"),
        pytest.param(
            {"pack_v_counts": 3051, "bus_v_counts": -1, "pack_a_counts": 99}, 14, id="all three"
        ),
    ],
)
def test_what_is_wrong_with_the_pack_is_told_with_the_third_bad_sample(readings, bits):
    bench = Bench()
    good = {name: getattr(bench.raw, name) for name in readings}
    for expected in (0, 0, bits, bits):
        bench.read(**readings)
        assert bench.sense.pack_bits == expected
    bench.read(**good)
    assert bench.sense.pack_bits == 0


def test_two_bad_samples_and_a_good_one_start_the_count_again():
    bench = Bench()
    bench.read()
    for _ in range(5):
        for counts in (-1, -1, 1440):
            assert bench.read(pack_v_counts=counts).pack_valid == 1


def supply(bench, *samples):
    """Return the pedal after these samples of the 5 V, each followed by another channel's."""
    for counts in samples:
        bench.read_slow(SENSOR, counts)
        bench.read_slow(RAIL, 2611)
    return bench.sig.pedal_permille


@pytest.mark.parametrize(("good", "bad"), [(2612, 2611), (2887, 2888)], ids=["low", "high"])
def test_the_second_sample_beyond_5_percent_of_5_volts_takes_the_pedal(good, bad):
    bench = pressed()
    assert supply(bench, *[good] * 10) == 1000
    assert supply(bench, bad) == 1000
    assert bench.sense.supply_ok
    for _ in range(10):
        assert bench.read_slow(BATTERY, bad).pedal_permille == 1000
    assert supply(bench, bad) == 0
    assert not bench.sense.supply_ok
    assert (bench.sig.pedal_valid, bench.sig.pedal_released) == (0, 0)


def test_readings_that_stay_bad_are_counted_no_further_than_they_count():
    """In months it would be no small integer, which is an exception in the tick."""
    bench = Bench()
    counted = []
    for _ in range(2):
        for _ in range(20):
            bench.read(pack_v_counts=-1)
            supply(bench, 0)
        counted.append([v for v in vars(bench.sense).values() if type(v) is int])
    assert counted[0] == counted[1]


def test_a_spike_of_the_5_volts_now_and_then_takes_nothing():
    bench = pressed()
    for _ in range(20):
        assert supply(bench, 3300, 2750) == 1000


def test_when_the_5_volts_are_back_the_pedal_must_be_released_first():
    bench = pressed()
    assert supply(bench, -1, -1) == 0
    assert supply(bench, 2750) == 0
    assert bench.sense.supply_ok
    assert bench.read(**RELEASED).pedal_valid == 1
    assert bench.read(**PRESSED).pedal_permille == 1000


@pytest.mark.parametrize(
    ("counts", "is_open"), [(-1, False), (59, False), (1500, False), (3000, False), (3002, True)]
)
def test_a_battery_sensor_that_is_open_is_told_from_one_that_is_shorted(counts, is_open):
    bench = Bench()
    bench.read_slow(BATTERY, 3300 if not is_open else 1500)
    bench.read_slow(BATTERY, counts)
    assert bench.sense.battery_is_open is is_open
    bench.read_slow(MOTOR, 3300)
    assert bench.sense.battery_is_open is is_open


@pytest.mark.parametrize(("index", "name"), [(LOW, "low"), (HIGH, "high")])
def test_a_reference_is_kept_as_it_was_read(index, name):
    bench = Bench()
    for counts in (300, 2400, -1):
        bench.read_slow(index, counts)
        assert getattr(bench.sig, f"reference_{name}_counts") == counts
        other = "high" if name == "low" else "low"
        assert getattr(bench.sig, f"reference_{other}_counts") == 0


@pytest.mark.parametrize(("index", "name"), TEMPERATURES)
def test_a_thermistor_is_read_through_the_boards_table(index, name):
    bench = Bench()
    for counts, ddegc in ((60, 1500), (1000, 400), (1500, 275), (2000, 150), (3000, -200)):
        sig = bench.read_slow(index, counts)
        assert getattr(sig, f"{name}_ddegc") == ddegc
        assert getattr(sig, f"{name}_temp_valid") == 1


@pytest.mark.parametrize(("index", "name"), TEMPERATURES)
@pytest.mark.parametrize("counts", [-1, 0, 59, 3001, 3300])
def test_a_thermistor_one_count_beyond_short_or_open_is_invalid_and_unknown(index, name, counts):
    bench = Bench()
    sig = bench.read_slow(index, 1500)
    bench.read_slow(index, counts)
    assert getattr(sig, f"{name}_temp_valid") == 0
    assert getattr(sig, f"{name}_ddegc") == UNKNOWN_DDEGC
    bench.read_slow(index, 62 if counts < 1500 else 2998)
    assert getattr(sig, f"{name}_temp_valid") == 1


@pytest.mark.parametrize("step", [1, -1])
def test_a_slow_reading_is_worked_out_again_when_it_has_moved_by_two_counts(step):
    bench = Bench()
    assert bench.read_slow(SENSOR, 2000).sensor_5v_mv == 3636
    assert bench.read_slow(SENSOR, 2000 + step).sensor_5v_mv == 3636
    assert bench.read_slow(SENSOR, 2000 + 2 * step).sensor_5v_mv == (3639, 3632)[step < 0]


def test_a_slow_reading_that_creeps_is_followed_count_by_count():
    bench = Bench()
    for counts in range(1000, 2001):
        bench.read_slow(BATTERY, counts)
        assert abs(bench.sig.battery_ddegc - (400 - (counts - 1000) // 4)) <= 1
    bench.read_slow(BATTERY, 3000)
    bench.read_slow(BATTERY, 3001)
    bench.read_slow(BATTERY, 3002)
    assert bench.sig.battery_temp_valid == 0


def test_each_slow_channel_is_compared_with_its_own_last_reading():
    bench = Bench()
    bench.read_slow(RAIL, 1000)
    bench.read_slow(SENSOR, 1000)
    assert bench.sig.sensor_5v_mv == 1818
    bench.read_slow(RAIL, 2000)
    bench.read_slow(SENSOR, 2000)
    assert (bench.sig.rail_cv, bench.sig.sensor_5v_mv) == (3320, 3636)


@pytest.mark.parametrize(("index", "name"), TEMPERATURES)
def test_a_thermistor_speaks_for_itself_alone(index, name):
    bench = Bench()
    for other, _ in TEMPERATURES:
        bench.read_slow(other, 1000)
    sig = bench.read_slow(index, 3300)
    for _, other in TEMPERATURES:
        valid = getattr(sig, f"{other}_temp_valid")
        ddegc = getattr(sig, f"{other}_ddegc")
        assert (valid, ddegc) == ((0, UNKNOWN_DDEGC) if other == name else (1, 400))


def test_nothing_is_known_before_it_has_been_read():
    sig = Signals()
    assert not (sig.pack_valid or sig.pedal_valid or sig.slow_seen)
    assert not (sig.battery_temp_valid or sig.motor_temp_valid or sig.controller_temp_valid)


@pytest.mark.parametrize(
    ("counts", "rail_cv"), [(-1, 0), (0, 0), (1, 1), (2, 3), (760, 1261), (3300, 5478)]
)
def test_the_12_volt_rail_has_its_scale(counts, rail_cv):
    sig = Bench().read_slow(RAIL, counts)
    assert (sig.rail_cv, sig.sensor_5v_mv) == (rail_cv, 0)


@pytest.mark.parametrize(
    ("counts", "sensor_5v_mv"), [(-1, 0), (0, 0), (1, 1), (2750, 4999), (3300, 5999)]
)
def test_the_5_volt_sensor_supply_has_its_scale(counts, sensor_5v_mv):
    sig = Bench().read_slow(SENSOR, counts)
    assert (sig.rail_cv, sig.sensor_5v_mv) == (0, sensor_5v_mv)


def test_a_supply_reading_above_the_converters_range_is_its_end():
    bench = Bench()
    assert bench.read_slow(RAIL, 3302).rail_cv == 5478
    assert bench.read_slow(SENSOR, 3302).sensor_5v_mv == 5999


def test_the_throttles_read_back_is_the_guards_and_changes_no_value():
    bench = Bench()
    for other in (BATTERY, MOTOR, CONTROLLER, RAIL, SENSOR):
        bench.read_slow(other, 1500)
    before = dict(vars(bench.sig))
    bench.read_slow(READBACK, 3000)
    assert vars(bench.sig) == before


@pytest.mark.parametrize("missing", range(9), ids=SLOW_NAMES)
def test_the_slow_channels_are_seen_when_the_last_of_the_nine_has_been_read(missing):
    bench = Bench()
    for counts in (1500, 1600):
        for index in range(9):
            if index != missing:
                assert bench.read_slow(index, counts).slow_seen == 0
    assert bench.read_slow(missing, 1500).slow_seen == 1
    assert bench.read_slow(BATTERY, -1).slow_seen == 1


def test_a_slow_channel_that_fails_has_still_been_seen():
    bench = Bench()
    for index in range(9):
        bench.read_slow(index, -1)
    assert bench.sig.slow_seen == 1


@pytest.mark.parametrize(
    ("counts", "bits"),
    [
        pytest.param(3300, 0, id="open"),
        pytest.param(2700, 0, id="nothing"),
        pytest.param(2699, 1, id="charge"),
        pytest.param(1980, 1, id="charge"),
        pytest.param(1660, 1, id="charge"),
        pytest.param(1659, 2, id="discharge"),
        pytest.param(1336, 2, id="discharge"),
        pytest.param(1195, 2, id="discharge"),
        pytest.param(1194, 3, id="both"),
        pytest.param(1052, 3, id="both"),
        pytest.param(850, 3, id="both"),
        pytest.param(849, -1, id="shorted"),
        pytest.param(0, -1, id="shorted"),
        pytest.param(-1, -1, id="not read"),
    ],
)
def test_the_two_contacts_of_a_bms_are_read_from_one_wire(counts, bits):
    assert Bench().read_slow(CONTACTS, counts).bms_bits == bits


@pytest.mark.parametrize("charge", [0, 1])
@pytest.mark.parametrize("discharge", [0, 1])
@pytest.mark.parametrize("off_percent", [-5, 0, 5])
def test_resistors_of_5_percent_do_not_change_what_the_contacts_say(
    charge, discharge, off_percent
):
    siemens = charge / 15.0 + discharge / 6.8
    up = 10.0 * (100 + off_percent) / 100
    counts = 3300 / (1 + siemens * up)
    assert Bench().read_slow(CONTACTS, int(counts)).bms_bits == charge + 2 * discharge
