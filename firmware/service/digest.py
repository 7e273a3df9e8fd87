"""Digest: HMAC-SHA256 as RFC 2104 has it, and a comparison that does not tell where it failed."""

from hashlib import sha256

from micropython import const

_BLOCK_BYTES = const(64)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return the 32 bytes of the HMAC of message; a key of any length."""
    if len(key) > _BLOCK_BYTES:
        key = sha256(key).digest()
    key += bytes(_BLOCK_BYTES - len(key))
    inner = sha256(bytes([byte ^ 0x36 for byte in key]))
    inner.update(message)
    outer = sha256(bytes([byte ^ 0x5C for byte in key]))
    outer.update(inner.digest())
    return outer.digest()


def is_equal(one: bytes, other: bytes) -> bool:
    """Return whether both are the same; the time it takes depends on their lengths only."""
    if len(one) != len(other):
        return False
    difference = 0
    for i in range(len(one)):
        difference |= one[i] ^ other[i]
    return difference == 0
