"""The monitor: the worst fault and what to do first, old readings told from new ones, in 80x24.

A board made of answers, and a clock that the test holds.
"""

import asyncio
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from host_tools import live_values, monitor_command, monitor_text, texts
from host_tools.car_watch import RATE_HZ, CarWatch, Tap
from host_tools.cli import make_parser
from host_tools.link import LinkError
from host_tools.monitor import Monitor
from host_tools.ports import PortError
from host_tools.screen import width
from service.telemetry import TELEMETRY
from tests.unit.answering_board import PEDAL_OPEN, AnsweringBoard
from tests.unit.kept_screens import kept
from vcu import modes
from vcu.limits import LIMITER_NAMES

LOST = LinkError(None, "lost", "the port is gone; plug the cable in again and start anew")
HEALTHY = {
    "faults": ["none active, none stored"],
    "faults hist": ["no faults kept"],
    "why": ["drives: torque 12.5 %, limited by none"],
}
READINGS = {
    **{"mode": modes.NAMES.index("DRIVE"), "reasons": 0, "contactor": 4, "limiter": 0},
    **{"speed_mmps": 6944, "speed_trusted": 1, "torque_permille": 125, "pedal_permille": 300},
    **{"pedal_valid": 1, "brake_on": 0, "gear_forward_on": 1, "gear_reverse_on": 0, "key_on": 1},
    **{"plug_in": 0, "pack_valid": 1, "pack_cv": 6312, "bus_cv": 6305, "pack_da": 184},
    **{"soc_permille": 805, "battery_ddegc": 250, "motor_ddegc": -1000, "controller_ddegc": 412},
    **{"rail_cv": 1299, "sensor_5v_mv": 4999},
}
PARAMETERS = {
    **{"speed_cap_kmh": 45, "discharge_max_da": 1200, "charge_max_da": 200, "chemistry": 1},
    **{"cell_count": 30, "soc_turtle_permille": 100, "motor_stop_ddegc": 1400},
    **{"controller_stop_ddegc": 850},
}


def parameter(line: str) -> list[str]:
    name = line.split()[1]
    if name == "*":
        return [parameter(f"get {known}")[0] for known in PARAMETERS]
    return [f"{name} {PARAMETERS[name]} 1 (0..9999, default 0)"]


class LiveBoard(AnsweringBoard):
    """A board with telemetry: each step a reading, unless something else is queued."""

    def __init__(self, answers: dict[str, Any] | None = None, **readings: int) -> None:
        super().__init__({"get": parameter, **(answers or {})})
        self.seconds = 100.0
        self.readings = {**READINGS, **readings}
        self.queue: list[list[tuple[str, dict[str, Any]]] | Exception] = []
        self.opened = 0
        self.opening: Exception | None = None
        self.subscribed: list[str] = []
        self.hears: Tap = lambda line: None

    def subscribe(self, names: str, rate_hz: int) -> None:
        self.subscribed.append(f"{names} {rate_hz}")

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        self.seconds += 0.1
        said = self.queue.pop(0) if self.queue else [("t", {"t": 1, **self.readings})]
        if isinstance(said, Exception):
            raise said
        return said

    @contextmanager
    def live(self, tap: Tap) -> Generator["LiveBoard"]:
        if self.opening:
            raise self.opening
        self.opened += 1
        self.hears = tap
        yield self

    def clock(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def watch(self, steps: int = 12) -> CarWatch:
        watch = CarWatch(self.live, self.clock, self.sleep)
        run(watch, steps)
        return watch


def run(watch: CarWatch, steps: int) -> CarWatch:
    for _ in range(steps):
        watch.step()
    return watch


def screen(board: LiveBoard, watch: CarWatch, lang: str, key: str = "f1") -> str:
    """Return what an 80x24 terminal shows after this key."""
    return screens(board, watch, lang, key)[0]


def screens(board: LiveBoard, watch: CarWatch, lang: str, *keys: str) -> list[str]:
    """Return what an 80x24 terminal shows after each of these keys."""

    async def show() -> list[str]:
        shown: list[str] = []
        app = Monitor(watch, lang, board.clock)
        async with app.run_test(size=(80, 24)) as pilot:
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
                app.refresh_view()  # which has not been since the lines have found their places
                await pilot.pause()
                strips = app.screen._compositor.render_strips()  # pyright: ignore[reportPrivateUsage]
                shown.append("".join(strip.text.rstrip() + "\n" for strip in strips))
        return shown

    return asyncio.run(show())


def broken() -> LiveBoard:
    return LiveBoard(pedal_valid=0, mode=modes.NAMES.index("OFF"), speed_mmps=0)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_screen_of_a_healthy_car_is_as_kept(lang: str) -> None:
    board = LiveBoard(HEALTHY)
    shown = screen(board, board.watch(), lang)
    assert shown == kept(f"monitor_healthy_{lang}", shown)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_screen_of_a_car_with_an_open_pedal_wire_is_as_kept(lang: str) -> None:
    board = broken()
    shown = screen(board, board.watch(), lang)
    assert shown == kept(f"monitor_pedal_a_open_{lang}", shown)
    first = shown.splitlines()[1]
    assert "P2122" in first and texts.fault("pedal_a_low", lang).title in first


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_screen_of_a_lost_link_is_as_kept(lang: str) -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    board.opening = OSError("nothing is at /dev/car")
    board.queue.append(LOST)
    run(watch, 2)
    board.seconds += 7.0
    shown = screen(board, watch, lang)
    assert shown == kept(f"monitor_lost_{lang}", shown)
    assert "25.0?" in shown and "63.12?" in shown


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_page_fits_80_columns_and_keeps_the_keys_in_sight(lang: str) -> None:
    board = broken()
    keys = ("t", "f2", "f3", "f4", "f5", "1")
    for shown in screens(board, board.watch(), lang, *keys):
        lines = shown.splitlines()
        assert len(lines) == 24 and max(map(width, lines)) <= 80
        assert "F1" in lines[-1] and texts.ui("key_quit", lang) in lines[-1]


def test_t_shows_the_curve_of_the_next_reading_and_the_first_after_the_last() -> None:
    board = LiveBoard(HEALTHY)
    keys = ["f1", *"t" * len(live_values.TRENDS)]
    courses = [shown.splitlines()[12] for shown in screens(board, board.watch(), "en", *keys)]
    labels = [course.split(",")[0] for course in courses]
    wanted = [texts.ui(f"value_{key}", "en") for key in live_values.TRENDS]
    assert labels == [*wanted, wanted[0]]


def test_the_page_of_faults_has_causes_and_what_to_measure() -> None:
    board = broken()
    shown = screen(board, board.watch(), "en", "f2")
    assert "1. " in shown and "measure" in shown and "P2122" in shown


def test_a_page_is_asked_for_only_while_it_is_looked_at() -> None:
    board = LiveBoard({**HEALTHY, "io": ["pedal_a 468 mV = 0.0 %"]})
    watch = board.watch()
    assert "io" not in board.told
    watch.page = "inputs"
    run(watch, 15)
    assert board.told.count("io") == 2
    assert "pedal_a 468 mV" in screen(board, watch, "en", "f4")


def test_a_board_without_a_verb_says_so_on_its_page() -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    watch.page = "inputs"
    run(watch, 3)
    assert "unknown-command" in screen(board, watch, "en", "4")


def test_what_a_board_sends_is_never_taken_for_markup() -> None:
    board = LiveBoard({**HEALTHY, "io": ["[bold]x[/nonsense]"]})
    watch = board.watch()
    watch.page = "inputs"
    run(watch, 3)
    board.hears("#b {}")
    board.hears("[/] garbage")
    run(watch, 1)
    inputs, first = screens(board, watch, "en", "f4", "f1")
    assert "[bold]x[/nonsense]" in inputs and "[/] garbage" in first


@pytest.mark.parametrize("key", [row.key for row in live_values.ROWS])
def test_every_reading_has_a_label_and_is_in_the_telemetry(key: str) -> None:
    names = [row[0] for row in TELEMETRY]
    assert set(live_values.NAMES.split(",")) <= set(names)
    for lang in texts.LANGUAGES:
        assert 0 < width(texts.ui(f"value_{key}", lang)) <= 11


def test_a_reading_that_the_board_does_not_believe_is_a_question_mark() -> None:
    row = {row.key: row for row in live_values.ROWS}
    for key, name in (("speed", "speed_trusted"), ("pack_v", "pack_valid")):
        assert live_values.shown(row[key], READINGS) != "?"
        assert live_values.shown(row[key], {**READINGS, name: 0}) == "?"
    assert live_values.shown(row["motor"], READINGS) == "?"
    assert live_values.shown(row["gear"], {**READINGS, "gear_reverse_on": 1}) == "F+R"
    assert live_values.shown(row["limiter"], {**READINGS, "limiter": 99}) == "99"
    assert all(live_values.shown(r, {}) == "?" for r in live_values.ROWS)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("speed_mmps", 12500, 12600),
        ("pack_cv", 4950, 4940),
        ("pack_cv", 7650, 7660),
        ("pack_da", 1200, 1201),
        ("pack_da", -200, -201),
        ("soc_permille", 100, 99),
        ("battery_ddegc", 600, 601),
        ("motor_ddegc", 1400, 1401),
        ("rail_cv", 1550, 1551),
        ("sensor_5v_mv", 4750, 4749),
    ],
)
def test_a_reading_beyond_its_limits_is_marked(name: str, inside: int, outside: int) -> None:
    (row,) = [row for row in live_values.ROWS if row.name == name]
    assert not live_values.is_outside(row, {**READINGS, name: inside}, PARAMETERS)
    assert live_values.is_outside(row, {**READINGS, name: outside}, PARAMETERS)
    for value, mark in ((inside, " "), (outside, "!")):
        board = LiveBoard(HEALTHY, **{name: value})
        view = board.watch().view
        shown = monitor_text.reading(row, view, board.seconds, "en")
        assert f"{live_values.shown(row, view.values)}{mark}" in shown.text
        assert (shown.mood == "bad") is (mark == "!") and width(shown.text) == 39


# What the watch survives.


def test_a_reset_board_is_subscribed_to_again() -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    assert board.subscribed == [f"{live_values.NAMES} {RATE_HZ}"] and board.opened == 1
    board.queue.append([("b", {"name": "lsev"})])
    run(watch, 3)
    assert len(board.subscribed) == 2 and board.opened == 1 and watch.view.state == "live"


def test_a_board_that_fell_silent_without_a_word_is_subscribed_to_again() -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    board.queue += [[]] * 25
    run(watch, 30)
    assert len(board.subscribed) == 2 and watch.view.state == "live"


def test_a_port_that_vanishes_and_comes_back_is_opened_again() -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    board.queue.append(LOST)
    board.opening = OSError("nothing is at /dev/car")
    run(watch, 60)
    assert watch.view.state == "lost" and watch.view.values and board.opened == 1
    board.opening = None
    run(watch, 60)
    assert watch.view.state == "live" and board.opened == 2 and watch.view.reason == ""


@pytest.mark.parametrize("lang", texts.LANGUAGES)
def test_what_holds_a_driving_car_back_is_told_in_words(lang: str) -> None:
    cold = LiveBoard(HEALTHY, limiter=LIMITER_NAMES.index("battery_temp"))
    assert texts.limiter("battery_temp", lang) in screen(cold, cold.watch(), lang)
    free = LiveBoard(HEALTHY)
    assert texts.limiter("none", lang) not in screen(free, free.watch(), lang)


@pytest.mark.parametrize(("plug_in", "words"), [(0, "charge plug out"), (1, "charge plug in ")])
def test_a_plug_is_in_or_out(plug_in: int, words: str) -> None:
    board = LiveBoard(HEALTHY, plug_in=plug_in)
    assert words in screen(board, board.watch(), "en")


def test_a_car_that_is_not_there_yet_is_looked_for_and_the_reason_told() -> None:
    board = LiveBoard(HEALTHY)
    board.opening = OSError("no serial port was found; plug the cable in")
    watch = board.watch(0)
    first = screen(board, watch, "en")
    assert "The board is being asked." in first and "No link" not in first
    run(watch, 12)
    assert watch.view.state == "looking"
    assert "plug the cable in" in screen(board, watch, "en")
    board.opening = None
    assert run(watch, 60).view.state == "live"


def test_a_damaged_answer_is_asked_for_again_over_the_same_port() -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    good = board.answers["why"]
    board.answers["why"] = LinkError(None, "garbled", "a line came in damaged")
    run(watch, 25)
    board.answers["why"] = good
    run(watch, 25)
    assert board.opened == 1 and watch.view.state == "live"
    assert "a line came in damaged" in watch.view.log


def test_telemetry_that_is_damaged_changes_nothing() -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    before = watch.view.values
    board.queue.append([("t", {}), ("t", {"speed_mmps": "x", "pack_cv": None}), ("l", {})])
    watch.step()
    assert watch.view.values == before
    board.queue.append([("t", {"speed_mmps": 10**30, "limiter": -7, "mode": 77})])
    watch.step()
    assert len(screen(board, watch, "en").splitlines()) == 24


def test_a_new_fault_is_on_the_screen_at_once() -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    board.answers["faults"] = board.answers["faults hist"] = [PEDAL_OPEN]
    board.queue.append([("e", {"code": "P2122"})])
    watch.step()
    assert "P2122" in screen(board, watch, "en").splitlines()[1]


def test_the_end_of_a_line_that_began_before_the_port_was_open_is_no_garbage() -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    for line in ('mmps":0}', "#b {}", '#t {"t":1}', "> @1 id", "@1 ok", "hello"):
        board.hears(line)
    watch.step()
    assert watch.view.log == ("#b {}", "hello")
    assert watch.view.raw == ("#b {}", "> @1 id", "@1 ok", "hello")


# Plain lines.


def plain(board: LiveBoard, *words: str) -> int:
    args = make_parser().parse_args(["monitor", "--plain", "--port", "x", *words])
    return monitor_command.run(args, lambda name: board.live, board.clock)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_plain_says_the_fault_first_and_then_a_line_a_second(
    lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plain(broken(), "--seconds", "5", "--lang", lang) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("P2122 ") and texts.fault("pedal_a_low", lang).title in first
    assert texts.reason("key_off", lang) in "".join(rest)
    label = texts.ui("value_pack_v", lang)
    assert 4 <= sum(f"{label} 63.12 V" in line for line in rest) <= 6
    assert not any("\x1b" in line for line in rest)


def test_a_watch_that_shall_end_prints_lines_at_a_terminal_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(monitor_command, "_on_screen", lambda *_: pytest.fail("for ever"))
    board = LiveBoard(HEALTHY)
    args = make_parser().parse_args(["monitor", "--port", "x", "--seconds", "2", "--lang", "en"])
    assert monitor_command.run(args, lambda name: board.live, board.clock) == 0
    assert "No fault is active" in capsys.readouterr().out


def test_plain_ends_at_once_where_no_port_opens() -> None:
    board = LiveBoard(HEALTHY)
    board.opening = PortError("nothing is at /dev/car")
    with pytest.raises(PortError, match="nothing is at"):
        plain(board, "--seconds", "60")
    assert board.seconds < 101.0


def test_plain_tells_of_a_lost_link_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    board = LiveBoard(HEALTHY)
    board.queue += [[("t", READINGS)]] * 5 + [LOST]
    # A clock that goes on while the watch waits, as the real one does.
    board.clock = lambda: board.sleep(0.02) or board.seconds
    assert plain(board, "--seconds", "6", "--lang", "en") == 0
    out = capsys.readouterr().out
    at = out.index("No link: the port is gone")
    assert "No fault is active" in out[:at] and "No fault is active" in out[at:]


def test_the_end_of_a_watch_ends_the_subscription() -> None:
    board = LiveBoard(HEALTHY)
    watch = board.watch()
    watch.close()
    watch.close()
    assert board.told.count("unsub") == 1 and board.told[-1] == "unsub"


def test_the_screen_ends_with_q() -> None:
    board = LiveBoard(HEALTHY)
    app = Monitor(board.watch(), "en", board.clock)

    async def show() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("q")
            await pilot.pause()
            assert not app.is_running

    asyncio.run(show())


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("is_closed", [False, True])
def test_the_screen_ends_with_a_signal_and_with_its_terminal(
    number: signal.Signals, is_closed: bool
) -> None:
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "host_tools", "monitor", "--port", "no-such-port"]
    environment = os.environ | {"TERM": "xterm"}
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, env=environment) as process:
        os.close(end)
        while b"no-such-port" not in os.read(terminal, 65536):
            pass  # until it is drawn
        process.send_signal(number)
        if is_closed:
            os.close(terminal)
        due = time.monotonic() + 10.0
        while process.poll() is None and time.monotonic() < due:
            time.sleep(0.05)
            if not is_closed and select.select([terminal], [], [], 0.0)[0]:
                with suppress(OSError):  # it has ended
                    os.read(terminal, 65536)
        status = process.poll()
        process.kill()
    if not is_closed:
        os.close(terminal)
    # To a terminal that is gone the last line cannot be told, and that may be the status.
    assert status in ((1, 128 + number) if is_closed else (128 + number,))
