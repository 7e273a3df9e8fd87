"""Sensors: the car's quantities as the controller's pins see them, in mV and noisy pulses."""

import random
from dataclasses import dataclass

from sim.frame import (
    BUS_V_MV,
    EARLY_AGE_US,
    EARLY_PULSES,
    EDGE_AGE_US,
    EDGE_PULSES,
    INPUT_SIZE,
    MOTOR_PULSES,
    PACK_A_MV,
    PACK_V_MV,
    PEDAL_A_MV,
    PEDAL_B_MV,
    PULSES,
    SLOW_MV,
)
from sim.plant.bms import NOTHING_MV
from sim.plant.car import Car
from vcu.sense import Scaling
from vcu.signals import (
    SLOW_BATTERY_TEMP,
    SLOW_BMS_CONTACTS,
    SLOW_CONTROLLER_TEMP,
    SLOW_MOTOR_TEMP,
    SLOW_RAIL_12V,
    SLOW_REFERENCE_HIGH,
    SLOW_REFERENCE_LOW,
    SLOW_SENSOR_5V,
    SLOW_THROTTLE_READBACK,
)
from vcu.speed import SAMPLE_MAX_US

_NOISE_SIZE = 4096


@dataclass(frozen=True)
class SensorData:
    """How good the sensors are; the defaults are those of the cheap parts that cars have."""

    pedal_noise_mv: float = 2.0
    voltage_noise_mv: float = 1.0
    current_noise_mv: float = 2.0
    stamps: bool = True
    stamp_jitter_s: float = 100e-6
    late_share: float = 0.02  # of the stamps, by late_s
    late_s: float = 0.010
    spacing_error: float = 0.02  # of the distance between two pulses, at most


class Wheel:
    """Counts pulses and stamps their edges, late and jittered as a soft interrupt does."""

    def __init__(
        self, spacing_m: float, pulses_per_turn: int, data: SensorData, seed: int
    ) -> None:
        rnd = random.Random(seed)
        self._spacing_m = spacing_m
        self._data = data
        self._seed = seed
        self._turn = pulses_per_turn
        worst = data.spacing_error / 2.0  # of two neighbours
        self._offset_m = [rnd.uniform(-worst, worst) * spacing_m for _ in range(pulses_per_turn)]
        self._jitter_s = [
            data.late_s if rnd.random() < data.late_share else rnd.random() * data.stamp_jitter_s
            for _ in range(_NOISE_SIZE)
        ]
        self.pulses = 0
        self._next_m = self._edge_m(1)
        self._stamp_pulses = 0
        self._stamp_s = -1.0
        self._waiting_s = -1.0  # when a late handler will run

    def resized(self, factor: float) -> "Wheel":
        """Return a wheel that has not turned yet, with factor times the pulses per turn."""
        turn = max(1, round(self._turn * factor))
        return Wheel(self._spacing_m / factor, turn, self._data, self._seed)

    def _edge_m(self, number: int) -> float:
        return number * self._spacing_m + self._offset_m[number % self._turn]

    def step(self, travelled_m: float, speed_mps: float, now_s: float, inputs: list[int]) -> None:
        """Count up to travelled_m, reached at now_s with speed_mps (its magnitude).

        Without stamps the inputs tell how old the sample between the ticks is to be.
        """
        if travelled_m >= self._next_m:
            edge_m = self._next_m
            while travelled_m >= self._next_m:
                self.pulses += 1
                edge_m = self._next_m
                self._next_m = self._edge_m(self.pulses + 1)
            if self._waiting_s < 0.0:
                crossed_s = now_s - (travelled_m - edge_m) / (speed_mps + 1e-3)
                self._waiting_s = crossed_s + self._jitter_s[self.pulses % _NOISE_SIZE]
            inputs[PULSES] = self.pulses & 0xFFFF
        if self._data.stamps:
            inputs[EARLY_PULSES] = inputs[PULSES]  # seen where a stall of the chip ends early
            self._stamp(travelled_m, speed_mps, now_s, inputs)
            return
        early = self.pulses
        early_m = travelled_m - speed_mps * inputs[EARLY_AGE_US] * 1e-6
        while early > 0 and self._edge_m(early) > early_m:
            early -= 1
        inputs[EARLY_PULSES] = early & 0xFFFF

    def _stamp(
        self, travelled_m: float, speed_mps: float, now_s: float, inputs: list[int]
    ) -> None:
        if 0.0 <= self._waiting_s <= now_s:
            self._stamp_s = self._waiting_s
            back_m = travelled_m - speed_mps * (now_s - self._stamp_s)
            seen = self.pulses
            while seen > 0 and self._edge_m(seen) > back_m + 1e-6:
                seen -= 1
            self._stamp_pulses = max(seen, self._stamp_pulses)
            self._waiting_s = -1.0
            inputs[EDGE_PULSES] = self._stamp_pulses & 0xFFFF
        if self._stamp_s >= 0.0:
            age_us = int((now_s - self._stamp_s) * 1e6 + 0.5)
            inputs[EDGE_AGE_US] = age_us if age_us < 900000 else 900000


class Sensors:
    """Fills the input frame each tick; the slow channels but the read-back at 10 Hz.

    contacts_mv is the voltage on the wire of a BMS's contacts, for its owner to set.
    """

    def __init__(
        self, car: Car, scaling: Scaling, values: dict[str, int], data: SensorData, seed: int
    ) -> None:
        self.inputs = [0] * INPUT_SIZE
        self.inputs[EDGE_AGE_US] = -1
        self.inputs[EARLY_AGE_US] = -1
        self._car = car
        self._data = data
        rnd = random.Random(seed + 1)
        self._pedal_noise = [rnd.gauss(0.0, data.pedal_noise_mv) for _ in range(_NOISE_SIZE)]
        self._volt_noise = [rnd.gauss(0.5, data.voltage_noise_mv) for _ in range(_NOISE_SIZE)]
        self._amp_noise = [rnd.gauss(0.5, data.current_noise_mv) for _ in range(_NOISE_SIZE)]
        self._index = 0
        self._a_released = values["pedal_a_released_counts"]
        self._a_span = values["pedal_a_pressed_counts"] - self._a_released
        self._b_released = values["pedal_b_released_counts"]
        self._b_span = values["pedal_b_pressed_counts"] - self._b_released
        self._mv_per_v = 100.0 * 1000.0 / scaling.pack_cv_per_1000_counts
        self._bus_mv_per_v = 100.0 * 1000.0 / scaling.bus_cv_per_1000_counts
        self._mv_per_a = 10.0 * 1000.0 / scaling.pack_da_per_1000_counts
        self._zero_mv = values["pack_a_zero_counts"]
        self._ntc = scaling.ntc_table
        self._scaling = scaling
        circumference_m = car.data.wheel_circumference_m
        turn = car.data.pulses_per_turn
        self.wheel = Wheel(circumference_m / turn, turn, data, seed + 2)
        self._motor_pulses_per_m = values["motor_pulses_per_turn"] / circumference_m
        self._slow_in = 0
        self.contacts_mv: int = NOTHING_MV

    def _ntc_mv(self, celsius: float) -> int:
        """Invert the board's thermistor table, whose temperature falls with rising counts."""
        table = self._ntc
        ddegc = celsius * 10.0
        for i in range(2, len(table), 2):
            if ddegc >= table[i + 1]:
                share = (ddegc - table[i - 1]) / (table[i + 1] - table[i - 1])
                return int(table[i - 2] + share * (table[i] - table[i - 2]) + 0.5)
        return table[-2]

    def step(self, pedal: float, throttle_mv: int, now_s: float, sample_wait_us: int) -> None:
        """Sample everything at now_s, before the controller's next tick.

        pedal is its true travel, 0..1; sample_wait_us is as in sim/frame.py.
        """
        inputs = self.inputs
        if not self._data.stamps:
            inputs[EARLY_AGE_US] = SAMPLE_MAX_US - sample_wait_us
        car = self._car
        i = self._index = (self._index + 1) & (_NOISE_SIZE - 1)
        noise = self._pedal_noise
        inputs[PEDAL_A_MV] = int(self._a_released + self._a_span * pedal + noise[i])
        inputs[PEDAL_B_MV] = int(self._b_released + self._b_span * pedal + noise[i - 7])
        noise = self._volt_noise
        inputs[PACK_V_MV] = int(car.battery.voltage_v * self._mv_per_v + noise[i])
        bus_mv = int(car.bus_v * self._bus_mv_per_v + noise[i - 5])
        inputs[BUS_V_MV] = bus_mv if bus_mv > 0 else 0
        inputs[PACK_A_MV] = int(
            self._zero_mv + car.current_a * self._mv_per_a + self._amp_noise[i]
        )
        self.wheel.step(car.travelled_m, abs(car.speed_mps), now_s, inputs)
        if self._motor_pulses_per_m:
            inputs[MOTOR_PULSES] = int(car.travelled_m * self._motor_pulses_per_m) & 0xFFFF
        inputs[SLOW_MV + SLOW_THROTTLE_READBACK] = throttle_mv * 55 // 100
        if self._slow_in == 0:
            self._slow_in = 10
            self._slow()
        self._slow_in -= 1

    def _slow(self) -> None:
        inputs = self.inputs
        car = self._car
        scaling = self._scaling
        slow = SLOW_MV
        inputs[slow + SLOW_BATTERY_TEMP] = self._ntc_mv(car.battery.temperature_c)
        inputs[slow + SLOW_MOTOR_TEMP] = self._ntc_mv(car.motor.temperature_c)
        inputs[slow + SLOW_CONTROLLER_TEMP] = self._ntc_mv(car.controller.temperature_c)
        inputs[slow + SLOW_RAIL_12V] = 1300 * 1000 // scaling.rail_cv_per_1000_counts
        inputs[slow + SLOW_SENSOR_5V] = 5000 * 1000 // scaling.sensor_5v_mv_per_1000_counts
        inputs[slow + SLOW_REFERENCE_LOW] = 300
        inputs[slow + SLOW_REFERENCE_HIGH] = 2400
        inputs[slow + SLOW_BMS_CONTACTS] = self.contacts_mv
