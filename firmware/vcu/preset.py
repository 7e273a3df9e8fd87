"""Preset: one vehicle's values over the defaults; a value that is refused counts as a broken rule.

Hazard: a car that drives with a default where its data says something else, or
relies on an output that its board does not have.
"""

from vcu.charge.command import SETPOINT
from vcu.params import OK, OUT_OF_RANGE, Params


class Preset(Params):
    """The parameters of one vehicle; refused names the values that were not taken.

    has_setpoint: the board has the outputs that a charger's set-points need.
    """

    def __init__(self, values: "dict[str, int]", has_setpoint: bool = True) -> None:
        super().__init__()
        self._has_setpoint = has_setpoint
        self.refused: "list[str]" = []
        for name in sorted(values):
            value = values[name]
            # True, 2.5 or "40" is a mistake in the data, not a number to be rounded.
            if type(value) is not int or self.set(name, value) != OK:
                self.refused.append(name)

    def set(self, name: str, value: int) -> int:
        """Store value as Params does; a charger that this board cannot command is out of range."""
        if name == "charger_kind" and value == SETPOINT and not self._has_setpoint:
            return OUT_OF_RANGE
        return super().set(name, value)

    def broken_rules(self) -> "list[str]":
        """Return "refused_NAME" of each value not taken, then the broken cross-field rules."""
        return ["refused_" + name for name in self.refused] + super().broken_rules()
