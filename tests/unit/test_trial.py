"""Trial: a version is trusted after 30 clean seconds, and a key-off is no failed start."""

import json

import pytest

import selector
from service.slots import Slots
from service.trial import Trial
from tests.unit.cars import make_scaling
from tests.unit.garage import VALUES, Garage
from tests.unit.runs import Board
from tests.unit.slot_disk import Disk, bundle, put
from vcu.loop import Loop
from vcu.modes import FAULT, OFF, SELFTEST
from vcu.params import Params

SLICE_MS = 100


class Run:
    """A run of the version in slot b, which is on trial, in slices of 100 ms."""

    def __init__(self, running="b"):
        self.disk = Disk()
        for slot, version in (("a", "1.0.0"), ("b", "1.1.0")):
            put(self.disk, slot, bundle(version))
        record = selector.make("b", 1, False, "", "")
        self.disk.files["/slot"] = selector.pack(record).encode()
        self.slots = Slots("", json, disk=self.disk)
        self.slots.running = running
        self.trial = Trial(self.slots)
        self.loop = Loop(make_scaling(), Params())
        self.loop.modes.mode = OFF
        self.loop.raw.key_on = 1
        self.is_parked = True
        self.is_clean = True

    def pass_ms(self, ms):
        """Let that many ms pass; return how many slices touched flash."""
        touched = 0
        for _ in range(ms // SLICE_MS):
            before = self.disk.operations
            self.trial.step(self.loop, self.is_parked, self.is_clean, SLICE_MS)
            touched += self.disk.operations > before
        return touched

    @property
    def kept(self):
        return selector.parse(self.disk.files["/slot"].decode())


def test_a_version_is_trusted_after_30_clean_seconds_and_not_a_slice_sooner():
    run = Run()
    run.pass_ms(29900)
    assert not run.kept["confirmed"]
    assert run.pass_ms(100) == 1
    assert run.kept["confirmed"]
    assert run.pass_ms(60000) == 0


@pytest.mark.parametrize("mode", [SELFTEST, FAULT])
def test_seconds_of_a_self_test_or_a_failure_do_not_count_and_begin_anew(mode):
    run = Run()
    run.pass_ms(29000)
    run.loop.modes.mode = mode
    run.pass_ms(100)
    run.loop.modes.mode = OFF
    run.pass_ms(29900)
    assert not run.kept["confirmed"]
    run.pass_ms(100)
    assert run.kept["confirmed"]


def test_a_service_that_fails_is_no_clean_run():
    run = Run()
    run.is_clean = False
    run.pass_ms(90000)
    assert not run.kept["confirmed"]


def test_nothing_is_written_while_the_car_could_move():
    run = Run()
    run.is_parked = False
    assert run.pass_ms(90000) == 0
    assert run.disk.operations == 0
    run.is_parked = True
    run.pass_ms(100)
    assert run.kept["confirmed"]


def rolling_with_key_off():
    run = Run()
    run.pass_ms(5000)
    run.loop.raw.key_on = 0
    run.is_parked = False
    return run


def test_a_key_off_takes_its_start_back_and_holds_the_supply_for_it():
    run = rolling_with_key_off()
    run.pass_ms(1000)
    assert run.trial.holds()
    run.is_parked = True
    run.pass_ms(100)
    assert not run.trial.holds()
    assert run.kept["trial"] == 0
    run.loop.raw.key_on = 1
    run.pass_ms(100)
    assert run.kept["trial"] == 1


def test_the_supply_is_not_held_for_ever():
    run = rolling_with_key_off()
    run.pass_ms(2900)
    assert run.trial.holds()
    run.pass_ms(100)
    assert not run.trial.holds()


def test_an_end_that_a_person_asked_for_takes_the_start_back():
    run = Run()
    run.trial.end()
    run.trial.end()
    assert run.kept["trial"] == 0


def test_a_refusal_of_flash_is_told_and_tried_again_later():
    run = Run()
    run.disk.is_full = True
    assert run.pass_ms(31000) == 1
    assert "errno 28" in run.trial.failure
    run.disk.is_full = False
    run.pass_ms(30000)
    assert run.kept["confirmed"]
    assert run.trial.failure == ""


def test_a_version_that_is_not_the_one_on_trial_writes_nothing():
    run = Run(running="a")
    run.pass_ms(90000)
    run.trial.end()
    assert run.disk.operations == 0


def test_parameters_of_another_vehicle_give_way_when_the_version_is_trusted_and_no_sooner(
    tmp_path,
):
    garage = Garage(Board(tmp_path))
    garage.good("set speed_cap_kmh 50", "save")
    other = {"speed_cap_kmh": 40}
    for is_trusted in (False, True):
        garage = garage.leave(other)
        run = Run()
        garage.services.trial = run.trial
        garage.wait_s(29)
        if is_trusted:
            garage.wait_s(5)
        assert run.kept["confirmed"] == is_trusted
        garage = garage.leave(VALUES)
        assert garage.params.get("speed_cap_kmh") == (45 if is_trusted else 50)
