"""Bulk: has the pack met its voltage, and is that the pack and the time that were expected?"""

from micropython import const

from vcu.charge.backstops import CELL_SHORTED, WRONG_PACK
from vcu.charge.finish import BLIND_S, Finish
from vcu.charge.pack_check import UNSURE_PERMILLE
from vcu.charge.phases import ABSORB

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.charge.charge import Charge

_REACHED_S = const(10)
_NO_CURRENT_MA = const(300)
_SHORT_PERMILLE = const(20)
_SHORT_SOC_PERMILLE = const(800)
# Lead at 0.2 C meets its set-point at 60 %, sulphated from 40 % on: above that it says nothing.
_SHORT_LEAD_PERMILLE = const(400)


class Bulk:
    """step() once a round of this phase; begin() at each change of phase."""

    def __init__(self, charge: "Charge", finish: Finish) -> None:
        self._charge = charge
        self._finish = finish
        self._session = charge.session
        self._profile = profile = charge.profile
        self._meter = charge.meter
        self._bms = charge.bms
        self._lost_cell = charge.lost_cell
        self._energy = charge.energy
        self._command = charge.command
        self._pack = charge.pack_check
        self._capacity_mah = profile.capacity_mah
        self._is_lithium = profile.is_lithium
        self._short_permille = _SHORT_SOC_PERMILLE if self._is_lithium else _SHORT_LEAD_PERMILLE
        self._absorb_mv = profile.get("absorb")
        self._floats_below_cv = profile.cv("absorb") - profile.cv("float")
        self._little_ma = profile.ma("tail") * 2
        self._hold_s = 0  # at its voltage
        self._parts = 0  # of a second, in permille

    def begin(self) -> None:
        """A phase begins: its clocks do, too."""
        self._hold_s = 0

    def step(self) -> None:
        """Ends at its voltage, at its target, or where so much came back that it is over."""
        charge = self._charge
        finish = self._finish
        session = self._session
        meter = self._meter
        seconds = charge.seconds
        ma = meter.current_ma
        if ma >= _NO_CURRENT_MA:
            self._count(seconds)
        if session.bulk_s >= 100:
            # mAh * 3600 / s, as 720 over fives: 375 000 * 720 = 2.7e8
            session.bulk_ma = session.in_mah * 720 // (session.bulk_s // 5)
        if finish.is_at_target():
            return
        limit_cv = self._command.limit_cv
        near = meter.voltage_cv >= self._command.near_cv
        falls = _NO_CURRENT_MA <= ma < session.bulk_ma * 3 // 4
        if (
            meter.voltage_cv >= limit_cv - limit_cv // 200
            or self._bms.highest_mv >= self._absorb_mv  # by one cell
            # By the charger's own curve, or by its own idea of a volt.
            or (falls and (charge.is_relay or (near and ma < self._command.set_ma * 3 // 4)))
        ):
            self._hold_s += seconds
            if self._hold_s >= _REACHED_S:
                self._begin_absorption()
            return
        self._hold_s = 0
        if self._is_lithium:
            return
        if self._lost_cell.bulk(ma, meter.voltage_cv, limit_cv, session.bulk_s, seconds):
            charge.trip(CELL_SHORTED)
        elif finish.has_enough():
            self._judge_enough(ma, limit_cv, near)

    def _judge_enough(self, ma: int, limit_cv: int, near: bool) -> None:
        """So much came back that it is over, where the voltage does not deny it."""
        # Only a full pack is above its float with so little current, whatever holds it down.
        floats = ma < self._little_ma and self._meter.voltage_cv > limit_cv - self._floats_below_cv
        if near or floats or self._finish.blind_s > BLIND_S:
            # A hot or broken one gasses so much that it gets no further.
            self._finish.end(False)
        elif not self._session.absorb_limit_s:
            self._pack.doubt()  # one that met its set-point before is only low from its pause

    def _count(self, seconds: int) -> None:
        """Count time by the charge that it brings: heat and cold make a charge longer.

        Hazard: a pack whose limit lowers the current to a fifth would end as a fault
        with what it needs half in it. What goes in, and the time of the whole
        charge, have their limits as ever.
        """
        share = self._command.warmth_permille
        if self._charge.is_relay:
            share = 1000  # it gives all or nothing
        parts = self._parts + seconds * share
        whole = parts // 1000
        self._parts = parts - whole * 1000
        self._session.bulk_s += whole

    def _begin_absorption(self) -> None:
        session = self._session
        energy = self._energy
        short = session.in_mah < self._capacity_mah * _SHORT_PERMILLE // 1000
        sure = energy.soc_uncertainty_permille <= UNSURE_PERMILLE
        if (
            short and sure and session.absorb_s == 0
            and energy.soc_permille < self._short_permille
        ):  # fmt: skip
            # Nearly empty by its count, full by its voltage: another pack, or a dead one.
            self._charge.trip(WRONG_PACK)
            return
        if session.absorb_limit_s == 0:
            session.absorb_limit_s = self._profile.get("absorb_limit")
        self._charge.enter(ABSORB)
