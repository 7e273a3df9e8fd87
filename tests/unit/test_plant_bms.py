"""The simulated BMS: contacts with hysteresis on a wire that the firmware reads, and cell data."""

from dataclasses import dataclass

import pytest

from sim.controller import board_scaling, load_board
from sim.plant.battery import make_battery
from sim.plant.bms import (
    CELL_LIMITS,
    NOTHING_MV,
    CellBms,
    ContactBms,
    cell_range_v,
    make_bms,
)
from sim.vehicle import load_vehicle
from vcu.charge.bms import CellData
from vcu.preset import Preset
from vcu.sense import Sense
from vcu.signals import SLOW_BMS_CONTACTS, Raw, Signals

LFP = CELL_LIMITS["lfp"]


@dataclass
class Cells:
    """A pack whose cells are set by hand."""

    cell_min_v: float = 3.3
    cell_max_v: float = 3.3
    voltage_v: float = 79.2
    temperature_c: float = 12.34
    soc: float = 0.5

    def step(self, current_a: float, dt_s: float, ambient_c: float) -> None:
        pass


def read_by_firmware(contacts_mv: int) -> int:
    vehicle = load_vehicle("four_wheel_72v_lfp")
    sense = Sense(board_scaling(load_board("esp32_s3")), Preset(vehicle.values))
    raw, sig = Raw(), Signals()
    raw.slow_index, raw.slow_counts = SLOW_BMS_CONTACTS, contacts_mv
    for _ in range(4):
        sense.step(raw, sig, 10)
    return sig.bms_bits


@pytest.mark.parametrize("is_high", [False, True])
@pytest.mark.parametrize("is_low", [False, True])
@pytest.mark.parametrize("wire", ["whole", "open", "shorted"])
def test_the_firmware_reads_from_the_wire_what_the_contacts_say(
    wire: str, is_low: bool, is_high: bool
) -> None:
    bms = ContactBms("lfp", 24)
    bms.is_open, bms.is_shorted = wire == "open", wire == "shorted"
    bms.step(Cells(2.4 if is_low else 3.3, 3.7 if is_high else 3.3), 0.0, 1.0)
    expected = (0 if is_high else 1) + (0 if is_low else 2)
    if wire != "whole":
        expected = 0 if wire == "open" else -1
    assert bms.bits == expected == read_by_firmware(bms.contacts_mv)


def test_a_contact_opens_at_the_hard_voltage_and_closes_well_inside() -> None:
    bms, cells = ContactBms("lfp", 24), Cells()

    def bits(low_v: float, high_v: float) -> int:
        cells.cell_min_v, cells.cell_max_v = low_v, high_v
        bms.step(cells, 0.0, 1.0)
        return bms.bits

    assert bits(3.3, LFP.high_v - 0.001) == 3
    assert bits(3.3, LFP.high_v) == 2
    assert bits(3.3, LFP.high_again_v) == 2
    assert bits(3.3, LFP.high_again_v - 0.001) == 3
    assert bits(LFP.low_v + 0.001, 3.3) == 3
    assert bits(LFP.low_v, 3.3) == 1
    assert bits(LFP.low_again_v, 3.3) == 1
    assert bits(LFP.low_again_v + 0.001, 3.3) == 3


def test_it_looks_once_a_second_and_a_stuck_one_never() -> None:
    bms, cells = ContactBms("lfp", 24), Cells()
    bms.step(cells, 0.0, 0.1)
    cells.cell_max_v = 3.7
    for _ in range(9):
        bms.step(cells, 0.0, 0.1)
        assert bms.bits == 3
    bms.step(cells, 0.0, 0.11)
    assert bms.bits == 2
    cells.cell_max_v, bms.is_stuck = 3.3, True
    for _ in range(5):
        bms.step(cells, 0.0, 1.0)
    assert bms.bits == 2


def test_cell_data_are_what_the_cells_are_and_fresh_once_a_second() -> None:
    bms, data = CellBms("lfp", 24, 60.0), CellData()
    bms.fill(data)
    assert not data.fresh
    bms.step(Cells(3.2501, 3.3499), 0.0, 1.0)
    bms.fill(data)
    assert data.fresh
    assert (data.cells, data.lowest_mv, data.highest_mv) == (24, 3250, 3350)
    assert (data.coldest_ddegc, data.hottest_ddegc) == (123, 123)
    assert (data.charge_permitted, data.discharge_permitted) == (1, 1)
    assert data.charge_limit_ma == 60000
    data.fresh = False
    bms.step(Cells(), 0.0, 0.5)
    bms.fill(data)
    assert not data.fresh
    bms.step(Cells(3.3, 3.66), 0.0, 0.5)
    bms.fill(data)
    assert data.fresh and (data.charge_permitted, data.charge_limit_ma) == (0, 0)
    assert bms.contacts_mv == NOTHING_MV and bms.bits == 0


def test_a_silent_bms_says_nothing_and_a_stuck_one_the_same_again() -> None:
    bms, data = CellBms("lfp", 24), CellData()
    bms.step(Cells(3.2, 3.3), 0.0, 1.0)
    bms.is_silent = True
    bms.fill(data)
    assert not data.fresh
    bms.is_silent, bms.is_stuck = False, True
    bms.step(Cells(3.2, 3.7), 0.0, 1.0)
    bms.fill(data)
    assert data.fresh and (data.highest_mv, data.charge_permitted) == (3300, 1)


def test_the_cells_of_a_pack_that_does_not_tell_are_its_mean() -> None:
    lithium = make_battery("lfp", 24, 100.0, 0.5)
    low_v, high_v = cell_range_v(lithium, 24)
    assert 3.2 < low_v < lithium.voltage_v / 24 < high_v < 3.4

    @dataclass
    class Plain:
        voltage_v: float = 60.0
        temperature_c: float = 25.0
        soc: float = 0.5

        def step(self, current_a: float, dt_s: float, ambient_c: float) -> None:
            pass

    assert cell_range_v(Plain(), 30) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("bms_kind", "kind", "made"),
    [(0, "lfp", None), (1, "lfp", ContactBms), (2, "nmc", CellBms), (1, "agm", None)],
)
def test_what_is_fitted_is_what_the_parameter_says(
    bms_kind: int, kind: str, made: type | None
) -> None:
    bms = make_bms(bms_kind, kind, 20)
    assert bms is None if made is None else isinstance(bms, made)
