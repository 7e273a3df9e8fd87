"""Guard's torque: whether what is asked of the motor is what the driver asks of the car.

Hazard: a fault of the request, a limiter or the governor that pulls, or pulls the
wrong way. Rules: torque at most 10 % above what the lower pedal channel asks; none
with the brake, the plug or the key against it, or against the selector; none above
the cap and 3 km/h.
"""

from micropython import const

from vcu.guard_wheel import GuardWheel
from vcu.signals import Outputs, Raw

# Bits of the guard's findings, among its own.
TORQUE = const(2)
SPEED = const(4)
CONFLICT = const(8)

_OVER_PERMILLE = const(100)
# A motor controller may begin at a lower voltage than its parameter says.
_START_PERMILLE = const(60)
_HALF_PERMILLE = const(500)
_OVER_MMPS = const(640)  # 3 km/h, less what the measurement lags behind
# Torque is released within 100 ms: a rule broken for longer than that is broken.
_RULE_MS = const(100)
# The wheel tells anew only every 120 ms, so that waiting makes its speed no surer; but after a
# late tick, or where pulses are rare, it may be off for as long as the governor takes.
_SPEED_MS = const(20)
_LONG_MS = const(10000)


class GuardTorque:
    """step() returns the rule that has been broken for 100 ms, speed in two looks, or 0.

    envelope is the torque that the motor may still have, permille; coasting_ms
    for how long nobody has asked for any or braked; is_broken whether a rule is.
    """

    def __init__(self, values: "dict[str, int]", lags_ms: int, wheel: GuardWheel) -> None:
        """Copy what is needed of the parameters' values by name; lags_ms is the motor's, twice."""
        self._wheel = wheel
        self._cap_mmps = values["speed_cap_kmh"] * 2500 // 9 + _OVER_MMPS
        self._reverse_mmps = values["reverse_cap_kmh"] * 2500 // 9 + _OVER_MMPS
        self._lags_ms = lags_ms
        self._a_released = values["pedal_a_released_counts"]
        self._a_span = values["pedal_a_pressed_counts"] - values["pedal_a_released_counts"]
        self._b_released = values["pedal_b_released_counts"]
        self._b_span = values["pedal_b_pressed_counts"] - values["pedal_b_released_counts"]
        slack = values["pedal_slack_counts"]
        # 0 counts are no reading, wherever the slack may end.
        self._a_low = max(min(self._a_released, self._a_released + self._a_span) - slack, 1)
        self._a_high = max(self._a_released, self._a_released + self._a_span) + slack
        self._b_low = max(min(self._b_released, self._b_released + self._b_span) - slack, 1)
        self._b_high = max(self._b_released, self._b_released + self._b_span) + slack
        self._channels = values["pedal_channels"]
        self._start_mv = values["throttle_start_mv"]
        self._span_mv = values["throttle_full_mv"] - values["throttle_start_mv"]
        self._complement = 0
        self._complement = ~self.sum()
        self.envelope = 0
        self.coasting_ms = 0
        self.is_broken = False
        self._broken_ms = 0

    def step(self, raw: Raw, out: Outputs, most_mv: int, passed_ms: int) -> int:
        """Judge the passed_ms; most_mv is the throttle of the tick before, not looked at."""
        if out.throttle_mv > most_mv:
            most_mv = out.throttle_mv
        asked_mv = most_mv - self._start_mv
        if asked_mv < 0:
            self._coast(raw.brake_on, passed_ms)
            return 0
        self.coasting_ms = 0
        asked = asked_mv * 1000 // self._span_mv
        most = asked + _START_PERMILLE
        if most > 1000:
            most = 1000
        envelope = self.envelope
        if most < envelope:
            lags_ms = self._lags_ms + passed_ms
            most += (envelope - most) * lags_ms // (lags_ms + passed_ms)
        self.envelope = most
        reverse = raw.gear_reverse_on
        if (
            raw.brake_on
            or raw.plug_in
            or not raw.key_on
            or raw.gear_forward_on == reverse
            or out.reverse != reverse
        ):
            wrong = CONFLICT
        elif asked > _OVER_PERMILLE and self._exceeds(raw, asked - _OVER_PERMILLE):
            wrong = TORQUE
        elif self._is_too_fast(asked, self._reverse_mmps if reverse else self._cap_mmps):
            wrong = SPEED
        else:
            self.is_broken = False
            return 0
        self._broken_ms = self._broken_ms + passed_ms if self.is_broken else 0
        self.is_broken = True
        rule_ms = _SPEED_MS if wrong == SPEED and self._wheel.is_sure else _RULE_MS
        return wrong if self._broken_ms >= rule_ms else 0

    def _coast(self, brake_on: int, passed_ms: int) -> None:
        """Nothing is asked: what was fades with the motor's lag."""
        envelope = self.envelope
        if envelope:
            lags_ms = self._lags_ms + passed_ms
            self.envelope = envelope * lags_ms // (lags_ms + passed_ms)
        self.is_broken = False
        if brake_on:
            self.coasting_ms = 0
        elif self.coasting_ms < _LONG_MS:
            self.coasting_ms += passed_ms

    def _is_too_fast(self, asked: int, cap_mmps: int) -> bool:
        """Whether the wheel is, or soon will be at the torque that is asked, above the cap.

        A governor that lets go stops the rise that was: below half of the torque only a part
        of it is still to come.
        """
        wheel = self._wheel
        ahead_mmps = wheel.ahead_mmps
        if ahead_mmps <= cap_mmps:
            return False
        if asked < _HALF_PERMILLE:
            # 500 * 25 000 = 1.3e7
            speed_mmps = wheel.speed_mmps
            ahead_mmps = speed_mmps + (ahead_mmps - speed_mmps) * asked // _HALF_PERMILLE
        return ahead_mmps > cap_mmps

    def _exceeds(self, raw: Raw, over: int) -> bool:
        """Whether the lower believable channel has less travel than over, permille."""
        counts = raw.pedal_a_counts
        believed = False
        if self._a_low <= counts <= self._a_high:
            believed = True
            span = self._a_span
            # 2750 * 1000 = 2.8e6; 3000 * 2750 = 8.3e6
            short = over * span - (counts - self._a_released) * 1000
            if short > 0 if span > 0 else short < 0:
                return True
        if self._channels == 2:
            counts = raw.pedal_b_counts
            if self._b_low <= counts <= self._b_high:
                believed = True
                span = self._b_span
                short = over * span - (counts - self._b_released) * 1000
                if short > 0 if span > 0 else short < 0:
                    return True
        return not believed  # with nothing to believe no more than the tolerance

    def sum(self) -> int:
        """Return -1 for as long as every copy is as it was written: see the complement."""
        return (
            self._cap_mmps
            ^ self._reverse_mmps
            ^ self._lags_ms
            ^ self._channels
            ^ self._start_mv
            ^ self._span_mv
            ^ self._a_released
            ^ self._a_span
            ^ self._a_low
            ^ self._a_high
            ^ self._b_released
            ^ self._b_span
            ^ self._b_low
            ^ self._b_high
            ^ self._complement
        )
