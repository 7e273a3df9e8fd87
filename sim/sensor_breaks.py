"""Sensor breaks: what the controller's pins see when a sensor, a switch or the converter fails.

Voltages are mV at the ADC pin.
"""

import random
from typing import TYPE_CHECKING

from sim.breaks import Break
from sim.frame import (
    AGE_LIMIT_US,
    BUS_V_MV,
    EARLY_AGE_US,
    EARLY_PULSES,
    EDGE_AGE_US,
    EDGE_PULSES,
    INPUT_SIZE,
    KEY_ON,
    MOTOR_PULSES,
    PACK_A_MV,
    PACK_V_MV,
    PEDAL_A_MV,
    PEDAL_B_MV,
    PULSES,
    SLOW_MV,
)
from vcu.signals import SLOW_NAMES, SLOW_ORDER, SLOW_SENSOR_5V

if TYPE_CHECKING:
    from sim.world import World

# The pins are clamped to the chip's 3.3 V.
PIN_MAX_MV = 3300
PEDALS = (PEDAL_A_MV, PEDAL_B_MV)
SLOW = tuple(range(SLOW_MV, SLOW_MV + len(SLOW_NAMES)))
ANALOG = (*PEDALS, PACK_V_MV, BUS_V_MV, PACK_A_MV, *SLOW)

_TICK_S = 0.01
_PULSE_MASK = 0xFFFF
# The same noise in every run, whatever else is broken.
_SEED = 4711


class Fixed(Break):
    """Some inputs read one value."""

    def __init__(self, value: int, *indices: int) -> None:
        self._value = value
        self._indices = indices

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Overwrite them."""
        for index in self._indices:
            inputs[index] = self._value


class Held(Break):
    """Some inputs keep the value that they had last."""

    def __init__(self, *indices: int) -> None:
        self._indices = indices
        self._values: list[int] = []

    def begin(self, world: "World") -> None:
        """Take the values of the last tick."""
        self._values = [world.inputs[index] for index in self._indices]

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Overwrite them."""
        for index, value in zip(self._indices, self._values, strict=True):
            inputs[index] = value


class FrozenAdc(Held):
    """Every pin of the converter keeps its value; behind the multiplexer all channels are one."""

    def __init__(self) -> None:
        super().__init__(*ANALOG)

    def begin(self, world: "World") -> None:
        """Take the values of the last tick, and the slow channel that was read in it."""
        super().begin(world)
        last = SLOW_ORDER[(world.ticks - 1) % len(SLOW_ORDER)]
        self._values[-len(SLOW) :] = [world.inputs[SLOW_MV + last]] * len(SLOW)


class Shifted(Break):
    """A pedal channel is off by a share of its travel, from the start or more each second."""

    def __init__(self, index: int, share: float, share_per_s: float = 0.0) -> None:
        self._index = index
        self._share = share
        self._share_per_s = share_per_s
        self._span_mv = 0

    def begin(self, world: "World") -> None:
        """Take the channel's own span."""
        self._span_mv = pedal_span_mv(world, self._index)

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Add what it is off by."""
        off_mv = (self._share + self._share_per_s * age_s) * abs(self._span_mv)
        inputs[self._index] = at_the_pin(inputs[self._index] + off_mv)


class Noisy(Break):
    """A pedal channel jumps at random by up to a share of its travel to either side."""

    def __init__(self, index: int, share: float) -> None:
        self._index = index
        self._share = share
        self._limit_mv = 0.0
        self._random = random.Random(_SEED + index)

    def begin(self, world: "World") -> None:
        """Take the channel's own span."""
        self._limit_mv = self._share * abs(pedal_span_mv(world, self._index))

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Add the noise."""
        off_mv = self._random.uniform(-self._limit_mv, self._limit_mv)
        inputs[self._index] = at_the_pin(inputs[self._index] + off_mv)


class Intermittent(Break):
    """Some inputs read a value for 10 to 50 ms, now and then: a contact that shakes loose."""

    def __init__(self, value: int, per_s: float, *indices: int) -> None:
        self._value = value
        self._chance = per_s * _TICK_S
        self._indices = indices
        self._ticks_left = 0
        self._random = random.Random(_SEED + indices[0])

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Break at once, then at random."""
        if self._ticks_left == 0 and (age_s == 0.0 or self._random.random() < self._chance):
            self._ticks_left = self._random.randint(1, 5)
        if self._ticks_left:
            self._ticks_left -= 1
            for index in self._indices:
                inputs[index] = self._value


class SwappedPedals(Break):
    """The wires of the two pedal channels are exchanged."""

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Exchange them."""
        a_mv, b_mv = inputs[PEDAL_A_MV], inputs[PEDAL_B_MV]
        inputs[PEDAL_A_MV], inputs[PEDAL_B_MV] = b_mv, a_mv


class LiftedGround(Break):
    """The pedal has lost its ground: both outputs rise towards the supply, in about 50 ms."""

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Raise both: two thirds of what is missing every 50 ms."""
        share = 3.0 ** -((age_s + _TICK_S) / 0.05)
        for index in PEDALS:
            inputs[index] = at_the_pin(PIN_MAX_MV - (PIN_MAX_MV - inputs[index]) * share)


class SensorSupply(Break):
    """The 5 V of the pedal is off by a factor, and both channels with it."""

    def __init__(self, factor: float) -> None:
        self._factor = factor

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Scale the pedal channels and the channel that measures the supply."""
        for index in (*PEDALS, SLOW_MV + SLOW_SENSOR_5V):
            inputs[index] = at_the_pin(inputs[index] * self._factor)


class ZeroCurrent(Break):
    """The current sensor says that nothing flows."""

    def __init__(self) -> None:
        self._zero_mv = 0

    def begin(self, world: "World") -> None:
        """Take the calibrated zero."""
        self._zero_mv = world.vehicle.values["pack_a_zero_counts"]

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Overwrite the current."""
        inputs[PACK_A_MV] = self._zero_mv


class WheelPulses(Break):
    """The wheel sensor gives a share of its pulses; the counter goes on from there afterwards."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._seen = [0] * INPUT_SIZE  # what the changed sensor would have filled
        self._base = -1  # the counter as it broke
        self._base_edge = 0
        self._base_age_us = -1
        self._shift = 0  # shown less true, when last known

    def begin(self, world: "World") -> None:
        """Put another wheel in the sensor's place."""
        self._world = world
        self._start_m = world.car.travelled_m
        self._wheel = world.sensors.wheel.resized(self._factor) if self._factor else None
        self._seen[EDGE_AGE_US] = -1

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Overwrite counter, stamp and early sample."""
        if self._base < 0:
            self._base = inputs[PULSES]
            self._base_edge = inputs[EDGE_PULSES]
            self._base_age_us = inputs[EDGE_AGE_US]
        world = self._world
        car = world.car
        seen = self._seen
        if self._wheel is not None:
            way_m = car.travelled_m - self._start_m
            seen[EARLY_AGE_US] = inputs[EARLY_AGE_US]
            self._wheel.step(way_m, abs(car.speed_mps), world.time_s, seen)
        true = inputs[PULSES]
        inputs[PULSES] = (self._base + seen[PULSES]) & _PULSE_MASK
        self._shift = inputs[PULSES] - true
        if inputs[EARLY_AGE_US] >= 0:
            inputs[EARLY_PULSES] = (self._base + seen[EARLY_PULSES]) & _PULSE_MASK
        if seen[EDGE_AGE_US] >= 0:
            inputs[EDGE_PULSES] = (self._base + seen[EDGE_PULSES]) & _PULSE_MASK
            inputs[EDGE_AGE_US] = seen[EDGE_AGE_US]
        else:
            inputs[EDGE_PULSES] = self._base_edge
            if self._base_age_us >= 0:
                aged_us = self._base_age_us + round(age_s * 1e6)
                inputs[EDGE_AGE_US] = min(aged_us, AGE_LIMIT_US)
            else:
                inputs[EDGE_AGE_US] = -1

    def after(self, inputs: list[int]) -> None:
        """Keep the counter's difference."""
        shift_pulses(inputs, self._shift)


class PulseNoise(Break):
    """The motor's cable couples into the wheel sensor's: some 150 pulses a second too many."""

    def __init__(self) -> None:
        self._extra = 0
        self._edge = 0  # the counter at the newest edge of the noise, and that one's age
        self._age_us = AGE_LIMIT_US
        self._random = random.Random(_SEED)

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Add up to three pulses; stamp the newest of them where it is newer than the wheel's."""
        new = self._random.randint(0, 3)
        self._extra += new
        shift_pulses(inputs, self._extra)
        self._age_us = min(self._age_us + 10_000, AGE_LIMIT_US)
        if new:
            self._edge = inputs[PULSES]
            self._age_us = self._random.randrange(10_000)
        has_stamps = inputs[EARLY_AGE_US] < 0
        if has_stamps and not 0 <= inputs[EDGE_AGE_US] < self._age_us:
            inputs[EDGE_PULSES] = self._edge
            inputs[EDGE_AGE_US] = self._age_us

    def after(self, inputs: list[int]) -> None:
        """Keep the counter's difference."""
        shift_pulses(inputs, self._extra)


class LostMotorPulses(Held):
    """The second source of speed stands still; its counter goes on from there afterwards."""

    def __init__(self) -> None:
        super().__init__(MOTOR_PULSES)
        self._shift = 0

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Hold the counter."""
        true = inputs[MOTOR_PULSES]
        super().sense(inputs, age_s)
        self._shift = inputs[MOTOR_PULSES] - true

    def after(self, inputs: list[int]) -> None:
        """Keep the counter's difference."""
        inputs[MOTOR_PULSES] = (inputs[MOTOR_PULSES] + self._shift) & _PULSE_MASK


class BouncingKey(Intermittent):
    """The key's contact opens for 10 to 50 ms, four times a second."""

    def __init__(self) -> None:
        super().__init__(0, 4.0, KEY_ON)


def pedal_span_mv(world: "World", index: int) -> int:
    """Return what a pedal channel moves by from released to pressed, with its sign."""
    values = world.vehicle.values
    channel = "a" if index == PEDAL_A_MV else "b"
    return values[f"pedal_{channel}_pressed_counts"] - values[f"pedal_{channel}_released_counts"]


def at_the_pin(millivolts: float) -> int:
    """Return a voltage as the clamps at the pin leave it."""
    return round(min(max(millivolts, 0.0), float(PIN_MAX_MV)))


def shift_pulses(inputs: list[int], pulses: int) -> None:
    """Add pulses to every reading of the wheel's counter."""
    inputs[PULSES] = (inputs[PULSES] + pulses) & _PULSE_MASK
    if inputs[EDGE_AGE_US] >= 0:
        inputs[EDGE_PULSES] = (inputs[EDGE_PULSES] + pulses) & _PULSE_MASK
    if inputs[EARLY_AGE_US] >= 0:
        inputs[EARLY_PULSES] = (inputs[EARLY_PULSES] + pulses) & _PULSE_MASK
