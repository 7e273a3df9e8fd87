"""Flash start: sees that the version that was chosen is the one that runs; FAIL where it is not.

Two builds of one version say the same number, and a version that gives up leaves a board that
runs and answers. So it is judged by what the board keeps: after the self-test it is asked at its
prompt which slot it starts, and for the sum over all of that slot's bytes, which its selector
checks at each start. Another board may have got the port's name at the reset: the chip is asked.
"""

import re
from contextlib import suppress
from dataclasses import dataclass

from host_tools.answers import parse_words
from host_tools.board_files import BoardError
from host_tools.bundle import MANIFEST, BundleError, parse_manifest
from host_tools.flash_steps import (
    ANSWER_S,
    PAUSE_S,
    MovingError,
    Running,
    Tools,
    at_prompt,
    check_same,
    stop_program,
)
from host_tools.link import LinkError
from host_tools.ports import PortError
from host_tools.slot_record import RECORD, Record, decode
from host_tools.slots import FlashError

# How long a started board may take to its first answer: hashes, import, self-test.
_START_S = 40.0
# A board that has just started is not parked before its wheel was still for 2 s.
_PARKED_S = 15.0
_SELF_TEST = re.compile(r"\bmode SELFTEST\b")
_LAST_LINES = 12
# What a link that fails says of a board that shall start.
_WHY = {
    "at-prompt": "it is at MicroPython's prompt and drives nothing",
    "no-answer": "no program answers",
}


@dataclass(frozen=True)
class Chosen:
    """What must run: in a slot of the board with this chip ("" for none told), with this sum."""

    unique_id: str
    slot: str
    version: str
    total: str

    def __str__(self) -> str:
        return f"version {self.version} in slot {self.slot}"


def wait_for_start(tools: Tools, port: str, chosen: Chosen, dump: list[str]) -> Running:
    """Wait until what was chosen runs and has passed its self-test; FlashError.

    dump has the parameters that a version has left that starts in its place.
    """
    heard: list[str] = []
    found = _wait_for_answer(tools, port, chosen, heard)
    record, total = _look(tools, port, chosen)
    version = found.identity.get("version", "?")
    is_chosen = record is not None and record.slot == chosen.slot
    if not is_chosen or version != chosen.version:
        where = f" in slot {record.slot}" if record is not None and not is_chosen else ""
        raise FlashError(
            f"{chosen} was chosen, but version {version}{where} runs, for"
            f" {found.identity.get('vehicle', '?')}: the chosen one did not start and was given"
            f" up{_why(record, chosen) or _said(heard)}; {_left(dump, found)}; hand on this report"
        )
    if total != chosen.total:
        raise FlashError(
            f"{chosen} was chosen, but other bytes are there than were read back (sum"
            f" {total or 'of no manifest'}): worn flash, or another program; do not drive;"
            " `lsev versions` shows what is there, `lsev flash` puts a version on it anew"
        )
    return _wait_for_answer(tools, port, chosen, heard)


def _wait_for_answer(tools: Tools, port: str, chosen: Chosen, heard: list[str]) -> Running:
    """Return what the program says that has passed its self-test, whichever it is; FlashError."""
    why = "no answer"
    end = tools.monotonic() + _START_S
    while tools.monotonic() < end:
        tools.sleep(PAUSE_S)
        try:
            with tools.link(port, heard.append) as link:
                found = Running(parse_words(link.command("id", timeout_s=ANSWER_S)))
                check_same(chosen.unique_id, found.unique_id, port, f"{chosen} was chosen")
                if _SELF_TEST.search("\n".join(link.command("status"))):
                    why = "its self-test does not end"
                    continue
                for verb in ("dump", "faults"):
                    found.texts[verb] = link.command(verb)
        except (LinkError, PortError) as error:
            slug = error.slug if isinstance(error, LinkError) else ""
            why = _WHY.get(slug, str(error))
            continue
        return found
    raise FlashError(
        f"{chosen} was verified and chosen, but the board has not started it:"
        f" {why}{_said(heard)}; after two failed starts it takes the version before by itself;"
        " switch its supply off and on, then `lsev versions`; where nothing at all starts,"
        " `lsev flash --root`"
    )


def _look(tools: Tools, port: str, chosen: Chosen) -> tuple[Record | None, str]:
    """Return the choice that the board keeps, and the sum of the chosen slot; FlashError.

    Its program is stopped for that, and the board started again.
    """
    total = ""
    end = tools.monotonic() + _PARKED_S
    while True:
        try:
            stopped = stop_program(tools, port, chosen.unique_id, ())
            with at_prompt(tools, port, stopped) as files:
                record = decode(files.read(RECORD))
                with suppress(BundleError):
                    total = parse_manifest(files.read(f"/{chosen.slot}/{MANIFEST}")).total
            return record, total
        except (BoardError, PortError, MovingError) as error:
            if isinstance(error, MovingError) and tools.monotonic() < end:
                tools.sleep(PAUSE_S)
                continue
            raise FlashError(
                f"{chosen} was chosen and a program answers, but it was not seen whether it is"
                f" that one: {error}; `lsev versions` shows what is chosen and what was given up"
            ) from None


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


def _why(record: Record | None, chosen: Chosen) -> str:
    """Return why the slot was given up; the board may have said so before the port was open."""
    if record is None or record.failed != chosen.slot:
        return ""
    return f" (slot {record.failed} was given up: {record.why})"
