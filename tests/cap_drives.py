"""Counts the drives that miss the limits of the speed cap; the ends of the ranges come often.

`python -m tests.cap_drives count|stamps|twelve DRIVES [SEED]`: any wheel of the product without
stamps, with them, or 12 pulses without; each drive that misses is printed with its case.
"""

import random
import sys

from sim.plant.cars import CARS
from tests.property.test_speed_cap import Case, assert_within_limits, drive

WHEELS = {
    "count": [(False, 24), (False, 30), (False, 48)],
    "stamps": [(True, 12), (True, 16), (True, 24), (True, 36)],
    "twelve": [(False, 12)],
}
SHOWN = ("over_cap_kmh", "hunting_kmh", "below_cap_kmh", "over_with_torque_ms")


def case_of(wheels: str, seed: int) -> Case:
    """Draw a drive; every fourth figure is the least or the most that is allowed."""
    rnd = random.Random(f"{wheels} {seed}")

    def pick(low: float, high: float) -> float:
        where = rnd.random()
        return low if where < 0.12 else high if where < 0.24 else rnd.uniform(low, high)

    return Case(
        name=rnd.choice(sorted(CARS)),
        cap_kmh=rnd.choice([40, 45, 56]),
        circumference_mm=int(pick(1100, 1900)),
        sensors=rnd.choice(WHEELS[wheels]),
        mass_kg=pick(250.0, 900.0),
        lag_s=pick(0.020, 0.150),
        pack=pick(0.80, 1.10),
        celsius=pick(-15.0, 45.0),
        full_pedal=rnd.random() < 0.5,
        seed=rnd.randrange(10**6),
    )


def main() -> None:
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in WHEELS:
        sys.exit(__doc__)
    wheels, drives = sys.argv[1], int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) == 4 else 0
    missed = 0
    worst = dict.fromkeys(SHOWN, float("-inf"))
    for seed in range(first, first + drives):
        case = case_of(wheels, seed)
        values = drive(case)
        worst = {name: max(values[name], most) for name, most in worst.items()}
        try:
            assert_within_limits(values)
        except AssertionError:
            missed += 1
            print(*(f"{name} {values[name]:.2f}" for name in SHOWN), case, flush=True)
    print(f"{wheels}: {missed} of {drives} drives missed; at worst", end=" ")
    print(*(f"{name} {most:.2f}" for name, most in worst.items()))


if __name__ == "__main__":
    main()
