"""However often the mains goes, a charge keeps its limits, and a full pack is left alone.

8 random sequences of power cuts of 3 h, with LSEV_PROVE=1 1 000 of 1 to 12 h; each
takes up to a minute of what the controller knew (charge_cases.py). Most are short and
begin near their end: what a cut may break is at the changes of phase, and one in
seven is long enough for the limits of a whole night.
"""

import random

import pytest

from sim.plant.lead_acid import LEAD_KINDS
from tests.property.charge_cases import KINDS, Case, Run, happen
from tests.proving import PROVE
from vcu.charge import phases

SHARDS, SEQUENCES = (20, 50) if PROVE else (2, 4)
CUTS = ("cut", "cut", "cut", "flicker", "mains", "mains", "plug")


def night(seed: int) -> tuple[Run, int]:
    """Return the run at the end of a random night, and how many cuts it had."""
    rnd = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    lead = kind in LEAD_KINDS
    run = Run(
        Case(
            kind=kind,
            blocks=rnd.randrange(3),
            ah=rnd.choice([45.0, 100.0, 200.0]),
            soc=rnd.choice([0.3, 0.6, 0.8, 0.9, 0.97]),
            soc_error=rnd.choice([-0.2, 0.0, 0.0, 0.2]),
            ambient_c=rnd.choice([3.0, 15.0, 25.0, 25.0, 35.0, 42.0]),
            c_rate=rnd.choice([0.05, 0.1, 0.15, 0.3]),
            relay=lead and rnd.random() < 0.4,
            cell_bms=rnd.random() < 0.7,
            aged=rnd.choice([1.0, 1.0, 2.0, 3.0]),
            gain=rnd.choice([0.99, 1.0, 1.0, 1.01]),
            seed=seed,
        )
    )
    end_s = 3600.0 * (rnd.choice([1, 1, 2, 2, 3, 3, 12]) if PROVE else 3)
    mean_s = rnd.choice([60, 150, 300, 600])
    cuts = 0
    while run.time_s < end_s:
        run.run(rnd.expovariate(1.0 / mean_s))
        happen(run, rnd.choice(CUTS), rnd.randrange(7), rnd)
        cuts += 1
    return run, cuts


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_sequence_of_power_cuts_breaks_a_limit(shard: int) -> None:
    cuts = sum(night(shard * SEQUENCES + i)[1] for i in range(SEQUENCES))
    print(f"{SEQUENCES} sequences, {cuts} interruptions")
    assert cuts > 10 * SEQUENCES


def full(case: Case) -> Run:
    """Return a run whose pack has just become full."""
    run = Run(case)
    while not run.charge.session.is_full:
        run.run(60)
        assert run.time_s < 36000.0, phases.NAMES[run.charge.phase]
    return run


@pytest.mark.parametrize(
    "case",
    [
        Case(kind="flooded", soc=0.97, c_rate=0.1, relay=True),
        Case(kind="flooded", soc=0.97),
        Case(kind="agm", soc=0.96),
        Case(kind="gel", soc=0.97),
        Case(kind="lfp", soc=0.92, c_rate=0.3),
        Case(kind="lfp", soc=0.92, c_rate=0.3, soc_error=-0.4, cell_bms=False),
        Case(kind="nmc", soc=0.9, c_rate=0.3, soc_error=0.1),
    ],
)
def test_a_full_pack_is_not_charged_again_because_the_mains_flickered(case: Case) -> None:
    run = full(case)
    session = run.charge.session
    number, put_in_ah = session.number, run.charged_ah
    rnd = random.Random(1)
    run.run(15)
    for _ in range(20):
        run.cut_power(rnd.randint(1, 300))
        run.run(rnd.randint(1, 200))
    assert run.charge.session.is_full and run.charge.session.number == number
    assert run.charged_ah - put_in_ah < 0.01 * case.ah


def test_a_count_that_a_rested_voltage_corrects_is_no_drive() -> None:
    run = full(Case(kind="agm", soc=0.97))
    number = run.charge.session.number
    run.run(20)
    run.energy.restore(round(0.94 * run.case.ah * 1000), 50, 1)
    run.run(20)
    run.plug = False
    run.run(2 * 3600)
    run.plug = True
    run.run(100)
    run.cut_power(10)
    run.run(300)
    assert run.charge.session.number == number and run.charge.session.is_full


@pytest.mark.parametrize("wait_s", [0, 3])
def test_a_latched_fault_outlives_a_cut_in_the_next_second(wait_s: int) -> None:
    run = Run(Case(soc=0.5))
    run.run(200)
    happen(run, "deaf", 3, random.Random(1))
    while not run.charge.session.faults:
        run.charger.deaf = True
        run.step()
    faults = run.charge.session.faults
    run.run(wait_s)
    run.cut_power(5)
    run.run(60)
    assert run.charge.session.faults == faults and run.charge.phase == phases.FAULT
