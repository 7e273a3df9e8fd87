"""Calibration verb: begins and ends a calibration, and takes its result over whole or not.

Nothing is in use before `accept` has written it, with its entry in the change log, and the
board was started anew.
"""

from service import calibration
from service.calibration import CURRENT, PEDAL, STEPS, WHEEL
from service.calibration_steps import is_under_way, may_begin, measure_step, say_next, say_readings
from service.context import Context, refuse, to_int, unknown, wait
from service.desk import NOTHING
from service.error_codes import BAD_ARGUMENT, NOT_NOW, OUT_OF_RANGE, WRONG_ORDER
from service.param_levels import level_between
from service.param_verbs import change, check_rules
from vcu.params import OK, TABLE, Params

_WHATS = calibration.NAMES[1:]


def _cal(context: Context, words: "list[str]"):
    """Do one of start, step, accept, abort and undo; alone, tell what is under way."""
    if len(words) == 1:
        return _tell(context)
    if words[1] not in _WHATS:
        return unknown(context, BAD_ARGUMENT, words[1], list(_WHATS), "cal")
    what = calibration.NAMES.index(words[1])
    make = _DOES.get(words[2]) if len(words) > 2 else None
    if make is None or (len(words) == 4) != (what == WHEEL and words[2] == "accept"):
        return refuse(context, "no such step", "start, step, accept, abort, undo; METRES")
    return make(context, what, words)


def _tell(context: Context):
    running = context.calibration
    reply = context.reply
    reply.text("under way: " + calibration.NAMES[running.what] + ", step ")
    reply.number(running.step)
    reply.text(" of ")
    reply.number(STEPS[running.what])
    reply.line("")
    yield
    say_readings(context)
    yield


def _start(context: Context, what: int, words: "list[str]"):
    if not may_begin(context, what) or not _is_free(context):
        return
    loop = context.desk.loop
    context.calibration.begin(what, loop.raw.pulses_counts, loop.energy.odometer_m)
    if what == WHEEL:
        context.reply.line("drive a measured way of 50 to 1000 m, stop, then `accept METRES`")
        yield
    else:
        say_readings(context)
        yield
        say_next(context)
        yield


def _accept(context: Context, what: int, words: "list[str]"):
    """Judge all that was measured, and write it, or refuse it whole."""
    running = context.calibration
    if not is_under_way(context, what):
        return
    if not running.is_measured():
        context.reply.error(WRONG_ORDER, "steps are left; nothing changed; `step` or `abort`")
        return
    if not may_begin(context, what) or not _is_free(context):
        return
    yield
    running.judge_anew()
    for _ in _judge(context, what, words):
        yield
    if running.trouble:
        context.reply.error(
            OUT_OF_RANGE, running.trouble + "; old values kept; check, then do it again"
        )
        if what != WHEEL:
            running.drop()
        return
    if not running.edits:
        context.reply.line("it switches as it should; there is no value to keep")
        running.drop()
        return
    for _ in _write(context, running.edits):
        yield
    if not context.reply.has_failed:
        running.drop()


def _judge(context: Context, what: int, words: "list[str]"):
    """Leave edits or trouble in the calibration, a piece a slice."""
    running = context.calibration
    desk = context.desk
    loop = desk.loop
    if what == PEDAL:
        for channel in range(desk.params.get("pedal_channels")):
            yield
            if not running.judge_pedal(desk.params, channel):
                break
    elif what == CURRENT:
        nominal = desk.vault.preset.get("pack_a_zero_counts")
        yield
        running.judge_current(nominal, loop.scaling.pack_da_per_1000_counts)
    elif what == WHEEL:
        way_dm = _to_dm(words[3])
        yield
        running.judge_wheel(desk.params, way_dm, loop.raw.pulses_counts, loop.energy.odometer_m)
    yield


def _to_dm(text: str) -> int:
    """Return METRES with at most one decimal in 0.1 m, 0 for no number."""
    whole, _, tenths = text.partition(".")
    if len(tenths) > 1:
        return 0
    value = to_int(whole + (tenths or "0"))
    return value if value is not None else 0


def _is_free(context: Context) -> bool:
    """Return whether no other edits would be written with it, or say so."""
    if context.desk.is_edited or context.draft.is_begun or context.draft.is_restoring:
        context.reply.error(
            NOT_NOW, "other edits are not saved; nothing changed; `save`, `abort` or `reboot`"
        )
        return False
    return True


def _write(context: Context, edits: "dict[str, int]"):
    """Check edits on a copy, take them over and write them; flash that refuses changes nothing."""
    desk = context.desk
    copy = Params()
    copy.take(desk.params)
    old = Params()
    old.take(desk.params)
    for name in edits:
        if copy.set(name, edits[name]) != OK:
            context.reply.error(OUT_OF_RANGE, name + " would be outside; old values kept; `desc`")
            return
        yield
    for _ in check_rules(context, copy, "old values kept; check the parts, do it again"):
        yield
    if context.reply.has_failed:
        return
    # The car may have moved since.
    if not context.may_write(max(1, level_between(old, copy, desk.vault.identity))):
        return
    rows = old.differing(copy)
    desk.params.take(copy)
    desk.request_save()
    for i in rows:
        change(context.reply, TABLE[i], old.at(i), copy.at(i), "")
        yield
    for _ in wait(context, "saved; in use after `reboot`"):
        yield
    if context.reply.has_failed and desk.wanted == NOTHING:
        desk.params.take(old)


def _abort(context: Context, what: int, words: "list[str]"):
    if is_under_way(context, what):
        context.calibration.drop()
        context.reply.line("dropped; values as they were")
    yield


def _undo(context: Context, what: int, words: "list[str]"):
    """Write the values that the last written change of these parameters replaced."""
    desk = context.desk
    if not may_begin(context, what) or not _is_free(context):
        return
    yield
    before = calibration.values_before(desk.vault.changes, desk.params, what)
    yield
    if not before:
        context.reply.error(WRONG_ORDER, "no change to undo; nothing changed; see `changes`")
        return
    for _ in _write(context, before):
        yield


_DOES = {"start": _start, "step": measure_step, "accept": _accept, "abort": _abort, "undo": _undo}
ROWS = (("cal", 0, 3, _cal, " pedal|brake|current|wheel start|step|accept|abort|undo  (key off)"),)
