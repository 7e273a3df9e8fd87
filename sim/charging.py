"""Charging at a second a step: the firmware's charge, a pack and a charger, no 10 ms loop.

A night of twenty hours takes a few seconds. The charge step is the very one of
the loop; what the loop adds around it (mode, plug, output gate) is here the plug
alone. Tests compare this with the whole loop around every change of phase.
"""

import random
from collections.abc import Callable
from typing import Protocol

from sim import fittings
from sim.plant.battery import Battery
from sim.plant.bms import CellBms, ContactBms
from sim.plant.charger import Socket
from sim.vehicle import Vehicle
from vcu.charge.charge import Charge
from vcu.charge.session import FIELDS
from vcu.energy import Energy
from vcu.pack import Pack
from vcu.preset import Preset
from vcu.sense import Scaling
from vcu.signals import UNKNOWN_DDEGC, Raw, Signals

STEP_S = 1.0
STEP_MS = 1000
_PIECES = 10  # of a round of the charge, and of the counting of charge
_PIECE_MS = 100
_NOISE = 4096


class Charger(fittings.Charger, Protocol):
    """A charger in its socket: step() sets current_a, and what that takes from the mains."""

    mains_a: float
    socket: Socket


class ChargeRun:
    """One car at one socket. Its attributes may be changed between steps.

    plug is what the controller sees of the plug; ambient_c the air; has_power
    whether the controller lives; drawn_a what the car takes while it is driven,
    with the contactor closed. temperature_lost: the battery's sensor is open.
    bms, when set, is called with the run once a second and fills
    charge.cell_data or sig.bms_bits; fit() sets it to a BMS of sim/plant/bms.py.
    """

    def __init__(
        self,
        vehicle: Vehicle,
        scaling: Scaling,
        battery: Battery,
        charger: Charger,
        *,
        ambient_c: float = 25.0,
        seed: int = 1,
        soc_known: float | None = None,
    ) -> None:
        rnd = random.Random(seed)
        self.vehicle = vehicle
        self.battery = battery
        self.charger = charger
        self.ambient_c = ambient_c
        self.plug = True
        self.has_power = True
        self.drawn_a = 0.0
        self.temperature_lost = False
        self.bms: Callable[[ChargeRun], None] | None = None
        self.time_s = 0.0
        self.charged_ah = 0.0
        self._scaling = scaling
        self._params = Preset(vehicle.values)
        self._mv_per_v = 1e5 / scaling.pack_cv_per_1000_counts
        self._mv_per_a = 1e4 / scaling.pack_da_per_1000_counts
        self._zero_mv = vehicle.values["pack_a_zero_counts"] + rnd.uniform(-1.5, 1.5)
        self._volt_noise = [rnd.gauss(0.5, 1.0) for _ in range(_NOISE)]
        self._amp_noise = [rnd.gauss(0.5, 2.0) for _ in range(_NOISE)]
        self._noise = 0
        self._start()
        known = battery.soc if soc_known is None else soc_known
        capacity = vehicle.values["capacity_mah"]
        self.energy.restore(round(known * capacity), 50, 1)
        self.energy.update_charge(self.sig)

    def _start(self) -> None:
        self.raw = Raw()
        self.sig = Signals()
        self.sig.slow_seen = 1  # the loop has read every slow channel before it charges
        self.energy = Energy(self._params)
        self.charge = Charge(self._scaling, self._params, self.energy, self.sig)
        self._pack = Pack(self._params)

    def fit(self, bms: ContactBms | CellBms) -> None:
        """Fit a BMS: it looks at the cells, and the controller at what it says."""

        def look(run: ChargeRun) -> None:
            bms.step(run.battery, run.drawn_a - run.charger.current_a, STEP_S)
            run.sig.bms_bits = bms.bits
            bms.fill(run.charge.cell_data)

        self.bms = look

    def cut_power(self) -> None:
        """Reset the controller as a power cut does: only session and energy counters are kept."""
        old = self.charge.session
        kept = [getattr(old, name) for name in FIELDS]
        left, unsure = self.energy.left_mah, self.energy.soc_uncertainty_permille
        self._start()
        for name, value in zip(FIELDS, kept, strict=True):
            setattr(self.charge.session, name, value)
        self.energy.restore(left, unsure, 1)

    def step(self) -> None:
        """Run one second."""
        if self.has_power:
            self._control()
        self._advance()

    def _control(self) -> None:
        """Let the controller measure, count and decide."""
        charge = self.charge
        sig = self.sig
        amps = self.drawn_a - self.charger.current_a
        volts = self.battery.voltage_v
        sig.pack_cv = int(volts * 100.0)
        sig.pack_da = int(amps * 10.0)
        sig.pack_valid = 1
        if self.temperature_lost:
            sig.battery_temp_valid = 0
            sig.battery_ddegc = UNKNOWN_DDEGC
        else:
            sig.battery_temp_valid = 1
            sig.battery_ddegc = int(self.battery.temperature_c * 10.0)
        if self.bms is not None:
            self.bms(self)
        self._pack.step(sig)
        for _ in range(_PIECES):
            self.energy.step(sig, 0, _PIECE_MS)
        self.energy.update_charge(sig)
        charge.allowed = self.plug and self.drawn_a == 0.0
        if self.drawn_a > 0.0:
            charge.watch(STEP_MS)
            return
        raw = self.raw
        raw.plug_in = 1 if self.plug else 0
        volts_mv = volts * self._mv_per_v
        amps_mv = self._zero_mv + amps * self._mv_per_a
        noise = self._noise
        for _ in range(_PIECES):
            noise = (noise + 1) & (_NOISE - 1)
            raw.pack_v_counts = int(volts_mv + self._volt_noise[noise])
            raw.pack_a_counts = int(amps_mv + self._amp_noise[noise])
            charge.step(raw, _PIECE_MS)
        self._noise = noise

    def _advance(self) -> None:
        """Let charger and pack follow; a relay without a controller is open."""
        command_ = self.charge.command
        self.charger.step(
            self.battery.voltage_v,
            self.has_power and self.charge.enable != 0,
            command_.set_cv / 100.0,
            command_.set_ma / 1000.0,
            STEP_S,
        )
        current_a = self.charger.current_a
        self.battery.step(self.drawn_a - current_a, STEP_S, self.ambient_c)
        self.charged_ah += current_a * (STEP_S / 3600.0)
        self.time_s += STEP_S

    def run(self, seconds: float) -> None:
        """Step until seconds more have passed."""
        for _ in range(round(seconds / STEP_S)):
            self.step()
