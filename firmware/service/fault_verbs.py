"""Fault verbs: what is wrong, what was, the codes that only driving clears, and clearing.

The most severe class comes first; reading changes nothing.
"""

from micropython import const

from service import frame_verbs
from service.context import Context, refuse, wait
from service.dates import write_date
from service.fault_history import PASSES_MOST
from service.obd_pids import count_of
from service.reply import Reply
from vcu.faults import CLASS_NAMES, PERSON, TABLE, WORD_SHIFT, WORDS, row_of

# After what a row heals, by latch.
_AFTER = (
    " s after it is gone",
    " s after it is gone + pedal up",
    " s after it is gone + key off",
)
# After a clear, the slices within which a fault that is there is confirmed again and shown:
# about 0.6 s, as the rows of the system are judged every 0.4 s.
_RETURN_SLICES = const(60)


def name_row(reply: Reply, row: "tuple[int, str, str, int, int, int, int]") -> None:
    """Write blink code, DTC, name and class of a row of the fault table."""
    # Piece by piece: MicroPython searches its names for every text that is made of two.
    reply.number(row[0])
    reply.text(" ")
    reply.text(row[2])
    reply.text(" ")
    reply.text(row[1])
    reply.text(" ")
    reply.text(CLASS_NAMES[row[3]])


def _each(words: "list[int]"):
    """Yield the number of each row that has its bit, the most severe class first.

    A -1 between them is only the end of a slice.
    """
    if not any(words):
        return
    for fault_class in range(len(CLASS_NAMES)):
        for word in range(WORDS):
            bits = words[word]
            rows = TABLE[word]
            i = 0
            while bits:
                if bits & 1 and rows[i][3] == fault_class:
                    yield word * WORD_SHIFT + i
                bits >>= 1
                i += 1
            yield -1


def _faults(context: Context, words: "list[str]"):
    """Write a line for each row that is active, then for each that is only stored."""
    if len(words) == 3 and words[1] == "freeze":
        return frame_verbs.freeze(context, words[2])
    if len(words) == 2 and words[1] == "hist":
        return _history(context)
    if len(words) > 1:
        return refuse(context, "no such part", "faults [hist|freeze CODE]")
    return _present(context)


def _present(context: Context):
    faults = context.desk.loop.faults
    active = [faults.active[word] for word in range(WORDS)]
    stored = [faults.stored[word] & ~active[word] for word in range(WORDS)]
    if not any(active) and not any(stored):
        context.reply.line("none active, none stored")
        yield
    for number in _each(active):
        if number >= 0:
            _fault(context, number)
        yield
    for number in _each(stored):
        if number >= 0:
            _fault(context, number)
        yield
    if any([faults.permanent[word] & ~active[word] & ~stored[word] for word in range(WORDS)]):
        context.reply.line("cleared, but permanent until driven clean: see `faults hist`")
        yield


def _fault(context: Context, number: int) -> None:
    reply = context.reply
    row = row_of(number)
    _tell(context, number)
    if row[6] == PERSON:
        reply.line("; heals by `clear`")
        return
    reply.text("; heals ")
    reply.number(row[5] // 100, 1)
    reply.line(_AFTER[row[6]])


def _tell(context: Context, number: int) -> None:
    """Write the name of a row, whether it is active or stored, its count and its times."""
    reply = context.reply
    faults = context.desk.loop.faults
    history = context.desk.history
    name_row(reply, row_of(number))
    if _has(faults.active, number):
        reply.text(" active ")
    else:
        reply.text(" stored " if _has(faults.stored, number) else " cleared ")
    reply.number(faults.counts[number])
    reply.text("x")
    if history.first_s[number]:
        _span(reply, " at ", history.first_s[number], history.last_s[number])
        reply.text(" s")


def _span(reply: Reply, name: str, first: int, last: int) -> None:
    reply.text(name)
    reply.number(first)
    reply.text("..")
    reply.number(last)


def _has(words: "list[int]", number: int) -> bool:
    return bool(words[number // WORD_SHIFT] >> number % WORD_SHIFT & 1)


def _history(context: Context):
    """Write all that is kept of each row, also of those that a person has cleared."""
    history = context.desk.history
    faults = context.desk.loop.faults
    reply = context.reply
    if history.cleared_s:
        reply.text("cleared at ")
        reply.number(history.cleared_s)
        reply.text(" s, key cycle ")
        reply.number(history.cleared_cycle)
        if history.cleared_wall_s:
            reply.text(", ")
            write_date(reply, history.cleared_wall_s)
        reply.end()
        yield
    words = [faults.stored[i] | faults.pending[i] | faults.permanent[i] for i in range(WORDS)]
    if not any(words):
        reply.line("no faults kept")
        yield
    for number in _each(words):
        if number >= 0:
            _tell(context, number)
            yield  # the rest of the line is a slice of its own
            _tell_more(context, number)
            if history.first_wall_s[number] or history.last_wall_s[number]:
                yield
                _dates(reply, history.first_wall_s[number], history.last_wall_s[number])
        yield


def _tell_more(context: Context, number: int) -> None:
    """Write what a row has beside its times in this controller's life, and end the line."""
    reply = context.reply
    faults = context.desk.loop.faults
    history = context.desk.history
    if history.first_cycle[number]:
        _span(reply, ", key cycle ", history.first_cycle[number], history.last_cycle[number])
    if _has(faults.pending, number):
        reply.text("; pending")
    if _has(faults.permanent, number):
        reply.text("; permanent, clean drives ")
        reply.number(history.passes[number])
        reply.text(" of ")
        reply.number(PASSES_MOST)
    for frozen in context.desk.loop.recorder.numbers:
        if frozen == number:
            reply.text("; frame")
    reply.end()


def _dates(reply: Reply, first_wall_s: int, last_wall_s: int) -> None:
    """Write when that was, where a host had told the time."""
    reply.text("  first ")
    write_date(reply, first_wall_s)
    if last_wall_s:
        reply.text(", last ")
        write_date(reply, last_wall_s)
    reply.end()


def _clear(context: Context, words: "list[str]"):
    """Have the faults cleared; say how many that were, and which of them are there again."""
    if len(words) > 1 and words[1] != "faults":
        for _ in refuse(context, "no such part", "clear [faults]"):
            yield
        return
    if not context.may_write():
        return
    faults = context.desk.loop.faults
    stored = list(faults.stored)
    reply = context.reply
    context.desk.request_clear()
    for _ in wait(context, "cleared; looking what comes back"):
        yield
    if reply.has_failed:
        return
    for _ in range(_RETURN_SLICES):
        yield
    for number in _each(list(faults.active)):
        if number >= 0:
            _fault(context, number)
        yield
    gone = [stored[word] & ~faults.stored[word] for word in range(WORDS)]
    reply.number(count_of(gone))
    reply.text(" gone, ")
    reply.number(count_of(faults.stored))
    reply.text(" there still or again, ")
    reply.number(count_of(faults.permanent))
    reply.line(" permanent until driven clean")
    yield


ROWS = (
    (("faults", 0, 2, _faults, " [hist|freeze CODE]  what is wrong, or was"),)
    + frame_verbs.ROWS
    + (("clear", 0, 1, _clear, " [faults]  forget stored faults (parked)"),)
)
