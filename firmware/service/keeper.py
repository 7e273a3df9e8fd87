"""Keeper: decides what is read back at the start and what is written when, a piece at a time.

Nothing is written while the car could move. Everything is at key-off: counters,
faults, and last that the run ended in order. Parked with the key on, what has
changed is written once a minute, because a power cut takes what was counted
since. A charge is written as it goes on (service/charge_record.py). Both copies
of a record get the same content, the first copies of all records first, so that
rot in one copy does not bring an old value back.
"""

from micropython import const

from service import boot_record, charge_record, fault_record, records, store, vault
from service.boot_record import BootRecord
from service.charge_record import ChargeSaver, Moment
from service.fault_keeper import FaultKeeper
from service.records import Counters
from service.store import Store
from service.vault import Vault
from vcu.faults import SYSTEM, TABLE
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
# A charge left that is as uncertain as this was never known.
_UNKNOWN_PERMILLE = const(1000)
# A trip begins anew before its energy leaves the range of the loop's integers.
_TRIP_MWH_MOST = const(1 << 28)
_COUNT_MASK = const(0x3FFFFFFF)
# A key that comes back sooner has bounced: to the loop it was on all the time.
_BOUNCE_MS = const(100)


def system_bit(name: str) -> int:
    """Return the bit of a row in the SYSTEM word; KeyError where there is none."""
    rows = TABLE[SYSTEM]
    for i in range(len(rows)):
        if rows[i][1] == name:
            return 1 << i
    raise KeyError(name)


class Keeper:
    """Owns the records. bits are the SYSTEM bits of what went wrong with them.

    own_bits are all that it may ever set. errno is how the latest write failed, -1
    when it did not.
    """

    def __init__(self, files: Store, boot: BootRecord) -> None:
        self.store = files
        self.boot = boot
        self.counters = Counters()
        self.faults = FaultKeeper()
        self.history = self.faults.history
        self.vault = Vault()
        self.bits = 0
        self.errno = -1
        self._refused = -1  # the record that errno is about
        self._lost_params = system_bit("parameters_lost")
        self._lost_records = system_bit("records_lost")
        self._not_written = system_bit("records_not_written")
        self.own_bits = self._lost_params | self._lost_records | self._not_written
        self._params: "Params | None" = None
        self._mark = 0
        self._saver = ChargeSaver()
        self._due = [0] * len(_NAMES)  # copies that are still to be written
        self._writing = -1
        self._second_ms = 0
        self._pause_ms = 0
        self._still_ms = 0
        self._key_off_ms = _TIME_MAX_MS  # since the key was turned off in this run
        self._was_key_on = False
        self._is_ending = False
        self._saved_odometer_m = 0

    def load_boot(self, reset_cause: int) -> None:
        """Find out how the last run ended."""
        payload = b""
        if self._read(_BOOT):
            payload = self.store.payload
        self.boot.judge(reset_cause, payload)

    def load_params(self, params: Params, mark: int) -> None:
        """Put the stored values over the vehicle's; when they are lost, nobody drives.

        A record made over other vehicle data gives way: whoever flashed that
        data meant it. It is replaced first and set aside then, so that a power
        cut in between leaves no gap that looks like a loss.
        """
        self._params = params
        self._mark = mark
        self.vault.preset.take(params)
        status = self.store.read(records.PARAMS, records.PARAMS_VERSION)
        if status == store.MISSING:
            # Lost at an earlier start, and no person has looked at it since.
            if self.store.has_lost(records.PARAMS):
                self.bits |= self._lost_params
            return
        if status != store.OK:
            self.bits |= self._lost_params
            return
        taken = records.unpack_params(self.store.payload, params, mark)
        if taken == records.OTHER_PRESET:
            if self._write_now(_PARAMS):
                self.store.set_older_aside(records.PARAMS)
        elif taken == records.REFUSED:
            self.store.lose(records.PARAMS)
            self.bits |= self._lost_params

    def restore(self, loop: Loop) -> None:
        """Give the loop its counters and stored faults back; the odometer only ever grows."""
        counters = self.counters
        if self._read(_ODOMETER) and not counters.unpack(self.store.payload):
            self._lose(_ODOMETER)
        kept = self.boot.counters
        if kept is not None and kept.operating_s >= counters.operating_s:
            # RTC memory is at most a second old, flash as old as the last stop.
            kept.odometer_m = max(kept.odometer_m, counters.odometer_m)
            self.counters = counters = kept
        self._saved_odometer_m = counters.odometer_m
        is_charge_lost = self._restore_charge(loop)
        energy = loop.energy
        if counters.operating_s or counters.odometer_m:
            odometer_m = max(counters.odometer_m, energy.odometer_m)
            is_unknown = counters.uncertainty_permille >= _UNKNOWN_PERMILLE
            # What is left in a pack that was just put in nobody has counted.
            if not is_unknown and not loop.charge.session.is_unconfirmed:
                energy.restore(counters.left_mah, counters.uncertainty_permille, odometer_m)
            energy.odometer_m = odometer_m
            if counters.consumption_wh_km:
                energy.consumption_wh_km = counters.consumption_wh_km
            if -_TRIP_MWH_MOST < counters.trip_mwh < _TRIP_MWH_MOST:
                energy.trip_m = counters.trip_m
                energy.trip_mwh = counters.trip_mwh
            else:
                counters.trip_mwh = 0
        loop.operating_s = counters.operating_s
        self._restore_vault()
        self._restore_faults(loop)
        if is_charge_lost:
            charge_record.assume(loop.charge, loop.faults.stored[SYSTEM])
        loop.system_bits |= self.bits | self._ending_bit()
        self.boot.keep(boot_record.RUNNING, counters, loop.faults.stored)

    def _restore_charge(self, loop: Loop) -> bool:
        """Go on with the charge, and with what it had counted if nothing newer is known.

        Returns whether its record is lost, now or before and not written since.
        """
        moment = Moment()
        if not self._read(_CHARGE):
            return self.store.has_lost(charge_record.NAME)
        if not charge_record.unpack(self.store.payload, loop.charge.session, moment):
            self._lose(_CHARGE)
            return True
        charge_record.take_zero(loop.charge)
        counters = self.counters
        if moment.operating_s >= counters.operating_s:
            counters.operating_s = moment.operating_s
            counters.left_mah = moment.left_mah
            counters.uncertainty_permille = moment.uncertainty_permille
        return False

    def _restore_vault(self) -> None:
        """Know vehicle, keys and seal again; a loss gives nobody more rights."""
        for which in range(len(vault.NAMES)):
            if self._read(_VAULT + which):
                if not self.vault.unpack(which, self.store.payload):
                    self._lose(_VAULT + which)
                    self.vault.lose(which)
            elif self.store.has_lost(vault.NAMES[which]):
                self.vault.lose(which)
        if self._params is not None and self.vault.start(self._params, self.counters):
            self._due[_VAULT + vault.CHANGES] = _COPIES

    def _ending_bit(self) -> int:
        """Return the fault that the end of the last run was, as a SYSTEM bit, or 0."""
        ending = self.boot.ending
        if ending == boot_record.HUNG:
            return system_bit("reset_by_watchdog")
        if ending == boot_record.CRASHED:
            return system_bit("reset_by_exception")
        if ending == boot_record.POWER_LOST or ending == boot_record.RESET:
            return system_bit("supply_lost")
        return 0

    def _restore_faults(self, loop: Loop) -> None:
        if self._read(_FAULTS) and not self.faults.restore(
            loop, self.store.payload, self.store.version
        ):
            self._lose(_FAULTS)
        self.faults.recall(loop, self.boot.stored, self.counters.key_cycles)

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
            self.boot.state = boot_record.RUNNING
            self._write_now(_BOOT)

    def save_params(self) -> None:
        """Have the parameters written at the next chance; they are the person's own now."""
        if self._params is not None and self.vault.note(self._params, self.counters):
            self._due[_VAULT + vault.CHANGES] = _COPIES
        self._due[_PARAMS] = _COPIES

    def confirm(self) -> None:
        """A person has cleared the faults: losses are known, and what is in use is written."""
        if self.bits & self._lost_params:
            self.save_params()
        self.bits &= ~(self._lost_params | self._lost_records)
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

    def is_busy(self) -> bool:
        """Return whether anything waits to be written."""
        return self._writing >= 0 or any(self._due)

    def step(self, loop: Loop, is_parked: bool, passed_ms: int) -> bool:
        """One slice, passed_ms after the last; True when it touched flash, which stalls."""
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
        loop.saving = self._saver.holds(loop.charge, self._due[_CHARGE] > 0) or (
            self._key_off_ms < _HOLD_MS and self._is_ending and self.is_busy()
        )
        if not self.is_busy():
            return False
        rolls_out = not loop.out.contactor and self._key_off_ms >= _KEY_OFF_MS
        if is_parked or (self._is_ending and rolls_out):
            self._write_a_piece(loop)
            return True
        return False

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
            self._writing = self._due.index(most)
            self._begin(self._writing, loop)
            return
        status = self.store.step()
        if status == store.BUSY:
            return
        self._end(self._writing, status == store.OK)
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
        elif which == _BOOT:
            self.boot.state_in_flash = self.boot.state

    def _write_now(self, which: int, payload: "bytes | bytearray | None" = None) -> bool:
        if payload is None:
            payload = self._pack(which)
        status = self.store.write(_NAMES[which], _VERSIONS[which], payload)
        self._end(which, status == store.OK)
        return status == store.OK

    def _read(self, which: int) -> bool:
        status = self.store.read(_NAMES[which], _VERSIONS[which])
        if status != store.OK and status != store.MISSING:
            self.bits |= self._lost_records
        return status == store.OK

    def _lose(self, which: int) -> None:
        self.store.lose(_NAMES[which])
        self.bits |= self._lost_records

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
