"""Chain: a request passes the limiters in order; each lowers or leaves it, the last is named.

The chain remembers who won: "what limits me now".
"""

from vcu.ceilings import RegenCeiling
from vcu.governor import Governor
from vcu.limits import NONE, REGEN_CHARGE, SLEW, Derating
from vcu.params import Params


class Slew:
    """Lets the request rise slowly and fall fast, in both signs of it.

    permille is its last answer; who cuts the torque sets it to 0.
    """

    def __init__(self, params: Params) -> None:
        rise_permille_s = params.get("torque_rise_permille_s")
        if params.get("learner_on"):
            rise_permille_s = min(rise_permille_s, params.get("learner_rise_permille_s"))
        self._rise_permille_s = rise_permille_s
        self._fall_permille_s = params.get("torque_fall_permille_s")
        self.permille = 0

    def limit(self, request: int, dt_ms: int) -> int:
        """Return request, no further from this limiter's last answer than dt_ms allow."""
        # Towards zero is a release, away from it is a rise, for drive and for braking alike.
        last = self.permille
        if request > last:
            if last < 0:
                high = last + self._fall_permille_s * dt_ms // 1000
                if high > 0:
                    high = 0
            else:
                high = last + self._rise_permille_s * dt_ms // 1000
            if request > high:
                request = high
        else:
            if last > 0:
                low = last - self._fall_permille_s * dt_ms // 1000
                if low < 0:
                    low = 0
            else:
                low = last - self._rise_permille_s * dt_ms // 1000
            if request < low:
                request = low
        self.permille = request
        return request


class Chain:
    """Runs a request through the limiters in order and keeps the last one that changed it."""

    def __init__(
        self, derating: Derating, slew: Slew, governor: Governor, regen: RegenCeiling
    ) -> None:
        self._limiters = (derating, slew, governor, regen)  # one look-up for the four
        self.winner = NONE

    def limit(self, request: int, dt_ms: int) -> int:
        """Return the limited request after dt_ms; winner names the last limiter that changed it.

        Ceilings are compared here: a call for each would cost as much as seven operations.
        """
        winner = NONE
        derating, slew, governor, regen = self._limiters
        if request > derating.permille:
            request = derating.permille
            winner = derating.name
        if request != slew.permille:
            slewed = slew.limit(request, dt_ms)
            if slewed != request:
                request = slewed
                winner = SLEW
        limit = governor.limit_permille
        if request > limit:
            request = limit
            winner = governor.name
        if request < 0 and request < -regen.permille:
            request = -regen.permille
            winner = REGEN_CHARGE
        self.winner = winner
        return request
