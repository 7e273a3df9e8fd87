"""Records of a charge for the tests: a session in which every field differs, and its bytes."""

import random

from service import charge_record
from tests.unit.cars import make_params, make_scaling
from vcu.charge.charge import Charge
from vcu.charge.phases import FULL, PRECHARGE
from vcu.charge.session import FIELDS, Session
from vcu.energy import Energy
from vcu.signals import Signals

AGM = {
    "chemistry": 1, "cell_count": 30, "capacity_mah": 100000, "charger_kind": 2,
    "charger_max_da": 150, "charge_max_da": 200,
}  # fmt: skip
HIGHEST = (1 << 30) - 1


def make_charge(**values):
    params = make_params(**{**AGM, **values})
    return Charge(make_scaling(), params, Energy(params), Signals())


def values_of(session):
    return {name: getattr(session, name) for name in FIELDS}


def filled_session(seed=1):
    """Return a session in which every field differs and is possible."""
    rnd = random.Random(seed)
    session = Session()
    for name in FIELDS:
        low, high = charge_record.RANGES[name]
        setattr(session, name, rnd.randint(low, high))
    session.phase = rnd.randint(PRECHARGE, FULL)
    return session


def packed(session, flows_da=0, operating_s=77):
    charge = make_charge()
    for name in FIELDS:
        setattr(charge.session, name, getattr(session, name))
    charge.energy.restore(41000, 90, 1)
    return bytes(charge_record.pack(charge, operating_s, flows_da))
