"""Screen: lays text out for a terminal of 80 columns, where a Chinese character takes two."""

import unicodedata
from collections.abc import Iterator

COLUMNS = 80


def width(text: str) -> int:
    """Return how many columns text takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def pad(text: str, columns: int) -> str:
    """Return text with spaces up to columns; longer text stays as it is."""
    return text + " " * (columns - width(text))


def _pieces(text: str) -> Iterator[str]:
    """Yield what may not be broken: words with the space before, and single wide characters."""
    piece = ""
    for c in text:
        is_wide = unicodedata.east_asian_width(c) in "WF"
        # No line begins with a closing mark: it stays with what is before it.
        is_mark = is_wide and unicodedata.category(c) in ("Po", "Pe")
        if piece and not is_mark and (c == " " or is_wide or width(piece[-1]) == 2):
            yield piece
            piece = ""
        piece += c
    if piece:
        yield piece


def wrap(text: str, columns: int = COLUMNS) -> list[str]:
    """Return text in lines of at most columns; one piece that is longer stays whole."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        if line and width(line) + width(piece) > columns:
            lines.append(line)
            piece = piece.lstrip(" ")
            line = ""
        line += piece
    lines.append(line)
    return lines


def labelled(label: str, text: str, indent: int, label_columns: int) -> list[str]:
    """Return text beside its label, later lines under the first one."""
    at = indent + label_columns
    lines = wrap(text, COLUMNS - at)
    head = " " * indent + pad(label, label_columns)
    return [head + lines[0], *(" " * at + line for line in lines[1:])]
