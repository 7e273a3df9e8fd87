"""Draft: parameters that are being edited or restored, and that are not in use before all fit.

Hazard: half of a set of values. Nothing of a draft is in the parameters until
every range and every rule between them has been checked on a copy; then all of it is,
in one step that nothing can break off.
"""

from binascii import crc32

from vcu.params import OK, TABLE, Params


class Draft:
    """The edits since `begin`, by name; is_restoring: they come from a dump, line by line.

    is_spoiled: a line of the dump was refused, and so the whole of it is.
    """

    def __init__(self) -> None:
        self.edits: "dict[str, int]" = {}
        self.is_begun = False
        self.is_restoring = False
        self.is_spoiled = False
        self.crc = 0

    def begin(self, is_restoring: bool) -> None:
        """Begin anew; what was there is dropped."""
        self.drop()
        self.is_begun = not is_restoring
        self.is_restoring = is_restoring

    def drop(self) -> None:
        """Forget all."""
        self.edits = {}
        self.is_begun = False
        self.is_restoring = False
        self.is_spoiled = False
        self.crc = 0

    def add_line(self, name: str, value: int) -> None:
        """Take a line of a dump, and its checksum."""
        self.crc = line_crc(self.crc, name, value)
        self.edits[name] = value


def line_crc(crc: int, name: str, value: int) -> int:
    """Return the CRC-32 of a dump that goes on with this line."""
    return crc32((name + "=" + str(value) + "\n").encode(), crc)


def is_taken(params: Params, i: int, value: int) -> bool:
    """Return whether the parameters would take a value of row i; they keep what they have.

    Asked of them, because a board refuses what it has no outputs for.
    """
    old = params.at(i)
    if params.set(TABLE[i][1], value) != OK:
        return False
    params.put(i, old)
    return True
