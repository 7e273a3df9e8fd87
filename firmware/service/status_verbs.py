"""Status verbs: why the car does or does not drive comes first, then how it is."""

from service.context import Context
from service.fault_verbs import name_row
from service.reply import Reply
from vcu import modes
from vcu.faults import CRAWL, WORD_SHIFT, WORDS, row_of


def _why(context: Context, words: "list[str]"):
    reasons = context.desk.loop.modes.reasons
    if not reasons:
        context.line("drives: torque %o %, limited by %l")
    else:
        context.reply.line("does not drive:")
    yield
    for i in range(len(modes.REASONS)):
        if reasons >> i & 1:
            context.readings.reason(context.reply, i)
            yield
    faults = context.desk.loop.faults
    for word in range(WORDS):
        bits = faults.active[word]
        number = word * WORD_SHIFT
        while bits:
            row = row_of(number) if bits & 1 else None
            bits >>= 1
            number += 1
            if row and row[3] <= CRAWL:
                context.reply.text("  fault ")
                name_row(context.reply, row)
                if row[1] == "shutoff_test_failed":
                    context.readings.fill(context.reply, ", at %g")
                context.reply.end()
                yield
    for _ in _why_not(context):
        yield


def _why_not(context: Context):
    """Write, of a car that is plugged in, why it does not charge, or that it does."""
    loop = context.desk.loop
    if loop.modes.mode == modes.CHARGE:
        context.reply.text("charges: " if loop.charge.enable else "does not charge: ")
        context.readings.charge(context.reply)
        context.reply.end()
        yield


def _status(context: Context, words: "list[str]"):
    for _ in _why(context, words):
        yield
    reply = context.reply
    desk = context.desk
    sig = desk.loop.sig
    context.line("mode %m, contactor %c, gear %f, pedal %p %")
    yield
    context.readings.fill(reply, "speed %s km/h")
    reply.text(", cap " if sig.speed_trusted else " not trusted, cap ")
    reply.number(context.readings.cap_kmh)
    reply.line(" km/h")
    yield
    context.line("pack %v V, %i A, charge %q %" if sig.pack_valid else "pack not readable")
    yield
    if desk.loop.raw.plug_in:
        context.line("charge in %C Ah, %U V, %I A in, target %G")
        yield
    reply.text("degC:")
    _temperature(reply, " battery ", sig.battery_ddegc, sig.battery_temp_valid)
    _temperature(reply, ", motor ", sig.motor_ddegc, sig.motor_temp_valid)
    _temperature(reply, ", controller ", sig.controller_ddegc, sig.controller_temp_valid)
    reply.end()
    yield
    context.line("limited by %l, torque %o %")
    yield
    reply.text("parked yes" if desk.is_parked() else "parked no")
    reply.line(", parameters edited, not saved" if desk.is_edited else "")
    yield
    reply.line("last run: " + desk.last_run[:100])
    yield


def _temperature(reply: Reply, name: str, ddegc: int, valid: int) -> None:
    reply.text(name)
    if valid:
        reply.number(ddegc, 1)
    else:
        reply.text("?")


ROWS = (
    ("status", 0, 0, _status, "  why it drives or not, and how the car is"),
    ("why", 0, 0, _why, "  why it drives or not"),
)
