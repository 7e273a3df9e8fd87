"""Services: what the slow half does between two ticks, and that its failure stops nothing but it.

One slice is a few bytes of the terminal, one file operation of the keeper, and
what a person asked for. With nothing to do it allocates nothing; once a second
about 320 bytes, for the copy of the counters in RTC memory. A subscription of nine
values at 20 Hz takes about 4 kB/s on 64 bits, half of that on a board.
"""

from micropython import const

from service import boot_record, charge_wishes
from service.desk import (
    ACCESS,
    CHARGE,
    CLEAR,
    NOTHING,
    PROMPT,
    PROVISION,
    REBOOT,
    SAVE,
    SWAP,
    TEST,
    Desk,
)
from service.keeper import Keeper
from service.pack_swap import PackSwap
from service.recall import system_bit
from service.terminal import Terminal
from service.test_wishes import Wishes
from vcu.loop import Loop
from vcu.params import Params

# A verb that breaks must not take the port away from the technician; what breaks again does.
_FAILURES_MOST = const(3)
# Whatever the port brings, a slice takes no more of it.
_FEED_BYTES = const(64)
# How long the answer may take to leave before the prompt comes, where nobody reads.
_LEAVE_SLICES = const(50)


class NullSerial:
    """A serial port that nothing is connected to; is_stuck where nobody reads what was written."""

    is_stuck = False

    def any(self) -> bool:
        """Return whether a byte has come, which byte() then is."""
        return False

    def byte(self) -> int:
        """Return the byte that any() has found, 0..255."""
        return 0

    def try_again(self) -> None:
        """Write again, where that stops nothing that moves."""


class NoTrial:
    """Where there are no slots, nothing is on trial."""

    def is_on(self) -> bool:
        """Return that what runs is trusted."""
        return False

    def step(self, loop: Loop, is_parked: bool, is_clean: bool, passed_ms: int) -> None:
        """Do nothing."""

    def holds(self) -> bool:
        """Return that nothing is to be written."""
        return False

    def end(self) -> None:
        """Do nothing."""


class Services:
    """Owns nothing; is_ending is set when the program is asked to end, by reset if wants_reset.

    failure is the text of the exception that switched a service off, "" for none.
    """

    def __init__(
        self, loop: Loop, desk: Desk, terminal: Terminal, keeper: Keeper, port: NullSerial
    ) -> None:
        self._loop = loop
        self._desk = desk
        self._terminal = terminal
        self._keeper = keeper
        self._port = port
        self.trial = NoTrial()  # of a version that was started from a slot
        self._swap = PackSwap(loop, desk.params, keeper)
        self._tests = Wishes(loop, desk)
        self._terminal_failures = 0
        self._keeper_runs = True
        self._accepted: int = NOTHING
        self._leave_slices = 0
        self._service_failed = system_bit("service_failed")
        self._told = 0
        self._own_bits = self._service_failed | keeper.own_bits
        self.is_ending = False
        self.wants_reset = False
        self.failure = ""

    def step(self, passed_ms: int) -> None:
        """One slice, passed_ms after the last; raises nothing."""
        if self._terminal_failures < _FAILURES_MOST:
            try:
                self._talk(passed_ms)
            except Exception as error:
                self._terminal_failures += 1
                self.failure = boot_record.describe(error)
        if self._loop.output_test.is_asked:
            self._tests.step()
        if self._keeper_runs:
            try:
                loop = self._loop
                is_parked = loop.is_parked()
                self._keeper.step(loop, is_parked, passed_ms)
                self.trial.step(loop, is_parked, not self.failure, passed_ms)
                if not self.trial.is_on():
                    self._keeper.trust(is_parked)
                if self.trial.holds():
                    loop.saving = True
                if self._desk.wanted != NOTHING:
                    self._serve()
            except Exception as error:
                self._keeper_runs = False
                self._loop.saving = False
                self.failure = boot_record.describe(error)
        self._tell()

    def _talk(self, passed_ms: int) -> None:
        terminal = self._terminal
        port = self._port
        for _ in range(_FEED_BYTES):
            if not terminal.room() or not port.any():
                break
            if terminal.feed(port.byte()):
                self.is_ending = True
                break  # what follows is for the prompt
            if port.is_stuck and self._desk.is_parked():
                port.try_again()
        terminal.step(passed_ms)

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
            if desk.wanted == TEST:
                self._tests.begin()
                desk.finish()
                return
            self._begin(desk.wanted)
        elif self._accepted == PROMPT:
            self._leave()
        elif not keeper.is_writing():
            wanted = self._accepted
            if wanted == SWAP and keeper.errno < 0 and self._swap.go_on():
                return
            self._accepted = NOTHING
            if wanted == SWAP:
                self._end_swap()
            elif keeper.errno >= 0:
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

    def _begin(self, wanted: int) -> None:
        self._accepted = wanted
        keeper = self._keeper
        keeper.errno = -1
        if wanted == SAVE:
            # However it was edited: a kept zero that is not the sensor's reads as a welded relay.
            if _zero_of(self._desk.params) != _zero_of(self._desk.vault.saved):
                self._loop.charge.forget_zero()
            keeper.save_params()
        elif wanted == CLEAR:
            self._loop.clear_faults()
            keeper.confirm()
        elif wanted == REBOOT:
            keeper.save_all()
        elif wanted == CHARGE:
            charge_wishes.grant(self._loop.charge, self._desk.wish, self._desk.value)
            keeper.save_charge()
        elif wanted == SWAP:
            self._swap.begin(self._desk.swap)
        elif wanted == ACCESS:
            keeper.save_access()
        elif wanted == PROVISION:
            keeper.save_identity()

    def _leave(self) -> None:
        """End the program when the answer is out."""
        self._leave_slices += 1
        if self._terminal.is_silent() or self._leave_slices > _LEAVE_SLICES:
            self._desk.finish()
            self.is_ending = True

    def _end_swap(self) -> None:
        """Both records are written, or the parameters in memory are the old pack's again."""
        if self._keeper.errno < 0 and self._swap.is_done():
            self._desk.finish()
            return
        self._swap.undo()
        self._desk.finish(
            "flash refused it; no drive, no charge until the check at the plug agrees;"
            " reboot, see `pack`, try again"
        )


def _zero_of(params: Params) -> int:
    return params.get("pack_a_zero_counts")
