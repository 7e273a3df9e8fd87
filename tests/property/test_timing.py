"""Ticks that are late, skipped or doubled, and a clock that wraps, change nothing that matters.

80 random drives, 1 000 with LSEV_PROVE=1; the wrap at 12 instants, at 200.
"""

import copy
import random

import pytest

from sim.faults import Fault, make_fault
from sim.frame import COMMAND, CONTACTOR, DOUBLE, FLASH_OPS, MODE, STALL, STORED
from sim.frame import FAULTS as ACTIVE
from sim.runtime import CpythonController
from sim.trace import fault_numbers
from sim.world import World
from tests.property.envelope import Envelope, ScriptDriver
from tests.proving import PROVE
from tests.worlds import VEHICLE, moments
from vcu import modes
from vcu.faults import STOP, row_of

DRIVES = 1000 if PROVE else 80
WRAPS = 200 if PROVE else 12
BLOCKS = 4
LIMIT_S = 0.150 + 1e-9


class Hiccups:
    """A fault of the world's kind: some ticks are late, some come twice, others are jittered."""

    def __init__(self, controller: CpythonController, rnd: random.Random) -> None:
        self.name = "hiccups"
        self._controller = controller
        self._rnd = rnd
        self._left = 0
        self.longest_ms = 0

    def advance(self, world: World) -> None:
        """Is always active."""

    def sense(self, inputs: list[int]) -> None:
        rnd = self._rnd
        if self._left > 0:
            self._left -= 1
            inputs[COMMAND] = STALL
            return
        draw = rnd.random()
        if draw < 0.01:
            self._left = rnd.choice((1, 2, 4, 10, 25, 48))
            self.longest_ms = max(self.longest_ms, self._left * 10)
        elif draw < 0.03:
            inputs[COMMAND] = DOUBLE
        elif draw < 0.10:
            # Some milliseconds late: what this tick is too long the next one is too short.
            self._controller._late_ms += rnd.randint(1, 9) if self._controller._late_ms <= 0 else 0
        elif 0 < self._controller._late_ms < 10 and self._left == 0:
            self._controller._late_ms = -self._controller._late_ms

    def drive(self, wires: object) -> None:
        """Alters no wire."""


def drive_with_hiccups(seed: int) -> tuple[World, Envelope, int]:
    """Drive on for five seconds from a random moment, with the ticks coming as they like."""
    rnd = random.Random(seed)
    world = copy.deepcopy(rnd.choice(moments()))
    controller = world.controller
    assert isinstance(controller, CpythonController)
    hiccups = Hiccups(controller, rnd)
    world.faults = (hiccups,)
    world.inputs = list(world.inputs)
    envelope = Envelope(world)
    for _ in range(500):
        world.step()
        envelope.step()
    return world, envelope, hiccups.longest_ms


@pytest.mark.parametrize("block", range(BLOCKS))
def test_ticks_late_by_less_than_500_ms_stop_no_car_and_keep_it_in_its_envelope(
    block: int,
) -> None:
    bad: list[str] = []
    longest_ms = 0
    for seed in range(block, DRIVES, BLOCKS):
        world, envelope, late_ms = drive_with_hiccups(seed)
        longest_ms = max(longest_ms, late_ms)
        stops = [
            row_of(number)[1]
            for number in fault_numbers(world.outputs, STORED)
            if row_of(number)[3] == STOP
        ]
        if stops:
            bad.append(f"seed {seed}: false stop {stops}")
        if envelope.longest_s() > LIMIT_S:
            bad.append(f"seed {seed}: {envelope.worst_s}")
        if world.car.arc_closings:
            bad.append(f"seed {seed}: closed onto an empty bus")
    assert longest_ms == 480
    assert bad == []


# Each timed sequence with the instant of a wrap in it.
SEQUENCES = {
    "shut-off test": (0.5, 1.0),
    "pre-charge": (1.0, 2.2),
    "crawl onset": (8.0, 8.4),
    "key-off saving": (20.0, 23.0),
}
WRAP_DRIVE = (
    (3.5, True, False, 1, 0.5, 0.0),
    (12.0, True, False, 1, 0.0, 0.8),
    (19.0, True, False, 0, 0.0, 1.0),
    (20.0, False, False, 0, 0.0, 1.0),
)
FAR_OFF_US = 900_000_000


def frames(wrap_us: int, patch: pytest.MonkeyPatch) -> tuple[list[list[int]], set[int]]:
    """Drive in MicroPython with the clock wrapping at wrap_us; return all that it put out."""
    patch.setenv("LSEV_WRAP_US", str(wrap_us))
    found: list[list[int]] = []
    faults: tuple[Fault, ...] = (make_fault("pedal_a_open", 8.0),)
    driver = ScriptDriver(*WRAP_DRIVE)
    with World(VEHICLE, driver=driver, runtime="micropython", faults=faults) as world:
        for _ in range(2300):
            world.step()
            found.append(world.outputs)
        stored = set(fault_numbers(world.outputs, STORED))
    return found, stored


@pytest.fixture(scope="module")
def undisturbed(interpreter: str) -> list[list[int]]:
    with pytest.MonkeyPatch.context() as patch:
        found, stored = frames(FAR_OFF_US, patch)
    # The sequences are where the wraps are looked for.
    assert [row_of(number)[1] for number in stored] == ["pedal_a_low"]
    assert found[100][MODE] == modes.PRECHARGE
    assert not found[100][CONTACTOR]
    assert found[250][CONTACTOR]
    assert fault_numbers(found[840], ACTIVE)
    assert found[-1][FLASH_OPS] > found[2000][FLASH_OPS]
    return found


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_clock_that_wraps_in_the_middle_of_a_sequence_changes_no_output(
    name: str, undisturbed: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from_s, to_s = SEQUENCES[name]
    rnd = random.Random(name)
    for _ in range(WRAPS // len(SEQUENCES)):
        wrap_us = round(rnd.uniform(from_s, to_s) * 1e6)
        found, _ = frames(wrap_us, monkeypatch)
        differing = [i for i, frame in enumerate(found) if frame != undisturbed[i]]
        assert differing == [], f"wrap at {wrap_us} us: first differs at {differing[0] * 10} ms"
