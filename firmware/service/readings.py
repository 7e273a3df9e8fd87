"""Readings: what a person reads beside each reason: what is measured now, and what is needed.

A template is text in which %x is replaced by the reading of that letter; one
short template for each name of vcu.modes.REASONS.
"""

from service import charge_readings
from service.reply import Reply
from vcu import contactor, modes, shutoff
from vcu.charge import phases
from vcu.limits import LIMITER_NAMES
from vcu.loop import Loop
from vcu.params import Params
from vcu.pedal import RELEASED_HYSTERESIS_PERMILLE, channel

NEEDS = (
    ("self_test_running", "sensors not all read, needs one round of each"),
    ("fault_stops_the_car", "fault of class STOP, needs its end"),
    ("parameters_broken", "rules broken, needs none; `save` names them"),
    ("contactor_failed", "contactor %e, needs repair and key off"),
    ("pack_not_readable", "counts pack %1 bus %2 current %3, needs 0..3050, current 100.."),
    ("plugged_in", "plug reads in, needs out"),
    ("key_off", "key reads off, needs on"),
    ("service", "service mode, needs its end"),
    ("testing_shutoff", "at %t, needs passed"),
    ("precharging", "bus %u V, needs %w V"),
    ("precharge_cooling_down", "rested %n s, needs at most %N s"),
    ("pedal_not_readable", "counts A %a, needs %A; B %b, needs %B"),
    ("pedal_fault_until_released", "pedal %p %, needs below %r %, channels alike"),
    ("gear_conflict", "gear reads F and R, needs one"),
    ("gear_not_seen_in_neutral", "gear reads %f, needs N once"),
    ("pedal_not_seen_released", "pedal %p %, needs below %r % once"),
    ("gear_neutral", "gear reads N, needs F or R"),
    ("moving_or_pedal_pressed", "%s km/h, pedal %p %, needs below 3.0 and %r"),
    ("brake_pressed", "brake reads pressed, needs released"),
    ("torque_limited_to_zero", "limited by %l, needs less of it"),
    ("pedal_released", "pedal %p %, needs above %d %"),
)


class Readings:
    """Fills templates from the loop; takes the pedal's calibration when the loop does."""

    def __init__(self, loop: Loop, params: Params) -> None:
        self._loop = loop
        get = params.get
        self._a_channel = channel(params, "pedal_a_released_counts", "pedal_a_pressed_counts")
        self._b_channel = channel(params, "pedal_b_released_counts", "pedal_b_pressed_counts")
        self._deadband = get("pedal_deadband_permille")
        self._diff_cv = get("precharge_diff_cv")
        self._cooldown_ms = get("precharge_cooldown_ms")
        self.cap_kmh = get("speed_cap_kmh")

    def reason(self, reply: Reply, index: int) -> None:
        """Write "slug: reading, needs reading" for one bit of the reasons."""
        name = modes.REASONS[index]
        reply.text("  " + name)
        for slug, template in NEEDS:
            if slug == name:
                reply.text(": ")
                self.fill(reply, template)
        reply.end()

    def fill(self, reply: Reply, template: str) -> None:
        """Write template with its readings; a % before no letter of a reading is itself."""
        # As bytes: MicroPython looks up every piece that it takes from a string.
        text = memoryview(template.encode())
        start = 0
        while True:
            at = template.find("%", start)
            if at < 0:
                break
            reply.data(text[start:at])
            letter = template[at + 1 : at + 2]
            start = at + 2
            if not self._write(reply, letter):
                reply.data(text[at:start])
        reply.data(text[start:])

    def _write(self, reply: Reply, letter: str) -> bool:
        raw = self._loop.raw
        if letter == "a":
            reply.number(raw.pedal_a_counts)
        elif letter == "A":
            _write_range(reply, self._a_channel)
        elif letter == "b":
            reply.number(raw.pedal_b_counts)
        elif letter == "B":
            _write_range(reply, self._b_channel)
        elif letter == "p":
            reply.number(self._loop.sense.pedal.travel_permille, 1)
        elif letter == "r":
            reply.number(self._deadband - RELEASED_HYSTERESIS_PERMILLE, 1)
        elif letter == "d":
            reply.number(self._deadband, 1)
        elif letter == "f":
            reply.text(("N", "F", "R", "F+R")[raw.gear_forward_on + 2 * raw.gear_reverse_on])
        elif letter == "1":
            reply.number(raw.pack_v_counts)
        elif letter == "2":
            reply.number(raw.bus_v_counts)
        elif letter == "3":
            reply.number(raw.pack_a_counts)
        else:
            return self._write_state(reply, letter)
        return True

    def _write_state(self, reply: Reply, letter: str) -> bool:
        loop = self._loop
        sig = loop.sig
        if letter == "s":
            reply.number(sig.speed_mmps * 36 // 1000, 1)
        elif letter == "u":
            reply.number(sig.bus_cv, 2)
        elif letter == "v":
            reply.number(sig.pack_cv, 2)
        elif letter == "w":
            reply.number(sig.pack_cv - self._diff_cv, 2)
        elif letter == "i":
            reply.number(sig.pack_da, 1)
        elif letter == "q":
            reply.number(sig.soc_permille, 1)
        elif letter == "m":
            reply.text(modes.NAMES[loop.modes.mode])
        elif letter == "c":
            reply.text(contactor.NAMES[loop.contactor.state])
        elif letter == "t":
            reply.text(shutoff.NAMES[loop.shutoff.state])
        elif letter == "g":
            reply.text(shutoff.NAMES[loop.shutoff.failed_at])
        elif letter == "e":
            reply.text(contactor.FAILURE_NAMES[loop.contactor.failure])
        elif letter == "n":
            reply.number(loop.contactor.time_in_state_ms // 100, 1)
        elif letter == "N":
            reply.number(self._cooldown_ms // 100, 1)
        elif letter == "l":
            reply.text(LIMITER_NAMES[loop.chain.winner])
        elif letter == "o":
            reply.number(loop.torque_permille, 1)
        else:
            return charge_readings.write(loop, reply, letter)
        return True

    def charge(self, reply: Reply) -> None:
        """Write phase and cause of the charge, with what is measured and what is needed."""
        charge = self._loop.charge
        reply.text(phases.NAMES[charge.phase] + ", ")
        name = phases.CAUSE_NAMES[charge.cause]
        reply.text(name)
        for slug, template in charge_readings.CAUSES:
            if slug == name:
                reply.text(": ")
                self.fill(reply, template)


def _write_range(reply: Reply, shape: "tuple[int, int, int, int]") -> None:
    reply.number(shape[2])
    reply.text("..")
    reply.number(shape[3])
