"""Governor: the speed cap, held by the torque that just balances the road at the target speed.

Hazard: a car faster than its legal cap because the pack is full, the car light
or the road suddenly flat. Rule: the speed predicted a little ahead is governed,
to a target below the cap, the lower the more a crest could give back; the torque
allowed falls at once and rises slowly; above the cap for 100 ms there is no drive
torque at all. The governor can ask for regeneration (a negative limit), which holds
the cap downhill where it is fitted. Caps come from the parameters alone; others may
ask for less, nothing raises them.
"""

from micropython import const

from vcu.limits import LEARNER, SPEED_CAP
from vcu.params import Params
from vcu.response import TorqueResponse
from vcu.speed import SpeedObserver

# The target is 0.54 km/h below the cap, and lower by 1 mm/s per 20 mm/s2 of load, to 0.72 km/h:
# what a hill takes from the car its crest gives back before the wheel can tell. Pulses less
# than 60 mm apart, whose noise holds the car less far below its target, leave room for
# 0.8 km/h. Together they hold cap + 0.5 and cap - 1 in tests/property/test_speed_cap.py.
_MARGIN_MMPS = const(150)
_MOST_MARGIN_MMPS = const(200)
_FINE_MARGIN_MMPS = const(222)
_FINE_MM = const(60)
_LOAD_SHARE = const(20)
# Look this far ahead: the motor's lag and the observer's together.
_AHEAD_MS = const(150)
# Acceleration asked per speed error, 1/s; above the target four times that.
_GAIN = const(4)
_RELEASE = const(4)
# Estimated above cap + 0.3 km/h for 100 ms cuts the drive outright.
_OVER_MMPS = const(83)
_OVER_MS = const(100)
# The limit rises no faster than this; slower, the noise of the estimate would bias it down.
_RISE_PERMILLE_PER_MS = const(13)

# This far below the cap nothing that a car can do brings it there within the look-ahead.
_FAR_MMPS = const(6000)
# Errors beyond this are counted as this: 8 m/s.
_MAX_ERROR_MMPS = const(8000)
# Regeneration at the cap: the torque that it leaves unasked, and how fast it grows.
_REGEN_DEAD_PERMILLE = const(40)
_REGEN_PERMILLE_PER_MS = const(2)
_MMPS_PER_KMH_36 = const(10000)  # mm/s in 36 km/h


def kmh_to_mmps(kmh: int) -> int:
    """Return kmh in mm/s, rounded down: 56 km/h is 15 555."""
    return kmh * _MMPS_PER_KMH_36 // 36


class Governor:
    """Speed cap: limit_permille is the torque that holds it, 1000 far below, negative to brake."""

    def __init__(self, params: Params, observer: SpeedObserver, response: TorqueResponse) -> None:
        self.name = SPEED_CAP
        self._observer = observer
        self._response = response
        self._forward_cap = kmh_to_mmps(params.get("speed_cap_kmh"))
        self._reverse_cap = kmh_to_mmps(params.get("reverse_cap_kmh"))
        self._cap_name = SPEED_CAP
        learner_cap = kmh_to_mmps(params.get("learner_cap_kmh"))
        if params.get("learner_on") and learner_cap < self._forward_cap:
            self._forward_cap = learner_cap
            # Hazard: a learner would go faster backwards than forwards.
            self._reverse_cap = min(self._reverse_cap, learner_cap)
            self._cap_name = LEARNER
        self.cap_mmps = self._reverse_cap
        self._margin_mmps: int = _MARGIN_MMPS
        is_fine = params.get("wheel_circumference_mm") < _FINE_MM * params.get("pulses_per_turn")
        self._most_margin_mmps = _FINE_MARGIN_MMPS if is_fine else _MOST_MARGIN_MMPS
        self._target_mmps = self.cap_mmps - _MARGIN_MMPS
        self._lowest_permille = -params.get("regen_max_permille")
        self._over_ms = 0
        self.limit_permille = 1000

    def choose(self, reverse: bool, lower_mmps: int, lower_name: int) -> None:
        """At 12.5 Hz: take the cap of the gear, or the lower one that something else asks for."""
        cap = self._reverse_cap if reverse else self._forward_cap
        self.name = self._cap_name
        if lower_mmps < cap:
            cap = lower_mmps
            self.name = lower_name
        self.cap_mmps = cap
        if self.limit_permille < 1000:
            # With 0.3 s of memory: at the crest itself the margin must outlast the load.
            margin = _MARGIN_MMPS + -self._observer.disturbance_mmps2 // _LOAD_SHARE
            if margin < _MARGIN_MMPS:
                margin = _MARGIN_MMPS
            elif margin > self._most_margin_mmps:
                margin = self._most_margin_mmps
            self._margin_mmps += (margin - self._margin_mmps) >> 2
        self._target_mmps = cap - self._margin_mmps

    def step(self, dt_ms: int) -> None:
        """Work out limit_permille for this tick, 1000 down to all the braking that is fitted."""
        observer = self._observer
        speed_mmps = observer.speed_mmps
        cap = self.cap_mmps
        if speed_mmps < cap - _FAR_MMPS:
            self._over_ms = 0
            self.limit_permille = 1000
            return
        full = self._response.accel_full_mmps2
        disturbance = observer.disturbance_mmps2
        # 20 000 * 1000 / 1000 + 12 000, * 150 = 4.8e6
        accel = full * observer.delivered_permille // 1000 + disturbance
        error = self._target_mmps - speed_mmps - accel * _AHEAD_MS // 1000
        if error > _MAX_ERROR_MMPS:
            error = _MAX_ERROR_MMPS
        elif error < 0:
            if error < -_MAX_ERROR_MMPS:
                error = -_MAX_ERROR_MMPS
            error *= _RELEASE  # faster than it is given
        wanted = error * _GAIN - disturbance
        # |wanted| <= 140 000, * 1000 = 1.4e8
        limit = wanted * 1000 // full
        if limit < 0:
            # Drive is released at once; braking begins late and grows slowly.
            limit = min(limit + _REGEN_DEAD_PERMILLE, 0)
            fall = min(self.limit_permille, 0) - _REGEN_PERMILLE_PER_MS * dt_ms
            limit = max(limit, fall, self._lowest_permille)
        rise = self.limit_permille + _RISE_PERMILLE_PER_MS * dt_ms
        if limit > rise:
            limit = rise
        if limit > 1000:
            limit = 1000
        if speed_mmps > cap + _OVER_MMPS:
            self._over_ms += dt_ms
            if self._over_ms >= _OVER_MS and limit > 0:
                limit = 0
        else:
            self._over_ms = 0
        self.limit_permille = limit
