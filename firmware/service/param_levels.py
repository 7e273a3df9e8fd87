"""Parameter levels: which role may change which parameter.

Level 1, service, changes what no row here names: it holds end points, currents and
the numbers that protection is made of. The cap is what an inspector checks, and the
factory's; within 5 % the wheel is a tyre, beyond that another cap.
"""

from service.access import FACTORY, SERVICE, VIEW
from service.identity import Identity
from service.seal import is_far
from vcu.params import TABLE, Params

_CIRCUMFERENCE = "wheel_circumference_mm"
_PULSES = "pulses_per_turn"
LEVELS = (
    ("speed_cap_kmh", FACTORY),
    # Comfort: none of these makes the car faster, stronger or longer to stop.
    ("pedal_curve_permille", VIEW),
    ("coast_regen_permille", VIEW),
    ("consumption_wh_km", VIEW),
)


def level_of(name: str) -> int:
    """Return the level that a change of one parameter needs, whatever its value."""
    for row_name, level in LEVELS:
        if row_name == name:
            return level
    return SERVICE


def level_of_value(params: Params, name: str, value: int, identity: Identity) -> int:
    """Return the level that changing one parameter to value needs."""
    if name == _CIRCUMFERENCE:
        return _level_of_wheel(value, params.get(_PULSES), identity)
    if name == _PULSES:
        return _level_of_wheel(params.get(_CIRCUMFERENCE), value, identity)
    return level_of(name)


def level_between(old: Params, new: Params, identity: Identity) -> int:
    """Return the level that going from old to new needs; 0 where nothing differs."""
    level = VIEW
    for i in old.differing(new):
        name = TABLE[i][1]
        if name in (_CIRCUMFERENCE, _PULSES):
            wheel = _level_of_wheel(new.get(_CIRCUMFERENCE), new.get(_PULSES), identity)
            level = max(level, wheel)
        else:
            level = max(level, level_of(name))
    return level


def _level_of_wheel(mm: int, pulses: int, identity: Identity) -> int:
    if is_far(mm, pulses, identity.circumference_mm, identity.pulses_per_turn):
        return FACTORY
    return SERVICE
