"""Main: wires board, vehicle, loop and hal together, and gives the loop its beat of 10 ms."""

import gc
from time import sleep_us, ticks_add, ticks_diff, ticks_us

import board
import vehicle
from machine import WDT
from micropython import const, heap_lock, heap_unlock

from hal.esp32_io import Esp32Io
from vcu.loop import Loop
from vcu.preset import Preset
from vcu.sense import Scaling

_TICK_US = const(10000)
# The wheel is sampled once between two ticks as well, this long before the next.
_SAMPLE_US = const(2500)
# Sooner than this after a late tick the next one would have nothing to measure.
_MIN_TICK_US = const(5000)
# A collection between two ticks may cost up to 15 ms; 25 ms is a fault.
_LATE_US = const(15000)
_VERY_LATE_US = const(25000)
# A flash erase stalls the chip for up to 400 ms; the heartbeat stops the car long before this.
_WATCHDOG_MS = const(2000)
# After Ctrl-C somebody works at the prompt, where nothing feeds the watchdog.
_PROMPT_WATCHDOG_MS = const(3600000)
_COUNT_MASK = const(0x3FFFFFFF)


class Car:
    """Owns every instance. Ticks are counted modulo 2**30, late ones too."""

    def __init__(self, board, parameters: "dict[str, int]") -> None:
        self.io = Esp32Io(board)
        self.params = Preset(parameters)
        scaling = Scaling(
            board.PACK_CV_PER_1000_COUNTS,
            board.BUS_CV_PER_1000_COUNTS,
            board.PACK_DA_PER_1000_COUNTS,
            board.RAIL_CV_PER_1000_COUNTS,
            board.SENSOR_5V_MV_PER_1000_COUNTS,
            board.NTC_TABLE,
        )
        self.loop = Loop(scaling, self.params)
        self.ticks = 0
        self.late_ticks = 0  # started more than 15 ms after the one before
        self.very_late_ticks = 0  # more than 25 ms; counted in late_ticks as well

    def run(self) -> None:
        """Tick until an exception comes; whichever it is, the outputs are safe when it leaves.

        After an error nobody feeds the watchdog, and it starts the board anew.
        """
        for slug in self.params.broken_rules():
            print("parameters: " + slug + "; the car will not start")
        gc.collect()
        watchdog = WDT(timeout=_WATCHDOG_MS)
        try:
            self._tick_forever(watchdog)
        except KeyboardInterrupt:
            self.io.stop()
            WDT(timeout=_PROMPT_WATCHDOG_MS)
            raise
        finally:
            self.io.stop()

    def _tick_forever(self, watchdog: WDT) -> None:
        io = self.io
        loop = self.loop
        raw = loop.raw
        out = loop.out
        last_us = ticks_us()
        deadline_us = ticks_add(last_us, _TICK_US)
        while True:
            # The service half gets its slices here, bounded by the time to the sample.
            spare_us = ticks_diff(deadline_us, ticks_us())
            if spare_us > _SAMPLE_US:
                sleep_us(spare_us - _SAMPLE_US)
                io.sample()
                spare_us = ticks_diff(deadline_us, ticks_us())
            if spare_us > 0:
                sleep_us(spare_us)
            now_us = ticks_us()
            elapsed_us = ticks_diff(now_us, last_us)
            if elapsed_us > _LATE_US:
                self._count_late(elapsed_us)
            # Whole ms go to the loop; the rest stays in last_us and is not lost.
            dt_ms = (elapsed_us + 500) // 1000
            last_us = ticks_add(last_us, dt_ms * 1000)
            heap_lock()
            try:
                io.read(raw)
                loop.step(dt_ms)
                io.write(out)
            finally:
                heap_unlock()
            # The only place where a heartbeat and a feed come from: a whole tick was good.
            io.heartbeat()
            watchdog.feed()
            self.ticks = (self.ticks + 1) & _COUNT_MASK
            deadline_us = ticks_add(deadline_us, _TICK_US)
            while ticks_diff(deadline_us, now_us) < _MIN_TICK_US:
                deadline_us = ticks_add(deadline_us, _TICK_US)

    def _count_late(self, elapsed_us: int) -> None:
        self.late_ticks = (self.late_ticks + 1) & _COUNT_MASK
        if elapsed_us > _VERY_LATE_US:
            self.very_late_ticks = (self.very_late_ticks + 1) & _COUNT_MASK


# MicroPython runs this file under that name, and leaves `car` to whoever stops the program.
if __name__ == "__main__":
    car = Car(board, vehicle.PARAMETERS)
    car.run()
