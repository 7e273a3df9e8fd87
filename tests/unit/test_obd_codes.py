"""What a scan tool is told of faults: codes, lists, freeze frames, and what it may clear."""

import pytest

from service import desk as desks
from service.obd_modes import PAYLOAD_BYTES
from service.obd_pids import ROWS, code_of
from tests.unit import cars
from tests.unit.scan_tools import Adapter, scan_tool, value_of
from vcu.faults import TABLE, WORD_SHIFT, row_of
from vcu.recorder import FIELDS

tool = pytest.fixture(scan_tool)


# Trouble codes


def with_faults(*broken):
    """A parked car on which these were confirmed, the key still on."""
    driver = cars.Driver()
    driver.tick(250)
    driver.key = 1
    driver.tick(200)
    for name, value in broken:
        setattr(driver, name, value)
        driver.tick(300)
    tool = Adapter(driver)
    for line in ("ATE0", "ATH1", "ATL0"):
        tool.send(line)
    return tool


def codes_in(message, mode):
    assert message[0] == mode
    pairs = message[2:]
    assert len(pairs) == 2 * message[1]
    return {pairs[i] << 8 | pairs[i + 1] for i in range(0, len(pairs), 2)}


def test_a_code_is_two_bytes_as_the_standard_packs_it():
    packed = {row_of(word * WORD_SHIFT + i)[2]: code_of(word * WORD_SHIFT + i)
              for word in range(len(TABLE)) for i in range(len(TABLE[word]))}  # fmt: skip
    assert packed["P2138"] == 0x2138
    assert packed["P0AA1"] == 0x0AA1
    assert packed["U0111"] == 0xC111
    for text, code in packed.items():
        digits = f"{code >> 12 & 3:X}{code & 0xFFF:03X}"
        assert text == "PCBU"[code >> 14] + digits


def test_no_codes_are_told_as_none(tool):
    for mode in (3, 7, 10):
        assert tool.message(f"{mode:02X}") == bytes((mode + 0x40, 0))
    assert value_of(tool, 0x01) == 0


def test_stored_codes_are_listed_and_counted_and_light_the_lamp():
    tool = with_faults(("pedal_a_counts", 0), ("battery_ddegc", None))
    names = tool.driver.stored
    assert "pedal_a_low" in names and len(names) == 2
    told = codes_in(tool.message("03"), 0x43)
    assert 0x2122 in told and len(told) == 2
    assert tool.message("0101") == bytes((0x41, 0x01, 0x82, 0, 0, 0))


def test_a_warning_alone_is_counted_and_does_not_light_the_lamp():
    tool = with_faults(("gear", cars.BOTH))
    assert tool.driver.active == {"gear_both"}
    assert tool.message("0101")[2] == 1


def test_three_and_more_codes_take_several_frames_with_and_without_headers():
    tool = with_faults(
        ("pedal_a_counts", 0), ("battery_ddegc", None), ("motor_ddegc", None), ("gear", cars.BOTH)
    )
    data = tool.message("03")
    count = len(tool.driver.stored)
    assert count >= 4 and len(codes_in(data, 0x43)) == count
    tool.send("ATH0")
    lines = tool.ask("03")
    assert lines[0] == f"{len(data):03X}"
    assert [line.split(":")[0] for line in lines[1:]] == list("0123456789"[: len(lines) - 1])
    assert bytes.fromhex("".join(line.split(":")[1] for line in lines[1:])) == data
    tool.send("ATS0")
    assert tool.ask("03")[1] == "0:" + data[:6].hex().upper()


def test_every_row_of_the_fault_table_at_once_fits_the_answer(tool):
    faults = tool.desk.loop.faults
    for word, rows in enumerate(TABLE):
        faults.stored[word] = (1 << len(rows)) - 1
    total = sum(len(rows) for rows in TABLE)
    assert len(codes_in(tool.message("03"), 0x43)) == total
    assert 2 + 2 * total <= PAYLOAD_BYTES
    assert value_of(tool, 0x01) >> 24 == total < 128
    # 23 frames and more: the number in the frame wraps from F to 0.
    tool.send("ATH0")
    assert [line.split(":")[0] for line in tool.ask("03")[15:19]] == ["E", "F", "0", "1"]


def test_stored_pending_and_permanent_codes_are_three_lists():
    tool = with_faults(("pedal_a_counts", 0), ("battery_ddegc", None))
    assert codes_in(tool.message("07"), 0x47) == codes_in(tool.message("03"), 0x43)
    assert codes_in(tool.message("0A"), 0x4A) == {0x2122}  # the one that makes the car crawl
    tool.driver.pedal_a_counts = None
    tool.driver.battery_ddegc = 250
    tool.driver.key = 0
    tool.driver.tick(500)
    tool.desk.loop.faults.begin_cycle()
    assert len(codes_in(tool.message("07"), 0x47)) == 2  # of the cycle before
    tool.desk.loop.faults.begin_cycle()
    assert tool.message("07") == b"\x47\x00"
    assert len(codes_in(tool.message("03"), 0x43)) == 2
    assert tool.ask("04") == ["7E8 01 44"]
    assert tool.message("03") == b"\x43\x00"
    assert tool.message("07") == b"\x47\x00"
    assert codes_in(tool.message("0A"), 0x4A) == {0x2122}  # no tool clears it


def test_a_freeze_frame_is_told_as_it_was_and_not_as_the_car_is_now():
    driver = cars.Driver().engage()
    driver.roll_at(5000).tick(50)
    driver.pedal_a_counts = 0
    driver.tick(100)
    frame = driver.loop.recorder.frames[0]
    assert frame[FIELDS.index("speed_mmps")] > 4000
    driver.pedal_a_counts = None
    driver.roll_at(0).tick(300)
    tool = Adapter(driver)
    tool.send("ATE0")
    tool.send("ATH1")
    first = driver.loop.recorder.numbers[0]
    assert tool.message("0202") == b"\x42\x02\x00" + code_of(first).to_bytes(2, "big")
    assert tool.message("020200") == tool.message("0202")
    assert tool.message("0102")[2:] == code_of(first).to_bytes(2, "big")
    kmh = tool.message("020D00")[3]
    assert kmh == pytest.approx(frame[FIELDS.index("speed_mmps")] * 0.0036, abs=0.5)
    assert value_of(tool, 0x0D) == 0
    soc = tool.message("025B00")[3]
    assert soc == pytest.approx(frame[FIELDS.index("soc_permille")] * 0.255, abs=0.5)
    assert tool.message("020D005B00") == b"\x42\x0d\x00" + bytes((kmh, 0x5B, 0, soc))
    assert tool.message("024200") is None  # no row of the recorder has the rail


def test_a_freeze_frame_has_the_torque_and_each_fault_its_own():
    driver = cars.Driver().engage()
    driver.pedal = 500
    driver.tick(150)
    driver.battery_ddegc = None
    driver.tick(150)
    driver.pedal = 0
    driver.tick(100)
    driver.motor_ddegc = None
    driver.tick(150)
    tool = Adapter(driver)
    tool.send("ATE0")
    tool.send("ATH1")
    frames = driver.loop.recorder.frames
    torques = [frame[FIELDS.index("torque_permille")] for frame in frames]
    assert torques[0] > 100 and torques[0] != torques[1]
    for number in (0, 1):
        data = tool.message(f"0211{number:02X}")
        assert data[:3] == bytes((0x42, 0x11, number))
        assert data[3] == pytest.approx(torques[number] * 0.255, abs=0.5)
        code = code_of(driver.loop.recorder.numbers[number])
        assert tool.message(f"0202{number:02X}")[3:] == code.to_bytes(2, "big")
    assert tool.message("021102") is None
    assert tool.message("0211FF") is None


def test_frames_list_exactly_the_pids_that_they_answer():
    tool = with_faults(("pedal_a_counts", 0))
    listed = set()
    for page in (0, 0x20, 0x40):
        bits = int.from_bytes(tool.message(f"02{page:02X}00")[3:], "big")
        listed |= {page + 1 + i for i in range(32) if bits >> (31 - i) & 1}
    assert not bits & 1
    answered = {pid for pid in range(1, 256) if tool.message(f"02{pid:02X}00") is not None}
    assert answered == listed
    assert {row[0] for row in ROWS if row[3]} | {0x20, 0x40} == listed


def test_without_a_freeze_frame_there_is_only_that_there_is_none(tool):
    assert tool.message("0202") == b"\x42\x02\x00\x00\x00"
    assert tool.message("020D00") is None
    assert tool.message("0102") == b"\x41\x02\x00\x00"


# Clearing


def test_clearing_a_parked_car_forgets_what_is_gone_and_says_so():
    tool = with_faults(("gear", cars.BOTH))
    tool.driver.gear = cars.NEUTRAL
    tool.driver.key = 0
    tool.driver.tick(300)
    assert tool.driver.stored
    assert tool.ask("04") == ["7E8 01 44"]
    assert tool.cleared == 1
    assert tool.message("03") == b"\x43\x00"


def moving():
    driver = cars.Driver().engage()
    driver.roll_at(3000).tick(20)
    return driver


def in_gear():
    driver = cars.Driver().engage()
    driver.tick(300)
    return driver


def pedal_pressed():
    driver = cars.Driver().start()
    driver.pedal = 500
    driver.tick(300)
    return driver


def just_stopped():
    driver = cars.Driver().engage()
    driver.roll_at(3000).roll_at(0)
    driver.gear = cars.NEUTRAL
    driver.tick(20)
    return driver


@pytest.mark.parametrize("make", [moving, in_gear, pedal_pressed, just_stopped])
def test_clearing_is_refused_while_the_car_could_move(make):
    driver = make()
    assert not driver.loop.is_parked()
    tool = Adapter(driver)
    tool.send("ATE0")
    tool.send("ATH1")
    assert tool.ask("04") == ["7E8 03 7F 04 22"]
    assert tool.desk.wanted == desks.NOTHING
    assert tool.cleared == 0


def test_clearing_while_another_request_runs_is_refused_as_busy(tool):
    tool.desk.request_save()
    assert tool.ask("04") == ["7E8 03 7F 04 21"]
    assert tool.desk.wanted == desks.SAVE


def test_clearing_that_flash_refuses_is_told_as_failed(tool):
    tool.trouble = "flash refused it, errno 5; the old record is kept; try again"
    assert tool.ask("04") == ["7E8 03 7F 04 72"]


def test_clearing_that_nobody_does_ends_as_busy(tool):
    tool.delay = 10_000
    assert tool.ask("04") == ["7E8 03 7F 04 21"]
