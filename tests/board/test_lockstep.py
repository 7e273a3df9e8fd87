"""The whole firmware in MicroPython on the virtual board, against the loop alone in CPython."""

import random
from contextlib import closing

import pytest

from sim import frame
from sim.plant.bms import BOTH_MV, DISCHARGE_MV
from sim.vehicle import load_vehicle, vehicle_names
from tests.board.bench_car import BOARDS, Pair, Wheel, bench_inputs, values_for
from vcu import contactor, modes
from vcu.charge import phases
from vcu.modes import REASONS
from vcu.signals import SLOW_BMS_CONTACTS, SLOW_NAMES

pytestmark = pytest.mark.usefixtures("interpreter")


def drive_off(pair, wheel, stamps):
    """Key on, pre-charge, forward, pedal down, until the wheel turns fast; then brake and stop."""
    inputs = pair.inputs
    inputs[frame.PACK_V_MV] = 2350  # 78 V
    wheel.step(inputs, stamps)
    pair.run(20)
    inputs[frame.KEY_ON] = 1
    out = pair.run(100)  # the shut-off paths are exercised first
    assert out[frame.PRECHARGE] == 1 and out[frame.MODE] == modes.PRECHARGE
    inputs[frame.BUS_V_MV] = 2340
    out = pair.run(80)
    assert out[frame.CONTACTOR_STATE] == contactor.CLOSED and out[frame.MODE] == modes.READY
    inputs[frame.GEAR_FORWARD_ON] = 1
    assert pair.run(5)[frame.MODE] == modes.DRIVE
    fastest = 0
    most = 0
    for tick in range(600):
        travel = min(tick, 100)  # pressed within a second, which is no stab
        inputs[frame.PEDAL_A_MV] = 468 + 1842 * travel // 100
        inputs[frame.PEDAL_B_MV] = 234 + 921 * travel // 100
        wheel.pulses_per_s = min(wheel.pulses_per_s + tick % 2, 220)
        wheel.step(inputs, stamps)
        out = pair.step()
        inputs[frame.PACK_A_MV] = 1500 + out[frame.TORQUE_PERMILLE] * wheel.pulses_per_s // 440
        fastest = max(fastest, out[frame.SPEED_MMPS])
        most = max(most, out[frame.THROTTLE_MV])
    assert fastest > 8000 and most > 3000
    inputs[frame.BRAKE_ON] = 1
    inputs[frame.PEDAL_A_MV] = 468
    inputs[frame.PEDAL_B_MV] = 234
    inputs[frame.PACK_A_MV] = 1500
    for _ in range(200):
        wheel.pulses_per_s = max(wheel.pulses_per_s - 4, 0)
        wheel.step(inputs, stamps)
        out = pair.step()
    inputs[frame.KEY_ON] = 0
    out = pair.run(350)  # held up to 3 s while it saves
    assert out[frame.MODE] == modes.OFF
    assert out[frame.CONTACTOR] == out[frame.ENABLE] == out[frame.HOLD] == 0
    return out


@pytest.mark.parametrize("stamps", [True, False], ids=["stamps", "count"])
@pytest.mark.parametrize("board", BOARDS)
def test_a_drive_gives_the_same_frames_in_both_and_no_late_tick(board, stamps):
    with closing(Pair(board, values_for(board, "four_wheel_72v_lfp"), stamps)) as pair:
        # The count wraps on the way, and so does the clock of the board after five seconds.
        out = drive_off(pair, Wheel(3, start=65400), stamps)
        assert out[frame.LATE_TICKS] == 0
        assert out[frame.TICKS] == pair.ticks > 600


def charge(pair, ticks, until=-1):
    """Run with what the charger is told flowing into the pack, noisy, until a phase has current.

    Return the phase it came to; the relay charger gives all of its 20 A.
    """
    inputs = pair.inputs
    noise = random.Random(pair.ticks)
    for _ in range(ticks):
        out = pair.step()
        wires = pair.wires
        flows_ma = 0
        if wires.charger and inputs[frame.PLUG_IN]:
            flows_ma = wires.charge_a_mv * 6 if pair.has_setpoint else 20000
        inputs[frame.PACK_A_MV] = 1500 - flows_ma * 4 // 1000 + noise.randint(-2, 2)
        inputs[frame.PACK_V_MV] = 2376 + flows_ma // 1000 + noise.randint(-1, 1)
        if out[frame.CHARGE_PHASE] == until and flows_ma > 1000:
            break
    return out[frame.CHARGE_PHASE]


@pytest.mark.parametrize("board", BOARDS)
def test_a_charge_gives_the_same_frames_in_both_with_the_plug_in_and_out(board):
    contacts = frame.SLOW_MV + SLOW_BMS_CONTACTS
    with closing(Pair(board, values_for(board, "four_wheel_72v_lfp"))) as pair:
        inputs = pair.inputs
        inputs[frame.PACK_V_MV] = 2376  # 3.3 V a cell
        inputs[frame.PLUG_IN] = 1
        pair.has_setpoint = board == "esp32_s3"
        assert charge(pair, 100) == phases.CHECK
        assert charge(pair, 12000, phases.BULK) == phases.BULK
        charge(pair, 3300)  # more current waits half a minute
        out = pair.micropython.outputs
        assert out[frame.CHARGER] == 1 and out[frame.MODE] == modes.CHARGE
        absorb_cv = pair.cpython.loop.charge.profile.cv("absorb")
        assert out[frame.CHARGE_SET_CV] == absorb_cv
        # Full scale is 5 V at 100 V.
        assert out[frame.CHARGE_V_MV] == (absorb_cv // 2 if pair.has_setpoint else 0)
        assert (out[frame.CHARGE_A_MV] > 0) == pair.has_setpoint
        inputs[frame.PLUG_IN] = 0
        out = pair.step()
        assert out[frame.CHARGER] == out[frame.CHARGE_V_MV] == out[frame.CHARGE_A_MV] == 0
        assert charge(pair, 100) == phases.OFF
        for ticks in (1, 7, 30, 200):  # a plug that makes bad contact
            inputs[frame.PLUG_IN] ^= 1
            charge(pair, ticks)
        inputs[frame.PLUG_IN] = 1
        assert charge(pair, 12000, phases.BULK) == phases.BULK
        assert pair.micropython.outputs[frame.CHARGE_IN_MAH] > 0
        inputs[contacts] = DISCHARGE_MV
        assert charge(pair, 500) == phases.PAUSE
        inputs[frame.KEY_ON] = 1  # plugged in, it does not drive
        charge(pair, 200)
        assert pair.micropython.outputs[frame.MODE] == modes.CHARGE
        inputs[contacts] = BOTH_MV
        inputs[frame.PLUG_IN] = 0
        charge(pair, 200)
        assert pair.micropython.outputs[frame.MODE] == modes.PRECHARGE


def test_a_charger_that_the_board_cannot_command_is_refused_and_the_car_does_not_start():
    values = load_vehicle("four_wheel_72v_lfp").values
    with closing(Pair("esp32", values)) as pair:
        pair.inputs[frame.KEY_ON] = 1
        out = pair.run(100)
        assert out[frame.REASONS] & 1 << REASONS.index("parameters_broken")
        assert "refused_charger_kind; the car will not start" in pair.micropython.printed()
        pair.inputs[frame.PLUG_IN] = 1
        for _ in range(1200):
            assert pair.step()[frame.CHARGER] == 0


@pytest.mark.parametrize("name", vehicle_names())
def test_every_vehicle_starts_the_same_in_both(name):
    with closing(Pair("esp32_s3", load_vehicle(name).values)) as pair:
        pair.inputs[frame.KEY_ON] = 1
        pair.run(50)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("board", BOARDS)
def test_random_inputs_give_the_same_frames_in_both(board, seed):
    rnd = random.Random(seed)
    wheel = Wheel(seed)
    vehicle = vehicle_names()[seed % len(vehicle_names())]
    seen = set()
    with closing(Pair(board, values_for(board, vehicle))) as pair:
        inputs = pair.inputs
        inputs[frame.KEY_ON] = 1
        pair.run(30)
        inputs[frame.BUS_V_MV] = inputs[frame.PACK_V_MV]
        for _ in range(700):
            wheel.pulses_per_s = max(0, min(400, wheel.pulses_per_s + rnd.randint(-5, 6)))
            wheel.step(inputs, True)
            chance = rnd.random()
            if chance < 0.1:
                index = rnd.choice((frame.GEAR_FORWARD_ON, frame.GEAR_REVERSE_ON, frame.BRAKE_ON))
                inputs[index] ^= 1
            elif chance < 0.11:
                inputs[rnd.choice((frame.KEY_ON, frame.PLUG_IN))] ^= 1
            elif chance < 0.3:
                travel = rnd.choice((0.0, 0.0, rnd.random(), 1.0))
                inputs[frame.PEDAL_A_MV] = int(468 + 1842 * travel)
                inputs[frame.PEDAL_B_MV] = int(234 + 921 * travel)
            elif chance < 0.32:  # a converter that fails, a wire that is off or on the supply
                inputs[rnd.randrange(frame.PULSES)] = rnd.choice((-1, 0, 3300))
            elif chance < 0.5:
                inputs[frame.PACK_A_MV] = rnd.randint(1100, 1900)
                inputs[frame.PACK_V_MV] = rnd.randint(1200, 2400)
                inputs[frame.BUS_V_MV] = inputs[frame.PACK_V_MV]
                inputs[frame.SLOW_MV + rnd.randrange(len(SLOW_NAMES))] = rnd.randint(0, 3300)
            elif chance < 0.6:
                fresh = bench_inputs()
                inputs[: frame.PULSES] = fresh[: frame.PULSES]
                inputs[frame.BUS_V_MV] = inputs[frame.PACK_V_MV]
            seen.add(pair.step()[frame.MODE])
        assert pair.micropython.outputs[frame.LATE_TICKS] == 0
    assert len(seen) >= 3


def test_a_refused_value_is_printed_and_the_car_does_not_start():
    values = {"speed_cap_kmh": 57, "no_such_name": 1}
    with closing(Pair("esp32_s3", values)) as pair:
        pair.run(20)
        pair.inputs[frame.KEY_ON] = 1
        out = pair.run(100)
        assert out[frame.MODE] == modes.FAULT
        assert out[frame.REASONS] & 1 << REASONS.index("parameters_broken")
        printed = pair.micropython.printed()
    assert printed.count("refused_speed_cap_kmh") == printed.count("refused_no_such_name") == 1


@pytest.mark.parametrize("power_lost", [False, True])
def test_a_restart_in_the_middle_of_a_drive_begins_anew_with_safe_outputs_in_both(power_lost):
    wheel = Wheel(11)
    wheel.pulses_per_s = 90
    with closing(Pair("esp32_s3", load_vehicle("four_wheel_60v_agm").values)) as pair:
        pair.inputs[frame.KEY_ON] = 1
        for _ in range(150):
            wheel.step(pair.inputs, True)
            out = pair.step()
        assert out[frame.TICKS] == 150
        pair.restart(power_lost)
        for controller in (pair.cpython, pair.micropython):
            for _ in range(30):
                out = controller.exchange(pair.inputs)
                assert out[frame.THROTTLE_MV] <= 800 and out[frame.CONTACTOR] == 0
            assert out[frame.TICKS] == 30
