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

COLUMNS = (
    "t_s",
    "mode",
    "speed_kmh",
    "speed_seen_kmh",
    "pedal_pct",
    "torque_pct",
    "pack_v",
    "pack_a",
    "soc_pct",
    "batt_c",
    "limiter",
    "faults",
    "charge_phase",
    "charge_set_v",
    "charge_set_a",
    "odo_km",
    "soc_seen_pct",
    "motor_c",
    "controller_c",
    "grade_pct",
    "wanted_kmh",
    "reasons",
    "charge_a",
    "charge_cause",
    "charge_ah",
    "charge_seen_ah",
    "cell_max_v",
    "ambient_c",
)

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
        round(world.time_s, 2),
        MODE_NAMES[out[frame.MODE]],
        round(car.speed_mps * 3.6, 3),
        round(out[frame.SPEED_MMPS] * 0.0036, 3),
        out[frame.PEDAL_PERMILLE] / 10,
        out[frame.TORQUE_PERMILLE] / 10,
        round(battery.voltage_v, 2),
        round(car.current_a, 2),
        round(battery.soc * 100.0, 2),
        round(battery.temperature_c, 2),
        LIMITER_NAMES[out[frame.LIMITER]],
        fault_names(out),
        PHASE_NAMES[out[frame.CHARGE_PHASE]] if plugged else "",
        out[frame.CHARGE_SET_CV] / 100,
        out[frame.CHARGE_SET_MA] / 1000,
        out[frame.ODOMETER_M] / 1000,
        out[frame.SOC_PERMILLE] / 10,
        round(car.motor.temperature_c, 1),
        round(car.controller.temperature_c, 1),
        round(world.road(car.position_m) * 100.0, 2),
        round(wanted_kmh, 2),
        out[frame.REASONS],
        round(world.charger.current_a, 2) if plugged else 0.0,
        CAUSE_NAMES[out[frame.CHARGE_CAUSE]] if plugged else "",
        round(charge_ah, 4),
        out[frame.CHARGE_IN_MAH] / 1000,
        round(cell_range_v(battery, world.vehicle.values["cell_count"])[1], 4),
        round(world.ambient_c, 1),
    )


def write_csv(rows: list[Row], path: Path) -> None:
    """Write header and rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
