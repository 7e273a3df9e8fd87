"""Charge rules: what every charge must hold at every step, judged from outside the firmware.

Judged are every second of every charge scenario (charge_watch.py), of random and of
scripted nights, and every tick of the whole loop (test_charge_invariants.py).
The numbers are those of the manufacturers (charging.md section 9), not the
profile table that the firmware runs, and times and charge are counted from the
charger's true current. ChargeRules holds, with the numbers of section 10:

I1 I2 I3 I4 I5 I6 I7 I8 I9 I10 I11 I12 I13 I14 I16 I17 I18 (voltage) I19 I22.

Held elsewhere: I6 for every pair of temperatures, I15 and I20 by
test_charge_invariants.py; I8, I9 and I10 over many power cuts by
test_charge_power_cuts.py; I18, the report of a shorted cell, and the
temperatures of I13 by scenario/test_backstops.py; I19, no correction of LFP by
voltage, by unit/test_energy.py; I22, a clock that wraps, by unit/test_charge_charge.py
for the milliseconds of the loop and by test_timing.py for the microseconds of the chip.
I21 speaks of a CAN charger, which there is none of.
"""

from sim.vehicle import Vehicle
from tests.property.charge_outer import OUTER, permitted_permille
from vcu.charge import backstops, phases
from vcu.charge import bms as bms_port
from vcu.charge import command as command_port
from vcu.charge.charge import Charge
from vcu.energy import Energy
from vcu.signals import Signals

ACTIVE = range(phases.PRECHARGE, phases.BALANCE + 1)
LOST_S = 60.0  # of progress that a power cut may lose
_FLAPS_MOST = 6
_HOUR_S = 3600.0


class Tally:
    """What truly happened in one session."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self.precharge_s = 0.0
        self.bulk_s = 0.0
        self.absorb_s = 0.0
        self.charge_mah = 0.0
        self.cuts = 0
        self.stops = 0
        self.equalized = False


class ChargeRules:
    """Call attach() at the start and after each reset, step() after every step of the plant.

    is_slow says that the firmware's round takes 0.8 s and not one step: then a
    ceiling may be late by a second. Every broken rule is an AssertionError.
    """

    def __init__(self, vehicle: Vehicle, kind: str, live_cells: int, is_slow: bool) -> None:
        values = vehicle.values
        self.outer = OUTER[kind]
        self.kind = kind
        self.time_s = 0.0
        self.stall_s = 0.0  # for how long the loop may stand still
        self._values = values
        self._cells = values["cell_count"]
        self._live_cells = live_cells
        self._capacity_mah = values["capacity_mah"]
        self._lag_s = 1.0 if is_slow else 0.0
        self._mains_mw = values["mains_v"] * values["mains_max_da"] * 90
        self.tally = Tally()
        self._number = 0
        self._before_cut: tuple[int, bool] | None = None
        self._full_since_s = 0.0
        self._down_s = 0.0
        self._lasting: dict[str, float] = {}
        self._is_cold = False
        self._is_over = False
        self._was_on = False
        self._rises: list[float] = []
        self._allowed_rises = 0
        self._full_soc = -1
        self._taken_mah = 0.0
        self._mean_ma = self._least_ma = 0.0
        self._hold_s = 0.0
        self._risen_at_s = 0.0
        self._was_known = False
        self._flows_ma = 0.0
        self._trim_cv = 0
        self._pack_v = self._older_v = 0.0

    def attach(self, charge: Charge, energy: Energy, sig: Signals) -> None:
        """Take the firmware's new objects; nothing may flow before they have looked (I2)."""
        self._charge = charge
        self._energy = energy
        self._sig = sig
        self._require("I2", not charge.enable and charge.command.set_ma == 0, "on at boot")
        self._remember(0.0)
        self.excuse()

    def cut(self, down_s: float) -> None:
        """Note that the controller had no power for down_s, and lost a minute of what it knew."""
        self.time_s += down_s
        self._down_s = down_s
        self.tally.cuts += 1
        self._lasting.clear()
        self._before_cut = (self._faults, self._full_soc >= 0)

    def excuse(self) -> None:
        """Note that a plug, a power cut or a person lets the charge begin once more (I14)."""
        self._allowed_rises += 1

    def clear(self) -> None:
        """Note that a person has cleared what was latched (I4)."""
        self._is_over = False
        self.excuse()

    def _require(self, rule: str, holds: bool, what: str) -> None:
        if not holds:
            charge = self._charge
            raise AssertionError(
                f"{rule} at {self.time_s:.2f} s in {phases.NAMES[charge.phase]}: {what}"
            )

    def _lasts(self, name: str, is_so: bool, dt_s: float) -> float:
        """Return for how long it has been so."""
        lasting_s = self._lasting.get(name, 0.0) + dt_s if is_so else 0.0
        self._lasting[name] = lasting_s
        return lasting_s

    def _remember(self, pack_v: float) -> None:
        charge = self._charge
        session = charge.session
        self._phase = charge.phase
        self._enable = charge.enable
        self._set_ma = charge.command.set_ma
        self._armed = session.equalize_armed
        self._soc = self._energy.soc_permille
        self._faults = session.faults
        self._full_phase_s = session.phase_s
        self._older_v, self._pack_v = self._pack_v, pack_v

    def step(
        self, dt_s: float, plug: bool, flows_a: float, taken_a: float, pack_v: float,
        bms_age_s: float = 0.0,
    ) -> None:  # fmt: skip
        """Judge the step that has just run: the charger's current, the car's, the terminals."""
        self.time_s += dt_s
        charge = self._charge
        self._taken_mah += taken_a * dt_s / 3.6
        self._judge_warmth(dt_s)
        self._judge_switch(dt_s, plug)
        self._judge_command(dt_s, pack_v)
        self._judge_bms(dt_s, bms_age_s)
        self._judge_charger(dt_s, flows_a, pack_v)
        self._judge_ramp(dt_s)
        self._judge_entry()
        self._judge_session()
        self._flows_ma = flows_a * 1000.0
        if charge.enable:
            self._count(dt_s, flows_a, pack_v)
            self._judge_runaway(dt_s, flows_a, pack_v)
        elif self._enable:
            self.tally.stops += 1
        self._remember(pack_v)

    def _offered(self) -> tuple[float, float] | None:
        """Return the coldest and the hottest in degC that the sensors say; None without any."""
        sig = self._sig
        charge = self._charge
        found = [sig.battery_ddegc / 10.0] if sig.battery_temp_valid else []
        data = charge.cell_data
        if charge.bms.kind == bms_port.CELLS and data.coldest_ddegc > -1000:
            found += [data.coldest_ddegc / 10.0, data.hottest_ddegc / 10.0]
        return (min(found), max(found)) if found else None

    def _judge_warmth(self, dt_s: float) -> None:
        """I3: a cold or unknown battery gets nothing until it is well above its limit."""
        charge = self._charge
        offered = self._offered()
        self._celsius = offered
        is_known = charge.warmth.is_known
        guessed_s = self._lasts("guessed", is_known and offered is None, dt_s)
        self._require("I3", guessed_s <= 1.5 * self._lag_s, "knows what no sensor says")
        if offered is not None and is_known:
            stop_c, again_c = self.outer.cold
            if offered[0] < stop_c:
                self._is_cold = True
            elif offered[0] >= again_c:
                self._is_cold = False
        forbidden = self._is_cold or (self.outer.is_lithium and not is_known)
        cold_s = self._lasts("cold", forbidden, dt_s)
        self._require("I3", cold_s <= 2.0 or charge.command.set_ma == 0, "current when cold")

    def _judge_switch(self, dt_s: float, plug: bool) -> None:
        """I2, I7 and I11: only an active phase has current, and only on the plug."""
        charge = self._charge
        phase = charge.phase
        if charge.enable:
            self._require("I2", phase in ACTIVE, "relay closed")
            off_s = self._lasts("unplugged", not plug, dt_s)
            self._require(
                "I11", off_s <= self._lag_s / 5.0 + self.stall_s, "relay closed without a plug"
            )
            self._require("I10", not charge.session.faults, "charges with a latched fault")
        else:
            idle = charge.command.set_ma == 0 and charge.command.set_cv == 0
            self._require("I2", idle, "commands with the relay open")
        if self.outer.is_lithium:
            self._require("I7", phase not in (phases.FLOAT, phases.EQUALIZE), "lithium")

    def _most_mv(self) -> float:
        """Return the highest set-point of a cell in this phase at what the sensors say."""
        outer = self.outer
        charge = self._charge
        known = charge.warmth.is_known and self._celsius is not None
        celsius = min(max(self._celsius[1], -10.0), 50.0) if known and self._celsius else 40.0
        shift = outer.compensation * (celsius - 25.0)
        if charge.phase == phases.EQUALIZE:
            return outer.equalize - shift
        absorb = min(outer.absorb, charge.profile.get("absorb"))
        return min(absorb - shift, outer.absorb_most)

    def _judge_command(self, dt_s: float, pack_v: float) -> None:
        """I1, I5, I6 and I7: what is commanded stays below every ceiling."""
        charge = self._charge
        command = charge.command
        values = self._values
        outer = self.outer
        most_cv = min(self._most_mv() * self._cells / 10.0, outer.hard * self._cells / 10.0)
        late_v = self._lasts("voltage", command.set_cv > most_cv + 1.0, dt_s)
        self._require("I5", late_v <= self._lag_s, f"{command.set_cv} above {most_cv}")
        share = 100.0
        if charge.warmth.is_known and self._celsius is not None:
            share = min(permitted_permille(outer, celsius) for celsius in self._celsius)
        ceiling_ma = min(
            self._capacity_mah * min(share, outer.current) / 1000.0,
            values["charge_max_da"] * 100.0,
            values["charger_max_da"] * 100.0,
            self._mains_mw / max(min(pack_v, self._pack_v, self._older_v), 15.0) * 1.02,
        )
        if charge.bms.kind == bms_port.CELLS:
            ceiling_ma = min(ceiling_ma, charge.cell_data.charge_limit_ma)
        ceiling_ma += self._capacity_mah * 0.0006  # the table is rounded
        late_a = self._lasts("current", command.set_ma > ceiling_ma + 1.0, dt_s)
        self._require("I1", late_a <= self._lag_s, f"{command.set_ma} mA above {ceiling_ma:.0f}")
        self._require("I1", command.set_ma >= 0 and command.set_cv >= 0, "below zero")
        volts = pack_v / self._live_cells
        mild = self._celsius is None or self._celsius[0] >= 15.0
        if not outer.is_lithium and mild and charge.phase != phases.EQUALIZE:
            above = self._lasts("good cell", volts > 2.60 and bool(charge.enable), dt_s)
            self._require("I18", above <= 10.0, f"{volts:.3f} V at a good cell")

    def _judge_bms(self, dt_s: float, age_s: float) -> None:
        """I4 and I12: a silent or refusing BMS and a high cell end the current."""
        charge = self._charge
        kind = charge.bms.kind
        refuses = False
        if kind == bms_port.CELLS:
            data = charge.cell_data
            over_s = self._lasts("cell", data.highest_mv >= self.outer.hard, dt_s)
            # What stops at the first high sample need not be stopped for good at the third.
            if over_s <= 2.0 * dt_s:
                self._was_on = self._enable != 0 and charge.enable != 0
            if over_s >= 3.0 and self._was_on and age_s == 0.0:
                self._is_over = True
            refuses = age_s > 8.0 or data.charge_permitted == 0
        elif kind == bms_port.CONTACTS:
            refuses = self._sig.bms_bits not in (1, 3)
        silent_s = self._lasts("bms", refuses, dt_s)
        self._require("I12", silent_s <= 2.0 or not charge.enable, "BMS silent or refusing")
        self._require("I4", not (self._is_over and charge.enable), "a cell was above its limit")

    def _judge_charger(self, dt_s: float, flows_a: float, pack_v: float) -> None:
        """I4 and I16: a charger that disobeys loses its relay; one that is welded is reported."""
        charge = self._charge
        command = charge.command
        on = charge.enable != 0 and self._enable != 0
        is_relay = command.kind == command_port.RELAY
        hard_s = self._lasts("hard", on and pack_v > self.outer.hard * self._cells / 995.0, dt_s)
        self._require("I4", hard_s <= 3.0, f"{pack_v:.2f} V")
        # One that gives more volts than it is told is told up to a percent less, and no more.
        trim_cv = command.limit_cv - command.set_cv if on and not is_relay else 0
        held_back_s = self._lasts("trim", not 0 <= trim_cv <= command.limit_cv // 100, dt_s)
        self._require("I16", held_back_s <= self._lag_s, f"{trim_cv} cV held back")
        set_v = (command.limit_cv if is_relay else command.set_cv + trim_cv) / 100.0
        set_a = (command.limit_ma if is_relay else command.set_ma) / 1000.0
        too_much_s = self._lasts("amps", on and flows_a > set_a * 1.11 + 1.1, dt_s)
        self._require("I16", too_much_s <= 8.0, f"{flows_a:.1f} A instead of {set_a:.1f}")
        over_v = 0.06 * self._cells if is_relay else 0.013 * set_v
        too_high_s = self._lasts("volts", on and flows_a > 0.7 and pack_v > set_v + over_v, dt_s)
        patience_s = 70.0 if is_relay else 8.0
        self._require("I16", too_high_s <= patience_s, f"{pack_v:.1f} V instead of {set_v:.1f}")
        welded_s = self._lasts("welded", flows_a > 0.8 and not on, dt_s)
        told = charge.bits & backstops.WELDED != 0
        self._require("I16", welded_s <= 6.0 or told, f"{flows_a:.1f} A with the relay open")

    def _judge_ramp(self, dt_s: float) -> None:
        """I14: more current comes late and slowly, and the relay does not flap."""
        charge = self._charge
        rise_ma = charge.command.set_ma - self._set_ma
        if rise_ma < 0 or not self._enable:
            self._hold_s = 0.0
        elif rise_ma > 0:
            self._require("I14", self._hold_s >= 28.0, f"more after {self._hold_s:.1f} s")
            # A stalled loop makes a round longer, and its step larger.
            since_s = min(self.time_s - self._risen_at_s + 0.6, 2.0) if self._lag_s else dt_s
            self._require("I14", rise_ma <= 5000.0 * since_s + 50.0, "a jump up")
            self._risen_at_s = self.time_s
        self._hold_s += dt_s
        if charge.enable and not self._enable:
            rises = self._rises
            if self._allowed_rises:
                self._allowed_rises = 0
            else:
                rises.append(self.time_s)
            while rises and rises[0] < self.time_s - _HOUR_S:
                rises.pop(0)
            self._require("I14", len(rises) <= _FLAPS_MOST, "the relay flaps")

    def _judge_entry(self) -> None:
        """I2, I5 and I17: an active phase begins in CHECK, on a pack that looks like this one."""
        charge = self._charge
        phase = charge.phase
        if phase == phases.EQUALIZE and self._phase != phases.EQUALIZE:
            warm = charge.warmth.is_known and charge.warmth.hottest_ddegc < 400
            resumed = self.tally.equalized
            self._require("I5", self.kind == "flooded", "equalises what must not be")
            self._require("I5", (self._armed == 1 and warm) or resumed, "not armed, or hot")
            self._require("I5", charge.session.equalize_armed == 0 or resumed, "armed twice")
            self.tally.equalized = True
        if phase not in ACTIVE or self._phase in ACTIVE:
            return
        self._require("I2", self._phase == phases.CHECK, f"from {phases.NAMES[self._phase]}")
        low, gentle, high, surface = self.outer.window
        if charge.session.in_mah > 0:
            high += surface
        cell_mv = self._pack_v * 1000.0 / self._cells
        self._require("I17", low - 5 <= cell_mv <= high + 5, f"{cell_mv:.0f} mV is no such pack")
        is_gentle = phase == phases.PRECHARGE or cell_mv > gentle - 5
        self._require("I17", is_gentle, f"full current into {cell_mv:.0f} mV")
        self._require("I17", not charge.bms.count_differs, "another number of cells")

    def _judge_session(self) -> None:
        """I8, I9, I10 and I19: no new session without a reason, none for a full pack."""
        charge = self._charge
        session = charge.session
        soc = self._energy.soc_permille
        self._require("I19", 0 <= soc <= 1000, f"{soc} permille")
        tail_ma = self._capacity_mah * 0.06 + 500.0
        verified = self._phase == phases.ABSORB and self._flows_ma < tail_ma
        verified = verified or self._soc == 1000
        self._require("I19", soc < 1000 or verified, "full without a proof")
        if self._before_cut is not None:
            self._judge_cut(*self._before_cut)
            self._before_cut = None
        if session.number != self._number:
            first = self._number == 0 or self._full_soc < 0
            driven = self._taken_mah > self._capacity_mah * 0.015
            self._require("I9", first or driven or self._has_come_down(), "a new session")
            self._number = session.number
            self.tally = Tally()
            self._full_soc = -1
            self._taken_mah = 0.0
        if session.is_full and self._full_soc < 0:
            self._full_soc = soc
            self._full_since_s = self.time_s
            self._taken_mah = 0.0
        again = charge.enable != 0 and charge.phase <= phases.ABSORB
        self._require("I10", not (session.is_full and again), "charges what is full")

    def _judge_cut(self, faults: int, was_full: bool) -> None:
        """I10: latches and FULL are still there; a session may have been too new to be kept."""
        session = self._charge.session
        self._require("I10", faults & ~session.faults == 0, "a latch is forgotten")
        if session.number != self._number:
            self._number = session.number
            self.tally = Tally()
        elif was_full and not session.is_full:
            new = self.time_s - self._full_since_s < 10.0 + self._down_s
            self._require("I10", new, "FULL is forgotten")
        if not session.is_full:
            self._full_soc = -1

    def _has_come_down(self) -> bool:
        """Return whether a full pack has a reason of its own to be charged again."""
        outer = self.outer
        session = self._charge.session
        if not outer.is_lithium and self._full_phase_s >= 604800:
            return True
        if session.target_permille:
            return self._soc < session.target_permille - 50
        fell = self._full_soc - self._soc >= 50
        return fell or self._pack_v * 1000.0 / self._cells < outer.restart + 10

    def _count(self, dt_s: float, flows_a: float, pack_v: float) -> None:
        """I8, I9 and I22: times and charge of a session, whatever the controller remembers."""
        charge = self._charge
        session = charge.session
        outer = self.outer
        tally = self.tally
        phase = charge.phase
        lost_s = LOST_S * tally.cuts + 6.0
        tally.total_s += dt_s
        tally.charge_mah += flows_a * dt_s / 3.6
        if phase == phases.BULK and flows_a > 0.6:
            tally.bulk_s += dt_s * self._warmth_share()
        elif phase == phases.PRECHARGE:
            tally.precharge_s += dt_s
        elif phase == phases.ABSORB and pack_v > charge.command.limit_cv / 100.0 * 0.985:
            tally.absorb_s += dt_s
        for what, true_s, most_s, known_s in (
            ("in all", tally.total_s, 86400.0, session.total_s),
            ("of bulk", tally.bulk_s, outer.bulk_s, session.bulk_s),
            ("of pre-charge", tally.precharge_s, outer.precharge_s, tally.precharge_s),
            ("of absorption", tally.absorb_s, outer.absorb_s, session.absorb_s),
        ):
            self._require("I8", true_s <= most_s + lost_s, f"{true_s:.0f} s {what}")
            self._require(
                "I9", known_s >= true_s - lost_s - 2.0 * tally.stops, f"{known_s} s known {what}"
            )
        blind = not charge.warmth.is_known and phase == phases.ABSORB
        too_long = tally.absorb_s > 7200.0 + lost_s
        blind_s = self._lasts("blind", blind and too_long, dt_s)
        self._require("I8", blind_s <= 910.0, "absorbs for long without a temperature")
        most_permille = outer.charge + (120 if tally.equalized else 0)
        unseen_mah = outer.current * self._capacity_mah / 1000.0 * lost_s / _HOUR_S
        most_mah = self._capacity_mah * most_permille / 1000.0 * 1.01 + unseen_mah
        self._require("I8", tally.charge_mah <= most_mah, f"{tally.charge_mah:.0f} mAh")
        off_mah = tally.charge_mah - session.in_mah
        # 1 %, thrice the deviation of the zero from 600 samples, and a second at each stop.
        apart_mah = 50.0 + tally.charge_mah * 0.01 + tally.total_s * 70.0 / _HOUR_S
        apart_mah += tally.stops * flows_a / 3.6
        self._require("I22", -apart_mah <= off_mah <= apart_mah + unseen_mah, f"{off_mah:.0f} mAh")

    def _warmth_share(self) -> float:
        """Return what of the chemistry's current heat or cold leaves; an hour of half is half.

        A relay leaves all or nothing. A tenth less, for what the integers round.
        """
        charge = self._charge
        if charge.command.kind == command_port.RELAY or not charge.warmth.is_known:
            return 1.0
        share = 1000.0
        for celsius in self._celsius or ():
            share = min(share, permitted_permille(self.outer, celsius))
        return min(share * 0.9 / self.outer.current, 1.0)

    def _judge_runaway(self, dt_s: float, flows_a: float, pack_v: float) -> None:
        """I13: at constant voltage a current that rises for ten minutes ends the charge."""
        charge = self._charge
        command = charge.command
        set_v = command.set_cv / 100.0
        off_v = min(abs(pack_v - set_v), abs(pack_v - command.limit_cv / 100.0))
        steady = charge.phase == self._phase and charge.phase >= phases.ABSORB
        known = charge.warmth.is_known
        settled_s = self._lasts("settled", known == self._was_known, dt_s)
        self._was_known = known
        fed_s = self._lasts("fed", flows_a > 0.8, dt_s)  # the mains are on
        # Told less at once, a charger that gave too many volts dips: that is no least.
        trim_cv = command.limit_cv - command.set_cv
        jumps = trim_cv - self._trim_cv > command.limit_cv // 1000
        self._trim_cv = trim_cv
        even_s = self._lasts("even", not jumps, dt_s)
        steady = steady and settled_s >= 150.0 and fed_s >= 60.0 and even_s >= 150.0
        if not steady or not self._enable or off_v > 0.009 * set_v:
            self._least_ma = 0.0
            self._mean_ma = flows_a * 1000.0
            self._lasting["rises"] = 0.0
            return
        self._mean_ma += (flows_a * 1000.0 - self._mean_ma) * min(dt_s / 30.0, 1.0)
        if self._least_ma == 0.0 or self._mean_ma < self._least_ma:
            self._least_ma = self._mean_ma
        risen_ma = self._mean_ma - self._least_ma
        rises = risen_ma > 0.32 * self._least_ma and risen_ma > 0.022 * self._capacity_mah
        rising_s = self._lasts("rises", rises, dt_s)
        self._require("I13", rising_s <= 700.0, f"{risen_ma:.0f} mA more than before")
