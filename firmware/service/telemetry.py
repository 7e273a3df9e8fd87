"""Telemetry: which values a program may subscribe to, and the lines that carry them.

After `sub NAMES HZ` a line `#t {"t":12345,"speed_mmps":0,...}` is sent HZ times a
second, t in ms since the start modulo 2**30, all values of one tick, as integers
in the unit of their name; and `#e {...}` for each fault that is confirmed. NAMES
is separated by commas, all of one beginning with *; with + in front they are
added to those that are sent already, because a line holds about ten.

It ends with a line `#l {"t":12345,"telemetry":"..."}` when who asked for it says no
line for 15 s, a person for 120 s: a program that was killed unsubscribes nothing,
and the next person's terminal would be full of its values. Any line with a tag
keeps a program's subscription, any without one a person's.
"""

from array import array

from micropython import const

from service.desk import Desk
from service.events import EVENTS, Events
from service.reply import Reply
from vcu.faults import CLASS_NAMES, row_of

# Name, the part of the loop that has it, its attribute, and the place in it, -1 for a number.
TELEMETRY: "tuple[tuple[str, str, str, int], ...]" = (
    ("mode", "modes", "mode", -1),  # vcu.modes.NAMES
    ("reasons", "modes", "reasons", -1),  # bits in the order of vcu.modes.REASONS
    ("contactor", "contactor", "state", -1),  # vcu.contactor.NAMES
    ("limiter", "chain", "winner", -1),  # vcu.limits.LIMITER_NAMES
    ("speed_mmps", "sig", "speed_mmps", -1),
    ("speed_trusted", "sig", "speed_trusted", -1),
    ("torque_permille", "", "torque_permille", -1),
    ("pedal_permille", "sig", "pedal_permille", -1),
    ("pedal_valid", "sig", "pedal_valid", -1),
    ("pedal_a_counts", "raw", "pedal_a_counts", -1),
    ("pedal_b_counts", "raw", "pedal_b_counts", -1),
    ("brake_on", "raw", "brake_on", -1),
    ("gear_forward_on", "raw", "gear_forward_on", -1),
    ("gear_reverse_on", "raw", "gear_reverse_on", -1),
    ("key_on", "raw", "key_on", -1),
    ("plug_in", "raw", "plug_in", -1),
    ("pack_valid", "sig", "pack_valid", -1),
    ("pack_cv", "sig", "pack_cv", -1),
    ("bus_cv", "sig", "bus_cv", -1),
    ("pack_da", "sig", "pack_da", -1),
    ("soc_permille", "sig", "soc_permille", -1),
    ("battery_ddegc", "sig", "battery_ddegc", -1),  # -1000 is unknown
    ("motor_ddegc", "sig", "motor_ddegc", -1),
    ("controller_ddegc", "sig", "controller_ddegc", -1),
    ("rail_cv", "sig", "rail_cv", -1),
    ("sensor_5v_mv", "sig", "sensor_5v_mv", -1),
    ("pulses_counts", "raw", "pulses_counts", -1),  # modulo 65536
    ("bms_bits", "sig", "bms_bits", -1),  # 1 charge, 2 discharge permitted, -1 not readable
    ("charge_phase", "charge", "phase", -1),  # vcu.charge.phases.NAMES
    ("charge_cause", "charge", "cause", -1),  # vcu.charge.phases.CAUSE_NAMES
    ("odometer_m", "energy", "odometer_m", -1),
    ("range_m", "energy", "range_m", -1),
    ("range_uncertainty_m", "energy", "range_uncertainty_m", -1),
    ("operating_s", "", "operating_s", -1),
    ("faults_driver", "faults", "active", 0),  # bits in the order of the fault table's words
    ("faults_traction", "faults", "active", 1),
    ("faults_pack", "faults", "active", 2),
    ("faults_system", "faults", "active", 3),
)

MOST_HZ = const(20)
_SECOND_MS = const(1000)
# Half of what 115200 baud carry, so that answers still come.
_MOST_BYTES_S = const(6000)
# Who has said no line for so long is gone: a program, a person.
_PROGRAM_MS = const(15000)
_PERSON_MS = const(120000)
# Digits, sign, quotes, colon and comma around a name; and what a line has besides.
_VALUE_BYTES = const(11)
_LINE_BYTES = const(24)
# A number is about as much work as a short line: a few a slice.
_VALUES_A_SLICE = const(6)


def _length(number: int) -> int:
    return len(TELEMETRY[number][0]) + _VALUE_BYTES


class Telemetry:
    """One subscription; is_writing says that a line is begun, which nobody else may enter."""

    def __init__(self, desk: Desk, reply: Reply, events: Events) -> None:
        self._desk = desk
        self._reply = reply
        self._events = events
        self.rate_hz = 0  # 0 without a subscription
        self.is_writing = False
        self.numbers: "list[int]" = []  # of TELEMETRY
        self._marks: "list[bytes]" = []
        self._parts: "list[object]" = []
        self._values = array("i", [0] * len(TELEMETRY))
        self._next: int = 0
        self._due_ms = 0
        self._told = 0
        self._is_programs = False
        self._left_ms: int = 0

    def fits(self, numbers: "list[int]", rate_hz: int) -> bool:
        """Return whether the serial line and the slices carry that many values that often."""
        line_bytes = _LINE_BYTES
        for number in numbers:
            line_bytes += _length(number)
        slices = len(numbers) // _VALUES_A_SLICE + 2
        return line_bytes * rate_hz <= _MOST_BYTES_S and slices * rate_hz <= 90

    def begin(self, numbers: "list[int]", rate_hz: int) -> None:
        """Send these from now on, to who has just said a line; the caller has asked fits()."""
        loop = self._desk.loop
        self.numbers = numbers
        self._marks = [b',"' + TELEMETRY[i][0].encode() + b'":' for i in numbers]
        self._parts = [
            getattr(loop, TELEMETRY[i][1]) if TELEMETRY[i][1] else loop for i in numbers
        ]
        self.rate_hz = rate_hz
        self._due_ms = 0
        self._told = self._events.count
        self._is_programs = self._reply.is_tagged()
        self.hear(self._is_programs)

    def hear(self, is_program: bool) -> None:
        """Take note of a line: who has asked for the values is still there."""
        if is_program == self._is_programs:
            self._left_ms = _PROGRAM_MS if is_program else _PERSON_MS

    def end(self) -> None:
        """Send nothing more; a line that is begun is ended."""
        self.rate_hz = 0
        self.numbers = []
        if self.is_writing:
            self._close()

    def step(self, passed_ms: int, is_free: bool) -> None:
        """Write a piece of a line, or begin one where is_free: nobody else is in the middle.

        Called while rate_hz is not 0.
        """
        self._due_ms -= passed_ms
        self._left_ms -= passed_ms
        if not self._reply.has_line_room():
            return
        if self._left_ms <= 0 and (self.is_writing or is_free):
            self._end_unheard()
        elif self.is_writing:
            self._go_on()
        elif is_free:
            if self._events.count != self._told:
                self._tell()
            elif self._due_ms <= 0:
                self._due_ms += _SECOND_MS // self.rate_hz
                if self._due_ms < 0:
                    self._due_ms = 0  # the port was full: what was missed is not sent late
                self._open()

    def _end_unheard(self) -> None:
        """End it, and say so to who may be listening all the same."""
        self.end()
        reply = self._reply
        self._begin_line('#l {"t":')
        reply.number(self._desk.uptime_ms)
        reply.text(',"telemetry":"ended, no line for ')
        reply.number((_PROGRAM_MS if self._is_programs else _PERSON_MS) // 1000)
        reply.line(' s; `sub` again"}')
        reply.resume()

    def _open(self) -> None:
        values = self._values
        for i in range(len(self.numbers)):
            row = TELEMETRY[self.numbers[i]]
            value = getattr(self._parts[i], row[2])
            values[i] = value if row[3] < 0 else value[row[3]]
        self._begin_line('#t {"t":')
        self._reply.number(self._desk.uptime_ms)
        self._next = 0
        self.is_writing = True
        self._reply.resume()

    def _begin_line(self, start: str) -> None:
        reply = self._reply
        if reply.is_open:  # a prompt
            reply.end()
        reply.hold()
        reply.text(start)

    def _go_on(self) -> None:
        reply = self._reply
        reply.hold()
        last = min(self._next + _VALUES_A_SLICE, len(self.numbers))
        for i in range(self._next, last):
            reply.data(self._marks[i])
            reply.number(self._values[i])
        self._next = last
        reply.resume()
        if last == len(self.numbers):
            self._close()

    def _close(self) -> None:
        reply = self._reply
        reply.hold()
        reply.line("}")
        reply.resume()
        self.is_writing = False

    def _tell(self) -> None:
        """Write the oldest event that has not been told, if it is a fault."""
        events = self._events
        if events.count - self._told > EVENTS:
            self._told = events.count - EVENTS
        number = events.fault_at(self._told)
        if number >= 0:
            row = row_of(number)
            reply = self._reply
            self._begin_line('#e {"t":')
            reply.number(events.time_ms(self._told))
            reply.text(',"id":')
            reply.number(row[0])
            reply.text(',"code":"' + row[2] + '","name":"' + row[1])
            reply.line('","class":"' + CLASS_NAMES[row[3]] + '"}')
            reply.resume()
        self._told += 1
