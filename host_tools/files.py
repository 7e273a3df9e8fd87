"""Files: what is written appears whole or not at all."""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path, mode: int = 0o666) -> Generator[Path]:
    """Yield a temporary file's path that replaces path at the end, or goes when anything fails.

    It has its mode before any byte is in it. OSError names path when nothing can be written there.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    if target.exists() and not target.is_file():
        raise OSError(0, "is no ordinary file", str(path))
    try:  # from before it is there: a signal may end this at any moment
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        # A full disk names no file, and the temporary one's name says nothing to a person.
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise type(error)(error.errno, error.strerror, str(path)) from None
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()


def check_free(path: Path) -> None:
    """Raise FileExistsError where there is something already: it may be all that somebody has."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, "is there already; give another name", str(path))
