"""Scan tools for the tests: the other end of an ELM327's line, a byte and a line a step."""

from service import desk as desks
from service.desk import Desk
from service.obd import Obd
from service.reply import Reply
from tests.unit import cars
from tests.unit.terminals import IDENTITY
from vcu.params import Params

VIN = "LSEVTEST3A5B7C9DE"
MOST_SLICES = 700


class Adapter:
    """A scan tool's end of the line; desk requests are served after `delay` slices."""

    def __init__(self, driver=None, vin=True):
        self.driver = driver or cars.Driver()
        self.params = Params()
        self.desk = Desk(self.driver.loop, self.params, IDENTITY)
        if vin:
            self.desk.vault.identity.take("TEST-1", VIN, bytes(range(16)), bytes(range(16)))
        self.delay = 3
        self.trouble = ""
        self.cleared = 0
        self.sent = bytearray()
        self.pieces = []
        self.reply = Reply(self._take)
        self.obd = Obd(self.desk, self.reply)
        self.obd.start()

    def _take(self, data):
        self.sent += bytes(data)

    def drain(self):
        for _ in range(2):  # it hands on at most to the end of its ring
            self.reply.drain(1000)

    def _serve(self, slices):
        if self.desk.wanted == desks.CLEAR and slices >= self.delay:
            if not self.trouble:
                self.driver.loop.clear_faults()
            self.cleared += 1
            self.desk.finish(self.trouble)

    def send(self, line):
        """Return all that comes back for a line, up to the prompt."""
        self.sent.clear()
        for byte in line.encode("latin-1") + b"\r":
            self.obd.byte(byte)
        for slices in range(MOST_SLICES):
            before = len(self.sent)
            busy = self.obd.step()
            self.drain()
            self.pieces.append(len(self.sent) - before)
            if not busy:
                break
            self._serve(slices)
        else:
            raise AssertionError("no end to the answer")
        text = self.sent.decode("ascii")
        assert text.count(">") == 1 and text.endswith(">")
        return text[:-1]

    def ask(self, line):
        """Return the lines of an answer, spaces at their ends and empty lines left out."""
        lines = self.send(line).replace("\n", "\r").split("\r")
        return [part.strip() for part in lines if part.strip()]

    def message(self, line):
        """Return the payload of the answer as bytes, from whatever frames it came in."""
        lines = self.ask(line)
        if lines == ["NO DATA"]:
            return None
        frames = [bytes.fromhex("0" + part.replace(" ", "")) for part in lines]
        assert all(frame[:2] == b"\x07\xe8" for frame in frames)
        frames = [frame[2:] for frame in frames]
        assert all(len(frame) <= 8 for frame in frames)
        if len(frames) == 1:
            assert frames[0][0] == len(frames[0]) - 1
            return frames[0][1:]
        assert frames[0][0] >> 4 == 1
        size = (frames[0][0] & 0xF) << 8 | frames[0][1]
        assert size > 7, "it would fit a single frame"
        data = frames[0][2:]
        for i, frame in enumerate(frames[1:]):
            assert frame[0] == 0x20 | (i + 1) & 0xF
            data += frame[1:]
        assert len(data) == size
        return data


def scan_tool():
    """A tool that has said what most say first: no echo, headers, no line feeds."""
    driver = cars.Driver()
    driver.tick(250)
    adapter = Adapter(driver)
    for line in ("ATZ", "ATE0", "ATH1", "ATL0"):
        adapter.send(line)
    return adapter


def value_of(tool, pid):
    """Return the data bytes of a PID of mode 01 as one number."""
    data = tool.message(f"01{pid:02X}")
    assert data[:2] == bytes((0x41, pid))
    return int.from_bytes(data[2:], "big")
