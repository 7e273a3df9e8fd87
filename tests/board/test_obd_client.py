"""An ordinary scan tool at the virtual board's port, while the car drives and when it is parked.

The whole firmware in MicroPython at 100 Hz in real time, a real pseudo terminal, python-OBD.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from host_tools.board_port import SerialPort
from sim import frame
from sim.driver import StartingDriver
from sim.faults import make_fault
from sim.interpreter import MicropythonController
from sim.vehicle import load_vehicle
from sim.world import TICK_S, World
from tests.unit.scan_tools import VIN

pytestmark = [
    pytest.mark.usefixtures("interpreter"),
    pytest.mark.skipif(
        importlib.util.find_spec("obd") is None, reason="python-OBD is not installed"
    ),
]

CLIENT = Path(__file__).with_name("obd_client.py")
BROKEN = {"battery_temp_open": "P0A9", "motor_temp_open": "P0A2A", "controller_temp_open": "P0AEE"}
# A client that sleeps three times a second at its start, and reads for four.
PATIENCE_S = 40.0
PARK_S = 5.5


class Commuter(StartingDriver):
    """Drives along at a third of the pedal until told to park."""

    def __init__(self):
        super().__init__()
        self.parks = False

    def step(self, t_s, speed_mps, dt_s):
        super().step(t_s, speed_mps, dt_s)
        if self.parks:
            self.gear = 0 if speed_mps < 0.1 else self.gear
        elif t_s >= 4.0:
            self.brake = 0.0
            self.pedal = 0.35


class Bench:
    """A car on the road whose serial port has a name; until() drives it in real time."""

    def __init__(self):
        self.port = SerialPort()
        vehicle = load_vehicle("four_wheel_60v_agm")
        self.controller = MicropythonController(
            "esp32_s3", vehicle.values, console=self.port.console, name=vehicle.name
        )
        self.port.hand_over()
        self.driver = Commuter()
        self.world = World(
            vehicle,
            driver=self.driver,
            board="esp32_s3",
            controller=self.controller,
            faults=[make_fault(name, 0.0) for name in BROKEN],
        )
        self.late_ticks = []  # what the board had counted before and after each call of until()
        self.speeds_kmh = []

    def until(self, happened):
        """Step the car, each tick at its time, until happened()."""
        due_s = time.monotonic()
        patience_s = due_s + PATIENCE_S
        self.late_ticks.append(self.world.outputs[frame.LATE_TICKS])
        while not happened():
            assert time.monotonic() < patience_s, "the client does not answer"
            self.world.step()
            self.speeds_kmh.append(self.world.car.speed_mps * 3.6)
            due_s = max(due_s + TICK_S, time.monotonic() - 0.5)
            self.port.pump(due_s)
        self.late_ticks.append(self.world.outputs[frame.LATE_TICKS])

    def run(self, seconds):
        end_s = self.world.time_s + seconds
        self.until(lambda: self.world.time_s >= end_s)

    def say(self, line):
        """Type a line at the console and return what is answered within a second."""
        terminal = os.open(self.port.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            os.write(terminal, line.encode() + b"\r")
            self.run(1.0)
            return os.read(terminal, 4096).decode()
        finally:
            os.close(terminal)

    def close(self):
        self.controller.close()
        self.port.close()


class Client:
    """The scan tool in its process; has_told() looks whether it has printed another line."""

    def __init__(self, port):
        self.process = subprocess.Popen(
            [sys.executable, str(CLIENT), port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = b""

    def has_told(self):
        self.text += self.process.stdout.read() or b""
        assert b"\n" in self.text or self.process.poll() is None, "the client has ended"
        return b"\n" in self.text

    def told(self):
        line, _, self.text = self.text.partition(b"\n")
        return json.loads(line)

    def go_on(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def test_a_scan_tool_reads_a_driving_car_and_clears_a_parked_one():
    with closing(Bench()) as bench:
        bench.run(1.0)
        keys = "k1=" + "a1b2" * 8 + " k2=" + "c3d4" * 8
        assert "\r\nok\r\n" in bench.say(f"provision id=TEST-1 vin={VIN} {keys}")
        bench.world.run(6.0)  # as fast as it goes, nobody is listening
        bench.late_ticks.clear()  # of writing that to flash
        with closing(Client(bench.port.name)) as client:
            bench.until(client.has_told)
            told = client.told()
            assert told["status"] == "Car Connected"
            bench.speeds_kmh.clear()
            bench.until(client.has_told)
            told = client.told()
            assert min(bench.speeds_kmh) > 5, "it drives all the time"
            for read in told["SPEED"]:
                assert min(bench.speeds_kmh) - 1.5 <= read <= max(bench.speeds_kmh) + 1.5
            circumference_m = bench.world.vehicle.values["wheel_circumference_mm"] / 1000
            turns = told["SPEED"][-1] / 3.6 * 60 / circumference_m
            assert told["RPM"][-1] == pytest.approx(turns, rel=0.15)
            assert len(told["SPEED"]) > 3
            assert all(5 < read <= 100 for read in told["THROTTLE_POS"][-3:])
            assert told["CONTROL_MODULE_VOLTAGE"] == pytest.approx(
                [13.0] * len(told["SPEED"]), abs=0.1
            )
            soc_percent = bench.world.outputs[frame.SOC_PERMILLE] / 10
            assert told["HYBRID_BATTERY_REMAINING"][-1] == pytest.approx(soc_percent, abs=1)
            assert len(told["codes"]) >= 3 and told["count"] == len(told["codes"])
            for start in BROKEN.values():
                assert any(code.startswith(start) for code in told["codes"])
            assert told["lamp"] is True
            assert told["vin"] == VIN
            assert told["calibration"].startswith(".1.0-LSEV")
            assert told["cleared"] == ["7f0422"], "refused: it drives"
            assert len(set(bench.late_ticks)) == 1, "no late tick while a tool talks"

            bench.driver.parks = True
            for fault in bench.world.faults:
                fault.end_s = bench.world.time_s
            bench.world.run(PARK_S)
            client.go_on()
            bench.until(client.has_told)
            told = client.told()
            assert len(told["before"]) >= 3
            assert told["cleared"] == ["44"]
            assert told["after"] == []
            assert told["speed"] == 0
