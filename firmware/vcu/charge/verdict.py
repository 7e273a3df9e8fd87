"""Verdict: asks each back-stop once a round, and ends the charge where one says so."""

from micropython import const

from vcu.charge.backstops import (
    AH_LIMIT,
    BMS_LOST,
    CELL_SHORTED,
    NO_DISCHARGE,
    RUNAWAY,
    TIMEOUT,
    UNCONFIRMED,
    WELDED,
    WRONG_PACK,
    Obedience,
    Runaway,
)
from vcu.charge.phases import ABSORB, FAULT, FLOAT, FULL
from vcu.charge.session import Session

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.charge.charge import Charge

_SESSION_S = const(86400)
_BULK_LEAST_S = const(7200)
_COUNTED_FULL_PERMILLE = const(980)
_BY_A_LIMIT = (AH_LIMIT, TIMEOUT)


class Verdict:
    """of_charger(), of_heat() and of_limits() are three pieces of a round.

    live_bits are the rows that do not latch, but for those of the BMS: what is wrong now.
    """

    def __init__(self, charge: "Charge") -> None:
        self._charge = charge
        self._session = charge.session
        self._profile = profile = charge.profile
        self._meter = charge.meter
        self._bms = charge.bms
        self._command = charge.command
        self._warmth = charge.warmth
        self._lost_cell = charge.lost_cell
        self._pack = charge.pack_check
        self._obedience = Obedience()
        self._runaway = Runaway(profile, charge.session)
        self._bulk_most_s = profile.get("bulk_limit")
        self._bulk_slack_permille = profile.get("bulk_slack")
        self.live_bits = 0

    def of_charger(self) -> None:
        """Does it what it is told, and nothing with its relay open?"""
        charge = self._charge
        meter = self._meter
        command = self._command
        # The last mean, again, proves nothing; what flows with the relay open needs no voltage.
        is_new = meter.age_ms == 0 if charge.enable else meter.has_current
        bits = self._obedience.step(
            charge.enable,
            not charge.is_relay,
            self._session.zero_q4 != 0 or meter.has_near_zero,
            meter.voltage_cv,
            meter.current_ma,
            command.limit_cv,
            command.set_ma,
            charge.dt_ms if is_new else 0,
        )
        # While the relay is closed any current is one that was asked for: none is seen to rest.
        charge.is_quiet = not charge.enable and self._obedience.is_quiet()
        live = bits & WELDED
        if self._pack.is_wrong:
            live |= WRONG_PACK
        self.live_bits = live
        bits &= ~WELDED
        if bits:
            charge.trip(bits)

    def of_bms(self) -> int:
        """Return what the BMS forbids, and whether the pack waits for its check, as bits."""
        bms = self._bms
        bits = UNCONFIRMED if self._session.is_unconfirmed else 0
        if not bms.is_waiting:
            if bms.is_lost:
                bits |= BMS_LOST
            if not bms.may_discharge:
                bits |= NO_DISCHARGE
        return bits

    def of_heat(self) -> None:
        """Does the battery heat itself?"""
        charge = self._charge
        meter = self._meter
        set_cv = self._command.set_cv
        is_near = set_cv - meter.voltage_cv < set_cv // 100
        at_cv = charge.enable != 0 and charge.phase >= ABSORB and is_near
        warmth = self._warmth
        if self._runaway.step(
            at_cv, meter.current_ma, warmth.hottest_ddegc, warmth.is_known, charge.seconds
        ):
            charge.trip(RUNAWAY)

    def of_limits(self) -> None:
        """Is there too much time or charge in it, or a cell too few?"""
        if self._charge.enable:
            self._judge_session()
        self._judge_rest()

    def _judge_session(self) -> None:
        charge = self._charge
        session = self._session
        is_late = session.total_s > _SESSION_S
        if session.in_mah > session.limit_mah:
            self._end_by(AH_LIMIT)
        elif is_late and charge.phase > ABSORB:
            charge.steps.finish.stay_full()  # a slow charge may leave no time for its float
        elif is_late or session.bulk_s > self._bulk_limit_s(session):
            self._end_by(TIMEOUT)

    def _end_by(self, limit_bit: int) -> None:
        self._session.full_permille = self._charge.energy.soc_permille
        self._charge.trip(limit_bit)

    def _bulk_limit_s(self, session: Session) -> int:
        limit_s = self._bulk_most_s
        if session.bulk_s > _BULK_LEAST_S and session.bulk_ma > 0:
            # 300 000 mAh * 1500 permille over mA is h / 1000, each 3.6 s. A mean of a few mA
            # would make it more than 2**30: the longest is enough.
            by_charge = session.missing_mah * self._bulk_slack_permille // session.bulk_ma
            if by_charge < limit_s:
                by_charge_s = by_charge * 36 // 10
                limit_s = min(limit_s, max(by_charge_s, _BULK_LEAST_S))
        return limit_s

    def _judge_rest(self) -> None:
        charge = self._charge
        phase = charge.phase
        meter = self._meter
        session = self._session
        # Only lead rests where its last full charge did, even if that took too long or too much.
        is_over = (
            not self._profile.is_lithium
            and charge.enable == 0
            and (
                (session.is_full != 0 and (phase == FULL or phase == FLOAT))
                or (
                    phase == FAULT
                    and session.faults in _BY_A_LIMIT
                    and session.full_permille >= _COUNTED_FULL_PERMILLE
                )
            )
        )
        if self._lost_cell.rest(is_over, meter.current_ma, meter.voltage_cv, charge.seconds):
            charge.trip(CELL_SHORTED)
