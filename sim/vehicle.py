"""Vehicle presets: a data file of non-default parameters, checked by the firmware's own table."""

import ast
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from sim.cycle import DataFileError, read_text
from vcu.params import OK, TABLE, Params

VEHICLES_DIR = Path(__file__).resolve().parent.parent / "boards" / "vehicles"


class ParameterError(ValueError):
    """A parameter that is not accepted; the text says why and what is."""


class VehicleError(ValueError):
    """There is no such vehicle; the text names the nearest."""


@dataclass(frozen=True)
class Vehicle:
    """A preset's name and its complete parameter values."""

    name: str
    values: dict[str, int]

    def with_values(self, changes: dict[str, int]) -> "Vehicle":
        """Return the vehicle with changed parameters; ParameterError names what is refused."""
        values = dict(self.values)
        for name, value in changes.items():
            check_value(name, value)
            values[name] = value
        check_rules(values)
        return Vehicle(self.name, values)


def nearest(name: str, names: list[str]) -> str:
    """Return the three names nearest to name, for an error text."""
    return ", ".join(get_close_matches(name, names, n=3, cutoff=0.0))


def check_value(name: str, value: int) -> None:
    """Raise ParameterError unless the table has the name and takes the value."""
    for _, row_name, unit, low, high, _ in TABLE:
        if row_name == name:
            if not low <= value <= high:
                raise ParameterError(
                    f"{name} = {value} is outside {low} to {high} {unit}".removesuffix(" 1")
                    + (" (a plain number)" if unit == "1" else "")
                )
            return
    names = [row_name for _, row_name, _, _, _, _ in TABLE]
    raise ParameterError(f"no parameter is called {name!r}; nearest: {nearest(name, names)}")


def check_rules(values: dict[str, int]) -> None:
    """Raise ParameterError when the values break a cross-field rule of the firmware."""
    params = Params()
    for name, value in values.items():
        assert params.set(name, value) == OK
    broken = params.broken_rules()
    if broken:
        raise ParameterError("these values do not fit together: " + ", ".join(broken))


def vehicle_names() -> list[str]:
    """Return the names of all presets."""
    return sorted(path.stem for path in VEHICLES_DIR.glob("*.py"))


def load_vehicle(name: str) -> Vehicle:
    """Return the preset of that name; VehicleError or DataFileError says what is wrong."""
    if name not in vehicle_names():
        raise VehicleError(
            f"no vehicle is called {name!r}; nearest: {nearest(name, vehicle_names())}"
        )
    return Vehicle(name, read_preset(VEHICLES_DIR / f"{name}.py"))


def read_preset(path: Path) -> dict[str, int]:
    """Return all parameter values: the table's defaults and, over them, the file's."""
    tree = parsed(path)
    values = {name: default for _, name, _, _, _, default in TABLE}
    rows = _parameter_rows(path, tree)
    seen: set[str] = set()
    for key, value in rows:
        where = (path, key.lineno, key.col_offset + 1)
        name = key.value if isinstance(key, ast.Constant) else None
        if not isinstance(name, str):
            raise DataFileError(*where, "a parameter's name is a string")
        try:
            number = ast.literal_eval(value)
        except (ValueError, TypeError):
            number = None
        if type(number) is not int:
            raise DataFileError(
                path, value.lineno, value.col_offset + 1, f"{name} must be a whole number"
            )
        try:
            check_value(name, number)
        except ParameterError as error:
            raise DataFileError(*where, str(error)) from None
        if name in seen:
            raise DataFileError(*where, f"{name} stands here a second time")
        seen.add(name)
        values[name] = number
    try:
        check_rules(values)
    except ParameterError as error:
        raise DataFileError(path, 1, 1, str(error)) from None
    return values


def parsed(path: Path) -> ast.Module:
    """Return what a vehicle's or a board's file states; DataFileError when it is no Python."""
    text = read_text(path)
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise DataFileError(path, error.lineno or 1, error.offset or 1, error.msg) from None


def _parameter_rows(path: Path, tree: ast.Module) -> list[tuple[ast.expr, ast.expr]]:
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "PARAMETERS"
        ):
            if not isinstance(node.value, ast.Dict):
                break
            rows: list[tuple[ast.expr, ast.expr]] = []
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if key is None:
                    raise DataFileError(path, value.lineno, value.col_offset + 1, "** is not data")
                rows.append((key, value))
            return rows
    raise DataFileError(path, 1, 1, "PARAMETERS = {...} is missing")
