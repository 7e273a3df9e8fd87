"""Charge record: what is kept of a charge, when it is written, and what is believed of it.

Hazard: a household whose mains fails ten times a night, and a charge whose clocks
begin anew each time overcharges the pack; a full pack that is charged again; a
latched fault that a power cut lets go. So the session is kept with the charge
left as it was counted at that moment, and a run that finds current flowing in
its record counts what may have been lost since: it errs towards less charge.

Wear: 60 writes an hour while current flows, 6 at rest, two for a change. Twelve
hours a night are 740 writes, 270 000 a year. With its header a copy stays below
128 bytes, which littlefs keeps inside its directory: measured with blocks of 4 kB
and 32-byte programs, every ninth write erases one, 30 000 a year (a longer record
would erase one at every write). littlefs moves a directory on after 100 erases, so
that each of 250 free blocks sees 120 a year of the 100 000 that flash is made for.
"""

import struct

from micropython import const

from vcu.charge.backstops import FIRST_ROW
from vcu.charge.charge import Charge
from vcu.charge.meter import ZERO_MOST_Q4
from vcu.charge.pack_check import SLACK_PERMILLE, UNSURE_PERMILLE
from vcu.charge.phases import ABSORB, BALANCE, BULK, CHECK, FAULT, FULL, OFF, PRECHARGE
from vcu.charge.session import FIELDS, Session

NAME = "charge"
VERSION = const(1)

# operating seconds, charge left, its uncertainty, current that may flow in 0.1 A (0: none);
# the session's fields follow, a signed word each
_HEAD = "<IIHH"
_HEAD_BYTES = const(12)
_BODY = "<" + str(len(FIELDS)) + "i"
SIZE = _HEAD_BYTES + 4 * len(FIELDS)
_HALF_INTEGER = const((1 << 30) - 1)
_FLAG = (0, 1)
_TIME = (0, 1 << 28)  # eight years: it counts on, and twice as much is a small integer still
RANGES = {
    "number": (0, 0xFFFF),
    "phase": (0, FULL),
    "total_s": _TIME,
    "phase_s": _TIME,
    "bulk_s": _TIME,
    "absorb_s": _TIME,
    # What is multiplied, so that no product leaves 2**30: in_mah by 1000, with what a cut adds to
    # it (_count_lost), missing_mah by 1500, bulk_ma by 3.
    "in_mah": (-800000, 800000),  # the sensor's zero wanders
    "limit_mah": (0, 800000),
    "missing_mah": (0, 300000),
    "bulk_ma": (-40000000, 40000000),  # what a long precharge brought by little time
    "absorb_limit_s": _TIME,
    "least_ma": (0, 400000),
    "left_mah": (0, 300000),
    "faults": (0, 0xFFF),
    "is_full": _FLAG,
    "is_cold": _FLAG,
    "is_hot": _FLAG,
    "rested_cv": (0, 20000),
    "equalize_armed": _FLAG,
    "target_permille": (0, 1000),
    "is_unconfirmed": _FLAG,
    "zero_q4": (0, 4095 << 4),
    "full_permille": (0, 1000),
    "delay_s": (0, 86400),
    "part_rest": (0, 20000 << 10 | 1023),
}

_COPIES = const(2)
# However the plug flickers, a change waits for this since the last write; a latch does not.
_CHANGE_MS = const(10000)
_FLOW_MS = const(60000)
_REST_MS = const(600000)
# As long as the supply is held after the plug was pulled.
_HOLD_MS = const(3000)
_TIME_MAX_MS = const(1000000)
# What a cut may have lost: current has flowed this long since the record was begun.
_LOST_S = const(60)
# Which of the charge's rows latch.
_LATCHING_BITS = const(0xFF)
_UNCONFIRMED_BIT = const(1 << 11)


class Moment:
    """What was counted when a session was written: seconds, mAh left and how uncertain that is."""

    def __init__(self) -> None:
        self.operating_s = 0
        self.left_mah = 0
        self.uncertainty_permille = 1000


def flow_da(charge: Charge) -> int:
    """Return the current that may flow until the next write, in 0.1 A; 0 with the relay open."""
    if not PRECHARGE <= charge.phase <= BALANCE or charge.is_resting:
        return 0
    most_ma = charge.meter.current_ma
    if charge.phase <= BULK:
        # It may be rising still; later it only falls.
        most_ma = max(most_ma, min(charge.command.limit_ma, charge.command.charger_ma))
    return min(max(most_ma // 100, 1), 0xFFFF)


def pack(charge: Charge, operating_s: int, flows_da: int) -> bytearray:
    """Return the session, and the charge counted at this moment of operating seconds."""
    energy = charge.energy
    payload = bytearray(SIZE)
    struct.pack_into(
        _HEAD, payload, 0,
        operating_s, energy.left_mah, energy.soc_uncertainty_permille, flows_da,
    )  # fmt: skip
    session = charge.session
    values = [getattr(session, name) for name in FIELDS]
    struct.pack_into(_BODY, payload, _HEAD_BYTES, *values)
    return payload


def unpack(payload: "bytes | bytearray", session: Session, moment: Moment) -> bool:
    """Take a whole session and its moment, or nothing where a value is out of its range."""
    if len(payload) < _HEAD_BYTES:
        return False
    payload = bytes(payload[:SIZE]) + bytes(max(0, SIZE - len(payload)))
    operating_s, left_mah, uncertainty, flows_da = struct.unpack(_HEAD, payload[:_HEAD_BYTES])
    values = struct.unpack(_BODY, payload[_HEAD_BYTES:])
    if operating_s > _HALF_INTEGER or left_mah > 300000 or uncertainty > 1000:
        return False
    for i, name in enumerate(FIELDS):
        low, high = RANGES[name]
        if not low <= values[i] <= high:
            return False
    if values[FIELDS.index("phase")] == CHECK:
        return False
    for i, name in enumerate(FIELDS):
        setattr(session, name, values[i])
    moment.operating_s = operating_s
    moment.left_mah = left_mah
    moment.uncertainty_permille = uncertainty
    if flows_da:
        _count_lost(session, flows_da)
    return True


def _count_lost(session: Session, flows_da: int) -> None:
    """The supply went while current flowed: what was not written any more counts as charged."""
    session.total_s += _LOST_S
    session.phase_s += _LOST_S
    if session.phase == BULK:
        session.bulk_s += _LOST_S
    elif session.phase == ABSORB:
        session.absorb_s += _LOST_S
    # 100 mA * 60 s / 3600 = 5 / 3 mAh
    session.in_mah += flows_da * 5 // 3


def take_zero(charge: Charge) -> None:
    """Use the current sensor's kept zero, where it is near the one that it was bought with."""
    zero_q4 = charge.session.zero_q4
    if -ZERO_MOST_Q4 < zero_q4 - charge.meter.zero_q4 < ZERO_MOST_Q4:
        charge.meter.zero_q4 = zero_q4


def assume(charge: Charge, stored_bits: int) -> None:
    """The record is lost: go on as if half of the absorption were over and the pack not full.

    stored_bits is what the SYSTEM word of the fault memory has: faults that latch
    a charge are taken from there, until a person clears them.
    """
    session = charge.session
    profile = charge.profile
    energy = charge.energy
    bits = stored_bits >> FIRST_ROW
    session.number = 1
    session.absorb_limit_s = profile.get("absorb_limit")
    session.absorb_s = session.absorb_limit_s // 2
    capacity_mah = profile.capacity_mah
    missing_mah = capacity_mah
    if energy.soc_uncertainty_permille <= UNSURE_PERMILLE:
        missing_mah = capacity_mah - energy.left_mah
    session.missing_mah = missing_mah
    # 300 000 mAh * 1250 = 3.8e8
    permille = profile.get("ah_limit")
    limit_mah = missing_mah * permille // 1000 + capacity_mah * SLACK_PERMILLE // 1000
    session.limit_mah = min(limit_mah, capacity_mah * permille // 1000)
    session.left_mah = energy.left_mah
    session.faults = bits & _LATCHING_BITS
    session.is_unconfirmed = 1 if bits & _UNCONFIRMED_BIT else 0
    session.latch()


class ChargeSaver:
    """Says when the session is written: a latch at once, a change soon, the rest now and then.

    A change and a latch are worth both copies; what only counts on gets one, in
    turns, so that a cut in the middle of it leaves the one of a minute before.
    """

    def __init__(self) -> None:
        self._changes = 0  # of the session, when it was last taken to be written
        self._latches = 0
        self._since_ms = _TIME_MAX_MS
        self._unplugged_ms = _TIME_MAX_MS

    def step(self, charge: Charge, plug_in: int, passed_ms: int) -> int:
        """Return how many copies are due, passed_ms after the last call."""
        self._since_ms = since_ms = min(self._since_ms + passed_ms, _TIME_MAX_MS)
        if plug_in:
            self._unplugged_ms = 0
        elif self._unplugged_ms < _TIME_MAX_MS:
            self._unplugged_ms += passed_ms
        session = charge.session
        if self.has_latch(session):
            return _COPIES
        phase = charge.phase
        # A check has only a wait to keep, and the phase after it must not wait for its write.
        keeps = phase != CHECK or session.delay_s > 0
        if session.changes != self._changes and keeps and since_ms >= _CHANGE_MS:
            return _COPIES
        period_ms = _FLOW_MS if charge.enable else _REST_MS
        is_due = keeps and CHECK <= phase < FAULT and since_ms >= period_ms
        return 1 if is_due else 0

    def has_latch(self, session: Session) -> bool:
        """Return whether something waits that must be kept at once."""
        return session.latches != self._latches

    def has_latched(self, session: Session) -> bool:
        """Return whether what must be kept at once was taken, and no write failed since."""
        return self._changes >= 0 and not self.has_latch(session)

    def is_plugged(self) -> bool:
        """Return whether the plug is in, or was 3 s ago."""
        return self._unplugged_ms < _HOLD_MS

    def holds(self, charge: Charge, is_due: bool) -> bool:
        """Return whether the supply must not go: current flows, or its end is being written."""
        if charge.enable:
            return True
        if self._unplugged_ms == 0 or self._unplugged_ms >= _HOLD_MS:
            return False
        return is_due or charge.phase != OFF or charge.session.changes != self._changes

    def is_behind(self, charge: Charge) -> bool:
        """Return whether flash lacks anything: a change, or what has flowed."""
        return charge.session.changes != self._changes or charge.phase >= PRECHARGE

    def take(self, session: Session) -> None:
        """The session as it is now is being written."""
        self._changes = session.changes
        self._latches = session.latches
        self._since_ms = 0

    def fail(self) -> None:
        """It was not: try again in a minute, or at the next latch."""
        self._changes = -1
        self._since_ms = _CHANGE_MS - _FLOW_MS
