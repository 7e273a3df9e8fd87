"""What a technician's terminal takes: each line and each verb, and that no byte can harm."""

import ast
import importlib
import pickle
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service import verbs
from service.context import likeness
from service.verbs import LATER, names
from tests.mpy import wasm
from tests.proving import PROVE
from tests.unit import cars
from tests.unit.terminals import PROMPT, Terminal, driving, parked, session_lines
from vcu.params import TABLE as PARAMS

SERVICE = Path(__file__).parents[2] / "firmware" / "service"
CONSOLE_MODULES = (
    "board_verbs", "calibration", "calibration_steps", "calibration_verbs", "charge_readings",
    "charge_verbs", "console", "context", "dates", "desk", "events", "fault_verbs", "frame_verbs",
    "inlet", "inputs", "io_verbs", "line_editor", "pack_verbs", "param_verbs", "readings", "reply",
    "request_line", "status_verbs", "telemetry", "terminal", "test_verbs", "value_verbs", "verbs",
)  # fmt: skip
# A slice has 4.5 ms; a tick may cost 210 000.
WORST_SLICE_FUEL = 700_000


terminal = pytest.fixture(parked)


# The line


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_cr_lf_and_crlf_each_end_one_line(terminal, end):
    text = terminal.send(f"bogus{end}bogus{end}")
    assert text.count("err 11") == 2
    assert text.count(PROMPT) == 2


def test_an_empty_line_gets_a_prompt_and_nothing_else(terminal):
    assert terminal.send("  \r") == "  \r\n" + PROMPT


def test_what_is_typed_comes_back_and_backspace_takes_it_off_the_screen(terminal):
    assert terminal.send(b"hepl\x7f\x08") == "hepl\b \b\b \b"
    assert terminal.send(b"lp\r").startswith("lp\r\nhelp")


def test_backspace_at_the_start_of_a_line_does_nothing(terminal):
    assert terminal.send(b"\x08\x7f") == ""


def test_ctrl_u_takes_the_whole_line_back(terminal):
    assert "err" not in terminal.send(b"nonsense\x15why\r")


def test_a_line_of_160_characters_is_run_and_one_of_161_dropped_whole(terminal):
    fits = "why" + " " * 157
    assert terminal.ask(fits)[-1] == "ok"
    answer = terminal.send("why" + " " * 158 + "\r")
    assert "err 13 bad-length: " in answer
    assert "does not drive" not in answer
    assert terminal.ask("why")[-1] == "ok"


@pytest.mark.parametrize("byte", [0x80, 0xC3, 0xFF])
def test_a_byte_that_is_not_ascii_drops_its_line_and_only_that(terminal, byte):
    answer = terminal.send(b"w" + bytes([byte]) + b"hy\r")
    assert "err 12 bad-argument: not ASCII; line dropped whole; use plain letters" in answer
    assert terminal.ask("why")[-1] == "ok"


def test_control_bytes_are_dropped_and_counted(terminal):
    assert "does not drive" in terminal.send(b"\x00w\x01h\x02y\t\r")
    assert terminal.console._context.dropped_bytes == 4


def test_arrow_and_function_keys_leave_nothing_in_the_line(terminal):
    answer = terminal.send(b"\x1b[Aw\x1bOPh\x1b[15~y\x1b\x1b[D\r")
    assert answer.startswith("why\r\n")


def test_a_line_that_came_too_fast_is_refused_whole_and_the_next_one_run(terminal):
    for byte in b"help\rset reverse_cap_kmh 5" + b" " * 60 + b"\r":
        terminal.console.feed(byte)
    first = terminal.settle()
    assert "reverse_cap_kmh 8 -> 5" not in first
    terminal.send("\r")
    assert terminal.params.get("reverse_cap_kmh") == 8
    assert terminal.ask("why")[-1] == "ok"


def test_an_overrun_that_ends_with_its_line_is_reported(terminal):
    for byte in b"help\r" + b"x" * 80:
        terminal.console.feed(byte)
    terminal.settle()
    assert "err 13 bad-length: input came too fast; line dropped whole" in terminal.send("\r")


# Ctrl-C


def test_ctrl_c_on_a_parked_car_may_end_the_program(terminal):
    assert terminal.console.feed(3) is True


def test_ctrl_c_while_driving_is_refused_and_ends_the_answer():
    terminal = driving()
    for byte in b"help\r":
        terminal.console.feed(byte)
    for _ in range(4):
        terminal.main()
    assert terminal.console.feed(3) is False
    answer = terminal.settle()
    assert "err 22 not-now: Ctrl-C while not parked; the program runs on;" in answer
    assert answer.endswith(PROMPT)
    assert "reboot" not in answer
    assert terminal.ask("why")[-1] == "ok"


# Names


def test_help_names_every_verb_and_every_verb_of_the_design_is_there(terminal):
    later = [" ".join(verbs) for _, verbs in LATER]
    named = []
    for line in terminal.ask("help")[:-1]:
        verbs = line.partition("  (parked")[0]
        named += verbs.split() if verbs in later else line.split()[:1]
    assert set(named) == set(names())
    wanted = (
        "help status why faults freeze clear io desc sub unsub charge pack get set save"
        " id stats log time echo obd repl reboot"
    )
    assert set(wanted.split()) <= set(named)
    assert len(set(named)) == len(named)


@pytest.mark.parametrize(("module", "verbs"), LATER)
def test_a_module_that_is_loaded_later_answers_the_verbs_that_help_promises(
    terminal, module, verbs
):
    assert [row[0] for row in importlib.import_module("service." + module).ROWS] == list(verbs)
    for verb in verbs:
        said = terminal.ask("help " + verb)
        assert len(said) == 2
        assert said[0].startswith(verb + " ")


def test_a_verb_is_loaded_on_a_parked_car_only_and_answers_in_a_drive_from_then_on():
    terminal = driving()
    refused = "err 88 moving: not parked (15.3 km/h, gear F, pedal 49.9 %); nothing changed; "
    for line in ("diff", "help diff"):
        assert terminal.ask(line)[0].startswith(refused)
    terminal.driver.brake = 1
    terminal.driver.gear = terminal.driver.key = terminal.driver.pedal = 0
    terminal.driver.roll_at(0).tick(300)
    answer = terminal.ask("diff")
    assert answer[-1] == "ok"
    terminal.driver.engage().roll_at(4000).tick(50)
    assert not terminal.desk.is_parked()
    assert terminal.ask("diff") == answer


@pytest.mark.parametrize("error", [MemoryError, ImportError, SyntaxError, OSError(5)])
def test_a_module_that_cannot_be_loaded_costs_its_verbs_and_nothing_else(
    terminal, monkeypatch, error
):
    def refuse(name, *_):
        assert name == "service.dump_verbs"
        raise error

    monkeypatch.setattr(verbs, "__import__", refuse, raising=False)
    refused = [
        "err 10 failed: dump_verbs cannot be loaded; nothing done, the rest works; flash again"
    ]
    # More often than a service half may fail.
    for line in ("diff", "help diff", "dump", "diff"):
        assert terminal.ask(line) == refused
    assert terminal.ask("get speed_cap_kmh")[-1] == "ok"
    monkeypatch.undo()
    assert terminal.ask("diff")[-1] == "ok"


def test_an_unknown_verb_is_answered_with_the_three_nearest(terminal):
    answer = terminal.ask("stauts")
    assert len(answer) == 1
    head, _, nearest = answer[0].partition("; try ")
    assert head == "err 11 unknown-command: no such name; nothing done"
    assert nearest.split(" or ")[0].split(", ")[:2] == ["status", "stats"]
    assert len(nearest.split(" or ")[0].split(", ")) == 3


@pytest.mark.parametrize("verb", names())
def test_a_verb_with_two_letters_swapped_is_found_again(terminal, verb):
    typed = verb[0] + verb[2:3] + verb[1:2] + verb[3:]
    if typed != verb and not typed.startswith("at"):  # what begins so is for an ELM327
        assert verb in terminal.ask(typed)[0]


def test_an_unknown_parameter_is_answered_with_the_three_nearest(terminal):
    for line in ("get sped_cap", "set sped_cap 40"):
        answer = terminal.ask(line)
        assert answer[0].startswith("err 12 bad-argument: ")
        assert "speed_cap_kmh" in answer[0]


def test_likeness_prefers_the_same_word():
    for _, typed, *_ in PARAMS:
        pairs = [typed[i : i + 2] for i in range(len(typed) - 1)]
        scores = {other[1]: likeness(typed, pairs, other[1]) for other in PARAMS}
        assert max(scores, key=lambda name: scores[name]) == typed


@pytest.mark.parametrize("line", ["status now", "get", "set", "set a 1 2", "freeze", "reboot now"])
def test_a_wrong_number_of_words_is_answered_with_the_usage(terminal, line):
    answer = terminal.ask(line)
    assert answer[0].startswith("err 12 bad-argument: wrong number of words; nothing done; use: ")
    assert line.split()[0] in answer[0].split("use: ")[1]


def test_a_question_mark_is_help(terminal):
    assert terminal.ask("?") == terminal.ask("help")
    assert terminal.ask("? get") == terminal.ask("help get")


# What must never happen


def test_no_verb_changes_anything_of_the_loop():
    for terminal in (Terminal(), driving()):
        before = pickle.dumps(terminal.desk.loop)
        for verb in names():
            if verb == "obd":
                continue  # another mode
            for arguments in ("", " speed_cap_kmh", " speed_cap_kmh 45", " *", " 11"):
                terminal.ask(verb + arguments)
        assert pickle.dumps(terminal.desk.loop) == before


@pytest.mark.parametrize("module", CONSOLE_MODULES)
def test_no_module_of_the_console_names_an_output_or_writes_to_the_loop(module):
    for node in ast.walk(ast.parse((SERVICE / f"{module}.py").read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"out", "io", "machine"}
            if isinstance(node.ctx, ast.Store):
                owner = ast.unparse(node.value)
                assert owner in {
                    "self", "self.reply", "context", "context.desk", "desk", "self._context",
                    "self.vault", "self.history",
                }, ast.unparse(node)  # fmt: skip
        if isinstance(node, ast.Name):
            assert node.id not in {"out", "io", "machine", "print", "open"}
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert "loop." not in called or called.endswith("loop.is_parked"), called
            if module != "param_verbs":
                assert not called.endswith("params.set"), called
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] in {
                "service", "vcu", "micropython", "array", "binascii",
            }  # fmt: skip


def test_a_slice_hands_on_at_most_100_bytes_and_an_idle_one_none(terminal):
    terminal.ask("get *")
    assert 0 < terminal.most <= 100
    terminal.settle()
    assert terminal.settle() == ""


def test_a_host_that_does_not_read_holds_nothing_up_and_loses_no_line(terminal):
    expected = terminal.ask("get *")
    terminal.takes = 0
    for byte in b"get *\r":
        terminal.console.feed(byte)
    for _ in range(500):
        terminal.main()
    assert terminal.sent == b""
    terminal.takes = 7
    text = terminal.settle(2000)
    assert text.split("\r\n")[1:-1] == expected
    assert terminal.console.reply.lost_bytes == 0


def test_a_verb_that_breaks_is_reported_and_the_next_line_runs(terminal):
    terminal.desk.identity = ()
    for byte in b"id\r":
        terminal.console.feed(byte)
    with pytest.raises(IndexError):
        terminal.settle()
    assert "err 10 failed: this answer broke" in terminal.settle()
    assert terminal.ask("why")[-1] == "ok"


WORDS = st.sampled_from(
    names()
    + [row[1] for row in PARAMS[:4]]
    + [
        "*",
        "p*",
        "11",
        "-1",
        "45",
        "99999999999",
        "\x03",
        "\x1b[A",
        "\x08",
        "\x15",
        "\xff",
        "\x18",
    ]
)
LINES = st.lists(WORDS, max_size=5).map(lambda words: " ".join(words).encode("latin1") + b"\r")
NOISE = st.one_of(LINES, st.binary(max_size=200))
FUZZ_RUNS = 2000 if PROVE else 100


@settings(
    max_examples=FUZZ_RUNS, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(chunks=st.lists(NOISE, max_size=12), takes=st.sampled_from([None, 0, 1, 60]))
def test_no_bytes_raise_lose_output_of_an_answer_or_change_the_loop(chunks, takes):
    terminal = Terminal(cars.Driver())
    before = pickle.dumps(terminal.desk.loop)
    terminal.takes = takes
    for chunk in chunks:
        for byte in chunk:
            terminal.console.feed(byte)
            if byte & 3 == 0:
                terminal.main()
        for _ in range(8):
            terminal.main()
    assert terminal.most <= 100
    terminal.takes = None
    terminal.settle(2000)
    for _ in range(20):
        terminal.main()  # after a flood the port must be quiet
    terminal.send(b"\rexit\r")
    answer = terminal.send(b"\r\rwhy\r")
    assert answer.endswith(("ok\r\n" + PROMPT, "ok\r\nlsev* "))
    assert pickle.dumps(terminal.desk.loop) == before


# The same in MicroPython


@cache
def session_here():
    lines = session_lines("console_session.py")
    assert len(lines) > 10
    return lines


def test_64_bit_micropython_answers_byte_for_byte_what_cpython_does(interpreter):
    assert session_lines("console_session.py", interpreter) == session_here()


def test_32_bit_micropython_does_so_too_and_idles_without_the_heap():
    here = session_here()
    there = wasm.run("console_session.py").splitlines()
    assert [line for line in there if line.startswith("session ")] == here
    worst = [int(line.split()[2]) for line in there if line.startswith("slice ")]
    print("worst slice", max(worst))
    assert max(worst) <= WORST_SLICE_FUEL
