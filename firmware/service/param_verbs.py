"""Parameter verbs: set and save; a value is refused or taken whole, and only when parked."""

from service.context import Context, to_int, unknown, wait
from service.draft import is_taken
from service.error_codes import BAD_ARGUMENT, NOT_NOW, OUT_OF_RANGE, WRONG_ORDER
from service.pack_swap import GUIDED
from service.param_levels import level_between, level_of, level_of_value
from service.reply import Reply
from service.value_verbs import names, unit_of, write_value
from vcu.params import RULES, TABLE, Params, row_index


def change(
    reply: Reply, row: "tuple[int, str, str, int, int, int]", old: int, new: int, rest: str
) -> None:
    """Write "reverse_cap_kmh 8 -> 5 km/h" and the rest of the line."""
    reply.text(row[1] + " ")
    reply.number(old)
    reply.text(" -> ")
    reply.number(new)
    reply.line(unit_of(row) + rest)


def refuse_value(context: Context, i: int, value: int, rest: str) -> None:
    """Say that a value of row i is outside, what stays, and the rest of the line."""
    reply = context.reply
    row = TABLE[i]
    reply.error(OUT_OF_RANGE)
    reply.number(value)
    reply.text(" is outside; " + row[1] + " stays ")
    write_value(reply, row, context.desk.params.at(i))
    reply.line(rest)


def set_verb(context: Context, words: "list[str]"):
    """Edit one value, in its range: in the draft after `begin`, else at once; NAME VALUE or =."""
    if not context.may_write(0):
        return
    name, value = parse_pair(words[1:])
    if value is None:
        context.reply.error(BAD_ARGUMENT, "value is no whole number; nothing changed; give digits")
        return
    if name in GUIDED:
        context.reply.error(
            NOT_NOW, name + " belongs to the pack; nothing changed; use pack: `help` shows how"
        )
        return
    i = row_index(name)
    yield
    if i < 0:
        for _ in unknown(context, BAD_ARGUMENT, name, names(), "get *"):
            yield
        return
    params = context.desk.params
    level = level_of(name)
    if not context.draft.is_begun:
        level = level_of_value(params, name, value, context.desk.vault.identity)
    if not context.may_write(level):
        return
    is_in_range = is_taken(params, i, value)
    yield
    if not is_in_range:
        refuse_value(context, i, value, "; give one inside")
    elif context.may_write(level):
        _set_row(context, i, value)


def parse_pair(words: "list[str]") -> "tuple[str, int | None]":
    """Return name and value of NAME VALUE or NAME=VALUE; None where that is no whole number."""
    if len(words) == 1:
        words = words[0].split("=")
    return words[0], to_int(words[1]) if len(words) == 2 else None


def _set_row(context: Context, i: int, value: int) -> None:
    desk = context.desk
    row = TABLE[i]
    old = desk.params.at(i)
    if context.draft.is_begun:
        context.draft.edits[row[1]] = value
        change(context.reply, row, old, value, "; staged: `commit`, then `save`")
    else:
        desk.params.put(i, value)
        desk.is_edited = True
        change(context.reply, row, old, value, "; in use after `save` and `reboot`")


def check_rules(context: Context, params: Params, rest: str):
    """Look at every cross-field rule, one a slice; say which one is broken, and the rest."""
    for slug, holds in RULES:
        if not holds(params):
            context.reply.error(OUT_OF_RANGE)
            context.reply.line("rule " + slug + " broken; " + rest)
            return
        yield


def save_verb(context: Context, words: "list[str]"):
    """Check every cross-field rule, ask for the flash write and say how it went."""
    desk = context.desk
    if not context.may_write(0):
        return
    if context.draft.is_begun or context.draft.is_restoring:
        context.reply.error(
            WRONG_ORDER, "edits are staged; nothing saved; `commit` or `abort` them first"
        )
        return
    for _ in check_rules(
        context, desk.params, "not saved, edits kept; set its parameters and save"
    ):
        yield
    # The car may have moved since.
    if context.reply.has_failed or not context.may_write(
        level_between(desk.vault.saved, desk.params, desk.vault.identity)
    ):
        return
    desk.request_save()
    said = "saved; in use after `reboot`" if desk.is_edited else "saved; nothing had been edited"
    for _ in wait(context, said):
        yield
    if not context.reply.has_failed:
        desk.is_edited = False


ROWS = (
    ("set", 1, 2, set_verb, " NAME VALUE  edit one (parked)"),
    ("save", 0, 0, save_verb, "  keep the edits (parked)"),
)
