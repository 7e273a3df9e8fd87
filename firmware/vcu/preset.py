"""Preset: one vehicle's values over the defaults; a value that is refused counts as a broken rule.

Hazard: a car that drives with a default where its data says something else.
"""

from vcu.params import OK, Params


class Preset(Params):
    """The parameters of one vehicle; refused names the values that were not taken."""

    def __init__(self, values: "dict[str, int]") -> None:
        super().__init__()
        self.refused: "list[str]" = []
        for name in sorted(values):
            value = values[name]
            # True, 2.5 or "40" is a mistake in the data, not a number to be rounded.
            if type(value) is not int or self.set(name, value) != OK:
                self.refused.append(name)

    def broken_rules(self) -> "list[str]":
        """Return "refused_NAME" of each value not taken, then the broken cross-field rules."""
        return ["refused_" + name for name in self.refused] + super().broken_rules()
