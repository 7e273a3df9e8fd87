"""Parameter verbs: get, set and save; a value is refused or taken whole, and only when parked."""

from service.context import Context, to_int, unknown, wait
from service.reply import BAD_ARGUMENT, OUT_OF_RANGE, Reply
from vcu.params import OK, RULES, TABLE


def _names() -> "list[str]":
    return [row[1] for row in TABLE]


def get_verb(context: Context, words: "list[str]"):
    """Write the parameters of that name, or that begin so where it ends in *."""
    wanted = words[1]
    found = 0
    for row in TABLE:
        if row[1] == wanted or (wanted[-1] == "*" and row[1].startswith(wanted[:-1])):
            found += 1
            value = context.desk.params.get(row[1])
            context.reply.text(row[1] + " ")
            _value(context.reply, value, row)
            context.reply.line(" changed" if value != row[5] else "")
            yield
    if not found:
        yield
        for _ in unknown(context, BAD_ARGUMENT, wanted, _names(), "get *"):
            yield


def _value(reply: Reply, value: int, row: "tuple[int, str, str, int, int, int]") -> None:
    """Write "45 km/h (40..56, default 40)"."""
    reply.number(value)
    reply.text(" " + row[2] + " (")
    reply.number(row[3])
    reply.text("..")
    reply.number(row[4])
    reply.text(", default ")
    reply.number(row[5])
    reply.text(")")


def set_verb(context: Context, words: "list[str]"):
    """Edit one value, in its range; the loop goes on with its own until a restart."""
    if not context.may_write():
        return
    reply = context.reply
    value = to_int(words[2])
    if value is None:
        reply.error(BAD_ARGUMENT, "value is no whole number; nothing changed; give digits")
        return
    for row in TABLE:
        if row[1] == words[1]:
            _set_row(context, row, value)
            yield
            return
    for _ in unknown(context, BAD_ARGUMENT, words[1], _names(), "get *"):
        yield


def _set_row(context: Context, row: "tuple[int, str, str, int, int, int]", value: int) -> None:
    reply = context.reply
    params = context.desk.params
    old = params.get(row[1])
    if params.set(row[1], value) != OK:
        reply.error(OUT_OF_RANGE)
        reply.number(value)
        reply.text(" is outside; " + row[1] + " stays ")
        _value(reply, old, row)
        reply.line("; give one inside")
        return
    context.desk.is_edited = True
    reply.text(row[1] + " ")
    reply.number(old)
    reply.text(" -> ")
    reply.number(value)
    reply.line(" " + row[2] + "; in use after `save` and `reboot`")


def save_verb(context: Context, words: "list[str]"):
    """Check every cross-field rule, ask for the flash write and say how it went."""
    if not context.may_write():
        return
    for slug, holds in RULES:
        # Each rule looks up several names in the table: one a slice.
        if not holds(context.desk.params):
            context.reply.error(OUT_OF_RANGE)
            context.reply.text("rule " + slug + " broken; not saved, edits kept; ")
            context.reply.line("set its parameters and save")
            return
        yield
    # The car may have moved since.
    if context.may_write():
        context.desk.request_save()
        for _ in wait(context, "saved; in use after `reboot`"):
            yield
        if not context.reply.has_failed:
            context.desk.is_edited = False
