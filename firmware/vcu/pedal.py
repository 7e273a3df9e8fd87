"""Pedal: two channels of different slope become one travel, and the lower channel counts.

Hazard: a worn or broken hall pedal reads as pressed. Rules: of two good
channels the lower is used (E-Gas, openinverter); two that differ by more than
10 % of travel for 50 ms (Formula SAE allows 100) cut the torque; a channel
outside its range leaves the other one to crawl with; neither, no torque. After
each of these the torque stays cut until what is left of the pedal has been seen
released: a short that heals must not pull away.
"""

from micropython import const

from vcu.params import Params
from vcu.signals import Signals

# Bits of fault_bits, in the order of the first rows of the fault table.
A_LOW = const(1)
A_HIGH = const(2)
B_LOW = const(4)
B_HIGH = const(8)
DISAGREES = const(16)
_A_BAD = const(3)
_B_BAD = const(12)

# Released is below the dead band less this, so that noise at its edge does not flicker.
RELEASED_HYSTERESIS_PERMILLE = const(10)
_DISAGREE_PERMILLE = const(100)
_DISAGREE_MS = const(50)
# A stab goes from the first to the second of these, 10 to 90 % less what noise takes off.
_LOW_PERMILLE = const(100)
_HIGH_PERMILLE = const(880)
_LONG_MS = const(10000)


def channel(params: Params, released: str, pressed: str) -> "tuple[int, int, int, int]":
    """Return what a channel counts released, its span, which may be negative, and its range."""
    slack_counts = params.get("pedal_slack_counts")
    released_counts = params.get(released)
    pressed_counts = params.get(pressed)
    span = pressed_counts - released_counts
    if span == 0:
        # Equal end points say nothing about travel: no count is in range.
        span = 1
        slack_counts = -1
    # Below 20 counts a hall output is shorted or open, whatever the calibration says.
    low = max(min(released_counts, pressed_counts) - slack_counts, 20)
    return (released_counts, span, low, max(released_counts, pressed_counts) + slack_counts)


class Pedal:
    """Judges both channels and shapes the travel with dead band and curve.

    travel_permille is the lower channel before dead band and curve, and may lie
    outside 0..1000 by the slack; needs_release says that torque is cut until
    the pedal has been let go; stab_ms is how long the last way from 10 to 90 %
    took, set once per press, until its reader sets it to -1.
    """

    def __init__(self, params: Params) -> None:
        deadband = params.get("pedal_deadband_permille")
        self._released_below = deadband - RELEASED_HYSTERESIS_PERMILLE
        # In one: each alone would cost step() as much as eight that are unpacked.
        self._shape = (
            channel(params, "pedal_a_released_counts", "pedal_a_pressed_counts")
            + channel(params, "pedal_b_released_counts", "pedal_b_pressed_counts")
            + (params.get("pedal_channels") == 2, deadband, params.get("pedal_curve_permille"))
        )
        self.fault_bits = 0
        self.needs_release = False
        self.is_readable = True  # while needs_release: all that is missing is the release
        self.travel_permille = 0
        self.stab_ms = -1
        self._apart_ms = 0
        self._since_low_ms = _LONG_MS

    def step(
        self, a_counts: int, b_counts: int, supply_ok: bool, sig: Signals, dt_ms: int
    ) -> None:
        """Set pedal_permille, pedal_valid and pedal_released; invalid is never released.

        supply_ok False: the 5 V that both channels share are not 5 V.
        """
        (
            a_released, a_span, a_low, a_high, b_released, b_span, b_low, b_high,
            two_channels, deadband, curve,
        ) = self._shape  # fmt: skip
        travel = (a_counts - a_released) * 1000 // a_span
        good = supply_ok and a_low <= a_counts <= a_high
        if two_channels:
            other = (b_counts - b_released) * 1000 // b_span
            if good and b_low <= b_counts <= b_high and not self.fault_bits:
                apart = travel - other
                if apart > 0:
                    travel = other
                else:
                    apart = -apart
                if apart > _DISAGREE_PERMILLE:
                    self._count_apart(dt_ms)
                elif self._apart_ms:
                    # Slower than it rises: channels that are apart half of the time are found.
                    self._apart_ms -= 1
            else:
                good = supply_ok and self._judge(a_counts, b_counts, travel, other)
                if self.fault_bits & _A_BAD or (other < travel and not self.fault_bits & _B_BAD):
                    travel = other
        elif self.fault_bits or not good:
            self._judge_one(a_counts, good, travel)
        self.travel_permille = travel
        released = travel < self._released_below
        if not good or self.needs_release:
            # Torque that comes back by itself would come unasked.
            self.needs_release = not (good and released)
            if self.needs_release:
                self._cut(good, sig)
                return
        if travel <= _LOW_PERMILLE:
            self._since_low_ms = 0
        elif self._since_low_ms < _LONG_MS:
            self._time_press(travel, dt_ms)
        sig.pedal_valid = 1
        sig.pedal_released = 1 if released else 0
        if travel <= deadband:
            sig.pedal_permille = 0
        elif travel >= 1000:
            sig.pedal_permille = 1000
        else:
            # Above the dead band 0..1000 again, a blend of straight and square.
            linear = (travel - deadband) * 1000 // (1000 - deadband)
            bend = linear - linear * linear // 1000
            sig.pedal_permille = linear - bend * curve // 1000

    def _cut(self, good: bool, sig: Signals) -> None:
        self.is_readable = good
        sig.pedal_valid = 0
        sig.pedal_released = 0
        sig.pedal_permille = 0
        self._since_low_ms = _LONG_MS

    def _count_apart(self, dt_ms: int) -> None:
        self._apart_ms += dt_ms
        if self._apart_ms >= _DISAGREE_MS:
            self._apart_ms = 0
            self.fault_bits = DISAGREES
            self.needs_release = True

    def _judge(self, a_counts: int, b_counts: int, travel: int, other: int) -> bool:
        """Keep account of what is wrong; return whether a channel is left to be believed.

        What was found stays found until both channels are good, agree and are released.
        """
        _, _, a_low, a_high, _, _, b_low, b_high, _, _, _ = self._shape
        wrong = 0
        if a_counts < a_low:
            wrong = A_LOW
        elif a_counts > a_high:
            wrong = A_HIGH
        if b_counts < b_low:
            wrong |= B_LOW
        elif b_counts > b_high:
            wrong |= B_HIGH
        bits = self.fault_bits | wrong
        if bits != self.fault_bits:
            self.fault_bits = bits
            self.needs_release = True
        elif not wrong and travel < self._released_below and other < self._released_below:
            self.fault_bits = bits = 0
        return not (bits & _A_BAD and bits & _B_BAD)

    def _judge_one(self, a_counts: int, good: bool, travel: int) -> None:
        """The same with one channel fitted, and no second opinion."""
        if not good:
            _, _, low, high, _, _, _, _, _, _, _ = self._shape
            if a_counts < low:
                self.fault_bits = A_LOW
            elif a_counts > high:
                self.fault_bits = A_HIGH
        elif travel < self._released_below:
            self.fault_bits = 0

    def _time_press(self, travel: int, dt_ms: int) -> None:
        since_ms = self._since_low_ms
        self._since_low_ms = since_ms + dt_ms
        if travel >= _HIGH_PERMILLE:
            # Between the first look above 10 % and this one: the shorter of what it may be.
            self.stab_ms = since_ms
            self._since_low_ms = _LONG_MS
