"""Dump verbs: all parameters as text with a checksum, what differs, and the way back.

A dump is lines NAME=VALUE and a last line `checksum HEX`, the CRC-32 of those
lines, each with a line feed. `restore begin` and then the lines of a dump put all of
it in place at the checksum, or nothing.
"""

from binascii import hexlify

from service.access import FACTORY, VIEW
from service.context import Context, unknown
from service.draft import is_taken, line_crc
from service.draft_verbs import take_over
from service.error_codes import BAD_ARGUMENT, BAD_CRC, NOT_NOW, WRONG_ORDER
from service.pack_swap import GUIDED
from service.param_levels import level_of
from service.param_verbs import parse_pair, refuse_value
from service.seal import SEALED
from service.value_verbs import names, unit_of
from vcu.params import TABLE, row_index

_START = "nothing changed; `restore begin`, then the whole dump again"


def _dump(context: Context, words: "list[str]"):
    crc = 0
    for i in range(len(TABLE)):
        row = TABLE[i]
        value = context.desk.params.at(i)
        crc = line_crc(crc, row[1], value)
        context.reply.line(row[1] + "=" + str(value))
        yield
    context.reply.line("checksum " + _hex(crc))
    yield


def _hex(crc: int) -> str:
    return hexlify(crc.to_bytes(4, "big")).decode().upper()


def _diff(context: Context, words: "list[str]"):
    """Write each value that is not the default, or not the vehicle's own."""
    reply = context.reply
    preset = context.desk.vault.preset
    found = 0
    for i in range(len(TABLE)):
        row = TABLE[i]
        value = context.desk.params.at(i)
        own = preset.at(i)
        if value != row[5] or value != own:
            found += 1
            reply.text(row[1] + " ")
            reply.number(value)
            reply.text(unit_of(row) + " (default ")
            reply.number(row[5])
            reply.text(", vehicle ")
            reply.number(own)
            reply.line(") changed" if value != own else ")")
        yield
    if not found:
        reply.line("nothing differs from the defaults")
        yield


def _restore(context: Context, words: "list[str]"):
    if words[1] != "begin":
        context.reply.error(BAD_ARGUMENT, "no such restore; nothing changed; use: restore begin")
        return
    if context.may_write(0):
        context.draft.begin(True)
        context.dump_line = dump_line
        context.reply.line("give the lines of a dump, the checksum last; `abort` drops them")
        yield


def dump_line(context: Context, words: "list[str]"):
    """Take one line of a dump; one that is refused spoils all of it."""
    draft = context.draft
    name, value = parse_pair(words)
    was_spoiled = draft.is_spoiled
    draft.is_spoiled = True  # until it has been taken
    if value is None:
        context.reply.error(BAD_ARGUMENT, "value is no whole number; " + _START)
        return
    i = row_index(name)
    yield
    if i < 0:
        for _ in unknown(context, BAD_ARGUMENT, name, names(), "`abort`"):
            yield
        return
    if not context.may_write(FACTORY if name in SEALED else level_of(name)):
        return
    is_in_range = is_taken(context.desk.params, i, value)
    yield
    if not is_in_range:
        refuse_value(context, i, value, "; " + _START)
    elif name in GUIDED and value != context.desk.params.at(i):
        context.reply.error(
            NOT_NOW, name + " is another pack's; nothing changed; swap it first: `help pack`"
        )
    else:
        draft.add_line(name, value)
        draft.is_spoiled = was_spoiled


def _checksum(context: Context, words: "list[str]"):
    """The last line of a dump: everything is in place after it, or nothing."""
    draft = context.draft
    reply = context.reply
    if not draft.is_restoring:
        reply.error(WRONG_ORDER, "nothing is being restored; " + _START)
        return
    if draft.is_spoiled or not draft.edits:
        draft.drop()
        reply.error(BAD_ARGUMENT, "not every line was taken; " + _START)
        return
    if words[1].upper() != _hex(draft.crc):
        draft.drop()
        reply.error(BAD_CRC, "the lines are not those of the dump; " + _START)
        return
    level = VIEW
    for name in draft.edits:
        level = max(level, FACTORY if name in SEALED else level_of(name))
    for _ in take_over(context, level, _START):
        yield
    if not reply.has_failed:
        reply.line(" restored; in use after `save` and `reboot`")
    draft.drop()


ROWS = (
    ("dump", 0, 0, _dump, "  all parameters as text"),
    ("diff", 0, 0, _diff, "  what differs from default and vehicle"),
    ("restore", 1, 1, _restore, " begin  take a dump back, all of it (parked)"),
    ("checksum", 1, 1, _checksum, " HEX  ends a dump"),
)
