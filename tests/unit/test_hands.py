"""Hands: a line typed at a virtual board does one thing to its car, or nothing and says so."""

import os
from collections.abc import Generator

import pytest

from host_tools import hands
from host_tools.hands import Hands, Typed
from sim.driver import ParkedDriver
from sim.frame import MODE, REASONS
from sim.world import World
from vcu.modes import CHARGE, DRIVE


class Bench:
    """A parked car and the hands at it."""

    def __init__(self, vehicle: str = "four_wheel_60v_agm") -> None:
        self.driver = ParkedDriver()
        self.world = World(vehicle, driver=self.driver)
        self.hands = Hands(self.world, self.driver)

    def type(self, *lines: str, seconds: float = 1.0) -> str:
        said = ""
        for line in lines:
            said = self.hands.obey(line)
            self.world.run(seconds)
        return said


def test_a_drive_can_be_typed() -> None:
    bench = Bench()
    bench.type("key on", seconds=3.0)
    said = bench.type("gear forward", "brake off", "Pedal 60")
    assert said.startswith("key on, gear forward, pedal 60%, brake off, plug out; 0.0 km/h, ")
    bench.world.run(3.0)
    assert bench.world.outputs[MODE] == DRIVE and bench.world.car.speed_mps > 2.0
    bench.type("pedal 0", "brake on", seconds=6.0)
    assert bench.type("gear neutral", "key off").startswith("key off, gear neutral, pedal 0%")


def test_the_plug_goes_in_and_out() -> None:
    bench = Bench()
    bench.type("plug in", seconds=2.0)
    assert bench.world.outputs[MODE] == CHARGE
    assert "plug out" in bench.type("plug out", seconds=2.0)
    assert bench.world.outputs[MODE] != CHARGE


def test_a_cut_takes_the_controllers_supply_and_the_car_drives_no_more() -> None:
    bench = Bench()
    bench.type("key on", seconds=3.0)
    bench.type("gear forward", "brake off")
    bench.type("pedal 60")
    bench.type("cut", seconds=2.0)
    assert bench.world.outputs[MODE] != DRIVE and bench.world.outputs[REASONS] != 0


@pytest.mark.parametrize(
    "line", ["key", "key maybe", "gear 3", "pedal 101", "pedal -1", "pedal x", "brake", "jump"]
)
def test_what_is_not_understood_does_nothing_and_says_what_there_is(line: str) -> None:
    bench = Bench()
    before = dict(vars(bench.driver))
    said = bench.hands.obey(line)
    assert said == f"not understood, nothing was done: {line!r}; {hands.WORDS}"
    assert vars(bench.driver) == before


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Generator[int]:
    """The end of a pipe that is standard input's other one."""
    reader, writer = os.pipe()
    monkeypatch.setattr(hands, "_STDIN", reader)
    yield writer
    os.close(reader)


def test_lines_come_whole_and_without_waiting(keyboard: int) -> None:
    typed = Typed()
    assert typed.lines() == []
    os.write(keyboard, b"key on\n\ngear for")
    assert typed.lines() == ["key on"]
    os.write(keyboard, b"ward\n")
    assert typed.lines() == ["gear forward"]
    os.close(keyboard)
    assert typed.lines() == []
    assert typed.lines() == []


def test_without_standard_input_nothing_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    monkeypatch.setattr(hands, "_STDIN", reader)
    assert Typed().lines() == []


def test_a_job_in_the_background_leaves_the_terminal_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def yes(_fd: int) -> bool:
        return True

    def somebody_else(_fd: int) -> int:
        return os.getpgrp() + 1

    monkeypatch.setattr(os, "isatty", yes)
    monkeypatch.setattr(os, "tcgetpgrp", somebody_else)
    reader, writer = os.pipe()
    monkeypatch.setattr(hands, "_STDIN", reader)
    os.write(writer, b"key on\n")
    assert Typed().lines() == []
    os.close(reader)
    os.close(writer)
