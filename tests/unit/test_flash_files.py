"""Flash files: each flash is one board's, with a number of its own."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from host_tools.cli import main
from sim.flash_files import FlashFiles

BLOCK_BYTES, BLOCKS = 512, 8


def files_at(image: Path | None) -> FlashFiles:
    return FlashFiles(image, BLOCK_BYTES, BLOCKS)


@pytest.mark.usefixtures("interpreter")
def test_a_second_board_on_one_flash_is_refused_until_the_first_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, link = tmp_path / "f.img", tmp_path / "same.img"
    first = files_at(image)
    link.symlink_to(image)
    written = image.read_bytes()
    with pytest.raises(OSError, match="another board runs with this flash: end that one"):
        files_at(link)
    assert main(["board", "--flash", str(image), "--seconds", "1"]) == 2
    told = f"lsev: {image}: another board runs with this flash: end that one, or name another file"
    assert told in capsys.readouterr().err
    assert image.read_bytes() == written
    first.close()
    files_at(link).close()


def test_boards_have_different_numbers_and_each_keeps_its_own(tmp_path: Path) -> None:
    image, copy = tmp_path / "f.img", tmp_path / "copy.img"
    with closing(files_at(image)) as files:
        number = files.number
    shutil.copy(image, copy)
    numbers = {number}
    for other in (copy, None, None):
        with closing(files_at(other)) as files:
            numbers.add(files.number)
    assert len(numbers) == 4 and {len(each) for each in numbers} == {6}
    with closing(files_at(image)) as files:
        assert files.number == number
