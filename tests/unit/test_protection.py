"""Protection of drivers who mistake the pedal, and who do not see the car roll."""

from types import SimpleNamespace

import pytest

from tests.unit.cars import make_params
from vcu.protection import Protection
from vcu.request import FORWARD, NEUTRAL, REVERSE
from vcu.signals import Raw, Signals

# 6 km/h and 3 km/h, rounded down.
STAB_MMPS = 1666
ROLLING_MMPS = 833


class Bench:
    """A protection in a car that stands with the key on and the pedal half pressed."""

    def __init__(self, **values):
        self.pedal = SimpleNamespace(stab_ms=-1, travel_permille=500)
        self.raw = Raw()
        self.sig = Signals()
        self.raw.key_on = 1
        self.raw.brake_on = 0
        self.sig.pedal_valid = 1
        self.protection = Protection(make_params(**values), self.pedal)

    def see(self, selected=FORWARD, speed_mmps=0):
        self.sig.speed_mmps = speed_mmps
        self.protection.step(self.raw, self.sig, selected)
        return self.protection

    def stab(self, stab_ms, speed_mmps=0):
        self.pedal.stab_ms = stab_ms
        return self.see(speed_mmps=speed_mmps)

    def press(self, travel_permille, brake_on=0, valid=1):
        """Press the pedal; within the dead band it is released."""
        self.pedal.travel_permille = travel_permille
        self.raw.brake_on = brake_on
        self.sig.pedal_valid = valid
        self.sig.pedal_released = 1 if valid and travel_permille < 50 else 0
        return self.see()


def test_a_new_car_neither_walks_nor_rolls():
    protection = Bench().protection
    assert (protection.walks, protection.stabbed, protection.both, protection.rolls) == (
        False, 0, 0, 0,
    )  # fmt: skip


@pytest.mark.parametrize(("stab_ms", "walks"), [(10, True), (250, True), (251, False)])
def test_a_stab_takes_no_longer_than_250_ms(stab_ms, walks):
    protection = Bench().stab(stab_ms)
    assert (protection.walks, protection.stabbed) == (walks, int(walks))


@pytest.mark.parametrize(("speed_mmps", "walks"), [(0, True), (1665, True), (STAB_MMPS, False)])
def test_a_stab_counts_below_6_kmh_only(speed_mmps, walks):
    assert Bench().stab(100, speed_mmps).walks is walks


def test_the_figures_of_a_stab_are_parameters():
    assert Bench(stab_ms=400).stab(400).walks
    assert not Bench(stab_ms=400).stab(401).walks
    assert not Bench(stab_ms=0).stab(0).walks
    assert Bench(stab_ms=1).stab(0).walks
    assert Bench(stab_below_kmh=15).stab(100, 4165).walks
    assert not Bench(stab_below_kmh=15).stab(100, 4166).walks
    assert not Bench(stab_below_kmh=0).stab(100, 0).walks


def test_a_press_is_looked_at_once():
    bench = Bench()
    assert not bench.stab(100, 5000).walks
    assert bench.pedal.stab_ms == -1
    assert not bench.see(speed_mmps=0).walks


def test_after_a_stab_the_car_walks_until_the_pedal_has_been_released():
    bench = Bench()
    bench.stab(100)
    for _ in range(100):
        assert bench.see(speed_mmps=1600).walks
    assert bench.press(50).walks
    protection = bench.press(0)
    assert (protection.walks, protection.stabbed) == (False, 0)
    assert not bench.press(1000).walks


def test_a_pedal_that_cannot_be_read_is_not_a_released_one():
    bench = Bench()
    bench.stab(100)
    assert bench.press(0, valid=0).walks


@pytest.mark.parametrize(
    ("travel", "brake_on", "valid", "both"),
    [(150, 1, 1, 0), (151, 1, 1, 1), (1000, 1, 1, 1), (1000, 0, 1, 0), (1000, 1, 0, 0)],
)
def test_pedal_and_brake_together_are_seen_from_15_percent_on(travel, brake_on, valid, both):
    assert Bench().press(travel, brake_on, valid).both == both


def test_pedal_and_brake_together_end_when_either_is_let_go():
    bench = Bench()
    assert bench.press(500, brake_on=1).both == 1
    assert bench.press(500, brake_on=0).both == 0


@pytest.mark.parametrize(
    ("travel", "brake_on", "valid", "walks"),
    [(800, 1, 1, False), (801, 1, 1, True), (1000, 0, 1, False), (1000, 1, 0, False)],
)
def test_a_pedal_above_80_percent_with_the_brake_makes_it_walk(travel, brake_on, valid, walks):
    assert Bench().press(travel, brake_on, valid).walks is walks


def test_after_the_brake_is_let_go_it_walks_until_the_pedal_is():
    bench = Bench()
    bench.press(900, brake_on=1)
    for _ in range(100):
        assert bench.press(900).walks
    assert bench.press(200).walks
    assert not bench.press(0).walks
    assert not bench.press(900).walks


def test_the_travel_that_is_too_far_with_the_brake_is_a_parameter():
    assert Bench(braked_pedal_permille=400).press(401, brake_on=1).walks
    assert not Bench(braked_pedal_permille=1001).press(1001, brake_on=1).walks


@pytest.mark.parametrize(("speed_mmps", "rolls"), [(0, 0), (ROLLING_MMPS, 0), (834, 1)])
def test_rolling_in_neutral_begins_above_3_kmh(speed_mmps, rolls):
    assert Bench().see(NEUTRAL, speed_mmps).rolls == rolls


def test_rolling_is_in_neutral_with_the_key_on_and_ends_with_either():
    bench = Bench()
    assert bench.see(NEUTRAL, 2000).rolls == 1
    assert bench.see(FORWARD, 2000).rolls == 0
    assert bench.see(REVERSE, 2000).rolls == 0
    assert bench.see(NEUTRAL, 2000).rolls == 1
    bench.raw.key_on = 0
    assert bench.see(NEUTRAL, 2000).rolls == 0


def test_the_speed_of_rolling_is_a_parameter():
    assert Bench(rolling_warn_kmh=10).see(NEUTRAL, 2777).rolls == 0
    assert Bench(rolling_warn_kmh=10).see(NEUTRAL, 2778).rolls == 1
