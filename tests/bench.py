"""`make bench`: what the firmware costs and how fast the simulator runs, each beside its goal."""

import os
import sys
import time

from sim.controller import ControllerError
from sim.scenario import find_scenario, run_scenario
from tests import bench_flash
from tests.mpy import fuel

MEAN_FUEL = 140_000  # about 60 000 instructions of a 32-bit MCU
WORST_FUEL = 210_000
HEAP_BYTES = 60_000
# What the charge step may add to the tick of a drive. It takes the place of the current
# ceilings, which an open contactor needs no more than a charge needs them.
CHARGE_FUEL = 20_000
CPYTHON_FACTOR = 500
MICROPYTHON_FACTOR = 200


def line(name: str, value: float, unit: str, goal: str, reached: bool) -> None:
    """Print one figure beside its goal."""
    print(
        f"  {name:<34} {value:>12,.0f} {unit:<6} goal {goal:<10} {'ok' if reached else 'MISSED'}"
    )


def real_time_factor(runtime: str) -> float:
    """Return the best of three city cycles, simulated seconds per second."""
    scenario = find_scenario("ece15")
    best = 0.0
    for _ in range(3):
        started = time.perf_counter()
        run_scenario(scenario, runtime=runtime)
        best = max(best, scenario.seconds / (time.perf_counter() - started))
    return best


def main() -> int:
    """Print everything; 0 always, for a missed goal is a figure, not a failure."""
    print(f"simulator, best of three city cycles, {os.cpu_count()} cores")
    factor = real_time_factor("cpython")
    line("CPython", factor, "x", f">= {CPYTHON_FACTOR}", factor >= CPYTHON_FACTOR)
    try:
        factor = real_time_factor("micropython")
        line("MicroPython in lockstep", factor, "x", f">= {MICROPYTHON_FACTOR}",
             factor >= MICROPYTHON_FACTOR)  # fmt: skip
    except ControllerError as missing:
        print(f"  MicroPython in lockstep: not measured, {missing}")

    print("tick on 32-bit MicroPython, in WebAssembly fuel (2.3 per MCU instruction)")
    ticks = fuel.measure_ticks()
    total = ticks.pop("total")
    for name, row in ticks.items():
        print(
            f"  {name:<12} {row['ticks']:>7} ticks,"
            f" mean {row['mean']:>8,}, worst {row['worst']:>8,}"
        )
    line("mean of all", total["mean"], "fuel", f"<= {MEAN_FUEL:,}", total["mean"] <= MEAN_FUEL)
    line(
        "worst of all", total["worst"], "fuel", f"<= {WORST_FUEL:,}", total["worst"] <= WORST_FUEL
    )

    driving = fuel.measure_together(fuel.DRIVING)
    charging = fuel.measure_together(fuel.CHARGING)
    for kind, drive, charge in zip(("mean", "worst"), driving, charging, strict=True):
        extra = max(0, charge - drive)
        print(f"  driving, {kind} {drive:,}; plugged in, {kind} {charge:,}")
        line(f"charge on top of a drive, {kind}", extra, "fuel", f"<= {CHARGE_FUEL:,}",
             extra <= CHARGE_FUEL)  # fmt: skip
    print("pieces of a round of the charge, one in eight ticks of an open contactor")
    for name, row in fuel.measure_pieces().items():
        print(
            f"  {name:<12} {row['ticks']:>7} steps,"
            f" mean {row['mean']:>8,}, worst {row['worst']:>8,}"
        )

    print("heap and import cost of the precompiled firmware on 32-bit MicroPython")
    heap = fuel.measure_heap()
    whole = heap.pop("total")
    for name, row in heap.items():
        print(
            f"  {name:<26} {row['kept']:>7,} bytes kept, {row['bytes']:>7,} with garbage,"
            f" import {row['fuel']:>10,} fuel"
        )
    line("heap after boot, kept", whole["kept"], "bytes", f"<= {HEAP_BYTES:,}",
         whole["kept"] <= HEAP_BYTES)  # fmt: skip
    print(f"  with garbage {whole['bytes']:,} bytes; import of all: {whole['fuel']:,} fuel")
    bench_flash.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
