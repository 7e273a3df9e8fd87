"""Sense: raw counts become units, and a reading that cannot be true is marked, never used.

Scaling comes from the board, calibration from the parameters. A reading whose
ADC failed (-1) or whose sensor is open or shorted clears its valid flag; its
consumers then do less.
"""

from array import array

from micropython import const

from vcu.fixmath import clamp, lerp
from vcu.params import Params
from vcu.pedal import Pedal
from vcu.signals import (
    SLOW_BATTERY_TEMP,
    SLOW_CONTROLLER_TEMP,
    SLOW_MOTOR_TEMP,
    SLOW_NAMES,
    SLOW_RAIL_12V,
    SLOW_REFERENCE_HIGH,
    SLOW_REFERENCE_LOW,
    SLOW_SENSOR_5V,
    SLOW_THROTTLE_READBACK,
    UNKNOWN_DDEGC,
    Raw,
    Signals,
)

_ALL_SLOW_SEEN = (1 << len(SLOW_NAMES)) - 1
# Both pedal channels scale with their 5 V: 5 % more is 6 % of travel too much at full pedal.
_SENSOR_5V_LOW_MV = const(4750)
_SENSOR_5V_HIGH_MV = const(5250)
# Read every 40 ms; one bad sample is a spike, the second cuts.
_BAD_SUPPLY_SAMPLES = const(2)
# A thermistor nearer to either rail than this is open or shorted; the converter of an
# ESP32-S3 saturates from 3076 mV on.
_NTC_SHORT_COUNTS = const(60)
_NTC_OPEN_COUNTS = const(3000)
# A pack voltage or current at the end of its scale is not one; 300 A is the sensor's.
_MIN_COUNTS = const(100)
_MAX_COUNTS = const(3050)
_MAX_DA = const(3000)
# No pack of this class is below this; an open wire reads zero.
_PACK_MIN_CV = const(1500)
# At 25 Hz: 0.12 s with the last good reading.
_BAD_SAMPLES = const(3)
# A slow reading that moved no more than this is the same reading.
_SLOW_NOISE_COUNTS = const(1)

# The two contacts of a BMS on one wire: 10 k to 3.3 V, 15 k to ground by the charge contact,
# 6.8 k by the discharge contact: 1980, 1336 and 1052 mV. Open and shorted permit nothing.
_CONTACTS_NONE = const(2700)
_CONTACTS_CHARGE = const(1660)
_CONTACTS_DISCHARGE = const(1195)
_CONTACTS_BOTH = const(850)


def _contacts(counts: int) -> int:
    """Return the permissions as bits, 1 charge and 2 discharge, or -1 for a shorted wire."""
    if counts < _CONTACTS_BOTH:
        return -1
    if counts < _CONTACTS_DISCHARGE:
        return 3
    if counts < _CONTACTS_CHARGE:
        return 2
    return 1 if counts < _CONTACTS_NONE else 0


class Scaling:
    """What one count means on this board; 1 count is 1 mV at the ADC pin."""

    def __init__(
        self,
        pack_cv_per_1000_counts: int,
        bus_cv_per_1000_counts: int,
        pack_da_per_1000_counts: int,
        rail_cv_per_1000_counts: int,
        sensor_5v_mv_per_1000_counts: int,
        ntc_table: "tuple[int, ...]",
        throttle_readback_mv_per_1000_counts: int = 1818,
    ) -> None:
        self.pack_cv_per_1000_counts = pack_cv_per_1000_counts
        self.bus_cv_per_1000_counts = bus_cv_per_1000_counts
        self.pack_da_per_1000_counts = pack_da_per_1000_counts
        self.rail_cv_per_1000_counts = rail_cv_per_1000_counts
        self.sensor_5v_mv_per_1000_counts = sensor_5v_mv_per_1000_counts
        self.ntc_table = ntc_table
        self.throttle_readback_mv_per_1000_counts = throttle_readback_mv_per_1000_counts


class Sense:
    """Fills the sensed half of Signals from Raw, each tick."""

    def __init__(self, scaling: Scaling, params: Params) -> None:
        self._scaling = scaling
        self._pack_min_counts = _PACK_MIN_CV * 1000 // scaling.pack_cv_per_1000_counts
        self.pedal = Pedal(params)
        # Why pack_valid is 0: bits in the order of the sensor rows of the fault table.
        self.pack_bits = 0
        self.battery_is_open = False  # of two ways in which its sensor can be broken
        self.supply_ok = True
        self._supply_bad = 0
        scale = scaling.sensor_5v_mv_per_1000_counts
        self._supply_low_counts = _SENSOR_5V_LOW_MV * 1000 // scale
        self._supply_high_counts = _SENSOR_5V_HIGH_MV * 1000 // scale
        # Of voltages and current, the least that is a pack, and the zero of the current: in one,
        # because each alone would cost step_pack() as much as eight that are unpacked.
        self._pack_scales = (
            self._pack_min_counts,
            scaling.pack_cv_per_1000_counts,
            scaling.bus_cv_per_1000_counts,
            scaling.pack_da_per_1000_counts,
            params.get("pack_a_zero_counts"),
        )
        self._waited_ms = 0  # since the pedal's last turn; below 0, this is not the pedal's
        self._seen = 0
        self._bad_samples = 0
        self._pedal_step = self.pedal.step  # a bound method costs half of a call
        # Far from any reading, so that the first of each channel counts as moved.
        self._slow_counts = array("i", [-10000] * len(SLOW_NAMES))

    def step(self, raw: Raw, sig: Signals, dt_ms: int) -> None:
        """Convert in turn what the driver does, at 50 Hz, and one slow channel.

        The two that come round most often, 5 V and throttle, are read in the
        ticks of the pedal, and judged as they come.
        """
        index = raw.slow_index
        counts = raw.slow_counts
        if index == SLOW_SENSOR_5V and (
            self._supply_bad or not self._supply_low_counts <= counts <= self._supply_high_counts
        ):
            self._judge_supply(counts)
        waited_ms = self._waited_ms
        if waited_ms >= 0:
            self._waited_ms = -1
            self._pedal_step(
                raw.pedal_a_counts, raw.pedal_b_counts, self.supply_ok, sig, waited_ms + dt_ms
            )
        else:
            self._waited_ms = dt_ms
        # A slow channel that reads as it did needs no second thought.
        if not -_SLOW_NOISE_COUNTS <= counts - self._slow_counts[index] <= _SLOW_NOISE_COUNTS:
            self._slow_counts[index] = counts
            self._slow(index, counts, sig)

    def step_pack(self, raw: Raw, sig: Signals) -> None:
        """At 25 Hz: convert the voltages and the current of the pack."""
        least, pack_scale, bus_scale, amps_scale, amps_zero = self._pack_scales
        pack = raw.pack_v_counts
        bus = raw.bus_v_counts
        amps = raw.pack_a_counts
        if (
            pack < least
            or bus < 0
            or amps < _MIN_COUNTS
            or pack > _MAX_COUNTS
            or bus > _MAX_COUNTS
            or amps > _MAX_COUNTS
        ):
            # One bad sample must not open a contactor under load: three in a row do.
            if self._bad_samples < _BAD_SAMPLES:
                self._bad_samples += 1  # a finding may stand for weeks: no further
            if self._bad_samples == _BAD_SAMPLES:
                sig.pack_valid = 0
                self.pack_bits = self._judge_pack(pack, bus, amps)
        else:
            self._bad_samples = 0
            self.pack_bits = 0
            sig.pack_valid = 1
            # 3300 counts * 4000 = 1.3e7
            sig.pack_cv = pack * pack_scale // 1000
            sig.bus_cv = bus * bus_scale // 1000
            amps = (amps - amps_zero) * amps_scale
            amps = (amps + 500) // 1000 if amps >= 0 else -((500 - amps) // 1000)
            if amps > _MAX_DA:
                amps = _MAX_DA
            elif amps < -_MAX_DA:
                amps = -_MAX_DA
            sig.pack_da = amps

    def _judge_supply(self, counts: int) -> None:
        if self._supply_low_counts <= counts <= self._supply_high_counts:
            self._supply_bad = 0
            self.supply_ok = True
        else:
            if self._supply_bad < _BAD_SUPPLY_SAMPLES:
                self._supply_bad += 1
            if self._supply_bad == _BAD_SUPPLY_SAMPLES:
                self.supply_ok = False

    def _judge_pack(self, pack: int, bus: int, amps: int) -> int:
        """Return what is wrong, as bits in the order of the fault table's sensor rows."""
        bits = 1 if pack < self._pack_min_counts else (2 if pack > _MAX_COUNTS else 0)
        if bus < 0 or bus > _MAX_COUNTS:
            bits |= 4
        if amps < _MIN_COUNTS:
            bits |= 8
        elif amps > _MAX_COUNTS:
            bits |= 16
        return bits

    def _slow(self, index: int, counts: int, sig: Signals) -> None:
        if index == SLOW_THROTTLE_READBACK:
            pass  # the guard's
        elif index <= SLOW_CONTROLLER_TEMP:
            valid = 1 if _NTC_SHORT_COUNTS <= counts <= _NTC_OPEN_COUNTS else 0
            ddegc = lerp(counts, self._scaling.ntc_table) if valid else UNKNOWN_DDEGC
            if index == SLOW_BATTERY_TEMP:
                self.battery_is_open = counts > _NTC_OPEN_COUNTS
                sig.battery_ddegc = ddegc
                sig.battery_temp_valid = valid
            elif index == SLOW_MOTOR_TEMP:
                sig.motor_ddegc = ddegc
                sig.motor_temp_valid = valid
            else:
                sig.controller_ddegc = ddegc
                sig.controller_temp_valid = valid
        elif index == SLOW_RAIL_12V:
            sig.rail_cv = clamp(counts, 0, 3300) * self._scaling.rail_cv_per_1000_counts // 1000
        elif index == SLOW_SENSOR_5V:
            sig.sensor_5v_mv = (
                clamp(counts, 0, 3300) * self._scaling.sensor_5v_mv_per_1000_counts // 1000
            )
        elif index == SLOW_REFERENCE_LOW:
            sig.reference_low_counts = counts
        elif index == SLOW_REFERENCE_HIGH:
            sig.reference_high_counts = counts
        else:
            sig.bms_bits = _contacts(counts)
        if not sig.slow_seen:
            self._seen |= 1 << (index & 15)
            if self._seen == _ALL_SLOW_SEEN:
                sig.slow_seen = 1
