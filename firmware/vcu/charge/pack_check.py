"""Pack check: is this the pack that the parameters describe, and does it need a new charge?

Voltage cannot tell every pack from every other: what it can tell is told here,
the rest is for the BMS, the Ah limit and the person who swaps a pack. A charge
that was broken off goes on; a new one begins when the car was driven in between
or a full pack has come down.
"""

from micropython import const

from vcu.charge.backstops import TIMEOUT
from vcu.charge.bms import Bms
from vcu.charge.lost_cell import FULL_PERMILLE, PART_SHIFT
from vcu.charge.profiles import Profile
from vcu.charge.session import Session
from vcu.energy import Energy

_DRIVEN_PERMILLE = const(20)
_SURE_PERMILLE = const(100)
_EMPTY_MV = const(1850)  # rested; of a lead cell
_NOT_EMPTY_PERMILLE = const(700)
UNSURE_PERMILLE = const(300)
SLACK_PERMILLE = const(50)
_TARGET_BACK_PERMILLE = const(100)
_GAVE_PERMILLE = const(50)


class PackCheck:
    """is_wrong is the last answer of is_this_pack().

    left_mah is what was in the pack a round ago; -1 while the car may drive.
    """

    def __init__(self, profile: Profile, session: Session, bms: Bms, energy: Energy) -> None:
        self._profile = profile
        self._session = session
        self._bms = bms
        self._energy = energy
        self._capacity_mah = profile.capacity_mah
        self._is_lithium = profile.is_lithium
        self._restart_cv = profile.cv("restart_below")
        self._least_mv = profile.get("reject_below")
        self._least_new_mv = profile.get("reject_new_below")
        self._highest_mv = profile.get("reject_above")
        self._surface_mv = profile.get("surface")
        self.is_wrong = False
        self.left_mah = -1

    def is_new(self) -> bool:
        """Return whether no pack was charged here yet, or another one was told since."""
        return self._session.number == 0 or self._session.is_unconfirmed != 0

    def least_mv(self) -> int:
        """Return what a resting cell has at least, in mV.

        Hazard: a smaller pack that is full looks like the one that was told, deeply
        discharged, and would be overcharged. So a new pack that is empty is refused,
        too, and has to be charged elsewhere first.
        """
        return self._least_new_mv if self.is_new() else self._least_mv

    def is_this_pack(self, cell_mv: int) -> bool:
        """Return whether a resting cell of this chemistry and count can have that voltage."""
        session = self._session
        highest_mv = self._highest_mv
        if session.in_mah > 0 and not self.was_driven():
            highest_mv += self._surface_mv
        fits = self.least_mv() <= cell_mv <= highest_mv
        if fits and not self._is_lithium and cell_mv < _EMPTY_MV:
            # Fewer cells that are full look like these when they are flat: the count knows.
            energy = self._energy
            fits = (
                energy.soc_permille < _NOT_EMPTY_PERMILLE
                or energy.soc_uncertainty_permille > _SURE_PERMILLE
            )
        fits = fits and not self._bms.count_differs
        self.is_wrong = not fits
        if fits and session.is_unconfirmed:
            session.is_unconfirmed = 0
            session.latch()
        return fits

    def was_driven(self) -> bool:
        """Return whether the pack gave 2 % of its capacity since current last flowed into it."""
        return self.gave(_DRIVEN_PERMILLE)

    def gave(self, permille: int) -> bool:
        """Return whether the pack gave more than that share since."""
        # A correction of the count in the middle of a round is not known for one yet.
        left_mah = self.left_mah if self.left_mah >= 0 else self._energy.left_mah
        gave_mah = self._session.left_mah - left_mah
        return gave_mah > self._capacity_mah * permille // 1000

    def has_come_down(self, rest_cv: int) -> bool:
        """Return whether a full pack has given so much that it is worth a charge."""
        session = self._session
        if not session.is_full:
            return False
        soc = self._energy.soc_permille
        if session.target_permille:
            return soc < session.target_permille - _TARGET_BACK_PERMILLE
        # A count that was already as low when the pack's cells were full says nothing.
        restart = min(self._profile.get("restart_charge"), session.full_permille - _GAVE_PERMILLE)
        return self.has_sunk(rest_cv) or soc < restart

    def has_sunk(self, cv: int) -> bool:
        """Return whether a full pack rests low, and lower than it did when it was charged.

        Thin acid or a lost cell rests low at once: to charge it again would never end.
        """
        session = self._session
        rested_cv = session.rested_cv
        if session.full_permille < FULL_PERMILLE and session.part_rest:
            rested_cv = session.part_rest >> PART_SHIFT
        if rested_cv and cv > rested_cv - self._profile.cells:  # 10 mV each
            return False
        return cv < self._restart_cv

    def doubt(self) -> None:
        """So much came back and the voltage is far from its set-point: the count was wrong."""
        session = self._session
        capacity = self._capacity_mah
        session.missing_mah = capacity
        # 300 000 mAh * 1250 = 3.8e8
        session.limit_mah = capacity * self._profile.get("ah_limit") // 1000
        session.note()

    def begin(self) -> None:
        """A new charge: what is missing now, and how much may go in."""
        energy = self._energy
        session = self._session
        capacity = self._capacity_mah
        unsure = energy.soc_uncertainty_permille
        missing = capacity - energy.left_mah
        most = capacity
        if unsure <= UNSURE_PERMILLE:
            most = min(missing + capacity * unsure // 1000, capacity)
        if unsure > _SURE_PERMILLE:
            missing = most  # a count that may be wrong may not end the charge
        # 300 000 mAh * 1250 = 3.8e8
        permille = self._profile.get("ah_limit")
        limit = most * permille // 1000 + capacity * SLACK_PERMILLE // 1000
        session.begin(missing, min(limit, capacity * permille // 1000))
        session.left_mah = energy.left_mah
        session.faults &= ~TIMEOUT
