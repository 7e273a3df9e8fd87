"""The port of a virtual board: its line ends, and a link that takes nobody's place."""

import os
from pathlib import Path

import pytest

from sim.flash_port import FlashPort
from sim.port_link import drop_link, make_link, with_line_ends


@pytest.mark.parametrize(
    ("before", "data", "sent"),
    [
        (b"", b"a\nb\r\n", b"a\r\nb\r\n"),
        (b"a\r", b"\nb", b"\nb"),
        (b"a\n", b"\nb", b"\r\nb"),
        (b"", b"\n\n", b"\r\n\r\n"),
    ],
)
def test_a_bare_line_feed_goes_out_with_its_carriage_return(
    before: bytes, data: bytes, sent: bytes
) -> None:
    assert with_line_ends(data, before) == sent


def test_a_flash_board_s_port_has_its_link_until_it_is_closed(tmp_path: Path) -> None:
    link = tmp_path / "p"
    port = FlashPort(link)
    assert os.readlink(link) == port.name
    port.close()
    assert not link.is_symlink()


def test_a_flash_board_s_link_replaces_no_file_and_leaves_no_terminal_open(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_text("mine", encoding="utf-8")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileExistsError, match="give another name"):
        FlashPort(path)
    assert path.read_text(encoding="utf-8") == "mine"
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_link_that_another_board_has_taken_over_stays_with_it(tmp_path: Path) -> None:
    link = tmp_path / "p"
    make_link(link, "/dev/pts/901")
    make_link(link, "/dev/pts/902")
    drop_link(link, "/dev/pts/901")
    assert os.readlink(link) == "/dev/pts/902"
    drop_link(link, "/dev/pts/902")
    assert not link.is_symlink()


def test_a_link_that_cannot_be_made_is_told_by_its_name(tmp_path: Path) -> None:
    link = tmp_path / "nowhere" / "p"
    with pytest.raises(FileNotFoundError, match="cannot link") as caught:
        make_link(link, "/dev/pts/901")
    assert caught.value.filename == str(link)
