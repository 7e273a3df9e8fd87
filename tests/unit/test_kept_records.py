"""Records of every version so far, as flash has them, are taken by this firmware for ever.

Whoever adds a layout to kept_records.txt adds here what is to be read in it.
"""

import os
import struct
from pathlib import Path

import pytest

from service import (
    access,
    boot_record,
    change_log,
    charge_record,
    fault_record,
    identity,
    record_copy,
    records,
    vault,
)
from service.boot_record import BootRecord, NullMemory
from service.charge_record import Moment
from service.fault_history import History
from service.keeper import system_bit
from service.records import Counters, preset_mark
from service.vault import Vault
from tests.unit.cars import make_scaling
from tests.unit.kept_records import IDS, LINES
from tests.unit.runs import Board
from vcu.charge.session import FIELDS
from vcu.faults import Faults
from vcu.loop import Loop
from vcu.params import Params
from vcu.recorder import Recorder

VERSIONS = {
    records.PARAMS: records.PARAMS_VERSION,
    records.ODOMETER: records.ODOMETER_VERSION,
    records.BOOT: boot_record.VERSION,
    fault_record.NAME: fault_record.VERSION,
    charge_record.NAME: charge_record.VERSION,
    **dict(zip(vault.NAMES, vault.VERSIONS, strict=True)),
}
PRESET = {"speed_cap_kmh": 45}
LOST = system_bit("parameters_lost") | system_bit("records_lost")
COUNTERS = (123456, 789, -77, -5, 9000, 300, 61, 654321, 12, 345, 100000)
CHARGE = (
    3, 3, 4000, 100, 3900, 60, 12000, 30000, 25000, 14800, 14400, 0, 55000, 2, 0, 1, 0, 6400, 1,
    800, 0, 32768, 950, 3600, 6300 << 10 | 900,
)  # fmt: skip


def newest(name):
    """Return the payload of the newest layout of a record."""
    return [data for kept, _, data in LINES if kept == name][-1][record_copy.HEADER_BYTES :]


def put(board, name, data):
    for folder in "ab":
        path = Path(board.root, folder)
        path.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


def check(run, name, data):
    """Compare what a run has taken with what was written; shorter ones end in zeros."""
    keeper, loop = run.keeper, run.loop
    payload = data[record_copy.HEADER_BYTES :]
    if name == records.PARAMS:
        assert run.params.get("speed_cap_kmh") == 50
    elif name == records.ODOMETER:
        found = [getattr(keeper.counters, name) for name in Counters.NAMES]
        known = len(payload) // 4  # two of them are half as long
        assert found == [*COUNTERS[: known + 1], *[0] * len(COUNTERS)][: len(found)]
        assert (loop.energy.odometer_m, loop.operating_s) == (123456, 654321)
    elif name == fault_record.NAME:
        assert loop.faults.stored[0] & 1 and loop.faults.counts[0] == 2
        assert keeper.history.first_s[0] == 100
        assert loop.recorder.ready == 1
    elif name == records.BOOT:
        assert keeper.boot.last_run() == "exception: ValueError: no | main.py line 3"
        assert keeper.boot.boots == 78
    elif name == charge_record.NAME:
        known = (len(payload) - 12) // 4
        found = [getattr(loop.charge.session, field) for field in FIELDS]
        assert found == [*CHARGE[:known], *[0] * len(FIELDS)][: len(FIELDS)]
        assert loop.energy.left_mah == 40000
    elif name == identity.NAME:
        held = keeper.vault.identity
        assert (held.number, held.vin) == ("LS-000123", "L5XAB3CD4EF567890")
        assert held.key(1) == bytes(range(1, 33)) and held.key(2) == bytes(range(101, 117))
        assert (held.circumference_mm, held.pulses_per_turn) == (1500, 6)
    elif name == access.NAME:
        assert (keeper.vault.access.failures, keeper.vault.access.failures_ever) == (2, 9)
    else:
        assert name == change_log.NAME
        log, seal = keeper.vault.changes, keeper.vault.seal
        assert log.entry(0) == (100, 3, 0, 1, 45, 50, 3)
        assert log.entry(1) == (200, 4, 1795400000, 1, 50, 45, 1)
        assert seal.count >= 4 and not seal.is_lost


@pytest.mark.parametrize(("name", "version", "data"), LINES, ids=IDS)
def test_a_record_of_any_version_so_far_is_taken_without_a_loss(tmp_path, name, version, data):
    copy = record_copy.parse(name, data)
    assert (copy.status, copy.version) == (record_copy.OK, version)
    board = Board(tmp_path)
    put(board, records.PARAMS, next(d for n, _, d in LINES if n == records.PARAMS))
    put(board, name, data)
    run = board.start(values=PRESET)
    assert not run.keeper.bits & LOST
    assert not os.path.exists(board.root + "/lost")
    check(run, name, data)


def test_every_version_of_every_record_so_far_has_a_line():
    for name, version in VERSIONS.items():
        assert {v for kept, v, _ in LINES if kept == name} == set(range(1, version + 1)), name
    assert {name for name, _, _ in LINES} == set(VERSIONS)


def repacked(name):
    """Return what this firmware writes after it has read the newest layout."""
    payload = newest(name)
    if name == records.PARAMS:
        params = Params()
        params.set("speed_cap_kmh", 50)
        ours = bytes(records.pack_params(params, preset_mark(PRESET)))
        return ours[:4] + struct.pack("<H", 2) + ours[6:12] + payload[12:]
    if name == records.ODOMETER:
        counters = Counters()
        assert counters.unpack(payload)
        buffer = bytearray(Counters.SIZE)
        counters.pack_into(buffer, 0)
        return bytes(buffer)
    if name == records.BOOT:
        boot = BootRecord(NullMemory())
        boot.boots, boot.state, boot.has_params, boot.told = 77, 2, True, (1, 30)
        boot.text = "ValueError: no | main.py line 3"
        return boot.pack()
    if name == fault_record.NAME:
        parts = Faults(), Recorder(), History()
        fault_record.unpack(payload, fault_record.VERSION, *parts)
        return bytes(fault_record.pack(*parts))
    if name == charge_record.NAME:
        loop = Loop(make_scaling(), Params())
        assert charge_record.unpack(payload, loop.charge.session, Moment())
        loop.energy.left_mah, loop.energy.soc_uncertainty_permille = 40000, 25
        return bytes(charge_record.pack(loop.charge, 654321, 0))
    held = Vault()
    which = vault.NAMES.index(name)
    assert held.unpack(which, payload)
    return bytes(held.pack(which))


@pytest.mark.parametrize("name", VERSIONS)
def test_a_layout_that_differs_from_the_newest_line_needs_one_of_its_own(name):
    assert repacked(name) == newest(name)
