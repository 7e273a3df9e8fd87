"""Bundle: what goes into a slot of a board: precompiled modules, data and a manifest of hashes.

The same sources, board and vehicle make the same bundle, byte for byte, on every machine. The
manifest goes onto the board last: a slot without it, or with another sum, is no version.
"""

import ast
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from host_tools.compiler import FIRMWARE_DIR, CompileError, compiled
from host_tools.files import whole_file
from sim.cycle import DataFileError
from sim.vehicle import VEHICLES_DIR, parsed, read_preset, vehicle_names

ROOT = Path(__file__).resolve().parent.parent
BOARDS_DIR = ROOT / "boards"
MANIFEST = "manifest.json"
# The oldest that has all that the firmware imports, and that reads this format of .mpy.
MICROPYTHON_MIN = "1.26.0"

_MANIFEST_NAME_CHARS = 60
# A name that every file system and every line of text takes as it is.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
# Without these nothing starts; the head of the first says which MicroPython can run it.
_MAIN, _NEEDED = "main.mpy", ("main.mpy", "board.py", "vehicle.py")
_MPY_HEAD_BYTES = 4
_MAX_MANIFEST_BYTES = 65536
_MAX_FILE_BYTES = 1 << 20
# What a zip file calls a moment that is the same everywhere.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


class BundleError(ValueError):
    """A bundle that cannot be made or is not whole; the text says why and what to do."""


@dataclass(frozen=True)
class Bundle:
    """One version for one board and vehicle; files by their path in the slot."""

    version: str
    board: str
    vehicle: str
    micropython_min: str
    files: dict[str, bytes]

    @property
    def rows(self) -> list[tuple[str, int, str]]:
        """Name, bytes and SHA-256 of each file, by name."""
        return [
            (name, len(data), hashlib.sha256(data).hexdigest())
            for name, data in sorted(self.files.items())
        ]

    @property
    def total(self) -> str:
        """The sum over what it says of itself and all rows."""
        head = (self.version, self.board, self.vehicle, self.micropython_min)
        return total_of(head, self.rows)

    @property
    def manifest(self) -> bytes:
        """The manifest as it lies in the slot."""
        return json.dumps(
            {
                "version": self.version,
                "board": self.board,
                "vehicle": self.vehicle,
                "micropython_min": self.micropython_min,
                "files": self.rows,
                "total": self.total,
            },
            separators=(",", ":"),
        ).encode()


@dataclass(frozen=True)
class Manifest:
    """What a manifest says of a slot; rows are name, bytes and SHA-256."""

    version: str
    board: str
    vehicle: str
    micropython_min: str
    rows: list[tuple[str, int, str]]

    @property
    def total(self) -> str:
        """The sum that it states, which parse_manifest() has checked."""
        return total_of((self.version, self.board, self.vehicle, self.micropython_min), self.rows)


def total_of(head: Iterable[str], rows: Iterable[tuple[str, int, str]]) -> str:
    """Return the SHA-256 over version, board, vehicle and MicroPython, each a line, and all files.

    Of a file the line is "name size sha256". The selector does the same sum at each start.
    """
    lines = "".join(f"{text}\n" for text in head)
    lines += "".join(f"{name} {size} {sha}\n" for name, size, sha in rows)
    return hashlib.sha256(lines.encode()).hexdigest()


def parse_manifest(data: bytes) -> Manifest:
    """Return what a manifest says; BundleError when it is none, or its sum is wrong."""
    try:
        values = cast(dict[str, object], json.loads(data))
        texts = [values[key] for key in ("version", "board", "vehicle", "micropython_min")]
        rows = [
            (str(name), int(size), str(sha))
            for name, size, sha in cast(list[tuple[str, int, str]], values["files"])
        ]
        total = values["total"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BundleError("the manifest cannot be read") from None
    head = [text for text in texts if isinstance(text, str) and text]
    if len(head) != len(texts) or total != total_of(head, rows):
        raise BundleError("the manifest does not fit its own sum")
    if not rows or not all(_is_inside(name) for name, _, _ in rows):
        raise BundleError(
            "the manifest names files outside the slot, or with other than letters and digits, or"
            " none"
        )
    version, board, vehicle, micropython_min = head
    return Manifest(version, board, vehicle, micropython_min, rows)


def _is_inside(name: str) -> bool:
    return len(name) <= _MANIFEST_NAME_CHARS and _NAME.fullmatch(name) is not None


def build(board: str, vehicle: str, firmware: Path = FIRMWARE_DIR) -> Bundle:
    """Compile all modules for a board and a preset; BundleError says what is broken, and where.

    Hazard: a board that refuses a value of its vehicle starts with the default, and stands.
    """
    board_file, vehicle_file = BOARDS_DIR / board / "board.py", VEHICLES_DIR / f"{vehicle}.py"
    files = {
        "board.py": _data(board_file, board_names(), board),
        "vehicle.py": _data(vehicle_file, vehicle_names(), vehicle)
        + f'\nNAME = "{vehicle}"\n'.encode(),
    }
    try:
        parsed(board_file)
        read_preset(vehicle_file)
    except DataFileError as error:
        raise BundleError(str(error)) from None
    try:
        files |= compiled(firmware)
    except CompileError as error:
        raise BundleError(f"{error}; nothing was changed") from None
    return Bundle(version_of(firmware), board, vehicle, MICROPYTHON_MIN, files)


def board_names() -> list[str]:
    """Return the names of the boards there are."""
    return sorted(path.parent.name for path in BOARDS_DIR.glob("*/board.py"))


def _data(path: Path, names: list[str], name: str) -> bytes:
    if name not in names:
        raise BundleError(f"there is no {name!r}; nothing was changed; there are: {names}")
    return path.read_bytes().replace(b"\r\n", b"\n")


def version_of(firmware: Path) -> str:
    """Return the VERSION that main.py states, without running it."""
    for node in ast.parse((firmware / "main.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "VERSION":
            return str(ast.literal_eval(node.value))
    raise BundleError(f"{firmware / 'main.py'} states no VERSION; nothing was changed")


def write_bundle(bundle: Bundle, path: Path) -> None:
    """Write the bundle as one file, the same bytes each time; whole or not at all; OSError."""
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in [*sorted(bundle.files.items()), (MANIFEST, bundle.manifest)]:
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), data)


def read_bundle(path: Path) -> Bundle:
    """Return the bundle in a file; BundleError unless every byte fits its manifest; OSError."""
    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if any(i.file_size > _MAX_FILE_BYTES for i in archive.infolist()):
                raise BundleError("a file of it is larger than any of a bundle")
            manifest = parse_manifest(archive.read(MANIFEST)[:_MAX_MANIFEST_BYTES])
            files = {name: archive.read(name) for name in names if name != MANIFEST}
    except Exception as error:  # whatever a damaged zip file makes zipfile raise
        raise BundleError(_not_whole(path, str(error))) from None
    bundle = Bundle(
        manifest.version, manifest.board, manifest.vehicle, manifest.micropython_min, files
    )
    if len(names) != len(files) + 1 or bundle.rows != manifest.rows:
        raise BundleError(_not_whole(path, "a file of it does not fit its manifest"))
    missing = [name for name in _NEEDED if name not in files]
    if missing:
        raise BundleError(_not_whole(path, f"it has no {', '.join(missing)}"))
    if files[_MAIN][:1] != b"M" or len(files[_MAIN]) < _MPY_HEAD_BYTES:
        raise BundleError(_not_whole(path, f"its {_MAIN} is no bytecode of MicroPython"))
    return bundle


def _not_whole(path: Path, why: str) -> str:
    return (
        f"{path} is no whole bundle ({why}); nothing was changed, the board keeps what it has;"
        " copy or build the file again"
    )
