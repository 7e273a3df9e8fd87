"""Calibration verb: leads a person through the steps, and takes the result over whole or not.

Pedal, brake and current sensor are measured with the key off, where no pedal moves the
car. Nothing is in use before `accept` has written it, with its entry in the change log,
and the board was started anew.
"""

from micropython import const

from service import calibration
from service.calibration import BRAKE, CURRENT, NOISE_COUNTS, PEDAL, STEPS, WHEEL
from service.context import Context, to_int, unknown, wait
from service.desk import NOTHING
from service.param_levels import level_between
from service.param_verbs import change, check_rules
from service.reply import BAD_ARGUMENT, MOVING, NOT_NOW, OUT_OF_RANGE, WRONG_ORDER
from vcu import contactor
from vcu.params import OK, TABLE, Params

_WHATS = calibration.NAMES[1:]
# Half a second of samples; 2 s for the current, whose noise is its error.
_SLICES = const(50)
_STILL_MS = const(2000)
_CURRENT_SLICES = const(200)
_STEP_TEXTS = (
    "",
    ("let the pedal go, then `step`", "press the pedal down to its end and hold it, then `step`"),
    ("let the brake go, then `step`", "press the brake and hold it, then `step`"),
    ("switch off lights and heater, then `step`",),
)


def _cal(context: Context, words: "list[str]"):
    """Do one of start, step, accept, abort and undo; alone, tell what is under way."""
    if len(words) == 1:
        return _tell(context)
    if words[1] not in _WHATS:
        return unknown(context, BAD_ARGUMENT, words[1], list(_WHATS), "cal")
    what = calibration.NAMES.index(words[1])
    make = _DOES.get(words[2]) if len(words) > 2 else None
    if make is None or (len(words) == 4) != (what == WHEEL and words[2] == "accept"):
        return _refuse(context, "no such step", "start, step, accept, abort, undo; METRES")
    return make(context, what, words)


def _refuse(context: Context, what: str, use: str):
    context.reply.error(BAD_ARGUMENT, what + "; nothing changed; use: " + use)
    yield


def _tell(context: Context):
    running = context.calibration
    reply = context.reply
    reply.text("under way: " + calibration.NAMES[running.what] + ", step ")
    reply.number(running.step)
    reply.text(" of ")
    reply.number(STEPS[running.what])
    reply.line("")
    yield
    _readings(context)
    yield


def _readings(context: Context) -> None:
    context.line("pedal a %a mV, b %b mV, current %3 mV = %i A")


def _start(context: Context, what: int, words: "list[str]"):
    if not _may_begin(context, what) or not _is_free(context):
        return
    loop = context.desk.loop
    context.calibration.begin(what, loop.raw.pulses_counts, loop.energy.odometer_m)
    if what == WHEEL:
        context.reply.line("drive a measured way of 50 to 1000 m, stop, then `accept METRES`")
        yield
    else:
        _readings(context)
        yield
        _say_next(context)
        yield


def _say_next(context: Context) -> None:
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


def _may_begin(context: Context, what: int) -> bool:
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
    if loop.sig.standstill_ms < _STILL_MS:
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


def _is_under_way(context: Context, what: int) -> bool:
    """Return whether this calibration is, or say that it is not."""
    if context.calibration.what == what:
        return True
    name = calibration.NAMES[what]
    context.reply.error(
        WRONG_ORDER, name + " is not under way; nothing changed; `cal " + name + " start`"
    )
    return False


def _step(context: Context, what: int, words: "list[str]"):
    """Measure for half a second what the last line asked for."""
    running = context.calibration
    if not _is_under_way(context, what):
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
    _readings(context)
    yield
    _say_next(context)
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
    if what != BRAKE and (noise > NOISE_COUNTS or least_a < 0 or least_b < 0):
        context.reply.error(OUT_OF_RANGE)
        context.reply.text("reading moved ")
        context.reply.number(noise)
        context.reply.line(" mV, 40 at most; step not taken; hold still, see wires, `step` again")
        return
    measured.append((total_a + slices // 2) // slices)
    measured.append((total_b + slices // 2) // slices)


def _accept(context: Context, what: int, words: "list[str]"):
    """Judge all that was measured, and write it, or refuse it whole."""
    running = context.calibration
    if not _is_under_way(context, what):
        return
    if not running.is_measured():
        context.reply.error(WRONG_ORDER, "steps are left; nothing changed; `step` or `abort`")
        return
    if not _may_begin(context, what) or not _is_free(context):
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
    if _is_under_way(context, what):
        context.calibration.drop()
        context.reply.line("dropped; values as they were")
    yield


def _undo(context: Context, what: int, words: "list[str]"):
    """Write the values that the last written change of these parameters replaced."""
    desk = context.desk
    if not _may_begin(context, what) or not _is_free(context):
        return
    yield
    before = calibration.values_before(desk.vault.changes, desk.params, what)
    yield
    if not before:
        context.reply.error(WRONG_ORDER, "no change to undo; nothing changed; see `changes`")
        return
    for _ in _write(context, before):
        yield


_DOES = {"start": _start, "step": _step, "accept": _accept, "abort": _abort, "undo": _undo}
ROWS = (("cal", 0, 3, _cal, " pedal|brake|current|wheel start|step|accept|abort|undo  (key off)"),)
