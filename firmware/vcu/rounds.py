"""Rounds: what needs no 100 Hz, a piece a tick, in rounds of 80 ms and of 0.8 s.

Mode, contactor and pack readings come at 25 Hz, current ceilings and the words
of the fault table at 12.5, what the system says of itself at 2.5, tables at
about 1. What cuts torque is not here.
"""

from micropython import const

from vcu import contactor, shutoff
from vcu.faults import DRIVER, PACK, SYSTEM, TRACTION, WORD_SHIFT
from vcu.limits import NONE, SLEW

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.loop import Loop

_CLOCK_MASK = const(0xFFFFFF)
# More pulses than a wheel can make between two counts, after a stall of 500 ms too.
_MAX_PULSES = const(1000)
_COUNT_MAX_MS = const(160)
_RECORD_TICKS = const(10)  # 100 ms
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
        self._tenth = 0
        self._clock_ms = 0
        self._energy_ms = 0
        self._contactor_ms = 0
        self._response_ms = 0
        self._pack_ms = 0
        self._traction_ms = 0
        self._driver_ms = 0
        self._system_ms = 0
        self._charge_ms = 0
        self._second_ms = 0
        self._counted_pulses = -1
        self._pieces = (
            self._judge_driver,
            self._measure_pack,
            self._learn_response,
            self._choose_and_look_up,
            self._allow_current,
            self._judge_pack,
            self._judge_traction,
            self._choose_and_tell,
        )
        # With one of them, in turn, one of these.
        self._tables = (
            self._estimate_charge,
            self._allow_battery,
            self._allow_charge,
            self._explain,
            self._allow_voltage,
            self._estimate_range,
            self._allow_drive,
            self._allow_charge,
            self._explain,
            self._allow_voltage,
        )

    def step(self, dt_ms: int) -> None:
        """Do the piece of this tick, dt_ms after the last."""
        self._slot = slot = self._slot + 1 if self._slot < 79 else 0
        self._clock_ms = (self._clock_ms + dt_ms) & _CLOCK_MASK
        self._pieces[slot & 7]()
        self._tenth += 1
        if self._tenth == _RECORD_TICKS:
            self._tenth = 0
            self._recorder.record(
                self._sig, self._modes.mode, self._chain.winner, self._loop.torque_permille
            )

    def _judge(self, word: int, bits: int, passed_ms: int) -> None:
        """Hand conditions to the fault table, and freeze the frame of what it confirms."""
        confirmed = self._faults.step(
            word, bits, self._supervisor.key_on, self._sig.pedal_released, passed_ms
        )
        number = word * WORD_SHIFT
        while confirmed:
            if confirmed & 1:
                self._recorder.freeze(
                    number,
                    self._sig,
                    self._modes.mode,
                    self._chain.winner,
                    self._loop.torque_permille,
                )
            confirmed >>= 1
            number += 1

    def _measure_pack(self) -> None:
        """Read the pack, and count what went out of it and how far the wheel went."""
        self._sense.step_pack(self._raw, self._sig)
        passed_ms = (self._clock_ms - self._energy_ms) & _CLOCK_MASK
        self._energy_ms = self._clock_ms
        self._second_ms += passed_ms
        if self._second_ms >= 1000:
            self._second_ms -= 1000
            self._loop.operating_s += 1
        pulses = self._observer.pulses_counts
        if self._counted_pulses < 0:
            self._counted_pulses = pulses  # what the counter held at power-on was not driven
        new_pulses = (pulses - self._counted_pulses) & 0xFFFF
        self._counted_pulses = pulses
        if new_pulses > _MAX_PULSES:
            new_pulses = 0  # the counter was reset: that is no distance
        self._energy.is_charging = self._contactor.state == contactor.OPEN
        while passed_ms > _COUNT_MAX_MS:  # after a stall
            self._energy.step(self._sig, 0, _COUNT_MAX_MS)
            passed_ms -= _COUNT_MAX_MS
        self._energy.step(self._sig, new_pulses, passed_ms)

    def _judge_pack(self) -> None:
        self._sense.step_pack(self._raw, self._sig)
        passed_ms = (self._clock_ms - self._pack_ms) & _CLOCK_MASK
        self._pack_ms = self._clock_ms
        torque = self._loop.torque_permille
        if self._guard.bits:
            torque = 0  # it may not have reached the motor
        self._judge(
            PACK, self._watch.pack(self._raw, self._sig, self._contactor, torque), passed_ms
        )

    def _learn_response(self) -> None:
        """Learn the car's response, and judge whether its speed is true."""
        raw = self._raw
        sig = self._sig
        passed_ms = (self._clock_ms - self._response_ms) & _CLOCK_MASK
        self._response_ms = self._clock_ms
        self._observer.weigh_power(sig)
        winner = self._chain.winner
        driver_moves_torque = winner == NONE or winner == SLEW
        may_learn = driver_moves_torque and not raw.brake_on
        self._response.step(self._observer, sig, may_learn, passed_ms)
        self._plausibility.step(raw, sig, passed_ms)

    def _judge_traction(self) -> None:
        self._learn_response()
        sig = self._sig
        bits = self._plausibility.bits | self._guard.bits << _GUARD_SHIFT
        if self._shutoff.state == shutoff.FAILED:
            bits |= _SHUTOFF_BIT
        if (
            self._observer.lagged_permille > _DEAD_PERMILLE
            and -_DEAD_DA < sig.pack_da < _DEAD_DA
            and sig.speed_mmps == 0
        ):
            bits |= _DEAD_MOTOR_BIT
        passed_ms = (self._clock_ms - self._traction_ms) & _CLOCK_MASK
        self._traction_ms = self._clock_ms
        self._judge(TRACTION, bits, passed_ms)
        blind = (bits | self._faults.active[TRACTION]) & _SPEED_BITS
        sig.speed_trusted = 0 if blind else 1
        self._allowances.crawls_blind = blind != 0

    def _judge_driver(self) -> None:
        """At 12.5 Hz: what the driver does, and the cap that follows."""
        raw = self._raw
        sig = self._sig
        request = self._request
        passed_ms = (self._clock_ms - self._driver_ms) & _CLOCK_MASK
        self._driver_ms = self._clock_ms
        self._protection.step(raw, sig, request.selected)
        self._judge(
            DRIVER,
            self._watch.driver(
                raw, sig, request, self._supervisor.powered, self._output.overspeed
            ),
            passed_ms,
        )
        self._supervisor.choose_cap()

    def _allow_current(self) -> None:
        self._pack.step(self._sig)
        passed_ms = (self._clock_ms - self._charge_ms) & _CLOCK_MASK
        self._charge_ms = self._clock_ms
        if self._contactor.state == contactor.OPEN:
            self._charge.step(self._raw, passed_ms)
        else:
            self._allowances.update_current(self._sig)

    def _estimate_charge(self) -> None:
        self._energy.update_charge(self._sig)
        self._judge_system()

    def _estimate_range(self) -> None:
        self._energy.update_range(self._sig)

    def _allow_battery(self) -> None:
        self._allowances.update_battery(self._sig)

    def _allow_charge(self) -> None:
        self._allowances.update_charge(self._sig)

    def _allow_drive(self) -> None:
        self._allowances.update_drive(self._sig)
        self._judge_system()

    def _allow_voltage(self) -> None:
        self._allowances.update_voltage(self._sig, self._pack.resistance_mohm)

    def _judge_system(self) -> None:
        passed_ms = (self._clock_ms - self._system_ms) & _CLOCK_MASK
        self._system_ms = self._clock_ms
        charge = self._charge
        if self._contactor.state != contactor.OPEN:
            charge.watch(passed_ms)
        self._allowances.update_bms(charge.bms.may_charge, charge.bms.may_discharge)
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

    def _choose_and_tell(self) -> None:
        self._choose_mode()
        self._output.tell(
            self._out,
            self._sig,
            self._modes.mode,
            self._faults,
            self._protection,
            self._charge,
            self._clock_ms,
        )

    def _choose_and_look_up(self) -> None:
        self._choose_mode()
        self._tables[self._slot >> 3]()

    def _choose_mode(self) -> None:
        passed_ms = (self._clock_ms - self._contactor_ms) & _CLOCK_MASK
        self._contactor_ms = self._clock_ms
        self._supervisor.choose(passed_ms)

    def _explain(self) -> None:
        self._supervisor.explain()
