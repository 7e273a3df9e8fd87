"""What the pins of a controller read in a healthy car that nobody has touched for a while."""

from array import array

from sim.world import World

_STEPS = 300


class _Nobody:
    """Key off, neutral, pedal released, brake on, not plugged in."""

    def __init__(self) -> None:
        self.key = False
        self.plug = False
        self.gear = 0
        self.pedal = 0.0
        self.brake = 1.0

    def step(self, t_s: float, speed_mps: float, dt_s: float) -> None:
        """Leave everything as it is."""


def resting_inputs(vehicle: str, board: str) -> "array[int]":
    """Return the input frame; VehicleError or ControllerError for a name that there is not."""
    with World(vehicle, driver=_Nobody(), board=board) as world:
        for _ in range(_STEPS):
            world.step()
        return array("i", world.inputs)
