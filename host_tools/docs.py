"""Docs: rewrites the generated tables of README.md from the tables that the firmware runs.

    python -m host_tools.docs [--check]

A block stands between `<!-- generated: NAME -->` and `<!-- end -->`. Exit
status: 0 current or rewritten, 1 `--check` found a stale block, 2 README.md or
a block is missing.
"""

import argparse
import ast
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from host_tools import parameter_help, texts
from host_tools.files import whole_file
from host_tools.texts import en
from sim.scenarios import SCENARIOS
from sim.vehicle import VEHICLES_DIR, load_vehicle, vehicle_names
from vcu import faults, patterns
from vcu.charge import bms, command, phases, profiles
from vcu.chemistry import NAMES as CHEMISTRY_NAMES
from vcu.limits import LIMITER_NAMES
from vcu.modes import REASONS
from vcu.params import TABLE

README = Path(__file__).resolve().parent.parent / "README.md"

# What the numbers of a choice mean.
_CHOICES = {
    "chemistry": CHEMISTRY_NAMES,
    "charger_kind": command.KIND_NAMES,
    "bms_kind": bms.KIND_NAMES,
}
_END = "<!-- end -->"
_BLOCK = re.compile(r"<!-- generated: (\w+) -->\n(.*?)^" + re.escape(_END) + "$", re.M | re.S)


class DocsError(ValueError):
    """README.md cannot be brought up to date; the text says what is missing."""


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def _sentence(sentences: Mapping[str, str], name: str, module: str) -> str:
    if name not in sentences:
        raise DocsError(f"{name} has no sentence in host_tools/{module}.py")
    return sentences[name]


def _parameters() -> str:
    rows: list[tuple[object, ...]] = [
        (
            *(number, f"`{name}`", unit, low, high, default),
            _sentence(parameter_help.PARAMETERS, name, "parameter_help"),
        )
        for number, name, unit, low, high, default in TABLE
    ]
    return _table(("id", "name", "unit", "min", "max", "default", "what it does"), rows)


def _vehicles() -> str:
    """One line per preset, then every parameter in which any of them leaves the default."""
    vehicles = [load_vehicle(name) for name in vehicle_names()]
    lines: list[str] = []
    for vehicle in vehicles:
        tree = ast.parse((VEHICLES_DIR / f"{vehicle.name}.py").read_text(encoding="utf-8"))
        lines.append(f"- `{vehicle.name}`: {ast.get_docstring(tree) or ''}\n")
    rows: list[tuple[object, ...]] = []
    for _, name, unit, _, _, default in TABLE:
        values = [vehicle.values[name] for vehicle in vehicles]
        if any(value != default for value in values):
            shown = [_value(name, value) for value in (default, *values)]
            rows.append((f"`{name}`", unit, *shown))
    head = ("parameter", "unit", "default", *(f"`{vehicle.name}`" for vehicle in vehicles))
    return "".join(lines) + "\n" + _table(head, rows)


def _value(name: str, value: int) -> str:
    return f"{value} ({_CHOICES[name][value]})" if name in _CHOICES else str(value)


def _scenarios() -> str:
    rows: list[tuple[object, ...]] = [
        (f"`{s.name}`", s.summary, f"{s.seconds:g}", f"`{s.vehicle}`") for s in SCENARIOS
    ]
    return _table(("scenario", "what it is", "seconds", "vehicle"), rows)


def _limiters() -> str:
    rows: list[tuple[object, ...]] = [
        (f"`{name}`", _sentence(en.LIMITERS, name, "texts/en")) for name in LIMITER_NAMES
    ]
    return _table(("limiter", "what holds the car back"), rows)


def _reasons() -> str:
    rows: list[tuple[object, ...]] = [
        (bit, f"`{name}`", _sentence(en.REASONS, name, "texts/en"))
        for bit, name in enumerate(REASONS)
    ]
    return _table(("bit", "reason", "why the car does not drive"), rows)


def _faults() -> str:
    rows: list[tuple[object, ...]] = []
    for word in faults.TABLE:
        for blink_code, name, dtc, fault_class, confirm_ms, heal_ms, latch in word:
            text = texts.fault(name, "en")
            rows.append(
                (
                    *(blink_code, f"`{name}`", dtc, faults.CLASS_NAMES[fault_class]),
                    *(confirm_ms, heal_ms, faults.LATCH_NAMES[latch]),
                    f"{text.title}: {', '.join(text.causes)}.",
                )
            )
    head = ("blink code", "fault", "DTC", "class", "confirm ms", "heal ms", "latch")
    return _table((*head, "likely causes"), rows)


def _patterns() -> str:
    rows: list[tuple[object, ...]] = []
    for number, (name, lamp, buzzer) in enumerate(patterns.TABLE):
        shown = "the fault's number" if number == patterns.FAULT_CODE else f"`{_steps(lamp)}`"
        when = _sentence(en.PATTERNS, name, "texts/en")
        rows.append((f"`{name}`", when, shown, f"`{_steps(buzzer)}`"))
    return _table(("pattern", "when", "lamp", "buzzer"), rows)


def _steps(bits: int) -> str:
    """Return the sixteen steps of a pattern, the first one first: # is on."""
    return "".join("#" if bits >> step & 1 else "." for step in range(16))


def _profiles() -> str:
    rows: list[tuple[object, ...]] = [
        (f"`{name}`", *values, unit) for name, *values, unit in profiles.TABLE
    ]
    return _table(("parameter", *CHEMISTRY_NAMES, "unit"), rows)


def _phases() -> str:
    rows: list[tuple[object, ...]] = [
        (f"`{name}`", _sentence(en.PHASES, name, "texts/en")) for name in phases.NAMES
    ]
    return _table(("phase", "what happens"), rows)


def _causes() -> str:
    rows: list[tuple[object, ...]] = [
        (f"`{name}`", _sentence(en.CAUSES, name, "texts/en")) for name in phases.CAUSE_NAMES
    ]
    return _table(("cause", "why there is no current, or not the full one"), rows)


BLOCKS: dict[str, Callable[[], str]] = {
    "parameters": _parameters,
    "vehicles": _vehicles,
    "scenarios": _scenarios,
    "limiters": _limiters,
    "reasons": _reasons,
    "profiles": _profiles,
    "phases": _phases,
    "causes": _causes,
    "faults": _faults,
    "patterns": _patterns,
}


def rewrite(text: str) -> tuple[str, list[str]]:
    """Return the text with every block current, and the names of those that were stale."""
    found = [match[1] for match in _BLOCK.finditer(text)]
    for name in found:
        if name not in BLOCKS:
            raise DocsError(f"no block is called {name!r}: there are {', '.join(BLOCKS)}")
    for name in BLOCKS:
        if found.count(name) != 1:
            raise DocsError(
                f"block {name!r} is there {found.count(name)} times instead of once; it starts "
                f"with the line '<!-- generated: {name} -->' and ends with the line '{_END}'"
            )
    stale: list[str] = []

    def fresh(match: re.Match[str]) -> str:
        content = f"\n{BLOCKS[match[1]]()}\n"
        if match[2] != content:
            stale.append(match[1])
        return f"<!-- generated: {match[1]} -->\n{content}{_END}"

    return _BLOCK.sub(fresh, text), stale


def main(argv: list[str] | None = None, readme: Path = README) -> int:
    """Rewrite or check the generated blocks of readme and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m host_tools.docs",
        description="Rewrite the generated tables of README.md from the tables in the code.",
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 and name what is stale"
    )
    args = parser.parse_args(argv)
    try:
        text, stale = rewrite(readme.read_text(encoding="utf-8"))
        if stale and not args.check:
            with whole_file(readme) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except (DocsError, OSError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        print(f"docs: {readme.name}: {what}; nothing was changed", file=sys.stderr)
        return 2
    if stale and args.check:
        print(
            f"docs: stale in {readme.name}: {', '.join(stale)}; run `make docs`", file=sys.stderr
        )
        return 1
    if not args.check:
        print(f"{readme.name}: " + (f"rewrote {', '.join(stale)}" if stale else "is current"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
