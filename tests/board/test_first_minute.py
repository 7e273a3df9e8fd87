"""A person's first minute at a car that crawls: each tool says in its first lines what is wrong.

`lsev` in processes of its own, at the serial port of a virtual board with a broken pedal wire.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.kept_screens import kept

pytestmark = pytest.mark.usefixtures("interpreter")

LSEV = [sys.executable, "-m", "host_tools"]
ROOT = Path(__file__).resolve().parents[2]
WRONG = {
    "en": "P2122 Pedal channel A reads below its range",
    "zh": "P2122 加速踏板 A 路读数低于范围",
}
# Figures that differ from run to run.
FIGURES = re.compile(r"[0-9a-f]{12,}|\b\d+(?= (?:x|s|次|秒)\b)")
# A fault that has come back since a tool has set the board's clock has a line with dates.
DATED = re.compile(r"^.*\b20\d\d-\d\d-\d\d.*\n", re.MULTILINE)
CAME_BACK = re.compile(r"^.*\d UTC.*\n", re.MULTILINE)


# Every number, with its sign: a report has readings, and when each was taken.
NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")


@contextmanager
def started(folder: Path) -> Generator[Path]:
    """Start a board whose pedal wire is open, and give its port."""
    link = folder / "port"
    words = ["--vehicle", "four_wheel_60v_agm", "--fault", "pedal_a_open", "--link", str(link)]
    with subprocess.Popen([*LSEV, "board", *words], cwd=ROOT, stdout=subprocess.PIPE) as board:
        patience_s = time.monotonic() + 60.0
        while not link.is_symlink() and time.monotonic() < patience_s:
            time.sleep(0.02)
        yield link
        board.send_signal(signal.SIGINT)
        board.communicate(timeout=60.0)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Start a board for all tests of this file that leave no trace on their screens."""
    with started(tmp_path_factory.mktemp("board")) as port:
        yield port


def lsev(port: Path, *words: str, cwd: Path, lang: str | None = None) -> str:
    """Run a command to its good end and return its standard output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    for name in ("LC_ALL", "LC_MESSAGES", "LSEV_PORT"):
        environment.pop(name, None)
    environment["LANG"] = {"zh": "zh_CN.UTF-8"}.get(lang or "", "C.UTF-8")
    done = subprocess.run(
        [*LSEV, *words, "--port", str(port)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        timeout=60.0,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_faults_says_in_its_first_line_what_is_wrong(
    port: Path, lang: str, tmp_path: Path
) -> None:
    shown = lsev(port, "faults", cwd=tmp_path, lang=lang)
    assert shown.splitlines()[0].startswith(WRONG[lang])
    steady = FIGURES.sub("#", DATED.sub("", shown))
    assert steady == kept(f"first_minute_faults_{lang}", steady)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_report_says_in_its_first_line_what_is_wrong(lang: str, tmp_path: Path) -> None:
    with started(tmp_path) as port:  # nobody else's work shows in it
        shown = lsev(port, "report", "-o", "report.txt", cwd=tmp_path, lang=lang)
    written = (tmp_path / "report.txt").read_text(encoding="utf-8")
    assert shown.splitlines()[0].startswith(WRONG[lang])
    assert written.splitlines()[0].startswith(WRONG[lang])
    # Each section has its answer, the freeze frame too.
    assert "pedal_permille" in written and "late_ticks" in written and "speed_cap_kmh" in written
    assert "unknown-command" not in written
    steady = NUMBERS.sub("#", CAME_BACK.sub("", written))
    assert steady == kept(f"first_minute_report_{lang}", steady)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_plain_monitor_says_in_its_first_lines_what_is_wrong(
    port: Path, lang: str, tmp_path: Path
) -> None:
    shown = lsev(port, "monitor", "--plain", "--seconds", "2", cwd=tmp_path, lang=lang)
    assert any("P2122" in line for line in shown.splitlines()[:3])


def test_the_language_option_goes_before_that_of_the_environment(
    port: Path, tmp_path: Path
) -> None:
    shown = lsev(port, "faults", "--lang", "en", cwd=tmp_path, lang="zh")
    assert shown.startswith(WRONG["en"])


def test_what_is_still_broken_comes_back_after_a_clear_and_the_report_is_kept(
    port: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*LSEV, "faults", "--clear", "--yes", "--json", "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60.0,
        check=False,
    )
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert "pedal_a_low" in [fault["name"] for fault in found["faults"]]
    assert (tmp_path / found["report"]).read_text(encoding="utf-8").startswith("P2122")


def test_parameters_are_changed_saved_and_in_the_next_dump(port: Path, tmp_path: Path) -> None:
    lsev(port, "params", "dump", "before.txt", cwd=tmp_path)
    lsev(port, "params", "set", "reverse_cap_kmh=6", "learner_on=1", cwd=tmp_path)
    shown = lsev(port, "params", "diff", "before.txt", cwd=tmp_path)
    assert "reverse_cap_kmh 6 km/h (file 8)" in shown and "learner_on 1 (file 0)" in shown
    lsev(port, "params", "restore", "--yes", "before.txt", cwd=tmp_path)
    assert "reverse_cap_kmh" not in lsev(port, "params", "diff", "before.txt", cwd=tmp_path)


def test_a_recording_becomes_a_sheet(port: Path, tmp_path: Path) -> None:
    words = ["log", "record", "r.ndjson", "--seconds", "2", "--names", "mode,pack_cv"]
    lsev(port, *words, cwd=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "r.ndjson").read_text().splitlines()]
    assert lines[0]["format"] == "lsev-log" and lines[0]["units"]["pack_cv"] == "0.01 V"
    assert 15 <= len(lines) <= 25
    subprocess.run(
        [*LSEV, "log", "export", "r.ndjson"],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    sheet = (tmp_path / "r.csv").read_text(encoding="utf-8").splitlines()
    assert sheet[0] == "t_s,mode,pack_v" and sheet[1].split(",")[1] == "OFF"


def test_a_port_that_is_none_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [*LSEV, "faults", "--clear", "--yes", "--port", str(tmp_path / "nothing")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=30.0,
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == 2 and said.startswith("lsev: ") and "nothing" in said
    assert "Traceback" not in said and list(tmp_path.iterdir()) == []
