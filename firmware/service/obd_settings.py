"""OBD settings: what a scan tool tells the adapter itself, in AT commands.

What stands behind the adapter is one control unit at 7E8 on an 11-bit CAN bus
of 500 kbit/s; there is neither bus nor adapter, only their words. AT M, CAF,
CFC, AL, AT, ST, LP and PC are accepted and change nothing: there is no memory,
no raw frame and no waiting time.
"""

from micropython import const

from service.desk import Desk

HEX = b"0123456789ABCDEF"
# Apps look for the name; this version is what every clone calls itself.
NAME = "ELM327 v1.5"
_DESCRIPTION = "OBDII to RS232 Interpreter"
_PROTOCOL = "ISO 15765-4 (CAN 11/500)"
_CAN_11_500 = const(6)
_PROTOCOLS = const(0xC)
_NO_HEX = const(-1)

# The switches, in the order of _SWITCHES: AT name 0 or 1.
ECHO = const(0)
LINEFEEDS = const(1)
SPACES = const(2)
HEADERS = const(3)
RESPONSES = const(4)
LENGTHS = const(5)
_SWITCHES = ("E", "L", "S", "H", "R", "D", "M", "CAF", "CFC")
_DEFAULTS = b"\x01\x01\x01\x00\x01\x00\x01\x01\x01"
_ACCEPTED = ("LP", "PC", "AL", "AT0", "AT1", "AT2")

# To every unit, and to this one; whoever asks another gets no answer.
_TO_ALL = const(0x7DF)
_TO_THIS = const(0x7E0)
_ID_MASK = const(0x7FF)


class ObdSettings:
    """is_on has a flag for each of the switches above."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.is_on = bytearray(_DEFAULTS)
        self._protocol = 0
        self._is_automatic = True
        self._header: int = _TO_ALL

    def reset(self) -> None:
        """Set everything as in an adapter that was just plugged in."""
        self.is_on[:] = _DEFAULTS
        self._protocol = 0
        self._is_automatic = True
        self._header = _TO_ALL

    def reaches_bus(self) -> bool:
        """Return whether the protocol is that of the bus, or looked for."""
        return self._is_automatic or self._protocol == _CAN_11_500

    def reaches_unit(self) -> bool:
        """Return whether requests go to this control unit."""
        return self._header == _TO_ALL or self._header == _TO_THIS

    def command(self, text: str) -> str:
        """Do an AT command without its AT; return the line that answers it."""
        name = text[:-1]
        if name in _SWITCHES and text[-1] in "01":
            self.is_on[_SWITCHES.index(name)] = 1 if text[-1] == "1" else 0
            return "OK"
        if text == "Z" or text == "D":
            self.reset()
            return NAME if text == "Z" else "OK"
        if text == "I":
            return NAME
        if text == "@1":
            return _DESCRIPTION
        if text == "RV":
            tenths = (self._desk.loop.sig.rail_cv + 5) // 10
            return str(tenths // 10) + "." + str(tenths % 10) + "V"
        if text == "DP" or text == "DPN":
            return self._describe(text == "DPN")
        if text in _ACCEPTED:
            return "OK"
        return self._choose(text[:2], text[2:])

    def _describe(self, as_number: bool) -> str:
        """Return the protocol in use: an automatic search has found the only one there is."""
        number = _CAN_11_500 if self._is_automatic else self._protocol
        if as_number:
            return ("A" if self._is_automatic else "") + chr(HEX[number])
        if number != _CAN_11_500:
            return "USER"
        return ("AUTO, " if self._is_automatic else "") + _PROTOCOL

    def _choose(self, name: str, text: str) -> str:
        if name == "SP" or name == "TP":
            is_automatic = len(text) == 2 and text[0] in "A0"
            number = _hex(text[1:] if is_automatic else text, 1, 1)
            if 0 <= number <= _PROTOCOLS:
                self._protocol = number
                self._is_automatic = is_automatic or number == 0
                return "OK"
        elif name == "SH":
            header = _hex(text, 3, 6)
            if header >= 0 and len(text) != 4 and len(text) != 5:
                self._header = header & _ID_MASK
                return "OK"
        elif name == "ST" and _hex(text, 1, 2) >= 0:
            return "OK"
        return "?"


def digit_of(byte: int) -> int:
    """Return the value of a hexadecimal digit in ASCII, upper case; -1 for another byte."""
    if 0x30 <= byte <= 0x39:
        return byte - 0x30
    return byte - 0x37 if 0x41 <= byte <= 0x46 else _NO_HEX


def _hex(text: str, least: int, most: int) -> int:
    """Return the number that text is, of least to most hexadecimal digits; -1 for none."""
    if not least <= len(text) <= most:
        return _NO_HEX
    value = 0
    for letter in text:
        digit = digit_of(ord(letter))
        if digit < 0:
            return _NO_HEX
        value = value << 4 | digit
    return value
