"""The whole firmware in MicroPython on the virtual board, against the loop alone in CPython."""

import os
import random
import shutil
import time
from array import array
from contextlib import closing

import pytest

from sim import frame, runtime
from sim.runtime import FIRMWARE_DIR, ControllerError, CpythonController, MicropythonController
from sim.vehicle import load_vehicle, vehicle_names
from vcu import contactor, modes
from vcu.modes import REASONS

BOARDS = ("esp32_s3", "esp32")
# Where the tests break main.py: between two ticks, and inside one.
SLICES = "            # The service half gets its slices here"
STEP = "                loop.step(dt_ms)\n"
SAFE_PINS = [0] * frame.PIN_COUNT
NAMES = {
    value: name for name, value in vars(frame).items() if name.isupper() and value >= frame.MODE
} | {value: name for name, value in vars(frame).items() if value in range(frame.PIN_COUNT)}


def bench_inputs() -> "array[int]":
    """A healthy 48 V car, standing, key off."""
    inputs = array("i", [0] * frame.INPUT_SIZE)
    inputs[frame.PEDAL_A_MV] = 468
    inputs[frame.PEDAL_B_MV] = 234
    inputs[frame.PACK_V_MV] = 1500
    inputs[frame.PACK_A_MV] = 1500
    for i in range(8):
        inputs[frame.SLOW_MV + i] = 1500 + 10 * i
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

    def step(self, inputs: "array[int]", stamps: bool) -> None:
        last = self._pulses
        self._parts += self.pulses_per_s
        self._pulses += self._parts // 100
        self._parts %= 100
        inputs[frame.PULSES] = self._pulses & 0xFFFF
        if stamps:
            if self._pulses != last:
                late = self.random.random() < 0.1
                inputs[frame.EDGE_PULSES] = (last if late else self._pulses) & 0xFFFF
                inputs[frame.EDGE_AGE_US] = self.random.randrange(12000 if late else 9999)
            elif inputs[frame.EDGE_AGE_US] >= 0:
                inputs[frame.EDGE_AGE_US] = min(inputs[frame.EDGE_AGE_US] + 10000, 900000)
        else:
            inputs[frame.EARLY_PULSES] = self.random.randint(last, self._pulses) & 0xFFFF
            inputs[frame.EARLY_AGE_US] = 2500


class Pair:
    """Both controllers on the same inputs; a difference names its field and tick."""

    def __init__(self, board, values, stamps=True):
        self.inputs = bench_inputs()
        self.ticks = 0
        self.cpython = CpythonController(board, values)
        self.micropython = MicropythonController(board, values, stamps=stamps)

    def step(self):
        ours = self.cpython.exchange(self.inputs)
        theirs = self.micropython.exchange(self.inputs)
        self.ticks += 1
        if ours != theirs:
            fields = {
                NAMES.get(i, i): (a, b)
                for i, (a, b) in enumerate(zip(ours, theirs, strict=True))
                if a != b
            }
            pytest.fail(f"tick {self.ticks}: cpython, micropython differ in {fields}")
        return theirs

    def run(self, ticks):
        for _ in range(ticks):
            out = self.step()
        return out

    def close(self):
        self.micropython.close()


@pytest.fixture
def copied_firmware(tmp_path):
    """A copy of the firmware that a test may break: replace(file, old, new)."""
    folder = tmp_path / "firmware"
    shutil.copytree(FIRMWARE_DIR, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def replace(name, old, new):
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return replace


def drive_off(pair, wheel, stamps):
    """Key on, pre-charge, forward, pedal down, until the wheel turns fast; then brake and stop."""
    inputs = pair.inputs
    inputs[frame.PACK_V_MV] = 2350  # 78 V
    wheel.step(inputs, stamps)
    pair.run(20)
    inputs[frame.KEY_ON] = 1
    out = pair.run(30)
    assert out[frame.PRECHARGE] == 1 and out[frame.MODE] == modes.PRECHARGE
    inputs[frame.BUS_V_MV] = 2340
    out = pair.run(80)
    assert out[frame.CONTACTOR_STATE] == contactor.CLOSED and out[frame.MODE] == modes.READY
    inputs[frame.GEAR_FORWARD_ON] = 1
    assert pair.run(5)[frame.MODE] == modes.DRIVE
    inputs[frame.PEDAL_A_MV] = 2310
    inputs[frame.PEDAL_B_MV] = 1155
    fastest = 0
    most = 0
    for _ in range(600):
        wheel.pulses_per_s = min(wheel.pulses_per_s + 1, 220)
        wheel.step(inputs, stamps)
        out = pair.step()
        inputs[frame.PACK_A_MV] = 1500 + out[frame.TORQUE_PERMILLE] // 4
        fastest = max(fastest, out[frame.SPEED_MMPS])
        most = max(most, out[frame.THROTTLE_MV])
    assert fastest > 8000 and most > 3000
    inputs[frame.BRAKE_ON] = 1
    inputs[frame.PEDAL_A_MV] = 468
    inputs[frame.PEDAL_B_MV] = 234
    inputs[frame.PACK_A_MV] = 1500
    for _ in range(200):
        wheel.pulses_per_s = max(wheel.pulses_per_s - 4, 0)
        wheel.step(inputs, stamps)
        out = pair.step()
    inputs[frame.KEY_ON] = 0
    out = pair.run(100)
    assert out[frame.MODE] == modes.OFF
    assert out[frame.CONTACTOR] == out[frame.ENABLE] == out[frame.HOLD] == 0
    return out


@pytest.mark.parametrize("stamps", [True, False], ids=["stamps", "count"])
@pytest.mark.parametrize("board", BOARDS)
def test_a_drive_gives_the_same_frames_in_both_and_no_late_tick(board, stamps):
    vehicle = load_vehicle("four_wheel_72v_lfp")
    with closing(Pair(board, vehicle.values, stamps)) as pair:
        # The count wraps on the way, and so does the clock of the board after five seconds.
        out = drive_off(pair, Wheel(3, start=65400), stamps)
        assert out[frame.LATE_TICKS] == 0
        assert out[frame.TICKS] == pair.ticks > 600


@pytest.mark.parametrize("name", vehicle_names())
def test_every_vehicle_starts_the_same_in_both(name):
    with closing(Pair("esp32_s3", load_vehicle(name).values)) as pair:
        pair.inputs[frame.KEY_ON] = 1
        pair.run(50)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("board", BOARDS)
def test_random_inputs_give_the_same_frames_in_both(board, seed):
    rnd = random.Random(seed)
    wheel = Wheel(seed)
    vehicle = load_vehicle(vehicle_names()[seed % len(vehicle_names())])
    seen = set()
    with closing(Pair(board, vehicle.values)) as pair:
        inputs = pair.inputs
        inputs[frame.KEY_ON] = 1
        pair.run(30)
        inputs[frame.BUS_V_MV] = inputs[frame.PACK_V_MV]
        for _ in range(700):
            wheel.pulses_per_s = max(0, min(400, wheel.pulses_per_s + rnd.randint(-5, 6)))
            wheel.step(inputs, True)
            chance = rnd.random()
            if chance < 0.1:
                index = rnd.choice((frame.GEAR_FORWARD_ON, frame.GEAR_REVERSE_ON, frame.BRAKE_ON))
                inputs[index] ^= 1
            elif chance < 0.11:
                inputs[rnd.choice((frame.KEY_ON, frame.PLUG_IN))] ^= 1
            elif chance < 0.3:
                travel = rnd.choice((0.0, 0.0, rnd.random(), 1.0))
                inputs[frame.PEDAL_A_MV] = int(468 + 1842 * travel)
                inputs[frame.PEDAL_B_MV] = int(234 + 921 * travel)
            elif chance < 0.32:  # a converter that fails, a wire that is off or on the supply
                inputs[rnd.randrange(frame.SLOW_MV + 8)] = rnd.choice((-1, 0, 3300))
            elif chance < 0.5:
                inputs[frame.PACK_A_MV] = rnd.randint(1100, 1900)
                inputs[frame.PACK_V_MV] = rnd.randint(1200, 2400)
                inputs[frame.BUS_V_MV] = inputs[frame.PACK_V_MV]
                inputs[frame.SLOW_MV + rnd.randrange(8)] = rnd.randint(0, 3300)
            elif chance < 0.6:
                fresh = bench_inputs()
                inputs[: frame.PULSES] = fresh[: frame.PULSES]
                inputs[frame.BUS_V_MV] = inputs[frame.PACK_V_MV]
            seen.add(pair.step()[frame.MODE])
        assert pair.micropython.outputs[frame.LATE_TICKS] == 0
    assert len(seen) >= 3


def test_a_bare_board_keeps_its_outputs_safe_and_only_the_heartbeat_moves():
    inputs = bench_inputs()
    inputs[frame.PEDAL_A_MV : frame.PULSES] = array("i", [0] * (frame.PULSES - frame.PEDAL_A_MV))
    inputs[frame.PLUG_IN] = inputs[frame.BRAKE_ON] = 1
    with closing(MicropythonController("esp32", {})) as controller:
        beats = []
        for _ in range(40):
            out = controller.exchange(inputs)
            beats.append(out[frame.HEARTBEAT])
            assert out[frame.ENABLE] == out[frame.CONTACTOR] == out[frame.PRECHARGE] == 0
            assert out[frame.LAMP] == out[frame.BUZZER] == 0
        assert beats == [1, 0] * 20


def test_a_refused_value_is_printed_and_the_car_does_not_start():
    values = {"speed_cap_kmh": 57, "no_such_name": 1}
    with closing(Pair("esp32_s3", values)) as pair:
        pair.run(20)
        pair.inputs[frame.KEY_ON] = 1
        out = pair.run(100)
        assert out[frame.MODE] == modes.OFF
        assert out[frame.REASONS] & 1 << REASONS.index("parameters_broken")
        printed = pair.micropython.printed()
    assert printed.count("refused_speed_cap_kmh") == printed.count("refused_no_such_name") == 1


def test_an_exception_in_the_tick_makes_the_outputs_safe_and_is_told(copied_firmware):
    indent = " " * 16
    broken = f"{indent}if raw.gear_reverse_on:\n{indent}    raise ValueError('on purpose')\n"
    folder = copied_firmware("main.py", STEP, broken + STEP)
    inputs = bench_inputs()
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        inputs[frame.KEY_ON] = 1
        for _ in range(40):
            out = controller.exchange(inputs)
        assert out[frame.HOLD] == out[frame.PRECHARGE] == 1
        inputs[frame.GEAR_REVERSE_ON] = 1
        with pytest.raises(ControllerError, match=r"(?s)crashed.*main\.py.*on purpose"):
            controller.exchange(inputs)
        assert controller.outputs[: frame.PIN_COUNT].tolist() == SAFE_PINS
        assert controller.outputs[frame.TICKS] == 40
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
    assert controller.outputs[: frame.PIN_COUNT].tolist() == SAFE_PINS


def test_a_tick_that_allocates_crashes_because_the_heap_is_locked(copied_firmware):
    folder = copied_firmware("main.py", STEP, "                [raw]\n" + STEP)
    with (
        closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller,
        pytest.raises(ControllerError, match=r"(?s)MemoryError.*heap is locked"),
    ):
        controller.exchange(bench_inputs())


@pytest.mark.parametrize(("extra_ms", "late"), [(4, 0), (6, 1), (14, 1), (16, 1)])
def test_a_tick_is_late_when_it_starts_more_than_15_ms_after_the_last(
    copied_firmware, extra_ms, late
):
    stall = f"            if self.ticks == 20:\n                sleep_us({10 + extra_ms}000)\n"
    folder = copied_firmware("main.py", SLICES, stall + SLICES)
    inputs = bench_inputs()
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        for _ in range(60):
            out = controller.exchange(inputs)
        assert out[frame.LATE_TICKS] == late
        # The plant took its steps meanwhile, and afterwards the ticks are back in its rhythm.
        assert 60 - 2 <= out[frame.TICKS] <= 60


def test_virtual_time_is_charged_for_what_a_chip_is_slow_at(tmp_path):
    (tmp_path / "boot.py").write_text("", encoding="utf-8")
    (tmp_path / "main.py").write_text(
        """
import gc
from time import sleep_ms, ticks_diff, ticks_us
import board
from machine import ADC, Pin, Counter, PWM
adc = ADC(Pin(board.PEDAL_A), atten=ADC.ATTN_11DB)
marks = [ticks_us()]
def mark():
    marks.append(ticks_us())
adc.read_uv(); mark()
print("x" * 113); mark()
kept = bytearray(600000)
gc.collect(); mark()
sleep_ms(6000); mark()
assert marks[-1] < marks[0]
print([ticks_diff(b, a) for a, b in zip(marks, marks[1:])])
for wrong in (lambda: Pin(49), lambda: ADC(Pin(board.ENABLE)), lambda: Counter(0, Pin(0))):
    try:
        wrong()
        print("taken")
    except ValueError:
        print("refused")
""",
        encoding="utf-8",
    )
    with (
        closing(MicropythonController("esp32_s3", {}, firmware=tmp_path)) as controller,
        pytest.raises(ControllerError, match="came to its end") as ended,
    ):
        controller.exchange(bench_inputs())
    adc_us, print_us, collect_us, sleep_us = eval(str(ended.value).splitlines()[2])
    assert (adc_us, sleep_us) == (60, 6_000_000)
    assert print_us == 115 * 1_000_000 // 11520  # with its CR LF
    assert 35_000 < collect_us < 60_000
    assert str(ended.value).count("refused") == 3


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
        assert controller.outputs[: frame.PIN_COUNT].tolist() == SAFE_PINS


def test_a_firmware_that_hangs_in_the_tick_is_given_up(copied_firmware, monkeypatch):
    endless = "                while raw.gear_reverse_on:\n                    pass\n"
    folder = copied_firmware("main.py", STEP, endless + STEP)
    inputs = bench_inputs()
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        controller.exchange(inputs)
        monkeypatch.setattr(runtime, "ANSWER_S", 0.3)
        inputs[frame.GEAR_REVERSE_ON] = 1
        with pytest.raises(ControllerError, match="no answer"):
            controller.exchange(inputs)
        assert controller.outputs[: frame.PIN_COUNT].tolist() == SAFE_PINS


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
    for _ in range(20):
        out = controller.exchange(inputs)
    assert out[frame.HOLD] == 1
    other = MicropythonController("esp32", {})
    controller.close()
    controller.close()
    other.close()
    assert controller.exit_status == 0
    assert controller.outputs[: frame.PIN_COUNT].tolist() == SAFE_PINS
    if cores is not None:
        assert os.sched_getaffinity(0) == cores
    with pytest.raises(ControllerError, match="closed"):
        controller.exchange(inputs)


@pytest.mark.parametrize("board", BOARDS)
def test_speed_of_both_is_printed(board):
    """The goal through MicroPython is 20 000 ticks/s; a busy machine gives less."""
    values = load_vehicle("four_wheel_60v_agm").values
    with closing(Pair(board, values)) as pair:
        wheel = Wheel(1)
        inputs = pair.inputs
        inputs[frame.KEY_ON] = 1
        pair.run(30)
        inputs[frame.BUS_V_MV] = 1490
        pair.run(80)
        inputs[frame.GEAR_FORWARD_ON] = 1
        pair.run(5)
        inputs[frame.PEDAL_A_MV] = 1400
        inputs[frame.PEDAL_B_MV] = 700
        wheel.pulses_per_s = 150
        for controller in (pair.cpython, pair.micropython):
            exchange = controller.exchange
            start = time.perf_counter()
            for _ in range(10000):
                wheel.step(inputs, True)
                exchange(inputs)
            taken = time.perf_counter() - start
            start = time.perf_counter()
            for _ in range(10000):
                wheel.step(inputs, True)
            taken -= time.perf_counter() - start
            rate = 10000 / taken
            print(f"{board} {type(controller).__name__}: {rate:.0f} ticks/s, {rate / 100:.0f}x")
            assert rate > 1000
