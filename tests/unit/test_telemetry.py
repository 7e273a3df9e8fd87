"""What a program that subscribed is sent: which values, how often, and never in the way."""

import json
from itertools import pairwise

import pytest

from service import desk as desks
from service.telemetry import TELEMETRY
from tests.unit import cars
from tests.unit.terminals import PROMPT, Terminal, parked
from vcu.faults import TABLE, WORDS

NAMES = [row[0] for row in TELEMETRY]

terminal = pytest.fixture(parked)


def listen(terminal, ms, step_ms=10):
    """Let ms pass and return the lines that came."""
    terminal.sent.clear()
    for _ in range(ms // step_ms):
        terminal.console.step(step_ms)
    text = terminal.sent.decode("ascii")
    terminal.sent.clear()
    return text.split("\r\n")


def frames(lines):
    return [json.loads(line[3:]) for line in lines if line.startswith("#t ") and line[-1] == "}"]


def test_the_names_are_all_different_and_each_is_a_number_of_the_loop(terminal):
    assert len(set(NAMES)) == len(NAMES)
    for name in NAMES:
        terminal.send(f"sub {name} 20\r")
        assert isinstance(frames(listen(terminal, 500))[0][name], int), name
    assert sum(name.startswith("faults_") for name in NAMES) == WORDS == len(TABLE)


def test_sub_alone_names_all_of_them(terminal):
    assert terminal.ask("sub")[:-1] == NAMES


def test_each_line_carries_the_time_and_the_values_asked_for(terminal):
    loop = terminal.driver.loop
    loop.sig.speed_mmps = 11111
    loop.faults.active[2] = 5
    assert "3 values at 10 Hz\r\n" in terminal.send("sub speed_mmps,pack_cv,faults_pack 10\r")
    rows = frames(listen(terminal, 1000))
    assert set(rows[0]) == {"t", "speed_mmps", "pack_cv", "faults_pack"}
    assert rows[0]["speed_mmps"] == 11111
    assert rows[0]["pack_cv"] == loop.sig.pack_cv > 0
    assert rows[0]["faults_pack"] == 5


@pytest.mark.parametrize("rate_hz", [1, 7, 20])
def test_lines_come_at_the_rate_asked_for(terminal, rate_hz):
    terminal.send(f"sub mode,speed_mmps {rate_hz}\r")
    listen(terminal, 1000)
    rows = frames(listen(terminal, 10_000))
    assert abs(len(rows) - 10 * rate_hz) <= 2
    gaps = [after["t"] - before["t"] for before, after in pairwise(rows)]
    assert max(gaps) - min(gaps) <= 20


def test_all_values_can_be_had_at_5_hz_and_too_many_too_often_are_refused(terminal):
    assert "\r\nok\r\n" in terminal.send("sub * 5\r")
    assert set(frames(listen(terminal, 1000))[0]) == {"t", *NAMES}
    answer = terminal.send("sub * 20\r")
    assert "err 14 too-big: " in answer
    assert set(frames(listen(terminal, 1000))[0]) == {"t", *NAMES}


def test_with_a_plus_values_are_added_and_without_they_are_replaced(terminal):
    terminal.send("sub speed_mmps 5\r")
    terminal.send("sub +pack_cv,speed_mmps 5\r")
    assert set(frames(listen(terminal, 1000))[-1]) == {"t", "speed_mmps", "pack_cv"}
    terminal.send("sub mode 5\r")
    assert set(frames(listen(terminal, 1000))[-1]) == {"t", "mode"}


def test_a_star_takes_all_that_begin_so(terminal):
    terminal.send("sub faults* 5\r")
    assert len(frames(listen(terminal, 1000))[0]) == 5


@pytest.mark.parametrize("line", ["sub sped_mmps 5", "sub mode,,pack_cv 5", "sub zzz* 5"])
def test_an_unknown_name_leaves_the_subscription_as_it_was(terminal, line):
    terminal.send("sub mode 5\r")
    assert "err 12 bad-argument: " in terminal.send(line + "\r")
    assert set(frames(listen(terminal, 1000))[0]) == {"t", "mode"}


@pytest.mark.parametrize("rate", ["0", "21", "x", "-1", ""])
def test_a_rate_outside_1_to_20_hz_is_refused(terminal, rate):
    assert "err 31 out-of-range: rate is 1 to 20 Hz;" in terminal.send(f"sub mode {rate}\r")


def test_nothing_is_sent_before_sub_and_after_unsub(terminal):
    assert listen(terminal, 1000) == [""]
    terminal.send("sub mode 20\r")
    terminal.send("unsub\r")
    assert listen(terminal, 1000) == [""]


ENDS = [("@1 ", 15), ("", 120)]


@pytest.mark.parametrize(("tag", "lives_s"), ENDS)
def test_a_subscription_ends_when_who_asked_for_it_is_gone_and_says_so(terminal, tag, lives_s):
    terminal.send(f"{tag}sub mode 5\r")
    lines = listen(terminal, (lives_s - 5) * 1000)
    assert frames(lines[-5:])
    lines = listen(terminal, 6000)
    (told,) = [line for line in lines if line.startswith("#l ")]
    assert json.loads(told[3:])["telemetry"].startswith(f"ended, no line for {lives_s} s")
    assert lines[-2:] == [told, ""]
    assert listen(terminal, 5000) == [""]


@pytest.mark.parametrize(("tag", "lives_s"), ENDS)
def test_a_line_now_and_then_keeps_a_subscription(terminal, tag, lives_s):
    terminal.send(f"{tag}sub mode 5\r")
    for number in range(3):
        listen(terminal, (lives_s - 5) * 1000)
        terminal.send(f"{tag.replace('1', str(number))}echo\r")  # and 4 s
    assert frames(listen(terminal, 1000))


def test_what_a_person_types_does_not_keep_the_subscription_of_a_program_that_is_gone(terminal):
    terminal.send("@1 sub mode 5\r")
    for _ in range(4):
        listen(terminal, 3000)
        terminal.send("why\r")
    assert listen(terminal, 5000) == [""]


def test_a_subscription_ends_though_its_line_is_half_written_to_a_host_that_does_not_read(
    terminal,
):
    terminal.send("@1 sub * 5\r")
    terminal.takes = 0
    listen(terminal, 17_000)
    terminal.takes = None
    lines = listen(terminal, 2000)
    assert len(frames(lines)) == len([line for line in lines if line.startswith("#t")])
    assert "#l" in lines[-2] and listen(terminal, 2000) == [""]


def test_a_new_fault_is_told_once_to_whoever_has_subscribed(terminal):
    driver = terminal.driver.start()
    terminal.send("sub mode 1\r")
    driver.pedal_a_counts = 3
    driver.tick(50)
    told = [json.loads(line[3:]) for line in listen(terminal, 1000) if line.startswith("#e ")]
    assert len(told) == 1
    assert told[0].pop("t") > 0
    assert told[0] == {"id": 11, "code": "P2122", "name": "pedal_a_low", "class": "CRAWL"}


def test_a_tagged_answer_and_its_sums_are_not_disturbed_by_lines_in_between(terminal):
    expected = terminal.send("@1 get *\r").split("\r\n")
    terminal.send("sub mode,speed_mmps,pack_cv 20\r")
    listen(terminal, 100)
    for byte in b"@1 get *\r":
        terminal.console.feed(byte)
    lines = listen(terminal, 4000)
    assert [line for line in lines if line.startswith("@")] == expected[:-1]
    assert len(frames(lines)) >= 70


def test_a_person_who_is_typing_is_not_interrupted(terminal):
    terminal.send("sub mode 20\r")
    listen(terminal, 100)
    for byte in b"wh":
        terminal.console.feed(byte)
    lines = listen(terminal, 1000)
    assert not [line for line in lines[:-1] if line.startswith("wh")]
    assert listen(terminal, 1000) == [""]
    for byte in b"y\r":
        terminal.console.feed(byte)
    lines = listen(terminal, 1000)
    assert lines[0] == "y"
    assert PROMPT in lines
    assert frames(lines)


def test_lines_begin_at_the_start_of_a_line_though_a_prompt_stood_there(terminal):
    assert terminal.send("sub mode 20\r").count("\n#t ")
    assert all(line[0] in "#l" for line in listen(terminal, 1000) if line)


def test_a_host_that_does_not_read_holds_nothing_up_and_gets_whole_lines_afterwards(terminal):
    terminal.send("sub mode,speed_mmps 20\r")
    terminal.takes = 0
    listen(terminal, 10_000)
    terminal.takes = None
    lines = listen(terminal, 2000)
    rows = frames(lines)
    assert len(rows) == len([line for line in lines if line.startswith("#t")])
    assert len(rows) < 60
    assert terminal.console.reply.lost_bytes == 0


def test_at_full_rate_an_answer_still_comes(terminal):
    names = "mode,speed_mmps,pack_cv,pack_da,soc_permille,pedal_permille,key_on,plug_in,brake_on"
    assert "ok" in terminal.send(f"sub {names} 20\r")
    for byte in b"@2 reboot\r":
        terminal.console.feed(byte)
    terminal.sent.clear()
    text = terminal.settle(100)
    assert "@2 ok *" in text
    assert terminal.requests == [desks.REBOOT]


def test_the_values_of_a_line_are_of_one_moment():
    driver = cars.Driver()
    terminal = Terminal(driver)
    terminal.send("sub * 4\r")
    for number in range(400):
        driver.loop.sig.speed_mmps = driver.loop.sig.motor_ddegc = number
        terminal.console.step(10)
    rows = frames(terminal.sent.decode().split("\r\n"))
    assert len(rows) > 8
    assert all(row["speed_mmps"] == row["motor_ddegc"] for row in rows[2:])
