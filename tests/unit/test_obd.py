"""What a scan tool is told: every AT command, every PID against its formula, every list of codes.

The adapter is driven as the terminal does it, byte by byte and a line a step.
"""

import random
from functools import cache

import pytest

from service import desk as desks
from service.desk import Desk
from service.obd import Obd
from service.obd_modes import PAYLOAD_BYTES
from service.obd_pids import ROWS, code_of
from service.reply import Reply
from tests.mpy import wasm
from tests.unit import cars
from tests.unit.runs import Board
from tests.unit.terminals import session_lines
from vcu import modes
from vcu.faults import DRIVER, PACK, SYSTEM, TABLE, WORD_SHIFT, row_of
from vcu.params import Params
from vcu.recorder import FIELDS

IDENTITY = ("lsev", "0.1.0", "esp32_s3", "test car", "0011223344")
VIN = "LSEVTEST3A5B7C9DE"
MOST_SLICES = 700
PACK_V_LOW = [row[1] for row in TABLE[PACK]].index("pack_voltage_low")
# The longest piece of an answer: two numbers of frames, or one frame, and its line end.
MOST_PIECE_BYTES = 60
# A slice has 4.5 ms; a tick may cost 210 000.
WORST_SLICE_FUEL = 700_000
MOST_BYTES_A_SLICE = 200


class Adapter:
    """A scan tool's end of the line; desk requests are served after `delay` slices."""

    def __init__(self, driver=None, vin=True):
        self.driver = driver or cars.Driver()
        self.params = Params()
        self.desk = Desk(self.driver.loop, self.params, IDENTITY)
        if vin:
            self.desk.vault.identity.take("TEST-1", VIN, bytes(range(16)), bytes(range(16)))
        self.delay = 3
        self.trouble = ""
        self.cleared = 0
        self.sent = bytearray()
        self.pieces = []
        self.reply = Reply(self._take)
        self.obd = Obd(self.desk, self.reply)
        self.obd.start()

    def _take(self, data):
        self.sent += bytes(data)

    def drain(self):
        for _ in range(2):  # it hands on at most to the end of its ring
            self.reply.drain(1000)

    def _serve(self, slices):
        if self.desk.wanted == desks.CLEAR and slices >= self.delay:
            if not self.trouble:
                self.driver.loop.clear_faults()
            self.cleared += 1
            self.desk.finish(self.trouble)

    def send(self, line):
        """Return all that comes back for a line, up to the prompt."""
        self.sent.clear()
        for byte in line.encode("latin-1") + b"\r":
            self.obd.byte(byte)
        for slices in range(MOST_SLICES):
            before = len(self.sent)
            busy = self.obd.step()
            self.drain()
            self.pieces.append(len(self.sent) - before)
            if not busy:
                break
            self._serve(slices)
        else:
            raise AssertionError("no end to the answer")
        text = self.sent.decode("ascii")
        assert text.count(">") == 1 and text.endswith(">")
        return text[:-1]

    def ask(self, line):
        """Return the lines of an answer, spaces at their ends and empty lines left out."""
        lines = self.send(line).replace("\n", "\r").split("\r")
        return [part.strip() for part in lines if part.strip()]

    def message(self, line):
        """Return the payload of the answer as bytes, from whatever frames it came in."""
        lines = self.ask(line)
        if lines == ["NO DATA"]:
            return None
        frames = [bytes.fromhex("0" + part.replace(" ", "")) for part in lines]
        assert all(frame[:2] == b"\x07\xe8" for frame in frames)
        frames = [frame[2:] for frame in frames]
        assert all(len(frame) <= 8 for frame in frames)
        if len(frames) == 1:
            assert frames[0][0] == len(frames[0]) - 1
            return frames[0][1:]
        assert frames[0][0] >> 4 == 1
        size = (frames[0][0] & 0xF) << 8 | frames[0][1]
        assert size > 7, "it would fit a single frame"
        data = frames[0][2:]
        for i, frame in enumerate(frames[1:]):
            assert frame[0] == 0x20 | (i + 1) & 0xF
            data += frame[1:]
        assert len(data) == size
        return data


@pytest.fixture
def tool():
    """A tool that has said what most say first: no echo, headers, no line feeds."""
    driver = cars.Driver()
    driver.tick(250)
    adapter = Adapter(driver)
    for line in ("ATZ", "ATE0", "ATH1", "ATL0"):
        adapter.send(line)
    return adapter


def value_of(tool, pid):
    """Return the data bytes of a PID of mode 01 as one number."""
    data = tool.message(f"01{pid:02X}")
    assert data[:2] == bytes((0x41, pid))
    return int.from_bytes(data[2:], "big")


# The adapter


def test_a_session_begins_with_echo_line_feeds_and_no_headers():
    adapter = Adapter()
    assert adapter.send("ATI") == "ATI\r\nELM327 v1.5\r\n\r\n"
    assert adapter.send("010D") == "010D\r\n41 0D 00 \r\n\r\n"


def test_a_reset_echoes_names_the_adapter_and_forgets_what_was_set(tool):
    assert tool.send("ATZ") == "\r\n\r\nELM327 v1.5\r\n\r\n"
    assert tool.send("ATI").startswith("ATI\r\n")
    assert tool.ask("010D") == ["010D", "41 0D 00"]


def test_a_new_session_forgets_what_the_last_had_set(tool):
    tool.obd.start()
    assert tool.send("ATI") == "ATI\r\nELM327 v1.5\r\n\r\n"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("ATI", "ELM327 v1.5"),
        ("AT@1", "OBDII to RS232 Interpreter"),
        ("AT RV", "12.6V"),
        ("ATDP", "AUTO, ISO 15765-4 (CAN 11/500)"),
        ("ATDPN", "A6"),
        ("ATD", "OK"),
        ("ATE0", "OK"),
        ("ATL0", "OK"),
        ("ATL1", "OK"),
        ("ATS0", "OK"),
        ("ATS1", "OK"),
        ("ATH0", "OK"),
        ("ATH1", "OK"),
        ("ATM0", "OK"),
        ("ATM1", "OK"),
        ("ATR0", "OK"),
        ("ATR1", "OK"),
        ("ATD0", "OK"),
        ("ATD1", "OK"),
        ("ATCAF0", "OK"),
        ("ATCAF1", "OK"),
        ("ATCFC0", "OK"),
        ("ATCFC1", "OK"),
        ("ATAL", "OK"),
        ("ATAT0", "OK"),
        ("ATAT1", "OK"),
        ("ATAT2", "OK"),
        ("ATST64", "OK"),
        ("ATST6", "OK"),
        ("ATLP", "OK"),
        ("ATPC", "OK"),
        ("ATSP0", "OK"),
        ("ATSP6", "OK"),
        ("ATSPA6", "OK"),
        ("ATSP00", "OK"),
        ("ATSPC", "OK"),
        ("ATTP6", "OK"),
        ("ATTPA0", "OK"),
        ("ATSH7E0", "OK"),
        ("AT SH 7DF", "OK"),
        ("ATSH0007E0", "OK"),
        ("at sp 0", "OK"),
        ("AT", "?"),
        ("ATE2", "?"),
        ("ATSPD", "?"),
        ("ATSP", "?"),
        ("ATSPB6", "?"),
        ("ATSP066", "?"),
        ("ATSTX", "?"),
        ("ATST", "?"),
        ("ATST123", "?"),
        ("ATSH7E", "?"),
        ("ATSH7E00", "?"),
        ("ATSHXYZ", "?"),
        ("ATAT3", "?"),
        ("ATMA", "?"),
        ("STI", "?"),
        ("VTI", "?"),
        ("hello", "?"),
        ("01G0", "?"),
        ("0", "?"),
        ("0101010101010101", "?"),
    ],
)
def test_every_command_is_answered_with_exactly_one_line(tool, line, answer):
    assert [part for part in tool.ask(line) if part != line] == [answer]


def test_a_tool_that_is_told_ok_gets_what_it_set(tool):
    assert tool.send("010D") == "7E8 03 41 0D 00 \r\r"
    tool.send("ATS0")
    assert tool.send("010D") == "7E803410D00\r\r"
    tool.send("ATD1")
    assert tool.send("010D") == "7E8403410D00\r\r"
    tool.send("ATH0")
    assert tool.send("010D") == "410D00\r\r"
    tool.send("ATL1")
    assert tool.send("010D") == "410D00\r\n\r\n"
    tool.send("ATE1")
    assert tool.send("010D") == "010D\r\n410D00\r\n\r\n"
    tool.send("ATR0")
    assert tool.send("010D") == "010D\r\n\r\n"
    tool.send("ATD")
    assert tool.send("010D") == "010D\r\n41 0D 00 \r\n\r\n"


def test_the_protocol_that_was_chosen_is_told_and_only_can_11_500_reaches_the_car(tool):
    tool.send("ATSP6")
    assert tool.ask("ATDPN") == ["6"]
    assert tool.ask("ATDP") == ["ISO 15765-4 (CAN 11/500)"]
    assert tool.ask("010D") == ["7E8 03 41 0D 00"]
    tool.send("ATSP3")
    assert tool.ask("ATDPN") == ["3"]
    assert tool.ask("010D") == ["UNABLE TO CONNECT"]
    tool.send("ATSPA3")
    assert tool.ask("ATDPN") == ["A6"]
    assert tool.ask("010D") == ["7E8 03 41 0D 00"]


@pytest.mark.parametrize(("header", "answers"), [("7E0", True), ("7DF", True), ("7E1", False)])
def test_only_who_asks_all_units_or_this_one_is_answered(tool, header, answers):
    tool.send("ATSH" + header)
    assert tool.ask("010D") == (["7E8 03 41 0D 00"] if answers else ["NO DATA"])


def test_spaces_and_case_do_not_matter(tool):
    assert tool.ask("  0 1 0 d ") == tool.ask("010D")
    assert tool.ask(" a T dpN") == ["A6"]


def test_an_empty_line_repeats_the_last_command(tool):
    tool.send("010D")
    assert tool.ask("") == ["7E8 03 41 0D 00"]
    assert tool.ask("  ") == ["7E8 03 41 0D 00"]
    tool.send("ATDPN")
    assert tool.ask("") == ["A6"]


def test_an_empty_line_with_nothing_to_repeat_gets_a_prompt():
    assert Adapter().send("") == "\r\n\r\n"


def test_the_number_of_frames_that_a_tool_expects_is_no_part_of_the_request(tool):
    assert tool.ask("010D1") == tool.ask("01 0D 9") == tool.ask("010D")
    assert len(tool.ask("09021")) == 3


def test_a_line_of_80_characters_is_looked_at_and_a_longer_one_never_run(tool):
    spaced = "010D" + " " * 200
    assert tool.ask(spaced) == ["7E8 03 41 0D 00"]
    assert tool.ask("AT" + "0" * 78) == ["?"]
    assert tool.ask("010D" * 21) == ["?"]
    assert tool.ask("") == []
    assert tool.ask("010D") == ["7E8 03 41 0D 00"]


@pytest.mark.parametrize("junk", ["\x7f\x7f", "\x80010D", "010D\xff", "\x7f"])
def test_bytes_that_no_tool_sends_spoil_their_line_and_only_that(tool, junk):
    assert tool.ask(junk) == ["?"]
    assert tool.ask("010D") == ["7E8 03 41 0D 00"]


def test_control_bytes_and_a_line_feed_behind_a_carriage_return_are_left_out(tool):
    assert tool.ask("\n\x00010\x01D") == ["7E8 03 41 0D 00"]


def test_what_comes_during_an_answer_changes_nothing(tool):
    for byte in b"0902\r":
        tool.obd.byte(byte)
    tool.obd.step()
    for byte in b"ATZ\r04\r":
        tool.obd.byte(byte)
    while tool.obd.step():
        tool.drain()
    tool.drain()
    assert tool.ask("") == tool.ask("0902")


def test_an_adapter_s_lines_have_no_tag_and_leave_none_half_written(tool):
    tool.reply.begin(b"@7")
    tool.obd.start()
    assert tool.send("ATI") == "ATI\r\nELM327 v1.5\r\n\r\n"
    assert tool.reply.is_open is False


def test_an_answer_waits_until_there_is_room_for_it(tool):
    tool.reply.text("x" * 380)
    for byte in b"010D\r":
        tool.obd.byte(byte)
    for _ in range(20):
        assert tool.obd.step() is True
    tool.drain()
    while tool.obd.step():
        pass
    tool.drain()
    assert tool.sent.endswith(b"7E8 03 41 0D 00 \r\r>")
    assert tool.reply.lost_bytes == 0


def test_no_input_raises_is_left_without_a_prompt_or_writes_a_long_piece(tool):
    rolls = random.Random(5)
    alphabet = [*range(256), *(b"AT01234567890ABCDEFSPHLEZ \r" * 12)]
    for _ in range(3000):
        line = "".join(chr(rolls.choice(alphabet)) for _ in range(rolls.randrange(20)))
        for part in line.split("\r"):
            tool.send(part)
    assert max(tool.pieces) <= MOST_PIECE_BYTES + 80  # an echo that was due goes with the first
    assert tool.reply.lost_bytes == 0


# PIDs


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


# Who it is


def test_the_vehicle_s_number_is_told_in_three_frames(tool):
    assert tool.message("0902") == b"\x49\x02\x01" + VIN.encode()
    assert tool.ask("0902")[0].startswith("7E8 10 14 49 02 01 ")
    tool.send("ATH0")
    assert tool.ask("0902")[0] == "014"


def test_a_car_without_a_number_has_none_and_does_not_list_it():
    adapter = Adapter(vin=False)
    adapter.send("ATE0")
    adapter.send("ATH1")
    assert adapter.message("0902") is None
    assert adapter.message("0900") == b"\x49\x00\x14\x40\x00\x00"


def test_what_can_be_asked_of_mode_09_is_listed(tool):
    assert tool.ask("0900") == ["7E8 06 49 00 54 40 00 00"]


def test_firmware_and_control_unit_have_their_names(tool):
    assert tool.message("0904") == b"\x49\x04\x01" + b"0.1.0-LSEV".ljust(16, b"\0")
    assert tool.message("090A") == b"\x49\x0a\x01" + b"DMCM\0-DriveMotorCtrl"


def test_the_verification_number_follows_every_parameter(tool):
    before = tool.message("0906")
    assert len(before) == 7 and before == tool.message("0906")
    tool.params.set("speed_cap_kmh", 45)
    assert tool.message("0906") != before


def test_nothing_that_a_tool_sends_changes_a_parameter_a_mode_or_an_output(tool):
    loop = tool.desk.loop
    values = tool.params.values()
    out = dict(vars(loop.out))
    for mode in range(256):
        for pid in (0, 2, 0x0D, 0x5B, 0xA6):
            tool.send(f"{mode:02X}{pid:02X}")
    assert tool.params.values() == values
    assert vars(loop.out) == out
    assert loop.modes.mode == modes.OFF
    assert not (loop.faults.stored[DRIVER] or loop.faults.stored[SYSTEM])


# The same in MicroPython


@cache
def session_here():
    lines = session_lines("obd_session.py")
    assert len(lines) > 30
    return lines


def test_64_bit_micropython_answers_byte_for_byte_what_cpython_does(interpreter):
    assert session_lines("obd_session.py", interpreter) == session_here()


def test_32_bit_micropython_does_so_too_and_no_piece_is_long_or_takes_much_of_the_heap():
    here = session_here()
    there = wasm.run("obd_session.py").splitlines()
    assert [line for line in there if line.startswith("session ")] == here
    slices = [line.split() for line in there if line.startswith("slice ")]
    assert len(slices) == len(here)
    for _, line, worst, taken, count in slices:
        assert int(worst) <= WORST_SLICE_FUEL, line
        assert int(taken) <= MOST_BYTES_A_SLICE * (int(count) + 1), line
