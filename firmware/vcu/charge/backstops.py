"""Back-stops: what ends a charge although its profile would go on.

Hazards: thermal runaway (current that rises at constant voltage, Discover,
Battcon); a charger that does not do what it is told; a relay that is welded.
Each rule needs its condition to last, and all latch.
"""

from micropython import const

from vcu.charge.profiles import Profile
from vcu.charge.session import Session
from vcu.fixmath import clamp

# Bits of Charge.bits, in the order of their rows in the SYSTEM word of the fault table, which
# begin there.
FIRST_ROW = const(12)
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
# Of the 1 A that a charger may give besides, what the sensor's zero and noise leave.
_OVER_MA = const(700)
_WELDED_MS = const(2000)
_WELDED_MA = const(500)
_FLOWS_MA = const(500)
_ZERO_OFF_MA = const(3500)


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
        limit_cv: int,
        set_ma: int,
        dt_ms: int,
    ) -> int:
        """Compare what is measured with what is allowed; follows: it has a set-point to follow.

        A sensor whose zero was never measured may read up to 3 A with nothing flowing.
        """
        # The relay needs a moment, and so does the mean of the current.
        welded_ma = _WELDED_MA if knows_zero else _ZERO_OFF_MA
        if self._welded_ms > _WELDED_MS:
            welded_ma -= _WELDED_MA // 2  # a round that noise makes smaller is not its end
        if enable or ma <= welded_ma:
            self._welded_ms = 0
        elif self._welded_ms <= _WELDED_MS:  # it may stand for weeks
            self._welded_ms += dt_ms
        over = False
        if enable and follows:
            over = ma > set_ma + set_ma // 10 + _OVER_MA or (
                cv > limit_cv + limit_cv // 100 and ma > _FLOWS_MA
            )
        self._wrong_ms = self._wrong_ms + dt_ms if over else 0
        bits = DISOBEYS if self._wrong_ms >= _DISOBEYS_MS else 0
        return bits | WELDED if self._welded_ms > _WELDED_MS else bits
