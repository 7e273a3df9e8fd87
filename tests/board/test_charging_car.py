"""A car at its socket, with all of the firmware in MicroPython: it charges, and only there."""

import pytest

from sim import frame
from sim.driver import PedalDriver
from sim.faults import make_fault
from sim.vehicle import load_vehicle, vehicle_names
from sim.world import World
from vcu import modes
from vcu.charge import phases
from vcu.charge.command import RELAY

pytestmark = pytest.mark.usefixtures("interpreter")

# The zero of the current sensor is measured first, then more current waits half a minute.
CHARGES_S = 110


class Owner(PedalDriver):
    """Leaves the car with its plug in, or out; the key is off."""

    def __init__(self, plug=True):
        super().__init__(lambda t: 0.0)
        self.parked_plug = plug

    def step(self, t_s, speed_mps, dt_s):
        self.key, self.plug, self.gear = False, self.parked_plug, 0
        self.pedal, self.brake = 0.0, 0.0


def plugged_in(name, board="esp32_s3", faults=(), **changes):
    vehicle = load_vehicle(name).with_values(changes)
    return World(
        vehicle, driver=Owner(), soc=0.4, runtime="micropython", board=board, faults=faults
    )


@pytest.mark.parametrize("name", vehicle_names())
def test_every_vehicle_that_is_plugged_in_charges_with_what_its_charger_has(name):
    with plugged_in(name) as world:
        before = world.battery.soc
        world.run(CHARGES_S)
        out = world.outputs
        assert out[frame.MODE] == modes.CHARGE
        assert out[frame.CHARGE_PHASE] == phases.BULK
        rated_a = world.vehicle.values["charger_max_da"] / 10
        mains_a = 230 * 10 * 0.9 / world.battery.voltage_v  # the default cap of the socket
        assert world.charger.current_a == pytest.approx(min(rated_a, mains_a), rel=0.02)
        assert world.battery.soc > before and out[frame.CHARGE_IN_MAH] > 50
        world.driver.parked_plug = False
        world.run(0.1)
        assert not world.wires.charger
        assert world.wires.charge_v_mv == world.wires.charge_a_mv == 0


def test_a_board_without_set_points_charges_with_a_plain_charger():
    with plugged_in("four_wheel_60v_agm", "esp32", charger_kind=RELAY) as world:
        world.run(CHARGES_S)
        assert world.outputs[frame.CHARGE_PHASE] == phases.BULK
        assert world.charger.current_a == pytest.approx(15.0)
        assert world.wires.charge_v_mv == world.wires.charge_a_mv == 0


@pytest.mark.parametrize("fault", ["bms_open", "bms_short"])
def test_a_lithium_pack_whose_bms_wire_breaks_is_not_charged_any_more(fault):
    with plugged_in("four_wheel_72v_lfp", faults=(make_fault(fault, 80.0),)) as world:
        world.run(79)
        assert world.outputs[frame.CHARGE_PHASE] == phases.BULK
        world.run(3)
        assert not world.wires.charger
        assert world.outputs[frame.CHARGE_PHASE] != phases.BULK
        assert world.charger.current_a == 0.0


def test_a_car_without_a_charger_of_its_own_does_not_close_the_relay():
    with plugged_in("four_wheel_60v_agm", charger_kind=0) as world:
        world.run(20)
        assert world.outputs[frame.CHARGE_CAUSE] == phases.NO_CHARGER
        assert not world.wires.charger and world.charger.current_a == 0.0
