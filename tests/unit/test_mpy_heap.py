"""What the bench says of the heap: what is kept, with garbage left out."""

import re
from pathlib import Path

from host_tools.bundle import BOARDS_DIR
from tests.mpy import fuel, wasm
from tests.mpy.retained import retained_bytes

FILES = {
    "holds.py": "KEPT = bytearray(10000)\nbytearray(20000)\n",
    "chained.py": "KEPT = None\nfor i in range(1000):\n    KEPT = (KEPT, i)\n",
    "board.py": "",
    "vehicle.py": "PARAMETERS = {}\n",
    "main.py": "class Car:\n    def __init__(self, *_):\n        self.kept = bytearray(5000)\n",
}


def kept_by_line(folder: Path) -> tuple[list[str], dict[str, int]]:
    for name, text in FILES.items():
        (folder / name).write_text(text)
    kept: dict[str, int] = {}

    def look(line: str, memory: bytes) -> None:
        kept[line.split()[1]] = retained_bytes(memory)

    lines = wasm.run("heap.py", "holds", "chained", firmware=folder, heap="1M", watch=look)
    return lines.splitlines(), kept


def test_what_a_module_keeps_is_counted_and_what_it_drops_is_not(tmp_path):
    lines, kept = kept_by_line(tmp_path)
    assert int(lines[1].split()[2]) > 30000
    assert 10000 <= kept["holds"] - kept["nothing"] < 13000


def test_a_long_chain_of_objects_and_what_an_instance_holds_are_kept(tmp_path):
    _, kept = kept_by_line(tmp_path)
    assert 16000 <= kept["chained"] - kept["holds"] < 19000
    assert 5000 <= kept["car"] - kept["chained"] < 9000


def test_the_started_firmware_keeps_what_the_pages_of_the_boards_say():
    heap = fuel.measure_heap()
    assert {"vcu.loop", "service.services", "hal.esp32_io", "main", "car"} <= set(heap)
    kept = heap["total"]["kept"]
    assert 0.5 * heap["total"]["bytes"] < kept < heap["total"]["bytes"]
    for page in sorted(BOARDS_DIR.glob("*/README.md")):
        said = re.search(r"keeps about (\d+) kB", page.read_text(encoding="utf-8"))
        assert said, page
        assert abs(int(said[1]) * 1000 - kept) < 20_000, kept
