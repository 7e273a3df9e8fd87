"""The monitor at a real serial line: it outlives a reset, a board that goes, and noise."""

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest

from host_tools.car_watch import CarWatch, Tap
from host_tools.link import Link
from host_tools.monitor_command import live_opener
from host_tools.ports import open_port

pytestmark = pytest.mark.usefixtures("interpreter")

LSEV = [sys.executable, "-m", "host_tools"]
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


@contextmanager
def virtual_board(link: Path, *words: str) -> Generator[None]:
    arguments = ["board", "--link", str(link), *words]
    with subprocess.Popen([*LSEV, *arguments], cwd=ROOT, stdout=subprocess.PIPE) as board:
        end_s = time.monotonic() + PATIENCE_S
        while not link.is_symlink() and time.monotonic() < end_s:
            time.sleep(0.02)
        try:
            yield
        finally:
            board.send_signal(signal.SIGINT)
            board.communicate(timeout=PATIENCE_S)


def until(watch: CarWatch, wanted: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < end_s, watch.view
        watch.step()


def test_a_board_that_restarts_and_one_that_goes_and_comes_are_watched_on(tmp_path: Path) -> None:
    port = tmp_path / "car"
    links: list[Link] = []

    @contextmanager
    def opened(tap: Tap) -> Generator[Link]:
        serial_port = open_port(str(port))
        links.append(Link(serial_port, tap))
        with closing(serial_port):
            yield links[-1]

    def is_live() -> bool:
        return watch.view.state == "live" and watch.view.values.get("pack_cv", 0) > 4000

    with closing(CarWatch(opened)) as watch:
        with virtual_board(port):
            until(watch, is_live)
            assert watch.view.parameters["speed_cap_kmh"] == 45
            links[-1].command("reboot")
            until(watch, lambda: any(line.startswith("#b") for line in watch.view.log))
            restarted_s = watch.view.received_s
            until(watch, lambda: watch.view.received_s > restarted_s + 1.0)
            assert is_live() and len(links) == 1
        until(watch, lambda: watch.view.state == "lost")
        with virtual_board(port, "--fault", "pedal_a_open"):
            until(watch, is_live)
            diagnosis = watch.view.diagnosis
            assert diagnosis is not None and diagnosis.active[0].dtc == "P2122"


def test_noise_on_the_line_ends_nothing(tmp_path: Path) -> None:
    """Instead of a board, a line on which nothing that comes is an answer."""
    board, slave = pty.openpty()
    name = os.ttyname(slave)
    os.close(slave)
    noise = b'\x00\xff#t {"speed_mmps":\r\n@1 ok *00000000\r\n#t [[\r\n>>> \r\n' + b"\x80" * 5000
    with closing(CarWatch(live_opener(name))) as watch:
        os.set_blocking(board, False)
        for _ in range(3):
            watch.step()
            os.write(board, noise[:2000])
        assert watch.view.state == "looking" and watch.view.reason
    os.close(board)


@pytest.mark.parametrize(("lang", "title"), [("en", "Pedal channel A"), ("zh", "加速踏板 A")])
def test_the_screen_comes_up_in_a_terminal_and_ends_with_q(
    tmp_path: Path, lang: str, title: str
) -> None:
    port = tmp_path / "car"
    terminal, slave = pty.openpty()
    ioctl(slave, TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    environment["PYTHONIOENCODING"] = "utf-8"
    words = ["monitor", "--port", str(port), "--lang", lang]
    with (
        virtual_board(port, "--fault", "pedal_a_open"),
        subprocess.Popen(
            [*LSEV, *words], cwd=tmp_path, env=environment, stdin=slave, stdout=slave, stderr=slave
        ) as monitor,
    ):
        os.close(slave)
        shown, end_s = b"", time.monotonic() + PATIENCE_S
        while f"P2122 {title}".encode() not in shown and time.monotonic() < end_s:
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 65536)
        assert f"P2122 {title}".encode() in shown
        os.write(terminal, b"q")
        while monitor.poll() is None and time.monotonic() < end_s:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    os.read(terminal, 65536)
                except OSError:
                    break
        assert monitor.wait(timeout=10.0) == 0
    os.close(terminal)
