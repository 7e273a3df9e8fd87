"""A Ctrl-C for the flash board: whether it interrupts, and how long it waits for what may."""

import signal

import pytest

from sim import flash_run
from sim.flash_process import CTRL_C
from sim.flash_run import FlashRun


class Run(FlashRun):
    """A run whose process is told here: its state, what each look finds it to have run."""

    number = 12345

    def __init__(self, state="R", runs_s=0.0, catches_at=-1, unread=0):
        self._process = self
        self.pid = self.number
        self._told = state
        self._runs_s = runs_s
        self._ran_s = 0.0
        self._catches_at = catches_at
        self._left = unread
        self._interrupted_ns = 0
        self.ran_ns = 10_000_000
        self.asked = 0
        self.signals = []

    def look(self):
        if self.signals and self.signals[-1] == signal.SIGSTOP and self._told not in "ZX":
            return "T", self._ran_s
        self._ran_s += self._runs_s
        return self._told, self._ran_s

    def _catches(self):
        self.asked += 1
        return self.asked >= self._catches_at > 0

    def _ran_ns(self):
        self.ran_ns += 100_000
        return self.ran_ns

    def _unread(self):
        return self._left


@pytest.fixture
def ask(monkeypatch):
    """Return ask(run), which interrupts it on a host whose time passes in sleeps alone."""
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    def ask(run):
        monkeypatch.setattr(flash_run.os, "kill", lambda _, number: run.signals.append(number))
        monkeypatch.setattr(flash_run.time, "sleep", sleep)
        monkeypatch.setattr(flash_run.time, "monotonic", lambda: now[0])
        return run.interrupt()

    return ask


def test_code_that_was_sent_just_before_is_interrupted_however_late_the_host_lets_it_run(ask):
    run = Run(catches_at=5000)
    assert ask(run)
    assert run.signals[-2:] == [CTRL_C, signal.SIGCONT]


def test_a_second_ctrl_c_waits_until_the_process_has_run_on_for_1_ms(ask):
    run = Run(catches_at=1)
    assert ask(run)
    run.signals.clear()
    assert ask(run)
    assert run.signals.count(signal.SIGSTOP) == 10
    assert run.signals[-2:] == [CTRL_C, signal.SIGCONT]


def test_a_program_that_minds_no_ctrl_c_gets_the_byte_after_50_ms_of_its_own(ask):
    run = Run(runs_s=0.01)
    assert not ask(run)
    assert 4 <= run.asked <= 8
    assert CTRL_C not in run.signals


@pytest.mark.parametrize(("state", "unread"), [("S", 0), ("Z", 9), ("X", 9)])
def test_who_waits_for_input_or_has_ended_is_asked_once(ask, state, unread):
    run = Run(state, unread=unread)
    assert not ask(run)
    assert run.asked == 1


def test_who_sleeps_and_does_not_read_is_asked_for_50_ms(ask):
    run = Run("S", unread=9)
    assert not ask(run)
    assert 90 <= run.asked <= 110
