"""Prompt files: what a board at its prompt says of its files, whatever they are called."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from host_tools.board_files import BoardError, Entry
from host_tools.prompt_files import PromptFiles


class LocalPrompt:
    """A transport whose prompt is the MicroPython of this computer."""

    def __init__(self, interpreter: str) -> None:
        self._interpreter = interpreter

    def exec(self, code: str) -> bytes:
        return subprocess.run([self._interpreter, "-c", code], capture_output=True).stdout


@pytest.mark.parametrize("name", ["a\nb.txt", "fö.txt", 'it\'s "q".txt', "a\\b \u2028.txt", "x"])
def test_a_file_of_any_name_is_found_with_its_sum(
    tmp_path: Path, interpreter: str, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_bytes(b"12 km")
    files = PromptFiles(LocalPrompt(interpreter))
    assert files.tree(str(tmp_path)) == {
        f"{tmp_path}/folder": Entry(True, 0, "-"),
        f"{tmp_path}/folder/{name}": Entry(False, 5, hashlib.sha256(b"12 km").hexdigest()),
    }


class Garbled:
    """A transport over a cable that damages what it carries."""

    def exec(self, code: str) -> bytes:
        return b"f 3\r\nx\xff"


def test_a_list_that_came_in_damaged_is_an_error_of_the_board() -> None:
    with pytest.raises(BoardError, match="could not read /"):
        PromptFiles(Garbled()).tree("")
