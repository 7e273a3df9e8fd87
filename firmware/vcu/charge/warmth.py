"""Warmth: the battery's temperature as a charge may use it; a sensor that jumps is not believed.

Hazard: a lost sensor read as 25 degC lets a hot lead pack run away and plates a
cold lithium one. Rule: unknown is unknown, and its users do less.
"""

from micropython import const

from vcu.charge.bms import Bms
from vcu.charge.profiles import Profile
from vcu.charge.session import Session
from vcu.signals import UNKNOWN_DDEGC, Signals

_LOOK_S = const(60)
# No pack changes by 10 degC in a minute.
_JUMP_DDEGC = const(100)
_DISTRUST_S = const(600)


class Warmth:
    """is_known, coldest_ddegc and hottest_ddegc; is_cold and is_hot live in the session."""

    def __init__(self, profile: Profile, session: Session, bms: Bms) -> None:
        self._session = session
        self._bms = bms
        self._too_cold_ddegc = profile.get("too_cold")
        self._warm_again_ddegc = profile.get("warm_again")
        self._too_hot_ddegc = profile.get("too_hot")
        self._cool_again_ddegc = profile.get("cool_again")
        self.is_known = False
        self.coldest_ddegc = UNKNOWN_DDEGC
        self.hottest_ddegc = UNKNOWN_DDEGC
        self._last_ddegc = UNKNOWN_DDEGC
        self._look_s = 0
        self._distrust_s = 0

    def step(self, sig: Signals, seconds: int) -> None:
        """Take the temperature and judge whether it permits a charge."""
        self.look(sig, seconds)
        if self.is_known:
            self._judge(self.coldest_ddegc, self.hottest_ddegc)

    def look(self, sig: Signals, seconds: int) -> None:
        """Take the pack's sensor, and the cells' where a BMS tells them.

        While it drives, too: a pack that has warmed on the way is no sensor that jumps.
        """
        known = sig.battery_temp_valid != 0
        cold = hot = sig.battery_ddegc
        data = self._bms.data
        if not self._bms.is_lost and data.coldest_ddegc > UNKNOWN_DDEGC:
            if not known or data.coldest_ddegc < cold:
                cold = data.coldest_ddegc
            if not known or data.hottest_ddegc > hot:
                hot = data.hottest_ddegc
            known = True
        if known:
            known = self._is_plausible(hot, seconds)
        self.is_known = known
        self.coldest_ddegc = cold
        self.hottest_ddegc = hot

    def _is_plausible(self, ddegc: int, seconds: int) -> bool:
        if self._last_ddegc == UNKNOWN_DDEGC:
            self._last_ddegc = ddegc
        moved = ddegc - self._last_ddegc
        if moved > _JUMP_DDEGC or moved < -_JUMP_DDEGC:
            self._distrust_s = _DISTRUST_S
            self._last_ddegc = ddegc
        self._look_s += seconds
        if self._look_s >= _LOOK_S:
            self._look_s = 0
            self._last_ddegc = ddegc
        if self._distrust_s > 0:
            self._distrust_s -= seconds
            return False
        return True

    def _judge(self, cold: int, hot: int) -> None:
        """Stop at a limit, go on well inside it: the two may not chatter, nor be forgotten."""
        session = self._session
        if cold < self._too_cold_ddegc:
            if not session.is_cold:
                session.is_cold = 1
                session.latch()
        elif cold >= self._warm_again_ddegc:
            session.is_cold = 0
        if hot >= self._too_hot_ddegc:
            if not session.is_hot:
                session.is_hot = 1
                session.latch()
        elif hot < self._cool_again_ddegc:
            session.is_hot = 0
