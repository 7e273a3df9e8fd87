"""A pedal of round numbers, read one tick at a time."""

from tests.unit.cars import make_params
from vcu.pedal import Pedal
from vcu.signals import Signals

# One count of A is 1 permille of travel, one count of B is 2.
PLAIN = {
    "pedal_a_released_counts": 1000,
    "pedal_a_pressed_counts": 2000,
    "pedal_b_released_counts": 500,
    "pedal_b_pressed_counts": 1000,
    "pedal_slack_counts": 40,
    "pedal_deadband_permille": 60,
    "pedal_curve_permille": 0,
}
GOOD_A, GOOD_B = 1500, 750
BROKEN = (0, 0, 0)
RELEASED = (1, 1, 0)


def make_pedal(**changes):
    return Pedal(make_params(**(PLAIN | changes)))


def make_channel(released, pressed, slack=40):
    """Return a pedal of one channel and a straight curve."""
    return make_pedal(
        pedal_channels=1,
        pedal_a_released_counts=released,
        pedal_a_pressed_counts=pressed,
        pedal_slack_counts=slack,
        pedal_deadband_permille=20,
    )


def read(pedal, a_counts, b_counts, supply_ok=True, dt_ms=10):
    """Return (valid, released, permille) after one tick, with no stale value left behind."""
    sig = Signals()
    sig.pedal_valid = sig.pedal_released = sig.pedal_permille = 7
    pedal.step(a_counts, b_counts, supply_ok, sig, dt_ms)
    return sig.pedal_valid, sig.pedal_released, sig.pedal_permille


def travelled(pedal, travel_permille):
    """Return the same for both channels at the same travel, an even permille."""
    return read(pedal, 1000 + travel_permille, 500 + travel_permille // 2)
