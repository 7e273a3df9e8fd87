"""Decides how lithium cells behave: LFP and NMC, as a pack and as its weakest and fullest cell.

Thevenin with one RC pair and the open-circuit tables of LibreSolar's BMS. The
end of a charge is a resistance that grows as the last sites fill, not a steeper
table: so the current tapers within minutes at constant voltage, and a full cell
at rest falls back to its table.
"""

import math
from dataclasses import dataclass

from sim.plant.pack import ZERO_C_K, Pack

_REFERENCE_K = 25.0 + ZERO_C_K
_COLD_K = math.log(3.0) / (1.0 / ZERO_C_K - 1.0 / _REFERENCE_K)  # resistance x3 at 0 degC
_LAG_S = 40.0
# 0.16 V at 0.3 C and 99.5 %: LFP then tapers to 0.05 C in about two minutes (PyBaMM, Prada2013).
_TAKE_OHM_AH = 0.0027
_FULL = 1e-4
_OVER_F_PER_AH = 50.0  # the capacitor beside it keeps a charger's loop stable at 1 s
_HYSTERESIS_SHARE = 0.02  # of the charge, to go from one branch to the other
_COLLAPSE_V = 60.0  # per soc below 0: some 5 % more and nothing is left
_MATCH_V = 0.0025  # what equal cells differ by: 5 mV from lowest to highest
_HEAT_J_PER_K_AH = 20.0  # 2 kg at 1 kJ/kgK for 100 Ah
_HEAT_W_PER_K = 0.15  # a cell of 100 Ah in a box; our choice

# fmt: off
_OCV_LFP = (2.833, 3.132, 3.177, 3.190, 3.213, 3.226, 3.240, 3.252, 3.262, 3.264, 3.265,
            3.268, 3.271, 3.275, 3.283, 3.296, 3.304, 3.308, 3.309, 3.314, 3.392)
_OCV_NMC = (2.800, 3.588, 3.684, 3.702, 3.726, 3.745, 3.764, 3.787, 3.803, 3.819, 3.838,
            3.858, 3.883, 3.924, 3.962, 3.993, 4.026, 4.056, 4.089, 4.135, 4.198)
# fmt: on


@dataclass(frozen=True)
class LithiumKind:
    """What tells one kind of lithium cell from another."""

    ocv_v: tuple[float, ...]  # every 5 % from 0
    r0_ohm_ah: float  # DC, with the bus bars
    r1_ohm_ah: float
    hysteresis_v: float


LITHIUM_KINDS = {
    "lfp": LithiumKind(_OCV_LFP, 0.10, 0.03, 0.010),
    "nmc": LithiumKind(_OCV_NMC, 0.12, 0.05, 0.0),
}


class Lithium(Pack):
    """A string of lithium cells of LITHIUM_KINDS without a BMS; see Pack for what can be read.

    capacity_spread is how much more the best cell holds than the mean, and the
    worst less, with all of them full at the same time; imbalance is the soc by
    which the fullest cell leads, as in a pack that nobody balances.
    """

    __slots__ = (
        "_hysteresis_v",
        "_imbalance",
        "_kind",
        "_r0_ohm",
        "_r1_ohm",
        "_spread",
        "_take_ohm",
    )

    def __init__(
        self,
        kind: str,
        cells: int,
        capacity_ah: float,
        soc: float = 0.9,
        temperature_c: float = 25.0,
        *,
        resistance_factor: float = 1.0,
        capacity_spread: float = 0.015,
        imbalance: float = 0.0,
    ) -> None:
        super().__init__(
            cells,
            capacity_ah,
            soc,
            temperature_c,
            live_cells=cells,
            lag_s=_LAG_S,
            over_f_per_ah=_OVER_F_PER_AH,
            heat_j_per_k_ah=_HEAT_J_PER_K_AH,
            heat_w_per_k=_HEAT_W_PER_K,
        )
        self._kind = data = LITHIUM_KINDS[kind]
        per_ah = cells / capacity_ah
        self._r0_ohm = data.r0_ohm_ah * resistance_factor * per_ah
        self._r1_ohm = data.r1_ohm_ah * resistance_factor * per_ah
        self._take_ohm = _TAKE_OHM_AH * resistance_factor * per_ah
        self._spread = capacity_spread
        self._imbalance = imbalance
        self._hysteresis_v = 0.0
        self._settle()

    def _refresh_values(self, elapsed_s: float, drawn: float) -> None:
        branch_v = -self._kind.hysteresis_v if drawn > 0.0 else self._kind.hysteresis_v
        share = min(abs(drawn) / _HYSTERESIS_SHARE, 1.0)
        self._hysteresis_v += (branch_v - self._hysteresis_v) * share
        self._emf_v = (self._ocv_v(self._charge) + self._hysteresis_v) * self._live_cells
        kelvin = max(self.temperature_c, -30.0) + ZERO_C_K
        cold = math.exp(_COLD_K * (1.0 / kelvin - 1.0 / _REFERENCE_K))
        self.resistance_ohm = self._r0_ohm * cold
        self._lag_out_ohm = self._lag_in_ohm = self._r1_ohm * cold
        self._take_s = (1.0 - self._charge + _FULL) / self._take_ohm

    def _ocv_v(self, soc: float) -> float:
        """Return a cell's rested voltage for any soc up to 1; an overdrawn cell collapses."""
        table = self._kind.ocv_v
        if soc < 0.0:
            return max(table[0] + soc * _COLLAPSE_V, 0.0)
        place = min(int(soc * 20.0), 19)
        low_v = table[place]
        return low_v + (table[place + 1] - low_v) * (soc * 20.0 - place)

    def _cell_v(self, soc: float) -> float:
        """Return the terminal voltage of a cell with its own soc in this string."""
        fuller = (1.0 - self._charge + _FULL) / (max(1.0 - soc, 0.0) + _FULL)
        over_v = min(self._over_v * fuller, self._over_max_v)
        drop_v = self._emf_v + self._over_v - self.voltage_v
        return self._ocv_v(soc) + self._hysteresis_v + (over_v - drop_v) / self._live_cells

    @property
    def cell_min_v(self) -> float:
        """Voltage of the lowest cell in V, worked out when asked."""
        empty = 1.0 - self._charge
        ends = (1.0 - empty / (1.0 - self._spread), 1.0 - empty / (1.0 + self._spread))
        return max(min(self._cell_v(soc) for soc in ends) - _MATCH_V, 0.0)

    @property
    def cell_max_v(self) -> float:
        """Voltage of the highest cell in V, worked out when asked."""
        empty = 1.0 - self._charge
        best = 1.0 - empty / (1.0 + self._spread)
        ends = (1.0 - empty / (1.0 - self._spread), best, self._charge + self._imbalance)
        return max(self._cell_v(min(soc, 1.0)) for soc in ends) + _MATCH_V
