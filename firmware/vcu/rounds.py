"""Rounds: what needs no 100 Hz, a piece a tick, in rounds of 80 ms and of 0.8 s.

What is learnt of the car and read of the pack comes at 25 Hz; mode, contactor,
current ceilings and the words of the fault table at 12.5, the mode at once for
key, plug and stop; what the system says of itself at 2.5, tables at about 1.
What cuts torque is not here.
"""

from micropython import const

from vcu import contactor, shutoff
from vcu.faults import DRIVER, PACK, SYSTEM, TRACTION, WORD_SHIFT, WORDS
from vcu.limits import ANSWERS_THE_ROAD

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.loop import Loop

_CLOCK_MASK = const(0xFFFFFF)
# More pulses than a wheel can make between two counts, after a stall of 500 ms too.
_MAX_PULSES = const(1000)
_COUNT_MAX_MS = const(160)
_RECORD_TICKS = const(10)  # 100 ms
_RECORD_TICK = const(9)  # of them: an odd one, without the pedal
# In the TRACTION word: the first four rows say that the speed is not to be believed.
_SPEED_BITS = const(15)
_GUARD_SHIFT = const(4)
_SHUTOFF_BIT = const(1 << 13)
_DEAD_MOTOR_BIT = const(1 << 14)
# In the SYSTEM word.
_EVENT_BITS = const(15 << 3)
_CONFLICT_BIT = const(1 << 9)
_CHARGE_SHIFT = const(12)
# Of a sensor or the converter not to be believed; one bit in each word.
_ADC_BITS = const(1 << 8)
_PACK_SENSOR_BITS = const(0xFC)
_REFERENCE_BIT = const(4)
# A third of the torque that takes no current at standstill goes nowhere.
_DEAD_PERMILLE = const(300)
_DEAD_DA = const(15)


class Rounds:
    """Steps the slow parts of a loop; step() in each of its ticks."""

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop
        # Held here: a part reached through the loop would cost one operation more, each time.
        self._supervisor = loop.supervisor
        self._sig = loop.sig
        self._raw = loop.raw
        self._out = loop.out
        self._shutoff = loop.shutoff
        self._modes = loop.modes
        self._contactor = loop.contactor
        self._allowances = loop.allowances
        self._request = loop.request
        self._faults = loop.faults
        self._output = loop.output
        self._observer = loop.observer
        self._guard = loop.guard
        self._energy = loop.energy
        self._watch = loop.watch
        self._sense = loop.sense
        self._recorder = loop.recorder
        self._protection = loop.protection
        self._plausibility = loop.plausibility
        self._pack = loop.pack
        self._chain = loop.chain
        self._charge = loop.charge
        self._response = loop.response
        self._slot = -1
        self._table = -1
        self._clock_ms = 0
        self._energy_ms = 0
        self._contactor_ms = 0
        self._response_ms = 0
        self._pack_ms = 0
        self._traction_ms = 0
        self._driver_ms = 0
        self._system_ms = 0
        self._bms_ms = 0
        self._charge_ms = 0
        self._second_ms = 0
        self._counted_pulses = -1
        self._confirmed = [0] * WORDS  # rows that still wait for their freeze frame
        self._must_freeze = False
        # The even ticks have the pedal as well, in sense and guard, 0 and 4 of them the guard's
        # look at the wheel: what can be dear is odd.
        self._pieces = (
            self._measure_pack,
            self._choose_and_freeze,
            self._learn_and_tell,
            self._judge_traction,
            self._judge_pack,
            self._choose_or_look_up,
            self._learn_and_allow,
            self._judge_driver,
        )
        # Where nothing calls for another mode, in turn, one of these.
        self._tables = (
            self._judge_system,
            self._look_at_battery,
            self._allow_charge,
            self._explain,
            self._allow_voltage,
            self._judge_system,
            self._look_at_drive,
            self._allow_charge,
            self._explain,
            self._allow_voltage,
        )

    def step(self, dt_ms: int) -> None:
        """Do the piece of this tick, dt_ms after the last."""
        self._slot = slot = self._slot + 1 if self._slot < 39 else 0
        self._clock_ms = (self._clock_ms + dt_ms) & _CLOCK_MASK
        self._pieces[slot & 7]()
        if slot % _RECORD_TICKS == _RECORD_TICK:
            self._recorder.record(
                self._sig, self._modes.mode, self._chain.winner, self._loop.torque_permille
            )

    def _judge(self, word: int, bits: int, passed_ms: int) -> None:
        """Hand conditions to the fault table, and note of what it confirms to freeze the frame."""
        confirmed = self._faults.step(
            word, bits, self._supervisor.key_on, self._sig.pedal_released, passed_ms
        )
        if confirmed:
            self._confirmed[word] |= confirmed
            self._must_freeze = True

    def _freeze(self) -> None:
        """Freeze the frame of one row, the first that waits; a person may have cleared it."""
        for word in range(WORDS):
            rows = self._confirmed[word] & self._faults.stored[word]
            if rows:
                self._confirmed[word] = rows & (rows - 1)
                number = word * WORD_SHIFT
                while not rows & 1:
                    rows >>= 1
                    number += 1
                self._recorder.freeze(
                    number,
                    self._sig,
                    self._modes.mode,
                    self._chain.winner,
                    self._loop.torque_permille,
                )
                return
            self._confirmed[word] = 0
        self._must_freeze = False

    def _measure_pack(self) -> None:
        """Read the pack, and count what went out of it and how far the wheel went."""
        sig = self._sig
        energy = self._energy
        clock_ms = self._clock_ms
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

    def _judge_pack(self) -> None:
        raw = self._raw
        sig = self._sig
        clock_ms = self._clock_ms
        self._sense.step_pack(raw, sig)
        passed_ms = (clock_ms - self._pack_ms) & _CLOCK_MASK
        self._pack_ms = clock_ms
        # With a finding of the guard the torque may not have reached the motor.
        torque = 0 if self._guard.bits else self._loop.torque_permille
        self._judge(PACK, self._watch.pack(raw, sig, self._contactor, torque), passed_ms)

    def _learn_response(self) -> None:
        """Learn the car's response, and judge whether its speed is true."""
        raw = self._raw
        sig = self._sig
        observer = self._observer
        clock_ms = self._clock_ms
        passed_ms = (clock_ms - self._response_ms) & _CLOCK_MASK
        self._response_ms = clock_ms
        observer.weigh_power(sig)
        # While nothing that answers the road moves the torque, and only the torque the car.
        may_learn = not raw.brake_on and not ANSWERS_THE_ROAD >> self._chain.winner & 1
        self._response.step(observer, sig, may_learn, passed_ms)
        self._plausibility.step(raw, sig, passed_ms)

    def _learn_and_tell(self) -> None:
        self._learn_response()
        self._pack.step(self._sig)
        self._output.tell(
            self._out,
            self._sig,
            self._modes.mode,
            self._faults,
            self._protection,
            self._charge,
            self._clock_ms,
        )

    def _judge_traction(self) -> None:
        sig = self._sig
        clock_ms = self._clock_ms
        passed_ms = (clock_ms - self._traction_ms) & _CLOCK_MASK
        self._traction_ms = clock_ms
        bits = self._plausibility.bits | self._guard.bits << _GUARD_SHIFT
        if self._shutoff.state == shutoff.FAILED:
            bits |= _SHUTOFF_BIT
        if (
            sig.speed_mmps == 0
            and self._observer.lagged_permille > _DEAD_PERMILLE
            and -_DEAD_DA < sig.pack_da < _DEAD_DA
        ):
            bits |= _DEAD_MOTOR_BIT
        self._judge(TRACTION, bits, passed_ms)
        blind = (bits | self._faults.active[TRACTION]) & _SPEED_BITS != 0
        sig.speed_trusted = 0 if blind else 1
        self._allowances.crawls_blind = blind

    def _judge_driver(self) -> None:
        """At 12.5 Hz: what the driver does, and the cap that follows."""
        raw = self._raw
        sig = self._sig
        request = self._request
        supervisor = self._supervisor
        clock_ms = self._clock_ms
        passed_ms = (clock_ms - self._driver_ms) & _CLOCK_MASK
        self._driver_ms = clock_ms
        self._protection.step(raw, sig, request.selected)
        bits = self._watch.driver(raw, sig, request, supervisor.powered, self._output.overspeed)
        self._judge(DRIVER, bits, passed_ms)
        supervisor.choose_cap()

    def _learn_and_allow(self) -> None:
        self._learn_response()
        clock_ms = self._clock_ms
        passed_ms = (clock_ms - self._charge_ms) & _CLOCK_MASK
        self._charge_ms = clock_ms
        if self._contactor.state == contactor.OPEN:
            self._charge.step(self._raw, passed_ms)
        else:
            self._allowances.update_current(self._sig)

    def _look_at_battery(self) -> None:
        """State of charge, and what this and the battery's temperature allow."""
        self._energy.update_charge(self._sig)
        self._allowances.update_battery(self._sig)

    def _look_at_drive(self) -> None:
        """What motor and motor controller allow; how far the car still goes."""
        self._allowances.update_drive(self._sig)
        self._energy.update_range(self._sig)

    def _allow_charge(self) -> None:
        self._allowances.update_charge(self._sig)
        self._supervisor.show()

    def _allow_voltage(self) -> None:
        """What the pack's voltage allows, and what its BMS does."""
        self._allowances.update_voltage(self._sig, self._pack.resistance_mohm)
        passed_ms = (self._clock_ms - self._bms_ms) & _CLOCK_MASK
        self._bms_ms = self._clock_ms
        charge = self._charge
        if self._contactor.state != contactor.OPEN:
            charge.watch(passed_ms)
        bms = charge.bms
        self._allowances.update_bms(bms.may_charge, bms.may_discharge)

    def _judge_system(self) -> None:
        passed_ms = (self._clock_ms - self._system_ms) & _CLOCK_MASK
        self._system_ms = self._clock_ms
        charge = self._charge
        active = self._faults.active
        charge.inhibited = (
            active[DRIVER] & _ADC_BITS or active[PACK] & _PACK_SENSOR_BITS
            or active[SYSTEM] & _REFERENCE_BIT
        ) != 0  # fmt: skip
        bits = self._loop.system_bits | self._watch.system(self._sig)
        bits |= charge.bits << _CHARGE_SHIFT
        if not self._supervisor.parameters_ok:
            bits |= _CONFLICT_BIT
        self._judge(SYSTEM, bits, passed_ms)
        # A late tick, or that the last run ended badly, is an event, not a state that lasts.
        self._loop.system_bits &= ~_EVENT_BITS

    def _choose_and_freeze(self) -> None:
        self._choose_mode()
        if self._must_freeze:
            self._freeze()
        elif self._recorder.copying >= 0:
            self._recorder.step()
            self._recorder.step()

    def _choose_or_look_up(self) -> None:
        """Both are dear: where the mode does not wait, the tables do, for a round."""
        if self._supervisor.is_due():
            self._choose_mode()
        else:
            self._table = table = self._table + 1 if self._table < 9 else 0
            self._tables[table]()

    def _choose_mode(self) -> None:
        clock_ms = self._clock_ms
        passed_ms = (clock_ms - self._contactor_ms) & _CLOCK_MASK
        self._contactor_ms = clock_ms
        self._supervisor.choose(passed_ms)

    def _explain(self) -> None:
        self._supervisor.explain()
