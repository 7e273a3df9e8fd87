"""Recall: decides what is read back at the start, and what a record that is lost is taken for.

Hazard: a car that drives with defaults for its parameters, or with a pack that nobody
has counted. Rule: what cannot be read sets a bit that stops the car until a person
confirms, and gives nobody more than the record would have.
"""

from micropython import const

from service import boot_record, charge_record, fault_record, records, vault
from service.boot_record import BootRecord
from service.charge_record import Moment
from service.fault_keeper import FaultKeeper
from service.records import Counters
from service.store import MISSING, OK, Store
from service.vault import Vault
from vcu.faults import SYSTEM, TABLE
from vcu.loop import Loop
from vcu.params import Params

# A charge left that is as uncertain as this was never known.
_UNKNOWN_PERMILLE = const(1000)
# A trip begins anew before its energy leaves the range of the loop's integers.
_TRIP_MWH_MOST = const(1 << 28)


def system_bit(name: str) -> int:
    """Return the bit of a row in the SYSTEM word; KeyError where there is none."""
    rows = TABLE[SYSTEM]
    for i in range(len(rows)):
        if rows[i][1] == name:
            return 1 << i
    raise KeyError(name)


class Recall:
    """Reads each record once, into what it is given; each call returns SYSTEM bits of losses.

    own_bits are all that it may return. is_other_preset: the parameters were made over
    other vehicle data, and were not taken. is_other_pack: the pack that is told now is not
    the one that flash has the charge of, which is not written as forgotten yet. told is its
    chemistry and cell count. saved_odometer_m is what flash and RTC memory had.
    """

    def __init__(
        self, store: Store, boot: BootRecord, counters: Counters, faults: FaultKeeper, held: Vault
    ) -> None:
        self._store = store
        self._boot = boot
        self._counters = counters
        self._faults = faults
        self._vault = held
        self._bits = 0
        self.lost_params = system_bit("parameters_lost")
        self._lost_records = system_bit("records_lost")
        self.own_bits: int = self.lost_params | self._lost_records
        self.is_other_preset = False
        self.is_other_pack = False
        self.told = (0, 0)
        self.saved_odometer_m = 0

    def boot_record(self, reset_cause: int) -> int:
        """Find out how the last run ended."""
        payload = b""
        if self._read(records.BOOT, boot_record.VERSION):
            payload = self._store.payload
        self._boot.judge(reset_cause, payload)
        return self._bits

    def params(self, params: Params, mark: int) -> int:
        """Put the stored values over the vehicle's; when they are lost, nobody drives."""
        kept = self._store
        self._vault.preset.take(params)
        status = kept.read(records.PARAMS, records.PARAMS_VERSION)
        if status == MISSING:
            # Lost at an earlier start, and no person has looked at it since; or gone without a
            # trace, with the directories that it was in.
            is_lost = kept.has_lost(records.PARAMS) or self._boot.has_params
            return self.lost_params if is_lost else 0
        if status != OK:
            return self.lost_params
        self._boot.has_params = True
        taken = records.unpack_params(kept.payload, params, mark)
        self.is_other_preset = taken == records.OTHER_PRESET
        if taken == records.REFUSED:
            kept.lose(records.PARAMS)
            return self.lost_params
        return 0

    def all_else(self, loop: Loop) -> int:
        """Give the loop its counters, charge and stored faults back; the odometer only grows."""
        self._read_counters()
        is_charge_lost = self._read_charge(loop)
        self._look_at_pack(loop)
        if self.is_other_pack:
            # As after the guided swap: nothing that was counted is this pack's.
            loop.charge.session.forget()
        self._give_counters(loop)
        self._read_vault()
        self._read_faults(loop)
        if is_charge_lost:
            charge_record.assume(loop.charge, loop.faults.stored[SYSTEM])
            if self.is_other_pack:
                loop.charge.session.forget()
        # A loss that no person has looked at: what was written since hides it.
        return self._bits | loop.faults.stored[SYSTEM] & self.own_bits

    def _look_at_pack(self, loop: Loop) -> None:
        """Compare the pack that was told with the one that the last run was told."""
        boot = self._boot
        profile = loop.charge.profile
        self.told = (profile.kind, profile.cells)
        if not boot.told[1]:
            boot.told = self.told
        self.is_other_pack = boot.told != self.told

    def _read_counters(self) -> None:
        counters = self._counters
        if self._read(records.ODOMETER, records.ODOMETER_VERSION) and not counters.unpack(
            self._store.payload
        ):
            self._lose(records.ODOMETER)
        kept = self._boot.counters
        if kept is not None and kept.operating_s >= counters.operating_s:
            # RTC memory is at most a second old, flash as old as the last stop.
            kept.odometer_m = max(kept.odometer_m, counters.odometer_m)
            counters.take(kept)
        self.saved_odometer_m = counters.odometer_m

    def _give_counters(self, loop: Loop) -> None:
        counters = self._counters
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

    def _read_charge(self, loop: Loop) -> bool:
        """Go on with the charge, and with what it had counted if nothing newer is known.

        Returns whether its record is lost, now or before and not written since.
        """
        moment = Moment()
        if not self._read(charge_record.NAME, charge_record.VERSION):
            return self._store.has_lost(charge_record.NAME)
        if not charge_record.unpack(self._store.payload, loop.charge.session, moment):
            self._lose(charge_record.NAME)
            return True
        charge_record.take_zero(loop.charge)
        counters = self._counters
        if moment.operating_s >= counters.operating_s:
            counters.operating_s = moment.operating_s
            counters.left_mah = moment.left_mah
            counters.uncertainty_permille = moment.uncertainty_permille
        return False

    def _read_vault(self) -> None:
        """Know vehicle, keys and seal again; a loss gives nobody more rights."""
        for which in range(len(vault.NAMES)):
            name = vault.NAMES[which]
            if self._read(name, vault.VERSIONS[which]):
                if not self._vault.unpack(which, self._store.payload):
                    self._lose(name)
                    self._vault.lose(which)
            elif self._store.has_lost(name):
                self._vault.lose(which)

    def _read_faults(self, loop: Loop) -> None:
        faults = self._faults
        if self._read(fault_record.NAME, fault_record.VERSION) and not faults.restore(
            loop, self._store.payload, self._store.version
        ):
            self._lose(fault_record.NAME)
        faults.recall(loop, self._boot.stored, self._counters.key_cycles)

    def ending_bit(self) -> int:
        """Return the fault that the end of the last run was, as a SYSTEM bit, or 0."""
        ending = self._boot.ending
        if ending == boot_record.HUNG:
            return system_bit("reset_by_watchdog")
        if ending == boot_record.CRASHED:
            return system_bit("reset_by_exception")
        if ending == boot_record.POWER_LOST or ending == boot_record.RESET:
            return system_bit("supply_lost")
        return 0

    def _read(self, name: str, version: int) -> bool:
        status = self._store.read(name, version)
        if status != OK and status != MISSING:
            self._bits |= self._lost_records
        return status == OK

    def _lose(self, name: str) -> None:
        self._store.lose(name)
        self._bits |= self._lost_records
