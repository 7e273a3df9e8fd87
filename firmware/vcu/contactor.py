"""Contactor: the bus is pre-charged until it is measured at pack voltage, and only then closed.

Hazards: closing onto an empty bus welds the contacts; a pre-charge resistor
that is switched on again and again burns; a contact that is welded or stuck
must be known before anything relies on it. Rules: measured voltages only, a
timeout in every state, a cool-down after every attempt that failed (foxBMS),
a weld check before closing (Curtis), opening near zero current where possible.
"""

from micropython import const

from vcu.chemistry import FLOOR_MV
from vcu.params import Params
from vcu.signals import Signals

OPEN = const(0)
WELD_CHECK = const(1)
PRECHARGE = const(2)
OVERLAP = const(3)
CLOSED = const(4)
OPENING = const(5)
COOLDOWN = const(6)
FAILED = const(7)
NAMES = ("open", "weld_check", "precharge", "overlap", "closed", "opening", "cooldown", "failed")

# Why it FAILED last; forgotten when the key goes off or the next attempt begins.
NOTHING = const(0)
WELDED = const(1)
STUCK_OPEN = const(2)
PRECHARGE_FAILED = const(3)
FAILURE_NAMES = ("nothing", "welded", "stuck_open", "precharge_failed")

# A bus that stays above this share of the pack with everything open is fed by a welded contact.
_WELDED_PERMILLE = const(900)
# Pre-charge shorter than this proves nothing: the bus may have been full already.
_PRECHARGE_MIN_MS = const(100)
# Coil pull-in, with the resistor still in parallel.
_OVERLAP_MS = const(300)
# A closed contactor drops millivolts; 5 V for half a second, either way, is an open one or a
# reading that cannot be relied on.
_STUCK_OPEN_CV = const(500)
_STUCK_OPEN_MS = const(500)
# Open under load rather than wait for a current that does not stop.
_OPENING_MS = const(200)
# At least this after an attempt that the driver broke off.
_ABORTED_COOLDOWN_MS = const(1000)
# Longer than any timeout; a car that stands at its socket for 12 days must not leave 2**30.
_TIME_MAX_MS = const(100000)


class Contactor:
    """Sequences pre-charge and main contactor; state is one of the consts above."""

    def __init__(self, params: Params) -> None:
        # Below what driving may sag it to, the pack or its reading is not what it should be.
        self._pack_min_cv = FLOOR_MV[params.get("chemistry")] * params.get("cell_count") // 10
        self._diff_cv = params.get("precharge_diff_cv")
        self._timeout_ms = params.get("precharge_timeout_ms")
        self._tries = params.get("precharge_tries")
        self._full_cooldown_ms = params.get("precharge_cooldown_ms")
        self._weld_check_ms = params.get("weld_check_ms")
        self._open_da = params.get("contactor_open_da")
        self.state = OPEN
        self.failure = NOTHING
        self.contactor_on = 0  # the outputs, functions of the state
        self.precharge_on = 0
        self.time_in_state_ms = 0
        self._failed_tries = 0
        self._cooldown_ms = 0
        self._apart_ms = 0

    def enter(self, state: int) -> None:
        """Change state and outputs; the only place that does."""
        self.state = state
        self.time_in_state_ms = 0
        self._apart_ms = 0
        self.contactor_on = 1 if OVERLAP <= state <= OPENING else 0
        self.precharge_on = 1 if state == PRECHARGE or state == OVERLAP else 0

    def step(self, wanted: bool, sig: Signals, dt_ms: int) -> None:
        """Move by dt_ms towards closed (wanted) or open."""
        if self.time_in_state_ms < _TIME_MAX_MS:
            self.time_in_state_ms += dt_ms
        state = self.state
        if state == CLOSED:
            self._closed(wanted, sig, dt_ms)
        elif state == OPEN:
            # No timeout: open is the safe state.
            if wanted and sig.pack_valid and sig.pack_cv > self._pack_min_cv:
                self.failure = NOTHING
                self.enter(WELD_CHECK)
        elif state == WELD_CHECK:
            self._weld_check(wanted, sig)
        elif state == PRECHARGE:
            self._precharge(wanted, sig)
        elif state == OVERLAP:
            if not wanted:
                self.enter(OPENING)
            elif self.time_in_state_ms >= _OVERLAP_MS:
                self.enter(CLOSED)
        elif state == OPENING:
            near_zero = -self._open_da < sig.pack_da < self._open_da
            if near_zero or self.time_in_state_ms >= _OPENING_MS:
                self.enter(OPEN)
        elif state == COOLDOWN:
            if self.time_in_state_ms >= self._cooldown_ms:
                self.enter(OPEN)
        elif not wanted:
            # FAILED has no timeout: it waits for the person to turn the key off.
            self._leave_failed()

    def _closed(self, wanted: bool, sig: Signals, dt_ms: int) -> None:
        """No timeout: closed is where the car drives."""
        if not wanted or not sig.pack_valid:
            self.enter(OPENING)
            return
        apart_cv = sig.pack_cv - sig.bus_cv
        if -_STUCK_OPEN_CV <= apart_cv <= _STUCK_OPEN_CV:
            self._apart_ms = 0
            self._failed_tries = 0
            return
        self._apart_ms += dt_ms
        if self._apart_ms >= _STUCK_OPEN_MS:
            self._fail(STUCK_OPEN)

    def _weld_check(self, wanted: bool, sig: Signals) -> None:
        if not wanted or not sig.pack_valid or sig.pack_cv <= self._pack_min_cv:
            self.enter(OPEN)
        elif sig.bus_cv < sig.pack_cv * _WELDED_PERMILLE // 1000:
            self.enter(PRECHARGE)
        elif self.time_in_state_ms >= self._weld_check_ms:
            self._fail(WELDED)

    def _precharge(self, wanted: bool, sig: Signals) -> None:
        if not wanted or not sig.pack_valid or sig.pack_cv <= self._pack_min_cv:
            # Broken off: the resistor cools as long as it was heated, in proportion.
            share = self.time_in_state_ms * 1000 // self._timeout_ms
            self._cooldown_ms = max(self._full_cooldown_ms * share // 1000, _ABORTED_COOLDOWN_MS)
            self.enter(COOLDOWN)
        elif self.time_in_state_ms >= self._timeout_ms:
            self._failed_tries += 1
            self._cooldown_ms = self._full_cooldown_ms
            if self._failed_tries >= self._tries:
                self._fail(PRECHARGE_FAILED)
            else:
                self.enter(COOLDOWN)
        elif (
            -self._diff_cv < sig.pack_cv - sig.bus_cv < self._diff_cv
            and self.time_in_state_ms >= _PRECHARGE_MIN_MS
        ):
            self.enter(OVERLAP)

    def _fail(self, failure: int) -> None:
        self.failure = failure
        self.enter(FAILED)

    def _leave_failed(self) -> None:
        if self.failure == PRECHARGE_FAILED:
            self._failed_tries = 0
            self.enter(COOLDOWN)
        else:
            self.enter(OPEN)
