"""Identity: what a vehicle's number, VIN and keys may be, and that a damaged record is none."""

import pytest

from service.identity import Identity, is_key, is_number, is_vin

K1, K2 = bytes(range(16)), bytes(range(32))
VIN = "LLSEV4W60AGM00037"


def identity():
    made = Identity()
    made.take("LSEV-0007", VIN, K1, K2)
    made.take_wheel(1500, 24)
    return made


@pytest.mark.parametrize(
    ("text", "good"),
    [("A", True), ("a-b_c.9", True), ("x" * 20, True), ("x" * 21, False), ("", False),
     ("a b", False), ("a|b", False), ("a=b", False)],
)  # fmt: skip
def test_a_number_is_1_to_20_letters_digits_and_three_marks(text, good):
    assert is_number(text) == good


@pytest.mark.parametrize(
    ("text", "good"),
    [(VIN, True), (VIN[:-1], False), (VIN + "1", False), (VIN.lower(), False),
     ("I" + VIN[1:], False), ("O" + VIN[1:], False), ("Q" + VIN[1:], False),
     ("-" + VIN[1:], False)],
)  # fmt: skip
def test_a_vin_is_17_of_iso_3779(text, good):
    assert is_vin(text) == good


@pytest.mark.parametrize(
    ("key", "good"),
    [(bytes(range(15)), False), (K1, True), (K2, True), (bytes(range(33)), False),
     (b"", False), (b"\0" * 16, False)],
)  # fmt: skip
def test_a_key_is_16_to_32_bytes_and_not_all_the_same(key, good):
    assert is_key(key) == good


def test_what_is_packed_comes_back():
    there = Identity()
    assert there.unpack(identity().pack())
    assert (there.number, there.vin, there.key(1), there.key(2)) == ("LSEV-0007", VIN, K1, K2)
    assert (there.circumference_mm, there.pulses_per_turn) == (1500, 24)
    assert there.has_keys()


def test_a_record_that_is_cut_anywhere_gives_nothing():
    whole = identity().pack()
    for size in range(len(whole)):
        there = Identity()
        assert not there.unpack(whole[:size])
        assert not there.has_keys() and there.number == ""


@pytest.mark.parametrize("at", [0, 2, 4, 5, 6, 7, 8, 20])
def test_a_field_that_cannot_be_gives_nothing(at):
    payload = bytearray(identity().pack())
    payload[at : at + 2] = b"\0\0"
    there = Identity()
    assert not there.unpack(bytes(payload)) and not there.has_keys()
