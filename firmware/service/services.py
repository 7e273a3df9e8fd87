"""Services: what the slow half does between two ticks, and that its failure stops nothing but it.

One slice is a few bytes of the console, one file operation of the keeper, and
what a person asked for. With nothing to do it allocates nothing; once a second
about 320 bytes, for the copy of the counters in RTC memory.
"""

from service import boot_record
from service.console import Console
from service.desk import CLEAR, NOTHING, REBOOT, SAVE, Desk
from service.keeper import Keeper, system_bit
from vcu.loop import Loop


class NullPort:
    """A serial port that nothing is connected to."""

    def any(self) -> bool:
        """Return whether a byte has come, which byte() then is."""
        return False

    def byte(self) -> int:
        """Return the byte that any() has found, 0..255."""
        return 0


class Services:
    """Owns nothing; is_ending is set when the program is asked to end, by reset if wants_reset.

    failure is the text of the exception that switched a service off, "" for none.
    """

    def __init__(
        self, loop: Loop, desk: Desk, console: Console, keeper: Keeper, port: NullPort
    ) -> None:
        self._loop = loop
        self._desk = desk
        self._console = console
        self._keeper = keeper
        self._port = port
        self._console_runs = True
        self._keeper_runs = True
        self._accepted: int = NOTHING
        self._service_failed = system_bit("service_failed")
        self._told = 0
        self._own_bits = self._service_failed | keeper.own_bits
        self.is_ending = False
        self.wants_reset = False
        self.failure = ""

    def step(self, passed_ms: int) -> None:
        """One slice, passed_ms after the last; raises nothing."""
        if self._console_runs:
            try:
                self._talk()
            except Exception as error:
                self._console_runs = False
                self.failure = boot_record.describe(error)
        if self._keeper_runs:
            try:
                loop = self._loop
                self._keeper.step(loop, loop.is_parked(), passed_ms)
                if self._desk.wanted != NOTHING:
                    self._serve()
            except Exception as error:
                self._keeper_runs = False
                self._loop.saving = False
                self.failure = boot_record.describe(error)
        self._tell()

    def _talk(self) -> None:
        console = self._console
        port = self._port
        while console.room() and port.any():
            if console.feed(port.byte()):
                self.is_ending = True
        console.step()

    def _tell(self) -> None:
        """Set and clear the SYSTEM bits that are the services' own, when they change."""
        bits = self._keeper.bits
        if self.failure:
            bits |= self._service_failed
        if bits != self._told:
            self._told = bits
            loop = self._loop
            loop.system_bits = loop.system_bits & ~self._own_bits | bits

    def _serve(self) -> None:
        """Begin what the desk wants, or end it when it is done. The car may have moved since."""
        desk = self._desk
        keeper = self._keeper
        if self._accepted == NOTHING:
            if not desk.is_parked():
                desk.finish("not parked; nothing was done; stop, neutral, then ask again")
                return
            self._accepted = desk.wanted
            if desk.wanted == SAVE:
                keeper.save_params()
            elif desk.wanted == CLEAR:
                self._loop.clear_faults()
                keeper.confirm()
            elif desk.wanted == REBOOT:
                keeper.save_all()
        elif not keeper.is_busy():
            wanted = self._accepted
            self._accepted = NOTHING
            if keeper.errno >= 0:
                desk.finish(
                    "flash refused it, errno " + str(keeper.errno)
                    + "; the old record is kept; free some space and try again"
                )  # fmt: skip
            else:
                desk.finish()
                if wanted == SAVE:
                    desk.is_edited = False
            if wanted == REBOOT:
                self.is_ending = True
                self.wants_reset = True
