"""Decides what a battery of any chemistry does in one step: voltage, charge and heat.

One equivalent circuit for all kinds, per pack: an ideal source (EMF), the ohmic
resistance, one slow RC pair (`lag`), and, while charging only, a resistance with
a capacitor across it (`over`) through which the charge must pass, and beside it
a side reaction (gassing) that takes current without storing it. The chemistries
set the values (`_refresh_values`, about twice a second); the step between is a
dozen operations, because the simulator runs it a hundred times a second. That
shared step is why the two chemistries have a base class.
"""

import math
from abc import ABC, abstractmethod

REFRESH_S = 0.5  # how stale the slow values may be: 0.014 % of the charge at 1 C
LONGEST_STEP_S = 1.0  # a longer step is cut up
MOST_OVERDRAWN = 0.1  # of the rated charge: more than that does an emptied cell not owe
ZERO_C_K = 273.15


class Pack(ABC):
    """A series string of equal cells; positive current discharges.

    voltage_v: at the terminals, at the end of the last step. temperature_c: of
    the cells. soc: 0..1, the charge left over the rated one, whatever the
    current and the cold let the driver get out. resistance_ohm: ohmic, now.
    """

    __slots__ = (
        "_ampere_share",
        "_charge",
        "_dt_s",
        "_emf_v",
        "_heat_w",
        "_heat_w_per_k",
        "_kelvin_per_j",
        "_lag_decay",
        "_lag_in_ohm",
        "_lag_out_ohm",
        "_lag_s",
        "_lag_v",
        "_live_cells",
        "_old_charge",
        "_over_decay",
        "_over_f",
        "_over_max_v",
        "_over_ohm",
        "_over_v",
        "_rated_as",
        "_side_a",
        "_steps",
        "_steps_left",
        "_take_s",
        "_vented_v",
        "resistance_ohm",
        "soc",
        "temperature_c",
        "voltage_v",
    )

    def __init__(
        self,
        cells: int,
        capacity_ah: float,
        soc: float,
        temperature_c: float,
        *,
        live_cells: int,
        lag_s: float,
        over_f_per_ah: float,
        heat_j_per_k_ah: float,
        heat_w_per_k: float,
    ) -> None:
        """Take the values that stay: per cell and Ah, heat_w_per_k for a cell of 100 Ah."""
        if live_cells < 1 or cells < live_cells or capacity_ah <= 0.0 or not 0.0 <= soc <= 1.0:
            raise ValueError(
                f"no such pack: {cells} cells, {live_cells} of them live, {capacity_ah} Ah,"
                f" state of charge {soc}"
            )
        self._live_cells = live_cells
        self._rated_as = capacity_ah * 3600.0
        self._charge = self._old_charge = self.soc = soc
        self.temperature_c = temperature_c
        self._lag_s = lag_s
        self._over_f = over_f_per_ah * capacity_ah / live_cells
        self._over_max_v = 1.2 * live_cells  # then the electrolyte goes, and charge with it
        self._kelvin_per_j = 1.0 / (heat_j_per_k_ah * capacity_ah * cells)
        surface = (capacity_ah / 100.0) ** (2.0 / 3.0)
        self._heat_w_per_k = heat_w_per_k * surface * cells
        self._heat_w = 0.0  # summed over the steps since the last refresh
        self._lag_v = self._over_v = 0.0
        self._dt_s = 0.0
        self._steps = self._steps_left = 0
        self._side_a = self._vented_v = 0.0
        self._emf_v = self.resistance_ohm = self._lag_out_ohm = self._lag_in_ohm = 0.0
        self._lag_decay = self._over_decay = self._over_ohm = 0.0
        self._ampere_share = self.voltage_v = 0.0
        self._take_s = 1.0

    @property
    def open_circuit_v(self) -> float:
        """Terminal voltage in V if the current were cut now, so polarisation counts.

        For the next step, voltage_v is this minus current times resistance_ohm,
        except for what the polarisation adds within the step.
        """
        return self._emf_v + self._over_v - self._lag_v

    @abstractmethod
    def _refresh_values(self, elapsed_s: float, drawn: float) -> None:
        """Set the slow values for the present charge, temperature and overvoltage.

        drawn is the share of the rated charge that left in the elapsed_s since
        the last call. To set, for the whole pack: _emf_v; resistance_ohm;
        _lag_out_ohm and _lag_in_ohm (RC pair, discharging and charging);
        _take_s, the conductance that charging current must pass; _side_a, the
        side reaction's current while charging.
        """

    def step(self, current_a: float, dt_s: float, ambient_c: float) -> None:
        """Carry current_a (A, positive discharges) for dt_s (s); any step above 0 is stable."""
        if dt_s != self._dt_s or self._steps_left == 0:
            if dt_s > LONGEST_STEP_S:
                parts = math.ceil(dt_s / LONGEST_STEP_S)
                for _ in range(parts):
                    self.step(current_a, dt_s / parts, ambient_c)
                return
            self._refresh(dt_s, ambient_c)
        self._steps_left -= 1
        emf_v = self._emf_v
        over_v = self._over_v
        if current_a >= 0.0 and over_v == 0.0:
            lag_v = current_a * self._lag_out_ohm
            self._lag_v = lag_v = lag_v + (self._lag_v - lag_v) * self._lag_decay
            voltage_v = emf_v - lag_v - current_a * self.resistance_ohm
            self._heat_w += (emf_v - voltage_v) * current_a
            self._charge = charge = self._charge - current_a * self._ampere_share
            self.soc = charge if charge > 0.0 else 0.0
            self.voltage_v = voltage_v if voltage_v > 0.0 else 0.0
            return
        lag_v = current_a * (self._lag_in_ohm if current_a < 0.0 else self._lag_out_ohm)
        self._lag_v = lag_v = lag_v + (self._lag_v - lag_v) * self._lag_decay
        side_a = self._side_a
        new_v = (-current_a - side_a) * self._over_ohm + over_v * self._over_decay
        if new_v < 0.0:
            new_v = 0.0
        elif new_v > self._over_max_v:
            new_v = self._over_max_v
        # What did not gas is charge, also while it is still in the capacitor: nothing gets lost.
        stored_a = -current_a - side_a
        charge = self._charge + stored_a * self._ampere_share
        if charge > 1.0:
            charge = 1.0
        self._charge = charge
        self.soc = charge if charge > 0.0 else 0.0
        self._over_v = new_v
        voltage_v = emf_v + new_v - lag_v - current_a * self.resistance_ohm
        self.voltage_v = voltage_v if voltage_v > 0.0 else 0.0
        self._heat_w -= voltage_v * current_a + emf_v * stored_a + self._vented_v * side_a

    def _refresh(self, dt_s: float, ambient_c: float) -> None:
        """Settle heat and slow values since the last refresh; prepare steps of dt_s."""
        elapsed_s = (self._steps - self._steps_left) * self._dt_s
        loss_w = (self.temperature_c - ambient_c) * self._heat_w_per_k
        heat_j = self._heat_w * self._dt_s - loss_w * elapsed_s
        self.temperature_c += heat_j * self._kelvin_per_j
        self._heat_w = 0.0
        self._charge = max(self._charge, -MOST_OVERDRAWN)
        drawn = self._old_charge - self._charge
        self._old_charge = self._charge
        self._refresh_values(elapsed_s, drawn)
        self._lag_v = min(self._lag_v, self._emf_v)  # else a collapse outlasts its cause
        if dt_s != self._dt_s:
            self._dt_s = dt_s
            self._steps = max(1, int(REFRESH_S / dt_s))
            self._lag_decay = math.exp(-dt_s / self._lag_s)
            self._ampere_share = dt_s / self._rated_as
        self._steps_left = self._steps
        self._over_decay = math.exp(-dt_s * self._take_s / self._over_f)
        self._over_ohm = (1.0 - self._over_decay) / self._take_s

    def _settle(self) -> None:
        """Read as a pack at rest; a chemistry calls it once, when its own values are set."""
        self._refresh_values(0.0, 0.0)
        self.voltage_v = self._emf_v
