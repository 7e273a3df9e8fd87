"""Outer: the outermost that manufacturers allow each chemistry (charging.md section 9)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outer:
    """The outermost that a chemistry allows, per cell in mV, in permille of C, in s."""

    absorb: int  # the highest that a manufacturer names, at 25 degC
    compensation: int
    absorb_most: int
    hard: int
    current: int
    by_temperature: tuple[tuple[int, int], ...]  # degC, permille of C
    charge: int  # into the pack in one session
    absorb_s: int
    bulk_s: int
    precharge_s: int
    window: tuple[int, int, int, int]  # rested: refuse, pre-charge below, refuse, more if charged
    restart: int
    cold: tuple[int, int]  # degC: stop below, go on from
    is_lithium: bool = False
    equalize: int = 0


_LEAD = (1000, 1750, 2250, 200)
_HOT_LITHIUM = ((0, 0), (2, 100), (5, 100), (10, 200), (15, 500), (45, 500), (50, 100), (55, 0))
# fmt: off
OUTER = {
    "flooded": Outer(2470, 5, 2580, 2700, 130, ((40, 130), (50, 0)), 1250, 28800, 50400, 3600,
                     _LEAD, 2100, (-20, -15), equalize=2580),
    "agm": Outer(2450, 4, 2480, 2550, 200, ((45, 200), (50, 0)), 1150, 28800, 50400, 3600,
                 _LEAD, 2120, (-15, -10)),
    "gel": Outer(2400, 4, 2420, 2480, 150, ((45, 150), (50, 0)), 1150, 28800, 50400, 3600,
                 _LEAD, 2120, (-15, -10)),
    "lfp": Outer(3550, 0, 3550, 3650, 300, _HOT_LITHIUM, 1100, 3600, 36000, 1800,
                 (2000, 2500, 3450, 150), 3330, (0, 5), True),
    "nmc": Outer(4200, 0, 4200, 4250, 300, (*_HOT_LITHIUM[:-2], (50, 0)), 1100, 7200, 36000, 1800,
                 (2000, 3000, 4200, 150), 4000, (0, 5), True),
}
# fmt: on


def permitted_permille(outer: Outer, celsius: float) -> float:
    """Return what the chemistry takes at a temperature, in permille of C."""
    table = outer.by_temperature
    before_c, before = table[0]
    if celsius <= before_c:
        return before
    for at_c, permille in table[1:]:
        if celsius < at_c:
            return before + (permille - before) * (celsius - before_c) / (at_c - before_c)
        before_c, before = at_c, permille
    return 0.0
