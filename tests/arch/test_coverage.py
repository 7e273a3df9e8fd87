"""Every branch of the control logic is taken by its own unit tests."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Ten million times the same step take no other branch; traced, they take longer than all else.
REPEATS = "test_energy.py::test_no_counter_loses_a_remainder_over_ten_million_small_steps"


def test_the_unit_tests_take_every_branch_of_the_control_logic(tmp_path: Path) -> None:
    vcu = ROOT / "firmware" / "vcu"
    paths = [path for path in vcu.rglob("*.py") if path.stem != "__init__"]
    # vcu/charge/steps.py has tests/unit/test_charge_steps.py.
    names = sorted("_".join(path.relative_to(vcu).with_suffix("").parts) for path in paths)
    tests = [f"tests/unit/test_{name}.py" for name in names]
    missing = [test for test in tests if not (ROOT / test).is_file()]
    assert not missing, "a module of vcu has no unit test"
    data = f"--data-file={tmp_path / 'coverage'}"
    coverage = [sys.executable, "-m", "coverage"]
    # The same tests run elsewhere too, and say there what failed.
    options = ["-q", "--assert=plain", "-p", "no:xdist", "-o", "addopts="]
    options += ["--deselect", f"tests/unit/{REPEATS}"]
    ran = subprocess.run(
        [*coverage, "run", data, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    report = subprocess.run(
        [*coverage, "report", data, "--fail-under=100", "--skip-covered"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(report.stdout)
    assert report.returncode == 0, report.stdout
