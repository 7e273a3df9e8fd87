"""Pack: the sag is added back, with a resistance that is learnt from the steps of the drive."""

import pytest

from tests.unit.cars import make_params
from vcu.pack import Pack
from vcu.signals import Signals

OPEN_CV = 5000


class Bench:
    """A pack on its terminals: open-circuit voltage behind a true resistance."""

    def __init__(self, true_mohm, **values):
        self.true_mohm = true_mohm
        self.pack = Pack(make_params(**values))
        self.sig = Signals()
        self.sig.pack_valid = 1

    def draw(self, current_da, ticks):
        self.sig.pack_da = current_da
        self.sig.pack_cv = OPEN_CV - current_da * self.true_mohm // 100
        for _ in range(ticks):
            self.pack.step(self.sig)
        return self

    def steps(self, current_da, count):
        """On and off again, so many times."""
        for _ in range(count):
            self.draw(0, 60)
            self.draw(current_da, 60)
        return self


def test_before_any_step_the_resistance_is_the_parameter():
    assert Bench(60, pack_resistance_mohm=35).pack.resistance_mohm == 35


@pytest.mark.parametrize("current_da", [500, 300, -300])
@pytest.mark.parametrize("true_mohm", [20, 40, 60, 100, 150, 240])
def test_the_resistance_is_learnt_from_current_steps_within_10_percent(true_mohm, current_da):
    bench = Bench(true_mohm, pack_resistance_mohm=60).steps(current_da, 8)
    assert bench.pack.resistance_mohm == pytest.approx(true_mohm, rel=0.1)


def test_a_single_step_goes_half_of_the_way():
    bench = Bench(100, pack_resistance_mohm=60).steps(500, 1)
    assert 74 <= bench.pack.resistance_mohm <= 90


@pytest.mark.parametrize(("true_mohm", "answer"), [(5, 15), (16, 16), (290, 290), (400, 300)])
def test_the_resistance_stays_between_a_quarter_and_five_times_the_parameter(true_mohm, answer):
    bench = Bench(true_mohm, pack_resistance_mohm=60).steps(1500, 10)
    assert bench.pack.resistance_mohm == pytest.approx(answer, abs=3)
    assert 15 <= bench.pack.resistance_mohm <= 300


def test_a_voltage_that_rises_with_the_current_does_not_make_a_negative_resistance():
    bench = Bench(-200, pack_resistance_mohm=60).steps(500, 10)
    assert bench.pack.resistance_mohm == 15


@pytest.mark.parametrize("sign", [1, -1])
def test_a_current_that_stands_still_teaches_nothing(sign):
    bench = Bench(200, pack_resistance_mohm=60).draw(sign * 1500, 300)
    assert bench.pack.resistance_mohm == 60


@pytest.mark.parametrize("sign", [1, -1])
def test_small_steps_teach_nothing(sign):
    bench = Bench(200, pack_resistance_mohm=60).steps(sign * 100, 20)
    assert bench.pack.resistance_mohm == 60


@pytest.mark.parametrize("sign", [1, -1])
def test_a_step_teaches_when_more_than_8_a_away_from_the_slow_part(sign):
    # The slow part follows a new current by half at once: 8 A of a step of 16 are left.
    for current_da, is_learnt in ((160, False), (161, True)):
        bench = Bench(300, pack_resistance_mohm=60).draw(0, 10)
        before = bench.pack.resistance_mohm
        bench.draw(sign * current_da, 1).draw(0, 1)
        assert (bench.pack.resistance_mohm != before) == is_learnt


@pytest.mark.parametrize("current_da", [800, -400, 0])
def test_the_sag_of_the_current_is_added_back(current_da):
    bench = Bench(60, pack_resistance_mohm=60).draw(current_da, 400)
    assert bench.sig.pack_rest_cv == pytest.approx(OPEN_CV, abs=2)


def test_the_rest_voltage_begins_with_the_first_reading():
    bench = Bench(60).draw(0, 1)
    assert bench.sig.pack_rest_cv == OPEN_CV


def test_the_rest_voltage_follows_slowly():
    bench = Bench(60).draw(0, 10)
    bench.sig.pack_cv -= 320
    bench.pack.step(bench.sig)
    assert bench.sig.pack_rest_cv == OPEN_CV - 80
    for _ in range(3):  # 12.5 Hz: 0.32 s after the change
        bench.pack.step(bench.sig)
    assert OPEN_CV - 320 * 0.72 < bench.sig.pack_rest_cv < OPEN_CV - 320 * 0.60


def test_an_invalid_reading_keeps_the_last_answer():
    bench = Bench(100, pack_resistance_mohm=60).steps(500, 4)
    resistance, rest_cv = bench.pack.resistance_mohm, bench.sig.pack_rest_cv
    bench.sig.pack_valid = 0
    bench.sig.pack_cv = 0
    bench.sig.pack_da = -3000
    for _ in range(100):
        bench.pack.step(bench.sig)
    assert (bench.pack.resistance_mohm, bench.sig.pack_rest_cv) == (resistance, rest_cv)
    bench.sig.pack_valid = 1
    bench.draw(500, 1)
    assert bench.pack.resistance_mohm == pytest.approx(resistance, abs=1)
    assert bench.sig.pack_rest_cv == pytest.approx(rest_cv, abs=2)


def test_nothing_is_said_before_the_first_valid_reading():
    bench = Bench(60)
    bench.sig.pack_valid = 0
    bench.draw(500, 5)
    assert bench.sig.pack_rest_cv == 0
