"""The document of the fault matrix says what an outcome holds, and refuses what is no fault."""

import pytest

from host_tools.cli import main
from host_tools.fault_matrix import cells, codes_cell, render, select, undetected
from sim.matrix import Outcome


def found() -> Outcome:
    return Outcome("pedal_a_open", cases=6, detected=6, detected_s=0.17, codes={"pedal_a_low"})


def missed() -> Outcome:
    return Outcome(
        "pedal_a_stuck", cases=6, excess=0.49, excess_s=0.61, reactions={"drives on"}, top_kmh=44.4
    )


def test_a_row_gives_cases_codes_and_milliseconds() -> None:
    row = cells(found())
    assert row[:5] == ("`pedal_a_open`", "6 of 6", "-", "0.17", "pedal_a_low")
    assert cells(missed())[1:8] == ("0 of 6", "0", "-", "-", "drives on", "49", "610")


def test_codes_of_the_next_key_on_stand_in_brackets() -> None:
    outcome = found()
    outcome.later = {"shutoff_test_failed"}
    assert codes_cell(outcome) == "pedal_a_low (shutoff_test_failed)"


def test_what_is_found_at_once_or_at_the_next_key_on_is_not_listed_as_undetected() -> None:
    outcome = missed()
    assert "6 of 6 cases" in undetected(outcome)
    assert "for 610 ms above 10%" in undetected(outcome)
    outcome.at_next_start = 6
    assert undetected(outcome) == ""
    assert undetected(found()) == ""


def test_the_document_has_its_parts_in_order_and_the_crawl_last() -> None:
    text = render([("Two", [found()]), ("One", [missed()])], 10, "\n## Crawl\n")
    places = [text.index(f"\n## {heading}") for heading in ("Two", "One", "Crawl")]
    assert places == sorted(places)
    assert "10 of 10 moments" in text


def test_each_part_has_the_faults_that_make_sense_there() -> None:
    two, one, hall = select()
    assert "pedal_b_open" in two[2]
    assert "pedal_b_open" not in one[2]
    assert "motor_hall_lost" not in two[2]
    assert "motor_hall_lost" in hall[2]


def test_a_fault_that_does_not_exist_is_refused_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sim", "matrix", "--fault", "pedal_a_opne"]) == 2
    assert "pedal_a_open" in capsys.readouterr().err


@pytest.mark.parametrize("onsets", ["0", "11", "two"])
def test_onsets_outside_their_range_are_bad_usage(onsets: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sim", "matrix", "--onsets", onsets])
    assert ended.value.code == 2
