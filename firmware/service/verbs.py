"""Verbs: what the console answers; each verb is a generator that writes one line and yields.

A yield hands the slice back, so that a long answer costs each tick one line. A
verb may ask the desk for something; it never acts on the car itself. Each
module of verbs has its own rows: verb, fewest and most arguments, what answers
it, and the rest of its line in `help`.

Modules that are of use in a drive come with the program. Another is loaded when one of
its verbs is first used, which stalls the chip as a flash write does: on a parked car only.
One that charges is parked; its outputs stand as they are for that moment. A file that
cannot be loaded costs its verbs and nothing else.
"""

from service import board_verbs, fault_verbs, io_verbs, status_verbs, value_verbs
from service.context import Context, unknown
from service.error_codes import BAD_ARGUMENT, FAILED, UNKNOWN_COMMAND

# Of use in a drive as well; `help` stands before them.
_FIRST = status_verbs.ROWS + fault_verbs.ROWS + io_verbs.ROWS + value_verbs.ROWS + board_verbs.ROWS
# Module, and its verbs in the order of its rows.
LATER = (
    ("test_verbs", ("test",)),
    ("charge_verbs", ("charge",)),
    ("pack_verbs", ("pack",)),
    ("calibration_verbs", ("cal",)),
    ("param_verbs", ("set", "save")),
    ("draft_verbs", ("begin", "show", "commit", "abort", "defaults")),
    ("dump_verbs", ("dump", "diff", "restore", "checksum")),
    ("access_verbs", ("unlock", "auth", "changes", "provision")),
)


def names() -> "list[str]":
    """Return every verb, loaded or not."""
    found = ["help"] + [row[0] for row in _FIRST]
    for _, verbs in LATER:
        found += verbs
    return found


def _module_of(verb: str) -> str:
    for module, verbs in LATER:
        if verb in verbs:
            return module
    return ""


class Verbs:
    """The verbs that are loaded; a console has its own."""

    def __init__(self) -> None:
        # A search would cost as much as the line.
        self._row_of = {row[0]: row for row in _FIRST}
        usage = " [VERB]  this list, or what a verb does"
        self._row_of["help"] = self._row_of["?"] = ("help", 0, 1, self._help, usage)

    def answer(self, context: Context, words: "list[str]"):
        """Return the generator that answers a line of at least one word."""
        if context.draft.is_restoring and len(words) == 1 and "=" in words[0]:
            return context.dump_line(context, words)
        row = self._row_of.get(words[0])
        if row is None:
            return self._load(context, words[0], words, UNKNOWN_COMMAND)
        if row[1] < len(words) <= row[2] + 1:
            return row[3](context, words)
        return _usage(context, row[0] + row[4])

    def _load(self, context: Context, verb: str, words: "list[str]", code: int):
        """Load the module of a verb where the car is parked, and answer the line then."""
        module = _module_of(verb)
        if not module:
            for _ in unknown(context, code, verb, names(), "help"):
                yield
            return
        yield  # the line was work enough for its slice
        if not context.desk.is_parked():
            context.refuse_moving()
            return
        try:
            rows = getattr(__import__("service." + module), module).ROWS
        except Exception:  # damaged, missing, no memory for it: whichever, it is not there
            context.reply.error(
                FAILED, module + " cannot be loaded; nothing done, the rest works; flash again"
            )
            return
        for row in rows:
            self._row_of[row[0]] = row
        yield
        for _ in self.answer(context, words):
            yield

    def _help(self, context: Context, words: "list[str]"):
        if len(words) == 1:
            return _list(context, self._row_of["help"][4])
        row = self._row_of.get(words[1])
        if row is None:
            return self._load(context, words[1], words, BAD_ARGUMENT)
        return _say(context, row[0] + row[4])


def _list(context: Context, usage: str):
    context.reply.line("help" + usage)
    yield
    for row in _FIRST:
        context.reply.line(row[0] + row[4])
        yield
    for _, verbs in LATER:
        context.reply.line(" ".join(verbs) + "  (parked: `help " + verbs[0] + "`)")
        yield


def _say(context: Context, text: str):
    context.reply.line(text)
    yield


def _usage(context: Context, usage: str):
    context.reply.error(BAD_ARGUMENT, "wrong number of words; nothing done; use: " + usage)
    yield
