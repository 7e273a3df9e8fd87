"""Decides what a battery management system says of its pack: by two contacts, or with cell data.

It opens a contact at a cell's hard voltage and closes it again well inside. What
it costs to be wrong is for the controller to show: each kind has its failures as
attributes that a scenario sets.
"""

from dataclasses import dataclass

from sim.plant.battery import Battery
from vcu.charge.bms import CellData

# On the one wire of the contacts (boards/*/README): 10 k to 3.3 V, 15 k to ground by the charge
# contact, 6.8 k by the discharge contact.
NOTHING_MV = 3300
CHARGE_MV = 1980
DISCHARGE_MV = 1336
BOTH_MV = 1052
SHORTED_MV = 0
_MV_BY_BITS = (NOTHING_MV, CHARGE_MV, DISCHARGE_MV, BOTH_MV)

_LOOK_S = 1.0  # how often it measures its cells, and tells them
_ROUNDING_S = 1e-6


@dataclass(frozen=True)
class CellLimits:
    """At what voltage of a cell a contact opens, and at what it closes again, in V."""

    high_v: float
    high_again_v: float
    low_v: float
    low_again_v: float


# LFP as a JK BMS is set (OVP 3.65 V, OVPR 3.55 V); NMC as ATL's protection.
CELL_LIMITS = {
    "lfp": CellLimits(3.65, 3.55, 2.50, 2.90),
    "nmc": CellLimits(4.25, 4.10, 2.80, 3.20),
}


def cell_range_v(battery: Battery, cells: int) -> tuple[float, float]:
    """Return the lowest and highest cell in V; of a pack that does not tell, the mean."""
    mean_v = battery.voltage_v / cells
    return getattr(battery, "cell_min_v", mean_v), getattr(battery, "cell_max_v", mean_v)


class _Contacts:
    """The two permissions, with the hysteresis of the limits; both given until it has looked."""

    def __init__(self, kind: str, cells: int) -> None:
        self.cells = cells
        self.low_v = self.high_v = 0.0
        self.may_charge = True
        self.may_discharge = True
        self._limits = CELL_LIMITS[kind]
        self._age_s = _LOOK_S  # it looks at once

    def step(self, battery: Battery, dt_s: float) -> bool:
        """Measure, once a second; return whether it has."""
        self._age_s += dt_s
        if self._age_s < _LOOK_S - _ROUNDING_S:
            return False
        self._age_s = 0.0
        limits = self._limits
        self.low_v, self.high_v = cell_range_v(battery, self.cells)
        if self.high_v >= limits.high_v:
            self.may_charge = False
        elif self.high_v < limits.high_again_v:
            self.may_charge = True
        if self.low_v <= limits.low_v:
            self.may_discharge = False
        elif self.low_v > limits.low_again_v:
            self.may_discharge = True
        return True


class ContactBms:
    """A BMS that says no more than two contacts can.

    bits is what the controller makes of their wire: 1 for charge and 2 for
    discharge permitted, -1 for a short; contacts_mv the voltage at its pin.
    is_stuck: the relays no longer move. is_open, is_shorted: the wire.
    """

    def __init__(self, kind: str, cells: int) -> None:
        self.is_stuck = False
        self.is_open = False
        self.is_shorted = False
        self._contacts = _Contacts(kind, cells)
        self.bits = 3
        self.contacts_mv = BOTH_MV

    def step(self, battery: Battery, current_a: float, dt_s: float) -> None:
        """Look at the cells once a second; the wire tells at once."""
        contacts = self._contacts
        if not self.is_stuck:
            contacts.step(battery, dt_s)
        bits = contacts.may_charge + 2 * contacts.may_discharge
        self.bits = 0 if self.is_open else bits
        self.contacts_mv = _MV_BY_BITS[self.bits]
        if self.is_shorted:
            self.bits = -1
            self.contacts_mv = SHORTED_MV

    def fill(self, data: CellData) -> None:
        """Say nothing: it has no serial port."""


class CellBms:
    """A BMS that tells its cells once a second, and with them what it permits.

    is_silent: nothing comes any more. is_stuck: it repeats what it said last. Its
    contacts are not wired.
    """

    def __init__(self, kind: str, cells: int, charge_limit_a: float = 100.0) -> None:
        self.bits = 0
        self.contacts_mv = NOTHING_MV
        self.is_silent = False
        self.is_stuck = False
        self._contacts = _Contacts(kind, cells)
        self._limit_ma = round(charge_limit_a * 1000.0)
        self._temperature_ddegc = 0
        self._news = False

    def step(self, battery: Battery, current_a: float, dt_s: float) -> None:
        """Look at the cells once a second."""
        if self.is_stuck:
            self._news = True
        elif self._contacts.step(battery, dt_s):
            self._temperature_ddegc = round(battery.temperature_c * 10.0)
            self._news = True

    def fill(self, data: CellData) -> None:
        """Fill the frame that the controller's port decodes, if there is one."""
        if self.is_silent or not self._news:
            return
        self._news = False
        contacts = self._contacts
        data.cells = contacts.cells
        data.lowest_mv = round(contacts.low_v * 1000.0)
        data.highest_mv = round(contacts.high_v * 1000.0)
        data.coldest_ddegc = data.hottest_ddegc = self._temperature_ddegc
        data.charge_permitted = int(contacts.may_charge)
        data.discharge_permitted = int(contacts.may_discharge)
        data.charge_limit_ma = self._limit_ma if contacts.may_charge else 0
        data.fresh = True


def make_bms(bms_kind: int, kind: str, cells: int) -> ContactBms | CellBms | None:
    """Return what the parameter bms_kind says is fitted to a pack of kind; None for none."""
    if bms_kind == 0 or kind not in CELL_LIMITS:
        return None
    return ContactBms(kind, cells) if bms_kind == 1 else CellBms(kind, cells)
