"""The loop: one 10 ms tick of the whole controller, each step a module next door."""

from micropython import const

from vcu.chain import Chain, Slew
from vcu.charge.backstops import FIRST_ROW
from vcu.charge.charge import Charge
from vcu.contactor import Contactor
from vcu.energy import Energy
from vcu.faults import SYSTEM, Faults
from vcu.governor import Governor
from vcu.guard import Guard
from vcu.limits import NONE, Allowances
from vcu.modes import CHARGE, DRIVE, Modes
from vcu.output import Output
from vcu.output_test import OutputTest
from vcu.pack import Pack
from vcu.params import Params
from vcu.plausibility import Plausibility
from vcu.protection import Protection
from vcu.recorder import Recorder
from vcu.request import Request
from vcu.response import TorqueResponse
from vcu.rounds import Rounds
from vcu.sense import Scaling, Sense
from vcu.shutoff import Shutoff
from vcu.signals import Outputs, Raw, Signals
from vcu.speed import SpeedObserver
from vcu.supervisor import Supervisor
from vcu.watch import Watch

# Nothing has turned the wheel for this long: standing still.
PARKED_MS = const(2000)
# A longer tick is counted as this: the torque ramp must not jump after a stall.
_DT_MAX_MS = const(40)
# The watchdog bites before a tick comes later than this.
_STALL_MAX_MS = const(2000)
# A collection may make a tick 15 ms late; later than 25 ms after the one before is a fault,
# except where flash is written.
_LATE_MS = const(25)
# In the SYSTEM word.
_LATE_BIT = const(1 << 3)
_PERSON_BITS = const(1 << 8 | 1 << 10)


class Loop:
    """Owns the parts; the hal fills raw, step() runs, the hal drives out.

    The service half sets service_wanted, saving (hold the supply: something is
    being written) and system_bits (what it found, as bits of the SYSTEM word of
    the fault table), asks output_test, and reads everything else.
    """

    def __init__(self, scaling: Scaling, params: Params) -> None:
        self.raw = Raw()
        self.sig = Signals()
        self.out = Outputs()
        self.scaling = scaling
        self.modes = Modes()
        self.service_wanted = False
        self.saving = False
        self.system_bits = 0
        self.operating_s = 0
        self.torque_permille = 0  # commanded, positive accelerating in the engaged direction
        self.sense = Sense(scaling, params)
        self.observer = SpeedObserver(params)
        self.response = TorqueResponse(params)
        self.pack = Pack(params)
        self.energy = Energy(params)
        self.contactor = Contactor(params)
        self.request = Request(params)
        self.allowances = Allowances(params, self.observer)
        self.governor = Governor(params, self.observer, self.response)
        self.slew = Slew(params)
        self.plausibility = Plausibility(params, self.observer)
        self.protection = Protection(params, self.sense.pedal)
        self.faults = Faults()
        self.watch = Watch(params, self.sense, self.protection)
        self.recorder = Recorder()
        self.shutoff = Shutoff()
        self.output_test = OutputTest(
            self.raw, scaling.pack_cv_per_1000_counts, scaling.bus_cv_per_1000_counts
        )
        self.guard = Guard(
            params.values(),
            scaling.pack_cv_per_1000_counts,
            scaling.pack_da_per_1000_counts,
            scaling.throttle_readback_mv_per_1000_counts,
        )
        self.chain = Chain(
            self.allowances.derating, self.slew, self.governor, self.allowances.regen
        )
        self.charge = Charge(scaling, params, self.energy, self.sig)
        self.output = Output(params)
        self.supervisor = Supervisor(self, params)
        self._request = self.request.step
        self._write = self.output.step
        # What step() has by one look-up: each alone costs as much as eight that are unpacked,
        # and a method through its object twice as much as one that is bound.
        self._parts = (
            self.raw,
            self.sig,
            self.out,
            self.supervisor,
            self.request,
            self.response,
            self.modes,
            self.contactor,
            self.output_test,
            self.sense.step,
            self.observer.step,
            Rounds(self).step,
            self.governor.step,
            self.chain.limit,
            self.guard.step,
        )

    def step(self, dt_ms: int) -> None:
        """Run one tick of dt_ms: sense, estimate, judge, choose, request, limit, write, guard."""
        (
            raw, sig, out, supervisor, request, response, modes, contactor, output_test,
            sense, observe, do_round, govern, run_chain, guard,
        ) = self._parts  # fmt: skip
        true_ms = dt_ms
        if dt_ms > _LATE_MS:
            true_ms = dt_ms if dt_ms < _STALL_MAX_MS else _STALL_MAX_MS
            dt_ms = self._note_late(dt_ms)
        sense(raw, sig, true_ms)
        observe(raw, sig, self.torque_permille, response.accel_full_mmps2, dt_ms)
        do_round(true_ms)
        self._request(raw, sig, supervisor.powered)
        govern(dt_ms)
        mode = modes.mode
        if mode == DRIVE and not request.is_cut:
            self.torque_permille = torque_permille = run_chain(request.permille, dt_ms)
        else:
            # Brake, neutral, an unreadable pedal: no ramp, no regeneration, at once.
            self.torque_permille = torque_permille = 0
            self.slew.permille = 0
            self.chain.winner = NONE
        self._write(out, mode, request.direction, torque_permille, contactor)
        if mode == CHARGE:
            self.output.charge(out, raw, self.charge, contactor)
        if supervisor.tests_shutoff:
            self.shutoff.step(raw, out, dt_ms)
        if output_test.is_asked:
            self._test_output(out, true_ms)
        guard(raw, out, true_ms)

    def _note_late(self, dt_ms: int) -> int:
        """A tick came late: count it where the car could move; return how much of it counts."""
        if not self.saving and not self.is_parked():
            self.system_bits |= _LATE_BIT
        if dt_ms > _DT_MAX_MS:
            dt_ms = _DT_MAX_MS
            self.observer.skip(self.raw, dt_ms)
        return dt_ms

    def _test_output(self, out: Outputs, dt_ms: int) -> None:
        """Drive what a person tests; its end ends mode SERVICE as well, whoever forgot to."""
        test = self.output_test
        test.step(self.sig, self.modes.mode, dt_ms)
        self.output.test(out, test.drives)
        self.service_wanted = test.is_asked

    def is_parked(self) -> bool:
        """Return whether nothing moves and nothing could: the one predicate that writers ask.

        No pulse for 2 s, traction enable low, and the gear in neutral or the key off, with the
        pedal released or not readable; or plugged in, where none of these moves anything.
        """
        raw = self.raw
        if self.out.enable:
            return False
        # Hazard: a wheel sensor that a charger disturbs, and a night of which nothing is written.
        if self.charge.allowed:
            return True
        if self.sig.standstill_ms < PARKED_MS:
            return False
        if self.sig.pedal_valid and not self.sig.pedal_released:
            return False
        return not raw.key_on or not (raw.gear_forward_on or raw.gear_reverse_on)

    def clear_faults(self) -> None:
        """Forget stored faults and confirm defaults, for a person; the caller asks is_parked."""
        self.system_bits &= ~_PERSON_BITS
        # What is latched is no longer present, unless it latches again.
        self.faults.present[SYSTEM] &= ~(_PERSON_BITS | self.charge.session.faults << FIRST_ROW)
        self.charge.clear()
        self.faults.clear()
        self.recorder.forget(self.faults.active)
