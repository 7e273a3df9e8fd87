"""Pack swap: all that belongs to another pack changes together, or nothing does.

Hazard: a lithium pack charged by the numbers of lead, or a full gauge that belongs
to the pack that is gone. Rule: first the session is written, which then forbids
driving and charging until the check at the plug agrees; then all parameters, in
one record; then the board restarts. A power cut between the two leaves the old
pack, which has to pass its check once more.
"""

from micropython import const

from vcu import chemistry
from vcu.charge import command
from vcu.loop import Loop
from vcu.params import OUT_OF_RANGE, Params

TYPE_CHECKING = False  # true to a type checker only: MicroPython has no typing to import
if TYPE_CHECKING:
    from service.keeper import Keeper

# What a pack of unknown make may be asked for. The lead currents are those of the charge
# profiles (Rolls, EnerSys, East Penn); 1C out of and C/2 into lithium is what every data sheet
# allows; resistances are those of the presets, cells with their links.
# fmt: off
_PACKS = (
    # flooded agm   gel   lfp   nmc
    (700,    1200,  800,  1000, 1000),  # discharge, permille of C
    (130,     200,  150,   500,  500),  # charge, permille of C
    (2100,   1850, 2100,   850,  850),  # resistance of a cell of 100 Ah, uOhm
)
# fmt: on
_CABLES_MOHM = const(5)
_DISCHARGE = const(0)
_CHARGE = const(1)
_RESISTANCE = const(2)
# Only the guided swap may change them.
GUIDED = ("chemistry", "cell_count", "capacity_mah")


def parameters_of(
    params: Params, kind: int, cells: int, capacity_mah: int, bms_kind: int
) -> "tuple[tuple[str, int], ...]":
    """Return name and value of every parameter that belongs to such a pack in this car.

    The discharge current never rises: fuse and wires stay those of the car. A charger
    with a curve of its own is switched off where the curve was another pack's.
    """
    discharge_da = capacity_mah * _PACKS[_DISCHARGE][kind] // 100000
    charger_kind = params.get("charger_kind")
    is_alike = kind == params.get("chemistry") and cells == params.get("cell_count")
    if charger_kind == command.RELAY and not is_alike:
        charger_kind = command.NO_CHARGER
    # 40 * 2100 uOhm * 100 Ah / 10 Ah = 840 mOhm, by way of 8.4e6
    resistance_mohm = cells * _PACKS[_RESISTANCE][kind] * 100 // capacity_mah
    return (
        ("chemistry", kind),
        ("cell_count", cells),
        ("capacity_mah", capacity_mah),
        ("discharge_max_da", min(discharge_da, params.get("discharge_max_da"))),
        ("charge_max_da", capacity_mah * _PACKS[_CHARGE][kind] // 100000),
        ("pack_resistance_mohm", resistance_mohm + _CABLES_MOHM),
        ("bms_kind", bms_kind),
        ("charger_kind", charger_kind),
    )


def full_cv(kind: int, cells: int) -> int:
    """Return the highest voltage that a charge of such a pack shows, in 0.01 V."""
    return chemistry.CELL_MAX_MV[kind] * cells // 10


class Offer:
    """The swap that waits for its confirmation: parameters, and the operating second."""

    def __init__(self) -> None:
        self.swap: "tuple[tuple[str, int], ...]" = ()
        self.at_s = 0

    def make(self, swap: "tuple[tuple[str, int], ...]", at_s: int) -> None:
        """Offer another swap, or none."""
        self.swap = swap
        self.at_s = at_s


class PackSwap:
    """One swap at a time: begin(), then go_on() or undo() whenever the keeper has written."""

    def __init__(self, loop: Loop, params: Params, keeper: "Keeper") -> None:
        self._loop = loop
        self._params = params
        self._keeper = keeper
        self._swap: "tuple[tuple[str, int], ...]" = ()
        self._old: "list[int]" = []
        self._was_ok = True

    def begin(self, swap: "tuple[tuple[str, int], ...]") -> None:
        """Forget what was learned of the old pack, and have that written first."""
        charge = self._loop.charge
        self._swap = swap
        self._old = []
        self._was_ok = charge.parameters_ok
        # Until the restart no check may agree by the old parameters.
        charge.parameters_ok = False
        charge.session.forget()
        self._keeper.save_charge()

    def go_on(self) -> bool:
        """Nothing is left to write: begin the next record; False when there is none.

        That is so after the last one, and where the session could not be written.
        """
        if self._old or not self._keeper.has_charge(self._loop):
            return False
        params = self._params
        for name, value in self._swap:
            self._old.append(params.get(name))
            if params.set(name, value) == OUT_OF_RANGE:
                raise ValueError(name)  # the verb that asked has checked it
        self._keeper.save_params()
        return True

    def is_done(self) -> bool:
        """Return whether both records were begun."""
        return len(self._old) > 0

    def undo(self) -> None:
        """Flash refused a record: the values in memory are the old pack's again."""
        for i in range(len(self._old)):
            self._params.set(self._swap[i][0], self._old[i])
        self._loop.charge.parameters_ok = self._was_ok
