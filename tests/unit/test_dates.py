"""Dates: the same as the calendar of the computer, over leap years and centuries."""

from datetime import UTC, datetime

import pytest

from service.dates import write_date
from service.reply import Reply

DAY_S = 86400
MOMENTS = (
    1, 59, 60, DAY_S - 1, 951782399, 951782400, 951868800, 1795400000, 4107542399, 4107542400,
    (1 << 32) - 1,
)  # fmt: skip


def date(unix_s):
    sent = bytearray()
    reply = Reply(lambda data: sent.extend(data))
    write_date(reply, unix_s)
    reply.drain(100)
    return sent.decode()


@pytest.mark.parametrize(
    "unix_s", [*MOMENTS, *range(1795400000, 1795400000 + 800 * DAY_S, 5 * DAY_S + 3599)]
)
def test_a_second_is_written_as_its_date_and_minute(unix_s):
    assert date(unix_s) == datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def test_no_second_is_no_date():
    assert date(0) == "at an unknown time"
