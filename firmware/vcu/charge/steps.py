"""Steps: what ends each phase of a charge, and which one comes next.

A phase ends by a condition that has lasted; every way into a phase with current
leads through CHECK, which looks at the resting pack, and every phase with
current has a limit. The bulk is in vcu/charge/bulk.py, what follows it in finish.py.
"""

from micropython import const

from vcu.charge import bms as bms_port
from vcu.charge import command
from vcu.charge.backstops import PRECHARGE_FAILED, TIMEOUT
from vcu.charge.bulk import Bulk
from vcu.charge.check import Check
from vcu.charge.finish import Finish
from vcu.charge.hindrance import Hindrance
from vcu.charge.phases import (
    ABSORB,
    BAD_PARAMETERS,
    BALANCE,
    BMS_REFUSES,
    BULK,
    CHECK,
    CHECKING,
    EQUALIZE,
    FAULT,
    FLOAT,
    HAS_FAULT,
    HIGH_VOLTAGE,
    NO_BMS,
    NO_CHARGER,
    NO_CURRENT,
    NOTHING,
    OFF,
    PAUSE,
    PRECHARGE,
    UNPLUGGED,
)

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.charge.charge import Charge

_PAUSE_S = const(600)  # at most six times an hour on and off
_REACHED_S = const(10)
_REFUSED_S = const(60)
_TAPERED_S = const(10)  # longer than a charger's current takes to go or to come
_RESTART_S = const(60)
_DRAINED_PERMILLE = const(100)


class Steps:
    """look_out() and then run(), once a round; begin() at each change of phase."""

    def __init__(self, charge: "Charge") -> None:
        self._charge = charge
        self._session = charge.session
        self._profile = profile = charge.profile
        self._meter = charge.meter
        self._bms = charge.bms
        self._warmth = charge.warmth
        self._lost_cell = charge.lost_cell
        self._energy = charge.energy
        self._command = charge.command
        self._pack = charge.pack_check
        self._hindrance = hindrance = Hindrance(charge)
        self.finish = finish = Finish(charge, hindrance)
        self._check = Check(charge, hindrance, finish)
        self._bulk = bulk = Bulk(charge, finish)
        self._is_lithium = profile.is_lithium
        self._precharge_cv = profile.cv("precharge_below")
        self._hold_s = 0  # of the condition that ends this phase
        self._paused_s = 0  # which no power cut needs to remember
        self._was_allowed = False
        self._ends_by_bms = False  # the pause that is running, if it lasts
        self._steps = (
            self._off,
            self._check.step,
            self._precharge,
            bulk.step,
            finish.absorb,
            finish.equalize,
            finish.float,
            finish.balance,
            self._full,
            self._paused,
            self._failed,
        )

    def begin(self) -> None:
        """A phase begins: its clocks do, too."""
        self._hold_s = 0
        self._paused_s = 0
        self._hindrance.begin()
        self._check.begin()
        self.finish.begin()
        self._bulk.begin()
        self._lost_cell.begin()

    def look_out(self) -> None:
        """Count the phase's time, and end it where it may not go on."""
        charge = self._charge
        phase = charge.phase
        if not charge.allowed:
            # A plug that was in for less than a round may have begun a check, not looked out of.
            if self._was_allowed or phase != OFF:
                self._unplug()
            charge.cause = UNPLUGGED
            return
        self._was_allowed = True
        if self._session.delay_s > 0:
            self._session.delay_s = max(self._session.delay_s - charge.seconds, 0)
        # A sensor that is distrusted for one bad sample comes back within ten minutes.
        finish = self.finish
        finish.blind_s = 0 if self._warmth.is_known else finish.blind_s + charge.seconds
        if phase != OFF and phase != CHECK and phase != PAUSE:
            self._session.phase_s += charge.seconds
        if PRECHARGE <= phase <= BALANCE:
            cause = self._hindrance.of_pack()
            if cause == NOTHING:
                cause = self._hindrance.of_charger(charge.seconds)
            if cause != NOTHING:
                if charge.phase != FAULT:
                    self.pause(cause)
                return
            charge.cause = NOTHING

    def _unplug(self) -> None:
        """What was asked for with this plug ends with it; a power cut is no such end."""
        charge = self._charge
        session = self._session
        self._was_allowed = False
        # A load that ended while it was measured reads as a weld, and would at every plug.
        self._meter.has_near_zero = False
        session.delay_s = 0
        self._hindrance.unplug()
        if session.phase == EQUALIZE:
            charge.enter(FLOAT)
            session.latch()
        if charge.phase != OFF:
            charge.enter(OFF)

    def run(self) -> None:
        """One step of the present phase."""
        if self._charge.allowed:
            self._steps[self._charge.phase]()

    def pause(self, cause: int) -> None:
        """Open the relay, for ten minutes at least, or end the charge where that is its end."""
        session = self._session
        phase = self._charge.phase
        ends = False
        if cause == BMS_REFUSES and not self._bms.is_lost and session.in_mah > 0:
            near = self._meter.voltage_cv >= self._command.near_cv
            ends = near or self._bms.share_permille < 1000 or phase >= ABSORB
        if (
            cause == NO_CURRENT and self._charge.is_relay and self._is_lithium
            and phase == ABSORB and self.finish.tapered_s >= _TAPERED_S
        ):  # fmt: skip
            self.finish.end(False)  # the charger's own cut-off; else it has no mains
            return
        self._charge.enter(PAUSE)
        self._charge.cause = cause
        self._ends_by_bms = ends

    # What each phase does.

    def _off(self) -> None:
        """No timeout: nothing flows."""
        charge = self._charge
        if self._command.kind == command.NO_CHARGER and not self._session.is_unconfirmed:
            charge.cause = NO_CHARGER
        elif charge.parameters_lost or not charge.parameters_ok:
            charge.cause = BAD_PARAMETERS
        elif self._is_lithium and self._bms.kind == bms_port.NONE:
            charge.cause = NO_BMS
        elif self._session.faults:
            charge.cause = HAS_FAULT
            charge.enter(FAULT)
        else:
            charge.enter(CHECK)
            charge.cause = CHECKING

    def _precharge(self) -> None:
        session = self._session
        if self._meter.voltage_cv > self._precharge_cv + self._precharge_cv // 100:
            self._hold_s += self._charge.seconds
            if self._hold_s >= _REACHED_S:
                self._charge.enter(BULK)
        else:
            self._hold_s = 0
            if session.phase_s > self._profile.get("precharge_limit"):
                self._charge.trip(PRECHARGE_FAILED)

    def _full(self) -> None:
        """Rests until the pack has come down, or, for lead, a week has passed."""
        charge = self._charge
        session = self._session
        retop_s = self._profile.get("retop")
        if retop_s and session.phase_s >= retop_s:
            self._pack.begin()
            charge.enter(CHECK)
        elif self._pack.gave(_DRAINED_PERMILLE):
            charge.enter(CHECK)  # whatever its voltage: something empties it
        elif (
            self._is_lithium or session.target_permille or self._lost_cell.is_judged
        ) and self._pack.has_come_down(self._meter.voltage_cv):
            self._hold_s += charge.seconds
            if self._hold_s >= _RESTART_S:
                charge.enter(CHECK)
        else:
            self._hold_s = 0

    def _paused(self) -> None:
        """Waits for what hinders to be over, and ten minutes at least. Nothing flows."""
        charge = self._charge
        self._paused_s += charge.seconds
        if charge.cause == HIGH_VOLTAGE:
            # A charger without compensation holds a hot pack there by its own curve.
            self._session.absorb_s += charge.seconds
        refuses = self._hindrance.of_pack() == BMS_REFUSES and not self._bms.is_lost
        if self._ends_by_bms and self._paused_s >= _REFUSED_S:
            # Its cells are full, whatever the pack's voltage says; one bad reading is not.
            self._ends_by_bms = False
            if refuses:
                session = self._session
                session.left_mah = self._pack.left_mah = self._energy.left_mah
                if not session.is_full:
                    session.is_full = 1
                    session.full_permille = self._energy.soc_permille
                    session.latch()
                self.finish.stay_full()
                return
        if self._paused_s >= _PAUSE_S and self._hindrance.of_pack() == NOTHING:
            charge.enter(CHECK)
            charge.cause = CHECKING

    def _failed(self) -> None:
        """Until a person clears it; one that driving forgives waits for that."""
        charge = self._charge
        charge.cause = HAS_FAULT
        if not self._session.faults:
            charge.enter(OFF)
        elif self._session.faults == TIMEOUT and self._pack.was_driven():
            self._session.faults = 0
            self._session.latch()
            charge.enter(OFF)
