"""All scenarios, the drives first, then the charges."""

from sim.scenarios.charging import NIGHTS, PLUGGED
from sim.scenarios.driving import DRIVES
from sim.scenarios.protection import PROTECTIONS

SCENARIOS = (*DRIVES, *PROTECTIONS, *PLUGGED, *NIGHTS)
