"""Port link: the pseudo terminal that a virtual board has for a port, and its link with a name.

A link never takes the place of what is no port, and goes only while it is still ours.
"""

import os
import pty
import re
import tty
from contextlib import suppress
from pathlib import Path

_BARE_LF = re.compile(rb"(?<!\r)\n")


def open_terminal() -> tuple[int, str]:
    """Return the board's end of a new raw terminal, and the name that other programs open."""
    number, slave = pty.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)  # only then is it known whether somebody else has the port open
    os.set_blocking(number, False)
    return number, name


def with_line_ends(data: bytes, before: bytes) -> bytes:
    """Return data as the chip sends it after before: CR LF for a bare LF, and a CR LF as it is."""
    kept = b"\r" if before.endswith(b"\r") else b""
    return _BARE_LF.sub(b"\r\n", kept + data)[len(kept) :]


def make_link(link: Path, port: str) -> None:
    """Have link point to the port; FileExistsError, OSError, both with the link's name."""
    check_link(link)
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    try:
        temporary.symlink_to(port)
        os.replace(temporary, link)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise type(error)(error.errno, f"cannot link: {error.strerror}", str(link)) from None


def drop_link(link: Path, port: str) -> None:
    """Remove the link, unless another board has taken the name over."""
    with suppress(OSError):
        if os.readlink(link) == port:
            link.unlink()


def check_link(link: Path) -> None:
    """Raise FileExistsError unless link is free, or a symlink to a pty or to nothing."""
    if link.is_symlink():
        target = os.readlink(link)
        if target.startswith(("/dev/pts/", "/dev/ttys")) or not link.exists():
            return
        raise FileExistsError(f"{link} is a link to {target}: give another name")
    if link.exists():
        raise FileExistsError(f"{link} is there and is no link: give another name")
