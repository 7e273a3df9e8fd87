"""The virtual board's machine: what the hal asks of an ESP32, its pins wired to a simulated car.

Which pin carries which signal is the board's own data (boards/*/board.py); an
output lands in the output frame under its signal's name, an input comes from
the input frame. A pin that the board does not name is connected to nothing.
Time is the link's: an ADC read costs 60 us.
"""

from array import array

import board
import frame
from frame import SLOW_MV
from link import RESET, inputs, link, outputs
from micropython import const
from storage import RTC_BYTES, storage

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ADC_US = const(60)
_DUTY_FULL = const(65535)
_PIN_LIMIT = const(49)
_SHIFT_BASE = const(100)

PWRON_RESET = const(1)
HARD_RESET = const(2)
WDT_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)

# A conversion that fails raises; made once, because it may be raised where nothing may be made.
_ADC_FAILED = OSError(5)

_ANALOG = {
    board.PEDAL_A: frame.PEDAL_A_MV,
    board.PEDAL_B: frame.PEDAL_B_MV,
    board.PACK_V: frame.PACK_V_MV,
    board.BUS_V: frame.BUS_V_MV,
    board.PACK_A: frame.PACK_A_MV,
    board.MUX: SLOW_MV,
}
_DIGITAL = {
    board.KEY: (frame.KEY_ON, board.KEY_ACTIVE),
    board.PLUG: (frame.PLUG_IN, board.PLUG_ACTIVE),
    board.BRAKE: (frame.BRAKE_ON, board.BRAKE_ACTIVE),
    board.GEAR_FORWARD: (frame.GEAR_FORWARD_ON, board.GEAR_FORWARD_ACTIVE),
    board.GEAR_REVERSE: (frame.GEAR_REVERSE_ON, board.GEAR_REVERSE_ACTIVE),
    board.ENABLE_READBACK: (frame.ENABLE_READBACK, board.ENABLE_READBACK_ACTIVE),
}
_OUTPUTS = {
    board.ENABLE: (outputs, frame.ENABLE),
    board.GUARD: (outputs, frame.GUARD),
    board.REVERSE: (outputs, frame.REVERSE),
    board.CONTACTOR: (outputs, frame.CONTACTOR),
    board.PRECHARGE: (outputs, frame.PRECHARGE),
    board.CHARGER: (outputs, frame.CHARGER),
    board.LAMP: (outputs, frame.LAMP),
    board.BUZZER: (outputs, frame.BUZZER),
    board.FAN: (outputs, frame.FAN),
    board.HOLD: (outputs, frame.HOLD),
    board.HEARTBEAT: (outputs, frame.HEARTBEAT),
}
# Filtered PWM: the frame's index, and what it holds at full duty.
_VOLTAGES = {
    board.THROTTLE: (frame.THROTTLE_MV, board.PWM_FULL_SCALE_MV),
    board.REGEN: (frame.REGEN_PERMILLE, 1000),
    board.CHARGE_V: (frame.CHARGE_V_MV, board.PWM_FULL_SCALE_MV),
    board.CHARGE_A: (frame.CHARGE_A_MV, board.PWM_FULL_SCALE_MV),
}

# Levels of the pins that the frames do not have, by pin number, then Q0 to Q7.
_levels = array("b", [0] * (_SHIFT_BASE + 8))
_SHIFT_DATA = board.SHIFT_DATA


class Pin:
    """A GPIO. Reads and writes go straight to the frame, or to a level that nobody looks at.

    A pin number has one object, as on an ESP32.
    """

    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    number: int
    _level: "array[int]"
    _index: int

    def __new__(
        cls, number: int, mode: int = -1, pull: int = -1, *, value: "int | None" = None
    ) -> "Pin":
        """Return the pin, driven to value if one is given; ValueError if no chip has it."""
        pin = _pins.get(number)
        if pin is None:
            if not 0 <= number < _PIN_LIMIT:
                raise ValueError("invalid pin")
            pin = object.__new__(_KINDS.get(number, cls))
            pin._connect(number)
            _pins[number] = pin
        if value is not None:
            pin(value)
        return pin

    def _connect(self, number: int) -> None:
        self.number = number
        self._level, self._index = _OUTPUTS.get(number, (_levels, number))

    def __call__(self, level: "int | None" = None) -> "int | None":
        """Return the level, 0 or 1, or drive it."""
        if level is None:
            return self._level[self._index]
        self._level[self._index] = level != 0

    value = __call__

    def irq(self, handler: "Callable[[Any], None] | None" = None, trigger: int = 3) -> None:
        """Have the handler called at each new edge that the car stamps; the pulse input only."""
        if self.number == board.PULSES:
            link.edge_pin = self
            link.edge_handler = handler


class InputPin(Pin):
    """An input that the car drives, through an inverting stage or not."""

    def _connect(self, number: int) -> None:
        self.number = number
        self._index, active = _DIGITAL[number]
        self._inverted = 1 - active

    def __call__(self, level: "int | None" = None) -> int:
        """Return the level at the pin, whatever the chip drives against it."""
        return inputs[self._index] ^ self._inverted

    value = __call__


class ClockPin(Pin):
    """The shift clock of the 74HC595: at its rising edge the data pin's level enters at Q0."""

    def _connect(self, number: int) -> None:
        self.number = number
        self._high: int = 0
        self.bits: int = 0xFF  # it wakes with any pattern

    def __call__(self, level: "int | None" = None) -> "int | None":
        """Return the level or drive it."""
        if level and not self._high:
            self.bits = (self.bits << 1 | _levels[_SHIFT_DATA]) & 0xFF
        elif level is None:
            return self._high
        self._high = level

    value = __call__


class LatchPin(Pin):
    """The latch of the 74HC595: at its rising edge the bits appear on Q0 to Q7."""

    def _connect(self, number: int) -> None:
        self.number = number
        self._high: int = 0
        clock = Pin(board.SHIFT_CLOCK)
        assert isinstance(clock, ClockPin)
        self._clock = clock
        self._shown: int = 0
        self._wires = [
            (1 << q,) + _OUTPUTS.get(_SHIFT_BASE + q, (_levels, _SHIFT_BASE + q)) for q in range(8)
        ]
        self._show(self._clock.bits)

    def _show(self, bits: int) -> None:
        changed = bits ^ self._shown
        self._shown = bits
        for mask, level, index in self._wires:
            if changed & mask:
                level[index] = bits & mask != 0

    def __call__(self, level: "int | None" = None) -> "int | None":
        """Return the level or drive it."""
        if level and not self._high:
            self._show(self._clock.bits)
        elif level is None:
            return self._high
        self._high = level

    value = __call__


_pins: "dict[int, Pin]" = {}
_KINDS: "dict[int, type[Pin]]" = {number: InputPin for number in _DIGITAL}
_KINDS[board.SHIFT_CLOCK] = ClockPin
_KINDS[board.SHIFT_LATCH] = LatchPin


class ADC:
    """An analog input; a voltage below zero in the frame is a conversion that fails."""

    ATTN_0DB = 0
    ATTN_2_5DB = 1
    ATTN_6DB = 2
    ATTN_11DB = 3

    _index: int

    def __new__(cls, pin: Pin, *, atten: int = 0) -> "ADC":
        """Return the converter; ValueError for a pin that the board wires to nothing analog."""
        if pin.number not in _ANALOG:
            raise ValueError("invalid pin")
        adc = object.__new__(MuxADC if pin.number == board.MUX else cls)
        adc._index = _ANALOG[pin.number]
        return adc

    def read_uv(self) -> int:
        """Return the voltage in uV, after the 60 us that a conversion takes."""
        now = link.now_us + _ADC_US
        if now < link.due_us:
            link.now_us = now
        else:
            link.charge(_ADC_US)
        millivolts = inputs[self._index]
        if millivolts < 0:
            raise _ADC_FAILED
        return millivolts * 1000


_SELECT_0, _SELECT_1, _SELECT_2, _SELECT_3 = board.MUX_SELECT
_read_uv = ADC.read_uv


class MuxADC(ADC):
    """The analog input behind the multiplexer, whose select lines choose what it reads."""

    def read_uv(self) -> int:
        """Return the voltage of the selected channel in uV."""
        low = _levels[_SELECT_0] | _levels[_SELECT_1] << 1
        high = _levels[_SELECT_2] | _levels[_SELECT_3] << 1
        self._index = SLOW_MV + (low | high << 2)
        return _read_uv(self)


class PWM:
    """A PWM output with the filter behind it: the frame has what comes out of that."""

    def __init__(self, pin: Pin, *, freq: int = 0, duty_u16: int = 0) -> None:
        """Start at the duty; a pin that the board wires to no filter drives nothing."""
        self._freq = freq
        self._level = _levels
        self._index = pin.number
        self._full: int = 1
        if pin.number in _VOLTAGES:
            self._level = outputs
            self._index, self._full = _VOLTAGES[pin.number]
        self._duty: int = 0
        self.duty_u16(duty_u16)

    def duty_u16(self, duty: "int | None" = None) -> "int | None":
        """Return the duty, 0..65535, or set it."""
        if duty is None:
            return self._duty
        self._duty = duty
        self._level[self._index] = (duty * self._full + (_DUTY_FULL >> 1)) // _DUTY_FULL

    def freq(self) -> int:
        """Return the frequency in Hz."""
        return self._freq

    def deinit(self) -> None:
        """Stop; the resistor pulls the pin low."""
        self.duty_u16(0)


class Counter:
    """The pulse counter, on the wheel sensor's input or the motor's."""

    RISING = 1
    FALLING = 2

    def __init__(self, unit: int, pin: Pin, *, edge: int = 1, filter_ns: int = 0) -> None:
        """Count the pulses of the pin; ValueError if the board has no pulses there."""
        if pin.number not in (board.PULSES, board.MOTOR_PULSES):
            raise ValueError("invalid pin")
        self._is_wheel = pin.number == board.PULSES

    def value(self) -> int:
        """Return the pulses since power-on, modulo 65536."""
        return link.pulses if self._is_wheel else inputs[frame.MOTOR_PULSES]


class WDT:
    """The watchdog, which the last one made has configured, as on an ESP32."""

    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        """Start with a timeout in ms."""
        self._timeout_us = timeout * 1000
        self.feed()

    def feed(self) -> None:
        """Count from now."""
        link.watchdog_due_us = link.now_us + self._timeout_us


class RTC:
    """The memory that survives a reset and not a power cut; there is no clock in it."""

    def memory(self, data: "bytes | None" = None) -> "bytes | None":
        """Return what is kept, or keep other bytes; ValueError for more than 2048."""
        if data is None:
            return storage.load_rtc()
        if len(data) > RTC_BYTES:
            raise ValueError("buffer too long")
        storage.save_rtc(data)
        return None


def reset_cause() -> int:
    """Return why the board started, as the host has it from how the last session ended."""
    return storage.reset_cause


def reset() -> None:
    """End the session, saying that the firmware asked for a reset."""
    raise SystemExit(RESET)


def unique_id() -> bytes:
    """Return what tells a virtual board from a real one."""
    return b"virtual"


def freq(hertz: int = 0) -> int:
    """Return the clock of the chip in Hz."""
    return 240000000


def idle() -> None:
    """Let the 1 ms pass until the next interrupt."""
    link.charge(1000)
