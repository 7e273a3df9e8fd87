"""What a terminal shows of faults: the worst first, all that was kept, and what a clear left."""

import re

import pytest

from service import desk as desks
from tests.unit import cars
from tests.unit.terminals import Terminal
from vcu.faults import DRIVER, SYSTEM, TABLE, TRACTION, WORDS

FIRST_WALL_S = 1795400000  # 2026-11-23 02:13


class Board(Terminal):
    """A parked car whose faults a clear really clears, and which come back if they are there."""

    def __init__(self):
        driver = cars.Driver()
        driver.tick(250)
        super().__init__(driver)
        self.faults = self.desk.loop.faults
        self.history = self.desk.history
        self.returns = ()  # word and bit of what is confirmed again 0.5 s after a clear
        self.slices = 0
        self.desk.loop.clear_faults()

    def main(self):
        self.console.step(10)
        if self.desk.wanted == desks.CLEAR:
            self.requests.append(self.desk.wanted)
            if not self.trouble:
                self.desk.loop.clear_faults()
                self.history.clear(self.faults, 700, 9)
            self.desk.finish(self.trouble)
            self.slices = 50
        elif self.slices:
            self.slices -= 1
            for word, bit in self.returns if not self.slices else ():
                self.confirm(word, bit)

    def confirm(self, word, bit, second=100, cycle=3):
        """Make a row active; the other rows of its word heal."""
        for _ in range(30):
            self.faults.step(word, 1 << bit, 1, 0, 500)
        self.history.look(self.faults, second, cycle)

    def heal(self, word):
        for _ in range(60):
            self.faults.step(word, 0, 0, 1, 500)


@pytest.fixture
def board():
    return Board()


def bit_of(word, name):
    return [row[1] for row in TABLE[word]].index(name)


def test_the_active_come_first_and_of_them_the_most_severe(board):
    board.confirm(SYSTEM, bit_of(SYSTEM, "rail_low"))
    board.confirm(TRACTION, bit_of(TRACTION, "guard_data"))
    board.heal(TRACTION)
    board.confirm(TRACTION, bit_of(TRACTION, "enable_stuck_on"))
    board.confirm(DRIVER, bit_of(DRIVER, "sensor_5v_low"))
    lines = board.ask("faults")
    shown = [re.match(r"\d+ \w+ (\w+) \w+ (\w+)", line).groups() for line in lines[:-1]]
    assert shown == [
        ("enable_stuck_on", "active"),
        ("sensor_5v_low", "active"),
        ("rail_low", "active"),
        ("guard_data", "stored"),
    ]


def test_reading_changes_nothing(board):
    board.confirm(DRIVER, 0)
    before = [list(words) for words in (board.faults.stored, board.faults.pending)]
    for line in ("faults", "faults hist", "freeze 11", "faults freeze 11", "faults"):
        board.ask(line)
    assert before == [list(words) for words in (board.faults.stored, board.faults.pending)]
    assert board.faults.counts[0] == 1
    assert board.requests == []


def test_the_history_has_seconds_key_cycles_dates_and_what_a_scan_tool_would_list(board):
    board.confirm(DRIVER, 0, 100, 3)
    board.heal(DRIVER)
    board.desk.set_wall(FIRST_WALL_S)
    board.confirm(DRIVER, 0, 200, 4)
    board.heal(DRIVER)
    board.desk.loop.recorder.freeze(0, board.desk.loop.sig, 0, 0, 0)
    board.history.passes[0] = 2
    assert board.ask("faults hist") == [
        "11 P2122 pedal_a_low CRAWL stored 2x at 100..200 s, key cycle 3..4;"
        " pending; permanent, clean drives 2 of 3; frame",
        "  first at an unknown time, last 2026-11-23 02:13 UTC",
        "ok",
    ]
    board.faults.begin_cycle()
    board.faults.begin_cycle()
    assert "; pending" not in board.ask("faults hist")[0]


def test_where_nobody_told_the_time_there_are_no_dates(board):
    board.confirm(DRIVER, 0)
    assert len(board.ask("faults hist")) == 2


def test_no_history_says_so(board):
    assert board.ask("faults hist") == ["no faults kept", "ok"]


def test_what_was_cleared_and_is_permanent_stays_in_the_history_and_is_announced(board):
    board.desk.set_wall(FIRST_WALL_S)
    board.confirm(DRIVER, 0)
    board.heal(DRIVER)
    board.ask("clear")
    assert board.ask("faults") == [
        "none active, none stored",
        "cleared, but permanent until driven clean: see `faults hist`",
        "ok",
    ]
    assert board.ask("faults hist") == [
        "cleared at 700 s, key cycle 9, 2026-11-23 02:13 UTC",
        "11 P2122 pedal_a_low CRAWL cleared 0x; permanent, clean drives 0 of 3",
        "ok",
    ]


def test_every_row_fits_a_line_with_the_longest_times(board):
    most = (1 << 30) - 1
    for word in range(WORDS):
        rows = (1 << len(TABLE[word])) - 1
        for words in ("active", "stored", "pending", "permanent"):
            getattr(board.faults, words)[word] = rows
    for number in range(len(board.faults.counts)):
        board.faults.counts[number] = 65535
        board.history.note(number, 65535, most, most)
        board.history.first_wall_s[number] = board.history.last_wall_s[number] = (1 << 32) - 1
    text = board.send("faults hist\r")
    for _ in range(20):
        text += board.settle()
    lines = text.split("\r\n")
    assert sum("permanent, clean drives" in line for line in lines) == sum(map(len, TABLE))
    assert max(map(len, lines)) <= 200
    assert board.console.reply.lost_bytes == 0


@pytest.mark.parametrize("code", ["11", "P2122", "p2122"])
@pytest.mark.parametrize("verb", ["freeze", "faults freeze"])
def test_a_frame_is_found_by_blink_code_and_by_dtc(board, verb, code):
    loop = board.desk.loop
    loop.recorder.freeze(0, loop.sig, 0, 0, 600)
    for _ in range(25):
        loop.recorder.step()
    lines = board.ask(f"{verb} {code}")
    assert "torque_permille 600" in lines and lines[-1] == "ok"


@pytest.mark.parametrize(
    "line", ["faults x", "faults freeze", "faults hist 11", "faults 11", "clear x", "clear 11"]
)
def test_a_part_that_there_is_not_is_refused_and_nothing_is_done(board, line):
    board.confirm(DRIVER, 0)
    answer = board.ask(line)
    assert answer[0].startswith("err 12 bad-argument: no such part; nothing changed; use: ")
    assert board.requests == []
    assert board.faults.stored[DRIVER] == 1


@pytest.mark.parametrize("line", ["clear", "clear faults"])
def test_clear_says_how_many_are_gone_and_shows_what_is_still_there_or_back(board, line):
    board.confirm(SYSTEM, bit_of(SYSTEM, "rail_low"))
    board.heal(SYSTEM)
    board.confirm(DRIVER, 0)
    board.confirm(TRACTION, bit_of(TRACTION, "guard_data"))
    board.heal(TRACTION)
    board.returns = ((TRACTION, bit_of(TRACTION, "guard_data")),)
    answer = board.ask(line)
    assert answer[0] == "cleared; looking what comes back"
    assert answer[1].startswith("45 P0604 guard_data STOP active 1x")
    assert answer[2].startswith("11 P2122 pedal_a_low CRAWL active 1x")
    assert answer[3:] == ["1 gone, 2 there still or again, 2 permanent until driven clean", "ok"]


def test_clear_of_nothing_says_so(board):
    board.faults.permanent[DRIVER] = 0
    assert (
        board.ask("clear")[1] == "0 gone, 0 there still or again, 0 permanent until driven clean"
    )


def test_a_clear_that_flash_refused_counts_nothing_as_gone(board):
    board.confirm(DRIVER, 0)
    board.trouble = "flash refused it; the old record is kept; try again"
    assert board.ask("clear") == ["err 72 flash-error: " + board.trouble]


def test_clear_needs_a_parked_car(board):
    board.driver.loop.sig.standstill_ms = 0
    assert board.ask("clear")[0].startswith("err ")
    assert board.requests == []
