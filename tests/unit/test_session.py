"""The session: what every tool does at a board before its own work."""

import time

import pytest
from unit.answering_board import AnsweringBoard

from host_tools.link import LinkError
from host_tools.session import tell_time


def test_a_board_is_told_the_time_for_its_history() -> None:
    board = AnsweringBoard({"time": ["time 1"]})
    before = int(time.time())
    tell_time(board)
    word, seconds = board.told[0].split()
    assert word == "time" and before <= int(seconds) <= time.time()


def test_a_board_that_does_not_take_the_time_is_worked_with_all_the_same() -> None:
    tell_time(AnsweringBoard({"time": LinkError(12, "bad-argument", "no time")}))


def test_a_board_that_does_not_answer_is_told_at_once() -> None:
    silent = LinkError(None, "no-answer", "the answer did not come")
    with pytest.raises(LinkError, match="did not come"):
        tell_time(AnsweringBoard({"time": silent}))
