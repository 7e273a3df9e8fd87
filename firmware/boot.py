"""Boot: every actuator to its safe level, before anything that can fail.

Until this has run, the resistors outside hold the actuators; after it, the pins
do so too. A failure here is printed and passed over: the resistors still hold.
MicroPython starts no main.py after a boot.py that did not come to its end, so no
Ctrl-C may end it; main.py listens to one again.
"""

import micropython
from machine import Pin

micropython.kbd_intr(-1)


def release_actuators(board) -> None:
    """Drive each fitted actuator pin of the board low, each on its own."""
    for name in board.ACTUATORS:
        try:
            number = getattr(board, name)
            if 0 <= number < 100:  # 100 and up are outputs of the shift register
                Pin(number, Pin.OUT, value=0)
        except Exception as error:
            print("boot:", name, "not driven:", error)


def clear_shift_register(board) -> None:
    """Shift eight zeros into the 74HC595, which wakes with any pattern."""
    try:
        if board.SHIFT_CLOCK < 0:
            return
        Pin(board.SHIFT_DATA, Pin.OUT, value=0)
        clock = Pin(board.SHIFT_CLOCK, Pin.OUT, value=0)
        latch = Pin(board.SHIFT_LATCH, Pin.OUT, value=0)
        for _ in range(8):
            clock.value(1)
            clock.value(0)
        latch.value(1)
        latch.value(0)
    except Exception as error:
        print("boot: shift register not cleared:", error)


try:
    import board

    release_actuators(board)
    clear_shift_register(board)
except Exception as error:
    print("boot: no board data:", error)

if hasattr(micropython, "alloc_emergency_exception_buf"):
    micropython.alloc_emergency_exception_buf(100)
