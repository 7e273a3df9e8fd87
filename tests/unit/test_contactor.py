"""The contactor's sequence: each state reached by measured voltages, each limit on both sides."""

import random

import pytest

from tests.unit.cars import make_params
from vcu import contactor
from vcu.contactor import (
    CLOSED,
    COOLDOWN,
    FAILED,
    NOTHING,
    OPEN,
    OPENING,
    OVERLAP,
    PRECHARGE,
    PRECHARGE_FAILED,
    STUCK_OPEN,
    WELD_CHECK,
    WELDED,
    Contactor,
)
from vcu.signals import Signals

TICK_MS = 1
PACK_CV = 4800


class Bench:
    """A contactor, what its sensors read, and whether it is wanted; OPEN with an empty bus."""

    def __init__(self, **changes):
        self.relay = Contactor(make_params(**changes))
        self.sig = Signals()
        self.sig.pack_valid = 1
        self.sig.pack_cv = PACK_CV
        self.wanted = True

    @property
    def state(self):
        return self.relay.state

    @property
    def outputs(self):
        return self.relay.precharge_on, self.relay.contactor_on

    def tick(self, **changes):
        """Let one tick pass with changed readings, or another wish; return the state."""
        for name, value in changes.items():
            target = self if name == "wanted" else self.sig
            assert hasattr(target, name)
            setattr(target, name, value)
        self.relay.step(self.wanted, self.sig, TICK_MS)
        return self.relay.state

    def run(self, ms):
        for _ in range(ms // TICK_MS):
            self.tick()
        return self.relay.state

    def stays(self, ms):
        """Return whether ms pass in the present state."""
        state = self.relay.state
        return all(self.tick() == state for _ in range(ms // TICK_MS))

    def to_weld_check(self):
        assert self.tick(wanted=True, bus_cv=PACK_CV) == WELD_CHECK
        return self

    def to_precharge(self):
        assert self.tick(wanted=True, bus_cv=0) == WELD_CHECK
        assert self.tick() == PRECHARGE
        return self

    def to_overlap(self):
        self.to_precharge()
        self.sig.bus_cv = PACK_CV
        assert self.run(100) == OVERLAP
        return self

    def to_closed(self):
        self.to_overlap()
        assert self.run(300) == CLOSED
        return self

    def to_opening(self):
        self.to_closed()
        assert self.tick(wanted=False, pack_da=800) == OPENING
        return self

    def to_cooldown(self):
        self.to_precharge()
        assert self.run(3000) == COOLDOWN
        return self

    def to_welded(self):
        self.to_weld_check()
        assert self.run(3000) == FAILED
        assert self.relay.failure == WELDED
        return self

    def to_stuck_open(self):
        self.to_closed()
        self.sig.bus_cv = 0
        assert self.run(500) == FAILED
        assert self.relay.failure == STUCK_OPEN
        return self

    def to_precharge_failed(self):
        """From a bench with precharge_tries=1."""
        self.to_precharge()
        assert self.run(3000) == FAILED
        assert self.relay.failure == PRECHARGE_FAILED
        return self


def test_states_and_failures_have_their_names():
    assert contactor.NAMES[OPEN] == "open"
    assert contactor.NAMES[WELD_CHECK] == "weld_check"
    assert contactor.NAMES[PRECHARGE] == "precharge"
    assert contactor.NAMES[OVERLAP] == "overlap"
    assert contactor.NAMES[CLOSED] == "closed"
    assert contactor.NAMES[OPENING] == "opening"
    assert contactor.NAMES[COOLDOWN] == "cooldown"
    assert contactor.NAMES[FAILED] == "failed"
    assert contactor.FAILURE_NAMES[NOTHING] == "nothing"
    assert contactor.FAILURE_NAMES[WELDED] == "welded"
    assert contactor.FAILURE_NAMES[STUCK_OPEN] == "stuck_open"
    assert contactor.FAILURE_NAMES[PRECHARGE_FAILED] == "precharge_failed"


@pytest.mark.parametrize(
    ("reach", "precharge_and_contactor"),
    [
        ("to_weld_check", (0, 0)),
        ("to_precharge", (1, 0)),
        ("to_overlap", (1, 1)),
        ("to_closed", (0, 1)),
        ("to_opening", (0, 1)),
        ("to_cooldown", (0, 0)),
        ("to_welded", (0, 0)),
        ("to_stuck_open", (0, 0)),
    ],
)
def test_each_state_drives_its_two_outputs(reach, precharge_and_contactor):
    bench = Bench()
    assert bench.outputs == (0, 0)
    getattr(bench, reach)()
    assert bench.outputs == precharge_and_contactor


def test_a_new_contactor_is_open_and_has_not_failed():
    relay = Bench().relay
    assert (relay.state, relay.failure, relay.time_in_state_ms) == (OPEN, NOTHING, 0)


def test_the_time_in_a_state_is_counted_from_its_entry():
    bench = Bench()
    bench.wanted = False
    bench.run(150)
    assert bench.relay.time_in_state_ms == 150
    bench.to_weld_check()
    assert bench.relay.time_in_state_ms == 0
    bench.relay.step(True, bench.sig, 37)
    assert bench.relay.time_in_state_ms == 37


def test_open_stays_open_while_nobody_wants_it_closed():
    bench = Bench()
    bench.wanted = False
    assert bench.stays(60000)


def test_open_stays_open_while_the_pack_cannot_be_read():
    bench = Bench()
    bench.sig.pack_valid = 0
    assert bench.stays(60000)


def test_a_pack_at_the_floor_of_its_chemistry_is_not_closed_onto_and_one_cv_more_is():
    bench = Bench()  # 24 flooded cells of 1.65 V
    bench.sig.pack_cv = 3960
    assert bench.stays(60000)
    assert bench.tick(pack_cv=3961) == WELD_CHECK


@pytest.mark.parametrize(("pack_cv", "welded_cv"), [(4800, 4320), (7200, 6480), (4801, 4320)])
def test_the_resistor_is_connected_only_when_the_bus_is_below_nine_tenths_of_the_pack(
    pack_cv, welded_cv
):
    bench = Bench()
    bench.sig.pack_cv = pack_cv
    bench.sig.bus_cv = welded_cv
    assert bench.tick() == WELD_CHECK
    assert bench.stays(1000)
    assert bench.tick(bus_cv=welded_cv - 1) == PRECHARGE


def test_a_bus_that_stays_at_pack_voltage_for_3_s_is_a_welded_contact():
    bench = Bench().to_weld_check()
    assert bench.stays(2999)
    assert bench.relay.failure == NOTHING
    assert bench.tick() == FAILED
    assert bench.relay.failure == WELDED


def test_a_bus_that_falls_at_the_last_moment_of_the_weld_check_is_not_welded():
    bench = Bench().to_weld_check()
    assert bench.stays(2999)
    assert bench.tick(bus_cv=0) == PRECHARGE
    assert bench.relay.failure == NOTHING


def test_the_weld_check_lasts_as_long_as_its_parameter():
    bench = Bench(weld_check_ms=500).to_weld_check()
    assert bench.stays(499)
    assert bench.tick() == FAILED


@pytest.mark.parametrize("stop", [{"wanted": False}, {"pack_valid": 0}])
def test_the_weld_check_is_broken_off_to_open(stop):
    assert Bench().to_weld_check().tick(**stop) == OPEN
    assert Bench().to_weld_check().tick(bus_cv=0, **stop) == OPEN


def test_a_welded_contactor_never_heats_the_resistor():
    bench = Bench()
    bench.sig.bus_cv = PACK_CV
    for _ in range(20000):
        bench.tick()
        assert bench.outputs == (0, 0)


@pytest.mark.parametrize("diff_cv", [150, 200, 1000])
def test_it_closes_one_cv_below_the_set_difference_and_not_at_it(diff_cv):
    bench = Bench(precharge_diff_cv=diff_cv).to_precharge()
    bench.sig.bus_cv = PACK_CV - diff_cv
    assert bench.stays(2000)
    assert bench.tick(bus_cv=PACK_CV - diff_cv + 1) == OVERLAP


def test_it_does_not_close_before_100_ms_of_pre_charge():
    bench = Bench().to_precharge()
    bench.sig.bus_cv = PACK_CV
    assert bench.stays(99)
    assert bench.tick() == OVERLAP


def test_an_empty_bus_is_never_closed_onto():
    bench = Bench()
    for _ in range(60000):
        bench.tick(bus_cv=PACK_CV // 2)
        assert bench.relay.contactor_on == 0


def test_pre_charge_gives_up_after_3_s_and_cools_down():
    bench = Bench().to_precharge()
    assert bench.stays(2999)
    assert bench.tick() == COOLDOWN


def test_pre_charge_lasts_as_long_as_its_parameter():
    bench = Bench(precharge_timeout_ms=500).to_precharge()
    assert bench.stays(499)
    assert bench.tick() == COOLDOWN


def test_a_bus_that_is_charged_only_with_the_timeout_is_too_late():
    bench = Bench().to_precharge()
    assert bench.stays(2999)
    assert bench.tick(bus_cv=PACK_CV) == COOLDOWN


@pytest.mark.parametrize("wanted", [True, False])
def test_a_failed_attempt_cools_down_for_10_s_whoever_wants_what(wanted):
    bench = Bench().to_cooldown()
    bench.wanted = wanted
    assert bench.stays(9999)
    assert bench.tick() == OPEN


def test_the_cool_down_lasts_as_long_as_its_parameter():
    bench = Bench(precharge_cooldown_ms=3000).to_cooldown()
    assert bench.stays(2999)
    assert bench.tick() == OPEN


def try_in_vain(bench):
    """One whole attempt on an empty bus, from OPEN; return the state it ends in."""
    bench.to_precharge()
    assert bench.stays(2999)
    return bench.tick()


def test_the_third_attempt_in_vain_is_a_failure():
    bench = Bench()
    for _ in range(2):
        assert try_in_vain(bench) == COOLDOWN
        assert bench.relay.failure == NOTHING
        assert bench.run(10000) == OPEN
    assert try_in_vain(bench) == FAILED
    assert bench.relay.failure == PRECHARGE_FAILED


@pytest.mark.parametrize("tries", [1, 5])
def test_the_number_of_attempts_is_a_parameter(tries):
    bench = Bench(precharge_tries=tries)
    for _ in range(tries - 1):
        assert try_in_vain(bench) == COOLDOWN
        bench.run(10000)
    assert try_in_vain(bench) == FAILED


def close_and_open_again(bench, ticks_closed):
    bench.to_closed()
    for _ in range(ticks_closed):
        assert bench.tick() == CLOSED
    bench.tick(wanted=False)
    assert bench.tick() == OPEN


def test_a_contactor_that_closed_well_has_all_its_attempts_again():
    bench = Bench()
    for _ in range(2):
        try_in_vain(bench)
        bench.run(10000)
    close_and_open_again(bench, ticks_closed=1)
    for _ in range(2):
        assert try_in_vain(bench) == COOLDOWN
        bench.run(10000)
    assert try_in_vain(bench) == FAILED


def test_a_contactor_that_was_opened_as_it_closed_has_no_new_attempts():
    bench = Bench()
    for _ in range(2):
        try_in_vain(bench)
        bench.run(10000)
    close_and_open_again(bench, ticks_closed=0)
    assert try_in_vain(bench) == FAILED


def test_a_contactor_that_was_closed_with_the_bus_apart_has_no_new_attempts():
    bench = Bench()
    for _ in range(2):
        try_in_vain(bench)
        bench.run(10000)
    bench.to_closed()
    assert bench.tick(bus_cv=0) == CLOSED
    bench.tick(wanted=False)
    assert bench.tick() == OPEN
    assert try_in_vain(bench) == FAILED


@pytest.mark.parametrize("stop", [{"wanted": False}, {"pack_valid": 0}])
def test_an_attempt_that_is_broken_off_cools_down_for_1_s(stop):
    bench = Bench().to_precharge()
    bench.run(50)
    assert bench.tick(**stop) == COOLDOWN
    assert bench.stays(999)
    assert bench.tick() == OPEN


def test_breaking_off_wins_over_a_charged_bus_and_over_the_timeout():
    bench = Bench().to_precharge()
    bench.run(200)
    assert bench.tick(wanted=False, bus_cv=PACK_CV) == COOLDOWN
    bench = Bench(precharge_tries=1).to_precharge()
    bench.run(2999)
    assert bench.tick(wanted=False) == COOLDOWN


def test_a_key_that_flickers_does_not_reheat_the_resistor_within_1_s():
    bench = Bench().to_precharge()
    bench.run(50)
    bench.tick(wanted=False)
    for tick in range(999):
        bench.tick(wanted=tick % 2 == 0)
        assert bench.outputs == (0, 0)


def test_a_key_that_flickers_connects_the_resistor_for_less_than_one_part_in_25():
    bench = Bench()
    on_ticks = 0
    for tick in range(30000):
        bench.tick(wanted=tick % 40 < 30)
        on_ticks += bench.relay.precharge_on
    assert 0 < on_ticks < 30000 // 25


def test_an_attempt_that_is_broken_off_is_not_counted_as_one_in_vain():
    bench = Bench()
    for _ in range(10):
        bench.to_precharge()
        assert bench.tick(wanted=False) == COOLDOWN
        assert bench.run(1000) == OPEN
    assert try_in_vain(bench) == COOLDOWN
    assert bench.stays(9999)


def test_the_resistor_stays_connected_for_300_ms_while_the_coil_pulls_in():
    bench = Bench().to_overlap()
    assert bench.stays(299)
    assert bench.tick() == CLOSED


def test_a_key_turned_off_while_the_coil_pulls_in_opens():
    bench = Bench().to_overlap()
    bench.sig.pack_da = 800
    assert bench.tick(wanted=False) == OPENING
    bench = Bench().to_overlap()
    bench.run(299)
    assert bench.tick(wanted=False, pack_da=800) == OPENING


def test_closed_stays_closed_for_as_long_as_it_is_wanted():
    bench = Bench().to_closed()
    bench.sig.pack_da = 3000
    bench.sig.bus_cv = PACK_CV - 500
    assert bench.stays(60000)


@pytest.mark.parametrize("stop", [{"wanted": False}, {"pack_valid": 0}])
def test_closed_opens_when_it_is_not_wanted_or_the_pack_cannot_be_read(stop):
    assert Bench().to_closed().tick(pack_da=800, **stop) == OPENING


def test_opening_wins_over_a_stuck_contact():
    bench = Bench().to_closed()
    bench.sig.bus_cv = 0
    bench.run(499)
    assert bench.tick(wanted=False) == OPENING
    assert bench.relay.failure == NOTHING


def test_a_bus_more_than_5_volt_below_the_pack_for_500_ms_is_a_contact_stuck_open():
    bench = Bench().to_closed()
    bench.sig.bus_cv = PACK_CV - 501
    assert bench.stays(499)
    assert bench.relay.failure == NOTHING
    assert bench.tick() == FAILED
    assert bench.relay.failure == STUCK_OPEN


def test_a_bus_that_comes_back_for_one_tick_starts_the_500_ms_again():
    bench = Bench().to_closed()
    bench.sig.bus_cv = 0
    assert bench.stays(499)
    assert bench.tick(bus_cv=PACK_CV - 500) == CLOSED
    bench.sig.bus_cv = 0
    assert bench.stays(499)
    assert bench.tick() == FAILED


def test_a_bus_apart_before_the_contactor_opened_does_not_count_after_it_closed_again():
    bench = Bench().to_closed()
    bench.sig.bus_cv = 0
    assert bench.stays(499)
    bench.tick(wanted=False)
    assert bench.tick() == OPEN
    bench.to_closed()
    bench.sig.bus_cv = 0
    assert bench.stays(499)


def test_a_bus_that_reads_5_v_above_the_pack_for_half_a_second_is_not_relied_on():
    bench = Bench().to_closed()
    bench.sig.bus_cv = PACK_CV + 500
    assert bench.stays(5000)
    bench.sig.bus_cv = PACK_CV + 501
    assert bench.stays(499)
    assert bench.tick() == FAILED


def test_a_bus_that_reads_above_the_pack_is_not_precharged():
    bench = Bench(precharge_diff_cv=200).to_precharge()
    bench.sig.bus_cv = PACK_CV + 200
    assert bench.stays(2000)
    assert bench.tick(bus_cv=PACK_CV + 199) == OVERLAP


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("limit_da", [10, 50, 200])
def test_opening_waits_for_a_current_below_the_limit_in_either_direction(sign, limit_da):
    bench = Bench(contactor_open_da=limit_da).to_opening()
    assert bench.tick(pack_da=sign * limit_da) == OPENING
    assert bench.tick(pack_da=sign * (limit_da - 1)) == OPEN


@pytest.mark.parametrize("pack_da", [800, -800, 3000])
def test_opening_waits_no_longer_than_200_ms_for_a_current_that_does_not_stop(pack_da):
    bench = Bench().to_opening()
    bench.sig.pack_da = pack_da
    assert bench.stays(199)
    assert bench.tick() == OPEN


def test_opening_ends_open_even_if_the_contactor_is_wanted_again():
    bench = Bench().to_opening()
    bench.wanted = True
    assert bench.stays(199)
    assert bench.tick() == OPEN


@pytest.mark.parametrize("reach", ["to_welded", "to_stuck_open", "to_precharge_failed"])
def test_a_failure_lasts_until_the_key_is_turned_off(reach):
    bench = getattr(Bench(precharge_tries=1), reach)()
    failure = bench.relay.failure
    bench.sig.bus_cv = 0
    assert bench.stays(60000)
    bench.sig.bus_cv = PACK_CV
    bench.sig.pack_valid = 0
    assert bench.stays(60000)
    assert bench.relay.failure == failure
    assert bench.tick(wanted=False) != FAILED


@pytest.mark.parametrize("reach", ["to_welded", "to_stuck_open", "to_precharge_failed"])
def test_a_failure_is_remembered_until_the_next_attempt_begins(reach):
    bench = getattr(Bench(precharge_tries=1), reach)()
    failure = bench.relay.failure
    bench.tick(wanted=False)
    bench.run(11000)
    assert (bench.state, bench.relay.failure) == (OPEN, failure)
    bench.tick(wanted=True, pack_valid=0)
    assert (bench.state, bench.relay.failure) == (OPEN, failure)
    bench.tick(pack_valid=1)
    assert (bench.state, bench.relay.failure) == (WELD_CHECK, NOTHING)


@pytest.mark.parametrize("reach", ["to_welded", "to_stuck_open"])
def test_a_contact_that_failed_is_open_and_checked_again_after_the_key_was_off(reach):
    bench = getattr(Bench(), reach)()
    assert bench.tick(wanted=False) == OPEN
    assert bench.tick(wanted=True, bus_cv=PACK_CV) == WELD_CHECK
    assert bench.run(3000) == FAILED


def test_the_resistor_of_a_failed_pre_charge_cools_down_in_full_after_the_key_was_off():
    bench = Bench(precharge_tries=1).to_precharge_failed()
    assert bench.tick(wanted=False) == COOLDOWN
    assert bench.relay.failure == PRECHARGE_FAILED
    bench.wanted = True
    assert bench.stays(9999)
    assert bench.tick() == OPEN


def test_after_a_failed_pre_charge_and_a_key_cycle_all_attempts_are_there_again():
    bench = Bench(precharge_tries=2)
    try_in_vain(bench)
    bench.run(10000)
    assert try_in_vain(bench) == FAILED
    bench.tick(wanted=False)
    assert bench.run(10000) == OPEN
    assert try_in_vain(bench) == COOLDOWN
    assert bench.run(10000) == OPEN
    assert try_in_vain(bench) == FAILED


def test_a_tick_counts_for_as_long_as_it_was():
    bench = Bench().to_precharge()
    bench.sig.bus_cv = PACK_CV
    bench.relay.step(True, bench.sig, 40)
    bench.relay.step(True, bench.sig, 40)
    assert bench.state == PRECHARGE
    bench.relay.step(True, bench.sig, 40)
    assert bench.state == OVERLAP
    bench.run(300)
    bench.sig.bus_cv = 0
    for _ in range(12):
        bench.relay.step(True, bench.sig, 40)
    assert bench.state == CLOSED
    bench.relay.step(True, bench.sig, 40)
    assert bench.state == FAILED


POSSIBLE = {
    (OPEN, WELD_CHECK),
    (WELD_CHECK, OPEN),
    (WELD_CHECK, PRECHARGE),
    (WELD_CHECK, FAILED),
    (PRECHARGE, COOLDOWN),
    (PRECHARGE, FAILED),
    (PRECHARGE, OVERLAP),
    (OVERLAP, OPENING),
    (OVERLAP, CLOSED),
    (CLOSED, OPENING),
    (CLOSED, FAILED),
    (OPENING, OPEN),
    (COOLDOWN, OPEN),
    (FAILED, OPEN),
    (FAILED, COOLDOWN),
}


@pytest.mark.sweep
def test_no_inputs_make_a_transition_that_is_not_in_the_table_and_some_make_each_that_is():
    chance = random.Random(1)
    bench = Bench(
        precharge_timeout_ms=500, precharge_cooldown_ms=3000, weld_check_ms=500, precharge_tries=2
    )
    seen = set()
    for _ in range(2000):
        readings = {
            "wanted": chance.random() < 0.85,
            "pack_valid": int(chance.random() < 0.95),
            "bus_cv": chance.choice((0, 4319, 4320, 4601, PACK_CV)),
            "pack_da": chance.choice((-800, -50, 0, 49, 50, 800)),
        }
        for _ in range(chance.choice((1, 30, 150, 600))):
            before = bench.state
            after = bench.tick(**readings)
            if after != before:
                seen.add((before, after))
    assert seen == POSSIBLE


def test_an_attempt_broken_off_late_cools_the_resistor_as_long_as_one_in_vain_would():
    bench = Bench(precharge_timeout_ms=3000, precharge_cooldown_ms=10000).to_precharge()
    bench.run(2990)
    bench.tick(wanted=False)
    bench.wanted = True
    assert bench.stays(9900)


def test_the_resistor_cools_in_proportion_to_how_long_it_was_heated_to_the_permille():
    # 2999 of 3000 ms are 999 permille.
    bench = Bench(precharge_timeout_ms=3000, precharge_cooldown_ms=10000).to_precharge()
    bench.run(2998)
    assert bench.tick(wanted=False) == COOLDOWN
    assert bench.stays(9989)
    assert bench.tick() == OPEN


@pytest.mark.parametrize(("pack_cv", "state"), [(3961, PRECHARGE), (3960, COOLDOWN)])
def test_a_pack_at_its_floor_or_less_breaks_pre_charge_off(pack_cv, state):
    bench = Bench().to_precharge()
    assert bench.tick(pack_cv=pack_cv) == state


def test_a_bus_that_never_charges_under_a_flickering_key_has_the_resistor_on_a_quarter_at_most():
    bench = Bench()
    on_ticks = 0
    for tick in range(60000):
        bench.tick(wanted=tick % 4000 >= 100, bus_cv=0)
        on_ticks += bench.relay.precharge_on
    assert 0 < on_ticks <= 60000 // 4


def test_a_pack_reading_that_is_lost_while_the_bus_is_empty_does_not_close_the_contactor():
    bench = Bench().to_precharge()
    bench.run(200)
    bench.tick(pack_cv=100, bus_cv=0)
    assert bench.state == COOLDOWN
    assert bench.outputs == (0, 0)


@pytest.mark.parametrize(("pack_cv", "state"), [(3961, WELD_CHECK), (3960, OPEN)])
def test_a_pack_at_its_floor_or_less_ends_the_weld_check(pack_cv, state):
    bench = Bench().to_weld_check()
    assert bench.tick(pack_cv=pack_cv) == state


@pytest.mark.parametrize("wanted", [False, True])
def test_however_long_a_state_lasts_its_time_stays_a_small_integer(wanted):
    bench = Bench()
    if wanted:
        bench.to_closed()
    state = bench.state
    for _ in range(5):
        bench.relay.step(wanted, bench.sig, 1 << 28)
    assert bench.state == state
    assert bench.relay.time_in_state_ms < 1 << 30
