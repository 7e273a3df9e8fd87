"""Charge cases: a pack, a charger and a night in which things happen, for the rules of a charge.

A power cut takes what the keeper would have lost: latches are kept at once, a
change within ten seconds, everything else once a minute.
"""

import random
from dataclasses import dataclass

from sim.charging import ChargeRun
from sim.controller import board_scaling, load_board
from sim.plant.charger import RelayCharger, SetpointCharger, Socket
from sim.plant.lead_acid import LEAD_KINDS, LeadAcid
from sim.plant.lithium import Lithium
from sim.vehicle import load_vehicle
from tests.property.charge_rules import ChargeRules
from vcu import chemistry
from vcu.charge import bms as bms_port
from vcu.charge import command
from vcu.charge.charge import Charge
from vcu.charge.session import FIELDS
from vcu.signals import Raw

SCALING = board_scaling(load_board("esp32_s3"))
VEHICLE = load_vehicle("four_wheel_60v_agm")
KINDS = ("flooded", "agm", "gel", "lfp", "nmc")
_CHANGE_S = 10.0
_KEEP_S = 60.0
_HARD_V = {"lfp": 3.65, "nmc": 4.25}
_CURVE_V = {"flooded": (2.45, 2.25), "agm": (2.42, 2.27), "gel": (2.35, 2.27),
            "lfp": (3.50, 3.35), "nmc": (4.12, 4.00)}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A pack and what charges it; cells is 24, 30 or 36 for lead, fewer for lithium."""

    kind: str = "agm"
    blocks: int = 1  # 0, 1, 2: a 48, 60 or 72 V pack
    ah: float = 100.0
    soc: float = 0.7
    soc_error: float = 0.0
    ambient_c: float = 25.0
    c_rate: float = 0.15
    relay: bool = False
    cell_bms: bool = True
    mains_da: int = 100
    aged: float = 1.0  # charge resistance and gassing
    gain: float = 1.0  # of what the charger takes for a volt
    dead_cells: int = 0
    other_cells: int = 0  # that the pack has more than the vehicle is told
    imbalance: float = 0.0
    seed: int = 1

    @property
    def is_lithium(self) -> bool:
        return self.kind not in LEAD_KINDS

    @property
    def cells(self) -> int:
        lithium = (16, 20, 24) if self.kind == "lfp" else (13, 17, 20)
        return (lithium if self.is_lithium else (24, 30, 36))[self.blocks]


class SpoiltCharge(Charge):
    """A charge some of whose samples are replaced on their way from the converter.

    spoil is (samples until then, channel, counts); channel 0 is voltage, 1 current.
    """

    spoil: tuple[int, int, int] | None = None

    def step(self, raw: Raw, passed_ms: int) -> None:
        if self.spoil is not None:
            left, channel, counts = self.spoil
            if left > 0:
                self.spoil = (left - 1, channel, counts)
            else:
                self.spoil = None
                if channel == 0:
                    raw.pack_v_counts = counts
                else:
                    raw.pack_a_counts = counts
        super().step(raw, passed_ms)


class BmsModel:
    """What a BMS says of the pack: contacts or cell data, and how it fails."""

    def __init__(self, kind: int, hard_v: float) -> None:
        self.kind = kind
        self.silent = False
        self.refuses = False
        self.count_off = 0
        self.limit_a = 400.0
        self.cold_c = 0.0  # how much colder its coldest cell is
        self.high_mv = 0
        self.zero_frame = False
        self.age_s = 0.0
        self._hard_v = hard_v

    def step(self, run: "Run") -> None:
        battery = run.battery
        assert isinstance(battery, Lithium)
        permitted = not self.refuses and battery.cell_max_v < self._hard_v - 0.01
        if self.kind == bms_port.CONTACTS:
            run.sig.bms_bits = -1 if self.silent else 2 + permitted
            return
        if self.silent:
            self.age_s += 1.0
            return
        self.age_s = 0.0
        data = run.charge.cell_data
        data.cells = run.vehicle.values["cell_count"] + self.count_off
        data.highest_mv = round(battery.cell_max_v * 1000.0) + self.high_mv
        data.lowest_mv = round(battery.cell_min_v * 1000.0)
        data.hottest_ddegc = run.celsius_ddegc()
        data.coldest_ddegc = data.hottest_ddegc - round(self.cold_c * 10.0)
        data.charge_permitted = int(permitted)
        data.discharge_permitted = 1
        data.charge_limit_ma = round(self.limit_a * 1000.0)
        if self.zero_frame:
            data.highest_mv = data.lowest_mv = 0
        data.fresh = True


class Run(ChargeRun):
    """A ChargeRun under the rules, with a keeper that forgets and events that happen to it."""

    charge: SpoiltCharge

    def __init__(self, case: Case) -> None:
        cells = case.cells
        amps = min(max(case.c_rate * case.ah, 1.0), 60.0)
        self.case = case
        self.model = BmsModel(_bms_kind(case), _HARD_V.get(case.kind, 0.0))
        self.temperature_offset_c = 0.0
        self.rules: ChargeRules | None = None
        socket = Socket()
        absorb_v, float_v = _CURVE_V[case.kind]
        if case.relay:
            charger = RelayCharger(amps, absorb_v * cells, float_v * cells, 0.02 * case.ah, socket)
        else:
            charger = SetpointCharger(amps, 1.15 * absorb_v * cells, socket, gain=case.gain)
        vehicle = VEHICLE.with_values(
            {
                "chemistry": chemistry.NAMES.index(case.kind),
                "cell_count": cells,
                "capacity_mah": round(case.ah * 1000),
                "charger_kind": command.RELAY if case.relay else command.SETPOINT,
                "charger_max_da": round(amps * 10),
                "charge_max_da": 600,
                "mains_max_da": case.mains_da,
                "bms_kind": self.model.kind,
            }
        )
        known = min(max(case.soc + case.soc_error, 0.0), 0.98)
        super().__init__(
            vehicle, SCALING, _battery(case), charger,
            ambient_c=case.ambient_c, seed=case.seed, soc_known=known,
        )  # fmt: skip
        self.bms = Run._sense
        live = cells + case.other_cells - case.dead_cells
        self.rules = ChargeRules(vehicle, case.kind, live, False)
        self.rules.attach(self.charge, self.energy, self.sig)
        self._kept_s = 0.0
        self._keep()

    def _start(self) -> None:
        super()._start()
        self.charge = SpoiltCharge(self._scaling, self._params, self.energy, self.sig)

    def celsius_ddegc(self) -> int:
        return round((self.battery.temperature_c + self.temperature_offset_c) * 10.0)

    def _sense(self) -> None:
        if not self.temperature_lost:
            self.sig.battery_ddegc = self.celsius_ddegc()
        if self.model.kind != bms_port.NONE:
            self.model.step(self)

    def _keep(self) -> None:
        session = self.charge.session
        self.kept = [getattr(session, name) for name in FIELDS]
        self._kept_energy = (self.energy.left_mah, self.energy.soc_uncertainty_permille)
        self._changes = session.changes
        self._latches = session.latches
        self._kept_s = self.time_s

    def step(self) -> None:
        super().step()
        rules = self.rules
        if rules is None or not self.has_power:
            return
        session = self.charge.session
        age_s = self.time_s - self._kept_s
        if (
            session.latches != self._latches
            or (session.changes != self._changes and age_s >= _CHANGE_S)
            or (age_s >= _KEEP_S and self.charge.enable)
        ):
            self._keep()
        rules.step(
            1.0, self.plug, self.charger.current_a, self.drawn_a, self.battery.voltage_v,
            self.model.age_s,
        )  # fmt: skip

    def cut_power(self, down_s: int = 0) -> None:
        """Cut mains and supply for a while; the controller comes back with what was kept."""
        assert self.rules is not None
        socket = self.charger.socket
        self.has_power = socket.mains = False
        self.run(down_s + 1)
        self.has_power = socket.mains = True
        self.rules.cut(down_s + 1.0)
        self._start()
        for name, value in zip(FIELDS, self.kept, strict=True):
            setattr(self.charge.session, name, value)
        zero_q4 = self.charge.session.zero_q4
        if zero_q4:
            self.charge.meter.zero_q4 = zero_q4
        self.energy.restore(*self._kept_energy, 1)
        self.sig.pack_valid = 1
        self.energy.update_charge(self.sig)
        self.rules.attach(self.charge, self.energy, self.sig)
        self._keep()

    def drive(self, share: float) -> None:
        """Unplug, draw a share of the capacity at 0.3 C, and plug in again."""
        self.plug = False
        self.run(5)
        self.drawn_a = 0.3 * self.case.ah
        self.run(share / 0.3 * 3600.0)
        self.drawn_a = 0.0
        self.plug = True
        assert self.rules is not None
        self.rules.excuse()


def _bms_kind(case: Case) -> int:
    if not case.is_lithium:
        return bms_port.NONE
    return bms_port.CELLS if case.cell_bms else bms_port.CONTACTS


def _battery(case: Case) -> LeadAcid | Lithium:
    cells = case.cells + case.other_cells
    if case.is_lithium:
        return Lithium(
            case.kind, cells, case.ah, case.soc, case.ambient_c, imbalance=case.imbalance
        )
    return LeadAcid(
        case.kind, cells, case.ah, case.soc, case.ambient_c,
        charge_factor=case.aged, gas_factor=case.aged, dead_cells=case.dead_cells,
    )  # fmt: skip


def happen(run: Run, event: str, number: int, rnd: random.Random) -> None:
    """Let one thing happen to a run, with as much of it as number (0 to 9) says."""
    rules = run.rules
    assert rules is not None
    seconds = (2, 8, 20, 45, 90, 200, 400, 800, 1500, 3000)[number]
    charger = run.charger
    model = run.model
    charge = run.charge
    if event == "mains":
        charger.socket.mains = False
        run.run(seconds)
        charger.socket.mains = True
    elif event == "cut":
        run.cut_power(seconds)
    elif event == "flicker":
        for _ in range(number + 2):
            run.cut_power(1)
            run.run(rnd.randint(1, 90))
    elif event == "plug":
        for _ in range(1 + number % 3):
            run.plug = False
            run.run(rnd.randint(1, seconds))
            run.plug = True
            rules.excuse()
            run.run(rnd.randint(1, 60))
    elif event == "drive":
        run.drive(0.005 + 0.02 * number)
    elif event == "temperature_lost":
        run.temperature_lost = True
        run.run(seconds)
        run.temperature_lost = False
    elif event == "temperature_jumps":
        run.temperature_offset_c = (-40.0, -25.0, -8.0, 8.0, 25.0, 40.0)[number % 6]
        run.run(rnd.randint(1, seconds))
        run.temperature_offset_c = 0.0
    elif event == "weather":
        run.ambient_c = -15.0 + 6.0 * number
    elif event == "samples":
        for _ in range(number):
            charge = run.charge
            charge.spoil = (rnd.randint(0, 20), rnd.randint(0, 1), rnd.choice((-1, 0, 3100, 4095)))
            run.run(rnd.randint(3, 30))
    elif event == "bms_silent":
        model.silent = True
        run.run(seconds)
        model.silent = False
    elif event == "bms_refuses":
        model.refuses = True
        run.run(seconds)
        model.refuses = False
    elif event == "bms_limit":
        model.limit_a = 3.0 * number
        run.run(300)
        model.limit_a = 400.0
    elif event == "cell_cold":
        model.cold_c = 4.0 * number
    elif event == "cell_high":
        model.high_mv = 60 * number
        run.run(rnd.randint(1, 30))
        model.high_mv = 0
    elif event == "other_cells":
        model.count_off = 1
        run.run(seconds)
        model.count_off = 0
    elif event == "clear":
        charge.clear()
        rules.clear()
    elif event == "welded":
        charger.welded = True
        run.run(seconds)
        charger.welded = False
    elif event == "deaf" and isinstance(charger, SetpointCharger):
        charger.deaf = True
        run.run(seconds)
        charger.deaf = False
    elif event == "gasses" and isinstance(run.battery, LeadAcid):
        run.battery._gas_s *= 1.0 + number  # ageing at once: a pack has no such knob
    elif event == "arm":
        charge.session.equalize_armed = 1
        charge.session.latch()
    elif event == "target":
        target = 100 * number
        charge.session.target_permille = target and max(target, charge.profile.get("target_least"))
        charge.session.latch()


EVENTS = (
    "mains", "cut", "flicker", "plug", "drive", "temperature_lost", "temperature_jumps",
    "weather", "samples", "bms_silent", "bms_refuses", "bms_limit", "cell_cold", "cell_high",
    "other_cells", "clear", "welded", "deaf", "arm", "target",
)  # fmt: skip
