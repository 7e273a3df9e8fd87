"""Watch: what the sensors and states of this moment mean as conditions of the fault table.

Each method returns one word of present bits, in the order of its rows in
vcu/faults.py; a test compares the two. Nothing is timed or remembered here.
"""

from micropython import const

from vcu import chemistry, contactor
from vcu.params import Params
from vcu.protection import Protection
from vcu.request import NEUTRAL, Request
from vcu.sense import Sense
from vcu.signals import Raw, Signals

# Colder, the sensor soon reads as open, and no pack gives or takes much.
_BATTERY_COLD_DDEGC = const(-150)
_MOVING_MMPS = const(833)
# Over-current: beyond what the current limiter lets pass by, for the confirm time.
_OVER_CURRENT_PERCENT = const(125)
# Above this torque and speed the pack gives at least a quarter of force times speed.
_MOVED_PERMILLE = const(250)
_MOVED_MMPS = const(3000)
_ROLLING_BACK_DA = const(20)
_APART_CV = const(500)  # beyond, the contactor is open
_RAIL_LOW_CV = const(1050)
_RAIL_HIGH_CV = const(1550)
# The two references of every board, 3 % around 300 and 2400 mV and their resistors.
_REFERENCE_LOW_MIN = const(270)
_REFERENCE_LOW_MAX = const(340)
_REFERENCE_HIGH_MIN = const(2300)
_REFERENCE_HIGH_MAX = const(2500)
_FROZEN_COUNTS = const(100)


class Watch:
    """Looks at everything; changes nothing."""

    def __init__(self, params: Params, sense: Sense, protection: Protection) -> None:
        kind = params.get("chemistry")
        cells = params.get("cell_count")
        self._sense = sense
        self._pedal = sense.pedal
        self._protection = protection
        self._low_cv = chemistry.FLOOR_MV[kind] * cells // 10
        self._high_cv = chemistry.CELL_MAX_MV[kind] * cells // 10
        self._discharge_da = params.get("discharge_max_da") * _OVER_CURRENT_PERCENT // 100
        self._charge_da = params.get("charge_max_da") * _OVER_CURRENT_PERCENT // 100 + 20
        self._battery_hot_ddegc = chemistry.DISCHARGE_TEMP[kind][-2]
        self._force_n = params.get("wheel_force_n")
        self._motor_stop_ddegc = params.get("motor_stop_ddegc")
        self._controller_stop_ddegc = params.get("controller_stop_ddegc")
        self._turtle_permille = params.get("soc_turtle_permille")

    def driver(
        self, raw: Raw, sig: Signals, request: Request, powered: bool, overspeed: int
    ) -> int:
        """Return the DRIVER word: pedal, its supply, brake, gear, and what the driver does."""
        bits = self._pedal.fault_bits
        if powered and not request.seen_released and sig.pedal_valid:
            bits |= 1 << 5
        if not self._sense.supply_ok:
            bits |= 1 << 6 if sig.sensor_5v_mv < 5000 else 1 << 7
        if sig.slow_seen and sig.reference_high_counts - sig.reference_low_counts < _FROZEN_COUNTS:
            bits |= 1 << 8
        protection = self._protection
        if protection.stabbed:
            bits |= 1 << 9
        if protection.both:
            bits |= 1 << 10
            if sig.standstill_ms > 5000:
                bits |= 1 << 11
        if raw.gear_forward_on and raw.gear_reverse_on:
            bits |= 1 << 12
        elif (
            request.direction == NEUTRAL
            and request.selected != NEUTRAL
            and request.seen_neutral
            and sig.speed_mmps > _MOVING_MMPS
        ):
            bits |= 1 << 13
        if protection.rolls:
            bits |= 1 << 14
        if overspeed:
            bits |= 1 << 15
        return bits

    def pack(
        self, raw: Raw, sig: Signals, relay: contactor.Contactor, torque_permille: int
    ) -> int:
        """Return the PACK word: voltages, current, temperatures, charge and contactor."""
        bits = 0
        if sig.pack_valid:
            cv = sig.pack_cv
            da = sig.pack_da
            if cv < self._low_cv:
                bits = 1
            elif cv > self._high_cv:
                bits = 2
            if da > self._discharge_da:
                bits |= 1 << 8
            elif -da > self._charge_da:
                bits |= 1 << 9
            elif (
                torque_permille > _MOVED_PERMILLE
                and sig.speed_mmps > _MOVED_MMPS
                and cv - sig.bus_cv < _APART_CV
            ):
                # 4000 N * 25 000 mm/s = 1e8 mW
                moved_mw = self._force_n * torque_permille // 1000 * sig.speed_mmps
                # (Rolling back against its torque the motor is a generator.)
                if da > -_ROLLING_BACK_DA and cv * da < moved_mw >> 2:
                    bits |= 1 << 7
            if sig.slow_seen:
                bits |= self._temperatures(sig)
                if sig.soc_permille < self._turtle_permille:
                    bits |= 1 << 18
        elif raw.key_on:
            # A bare board on a bench has no pack, and no fault.
            bits = self._sense.pack_bits << 2
        failure = relay.failure
        if failure:
            bits |= 1 << (18 + failure)
        return bits

    def _temperatures(self, sig: Signals) -> int:
        bits = 0
        if not sig.battery_temp_valid:
            bits = 1 << 11 if self._sense.battery_is_open else 1 << 10
        elif sig.battery_ddegc >= self._battery_hot_ddegc:
            bits = 1 << 12
        elif sig.battery_ddegc < _BATTERY_COLD_DDEGC:
            bits = 1 << 13
        if not sig.motor_temp_valid:
            bits |= 1 << 14
        elif sig.motor_ddegc >= self._motor_stop_ddegc:
            bits |= 1 << 15
        if not sig.controller_temp_valid:
            bits |= 1 << 16
        elif sig.controller_ddegc >= self._controller_stop_ddegc:
            bits |= 1 << 17
        return bits

    def system(self, sig: Signals) -> int:
        """Return the bits of the SYSTEM word that can be measured: rail and references."""
        if not sig.slow_seen:
            return 0
        bits = 0
        if sig.rail_cv < _RAIL_LOW_CV:
            bits = 1
        elif sig.rail_cv > _RAIL_HIGH_CV:
            bits = 2
        low = sig.reference_low_counts
        high = sig.reference_high_counts
        if (
            low < _REFERENCE_LOW_MIN
            or low > _REFERENCE_LOW_MAX
            or high < _REFERENCE_HIGH_MIN
            or high > _REFERENCE_HIGH_MAX
        ):
            bits |= 4
        return bits
