"""Charge: measures, judges and commands, a piece a tick; the relay follows its phase.

Every other phase than the active ones is one step away and has the relay open.
What is commanded is found anew in each round and never exceeds what pack,
charger, socket, temperature and BMS allow. What a power cut must not restart is
counted in the session.
"""

from micropython import const

from vcu.charge import command, phases
from vcu.charge.backstops import FIRST_ROW, OVER_VOLTAGE, WELDED
from vcu.charge.bms import Bms, CellData
from vcu.charge.command import Command
from vcu.charge.lost_cell import LostCell
from vcu.charge.meter import Meter
from vcu.charge.pack_check import PackCheck
from vcu.charge.phases import (
    ABSORB,
    BALANCE,
    BULK,
    CHECK,
    EQUALIZE,
    FAULT,
    FLOAT,
    FULL,
    OFF,
    PAUSE,
    PRECHARGE,
)
from vcu.charge.profiles import Profile
from vcu.charge.session import Session
from vcu.charge.steps import Steps
from vcu.charge.verdict import Verdict
from vcu.charge.warmth import Warmth
from vcu.energy import Energy
from vcu.faults import SYSTEM, WORD_SHIFT, row_of
from vcu.fixmath import clamp, lerp
from vcu.params import Params
from vcu.sense import Scaling
from vcu.signals import Raw, Signals

_PIECES = const(10)
_DT_MAX_MS = const(2000)
_HIGH_SAMPLES = const(3)
_BLIND_FLOAT_MV = const(2250)
# The count is corrected below it only (vcu/energy.py).
_REST_MA = const(500)


class Charge:
    """phase and cause say what it does and why not more; enable and command what it wants.

    bits are its rows of the fault table (vcu/charge/backstops.py). Its owner sets
    allowed (plugged in, contactor open, mode CHARGE), inhibited (a measurement is
    not to be believed), traction_live (a weld, or an enable line that stays on),
    parameters_ok and parameters_lost (what they say is not this pack's, until a
    person has looked), and calls step().
    """

    def __init__(self, scaling: Scaling, params: Params, energy: Energy, sig: Signals) -> None:
        self.allowed = False
        self.inhibited = False
        self.traction_live = False
        self.parameters_ok = True
        self.parameters_lost = False
        self.phase = OFF
        self.cause: int = phases.UNPLUGGED
        self.enable = 0
        self.bits = 0
        self.is_quiet = False  # no current but what was switched on, as far as is known
        self.seconds = 0  # whole ones since the last round
        self.piece = 0  # of the round, that comes next
        self.is_resting = False  # of an active phase: it waits with the relay open
        self.cell_data = CellData()
        self.session = Session()
        self.profile = profile = Profile(params)
        self.energy = energy
        self.meter = Meter(scaling, params)
        self.bms = Bms(params, profile, self.cell_data)
        self.command = Command(params, profile)
        self.warmth = Warmth(profile, self.session, self.bms)
        self.lost_cell = LostCell(profile, self.session)
        self.pack_check = PackCheck(profile, self.session, self.bms, energy)
        self.is_relay = self.command.kind == command.RELAY
        self._sig = sig
        self._hard_counts = profile.cv("hard") * 1000 // scaling.pack_cv_per_1000_counts
        self._absorb_mv = profile.get("absorb")
        self._float_mv = profile.get("float")
        self._equalize_mv = profile.get("equalize")
        self._phase_ma = self._currents(profile)
        self._clock_ms = 0
        self.dt_ms = 0  # of this round
        self._ms = 0
        self._high_samples = 0
        self._begins = False
        self.steps = Steps(self)
        self._verdict = verdict = Verdict(self)
        self._pieces = (
            self._measure,
            # By what was commanded while it was measured: a step down is not disobeyed yet.
            verdict.of_charger,
            verdict.of_heat,
            # What a lost sensor calls for is commanded two pieces after the look that saw it:
            # within a second, since a round takes 0.8 s.
            self._look,
            self._find_voltage,
            self._find_current,
            self.steps.look_out,
            self.steps.run,
            self._tell,
            verdict.of_limits,
        )

    def _currents(self, profile: Profile) -> "tuple[int, ...]":
        """Return the current of each phase in mA."""
        bulk = profile.ma("bulk")
        currents = [0] * len(phases.NAMES)
        currents[PRECHARGE] = profile.ma("precharge")
        for phase in (CHECK, PAUSE, BULK, ABSORB, FLOAT):
            currents[phase] = bulk  # in the first two, what would be allowed
        currents[EQUALIZE] = profile.ma("equalize_current")
        currents[BALANCE] = profile.ma("balance")
        return tuple(currents)

    def step(self, raw: Raw, passed_ms: int) -> None:
        """Take a sample, stop at once what must stop at once, and do one of ten pieces."""
        volts = raw.pack_v_counts
        self.meter.add(volts, raw.pack_a_counts)
        self._clock_ms += passed_ms
        if self._begins:
            self._begins = False
            self.steps.begin()
        if self.enable:
            if not self.allowed:
                self.enter(OFF)
            elif volts > self._hard_counts:
                self._high_samples += 1
                if self._high_samples >= _HIGH_SAMPLES:
                    self.trip(OVER_VOLTAGE)
            else:
                self._high_samples = 0
        piece = self.piece
        self.piece = piece + 1 if piece < _PIECES - 1 else 0
        self._pieces[piece]()

    def enter(self, phase: int) -> None:
        """Change phase; the only place that does. The relay opens here and closes in _tell().

        The phase's clocks begin in the next tick: a change and what led to it fill theirs.
        """
        session = self.session
        self.phase = phase
        self.is_resting = phase == FLOAT  # it begins with a rest
        self._high_samples = 0
        if PRECHARGE <= phase <= FULL and session.phase != phase:
            session.phase = phase
            session.phase_s = 0
            if phase > ABSORB:
                session.least_ma = 0
        if self.is_resting or not PRECHARGE <= phase <= BALANCE:
            self.enable = 0
            self.command.stop()
        self._begins = True
        session.note()

    def trip(self, bit: int) -> None:
        """Latch a fault and open the relay; a person or, for some, a drive lets it go."""
        session = self.session
        if not session.faults & bit:
            session.faults |= bit
            session.latch()
        self.cause = phases.HAS_FAULT
        if self.phase != FAULT:
            self.enter(FAULT)

    def fault_id(self) -> int:
        """Return the number of the first latched fault, for the lamp; 0 for none."""
        bits = self.session.faults
        i = FIRST_ROW
        while bits:
            if bits & 1:
                return row_of(SYSTEM * WORD_SHIFT + i)[0]
            bits >>= 1
            i += 1
        return 0

    def clear(self) -> None:
        """A person has looked: forget what is latched; what is still wrong latches again."""
        if self.session.faults:
            self.bits &= ~self.session.faults
            self.session.faults = 0
            self.pack_check.begin()  # the limits of the old one would end it at once
            self.session.latch()
        if self.phase == FAULT:
            self.enter(OFF)

    def forget_zero(self) -> None:
        """The sensor's zero was set anew: what the last plug-in measured no longer counts.

        Left there, the difference would be a welded relay for good.
        """
        self.session.zero_q4 = 0
        self.meter.has_near_zero = False
        self.session.latch()

    # The pieces of a round, in order.

    def _measure(self) -> None:
        dt_ms = self._clock_ms
        self._clock_ms = 0
        if dt_ms > _DT_MAX_MS:
            dt_ms = _DT_MAX_MS
        self.dt_ms = dt_ms
        self._count_seconds(dt_ms)
        self.meter.take(dt_ms)
        session = self.session
        left_mah = self.energy.left_mah
        pack = self.pack_check
        if pack.left_mah >= 0 and self.meter.current_ma > -_REST_MA:
            # What a rested voltage takes from the count was not given.
            given_mah = session.left_mah + left_mah - pack.left_mah
            session.left_mah = clamp(given_mah, 0, self.profile.capacity_mah)
        pack.left_mah = left_mah
        if self.enable:
            session.total_s += self.seconds
            session.in_mah += self.meter.new_mah
            session.left_mah = left_mah

    def _count_seconds(self, passed_ms: int) -> None:
        ms = self._ms + passed_ms
        self.seconds = seconds = ms // 1000
        self._ms = ms - seconds * 1000

    def _look(self) -> None:
        self.bms.step(self._sig, self.dt_ms)
        if self.bms.is_over and self.enable:
            self.trip(OVER_VOLTAGE)
        self.warmth.step(self._sig, self.seconds)

    def watch(self, passed_ms: int) -> None:
        """While the car drives, and step() is not called: what the BMS permits, how warm it is."""
        self.pack_check.left_mah = -1
        self.bms.step(self._sig, passed_ms)
        self._count_seconds(passed_ms)
        self.warmth.look(self._sig, self.seconds)
        self.bits = self.session.faults | self.bits & WELDED | self._verdict.of_bms()

    def _find_voltage(self) -> None:
        warmth = self.warmth
        known = warmth.is_known
        cell_mv = self._absorb_mv
        if self.phase == FLOAT:
            cell_mv = self._float_mv
            if not known and cell_mv > _BLIND_FLOAT_MV:
                cell_mv = _BLIND_FLOAT_MV
        elif self.phase == EQUALIZE:
            cell_mv = self._equalize_mv
        self.command.find_voltage(cell_mv, warmth.hottest_ddegc, known)

    def _find_current(self) -> None:
        warmth = self.warmth
        bms = self.bms
        # Whichever permits less: there may be cold cells beside a warm sensor.
        table = self.profile.current_by_temperature
        ddegc = warmth.coldest_ddegc
        hottest = warmth.hottest_ddegc
        if hottest != ddegc and lerp(hottest, table) < lerp(ddegc, table):
            ddegc = hottest
        phase_ma = self._phase_ma[self.phase] * bms.share_permille // 1000
        self.command.find_current(
            phase_ma, ddegc, warmth.is_known, self.meter.voltage_cv, bms.limit_ma
        )
        if self.enable:
            self.command.step(self.dt_ms)

    def _tell(self) -> None:
        phase = self.phase
        if PRECHARGE <= phase <= BALANCE and not self.is_resting and not self.enable:
            self.enable = 1
            self.command.step(self.dt_ms)  # from then on by _find_current
        self.bits = self.session.faults | self._verdict.live_bits | self._verdict.of_bms()
