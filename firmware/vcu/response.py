"""Torque response: how fast full torque accelerates this car today, learnt on each launch.

A car of 250 kg and one of 900 kg differ by 3.6, and the governor needs the
figure within half. A slow copy of the speed observer runs at 25 Hz together
with its own sensitivity to the figure: where the counted position differs from
the predicted one in the shape of that sensitivity, the figure is wrong by that
much. A scalar Kalman filter does the weighing; its variance grows again at
each standstill, because that is where passengers get in.

It learns below 18 km/h only, where the motor controller follows its throttle
(faster, its power limit hides the effect of torque), and only from torque that
no limiter moved: one that follows speed or current answers the road, and would
teach the opposite. What heat or charge leave of the torque is as good as the whole.
"""

from micropython import const

from vcu.fixmath import clamp
from vcu.params import Params
from vcu.signals import Signals
from vcu.speed import SpeedObserver

_PERIOD_MS = const(40)
# Gains of the slow copy for w = 3 rad/s: 9, 27, 27.
_L1 = const(9)
_L2 = const(27)
_L3 = const(27)
_LEARN_BELOW_Q = const(5000 << 10)
# The copy follows a little further, and starts again from the next standstill.
_TRACK_BELOW_MMPS = const(7000)
_LIMITED_PAUSE_MS = const(1000)
_STANDSTILL_MS = const(500)
# Variances in 0.001 (m/s2)**2; the reading's in (160 um)**2, for a spacing of about 80 mm.
_READING_VARIANCE = const(20000)
_LEAST_VARIANCE = const(20)
_MAX_POSITION = const(120000)
_MAX_ERROR = const(1500)


class TorqueResponse:
    """accel_full_mmps2 is the estimate; it starts at force / mass, stays within 1/2.5 to 2.5."""

    def __init__(self, params: Params) -> None:
        # 5 % for the wheels' own inertia: 4000 * 20 000 = 8e7.
        start = clamp(
            params.get("wheel_force_n") * 20000 // (params.get("laden_mass_kg") * 21), 300, 8000
        )
        self.accel_full_mmps2 = start
        self._low = start * 2 // 5
        self._high = start * 5 // 2
        # One standard deviation is 60 % of the start; 4800 ** 2 / 1000 = 23 040.
        self._start_variance = clamp((start * 3 // 5) * (start * 3 // 5) // 1000, 100, 20000)
        self._variance = self._start_variance
        self._spacing = params.get("wheel_circumference_mm") * 100 // params.get("pulses_per_turn")
        self._last_pulses = 0
        self._pause_ms = 0
        self._rest()

    def _rest(self) -> None:
        self._lost = False
        self._position: int = self._spacing >> 1
        self._speed_q: int = 0
        self._disturbance_q: int = 0
        self._by_position: int = 0  # sensitivities, per 1 m/s2 of full-torque acceleration
        self._by_speed_q: int = 0
        self._by_disturbance_q: int = 0

    def step(
        self, observer: SpeedObserver, sig: Signals, may_learn: bool, elapsed_ms: int
    ) -> None:
        """Every 40 ms, elapsed_ms after the last call: compare, and learn if it may."""
        pulses = (observer.pulses_counts - self._last_pulses) & 0x3FF
        self._last_pulses = observer.pulses_counts
        if not may_learn:
            self._pause_ms = _LIMITED_PAUSE_MS
        elif self._pause_ms > 0:
            self._pause_ms -= elapsed_ms
        if sig.standstill_ms > _STANDSTILL_MS or elapsed_ms > 2 * _PERIOD_MS:
            self._variance = self._start_variance
            self._pause_ms = 0  # the copy begins anew and remembers nothing
            self._rest()
        elif sig.speed_mmps > _TRACK_BELOW_MMPS:
            self._lost = True
        elif not self._lost:
            self._advance(observer.delivered_permille, pulses)

    def _advance(self, torque: int, pulses: int) -> None:
        # 40 ms: mm/s2 * 0.04 * 1024 = 41 per mm/s2; 20 000 * 1000 / 1000 * 41 = 8.2e5
        speed_q = self._speed_q
        speed_q += (self.accel_full_mmps2 * torque // 1000 + (self._disturbance_q >> 4)) * 41
        by_speed_q = self._by_speed_q + (torque + (self._by_disturbance_q >> 4)) * 41
        position = self._position + (speed_q >> 10) * 4 - pulses * self._spacing
        by_position = self._by_position + (by_speed_q >> 10) * 4
        error = (self._spacing >> 1) - position
        if error > _MAX_POSITION or error < -_MAX_POSITION:
            self._lost = True
            return
        if self._pause_ms <= 0 and speed_q < _LEARN_BELOW_Q:
            self._learn(error >> 4, by_position >> 4)
        # The copy and its sensitivity are corrected alike; 120 000 * 108 = 1.3e7.
        self._position = position + error * _L1 // 25
        self._speed_q = speed_q + error * _L2 * 2 // 5
        self._disturbance_q += error * _L3 * 4 // 625
        self._by_position = by_position - by_position * _L1 // 25
        self._by_speed_q = by_speed_q - by_position * _L2 * 2 // 5
        self._by_disturbance_q -= by_position * _L3 * 4 // 625

    def _learn(self, error: int, shape: int) -> None:
        """Move the figure by what this error says of it; both arguments in 160 um."""
        if error > _MAX_ERROR or error < -_MAX_ERROR or shape > _MAX_ERROR or shape < -_MAX_ERROR:
            return
        variance = self._variance
        weight = variance * shape // 1000  # 20 000 * 1500 = 3e7
        gain = weight * shape  # 30 000 * 1500 = 4.5e7
        total = _READING_VARIANCE + gain
        # 4.5e7 / 64 * 1000 = 7e8
        full = self.accel_full_mmps2 + weight * error // 64 * 1000 // (total // 64 + 1)
        if full < self._low:
            full = self._low
        elif full > self._high:
            full = self._high
        self.accel_full_mmps2 = full
        # gain / total <= 1, in 1/1024
        variance -= variance * (gain // (total // 1024 + 1)) // 1024
        self._variance = variance if variance > _LEAST_VARIANCE else _LEAST_VARIANCE
