"""Terminals for the tests: a console with a serial port, at a real loop."""

import os
import subprocess
import sys
from zlib import crc32

from service import desk as desks
from service.desk import Desk
from service.services import NullSerial, Services
from service.terminal import Terminal as ServiceTerminal
from tests.mpy import wasm
from tests.unit import cars
from vcu.params import Params

IDENTITY = ("lsev", "0.1.0", "esp32_s3", "test car", "0011223344")
PROMPT = "lsev> "


class Terminal:
    """A console with a serial port, at a real loop; main() plays the part of main.py."""

    def __init__(self, driver=None):
        self.driver = driver or cars.Driver()
        # The loop took its own values: what the console edits is another set.
        self.params = Params()
        self.desk = Desk(self.driver.loop, self.params, IDENTITY)
        self.sent = bytearray()
        self.takes = None  # bytes that the host takes at once; None is all
        self.most = 0
        self.trouble = ""
        self.serves = True
        self.requests = []
        self.console = ServiceTerminal(self.desk, self.write)

    def write(self, data):
        self.most = max(self.most, len(data))
        taken = len(data) if self.takes is None else min(self.takes, len(data))
        self.sent += bytes(data[:taken])
        return None if self.takes is None else taken

    def main(self):
        self.console.step(10)
        if self.desk.wanted != desks.NOTHING and self.serves:
            self.requests.append(self.desk.wanted)
            self.desk.finish(self.trouble)

    def settle(self, slices=400):
        """Let slices pass until there is nothing more to come; return all that came."""
        quiet = 0
        for _ in range(slices):
            before = len(self.sent)
            self.main()
            quiet = quiet + 1 if len(self.sent) == before else 0
            if quiet > 120 and self.serves:
                break
        text = self.sent.decode("ascii")
        self.sent.clear()
        return text

    def send(self, data):
        text = ""
        for byte in data if isinstance(data, bytes) else data.encode():
            assert self.console.feed(byte) is False
            if not self.console.room():
                text += self.settle()
        return text + self.settle()

    def ask(self, line):
        """Return the lines of the answer, without echo and prompt."""
        text = self.send(line + "\r")
        echo, _, answer = text.partition("\r\n")
        assert echo == line
        assert answer.endswith((PROMPT, "lsev* "))
        lines = answer[: -len(PROMPT)].split("\r\n")
        assert lines.pop() == ""
        finals = [row for row in lines if row == "ok" or row.startswith("err ")]
        assert finals == lines[-1:], "one last line, and it is the last"
        return lines


class Served(Terminal):
    """A terminal whose requests the services serve; nothing is ever written."""

    class Idle:
        own_bits = bits = 0
        errno = -1

        def step(self, loop, parked, passed_ms):
            pass

        def trust(self, parked):
            pass

        def is_busy(self):
            return False

    def __init__(self, driver):
        super().__init__(driver)
        self.services = Services(driver.loop, self.desk, self.console, self.Idle(), NullSerial())

    def main(self):
        self.services.step(10)


def parked():
    """A terminal at a car that has stood for more than 2 s with the key off."""
    driver = cars.Driver()
    driver.tick(250)
    return Terminal(driver)


def driving(speed_mmps=4000):
    """A terminal at a car in DRIVE, with the pedal half down."""
    driver = cars.Driver().engage()
    driver.pedal = 500
    driver.roll_at(speed_mmps).tick(50)
    return Terminal(driver)


def session_lines(script, interpreter=""):
    """Return the `session` lines of a script of tests/mpy, run by MicroPython or by CPython."""
    paths = {"MICROPYPATH": "firmware:tests/mpy"}
    if not interpreter:
        interpreter = sys.executable
        paths = {"PYTHONPATH": os.pathsep.join(["firmware", "sim/shim", "tests/mpy"])}
    ended = subprocess.run(
        [interpreter, f"tests/mpy/{script}"],
        cwd=wasm.ROOT, env=os.environ | paths, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return [line for line in ended.stdout.splitlines() if line.startswith("session ")]


def pause(terminal, ms):
    for _ in range(ms // 10):
        terminal.main()


def summed(text):
    return f"{text} *{crc32(text.encode()):08X}"


def checked(text):
    """Return the lines of a tagged answer without their sums, which are right."""
    lines = []
    for line in text.split("\r\n")[:-1]:
        body, mark, digits = line.rpartition(" *")
        assert mark, line
        assert digits == f"{crc32(body.encode()):08X}", line
        lines.append(body)
    return lines
