"""Flash restore: gives a board its parameters back, where their record is lost or a file is named.

Records are outside the slots and an update leaves them, so that as a rule there is nothing to
do: what was set before is compared and stays. Where the new version cannot read the record, the
board says `parameters_lost`, drives nothing and has its defaults: then the dump that was taken
before the update goes back. It still drives nothing until a person has looked and cleared that.
"""

import zipfile
from pathlib import Path

from host_tools.answers import parse_words
from host_tools.arguments import InputError
from host_tools.dump_file import give_dump, read_dump, values_in
from host_tools.flash_start import Chosen, wait_for_start
from host_tools.flash_steps import ANSWER_S, Running, Tools, check_same
from host_tools.link import LinkError
from host_tools.ports import PortError
from host_tools.session import find_key, lock_again, unlock, unlocked
from host_tools.slots import FlashError
from service.access import FACTORY
from service.param_levels import level_of
from service.seal import SEALED

_DUMP = "dump.txt"
_OPEN = "not provisioned"
_SAVE_S = 15.0


def read_backup(path: Path) -> list[str]:
    """Return the dump in a backup of `lsev flash`, or in a file of `lsev params dump`.

    InputError when there is none in it; OSError.
    """
    if not zipfile.is_zipfile(path):
        return read_dump(path)
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(_DUMP).decode()
    except (KeyError, ValueError, zipfile.BadZipFile):
        raise InputError(
            f"{path} has no whole {_DUMP}: the board that it is of gave no parameters; nothing was"
            " changed; name another backup, or flash without --restore"
        ) from None
    return read_dump(path, text)


def check_key(tools: Tools, port: str, dump: list[str], key: Path | None) -> None:
    """See that a locked board lets this user give back what a dump holds; FlashError, PortError.

    It comes before the first change: a car with the new version and the wrong values, whose key
    is elsewhere, would stand where it is. A board without a program cannot be asked.
    """
    try:
        with tools.link(port, lambda line: None) as link:
            identity = parse_words(link.command("id", timeout_s=ANSWER_S))
            if identity.get("vehicle_id", _OPEN) == _OPEN:
                return
            # As service/dump_verbs.py: a line is judged by its name, also where nothing changes.
            levels = [FACTORY if n in SEALED else level_of(n) for n in values_in(dump)]
            level = max(levels, default=0)
            if level:
                unlock(link, level, find_key(level, key))
            lock_again(link)
    except PortError:
        raise
    except (LinkError, InputError, OSError) as error:
        if isinstance(error, LinkError) and error.code is None:
            return
        raise FlashError(
            f"the board is locked and would not take the parameters of --restore: {error}; nothing"
            " was changed; give the vehicle's key with --key, or leave --restore out"
        ) from None


def wanted_dump(named: list[str] | None, before: Running, after: Running) -> list[str]:
    """Return the lines to give back; [] where the board has what it had."""
    if named is not None:
        return named
    return before.dump if after.is_lost else []


def look_after(
    tools: Tools,
    port: str,
    chosen: Chosen,
    dump: list[str],
    before: Running,
    after: Running,
    key: Path | None,
) -> list[str]:
    """Give back the lines of a dump, [] for none; return what to tell of it; FlashError.

    A car that refuses its parameters stands: that is no PASS. key is the file with the vehicle's
    key, which a locked board wants.
    """
    said: list[str] = []
    if dump:
        after = _give_back(tools, port, chosen, dump, key)
        said.append(f"parameters: {len(dump) - 1} given back")
    said += compared(dump or before.dump, after)
    if after.is_broken:
        runs = f"{chosen} runs, but the car does not drive: it refuses a parameter, or two do not"
        todo = "mend the vehicle's file and flash again, or go back with `lsev rollback`"
        raise FlashError("; ".join([f"{runs} fit together (P0610)", *said, todo]))
    return said


def _give_back(
    tools: Tools, port: str, chosen: Chosen, dump: list[str], key: Path | None
) -> Running:
    """Have the board take all of a dump, or nothing, keep it and start with it; FlashError."""
    try:
        with tools.link(port, lambda line: None) as link:
            there = parse_words(link.command("id")).get("unique_id", "")
            check_same(chosen.unique_id, there, port, "the parameters were not given back")
            try:
                unlocked(link, key, lambda: give_dump(link, dump))
                link.command("save", timeout_s=_SAVE_S)
            except BaseException:
                lock_again(link)
                raise
            link.command("reboot")
    except (LinkError, InputError, OSError) as error:
        raise FlashError(
            f"{chosen} runs, but the parameters were not given back: {error}; the board"
            " has those of its vehicle; `lsev params restore` with dump.txt of the backup"
        ) from None
    return wait_for_start(tools, port, chosen, dump)


def compared(dump: list[str], after: Running) -> list[str]:
    """Return what to tell of parameters that are other than they were, or that were lost."""
    changed = after.other_than(dump)
    said: list[str] = []
    if changed:
        said.append(f"parameters that are other than before: {', '.join(changed)}")
        said.append("take them over with `lsev params restore`; dump.txt is in the backup")
    elif dump:
        said.append(f"parameters: the same {len(dump) - 1} as before")
    if after.is_lost:
        said.append(
            "the board says parameters_lost and does not drive: compare them with the car's"
            " papers, then `lsev faults --clear`"
        )
    return said
