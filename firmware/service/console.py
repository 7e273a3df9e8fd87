"""Console: each line gets one answer, a slice at a time.

Every line that is not empty gets exactly one last reply line, `ok` or `err CODE
slug: what happened; what was kept; what to do`, and a person the prompt after
it. A program sees its tag on each line, and no prompt.
"""

from micropython import const

from service.context import Context
from service.error_codes import BAD_ARGUMENT, BAD_CRC, BAD_LENGTH, BUSY, FAILED, NOT_NOW
from service.inlet import Inlet
from service.line_editor import FLAWLESS, FOREIGN, LONG, LineEditor
from service.request_line import BAD_SUM, BAD_TAG, RequestLine, is_for_obd
from service.verbs import Verbs

# A program that has not heard the answer asks again within this.
_REPEAT_MS = const(2000)
# A program that has heard nothing for so long is told that its answer is still to come.
_PENDING_MS = const(500)
# What some ELM327 clients send to find the baud rate, and nothing else on the line.
_OBD_DELETES = const(2)


class Console:
    """The line and the running answer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reply = context.reply
        self._editor = LineEditor(context)
        self._request = RequestLine()
        self._verbs = Verbs()
        self._obd_line = b""
        self._line: "bytes | None" = None  # whole, and to be run in the next slice
        self._flaw = FLAWLESS
        self._answer = None
        self._last_tag = b""
        self._last_sum: bytes = b""
        self._since_last_ms = _REPEAT_MS
        self._silent_ms = 0  # of the answer that is running

    def is_busy(self) -> bool:
        """Return whether an answer is running, or about to."""
        return self._answer is not None or self._line is not None

    def is_typing(self) -> bool:
        """Return whether a person is in the middle of a line, which nothing may interrupt."""
        return self._editor.is_typing()

    def take_obd_line(self) -> bytes:
        """Return the line that is meant for an ELM327, once; b"" for none."""
        line = self._obd_line
        if line:
            self._obd_line = b""
        return line

    def pass_time(self, passed_ms: int) -> None:
        """Forget half a line that is old, and an answer that nobody can ask for again."""
        if self._since_last_ms < _REPEAT_MS:
            self._since_last_ms += passed_ms
        if self._answer is not None:
            self._silent_ms += passed_ms
        if not self.is_busy() and self._editor.is_old(passed_ms):
            was_typing = self._editor.is_typing()
            self._editor.forget()
            if was_typing:
                self._reply.end()
                self.prompt()

    def break_off(self) -> None:
        """Ctrl-C while the car may move is data: it ends the answer and the line, no more."""
        self._refuse(NOT_NOW, "Ctrl-C while not parked; the program runs on; park the car first")

    def refuse_flood(self) -> None:
        """Say once that what came last was not kept."""
        self._refuse(BUSY, "over 50 lines a second; rest dropped until 100 ms quiet; send slower")

    def _refuse(self, code: int, text: str) -> None:
        self._answer = None
        self._line = None
        self._editor.forget()
        if not self._reply.is_tagged():
            self._reply.end()
        self._reply.error(code, text)
        self._end_answer()

    def take(self, inlet: Inlet, most: int) -> None:
        """Take at most that many bytes, and none behind the end of a line."""
        if not self._editor.take(inlet, most):
            return
        editor = self._editor
        line = editor.line()
        flaw = editor.flaw
        deletes = editor.deletes
        editor.forget()
        if deletes == _OBD_DELETES:
            self._obd_line = b"\r"
        elif flaw == FLAWLESS and is_for_obd(line):
            self._obd_line = line + b"\r"
        else:
            # Not with the bytes that it came with: that slice has been long enough.
            self._line = line
            self._flaw = flaw

    def _run(self, line: bytes, flaw: int) -> None:
        request = self._request
        wrong = request.take(line)
        reply = self._reply
        reply.begin(b"")
        if not request.tag or reply.is_open:
            if self._context.is_echoing and line in (b"a", b"A"):
                reply.data(line)  # not shown so far
            reply.end()
        reply.begin(request.tag)
        self._context.telemetry.hear(request.tag != b"")
        if flaw != FLAWLESS:
            self._refuse_line(flaw)
        elif wrong == BAD_TAG:
            reply.error(BAD_ARGUMENT, "tag is not @ and 1 to 4 digits; nothing done; use @1")
        elif wrong == BAD_SUM:
            reply.error(BAD_CRC, "line came damaged; nothing done; send it again")
        elif request.words:
            if not self._is_repeated():
                self._answer = self._verbs.answer(self._context, request.words)
                self._silent_ms = 0
                return
            reply.repeat()
        elif request.tag:
            reply.error(BAD_ARGUMENT, "no command; nothing done; `help` names them")
        self._end_answer()

    def _is_repeated(self) -> bool:
        """Return whether this very line was answered a moment ago; a program missed the answer."""
        request = self._request
        if not request.tag or not request.sum:
            self._last_tag = b""
            return False
        if (
            self._since_last_ms < _REPEAT_MS
            and request.tag == self._last_tag
            and request.sum == self._last_sum
        ):
            return True
        self._last_tag = request.tag
        self._last_sum = request.sum
        return False

    def _refuse_line(self, flaw: int) -> None:
        reply = self._reply
        if flaw == LONG:
            reply.error(BAD_LENGTH, "line over 160 characters; dropped whole; send less")
        elif flaw == FOREIGN:
            reply.error(BAD_ARGUMENT, "not ASCII; line dropped whole; use plain letters")
        else:
            reply.error(BAD_LENGTH, "input came too fast; line dropped whole; send slower")

    def go_on(self) -> None:
        """Write one line of the answer; an exception ends it with `err 10` and is raised again."""
        line = self._line
        if line is not None:
            self._line = None
            self._run(line, self._flaw)
            return
        generator = self._answer
        if generator is None:
            return
        if self._is_pending():
            # Instead of a piece of the answer, which is work enough for a slice.
            self._reply.line("pending")
            return
        reply = self._reply
        try:
            next(generator)
            return
        except StopIteration:
            if not reply.has_failed:
                reply.ok()
        except Exception:
            if reply.is_open:
                reply.end()
            reply.error(FAILED, "this answer broke; the car is as it was; report it")
            self._end_answer()
            raise
        self._end_answer()

    def _is_pending(self) -> bool:
        """Return whether a program has heard nothing for so long that it may give up."""
        reply = self._reply
        if reply.has_said():
            self._silent_ms = 0
        return self._silent_ms >= _PENDING_MS and reply.is_tagged() and not reply.is_open

    def _end_answer(self) -> None:
        """Leave the answer; a person gets the prompt."""
        self._answer = None
        self._since_last_ms = 0
        was_tagged = self._reply.is_tagged()
        self._reply.begin(b"")
        if not was_tagged:
            self.prompt()

    def prompt(self) -> None:
        """Show a person that the next line may come."""
        self._reply.text("lsev* " if self._context.desk.is_edited else "lsev> ")
