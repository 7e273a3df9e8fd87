"""Provision: how a bare board is explained, and that no keys are lost or kept for nothing."""

import errno
from contextlib import contextmanager
from pathlib import Path

import pytest

from host_tools import provision_command
from host_tools.arguments import InputError
from host_tools.board_files import BoardError
from host_tools.cli import make_parser
from host_tools.flash_steps import Tools
from host_tools.link import LinkError
from host_tools.slots import FlashError
from tests.unit.answering_board import AnsweringBoard
from tests.unit.flashing import AT_PROMPT, Bench
from tests.unit.folder_board import FolderBoard

pytestmark = pytest.mark.usefixtures("own_folder")


def provision(words, answers, tools=None):
    board = AnsweringBoard({"provision": ["vehicle"], "lock": []} | answers)
    args = make_parser().parse_args(["provision", "--port", "P", *words])
    return provision_command.run(args, board.open, tools), board


WHO = ["--id", "LSEV-0007", "--vin", "LLSEV4W60AGM00037", "--key-file", "keys.txt"]


def test_provision_writes_the_keys_for_one_user_before_the_board_gets_them() -> None:
    seen = []

    def take(line):
        seen.append(Path("keys.txt").read_text())
        return ["vehicle LSEV-0007"]

    _, board = provision(WHO, {"provision": take})
    keys = dict(line.split("=") for line in seen[0].splitlines()[1:])
    line = next(line for line in board.told if line.startswith("provision"))
    assert line.endswith(f"k1={keys['k1']} k2={keys['k2']}") and keys["k1"] != keys["k2"]
    assert Path("keys.txt").stat().st_mode & 0o777 == 0o600
    assert board.told[-1] == "lock"


def test_provision_does_not_write_over_a_file_of_keys() -> None:
    Path("keys.txt").write_text("another car's")
    with pytest.raises(FileExistsError):
        provision(WHO, {})
    assert Path("keys.txt").read_text() == "another car's"


def test_keys_are_kept_when_it_is_not_known_whether_the_board_took_them(capsys) -> None:
    with pytest.raises(LinkError):
        provision(WHO, {"provision": LinkError(None, "no-answer", "nothing")})
    assert "k1=" in Path("keys.txt").read_text()
    assert "keep keys.txt" in capsys.readouterr().out


@pytest.mark.parametrize("at", [1, 3, 5])
def test_provision_says_which_part_is_wrong_before_a_port_is_opened(at: int) -> None:
    words = [*WHO[: at - 1], *WHO[at + 1 :]] if at == 5 else [*WHO[:at], "?", *WHO[at + 1 :]]
    with pytest.raises(InputError, match="nothing was changed"):
        provision(words, {})
    assert not Path("keys.txt").exists()


def test_provision_of_a_bare_chip_tells_the_esptool_line_of_each_board(tmp_path, capsys) -> None:
    @contextmanager
    def no_prompt(port):
        raise BoardError("no prompt")
        yield

    bench = Bench(FolderBoard(tmp_path / "blank"), {"id": AT_PROMPT})
    provision([], {}, Tools(bench.link, no_prompt))
    out = capsys.readouterr().out
    assert "esptool --chip esp32s3 --port P write-flash 0x0 ESP32_GENERIC_S3-" in out
    assert "esptool --chip esp32 --port P write-flash 0x1000 ESP32_GENERIC-" in out
    assert "flash-id" in out and "erase-flash" in out


def test_provision_knows_the_chip_and_refuses_another_board(tmp_path: Path, capsys) -> None:
    bench = Bench(FolderBoard(tmp_path / "blank"), {"id": AT_PROMPT})
    provision([], {}, bench.tools)
    assert "that will do; next: lsev flash --port P --board esp32_s3" in capsys.readouterr().out
    with pytest.raises(FlashError, match="the chip is ESP32S3, and esp32 has another"):
        provision(["--board", "esp32"], {}, bench.tools)


LOCKED = LinkError(33, "locked", "needs level 2, factory; nothing changed; `unlock` it first")


@pytest.mark.parametrize(
    "refusal", [LOCKED, LinkError(35, "bad-key", "no"), LinkError(36, "locked-out", "wait")]
)
def test_a_board_that_lets_nobody_in_leaves_no_file_of_keys_that_open_nothing(
    capsys, monkeypatch, refusal
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises((InputError, LinkError)):
        provision(WHO, {"provision": refusal})
    assert not Path("keys.txt").exists()
    assert "not known" not in capsys.readouterr().out


def test_keys_are_kept_when_the_board_s_flash_refused_them(capsys) -> None:
    with pytest.raises(LinkError):
        provision(WHO, {"provision": LinkError(72, "flash-error", "refused it")})
    assert "k1=" in Path("keys.txt").read_text() and "keep" in capsys.readouterr().out


def test_a_board_that_does_not_answer_gets_no_file_of_keys() -> None:
    for error in (AT_PROMPT, LinkError(None, "no-answer", "nothing")):
        with pytest.raises(LinkError, match=error.text):
            provision(WHO, {"id": error})
    assert not Path("keys.txt").exists()


def test_a_file_of_keys_that_is_there_is_told_with_the_way_out_before_the_board_is_asked() -> None:
    Path("keys.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"give another name.*keys\.txt"):
        provision(WHO, {"id": lambda line: pytest.fail(line)})
    assert Path("keys.txt").read_text() == "mine"


@pytest.mark.parametrize("word", ["--vin", "--key-file", "--key"])
def test_what_belongs_to_a_number_is_refused_without_it_and_no_program_is_stopped(word) -> None:
    with pytest.raises(InputError, match="belong to --id"):
        provision([word, "x"], {})  # without the tools that would look for a board


def test_a_full_disk_leaves_no_half_file_of_keys_and_the_board_is_given_none(monkeypatch) -> None:
    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left.*keys\.txt"):
        provision(WHO, {"provision": lambda line: pytest.fail(line)})
    assert not Path("keys.txt").exists()
