"""One port, three modes: when it becomes an OBD adapter, and what ends that."""

import pytest

from service.request_line import is_for_obd
from tests.unit.terminals import PROMPT, checked, parked, pause

terminal = pytest.fixture(parked)


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


def test_the_adapter_locks_what_was_unlocked(terminal, monkeypatch):
    locked = []
    monkeypatch.setattr(terminal.desk.access, "lock", lambda: locked.append(1))
    terminal.send("ATZ\r")
    assert locked
