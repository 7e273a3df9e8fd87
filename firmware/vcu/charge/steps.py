"""Steps: what ends each phase of a charge, and which one comes next.

A phase ends by a condition that has lasted; every way into a phase with current
leads through CHECK, which looks at the resting pack, and every phase with
current has a limit. A charge that was broken off goes on where it was; a new one
begins when the car was driven in between or a full pack has come down.
"""

from micropython import const

from vcu.charge import bms as bms_port
from vcu.charge import command
from vcu.charge.backstops import CELL_SHORTED, PRECHARGE_FAILED, TIMEOUT, WELDED, WRONG_PACK
from vcu.charge.hindrance import Hindrance
from vcu.charge.phases import (
    ABSORB,
    BAD_PARAMETERS,
    BALANCE,
    BMS_REFUSES,
    BULK,
    CHECK,
    CHECKING,
    EQUALIZE,
    FAULT,
    FLOAT,
    FULL,
    HAS_FAULT,
    HIGH_VOLTAGE,
    IS_FULL,
    NO_BMS,
    NO_CHARGER,
    NO_CURRENT,
    NO_SENSOR,
    NOTHING,
    OFF,
    PAUSE,
    PRECHARGE,
    SCHEDULED,
    TARGET_REACHED,
    UNPLUGGED,
    WRONG,
)

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.charge.charge import Charge

_CHECK_S = const(6)
# Until the current's zero is known: six seconds' mean is off by 60 mA, 3 % of a night.
_ZERO_S = const(60)
_ZERO_NEAR_Q4 = const(16)
_SETTLES_S = const(1)  # the current, after the relay has opened
_PAUSE_S = const(600)  # at most six times an hour on and off
_REACHED_S = const(10)
_REFUSED_S = const(60)
_NO_CURRENT_MA = const(300)
_UNSURE_PERMILLE = const(300)
# However little was missing, that much of C may go in besides.
_SPARE_PERMILLE = const(40)
# So long absorption waits at its tail for the charge to have come back.
_RETURN_S = const(3600)
_RESTART_S = const(60)
_DRAINED_PERMILLE = const(100)
_FLOAT_REST_S = const(2100)
_FLOAT_SETTLES_S = const(14400)
_BLIND_ABSORB_S = const(7200)
_BLIND_S = const(900)
_SHORT_BULK_PERMILLE = const(20)
_SHORT_BULK_SOC_PERMILLE = const(800)
# Lead at 0.2 C meets its set-point at 60 %, sulphated from 40 % on: above that it says nothing.
_SHORT_BULK_LEAD_PERMILLE = const(400)
_BALANCED_S = const(900)
_FLAT_S = const(1200)
_FLAT_TIMES = const(3)
_EQUALIZE_EXTRA_PERMILLE = const(120)


class Steps:
    """run() once a round; begin() at each change of phase."""

    def __init__(self, charge: "Charge") -> None:
        self._charge = charge
        self._session = charge.session
        self._profile = profile = charge.profile
        self._meter = charge.meter
        self._bms = charge.bms
        self._warmth = charge.warmth
        self._energy = charge.energy
        self._command = charge.command
        self._pack = charge.pack_check
        self._hindrance = Hindrance(charge)
        self._capacity_mah = profile.capacity_mah
        self._is_lithium = profile.is_lithium
        self._short_bulk_permille = _SHORT_BULK_LEAD_PERMILLE
        if profile.is_lithium:
            self._short_bulk_permille = _SHORT_BULK_SOC_PERMILLE
        self._tail_ma = profile.ma("tail")
        self._tail_hold_s = profile.get("tail_hold")
        self._absorb_min_s = profile.get("absorb_min")
        self._return_least = profile.get("return_least")
        self._return_most = profile.get("return_most")
        self._spare_mah = profile.capacity_mah * _SPARE_PERMILLE // 1000
        self._absorb_mv = profile.get("absorb")
        self._precharge_cv = profile.cv("precharge_below")
        self._hold_s = 0  # of the condition that ends this phase
        self._blind_s = 0  # without a temperature
        self._phase_s = 0  # of CHECK and PAUSE, which no power cut needs to remember
        self._ends_by_bms = False  # the pause that is running, if it lasts
        self._flat_cv = 0
        self._flat_s = 0
        self._flat_times = 0
        self._steps = (
            self._off,
            self._check,
            self._precharge,
            self._bulk,
            self._absorb,
            self._equalize,
            self._float,
            self._balance,
            self._full,
            self._paused,
            self._failed,
        )

    def begin(self) -> None:
        """A phase begins: its clocks do, too."""
        self._hold_s = 0
        self._hindrance.begin()
        self._phase_s = 0
        self._flat_s = 0
        self._flat_times = 0
        self._charge.lost_cell.begin()

    def run(self) -> None:
        """One step of the present phase."""
        charge = self._charge
        phase = charge.phase
        if not charge.allowed:
            if phase != OFF:
                charge.enter(OFF)
                charge.delay_s = 0  # it was for this plug
            charge.cause = UNPLUGGED
            return
        # A sensor that is distrusted for one bad sample comes back within ten minutes.
        self._blind_s = 0 if self._warmth.is_known else self._blind_s + charge.seconds
        if phase == CHECK or phase == PAUSE:
            self._phase_s += charge.seconds
        elif phase != OFF:
            self._session.phase_s += charge.seconds
        if PRECHARGE <= phase <= BALANCE:
            cause = self._hindrance.of_pack()
            if cause == NOTHING:
                cause = self._hindrance.of_charger(charge.seconds)
            if cause != NOTHING:
                self._pause(cause)
                return
            charge.cause = NOTHING
        self._steps[phase]()

    def _pause(self, cause: int) -> None:
        session = self._session
        phase = self._charge.phase
        set_cv = self._command.limit_cv
        ends = False
        if cause == BMS_REFUSES and not self._bms.is_lost and session.in_mah > 0:
            near = self._meter.voltage_cv >= set_cv - set_cv // 50
            ends = near or self._bms.share_permille < 1000 or phase >= ABSORB
        if cause == NO_CURRENT and self._charge.is_relay and self._is_lithium and phase == ABSORB:
            self._end(False)  # the charger's own cut-off
            return
        self._charge.enter(PAUSE)
        self._charge.cause = cause
        self._ends_by_bms = ends

    # What each phase does.

    def _off(self) -> None:
        """No timeout: nothing flows."""
        charge = self._charge
        if self._command.kind == command.NO_CHARGER and not self._session.is_unconfirmed:
            charge.cause = NO_CHARGER
        elif not charge.parameters_ok:
            charge.cause = BAD_PARAMETERS
        elif self._is_lithium and self._bms.kind == bms_port.NONE:
            charge.cause = NO_BMS
        elif self._session.faults:
            charge.cause = HAS_FAULT
            charge.enter(FAULT)
        else:
            charge.enter(CHECK)
            charge.cause = CHECKING

    def _check(self) -> None:
        """The relay is open: zero of the current sensor, and is this the pack? Has no timeout."""
        charge = self._charge
        meter = self._meter
        meter.rest(self._phase_s <= _SETTLES_S)
        known_q4 = self._session.zero_q4
        if self._phase_s < (_CHECK_S if known_q4 else _ZERO_S):
            return
        charge.cause = self._hindrance.of_pack()
        if self._session.is_unconfirmed and charge.cause != NO_SENSOR and not self._bms.is_lost:
            # A swapped pack is checked where it cannot be charged, too: it must drive again.
            if not self._pack.is_this_pack(meter.voltage_cv * 10 // self._profile.cells):
                charge.cause = WRONG
                return
            if self._command.kind == command.NO_CHARGER:
                charge.enter(OFF)
                return
        if charge.cause != NOTHING:
            return
        if charge.bits & WELDED and known_q4:
            charge.cause = HAS_FAULT  # this current is no zero, unless a person clears it
            self._phase_s = 0
            return
        if not meter.set_zero():
            charge.cause = NO_SENSOR
            return
        moved_q4 = meter.zero_q4 - known_q4
        if -_ZERO_NEAR_Q4 < moved_q4 < _ZERO_NEAR_Q4:
            # Within the noise: follow slowly what the sensor drifts by.
            meter.zero_q4 = known_q4 + ((moved_q4 + 4) >> 3)
        self._session.zero_q4 = meter.zero_q4
        if not self._pack.is_this_pack(meter.voltage_cv * 10 // self._profile.cells):
            charge.cause = WRONG
            return
        if charge.delay_s > 0:
            charge.delay_s -= charge.seconds
            charge.cause = SCHEDULED
            return
        self._resume(meter.voltage_cv)

    def _resume(self, rest_cv: int) -> None:
        """Go on with the charge that was broken off, stay full, or begin a new one."""
        charge = self._charge
        session = self._session
        if session.number == 0 or self._pack.was_driven() or self._pack.has_come_down(rest_cv):
            self._pack.begin()
        phase = session.phase
        if phase == FLOAT or phase == BALANCE or phase == EQUALIZE:
            charge.enter(phase)
        elif session.is_full:
            self.stay_full()
        elif rest_cv < self._precharge_cv:
            if charge.is_relay:
                charge.trip(PRECHARGE_FAILED)  # it cannot be told to be gentle
            else:
                charge.enter(PRECHARGE)
        else:
            charge.enter(BULK)

    def stay_full(self) -> None:
        """Rest with the relay open until there is something to charge again."""
        self._pack.full_permille = self._energy.soc_permille
        self._charge.enter(FULL)
        self._charge.cause = TARGET_REACHED if self._session.target_permille else IS_FULL

    def _precharge(self) -> None:
        session = self._session
        if self._meter.voltage_cv > self._precharge_cv + self._precharge_cv // 100:
            self._hold_s += self._charge.seconds
            if self._hold_s >= _REACHED_S:
                self._charge.enter(BULK)
        else:
            self._hold_s = 0
            if session.phase_s > self._profile.get("precharge_limit"):
                self._charge.trip(PRECHARGE_FAILED)

    def _bulk(self) -> None:
        charge = self._charge
        session = self._session
        meter = self._meter
        seconds = charge.seconds
        if meter.current_ma >= _NO_CURRENT_MA:
            session.bulk_s += seconds
        if session.bulk_s >= 100:
            # mAh * 3600 / s, as 720 over fives: 375 000 * 720 = 2.7e8
            session.bulk_ma = session.in_mah * 720 // (session.bulk_s // 5)
        if self._target_reached():
            return
        set_cv = self._command.limit_cv
        reached = meter.voltage_cv >= set_cv - set_cv // 200
        if self._bms.highest_mv >= self._absorb_mv or (
            charge.is_relay and _NO_CURRENT_MA <= meter.current_ma < session.bulk_ma * 3 // 4
        ):
            reached = True  # by one cell, or by the charger's own curve
        if reached:
            self._hold_s += seconds
            if self._hold_s >= _REACHED_S:
                self._begin_absorption()
            return
        self._hold_s = 0
        if self._is_lithium:
            return
        if charge.lost_cell.bulk(
            meter.current_ma, meter.voltage_cv, set_cv, session.bulk_s, seconds
        ):
            charge.trip(CELL_SHORTED)
        elif self._has_enough():
            self._end(False)  # a hot or broken one gasses so much that it gets no further

    def _begin_absorption(self) -> None:
        session = self._session
        energy = self._energy
        short = session.in_mah < self._capacity_mah * _SHORT_BULK_PERMILLE // 1000
        sure = energy.soc_uncertainty_permille <= _UNSURE_PERMILLE
        if (
            short and sure and session.absorb_s == 0
            and energy.soc_permille < self._short_bulk_permille
        ):  # fmt: skip
            # Nearly empty by its count, full by its voltage: another pack, or a dead one.
            self._charge.trip(WRONG_PACK)
            return
        if session.absorb_limit_s == 0:
            session.absorb_limit_s = self._profile.get("absorb_limit")
        self._charge.enter(ABSORB)

    def _absorb(self) -> None:
        charge = self._charge
        session = self._session
        meter = self._meter
        seconds = charge.seconds
        if self._target_reached():
            return
        set_cv = self._command.limit_cv
        # A plain charger has its own voltage, which the limit of a cold pack is above.
        own_curve = charge.is_relay and not self._is_lithium
        at_target = own_curve or meter.voltage_cv >= set_cv - set_cv // 50
        if at_target or self._bms.highest_mv >= self._absorb_mv:
            session.absorb_s += seconds
        # A limit that holds the current down makes no tail.
        at_tail = own_curve or (
            meter.voltage_cv >= set_cv - set_cv // 100 and self._command.set_ma > self._tail_ma
        )
        # A sixteenth back above it, where a tail that falls in hours wavers, is still the tail.
        tail_ma = self._tail_ma + (self._tail_ma >> 4) if self._hold_s else self._tail_ma
        if at_tail and self._hindrance.mean_ma <= tail_ma:
            self._hold_s += seconds
        else:
            self._hold_s = 0
        limit_s = session.absorb_limit_s
        if self._blind_s > _BLIND_S and limit_s > _BLIND_ABSORB_S:
            limit_s = _BLIND_ABSORB_S
        if session.absorb_s < self._absorb_min_s:
            return
        if self._hold_s >= self._tail_hold_s and self._has_returned():
            self._end(True)
        elif session.absorb_s >= limit_s or (
            # Near its tail, or so long without one that there will be none: an aged pack.
            (self._hindrance.mean_ma < self._tail_ma * 2 or session.absorb_s * 2 > limit_s)
            and self._has_enough()
        ):
            self._end(False)

    def _has_returned(self) -> bool:
        """Return whether what was missing came back, with what lead loses as gas."""
        session = self._session
        # 375 000 mAh * 1000 and 300 000 * 1100: 3.8e8
        return (
            session.in_mah * 1000 >= session.missing_mah * self._return_least
            or self._hold_s >= self._tail_hold_s + _RETURN_S
        )

    def _has_enough(self) -> bool:
        """Return whether so much came back that more would only make gas."""
        session = self._session
        if not self._return_most:
            return False
        if self._blind_s > _BLIND_S:
            return session.in_mah >= session.missing_mah  # gas is heat that nobody sees
        # 300 000 mAh * 1150 = 3.5e8
        most_mah = session.missing_mah * self._return_most // 1000
        return session.in_mah >= max(most_mah, session.missing_mah + self._spare_mah)

    def _target_reached(self) -> bool:
        session = self._session
        target = session.target_permille
        if not target or self._energy.soc_permille < target:
            return False
        session.is_full = 1
        self._charge.enter(FULL)
        self._charge.cause = TARGET_REACHED
        return True

    def _end(self, is_verified: bool) -> None:
        """The charge is over; only a current that fell to its tail proves a full pack."""
        charge = self._charge
        session = self._session
        session.is_full = 1
        if is_verified:
            self._energy.fill()
        charge.left_mah = session.left_mah = self._energy.left_mah
        hot = self._profile.get("equalize_hot")
        if (
            session.equalize_armed and not charge.is_relay and charge.phase == ABSORB
            and self._profile.get("equalize")
            and self._warmth.is_known and self._warmth.hottest_ddegc < hot
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

    def _is_uneven(self) -> bool:
        bms = self._bms
        return bms.kind == bms_port.CELLS and bms.spread_mv > bms_port.BALANCED_MV

    def _equalize(self) -> None:
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

    def _float(self) -> None:
        charge = self._charge
        session = self._session
        # The pack rests first: what it settles at tells whether a cell is lost.
        if charge.is_resting:
            charge.is_resting = session.phase_s < _FLOAT_REST_S or (
                session.phase_s < _FLOAT_SETTLES_S and not charge.lost_cell.is_judged
            )
        if session.phase_s >= self._profile.get("float_limit") or self._has_enough():
            self.stay_full()
        elif not charge.is_resting and self._pack.has_sunk(self._meter.voltage_cv):
            self._hold_s += charge.seconds
            if self._hold_s >= _RESTART_S:
                charge.enter(CHECK)
        else:
            self._hold_s = 0

    def _balance(self) -> None:
        """Hold the voltage while the BMS lowers the high cells."""
        self._hold_s = 0 if self._is_uneven() else self._hold_s + self._charge.seconds
        if self._hold_s >= _BALANCED_S or self._session.phase_s >= self._profile.get(
            "balance_limit"
        ):
            self.stay_full()

    def _full(self) -> None:
        """Rests until the pack has come down, or, for lead, a week has passed."""
        charge = self._charge
        session = self._session
        retop_s = self._profile.get("retop")
        if retop_s and session.phase_s >= retop_s:
            self._pack.begin()
            charge.enter(CHECK)
        elif self._pack.gave(_DRAINED_PERMILLE):
            charge.enter(CHECK)  # whatever its voltage: something empties it
        elif (
            self._is_lithium or session.target_permille or charge.lost_cell.is_judged
        ) and self._pack.has_come_down(self._meter.voltage_cv):
            self._hold_s += charge.seconds
            if self._hold_s >= _RESTART_S:
                charge.enter(CHECK)
        else:
            self._hold_s = 0

    def _paused(self) -> None:
        """Waits for what hinders to be over, and ten minutes at least. Nothing flows."""
        charge = self._charge
        if charge.cause == HIGH_VOLTAGE:
            # A charger without compensation holds a hot pack there by its own curve.
            self._session.absorb_s += charge.seconds
        refuses = self._hindrance.of_pack() == BMS_REFUSES and not self._bms.is_lost
        if self._ends_by_bms and self._phase_s >= _REFUSED_S:
            # Its cells are full, whatever the pack's voltage says; one bad reading is not.
            self._ends_by_bms = False
            if refuses:
                session = self._session
                session.left_mah = charge.left_mah = self._energy.left_mah
                self.stay_full()
                if not session.is_full:
                    session.is_full = 1
                    session.latch()
                return
        if self._phase_s >= _PAUSE_S and self._hindrance.of_pack() == NOTHING:
            charge.enter(CHECK)
            charge.cause = CHECKING

    def _failed(self) -> None:
        """Until a person clears it; one that driving forgives waits for that."""
        charge = self._charge
        charge.cause = HAS_FAULT
        if not self._session.faults:
            charge.enter(OFF)
        elif self._session.faults == TIMEOUT and self._pack.was_driven():
            self._session.faults = 0
            self._session.latch()
            charge.enter(OFF)
