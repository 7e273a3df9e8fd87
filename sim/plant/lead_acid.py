"""Decides how lead-acid cells behave: flooded, AGM and gel, new or aged.

The Ceraolo/Jackey circuit with the parameter set of SAE 2007-01-0778 (a 50 Ah
cell, as MathWorks publishes it), with these changes:

- Gassing sees the full cell voltage. With the published difference to 1.95 V it
  is 1e-8 A at 2.40 V, so no charge would ever show a tail.
- On charge the main branch has charge_ohm / (1 - soc + 1e-4) instead of R2:
  the published one still accepts current at 100 %, and the tail never ends.
- A0 is +0.3, not -0.6: discharging dilutes the acid and covers the plates with
  sulphate, so the resistance rises; the published sign makes an empty cell
  stiffer than a full one.
- The EMF is a line for each kind (Ke is its slope): the published 2.18 to
  2.00 V reads 84 % on Trojan's table when the cell holds 50 %. charge_ohm_ah is
  fitted to it, so that 0.1 C from 20 % still meets 2.40 V at 81 % (Rolls, Victron).
- Gassing ends with the overvoltage of the charge: at the rest voltage it would
  be a self-discharge of 2.5 % a day, ten times what batteries have.
"""

import math
from dataclasses import dataclass

from sim.plant.pack import ZERO_C_K, Pack

_REFERENCE_C = 25.0
_R0_OHM_AH = 0.21  # 4.2 mOhm at 50 Ah
_R0_RISE = 0.3  # A0, see above
_R0_COLD_PER_K = 0.01  # acid conducts worse below 25 degC; our choice
_R1_OHM_AH = 0.05  # R10, 1 mOhm at 50 Ah
_R1_S = 100.0  # tau1
_R1_MOST = 400.0  # times R10: then even the 20 h current brings the cell down
_LN_FROM = 0.01  # depth below which R1 leaves the logarithm for a wall
_WALL_PER_DEPTH = 2500.0
_CURRENT_C = 0.3  # I*, 15 A at 50 Ah
_CURRENT_POWER = 0.73  # delta
_RATED_C = 0.05  # the rated capacity is for 20 h
# Capacity over the rated one. Below 25 degC the published Kt over its 0.80 at 25 degC; above it
# Trojan's 0.9 % per kelvin: Kt's 1.10 at 40 degC would give back all that a high current takes.
_WARM_CAPACITY = ((-40.0, 0.05), (-37.0, 0.05), (25.0, 1.0), (40.0, 1.135), (60.0, 1.24))
_GAS_S_PER_AH = 4e-13  # Gp0, 2e-11 S at 50 Ah
_GAS_V = 0.12  # Vp0
_SPLITTING_V = 1.48  # what leaves with the gas of a vented cell, in V per A of gassing
_FULL_OHM = 1e-4
_KNEE = 0.05  # soc below which the EMF falls: 1.75 V at 20 h, discharged
_KNEE_V = 80.0
# Makes the voltage rise over seconds, as cells do, and a charger's loop stable at 1 s.
_OVER_F_PER_AH = 24.0
_HEAT_J_PER_K_AH = 50.0  # 30 kg of battery at 1 kJ/kgK for a 12 V block of 100 Ah
_HEAT_W_PER_K = 1.0 / 3.0  # and 2 W/K: a cell of 100 Ah; the surface grows as Ah ** (2/3)


@dataclass(frozen=True)
class LeadKind:
    """What tells one kind of lead-acid cell from another."""

    full_v: float  # EMF at 100 %
    fall_v: float  # EMF from 100 to 0 % at 25 degC
    current_share: float  # Kc - 1: the capacity lost at I*; sets the Peukert exponent
    resistance: float  # of the published R0; our choice
    charge_ohm_ah: float
    gassing: float  # of the published current
    vented: bool  # gas leaves instead of recombining to heat


# EMF: Trojan's table; Polaris' (12.8, 12.6, 12.3, 12.0 V at 100, 75, 50, 25 %) for the sealed.
# current_share from Peukert 1.2, 1.1, 1.15 between 20 h and 1 h. Half the gassing makes
# the sealed kinds' float current 0.002 C at 2.27 V (EnerSys).
LEAD_KINDS = {
    "flooded": LeadKind(2.122, 0.2267, 0.40, 1.0, 0.65, 1.0, True),
    "agm": LeadKind(2.150, 0.190, 0.20, 0.85, 0.57, 0.5, False),
    "gel": LeadKind(2.150, 0.190, 0.30, 1.1, 0.57, 0.5, False),
}


class LeadAcid(Pack):
    """A string of lead-acid cells of LEAD_KINDS; see Pack for what can be read.

    cells counts all of them, dead_cells those with an internal short: they add
    no voltage and the others share the charger's. The factors age the pack:
    sulphated plates (charge_factor 2), worn catalyst or antimony (gas_factor 3),
    corroded grids (resistance_factor). capacity_ah is what the pack holds at
    20 h and 25 degC, so a lost share is given by lowering it.
    """

    __slots__ = (
        "_charge_ohm",
        "_draw_a",
        "_gas_s",
        "_kind",
        "_r0_ohm",
        "_r1_ohm",
    )

    def __init__(
        self,
        kind: str,
        cells: int,
        capacity_ah: float,
        soc: float = 0.9,
        temperature_c: float = 25.0,
        *,
        charge_factor: float = 1.0,
        gas_factor: float = 1.0,
        resistance_factor: float = 1.0,
        dead_cells: int = 0,
    ) -> None:
        super().__init__(
            cells,
            capacity_ah,
            soc,
            temperature_c,
            live_cells=cells - dead_cells,
            lag_s=_R1_S,
            over_f_per_ah=_OVER_F_PER_AH,
            heat_j_per_k_ah=_HEAT_J_PER_K_AH,
            heat_w_per_k=_HEAT_W_PER_K,
        )
        self._kind = data = LEAD_KINDS[kind]
        per_ah = self._live_cells / capacity_ah
        self._r0_ohm = _R0_OHM_AH * data.resistance * resistance_factor * per_ah
        self._r1_ohm = _R1_OHM_AH * resistance_factor * per_ah
        self._charge_ohm = data.charge_ohm_ah * charge_factor * per_ah
        self._gas_s = _GAS_S_PER_AH * data.gassing * gas_factor * capacity_ah
        self._vented_v = _SPLITTING_V * self._live_cells if data.vented else 0.0
        self._draw_a = 0.0  # what the driver drew over the last minutes: it sets the capacity
        self._settle()

    def _refresh_values(self, elapsed_s: float, drawn: float) -> None:
        empty = 1.0 - self._charge
        kelvin = (self.temperature_c + ZERO_C_K) / (_REFERENCE_C + ZERO_C_K)
        emf_v = self._kind.full_v - self._kind.fall_v * kelvin * empty
        missing = _KNEE - self._charge
        if missing > 0.0:
            emf_v -= _KNEE_V * missing * missing
        self._emf_v = emf_v * self._live_cells if emf_v > 0.0 else 0.0
        cold_k = _REFERENCE_C - self.temperature_c
        cold = 1.0 + _R0_COLD_PER_K * cold_k if cold_k > 0.0 else 1.0
        self.resistance_ohm = self._r0_ohm * (1.0 + _R0_RISE * empty) * cold
        if elapsed_s > 0.0:
            draw_a = drawn * self._rated_as / elapsed_s
            self._draw_a += (draw_a - self._draw_a) * (1.0 - math.exp(-elapsed_s / _R1_S))
        depth = 1.0 - empty / self._capacity()
        self._lag_in_ohm = -self._r1_ohm * math.log(min(max(depth, _LN_FROM), 1.0))
        wall = max(_LN_FROM - depth, 0.0) * _WALL_PER_DEPTH
        self._lag_out_ohm = min(self._lag_in_ohm + self._r1_ohm * wall, self._r1_ohm * _R1_MOST)
        self._take_s = (empty + _FULL_OHM) / self._charge_ohm
        self._side_a = self._gassing_a()

    def _capacity(self) -> float:
        """Return what the pack holds at the present draw and temperature over what is rated."""
        share = self._kind.current_share
        rate = max(self._draw_a, 0.0) / (self._rated_as / 3600.0 * _CURRENT_C)
        rated = 1.0 + share * (_RATED_C / _CURRENT_C) ** _CURRENT_POWER
        warm = _lerp(self.temperature_c, _WARM_CAPACITY)
        return warm * rated / (1.0 + share * rate**_CURRENT_POWER)

    def _gassing_a(self) -> float:
        """Return the current that splits water at the present voltage."""
        cell_v = (self._emf_v + self._over_v) / self._live_cells
        warm = 2.0 * (1.0 + self.temperature_c / 40.0)  # Ap (1 - th / thf)
        return self._gas_s * cell_v * math.exp(min(cell_v, 3.0) / _GAS_V + warm)


def _lerp(x: float, table: tuple[tuple[float, float], ...]) -> float:
    """Return y of the (x, y) table at x; the ends hold outside."""
    x0, y0 = table[0]
    if x <= x0:
        return y0
    for x1, y1 in table[1:]:
        if x < x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        x0, y0 = x1, y1
    return y0
