"""Every branch of the control logic is taken by its own unit tests.

Where this test runs, those run here and nowhere else (tests/conftest.py leaves them out), but
for the sweeps, which are long when traced. Without it, or by their file's name, they run as usual.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vcu_tests import FILES, ROOT


def run_coverage(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "coverage", *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_unit_tests_take_every_branch_of_the_control_logic(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    missing = [name for name in FILES if not (ROOT / name).is_file()]
    assert not missing, "a module of vcu has no unit test"
    data = f"--data-file={tmp_path / 'coverage'}"
    options = ["-q", "-p", "no:xdist", "-o", "addopts=", "-m", "not sweep"]
    ran = run_coverage("run", data, "-m", "pytest", *options, *FILES)
    if ran.returncode != 0:
        # What comes before the first heading is dots.
        pytest.fail(ran.stdout[ran.stdout.find("\n=") :] + ran.stderr, pytrace=False)
    (passed,) = re.findall(r"^(\d+) passed", ran.stdout, re.MULTILINE)
    record_property("unit tests of firmware/vcu, passed under coverage", int(passed))
    report = run_coverage("report", data, "--fail-under=100", "--skip-covered")
    assert report.returncode == 0, report.stdout
