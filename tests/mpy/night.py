"""Night: the charge alone, two seconds a round, so that hours of a charge pass in few steps.

The loop counts at most two seconds a round of ten pieces; here each round has
them. What the loop does around it is left out: charges.py drives that too, in
short sequences.
"""

from array import array

from car import (
    BATTERY,
    BATTERY_NTC,
    BMS,
    BROKEN,
    CELL,
    CELL_MV,
    CHARGER,
    CORNERS,
    CURRENT_ADC,
    DEFAULTS,
    GIVES,
    PACK,
    PACK_ADC,
    PACK_CV,
    PACK_DA,
    PACK_HIGH,
    PLUG,
    SOURCE,
    SPREAD,
    TALKS,
    WISH,
    Random,
    make_scaling,
)
from supply import Supply, fulfil, remember_zero, tell_cells

from vcu.charge.charge import Charge
from vcu.energy import Energy
from vcu.params import OK, Params
from vcu.signals import UNKNOWN_DDEGC, Outputs, Raw, Signals

STEP_MS = 200
_STEPS_PER_S = 1000 // STEP_MS
_COUNT_MS = STEP_MS // 2  # the energy counters take at most 160 ms
_STORED_PERMILLE = 850
_STORED_UNSURE_PERMILLE = 20
_CORNERS = (-1, 0, 1, 99, 100, 1500, 1650, 2310, 3050, 3051, 3300)


class Night:
    """One charge under way: tick() is one piece of it. A step of its script is (seconds, ...)."""

    def __init__(self, sequence, rounds: int) -> None:
        name, values, steps = sequence
        params = Params()
        for i in range(0, len(values), 2):
            if params.set(values[i], values[i + 1]) != OK:
                raise ValueError(values[i])
        self.name = name
        self.knobs = array("i", DEFAULTS)
        self.ticks = rounds * sum([step[0] for step in steps]) * _STEPS_PER_S
        self.done = 0
        self.raw = Raw()
        self.sig = Signals()
        self.out = Outputs()
        self.energy = Energy(params)
        self.charge = Charge(make_scaling(), params, self.energy, self.sig)
        remember_zero(self.charge, params)
        self.charge.parameters_ok = not params.broken_rules()
        self._capacity_mah = params.get("capacity_mah")
        self._cells = params.get("cell_count")
        self._cell_mv = CELL_MV[params.get("chemistry")]
        self._zero_counts = params.get("pack_a_zero_counts")
        self._supply = Supply(params)
        self._random = Random(len(steps))
        self._steps = steps
        self._next = 0
        self._left = 0
        left_mah = self._capacity_mah * _STORED_PERMILLE // 1000
        self.energy.restore(left_mah, _STORED_UNSURE_PERMILLE, 1)

    def tick(self) -> None:
        """Run one step of pack, sensors and charge."""
        self.advance()
        self.charge.step(self.raw, STEP_MS)
        self.obey()

    def advance(self) -> None:
        """Set the knobs, and let pack and sensors answer: all of a step but the charge."""
        if self._left == 0:
            self._turn_knobs()
        self._left -= 1
        self.done += 1
        knobs = self.knobs
        ocv_cv = (knobs[CELL] or self._cell_mv) * self._cells // 10
        current = 0
        if knobs[PLUG]:
            current = knobs[CHARGER]
            current += self._supply.current_da(self.out, ocv_cv, knobs[SOURCE], knobs[GIVES])
        pack_cv = ocv_cv + current * knobs[SOURCE] // 100
        self._fill_raw(pack_cv, current)
        self._fill_sig(pack_cv, current)
        self.charge.allowed = knobs[PLUG] == 1
        if knobs[TALKS]:
            cells = self._cells + knobs[TALKS] - 1
            mean_mv = pack_cv * 10 // self._cells
            tell_cells(self.charge.cell_data, cells, mean_mv, knobs[SPREAD], knobs[BMS])

    def obey(self) -> None:
        """Give the charger what the charge commands, as output.charge() does."""
        out = self.out
        charge = self.charge
        out.charger = charge.enable if charge.allowed else 0
        out.charge_v_mv = charge.command.voltage_mv() if out.charger else 0
        out.charge_a_mv = charge.command.current_mv() if out.charger else 0

    def _turn_knobs(self) -> None:
        """Begin the next step of the script; a new round begins with every knob at its default."""
        knobs = self.knobs
        if self._next == 0:
            for i in range(len(DEFAULTS)):
                knobs[i] = DEFAULTS[i]
        step = self._steps[self._next]
        for i in range(1, len(step), 2):
            knobs[step[i]] = step[i + 1]
        if knobs[WISH]:
            fulfil(knobs[WISH], self.charge, self._capacity_mah)
            knobs[WISH] = 0
        self._left = step[0] * _STEPS_PER_S
        self._next += 1
        if self._next == len(self._steps):
            self._next = 0

    def _fill_raw(self, pack_cv: int, current_da: int) -> None:
        raw = self.raw
        knobs = self.knobs
        random = self._random
        raw.pack_v_counts = pack_cv * 1000 // PACK_CV + random.below(3)
        raw.pack_a_counts = self._zero_counts - current_da * 1000 // PACK_DA + random.below(5) - 2
        broken = knobs[BROKEN]
        if broken & PACK_ADC:
            raw.pack_v_counts = -1
        if broken & PACK_HIGH:
            raw.pack_v_counts = 3040
        if broken & CURRENT_ADC:
            raw.pack_a_counts = -1
        if knobs[CORNERS] & PACK:
            if random.below(8) == 0:
                raw.pack_v_counts = _CORNERS[random.below(len(_CORNERS))]
            if random.below(8) == 0:
                raw.pack_a_counts = _CORNERS[random.below(len(_CORNERS))]

    def _fill_sig(self, pack_cv: int, current_da: int) -> None:
        sig = self.sig
        knobs = self.knobs
        sig.pack_valid = 1
        sig.pack_cv = pack_cv
        sig.pack_rest_cv = pack_cv
        sig.pack_da = -current_da
        sig.battery_temp_valid = 0 if knobs[BROKEN] & BATTERY_NTC else 1
        sig.battery_ddegc = knobs[BATTERY] if sig.battery_temp_valid else UNKNOWN_DDEGC
        sig.bms_bits = knobs[BMS] if knobs[BMS] < 4 else -1
        energy = self.energy
        energy.step(sig, 0, _COUNT_MS)
        energy.step(sig, 0, _COUNT_MS)
        energy.update_charge(sig)
