"""Fit: which bundle a board takes, by board, chip, MicroPython, version and vehicle."""

import re
from typing import cast

from host_tools.board_files import BoardFiles
from host_tools.bundle import Bundle, board_names, build
from host_tools.flash_steps import Running
from host_tools.slot_record import RECORD
from host_tools.slots import BOARD, FlashError, State, stated
from sim.vehicle import vehicle_names
from vcu.chemistry import NAMES
from vcu.params import TABLE

# What a board says that was given no vehicle.
_UNNAMED = ("", "unnamed", "?")
# Where a board keeps which one it is, and what was built for that one.
_SAYS_BOARD = ("/a", "/b", RECORD, BOARD)
_VALUE = re.compile(r"(\w+)=(\d+)")


def build_for(board: str | None, vehicle: str | None, state: State, before: Running) -> Bundle:
    """Build for what was named, else for what is on the board; FlashError, BundleError."""
    kept = state.kept.manifest if state.kept is not None else None
    board = board or state.board or before.identity.get("board", "")
    vehicle = vehicle or (kept.vehicle if kept else before.identity.get("vehicle", ""))
    missing = [
        option
        for option, value in (("--board", board), ("--vehicle", vehicle))
        if value in _UNNAMED
    ]
    if missing:
        raise FlashError(
            f"the board does not say what it is for (chip: {chip_of(state.about.machine) or '?'});"
            f" nothing was changed; give {' and '.join(missing)}; boards:"
            f" {', '.join(board_names())}; vehicles: {', '.join(vehicle_names())}"
        )
    return build(board, vehicle)


def check_fit(bundle: Bundle, state: State, before: Running, force: bool) -> None:
    """Raise FlashError for another board, chip or MicroPython, or an older version unforced."""
    kept = state.kept.manifest if state.kept is not None else None
    there = state.board or (kept.board if kept else "") or before.identity.get("board", "")
    stays = state.stays if before.identity else state.holds
    if there and there != bundle.board:
        raise FlashError(
            f"this is a board {there!r}, the bundle is for {bundle.board!r}: its pins would be"
            f" driven wrongly; nothing was changed; {stays}; use --board {there}; a board that was"
            f" flashed as {there!r} by mistake forgets it, and keeps its records, with `mpremote"
            f" fs rm -r {' '.join(f':{path}' for path in _SAYS_BOARD if path in state.root)}`"
        )
    chip = chip_of(state.about.machine)
    wanted = bundle.board.upper().replace("_", "")
    if chip and chip != wanted:
        raise FlashError(
            f"the chip is {chip}, the bundle is for {bundle.board!r}; nothing was changed;"
            f" {state.stays}; give the right --board"
        )
    _check_micropython(bundle, state)
    there_are = [s.manifest.version for s in (state.kept, state.runs) if s and s.manifest]
    newest = max(there_are, key=numbers, default="")
    if newest and numbers(bundle.version) < numbers(newest) and not force:
        raise FlashError(
            f"version {bundle.version} is older than {newest} on the board; nothing was"
            f" changed; {state.stays}; `lsev rollback` goes back to the other slot, --force"
            " installs the older one"
        )


def _check_micropython(bundle: Bundle, state: State) -> None:
    about = state.about
    mpy = bundle.files["main.mpy"][1]
    too_old = numbers(about.micropython) < numbers(bundle.micropython_min)
    if too_old or (about.mpy_version and about.mpy_version != mpy):
        raise FlashError(
            f"MicroPython {about.micropython} (.mpy {about.mpy_version}) cannot run the bundle,"
            f" which needs {bundle.micropython_min} (.mpy {mpy}); nothing was changed;"
            f" {state.stays}; `lsev provision` says how to put another MicroPython on it"
        )


def check_vehicle(
    vehicle: str, preset: bytes, files: BoardFiles, state: State, before: Running, force: bool
) -> str:
    """Return what to tell of another vehicle that is forced, "" for the same; FlashError.

    vehicle and preset are those of the version that shall start. Hazard: another preset raises
    the cap, charges for another chemistry, and the values that were set for this car are dropped.
    """
    runs = state.runs
    there = before.identity.get("vehicle", "")
    if there in _UNNAMED:
        there = runs.manifest.vehicle if runs is not None and runs.manifest is not None else ""
    if there in ("", vehicle):
        return ""
    values: object = dict(_VALUE.findall("\n".join(before.dump)))
    if not values and runs is not None:
        values = stated(files.read(f"/{runs.name}/vehicle.py"), "PARAMETERS")
    old = f"{there} ({_figures(values)})"
    new = f"{vehicle} ({_figures(stated(preset, 'PARAMETERS'))})"
    if force:
        return (
            f"another vehicle, forced: {old} becomes {new}; the old values go when it is trusted"
        )
    raise FlashError(
        f"this car is {old}, the version is for {new}: the cap and the charge of another car;"
        f" nothing was changed, its parameters are as they were; {state.stays}; take a version"
        f" for {there}, or --force where the board has another car now"
    )


def _figures(values: object) -> str:
    """Return the cap and the chemistry of a dump or a preset, which leaves defaults out."""
    given = cast(dict[str, str | int], values) if isinstance(values, dict) else {}
    kinds = dict(enumerate(NAMES))
    whole = {name: int(given.get(name, default)) for _, name, _, _, _, default in TABLE}
    return f"cap {whole['speed_cap_kmh']} km/h, {kinds.get(whole['chemistry'], 'unknown')}"


def chip_of(machine: str) -> str:
    """Return the chip that MicroPython says it is on, as ESP32S3; "" when it says none."""
    found = re.findall(r"\bESP32[\w-]*", machine.upper())
    return found[-1].replace("-", "") if found else ""


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, for comparing; missing ones are 0."""
    found = [int(n) for n in re.findall(r"\d+", version.split("-")[0])[:3]]
    return tuple(found + [0] * (3 - len(found)))
