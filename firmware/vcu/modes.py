"""Modes: what the car is doing, and, when it does not drive, every reason why.

Transitions are a table in priority order; step() alone writes the mode. The
reasons are a bitmask in order of importance, refreshed a few times a second in
every mode.
"""

from micropython import const

SELFTEST = const(0)
OFF = const(1)
PRECHARGE = const(2)
READY = const(3)
DRIVE = const(4)
CHARGE = const(5)
SERVICE = const(6)
FAULT = const(7)
NAMES = ("SELFTEST", "OFF", "PRECHARGE", "READY", "DRIVE", "CHARGE", "SERVICE", "FAULT")

# Why the car does not drive, the most important first; bit i is REASONS[i].
REASONS = (
    "self_test_running",
    "fault_stops_the_car",
    "parameters_broken",
    "contactor_failed",
    "pack_not_readable",
    "plugged_in",
    "key_off",
    "service",
    "testing_shutoff",
    "precharging",
    "precharge_cooling_down",
    "pedal_not_readable",
    "pedal_fault_until_released",
    "gear_conflict",
    "gear_not_seen_in_neutral",
    "pedal_not_seen_released",
    "gear_neutral",
    "moving_or_pedal_pressed",
    "brake_pressed",
    "torque_limited_to_zero",
    "pedal_released",
)


class Conditions:
    """The facts that transitions and reasons are made of, as flags, refreshed before each use."""

    def __init__(self) -> None:
        self.parameters_ok = False
        self.stopped = False  # a fault of class STOP is active
        self.testing_shutoff = False
        self.pedal_held = False
        self.sensors_ok = 0
        self.pack_ok = 0
        self.pedal_ok = 0
        self.key_on = 0
        self.plugged_in = 1
        self.parked = False
        self.service_wanted = False
        self.contactor_open = True
        self.contactor_closed = False
        self.contactor_failed = False
        self.cooling_down = False
        self.gear_conflict = False
        self.gear_selected = False
        self.direction_engaged = False
        self.seen_neutral = False
        self.seen_released = False
        self.brake_on = 1
        self.torque_wanted = False
        self.torque_given = False


def _tested(c: Conditions) -> bool:
    return c.sensors_ok != 0


def _failed(c: Conditions) -> bool:
    return c.contactor_failed or c.stopped


def _stopped_at_start(c: Conditions) -> bool:
    return c.stopped and c.key_on != 0 and not c.plugged_in


def _failure_over(c: Conditions) -> bool:
    # Not before the contactor is open: the way back to driving begins with its weld check.
    over = c.key_on == 0 or c.plugged_in != 0 or not c.stopped
    return over and c.contactor_open


def _plugged_and_open(c: Conditions) -> bool:
    return c.plugged_in != 0 and c.contactor_open


def _unplugged(c: Conditions) -> bool:
    return not c.plugged_in


def _service(c: Conditions) -> bool:
    return c.service_wanted and c.parked and c.contactor_open


def _service_over(c: Conditions) -> bool:
    return not c.service_wanted or not c.parked


def _start(c: Conditions) -> bool:
    may_close = c.parameters_ok and c.pack_ok != 0 and not c.service_wanted
    may_close = may_close and not c.contactor_failed and not c.stopped
    return may_close and c.key_on != 0 and not c.plugged_in


def _stop(c: Conditions) -> bool:
    return c.key_on == 0 or c.plugged_in != 0 or c.pack_ok == 0


def _closed(c: Conditions) -> bool:
    return c.contactor_closed


def _engaged(c: Conditions) -> bool:
    return c.direction_engaged


def _disengaged(c: Conditions) -> bool:
    return not c.direction_engaged


# From each mode, in the order of NAMES: first matching row wins. No mode has a
# timeout of its own: SELFTEST ends with the first round of the sensors (its
# reason stays shown), PRECHARGE is bounded by the contactor's timeouts, and each
# of the others is where a person left it.
# fmt: off
_TABLE = (
    ((OFF, _tested),),
    ((CHARGE, _plugged_and_open), (SERVICE, _service), (FAULT, _stopped_at_start),
     (PRECHARGE, _start)),
    ((FAULT, _failed), (OFF, _stop), (READY, _closed)),
    ((FAULT, _failed), (OFF, _stop), (DRIVE, _engaged)),
    ((FAULT, _failed), (OFF, _stop), (READY, _disengaged)),
    ((OFF, _unplugged),),
    ((OFF, _service_over),),
    ((OFF, _failure_over),),
)
# fmt: on


class Modes:
    """mode is one of the consts above; reasons is the bitmask, 0 while torque is given."""

    def __init__(self) -> None:
        self.mode = SELFTEST
        self.reasons = 1

    def step(self, conditions: Conditions) -> bool:
        """Take the first transition that holds, at most one; return whether there was one."""
        for target, guard in _TABLE[self.mode]:
            if guard(conditions):
                self.mode = target
                return True
        return False

    def wants_contactor(self) -> bool:
        """Return whether the contactor is to be closed."""
        mode = self.mode
        return mode == PRECHARGE or mode == READY or mode == DRIVE

    def explain(self, c: Conditions) -> None:
        """Refresh reasons; call after the torque of this tick is known."""
        mode = self.mode
        reasons = 1 if mode == SELFTEST else 0
        if c.stopped:
            reasons |= 1 << 1
        if not c.parameters_ok:
            reasons |= 1 << 2
        if c.contactor_failed:
            reasons |= 1 << 3
        if not c.pack_ok:
            reasons |= 1 << 4
        if c.plugged_in:
            reasons |= 1 << 5
        if not c.key_on:
            reasons |= 1 << 6
        if mode == SERVICE:
            reasons |= 1 << 7
        if c.testing_shutoff:
            reasons |= 1 << 8
        elif mode == PRECHARGE:
            reasons |= 1 << 9
        if c.cooling_down:
            reasons |= 1 << 10
        if c.pedal_held:
            reasons |= 1 << 12
        elif not c.pedal_ok:
            reasons |= 1 << 11
        if c.gear_conflict:
            reasons |= 1 << 13
        if mode == READY or mode == DRIVE:
            reasons |= self._driver_reasons(c)
        self.reasons = reasons

    def _driver_reasons(self, c: Conditions) -> int:
        reasons = 0
        if not c.seen_neutral:
            reasons |= 1 << 14
        if not c.seen_released:
            reasons |= 1 << 15
        if not c.gear_selected:
            reasons |= 1 << 16
        elif not c.direction_engaged and c.seen_neutral and c.seen_released:
            reasons |= 1 << 17
        if c.brake_on:
            reasons |= 1 << 18
        if c.direction_engaged and not c.brake_on and c.pedal_ok:
            if not c.torque_wanted:
                reasons |= 1 << 20
            elif not c.torque_given:
                reasons |= 1 << 19
        return reasons
