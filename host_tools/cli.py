"""The lsev command: simulate a drive or a charge, start a virtual board, look after a real one.

Exit status: 0 success, 1 a scenario's expectations failed or a device reported
an error, 2 bad usage or input.
"""

import argparse
import io
import os
import signal
import sys
from typing import Any

from host_tools import (
    board_command,
    calibrate_command,
    faults_command,
    flash_command,
    log_command,
    monitor_command,
    params_command,
    provision_command,
    report_command,
    sim_command,
    texts,
    versions_command,
)
from host_tools.arguments import InputError
from host_tools.board_files import BoardError
from host_tools.bundle import BundleError, version_of
from host_tools.compiler import FIRMWARE_DIR
from host_tools.endings import Ended, ended_by_signals
from host_tools.link import LinkError
from host_tools.parameter_help import explain
from host_tools.slots import FlashError
from sim.charge_scenario import UnfitError
from sim.controller import ControllerError
from sim.cycle import DataFileError
from sim.faults import FaultError
from sim.scenario import ScenarioError
from sim.vehicle import ParameterError, VehicleError

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

_INPUT_ERRORS = (
    ScenarioError, UnfitError, VehicleError, ParameterError, FaultError, DataFileError,
    InputError, BundleError,
)  # fmt: skip
# Each adds itself with add_command(), and names what runs it.
_COMMANDS = (
    sim_command,
    board_command,
    monitor_command,
    faults_command,
    params_command,
    calibrate_command,
    log_command,
    report_command,
    flash_command,
    versions_command,
    provision_command,
)


class _Parser(argparse.ArgumentParser):
    """Keeps the line breaks of description and examples; its sub-parsers do so too."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **keywords)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="lsev",
        description="Drive or charge a simulated car with the real firmware, start a virtual\n"
        "board, or look after a car at a serial port.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"lsev {version_of(FIRMWARE_DIR)}")
    parser.set_defaults(incomplete=parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in _COMMANDS:
        command.add_command(commands)
    return parser


def _open_streams() -> None:
    """Have the three standard streams, also where whoever started this has closed one.

    Else a port or a file would get its number, and a child process would write into that.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # A standard stream is open until the process ends: no `with` lasts that long.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    _open_streams()
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")  # a character that a terminal does not have is a ?
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.command is None or getattr(args, "action", "") is None:
        args.incomplete.print_help(sys.stderr)
        return 2
    try:
        # A terminal that is closed must not leave a board unlocked, or at its prompt.
        with ended_by_signals():
            status = int(args.run(args))
        sys.stdout.flush()
        return status
    except _INPUT_ERRORS as error:
        print(f"lsev: {explain(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read the output, `head` say, has enough; Python must not try to flush the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + getattr(signal, "SIGPIPE", 13)  # Windows has none
    except OSError as error:
        if error.errno is not None and error.filename is None:
            # No file has a name like that: as a rule what was to be printed, after it was done.
            print(
                f"lsev: {error.strerror}, for what was to be printed: whether the command was done"
                " is not known; look before you do it again",
                file=sys.stderr,
            )
            return 1
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
    except Ended as ended:
        print("lsev: stopped by a signal before the end", file=sys.stderr)
        return 128 + int(ended.args[0])
