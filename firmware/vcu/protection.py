"""Protection: what the car does about a mistaken pedal, and a car that rolls unseen.

Hazards: an old or new driver stabs the wrong pedal at walking speed; stands on
both; leaves the car in neutral on a slope. Rules: after a stab, 10 to 90 %
within 250 ms below 6 km/h, and after the pedal was pressed far while braking,
the car goes no faster than a person walks until the pedal has been released;
rolling in neutral with the key on is heard.
"""

from micropython import const

from vcu.governor import kmh_to_mmps
from vcu.params import Params
from vcu.pedal import Pedal
from vcu.request import NEUTRAL
from vcu.signals import Raw, Signals

# Pedal and brake together are remembered from this travel on.
_BOTH_PERMILLE = const(150)


class Protection:
    """walks: no faster than walking speed; rolls: rolling in neutral. step() at 12.5 Hz."""

    def __init__(self, params: Params, pedal: Pedal) -> None:
        self._pedal = pedal
        self._stab_ms = params.get("stab_ms")
        self._stab_below_mmps = kmh_to_mmps(params.get("stab_below_kmh"))
        self._braked_permille = params.get("braked_pedal_permille")
        self._rolling_mmps = kmh_to_mmps(params.get("rolling_warn_kmh"))
        self.walks = False
        self.stabbed = 0
        self.both = 0
        self.rolls = 0

    def step(self, raw: Raw, sig: Signals, selected: int) -> None:
        """Look at pedal, brake and speed; an unreadable pedal changes nothing."""
        pedal = self._pedal
        stab_ms = pedal.stab_ms
        if stab_ms >= 0:
            pedal.stab_ms = -1
            is_stab = self._stab_ms and stab_ms <= self._stab_ms
            if is_stab and sig.speed_mmps < self._stab_below_mmps:
                self.stabbed = 1
                self.walks = True
        travel = pedal.travel_permille
        both = 0
        if travel > _BOTH_PERMILLE and raw.brake_on and sig.pedal_valid:
            both = 1
            if travel > self._braked_permille:
                self.walks = True
        self.both = both
        if sig.pedal_released:
            self.walks = False
            self.stabbed = 0
        is_loose = selected == NEUTRAL and raw.key_on
        self.rolls = 1 if is_loose and sig.speed_mmps > self._rolling_mmps else 0
