"""What is driven out in each mode, and what is not whatever the torque says."""

from types import SimpleNamespace

import pytest

from tests.unit.cars import make_params
from vcu import contactor, modes, patterns
from vcu.charge import phases
from vcu.contactor import Contactor
from vcu.faults import DRIVER, Faults
from vcu.output import Output
from vcu.request import FORWARD, NEUTRAL, REVERSE
from vcu.signals import Outputs, Raw, Signals

DRIVE = modes.DRIVE
NOT_DRIVE = [mode for mode in range(len(modes.NAMES)) if mode != DRIVE]
THROTTLE = {"throttle_zero_mv": 700, "throttle_start_mv": 1100, "throttle_full_mv": 3600}


def relay_in(state):
    """Return a contactor that was led to state by its readings."""
    relay = Contactor(make_params(precharge_tries=1))
    sig = Signals()
    sig.pack_valid = 1
    sig.pack_cv = 4800
    if state == contactor.COOLDOWN:
        for wanted in (True, True, False):
            relay.step(wanted, sig, 10)
    elif state == contactor.OPENING:
        relay = relay_in(contactor.CLOSED)
        relay.step(False, sig, 10)
    elif state == contactor.FAILED:
        for _ in range(302):
            relay.step(True, sig, 10)
    else:
        while relay.state != state:
            if relay.state == contactor.PRECHARGE:
                sig.bus_cv = 4800
            relay.step(True, sig, 10)
    assert relay.state == state
    return relay


class Bench:
    """One Output with its records; every output starts from a value it must overwrite."""

    def __init__(self, **changes):
        self.output = Output(make_params(**(THROTTLE | changes)))
        self.sig = Signals()
        self.out = Outputs()
        for name in vars(self.out):
            setattr(self.out, name, 7)

    def step(self, mode=DRIVE, direction=FORWARD, torque=0, relay=None, saving=False):
        relay = relay or relay_in(contactor.CLOSED)
        self.output.step(self.out, mode, direction, torque, relay)
        self.output.show(self.out, self.sig, mode, relay, saving)
        return self.out

    def warm(self, ddegc, valid=1):
        """Return whether the fan runs after one tick at that controller temperature."""
        self.sig.controller_ddegc = ddegc
        self.sig.controller_temp_valid = valid
        return self.step().fan


def test_new_outputs_are_all_at_their_safe_level():
    assert set(vars(Outputs()).values()) == {0}


@pytest.mark.parametrize(
    ("torque", "throttle_mv"), [(1, 1102), (2, 1105), (500, 2350), (999, 3597), (1000, 3600)]
)
def test_drive_torque_is_a_throttle_voltage_from_start_to_full(torque, throttle_mv):
    out = Bench().step(torque=torque)
    assert (out.throttle_permille, out.throttle_mv, out.regen_permille) == (torque, throttle_mv, 0)


def test_no_torque_is_the_zero_voltage_of_the_throttle():
    out = Bench().step(torque=0)
    assert (out.throttle_permille, out.throttle_mv, out.regen_permille) == (0, 700, 0)


@pytest.mark.parametrize("torque", [-1, -400, -1000])
def test_braking_torque_is_regeneration_with_the_throttle_at_zero(torque):
    out = Bench().step(torque=torque)
    assert (out.throttle_permille, out.throttle_mv, out.regen_permille) == (0, 700, -torque)


@pytest.mark.parametrize("mode", NOT_DRIVE)
@pytest.mark.parametrize("torque", [1000, 1, -1, -1000])
def test_outside_drive_nothing_is_asked_of_the_motor_controller(mode, torque):
    out = Bench().step(mode, REVERSE, torque)
    assert (out.throttle_permille, out.throttle_mv, out.regen_permille) == (0, 700, 0)
    assert (out.enable, out.guard, out.reverse) == (0, 0, 0)


@pytest.mark.parametrize(("direction", "reverse"), [(FORWARD, 0), (NEUTRAL, 0), (REVERSE, 1)])
def test_in_drive_the_controller_is_enabled_and_told_the_direction(direction, reverse):
    out = Bench().step(direction=direction, torque=300)
    assert (out.enable, out.guard, out.reverse) == (1, 1, reverse)


@pytest.mark.parametrize("mode", range(len(modes.NAMES)), ids=modes.NAMES)
def test_the_heart_beats_in_every_mode_until_the_guard_withholds_it(mode):
    assert Bench().step(mode).heartbeat == 1


@pytest.mark.parametrize("state", range(len(contactor.NAMES)), ids=contactor.NAMES)
def test_contactor_and_resistor_follow_the_sequence_in_any_mode(state):
    relay = relay_in(state)
    for mode in range(len(modes.NAMES)):
        out = Bench().step(mode, relay=relay)
        assert (out.precharge, out.contactor) == (relay.precharge_on, relay.contactor_on)


@pytest.mark.parametrize("mode", range(len(modes.NAMES)), ids=modes.NAMES)
def test_each_tick_the_charger_begins_off(mode):
    out = Bench().step(mode, torque=1000)
    assert (out.charger, out.charge_v_mv, out.charge_a_mv) == (0, 0, 0)


# --- the charger


def wishing(enable=1, phase=phases.BULK, fault_id=0):
    """A charge that wants 60 V and 6 A, as 3000 and 2000 mV."""
    paused = []
    return SimpleNamespace(
        enable=enable,
        command=SimpleNamespace(voltage_mv=lambda: 3000, current_mv=lambda: 2000),
        phase=phase,
        fault_id=lambda: fault_id,
        paused=paused,
        steps=SimpleNamespace(pause=paused.append),
    )


def plugged_in(plug=1):
    raw = Raw()
    raw.plug_in = plug
    return raw


def charging(charge=None, raw=None, relay=None, mode=modes.CHARGE):
    """Return the charger's outputs after a tick of this mode in which a charge may speak."""
    bench = Bench()
    relay = relay or relay_in(contactor.OPEN)
    out = bench.out
    bench.output.step(out, mode, FORWARD, 0, relay)
    bench.output.charge(out, raw or plugged_in(), charge or wishing(), relay)
    return (out.charger, out.charge_v_mv, out.charge_a_mv)


def test_a_charge_that_wants_it_has_the_charger_with_its_voltage_and_current():
    assert charging() == (1, 3000, 2000)


OFF = (0, 0, 0)


def test_a_charge_that_does_not_want_it_has_not():
    assert charging(wishing(enable=0)) == OFF


@pytest.mark.parametrize(("enable", "paused"), [(1, [phases.UNPLUGGED]), (0, [])])
def test_the_tick_that_sees_the_plug_gone_switches_the_charger_off_and_pauses_a_charge_that_flows(
    enable, paused
):
    charge = wishing(enable)
    assert charging(charge, plugged_in(0)) == OFF
    assert charge.paused == paused


def test_a_plug_that_is_in_pauses_nothing():
    charge = wishing()
    charging(charge)
    assert charge.paused == []


def test_a_car_that_is_enabled_is_not_charged():
    assert charging(mode=modes.DRIVE) == OFF


@pytest.mark.parametrize("state", range(len(contactor.NAMES)), ids=contactor.NAMES)
def test_a_car_whose_contactor_is_closed_is_not_charged(state):
    relay = relay_in(state)
    assert charging(relay=relay) == (OFF if relay.contactor_on else (1, 3000, 2000))


@pytest.mark.parametrize(("cap_kmh", "warn_mmps"), [(40, 11944), (45, 13333), (56, 16388)])
@pytest.mark.parametrize("mode", [modes.DRIVE, modes.READY, modes.OFF])
def test_overspeed_is_one_mmps_beyond_3_kmh_above_the_cap(mode, cap_kmh, warn_mmps):
    bench = Bench(speed_cap_kmh=cap_kmh)
    for speed_mmps, overspeed in ((warn_mmps, 0), (warn_mmps + 1, 1), (warn_mmps, 0)):
        bench.sig.speed_mmps = speed_mmps
        bench.step(mode)
        assert bench.output.overspeed == overspeed


def test_overspeed_in_reverse_is_that_of_the_reverse_cap():
    bench = Bench(reverse_cap_kmh=8)
    for speed_mmps, overspeed in ((3055, 0), (3056, 1)):
        bench.sig.speed_mmps = speed_mmps
        bench.step(direction=REVERSE)
        assert bench.output.overspeed == overspeed
    bench.step(direction=FORWARD)
    assert bench.output.overspeed == 0


def test_the_fan_starts_above_50_degc_and_stops_below_45():
    bench = Bench()
    assert bench.warm(449) == 0
    assert bench.warm(500) == 0
    assert bench.warm(501) == 1
    assert bench.warm(500) == 1
    assert bench.warm(450) == 1
    assert bench.warm(449) == 0
    assert bench.warm(450) == 0


def test_the_fan_runs_while_the_controllers_temperature_is_not_known():
    bench = Bench()
    assert bench.warm(400) == 0
    assert bench.warm(400, valid=0) == 1
    assert bench.warm(480) == 1
    assert bench.warm(400) == 0


@pytest.mark.parametrize("state", range(len(contactor.NAMES)), ids=contactor.NAMES)
@pytest.mark.parametrize("mode", range(len(modes.NAMES)), ids=modes.NAMES)
def test_the_supply_is_held_while_a_coil_is_on_or_about_to_be(mode, state):
    coil = state in (
        contactor.PRECHARGE,
        contactor.OVERLAP,
        contactor.CLOSED,
        contactor.OPENING,
    )
    held = coil or mode in (modes.PRECHARGE, modes.READY, modes.DRIVE, modes.FAULT)
    assert Bench().step(mode, relay=relay_in(state)).hold == int(held)


def test_the_supply_is_held_while_the_charger_is_on():
    bench = Bench()
    relay = relay_in(contactor.OPEN)
    for charger in (1, 0):
        bench.out.charger = charger
        bench.output.show(bench.out, bench.sig, modes.CHARGE, relay, saving=False)
        assert bench.out.hold == charger


@pytest.mark.parametrize("mode", [modes.SELFTEST, modes.OFF, modes.CHARGE])
def test_the_supply_is_held_while_something_is_being_saved(mode):
    relay = relay_in(contactor.OPEN)
    assert Bench().step(mode, relay=relay, saving=True).hold == 1
    assert Bench().step(mode, relay=relay, saving=False).hold == 0


# --- what is told


class Teller(Bench):
    """A bench with a sound car, and what may be worth telling of it."""

    def __init__(self, **changes):
        super().__init__(**changes)
        self.faults = Faults()
        self.protection = SimpleNamespace(rolls=0, walks=False)
        self.sig.soc_permille = 500
        self.charge = wishing(enable=0, phase=phases.OFF)

    def tell(self, mode=DRIVE, clock_ms=0):
        """Return the name of the pattern that is shown."""
        self.output.tell(
            self.out, self.sig, mode, self.faults, self.protection, self.charge, clock_ms
        )
        return patterns.NAMES[self.output.patterns.shown]


def overspeed(teller):
    teller.sig.speed_mmps = 20000
    teller.step()


def rolls(teller):
    teller.protection.rolls = 1


def crawls(teller):
    teller.faults.step(DRIVER, 1, 1, 0, 200)
    assert teller.faults.is_crawling


def walks(teller):
    teller.protection.walks = True


def is_nearly_empty(teller):
    teller.sig.soc_permille = 99


# In order of importance: each hides all that follow.
TOLD = [
    (overspeed, "overspeed"),
    (rolls, "rolling"),
    (crawls, "crawl"),
    (walks, "walk"),
    (is_nearly_empty, "turtle"),
]
DRIVING = ("crawl", "walk", "turtle")


@pytest.mark.parametrize("mode", [modes.READY, modes.DRIVE])
@pytest.mark.parametrize("first", range(len(TOLD)), ids=[name for _, name in TOLD])
def test_of_several_states_the_first_of_the_table_is_told(mode, first):
    teller = Teller()
    assert teller.tell(mode) == "ready"
    for happen, _ in TOLD[first:]:
        happen(teller)
    assert teller.tell(mode) == TOLD[first][1]
    names = [patterns.NAMES.index(name) for _, name in TOLD]
    assert names == sorted(names)
    assert teller.tell(modes.FAULT) == "fault_code"


@pytest.mark.parametrize(("happen", "name"), TOLD, ids=[name for _, name in TOLD])
def test_what_is_told_while_the_car_cannot_drive(happen, name):
    teller = Teller()
    happen(teller)
    for mode in (modes.SELFTEST, modes.OFF, modes.PRECHARGE, modes.SERVICE):
        assert teller.tell(mode) == ("silent" if name in DRIVING else name)
    assert teller.tell(modes.CHARGE) == ("plugged_in" if name in DRIVING else name)


def test_the_turtle_begins_below_its_state_of_charge():
    teller = Teller(soc_turtle_permille=100)
    teller.sig.soc_permille = 100
    assert teller.tell() == "ready"
    teller.sig.soc_permille = 99
    assert teller.tell() == "turtle"


def test_lamp_and_buzzer_follow_the_pattern_with_the_clock():
    teller = Teller()
    rolls(teller)
    seen = []
    for step in range(16):
        teller.tell(clock_ms=step * 128)
        seen.append((teller.out.lamp, teller.out.buzzer))
    _, lamp, buzzer = patterns.TABLE[patterns.ROLLING]
    assert seen == [(lamp >> step & 1, buzzer >> step & 1) for step in range(16)]


def test_the_lamp_blinks_the_number_of_the_fault_that_stops_the_car():
    teller = Teller()
    teller.faults.step(DRIVER, 1 << 8, 1, 0, 200)
    assert teller.faults.stop_id == 19
    seen = []
    for step in range(80):
        teller.tell(modes.FAULT, step * 128)
        seen.append(teller.out.lamp)
        assert teller.out.buzzer == 0
    assert seen == [patterns.blink(19, step) for step in range(80)]


@pytest.mark.parametrize(("happen", "name"), TOLD[:2], ids=["overspeed", "rolling"])
def test_a_car_that_a_fault_has_stopped_is_heard_when_it_rolls(happen, name):
    teller = Teller()
    teller.faults.step(DRIVER, 1 << 8, 1, 0, 200)
    happen(teller)
    buzzer = patterns.TABLE[patterns.NAMES.index(name)][2]
    for step in range(80):
        assert teller.tell(modes.FAULT, step * 128) == "fault_code"
        assert teller.out.lamp == patterns.blink(19, step)
        assert teller.out.buzzer == buzzer >> (step & 15) & 1


@pytest.mark.parametrize("phase", range(len(phases.NAMES)), ids=phases.NAMES)
@pytest.mark.parametrize("enable", [0, 1])
def test_the_lamp_tells_plugged_in_from_charging_from_charged_and_from_a_fault(phase, enable):
    teller = Teller()
    teller.charge = wishing(enable, phase)
    told = teller.tell(modes.CHARGE)
    if phase == phases.FAULT:
        assert told == "fault_code"
    elif phase in (phases.FULL, phases.FLOAT):
        assert told == "charged"
    else:
        assert told == ("charging" if enable else "plugged_in")
    assert teller.tell(modes.READY) == "ready"


def test_the_lamp_blinks_the_number_of_the_fault_that_stopped_the_charge():
    teller = Teller()
    teller.charge = wishing(0, phases.FAULT, fault_id=39)
    for step in range(80):
        teller.tell(modes.CHARGE, step * 128)
        assert teller.out.lamp == patterns.blink(39, step)
