"""Esp32Io: how the loop's readings and commands reach the pins of an ESP32 or ESP32-S3.

Which pin, which level and which scale is the board's data (boards/*/board.py).
This is a port as hal/ports.py describes it, for MicroPython 1.26 or newer.
"""

import time

from machine import Pin
from micropython import const

from hal.esp32_parts import (
    PART_ERRORS,
    NullCounter,
    analog,
    counter,
    counts,
    digital,
    make_register,
    output,
    voltage,
)
from vcu.signals import SLOW_NAMES, SLOW_ORDER, Outputs, Raw

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no types to import
if TYPE_CHECKING:
    from types import ModuleType

_WHEEL_UNIT = const(0)
_MOTOR_UNIT = const(1)
_AGE_LIMIT_US = const(900000)
_SLOW_LAST = len(SLOW_ORDER) - 1


class Esp32Io:
    """Every pin of a controller board, made with all outputs at their safe level."""

    def __init__(self, board: "ModuleType") -> None:
        """Claim the pins; ValueError when the board's data names a pin that the chip lacks."""
        self._make_outputs(board)
        self._make_inputs(board)
        self._make_pulses(board)

    def _make_outputs(self, board: "ModuleType") -> None:
        register = make_register(board)
        self._register = register
        self._full_mv = board.PWM_FULL_SCALE_MV
        self._throttle = voltage(board.THROTTLE, board)
        self._regen = voltage(board.REGEN, board)
        self._charge_v = voltage(board.CHARGE_V, board)
        self._charge_a = voltage(board.CHARGE_A, board)
        self._throttle_mv = 0
        self._regen_mv = 0
        self._charge_v_mv = 0
        self._charge_a_mv = 0
        self._enable = output(board.ENABLE, register)
        self._guard = output(board.GUARD, register)
        self._reverse = output(board.REVERSE, register)
        self._contactor = output(board.CONTACTOR, register)
        self._precharge = output(board.PRECHARGE, register)
        self._charger = output(board.CHARGER, register)
        self._hold = output(board.HOLD, register)
        self._lamp = output(board.LAMP, register)
        self._buzzer = output(board.BUZZER, register)
        self._fan = output(board.FAN, register)
        self._heartbeat = output(board.HEARTBEAT, register)
        self._beat = 0
        self._stop_order = (
            self._throttle,
            self._regen,
            self._enable,
            self._guard,
            self._charge_v,
            self._charge_a,
            self._charger,
            self._precharge,
            self._contactor,
            self._reverse,
            self._buzzer,
            self._lamp,
            self._fan,
            self._heartbeat,
            self._hold,
        )

    def _make_inputs(self, board: "ModuleType") -> None:
        if board.MUX_INPUTS != SLOW_NAMES:
            raise ValueError("MUX_INPUTS is not in the order of SLOW_NAMES")
        self._pedal_a = analog(board.PEDAL_A)
        self._pedal_b = analog(board.PEDAL_B)
        self._pack_v = analog(board.PACK_V)
        self._bus_v = analog(board.BUS_V)
        self._pack_a = analog(board.PACK_A)
        self._mux = analog(board.MUX)
        self._select_0 = output(board.MUX_SELECT[0], self._register)
        self._select_1 = output(board.MUX_SELECT[1], self._register)
        self._select_2 = output(board.MUX_SELECT[2], self._register)
        self._select_3 = output(board.MUX_SELECT[3], self._register)
        self._slow_place = 0
        self._select(SLOW_ORDER[0])
        self._key = digital(board.KEY, board.KEY_PULL)
        self._plug = digital(board.PLUG, board.PLUG_PULL)
        self._brake = digital(board.BRAKE, board.BRAKE_PULL)
        self._gear_forward = digital(board.GEAR_FORWARD, board.GEAR_FORWARD_PULL)
        self._gear_reverse = digital(board.GEAR_REVERSE, board.GEAR_REVERSE_PULL)
        self._readback = digital(board.ENABLE_READBACK, board.ENABLE_READBACK_PULL)
        self._readback_active = board.ENABLE_READBACK_ACTIVE
        self._key_active = board.KEY_ACTIVE
        self._plug_active = board.PLUG_ACTIVE
        self._brake_active = board.BRAKE_ACTIVE
        self._gear_forward_active = board.GEAR_FORWARD_ACTIVE
        self._gear_reverse_active = board.GEAR_REVERSE_ACTIVE

    def _make_pulses(self, board: "ModuleType") -> None:
        self._edge_seen = 0
        self._edge_us = 0
        self._edge_pulses = 0
        self._old_pulses = -1  # the edge whose age has passed the limit
        self._stamps = board.EDGE_STAMPS
        self._early_us = 0
        self._early_pulses = -1  # counted by sample() since the last read, or -1
        pin = digital(board.PULSES, board.PULSES_PULL)
        # The counter first: it configures the pin, and could take the interrupt away again.
        self._counter = counter(_WHEEL_UNIT, pin, board.PULSES_ACTIVE)
        if self._stamps:
            pin.irq(self._on_edge, Pin.IRQ_RISING if board.PULSES_ACTIVE else Pin.IRQ_FALLING)
        self._motor = NullCounter()
        if board.MOTOR_PULSES >= 0:
            pin = digital(board.MOTOR_PULSES, board.MOTOR_PULSES_PULL)
            self._motor = counter(_MOTOR_UNIT, pin, board.MOTOR_PULSES_ACTIVE)

    def _on_edge(self, pin: Pin) -> None:
        """Stamp an edge. Runs between any two bytecodes, also inside the tick: no allocation."""
        now_us = time.ticks_us()
        pulses = self._counter.value() & 0xFFFF
        if pulses == self._edge_pulses:
            return  # a spike that the counter's filter did not count
        self._edge_us = now_us
        self._edge_pulses = pulses
        self._edge_seen = 1

    def sample(self) -> None:
        """Remember the pulse count between two ticks; the stamps of the edges say more."""
        if not self._stamps:
            self._early_us = time.ticks_us()
            self._early_pulses = self._counter.value() & 0xFFFF

    def read(self, raw: Raw) -> None:
        """Fill raw: pulses, then flags, then the fast analog inputs, then one slow one."""
        self._read_pulses(raw)
        raw.motor_pulses_counts = self._motor.value() & 0xFFFF
        raw.enable_readback = 1 if self._readback.value() == self._readback_active else 0
        raw.key_on = 1 if self._key.value() == self._key_active else 0
        raw.plug_in = 1 if self._plug.value() == self._plug_active else 0
        raw.brake_on = 1 if self._brake.value() == self._brake_active else 0
        raw.gear_forward_on = 1 if self._gear_forward.value() == self._gear_forward_active else 0
        raw.gear_reverse_on = 1 if self._gear_reverse.value() == self._gear_reverse_active else 0
        raw.pedal_a_counts = counts(self._pedal_a)
        raw.pedal_b_counts = counts(self._pedal_b)
        raw.pack_v_counts = counts(self._pack_v)
        raw.bus_v_counts = counts(self._bus_v)
        raw.pack_a_counts = counts(self._pack_a)
        place = self._slow_place
        raw.slow_index = SLOW_ORDER[place]
        raw.slow_counts = counts(self._mux)
        self._slow_place = place = place + 1 if place < _SLOW_LAST else 0
        # At the end of a read, so that the multiplexer settles for a whole tick.
        self._select(SLOW_ORDER[place])

    def _read_pulses(self, raw: Raw) -> None:
        # The stamp before the count: an edge in between must not put the stamp ahead of it.
        edge_us = self._edge_us
        edge_pulses = self._edge_pulses
        if self._edge_us != edge_us:  # an edge came between the two
            edge_us = self._edge_us
            edge_pulses = self._edge_pulses
        raw.pulses_counts = self._counter.value() & 0xFFFF
        if self._early_pulses < 0:
            raw.early_age_us = -1
        else:
            raw.early_pulses_counts = self._early_pulses
            raw.early_age_us = time.ticks_diff(time.ticks_us(), self._early_us)
            self._early_pulses = -1
        if not self._edge_seen:
            raw.edge_age_us = -1
            return
        raw.edge_pulses_counts = edge_pulses
        age_us = time.ticks_diff(time.ticks_us(), edge_us)
        # Past the limit the edge is remembered by its count, for ticks_us wraps in 18 minutes.
        if age_us < 0 or age_us > _AGE_LIMIT_US or edge_pulses == self._old_pulses:
            self._old_pulses = edge_pulses
            age_us = _AGE_LIMIT_US
        raw.edge_age_us = age_us

    def _select(self, index: int) -> None:
        """Switch the multiplexer to a slow channel."""
        self._select_0.value(index & 1)
        self._select_1.value((index >> 1) & 1)
        self._select_2.value((index >> 2) & 1)
        self._select_3.value(index >> 3)
        self._register.flush()

    def write(self, out: Outputs) -> None:
        """Drive every output once: first what takes energy away, last what adds torque.

        In one piece, because its order is what it decides.
        """
        if not out.guard:  # before all else: it says no to what the rest commands
            self._guard.value(0)
        throttle_mv = out.throttle_mv
        regen_mv = out.regen_permille * self._full_mv // 1000
        if throttle_mv <= self._throttle_mv:
            self._throttle.value(throttle_mv)
        if regen_mv <= self._regen_mv:
            self._regen.value(regen_mv)
        if not out.enable:
            self._enable.value(0)
        self._charge_less(out)
        if not out.precharge:
            self._precharge.value(0)
        if not out.contactor:
            self._contactor.value(0)
        self._reverse.value(out.reverse)
        self._buzzer.value(out.buzzer)
        self._lamp.value(out.lamp)
        self._fan.value(out.fan)
        if out.hold:
            self._hold.value(1)
        self._register.flush()
        if out.precharge:
            self._precharge.value(1)
        if out.contactor:
            self._contactor.value(1)
        self._charge_more(out)
        if out.guard:
            self._guard.value(1)
        if out.enable:
            self._enable.value(1)
        if regen_mv > self._regen_mv:
            self._regen.value(regen_mv)
        if throttle_mv > self._throttle_mv:
            self._throttle.value(throttle_mv)
        if not out.hold:  # last, because it may cut the controller's own supply
            self._hold.value(0)
            self._register.flush()
        self._throttle_mv = throttle_mv
        self._regen_mv = regen_mv

    def _charge_less(self, out: Outputs) -> None:
        """Lower what the charger is told, then open its relay: contacts that carry less last."""
        if out.charge_v_mv <= self._charge_v_mv:
            self._charge_v.value(out.charge_v_mv)
        if out.charge_a_mv <= self._charge_a_mv:
            self._charge_a.value(out.charge_a_mv)
        if not out.charger:
            self._charger.value(0)

    def _charge_more(self, out: Outputs) -> None:
        """Close the charger's relay, then raise what it is told."""
        if out.charger:
            self._charger.value(1)
        if out.charge_v_mv > self._charge_v_mv:
            self._charge_v.value(out.charge_v_mv)
        if out.charge_a_mv > self._charge_a_mv:
            self._charge_a.value(out.charge_a_mv)
        self._charge_v_mv = out.charge_v_mv
        self._charge_a_mv = out.charge_a_mv

    def heartbeat(self) -> None:
        """Toggle the pin that keeps the external charge pumps alive.

        Once per good tick, and only when the loop's heartbeat says so.
        """
        self._beat ^= 1
        self._heartbeat.value(self._beat)

    def stop(self) -> None:
        """Every output to its safe level, the throttle first; a part that fails is passed over."""
        self._throttle_mv = 0
        self._regen_mv = 0
        self._charge_v_mv = 0
        self._charge_a_mv = 0
        self._beat = 0
        for part in self._stop_order:
            try:
                part.value(0)
            except PART_ERRORS:
                continue
        self._register.flush()
