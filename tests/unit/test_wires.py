"""Wires: the heartbeat's pumps and the guard gate what reaches the car, each in its own time."""

from array import array

import pytest

from sim import frame
from sim.wires import Wires


def pins(heartbeat, **levels):
    out = array("i", [0] * frame.OUTPUT_SIZE)
    out[frame.HEARTBEAT] = heartbeat
    for name, level in levels.items():
        out[getattr(frame, name)] = level
    return out


ALL = {"ENABLE": 1, "GUARD": 1, "CONTACTOR": 1, "PRECHARGE": 1, "CHARGER": 1}


def follow_ticks(wires, ticks, heartbeat):
    for _ in range(ticks):
        wires.follow(pins(heartbeat, **ALL))


def test_nothing_reaches_the_car_before_the_first_edge_of_the_heartbeat():
    wires = Wires()
    follow_ticks(wires, 50, 0)
    assert not (wires.enable or wires.contactor or wires.precharge or wires.charger)
    follow_ticks(wires, 1, 1)
    assert wires.enable and wires.contactor and wires.precharge and wires.charger


@pytest.mark.parametrize(
    ("wire", "ticks"), [("enable", 10), ("contactor", 70), ("precharge", 70), ("charger", 200)]
)
def test_a_wire_drops_when_its_pump_has_had_no_edge_for_its_time(wire, ticks):
    wires = Wires()
    follow_ticks(wires, ticks, 1)
    assert getattr(wires, wire)
    follow_ticks(wires, 1, 1)
    assert not getattr(wires, wire)
    follow_ticks(wires, 1, 0)
    assert getattr(wires, wire)


@pytest.mark.parametrize("missing", ["ENABLE", "GUARD"])
def test_the_enable_line_needs_the_pin_and_the_guard(missing):
    wires = Wires()
    wires.follow(pins(1, **(ALL | {missing: 0})))
    assert not wires.enable and wires.contactor


@pytest.mark.parametrize("pin", ["CONTACTOR", "PRECHARGE", "CHARGER"])
def test_a_coil_needs_its_own_pin(pin):
    wires = Wires()
    wires.follow(pins(1, **(ALL | {pin: 0})))
    assert not getattr(wires, pin.lower())
    assert wires.enable


def test_the_charger_s_set_points_fall_with_its_relay_s_pump():
    wires = Wires()
    told = {"CHARGER": 1, "CHARGE_V_MV": 4000, "CHARGE_A_MV": 2500}
    wires.follow(pins(0, **told))
    assert (wires.charge_v_mv, wires.charge_a_mv) == (0, 0)
    for _ in range(200):
        wires.follow(pins(1, **told))
    assert (wires.charger, wires.charge_v_mv, wires.charge_a_mv) == (True, 4000, 2500)
    wires.follow(pins(1, **told))
    assert (wires.charger, wires.charge_v_mv, wires.charge_a_mv) == (False, 0, 0)


def test_the_set_points_do_not_wait_for_the_relay():
    wires = Wires()
    wires.follow(pins(1, CHARGE_V_MV=4000, CHARGE_A_MV=2500))
    assert (wires.charger, wires.charge_v_mv, wires.charge_a_mv) == (False, 4000, 2500)


def test_voltages_pass_as_they_are():
    wires = Wires()
    wires.follow(pins(0, THROTTLE_MV=3000, REGEN_PERMILLE=400, REVERSE=1))
    assert (wires.throttle_mv, wires.regen_permille, wires.reverse) == (3000, 400, True)
