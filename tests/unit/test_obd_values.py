"""What a scan tool is told of the car as it is now: every PID against its formula."""

import pytest

from tests.unit import cars
from tests.unit.runs import Board
from tests.unit.scan_tools import Adapter, scan_tool, value_of
from vcu.faults import PACK, TABLE

PACK_V_LOW = [row[1] for row in TABLE[PACK]].index("pack_voltage_low")


tool = pytest.fixture(scan_tool)


def test_a_pid_is_listed_exactly_when_it_is_answered(tool):
    listed = set()
    page = 0
    while True:
        data = tool.message(f"01{page:02X}")
        assert data[:2] == bytes((0x41, page))
        bits = int.from_bytes(data[2:], "big")
        listed |= {page + 1 + i for i in range(32) if bits >> (31 - i) & 1}
        if not bits & 1:
            break
        page += 0x20
    assert page == 0xA0
    assert {0x0C, 0x0D, 0x11, 0x42, 0x5B, 0xA6} <= listed
    answered = {pid for pid in range(1, 256) if tool.message(f"01{pid:02X}") is not None}
    assert answered == listed


def test_the_second_pedal_channel_is_there_only_where_one_is_fitted(tool):
    assert tool.message("014A") is not None
    tool.params.set("pedal_channels", 1)
    assert tool.message("014A") is None
    assert tool.message("0140")[3] & 0x40 == 0  # 4A is the tenth of its page


@pytest.mark.parametrize(
    ("pid", "name", "values", "scaled", "unit"),
    [
        (0x04, "torque", (0, 1, 500, 1000, -300), lambda v: max(v, 0) / 10, 100 / 255),
        (0x05, "motor_ddegc", (-400, 0, 250, 1504, 2150, 3000), lambda v: min(v, 2150) / 10, 1),
        (0x0C, "speed_mmps", (0, 1, 4000, 15556), lambda v: v * 60 / 1350, 1 / 4),
        (0x0D, "speed_mmps", (0, 138, 139, 6944, 15556, 90000), lambda v: min(v * 0.0036, 255), 1),
        (0x11, "torque", (0, 333, 1000), lambda v: v / 10, 100 / 255),
        (0x42, "rail_cv", (0, 1260, 1430), lambda v: v / 100, 1 / 1000),
        (0x46, "controller_ddegc", (-400, -1, 250, 852), lambda v: v / 10, 1),
        (0x49, "pedal_a_counts", (0, 468, 2310, 3300), lambda v: v / 33, 100 / 255),
        (0x4A, "pedal_b_counts", (0, 234, 1155), lambda v: v / 33, 100 / 255),
        (0x5A, "pedal_permille", (0, 10, 500, 1000), lambda v: v / 10, 100 / 255),
        (0x5B, "soc_permille", (0, 123, 900, 1000), lambda v: v / 10, 100 / 255),
        (0xA6, "odometer_m", (0, 99, 123456, 99999999), lambda v: v / 1000, 1 / 10),
        (0x1F, "key_s", (0, 60, 65535, 70000), lambda v: min(v, 65535), 1),
        (0x21, "lit_m", (0, 999, 12345), lambda v: v / 1000, 1),
        (0x31, "odometer_m", (0, 999, 12345, 70000000), lambda v: min(v / 1000, 65535), 1),
    ],
)
def test_every_value_is_scaled_as_its_formula_says(tool, pid, name, values, scaled, unit):
    offset = 40 if pid in (0x05, 0x46) else 0
    loop = tool.desk.loop
    whole_steps = pid in (0x0C, 0x21, 0x31, 0xA6)  # what counts up is not rounded up
    for value in values:
        if name == "torque":
            loop.torque_permille = value
        elif name == "odometer_m":
            loop.energy.odometer_m = value
        elif name == "lit_m":
            tool.desk.life.lit_m = value
        elif name == "key_s":
            loop.raw.key_on = 1
            tool.desk.pass_time(10)
            tool.desk.pass_time(value * 1000)
        else:
            setattr(loop.raw if "counts" in name else loop.sig, name, value)
        told = value_of(tool, pid) * unit - offset
        error = scaled(value) - told
        assert (0 <= error < unit) if whole_steps else abs(error) <= unit / 2 + 1e-9, value
        loop.raw.key_on = 0
        tool.desk.pass_time(10)


def test_the_time_since_key_on_begins_anew_with_each_key(tool):
    raw = tool.desk.loop.raw
    tool.desk.pass_time(50_000)
    assert value_of(tool, 0x1F) == 0
    for _ in range(2):
        raw.key_on = 1
        tool.desk.pass_time(10)
        tool.desk.pass_time(7_000)
        assert value_of(tool, 0x1F) == 7
        raw.key_on = 0
        tool.desk.pass_time(3_000)
        assert value_of(tool, 0x1F) == 0


def test_ways_are_counted_from_the_clearing_and_while_the_lamp_is_lit(tmp_path):
    board = Board(tmp_path)
    run = board.start().drive(12_000)
    for _ in range(10):
        run.loop.faults.step(PACK, 1 << PACK_V_LOW, 1, 1, 500)
    run.slices(1000)
    run.drive(3_000).key_off()
    board.cut_power()
    life = board.start().keeper.counters
    assert life.lit_m == 3_000 and life.cleared_m == 0
    run = board.start().drive(1_200)
    run.keeper.confirm()
    run.drive(2_400)
    life = run.keeper.counters
    assert life.lit_m == 0
    tool = Adapter()
    tool.desk.life = life
    tool.desk.loop.energy.odometer_m = run.loop.energy.odometer_m
    tool.send("ATE0")
    tool.send("ATH1")
    assert value_of(tool, 0x31) == 2
    assert value_of(tool, 0xA6) == 186


def test_a_temperature_that_cannot_be_read_shows_as_minus_40(tool):
    tool.driver.motor_ddegc = None
    tool.driver.tick(200)
    assert value_of(tool, 0x05) == 0


def test_it_is_an_electric_car_and_claims_no_emission_standard(tool):
    assert value_of(tool, 0x51) == 8
    assert value_of(tool, 0x1C) == 5


def test_the_speed_and_the_wheel_turn_as_the_car_rolls():
    driver = cars.Driver().engage()
    driver.roll_at(5000).tick(30)
    tool = Adapter(driver)
    tool.send("ATE0")
    tool.send("ATH1")
    assert value_of(tool, 0x0D) == 18
    assert value_of(tool, 0x0C) / 4 == pytest.approx(5 * 60 / 1.35, rel=0.02)


def test_several_pids_are_answered_in_one_message_without_those_that_there_are_not(tool):
    assert tool.ask("010D11") == ["7E8 05 41 0D 00 11 00"]
    assert tool.ask("010D2F11") == ["7E8 05 41 0D 00 11 00"]
    six = tool.message("010D1142494A5B")
    singles = b"".join(
        tool.message("01" + pid)[1:] for pid in ["0D", "11", "42", "49", "4A", "5B"]
    )
    assert six == b"\x41" + singles
    assert tool.message("012F30") is None


@pytest.mark.parametrize(
    "line",
    ["01", "0103", "01FF", "01C0", "02", "05", "0600", "08", "09", "0903", "0B", "22F190", "FF"],
)
def test_what_is_not_supported_is_silence_on_the_bus(tool, line):
    assert tool.ask(line) == ["NO DATA"]
