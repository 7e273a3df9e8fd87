"""The loop: one 10 ms tick of the whole controller, each step a module next door."""

from micropython import const

from vcu import contactor, modes
from vcu.energy import Energy
from vcu.governor import Governor
from vcu.limits import NONE, Allowances, Chain, Slew
from vcu.modes import DRIVE, Conditions, Modes
from vcu.output import Output
from vcu.pack import Pack
from vcu.params import Params
from vcu.request import NEUTRAL, REVERSE, Request
from vcu.response import TorqueResponse
from vcu.sense import Scaling, Sense
from vcu.signals import Outputs, Raw, Signals
from vcu.speed import SpeedObserver

# Nothing has turned the wheel for this long: standing still.
_PARKED_MS = const(2000)
# A longer tick is counted as this: the torque ramp must not jump after a stall.
_DT_MAX_MS = const(40)
_CLOCK_MASK = const(0xFFFFFF)
# More pulses than a wheel can make between two counts, after a stall of 500 ms too.
_MAX_PULSES = const(1000)


class Loop:
    """Owns the parts; the hal fills raw, step() runs, the hal drives out."""

    def __init__(self, scaling: Scaling, params: Params) -> None:
        self.raw = Raw()
        self.sig = Signals()
        self.out = Outputs()
        self.modes = Modes()
        self.service_wanted = False
        self.torque_permille = 0  # commanded, positive accelerating in the engaged direction
        self.sense = Sense(scaling, params)
        self.observer = SpeedObserver(params)
        self.response = TorqueResponse(params)
        self.pack = Pack(params)
        self.energy = Energy(params)
        self.contactor = contactor.Contactor(params)
        self.request = Request(params)
        self.allowances = Allowances(params, self.observer)
        self.governor = Governor(params, self.observer, self.response)
        self.slew = Slew(params)
        allowances = self.allowances
        self.chain = Chain(
            (
                allowances.derating,
                self.slew,
                self.governor,
                allowances.regen,
            )
        )
        self.output = Output(params)
        self._reverse_torque_permille = params.get("reverse_torque_permille")
        self._conditions = Conditions()
        self._conditions.parameters_ok = not params.broken_rules()
        self._facts = -1  # what the mode was last chosen from
        self._wants_contactor = False
        self._powered = False
        self._slot = 0
        # A bound method costs half of a call through its object.
        self._sense = self.sense.step
        self._observe = self.observer.step
        self._request = self.request.step
        self._govern = self.governor.step
        self._run_chain = self.chain.limit
        self._write = self.output.step
        self._tick_ms = 0
        self._clock_ms = 0
        self._energy_ms = 0
        self._contactor_ms = 0
        self._response_ms = 0
        self._counted_pulses = -1

    def step(self, dt_ms: int) -> None:
        """Run one tick of dt_ms: sense, estimate, choose the mode, request, limit, write."""
        if dt_ms > _DT_MAX_MS:
            dt_ms = _DT_MAX_MS
        raw = self.raw
        sig = self.sig
        self._sense(raw, sig)
        self._observe(raw, sig, self.torque_permille, self.response.accel_full_mmps2, dt_ms)
        self._run_a_piece(dt_ms)
        self._request(raw, sig, self._powered)
        self._limit(dt_ms)
        self._write(
            self.out,
            self.modes.mode,
            self.request.direction,
            self.torque_permille,
            self.contactor,
        )

    def is_parked(self) -> bool:
        """Return whether nothing moves and nothing could: the one predicate that writers ask.

        No pulse for 2 s, traction enable low, and the gear in neutral or the key off, with the
        pedal released or not readable.
        """
        raw = self.raw
        if self.sig.standstill_ms < _PARKED_MS or self.out.enable:
            return False
        if self.sig.pedal_valid and not self.sig.pedal_released:
            return False
        return not raw.key_on or not (raw.gear_forward_on or raw.gear_reverse_on)

    def _run_a_piece(self, dt_ms: int) -> None:
        """What needs no 100 Hz, a piece a tick: pack, counters, mode and contactor at 25 Hz,
        current ceilings at 12.5, tables at about 1. What cuts torque is not among them."""
        slot = self._slot
        self._slot = slot + 1 if slot < 79 else 0
        self._clock_ms = clock_ms = (self._clock_ms + dt_ms) & _CLOCK_MASK
        sig = self.sig
        if slot & 1:
            if slot & 2:
                self._choose_mode()
                passed_ms = (clock_ms - self._contactor_ms) & _CLOCK_MASK
                self._contactor_ms = clock_ms
                self.contactor.step(self._wants_contactor, sig, passed_ms)
            else:
                self.sense.step_pack(self.raw, sig)
                passed_ms = (clock_ms - self._energy_ms) & _CLOCK_MASK
                self._energy_ms = clock_ms
                self._count(passed_ms)
            return
        if slot & 2:
            passed_ms = (clock_ms - self._response_ms) & _CLOCK_MASK
            self._response_ms = clock_ms
            self._learn_response(passed_ms)
            return
        if slot & 4:
            self.pack.step(sig)
            self.allowances.update_current(sig)
        elif slot == 0:
            self.energy.update_charge(sig)
        elif slot == 8:
            self.allowances.update_battery(sig)
        elif slot == 16 or slot == 56:
            self.allowances.update_charge(sig)
        elif slot == 48:
            self.allowances.update_drive(sig)
        elif slot == 40:
            self.energy.update_range(sig)
        elif slot == 24 or slot == 64:
            self.output.show(self.out, sig, self.modes.mode, self.contactor)
            self._explain()
        else:
            self.allowances.update_voltage(sig, self.pack.resistance_mohm)

    def _count(self, passed_ms: int) -> None:
        pulses = self.observer.pulses_counts
        if self._counted_pulses < 0:
            self._counted_pulses = pulses  # what the counter held at power-on was not driven
        new_pulses = (pulses - self._counted_pulses) & 0xFFFF
        self._counted_pulses = pulses
        if new_pulses > _MAX_PULSES:
            new_pulses = 0  # the counter was reset: that is no distance
        self.energy.step(self.sig, new_pulses, passed_ms)

    def _learn_response(self, passed_ms: int) -> None:
        self.observer.weigh_power(self.sig)
        winner = self.chain.winner
        driver_moves_torque = winner == NONE or winner == self.slew.name
        may_learn = driver_moves_torque and not self.raw.brake_on
        self.response.step(self.observer, self.sig, may_learn, passed_ms)

    def _choose_mode(self) -> None:
        """Modes follow from a few flags: as long as those stand still, so does the mode."""
        raw = self.raw
        sig = self.sig
        facts = (
            raw.key_on
            | raw.plug_in << 1
            | sig.pack_valid << 2
            | sig.slow_seen << 3
            | (self.request.direction + 1) << 4
            | self.contactor.state << 6
        )
        if facts != self._facts or self.service_wanted or self.modes.mode == modes.SERVICE:
            self._facts = facts
            self._change_mode()

    def _change_mode(self) -> None:
        c = self._conditions
        raw = self.raw
        sig = self.sig
        state = self.contactor.state
        c.sensors_ok = sig.slow_seen and sig.pack_valid
        c.pack_ok = sig.pack_valid
        c.key_on = raw.key_on
        c.plugged_in = raw.plug_in
        c.service_wanted = self.service_wanted
        c.parked = self.service_wanted and self.is_parked()
        c.contactor_open = state == contactor.OPEN or state == contactor.COOLDOWN
        c.contactor_closed = state == contactor.CLOSED
        c.contactor_failed = state == contactor.FAILED
        c.direction_engaged = self.request.direction != NEUTRAL
        if self.modes.step(c):
            self._facts = -1  # another transition may follow in the next tick
        mode = self.modes.mode
        self._wants_contactor = self.modes.wants_contactor()
        self._powered = c.contactor_closed and (mode == modes.READY or mode == modes.DRIVE)
        reverse = self.request.direction == REVERSE
        self.allowances.reverse.permille = self._reverse_torque_permille if reverse else 1000
        self.output.show(self.out, sig, mode, self.contactor)

    def _limit(self, dt_ms: int) -> None:
        request = self.request
        if dt_ms != self._tick_ms:
            self._tick_ms = dt_ms
            self.slew.start(dt_ms)
        self._govern(request.direction == REVERSE, dt_ms)
        if request.is_cut or self.modes.mode != DRIVE:
            # Brake, neutral, an unreadable pedal: no ramp, no regeneration, at once.
            self.torque_permille = 0
            self.slew.cut()
            self.chain.winner = NONE
        else:
            self.torque_permille = self._run_chain(request.permille)

    def _explain(self) -> None:
        c = self._conditions
        request = self.request
        c.pedal_ok = self.sig.pedal_valid
        c.brake_on = self.raw.brake_on
        c.cooling_down = self.contactor.state == contactor.COOLDOWN
        c.gear_conflict = bool(self.raw.gear_forward_on and self.raw.gear_reverse_on)
        c.gear_selected = request.selected != NEUTRAL
        c.direction_engaged = request.direction != NEUTRAL
        c.seen_neutral = request.seen_neutral
        c.seen_released = request.seen_released
        c.torque_wanted = request.permille > 0
        c.torque_given = self.torque_permille > 0
        self.modes.explain(c)
