"""Boards that are flashed already: images and bundles that are made once for all tests."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from host_tools.bundle import Bundle, build
from host_tools.compiler import FIRMWARE_DIR, compile_text
from host_tools.slot_record import Record, encode
from host_tools.slots import root_file
from sim.interpreter import find_micropython

BOARD, VEHICLE = "esp32_s3", "four_wheel_60v_agm"
BLOCK_BYTES, BLOCKS = 4096, 512
TOOL = Path(__file__).with_name("image_tool.py")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder that make() fills, once in a run whichever worker comes first."""
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = root / f"once_{name}"
    with (root / f"once_{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half = root / f"half_{name}"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            make(half)
            half.rename(folder)
    return folder


def tool(verb: str, image: Path, *words: str) -> str:
    """Have MicroPython do something with the flash of a board that is switched off."""
    done = subprocess.run(
        [find_micropython(), "-X", "heapsize=8m", str(TOOL), verb, str(image), str(BLOCK_BYTES)]
        + [str(image.stat().st_size // BLOCK_BYTES), *words],
        env={"MICROPYPATH": str(FIRMWARE_DIR)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def look(image: Path) -> dict[str, Any]:
    """Return what would start from an image: chosen, runs, and the whole version in a and b."""
    return _of_copy("look", image)


def record(image: Path) -> dict[str, Any]:
    """Return what /slot of an image says."""
    return _of_copy("record", image)


def _of_copy(verb: str, image: Path) -> dict[str, Any]:
    """Look at a copy, because the board may be running."""
    copy = image.with_name(f"{image.name}_looked_at")
    shutil.copy(image, copy)
    return json.loads(tool(verb, copy))


def with_line(bundle: Bundle, version: str, line: str = "") -> Bundle:
    """Return another version of a bundle, with a line at the beginning of its main.py."""
    source = (FIRMWARE_DIR / "main.py").read_text(encoding="utf-8")
    old = f'VERSION = "{bundle.version}"'
    assert old in source
    source = source.replace(old, f'{line}\nVERSION = "{version}"')
    code = compile_text("main.py", source)
    return replace(bundle, version=version, files={**bundle.files, "main.mpy": code})


def write_slot(folder: Path, slot: str, bundle: Bundle) -> None:
    """Write the files of a slot below a folder."""
    for name, data in {**bundle.files, "manifest.json": bundle.manifest}.items():
        path = folder / slot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_root(folder: Path, bundle: Bundle, record: Record) -> None:
    """Write what lies in the root of a flashed board below a folder."""
    (folder / "boot.py").write_bytes(root_file("boot.py"))
    (folder / "main.py").write_bytes(root_file("selector.py"))
    (folder / "board.py").write_bytes(bundle.files["board.py"])
    (folder / "slot").write_bytes(encode(record))


def blank(image: Path, blocks: int = BLOCKS) -> None:
    """Make an erased flash."""
    image.write_bytes(b"\xff" * (BLOCK_BYTES * blocks))


def built() -> Bundle:
    """Return this firmware."""
    return build(BOARD, VEHICLE)
