"""The arrows of the design: everything may point to vcu, vcu points to nothing."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# folder -> the only modules (by first name) that its files may import, beside their own kind
ALLOWED = {
    "firmware/vcu": {"vcu", "micropython", "array", "struct"},
    # io for the text of an exception; time only as main passes it in
    "firmware/service": {
        "vcu",
        "service",
        "micropython",
        "array",
        "struct",
        "binascii",
        "hashlib",
        "os",
        "sys",
        "io",
    },
    "firmware/hal": {"vcu", "hal", "micropython", "machine", "esp32", "time", "types"},
}
FORBIDDEN = {
    "sim": {"hal", "host_tools", "tests", "machine", "service"},
    "host_tools": {"hal", "tests", "machine"},
    "firmware": {"sim", "host_tools", "tests", "typing", "asyncio"},
    "boards": {"vcu", "hal", "sim", "machine", "host_tools"},
}
CLOCK = {"time", "asyncio", "machine"}


def imported(path: Path) -> set[str]:
    """Return the first names of every module that the file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def files(folder: str) -> list[Path]:
    """Return the Python files below a folder; the virtual board stands in for hardware."""
    return [p for p in (ROOT / folder).rglob("*.py") if "sim/board" not in p.as_posix()]


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_folder_imports_only_what_it_may(folder: str) -> None:
    found = files(folder)
    assert found
    for path in found:
        assert imported(path) <= ALLOWED[folder], path.name


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_a_folder_does_not_import_what_is_above_it(folder: str) -> None:
    found = files(folder)
    assert found
    for path in found:
        assert not imported(path) & FORBIDDEN[folder], path.name


ROOMS = ("guard", "guard_power", "guard_torque", "guard_wheel")


@pytest.mark.parametrize("room", ROOMS)
def test_the_guard_shares_nothing_with_what_it_guards_but_the_records(room: str) -> None:
    modules: set[str] = set()
    source = ROOT / f"firmware/vcu/{room}.py"
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
            if node.module == "vcu.signals":
                assert {a.name for a in node.names if not a.name.startswith("SLOW_")} <= {
                    "Outputs",
                    "Raw",
                }
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"__import__", "exec", "eval"}
    allowed = {"array", "micropython", "vcu.signals"} | {f"vcu.{name}" for name in ROOMS}
    assert "micropython" in modules
    assert modules <= allowed


def test_control_logic_never_reads_a_clock() -> None:
    for path in files("firmware/vcu"):
        assert not imported(path) & CLOCK, path.name


def test_board_and_vehicle_data_import_nothing() -> None:
    for path in files("boards"):
        assert imported(path) == set(), path.name


def test_module_names_do_not_hide_micropython_ones() -> None:
    hidden = {"time", "select", "platform", "types", "machine", "json", "struct", "array"}
    for path in files("firmware"):
        assert path.stem not in hidden, path


def test_what_tests_share_is_in_no_test_module() -> None:
    # pytest imports a test module by its name alone: imported from here too, it is there twice.
    for path in files("tests"):
        shared = re.findall(
            r"^\s*(?:from|import) tests\b.*\btest_.*", path.read_text("utf-8"), re.M
        )
        assert not shared, path
