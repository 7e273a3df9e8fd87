"""Pedal: two channels of different slope become one travel, and the lower channel counts.

Hazard: a worn or broken hall pedal reads as pressed. Rule: a channel outside
its calibrated range, by more than the slack, makes the whole pedal invalid and
its travel zero; of two good channels the lower is used (E-Gas, openinverter).
"""

from micropython import const

from vcu.params import Params
from vcu.signals import Signals

# Released is below the dead band less this, so that noise at its edge does not flicker.
_RELEASED_HYSTERESIS_PERMILLE = const(10)


class Channel:
    """One calibrated pedal channel; its end points may fall as well as rise."""

    def __init__(self, released_counts: int, pressed_counts: int, slack_counts: int) -> None:
        self.released = released_counts
        self.span = pressed_counts - released_counts
        if self.span == 0:
            # Equal end points say nothing about travel: no count is in range.
            self.span = 1
            slack_counts = -1
        # Below 20 counts a hall output is shorted or open, whatever the calibration says.
        self.low = max(min(released_counts, pressed_counts) - slack_counts, 20)
        self.high = max(released_counts, pressed_counts) + slack_counts


class Pedal:
    """Judges both channels and shapes the travel with dead band and curve."""

    def __init__(self, params: Params) -> None:
        slack = params.get("pedal_slack_counts")
        self._a = Channel(
            params.get("pedal_a_released_counts"), params.get("pedal_a_pressed_counts"), slack
        )
        self._b = self._a
        self._two_channels = params.get("pedal_channels") == 2
        if self._two_channels:
            self._b = Channel(
                params.get("pedal_b_released_counts"), params.get("pedal_b_pressed_counts"), slack
            )
        self._deadband = params.get("pedal_deadband_permille")
        self._curve = params.get("pedal_curve_permille")
        self._released_below = self._deadband - _RELEASED_HYSTERESIS_PERMILLE

    def step(self, a_counts: int, b_counts: int, sig: Signals) -> None:
        """Set pedal_permille, pedal_valid and pedal_released; invalid is never released."""
        channel = self._a
        valid = channel.low <= a_counts <= channel.high
        travel = (a_counts - channel.released) * 1000 // channel.span
        if self._two_channels:
            channel = self._b
            valid = valid and channel.low <= b_counts <= channel.high
            b = (b_counts - channel.released) * 1000 // channel.span
            if b < travel:
                travel = b
        if not valid:
            sig.pedal_valid = 0
            sig.pedal_released = 0
            sig.pedal_permille = 0
            return
        sig.pedal_valid = 1
        sig.pedal_released = 1 if travel < self._released_below else 0
        deadband = self._deadband
        if travel <= deadband:
            sig.pedal_permille = 0
        elif travel >= 1000:
            sig.pedal_permille = 1000
        else:
            # Above the dead band 0..1000 again, a blend of straight and square.
            linear = (travel - deadband) * 1000 // (1000 - deadband)
            bend = linear - linear * linear // 1000
            sig.pedal_permille = linear - bend * self._curve // 1000
