"""Decides what the rest of the simulator may ask of a battery; makes one by its kind's name."""

from typing import Protocol

from sim.plant.lead_acid import LEAD_KINDS, LeadAcid
from sim.plant.lithium import LITHIUM_KINDS, Lithium


class Battery(Protocol):
    """The battery contract: anything with this can be put into a World.

    voltage_v is at the terminals in V, temperature_c in degC, soc from 0 to 1.
    The packs below offer more: open_circuit_v and resistance_ohm, with which a
    charger finds the current for a voltage, and lithium its cell_min_v and
    cell_max_v.
    """

    voltage_v: float
    temperature_c: float
    soc: float

    def step(self, current_a: float, dt_s: float, ambient_c: float) -> None:
        """Advance by dt_s (s) with current_a (A, positive discharges) in air of ambient_c."""
        ...


def make_battery(
    kind: str, cells: int, capacity_ah: float, soc: float = 0.9, temperature_c: float = 25.0
) -> LeadAcid | Lithium:
    """Return a new rested pack: flooded, agm, gel, lfp or nmc; ValueError for another kind."""
    if kind in LEAD_KINDS:
        return LeadAcid(kind, cells, capacity_ah, soc, temperature_c)
    if kind in LITHIUM_KINDS:
        return Lithium(kind, cells, capacity_ah, soc, temperature_c)
    raise ValueError(f"no battery is of kind {kind!r}; {[*LEAD_KINDS, *LITHIUM_KINDS]} are")
