"""Flash steps: stops a parked board, keeps what is on it, installs, starts it and sees it run.

Whatever goes wrong before the last step, the board is started again with what it had.
"""

import re
import time
import zipfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from host_tools.answers import Commander, parse_words
from host_tools.board_files import BoardError, BoardFiles
from host_tools.dump_file import values_in
from host_tools.files import whole_file
from host_tools.link import Link, LinkError
from host_tools.ports import PortError, open_port
from host_tools.prompt_files import open_prompt
from host_tools.slot_record import RECORD, decode
from host_tools.slots import RECORDS, SELECTOR, FlashError, State
from service.identity import NAME as IDENTITY

# How long a started board may take to its first answer: hashes, import, self-test.
_START_S = 40.0
_ANSWER_S = 3.0
_PAUSE_S = 0.5
_NOT_NOW = (22, 88)
_SELF_TEST = re.compile(r"\bmode SELFTEST\b")
_LAST_LINES = 12
_LOST = "parameters_lost"
# The records hold the vehicle's keys: who reads them unlocks the car.
_ONLY_OWNER = 0o600

Listener = Callable[[str], None]


@contextmanager
def open_link(name: str, tap: Listener) -> Generator[Commander]:
    """Open the console of the board at a port; LinkError, PortError."""
    port = open_port(name)
    try:
        yield Link(port, tap)
    finally:
        port.close()


@dataclass(frozen=True)
class Tools:
    """What reaches a board, and the time."""

    link: Callable[[str, Listener], AbstractContextManager[Commander]] = open_link
    prompt: Callable[[str], AbstractContextManager[BoardFiles]] = open_prompt
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = datetime.now


@dataclass
class Running:
    """What the program on a board said before it was stopped; {} where none answered."""

    identity: dict[str, str] = field(default_factory=dict[str, str])
    texts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def dump(self) -> list[str]:
        """The parameters."""
        return self.texts.get("dump", [])

    @property
    def is_lost(self) -> bool:
        """Whether the board says that it could not read its parameters."""
        return any(_LOST in line for line in self.texts.get("faults", []))

    def other_than(self, dump: list[str]) -> list[str]:
        """Return the parameters that are not as in the lines of a dump."""
        there = values_in(self.dump)
        return [name for name, value in values_in(dump).items() if there.get(name, value) != value]


def stop_program(tools: Tools, port: str) -> Running:
    """Ask the program who it is and what it keeps, and end it; FlashError when the car may move.

    A board without a program, or with one that is no console, answers nothing.
    """
    found = Running()
    try:
        with tools.link(port, lambda line: None) as link:
            found.identity = parse_words(link.command("id", timeout_s=_ANSWER_S))
            for verb in ("dump", "faults", "faults hist", "changes"):
                with suppress(LinkError):
                    found.texts[verb] = link.command(verb)
            link.command("repl")
    except LinkError as error:
        if error.code in _NOT_NOW:
            raise FlashError(
                f"the car could move, so its program was not stopped: {error.text}; nothing was"
                " changed; stop, neutral, key off, and try again"
            ) from None
        if error.code is not None:
            raise FlashError(
                f"the board did not stop its program: {error}; nothing was changed; try again"
            ) from None
    return found


@contextmanager
def at_prompt(tools: Tools, port: str) -> Generator[BoardFiles]:
    """Be at the prompt; the board starts again however this ends, so that the car can be used.

    FlashError and BoardError say so where it could not be started.
    """
    with tools.prompt(port) as files:
        try:
            yield files
        except (FlashError, BoardError) as error:
            if _is_reset(files):
                raise
            raise type(error)(
                f"{error}; the board could not be restarted: switch its supply off and on"
            ) from None
        except BaseException:
            _is_reset(files)
            raise
        if not _is_reset(files):
            raise FlashError(
                "all was done, but the board could not be restarted: switch its supply off and on"
            )


def _is_reset(files: BoardFiles) -> bool:
    try:
        files.reset()
    except BoardError:
        return False
    return True


def back_up(files: BoardFiles, state: State, before: Running, path: Path) -> str:
    """Write all records and what the program said into one zip file, if there is anything.

    Only its owner may read it. Return what to tell of it. OSError when it cannot be
    written; BoardError when a record cannot be read.
    """
    kept = {
        f"{name.replace(' ', '_')}.txt": "\n".join(lines).encode() + b"\n"
        for name, lines in [*before.texts.items(), ("id", _pairs(before.identity))]
        if lines
    }
    for record, entry in files.tree(RECORDS).items():
        if not entry.is_folder:
            kept[record.lstrip("/")] = files.read(record)
    if not state.is_ours:  # somebody's own program
        for foreign in ("/boot.py", SELECTOR):
            if foreign in state.root:
                kept["root" + foreign] = files.read(foreign)
    if kept:
        with (
            whole_file(path, _ONLY_OWNER) as temporary,
            zipfile.ZipFile(temporary, "w") as archive,
        ):
            for name, data in sorted(kept.items()):
                archive.writestr(name, data)
    if any(Path(name).stem == IDENTITY for name in kept):
        return f"backup: {path} (it holds the vehicle's keys: only you can read it, keep it so)"
    return f"backup: {path if kept else 'none, there is nothing on the board to keep'}"


def _pairs(words: dict[str, str]) -> list[str]:
    return [f"{name} {rest}" for name, rest in words.items()]


def wait_for_start(tools: Tools, port: str, bundle_version: str, dump: list[str]) -> Running:
    """Wait until the board runs that version and has passed its self-test; FlashError.

    dump has the parameters that a version has left that starts in its place.
    """
    heard: list[str] = []
    why = "no answer"
    end = tools.monotonic() + _START_S
    while tools.monotonic() < end:
        tools.sleep(_PAUSE_S)
        try:
            with tools.link(port, heard.append) as link:
                found = Running(parse_words(link.command("id", timeout_s=_ANSWER_S)))
                if _SELF_TEST.search("\n".join(link.command("status"))):
                    why = "its self-test does not end"
                    continue
                for verb in ("dump", "faults"):
                    found.texts[verb] = link.command(verb)
        except (LinkError, PortError) as error:
            is_at_prompt = isinstance(error, LinkError) and error.slug == "at-prompt"
            why = (
                "it is at MicroPython's prompt and drives nothing" if is_at_prompt else str(error)
            )
            continue
        version = found.identity.get("version", "?")
        if version != bundle_version:
            raise FlashError(
                f"version {bundle_version} was installed, but version {version} runs, for"
                f" {found.identity.get('vehicle', '?')}: the new one"
                f" did not start and was given up{_kept_reason(tools, port) or _said(heard)};"
                f" {_left(dump, found)}; hand on this report"
            )
        return found
    raise FlashError(
        f"version {bundle_version} was installed and verified, but the board has not started it:"
        f" {why}{_said(heard)}; after two failed starts it takes the version before by itself;"
        " switch its supply off and on, then `lsev versions`; where nothing at all starts,"
        " `lsev flash --root`"
    )


def _left(dump: list[str], found: Running) -> str:
    """Return what the version that was given up has left of the parameters."""
    others = found.other_than(dump)
    if not others and not found.is_lost:
        return "the car can be used as before"
    return (
        f"its parameters are not those of before ({', '.join(others) or 'the record is lost'}):"
        " `lsev params restore` with dump.txt of the backup, before anybody drives"
    )


def _said(heard: list[str]) -> str:
    lines = [line for line in heard if line.startswith("selector:")][-_LAST_LINES:]
    return f" ({'; '.join(lines)})" if lines else ""


def _kept_reason(tools: Tools, port: str) -> str:
    """Return why a slot was given up; the board may have said so before the port was open."""
    with suppress(BoardError, FlashError, PortError):
        stop_program(tools, port)
        with at_prompt(tools, port) as files:
            record = decode(files.read(RECORD))
        if record is not None and record.failed:
            return f" (slot {record.failed} was given up: {record.why})"
    return ""
