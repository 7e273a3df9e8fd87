"""Speed: where the wheel is, how fast, and what pushes it, from pulses and the torque delivered.

Pulses are never differentiated. An observer carries position, speed and the
acceleration that the known torque does not explain (grade, air, rolling,
brakes); each tick it predicts all three from the torque that the lag-modelled
motor delivers and corrects them by the distance between the predicted and the
counted position. Speed is a magnitude: one counter cannot tell direction.

Units inside: position in 10 um, so that 1 mm/s for 1 ms is 1/10; speed in
mm/s / 1024; the disturbance in mm/s2 / 16.
"""

from micropython import const

from vcu.params import Params
from vcu.signals import Raw, Signals

# Observer gains 3w, 3w**2, w**3 / 8 for w = 11 rad/s by count and 14 rad/s with stamps: slower,
# a light car is too fast before its crest is seen; faster, the noise holds it too far below.
_COUNT_L1 = const(33)
_COUNT_L2 = const(363)
_COUNT_L3_EIGHTH = const(166)
_STAMP_L1 = const(42)
_STAMP_L2 = const(588)
_STAMP_L3_EIGHTH = const(343)

# A stamp that disagrees by more than a sixteenth of the spacing and 0.4 ms of way came
# late. (The handler reads the counter as it stamps, so that being late costs at most
# one spacing.) Slower than this the prediction itself may be that far out: a launch.
_LATE_SHARE = const(25)  # mm/s to 10 um in 0.4 ms
_LATE_ABOVE_MMPS = const(6000)
_LATE_IN_A_ROW = const(3)
# Corrections between two edges further apart than this would be too large a step.
_MAX_CORRECTION_MS = const(22)
# No pulse for this long is a standstill, whatever the prediction says.
_STANDSTILL_MS = const(600)
_MAX_SPEED_Q = const(25000 * 1024)
_MAX_DISTURBANCE_Q = const(12000 * 16)
_AGE_LIMIT_MS = const(60000)
# The counter is sampled once between two ticks as well, at 4.5 to 0.5 ms before a tick:
# when a pulse is expected, for whether it has come halves what is not known of the place.
# (An earliest moment of 1 ms lets a wheel swing that makes two pulses per tick.)
# Where none is, golden-ratio steps (610 / 987, both Fibonacci) spread the moments evenly:
# at one fixed moment both readings are blind where the wheel makes half pulses per tick.
SAMPLE_MAX_US = const(4500)
_SAMPLE_MIN_US = const(500)
_AIM_ABOVE_MMPS = const(3000)
_SAMPLE_ROUND = const(987)
_SAMPLE_STEP = const(610)
# Pulses rarer than this bound the speed; an error beyond 0.8 m is counted as that.
_SLOW_MS = const(20)
_MAX_ERROR = const(80000)
_MAX_COUNT_ERROR = const(60000)
_MAX_POSITION = const(1000000)
# Motor and controller together turn about this much of the pack's power into force,
# above this speed; the slack keeps a poor guess from hiding real torque.
_EFFICIENCY_PERMILLE = const(880)
_POWER_ABOVE_MMPS = const(4000)
_POWER_SLACK_PERMILLE = const(40)


class SpeedObserver:
    """Estimates speed_mmps each tick; the governor also reads disturbance and torque response."""

    def __init__(self, params: Params) -> None:
        pulses = params.get("pulses_per_turn")
        # 2200 mm * 100 / 4 = 55 000 (10 um)
        self._spacing = params.get("wheel_circumference_mm") * 100 // pulses
        self._lag_ms = params.get("motor_lag_ms")
        self._wheel_force_n = params.get("wheel_force_n")
        self.pulses_counts: int = 0  # the counter as it was last read
        self._last_edge_pulses: int = 0
        self._started = False
        self._position: int = self._spacing // 2  # predicted, from the last counted pulse
        self._speed_q: int = 0
        self._disturbance_q: int = 0
        self._torque_q = 0  # torque after the lag, permille * 64
        self._power_permille = 1000
        self._pulse_age_ms: int = _AGE_LIMIT_MS
        self._edge_wait_ms = 0
        self._late = 0
        self._at_rest = True
        self._stands = True  # at rest: nothing but a pulse or torque changes that
        self.speed_mmps = 0
        self.disturbance_mmps2 = 0  # acceleration that the torque does not explain
        self.lagged_permille = 0  # torque that the throttle asked for, after the lag
        self.delivered_permille = 0  # torque at the wheels, positive accelerating the car

    def step(
        self, raw: Raw, sig: Signals, torque_permille: int, accel_full_mmps2: int, dt_ms: int
    ) -> None:
        """Advance by dt_ms with torque_permille commanded, positive accelerating the car.

        One long method, because a call costs as much as eight operations here.
        """
        pulses = raw.pulses_counts
        position = self._position
        age_ms = self._pulse_age_ms
        if self._stands:
            if not self._started:
                self._started = True
                self.pulses_counts = self._last_edge_pulses = pulses
            if pulses == self.pulses_counts and not torque_permille:
                # Most of a car's time, and a fifth of what these ticks would cost.
                if age_ms < _AGE_LIMIT_MS:
                    age_ms += dt_ms
                self._pulse_age_ms = sig.standstill_ms = age_ms
                return
            self._stands = False
        new = (pulses - self.pulses_counts) & 0xFFFF
        if new:
            self.pulses_counts = pulses
            # A counter that was reset jumps; no wheel turns 100 teeth in a tick.
            position -= (new if new < 100 else 100) * self._spacing
            age_ms = 0
        elif age_ms < _AGE_LIMIT_MS:
            age_ms += dt_ms
        self._pulse_age_ms = sig.standstill_ms = age_ms
        # The motor controller's lag; 1000 * 64 * 40 = 2.6e6
        torque_q = self._torque_q
        torque_q += (torque_permille * 64 - torque_q) * dt_ms // (self._lag_ms + dt_ms)
        self._torque_q = torque_q
        delivered = torque_q >> 6
        self.lagged_permille = delivered
        speed_q = self._speed_q
        if delivered > self._power_permille:
            delivered = self._power_permille
        self.delivered_permille = delivered
        # 20 000 mm/s2 * 1000 permille = 2e7, * 40 ms = 8e8; 1e6 / 1024 = 977.
        # 192 000 * 8 * 40 = 6.1e7
        disturbance_q = self._disturbance_q
        speed_q += accel_full_mmps2 * delivered * dt_ms // 977 + disturbance_q * 8 * dt_ms // 125
        speed_mmps = speed_q >> 10
        position += speed_mmps * dt_ms // 10
        if raw.edge_age_us < 0:
            # The wheel is somewhere between the last pulse and the next: expect the middle.
            spacing = self._spacing
            error = (spacing >> 1) - position
            age_us = raw.early_age_us
            if age_us >= 0:
                # The sample says the same of another moment. Both hold only in the room
                # that they leave together: what lies outside is wrong for sure and counts
                # whole, the pull to the middle, where the truth may not be, counts half.
                if age_us > 40000:
                    age_us = 40000
                # 25 000 mm/s * 4000 = 1e8
                surplus = (
                    speed_mmps * (age_us // 10) // 1000
                    - ((pulses - raw.early_pulses_counts) & 0x3F) * spacing
                )
                error += surplus >> 1
                room = (spacing - surplus if surplus > 0 else spacing + surplus) >> 1
                if room >= 0:
                    if error > room:
                        error += (error >> 1) - room
                    elif error < -room:
                        error += (error >> 1) + room
                    else:
                        error >>= 1
            if error > _MAX_COUNT_ERROR:
                error = _MAX_COUNT_ERROR
            elif error < -_MAX_COUNT_ERROR:
                error = -_MAX_COUNT_ERROR
            # 60 000 * 166 * 40 = 4.0e8
            position += error * _COUNT_L1 * dt_ms // 1000
            speed_q += error * _COUNT_L2 // 98 * dt_ms
            disturbance_q += error * _COUNT_L3_EIGHTH * dt_ms // 781
        else:
            self._edge_wait_ms += dt_ms
            if raw.edge_pulses_counts != self._last_edge_pulses:
                error = self._error_by_stamp(raw, position, speed_mmps)
                if self._at_rest:
                    # Where between two pulses the car stood was a guess: now it is known.
                    self._at_rest = False
                    position += error
                    self._edge_wait_ms = 0
                elif error:  # 0 says that the stamp came late
                    waited_ms = self._edge_wait_ms
                    self._edge_wait_ms = 0
                    if waited_ms > _MAX_CORRECTION_MS:
                        waited_ms = _MAX_CORRECTION_MS
                    # 80 000 * 343 * 22 = 6.0e8
                    position += error * _STAMP_L1 * waited_ms // 1000
                    speed_q += error * _STAMP_L2 // 98 * waited_ms
                    disturbance_q += error * _STAMP_L3_EIGHTH * waited_ms // 781
            elif position > self._spacing:
                # Past the next pulse without having seen it: it is not that fast.
                error = self._spacing - position
                if error < -_MAX_ERROR:
                    error = -_MAX_ERROR
                position += error
                speed_q += error * _STAMP_L2 // 98 * dt_ms
                disturbance_q += error * _STAMP_L3_EIGHTH // 781 * dt_ms
        if position > _MAX_POSITION or position < -_MAX_POSITION:
            position = self._spacing >> 1  # the count made no sense: start again from here
        if age_ms > _SLOW_MS:
            # No pulse: no faster than one spacing in that time, and at last not moving at all.
            ceiling_q = (self._spacing * 12 // age_ms) << 10
            if age_ms >= _STANDSTILL_MS:
                self._at_rest = True
                self._edge_wait_ms = 0  # a car at its socket for 12 days must not leave 2**30
                # Rounded down, what is left of braking never quite ends: not a permille of it.
                self._stands = -64 < torque_q < 64
                ceiling_q = 0
                position = self._spacing >> 1
                disturbance_q = 0
            if speed_q > ceiling_q:
                speed_q = ceiling_q
        if speed_q < 0:
            speed_q = 0
        elif speed_q > _MAX_SPEED_Q:
            speed_q = _MAX_SPEED_Q
        if disturbance_q > _MAX_DISTURBANCE_Q:
            disturbance_q = _MAX_DISTURBANCE_Q
        elif disturbance_q < -_MAX_DISTURBANCE_Q:
            disturbance_q = -_MAX_DISTURBANCE_Q
        self._position = position
        self._speed_q = speed_q
        self._disturbance_q = disturbance_q
        self.disturbance_mmps2 = disturbance_q >> 4
        self.speed_mmps = sig.speed_mmps = speed_q >> 10

    def skip(self, raw: Raw, dt_ms: int) -> None:
        """After a stall the way of the wheel says nothing about its speed: begin at this pulse.

        Called before the step of dt_ms that follows, which then finds the wheel where it
        expects it: a speed that fell here would lift the cap.
        """
        if raw.pulses_counts != self.pulses_counts:
            self._pulse_age_ms = -dt_ms
        self.pulses_counts = raw.pulses_counts
        self._last_edge_pulses = raw.edge_pulses_counts
        self._position = (self._spacing >> 1) - (self._speed_q >> 10) * dt_ms // 10
        self._edge_wait_ms = 0
        self._at_rest = True  # as after a standstill the first stamp says where, not how fast

    def sample_age_us(self, ticks: int) -> int:
        """Return how long before the next tick to sample the counter, 500 to 4500 us.

        ticks is the count of those done, of any size; at 0 it is the longest.
        """
        speed_mmps = self.speed_mmps
        if speed_mmps > _AIM_ABOVE_MMPS:
            # In 10 ms 1 mm/s is 10 um; 55 000 * 10 000 = 5.5e8
            age_us = (self._position + speed_mmps) % self._spacing * 10000 // speed_mmps
            while age_us < _SAMPLE_MIN_US:
                age_us += self._spacing * 10000 // speed_mmps
            if age_us <= SAMPLE_MAX_US:
                return age_us
        return SAMPLE_MAX_US - ticks % _SAMPLE_ROUND * _SAMPLE_STEP % _SAMPLE_ROUND * 7 // 2

    def weigh_power(self, sig: Signals) -> None:
        """At 25 Hz: bound the delivered torque by what the pack's power can be making.

        At its current limit a motor controller ignores most of its throttle, and
        a governor that believed the throttle would release too late.
        """
        speed_mmps = sig.speed_mmps
        if speed_mmps < _POWER_ABOVE_MMPS or not sig.pack_valid:
            self._power_permille = 1000
            return
        power_mw = sig.pack_cv * sig.pack_da  # 10 000 * 3000 = 3e7
        if power_mw < 0:
            power_mw = 0
        # mW / (mm/s) = N; at most 7500 N, * 880 = 6.6e6
        ceiling = power_mw // speed_mmps * _EFFICIENCY_PERMILLE // self._wheel_force_n
        self._power_permille = ceiling + _POWER_SLACK_PERMILLE

    def _error_by_stamp(self, raw: Raw, position: int, speed_mmps: int) -> int:
        """At the stamped edge the wheel was exactly on a pulse; 0 for a stamp that came late."""
        edge_pulses = raw.edge_pulses_counts
        self._last_edge_pulses = edge_pulses
        behind = (self.pulses_counts - edge_pulses) & 0x3F
        age_us = raw.edge_age_us
        if age_us > 40000:
            age_us = 40000
        # 25 000 mm/s * 4000 = 1e8
        error = speed_mmps * (age_us // 10) // 1000 - position - behind * self._spacing
        late = (self._spacing >> 4) + speed_mmps // _LATE_SHARE
        if speed_mmps < _LATE_ABOVE_MMPS:
            late = _MAX_ERROR
        if (error > late or error < -late) and self._late < _LATE_IN_A_ROW:
            self._late += 1
            return 0
        self._late = 0
        if error > _MAX_ERROR:
            return _MAX_ERROR
        return -_MAX_ERROR if error < -_MAX_ERROR else error
