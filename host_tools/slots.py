"""Slots: what is on a board: the version in each slot, which one is kept, which may be written."""

import ast
import hashlib
from dataclasses import dataclass, field

from host_tools.board_files import About, BoardFiles, Entry
from host_tools.bundle import (
    FIRMWARE_DIR,
    MANIFEST,
    Bundle,
    BundleError,
    Manifest,
    parse_manifest,
)
from host_tools.slot_record import RECORD, Record, decode

SLOTS = ("a", "b")
RECORDS = "/records"
SELECTOR = "/main.py"
# What these names must be where they are there: a folder or not.
_FOLDERS = {"/a": True, "/b": True, RECORDS: True, RECORD: False, f"{RECORD}.new": False}
BOOT = "/boot.py"
BOARD = "/board.py"
# Two builds of one version differ in these.
_SUM_DIGITS = 8


class FlashError(Exception):
    """It was not done; the text says what happened, what was kept and what to do."""


@dataclass(frozen=True)
class Slot:
    """One slot; trouble is "" for a whole version, else why it is none; is_there its folder."""

    name: str
    manifest: Manifest | None
    trouble: str
    is_there: bool
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])

    @property
    def is_whole(self) -> bool:
        """Whether every byte fits the manifest."""
        return not self.trouble

    def describe(self) -> str:
        """Return one line about it."""
        if self.manifest is None or self.trouble:
            return f"slot {self.name}: {self.trouble}"
        m = self.manifest
        what = f"version {m.version} for {m.board}, {m.vehicle}, sum {m.total[:_SUM_DIGITS]}"
        return f"slot {self.name}: {what}"


@dataclass(frozen=True)
class State:
    """What is on a board; record is None where there is none that is whole."""

    about: About
    record: Record | None
    slots: dict[str, Slot]
    root: dict[str, Entry]
    board: str

    @property
    def kept(self) -> Slot | None:
        """The slot that must not be harmed: the confirmed one, else a whole one.

        A chosen slot on trial is not, unless the other one was given up for it.
        """
        order = list(SLOTS)
        if self.record is not None:
            chosen = self.record.slot
            other = other_of(chosen)
            is_first = self.record.confirmed or self.record.failed == other
            order = [chosen, other] if is_first else [other, chosen]
        return next((self.slots[name] for name in order if self.slots[name].is_whole), None)

    @property
    def runs(self) -> Slot | None:
        """The slot that starts as long as nothing is changed: the chosen one, else a whole one."""
        chosen = None if self.record is None else self.slots[self.record.slot]
        return chosen if chosen is not None and chosen.is_whole else self.kept

    @property
    def idle(self) -> str:
        """The slot that may be written."""
        return SLOTS[0] if self.kept is None else other_of(self.kept.name)

    @property
    def is_ours(self) -> bool:
        """Whether this firmware has ever been put on it."""
        return RECORD in self.root or any(s.manifest is not None for s in self.slots.values())

    @property
    def holds(self) -> str:
        """What was kept, where it is not known whether it still runs."""
        return self.keeps.removesuffix(" and keeps running")

    @property
    def keeps(self) -> str:
        """What was kept while the idle slot was written, for the middle of an error."""
        return _keeping(self.kept)

    @property
    def stays(self) -> str:
        """What goes on where nothing was changed, for the middle of an error."""
        return _keeping(self.runs)

    @property
    def foreign(self) -> str:
        """What else is in the root."""
        ours = {BOOT, SELECTOR, BOARD, RECORD, RECORDS, "/a", "/b"}
        return ", ".join(map(_shown, sorted(set(self.root) - ours))) or "nothing foreign"

    def describe(self) -> list[str]:
        """Return lines for a person."""
        about = self.about
        lines = [f"MicroPython {about.micropython}, {about.machine or 'an unknown chip'}"]
        lines += [slot.describe() for slot in self.slots.values()]
        if self.record is None:
            lines.append(
                "no slot is chosen" if RECORD not in self.root else "the choice is damaged"
            )
        else:
            how = "confirmed" if self.record.confirmed else f"on trial, starts {self.record.trial}"
            lines.append(f"chosen: slot {self.record.slot}, {how}")
            if self.record.failed:
                lines.append(f"slot {self.record.failed} was given up: {self.record.why}")
        return lines


def other_of(slot: str) -> str:
    """Return the name of the other slot."""
    return SLOTS[1 - SLOTS.index(slot)]


def _keeping(slot: Slot | None) -> str:
    if slot is None or slot.manifest is None:
        return "there was no version on the board to keep, and its outputs stay off"
    return f"version {slot.manifest.version} in slot {slot.name} was kept and keeps running"


def _shown(path: str) -> str:
    return path if path.isprintable() else repr(path)


def inspect(files: BoardFiles) -> State:
    """Read everything once; BoardError; FlashError where something else has one of our names."""
    about = files.about()
    tree = files.tree("")
    for path, is_folder in _FOLDERS.items():
        if path in tree and tree[path].is_folder != is_folder:
            raise FlashError(
                f"{path} on the board is a {'file' if is_folder else 'folder'}, where the firmware"
                f" has a {'folder' if is_folder else 'file'}; nothing was changed; remove it with"
                f" `mpremote fs rm -r :{path}` and try again"
            )
    record = decode(files.read(RECORD)) if RECORD in tree else None
    slots = {name: _slot(files, name, tree) for name in SLOTS}
    root = {path: entry for path, entry in tree.items() if path.count("/") == 1}
    board = str(stated(files.read(BOARD), "NAME") or "") if BOARD in root else ""
    return State(about, record, slots, root, board)


def stated(source: bytes, name: str) -> object:
    """Return the constant that a board's or vehicle's data state; None where there is none."""
    try:
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return ast.literal_eval(node.value)
    except (ValueError, SyntaxError):
        pass
    return None


def _slot(files: BoardFiles, name: str, tree: dict[str, Entry]) -> Slot:
    folder = f"/{name}/"
    entries = {p.removeprefix(folder): e for p, e in tree.items() if p.startswith(folder)}
    if MANIFEST not in entries:
        trouble = "empty" if not entries else "no whole version"
        return Slot(name, None, trouble, f"/{name}" in tree, entries)
    try:
        manifest = parse_manifest(files.read(folder + MANIFEST))
    except BundleError as error:
        return Slot(name, None, str(error), True, entries)
    for path, size, sha in manifest.rows:
        entry = entries.get(path)
        if entry is None or (entry.size, entry.sha256) != (size, sha):
            what = "is missing" if entry is None else "is damaged"
            trouble = f"{path} of version {manifest.version} {what}"
            return Slot(name, manifest, trouble, True, entries)
    listed = {MANIFEST, *(path for path, _, _ in manifest.rows)}
    for path, entry in entries.items():
        # A .py hides the .mpy beside it.
        if not entry.is_folder and path not in listed:
            trouble = f"{_shown(path)} is not of version {manifest.version}"
            return Slot(name, manifest, trouble, True, entries)
    return Slot(name, manifest, "", True, entries)


def root_file(name: str) -> bytes:
    """Return what lies in the root of a board, with the line ends that it has everywhere."""
    return (FIRMWARE_DIR / name).read_bytes().replace(b"\r\n", b"\n")


def root_files(bundle: Bundle) -> dict[str, bytes]:
    """Return what lies in the root of a board beside its slots; without the selector none starts.

    There is one copy of each, and nothing to fall back to where a new one does not
    work: updates leave them.
    """
    return {
        BOARD: bundle.files["board.py"],
        BOOT: root_file("boot.py"),
        SELECTOR: root_file("selector.py"),
    }


def differing_root_files(state: State, bundle: Bundle) -> list[str]:
    """Return what lies in the root other than with this bundle: of another lsev, or rotten."""
    return [
        path
        for path, data in root_files(bundle).items()
        if path in state.root and state.root[path].sha256 != hashlib.sha256(data).hexdigest()
    ]
