"""Selector: what starts after every kind of failed start, and what the serial port says."""

import json
import subprocess
import sys

import pytest

import selector
from selector import Selector
from sim.interpreter import FIRMWARE_DIR, find_micropython
from tests.unit.slot_disk import Disk, bundle, manifest, put

POWER_ON = 1
WATCHDOG = 3
LONG_MS = 600000


class Chip:
    def __init__(self, cause=POWER_ON):
        self.cause = cause
        self.watchdog_ms = 0
        self.resets = 0

    def WDT(self, timeout):
        self.watchdog_ms = timeout

    def reset_cause(self):
        return self.cause

    def reset(self):
        self.resets += 1


class Board:
    """A disk, and applications that end as they are told; started are the folders that ran."""

    def __init__(self, a="1.0.0", b="1.1.0"):
        self.disk = Disk()
        self.chip = Chip()
        self.started = []
        self.at_import = {}
        self.at_run = {}
        self.seen = []
        for slot, version in (("a", a), ("b", b)):
            if version:
                put(self.disk, slot, bundle(version))

    def record(self, slot="a", trial=0, confirmed=True, failed="", why=""):
        text = selector.pack(selector.make(slot, trial, confirmed, failed, why))
        self.disk.files["/slot"] = text.encode()

    def kept(self):
        return selector.parse(self.disk.files["/slot"].decode())

    def start(self, cause=POWER_ON):
        """Start once; return the slot that ran, "" for none."""
        self.chip.cause = cause
        self.started.clear()
        Selector("", self.chip, self.disk).run(self._load)
        return self.started[-1] if self.started else ""

    def _load(self, folder):
        slot = folder[1:]
        self.seen.append(self.kept() if "/slot" in self.disk.files else None)
        if slot in self.at_import:
            raise self.at_import[slot]
        self.started.append(slot)
        return lambda: self._run(slot)

    def _run(self, slot):
        if slot in self.at_run:
            raise self.at_run[slot]

    def flip(self, path):
        data = bytearray(self.disk.files[path])
        data[len(data) // 2] ^= 1
        self.disk.files[path] = bytes(data)


def test_the_confirmed_slot_starts_and_nothing_is_written():
    for slot in "ab":
        board = Board()
        board.record(slot)
        assert board.start() == slot
        assert board.disk.operations == 0


def test_a_start_on_trial_is_counted_before_it_begins():
    board = Board()
    board.record("b", 0, False)
    assert board.start() == "b"
    assert (board.seen[0]["trial"], board.seen[0]["confirmed"]) == (1, False)


def test_two_starts_on_trial_without_an_orderly_end_bring_the_other_slot_back(capsys):
    board = Board()
    board.record("b", 0, False)
    assert [board.start() for _ in range(4)] == ["b", "b", "a", "a"]
    kept = board.kept()
    assert (kept["slot"], kept["confirmed"], kept["failed"]) == ("a", True, "b")
    assert "slot b: given up: two starts on trial" in capsys.readouterr().out


def test_a_watchdog_reset_on_trial_brings_the_other_slot_back_at_once():
    board = Board()
    board.record("b", 0, False)
    assert board.start() == "b"
    assert board.start(WATCHDOG) == "a"
    assert "watchdog" in board.kept()["why"]


def test_a_watchdog_reset_before_the_first_start_on_trial_is_not_its_failure():
    board = Board()
    board.record("b", 0, False)
    assert board.start(WATCHDOG) == "b"


def test_a_watchdog_reset_of_a_confirmed_version_starts_it_again():
    board = Board()
    board.record("b")
    assert board.start(WATCHDOG) == "b"


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_exception_at_import_brings_the_other_slot_back_after_a_reset(confirmed, capsys):
    board = Board()
    board.record("b", 0, confirmed)
    board.at_import["b"] = ValueError("incompatible .mpy file")
    assert board.start() == ""
    assert board.chip.resets == 1
    assert "incompatible .mpy file" in capsys.readouterr().out
    assert board.start() == "a"
    assert board.kept()["why"] == "ValueError: incompatible .mpy file"


def test_a_crash_on_trial_brings_the_other_slot_back():
    board = Board()
    board.record("b", 0, False)
    board.at_run["b"] = KeyError("x")
    board.start()
    assert board.chip.resets == 1
    assert board.start() == "a"


def test_a_crash_of_a_confirmed_version_is_left_to_its_own_watchdog():
    board = Board()
    board.record("b")
    board.at_run["b"] = KeyError("x")
    with pytest.raises(KeyError):
        board.start()
    assert board.chip.resets == 0
    assert board.kept()["slot"] == "b"


def test_ctrl_c_on_trial_is_no_failed_start_and_gives_time_at_the_prompt():
    board = Board()
    board.record("b", 0, False)
    board.at_run["b"] = KeyboardInterrupt()
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            board.start()
        assert board.kept()["trial"] == 0
    assert board.chip.watchdog_ms == LONG_MS


class Keyboard:
    """Ctrl-C comes at the line-th line of the selector or the application that it can end.

    It can at first, as MicroPython has it where a file begins. again: one that ends the import
    or the application is followed by so many more, before they could be shut out.
    """

    def __init__(self, line, again=0):
        self.is_on = True
        self.lines = line
        self.again = again

    def set(self, byte):
        if byte < 0 and self.again and not self.lines:
            self.again -= 1
            raise KeyboardInterrupt
        self.is_on = byte == 3

    def trace(self, frame, event, argument):
        code = frame.f_code
        # MicroPython looks for one at jumps: there is none before this function's own try.
        if code.co_name in ("set", "_shut_out_ctrl_c") or code.co_filename not in (
            selector.__file__,
            __file__,
        ):
            return None
        if event == "line" and self.is_on:
            self.lines -= 1
            if not self.lines:
                self.again *= code.co_filename == __file__
                raise KeyboardInterrupt
        return self.trace


@pytest.mark.parametrize("again", [0, 1, 3])
@pytest.mark.parametrize("begun", [0, 1])
def test_a_ctrl_c_at_any_line_of_a_start_costs_a_version_on_trial_none_of_its_starts(
    monkeypatch, again, begun
):
    met = 0
    for line in range(1, 1000):
        board = Board()
        board.record("b", begun, False)
        board.at_run["b"] = KeyError("x")  # the end of what is looked at
        keyboard = Keyboard(line, again)
        monkeypatch.setattr(selector, "kbd_intr", keyboard.set)
        before = sys.gettrace()
        sys.settrace(keyboard.trace)
        try:
            board.start()
            break
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        kept = board.kept()
        assert (kept["slot"], kept["trial"], kept["failed"]) == ("b", begun, ""), line
        met += bool(board.seen)
        assert not (board.seen and keyboard.is_on), "while the record is written"
    assert met > 4  # of them in the import and in the application
    assert board.chip.resets == 1 and not keyboard.is_on


def test_a_start_that_the_application_has_taken_back_is_not_taken_back_twice():
    board = Board()
    board.record("b", 1, False)

    def end_in_order(slot):
        board.record("b", 1, False)  # of the two that it was
        raise KeyboardInterrupt

    board._run = end_in_order
    with pytest.raises(KeyboardInterrupt):
        board.start()
    assert board.seen[0]["trial"] == 2 and board.kept()["trial"] == 1


@pytest.mark.parametrize("name", [name for name in bundle("1.1.0") if name != "manifest.json"])
def test_a_flipped_bit_in_a_file_on_trial_brings_the_other_slot_back(name, capsys):
    board = Board()
    board.record("b", 0, False)
    board.flip("/b/" + name)
    assert board.start() == "a"
    assert name + " is damaged" in capsys.readouterr().out


def test_a_trusted_version_with_one_wrong_byte_never_starts_again():
    for cause in (POWER_ON, WATCHDOG):
        board = Board()
        board.record("b")
        board.flip("/b/vcu/loop.mpy")
        assert board.start(cause) == "a"
    board = Board()
    board.record("b")
    board.disk.files["/b/vcu/loop.mpy"] += b"x"
    assert board.start() == "a"


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_version_with_a_file_cut_off_anywhere_is_never_imported(confirmed):
    # MicroPython reads a .mpy past its end for ever: only the watchdog would end that import.
    for name, data in bundle("1.1.0").items():
        for kept_bytes in {0, 1, len(data) // 2, len(data) - 1}:
            board = Board()
            board.record("b", 0, confirmed)
            board.disk.files["/b/" + name] = data[:kept_bytes]
            assert board.start() == "a", (name, kept_bytes)
            assert board.started == ["a"]


@pytest.mark.parametrize("key", ["version", "board", "vehicle", "micropython_min"])
def test_a_manifest_that_says_something_else_of_itself_starts_nothing(key, capsys):
    board = Board("", "1.1.0")
    kept = json.loads(board.disk.files["/b/manifest.json"])
    kept[key] += "0"
    board.disk.files["/b/manifest.json"] = json.dumps(kept).encode()
    assert board.start() == ""
    assert "manifest.json is damaged: its total is wrong" in capsys.readouterr().out


def test_whatever_byte_of_a_manifest_is_wrong_a_slot_starts():
    for at in range(0, len(bundle("1.1.0")["manifest.json"]), 7):
        board = Board()
        board.record("b", 0, False)
        data = bytearray(board.disk.files["/b/manifest.json"])
        data[at] ^= 0x10
        board.disk.files["/b/manifest.json"] = bytes(data)
        assert Selector("", board.chip, board.disk).choose(POWER_ON) in ("a", "b")


def test_both_slots_bad_says_why_and_leaves_the_prompt_open(capsys):
    board = Board()
    board.record("b")
    board.disk.files["/b/main.mpy"] = b""
    del board.disk.files["/a/vehicle.py"]
    assert board.start() == ""
    said = capsys.readouterr().out
    assert "slot b: main.mpy is damaged" in said
    assert "slot a: vehicle.py is missing" in said
    assert "boot.py has made the outputs safe" in said and "run: lsev flash" in said
    assert board.chip.watchdog_ms == LONG_MS
    assert board.disk.operations == 0


def test_a_slot_with_one_wrong_byte_is_nothing_to_fall_back_to():
    board = Board()
    board.record("b")
    board.disk.files["/b/main.mpy"] = b""
    board.flip("/a/main.mpy")
    assert board.start() == ""


def test_a_manifest_that_forgets_a_file_or_has_no_program_starts_nothing(capsys):
    board = Board("", "1.1.0")
    kept = json.loads(board.disk.files["/b/manifest.json"])
    del kept["files"][0]
    board.disk.files["/b/manifest.json"] = json.dumps(kept).encode()
    assert board.start() == ""
    board = Board("", "")
    files = {"board.py": b"x"}
    put(board.disk, "b", {**files, "manifest.json": manifest(files, "1.0.0", "esp32", "1.26.0")})
    assert board.start() == ""
    assert capsys.readouterr().out.count("slot b: manifest.json is damaged") == 4


def test_a_version_on_trial_is_not_given_up_for_one_that_was_given_up_before():
    board = Board()
    board.record("b", 2, False, failed="a")
    assert board.start() == "b"
    board.disk.files["/b/main.mpy"] = b""
    assert board.start() == "a"


def test_flash_that_keeps_other_bytes_counts_as_not_written():
    board = Board()
    board.record("b", 0, False)
    board.disk.is_worn = True
    assert board.start() == "a"
    assert board.kept()["slot"] == "b"


def test_an_empty_board_says_so(capsys):
    board = Board("", "")
    assert board.start() == ""
    assert capsys.readouterr().out.count("manifest.json is missing") >= 2


@pytest.mark.parametrize("text", [None, b"", b"{}", b"\xff\xfe", b"[1]\n00000000\n"])
def test_without_a_record_the_first_whole_slot_starts_on_trial(text):
    for a, b, slot in (("1.0.0", "1.1.0", "a"), ("", "1.1.0", "b")):
        board = Board(a, b)
        if text is not None:
            board.disk.files["/slot"] = text
        assert board.start() == slot
        assert (board.kept()["trial"], board.kept()["confirmed"]) == (1, False)


def test_every_flipped_bit_of_the_record_is_found():
    text = selector.pack(selector.make("b", 1, False, "a", "why")).encode()
    for bit in range(len(text) * 8):
        board = Board()
        data = bytearray(text)
        data[bit // 8] ^= 1 << bit % 8
        board.disk.files["/slot"] = bytes(data)
        assert Selector("", board.chip, board.disk)._read() is None


def test_the_first_version_of_a_board_keeps_starting_where_there_is_no_other():
    board = Board("1.0.0", "")
    board.record("a", 0, False)
    assert [board.start() for _ in range(4)] == ["a"] * 4
    assert board.start(WATCHDOG) == "a"


def test_a_start_that_cannot_be_counted_is_not_made_while_another_slot_is_whole(capsys):
    board = Board()
    board.record("b", 0, False)
    board.disk.is_full = True
    assert board.start() == "a"
    assert "cannot be written" in capsys.readouterr().out
    board = Board("", "1.1.0")
    board.record("b", 0, False)
    board.disk.is_full = True
    assert board.start() == "b"


def test_two_versions_that_cannot_be_imported_do_not_take_turns():
    board = Board()
    board.record("b", 0, False)
    board.at_import = {"a": SyntaxError("a"), "b": SyntaxError("b")}
    for _ in range(2):
        board.start()
    operations = board.disk.operations
    for _ in range(3):
        assert board.start() == ""
    assert board.chip.resets == 1
    assert board.disk.operations == operations


APPLICATION = """
import board
def start():
    print("started", board.NAME, __file__)
{}
"""


def on_micropython(folder, slots, record):
    """Run the selector in MicroPython over real files; slots are sources of main.py."""
    (folder / "machine.py").write_text(
        "def WDT(timeout): print('watchdog', timeout)\n"
        "def reset_cause(): return 1\n"
        "def reset(): print('reset')\n"
    )
    (folder / "board.py").write_text("NAME = 'root'\n")
    for slot, source in slots.items():
        (folder / slot).mkdir()
        files = {"board.py": f"NAME = '{slot}'\n".encode(), "main.py": source.encode()}
        files["manifest.json"] = manifest(files, "1.0.0", "esp32", "1.26.0")
        for name, data in files.items():
            (folder / slot / name).write_bytes(data)
    (folder / "slot").write_text(selector.pack(record))
    script = (
        "import board, machine, selector\n"
        f"selector.Selector('{folder}', machine).run(selector.load)\n"
    )
    done = subprocess.run(
        [find_micropython(), "-c", script],
        env={"MICROPYPATH": f"{folder}:{FIRMWARE_DIR}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr, json.loads((folder / "slot").read_text().split("\n")[0])


@pytest.mark.usefixtures("interpreter")
def test_micropython_starts_the_slot_with_its_own_board_data(tmp_path):
    slots = {"a": APPLICATION.format(""), "b": APPLICATION.format("")}
    said, kept = on_micropython(tmp_path, slots, selector.make("b", 0, False, "", ""))
    assert f"started b {tmp_path}/b/main.py" in said
    assert "slot b: every file verified in" in said
    assert (kept["slot"], kept["trial"]) == ("b", 1)


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("fault", ["import nothing_there", "x = (", "raise MemoryError()"])
def test_micropython_gives_up_a_slot_that_it_cannot_import(tmp_path, fault):
    slots = {"a": APPLICATION.format(""), "b": APPLICATION.format(fault)}
    said, kept = on_micropython(tmp_path, slots, selector.make("b", 0, True, "", ""))
    assert "started" not in said
    assert "slot b: given up: " in said
    assert said.index("given up") < said.index("reset")
    assert (kept["slot"], kept["failed"], kept["confirmed"]) == ("a", "b", True)
