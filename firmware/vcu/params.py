"""The parameter table: all that differs between two cars, with bounds and cross-field rules.

A value outside its range is refused, never clamped. Ids are stable and never
reused. Help texts live in host_tools, keyed by name, to keep them out of the
board's RAM.
"""

from array import array

from vcu.chemistry import CELL_MAX_MV

# fmt: off
TABLE: "tuple[tuple[int, str, str, int, int, int], ...]" = (
    # id  name                      unit           min     max  default
    (1,  "speed_cap_kmh",           "km/h",         40,     56,     40),
    (2,  "reverse_cap_kmh",         "km/h",          3,     15,      8),
    (3,  "reverse_torque_permille", "permille",    100,    600,    400),
    (4,  "wheel_circumference_mm",  "mm",          900,   2200,   1350),
    (5,  "pulses_per_turn",         "1",             4,     96,     24),
    (6,  "wheel_force_n",           "N",           150,   4000,    900),
    (8,  "laden_mass_kg",           "kg",          200,   1200,    500),
    (7,  "motor_lag_ms",            "ms",           10,    300,     80),
    (10, "pedal_channels",          "1",             1,      2,      2),
    (11, "pedal_a_released_counts", "counts",       50,   2800,    468),
    (12, "pedal_a_pressed_counts",  "counts",       50,   2800,   2310),
    (13, "pedal_b_released_counts", "counts",       50,   2800,    234),
    (14, "pedal_b_pressed_counts",  "counts",       50,   2800,   1155),
    (15, "pedal_slack_counts",      "counts",       20,    200,    110),
    (16, "pedal_deadband_permille", "permille",     20,    300,     60),
    (17, "pedal_curve_permille",    "permille",      0,   1000,    400),
    (20, "torque_rise_permille_s",  "permille/s",  100,   5000,   1200),
    (21, "torque_fall_permille_s",  "permille/s", 10000, 50000,  10000),
    (22, "regen_max_permille",      "permille",      0,   1000,      0),
    (23, "coast_regen_permille",    "permille",      0,    400,      0),
    (24, "throttle_zero_mv",        "mV",            0,   2000,    800),
    (25, "throttle_start_mv",       "mV",          200,   3000,   1100),
    (26, "throttle_full_mv",        "mV",         1000,   4500,   3600),
    (30, "chemistry",               "enum",          0,      4,      0),
    (31, "cell_count",              "1",             8,     40,     24),
    (32, "capacity_mah",            "mAh",       10000, 300000, 100000),
    (33, "discharge_max_da",        "0.1 A",       100,   3000,    800),
    (34, "charge_max_da",           "0.1 A",         0,   1500,    100),
    (35, "pack_resistance_mohm",    "mOhm",          5,    500,     60),
    (36, "pack_a_zero_counts",      "counts",     1200,   1800,   1500),
    (37, "soc_derate_permille",     "permille",     50,    500,    200),
    (38, "soc_turtle_permille",     "permille",     20,    300,    100),
    (39, "turtle_torque_permille",  "permille",    200,    800,    400),
    (44, "consumption_wh_km",       "Wh/km",        20,    200,     60),
    (40, "motor_hot_ddegc",         "0.1 degC",    600,   1500,   1100),
    (41, "motor_stop_ddegc",        "0.1 degC",    700,   1700,   1400),
    (42, "controller_hot_ddegc",    "0.1 degC",    500,    900,    700),
    (43, "controller_stop_ddegc",   "0.1 degC",    600,   1100,    850),
    (50, "precharge_diff_cv",       "0.01 V",      150,   1000,    200),
    (51, "precharge_timeout_ms",    "ms",          500,  10000,   3000),
    (52, "precharge_tries",         "1",             1,      5,      3),
    (53, "precharge_cooldown_ms",   "ms",         3000,  60000,  10000),
    (54, "weld_check_ms",           "ms",          500,  10000,   3000),
    (55, "contactor_open_da",       "0.1 A",        10,    200,     50),
    (60, "learner_on",              "1",             0,      1,      0),
    (61, "learner_cap_kmh",         "km/h",         10,     40,     20),
    (62, "learner_rise_permille_s", "permille/s",  100,   2000,    400),
    (63, "walk_cap_kmh",            "km/h",          3,      8,      6),
    (64, "stab_ms",                 "ms",            0,    500,    250),
    (65, "stab_below_kmh",          "km/h",          0,     15,      6),
    (66, "braked_pedal_permille",   "permille",    200,   1001,    800),
    (67, "rolling_warn_kmh",        "km/h",          1,     10,      3),
    (68, "crawl_cap_kmh",           "km/h",          4,     10,     10),
    (69, "crawl_torque_permille",   "permille",     50,    400,    250),
    (70, "crawl_power_w",           "W",           100,    400,    250),
    (71, "stall_power_w",           "W",           200,   5000,   1200),
    (73, "idle_power_w",            "W",           100,   2000,    250),
    (72, "motor_pulses_per_turn",   "1",             0,    400,      0),
    (80, "charger_kind",            "enum",          0,      2,      0),
    (81, "charger_max_da",          "0.1 A",        10,    600,    150),
    (82, "charger_full_cv",         "0.01 V",     3000,  12000,  10000),
    (83, "mains_v",                 "V",           100,    250,    230),
    (84, "mains_max_da",            "0.1 A",        40,    160,    100),
    (85, "bms_kind",                "enum",          0,      2,      0),
)
# fmt: on

# What set() answers.
OK = 0
UNKNOWN = 1
OUT_OF_RANGE = 2

# A pedal channel that moves fewer counts than this cannot be told from noise.
MIN_PEDAL_SPAN_COUNTS = 200
# Two channels whose travel differs by less than this would agree when shorted together.
MIN_SLOPE_DIFFERENCE_COUNTS = 150
# The pack voltage divider of every board ends here.
MAX_PACK_CV = 10000


def row_index(name: str) -> int:
    """Return the place of a row in TABLE, or -1 where there is none of that name."""
    for i in range(len(TABLE)):
        if TABLE[i][1] == name:
            return i
    return -1


class Params:
    """The values in use, in the order of TABLE, made with the defaults."""

    def __init__(self) -> None:
        self._values = array("i", [default for _, _, _, _, _, default in TABLE])

    def get(self, name: str) -> int:
        """Return the value in the unit of its row; KeyError for a name that is no row."""
        i = row_index(name)
        if i < 0:
            raise KeyError(name)
        return self._values[i]

    def values(self) -> "dict[str, int]":
        """Return every value by the name of its row, for who keeps copies."""
        return {TABLE[i][1]: self._values[i] for i in range(len(TABLE))}

    def at(self, i: int) -> int:
        """Return the value of row i of TABLE."""
        return self._values[i]

    def put(self, i: int, value: int) -> None:
        """Store a value of row i that set() has taken before."""
        self._values[i] = value

    def differing(self, other: "Params") -> "list[int]":
        """Return the row of every value that is not that of another set."""
        mine = self._values
        theirs = other._values
        return [i for i in range(len(TABLE)) if mine[i] != theirs[i]]

    def take(self, other: "Params") -> None:
        """Take every value of another set, in one step."""
        self._values[:] = other._values

    def set(self, name: str, value: int) -> int:
        """Store value and return OK, or keep the old one and return UNKNOWN or OUT_OF_RANGE."""
        i = row_index(name)
        if i < 0:
            return UNKNOWN
        if not TABLE[i][3] <= value <= TABLE[i][4]:
            return OUT_OF_RANGE
        self._values[i] = value
        return OK

    def broken_rules(self) -> "list[str]":
        """Return the slug of every cross-field rule that the values break; empty is good."""
        return [slug for slug, holds in RULES if not holds(self)]


def _span(p: Params, channel: str) -> int:
    return p.get("pedal_" + channel + "_pressed_counts") - p.get(
        "pedal_" + channel + "_released_counts"
    )


def _pedal_a_span(p: Params) -> bool:
    # Equal end points would divide by zero; openinverter then reads full throttle.
    return abs(_span(p, "a")) >= MIN_PEDAL_SPAN_COUNTS


def _pedal_b_span(p: Params) -> bool:
    return p.get("pedal_channels") == 1 or abs(_span(p, "b")) >= MIN_PEDAL_SPAN_COUNTS


def _pedal_slopes(p: Params) -> bool:
    apart = abs(_span(p, "a") - _span(p, "b"))
    return p.get("pedal_channels") == 1 or apart >= MIN_SLOPE_DIFFERENCE_COUNTS


def _throttle_order(p: Params) -> bool:
    zero = p.get("throttle_zero_mv")
    return zero < p.get("throttle_start_mv") < p.get("throttle_full_mv")


def _regen_charge(p: Params) -> bool:
    return p.get("regen_max_permille") == 0 or p.get("charge_max_da") > 0


def _coast_regen(p: Params) -> bool:
    return p.get("coast_regen_permille") <= p.get("regen_max_permille")


def _soc_order(p: Params) -> bool:
    return p.get("soc_turtle_permille") < p.get("soc_derate_permille")


def _motor_temp(p: Params) -> bool:
    return p.get("motor_hot_ddegc") < p.get("motor_stop_ddegc")


def _controller_temp(p: Params) -> bool:
    return p.get("controller_hot_ddegc") < p.get("controller_stop_ddegc")


def _pack_range(p: Params) -> bool:
    return CELL_MAX_MV[p.get("chemistry")] * p.get("cell_count") <= MAX_PACK_CV * 10


# A rule is a slug and a predicate; all are checked and all failures are reported.
RULES = (
    ("pedal_a_span", _pedal_a_span),
    ("pedal_b_span", _pedal_b_span),
    ("pedal_slopes", _pedal_slopes),
    ("throttle_order", _throttle_order),
    ("regen_charge", _regen_charge),
    ("coast_regen", _coast_regen),
    ("soc_order", _soc_order),
    ("motor_temp", _motor_temp),
    ("controller_temp", _controller_temp),
    ("pack_range", _pack_range),
)
