"""ShiftRegister: eight more outputs through a 74HC595, for what can neither move nor feed the car.

A glitch on its three wires can set any output, so lamp, buzzer, fan, the
multiplexer's select lines and the hold of the controller's own supply are all
it may carry.
"""

from micropython import const

_PLACES = (7, 6, 5, 4, 3, 2, 1, 0)  # Q7 goes first
_UNKNOWN = const(-1)


class ShiftRegister:
    """Collects the level of each output and shows all of them with one latch pulse."""

    def __init__(self, data, clock, latch) -> None:
        """Take three output pins that are low, and show all outputs low."""
        self._data = data
        self._clock = clock
        self._latch = latch
        self._shown = _UNKNOWN  # a 74HC595 wakes with any pattern
        self.bits = 0
        self.flush()

    def pin(self, number: int) -> "ShiftPin":
        """Return output Q0 to Q7 as a pin."""
        return ShiftPin(self, number)

    def flush(self) -> None:
        """Shift out and latch if a level changed since the last flush."""
        bits = self.bits
        if bits == self._shown:
            return
        # A pin is called, not asked for its value method: half the cost, 20 times. Data
        # stands as it is driven until the next bit differs.
        data = self._data
        clock = self._clock
        level = _UNKNOWN
        for place in _PLACES:
            bit = bits >> place & 1
            if bit != level:
                level = bit
                data(bit)
            clock(1)
            clock(0)
        self._latch(1)
        self._latch(0)
        self._shown = bits


class ShiftPin:
    """One output of the register; its level appears at the next flush."""

    def __init__(self, register: ShiftRegister, number: int) -> None:
        self._register = register
        self._mask = 1 << number

    def value(self, level: int) -> None:
        """Set the level, 0 or 1."""
        register = self._register
        if level:
            register.bits |= self._mask
        else:
            register.bits &= ~self._mask


class NullRegister:
    """A board without a shift register: nothing to shift."""

    def flush(self) -> None:
        """Shift nothing."""
