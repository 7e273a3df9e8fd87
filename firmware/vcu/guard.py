"""Guard: an independent second look at what leaves the controller, and the power to stop it.

The idea is level 2 of E-Gas. Hazard: a fault of program, memory or output stage
anywhere else that makes the car pull. The guard shares with the rest only the
records it is handed: it keeps its own copies of what it must know, with the
complement of a sum over them, and its own arithmetic from the raw inputs.

Rules: torque at most 10 % above what the lower pedal channel asks; none with the
brake, the plug or the key against it, or against the selector; none above the
cap and 3 km/h; no power into the motor that nobody asked for. What breaks a rule
for 100 ms, or power in two looks, loses enable, the guard's own consent and the
heartbeat, all three, until the key is turned off; power that still flows 130 ms
later loses the contactor, under load, or as soon as a motor of its lag would
have let go and it has not begun to fall; after 170 ms it goes in any case.
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
# A motor loses two thirds of its power in its lag, which is no less than this: one that has
# not lost an eighth by then does not listen to the enable line.
_OBEYS_MIN_MS = const(60)
_LINE_MS = const(120)  # the heartbeat's pump takes up to 100 ms to fall
_LOOK_MAX_MS = const(20)
_LOOKS_MAX_MS = const(40)  # between two: what power did meanwhile nobody saw
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
_LAG_MMPS = const(500)  # that the speed may lie behind
_COARSE_LAG_MMPS = const(2000)  # where it is that of a whole second
# What no car does: 250 kg are 4 mm/s2 for each N, with 1.2 m/s2 of a hill; nor does one that
# nobody drives lose less than 0.2 m/s2, or than 2 m/s2 when it is braked.
_LIGHTEST_SHIFT = const(2)
_HILL_MMPS2 = const(1200)
_COAST_MMPS2 = const(200)
_BRAKE_MMPS2 = const(2000)
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
        self._is_coarse = 1 if self._spacing_um >= _COARSE_UM else 0
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
        self._force_n = values["wheel_force_n"]
        self._stall_w = values["stall_power_w"]
        self._idle_w = values["idle_power_w"]
        # Twice the motor's lag, for nobody knows the true one: a slower motor than this pulls
        # on, when nobody asks, for longer than it may.
        self._lags_ms = 2 * values["motor_lag_ms"]
        self._obeys_ms = min(max(values["motor_lag_ms"], _OBEYS_MIN_MS), _CUT_MS)
        self._zero_counts = values["pack_a_zero_counts"]
        self._watts_scale = pack_cv_per_1000_counts * pack_da_per_1000_counts // 1000
        self._readback_scale = throttle_readback_mv_per_1000_counts
        self._complement = ~self._sum()
        self.bits = 0
        self.is_tripped = False
        self.speed_mmps = 0
        self._is_powers_turn = False
        self._looks_due = 0  # of what follows a slot, one at a time
        # A bound method costs half of a call through its object.
        self._torque_step = self._judge_torque
        self._power_step = self._judge_power
        self._last_ms = 0
        self._broken_ms = 0
        self._was_broken = False
        self._was_powered = False
        self._power_w = 0
        self._trip_w = 0
        self._most_w = 0
        self._explained_w = 0  # what may flow by what has been asked since it flowed less
        self._silent = True  # no pulse in the newest slot, nor since
        self._rolls_mmps = 0  # how fast the car may be
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
        self._ways = array("H", [0] * _SLOTS)  # pulses by slot
        self._newer = 0
        self._older = 0
        self._rolling_slots = 0  # in a row with pulses
        self._slot = 0
        self._slot_ms = 0
        self._pulses = -1

    def step(self, raw: Raw, out: Outputs, dt_ms: int) -> None:
        """Judge out against raw, some of the rules each tick; take traction if tripped.

        Torque and power are judged at 50 Hz in turn, the wheel where a slot of its way ends, its
        speed in the tick after that and the copies two ticks later.
        """
        passed_ms = self._last_ms + dt_ms
        self._last_ms = dt_ms
        if self._is_powers_turn:
            self._is_powers_turn = False
            self._power_step(raw, passed_ms)
        else:
            self._is_powers_turn = True
            if self._looks_due:
                self._look_on()
            self._torque_step(raw, out, passed_ms)
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

    def _judge_torque(self, raw: Raw, out: Outputs, passed_ms: int) -> None:
        """What is asked of the motor, against pedal, brake, plug, key and selector."""
        # The higher of this tick's and the last one's, which was not looked at.
        most_mv = self._mv
        if out.throttle_mv > most_mv:
            most_mv = out.throttle_mv
        asked_mv = most_mv - self._start_mv
        envelope = self._envelope
        if asked_mv < 0:
            if envelope:
                lags_ms = self._lags_ms + passed_ms
                self._envelope = envelope * lags_ms // (lags_ms + passed_ms)
            self._was_broken = False
            if raw.brake_on:
                self._coasting_ms = 0
            elif self._coasting_ms < _LONG_MS:
                self._coasting_ms += passed_ms
            return
        self._coasting_ms = 0
        asked = asked_mv * 1000 // self._span_mv
        most = asked + _START_PERMILLE
        if most > 1000:
            most = 1000
        if most < envelope:
            lags_ms = self._lags_ms + passed_ms
            most += (envelope - most) * lags_ms // (lags_ms + passed_ms)
        self._envelope = most
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
        elif self._ahead_mmps > (self._reverse_mmps if reverse else self._cap_mmps):
            wrong = SPEED
        else:
            self._was_broken = False
            return
        self._broken_ms = self._broken_ms + passed_ms if self._was_broken else 0
        self._was_broken = True
        if self._broken_ms >= _RULE_MS:
            self.bits |= wrong

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

    def _judge_power(self, raw: Raw, passed_ms: int) -> None:
        """Power that flows, in two looks 20 ms apart, against what the torque asked can need."""
        amps = raw.pack_a_counts
        volts = raw.pack_v_counts
        envelope = self._envelope
        if self._silent and (envelope or self._rolls_mmps):
            self._roll_on(raw, passed_ms)
        flows = False
        power_w = 0
        if _MIN_COUNTS <= amps <= _MAX_COUNTS and 0 < volts <= _MAX_COUNTS:
            # 3050 * 1850 // 100 * 16 000 = 9e8
            power_w = volts * (amps - self._zero_counts) // 100 * self._watts_scale // 10000
            flows = power_w > self._idle_w
            if not envelope:
                self._most_w = self._explained_w = 0
            elif flows or self._explained_w:
                flows = self._exceeds_needed(power_w - self._idle_w, envelope, passed_ms)
        self._power_w = power_w
        if flows and self._was_powered:
            self.bits |= UNINTENDED
        self._was_powered = flows
        self._slot_ms = slot_ms = self._slot_ms + passed_ms
        if slot_ms >= _SLOT_MS:
            self._count_way(raw, slot_ms)

    def _exceeds_needed(self, power_w: int, envelope: int, passed_ms: int) -> bool:
        """Whether power beyond the idle one is more than the torque asked can need.

        That is at most 1.6 times force times speed, for losses and for a force that is known
        roughly. Beyond force times speed it is only what came with torque that was asked, or
        with speed: what else rises by more than the idle power is a motor that does not listen.
        """
        force_n = self._force_n * envelope // 1000
        rolls = self._rolls_mmps
        # 4000 N * 16 200 mm/s = 6.5e7
        needed_w = force_n * rolls // 1000 + self._stall_w * envelope // 1000 * envelope // 1000
        most_w = (needed_w << 3) // 5
        explained_w = self._explained_w
        if most_w > self._most_w:
            explained_w += most_w - self._most_w
        self._most_w = most_w
        if power_w > explained_w:
            # The lightest car gains most; and at the end of its speed a motor gives more the
            # slower it gets. 4000 N * 26 000 mm/s2 >> 10 = 1e5; * 4000 ms = 4e8
            gains = (force_n << _LIGHTEST_SHIFT) + _HILL_MMPS2 + (rolls >> 1)
            explained_w += (force_n * gains >> 10) * passed_ms >> 10
        if explained_w > most_w:
            explained_w = most_w
        over_w = power_w - explained_w
        flows = False
        if over_w <= 0:
            explained_w += over_w * passed_ms // (self._lags_ms + passed_ms)
        elif passed_ms > _LOOKS_MAX_MS:
            explained_w = power_w
            flows = power_w > most_w
        else:
            # An eighth of it is what a bad reading in between takes away from what is explained.
            jumps = over_w > self._idle_w + (power_w >> 3)
            flows = power_w > most_w or (jumps and power_w > needed_w)
        self._explained_w = explained_w
        return flows

    def _roll_on(self, raw: Raw, passed_ms: int) -> None:
        """A wheel without pulses stands, or its sensor is lost and the car goes on as it went."""
        rolls = self._rolls_mmps
        if raw.pulses_counts != self._pulses:
            self._silent = False
            rolls = self._fastest()
        elif self._envelope > _OVER_PERMILLE:
            force_n = self._force_n * self._envelope // 1000
            rolls += ((force_n << _LIGHTEST_SHIFT) + _HILL_MMPS2) * passed_ms // 1000
            if rolls > self._cap_mmps:
                rolls = self._cap_mmps
        else:
            rolls -= (_BRAKE_MMPS2 if raw.brake_on else _COAST_MMPS2) * passed_ms // 1000
            if rolls < 0:
                rolls = 0
        self._rolls_mmps = rolls

    def _count_way(self, raw: Raw, slot_ms: int) -> None:
        """The pulses of the slot that ends: sums of the newer and the older half second."""
        self._slot_ms = 0
        pulses = raw.pulses_counts
        new = (pulses - self._pulses) & 0xFFFF if self._pulses >= 0 else 0
        self._pulses = pulses
        if new > _MAX_PULSES:
            new = 0
        # Late ticks make a slot long: count as if it had been a regular one.
        if slot_ms > _LONG_SLOT_MS:
            self._steady_slots = 0
        elif self._steady_slots < _SLOTS:
            self._steady_slots += 1
        if slot_ms > _SLOT_MS:
            new = (new * _SLOT_MS + (slot_ms >> 1)) // slot_ms
        ways = self._ways
        slot = self._slot
        middle = ways[slot - _SLOTS // 2]
        self._newer += new - middle
        self._older += middle - ways[slot]
        ways[slot] = new
        self._slot = slot + 1 if slot < _SLOTS - 1 else 0
        if not new:
            self._rolling_slots = 0
        elif self._rolling_slots < _SLOTS:
            self._rolling_slots += 1
        self._silent = not new
        if self._looks_due:  # ticks so late that a slot ends before they were looked at
            self._check_copies()
        self._looks_due = 2

    def _look_on(self) -> None:
        """After a slot: the guard's own speed, then its own memory."""
        self._looks_due -= 1
        if not self._looks_due:
            self._check_copies()
        elif self._newer or self._older or self.speed_mmps:
            self._measure(self._newer, self._older)
            if not self._silent:
                self._rolls_mmps = self._fastest()

    def _measure(self, newer: int, older: int) -> None:
        """Speed from the pulses of the newer and of the older half second."""
        spacing = self._spacing_um >> 4  # 10 * 1000 * 550 000 would not fit: in 16 um
        gain = newer - older
        # With pulses in every slot: a wire that comes back is no acceleration.
        if (
            self._coasting_ms > _COASTING_MS
            and self._rolling_slots >= _SLOTS
            and (gain - 2) * spacing // 62 > _JERK_MM
        ):
            self.bits |= UNINTENDED
        if self._is_coarse:  # it needs the whole second
            ahead = speed = (newer + older) * spacing // 60
        else:
            ahead = speed = newer * spacing // 30
            # The middle of the half second lies 0.24 s back: go on as fast as it rose.
            if gain > 1 and self._steady_slots >= _SLOTS:
                ahead += (gain - 1) * spacing // 30
        self.speed_mmps = speed
        self._ahead_mmps = ahead

    def _fastest(self) -> int:
        """How fast a car may be whose wheel was just heard, mm/s; no faster than its cap."""
        rolls = self.speed_mmps + (_COARSE_LAG_MMPS if self._is_coarse else _LAG_MMPS)
        if self._ahead_mmps > rolls:
            rolls = self._ahead_mmps
        return rolls if rolls < self._cap_mmps else self._cap_mmps

    def _check_copies(self) -> None:
        if self._sum() != ~self._complement:
            self.bits |= DATA

    def _sum(self) -> int:
        """Every copy, in a sum: one that changes changes it. See the complement."""
        return (
            self._cap_mmps
            ^ self._reverse_mmps
            ^ self._spacing_um
            ^ self._is_coarse
            ^ self._start_mv
            ^ self._span_mv
            ^ self._force_n
            ^ self._stall_w
            ^ self._idle_w
            ^ self._lags_ms
            ^ self._obeys_ms
            ^ self._channels
            ^ self._a_released
            ^ self._a_span
            ^ self._a_low
            ^ self._a_high
            ^ self._b_released
            ^ self._b_span
            ^ self._b_low
            ^ self._b_high
            ^ self._zero_counts
            ^ self._watts_scale
            ^ self._readback_scale
        )

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
        if not self.is_tripped:
            self.is_tripped = True
            self._trip_w = self._power_w
        out.throttle_permille = 0
        out.throttle_mv = 0
        out.regen_permille = 0
        out.enable = 0
        out.guard = 0
        out.heartbeat = 0
        self._tripped_ms += dt_ms
        due_ms = _OPEN_MS
        if self._was_powered:
            falls = self._power_w <= self._trip_w - (self._trip_w >> 3)
            due_ms = _CUT_MS if falls else self._obeys_ms
        if self._tripped_ms >= due_ms:
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
