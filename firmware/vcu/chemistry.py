"""What the loop knows of each pack chemistry, per cell, so that a pack is a row and a count.

Curves are flat lerp tables. Sources: manufacturers' figures collected in the
field (Trojan, EnerSys, EVE, Alpha), the five-point lithium current table of
dbus-serialbattery, LibreSolar's absolute limits; where a row is our choice it
says so.
"""

from micropython import const

FLOODED = const(0)
AGM = const(1)
GEL = const(2)
LFP = const(3)
NMC = const(4)
NAMES = ("flooded", "agm", "gel", "lfp", "nmc")

# Highest cell voltage a healthy charge shows: the pack divider must reach it.
CELL_MAX_MV = (2700, 2550, 2480, 3650, 4250)

# Open-circuit voltage (mV) -> state of charge (permille), rested.
_OCV_FLOODED = (1895, 0, 1918, 100, 1969, 300, 2017, 500, 2062, 700, 2103, 900, 2122, 1000)
_OCV_VALVE_REGULATED = (1930, 0, 1995, 250, 2050, 500, 2100, 750, 2145, 1000)
# fmt: off
_OCV_LFP = (2833, 0, 3132, 50, 3190, 150, 3226, 250, 3252, 350, 3264, 450, 3268, 550,
            3275, 650, 3296, 750, 3308, 850, 3314, 950, 3392, 1000)
_OCV_NMC = (2800, 0, 3588, 50, 3702, 150, 3745, 250, 3787, 350, 3819, 450, 3858, 550,
            3924, 650, 3993, 750, 4056, 850, 4135, 950, 4198, 1000)
# fmt: on
OCV = (_OCV_FLOODED, _OCV_VALVE_REGULATED, _OCV_VALVE_REGULATED, _OCV_LFP, _OCV_NMC)

# Sag-compensated cell voltage (mV) -> permille of the discharge current allowed.
# Lead is our choice: V + I*R leaves the slow polarisation in, so it begins below
# the rested "empty" of the table above.
_LOW_LEAD = (1700, 0, 1750, 100, 1800, 300, 1850, 600, 1900, 1000)
_LOW_LFP = (2800, 0, 2900, 5, 3000, 50, 3100, 250, 3190, 1000)
_LOW_NMC = (3000, 0, 3100, 50, 3200, 250, 3400, 1000)
LOW_VOLTAGE = (_LOW_LEAD, _LOW_LEAD, _LOW_LEAD, _LOW_LFP, _LOW_NMC)

# Loaded cell voltage (mV) that driving may never pull the pack below.
FLOOR_MV = (1650, 1650, 1650, 2500, 2800)

# Cell voltage (mV) -> permille of the charge current that regeneration may use.
_HIGH_LEAD = (2350, 1000, 2420, 500, 2500, 0)
_HIGH_GEL = (2300, 1000, 2350, 500, 2420, 0)
_HIGH_LFP = (3400, 1000, 3500, 300, 3580, 0)
_HIGH_NMC = (4050, 1000, 4120, 300, 4180, 0)
HIGH_VOLTAGE = (_HIGH_LEAD, _HIGH_LEAD, _HIGH_GEL, _HIGH_LFP, _HIGH_NMC)

# State of charge (permille) -> permille of the charge current: a full pack takes nothing.
_FULL_LEAD = (800, 1000, 900, 300, 970, 0)
_FULL_LITHIUM = (900, 1000, 950, 500, 990, 0)
SOC_CHARGE = (_FULL_LEAD, _FULL_LEAD, _FULL_LEAD, _FULL_LITHIUM, _FULL_LITHIUM)

# Battery temperature (0.1 degC) -> permille of the charge current. Lithium takes
# none below 0 degC: it would plate (Alpha, EVE, Sunland data sheets).
_CHARGE_LEAD = (-200, 0, -100, 500, 0, 1000, 400, 1000, 500, 0)
_CHARGE_LITHIUM = (0, 0, 20, 200, 100, 400, 150, 1000, 450, 1000, 500, 200, 550, 0)
CHARGE_TEMP = (_CHARGE_LEAD, _CHARGE_LEAD, _CHARGE_LEAD, _CHARGE_LITHIUM, _CHARGE_LITHIUM)

# Battery temperature (0.1 degC) -> permille of the discharge current.
_DISCHARGE_LEAD = (-300, 300, -200, 600, -100, 1000, 500, 1000, 600, 0)
_DISCHARGE_LITHIUM = (-250, 0, -200, 300, -100, 700, 0, 1000, 500, 1000, 600, 0)
DISCHARGE_TEMP = (
    _DISCHARGE_LEAD,
    _DISCHARGE_LEAD,
    _DISCHARGE_LEAD,
    _DISCHARGE_LITHIUM,
    _DISCHARGE_LITHIUM,
)

# Discharge rate (permille of C20 per hour) -> permille by which a drawn Ah counts,
# Peukert's (I * 20 h / C) ** (k - 1) with k 1.20 flooded, 1.10 AGM, 1.15 gel.
_PEUKERT_FLOODED = (50, 1000, 100, 1149, 200, 1320, 500, 1585, 1000, 1821, 2000, 2091)
_PEUKERT_AGM = (50, 1000, 100, 1072, 200, 1149, 500, 1259, 1000, 1349, 2000, 1446)
_PEUKERT_GEL = (50, 1000, 100, 1110, 200, 1231, 500, 1413, 1000, 1567, 2000, 1739)
_PEUKERT_NONE = (0, 1000)
PEUKERT = (_PEUKERT_FLOODED, _PEUKERT_AGM, _PEUKERT_GEL, _PEUKERT_NONE, _PEUKERT_NONE)

# Battery temperature (0.1 degC) -> permille of the capacity that can be used.
_USABLE_LEAD = (-200, 500, 0, 780, 250, 1000)
_USABLE_LITHIUM = (-200, 700, 0, 900, 250, 1000)
USABLE_CAPACITY = (_USABLE_LEAD, _USABLE_LEAD, _USABLE_LEAD, _USABLE_LITHIUM, _USABLE_LITHIUM)

# Rest that makes an open-circuit voltage worth believing, and the highest such
# reading that says anything: the LFP curve is flat above 3.20 V.
OCV_REST_S = (21600, 21600, 21600, 1800, 1800)
OCV_TRUSTED_BELOW_MV = (9999, 9999, 9999, 3200, 9999)
