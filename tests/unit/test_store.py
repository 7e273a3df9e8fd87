"""Store: what was written is read back, whatever breaks; what was damaged is never believed."""

import errno
import os
import random
import struct

import pytest

from service import record_copy, store
from service.store import DAMAGED, FAILED, FUTURE, LOST_MOST, MISSING, OK, Files, Store

OLD = b"the record that was there"
NEW = b"and the one that takes its place"


class Power(Exception):
    """The supply is gone: nothing that follows happens."""


class CutFiles(Files):
    """Files whose operations are counted; the supply goes in the middle of one of them.

    A write that is cut leaves any part of its bytes; a rename happens or does not.
    """

    def __init__(self, cut_at=-1, torn=0.5):
        self.cut_at = cut_at
        self.torn = torn
        self.done = 0

    def _count(self):
        self.done += 1
        return self.done == self.cut_at

    def open(self, path, mode):
        if mode == "wb" and self._count():
            raise Power
        return CutFile(self, open(path, mode))

    def rename(self, old, new):
        if self._count():
            raise Power
        os.rename(old, new)

    def mkdir(self, path):
        if self._count():
            raise Power
        os.mkdir(path)


class CutFile:
    """A file of which only a part of each write arrives, and then maybe the power goes."""

    def __init__(self, files, file, part=1.0):
        self._files = files
        self._file = file
        self._part = part

    def read(self, size):
        return self._file.read(size)

    def write(self, data):
        if isinstance(self._files, CutFiles) and self._files._count():
            self._file.write(data[: int(len(data) * self._files.torn)])
            self._file.close()
            raise Power
        return self._file.write(data[: int(len(data) * self._part)])

    def close(self):
        if not self._file.closed:
            self._file.close()


class BrokenFiles(Files):
    """A file system that refuses whatever `broken` names."""

    def __init__(self, broken, number=errno.ENOSPC):
        self.broken = broken
        self.number = number

    def open(self, path, mode):
        if "open " + mode in self.broken:
            raise OSError(self.number, "refused")
        return open(path, mode)

    def rename(self, old, new):
        if "rename" in self.broken:
            raise OSError(self.number, "refused")
        os.rename(old, new)

    def mkdir(self, path):
        if "mkdir" in self.broken:
            raise OSError(self.number, "refused")
        os.mkdir(path)


def root_of(tmp_path):
    return str(tmp_path / "records")


def kept(tmp_path, name="odometer", version=1):
    files = Store(root_of(tmp_path))
    return files.read(name, version), files.payload


def copies(tmp_path, name="odometer"):
    return [p for p in (tmp_path / "records").glob("?/" + name)]


def newest_copy(tmp_path):
    return max(copies(tmp_path), key=lambda p: p.read_bytes()[8:12])


def test_what_is_written_is_read_back_by_another_store(tmp_path):
    files = Store(root_of(tmp_path))
    assert files.read("odometer", 1) == MISSING
    assert files.write("odometer", 1, OLD) == OK
    assert kept(tmp_path) == (OK, OLD)
    assert kept(tmp_path, "faults") == (MISSING, b"")


def test_an_empty_record_is_a_record(tmp_path):
    assert Store(root_of(tmp_path)).write("odometer", 1, b"") == OK
    assert kept(tmp_path) == (OK, b"")


def test_the_two_copies_lie_in_separate_directories_and_take_turns(tmp_path):
    for i in range(7):
        assert Store(root_of(tmp_path)).write("odometer", 1, b"%d" % i) == OK
        assert kept(tmp_path) == (OK, b"%d" % i)
    assert {p.parent.name for p in copies(tmp_path)} == {"a", "b"}
    found = sorted(record_copy.parse("odometer", p.read_bytes()).payload for p in copies(tmp_path))
    assert found == [b"5", b"6"]


def test_every_flipped_bit_and_every_truncation_is_detected():
    whole = bytearray(record_bytes("odometer", OLD))
    assert record_copy.parse("odometer", bytes(whole)).status == OK
    for bit in range(len(whole) * 8):
        whole[bit // 8] ^= 1 << bit % 8
        assert record_copy.parse("odometer", bytes(whole)).status == DAMAGED, bit
        whole[bit // 8] ^= 1 << bit % 8
    for length in range(len(whole)):
        assert record_copy.parse("odometer", bytes(whole[:length])).status == DAMAGED, length
    assert record_copy.parse("odometer", bytes(whole) + b"\0").status == DAMAGED
    assert record_copy.parse("faults", bytes(whole)).status == DAMAGED


def test_another_kind_of_file_is_no_record_even_with_a_right_checksum():
    header = struct.pack("<4sHHI", b"LSR2", 1, len(OLD), 7)
    crc = record_copy.checksum("odometer", header + bytes(4), OLD)
    data = header + struct.pack("<I", crc) + OLD
    assert record_copy.parse("odometer", data).status == DAMAGED


def record_bytes(name, payload):
    class Catcher(Files):
        data = bytearray()

        def open(self, path, mode):
            if mode == "rb":
                raise OSError(errno.ENOENT, "none")
            return self

        def mkdir(self, path):
            pass

        def write(self, data):
            self.data += data

        def close(self):
            pass

    catcher = Catcher()
    files = Store("nowhere", catcher)
    files.begin(name, 1, payload)
    files.step()
    return bytes(catcher.data)


def test_a_damaged_copy_gives_way_to_the_other_and_is_counted_and_replaced(tmp_path):
    for payload in (OLD, NEW):
        Store(root_of(tmp_path)).write("odometer", 1, payload)
    newest = newest_copy(tmp_path)
    data = newest.read_bytes()
    newest.write_bytes(data[:-1] + bytes([data[-1] ^ 4]))
    files = Store(root_of(tmp_path))
    assert (files.read("odometer", 1), files.payload) == (OK, OLD)
    assert files.damaged_copies == 1
    assert files.write("odometer", 1, b"third") == OK
    assert record_copy.parse("odometer", newest.read_bytes()).payload == b"third"


def test_two_damaged_copies_are_told_once_and_kept_aside(tmp_path):
    for payload in (OLD, NEW):
        Store(root_of(tmp_path)).write("odometer", 1, payload)
    for path in copies(tmp_path):
        path.write_bytes(path.read_bytes()[:-3])
    files = Store(root_of(tmp_path))
    assert (files.read("odometer", 1), files.payload) == (DAMAGED, b"")
    lost = sorted(p.read_bytes() for p in (tmp_path / "records" / "lost").iterdir())
    assert len(lost) == 2 and lost[0][16:] in (OLD[:-3], NEW[:-3])
    assert files.has_lost("odometer") and not files.has_lost("odo") and not files.has_lost("a")
    assert kept(tmp_path) == (MISSING, b"")
    assert files.write("odometer", 1, NEW) == OK
    assert kept(tmp_path) == (OK, NEW)


def test_at_most_four_lost_files_of_a_name_are_kept(tmp_path):
    for i in range(6):
        for payload in (OLD, b"loss %d" % i):
            Store(root_of(tmp_path)).write("odometer", 1, payload)
        for path in copies(tmp_path):
            path.write_bytes(path.read_bytes()[:-1])
        assert kept(tmp_path)[0] == DAMAGED
    names = {p.name for p in (tmp_path / "records" / "lost").iterdir()}
    assert names == {f"odometer.{n}" for n in range(LOST_MOST)}


def test_a_record_of_newer_firmware_is_not_believed_and_kept_aside(tmp_path):
    files = Store(root_of(tmp_path))
    files.write("odometer", 2, OLD)
    files.write("odometer", 3, NEW)
    assert kept(tmp_path, version=3) == (OK, NEW)
    assert kept(tmp_path, version=2) == (FUTURE, b"")
    assert len(list((tmp_path / "records" / "lost").iterdir())) == 2


def test_the_sequence_goes_on_over_its_wrap(tmp_path):
    last = (1 << 30) - 1
    for folder, sequence in (("a", last - 1), ("b", last - 2)):
        path = tmp_path / "records" / folder / "odometer"
        path.parent.mkdir(parents=True)
        header = struct.pack("<4sHHI", b"LSR1", 1, len(OLD), sequence)
        crc = record_copy.checksum("odometer", header + bytes(4), OLD)
        path.write_bytes(header + struct.pack("<I", crc) + OLD)
    files = Store(root_of(tmp_path))
    assert files.read("odometer", 1) == OK
    for i in range(6):
        assert files.write("odometer", 1, b"%d" % i) == OK
        assert kept(tmp_path) == (OK, b"%d" % i)


@pytest.mark.parametrize("torn", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_a_power_cut_at_any_operation_leaves_the_old_or_the_new_record(tmp_path, before, torn):
    cut_at = 0
    while True:
        cut_at += 1
        folder = tmp_path / str(cut_at)
        folder.mkdir()
        for i in range(before):
            Store(root_of(folder)).write("odometer", 1, OLD if i == before - 1 else b"older")
        files = Store(root_of(folder), CutFiles(cut_at, torn))
        try:
            assert files.write("odometer", 1, NEW) == OK
        except Power:
            status, payload = kept(folder)
            assert (status, payload) == ((OK, OLD) if before else (MISSING, b""))
            # And the next run writes as if nothing had been.
            assert Store(root_of(folder)).write("odometer", 1, b"next") == OK
            assert kept(folder) == (OK, b"next")
            continue
        assert kept(folder) == (OK, NEW)
        break
    assert cut_at >= 5


def test_a_power_cut_while_a_loss_is_set_aside_does_not_hide_it(tmp_path):
    for cut_at in (1, 2, 3):
        folder = tmp_path / str(cut_at)
        folder.mkdir()
        for payload in (OLD, NEW):
            Store(root_of(folder)).write("odometer", 1, payload)
        for path in copies(folder):
            path.write_bytes(b"rot")
        with pytest.raises(Power):
            Store(root_of(folder), CutFiles(cut_at)).read("odometer", 1)
        files = Store(root_of(folder))
        assert files.read("odometer", 1) == DAMAGED


@pytest.mark.parametrize("broken", ["open wb", "rename", "mkdir"])
def test_a_file_system_that_refuses_fails_the_call_and_keeps_the_record(tmp_path, broken):
    if broken != "mkdir":
        Store(root_of(tmp_path)).write("odometer", 1, OLD)
    files = Store(root_of(tmp_path), BrokenFiles([broken]))
    status = files.read("odometer", 1)
    assert status == (MISSING if broken == "mkdir" else OK)
    assert files.write("odometer", 1, NEW) == FAILED
    assert files.errno == errno.ENOSPC
    assert kept(tmp_path) == ((MISSING, b"") if broken == "mkdir" else (OK, OLD))


def test_what_can_neither_be_read_nor_set_aside_is_failed(tmp_path):
    files = Store(root_of(tmp_path), BrokenFiles(["open rb", "mkdir", "rename"], errno.ENODEV))
    assert files.read("params", 1) == FAILED
    assert files.errno == errno.ENODEV
    assert not files.has_lost("params")


def test_a_write_that_the_file_system_only_claims_to_have_made_replaces_nothing(tmp_path):
    class Forgetful(Files):
        def open(self, path, mode):
            return CutFile(self, open(path, mode), 0.5)

    Store(root_of(tmp_path)).write("odometer", 1, OLD)
    assert Store(root_of(tmp_path), Forgetful()).write("odometer", 1, NEW) == FAILED
    assert kept(tmp_path) == (OK, OLD)


def test_a_whole_copy_that_a_cut_has_left_is_not_taken_for_what_was_just_written(tmp_path):
    class Deaf(Files):
        def open(self, path, mode):
            return open(os.devnull if mode == "wb" else path, mode)

    files = Store(root_of(tmp_path))
    files.write("odometer", 1, OLD)
    files.begin("odometer", 1, b"older")
    files.step()  # and then the supply goes
    assert Store(root_of(tmp_path), Deaf()).write("odometer", 1, NEW) == FAILED
    assert kept(tmp_path) == (OK, OLD)


def test_a_step_does_one_operation_and_an_unfinished_write_can_be_given_up(tmp_path):
    files = Store(root_of(tmp_path))
    files.write("odometer", 1, OLD)
    files.begin("odometer", 1, NEW)
    assert files.step() == store.BUSY
    assert kept(tmp_path) == (OK, OLD)
    files.begin("faults", 1, b"f")
    while files.step() == store.BUSY:
        assert kept(tmp_path, "faults") == (MISSING, b"")
    assert kept(tmp_path, "faults") == (OK, b"f")
    assert kept(tmp_path) == (OK, OLD)
    assert files.step() == OK and files.writes == 2


def test_the_older_copy_can_be_set_aside_alone(tmp_path):
    files = Store(root_of(tmp_path))
    assert files.set_older_aside("params")
    for payload in (OLD, NEW):
        files.write("params", 1, payload)
    assert files.set_older_aside("params")
    assert kept(tmp_path, "params") == (OK, NEW)
    assert files.has_lost("params") and len(copies(tmp_path, "params")) == 1


def test_random_rot_in_one_copy_of_a_record_written_twice_changes_nothing(tmp_path):
    rnd = random.Random(7)
    for i in range(150):
        payload = b"%d" % i * rnd.randint(1, 40)
        files = Store(root_of(tmp_path))
        assert files.write("odometer", 1, payload) == files.write("odometer", 1, payload) == OK
        path = rnd.choice(copies(tmp_path))
        data = bytearray(path.read_bytes())
        for _ in range(rnd.randint(0, 3)):
            data[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
        path.write_bytes(data[: rnd.choice((len(data), len(data), rnd.randrange(len(data))))])
        assert kept(tmp_path) == (OK, payload)
