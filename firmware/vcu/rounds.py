"""Rounds: what needs no 100 Hz, a piece a tick, in rounds of 80 ms and of 0.8 s.

What is learnt of the car and read of the pack comes at 25 Hz; mode, contactor,
current ceilings and the words of the fault table at 12.5, the mode at once for
key, plug and stop; what the system says of itself at 2.5, tables at about 1.
What cuts torque is not here.
"""

from micropython import const

from vcu import contactor
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
_RECORD_TICKS = const(10)  # 100 ms
_RECORD_TICK = const(9)  # of them: an odd one, without the pedal


class Rounds:
    """Steps the slow parts of a loop; step() in each of its ticks."""

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop
        # Held here: a part reached through the loop would cost one operation more, each time.
        self._supervisor = loop.supervisor
        self._sig = loop.sig
        self._raw = loop.raw
        self._out = loop.out
        self._modes = loop.modes
        self._contactor = loop.contactor
        self._allowances = loop.allowances
        self._faults = loop.faults
        self._output = loop.output
        self._observer = loop.observer
        self._energy = loop.energy
        self._sense = loop.sense
        self._recorder = loop.recorder
        self._protection = loop.protection
        self._plausibility = loop.plausibility
        self._pack = loop.pack
        self._chain = loop.chain
        self._charge = loop.charge
        self._response = loop.response
        self._judge = judge = Judge(loop)
        self._slot = -1
        self._table = -1
        self._clock_ms = 0
        self._energy_ms = 0
        self._contactor_ms = 0
        self._response_ms = 0
        self._bms_ms = 0
        self._charge_ms = 0
        self._second_ms = 0
        self._counted_pulses = -1
        # The even ticks have the pedal as well, in sense and guard, 0 and 4 of them the guard's
        # look at the wheel: what can be dear is odd. Two pieces that can be dear never share a
        # tick: what a change of mode or a fault sets off waits for the next round, or its own.
        self._pieces = (
            self._measure_pack,
            self._choose_and_allow,
            self._learn_car_and_pack,
            self._judge_traction,
            self._judge_pack,
            self._choose_or_look_up,
            self._learn_car_and_copy,
            judge.driver,
        )
        # Where nothing calls for another mode, in turn, one of these.
        self._tables = (
            judge.system,
            self._look_at_battery,
            self._allow_charge,
            self._explain,
            self._allow_voltage,
            judge.system,
            self._look_at_drive,
            self._allow_charge,
            self._explain,
            self._allow_voltage,
        )

    def step(self, dt_ms: int) -> None:
        """Do the piece of this tick, dt_ms after the last."""
        self._slot = slot = self._slot + 1 if self._slot < 39 else 0
        self._clock_ms = clock_ms = (self._clock_ms + dt_ms) & _CLOCK_MASK
        self._pieces[slot & 7](clock_ms)
        if slot % _RECORD_TICKS == _RECORD_TICK:
            self._recorder.record(
                self._sig, self._modes.mode, self._chain.winner, self._loop.torque_permille
            )

    def _measure_pack(self, clock_ms: int) -> None:
        """Read the pack, and count what went out of it and how far the wheel went."""
        sig = self._sig
        energy = self._energy
        self._sense.step_pack(self._raw, sig)
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
        energy.is_charging = self._contactor.state == contactor.OPEN
        while passed_ms > _COUNT_MAX_MS:  # after a stall
            energy.step(sig, 0, _COUNT_MAX_MS)
            passed_ms -= _COUNT_MAX_MS
        energy.step(sig, new_pulses, passed_ms)

    def _choose_and_allow(self, clock_ms: int) -> None:
        """Choose the mode; while that stands still freeze a frame, or see to the current."""
        passed_ms = (clock_ms - self._charge_ms) & _CLOCK_MASK
        waits = passed_ms < _WAIT_MS and not self._charge.enable
        if self._choose_mode(clock_ms) and waits:
            return
        if self._judge.must_freeze and waits:
            self._judge.freeze()
            return
        self._charge_ms = clock_ms
        if self._contactor.state == contactor.OPEN:
            self._charge.step(self._raw, passed_ms)
        else:
            self._allowances.update_current(self._sig)

    def _learn_response(self, clock_ms: int) -> None:
        """Learn the car's response, and judge whether its speed is true."""
        raw = self._raw
        sig = self._sig
        observer = self._observer
        passed_ms = (clock_ms - self._response_ms) & _CLOCK_MASK
        self._response_ms = clock_ms
        observer.weigh_power(sig)
        # While nothing that answers the road moves the torque, and only the torque the car.
        may_learn = not raw.brake_on and not ANSWERS_THE_ROAD >> self._chain.winner & 1
        self._response.step(observer, sig, may_learn, passed_ms)
        self._plausibility.step(raw, sig, passed_ms)

    def _learn_car_and_pack(self, clock_ms: int) -> None:
        self._learn_response(clock_ms)
        self._pack.step(self._sig)

    def _learn_car_and_copy(self, clock_ms: int) -> None:
        self._learn_response(clock_ms)
        if self._recorder.copying >= 0:
            self._recorder.step()

    def _judge_traction(self, clock_ms: int) -> None:
        """Judge the traction, and tell the driver."""
        if self._judge.traction(clock_ms):
            return  # that was dear enough: the lamp waits for the next round
        self._output.tell(
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
        self._sense.step_pack(self._raw, self._sig)
        self._judge.pack(clock_ms)

    def _choose_or_look_up(self, clock_ms: int) -> None:
        """Both are dear: where the mode does not wait, the tables do, for a round."""
        if self._supervisor.is_due():
            self._choose_mode(clock_ms)
        else:
            self._table = table = self._table + 1 if self._table < 9 else 0
            self._tables[table](clock_ms)

    def _choose_mode(self, clock_ms: int) -> bool:
        passed_ms = (clock_ms - self._contactor_ms) & _CLOCK_MASK
        self._contactor_ms = clock_ms
        return self._supervisor.choose(passed_ms)

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
        if self._contactor.state != contactor.OPEN:
            charge.watch(passed_ms)
        bms = charge.bms
        self._allowances.update_bms(bms.may_charge, bms.may_discharge)

    def _explain(self, _clock_ms: int) -> None:
        self._supervisor.explain()
