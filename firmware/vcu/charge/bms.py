"""BMS port: what a battery management system permits; from silence, nothing.

Hazard: pack voltage cannot see one high cell (one at 3.65 V among 23 at 3.40 V
stays below the set-point), so lithium is not charged without a BMS, nor braked by
its motor. Two contacts come as one coded wire, on which open and shorted read as
"nothing permitted". Cell data older than 5 s are not used.
"""

from micropython import const

from vcu.charge.profiles import Profile
from vcu.fixmath import clamp
from vcu.params import Params
from vcu.signals import UNKNOWN_DDEGC, Signals

NONE = const(0)
CONTACTS = const(1)
CELLS = const(2)
KIND_NAMES = ("none", "contacts", "cells")

_STALE_MS = const(5000)
# Below this from the cell's soft limit the current is lowered, step by step.
_TAPER_MV = const(30)
# A spread above this is worth holding the voltage for (Lishen, dbus-serialbattery: 10 mV).
BALANCED_MV = const(10)
_NO_LIMIT_MA = const(400000)
_LEAST_MA = const(300)
_WORN_OUT_MS = const(100000)


class CellData:
    """What a BMS with a serial port last said; whoever decodes its protocol fills it.

    After filling the rest set fresh. UNKNOWN_DDEGC: the BMS has no such sensor.
    """

    def __init__(self) -> None:
        self.fresh = False
        self.cells = 0
        self.lowest_mv = 0
        self.highest_mv = 0
        self.coldest_ddegc = UNKNOWN_DDEGC
        self.hottest_ddegc = UNKNOWN_DDEGC
        self.charge_permitted = 0
        self.discharge_permitted = 0
        self.charge_limit_ma = 0


class Bms:
    """may_charge and may_discharge are the answer; step() about once a second.

    share_permille lowers the current as the highest cell nears its limit,
    limit_ma is what the BMS itself allows. is_lost: it is fitted and does not answer;
    is_waiting: so far, and since power-on it has not had the time to.
    """

    def __init__(self, params: Params, profile: Profile, data: CellData) -> None:
        self.kind = params.get("bms_kind")
        self.data = data
        self._cells = profile.cells
        self._soft_mv = profile.get("soft_cell")
        self._hard_mv = profile.get("hard")
        self._age_ms = 0
        self._high_times = 0
        self._told_cells = 0
        self._told_charge = False
        self._told_discharge = False
        self.may_charge = self.kind == NONE and not profile.is_lithium
        self.may_discharge = self.kind == NONE
        self.is_lost = self.is_waiting = self.kind != NONE
        self.is_over = False  # a cell was above its hard limit three times in a row
        self.share_permille = 1000
        self.limit_ma = _NO_LIMIT_MA
        self.spread_mv = 0
        self.highest_mv = 0
        self.count_differs = False

    def step(self, sig: Signals, passed_ms: int) -> None:
        """Judge what was read or received; passed_ms since the last call."""
        if self.kind == CONTACTS:
            bits = sig.bms_bits
            if sig.slow_seen:
                self.is_waiting = False
            self.is_lost = bits < 0
            self.may_charge = bits > 0 and bits & 1 != 0
            self.may_discharge = bits > 1
        elif self.kind == CELLS:
            self._judge_cells(passed_ms)

    def _judge_cells(self, passed_ms: int) -> None:
        data = self.data
        # A cell of 0 mV is a frame that was not filled; its permission is none either.
        if data.fresh and 0 < data.lowest_mv <= data.highest_mv:
            self._take(data)
        elif self._age_ms < _WORN_OUT_MS:
            self._age_ms += passed_ms
        data.fresh = False
        if self._age_ms > _STALE_MS:
            self.is_waiting = False
        self.is_lost = self.is_waiting or self._age_ms > _STALE_MS
        self.count_differs = not self.is_lost and self._told_cells != self._cells
        usable = not self.is_lost and not self.count_differs
        self.may_charge = usable and self._told_charge
        self.may_discharge = usable and self._told_discharge

    def _take(self, data: CellData) -> None:
        self._age_ms = 0
        self.is_waiting = False
        self._told_cells = data.cells
        # Some say "full" by a limit of nothing.
        self._told_charge = data.charge_permitted != 0 and data.charge_limit_ma >= _LEAST_MA
        self._told_discharge = data.discharge_permitted != 0
        self.limit_ma = data.charge_limit_ma
        self.highest_mv = data.highest_mv
        self.spread_mv = data.highest_mv - data.lowest_mv
        self._high_times = self._high_times + 1 if data.highest_mv >= self._hard_mv else 0
        self.is_over = self._high_times >= 3
        # 30 mV: 1000 * 30
        room_mv = self._soft_mv - data.highest_mv
        self.share_permille = clamp(room_mv * 1000 // _TAPER_MV, 0, 1000)
