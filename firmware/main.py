"""Main: wires board, vehicle, loop, hal and services together, and gives the loop its beat."""

import gc
import select
import sys
from binascii import hexlify
from time import sleep_us, ticks_add, ticks_diff, ticks_us

from machine import RTC, WDT, reset, reset_cause, unique_id
from micropython import const, heap_lock, heap_unlock, kbd_intr

from service import boot_record
from service.boot_record import BootRecord, describe
from service.keeper import Keeper
from service.store import Store

try:
    from flashbdev import bdev
except ImportError:
    bdev = None  # the files are on a computer's disk

VERSION = "0.1.0"
# The records, below the working directory, which is the root of a board's flash.
_RECORDS = "records"

_TICK_US = const(10000)
# A slice of the services needs this much time before the wheel is sampled.
_SLICE_US = const(2000)
# Sooner than this after a late tick the next one would have nothing to measure.
_MIN_TICK_US = const(5000)
# A collection between two ticks may cost up to 15 ms; 25 ms is a fault.
_LATE_US = const(15000)
_VERY_LATE_US = const(25000)
# A flash erase stalls the chip for up to 400 ms; the heartbeat stops the car long before this.
_WATCHDOG_MS = const(2000)
# Somebody works at the prompt, where nothing feeds the watchdog, and a soft reset does not
# stop it: long enough to copy files, short enough that a forgotten board comes back.
_PROMPT_WATCHDOG_MS = const(600000)
_COUNT_MASK = const(0x3FFFFFFF)
_SECOND_TICKS = const(100)
# A collection takes up to 17 ms in the chip's own memory, more in PSRAM. Parked it comes when
# this much has become garbage, so that none is left for the road; otherwise only before the
# heap is full, between two ticks, where it would come by itself a little later.
_GARBAGE_BYTES = const(400000)
_HEAP_LEAST_BYTES = const(12000)
# A car that has less than this before it starts would one day run out: it does not start.
# 50 kB of it are what the verbs that are loaded later take, once each has been used.
_HEAP_START_BYTES = const(90000)


class RtcMemory:
    """The chip's memory that survives a reset, not a power cut."""

    def get(self) -> bytes:
        """Return what is kept."""
        return RTC().memory()

    def put(self, data: bytearray) -> None:
        """Keep other bytes."""
        RTC().memory(data)


def make_keeper() -> Keeper:
    """Return the records of this board; how the last run ended is known then."""
    keeper = Keeper(Store(_RECORDS, None, bdev), BootRecord(RtcMemory()))
    keeper.load_boot(reset_cause())
    return keeper


def cannot_start(error: Exception) -> None:
    """boot.py has made the outputs safe: tell why nothing drives them, and keep it."""
    print("main: cannot start; the outputs are safe:", error)
    try:
        make_keeper().fail_to_start(describe(error))
    except Exception as other:
        print("main: the reason could not be kept:", other)


try:
    import board
    import vehicle

    from hal.esp32_io import Esp32Io
    from hal.serial_port import SerialPort
    from service.desk import Desk
    from service.records import preset_mark
    from service.services import Services
    from service.terminal import Terminal

    if "/a" in sys.path or "/b" in sys.path:  # the selector started this
        import json

        from service.slots import Slots
        from service.trial import Trial
    from vcu.loop import Loop
    from vcu.preset import Preset
    from vcu.sense import Scaling
except Exception as error:
    cannot_start(error)
    raise


class Car:
    """Owns every instance. Ticks are counted modulo 2**30, late ones too."""

    def __init__(self, board, parameters: "dict[str, int]") -> None:
        self.io = Esp32Io(board)
        self.keeper = make_keeper()
        self.params = Preset(parameters, "charger_setpoint" not in board.NOT_FITTED)
        self.keeper.load_params(self.params, preset_mark(parameters))
        scaling = Scaling(
            board.PACK_CV_PER_1000_COUNTS,
            board.BUS_CV_PER_1000_COUNTS,
            board.PACK_DA_PER_1000_COUNTS,
            board.RAIL_CV_PER_1000_COUNTS,
            board.SENSOR_5V_MV_PER_1000_COUNTS,
            board.NTC_TABLE,
        )
        self.loop = Loop(scaling, self.params)
        self.keeper.restore(self.loop)
        self.keeper.start()
        chip = hexlify(unique_id()).decode()
        name = getattr(vehicle, "NAME", "unnamed")
        identity = ("lsev", VERSION, board.NAME, name, chip)
        keeper = self.keeper
        self.desk = Desk(self.loop, self.params, identity, keeper.vault, keeper.history)
        self.desk.last_run = self.keeper.boot.last_run()
        # Wall time outlives a reset, slow by what that lasted and up to a second.
        self.desk.set_wall(self.keeper.boot.wall_s)
        self.keeper.boot.clock = self.desk.wall_s
        self.desk.life = self.keeper.counters
        port = SerialPort(select, sys)
        self.terminal = Terminal(self.desk, port.write)
        self.services = Services(self.loop, self.desk, self.terminal, self.keeper, port)
        if "/a" in sys.path or "/b" in sys.path:
            slots = self.desk.slots = Slots("", json)
            self.services.trial = Trial(slots)
        self.ticks = 0
        self.late_ticks = 0  # started more than 15 ms after the one before
        self.very_late_ticks = 0  # more than 25 ms; counted in late_ticks as well
        self.longest_tick_us = 0
        self._clean_bytes = 0  # free after the last collection

    def run(self) -> None:
        """Tick until an exception comes; whichever it is, the outputs are safe when it leaves.

        After an error nobody feeds the watchdog, and it starts the board anew.
        """
        for slug in self.params.broken_rules():
            print("parameters: " + slug + "; the car will not start")
        self._clean_bytes = gc.mem_free()
        # A byte 3 is the terminal's to judge: while the car may move it stops nothing.
        kbd_intr(-1)
        self.terminal.announce()
        watchdog = WDT(timeout=_WATCHDOG_MS)
        try:
            self._tick_forever(watchdog)
        except KeyboardInterrupt:
            self.io.stop()
            WDT(timeout=_PROMPT_WATCHDOG_MS)
            self._remember(boot_record.INTERRUPTED, "")
            raise
        except Exception as error:
            self.io.stop()
            self._remember(boot_record.CRASHED, describe(error))
            raise
        finally:
            self.io.stop()

    def _tick_forever(self, watchdog: WDT) -> None:
        """Tick until an exception; in one piece, for each call is paid 100 times a second."""
        io = self.io
        loop = self.loop
        observer = loop.observer
        raw = loop.raw
        out = loop.out
        services = self.services
        slice_ms = 0
        last_us = ticks_us()
        deadline_us = ticks_add(last_us, _TICK_US)
        while True:
            # The service half gets its slices here, bounded by the time to the sample.
            sample_us = observer.sample_age_us(self.ticks)
            spare_us = ticks_diff(deadline_us, ticks_us()) - sample_us
            if spare_us > _SLICE_US:
                services.step(slice_ms)
                slice_ms = 0
                if services.is_ending:
                    self._end()
                spare_us = ticks_diff(deadline_us, ticks_us()) - sample_us
            if spare_us > 0:
                sleep_us(spare_us)
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
            if out.heartbeat:
                io.heartbeat()
            watchdog.feed()
            self.ticks = ticks = (self.ticks + 1) & _COUNT_MASK
            spent_us = ticks_diff(ticks_us(), now_us)
            if spent_us > self.longest_tick_us:
                self.longest_tick_us = spent_us
            slice_ms += dt_ms
            if ticks % _SECOND_TICKS == 0:
                self._look_after_heap()
            deadline_us = ticks_add(deadline_us, _TICK_US)
            while ticks_diff(deadline_us, now_us) < _MIN_TICK_US:
                deadline_us = ticks_add(deadline_us, _TICK_US)

    def _count_late(self, elapsed_us: int) -> None:
        self.late_ticks = (self.late_ticks + 1) & _COUNT_MASK
        if elapsed_us > _VERY_LATE_US:
            self.very_late_ticks = (self.very_late_ticks + 1) & _COUNT_MASK

    def _look_after_heap(self) -> None:
        """Once a second: the desk's figures, and a collection where it is due."""
        free_bytes = gc.mem_free()
        if free_bytes < _HEAP_LEAST_BYTES or (
            free_bytes < self._clean_bytes - _GARBAGE_BYTES and self.loop.is_parked()
        ):
            gc.collect()
            self._clean_bytes = gc.mem_free()
        counters = self.desk.counters
        counters[0] = self.ticks
        counters[1] = self.late_ticks
        counters[2] = self.very_late_ticks
        counters[3] = self.longest_tick_us
        counters[4] = free_bytes
        counters[5] = self.keeper.store.writes
        counters[6] = self.keeper.boot.boots
        counters[7] = self.keeper.store.damaged_copies

    def _end(self) -> None:
        """A person asked for it, at the console of a parked car: the prompt, or a reset."""
        if self.services.wants_reset:
            self.io.stop()
            self._remember(boot_record.REBOOTED, "")
            self.services.trial.end()
            reset()
        raise KeyboardInterrupt

    def _remember(self, state: int, text: str) -> None:
        """Keep how this run ends; whatever fails in it must not hide the reason itself."""
        try:
            self.keeper.end(self.loop, state, text, self.loop.is_parked())
        except Exception as error:
            print("main: the end could not be kept:", error)


def check_heap() -> None:
    """Collect what the start has left; MemoryError where too little is free to work with."""
    gc.collect()
    free_bytes = gc.mem_free()
    if free_bytes < _HEAP_START_BYTES:
        raise MemoryError(
            "heap has " + str(free_bytes) + " bytes left, needs " + str(_HEAP_START_BYTES)
            + "; records kept; fit a module with PSRAM"
        )  # fmt: skip


def start() -> None:
    """Make the car and run it; leaves `car` to whoever stops the program."""
    global car
    try:
        car = Car(board, vehicle.PARAMETERS)
        check_heap()
    except Exception as error:
        cannot_start(error)
        raise
    car.run()


# The selector imports this file from its slot; run as it is, it starts itself.
if __name__ == "__main__":
    start()
