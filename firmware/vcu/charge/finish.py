"""Finish: what ends absorption, equalising, float and balancing, and when a pack is full.

Only a current that fell to its tail proves a full pack. A count that says that
enough came back ends a charge that is near its set-point, since more would only
make gas; elsewhere it is the count that is wrong.
"""

from micropython import const

from vcu.charge import bms as bms_port
from vcu.charge.phases import (
    ABSORB,
    BALANCE,
    CHECK,
    EQUALIZE,
    FLOAT,
    FULL,
    IS_FULL,
    TARGET_REACHED,
)

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.charge.charge import Charge
    from vcu.charge.hindrance import Hindrance

BLIND_S = const(900)
# However little was missing, that much of C may go in besides.
_SPARE_PERMILLE = const(40)
# So long absorption waits at its tail for the charge to have come back.
_RETURN_S = const(3600)
_RESTART_S = const(60)
_FLOAT_REST_S = const(2100)
_FLOAT_SETTLES_S = const(14400)
_BLIND_ABSORB_S = const(7200)
_LEAST_MA = const(300)
# What no charger holds falls by more in ten minutes; noise is a fifth of that.
_HELD_MV = const(5)
_BALANCED_S = const(900)
_FLAT_S = const(1200)
_FLAT_TIMES = const(3)
_EQUALIZE_EXTRA_PERMILLE = const(120)


class Finish:
    """One method for each phase, once a round; begin() at each change of phase.

    blind_s is for how long there has been no temperature, tapered_s for how long this
    phase has had a current of half to twice the tail, which noise is not.
    """

    def __init__(self, charge: "Charge", hindrance: "Hindrance") -> None:
        self._charge = charge
        self._hindrance = hindrance
        self._session = charge.session
        self._profile = profile = charge.profile
        self._meter = charge.meter
        self._bms = charge.bms
        self._warmth = charge.warmth
        self._energy = charge.energy
        self._command = charge.command
        self._pack = charge.pack_check
        self._capacity_mah = profile.capacity_mah
        self._is_lithium = profile.is_lithium
        # A plain charger has its own voltage, which the limit of a cold pack is above.
        self._own_curve = charge.is_relay and not profile.is_lithium
        self._tail_ma = profile.ma("tail")
        self._least_ma = min(self._tail_ma // 2, _LEAST_MA)  # that is a current, and no noise
        self._tail_hold_s = profile.get("tail_hold")
        self._absorb_min_s = profile.get("absorb_min")
        self._return_least_permille = profile.get("return_least")
        self._return_most_permille = profile.get("return_most")
        self._spare_mah = profile.capacity_mah * _SPARE_PERMILLE // 1000
        self._absorb_mv = profile.get("absorb")
        self.blind_s = 0
        self.tapered_s = 0
        self._fall_cv = profile.cells * _HELD_MV // 10
        self._hold_s = 0  # of the condition that ends this phase
        self._held_cv = 0  # when a plain charger last gave current
        self._flat_cv = 0
        self._flat_s = 0
        self._flat_times = 0

    def begin(self) -> None:
        """A phase begins: its clocks do, too."""
        self._hold_s = 0
        self.tapered_s = 0
        self._flat_s = 0
        self._flat_times = 0

    def absorb(self) -> None:
        """At the set-point: ends by the tail, by what came back, or by its time."""
        charge = self._charge
        session = self._session
        meter = self._meter
        seconds = charge.seconds
        if self.is_at_target():
            return
        if self._tail_ma // 2 <= meter.current_ma <= self._tail_ma * 2:
            self.tapered_s += seconds
        at_target = self._own_curve or meter.voltage_cv >= self._command.near_cv
        if at_target or self._bms.highest_mv >= self._absorb_mv:
            session.absorb_s += seconds
        # A limit that holds the current down makes no tail.
        at_tail = self._own_curve or (at_target and self._command.set_ma > self._tail_ma)
        # A sixteenth back above it, where a tail that falls in hours wavers, is still the tail.
        tail_ma = self._tail_ma + (self._tail_ma >> 4) if self._hold_s else self._tail_ma
        if not at_tail or self._hindrance.mean_ma > tail_ma:
            self._hold_s = 0
        elif self._proves_tail(meter.current_ma, meter.voltage_cv, tail_ma):
            self._hold_s += seconds
        limit_s = session.absorb_limit_s
        if self.blind_s > BLIND_S and limit_s > _BLIND_ABSORB_S:
            limit_s = _BLIND_ABSORB_S
        if session.absorb_s < self._absorb_min_s:
            return
        if self._hold_s >= self._tail_hold_s and self._has_returned():
            self.end(True)
        elif session.absorb_s >= limit_s or (
            # Near its tail, or so long without one that there will be none: an aged pack.
            (self._hindrance.mean_ma < self._tail_ma * 2 or session.absorb_s * 2 > limit_s)
            and self.has_enough()
        ):
            self.end(False)

    def _proves_tail(self, ma: int, cv: int, tail_ma: int) -> bool:
        """Return whether this second's small current is a tail, and no lack of mains.

        Mains that are off, or that just came back, make none: those seconds are left out.
        """
        if not self._own_curve:
            # A pack that takes nothing is at its voltage or above; noise is no current.
            flows = ma >= self._least_ma and self._hindrance.mean_ma >= self._least_ma
            return ma <= tail_ma + _LEAST_MA and (flows or cv >= self._command.limit_cv)
        if self._hold_s == 0 or self._hindrance.mean_ma >= self._least_ma:
            self._held_cv = cv
        elif cv < self._held_cv - self._fall_cv:
            self._held_cv = cv
            self._hold_s = 0
        return True

    def _has_returned(self) -> bool:
        """Return whether what was missing came back, with what lead loses as gas."""
        session = self._session
        # 375 000 mAh * 1000 and 300 000 * 1100: 3.8e8
        return (
            session.in_mah * 1000 >= session.missing_mah * self._return_least_permille
            or self._hold_s >= self._tail_hold_s + _RETURN_S
        )

    def has_enough(self) -> bool:
        """Return whether so much came back that more would only make gas."""
        session = self._session
        if not self._return_most_permille:
            return False
        if self.blind_s > BLIND_S:
            return session.in_mah >= session.missing_mah  # gas is heat that nobody sees
        # 300 000 mAh * 1150 = 3.5e8
        most_mah = session.missing_mah * self._return_most_permille // 1000
        return session.in_mah >= max(most_mah, session.missing_mah + self._spare_mah)

    def is_at_target(self) -> bool:
        """Stop where a person asked for it; whether that is so."""
        session = self._session
        target = session.target_permille
        if not target or self._energy.soc_permille < target:
            return False
        session.is_full = 1
        session.full_permille = self._energy.soc_permille
        self._charge.enter(FULL)
        self._charge.cause = TARGET_REACHED
        return True

    def end(self, is_verified: bool) -> None:
        """The charge is over; only a current that fell to its tail proves a full pack."""
        charge = self._charge
        session = self._session
        session.is_full = 1
        if is_verified:
            self._energy.fill()
        session.full_permille = self._energy.soc_permille
        session.left_mah = self._pack.left_mah = self._energy.left_mah
        if (
            session.equalize_armed and not charge.is_relay and charge.phase == ABSORB
            and self._profile.get("equalize") and self._warmth.is_known
            and self._warmth.hottest_ddegc < self._profile.get("equalize_hot")
        ):  # fmt: skip
            session.equalize_armed = 0  # once
            session.limit_mah += self._capacity_mah * _EQUALIZE_EXTRA_PERMILLE // 1000
            charge.enter(EQUALIZE)
        elif self._is_lithium and self._is_uneven() and charge.phase == ABSORB:
            charge.enter(BALANCE)
        elif self._is_lithium or charge.is_relay:
            self.stay_full()
        else:
            charge.enter(FLOAT)
        session.latch()

    def stay_full(self) -> None:
        """Rest with the relay open until there is something to charge again."""
        self._charge.enter(FULL)
        self._charge.cause = TARGET_REACHED if self._session.target_permille else IS_FULL

    def _is_uneven(self) -> bool:
        bms = self._bms
        return bms.kind == bms_port.CELLS and bms.spread_mv > bms_port.BALANCED_MV

    def equalize(self) -> None:
        """Ends by time, by warmth, or when the voltage stood still three times."""
        charge = self._charge
        profile = self._profile
        self._flat_s += charge.seconds
        if self._flat_s >= _FLAT_S:
            self._flat_s = 0
            moved = self._meter.voltage_cv - self._flat_cv
            self._flat_cv = self._meter.voltage_cv
            flat = moved * 10 < profile.cells  # 1 mV a cell
            self._flat_times = self._flat_times + 1 if flat else 0
        warmth = self._warmth
        if (
            self._flat_times >= _FLAT_TIMES
            or self._session.phase_s >= profile.get("equalize_limit")
            or not warmth.is_known
            or warmth.hottest_ddegc >= profile.get("equalize_hot")
        ):
            charge.enter(FLOAT)

    def float(self) -> None:
        """Rest, then hold a low voltage for its time or until enough came back."""
        charge = self._charge
        session = self._session
        # The pack rests first: what it settles at tells whether a cell is lost.
        if charge.is_resting:
            charge.is_resting = session.phase_s < _FLOAT_REST_S or (
                session.phase_s < _FLOAT_SETTLES_S and not charge.lost_cell.is_judged
            )
        if session.phase_s >= self._profile.get("float_limit") or self.has_enough():
            self.stay_full()
        elif not charge.is_resting and self._pack.has_sunk(self._meter.voltage_cv):
            self._hold_s += charge.seconds
            if self._hold_s >= _RESTART_S:
                charge.enter(CHECK)
        else:
            self._hold_s = 0

    def balance(self) -> None:
        """Hold the voltage while the BMS lowers the high cells."""
        self._hold_s = 0 if self._is_uneven() else self._hold_s + self._charge.seconds
        if self._hold_s >= _BALANCED_S or self._session.phase_s >= self._profile.get(
            "balance_limit"
        ):
            self.stay_full()
