"""The simulated battery against the figures of the data sheets and the worked charge numbers."""

import math
import random
from dataclasses import dataclass

import pytest

from sim.plant.battery import Battery, make_battery
from sim.plant.lead_acid import LeadAcid
from sim.plant.lithium import Lithium

LEAD = ("flooded", "agm", "gel")
KINDS = (*LEAD, "lfp", "nmc")
TROJAN_V = (1.918, 1.943, 1.969, 1.993, 2.017, 2.040, 2.062, 2.083, 2.103, 2.122)  # from 10 %
POLARIS_AGM_BLOCK_V = ((0.25, 12.0), (0.5, 12.3), (0.75, 12.6), (1.0, 12.8))
LFP_V = (
    *(2.833, 3.132, 3.177, 3.190, 3.213, 3.226, 3.240, 3.252, 3.262, 3.264, 3.265),
    *(3.268, 3.271, 3.275, 3.283, 3.296, 3.304, 3.308, 3.309, 3.314, 3.392),
)
NMC_V = (
    *(2.800, 3.588, 3.684, 3.702, 3.726, 3.745, 3.764, 3.787, 3.803, 3.819, 3.838),
    *(3.858, 3.883, 3.924, 3.962, 3.993, 4.026, 4.056, 4.089, 4.135, 4.198),
)


@dataclass
class Charge:
    """What a constant-current, constant-voltage charge did."""

    hours: float = 0.0
    ah: float = 0.0
    bulk_hours: float = 0.0
    bulk_soc: float = 0.0
    current_a: float = 0.0
    hottest_c: float = 0.0


def charge(
    pack: LeadAcid | Lithium,
    set_v: float,
    max_a: float,
    tail_a: float,
    *,
    ambient_c: float = 25.0,
    comp_v_per_k: float = 0.0,
    hours: float = 40.0,
    dt_s: float = 1.0,
) -> Charge:
    """Charge until the current is below tail_a; set_v and comp_v_per_k are the pack's."""
    done = Charge()
    while done.hours < hours:
        target_v = set_v + comp_v_per_k * (pack.temperature_c - 25.0)
        amps = (target_v - pack.open_circuit_v) / pack.resistance_ohm
        if amps < 0.99 * max_a and not done.bulk_hours:
            done.bulk_hours, done.bulk_soc = done.hours, pack.soc
        done.current_a = min(max(amps, 0.0), max_a)
        if done.current_a < tail_a:
            break
        pack.step(-done.current_a, dt_s, ambient_c)
        done.hours += dt_s / 3600.0
        done.ah += done.current_a * dt_s / 3600.0
        done.hottest_c = max(done.hottest_c, pack.temperature_c)
    return done


def hold(pack: Battery, current_a: float, seconds: float, dt_s: float = 1.0, at_c: float = 25.0):
    for _ in range(round(seconds / dt_s)):
        pack.step(current_a, dt_s, at_c)


def discharged_ah(kind: str, rate: float, cell_v: float, at_c: float = 25.0) -> float:
    """Return what 100 Ah of one cell give at rate (times C) until the cell is below cell_v."""
    pack = make_battery(kind, 1, 100.0, 1.0, at_c)
    seconds = 0
    while pack.voltage_v > cell_v:
        pack.step(rate * 100.0, 1.0, at_c)
        seconds += 1
    return rate * 100.0 * seconds / 3600.0


def gassing_a(cell_v: float, at_c: float) -> float:
    """Return the current into a full 50 Ah flooded cell two minutes after it got to cell_v."""
    pack = LeadAcid("flooded", 1, 50.0, 1.0, at_c)
    return charge(pack, cell_v, 10.0, 0.0, ambient_c=at_c, hours=150.0 / 3600.0).current_a


# Resistance and rest voltage


@pytest.mark.parametrize("soc", [1.0, 0.6, 0.2])
def test_a_60_v_100_ah_agm_pack_has_40_to_80_milliohm(soc: float):
    assert 0.040 <= LeadAcid("agm", 30, 100.0, soc).resistance_ohm <= 0.080


def test_a_72_v_100_ah_lfp_pack_has_20_to_30_milliohm():
    assert 0.020 <= Lithium("lfp", 24, 100.0, 0.5).resistance_ohm <= 0.030


@pytest.mark.parametrize("kind", LEAD)
def test_lead_acid_resistance_rises_as_the_pack_empties(kind: str):
    full = LeadAcid(kind, 30, 100.0, 1.0).resistance_ohm
    empty = LeadAcid(kind, 30, 100.0, 0.0).resistance_ohm
    assert empty == pytest.approx(1.3 * full)


@pytest.mark.parametrize("kind", ["lfp", "nmc"])
def test_lithium_resistance_is_three_times_higher_at_0_degc(kind: str):
    warm = Lithium(kind, 24, 100.0, 0.5, 25.0).resistance_ohm
    assert Lithium(kind, 24, 100.0, 0.5, 0.0).resistance_ohm == pytest.approx(3.0 * warm)


def test_lead_acid_resistance_rises_by_a_percent_per_kelvin_of_cold():
    warm = LeadAcid("agm", 30, 100.0, 0.5, 25.0).resistance_ohm
    assert LeadAcid("agm", 30, 100.0, 0.5, -10.0).resistance_ohm == pytest.approx(1.35 * warm)
    assert LeadAcid("agm", 30, 100.0, 0.5, 40.0).resistance_ohm == pytest.approx(warm)


@pytest.mark.parametrize(("kind", "slow_share"), [("lfp", 0.3), ("nmc", 0.05 / 0.12)])
def test_a_lasting_load_drops_lithium_by_its_slow_resistance_too(kind: str, slow_share: float):
    pack = Lithium(kind, 20, 1000.0, 0.52)  # so large that its state of charge stays
    pack.step(100.0, 0.01, 25.0)
    before_v = pack.open_circuit_v
    hold(pack, 100.0, 240.0, 0.1)
    rest_v = (
        Lithium(kind, 20, 1000.0, 0.52).voltage_v - Lithium(kind, 20, 1000.0, pack.soc).voltage_v
    )
    hysteresis_v = -0.2 * math.expm1((pack.soc - 0.52) / 0.02) if kind == "lfp" else 0.0
    slow_v = before_v - pack.open_circuit_v - rest_v - hysteresis_v
    assert slow_v == pytest.approx(100.0 * slow_share * pack.resistance_ohm, rel=0.05)


def test_worn_packs_have_the_resistance_they_are_given():
    for new, worn in (
        (LeadAcid("gel", 24, 60.0), LeadAcid("gel", 24, 60.0, resistance_factor=2.5)),
        (Lithium("nmc", 20, 60.0), Lithium("nmc", 20, 60.0, resistance_factor=2.5)),
    ):
        assert worn.resistance_ohm == pytest.approx(2.5 * new.resistance_ohm)


def test_a_half_empty_agm_cell_rests_0_32_mv_lower_per_kelvin():
    cold_v = LeadAcid("agm", 1, 100.0, 0.5, 0.0).voltage_v
    warm_v = LeadAcid("agm", 1, 100.0, 0.5, 50.0).voltage_v
    assert warm_v - cold_v == pytest.approx(-50 * 0.5 * 0.00064, rel=0.02)  # Ke (1 - soc)


def test_flooded_cells_rest_within_10_mv_of_trojans_table():
    for i, table_v in enumerate(TROJAN_V):
        rest_v = LeadAcid("flooded", 36, 100.0, (i + 1) / 10).voltage_v
        assert rest_v / 36 == pytest.approx(table_v, abs=0.010)


@pytest.mark.parametrize(("soc", "block_v"), POLARIS_AGM_BLOCK_V)
def test_agm_blocks_rest_within_100_mv_of_the_table(soc: float, block_v: float):
    assert LeadAcid("agm", 6, 100.0, soc).voltage_v == pytest.approx(block_v, abs=0.101)


@pytest.mark.parametrize(("kind", "table"), [("lfp", LFP_V), ("nmc", NMC_V)])
def test_lithium_cells_rest_on_their_open_circuit_table(kind: str, table: tuple[float, ...]):
    for i, table_v in enumerate(table):
        assert Lithium(kind, 20, 100.0, i / 20).voltage_v / 20 == pytest.approx(table_v)


def test_lfp_is_flat_within_101_mv_from_20_to_95_percent():
    low_v = Lithium("lfp", 1, 100.0, 0.20).voltage_v
    assert Lithium("lfp", 1, 100.0, 0.95).voltage_v - low_v == pytest.approx(0.101)


def test_lfp_rests_20_mv_higher_after_a_charge_than_after_a_discharge():
    charged = Lithium("lfp", 1, 100.0, 0.45)
    hold(charged, -30.0, 600.0)
    hold(charged, 0.0, 1200.0)
    drained = Lithium("lfp", 1, 100.0, 0.55)
    hold(drained, 30.0, 600.0)
    hold(drained, 0.0, 1200.0)
    assert charged.soc == pytest.approx(drained.soc, abs=0.001)
    assert charged.voltage_v - drained.voltage_v == pytest.approx(0.020, abs=0.002)


# Current out


@pytest.mark.parametrize("kind", KINDS)
def test_discharge_takes_from_soc_what_the_current_integrates_to(kind: str):
    pack = make_battery(kind, 20, 80.0, 0.95)
    hold(pack, 20.0, 2 * 3600.0)
    assert 0.95 - pack.soc == pytest.approx(20.0 * 2.0 / 80.0, rel=0.005)


def test_a_regenerated_pulse_comes_back_as_charge():
    for kind in KINDS:
        pack = make_battery(kind, 20, 100.0, 0.6)
        for _ in range(20):
            hold(pack, -20.0, 3.0, 0.01)
            hold(pack, 40.0, 9.0, 0.01)
        assert 0.6 - pack.soc == pytest.approx(20 * 300.0 / 360000.0, rel=0.005), kind


@pytest.mark.parametrize(("kind", "peukert"), [("flooded", 1.2), ("agm", 1.1), ("gel", 1.15)])
def test_lead_acid_gives_less_the_faster_it_is_drawn(kind: str, peukert: float):
    slow = discharged_ah(kind, 0.05, 1.75)
    middle = discharged_ah(kind, 0.2, 1.70)
    fast = discharged_ah(kind, 1.0, 1.30)
    assert slow == pytest.approx(100.0, rel=0.02)
    assert slow > middle > fast
    assert fast == pytest.approx(100.0 * 20.0 ** (1.0 - peukert), rel=0.15)


@pytest.mark.parametrize("kind", LEAD)
def test_lead_acid_gives_less_in_the_cold(kind: str):
    warm, cold, frozen = (discharged_ah(kind, 0.2, 1.60, at_c) for at_c in (25.0, 0.0, -20.0))
    assert cold == pytest.approx(0.615 * warm, rel=0.08)  # Kt, helped by its own heat
    assert 0.2 * warm < frozen < 0.4 * warm


def test_a_pack_that_gives_out_at_high_current_still_has_charge_for_a_low_one():
    pack = LeadAcid("flooded", 1, 100.0, 1.0)
    while pack.voltage_v > 1.3:
        pack.step(100.0, 1.0, 25.0)
    hold(pack, 200.0, 300.0)
    assert pack.voltage_v == 0.0
    assert pack.soc > 0.15
    hold(pack, 0.0, 300.0)
    hold(pack, 10.0, 60.0)
    assert pack.voltage_v > 1.75


def test_bursts_of_2_c_cost_the_capacity_of_their_mean_current():
    pack = LeadAcid("flooded", 1, 100.0, 0.48)
    for _ in range(20):
        hold(pack, 200.0, 5.0, 0.01)
        assert pack.voltage_v > 1.3
        hold(pack, 0.0, 25.0, 0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_an_emptied_pack_collapses_at_soc_0_and_can_be_charged_again(kind: str):
    pack = make_battery(kind, 20, 100.0, 0.02)
    hold(pack, 50.0, 3600.0)
    assert pack.soc == 0.0
    assert pack.voltage_v < 20.0
    hold(pack, -10.0, 2 * 3600.0)
    assert 0.05 < pack.soc < 0.11
    assert pack.voltage_v > 1.85 * 20


# Charging lead-acid


@pytest.mark.parametrize(
    ("cell_v", "amps"), [(2.25, 0.16), (2.40, 0.60), (2.45, 0.93), (2.58, 2.9)]
)
def test_a_full_50_ah_cell_gasses_the_worked_current(cell_v: float, amps: float):
    # The worked current is without the ohmic drop that it causes.
    assert gassing_a(cell_v + amps * 0.0042, 25.0) == pytest.approx(amps, rel=0.06)


def test_gassing_is_2_7_times_stronger_at_45_degc():
    assert gassing_a(2.40, 45.0) / gassing_a(2.40, 25.0) == pytest.approx(2.7, rel=0.08)


@pytest.mark.parametrize("kind", LEAD)
def test_bulk_at_a_tenth_c_from_20_percent_meets_2_40_v_at_81_percent(kind: str):
    done = charge(LeadAcid(kind, 30, 100.0, 0.2), 72.0, 10.0, 9.0)
    assert done.bulk_soc == pytest.approx(0.81, abs=0.015)
    assert done.bulk_hours == pytest.approx(6.2, abs=0.3)


def test_flooded_charge_has_the_worked_tail_and_charge_factor():
    # At a constant 25 degC: 2 % after another 4.9 h with 1.070; 2.45 V, 3 %: 3.3 h and 1.074.
    big = LeadAcid("flooded", 1, 100.0, 0.2)
    cool_c = 25.0
    done = charge(big, 2.40, 10.0, 2.0, ambient_c=cool_c, comp_v_per_k=-0.006)
    assert done.hours - done.bulk_hours == pytest.approx(4.9, abs=0.9)
    assert done.ah / 80.0 == pytest.approx(1.070, abs=0.03)
    assert big.soc == pytest.approx(0.98, abs=0.01)


def test_agm_stores_95_percent_of_what_a_whole_charge_puts_in():
    pack = LeadAcid("agm", 30, 100.0, 0.2)
    done = charge(pack, 72.6, 20.0, 2.0, comp_v_per_k=-0.120)
    assert 100.0 * (pack.soc - 0.2) / done.ah == pytest.approx(0.95, abs=0.015)
    assert done.hours < 10.0


def test_float_current_of_a_full_agm_pack_is_0_002_c():
    pack = LeadAcid("agm", 30, 100.0, 1.0)
    done = charge(pack, 30 * 2.27, 5.0, 0.0, hours=10.0)
    assert done.current_a == pytest.approx(0.2, rel=0.15)


def test_sulphated_plates_end_the_bulk_phase_early():
    done = charge(LeadAcid("flooded", 30, 100.0, 0.2, charge_factor=2.0), 72.0, 10.0, 9.0)
    assert 0.62 <= done.bulk_soc <= 0.72


def test_worn_cells_gas_so_much_that_the_tail_never_ends():
    new = charge(LeadAcid("flooded", 30, 100.0, 0.2), 72.0, 15.0, 2.0, hours=24.0)
    worn = LeadAcid("flooded", 30, 100.0, 0.2, gas_factor=3.0)
    assert new.current_a < 2.0
    assert charge(worn, 72.0, 15.0, 2.0, hours=24.0).current_a > 3.0


def test_a_hot_agm_pack_runs_away_without_compensation_and_settles_with_it():
    hot = charge(LeadAcid("agm", 30, 100.0, 0.2, 45.0), 73.5, 15.0, 1.5, ambient_c=45.0, hours=12)
    assert hot.hottest_c > 75.0
    pack = LeadAcid("agm", 30, 100.0, 0.2, 40.0)
    kept = charge(pack, 72.6, 15.0, 0.0, ambient_c=40.0, comp_v_per_k=-0.12, hours=12)
    assert kept.current_a < 2.0
    assert kept.hottest_c < 60.0


def test_flooded_cells_stay_cooler_because_their_gas_leaves():
    packs = {kind: LeadAcid(kind, 1, 100.0, 1.0, gas_factor=2.0) for kind in ("flooded", "agm")}
    vented = charge(packs["flooded"], 2.45, 2.0, 0.0, hours=8.0).hottest_c - 25.0
    sealed = charge(packs["agm"], 2.45, 2.0, 0.0, hours=8.0).hottest_c - 25.0
    assert vented / sealed == pytest.approx(1.0 - 1.48 / 2.42, rel=0.15)


@pytest.mark.parametrize("kind", LEAD)
def test_a_full_lead_acid_pack_keeps_its_charge_over_a_day_of_rest(kind: str):
    pack = LeadAcid(kind, 30, 100.0, 0.95)
    charge(pack, 30 * 2.40, 10.0, 3.0)
    full = pack.soc
    hold(pack, 0.0, 86400.0)
    assert full - 0.005 < pack.soc <= full


def test_the_surface_charge_of_a_fresh_charge_sinks_for_hours_or_goes_with_a_small_load():
    pack = LeadAcid("flooded", 6, 100.0, 0.7)
    charge(pack, 14.4, 10.0, 3.0)
    hold(pack, 0.0, 600.0)
    after_10_min_v = pack.voltage_v
    hold(pack, 0.0, 3600.0)
    assert pack.voltage_v < after_10_min_v - 0.05
    hold(pack, 2.0, 600.0)
    hold(pack, 0.0, 600.0)
    true_v = LeadAcid("flooded", 6, 100.0, pack.soc, pack.temperature_c).voltage_v
    assert pack.voltage_v == pytest.approx(true_v, abs=0.01)


def test_a_shorted_cell_takes_2_1_v_and_the_others_carry_its_share():
    good = LeadAcid("flooded", 30, 100.0, 0.9)
    bad = LeadAcid("flooded", 30, 100.0, 0.9, dead_cells=1)
    assert good.voltage_v - bad.voltage_v == pytest.approx(2.1, abs=0.01)
    charge(bad, 72.0, 10.0, 5.0)
    assert bad.voltage_v / 29 == pytest.approx(2.482, abs=0.005)


def test_a_block_with_a_shorted_cell_never_reaches_its_set_point():
    block = LeadAcid("flooded", 6, 100.0, 0.2, dead_cells=1)
    highest_v = 0.0
    for _ in range(14 * 3600):
        block.step(-10.0, 1.0, 25.0)
        highest_v = max(highest_v, block.voltage_v)
    assert 12.6 < highest_v < 13.37  # the worked plateau is that of cells that stay at 25 degC


# Charging lithium


def test_lfp_at_3_55_v_tapers_within_minutes_and_ends_full():
    pack = Lithium("lfp", 24, 100.0, 0.1)
    done = charge(pack, 24 * 3.55, 33.0, 5.0)
    assert 1.0 / 60.0 <= done.hours - done.bulk_hours <= 5.0 / 60.0
    assert pack.soc > 0.99
    assert pack.soc - 0.1 == pytest.approx(done.ah / 100.0, rel=0.005)


def test_a_full_lfp_pack_falls_back_to_its_table_at_rest():
    pack = Lithium("lfp", 24, 100.0, 0.8)
    charge(pack, 24 * 3.55, 33.0, 5.0)
    hold(pack, 0.0, 1800.0)
    assert 3.38 <= pack.voltage_v / 24 <= 3.43


def test_nmc_at_4_15_v_needs_a_constant_voltage_phase_of_many_minutes():
    pack = Lithium("nmc", 20, 100.0, 0.1)
    done = charge(pack, 20 * 4.15, 33.0, 5.0)
    assert 10.0 / 60.0 <= done.hours - done.bulk_hours <= 1.0
    hold(pack, 0.0, 3600.0)
    assert 4.11 <= pack.voltage_v / 20 <= 4.15


def test_lithium_that_is_not_stopped_when_full_goes_past_any_cell_limit():
    for kind, limit_v in (("lfp", 3.80), ("nmc", 4.35)):
        pack = Lithium(kind, 20, 100.0, 0.98)
        hold(pack, -20.0, 3600.0)
        assert pack.soc == 1.0
        assert pack.cell_max_v > limit_v
        assert pack.voltage_v / 20 < 5.6


def test_equal_cells_still_differ_by_5_mv():
    pack = Lithium("nmc", 20, 100.0, 0.5, capacity_spread=0.0)
    assert pack.cell_max_v - pack.cell_min_v == pytest.approx(0.005)


def test_the_weakest_cell_is_empty_first_and_the_string_is_full_together():
    pack = Lithium("lfp", 24, 100.0, 1.0, capacity_spread=0.02)
    charge(pack, 24 * 3.45, 10.0, 5.0)
    assert pack.cell_max_v - pack.cell_min_v < 0.02
    hold(pack, 50.0, 0.98 * 7200.0)
    assert pack.voltage_v / 24 - pack.cell_min_v > 0.1
    assert pack.cell_min_v < pack.voltage_v / 24 < pack.cell_max_v


def test_the_fullest_cell_of_an_unbalanced_pack_is_over_its_limit_before_the_pack_is():
    pack = Lithium("lfp", 24, 100.0, 0.9, imbalance=0.02)
    while pack.cell_max_v < 3.65:
        pack.step(-20.0, 1.0, 25.0)
    assert pack.voltage_v / 24 < 3.45
    assert pack.soc < 0.99


# Heat, scaling and the step


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_pack_warms_by_its_loss_and_cools_to_the_air(kind: str):
    pack = make_battery(kind, 30, 100.0, 0.9, 10.0)
    hold(pack, 100.0, 900.0, 0.1, 10.0)
    assert 0.5 < pack.temperature_c - 10.0 < 15.0
    hold(pack, 0.0, 48 * 3600.0, at_c=10.0)
    assert pack.temperature_c == pytest.approx(10.0, abs=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_voltage_scales_with_cells_and_current_with_capacity(kind: str):
    small = make_battery(kind, 12, 50.0, 0.8)
    large = make_battery(kind, 36, 150.0, 0.8)
    for amps in (25.0, 0.0, -10.0):
        hold(small, amps, 600.0)
        hold(large, 3.0 * amps, 600.0)
        assert large.voltage_v == pytest.approx(3.0 * small.voltage_v, rel=0.001)
        assert large.soc == pytest.approx(small.soc, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_of_10_ms_and_of_1_s_agree_through_a_drive_and_a_charge(kind: str):
    fine, coarse = (make_battery(kind, 30, 100.0, 0.95, 15.0) for _ in range(2))
    for amps, seconds in ((80.0, 120), (-40.0, 8), (5.0, 60), (0.0, 60), (-20.0, 600), (50.0, 30)):
        hold(fine, amps, seconds, 0.01)
        hold(coarse, amps, seconds, 1.0)
        assert fine.voltage_v == pytest.approx(coarse.voltage_v, abs=0.005 * 30)
        assert fine.soc == pytest.approx(coarse.soc, abs=2e-4)
        assert fine.temperature_c == pytest.approx(coarse.temperature_c, abs=0.05)


@pytest.mark.parametrize(("kind", "cell_v"), [("flooded", 2.45), ("lfp", 3.55), ("nmc", 4.15)])
def test_a_constant_voltage_charge_ends_alike_at_10_ms_and_at_1_s(kind: str, cell_v: float):
    ends: list[tuple[float, float]] = []
    for dt_s in (0.01, 1.0):
        pack = make_battery(kind, 20, 100.0, 0.93)
        done = charge(pack, 20 * cell_v, 30.0, 5.0, dt_s=dt_s)
        ends.append((done.hours, pack.soc))
    assert ends[0][0] == pytest.approx(ends[1][0], rel=0.03, abs=3.0 / 3600.0)
    assert ends[0][1] == pytest.approx(ends[1][1], abs=5e-4)


@pytest.mark.parametrize(("kind", "cell_v"), [("agm", 2.42), ("flooded", 2.58), ("lfp", 3.55)])
def test_a_charger_that_solves_for_the_current_does_not_hunt_at_1_s(kind: str, cell_v: float):
    pack = make_battery(kind, 30, 100.0, 0.97)
    charge(pack, 30 * cell_v, 20.0, 15.0)
    last_a = math.inf
    for _ in range(600):
        amps = (30 * cell_v - pack.open_circuit_v) / pack.resistance_ohm
        assert amps <= last_a + 0.05
        last_a = amps
        pack.step(-amps, 1.0, 25.0)
        assert pack.voltage_v == pytest.approx(30 * cell_v, abs=0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_a_minute_is_sixty_steps_of_a_second(kind: str):
    once, often = (make_battery(kind, 30, 100.0, 0.6) for _ in range(2))
    once.step(-20.0, 60.0, 25.0)
    hold(often, -20.0, 60.0)
    assert once.voltage_v == pytest.approx(often.voltage_v)
    assert once.soc == pytest.approx(often.soc)


@pytest.mark.parametrize("kind", KINDS)
def test_open_circuit_voltage_and_resistance_predict_the_next_voltage(kind: str):
    pack = make_battery(kind, 30, 100.0, 0.7)
    hold(pack, 60.0, 30.0, 0.01)
    for amps in (120.0, 0.0, -30.0, 10.0):
        predicted_v = pack.open_circuit_v - amps * pack.resistance_ohm
        pack.step(amps, 0.01, 25.0)
        assert pack.voltage_v == pytest.approx(predicted_v, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_no_current_at_any_step_size_makes_the_pack_leave_physics(kind: str):
    rnd = random.Random(7)
    pack = make_battery(kind, 24, 60.0, 0.5, -10.0)
    for _ in range(3000):
        amps = rnd.choice((0.0, rnd.uniform(-150.0, 300.0)))
        dt_s = rnd.choice((0.001, 0.01, 0.1, 1.0, 7.0))
        for _ in range(rnd.randrange(1, 8)):
            pack.step(amps, dt_s, rnd.uniform(-20.0, 45.0))
        assert 0.0 <= pack.soc <= 1.0
        assert 0.0 <= pack.voltage_v < 24 * 9.0
        assert -30.0 < pack.temperature_c < 1000.0


@pytest.mark.parametrize("kind", KINDS)
def test_the_factory_makes_each_kind_rested_at_the_asked_charge(kind: str):
    pack = make_battery(kind, 24, 60.0, 0.5, 12.0)
    assert (pack.soc, pack.temperature_c) == (0.5, 12.0)
    assert pack.voltage_v == pack.open_circuit_v > 24 * 1.9


def test_the_factory_names_the_kinds_when_it_knows_none_of_that_name():
    with pytest.raises(ValueError, match=r"'nicd'.*'flooded'.*'nmc'"):
        make_battery("nicd", 24, 60.0)


def test_a_pack_without_cells_or_capacity_or_with_an_impossible_charge_is_refused():
    for cells, capacity_ah, soc in ((0, 100.0, 0.5), (30, 0.0, 0.5), (30, 100.0, 1.01)):
        with pytest.raises(ValueError, match="no such pack"):
            make_battery("lfp", cells, capacity_ah, soc)


@pytest.mark.parametrize("dead_cells", [6, -1])
def test_a_pack_of_dead_cells_only_or_of_fewer_than_none_is_refused(dead_cells: int):
    with pytest.raises(ValueError, match="no such pack"):
        LeadAcid("agm", 6, 100.0, dead_cells=dead_cells)
