"""Draft verbs: edits that are staged, shown, and then taken over all together or not at all."""

from service.context import Context, unknown
from service.error_codes import BAD_ARGUMENT, WRONG_ORDER
from service.pack_swap import GUIDED, parameters_of
from service.param_levels import level_between
from service.param_verbs import change, check_rules
from service.value_verbs import names
from vcu.params import TABLE, Params


def _begin(context: Context, words: "list[str]"):
    if not context.may_write(0):
        return
    dropped = len(context.draft.edits)
    context.draft.begin(False)
    if dropped:
        context.reply.number(dropped)
        context.reply.line(" staged before were dropped")
    context.reply.line("begun: `set` edits, `show` lists, `commit` takes over, `abort` drops them")
    yield


def _show(context: Context, words: "list[str]"):
    """Write what is staged, and what is edited but not saved."""
    desk = context.desk
    edits = context.draft.edits
    found = 0
    saved = desk.vault.saved
    for i in range(len(TABLE)):
        row = TABLE[i]
        name = row[1]
        now = desk.params.at(i)
        if name in edits:
            found += 1
            change(context.reply, row, now, edits[name], " staged")
        elif now != saved.at(i):
            found += 1
            change(context.reply, row, saved.at(i), now, " not saved")
        yield
    if not found:
        context.reply.line("nothing staged, and nothing to save")
        yield


def _abort(context: Context, words: "list[str]"):
    draft = context.draft
    if not draft.is_begun and not draft.is_restoring:
        context.reply.error(WRONG_ORDER, "nothing is staged; nothing changed; `begin` first")
        return
    count = len(draft.edits)
    draft.drop()
    context.reply.number(count)
    context.reply.line(" edits dropped; parameters as they were")
    yield


def _commit(context: Context, words: "list[str]"):
    draft = context.draft
    if not draft.is_begun:
        context.reply.error(WRONG_ORDER, "nothing is begun; nothing changed; `begin`, then `set`")
        return
    for _ in take_over(
        context, 0, "nothing changed, edits stay staged; `set` the others or abort"
    ):
        yield
    if not context.reply.has_failed:
        context.reply.line(" taken over; in use after `save` and `reboot`")


def take_over(context: Context, level: int, kept: str):
    """Check what is staged on a copy, and put all of it in place; write how many, or the error.

    level is what it needs at least; kept tells, where a rule is broken, what becomes of it.
    """
    desk = context.desk
    draft = context.draft
    if not context.may_write(level):
        return
    copy = Params()
    copy.take(desk.params)
    for name in draft.edits:
        copy.set(name, draft.edits[name])
        yield
    for _ in check_rules(context, copy, kept):
        yield
    if context.reply.has_failed:
        return
    # The car may have moved since.
    level = max(level, level_between(desk.params, copy, desk.vault.identity))
    if not context.may_write(level):
        return
    count = len(draft.edits)
    desk.params.take(copy)
    desk.is_edited = len(desk.params.differing(desk.vault.saved)) > 0
    draft.drop()
    context.reply.number(count)


def _defaults(context: Context, words: "list[str]"):
    """Stage the values of the vehicle's data; those of the pack only where it is still that."""
    if not context.may_write(0):
        return
    desk = context.desk
    preset = desk.vault.preset
    wanted = words[1] if len(words) > 1 else "*"
    is_prefix = wanted[-1] == "*"
    prefix = wanted[:-1]
    was_begun = context.draft.is_begun
    if not was_begun:
        context.draft.begin(False)
    is_other_pack = any([desk.params.get(name) != preset.get(name) for name in GUIDED])
    skipped = [pair[0] for pair in parameters_of(preset, 0, 1, 1, 0)] if is_other_pack else []
    found = 0
    for i in range(len(TABLE)):
        name = TABLE[i][1]
        if name == wanted or (is_prefix and name.startswith(prefix)):
            found += 1
            old = desk.params.at(i)
            new = preset.at(i)
            if old != new and name not in skipped:
                context.draft.edits[name] = new
                change(context.reply, TABLE[i], old, new, " staged")
            elif old != new:
                context.reply.line(name + " stays: it belongs to the other pack")
        yield
    if not found:
        for _ in unknown(context, BAD_ARGUMENT, wanted, names(), "defaults"):
            yield
    if not context.draft.edits and not was_begun:
        context.draft.drop()
    if not found:
        return
    context.reply.number(len(context.draft.edits))
    context.reply.line(" staged; `show`, then `commit` or `abort`")


ROWS = (
    ("begin", 0, 0, _begin, "  stage edits, to be taken over together (parked)"),
    ("show", 0, 0, _show, "  what is staged or not saved"),
    ("commit", 0, 0, _commit, "  check and take over what is staged (parked)"),
    ("abort", 0, 0, _abort, "  drop what is staged"),
    ("defaults", 0, 1, _defaults, " [NAME|*]  stage the vehicle's own values (parked)"),
)
