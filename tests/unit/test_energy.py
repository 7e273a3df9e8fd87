"""Energy: nothing counted is lost, and what is not known is said."""

import pytest

from tests.unit.cars import make_params
from vcu.chemistry import AGM, FLOODED, GEL, LFP, NMC
from vcu.energy import Energy
from vcu.signals import Signals

SMALL_STEPS = 10_000_000

DAMS_PER_MAH = 36000
MWMS_PER_MWH = 3600000


class Bench:
    """Counters on a pack with a voltage and a current."""

    def __init__(self, left_mah=None, uncertainty=30, odometer_m=0, **values):
        values.setdefault("capacity_mah", 100000)
        self.params = make_params(**values)
        self.cells = self.params.get("cell_count")
        self.energy = Energy(self.params)
        if left_mah is not None:
            self.energy.restore(left_mah, uncertainty, odometer_m)
        self.sig = Signals()
        self.sig.pack_valid = 1
        self.sig.pack_cv = self.sig.pack_rest_cv = 4800
        self.sig.battery_temp_valid = 1
        self.sig.battery_ddegc = 250

    def cell(self, mv):
        """Set the rested cell voltage."""
        self.sig.pack_rest_cv = -(-mv * self.cells // 10)
        return self

    def run(self, current_da=0, count=1, dt_ms=10, pulses=0):
        sig = self.sig
        sig.pack_da = current_da
        step = self.energy.step
        for _ in range(count):
            step(sig, pulses, dt_ms)
        return self

    def soc(self):
        self.energy.update_charge(self.sig)
        return self.energy.soc_permille

    def range_m(self):
        self.energy.update_charge(self.sig)
        self.energy.update_range(self.sig)
        return self.energy.range_m


# --- no remainder is lost


@pytest.mark.sweep
def test_no_counter_loses_a_remainder_over_ten_million_small_steps():
    bench = Bench(
        10000, capacity_mah=10000, wheel_circumference_mm=1597, pulses_per_turn=89, chemistry=LFP
    )
    bench.sig.pack_cv = 4999
    bench.run(7, SMALL_STEPS, dt_ms=1, pulses=1)
    assert bench.energy.odometer_m == SMALL_STEPS * 1597 // 89 // 1000
    assert bench.energy.trip_mwh == SMALL_STEPS * 7 * 4999 // MWMS_PER_MWH
    left_dams = 10000 * DAMS_PER_MAH - SMALL_STEPS * 7
    assert steps_until_soc_falls(bench) == pytest.approx(
        left_dams % (10 * DAMS_PER_MAH) / 7, abs=DAMS_PER_MAH / 7 + 1
    )


def steps_until_soc_falls(bench):
    """Further steps of 0.7 A for 1 ms until the next permille of 10 Ah is gone."""
    soc = bench.soc()
    for steps in range(100000):
        if bench.soc() != soc:
            return steps
        bench.run(7, dt_ms=1)
    raise AssertionError("never")


@pytest.mark.parametrize("sign", [1, -1])
def test_charge_is_counted_exactly_in_both_directions(sign):
    # 40 ms of 299.7 A are 3.33 mAh: a remainder dropped at each whole mAh would be a tenth.
    start = 90000 if sign > 0 else 10000
    bench = Bench(start, chemistry=LFP).run(sign * 2997, 20000, dt_ms=40)
    left = start - sign * 2997 * 40 * 20000 / DAMS_PER_MAH
    assert bench.soc() == pytest.approx(left / 100, abs=1.02)


def test_charge_out_and_in_again_is_what_it_was():
    bench = Bench(50000, chemistry=LFP)
    for _ in range(2000):
        bench.run(1999, 3, dt_ms=11).run(-1999, 3, dt_ms=11)
    assert bench.soc() in (499, 500)
    assert bench.run(-20, 2000).soc() == 501 - 1 * (bench.soc() == 500)


@pytest.mark.parametrize("sign", [1, -1])
def test_energy_is_counted_exactly_in_both_directions(sign):
    bench = Bench(50000)
    bench.sig.pack_cv = 9999
    bench.run(sign * 1234, 10000, dt_ms=17)
    exact = sign * 9999 * 1234 * 17 * 10000 / MWMS_PER_MWH
    assert abs(bench.energy.trip_mwh - exact) <= 1


@pytest.mark.parametrize("dt_ms", [1, 10, 40, 160])
def test_the_most_current_at_the_most_voltage_is_counted_in_full_up_to_160_ms(dt_ms):
    bench = Bench(10000, capacity_mah=10000, chemistry=LFP)
    bench.sig.pack_cv = 10000
    bench.run(3000, 12000 // dt_ms, dt_ms=dt_ms)
    assert bench.soc() == 900
    assert bench.energy.trip_mwh == 100000


def test_nothing_is_counted_while_the_pack_cannot_be_read_but_the_way_is():
    bench = Bench(50000, chemistry=LFP)
    assert bench.soc() == 500
    bench.sig.pack_valid = 0
    bench.run(3000, 1000, pulses=100)
    bench.sig.soc_permille = 123
    bench.energy.update_charge(bench.sig)
    assert bench.sig.soc_permille == 123
    assert bench.energy.soc_permille == 500
    assert bench.energy.trip_mwh == 0
    assert bench.energy.odometer_m == 100 * 1000 * 1350 // 24 // 1000


@pytest.mark.parametrize(
    ("start", "current_da", "answer", "back"), [(100, 3000, 0, 1), (98900, -3000, 990, 988)]
)
def test_the_charge_stays_between_empty_and_full(start, current_da, answer, back):
    bench = Bench(start, chemistry=LFP).run(current_da, 1000)
    assert bench.soc() == answer
    # And it comes back from there at once: 125 mAh.
    bench.run(-current_da, 150)
    assert bench.soc() == back


@pytest.mark.parametrize("start", [98000, 98999, 99000])
def test_counting_alone_stops_at_99_percent(start):
    bench = Bench(start, chemistry=LFP).run(-3000, 2000)
    assert bench.soc() == 990


@pytest.mark.parametrize("start", [99001, 99900, 100000])
def test_above_99_percent_counting_adds_nothing_and_takes_nothing_away(start):
    bench = Bench(start, chemistry=LFP)
    before = bench.soc()
    assert bench.run(-3000, 1000).soc() == before
    assert bench.energy.left_mah == start


def test_a_pack_whose_charge_ended_by_its_tail_is_full_and_that_is_known():
    bench = Bench(70000, 400)
    bench.energy.fill()
    assert (bench.energy.soc_permille, bench.energy.left_mah) == (1000, 100000)
    assert bench.energy.soc_uncertainty_permille == 20
    assert bench.soc() == 1000
    assert bench.run(3000, 150).soc() < 1000


def test_a_pack_that_was_filled_before_anything_was_known_is_known():
    bench = Bench()
    bench.energy.fill()
    bench.cell(1950)
    assert bench.soc() == 1000


def test_the_state_of_charge_is_also_in_the_signals():
    bench = Bench(73000)
    bench.energy.update_charge(bench.sig)
    assert bench.sig.soc_permille == bench.energy.soc_permille == 730


def noisy_rest(bench):
    """A minute of a current sensor that shows 0.1 A one way and the other."""
    for _ in range(3000):
        bench.run(1).run(-1)
    return bench


def test_noise_around_zero_moves_a_half_full_pack_by_nothing():
    assert noisy_rest(Bench(50000, chemistry=LFP)).soc() in (499, 500)


def test_noise_around_zero_does_not_charge_an_empty_pack():
    assert noisy_rest(Bench(0, chemistry=LFP)).soc() == 0


def test_noise_around_zero_does_not_make_the_count_less_certain():
    bench = noisy_rest(Bench(50000, uncertainty=30, chemistry=LFP))
    bench.soc()
    assert bench.energy.soc_uncertainty_permille == 30


# --- Peukert


@pytest.mark.parametrize(
    ("chemistry", "current_da", "weight"),
    [
        (FLOODED, 50, 1.000),
        (FLOODED, 500, 1.585),
        (FLOODED, 2000, 2.091),
        (AGM, 100, 1.072),
        (AGM, 500, 1.259),
        (AGM, 1000, 1.349),
        (GEL, 500, 1.413),
        (LFP, 500, 1.000),
        (NMC, 2000, 1.000),
    ],
)
def test_lead_gives_less_the_faster_it_is_drawn_and_lithium_not(chemistry, current_da, weight):
    bench = Bench(90000, chemistry=chemistry)
    bench.sig.pack_da = current_da
    bench.soc()
    count = 20000 * 36 // current_da * 10  # 20 Ah
    bench.run(current_da, count, dt_ms=10)
    drawn = current_da * 10 * count / DAMS_PER_MAH
    assert bench.soc() == pytest.approx((90000 - drawn * weight) / 100, abs=2)


def test_charge_into_lead_counts_one_to_one():
    bench = Bench(10000, chemistry=FLOODED)
    bench.sig.pack_da = -1000
    bench.soc()
    bench.run(-1000, 3600)
    assert bench.soc() == 110


def test_peukert_is_a_matter_of_current_over_capacity():
    small = Bench(9000, capacity_mah=10000, chemistry=FLOODED)
    small.sig.pack_da = 50
    small.soc()
    assert small.run(50, 7200).soc() == pytest.approx(900 - 10 * 1.585, abs=1)


# --- what is stored, and the first guess


@pytest.mark.parametrize(
    ("left_mah", "answer"), [(-1, 0), (0, 0), (99999, 999), (100000, 1000), (100001, 1000)]
)
def test_a_restored_charge_is_held_between_empty_and_full(left_mah, answer):
    assert Bench(left_mah).soc() == answer


@pytest.mark.parametrize(("stored", "answer"), [(-1, 0), (0, 0), (1000, 1000), (1001, 1000)])
def test_a_restored_uncertainty_is_held_in_its_range(stored, answer):
    assert Bench(50000, uncertainty=stored).energy.soc_uncertainty_permille == answer


def test_a_restored_charge_is_believed_more_than_the_voltage():
    assert Bench(50000).cell(2122).soc() == 500


@pytest.mark.parametrize(
    ("chemistry", "cell_mv", "soc", "uncertainty"),
    [
        (FLOODED, 2062, 700, 150),
        (FLOODED, 2300, 990, 150),
        (FLOODED, 1800, 0, 150),
        (AGM, 2050, 500, 150),
        (GEL, 2100, 750, 150),
        (NMC, 3858, 550, 150),
        (LFP, 3190, 150, 150),
        (LFP, 3199, 175, 150),
        (LFP, 3200, 178, 300),
        (LFP, 3275, 650, 300),
    ],
)
def test_with_nothing_stored_the_voltage_is_the_guess(chemistry, cell_mv, soc, uncertainty):
    bench = Bench(chemistry=chemistry).cell(cell_mv)
    assert bench.soc() == pytest.approx(soc, abs=2)
    assert bench.energy.soc_uncertainty_permille == uncertainty


def test_the_guess_is_made_once():
    bench = Bench(chemistry=FLOODED).cell(2062)
    bench.soc()
    assert bench.cell(1900).soc() == 700


def test_the_guess_waits_for_a_voltage():
    bench = Bench(chemistry=FLOODED)
    bench.sig.pack_rest_cv = 0
    assert bench.soc() == 0
    assert bench.energy.soc_uncertainty_permille == 1000
    assert bench.cell(2062).soc() == 700


def test_before_anything_is_known_nothing_is_certain():
    energy = Bench().energy
    assert (energy.soc_permille, energy.soc_uncertainty_permille) == (0, 1000)
    assert (energy.odometer_m, energy.trip_m, energy.trip_mwh, energy.range_m) == (0, 0, 0, 0)


def test_a_capacity_that_is_no_multiple_of_1000_is_guessed_to_the_mah():
    bench = Bench(chemistry=FLOODED, capacity_mah=45678).cell(2017)
    assert bench.soc() in (499, 500)


# --- a rest that was watched


def rested(seconds, chemistry, cell_mv, soc=500, uncertainty=200, current_da=0):
    bench = Bench(soc * 100, uncertainty, chemistry=chemistry).cell(cell_mv)
    bench.run(current_da, seconds, dt_ms=1000)
    return bench


@pytest.mark.parametrize(
    ("chemistry", "cell_mv", "needed_s", "soc", "answer"),
    [
        (FLOODED, 2062, 21600, 500, 560),  # says 700
        (FLOODED, 1969, 21600, 500, 440),  # says 300
        (AGM, 2100, 21600, 500, 575),
        (GEL, 1995, 21600, 500, 425),
        (LFP, 3132, 1800, 500, 365),
        (NMC, 3924, 1800, 500, 545),
    ],
)
def test_a_watched_rest_moves_the_count_by_three_tenths_of_what_the_voltage_says(
    chemistry, cell_mv, needed_s, soc, answer
):
    almost = rested(needed_s - 1, chemistry, cell_mv, soc)
    assert almost.soc() == pytest.approx(soc, abs=0)
    assert almost.energy.soc_uncertainty_permille == 200
    almost.run(0, 1, dt_ms=1000)
    assert almost.soc() == pytest.approx(answer, abs=1)
    apart = abs(answer - soc) * 7 / 3  # what the voltage says is still that far from the count
    assert almost.energy.soc_uncertainty_permille == pytest.approx(max(apart, 50), abs=3)


def test_a_rest_that_says_nearly_what_was_counted_makes_the_count_sure():
    bench = rested(21600, FLOODED, 2017)
    assert bench.soc() == 500
    assert bench.energy.soc_uncertainty_permille == 50


@pytest.mark.parametrize(("soc", "answer"), [(900, 930), (985, 990), (990, 990), (995, 995)])
def test_no_voltage_at_rest_proves_a_full_pack(soc, answer):
    bench = rested(1800, NMC, 4300, soc)
    assert bench.soc() == answer
    assert bench.energy.left_mah < 100000


def test_a_second_correction_needs_a_second_rest():
    bench = rested(1800, NMC, 3924)
    bench.soc()
    bench.run(0, 1799, dt_ms=1000)
    assert bench.soc() == pytest.approx(545, abs=1)
    bench.run(0, 1, dt_ms=1000)
    assert bench.soc() == pytest.approx(577, abs=2)


@pytest.mark.parametrize(("cell_mv", "unsure"), [(3858, 30), (3924, 105)])
def test_a_count_that_was_more_certain_than_a_rest_stays_so_unless_they_disagree(cell_mv, unsure):
    bench = rested(1800, NMC, cell_mv, uncertainty=30)
    bench.soc()
    assert bench.energy.soc_uncertainty_permille == unsure


@pytest.mark.parametrize(("cell_mv", "is_corrected"), [(3199, True), (3200, False), (3300, False)])
def test_lfp_is_never_corrected_from_3_20_v_up(cell_mv, is_corrected):
    bench = rested(4000, LFP, cell_mv)
    assert (bench.soc() != 500) == is_corrected
    assert (bench.energy.soc_uncertainty_permille != 200) == is_corrected


def test_a_rest_that_nobody_watched_counts_as_none():
    bench = Bench(50000, 200, chemistry=NMC).cell(3500)
    for _ in range(100):
        bench.run(0, 10)
        assert bench.soc() == 500
    assert bench.energy.soc_uncertainty_permille == 200


@pytest.mark.parametrize(("current_da", "rests"), [(4, True), (-4, True), (5, False), (-5, False)])
def test_below_half_an_ampere_the_pack_rests(current_da, rests):
    bench = rested(1800, NMC, 3500, current_da=current_da)
    bench.soc()
    assert (bench.energy.soc_uncertainty_permille != 200) == rests


def test_half_an_ampere_for_one_tick_begins_the_rest_again():
    bench = rested(1700, NMC, 3500)
    bench.run(5, 1)
    bench.run(0, 1799, dt_ms=1000)
    assert bench.soc() >= 499
    bench.run(0, 1, dt_ms=1000)
    assert bench.soc() < 400


def test_rest_is_counted_in_seconds_of_short_ticks():
    bench = Bench(50000, 200, chemistry=NMC).cell(3500)
    bench.run(0, 1800 * 25 - 1, dt_ms=40)
    assert bench.soc() == 500
    bench.run(0, 1, dt_ms=40)
    assert bench.soc() != 500


def test_time_in_which_the_pack_cannot_be_read_is_no_rest():
    bench = rested(1799, NMC, 3500)
    bench.sig.pack_valid = 0
    bench.run(0, 10, dt_ms=1000)
    bench.sig.pack_valid = 1
    assert bench.soc() == 500


# --- drift


def drift_over(packs, uncertainty=50):
    """The uncertainty after so much charge went through, half out and half in again."""
    bench = Bench(5000, uncertainty, capacity_mah=10000, chemistry=LFP)
    for i in range(int(packs * 3000) // 10):
        bench.run(3000 if i % 2 else -3000, 10, dt_ms=40).soc()
    return bench.energy.soc_uncertainty_permille


def test_what_is_counted_through_makes_the_count_less_certain():
    assert 50 < drift_over(0.1) < drift_over(1) <= 50 + 110


def test_a_fortieth_of_a_pack_is_less_than_drift_counts():
    assert drift_over(0.025) == 50


def test_nothing_is_less_certain_than_everything():
    assert drift_over(2, uncertainty=995) == 1000


def test_a_full_pack_counted_through_adds_3_percent_to_the_uncertainty():
    assert drift_over(1.0) == pytest.approx(80, abs=2)


# --- the way


@pytest.mark.parametrize(
    ("circumference_mm", "pulses_per_turn"),
    [(1350, 24), (1291, 7), (1597, 89), (2200, 4), (900, 96)],
)
@pytest.mark.parametrize("per_tick", [1, 3, 65535])
def test_the_odometer_is_exact_also_where_the_pulses_do_not_divide_the_turn(
    circumference_mm, pulses_per_turn, per_tick
):
    bench = Bench(50000, wheel_circumference_mm=circumference_mm, pulses_per_turn=pulses_per_turn)
    bench.run(0, 5000, pulses=per_tick)
    exact_m = 5000 * per_tick * circumference_mm // pulses_per_turn // 1000
    assert bench.energy.odometer_m == bench.energy.trip_m == exact_m


def test_the_odometer_goes_on_from_what_was_stored_and_the_trip_from_zero():
    bench = Bench(50000, odometer_m=123456)
    bench.run(0, 240, pulses=1)
    assert bench.energy.odometer_m == 123456 + 13
    assert bench.energy.trip_m == 13


def test_a_metre_is_counted_when_it_is_full():
    bench = Bench(50000, wheel_circumference_mm=1000, pulses_per_turn=4)
    bench.run(0, 3, pulses=1)
    assert bench.energy.odometer_m == 0
    bench.run(0, 1, pulses=1)
    assert bench.energy.odometer_m == 1


# --- consumption and range


def drive_km(bench, wh, metres=1000):
    """Use so many Wh over so many metres."""
    bench.sig.pack_cv = 5000
    current = 1000 if wh >= 0 else -1000
    bench.run(current, round(abs(wh) * MWMS_PER_MWH * 1000 / (5000 * 1000 * 10)))
    # 1 m of the default wheel is 160 / 9 pulses.
    bench.run(0, 1, pulses=-(-metres * 160 // 9))
    bench.energy.update_range(bench.sig)
    return bench.energy.consumption_wh_km


def test_the_consumption_begins_with_the_parameter():
    assert Bench(50000, consumption_wh_km=44).energy.consumption_wh_km == 44


def test_each_kilometre_moves_the_consumption_by_a_fifth_of_the_difference():
    bench = Bench(50000, consumption_wh_km=60)
    assert drive_km(bench, 110) == 70
    assert drive_km(bench, 110) == 78
    assert drive_km(bench, 28) == 68


def test_the_consumption_changes_only_after_a_full_kilometre():
    bench = Bench(50000, consumption_wh_km=60)
    assert drive_km(bench, 110, metres=998) == 60
    assert drive_km(bench, 0, metres=3) == 70


def test_a_longer_stretch_counts_per_kilometre():
    bench = Bench(50000, consumption_wh_km=60)
    assert drive_km(bench, 220, metres=2000) == 70


def test_a_kilometre_that_charged_the_pack_counts_as_5_wh():
    assert drive_km(Bench(50000, consumption_wh_km=60), -100) == 49
    assert drive_km(Bench(50000, consumption_wh_km=60), 0) == 49


def test_a_kilometre_that_used_more_than_500_wh_counts_as_500():
    assert drive_km(Bench(50000, consumption_wh_km=60), 800) == 148


def test_the_range_is_the_energy_left_over_the_consumption():
    # 100 Ah * 48 V / 60 Wh/km
    assert Bench(100000).range_m() == 80000


def test_the_range_is_proportional_to_what_is_left_and_to_the_voltage():
    full = Bench(100000, chemistry=LFP).range_m()
    assert full > 0
    assert Bench(50000, chemistry=LFP).range_m() == pytest.approx(full / 2, rel=0.01)
    bench = Bench(100000, chemistry=LFP)
    bench.sig.pack_rest_cv = 7200
    assert bench.range_m() == pytest.approx(full * 1.5, rel=0.01)


def test_twice_the_consumption_is_half_the_range():
    assert Bench(100000, consumption_wh_km=120).range_m() == Bench(100000).range_m() // 2


@pytest.mark.parametrize(
    ("chemistry", "ddegc", "share"),
    [
        (FLOODED, 250, 1),
        (FLOODED, 400, 1),
        (AGM, 0, 0.78),
        (GEL, -200, 0.5),
        (LFP, 0, 0.9),
        (NMC, -200, 0.7),
    ],
)
def test_a_cold_pack_has_less_range(chemistry, ddegc, share):
    bench = Bench(100000, chemistry=chemistry)
    warm = bench.range_m()
    bench.sig.battery_ddegc = ddegc
    assert bench.range_m() == pytest.approx(warm * share, rel=0.01)


def test_an_unknown_temperature_takes_nothing_from_the_range():
    bench = Bench(100000)
    warm = bench.range_m()
    bench.sig.battery_temp_valid = 0
    bench.sig.battery_ddegc = -1000
    assert bench.range_m() == warm


def test_the_range_is_at_most_400_km_and_at_least_nothing():
    bench = Bench(300000, capacity_mah=300000, consumption_wh_km=20, chemistry=LFP)
    bench.sig.pack_rest_cv = 10000
    assert bench.range_m() <= 400000
    assert Bench(0).range_m() == 0


@pytest.mark.parametrize(
    ("left_mah", "uncertainty", "share"),
    [
        (100000, 0, 150),
        (100000, 50, 200),
        (50000, 50, 250),
        (50000, 425, 1000),
        (50000, 500, 1000),
        (10000, 30, 450),
    ],
)
def test_the_range_is_as_uncertain_as_charge_and_consumption(left_mah, uncertainty, share):
    bench = Bench(left_mah, uncertainty)
    range_m = bench.range_m()
    assert range_m > 0
    assert bench.energy.range_uncertainty_m == range_m * share // 1000


def test_an_empty_pack_has_no_range_and_no_uncertainty_of_it():
    bench = Bench(0, 500)
    bench.range_m()
    assert bench.energy.range_uncertainty_m == 0


def test_what_the_socket_gives_is_no_energy_that_the_trip_won_back():
    bench = Bench(left_mah=50000)
    bench.energy.is_charging = True
    bench.run(current_da=-100, count=1000, dt_ms=100)
    assert bench.energy.trip_mwh == 0
    bench.energy.is_charging = False
    bench.run(current_da=-100, count=1000, dt_ms=100)
    assert bench.energy.trip_mwh < 0
