"""Heap: what each module costs when it is imported, in the order given, then what a loop costs.

    heap.py MODULE ...

Prints `heap NAME BYTES MICROSECONDS`: the heap that stays taken, and the time
of the import; the last line is `heap loop`, a Params and a Loop made of it.
For MicroPython only: CPython cannot say what it allocated.
"""

import gc
import sys
import time

gc.disable()


def measure(name: str, make) -> None:
    """Run make() and print what it took."""
    before = gc.mem_alloc()
    start = time.ticks_us()
    kept = make()
    spent = time.ticks_diff(time.ticks_us(), start)
    print("heap", name, gc.mem_alloc() - before, spent)
    del kept


def make_loop():
    """Return a parameter set and a loop as the board makes them."""
    from car import make_scaling

    from vcu.loop import Loop
    from vcu.params import Params

    params = Params()
    return params, Loop(make_scaling(), params)


measure("nothing", lambda: None)
for argument in sys.argv[1:]:
    measure(argument, lambda name=argument: __import__(name))
__import__("sequences")
measure("loop", make_loop)
