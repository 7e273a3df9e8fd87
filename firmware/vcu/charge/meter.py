"""Meter: voltage and current of a charge, averaged finer than one count, and the charge counted.

One count of the current sensor is 0.25 A, and its zero drifts by as much: over a
night that is several Ah. So samples are averaged, and the zero is measured at
each plug-in with the relay open. A sample at the end of its scale is no sample.
"""

from micropython import const

from vcu.params import Params
from vcu.sense import Scaling

_MIN_COUNTS = const(100)
_MAX_COUNTS = const(3050)
_MIN_PACK_CV = const(1500)
# A zero further off than this is a current, or a broken sensor: 12 counts are 3 A.
ZERO_MOST_Q4 = const(12 << 4)
_MAX_MS = const(10000)
# Rounds that the zero is the mean of, at most: 48 800 * 64 = 3.1e6
_ZERO_ROUNDS = const(64)
# So many are near it: 0.1 A, a fifth of what tells a welded relay.
_NEAR_ROUNDS = const(4)
# A round this far from those before it is no noise: a current of 0.75 A came or went.
_STEP_Q4 = const(3 << 4)


class Meter:
    """voltage_cv and current_ma (positive into the pack) are the means since the last take().

    age_ms is how old both are, has_current whether the current is new, has_near_zero
    whether zero_q4 is near the sensor's own, though not measured for long enough to count by.
    """

    def __init__(self, scaling: Scaling, params: Params) -> None:
        self._cv_per_1000 = scaling.pack_cv_per_1000_counts
        self._da_per_1000 = scaling.pack_da_per_1000_counts
        self._min_pack_counts = _MIN_PACK_CV * 1000 // self._cv_per_1000
        self._base_zero_q4 = params.get("pack_a_zero_counts") << 4
        self.zero_q4 = self._base_zero_q4
        self.voltage_cv = 0
        self.current_ma = 0
        self.age_ms = _MAX_MS
        self.has_current = False
        self.has_near_zero = False
        self.new_mah = 0
        self._volts = 0
        self._amps = 0
        self._samples = 0
        self._without_volts = 0
        self._mean_q4 = self._base_zero_q4
        self._rest_q4 = 0
        self._rests = 0
        self._ma_ms = 0

    def add(self, pack_counts: int, amps_counts: int) -> None:
        """Take one sample; a current needs no voltage to be one.

        Hazard: a welded relay charges a pack that is flat, or whose voltage cannot be
        read, too.
        """
        if amps_counts < _MIN_COUNTS or amps_counts > _MAX_COUNTS:
            return
        self._amps += amps_counts
        self._samples += 1
        if pack_counts < self._min_pack_counts or pack_counts > _MAX_COUNTS:
            self._without_volts += 1
        else:
            self._volts += pack_counts

    def take(self, passed_ms: int) -> None:
        """Work out the means of the samples of the last passed_ms, at most 2 s; count charge.

        new_mah is what went into the pack; negative when it gave.
        """
        samples = self._samples
        volt_samples = samples - self._without_volts
        if volt_samples:
            # Four bits finer than a count: 48 800 * 3333 = 1.6e8
            volts_q4 = (self._volts << 4) // volt_samples
            self.voltage_cv = volts_q4 * self._cv_per_1000 // 16000
            self._volts = 0
            self.age_ms = 0
        elif self.age_ms < _MAX_MS:
            self.age_ms += passed_ms
        self.has_current = samples > 0
        if not samples:
            self.new_mah = 0
            return
        mean_q4 = (self._amps << 4) // samples
        # counts * 2500 / 1000 dA = counts * 250 mA; 48 000 * 2500 = 1.2e8
        self.current_ma = (self.zero_q4 - mean_q4) * self._da_per_1000 // 160
        self._mean_q4 = mean_q4
        self._amps = 0
        self._samples = 0
        self._without_volts = 0
        # In mA ms, for a part of one that each round lost would be 15 mAh a day:
        # 400 000 * 2000 = 8e8
        self._ma_ms += self.current_ma * passed_ms
        whole = self._ma_ms // 3600000
        self._ma_ms -= whole * 3600000
        self.new_mah = whole

    def rest(self, is_first: bool) -> bool:
        """The relay is open: what the sensor reads is its zero, and one round's mean is noise.

        A round without a sample adds nothing: the last mean, again and again, would be its zero.
        Return False for a round that is no part of it, because a current came or went.
        """
        if is_first:
            self._rest_q4 = 0
            self._rests = 0
            return True
        if not self.has_current:
            return True
        rests = self._rests
        if rests and not -_STEP_Q4 < self._mean_q4 - self._rest_q4 // rests < _STEP_Q4:
            return False
        if rests >= _ZERO_ROUNDS:
            self._rest_q4 >>= 1
            rests >>= 1
        self._rest_q4 += self._mean_q4
        self._rests = rests + 1
        return True

    def near_zero(self) -> None:
        """No zero is known: measure from the mean of the rest so far, until it is.

        Hazard: a weak charger whose relay welds meanwhile would become the zero, untold.
        """
        zero_q4 = self.rested_q4()
        if zero_q4 and self._rests >= _NEAR_ROUNDS:
            self.zero_q4 = zero_q4
            self.has_near_zero = True

    def rested_q4(self) -> int:
        """Return the mean of the rounds of rest() in 1/16 count; 0 where that can be no zero."""
        rests = self._rests
        if rests:
            zero_q4 = self._rest_q4 // rests
            if -ZERO_MOST_Q4 < zero_q4 - self._base_zero_q4 < ZERO_MOST_Q4:
                return zero_q4
        return 0
