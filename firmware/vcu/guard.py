"""Guard: an independent second look at what leaves the controller, and the power to stop it.

The idea is level 2 of E-Gas. Hazard: a fault of program, memory or output stage
anywhere else that makes the car pull. The guard shares with the rest only the
records it is handed: it keeps its own copies of what it must know, with the
complement of two sums over them, and its own arithmetic from the raw inputs.

Rules: torque at most 10 % above what the lower pedal channel asks; none with the
brake, the plug or the key against it, or against the selector; none above the
cap and 3 km/h; no power into the motor that nobody asked for. What breaks a rule
for 100 ms, or power in two looks, loses enable, the guard's own consent and the
heartbeat, all three, until the key is turned off; power that still flows 130 ms
later loses the contactor, under load, and 40 ms after that it goes in any case.
"""

from array import array

from micropython import const

from vcu.signals import SLOW_THROTTLE_READBACK, Outputs, Raw

# Bits of bits, in the order of rows 4 and up of the fault table's TRACTION word.
UNINTENDED = const(1)
TORQUE = const(2)
SPEED = const(4)
CONFLICT = const(8)
DATA = const(16)
THROTTLE_HIGH = const(32)
THROTTLE_LOW = const(64)
ENABLE_ON = const(128)
ENABLE_OFF = const(256)
_TRIPS = const(1 | 2 | 4 | 8 | 16 | 32 | 128)
_ALL = const(511)

_OVER_PERMILLE = const(100)
# A motor controller may begin at a lower voltage than its parameter says.
_START_PERMILLE = const(60)
_OVER_MMPS = const(640)  # 3 km/h, less what the measurement lags behind
# Torque is released within 100 ms: a rule broken for longer than that is broken.
_RULE_MS = const(100)
_CUT_MS = const(130)
_OPEN_MS = const(170)
_LINE_MS = const(120)  # the heartbeat's pump takes up to 100 ms to fall
_LOOK_MAX_MS = const(20)
_READBACK_MV = const(300)
_READBACKS = const(2)
_KEY_MS = const(500)
_LONG_MS = const(10000)
# Eight slots of 120 ms of the wheel's way.
_SLOTS = const(8)
_SLOT_MS = const(120)
_LONG_SLOT_MS = const(128)
_MAX_PULSES = const(1000)
_COARSE_UM = const(140000)
# Steeper than any road: 3 m/s2, as a difference between two half seconds.
_JERK_MM = const(700)
_COASTING_MS = const(1500)
_MIN_COUNTS = const(100)
_MAX_COUNTS = const(3050)


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
        self._cap_mmps = values["speed_cap_kmh"] * 2500 // 9 + _OVER_MMPS
        self._reverse_mmps = values["reverse_cap_kmh"] * 2500 // 9 + _OVER_MMPS
        self._spacing_um = values["wheel_circumference_mm"] * 1000 // values["pulses_per_turn"]
        self._a_released = values["pedal_a_released_counts"]
        self._a_span = values["pedal_a_pressed_counts"] - values["pedal_a_released_counts"]
        self._b_released = values["pedal_b_released_counts"]
        self._b_span = values["pedal_b_pressed_counts"] - values["pedal_b_released_counts"]
        self._slack = values["pedal_slack_counts"]
        self._channels = values["pedal_channels"]
        self._start_mv = values["throttle_start_mv"]
        self._span_mv = values["throttle_full_mv"] - values["throttle_start_mv"]
        self._force_n = values["wheel_force_n"]
        self._stall_w = values["stall_power_w"]
        self._idle_w = values["idle_power_w"]
        self._lag_ms = values["motor_lag_ms"]
        self._zero_counts = values["pack_a_zero_counts"]
        self._pack_scale = pack_cv_per_1000_counts
        self._amps_scale = pack_da_per_1000_counts
        self._readback_scale = throttle_readback_mv_per_1000_counts
        self._complement_1 = ~self._sum_1()
        self._complement_2 = ~self._sum_2()
        self.bits = 0
        self.is_tripped = False
        self.speed_mmps = 0
        self._turn = 0
        self._passed_ms = 0
        self._since_wheel_ms = 0
        self._broken_ms = 0
        self._was_broken = False
        self._was_powered = False
        self._envelope = 0  # torque that the motor may still have, permille
        self._coasting_ms = 0
        self._tripped_ms = 0
        self._cut = False
        self._off_ms = 0
        self._line_ms = 0
        self._line_was = 0
        self._mv = 0
        self._mv_before = 0
        self._readbacks_high = 0
        self._readbacks_low = 0
        self._ahead_mmps = 0
        self._steady_slots = 0  # of regular length, since the last that was not
        self._silent = True  # no pulse in the newest slot
        self._ways = array("H", [0] * _SLOTS)  # pulses by slot
        self._slot = 0
        self._slot_ms = 0
        self._pulses = -1

    def step(self, raw: Raw, out: Outputs, dt_ms: int) -> None:
        """Judge out against raw, some of the rules each tick; take traction if tripped.

        Torque and power are judged at 50 Hz in turn, the wheel at 25.
        """
        turn = self._turn
        self._turn = turn + 1 & 3
        self._passed_ms = passed_ms = self._passed_ms + dt_ms
        self._since_wheel_ms += dt_ms
        if turn & 1 == 0:
            self._passed_ms = 0
            self._judge_torque(raw, out, passed_ms)
            if raw.enable_readback != self._line_was or self._line_ms:
                self._judge_line(raw.enable_readback, passed_ms)
        else:
            self._judge_power(raw)
            if turn == 3:
                self._judge_wheel(raw, self._since_wheel_ms)
                self._since_wheel_ms = 0
        if raw.slow_index == SLOW_THROTTLE_READBACK:
            self._judge_readback(raw.slow_counts)
        if self.bits & _TRIPS or self.is_tripped:
            self._stop(raw, out, dt_ms)
        self._line_was = out.enable & out.guard & out.heartbeat
        self._mv_before = self._mv
        self._mv = out.throttle_mv

    def _judge_torque(self, raw: Raw, out: Outputs, passed_ms: int) -> None:
        """What is asked of the motor, against pedal, brake, plug, key and selector."""
        # The higher of this tick's and the last one's, which was not looked at.
        most_mv = out.throttle_mv if out.throttle_mv > self._mv else self._mv
        asked = (most_mv - self._start_mv) * 1000 // self._span_mv
        wrong = 0
        envelope = self._envelope
        # More than twice the motor's lag: one that is up to twice as slow as its parameter, of
        # which nobody knows the true one, still gives less than this.
        lags_ms = self._lag_ms * 5 >> 1
        envelope = envelope * lags_ms // (lags_ms + passed_ms)
        if asked >= 0:
            self._coasting_ms = 0
            most = asked + _START_PERMILLE
            if most > envelope:
                envelope = most if most < 1000 else 1000
            if (
                raw.brake_on
                or raw.plug_in
                or not raw.key_on
                or raw.gear_forward_on == raw.gear_reverse_on
                or out.reverse != raw.gear_reverse_on
            ):
                wrong = CONFLICT
            elif asked > _OVER_PERMILLE and asked > self._pedal(raw) + _OVER_PERMILLE:
                wrong = TORQUE
            elif self._ahead_mmps > (self._reverse_mmps if out.reverse else self._cap_mmps):
                wrong = SPEED
        elif self._coasting_ms < _LONG_MS:
            self._coasting_ms += passed_ms
        self._envelope = envelope
        if wrong:
            if self._was_broken:
                self._broken_ms += passed_ms
                if self._broken_ms >= _RULE_MS:
                    self.bits |= wrong
            self._was_broken = True
        else:
            self._was_broken = False
            self._broken_ms = 0

    def _pedal(self, raw: Raw) -> int:
        """Return the travel that the lower believable channel allows, permille."""
        lowest = 2000
        slack = self._slack
        span = self._a_span
        way = raw.pedal_a_counts - self._a_released
        if span < 0:
            span = -span
            way = -way
        if -slack <= way <= span + slack and raw.pedal_a_counts > 0:
            lowest = way * 1000 // span
        if self._channels == 2:
            span = self._b_span
            way = raw.pedal_b_counts - self._b_released
            if span < 0:
                span = -span
                way = -way
            if -slack <= way <= span + slack and raw.pedal_b_counts > 0:
                way = way * 1000 // span
                if way < lowest:
                    lowest = way
        if lowest == 2000:
            return 0  # nothing to believe: no more than the tolerance
        return lowest if lowest > 0 else 0

    def _judge_power(self, raw: Raw) -> None:
        """Power that flows, in two looks 20 ms apart, against what the torque asked can need."""
        amps = raw.pack_a_counts
        volts = raw.pack_v_counts
        flows = False
        envelope = self._envelope
        if _MIN_COUNTS <= amps <= _MAX_COUNTS and 0 < volts <= _MAX_COUNTS:
            # 3050 * 4000 // 1000 = 12 200 cV; 1800 * 4000 // 1000 = 7200 dA; 8.8e7 mW
            volts = volts * self._pack_scale // 1000
            amps = (amps - self._zero_counts) * self._amps_scale // 1000
            power_w = volts * amps // 1000
            if power_w > self._idle_w:
                # 1.6 times force times speed, for losses and for a force that is known roughly,
                # with 0.5 m/s that the speed may lag behind, 2 m/s where it is of a whole second.
                # A wheel without pulses may be as fast as the cap.
                # 4000 N * 1600 / 1000 * 27 500 mm/s = 1.8e8
                speed = self._cap_mmps if self._silent else self.speed_mmps
                speed += 500 if self._spacing_um < _COARSE_UM else 2000
                needed_w = self._force_n * envelope // 1000 * 8 // 5 * speed // 1000
                needed_w += self._stall_w * envelope // 1000 * envelope // 625
                flows = power_w > self._idle_w + needed_w
        if flows and self._was_powered:
            self.bits |= UNINTENDED
        self._was_powered = flows

    def _judge_wheel(self, raw: Raw, passed_ms: int) -> None:
        """The guard's own speed, from the pulses of the last second; and its own memory."""
        if self._pulses < 0:
            self._pulses = raw.pulses_counts
        if raw.brake_on:
            self._coasting_ms = 0
        self._slot_ms += passed_ms
        if self._slot_ms < _SLOT_MS:
            return
        new = (raw.pulses_counts - self._pulses) & 0xFFFF
        self._pulses = raw.pulses_counts
        if new > _MAX_PULSES:
            new = 0
        # Late ticks make a slot long: count as if it had been a regular one.
        if self._slot_ms > _LONG_SLOT_MS:
            self._steady_slots = 0
        elif self._steady_slots < _SLOTS:
            self._steady_slots += 1
        if self._slot_ms > _SLOT_MS:
            new = (new * _SLOT_MS + (self._slot_ms >> 1)) // self._slot_ms
        self._slot_ms = 0
        slot = self._slot
        self._ways[slot] = new
        self._slot = slot = slot + 1 if slot < _SLOTS - 1 else 0
        self._measure(slot)
        if self._sum_1() != ~self._complement_1 or self._sum_2() != ~self._complement_2:
            self.bits |= DATA

    def _sum_1(self) -> int:
        """Every copy, in two sums: one that changes changes its sum. See the complements."""
        return (
            self._cap_mmps
            ^ self._reverse_mmps
            ^ self._spacing_um
            ^ self._start_mv
            ^ self._span_mv
            ^ self._force_n
            ^ self._stall_w
            ^ self._idle_w
            ^ self._lag_ms
            ^ self._channels
        )

    def _sum_2(self) -> int:
        return (
            self._a_released
            ^ self._a_span
            ^ self._b_released
            ^ self._b_span
            ^ self._slack
            ^ self._zero_counts
            ^ self._pack_scale
            ^ self._amps_scale
            ^ self._readback_scale
        )

    def _measure(self, slot: int) -> None:
        """The newer and the older half second; slot is the oldest of the ring."""
        ways = self._ways
        older = 0
        newer = 0
        rolls = True  # in every slot: a wire that comes back is no acceleration
        for i in range(_SLOTS):
            if not ways[slot]:
                rolls = False
            if i < _SLOTS // 2:
                older += ways[slot]
            else:
                newer += ways[slot]
            slot = slot + 1 if slot < _SLOTS - 1 else 0
        faster_mm = (newer - older - 2) * (self._spacing_um >> 4) // 62
        if rolls and self._coasting_ms > _COASTING_MS and faster_mm > _JERK_MM:
            self.bits |= UNINTENDED
        # slot is the oldest again, the one before it the newest.
        self._silent = ways[slot - 1] == 0
        spacing = self._spacing_um
        # Coarse wheels need the whole second. 10 * 1000 * 550 000 would not fit: in 16 um.
        if spacing < _COARSE_UM:
            self.speed_mmps = newer * (spacing >> 4) // 30
        else:
            self.speed_mmps = (newer + older) * (spacing >> 4) // 60
        # The middle of the half second lies 0.24 s back: go on as fast as it rose.
        rise = newer - older - 1
        self._ahead_mmps = self.speed_mmps
        if rise > 0 and self._steady_slots >= _SLOTS and spacing < _COARSE_UM:
            self._ahead_mmps += rise * (spacing >> 4) // 30

    def _judge_line(self, high: int, dt_ms: int) -> None:
        """The enable line behind its gates against what was driven in the last tick."""
        if high == self._line_was:
            self._line_ms = 0
            self.bits &= _ALL - ENABLE_OFF
            return
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
            self._readbacks_high += 1
            if self._readbacks_high >= _READBACKS:
                self.bits |= THROTTLE_HIGH
        else:
            self._readbacks_high = 0
        if seen < low - _READBACK_MV:
            self._readbacks_low += 1
            if self._readbacks_low >= _READBACKS:
                self.bits |= THROTTLE_LOW
        else:
            self._readbacks_low = 0
            self.bits &= _ALL - THROTTLE_LOW

    def _stop(self, raw: Raw, out: Outputs, dt_ms: int) -> None:
        """Take traction; the contactor too where power goes on flowing; free it with the key."""
        self.is_tripped = True
        out.throttle_permille = 0
        out.throttle_mv = 0
        out.regen_permille = 0
        out.enable = 0
        out.guard = 0
        out.heartbeat = 0
        self._tripped_ms += dt_ms
        if self._tripped_ms >= (_CUT_MS if self._was_powered else _OPEN_MS):
            self._cut = True
        if self._cut:
            out.contactor = 0
            out.precharge = 0
        if raw.key_on:
            self._off_ms = 0
            return
        self._off_ms += dt_ms
        if self._off_ms >= _KEY_MS and not (self._was_powered or self._was_broken):
            self.bits = 0
            self.is_tripped = False
            self._tripped_ms = 0
            self._cut = False
