"""Back-stops: what ends a charge although its profile would go on.

Hazards: thermal runaway (current that rises at constant voltage, Discover,
Battcon); a charger that does not do what it is told; a relay that is welded; a
pack with a shorted cell, whose other cells are overcharged by the whole
set-point. Each rule needs its condition to last, and all latch.
"""

from micropython import const

from vcu.charge.profiles import Profile
from vcu.charge.session import Session
from vcu.fixmath import clamp

# Bits of Charge.bits, in the order of their rows in the SYSTEM word of the fault table.
WRONG_PACK = const(1 << 0)
OVER_VOLTAGE = const(1 << 1)
TIMEOUT = const(1 << 2)
AH_LIMIT = const(1 << 3)
RUNAWAY = const(1 << 4)
CELL_SHORTED = const(1 << 5)
PRECHARGE_FAILED = const(1 << 6)
DISOBEYS = const(1 << 7)
WELDED = const(1 << 8)
BMS_LOST = const(1 << 9)
NO_DISCHARGE = const(1 << 10)
UNCONFIRMED = const(1 << 11)

_RISE_PERMILLE = const(300)
_RISE_C_PERMILLE = const(20)
_RISE_S = const(600)
_SETTLES_S = const(120)
_REGULATES_S = const(30)
_WARMING_DDEGC = const(50)
_HOUR_S = const(3600)
_DISOBEYS_MS = const(5000)
_WELDED_MS = const(2000)
_WELDED_MA = const(500)
_FLOWS_MA = const(500)
_ZERO_OFF_MA = const(3500)
# Of the rested voltage after a full charge: one lead cell is 2.1 V.
_LOST_CELL_CV = const(130)
_REST_MA = const(500)
_REST_S = const(1800)
# A cold pack that was overcharged falls for hours: none is at rest that fell by more in 10 min.
_SETTLED_S = const(600)
_SETTLED_MV = const(2)
_PLATEAU_S = const(3600)
_PLATEAU_MV = const(5)
_PLATEAU_BELOW_MV = const(100)
_PLATEAU_C_PERMILLE = const(50)
_DEAD_MV = const(1889)
_DEAD_S = const(1800)


class Runaway:
    """step() says whether the battery heats itself: at constant voltage only."""

    def __init__(self, profile: Profile, session: Session) -> None:
        self._session = session
        self._rise_ma = profile.capacity_mah * _RISE_C_PERMILLE // 1000
        self._mean_ma = 0
        self._rising_s = 0
        self._hour_s = 0
        self._hour_ddegc = 0
        self._hour_ma = 0
        self._was_known = -1
        self._settles_s = 0

    def step(self, at_cv: bool, current_ma: int, ddegc: int, known: bool, seconds: int) -> bool:
        """Take this second's current; known says whether ddegc is a temperature."""
        # One bad sample may not set the least that the rest is compared with.
        self._mean_ma += clamp(current_ma - self._mean_ma, -self._rise_ma, self._rise_ma) >> 4
        if known != self._was_known:
            # Another set-point: its current cannot be compared with the last one's.
            if self._was_known >= 0:
                self._settles_s = _SETTLES_S
                self._session.least_ma = 0
            self._was_known = known
        elif current_ma < _FLOWS_MA and self._settles_s < _REGULATES_S:
            self._settles_s = _REGULATES_S  # the mains are off: that is no least
        if self._settles_s > 0:
            self._settles_s -= seconds
            at_cv = False
        if not at_cv or seconds == 0:
            if not at_cv:
                self._rising_s = 0
                self._hour_s = 0
                self._mean_ma = current_ma
            return False
        mean = self._mean_ma
        least = self._session.least_ma
        if least == 0 or mean < least:
            self._session.least_ma = least = mean if mean > 0 else 1
        if mean - least > self._rise_ma and mean - least > least * _RISE_PERMILLE // 1000:
            self._rising_s += seconds
        else:
            self._rising_s = 0
        return self._rising_s >= _RISE_S or self._warms(mean, ddegc, known, seconds)

    def _warms(self, mean_ma: int, ddegc: int, known: bool, seconds: int) -> bool:
        """Return whether it warmed by 5 degC in an hour in which the current did not fall."""
        if not known:
            self._hour_s = 0
            return False
        if self._hour_s == 0:
            self._hour_ddegc = ddegc
            self._hour_ma = mean_ma
        self._hour_s += seconds
        if self._hour_s < _HOUR_S:
            return False
        self._hour_s = 0
        falls = mean_ma < self._hour_ma - self._hour_ma // 20
        return ddegc - self._hour_ddegc >= _WARMING_DDEGC and not falls


class Obedience:
    """step() gives DISOBEYS or WELDED while the charger does not do what it is told."""

    def __init__(self) -> None:
        self._wrong_ms = 0
        self._welded_ms = 0

    def is_quiet(self) -> bool:
        """Return whether no current flows that nobody switched on."""
        return self._welded_ms == 0

    def step(
        self,
        enable: int,
        follows: bool,
        knows_zero: bool,
        cv: int,
        ma: int,
        set_cv: int,
        set_ma: int,
        dt_ms: int,
    ) -> int:
        """Compare what is measured with what was set; follows: it has a set-point to follow.

        A sensor whose zero was never measured may read up to 3 A with nothing flowing.
        """
        # The relay needs a moment, and so does the mean of the current.
        if enable:
            self._welded_ms = 0
        elif ma > (_WELDED_MA if knows_zero else _ZERO_OFF_MA):
            self._welded_ms += dt_ms
        else:
            self._welded_ms = 0
        over = False
        if enable and follows:
            over = ma > set_ma + set_ma // 10 + 1000 or (
                cv > set_cv + set_cv // 100 and ma > _FLOWS_MA
            )
        self._wrong_ms = self._wrong_ms + dt_ms if over else 0
        bits = DISOBEYS if self._wrong_ms >= _DISOBEYS_MS else 0
        return bits | WELDED if self._welded_ms > _WELDED_MS else bits


class LostCell:
    """A lead pack's shorted cell: by its rest after a full charge, and by a bulk that stalls.

    Above 24 V it does reach its set-point, so a memory of the rested voltage is
    what finds it; half an hour below 0.5 A, because a pack that has just been
    driven or charged is as far from its rest as a lost cell.
    """

    def __init__(self, profile: Profile, session: Session) -> None:
        self._session = session
        self._plateau_cv = profile.cells * _PLATEAU_MV // 10
        self._below_cv = profile.cells * _PLATEAU_BELOW_MV // 10
        self._plateau_ma = profile.capacity_mah * _PLATEAU_C_PERMILLE // 1000
        self._dead_cv = profile.cells * _DEAD_MV // 10
        self._plateau_s = 0
        self._from_cv = 0
        self._from_ma = 0
        self._mean_ma = 0
        self._fall_most_cv = profile.cells * _SETTLED_MV // 10
        self._fall_s = 0
        self._fall_cv = 0
        self._has_settled = False
        self.rest_s = 0
        self.is_judged = False

    def rest(self, is_over: bool, current_ma: int, cv: int, seconds: int) -> bool:
        """Count the rest; after a whole charge (is_over) compare with the last one's, once."""
        session = self._session
        # Over 16 s: one second's noise is no current.
        self._mean_ma += (current_ma - self._mean_ma) >> 4
        if (
            not is_over  # at the charger's voltage nothing rests, however little flows
            or session.target_permille  # less than full rests lower
            or not -_REST_MA < self._mean_ma < _REST_MA
        ):
            self.is_judged = self._has_settled = False
            self.rest_s = self._fall_s = 0
            self._fall_cv = cv
            return False
        if self.is_judged:
            return False
        self.rest_s += seconds
        self._fall_s += seconds
        if self._fall_s >= _SETTLED_S:
            self._has_settled = self._fall_cv - cv <= self._fall_most_cv
            self._fall_s = 0
            self._fall_cv = cv
        if self.rest_s < _REST_S or not self._has_settled:
            return False
        self.is_judged = True
        known_cv = session.rested_cv
        if known_cv and known_cv - cv > _LOST_CELL_CV:
            return True
        session.rested_cv = known_cv + ((cv - known_cv) >> 2) if known_cv else cv
        session.note()
        return False

    def begin(self) -> None:
        """A phase begins: how the voltage was before a pause says nothing of a standstill."""
        self._plateau_s = 0

    def bulk(self, current_ma: int, cv: int, set_cv: int, bulk_s: int, seconds: int) -> bool:
        """Whether the voltage of a bulk charge stands still, or is still that of a lost cell."""
        if current_ma < self._plateau_ma or cv > set_cv - self._below_cv:
            self._plateau_s = 0
            return False
        # A falling current explains a voltage that stands still: heat, or a plain charger's curve.
        if self._plateau_s == 0 or current_ma < self._from_ma - self._from_ma // 20:
            self._plateau_s = 0
            self._from_cv = cv
            self._from_ma = current_ma
        self._plateau_s += seconds
        if self._plateau_s >= _PLATEAU_S:
            self._plateau_s = 0
            if cv - self._from_cv < self._plateau_cv:
                return True
        return bulk_s > _DEAD_S and cv < self._dead_cv
