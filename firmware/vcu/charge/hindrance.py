"""Hindrance: what forbids any current now, and what is wrong with the current that flows."""

from micropython import const

from vcu.charge.backstops import DISOBEYS
from vcu.charge.phases import (
    ABSORB,
    BMS_REFUSES,
    COLD,
    FLOAT,
    HIGH_VOLTAGE,
    HOT,
    NO_CURRENT,
    NO_SENSOR,
    NOTHING,
    TOO_MUCH_CURRENT,
    TRACTION_LIVE,
)

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.charge.charge import Charge

_STALE_MS = const(3000)
_NO_CURRENT_S = const(60)
_NO_CURRENT_MA = const(300)
_OVER_CELL_MV = const(50)
_OVER_S = const(60)
_TOO_MUCH_S = const(5)
_NOISE_MA = const(400)  # of the mean of a round, twice its deviation
_TOO_OFTEN = const(3)


class Hindrance:
    """Both answers are causes of vcu/charge/phases.py; begin() at each change of phase."""

    def __init__(self, charge: "Charge") -> None:
        self._charge = charge
        self._session = charge.session
        self._meter = charge.meter
        self._bms = charge.bms
        self._warmth = charge.warmth
        self._command = charge.command
        profile = charge.profile
        self._is_lithium = profile.is_lithium
        self._floats_cv = profile.cv("float") * 98 // 100
        self._over_cv = _OVER_CELL_MV * profile.cells // 10
        self.mean_ma = 0  # over 16 s: a tail is a fiftieth of C, noise and one bad sample are not
        self._silent_s = 0
        self._over_s = 0
        self._much_s = 0
        self._excesses = 0  # since the plug went in

    def unplug(self) -> None:
        """The plug is out: a person may have changed what it plugs in."""
        self._excesses = 0

    def begin(self) -> None:
        """A phase begins: its clocks do, too."""
        self._silent_s = 0
        self._over_s = 0
        self._much_s = 0
        self.mean_ma = self._meter.current_ma

    def of_pack(self) -> int:
        """Return what forbids any current now, or NOTHING."""
        charge = self._charge
        warmth = self._warmth
        bms = self._bms
        session = self._session
        if charge.traction_live:
            return TRACTION_LIVE
        if charge.inhibited or self._meter.age_ms > _STALE_MS:
            return NO_SENSOR
        if self._is_lithium and not warmth.is_known:
            return NO_SENSOR
        if session.is_cold:
            return COLD
        if session.is_hot:
            return HOT
        if bms.is_lost or not bms.may_charge or bms.is_over:
            return BMS_REFUSES
        # It cannot be told to give less; a tail is judged by what it measures.
        if (
            charge.is_relay
            and charge.phase != ABSORB
            and self._command.charger_ma > _slack(self._command.limit_ma)
        ):
            return TOO_MUCH_CURRENT
        return NOTHING

    def of_charger(self, seconds: int) -> int:
        """Return what is wrong with the current that flows, once it has lasted."""
        charge = self._charge
        meter = self._meter
        if charge.is_resting or not charge.enable:
            return NOTHING
        session = self._session
        limit_cv = self._command.limit_cv
        ma = meter.current_ma
        self.mean_ma += (ma - self.mean_ma) >> 4
        low_cv = self._command.near_cv
        if charge.phase == ABSORB:
            if self._is_lithium:
                # It stays high for hours without mains; a BMS may have taken the current.
                if self._bms.share_permille == 1000:
                    low_cv = limit_cv - limit_cv // 200
            elif charge.is_relay:
                low_cv = self._floats_cv  # it may float by its own curve
        if self.mean_ma < _NO_CURRENT_MA and meter.voltage_cv < low_cv:
            self._silent_s += seconds
            if self._silent_s >= _NO_CURRENT_S and session.phase != FLOAT:
                return NO_CURRENT
        else:
            self._silent_s = 0
        return self._of_relay(ma, seconds) if charge.is_relay else NOTHING

    def _of_relay(self, ma: int, seconds: int) -> int:
        """Return what is wrong with a charger that cannot be told to give less."""
        command = self._command
        over = self._meter.voltage_cv > command.limit_cv + self._over_cv
        self._over_s = self._over_s + seconds if over else 0
        if self._over_s >= _OVER_S:
            return HIGH_VOLTAGE
        most_ma = _slack(command.limit_ma)
        if self._much_s > 0:
            most_ma -= _NOISE_MA  # a round that noise makes smaller is not its end
        self._much_s = self._much_s + seconds if ma > most_ma else 0
        if self._much_s < _TOO_MUCH_S:
            return NOTHING
        # Heat passes; a charger that is larger than it was said to be, or than the socket
        # bears, would go on and off for ever.
        if command.warmth_permille == 1000:
            self._excesses += 1
        if self._excesses >= _TOO_OFTEN:
            self._charge.trip(DISOBEYS)
        return TOO_MUCH_CURRENT


def _slack(ma: int) -> int:
    """Return what a current that was limited to ma may measure."""
    return ma + ma // 10 + 1000
