"""lsev calibrate: the board leads, the person follows, and what is broken off changes nothing."""

from collections.abc import Callable, Iterable

import pytest
from unit.answering_board import AnsweringBoard

from host_tools import calibrate_command
from host_tools.cli import make_parser
from host_tools.link import LinkError

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
    args = make_parser().parse_args(["calibrate", *arguments, "--lang", "en"])
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


def test_a_refused_step_is_aborted_and_told() -> None:
    board = pedal_board()
    board.answers["cal pedal step"] = LinkError(31, "out-of-range", "span 90 counts, needs 200")
    with pytest.raises(LinkError, match="needs 200"):
        run(board, [""], "pedal")
    assert board.told[-1] == "cal pedal abort"


def test_the_wheel_takes_the_metres_after_the_drive() -> None:
    board = wheel_board()
    assert run(board, ["", "100.5"], "wheel") == 0
    assert board.told == ["cal wheel start", "cal wheel accept 100.5"]


def test_undo_asks_for_nothing() -> None:
    board = pedal_board()
    assert run(board, [], "pedal", "--undo") == 0
    assert board.told == ["cal pedal undo"]
