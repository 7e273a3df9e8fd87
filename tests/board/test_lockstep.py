"""The whole firmware in MicroPython on the virtual board, against the loop alone in CPython."""

import os
import random
import shutil
import time
from array import array
from contextlib import closing

import pytest

from sim import frame, interpreter
from sim.controller import ControllerError
from sim.interpreter import FIRMWARE_DIR, MicropythonController
from sim.plant.bms import BOTH_MV, DISCHARGE_MV
from sim.runtime import CpythonController
from sim.vehicle import load_vehicle, vehicle_names
from sim.wires import Wires
from vcu import contactor, modes
from vcu.charge import phases
from vcu.charge.command import RELAY, SETPOINT
from vcu.faults import SYSTEM, TABLE
from vcu.modes import REASONS
from vcu.signals import SLOW_BMS_CONTACTS, SLOW_NAMES, SLOW_ORDER, SLOW_THROTTLE_READBACK
from vcu.speed import SAMPLE_MAX_US

pytestmark = pytest.mark.usefixtures("interpreter")

TICK_LATE = 1 << [row[1] for row in TABLE[SYSTEM]].index("tick_late")
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


def bench_inputs() -> "array[int]":
    """A healthy 48 V car, standing, key off, at 25 degrees."""
    inputs = array("i", [0] * frame.INPUT_SIZE)
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

    def step(self, inputs: "array[int]", stamps: bool) -> None:
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


def read_back(wires: Wires, inputs: "array[int]", out: "array[int]") -> None:
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
        assert self.cpython.outputs == self.micropython.outputs == array("i", [0] * len(NAMES))

    def run(self, ticks):
        for _ in range(ticks):
            out = self.step()
        return out

    def close(self):
        self.micropython.close()


def drive_off(pair, wheel, stamps):
    """Key on, pre-charge, forward, pedal down, until the wheel turns fast; then brake and stop."""
    inputs = pair.inputs
    inputs[frame.PACK_V_MV] = 2350  # 78 V
    wheel.step(inputs, stamps)
    pair.run(20)
    inputs[frame.KEY_ON] = 1
    out = pair.run(100)  # the shut-off paths are exercised first
    assert out[frame.PRECHARGE] == 1 and out[frame.MODE] == modes.PRECHARGE
    inputs[frame.BUS_V_MV] = 2340
    out = pair.run(80)
    assert out[frame.CONTACTOR_STATE] == contactor.CLOSED and out[frame.MODE] == modes.READY
    inputs[frame.GEAR_FORWARD_ON] = 1
    assert pair.run(5)[frame.MODE] == modes.DRIVE
    fastest = 0
    most = 0
    for tick in range(600):
        travel = min(tick, 100)  # pressed within a second, which is no stab
        inputs[frame.PEDAL_A_MV] = 468 + 1842 * travel // 100
        inputs[frame.PEDAL_B_MV] = 234 + 921 * travel // 100
        wheel.pulses_per_s = min(wheel.pulses_per_s + tick % 2, 220)
        wheel.step(inputs, stamps)
        out = pair.step()
        inputs[frame.PACK_A_MV] = 1500 + out[frame.TORQUE_PERMILLE] * wheel.pulses_per_s // 440
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
    out = pair.run(350)  # held up to 3 s while it saves
    assert out[frame.MODE] == modes.OFF
    assert out[frame.CONTACTOR] == out[frame.ENABLE] == out[frame.HOLD] == 0
    return out


@pytest.mark.parametrize("stamps", [True, False], ids=["stamps", "count"])
@pytest.mark.parametrize("board", BOARDS)
def test_a_drive_gives_the_same_frames_in_both_and_no_late_tick(board, stamps):
    with closing(Pair(board, values_for(board, "four_wheel_72v_lfp"), stamps)) as pair:
        # The count wraps on the way, and so does the clock of the board after five seconds.
        out = drive_off(pair, Wheel(3, start=65400), stamps)
        assert out[frame.LATE_TICKS] == 0
        assert out[frame.TICKS] == pair.ticks > 600


def charge(pair, ticks, until=-1):
    """Run with what the charger is told flowing into the pack, noisy, until a phase has current.

    Return the phase it came to; the relay charger gives all of its 20 A.
    """
    inputs = pair.inputs
    noise = random.Random(pair.ticks)
    for _ in range(ticks):
        out = pair.step()
        wires = pair.wires
        flows_ma = 0
        if wires.charger and inputs[frame.PLUG_IN]:
            flows_ma = wires.charge_a_mv * 6 if pair.has_setpoint else 20000
        inputs[frame.PACK_A_MV] = 1500 - flows_ma * 4 // 1000 + noise.randint(-2, 2)
        inputs[frame.PACK_V_MV] = 2376 + flows_ma // 1000 + noise.randint(-1, 1)
        if out[frame.CHARGE_PHASE] == until and flows_ma > 1000:
            break
    return out[frame.CHARGE_PHASE]


@pytest.mark.parametrize("board", BOARDS)
def test_a_charge_gives_the_same_frames_in_both_with_the_plug_in_and_out(board):
    contacts = frame.SLOW_MV + SLOW_BMS_CONTACTS
    with closing(Pair(board, values_for(board, "four_wheel_72v_lfp"))) as pair:
        inputs = pair.inputs
        inputs[frame.PACK_V_MV] = 2376  # 3.3 V a cell
        inputs[frame.PLUG_IN] = 1
        pair.has_setpoint = board == "esp32_s3"
        assert charge(pair, 100) == phases.CHECK
        assert charge(pair, 12000, phases.BULK) == phases.BULK
        charge(pair, 3300)  # more current waits half a minute
        out = pair.micropython.outputs
        assert out[frame.CHARGER] == 1 and out[frame.MODE] == modes.CHARGE
        absorb_cv = pair.cpython.loop.charge.profile.cv("absorb")
        assert out[frame.CHARGE_SET_CV] == absorb_cv
        # Full scale is 5 V at 100 V.
        assert out[frame.CHARGE_V_MV] == (absorb_cv // 2 if pair.has_setpoint else 0)
        assert (out[frame.CHARGE_A_MV] > 0) == pair.has_setpoint
        inputs[frame.PLUG_IN] = 0
        out = pair.step()
        assert out[frame.CHARGER] == out[frame.CHARGE_V_MV] == out[frame.CHARGE_A_MV] == 0
        assert charge(pair, 100) == phases.OFF
        for ticks in (1, 7, 30, 200):  # a plug that makes bad contact
            inputs[frame.PLUG_IN] ^= 1
            charge(pair, ticks)
        inputs[frame.PLUG_IN] = 1
        assert charge(pair, 12000, phases.BULK) == phases.BULK
        assert pair.micropython.outputs[frame.CHARGE_IN_MAH] > 0
        inputs[contacts] = DISCHARGE_MV
        assert charge(pair, 500) == phases.PAUSE
        inputs[frame.KEY_ON] = 1  # plugged in, it does not drive
        charge(pair, 200)
        assert pair.micropython.outputs[frame.MODE] == modes.CHARGE
        inputs[contacts] = BOTH_MV
        inputs[frame.PLUG_IN] = 0
        charge(pair, 200)
        assert pair.micropython.outputs[frame.MODE] == modes.PRECHARGE


def test_a_charger_that_the_board_cannot_command_is_refused_and_the_car_does_not_start():
    values = load_vehicle("four_wheel_72v_lfp").values
    with closing(Pair("esp32", values)) as pair:
        pair.inputs[frame.KEY_ON] = 1
        out = pair.run(100)
        assert out[frame.REASONS] & 1 << REASONS.index("parameters_broken")
        assert "refused_charger_kind; the car will not start" in pair.micropython.printed()
        pair.inputs[frame.PLUG_IN] = 1
        for _ in range(1200):
            assert pair.step()[frame.CHARGER] == 0


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
    vehicle = vehicle_names()[seed % len(vehicle_names())]
    seen = set()
    with closing(Pair(board, values_for(board, vehicle))) as pair:
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
                inputs[rnd.randrange(frame.PULSES)] = rnd.choice((-1, 0, 3300))
            elif chance < 0.5:
                inputs[frame.PACK_A_MV] = rnd.randint(1100, 1900)
                inputs[frame.PACK_V_MV] = rnd.randint(1200, 2400)
                inputs[frame.BUS_V_MV] = inputs[frame.PACK_V_MV]
                inputs[frame.SLOW_MV + rnd.randrange(len(SLOW_NAMES))] = rnd.randint(0, 3300)
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
        assert out[frame.MODE] == modes.FAULT
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
        wires = Wires()
        for _ in range(100):
            out = controller.exchange(inputs)
            read_back(wires, inputs, out)
        assert out[frame.HOLD] == out[frame.PRECHARGE] == 1
        inputs[frame.GEAR_REVERSE_ON] = 1
        with pytest.raises(ControllerError, match=r"(?s)crashed.*main\.py.*on purpose"):
            controller.exchange(inputs)
        assert controller.outputs[: frame.PIN_COUNT].tolist() == SAFE_PINS
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
        monkeypatch.setattr(interpreter, "ANSWER_S", 0.3)
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
    for _ in range(40):
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


# --- late and doubled ticks


@pytest.mark.parametrize("stamps", [True, False], ids=["stamps", "count"])
def test_a_stalled_chip_ticks_late_with_the_same_frames_in_both(stamps):
    wheel = Wheel(7)
    with closing(Pair("esp32_s3", load_vehicle("four_wheel_60v_agm").values, stamps)) as pair:
        inputs = pair.inputs
        inputs[frame.KEY_ON] = 1
        for tick in range(300):
            wheel.pulses_per_s = tick
            wheel.step(inputs, stamps)
            stalled = tick % 50 in (20, 21, 22) or tick % 50 == 40
            inputs[frame.COMMAND] = frame.STALL if stalled else frame.RUN
            before = pair.micropython.outputs
            out = pair.step()
            if stalled:
                assert out == before
        # Six times three frames and six times one: twelve late ticks and 276 in all.
        assert (out[frame.LATE_TICKS], out[frame.TICKS]) == (12, 276)
        assert out[frame.FAULTS + SYSTEM] & TICK_LATE
        inputs[frame.COMMAND] = frame.RUN
        wheel.pulses_per_s = 0
        for _ in range(1300):
            wheel.step(inputs, stamps)
            out = pair.step()
        assert not out[frame.FAULTS + SYSTEM] & TICK_LATE
        assert out[frame.STORED + SYSTEM] & TICK_LATE


def test_a_chip_that_stalls_for_two_seconds_is_ended_by_its_watchdog_in_both():
    inputs = bench_inputs()
    for controller in (CpythonController("esp32", {}), MicropythonController("esp32", {})):
        with closing(controller):
            inputs[frame.COMMAND] = frame.RUN
            controller.exchange(inputs)
            inputs[frame.COMMAND] = frame.STALL
            for _ in range(199):
                controller.exchange(inputs)
            for _ in range(2):
                with pytest.raises(ControllerError, match="watchdog bit"):
                    controller.exchange(inputs)
            assert controller.outputs[: frame.PIN_COUNT].tolist() == SAFE_PINS


def test_a_doubled_tick_takes_1_ms_from_the_one_after_it(monkeypatch):
    controller = CpythonController("esp32_s3", {})
    inputs = bench_inputs()
    steps = []
    step = controller.loop.step

    def note(dt_ms):
        steps.append((dt_ms, controller.loop.raw.slow_index))
        step(dt_ms)

    monkeypatch.setattr(controller.loop, "step", note)
    for command in (frame.RUN, frame.DOUBLE, frame.RUN, frame.DOUBLE, frame.STALL, frame.RUN):
        inputs[frame.COMMAND] = command
        out = controller.exchange(inputs)
    assert [dt_ms for dt_ms, _ in steps] == [10, 10, 1, 9, 10, 1, 19]
    assert [index for _, index in steps] == list(SLOW_ORDER[:7])
    assert (out[frame.TICKS], out[frame.LATE_TICKS]) == (7, 1)


# --- reset, flash and RTC memory

KEEPS = """
import os, sys
from time import sleep_ms
import machine
rtc = machine.RTC()
print("cause", machine.reset_cause(), "rtc", rtc.memory(), "flash", sorted(os.listdir("")))
rtc.memory(b"kept " + bytes([machine.reset_cause()]))
with open("odometer" + str(machine.reset_cause()), "wb") as file:
    file.write(b"12345")
while True:
    sleep_ms(10)
"""


def small_firmware(folder, main, boot=""):
    (folder / "boot.py").write_text(boot, encoding="utf-8")
    (folder / "main.py").write_text(main, encoding="utf-8")
    return folder


def test_flash_is_kept_through_everything_and_rtc_memory_through_a_reset_alone(tmp_path):
    folder = small_firmware(tmp_path, KEEPS)
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        for power_lost in (False, False, True):
            for _ in range(20):
                controller.exchange(bench_inputs())
            controller.restart(power_lost)
        controller.exchange(bench_inputs())
        assert controller.printed().splitlines() == [
            "cause 1 rtc b'' flash []",
            "cause 2 rtc b'kept \\x01' flash ['odometer1']",
            "cause 2 rtc b'kept \\x02' flash ['odometer1', 'odometer2']",
            "cause 1 rtc b'' flash ['odometer1', 'odometer2']",
        ]
        assert (controller.flash / "odometer1").read_bytes() == b"12345"


@pytest.mark.parametrize(
    ("end", "why", "cause"),
    [
        ("machine.reset()", "asked for a reset", 2),
        ("1 // 0", "crashed", 3),
        ("machine.WDT(timeout=500)\nwhile True: sleep_ms(1)", "watchdog bit", 3),
    ],
)
def test_the_next_start_has_the_cause_that_an_esp32_gives(tmp_path, end, why, cause):
    main = "import machine\nfrom time import sleep_ms\nprint('cause', machine.reset_cause())\n"
    folder = small_firmware(tmp_path, f"{main}sleep_ms(1)\nsleep_ms(200)\n{end}\n")
    with closing(MicropythonController("esp32", {}, firmware=folder)) as controller:
        with pytest.raises(ControllerError, match=why):
            for _ in range(100):
                controller.exchange(bench_inputs())
        controller.restart(power_lost=False)
        assert controller.outputs.tolist() == [0] * frame.OUTPUT_SIZE
        assert controller.exit_status is None
        controller.exchange(bench_inputs())
        controller.exchange(bench_inputs())
        assert f"cause {cause}" in controller.printed().splitlines()


def test_rtc_memory_takes_2048_bytes_and_refuses_more(tmp_path):
    main = """
import machine
rtc = machine.RTC()
rtc.memory(bytearray(2048))
try:
    rtc.memory(bytearray(2049))
except ValueError as error:
    print(len(rtc.memory()), error)
rtc.memory(b"")
print(rtc.memory())
"""
    folder = small_firmware(tmp_path, main)
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        with pytest.raises(ControllerError, match="came to its end"):
            controller.exchange(bench_inputs())
        assert controller.printed().splitlines() == ["2048 buffer too long", "b''"]


def test_flash_operations_are_counted_and_take_the_time_that_flash_takes(tmp_path):
    main = """
import os
from time import sleep_ms, ticks_diff, ticks_us
marks = [ticks_us()]
def mark():
    marks.append(ticks_us())
class Loop:
    def is_parked(self):
        return True
class Car:
    loop = Loop()
os.mkdir("a"); mark()
with open("a/b", "wb") as file:
    file.write(bytes(4096)); mark()
with open("a/b") as file:
    mark()
os.rename("a/b", "a/c"); mark()
os.remove("a/c"); os.rmdir("a"); mark()
print([ticks_diff(b, a) for a, b in zip(marks, marks[1:])])
"""
    folder = small_firmware(tmp_path, main)
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        with pytest.raises(ControllerError, match="came to its end"):
            controller.exchange(bench_inputs())
        assert controller.printed().strip() == "[45000, 125000, 0, 45000, 90000]"
        out = controller.outputs
        assert (out[frame.FLASH_OPS], out[frame.FLASH_OPS_MOVING]) == (5, 0)


def test_a_flash_operation_while_the_car_is_not_parked_is_counted_apart(copied_firmware):
    write = "            if self.ticks in (20, 400):\n                open('x', 'w').close()\n"
    folder = copied_firmware("main.py", SLICES, write + SLICES)
    inputs = bench_inputs()
    with closing(MicropythonController("esp32_s3", {}, firmware=folder)) as controller:
        counts = []
        for tick in range(450):
            if tick < 50:
                inputs[frame.PULSES] = inputs[frame.EARLY_PULSES] = tick
            out = controller.exchange(inputs)
            counts.append((out[frame.FLASH_OPS], out[frame.FLASH_OPS_MOVING]))
        before = counts[0][0]
        assert [counts[tick] for tick in (10, 100, 449)] == [
            (before, 0),
            (before + 1, 1),
            (before + 2, 1),
        ]


@pytest.mark.parametrize("power_lost", [False, True])
def test_a_restart_in_the_middle_of_a_drive_begins_anew_with_safe_outputs_in_both(power_lost):
    wheel = Wheel(11)
    wheel.pulses_per_s = 90
    with closing(Pair("esp32_s3", load_vehicle("four_wheel_60v_agm").values)) as pair:
        pair.inputs[frame.KEY_ON] = 1
        for _ in range(150):
            wheel.step(pair.inputs, True)
            out = pair.step()
        assert out[frame.TICKS] == 150
        pair.restart(power_lost)
        for controller in (pair.cpython, pair.micropython):
            for _ in range(30):
                out = controller.exchange(pair.inputs)
                assert out[frame.THROTTLE_MV] <= 800 and out[frame.CONTACTOR] == 0
            assert out[frame.TICKS] == 30


def test_a_closed_controller_does_not_start_again():
    controller = MicropythonController("esp32_s3", {})
    controller.close()
    with pytest.raises(ControllerError, match="closed"):
        controller.restart(power_lost=False)


# --- the pins of guard, read-back and motor pulses

PINS = """
from time import sleep_us, ticks_add, ticks_diff, ticks_us
import board
from hal.esp32_io import Esp32Io
from vcu.signals import Outputs, Raw

io = Esp32Io(board)
raw = Raw()
out = Outputs()
tick = 0
seen = []
due_us = ticks_us()
while True:
    due_us = ticks_add(due_us, 10000)
    sleep_us(ticks_diff(due_us, ticks_us()))
    io.read(raw)
    out.guard = tick & 1
    out.hold = tick >> 1 & 1
    io.write(out)
    seen.append((raw.enable_readback, raw.motor_pulses_counts, raw.slow_index, raw.slow_counts))
    tick += 1
    if tick == 26:
        print(seen)
"""


@pytest.mark.parametrize("board", BOARDS)
def test_guard_read_back_motor_pulses_and_slow_order_go_through_the_pins(board, tmp_path):
    shutil.copytree(FIRMWARE_DIR / "hal", tmp_path / "hal")
    shutil.copytree(FIRMWARE_DIR / "vcu", tmp_path / "vcu")
    folder = small_firmware(tmp_path, PINS)
    inputs = bench_inputs()
    guards, holds = [], []
    with closing(MicropythonController(board, {}, firmware=folder)) as controller:
        for tick in range(26):
            inputs[frame.ENABLE_READBACK] = tick >> 2 & 1
            inputs[frame.MOTOR_PULSES] = 65530 + tick
            for i in range(len(SLOW_NAMES)):
                inputs[frame.SLOW_MV + i] = 100 * i
            out = controller.exchange(inputs)
            guards.append(out[frame.GUARD])
            holds.append(out[frame.HOLD])
        seen = eval(controller.printed())
    assert guards == [0, 1] * 13
    assert holds == [0, 0, 1, 1] * 6 + [0, 0]
    assert [read[0] for read in seen] == [tick >> 2 & 1 for tick in range(26)]
    motor = [65530 + tick & 0xFFFF for tick in range(26)] if board == "esp32_s3" else [0] * 26
    assert [read[1] for read in seen] == motor
    slow = [*SLOW_ORDER, *SLOW_ORDER[:2]]
    assert [read[2:] for read in seen] == [(i, 100 * i) for i in slow]


@pytest.mark.parametrize("board", BOARDS)
def test_speed_of_both_is_printed(board):
    """The goal through MicroPython is 20 000 ticks/s; a busy machine gives less."""
    values = values_for(board, "four_wheel_60v_agm")
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
