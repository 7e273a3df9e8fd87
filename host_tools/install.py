"""Install: puts another version beside the one that a board keeps, without harming that one.

Hazard: the cable or the supply goes at any moment. Rule: only the slot that the selector does
not need is written; its manifest goes first when it is emptied and comes last when it is full;
the record that chooses the slot is replaced in one step after every byte was read back.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from host_tools.board_files import BoardError, BoardFiles, Entry
from host_tools.bundle import MANIFEST, Bundle
from host_tools.slot_record import RECORD, Record, encode
from host_tools.slots import BOARD, BOOT, SELECTOR, FlashError, Slot, State, root_file

# littlefs copies a directory's blocks when it writes, and records need room as well.
_MARGIN_BLOCKS = 16

# What is being done, the part of it that is done and the whole of it, in bytes.
Say = Callable[[str, int, int], None]


def install(files: BoardFiles, bundle: Bundle, state: State, say: Say) -> str:
    """Put the bundle into the idle slot, read all of it back and choose it; return the slot.

    FlashError: the choice is as it was, and what was kept is whole.
    """
    name = state.idle
    is_complete = False
    try:
        check_room(bundle, state)
        if state.kept is not None and state.record is not None and state.record.slot == name:
            files.replace(RECORD, encode(Record(state.kept.name, 0, True)))
        _fill(files, bundle, state.slots[name], say)
        _verify(files, bundle, name, say)
        files.replace(f"/{name}/{MANIFEST}", bundle.manifest)
        is_complete = True
        for folder in ["", *_folders(bundle)]:
            files.settle(f"/{name}/{folder}".rstrip("/"))
        _choose(files, bundle, state, name)
    except BoardError as error:
        if is_complete:
            raise FlashError(
                f"{error}; slot {name} has all of version {bundle.version}, but whether it was"
                f" chosen is not known; {state.holds}; check the cable and try again"
            ) from None
        if not error.is_full:
            raise FlashError(f"{error}; {state.keeps}; check the cable and try again") from None
        with suppress(BoardError):  # records need the room
            empty(files, name)
        raise FlashError(
            f"{error}: the board's flash is full; slot {name} was emptied again; {state.keeps};"
            f" remove what else is on it: {state.foreign}"
        ) from None
    return name


def check_room(bundle: Bundle, state: State) -> None:
    """Raise FlashError when the idle slot cannot hold the bundle; before anything is changed."""
    block = max(1, state.about.block_bytes)

    def blocks(sizes: list[int]) -> int:
        return sum(-(-size // block) for size in sizes)

    wanted = blocks([len(data) for data in bundle.files.values()])
    there = state.slots[state.idle].entries.values()
    room = state.about.free_blocks + blocks([e.size for e in there if not e.is_folder])
    if wanted + _MARGIN_BLOCKS > room:
        raise FlashError(
            f"the board's flash is full: {wanted + _MARGIN_BLOCKS} blocks are needed, {room} are"
            f" free; nothing was changed; {state.stays}; remove what else is on it:"
            f" {state.foreign}"
        )


def empty(files: BoardFiles, name: str) -> None:
    """Remove all of a slot, its manifest first; BoardError."""
    entries = files.tree(f"/{name}")
    manifest = f"/{name}/{MANIFEST}"
    if manifest in entries:
        files.remove(manifest)
    for path in sorted(entries, reverse=True):
        if path != manifest:
            files.remove(path, entries[path].is_folder)


def _fill(files: BoardFiles, bundle: Bundle, slot: Slot, say: Say) -> None:
    """Make the slot's files those of the bundle; what is equal already stays."""
    base = f"/{slot.name}/"
    if MANIFEST in slot.entries:
        files.remove(base + MANIFEST)
    wanted = {name: (size, sha) for name, size, sha in bundle.rows}
    folders = _folders(bundle)
    # Foreign ones go first, and the deeper ones before their folders: a module that the new
    # version does not have must not be found by an import.
    for path, entry in sorted(slot.entries.items(), reverse=True):
        stays = path in (folders if entry.is_folder else wanted)
        if path != MANIFEST and not stays:
            files.remove(base + path, entry.is_folder)
    if not slot.is_there:
        files.make_folder(f"/{slot.name}")
    for folder in folders:
        if folder not in slot.entries:
            files.make_folder(base + folder)
    _copy(files, bundle, slot, wanted, say)


def _folders(bundle: Bundle) -> list[str]:
    """Return the folders of a bundle, each before those in it."""
    parts = [name.split("/") for name in bundle.files]
    return sorted({"/".join(part[:i]) for part in parts for i in range(1, len(part))})


def _copy(
    files: BoardFiles,
    bundle: Bundle,
    slot: Slot,
    wanted: dict[str, tuple[int, str]],
    say: Say,
) -> None:
    todo = [
        name
        for name, row in wanted.items()
        if name not in slot.entries or (slot.entries[name].size, slot.entries[name].sha256) != row
    ]
    whole = sum(wanted[name][0] for name in todo)
    done = 0
    for name in todo:
        start = done
        files.write(
            f"/{slot.name}/{name}",
            bundle.files[name],
            lambda written, _, name=name, start=start: say(name, start + written, whole),
        )
        done += wanted[name][0]
        say(name, done, whole)


def _verify(files: BoardFiles, bundle: Bundle, name: str, say: Say) -> None:
    """Have the board read every file of the slot back; write once more what differs."""
    for is_last in (False, True):
        say("verify", 0, 0)
        there = files.tree(f"/{name}")
        wrong = [
            path
            for path, size, sha in bundle.rows
            if there.get(f"/{name}/{path}") != Entry(False, size, sha)
        ]
        if not wrong:
            return
        if is_last:
            raise BoardError(f"{wrong[0]} reads back other than it was written: worn flash")
        for path in wrong:
            files.write(f"/{name}/{path}", bundle.files[path])


def _choose(files: BoardFiles, bundle: Bundle, state: State, name: str) -> None:
    """Switch to a slot; where the board has no selector yet, that comes last of all."""
    if BOARD not in state.root or not state.is_ours:
        files.replace(BOARD, bundle.files["board.py"])
    if BOOT not in state.root or not state.is_ours:
        files.replace(BOOT, root_file("boot.py"))
    files.replace(RECORD, encode(Record(name, 0, False)))
    if SELECTOR not in state.root or not state.is_ours:
        files.replace(SELECTOR, root_file("selector.py"))


def choose_other(files: BoardFiles, state: State) -> Slot:
    """Choose the whole slot that is not chosen now, on trial as any; FlashError, BoardError.

    A version that was left before it was trusted is given up by that: neither the selector nor
    the next update keeps it for the one that a person went back to. Wanted again, it is not.
    """
    record = state.record
    chosen = record.slot if record is not None else ""
    other = next((s for n, s in state.slots.items() if n != chosen and s.is_whole), None)
    if other is None or other.manifest is None:
        raise FlashError(
            f"there is no whole version to go back to; {state.stays}; `lsev flash` puts one on it"
        )
    back = Record(other.name, 0, False)
    if record is not None and not record.confirmed and record.failed != other.name:
        back = replace(back, failed=chosen, why="a person went back before it was trusted")
    files.replace(RECORD, encode(back))
    return other
