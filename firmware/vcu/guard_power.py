"""Guard's power: whether power flows into the motor that nobody asked for.

Hazard: a shorted throttle wire, a failed output stage or a motor controller that
is stuck on pulls without any torque having been commanded. What may flow is force
times speed and what the motor loses, of what has been asked; both are known
roughly. What rises by more than that, though no more is asked, is a motor that
does not listen.
"""

from micropython import const

from vcu.guard_wheel import ANY_MMPS2, GuardWheel
from vcu.signals import Raw

_OVER_MMPS = const(640)
_ASKED_PERMILLE = const(100)
_LOOKS_MAX_MS = const(40)  # between two: what power did meanwhile nobody saw
# A wheel that is heard turns no further in silence than from one pulse to the next.
_SILENT_MMPS = const(1000)
# What no car does: 250 kg are 4 mm/s2 for each N, with 1.2 m/s2 of a hill; nor does one that
# nobody drives lose less than 0.2 m/s2, or than 2 m/s2 when it is braked.
_LIGHTEST_SHIFT = const(2)
_HILL_MMPS2 = const(1200)
_COAST_MMPS2 = const(200)
_BRAKE_MMPS2 = const(2000)
# With a quarter more force than is known it gains a quarter more, and that at a quarter more
# power for each m/s: 4 * 1.25 * 1.25.
_STRONGEST_MMPS2_PER_N = const(6)
# So many slots after more was asked, by so much in one, the wheel has told what that gains.
_TELLS_SLOTS = const(8)
_MORE_PERMILLE = const(30)
# As much more than flows two looks may read by the noise of the current's sensor alone: four
# times that of a cheap one at 88 V. Lights and heaters are in the idle power.
_NOISE_W = const(120)
_MIN_COUNTS = const(100)
_MAX_COUNTS = const(3050)


class GuardPower:
    """step() looks at the power, roll() and listen() at the wheel after a slot of its way.

    power_w is what flowed out of the pack in the last look, flows whether it was
    more than what has been asked can need.
    """

    def __init__(
        self,
        values: "dict[str, int]",
        pack_cv_per_1000_counts: int,
        pack_da_per_1000_counts: int,
        lags_ms: int,
        wheel: GuardWheel,
    ) -> None:
        """Copy what is needed of the parameters' values by name; lags_ms is the motor's, twice."""
        self._wheel = wheel
        self._cap_mmps = values["speed_cap_kmh"] * 2500 // 9 + _OVER_MMPS
        self._force_n = values["wheel_force_n"]
        self._stall_w = values["stall_power_w"]
        self._idle_w = values["idle_power_w"]
        self._lags_ms = lags_ms
        self._zero_counts = values["pack_a_zero_counts"]
        self._watts_scale = pack_cv_per_1000_counts * pack_da_per_1000_counts // 1000
        self._complement = 0
        self._complement = ~self.sum()
        self.power_w = 0
        self.flows = False
        self._asked = 0  # the envelope of the last look
        self._explained_w = 0  # what may flow by what has been asked since it flowed less
        self._rolls_mmps = 0  # how fast the car may have been
        self._rolled_ms = 0  # so long ago
        self._gains_mmps2 = ANY_MMPS2  # by how much it may rise, as its wheel says
        self._slot_asked = 0  # the envelope of the last slot
        self._even_slots = 0  # since it rose

    def step(self, raw: Raw, envelope: int, passed_ms: int) -> bool:
        """Return whether power flowed, in two looks, that an envelope of torque cannot need.

        Envelope is the torque that the motor may still have, permille.
        """
        self._rolled_ms += passed_ms
        amps = raw.pack_a_counts
        volts = raw.pack_v_counts
        flows = False
        power_w = 0
        if _MIN_COUNTS <= amps <= _MAX_COUNTS and 0 < volts <= _MAX_COUNTS:
            # 3050 * 1850 // 100 * 16 000 = 9e8
            power_w = volts * (amps - self._zero_counts) // 100 * self._watts_scale // 10000
            over_w = power_w - self._idle_w
            flows = over_w > _NOISE_W
            if envelope:
                flows = self._exceeds_needed(over_w, envelope, passed_ms) and flows
            else:
                self._asked = 0
                self._explained_w = -self._idle_w
        self.power_w = power_w
        was_flowing = self.flows
        self.flows = flows
        return flows and was_flowing

    def _exceeds_needed(self, power_w: int, envelope: int, passed_ms: int) -> bool:
        """Whether power beyond the idle one is more than the torque asked can need.

        That is at most 1.6 times force times speed, for losses and for a force that is known
        roughly. Beyond force times speed it is only what came with torque that was asked, or
        with speed, which rises as the wheel says, or as that of the lightest car while more is
        asked: what else rises by more than the idle power is a motor that does not listen.
        """
        force_n = self._force_n * envelope // 1000
        # 17 200 mm/s2 * 4000 ms = 6.9e7
        gains = (force_n << _LIGHTEST_SHIFT) + _HILL_MMPS2
        rolls = self._rolls_mmps + (gains * self._rolled_ms >> 10)
        if rolls > self._cap_mmps:
            rolls = self._cap_mmps
        # 4000 N * 16 200 mm/s = 6.5e7
        stall_w = self._stall_w * envelope // 1000 * envelope // 1000
        needed_w = force_n * rolls // 1000 + stall_w
        most_w = (needed_w << 3) // 5
        explained_w = self._explained_w
        asked = self._asked
        if envelope > asked:
            # With a quarter more for the force.
            was_w = self._force_n * asked // 1000 * rolls // 1000
            was_w += self._stall_w * asked // 1000 * asked // 1000
            explained_w += (needed_w - was_w) * 5 >> 2
        self._asked = envelope
        if power_w > explained_w:
            # At the end of its speed a motor gives more the slower it gets.
            # 4000 N * 33 000 mm/s2 >> 10 = 1.3e5; * 4000 ms = 5.2e8
            gains = force_n * _STRONGEST_MMPS2_PER_N
            if gains > self._gains_mmps2:
                gains = self._gains_mmps2
            gains += _HILL_MMPS2 + (rolls >> 1)
            explained_w += (force_n * gains >> 10) * passed_ms >> 10
        if explained_w > most_w:
            explained_w = most_w
        over_w = power_w - explained_w
        flows = False
        if over_w <= 0:
            explained_w += over_w * passed_ms // (self._lags_ms + passed_ms)
            if explained_w < -self._idle_w:  # what went into the pack is not missing later
                explained_w = -self._idle_w
        elif passed_ms > _LOOKS_MAX_MS:
            explained_w = power_w
            flows = power_w > most_w
        elif power_w > most_w and power_w > needed_w + _NOISE_W:
            flows = True
        # An eighth of it is what a bad reading in between takes away from what is explained.
        elif over_w > self._idle_w + (power_w >> 3):
            if rolls > _SILENT_MMPS and self._wheel.is_silent:
                needed_w = force_n * _SILENT_MMPS // 1000 + stall_w
            flows = power_w > needed_w
        self._explained_w = explained_w
        return flows

    def roll(self, envelope: int, brake_on: int) -> None:
        """Say how fast the car may be at the end of a slot; no faster than its cap.

        A wheel without pulses stands, or its sensor is lost and the car goes on as it went.
        """
        wheel = self._wheel
        if not wheel.is_silent:
            rolls = wheel.fastest_mmps
        else:
            rolls = self._rolls_mmps
            if envelope > _ASKED_PERMILLE:
                gains = (self._force_n * envelope // 1000 << _LIGHTEST_SHIFT) + _HILL_MMPS2
                rolls += gains * self._rolled_ms // 1000
            elif rolls:
                rolls -= (_BRAKE_MMPS2 if brake_on else _COAST_MMPS2) * self._rolled_ms // 1000
                if rolls < 0:
                    rolls = 0
        if envelope > self._slot_asked + _MORE_PERMILLE:
            self._even_slots = 0
            self._gains_mmps2 = ANY_MMPS2
        elif self._even_slots < _TELLS_SLOTS:
            self._even_slots += 1
        self._slot_asked = envelope
        self._rolled_ms = 0
        self._rolls_mmps = rolls if rolls < self._cap_mmps else self._cap_mmps

    def listen(self) -> None:
        """Let the wheel say how fast the car gains, where no more was asked for a second."""
        if self._even_slots >= _TELLS_SLOTS:
            self._gains_mmps2 = self._wheel.gains_mmps2()

    def sum(self) -> int:
        """Return -1 for as long as every copy is as it was written: see the complement."""
        return (
            self._cap_mmps
            ^ self._force_n
            ^ self._stall_w
            ^ self._idle_w
            ^ self._lags_ms
            ^ self._zero_counts
            ^ self._watts_scale
            ^ self._complement
        )
