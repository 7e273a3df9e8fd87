"""Whole cars whose power the guard must not stop: standing, launching and driving."""

import random

import pytest

from tests.unit.cars import PACK_CV_PER_1000, PACK_DA_PER_1000, Body, Wheel, make_scaling
from tests.unit.guard_bench import FIRST, Bench, make_guard

pytestmark = pytest.mark.sweep

# A sensor as cheap as they come, and a pack of 72 V that is full.
NOISY_AMPS_COUNTS = 2.0
FULL_72_V = 88


@pytest.mark.parametrize("torque", [0, 10, 40, 100])
@pytest.mark.parametrize("idle_w", [100, 250, 800])
def test_a_car_that_stands_with_its_lights_on_is_no_unintended_drive(torque, idle_w):
    pick = random.Random(torque)
    bench = Bench(idle_power_w=idle_w)
    scaling = make_scaling()
    bench.guard = make_guard(bench.params, scaling)
    bench.pedal = 1000
    lights = 0.0
    for tick in range(20000):
        if tick % 300 == 0:  # on or off, and the foot goes a little way down or up again
            lights = idle_w / FULL_72_V if not lights else 0.0
            bench.torque = torque if pick.random() < 0.5 else 0
        bench._fill()
        noise = pick.gauss(0, NOISY_AMPS_COUNTS)
        bench.raw.pack_v_counts = FULL_72_V * 100 * 1000 // PACK_CV_PER_1000
        bench.raw.pack_a_counts = 1500 + round(lights * 10 * 1000 / PACK_DA_PER_1000 + noise)
        bench.guard.step(bench.raw, bench.out, 10)
        assert bench.bits == 0, tick


PRESET = {"wheel_circumference_mm": 1350, "stall_power_w": 1200}


class Car:
    """A body with a lag and losses, and a pack of 60 V, behind a bench."""

    def __init__(self, bench, mass_kg, grade=0.0):
        self.bench = bench
        bench.guard = make_guard(bench.params, make_scaling())
        self.body = Body(bench.params, mass_kg, grade)
        self.wheel = Wheel(bench.params, first_pulse=65000)
        self.stall_w = bench.params.get("stall_power_w")

    @property
    def way_m(self):
        return self.wheel.way_um / 1e6

    def __repr__(self):
        body, guard = self.body, self.bench.guard
        return f"{body.speed_mps} m/s, {body.torque_permille} permille, {guard.wheel.speed_mmps}"

    def tick(self, torque, pedal):
        bench, body = self.bench, self.body
        raw = bench.raw
        bench.torque, bench.pedal = int(torque), int(pedal)
        self.wheel.roll(raw, body.push(bench.torque))
        body.speed_mps = max(0.0, body.speed_mps - 0.05 * raw.brake_on)
        share = body.torque_permille / 1000
        power_w = body.force_n * body.speed_mps / 0.85 + self.stall_w * share * share + 150
        bench._fill()
        raw.pack_v_counts = 6000 * 1000 // PACK_CV_PER_1000
        raw.pack_a_counts = 1500 + int(power_w / 60 * 10 * 1000 / PACK_DA_PER_1000)
        bench.guard.step(raw, bench.out, 10)


def drive(seconds, seed, **values):
    """A driver who presses, lets go and brakes at random; returns the way in m."""
    pick = random.Random(seed)
    bench = Bench(**PRESET | values)
    car = Car(bench, pick.uniform(250, 900), pick.uniform(-0.06, 0.06))
    pedal = torque = 0.0
    for tick in range(seconds * 100):
        if tick % 100 == 0:
            pedal = pick.choice((0, 300, 700, 1000, 1000))
            bench.raw.brake_on = int(pedal == 0 and pick.random() < 0.4)
        wanted = pedal if car.body.speed_mps < 10.9 else 0
        torque = 0 if bench.raw.brake_on else min(wanted, torque + 12)
        car.tick(torque, pedal)
        assert bench.bits == 0, (tick, car)
    return car.way_m


@pytest.mark.parametrize("pulses_per_turn", [4, 6, 24, 96])
@pytest.mark.parametrize("lag_ms", [20, 300])
def test_a_drive_in_which_nothing_is_wrong_is_never_stopped(pulses_per_turn, lag_ms):
    way_m = sum(
        drive(40, seed, pulses_per_turn=pulses_per_turn, motor_lag_ms=lag_ms) for seed in range(4)
    )
    assert way_m > 300


@pytest.mark.parametrize("pulses_per_turn", [4, 6, 8, 10, 24, 96])
@pytest.mark.parametrize(
    ("mass_kg", "force_n"), [(250, 900), (300, 1250), (400, 1700), (900, 600)]
)
def test_a_launch_with_all_the_torque_that_a_light_car_has_is_no_unintended_drive(
    pulses_per_turn, mass_kg, force_n
):
    values = {"pulses_per_turn": pulses_per_turn, "wheel_force_n": force_n, "motor_lag_ms": 80}
    bench = Bench(FIRST, **PRESET | values)
    car = Car(bench, mass_kg)
    torque = 0
    while car.body.speed_mps < 9 and car.way_m < 200:
        torque = min(1000, torque + 12)
        car.tick(torque, pedal=1000)
        assert bench.bits == 0, car
