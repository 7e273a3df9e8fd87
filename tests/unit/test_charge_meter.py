"""The meter of a charge: means finer than a count, what is no sample, the zero, the charge."""

import pytest

from tests.unit.cars import make_params, make_scaling
from vcu.charge.meter import Meter

ZERO = 1500
VOLTS = 1500  # 48.00 V


def meter(**values):
    return Meter(make_scaling(), make_params(**values))


def fed(amps_counts, volts_counts=(VOLTS,), passed_ms=1000, times=1, into=None):
    """A meter that took these samples, so many times."""
    into = into or meter()
    for _ in range(times):
        for i in range(max(len(amps_counts), len(volts_counts))):
            into.add(volts_counts[i % len(volts_counts)], amps_counts[i % len(amps_counts)])
        into.take(passed_ms)
    return into


@pytest.mark.parametrize(
    ("counts", "current_ma"),
    [(1500, 0), (1499, 250), (1501, -250), (1460, 10000), (1540, -10000), (300, 300000)],
)
def test_current_into_the_pack_is_positive_and_a_count_is_a_quarter_of_an_ampere(
    counts, current_ma
):
    assert fed([counts]).current_ma == current_ma


def test_the_mean_of_a_current_is_finer_than_a_count():
    assert fed([1499] + [1500] * 7).current_ma in range(31, 47)
    assert fed([1499, 1500]).current_ma == 125


@pytest.mark.parametrize(("counts", "voltage_cv"), [(1500, 4800), (2000, 6400), (3050, 9760)])
def test_a_voltage_has_the_scale_of_the_board(counts, voltage_cv):
    assert fed([ZERO], [counts]).voltage_cv == voltage_cv


def test_the_mean_of_a_voltage_is_finer_than_a_count():
    assert fed([ZERO], [1500, 1501, 1501, 1501]).voltage_cv == 4802


@pytest.mark.parametrize(
    ("volts", "amps", "is_voltage", "is_current"),
    [
        (469, ZERO, True, True),  # 15 V
        (467, ZERO, False, True),
        (3050, ZERO, True, True),
        (3051, ZERO, False, True),
        (-1, ZERO, False, True),
        (VOLTS, 100, True, True),
        (VOLTS, 99, False, False),
        (VOLTS, 3050, True, True),
        (VOLTS, 3051, False, False),
        (VOLTS, -1, False, False),
        (-1, -1, False, False),
    ],
)
def test_a_sample_at_the_end_of_its_scale_is_none_but_a_current_needs_no_voltage(
    volts, amps, is_voltage, is_current
):
    new = fed([ZERO - 40], [2000])
    new.add(volts, amps)
    new.take(100)
    assert (new.age_ms == 0) is is_voltage
    assert (new.voltage_cv != 6400) is is_voltage
    assert new.has_current is is_current
    assert (new.current_ma != 10000) is is_current


def test_samples_that_are_none_change_no_mean():
    both = meter()
    both.add(-1, -1)
    both.add(2000, 1490)
    both.add(3300, 3300)
    both.take(1000)
    assert (both.voltage_cv, both.current_ma) == (6400, 2500)


def test_without_a_sample_the_last_mean_ages_and_nothing_is_counted():
    one = fed([1400], times=150)
    assert (one.current_ma, one.new_mah > 0) == (25000, True)
    for age_ms in (800, 1600, 2400):
        one.take(800)
        assert (one.age_ms, one.current_ma, one.new_mah) == (age_ms, 25000, 0)
    fed([1400], into=one)
    assert one.age_ms == 0


def test_before_its_first_sample_a_meter_is_as_old_as_it_can_get():
    new = meter()
    age_ms = new.age_ms
    assert age_ms >= 10000
    for _ in range(100):
        new.take(2000)
    assert new.age_ms == age_ms


# --- charge


def counted(one, amps_counts, seconds):
    total = 0
    for _ in range(seconds):
        fed(amps_counts, into=one)
        total += one.new_mah
    return total


@pytest.mark.parametrize(("counts", "mah"), [(1460, 10000), (1540, -10000), (1499, 250)])
def test_an_hour_of_current_is_counted_with_its_sign(counts, mah):
    assert abs(counted(meter(), [counts], 3600) - mah) <= 1


def test_a_current_below_a_mah_a_second_is_not_lost():
    assert abs(counted(meter(), [1499, 1500, 1500, 1500], 3600) - 62) <= 2


def test_what_a_round_counts_too_much_or_too_little_does_not_add_up_over_a_day():
    one = meter()
    total = 0
    for _ in range(86400_000 // 800):
        fed([1499, 1500, 1500], passed_ms=800, into=one)
        total += one.new_mah
    assert abs(total - one.current_ma * 24) <= 1


def test_time_is_counted_in_full_in_short_rounds_and_long_ones():
    for passed_ms in (100, 800, 2000):
        one = meter()
        total = 0
        for _ in range(3600_000 // passed_ms):
            fed([1460], passed_ms=passed_ms, into=one)
            total += one.new_mah
        assert abs(total - 10000) <= 1


def test_charge_is_counted_without_a_voltage():
    one = meter()
    total = 0
    for _ in range(3600):
        fed([1460], [0], into=one)
        total += one.new_mah
    assert abs(total - 10000) <= 1


def test_what_went_in_and_out_again_is_nothing():
    one = meter()
    assert abs(counted(one, [1460], 1000) + counted(one, [1540], 1000)) <= 1


# --- the zero


def rested(amps_counts, rounds=5, into=None):
    """A meter that looked at the open relay for so many rounds, and has not taken a zero yet."""
    into = into or meter()
    into.rest(True)
    for _ in range(rounds):
        fed(amps_counts, into=into)
        into.rest(False)
    return into


@pytest.mark.parametrize(("off", "is_zero"), [(11, True), (-11, True), (12, False), (-12, False)])
def test_what_rests_below_3_a_is_a_zero_and_nothing_further_off_is_one(off, is_zero):
    one = rested([ZERO + off])
    assert one.rested_q4() == ((ZERO + off) * 16 if is_zero else 0)
    assert one.zero_q4 == ZERO * 16


def test_a_zero_is_what_a_current_is_measured_from():
    one = meter()
    one.zero_q4 = (ZERO + 4) * 16
    fed([ZERO + 4 - 40], into=one)
    assert one.current_ma == 10000


def test_a_zero_is_taken_in_fractions_of_a_count():
    one = rested([1500, 1500, 1500, 1501])
    one.zero_q4 = one.rested_q4()
    assert one.zero_q4 == 1500 * 16 + 4
    fed([1500, 1500, 1500, 1501], into=one)
    assert one.current_ma == 0


def test_a_zero_is_the_mean_of_all_rounds_of_a_rest():
    one = rested([1500], rounds=3)
    fed([1502], into=one)
    assert one.rest(False)
    assert one.rested_q4() == 1500 * 16 + 8


@pytest.mark.parametrize(("counts", "is_noise"), [(2, True), (3, False), (-2, True), (-3, False)])
def test_a_round_three_quarters_of_an_ampere_off_is_a_current_and_no_part_of_a_zero(
    counts, is_noise
):
    one = rested([1500], rounds=1)
    fed([1500 + counts], into=one)
    assert one.rest(False) is is_noise
    assert one.rested_q4() == 1500 * 16 + (counts * 8 if is_noise else 0)


@pytest.mark.parametrize(("rounds", "off", "is_near"), [
    (3, 2, False), (4, 2, True), (4, 11, True), (4, 12, False), (4, -12, False),
])  # fmt: skip
def test_four_rounds_of_rest_are_near_a_zero_below_3_a(rounds, off, is_near):
    one = rested([ZERO + off], rounds=rounds)
    one.near_zero()
    assert one.has_near_zero is is_near
    assert one.zero_q4 == (ZERO + (off if is_near else 0)) * 16


def test_what_flowed_before_the_rest_is_not_in_its_zero():
    one = rested([1504])
    rested([1500], into=one)
    assert one.rested_q4() == 1500 * 16


def test_a_round_without_a_sample_is_no_part_of_a_zero():
    one = rested([1500], rounds=1)
    fed([1502], into=one)
    one.rest(False)
    for _ in range(20):
        one.take(1000)
        assert one.rest(False)
    assert one.rested_q4() == 1501 * 16


def test_a_zero_needs_no_voltage():
    one = meter()
    one.rest(True)
    fed([1502], [0], into=one)
    one.rest(False)
    assert one.rested_q4() == 1502 * 16


def test_a_rest_that_has_not_begun_has_no_zero():
    one = fed([1502])
    assert not one.rested_q4()
    one.rest(True)
    assert not one.rested_q4()


def test_the_zero_of_a_rest_that_lasts_for_hours_follows_the_sensor_and_stays_small():
    one = rested([1500], rounds=100)
    for _ in range(1000):
        fed([1502], into=one)
        one.rest(False)
    assert 1502 * 16 - 1 <= one.rested_q4() <= 1502 * 16


def test_the_zero_of_the_parameter_counts_until_one_is_measured():
    one = fed([1520], into=meter(pack_a_zero_counts=1520))
    assert one.current_ma == 0
