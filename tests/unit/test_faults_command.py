"""lsev faults and lsev report: the worst comes first, and nothing is cleared before it is kept."""

import io
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from host_tools import faults_command, report_command
from host_tools.answers import Diagnosis, parse_faults
from host_tools.arguments import InputError
from host_tools.cli import make_parser
from host_tools.fault_text import describe
from host_tools.link import LinkError
from host_tools.screen import width
from tests.unit.answering_board import PEDAL_OPEN, RAIL_LOW, UNKNOWN, AnsweringBoard, Terminal
from tests.unit.kept_screens import kept
from vcu.faults import CLASS_NAMES, TABLE

pytestmark = pytest.mark.usefixtures("own_folder")

NOW = datetime(2026, 11, 23, 9, 30)
SECRET = "0123456789abcdef0123456789abcdef"

Capture = pytest.CaptureFixture[str]


def run(board: AnsweringBoard, *words: str) -> int:
    args = make_parser().parse_args([*words])
    if words[0] == "report":
        return report_command.run(args, board.open, lambda: NOW)
    return faults_command.run(args, board.open, lambda: NOW, lambda seconds: None)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("faults_pedal_a_open", {}),
        (
            "faults_none",
            {"faults": ["none active, none stored"], "faults hist": ["no history"]}
            | {"why": ["drives: torque 0.0 %"]},
        ),
    ],
)
def test_the_screen_of_faults_is_as_kept(
    name: str, answers: dict[str, Any], lang: str, capsys: Capture
) -> None:
    assert run(AnsweringBoard(answers), "faults", "--lang", lang) == 0
    shown = capsys.readouterr().out
    assert shown == kept(f"{name}_{lang}", shown)
    assert max(map(width, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", ("P2122", "Pedal channel A", "crawls")), ("zh", ("P2122", "踏板 A", "慢行"))],
)
def test_the_first_line_names_the_worst_fault_and_what_it_does(
    lang: str, words: tuple[str, ...], capsys: Capture
) -> None:
    run(AnsweringBoard(), "faults", "--lang", lang)
    first = capsys.readouterr().out.splitlines()[0]
    assert all(word in first for word in words)


def test_of_two_active_faults_the_worse_one_is_first_and_the_other_is_counted(
    capsys: Capture,
) -> None:
    both = [RAIL_LOW.replace("stored", "active"), PEDAL_OPEN]
    run(AnsweringBoard({"faults": both}), "faults")
    assert capsys.readouterr().out.startswith("P2122 ")
    run(AnsweringBoard({"faults": both}), "faults", "--lang", "en")
    assert "And 1 more." in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("row", [row for word in TABLE for row in word], ids=lambda row: row[1])
def test_a_line_of_every_row_of_the_table_is_understood(row: tuple[Any, ...]) -> None:
    line = f"{row[0]} {row[2]} {row[1]} {CLASS_NAMES[row[3]]} stored 2x at 5..70 s; heals 1.0 s"
    (fault,) = parse_faults([line])
    assert (fault.blink_code, fault.dtc, fault.name) == (row[0], row[2], row[1])
    assert not fault.is_active and fault.count == 2 and (fault.first_s, fault.last_s) == (5, 70)


def test_json_is_one_object_with_texts_in_the_language(capsys: Capture) -> None:
    run(AnsweringBoard(), "faults", "--json", "--lang", "zh")
    out = capsys.readouterr().out
    found = json.loads(out)
    assert out.count("\n") == 1
    assert found["device"]["unique_id"] == "a1b2c3" and found["drives"] is False
    assert [fault["name"] for fault in found["faults"]] == [
        "pedal_a_low",
        "rail_low",
        "pedal_b_low",
    ]
    assert "踏板" in found["faults"][0]["title"] and found["faults"][0]["causes"]
    assert found["reasons"][0] == {
        "name": "key_off",
        "text": "钥匙关着。",
        "reading": "key reads off, needs on",
    }


PERMANENT = "13 P2127 pedal_b_low CRAWL cleared 0x; permanent, clean drives 2 of 3"


def cleared(left: list[str]) -> AnsweringBoard:
    """Return a board of which left is still there after a clear."""
    board = AnsweringBoard()

    def clear(line: str) -> list[str]:
        board.answers["faults"] = left
        board.answers["faults hist"] = [PERMANENT]
        return ["cleared"]

    board.answers["clear"] = clear
    return board


def test_clearing_saves_a_report_first_and_says_that_nothing_came_back(
    tmp_path: Path, capsys: Capture
) -> None:
    board = cleared(["none active, none stored"])
    assert run(board, "faults", "--clear", "--yes", "--lang", "en") == 0
    (report,) = tmp_path.iterdir()
    assert report.name == "lsev_report_a1b2c3_20261123_093000.txt"
    assert "P2122" in report.read_text(encoding="utf-8").splitlines()[0]
    out = capsys.readouterr().out
    assert str(report.name) in out and "Faults cleared: 2. None came back" in out
    assert "clean drives so far: 2 of 3" in out
    assert board.told.index("stats") < board.told.index("clear")


def test_a_fault_that_is_still_there_is_told_and_fails(capsys: Capture) -> None:
    words = ("faults", "--clear", "--yes", "--lang", "en")
    assert run(cleared([PEDAL_OPEN]), *words) == 1
    out = capsys.readouterr().out
    assert "came back at once" in out and "pedal_a_low" in out and "rail_low" not in out


def test_json_of_clearing_names_what_went_what_stayed_and_the_report(
    tmp_path: Path, capsys: Capture
) -> None:
    words = ("faults", "--clear", "--yes", "--json", "--report", "before.txt")
    status = run(cleared([PEDAL_OPEN]), *words)
    found = json.loads(capsys.readouterr().out)
    assert status == 1
    assert found["cleared"] == ["rail_low"]
    assert [fault["name"] for fault in found["faults"]] == ["pedal_a_low", "pedal_b_low"]
    assert found["report"] == "before.txt" and (tmp_path / "before.txt").exists()


def test_a_board_that_refuses_to_clear_leaves_the_report_and_the_error(tmp_path: Path) -> None:
    refusal = LinkError(22, "not-now", "not parked (5.0 km/h); nothing changed; stand 2 s")
    with pytest.raises(LinkError, match="not parked"):
        run(AnsweringBoard({"clear": refusal}), "faults", "--clear", "--yes")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("words", [(), ("--json",), ("--report", "r.txt")])
def test_without_a_terminal_nothing_is_cleared_unless_yes_is_given(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    board = cleared([])
    with pytest.raises(InputError, match=r"no terminal to ask at.*give --yes"):
        run(board, "faults", "--clear", *words)
    assert board.told == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("typed", "is_cleared"), [("y\n", True), ("n\n", False), ("", False)])
def test_at_a_terminal_a_person_decides_what_is_cleared(
    typed: str, is_cleared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    board = cleared([])
    assert run(board, "faults", "--clear") == (0 if is_cleared else 1)
    assert ("clear" in board.told) == is_cleared


def test_json_asks_nothing_and_so_wants_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    board = cleared([])
    with pytest.raises(InputError, match="--json asks nothing"):
        run(board, "faults", "--clear", "--json")
    assert board.told == []


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_where_nothing_is_stored_nothing_is_cleared_and_no_report_is_written(
    words: tuple[str, ...], tmp_path: Path, capsys: Capture
) -> None:
    board = AnsweringBoard({"faults": ["none active, none stored"], "faults hist": [PERMANENT]})
    assert run(board, "faults", "--clear", "--yes", "--lang", "en", *words) == 0
    assert "clear" not in board.told and list(tmp_path.iterdir()) == []
    out = capsys.readouterr().out
    if words:
        assert json.loads(out)["cleared"] == [] and json.loads(out)["report"] is None
    else:
        assert out.startswith("No fault is active") and "clean drives so far: 2 of 3" in out


def test_a_report_that_cannot_be_written_keeps_the_faults() -> None:
    board = cleared([])
    with pytest.raises(OSError, match="nowhere"):
        run(board, "faults", "--clear", "--yes", "--report", "nowhere/report.txt")
    assert "clear" not in board.told


def test_a_report_is_asked_for_only_with_clear(tmp_path: Path) -> None:
    board = cleared([])
    with pytest.raises(InputError, match="nothing was written"):
        run(board, "faults", "--report", "report.txt")
    assert board.told == [] and list(tmp_path.iterdir()) == []


# The report.


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_report_is_as_kept(lang: str, tmp_path: Path, capsys: Capture) -> None:
    board = AnsweringBoard(
        {
            "status": ["does not drive:", "mode OFF, contactor open, gear N, pedal 0.0 %"],
            "charge": ["phase OFF", "cause unplugged: the plug is out"],
            "diff": ["speed_cap_kmh 45 (40)"],
            "stats": ["ticks 1000", "late_ticks 0"],
            "freeze 11": ["pedal_permille 0", "speed_mmps 0"],
        }
    )
    assert run(board, "report", "-o", "out.txt", "--lang", lang) == 0
    written = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert written == kept(f"report_{lang}", written)
    out = capsys.readouterr().out
    assert "P2122" in out.splitlines()[0] and "out.txt" in out


def test_a_report_has_no_secrets_in_it(tmp_path: Path) -> None:
    board = AnsweringBoard(
        {
            "status": [f"nonce {SECRET}", f"seen {SECRET.upper()} here", "key off"],
            "log": ["12 s auth deadbeef", f"k1={SECRET}{SECRET}"],
        }
    )
    run(board, "report", "-o", "out.txt")
    written = (tmp_path / "out.txt").read_text(encoding="utf-8").lower()
    assert SECRET not in written and "deadbeef" not in written and "(secret)" in written
    assert not any(told.split()[0] in ("unlock", "auth", "provision") for told in board.told)


def test_a_link_that_is_lost_leaves_no_half_report(tmp_path: Path) -> None:
    board = AnsweringBoard({"stats": LinkError(None, "lost", "the port is gone")})
    with pytest.raises(LinkError, match="gone"):
        run(board, "report", "-o", "out.txt")
    assert list(tmp_path.iterdir()) == []


def test_what_an_older_firmware_does_not_answer_is_said_in_its_place(tmp_path: Path) -> None:
    run(AnsweringBoard({"stats": ["ticks 5"], "log": UNKNOWN}), "report", "-o", "o.txt")
    written = (tmp_path / "o.txt").read_text(encoding="utf-8")
    assert "ticks 5" in written and "no such name" in written


DATED = [
    "11 P2122 pedal_a_low CRAWL active 3x at 720..1440 s, key cycle 4..6",
    "  first at an unknown time, last 2026-11-23 02:13 UTC",
    "81 P0562 rail_low WARN stored 1x at 60..60 s, key cycle 1..1",
    "  first 2026-11-22 08:00 UTC, last 2026-11-22 08:00 UTC",
]


def test_dates_that_the_board_has_are_those_of_the_fault_before_them() -> None:
    pedal, rail = parse_faults(DATED)
    assert (pedal.first_date, pedal.last_date) == ("", "2026-11-23 02:13 UTC")
    assert (rail.first_date, rail.last_date) == ("2026-11-22 08:00 UTC",) * 2


@pytest.mark.parametrize(("lang", "said"), [("en", "first ?, last 2026"), ("zh", "首次 ?")])
def test_dates_are_shown_where_a_host_has_told_the_time(lang: str, said: str) -> None:
    diagnosis = Diagnosis({}, True, [], parse_faults(DATED))
    assert any(said in line for line in describe(diagnosis, lang))
    assert "首次" not in "".join(
        describe(replace(diagnosis, faults=parse_faults(DATED[:1])), lang)
    )


@pytest.mark.parametrize(
    ("row", "blinks"),
    [
        ("48 P1A01 enable_stuck_on STOP", True),
        ("35 P1B01 wrong_pack WARN", True),
        ("79 P0D22 charger_disobeys WARN", True),
        ("95 U0111 bms_lost DERATE", False),
        ("11 P2122 pedal_a_low CRAWL", False),
        ("94 P0603 records_not_written WARN", False),
    ],
)
@pytest.mark.parametrize(("lang", "words"), [("en", "blink code"), ("zh", "闪码")])
def test_a_blink_code_is_named_where_the_lamp_blinks_it(
    row: str, blinks: bool, lang: str, words: str
) -> None:
    diagnosis = Diagnosis({}, True, [], parse_faults([f"{row} stored 2x at 5..70 s"]))
    said = " ".join(" ".join(describe(diagnosis, lang)).split())
    assert (f"{words} {row[:2]}" in said) == blinks
    assert (words in said) == blinks


@pytest.mark.parametrize("words", [("report", "-o"), ("faults", "--clear", "--yes", "--report")])
def test_a_report_never_overwrites_a_file_nor_asks_the_board_before(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("mine", encoding="utf-8")
    board = cleared([])
    with pytest.raises(FileExistsError, match=r"give another name.*kept\.txt"):
        run(board, *words, "kept.txt")
    assert path.read_text(encoding="utf-8") == "mine"
    assert board.told == []
