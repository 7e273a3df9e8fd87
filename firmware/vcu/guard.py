"""Guard: an independent second look at what leaves the controller, and the power to stop it.

The idea is level 2 of E-Gas. Hazard: a fault of program, memory or output stage
anywhere else that makes the car pull. The guard shares with the rest only the
records it is handed: it keeps its own copies of what it must know, with the
complements of sums over them, and its own arithmetic from the raw inputs.

Its rooms judge torque (guard_torque), power (guard_power) and the wheel (guard_wheel);
here the outputs are compared with what was driven, and what was found is acted on. What
breaks a rule for 100 ms, or speed or power in two looks, loses enable, the guard's own
consent and the heartbeat, all three, until the key is turned off; power that still
flows 130 ms later loses the contactor, under load, or as soon as a motor of its lag
would have let go and it has not begun to fall; after 170 ms it goes in any case.
"""

from micropython import const

from vcu.guard_power import GuardPower
from vcu.guard_torque import GuardTorque
from vcu.guard_wheel import SLOT_MS, GuardWheel
from vcu.signals import SLOW_THROTTLE_READBACK, Outputs, Raw

# What Guard.bits is made of, in the order of rows 4 and up of the fault table's TRACTION word;
# the missing three are guard_torque's.
UNINTENDED = const(1)
DATA = const(16)
THROTTLE_HIGH = const(32)
THROTTLE_LOW = const(64)
ENABLE_ON = const(128)
ENABLE_OFF = const(256)
_ALL = const(511)
_TRIPS = const(_ALL - THROTTLE_LOW - ENABLE_OFF)

_CUT_MS = const(130)
_OPEN_MS = const(170)
# A motor loses two thirds of its power in its lag, which is no less than this: one that has
# not lost an eighth by then does not listen to the enable line.
_OBEYS_MIN_MS = const(60)
_LOOKS = const(4)  # after a slot: one at the wheel, three at the copies
_LINE_MS = const(120)  # the heartbeat's pump takes up to 100 ms to fall
_LOOK_MAX_MS = const(20)
_READBACK_MV = const(300)
_READBACKS = const(2)
_COASTING_MS = const(1500)
_KEY_MS = const(500)


class Guard:
    """step() has the last word on every tick's outputs; bits is what it has found.

    is_tripped: traction is taken until the key was off for half a second.
    """

    def __init__(
        self,
        values: "dict[str, int]",
        pack_cv_per_1000_counts: int,
        pack_da_per_1000_counts: int,
        throttle_readback_mv_per_1000_counts: int,
    ) -> None:
        """Copy what is needed of the parameters' values by name, and of the board's scaling."""
        # Twice the motor's lag, for nobody knows the true one: a slower motor than this pulls
        # on, when nobody asks, for longer than it may.
        lags_ms = 2 * values["motor_lag_ms"]
        self.wheel = GuardWheel(values)
        self.torque = GuardTorque(values, lags_ms, self.wheel)
        self.power = GuardPower(
            values, pack_cv_per_1000_counts, pack_da_per_1000_counts, lags_ms, self.wheel
        )
        self._obeys_ms = min(max(values["motor_lag_ms"], _OBEYS_MIN_MS), _CUT_MS)
        self._readback_scale = throttle_readback_mv_per_1000_counts
        self._complement = ~(self._obeys_ms ^ self._readback_scale)
        self.bits = 0
        self.is_tripped = False
        # A bound method costs half of a call through its object.
        self._torque_step = self.torque.step
        self._power_step = self.power.step
        self._is_powers_turn = False
        self._slot_ms = 0
        self._looks_due = 0  # of what follows a slot, one at a time
        self._last_ms = 0
        self._trip_w = 0
        self._tripped_ms = 0
        self._cut = False
        self._off_ms = 0
        self._line_ms = 0
        self._line_was = 0
        self._mv = 0
        self._mv_before = 0
        self._readbacks_high = 0
        self._readbacks_low = 0

    def step(self, raw: Raw, out: Outputs, dt_ms: int) -> None:
        """Judge out against raw, some of the rules each tick; take traction if tripped.

        Torque and power are judged at 50 Hz in turn, the wheel where a slot of its way ends, its
        speed in the tick after that and the copies in the looks that follow.
        """
        passed_ms = self._last_ms + dt_ms
        self._last_ms = dt_ms
        if self._is_powers_turn:
            self._is_powers_turn = False
            if self._power_step(raw, self.torque.envelope, passed_ms):
                self.bits |= UNINTENDED
            self._slot_ms = slot_ms = self._slot_ms + passed_ms
            if slot_ms >= SLOT_MS:
                self._slot_ms = 0
                if not self._looks_due:
                    self._looks_due = _LOOKS
                self.wheel.count(raw.pulses_counts, slot_ms)
        else:
            self._is_powers_turn = True
            if self._looks_due:
                self._look_on(raw)
            wrong = self._torque_step(raw, out, self._mv, passed_ms)
            if wrong:
                self.bits |= wrong
            if raw.enable_readback != self._line_was or self._line_ms:
                self._judge_line(raw.enable_readback, passed_ms)
        if raw.slow_index == SLOW_THROTTLE_READBACK:
            self._judge_readback(raw.slow_counts)
        if self.bits & _TRIPS:  # which stay until the key frees them
            self._stop(raw, out, dt_ms)
        if not self._is_powers_turn:
            self._line_was = out.enable & out.guard & out.heartbeat
        self._mv_before = self._mv
        self._mv = out.throttle_mv

    def _look_on(self, raw: Raw) -> None:
        """After a slot: the guard's own speed, then what it keeps, room by room."""
        looks_due = self._looks_due
        self._looks_due = looks_due - 1
        copies = -1
        if looks_due == _LOOKS:
            torque = self.torque
            if self.wheel.measure(torque.coasting_ms > _COASTING_MS):
                self.bits |= UNINTENDED
            self.power.roll(torque.envelope, raw.brake_on)
        elif looks_due == 3:
            copies = self.torque.sum()
        elif looks_due == 2:
            copies = self.power.sum()
        else:
            own = self._obeys_ms ^ self._readback_scale ^ self._complement
            copies = self.wheel.sum() & own
            self.power.listen()
        if copies != -1:
            self.bits |= DATA

    def _judge_line(self, high: int, dt_ms: int) -> None:
        """The enable line behind its gates against what was driven in the last tick."""
        if high == self._line_was:
            self._line_ms = 0
            self.bits &= _ALL - ENABLE_OFF
            return
        # A finding may stand for weeks: what counts its time ends where it is reached.
        if self._line_ms <= _LINE_MS:
            self._line_ms += dt_ms if dt_ms < _LOOK_MAX_MS else _LOOK_MAX_MS  # a stall is one look
        if self._line_ms > _LINE_MS:
            self.bits |= ENABLE_ON if high else ENABLE_OFF

    def _judge_readback(self, counts: int) -> None:
        """The throttle voltage behind its filter, against the last two that were driven."""
        if counts < 0:
            return  # the fault of the converter, not of the output
        seen = counts * self._readback_scale // 1000
        high = self._mv if self._mv > self._mv_before else self._mv_before
        low = self._mv if self._mv < self._mv_before else self._mv_before
        if seen > high + _READBACK_MV:
            if self._readbacks_high < _READBACKS:
                self._readbacks_high += 1
            if self._readbacks_high >= _READBACKS:
                self.bits |= THROTTLE_HIGH
        else:
            self._readbacks_high = 0
        if seen < low - _READBACK_MV:
            if self._readbacks_low < _READBACKS:
                self._readbacks_low += 1
            if self._readbacks_low >= _READBACKS:
                self.bits |= THROTTLE_LOW
        else:
            self._readbacks_low = 0
            self.bits &= _ALL - THROTTLE_LOW

    def _stop(self, raw: Raw, out: Outputs, dt_ms: int) -> None:
        """Take traction; the contactor too where power goes on flowing; free it with the key."""
        if not self.is_tripped:
            self.is_tripped = True
            self._trip_w = self.power.power_w
        out.throttle_permille = 0
        out.throttle_mv = 0
        out.regen_permille = 0
        out.enable = 0
        out.guard = 0
        out.heartbeat = 0
        if self._tripped_ms < _OPEN_MS:
            self._tripped_ms += dt_ms
        due_ms = _OPEN_MS
        if self.power.flows:
            falls = self.power.power_w <= self._trip_w - (self._trip_w >> 3)
            due_ms = _CUT_MS if falls else self._obeys_ms
        if self._tripped_ms >= due_ms:
            self._cut = True
        if self._cut:
            out.contactor = 0
            out.precharge = 0
        if raw.key_on:
            self._off_ms = 0
            return
        if self._off_ms < _KEY_MS:
            self._off_ms += dt_ms
        if self._off_ms >= _KEY_MS and not (self.power.flows or self.torque.is_broken):
            self.bits = 0
            self.is_tripped = False
            self._tripped_ms = 0
            self._off_ms = 0
            self._cut = False
