"""Frame verbs: what the car did when a fault was confirmed, and in the 2 s before."""

from array import array

from micropython import const

from service.context import Context
from service.error_codes import BAD_ARGUMENT, BUSY
from service.reply import Reply
from vcu import modes
from vcu.faults import row_of
from vcu.recorder import FIELD_COUNT, FIELDS, FRAME_ROWS, FRAMES, ROW_MS

_MODE_FIELD = const(8)
_CODE_MOST = const(20)


def freeze(context: Context, code: str):
    """Write the freeze frame of a blink code or DTC and the 2 s before it."""
    reply = context.reply
    recorder = context.desk.loop.recorder
    wanted = code.upper()
    for i in range(FRAMES):
        number = recorder.numbers[i]
        if number >= 0 and wanted in (str(row_of(number)[0]), row_of(number)[2]):
            if recorder.ready >> i & 1:
                for _ in _frame(reply, recorder.frames[i]):
                    yield
            else:
                reply.error(BUSY, "frame is still being copied; it is kept; ask again")
            return
    reply.error(BAD_ARGUMENT)
    reply.text("no frame of " + code[:_CODE_MOST] + "; nothing changed; there are:")
    found = 0
    for number in recorder.numbers:
        if number >= 0:
            found += 1
            reply.text(" ")
            reply.number(row_of(number)[0])
    reply.line("" if found else " none")
    yield


def _frame(reply: Reply, frame: "array[int]"):
    """Write the frame a field a line, and then all rows as CSV, the newest first."""
    for field in range(FIELD_COUNT):
        reply.text(FIELDS[field])
        reply.text(" ")
        _field(reply, field, frame[field])
        reply.end()
        yield
    reply.text("t_ms")
    for name in FIELDS:
        reply.text(",")
        reply.text(name)
        if name == FIELDS[FIELD_COUNT // 2]:
            yield
    reply.end()
    yield
    for row in range(FRAME_ROWS):
        at = row * FIELD_COUNT
        if row and not any(frame[at : at + FIELD_COUNT]):
            # Noughts would be read as a pack without a voltage.
            reply.line("nothing was recorded before: the controller had just started")
            yield
            return
        reply.number(-row * ROW_MS)
        for field in range(FIELD_COUNT):
            reply.text(",")
            _field(reply, field, frame[at + field])
        reply.end()
        yield


def _field(reply: Reply, field: int, value: int) -> None:
    if field == _MODE_FIELD and 0 <= value < len(modes.NAMES):
        reply.text(modes.NAMES[value])
    else:
        reply.number(value)


def _freeze(context: Context, words: "list[str]"):
    return freeze(context, words[1])


ROWS = (("freeze", 1, 1, _freeze, " CODE  the moment of that fault and the 2 s before"),)
