"""Screens as they were kept: LSEV_KEEP_SCREENS=1 keeps what is shown now, to be looked at."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "screens"


def kept(name: str, shown: str) -> str:
    """Return the kept screen of that name, to be compared with what is shown."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("LSEV_KEEP_SCREENS"):
        path.write_text(shown, encoding="utf-8")
    return path.read_text(encoding="utf-8")
