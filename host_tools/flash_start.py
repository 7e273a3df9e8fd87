"""Flash start: sees that the version that was chosen is the one that runs; FAIL where it is not.

Two builds of one version say the same number, and a version that gives up leaves a board that
runs and answers. So the program itself says from which slot it was started, with the sum over
all of that slot's bytes, which its selector has checked at this start, and how far its trial is.
It is not stopped for that: a start that is cut off is one of the two that a new version has.
Another board may have got the port's name at the reset: the chip is asked.
"""

import re
from dataclasses import dataclass

from host_tools.answers import parse_words
from host_tools.flash_steps import ANSWER_S, PAUSE_S, Running, Tools, check_same
from host_tools.link import LinkError
from host_tools.ports import PortError
from host_tools.slot_record import STARTS_MOST
from host_tools.slots import FlashError

# How long a started board may take to its first answer: hashes, import, self-test; and to be
# trusted, which takes 30 s, where a start before this one did not end in order.
_START_S = 60.0
_SELF_TEST = re.compile(r"\bmode SELFTEST\b")
_LAST_LINES = 12
# What a link that fails says of a board that shall start.
_WHY = {
    "at-prompt": "it is at MicroPython's prompt and drives nothing",
    "no-answer": "no program answers",
    "broke-off": "its answers break off, as of a board that starts again and again",
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
    version = found.identity.get("version", "?")
    slot, _, how = found.identity.get("slot", "").partition(" ")
    where = f"version {version}{' in slot ' * bool(slot)}{slot}"
    if version != chosen.version or slot not in (chosen.slot, ""):
        raise FlashError(
            f"{chosen} was chosen, but {where} runs, for"
            f" {found.identity.get('vehicle', '?')}: the chosen one did not start and was given"
            f" up{_why(found, chosen) or _said(heard)}; {_left(dump, found)}; hand on this report"
        )
    if not slot:
        raise FlashError(
            f"{chosen} was chosen and that version runs, but it is too old to say from which slot:"
            " whether it is the chosen one, or another build of it, cannot be told; `lsev"
            f" versions` shows what is chosen and what was given up; {_left(dump, found)}"
        )
    if how == "unchosen":
        raise FlashError(
            f"{chosen} runs, but the choice of it cannot be read any more: worn flash; the next"
            " start may be another version's; `lsev flash` chooses anew"
        )
    if found.identity.get("sum") != chosen.total:
        raise FlashError(
            f"{chosen} was chosen, but other bytes are there than were read back (sum"
            f" {found.identity.get('sum') or 'of no manifest'}): worn flash, or another program;"
            " do not drive; `lsev versions` shows what is there, `lsev flash` puts a version on it"
            " anew"
        )
    return found


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
                if found.identity.get("slot") == f"{chosen.slot} trial {STARTS_MOST}":
                    why = "a start of it did not end in order, and it does not trust itself yet"
                    continue
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


def _why(found: Running, chosen: Chosen) -> str:
    """Return why the slot was given up; the board may have said so before the port was open."""
    slot, _, why = found.identity.get("given_up", "").partition(": ")
    return f" (slot {slot} was given up: {why})" if slot == chosen.slot else ""
