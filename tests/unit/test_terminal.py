"""One port, three modes: what a program gets, what floods do, and how Ctrl-C and `repl` end it."""

import re
from itertools import pairwise

import pytest

from service import desk as desks
from service.reply import Reply
from service.services import NullSerial, Services
from tests.unit import cars
from tests.unit.terminals import PROMPT, Served, Terminal, checked, driving, parked, pause, summed

terminal = pytest.fixture(parked)


# --- Programs


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


# --- Input that nobody should send


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


# --- Ctrl-C, and the prompt


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


# --- Levels


def test_what_needs_a_level_is_refused_with_it(terminal, monkeypatch):
    monkeypatch.setattr(terminal.desk.access, "may", lambda level: level < 1)
    answer = terminal.ask("set reverse_cap_kmh 5")
    assert answer[0].startswith("err 33 locked: needs level 1, service; nothing changed;")
    assert terminal.params.get("reverse_cap_kmh") == 8
    assert terminal.ask("reboot")[-1] == "ok"
