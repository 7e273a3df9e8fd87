"""Run summary: how far a run of `lsev sim` is, and what it came to, in words or as JSON."""

import sys
import time
from math import isfinite

from sim.charge_scenario import ChargeScenario
from sim.charging import STEP_S
from sim.scenario import Result, Scenario
from sim.world import TICK_S
from vcu.charge.phases import NAMES as PHASE_NAMES
from vcu.faults import CLASS_NAMES, row_of


def length(seconds: float) -> str:
    """Return a time in words: seconds below an hour, hours above."""
    return f"{seconds:.0f} s" if seconds < 3600.0 else f"{seconds / 3600.0:.0f} h"


class Progress:
    """One line on standard error, rewritten about five times a second; none into a pipe."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = time.monotonic() + 0.5
        self._shown = False

    def __call__(self, t_s: float, doing: str) -> None:
        """Show that the run is at t_s, and what it is doing."""
        now = time.monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next = now + 0.2
        self._shown = True
        share = 100.0 * t_s / self._seconds
        sys.stderr.write(f"\r{share:3.0f} %  {length(t_s):>6}  {doing:<24}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r" + " " * 40 + "\r")


def as_json(result: Result, wall_s: float) -> dict[str, object]:
    """Return what `--json` prints of a run that took wall_s."""
    return {
        "scenario": result.scenario.name,
        "vehicle": result.vehicle.name,
        "runtime": result.runtime,
        "seed": result.seed,
        "passed": result.passed,
        "simulated_s": result.scenario.seconds,
        "wall_s": round(wall_s, 3),
        "step_s": STEP_S if isinstance(result.scenario, ChargeScenario) else TICK_S,
        "piece_of_s": getattr(result.scenario, "piece_of_s", 0.0) or None,
        "faults": list(result.injected),
        "stored_faults": [
            {"name": name, "dtc": dtc, "class": CLASS_NAMES[fault_class], "blink_code": blink_code}
            for blink_code, name, dtc, fault_class, *_ in map(row_of, result.stored)
        ],
        "values": {name: round(value, 4) for name, value in result.values.items()},
        "checks": [
            {
                "metric": c.expectation.metric,
                "value": round(c.value, 4),
                "low": c.expectation.low if isfinite(c.expectation.low) else None,
                "high": c.expectation.high if isfinite(c.expectation.high) else None,
                "unit": c.expectation.unit,
                "passed": c.passed,
            }
            for c in result.checks
        ],
    }


def _driven(result: Result, scenario: Scenario) -> None:
    values = result.values
    if scenario.piece_of_s:
        print(
            f"  its first {scenario.seconds:g} s of {length(scenario.piece_of_s)}, in the whole"
            " 10 ms loop on the virtual board"
        )
    else:
        print(
            f"  {values['distance_km']:.2f} km in {scenario.seconds:.0f} s, "
            f"top {values['top_kmh']:.1f} km/h of {result.vehicle.values['speed_cap_kmh']}, "
            f"{values['wh_per_km']:.0f} Wh/km"
        )
        print(
            f"  pack {values['soc_pct']:.1f} % left, lowest {values['lowest_v']:.1f} V; "
            f"range {values['range_km']:.0f} km, give or take {values['range_uncertainty_km']:.0f}"
        )
    if values["charge_on_s"]:
        phase = PHASE_NAMES[round(values["charge_phase"])]
        print(
            f"  charger on for {values['charge_on_s']:.0f} s, up to"
            f" {values['charge_top_a']:.1f} A, {values['charge_ah']:.2f} Ah; now {phase}"
        )


def _charged(result: Result, scenario: ChargeScenario) -> None:
    values = result.values
    when = f"full after {values['hours']:.1f} h" if values["full"] else "never full"
    print(
        f"  from {100.0 * scenario.soc:.0f} to {values['soc_pct']:.1f} %, {when}: "
        f"{values['charge_ah']:.1f} Ah, {values['ah_factor']:.3f} of what was missing, "
        f"{values['mains_kwh']:.1f} kWh from the socket"
    )
    hours = [(name, values[f"{name.lower()}_h"]) for name in PHASE_NAMES]
    print("  " + ", ".join(f"{name} {spent:.1f} h" for name, spent in hours if spent >= 0.05))
    print(
        f"  at most {values['top_a']:.1f} A, {values['top_v']:.1f} V, a cell"
        f" {values['top_cell_v']:.3f} V, {values['top_c']:.1f} degC"
    )


def print_summary(result: Result, wall_s: float) -> None:
    """Print what a person wants to know of a run that took wall_s."""
    scenario = result.scenario
    print(f"{scenario.name}: {scenario.summary}")
    print(f"  {result.vehicle.name}, firmware on {result.runtime}, seed {result.seed}")
    if isinstance(scenario, ChargeScenario):
        _charged(result, scenario)
    else:
        _driven(result, scenario)
    if result.injected:
        print(f"  broken on purpose: {', '.join(result.injected)}")
    if result.stored:
        rows = map(row_of, result.stored)
        print(f"  faults stored: {', '.join(f'{row[1]} ({row[2]})' for row in rows)}")
    for check in result.checks:
        e = check.expectation
        verdict = "ok  " if check.passed else "FAIL"
        low = f"{e.low:g}" if isfinite(e.low) else ""
        high = f"{e.high:g}" if isfinite(e.high) else ""
        print(f"  {verdict} {e.metric:<20} {check.value:9.3f} {e.unit:<5} in {low}..{high}")
    factor = scenario.seconds / wall_s
    outcome = "passed" if result.passed else "FAILED"
    print(
        f"{outcome}: {length(scenario.seconds)} simulated in {wall_s:.1f} s, "
        f"{factor:.0f}x real time"
    )
