"""Heap: what each module of the firmware takes when it is imported, and then what a car takes.

    heap.py MODULE ...

Prints `heap NAME BYTES MICROSECONDS` for each module in the order given: what was
allocated, garbage included, and the time of the import; the last line is `heap car`,
the instances that main.py makes. The chip is a stand-in whose parts need no heap, as on
a chip, where they lie outside it. For MicroPython only: CPython cannot say what it
allocated.
"""

import gc
import sys
import time

gc.disable()


class Part:
    """A pin, a converter, a watchdog: takes whatever it is told."""

    def __getattr__(self, _name):
        return self

    def __call__(self, *_arguments, **_named):
        return self


class Clock:
    """The memory that a reset keeps, after a power cut."""

    def memory(self, *_data):
        return b""


class Chip:
    """The module `machine` of a chip that was just switched on."""

    ADC = PWM = Counter = Pin = WDT = reset = Part()
    RTC = Clock

    def reset_cause(self):
        return 1

    def unique_id(self):
        return b"\x01\x02\x03\x04"


def measure(name: str, make) -> None:
    """Run make() and print what it took; what it made is there until the line is out."""
    before = gc.mem_alloc()
    start = time.ticks_us()
    kept = make()
    spent = time.ticks_diff(time.ticks_us(), start)
    print("heap", name, gc.mem_alloc() - before, spent)
    del kept


def make_car():
    """Return the car as main.py makes it."""
    import board
    import vehicle

    import main

    return main.Car(board, vehicle.PARAMETERS)


sys.modules["machine"] = Chip()
sys.modules["select"] = Part()
measure("nothing", lambda: None)
for argument in sys.argv[1:]:
    measure(argument, lambda name=argument: __import__(name))
measure("car", make_car)
