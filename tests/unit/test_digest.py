"""Digest: the same HMAC as Python's own, and a comparison that a single bit fails."""

import hmac
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.digest import hmac_sha256, is_equal


@given(st.binary(max_size=100), st.binary(max_size=200))
def test_it_is_pythons_hmac_for_every_key_and_message(key, message):
    assert hmac_sha256(key, message) == hmac.new(key, message, sha256).digest()


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 131])
def test_keys_around_the_block_size_are_pythons_too(length):
    key = b"\xaa" * length
    assert hmac_sha256(key, b"lsev") == hmac.new(key, b"lsev", sha256).digest()


def test_a_vector_of_rfc_4231():
    digest = hmac_sha256(b"Jefe", b"what do ya want for nothing?")
    assert digest.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@given(st.binary(min_size=1, max_size=32), st.data())
def test_one_wrong_bit_or_byte_more_is_not_equal(data, draw):
    assert is_equal(data, bytes(data))
    at = draw.draw(st.integers(0, len(data) * 8 - 1))
    other = bytearray(data)
    other[at // 8] ^= 1 << at % 8
    assert not is_equal(data, bytes(other))
    assert not is_equal(data, data + b"\0") and not is_equal(data, data[:-1])
