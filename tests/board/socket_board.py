"""A virtual board that a test talks to: a car on a bench, its serial port a socket."""

import select
import socket

from sim import frame
from sim.interpreter import FIRMWARE_DIR, MicropythonController
from sim.wires import Wires
from tests.board.bench_car import bench_inputs, read_back

PULSES_PER_TICK = 2


class Board:
    """A virtual board with a healthy 48 V car on it, whose serial port is a socket."""

    def __init__(self, firmware=FIRMWARE_DIR):
        self.console, theirs = socket.socketpair()
        self.console.setblocking(False)
        self.controller = MicropythonController(
            "esp32_s3", {"speed_cap_kmh": 45}, console=theirs.fileno(), firmware=firmware
        )
        self._theirs = theirs
        self.inputs = bench_inputs()
        self.wires = Wires()
        self.out = self.controller.outputs

    def run(self, ticks, pulses=0):
        for _ in range(ticks):
            self.inputs[frame.PULSES] = (self.inputs[frame.PULSES] + pulses) & 0xFFFF
            self.inputs[frame.EARLY_PULSES] = self.inputs[frame.PULSES]
            read_back(self.wires, self.inputs, self.out)
            bus = self.wires.contactor or self.wires.precharge
            self.inputs[frame.BUS_V_MV] = self.inputs[frame.PACK_V_MV] if bus else 0
            self.out = self.controller.exchange(self.inputs)
        return self.out

    def drive(self, ticks=600):
        """Key on and wheels turning: what the odometer counts, whoever pushes the car."""
        self.inputs[frame.KEY_ON] = 1
        self.run(20)
        return self.run(ticks, PULSES_PER_TICK)[frame.ODOMETER_M]

    def stop(self):
        """Stand for 2 s, then turn the key."""
        self.run(250)
        self.inputs[frame.KEY_ON] = 0
        return self.run(150)

    def restart(self, power_lost):
        self.controller.restart(power_lost)
        self.out = self.controller.outputs
        return self.run(60)

    def say(self, line, ticks=400):
        """Type a line and return all that is answered within that many ticks."""
        self.console.send(line.encode() + b"\r")
        said = b""
        for _ in range(ticks):
            self.run(1)
            while select.select([self.console], [], [], 0)[0]:
                said += self.console.recv(4096)
        return said.decode()

    def close(self):
        self.controller.close()
        self.console.close()
        self._theirs.close()
