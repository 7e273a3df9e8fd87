"""Vault: identity, access, seal and change log together; what becomes of each write of parameters.

Every way to write parameters ends in note(), so that none passes the log: `set`,
`restore`, a calibration, the guided swap of the pack. What was changed without the
console (the vehicle's data, or a record) start() finds for the four sealed values.
"""

from micropython import const

from service import access, change_log, identity
from service.access import Access
from service.change_log import OPEN, PROVISIONING, START, ChangeLog
from service.identity import Identity
from service.records import Counters
from service.seal import SEALED, Seal
from vcu.params import TABLE, Params, row_index

# The records, in the order in which they are written.
IDENTITY = const(0)
ACCESS = const(1)
CHANGES = const(2)
NAMES = (identity.NAME, access.NAME, change_log.NAME)
VERSIONS = (identity.VERSION, access.VERSION, change_log.VERSION)


class Vault:
    """preset are the values of the vehicle's data, saved those that flash has or is to have.

    wall_s returns the seconds since 1970, 0 for unknown; the desk puts its own in.
    """

    def __init__(self) -> None:
        self.identity = Identity()
        self.access = Access(self.identity)
        self.seal = Seal()
        self.changes = ChangeLog(self.seal)
        self.preset = Params()
        self.saved = Params()
        self.wall_s = _unknown_s
        self._parts = (self.identity, self.access, self.changes)

    def pack(self, which: int) -> bytes:
        """Return the payload of IDENTITY, ACCESS or CHANGES."""
        return self._parts[which].pack()

    def unpack(self, which: int, payload: bytes) -> bool:
        """Take a record whole, or not at all."""
        return self._parts[which].unpack(payload)

    def lose(self, which: int) -> None:
        """A record cannot be read: nobody gets more rights by that, and it is told."""
        self._parts[which].lose()

    def start(self, params: Params, counters: Counters) -> bool:
        """After the start has read all records; True where a sealed value changed since."""
        self.saved.take(params)
        self.access.start(counters.operating_s)
        had_values = self.seal.has_values
        old = list(self.seal.values)
        if not self.seal.look(params) or not had_values:
            return False
        moment = (counters.operating_s, counters.key_cycles, 0)
        for i in range(len(SEALED)):
            new = self.seal.values[i]
            if old[i] != new:
                self.changes.add(moment, TABLE[row_index(SEALED[i])][0], old[i], new, START)
        return True

    def note(self, params: Params, counters: Counters) -> bool:
        """The parameters are to be written: log what differs; False where nothing does."""
        rows = self.saved.differing(params)
        if not rows:
            return False
        moment = self._moment(counters)
        role = self._role()
        for i in rows:
            self.changes.add(moment, TABLE[i][0], self.saved.at(i), params.at(i), role)
        self.saved.take(params)
        self.seal.look(params)
        return True

    def note_provisioning(self, counters: Counters) -> None:
        """The identity is to be written: log it, and take the saved values as known."""
        self.changes.add(self._moment(counters), PROVISIONING, 0, 0, self._role())
        self.seal.look(self.saved)

    def _role(self) -> int:
        return self.access.level if self.access.has_roles() else OPEN

    def _moment(self, counters: Counters) -> "tuple[int, int, int]":
        return counters.operating_s, counters.key_cycles, self.wall_s()


def _unknown_s() -> int:
    return 0
