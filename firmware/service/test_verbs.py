"""Test verb: asks for the test of one output, keeps the wish alive, and tells how it ended.

The vcu decides, drives and ends. The wish is renewed here once a slice, and not while
the port does not take what is written: a host that is gone ends the test.
"""

from micropython import const

from service.context import Context, to_int, unknown, wait
from service.error_codes import BAD_ARGUMENT, FAILED, MOVING, NOT_NOW, OUT_OF_RANGE
from vcu import modes, output_test
from vcu.output_test import NAMES

_DEFAULT_S = const(2)
_MOST_S = const(5)
# An LF behind the CR of the command, and what else a person's terminal sends with it.
_LATE_SLICES = const(10)
# A host has read what is older than this, or is gone.
_UNREAD_SLICES = const(20)
_TELL_SLICES = const(100)
_TELL_LEAST_MS = const(500)

_NEEDS = (
    ("lamp", "the lamp in the cluster"),
    ("buzzer", "the buzzer"),
    ("fan", "the fan of the motor controller"),
    ("contactor", "pre-charge for 0.4 s, then the main contactor: only with the pack's plug out"),
    ("charger", "the charger's relay, only with the charge plug out"),
)
# By why it ended: code and what to say.
_ENDS = {
    output_test.NOTHING: (FAILED, "it did not begin; `status` tells more"),
    output_test.SILENCE: (FAILED, "the port did not take its lines; read them, test again"),
    output_test.CONTROL: (NOT_NOW, "key, plug, gear, brake or pedal changed; leave them alone"),
    output_test.WHEEL: (MOVING, "the wheel or motor turned; chock the car, test again"),
    output_test.NOT_SERVICE: (NOT_NOW, "not in mode SERVICE; see `status`, park, test again"),
    output_test.LIVE: (NOT_NOW, "pack or bus have a voltage; pull the pack's plug, wait, test"),
    output_test.CURRENT: (NOT_NOW, "current into the pack; find out what charges it"),
}


def _test(context: Context, words: "list[str]"):
    """Test an output for some seconds; alone, name them."""
    if len(words) == 1:
        for name, what in _NEEDS:
            context.reply.line(name + "  " + what)
            yield
        return
    wanted = NAMES.index(words[1]) if words[1] in NAMES[1:] else 0
    seconds = to_int(words[2]) if len(words) == 3 else _DEFAULT_S
    if not wanted:
        for _ in unknown(context, BAD_ARGUMENT, words[1], list(NAMES[1:]), "test"):
            yield
        return
    if seconds is None or not 1 <= seconds <= _MOST_S:
        context.reply.error(OUT_OF_RANGE, "1 to 5 seconds; nothing tested; give one inside")
        return
    if not _may_test(context, wanted):
        return
    for _ in range(_LATE_SLICES):
        yield
    if _may_test(context, wanted):
        context.desk.request_test(wanted, seconds * 1000)
        for _ in wait(context, words[1] + " asked for; any key ends it"):
            yield
        if not context.reply.has_failed:
            for _ in _watch(context, words[1]):
                yield


def _may_test(context: Context, wanted: int) -> bool:
    """Return whether it may be asked for, or say what is against it; the vcu looks once more."""
    reply = context.reply
    loop = context.desk.loop
    test = loop.output_test
    if loop.raw.plug_in:
        reply.error(NOT_NOW, "plugged in; nothing tested; unplug, then test")
    elif not context.may_write():
        return False
    elif loop.raw.key_on:
        reply.error(NOT_NOW, "key on; nothing tested; turn it off, leave USB in, then test")
    elif loop.modes.mode != modes.OFF:
        reply.error(NOT_NOW)
        context.line("mode %m, needs OFF; nothing tested; wait, or see `status`")
    elif wanted == output_test.CONTACTOR and not test.is_dead():
        reply.error(NOT_NOW)
        context.line(
            "pack %1 mV, bus %2 mV at the pins, not dead; nothing tested;"
            " pull the pack's plug, wait, test"
        )
    else:
        return True
    return False


def _watch(context: Context, name: str):
    """Renew the wish as long as somebody reads, and tell how it ended."""
    reply = context.reply
    test = context.desk.loop.output_test
    unread = 0
    slices = 0
    while test.is_asked:
        unread = 0 if reply.is_empty() else unread + 1
        if unread <= _UNREAD_SLICES:
            context.desk.is_watched = True
        if slices % _TELL_SLICES == 0 and test.left_ms > _TELL_LEAST_MS:
            reply.text(name + ": ")
            reply.number((test.left_ms + 50) // 100, 1)
            reply.line(" s left")
        slices += 1
        yield
    if test.ended == output_test.TIME:
        reply.line(name + " off, the time is over")
    elif test.ended == output_test.ASKER:
        reply.line(name + " off, a key ended it")
    else:
        code, text = _ENDS[test.ended]
        reply.error(code, name + " off: " + text)
    yield


ROWS = (("test", 0, 2, _test, " [NAME [SECONDS]]  drive one output (parked, key off)"),)
