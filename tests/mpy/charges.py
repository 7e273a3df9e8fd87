"""Charges: scripts that plug the car in, for the whole loop and for the charge alone."""

from car import (
    ALL,
    BATTERY,
    BATTERY_NTC,
    BMS,
    BROKEN,
    CELL,
    CHARGER,
    CONTACTOR_WELDED,
    CORNERS,
    CURRENT_ADC,
    GEAR,
    GIVES,
    KEY,
    PACK,
    PACK_ADC,
    PACK_HIGH,
    PEDAL,
    PLUG,
    SLOW,
    SPREAD,
    TALKS,
    TICK,
    WISH,
)
from supply import (
    CLEAR,
    DRIVEN,
    EQUALIZE,
    LATER,
    NEARLY_FULL,
    REMEMBER,
    REMEMBER_OTHERS,
    SWAP,
    TARGET,
    UNSURE,
)

_FLOODED = (
    "cell_count", 24, "capacity_mah", 100000, "charger_kind", 2, "charger_max_da", 150,
    "charger_full_cv", 7000, "charge_max_da", 200,
)  # fmt: skip
_AGM_RELAY = (
    "chemistry", 1, "cell_count", 30, "capacity_mah", 100000, "charger_kind", 1,
    "charger_max_da", 120, "charge_max_da", 200,
)  # fmt: skip
_GEL = (
    "chemistry", 2, "cell_count", 36, "capacity_mah", 60000, "charger_kind", 2,
    "charger_max_da", 90, "charge_max_da", 150, "mains_v", 110, "mains_max_da", 80,
)  # fmt: skip
_LFP = (
    "chemistry", 3, "cell_count", 20, "capacity_mah", 100000, "charger_kind", 2,
    "charger_max_da", 200, "charger_full_cv", 8000, "charge_max_da", 300,
)  # fmt: skip
_LFP_CONTACTS = _LFP + ("bms_kind", 1)
_LFP_CELLS = _LFP + ("bms_kind", 2)
_NMC_CONTACTS = (
    "chemistry", 4, "cell_count", 16, "capacity_mah", 80000, "charger_kind", 2,
    "charger_max_da", 200, "charge_max_da", 300, "bms_kind", 1,
)  # fmt: skip
_LOW_EXTREMES = (
    "chemistry", 3, "cell_count", 8, "capacity_mah", 10000, "charge_max_da", 10,
    "charger_kind", 2, "charger_max_da", 10, "charger_full_cv", 3000, "mains_v", 100,
    "mains_max_da", 40, "bms_kind", 2,
)  # fmt: skip
_HIGH_EXTREMES = (
    "chemistry", 0, "cell_count", 36, "capacity_mah", 300000, "charge_max_da", 1500,
    "charger_kind", 2, "charger_max_da", 600, "charger_full_cv", 12000, "mains_v", 250,
    "mains_max_da", 160,
)  # fmt: skip

# As in sequences.py: name, parameters, whether the board stamps edges, steps of (ticks, ...). A
# tick of 25 ms is the longest of which the charge counts all.
_PLUGGED_IN = (60, TICK, 25, PLUG, 1)
PLUGGED = (
    ("charge_lfp", _LFP_CONTACTS, True, (
        _PLUGGED_IN, (300, CELL, 3290), (1400,), (80, KEY, 1), (80, KEY, 0), (100, BMS, 2),
        (100, BMS, 3), (60, PLUG, 0), (60, PLUG, 1), (300,), (100, BATTERY, -30),
        (60, PLUG, 0, BATTERY, 250, TICK, 10), (180, KEY, 1), (20, GEAR, 1), (100, PEDAL, 300),
        (100, PLUG, 1), (100, PEDAL, 0, GEAR, 0, KEY, 0), (300, TICK, 25),
    )),
    ("charge_to_full", _LFP_CELLS, True, (
        (30, TALKS, 1, SPREAD, 2, WISH, NEARLY_FULL), _PLUGGED_IN, (300,), (1000, CELL, 3350),
        (600, CELL, 3549), (3200,), (100, SPREAD, 30), (100, CELL, 3340), (200, TALKS, 0),
    )),
    ("charge_balance", _LFP_CELLS, False, (
        (30, TALKS, 1, SPREAD, 30, WISH, NEARLY_FULL), _PLUGGED_IN, (300,),
        (1400, CELL, 3350), (600, CELL, 3549), (2900,), (300, SPREAD, 4),
    )),
    ("charge_lead", _FLOODED, True, (
        (30, WISH, NEARLY_FULL), _PLUGGED_IN, (300,), (1500, CELL, 2100), (900, CELL, 2430),
        (200, BROKEN, BATTERY_NTC), (200, BROKEN, 0), (200, GIVES, 0),
        (200, GIVES, 1000), (150, CHARGER, 120),
        (300, CHARGER, 0, WISH, CLEAR), (60, BROKEN, PACK_ADC), (200, BROKEN, 0),
        (100, BROKEN, CONTACTOR_WELDED), (100, BROKEN, 0),
    )),
    ("charge_relay", _AGM_RELAY, False, (
        _PLUGGED_IN, (600, CELL, 2100), (200, CELL, 2400), (150, PLUG, 0), (300, PLUG, 1),
        (100, BROKEN, PACK_HIGH), (100, BROKEN, 0), (150, CHARGER, 20), (100, CHARGER, 0),
        (300, WISH, CLEAR),
    )),
    ("charge_remembers", _FLOODED, True, (
        (30, WISH, REMEMBER), _PLUGGED_IN, (300,), (300, WISH, REMEMBER_OTHERS),
        (300, WISH, CLEAR), (60, WISH, SWAP, PLUG, 0), (60, CELL, 1700),
        (2600, PLUG, 1, CELL, 2600), (400, CELL, 2050),
    )),
    ("charge_voltage", _NMC_CONTACTS, True, (
        _PLUGGED_IN, (300,), (1300, CELL, 3900), (100, CELL, 4280), (300, WISH, CLEAR, CELL, 900),
        (60, BMS, 4), (60, BMS, 0), (60, PLUG, 0),
    )),
    ("bms_forbids", _LFP_CONTACTS, True, (
        (30, PLUG, 0), (180, KEY, 1), (20, GEAR, 1), (300, PEDAL, 500), (600, BMS, 1),
        (200, BMS, 3), (200, BMS, 2), (100, BMS, 4), (100, PEDAL, 0), (100, KEY, 0, GEAR, 0),
    )),
    ("corners_charge_low", _LOW_EXTREMES, True, (
        (30, TALKS, 1, SPREAD, 50), _PLUGGED_IN, (400,), (400, CORNERS, PACK + SLOW),
        (400, CORNERS, 0, WISH, CLEAR), (400, CORNERS, ALL), (300, CORNERS, 0),
    )),
    ("corners_charge_high", _HIGH_EXTREMES, True, (
        _PLUGGED_IN, (400,), (1400, CELL, 2200), (400, CORNERS, PACK + SLOW),
        (400, CORNERS, 0, WISH, CLEAR), (400, CORNERS, ALL), (300, CORNERS, 0),
    )),
)  # fmt: skip

# Name, parameters, steps of (seconds, KNOB, value, ...), for the charge alone (night.py).
_CHECKED = ((4, PLUG, 0), (66, PLUG, 1))
NIGHTS = (
    ("night_flooded", _FLOODED, ((4, WISH, NEARLY_FULL),) + _CHECKED + (
        (1050, CELL, 2100, WISH, EQUALIZE), (1900, CELL, 2535, GIVES, 30),
        (62, BATTERY, 330), (2350, BATTERY, 410), (90, CELL, 2090), (30, CELL, 2150),
        (62, BATTERY, 330), (20, PLUG, 0, BATTERY, 250, WISH, NEARLY_FULL), (20, PLUG, 1),
        (1050, CELL, 2100, GIVES, 1000), (4200, CELL, 2440, GIVES, 30), (60, WISH, CLEAR),
    )),
    ("night_gel_hot", _GEL, _CHECKED + (
        (60, CELL, 2100), (62, BATTERY, 340), (62, BATTERY, 430), (62, BATTERY, 480),
        (62, BATTERY, 510), (62, BATTERY, 450), (660, BATTERY, 380),
        (100, BATTERY, 300, BROKEN, BATTERY_NTC), (100, BROKEN, 0), (650, BATTERY, 550),
    )),
    ("night_runaway", _GEL, _CHECKED + (
        (300, CELL, 2200), (200, CELL, 2349), (200, CELL, 2347), (300, CELL, 2340),
        (700, CELL, 2330), (30, WISH, CLEAR),
    )),
    ("night_relay", _AGM_RELAY, _CHECKED + (
        (60, CELL, 2100), (80, CELL, 2500), (620, CELL, 2300), (60, BATTERY, 490),
        (620, BATTERY, 250), (20, CELL, 1700), (620, CELL, 2090, BMS, 0),
        (60, PLUG, 0), (30, PLUG, 1, CELL, 1700), (30, WISH, CLEAR, CELL, 2090),
        (70, GIVES, 0), (620, GIVES, 1000), (1000, CELL, 2400, GIVES, 100), (1500,),
        (300, CELL, 2150),
    )),
    ("night_lfp", _LFP_CELLS, ((4, TALKS, 1, SPREAD, 2),) + _CHECKED + (
        (300, CELL, 3300), (60, SPREAD, 40), (200, CELL, 3549), (300, SPREAD, 60),
        (930, SPREAD, 4), (100, CELL, 3250), (60, CELL, 3300),
        (20, PLUG, 0, WISH, DRIVEN), (20, PLUG, 1), (300, CELL, 3350), (30, TALKS, 2),
        (30, TALKS, 1), (20, TALKS, 0), (60, TALKS, 1, SPREAD, 900),
    )),
    ("night_nmc", _NMC_CONTACTS, ((4, WISH, LATER),) + _CHECKED + (
        (60, WISH, TARGET), (20, WISH, DRIVEN), (30, WISH, UNSURE), (100, CELL, 3900),
        (100, BMS, 2), (620, BMS, 3), (60, GIVES, 0), (70,), (620, GIVES, 1000),
        (62, BATTERY, 160), (62, BATTERY, 70), (62, BATTERY, -10), (620, BATTERY, 60),
        (20, BROKEN, CURRENT_ADC), (20, BROKEN, 0), (60, CHARGER, 20),
    )),
    ("night_target", _NMC_CONTACTS + ("capacity_mah", 10000), _CHECKED + (
        (30, PLUG, 0, WISH, TARGET), (20, WISH, DRIVEN), (900, PLUG, 1, CELL, 3700), (300,),
    )),
    ("night_precharge", _LFP_CONTACTS, _CHECKED + (
        (20, PLUG, 0, WISH, DRIVEN), (1950, PLUG, 1, CELL, 2300),
        (30, WISH, CLEAR, CELL, 2400), (60, CELL, 2600), (60, CELL, 3200),
    )),
    ("night_dead_cell", _FLOODED, ((4, WISH, DRIVEN),) + _CHECKED + (
        (1900, CELL, 1850), (30, WISH, CLEAR), (3700, CELL, 2000),
    )),
    ("night_ah_limit", _NMC_CONTACTS + ("capacity_mah", 10000), (
        (4, WISH, NEARLY_FULL),
    ) + _CHECKED + ((1300, CELL, 3900), (30, WISH, CLEAR))),
    ("night_timeout", _NMC_CONTACTS + ("charger_max_da", 10, "capacity_mah", 20000), (
        (4, WISH, NEARLY_FULL, CELL, 3900),
    ) + _CHECKED + ((60,), (7400, GIVES, 700), (30, WISH, DRIVEN))),
    ("night_pack_swapped", _LFP_CONTACTS, _CHECKED + (
        (60,), (20, PLUG, 0, WISH, SWAP), (80, PLUG, 1, CELL, 3600), (80, CELL, 3300),
    )),
    ("night_over_voltage", _FLOODED, _CHECKED + (
        (60, CELL, 2100), (20, CELL, 2720), (20, WISH, CLEAR, CELL, 2100), (100,),
        (20, CHARGER, 200), (30, WISH, CLEAR),
    )),
    ("night_no_charger", ("cell_count", 24), ((20, PLUG, 1),)),
    ("night_no_bms", _LFP, ((20, PLUG, 1),)),
    ("night_conflict", _FLOODED + ("soc_turtle_permille", 300), ((20, PLUG, 1),)),
    ("night_corners_low", _LOW_EXTREMES, ((4, TALKS, 1, SPREAD, 20),) + _CHECKED + (
        (60,), (500, CORNERS, PACK), (60, CORNERS, 0, WISH, CLEAR), (300, CORNERS, PACK),
    )),
    ("night_corners_high", _HIGH_EXTREMES, _CHECKED + (
        (100,), (500, CORNERS, PACK), (60, CORNERS, 0, WISH, CLEAR), (300, CORNERS, PACK),
        (60, CORNERS, 0, WISH, CLEAR), (1000, CELL, 2430, BROKEN, CURRENT_ADC),
        (300, BROKEN, 0),
    )),
)  # fmt: skip
