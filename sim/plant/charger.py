"""Decides what a charger does: one with a curve of its own behind a relay, or one with set-points.

Both regulate on the pack's voltage alone, as real ones do at their terminals,
and give nothing without mains. Faults are attributes that a scenario sets.
"""

import math
from dataclasses import dataclass

_SETTLE_S = 0.5  # of the voltage loop
_GAIN_A_PER_V = 8.0
_LEAST_PACK_V = 10.0  # a charger does not start into a dead short


@dataclass
class Socket:
    """The household socket: mains is whether it has voltage, volts and amps what it can give."""

    mains: bool = True
    volts: float = 230.0
    amps: float = 16.0


class _Regulator:
    """Moves a current so that the pack's voltage does not exceed a set one."""

    def __init__(self) -> None:
        self.current_a = 0.0
        self._dt_s = 0.0
        self._share = 0.0

    def step(self, pack_v: float, set_v: float, most_a: float, dt_s: float) -> None:
        if dt_s != self._dt_s:
            self._dt_s = dt_s
            self._share = _GAIN_A_PER_V * (1.0 - math.exp(-dt_s / _SETTLE_S))
        current = self.current_a + (set_v - pack_v) * self._share
        self.current_a = min(max(current, 0.0), most_a)


class RelayCharger:
    """A plain charger: constant current, constant voltage down to its tail, then float.

    The curve starts anew each time its relay closes. compensation_v is per degC
    of the pack's whole string; cheap ones have none.
    """

    def __init__(
        self, current_a: float, absorb_v: float, float_v: float, tail_a: float,
        socket: Socket | None = None, *, efficiency: float = 0.88,
    ) -> None:  # fmt: skip
        self.socket = socket or Socket()
        self.current_a = 0.0
        self.mains_a = 0.0
        self.welded = False
        self._rated_a = current_a
        self._absorb_v = absorb_v
        self._float_v = float_v
        self._tail_a = tail_a
        self._efficiency = efficiency
        self._loop = _Regulator()
        self._floats = False

    def step(self, pack_v: float, enabled: bool, set_v: float, set_a: float, dt_s: float) -> None:
        """Advance by dt_s with the relay closed or not; it has no set-points to follow."""
        loop = self._loop
        if not (enabled or self.welded) or not self.socket.mains or pack_v < _LEAST_PACK_V:
            loop.current_a = self.current_a = self.mains_a = 0.0
            self._floats = False
            return
        loop.step(pack_v, self._float_v if self._floats else self._absorb_v, self._rated_a, dt_s)
        self.current_a = loop.current_a
        self.mains_a = self.current_a * pack_v / self._efficiency / self.socket.volts
        if self.current_a < self._tail_a and pack_v > self._absorb_v * 0.995:
            self._floats = True


class SetpointCharger:
    """A charger that follows a voltage and a current, up to what it and its input can give.

    gain is what it takes for a volt: 0.99 gives 1 % less than it is told. deaf: it
    ignores its set-points and gives all it has up to rated_v.
    """

    def __init__(
        self, rated_a: float, rated_v: float, socket: Socket | None = None,
        *, efficiency: float = 0.9, gain: float = 1.0,
    ) -> None:  # fmt: skip
        self.socket = socket or Socket()
        self.current_a = 0.0
        self.mains_a = 0.0
        self.welded = False
        self.deaf = False
        self._rated_a = rated_a
        self._rated_v = rated_v
        self._efficiency = efficiency
        self._gain = gain
        self._loop = _Regulator()

    def step(self, pack_v: float, enabled: bool, set_v: float, set_a: float, dt_s: float) -> None:
        """Advance by dt_s towards set_v (V) and set_a (A) with the relay closed or not."""
        loop = self._loop
        socket = self.socket
        if not (enabled or self.welded) or not socket.mains or pack_v < _LEAST_PACK_V:
            loop.current_a = self.current_a = self.mains_a = 0.0
            return
        if self.deaf:
            set_v, set_a = self._rated_v, self._rated_a
        by_input = socket.volts * socket.amps * self._efficiency / pack_v
        set_v *= self._gain
        loop.step(pack_v, min(set_v, self._rated_v), min(set_a, self._rated_a, by_input), dt_s)
        self.current_a = loop.current_a
        self.mains_a = self.current_a * pack_v / self._efficiency / socket.volts
