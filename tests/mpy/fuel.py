"""Measures what the firmware costs on a 32-bit MicroPython: fuel per tick, heap and import time.

Fuel counts WebAssembly instructions, so the figures are the same on every
machine; integer code costs 2.3 fuel per RISC-V instruction.
"""

import ast
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from host_tools.compiler import PACKAGES, compiled
from tests.mpy import retained, wasm

_FIRMWARE = wasm.ROOT / "firmware"
DRIVING = ("drive", "at_cap", "limited", "regen", "reverse")
CHARGING = ("charge", "plugged_in")
# The two files of a slot that stay source; any board and vehicle has as many names.
_DATA = {
    "board": wasm.ROOT / "boards" / "esp32_s3" / "board.py",
    "vehicle": wasm.ROOT / "boards" / "vehicles" / "four_wheel_60v_agm.py",
}


def measure(sequences: Sequence[str] = ()) -> dict[str, dict[str, dict[str, int]]]:
    """Return {"tick": by case, "piece": by piece of the charge, "heap": by module}.

    A tick row and a piece row have ticks, mean and worst fuel; a heap row bytes,
    those of them that are kept, and fuel of the import of a precompiled module, and
    "car" what the instances take that main.py makes. Ticks and heap have a row "total".
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


def measure_together(cases: Sequence[str]) -> tuple[int, int]:
    """Return the mean and the worst fuel of the ticks of these cases."""
    rows = [row for case, row in measure_ticks().items() if case in cases]
    ticks = sum(row["ticks"] for row in rows)
    mean = sum(row["ticks"] * row["mean"] for row in rows) // ticks
    return mean, max(row["worst"] for row in rows)


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
    """Compile the firmware to .mpy as for a board, start it there and return what it took.

    bytes were allocated, kept of them are still in use when the line is printed.
    """
    kept: dict[str, int] = {}

    def look(line: str, memory: bytes) -> None:
        kept[line.split()[1]] = retained.retained_bytes(memory)

    with tempfile.TemporaryDirectory() as folder:
        slot = Path(folder)
        for name, code in compiled().items():
            path = slot / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(code)
        for name, source in _DATA.items():
            (slot / f"{name}.py").write_bytes(source.read_bytes())
        lines = wasm.run("heap.py", *import_order(), firmware=slot, heap="2M", watch=look)
    rows: dict[str, dict[str, int]] = {}
    total = {"bytes": 0, "kept": 0, "fuel": 0}
    before = kept["nothing"]
    for line in lines.splitlines()[1:]:
        _, name, size, fuel = line.split()
        rows[name] = {"bytes": int(size), "kept": kept[name] - before, "fuel": int(fuel)}
        before = kept[name]
        for key in total:
            total[key] += rows[name][key]
    rows["total"] = total
    return rows


def import_order() -> list[str]:
    """Return all that main.py imports, so that each comes after all that it imports itself."""
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
        order.append(".".join(path.relative_to(_FIRMWARE).with_suffix("").parts))

    visit(_FIRMWARE / "main.py")
    return order


def main() -> None:
    """Print all of it."""
    for kind, rows in measure().items():
        for name, row in rows.items():
            print(kind, name, *(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
