"""The battery's temperature: unknown is unknown, a jump is not believed, limits do not chatter."""

import pytest

from tests.unit.cars import make_params
from vcu import chemistry
from vcu.charge.bms import CELLS, Bms, CellData
from vcu.charge.profiles import Profile
from vcu.charge.session import Session
from vcu.charge.warmth import Warmth
from vcu.chemistry import AGM, LFP
from vcu.signals import UNKNOWN_DDEGC, Signals

each_kind = pytest.mark.parametrize("kind", range(5), ids=chemistry.NAMES)


class Bench:
    """A battery with a sensor, and a BMS that knows its cells when told so."""

    def __init__(self, kind=AGM, ddegc=250):
        params = make_params(chemistry=kind, bms_kind=CELLS, cell_count=20)
        self.profile = Profile(params)
        self.session = Session()
        self.data = CellData()
        self.bms = Bms(params, self.profile, self.data)
        self.warmth = Warmth(self.profile, self.session, self.bms)
        self.sig = Signals()
        self.at(ddegc)

    def at(self, ddegc, seconds=1):
        """Let a second pass, or so many, at this temperature; None is a lost sensor."""
        self.sig.battery_temp_valid = 0 if ddegc is None else 1
        self.sig.battery_ddegc = UNKNOWN_DDEGC if ddegc is None else ddegc
        for _ in range(seconds):
            self.warmth.step(self.sig, 1)
        return self.warmth

    def cells(self, coldest, hottest):
        self.data.coldest_ddegc = coldest
        self.data.hottest_ddegc = hottest
        self.data.lowest_mv = self.data.highest_mv = 3300
        self.data.fresh = True
        self.bms.step(self.sig, 1000)
        return self

    def go(self, ddegc):
        """Bring it there as slowly as a battery does."""
        now = self.sig.battery_ddegc
        for step in range(now, ddegc, 50 if ddegc > now else -50):
            self.at(step, 61)
        return self.at(ddegc, 61)


def ends(warmth):
    return (warmth.is_known, warmth.coldest_ddegc, warmth.hottest_ddegc)


# --- what is known


def test_before_the_first_reading_nothing_is_known():
    bench = Bench()
    warmth = Warmth(bench.profile, Session(), bench.bms)
    assert ends(warmth) == (False, UNKNOWN_DDEGC, UNKNOWN_DDEGC)


def test_the_sensor_alone_is_both_the_coldest_and_the_hottest():
    assert ends(Bench().at(260)) == (True, 260, 260)


def test_a_lost_sensor_is_never_taken_for_25_degc():
    bench = Bench()
    assert ends(bench.at(None)) == (False, UNKNOWN_DDEGC, UNKNOWN_DDEGC)
    assert ends(bench.at(250)) == (True, 250, 250)


@pytest.mark.parametrize(
    ("coldest", "hottest", "answer"),
    [
        (200, 300, (True, 200, 300)),
        (240, 270, (True, 240, 270)),
        (255, 260, (True, 250, 260)),
        (230, 245, (True, 230, 250)),
    ],
)
def test_the_cells_widen_what_the_sensor_says(coldest, hottest, answer):
    assert ends(Bench().cells(coldest, hottest).at(250)) == answer


def test_the_cells_alone_are_enough():
    assert ends(Bench().cells(210, 260).at(None)) == (True, 210, 260)


def test_a_bms_that_does_not_know_its_temperature_says_nothing():
    bench = Bench().cells(UNKNOWN_DDEGC, UNKNOWN_DDEGC)
    assert ends(bench.at(250)) == (True, 250, 250)
    assert not bench.at(None).is_known


def test_the_temperatures_of_a_bms_that_is_lost_are_not_used():
    bench = Bench().cells(210, 260)
    bench.bms.step(bench.sig, 5001)
    assert ends(bench.at(250)) == (True, 250, 250)


# --- what is believed


@pytest.mark.parametrize(
    ("step", "is_known"), [(100, True), (-100, True), (101, False), (-101, False)]
)
def test_more_than_10_degc_within_a_minute_is_no_battery(step, is_known):
    bench = Bench()
    bench.at(250, 30)
    assert bench.at(250 + step).is_known is is_known


def test_a_jump_in_small_steps_within_a_minute_is_one_too():
    bench = Bench()
    bench.at(250, 60)
    known = [bench.at(250 + 20 * i).is_known for i in range(1, 8)]
    assert known == [True] * 5 + [False] * 2


def test_ten_degc_in_each_minute_are_believed():
    bench = Bench()
    for ddegc in range(250, 450, 100):
        assert bench.at(ddegc, 61).is_known


def test_a_sensor_that_jumped_is_not_used_for_ten_minutes():
    bench = Bench()
    bench.at(400)
    assert not bench.at(400, 598).is_known
    assert not bench.at(400).is_known
    assert bench.at(400).is_known


def test_a_sensor_that_jumps_again_begins_the_ten_minutes_again():
    bench = Bench()
    bench.at(400, 300)
    bench.at(250)
    assert not bench.at(250, 599).is_known
    assert bench.at(250).is_known


def test_a_pack_that_warms_on_the_way_is_believed_at_the_socket_and_one_that_jumps_is_not():
    bench = Bench(LFP)
    for ddegc in range(250, 500, 50):
        bench.sig.battery_ddegc = ddegc
        for _ in range(31):
            bench.warmth.look(bench.sig, 1)
    assert bench.at(450).is_known
    bench.sig.battery_ddegc = 200
    bench.warmth.look(bench.sig, 1)
    assert not bench.at(200).is_known


def test_what_is_seen_on_the_way_permits_and_forbids_no_charge_yet():
    bench = Bench(LFP)
    get = bench.profile.get
    bench.go(get("too_hot") - 10)
    bench.sig.battery_ddegc = get("too_hot")
    bench.warmth.look(bench.sig, 1)
    assert (bench.warmth.hottest_ddegc, bench.session.is_hot) == (get("too_hot"), 0)


# --- too cold, too hot


@each_kind
def test_a_battery_stops_at_its_cold_limit_and_goes_on_well_inside(kind):
    bench = Bench(kind)
    get = bench.profile.get
    for ddegc, is_cold in (
        (get("too_cold"), 0),
        (get("too_cold") - 1, 1),
        (get("too_cold"), 1),
        (get("warm_again") - 1, 1),
        (get("warm_again"), 0),
        (get("too_cold"), 0),
    ):
        assert bench.go(ddegc).is_known
        assert bench.session.is_cold == is_cold


@each_kind
def test_a_battery_stops_at_its_hot_limit_and_goes_on_well_inside(kind):
    bench = Bench(kind)
    get = bench.profile.get
    for ddegc, is_hot in (
        (get("too_hot") - 1, 0),
        (get("too_hot"), 1),
        (get("too_hot") - 1, 1),
        (get("cool_again"), 1),
        (get("cool_again") - 1, 0),
        (get("too_hot") - 1, 0),
    ):
        assert bench.go(ddegc).is_known
        assert bench.session.is_hot == is_hot


def test_one_cold_cell_and_one_hot_one_stop_it_each():
    bench = Bench(LFP)
    bench.cells(-1, 260).at(250)
    assert (bench.session.is_cold, bench.session.is_hot) == (1, 0)
    bench = Bench(LFP, 500)
    bench.cells(500, bench.profile.get("too_hot")).at(500)
    assert (bench.session.is_cold, bench.session.is_hot) == (0, 1)


def test_what_is_not_known_changes_no_judgement():
    bench = Bench(LFP)
    bench.go(-50)
    bench.at(None, 100)
    assert bench.session.is_cold == 1
    bench.at(300, 100)  # back, ten minutes not believed
    assert bench.session.is_cold == 1
