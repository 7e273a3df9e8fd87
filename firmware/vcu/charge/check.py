"""Check: is the resting pack ready, and with what does its charge go on?

The relay is open. The zero of the current sensor is measured, hindrances are
waited for, and the pack must be the one that was told. Then a charge that was
broken off goes on; a new one begins when the car was driven in between or a full
pack has come down. Each round does one of these, so that none costs a tick more.
"""

from micropython import const

from vcu.charge import command
from vcu.charge.backstops import PRECHARGE_FAILED, WELDED
from vcu.charge.phases import (
    BALANCE,
    BULK,
    CHECKING,
    EQUALIZE,
    FLOAT,
    HAS_FAULT,
    NO_SENSOR,
    NOTHING,
    OFF,
    PRECHARGE,
    SCHEDULED,
    WRONG,
)

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.charge.charge import Charge
    from vcu.charge.finish import Finish
    from vcu.charge.hindrance import Hindrance

_CHECK_S = const(6)
# Until the current's zero is known: six seconds' mean is off by 60 mA, 3 % of a night. By half a
# count it is off once in a dozen, a minute's never: that one is a drift.
_ZERO_S = const(60)
_ZERO_NEAR_Q4 = const(8)
_SETTLES_S = const(1)  # the current, after the relay has opened
_FALL_MOST_MV = const(4)  # of a cell, while it is checked; noise is half of it


class Check:
    """step() once a round; begin() at each change of phase. Has no timeout: nothing flows."""

    def __init__(self, charge: "Charge", hindrance: "Hindrance", finish: "Finish") -> None:
        self._charge = charge
        self._hindrance = hindrance
        self._finish = finish
        self._session = charge.session
        self._meter = charge.meter
        self._bms = charge.bms
        self._command = charge.command
        self._pack = charge.pack_check
        self._cells = charge.profile.cells
        self._precharge_cv = charge.profile.cv("precharge_below")
        self._fall_most_cv = charge.profile.cells * _FALL_MOST_MV // 10
        self._passed_s = 0  # a power cut begins it anew
        self._from_cv = 0
        self._agrees = False
        self._was_loud = True  # a round ago; a check begins with a quiet one

    def begin(self) -> None:
        """A phase begins: its clocks do, too."""
        self._passed_s = 0
        self._agrees = False
        self._was_loud = True

    def step(self) -> None:
        """Let the pack rest and measure, look at it, and go on."""
        charge = self._charge
        meter = self._meter
        self._passed_s += charge.seconds
        if not charge.is_quiet:
            # What flows here is no zero, nor is a mean that it is part of; one round may be noise.
            if self._was_loud:
                self.begin()
            self._was_loud = True
            if charge.bits & WELDED:
                charge.cause = HAS_FAULT
            return
        self._was_loud = False
        if self._agrees:
            self._go_on(meter.voltage_cv)
            return
        is_first = self._passed_s <= _SETTLES_S
        if is_first:
            self._from_cv = meter.voltage_cv
        if not meter.rest(is_first):
            self.begin()  # a part of a load, or of a charger's current, would be in the zero
        elif not self._session.zero_q4:
            meter.near_zero()
        if self._passed_s >= (_CHECK_S if self._session.zero_q4 else _ZERO_S):
            self._judge_pack()

    def _judge_pack(self) -> None:
        """It has rested for long enough: say what is in the way, or that this is the pack."""
        charge = self._charge
        meter = self._meter
        if self._pack.is_new() and self._from_cv - meter.voltage_cv > self._fall_most_cv:
            # Straight from another charger even a smaller pack is as high: it must settle first.
            self.begin()
            charge.cause = CHECKING
            return
        charge.cause = self._hindrance.of_pack()
        if self._session.is_unconfirmed and charge.cause != NO_SENSOR and not self._bms.is_lost:
            # A swapped pack is checked where it cannot be charged, too: it must drive again.
            if not self._pack.is_this_pack(meter.voltage_cv * 10 // self._cells):
                charge.cause = WRONG
                return
            if self._command.kind == command.NO_CHARGER:
                charge.enter(OFF)
            return
        cause = charge.cause
        # A zero that is not known yet is taken whatever hinders: a welded relay is told by it.
        if (
            cause != NO_SENSOR
            and (cause == NOTHING or not self._session.zero_q4)
            and not self._take_zero()
        ):
            return
        if cause != NOTHING:
            return
        if not self._pack.is_this_pack(meter.voltage_cv * 10 // self._cells):
            charge.cause = WRONG
        elif self._session.delay_s > 0:
            charge.cause = SCHEDULED
        else:
            charge.cause = CHECKING
            self._agrees = True

    def _take_zero(self) -> bool:
        """Take what was measured as the zero of the current sensor; whether one is known now."""
        charge = self._charge
        meter = self._meter
        session = self._session
        zero_q4 = meter.rested_q4()
        if not zero_q4:
            charge.cause = NO_SENSOR
            self._passed_s = 0  # what was no zero is no part of the next one
            return False
        moved_q4 = zero_q4 - session.zero_q4
        if -_ZERO_NEAR_Q4 < moved_q4 < _ZERO_NEAR_Q4:
            # Within the noise: follow slowly what the sensor drifts by.
            zero_q4 = session.zero_q4 + ((moved_q4 + 4) >> 3)
        elif self._passed_s < _ZERO_S:
            charge.cause = CHECKING
            return False
        if not session.zero_q4:
            session.note()  # a cut of the supply must not leave a weld to be the next first zero
        session.zero_q4 = meter.zero_q4 = zero_q4
        return True

    def _go_on(self, rest_cv: int) -> None:
        """Begin a new charge and come back, or go on with the present one, or stay full."""
        charge = self._charge
        session = self._session
        if self._hindrance.of_pack() != NOTHING or session.delay_s > 0:
            self._agrees = False
            return
        if session.number == 0 or self._pack.was_driven() or self._pack.has_come_down(rest_cv):
            self._pack.begin()
            return
        charge.cause = NOTHING
        phase = session.phase
        if phase == FLOAT or phase == BALANCE or phase == EQUALIZE:
            charge.enter(phase)
        elif session.is_full:
            self._finish.stay_full()
        elif rest_cv >= self._precharge_cv:
            charge.enter(BULK)
        elif charge.is_relay:
            charge.trip(PRECHARGE_FAILED)  # it cannot be told to be gentle
        else:
            charge.enter(PRECHARGE)
