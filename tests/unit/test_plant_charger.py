"""The plant's chargers: a plain one follows its curve, one with set-points what it is told."""

import pytest

from sim.plant.battery import make_battery
from sim.plant.charger import RelayCharger, SetpointCharger, Socket

CELLS = 30
FULL_V = 2.43 * CELLS
FLOAT_V = 2.27 * CELLS


def pack(soc=0.5):
    return make_battery("agm", CELLS, 100.0, soc)


def run(charger, battery, seconds, enabled=True, volts=FULL_V, amps=10.0):
    for _ in range(seconds):
        charger.step(battery.voltage_v, enabled, volts, amps, 1.0)
        battery.step(-charger.current_a, 1.0, 25.0)
    return charger.current_a


def plain(socket=None):
    return RelayCharger(15.0, FULL_V, FLOAT_V, 3.0, socket)


def obedient(socket=None):
    return SetpointCharger(20.0, 110.0, socket)


@pytest.mark.parametrize("charger", [plain(), obedient()], ids=["plain", "set-point"])
def test_an_open_relay_or_dead_mains_give_no_current_at_once(charger):
    battery = pack()
    assert run(charger, battery, 60) > 5.0
    assert run(charger, battery, 1, enabled=False) == 0.0
    assert charger.mains_a == 0.0
    assert run(charger, battery, 60) > 5.0
    charger.socket.mains = False
    assert run(charger, battery, 1) == 0.0


@pytest.mark.parametrize("charger", [plain(), obedient()], ids=["plain", "set-point"])
def test_a_welded_relay_feeds_the_pack_whatever_is_commanded(charger):
    charger.welded = True
    assert run(charger, pack(), 60, enabled=False) > 5.0


@pytest.mark.parametrize("charger", [plain(), obedient()], ids=["plain", "set-point"])
def test_no_charger_starts_into_a_dead_short(charger):
    charger.step(9.9, True, FULL_V, 10.0, 1.0)
    assert charger.current_a == 0.0


def highest_v(charger, battery, seconds):
    highest = 0.0
    for _ in range(seconds):
        run(charger, battery, 1)
        highest = max(highest, battery.voltage_v)
    return highest


def test_a_plain_charger_gives_its_current_then_holds_its_voltage_then_floats():
    charger, battery = plain(), pack(0.9)
    assert run(charger, battery, 10) == pytest.approx(15.0)
    assert highest_v(charger, battery, 3 * 3600) == pytest.approx(FULL_V, abs=0.4)
    assert battery.voltage_v == pytest.approx(FLOAT_V, abs=0.4)
    assert charger.current_a < 3.0


def test_a_plain_charger_begins_its_curve_anew_when_its_relay_closes():
    charger, battery = plain(), pack(0.9)
    run(charger, battery, 3 * 3600)
    assert highest_v(charger, battery, 600) < FLOAT_V + 0.2
    run(charger, battery, 10, enabled=False)
    assert highest_v(charger, battery, 600) == pytest.approx(FULL_V, abs=0.4)


def test_a_charger_with_set_points_follows_current_and_voltage():
    charger, battery = obedient(), pack()
    assert run(charger, battery, 60, amps=7.5) == pytest.approx(7.5)
    run(charger, battery, 600, volts=64.0, amps=20.0)
    assert battery.voltage_v == pytest.approx(64.0, abs=0.1)


def test_it_gives_no_more_than_its_rating_and_what_its_input_lets_through():
    assert run(obedient(), pack(), 60, amps=50.0) == pytest.approx(20.0)
    socket = Socket(volts=110.0, amps=8.0)
    charger, battery = obedient(socket), pack()
    current_a = run(charger, battery, 60, amps=50.0)
    assert current_a * battery.voltage_v == pytest.approx(110.0 * 8.0 * 0.9, rel=0.01)
    assert charger.mains_a == pytest.approx(8.0, rel=0.01)


def test_a_deaf_one_gives_all_it_has():
    charger = obedient()
    charger.deaf = True
    assert run(charger, pack(), 60, volts=40.0, amps=1.0) == pytest.approx(20.0)
