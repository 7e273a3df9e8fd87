"""Start interlock, gears, brake and coasting: when a torque may be asked for at all."""

from itertools import product

import pytest

from tests.unit.cars import make_params
from vcu.request import FORWARD, NEUTRAL, REVERSE, Request
from vcu.signals import Raw, Signals

BOTH = 2
GEARS = (FORWARD, NEUTRAL, REVERSE, BOTH)
# 3 km/h is 833.3 mm/s.
SLOW_MMPS, FAST_MMPS = 832, 833


class Driver:
    """Works pedal, gear, brake and speed; each call of step() is one tick."""

    def __init__(self, **changes):
        self.raw = Raw()
        self.sig = Signals()
        self.request = Request(make_params(**changes))

    def step(
        self,
        gear,
        pedal=0,
        *,
        speed=0,
        brake=0,
        released=None,
        valid=1,
        powered=True,
        key=1,
        plug=0,
    ):
        raw, sig = self.raw, self.sig
        raw.key_on = key
        raw.plug_in = plug
        raw.gear_forward_on = 1 if gear in (FORWARD, BOTH) else 0
        raw.gear_reverse_on = 1 if gear in (REVERSE, BOTH) else 0
        raw.brake_on = brake
        sig.speed_mmps = speed
        sig.pedal_valid = valid
        sig.pedal_permille = pedal
        sig.pedal_released = int(pedal == 0 and bool(valid)) if released is None else released
        self.request.step(raw, sig, powered)
        return self.request

    def engage(self, gear):
        """Drive off as the handbook says: neutral, foot off, then the gear."""
        self.step(NEUTRAL)
        assert self.step(gear).direction == gear
        return self


gears = pytest.mark.parametrize("gear", [FORWARD, REVERSE], ids=["forward", "reverse"])


def is_idle(request):
    return request.direction == NEUTRAL and request.permille == 0 and request.is_cut is True


def test_a_new_request_is_idle():
    request = Request(make_params())
    assert is_idle(request)
    assert request.selected == NEUTRAL
    assert not (request.seen_neutral or request.seen_released)


def test_forward_is_positive_and_reverse_negative():
    assert (FORWARD, NEUTRAL, REVERSE) == (1, 0, -1)


@gears
def test_the_torque_request_is_the_pedal_in_either_direction(gear):
    driver = Driver().engage(gear)
    for pedal in (1, 500, 1000):
        request = driver.step(gear, pedal)
        assert (request.direction, request.permille, request.is_cut) == (gear, pedal, False)


@gears
def test_a_pedal_pressed_at_key_on_never_drives_until_it_is_released(gear):
    driver = Driver()
    driver.step(NEUTRAL, 300, powered=False)
    for _ in range(3):
        assert is_idle(driver.step(NEUTRAL, 300))
        for _ in range(500):
            assert is_idle(driver.step(gear, 300))
    assert driver.step(gear, 0).direction == gear
    assert driver.step(gear, 300).permille == 300


@gears
def test_a_gear_selected_at_key_on_never_drives_until_it_was_in_neutral(gear):
    driver = Driver()
    driver.step(gear, powered=False)
    for _ in range(500):
        assert is_idle(driver.step(gear, 0))
        assert is_idle(driver.step(gear, 300))
    driver.step(NEUTRAL, 0)
    assert driver.step(gear, 0).direction == gear


@gears
def test_neutral_and_released_may_be_seen_in_different_ticks(gear):
    driver = Driver()
    driver.step(gear, 0)
    driver.step(NEUTRAL, 300)
    assert is_idle(driver.step(gear, 300))
    assert driver.step(gear, 0).direction == gear


@pytest.mark.parametrize("lost", [{"powered": False}, {"plug": 1}], ids=["power", "plug"])
def test_what_was_seen_before_power_does_not_count(lost):
    driver = Driver()
    for _ in range(5):
        request = driver.step(NEUTRAL, 0, **lost)
        assert not (request.seen_neutral or request.seen_released)
    assert is_idle(driver.step(FORWARD, 0))
    assert driver.request.seen_released is True
    assert driver.request.seen_neutral is False


def test_each_half_of_the_interlock_is_seen_on_its_own():
    request = Driver().step(NEUTRAL, 300)
    assert (request.seen_neutral, request.seen_released) == (True, False)
    request = Driver().step(FORWARD, 0)
    assert (request.seen_neutral, request.seen_released) == (False, True)


@gears
@pytest.mark.parametrize("lost", [{"powered": False}, {"plug": 1}], ids=["power", "plug"])
def test_losing_power_ends_the_torque_at_once_and_starts_the_interlock_again(gear, lost):
    driver = Driver().engage(gear)
    assert driver.step(gear, 800).permille == 800
    request = driver.step(gear, 800, **lost)
    assert is_idle(request)
    assert not (request.seen_neutral or request.seen_released)
    assert is_idle(driver.step(gear, 800))
    assert is_idle(driver.step(gear, 0))
    assert is_idle(driver.step(gear, 800))
    driver.step(NEUTRAL, 0)
    assert driver.step(gear, 0).direction == gear


@gears
def test_a_key_that_bounces_cuts_the_torque_and_keeps_the_gear(gear):
    driver = Driver().engage(gear)
    assert driver.step(gear, 800).permille == 800
    for _ in range(9):
        request = driver.step(gear, 800, key=0)
        assert (request.permille, request.is_cut) == (0, True)
        assert request.direction == gear
    assert driver.step(gear, 800).permille == 800


def test_the_selected_gear_is_known_without_power():
    driver = Driver()
    for gear in (FORWARD, REVERSE, NEUTRAL):
        assert driver.step(gear, powered=False).selected == gear
    assert driver.step(BOTH, powered=False).selected == NEUTRAL


@gears
def test_a_pedal_that_is_neither_released_nor_asking_does_not_engage(gear):
    driver = Driver()
    driver.step(NEUTRAL, 0)
    assert is_idle(driver.step(gear, 0, released=0))
    assert driver.step(gear, 0, released=1).direction == gear


@gears
def test_the_first_gear_engages_below_3_kmh_and_not_one_mmps_above(gear):
    driver = Driver()
    driver.step(NEUTRAL, 0, speed=FAST_MMPS)
    assert is_idle(driver.step(gear, 0, speed=FAST_MMPS))
    assert driver.step(gear, 0, speed=SLOW_MMPS).direction == gear


@gears
def test_a_change_of_direction_engages_below_3_kmh_and_not_one_mmps_above(gear):
    driver = Driver().engage(gear)
    assert is_idle(driver.step(-gear, 0, speed=FAST_MMPS))
    assert is_idle(driver.step(-gear, 0, speed=15000))
    assert driver.step(-gear, 0, speed=SLOW_MMPS).direction == -gear


@gears
def test_a_change_of_direction_with_the_pedal_pressed_waits_until_it_is_released(gear):
    driver = Driver().engage(gear)
    for _ in range(200):
        assert is_idle(driver.step(-gear, 1, released=0))
    assert driver.step(-gear, 0).direction == -gear
    assert driver.step(-gear, 1).permille == 1


def test_forward_while_the_car_rolls_in_it_is_engaged_again_at_any_speed():
    gear = FORWARD
    driver = Driver().engage(gear)
    driver.step(gear, 900, speed=11000)
    assert is_idle(driver.step(NEUTRAL, 0, speed=11000))
    assert driver.step(gear, 0, speed=11000).direction == gear


def test_forward_while_the_car_rolls_in_it_is_engaged_again_after_a_touch_of_the_other():
    gear = FORWARD
    driver = Driver().engage(gear)
    assert is_idle(driver.step(-gear, 0, speed=11000))
    assert driver.step(gear, 0, speed=11000).direction == gear
    assert is_idle(driver.step(-gear, 0, speed=11000))


def test_forward_while_the_car_rolls_in_it_is_not_engaged_with_the_pedal_pressed():
    gear = FORWARD
    driver = Driver().engage(gear)
    driver.step(NEUTRAL, 0, speed=11000)
    assert is_idle(driver.step(gear, 500, speed=11000))
    assert driver.step(gear, 0, speed=11000).direction == gear


def test_reverse_is_never_engaged_above_3_kmh_not_even_again():
    driver = Driver().engage(REVERSE)
    driver.step(NEUTRAL, 0, speed=FAST_MMPS)
    assert is_idle(driver.step(REVERSE, 0, speed=FAST_MMPS))
    assert driver.step(REVERSE, 0, speed=SLOW_MMPS).direction == REVERSE


@pytest.mark.parametrize(("stood_ms", "again"), [(1000, FORWARD), (1001, NEUTRAL)])
def test_a_car_that_stood_in_neutral_may_roll_either_way_afterwards(stood_ms, again):
    driver = Driver().engage(FORWARD)
    driver.sig.standstill_ms = stood_ms
    driver.step(NEUTRAL, 0)
    driver.sig.standstill_ms = 0
    assert driver.step(FORWARD, 0, speed=11000).direction == again


@pytest.mark.parametrize(("stood_ms", "again"), [(1000, FORWARD), (1001, NEUTRAL)])
def test_a_car_that_stood_without_power_may_roll_either_way_afterwards(stood_ms, again):
    driver = Driver().engage(FORWARD)
    driver.sig.standstill_ms = stood_ms
    driver.step(FORWARD, powered=False)
    driver.sig.standstill_ms = 0
    driver.step(NEUTRAL, 0, speed=2500)
    assert driver.step(FORWARD, 0, speed=2500).direction == again


def test_after_a_change_of_direction_the_old_one_is_a_change_again():
    gear = REVERSE
    driver = Driver().engage(gear)
    assert driver.step(-gear, 0).direction == -gear
    driver.step(NEUTRAL, 0, speed=2000)
    assert is_idle(driver.step(gear, 0, speed=2000))
    assert driver.step(-gear, 0, speed=2000).direction == -gear


@gears
def test_while_nobody_knows_the_speed_no_other_direction_engages_until_the_key_was_off(gear):
    driver = Driver().engage(gear)
    driver.sig.speed_trusted = 0
    driver.step(NEUTRAL)
    assert driver.step(-gear).direction == NEUTRAL
    driver.step(NEUTRAL)
    assert driver.step(gear).direction == gear
    driver.step(NEUTRAL, powered=False)
    assert driver.engage(-gear).request.direction == -gear


@gears
def test_when_the_speed_is_known_again_either_direction_engages(gear):
    driver = Driver().engage(gear)
    driver.sig.speed_trusted = 0
    driver.step(NEUTRAL)
    driver.step(-gear)
    driver.sig.speed_trusted = 1
    assert driver.step(-gear).direction == -gear


@gears
def test_an_engaged_gear_stays_engaged_at_any_speed_with_any_pedal(gear):
    driver = Driver().engage(gear)
    for pedal, speed in ((1000, 15000), (0, 15000), (500, 0), (0, 833)):
        assert driver.step(gear, pedal, speed=speed).direction == gear


@gears
def test_neutral_disengages_at_once_at_full_torque(gear):
    driver = Driver().engage(gear)
    driver.step(gear, 1000)
    assert is_idle(driver.step(NEUTRAL, 1000))


def test_both_gears_at_once_are_none():
    driver = Driver()
    driver.step(NEUTRAL, 0)
    for _ in range(100):
        request = driver.step(BOTH, 0)
        assert request.selected == NEUTRAL
        assert is_idle(request)
    assert driver.step(FORWARD, 0).direction == FORWARD


def test_both_gears_at_once_do_not_count_as_seen_in_neutral():
    driver = Driver()
    for _ in range(100):
        assert driver.step(BOTH, 0).seen_neutral is False
    assert is_idle(driver.step(FORWARD, 0))


def test_a_conflict_cuts_the_torque_and_needs_the_pedal_released_to_end():
    gear = FORWARD
    driver = Driver().engage(gear)
    driver.step(gear, 700, speed=9000)
    assert is_idle(driver.step(BOTH, 700, speed=9000))
    assert is_idle(driver.step(gear, 700, speed=9000))
    assert driver.step(gear, 0, speed=9000).direction == gear


@gears
def test_the_tick_that_turns_the_gear_cuts_what_is_left_of_the_torque(gear):
    driver = Driver().engage(gear)
    driver.step(gear, 1000)
    assert driver.request.is_cut is False
    request = driver.step(-gear, 0)
    assert (request.direction, request.permille, request.is_cut) == (-gear, 0, True)
    assert driver.step(-gear, 300).is_cut is False


@gears
@pytest.mark.parametrize("pedal", [0, 1, 1000])
def test_the_brake_means_no_torque_at_all_and_keeps_the_gear(gear, pedal):
    driver = Driver(regen_max_permille=400, coast_regen_permille=400).engage(gear)
    request = driver.step(gear, pedal, speed=9000, brake=1)
    assert (request.permille, request.is_cut, request.direction) == (0, True, gear)
    request = driver.step(gear, 400, speed=9000)
    assert (request.permille, request.is_cut, request.direction) == (400, False, gear)


@gears
@pytest.mark.parametrize("pedal", [0, 1000])
def test_a_pedal_that_cannot_be_read_means_no_torque_at_all(gear, pedal):
    driver = Driver(regen_max_permille=400, coast_regen_permille=400).engage(gear)
    request = driver.step(gear, pedal, speed=9000, valid=0, released=0)
    assert (request.permille, request.is_cut) == (0, True)


def test_a_pedal_that_cannot_be_read_is_not_seen_released():
    driver = Driver()
    driver.step(NEUTRAL, 0, valid=0)
    assert is_idle(driver.step(FORWARD, 0, valid=0))
    assert driver.request.seen_released is False


# 400 permille fade out from 1389 to 556 mm/s; 3 mm/s above the end are the first whole permille.
@gears
@pytest.mark.parametrize(
    ("speed", "permille"),
    [
        (0, 0),
        (555, 0),
        (556, 0),
        (558, 0),
        (559, -1),
        (973, -200),
        (1388, -399),
        (1389, -400),
        (1390, -400),
        (15555, -400),
    ],
)
def test_coasting_regenerates_and_fades_out_between_5_and_2_kmh(gear, speed, permille):
    driver = Driver(regen_max_permille=400, coast_regen_permille=400).engage(gear)
    request = driver.step(gear, 0, speed=speed)
    assert (request.permille, request.is_cut) == (permille, False)


def test_a_pedal_that_asks_for_anything_ends_the_coasting():
    driver = Driver(regen_max_permille=400, coast_regen_permille=400).engage(FORWARD)
    assert driver.step(FORWARD, 1, speed=5000).permille == 1


def test_a_car_without_coast_regeneration_coasts_freely():
    driver = Driver(regen_max_permille=400).engage(FORWARD)
    request = driver.step(FORWARD, 0, speed=5000)
    assert (request.permille, request.is_cut) == (0, False)


START = ((NEUTRAL, 0, 0, True),)
ROLLING_FORWARD = START + ((FORWARD, 0, 0, True), (FORWARD, 500, FAST_MMPS, True))
ROLLING_BACK = START + ((REVERSE, 0, 0, True), (REVERSE, 500, FAST_MMPS, True))


@pytest.mark.sweep
@pytest.mark.parametrize(
    "history", [(), START, ROLLING_FORWARD, ROLLING_BACK], ids=["key_on", "idle", "fwd", "rev"]
)
def test_no_three_ticks_of_any_inputs_engage_otherwise_than_the_rules_say(history):
    """The rules, told from the whole history of the inputs, against the state that is kept."""
    inputs = tuple(product(GEARS, (0, 500), (SLOW_MMPS, FAST_MMPS), (True, False)))
    for tail in product(inputs, repeat=3):
        driver = Driver()
        neutral = released = False
        engaged = last = NEUTRAL
        for gear, pedal, speed, powered in history + tail:
            before = engaged
            neutral = powered and (neutral or gear == NEUTRAL)
            released = powered and (released or pedal == 0)
            gentle = pedal == 0 and (speed == 0 or speed == SLOW_MMPS or gear == last == FORWARD)
            if not powered or gear in (NEUTRAL, BOTH):
                engaged = NEUTRAL
            elif gear != engaged:
                engaged = gear if neutral and released and gentle else NEUTRAL
            last = engaged or last
            request = driver.step(gear, pedal, speed=speed, powered=powered)
            assert request.direction == engaged
            assert request.permille == (pedal if engaged else 0)
            assert request.is_cut is (engaged == NEUTRAL or engaged != before)
