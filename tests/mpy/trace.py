"""Trace: drives the sequences through the controller and prints a checksum of all it did in each.

    trace.py [ROUNDS] [NAME ...]     default: every sequence, three rounds

Prints `trace NAME CRC32HEX TICKS` per sequence, then what was reached. The
checksums are the same on every interpreter; every tick runs with the heap
locked, so that an allocation, or on 32 bits an integer above 2**30, fails. A
run of all the sequences fails where a mode, a contactor state, a limiter, a
phase of a charge or a sign that exists was never reached. The nights are the
charge alone; their ticks are its steps.
"""

import binascii
import gc
import struct
import sys

import micropython
from charges import NIGHTS
from night import Night
from sequences import SEQUENCES, Drive

from vcu import contactor, faults, limits, modes, patterns, shutoff
from vcu.charge import phases

_ROUNDS = 3
_CHUNK_TICKS = 64
_FORMAT = "<46i"
_SIZE = struct.calcsize(_FORMAT)
_CHARGE_FORMAT = "<30i"
_CHARGE_SIZE = struct.calcsize(_CHARGE_FORMAT)

FACTS = (
    "driving_forward", "driving_backward", "current_out", "current_in", "torque_accelerating",
    "torque_braking", "pushed", "held_back", "above_0_degc", "below_0_degc", "sensor_broken",
    "enable", "contactor", "precharge", "lamp", "buzzer", "fan", "hold", "released",
)  # fmt: skip


class Reached:
    """What the sequences have reached so far, as bitmasks over the firmware's own tables."""

    def __init__(self) -> None:
        self.modes = 0
        self.reasons = 0
        self.contactor = 0
        self.failures = 0
        self.limiters = 0
        self.patterns = 0
        self.shutoff = 0
        self.faults = [0] * faults.WORDS
        self.facts = 0
        self.phases = 0
        self.causes = 0
        self.night_phases = 0
        self.night_causes = 0
        self.night_faults = 0

    def note(self, loop) -> None:
        """Add one tick; allocates nothing."""
        out = loop.out
        sig = loop.sig
        self.modes |= 1 << loop.modes.mode
        self.reasons |= loop.modes.reasons
        self.contactor |= 1 << loop.contactor.state
        self.failures |= 1 << loop.contactor.failure
        self.limiters |= 1 << loop.chain.winner
        self.patterns |= 1 << loop.output.patterns.shown
        self.shutoff |= 1 << loop.shutoff.state
        active = loop.faults.active
        for word in range(faults.WORDS):
            self.faults[word] |= active[word]
        self.phases |= 1 << loop.charge.phase
        self.causes |= 1 << loop.charge.cause
        facts = 0
        if out.enable and sig.speed_mmps > 500:
            facts |= 1 << 1 if out.reverse else 1
        if sig.pack_da > 50:
            facts |= 1 << 2
        elif sig.pack_da < -50:
            facts |= 1 << 3
        if loop.torque_permille > 0:
            facts |= 1 << 4
        elif loop.torque_permille < 0:
            facts |= 1 << 5
        if loop.observer.disturbance_mmps2 > 100:
            facts |= 1 << 6
        elif loop.observer.disturbance_mmps2 < -100:
            facts |= 1 << 7
        if sig.battery_temp_valid:
            facts |= 1 << 8 if sig.battery_ddegc > 0 else 1 << 9
        else:
            facts |= 1 << 10
        facts |= out.enable << 11 | out.contactor << 12 | out.precharge << 13 | out.lamp << 14
        facts |= out.buzzer << 15 | out.fan << 16 | out.hold << 17
        if not out.hold:
            facts |= 1 << 18
        self.facts |= facts

    def note_night(self, charge) -> None:
        """Add one step of a charge alone; allocates nothing."""
        self.night_phases |= 1 << charge.phase
        self.night_causes |= 1 << charge.cause
        self.night_faults |= charge.bits

    def rows(self):
        """Return (what, mask, names) of each table."""
        return (
            ("modes", self.modes, modes.NAMES),
            ("reasons", self.reasons, modes.REASONS),
            ("contactor", self.contactor, contactor.NAMES),
            ("failures", self.failures, contactor.FAILURE_NAMES),
            ("limiters", self.limiters, limits.LIMITER_NAMES),
            ("patterns", self.patterns, patterns.NAMES),
            ("shutoff", self.shutoff, shutoff.NAMES),
            ("facts", self.facts, FACTS),
            ("phases", self.phases | self.night_phases, phases.NAMES),
            ("causes", self.causes | self.night_causes, phases.CAUSE_NAMES),
            ("found", self.night_faults, [row[1] for row in faults.TABLE[faults.SYSTEM][12:]]),
        ) + tuple(
            [
                ("faults", self.faults[word], [row[1] for row in faults.TABLE[word]])
                for word in range(faults.WORDS)
            ]
        )


def record(buffer, offset: int, loop) -> None:
    """Pack all that one tick decided into buffer; allocates nothing."""
    out = loop.out
    sig = loop.sig
    energy = loop.energy
    struct.pack_into(
        _FORMAT, buffer, offset,
        out.throttle_permille, out.throttle_mv, out.regen_permille,
        out.enable | out.reverse << 1 | out.contactor << 2 | out.precharge << 3
        | out.charger << 4 | out.lamp << 5 | out.buzzer << 6 | out.fan << 7 | out.hold << 8
        | out.guard << 9 | out.heartbeat << 10,
        loop.modes.mode, loop.modes.reasons, loop.contactor.state, loop.contactor.failure,
        loop.chain.winner, loop.torque_permille, loop.request.permille, loop.request.direction,
        loop.governor.limit_permille, loop.response.accel_full_mmps2,
        loop.observer.delivered_permille, loop.observer.disturbance_mmps2,
        sig.speed_mmps, sig.standstill_ms, sig.pedal_permille,
        sig.pack_cv, sig.bus_cv, sig.pack_da, sig.pack_rest_cv, loop.pack.resistance_mohm,
        sig.battery_ddegc, sig.motor_ddegc, sig.controller_ddegc,
        energy.soc_permille, energy.soc_uncertainty_permille, energy.odometer_m,
        energy.trip_mwh, energy.consumption_wh_km, energy.range_m, energy.range_uncertainty_m,
        loop.is_parked(), loop.guard.bits, loop.guard.wheel.speed_mmps, loop.plausibility.bits,
        loop.faults.active[0], loop.faults.active[1], loop.faults.active[2],
        loop.faults.active[3], loop.faults.stored[1], loop.recorder.ready,
        loop.governor.cap_mmps, loop.sense.pedal.travel_permille,
    )  # fmt: skip


def record_charge(buffer, offset: int, out, charge) -> None:
    """Pack all that one step of a charge decided into buffer; allocates nothing."""
    session = charge.session
    meter = charge.meter
    command = charge.command
    struct.pack_into(
        _CHARGE_FORMAT, buffer, offset,
        out.charger, out.charge_v_mv, out.charge_a_mv, charge.phase, charge.cause, charge.bits,
        charge.fault_id(), command.limit_cv, command.limit_ma, command.set_cv, command.set_ma,
        meter.voltage_cv, meter.current_ma, meter.zero_q4, charge.energy.left_mah,
        session.number, session.phase, session.total_s, session.phase_s, session.bulk_s,
        session.absorb_s, session.in_mah, session.limit_mah, session.bulk_ma,
        session.absorb_limit_s, session.least_ma, session.rested_cv, session.changes,
        session.latches, charge.warmth.hottest_ddegc,
    )  # fmt: skip


class Whole:
    """Steps the whole loop of a sequence, and records loop and charge."""

    size = _SIZE + _CHARGE_SIZE

    def __init__(self, sequence, rounds: int) -> None:
        self.drive = Drive(sequence, rounds)

    def step(self, buffer, offset: int, reached: Reached) -> None:
        """Run one tick; allocates nothing."""
        drive = self.drive
        loop = drive.loop
        drive.tick()
        record(buffer, offset, loop)
        record_charge(buffer, offset + _SIZE, loop.out, loop.charge)
        reached.note(loop)


class Alone:
    """Steps and records the charge alone."""

    size = _CHARGE_SIZE

    def __init__(self, sequence, rounds: int) -> None:
        self.drive = Night(sequence, rounds)

    def step(self, buffer, offset: int, reached: Reached) -> None:
        """Run one step; allocates nothing."""
        night = self.drive
        night.tick()
        record_charge(buffer, offset, night.out, night.charge)
        reached.note_night(night.charge)


def trace(run, reached: Reached) -> int:
    """Drive one sequence, print its line and return its ticks."""
    drive = run.drive
    size = run.size
    buffer = bytearray(size * _CHUNK_TICKS)
    checksum = 0
    heap_lock = micropython.heap_lock
    heap_unlock = micropython.heap_unlock
    try:
        while drive.done < drive.ticks:
            count = min(_CHUNK_TICKS, drive.ticks - drive.done)
            for i in range(count):
                heap_lock()
                try:
                    run.step(buffer, i * size, reached)
                finally:
                    heap_unlock()
            checksum = binascii.crc32(memoryview(buffer)[: count * size], checksum)
    except Exception:
        print("trace FAILED", drive.name, "in tick", drive.done)
        raise
    print("trace", drive.name, f"{checksum:08x}", drive.ticks)
    return drive.ticks


def main(arguments) -> int:
    """Trace the named sequences, or all, and return the exit status."""
    if getattr(sys.implementation, "_build", "") == "wasi":
        gc.disable()  # that build's collector frees live objects
    rounds = _ROUNDS
    if arguments and arguments[0].isdigit():
        rounds = int(arguments[0])
        arguments = arguments[1:]
    reached = Reached()
    ticks = 0
    for sequence in SEQUENCES:
        if not arguments or sequence[0] in arguments:
            ticks += trace(Whole(sequence, rounds), reached)
    for night in NIGHTS:
        if not arguments or night[0] in arguments:
            ticks += trace(Alone(night, rounds), reached)
    missing = 0
    for what, mask, names in reached.rows():
        print("reached", what, mask)
        for i in range(len(names)):
            if not arguments and not mask >> i & 1:
                missing += 1
                print("trace MISSING", what, names[i])
    print("total", ticks)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(getattr(sys, "argv", ())[1:]))
