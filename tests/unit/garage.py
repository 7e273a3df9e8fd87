"""Garage: a parked car with console, services and records, whose supply may be cut."""

import hmac
from hashlib import sha256

from service.desk import Desk
from service.services import NullSerial, Services
from service.terminal import Terminal as ServiceTerminal
from tests.unit import cars, runs
from tests.unit.terminals import IDENTITY, Terminal

NUMBER, VIN = "LSEV-0007", "LLSEV4W60AGM00037"
KEYS = {1: bytes(range(16)), 2: bytes(range(100, 116))}
PROVISION = f"provision id={NUMBER} vin={VIN} k1={KEYS[1].hex()} k2={KEYS[2].hex()}"
VALUES = {"speed_cap_kmh": 45, "wheel_circumference_mm": 1500, "pulses_per_turn": 24}


def answer_of(key, challenge):
    """Return what a client answers to the line that `unlock` gave."""
    words = challenge.split()
    level, number, nonce = words[1], words[3], words[5]
    message = f"lsev1|{number}|{level}|{nonce}"
    return hmac.new(key, message.encode(), sha256).digest()[:16].hex()


class Garage(Terminal):
    """One run of a car; leave() cuts the supply and returns the next run."""

    def __init__(self, board, values=None):
        self.board = board
        self.values = values or VALUES
        run = board.start(runs.PWRON, self.values)
        driver = cars.Driver(run.params)
        super().__init__(driver)
        self.run = run
        self.loop = driver.loop
        self.loop.operating_s = run.loop.operating_s
        self.params = run.params
        self.vault = run.keeper.vault
        self.desk = Desk(self.loop, run.params, IDENTITY, self.vault)
        self.console = ServiceTerminal(self.desk, self.write)
        self.services = Services(self.loop, self.desk, self.console, run.keeper, NullSerial())
        driver.tick(250)

    @property
    def access(self):
        return self.desk.access

    @property
    def seal(self):
        return self.vault.seal

    def main(self):
        self.services.step(10)

    def wait_s(self, seconds):
        """Let time pass with the supply on, a slice a second; nobody types."""
        for _ in range(seconds):
            self.loop.operating_s += 1
            self.services.step(1000)

    def leave(self, values=None):
        """Cut the supply and start again."""
        self.board.cut_power()
        return Garage(self.board, values or self.values)

    def error(self, line):
        """Return code and text of the refusal of a line."""
        last = self.ask(line)[-1]
        assert last.startswith("err "), last
        return int(last.split()[1]), last

    def good(self, *lines):
        """Type lines that are all taken; return what the last one said."""
        said = []
        for line in lines:
            said = self.ask(line)
            assert said[-1] == "ok", (line, said)
        return said[:-1]

    def provision(self):
        self.good(PROVISION)
        self.good("lock")
        return self

    def unlock(self, level, key=None):
        """Return what `auth` answers."""
        challenge = self.good(f"unlock {level}")[0]
        return self.ask("auth " + answer_of(key or KEYS[level], challenge))

    def fail(self):
        return self.unlock(1, b"x" * 16)[-1]

    def dump(self):
        return self.good("dump")

    def rows(self, first):
        """Return the lines of `id` that begin so."""
        return [row for row in self.good("id") if row.startswith(first)]
