"""What every kind of test may ask for."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.controller import ControllerError
from sim.interpreter import FIRMWARE_DIR, find_micropython


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the long tests have counted, by the names under which they recorded it."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, count in report.user_properties:
            counts[name] += count
    for name, count in sorted(counts.items()):
        terminalreporter.write_line(f"counted: {count} {name}")


@pytest.fixture(scope="session")
def interpreter() -> str:
    """Return the 64-bit interpreter; where no build of it exists, skip and say so."""
    try:
        return find_micropython()
    except ControllerError as missing:
        # Its wheels are for Linux x86-64 and macOS arm64 only; elsewhere nothing can be run.
        pytest.skip(f"{missing}; the 32-bit build still runs the trace")


@pytest.fixture
def copied_firmware(tmp_path: Path) -> Callable[[str, str, str], Path]:
    """Return replace(file, old, new): it breaks a copy of the firmware and returns its folder."""
    folder = tmp_path / "firmware"
    shutil.copytree(FIRMWARE_DIR, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def replace(name: str, old: str, new: str) -> Path:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return replace
