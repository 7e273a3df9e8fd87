"""The trace: one row per 100 ms, or 10 s of a charge, of what was and what the controller saw."""

import csv
from pathlib import Path

from sim import frame
from sim.plant.bms import cell_range_v
from sim.world import World
from vcu.charge.phases import CAUSE_NAMES
from vcu.charge.phases import NAMES as PHASE_NAMES
from vcu.faults import TABLE, WORD_SHIFT, WORDS, row_of
from vcu.limits import LIMITER_NAMES
from vcu.modes import NAMES as MODE_NAMES

EVERY_TICKS = 10

# Each with the decimals that it is worth, where it is a number with any.
COLUMNS = {
    "t_s": 2,
    "mode": 0,
    "speed_kmh": 3,
    "speed_seen_kmh": 3,
    "pedal_pct": 1,
    "torque_pct": 1,
    "pack_v": 2,
    "pack_a": 2,
    "soc_pct": 2,
    "batt_c": 2,
    "limiter": 0,
    "faults": 0,
    "charge_phase": 0,
    "charge_set_v": 2,
    "charge_set_a": 3,
    "odo_km": 3,
    "soc_seen_pct": 1,
    "motor_c": 1,
    "controller_c": 1,
    "grade_pct": 2,
    "wanted_kmh": 2,
    "reasons": 0,
    "charge_a": 2,
    "charge_cause": 0,
    "charge_ah": 4,
    "charge_seen_ah": 3,
    "cell_max_v": 4,
    "ambient_c": 1,
}

Row = tuple[float | int | str, ...]


def fault_numbers(out: list[int], start: int) -> tuple[int, ...]:
    """Return the row numbers of the bits in the fault words that begin at start."""
    return tuple(
        word * WORD_SHIFT + bit
        for word in range(WORDS)
        if out[start + word]
        for bit in range(len(TABLE[word]))
        if out[start + word] >> bit & 1
    )


def fault_names(out: list[int]) -> str:
    """Return the names of the active faults, joined with +; empty when there is none."""
    numbers = fault_numbers(out, frame.FAULTS)
    return "+".join(row_of(number)[1] for number in numbers)


def row(world: World, wanted_kmh: float, charge_ah: float = 0.0) -> Row:
    """Return the row of COLUMNS for the world as it stands, with charge_ah into it so far."""
    out = world.outputs
    plugged = world.driver.plug
    car = world.car
    battery = world.battery
    return (
        world.time_s,
        MODE_NAMES[out[frame.MODE]],
        car.speed_mps * 3.6,
        out[frame.SPEED_MMPS] * 0.0036,
        out[frame.PEDAL_PERMILLE] / 10,
        out[frame.TORQUE_PERMILLE] / 10,
        battery.voltage_v,
        car.current_a,
        battery.soc * 100.0,
        battery.temperature_c,
        LIMITER_NAMES[out[frame.LIMITER]],
        fault_names(out),
        PHASE_NAMES[out[frame.CHARGE_PHASE]] if plugged else "",
        out[frame.CHARGE_SET_CV] / 100,
        out[frame.CHARGE_SET_MA] / 1000,
        out[frame.ODOMETER_M] / 1000,
        out[frame.SOC_PERMILLE] / 10,
        car.motor.temperature_c,
        car.controller.temperature_c,
        world.road(car.position_m) * 100.0,
        wanted_kmh,
        out[frame.REASONS],
        world.charger.current_a if plugged else 0.0,
        CAUSE_NAMES[out[frame.CHARGE_CAUSE]] if plugged else "",
        charge_ah,
        out[frame.CHARGE_IN_MAH] / 1000,
        cell_range_v(battery, world.vehicle.values["cell_count"])[1],
        world.ambient_c,
    )


def rounded(row: Row) -> Row:
    """Return a row with as many decimals as its columns are worth, for a file or a page."""
    return tuple(
        round(value, decimals) if isinstance(value, float) else value
        for value, decimals in zip(row, COLUMNS.values(), strict=True)
    )


def write_csv(rows: list[Row], path: Path) -> None:
    """Write header and rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(map(rounded, rows))
