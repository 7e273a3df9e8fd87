"""lsev calibrate: the board leads, the person follows, and what is broken off changes nothing."""

from collections.abc import Callable, Iterable

import pytest

from host_tools import calibrate_command
from host_tools.cli import make_parser
from host_tools.link import LinkError
from tests.unit.answering_board import AnsweringBoard

Capture = pytest.CaptureFixture[str]


def pedal_board() -> AnsweringBoard:
    """Return a board that wants the pedal released, pressed, and then an accept."""
    steps = iter((["now press it fully"], ["1840 counts; accept takes it over"]))
    return AnsweringBoard(
        {
            "cal pedal start": ["release the pedal"],
            "cal pedal step": lambda line: next(steps),
            "cal pedal accept": ["pedal_a_pressed_counts 2310 -> 2290"],
            "cal pedal abort": ["aborted"],
            "cal pedal undo": ["pedal_a_pressed_counts 2290 -> 2310"],
        }
    )


def wheel_board() -> AnsweringBoard:
    return AnsweringBoard(
        {
            "cal wheel start": ["drive, stop, then accept METRES"],
            "cal wheel accept 100.5": ["wheel_circumference_mm 1595 -> 1610"],
            "cal wheel abort": ["aborted"],
        }
    )


def typing(words: Iterable[str]) -> Callable[[str], str]:
    """Return an input() at which a person types words, and then ends it."""
    typed = iter(words)

    def listen(prompt: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    return listen


def run(board: AnsweringBoard, words: Iterable[str], *arguments: str) -> int:
    args = make_parser().parse_args(["calibrate", "--lang", "en", *arguments])
    return calibrate_command.run(args, board.open, typing(words))


def test_a_pedal_is_led_through_its_steps_and_then_taken_over(capsys: Capture) -> None:
    board = pedal_board()
    assert run(board, ["", "", ""], "pedal") == 0
    assert board.told == [
        *("cal pedal start", "cal pedal step", "cal pedal step", "cal pedal accept")
    ]
    out = capsys.readouterr().out
    assert out.index("release the pedal") < out.index("now press it") < out.index("2310 -> 2290")
    assert "lsev calibrate pedal --undo" in out


@pytest.mark.parametrize("words", [[], ["q"], ["", "q"], ["", ""], ["", "", "Q "]])
def test_a_person_who_stops_anywhere_leaves_the_old_calibration(
    words: list[str], capsys: Capture
) -> None:
    board = pedal_board()
    assert run(board, words, "pedal") == 1
    assert board.told[-1] == "cal pedal abort" and "cal pedal accept" not in board.told
    assert "old calibration is kept" in capsys.readouterr().out


def in_turn(*answers: list[str] | LinkError) -> Callable[[str], list[str]]:
    """Return what gives a line the next of these answers each time."""
    left = iter(answers)

    def answer(line: str) -> list[str]:
        said = next(left)
        if isinstance(said, LinkError):
            raise said
        return said

    return answer


@pytest.mark.parametrize("code", [21, 22, 31, 88])
def test_a_refused_step_is_told_and_asked_for_again(code: int, capsys: Capture) -> None:
    board = pedal_board()
    refused = LinkError(code, "no", "hold still")
    board.answers["cal pedal step"] = in_turn(refused, ["now press it"], ["accept takes it"])
    assert run(board, ["", "", "", ""], "pedal") == 0
    assert board.told.count("cal pedal step") == 3 and "cal pedal abort" not in board.told
    assert f"Not taken: hold still (error {code} no)." in capsys.readouterr().out


def test_a_foot_on_the_pedal_at_the_end_costs_no_step(capsys: Capture) -> None:
    board = pedal_board()
    refused = LinkError(22, "not-now", "not parked")
    board.answers["cal pedal accept"] = in_turn(refused, ["pedal_a_pressed_counts 1 -> 2"])
    assert run(board, ["", "", "", ""], "pedal") == 0
    assert "1 -> 2" in capsys.readouterr().out


def test_a_result_that_the_board_has_dropped_ends_it() -> None:
    board = pedal_board()
    board.answers["cal pedal accept"] = LinkError(31, "out-of-range", "moved 90, needs 200")
    with pytest.raises(LinkError, match="needs 200"):
        run(board, ["", "", ""], "pedal")
    assert board.told[-1] == "cal pedal abort"


@pytest.mark.parametrize("code", [10, 33, None])
def test_what_no_second_try_mends_is_aborted_and_told(code: int | None) -> None:
    board = pedal_board()
    board.answers["cal pedal step"] = LinkError(code, "failed", "it broke")
    with pytest.raises(LinkError, match="it broke"):
        run(board, [""], "pedal")
    assert board.told[-1] == "cal pedal abort"


@pytest.mark.parametrize(
    ("lang", "asked"), [("en", "1/6: let the pedal go."), ("zh", "松开加速踏板")]
)
def test_each_step_is_asked_for_in_the_language_of_the_person(
    lang: str, asked: str, capsys: Capture
) -> None:
    board = pedal_board()
    reads = "pedal a 470 mV, b 235 mV, current 1500 mV = 0.0 A"
    board.answers["cal pedal start"] = [reads, "1 of 6: let the pedal go, then `step`"]
    assert run(board, ["q"], "pedal", "--lang", lang) == 1
    out = capsys.readouterr().out
    assert asked in out and "`step`" not in out
    assert (reads in out) == (lang == "en") and "470 mV" in out


def test_metres_that_do_not_fit_cost_no_drive() -> None:
    board = wheel_board()
    board.answers["cal wheel accept 10"] = LinkError(31, "out-of-range", "needs 50 to 1000 m")
    board.answers["cal wheel accept 100"] = LinkError(88, "moving", "not parked")
    assert run(board, ["10", "100", "100.5"], "wheel") == 0
    assert board.told[-1] == "cal wheel accept 100.5"


def test_what_was_right_already_has_nothing_to_undo(capsys: Capture) -> None:
    board = AnsweringBoard(
        {"cal brake start": ["accept"], "cal brake accept": ["it switches as it should"]}
    )
    assert run(board, [""], "brake") == 0
    out = capsys.readouterr().out
    assert "no value had to change" in out and "--undo" not in out


@pytest.mark.parametrize(("words", "typed"), [([], ["", "", ""]), (["--undo"], [])])
def test_a_restart_puts_it_in_use_where_that_was_asked_for(
    words: list[str], typed: list[str]
) -> None:
    board = pedal_board()
    board.answers["reboot"] = ["rebooting"]
    assert run(board, typed, "pedal", "--reboot", *words) == 0
    assert board.told[-1] == "reboot"


def test_the_wheel_takes_the_metres_after_the_drive() -> None:
    board = wheel_board()
    assert run(board, ["", "100.5"], "wheel") == 0
    assert board.told == ["cal wheel start", "cal wheel accept 100.5"]


def test_undo_asks_for_nothing() -> None:
    board = pedal_board()
    assert run(board, [], "pedal", "--undo") == 0
    assert board.told == ["cal pedal undo"]
