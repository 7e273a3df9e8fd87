"""Ceilings: how much torque one limit lets through.

A ceiling of temperature or charge is a share of the torque; one of current is the
torque that is now delivered, scaled by the current that is allowed. It falls at
once and comes back in steps.
"""

from micropython import const

from vcu.fixmath import clamp
from vcu.params import Params
from vcu.signals import Signals
from vcu.speed import SpeedObserver

# Below 5 A the ratio of current to torque is mostly noise.
_MIN_CURRENT_DA = const(50)
_MIN_CHARGE_DA = const(20)


class Ceiling:
    """Caps the drive request at permille, which its owner sets; braking passes."""

    def __init__(self, name: int) -> None:
        self.name = name
        self.permille = 1000


class CurrentCeiling(Ceiling):
    """Caps the drive request so that the pack gives no more than limit_da.

    Current over torque is a ratio that changes slowly with speed, so the cap is
    the torque now delivered, scaled by allowed over measured current. While
    little flows the ratio is noise: then, and at most, the torque is four times
    the share of the current that is allowed.
    """

    def __init__(
        self, name: int, max_da: int, observer: SpeedObserver, min_da: int = _MIN_CURRENT_DA
    ) -> None:
        super().__init__(name)
        self.limit_da = max_da
        self._max_da = max_da
        self._min_da = min_da
        self._observer = observer

    def step(self, sig: Signals) -> None:
        """At 12.5 Hz: scale the ceiling to the present current."""
        limit_da = self.limit_da
        current = sig.pack_da
        ceiling = limit_da * 4000 // self._max_da  # 4000 * 4000 = 1.6e7
        if ceiling > 1000:
            ceiling = 1000
        if current >= self._min_da and current * 4 >= limit_da:
            scaled = self._observer.lagged_permille * limit_da // current
            if scaled < ceiling:
                ceiling = scaled
        permille = self.permille
        if ceiling < permille:
            self.permille = ceiling if ceiling > 0 else 0
        elif ceiling > permille:
            self.permille = permille + ((ceiling - permille + 1) >> 1)


class RegenCeiling:
    """Caps braking so that the pack takes no more than limit_da, and none above its voltage."""

    def __init__(self, params: Params, observer: SpeedObserver) -> None:
        self.limit_da = 0
        self._max_permille = params.get("regen_max_permille")
        self._max_da = params.get("charge_max_da")
        self._observer = observer
        self.permille = 0

    def step(self, sig: Signals) -> None:
        """At 12.5 Hz: scale the ceiling to the present current; no allowance is none at once."""
        most = self._max_permille
        if most == 0:
            return
        ceiling = 0
        limit_da = self.limit_da
        if limit_da > 0 and sig.pack_valid:
            # In proportion to what is allowed, and less where the current says so.
            ceiling = most * limit_da // self._max_da
            if ceiling > most:
                ceiling = most
            charging = -sig.pack_da
            if charging > _MIN_CHARGE_DA and charging * 4 > limit_da:
                scaled = -self._observer.lagged_permille * limit_da // charging
                ceiling = clamp(scaled, 0, ceiling)
        if ceiling < self.permille:
            self.permille = ceiling
        else:
            self.permille += (ceiling - self.permille + 3) >> 2
