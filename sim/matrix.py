"""Matrix: every fault, at three speeds and ten moments of a driver's footwork, and its outcome.

One case is a drive of a few seconds: up to speed, then a pattern of pressing,
releasing and braking that never stops, in which the fault appears. What counts
is how long and how far the torque that the motor controller was given lay above
what the driver's true pedal asked, and, where nobody asked, how fast the
shut-off paths acted.
"""

import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache

from sim.driver import GEAR_S, PedalDriver, StartingDriver
from sim.faults import KINDS, Fault, make_fault
from sim.frame import ENABLE, GUARD, MODE, STORED
from sim.frame import FAULTS as ACTIVE
from sim.plant.cars import CARS
from sim.trace import fault_numbers
from sim.vehicle import Vehicle
from sim.world import TICK_S, World
from vcu import modes
from vcu.faults import CLASS_NAMES, row_of

SPEEDS_KMH = (0.0, 15.0, 35.0)
ONSETS = 10
# More than this share of full torque above the true pedal is too much.
EXCESS = 0.10
MASSES_KG = (250.0, 600.0, 900.0)
# The pedal held for this long with a fault that was there at power-on.
LONG_S = 120.0
# Faults of the output stage and behind it: nothing in front of them can hold the torque back.
OUTPUT_FAULTS = ("throttle_high", "throttle_stuck", "controller_failed_on", "enable_stuck_on")

_WARM_S = 9.0
AFTER_S = 6.0
_PERIOD_S = 3.1
_END_S = _WARM_S + _PERIOD_S + AFTER_S
_KEY_OFF_S = _END_S + 6.5
_KEY_ON_S = _END_S + 16.0
_LAST_S = _KEY_ON_S + 5.0
# Three tries and the rests between them until a pre-charge counts as failed.
_LAST_TRY_S = _KEY_ON_S + 45.0


class FootworkDriver(StartingDriver):
    """Cruises at a speed, then presses, lets go, presses hard and brakes, over and over."""

    def __init__(self, speed_mps: float) -> None:
        super().__init__()
        self._speed_mps = speed_mps

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Start the car, hold the speed until the pattern begins, then follow the pattern."""
        super().step(t_s, speed_mps, dt_s)
        if t_s >= _END_S:
            # To a stop, neutral, key off and on again: latent faults show there.
            self.gear = 1 if speed_mps > 0.1 and t_s < _END_S + 6.0 else 0
            self.key = not _KEY_OFF_S <= t_s < _KEY_ON_S
            return
        if t_s < GEAR_S + 0.3:
            return
        self.brake = 0.0
        if t_s < _WARM_S:
            if self._speed_mps > 0.0:
                wanted = 0.25 * (self._speed_mps - speed_mps) + 0.25
                ramp = (t_s - GEAR_S - 0.3) * 2.0
                self.pedal = min(max(wanted, 0.0), min(1.0, ramp))
            return
        phase = (t_s - _WARM_S) % _PERIOD_S
        if phase < 1.2:
            self.pedal = min(0.5, phase * 2.0)
        elif 1.8 <= phase < 2.6:
            self.pedal = min(0.9, (phase - 1.8) * 2.2)
        elif phase >= 2.6:
            self.brake = 0.3


@dataclass
class Outcome:
    """What one case, or the worst of several, came to; times in s.

    Shares are of full torque above the pedal. Unasked is what came while the driver
    asked for nothing; its times count from the release of the pedal or from the
    onset, whichever was later, and are 0 where no such torque came.
    """

    fault: str
    cases: int = 0
    excess: float = 0.0  # at most, for however short
    excess_s: float = 0.0  # longest time above EXCESS while the driver asked
    unasked_s: float = 0.0  # and while nobody did
    enable_low_s: float = 0.0
    contactor_open_s: float = 0.0
    over_cap_kmh: float = 0.0
    detected: int = 0  # cases in which a code was stored
    detected_s: float = 0.0  # the slowest of them, after the onset
    at_next_start: int = 0  # cases in which only the stop and the next key-on showed it
    later: set[str] = field(default_factory=set[str])
    codes: set[str] = field(default_factory=set[str])
    reactions: set[str] = field(default_factory=set[str])
    top_kmh: float = 0.0  # pedal held for LONG_S with the fault there since power-on

    def add(self, other: "Outcome") -> None:
        """Take in another case of the same fault."""
        self.cases += other.cases
        self.excess = max(self.excess, other.excess)
        self.excess_s = max(self.excess_s, other.excess_s)
        self.unasked_s = max(self.unasked_s, other.unasked_s)
        self.enable_low_s = max(self.enable_low_s, other.enable_low_s)
        self.contactor_open_s = max(self.contactor_open_s, other.contactor_open_s)
        self.over_cap_kmh = max(self.over_cap_kmh, other.over_cap_kmh)
        self.detected += other.detected
        self.detected_s = max(self.detected_s, other.detected_s)
        self.at_next_start += other.at_next_start
        self.later |= other.later
        self.codes |= other.codes
        self.reactions |= other.reactions
        self.top_kmh = max(self.top_kmh, other.top_kmh)


class _Torque:
    """Compares what the motor controller is given with what the driver's foot asks."""

    def __init__(self, world: World, outcome: Outcome) -> None:
        values = world.vehicle.values
        self._world = world
        self._outcome = outcome
        self._deadband = values["pedal_deadband_permille"] / 1000.0
        self._curve = values["pedal_curve_permille"] / 1000.0
        self._start_mv = values["throttle_start_mv"]
        self._span_mv = values["throttle_full_mv"] - self._start_mv
        self._asked = self._share()
        self._excess_s = 0.0
        self._unasked_s = 0.0
        self._quiet_s = 0.0  # since the driver asks for nothing, or the onset
        self._since_s = -1.0  # that, from unasked torque until it has gone; -1 otherwise
        self._was_enabled = True

    def _share(self) -> float:
        """Return what the true pedal position asks for, by the parameters."""
        driver = self._world.driver
        if driver.brake > 0.02 or driver.pedal <= self._deadband:
            return 0.0
        linear = min((driver.pedal - self._deadband) / (1.0 - self._deadband), 1.0)
        return linear - (linear - linear * linear) * self._curve

    def _given(self) -> float:
        world = self._world
        wires = world.wires
        if not wires.contactor:
            return 0.0
        if world.car.failed_on:
            return 1.0
        if not wires.enable:
            return 0.0
        return min(max((wires.throttle_mv - self._start_mv) / self._span_mv, 0.0), 1.0)

    def step(self) -> None:
        """Take in the tick that has just run; what it was asked was sampled before it."""
        outcome = self._outcome
        asked = self._share()
        self._quiet_s = self._quiet_s + TICK_S if max(asked, self._asked) == 0.0 else 0.0
        excess = self._given() - max(asked, self._asked)
        self._asked = asked
        outcome.excess = max(outcome.excess, excess)
        unasked = excess > EXCESS and self._quiet_s > 0.0
        self._unasked_s = self._unasked_s + TICK_S if unasked else 0.0
        self._excess_s = self._excess_s + TICK_S if excess > EXCESS and not unasked else 0.0
        outcome.unasked_s = max(outcome.unasked_s, self._unasked_s)
        outcome.excess_s = max(outcome.excess_s, self._excess_s)
        self._paths(unasked)

    def _paths(self, unasked: bool) -> None:
        """Time the shut-off paths; torque that fades by itself needs none of them."""
        world = self._world
        if self._since_s >= 0.0:
            self._since_s += TICK_S
        elif unasked:
            self._since_s = self._quiet_s
        else:
            return
        is_enabled = world.outputs[ENABLE] & world.outputs[GUARD]
        is_closed = world.wires.contactor
        if self._was_enabled and not is_enabled:
            self._outcome.enable_low_s = max(self._outcome.enable_low_s, self._since_s)
        self._was_enabled = bool(is_enabled)
        if not is_closed:
            self._outcome.contactor_open_s = max(self._outcome.contactor_open_s, self._since_s)
        if not is_closed or (is_enabled and not unasked):
            self._since_s = -1.0
            self._was_enabled = True

    def finish(self) -> None:
        """Count what still flows when the case is over."""
        if self._since_s >= 0.0 and self._unasked_s > 0.0:
            outcome = self._outcome
            outcome.contactor_open_s = max(outcome.contactor_open_s, self._since_s)
            if self._was_enabled:
                outcome.enable_low_s = max(outcome.enable_low_s, self._since_s)


def _reaction(world: World) -> str:
    """Return what the car is left with at the end of the case."""
    out = world.outputs
    if out[MODE] != modes.DRIVE:
        return modes.NAMES[out[MODE]]
    classes = {row_of(number)[3] for number in fault_numbers(out, ACTIVE)}
    return CLASS_NAMES[min(classes)] if classes else "drives on"


@lru_cache(maxsize=64)
def _drive_up_to(
    name: str, values: tuple[tuple[str, int], ...], speed_kmh: float, onset: int
) -> World:
    """Return a world in which nothing is broken yet, just before an onset; to be copied."""
    if onset == 0:
        world = World(Vehicle(name, dict(values)), driver=FootworkDriver(speed_kmh / 3.6))
    else:
        world = copy.deepcopy(_drive_up_to(name, values, speed_kmh, onset - 1))
    world.run(_WARM_S + (onset + 0.37) * _PERIOD_S / ONSETS - world.time_s)
    return world


def _names(numbers: set[int]) -> set[str]:
    return {row_of(number)[1] for number in numbers}


def run_case(vehicle: Vehicle, fault: str | Fault, speed_kmh: float, onset: int) -> Outcome:
    """Drive one case; onset is which of the ten moments, 0 to ONSETS - 1.

    Where nothing was found the driver then stops and turns the key off and on, which shows
    what only the next start can find.
    """
    values = tuple(vehicle.values.items())
    world = copy.deepcopy(_drive_up_to(vehicle.name, values, speed_kmh, onset))
    begin_s = world.time_s
    broken = make_fault(fault, begin_s) if isinstance(fault, str) else fault
    outcome = Outcome(broken.name, cases=1)
    world.faults = (broken,)
    world.inputs = list(world.inputs)  # the sensors do not see what is done to theirs
    before = set(fault_numbers(world.outputs, STORED))
    torque = _Torque(world, outcome)
    cap_mps = vehicle.values["speed_cap_kmh"] / 3.6
    car = world.car
    for _ in range(round(AFTER_S / TICK_S)):
        world.step()
        torque.step()
        if not car.pushed:
            over_mps = abs(car.speed_mps) - cap_mps
            outcome.over_cap_kmh = max(outcome.over_cap_kmh, over_mps * 3.6)
        if not outcome.detected and set(fault_numbers(world.outputs, STORED)) - before:
            outcome.detected = 1
            outcome.detected_s = world.time_s - begin_s
    torque.finish()
    outcome.reactions = {_reaction(world)}
    after = set(fault_numbers(world.outputs, STORED))
    outcome.codes = _names(after - before)
    if not outcome.detected:
        last_s = _LAST_TRY_S if broken.name == "precharge_open" else _LAST_S
        world.run(last_s - world.time_s)
        outcome.later = _names(set(fault_numbers(world.outputs, STORED)) - after - before)
        outcome.at_next_start = int(bool(outcome.later))
    return outcome


def top_speed_kmh(vehicle: Vehicle, fault: str) -> float:
    """Return how fast the pedal makes the car with a fault that was there at power-on.

    With a wheel sensor that lies, the worst of light and heavy cars and feet.
    """
    masses_kg = (CARS[vehicle.name].mass_kg,)
    pedals = (1.0,)
    if fault.startswith("pulses_"):
        masses_kg = MASSES_KG
        pedals = (0.35, 0.6, 1.0)
    return max(
        _top_mps(vehicle, fault, mass_kg, pedal) * 3.6 for mass_kg in masses_kg for pedal in pedals
    )


def _top_mps(vehicle: Vehicle, fault: str, mass_kg: float, pedal: float) -> float:
    driver = PedalDriver(lambda t: min(t, 1.0) * pedal)
    car = replace(CARS[vehicle.name], mass_kg=mass_kg)
    top_mps = 0.0
    with World(vehicle, car=car, driver=driver, faults=(make_fault(fault, 0.0),)) as world:
        for _ in range(round(LONG_S / TICK_S)):
            world.step()
            top_mps = max(top_mps, world.car.speed_mps)
    return top_mps


def faults_of(vehicle: Vehicle) -> list[str]:
    """Return the faults that make sense while the vehicle drives, of what it has fitted."""
    channels = vehicle.values["pedal_channels"]
    has_bms = vehicle.values["bms_kind"] != 0
    return [
        name
        for name, kind in KINDS.items()
        if channels in kind.pedal_channels
        and not kind.while_charging
        and (has_bms or not name.startswith("bms_"))
    ]


def run_fault(vehicle: Vehicle, fault: str, onsets: int = ONSETS) -> Outcome:
    """Run a fault at every speed and at onsets of the ten moments, and return the worst."""
    worst = Outcome(fault)
    for speed_kmh in SPEEDS_KMH:
        for turn in range(onsets):
            onset = turn * ONSETS // onsets
            worst.add(run_case(vehicle, fault, speed_kmh, onset))
    return worst
