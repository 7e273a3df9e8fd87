"""mpremote, unmodified, in processes of its own, at the port of a board with a real littlefs."""

import hashlib
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
import serial

from sim.flash_board import FlashBoard

pytestmark = pytest.mark.usefixtures("interpreter")

MPREMOTE = str(Path(sys.executable).parent / "mpremote")
WDT_CAUSE, SOFT_CAUSE = 3, 5
# Of a host that has much else to do; whatever does come, comes at once on one that has not.
PATIENCE_S = 60.0


@pytest.fixture
def make_board(tmp_path: Path) -> Generator[Callable[..., FlashBoard]]:
    """Return make(...), which starts a board at tmp_path/port."""
    boards: list[FlashBoard] = []

    def make(**options: int) -> FlashBoard:
        board = FlashBoard(tmp_path / "port", image=tmp_path / "image", **options)
        board.start()
        boards.append(board)
        return board

    yield make
    for board in boards:
        board.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[FlashBoard]:
    """A board for the tests that leave it as it was."""
    with FlashBoard(tmp_path_factory.mktemp("board") / "port") as board:
        yield board


def mpremote(board: FlashBoard, *words: str, fails: bool = False) -> str:
    """Run it to its end, good or bad as told, and return what it printed."""
    done = subprocess.run(
        [MPREMOTE, "connect", str(board.link), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode() + done.stderr.decode()


def put_main(board: FlashBoard, source: str) -> None:
    """Write main.py in the only way that stops no main.py: by exec."""
    mpremote(board, "exec", f"with open('main.py', 'w') as f: f.write({source!r})")


def wait_until(is_so: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + PATIENCE_S
    while not is_so() and time.monotonic() < end_s:
        time.sleep(0.01)
    return is_so()


def talk(board: FlashBoard, sent: bytes, awaited: bytes) -> bytes:
    """Send bytes to the port and return what came until the awaited."""
    with serial.Serial(str(board.link), timeout=PATIENCE_S) as port:
        port.write(sent)
        return port.read_until(awaited)


@pytest.mark.parametrize("block_bytes", [512, 4096])
def test_a_folder_is_copied_listed_and_survives_a_power_cut(
    make_board: Callable[..., FlashBoard], block_bytes: int, tmp_path: Path
) -> None:
    board = make_board(block_bytes=block_bytes, block_count=(1 << 20) // block_bytes)
    package = tmp_path / "package"
    (package / "deep").mkdir(parents=True)
    files = {"one.py": b"A = 1\n", "deep/two.bin": bytes(range(256)) * 40}
    for name, data in files.items():
        (package / name).write_bytes(data)
    copy = ("fs", "cp", "-r", str(package), ":")
    assert "Up to date" not in mpremote(board, *copy)
    assert mpremote(board, *copy).count("Up to date") == len(files)
    board.restart()
    assert "boot.py" in mpremote(board, "fs", "ls")
    for name, data in files.items():
        shown = mpremote(board, "fs", "sha256sum", f"package/{name}")
        assert hashlib.sha256(data).hexdigest() in shown
    assert mpremote(board, "exec", "import package.one; print(package.one.A)").strip() == "1"


def test_exec_and_run_print_what_the_board_does_and_fail_as_it_does(
    shared: FlashBoard, tmp_path: Path
) -> None:
    assert mpremote(shared, "exec", "import os; print(os.getcwd(), 6 * 7)").strip() == "/ 42"
    assert "ZeroDivisionError" in mpremote(shared, "exec", "1 // 0", fails=True)
    script = tmp_path / "script.py"
    script.write_text("for i in range(500):\n    print(i)\n")
    assert mpremote(shared, "run", str(script)).split() == [str(i) for i in range(500)]


def test_only_resume_finds_what_the_last_command_left(shared: FlashBoard) -> None:
    mpremote(shared, "exec", "kept = 'here'")
    assert mpremote(shared, "resume", "exec", "print(kept)").strip() == "here"
    mpremote(shared, "soft-reset")
    assert "NameError" in mpremote(shared, "resume", "exec", "print(kept)", fails=True)
    assert shared.resets[-1] == SOFT_CAUSE


def test_df_and_reset_work_and_after_a_reset_main_py_runs(
    make_board: Callable[..., FlashBoard],
) -> None:
    board = make_board()
    assert "<VfsLfs2>" in mpremote(board, "df")
    put_main(board, "import machine\nprint('main runs', machine.reset_cause())")
    assert "main runs" not in board.printed()  # a reset from the raw prompt leaves it out
    mpremote(board, "reset")
    assert wait_until(lambda: "main runs 2\r\n" in board.printed())


def test_the_repl_is_entered_left_and_rebooted(make_board: Callable[..., FlashBoard]) -> None:
    board = make_board()
    put_main(board, "print('main', 'runs')")
    terminal, slave = pty.openpty()
    shown = b""

    def see(awaited: bytes) -> None:
        nonlocal shown
        while awaited not in shown and select.select([terminal], [], [], PATIENCE_S)[0]:
            shown += os.read(terminal, 4096)
        assert awaited in shown

    command = [MPREMOTE, "connect", str(board.link), "repl"]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave) as process:
        see(b"Use Ctrl-] or Ctrl-x to exit")
        os.write(terminal, b"\rprint(6 * 7)\r")
        see(b"\r\n42\r\n")
        os.write(terminal, b"\x04")
        see(b"MPY: soft reboot\r\n")
        see(b"main runs\r\n")
        os.write(terminal, b"\x1d")
        assert process.wait(PATIENCE_S) == 0
    os.close(terminal)
    os.close(slave)


@pytest.mark.parametrize(
    "main",
    [
        "while True: pass",
        "import time\nwhile True: time.sleep(1)",
        "import time\nwhile True: print('main runs' * 8); time.sleep_us(200)",
        "while True:\n with open('log', 'w') as f: f.write('x' * 600)",
    ],
    ids=["busy", "asleep", "printing", "writing"],
)
def test_a_main_py_that_loops_is_stopped_and_the_files_stay_whole(
    make_board: Callable[..., FlashBoard], main: str
) -> None:
    board = make_board()
    put_main(board, "print('main runs')\n" + main)
    for _ in range(2):
        board.restart()
        assert wait_until(lambda: "main" in board.printed())
        shown = mpremote(
            board, "exec", "f = open('new', 'w'); f.write('x' * 9); f.close(); print(1)"
        )
        assert shown.strip() == "1"


def test_with_kbd_intr_off_a_ctrl_c_is_a_byte_for_the_application(
    make_board: Callable[..., FlashBoard],
) -> None:
    board = make_board()
    put_main(
        board,
        "import sys, micropython\nmicropython.kbd_intr(-1)\nprint('listens')\n"
        "print('got', list(sys.stdin.buffer.read(2)))\n",
    )
    board.restart()
    assert wait_until(lambda: "listens" in board.printed())
    assert b"got [65, 3]\r\n" in talk(board, b"A\x03", b">>> ")


def test_a_watchdog_that_nobody_feeds_starts_the_board_anew_even_from_the_prompt(
    make_board: Callable[..., FlashBoard],
) -> None:
    board = make_board()
    arm = b"import machine; machine.RTC().memory(b'kept'); _ = machine.WDT(timeout=300)\r\x04"
    assert b"soft reboot" in talk(board, arm, b"MPY: soft reboot\r\n")
    assert wait_until(lambda: len(board.resets) > 2)
    assert board.resets == [1, SOFT_CAUSE, WDT_CAUSE]
    read = "import machine; print(machine.reset_cause(), machine.RTC().memory())"
    assert mpremote(board, "resume", "exec", read).strip() == f"{WDT_CAUSE} b'kept'"
    board.restart()
    assert mpremote(board, "resume", "exec", read).strip() == "1 b''"


def test_a_busy_host_makes_the_board_slow_and_neither_late_nor_bitten_by_its_watchdog(
    make_board: Callable[..., FlashBoard],
) -> None:
    board = make_board(speed=10)
    put_main(
        board,
        "import machine, time\ndog = machine.WDT(timeout=2000)\nworst = 0\n"
        "last = time.ticks_ms()\nwhile True:\n    time.sleep_ms(10)\n    dog.feed()\n"
        "    now = time.ticks_ms()\n    worst = max(worst, time.ticks_diff(now, last))\n"
        "    last = now\n    print('worst', worst, 'ms')",
    )
    board.restart()
    assert wait_until(lambda: board.feeds > 10)
    starts = len(board.resets)
    board.starve(0.5)  # its watchdog's 2 s are 0.2 here
    before = board.feeds
    assert wait_until(lambda: board.feeds > before + 100)
    assert len(board.resets) == starts
    worst_ms = int(board.printed().rpartition(" ms")[0].split()[-1])
    assert 10 <= worst_ms < 100


@pytest.mark.parametrize("block_bytes", [512, 4096])
@pytest.mark.parametrize("kind", ["before", "torn", "after"])
def test_a_power_cut_at_any_operation_of_a_rename_leaves_the_old_file_or_the_new(
    make_board: Callable[..., FlashBoard], kind: str, block_bytes: int
) -> None:
    board = make_board(block_bytes=block_bytes, block_count=64)
    change = (
        b"import os\rf = open('new', 'w'); _ = f.write('2' * 700); f.close(); "
        b"os.rename('new', 'kept'); print('do' + 'ne')\r"
    )
    talk(board, change.replace(b"'2'", b"'1'"), b"done\r\n")
    board.restart()
    number = 0
    done = False
    while not done and number < 40:
        number += 1
        board.cut_power_at(number, kind)
        with serial.Serial(str(board.link)) as port:
            port.write(change)
            wait_until(lambda: board.wait_for_cut(0.0) or "done\r\n" in board.printed()[-40:])
        done = not board.wait_for_cut(0.0)
        board.restart()
        shown = talk(board, b"\rf = open('kept').read(); print(len(f), set(f))\r", b"}\r\n")
        assert b"700 {'1'}" in shown or b"700 {'2'}" in shown, (number, shown)
    assert done and number > 3


@pytest.mark.parametrize("takes_away", ["cable", "supply"])
def test_a_copy_that_loses_cable_or_supply_ends_and_tells_and_the_rest_is_whole(
    make_board: Callable[..., FlashBoard], takes_away: str, tmp_path: Path
) -> None:
    board = make_board()
    mpremote(board, "exec", "with open('kept', 'w') as f: f.write('k' * 5000)")
    (tmp_path / "big.bin").write_bytes(bytes(range(256)) * 80)
    if takes_away == "cable":
        board.unplug_after(9000)
    else:
        board.cut_power_at(30)
    mpremote(board, "fs", "cp", str(tmp_path / "big.bin"), ":", fails=True)
    assert not board.link.is_symlink()
    if takes_away == "cable":
        assert board.is_powered
        board.plug()
    else:
        assert not board.is_powered
        board.restart()
    assert hashlib.sha256(b"k" * 5000).hexdigest() in mpremote(board, "sha256sum", "kept")


def test_a_chip_that_refuses_says_so_and_takes_nothing_more_from_finalisers_either(
    make_board: Callable[..., FlashBoard],
) -> None:
    board = make_board()
    mpremote(board, "exec", "with open('kept', 'w') as f: f.write('1' * 700)")
    board.cut_power_at(3, "refused")
    change = "import gc\nf = open('kept', 'w'); f.write('2' * 9000); f.close()"
    assert "OSError: [Errno 5] EIO" in mpremote(board, "exec", change, fails=True)
    before = board.operations
    mpremote(board, "resume", "exec", "f = None; gc.collect()")
    assert board.operations == before
    board.restart()
    assert mpremote(board, "exec", "print(set(open('kept').read()))").strip() == "{'1'}"


def test_worn_blocks_are_gone_round_and_a_flipped_bit_is_read_as_it_is(
    make_board: Callable[..., FlashBoard], tmp_path: Path
) -> None:
    board = make_board(block_count=64)
    for block in range(2, 64, 8):
        board.files.wear_out(block)
    with pytest.raises(ValueError):
        board.files.wear_out(3)
    write = "for i in range(20):\n  with open('f%d' % i, 'w') as f: f.write('keep' * 1500)"
    mpremote(board, "exec", write)
    read = "print([i for i in range(20) if open('f%d' % i).read() != 'keep' * 1500])"
    assert mpremote(board, "exec", read).strip() == "[]"
    image = (tmp_path / "image").read_bytes()
    for block in range(2, 64, 8):
        assert image[4096 * block : 4096 * (block + 1)] == b"\xff" * 4096
    at = image.rindex(b"keepkeep")
    board.files.flip_bit(at, 1)
    board.restart()
    assert mpremote(board, "exec", read).strip() != "[]"


def test_a_flash_that_cannot_be_mounted_says_so_until_ctrl_c_and_is_not_made_anew(
    make_board: Callable[..., FlashBoard], tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(b"\x00" * (1 << 18))
    board = make_board()
    assert wait_until(lambda: "appears to be corrupted" in board.printed())
    assert b">>> " in talk(board, b"\x03", b">>> ")
    assert (tmp_path / "image").read_bytes() == b"\x00" * (1 << 18)


def test_a_supply_that_went_while_the_first_block_was_erased_leaves_the_files(
    make_board: Callable[..., FlashBoard], tmp_path: Path
) -> None:
    board = make_board(block_bytes=512, block_count=64)
    mpremote(board, "exec", "with open('kept', 'w') as f: f.write('old')")
    often = "for i in range(60):\n  with open('log', 'w') as f: f.write(str(i))"
    mpremote(board, "exec", often)  # so that both blocks of the root have been written anew
    with open(tmp_path / "image", "r+b") as image:
        image.write(b"\xff" * 512)
    board.restart()
    assert mpremote(board, "exec", "print(open('kept').read())").strip() == "old"


def test_a_ctrl_c_while_the_flash_is_mounted_does_not_empty_it(
    make_board: Callable[..., FlashBoard], tmp_path: Path
) -> None:
    board = make_board(block_bytes=512, block_count=64)
    mpremote(board, "exec", "open('kept', 'w').close()")
    image = bytearray((tmp_path / "image").read_bytes())
    image[:512] = b"\xff" * 512  # as when the supply went in the middle of an erase
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):  # a busy host, for Ctrl-C at many moments
            loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(loop.wait)
            stack.callback(loop.kill)
        for _ in range(8):
            (tmp_path / "image").write_bytes(image)
            board.restart()
            talk(board, b"\r\x03" * 30 + b"\r\x01", b"raw REPL; CTRL-B to exit\r\n>")
            assert "'kept'" in mpremote(board, "exec", "import os; print(os.listdir())")


def test_a_file_that_was_never_closed_is_written_by_the_collection_that_finds_it(
    make_board: Callable[..., FlashBoard],
) -> None:
    board = make_board()
    lose = "import gc\nf = open('lost', 'w'); f.write('x' * 300); f = None; gc.collect()"
    mpremote(board, "exec", lose)
    assert mpremote(board, "resume", "exec", "print(len(open('lost').read()))").strip() == "300"
    assert board.resets == [1, SOFT_CAUSE]
