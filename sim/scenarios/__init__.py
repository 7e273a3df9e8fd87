"""All scenarios, the drives first."""

from sim.scenarios.driving import DRIVES
from sim.scenarios.protection import PROTECTIONS

SCENARIOS = (*DRIVES, *PROTECTIONS)
