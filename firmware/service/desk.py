"""Desk: what the console may see and what it may ask for; nothing on it drives an output.

main.py makes one, keeps its figures fresh, looks at `wanted` between two ticks
and does what is asked, when the car is parked. The console reads the loop and
never writes to it.
"""

from array import array

from micropython import const

from vcu.loop import Loop
from vcu.params import Params

# wanted: at most one request at a time.
NOTHING = const(0)
SAVE = const(1)  # write the parameters to flash
CLEAR = const(2)  # loop.clear_faults(), and write the fault store
REBOOT = const(3)  # open the contactor, save, reset the chip

# The figures of `counters`, in order.
COUNTER_NAMES = (
    "ticks", "late_ticks", "very_late_ticks", "longest_tick_us", "heap_free_bytes",
    "flash_operations", "boots",
)  # fmt: skip
# The lines of `identity`, in order.
IDENTITY_NAMES = ("name", "version", "board", "vehicle", "unique_id")


class Desk:
    """One request, its outcome, and the figures that only main.py knows.

    params are the values that `set` edits and `save` writes; the loop took its
    own copies when it was made, so an edit is in use after save and reboot.
    identity holds one string for each of IDENTITY_NAMES. first_s and last_s are
    indexed by row number of the fault table: operating seconds at which the row
    was first and last confirmed, 0 for never; the fault store owns them.
    """

    def __init__(self, loop: Loop, params: Params, identity: "tuple[str, ...]") -> None:
        self.loop = loop
        self.params = params
        self.identity = identity
        self.is_edited = False  # params hold an edit that is not saved
        self.wanted: int = NOTHING
        self.trouble = ""  # of the last request: what happened; what was kept; what to do
        self.last_run = "not recorded"  # how it ended, in a few words
        self.counters = array("i", [0] * len(COUNTER_NAMES))
        self.first_s = array("i")
        self.last_s = array("i")

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

    def finish(self, trouble: str = "") -> None:
        """End the request: "" when it was done, or what happened; what was kept; what to do."""
        self.trouble = trouble
        self.wanted = NOTHING
