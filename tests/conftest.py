"""What every kind of test may ask for."""

import gc
import shutil
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from sim.controller import ControllerError
from sim.interpreter import FIRMWARE_DIR, find_micropython
from tests.vcu_tests import FILES, ROOT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the long tests have counted, by the names under which they recorded it."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, count in report.user_properties:
            counts[name] += count
    for name, count in sorted(counts.items()):
        terminalreporter.write_line(f"counted: {count} {name}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run no test twice: leave to the coverage test those that it runs, if it is to run."""
    if not any(item.path.name == "test_coverage.py" for item in items):
        return
    paths = {ROOT / name for name in FILES}
    left: list[pytest.Item] = []
    kept: list[pytest.Item] = []
    for item in items:
        is_left = item.path in paths and not item.get_closest_marker("sweep")
        (left if is_left else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is collected out of the garbage collector, which the firmware calls at each start.

    Among ten thousand tests that took 0.2 s each time; and they are collected faster so.
    """
    was_on = gc.isenabled()  # `make mutate` has it off
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


@pytest.fixture(scope="session")
def interpreter() -> str:
    """Return the 64-bit interpreter; where no build of it exists, skip and say so."""
    try:
        return find_micropython()
    except ControllerError as missing:
        # Its wheels are for Linux x86-64 and macOS arm64 only; elsewhere nothing can be run.
        pytest.skip(f"{missing}; the 32-bit build still runs the trace")


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a command work in a folder of its own, with no key from outside; return the folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LSEV_KEY", raising=False)
    return tmp_path


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
