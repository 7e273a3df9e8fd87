"""The unit tests of firmware/vcu, by file: each module has its own."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_VCU = ROOT / "firmware" / "vcu"
# vcu/charge/steps.py has tests/unit/test_charge_steps.py.
FILES = sorted(
    f"tests/unit/test_{'_'.join(path.relative_to(_VCU).with_suffix('').parts)}.py"
    for path in _VCU.rglob("*.py")
    if path.stem != "__init__"
)
