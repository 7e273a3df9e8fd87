"""The guided swap of the pack: what changes with it, what it needs, and that no cut halves it."""

import errno

import pytest

from service.pack_swap import GUIDED, parameters_of
from service.services import NullSerial, Services
from service.value_verbs import unit_of
from sim.vehicle import load_vehicle, vehicle_names
from tests.unit import cars, runs
from tests.unit.terminals import Terminal
from vcu.charge.command import NO_CHARGER, RELAY, SETPOINT
from vcu.charge.profiles import Profile
from vcu.chemistry import AGM, FLOODED, LFP, NAMES
from vcu.params import OK, TABLE, Params, row_index
from vcu.preset import Preset

AGM_60V = {"chemistry": AGM, "cell_count": 30, "charger_kind": SETPOINT, "discharge_max_da": 1200}
LINE = "pack lfp 20 120 bms contacts"
CUTS = 60


class PowerCut(BaseException):
    """The supply goes in the middle of a file operation."""


class CutFiles(runs.CountingFiles):
    """Cuts the power at one change of flash."""

    cut_at = 10**9
    refused = "none"

    def _change(self):
        super()._change()
        if self.changes > self.cut_at:
            raise PowerCut

    def open(self, path, mode):
        if mode == "wb" and self.refused in path:
            raise OSError(errno.EIO, "worn")
        return super().open(path, mode)


class Bench(Terminal):
    """A parked car with its services and records, started from what flash has."""

    def __init__(self, board, values):
        run = board.start(runs.PWRON, values)
        driver = cars.Driver(run.params)
        super().__init__(driver)
        driver.loop.charge.session.__dict__.update(run.loop.charge.session.__dict__)
        driver.loop.energy.__dict__.update(run.loop.energy.__dict__)
        self.run = run
        self.loop = driver.loop
        self.params = self.desk.params = run.params
        self.services = Services(self.loop, self.desk, self.console, run.keeper, NullSerial())
        driver.tick(250)

    def main(self):
        self.services.step(10)

    @property
    def pack(self):
        get = self.params.get
        return NAMES[get("chemistry")], get("cell_count"), get("capacity_mah")


@pytest.fixture
def board(tmp_path):
    board = runs.Board(tmp_path)
    board.files = CutFiles()
    return board


@pytest.fixture
def bench(board):
    return Bench(board, AGM_60V)


OLD = ("agm", 30, 100000)
NEW = ("lfp", 20, 120000)


def swapped(bench):
    assert bench.ask(LINE)[-1] == "ok"
    return bench.ask("pack confirm")


# What belongs to a pack


@pytest.mark.parametrize("kind", range(5), ids=NAMES)
@pytest.mark.parametrize("vehicle", vehicle_names())
def test_every_value_of_a_usual_pack_is_in_range_and_breaks_no_rule(vehicle, kind):
    for cells in (16, 20, 23) if kind >= LFP else (24, 30, 36):
        for capacity_mah in (40000, 100000, 300000):
            params = Preset(load_vehicle(vehicle).values)
            for name, value in parameters_of(params, kind, cells, capacity_mah, 1):
                assert params.set(name, value) == OK, (name, value)
            assert params.broken_rules() == []


def test_a_pack_takes_what_its_profile_charges_it_with():
    for kind in range(5):
        params = cars.make_params(chemistry=kind)
        values = dict(parameters_of(params, kind, 24, 100000, 1))
        assert values["charge_max_da"] * 100 >= Profile(params).ma("bulk")


def test_the_discharge_current_falls_with_the_pack_and_never_rises():
    params = cars.make_params(**AGM_60V)
    assert dict(parameters_of(params, LFP, 20, 100000, 1))["discharge_max_da"] == 1000
    assert dict(parameters_of(params, LFP, 20, 300000, 1))["discharge_max_da"] == 1200
    assert dict(parameters_of(params, FLOODED, 30, 100000, 0))["discharge_max_da"] == 700


def test_resistance_rises_with_the_cells_and_falls_with_the_capacity():
    def mohm(cells, capacity_mah):
        swap = parameters_of(Params(), AGM, cells, capacity_mah, 0)
        return dict(swap)["pack_resistance_mohm"]

    assert mohm(30, 100000) == 60  # the preset's
    assert mohm(15, 100000) == 32
    assert mohm(30, 200000) == 32


@pytest.mark.parametrize(
    ("kind", "cells", "charger", "after"),
    [
        (AGM, 30, RELAY, RELAY),
        (AGM, 24, RELAY, NO_CHARGER),
        (LFP, 30, RELAY, NO_CHARGER),
        (LFP, 20, SETPOINT, SETPOINT),
    ],
)
def test_a_charger_with_the_old_packs_curve_is_switched_off(kind, cells, charger, after):
    params = cars.make_params(**(AGM_60V | {"charger_kind": charger}))
    assert dict(parameters_of(params, kind, cells, 100000, 1))["charger_kind"] == after


# What the console says of it


def test_pack_shows_the_pack_and_what_it_may_give_and_take(bench):
    lines = bench.ask("pack")
    assert lines[0] == "agm, 30 cells, 100.0 Ah, bms none, charger setpoint"
    assert lines[1] == "full 76.50 V at most, gives 120.0 A, takes 10.0 A"
    assert lines[2:] == ["ok"]


def test_an_offer_shows_every_value_that_will_change_and_changes_none(bench):
    before = bench.params.values()
    lines = bench.ask(LINE)
    swap = parameters_of(bench.params, LFP, 20, 120000, 1)
    for i, (name, value) in enumerate(swap):
        unit = unit_of(TABLE[row_index(name)])
        new = " stays" if value == before[name] else f" -> {value}"
        assert lines[i] == f"{name} {before[name]}{new}{unit}"
    assert "full 76.50 -> 73.00 V at most: motor controller" in lines[len(swap)]
    assert "`pack confirm` within 60 s" in lines[-2]
    assert bench.params.values() == before
    assert not bench.loop.charge.session.is_unconfirmed


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pack lead 30 100", "err 12 bad-argument: no such kind; nothing changed; there are: "),
        ("pack agm x 100", "err 12 bad-argument: cells and Ah are whole numbers"),
        ("pack agm 30 9.5", "err 12 bad-argument: cells and Ah are whole numbers"),
        ("pack agm 30 100 bms maybe", "err 12 bad-argument: cells and Ah are whole numbers"),
        ("pack agm 30", "err 12 bad-argument: no such pack; nothing changed; use: pack "),
        ("pack agm 41 100", "err 31 out-of-range: cell_count 41 is outside 8..40"),
        ("pack agm 7 100", "err 31 out-of-range: cell_count 7 is outside 8..40"),
        ("pack agm 30 9", "err 31 out-of-range: capacity_mah 9000 is outside 10000..300000"),
        ("pack agm 40 10", "err 31 out-of-range: pack_resistance_mohm 745 is outside 5..500"),
        ("pack nmc 24 100 bms cells", "err 31 out-of-range: rule pack_range broken"),
        ("pack lfp 20 100", "err 12 bad-argument: lithium is never charged without a BMS"),
    ],
)
def test_a_pack_that_cannot_be_is_refused_whole_and_cannot_be_confirmed(bench, line, said):
    bench.ask(LINE)
    assert bench.ask(line)[-1].startswith(said)
    assert bench.ask("pack confirm")[0].startswith("err 22 not-now: no pack was offered")
    assert bench.pack == OLD


def test_unsaved_edits_are_not_swept_along(bench):
    bench.ask("set speed_cap_kmh 45")
    assert "edits are not saved; nothing changed; `save` or `reboot` first" in bench.ask(LINE)[0]


@pytest.mark.parametrize("name", GUIDED)
def test_what_belongs_to_the_pack_cannot_be_set_alone(bench, name):
    before = bench.params.get(name)
    assert "; nothing changed; use pack" in bench.ask(f"set {name} {TABLE[row_index(name)][3]}")[0]
    assert bench.params.get(name) == before and not bench.desk.is_edited


# Confirming


@pytest.mark.parametrize(("seconds", "taken"), [(60, True), (61, False)])
def test_an_offer_stands_for_60_s(bench, seconds, taken):
    bench.ask(LINE)
    bench.loop.operating_s += seconds
    assert (bench.ask("pack confirm")[-1] == "ok") == taken
    assert bench.pack == (NEW if taken else OLD)


def test_a_confirmation_without_an_offer_does_nothing(bench):
    assert bench.ask("pack confirm")[0].startswith("err 22 not-now: no pack was offered")
    assert bench.pack == OLD


def test_a_confirmation_counts_once(bench):
    swapped(bench)
    assert bench.ask("pack confirm")[0].startswith("err ")


def test_a_plugged_in_car_is_not_swapped(bench):
    bench.driver.plug = 1
    bench.driver.tick(100)
    bench.ask(LINE)
    assert "plugged in; nothing changed; unplug" in bench.ask("pack confirm")[0]
    assert bench.pack == OLD and not bench.loop.charge.session.is_unconfirmed


def test_a_car_that_may_drive_is_not_swapped(board):
    bench = Bench(board, AGM_60V)
    bench.driver.engage()
    bench.ask(LINE)
    assert bench.ask("pack confirm")[0].startswith("err 22 not-now: not parked (")
    assert bench.pack == OLD


def test_a_confirmed_swap_is_written_and_restarts_the_board(board, bench):
    bench.loop.charge.session.target_permille = 800
    bench.loop.charge.session.rested_cv = 6400
    assert swapped(bench)[0] == "swapped; it restarts now; plug in for the check"
    bench.settle()
    assert bench.services.wants_reset
    board.cut_power()
    again = Bench(board, AGM_60V)
    assert again.pack == NEW
    session = again.loop.charge.session
    assert session.is_unconfirmed and session.rested_cv == session.target_permille == 0
    assert "not confirmed: no drive, no charge until the check at the plug agrees" in (
        again.ask("pack")
    )


def test_after_a_swap_the_car_neither_drives_nor_knows_its_charge(board, bench):
    bench.loop.energy.restore(99000, 20, 5000)
    swapped(bench)
    bench.settle()
    again = Bench(board, AGM_60V)
    driver = again.driver
    assert again.loop.energy.soc_uncertainty_permille >= 150
    driver.key = 1
    driver.tick(500)
    assert "pack_unconfirmed" in driver.active
    assert "fault_stops_the_car" in driver.reasons
    assert not driver.out.contactor and not driver.out.enable


def test_between_confirmation_and_restart_no_check_agrees_by_the_old_parameters(bench):
    bench.ask(LINE)
    for byte in b"pack confirm\r":
        bench.console.feed(byte)
    for _ in range(40):
        bench.main()
        if bench.loop.charge.session.is_unconfirmed:
            break
    bench.driver.plug = 1
    bench.driver.tick(8000)
    assert bench.loop.charge.session.is_unconfirmed
    assert not bench.loop.charge.enable


def test_a_full_flash_leaves_the_old_pack_in_use_and_says_so(bench):
    bench.run.files.full = True
    before = bench.params.values()
    answer = swapped(bench)
    assert answer[-1].startswith("err 72 flash-error: flash refused it; no drive, no charge until")
    assert bench.params.values() == before
    bench.settle()
    assert not bench.services.wants_reset and bench.services.failure == ""


def test_a_session_that_cannot_be_written_stops_the_swap_though_other_records_can(board, bench):
    bench.run.files.refused = "charge"
    bench.ask(LINE)
    bench.run.keeper.save_all()
    for byte in b"pack confirm\r":
        bench.console.feed(byte)
    assert "err 72 flash-error: " in bench.settle(800)
    assert bench.pack == OLD
    assert Bench(board, AGM_60V).pack == OLD


def test_a_flash_that_fills_between_the_records_leaves_the_old_pack_to_be_checked(board, bench):
    bench.ask(LINE)
    for byte in b"pack confirm\r":
        bench.console.feed(byte)
    while bench.pack == OLD:
        bench.main()
    bench.run.files.full = True
    assert "err 72 flash-error: " in bench.settle(800)
    assert bench.pack == OLD
    bench.run.files.full = False
    again = Bench(board, AGM_60V)
    assert again.pack == OLD and again.loop.charge.session.is_unconfirmed


def test_a_power_cut_at_any_change_of_flash_leaves_one_whole_pack_and_never_a_trusted_new_one(
    tmp_path,
):
    seen = set()
    for cut_at in range(CUTS):
        folder = tmp_path / str(cut_at)
        folder.mkdir()
        board = runs.Board(folder)
        board.files = CutFiles()
        bench = Bench(board, AGM_60V)
        bench.ask(LINE)
        board.files.cut_at = board.files.changes + cut_at
        try:
            swapped(bench)
            bench.settle()
        except PowerCut:
            pass
        else:
            assert bench.services.wants_reset
        board.files.cut_at = 10**9
        board.cut_power()
        again = Bench(board, AGM_60V)
        values = again.params.values()
        old = cars.make_params(**AGM_60V)
        new = dict(parameters_of(old, LFP, 20, 120000, 1))
        whole = old.values() if again.pack == OLD else old.values() | new
        assert values == whole, cut_at
        unconfirmed = bool(again.loop.charge.session.is_unconfirmed)
        assert unconfirmed or again.pack == OLD, cut_at
        seen.add((again.pack == NEW, unconfirmed))
        if bench.services.wants_reset:
            break
    assert seen == {(False, False), (False, True), (True, True)}
