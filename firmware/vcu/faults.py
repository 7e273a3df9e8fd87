"""Faults: one table of all that can be wrong; a row is confirmed, remembered, healed here alone.

Whoever finds a condition hands over a word of present bits, one bit a row, at
its own rate; a row becomes active when its bit was there for its confirm time,
and stops when the bit was gone for its heal time and its latch lets go. What
must act faster than a row confirms (a pedal, the guard) acts where it is seen;
the row is how the car remembers and the technician learns.
"""

from array import array

from micropython import const

# Classes, the most severe first: what an active row does to the car.
STOP = const(0)  # no traction, contactor open
CRAWL = const(1)  # at most 10 km/h; without a speed little torque and power
DERATE = const(2)  # a limiter lowers what its part may do
WARN = const(3)  # remembered and shown
CLASS_NAMES = ("STOP", "CRAWL", "DERATE", "WARN")

# Latches: what must have happened, beside the heal time, before an active row stops.
SELF = const(0)  # nothing more
PEDAL = const(1)  # the pedal seen released
KEY = const(2)  # the key turned off
PERSON = const(3)  # cleared by a person
LATCH_NAMES = ("self", "pedal", "key", "person")

# Whole words of at most 24 rows, so that masks stay small integers.
DRIVER = const(0)
TRACTION = const(1)
PACK = const(2)
SYSTEM = const(3)
WORDS = const(4)
WORD_SHIFT = const(24)

# A row's number is 24 * word + bit, in the order of each word's tuple. Ids are the numbers
# that a person sees as blink code and the store keeps: never reused.
# fmt: off
_DRIVER_ROWS = (
    # id  name                     DTC      class   confirm heal   latch
    (11, "pedal_a_low",            "P2122", CRAWL,     100,  1000, PEDAL),
    (12, "pedal_a_high",           "P2123", CRAWL,     100,  1000, PEDAL),
    (13, "pedal_b_low",            "P2127", CRAWL,     100,  1000, PEDAL),
    (14, "pedal_b_high",           "P2128", CRAWL,     100,  1000, PEDAL),
    (15, "pedal_disagrees",        "P2138", CRAWL,       0,  2000, PEDAL),
    (16, "pedal_pressed_at_start", "P2121", WARN,     5000,   500, PEDAL),
    (17, "sensor_5v_low",          "P0642", CRAWL,      80,  1000, PEDAL),
    (18, "sensor_5v_high",         "P0643", CRAWL,      80,  1000, PEDAL),
    (19, "adc_frozen",             "P060B", STOP,      120,  1000, KEY),
    (21, "pedal_stabbed",          "P1121", WARN,        0,   500, PEDAL),
    (22, "pedal_with_brake",       "P1122", WARN,      500,   500, PEDAL),
    (23, "brake_always_pressed",   "P0571", WARN,    10000,   500, SELF),
    (24, "gear_both",              "P0705", WARN,      400,   400, SELF),
    (25, "gear_while_moving",      "P0706", WARN,      400,   400, SELF),
    (26, "rolling_in_neutral",     "P1123", WARN,      500,   500, SELF),
    (27, "overspeed",              "P0297", WARN,      500,   500, SELF),
)
_TRACTION_ROWS = (
    (31, "speed_lost",             "P0502", CRAWL,     120,  2000, PEDAL),
    (32, "speed_stopped",          "P0500", CRAWL,       0,  2000, PEDAL),
    (33, "speed_erratic",          "P0503", CRAWL,       0,  5000, KEY),
    (34, "speed_sources_differ",   "P0501", CRAWL,     500,  5000, KEY),
    (41, "unintended_drive",       "P061A", STOP,        0,  1000, KEY),
    (42, "guard_torque",           "P061B", STOP,        0,  1000, KEY),
    (43, "guard_speed",            "P062C", STOP,        0,  1000, KEY),
    (44, "guard_conflict",         "P061E", STOP,        0,  1000, KEY),
    (45, "guard_data",             "P0604", STOP,        0,  1000, KEY),
    (46, "throttle_high",          "P061F", STOP,        0,  1000, KEY),
    (47, "throttle_low",           "P0638", CRAWL,     200,  1000, KEY),
    (48, "enable_stuck_on",        "P1A01", STOP,        0,  1000, KEY),
    (49, "enable_stuck_off",       "P1A02", WARN,      200,  1000, KEY),
    (51, "shutoff_test_failed",    "P1A03", STOP,        0,  1000, KEY),
    (52, "torque_not_delivered",   "P0C19", WARN,     1000,  1000, KEY),
)
_PACK_ROWS = (
    (53, "pack_voltage_low",       "P0AFA", DERATE,   2000,  5000, SELF),
    (54, "pack_voltage_high",      "P0AFB", DERATE,   1000,  5000, SELF),
    (55, "pack_v_sensor_low",      "P0ABC", STOP,      160,  1000, KEY),
    (56, "pack_v_sensor_high",     "P0ABD", STOP,      160,  1000, KEY),
    (57, "bus_v_sensor",           "P0DA8", STOP,      160,  1000, KEY),
    (58, "pack_a_sensor_low",      "P0AC1", STOP,      160,  1000, KEY),
    (59, "pack_a_sensor_high",     "P0AC2", STOP,      160,  1000, KEY),
    (61, "pack_a_sensor_stuck",    "P0AC0", CRAWL,     400,  5000, KEY),
    (62, "discharge_over_current", "P0CA7", DERATE,    500,  5000, SELF),
    (63, "charge_over_current",    "P0CA6", DERATE,    500,  5000, SELF),
    (64, "battery_sensor_low",     "P0A9D", DERATE,    500,  2000, SELF),
    (65, "battery_sensor_high",    "P0A9E", DERATE,    500,  2000, SELF),
    (66, "battery_too_hot",        "P0A7E", DERATE,   2000, 10000, SELF),
    (67, "battery_too_cold",       "P0AFD", WARN,     2000, 10000, SELF),
    (68, "motor_sensor",           "P0A2A", DERATE,    500,  2000, SELF),
    (69, "motor_too_hot",          "P0A2F", DERATE,   2000, 10000, SELF),
    (71, "controller_sensor",      "P0AEE", DERATE,    500,  2000, SELF),
    (72, "controller_too_hot",     "P0A3C", DERATE,   2000, 10000, SELF),
    (73, "charge_low",             "P0A7D", WARN,     5000, 10000, SELF),
    (74, "contactor_welded",       "P0AA1", STOP,        0,     0, KEY),
    (75, "contactor_stuck_open",   "P0AA2", STOP,        0,     0, KEY),
    (76, "precharge_failed",       "P0C78", STOP,        0,     0, KEY),
)
# This word is full: what comes next needs a fifth word, and WORDS, store and tools with it.
_SYSTEM_ROWS = (
    (81, "rail_low",               "P0562", WARN,      500,  2000, SELF),
    (82, "rail_high",              "P0563", WARN,      500,  2000, SELF),
    (83, "adc_reference",          "P060C", CRAWL,     500,  2000, KEY),
    (84, "tick_late",              "P0607", WARN,        0,  5000, SELF),
    (85, "reset_by_watchdog",      "P0606", WARN,        0,     0, KEY),
    (86, "reset_by_exception",     "P0605", WARN,        0,     0, KEY),
    (87, "supply_lost",            "P0560", WARN,        0,     0, KEY),
    (88, "service_failed",         "P060A", WARN,        0,  5000, SELF),
    (91, "parameters_lost",        "P0601", STOP,        0,     0, PERSON),
    (92, "parameters_conflict",    "P0610", STOP,        0,     0, SELF),
    (93, "records_lost",           "P062F", STOP,        0,     0, PERSON),
    (94, "records_not_written",    "P0603", WARN,        0,  5000, SELF),
    # What a charge finds; those that latch are latched in its session, across power cuts.
    (35, "wrong_pack",             "P1B01", WARN,        0,  1000, SELF),
    (36, "charge_over_voltage",    "P0CA4", WARN,        0,  1000, SELF),
    (37, "charge_timeout",         "P1B02", WARN,        0,  1000, SELF),
    (38, "charge_ah_limit",        "P1B03", WARN,        0,  1000, SELF),
    (39, "thermal_runaway",        "P1B04", WARN,        0,  1000, SELF),
    (77, "cell_shorted",           "P1B05", WARN,        0,  1000, SELF),
    (78, "deep_discharge",         "P1B06", WARN,        0,  1000, SELF),
    (79, "charger_disobeys",       "P0D22", WARN,        0,  1000, SELF),
    (89, "charger_welded",         "P1B07", STOP,        0,  1000, KEY),
    (95, "bms_lost",               "U0111", DERATE,   1000,  2000, SELF),
    (96, "discharge_not_permitted","P1B08", DERATE,    500,  2000, SELF),
    (97, "pack_unconfirmed",       "P1B09", STOP,        0,     0, SELF),
)
# fmt: on

TABLE = (_DRIVER_ROWS, _TRACTION_ROWS, _PACK_ROWS, _SYSTEM_ROWS)

_WORD_MASK = const((1 << 24) - 1)
# Between two steps of a word; longer is counted as this.
_DT_MAX_MS = const(500)
_COUNT_MAX = const(65535)
# A word's clock. A row that its latch holds for a multiple of 4.6 h may heal that much later.
_CLOCK_MASK = const((1 << 24) - 1)
_NEVER_MS = const(1 << 24)


class Faults:
    """What is wrong now (active) and what was since a person cleared it (stored), by word.

    present, active and stored are lists of WORDS integers; counts is how often
    each row was confirmed, by row number. is_stopped and is_crawling say what
    the loop must do.

    For scan tools there are three more lists. came: active at some time in this
    key cycle, cleared or not. pending: active in this key cycle or the one
    before, and not cleared since; that is mode 07 of SAE J1979 and the pending
    bit of ISO 14229. A condition that was too short to be confirmed is in
    neither. permanent: a row of class STOP or CRAWL once it was confirmed, until
    release(); no person clears it.
    """

    def __init__(self) -> None:
        self.present = [0] * WORDS
        self.active = [0] * WORDS
        self.stored = [0] * WORDS
        self.came = [0] * WORDS
        self.pending = [0] * WORDS
        self.permanent = [0] * WORDS
        self.counts = array("H", [0] * (WORDS * WORD_SHIFT))
        self.is_stopped = False
        self.is_crawling = False
        self.stop_id = 0  # id of the first active row of class STOP
        self.changes = 0  # confirmed, healed or cleared: modulo 2**16, for who must save
        self._stop_mask = array("i", [0] * WORDS)
        self._crawl_mask = array("i", [0] * WORDS)
        self._held_by = [array("i", [0] * WORDS) for _ in LATCH_NAMES]
        # By row: its times, and its word's clock when the row began to change.
        self._confirm_ms = array("H", [0] * (WORDS * WORD_SHIFT))
        self._heal_ms = array("H", [0] * (WORDS * WORD_SHIFT))
        self._since_ms = array("i", [0] * (WORDS * WORD_SHIFT))
        # By word, of the last look: rows that change, those of them that no latch holds, and
        # the time until the first of these is through.
        self._clock_ms = array("i", [0] * WORDS)
        self._timing = array("i", [0] * WORDS)
        self._free = array("i", [0] * WORDS)
        self._left_ms = array("i", [0] * WORDS)
        for word in range(WORDS):
            for i in range(len(TABLE[word])):
                self._take_in(word, 1 << i, word * WORD_SHIFT + i, TABLE[word][i])

    def _take_in(
        self, word: int, bit: int, number: int, row: "tuple[int, str, str, int, int, int, int]"
    ) -> None:
        """Turn a row into masks and arrays, which cost less to look at than tuples."""
        if row[3] == STOP:
            self._stop_mask[word] |= bit
        elif row[3] == CRAWL:
            self._crawl_mask[word] |= bit
        self._confirm_ms[number] = row[4]
        self._heal_ms[number] = row[5]
        self._held_by[row[6]][word] |= bit

    def step(self, word: int, present: int, key_on: int, released: int, dt_ms: int) -> int:
        """Take one word's conditions, dt_ms after it was last here; return what it confirmed.

        That is one bit a row of the word, 0 for none. Key and pedal free latches.
        """
        self.present[word] = present
        active = self.active[word]
        changing = present ^ active
        if not changing:
            self._timing[word] = 0
            return 0
        if dt_ms > _DT_MAX_MS:
            dt_ms = _DT_MAX_MS
        before_ms = self._clock_ms[word]
        self._clock_ms[word] = (before_ms + dt_ms) & _CLOCK_MASK
        held = self._held_by[PERSON][word]
        if key_on:
            held |= self._held_by[KEY][word]
        if not released:
            held |= self._held_by[PEDAL][word]
        free = changing & (_WORD_MASK ^ (held & active))
        left_ms = self._left_ms[word] - dt_ms
        timed = self._timing[word]
        if changing == timed and free == self._free[word] and left_ms > 0:
            # The rows that already were on their way, and none of them there yet.
            self._left_ms[word] = left_ms
            return 0
        ready = self._find_ready(word, free, changing & (_WORD_MASK ^ timed), before_ms)
        self._timing[word] = changing ^ ready
        self._free[word] = free ^ ready
        if ready:
            self._change(word, ready)
        return ready & (_WORD_MASK ^ active)

    def _find_ready(self, word: int, free: int, fresh: int, before_ms: int) -> int:
        """Return the free rows whose time has passed, counted; that of the fresh ones begins.

        One loop, because this is the tick in which many rows may come at once.
        """
        active = self.active[word]
        clock_ms = self._clock_ms[word]
        since_ms = self._since_ms
        counts = self.counts
        number = word * WORD_SHIFT
        least_ms = _NEVER_MS
        ready = 0
        bit = 1
        rows = free | fresh
        while rows and not rows & 15:
            rows >>= 4
            bit <<= 4
            number += 4
        while rows:
            if rows & 1:
                if fresh & bit:
                    since_ms[number] = before_ms
                if free & bit:
                    left_ms = self._heal_ms[number] if active & bit else self._confirm_ms[number]
                    left_ms -= (clock_ms - since_ms[number]) & _CLOCK_MASK
                    if left_ms <= 0:
                        ready |= bit
                        if not active & bit and counts[number] < _COUNT_MAX:
                            counts[number] += 1
                    elif left_ms < least_ms:
                        least_ms = left_ms
            rows >>= 1
            bit <<= 1
            number += 1
        self._left_ms[word] = least_ms
        return ready

    def _change(self, word: int, rows: int) -> None:
        """Turn active round, and all that follows from it; the only place that does."""
        active = self.active[word] ^ rows
        self.active[word] = active
        if active & rows:
            self._remember(word, active & rows)
        self.changes = (self.changes + 1) & 0xFFFF
        if rows & (self._stop_mask[word] | self._crawl_mask[word]):
            self._sum_up()

    def _sum_up(self) -> None:
        """What the car must do: the most severe of all that is active."""
        active = self.active
        stop_mask = self._stop_mask
        crawl_mask = self._crawl_mask
        crawling = 0
        stop_id = 0
        for i in range(WORDS):
            rows = active[i]
            if rows:
                crawling |= rows & crawl_mask[i]
                if not stop_id and rows & stop_mask[i]:
                    stop_id = self._first_id(i, rows & stop_mask[i])
        self.stop_id = stop_id
        self.is_stopped = stop_id != 0
        self.is_crawling = crawling != 0

    def _remember(self, word: int, rows: int) -> None:
        self.stored[word] |= rows
        self.came[word] |= rows
        self.pending[word] |= rows
        self.permanent[word] |= rows & (self._stop_mask[word] | self._crawl_mask[word])

    def recall(self, number: int) -> None:
        """A row was confirmed before the last reset, and nobody had written that down."""
        word = number // WORD_SHIFT
        self._remember(word, 1 << (number - word * WORD_SHIFT))
        if self.counts[number] < _COUNT_MAX:
            self.counts[number] += 1
        self.changes = (self.changes + 1) & 0xFFFF

    def begin_cycle(self) -> None:
        """The key was turned on: what came in the cycle before is pending in this one too."""
        for word in range(WORDS):
            active = self.active[word]
            self.pending[word] = self.pending[word] & self.came[word] | active
            self.came[word] = active

    def release(self, number: int) -> None:
        """A row is permanent no longer; who calls has seen the car drive without it."""
        word = number // WORD_SHIFT
        self.permanent[word] &= _WORD_MASK ^ 1 << (number - word * WORD_SHIFT)
        self.changes = (self.changes + 1) & 0xFFFF

    def _first_id(self, word: int, bits: int) -> int:
        i = 0
        while not bits & 15:
            bits >>= 4
            i += 4
        while not bits & 1:
            bits >>= 1
            i += 1
        return TABLE[word][i][0]

    def clear(self) -> None:
        """A person clears what is stored; what is still present stays active and stored.

        The caller has made sure that the car is parked.
        """
        for word in range(WORDS):
            gone = self.active[word] & (_WORD_MASK ^ self.present[word])
            if gone:
                self._change(word, gone)
            active = self.active[word]
            self._timing[word] &= self.present[word] ^ active
            for i in range(WORD_SHIFT):
                if not active >> i & 1:
                    self.counts[word * WORD_SHIFT + i] = 0
            self.stored[word] = self.pending[word] = active
        self.changes = (self.changes + 1) & 0xFFFF


def row_of(number: int) -> "tuple[int, str, str, int, int, int, int]":
    """Return the row of a row number; IndexError where there is none."""
    return TABLE[number // WORD_SHIFT][number % WORD_SHIFT]
