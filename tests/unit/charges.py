"""Charges for the tests: a pack and a charger that do exactly what the test says, and a Charge.

Voltage and current are the test's to set, so that each condition can be brought
about a count inside its limit and a count outside.
"""

from tests.unit.cars import PACK_CV_PER_1000, PACK_DA_PER_1000, make_params, make_scaling
from vcu.charge import command, phases
from vcu.charge.charge import Charge
from vcu.charge.session import FIELDS
from vcu.chemistry import AGM, FLOODED, GEL, LFP, NMC
from vcu.energy import Energy
from vcu.signals import Raw, Signals

PIECES = 10
# A round is one second: every piece once, and ten samples.
PIECE_MS = 100
CHECK_S = 10  # what the check of a pack takes at most, where the zero is known
WAIT_S = 40  # until the current begins to rise
PERMIT_BOTH = 3

LEAD = {"chemistry": AGM, "charger_kind": command.SETPOINT, "charge_max_da": 300}
LEAD |= {"charger_max_da": 300, "charger_full_cv": 10000, "mains_max_da": 160}
RELAY = {"charger_kind": command.RELAY, "charger_max_da": 100}
LITHIUM = {"chemistry": LFP, "bms_kind": 1}
KINDS = {"flooded": FLOODED, "agm": AGM, "gel": GEL, "lfp": LFP, "nmc": NMC}


class Rig:
    """A car at its socket: the attributes are the truth, seconds() lets time pass.

    amps flows while the relay is closed, leak_a always. cell_mv is that of each of
    its cells, in fractions of a mV. first: it was never plugged in before.
    """

    def __init__(
        self, cell_mv=2050.0, soc_permille=500, unsure_permille=50, first=False, **values
    ):
        self.params = make_params(**(LEAD | values))
        self.cells = self.params.get("cell_count")
        self.capacity_mah = self.params.get("capacity_mah")
        self.cell_mv = cell_mv
        self.amps = 0.0
        self.leak_a = 0.0
        self.obeys = False  # amps is then what is commanded
        self.plug = True
        self.zero_counts = self.params.get("pack_a_zero_counts")
        self.readable = True
        self.time_s = 0
        self.seen = []  # each phase and its cause, as they come
        self._soc = (soc_permille, unsure_permille)
        self._piece = 0
        self._power_on()
        if not first:
            self.session.zero_q4 = self.zero_counts * 16  # as its last plug-in has left it

    def _power_on(self):
        self.raw = Raw()
        self.sig = Signals()
        self.sig.slow_seen = 1
        self.sig.pack_valid = 1
        self.sig.battery_temp_valid = 1
        self.sig.battery_ddegc = 250
        self.sig.bms_bits = PERMIT_BOTH
        self.energy = Energy(self.params)
        self.charge = Charge(make_scaling(), self.params, self.energy, self.sig)
        self.soc(*self._soc)

    def cut_power(self, **changes):
        """Lose everything but the session; changes are to its fields, as if read so."""
        old = self.charge.session
        kept = {name: getattr(old, name) for name in FIELDS}
        self._soc = (self.energy.soc_permille, self.energy.soc_uncertainty_permille)
        self._power_on()
        for name, value in (kept | changes).items():
            assert name in FIELDS
            setattr(self.charge.session, name, value)
        return self

    def soc(self, permille, unsure_permille=50):
        """Make the count say so."""
        self.energy.restore(self.capacity_mah * permille // 1000, unsure_permille, 0)
        self.energy.update_charge(self.sig)
        return self

    @property
    def phase(self):
        return phases.NAMES[self.charge.phase]

    @property
    def cause(self):
        return phases.CAUSE_NAMES[self.charge.cause]

    @property
    def session(self):
        return self.charge.session

    @property
    def command(self):
        return self.charge.command

    @property
    def volts(self):
        return self.cell_mv * self.cells / 1000

    def so(self, **attributes):
        for name, value in attributes.items():
            assert hasattr(self, name)
            setattr(self, name, value)
        return self

    def warm(self, ddegc):
        """Set the battery's temperature; None is a sensor that is lost."""
        self.sig.battery_temp_valid = 0 if ddegc is None else 1
        self.sig.battery_ddegc = -1000 if ddegc is None else ddegc
        return self

    def tick(self):
        """Do one of the ten pieces of a second."""
        charge = self.charge
        raw = self.raw
        charge.allowed = self.plug
        amps = self.leak_a
        if charge.enable:
            amps += charge.command.set_ma / 1000 if self.obeys else self.amps
        # Samples differ by a tenth of a count, as noise makes them, so that their mean is finer.
        part = self._piece / PIECES + 0.05
        self._piece = (self._piece + 1) % PIECES
        if self.readable:
            raw.pack_v_counts = int(self.volts * 1e5 / PACK_CV_PER_1000 + part)
            raw.pack_a_counts = int(self.zero_counts - amps * 1e4 / PACK_DA_PER_1000 + part)
        else:
            raw.pack_v_counts = raw.pack_a_counts = -1
        charge.step(raw, PIECE_MS)
        now = (self.phase, self.cause)
        if not self.seen or self.seen[-1] != now:
            self.seen.append(now)

    def seconds(self, count=1):
        for _ in range(count * PIECES):
            self.tick()
        self.time_s += count
        return self

    def warm_up(self, ddegc):
        """Bring it there as slowly as a battery does."""
        step = 50 if ddegc > self.sig.battery_ddegc else -50
        for between in range(self.sig.battery_ddegc, ddegc, step):
            self.warm(between).seconds(61)
        return self.warm(ddegc).seconds(2)

    def drive(self, soc_permille):
        """Unplug, drive until the count says so, and plug in again."""
        self.so(plug=False).seconds(2)
        self.charge.watch(100)
        return self.soc(soc_permille).so(plug=True)

    def until(self, phase, most_s=100):
        """Let time pass until it is in that phase; return the seconds that it took."""
        for second in range(most_s):
            if self.phase == phase:
                return second
            self.seconds()
        raise AssertionError(f"still {self.phase} ({self.cause}) after {most_s} s")

    def until_closed(self, most_s=4000):
        """Let time pass until the relay is closed."""
        for _ in range(most_s):
            if self.charge.enable:
                return self
            self.seconds()
        raise AssertionError(f"{self.phase} with an open relay after {most_s} s")

    def in_bulk(self):
        """Plugged in, checked, and charged at what it may have by a charger that obeys."""
        self.obeys = True
        self.until("BULK")
        return self.seconds(WAIT_S)

    def in_absorption(self, after_mah=20000):
        """A bulk that brought so much, and a voltage that is reached."""
        self.in_bulk()
        self.session.in_mah = after_mah
        self.at_target()
        self.until("ABSORB")
        return self

    def at_tail(self, share=0.5):
        """Let so much of the current flow at which a charge has ended."""
        self.obeys = False
        self.amps = self.charge.profile.ma("tail") * share / 1000
        return self

    def in_float(self):
        """A whole charge of lead, all that was missing back."""
        self.in_absorption()
        get = self.charge.profile.get
        permille = (get("return_least") + get("return_most")) // 2
        self.session.in_mah = self.session.missing_mah * permille // 1000
        self.session.absorb_s = self.charge.profile.get("absorb_min")
        self.at_tail()
        self.until("FLOAT", 2000)
        return self

    def at_target(self, over_mv=0.0):
        """Bring each cell to what is commanded, and so much over it."""
        self.cell_mv = self.charge.command.limit_cv * 10 / self.cells + over_mv
        return self


def lithium(cell_mv=3300, **values):
    return Rig(cell_mv, **(LITHIUM | {"cell_count": 20} | values))


def known(rig):
    """A pack that was charged here before, and then driven: however empty, it is the same."""
    rig.session.number = 1
    rig.session.left_mah = rig.capacity_mah
    return rig


def get(rig, name):
    return rig.charge.profile.get(name)


def surface(rig):
    return get(rig, "reject_above") + get(rig, "surface")


def speaking(rig, cells=20, highest_mv=3310, lowest_mv=3300, seconds=CHECK_S + 2, charge=1):
    """Let time pass with a BMS that sends a frame each second."""
    for _ in range(seconds):
        data = rig.charge.cell_data
        data.cells = cells
        data.lowest_mv, data.highest_mv = lowest_mv, highest_mv
        data.coldest_ddegc = data.hottest_ddegc = 250
        data.charge_permitted = charge
        data.discharge_permitted = 1
        data.charge_limit_ma = 100000
        data.fresh = True
        rig.seconds()
    return rig


def excesses(rig, count):
    limit_a = (rig.seconds(10).command.limit_ma * 11 // 10 + 1000) / 1000
    for _ in range(count):
        rig.until("BULK", 1000)
        rig.so(amps=limit_a + 0.2).seconds(10)
    return rig


def relay_absorbing(make=Rig, **values):
    rig = make(**RELAY, **values).so(amps=9.0)
    rig.until("BULK")
    rig.seconds(5)
    rig.session.in_mah = 20000
    rig.at_target()
    rig.until("ABSORB")
    return rig


def full_at_once(make, soc=300, unsure=50, **values):
    rig = make(soc_permille=soc, unsure_permille=unsure).in_bulk()
    for name, value in values.items():
        setattr(rig.session, name, value)
    return rig.at_target().seconds(15)


def returned(rig):
    """So much has come back that the tail may end it."""
    rig.session.in_mah = rig.session.missing_mah * get(rig, "return_least") // 1000 + 1
    return rig


def near_target(rig, share=0.985):
    rig.cell_mv = rig.command.limit_cv * 10 / rig.cells * share
    return rig


def flooded(armed=1, **values):
    rig = Rig(chemistry=FLOODED, **values)
    rig.session.equalize_armed = armed
    rig.in_absorption(after_mah=56000)
    rig.session.absorb_s = get(rig, "absorb_min")
    return rig


def equalizing():
    rig = flooded().at_tail()
    rig.until("EQUALIZE", 2000)
    return rig


def floating():
    rig = Rig().in_float().so(cell_mv=2200, obeys=False, amps=0.0).until_closed()
    assert rig.phase == "FLOAT"
    return rig


def absorbing_with_bms(highest_mv=3550, lowest_mv=3530, **values):
    rig = lithium(bms_kind=2, **values).so(obeys=True)
    speaking(rig, seconds=60)
    rig.session.in_mah = 20000
    rig.at_target()
    speaking(rig, seconds=15, highest_mv=highest_mv, lowest_mv=lowest_mv)
    assert rig.phase == "ABSORB"
    return rig


def balancing(**values):
    rig = absorbing_with_bms(**values)
    rig.at_tail()
    speaking(rig, seconds=100, highest_mv=3550, lowest_mv=3530)
    assert rig.phase == "BALANCE"
    return rig


def full_lithium():
    rig = lithium().in_absorption().at_tail()
    rig.until("FULL", 300)
    return rig.so(cell_mv=3340, amps=0.0)


def full_lead():
    rig = floating()
    rig.session.phase_s = get(rig, "float_limit")
    rig.until("FULL")
    return rig.so(cell_mv=2150)


def begun(soc, unsure):
    rig = Rig(soc_permille=soc, unsure_permille=unsure)
    rig.until("BULK")
    return (rig.session.missing_mah, rig.session.limit_mah)


def most(rig, missing_mah):
    capacity = rig.capacity_mah
    permille = get(rig, "ah_limit")
    return min(missing_mah * permille // 1000 + capacity * 50 // 1000, capacity * permille // 1000)
