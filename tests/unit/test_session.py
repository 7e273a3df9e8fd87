"""The session: what every tool does at a board before its own work."""

import time
from types import SimpleNamespace

import pytest

from host_tools.link import LinkError
from host_tools.session import open_session, tell_time, unlock
from tests.unit.answering_board import AnsweringBoard


def test_a_board_is_told_the_time_for_its_history() -> None:
    board = AnsweringBoard({"time": ["time 1"]})
    before = int(time.time())
    tell_time(board)
    word, seconds = board.told[0].split()
    assert word == "time" and before <= int(seconds) <= time.time()


def test_a_board_that_does_not_take_the_time_is_worked_with_all_the_same() -> None:
    tell_time(AnsweringBoard({"time": LinkError(12, "bad-argument", "no time")}))


def test_a_board_that_does_not_answer_is_told_at_once() -> None:
    board = AnsweringBoard({"time": LinkError(None, "no-answer", "the answer did not come")})
    with pytest.raises(LinkError, match="did not come"):
        tell_time(board)
    assert len(board.told) == 1


def test_a_board_that_restarts_while_it_is_told_the_time_is_told_it_again() -> None:
    answers = iter((LinkError(None, "broke-off", "the answer broke off"), ["time 1"]))
    board = AnsweringBoard({"time": lambda line: _said(next(answers))})
    tell_time(board)
    assert len(board.told) == 2


def test_a_board_whose_answers_go_on_to_break_off_is_told() -> None:
    board = AnsweringBoard({"time": LinkError(None, "broke-off", "the answer broke off")})
    with pytest.raises(LinkError, match="broke off"):
        tell_time(board)
    assert len(board.told) == 2


def _said(answer: list[str] | LinkError) -> list[str]:
    if isinstance(answer, LinkError):
        raise answer
    return answer


@pytest.fixture
def unlockable(monkeypatch: pytest.MonkeyPatch) -> AnsweringBoard:
    """Return the board at the port of a session; it takes any key."""
    challenge = [f"level 1 id LSEV-7 nonce {'0f' * 16} tries 5"]
    board = AnsweringBoard({"time": [], "unlock": challenge, "auth": ["service"], "lock": []})
    closed = SimpleNamespace(close=lambda: board.told.append("(closed)"))

    monkeypatch.setattr("host_tools.link.open_port", lambda _: closed)
    monkeypatch.setattr("host_tools.link.Link", lambda *_: board)
    return board


def test_what_a_tool_unlocked_is_locked_before_it_lets_the_port_go(
    unlockable: AnsweringBoard,
) -> None:
    with pytest.raises(KeyboardInterrupt), open_session(None) as link:
        unlock(link, 1, b"0123456789abcdef")
        link.command("id")
        raise KeyboardInterrupt
    assert unlockable.told[-3:] == ["id", "lock", "(closed)"]


def test_a_challenge_that_is_not_understood_leaves_the_board_locked(
    unlockable: AnsweringBoard,
) -> None:
    unlockable.answers["unlock"] = ["prove it"]
    with open_session(None) as link, pytest.raises(LinkError, match="not understood") as refused:
        unlock(link, 1, b"0123456789abcdef")
    assert refused.value.code == 33 and not any("auth" in line for line in unlockable.told)


def test_what_was_never_unlocked_is_not_locked(unlockable: AnsweringBoard) -> None:
    unlockable.answers["auth"] = LinkError(35, "bad-key", "wrong key")
    with pytest.raises(LinkError, match="wrong key"), open_session(None) as link:
        unlock(link, 1, b"0123456789abcdef")
    assert "lock" not in unlockable.told and unlockable.told[-1] == "(closed)"


def test_a_board_that_is_gone_at_the_end_leaves_the_first_error_to_be_told(
    unlockable: AnsweringBoard,
) -> None:
    unlockable.answers["lock"] = LinkError(None, "lost", "the port is gone")
    with pytest.raises(LinkError, match="not parked"), open_session(None) as link:
        unlock(link, 1, b"0123456789abcdef")
        raise LinkError(22, "not-now", "not parked")
    assert unlockable.told[-1] == "(closed)"
