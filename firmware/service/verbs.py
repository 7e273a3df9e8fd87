"""Verbs: what the console answers; each verb is a generator that writes one line and yields.

A yield hands the slice back, so that a long answer costs each tick one line. A
verb may ask the desk for something; it never acts on the car itself.
"""

from service.context import Context, unknown
from service.desk import COUNTER_NAMES, IDENTITY_NAMES
from service.fault_verbs import clear_verb, faults_verb, freeze_verb, name_row
from service.param_verbs import get_verb, save_verb, set_verb
from service.reply import BAD_ARGUMENT, UNKNOWN_COMMAND, Reply
from vcu import modes
from vcu.faults import CRAWL, WORD_SHIFT, WORDS, row_of
from vcu.params import TABLE

# A prime below 2**24: no edit of a single value leaves the sum as it was.
_SUM_MODULUS = 16777213


def answer(context: Context, words: "list[str]"):
    """Return the generator that answers a line of at least one word."""
    for verb, least, most, make, usage in VERBS:
        if verb == words[0]:
            if least < len(words) <= most + 1:
                return make(context, words)
            return _usage(context, verb + usage)
    return unknown(context, UNKNOWN_COMMAND, words[0], [row[0] for row in VERBS], "help")


def _usage(context: Context, usage: str):
    context.reply.error(BAD_ARGUMENT, "wrong number of words; nothing done; use: " + usage)
    yield


def _help(context: Context, words: "list[str]"):
    for verb, _, _, _, usage in VERBS:
        context.reply.line(verb + usage)
        yield


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


def _id(context: Context, words: "list[str]"):
    reply = context.reply
    for i in range(len(IDENTITY_NAMES)):
        reply.line(IDENTITY_NAMES[i] + " " + context.desk.identity[i][:100])
        yield
    total = 1
    for row in TABLE:
        # 2**24 * 31 + 300 000 < 2**30
        total = (total * 31 + row[0] + context.desk.params.get(row[1])) % _SUM_MODULUS
        yield
    reply.text("parameters ")
    reply.number(total)
    reply.line("" if not context.desk.is_edited else " edited, not saved")
    yield


def _stats(context: Context, words: "list[str]"):
    reply = context.reply
    desk = context.desk
    for i in range(len(COUNTER_NAMES)):
        reply.text(COUNTER_NAMES[i] + " ")
        reply.number(desk.counters[i])
        reply.end()
        yield
    reply.text("operating_h ")
    reply.number(desk.loop.operating_s // 360, 1)
    reply.end()
    reply.text("odometer_km ")
    reply.number(desk.loop.energy.odometer_m // 100, 1)
    reply.end()
    yield


def _reboot(context: Context, words: "list[str]"):
    if context.may_write():
        context.desk.request_reboot()
        context.reply.line("rebooting")
        yield


# verb, fewest and most arguments, what answers it, and the rest of its line in `help`.
VERBS = (
    ("help", 0, 1, _help, "  this list"),
    ("status", 0, 0, _status, "  why it drives or not, and how the car is"),
    ("why", 0, 0, _why, "  why it drives or not"),
    ("faults", 0, 0, faults_verb, "  what is wrong, or was"),
    ("freeze", 1, 1, freeze_verb, " CODE  the 2 s before that fault"),
    ("clear", 0, 0, clear_verb, "  forget stored faults (parked)"),
    ("get", 1, 1, get_verb, " NAME|*  parameters"),
    ("set", 2, 2, set_verb, " NAME VALUE  edit one (parked)"),
    ("save", 0, 0, save_verb, "  keep the edits (parked)"),
    ("id", 0, 0, _id, "  which controller this is"),
    ("stats", 0, 0, _stats, "  what it has counted"),
    ("reboot", 0, 0, _reboot, "  start again (parked)"),
)
