"""Faults: everything that can be broken on purpose, by name, and when it breaks."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim import breaks
from sim import sensor_breaks as sensors
from sim.breaks import Break
from sim.frame import (
    BRAKE_ON,
    BUS_V_MV,
    DOUBLE,
    GEAR_FORWARD_ON,
    GEAR_REVERSE_ON,
    PACK_A_MV,
    PACK_V_MV,
    PEDAL_A_MV,
    PEDAL_B_MV,
    PLUG_IN,
    SLOW_MV,
)
from sim.vehicle import nearest
from sim.wires import Wires
from vcu.signals import (
    SLOW_BATTERY_TEMP,
    SLOW_BMS_CONTACTS,
    SLOW_CONTROLLER_TEMP,
    SLOW_MOTOR_TEMP,
    SLOW_THROTTLE_READBACK,
)

if TYPE_CHECKING:
    from sim.world import World

# When a fault comes that is given without a time: most drives are under way by then.
ONSET_S = 8.0

# Behind the dividers of the reference board: a sensor output shorted to its 5 V, an open
# thermistor or a saturated converter, a filtered throttle output shorted to 5 V.
_SUPPLY_MV = 2750
_TOP_MV = sensors.PIN_MAX_MV
_THROTTLE_TOP_MV = 5000

_ANY_BOARD = (1, 2)
_TWO_CHANNELS = (2,)


class FaultError(ValueError):
    """There is no such fault, or no such time; the text says what there is."""


@dataclass(frozen=True)
class Kind:
    """A row of the table: what breaks, how, and where it makes sense."""

    description: str
    make: Callable[[], Break]
    pedal_channels: tuple[int, ...] = _ANY_BOARD  # with how many of them
    onset_s: float = ONSET_S  # when it comes if no time is given
    while_charging: bool = False  # it means nothing to a car that drives


class Fault:
    """A break on a timeline: from onset_s on for seconds. World calls it once a tick."""

    def __init__(
        self, name: str, break_: Break, onset_s: float, seconds: float = math.inf
    ) -> None:
        self.name = name
        self.onset_s = onset_s
        self.end_s = onset_s + seconds
        self.is_active = False
        self.has_begun = False
        self._break = break_
        self._age_s = 0.0

    def advance(self, world: "World") -> None:
        """Begin or end when it is time; half a tick early counts as now."""
        now_s = world.time_s + 0.005
        was_active = self.is_active
        self.is_active = self.onset_s < now_s < self.end_s
        self._age_s = max(0.0, world.time_s - self.onset_s)
        if self.is_active and not was_active:
            self.has_begun = True
            self._break.begin(world)
        elif was_active and not self.is_active:
            self._break.end(world)

    def sense(self, inputs: list[int]) -> None:
        """Alter what the controller's pins see."""
        if self.is_active:
            self._break.sense(inputs, self._age_s)
        elif self.has_begun:
            self._break.after(inputs)

    def drive(self, wires: Wires) -> None:
        """Alter what reaches the car."""
        if self.is_active:
            self._break.drive(wires)


def _fixed(value: int, *indices: int) -> Callable[[], Break]:
    return lambda: sensors.Fixed(value, *indices)


def _pedal_kinds(name: str, index: int, channels: tuple[int, ...]) -> dict[str, Kind]:
    """Return what can happen to one pedal channel."""
    which = f"pedal channel {name[-1].upper()}"

    def kind(what: str, make: Callable[[], Break]) -> Kind:
        return Kind(f"{which}: {what}", make, channels)

    return {
        f"{name}_open": kind("wire open, pulled to 0 V", _fixed(4, index)),
        f"{name}_short_ground": kind("shorted to ground", _fixed(0, index)),
        f"{name}_short_supply": kind("shorted to its 5 V", _fixed(_SUPPLY_MV, index)),
        f"{name}_stuck": kind("stuck at its last value", lambda: sensors.Held(index)),
        f"{name}_offset_high": kind(
            "15 % of travel too high", lambda: sensors.Shifted(index, 0.15)
        ),
        f"{name}_offset_low": kind(
            "15 % of travel too low", lambda: sensors.Shifted(index, -0.15)
        ),
        f"{name}_drift": kind(
            "drifts up by 2 % of travel a second", lambda: sensors.Shifted(index, 0.0, 0.02)
        ),
        f"{name}_noise": kind("noise of +-20 % of travel", lambda: sensors.Noisy(index, 0.2)),
        f"{name}_intermittent": kind(
            "open for 10 to 50 ms, some five times a second",
            lambda: sensors.Intermittent(4, 5.0, index),
        ),
    }


KINDS: dict[str, Kind] = {
    **_pedal_kinds("pedal_a", PEDAL_A_MV, _ANY_BOARD),
    **_pedal_kinds("pedal_b", PEDAL_B_MV, _TWO_CHANNELS),
    "pedal_swapped": Kind(
        "pedal channels A and B exchanged", sensors.SwappedPedals, _TWO_CHANNELS
    ),
    "pedal_ground_lift": Kind("pedal without ground: its channels float up", sensors.LiftedGround),
    "sensor_5v_off": Kind("5 V of the pedal sensors off", lambda: sensors.SensorSupply(0.0)),
    "sensor_5v_low": Kind("5 V of the pedal sensors 15 % low", lambda: sensors.SensorSupply(0.85)),
    "sensor_5v_high": Kind(
        "5 V of the pedal sensors 15 % high", lambda: sensors.SensorSupply(1.15)
    ),
    "adc_frozen": Kind("converter frozen: every pin keeps its last value", sensors.FrozenAdc),
    "adc_failed": Kind("converter fails at every read", _fixed(-1, *sensors.ANALOG)),
    "pulses_lost": Kind("wheel sensor: no more pulses", lambda: sensors.WheelPulses(0.0)),
    "pulses_halved": Kind(
        "wheel sensor: every second pulse lost", lambda: sensors.WheelPulses(0.5)
    ),
    "pulses_doubled": Kind("wheel sensor: every pulse twice", lambda: sensors.WheelPulses(2.0)),
    "pulses_noise": Kind("wheel sensor: 150 pulses a second too many", sensors.PulseNoise),
    "pulses_stuck": Kind(
        "wheel sensor: no pulse, from power-on on", lambda: sensors.WheelPulses(0.0), onset_s=0.0
    ),
    "motor_hall_lost": Kind("motor hall sensor: no more pulses", sensors.LostMotorPulses),
    "throttle_high": Kind(
        "throttle wire shorted to 5 V", lambda: breaks.ThrottleWire(_THROTTLE_TOP_MV)
    ),
    "throttle_low": Kind("throttle wire shorted to ground", lambda: breaks.ThrottleWire(0)),
    "throttle_stuck": Kind(
        "throttle output stuck at its last voltage", lambda: breaks.ThrottleWire(-1)
    ),
    "throttle_readback_open": Kind(
        "read-back of the throttle open", _fixed(0, SLOW_MV + SLOW_THROTTLE_READBACK)
    ),
    "enable_stuck_on": Kind(
        "enable line on, whatever its gates say", lambda: breaks.EnableLine(True)
    ),
    "enable_stuck_off": Kind(
        "enable line off, whatever its gates say", lambda: breaks.EnableLine(False)
    ),
    "controller_failed_on": Kind("motor controller drives at full torque", breaks.FailedOnMotor),
    "contactor_welded": Kind("contactor welded: stays closed", breaks.WeldedContactor),
    "contactor_stuck_open": Kind(
        "contactor opens and stays open", lambda: breaks.OpenCoil(contactor=True)
    ),
    "precharge_open": Kind(
        "pre-charge resistor open, from power-on on",
        lambda: breaks.OpenCoil(precharge=True),
        onset_s=0.0,
    ),
    "battery_temp_open": Kind(
        "battery thermistor open", _fixed(_TOP_MV, SLOW_MV + SLOW_BATTERY_TEMP)
    ),
    "battery_temp_short": Kind(
        "battery thermistor shorted", _fixed(0, SLOW_MV + SLOW_BATTERY_TEMP)
    ),
    "motor_temp_open": Kind("motor thermistor open", _fixed(_TOP_MV, SLOW_MV + SLOW_MOTOR_TEMP)),
    "controller_temp_open": Kind(
        "motor controller's thermistor open", _fixed(_TOP_MV, SLOW_MV + SLOW_CONTROLLER_TEMP)
    ),
    "pack_v_open": Kind("pack voltage wire open: reads 0 V", _fixed(0, PACK_V_MV)),
    "pack_v_high": Kind("pack voltage reads the end of its scale", _fixed(_TOP_MV, PACK_V_MV)),
    "pack_a_stuck": Kind(
        "current sensor stuck at its last value", lambda: sensors.Held(PACK_A_MV)
    ),
    "pack_a_zero": Kind("current sensor says that nothing flows", sensors.ZeroCurrent),
    "pack_a_open": Kind("current sensor's wire open: reads 0 V", _fixed(0, PACK_A_MV)),
    "bus_v_open": Kind("bus voltage wire open: reads 0 V", _fixed(0, BUS_V_MV)),
    "brake_stuck_on": Kind("brake contact says pressed", _fixed(1, BRAKE_ON)),
    "brake_open": Kind("brake wire open: reads pressed", _fixed(1, BRAKE_ON)),
    "brake_stuck_off": Kind("brake contact says released", _fixed(0, BRAKE_ON)),
    "gear_both": Kind("both gear contacts closed", _fixed(1, GEAR_FORWARD_ON, GEAR_REVERSE_ON)),
    "key_bounce": Kind(
        "key contact opens for 10 to 50 ms, four times a second", sensors.BouncingKey
    ),
    "plug_open": Kind("charge plug's wire open: reads plugged in", _fixed(1, PLUG_IN)),
    "plug_stuck_out": Kind(
        "charge plug's wire on 12 V: reads unplugged", _fixed(0, PLUG_IN), while_charging=True
    ),
    "bms_open": Kind(
        "wire of the BMS's contacts open", _fixed(_TOP_MV, SLOW_MV + SLOW_BMS_CONTACTS)
    ),
    "bms_short": Kind(
        "wire of the BMS's contacts shorted to ground", _fixed(0, SLOW_MV + SLOW_BMS_CONTACTS)
    ),
    "charger_welded": Kind(
        "charger's relay welded: it charges while it has mains",
        breaks.WeldedCharger,
        while_charging=True,
    ),
    "charger_deaf": Kind(
        "charger ignores its set-points and gives all it has",
        breaks.DeafCharger,
        while_charging=True,
    ),
    "tick_late_15": Kind(
        "a tick 10 or 20 ms late, once a second", lambda: breaks.Stalls(100, 1, 2)
    ),
    "tick_late_50": Kind("a tick 50 ms late, once a second", lambda: breaks.Stalls(100, 5)),
    "tick_late_500": Kind("a tick 500 ms late, once a second", lambda: breaks.Stalls(100, 50)),
    "tick_skipped": Kind("every tenth tick skipped", lambda: breaks.Stalls(10, 1)),
    "tick_doubled": Kind(
        "every tenth tick runs twice", lambda: breaks.Stalls(10, 1, command=DOUBLE)
    ),
    "reset": Kind("the controller resets", lambda: breaks.Restart(False)),
    "power_cut": Kind("the controller loses its power", lambda: breaks.Restart(True)),
}

FAULTS: dict[str, str] = {name: kind.description for name, kind in KINDS.items()}


def make_fault(name: str, onset_s: float, seconds: float = math.inf) -> Fault:
    """Return the fault, which breaks at onset_s and is whole again seconds later; FaultError."""
    kind = _kind(name)
    if not onset_s >= 0.0 or math.isinf(onset_s) or not seconds > 0.0:
        raise FaultError(f"{name}: {onset_s:g} s for {seconds:g} s is no time in a run")
    return Fault(name, kind.make(), onset_s, seconds)


def parse_fault(text: str, onset_s: float | None = None) -> Fault:
    """Return the fault of NAME or NAME@SECONDS; onset_s is when one without a time comes.

    FaultError says what is wrong with the text.
    """
    name, at, when = text.partition("@")
    if not at:
        return make_fault(name, _kind(name).onset_s if onset_s is None else onset_s)
    _kind(name)
    try:
        seconds = float(when) if "_" not in when else math.nan
    except ValueError:
        seconds = math.nan
    if not 0.0 <= seconds < math.inf:
        raise FaultError(f"{text!r}: {when!r} is no time in seconds; write {name}@{ONSET_S:g}")
    return make_fault(name, seconds)


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise FaultError(f"no fault is called {name!r}; nearest: {nearest(name, list(KINDS))}")
    return KINDS[name]
