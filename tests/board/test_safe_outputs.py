"""A bare board, a firmware that crashes, hangs or ends: safe outputs, and the cause is told."""

import os
from contextlib import closing

import pytest

from sim import frame, interpreter
from sim.controller import ControllerError
from sim.interpreter import MicropythonController
from sim.runtime import CpythonController
from sim.wires import Wires
from tests.board.bench_car import SAFE_PINS, SLICES, STEP, bench_inputs, read_back

pytestmark = pytest.mark.usefixtures("interpreter")


def test_a_bare_board_keeps_its_outputs_safe_and_only_the_heartbeat_moves():
    inputs = bench_inputs()
    inputs[frame.PEDAL_A_MV : frame.PULSES] = [0] * (frame.PULSES - frame.PEDAL_A_MV)
    inputs[frame.PLUG_IN] = inputs[frame.BRAKE_ON] = 1
    with closing(MicropythonController("esp32", {})) as controller:
        beats = []
        for _ in range(40):
            out = controller.exchange(inputs)
            beats.append(out[frame.HEARTBEAT])
            assert out[frame.ENABLE] == out[frame.CONTACTOR] == out[frame.PRECHARGE] == 0
            assert out[frame.LAMP] == out[frame.BUZZER] == 0
        assert beats == [1, 0] * 20


def test_an_exception_in_the_tick_makes_the_outputs_safe_and_is_told(copied_firmware):
    indent = " " * 16
    broken = f"{indent}if raw.gear_reverse_on:\n{indent}    raise ValueError('on purpose')\n"
    folder = copied_firmware("main.py", STEP, broken + STEP)
    inputs = bench_inputs()
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        inputs[frame.KEY_ON] = 1
        wires = Wires()
        for _ in range(100):
            out = controller.exchange(inputs)
            read_back(wires, inputs, out)
        assert out[frame.HOLD] == out[frame.PRECHARGE] == 1
        inputs[frame.GEAR_REVERSE_ON] = 1
        with pytest.raises(ControllerError, match=r"(?s)crashed.*main\.py.*on purpose"):
            controller.exchange(inputs)
        assert controller.outputs[: frame.PIN_COUNT] == SAFE_PINS
        assert controller.outputs[frame.TICKS] == 100
        assert controller.exit_status == 1
        with pytest.raises(ControllerError, match="on purpose"):
            controller.exchange(inputs)


def test_the_cpython_controller_tells_a_crash_in_the_same_way(monkeypatch):
    inputs = bench_inputs()
    controller = CpythonController("esp32_s3", {})
    controller.exchange(inputs)

    def fail(dt_ms):
        raise ValueError("broken on purpose")

    monkeypatch.setattr(controller.loop, "step", fail)
    with pytest.raises(ControllerError, match=r"(?s)crashed.*broken on purpose"):
        controller.exchange(inputs)
    assert controller.outputs[: frame.PIN_COUNT] == SAFE_PINS


def test_a_tick_that_allocates_crashes_because_the_heap_is_locked(copied_firmware):
    folder = copied_firmware("main.py", STEP, "                [raw]\n" + STEP)
    with (
        closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller,
        pytest.raises(ControllerError, match=r"(?s)MemoryError.*heap is locked"),
    ):
        controller.exchange(bench_inputs())


def test_a_firmware_that_stops_ticking_is_ended_by_its_watchdog(copied_firmware):
    stall = "            while self.ticks == 5:\n                sleep_us(1000)\n"
    folder = copied_firmware("main.py", SLICES, stall + SLICES)
    inputs = bench_inputs()
    inputs[frame.KEY_ON] = 1
    ticks = 0
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        with pytest.raises(ControllerError, match="watchdog"):
            for _ in range(400):
                out = controller.exchange(inputs)
                ticks += 1
        assert 195 <= ticks <= 210
        assert out[frame.HEARTBEAT] == 1  # where the fifth tick left it
        assert controller.outputs[: frame.PIN_COUNT] == SAFE_PINS


def test_a_firmware_that_hangs_in_the_tick_is_given_up(copied_firmware, monkeypatch):
    endless = "                while raw.gear_reverse_on:\n                    pass\n"
    folder = copied_firmware("main.py", STEP, endless + STEP)
    inputs = bench_inputs()
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        controller.exchange(inputs)
        monkeypatch.setattr(interpreter, "ANSWER_S", 0.3)
        inputs[frame.GEAR_REVERSE_ON] = 1
        with pytest.raises(ControllerError, match="no answer"):
            controller.exchange(inputs)
        assert controller.outputs[: frame.PIN_COUNT] == SAFE_PINS


def test_a_firmware_that_cannot_start_says_why(copied_firmware):
    folder = copied_firmware("main.py", "from hal.esp32_io import Esp32Io", "import nothing_here")
    with (
        closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller,
        pytest.raises(ControllerError, match="nothing_here"),
    ):
        controller.exchange(bench_inputs())


def test_a_board_that_does_not_exist_is_named_with_those_that_do():
    for kind in (CpythonController, MicropythonController):
        with pytest.raises(ControllerError, match=r"'esp8266'.*esp32_s3"):
            kind("esp8266", {})


def test_closing_ends_the_firmware_with_safe_outputs_and_frees_the_core():
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    inputs = bench_inputs()
    inputs[frame.KEY_ON] = 1
    controller = MicropythonController("esp32_s3", {})
    for _ in range(40):
        out = controller.exchange(inputs)
    assert out[frame.HOLD] == 1
    other = MicropythonController("esp32", {})
    controller.close()
    controller.close()
    other.close()
    assert controller.exit_status == 0
    assert controller.outputs[: frame.PIN_COUNT] == SAFE_PINS
    if cores is not None:
        assert os.sched_getaffinity(0) == cores
    with pytest.raises(ControllerError, match="closed"):
        controller.exchange(inputs)


def test_a_closed_controller_does_not_start_again():
    controller = MicropythonController("esp32_s3", {})
    controller.close()
    with pytest.raises(ControllerError, match="closed"):
        controller.restart(power_lost=False)
