"""Request line: takes a line apart into tag, command and checksum, and judges the last.

    [@TAG] COMMAND [*CRC]

TAG is 1 to 4 digits, and a program always sends one. CRC is the CRC-32 of zlib
over what stands before ` *`, in 8 hexadecimal digits; a person leaves it away,
but one that is there must be right.
"""

from binascii import crc32, hexlify

from micropython import const

_TAG_DIGITS = const(4)
_SPACE = const(32)
_AT = const(64)
# With this bit a letter is a small one.
_SMALL = const(32)
_A = const(97)
_T = const(116)

# What is wrong with a line.
FINE = const(0)
BAD_TAG = const(1)
BAD_SUM = const(2)


class RequestLine:
    """One line at a time; take() fills tag (with its @), words and sum, and says if they hold."""

    def __init__(self) -> None:
        self.tag = b""
        self.words: "list[str]" = []
        self.sum = b""

    def take(self, line: bytes) -> int:
        """Take ASCII apart; FINE, BAD_TAG or BAD_SUM, with tag set where there is one."""
        # Bytes as long as possible: MicroPython looks up each piece that it takes from a string.
        self.tag = self.sum = b""
        is_right = True
        at = line.rfind(b" *")
        if at >= 0:
            given = line[at + 2 :].rstrip()
            if given and b" " not in given:
                self.sum = given
                line = line[:at]
                is_right = given.upper() == hexlify(crc32(line).to_bytes(4, "big")).upper()
        if line and line[0] == _AT:
            end = line.find(b" ")
            tag = line if end < 0 else line[:end]
            line = line[len(tag) :]
            if not tag[1:].isdigit() or len(tag) > _TAG_DIGITS + 1:
                return BAD_TAG
            self.tag = tag
        self.words = str(line, "ascii").split()
        return FINE if is_right else BAD_SUM


def is_for_obd(line: bytes) -> bool:
    """Return whether a line is for an ELM327: it begins with AT, spaces and case aside."""
    wanted = _A
    for byte in line:
        if byte == _SPACE:
            continue
        if byte | _SMALL != wanted:
            return False
        if wanted == _T:
            return True
        wanted = _T
    return False
