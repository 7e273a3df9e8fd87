"""What a scan tool is told: every AT command, who the car is, and that nothing it sends harms."""

import random
from functools import cache

import pytest

from tests.mpy import wasm
from tests.unit.scan_tools import VIN, Adapter, scan_tool
from tests.unit.terminals import session_lines
from vcu import modes
from vcu.faults import DRIVER, SYSTEM

# The longest piece of an answer: two numbers of frames, or one frame, and its line end.
MOST_PIECE_BYTES = 60
# A slice has 4.5 ms; a tick may cost 210 000.
WORST_SLICE_FUEL = 700_000
MOST_BYTES_A_SLICE = 200


tool = pytest.fixture(scan_tool)


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
