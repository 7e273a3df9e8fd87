"""All scenarios, the drives first."""

from sim.scenarios.driving import DRIVES

SCENARIOS = (*DRIVES,)
