"""Benches: a garage in which time passes for the car as well, slice by slice."""

from tests.unit.garage import Garage


class Bench(Garage):
    """A garage whose loop ticks with each slice of the services."""

    def main(self):
        self.driver.tick()
        super().main()

    def settle(self, slices=1000):
        """Wait for answers that measure for 2 s, or tell something only each second."""
        quiet = 0
        for _ in range(slices):
            before = len(self.sent)
            self.main()
            quiet = quiet + 1 if len(self.sent) == before else 0
            if quiet > 210 and not self.loop.output_test.is_asked:
                break
        text = self.sent.decode("ascii")
        self.sent.clear()
        return text

    def type(self, text):
        for byte in text.encode():
            self.console.feed(byte)

    def until(self, happened, slices=300):
        for _ in range(slices):
            if happened():
                return
            self.main()
        raise AssertionError("it did not happen")

    def begin(self, name):
        """Type the test and wait until its output is driven."""
        self.type(f"test {name}\r")
        self.until(lambda: getattr(self.loop.out, name))
