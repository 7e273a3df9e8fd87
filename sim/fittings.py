"""Fittings: the charger and the BMS that a vehicle comes with, by its parameters."""

from typing import Protocol

from sim.plant.battery import Battery
from sim.plant.bms import make_bms
from sim.plant.charger import RelayCharger, SetpointCharger
from vcu import chemistry
from vcu.charge.bms import CellData
from vcu.charge.command import RELAY, SETPOINT
from vcu.charge.profiles import Profile
from vcu.preset import Preset


class Charger(Protocol):
    """What charges the pack: step() sets current_a, positive into the pack."""

    current_a: float
    welded: bool  # its relay stays closed

    def step(self, pack_v: float, enabled: bool, set_v: float, set_a: float, dt_s: float) -> None:
        """Advance by dt_s with the controller's relay and set-points."""
        ...


class Bms(Protocol):
    """What watches the cells."""

    @property
    def contacts_mv(self) -> int:
        """What its two contacts make of their wire, at the controller's pin."""
        ...

    def step(self, battery: Battery, current_a: float, dt_s: float) -> None:
        """Look at the cells; positive current discharges."""
        ...

    def fill(self, data: CellData) -> None:
        """Hand over what its serial port has brought since the last call."""
        ...


class NoCharger:
    """A car that is charged elsewhere."""

    current_a = 0.0
    welded = False

    def step(self, pack_v: float, enabled: bool, set_v: float, set_a: float, dt_s: float) -> None:
        """Give nothing."""


def fitted_charger(values: dict[str, int]) -> Charger:
    """Return the charger of the vehicle, in its socket.

    A plain one follows the profile's voltages at 25 degC, without compensation.
    """
    current_a = values["charger_max_da"] / 10.0
    if values["charger_kind"] == SETPOINT:
        return SetpointCharger(current_a, values["charger_full_cv"] / 100.0)
    if values["charger_kind"] == RELAY:
        profile = Profile(Preset(values))
        return RelayCharger(
            current_a,
            profile.cv("absorb") / 100.0,
            profile.cv("float") / 100.0,
            profile.ma("tail") / 1000.0,
        )
    return NoCharger()


def fitted_bms(values: dict[str, int]) -> Bms | None:
    """Return the BMS of the vehicle, or None where none is fitted."""
    kind = chemistry.NAMES[values["chemistry"]]
    return make_bms(values["bms_kind"], kind, values["cell_count"])
