"""Rounds: what needs no 100 Hz, a piece a tick, in rounds of 80 ms and of 0.8 s.

What is learnt of the car and read of the pack comes at 25 Hz; mode, contactor,
current ceilings and the words of the fault table at 12.5, the mode at once for
key, plug and stop; what the system says of itself at 2.5, tables at about 1.
What cuts torque is not here.
"""

from micropython import const

from vcu.contactor import OPEN
from vcu.judge import Judge
from vcu.limits import ANSWERS_THE_ROAD

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.loop import Loop

_CLOCK_MASK = const(0xFFFFFF)
# More pulses than a wheel can make between two counts, after a stall of 500 ms too.
_MAX_PULSES = const(1000)
_COUNT_MAX_MS = const(160)
# Current ceilings, and a charge that does not flow, step aside for a change of mode or a freeze
# frame until so much has passed: three rounds.
_WAIT_MS = const(300)
_SLOTS = const(40)  # five rounds of eight pieces
_LAST_TABLE = const(9)
_RECORD_TICKS = const(10)  # 100 ms
_RECORD_TICK = const(9)  # of them: an odd one, without the pedal


class Rounds:
    """Steps the slow parts of a loop; step() in each of its ticks."""

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop
        # Held here: a part reached through the loop would cost one operation more, each time,
        # and a method reached through its object as much again as a call of one that is bound.
        self._supervisor = loop.supervisor
        self._sig = loop.sig
        self._raw = loop.raw
        self._out = loop.out
        self._modes = loop.modes
        self._contactor = loop.contactor
        self._allowances = loop.allowances
        self._faults = loop.faults
        self._observer = loop.observer
        self._response = loop.response
        self._energy = loop.energy
        self._recorder = loop.recorder
        self._protection = loop.protection
        self._pack = loop.pack
        self._chain = loop.chain
        self._charge = loop.charge
        self._judge = Judge(loop)
        self._traction = self._judge.traction
        self._choose = loop.supervisor.choose
        self._read_pack = loop.sense.step_pack
        self._count = loop.energy.step
        self._allow_current = loop.allowances.update_current
        self._weigh_power = loop.observer.weigh_power
        self._doubt_speed = loop.plausibility.step
        self._tell = loop.output.tell
        self._slot = -1
        self._table = -1
        self._clock_ms = 0
        self._energy_ms = 0
        self._owed_ms = 0  # of a stall, not counted yet
        self._contactor_ms = 0
        self._response_ms = 0
        self._bms_ms = 0
        self._charge_ms = 0
        self._second_ms = 0
        self._counted_pulses = -1
        self._pieces = self._in_a_round()
        self._tables = self._in_turn()

    def _in_a_round(self):
        """Return the eight pieces of a round.

        The even ticks have the pedal as well, in sense and guard, 0 and 4 of them the guard's
        look at the wheel: what can be dear is odd. Two pieces that can be dear never share a
        tick: what a change of mode or a fault sets off waits for the next round, or its own.
        """
        return (
            self._measure_pack,
            self._choose_and_allow,
            self._learn_car,
            self._judge_traction,
            self._judge_pack,
            self._choose_or_look_up,
            self._learn_car,
            self._judge.driver,
        )

    def _in_turn(self):
        """Return the tables: where nothing calls for another mode, in turn, one of these."""
        return (
            self._judge.system,
            self._look_at_battery,
            self._allow_charge,
            self._explain,
            self._allow_voltage,
            self._judge.system,
            self._look_at_drive,
            self._allow_charge,
            self._explain,
            self._allow_voltage,
        )

    def step(self, dt_ms: int) -> None:
        """Do the piece of this tick, dt_ms after the last."""
        slot = self._slot + 1
        if slot == _SLOTS:
            slot = 0
        self._slot = slot
        self._clock_ms = clock_ms = (self._clock_ms + dt_ms) & _CLOCK_MASK
        self._pieces[slot & 7](clock_ms)
        if slot % _RECORD_TICKS == _RECORD_TICK:
            self._recorder.record(
                self._sig, self._modes.mode, self._chain.winner, self._loop.torque_permille
            )

    def _measure_pack(self, clock_ms: int) -> None:
        """Read the pack, and count what went out of it and how far the wheel went."""
        sig = self._sig
        self._read_pack(self._raw, sig)
        passed_ms = (clock_ms - self._energy_ms) & _CLOCK_MASK
        self._energy_ms = clock_ms
        second_ms = self._second_ms + passed_ms
        if second_ms >= 1000:
            second_ms -= 1000
            self._loop.operating_s += 1
        self._second_ms = second_ms
        pulses = self._observer.pulses_counts
        counted = self._counted_pulses
        if counted < 0:
            counted = pulses  # what the counter held at power-on was not driven
        new_pulses = (pulses - counted) & 0xFFFF
        self._counted_pulses = pulses
        if new_pulses > _MAX_PULSES:
            new_pulses = 0  # the counter was reset: that is no distance
        self._energy.is_charging = self._contactor.state == OPEN
        owed_ms = self._owed_ms + passed_ms
        if owed_ms > _COUNT_MAX_MS:
            # After a stall: twice as much a round as ticks of 20 ms make, the rest in the next.
            self._count(sig, 0, _COUNT_MAX_MS)
            owed_ms -= _COUNT_MAX_MS
        counted_ms = owed_ms if owed_ms < _COUNT_MAX_MS else _COUNT_MAX_MS
        self._owed_ms = owed_ms - counted_ms
        self._count(sig, new_pulses, counted_ms)

    def _choose_and_allow(self, clock_ms: int) -> None:
        """Choose the mode; while that stands still freeze a frame, or see to the current."""
        passed_ms = (clock_ms - self._charge_ms) & _CLOCK_MASK
        changed = self._choose_mode(clock_ms)
        stands_aside = changed or self._judge.must_freeze
        if stands_aside and passed_ms < _WAIT_MS and not self._charge.enable:
            if not changed:
                self._judge.freeze()
            return
        self._charge_ms = clock_ms
        if self._contactor.state == OPEN:
            self._charge.step(self._raw, passed_ms)
        else:
            self._allow_current(self._sig)

    def _learn_car(self, clock_ms: int) -> None:
        """Learn the car's response and judge whether its speed is true; the pack, in turn."""
        raw = self._raw
        sig = self._sig
        observer = self._observer
        passed_ms = (clock_ms - self._response_ms) & _CLOCK_MASK
        self._response_ms = clock_ms
        self._weigh_power(sig)
        # While nothing that answers the road moves the torque, and only the torque the car.
        may_learn = not raw.brake_on and not ANSWERS_THE_ROAD >> self._chain.winner & 1
        self._response.step(observer, sig, may_learn, passed_ms)
        self._doubt_speed(raw, sig, passed_ms)
        if not self._slot & 4:
            self._pack.step(sig)
        elif self._recorder.copying >= 0:
            self._recorder.step()

    def _judge_traction(self, clock_ms: int) -> None:
        """Judge the traction, and tell the driver."""
        if self._traction(clock_ms):
            return  # that was dear enough: the lamp waits for the next round
        self._tell(
            self._out,
            self._sig,
            self._modes.mode,
            self._faults,
            self._protection,
            self._charge,
            clock_ms,
        )
        if self._recorder.copying >= 0:
            self._recorder.step()

    def _judge_pack(self, clock_ms: int) -> None:
        self._read_pack(self._raw, self._sig)
        self._judge.pack(clock_ms)

    def _choose_or_look_up(self, clock_ms: int) -> None:
        """Both are dear: where the mode does not wait, the tables do, for a round."""
        if self._supervisor.is_due():
            self._choose_mode(clock_ms)
        elif self._judge.must_freeze and self._charge.enable:
            self._judge.freeze()  # which a charge that flows leaves no other time for
        else:
            self._table = table = self._table + 1 if self._table < _LAST_TABLE else 0
            self._tables[table](clock_ms)

    def _choose_mode(self, clock_ms: int) -> bool:
        passed_ms = (clock_ms - self._contactor_ms) & _CLOCK_MASK
        self._contactor_ms = clock_ms
        return self._choose(passed_ms)

    # The tables, for which the time does not matter.

    def _look_at_battery(self, _clock_ms: int) -> None:
        """State of charge, and what this and the battery's temperature allow."""
        self._energy.update_charge(self._sig)
        self._allowances.update_battery(self._sig)

    def _look_at_drive(self, _clock_ms: int) -> None:
        """What motor and motor controller allow; how far the car still goes."""
        self._allowances.update_drive(self._sig)
        self._energy.update_range(self._sig)

    def _allow_charge(self, _clock_ms: int) -> None:
        self._allowances.update_charge(self._sig)
        self._supervisor.show()

    def _allow_voltage(self, clock_ms: int) -> None:
        """What the pack's voltage allows, and what its BMS does."""
        self._allowances.update_voltage(self._sig, self._pack.resistance_mohm)
        passed_ms = (clock_ms - self._bms_ms) & _CLOCK_MASK
        self._bms_ms = clock_ms
        charge = self._charge
        if self._contactor.state != OPEN:
            charge.watch(passed_ms)
        bms = charge.bms
        self._allowances.update_bms(bms.may_charge, bms.may_discharge)

    def _explain(self, _clock_ms: int) -> None:
        self._supervisor.explain()
