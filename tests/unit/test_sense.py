"""Raw counts to units: scale, sign, and which readings are marked as not to be believed."""

import pytest
from unit.cars import make_params

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
BATTERY, MOTOR, CONTROLLER, RAIL, SENSOR, READBACK, LOW, HIGH = range(8)
TEMPERATURES = (
    (BATTERY, "battery"),
    (MOTOR, "motor"),
    (CONTROLLER, "controller"),
)


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

    def read(self, **readings):
        for name, counts in readings.items():
            assert hasattr(self.raw, name)
            setattr(self.raw, name, counts)
        self.sense.step(self.raw, self.sig)
        self.sense.step_pack(self.raw, self.sig)
        return self.sig

    def read_slow(self, index, counts):
        return self.read(slow_index=index, slow_counts=counts)


@pytest.mark.parametrize(
    ("counts", "pack_cv", "bus_cv"),
    [(0, 0, 0), (1, 3, 2), (3, 9, 7), (1440, 4799, 3600), (3000, 9999, 7500), (3050, 10165, 7625)],
)
def test_pack_and_bus_voltage_have_each_its_own_scale(counts, pack_cv, bus_cv):
    sig = Bench().read(pack_v_counts=counts, bus_v_counts=0)
    assert (sig.pack_cv, sig.bus_cv) == (pack_cv, 0)
    sig = Bench().read(pack_v_counts=0, bus_v_counts=counts)
    assert (sig.pack_cv, sig.bus_cv) == (0, bus_cv)


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
        ("pack_v_counts", 0, -1),
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


@pytest.mark.parametrize("index", [READBACK, LOW, HIGH])
def test_a_channel_that_sense_does_not_convert_changes_no_value(index):
    bench = Bench()
    for other in (BATTERY, MOTOR, CONTROLLER, RAIL, SENSOR):
        bench.read_slow(other, 1500)
    before = dict(vars(bench.sig))
    bench.read_slow(index, 3000)
    assert vars(bench.sig) == before


@pytest.mark.parametrize("missing", range(8), ids=SLOW_NAMES)
def test_the_slow_channels_are_seen_when_the_last_of_the_eight_has_been_read(missing):
    bench = Bench()
    for counts in (1500, 1600):
        for index in range(8):
            if index != missing:
                assert bench.read_slow(index, counts).slow_seen == 0
    assert bench.read_slow(missing, 1500).slow_seen == 1
    assert bench.read_slow(BATTERY, -1).slow_seen == 1


def test_a_slow_channel_that_fails_has_still_been_seen():
    bench = Bench()
    for index in range(8):
        bench.read_slow(index, -1)
    assert bench.sig.slow_seen == 1
