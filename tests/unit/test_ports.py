"""Ports: the one that may be the car's is found, and one that does not open says why."""

import errno
import os
import pty
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import serial

from host_tools import ports
from host_tools.ports import PortError, choose_port, find_ports, holder_of, open_port


@pytest.fixture(autouse=True)
def no_port_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LSEV_PORT", raising=False)


def listed(*rows: tuple[str, str, int | None]) -> Any:
    return lambda: [_Port(device=d, description=text, vid=vid) for d, text, vid in rows]


class _Port(SimpleNamespace):
    def __lt__(self, other: "_Port") -> bool:
        return self.device < other.device


BOARD = ("/dev/ttyACM0", "ESP32-S3", 0x303A)
BRIDGE = ("/dev/ttyUSB0", "n/a", 0x10C4)
MODEM = ("/dev/ttyS0", "n/a", None)


def test_what_has_no_usb_behind_it_cannot_be_a_car() -> None:
    assert find_ports(listed(BRIDGE, MODEM, BOARD)) == {
        "/dev/ttyACM0": "ESP32-S3",
        "/dev/ttyUSB0": "no description",
    }


def test_of_the_two_names_of_a_port_on_macos_only_one_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    both = listed(("/dev/cu.usbmodem1", "S3", 1), ("/dev/tty.usbmodem1", "S3", 1))
    assert choose_port(None, both) == "/dev/cu.usbmodem1"


def test_the_option_goes_before_the_environment_and_that_before_the_only_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert choose_port(None, listed(BOARD, MODEM)) == "/dev/ttyACM0"
    monkeypatch.setenv("LSEV_PORT", "COM7")
    assert choose_port(None, listed(BOARD)) == "COM7"
    assert choose_port("COM8", listed(BOARD)) == "COM8"


def test_no_port_and_several_are_told_with_their_names() -> None:
    with pytest.raises(PortError, match="no serial port was found; plug the cable in"):
        choose_port(None, listed(MODEM))
    with pytest.raises(PortError, match=r"ttyACM0 \(ESP32-S3\), /dev/ttyUSB0 .*--port"):
        choose_port(None, listed(BOARD, BRIDGE))


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOENT, "nothing is at /dev/car; .*; plug the cable in"),
        (errno.EACCES, "usermod -aG .* log out and in"),
        (errno.EAGAIN, "in use by another program; close it"),
        (errno.EBUSY, "in use by another program; close it"),
        (errno.EIO, "does not open .* try again"),
    ],
)
def test_a_port_that_does_not_open_says_what_to_do(
    number: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(port: Any) -> None:
        raise serial.SerialException(number, "could not open port")

    monkeypatch.setattr(ports, "_open", refuse)
    with pytest.raises(PortError, match=says):
        open_port("/dev/car")


@pytest.mark.parametrize("name", ["a_file", ".", os.devnull])
def test_a_path_that_is_no_serial_port_is_told_as_that(name: str, own_folder: Path) -> None:
    (own_folder / "a_file").write_text("mine", encoding="utf-8")
    with pytest.raises(PortError, match=f"^{name} is no serial port; .*; plug the cable in, or"):
        open_port(name)


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(PortError, match="is no port"):
        open_port("nonsense://car")


@pytest.fixture
def terminal() -> Generator[str]:
    board, slave = pty.openpty()
    name = os.ttyname(slave)
    os.close(slave)
    yield name
    os.close(board)


def test_a_port_is_for_one_program_at_a_time(terminal: str) -> None:
    with open_port(terminal), pytest.raises(PortError, match="in use by another program"):
        open_port(terminal)
    open_port(terminal).close()


def test_a_child_that_has_not_begun_its_own_program_holds_no_port(tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    proc = tmp_path / "proc"
    for number, words in ((os.getpid(), "lsev"), (42, "lsev"), (43, "screen")):
        (proc / str(number) / "fd").mkdir(parents=True)
        (proc / str(number) / "cmdline").write_bytes(words.encode())
        (proc / str(number) / "stat").write_text(f"{number} ({words} x) S {os.getpid()} 1")
    (proc / "42" / "fd" / "3").symlink_to(device)
    assert holder_of(str(device), proc) == ""
    (proc / "43" / "fd" / "3").symlink_to(device)
    assert holder_of(str(device), proc) == "screen (process 43)"


def test_the_process_that_holds_a_port_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "ttyUSB0"
    os.mkfifo(device)  # no file, as little as a port is
    link = tmp_path / "car"
    link.symlink_to(device)
    proc = tmp_path / "proc"
    for number in (41, 42, os.getpid()):
        (proc / str(number) / "fd").mkdir(parents=True)
    (proc / "42" / "cmdline").write_bytes(b"screen\0/dev/ttyUSB0\x00115200\0")
    (proc / "42" / "fd" / "3").symlink_to(device)
    (proc / str(os.getpid()) / "fd" / "3").symlink_to(device)
    assert holder_of(str(link), proc) == "screen /dev/ttyUSB0 115200 (process 42)"
    (proc / "42" / "fd" / "3").unlink()
    assert holder_of(str(link), proc) == ""
    assert holder_of("COM3", proc) == holder_of("socket://10.0.0.1:35000", proc) == ""
    monkeypatch.setattr(ports, "holder_of", lambda name: "screen (process 42)")
    with pytest.raises(PortError, match=re.escape("in use by screen (process 42); close it")):
        open_port(str(link))


def test_the_lines_of_a_bridge_never_differ_where_its_driver_would_let_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Port(SimpleNamespace):
        def open(self) -> None:
            self.opened_with = (self.dtr, self.rts)

    monkeypatch.setattr(ports.list_ports, "grep", lambda name: [SimpleNamespace(vid=0x10C4)])
    for system, at_opening in (("nt", (False, False)), ("posix", (True, True))):
        port = Port(port="COM3", dtr=True, rts=True)
        monkeypatch.setattr(ports, "os", SimpleNamespace(name=system))
        ports._open(port)  # pyright: ignore[reportPrivateUsage]
        assert port.opened_with == at_opening and port.dtr and port.rts


# Who has a port open is known from /proc alone, which macOS does not have.
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc: who has it is not known")
def test_a_link_that_a_killed_board_has_left_opens_nobody_elses_terminal(
    tmp_path: Path, terminal: str
) -> None:
    link = tmp_path / "port"
    link.symlink_to(terminal)
    os.chmod(terminal, 0o600)  # which is no sign of anything
    open_port(str(link)).close()
    words = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    with (
        open(terminal) as own,
        subprocess.Popen(words, stdin=own, stdout=subprocess.PIPE) as shell,
    ):
        assert shell.stdout is not None and shell.stdout.readline()
        with pytest.raises(PortError, match=r"in use by .*virtual board that was killed has left"):
            open_port(str(link))
        shell.kill()
