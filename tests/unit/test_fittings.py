"""What a vehicle comes with: its charger and BMS, by its parameters, as a World uses them."""

from array import array
from types import SimpleNamespace

import pytest

from sim import frame
from sim.controller import board_scaling, load_board
from sim.driver import PedalDriver
from sim.fittings import NoCharger, fitted_bms, fitted_charger
from sim.plant.bms import NOTHING_MV
from sim.plant.charger import RelayCharger, SetpointCharger
from sim.vehicle import load_vehicle
from sim.world import World
from vcu.charge.bms import CellData
from vcu.charge.profiles import Profile
from vcu.preset import Preset
from vcu.signals import SLOW_BMS_CONTACTS


def values_of(name, **changes):
    return load_vehicle(name).with_values(changes).values


def rest_of(charger, pack_v, seconds=60):
    """Let it regulate onto a pack that stays at pack_v; return its current in A."""
    for _ in range(seconds):
        charger.step(pack_v, True, 100.0, 100.0, 1.0)
    return charger.current_a


def test_a_plain_charger_ends_its_constant_current_at_the_profile_s_absorption():
    values = values_of("three_wheel_48v_flooded")
    absorb_v = Profile(Preset(values)).cv("absorb") / 100
    assert isinstance(fitted_charger(values), RelayCharger)
    assert rest_of(fitted_charger(values), absorb_v * 0.994) == pytest.approx(12.0)
    assert rest_of(fitted_charger(values), absorb_v + 0.1) == 0.0


def test_a_plain_charger_floats_after_its_tail():
    values = values_of("three_wheel_48v_flooded")
    profile = Profile(Preset(values))
    charger = fitted_charger(values)
    float_v = profile.cv("float") / 100
    assert rest_of(charger, profile.cv("absorb") / 100 + 0.1) == 0.0
    assert rest_of(charger, float_v + 0.1) == 0.0
    assert rest_of(charger, float_v - 0.1) == pytest.approx(12.0)


def test_a_charger_with_set_points_is_as_large_as_its_parameters_say():
    charger = fitted_charger(values_of("four_wheel_72v_lfp", charger_full_cv=9000))
    assert isinstance(charger, SetpointCharger)
    assert rest_of(charger, 80.0) == pytest.approx(30.0)
    assert rest_of(charger, 90.5) == 0.0


def test_no_charger_gives_nothing_whatever_it_is_told():
    charger = fitted_charger(values_of("four_wheel_60v_agm", charger_kind=0))
    assert isinstance(charger, NoCharger)
    assert rest_of(charger, 60.0) == 0.0


def test_only_a_vehicle_with_a_bms_has_one():
    assert fitted_bms(values_of("four_wheel_60v_agm")) is None
    assert fitted_bms(values_of("four_wheel_72v_lfp")) is not None


class Told:
    """A BMS that says what the test wants."""

    def __init__(self):
        self.contacts_mv = 1336
        self.looks = []

    def step(self, battery, current_a, dt_s):
        self.looks.append((battery, current_a, dt_s))

    def fill(self, data):
        data.highest_mv = 3333
        data.fresh = True


class Silent:
    """A controller that commands a charger and does nothing else."""

    scaling = board_scaling(load_board("esp32_s3"))
    outputs = array("i", [0] * frame.OUTPUT_SIZE)

    def __init__(self, cell_data=None, **pins):
        self.cell_data = cell_data
        self.pins = pins
        self.beat = 0

    def exchange(self, inputs):
        self.beat ^= 1
        out = array("i", [0] * frame.OUTPUT_SIZE)
        out[frame.HEARTBEAT] = self.beat
        for name, level in self.pins.items():
            out[getattr(frame, name)] = level
        return out


class Parked(PedalDriver):
    def __init__(self, plug):
        super().__init__(lambda t: 0.0)
        self.parked_plug = plug

    def step(self, t_s, speed_mps, dt_s):
        self.key, self.plug, self.gear, self.brake = False, self.parked_plug, 0, 0.0


class Recorder:
    """A charger that gives 10 A while it is enabled, and notes what it was told."""

    welded = False

    def __init__(self):
        self.current_a = 0.0
        self.told = SimpleNamespace()

    def step(self, pack_v, enabled, set_v, set_a, dt_s):
        self.told = SimpleNamespace(pack_v=pack_v, set_v=set_v, set_a=set_a, dt_s=dt_s)
        self.current_a = 10.0 if enabled else 0.0


PINS = {"CHARGER": 1, "CHARGE_V_MV": 3630, "CHARGE_A_MV": 2500}


def test_a_charger_is_told_its_set_points_in_its_own_scale_and_its_current_is_measured():
    charger = Recorder()
    world = World(driver=Parked(True), charger=charger, controller=Silent(**PINS))
    world.run(1.0)
    told = charger.told
    assert (told.set_v, told.set_a) == (pytest.approx(72.6), pytest.approx(7.5))
    assert (told.dt_s, told.pack_v) == (0.01, pytest.approx(world.battery.voltage_v, abs=0.1))
    assert world.car.current_a == pytest.approx(-10.0)
    assert world.inputs[frame.PACK_A_MV] == pytest.approx(1500 - 40, abs=8)


def test_a_charger_gives_nothing_to_a_car_that_is_not_plugged_in():
    world = World(driver=Parked(False), charger=Recorder(), controller=Silent(**PINS))
    world.run(1.0)
    assert world.charger.current_a == 0.0
    assert world.car.current_a == pytest.approx(0.0, abs=0.1)


def test_pulling_the_plug_ends_the_current():
    world = World(driver=Parked(True), charger=Recorder(), controller=Silent(**PINS))
    world.run(1.0)
    assert world.charger.current_a == 10.0
    world.driver.parked_plug = False
    world.run(0.1)
    assert world.charger.current_a == 0.0
    assert world.car.current_a == pytest.approx(0.0, abs=0.1)


def test_what_a_bms_says_reaches_the_pin_and_the_serial_port_of_the_controller():
    bms, data = Told(), CellData()
    world = World("four_wheel_72v_lfp", driver=Parked(True), bms=bms, controller=Silent(data))
    world.run(0.5)
    wire = frame.SLOW_MV + SLOW_BMS_CONTACTS
    assert world.inputs[wire] == 1336
    assert (data.highest_mv, data.fresh) == (3333, True)
    battery, current_a, _ = bms.looks[-1]
    assert battery is world.battery and current_a == world.car.current_a
    assert sum(dt_s for _, _, dt_s in bms.looks) == pytest.approx(0.5, abs=0.11)
    bms.contacts_mv = 1980
    world.run(0.3)
    assert world.inputs[wire] == 1980


def test_without_a_bms_its_wire_is_open():
    world = World(driver=Parked(True), controller=Silent())
    world.run(0.2)
    assert world.inputs[frame.SLOW_MV + SLOW_BMS_CONTACTS] == NOTHING_MV
