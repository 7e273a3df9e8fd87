"""Drive cycle: three clean drives let a permanent fault go, and nothing else does."""

import pytest

from service.drive_cycle import DriveCycle
from service.fault_history import History
from tests.unit.confirming import confirm
from vcu.faults import DRIVER, PACK, TRACTION, Faults
from vcu.signals import Signals

# 10 km/h are 2777.8 mm/s
FAST_MMPS = 2779


class Car:
    """Faults and their cycles; a drive is one key cycle, a step 500 ms."""

    def __init__(self, *ids):
        self.faults = Faults()
        self.history = History()
        self.cycle = DriveCycle(self.history)
        self.sig = Signals()
        self.sig.speed_trusted = 1
        self.key_on()
        for id_ in ids:
            confirm(self.faults, id_)
        self.cycle.end(self.faults)

    def key_on(self):
        self.cycle.begin(self.faults)

    def key_off(self):
        return self.cycle.end(self.faults)

    def roll(self, seconds=60, speed_mmps=FAST_MMPS):
        self.sig.speed_mmps = speed_mmps
        for _ in range(2 * seconds):
            self.cycle.step(self.sig, 500)

    def drive(self, seconds=60, speed_mmps=FAST_MMPS):
        self.key_on()
        self.roll(seconds, speed_mmps)
        return self.key_off()

    @property
    def permanent(self):
        return self.faults.permanent


def test_a_permanent_fault_is_let_go_by_the_third_clean_drive_and_not_by_the_second():
    car = Car(11)
    for passes in (1, 2):
        assert car.drive()
        assert (car.permanent[DRIVER], car.history.passes[0]) == (1, passes)
    assert car.drive()
    assert (car.permanent[DRIVER], car.history.passes[0]) == (0, 0)
    assert car.faults.stored[DRIVER] == 1  # a person has not cleared it
    assert not car.drive()


@pytest.mark.parametrize(
    ("seconds", "speed_mmps", "passes"),
    [(60, FAST_MMPS, 1), (59, FAST_MMPS, 0), (60, 2777, 0), (600, 2777, 0), (60, 15000, 1)],
)
def test_a_drive_counts_from_60_s_above_10_km_h(seconds, speed_mmps, passes):
    car = Car(11)
    assert car.drive(seconds, speed_mmps) == bool(passes)
    assert car.history.passes[0] == passes


def test_the_60_s_may_come_in_pieces_of_one_key_cycle_but_not_of_two():
    car = Car(11)
    car.drive(40)
    car.drive(40)
    assert car.history.passes[0] == 0
    car.key_on()
    car.roll(30)
    car.roll(100, 0)
    car.roll(30)
    car.key_off()
    assert car.history.passes[0] == 1


def test_a_speed_that_is_not_to_be_trusted_is_no_drive():
    car = Car(11)
    car.sig.speed_trusted = 0
    assert not car.drive(600)


def test_a_fault_that_comes_back_begins_anew_also_in_a_cycle_without_a_drive():
    car = Car(11)
    car.drive()
    car.drive()
    assert car.history.passes[0] == 2
    car.key_on()
    confirm(car.faults, 11)
    assert car.key_off()
    assert (car.permanent[DRIVER], car.history.passes[0]) == (1, 0)
    for _ in range(2):
        car.drive()
    assert car.permanent[DRIVER] == 1
    car.drive()
    assert car.permanent[DRIVER] == 0


def test_a_fault_that_came_in_the_middle_of_a_long_drive_makes_it_no_clean_one():
    car = Car(11)
    car.key_on()
    car.roll(100)
    confirm(car.faults, 11)
    car.roll(100)
    car.key_off()
    assert car.history.passes[0] == 0


def test_a_fault_that_is_still_active_from_the_cycle_before_is_there_in_the_new_one():
    car = Car()
    car.faults.step(DRIVER, 1, 1, 0, 500)
    car.drive()
    car.drive()
    assert (car.permanent[DRIVER], car.history.passes[0]) == (1, 0)


def test_a_clear_neither_lets_a_permanent_fault_go_nor_makes_its_drive_a_clean_one():
    car = Car()
    car.key_on()
    confirm(car.faults, 11)
    car.faults.clear()
    assert car.permanent[DRIVER] == 1
    car.roll(100)
    car.key_off()
    assert car.history.passes[0] == 0


def test_a_key_that_bounces_ends_the_same_drive_twice_and_counts_it_once():
    car = Car(11)
    car.key_on()
    car.roll()
    assert car.key_off()
    assert not car.key_off()
    car.roll()
    assert not car.key_off()
    assert car.history.passes[0] == 1


def test_each_permanent_fault_has_its_own_passes():
    car = Car(11, 42, 55)
    car.drive()
    car.key_on()
    confirm(car.faults, 42)
    car.roll()
    car.key_off()
    car.drive()
    assert [bits != 0 for bits in car.permanent] == [False, True, False, False]
    assert car.history.passes[24 * TRACTION + 5] == 1
    assert car.permanent[PACK] == 0
