"""What the pins of a controller read in a healthy car that nobody has touched for a while."""

from array import array

from sim.driver import ParkedDriver
from sim.world import World

_STEPS = 300


def resting_inputs(vehicle: str, board: str) -> "array[int]":
    """Return the input frame; VehicleError or ControllerError for a name that there is not."""
    with World(vehicle, driver=ParkedDriver(), board=board) as world:
        for _ in range(_STEPS):
            world.step()
        return array("i", world.inputs)
