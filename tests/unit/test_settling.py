"""A directory that two blocks tell differently is written in until they do not, and no other."""

import errno

import pytest

from service.files import Files
from service.pairs import NullDevice
from service.settling import settle
from service.store import FAILED, OK, Store
from tests.unit.littlefs_blocks import BLOCK_BYTES, SUPERBLOCK, Device, block, file, folder, tail

START = [(SUPERBLOCK, 0, b"littlefs")]
END = tail(0xFFFFFFFF, 0xFFFFFFFF)
HOME = [*START, *folder(1, "records", 2, 3), *tail(2, 3)]
OLD_HOME = [*START, *folder(1, "records", 8, 9), *tail(8, 9)]
RECORDS = [*folder(0, "a", 4, 5), *tail(4, 5)]
OLD_RECORDS = [*folder(0, "a", 8, 9), *tail(8, 9)]
COPIES = [*file(0, "params"), *END]
ALIKE = {0: HOME, 1: HOME, 2: RECORDS, 3: RECORDS, 4: COPIES, 5: COPIES}
BLOCKS = {"/": 1, "/records/": 3, "/records/a/": 5}


class Chip(Files):
    """A flash on which the second block of a folder's pair follows after so many bytes."""

    def __init__(self, contents, refuses=False, follows=True):
        self.device = Device({n: block(10 - n % 2, tags) for n, tags in contents.items()})
        self.contents = contents
        self.refuses = refuses
        self.follows = follows
        self.written = {}
        self.names = []
        self.there = set()

    def open(self, path, mode):
        if self.refuses:
            raise OSError(errno.ENOSPC, "full")
        self.names.append(path)
        self.there.add(path)
        return self

    def write(self, data):
        place = self.names[-1][: self.names[-1].rfind("/") + 1]
        self.written[place] = self.written.get(place, 0) + len(data)
        if self.written[place] > BLOCK_BYTES // 2 and self.follows:
            last = BLOCKS[place]
            self.device.blocks[last] = block(11, self.contents[last - 1])

    def close(self):
        pass

    def remove(self, path):
        self.there.remove(path)


def settled(chip):
    return [errno for errno in settle(chip, chip.device, "/") if errno]


def test_nothing_is_written_where_both_blocks_of_each_directory_tell_the_same():
    chip = Chip(ALIKE)
    assert settled(chip) == []
    assert chip.names == []


@pytest.mark.parametrize(
    ("old", "folders"),
    [
        ({3: OLD_RECORDS}, ["/records/"]),
        ({1: OLD_HOME}, ["/"]),
        # What a folder that moves leaves to be told is settled after it.
        ({1: OLD_HOME, 3: OLD_RECORDS}, ["/records/", "/"]),
    ],
)
def test_a_directory_that_differs_is_written_in_until_it_has_gone_on_to_its_other_block(
    old, folders
):
    chip = Chip(ALIKE | old)
    assert settled(chip) == []
    assert list(chip.written) == folders
    assert max(chip.written.values()) < BLOCK_BYTES
    assert chip.there == set()
    assert chip.device.blocks[3] == block(11 if 3 in old else 9, RECORDS)
    assert settled(chip) == []
    assert list(chip.written) == folders


def test_the_small_file_comes_into_the_very_pair_of_a_long_directory():
    first = [*START, *file(1, "boot.py"), *tail(6, 7, goes_on=True)]
    chip = Chip(ALIKE | {0: first, 1: first, 6: HOME[1:], 7: OLD_HOME[1:]})
    chip.follows = False
    assert settled(chip) == []
    assert set(chip.names) == {"/recordr~settling"}
    assert "boot.py" < "recordr~settling" < "records"


@pytest.mark.parametrize("first", ["0", "a0", "a"])
def test_the_name_of_the_small_file_is_no_path(first):
    old = [*file(0, first), *folder(1, "x", 8, 9), *END]
    chip = Chip(ALIKE | {4: [*file(0, first), *END], 5: old})
    assert settled(chip) == []
    assert {name.count("/") for name in chip.names} == {3}
    assert max(chip.names) < "/records/a/" + first


def test_a_folder_that_was_renamed_into_a_later_one_is_settled():
    # littlefs' list is /, records/a, records.
    home = [*START, *folder(1, "records", 2, 3), *tail(4, 5)]
    listed = {0: home, 1: home, 4: [*file(0, "params"), *tail(2, 3)]}
    parent = [*folder(0, "a", 4, 5), *END]
    old = {2: parent, 3: parent, 5: [*file(0, "params"), *tail(8, 9)]}
    chip = Chip(listed | old)
    assert settled(chip) == []
    assert list(chip.written) == ["/records/a/"]
    assert settled(chip) == [] and list(chip.written) == ["/records/a/"]
    assert chip.there == set()


def test_a_small_file_that_a_power_cut_has_left_is_taken_away_also_behind_other_names():
    tags = [*file(0, "boot"), *file(1, "odometeq~settling"), *file(2, "params"), *END]
    chip = Chip(ALIKE | {4: tags, 5: tags})
    left = "/records/a/odometeq~settling"
    chip.there = {left}
    assert settled(chip) == []
    assert set(chip.names) == {left}
    assert chip.there == set()


def test_a_folder_of_a_person_that_is_called_like_the_small_file_stays_and_ends_nothing():
    home = [*START, *folder(1, "records", 2, 3), *folder(2, "~settling", 6, 7), *tail(2, 3)]
    chip = Chip(ALIKE | {0: home, 1: home, 3: OLD_RECORDS})
    assert settled(chip) == [] and not chip.there
    assert {name[: name.rfind("/") + 1] for name in chip.names} == {"/records/"}


def test_a_pair_that_stays_as_it_is_is_written_in_for_three_rounds_of_a_block_and_given_up():
    chip = Chip(ALIKE | {1: OLD_HOME}, follows=False)
    assert settled(chip) == []
    assert BLOCK_BYTES * 3 < chip.written["/"] < BLOCK_BYTES * 6
    assert chip.there == set()


def test_the_first_two_blocks_that_littlefs_has_left_for_good_are_left_alone():
    gone = {n: [*START, *tail(6 + n, 7, goes_on=True)] for n in (0, 1)}
    chip = Chip(ALIKE | gone | {6: HOME, 7: HOME})
    assert settled(chip) == []
    assert chip.names == []


def test_a_flash_that_refuses_ends_it_and_a_disk_has_nothing_to_settle(tmp_path):
    chip = Chip(ALIKE | {1: OLD_HOME}, refuses=True)
    assert settled(chip) == [errno.ENOSPC]
    assert list(settle(chip, NullDevice(), "/")) == []
    files = Store("/records", chip, chip.device)
    while status := files.settle_step():
        if status == FAILED:
            break
    assert files.errno == errno.ENOSPC
    assert Store(str(tmp_path / "records")).settle_step() == OK
