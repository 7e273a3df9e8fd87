"""Plausibility: whether the wheel sensor tells the truth, from power, pulses and a second source.

Hazard: a wheel sensor that is lost reads as standstill, and one that loses
pulses reads slow; either would lift the speed cap. Rules: power above what a
standing car takes, over the force, is way that the wheel must show; a car that
rolled does not stop within 300 ms with nobody braking; the rate of pulses does
not jump further than wheels can; a motor hall, where fitted, agrees with the
wheel. Each holds until the wheel proves otherwise; the fault table latches on
top of it.

A signal that was halved before power-on is, to one sensor, a heavier car: it
stays undetected without a second source.
"""

from array import array

from micropython import const

from vcu.fixmath import clamp
from vcu.params import Params
from vcu.signals import Raw, Signals
from vcu.speed import SpeedObserver

# Bits, in the order of the first rows of the fault table's TRACTION word.
LOST = const(1)
STOPPED = const(2)
ERRATIC = const(4)
DIFFERS = const(8)

_SILENT_MS = const(300)
# Slower than this a car can stop within the silence.
_ROLLING_MMPS = const(2000)
# What a reading of a standing car's power may be too high: its lights are in idle_power_w.
_NOISE_W = const(50)
# Over less force noise alone would be way. What moves a car there the guard ends, by its power.
_PULLS_PERMILLE = const(30)
# The rate of pulses is compared over windows of 200 ms, each with the last but one. A fall
# of 1.5 m/s, a rise of 2.5 m/s in 0.4 s is more than slopes, regeneration or motor can do.
_WINDOW_MS = const(200)
_WINDOW_LONG_MS = const(240)
_FALL_MM = const(300)
_RISE_MM = const(500)
# A wheel that was locked by the brake may do anything for this long.
_BRAKED_MS = const(1200)
_COMPARE_MS = const(1000)
_DIFFERENCE_MM = const(400)
_PULSES_MASK = const(0xFFFF)
_MAX_PULSES = const(2000)
_MAX_WAY_MM = const(100000)


class Plausibility:
    """bits says what is wrong with the speed; step() at 25 Hz."""

    def __init__(self, params: Params, observer: SpeedObserver) -> None:
        self._observer = observer
        self._spacing_um = (
            params.get("wheel_circumference_mm") * 1000 // params.get("pulses_per_turn")
        )
        self._stall_w = params.get("stall_power_w")
        self._standing_w = params.get("idle_power_w") + _NOISE_W
        self._motor_per_turn = params.get("motor_pulses_per_turn")
        self._circumference_mm = params.get("wheel_circumference_mm")
        self.bits = 0
        self._force_n = params.get("wheel_force_n")
        self._way_mm = 0  # that the power says, since the last pulse
        self._rolled_mmps = 0  # speed when pulses last came
        self._silent_ms = 0  # since the last pulse, at the last call
        self._unbraked_ms = 0
        self._window_ms = 0
        self._window_pulses = 0
        self._windows = array("H", [0] * 2)
        self._windows_seen = 0  # good ones since the start or a stall
        self._pulses = 0
        self._compare_ms = 0
        self._compare_pulses = 0
        self._motor_pulses = 0
        self._started = False

    def step(self, raw: Raw, sig: Signals, passed_ms: int) -> None:
        """Judge the passed_ms since the last call."""
        pulses = raw.pulses_counts
        if not self._started:
            self._started = True
            self._pulses = self._compare_pulses = pulses
            self._motor_pulses = raw.motor_pulses_counts
        new = (pulses - self._pulses) & _PULSES_MASK
        self._pulses = pulses
        if raw.brake_on:
            self._unbraked_ms = 0
        elif self._unbraked_ms < _BRAKED_MS:
            self._unbraked_ms += passed_ms
        if new:
            self._rolled_mmps = self._rolled(sig.speed_mmps, new, passed_ms)
            if self.bits & (LOST | STOPPED):
                self.bits &= ERRATIC | DIFFERS
            self._way_mm = 0
        elif sig.standstill_ms > _SILENT_MS:
            self._judge_silence(sig, passed_ms)
        self._silent_ms = sig.standstill_ms
        self._window_pulses += new
        self._window_ms += passed_ms
        if self._window_ms >= _WINDOW_MS:
            self._judge_rate()
        if self._motor_per_turn:
            self._compare_ms += passed_ms
            if self._compare_ms >= _COMPARE_MS:
                self._compare(raw)

    def _rolled(self, speed_mmps: int, new: int, passed_ms: int) -> int:
        """Return how fast the car rolls: no faster than its pulses, and one more, would say.

        The observer may be ahead of a wheel with few pulses that was just launched, and a car
        that creeps on stops between two of them.
        """
        pulses = self._windows[1] + self._window_pulses + new + 1
        if pulses > _MAX_PULSES:
            return speed_mmps
        # 2000 * 550 000 um >> 4 = 6.9e7
        spacing = self._spacing_um >> 4
        most_mmps = pulses * spacing // (_WINDOW_MS + self._window_ms + passed_ms)
        if self._silent_ms:  # which the first of them took
            most_mmps = min(most_mmps, new * spacing // self._silent_ms)
        most_mmps <<= 4
        return speed_mmps if speed_mmps < most_mmps else most_mmps

    def _judge_silence(self, sig: Signals, passed_ms: int) -> None:
        rolled = self._rolled_mmps
        # At 2 m/s and four pulses a turn the next one may take 300 ms: allow half as much again.
        if rolled > _ROLLING_MMPS and sig.standstill_ms > self._spacing_um * 3 // (rolled * 2):
            if self._unbraked_ms >= sig.standstill_ms or self._unbraked_ms >= _BRAKED_MS:
                self.bits |= STOPPED
            self._rolled_mmps = 0
        torque = self._observer.lagged_permille
        if torque >= _PULLS_PERMILLE and sig.pack_valid:
            # 10 000 cV * 3000 dA = 3e7 mW; 5000 W * 1000 = 5e6; 30 000 W * 160 ms = 4.8e6
            standing_w = self._stall_w * torque // 1000 * torque // 1000 + self._standing_w
            excess_w = sig.pack_cv * sig.pack_da // 1000 - standing_w
            force_n = self._force_n * torque // 1000 + 1
            # W ms / N is mm: the way that this power, with that force, must have moved the car.
            way_mm = self._way_mm + excess_w * passed_ms // force_n
            self._way_mm = clamp(way_mm, 0, _MAX_WAY_MM)
            if way_mm > self._spacing_um // 500:
                self.bits |= LOST

    def _judge_rate(self) -> None:
        """Compare the window that ends with the one before the last."""
        now = min(self._window_pulses, _MAX_PULSES)
        if self._window_ms > _WINDOW_LONG_MS:
            # Late ticks, which are a fault of their own, make windows that say little.
            self._windows_seen = -1
        else:
            now = (now * _WINDOW_MS + (self._window_ms >> 1)) // self._window_ms
        before = self._windows[0]
        self._windows[0] = self._windows[1]
        self._windows[1] = now
        self._window_ms = 0
        self._window_pulses = 0
        if self._windows_seen < 2:
            self._windows_seen += 1
            return
        if self._unbraked_ms < _BRAKED_MS:
            if not now and not before:
                self.bits &= LOST | STOPPED | DIFFERS  # a wheel that stands is not erratic
            return
        # 2000 * 550 000 um = 1.1e9 would not fit: 550 000 um // 16 * 2000 = 6.9e7
        step_mm = (now - before) * (self._spacing_um >> 4) // 62
        slack_mm = self._spacing_um >> 9
        if step_mm > _RISE_MM + slack_mm or -step_mm > _FALL_MM + slack_mm:
            self.bits |= ERRATIC
        else:
            self.bits &= LOST | STOPPED | DIFFERS

    def _compare(self, raw: Raw) -> None:
        """Compare the way of the last second by wheel pulses and by motor pulses."""
        self._compare_ms = 0
        wheel = (raw.pulses_counts - self._compare_pulses) & _PULSES_MASK
        motor = (raw.motor_pulses_counts - self._motor_pulses) & _PULSES_MASK
        self._compare_pulses = raw.pulses_counts
        self._motor_pulses = raw.motor_pulses_counts
        if wheel > _MAX_PULSES or motor > _MAX_PULSES * 8:
            return
        wheel_mm = wheel * (self._spacing_um >> 4) // 62
        # 16 000 * 2200 = 3.5e7
        motor_mm = motor * self._circumference_mm // self._motor_per_turn
        apart_mm = wheel_mm - motor_mm
        if apart_mm < 0:
            apart_mm = -apart_mm
        if apart_mm > _DIFFERENCE_MM + (motor_mm >> 2):
            self.bits |= DIFFERS
        else:
            self.bits &= LOST | STOPPED | ERRATIC
