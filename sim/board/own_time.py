"""The flash board's `time`: what its process has run and slept, however busy the host is.

A host that is busy, or stopped, takes the processor away. By its clock every tick would
then be late, and the services, which get what is left of a tick, would get nothing. So time
that a program waited for the processor, or for its input, does not pass.
"""

from micropython import const

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from typing import Any

# What passes in so short a time is the program's own; of more the processor's clock is asked.
_SURE_US = const(500)


class OwnTime:
    """Stands in for the module, clock, at a whole number of times its speed."""

    def __init__(self, clock: "Any", speed: int) -> None:
        self._clock: "Any" = clock
        self._speed = speed
        self._us = 0
        self._host_us: int = self._clock.ticks_us()
        self._ran_us: int = self._processor_us()

    def __getattr__(self, name: str) -> object:
        return getattr(self._clock, name)

    def _processor_us(self) -> int:
        try:
            return int(self._clock.clock() * 1000000)
        except MemoryError:  # in a tick, which may not allocate
            return self._ran_us

    def _look(self, slept_us: int) -> int:
        host_us = self._clock.ticks_us()
        awake_us = self._clock.ticks_diff(host_us, self._host_us) - slept_us
        self._host_us = host_us
        if awake_us > _SURE_US:
            ran_us = self._processor_us()
            awake_us = min(awake_us, max(ran_us - self._ran_us, _SURE_US))
            self._ran_us = ran_us
        elif not slept_us:  # a sleep that lasts a little longer has not run
            self._ran_us += awake_us
        self._us += (slept_us + awake_us) * self._speed
        return self._us

    def ticks_us(self) -> int:
        """Return the clock in us."""
        return self._look(0)

    def ticks_ms(self) -> int:
        """Return the clock in ms."""
        return self._look(0) // 1000

    def sleep_us(self, us: int) -> None:
        """Let us pass."""
        self._look(0)
        host_us = max(us, 0) // self._speed
        self._clock.sleep_us(host_us)
        self._look(host_us)

    def sleep_ms(self, ms: int) -> None:
        """Let ms pass."""
        self.sleep_us(ms * 1000)

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        self.sleep_us(int(seconds * 1000000))
