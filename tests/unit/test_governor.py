"""Governor: the torque that holds the cap, to the count, and the cut when that was not enough."""

from types import SimpleNamespace

import pytest

from tests.unit.cars import FORWARD, NEUTRAL, REVERSE, Driver, make_params
from vcu.governor import Governor, kmh_to_mmps
from vcu.limits import CRAWL, LEARNER, SPEED_CAP, WALK

# How far below the cap the target is on a road that takes nothing, and at most: tuning.
MARGIN = 150
MOST_MARGIN = 200
FINE_MARGIN = 222  # where pulses are less than 60 mm apart
CAP = 11111  # 40 km/h
TARGET = CAP - MARGIN
REVERSE_CAP = 2222  # 8 km/h
REVERSE_TARGET = REVERSE_CAP - MARGIN
NO_CAP = 100000  # nothing asks for less
# Above this speed for 100 ms there is no drive torque.
OVER = CAP + 83


class Governed(Governor):
    """A governor, and the observer that it believes, for the test to set."""

    def __init__(self, params, observer, response):
        super().__init__(params, observer, response)
        self.observer = observer


def governed(speed_mmps, *, disturbance=0, delivered=0, full=2000, ticks=1, reverse=0, **values):
    """Return a governor that has seen this speed, and for its target a flat road, for so many
    ticks of 10 ms.
    """
    observer = SimpleNamespace(
        speed_mmps=speed_mmps, disturbance_mmps2=0, delivered_permille=delivered
    )
    response = SimpleNamespace(accel_full_mmps2=full)
    governor = Governed(make_params(**values), observer, response)
    governor.choose(bool(reverse), NO_CAP, SPEED_CAP)
    observer.disturbance_mmps2 = disturbance
    for _ in range(ticks):
        governor.step(10)
    return governor


def limit_at(speed_mmps, **kwargs):
    return governed(speed_mmps, **kwargs).limit_permille


@pytest.mark.parametrize(
    ("kmh", "mmps"), [(36, 10000), (40, 11111), (45, 12500), (56, 15555), (8, 2222), (3, 833)]
)
def test_km_per_hour_become_mm_per_second_rounded_down(kmh, mmps):
    assert kmh_to_mmps(kmh) == mmps


def test_the_governor_limits_nothing_before_its_first_step_and_is_named_speed_cap():
    governor = governed(0, ticks=0)
    assert governor.limit_permille == 1000
    assert governor.name == SPEED_CAP


def test_before_anything_was_chosen_the_governor_is_named_speed_cap():
    assert Governed(make_params(), None, None).name == SPEED_CAP


# --- the law: 4 /s of the distance to the target, less what the road gives, over full torque


@pytest.mark.parametrize(
    ("speed", "answer"),
    [
        (TARGET - 1000, 1000),
        (TARGET - 501, 1000),
        (TARGET - 500, 1000),
        (TARGET - 499, 998),
        (TARGET - 250, 500),
        (TARGET - 1, 2),
        (TARGET, 0),
        (TARGET + 1, 0),
    ],
)
def test_the_limit_falls_towards_the_target_below_the_cap(speed, answer):
    assert limit_at(speed) == answer


@pytest.mark.parametrize(
    ("speed", "answer"),
    [(TARGET, 0), (TARGET + 5, 0), (TARGET + 6, -8), (TARGET + 40, -280), (TARGET + 120, -920)],
)
def test_above_the_target_braking_comes_4_times_as_fast_beyond_a_dead_zone(speed, answer):
    assert limit_at(speed, regen_max_permille=1000, ticks=50) == answer


def test_braking_grows_by_2_permille_per_ms_however_fast_the_car():
    for ticks in (1, 2, 3):
        assert limit_at(25000, regen_max_permille=1000, ticks=ticks) == -20 * ticks


@pytest.mark.parametrize("speed", [TARGET + 129, CAP, OVER, OVER + 1, 25000])
def test_no_more_braking_is_asked_than_is_fitted(speed):
    assert limit_at(speed + 20, regen_max_permille=400, ticks=50) == -400


@pytest.mark.parametrize("speed", [TARGET + 1, CAP, OVER + 1, 25000])
@pytest.mark.parametrize("disturbance", [0, 2000])
def test_no_regeneration_is_asked_when_none_is_fitted(speed, disturbance):
    governor = governed(speed, disturbance=disturbance, ticks=20)
    assert governor.limit_permille == 0


@pytest.mark.parametrize(("full", "answer"), [(1000, 1000), (2000, 500), (4000, 250)])
def test_a_car_that_answers_torque_better_gets_less_of_it(full, answer):
    assert limit_at(TARGET - 250, full=full) == answer


def test_more_than_full_torque_is_full_torque():
    assert limit_at(TARGET - 1001, full=4000) == 1000


def test_at_the_target_the_limit_is_the_torque_that_balances_the_road():
    # 1 m/s2 of hill, and half of the 2 m/s2 of full torque delivered against it.
    assert limit_at(TARGET, disturbance=-1000, delivered=500) == 500


def test_the_speed_governed_is_that_of_150_ms_ahead():
    # 1000 mm/s2 for 150 ms are 150 mm/s, whoever makes them.
    assert limit_at(TARGET - 150 - 250, delivered=500) == 500
    assert limit_at(TARGET - 150 - 375, disturbance=1000) == 250
    assert limit_at(TARGET + 150 - 250, disturbance=-1000) == 1000
    assert limit_at(TARGET + 150, disturbance=-1000) == 500


def test_no_more_acceleration_is_asked_than_8_m_per_s_of_error_is_worth():
    # A car that answers little and is pushed hard uphill: 32 000 mm/s2 asked for the error.
    assert limit_at(CAP - 6000, disturbance=12000, delivered=-1000, full=30000) == 666


@pytest.mark.parametrize("reverse", [0, 1])
def test_more_than_6_m_per_s_below_the_cap_nothing_is_limited(reverse):
    hopeless = {"disturbance": 12000, "full": 30000, "speed_cap_kmh": 56, "reverse_cap_kmh": 15}
    assert limit_at(15555 - 6001, **hopeless) == 1000
    assert limit_at(15555 - 6000, **hopeless) < 700
    assert limit_at(0, reverse=1, **hopeless) < 700


def test_the_error_counts_up_to_8_m_per_s_and_no_further():
    # 32 000 mm/s2 asked, 12 000 given by the hill: 20 000 of 40 001 are just below 500.
    hard = {"disturbance": 12000, "delivered": -1000}
    assert limit_at(CAP - 6000, full=40001, **hard) == 499
    assert limit_at(CAP - 6000, full=40000, **hard) == 500


def test_the_delivered_torque_is_counted_to_the_permille():
    # 20 m/s2 for 150 ms are 3000 mm/s.
    assert limit_at(TARGET - 3000 - 500, delivered=1000, full=20000) == 100


def test_far_below_the_cap_the_limit_opens_at_once_and_the_over_speed_is_forgotten():
    governor = uphill(OVER + 1, 9)
    governor.observer.speed_mmps = 0
    governor.step(10)
    assert governor.limit_permille == 1000
    governor.observer.speed_mmps = OVER + 1
    for _ in range(9):
        governor.step(10)
    assert governor.limit_permille > 300


def test_one_mm_per_s_above_the_target_is_released_4_times_as_fast():
    # 4 and not 1 of error, 16 and not 4 mm/s2 of it; the hill takes 1000.
    assert limit_at(TARGET + 1, disturbance=-1000, delivered=500) == 492


def test_no_braking_is_asked_for_the_last_permille_above_the_target():
    # 1 mm/s2 too much is -1 permille of 2000 mm/s2, well within the dead zone.
    assert limit_at(TARGET, disturbance=1, regen_max_permille=400) == 0


# --- the target: lower where the road takes much of the torque, which a crest would give back


def margin_after(*loads, cap=CAP, speed=CAP, full=2000, **values):
    """Return how far below the cap the target is after these loads, one per 80 ms, in mm/s2."""
    governor = governed(speed, full=full, **values)
    observer = governor.observer
    for load in loads:
        observer.disturbance_mmps2 = -load
        governor.choose(False, cap, CRAWL)
    observer.disturbance_mmps2 = 0
    observer.delivered_permille = 0
    margin = 0
    # At the target the limit is nothing, 1 mm/s below it is 4 mm/s2 of full torque.
    observer.speed_mmps = cap
    governor.step(10)
    while governor.limit_permille <= 0:
        margin += 1
        observer.speed_mmps = cap - margin
        governor.step(10)
    return margin - 1


@pytest.mark.parametrize(
    ("load", "margin"),
    [
        (-12000, MARGIN),
        (-1, MARGIN),
        (0, MARGIN),
        (79, MARGIN),
        (80, MARGIN + 1),
        (20 * 40, MARGIN + 37),
        (20 * 50, MOST_MARGIN - 3),
        (12000, MOST_MARGIN - 3),
    ],
)
def test_the_heavier_the_load_the_lower_the_target_to_0_7_kmh_below_the_cap(load, margin):
    assert margin_after(*[load] * 50, wheel_circumference_mm=1440, pulses_per_turn=24) == margin


@pytest.mark.parametrize(
    ("load", "margin"), [(20 * 72, FINE_MARGIN - 3), (12000, FINE_MARGIN - 3)]
)
@pytest.mark.parametrize("wheel", [(1439, 24), (1799, 30), (2200, 96)])
def test_with_pulses_less_than_60_mm_apart_the_target_falls_to_0_8_kmh_below_the_cap(
    wheel, load, margin
):
    circumference_mm, pulses = wheel
    values = {"wheel_circumference_mm": circumference_mm, "pulses_per_turn": pulses}
    assert margin_after(*[load] * 50, **values) == margin


def test_the_target_follows_the_load_by_a_quarter_in_80_ms():
    assert margin_after(20 * 40) == MARGIN + 10
    assert margin_after(20 * 40, 20 * 40) == MARGIN + 17
    assert margin_after(*[20 * 40] * 50, 0) == MARGIN + 27
    assert margin_after(*[20 * 40] * 50, *[0] * 50) == MARGIN


def test_a_governor_that_limits_nothing_learns_no_load():
    assert margin_after(*[20 * 40] * 50, speed=TARGET - 999, full=4000) == MARGIN + 37
    assert margin_after(*[20 * 40] * 50, speed=TARGET - 1000, full=4000) == MARGIN


def test_before_anything_was_chosen_the_target_is_below_the_lower_cap():
    observer = SimpleNamespace(
        speed_mmps=REVERSE_TARGET, disturbance_mmps2=0, delivered_permille=0
    )
    governor = Governed(make_params(), observer, SimpleNamespace(accel_full_mmps2=2000))
    governor.step(10)
    assert governor.limit_permille == 0


@pytest.mark.parametrize("cap", [833, 2777, CAP])
def test_a_cap_chosen_anew_keeps_the_margin(cap):
    assert margin_after(*[20 * 40] * 50, cap=cap) == MARGIN + 37


# --- down at once, up slowly


def test_the_limit_falls_at_once_and_rises_13_permille_per_ms():
    governor = governed(TARGET)
    assert governor.limit_permille == 0
    governor.observer.speed_mmps = TARGET - 2000
    governor.step(10)
    assert governor.limit_permille == 130
    governor.step(15)
    assert governor.limit_permille == 325
    governor.observer.speed_mmps = TARGET - 40
    governor.step(10)
    assert governor.limit_permille == 80


def test_a_limit_that_rises_by_just_one_step_is_not_slowed():
    governor = governed(TARGET)
    governor.observer.speed_mmps = TARGET - 65
    governor.step(10)
    assert governor.limit_permille == 130
    governor.observer.speed_mmps = TARGET - 130
    governor.step(10)
    assert governor.limit_permille == 260


def test_the_limit_rises_back_to_full_torque_and_no_further():
    governor = governed(TARGET)
    governor.observer.speed_mmps = TARGET - 2000
    for _ in range(30):
        governor.step(10)
    assert governor.limit_permille == 1000


def test_braking_is_released_as_slowly_as_drive_is_given():
    governor = governed(CAP, regen_max_permille=400, ticks=50)
    assert governor.limit_permille == -400
    governor.observer.speed_mmps = TARGET - 2000
    governor.step(10)
    assert governor.limit_permille == -270


# --- the cut: on a hill that asks for torque, too fast is still too fast


def uphill(speed, ticks, **kwargs):
    return governed(speed, disturbance=-7000, delivered=875, full=8000, ticks=ticks, **kwargs)


@pytest.mark.parametrize(("ticks", "is_cut"), [(1, False), (9, False), (10, True), (100, True)])
def test_above_the_cap_by_0_3_kmh_the_drive_torque_is_zero_after_100_ms(ticks, is_cut):
    governor = uphill(OVER + 1, ticks)
    assert (governor.limit_permille == 0) == is_cut


def test_at_the_threshold_itself_the_torque_is_not_cut():
    assert uphill(OVER, 100).limit_permille > 300


def test_one_tick_at_the_threshold_starts_the_100_ms_again():
    governor = uphill(OVER + 1, 9)
    governor.observer.speed_mmps = OVER
    governor.step(10)
    governor.observer.speed_mmps = OVER + 1
    for _ in range(9):
        governor.step(10)
    assert governor.limit_permille > 300
    governor.step(10)
    assert governor.limit_permille == 0


@pytest.mark.parametrize("before", [(), (CAP,), (0,), (OVER + 1, CAP), (OVER + 1, 0)])
def test_99_ms_do_not_cut_and_100_do(before):
    governor = uphill(OVER + 1, 0)
    for speed in before:
        governor.observer.speed_mmps = speed
        governor.step(10)
    governor.observer.speed_mmps = OVER + 1
    for _ in range(9):
        governor.step(11)
    assert governor.limit_permille > 300
    governor.step(1)
    assert governor.limit_permille == 0


def test_the_100_ms_are_time_and_not_ticks():
    governor = uphill(OVER + 1, 0)
    governor.step(40)
    governor.step(40)
    assert governor.limit_permille > 0
    governor.step(20)
    assert governor.limit_permille == 0


def test_the_cut_leaves_the_braking_that_was_asked():
    # 438 mm/s too fast ask for 7008 mm/s2 of braking, and the hill makes 7000 of them;
    # 320 mm/s2 more are the dead zone.
    assert uphill(TARGET + 437, 50, regen_max_permille=1000).limit_permille == 0
    assert uphill(TARGET + 455, 50, regen_max_permille=1000).limit_permille == 0
    assert uphill(TARGET + 470, 50, regen_max_permille=1000).limit_permille == -25
    assert uphill(20000, 50, regen_max_permille=1000).limit_permille == -1000


def test_the_cut_ends_at_once_and_the_torque_comes_back_slowly():
    governor = uphill(OVER + 1, 20)
    governor.observer.speed_mmps = OVER
    governor.step(10)
    assert governor.limit_permille == 130


def test_the_cut_takes_the_last_permille_too():
    # A hill on which 1 permille is what is left of the torque.
    hill = {"disturbance": -1102, "full": 8000}
    assert governed(OVER + 1, ticks=9, **hill).limit_permille == 1
    assert governed(OVER + 1, ticks=10, **hill).limit_permille == 0


# --- reverse


def test_reverse_has_its_own_cap():
    assert limit_at(REVERSE_TARGET - 250, reverse=1) == 500
    assert limit_at(REVERSE_TARGET, reverse=1) == 0
    assert limit_at(REVERSE_TARGET, reverse=0) == 1000


def test_the_cut_in_reverse_is_that_of_the_reverse_cap():
    assert uphill(REVERSE_CAP + 83, 20, reverse=1).limit_permille > 300
    assert uphill(REVERSE_CAP + 84, 20, reverse=1).limit_permille == 0


@pytest.mark.parametrize("cap_kmh", [40, 45, 56])
def test_the_cap_is_the_parameter(cap_kmh):
    cap = cap_kmh * 10000 // 36
    assert limit_at(cap - MARGIN, speed_cap_kmh=cap_kmh) == 0
    assert limit_at(cap - MARGIN - 1, speed_cap_kmh=cap_kmh) == 2


@pytest.mark.parametrize("cap_kmh", [3, 15])
def test_the_reverse_cap_is_the_parameter(cap_kmh):
    cap = cap_kmh * 10000 // 36
    assert limit_at(cap - MARGIN, reverse=1, reverse_cap_kmh=cap_kmh) == 0
    assert limit_at(cap - MARGIN - 1, reverse=1, reverse_cap_kmh=cap_kmh) == 2


# --- which cap


def capped(reverse=False, lower_mmps=NO_CAP, lower_name=WALK, **values):
    """Return cap and name that a governor chooses."""
    governor = governed(0, ticks=0, **values)
    governor.choose(reverse, lower_mmps, lower_name)
    return governor.cap_mmps, governor.name


def test_before_anything_was_chosen_the_cap_is_the_lower_one_of_the_two_gears():
    governor = Governor(make_params(), SimpleNamespace(), SimpleNamespace())
    assert governor.cap_mmps == REVERSE_CAP


@pytest.mark.parametrize(("reverse", "cap"), [(False, CAP), (True, REVERSE_CAP)])
def test_a_lower_cap_counts_under_its_own_name_and_a_higher_one_does_not(reverse, cap):
    assert capped(reverse) == (cap, SPEED_CAP)
    assert capped(reverse, cap, CRAWL) == (cap, SPEED_CAP)
    assert capped(reverse, cap - 1, CRAWL) == (cap - 1, CRAWL)
    assert capped(reverse, cap - 1, WALK) == (cap - 1, WALK)


def test_a_lower_cap_ends_when_nothing_asks_for_it_any_more():
    governor = governed(0, ticks=0)
    governor.choose(False, 1000, CRAWL)
    governor.choose(False, NO_CAP, CRAWL)
    assert (governor.cap_mmps, governor.name) == (CAP, SPEED_CAP)


def test_the_limit_holds_the_cap_that_was_chosen():
    governor = governed(2777 - MARGIN, ticks=0)
    governor.choose(False, 2777, CRAWL)
    governor.step(10)
    assert governor.limit_permille == 0


LEARNING = {"learner_on": 1, "learner_cap_kmh": 20}


def test_a_learner_has_a_cap_of_its_own_forward_and_the_usual_one_in_reverse():
    assert capped(**LEARNING) == (5555, LEARNER)
    assert capped(reverse=True, **LEARNING) == (REVERSE_CAP, LEARNER)
    assert capped(lower_mmps=5554, **LEARNING) == (5554, WALK)
    assert capped(lower_mmps=5555, **LEARNING) == (5555, LEARNER)


@pytest.mark.parametrize(("learner_kmh", "cap"), [(10, 2777), (14, 3888), (15, 4166), (16, 4166)])
def test_a_learner_goes_no_faster_in_reverse_than_forward(learner_kmh, cap):
    values = {"learner_on": 1, "learner_cap_kmh": learner_kmh, "reverse_cap_kmh": 15}
    assert capped(reverse=True, **values) == (cap, LEARNER)


def test_the_learners_cap_needs_the_learner_mode():
    assert capped(learner_on=0, learner_cap_kmh=20) == (CAP, SPEED_CAP)


def test_the_learners_cap_never_raises_the_cap():
    assert capped(learner_on=1, learner_cap_kmh=40) == (CAP, SPEED_CAP)
    assert capped(learner_on=1, learner_cap_kmh=39) == (10833, LEARNER)


# --- in a car


@pytest.mark.parametrize("stamps", [False, True])
@pytest.mark.parametrize("mass_kg", [250, 500, 900])
def test_a_car_with_the_pedal_down_stays_within_the_cap_and_close_to_it(mass_kg, stamps):
    driver = Driver(stamps=stamps, mass_kg=mass_kg, wheel_force_n=1500, discharge_max_da=3000)
    driver.engage(FORWARD)
    driver.pedal = 1000
    fastest = 0
    for _ in range(3000):
        driver.tick()
        fastest = max(fastest, driver.body.speed_mps * 3.6)
    assert fastest < 40.5
    assert driver.body.speed_mps * 3.6 > 39.0
    assert driver.loop.chain.winner == SPEED_CAP


def test_a_car_in_reverse_with_the_pedal_down_stays_within_the_reverse_cap():
    driver = Driver().engage(REVERSE)
    driver.pedal = 1000
    fastest = 0
    for _ in range(1000):
        driver.tick()
        fastest = max(fastest, driver.body.speed_mps * 3.6)
    assert 7.0 < fastest < 8.5


def test_a_car_pushed_over_its_cap_gets_no_torque_within_200_ms():
    driver = Driver().engage(FORWARD)
    driver.pedal = 1000
    driver.roll_at(10000)
    driver.tick(100)
    driver.body.grade = -0.3
    driver.wait_for(lambda: driver.body.speed_mps * 3.6 > 40.5)
    driver.tick(20)
    assert driver.out.throttle_permille == 0
    assert driver.gear != NEUTRAL
    assert driver.out.enable == 1
