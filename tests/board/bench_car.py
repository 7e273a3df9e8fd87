"""A healthy car on a bench: what its pins read, its wheel, and both controllers beside it."""

import random

import pytest

from sim import frame
from sim.interpreter import MicropythonController
from sim.plant.bms import BOTH_MV
from sim.runtime import CpythonController
from sim.vehicle import load_vehicle
from sim.wires import Wires
from vcu.charge.command import RELAY, SETPOINT
from vcu.signals import SLOW_THROTTLE_READBACK
from vcu.speed import SAMPLE_MAX_US

BOARDS = ("esp32_s3", "esp32")
# Where the tests break main.py: between two ticks, and inside one.
SLICES = "            # The service half gets its slices here"
STEP = "                loop.step(dt_ms)\n"
SAFE_PINS = [0] * frame.PIN_COUNT
NAMES = {}
for _name, _value in list(vars(frame).items())[list(vars(frame)).index("THROTTLE_MV") :]:
    if _name.isupper() and not _name.endswith(("_COUNT", "_SIZE")):
        _words = 4 if _name in ("FAULTS", "STORED") else 1
        NAMES |= {_value + word: f"{_name} {word}" if word else _name for word in range(_words)}


def bench_inputs() -> list[int]:
    """A healthy 48 V car, standing, key off, at 25 degrees."""
    inputs = [0] * frame.INPUT_SIZE
    inputs[frame.PEDAL_A_MV] = 468
    inputs[frame.PEDAL_B_MV] = 234
    inputs[frame.PACK_V_MV] = 1500
    inputs[frame.PACK_A_MV] = 1500
    for i, millivolts in enumerate((1650, 1650, 1650, 1970, 2750, 0, 306, 2396, BOTH_MV)):
        inputs[frame.SLOW_MV + i] = millivolts
    inputs[frame.EDGE_AGE_US] = -1
    inputs[frame.EARLY_AGE_US] = -1
    return inputs


class Wheel:
    """Pulses and stamps of a wheel whose rate is pulses_per_s, the stamps up to 12 ms old."""

    def __init__(self, seed: int, start: int = 0) -> None:
        self.random = random.Random(seed)
        self.pulses_per_s = 0
        self._parts = 0
        self._pulses = start

    def step(self, inputs: list[int], stamps: bool) -> None:
        last = self._pulses
        self._parts += self.pulses_per_s
        self._pulses += self._parts // 100
        self._parts %= 100
        inputs[frame.PULSES] = self._pulses & 0xFFFF
        if stamps:
            inputs[frame.EARLY_PULSES] = inputs[frame.PULSES]
            if self._pulses != last:
                late = self.random.random() < 0.1
                inputs[frame.EDGE_PULSES] = (last if late else self._pulses) & 0xFFFF
                inputs[frame.EDGE_AGE_US] = self.random.randrange(12000 if late else 9999)
            elif inputs[frame.EDGE_AGE_US] >= 0:
                inputs[frame.EDGE_AGE_US] = min(inputs[frame.EDGE_AGE_US] + 10000, 900000)
        else:
            inputs[frame.EARLY_PULSES] = self.random.randint(last, self._pulses) & 0xFFFF


def values_for(board: str, name: str) -> dict[str, int]:
    """The vehicle's parameters, with a plain charger where the board can command no other."""
    values = load_vehicle(name).values
    if board == "esp32" and values["charger_kind"] == SETPOINT:
        values = values | {"charger_kind": RELAY, "charger_max_da": 200}
    return values


def read_back(wires: Wires, inputs: list[int], out: list[int]) -> None:
    """Lead throttle output and enable line back to the pins that look at them."""
    wires.follow(out)
    inputs[frame.SLOW_MV + SLOW_THROTTLE_READBACK] = wires.throttle_mv * 55 // 100
    inputs[frame.ENABLE_READBACK] = wires.enable


class Pair:
    """Both controllers on the same inputs; a difference names its field and tick.

    Flash takes no time, for only one of the two writes it.
    """

    def __init__(self, board, values, stamps=True):
        self.inputs = bench_inputs()
        self.stamps = stamps
        self.wires = Wires()
        self.ticks = 0
        self.cpython = CpythonController(board, values)
        self.micropython = MicropythonController(
            board, values, stamps=stamps, flash_takes_time=False
        )

    def step(self):
        if not self.stamps:
            wait_us = self.cpython.outputs[frame.SAMPLE_WAIT_US]
            self.inputs[frame.EARLY_AGE_US] = SAMPLE_MAX_US - wait_us
        ours = self.cpython.exchange(self.inputs)
        theirs = self.micropython.exchange(self.inputs)
        self.ticks += 1
        # Only the whole firmware keeps records, and holds its supply until they are written.
        ours[frame.FLASH_OPS] = theirs[frame.FLASH_OPS]
        ours[frame.HOLD] |= theirs[frame.HOLD]
        if ours != theirs:
            fields = {
                NAMES.get(i, i): (a, b)
                for i, (a, b) in enumerate(zip(ours, theirs, strict=True))
                if a != b
            }
            pytest.fail(f"tick {self.ticks}: cpython, micropython differ in {fields}")
        read_back(self.wires, self.inputs, theirs)
        return theirs

    def restart(self, power_lost):
        self.cpython.restart(power_lost)
        self.micropython.restart(power_lost)
        assert self.cpython.outputs == self.micropython.outputs == [0] * len(NAMES)

    def run(self, ticks):
        for _ in range(ticks):
            out = self.step()
        return out

    def close(self):
        self.micropython.close()


def small_firmware(folder, main):
    """Write a main.py, with a boot.py that does nothing, into a folder and return it."""
    (folder / "boot.py").write_text("", encoding="utf-8")
    (folder / "main.py").write_text(main, encoding="utf-8")
    return folder
