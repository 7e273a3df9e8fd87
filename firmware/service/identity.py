"""Identity: which vehicle this board belongs to, the keys of its roles, its wheel as delivered.

The keys leave it for the check of an answer and for its own record, and never for a
line of text. A board without keys is not provisioned: whoever has its port may do all.
"""

import struct

from micropython import const

NAME = "identity"
VERSION = const(1)

NUMBER_MOST = const(20)
VIN_LENGTH = const(17)
KEY_LEAST = const(16)
KEY_MOST = const(32)
_NUMBER_MARKS = "-_."
# ISO 3779: no I, O and Q, which look like digits.
_VIN_FOREIGN = "IOQ"

# circumference in mm and pulses per turn at provisioning; bytes of number, VIN and both keys
_HEAD = "<HHBBBB"
_HEAD_BYTES = const(8)


def is_number(text: str) -> bool:
    """Return whether text can be a vehicle's number: 1 to 20 letters, digits, - _ and dots."""
    if not 0 < len(text) <= NUMBER_MOST:
        return False
    return all([_is_alphanumeric(mark) or mark in _NUMBER_MARKS for mark in text])


def is_vin(text: str) -> bool:
    """Return whether text can be a vehicle identification number: 17 of A-Z and 0-9, no I O Q."""
    if len(text) != VIN_LENGTH or text != text.upper():
        return False
    return all([_is_alphanumeric(mark) and mark not in _VIN_FOREIGN for mark in text])


def _is_alphanumeric(mark: str) -> bool:
    return "0" <= mark <= "9" or "A" <= mark <= "Z" or "a" <= mark <= "z"


def is_key(key: bytes) -> bool:
    """Return whether key is 16 to 32 bytes, and not one byte over and over."""
    if not KEY_LEAST <= len(key) <= KEY_MOST:
        return False
    return any([byte != key[0] for byte in key])


class Identity:
    """number and vin are "" and the keys empty where the board was never provisioned.

    is_lost: there was an identity, and it cannot be read. circumference_mm and
    pulses_per_turn are those of the moment of provisioning, 0 before.
    """

    def __init__(self) -> None:
        self.number = ""
        self.vin = ""
        self.circumference_mm = 0
        self.pulses_per_turn = 0
        self.is_lost = False
        self._keys = (b"", b"")

    def has_keys(self) -> bool:
        """Return whether the board was provisioned."""
        return len(self._keys[0]) > 0

    def key(self, level: int) -> bytes:
        """Return the key of level 1 or 2."""
        return self._keys[level - 1]

    def take(self, number: str, vin: str, service_key: bytes, factory_key: bytes) -> None:
        """Become this vehicle's; the caller has asked is_number, is_vin and is_key."""
        self.number = number
        self.vin = vin
        self._keys = (service_key, factory_key)

    def take_wheel(self, circumference_mm: int, pulses_per_turn: int) -> None:
        """Take the wheel as it is delivered."""
        self.circumference_mm = circumference_mm
        self.pulses_per_turn = pulses_per_turn

    def pack(self) -> bytes:
        """Return the record's payload."""
        service_key, factory_key = self._keys
        head = struct.pack(
            _HEAD, self.circumference_mm, self.pulses_per_turn,
            len(self.number), len(self.vin), len(service_key), len(factory_key),
        )  # fmt: skip
        return head + self.number.encode() + self.vin.encode() + service_key + factory_key

    def unpack(self, payload: bytes) -> bool:
        """Take a whole identity, or nothing where a part of it is none."""
        if len(payload) < _HEAD_BYTES:
            return False
        circumference_mm, pulses, *sizes = struct.unpack(_HEAD, payload[:_HEAD_BYTES])
        parts: "list[bytes]" = []
        at = _HEAD_BYTES
        for size in sizes:
            parts.append(bytes(payload[at : at + size]))
            at += size
        if at > len(payload):
            return False
        number = _ascii(parts[0])
        vin = _ascii(parts[1])
        if not (is_number(number) and is_vin(vin) and is_key(parts[2]) and is_key(parts[3])):
            return False
        if not circumference_mm or not pulses:
            return False
        self.take(number, vin, parts[2], parts[3])
        self.take_wheel(circumference_mm, pulses)
        return True

    def lose(self) -> None:
        """There was a record, and it cannot be read: nobody has a key to this board."""
        self.is_lost = True


def _ascii(data: bytes) -> str:
    return "".join([chr(byte) for byte in data if byte < 127])
