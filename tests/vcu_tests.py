"""The unit tests of firmware/vcu, by file: each module has its own."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_VCU = ROOT / "firmware" / "vcu"
# What is tested in files beside a module's own: one for each of several subjects. The reasons
# of the supervisor not to drive are told by the loop.
BESIDE = {
    "guard_power": ("guard_power_drives", "guard_power_most", "guard_power_rise"),
    "pedal": ("pedal_faults", "pedal_stab"),
    "plausibility": ("plausibility_motor", "plausibility_rates"),
    "speed": ("speed_bounds", "speed_corrections", "speed_power", "speed_samples"),
    "supervisor": ("loop_reasons",),
}


def files_of(module: str) -> list[str]:
    """Return the files of a module's tests: vcu/charge/steps.py is charge_steps here."""
    return [f"tests/unit/test_{name}.py" for name in (module, *BESIDE.get(module, ()))]


FILES = sorted(
    name
    for path in _VCU.rglob("*.py")
    if path.stem != "__init__"
    for name in files_of("_".join(path.relative_to(_VCU).with_suffix("").parts))
)
