"""Records as they were kept: the bytes of each layout that was ever written, with its version.

kept_records.txt has a line for each: name, version, and the bytes of the file with its
header. A line is never changed; whoever changes a layout adds one.
"""

from pathlib import Path

_CORPUS = Path(__file__).with_name("kept_records.txt").read_text(encoding="ascii")
LINES = [
    (name, int(version), bytes.fromhex(data))
    for name, version, data in (line.split() for line in _CORPUS.splitlines())
]
IDS = [f"{name}-{version}-{len(data)}" for name, version, data in LINES]
