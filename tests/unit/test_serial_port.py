"""Serial port: bytes one at a time, and a host that does not read makes one write wait."""

from types import SimpleNamespace

import pytest

from hal import serial_port

DATA = memoryview(b"0123456789")


class Chip:
    """The modules select and sys of a board, whose writes take write_ms."""

    POLL_IN, POLL_OUT = 1, 4

    def __init__(self):
        self.now_ms = (1 << 30) - 100  # the clock wraps soon
        self.write_ms = 0
        self.is_ready = True
        self.input = b""
        self.has_ended = False
        self.written = []
        self.stdin = SimpleNamespace(buffer=SimpleNamespace(readinto=self.readinto))
        self.stdout = SimpleNamespace(buffer=SimpleNamespace(write=self.write))

    def poll(self):
        events = []

        def register(stream, flag):
            events.append((stream, flag))

        def ipoll(_timeout):
            (event,) = events
            if event[0] is self.stdin:
                return [event] if self.input or self.has_ended else []
            return [event] if self.is_ready else []

        return SimpleNamespace(register=register, ipoll=ipoll)

    def readinto(self, one):
        one[:] = self.input[:1] or one
        taken = len(self.input[:1])
        self.input = self.input[1:]
        return taken

    def write(self, data):
        self.now_ms += self.write_ms
        self.written.append(bytes(data))
        return len(data)


@pytest.fixture
def chip(monkeypatch):
    chip = Chip()
    monkeypatch.setattr(serial_port, "ticks_ms", lambda: chip.now_ms % (1 << 30))
    return chip


@pytest.fixture
def port(chip):
    return serial_port.SerialPort(chip, chip)


def test_bytes_come_one_at_a_time_and_only_those_that_are_there(chip, port):
    assert not port.any()
    chip.input = b"ab"
    assert (port.any(), port.byte(), port.any(), port.byte()) == (True, 97, True, 98)
    assert not port.any()


def test_a_port_that_is_gone_is_polled_no_more(chip, port):
    chip.has_ended = True
    assert not port.any()
    chip.input = b"a"
    assert not port.any()


def test_what_nobody_can_take_now_is_not_written(chip, port):
    chip.is_ready = False
    assert port.write(DATA) == 0
    chip.is_ready = True
    assert port.write(DATA) == len(DATA)
    assert chip.written == [bytes(DATA)]


def test_a_write_at_the_pace_of_a_uart_is_followed_by_others(chip, port):
    chip.write_ms = 50
    for _ in range(10):
        assert port.write(DATA) == len(DATA)
    assert not port.is_stuck


def test_after_a_write_that_waited_for_the_host_the_rest_is_dropped(chip, port):
    chip.write_ms = 51
    port.write(DATA)
    assert port.is_stuck
    chip.now_ms += 3_600_000
    for _ in range(10):
        assert port.write(DATA) == len(DATA)
    assert len(chip.written) == 1


def test_who_sends_and_does_not_read_makes_one_write_wait_in_five_seconds(chip, port):
    chip.write_ms = 500
    for _ in range(2000):
        chip.now_ms += 10
        port.try_again()
        port.write(DATA)
    assert len(chip.written) == 4


def test_who_reads_again_is_written_to_after_the_rest(chip, port):
    chip.write_ms = 500
    port.write(DATA)
    chip.write_ms = 0
    chip.now_ms += 5000
    port.try_again()
    assert port.is_stuck
    chip.now_ms += 1
    port.try_again()
    assert port.write(DATA) == len(DATA)
    assert not port.is_stuck
