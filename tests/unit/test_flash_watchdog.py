"""The flash board's watchdog: it bites by the board's own time, however slow the host is."""

import pytest

from sim.flash_watchdog import FlashWatchdog

TIMEOUT_S = 2.0


class Board:
    """A board's process, and the host's clock."""

    def __init__(self) -> None:
        self.state = "R"
        self.ran_s = 5.0
        self.now_s = 100.0
        self.watchdog = FlashWatchdog(lambda: (self.state, self.ran_s))
        self.watchdog.feed(TIMEOUT_S, self.now_s)

    def bitten_after(self, step_s: float, share: float, patience_s: float = 60.0) -> float:
        """Let time pass; the process gets a share. Return when it bites, or patience_s."""
        began_s = self.now_s
        while self.now_s - began_s < patience_s:
            self.now_s += step_s
            self.ran_s += step_s * share
            if self.watchdog.bites(self.now_s):
                return self.now_s - began_s
        return patience_s


@pytest.mark.parametrize(("state", "share"), [("R", 1.0), ("S", 0.0)])
def test_a_program_that_hangs_or_sleeps_is_bitten_after_its_timeout(
    state: str, share: float
) -> None:
    board = Board()
    board.state = state
    assert 0.9 * TIMEOUT_S <= board.bitten_after(0.01, share) <= 1.2 * TIMEOUT_S


@pytest.mark.parametrize("state", ["R", "T", "D"])
def test_a_program_without_a_processor_is_never_bitten(state: str) -> None:
    board = Board()
    board.state = state
    assert board.bitten_after(0.01, 0.0) == 60.0


def test_a_program_that_hangs_on_half_a_processor_is_bitten_after_twice_the_time() -> None:
    assert 1.8 * TIMEOUT_S <= Board().bitten_after(0.01, 0.5) <= 2.4 * TIMEOUT_S


def test_a_host_that_was_stopped_itself_adds_one_share_at_most() -> None:
    board = Board()
    board.state = "S"
    board.now_s += 30.0
    assert not board.watchdog.bites(board.now_s)
    assert board.bitten_after(0.01, 0.0) >= 0.8 * TIMEOUT_S


def test_feeding_begins_anew_and_a_watchdog_that_is_off_asks_for_no_look() -> None:
    board = Board()
    assert board.bitten_after(0.01, 1.0, 0.8 * TIMEOUT_S) == 0.8 * TIMEOUT_S
    board.watchdog.feed(TIMEOUT_S, board.now_s)
    assert board.bitten_after(0.01, 1.0) >= 0.9 * TIMEOUT_S
    board.watchdog.stop()
    assert board.watchdog.due_s is None
    assert board.bitten_after(0.01, 1.0) == 60.0


def test_a_soft_reset_whose_new_process_has_run_less_brings_nothing_back() -> None:
    board = Board()
    spent_s = board.bitten_after(0.01, 1.0, 0.8 * TIMEOUT_S)
    board.ran_s = 0.0
    assert spent_s + board.bitten_after(0.01, 1.0) <= 1.4 * TIMEOUT_S
