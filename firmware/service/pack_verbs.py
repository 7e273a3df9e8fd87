"""Pack verb: another pack in one guided step: what will change is shown, checked and confirmed."""

from micropython import const

from service.context import Context, refuse, to_int, wait
from service.error_codes import BAD_ARGUMENT, NOT_NOW, OUT_OF_RANGE
from service.pack_swap import full_cv, parameters_of
from service.param_verbs import check_rules
from service.value_verbs import unit_of
from vcu import chemistry
from vcu.charge import bms, command
from vcu.params import TABLE, Params, row_index

USAGE = " [KIND CELLS AH [bms none|contacts|cells], or confirm]  the pack; another one"

_CONFIRM_S = const(60)


def pack_verb(context: Context, words: "list[str]"):
    """Show the pack, offer another one, or confirm what was offered."""
    if len(words) == 1:
        return _show(context)
    if words[1:] == ["confirm"]:
        return _confirm(context)
    context.offer.make((), 0)
    if len(words) == 4 or (len(words) == 6 and words[4] == "bms"):
        return _offer(context, words)
    return refuse(context, "no such pack", "pack" + USAGE)


def _show(context: Context):
    reply = context.reply
    get = context.desk.params.get
    kind = get("chemistry")
    reply.text(chemistry.NAMES[kind] + ", ")
    reply.number(get("cell_count"))
    reply.text(" cells, ")
    yield  # each value is looked up by its name
    reply.number(get("capacity_mah") // 100, 1)
    reply.text(" Ah, bms " + bms.KIND_NAMES[get("bms_kind")])
    reply.line(", charger " + command.KIND_NAMES[get("charger_kind")])
    yield
    reply.text("full ")
    reply.number(full_cv(kind, get("cell_count")), 2)
    reply.text(" V at most, gives ")
    reply.number(get("discharge_max_da"), 1)
    reply.text(" A, takes ")
    reply.number(get("charge_max_da"), 1)
    reply.line(" A")
    yield
    if context.desk.loop.charge.session.is_unconfirmed:
        reply.line("not confirmed: no drive, no charge until the check at the plug agrees")
        yield


def _index(names: "tuple[str, ...]", name: str) -> int:
    for i in range(len(names)):
        if names[i] == name:
            return i
    return -1


def _offer(context: Context, words: "list[str]"):
    reply = context.reply
    kind = _index(chemistry.NAMES, words[1])
    cells = to_int(words[2])
    amp_hours = to_int(words[3])
    bms_kind = _index(bms.KIND_NAMES, words[5]) if len(words) == 6 else bms.NONE
    if kind < 0:
        reply.error(
            BAD_ARGUMENT, "no such kind; nothing changed; there are: " + ", ".join(chemistry.NAMES)
        )
        return
    if cells is None or amp_hours is None or bms_kind < 0:
        for _ in refuse(context, "cells and Ah are whole numbers", "pack" + USAGE):
            yield
        return
    if kind >= chemistry.LFP and bms_kind == bms.NONE:
        reply.error(
            BAD_ARGUMENT,
            "lithium is never charged without a BMS; nothing changed;"
            " add bms contacts or bms cells",
        )
        return
    if context.desk.is_edited:
        reply.error(NOT_NOW, "edits are not saved; nothing changed; `save` or `reboot` first")
        return
    yield
    if not _are_in_range(context, (("cell_count", cells), ("capacity_mah", amp_hours * 1000))):
        return
    yield
    params = context.desk.params
    swap = parameters_of(params, kind, cells, amp_hours * 1000, bms_kind)
    yield
    for _ in _check(context, swap):
        yield
    if not reply.has_failed:
        for _ in _tell(context, swap):
            yield
        context.offer.make(swap, context.desk.loop.operating_s)


def _are_in_range(context: Context, swap: "tuple[tuple[str, int], ...]") -> bool:
    for name, value in swap:
        row = TABLE[row_index(name)]
        if not row[3] <= value <= row[4]:
            reply = context.reply
            reply.error(OUT_OF_RANGE)
            reply.text(name + " ")
            reply.number(value)
            reply.text(" is outside ")
            reply.number(row[3])
            reply.text("..")
            reply.number(row[4])
            reply.line("; nothing changed; give another pack")
            return False
    return True


def _check(context: Context, swap: "tuple[tuple[str, int], ...]"):
    """Try all ranges and rules on a copy, a piece a slice."""
    if not _are_in_range(context, swap):
        return
    yield
    copy = Params()
    copy.take(context.desk.params)
    for name, value in swap:
        copy.set(name, value)
        yield
    for _ in check_rules(context, copy, "nothing changed; see `pack`"):
        yield


def _tell(context: Context, swap: "tuple[tuple[str, int], ...]"):
    """Write each parameter with its old and new value, and what cannot be a parameter."""
    reply = context.reply
    get = context.desk.params.get
    new = dict(swap)
    for name, value in swap:
        old = get(name)
        reply.text(name + " ")
        reply.number(old)
        if value == old:
            reply.text(" stays")
        else:
            reply.text(" -> ")
            reply.number(value)
        reply.line(unit_of(TABLE[row_index(name)]))
        yield
    if get("charger_kind") == command.RELAY and new["charger_kind"] == command.NO_CHARGER:
        reply.line("its charger has the old pack's curve: set charger_kind 1 when one fits")
        yield
    reply.text("full ")
    reply.number(full_cv(get("chemistry"), get("cell_count")), 2)
    reply.text(" -> ")
    reply.number(full_cv(new["chemistry"], new["cell_count"]), 2)
    reply.line(" V at most: motor controller, DC-DC converter and charger must bear it")
    yield
    reply.line("state of charge and history of the charge are forgotten; no drive, no charge")
    yield
    reply.line("until the check at the plug agrees; `pack confirm` within 60 s does it")
    yield


def _confirm(context: Context):
    offer = context.offer
    desk = context.desk
    if not offer.swap or not 0 <= desk.loop.operating_s - offer.at_s <= _CONFIRM_S:
        offer.make((), 0)
        context.reply.error(
            NOT_NOW, "no pack was offered in the last 60 s; nothing changed; `pack KIND CELLS AH`"
        )
        return
    if not context.may_write():
        return
    if desk.loop.raw.plug_in:
        context.reply.error(NOT_NOW, "plugged in; nothing changed; unplug, then `pack confirm`")
        return
    swap = offer.swap
    offer.make((), 0)
    desk.request_swap(swap)
    yield
    for _ in wait(context, "swapped; it restarts now; plug in for the check"):
        yield
    if not context.reply.has_failed:
        desk.request_reboot()


ROWS = (("pack", 0, 5, pack_verb, USAGE),)
