"""Files: what is written appears whole or not at all."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Yield a temporary file's path that replaces path at the end, or goes when anything fails.

    OSError names path when nothing can be written there.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    if target.exists() and not target.is_file():
        raise OSError(0, "is no ordinary file", str(path))
    try:  # from before it is there: a signal may end this at any moment
        try:
            temporary.open("x").close()
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(path)) from None
        yield temporary
        os.replace(temporary, target)
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()
