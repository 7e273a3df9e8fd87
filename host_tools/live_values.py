"""Live values: which readings of a car a person watches, in which unit and what limits."""

from collections.abc import Mapping
from dataclasses import dataclass

from vcu import chemistry, contactor, modes
from vcu.charge import phases
from vcu.limits import LIMITER_NAMES
from vcu.signals import UNKNOWN_DDEGC

Values = Mapping[str, int]
# Low and high, in the unit that is shown; None where there is none.
Limits = tuple[float | None, float | None]

_NO_LIMITS: Limits = (None, None)
# What the values of a name are called.
WORDS: Mapping[str, tuple[str, ...]] = {
    "mode": modes.NAMES,
    "contactor": contactor.NAMES,
    "limiter": LIMITER_NAMES,
    "charge_phase": phases.NAMES,
    "charge_cause": phases.CAUSE_NAMES,
}
_PLUG = ("out", "in")
# What is asked for besides what is shown: whether it is to be believed, and why it stands.
_BESIDES = ("mode", "reasons", "speed_trusted", "pedal_valid", "pack_valid", "gear_reverse_on")
# Beyond these the board takes rail and sensor supply for broken.
_RAIL_V = (10.5, 15.5)
_SENSOR_V = (4.75, 5.25)
# The parameters that limits come from.
PARAMETERS = (
    "speed_cap_kmh",
    "discharge_max_da",
    "charge_max_da",
    "chemistry",
    "cell_count",
    "soc_turtle_permille",
    "motor_stop_ddegc",
    "controller_stop_ddegc",
)


@dataclass(frozen=True)
class Row:
    """A reading: its label's key in the texts, the name in the telemetry, unit and scale.

    It is to be believed while the value of that name is 1.
    """

    key: str
    name: str
    unit: str = ""
    factor: float = 1.0
    decimals: int = 0
    believed_with: str = ""


ROWS = (
    Row("speed", "speed_mmps", "km/h", 0.0036, 1, "speed_trusted"),
    Row("pedal", "pedal_permille", "%", 0.1, 1, "pedal_valid"),
    Row("torque", "torque_permille", "%", 0.1, 1),
    Row("limiter", "limiter"),
    Row("gear", "gear_forward_on"),
    Row("brake", "brake_on"),
    Row("key", "key_on"),
    Row("plug", "plug_in"),
    Row("contactor", "contactor"),
    Row("pack_v", "pack_cv", "V", 0.01, 2, "pack_valid"),
    Row("bus_v", "bus_cv", "V", 0.01, 2, "pack_valid"),
    Row("pack_a", "pack_da", "A", 0.1, 1, "pack_valid"),
    Row("soc", "soc_permille", "%", 0.1, 1),
    Row("battery", "battery_ddegc", "°C", 0.1, 1),
    Row("motor", "motor_ddegc", "°C", 0.1, 1),
    Row("controller", "controller_ddegc", "°C", 0.1, 1),
    Row("rail", "rail_cv", "V", 0.01, 2),
    Row("sensor_5v", "sensor_5v_mv", "V", 0.001, 2),
)
NAMES = ",".join((*(row.name for row in ROWS), *_BESIDES))
# Those whose course is worth a curve.
TRENDS = ("speed", "pedal", "torque", "pack_v", "pack_a", "rail")


def number(row: Row, values: Values) -> float | None:
    """Return the reading in the unit of its row; None where the board does not know it."""
    value = values.get(row.name)
    if value is None or values.get(row.believed_with, 1) != 1:
        return None
    if row.unit == "°C" and value == UNKNOWN_DDEGC:
        return None
    return value * row.factor


def shown(row: Row, values: Values) -> str:
    """Return the reading as a person reads it: a number, "on", a name; "?" for none."""
    value = number(row, values)
    if value is None:
        return "?"
    if row.unit:
        return f"{value:.{row.decimals}f}"
    at = values[row.name]
    if row.key == "gear":
        return ("N", "F", "R", "F+R")[(at & 1) + 2 * (values.get("gear_reverse_on", 0) & 1)]
    words = _PLUG if row.key == "plug" else WORDS.get(row.name, ("off", "on"))
    return words[at] if 0 <= at < len(words) else str(at)


def limits(row: Row, parameters: Values) -> Limits:
    """Return what the reading must be within, from the car's own parameters."""
    if row.key == "rail":
        return _RAIL_V
    if row.key == "sensor_5v":
        return _SENSOR_V
    if any(name not in parameters for name in PARAMETERS):
        return _NO_LIMITS
    p = parameters
    kind = p["chemistry"] if 0 <= p["chemistry"] < len(chemistry.NAMES) else 0
    cells = p["cell_count"] / 1000
    temperatures = chemistry.DISCHARGE_TEMP[kind]
    found: dict[str, Limits] = {
        "speed": (None, p["speed_cap_kmh"]),
        "pack_v": (chemistry.FLOOR_MV[kind] * cells, chemistry.CELL_MAX_MV[kind] * cells),
        "pack_a": (-p["charge_max_da"] / 10, p["discharge_max_da"] / 10),
        "soc": (p["soc_turtle_permille"] / 10, None),
        "battery": (temperatures[0] / 10, temperatures[-2] / 10),
        "motor": (None, p["motor_stop_ddegc"] / 10),
        "controller": (None, p["controller_stop_ddegc"] / 10),
    }
    return found.get(row.key, _NO_LIMITS)


def is_outside(row: Row, values: Values, parameters: Values) -> bool:
    """Return whether the reading is known and beyond its limits."""
    value = number(row, values)
    low, high = limits(row, parameters)
    if value is None:
        return False
    return (low is not None and value < low) or (high is not None and value > high)


def range_of(row: Row, parameters: Values) -> str:
    """Return the limits as "49.5..76.5", "..45" or "10.."; "" for none."""
    low, high = limits(row, parameters)
    if low is None and high is None:
        return ""
    return f"{_short(low)}..{_short(high)}"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
