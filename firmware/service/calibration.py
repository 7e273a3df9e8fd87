"""Calibration: what was measured in each step, and whether values may be made of it.

Hazards: a pedal whose ends are swapped asks for full torque when it is let go; a
sensor's zero that is off hides a current; a wheel that counts too large is another
speed cap. Rules: what cannot be of this pedal, sensor or wheel is refused, and the
values in use stay until all of it fits.
"""

from micropython import const

from service.change_log import ChangeLog
from vcu.params import MIN_PEDAL_SPAN_COUNTS, TABLE, Params, row_index

NOTHING = const(0)
PEDAL = const(1)
BRAKE = const(2)
CURRENT = const(3)
WHEEL = const(4)
NAMES = ("nothing", "pedal", "brake", "current", "wheel")
# What each of them sets; a brake has two positions and no numbers.
PARAMETERS = (
    (),
    (
        "pedal_a_released_counts",
        "pedal_a_pressed_counts",
        "pedal_b_released_counts",
        "pedal_b_pressed_counts",
    ),
    (),
    ("pack_a_zero_counts",),
    ("wheel_circumference_mm",),
)
# Steps before it can be accepted: released and pressed in turn; the wheel has its drive.
STEPS = (0, 6, 2, 1, 0)
_CHANNELS = ("a", "b")

# A foot that holds still, and a sensor without a broken wire.
NOISE_COUNTS = const(40)
# Released three times within half of the dead band, pressed three times within the slack.
_RELEASED_PERMILLE = const(30)
_PRESSED_PERMILLE = const(50)
ZERO_DA = const(30)
LEAST_M = const(50)
MOST_M = const(1000)
LEAST_PULSES = const(100)
WHEEL_PERCENT = const(15)


class Calibration:
    """The one that is under way; trouble says, after a False, what is not right with it.

    edits are the new values by name, once judge() found them good.
    """

    def __init__(self) -> None:
        self.what: int = NOTHING
        self.step: int = 0
        self.pulses: int = 0  # the wheel's counter at the start of the calibration
        self.odometer_m: int = 0
        self.means: "list[tuple[int, int]]" = []
        self.edits: "dict[str, int]" = {}
        self.trouble = ""

    def begin(self, what: int, pulses: int, odometer_m: int) -> None:
        """Begin PEDAL .. WHEEL anew."""
        self.drop()
        self.what = what
        self.pulses = pulses
        self.odometer_m = odometer_m

    def drop(self) -> None:
        """Forget it."""
        self.what = NOTHING
        self.step = 0
        self.means = []
        self.edits = {}
        self.trouble = ""

    def is_measured(self) -> bool:
        """Return whether every step is done."""
        return self.step >= STEPS[self.what]

    def wants_pressed(self) -> bool:
        """Return whether this step is one with the pedal or brake pressed."""
        return self.step % 2 == 1

    def take(self, mean_a: int, mean_b: int) -> None:
        """Keep what a step has measured."""
        self.means.append((mean_a, mean_b))
        self.step += 1

    def judge_anew(self) -> None:
        """Forget what was found of the same measures before."""
        self.edits = {}
        self.trouble = ""

    def judge_pedal(self, params: Params, channel: int) -> bool:
        """Make end points of a channel's six means, 0 for a, or say why not."""
        name = "pedal_" + _CHANNELS[channel]
        rests = [pair[channel] for pair in self.means[0::2]]
        ends = [pair[channel] for pair in self.means[1::2]]
        released = _mean(rests)
        pressed = _mean(ends)
        span = pressed - released
        if abs(span) < MIN_PEDAL_SPAN_COUNTS:
            return self._refuse(
                name + " moved " + str(abs(span)) + " counts, needs " + str(MIN_PEDAL_SPAN_COUNTS)
            )
        old = params.get(name + "_pressed_counts") - params.get(name + "_released_counts")
        if (span < 0) != (old < 0):
            return self._refuse(name + " moved the other way than before")
        if not _are_near(rests, abs(span), _RELEASED_PERMILLE):
            return self._refuse(name + " was not let go to the same place 3 times")
        if not _are_near(ends, abs(span), _PRESSED_PERMILLE):
            return self._refuse(name + " was not pressed to the same place 3 times")
        self.edits[name + "_released_counts"] = released
        self.edits[name + "_pressed_counts"] = pressed
        return True

    def judge_current(self, nominal_counts: int, da_per_1000_counts: int) -> bool:
        """Take the mean as the zero where it is within 3 A of the vehicle's own value."""
        zero = self.means[0][0]
        # 2100 counts * 4000 = 8.4e6
        off_da = (zero - nominal_counts) * da_per_1000_counts // 1000
        if abs(off_da) > ZERO_DA:
            return self._refuse(
                "zero " + str(zero) + " counts is more than 3 A from " + str(nominal_counts)
            )
        self.edits["pack_a_zero_counts"] = zero
        return True

    def judge_wheel(self, params: Params, way_dm: int, pulses: int, odometer_m: int) -> bool:
        """Make a circumference of a measured way in 0.1 m and the counter as it stands."""
        driven = (pulses - self.pulses) & 0xFFFF
        old = params.get("wheel_circumference_mm")
        if not LEAST_M * 10 <= way_dm <= MOST_M * 10:
            return self._refuse("needs " + str(LEAST_M) + " to " + str(MOST_M) + " m")
        # The counter of 16 bits may have gone round, which the wheel as it was tells.
        # 10 000 dm * 100 * 96 = 9.6e7
        expected = way_dm * 100 * params.get("pulses_per_turn") // old
        driven += (expected - driven + 0x8000) >> 16 << 16
        apart_m = abs(odometer_m - self.odometer_m - way_dm // 10)
        if driven < LEAST_PULSES:
            return self._refuse(str(driven) + " pulses counted, needs " + str(LEAST_PULSES))
        # 10 000 dm * 100 * 96 = 9.6e7
        new = (way_dm * 100 * params.get("pulses_per_turn") + driven // 2) // driven
        if abs(new - old) * 100 > WHEEL_PERCENT * old or apart_m * 5 > way_dm // 10 + 10:
            return self._refuse(
                str(new) + " mm is more than 15 % from " + str(old) + " mm: metres or wheel wrong"
            )
        self.edits["wheel_circumference_mm"] = new
        return True

    def _refuse(self, trouble: str) -> bool:
        self.edits = {}
        self.trouble = trouble
        return False


def _mean(values: "list[int]") -> int:
    return (sum(values) + len(values) // 2) // len(values)


def _are_near(values: "list[int]", span: int, permille: int) -> bool:
    return (max(values) - min(values)) * 1000 <= span * permille


def values_before(changes: ChangeLog, params: Params, what: int) -> "dict[str, int]":
    """Return what the newest written change of its parameters replaced, empty for none.

    From the log in flash, so that it can be undone after the restart that puts it in use.
    """
    rows = [row_index(name) for name in PARAMETERS[what]]
    before: "dict[str, int]" = {}
    moment = ()
    for i in range(changes.count - 1, -1, -1):
        entry = changes.entry(i)
        for row in rows:
            if TABLE[row][0] == entry[3] and (not moment or moment == entry[:3]):
                moment = entry[:3]
                name = TABLE[row][1]
                # Later edits without an entry are not undone over, nor an entry without effect.
                if name not in before and params.at(row) == entry[5]:
                    before[name] = entry[4]
    return before
