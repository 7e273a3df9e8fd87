"""Charge wishes: what a person asks of a charge, put into its session, which survives power cuts.

A charge that was to begin later begins later by as long as the power was away: there
is no clock without it.
"""

from micropython import const

from vcu.charge import phases
from vcu.charge.charge import Charge

# Desk.wish; Desk.value is then
TARGET = const(0)  # permille of charge at which to stop, 0 for full
DELAY = const(1)  # s until the charge begins, 0 for now
EQUALIZE = const(2)  # 1 to arm it for the end of the next charge, 0 to disarm or stop it


def grant(charge: Charge, wish: int, value: int) -> None:
    """Take a wish; the verb that asked has checked its range, and services that the car is parked.

    Where the present phase must not go on as it is, the charge begins anew with its
    check, which has the relay open; its session, with all its limits, goes on.
    """
    session = charge.session
    phase = charge.phase
    if wish == TARGET:
        if _was_stopped_early(charge, value):
            session.is_full = 0
            if phase == phases.FULL:
                charge.enter(phases.OFF)
        session.target_permille = value
    elif wish == DELAY:
        session.delay_s = value
        if value and phases.CHECK < phase < phases.ABSORB:
            charge.enter(phases.OFF)
    else:
        session.equalize_armed = value
        if not value and phase == phases.EQUALIZE:
            charge.enter(phases.FLOAT)
    session.note()


def _was_stopped_early(charge: Charge, target_permille: int) -> bool:
    """Return whether a lower target ended the charge, and the pack is below the new one."""
    session = charge.session
    old = session.target_permille
    if not session.is_full or old == 0 or 0 < target_permille <= old:
        return False
    return charge.energy.soc_permille < (target_permille if target_permille else 1000)
