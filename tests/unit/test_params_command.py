"""lsev params: a change is taken over as a whole or not at all, and unlocks where it must."""

import io
import json
from datetime import datetime
from pathlib import Path

import pytest

from host_tools import params_command
from host_tools.arguments import InputError
from host_tools.cli import make_parser
from host_tools.link import LinkError
from host_tools.session import response
from tests.unit.answering_board import AnsweringBoard, Terminal

pytestmark = pytest.mark.usefixtures("own_folder")

NOW = datetime(2026, 11, 23, 9, 30)
KEY = "00112233445566778899aabbccddeeff"
NONCE = "0f" * 16
DUMP = ["speed_cap_kmh=45", "reverse_cap_kmh=8", "checksum 1A2B3C4D"]
GET = [
    "speed_cap_kmh 45 km/h (40..56, default 40) changed",
    "reverse_cap_kmh 8 km/h (3..15, default 8)",
]
LOCKED = LinkError(33, "locked", "needs level 1, service; nothing changed; `unlock` it first")

Capture = pytest.CaptureFixture[str]


def board(**answers: object) -> AnsweringBoard:
    good = {word: ["done"] for word in ("begin", "set", "commit", "save", "abort", "restore")}
    more = {"get": GET, "dump": DUMP, "reboot": ["rebooting"], "diff": ["speed_cap_kmh 45 (40)"]}
    lines = {line: ["taken"] for line in DUMP}
    return AnsweringBoard({**good, **more, **lines, **answers})  # pyright: ignore[reportArgumentType]


def run(to: AnsweringBoard, *words: str) -> int:
    args = make_parser().parse_args(["params", *words, "--lang", "en"])
    return params_command.run(args, to.open, lambda: NOW)


def locked_board(accepts: bool = True) -> AnsweringBoard:
    """Return a board whose changes need level 1, and that checks the answer to its challenge."""
    locked = board(
        begin=LOCKED, unlock=[f"level 1 id LSEV-7 nonce {NONCE} tries 5; `auth HEX` within 60 s"]
    )

    def auth(line: str) -> list[str]:
        right = response(bytes.fromhex(KEY), "LSEV-7", 1, NONCE)
        if line != f"auth {right}" or not accepts:
            raise LinkError(35, "bad-key", "wrong key; nothing changed; 4 tries left")
        locked.answers["begin"] = ["done"]
        return ["level 1"]

    locked.answers["auth"] = auth
    return locked


def test_get_marks_what_differs_and_shows_unit_range_and_default(capsys: Capture) -> None:
    assert run(board(), "get") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("* speed_cap_kmh") and "45 km/h" in first
    assert second.startswith("  reverse_cap_kmh") and "3..15, default 8" in second


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("discharge_max_da 1200 0.1 A (10..3000, default 1000)", "1200 = 120 A "),
        ("cell_count 30 1 (1..40, default 24)", "30   "),
        ("chemistry 1 enum (0..3, default 0)", "1   "),
    ],
)
def test_a_value_is_shown_as_a_person_reads_it(said: str, shown: str, capsys: Capture) -> None:
    run(board(get=[said]), "get", "x")
    assert f" {shown}" in capsys.readouterr().out.splitlines()[0]


def test_one_parameter_is_shown_with_its_sentence(capsys: Capture) -> None:
    run(board(get=GET[:1]), "get", "speed_cap_kmh")
    assert "Legal top speed" in capsys.readouterr().out


def test_get_json_is_one_object(capsys: Capture) -> None:
    run(board(), "get", "--json")
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert [p["name"] for p in found] == ["speed_cap_kmh", "reverse_cap_kmh"]
    assert found[0]["value"] == 45 and found[0]["default"] == 40


def test_a_change_is_staged_committed_and_saved_in_this_order(capsys: Capture) -> None:
    to = board()
    assert run(to, "set", "speed_cap_kmh=42", "reverse_cap_kmh=6", "--reboot") == 0
    assert to.told == [
        *("begin", "set speed_cap_kmh=42", "set reverse_cap_kmh=6", "commit", "save", "reboot")
    ]
    assert "Parameters saved: 2" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["set", "commit"])
def test_what_is_refused_half_way_is_aborted_and_never_saved(word: str) -> None:
    to = board(**{word: LinkError(31, "out-of-range", "70 is outside; stays 45; give one inside")})
    with pytest.raises(LinkError, match="outside"):
        run(to, "set", "speed_cap_kmh=70", "learner_on=1")
    assert to.told[-1] == "abort" and "save" not in to.told


@pytest.mark.parametrize("text", ["speed_cap_kmh", "speed_cap_kmh=fast", "=4", "a=1.5", "a=1=2"])
def test_what_is_no_name_and_number_is_refused_before_the_port_is_opened(text: str) -> None:
    to = board()
    with pytest.raises(InputError, match="nothing was changed"):
        run(to, "set", "learner_on=1", text)
    assert to.told == []


# Locked.


def test_a_locked_board_is_unlocked_with_the_key_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"# papers\nk1={KEY}\n", encoding="utf-8")
    to = locked_board()
    assert run(to, "set", "learner_on=1", "--key", "key") == 0
    assert to.told[1] == "unlock 1" and to.told[-1] == "save"
    assert KEY not in " ".join(to.told)


def test_the_file_of_the_environment_serves_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    monkeypatch.setenv("LSEV_KEY", "key")
    assert run(locked_board(), "set", "learner_on=1") == 0


def test_without_a_key_and_without_a_person_nothing_is_changed() -> None:
    to = locked_board()
    with pytest.raises(InputError, match=r"--key FILE.*LSEV_KEY"):
        run(to, "set", "learner_on=1")
    assert "commit" not in to.told and "save" not in to.told


def test_a_wrong_key_is_told_once_and_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("ff" * 16, encoding="utf-8")
    to = locked_board()
    with pytest.raises(LinkError, match="4 tries left"):
        run(to, "set", "learner_on=1", "--key", "key")
    assert sum(told.startswith("auth") for told in to.told) == 1


def test_what_needs_the_next_level_is_unlocked_again_and_no_further(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    to = locked_board()
    levels = iter((1, 2, 2))

    def begin(line: str) -> list[str]:
        raise LinkError(33, "locked", f"needs level {next(levels)}; nothing changed")

    def auth(line: str) -> list[str]:
        return ["taken"]

    to.answers |= {"begin": begin, "auth": auth}
    with pytest.raises(LinkError, match="needs level 2"):
        run(to, "set", "speed_cap_kmh=42", "--key", "key")
    assert [told for told in to.told if told.startswith("unlock")] == ["unlock 1", "unlock 2"]


@pytest.mark.parametrize("text", ["", "hello", "k2=" + KEY, "abc"])
def test_a_file_without_the_key_of_the_level_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no key of level 1"):
        run(locked_board(), "set", "learner_on=1", "--key", "key")


# Dump, diff and restore.


def test_a_dump_says_whose_it_is_and_can_be_restored(tmp_path: Path, capsys: Capture) -> None:
    assert run(board(), "dump", "mine.txt") == 0
    text = (tmp_path / "mine.txt").read_text(encoding="utf-8")
    assert "a1b2c3" in text.splitlines()[0] and text.endswith("checksum 1A2B3C4D\n")
    assert "mine.txt: 2" in capsys.readouterr().out
    to = board()
    assert run(to, "restore", "--yes", "mine.txt") == 0
    at = to.told.index("restore begin")
    assert to.told[at : at + 5] == ["restore begin", *DUMP, "save"]


def test_a_restore_keeps_a_dump_of_what_was_set_before(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(DUMP), encoding="utf-8")
    to = board(dump=["speed_cap_kmh=40", "reverse_cap_kmh=5", "checksum 0"])
    run(to, "restore", "--yes", "mine.txt")
    (before,) = tmp_path.glob("lsev_params_before_*.txt")
    assert "reverse_cap_kmh=5" in before.read_text(encoding="utf-8")


@pytest.mark.parametrize("at", range(3))
def test_a_restore_that_is_refused_at_any_line_is_aborted(at: int, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(DUMP), encoding="utf-8")
    to = board(**{DUMP[at]: LinkError(31, "out-of-range", "70 is outside")})
    with pytest.raises(LinkError):
        run(to, "restore", "--yes", "mine.txt")
    assert to.told[-1] == "abort" and "save" not in to.told


@pytest.mark.parametrize("action", [["restore", "--yes"], ["diff"]])
def test_a_file_of_other_bytes_is_no_dump(action: list[str], tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="photo is no whole dump"):
        run(board(), *action, "photo")


def test_a_file_of_other_bytes_has_no_key(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="photo has no key of level 1; nothing was changed"):
        run(locked_board(), "set", "learner_on=1", "--key", "photo")


@pytest.mark.parametrize(
    "lines", [[], DUMP[:-1], DUMP[-1:], ["speed_cap_kmh 45", DUMP[-1]], ["rubbish"]]
)
def test_a_file_that_is_no_whole_dump_is_refused_before_the_port_is_opened(
    lines: list[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(lines), encoding="utf-8")
    to = board()
    with pytest.raises(InputError, match="no whole dump"):
        run(to, "restore", "--yes", "mine.txt")
    assert to.told == []


def test_diff_names_what_only_the_file_or_only_the_board_has(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "mine.txt").write_text("speed_cap_kmh=45\ngone=3\nchecksum 1\n", "utf-8")
    run(board(), "diff", "mine.txt")
    assert capsys.readouterr().out == "reverse_cap_kmh 8 km/h (file -)\ngone - (file 3)\n"


def test_without_a_terminal_nothing_is_restored_unless_yes_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(DUMP), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    to = board()
    with pytest.raises(InputError, match=r"no terminal to ask at.*give --yes"):
        run(to, "restore", "mine.txt")
    assert to.told == [] and list(tmp_path.glob("*before*")) == []


def test_diff_with_a_file_shows_both_values(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "mine.txt").write_text(
        "speed_cap_kmh=40\nreverse_cap_kmh=8\nchecksum 1\n", encoding="utf-8"
    )
    assert run(board(), "diff", "mine.txt") == 0
    assert capsys.readouterr().out == "speed_cap_kmh 45 km/h (file 40)\n"
    run(board(), "diff")
    assert capsys.readouterr().out == "speed_cap_kmh 45 (40)\n"


def test_reboot_alone_only_restarts(capsys: Capture) -> None:
    to = board()
    assert run(to, "set", "--reboot") == 0
    assert to.told == ["reboot"]
    assert "restarts" in capsys.readouterr().out


def test_set_without_anything_to_set_is_told_before_a_port_is_opened() -> None:
    to = board()
    with pytest.raises(InputError, match="nothing was changed"):
        run(to, "set")
    assert to.told == []


def test_a_staged_value_is_told_without_the_words_of_the_console(capsys: Capture) -> None:
    said = ["speed_cap_kmh 45 -> 40 km/h; staged: `commit`, then `save`"]
    assert run(board(set=said), "set", "speed_cap_kmh=40") == 0
    assert "staged: speed_cap_kmh 45 -> 40 km/h\n" in capsys.readouterr().out


def test_a_dump_never_overwrites_a_file_nor_asks_the_board_before(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("mine", encoding="utf-8")
    to = board()
    with pytest.raises(FileExistsError, match=r"give another name.*mine\.txt"):
        run(to, "dump", "mine.txt")
    assert path.read_text(encoding="utf-8") == "mine"
    assert to.told == []


def test_a_board_that_restarts_has_locked_itself(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    to = locked_board()
    assert run(to, "set", "learner_on=1", "--key", "key") == 0
    assert to.is_unlocked
    to = locked_board()
    assert run(to, "set", "learner_on=1", "--key", "key", "--reboot") == 0
    assert not to.is_unlocked


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("commit", "gone; nothing was saved: once the board is restarted all its values are the"),
        ("save", "gone; whether it was saved is not known, but all the values are the new"),
    ],
)
def test_a_cable_that_is_pulled_leaves_no_doubt_about_the_values_of_a_change(
    word: str, told: str
) -> None:
    to = board(**{word: LinkError(None, "lost", "the port is gone")})
    with pytest.raises(LinkError, match=told) as lost:
        run(to, "set", "learner_on=1")
    assert ("`lsev params get`" in str(lost.value)) == (word == "save")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("restore begin", "gone; nothing was saved: once"),
        (DUMP[-1], "gone; nothing was saved: once"),
        ("save", "restart the board, then look with `lsev params diff mine.txt`"),
    ],
)
def test_a_cable_that_is_pulled_leaves_no_doubt_about_the_values_of_a_restore(
    line: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(DUMP), encoding="utf-8")
    to = board(**{line: LinkError(None, "lost", "the port is gone")})
    with pytest.raises(LinkError, match=told):
        run(to, "restore", "--yes", "mine.txt")


def test_a_no_at_the_question_restores_nothing_and_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(DUMP), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    to = board()
    assert run(to, "restore", "mine.txt") == 1
    assert to.told == [] and "Nothing was changed." in capsys.readouterr().out


def test_ctrl_c_at_the_question_says_that_nothing_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "mine.txt").write_text("\n".join(DUMP), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", Terminal())

    def stop(question: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", stop)
    to = board()
    with pytest.raises(KeyboardInterrupt):
        run(to, "restore", "mine.txt")
    assert to.told == [] and capsys.readouterr().out == "\nNothing was changed.\n"
