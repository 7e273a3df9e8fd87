"""Flash start: only the bytes that were chosen, on the board that was flashed, are a PASS."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.board_files import BoardError
from host_tools.cli import make_parser
from host_tools.flash_steps import Running, at_prompt
from host_tools.link import LinkError
from host_tools.ports import PortError
from host_tools.slot_record import Record, encode
from host_tools.slots import FlashError
from host_tools.versions_command import run_rollback
from tests.unit.flashing import NEW, OLD, Bench, losing
from tests.unit.folder_board import flashed, make_bundle

# Another build of the version that is on the board: only its bytes tell.
SAME = make_bundle("1.0.0", "more")
GIVEN_UP = Record("a", 0, True, "b", "ValueError: boom")
TAKEN = PortError("PORT is in use by picocom; close it there and try again")


@pytest.fixture
def bench(own_folder: Path) -> Bench:
    return Bench(flashed(own_folder / "flash", OLD))


def falls_back(bench: Bench, record: Record, at_reset: int = 1) -> None:
    """Have the board's selector give the chosen slot up at that restart."""
    reset = bench.board.reset

    def reset_and_give_up():
        reset()
        if bench.board.resets == at_reset:
            (bench.board.root / "slot").write_bytes(encode(record))

    bench.board.reset = reset_and_give_up


def rollback(bench: Bench) -> int:
    return run_rollback(
        make_parser().parse_args(["rollback", "--yes", "--port", "P"]), bench.tools
    )


def test_a_build_of_the_same_version_that_gives_way_to_the_old_one_is_a_fail(
    bench, capsys
) -> None:
    falls_back(bench, GIVEN_UP)
    assert bench.flash(SAME) == 1
    out = capsys.readouterr().out
    assert "version 1.0.0 in slot b was chosen, but version 1.0.0 in slot a runs" in out
    assert "slot b was given up: ValueError: boom" in out and "PASS" not in out
    assert bench.board.resets == 1  # nobody stops what has just started


def test_a_rollback_to_a_build_of_the_same_version_that_does_not_start_is_a_fail(bench) -> None:
    assert bench.flash(SAME) == 0
    falls_back(bench, Record("b", 0, True, "a", "ValueError: boom"), bench.board.resets + 1)
    with pytest.raises(FlashError, match="slot a was given up: ValueError: boom"):
        rollback(bench)


def says(bench: Bench, *lines: str) -> None:
    """Have the started version say this of its slot; the one before said nothing of any."""
    asked = []

    def identity(line):
        asked.append(line)
        its = (["version 1.0.0"], ["version 2.0.0", *lines])[len(asked) > 1]
        return [*its, "board esp32_s3", f"vehicle {bench.vehicle}", "unique_id a1b2c3"]

    bench.console.answers["id"] = identity


@pytest.mark.parametrize("total", ["0" * 64, ""])
def test_a_slot_with_other_bytes_than_were_read_back_is_a_fail(bench, capsys, total) -> None:
    says(bench, "slot b trial 1", f"sum {total}")
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert "other bytes are there than were read back" in out and "do not drive" in out
    assert f"(sum {total or 'of no manifest'})" in out


def test_a_record_that_nobody_can_read_is_no_pass(bench, capsys) -> None:
    reset = bench.board.reset

    def reset_and_lose():
        reset()
        (bench.board.root / "slot").write_bytes(b"{}")

    bench.board.reset = reset_and_lose
    assert bench.flash(SAME) == 1
    assert "was chosen, but version 1.0.0 in slot a runs" in capsys.readouterr().out


def test_a_choice_that_is_lost_after_the_start_is_no_pass(bench, capsys) -> None:
    says(bench, "slot b unchosen", f"sum {NEW.total}")
    assert bench.flash(NEW) == 1
    assert "the next start may be another version's" in capsys.readouterr().out


def test_a_version_that_is_too_old_to_say_its_slot_is_no_pass_and_says_why(bench, capsys) -> None:
    says(bench)
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert "too old to say from which slot" in out and "`lsev versions` shows" in out
    assert "the car can be used as before" in out and "given up: " not in out


@pytest.mark.parametrize(("trusted_after_s", "status"), [(30, 0), (1000, 1)])
def test_one_cut_off_start_from_its_end_a_version_passes_when_it_trusts_itself_and_no_sooner(
    bench, capsys, trusted_after_s, status
) -> None:
    reset, starts = bench.board.reset, []

    def reset_after_a_cut():
        reset()
        (bench.board.root / "slot").write_bytes(encode(Record("b", 1, False)))
        starts.append(bench.time_s)

    def identity(line):
        if starts and bench.time_s > starts[0] + trusted_after_s:
            (bench.board.root / "slot").write_bytes(encode(Record("b", 0, True)))
        return bench.identity(line)

    bench.board.reset = reset_after_a_cut
    bench.console.answers["id"] = identity
    assert bench.flash(NEW) == status
    out = capsys.readouterr().out
    assert ("PASS" in out) is not status
    assert status == 0 or "a start of it did not end in order" in out
    assert bench.time_s > starts[0] + min(trusted_after_s, 50)


def test_a_program_that_does_not_answer_is_told_without_advice_that_is_for_others(
    bench, capsys
) -> None:
    said = iter([bench.identity("id")])

    def identity(line):
        found = next(said, None)
        if found is None:
            raise LinkError(None, "no-answer", "none came; look with `lsev params diff`")
        return found

    bench.console.answers["id"] = identity
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert "version 2.0.0 in slot b was verified and chosen, but the board has not started" in out
    assert "no program answers" in out and "params diff" not in out


def becomes_another(bench: Bench, at_question: int) -> None:
    """Have another board at the port from that `id` on."""
    own, asked = bench.identity, []

    def identity(line):
        asked.append(line)
        said = own(line)
        return [*said[:-1], "unique_id 777777"] if len(asked) >= at_question else said

    bench.console.answers["id"] = identity


def test_another_board_at_the_port_after_the_reset_is_not_judged_and_not_stopped(
    bench, capsys
) -> None:
    becomes_another(bench, 2)
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert "another board is at PORT now (its chip is 777777, not a1b2c3)" in out
    assert "nothing was changed on it" in out and "given up" not in out
    assert bench.console.told.count("repl") == 1


def test_a_board_that_says_no_chip_where_one_was_flashed_is_another(bench, capsys) -> None:
    own, asked = bench.identity, []

    def identity(line):
        asked.append(line)
        said = own(line)
        return said[:-1] if len(asked) > 1 else said

    bench.console.answers["id"] = identity
    assert bench.flash(NEW) == 1
    assert "its chip is unknown, not a1b2c3" in capsys.readouterr().out


def test_parameters_are_never_given_to_another_board(bench, capsys) -> None:
    losing(bench)
    becomes_another(bench, 3)  # after the start was seen whole
    assert bench.flash(NEW) == 1
    assert "the parameters were not given back" in capsys.readouterr().out
    assert "restore begin" not in bench.console.told


def test_a_rollback_judges_no_other_board(bench) -> None:
    assert bench.flash(NEW) == 0
    becomes_another(bench, 2)
    with pytest.raises(FlashError, match="another board is at P now"):
        rollback(bench)


def test_another_board_at_the_prompt_than_was_stopped_is_started_again_and_not_written(
    bench, capsys
) -> None:
    becomes_another(bench, 1)
    before = bench.board.tree("")
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert "another board is at PORT now (its chip is a1b2c3, not 777777)" in out
    assert "777777 was stopped: restart it" in out
    assert bench.board.tree("") == before and bench.board.resets == 1


def taken(bench: Bench, times: int, error: BaseException = TAKEN) -> None:
    """Have the port taken so many times when the prompt is wanted."""
    open_board, tries = bench.board.open, []

    @contextmanager
    def prompt(port):
        tries.append(port)
        if len(tries) <= times:
            raise error
        with open_board(port) as files:
            yield files

    bench.tools = replace(bench.tools, prompt=prompt)


def test_a_program_that_looks_into_the_port_for_a_moment_ends_no_flash(bench) -> None:
    taken(bench, 3)
    assert bench.flash(NEW) == 0


@pytest.mark.parametrize("error", [TAKEN, BoardError("PORT: no MicroPython prompt")])
def test_a_port_that_is_taken_when_the_program_has_ended_says_what_the_board_is_left_at(
    bench, capsys, error
) -> None:
    taken(bench, 1000, error)
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert str(error) in out and "at MicroPython's prompt the car drives nothing" in out
    assert "restart it by its button" in out and bench.board.starts() == "1.0.0"


def test_a_port_that_is_taken_while_no_program_was_stopped_is_a_port_error(bench) -> None:
    taken(bench, 1)
    with pytest.raises(PortError), at_prompt(bench.tools, "P", Running()):
        pass
    assert bench.board.resets == 0


def test_who_stops_it_between_the_program_and_the_prompt_leaves_a_board_that_runs(bench) -> None:
    taken(bench, 1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        bench.flash(NEW)
    assert bench.board.resets == 1 and bench.board.starts() == "1.0.0"
