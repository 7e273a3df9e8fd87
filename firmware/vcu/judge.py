"""Judge: which conditions of the fault table hold, by word at its own rate, and what they cost.

Each method looks at one word, hands its bits to the fault table and sets what
follows at once: the trust in the speed, the pause of a charge, the cap. A row that
is confirmed has the state of that moment frozen, one frame a call of freeze().
"""

from micropython import const

from vcu import shutoff
from vcu.charge.backstops import FIRST_ROW
from vcu.faults import DRIVER, PACK, SYSTEM, TRACTION, WORD_SHIFT, WORDS

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from vcu.loop import Loop

_CLOCK_MASK = const(0xFFFFFF)
_STALL_MS = const(160)  # of ticks, in which the pump of the heartbeat may have fallen
# In the TRACTION word: the first four rows say that the speed is not to be believed.
_SPEED_BITS = const(15)
_GUARD_SHIFT = const(4)
_SHUTOFF_BIT = const(1 << 13)
_DEAD_MOTOR_BIT = const(1 << 14)
# In the PACK word.
_WELDED_BIT = const(1 << 19)
# In the SYSTEM word.
_EVENT_BITS = const(15 << 3)
_CONFLICT_BIT = const(1 << 9)
# A sensor of the pack, or the converter, is not to be believed (a frozen one is off as well).
_PACK_SENSOR_BITS = const(0xFC)
_REFERENCE_BIT = const(4)
_LOST_BIT = const(1 << 8)  # of the parameters
# As the check for a weld at key-on (vcu/contactor.py).
_BUS_LIVE_PERMILLE = const(900)
# A third of the torque that takes no current at standstill goes nowhere.
_DEAD_PERMILLE = const(300)
_DEAD_DA = const(15)


class Judge:
    """Judges the words of a loop's fault table; clock_ms is the loop's, modulo 2**24.

    must_freeze: a row was confirmed whose frame is not frozen yet.
    """

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop
        # Held here: a part reached through the loop would cost one operation more, each time.
        self._raw = loop.raw
        self._sig = loop.sig
        self._watch = loop.watch
        self._guard = loop.guard
        self._shutoff = loop.shutoff
        self._observer = loop.observer
        self._plausibility = loop.plausibility
        self._protection = loop.protection
        self._request = loop.request
        self._contactor = loop.contactor
        self._allowances = loop.allowances
        self._supervisor = loop.supervisor
        self._output = loop.output
        self._charge = loop.charge
        self._faults = loop.faults
        self._recorder = loop.recorder
        self._driver_ms = 0
        self._traction_ms = 0
        self._pack_ms = 0
        self._system_ms = 0
        self._confirmed = [0] * WORDS  # rows that still wait for their freeze frame
        self.must_freeze = False

    def driver(self, clock_ms: int) -> None:
        """What the driver does, and the cap that follows."""
        raw = self._raw
        sig = self._sig
        request = self._request
        supervisor = self._supervisor
        passed_ms = (clock_ms - self._driver_ms) & _CLOCK_MASK
        self._driver_ms = clock_ms
        self._protection.step(raw, sig, request.selected)
        bits = self._watch.driver(raw, sig, request, supervisor.powered, self._output.overspeed)
        self._hand_over(DRIVER, bits, passed_ms)
        supervisor.choose_cap()

    def traction(self, clock_ms: int) -> bool:
        """What wheel, guard, shut-off test and motor say, and whether the speed is believed.

        Return whether a row was confirmed, which is dear.
        """
        sig = self._sig
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
        confirmed = self._hand_over(TRACTION, bits, passed_ms)
        blind = (bits | self._faults.active[TRACTION]) & _SPEED_BITS != 0
        sig.speed_trusted = 0 if blind else 1
        self._allowances.crawls_blind = blind
        return confirmed

    def pack(self, clock_ms: int) -> None:
        """What the pack, its sensors and the contactor say."""
        passed_ms = (clock_ms - self._pack_ms) & _CLOCK_MASK
        self._pack_ms = clock_ms
        # With a finding of the guard, or in a stall, the torque may not have reached the motor.
        is_held = self._guard.bits or passed_ms > _STALL_MS
        torque = 0 if is_held else self._loop.torque_permille
        bits = self._watch.pack(self._raw, self._sig, self._contactor, torque)
        self._hand_over(PACK, bits, passed_ms)

    def system(self, clock_ms: int) -> None:
        """What the board, the service half and the charge found, and whether a charge may be."""
        passed_ms = (clock_ms - self._system_ms) & _CLOCK_MASK
        self._system_ms = clock_ms
        charge = self._charge
        active = self._faults.active
        charge.inhibited = (
            active[PACK] & _PACK_SENSOR_BITS or active[SYSTEM] & _REFERENCE_BIT
        ) != 0
        charge.parameters_lost = active[SYSTEM] & _LOST_BIT != 0
        # A plug in a car whose traction has power is no parked car. A weld is looked for at
        # key-on only: stored, it holds until a person clears it.
        sig = self._sig
        charge.traction_live = (
            self._raw.enable_readback > 0
            or self._faults.stored[PACK] & _WELDED_BIT != 0
            or sig.bus_cv > sig.pack_cv * _BUS_LIVE_PERMILLE // 1000
        )
        bits = self._loop.system_bits | self._watch.system(sig)
        bits |= charge.bits << FIRST_ROW
        if not self._supervisor.parameters_ok:
            bits |= _CONFLICT_BIT
        self._hand_over(SYSTEM, bits, passed_ms)
        # A late tick, or that the last run ended badly, is an event, not a state that lasts.
        self._loop.system_bits &= ~_EVENT_BITS

    def _hand_over(self, word: int, bits: int, passed_ms: int) -> bool:
        """Hand conditions to the fault table, and note of what it confirms to freeze the frame."""
        faults = self._faults
        if bits == faults.present[word] == faults.active[word]:
            return False  # as it was, and no row on its way: the table would say the same
        confirmed = faults.step(
            word, bits, self._supervisor.key_on, self._sig.pedal_released, passed_ms
        )
        if not confirmed:
            return False
        self._confirmed[word] |= confirmed
        self.must_freeze = True
        return True

    def freeze(self) -> None:
        """Freeze the frame of one row, the first that waits; a person may have cleared it."""
        for word in range(WORDS):
            rows = self._confirmed[word] & self._faults.stored[word]
            if rows:
                self._confirmed[word] = rows & (rows - 1)
                number = word * WORD_SHIFT
                while not rows & 1:
                    rows >>= 1
                    number += 1
                loop = self._loop
                self._recorder.freeze(
                    number, self._sig, loop.modes.mode, loop.chain.winner, loop.torque_permille
                )
                return
            self._confirmed[word] = 0
        self.must_freeze = False
