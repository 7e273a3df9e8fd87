"""Pack: what its voltage would be without the present current, and the resistance that says so.

The resistance is learnt from current steps of the drive itself: the slow part
of voltage and current is taken away, and what is left moves together by -R.
"""

from micropython import const

from vcu.fixmath import clamp, div_round
from vcu.params import Params
from vcu.signals import Signals

# A step smaller than 8 A tells more about noise than about the pack.
_STEP_DA = const(80)


class Pack:
    """Keeps resistance_mohm and fills sig.pack_rest_cv = V + I * R, filtered over 0.3 s."""

    def __init__(self, params: Params) -> None:
        start = params.get("pack_resistance_mohm")
        self.resistance_mohm = start
        self._resistance_q = start * 64
        # Cold, old and empty packs are the ones that matter: allow up to five times.
        self._low_q = start * 64 // 4
        self._high_q = start * 64 * 5
        self._slow_cv16 = 0
        self._slow_da16 = 0
        self._rest_cv8 = 0
        self._started = False

    def step(self, sig: Signals) -> None:
        """At 12.5 Hz: take in voltage and current; keep the answer while they are invalid."""
        if not sig.pack_valid:
            return
        cv16 = sig.pack_cv * 16
        da16 = sig.pack_da * 16
        if not self._started:
            self._started = True
            self._slow_cv16 = cv16
            self._slow_da16 = da16
            self._rest_cv8 = sig.pack_cv * 8
        slow_cv16 = self._slow_cv16 + ((cv16 - self._slow_cv16) >> 1)
        slow_da16 = self._slow_da16 + ((da16 - self._slow_da16) >> 1)
        self._slow_cv16 = slow_cv16
        self._slow_da16 = slow_da16
        step_da16 = da16 - slow_da16
        if step_da16 > _STEP_DA * 16 or step_da16 < -_STEP_DA * 16:
            # cV / dA = 100 mOhm; 160 000 * 6400 = 1.02e9 < 2**30
            sample_q = (slow_cv16 - cv16) * 6400 // step_da16
            self._resistance_q = clamp(
                self._resistance_q + ((sample_q - self._resistance_q) >> 2),
                self._low_q,
                self._high_q,
            )
            self.resistance_mohm = self._resistance_q >> 6
        # 3000 dA * 2500 mOhm = 7.5e6 in 0.1 mV
        rest_cv = sig.pack_cv + div_round(sig.pack_da * self.resistance_mohm, 100)
        self._rest_cv8 += (rest_cv * 8 - self._rest_cv8) >> 2
        sig.pack_rest_cv = self._rest_cv8 >> 3
