"""Verbs: what the console answers; each verb is a generator that writes one line and yields.

A yield hands the slice back, so that a long answer costs each tick one line. A
verb may ask the desk for something; it never acts on the car itself. Each
module of verbs has its own rows: verb, fewest and most arguments, what answers
it, and the rest of its line in `help`.
"""

from service import (
    access_verbs,
    board_verbs,
    calibration_verbs,
    charge_verbs,
    draft_verbs,
    dump_verbs,
    fault_verbs,
    io_verbs,
    pack_verbs,
    param_verbs,
    status_verbs,
    test_verbs,
)
from service.context import Context, unknown
from service.reply import BAD_ARGUMENT, UNKNOWN_COMMAND


def answer(context: Context, words: "list[str]"):
    """Return the generator that answers a line of at least one word."""
    if dump_verbs.is_dump_line(context, words):
        return dump_verbs.dump_line(context, words)
    row = _ROW_OF.get(words[0])
    if row is None:
        return unknown(context, UNKNOWN_COMMAND, words[0], [row[0] for row in VERBS], "help")
    if row[1] < len(words) <= row[2] + 1:
        return row[3](context, words)
    return _usage(context, row[0] + row[4])


def _usage(context: Context, usage: str):
    context.reply.error(BAD_ARGUMENT, "wrong number of words; nothing done; use: " + usage)
    yield


def _help(context: Context, words: "list[str]"):
    wanted = words[1] if len(words) > 1 else ""
    found = 0
    for verb, _, _, _, usage in VERBS:
        if not wanted or verb == wanted:
            found += 1
            context.reply.line(verb + usage)
            yield
    if not found:
        names = [row[0] for row in VERBS]
        for _ in unknown(context, BAD_ARGUMENT, wanted, names, "help"):
            yield


VERBS = (
    (("help", 0, 1, _help, " [VERB]  this list"),)
    + status_verbs.ROWS
    + fault_verbs.ROWS
    + io_verbs.ROWS
    + test_verbs.ROWS
    + (
        ("charge", 0, 2, charge_verbs.charge_verb, charge_verbs.USAGE),
        ("pack", 0, 5, pack_verbs.pack_verb, pack_verbs.USAGE),
    )
    + calibration_verbs.ROWS
    + param_verbs.ROWS
    + draft_verbs.ROWS
    + dump_verbs.ROWS
    + access_verbs.ROWS
    + board_verbs.ROWS
)
# A search would cost as much as the line.
_ROW_OF = {row[0]: row for row in VERBS}
_ROW_OF["?"] = _ROW_OF["help"]
