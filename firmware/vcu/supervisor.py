"""Supervisor: which mode the car is in, when its contactor closes, which cap holds, and why not.

Everything that follows from it is asked of it by name: powered says that the
contactor is closed and traction permitted, tests_shutoff that the outputs are
the shut-off test's.
"""

from micropython import const

from vcu import contactor, modes, shutoff
from vcu.charge import phases
from vcu.contactor import OPENING
from vcu.governor import kmh_to_mmps
from vcu.limits import CRAWL, SPEED_CAP, WALK
from vcu.modes import Conditions
from vcu.params import Params
from vcu.request import NEUTRAL, REVERSE

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.loop import Loop

_NO_CAP_MMPS = const(100000)
_KEY_OFF_MS = const(100)


class Supervisor:
    """Chooses mode and cap, steps contactor and shut-off test: choose() at 12.5 Hz or when due."""

    def __init__(self, loop: "Loop", params: Params) -> None:
        self._loop = loop
        # Held here: a part reached through the loop would cost one operation more, each time.
        self._sig = loop.sig
        self._raw = loop.raw
        self._out = loop.out
        self._shutoff = loop.shutoff
        self._modes = loop.modes
        self._contactor = loop.contactor
        self._allowances = loop.allowances
        self._request = loop.request
        self._faults = loop.faults
        self._output = loop.output
        self._guard = loop.guard
        self._sense = loop.sense
        self._charge = loop.charge
        self._protection = loop.protection
        self._step_contactor = loop.contactor.step
        self._govern = loop.governor.choose
        self._reverse_torque_permille = params.get("reverse_torque_permille")
        self._walk_mmps = kmh_to_mmps(params.get("walk_cap_kmh"))
        self._crawl_mmps = kmh_to_mmps(params.get("crawl_cap_kmh"))
        self.parameters_ok = not params.broken_rules()
        self._charge.parameters_ok = self.parameters_ok
        self._conditions = Conditions()
        self._conditions.parameters_ok = self.parameters_ok
        self._facts = -1  # what the mode was last chosen from
        self._wants_contactor = False
        self.powered = False
        self.tests_shutoff = False
        self.key_on = 0  # without its bounces
        self._key_off_ms = -1  # while it is gone and may come back

    def is_due(self) -> bool:
        """Whether key, plug, person, gear, stop or an ending current calls for choose() now."""
        c = self._conditions
        raw = self._raw
        return (
            raw.key_on != self.key_on
            or self._key_off_ms >= 0
            or raw.plug_in != c.plugged_in
            or self._loop.service_wanted != c.service_wanted
            or (self._request.direction != NEUTRAL) != c.direction_engaged
            or self._contactor.state == OPENING
            or (self._faults.is_stopped or self._guard.is_tripped) != c.stopped
        )

    def choose(self, passed_ms: int) -> bool:
        """Choose mode and contactor, and return whether what they follow from has changed.

        Modes follow from a few flags: as long as those stand still, so does the mode.
        """
        raw = self._raw
        sig = self._sig
        relay = self._contactor
        # A key that bounces cuts the torque, in the request, but not the contactor.
        key_on = self.key_on
        if raw.key_on:
            self.key_on = key_on = 1
            self._key_off_ms = -1
        elif key_on:
            # It may have gone just now.
            self._key_off_ms = self._key_off_ms + passed_ms if self._key_off_ms >= 0 else 0
            if self._key_off_ms >= _KEY_OFF_MS:
                self.key_on = key_on = 0
                self._key_off_ms = -1
        facts = (
            key_on
            | raw.plug_in << 1
            | sig.pack_valid << 2
            | sig.slow_seen << 3
            | (self._request.direction + 1) << 4
            | relay.state << 6
            | self._shutoff.state << 9
        )
        if self._faults.is_stopped or self._guard.is_tripped:
            facts |= 1 << 13
        if self._charge.is_quiet and self._charge.phase == phases.OFF:
            facts |= 1 << 14
        changed = facts != self._facts
        # A wish that was taken back before the mode followed it must be seen, too.
        if changed or self._loop.service_wanted or self._conditions.service_wanted:
            self._facts = facts
            self._change_mode()
        self._step_contactor(self._wants_contactor, sig, passed_ms)
        return changed

    def choose_cap(self) -> None:
        """At 12.5 Hz: the lowest cap that anything asks for."""
        lower_mmps = _NO_CAP_MMPS
        name = SPEED_CAP
        if self._protection.walks:
            lower_mmps = self._walk_mmps
            name = WALK
        if self._faults.is_crawling and self._crawl_mmps < lower_mmps:
            lower_mmps = self._crawl_mmps
            name = CRAWL
        self._govern(self._request.direction == REVERSE, lower_mmps, name)

    def _change_mode(self) -> None:
        c = self._conditions
        raw = self._raw
        sig = self._sig
        state = self._contactor.state
        c.sensors_ok = sig.slow_seen
        c.pack_ok = sig.pack_valid
        c.key_on = self.key_on
        c.plugged_in = raw.plug_in
        c.stopped = self._faults.is_stopped or self._guard.is_tripped
        c.service_wanted = self._loop.service_wanted
        c.parked = self._loop.service_wanted and self._loop.is_parked()
        c.contactor_open = state == contactor.OPEN or state == contactor.COOLDOWN
        c.contactor_closed = state == contactor.CLOSED
        c.contactor_failed = state == contactor.FAILED
        c.direction_engaged = self._request.direction != NEUTRAL
        if self._modes.step(c):
            self._facts = -1  # another transition may follow in the next tick
        mode = self._modes.mode
        self._charge.allowed = mode == modes.CHARGE and raw.plug_in != 0 and c.contactor_open
        self._test_shutoff(mode)
        self._wants_contactor = self._modes.wants_contactor() and (
            self._shutoff.state == shutoff.PASSED
        )
        # Hazards: driving off on a charger that nobody can switch off; a charge that nobody has
        # ended, which goes on unchecked at the next plug. A contactor that is open closes only
        # after the charge is over and the pack's current was seen to rest.
        charge = self._charge
        if c.contactor_open and not (charge.is_quiet and charge.phase == phases.OFF):
            self._wants_contactor = False
        self.powered = c.contactor_closed and (mode == modes.READY or mode == modes.DRIVE)
        reverse = self._request.direction == REVERSE
        self._allowances.reverse.permille = self._reverse_torque_permille if reverse else 1000
        self.show()

    def _test_shutoff(self, mode: int) -> None:
        """Each key-on begins with the test of what switches traction off, the bus still dead."""
        if not self.key_on:
            self._shutoff.reset()
            if self._contactor.state != contactor.FAILED:
                # The key frees the fault's latch: the next key-on may try again.
                self._contactor.failure = contactor.NOTHING
        elif mode == modes.PRECHARGE:
            self._shutoff.start()
        elif self._shutoff.is_running():
            self._shutoff.reset()
        self.tests_shutoff = self._shutoff.is_running()

    def show(self) -> None:
        """At each change of mode and a few times a second: fan and hold, and who is too fast."""
        self._output.show(
            self._out, self._sig, self._modes.mode, self._contactor, self._loop.saving
        )

    def explain(self) -> None:
        """A few times a second: refresh the reasons why the car does not drive."""
        c = self._conditions
        request = self._request
        c.pedal_ok = self._sig.pedal_valid
        pedal = self._sense.pedal
        c.pedal_held = pedal.needs_release and pedal.is_readable
        c.contactor_failed = self._contactor.failure != contactor.NOTHING
        c.testing_shutoff = self.tests_shutoff
        c.brake_on = self._raw.brake_on
        c.cooling_down = self._contactor.state == contactor.COOLDOWN
        c.gear_conflict = bool(self._raw.gear_forward_on and self._raw.gear_reverse_on)
        c.gear_selected = request.selected != NEUTRAL
        c.seen_neutral = request.seen_neutral
        c.seen_released = request.seen_released
        c.torque_wanted = request.permille > 0
        c.torque_given = self._loop.torque_permille > 0
        self._modes.explain(c)
