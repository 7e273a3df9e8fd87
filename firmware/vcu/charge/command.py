"""Command: the voltage and current a charge may have now, and what the charger is told.

Less takes effect at once; more waits half a minute and then rises slowly, so
that a limit that comes and goes does not make the current swing.
"""

from micropython import const

from vcu.charge.profiles import Profile
from vcu.fixmath import lerp
from vcu.params import Params

NO_CHARGER = const(0)
RELAY = const(1)
SETPOINT = const(2)
KIND_NAMES = ("none", "relay", "setpoint")

_HOLD_MS = const(30000)
_RISE_MA_S = const(5000)
_EFFICIENCY_PERMILLE = const(900)
_MIN_CV = const(1500)
# A charger is a percent off at most; one that needs more is broken (Obedience).
_TRIM_SHARE = const(100)
# Of the hard limit: flooded cells in the cold would be equalised up to it.
_MOST_PERMILLE = const(987)
# Without a temperature: as if hot (charging.md: low and slow). A worn AGM pack that gasses three
# times as much stays below 60 degC in air of 45 with these, and would not with 40 degC and 0.1 C.
_BLIND_DDEGC = const(500)
_BLIND_C_PERMILLE = const(50)
# Full voltage at the charger's analog inputs.
_FULL_MV = const(5000)


class Command:
    """set_cv and set_ma are what is commanded, limit_cv and limit_ma what would be allowed.

    From near_cv on, 2 % below limit_cv, a pack counts as near it.
    """

    def __init__(self, params: Params, profile: Profile) -> None:
        self._profile = profile
        self.kind = params.get("charger_kind")
        self._pack_ma = params.get("charge_max_da") * 100
        self.charger_ma = params.get("charger_max_da") * 100
        self._full_cv = params.get("charger_full_cv")
        # V * 0.1 A = 100 mW; 250 * 160 * 100 * 0.9 = 3.6e6
        mains_mw = params.get("mains_v") * params.get("mains_max_da") * 100
        self._mains_mw = mains_mw // 1000 * _EFFICIENCY_PERMILLE
        # A charger that gives that much more than it is told still stays below the hard limit.
        self._most_cv = profile.cv("hard") * _MOST_PERMILLE // 1000
        self._capacity_mah = profile.capacity_mah
        self.limit_cv = 0
        self.near_cv = 0
        self.limit_ma = 0
        self.warmth_permille = 1000  # of the current, that the battery's temperature leaves
        self.set_cv = 0
        self.set_ma = 0
        self._trim_cv = 0
        self._hold_ms = _HOLD_MS

    def find_voltage(self, cell_mv: int, ddegc: int, is_known: bool) -> None:
        """Set limit_cv for a cell's set-point at 25 degC; unknown counts as hot."""
        if not is_known:
            ddegc = _BLIND_DDEGC
        limit_cv = self._profile.compensated_cv(cell_mv, ddegc)
        if limit_cv > self._most_cv:
            limit_cv = self._most_cv
        self.limit_cv = limit_cv
        self.near_cv = limit_cv - limit_cv // 50

    def find_current(
        self, phase_ma: int, ddegc: int, is_known: bool, cv: int, bms_ma: int
    ) -> None:
        """Set limit_ma: the least of phase, pack, charger, mains, temperature and BMS.

        warmth_permille is what a known temperature leaves of the least of the others.
        """
        least = phase_ma if phase_ma < self._pack_ma else self._pack_ma
        if self.charger_ma < least:
            least = self.charger_ma
        if bms_ma < least:
            least = bms_ma
        # mW * 100 / 0.01 V = mA; 3.6e6 * 100 = 3.6e8
        mains_ma = self._mains_mw * 100 // (cv if cv > _MIN_CV else _MIN_CV)
        if mains_ma < least:
            least = mains_ma
        permille = _BLIND_C_PERMILLE
        if is_known:
            permille = lerp(ddegc, self._profile.current_by_temperature)
        by_warmth = self._capacity_mah * permille // 1000
        self.warmth_permille = 1000
        if by_warmth < least:
            if is_known:
                self.warmth_permille = by_warmth * 1000 // least  # 150 000 * 1000 = 1.5e8
            least = by_warmth
        self.limit_ma = least if least > 0 else 0
        self._trim(cv)

    def _trim(self, cv: int) -> None:
        """Command less than limit_cv, 1 % at most, where the charger gives more than it is told.

        Never more: a divider that reads low would raise the voltage of the pack. What it gives
        is judged by limit_cv, so that one that is 2 % off or more disobeys all the same.
        """
        over_cv = cv - self.limit_cv
        # Up to 0.4 % is the swing of a charger that has just met its voltage.
        far_cv = over_cv - (self.limit_cv >> 8)
        trim_cv = self._trim_cv
        if self.set_ma == 0:
            trim_cv = 0
        elif far_cv > 0:
            trim_cv += far_cv + 1 >> 1
        elif over_cv < 0 and trim_cv > 0:
            trim_cv -= 1
        self._trim_cv = min(trim_cv, self.limit_cv // _TRIM_SHARE)

    def stop(self) -> None:
        """Command nothing; the way back begins with the wait."""
        self.set_cv = 0
        self.set_ma = 0
        self._hold_ms = _HOLD_MS

    def step(self, dt_ms: int) -> None:
        """Move towards the limits: down at once, up after a wait at 5 A/s."""
        self.set_cv = self.limit_cv - self._trim_cv
        target = self.limit_ma
        if target <= self.set_ma:
            self.set_ma = target
            self._hold_ms = _HOLD_MS
        elif self._hold_ms > 0:
            self._hold_ms -= dt_ms
        else:
            # 5000 * 2000 = 1e7
            self.set_ma += _RISE_MA_S * dt_ms // 1000
            if self.set_ma > target:
                self.set_ma = target

    def voltage_mv(self) -> int:
        """Return the voltage at the charger's input for its voltage: 5 V is charger_full_cv."""
        # 12 000 * 5000 = 6e7; rounded down: never more than commanded.
        mv = self.set_cv * _FULL_MV // self._full_cv
        return mv if mv < _FULL_MV else _FULL_MV

    def current_mv(self) -> int:
        """Return the voltage at the charger's input for its current: 5 V is charger_max_da."""
        # 60 000 mA * 5000 = 3e8
        mv = self.set_ma * _FULL_MV // self.charger_ma
        return mv if mv < _FULL_MV else _FULL_MV
