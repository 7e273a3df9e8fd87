"""Error codes: why the console refused, as number and slug; the numbers of UDS where one fits."""

from micropython import const

FAILED = const(10)
UNKNOWN_COMMAND = const(11)
BAD_ARGUMENT = const(12)
BAD_LENGTH = const(13)
TOO_BIG = const(14)
BUSY = const(21)
NOT_NOW = const(22)
WRONG_ORDER = const(24)
OUT_OF_RANGE = const(31)
LOCKED = const(33)
BAD_KEY = const(35)
LOCKED_OUT = const(36)
WAIT = const(37)
FLASH_ERROR = const(72)
BAD_CRC = const(73)
MOVING = const(88)
# As they stand in a line; by code: a search would cost more than the line.
SLUGS = {
    FAILED: " failed: ",
    UNKNOWN_COMMAND: " unknown-command: ",
    BAD_ARGUMENT: " bad-argument: ",
    BAD_LENGTH: " bad-length: ",
    TOO_BIG: " too-big: ",
    BUSY: " busy: ",
    NOT_NOW: " not-now: ",
    WRONG_ORDER: " wrong-order: ",
    OUT_OF_RANGE: " out-of-range: ",
    LOCKED: " locked: ",
    BAD_KEY: " bad-key: ",
    LOCKED_OUT: " locked-out: ",
    WAIT: " wait: ",
    FLASH_ERROR: " flash-error: ",
    BAD_CRC: " bad-crc: ",
    MOVING: " moving: ",
}
