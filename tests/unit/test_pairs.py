"""What one block of a directory of littlefs tells, and when its two blocks do not agree."""

import pytest

from service.pairs import NullDevice, Told, walk
from tests.unit.littlefs_blocks import (
    CREATE,
    DELETE,
    FOLDER,
    SUPERBLOCK,
    Device,
    block,
    file,
    folder,
    pair,
    tail,
)

START = [(SUPERBLOCK, 0, b"littlefs")]
HOME = [*START, *folder(1, "records", 2, 3), *tail(2, 3)]
MOVED = [(FOLDER, 1, pair(3, 8)), *tail(3, 8)]


def told(*commits, **options):
    return Told(memoryview(block(5, *commits, **options)))


def walked(blocks):
    return [(found.path, found.is_loose) for found in walk(Device(blocks), "/")]


def test_a_block_tells_its_folders_its_lowest_name_and_the_next_pair():
    found = told([*HOME, *file(2, "slot")])
    assert found.is_whole and found.revision == 5
    assert found.folders == [("records", (2, 3))]
    assert found.first == "records"
    assert (found.tail, found.goes_on) == ((2, 3), False)


def test_a_later_commit_counts_and_one_that_is_torn_does_not():
    assert told(HOME, MOVED).folders == [("records", (3, 8))]
    whole = block(5, HOME)
    data = bytearray(block(5, HOME, MOVED))
    end = len(whole.rstrip(b"\xff"))
    for size in range(end, len(data.rstrip(b"\xff"))):
        torn = data[:size].ljust(len(data), b"\xff")
        assert Told(memoryview(torn)).folders == [("records", (2, 3))], size
    data[end + 6] ^= 1
    assert Told(memoryview(data)).folders == [("records", (2, 3))]


@pytest.mark.parametrize("crc_kind", [0x500, 0x501])
def test_a_checksum_says_how_the_next_commit_begins(crc_kind):
    data = block(5, HOME, MOVED, crc_kind=crc_kind)
    assert Told(memoryview(data)).folders == [("records", (3, 8))]


def test_what_was_created_before_an_entry_or_deleted_moves_it():
    made = [(CREATE, 1, b""), *folder(1, "a", 6, 7)]
    assert told(HOME, made).folders == [("a", (6, 7)), ("records", (2, 3))]
    assert told(HOME, made, [(DELETE, 1, b"")]).folders == [("records", (2, 3))]
    assert told(HOME, [(DELETE, 1, b"")]).first == ""


@pytest.mark.parametrize("entry", [2, 3, 1022])
def test_to_delete_what_is_not_there_changes_nothing(entry):
    found = told(HOME, [(DELETE, entry, b"")], MOVED)
    assert found.is_whole and found.folders == [("records", (3, 8))]


@pytest.mark.parametrize("data", [b"\xff" * 256, bytes(256), bytes(range(256))])
def test_a_block_without_a_commit_tells_nothing(data):
    found = Told(memoryview(data))
    assert not found.is_whole
    assert not found.folders and found.tail is None


END = tail(0xFFFFFFFF, 0xFFFFFFFF)
ROOT = {0: block(7, HOME), 1: block(6, HOME)}
RECORDS = {2: block(3, [*file(0, "odometer"), *END]), 3: block(4, [*file(0, "params"), *END])}


def test_a_pair_whose_blocks_differ_in_files_alone_is_not_loose():
    assert walked(ROOT | RECORDS) == [("/", False), ("/records/", False)]


@pytest.mark.parametrize(
    "other",
    [
        block(6, [*START, *folder(1, "records", 2, 9), *tail(2, 3)]),
        block(6, [*START, *folder(1, "records", 2, 3), *tail(2, 9)]),
        block(6, [*START, *tail(2, 3)]),
        block(6, [*HOME, *folder(2, "slot", 9, 10)]),
        block(6, [*HOME, *tail(2, 3, goes_on=True)]),
        b"\xff" * 256,
    ],
)
def test_a_pair_whose_blocks_tell_other_places_is_loose(other):
    assert walked(ROOT | RECORDS | {1: other}) == [("/", True), ("/records/", False)]


def test_the_newer_block_leads_to_the_next_pair_also_where_the_count_of_revisions_wraps():
    moved = {3: block(9, [*file(0, "params"), *END]), 8: block(9, [*file(0, "params"), *END])}
    for older, newer in ((6, 7), (0xFFFFFFFF, 0), (0x7FFFFFFF, 0x80000000)):
        blocks = {0: block(older, HOME), 1: block(newer, HOME, MOVED)} | moved
        assert walked(blocks) == [("/", True), ("/records/", False)], newer


def test_a_long_directory_is_several_pairs_of_one_path():
    blocks = {
        n: block(1, [*START, *file(1, "boot.py"), *tail(4, 5, goes_on=True)]) for n in (0, 1)
    }
    blocks |= {n: block(1, [*folder(0, "records", 2, 3), *tail(2, 3)]) for n in (4, 5)}
    assert walked(blocks | RECORDS) == [("/", False), ("/", False), ("/records/", False)]


def test_a_pair_that_no_directory_tells_of_has_no_path():
    blocks = {n: block(1, [*START, *tail(2, 3)]) for n in (0, 1)}
    assert walked(blocks | RECORDS) == [("/", False), ("", False)]


def test_a_folder_that_was_renamed_into_a_later_one_is_found_again_with_its_path():
    # littlefs' list is /, new, new/x, old, as it was before new became old/new.
    blocks = {n: block(1, [*START, *folder(1, "old", 8, 9), *tail(2, 3)]) for n in (0, 1)}
    blocks |= {n: block(1, [*folder(0, "x", 6, 7), *tail(4, 5, goes_on=True)]) for n in (2, 3)}
    blocks |= {n: block(1, [*file(0, "y"), *tail(6, 7)]) for n in (4, 5)}
    blocks |= {n: block(1, [*file(0, "z"), *tail(8, 9)]) for n in (6, 7)}
    blocks |= {n: block(1, [*folder(0, "new", 2, 3), *END]) for n in (8, 9)}
    blocks[7] = block(0, [*file(0, "z"), *tail(10, 11)])
    assert walked(blocks) == [
        ("/", False), ("", False), ("", False), ("", True), ("/old/", False),
        ("/old/new/", False), ("/old/new/", False), ("/old/new/x/", True),
    ]  # fmt: skip


@pytest.mark.parametrize("names", [["odometeq~settling"], ["boot", "odometeq~settling", "x"]])
def test_a_file_that_a_power_cut_has_left_makes_its_pair_loose_wherever_it_is(names):
    tags = [tag for i, name in enumerate(names) for tag in file(i, name)]
    left = {n: block(n, [*tags, *END]) for n in (2, 3)}
    assert walked(ROOT | left) == [("/", False), ("/records/", True)]


def test_the_walk_ends_at_a_pair_that_is_lost_and_where_a_list_bites_its_tail():
    assert walked(ROOT) == [("/", False)]
    circle = {n: block(n, [*file(0, "params"), *tail(0, 1)]) for n in (2, 3)}
    assert len(walked(ROOT | circle)) == 16
    assert list(walk(NullDevice(), "/")) == []
