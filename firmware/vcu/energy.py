"""Energy: state of charge, odometer, trip and consumption, counted without losing a remainder.

Charge is counted, with Peukert's weight for lead. An open-circuit voltage
corrects it only where the chemistry allows it and the rest is known to have
been long enough; a rest that was not watched counts as none. With nothing
stored the first guess is the open-circuit table, and its uncertainty says so.
"""

from micropython import const

from vcu import chemistry
from vcu.fixmath import clamp, div_round, lerp
from vcu.params import Params
from vcu.signals import Signals

_DAMS_PER_MAH = const(36000)  # 0.1 A for 1 ms, in 1 mAh
_UNITS_PER_MWH = const(112500)  # a unit is 32 mW for 1 ms
# Below 0.5 A the pack rests.
_REST_DA = const(5)
# One rested reading moves the count by this much of what it says.
_REST_WEIGHT_PERMILLE = const(300)
# What is not known: of a first guess by voltage, after a rested reading, and
# what every full pack counted through adds.
_GUESS_PERMILLE = const(150)
_GUESS_FLAT_PERMILLE = const(300)
_RESTED_PERMILLE = const(50)
_FILLED_PERMILLE = const(20)
# Counting alone never makes a pack full.
_COUNTED_MOST_PERMILLE = const(990)
_DRIFT_PERMILLE_PER_PACK = const(30)
# Tomorrow's driver, wind and road: the consumption itself is no better known.
_CONSUMPTION_PERMILLE = const(150)
_MAX_RANGE_M = const(400000)


class Energy:
    """Counters; every one is an integer with its remainder kept beside it."""

    def __init__(self, params: Params) -> None:
        kind = params.get("chemistry")
        self._cells = params.get("cell_count")
        self._capacity_mah = params.get("capacity_mah")
        self._almost_full_mah = self._capacity_mah * _COUNTED_MOST_PERMILLE // 1000
        self._peukert = chemistry.PEUKERT[kind]
        self._ocv = chemistry.OCV[kind]
        self._usable = chemistry.USABLE_CAPACITY[kind]
        self._rest_needed_s = chemistry.OCV_REST_S[kind]
        self._ocv_trusted_below_mv = chemistry.OCV_TRUSTED_BELOW_MV[kind]
        self._circumference_mm = params.get("wheel_circumference_mm")
        self._pulses_per_turn = params.get("pulses_per_turn")
        self.is_charging = False  # contactor open: no current drives the car or brakes it
        self._known = False
        self.left_mah = 0  # charge left, 0..capacity
        self._left_dams = 0
        self._weight_permille = 1000
        self._rest_ms = 0
        self._rest_s = 0
        self._counted_mah = 0
        self._mm_parts = 0
        self._mm = 0
        self._energy_units = 0
        self._rest_mwms = 0
        self._last_km_mwh = 0
        self._last_km_m = 0
        self.soc_permille = 0
        self.soc_uncertainty_permille = 1000
        self.odometer_m = 0
        self.trip_m = 0
        self.trip_mwh = 0  # net of regeneration
        self.consumption_wh_km = params.get("consumption_wh_km")
        self.range_m = 0
        self.range_uncertainty_m = 0

    def restore(self, left_mah: int, uncertainty_permille: int, odometer_m: int) -> None:
        """Go on from stored counters: charge left in mAh, 0..capacity, and metres.

        soc_permille follows with the next update_charge().
        """
        self._known = True
        self.left_mah = clamp(left_mah, 0, self._capacity_mah)
        self.soc_uncertainty_permille = clamp(uncertainty_permille, 0, 1000)
        self.odometer_m = odometer_m

    def fill(self) -> None:
        """The pack is full: its charging current fell to its tail at its voltage."""
        self._known = True
        self.left_mah = self._capacity_mah
        self.soc_permille = 1000
        self.soc_uncertainty_permille = _FILLED_PERMILLE

    def step(self, sig: Signals, new_pulses: int, dt_ms: int) -> None:
        """Count what happened in the last dt_ms, at most 160 ms."""
        if new_pulses:
            self._count_distance(new_pulses)
        if not sig.pack_valid:
            return
        current = sig.pack_da
        # 3000 dA * 160 ms * 2091 = 1.0e9 < 2**30
        left_dams = self._left_dams - current * dt_ms * self._weight_permille // 1000
        if left_dams <= -_DAMS_PER_MAH or left_dams >= _DAMS_PER_MAH:
            # Towards zero: noise around a whole mAh is no throughput.
            whole = -1 if left_dams < 0 else 1
            whole *= (left_dams if left_dams > 0 else -left_dams) // _DAMS_PER_MAH
            left_dams -= whole * _DAMS_PER_MAH
            self._count_charge(whole)
        self._left_dams = left_dams
        if -_REST_DA < current < _REST_DA:
            self._rest_ms += dt_ms
            if self._rest_ms >= 1000:
                self._rest_ms -= 1000
                self._rest_s += 1
        elif self._rest_s:
            self._rest_s = 0
        if self.is_charging:
            return  # what the socket gives is no braking
        # 10 000 cV * 3000 dA = 3e7 mW: in 32 mW, so that 160 ms of it make 1.5e8
        power_mw = sig.pack_cv * current
        rest_mwms = (power_mw & 31) * dt_ms + self._rest_mwms
        self._rest_mwms = rest_mwms & 31
        energy = self._energy_units + (power_mw >> 5) * dt_ms + (rest_mwms >> 5)
        if energy < 0 or energy >= _UNITS_PER_MWH:
            whole = energy // _UNITS_PER_MWH
            energy -= whole * _UNITS_PER_MWH
            self.trip_mwh += whole
            self._last_km_mwh += whole
        self._energy_units = energy

    def _count_charge(self, mah: int) -> None:
        if mah > 0:
            # Only fill() says full: not all that goes into a battery stays there.
            self.left_mah = max(self.left_mah, min(self.left_mah + mah, self._almost_full_mah))
            self._counted_mah += mah
        else:
            self.left_mah = clamp(self.left_mah + mah, 0, self._capacity_mah)
            self._counted_mah -= mah

    def _count_distance(self, new_pulses: int) -> None:
        self._mm_parts += new_pulses * self._circumference_mm
        whole = self._mm_parts // self._pulses_per_turn
        self._mm_parts -= whole * self._pulses_per_turn
        self._mm += whole
        if self._mm >= 1000:
            metres = self._mm // 1000
            self._mm -= metres * 1000
            self.odometer_m += metres
            self.trip_m += metres
            self._last_km_m += metres

    def update_charge(self, sig: Signals) -> None:
        """Once a second or so: first guess, Peukert weight, rested correction, state of charge."""
        if not sig.pack_valid:
            return
        if not self._known:
            self._guess(sig)
        current = sig.pack_da
        # 3000 dA * 100 000 = 3e8; charge is counted one to one
        rate_permille = current * 100000 // self._capacity_mah if current > 0 else 0
        self._weight_permille = lerp(rate_permille, self._peukert)
        if self._rest_s >= self._rest_needed_s:
            self._rest_s = 0
            self._correct(sig)
        if self._counted_mah * _DRIFT_PERMILLE_PER_PACK >= self._capacity_mah:
            self._counted_mah -= self._capacity_mah // _DRIFT_PERMILLE_PER_PACK
            if self.soc_uncertainty_permille < 1000:
                self.soc_uncertainty_permille += 1
        # 300 000 mAh * 1000 = 3e8
        self.soc_permille = self.left_mah * 1000 // self._capacity_mah
        sig.soc_permille = self.soc_permille

    def _guess(self, sig: Signals) -> None:
        """With nothing stored the voltage is all there is; a flat curve says little."""
        if sig.pack_rest_cv == 0:
            return
        cell_mv = sig.pack_rest_cv * 10 // self._cells
        self._set_soc(lerp(cell_mv, self._ocv))
        flat = cell_mv >= self._ocv_trusted_below_mv
        self.soc_uncertainty_permille = _GUESS_FLAT_PERMILLE if flat else _GUESS_PERMILLE
        self._known = True

    def _correct(self, sig: Signals) -> None:
        cell_mv = sig.pack_rest_cv * 10 // self._cells
        if cell_mv >= self._ocv_trusted_below_mv:
            return
        rested = lerp(cell_mv, self._ocv)
        soc = self.left_mah * 1000 // self._capacity_mah
        soc += div_round((rested - soc) * _REST_WEIGHT_PERMILLE, 1000)
        self._set_soc(soc)
        # A reading that the count is still far from makes nothing sure.
        apart = rested - soc if rested > soc else soc - rested
        if apart > _RESTED_PERMILLE:
            self.soc_uncertainty_permille = apart
        elif self.soc_uncertainty_permille > _RESTED_PERMILLE:
            self.soc_uncertainty_permille = _RESTED_PERMILLE

    def _set_soc(self, soc_permille: int) -> None:
        # 300 000 / 1000 keeps the remainder of a capacity that is no multiple of 1000.
        left_mah = self._capacity_mah * clamp(soc_permille, 0, 1000) // 1000
        # Only fill() says full: a voltage, however high, is no proof.
        self.left_mah = min(left_mah, max(self.left_mah, self._almost_full_mah))

    def update_range(self, sig: Signals) -> None:
        """Once a second or so: consumption after each kilometre, the range and how sure it is."""
        if self._last_km_m >= 1000:
            # Smoothed over about 5 km; 100 kWh in one km would be 1e8 mWh.
            last = clamp(self._last_km_mwh // self._last_km_m, 5, 500)
            self.consumption_wh_km += div_round(last - self.consumption_wh_km, 5)
            self._last_km_m = 0
            self._last_km_mwh = 0
        usable = 1000
        if sig.battery_temp_valid:
            usable = lerp(sig.battery_ddegc, self._usable)
        # 0.1 Ah * 0.01 V = 1 mWh: 3000 * 10 000 = 3e7
        left_wh = self.left_mah // 100 * sig.pack_rest_cv // 1000
        left_wh = left_wh * usable // 1000
        range_m = clamp(left_wh * 1000 // self.consumption_wh_km, 0, _MAX_RANGE_M)
        self.range_m = range_m
        share = _CONSUMPTION_PERMILLE
        if self.soc_permille > 0:
            share += self.soc_uncertainty_permille * 1000 // self.soc_permille
        # 400 000 * 1000 = 4e8
        self.range_uncertainty_m = range_m * clamp(share, 0, 1000) // 1000
