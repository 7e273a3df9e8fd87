"""Hands: what somebody types into the terminal of a virtual board is done to its car."""

import os
import select

from sim.driver import ParkedDriver
from sim.world import World

WORDS = "key on|off, gear forward|neutral|reverse, pedal 0..100, brake on|off, plug in|out, cut"
_GEARS = {"forward": 1, "neutral": 0, "reverse": -1}
_ON = {"on": True, "off": False}
_IN = {"in": True, "out": False}
_STDIN = 0
_READ_BYTES = 4096


class Hands:
    """The person at a car that stood parked: obey() does what one line says."""

    def __init__(self, world: World, driver: ParkedDriver) -> None:
        self._world = world
        self._driver = driver

    def obey(self, line: str) -> str:
        """Do what line says, or nothing where it is not one of WORDS; return what to print."""
        if not self._do(line.lower().split()):
            return f"not understood, nothing was done: {line.strip()!r}; {WORDS}"
        driver = self._driver
        return (
            f"key {_word(_ON, driver.key)}, gear {_word(_GEARS, driver.gear)},"
            f" pedal {driver.pedal:.0%}, brake {_word(_ON, driver.brake > 0.0)},"
            f" plug {_word(_IN, driver.plug)}; {self._world.car.speed_mps * 3.6:.1f} km/h,"
            f" {self._world.battery.voltage_v:.1f} V"
        )

    def _do(self, words: list[str]) -> bool:
        driver = self._driver
        match words:
            case ["key", state] if state in _ON:
                driver.key = _ON[state]
            case ["plug", state] if state in _IN:
                driver.plug = _IN[state]
            case ["gear", gear] if gear in _GEARS:
                driver.gear = _GEARS[gear]
            case ["brake", state] if state in _ON:
                driver.brake = float(_ON[state])
            case ["pedal", percent] if percent.isdecimal() and int(percent) <= 100:
                driver.pedal = int(percent) / 100.0
            case ["cut"]:
                self._world.restart(power_lost=True)
            case _:
                return False
        return True


def _word(words: dict[str, bool] | dict[str, int], value: bool | int) -> str:
    return next(word for word, meant in words.items() if meant == value)


class Typed:
    """Whole lines of standard input as they come; lines() never waits."""

    def __init__(self) -> None:
        self._ended = False
        self._begun = b""

    def lines(self) -> list[str]:
        """Return what has been typed since the last call; nothing where input has ended.

        A job in the background leaves the terminal alone: reading it would stop the board.
        """
        if self._ended:
            return []
        try:
            if os.isatty(_STDIN) and os.tcgetpgrp(_STDIN) != os.getpgrp():
                return []
            if not select.select([_STDIN], [], [], 0.0)[0]:
                return []
            data = os.read(_STDIN, _READ_BYTES)
        except OSError:  # there is none
            data = b""
        self._ended = not data
        *whole, self._begun = (self._begun + data).split(b"\n")
        return [line.decode(errors="replace") for line in whole if line.strip()]
