"""Test wishes: hand the wish for the test of an output to the loop, and end it at any byte.

Whoever watches says so in each slice; a byte of the port, whichever, is a hand on the keys.
"""

from service.desk import Desk
from vcu.loop import Loop


class Wishes:
    """Between desk and loop; step() once a slice while a test is asked for."""

    def __init__(self, loop: Loop, desk: Desk) -> None:
        self._loop = loop
        self._test = loop.output_test
        self._desk = desk
        self._port_bytes = 0

    def begin(self) -> None:
        """Ask the loop for what the desk wants; it decides."""
        desk = self._desk
        self._port_bytes = desk.port_bytes
        desk.is_watched = False
        self._test.ask(desk.wish, desk.value)
        self._loop.service_wanted = True

    def step(self) -> None:
        """Renew the wish where somebody watches, or take it back."""
        desk = self._desk
        if desk.port_bytes != self._port_bytes:
            self._test.stop()
        if desk.is_watched:
            desk.is_watched = False
            self._test.renew()
