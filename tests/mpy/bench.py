"""Bench: times the controller's tick, sorted by what it was doing, and the pieces of a charge.

    bench.py [NAME ...]     default: every sequence but the corners, one round

Prints `bench NAME TICKS MICROSECONDS` per case, the sum over its ticks, and
`worst NAME MICROSECONDS`, its longest single tick; then, of the charge alone,
`piece NAME STEPS MICROSECONDS WORST`: one tick in eight has one while the
contactor is open, in the place of the current ceilings, which are timed too, and
"around" is what the rest of such a tick takes. Only the controller is timed, not
its surroundings.
"""

import gc
import sys
import time
from array import array

# Also puts ticks_us into the time module of CPython.
import micropython
from charges import NIGHTS
from night import STEP_MS, Night
from sequences import SEQUENCES, Drive

from vcu import limits, modes
from vcu.request import REVERSE

IDLE = 0
PRECHARGE = 1
READY = 2
DRIVE = 3
AT_CAP = 4
LIMITED = 5
REGEN = 6
BACKWARD = 7
PLUGGED_IN = 8
SERVICE = 9
FAULT = 10
CHARGE = 11
CASES = (
    "idle", "precharge", "ready", "drive", "at_cap", "limited", "regen", "reverse", "plugged_in",
    "service", "fault", "charge",
)  # fmt: skip
# In their order in a round.
PIECES = (
    "measure", "charger", "heat", "look", "voltage", "current", "hinder", "steps", "tell",
    "limits", "ceilings", "around",
)  # fmt: skip
_LONG_S = 4000  # a longer night has no dearer steps, only more of them
_CEILINGS = 10
_AROUND = 11
_PLUGGED = ("charge_lfp", "charge_lead")


def case_of(loop) -> int:
    """Return what the tick that just ran was doing."""
    mode = loop.modes.mode
    if mode == modes.DRIVE:
        if loop.request.direction == REVERSE:
            return BACKWARD
        if loop.torque_permille < 0:
            return REGEN
        winner = loop.chain.winner
        if winner == limits.SPEED_CAP:
            return AT_CAP
        return DRIVE if winner == limits.NONE or winner == limits.SLEW else LIMITED
    if mode == modes.PRECHARGE:
        return PRECHARGE
    if mode == modes.READY:
        return READY
    if mode == modes.CHARGE:
        return CHARGE if loop.out.charger else PLUGGED_IN
    if mode == modes.SERVICE:
        return SERVICE
    return FAULT if mode == modes.FAULT else IDLE


class Times:
    """Sums and extremes by case; a sum is carried over before it leaves 2**30."""

    def __init__(self, cases: int) -> None:
        self.ticks = array("i", [0] * cases)
        self.worst_us = array("i", [0] * cases)
        self._sum_us = array("i", [0] * cases)
        self._carried_us = [0] * cases

    def add(self, case: int, spent_us: int) -> None:
        """Count one tick of case."""
        self.ticks[case] += 1
        if spent_us > self.worst_us[case]:
            self.worst_us[case] = spent_us
        self._sum_us[case] += spent_us
        if self._sum_us[case] > 1 << 28:
            self._carried_us[case] += self._sum_us[case]
            self._sum_us[case] = 0

    def total_us(self, case: int) -> int:
        """Return the sum over the ticks of case."""
        return self._carried_us[case] + self._sum_us[case]


def bench(sequence, times: Times) -> None:
    """Drive one round of sequence and time each tick, with the heap locked as on a board."""
    drive = Drive(sequence, 1)
    loop = drive.loop
    step = loop.step
    ticks_us = time.ticks_us
    ticks_diff = time.ticks_diff
    start = ticks_us()
    clock_us = ticks_diff(ticks_us(), start)  # what reading the clock costs
    while drive.done < drive.ticks:
        drive.advance()
        dt_ms = drive.dt_ms
        micropython.heap_lock()
        try:
            start = ticks_us()
            step(dt_ms)
            end = ticks_us()
        finally:
            micropython.heap_unlock()
        spent_us = ticks_diff(end, start) - clock_us
        times.add(case_of(loop), spent_us if spent_us > 0 else 0)


def bench_night(sequence, times: Times) -> None:
    """Time each piece of a charge alone, with the heap locked."""
    night = Night(sequence, 1)
    step = night.charge.step
    raw = night.raw
    ticks_us = time.ticks_us
    ticks_diff = time.ticks_diff
    start = ticks_us()
    clock_us = ticks_diff(ticks_us(), start)
    while night.done < night.ticks:
        piece = night.charge.piece
        night.advance()
        micropython.heap_lock()
        try:
            start = ticks_us()
            step(raw, STEP_MS)
            end = ticks_us()
        finally:
            micropython.heap_unlock()
        night.obey()
        spent_us = ticks_diff(end, start) - clock_us
        times.add(piece, spent_us if spent_us > 0 else 0)


def bench_ceilings(sequence, times: Times) -> None:
    """Time the current ceilings in a drive."""
    drive = Drive(sequence, 1)
    loop = drive.loop
    update = loop.allowances.update_current
    ticks_us = time.ticks_us
    ticks_diff = time.ticks_diff
    while drive.done < drive.ticks:
        drive.tick()
        if loop.out.enable:
            start = ticks_us()
            update(loop.sig)
            times.add(_CEILINGS, ticks_diff(ticks_us(), start))


class Timed:
    """Stands in the place of a charge's step, and notes what that took."""

    def __init__(self, step) -> None:
        self._step = step
        self.spent_us = 0

    def step(self, raw, passed_ms: int) -> None:
        """Do the piece."""
        start = time.ticks_us()
        self._step(raw, passed_ms)
        self.spent_us = time.ticks_diff(time.ticks_us(), start)


def bench_around(sequence, times: Times) -> None:
    """Time the ticks of a car that is plugged in, without their piece of the charge."""
    drive = Drive(sequence, 1)
    loop = drive.loop
    timed = Timed(loop.charge.step)
    loop.charge.step = timed.step
    while drive.done < drive.ticks:
        drive.advance()
        dt_ms = drive.dt_ms
        timed.spent_us = 0
        micropython.heap_lock()
        try:
            start = time.ticks_us()
            loop.step(dt_ms)
            end = time.ticks_us()
        finally:
            micropython.heap_unlock()
        if timed.spent_us and loop.modes.mode == modes.CHARGE:
            times.add(_AROUND, time.ticks_diff(end, start) - timed.spent_us)


def main(arguments) -> None:
    """Bench the named sequences, or all that are drives."""
    if getattr(sys.implementation, "_build", "") == "wasi":
        gc.disable()  # that build's collector frees live objects
    times = Times(len(CASES))
    for sequence in SEQUENCES:
        name = sequence[0]
        if name in arguments or (not arguments and not name.startswith("corners")):
            bench(sequence, times)
    for case in range(len(CASES)):
        if times.ticks[case]:
            print("bench", CASES[case], times.ticks[case], times.total_us(case))
            print("worst", CASES[case], times.worst_us[case])
    times = Times(len(PIECES))
    for night in NIGHTS:
        seconds = sum([step[0] for step in night[2]])
        if night[0] in arguments or (not arguments and seconds < _LONG_S):
            bench_night(night, times)
    if not arguments:
        bench_ceilings(SEQUENCES[2], times)
        for sequence in SEQUENCES:
            if sequence[0] in _PLUGGED:
                bench_around(sequence, times)
    for piece in range(len(PIECES)):
        if times.ticks[piece]:
            print(
                "piece", PIECES[piece], times.ticks[piece], times.total_us(piece),
                times.worst_us[piece],
            )  # fmt: skip


if __name__ == "__main__":
    main(getattr(sys, "argv", ())[1:])
