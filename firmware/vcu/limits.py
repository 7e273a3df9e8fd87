"""Limits: what pack and parts allow now, each under a name of its own.

Every limiter has one name in LIMITER_NAMES; the ceilings (vcu/ceilings.py) say how
much torque each lets through, and the chain (vcu/chain.py) who of them won. Drive
limits cap positive requests, charge limits cap regeneration, which is charging and
obeys the pack. A broken temperature sensor lowers a limit, it never opens one.
"""

from micropython import const

from vcu import chemistry
from vcu.ceilings import Ceiling, CurrentCeiling, RegenCeiling
from vcu.fixmath import clamp, lerp
from vcu.params import Params
from vcu.signals import Signals
from vcu.speed import SpeedObserver

NONE = const(0)
REVERSE_TORQUE = const(1)
PACK_LOW_VOLTAGE = const(2)
PACK_CURRENT = const(3)
BATTERY_TEMP = const(4)
MOTOR_TEMP = const(5)
CONTROLLER_TEMP = const(6)
STATE_OF_CHARGE = const(7)
REGEN_CHARGE = const(8)
SLEW = const(9)
SPEED_CAP = const(10)
LEARNER = const(11)
WALK = const(12)
CRAWL = const(13)
BMS = const(14)
# By bit, those that follow speed or current; heat and charge set the others, whatever the road.
ANSWERS_THE_ROAD = const(
    1 << PACK_LOW_VOLTAGE
    | 1 << PACK_CURRENT
    | 1 << REGEN_CHARGE
    | 1 << SPEED_CAP
    | 1 << LEARNER
    | 1 << WALK
    | 1 << CRAWL
)
LIMITER_NAMES = (
    "none",
    "reverse_torque",
    "pack_low_voltage",
    "pack_current",
    "battery_temp",
    "motor_temp",
    "controller_temp",
    "state_of_charge",
    "regen_charge",
    "slew",
    "speed_cap",
    "learner",
    "walk",
    "crawl",
    "bms",
)

# A BMS that forbids discharge will open its switch: torque goes within seconds, not at once,
# so that the driver can leave the crossing; per call of update_bms.
_BMS_FALL_PERMILLE = const(100)
# With its sensor broken a part may be hot or cold: half torque keeps both alive.
_SENSOR_BROKEN_PERMILLE = const(500)
# Crawling on little power the ratio is all there is.
_MIN_CRAWL_DA = const(15)
# More than any pack of this class gives.
_NO_LIMIT_DA = const(4000)


class Derating:
    """The lowest of several ceilings, under the name of the one that it is."""

    def __init__(self, ceilings: "tuple[Ceiling, ...]") -> None:
        self.name = NONE
        self._ceilings = ceilings
        self.permille = 1000

    def refresh(self) -> None:
        """Find the lowest again, after one of them was moved."""
        ceilings = self._ceilings
        lowest = ceilings[0]
        least = lowest.permille
        for ceiling in ceilings:
            if ceiling.permille < least:
                least = ceiling.permille
                lowest = ceiling
        self.permille = least
        self.name = lowest.name


class Allowances:
    """Works out, one table a call, what pack and parts allow; its ceilings are the result."""

    def __init__(self, params: Params, observer: SpeedObserver) -> None:
        kind = params.get("chemistry")
        self._cells = params.get("cell_count")
        self._discharge_max_da = params.get("discharge_max_da")
        self._charge_max_da = params.get("charge_max_da")
        self._low_voltage = chemistry.LOW_VOLTAGE[kind]
        self._high_voltage = chemistry.HIGH_VOLTAGE[kind]
        self._floor_cv = chemistry.FLOOR_MV[kind] * self._cells // 10
        self._charge_temp = chemistry.CHARGE_TEMP[kind]
        self._discharge_temp = chemistry.DISCHARGE_TEMP[kind]
        self._soc_charge = chemistry.SOC_CHARGE[kind]
        turtle = params.get("turtle_torque_permille")
        self._soc_drive = (
            params.get("soc_turtle_permille"), turtle,
            params.get("soc_derate_permille"), 1000,
        )  # fmt: skip
        self._motor_drive = (
            params.get("motor_hot_ddegc"), 1000,
            params.get("motor_stop_ddegc"), 0,
        )  # fmt: skip
        self._controller_drive = (
            params.get("controller_hot_ddegc"), 1000,
            params.get("controller_stop_ddegc"), 0,
        )  # fmt: skip
        self._crawl_w = params.get("crawl_power_w")
        self._crawl_permille = params.get("crawl_torque_permille")
        # Without a speed: torque and power so low that the lightest car stays below 25 km/h.
        self.crawls_blind = False
        self.crawl_torque = Ceiling(CRAWL)
        self.crawl_power = CurrentCeiling(CRAWL, self._discharge_max_da, observer, _MIN_CRAWL_DA)
        self.reverse = Ceiling(REVERSE_TORQUE)
        self.low_voltage = CurrentCeiling(PACK_LOW_VOLTAGE, self._discharge_max_da, observer)
        self.current = CurrentCeiling(PACK_CURRENT, self._discharge_max_da, observer)
        self.battery = Ceiling(BATTERY_TEMP)
        self.motor = Ceiling(MOTOR_TEMP)
        self.controller = Ceiling(CONTROLLER_TEMP)
        self.soc = Ceiling(STATE_OF_CHARGE)
        self.bms = Ceiling(BMS)
        self._bms_may_charge = True
        self.derating = Derating(
            (
                self.bms,
                self.reverse,
                self.low_voltage,
                self.current,
                self.battery,
                self.motor,
                self.controller,
                self.soc,
                self.crawl_torque,
                self.crawl_power,
            )
        )
        self.regen = RegenCeiling(params, observer)

    def update_current(self, sig: Signals) -> None:
        """At 12.5 Hz: scale what depends on the present current, and find the lowest ceiling."""
        self.low_voltage.step(sig)
        self.current.step(sig)
        if self.crawls_blind:
            self.crawl_torque.permille = self._crawl_permille
            # 400 W * 1000 = 4e5; W * 1000 / 0.01 V = 0.1 A
            self.crawl_power.limit_da = self._crawl_w * 1000 // (sig.pack_cv + 1)
            self.crawl_power.step(sig)
            # Hazard: a cap by a speed that is not believed brakes a fast car, unlit and unasked.
            self.regen.limit_da = 0
        else:
            self.crawl_torque.permille = 1000
            self.crawl_power.permille = 1000
        self.regen.step(sig)
        self.derating.refresh()

    def update_voltage(self, sig: Signals, resistance_mohm: int) -> None:
        """Set the current that neither empties a cell nor sags the pack below its floor."""
        if not sig.pack_valid:
            self.low_voltage.limit_da = 0
            return
        cell_mv = sig.pack_rest_cv * 10 // self._cells
        share = lerp(cell_mv, self._low_voltage)
        by_curve = self._discharge_max_da * share // 1000 if share < 1000 else _NO_LIMIT_DA
        # cV * 100 / mOhm = dA; 10 000 * 100 = 1e6
        by_floor = (sig.pack_rest_cv - self._floor_cv) * 100 // resistance_mohm
        self.low_voltage.limit_da = clamp(min(by_curve, by_floor), 0, _NO_LIMIT_DA)

    def update_battery(self, sig: Signals) -> None:
        """Set the ceilings of battery temperature and state of charge."""
        self.battery.permille = _SENSOR_BROKEN_PERMILLE
        if sig.battery_temp_valid:
            self.battery.permille = lerp(sig.battery_ddegc, self._discharge_temp)
        self.soc.permille = lerp(sig.soc_permille, self._soc_drive)

    def update_drive(self, sig: Signals) -> None:
        """Set the ceilings of motor and motor controller temperature."""
        self.motor.permille = _SENSOR_BROKEN_PERMILLE
        if sig.motor_temp_valid:
            self.motor.permille = lerp(sig.motor_ddegc, self._motor_drive)
        self.controller.permille = _SENSOR_BROKEN_PERMILLE
        if sig.controller_temp_valid:
            self.controller.permille = lerp(sig.controller_ddegc, self._controller_drive)

    def update_bms(self, may_charge: bool, may_discharge: bool) -> None:
        """At 2.5 Hz: torque fades while the BMS forbids discharge; regeneration ends at once."""
        self._bms_may_charge = may_charge
        permille = self.bms.permille
        permille += _BMS_FALL_PERMILLE if may_discharge else -_BMS_FALL_PERMILLE
        self.bms.permille = clamp(permille, 0, 1000)

    def update_charge(self, sig: Signals) -> None:
        """Set the regeneration current: the least of what temperature, voltage and charge allow.

        An unknown battery temperature allows none: below 0 degC lithium would plate.
        """
        if self._charge_max_da == 0:
            return
        if not (sig.battery_temp_valid and sig.pack_valid and self._bms_may_charge):
            self.regen.limit_da = 0
            return
        allowed = lerp(sig.battery_ddegc, self._charge_temp)
        by_voltage = lerp(sig.pack_cv * 10 // self._cells, self._high_voltage)
        if by_voltage < allowed:
            allowed = by_voltage
        by_charge = lerp(sig.soc_permille, self._soc_charge)
        if by_charge < allowed:
            allowed = by_charge
        self.regen.limit_da = self._charge_max_da * allowed // 1000
