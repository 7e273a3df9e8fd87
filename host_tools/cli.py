"""The lsev command: simulate a drive or a charge, start a virtual board, look after a real one.

Exit status: 0 success, 1 a scenario's expectations failed or a device reported
an error, 2 bad usage or input.
"""

import argparse
import json
import math
import re
import signal
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from host_tools import (
    calibrate_command,
    customer_report_command,
    faults_command,
    flash_command,
    log_command,
    monitor_command,
    params_command,
    provision_command,
    texts,
    versions_command,
)
from host_tools.board import run_board
from host_tools.board_files import BoardError
from host_tools.bundle import BundleError
from host_tools.fault_matrix import MATRIX_FILE, run_matrix
from host_tools.files import whole_file
from host_tools.link import LinkError
from host_tools.log_file import LogError
from host_tools.parameter_help import explain
from host_tools.report import write_report
from host_tools.session import SessionError
from host_tools.slots import FlashError
from sim.charge_scenario import ChargeScenario, UnfitError
from sim.charging import STEP_S
from sim.controller import ControllerError
from sim.cycle import DataFileError
from sim.faults import FAULTS, FaultError, make_fault, parse_fault
from sim.matrix import ONSETS
from sim.scenario import Result, Scenario, ScenarioError, as_run, find_scenario, run_scenario
from sim.scenarios import SCENARIOS
from sim.trace import write_csv
from sim.vehicle import ParameterError, Vehicle, VehicleError, load_vehicle, vehicle_names
from sim.world import TICK_S
from vcu.charge.phases import NAMES as PHASE_NAMES
from vcu.faults import CLASS_NAMES, row_of

_EXAMPLES = """\
examples:
  lsev sim list                                    show scenarios and vehicles
  lsev sim faults                                  show what can be broken on purpose
  lsev sim run school_run                          drive one and check its figures
  lsev sim run school_run --report drive.html      the same, with a page of plots
  lsev sim run overnight --report charge.html      a night at the socket
  lsev sim run full_pedal --set speed_cap_kmh=50   with a parameter changed
  lsev board --link my-board                       a board for any serial program
  lsev faults                                      what is wrong with a connected car
  lsev report                                      one text file about it, to hand on
  lsev flash                                       put the firmware onto a board, or update it

exit status: 0 success, 1 an expectation failed or the firmware stopped, 2 bad usage or input
"""
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
_BOARD_EXAMPLES = """\
examples:
  lsev board                        show the serial port, run until Ctrl-C
  lsev board --link my-board        the port is also my-board while the board runs
  lsev board --fast --seconds 60    one simulated minute, as fast as it goes
  lsev board --fault pedal_a_open   with something broken from the start
  lsev board --flash f.img --link p   a board for mpremote and lsev flash, its files in f.img
"""

_INPUT_ERRORS = (
    ScenarioError, UnfitError, VehicleError, ParameterError, FaultError, DataFileError,
    SessionError, LogError, BundleError,
)  # fmt: skip
# Each adds itself with add_command(), and names what runs it.
_DEVICE_COMMANDS = (
    monitor_command,
    faults_command,
    params_command,
    calibrate_command,
    log_command,
    customer_report_command,
    flash_command,
    versions_command,
    provision_command,
)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)


class _Parser(argparse.ArgumentParser):
    """Keeps the line breaks of description and examples; its sub-parsers do so too."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **keywords)


def _whole_number(text: str) -> int:
    """Return the number; ValueError for what int() would take but a person did not mean."""
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _duration_s(text: str) -> float:
    seconds = float(text)
    if not 0.0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return seconds


def _onsets(text: str) -> int:
    number = _whole_number(text)
    if not 1 <= number <= ONSETS:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {ONSETS}")
    return number


def _add_fault(parser: argparse.ArgumentParser, when: str) -> None:
    parser.add_argument(
        "--fault",
        metavar="NAME[@SECONDS]",
        action="append",
        default=[],
        dest="faults",
        help=f"break something, by default {when}; may be given again (see `lsev sim faults`)",
    )


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="lsev",
        description="Drive or charge a simulated car with the real firmware, start a virtual\n"
        "board, or look after a car at a serial port.",
        epilog=_EXAMPLES,
    )
    parser.set_defaults(incomplete=parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    sim = commands.add_parser(
        "sim",
        help="drive or charge a simulated car",
        description="Drive or charge a simulated car whose controller runs the firmware's code.",
        epilog=_SIM_EXAMPLES,
    )
    sim.set_defaults(incomplete=sim)
    actions = sim.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="list scenarios and vehicles")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    breakable = actions.add_parser("faults", help="list what can be broken on purpose")
    breakable.add_argument("--json", action="store_true", help="print one JSON object")
    matrix = actions.add_parser(
        "matrix",
        help="break everything in turn, and write sim/fault_matrix.md",
        description="Break everything at three speeds and ten moments; a row per fault.",
    )
    matrix.add_argument(
        "--fault", metavar="NAME", default="", help="only this one, and nothing is written"
    )
    matrix.add_argument(
        "--onsets", type=_onsets, default=ONSETS, metavar="N", help=f"moments, 1 to {ONSETS}"
    )
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
        help="change a parameter of the controller; may be given again",
    )
    _add_fault(run, "8 s after the start")
    run.add_argument(
        "--seed", type=_whole_number, default=1, metavar="N", help="noise of the sensors"
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

    board = commands.add_parser(
        "board",
        help="start a virtual board with a serial port",
        description="Start a virtual board: firmware/main.py in MicroPython, its pins wired to a\n"
        "simulated car that stands parked with the key off.",
        epilog=_BOARD_EXAMPLES,
    )
    board.add_argument(
        "--vehicle",
        metavar="NAME",
        default="four_wheel_60v_agm",
        help="a preset (default: %(default)s)",
    )
    board.add_argument(
        "--board",
        choices=("esp32_s3", "esp32"),
        default="esp32_s3",
        help="whose pins and dividers (default: %(default)s)",
    )
    board.add_argument("--link", type=Path, metavar="PATH", help="symlink to make to its port")
    board.add_argument("--fast", action="store_true", help="as fast as it goes, not in real time")
    board.add_argument(
        "--seconds", type=_duration_s, metavar="N", help="stop after N simulated seconds"
    )
    _add_fault(board, "from the start")
    board.add_argument(
        "--flash",
        type=Path,
        metavar="IMAGE",
        help="run what is in this flash, made blank if it is not there, and let mpremote in;\n"
        "the car stands still, in real time",
    )
    for command in _DEVICE_COMMANDS:
        command.add_command(commands)
    return parser


def _settings(pairs: list[str]) -> dict[str, int]:
    settings: dict[str, int] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ParameterError(f"{pair!r} is not NAME=VALUE")
        try:
            settings[name] = _whole_number(text)
        except ValueError:
            raise ParameterError(f"{name} = {text!r} is no whole number") from None
    return settings


def _length(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 3600.0 else f"{seconds / 3600.0:.0f} h"


def _list(as_json: bool) -> int:
    vehicles = {name: load_vehicle(name) for name in vehicle_names()}
    if as_json:
        scenarios = [
            {"name": s.name, "summary": s.summary, "vehicle": s.vehicle, "seconds": s.seconds}
            for s in SCENARIOS
        ]
        print(json.dumps({"scenarios": scenarios, "vehicles": list(vehicles)}))
        return 0
    width = max(len(s.name) for s in SCENARIOS)
    print("scenarios")
    for s in SCENARIOS:
        print(f"  {s.name:<{width}} {_length(s.seconds):>7}  {s.summary} ({s.vehicle})")
    print("vehicles")
    for name, vehicle in vehicles.items():
        print(f"  {name:<26} cap {vehicle.values['speed_cap_kmh']} km/h")
    print("faults: see `lsev sim faults`")
    return 0


def _list_faults(as_json: bool) -> int:
    if as_json:
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


class _Progress:
    """One line on standard error, rewritten about five times a second; none into a pipe."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = time.monotonic() + 0.5
        self._shown = False

    def __call__(self, t_s: float, doing: str) -> None:
        now = time.monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next = now + 0.2
        self._shown = True
        share = 100.0 * t_s / self._seconds
        sys.stderr.write(f"\r{share:3.0f} %  {_length(t_s):>6}  {doing:<24}")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r" + " " * 40 + "\r")


class _Ended(BaseException):
    """A signal asks for the end; raised so that whatever is open is cleaned up."""


@contextmanager
def _ended_by_signals() -> Generator[None]:
    """Let SIGTERM and SIGHUP end what runs as Ctrl-C does, by way of every clean-up."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Ended(number)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(args: argparse.Namespace) -> int:
    scenario = find_scenario(args.scenario)
    vehicle: Vehicle = scenario.load_vehicle(args.vehicle)
    vehicle = vehicle.with_values(_settings(args.settings))
    faults = [parse_fault(text) for text in args.faults]
    scenario = as_run(scenario, vehicle, args.runtime, faults)
    progress = _Progress(scenario.seconds)
    with _ended_by_signals(), ExitStack() as files:
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
            write_csv(result.rows, trace)
        if report is not None:
            write_report(result, report)
    if args.json:
        print(json.dumps(_as_json(result, wall_s)))
    else:
        _summary(result, wall_s)
    return 0 if result.passed else 1


def _as_json(result: Result, wall_s: float) -> dict[str, object]:
    return {
        "scenario": result.scenario.name,
        "vehicle": result.vehicle.name,
        "runtime": result.runtime,
        "seed": result.seed,
        "passed": result.passed,
        "simulated_s": result.scenario.seconds,
        "wall_s": round(wall_s, 3),
        "step_s": STEP_S if isinstance(result.scenario, ChargeScenario) else TICK_S,
        "piece_of_s": getattr(result.scenario, "piece_of_s", 0.0) or None,
        "faults": list(result.injected),
        "stored_faults": [
            {"name": name, "dtc": dtc, "class": CLASS_NAMES[severity], "blink_code": number}
            for number, name, dtc, severity, *_ in map(row_of, result.stored)
        ],
        "values": {name: round(value, 4) for name, value in result.values.items()},
        "checks": [
            {
                "metric": c.expectation.metric,
                "value": round(c.value, 4),
                "low": c.expectation.low if c.expectation.low > -1e300 else None,
                "high": c.expectation.high if c.expectation.high < 1e300 else None,
                "unit": c.expectation.unit,
                "passed": c.passed,
            }
            for c in result.checks
        ],
    }


def _driven(result: Result, scenario: Scenario) -> None:
    values = result.values
    if scenario.piece_of_s:
        print(
            f"  its first {scenario.seconds:g} s of {_length(scenario.piece_of_s)}, in the whole"
            " 10 ms loop on the virtual board"
        )
    else:
        print(
            f"  {values['distance_km']:.2f} km in {scenario.seconds:.0f} s, "
            f"top {values['top_kmh']:.1f} km/h of {result.vehicle.values['speed_cap_kmh']}, "
            f"{values['wh_per_km']:.0f} Wh/km"
        )
        print(
            f"  pack {values['soc_pct']:.1f} % left, lowest {values['lowest_v']:.1f} V; "
            f"range {values['range_km']:.0f} km, give or take {values['range_uncertainty_km']:.0f}"
        )
    if values["charge_on_s"]:
        phase = PHASE_NAMES[round(values["charge_phase"])]
        print(
            f"  charger on for {values['charge_on_s']:.0f} s, up to"
            f" {values['charge_top_a']:.1f} A, {values['charge_ah']:.2f} Ah; now {phase}"
        )


def _charged(result: Result, scenario: ChargeScenario) -> None:
    values = result.values
    when = f"full after {values['hours']:.1f} h" if values["full"] else "never full"
    print(
        f"  from {100.0 * scenario.soc:.0f} to {values['soc_pct']:.1f} %, {when}: "
        f"{values['charge_ah']:.1f} Ah, {values['ah_factor']:.3f} of what was missing, "
        f"{values['mains_kwh']:.1f} kWh from the socket"
    )
    hours = [(name, values[f"{name.lower()}_h"]) for name in PHASE_NAMES]
    print("  " + ", ".join(f"{name} {spent:.1f} h" for name, spent in hours if spent >= 0.05))
    print(
        f"  at most {values['top_a']:.1f} A, {values['top_v']:.1f} V, a cell"
        f" {values['top_cell_v']:.3f} V, {values['top_c']:.1f} degC"
    )


def _summary(result: Result, wall_s: float) -> None:
    scenario = result.scenario
    print(f"{scenario.name}: {scenario.summary}")
    print(f"  {result.vehicle.name}, firmware on {result.runtime}, seed {result.seed}")
    if isinstance(scenario, ChargeScenario):
        _charged(result, scenario)
    else:
        _driven(result, scenario)
    if result.injected:
        print(f"  broken on purpose: {', '.join(result.injected)}")
    if result.stored:
        rows = map(row_of, result.stored)
        print(f"  faults stored: {', '.join(f'{row[1]} ({row[2]})' for row in rows)}")
    for check in result.checks:
        e = check.expectation
        verdict = "ok  " if check.passed else "FAIL"
        low = "" if e.low < -1e300 else f"{e.low:g}"
        high = "" if e.high > 1e300 else f"{e.high:g}"
        print(f"  {verdict} {e.metric:<20} {check.value:9.3f} {e.unit:<5} in {low}..{high}")
    factor = scenario.seconds / wall_s
    outcome = "passed" if result.passed else "FAILED"
    print(
        f"{outcome}: {_length(scenario.seconds)} simulated in {wall_s:.1f} s, "
        f"{factor:.0f}x real time"
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.command is None or getattr(args, "action", "") is None:
        args.incomplete.print_help(sys.stderr)
        return 2
    try:
        if "run" in args:
            return args.run(args)
        if args.command == "sim":
            if args.action == "run":
                return _run(args)
            if args.action == "matrix":
                return _matrix(args)
            return _list(args.json) if args.action == "list" else _list_faults(args.json)
        faults = [parse_fault(text, 0.0) for text in args.faults]
        if args.flash is not None and (args.fast or faults):
            raise FaultError("--flash goes with neither --fast nor --fault: leave them out")
        return run_board(
            args.vehicle, args.board, args.link, args.fast, args.seconds, faults, args.flash
        )
    except _INPUT_ERRORS as error:
        print(f"lsev: {explain(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else error
        print(f"lsev: {what}; nothing was changed", file=sys.stderr)
        return 2
    except LinkError as error:
        lang = texts.language(getattr(args, "lang", None))
        print(f"lsev: {texts.refusal(error.slug, explain(str(error)), lang)}", file=sys.stderr)
        return 1
    except (ControllerError, FlashError, BoardError) as error:
        print(f"lsev: {explain(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lsev: stopped before the end", file=sys.stderr)
        return 130
    except _Ended as ended:
        print("lsev: stopped by a signal before the end", file=sys.stderr)
        return 128 + int(ended.args[0])
