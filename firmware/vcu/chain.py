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
        self._rise = params.get("torque_rise_permille_s")
        if params.get("learner_on"):
            self._rise = min(self._rise, params.get("learner_rise_permille_s"))
        self._fall = params.get("torque_fall_permille_s")
        self._rise_step = 0
        self._fall_step = 0
        self.permille = 0

    def start(self, dt_ms: int) -> None:
        """Set the steps for ticks of dt_ms."""
        self._rise_step = self._rise * dt_ms // 1000
        self._fall_step = self._fall * dt_ms // 1000

    def limit(self, request: int) -> int:
        """Return request, no further from this limiter's last answer than one step."""
        # Towards zero is a release, away from it is a rise, for drive and for braking alike.
        last = self.permille
        if request > last:
            high = last + self._rise_step
            if last < 0:
                high = last + self._fall_step
                if high > 0:
                    high = 0
            if request > high:
                request = high
        else:
            low = last - self._rise_step
            if last > 0:
                low = last - self._fall_step
                if low < 0:
                    low = 0
            if request < low:
                request = low
        self.permille = request
        return request


class Chain:
    """Runs a request through the limiters in order and keeps the last one that changed it."""

    def __init__(
        self, derating: Derating, slew: Slew, governor: Governor, regen: RegenCeiling
    ) -> None:
        self._derating = derating
        self._slew = slew
        self._governor = governor
        self._regen = regen
        self.winner = NONE

    def limit(self, request: int) -> int:
        """Return the limited request; winner names the last limiter that changed it.

        Ceilings are compared here: a call for each would cost as much as seven operations.
        """
        winner = NONE
        derating = self._derating
        if request > derating.permille:
            request = derating.permille
            winner = derating.name
        slew = self._slew
        if request != slew.permille:
            slewed = slew.limit(request)
            if slewed != request:
                request = slewed
                winner = SLEW
        governor = self._governor
        if request > governor.limit_permille:
            request = governor.limit_permille
            winner = governor.name
        if request < 0 and request < -self._regen.permille:
            request = -self._regen.permille
            winner = REGEN_CHARGE
        self.winner = winner
        return request
