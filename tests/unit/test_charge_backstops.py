"""The back-stops: runaway, a charger that disobeys or is welded, at their edges."""

import pytest

from tests.unit.cars import make_params
from vcu import faults
from vcu.charge.backstops import (
    DISOBEYS,
    FIRST_ROW,
    UNCONFIRMED,
    WELDED,
    Obedience,
    Runaway,
)
from vcu.charge.profiles import Profile
from vcu.charge.session import Session
from vcu.chemistry import AGM

HOUR_S = 3600
CAPACITY_MAH = 100000
CELLS = 24


def profile():
    return Profile(make_params(chemistry=AGM, cell_count=CELLS, capacity_mah=CAPACITY_MAH))


# --- runaway


class Absorption:
    """A pack at constant voltage, whose current and temperature are the test's."""

    def __init__(self, least_ma=0, from_ma=None):
        self.session = Session()
        self.session.least_ma = least_ma
        self.runaway = Runaway(profile(), self.session)
        # Before it a bulk, at that current.
        self.hold(least_ma if from_ma is None else from_ma, 1, at_cv=False)

    def hold(self, current_ma, seconds, ddegc=250, known=True, at_cv=True):
        """Return the second in which it is found, or None."""
        for second in range(1, seconds + 1):
            if self.runaway.step(at_cv, current_ma, ddegc, known, 1):
                return second
        return None


@pytest.mark.parametrize(
    ("least_ma", "rises_ma"),
    [
        (5000, 7016),  # 2 % of C more counts
        (8000, 10416),  # 30 % more counts
        (1, 2020),
    ],
)
def test_a_current_that_stays_30_percent_and_2_percent_of_c_above_its_least_runs_away(
    least_ma, rises_ma
):
    calm = Absorption(least_ma)
    assert calm.hold(rises_ma - 40, HOUR_S) is None
    found = Absorption(least_ma).hold(rises_ma, HOUR_S)
    assert found is not None
    assert 600 <= found <= 720


def test_the_least_current_is_found_by_itself_and_kept_in_the_session():
    pack = Absorption(from_ma=9000)
    pack.hold(9000, 120)
    assert pack.session.least_ma == 9000
    pack.hold(5000, 300)
    assert 4999 <= pack.session.least_ma < 5100
    assert pack.hold(8000, HOUR_S) is not None


def test_a_power_cut_does_not_forget_the_least_current():
    assert Absorption(5000).hold(8000, HOUR_S) is not None


def test_the_current_of_a_socket_without_mains_is_no_least():
    pack = Absorption(from_ma=5000)
    pack.hold(5000, 100)
    least_ma = pack.session.least_ma
    for current_ma in (0, 499, -500):
        assert pack.hold(current_ma, 300) is None
        assert pack.session.least_ma == least_ma > 4900
    assert pack.hold(5000, HOUR_S) is None


def test_a_rise_that_is_interrupted_begins_again():
    pack = Absorption(5000)
    for _ in range(5):
        assert pack.hold(8000, 580) is None
        assert pack.hold(5000, 120) is None
    assert pack.hold(8000, 720) is not None


def test_one_sample_of_any_size_is_no_rise():
    pack = Absorption(5000)
    assert pack.hold(5000, 60) is None
    for spike_ma in (300000, -300000, 0):
        assert pack.hold(spike_ma, 1) is None
        assert pack.hold(5000, 2000) is None


def test_away_from_its_voltage_no_current_is_a_runaway():
    pack = Absorption(1000)
    assert pack.hold(20000, 2 * HOUR_S, ddegc=600, at_cv=False) is None
    assert pack.hold(20000, 580) is None
    assert pack.hold(20000, 1, at_cv=False) is None
    assert pack.hold(20000, 580) is None


def test_a_round_in_which_no_second_ended_counts_nothing():
    pack = Absorption(5000)
    for _ in range(2000):
        assert not pack.runaway.step(True, 20000, 250, True, 0)


def warming(rise_ddegc, from_ma=8000, to_ma=8000, seconds=2 * HOUR_S + 10):
    """Whether a battery that warms so much in each hour, while its current goes so, is found."""
    pack = Absorption(from_ma=from_ma)
    for second in range(seconds):
        ma = from_ma + (to_ma - from_ma) * min(second, HOUR_S) // HOUR_S
        if pack.runaway.step(True, ma, 250 + rise_ddegc * second // HOUR_S, True, 1):
            return True
    return False


@pytest.mark.parametrize(
    ("rise_ddegc", "found"), [(51, True), (49, False), (0, False), (-80, False)]
)
def test_five_degrees_in_an_hour_of_a_current_that_does_not_fall_run_away(rise_ddegc, found):
    assert warming(rise_ddegc) is found


def test_a_battery_that_warms_while_its_current_falls_is_being_charged():
    assert warming(80, 9000, 3000, seconds=HOUR_S + 10) is False
    assert warming(80, 9000, 8800, seconds=HOUR_S + 10) is True


def test_without_a_temperature_the_hour_begins_again():
    pack = Absorption(from_ma=8000)
    pack.hold(8000, HOUR_S - 10, ddegc=250)
    pack.hold(8000, 1, ddegc=-1000, known=False)
    assert pack.hold(8000, HOUR_S - 10, ddegc=400) is None


# --- a charger that does what it likes


def obey(seconds, enable=1, follows=True, cv=5800, ma=10000, limit_cv=5808, set_ma=10000, of=None):
    """Return what is found after so many seconds."""
    of = of or Obedience()
    bits = 0
    for _ in range(seconds * 10):
        bits = of.step(enable, follows, True, cv, ma, limit_cv, set_ma, 100)
    return bits


@pytest.mark.parametrize(
    ("measured", "bits"),
    [
        ({"ma": 11700}, 0),
        ({"ma": 11701}, DISOBEYS),
        ({"ma": 700, "set_ma": 0}, 0),
        ({"ma": 701, "set_ma": 0}, DISOBEYS),
        ({"cv": 5866}, 0),
        ({"cv": 5867}, DISOBEYS),
        ({"cv": 5867, "ma": 500}, 0),  # a pack's own voltage
        ({"cv": 5867, "ma": 501}, DISOBEYS),
        ({"ma": 20000, "cv": 6500, "follows": False}, 0),
        ({"ma": 300000, "enable": 0}, WELDED),
    ],
)
def test_a_charger_a_count_above_what_it_was_told_disobeys(measured, bits):
    assert obey(10, **measured) == bits


def test_a_charger_disobeys_after_5_s_and_not_before():
    one = Obedience()
    for _ in range(49):
        assert one.step(1, True, True, 5800, 13000, 5808, 10000, 100) == 0
    assert one.step(1, True, True, 5800, 13000, 5808, 10000, 100) == DISOBEYS
    assert one.step(1, True, True, 5800, 11700, 5808, 10000, 100) == 0


def test_a_charger_that_follows_now_and_then_is_not_caught_by_its_steps():
    one = Obedience()
    for _ in range(20):
        assert obey(4, ma=13000, of=one) == 0
        assert obey(1, of=one) == 0


def test_half_an_ampere_for_more_than_2_s_past_an_open_relay_is_welded():
    assert obey(10, enable=0, ma=500) == 0
    one = Obedience()
    assert obey(2, enable=0, ma=501, of=one) == 0
    assert obey(1, enable=0, ma=501, of=one) == WELDED


def test_a_welded_relay_is_told_until_its_current_has_fallen_to_a_quarter_of_an_ampere():
    one = Obedience()
    obey(3, enable=0, ma=501, of=one)
    assert obey(5, enable=0, ma=251, of=one) == WELDED
    assert obey(1, enable=0, ma=250, of=one) == 0
    assert obey(2, enable=0, ma=501, of=one) == 0


def test_a_sensor_whose_zero_is_not_known_may_read_3_5_a_with_nothing_flowing():
    for ma, bits in ((3500, 0), (3501, WELDED)):
        one = Obedience()
        for _ in range(25):
            found = one.step(0, True, False, 5800, ma, 0, 0, 100)
        assert found == bits


def test_a_relay_that_closes_is_welded_no_longer():
    one = Obedience()
    assert obey(3, enable=0, ma=2000, of=one) == WELDED
    assert obey(1, enable=1, ma=2000, of=one) == 0
    assert obey(2, enable=0, ma=2000, of=one) == 0


def test_however_long_a_relay_is_welded_its_time_stays_a_small_integer():
    one = Obedience()
    for _ in range(5):
        assert one.step(0, True, True, 5800, 2000, 0, 0, 1 << 28) == WELDED
    assert max(vars(one).values()) < 1 << 30


def test_the_bits_of_a_charge_are_the_last_rows_of_the_system_word():
    rows = faults.TABLE[faults.SYSTEM]
    assert rows[FIRST_ROW][1] == "wrong_pack"
    assert rows[-1][1] == "pack_unconfirmed"
    assert len(rows) == FIRST_ROW + UNCONFIRMED.bit_length()
