"""Charge metrics: the figures that a charge boils down to, and its rows of the trace."""

from sim.charging import STEP_S, ChargeRun
from sim.metrics import Watch
from sim.plant.bms import cell_range_v
from sim.trace import Row
from vcu.charge import phases
from vcu.charge.backstops import WRONG_PACK
from vcu.charge.profiles import Profile
from vcu.faults import SYSTEM, TABLE, WORD_SHIFT
from vcu.preset import Preset

# One row of the trace; the cells are looked at as often.
ROW_S = 10.0

_NAMES = tuple(row[1] for row in TABLE[SYSTEM])
_FIRST = _NAMES.index("wrong_pack")
FAULT_NAMES = _NAMES[_FIRST : _FIRST + 12]  # in the order of Charge.bits
assert WRONG_PACK == 1  # the lowest of them

_HOUR_S = 3600.0
# What a loop of a charger may overshoot, in A, and by how much it counts as too much.
_SLACK_A = 1.0
_SLACK_SHARE = 0.1


def fault_rows(bits: int) -> tuple[int, ...]:
    """Return the row numbers (vcu.faults.row_of) of Charge.bits."""
    first = SYSTEM * WORD_SHIFT + _FIRST
    return tuple(first + i for i in range(len(FAULT_NAMES)) if bits >> i & 1)


class Watched:
    """The figures of one Watch of a charge: NAME_top_a, NAME_top_v and NAME_ah."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self._top_a = 0.0
        self._top_v = 0.0
        self._ah = 0.0

    def step(self, current_a: float, voltage_v: float) -> None:
        """Take in a second inside the watch."""
        self._top_a = max(self._top_a, current_a)
        self._top_v = max(self._top_v, voltage_v)
        self._ah += current_a * (STEP_S / _HOUR_S)

    def values(self) -> dict[str, float]:
        """Return the figures by name."""
        name = self.watch.name
        return {f"{name}_top_a": self._top_a, f"{name}_top_v": self._top_v, f"{name}_ah": self._ah}


class ChargeMetrics:
    """Watches every second of a run; read values() when it is over."""

    def __init__(self, run: ChargeRun, watches: tuple[Watch, ...] = ()) -> None:
        values = run.vehicle.values
        self._run = run
        self._watched = [Watched(watch) for watch in watches]
        self._cells = values["cell_count"]
        self._hard_v = Profile(Preset(values)).get("hard") / 1000.0
        self._mains_most_a = values["mains_max_da"] / 10.0
        self._missing_ah = (1.0 - run.battery.soc) * values["capacity_mah"] / 1000.0
        self._phase_s = [0.0] * len(phases.NAMES)
        self._full_s = -1.0
        self._fault_s = -1.0
        self._over_s = 0.0
        self._rows = 0
        self._was_on = False
        self.over_command_s = 0.0
        self.closings = 0
        self.seen_bits = 0
        self.top_c = run.battery.temperature_c
        self.top_v = self.top_cell_v = 0.0
        self.top_a = self.top_mains_a = 0.0
        self.frost_ah = 0.0
        self.mains_wh = 0.0
        self.highest_cell_v = 0.0

    def step(self) -> None:
        """Take in the second that has just run."""
        run = self._run
        charge = run.charge
        battery = run.battery
        charger = run.charger
        current_a = charger.current_a
        if run.has_power:
            self._phase_s[charge.phase] += STEP_S
            self.seen_bits |= charge.bits
            if self._fault_s < 0.0 and charge.bits:
                self._fault_s = run.time_s
            if self._full_s < 0.0 and charge.phase in (phases.FLOAT, phases.FULL):
                self._full_s = run.time_s
        is_on = run.has_power and charge.enable != 0
        self.closings += is_on and not self._was_on
        self._was_on = is_on
        self.top_c = max(self.top_c, battery.temperature_c)
        self.top_v = max(self.top_v, battery.voltage_v)
        self.top_a = max(self.top_a, current_a)
        self.top_mains_a = max(self.top_mains_a, charger.mains_a)
        if battery.temperature_c < 0.0:
            self.frost_ah += current_a * (STEP_S / _HOUR_S)
        self.mains_wh += charger.mains_a * charger.socket.volts * (STEP_S / _HOUR_S)
        self._judge_current(current_a, is_on)
        for watched in self._watched:
            if watched.watch.from_s < run.time_s <= watched.watch.to_s:
                watched.step(current_a, battery.voltage_v)
        if run.time_s >= self._rows * ROW_S:
            self._rows += 1
            self.highest_cell_v = cell_range_v(battery, self._cells)[1]
            self.top_cell_v = max(self.top_cell_v, self.highest_cell_v)

    def _judge_current(self, current_a: float, is_on: bool) -> None:
        """Note how long more flows than is commanded; with a relay that is all or nothing."""
        charge = self._run.charge
        rated_ma = charge.command.charger_ma if charge.is_relay else charge.command.set_ma
        allowed_a = rated_ma / 1000.0 if is_on else 0.0
        if current_a > allowed_a * (1.0 + _SLACK_SHARE) + _SLACK_A:
            self._over_s += STEP_S
            self.over_command_s = max(self.over_command_s, self._over_s)
        else:
            self._over_s = 0.0

    def values(self) -> dict[str, float]:
        """Return every figure by name."""
        run = self._run
        session = run.charge.session
        charged_ah = run.charged_ah
        missing_ah = self._missing_ah
        counted_ah = session.in_mah / 1000.0 if session.number == 1 else charged_ah
        figures = {
            "soc_pct": run.battery.soc * 100.0,
            "soc_error_pct": abs(run.energy.soc_permille / 10.0 - run.battery.soc * 100.0),
            "full": float(self._full_s >= 0.0),
            "hours": (self._full_s if self._full_s >= 0.0 else run.time_s) / _HOUR_S,
            "charge_ah": charged_ah,
            "ah_factor": charged_ah / missing_ah if missing_ah > 0.1 else 0.0,
            "count_error_pct": 100.0 * abs(counted_ah - charged_ah) / max(charged_ah, 1.0),
            "top_c": self.top_c,
            "top_v": self.top_v,
            "top_cell_v": self.top_cell_v,
            "cell_room_mv": (self._hard_v - self.top_cell_v) * 1000.0,
            "top_a": self.top_a,
            "mains_room_a": self._mains_most_a - self.top_mains_a,
            "mains_kwh": self.mains_wh / 1000.0,
            "over_command_s": self.over_command_s,
            "frost_ah": self.frost_ah,
            "relay_closings": float(self.closings),
            "sessions": float(session.number),
            "end_a": run.charger.current_a,
            "faultless_h": (self._fault_s if self._fault_s >= 0.0 else run.time_s) / _HOUR_S,
        }
        for phase, name in enumerate(phases.NAMES):
            figures[f"{name.lower()}_h"] = self._phase_s[phase] / _HOUR_S
        for i, name in enumerate(FAULT_NAMES):
            figures[name] = float(self.seen_bits >> i & 1)
        figures["charge_faults"] = float(self.seen_bits.bit_count())
        for watched in self._watched:
            figures |= watched.values()
        return figures

    def row(self) -> Row:
        """Return the row of sim.trace.COLUMNS for the run as it stands; a parked car."""
        run = self._run
        charge = run.charge
        battery = run.battery
        command = charge.command
        is_live = run.has_power
        mode = "OFF"
        if run.drawn_a > 0.0:
            mode = "DRIVE"
        elif run.plug and is_live:
            mode = "CHARGE"
        bits = charge.bits if is_live else 0
        return (
            run.time_s,
            mode,
            *(0.0, 0.0, 0.0, 0.0),  # speeds, pedal and torque
            battery.voltage_v,
            run.drawn_a - run.charger.current_a,
            battery.soc * 100.0,
            battery.temperature_c,
            "none",
            "+".join(name for i, name in enumerate(FAULT_NAMES) if bits >> i & 1),
            phases.NAMES[charge.phase] if mode == "CHARGE" else "",
            command.set_cv / 100.0 if charge.enable and is_live else 0.0,
            command.set_ma / 1000.0 if charge.enable and is_live else 0.0,
            0.0,
            run.energy.soc_permille / 10.0 if is_live else 0.0,
            run.ambient_c,
            run.ambient_c,
            *(0.0, 0.0, 0),  # grade, wanted speed, reasons
            run.charger.current_a,
            phases.CAUSE_NAMES[charge.cause] if mode == "CHARGE" else "",
            run.charged_ah,
            charge.session.in_mah / 1000.0,
            self.highest_cell_v,
            run.ambient_c,
        )
