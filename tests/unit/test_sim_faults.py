"""Injected faults: each changes what it says, from its onset until its end, and nothing else."""

import math
from array import array
from itertools import pairwise

import pytest

from sim import frame
from sim.controller import board_scaling, load_board
from sim.faults import FAULTS, KINDS, FaultError, make_fault, parse_fault
from sim.plant.bms import BOTH_MV
from sim.plant.sensors import SensorData
from sim.vehicle import load_vehicle
from sim.world import BOOT_TICKS, World
from vcu.signals import (
    SLOW_BATTERY_TEMP,
    SLOW_BMS_CONTACTS,
    SLOW_CONTROLLER_TEMP,
    SLOW_MOTOR_TEMP,
    SLOW_NAMES,
    SLOW_ORDER,
    SLOW_SENSOR_5V,
    SLOW_THROTTLE_READBACK,
)

# Key at power-on, contactor at 1 s, then some throttle: at ONSET the car rolls and draws current.
ONSET_S = 8.0
ONSET_TICKS = 800
WIRES = ("throttle_mv", "regen_permille", "enable", "reverse", "contactor", "precharge", "charger")


class Script:
    """A controller that starts the car and drives it, whatever it reads."""

    scaling = board_scaling(load_board("esp32_s3"))

    def __init__(self):
        self.outputs = array("i", [0] * frame.OUTPUT_SIZE)
        self.cell_data = None
        self.ticks = 0
        self.seen = []
        self.restarts = []

    def exchange(self, inputs):
        self.ticks += 1
        self.seen.append(array("i", inputs))
        self.outputs = out = array("i", [0] * frame.OUTPUT_SIZE)
        out[frame.HEARTBEAT] = self.ticks & 1
        out[frame.PRECHARGE] = 20 <= self.ticks <= 100
        out[frame.CONTACTOR] = self.ticks > 90
        out[frame.ENABLE] = out[frame.GUARD] = self.ticks > 100
        out[frame.THROTTLE_MV] = 1800 + self.ticks
        return out

    def restart(self, power_lost):
        self.restarts.append(power_lost)

    def close(self):
        pass


class Foot:
    """A driver whose pedal never stands still, and who brakes from 9.0 to 9.5 s."""

    def __init__(self):
        self.key, self.plug, self.gear, self.pedal, self.brake = True, False, 1, 0.0, 0.0

    def step(self, t_s, speed_mps, dt_s):
        self.pedal = 0.5 + 0.1 * math.sin(3.0 * t_s)
        self.brake = 0.05 if 9.0 <= t_s < 9.5 else 0.0


class Closed:
    """A BMS whose two contacts are closed."""

    bits = 3
    contacts_mv = BOTH_MV

    def step(self, battery, current_a, dt_s):
        pass

    def fill(self, data):
        raise AssertionError("the controller has no serial port")


def make_world(*faults, stamps=True, driver=None):
    vehicle = load_vehicle("four_wheel_60v_agm").with_values({"motor_pulses_per_turn": 48})
    data = SensorData(stamps=stamps)
    parts = {"driver": driver or Foot(), "controller": Script(), "bms": Closed()}
    return World(vehicle, sensors=data, faults=faults, **parts)


def run(seconds, *faults, stamps=True):
    """Return the world after that time, and its wires in each tick."""
    world = make_world(*faults, stamps=stamps)
    wires = []
    for _ in range(round(seconds / 0.01)):
        world.step()
        wires.append({name: getattr(world.wires, name) for name in WIRES})
    return world, wires


@pytest.fixture(scope="module")
def whole():
    world, wires = run(10.0)
    return world.controller.seen, wires


def names_of_changes(seen, others):
    """Return the indices at which two lists of frames differ anywhere."""
    return {
        index
        for ours, theirs in zip(seen, others, strict=True)
        for index in range(frame.INPUT_SIZE)
        if ours[index] != theirs[index]
    }


def slow(channel):
    return frame.SLOW_MV + channel


A, B = frame.PEDAL_A_MV, frame.PEDAL_B_MV
WHEEL = {frame.PULSES, frame.EDGE_PULSES, frame.EDGE_AGE_US}
ALL_SLOW = {slow(i) for i in range(len(SLOW_NAMES))}
PEDAL_FAULTS = ("open", "short_ground", "short_supply", "stuck", "offset_high", "offset_low")
PEDAL_FAULTS += ("drift", "noise", "intermittent")
INPUT_CHANGES = {
    **{f"pedal_a_{what}": {A} for what in PEDAL_FAULTS},
    **{f"pedal_b_{what}": {B} for what in PEDAL_FAULTS},
    "pedal_swapped": {A, B},
    "pedal_ground_lift": {A, B},
    "sensor_5v_off": {A, B, slow(SLOW_SENSOR_5V)},
    "sensor_5v_low": {A, B, slow(SLOW_SENSOR_5V)},
    "sensor_5v_high": {A, B, slow(SLOW_SENSOR_5V)},
    "adc_frozen": {A, B, frame.PACK_V_MV, frame.BUS_V_MV, frame.PACK_A_MV, *ALL_SLOW}
    - {slow(SLOW_ORDER[(ONSET_TICKS - 1) % len(SLOW_ORDER)])},
    "adc_failed": {A, B, frame.PACK_V_MV, frame.BUS_V_MV, frame.PACK_A_MV, *ALL_SLOW},
    **{f"pulses_{what}": WHEEL for what in ("lost", "halved", "doubled", "noise", "stuck")},
    "motor_hall_lost": {frame.MOTOR_PULSES},
    "throttle_readback_open": {slow(SLOW_THROTTLE_READBACK)},
    "battery_temp_open": {slow(SLOW_BATTERY_TEMP)},
    "battery_temp_short": {slow(SLOW_BATTERY_TEMP)},
    "motor_temp_open": {slow(SLOW_MOTOR_TEMP)},
    "controller_temp_open": {slow(SLOW_CONTROLLER_TEMP)},
    "pack_v_open": {frame.PACK_V_MV},
    "pack_v_high": {frame.PACK_V_MV},
    "pack_a_stuck": {frame.PACK_A_MV},
    "pack_a_zero": {frame.PACK_A_MV},
    "pack_a_open": {frame.PACK_A_MV},
    "bus_v_open": {frame.BUS_V_MV},
    "brake_stuck_on": {frame.BRAKE_ON},
    "brake_open": {frame.BRAKE_ON},
    "brake_stuck_off": {frame.BRAKE_ON},
    "gear_both": {frame.GEAR_REVERSE_ON},
    "key_bounce": {frame.KEY_ON},
    "plug_open": {frame.PLUG_IN},
    "plug_stuck_out": set(),  # it is out as it is
    "bms_open": {slow(SLOW_BMS_CONTACTS)},
    "bms_short": {slow(SLOW_BMS_CONTACTS)},
    **{f"tick_late_{ms}": {frame.COMMAND} for ms in (15, 50, 500)},
    "tick_skipped": {frame.COMMAND},
    "tick_doubled": {frame.COMMAND},
}
# These change what reaches the car; what its sensors see then follows from that.
WIRE_CHANGES = {
    "throttle_high": {"throttle_mv"},
    "throttle_low": {"throttle_mv"},
    "throttle_stuck": {"throttle_mv"},
    "enable_stuck_off": {"enable"},
    "contactor_stuck_open": {"contactor"},
    # Where the script drives, enable and contactor are on as it is, and the resistor is out.
    "enable_stuck_on": set(),
    "contactor_welded": set(),
    "precharge_open": set(),
    "controller_failed_on": set(),
    # Nothing charges it while it drives.
    "charger_welded": set(),
    "charger_deaf": set(),
}
CONTROLLER_CHANGES = {"reset", "power_cut"}


def test_every_fault_has_its_row_here_and_a_description_of_one_line():
    assert {*INPUT_CHANGES, *WIRE_CHANGES, *CONTROLLER_CHANGES} == set(KINDS) == set(FAULTS)
    for description in FAULTS.values():
        assert 10 < len(description) < 80 and "\n" not in description


@pytest.mark.parametrize("name", INPUT_CHANGES)
def test_a_fault_of_the_inputs_changes_what_it_names_and_no_wire(name, whole):
    world, wires = run(10.0, make_fault(name, ONSET_S))
    seen = world.controller.seen
    assert seen[:ONSET_TICKS] == whole[0][:ONSET_TICKS]
    assert names_of_changes(seen, whole[0]) == INPUT_CHANGES[name]
    assert wires == whole[1]


@pytest.mark.parametrize("name", INPUT_CHANGES)
def test_a_fault_of_the_inputs_is_gone_when_its_time_is_over(name, whole):
    world, _ = run(10.0, make_fault(name, ONSET_S, 1.0))
    changed = names_of_changes(world.controller.seen[900:], whole[0][900:])
    counters = {frame.PULSES, frame.EDGE_PULSES, frame.MOTOR_PULSES}
    assert changed == INPUT_CHANGES[name] & counters


@pytest.mark.parametrize("name", WIRE_CHANGES)
def test_a_fault_of_a_wire_changes_that_wire_alone(name, whole):
    world, wires = run(10.0, make_fault(name, ONSET_S))
    assert world.controller.seen[: ONSET_TICKS + 1] == whole[0][: ONSET_TICKS + 1]
    changed = {
        wire for ours, theirs in zip(wires, whole[1], strict=True) for wire in WIRES
        if ours[wire] != theirs[wire]
    }  # fmt: skip
    assert changed == WIRE_CHANGES[name]


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("pedal_a_open", A, 4),
        ("pedal_b_short_ground", B, 0),
        ("pedal_a_short_supply", A, 2750),
        ("sensor_5v_off", A, 0),
        ("adc_failed", A, -1),
        ("adc_failed", slow(7), -1),
        ("pack_v_open", frame.PACK_V_MV, 0),
        ("pack_v_high", frame.PACK_V_MV, 3300),
        ("pack_a_zero", frame.PACK_A_MV, 1500),
        ("pack_a_open", frame.PACK_A_MV, 0),
        ("bus_v_open", frame.BUS_V_MV, 0),
        ("battery_temp_open", slow(SLOW_BATTERY_TEMP), 3300),
        ("battery_temp_short", slow(SLOW_BATTERY_TEMP), 0),
        ("throttle_readback_open", slow(SLOW_THROTTLE_READBACK), 0),
        ("brake_stuck_on", frame.BRAKE_ON, 1),
        ("brake_stuck_off", frame.BRAKE_ON, 0),
        ("plug_open", frame.PLUG_IN, 1),
        ("plug_stuck_out", frame.PLUG_IN, 0),
        ("bms_open", slow(SLOW_BMS_CONTACTS), 3300),
        ("bms_short", slow(SLOW_BMS_CONTACTS), 0),
    ],
)
def test_a_broken_wire_reads_its_value_from_the_tick_of_its_onset_on(name, index, value):
    seen = run(9.2, make_fault(name, ONSET_S))[0].controller.seen
    assert {inputs[index] for inputs in seen[ONSET_TICKS:]} == {value}


@pytest.mark.parametrize(
    ("name", "index"), [("pedal_a_stuck", A), ("pack_a_stuck", frame.PACK_A_MV)]
)
def test_a_stuck_sensor_keeps_the_value_of_the_last_tick(name, index, whole):
    seen = run(10.0, make_fault(name, ONSET_S))[0].controller.seen
    assert {inputs[index] for inputs in seen[ONSET_TICKS:]} == {whole[0][ONSET_TICKS - 1][index]}


@pytest.mark.parametrize(
    ("name", "after_s", "share"),
    [("offset_high", 0.0, 0.15), ("offset_low", 0.0, -0.15), ("drift", 1.5, 0.03)],
)
@pytest.mark.parametrize(("channel", "index", "span_mv"), [("a", A, 1842), ("b", B, 921)])
def test_a_pedal_is_off_by_a_share_of_its_own_travel(
    name, after_s, share, channel, index, span_mv, whole
):
    seen = run(10.0, make_fault(f"pedal_{channel}_{name}", ONSET_S))[0].controller.seen
    tick = ONSET_TICKS + round(after_s * 100)
    off_mv = seen[tick][index] - whole[0][tick][index]
    assert off_mv == pytest.approx(share * span_mv, abs=1.0)


def test_an_intermittent_channel_is_open_for_10_to_50_ms_and_good_in_between(whole):
    seen = run(10.0, make_fault("pedal_a_intermittent", ONSET_S))[0].controller.seen
    open_ticks = [inputs[A] == 4 for inputs in seen[ONSET_TICKS:]]
    runs = "".join("x" if is_open else " " for is_open in open_ticks).split()
    assert open_ticks[0] and len(runs) >= 4
    assert max(map(len, runs)) <= 10  # two in a row at most
    good = [(a, b) for a, b in zip(seen, whole[0], strict=True) if a[A] != 4]
    assert all(ours == theirs for ours, theirs in good)


def test_swapped_pedals_exchange_their_voltages(whole):
    inputs = run(9.0, make_fault("pedal_swapped", ONSET_S))[0].controller.seen[850]
    assert (inputs[A], inputs[B]) == (whole[0][850][B], whole[0][850][A])


def test_a_pedal_without_ground_floats_to_the_top_within_200_ms():
    seen = run(9.0, make_fault("pedal_ground_lift", ONSET_S))[0].controller.seen
    assert seen[ONSET_TICKS][A] < 2500 and seen[ONSET_TICKS][B] < 1800
    assert seen[ONSET_TICKS + 20][A] > 3200 and seen[ONSET_TICKS + 20][B] > 3200


@pytest.mark.parametrize(("name", "factor"), [("low", 0.85), ("high", 1.15)])
def test_a_sensor_supply_that_is_off_scales_both_channels_and_its_own(name, factor, whole):
    inputs = run(9.0, make_fault(f"sensor_5v_{name}", ONSET_S))[0].controller.seen[850]
    for index in (A, B, slow(SLOW_SENSOR_5V)):
        assert inputs[index] == pytest.approx(whole[0][850][index] * factor, abs=1.0)


@pytest.mark.parametrize("tick", range(ONSET_TICKS, ONSET_TICKS + 12))
def test_a_frozen_converter_gives_the_last_slow_channel_on_all_nine(tick, whole):
    world = run((tick + 5) / 100, make_fault("adc_frozen", tick / 100))[0]
    last = whole[0][tick - 1]
    channel = SLOW_ORDER[(tick - 1) % len(SLOW_ORDER)]
    for inputs in world.controller.seen[tick:]:
        assert set(inputs[slow(0) : slow(9)]) == {last[slow(channel)]}, SLOW_NAMES[channel]
        assert inputs[A] == last[A] and inputs[frame.PACK_V_MV] == last[frame.PACK_V_MV]


@pytest.mark.parametrize("stamps", [True, False])
@pytest.mark.parametrize(("name", "factor"), [("lost", 0.0), ("halved", 0.5), ("doubled", 2.0)])
def test_a_wheel_sensor_gives_its_share_of_pulses_and_then_all_again(name, factor, stamps):
    counters = [frame.PULSES, frame.EDGE_PULSES if stamps else frame.EARLY_PULSES]
    true = run(10.0, stamps=stamps)[0].controller.seen
    seen = run(10.0, make_fault(f"pulses_{name}", ONSET_S, 1.0), stamps=stamps)[0].controller.seen
    for index in counters:
        during = seen[898][index] - seen[800][index]
        assert during == pytest.approx(factor * (true[898][index] - true[800][index]), abs=3)
        afterwards = seen[-1][index] - seen[905][index]
        assert afterwards == true[-1][index] - true[905][index] > 50
        steps = [b[index] - a[index] for a, b in pairwise(seen)]
        assert min(steps) >= 0 and max(steps) <= 8
    early = frame.PULSES if stamps else frame.EARLY_PULSES
    assert all(0 <= inputs[frame.PULSES] - inputs[early] <= 2 for inputs in seen)
    assert names_of_changes(seen[:ONSET_TICKS], true[:ONSET_TICKS]) == set()
    assert all(inputs[frame.EDGE_PULSES] <= inputs[frame.PULSES] for inputs in seen)


def test_a_wheel_sensor_that_is_lost_ages_its_last_stamp():
    seen = run(9.5, make_fault("pulses_lost", ONSET_S))[0].controller.seen
    ages = [inputs[frame.EDGE_AGE_US] for inputs in seen[ONSET_TICKS:]]
    assert ages[50] == ages[0] + 500_000
    assert ages[-1] == 900_000


def test_a_wheel_sensor_that_is_dead_from_power_on_never_counts():
    seen = run(9.0, parse_fault("pulses_stuck"))[0].controller.seen
    assert {(i[frame.PULSES], i[frame.EDGE_AGE_US]) for i in seen} == {(0, -1)}


@pytest.mark.parametrize("stamps", [True, False])
def test_noise_on_the_wheel_sensor_adds_some_150_pulses_a_second(stamps):
    true = run(10.0, stamps=stamps)[0].controller.seen
    seen = run(10.0, make_fault("pulses_noise", ONSET_S), stamps=stamps)[0].controller.seen
    assert 250 < seen[-1][frame.PULSES] - true[-1][frame.PULSES] < 350
    assert all(inputs[frame.EDGE_PULSES] <= inputs[frame.PULSES] for inputs in seen)
    assert {inputs[frame.EDGE_AGE_US] for inputs in seen} != {-1} or not stamps


def test_noise_on_the_wheel_sensor_of_a_standing_car_is_stamped_too():
    seen = run(1.0, make_fault("pulses_noise", 0.0))[0].controller.seen
    assert all(0 <= inputs[frame.EDGE_AGE_US] < 90_000 for inputs in seen[10:])
    edges = [inputs[frame.EDGE_PULSES] for inputs in seen]
    assert edges == sorted(edges) and edges[-1] > 100


@pytest.mark.parametrize(
    ("name", "gaps"),
    [
        ("tick_late_15", [1, 2, 1]),
        ("tick_late_50", [5, 5, 5]),
        ("tick_late_500", [50, 50, 50]),
    ],
)
def test_late_ticks_come_once_a_second(name, gaps):
    seen = run(ONSET_S + 3.0, make_fault(name, ONSET_S))[0].controller.seen
    stalled = [inputs[frame.COMMAND] == frame.STALL for inputs in seen[ONSET_TICKS:]]
    assert [sum(stalled[i : i + 100]) for i in (0, 100, 200)] == gaps
    assert all(stalled[i] for i in (0, 100, 200))


def test_doubled_ticks_are_every_tenth():
    seen = run(9.0, make_fault("tick_doubled", ONSET_S))[0].controller.seen
    commands = [inputs[frame.COMMAND] for inputs in seen[ONSET_TICKS:]]
    assert commands == [frame.DOUBLE, *[frame.RUN] * 9] * 10


@pytest.mark.parametrize(("name", "power_lost"), [("reset", False), ("power_cut", True)])
def test_a_controller_that_restarts_drives_nothing_until_it_has_booted(name, power_lost):
    world = make_world(make_fault(name, ONSET_S))
    world.run(ONSET_S)
    assert world.controller.restarts == [power_lost]
    for _ in range(BOOT_TICKS):
        world.step()
        assert not any(world.outputs)
        assert not world.wires.enable and not world.wires.contactor
    assert world.controller.ticks == ONSET_TICKS
    world.step()
    assert world.controller.ticks == ONSET_TICKS + 1
    world.run(5.0)
    assert world.controller.restarts == [power_lost]


def test_a_shorted_throttle_reaches_the_motor_and_its_read_back():
    world, _ = run(8.01, make_fault("throttle_high", ONSET_S))
    assert world.wires.throttle_mv == 5000
    assert world.inputs[slow(SLOW_THROTTLE_READBACK)] == 2750
    assert world.outputs[frame.THROTTLE_MV] < 3000


def test_an_enable_line_that_is_stuck_is_read_back():
    on, _ = run(0.5, make_fault("enable_stuck_on", 0.2))
    assert (on.outputs[frame.ENABLE], on.inputs[frame.ENABLE_READBACK]) == (0, 1)
    off, _ = run(8.5, make_fault("enable_stuck_off", ONSET_S))
    assert (off.outputs[frame.ENABLE], off.inputs[frame.ENABLE_READBACK]) == (1, 0)


def test_a_motor_controller_that_failed_drives_fully_until_the_contactor_opens():
    world, _ = run(
        10.0,
        make_fault("enable_stuck_off", ONSET_S),
        make_fault("throttle_low", ONSET_S),
        make_fault("controller_failed_on", ONSET_S),
    )
    assert world.car.demand > 0.999 and world.car.force_n > 500.0
    stopped, _ = run(
        10.0, make_fault("controller_failed_on", 2.0), make_fault("contactor_stuck_open", ONSET_S)
    )
    assert stopped.car.force_n == 0.0 and stopped.car.bus_v < 1.0
    mended, _ = run(10.0, make_fault("controller_failed_on", ONSET_S, 1.0))
    assert mended.car.demand < 0.9


def test_a_failed_motor_controller_keeps_the_pre_charge_from_coming_up():
    world, _ = run(0.8, make_fault("controller_failed_on", 0.0))
    assert world.car.bus_v < 10.0
    good, _ = run(0.8)
    assert good.car.bus_v > 50.0


def test_a_welded_contactor_stays_closed_once_it_is():
    early, _ = run(0.1, make_fault("contactor_welded", 0.0))
    assert early.wires.contactor and early.car.bus_v > 50.0
    waits, _ = run(0.5, make_fault("contactor_welded", 0.3))
    assert not waits.wires.contactor
    world, _ = run(8.1, make_fault("contactor_welded", ONSET_S), make_fault("reset", ONSET_S))
    assert world.wires.contactor and not world.outputs[frame.CONTACTOR]


class Plugged(Foot):
    """A driver who charges: the car stands, and the plug is in."""

    def __init__(self):
        super().__init__()
        self.plug, self.gear = True, 0


class Charging(Script):
    """A controller that commands 80 V and a fifth of the charger's current."""

    def __init__(self, relay):
        super().__init__()
        self.relay = relay

    def exchange(self, inputs):
        self.ticks += 1
        out = array("i", [0] * frame.OUTPUT_SIZE)
        out[frame.HEARTBEAT] = self.ticks & 1
        out[frame.CHARGER] = self.relay
        out[frame.CHARGE_V_MV], out[frame.CHARGE_A_MV] = 4000, 1000
        return out


def charged_with_a(fault, relay):
    """Return the current into the pack before, during and after the fault."""
    faults = (make_fault(fault, 1.0, 2.0),)
    world = World(driver=Plugged(), controller=Charging(relay), faults=faults)
    currents = []
    for seconds in (0.9, 2.0, 2.0):
        world.run(seconds)
        currents.append(world.charger.current_a)
    return currents


def test_a_welded_charger_charges_with_its_relay_off_as_far_as_its_set_points_say():
    assert charged_with_a("charger_welded", relay=0) == [0.0, pytest.approx(3.0), 0.0]


def test_a_deaf_charger_gives_all_it_has_whatever_it_is_told():
    assert charged_with_a("charger_deaf", relay=1) == pytest.approx([3.0, 15.0, 3.0])


def test_a_plug_whose_wire_is_on_12_v_reads_unplugged():
    world = make_world(make_fault("plug_stuck_out", 0.5), driver=Plugged())
    world.run(0.4)
    assert world.inputs[frame.PLUG_IN] == 1
    world.run(0.2)
    assert world.inputs[frame.PLUG_IN] == 0


def test_several_faults_act_together(whole):
    faults = [make_fault(name, ONSET_S) for name in ("pedal_a_open", "plug_open", "gear_both")]
    seen = run(10.0, *faults)[0].controller.seen
    changed = names_of_changes(seen, whole[0])
    assert changed == {A, frame.PLUG_IN, frame.GEAR_REVERSE_ON}


def test_a_fault_names_the_boards_on_which_it_makes_sense():
    one = {name for name, kind in KINDS.items() if kind.pedal_channels == (2,)}
    assert one == {f"pedal_b_{what}" for what in PEDAL_FAULTS} | {"pedal_swapped"}


def test_a_fault_comes_at_8_s_or_at_its_own_time_or_as_it_is_told():
    assert parse_fault("pedal_a_open").onset_s == 8.0
    assert parse_fault("pulses_stuck").onset_s == 0.0
    assert parse_fault("pedal_a_open", 0.0).onset_s == 0.0
    assert parse_fault("pedal_a_open@12.5", 0.0).onset_s == 12.5


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("pedal_c_open", "nearest: pedal_b_open"),
        ("", "no fault is called ''"),
        ("pedal_a_open@", "'' is no time"),
        ("pedal_a_open@-1", "'-1' is no time"),
        ("pedal_a_open@nan", "'nan' is no time"),
        ("pedal_a_open@inf", "'inf' is no time"),
        ("pedal_a_open@1_0", "'1_0' is no time"),
        ("pedal_c_open@1", "nearest: "),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_what_there_is(text, word):
    with pytest.raises(FaultError, match="no ") as caught:
        parse_fault(text)
    assert word in str(caught.value)


@pytest.mark.parametrize(("onset_s", "seconds"), [(-1.0, 1.0), (1.0, 0.0), (math.nan, 1.0)])
def test_a_time_that_cannot_be_is_refused(onset_s, seconds):
    with pytest.raises(FaultError, match="no time in a run"):
        make_fault("reset", onset_s, seconds)
