"""Keeper: decides what is written when, a piece at a time.

Nothing is written while the car could move. Everything is at key-off: counters,
faults, and last that the run ended in order. Parked with the key on, what has
changed is written once a minute, because a power cut takes what was counted
since. A charge is written as it goes on (service/charge_record.py). Both copies
of a record get the same content, the first copies of all records first, so that
rot in one copy does not bring an old value back.

Wear budget, of the 100 000 erases that a block of flash is made for: ten drives and
thirty stops a day and twelve hours at the socket each night are 310 000 writes a year
of a copy, and 45 000 erases a year, 5 000 of them in the worst block; counted on
littlefs with blocks of 4 KiB, 2 MB that are half full. That is twenty years.

Longer than others: each of these decisions is about the same table of what is due.
"""

from micropython import const

from service import boot_record, charge_record, fault_record, records, vault
from service.boot_record import BootRecord
from service.charge_record import ChargeSaver
from service.fault_keeper import FaultKeeper
from service.recall import Recall, system_bit
from service.records import Counters
from service.store import BUSY, OK, Store
from service.vault import Vault
from vcu.loop import Loop
from vcu.params import Params

# The order in which they are written: the charge first, because a swapped pack must be known
# as unconfirmed before its parameters are, and a change logged before it is made; the boot
# record last, for it says that the rest is.
_CHARGE = const(0)
_ODOMETER = const(1)
_FAULTS = const(2)
_VAULT = const(3)  # and the two after it, in the order of service/vault.py
_PARAMS = const(6)
_BOOT = const(7)
_NAMES = (
    (charge_record.NAME, records.ODOMETER, fault_record.NAME)
    + vault.NAMES
    + (records.PARAMS, records.BOOT)
)
_VERSIONS = (
    (charge_record.VERSION, records.ODOMETER_VERSION, fault_record.VERSION)
    + vault.VERSIONS
    + (records.PARAMS_VERSION, boot_record.VERSION)
)
_COPIES = const(2)

_SECOND_MS = const(1000)
# Standing this long in neutral is a stop, and no traffic light.
_STOP_MS = const(10000)
# Between two writes that nobody asked for, and before a failed one is tried again.
_PAUSE_MS = const(60000)
# A car that still rolls after this is written to all the same: with key and contactor off
# nothing can drive it, and the supply is held for 3 s only.
_KEY_OFF_MS = const(2000)
_HOLD_MS = const(3000)
_TIME_MAX_MS = const(100000)
_COUNT_MASK = const(0x3FFFFFFF)
# What a key-off had no time to settle, and what a host has written, is settled by a start, which
# is late by that; and a night at the socket settles between two of so many copies.
_SETTLE_STARTS = const(8)
_SETTLE_WRITES = const(32)
# A key that comes back sooner has bounced: to the loop it was on all the time.
_BOUNCE_MS = const(100)


class Keeper:
    """Owns the records. bits are the SYSTEM bits of what went wrong with them.

    own_bits are all that it may ever set. errno is how the latest write failed, -1
    when it did not.
    """

    def __init__(self, store: Store, boot: BootRecord) -> None:
        self.store = store
        self.boot = boot
        self.counters = Counters()
        self.faults = FaultKeeper()
        self.history = self.faults.history
        self.vault = Vault()
        self.bits = 0
        self.errno = -1
        self._refused = -1  # the record that errno is about
        self._recall = Recall(store, boot, self.counters, self.faults, self.vault)
        self._not_written = system_bit("records_not_written")
        self.own_bits = self._recall.own_bits | self._not_written
        self._params: "Params | None" = None
        self._mark = 0
        self._saver = ChargeSaver()
        self._due = [0] * len(_NAMES)  # copies that are still to be written
        self._writing = -1
        self._settles = False
        self._second_ms = 0
        self._pause_ms = 0
        self._still_ms = 0
        self._key_off_ms = _TIME_MAX_MS  # since the key was turned off in this run
        self._was_key_on = False
        self._is_ending = False
        self._saved_odometer_m = 0

    def load_boot(self, reset_cause: int) -> None:
        """Find out how the last run ended."""
        self.bits |= self._recall.boot_record(reset_cause)

    def load_params(self, params: Params, mark: int) -> None:
        """Put the stored values over the vehicle's; when they are lost, nobody drives."""
        self._params = params
        self._mark = mark
        self.bits |= self._recall.params(params, mark)

    def trust(self, is_parked: bool) -> None:
        """This version is on trial no more: parameters made over other vehicle data give way.

        Whoever flashed that data meant it; but a version that fails its trial must leave the
        record to the one before. It is replaced first and set aside then, so that a power
        cut in between leaves no gap that looks like a loss.
        """
        if self._recall.is_other_preset and is_parked and not self.is_busy():
            self._recall.is_other_preset = False
            self._due[_PARAMS] = _COPIES
            if self._write_now(_PARAMS):
                self.store.set_older_aside(records.PARAMS)

    def restore(self, loop: Loop) -> None:
        """Give the loop its counters and stored faults back; the odometer only ever grows."""
        self.bits |= self._recall.all_else(loop)
        if self._params is not None and self.vault.start(self._params, self.counters):
            self._due[_VAULT + vault.CHANGES] = _COPIES
        self._saved_odometer_m = self._recall.saved_odometer_m
        loop.system_bits |= self.bits | self._recall.ending_bit()
        self.boot.keep(boot_record.RUNNING, self.counters, loop.faults.stored)

    def fail_to_start(self, text: str) -> None:
        """There will be no loop: keep why, in flash only where that does not say so already."""
        boot = self.boot
        is_known = boot.state_in_flash == boot_record.CRASHED and boot.ending_text == text
        boot.text = text
        counters = boot.counters if boot.counters is not None else self.counters
        boot.keep(boot_record.CRASHED, counters, boot.stored)
        if not is_known:
            self._write_now(_BOOT)

    def start(self) -> None:
        """Before the first tick: flash must say that a run goes on, or a cut would go unseen.

        After a reset it still says so, and nothing is written: the car may be rolling.
        """
        if self.boot.state_in_flash != boot_record.RUNNING:
            if self.boot.boots % _SETTLE_STARTS == 1:
                self.store.settle()
            self.boot.state = boot_record.RUNNING
            self._write_now(_BOOT)

    def save_params(self) -> None:
        """Have the parameters written at the next chance; they are the person's own now."""
        if self._params is not None and self.vault.note(self._params, self.counters):
            self._due[_VAULT + vault.CHANGES] = _COPIES
        self._due[_PARAMS] = _COPIES

    def confirm(self) -> None:
        """A person has cleared the faults: losses are known, and what is in use is written."""
        if self.bits & self._recall.lost_params:
            self.save_params()
        self.bits &= ~self._recall.own_bits
        self.faults.clear()
        self.counters.clear()
        self._due[_ODOMETER] = _COPIES
        self._due[_FAULTS] = _COPIES

    def save_access(self) -> None:
        """Have the count of wrong answers written at the next chance."""
        self._due[_VAULT + vault.ACCESS] = _COPIES

    def save_identity(self) -> None:
        """Have a new identity written at the next chance, with what belongs to it."""
        self.vault.note_provisioning(self.counters)
        for which in range(len(vault.NAMES)):
            self._due[_VAULT + which] = _COPIES

    def save_charge(self) -> None:
        """Have the charge session written at the next chance, before anything else."""
        self._due[_CHARGE] = _COPIES

    def has_charge(self, loop: Loop) -> bool:
        """Return whether flash has what was last latched in the charge session."""
        return self._due[_CHARGE] == 0 and self._saver.has_latched(loop.charge.session)

    def save_all(self) -> None:
        """Have counters, faults and the charge written at the next chance."""
        self.save_charge()
        self._due[_ODOMETER] = _COPIES
        self._due[_FAULTS] = _COPIES

    def is_writing(self) -> bool:
        """Return whether anything waits to be written. To settle may outlast a host's patience."""
        return self._writing >= 0 or any(self._due)

    def is_busy(self) -> bool:
        """Return whether anything waits to be written, or settled."""
        return self._settles or self.is_writing()

    def step(self, loop: Loop, is_parked: bool, passed_ms: int) -> None:
        """One slice, passed_ms after the last, with one file operation at most: that stalls."""
        self._second_ms += passed_ms
        if self._second_ms >= _SECOND_MS:
            self._second_ms = 0
            self._look(loop)
        if self._pause_ms > 0:
            self._pause_ms -= passed_ms
        self.faults.step(loop, self.counters.key_cycles, passed_ms)
        self._watch_key(loop, passed_ms)
        self._still_ms = min(self._still_ms + passed_ms, _TIME_MAX_MS) if is_parked else 0
        if self._still_ms >= _STOP_MS and self._pause_ms <= 0:
            self._want_changes(loop)
        self._watch_charge(loop, passed_ms)
        if self._recall.is_other_pack and self.has_charge(loop):
            # Not before: a power cut in between would leave the old pack's charge to the new one.
            self._recall.is_other_pack = False
            self.boot.told = self._recall.told
            self._due[_BOOT] = 1
        loop.saving = self._saver.holds(loop.charge, self._due[_CHARGE] > 0) or (
            self._key_off_ms < _HOLD_MS and self._is_ending and self.is_busy()
        )
        if not self.is_busy():
            return
        rolls_out = not loop.out.contactor and self._key_off_ms >= _KEY_OFF_MS
        if is_parked or (self._is_ending and rolls_out):
            self._write_a_piece(loop)
        else:
            self._writing = -1  # what was begun is of before this drive: begun anew at its end

    def _look(self, loop: Loop) -> None:
        """Once a second: counters, times of faults, and all of it into RTC memory."""
        self.counters.read(loop.energy, loop.operating_s)
        self.counters.is_lit = records.lamp_is_lit(loop.faults)
        self.faults.look(loop, self.counters.key_cycles)
        self.boot.keep(self.boot.state, self.counters, loop.faults.stored)

    def _watch_key(self, loop: Loop, passed_ms: int) -> None:
        key_on = bool(loop.raw.key_on)
        if key_on and not self._was_key_on:
            if self._key_off_ms >= _BOUNCE_MS:
                self.counters.key_cycles = (self.counters.key_cycles + 1) & _COUNT_MASK
                self.faults.begin_cycle(loop)
            self._is_ending = False
            self._writing = -1  # a boot record that was begun says that the run has ended
            self.boot.state = boot_record.RUNNING
            if self.boot.state_in_flash != boot_record.RUNNING:
                self._due[_BOOT] = 1
        elif self._was_key_on and not key_on:
            self._is_ending = True
            self._key_off_ms = 0
            self._look(loop)
            self.faults.end_cycle(loop)
            self._due[_ODOMETER] = _COPIES
            if self.faults.is_changed:
                self._due[_FAULTS] = _COPIES
            self._due[_BOOT] = _COPIES
        self._was_key_on = key_on
        if not key_on:
            self._key_off_ms = min(self._key_off_ms + passed_ms, _TIME_MAX_MS)

    def _watch_charge(self, loop: Loop, passed_ms: int) -> None:
        saver = self._saver
        copies = saver.step(loop.charge, loop.raw.plug_in, passed_ms)
        if copies <= self._due[_CHARGE]:
            return
        # A traffic light is no place to make up for what could not be written at the plug.
        is_stop = saver.is_plugged() or not self._was_key_on or self._still_ms >= _STOP_MS
        if is_stop or saver.has_latch(loop.charge.session):
            self._due[_CHARGE] = copies

    def _want_changes(self, loop: Loop) -> None:
        if self.faults.is_changed:
            self._due[_FAULTS] = _COPIES
        if loop.energy.odometer_m > self._saved_odometer_m:
            self._due[_ODOMETER] = _COPIES
        if not self._was_key_on and self.boot.state_in_flash == boot_record.RUNNING:
            # Fed by plug or USB, key off: from now on the supply may go without a word.
            self._is_ending = True
            self._due[_BOOT] = _COPIES
        if self.is_busy():
            self._pause_ms = _PAUSE_MS

    def _write_a_piece(self, loop: Loop) -> None:
        if self._writing < 0:
            most = max(self._due)
            if not most:
                self._settles = self.store.settle_step() == BUSY
                return
            self._writing = self._due.index(most)
            self._begin(self._writing, loop)
            return
        status = self.store.step()
        if status == BUSY:
            return
        self._end(self._writing, status == OK)
        self._writing = -1

    def _begin(self, which: int, loop: Loop) -> None:
        if which == _CHARGE:
            payload = self._take_charge(loop, charge_record.flow_da(loop.charge))
        elif which == _ODOMETER:
            self.counters.read(loop.energy, loop.operating_s)
            payload = bytearray(Counters.SIZE)
            self.counters.pack_into(payload, 0)
        elif which == _FAULTS:
            payload = self.faults.pack(loop)
        else:
            payload = self._pack(which)
        self.store.begin(_NAMES[which], _VERSIONS[which], payload)

    def _take_charge(self, loop: Loop, flows_da: int) -> bytearray:
        self._saver.take(loop.charge.session)
        return charge_record.pack(loop.charge, loop.operating_s, flows_da)

    def _pack(self, which: int) -> "bytes | bytearray":
        if which == _PARAMS and self._params is not None:
            return records.pack_params(self._params, self._mark)
        if _VAULT <= which < _PARAMS:
            return self.vault.pack(which - _VAULT)
        if self._is_ending:
            self.boot.state = boot_record.ENDED
        return self.boot.pack()

    def _end(self, which: int, is_written: bool) -> None:
        """Count a copy as written, or give the record up until the next chance."""
        if not is_written:
            self.bits |= self._not_written
            self._due[which] = 0
            self.faults.is_changed = self.faults.is_changed or which == _FAULTS
            if which == _CHARGE:
                self._saver.fail()
            self._pause_ms = _PAUSE_MS
            self.errno = self.store.errno
            self._refused = which
            return
        self.bits &= ~self._not_written
        # What another record could not do is not made good by this one.
        if which == self._refused:
            self.errno = -1
        # One copy of the boot record will do: an older one only tells an older ending.
        self._due[which] = 0 if which == _BOOT else max(self._due[which] - 1, 0)
        if which == _ODOMETER:
            self._saved_odometer_m = self.counters.odometer_m
        elif which == _PARAMS:
            self.boot.has_params = True
        elif which == _BOOT:
            self.boot.state_in_flash = self.boot.state
        if self._is_ending and (which == _BOOT or self.store.writes % _SETTLE_WRITES == 0):
            self._settles = True

    def _write_now(self, which: int, payload: "bytes | bytearray | None" = None) -> bool:
        if payload is None:
            payload = self._pack(which)
        status = self.store.write(_NAMES[which], _VERSIONS[which], payload)
        self._end(which, status == OK)
        return status == OK

    def end(self, loop: Loop, state: int, text: str, is_parked: bool) -> None:
        """The run ends here: keep why, in RTC memory always and in flash where nothing moves."""
        self.boot.text = text
        self.boot.state = state
        self.counters.read(loop.energy, loop.operating_s)
        self.boot.keep(state, self.counters, loop.faults.stored)
        if is_parked:
            self._is_ending = False
            self._write_now(_BOOT)
            if self._saver.is_behind(loop.charge):
                # The outputs are safe by now: nothing flows any more.
                self._write_now(_CHARGE, self._take_charge(loop, 0))
