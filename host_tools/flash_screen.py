"""Flash screen: how far one board or a bench of many is, on a terminal or into a pipe."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from host_tools.files import whole_file

_BAR_CHARS = 24
_ROW_CHARS = 79


class Screen:
    """Lines, and below them one that is rewritten on a terminal."""

    def __init__(self) -> None:
        self._shown = False

    def tell(self, text: str) -> None:
        """Print a line that stays."""
        if self._shown:
            sys.stdout.write("\r\x1b[K")
            self._shown = False
        print(text, flush=True)

    def show(self, text: str) -> None:
        """Show what is going on now; nothing into a pipe."""
        if sys.stdout.isatty():
            self._shown = True
            sys.stdout.write("\r\x1b[K" + text[:_ROW_CHARS])
            sys.stdout.flush()


class Bench:
    """A line of its own for each of many ports, rewritten on a terminal, else its last one."""

    def __init__(self, ports: list[str]) -> None:
        self._texts = dict.fromkeys(ports, "waiting")
        self._lock = Lock()
        self._is_drawn = False
        self._reason: BaseException | None = None

    def show(self, port: str, text: str) -> None:
        """Say what is going on at a port, from any thread."""
        with self._lock:
            self._texts[port] = text
            if not sys.stdout.isatty():
                return
            up = f"\x1b[{len(self._texts)}A" if self._is_drawn else ""
            rows = (f"{name}  {what}"[:_ROW_CHARS] for name, what in self._texts.items())
            print(up + "\n".join("\r\x1b[K" + row for row in rows), flush=True)
            self._is_drawn = True

    def stop(self, reason: BaseException) -> None:
        """Have every board's work end at its next step, as a person's Ctrl-C does."""
        self._reason = reason

    def check(self) -> None:
        """Raise what stopped the bench, if anything did."""
        if self._reason is not None:
            raise type(self._reason)(*self._reason.args)

    def end(self) -> None:
        """Print the last line of each port where it was not shown as it went, or not all of it."""
        for name, text in self._texts.items():
            line = f"{name}  {text}"
            if not sys.stdout.isatty() or len(line) > _ROW_CHARS:
                print(line)


@dataclass
class Work:
    """One board at one port: what is told while it goes on, and what the report says."""

    port: str
    tell: Callable[[str], None]
    show: Callable[[str], None]
    lines: list[str] = field(default_factory=list[str])
    number: str = "board"  # of the files that are written, no two of them the same
    kept: str = "nothing was changed"  # what a person who stops it is told
    is_one_of_many: bool = False

    def name(self, number: str) -> None:
        """Call the files so; where boards are many, by the port as well: numbers may repeat."""
        port = f"_{plain(self.port)}" if self.is_one_of_many else ""
        self.number = plain(number) + port

    def say(self, text: str) -> None:
        """Tell a person, and keep it for the report."""
        self.lines.append(text)
        self.tell(text)

    def progress(self, name: str, done: int, whole: int) -> None:
        """Show how far the copying is."""
        if not whole:
            self.show("reading back and comparing every file")
            return
        bar = "#" * (_BAR_CHARS * done // whole)
        self.show(f"[{bar:<{_BAR_CHARS}}] {100 * done // whole:3d} %  {name}")

    def end(self, verdict: str, head: str, path: Path) -> None:
        """Write all that was said into a file, and tell how it ended."""
        self.lines.append(verdict)
        try:
            with whole_file(path) as temporary:
                temporary.write_text("\n".join([head, *self.lines]) + "\n", encoding="utf-8")
        except OSError as error:  # the board is as the verdict says, whatever becomes of the file
            self.tell(f"{verdict} (no report: {path}: {error.strerror})")
        else:
            self.tell(f"{verdict} (report: {path})")


def plain(text: str) -> str:
    """Return what of a text can be in the name of a file; "board" for nothing."""
    return re.sub(r"\W+", "", text) or "board"
