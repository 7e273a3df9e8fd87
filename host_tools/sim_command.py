"""`lsev sim`: drives or charges a simulated car and says whether it did as it must."""

import argparse
import json
import re
import time
from contextlib import ExitStack
from pathlib import Path

from host_tools.arguments import Commands, InputError, add_fault
from host_tools.fault_matrix import MATRIX_FILE, run_matrix
from host_tools.files import whole_file
from host_tools.run_page import write_page
from host_tools.run_summary import Progress, as_json, length, print_summary
from sim.cycle import DataFileError
from sim.faults import FAULTS, make_fault, parse_fault
from sim.matrix import ONSETS
from sim.scenario import as_run, find_scenario, run_scenario
from sim.scenarios import SCENARIOS
from sim.trace import write_csv
from sim.vehicle import Vehicle, load_vehicle, vehicle_names

_SIM_EXAMPLES = """\
examples:
  lsev sim list
  lsev sim faults
  lsev sim run school_run
"""
_RUN_EXAMPLES = """\
examples:
  lsev sim run ece15 --vehicle four_wheel_72v_lfp
  lsev sim run downhill --trace downhill.csv --report downhill.html
  lsev sim run full_pedal --set speed_cap_kmh=50 --set laden_mass_kg=500
  lsev sim run school_run --runtime micropython --json
  lsev sim run full_pedal --fault pedal_a_open@20 --report fault.html
  lsev sim run overnight --vehicle four_wheel_72v_lfp --report charge.html
  lsev sim run overnight --runtime micropython

A charge runs at a second a step. With --runtime micropython it is its first minutes, in the
whole 10 ms loop on the virtual board.

exit status: 0 all expectations met, 1 one failed or the firmware stopped, 2 bad input
"""

_MATRIX_EXAMPLES = """\
examples:
  lsev sim matrix --fault pedal_a_open --onsets 1
  lsev sim matrix --fault pedal_a_open

A fault takes half a minute of a core; all of them, on all cores, up to an hour.
exit status: 0 done, 2 bad input
"""

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)


def _whole_number(text: str) -> int:
    """Return the number; ArgumentTypeError for what int() takes but a person did not mean."""
    if not _WHOLE_NUMBER.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _onsets(text: str) -> int:
    number = _whole_number(text)
    if not 1 <= number <= ONSETS:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {ONSETS}")
    return number


def add_command(commands: Commands) -> None:
    """Add `lsev sim` with its actions; each names what runs it."""
    sim = commands.add_parser(
        "sim",
        help="drive or charge a simulated car",
        description="Drive or charge a simulated car whose controller runs the firmware's code.",
        epilog=_SIM_EXAMPLES,
    )
    sim.set_defaults(incomplete=sim)
    actions: Commands = sim.add_subparsers(dest="action", metavar="ACTION")
    for name, what, run in (
        ("list", "list scenarios and vehicles", _list),
        ("faults", "list what can be broken on purpose", _list_faults),
    ):
        listing = actions.add_parser(name, help=what)
        listing.add_argument("--json", action="store_true", help="print one JSON object")
        listing.set_defaults(run=run)
    _add_matrix(actions)
    _add_run(actions)


def _add_matrix(actions: Commands) -> None:
    matrix = actions.add_parser(
        "matrix",
        help="break everything in turn, and write sim/fault_matrix.md",
        description="Break everything at three speeds and ten moments; a row per fault.",
        epilog=_MATRIX_EXAMPLES,
    )
    matrix.add_argument(
        "--fault", metavar="NAME", default="", help="only this one, and nothing is written"
    )
    matrix.add_argument(
        "--onsets", type=_onsets, default=ONSETS, metavar="N", help=f"moments, 1 to {ONSETS}"
    )
    matrix.set_defaults(run=_matrix)


def _add_run(actions: Commands) -> None:
    run = actions.add_parser(
        "run",
        help="run a scenario and check what it must show",
        description="Run a scenario and compare its figures with the ranges it expects.",
        epilog=_RUN_EXAMPLES,
    )
    run.add_argument("scenario", metavar="SCENARIO", help="a name from `lsev sim list`")
    run.add_argument("--vehicle", metavar="NAME", help="a preset (default: the scenario's own)")
    run.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="change a parameter; the pack's change the simulated pack too; may be given again",
    )
    add_fault(run, "8 s after the start")
    run.add_argument(
        "--seed",
        type=_whole_number,
        default=1,
        metavar="N",
        help="noise of the sensors (default: 1)",
    )
    run.add_argument(
        "--runtime",
        choices=("cpython", "micropython"),
        default="cpython",
        help="what runs the firmware (default: cpython; micropython runs firmware/main.py)",
    )
    run.add_argument(
        "--trace", type=Path, metavar="FILE.csv", help="write a row per 100 ms, 10 s of a charge"
    )
    run.add_argument("--report", type=Path, metavar="FILE.html", help="write one page of plots")
    run.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    run.set_defaults(run=_run)


def _settings(pairs: list[str]) -> dict[str, int]:
    settings: dict[str, int] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"{pair!r} is not NAME=VALUE; nothing was run")
        try:
            settings[name] = _whole_number(text)
        except argparse.ArgumentTypeError as error:
            raise InputError(f"{name} = {error}; nothing was run") from None
    return settings


def _list(args: argparse.Namespace) -> int:
    vehicles = {name: _cap_of(name) for name in vehicle_names()}
    if args.json:
        scenarios = [
            {"name": s.name, "summary": s.summary, "vehicle": s.vehicle, "seconds": s.seconds}
            for s in SCENARIOS
        ]
        print(json.dumps({"scenarios": scenarios, "vehicles": list(vehicles)}))
        return 0
    width = max(len(s.name) for s in SCENARIOS)
    print("scenarios")
    for s in SCENARIOS:
        print(f"  {s.name:<{width}} {length(s.seconds):>7}  {s.summary} ({s.vehicle})")
    print("vehicles")
    for name, cap in vehicles.items():
        print(f"  {name:<26} {cap}")
    print("faults: see `lsev sim faults`")
    return 0


def _cap_of(vehicle: str) -> str:
    """Return what the list says of a preset; a file that is broken hides no other."""
    try:
        return f"cap {load_vehicle(vehicle).values['speed_cap_kmh']} km/h"
    except DataFileError as error:
        return str(error)


def _list_faults(args: argparse.Namespace) -> int:
    if args.json:
        rows = [{"name": name, "description": what} for name, what in FAULTS.items()]
        print(json.dumps({"faults": rows}))
        return 0
    print("faults")
    for name, what in FAULTS.items():
        print(f"  {name:<23} {what}")
    return 0


def _matrix(args: argparse.Namespace) -> int:
    if args.fault:
        make_fault(args.fault, 0.0)  # FaultError names the nearest
    run_matrix(args.fault, args.onsets, MATRIX_FILE, print)
    return 0


def _run(args: argparse.Namespace) -> int:
    scenario = find_scenario(args.scenario)
    vehicle: Vehicle = scenario.load_vehicle(args.vehicle)
    vehicle = vehicle.with_values(_settings(args.settings))
    faults = [parse_fault(text) for text in args.faults]
    scenario = as_run(scenario, vehicle, args.runtime, faults)
    progress = Progress(scenario.seconds)
    with ExitStack() as files:
        # Before the run: a path that cannot be written must not cost it.
        trace = files.enter_context(whole_file(args.trace)) if args.trace else None
        report = files.enter_context(whole_file(args.report)) if args.report else None
        started = time.perf_counter()
        try:
            result = run_scenario(
                scenario,
                vehicle=vehicle,
                seed=args.seed,
                runtime=args.runtime,
                progress=progress,
                faults=faults,
            )
        finally:
            progress.clear()
        wall_s = time.perf_counter() - started
        if trace is not None:
            with whole_file(trace) as temporary:
                write_csv(result.rows, temporary)
        if report is not None:
            write_page(result, report)
    if args.json:
        print(json.dumps(as_json(result, wall_s)))
    else:
        print_summary(result, wall_s)
    return 0 if result.passed else 1
