"""Breaks: the ways in which parts fail, each a small object that alters one thing.

A break acts on the input frame (as the controller's pins see it), on the wires
that reach the car, on the car itself, or on the controller's time. Those of
sensors and switches are in sim/sensor_breaks.py; sim/faults.py names them all
and puts them on a timeline.
"""

from typing import TYPE_CHECKING

from sim.frame import COMMAND, STALL
from sim.plant.charger import SetpointCharger
from sim.wires import Wires

if TYPE_CHECKING:
    from sim.world import World


class Break:
    """A break that does nothing; the others override what they alter."""

    def begin(self, world: "World") -> None:
        """Take what it needs of the world as it breaks; world.inputs are the last tick's."""

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Alter what the pins see, age_s after it broke."""

    def drive(self, wires: Wires) -> None:
        """Alter what reaches the car."""

    def end(self, world: "World") -> None:
        """Be whole again."""

    def after(self, inputs: list[int]) -> None:
        """Alter what stays wrong once it is whole again."""


class ThrottleWire(Break):
    """The throttle's voltage behind the pin; -1 holds the one it had."""

    def __init__(self, millivolts: int) -> None:
        self._mv = millivolts

    def begin(self, world: "World") -> None:
        """Take the voltage that is held."""
        if self._mv < 0:
            self._mv = world.wires.throttle_mv

    def drive(self, wires: Wires) -> None:
        """Overwrite it; the read-back hangs on the same wire."""
        wires.throttle_mv = self._mv


class EnableLine(Break):
    """The enable line behind its gates does not follow them."""

    def __init__(self, level: bool) -> None:
        self._level = level

    def drive(self, wires: Wires) -> None:
        """Overwrite it; the read-back hangs on the same wire."""
        wires.enable = self._level


class FailedOnMotor(Break):
    """The motor controller drives at full torque."""

    def begin(self, world: "World") -> None:
        """Break it."""
        world.car.failed_on = True

    def end(self, world: "World") -> None:
        """Repair it."""
        world.car.failed_on = False


class WeldedContactor(Break):
    """The contactor stays closed once it is; one that is welded at power-on is closed."""

    def __init__(self) -> None:
        self._closed = False

    def begin(self, world: "World") -> None:
        """Look whether it is closed."""
        self._closed = world.wires.contactor or world.ticks == 0

    def drive(self, wires: Wires) -> None:
        """Keep it closed."""
        self._closed = wires.contactor = wires.contactor or self._closed


class OpenCoil(Break):
    """Contactor or pre-charge relay does not close any more."""

    def __init__(self, *, contactor: bool = False, precharge: bool = False) -> None:
        self._contactor = contactor
        self._precharge = precharge

    def drive(self, wires: Wires) -> None:
        """Open it."""
        if self._contactor:
            wires.contactor = False
        if self._precharge:
            wires.precharge = False


class WeldedCharger(Break):
    """The charger's relay stays closed."""

    def begin(self, world: "World") -> None:
        """Weld it."""
        world.charger.welded = True

    def end(self, world: "World") -> None:
        """Repair it."""
        world.charger.welded = False


class DeafCharger(Break):
    """A charger ignores its set-points and gives all that it has; a plain one has none."""

    def begin(self, world: "World") -> None:
        """Break it."""
        if isinstance(world.charger, SetpointCharger):
            world.charger.deaf = True

    def end(self, world: "World") -> None:
        """Repair it."""
        if isinstance(world.charger, SetpointCharger):
            world.charger.deaf = False


class Stalls(Break):
    """Every so often ticks do not come as they should, lengths_ticks of them in turn."""

    def __init__(self, every_ticks: int, *lengths_ticks: int, command: int = STALL) -> None:
        self._every = every_ticks
        self._lengths = lengths_ticks
        self._command = command
        self._tick = 0

    def sense(self, inputs: list[int], age_s: float) -> None:
        """Tell the controller what this tick is."""
        turn, tick = divmod(self._tick, self._every)
        if tick < self._lengths[turn % len(self._lengths)]:
            inputs[COMMAND] = self._command
        self._tick += 1


class Restart(Break):
    """The controller starts anew, once."""

    def __init__(self, power_lost: bool) -> None:
        self._power_lost = power_lost

    def begin(self, world: "World") -> None:
        """Reset it, or cut its power."""
        world.restart(self._power_lost)
