"""Desk: what the console may see and what it may ask for; nothing on it drives an output.

main.py makes one, keeps its figures fresh, looks at `wanted` between two ticks
and does what is asked, when the car is parked. The console reads the loop and
never writes to it.
"""

from array import array

from micropython import const

from service.fault_history import History
from service.records import Counters
from service.vault import Vault
from vcu.loop import Loop
from vcu.params import Params

# wanted: at most one request at a time.
NOTHING = const(0)
SAVE = const(1)  # write the parameters to flash
CLEAR = const(2)  # loop.clear_faults(), and write the fault store
REBOOT = const(3)  # open the contactor, save, reset the chip
CHARGE = const(4)  # a wish for the charge: wish and value, see service/charge_wishes.py
SWAP = const(5)  # another pack: swap, see service/pack_swap.py
PROMPT = const(6)  # every output off, then MicroPython's prompt
ACCESS = const(7)  # write the count of wrong answers
PROVISION = const(8)  # write identity, access and change log
TEST = const(9)  # drive one output for value ms: wish, see service/test_wishes.py

# The figures of `counters`, in order.
COUNTER_NAMES = (
    "ticks", "late_ticks", "very_late_ticks", "longest_tick_us", "heap_free_bytes",
    "flash_operations", "boots", "damaged_copies",
)  # fmt: skip
BOOTS = const(6)
_COUNT_MASK = const(0x3FFFFFFF)
# A request is waited for this many slices, about 5 s: less than any OBD tool's patience.
_WAIT_SLICES = const(500)
# The lines of `identity`, in order.
IDENTITY_NAMES = ("name", "version", "board", "vehicle", "unique_id")


class NoSlots:
    """Where the program was not started from a slot, there is nothing to tell of any."""

    def lines(self) -> "tuple[str, ...]":
        """Return what a host is told."""
        return ()


class Desk:
    """One request, its outcome, and the figures that only main.py knows.

    params are the values that `set` edits and `save` writes; the loop took its
    own copies when it was made, so an edit is in use after save and reboot.
    identity holds one string for each of IDENTITY_NAMES. history is the fault
    keeper's: when each row of the fault table was confirmed. swap holds name and
    new value of each parameter of another pack. Without a vault the
    board has no keys, and whoever has its port may do all.
    """

    def __init__(
        self,
        loop: Loop,
        params: Params,
        identity: "tuple[str, ...]",
        vault: "Vault | None" = None,
        history: "History | None" = None,
    ) -> None:
        self.loop = loop
        self.params = params
        self.identity = identity
        self.is_edited = False  # params hold an edit that is not saved
        self.wanted: int = NOTHING
        self.wish = 0
        self.value = 0
        self.is_watched = False  # somebody still watches the output that is tested
        self.swap: "tuple[tuple[str, int], ...]" = ()
        self.trouble = ""  # of the last request: what happened; what was kept; what to do
        self.last_run = "not recorded"  # how it ended, in a few words
        self.counters = array("i", [0] * len(COUNTER_NAMES))
        self.history = history if history is not None else History()
        self.history.clock = self.wall_s
        self.vault = vault if vault is not None else Vault()
        self.vault.wall_s = self.wall_s
        self.access = self.vault.access
        self.uptime_ms = 0  # since the start, modulo 2**30
        self.uptime_s = 0
        self.slots = NoSlots()  # main.py puts them here, where this was started from one
        self.life = Counters()  # the keeper's, once main.py has put them here
        self.port_bytes = 0  # that the serial port brought, modulo 2**30
        self._key_uptime_s = -1  # when the key was turned on, -1 while it is off
        self._part_ms = 0
        self._wall_s = 0
        self._wall_uptime_s = 0

    def is_parked(self) -> bool:
        """Return whether nothing moves and nothing could."""
        return self.loop.is_parked()

    def request_save(self) -> None:
        """Ask for the parameters to be written; main.py answers with finish()."""
        self.wanted = SAVE

    def request_clear(self) -> None:
        """Ask for the faults to be cleared."""
        self.wanted = CLEAR

    def request_reboot(self) -> None:
        """Ask for a reset of the chip."""
        self.wanted = REBOOT

    def request_prompt(self) -> None:
        """Ask for the program's end, at MicroPython's prompt."""
        self.wanted = PROMPT

    def request_access(self) -> None:
        """Ask for the count of wrong answers to be written."""
        self.wanted = ACCESS

    def request_provision(self) -> None:
        """Ask for the identity to be written, with what belongs to it."""
        self.wanted = PROVISION

    def request_charge(self, wish: int, value: int) -> None:
        """Ask for a target, a delay or an equalization; value in the unit of the wish."""
        self.wish = wish
        self.value = value
        self.wanted = CHARGE

    def request_swap(self, swap: "tuple[tuple[str, int], ...]") -> None:
        """Ask for another pack's parameters, all together."""
        self.swap = swap
        self.wanted = SWAP

    def request_test(self, output: int, most_ms: int) -> None:
        """Ask for the test of one output; to be renewed by is_watched in each slice."""
        self.wish = output
        self.value = most_ms
        self.wanted = TEST

    def count_byte(self) -> None:
        """Count a byte of the port: whoever runs a test at the car ends it at any."""
        self.port_bytes = (self.port_bytes + 1) & _COUNT_MASK

    def pass_time(self, passed_ms: int) -> None:
        """Count the time since the start."""
        self.uptime_ms = (self.uptime_ms + passed_ms) & _COUNT_MASK
        self._part_ms += passed_ms
        while self._part_ms >= 1000:
            self._part_ms -= 1000
            self.uptime_s += 1
        self.access.step(passed_ms, self.loop, self.port_bytes)
        if not self.loop.raw.key_on:
            self._key_uptime_s = -1
        elif self._key_uptime_s < 0:
            self._key_uptime_s = self.uptime_s

    def key_on_s(self) -> int:
        """Return for how many seconds the key has been on, 0 while it is off."""
        return self.uptime_s - self._key_uptime_s if self._key_uptime_s >= 0 else 0

    def set_wall(self, unix_s: int) -> None:
        """Take the wall time, seconds since 1970, 0 for unknown."""
        self._wall_s = unix_s
        self._wall_uptime_s = self.uptime_s

    def wall_s(self) -> int:
        """Return the seconds since 1970, 0 before a host has told them; may need the heap."""
        if not self._wall_s:
            return 0
        return self._wall_s + self.uptime_s - self._wall_uptime_s

    def until_done(self):
        """Wait, a slice each, until the request is done; it stands where that takes longer."""
        for _ in range(_WAIT_SLICES):
            if self.wanted == NOTHING:
                return
            yield

    def finish(self, trouble: str = "") -> None:
        """End the request: "" when it was done, or what happened; what was kept; what to do."""
        self.trouble = trouble
        self.wanted = NOTHING
