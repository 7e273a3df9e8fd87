"""Fault verbs: faults, freeze and clear; what is wrong or was, and what the car did before."""

from array import array

from micropython import const

from service.context import Context, to_int, wait
from service.reply import BAD_ARGUMENT, BUSY, Reply
from vcu import modes
from vcu.faults import CLASS_NAMES, PERSON, WORD_SHIFT, WORDS, row_of
from vcu.recorder import FIELD_COUNT, FIELDS, FRAME_ROWS, FRAMES, ROW_MS

_MODE_FIELD = const(8)
# What must follow the heal time, by latch.
_UNLATCHED_BY = ("", " + pedal up", " + key off")


def name_row(reply: Reply, row: "tuple[int, str, str, int, int, int, int]") -> None:
    """Write blink code, DTC, name and class of a row of the fault table."""
    reply.number(row[0])
    reply.text(" " + row[2] + " " + row[1] + " " + CLASS_NAMES[row[3]])


def faults_verb(context: Context, words: "list[str]"):
    """Write a line for each row that is active or stored."""
    faults = context.desk.loop.faults
    found = 0
    for word in range(WORDS):
        bits = faults.active[word] | faults.stored[word]
        number = word * WORD_SHIFT
        bit = 1
        while bits >= bit:
            if bits & bit:
                found += 1
                _fault(context, number, faults.active[word] & bit, faults.counts[number])
                yield
            number += 1
            bit <<= 1
    if not found:
        context.reply.line("none active, none stored")
        yield


def _fault(context: Context, number: int, active: int, count: int) -> None:
    reply = context.reply
    row = row_of(number)
    name_row(reply, row)
    reply.text(" active " if active else " stored ")
    reply.number(count)
    reply.text("x")
    desk = context.desk
    if len(desk.first_s) > number and len(desk.last_s) > number:
        reply.text(" at ")
        reply.number(desk.first_s[number])
        reply.text("..")
        reply.number(desk.last_s[number])
        reply.text(" s")
    if row[6] == PERSON:
        reply.line("; heals by `clear`")
        return
    reply.text("; heals ")
    reply.number(row[5] // 100, 1)
    reply.line(" s after it is gone" + _UNLATCHED_BY[row[6]])


def freeze_verb(context: Context, words: "list[str]"):
    """Write the freeze frame of a blink code and the 2 s before it."""
    reply = context.reply
    recorder = context.desk.loop.recorder
    wanted = to_int(words[1])
    for i in range(FRAMES):
        number = recorder.numbers[i]
        if number >= 0 and row_of(number)[0] == wanted:
            if recorder.ready >> i & 1:
                for _ in _frame(reply, recorder.frames[i]):
                    yield
            else:
                reply.error(BUSY, "frame is still being copied; it is kept; ask again")
            return
    reply.error(BAD_ARGUMENT)
    reply.text("no frame of " + words[1][:20] + "; nothing changed; there are:")
    for number in recorder.numbers:
        if number >= 0:
            reply.text(" ")
            reply.number(row_of(number)[0])
    reply.end()
    yield


def _frame(reply: Reply, frame: "array[int]"):
    """Write the frame a field a line, and then all rows as CSV, the newest first."""
    for field in range(FIELD_COUNT):
        reply.text(FIELDS[field] + " ")
        _field(reply, field, frame[field])
        reply.end()
        yield
    reply.text("t_ms")
    for name in FIELDS:
        reply.text("," + name)
        if name == FIELDS[FIELD_COUNT // 2]:
            yield
    reply.end()
    yield
    for row in range(FRAME_ROWS):
        reply.number(-row * ROW_MS)
        for field in range(FIELD_COUNT):
            reply.text(",")
            _field(reply, field, frame[row * FIELD_COUNT + field])
        reply.end()
        yield


def _field(reply: Reply, field: int, value: int) -> None:
    if field == _MODE_FIELD and 0 <= value < len(modes.NAMES):
        reply.text(modes.NAMES[value])
    else:
        reply.number(value)


def clear_verb(context: Context, words: "list[str]"):
    """Ask for the stored faults to be forgotten, and say how it went."""
    if context.may_write():
        context.desk.request_clear()
        for _ in wait(context, "cleared; what is still there stays; see `faults`"):
            yield
