"""Shutoff: at each key-on every way to switch traction off is used once, and seen to work.

Hazard: a stuck gate, or a heartbeat pump that does not fall, is found only when
it is needed. Rule: before the bus gets any voltage the enable line is raised
against each of its gates in turn and read back; it must stay low against a low
guard, a low enable and a missing heartbeat, and be high when all three are
there. (The contactor's own off-path is its weld check.)
"""

from micropython import const

from vcu.signals import Outputs, Raw

IDLE = const(0)
GUARD_LOW = const(1)
ENABLE_LOW = const(2)
ALL_HIGH = const(3)
HEARTBEAT_GONE = const(4)
DRAINING = const(5)
PASSED = const(6)
FAILED = const(7)
NAMES = (
    "idle", "guard_low", "enable_low", "all_high", "heartbeat_gone", "draining", "passed",
    "failed",
)  # fmt: skip

# A gate answers in microseconds; two ticks and one more for a late one.
_GATE_MS = const(40)
# The pump drops the line within 100 ms of the last beat.
_PUMP_MS = const(150)


class Shutoff:
    """Runs once per key-on; state is one of the consts above, failed_at the step that failed."""

    def __init__(self) -> None:
        self.state = IDLE
        self.failed_at = IDLE
        self._state_ms = 0

    def reset(self) -> None:
        """The key is off: the next key-on tests again."""
        self.state = IDLE

    def start(self) -> None:
        """Begin, unless it has run since the key was turned on."""
        if self.state == IDLE:
            self._enter(GUARD_LOW)
            self._state_ms = -1  # its levels are not driven before the first step ends

    def is_running(self) -> bool:
        """Return whether outputs are the test's."""
        return IDLE < self.state < PASSED

    def step(self, raw: Raw, out: Outputs, dt_ms: int) -> None:
        """Judge what the last tick's levels gave, then set enable, guard and heartbeat.

        Called on for a few ticks after the end, it changes nothing.
        """
        if not self.is_running():
            return
        self._state_ms = self._state_ms + dt_ms if self._state_ms >= 0 else 0
        state = self.state
        high = raw.enable_readback
        if state == ALL_HIGH:
            if high and self._state_ms >= _GATE_MS:
                self._enter(HEARTBEAT_GONE)
            elif self._state_ms >= _PUMP_MS:
                self._fail()
        elif state == HEARTBEAT_GONE:
            if self._state_ms >= _PUMP_MS:
                if high:
                    self._fail()
                else:
                    self._enter(DRAINING)
        elif self._state_ms >= _GATE_MS:
            if high:
                self._fail()
            else:
                self._enter(state + 1)
        state = self.state
        out.enable = 1 if state == GUARD_LOW or ALL_HIGH <= state <= HEARTBEAT_GONE else 0
        out.guard = 1 if ENABLE_LOW <= state <= HEARTBEAT_GONE else 0
        out.heartbeat = 0 if state == HEARTBEAT_GONE else 1

    def _fail(self) -> None:
        self.failed_at = self.state
        self._enter(FAILED)

    def _enter(self, state: int) -> None:
        self.state = state
        self._state_ms = 0
