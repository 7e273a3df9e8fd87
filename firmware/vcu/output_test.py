"""Output test: one output at a time, on a parked car with its key off, for 5 s at most.

Hazard: an output that moves, charges or burns something because a person asked for
it over a cable. Rules: mode SERVICE only; a touched control, a turned wheel, or an
asker who has not renewed the wish for 0.3 s ends it in the same tick.

The contactor closes dry: with no pack at it. A reading of no pack may be a broken
wire, and a contactor closed on an empty bus welds, so the pre-charge resistor is
tried first: a bus that it raises has a pack behind it. The charger's relay closes
with the plug out, where no mains reach the charger; with the plug in it is the
charge's alone, behind its limits and its BMS.
"""

from micropython import const

from vcu.modes import SERVICE
from vcu.signals import Raw, Signals

# What a test drives; PROBE is the contactor's first part.
NOTHING = const(0)
LAMP = const(1)
BUZZER = const(2)
FAN = const(3)
CONTACTOR = const(4)
CHARGER = const(5)
PROBE = const(6)
NAMES = ("nothing", "lamp", "buzzer", "fan", "contactor", "charger")

# Why it ended.
TIME = const(1)
ASKER = const(2)  # whoever asked took it back
SILENCE = const(3)  # whoever asked is gone
CONTROL = const(4)
WHEEL = const(5)
NOT_SERVICE = const(6)
LIVE = const(7)
CURRENT = const(8)

LONGEST_MS = const(5000)
# Beyond a slice that flash made late, and below what a person would wait for.
_SILENCE_MS = const(300)
# Two rounds of the mode, and one more for its way through OFF.
_WAIT_MS = const(200)
# A third of the pack even through a resistor and into a bus that take 1 s.
_PROBE_MS = const(400)
# Above what an ADC reads of nothing, below any pack's 15 V.
_DEAD_CV = const(600)
_TOUCHED_COUNTS = const(40)
# With the contactor open nothing flows into the pack but what a charger gives.
_CHARGED_DA = const(-20)


class OutputTest:
    """drives is what is to be driven; is_asked holds from ask() to its end, and ended says why.

    left_ms is what remains of the time that was asked for.
    """

    def __init__(
        self, raw: Raw, pack_cv_per_1000_counts: int, bus_cv_per_1000_counts: int
    ) -> None:
        self._raw = raw
        self._pack_scale = pack_cv_per_1000_counts
        self._bus_scale = bus_cv_per_1000_counts
        self.is_asked = False
        self.drives = NOTHING
        self.ended = NOTHING
        self.left_ms = 0
        self._wanted = NOTHING
        self._waited_ms = 0
        self._silent_ms = 0
        self._is_stopped = False
        self._controls = 0
        self._pedal_a = 0
        self._pedal_b = 0
        self._pulses = 0
        self._motor_pulses = 0

    def ask(self, wanted: int, most_ms: int) -> None:
        """Ask, between two ticks, for LAMP .. CHARGER, for at most LONGEST_MS."""
        raw = self._raw
        self._wanted = wanted
        self.left_ms = most_ms if most_ms < LONGEST_MS else LONGEST_MS
        self._waited_ms = 0
        self._silent_ms = 0
        self._is_stopped = False
        self._controls = self._read_controls()
        self._pedal_a = raw.pedal_a_counts
        self._pedal_b = raw.pedal_b_counts
        self._pulses = raw.pulses_counts
        self._motor_pulses = raw.motor_pulses_counts
        self.drives = NOTHING
        self.ended = NOTHING
        self.is_asked = True

    def renew(self) -> None:
        """Whoever asked is still there."""
        self._silent_ms = 0

    def stop(self) -> None:
        """Whoever asked takes it back: the next tick ends it."""
        self._is_stopped = True

    def is_dead(self) -> bool:
        """Return whether neither pack nor bus has a voltage; a failed reading is no proof."""
        raw = self._raw
        pack = raw.pack_v_counts
        bus = raw.bus_v_counts
        if pack < 0 or bus < 0:
            return False
        # 3300 counts * 4000 = 1.3e7
        dead = pack * self._pack_scale // 1000 < _DEAD_CV
        return dead and bus * self._bus_scale // 1000 < _DEAD_CV

    def step(self, sig: Signals, mode: int, dt_ms: int) -> None:
        """While it is asked for: dt_ms passed; decide what to drive, or end it."""
        reason = self._judge(sig, dt_ms)
        if reason:
            self._end(reason)
        elif mode != SERVICE:
            self._waited_ms += dt_ms
            if self.drives or self._waited_ms > _WAIT_MS:
                self._end(NOT_SERVICE)
        elif not self.drives:
            self._waited_ms = 0
            self.drives = PROBE if self._wanted == CONTACTOR else self._wanted
        elif self.drives == PROBE:
            self._waited_ms += dt_ms
            if self._waited_ms >= _PROBE_MS:
                self.drives = CONTACTOR
        else:
            self.left_ms -= dt_ms
            if self.left_ms <= 0:
                self._end(TIME)

    def _end(self, reason: int) -> None:
        self.is_asked = False
        self.drives = NOTHING
        self.ended = reason

    def _judge(self, sig: Signals, dt_ms: int) -> int:
        """Return why it must end now, or 0."""
        raw = self._raw
        self._silent_ms += dt_ms
        if self._is_stopped:
            return ASKER
        if raw.pulses_counts != self._pulses or raw.motor_pulses_counts != self._motor_pulses:
            return WHEEL
        if raw.key_on or raw.plug_in or self._read_controls() != self._controls:
            return CONTROL
        a = raw.pedal_a_counts - self._pedal_a
        b = raw.pedal_b_counts - self._pedal_b
        if not (
            -_TOUCHED_COUNTS <= a <= _TOUCHED_COUNTS and -_TOUCHED_COUNTS <= b <= _TOUCHED_COUNTS
        ):
            return CONTROL
        if self._silent_ms > _SILENCE_MS:
            return SILENCE
        if self._wanted == CONTACTOR and not self.is_dead():
            return LIVE
        if self._wanted == CHARGER and sig.pack_valid and sig.pack_da < _CHARGED_DA:
            return CURRENT
        return 0

    def _read_controls(self) -> int:
        raw = self._raw
        return (
            raw.key_on
            | raw.plug_in << 1
            | raw.brake_on << 2
            | raw.gear_forward_on << 3
            | raw.gear_reverse_on << 4
            | raw.enable_readback << 5
        )
