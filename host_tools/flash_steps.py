"""Flash steps: stops a parked board, keeps what is on it, starts it again however that ends."""

import time
import zipfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from host_tools.answers import Commander, parse_words
from host_tools.board_files import BoardError, BoardFiles
from host_tools.dump_file import values_in
from host_tools.files import whole_file
from host_tools.link import LinkError, open_link
from host_tools.ports import PortError
from host_tools.prompt_files import open_prompt
from host_tools.slots import RECORDS, SELECTOR, FlashError, State
from service.identity import NAME as IDENTITY

ANSWER_S = 3.0
PAUSE_S = 0.5
# Some programs look into every port that appears, and let go of it within seconds.
_TAKEN_S = 10.0
_NOT_NOW = (22, 88)
# What a program is asked to keep of it before it ends.
_KEPT = ("dump", "faults", "faults hist", "changes")
_LOST, _CONFLICT = "parameters_lost", " parameters_conflict "
# The records hold the vehicle's keys: who reads them unlocks the car.
_ONLY_OWNER = 0o600

Listener = Callable[[str], None]


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
    def unique_id(self) -> str:
        """The number of its chip; "" where it does not say."""
        return self.identity.get("unique_id", "")

    @property
    def dump(self) -> list[str]:
        """The parameters."""
        return self.texts.get("dump", [])

    @property
    def is_lost(self) -> bool:
        """Whether the board says that it could not read its parameters."""
        return any(_LOST in line for line in self.texts.get("faults", []))

    @property
    def is_broken(self) -> bool:
        """Whether it says that its parameters do not fit together, or that it refused one."""
        faults = self.texts.get("faults", [])
        return any(_CONFLICT in line and " active " in line for line in faults)

    def other_than(self, dump: list[str]) -> list[str]:
        """Return the parameters that are not as in the lines of a dump."""
        there = values_in(self.dump)
        return [name for name, value in values_in(dump).items() if there.get(name, value) != value]


def check_same(expected: str, found: str, port: str, kept: str) -> None:
    """Raise FlashError where a board's chip is another than expected; "" expects none.

    Hazard: a reset gives the ports of a bench new numbers, and what is meant for one car goes
    into another. kept says how it is with the board that was meant.
    """
    if expected and found != expected:
        raise FlashError(
            f"another board is at {port} now (its chip is {found or 'unknown'}, not {expected});"
            f" nothing was changed on it; {kept}; connect only that one, or name its port by"
            " /dev/serial/by-id, and look with `lsev versions`"
        )


def stop_program(tools: Tools, port: str) -> Running:
    """Ask the program who it is and what to keep of it, and end it; FlashError when it may move.

    A board without a program, or with one that is no console, answers nothing.
    """
    found = Running()
    try:
        with tools.link(port, lambda line: None) as link:
            found.identity = parse_words(link.command("id", timeout_s=ANSWER_S))
            for verb in _KEPT:
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
def at_prompt(tools: Tools, port: str, stopped: Running) -> Generator[BoardFiles]:
    """Be at the prompt; the board starts again however this ends, so that the car can be used.

    stopped is what stop_program() has found. FlashError and BoardError say so where the board
    could not be started, or is not the one that was stopped.
    """
    with ExitStack() as stack:
        files = _entered(tools, port, stopped, stack)
        try:
            if stopped.unique_id:
                kept = f"{stopped.unique_id} was stopped: restart it by its button or its supply"
                check_same(stopped.unique_id, files.about().unique_id, port, kept)
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


def _entered(tools: Tools, port: str, stopped: Running, stack: ExitStack) -> BoardFiles:
    """Enter the prompt; FlashError where a board that was stopped for it cannot be reached."""
    end = tools.monotonic() + _TAKEN_S
    while True:
        try:
            return stack.enter_context(tools.prompt(port))
        except (PortError, BoardError) as error:
            if not stopped.identity:
                raise
            if isinstance(error, PortError) and tools.monotonic() < end:
                tools.sleep(PAUSE_S)
                continue
            raise FlashError(
                f"{error}; nothing was changed, but the board's program had been told to end: at"
                " MicroPython's prompt the car drives nothing; restart it by its button or its"
                " supply, else it starts by itself after 10 minutes"
            ) from None
        except BaseException:
            if stopped.identity:  # stopped by a person: no board stays at its prompt
                with suppress(PortError, BoardError), tools.prompt(port) as files:
                    _is_reset(files)
            raise


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
