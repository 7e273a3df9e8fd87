"""Lost cell: has a lead pack a shorted one, by its rest after a charge and by a bulk that stalls?

Hazard: its other cells are overcharged by the whole set-point. Above 24 V such a
pack does reach its set-point, so a memory of the rested voltage is what finds it:
half an hour below 0.5 A, because a pack that has just been driven or charged is as
far from its rest as a lost cell.
"""

from micropython import const

from vcu.charge.profiles import Profile
from vcu.charge.session import Session

# Of the rested voltage after a full charge: one lead cell is 2.1 V.
_LOST_CELL_CV = const(130)
FULL_PERMILLE = const(1000)
_TAILLESS_PERMILLE = const(990)  # what counting alone ends at (vcu/energy.py)
PART_SHIFT = const(10)  # of Session.part_rest
_PART_MASK = const(1023)
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


class LostCell:
    """rest() and bulk() say whether a cell is lost; is_judged whether this rest was looked at.

    What less charge than full explains is subtracted. It is a tenth at most: no
    target of lead is lower (target_least in vcu/charge/profiles.py).
    """

    def __init__(self, profile: Profile, session: Session) -> None:
        self._session = session
        self._tenth_cv = profile.cv("fall")  # for a tenth of its charge
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
        """Count the rest; after a charge (is_over) compare with the last ones', once."""
        # Over 16 s: one second's noise is no current.
        self._mean_ma += (current_ma - self._mean_ma) >> 4
        if (
            not is_over  # at the charger's voltage nothing rests, however little flows
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
        return self._is_lost(cv)

    def _is_lost(self, cv: int) -> bool:
        """Compare with what is remembered, and remember what was compared, or the very first."""
        session = self._session
        known_cv = session.rested_cv
        part = session.part_rest
        at = session.full_permille
        less = FULL_PERMILLE - at
        if less and not session.target_permille:
            # Whatever was counted: a charge that no target ended should rest as if full.
            at = _TAILLESS_PERMILLE
            less = 0
        if known_cv and self._is_below(known_cv, less, cv):
            return True
        # No memory of a full pack: a charge that ended early rests low, and a full one no lower.
        if (
            part and (at < FULL_PERMILLE or not known_cv)
            and self._is_below(part >> PART_SHIFT, (part & _PART_MASK) - at, cv)
        ):  # fmt: skip
            return True
        if at == FULL_PERMILLE:
            session.rested_cv = known_cv + ((cv - known_cv) >> 2) if known_cv else cv
        else:
            session.part_rest = cv << PART_SHIFT | at
        session.note()
        return False

    def _is_below(self, known_cv: int, less_permille: int, cv: int) -> bool:
        """Return whether less charge by that share does not explain cv."""
        # Half of it: a count may be low and nothing missing, and worn plates fall by half more.
        # 75 * 100 = 7.5e3
        expected_cv = known_cv - self._tenth_cv * less_permille // 200
        return expected_cv - cv > _LOST_CELL_CV

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
