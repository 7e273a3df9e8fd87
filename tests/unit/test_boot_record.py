"""Boot record: how the last run ended is told right after every kind of end."""

import pytest

from service import boot_record
from service.boot_record import SIZE, TEXTS, BootRecord, NullMemory, describe
from service.records import Counters
from tests.unit.runs import HARD, PWRON, WDT, Memory

SOFT = 5
STORED = [1, 0, 0, 1 << 11]


class Board:
    """What a controller has that outlives a run."""

    def __init__(self):
        self.memory = Memory()
        self.flash = b""

    def start(self, cause=PWRON):
        boot = BootRecord(self.memory)
        boot.judge(cause, self.flash)
        return boot

    def run(self, cause=PWRON):
        """Start, and get as far as the first tick."""
        boot = self.start(cause)
        self.flash = boot.pack()
        self.keep(boot, boot_record.RUNNING)
        return boot

    def keep(self, boot, state, odometer_m=1000):
        counters = Counters()
        counters.odometer_m = odometer_m
        counters.operating_s = 60
        boot.keep(state, counters, STORED)

    def lose_power(self):
        self.memory.data = b""


def end(board, boot, state, text=""):
    boot.text = text
    board.keep(boot, state)
    board.flash = boot.pack()


def test_a_new_board_knows_no_earlier_run():
    boot = Board().start()
    assert boot.ending == boot_record.UNKNOWN
    assert boot.last_run() == "no earlier run known"
    assert (boot.boots, boot.counters) == (1, None)


@pytest.mark.parametrize("power_lost", [False, True])
def test_a_key_off_that_saved_everything_is_an_orderly_end(power_lost):
    board = Board()
    end(board, board.run(), boot_record.ENDED)
    if power_lost:
        board.lose_power()
    assert board.start().last_run() == "key turned off, everything saved"


def test_a_power_cut_while_running_is_told_from_an_orderly_end():
    board = Board()
    board.run()
    board.lose_power()
    boot = board.start()
    assert boot.ending == boot_record.POWER_LOST
    assert boot.counters is None


@pytest.mark.parametrize(
    ("cause", "ending"),
    [(WDT, boot_record.HUNG)] + [(cause, boot_record.RESET) for cause in (PWRON, HARD, SOFT)],
)
def test_a_reset_while_running_keeps_what_was_counted(cause, ending):
    board = Board()
    board.run()
    boot = board.start(cause)
    assert boot.ending == ending
    assert boot.counters is not None and boot.counters.odometer_m == 1000
    assert boot.stored == STORED


@pytest.mark.parametrize("in_flash", [False, True])
@pytest.mark.parametrize("cause", [WDT, PWRON])
def test_an_exception_is_told_with_its_text_whatever_reset_follows(cause, in_flash):
    board = Board()
    boot = board.run()
    boot.text = "ValueError: no | main.py line 3"
    board.keep(boot, boot_record.CRASHED)
    if in_flash:
        board.flash = boot.pack()
        board.lose_power()
    boot = board.start(cause)
    assert boot.ending == boot_record.CRASHED
    assert boot.last_run() == "exception: ValueError: no | main.py line 3"


def test_ctrl_c_and_a_reboot_are_told():
    for state in (boot_record.INTERRUPTED, boot_record.REBOOTED):
        board = Board()
        board.keep(board.run(), state)
        assert board.start(HARD).last_run() == TEXTS[state]


def test_every_flipped_bit_and_every_truncation_of_rtc_memory_counts_as_lost():
    board = Board()
    boot = board.run()
    boot.text = "some text"
    board.keep(boot, boot_record.CRASHED)
    good = board.memory.data
    assert len(good) == SIZE <= 2048
    for bit in range(len(good) * 8):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        board.memory.data = bytes(data)
        assert board.start().ending == boot_record.POWER_LOST, bit
    for length in range(len(good)):
        board.memory.data = good[:length]
        assert board.start().ending == boot_record.POWER_LOST, length
    board.memory.data = good + b"more"
    assert board.start().ending == boot_record.CRASHED


def test_wall_time_outlives_a_reset_and_not_a_power_cut():
    board = Board()
    boot = board.run()
    boot.clock = lambda: 1795405000
    board.keep(boot, boot_record.RUNNING)
    assert board.start(WDT).wall_s == 1795405000
    board.lose_power()
    assert board.start().wall_s == 0


def test_a_start_that_fails_before_there_is_a_clock_loses_no_wall_time():
    board = Board()
    boot = board.run()
    boot.clock = lambda: 1795405000
    board.keep(boot, boot_record.RUNNING)
    board.keep(board.start(WDT), boot_record.CRASHED)
    assert board.start(WDT).wall_s == 1795405000


def test_starts_are_counted_through_resets_and_power_cuts():
    board = Board()
    for i in range(1, 8):
        boot = board.start(HARD)
        assert boot.boots == i
        board.keep(boot, boot_record.RUNNING)
        if i % 2:
            board.flash = boot.pack()
        if i == 5:
            board.lose_power()


@pytest.mark.parametrize(
    "flash", [b"", b"\1", b"\1\0\0\0\0", b"\1\0\0\0\xc8\0", b"\1\0\0\0\1\xff"]
)
def test_a_boot_record_that_makes_no_sense_is_survived(flash):
    board = Board()
    board.flash = flash
    assert board.start().last_run() in TEXTS


def test_a_chip_without_such_memory_falls_back_on_flash():
    boot = BootRecord(NullMemory())
    boot.judge(WDT, b"\7\0\0\0\0\0")
    assert (boot.ending, boot.boots) == (boot_record.POWER_LOST, 8)
    boot.keep(boot_record.RUNNING, Counters(), STORED)


@pytest.mark.parametrize(
    "text",
    ["x" * 500, "\n\r\x1b[2J", "Überspannung 42 °C", ""],
    ids=["long", "control", "foreign", "none"],
)
def test_an_exception_becomes_a_short_line_of_plain_text(text):
    said = describe(ValueError(text))
    assert said.startswith("ValueError: ")
    assert len(said) <= boot_record.TEXT_BYTES and said.isascii() and said.isprintable()
    board = Board()
    boot = board.run()
    end(board, boot, boot_record.CRASHED, said)
    assert board.start().last_run() == "exception: " + said


def test_flash_says_whether_there_are_parameters_whatever_the_text_and_older_ones_do_not():
    for text in ("", "x" * 200):
        for has_params in (True, False):
            boot = BootRecord(NullMemory())
            boot.text = text
            boot.has_params = has_params
            again = BootRecord(NullMemory())
            again.judge(PWRON, boot.pack())
            assert again.has_params == has_params
            older = BootRecord(NullMemory())
            older.judge(PWRON, boot.pack()[:-3])
            assert not older.has_params


@pytest.mark.parametrize("text", ["", "x" * 200])
def test_flash_says_which_pack_its_records_are_of_and_older_ones_do_not(text):
    boot = BootRecord(NullMemory())
    boot.text = text
    boot.told = (2, 36)
    again = BootRecord(NullMemory())
    again.judge(PWRON, boot.pack())
    assert again.told == (2, 36)
    older = BootRecord(NullMemory())
    older.judge(PWRON, boot.pack()[:-2])
    assert older.told == (0, 0)
