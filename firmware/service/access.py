"""Access: which role the user of the port has, by challenge and response, and for how long.

Hazard: a cap or a limit changed by whoever has a cable. The answer to `unlock` is
half of an HMAC over a nonce that is used once, so that listening to one unlocking
does not help at the next. Wrong answers are counted in flash before they are
judged, so that pulling the plug gives no more tries. It stops mistakes and casual
changes; whoever reaches MicroPython's prompt has everything.
"""

import os
import struct
from binascii import hexlify
from hashlib import sha256

from micropython import const

from service.digest import hmac_sha256, is_equal
from service.identity import Identity
from vcu.loop import Loop

NAME = "access"
VERSION = const(1)

VIEW = const(0)
SERVICE = const(1)
FACTORY = const(2)
LEVEL_NAMES = ("view", "service", "factory")

ANSWER_BYTES = const(16)
TRIES = const(5)
_NONCE_BYTES = const(16)
_NONCE_MS = const(60000)
_IDLE_MS = const(600000)
_LOCK_S = const(10)
_LOCK_MOST_S = const(3600)
# 10 s doubled this often is more than the most.
_DOUBLINGS_MOST = const(9)
_COUNT_MOST = const(0xFFFF)
_HALF_INTEGER = const((1 << 30) - 1)

# wrong answers since the last right one, and in all; operating second until which it is locked
_RECORD = "<HHI"
_RECORD_BYTES = const(8)


def lock_s(failures: int) -> int:
    """Return how long it is locked after so many wrong answers in a row: 0, 10 .. 3600 s."""
    if failures < TRIES:
        return 0
    return min(_LOCK_S << min(failures - TRIES, _DOUBLINGS_MOST), _LOCK_MOST_S)


def response(key: bytes, number: str, level: int, nonce: str) -> bytes:
    """Return the 16 bytes that answer a challenge; nonce as its 32 hexadecimal digits."""
    message = "lsev1|" + number + "|" + str(level) + "|" + nonce
    return hmac_sha256(key, message.encode())[:ANSWER_BYTES]


class Access:
    """The role of who uses the port: level 0 view, 1 service, 2 factory.

    failures are wrong answers since the last right one, failures_ever all of them,
    at most 65 535. now_s is the operating second of the last step() that had anything to end.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self.level: int = FACTORY
        self._rest_level: int = FACTORY
        self.failures: int = 0
        self.failures_ever: int = 0
        self.now_s: int = 0
        self._until_s: int = 0
        self._nonce = ""
        self._nonce_level: int = VIEW
        self._nonce_ms: int = 0
        self._nonces: int = 0
        self._idle_ms: int = 0
        self._port_bytes: int = 0
        self._was_key_on = 0

    def may(self, level: int) -> bool:
        """Return whether the user has that level: 0 view, 1 service, 2 factory."""
        return self.level >= level

    def is_open(self) -> bool:
        """Return whether there is nothing to unlock: the board has no keys, and never had."""
        return not self._identity.has_keys() and not self._identity.is_lost

    def has_roles(self) -> bool:
        """Return whether a role has to be unlocked here."""
        return self._rest_level == VIEW

    def lock(self) -> None:
        """End the role, and a challenge that waits; a board without keys stays open."""
        self.look_at_keys()
        self.level = self._rest_level
        self._nonce = ""

    def look_at_keys(self) -> None:
        """Keys may have been put in: from now on a role ends, where before all had it."""
        self._rest_level = FACTORY if self.is_open() else VIEW

    def start(self, operating_s: int) -> None:
        """After the records were read: lock, for what is left but never longer than it began.

        Operating seconds that were not saved before a power cut count again.
        """
        self.now_s = operating_s
        self._until_s = min(self._until_s, operating_s + lock_s(self.failures))
        self.lock()

    def step(self, passed_ms: int, loop: Loop, port_bytes: int) -> None:
        """Let time pass: a role ends with the key, with the drive, and 10 min after the last byte.

        port_bytes counts what the port brought. Needs no heap, and does nothing while there is
        neither a role nor a challenge nor a lock to end.
        """
        if self.level == self._rest_level and not self._nonce and not self._until_s:
            return
        self.now_s = loop.operating_s
        if port_bytes != self._port_bytes:
            self._port_bytes = port_bytes
            self._idle_ms = 0
        elif self._idle_ms < _IDLE_MS:
            self._idle_ms += passed_ms
        if self._nonce_ms > 0:
            self._nonce_ms -= passed_ms
        key_on = loop.raw.key_on
        if self.level != self._rest_level or self._nonce:
            was_turned_off = self._was_key_on and not key_on
            if loop.out.enable or was_turned_off or self._idle_ms >= _IDLE_MS:
                self.lock()
        self._was_key_on = key_on

    def left_s(self) -> int:
        """Return for how many more powered seconds no answer is taken."""
        return max(self._until_s - self.now_s, 0)

    def tries_left(self) -> int:
        """Return how many answers may be wrong until it locks, at least 1."""
        return max(TRIES - self.failures, 1)

    def challenge(self, level: int, moment: str) -> str:
        """Return a new nonce for level 1 or 2, as 32 hexadecimal digits; any other is void.

        moment is what differs from one start and one call to the next: the chip's
        own numbers are strong only while its radio runs.
        """
        self._nonces += 1
        seed = os.urandom(_NONCE_BYTES) + (moment + "|" + str(self._nonces)).encode()
        self._nonce = hexlify(sha256(seed).digest()[:_NONCE_BYTES]).decode()
        self._nonce_level = level
        self._nonce_ms = _NONCE_MS
        self._was_key_on = 0  # a key that went off while nothing was open is no end of this
        return self._nonce

    def take_challenge(self) -> "tuple[int, bytes] | None":
        """Return level and right answer of the challenge, once and within 60 s, or None."""
        nonce = self._nonce
        self._nonce = ""
        # Without a key an empty one would be as good as the right one.
        if not nonce or self._nonce_ms <= 0 or not self._identity.has_keys():
            return None
        level = self._nonce_level
        return level, response(self._identity.key(level), self._identity.number, level, nonce)

    def count_try(self) -> None:
        """Count an answer as wrong before it is judged; the record is to be written now."""
        self.failures = min(self.failures + 1, _COUNT_MOST)
        self.failures_ever = min(self.failures_ever + 1, _COUNT_MOST)
        self._until_s = 0
        locked_s = lock_s(self.failures)
        if locked_s:
            self._until_s = self.now_s + locked_s

    def judge(self, level: int, right: bytes, answer: bytes) -> bool:
        """Give the level where the answer is right, and forget the count of wrong ones."""
        if not is_equal(right, answer):
            return False
        self.failures = 0
        self.failures_ever -= 1
        self._until_s = 0
        self._idle_ms = 0
        self.level = level
        return True

    def pack(self) -> bytes:
        """Return the record's payload."""
        return struct.pack(_RECORD, self.failures, self.failures_ever, self._until_s)

    def unpack(self, payload: bytes) -> bool:
        """Take a whole record, or nothing where a value is impossible."""
        if len(payload) < _RECORD_BYTES:
            return False
        failures, ever, until_s = struct.unpack(_RECORD, payload[:_RECORD_BYTES])
        if until_s > _HALF_INTEGER or ever < failures:
            return False
        self.failures = failures
        self.failures_ever = ever
        self._until_s = until_s
        return True

    def lose(self) -> None:
        """The count cannot be read: as if all tries were used, and the lock begins now."""
        self.failures = TRIES
        self.failures_ever = max(self.failures_ever, TRIES)
        self._until_s = _HALF_INTEGER
