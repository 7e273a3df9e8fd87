"""`lsev board`: its port and link, how it ends, and what passes between port and program."""

import functools
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

import host_tools.board
import host_tools.sim_command
from host_tools.board_port import SerialPort
from host_tools.cli import main
from sim.interpreter import MicropythonController
from tests.unit.commands import refused

Capture = pytest.CaptureFixture[str]


@contextmanager
def started(link: Path) -> Generator[subprocess.Popen[str]]:
    """Run `lsev board` by itself; its port is there, unless 10 s have passed."""
    command = [sys.executable, "-m", "host_tools", "board", "--link", str(link)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        end_s = time.monotonic() + 10.0
        while not link.is_symlink() and time.monotonic() < end_s:
            time.sleep(0.02)
        yield process


@pytest.mark.parametrize("kind", ["file", "folder", "link to a file"])
def test_a_link_never_replaces_what_is_no_port(kind: str, tmp_path: Path, capsys: Capture) -> None:
    link = tmp_path / "port"
    if kind == "file":
        link.write_text("mine", encoding="utf-8")
    elif kind == "folder":
        link.mkdir()
    else:
        (tmp_path / "mine").write_text("mine", encoding="utf-8")
        link.symlink_to(tmp_path / "mine")
    before = sorted(tmp_path.iterdir())
    assert str(link) in refused(["board", "--link", str(link)], capsys)
    assert sorted(tmp_path.iterdir()) == before


def test_a_board_of_an_unknown_vehicle_names_the_nearest(capsys: Capture) -> None:
    assert "four_wheel_60v_agm" in refused(["board", "--vehicle", "four_wheel"], capsys)


def test_a_board_links_to_its_port_and_leaves_nothing(tmp_path: Path, capsys: Capture) -> None:
    link = tmp_path / "port"
    link.symlink_to(tmp_path / "gone")
    assert main(["board", "--fast", "--seconds", "1", "--link", str(link)]) == 0
    out, err = capsys.readouterr()
    assert f"serial port: {link} -> /dev/" in out and "Ctrl-C" in out and err == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_board_ends_cleanly_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    link = tmp_path / "port"
    with started(link) as process:
        is_port = link.is_char_device()
        process.send_signal(number)
        out = process.communicate(timeout=10.0)[0]
    assert is_port and "serial port: " in out
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_firmware_that_crashes_ends_the_board_with_its_last_words(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware = tmp_path / "firmware"
    firmware.mkdir()
    (firmware / "boot.py").write_text("", encoding="utf-8")
    (firmware / "main.py").write_text("print('hello')\nnonsense()\n", encoding="utf-8")
    started = functools.partial(MicropythonController, firmware=firmware)
    monkeypatch.setattr(host_tools.board, "MicropythonController", started)
    assert main(["board", "--seconds", "5", "--link", str(tmp_path / "port")]) == 1
    said = capsys.readouterr().err
    assert "crashed" in said and "hello" in said and "nonsense" in said
    assert list(tmp_path.iterdir()) == [firmware]


def test_a_board_without_a_prompt_ends_with_one_sentence_when_asked_for_it(
    tmp_path: Path,
) -> None:
    link = tmp_path / "port"
    with started(link) as process, serial.Serial(str(link), timeout=5.0) as port:
        port.write(b"@1 id\r\n")
        port.read_until(b"@1 ok")
        port.write(b"repl\r\n")
        said = process.communicate(timeout=20.0)[1]
    assert process.returncode == 1
    assert said.startswith("lsev: the firmware ended for MicroPython's prompt")
    assert len(said.splitlines()) == 1 and "--flash IMAGE" in said


def test_a_board_that_is_asked_to_reboot_starts_anew_with_what_was_saved(tmp_path: Path) -> None:
    link = tmp_path / "port"
    with started(link) as process:
        with serial.Serial(str(link), timeout=5.0) as port:
            said = ""
            for line in ("set speed_cap_kmh 42", "save", "reboot"):
                port.write(line.encode() + b"\r\n")
                said += port.read_until(b"ok\r\n").decode()
            end_s = time.monotonic() + 20.0
            while "cap 42 km/h" not in said and time.monotonic() < end_s:
                port.write(b"status\r\n")
                said += port.read_until(b"ok\r\n").decode()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10.0)
    assert "45 -> 42 km/h" in said and "saved" in said
    assert "cap 42 km/h" in said and "last run: reboot asked for" in said
    assert process.returncode == 0


def read(fd: int, count: int) -> bytes:
    """Read until count bytes are there: a pseudo terminal may deliver late and in pieces."""
    data = b""
    while len(data) < count and select.select([fd], [], [], 5.0)[0]:
        data += os.read(fd, 100_000)
    return data


def test_the_port_carries_bytes_both_ways_and_sends_line_ends_as_a_board_does() -> None:
    port = SerialPort()
    tool = os.open(port.name, os.O_RDWR | os.O_NOCTTY)
    try:
        for part in (b"a\nb\r", b"\nc\r\n\n", b"\x00\xff"):
            os.write(port.console, part)
            port.pump(0.0)
        assert read(tool, 13) == b"a\r\nb\r\nc\r\n\r\n\x00\xff"
        os.write(tool, b"\x03set\r")
        port.pump(time.monotonic() + 0.1)
        assert read(port.console, 5) == b"\x03set\r"
    finally:
        os.close(tool)
        port.close()


def test_what_is_printed_while_nobody_listens_is_lost_and_holds_nothing_up() -> None:
    port = SerialPort()
    try:
        for number in range(300):
            os.write(port.console, b"%03d" % number + b"." * 997)
            port.pump(0.0)
        tool = os.open(port.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        os.write(port.console, b"now")
        port.pump(0.0)
        heard = read(tool, 3)
        os.close(tool)
        said = port.last_words()
    finally:
        port.close()
    assert heard == b"now"
    assert said.endswith("299" + "." * 997 + "now")
