"""Runs the firmware on the virtual board, as a board does: boot.py, then main.py, as __main__.

    micropython launch.py DATA_DIR FIRMWARE_DIR MODULES_DIR
        READ_FD WRITE_FD RESET_CAUSE FLASH_TAKES_TIME

DATA_DIR has board.py and vehicle.py, the folder flash and the file rtc. FIRMWARE_DIR
has boot.py and main.py, MODULES_DIR what they import, as bytecode or source. The two
file descriptors are the pipes from and to the car. RESET_CAUSE is the number that
machine.reset_cause returns. FLASH_TAKES_TIME is 1, or 0 where writes cost nothing.
In the environment LSEV_WRAP_US says how long after power-on the board's clock wraps.
Standard input and output are the board's serial console and carry nothing else.
main.py is reached by its name `car`, which it leaves for whoever works at the
prompt.
"""

# ruff: noqa: E402 - the imports need the path that is set first

import sys

_here = sys.path[0]
_data_dir, _firmware_dir, _modules_dir, _read_fd, _write_fd, _cause, _takes_time = sys.argv[1:8]
# machine and time of this folder stand in front of the interpreter's own; the folder of
# frame.py comes last, because it has a folder called board.
sys.path[:] = [_here, _data_dir, _modules_dir, ".frozen", _here + "/.."]

import builtins
import gc as _gc
import io
from os import getenv

from frame import (
    ACCEL_FULL_MMPS2,
    CHARGE_CAUSE,
    CHARGE_IN_MAH,
    CHARGE_PHASE,
    CHARGE_SET_CV,
    CHARGE_SET_MA,
    COMMAND,
    CONTACTOR_STATE,
    FAULTS,
    LATE_TICKS,
    LIMITER,
    MODE,
    ODOMETER_M,
    PEDAL_PERMILLE,
    RANGE_M,
    RANGE_UNCERTAINTY_M,
    REASONS,
    SAMPLE_WAIT_US,
    SOC_PERMILLE,
    SOC_UNCERTAINTY_PERMILLE,
    SPEED_MMPS,
    STORED,
    TICKS,
    TORQUE_PERMILLE,
    TRIP_MWH,
    UNREAD,
)
from link import CRASHED, ENDED, HAND_OVER_US, INTERRUPTED, inputs, link, outputs
from storage import ChargedOs, charged_open, storage

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

    from main import Car

# 115200 baud: 10 bits a byte.
_SERIAL_BYTES_PER_S = 11520
# Of an ESP32's UART.
_FIFO_BYTES = 128
# MicroPython's mp_usbd_cdc.c, of an ESP32-S3.
_USB_WAIT_US = 500000
_STDOUT = 1
_GET_FILENO = 10  # MicroPython's py/stream.h
_EINVAL = 22
# A collection took 7 ms with 60 kB live; on 64 bits the same objects are twice as large.
_GC_US_PER_KB = 58

_any_gc: "Any" = _gc  # CPython's has no such function
_mem_alloc: "Callable[[], int]" = _any_gc.mem_alloc


class ChargedGc:
    """The interpreter's gc, whose collections take the time that they take on a chip."""

    def __getattr__(self, name: str) -> object:
        return getattr(_gc, name)

    def collect(self) -> None:
        """Collect, and let the time pass."""
        _gc.collect()
        link.charge(_mem_alloc() // 1024 * _GC_US_PER_KB)


class ChargedOut(io.IOBase):
    """Standard output as a UART sends it: what its FIFO has no room for is waited for.

    In a frame that says UNREAD it is the chip's own USB, which waits in vain and drops it.
    """

    def __init__(self, out: "Any") -> None:
        self.buffer = self
        self._write: "Callable[[Any], int | None]" = out.buffer.write
        self._sent_us = 0  # when the FIFO will be empty

    def ioctl(self, request: int, value: int) -> int:
        """Be what a poll takes for standard output."""
        return _STDOUT if request == _GET_FILENO else -_EINVAL

    def write(self, data: "Any") -> "int | None":
        """Hand bytes on, and let the time pass until the FIFO has taken them."""
        if inputs[COMMAND] == UNREAD:
            link.charge(_USB_WAIT_US)
            return len(data)
        taken = self._write(data)
        now_us = link.now_us
        self._sent_us = max(self._sent_us, now_us) + (taken or 0) * 1000000 // _SERIAL_BYTES_PER_S
        wait_us = self._sent_us - now_us - _FIFO_BYTES * 1000000 // _SERIAL_BYTES_PER_S
        if wait_us > 0:
            link.charge(wait_us)
        return taken


class ChargedSys:
    """The interpreter's sys, whose output takes the time of a serial line."""

    def __init__(self) -> None:
        self.stdout = ChargedOut(sys.stdout)

    def __getattr__(self, name: str) -> object:
        return getattr(sys, name)


_print = print


def charged_print(
    *values: object, sep: str = " ", end: str = "\n", file: "TextIO | None" = None
) -> None:
    """Print, and let the time pass that the serial line takes."""
    if file is not None:
        _print(*values, sep=sep, end=end, file=file)
        return
    text = io.StringIO()
    _print(*values, sep=sep, end=end, file=text)
    line = text.getvalue()
    _print(line, end="")
    sent = len(line.encode()) + line.count("\n")  # each line end is sent as two bytes
    link.charge(sent * 1000000 // _SERIAL_BYTES_PER_S)


_modules: "dict[str, Any]" = sys.modules
_modules["gc"] = ChargedGc()
builtins.print = charged_print
_plain_open = open


def probe() -> None:
    """Add to the output frame what the loop says of itself, once main.py has made one."""
    car: "Car | None" = _namespace.get("car")
    if car is None:
        return
    loop = car.loop
    sig = loop.sig
    energy = loop.energy
    torque = loop.torque_permille
    outputs[MODE] = loop.modes.mode
    outputs[REASONS] = loop.modes.reasons
    outputs[SPEED_MMPS] = sig.speed_mmps
    outputs[TORQUE_PERMILLE] = -torque if loop.request.direction < 0 else torque
    outputs[SOC_PERMILLE] = sig.soc_permille
    outputs[LIMITER] = loop.chain.winner
    outputs[ODOMETER_M] = energy.odometer_m
    outputs[LATE_TICKS] = car.late_ticks
    outputs[PEDAL_PERMILLE] = sig.pedal_permille
    outputs[RANGE_M] = energy.range_m
    outputs[RANGE_UNCERTAINTY_M] = energy.range_uncertainty_m
    outputs[SOC_UNCERTAINTY_PERMILLE] = energy.soc_uncertainty_permille
    outputs[TRIP_MWH] = energy.trip_mwh
    outputs[TICKS] = car.ticks
    outputs[CONTACTOR_STATE] = loop.contactor.state
    outputs[ACCEL_FULL_MMPS2] = loop.response.accel_full_mmps2
    charge = loop.charge
    outputs[CHARGE_PHASE] = charge.phase
    outputs[CHARGE_CAUSE] = charge.cause
    outputs[CHARGE_SET_CV] = charge.command.set_cv
    outputs[CHARGE_SET_MA] = charge.command.set_ma
    outputs[CHARGE_IN_MAH] = charge.session.in_mah
    outputs[SAMPLE_WAIT_US] = HAND_OVER_US - loop.observer.sample_age_us(car.ticks)
    active = loop.faults.active
    stored = loop.faults.stored
    for word in range(STORED - FAULTS):
        outputs[FAULTS + word] = active[word]
        outputs[STORED + word] = stored[word]


def is_moving() -> bool:
    """Return whether the loop says that the car is not parked; the save at key-off is."""
    car: "Car | None" = _namespace.get("car")
    if car is None:
        return False
    loop = car.loop
    saves = loop.saving and not loop.raw.key_on and not loop.out.contactor
    return not saves and not loop.is_parked()


def run(name: str) -> None:
    """Run a file of the firmware as __main__, in a namespace with nothing else in it."""
    with _plain_open(_firmware_dir + "/" + name) as file:
        source = file.read()
    exec(compile(source, name, "exec"), _namespace)


_namespace: "dict[str, Any]" = {"__name__": "__main__"}
_status = CRASHED
link.connect(int(_read_fd), int(_write_fd))
link.wrap_us = int(getenv("LSEV_WRAP_US") or link.wrap_us)
link.probe = probe
storage.attach(_data_dir, int(_cause))
storage.mount(_data_dir + "/flash", _takes_time == "1")
storage.is_moving = is_moving
_modules["os"] = ChargedOs()
_modules["sys"] = ChargedSys()
builtins.open = charged_open
try:
    run("boot.py")
    run("main.py")
    _status = ENDED
except SystemExit as _exit:
    _status = _exit.args[0] if _exit.args else ENDED
    raise
except KeyboardInterrupt:
    _status = INTERRUPTED
    raise
finally:
    link.finish(_status)
    globals().update(_namespace)  # what the prompt finds, if the interpreter was started with -i
