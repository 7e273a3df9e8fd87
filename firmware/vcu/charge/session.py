"""Session: what of a charge must survive a power cut, and nothing else.

Everything is an integer; service/records.py packs FIELDS in this order. changes
grows with everything worth keeping, latches with what must be kept at once.
"""

from micropython import const

# Never reordered; new fields come at the end.
FIELDS = (
    "number",  # of sessions begun
    "phase",  # to go on with: one of the active phases, or FULL
    "total_s",  # with current, in all phases
    "phase_s",
    "bulk_s",
    "absorb_s",
    "in_mah",  # into the pack, in this session
    "limit_mah",  # of in_mah
    "missing_mah",  # when the session began
    "bulk_ma",  # mean current of the bulk
    "absorb_limit_s",
    "least_ma",  # of the absorption, for runaway
    "left_mah",  # charge left when current last flowed: less now means that the car was driven
    "faults",  # latched, as bits of vcu/charge/backstops.py
    "is_full",
    "is_cold",  # waits for warm_again
    "is_hot",
    "rested_cv",  # pack voltage half an hour after a full charge, 0 unknown
    "equalize_armed",
    "target_permille",  # stop there, 0 for full
    "is_unconfirmed",  # the pack was swapped and the plug-in check has not agreed yet
    "zero_q4",  # of the current sensor, in 1/16 count
    "full_permille",  # what was counted at the end of the charge; 1000: its tail was seen
    "delay_s",  # until a charge that was asked for a later time begins
    "part_rest",  # as rested_cv, of a charge whose tail was not seen, << 10, and how full that is
)
_MASK = const(0xFFFF)


class Session:
    """The fields of FIELDS, made as a car that was never charged."""

    def __init__(self) -> None:
        self.number = 0
        self.phase = 0
        self.total_s = 0
        self.phase_s = 0
        self.bulk_s = 0
        self.absorb_s = 0
        self.in_mah = 0
        self.limit_mah = 0
        self.missing_mah = 0
        self.bulk_ma = 0
        self.absorb_limit_s = 0
        self.least_ma = 0
        self.left_mah = 0
        self.faults = 0
        self.is_full = 0
        self.is_cold = 0
        self.is_hot = 0
        self.rested_cv = 0
        self.equalize_armed = 0
        self.target_permille = 0
        self.is_unconfirmed = 0
        self.zero_q4 = 0
        self.full_permille = 0
        self.delay_s = 0
        self.part_rest = 0
        self.changes = 0  # modulo 2**16; a transition, a latch, a person's wish
        self.latches = 0  # modulo 2**16; of these the ones that must be kept at once

    def note(self) -> None:
        """Something changed that is worth keeping soon."""
        self.changes = (self.changes + 1) & _MASK

    def latch(self) -> None:
        """Something changed that must be kept at once."""
        self.note()
        self.latches = (self.latches + 1) & _MASK

    def begin(self, missing_mah: int, limit_mah: int) -> None:
        """Start a new charge: counters at zero; latches, memory and wishes stay."""
        self.number = (self.number + 1) & _MASK
        self.phase = 0
        self.total_s = 0
        self.phase_s = 0
        self.bulk_s = 0
        self.absorb_s = 0
        self.in_mah = 0
        self.limit_mah = limit_mah
        self.missing_mah = missing_mah
        self.bulk_ma = 0
        self.absorb_limit_s = 0
        self.least_ma = 0
        self.is_full = 0
        self.full_permille = 0
        self.note()

    def forget(self) -> None:
        """The pack is another one: nothing that was learned or latched holds for it."""
        # The numbers of changes go on, or the keeper would miss this one.
        for name in FIELDS:
            setattr(self, name, 0)
        self.is_unconfirmed = 1
        self.latch()
