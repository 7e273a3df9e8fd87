"""Request: pedal, gear, brake and start interlock become one torque request.

The request is in permille, positive accelerating in the engaged direction,
negative braking. Hazards and rules: a pedal held at key-on starts nothing (it
must be seen released, and the gear seen in neutral, after the contactor
closed); a direction engages only below 3 km/h with the pedal released, and while
nobody knows the speed none but the last; brake means no torque at all; two gears
at once are none.
"""

from micropython import const

from vcu.fixmath import clamp
from vcu.params import Params
from vcu.signals import Raw, Signals

FORWARD = const(1)
NEUTRAL = const(0)
REVERSE = const(-1)

# 3 km/h.
_ENGAGE_BELOW_MMPS = const(833)
# No pulse for so long: the next roll may be in either direction.
_STOOD_MS = const(1000)
# Coasting regeneration fades out between 5 and 2 km/h, so that it never drives backwards.
_REGEN_FULL_MMPS = const(1389)
_REGEN_NONE_MMPS = const(556)


class Request:
    """Holds the engaged direction and the interlock; permille is this tick's request."""

    def __init__(self, params: Params) -> None:
        self._coast_regen_permille = params.get("coast_regen_permille")
        self._rolls_forward = False  # forward was the last gear, and the car has not stood since
        self._last: int = NEUTRAL  # the direction that was engaged last, since it was powered
        self.selected: int = NEUTRAL
        self.direction: int = NEUTRAL
        self.seen_neutral = False
        self.seen_released = False
        self.permille = 0
        self.is_cut = True  # no torque at all, without a ramp

    def step(self, raw: Raw, sig: Signals, powered: bool) -> None:
        """Form the request; powered says that the contactor is closed and traction permitted.

        Key and plug are asked here once more, because the mode follows them only at 25 Hz,
        and a key that bounces only after 100 ms.
        """
        selected = raw.gear_forward_on - raw.gear_reverse_on  # both are none
        self.selected = selected
        if not powered or raw.plug_in:
            if sig.standstill_ms > _STOOD_MS:
                self._rolls_forward = False
            self.seen_neutral = False
            self.seen_released = False
            self._last = NEUTRAL
            self.direction = NEUTRAL
            self.permille = 0
            self.is_cut = True
            return
        if selected == NEUTRAL and not raw.gear_forward_on:
            self.seen_neutral = True
        if sig.pedal_released:
            self.seen_released = True
        before = direction = self.direction
        if selected != direction:
            direction = self._engage(selected, sig)
        # Hazard: a selector that jumps across neutral as the pedal is let go would turn what is
        # left on the ramp round, and the car leaps the other way. No torque outlasts its gear.
        turns = direction != before
        if turns or direction == NEUTRAL or raw.brake_on or not sig.pedal_valid or not raw.key_on:
            self.is_cut = True
            self.permille = 0
            if direction == NEUTRAL and sig.standstill_ms > _STOOD_MS:
                self._rolls_forward = False
            return
        self.is_cut = False
        permille = sig.pedal_permille
        if permille == 0 and self._coast_regen_permille:
            permille = self._coast(sig.speed_mmps)
        self.permille = permille

    def _engage(self, selected: int, sig: Signals) -> int:
        """Let direction follow the selector where that is safe, and return it.

        Neutral always is.
        """
        direction = NEUTRAL
        if selected != NEUTRAL and self.seen_neutral and self.seen_released:
            slow = sig.speed_mmps < _ENGAGE_BELOW_MMPS
            # Hazard: a wheel sensor that is lost reads as standstill at any speed. Until the key
            # was turned off such a car goes on the way that it went.
            if not sig.speed_trusted and self._last != NEUTRAL and self._last != selected:
                slow = False
            # Back into forward, rolling since it was last engaged, is no change of direction.
            if sig.pedal_released and (slow or (selected == FORWARD and self._rolls_forward)):
                direction = self._last = selected
                self._rolls_forward = selected == FORWARD
        self.direction = direction
        return direction

    def _coast(self, speed_mmps: int) -> int:
        span = clamp(speed_mmps - _REGEN_NONE_MMPS, 0, _REGEN_FULL_MMPS - _REGEN_NONE_MMPS)
        return -(self._coast_regen_permille * span // (_REGEN_FULL_MMPS - _REGEN_NONE_MMPS))
