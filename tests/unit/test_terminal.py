"""One port, three modes: what a program, an OBD client and a person get, and what floods do."""

import json
import re
from itertools import pairwise
from zlib import crc32

import pytest

from service import desk as desks
from service.desk import IDENTITY_NAMES
from service.inputs import NAMES as INPUTS
from service.reply import Reply
from service.request_line import is_for_obd
from service.services import NullSerial, Services
from tests.unit import cars
from tests.unit.terminals import IDENTITY, PROMPT, Terminal, driving, parked
from vcu.params import TABLE as PARAMS

terminal = pytest.fixture(parked)


def pause(terminal, ms):
    for _ in range(ms // 10):
        terminal.main()


def summed(text):
    return f"{text} *{crc32(text.encode()):08X}"


def checked(text):
    """Return the lines of a tagged answer without their sums, which are right."""
    lines = []
    for line in text.split("\r\n")[:-1]:
        body, mark, digits = line.rpartition(" *")
        assert mark, line
        assert digits == f"{crc32(body.encode()):08X}", line
        lines.append(body)
    return lines


# Programs


def test_each_line_of_a_tagged_answer_has_the_tag_and_its_sum_and_the_last_says_ok(terminal):
    lines = checked(terminal.send("@12 why\r"))
    assert lines == ["@12 + does not drive:", "@12 +   key_off: key reads off, needs on", "@12 ok"]


@pytest.mark.parametrize("line", ["@12 save", "@12 id", "@12 set sped_cap 5"])
def test_a_program_whose_answer_takes_long_hears_each_half_second_that_it_comes(terminal, line):
    terminal.serves = False  # flash takes its time, for ever
    for byte in line.encode() + b"\r":
        terminal.console.feed(byte)
    ends_ms = [0]
    for slice_ in range(700):
        lines = terminal.sent.count(b"\n")
        terminal.main()
        ends_ms += [slice_ * 10] * (terminal.sent.count(b"\n") - lines)
    said = checked(terminal.sent.decode())
    assert said[-1].startswith(("@12 ok", "@12 err")) and "@12 + pending" in said
    assert len(ends_ms) == len(said) + 1
    assert max(after - before for before, after in pairwise(ends_ms)) <= 530
    if line == "@12 save":
        assert 8 <= said.count("@12 + pending") == len(said) - 1


def test_a_person_who_waits_sees_no_sign_of_it_but_the_answer(terminal):
    terminal.serves = False
    assert "pending" not in terminal.send("save\r")


def test_a_tagged_line_with_the_right_sum_is_run_and_one_with_a_wrong_sum_is_not(terminal):
    assert checked(terminal.send(summed("@1 set reverse_cap_kmh 7") + "\r"))[-1] == "@1 ok"
    assert terminal.params.get("reverse_cap_kmh") == 7
    damaged = summed("@2 set reverse_cap_kmh 6").replace("6 *", "9 *")
    answer = checked(terminal.send(damaged + "\r"))
    assert answer == ["@2 err 73 bad-crc: line came damaged; nothing done; send it again"]
    assert terminal.params.get("reverse_cap_kmh") == 7


@pytest.mark.parametrize("total", ["*1234", "*0000000G", "*123456789"])
def test_a_sum_that_is_no_sum_is_refused_from_a_person_too(terminal, total):
    assert "err 73 bad-crc: " in terminal.ask("why " + total)[0]


@pytest.mark.parametrize("line", ["get *", "get * ", "desc pedal*"])
def test_a_star_that_is_an_argument_is_no_sum(terminal, line):
    assert terminal.ask(line)[-1] == "ok"


def test_the_words_behind_a_star_that_stands_alone_are_no_sum(terminal):
    assert "err 12 bad-argument: wrong number of words" in terminal.ask("get * 5")[0]


def test_a_line_that_is_sent_again_within_2_s_gets_its_last_line_again_and_is_not_run(terminal):
    line = summed("@7 reboot") + "\r"
    first = checked(terminal.send(line))
    assert first == ["@7 + rebooting", "@7 ok"]
    pause(terminal, 500)
    assert checked(terminal.send(line)) == ["@7 ok"]
    assert terminal.requests == [desks.REBOOT]


def test_an_error_is_repeated_as_it_was(terminal):
    line = summed("@7 bogus") + "\r"
    first = checked(terminal.send(line))
    assert first[0].startswith("@7 err 11 unknown-command: ")
    assert checked(terminal.send(line)) == first


def test_the_same_line_is_run_again_after_2_s_and_with_another_tag_at_once(terminal):
    terminal.send(summed("@7 reboot") + "\r")
    checked(terminal.send(summed("@8 reboot") + "\r"))
    pause(terminal, 2000)
    checked(terminal.send(summed("@8 reboot") + "\r"))
    assert terminal.requests == [desks.REBOOT] * 3


def test_a_line_without_a_sum_is_run_as_often_as_it_comes(terminal):
    for _ in range(2):
        checked(terminal.send("@7 reboot\r"))
    assert terminal.requests == [desks.REBOOT] * 2


@pytest.mark.parametrize("tag", ["@", "@x", "@12345", "@-1"])
def test_a_tag_that_is_none_is_refused_without_one(terminal, tag):
    answer = terminal.send(tag + " why\r")
    assert answer.startswith("\r\nerr 12 bad-argument: tag is not @ and 1 to 4 digits;")


def test_a_program_gets_neither_echo_nor_prompt_and_begins_on_a_line_of_its_own(terminal):
    assert terminal.send("\r").endswith(PROMPT)
    answer = terminal.send("@1 time\r")
    assert answer.startswith("\r\n@1 + time unknown")
    assert PROMPT not in answer


def test_a_spoiled_line_with_a_tag_is_refused_with_the_tag(terminal):
    answer = checked(terminal.send(b"@3 w\xffhy\r"))
    assert answer == ["@3 err 12 bad-argument: not ASCII; line dropped whole; use plain letters"]


def test_a_tag_without_a_command_gets_an_answer(terminal):
    assert checked(terminal.send("@3\r"))[0].startswith("@3 err 12 bad-argument: no command")


def test_ctrl_c_while_driving_ends_a_tagged_answer_with_its_tag():
    terminal = driving()
    for byte in b"@5 desc *\r":
        terminal.console.feed(byte)
    pause(terminal, 50)
    assert terminal.console.feed(3) is False
    lines = checked(terminal.settle())
    assert lines[-1].startswith("@5 err 22 not-now: Ctrl-C while not parked")
    assert sum(" + " not in line for line in lines) == 1


def test_a_line_that_leaves_in_pieces_still_ends_with_the_sum_of_all_of_it():
    sent = bytearray()
    reply = Reply(lambda data: sent.extend(bytes(data)))
    reply.begin(b"@1")
    for letter in "abcdef":
        reply.text(letter * 150)
        reply.drain(100)
        reply.drain(100)
    reply.end()
    for _ in range(3):
        reply.drain(100)
    assert len(checked(sent.decode())[0]) == len("@1 + ") + 900
    assert reply.lost_bytes == 0


# OBD


@pytest.mark.parametrize(
    ("line", "is_obd"),
    [
        (b"ATZ", 1), (b"at rv", 1), (b"A T E0", 1), (b" at", 1), (b"auth", 0), (b"a", 0), (b"", 0),
        (b"get at", 0), (b"@1 atz", 0),
    ],
)  # fmt: skip
def test_a_line_that_begins_with_at_is_for_the_adapter(line, is_obd):
    assert is_for_obd(line) == bool(is_obd)


def test_the_first_at_line_makes_it_an_adapter_which_has_seen_that_line_once(terminal):
    answer = terminal.send("ATZ\r")
    assert answer.count("ATZ") == 1
    assert "ELM327" in answer
    assert answer.endswith(">")
    assert terminal.console.is_obd
    assert "41 0D" in terminal.send("010D\r") or "410D" in terminal.send("010D\r")


def test_two_del_on_a_line_of_their_own_make_it_an_adapter(terminal):
    assert terminal.send(b"\x7f\x7f\r").endswith(">")
    assert terminal.console.is_obd


@pytest.mark.parametrize(
    "typed", [b"hepl\x7f\x7flp\r", b"x\x7f\x7f\r", b"\x7f\r", b"\x7f\x7f\x7f\r"]
)
def test_a_person_who_takes_letters_back_stays_at_the_console(terminal, typed):
    assert terminal.send(typed).endswith(PROMPT)
    assert not terminal.console.is_obd


def test_the_verb_obd_answers_first_and_then_shows_the_adapters_prompt(terminal):
    answer = terminal.send("obd\r")
    assert "OBD until `exit` or 120 s without a byte\r\nok\r\n" in answer
    assert answer.endswith(">")


@pytest.mark.parametrize("line", ["exit\r", " EXIT \r", "exit\n"])
def test_exit_ends_the_adapter_and_shows_the_consoles_prompt(terminal, line):
    terminal.send("ATZ\r")
    assert terminal.send(line).endswith(PROMPT)
    assert terminal.ask("why")[-1] == "ok"


@pytest.mark.parametrize("line", ["exi\r", "exits\r", "xexit\r"])
def test_nothing_else_ends_it(terminal, line):
    terminal.send("ATZ\r")
    terminal.send(line)
    assert terminal.console.is_obd


def test_the_adapter_ends_after_120_s_without_a_byte_and_not_before(terminal):
    terminal.send("ATZ\r")
    pause(terminal, 110_000)
    terminal.send("ATI\r")
    pause(terminal, 115_000)
    assert terminal.console.is_obd
    pause(terminal, 10_000)
    assert not terminal.console.is_obd
    assert terminal.ask("why")[-1] == "ok"


def test_in_obd_mode_nothing_is_sent_that_nobody_asked_for(terminal):
    checked(terminal.send("@1 sub speed_mmps 20\r").split("#t")[0])
    terminal.send("ATZ\r")
    pause(terminal, 1000)
    terminal.sent.clear()
    terminal.driver.key = 1
    terminal.driver.tick(100)
    pause(terminal, 1000)
    assert terminal.sent == b""


def test_a_subscription_ends_with_the_console_and_does_not_come_back(terminal):
    terminal.send("sub * 2\r")
    for byte in b"ATZ\rexit\r":
        terminal.console.feed(byte)
    terminal.settle()
    pause(terminal, 2000)
    assert terminal.sent == b""
    assert terminal.ask("why")[-1] == "ok"


def test_a_lone_a_is_shown_as_soon_as_it_can_be_no_at(terminal):
    assert terminal.send("a") == ""
    assert terminal.send("u") == "au"
    assert terminal.send("\x08") == "\b \b\b \b"
    assert terminal.send("bort") == "abort"
    assert terminal.send("\x15") == "\b \b" * 5
    assert terminal.send("a\r").startswith("a\r\nerr 11 ")


# Input that nobody should send


def test_more_than_50_lines_a_second_are_refused_once_and_dropped_until_it_is_quiet(terminal):
    text = ""
    for _ in range(100):
        for byte in b"\r":
            terminal.console.feed(byte)
        terminal.console.step(5)
    text = terminal.settle()
    assert text.count("err 21 busy: over 50 lines a second;") == 1
    assert text.count(PROMPT) == 52
    assert terminal.ask("why")[-1] == "ok"


def test_a_flood_that_goes_on_is_kept_out_and_ends_100_ms_after_its_last_byte(terminal):
    def flood():
        for _ in range(64):
            terminal.console.feed(13)
        terminal.console.step(10)

    for _ in range(200):
        flood()
    assert terminal.settle(5).count("err 21") <= 1
    for _ in range(5):
        flood()
    terminal.sent.clear()
    pause(terminal, 80)
    for byte in b"\rwhy\r":
        terminal.console.feed(byte)
    terminal.sent.clear()
    pause(terminal, 100)
    assert b"ok" not in terminal.sent
    terminal.sent.clear()
    for byte in b"why\r":
        terminal.console.feed(byte)
    assert "ok" in terminal.settle()


def test_cr_and_lf_together_count_as_one_line(terminal):
    for _ in range(40):
        for byte in b"\r\n":
            terminal.console.feed(byte)
        terminal.console.step(10)
    assert "err 21" not in terminal.settle()


def test_half_a_line_is_forgotten_after_30_s(terminal):
    terminal.send("reb")
    pause(terminal, 20_000)
    terminal.send("o")
    pause(terminal, 28_000)
    terminal.sent.clear()
    pause(terminal, 3000)
    assert bytes(terminal.sent) == b"\r\n" + PROMPT.encode()
    terminal.sent.clear()
    assert "err 11" in terminal.ask("ot")[0]
    assert terminal.requests == []


def test_half_a_line_of_a_program_is_forgotten_without_a_word(terminal):
    terminal.send("@1 reb")
    terminal.sent.clear()
    pause(terminal, 31_000)
    assert terminal.sent == b""


def test_every_byte_value_and_then_silence_leaves_the_console_alive(terminal):
    for byte in range(0x80, 0x100):
        terminal.console.feed(byte)
        pause(terminal, 20)
    assert "err 12 bad-argument: not ASCII" in terminal.send("\r")
    assert terminal.ask("why")[-1] == "ok"


# Ctrl-C, and the prompt


def test_ctrl_c_stops_a_board_in_its_first_1500_ms_though_nobody_knows_yet_if_it_is_parked():
    terminal = Terminal(cars.Driver())
    assert not terminal.desk.is_parked()
    pause(terminal, 1490)
    assert terminal.console.feed(3) is True
    pause(terminal, 10)
    assert terminal.console.feed(3) is False


def test_ctrl_c_in_the_first_1500_ms_stops_nothing_that_can_pull():
    terminal = driving()
    assert terminal.driver.loop.raw.enable_readback
    assert terminal.console.feed(3) is False


def test_ctrl_c_of_an_obd_client_in_a_moving_car_is_passed_over():
    terminal = driving()
    terminal.send("ATZ\r")
    assert terminal.console.feed(3) is False
    assert "err" not in terminal.settle()


class Served(Terminal):
    """A terminal whose requests the services serve; nothing is ever written."""

    class Idle:
        own_bits = bits = 0
        errno = -1

        def step(self, loop, parked, passed_ms):
            pass

        def trust(self, parked):
            pass

        def is_busy(self):
            return False

    def __init__(self, driver):
        super().__init__(driver)
        self.services = Services(driver.loop, self.desk, self.console, self.Idle(), NullSerial())

    def main(self):
        self.services.step(10)


def test_the_verb_repl_ends_the_program_when_its_answer_is_out():
    driver = cars.Driver()
    driver.tick(250)
    served = Served(driver)
    for byte in b"repl\r":
        served.console.feed(byte)
    while not served.services.is_ending:
        served.main()
    assert b"outputs off; MicroPython's prompt follows" in served.sent
    assert served.sent.endswith(b"ok\r\n" + PROMPT.encode())
    assert not served.services.wants_reset
    assert served.services.failure == ""


def test_repl_ends_the_program_though_nobody_reads_its_answer():
    driver = cars.Driver()
    driver.tick(250)
    served = Served(driver)
    served.takes = 0
    for byte in b"repl\r":
        served.console.feed(byte)
    pause(served, 1000)
    assert served.services.is_ending


class Ring(NullSerial):
    """The input of a chip: what comes while 259 bytes wait there is lost."""

    def __init__(self):
        self.bytes = b""

    def send(self, data):
        self.bytes = (self.bytes + data)[:259]

    def any(self):
        return bool(self.bytes)

    def byte(self):
        byte, self.bytes = self.bytes[0], self.bytes[1:]
        return byte


@pytest.mark.parametrize("spaces", range(50))
def test_where_the_chip_lost_bytes_the_line_that_misses_them_is_refused_and_no_other(spaces):
    driver = cars.Driver()
    driver.tick(250)
    served = Served(driver)
    port = Ring()
    served.services = Services(driver.loop, served.desk, served.console, served.Idle(), port)
    # All of it comes while the loop writes to flash; what a program sends next comes later.
    lines = [summed(f"@{n} set reverse_cap_kmh {n}" + " " * spaces) for n in range(3, 17)]
    port.send("".join(line + "\r" for line in lines).encode())
    said = served.settle(600)
    port.send((summed("@99 why") + "\r").encode())
    said += served.settle(600)
    # An answer without a tag where the tag was cut; a person's prompt comes with it.
    last = re.compile(r"(?:@\d+ )?(?:ok|err \d+ [a-z-]+)\b")
    answers = [found[0] for line in said.split("\r\n") if (found := last.match(line))]
    whole = 259 // (len(lines[0]) + 1)
    assert answers[:-1] == [f"@{n} ok" for n in range(3, 3 + whole)]
    refused = r"@\d+ err 73 bad-crc|err 12 bad-argument|@99 ok"
    assert re.fullmatch(refused, answers[-1])
    assert served.params.get("reverse_cap_kmh") == 2 + whole


def test_a_verb_that_breaks_is_a_fault_and_leaves_the_port_to_the_technician(monkeypatch):
    served = Served(cars.Driver())
    monkeypatch.setattr(served.desk, "identity", ())
    assert "err 10 failed: this answer broke" in served.send("id\r")
    assert "IndexError" in served.services.failure
    assert served.ask("why")[-1] == "ok"


def test_a_terminal_that_breaks_each_time_is_called_no_more(monkeypatch):
    served = Served(cars.Driver())
    calls = []

    def broken(passed_ms):
        calls.append(passed_ms)
        raise ValueError

    monkeypatch.setattr(served.console, "step", broken)
    pause(served, 1000)
    assert len(calls) == 3


def test_repl_is_refused_in_a_moving_car():
    terminal = driving()
    assert terminal.ask("repl")[0].startswith("err 88 moving: ")
    assert terminal.requests == []


# Verbs of the board


def test_the_board_says_that_it_has_started_and_how_to_stop_it(terminal):
    terminal.console.announce()
    text = terminal.settle()
    assert text.startswith("#b {")
    said = json.loads(text[3:])
    assert (said["name"], said["version"]) == IDENTITY[:2] == ("lsev", "0.1.0")
    assert IDENTITY_NAMES[:2] == ("name", "version")
    assert "1.5 s" in said["hint"]


def test_time_is_unknown_until_a_host_sets_it_and_goes_on_from_there(terminal):
    assert terminal.ask("time")[0] == "time unknown; set it: time SECONDS"
    assert terminal.desk.wall_s() == 0
    assert terminal.ask("time 1795405000")[0] == "time 1795405000"
    before = terminal.desk.wall_s()
    pause(terminal, 60_000)
    assert terminal.desk.wall_s() - before == 60


@pytest.mark.parametrize(
    "word", ["x", "17", "0000000001", "-179540500", "17954050000", "1767225599"]
)
def test_a_time_that_is_none_leaves_the_clock_alone(terminal, word):
    terminal.ask("time 1795405000")
    assert terminal.ask("time " + word)[0].startswith("err 12 bad-argument: ")
    assert terminal.desk.wall_s() >= 1795405000


def test_echo_off_shows_nothing_of_what_is_typed_and_on_shows_it_again(terminal):
    terminal.send("echo off\r")
    assert terminal.send("why\r").startswith("\r\ndoes not drive")
    terminal.send("echo on\r")
    assert terminal.ask("why")[-1] == "ok"
    assert terminal.ask("echo maybe")[0].startswith("err 12 ")


def test_log_shows_key_mode_and_faults_in_the_order_in_which_they_came(terminal):
    driver = terminal.driver

    def turn(**what):
        for name, value in what.items():
            setattr(driver, name, value)
        for _ in range(300):
            driver.tick(1)
            terminal.main()

    turn(key=1)
    turn(pedal_a_counts=3)
    turn(key=0, pedal_a_counts=None)
    rows = [line.partition(" s ")[2] for line in terminal.ask("log")[:-1]]
    wanted = ["key on", "mode READY", "fault 11 P2122 pedal_a_low CRAWL", "key off"]
    assert [row for row in rows if row in wanted] == wanted
    assert "healed 11 P2122 pedal_a_low CRAWL" in rows
    assert len(terminal.ask("log 2")) == 3
    assert terminal.ask("log 0")[0].startswith("err 12 ")


def test_the_log_keeps_the_last_32(terminal):
    for number in range(100):
        terminal.driver.loop.raw.key_on = number & 1
        terminal.main()
    lines = terminal.ask("log")
    assert len(lines) == 33
    assert lines[-2].endswith("key on")


def test_log_says_when_nothing_has_happened():
    terminal = Terminal()
    terminal.driver.loop.modes.mode = 0
    assert terminal.ask("log") == ["nothing since the start", "ok"]


def test_help_of_a_verb_shows_its_line_and_of_none_the_nearest(terminal):
    assert terminal.ask("help reboot") == ["reboot  start again (parked)", "ok"]
    assert "reboot" in terminal.ask("help rebot")[0]


def test_desc_writes_an_object_for_each_parameter(terminal):
    terminal.params.set("speed_cap_kmh", 45)
    rows = [json.loads(line) for line in terminal.ask("desc")[:-1]]
    assert [row["name"] for row in rows] == [row[1] for row in PARAMS]
    assert rows[0] == {
        "name": "speed_cap_kmh", "unit": "km/h", "min": 40, "max": 56, "default": 40,
        "value": 45, "level": 2,
    }  # fmt: skip
    assert len(terminal.ask("desc pedal_a*")) == 3
    assert "speed_cap_kmh" in terminal.ask("desc sped_cap")[0]


# Inputs


def io_of(terminal):
    """Ask `io` while the car ticks, and return its lines."""
    for byte in b"io\r":
        terminal.console.feed(byte)
    for _ in range(120):
        terminal.driver.tick(1)
        terminal.main()
    lines = bytes(terminal.sent).decode().split("\r\n")[1:-1]
    terminal.sent.clear()
    return lines


def test_io_shows_every_input_raw_and_in_its_unit_with_its_limits(terminal):
    lines = io_of(terminal)
    assert [line.split()[0] for line in lines[: len(INPUTS)]] == list(INPUTS)
    rows = dict(zip(INPUTS, lines, strict=False))
    assert rows["pedal_a"] == "pedal_a 468 mV = 0.0 %, limits 358..2420 mV, seen 468..468 mV"
    assert re.match(r"pack_v \d+ mV = 49\.\d\d V, limits 15.0 V..3050 mV, seen ", rows["pack_v"])
    assert "= 25.0 degC" in rows["battery_temp"]
    assert rows["rail_12v"].startswith("rail_12v 2100 mV = 12.60 V, limits 10.5..15.5 V")
    assert rows["sensor_5v"].startswith("sensor_5v 2500 mV = 5.000 V, limits 4.75..5.25 V")
    assert "= permits nothing" in rows["bms_contacts"]
    assert lines[len(INPUTS)].endswith("gear N, enable line off")
    assert "key off, plug out" in lines[len(INPUTS)]
    assert lines[-1] == "ok"


def test_io_shows_the_least_and_the_most_since_it_was_last_asked(terminal):
    io_of(terminal)
    for counts in (200, 700, 468):
        terminal.driver.pedal_a_counts = counts
        terminal.driver.tick(1)
        terminal.main()
    assert io_of(terminal)[0].endswith("seen 200..700 mV")
    assert io_of(terminal)[0].endswith("seen 468..468 mV")


def test_a_reading_that_failed_is_shown_as_such(terminal):
    io_of(terminal)
    terminal.driver.pack_readable = False
    terminal.driver.tick(50)
    row = next(line for line in io_of(terminal) if line.startswith("pack_v"))
    assert row.startswith("pack_v failed mV = not valid")
    assert ", seen failed.." in row


def test_each_input_of_the_pedal_has_its_own_travel(terminal):
    terminal.driver.pedal = 500
    terminal.driver.tick(50)
    lines = io_of(terminal)
    for line in lines[:2]:
        assert 49.0 <= float(re.search(r"= ([\d.]+) %", line)[1]) <= 51.0


# Levels


def test_what_needs_a_level_is_refused_with_it(terminal, monkeypatch):
    monkeypatch.setattr(terminal.desk.access, "may", lambda level: level < 1)
    answer = terminal.ask("set reverse_cap_kmh 5")
    assert answer[0].startswith("err 33 locked: needs level 1, service; nothing changed;")
    assert terminal.params.get("reverse_cap_kmh") == 8
    assert terminal.ask("reboot")[-1] == "ok"


def test_the_adapter_locks_what_was_unlocked(terminal, monkeypatch):
    locked = []
    monkeypatch.setattr(terminal.desk.access, "lock", lambda: locked.append(1))
    terminal.send("ATZ\r")
    assert locked
