"""A charge and its keeper: it goes on after a power cut, and no clock of it is turned back."""

import os
from pathlib import Path

import pytest

from service import boot_record, charge_record
from service.charge_record import Moment
from service.keeper import system_bit
from service.record_copy import HEADER_BYTES
from service.records import Counters
from tests.unit.charge_records import AGM, filled_session, packed, values_of
from tests.unit.runs import HARD, Board, CountingFiles
from vcu.charge.backstops import CELL_SHORTED, TIMEOUT
from vcu.charge.phases import ABSORB, BULK, FAULT, FLOAT, OFF
from vcu.charge.session import Session
from vcu.faults import SYSTEM

LOST = system_bit("records_lost")
NOT_WRITTEN = system_bit("records_not_written")
BULK_CV = 6300
FULL_CV = 7260
COUNTS_PER_A = 4
# Writing a copy opens a file and renames it: two operations that change flash.
COPY = 2


class Garage:
    """A parked car with its own flash, and a charger that gives what it is told, up to 15 A."""

    def __init__(self, tmp_path, files=None):
        self.board = Board(tmp_path)
        if files is not None:
            self.board.files = files
        self.cell_cv = BULK_CV
        self.amps = 15
        self.zero_counts = 1500
        self.start()
        self.run.loop.energy.restore(20000, 50, 1)

    def start(self, cause=1):
        self.run = self.board.start(cause, AGM)
        self.run.parked = True
        self.charge = self.run.loop.charge
        self.session = self.charge.session
        return self

    def cut(self):
        """Take the supply away, and give it back."""
        self.board.cut_power()
        return self.start()

    def plug(self, on=1):
        self.run.loop.raw.plug_in = on
        return self

    def wait(self, seconds):
        """Let tenths of a second pass; return the changes to flash, which are two a copy."""
        loop = self.run.loop
        raw, sig, charge = loop.raw, loop.sig, self.charge
        sig.battery_temp_valid = 1
        sig.battery_ddegc = 250
        sig.pack_valid = 1
        before = self.board.files.changes
        for tenth in range(round(seconds * 10)):
            amps = min(self.amps, charge.command.set_ma // 1000) if charge.enable else 0
            sig.pack_cv = self.cell_cv
            sig.pack_da = -amps * 10
            raw.pack_v_counts = self.cell_cv * 1000 // 3200
            raw.pack_a_counts = self.zero_counts - amps * COUNTS_PER_A
            charge.allowed = raw.plug_in != 0
            loop.energy.step(sig, 0, 100)
            charge.step(raw, 100)
            self.run.slices(100)
            if tenth % 10 == 9:
                loop.operating_s += 1
        return self.board.files.changes - before

    def wait_for(self, happened, most_s=120):
        """Wait until it has happened, a tenth of a second at a time."""
        for _ in range(most_s * 10):
            if happened():
                return self
            self.wait(0.1)
        raise AssertionError("it has not happened")

    def bulk(self):
        return self.plug().wait_for(lambda: self.charge.phase == BULK)

    def absorb(self):
        self.bulk().wait(100)
        self.cell_cv = FULL_CV
        self.session.in_mah = self.session.missing_mah * 21 // 20
        return self.wait_for(lambda: self.charge.phase == ABSORB)

    def kept(self):
        """Return the session as the newest copy has it, without what may be lost since."""
        assert self.run.keeper.store.read("charge", 1) == 0
        payload = bytearray(self.run.keeper.store.payload)
        payload[10:12] = b"\0\0"
        session, moment = Session(), Moment()
        assert charge_record.unpack(payload, session, moment)
        return session, moment


@pytest.fixture
def garage(tmp_path):
    return Garage(tmp_path)


@pytest.mark.parametrize("seconds", [61, 100, 119, 179])
def test_a_power_cut_in_a_charge_turns_no_clock_back(garage, seconds):
    garage.bulk().wait(seconds)
    before = values_of(garage.session)
    left_mah = garage.run.loop.energy.left_mah
    after = values_of(garage.cut().session)
    assert after["phase"] == BULK
    for name in ("total_s", "phase_s", "bulk_s"):
        assert before[name] <= after[name] <= before[name] + 61, name
    assert before["in_mah"] <= after["in_mah"] <= before["in_mah"] + 255
    assert left_mah - 255 <= garage.run.loop.energy.left_mah <= left_mah
    garage.bulk()
    assert garage.session.number == before["number"]
    assert garage.session.limit_mah == before["limit_mah"]


def test_cuts_faster_than_any_write_still_use_up_the_time_of_the_charge(garage):
    true_s = 0
    for _ in range(30):
        garage.bulk()
        for _ in range(20):
            garage.wait(1)
            true_s += garage.charge.enable
        garage.cut()
    assert true_s > 500
    assert garage.session.total_s >= true_s
    assert garage.session.in_mah >= true_s * 15000 // 3600


def test_absorption_goes_on_where_it_was(garage):
    garage.absorb().wait(600)
    absorbed_s = garage.session.absorb_s
    assert absorbed_s > 500
    garage.cut()
    assert absorbed_s <= garage.session.absorb_s <= absorbed_s + 61
    garage.cell_cv = BULK_CV
    garage.bulk()
    assert garage.session.absorb_s >= absorbed_s


def test_a_full_pack_stays_full_and_its_charge_is_known(garage):
    garage.absorb().amps = 1
    garage.wait_for(lambda: garage.charge.phase == FLOAT, 6000)
    garage.wait(0.5)
    garage.cut()
    assert garage.session.is_full
    assert garage.run.loop.energy.left_mah == 100000
    assert garage.run.loop.energy.soc_uncertainty_permille == 20
    garage.plug().wait(70)
    assert garage.charge.phase == FLOAT and not garage.charge.enable


def test_a_latched_fault_is_written_at_once_and_survives(garage):
    garage.bulk().wait(0.5)  # just written
    garage.charge.trip(CELL_SHORTED)
    assert garage.wait(0.3) >= 2 * COPY
    garage.cut().plug().wait(20)
    assert garage.charge.phase == FAULT and garage.session.faults == CELL_SHORTED
    garage.run.loop.clear_faults()
    garage.wait(0.3)
    assert garage.cut().session.faults == 0


@pytest.mark.parametrize("half_s", [0.2, 0.7, 2.5, 4.0])
def test_however_the_plug_flickers_a_change_is_written_once_in_ten_seconds(garage, half_s):
    garage.bulk()
    changes = 0
    for _ in range(round(100 / half_s)):
        garage.plug(0)
        changes += garage.wait(half_s)
        garage.plug(1)
        changes += garage.wait(half_s)
    assert 0 < changes <= 2 * COPY * 21


def test_while_current_flows_one_copy_a_minute_is_written_in_turns(garage):
    garage.bulk().wait(70)
    before = [Path(path).read_bytes() for path in garage.board.copies("charge")]
    assert garage.wait(60) == COPY
    after = [Path(path).read_bytes() for path in garage.board.copies("charge")]
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    assert garage.wait(300) == 5 * COPY


def test_at_rest_its_clock_is_written_every_ten_minutes_and_unplugged_never(garage):
    garage.absorb().amps = 1
    garage.wait_for(lambda: garage.charge.phase == FLOAT, 6000)
    garage.wait(20)
    assert garage.wait(1200) == 2 * COPY
    garage.plug(0).wait(20)
    assert garage.wait(1200) == 0


def test_a_charge_that_waits_for_a_person_has_nothing_more_to_write(garage):
    garage.bulk()
    garage.charge.trip(TIMEOUT)
    garage.wait(5)
    assert garage.wait(1200) == 0


def test_nothing_is_written_while_the_car_could_move(garage):
    garage.bulk().wait(15)
    garage.run.key(1, False)
    garage.wait(1)
    garage.charge.trip(TIMEOUT)
    garage.plug(0)
    assert garage.wait(100) == 0
    garage.run.parked = True
    assert garage.wait(1) >= 2 * COPY


def test_a_traffic_light_is_no_place_to_make_up_for_it_but_the_key_is(garage):
    garage.run.key(1, True)
    garage.bulk().wait(20)
    garage.board.files.full = True
    garage.plug(0).wait(4)
    garage.board.files.full = False
    garage.run.key(1, False)
    garage.wait(100)
    garage.run.parked = True
    assert garage.wait(9) == 0
    garage.run.parked = False
    garage.wait(1)
    assert garage.kept()[0].total_s < garage.session.total_s
    garage.run.key_off()
    assert garage.kept()[0].total_s == garage.session.total_s


def test_after_the_plug_is_pulled_the_supply_is_held_until_the_session_is_written(garage):
    garage.bulk().wait(30)
    assert garage.run.loop.saving
    garage.plug(0)
    garage.run.slices(10)
    assert garage.run.loop.saving
    garage.charge.allowed = False
    garage.charge.step(garage.run.loop.raw, 80)
    assert garage.charge.phase == OFF
    for _ in range(300):
        if not garage.run.loop.saving:
            break
        garage.run.slices(10)
    # Both copies are there: rot in one would change nothing.
    copies = {Path(path).read_bytes()[HEADER_BYTES:] for path in garage.board.copies("charge")}
    assert len(copies) == 1
    session, moment = garage.kept()
    assert values_of(session) == values_of(garage.session)
    assert moment.left_mah == garage.run.loop.energy.left_mah
    # In order, and with nothing that may be lost.
    total_s = garage.session.total_s
    assert garage.cut().session.total_s == total_s


def test_the_supply_is_held_for_a_change_that_may_not_be_written_yet(garage):
    garage.bulk().wait(8)  # two seconds before the next change may be written
    garage.plug(0).wait(1)
    assert garage.run.loop.saving
    garage.wait(1.9)
    assert not garage.run.loop.saving
    assert values_of(garage.kept()[0]) == values_of(garage.session)


def test_the_supply_is_held_from_the_moment_the_plug_is_pulled_at_rest_too(garage):
    garage.absorb().amps = 1
    garage.wait_for(lambda: garage.charge.phase == FLOAT, 3000)
    garage.wait(20)
    assert not garage.run.loop.saving
    garage.plug(0)
    garage.run.slices(10)
    assert garage.run.loop.saving


def test_the_supply_is_held_three_seconds_at_most(garage):
    garage.bulk().wait(30)
    garage.run.key(1, False)  # it cannot be written
    garage.plug(0).wait(2.9)
    assert garage.run.loop.saving
    garage.wait(0.2)
    assert not garage.run.loop.saving


def test_an_unplugged_car_and_one_that_rests_do_not_hold_their_supply(garage):
    garage.wait(5)
    assert not garage.run.loop.saving
    garage.bulk()
    garage.charge.trip(TIMEOUT)
    garage.wait(5)
    assert not garage.run.loop.saving


def test_a_lost_record_is_told_and_assumed_until_it_is_written_anew(garage):
    garage.absorb().wait(70)
    garage.plug(0).wait(15)
    garage.board.rot("charge")
    for _ in range(2):  # nothing is written in the first of these starts
        garage.cut()
        assert garage.session.absorb_s == 14400 and garage.session.absorb_limit_s == 28800
    assert garage.run.keeper.store.has_lost("charge")
    garage.wait(0.5)
    assert garage.kept()[0].absorb_s == 14400
    garage.cut()
    assert garage.session.absorb_s == 14400
    assert not garage.run.loop.system_bits & LOST


def test_a_lost_record_is_a_fault_that_a_person_clears(garage):
    garage.bulk().wait(5)
    garage.board.rot("charge")
    assert garage.cut().run.loop.system_bits & LOST


def test_a_record_with_an_impossible_value_is_lost_too(garage):
    payload = bytearray(packed(filled_session()))
    payload[16] = 99
    assert garage.run.keeper.store.write("charge", 1, payload) == 0
    garage.cut()
    assert garage.run.loop.system_bits & LOST
    assert garage.session.absorb_s == 14400
    assert os.listdir(garage.board.root + "/lost") == ["charge.0"]


def test_latched_faults_outlive_their_record(garage):
    garage.bulk().wait(5)
    garage.charge.trip(CELL_SHORTED)
    garage.run.loop.faults.stored[SYSTEM] |= CELL_SHORTED << 12
    garage.run.keeper.save_all()
    garage.wait(1)
    garage.board.rot("charge")
    assert garage.cut().session.faults == CELL_SHORTED


def test_rot_in_the_newest_copy_costs_a_minute_at_most(garage):
    garage.bulk().wait(200)
    total_s = garage.session.total_s
    paths = garage.board.copies("charge")
    newest = max(paths, key=lambda path: Path(path).read_bytes()[8:12])
    data = bytearray(Path(newest).read_bytes())
    data[30] ^= 4
    Path(newest).write_bytes(data)
    garage.cut()
    assert garage.session.total_s >= total_s - 60
    assert not garage.run.loop.system_bits & LOST


@pytest.mark.parametrize(("seconds", "left_mah"), [(99, 41000), (100, 41000), (101, 5000)])
def test_the_newer_of_counters_and_charge_says_what_is_left(garage, seconds, left_mah):
    store = garage.run.keeper.store
    counters = Counters()
    counters.operating_s = seconds
    counters.left_mah = 5000
    counters.uncertainty_permille = 60
    payload = bytearray(Counters.SIZE)
    counters.pack_into(payload, 0)
    assert store.write("odometer", 1, payload) == 0
    assert store.write("charge", 1, packed(Session(), operating_s=100)) == 0
    garage.cut()
    energy = garage.run.loop.energy
    assert energy.left_mah == left_mah
    assert energy.soc_uncertainty_permille == (90 if left_mah == 41000 else 60)
    assert garage.run.loop.operating_s == max(seconds, 100)


def test_what_a_person_clears_with_the_key_on_is_written_at_once(garage):
    garage.bulk()
    garage.charge.trip(CELL_SHORTED)
    garage.plug(0).wait(30)
    garage.run.key(1, False)
    garage.wait(1)
    garage.run.parked = True
    garage.run.loop.clear_faults()
    garage.wait(0.5)
    assert garage.kept()[0].faults == 0


def test_the_zero_of_the_current_sensor_is_known_after_a_cut(garage):
    garage.zero_counts = 1504
    garage.bulk().wait(15)
    garage.cut()
    assert garage.charge.meter.zero_q4 == 1504 << 4


def test_after_a_reset_what_rtc_memory_counted_is_newer_than_the_charge(garage):
    garage.bulk().wait(100)
    left_mah = garage.run.loop.energy.left_mah
    garage.start(HARD)
    assert abs(garage.run.loop.energy.left_mah - left_mah) <= 5
    assert garage.session.total_s >= 100


def test_what_is_left_in_a_swapped_pack_is_not_what_was_left_in_the_old_one(garage):
    garage.bulk().wait(100)
    garage.plug(0).wait(5)
    garage.session.forget()
    garage.run.keeper.save_charge()
    garage.wait(1)
    garage.cut()
    assert garage.session.is_unconfirmed
    assert garage.run.loop.energy.left_mah == 0
    assert garage.run.loop.energy.soc_uncertainty_permille == 1000


def test_a_full_flash_is_told_and_tried_again_in_a_minute_not_in_every_slice(garage):
    refused = []
    real = garage.board.files._change

    def change():
        if garage.board.files.full:
            refused.append(1)
        real()

    garage.board.files._change = change
    garage.bulk()
    garage.board.files.full = True
    garage.wait(100)
    assert garage.run.keeper.bits & NOT_WRITTEN
    assert 1 <= len(refused) <= 3
    garage.board.files.full = False
    garage.wait(61)
    assert not garage.run.keeper.bits & NOT_WRITTEN
    assert garage.kept()[0].total_s > 90


def test_a_latch_is_on_flash_when_the_keeper_says_so_and_not_when_it_was_refused(garage):
    keeper, loop = garage.run.keeper, garage.run.loop
    garage.bulk().wait(5)
    assert keeper.has_charge(loop)
    garage.session.forget()
    assert not keeper.has_charge(loop)
    garage.board.files.full = True
    keeper.save_charge()
    garage.wait(0.5)
    assert not keeper.has_charge(loop)
    garage.board.files.full = False
    keeper.save_charge()
    garage.run.slices(30)
    assert not keeper.has_charge(loop)
    garage.wait(0.5)
    assert keeper.has_charge(loop)
    assert garage.kept()[0].is_unconfirmed


def test_a_run_that_ends_while_charging_keeps_the_charge_and_counts_nothing_as_lost(garage):
    garage.bulk().wait(30)
    total_s = garage.session.total_s
    garage.run.keeper.end(garage.run.loop, boot_record.INTERRUPTED, "", True)
    assert garage.cut().session.total_s == total_s
    garage.wait(1)
    garage.bulk().wait(30)
    before = garage.board.files.changes
    garage.run.keeper.end(garage.run.loop, boot_record.CRASHED, "no", False)
    assert garage.board.files.changes == before


def test_a_car_that_was_never_charged_has_no_record_and_none_is_missed(tmp_path):
    garage = Garage(tmp_path)
    garage.wait(30)
    assert garage.board.copies("charge") == []
    garage.cut()
    assert not garage.run.loop.system_bits & LOST
    assert values_of(garage.session) == values_of(Session())


class CutFiles(CountingFiles):
    """The supply goes at change number `left`: what is being written then is torn."""

    class Torn:
        def __init__(self, file, share):
            self._file = file
            self._share = share

        def write(self, data):
            self._file.write(data[: int(len(data) * self._share)])
            self._file.close()
            raise OSError(5, "cut")

        def close(self):
            self._file.close()

    def __init__(self):
        super().__init__()
        self.left = -1
        self.share = 0.0

    def open(self, path, mode):
        if mode == "wb":
            self.left -= 1
            if self.left < 0 and self.left > -50:
                raise OSError(5, "cut")
            if self.left == 0:
                self.left = -1
                return self.Torn(open(path, mode), self.share)
        return super().open(path, mode)

    def rename(self, old, new):
        self.left -= 1
        if -50 < self.left <= 0:
            self.left = min(self.left, -1)
            raise OSError(5, "cut")
        super().rename(old, new)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("change", range(1, 5))
def test_a_cut_at_any_change_of_a_write_leaves_the_session_old_or_new(tmp_path, change, share):
    files = CutFiles()
    files.left = -100
    garage = Garage(tmp_path, files)
    garage.bulk().wait(90)
    old = garage.kept()[0].total_s
    files.left, files.share = change, share
    garage.charge.trip(TIMEOUT)  # writes both copies: four changes
    garage.wait(0.5)
    assert files.left < 0
    files.left = -100
    garage.cut()
    lost_s = garage.session.total_s - old
    assert garage.session.faults in {0, TIMEOUT}
    assert lost_s >= 0
    assert not garage.run.loop.system_bits & LOST
    # Before the rename it is the old one, after it the new one.
    assert bool(garage.session.faults) == (change > 2)


@pytest.mark.parametrize("other", [{"chemistry": 0}, {"cell_count": 24}])
@pytest.mark.parametrize("cut_after_ms", [0, 10, 50, 5000])
def test_a_vehicle_with_another_pack_that_no_guided_swap_told_is_unconfirmed_until_its_check(
    garage, other, cut_after_ms
):
    """Also where the supply goes while that is being written."""
    garage.bulk().wait(100)
    assert garage.session.number == 1
    told = AGM | other
    for _ in range(3):
        garage.board.cut_power()
        run = garage.board.start(values=told)
        session = run.loop.charge.session
        assert (session.number, session.is_unconfirmed, session.rested_cv) == (0, 1, 0)
        assert run.loop.energy.soc_uncertainty_permille == 1000
        run.parked = True
        run.slices(cut_after_ms)
    run.slices(5000)
    session.is_unconfirmed = 0  # its check has agreed
    session.latch()
    run.slices(5000)
    garage.board.cut_power()
    assert not garage.board.start(values=told).loop.charge.session.is_unconfirmed


def test_a_vehicle_with_the_same_pack_and_other_data_goes_on_with_its_charge(garage):
    garage.bulk().wait(100)
    garage.board.cut_power()
    run = garage.board.start(values=AGM | {"speed_cap_kmh": 40})
    assert run.loop.charge.session.number == 1
    assert not run.loop.charge.session.is_unconfirmed


def test_another_pack_whose_charge_record_is_lost_too_is_unconfirmed(garage):
    garage.bulk().wait(100)
    garage.cut()
    garage.board.rot(charge_record.NAME)
    garage.board.cut_power()
    run = garage.board.start(values=AGM | {"cell_count": 24})
    assert run.loop.charge.session.is_unconfirmed
