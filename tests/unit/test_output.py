"""What is driven out in each mode, and what is not whatever the torque says."""

import pytest
from unit.cars import make_params

from vcu import contactor, modes
from vcu.contactor import Contactor
from vcu.output import Output
from vcu.request import FORWARD, NEUTRAL, REVERSE
from vcu.signals import Outputs, Signals

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

    def step(self, mode=DRIVE, direction=FORWARD, torque=0, relay=None):
        relay = relay or relay_in(contactor.CLOSED)
        self.output.step(self.out, mode, direction, torque, relay)
        self.output.show(self.out, self.sig, mode, relay)
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
    assert (out.enable, out.reverse) == (0, 0)


@pytest.mark.parametrize(("direction", "reverse"), [(FORWARD, 0), (NEUTRAL, 0), (REVERSE, 1)])
def test_in_drive_the_controller_is_enabled_and_told_the_direction(direction, reverse):
    out = Bench().step(direction=direction, torque=300)
    assert (out.enable, out.reverse) == (1, reverse)


@pytest.mark.parametrize("state", range(len(contactor.NAMES)), ids=contactor.NAMES)
def test_contactor_and_resistor_follow_the_sequence_in_any_mode(state):
    relay = relay_in(state)
    for mode in range(len(modes.NAMES)):
        out = Bench().step(mode, relay=relay)
        assert (out.precharge, out.contactor) == (relay.precharge_on, relay.contactor_on)


@pytest.mark.parametrize("mode", range(len(modes.NAMES)), ids=modes.NAMES)
def test_the_lamp_says_that_the_car_is_ready(mode):
    assert Bench().step(mode).lamp == (1 if mode in (modes.READY, modes.DRIVE) else 0)


@pytest.mark.parametrize("mode", range(len(modes.NAMES)), ids=modes.NAMES)
def test_driving_never_starts_the_charger(mode):
    assert Bench().step(mode, torque=1000).charger == 0


@pytest.mark.parametrize(("cap_kmh", "warn_mmps"), [(40, 11944), (45, 13333), (56, 16388)])
@pytest.mark.parametrize("mode", [modes.DRIVE, modes.READY, modes.OFF])
def test_the_buzzer_sounds_one_mmps_beyond_3_kmh_above_the_cap(mode, cap_kmh, warn_mmps):
    bench = Bench(speed_cap_kmh=cap_kmh)
    bench.sig.speed_mmps = warn_mmps
    assert bench.step(mode).buzzer == 0
    bench.sig.speed_mmps = warn_mmps + 1
    assert bench.step(mode).buzzer == 1


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
    held = coil or mode in (modes.PRECHARGE, modes.READY, modes.DRIVE)
    assert Bench().step(mode, relay=relay_in(state)).hold == int(held)
