"""OBD PIDs: what an ordinary scan tool may ask of the car, now or in a freeze frame.

A row is a number scaled as SAE J1979 has it. The same rows tell of the present
(mode 01) and of a freeze frame (mode 02), through a picture of either. Nothing
is invented: a value that the car does not have is not in the table of what is
supported, and a tool that wants an engine's idle speed at standstill gets 0.
"""

from micropython import const

from service.desk import Desk
from service.records import lamp_is_lit
from vcu.faults import row_of
from vcu.fixmath import clamp, div_round
from vcu.recorder import FRAMES

# Which pages of 32 PIDs are listed; the last bit of each but the last says that another follows.
PAGE = const(0x20)
_LAST_PAGE = const(0xA0)
_LAST_FRAME_PAGE = const(0x40)

# What a value function answers where the car has no such value.
ABSENT = const(-1)
# Full scale of the converter, in counts: both pedal channels are told as a share of it.
_COUNTS_FULL = const(3300)
_MIL_BIT = const(0x80)
_LETTERS = "PCBU"
# Revolutions a second to quarters of one a minute: 60 s * 4.
_QUARTERS_A_MINUTE = const(240)
_WORD_MOST = const(65535)


def code_of(number: int) -> int:
    """Return the two bytes of a row's trouble code, 0..65535: P0AA1 is 0x0AA1, U0111 0xC111."""
    text = row_of(number)[2]
    return _LETTERS.index(text[0]) << 14 | int(text[1:], 16)


def count_of(words: "list[int]") -> int:
    """Return how many rows have their bit in words: all of the table are fewer than 128."""
    count = 0
    for bits in words:
        while bits:
            count += bits & 1
            bits >>= 1
    return count


class Picture:
    """The car as it is, or as a freeze frame has it; number is the frame's row, -1 for none."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.is_frame = False
        self.number = -1
        self.speed_mmps = 0
        self.pedal_permille = 0
        self.torque_permille = 0
        self.motor_ddegc = 0
        self.controller_ddegc = 0
        self.soc_permille = 0

    def look(self) -> None:
        """Take the car as it is; number is of the first freeze frame."""
        loop = self.desk.loop
        sig = loop.sig
        self.is_frame = False
        self.number = loop.recorder.numbers[0]
        self.speed_mmps = sig.speed_mmps
        self.pedal_permille = sig.pedal_permille
        self.torque_permille = loop.torque_permille
        self.motor_ddegc = sig.motor_ddegc
        self.controller_ddegc = sig.controller_ddegc
        self.soc_permille = sig.soc_permille

    def recall(self, frame: int) -> None:
        """Take a freeze frame, 0 for the first; number is -1 where there is none."""
        self.is_frame = True
        self.number = -1
        recorder = self.desk.loop.recorder
        if frame >= FRAMES or recorder.numbers[frame] < 0:
            return
        self.number = recorder.numbers[frame]
        values = recorder.frames[frame]  # in the order of vcu.recorder.FIELDS
        self.pedal_permille = values[0]
        self.speed_mmps = values[1]
        self.motor_ddegc = values[6]
        self.controller_ddegc = values[7]
        self.torque_permille = values[10]
        self.soc_permille = values[11]


def _share(permille: int) -> int:
    return div_round(clamp(permille, 0, 1000) * 255, 1000)


def _celsius(ddegc: int) -> int:
    # A sensor that cannot be read shows as -40, which every mechanic knows as a broken wire.
    return clamp(div_round(ddegc, 10) + 40, 0, 255)


def _counts(counts: int) -> int:
    return clamp(div_round(counts * 255, _COUNTS_FULL), 0, 255)


def _status(p: Picture) -> int:
    faults = p.desk.loop.faults
    return count_of(faults.stored) | (_MIL_BIT if lamp_is_lit(faults) else 0)


def _frame_code(p: Picture) -> int:
    return code_of(p.number) if p.number >= 0 else 0


def _load(p: Picture) -> int:
    return _share(p.torque_permille)


def _motor_temperature(p: Picture) -> int:
    return _celsius(p.motor_ddegc)


def _turns(p: Picture) -> int:
    # Of the sensed wheel, which a motor in its hub turns with; 32 767 * 240 = 7.9e6
    quarters = p.speed_mmps * _QUARTERS_A_MINUTE // p.desk.params.get("wheel_circumference_mm")
    return quarters if quarters < _WORD_MOST else _WORD_MOST


def _speed(p: Picture) -> int:
    return clamp(div_round(p.speed_mmps * 36, 10000), 0, 255)


def _standard(p: Picture) -> int:
    return 5  # made to no OBD standard: this is no claim about emissions


def _run_time(p: Picture) -> int:
    return clamp(p.desk.key_on_s(), 0, _WORD_MOST)


def _lit_way(p: Picture) -> int:
    return clamp(p.desk.life.lit_m // 1000, 0, _WORD_MOST)


def _cleared_way(p: Picture) -> int:
    way_m = p.desk.loop.energy.odometer_m - p.desk.life.cleared_m
    return clamp(way_m // 1000, 0, _WORD_MOST)


def _rail(p: Picture) -> int:
    return clamp(p.desk.loop.sig.rail_cv * 10, 0, _WORD_MOST)


def _controller_temperature(p: Picture) -> int:
    return _celsius(p.controller_ddegc)


def _pedal_a(p: Picture) -> int:
    return _counts(p.desk.loop.raw.pedal_a_counts)


def _pedal_b(p: Picture) -> int:
    if p.desk.params.get("pedal_channels") < 2:
        return ABSENT
    return _counts(p.desk.loop.raw.pedal_b_counts)


def _fuel(p: Picture) -> int:
    return 8  # electric


def _pedal(p: Picture) -> int:
    return _share(p.pedal_permille)


def _charge(p: Picture) -> int:
    return _share(p.soc_permille)


def _odometer(p: Picture) -> int:
    return p.desk.loop.energy.odometer_m // 100


# fmt: off
# PID, bytes of the value, zero bytes behind it, in freeze frames too, value
ROWS = (
    (0x01, 1, 3, False, _status),                  # lamp and number of codes; no monitors
    (0x02, 2, 0, True,  _frame_code),              # the code that caused the freeze frame
    (0x04, 1, 0, True,  _load),                    # load: torque, 255 is all
    (0x05, 1, 0, True,  _motor_temperature),       # coolant: the motor; degC + 40
    (0x0C, 2, 0, True,  _turns),                   # 1/4 rpm
    (0x0D, 1, 0, True,  _speed),                   # km/h
    (0x11, 1, 0, True,  _load),                    # throttle: torque, 255 is all
    (0x1C, 1, 0, False, _standard),
    (0x1F, 2, 0, False, _run_time),                # s since key-on
    (0x21, 2, 0, False, _lit_way),                 # km with the lamp lit, since cleared
    (0x31, 2, 0, False, _cleared_way),             # km since cleared
    (0x42, 2, 0, False, _rail),                    # 1 mV, of the 12 V rail
    (0x46, 1, 0, True,  _controller_temperature),  # ambient: the motor controller; degC + 40
    (0x49, 1, 0, False, _pedal_a),                 # channel A, 255 is 3.3 V at the pin
    (0x4A, 1, 0, False, _pedal_b),
    (0x51, 1, 0, False, _fuel),
    (0x5A, 1, 0, True,  _pedal),                   # 255 is pressed to the floor
    (0x5B, 1, 0, True,  _charge),                  # state of charge, 255 is full
    (0xA6, 4, 0, False, _odometer),                # 0.1 km
)
# fmt: on


def put(picture: Picture, pid: int, data: bytearray, at: int) -> int:
    """Write the value of a PID at data[at:] and return where it ends; at itself for none."""
    if pid % PAGE == 0:
        return _put_page(picture, pid, data, at)
    for row in ROWS:
        if row[0] == pid and (row[3] or not picture.is_frame):
            value = row[4](picture)
            if value == ABSENT:
                return at
            for shift in range(row[1] * 8 - 8, -8, -8):
                data[at] = value >> shift & 0xFF
                at += 1
            for _ in range(row[2]):
                data[at] = 0
                at += 1
            return at
    return at


def _put_page(picture: Picture, page: int, data: bytearray, at: int) -> int:
    """Write which of the 32 PIDs after page there are, the first as the highest bit."""
    last = _LAST_FRAME_PAGE if picture.is_frame else _LAST_PAGE
    if page > last:
        return at
    for i in range(4):
        data[at + i] = 0
    for row in ROWS:
        place = row[0] - page - 1
        is_there = 0 <= place < PAGE and (row[3] or not picture.is_frame)
        if is_there and row[4](picture) != ABSENT:
            data[at + place // 8] |= 0x80 >> place % 8
    if page < last:
        data[at + 3] |= 1
    return at + 4
