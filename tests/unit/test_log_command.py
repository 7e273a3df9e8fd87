"""lsev log: a recording never replaces a file, and is kept however it ends."""

import errno
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from host_tools import log_command
from host_tools.cli import main, make_parser
from host_tools.endings import Ended
from host_tools.link import LinkError
from tests.unit.answering_board import AnsweringBoard


class SendingBoard(AnsweringBoard):
    """Sends a row each time it is asked, and then does what end says."""

    def __init__(self, rows: int, end: BaseException | None = None) -> None:
        super().__init__({"unsub": ["unsubscribed"]})
        self._left = rows
        self._end = end
        self.seconds = 0.0

    def subscribe(self, names: str, rate_hz: int) -> None:
        self.told.append(f"sub {names} {rate_hz}")

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        self.seconds = round(self.seconds + 0.1, 1)
        if not self._left and self._end:
            raise self._end
        self._left -= 1
        return [("b", {}), ("t", {"t": round(self.seconds * 1000), "pack_cv": 6012})]


def record(board: SendingBoard, *words: str) -> int:
    args = make_parser().parse_args(["log", "record", *words, "--lang", "en"])
    return log_command.run(args, board.open, lambda: board.seconds)


def test_a_recording_has_a_header_and_then_the_rows_as_they_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.ndjson"
    board = SendingBoard(100)
    assert record(board, str(path), "--seconds", "1", "--names", "pack_cv", "--rate", "10") == 0
    first, *rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert first["device_id"] == "a1b2c3" and first["units"] == {"t": "ms", "pack_cv": "0.01 V"}
    assert rows[0] == {"t": 100, "pack_cv": 6012} and len(rows) == 10
    assert board.told[-2:] == ["sub pack_cv 10", "unsub"]
    assert f"{path}: 10" in capsys.readouterr().out


def test_ctrl_c_ends_a_recording_well(tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson"
    assert record(SendingBoard(3, KeyboardInterrupt()), str(path)) == 0
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4


def test_a_lost_link_keeps_what_was_recorded_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.ndjson"
    with pytest.raises(LinkError, match="gone"):
        record(SendingBoard(3, LinkError(None, "lost", "the port is gone")), str(path))
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4
    assert f"{path}: 3" in capsys.readouterr().out


def test_a_subscription_that_the_board_refuses_leaves_no_file(tmp_path: Path) -> None:
    class Refusing(SendingBoard):
        def subscribe(self, names: str, rate_hz: int) -> None:
            raise LinkError(12, "bad-argument", "no such name")

    with pytest.raises(LinkError, match="no such name"):
        record(Refusing(3), str(tmp_path / "r.ndjson"), "--names", "pack_cw")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", ["", "a b", "a,,b", ",", "a;b"])
def test_names_that_are_no_list_are_refused_before_a_port_is_opened(
    names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        record(SendingBoard(3), "r.ndjson", "--names", names)
    assert "is no list of names, separated by commas" in capsys.readouterr().err


def test_a_board_that_starts_anew_is_recorded_on(tmp_path: Path) -> None:
    board = SendingBoard(3, KeyboardInterrupt())  # says with each row that it has started
    record(board, str(tmp_path / "r.ndjson"), "--names", "pack_cv")
    assert board.told.count("sub pack_cv 10") == 4


def test_each_row_is_in_the_file_as_soon_as_it_has_come(tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson"
    counts: list[int] = []

    class Watched(SendingBoard):
        def events(self) -> list[tuple[str, dict[str, Any]]]:
            counts.append(len(path.read_text(encoding="utf-8").splitlines()))
            return super().events()

    record(Watched(9), str(path), "--seconds", "0.5")
    assert counts == [1, 2, 3, 4, 5]


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError):
        record(SendingBoard(3), str(path))
    assert path.read_text(encoding="utf-8") == "mine"


def test_an_export_is_beside_the_recording_and_says_what_was_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.ndjson"
    record(SendingBoard(3, KeyboardInterrupt()), str(path), "--names", "pack_cv")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"t":4')
    assert main(["log", "export", str(path), "--lang", "en"]) == 0
    sheet = (tmp_path / "r.csv").read_text(encoding="utf-8").splitlines()
    assert sheet[0] == "t_s,pack_v" and sheet[1] == "0.1,60.12" and len(sheet) == 4
    assert "cut off" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "rubbish\n", '{"format":"other"}\n'])
def test_what_is_no_recording_is_refused_and_nothing_is_written(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.ndjson"
    path.write_text(text, encoding="utf-8")
    assert main(["log", "export", str(path)]) == 2
    assert "no recording" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", ["r.ndjson", "other.ndjson"])
def test_an_export_replaces_no_file_that_is_there(there: str, tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson"
    record(SendingBoard(3), str(path), "--seconds", "0.3")
    (tmp_path / "other.ndjson").write_text("mine", encoding="utf-8")
    before = (tmp_path / there).read_bytes()
    assert main(["log", "export", str(path), "-o", str(tmp_path / there)]) == 2
    assert (tmp_path / there).read_bytes() == before


@pytest.mark.parametrize("end", [Ended(15), LinkError(22, "not-now", "busy")])
def test_a_recording_that_is_broken_off_ends_its_subscription(
    end: BaseException, tmp_path: Path
) -> None:
    board = SendingBoard(3, end)
    with pytest.raises(type(end)):
        record(board, str(tmp_path / "r.ndjson"))
    assert board.told[-1] == "unsub"


@pytest.mark.parametrize("rate", ["0", "21", "fast"])
def test_a_rate_that_the_board_cannot_send_is_bad_usage(rate: str) -> None:
    with pytest.raises(SystemExit) as caught:
        make_parser().parse_args(["log", "record", "x", "--rate", rate])
    assert caught.value.code == 2


def test_a_board_that_fell_silent_without_a_word_is_recorded_on(tmp_path: Path) -> None:
    class Silent(SendingBoard):
        """Has lost its subscription and the line that said so until it is asked once more."""

        def events(self) -> list[tuple[str, dict[str, Any]]]:
            _, row = super().events()
            is_heard = self.seconds < 1.0 or self.told.count("sub pack_cv 10") > 1
            return [row] if is_heard else []

    path = tmp_path / "r.ndjson"
    assert record(Silent(200), str(path), "--seconds", "10", "--names", "pack_cv") == 0
    times = [json.loads(row)["t"] for row in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert times[-1] >= 9900 and max(b - a for a, b in pairwise(times)) < 3500


def test_a_disk_that_is_full_is_told_with_the_recording_and_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.ndjson"
    real = Path.open

    def small(self: Path, *words: Any, **keywords: Any) -> Any:
        file = real(self, *words, **keywords)
        write, left = file.write, [4]

        def write_some(text: str) -> int:
            left[0] -= 1
            if not left[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(text)

        monkeypatch.setattr(file, "write", write_some)
        return file

    monkeypatch.setattr(Path, "open", small)
    with pytest.raises(OSError, match=r"No space left on device: .*r\.ndjson"):
        record(SendingBoard(9), str(path))
    assert f"{path}: 2" in capsys.readouterr().out
