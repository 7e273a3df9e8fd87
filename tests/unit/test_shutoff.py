"""The shut-off test: its levels, what it expects of the enable line, and when it says no."""

import pytest

from vcu import shutoff
from vcu.shutoff import (
    ALL_HIGH,
    DRAINING,
    ENABLE_LOW,
    FAILED,
    GUARD_LOW,
    HEARTBEAT_GONE,
    IDLE,
    NAMES,
    PASSED,
    Shutoff,
)
from vcu.signals import Outputs, Raw

ORDER = [GUARD_LOW, ENABLE_LOW, ALL_HIGH, HEARTBEAT_GONE, DRAINING, PASSED]
# enable, guard, heartbeat
LEVELS = {
    GUARD_LOW: (1, 0, 1),
    ENABLE_LOW: (0, 1, 1),
    ALL_HIGH: (1, 1, 1),
    HEARTBEAT_GONE: (1, 1, 0),
    DRAINING: (0, 0, 1),
    PASSED: (0, 0, 1),
    FAILED: (0, 0, 1),
}


class Gate:
    """The enable line of a car, with a pump that falls pump_ms after the last beat."""

    def __init__(self):
        self.test = Shutoff()
        self.raw = Raw()
        self.out = Outputs()
        self.pump_ms = 90
        self.stuck = {}  # a gate that is always open: enable, guard or pump
        self.line = None  # overrides all
        self._beat_ms = 0
        self.seen = []

    def tick(self, dt_ms=10):
        out = self.out
        self._beat_ms = 0 if out.heartbeat else self._beat_ms + dt_ms
        pumped = self.stuck.get("pump", int(self._beat_ms <= self.pump_ms))
        line = self.stuck.get("enable", out.enable) & self.stuck.get("guard", out.guard) & pumped
        self.raw.enable_readback = line if self.line is None else self.line
        self.test.step(self.raw, out, dt_ms)
        if not self.seen or self.seen[-1] != self.test.state:
            self.seen.append(self.test.state)
        assert (out.enable, out.guard, out.heartbeat) == LEVELS[self.test.state]
        return self.test.state

    def run(self, dt_ms=10):
        self.test.start()
        ms = 0
        while self.test.is_running():
            self.tick(dt_ms)
            ms += dt_ms
            assert ms < 4000
        return ms


def brought_to(state):
    """A gate whose test has just entered this state."""
    gate = Gate()
    gate.test.start()
    while gate.test.state != state:
        gate.tick()
    return gate


def test_every_state_has_its_name_at_its_number():
    for number, name in enumerate(NAMES):
        assert getattr(shutoff, name.upper()) == number


def test_a_line_that_obeys_every_gate_passes_through_all_of_them_in_order():
    gate = Gate()
    ms = gate.run()
    assert gate.seen == ORDER
    assert gate.test.failed_at == IDLE
    assert ms == 10 + 40 + 40 + 40 + 150 + 40  # the first tick only drives


@pytest.mark.parametrize("dt_ms", [1, 7, 15, 25, 40, 500])
def test_it_passes_with_ticks_of_any_length(dt_ms):
    gate = Gate()
    gate.run(dt_ms)
    assert gate.seen == ORDER


@pytest.mark.parametrize(
    ("stuck", "failed_at"),
    [("guard", GUARD_LOW), ("enable", ENABLE_LOW), ("pump", HEARTBEAT_GONE)],
)
def test_each_gate_that_does_not_close_is_found_in_its_own_step(stuck, failed_at):
    gate = Gate()
    gate.stuck[stuck] = 1
    gate.run()
    assert gate.test.state == FAILED
    assert gate.test.failed_at == failed_at


@pytest.mark.parametrize("stuck", ["enable", "guard", "pump"])
def test_a_gate_that_does_not_open_is_found_with_all_of_them_driven(stuck):
    gate = Gate()
    gate.stuck[stuck] = 0
    gate.run()
    assert gate.test.state == FAILED
    assert gate.test.failed_at == ALL_HIGH


@pytest.mark.parametrize(("pump_ms", "state"), [(130, PASSED), (160, FAILED)])
def test_a_pump_that_falls_too_late_fails(pump_ms, state):
    gate = Gate()
    gate.pump_ms = pump_ms
    gate.run()
    assert gate.test.state == state


@pytest.mark.parametrize("state", [GUARD_LOW, ENABLE_LOW, DRAINING])
def test_a_gate_is_judged_after_40_ms_and_not_before(state):
    for line, then in ((0, state + 1), (1, FAILED)):
        gate = brought_to(state)
        gate.tick(0)
        gate.line = 1 - line
        for _ in range(39):
            assert gate.tick(1) == state
        gate.line = line
        assert gate.tick(1) == then
        assert gate.test.failed_at == (state if then == FAILED else IDLE)


def test_with_every_gate_driven_the_line_may_take_40_ms_and_no_more_than_150():
    gate = brought_to(ALL_HIGH)
    gate.line = 1
    for _ in range(39):
        assert gate.tick(1) == ALL_HIGH
    assert gate.tick(1) == HEARTBEAT_GONE
    gate = brought_to(ALL_HIGH)
    gate.line = 0
    for _ in range(149):
        assert gate.tick(1) == ALL_HIGH
    assert gate.tick(1) == FAILED
    gate = brought_to(ALL_HIGH)
    gate.line = 0
    for _ in range(149):
        gate.tick(1)
    gate.line = 1
    assert gate.tick(1) == HEARTBEAT_GONE


def test_the_pump_is_judged_after_150_ms_and_not_before():
    for line, then in ((0, DRAINING), (1, FAILED)):
        gate = brought_to(HEARTBEAT_GONE)
        gate.line = 1 - line
        for _ in range(149):
            assert gate.tick(1) == HEARTBEAT_GONE
        gate.line = line
        assert gate.tick(1) == then


@pytest.mark.parametrize("state", ORDER)
def test_it_runs_from_its_start_until_it_has_passed_or_failed(state):
    assert brought_to(state).test.is_running() == (state != PASSED)
    assert not Shutoff().is_running()
    gate = Gate()
    gate.stuck["guard"] = 1
    gate.run()
    assert not gate.test.is_running()


@pytest.mark.parametrize("state", ORDER[1:])
def test_it_does_not_begin_again_before_the_key_was_off(state):
    gate = brought_to(state)
    gate.test.start()
    assert gate.test.state == state
    gate.test.reset()
    assert gate.test.state == IDLE
    assert not gate.test.is_running()
    gate.test.start()
    assert gate.test.state == GUARD_LOW


def test_a_failed_test_stays_failed_until_the_key_was_off_and_may_then_pass():
    gate = Gate()
    gate.stuck["enable"] = 1
    gate.run()
    gate.stuck.clear()
    gate.test.start()
    assert gate.test.state == FAILED
    gate.test.reset()
    gate.run()
    assert gate.test.state == PASSED


def test_a_test_that_is_begun_again_gives_each_step_its_whole_time():
    gate = brought_to(HEARTBEAT_GONE)
    for _ in range(10):
        gate.tick()
    gate.test.reset()
    gate.test.start()
    gate.tick()
    gate.line = 0
    for _ in range(39):
        assert gate.tick(1) == GUARD_LOW
    assert gate.tick(1) == ENABLE_LOW


def test_what_the_line_was_before_the_test_drove_it_is_not_judged():
    gate = Gate()
    gate.test.start()
    gate.line = 1
    assert gate.tick(500) == GUARD_LOW
    gate.line = None
    gate.run()
    assert gate.test.state == PASSED


@pytest.mark.parametrize("state", [PASSED, FAILED, IDLE])
def test_stepped_on_after_its_end_it_changes_nothing(state):
    gate = Gate()
    if state == FAILED:
        gate.line = 1
    if state != IDLE:
        gate.run()
    gate.out.enable = 1
    for _ in range(30):
        gate.test.step(gate.raw, gate.out, 20)
    assert (gate.test.state, gate.out.enable) == (state, 1)
