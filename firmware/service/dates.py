"""Dates: seconds since 1970 as a date and a time of day that a person reads.

MicroPython's own calendar begins in 1970 or in 2000, depending on the port.
"""

from micropython import const

from service.reply import Reply

_DAY_S = const(86400)
# Civil from days, after Howard Hinnant: years begin in March and come in eras of 400.
_DAYS_TO_1970 = const(719468)
_ERA_DAYS = const(146097)


def write_date(reply: Reply, unix_s: int) -> None:
    """Write date and minute of a second since 1970, as "2026-11-23 04:06 UTC"; 0 is unknown."""
    if not unix_s:
        reply.text("at an unknown time")
        return
    days = unix_s // _DAY_S + _DAYS_TO_1970
    minute = unix_s % _DAY_S // 60
    era = days // _ERA_DAYS
    day = days % _ERA_DAYS
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    month = month + 3 if month < 10 else month - 9
    reply.number(year + era * 400 + (1 if month <= 2 else 0))
    _two(reply, "-", month)
    _two(reply, "-", day)
    _two(reply, " ", minute // 60)
    _two(reply, ":", minute % 60)
    reply.text(" UTC")


def _two(reply: Reply, mark: str, value: int) -> None:
    reply.text(mark)
    if value < 10:
        reply.text("0")
    reply.number(value)
