"""Keeper: decides what is read back at the start and what is written when, a piece at a time.

Nothing is written while the car could move. Everything is at key-off: counters,
faults, and last that the run ended in order. Parked with the key on, what has
changed is written once a minute, because a power cut takes what was counted
since. Both copies of a record get the same content, the first copies of all
records first, so that rot in one copy does not bring an old value back.
"""

from micropython import const

from service import boot_record, records, store
from service.boot_record import BootRecord
from service.records import Counters, History
from service.store import Store
from vcu.faults import SYSTEM, TABLE, WORD_SHIFT, WORDS
from vcu.loop import Loop
from vcu.params import Params

# The order in which they are written: the boot record last, for it says that the rest is.
_ODOMETER = const(0)
_FAULTS = const(1)
_PARAMS = const(2)
_BOOT = const(3)
_NAMES = (records.ODOMETER, records.FAULTS, records.PARAMS, records.BOOT)
_VERSIONS = (
    records.ODOMETER_VERSION,
    records.FAULTS_VERSION,
    records.PARAMS_VERSION,
    boot_record.VERSION,
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
# A trip begins anew before its energy leaves the range of the loop's integers.
_TRIP_MWH_MOST = const(1 << 28)
_COUNT_MASK = const(0x3FFFFFFF)


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
        self.history = History()
        self.bits = 0
        self.errno = -1
        self._lost_params = system_bit("parameters_lost")
        self._lost_records = system_bit("records_lost")
        self._not_written = system_bit("records_not_written")
        self.own_bits = self._lost_params | self._lost_records | self._not_written
        self._params: "Params | None" = None
        self._mark = 0
        self._due = [0] * len(_NAMES)  # copies that are still to be written
        self._writing = -1
        self._second_ms = 0
        self._pause_ms = 0
        self._still_ms = 0
        self._key_off_ms = _TIME_MAX_MS  # since the key was turned off in this run
        self._was_key_on = False
        self._is_ending = False
        self._faults_changed = False
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
        energy = loop.energy
        if counters.operating_s or counters.odometer_m:
            energy.restore(
                counters.left_mah,
                counters.uncertainty_permille,
                max(counters.odometer_m, energy.odometer_m),
            )
            if counters.consumption_wh_km:
                energy.consumption_wh_km = counters.consumption_wh_km
            if -_TRIP_MWH_MOST < counters.trip_mwh < _TRIP_MWH_MOST:
                energy.trip_m = counters.trip_m
                energy.trip_mwh = counters.trip_mwh
            else:
                counters.trip_mwh = 0
        loop.operating_s = counters.operating_s
        self._restore_faults(loop)
        loop.system_bits |= self.bits | self._ending_bit()
        self.boot.keep(boot_record.RUNNING, counters, loop.faults.stored)

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
        faults = loop.faults
        if self._read(_FAULTS):
            payload = self.store.payload
            taken = records.unpack_faults(payload, faults, loop.recorder, self.history)
            if taken == records.REFUSED:
                self._lose(_FAULTS)
        for word in range(WORDS):
            new = self.boot.stored[word] & ~faults.stored[word] & (1 << len(TABLE[word])) - 1
            for i in range(len(TABLE[word])):
                if new >> i & 1:
                    number = word * WORD_SHIFT + i
                    faults.counts[number] += 1
                    self.history.restore(
                        number, faults.counts[number], loop.operating_s, loop.operating_s
                    )
            faults.stored[word] |= new
            self._faults_changed = self._faults_changed or new != 0

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
        self._due[_PARAMS] = _COPIES

    def confirm(self) -> None:
        """A person has cleared the faults: losses are known, and what is in use is written."""
        if self.bits & self._lost_params:
            self.save_params()
        self.bits &= ~(self._lost_params | self._lost_records)
        self._due[_FAULTS] = _COPIES

    def save_all(self) -> None:
        """Have counters and faults written at the next chance."""
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
        self._watch_key(loop, passed_ms)
        self._still_ms = min(self._still_ms + passed_ms, _TIME_MAX_MS) if is_parked else 0
        if self._still_ms >= _STOP_MS and self._pause_ms <= 0:
            self._want_changes(loop)
        loop.saving = self._key_off_ms < _HOLD_MS and self._is_ending and self.is_busy()
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
        if self.history.look(loop.faults, loop.operating_s):
            self._faults_changed = True
        self.boot.keep(self.boot.state, self.counters, loop.faults.stored)

    def _watch_key(self, loop: Loop, passed_ms: int) -> None:
        key_on = bool(loop.raw.key_on)
        if key_on and not self._was_key_on:
            self.counters.key_cycles = (self.counters.key_cycles + 1) & _COUNT_MASK
            self._is_ending = False
            self.boot.state = boot_record.RUNNING
            if self.boot.state_in_flash != boot_record.RUNNING:
                self._due[_BOOT] = 1
        elif self._was_key_on and not key_on:
            self._is_ending = True
            self._key_off_ms = 0
            self._look(loop)
            self._due[_ODOMETER] = _COPIES
            if self._faults_changed:
                self._due[_FAULTS] = _COPIES
            self._due[_BOOT] = _COPIES
        self._was_key_on = key_on
        if not key_on:
            self._key_off_ms = min(self._key_off_ms + passed_ms, _TIME_MAX_MS)

    def _want_changes(self, loop: Loop) -> None:
        if self._faults_changed:
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
        if which == _ODOMETER:
            self.counters.read(loop.energy, loop.operating_s)
            payload = bytearray(Counters.SIZE)
            self.counters.pack_into(payload, 0)
        elif which == _FAULTS:
            payload = records.pack_faults(loop.faults, loop.recorder, self.history)
            self._faults_changed = False
        else:
            payload = self._pack(which)
        self.store.begin(_NAMES[which], _VERSIONS[which], payload)

    def _pack(self, which: int) -> "bytes | bytearray":
        if which == _PARAMS and self._params is not None:
            return records.pack_params(self._params, self._mark)
        if self._is_ending:
            self.boot.state = boot_record.ENDED
        return self.boot.pack()

    def _end(self, which: int, is_written: bool) -> None:
        """Count a copy as written, or give the record up until the next chance."""
        if not is_written:
            self.bits |= self._not_written
            self._due[which] = 0
            self._faults_changed = self._faults_changed or which == _FAULTS
            self._pause_ms = _PAUSE_MS
            self.errno = self.store.errno
            return
        self.bits &= ~self._not_written
        self.errno = -1
        # One copy of the boot record will do: an older one only tells an older ending.
        self._due[which] = 0 if which == _BOOT else max(self._due[which] - 1, 0)
        if which == _ODOMETER:
            self._saved_odometer_m = self.counters.odometer_m
        elif which == _BOOT:
            self.boot.state_in_flash = self.boot.state

    def _write_now(self, which: int) -> bool:
        status = self.store.write(_NAMES[which], _VERSIONS[which], self._pack(which))
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
