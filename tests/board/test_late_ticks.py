"""A tick that comes late or twice: what counts as late, and what the next one gets."""

from contextlib import closing

import pytest

from sim import frame
from sim.controller import ControllerError
from sim.interpreter import MicropythonController
from sim.runtime import CpythonController
from sim.vehicle import load_vehicle
from tests.board.bench_car import SAFE_PINS, SLICES, Pair, Wheel, bench_inputs
from vcu.faults import SYSTEM, TABLE
from vcu.signals import SLOW_ORDER

pytestmark = pytest.mark.usefixtures("interpreter")
TICK_LATE = 1 << [row[1] for row in TABLE[SYSTEM]].index("tick_late")


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
            assert controller.outputs[: frame.PIN_COUNT] == SAFE_PINS


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
