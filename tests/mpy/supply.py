"""Supply: charger, BMS and the person's wishes, as a script's knobs set them."""

from micropython import const

from vcu.charge import command
from vcu.charge.bms import CellData
from vcu.charge.charge import Charge
from vcu.params import Params
from vcu.signals import Outputs

# What a person, or the service half, does once.
CLEAR = const(1)  # a technician clears the faults
SWAP = const(2)  # another pack was put in
EQUALIZE = const(3)
LATER = const(4)  # in 20 s
TARGET = const(5)  # stop at 80 %
DRIVEN = const(6)  # the car was driven until half of the charge was left
NEARLY_FULL = const(7)  # the store says 97 %
UNSURE = const(8)  # the store knows nothing
REMEMBER = const(9)  # the store says that back-stops have latched: half of them,
REMEMBER_OTHERS = const(10)  # and the other half

# The contacts of a BMS on their wire, in mV: neither, charge, discharge, both, shorted.
_CONTACTS = (3300, 1980, 1336, 1052, 100)
_NO_LIMIT_MA = const(400000)


class Supply:
    """What flows into the pack under the charger's outputs."""

    def __init__(self, params: Params) -> None:
        self._kind = params.get("charger_kind")
        self._full_cv = params.get("charger_full_cv")
        self._most_da = params.get("charger_max_da")

    def current_da(self, out: Outputs, ocv_cv: int, mohm: int, permille: int) -> int:
        """Return the current, of which a weak socket or a broken charger gives permille."""
        if not out.charger:
            return 0
        if self._kind == command.RELAY:
            return self._most_da * permille // 1000
        # 5000 mV * 12 000 cV = 6e7; 0.01 V over 1 mOhm is 10 A
        room_cv = out.charge_v_mv * self._full_cv // 5000 - ocv_cv
        current = room_cv * 100 // mohm if room_cv > 0 else 0
        most = out.charge_a_mv * self._most_da // 5000
        return (current if current < most else most) * permille // 1000


def contacts_mv(bms: int) -> int:
    """Return what the contacts' wire reads: 1 permits charge, 2 discharge, 4 is a short."""
    return _CONTACTS[bms]


def tell_cells(data: CellData, cells: int, mean_mv: int, spread_mv: int, bms: int) -> None:
    """Let a BMS with a serial port say what it sees."""
    data.fresh = True
    data.cells = cells
    data.lowest_mv = mean_mv - spread_mv // 2
    data.highest_mv = mean_mv + spread_mv // 2
    data.charge_permitted = bms & 1
    data.discharge_permitted = bms & 2
    data.charge_limit_ma = _NO_LIMIT_MA


def remember_zero(charge: Charge, params: Params) -> None:
    """Give the session the current sensor's zero from its store, which shortens the check."""
    charge.session.zero_q4 = params.get("pack_a_zero_counts") << 4


def fulfil(wish: int, charge: Charge, capacity_mah: int) -> None:
    """Do what a person, or the service half from its store, asks once."""
    session = charge.session
    if wish == CLEAR:
        charge.clear()
    elif wish == SWAP:
        session.forget()
    elif wish == EQUALIZE:
        session.equalize_armed = 1
    elif wish == LATER:
        charge.session.delay_s = 20
    elif wish == TARGET:
        session.target_permille = 800
    elif wish == DRIVEN:
        charge.energy.restore(capacity_mah // 2, 50, 1)
    elif wish == NEARLY_FULL:
        charge.energy.restore(capacity_mah * 97 // 100, 10, 1)
    elif wish == UNSURE:
        charge.energy.restore(capacity_mah // 2, 400, 1)
    elif wish == REMEMBER:
        session.faults = 0x0F
    elif wish == REMEMBER_OTHERS:
        session.faults |= 0xF0
