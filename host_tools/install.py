"""Install: puts another version beside the one that a board keeps, without harming that one.

Hazard: the cable or the supply goes at any moment. Rule: only the slot that the selector does
not need is written; its manifest goes first when it is emptied and comes last when it is full;
the record that chooses the slot is replaced in one step after every byte was read back.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from host_tools.board_files import BoardError, BoardFiles, Entry
from host_tools.bundle import MANIFEST, Bundle, Manifest
from host_tools.slot_record import RECORD, Record, encode
from host_tools.slots import SELECTOR, FlashError, Slot, State, root_files

# littlefs copies a directory's blocks when it writes, and records need room as well.
_MARGIN_BLOCKS = 16

# What is being done, the part of it that is done and the whole of it, in bytes.
Say = Callable[[str, int, int], None]


def install(
    files: BoardFiles, bundle: Bundle, state: State, say: Say, renews_root: bool = False
) -> str:
    """Put the bundle into the idle slot, read all of it back and choose it; return the slot.

    renews_root: boot.py, board.py and the selector as well, which a board has already.
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
        _choose(files, bundle, state, name, renews_root)
    except BoardError as error:
        if is_complete:
            raise FlashError(
                f"{error}; version {bundle.version} was written to slot {name} and read back, but"
                " whether it is whole now and was chosen is not known (`lsev versions` shows it);"
                f" {state.holds}; check the cable and try again"
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


def _choose(files: BoardFiles, bundle: Bundle, state: State, name: str, renews_root: bool) -> None:
    """Switch to a slot; where the board has no selector yet, that comes last of all."""
    stays = set(state.root) if state.is_ours and not renews_root else set[str]()
    wanted = {path: data for path, data in root_files(bundle).items() if path not in stays}
    selector = wanted.pop(SELECTOR, None)
    for path, data in wanted.items():
        files.replace(path, data)
    files.replace(RECORD, encode(Record(name, 0, False)))
    if selector is not None:
        files.replace(SELECTOR, selector)


def other_slot(state: State) -> tuple[str, Manifest]:
    """Return the whole slot that is not chosen now, and what it has; FlashError for none."""
    chosen = state.record.slot if state.record is not None else ""
    for name, slot in state.slots.items():
        if name != chosen and slot.is_whole and slot.manifest is not None:
            return name, slot.manifest
    raise FlashError(
        f"there is no whole version to go back to; {state.stays}; `lsev flash` puts one on it"
    )


def choose_other(files: BoardFiles, state: State) -> Manifest:
    """Choose other_slot(), on trial as any, and return what it has; FlashError, BoardError.

    A version that was left before it was trusted is given up by that: neither the selector nor
    the next update keeps it for the one that a person went back to. Wanted again, it is not.
    """
    record = state.record
    name, manifest = other_slot(state)
    back = Record(name, 0, False)
    if record is not None and not record.confirmed and record.failed != name:
        back = replace(back, failed=record.slot, why="a person went back before it was trusted")
    files.replace(RECORD, encode(back))
    return manifest
