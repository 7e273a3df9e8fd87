"""What the flash board prints: which prompt it is at, the line ends, and the last of it."""

from sim.port_link import with_line_ends

_RAW = b"raw REPL; CTRL-B to exit"
_FRIENDLY = b'Type "help()" for more information.'
_LAST_WORDS_BYTES = 8000


class FlashOutput:
    """Follows the output; is_raw is whether it is at the raw prompt, or ran from there."""

    def __init__(self) -> None:
        self.is_raw = False
        self.printed = b""
        self._banner = b""  # the end of it that may be the beginning of one

    def begin(self, is_raw: bool) -> None:
        """The interpreter starts anew, for that prompt."""
        self.is_raw = is_raw
        self._banner = b""

    def follow(self, data: bytes) -> bytes:
        """Return what goes out: a bare LF as CR LF, but for the raw prompt's bytes."""
        seen = self._banner + data
        self._banner = seen[-len(_FRIENDLY) :]
        raw, friendly = seen.rfind(_RAW), seen.rfind(_FRIENDLY)
        was_raw = self.is_raw
        if raw != friendly:
            self.is_raw = raw > friendly
        if not was_raw and not self.is_raw:
            data = with_line_ends(data, self.printed)
        self.printed = (self.printed + data)[-_LAST_WORDS_BYTES:]
        return data
