"""`lsev calibrate` end to end: a person at the tool, a foot in the car, the board between them."""

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from host_tools.board_port import SerialPort
from sim.controller import ControllerError
from sim.driver import ParkedDriver
from sim.interpreter import MicropythonController
from sim.vehicle import load_vehicle
from sim.world import World

pytestmark = pytest.mark.usefixtures("interpreter")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
TICK_S = 0.002  # a fifth of a tick: a tool that waits 5 s for an answer waits longer than that


class Car:
    """A car whose port has a name, and who works at it with one tool at a time."""

    def __init__(self, **values):
        self.port = SerialPort()
        vehicle = load_vehicle("four_wheel_60v_agm")
        self.controller = MicropythonController(
            "esp32_s3", {**vehicle.values, **values}, console=self.port.console, name=vehicle.name
        )
        self.port.hand_over()
        self.driver = ParkedDriver()
        self.driver.brake = 0.0
        self.world = World(
            vehicle, driver=self.driver, board="esp32_s3", controller=self.controller
        )

    def step(self):
        try:
            self.world.step()
        except ControllerError:
            if not self.controller.asked_for_reset:
                raise
            self.world.restart(power_lost=False)
        self.port.pump(time.monotonic() + TICK_S)

    def drive(self, seconds):
        """Drive off for that long, then stop and stand; return the metres."""
        start_m = self.world.car.position_m
        for pedal, brake, gear, lasts_s in (
            (0.0, 0.0, 0, 3.0), (0.0, 0.0, 1, 0.3), (0.5, 0.0, 1, seconds), (0.0, 0.8, 1, 6.0),
            (0.0, 1.0, 0, 3.0),
        ):  # fmt: skip
            self.driver.key = True
            self.driver.pedal, self.driver.brake, self.driver.gear = pedal, brake, gear
            self.world.run(lasts_s)
        return self.world.car.position_m - start_m

    def close(self):
        self.controller.close()
        self.port.close()


class Tool:
    """`lsev` in a process; until() lets the car run until it has said something."""

    def __init__(self, car, *words):
        self.car = car
        self.process = subprocess.Popen(
            [sys.executable, "-m", "host_tools", *words, "--port", car.port.name, "--lang", "en"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.said = ""
        self.heard = 0

    def until(self, text):
        """Wait for text behind what was waited for before."""
        end_s = time.monotonic() + PATIENCE_S
        while text not in self.said[self.heard :]:
            assert time.monotonic() < end_s, self.said
            self.car.step()
            self.said += (self.process.stdout.read() or b"").decode()
        self.heard = self.said.index(text, self.heard) + len(text)

    def answer(self, text=""):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def end(self):
        """Let it end; return its exit status."""
        end_s = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < end_s, self.said
            self.car.step()
            self.said += (self.process.stdout.read() or b"").decode()
        self.said += (self.process.stdout.read() or b"").decode()
        return self.process.returncode

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def parameter(car, name):
    """Return what the board has in use."""
    with closing(Tool(car, "params", "get", name)) as tool:
        assert tool.end() == 0, tool.said
    words = tool.said.split()
    return int(words[words.index(name) + 1])


def test_a_wheel_that_is_set_too_small_is_right_after_a_measured_drive_and_a_restart():
    with closing(Car(wheel_circumference_mm=1550)) as car:
        with closing(Tool(car, "calibrate", "wheel", "--reboot")) as tool:
            tool.until("type the metres, or q to stop:")
            metres = car.drive(18.0)
            assert metres > 60
            tool.answer("20")  # mistyped
            tool.until("needs 50 to 1000 m")
            tool.until("type the metres, or q to stop:")
            tool.answer(f"{metres:.1f}")
            assert tool.end() == 0, tool.said
        assert "wheel_circumference_mm 1550 -> " in tool.said
        assert abs(parameter(car, "wheel_circumference_mm") - 1595) <= 4
        with closing(Tool(car, "calibrate", "wheel", "--undo")) as tool:
            assert tool.end() == 0, tool.said
        assert parameter(car, "wheel_circumference_mm") == 1550


def test_a_pedal_is_calibrated_with_a_step_done_wrong_in_between():
    with closing(Car(pedal_a_released_counts=500, pedal_a_pressed_counts=2280)) as car:
        with closing(Tool(car, "calibrate", "pedal")) as tool:
            for step in range(6):
                tool.until(f"{step + 1}/6:")
                tool.until("q and Enter to stop.")
                car.driver.pedal = float(step % 2)
                car.world.run(0.3)
                tool.answer()
            tool.until("Let go of it")
            tool.answer()  # with the foot still on it
            tool.until("Not taken: not parked")
            tool.until("Let go of it")
            car.driver.pedal = 0.0
            car.world.run(1.0)
            tool.answer()
            assert tool.end() == 0, tool.said
        assert abs(parameter(car, "pedal_a_released_counts") - 468) <= 3
        assert abs(parameter(car, "pedal_a_pressed_counts") - 2310) <= 3
