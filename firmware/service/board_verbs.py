"""Board verbs: which controller this is, what it has counted, its clock, and how to leave it."""

from micropython import const

from service.access import LEVEL_NAMES
from service.context import Context, to_int
from service.desk import COUNTER_NAMES, IDENTITY_NAMES
from service.error_codes import BAD_ARGUMENT
from service.events import EVENTS
from service.seal import SEALED
from vcu.params import TABLE

# A prime below 2**24: no edit of a single value leaves the sum as it was.
_SUM_MODULUS = const(16777213)
# Seconds since 1970 have ten digits from 2001 to 2286; a board of before 2026 has no right time.
_WALL_DIGITS = const(10)
_WALL_FIRST_S = const(1767225600)


def _id(context: Context, words: "list[str]"):
    reply = context.reply
    for i in range(len(IDENTITY_NAMES)):
        reply.line(IDENTITY_NAMES[i] + " " + context.desk.identity[i][:100])
        yield
    for line in context.desk.slots.lines():
        reply.line(line[:100])
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
    for _ in _whose(context):
        yield


def _whose(context: Context):
    """Write whose board it is, its seal and its access."""
    reply = context.reply
    vault = context.desk.vault
    identity = vault.identity
    if identity.is_lost:
        reply.line("vehicle_id lost")
    elif identity.has_keys():
        reply.line("vehicle_id " + identity.number)
        yield
        reply.line("vin " + identity.vin)
    else:
        reply.line("vehicle_id not provisioned")
    yield
    reply.text("seal_changes ")
    reply.number(vault.seal.count)
    reply.line(" or more: the record was lost once" if vault.seal.is_lost else "")
    yield
    # What is kept, not what somebody is editing.
    for name in SEALED:
        reply.text("sealed_" + name + " ")
        reply.number(vault.saved.get(name))
        reply.end()
        yield
    reply.text("access " + LEVEL_NAMES[vault.access.level])
    reply.text(", wrong answers ")
    reply.number(vault.access.failures_ever)
    reply.end()
    yield


def _stats(context: Context, words: "list[str]"):
    desk = context.desk
    for i in range(len(COUNTER_NAMES)):
        _figure(context, COUNTER_NAMES[i], desk.counters[i], 0)
        yield
    _figure(context, "uptime_s", desk.uptime_s, 0)
    _figure(context, "input_bytes_dropped", context.dropped_bytes, 0)
    yield
    _figure(context, "answer_bytes_lost", context.reply.lost_bytes, 0)
    yield
    _figure(context, "operating_h", desk.loop.operating_s // 360, 1)
    _figure(context, "odometer_km", desk.loop.energy.odometer_m // 100, 1)
    yield
    _figure(context, "energy_kwh", desk.life.energy_wh // 100, 1)
    yield


def _figure(context: Context, name: str, value: int, decimals: int) -> None:
    context.reply.text(name + " ")
    context.reply.number(value, decimals)
    context.reply.end()


def _time(context: Context, words: "list[str]"):
    """Show or take the seconds since 1970, which the board knows until its supply goes."""
    desk = context.desk
    if len(words) > 1:
        text = words[1]
        if not text.isdigit() or len(text) != _WALL_DIGITS or int(text) < _WALL_FIRST_S:
            context.reply.error(
                BAD_ARGUMENT, "no time; clock unchanged; give seconds since 1970, as 1795400000"
            )
            return
        desk.set_wall(int(text))
    wall_s = desk.wall_s()
    context.reply.line("time " + (str(wall_s) if wall_s else "unknown; set it: time SECONDS"))
    yield


def _echo(context: Context, words: "list[str]"):
    if len(words) > 1:
        if words[1] not in ("on", "off"):
            context.reply.error(BAD_ARGUMENT, "no such echo; nothing changed; use: echo on|off")
            return
        context.is_echoing = words[1] == "on"
    context.reply.line("echo on" if context.is_echoing else "echo off")
    yield


def _obd(context: Context, words: "list[str]"):
    """Become an OBD adapter, when this answer has ended."""
    context.wants_obd = True
    context.reply.line("OBD until `exit` or 120 s without a byte")
    yield


def _repl(context: Context, words: "list[str]"):
    """End the program at MicroPython's prompt; services.py does it when this has been sent."""
    if context.may_write(0):
        context.desk.request_prompt()
        context.reply.line("outputs off; MicroPython's prompt follows, Ctrl-D there starts again")
        yield


def _reboot(context: Context, words: "list[str]"):
    if context.may_write(0):
        context.desk.request_reboot()
        context.reply.line("rebooting")
        yield


def _log(context: Context, words: "list[str]"):
    """Write what has happened since the start, the latest last."""
    most = to_int(words[1]) if len(words) > 1 else EVENTS
    if most is None or most < 1:
        context.reply.error(BAD_ARGUMENT, "no number; nothing done; use: log 10")
        return
    for _ in context.events.write(context.reply, most):
        yield


def _lock(context: Context, words: "list[str]"):
    access = context.desk.access
    access.lock()
    context.draft.drop()
    context.reply.line("level " + LEVEL_NAMES[access.level] + "; what was staged is dropped")
    yield


ROWS = (
    ("id", 0, 0, _id, "  which controller this is"),
    ("stats", 0, 0, _stats, "  what it has counted"),
    ("log", 0, 1, _log, " [N]  what happened since the start"),
    ("time", 0, 1, _time, " [SECONDS]  wall time, since 1970"),
    ("echo", 0, 1, _echo, " [on|off]  send back what is typed"),
    ("obd", 0, 0, _obd, "  be an OBD adapter (ELM327)"),
    ("lock", 0, 0, _lock, "  end service or factory"),
    ("repl", 0, 0, _repl, "  MicroPython's prompt (parked)"),
    ("reboot", 0, 0, _reboot, "  start again (parked)"),
)
