"""Power that nobody asked for, as the guard measures it; and what it keeps of its own."""

from types import SimpleNamespace

import pytest

from tests.unit.guard_bench import SCALING, Bench, is_found_when_flipped, kept, make_guard, stays
from vcu.guard import UNINTENDED

# --- power that nobody asked for


@pytest.mark.parametrize(("power_w", "bits"), [(370, 0), (371, UNINTENDED), (3000, UNINTENDED)])
def test_with_no_torque_asked_only_the_idle_power_and_noise_may_flow(power_w, bits):
    bench = Bench(ticks=20)
    bench.power_w = power_w
    bench.tick(20)
    assert bench.bits == bits
    assert bench.is_stopped == (bits != 0)


@pytest.mark.parametrize("early", [0, 1])
def test_power_that_nobody_asked_for_is_taken_within_40_ms(early):
    bench = Bench(ticks=early)
    bench.power_w = 1000
    assert bench.ticks_to_stop() == 3 - early
    assert bench.bits == UNINTENDED


def test_power_of_a_single_look_is_noise_as_often_as_it_comes():
    bench = Bench()
    for _ in range(20):
        bench.power_w = 3000
        bench.tick(2)
        bench.power_w = 0
        bench.tick(2)
    assert bench.bits == 0


def test_power_into_the_pack_is_not_drive():
    bench = Bench(ticks=10)
    bench.power_w = 3000
    bench._fill()
    bench.raw.pack_a_counts = 1500 - 1000
    for _ in range(20):
        bench.guard.step(bench.raw, bench.out, 10)
    assert bench.bits == 0


@pytest.mark.parametrize(
    ("amps_counts", "volts_counts", "is_seen"),
    [
        (3050, 3050, True),
        (3051, 3050, False),
        (3050, 3051, False),
        (2500, 1, False),
        (2500, 371, True),
        (2500, 0, False),
        (2500, -1, False),
        (-1, 3000, False),
    ],
)
def test_what_the_pack_sensors_cannot_have_measured_is_not_judged(
    amps_counts, volts_counts, is_seen
):
    bench = Bench()
    bench._fill()
    bench.raw.pack_a_counts = amps_counts
    bench.raw.pack_v_counts = volts_counts
    for _ in range(10):
        bench.guard.step(bench.raw, bench.out, 10)
    assert (bench.bits == UNINTENDED) == is_seen


@pytest.mark.parametrize(("amps_counts", "is_seen"), [(99, False), (100, True)])
def test_a_current_reading_below_100_counts_is_no_reading(amps_counts, is_seen):
    # A sensor the other way round: what it reads near zero is current out of the pack.
    scaling = SimpleNamespace(**vars(SCALING))
    scaling.pack_da_per_1000_counts = -1000
    bench = Bench()
    bench.guard = make_guard(bench.params, scaling)
    bench._fill()
    bench.raw.pack_a_counts = amps_counts
    bench.raw.pack_v_counts = 3000
    for _ in range(10):
        bench.guard.step(bench.raw, bench.out, 10)
    assert (bench.bits == UNINTENDED) == is_seen


@pytest.mark.parametrize(("name", "value"), [("pack_cv", 2000), ("pack_da", 3000)])
def test_the_scales_and_the_zero_of_the_board_are_used(name, value):
    scaling = SimpleNamespace(**vars(SCALING))
    setattr(scaling, name + "_per_1000_counts", value)
    for volts_counts, bits in ((369, 0), (372, UNINTENDED)):
        bench = Bench(pack_a_zero_counts=1600)
        bench.guard = make_guard(bench.params, scaling)
        bench._fill()
        bench.raw.pack_a_counts = 1600 + 1000 * 1000 // value
        bench.raw.pack_v_counts = volts_counts
        for _ in range(10):
            bench.guard.step(bench.raw, bench.out, 10)
        assert bench.bits == bits


def test_power_is_told_to_the_watt():
    scaling = SimpleNamespace(**vars(SCALING))
    scaling.pack_da_per_1000_counts = 8000
    bench = Bench()
    bench.guard = make_guard(bench.params, scaling)
    bench._fill()
    bench.raw.pack_v_counts, bench.raw.pack_a_counts = 3000, 1500 + 500
    for _ in range(2):
        bench.guard.step(bench.raw, bench.out, 10)
    assert bench.guard.power.power_w == 12000  # 30 V and 400 A
    bench.raw.pack_v_counts = -1
    for _ in range(2):
        bench.guard.step(bench.raw, bench.out, 10)
    assert bench.guard.power.power_w == 0


def test_power_before_the_first_slot_has_ended_is_judged_like_any_other():
    bench = Bench()
    bench.torque = 340
    bench.power_w = 300
    assert stays(bench, 8)
    bench.power_w = 3000
    assert bench.tick(4).bits == UNINTENDED


def test_power_while_torque_rises_is_judged_by_what_is_asked_now():
    bench = Bench(ticks=20)
    bench.torque = 500
    bench.power_w = 500
    assert stays(bench)


# --- memory

KEPT = kept("power")


def test_it_keeps_its_own_copies():
    assert len(KEPT) == 8


@pytest.mark.parametrize("name", KEPT)
def test_a_bit_that_flips_in_a_copy_takes_traction_within_200_ms(name):
    assert all(is_found_when_flipped("power", name, bit) for bit in range(30))
