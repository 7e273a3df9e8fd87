"""Calibration steps: leads a person through them, and measures what was asked for.

Hazard: a pedal that is pressed to be measured must not move the car. Pedal, brake and
current sensor are measured with the key off and the contactor open.
"""

from micropython import const

from service import calibration
from service.calibration import BRAKE, CURRENT, NOISE_COUNTS, PEDAL, STEPS, WHEEL
from service.context import Context
from service.error_codes import MOVING, NOT_NOW, OUT_OF_RANGE, WRONG_ORDER
from vcu import contactor
from vcu.loop import PARKED_MS

# Half a second of samples; 2 s for the current, whose noise is its error.
_SLICES = const(50)
_CURRENT_SLICES = const(200)
_STEP_TEXTS = (
    "",
    ("let the pedal go, then `step`", "press the pedal down to its end and hold it, then `step`"),
    ("let the brake go, then `step`", "press the brake and hold it, then `step`"),
    ("switch off lights and heater, then `step`",),
)
# What a person sees of it.
READINGS = "pedal a %a mV, b %b mV, current %3 mV = %i A"


def say_readings(context: Context) -> None:
    """Write what the sensors read now."""
    context.line(READINGS)


def say_next(context: Context) -> None:
    """Write what the person is to do next."""
    running = context.calibration
    if running.is_measured():
        context.reply.line("let go of it, then `accept` takes it over")
        return
    reply = context.reply
    texts = _STEP_TEXTS[running.what]
    reply.number(running.step + 1)
    reply.text(" of ")
    reply.number(STEPS[running.what])
    reply.line(": " + texts[running.step % len(texts)])


def may_begin(context: Context, what: int) -> bool:
    """Return whether it may begin or end now, or say why not."""
    if context.desk.loop.raw.plug_in:
        context.reply.error(NOT_NOW, "plugged in; nothing changed; unplug first")
        return False
    return context.may_write(1) and (what == WHEEL or _is_idle(context))


def _is_idle(context: Context) -> bool:
    """Return whether the car can do nothing whatever its pedal does, or say why not."""
    loop = context.desk.loop
    raw = loop.raw
    reply = context.reply
    if loop.sig.standstill_ms < PARKED_MS:
        reply.error(MOVING)
        context.line("%s km/h; nothing changed; stand 2 s, then again")
    elif raw.plug_in:
        reply.error(NOT_NOW, "plugged in; nothing changed; unplug, then again")
    elif raw.key_on:
        reply.error(NOT_NOW, "key on; nothing changed; turn it off, leave USB in, then again")
    elif raw.gear_forward_on or raw.gear_reverse_on:
        reply.error(NOT_NOW)
        context.line("gear %f; nothing changed; select N, then again")
    elif loop.contactor.state != contactor.OPEN:
        reply.error(NOT_NOW)
        context.line("contactor %c; nothing changed; wait until it is open, then again")
    else:
        return True
    return False


def is_under_way(context: Context, what: int) -> bool:
    """Return whether this calibration is, or say that it is not."""
    if context.calibration.what == what:
        return True
    name = calibration.NAMES[what]
    context.reply.error(
        WRONG_ORDER, name + " is not under way; nothing changed; `cal " + name + " start`"
    )
    return False


def measure_step(context: Context, what: int, words: "list[str]"):
    """Measure for half a second what the last line asked for."""
    running = context.calibration
    if not is_under_way(context, what):
        return
    if running.is_measured():
        context.reply.error(WRONG_ORDER, "no step is left; nothing changed; `accept` or `abort`")
        return
    if not _is_idle(context):
        return
    measured: "list[int]" = []
    for _ in _measure(context, what, measured):
        yield
    if context.reply.has_failed or not _is_idle(context):
        return
    running.take(measured[0], measured[1])
    say_readings(context)
    yield
    say_next(context)
    yield


def _measure(context: Context, what: int, measured: "list[int]"):
    """Put the means of both channels into measured, or say why they are none."""
    raw = context.desk.loop.raw
    is_current = what == CURRENT
    slices = _CURRENT_SLICES if is_current else _SLICES
    wants_brake = 1 if context.calibration.wants_pressed() else 0
    has_b = what == PEDAL and context.desk.params.get("pedal_channels") == 2
    total_a = total_b = 0
    least_a = least_b = 4000
    most_a = most_b = -1
    for _ in range(slices):
        a = raw.pack_a_counts if is_current else raw.pedal_a_counts
        b = raw.pedal_b_counts if has_b else a
        total_a += a
        total_b += b
        least_a, most_a = min(least_a, a), max(most_a, a)
        least_b, most_b = min(least_b, b), max(most_b, b)
        if what == BRAKE and raw.brake_on != wants_brake:
            state = "pressed" if raw.brake_on else "released"
            context.reply.error(
                NOT_NOW, "brake reads " + state + "; step not taken; see its switch, `step` again"
            )
            return
        yield
    noise = max(most_a - least_a, most_b - least_b)
    if what == BRAKE or _is_usable(context, min(least_a, least_b), noise):
        measured.append((total_a + slices // 2) // slices)
        measured.append((total_b + slices // 2) // slices)


def _is_usable(context: Context, least: int, noise: int) -> bool:
    """Return whether every reading was taken and none moved, or say what was so."""
    reply = context.reply
    if least < 0:
        reply.error(OUT_OF_RANGE, "a reading failed; step not taken; see `io`, then `step` again")
    elif noise > NOISE_COUNTS:
        reply.error(OUT_OF_RANGE)
        reply.text("reading moved ")
        reply.number(noise)
        reply.text(" mV, ")
        reply.number(NOISE_COUNTS)
        reply.line(" at most; step not taken; hold still, see wires, `step` again")
    else:
        return True
    return False
