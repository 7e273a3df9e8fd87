"""The charge at a second a step against the whole 10 ms loop, around every change of phase.

Nights are simulated at a second a step; this is what makes them evidence. From
thirty seconds before a change, both go on from the same pack, charger, BMS and
charge, and must do the same until thirty seconds after it. The sensors are
without noise: where a voltage creeps over its limit, two kinds of noise differ
by more than two rates do.
`make test` compares two charges, LSEV_PROVE=1 all of CASES.
"""

import copy
from collections import deque
from itertools import pairwise

import pytest

from sim.charging import ChargeRun
from sim.controller import board_scaling, load_board
from sim.fittings import fitted_charger
from sim.plant.battery import make_battery
from sim.plant.bms import make_bms
from sim.plant.sensors import SensorData, Sensors
from sim.runtime import CpythonController
from sim.vehicle import load_vehicle
from sim.world import World
from tests.proving import PROVE
from vcu.charge import phases
from vcu.fixmath import lerp

BOARD = "esp32_s3"
BEFORE_S = 30
AFTER_S = 30
SNAPSHOT_S = 5
WARM_UP_S = 3.0  # until the loop is in CHARGE
LATE_S = 2
SHARE = 0.02  # of a current, or of what the charger can give
LEAST_AS = 2.0  # 0.6 mAh
QUIET = SensorData(voltage_noise_mv=0.0, current_noise_mv=0.0)


def dark(since_s, until_s):
    """Let the socket cut out."""

    def happen(t, place):
        place.charger.socket.mains = not since_s <= t < until_s

    return happen


def pulled(since_s, until_s):
    def happen(t, place):
        plugged = not since_s <= t < until_s
        if isinstance(place, World):
            place.driver.plug = plugged
        else:
            place.plug = plugged

    return happen


def nothing_happens(t, place):
    pass


def equalize_armed(charge):
    charge.session.equalize_armed = 1


def half_wanted(charge):
    """Of a pack that was charged here before, and then driven flat."""
    charge.session.target_permille = 500
    charge.session.number = 1
    charge.session.left_mah = charge.profile.capacity_mah


def ordinary(charge):
    pass


# name: chemistry, cells, Ah, charge at the start, hours, values, wish, what happens, phases
CASES = {
    "agm": ("agm", 30, 100, 0.6, 22, {}, ordinary, nothing_happens,
            ("CHECK", "BULK", "ABSORB", "FLOAT", "FULL")),
    "lfp": ("lfp", 24, 100, 0.5, 8, {"bms_kind": 2, "charger_max_da": 300}, ordinary,
            nothing_happens, ("CHECK", "BULK", "ABSORB", "FULL")),
    "flooded_equalized": ("flooded", 24, 80, 0.7, 22, {}, equalize_armed, nothing_happens,
                          ("BULK", "ABSORB", "EQUALIZE", "FLOAT")),
    "gel_socket_cuts_out": ("gel", 36, 60, 0.6, 22, {"charger_max_da": 90}, ordinary,
                            dark(3000, 4200), ("BULK", "PAUSE", "CHECK", "ABSORB", "FLOAT")),
    "relay": ("flooded", 24, 100, 0.5, 16, {"charger_kind": 1, "charger_max_da": 120}, ordinary,
              nothing_happens, ("CHECK", "BULK", "ABSORB")),
    "nmc_deep": ("nmc", 16, 60, 0.0, 4, {"bms_kind": 1}, half_wanted, nothing_happens,
                 ("CHECK", "PRECHARGE", "BULK", "FULL")),
    "nmc_plug_pulled": ("nmc", 16, 80, 0.5, 6, {"bms_kind": 1, "charger_max_da": 300}, ordinary,
                        pulled(3600, 3700), ("CHECK", "BULK", "OFF", "ABSORB", "FULL")),
}  # fmt: skip
SAMPLE = ("agm", "lfp")


class AtTheSocket:
    """Nobody in the car, the cable plugged in."""

    key = False
    plug = True
    gear = 0
    pedal = 0.0
    brake = 0.0

    def step(self, t_s, speed_mps, dt_s):
        pass


class Wired:
    """A charger behind the wires of its set-points, which carry whole millivolts of 5 V."""

    def __init__(self, charger, values):
        self.charger = charger
        self._v_per_mv = values["charger_full_cv"] / 500000.0
        self._a_per_mv = values["charger_max_da"] / 50000.0

    @property
    def current_a(self):
        return self.charger.current_a

    @property
    def socket(self):
        return self.charger.socket

    def step(self, pack_v, enabled, set_v, set_a, dt_s):
        volts = int(set_v / self._v_per_mv + 1e-6) * self._v_per_mv
        amps = int(set_a / self._a_per_mv + 1e-6) * self._a_per_mv
        self.charger.step(pack_v, enabled, volts, amps, dt_s)


class Seen:
    """A battery whose temperature is what the board's thermistor makes of it."""

    def __init__(self, battery, scaling):
        self._battery = battery
        self._ntc = scaling.ntc_table

    def __getattr__(self, name):
        return getattr(self._battery, name)

    @property
    def temperature_c(self):
        counts = Sensors._ntc_mv(self, self._battery.temperature_c)
        return (lerp(counts, self._ntc) + 0.01) / 10.0


def parts_of(charge):
    """Return every object of the firmware that the charge is made of, always in one order."""
    found = [charge]
    for part in found:
        for value in vars(part).values():
            inside = type(value).__module__
            is_part = inside.startswith("vcu.charge") or inside == "vcu.energy"
            if is_part and not any(value is other for other in found):
                found.append(value)
    return found


def memory_of(charge):
    """Return all numbers that the charge remembers, part by part."""
    return [
        {name: value for name, value in vars(part).items() if isinstance(value, int)}
        for part in parts_of(charge)
    ]


def remember(charge, memory):
    parts = parts_of(charge)
    assert len(parts) == len(memory)
    for part, numbers in zip(parts, memory, strict=True):
        vars(part).update(numbers)


def put_back(part, saved):
    """Give part the attributes of saved; some parts of the plant have slots."""
    state = copy.deepcopy(saved).__getstate__()
    for attributes in state if isinstance(state, tuple) else (state,):
        for name, value in (attributes or {}).items():
            setattr(part, name, value)


def row_of(charge, into_pack_a):
    command = charge.command
    return (charge.phase, command.set_cv, command.set_ma, into_pack_a)


class Whole:
    """The whole loop with its car, going on from a snapshot of the run."""

    def __init__(self, vehicle, snapshot, happen):
        self.start_s, memory, battery, charger, bms = snapshot
        self.happen = happen
        world = World(
            vehicle, battery=copy.deepcopy(battery), bms=copy.deepcopy(bms),
            driver=AtTheSocket(), ambient_c=25.0, sensors=QUIET,
            controller=CpythonController(BOARD, vehicle.values),
        )  # fmt: skip
        self.world = world
        world.run(WARM_UP_S)
        for part, saved in ((world.battery, battery), (world.charger, charger), (world.bms, bms)):
            if saved is not None:
                put_back(part, saved)
        self.charge = world.controller.loop.charge
        remember(self.charge, memory)

    def run(self, seconds):
        """Return a row for each second, as the run has them, and every change of phase."""
        world = self.world
        rows = []
        found = []
        phase = self.charge.phase
        for second in range(seconds):
            self.happen(self.start_s + second, world)
            for _ in range(10):
                world.run(0.1)
                if self.charge.phase != phase:
                    if second:  # a change in the first has no row before it, here as there
                        found.append((second - 1, *names(phase, self.charge.phase)))
                    phase = self.charge.phase
            rows.append(row_of(self.charge, -world.car.current_a))
        return rows, found


def names(*numbers):
    return tuple(phases.NAMES[number] for number in numbers)


def changes(rows):
    """Return (second, from, to) of each change of phase."""
    return [(i, *names(a[0], b[0])) for i, (a, b) in enumerate(pairwise(rows)) if a[0] != b[0]]


def is_near(rows, i, column, value, least):
    """Whether rows have such a value within LATE_S of row i."""
    near = [row[column] for row in rows[max(0, i - LATE_S) : i + LATE_S + 1]]
    low, high = min(near), max(near)
    return low - max(least, low * SHARE) <= value <= high + max(least, high * SHARE)


def compare(slow, fast, found, rated_a, where):
    """Fail where the two differ in phase, moment, set-points, current or charge."""
    expected = changes(slow)
    assert [row[1:] for row in found] == [row[1:] for row in expected], (where, expected, found)
    for (a, *_), (b, *_) in zip(expected, found, strict=True):
        assert abs(a - b) <= LATE_S, (where, expected, found)
    for i, row in enumerate(fast[:-LATE_S]):
        assert is_near(slow, i, 1, row[1], 2), (where, i, "set_cv", row, slow[i])
        assert is_near(slow, i, 2, row[2], 100), (where, i, "set_ma", row, slow[i])
        assert is_near(slow, i, 3, row[3], rated_a * SHARE), (where, i, "current", row, slow[i])
    slow_as = sum(row[3] for row in slow)
    fast_as = sum(row[3] for row in fast)
    most = max(row[3] for row in slow)
    allowed_as = slow_as * SHARE + most * LATE_S + LEAST_AS
    assert abs(slow_as - fast_as) <= allowed_as, (where, slow_as, fast_as)


def vehicle_of(kind, cells, amp_hours, values):
    chosen = {
        "chemistry": ("flooded", "agm", "gel", "lfp", "nmc").index(kind), "cell_count": cells,
        "capacity_mah": amp_hours * 1000, "charger_kind": 2, "charger_max_da": 150,
        "charge_max_da": 300, "charger_full_cv": 11000, "bms_kind": 0, "mains_max_da": 160,
        **values,
    }  # fmt: skip
    return load_vehicle("four_wheel_60v_agm").with_values(chosen)


def silence(run):
    """Give the run a quiet world's sensors: rounded, with their zero in place."""
    run._zero_mv = run.vehicle.values["pack_a_zero_counts"]
    for noise in (run._volt_noise, run._amp_noise):
        noise[:] = [0.5] * len(noise)


def charge_and_compare(name):
    """Charge at a second a step, and let the loop repeat what was around each change."""
    kind, cells, amp_hours, soc, hours, values, wish, happen, _ = CASES[name]
    vehicle = vehicle_of(kind, cells, amp_hours, values)
    battery = make_battery(kind, cells, amp_hours, soc, 25.0)
    charger = fitted_charger(vehicle.values)
    bms = make_bms(vehicle.values["bms_kind"], kind, cells)
    scaling = board_scaling(load_board(BOARD))
    wired = Wired(charger, vehicle.values)
    run = ChargeRun(vehicle, scaling, Seen(battery, scaling), wired)
    silence(run)
    if bms is not None:
        run.fit(bms)
    wish(run.charge)
    snapshots = deque(maxlen=BEFORE_S // SNAPSHOT_S + 1)
    rows = deque(maxlen=BEFORE_S + SNAPSHOT_S)
    window, left, seen, compared = None, 0, [], 0
    for second in range(hours * 3600):
        if second % SNAPSHOT_S == 0:
            parts = copy.deepcopy((battery, charger, bms))
            snapshots.append((second, memory_of(run.charge), *parts))
        phase = run.charge.phase
        happen(second, run)
        run.step()
        row = row_of(run.charge, charger.current_a)
        rows.append(row)
        if run.charge.phase != phase:
            seen.append(phases.NAMES[run.charge.phase])
            if window is None:
                start = snapshots[0]
                window = start, list(rows)[-(second + 1 - start[0]) :]
            elif left:
                window[1].append(row)
            left = AFTER_S
        elif left:
            window[1].append(row)
            left -= 1
        if window is not None and left == 0:
            start, slow = window
            fast, found = Whole(vehicle, start, happen).run(len(slow))
            where = f"{name} from {start[0]} s"
            compare(slow, fast, found, vehicle.values["charger_max_da"] / 10.0, where)
            compared += len(changes(slow))
            window = None
    print(name, seen, compared, "changes compared")
    return seen


@pytest.mark.parametrize("name", list(CASES) if PROVE else SAMPLE)
def test_a_second_a_step_and_the_10_ms_loop_charge_alike_around_every_change(name):
    seen = charge_and_compare(name)
    assert set(CASES[name][-1]) <= set(seen)
