"""A reset or a power cut at any instant of a drive or a charge leaves the car safe.

60 instants, 1 000 with LSEV_PROVE=1, spread over a drive with its pre-charge, and
as many again over the first minutes of a charge. Here nothing is kept, and each
start is as new; what flash keeps of a charge is in tests/board/test_charge_store.py.
"""

import copy
import random
from functools import cache

import pytest

from sim.frame import CHARGE_A_MV, CHARGE_PHASE, CHARGE_V_MV, CONTACTOR_STATE, PIN_COUNT
from sim.vehicle import load_vehicle
from sim.world import World
from tests.property.envelope import Envelope, ScriptDriver
from tests.proving import PROVE
from vcu import contactor
from vcu.charge.phases import BULK, CHECK, OFF

INSTANTS = 1000 if PROVE else 60
VEHICLE = load_vehicle("four_wheel_60v_agm")
# The key, the pre-charge, a launch, a cruise, a hard stop, and the key off again.
DRIVE_S = 20.0
DRIVE = (
    (3.5, True, False, 1, 0.5, 0.0),
    (7.0, True, False, 1, 0.0, 0.0),
    (8.0, True, False, 1, 0.9, 0.0),
    (14.0, True, False, 1, 0.0, 0.8),
    (18.0, False, False, 0, 0.0, 1.0),
)
# After the reset the foot stays where it was; only then it stops the car and presses again.
HELD_S = 8.0
# Long after the contactor has closed again the gear goes from neutral to forward.
GEAR_S = 6.0
RELEASED_S = 3.0
AGAIN_S = 3.0


class StubbornDriver(ScriptDriver):
    """Follows the table until the reset, then holds the pedal down, stops, and presses again."""

    reset_s = 1e9

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        since_s = t_s - self.reset_s
        if since_s < 0.0:
            super().step(t_s, speed_mps, dt_s)
            return
        self.key = True
        self.gear = 0 if since_s < GEAR_S or HELD_S <= since_s < HELD_S + 2.5 else 1
        held = since_s < HELD_S or since_s >= HELD_S + RELEASED_S
        self.pedal = 0.6 if held else 0.0
        self.brake = 0.0 if held else 0.8


@cache
def starts() -> list[World]:
    """Return the drive as it stood at every second, to save the way to an instant."""
    world = World(VEHICLE, driver=StubbornDriver(*DRIVE))
    found: list[World] = []
    for _ in range(round(DRIVE_S)):
        found.append(copy.deepcopy(world))
        world.run(1.0)
    return found


def drive_to(tick: int) -> World:
    world = copy.deepcopy(starts()[tick // 100])
    world.run((tick % 100) / 100)
    return world


def check_sequence(world: World, states: list[int]) -> None:
    """The contactor never skipped its pre-charge, and never closed onto an empty bus."""
    assert world.car.arc_closings == 0
    before = contactor.OPEN
    for state in states:
        if state == contactor.OVERLAP and before != contactor.OVERLAP:
            assert before == contactor.PRECHARGE
        if state == contactor.CLOSED and before != contactor.CLOSED:
            assert before == contactor.OVERLAP
        before = state


def run_reset(tick: int, power_lost: bool) -> None:
    world = drive_to(tick)
    driver = world.driver
    assert isinstance(driver, StubbornDriver)
    assert not world.car.arc_closings
    driver.reset_s = world.time_s
    world.restart(power_lost)
    envelope = Envelope(world)
    states: list[int] = []
    booted = False
    closed_in_neutral = False
    for _ in range(round((HELD_S + RELEASED_S) * 100)):
        world.step()
        envelope.step()
        out = world.outputs
        booted = booted or any(out)
        if not booted:
            assert not any(out[:PIN_COUNT])
            assert not world.wires.enable
        states.append(out[CONTACTOR_STATE])
        assert envelope.torque == 0.0
        if world.time_s < driver.reset_s + GEAR_S:
            closed_in_neutral = world.wires.contactor
    assert booted
    check_sequence(world, states)
    assert closed_in_neutral
    given = 0.0
    for _ in range(round(AGAIN_S * 100)):
        world.step()
        envelope.step()
        given = max(given, envelope.torque)
    # The pedal has been seen released: the same foot moves the car now.
    assert given > 0.1
    assert envelope.longest_s() == 0.0


@pytest.mark.parametrize("power_lost", [False, True])
@pytest.mark.parametrize("block", range(10))
def test_after_a_reset_nothing_moves_before_the_pedal_has_been_seen_released(
    block: int, power_lost: bool
) -> None:
    ticks = round(DRIVE_S * 100)
    rnd = random.Random(block)
    width = ticks // INSTANTS
    for i in range(block, INSTANTS, 10):
        run_reset(i * width + rnd.randrange(width), power_lost)


# The plug comes at once; the check is over in a minute, the current has risen half a minute later.
CHARGE_S = 130
CHARGE_STEP_S = 5


class Sleeper:
    """Leaves the car plugged in, in gear and with its key on or off."""

    def __init__(self, key: bool, gear: int) -> None:
        self.key = key
        self.plug = True
        self.gear = gear
        self.pedal = 0.0
        self.brake = 0.0

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Nobody is there."""


@cache
def charges(key: bool, gear: int) -> list[World]:
    """Return the charge as it stood every few seconds."""
    world = World(VEHICLE, driver=Sleeper(key, gear), soc=0.5)
    found: list[World] = []
    for _ in range(CHARGE_S // CHARGE_STEP_S):
        found.append(copy.deepcopy(world))
        world.run(CHARGE_STEP_S)
    assert world.charger.current_a > 10.0
    return found


def run_charge_reset(tick: int, key: bool, gear: int) -> None:
    steps = CHARGE_STEP_S * 100
    world = copy.deepcopy(charges(key, gear)[tick // steps])
    world.run((tick % steps) / 100)
    world.restart(power_lost=True)
    world.step()
    checked = 0
    while world.outputs[CHARGE_PHASE] in {OFF, CHECK}:
        checked += world.outputs[CHARGE_PHASE] == CHECK
        assert not world.wires.charger and world.charger.current_a == 0.0
        assert world.outputs[CHARGE_V_MV] == world.outputs[CHARGE_A_MV] == 0
        assert not world.wires.enable and not world.wires.contactor
        world.step()
    assert checked > 500  # 5 s at least
    world.run(40.0)
    # And then it goes on, without the car having been able to drive.
    assert world.outputs[CHARGE_PHASE] == BULK and world.charger.current_a > 10.0
    assert not world.wires.enable and world.car.speed_mps == 0.0


@pytest.mark.parametrize(("key", "gear"), [(False, 0), (True, 0), (True, 1)])
@pytest.mark.parametrize("block", range(4))
def test_after_a_reset_in_a_charge_nothing_flows_before_the_pack_has_been_checked(
    block: int, key: bool, gear: int
) -> None:
    rnd = random.Random(f"{block} {key} {gear}")
    for _ in range(INSTANTS // 12):
        run_charge_reset(rnd.randrange(CHARGE_S * 100), key, gear)
