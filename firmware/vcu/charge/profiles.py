"""Profiles: how each chemistry is charged, one row a parameter, one column a chemistry, per cell.

Numbers are manufacturers' (Trojan, Rolls, EnerSys, East Penn, Century for lead;
EVE, Lishen, ATL, Alpha for lithium) where two of them agree, and say so where
they are our choice. A pack's profile is the column of its chemistry times its
cells or its capacity.
"""

from micropython import const

from vcu.params import Params

# fmt: off
# name                      flooded    agm     gel     lfp     nmc    unit
TABLE: "tuple[tuple[str, int, int, int, int, int, str], ...]" = (
    ("bulk",                   120,    200,    150,    300,    300,  "permille of C"),
    ("reject_below",          1000,   1000,   1000,   2000,   2000,  "mV, rested"),
    ("reject_new_below",      1890,   1930,   1930,   3000,   3575,  "mV, pack new to the car"),
    ("precharge_below",       1750,   1750,   1750,   2500,   3000,  "mV"),
    ("precharge",               30,     30,     30,     50,     50,  "permille of C"),
    ("precharge_limit",       3600,   3600,   3600,   1800,   1800,  "s"),
    ("reject_above",          2250,   2250,   2250,   3450,   4190,  "mV, rested"),
    ("surface",                200,    200,    200,    150,    150,  "mV more after a charge"),
    ("absorb",                2430,   2430,   2350,   3550,   4190,  "mV at 25 degC"),
    ("compensation",             5,      4,      4,      0,      0,  "mV per degC, falling"),
    ("absorb_most",           2490,   2480,   2420,   3550,   4190,  "mV, compensated"),
    ("tail",                    23,     16,     15,     50,     50,  "permille of C"),
    ("tail_hold",              600,    600,    600,     60,     60,  "s"),
    ("absorb_min",            1800,   1800,   1800,      0,      0,  "s"),
    ("return_least",          1095,   1055,   1000,      0,      0,  "permille of missing charge"),
    ("return_most",           1150,   1080,   1080,      0,      0,  "the same, 0 no limit"),
    ("absorb_limit",         28800,  28800,  28800,   3600,   7200,  "s"),
    ("ah_limit",              1250,   1150,   1150,   1100,   1100,  "permille of missing charge"),
    ("bulk_slack",            1500,   1500,   1500,   1300,   1300,  "permille of missing/I"),
    ("bulk_limit",           50400,  50400,  50400,  36000,  36000,  "s"),
    ("float",                 2250,   2270,   2270,      0,      0,  "mV at 25 degC, 0 none"),
    ("float_limit",          28800,  28800,  28800,      0,      0,  "s"),
    ("fall",                    21,     18,     18,      0,      0,  "mV for a tenth, rested"),
    ("restart_below",         2100,   2120,   2120,   3270,   4000,  "mV, rested"),
    ("target_least",           900,    900,    900,    200,    200,  "permille, of a wish"),
    ("restart_charge",           0,      0,      0,    900,    900,  "permille, 0 none"),
    ("retop",               604800, 604800, 604800,      0,      0,  "s at rest, 0 never"),
    ("equalize",              2580,      0,      0,      0,      0,  "mV at 25 degC, 0 never"),
    ("equalize_current",        40,      0,      0,      0,      0,  "permille of C"),
    ("equalize_limit",       10800,      0,      0,      0,      0,  "s"),
    ("equalize_hot",           400,      0,      0,      0,      0,  "0.1 degC"),
    ("too_cold",              -200,   -150,   -150,      0,      0,  "0.1 degC"),
    ("warm_again",            -150,   -100,   -100,     50,     50,  "0.1 degC"),
    ("too_hot",                500,    500,    500,    550,    500,  "0.1 degC"),
    ("cool_again",             400,    400,    400,    450,    450,  "0.1 degC"),
    ("hard",                  2700,   2550,   2480,   3650,   4250,  "mV"),
    ("soft_cell",                0,      0,      0,   3600,   4200,  "mV, of the highest cell"),
    ("balance",                  0,      0,      0,     20,     20,  "permille of C"),
    ("balance_limit",            0,      0,      0,   3600,   3600,  "s"),
)
# fmt: on

# Where these depart from the manufacturers' first choice, each within their ranges:
# absorb 2.43 V for flooded and AGM, tails of 2.3, 1.6 and 1.5 %: at 98 % (gel 96.5 %) a warm
#   pack still takes that much, and with less voltage 0.1 C from empty needs more than 14 h; with
#   more, flooded from one half gasses away more than 15 % (Trojan 2.40 to 2.58 V, East Penn 2.43).
# reject_new_below: what was never charged here may be the next smaller pack, full. Lead comes in
#   blocks of 6 cells: 30 of the 36 told, full and rested (2.15 V), have 1.79 V for each; 20 LFP of
#   24 have 2.84 V, 17 NMC of 20 have 3.57 V. A sound one of 5 % passes.
# absorb_most 2.49 V for flooded, not 2.58: with a shorted cell the 23 others have 2.60 V each.
# absorb_limit 8 h and no share of C/I (Rolls' 0.42 and 0.38 h, even by half more): that ends
#   flooded at 0.12 C with 97 % and AGM at its full current with 92 %.
# return_least: a tail may come too soon (sulphated plates), so absorption goes on, an hour at
#   most, until the charge has come back; return_most ends absorption and float, since what came
#   back says more than an aged pack's tail (Odyssey, EnerSys, Rolls: 105 to 110 %).
# target_least 90 % for lead: what stands at less sulphates, and its rest hides a shorted cell: at
#   80 % 36 worn cells rest 2.3 V lower than full ones, and no lower if the count was low by 20 %.
# absorb 4.19 V for NMC: 4.15 V is 96 % of a cell that is full at 4.20 V (Samsung, ATL); a pack
#   that rests there may be plugged in.

# Battery temperature (0.1 degC) -> permille of C. Lithium: Alpha, EVE, Sunland; lead tapers to
# its stop (Century stops at 50 degC and goes on below 40).
_FLOODED = (400, 120, 500, 0)
_AGM = (450, 200, 500, 0)
_GEL = (450, 150, 500, 0)
_LFP = (0, 0, 20, 100, 50, 100, 100, 200, 150, 500, 450, 500, 500, 100, 550, 0)
_NMC = (0, 0, 20, 100, 50, 100, 100, 200, 150, 500, 450, 500, 500, 0)
CURRENT_BY_TEMPERATURE = (_FLOODED, _AGM, _GEL, _LFP, _NMC)

# The compensation holds its value beyond these: no charge is right there anyway.
_COLDEST_DDEGC = const(-100)
_HOTTEST_DDEGC = const(500)
_REFERENCE_DDEGC = const(250)


class Profile:
    """The column of one chemistry for one pack; voltages of the pack in 0.01 V, currents in mA."""

    def __init__(self, params: Params) -> None:
        self.kind = params.get("chemistry")
        self.cells = params.get("cell_count")
        self.capacity_mah = params.get("capacity_mah")
        self._values = {row[0]: row[1:6][self.kind] for row in TABLE}
        self.current_by_temperature = CURRENT_BY_TEMPERATURE[self.kind]
        self.is_lithium = self._values["float"] == 0
        self._absorb_mv = self._values["absorb"]
        self._absorb_most_mv = self._values["absorb_most"]
        self._compensation_mv = self._values["compensation"]

    def get(self, name: str) -> int:
        """Return a row of the column, in its unit; KeyError where there is none."""
        return self._values[name]

    def ma(self, name: str) -> int:
        """Return a row that is in permille of C as a current."""
        # 300 000 mAh * 1250 = 3.8e8
        return self.capacity_mah * self._values[name] // 1000

    def cv(self, name: str) -> int:
        """Return a row that is in mV per cell as a voltage of the pack."""
        return self._values[name] * self.cells // 10

    def compensated_cv(self, at_25_mv: int, ddegc: int) -> int:
        """Return the pack's set-point for a cell's at 25 degC; never above the hottest allowed.

        A colder battery gets at least as much as a warmer one.
        """
        if ddegc < _COLDEST_DDEGC:
            ddegc = _COLDEST_DDEGC
        elif ddegc > _HOTTEST_DDEGC:
            ddegc = _HOTTEST_DDEGC
        # In 0.1 mV of a cell, then 0.01 V of all of them: 26 000 * 40 = 1e6
        cell_10 = at_25_mv * 10 - self._compensation_mv * (ddegc - _REFERENCE_DDEGC)
        if at_25_mv <= self._absorb_mv and cell_10 > self._absorb_most_mv * 10:
            cell_10 = self._absorb_most_mv * 10
        return cell_10 * self.cells // 100
