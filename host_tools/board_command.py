"""Board command: takes what a virtual board shall be, and starts it."""

import argparse
from pathlib import Path

from host_tools.arguments import Commands, InputError, add_fault, duration_s
from host_tools.bundle import board_names
from host_tools.hands import WORDS
from sim.controller import ControllerError
from sim.faults import parse_fault

_EXAMPLES = """\
examples:
  lsev board                        show the serial port, run until Ctrl-C
  lsev board --link my-board        the port is also my-board while the board runs
  lsev board --fast --seconds 60    one simulated minute, as fast as it goes
  lsev board --fault pedal_a_open   with something broken from the start
  lsev board --flash f.img --link p   a board for mpremote and lsev flash, its files in f.img
"""


def run(args: argparse.Namespace) -> int:
    """Run the virtual board to its end and return the exit status."""
    faults = [parse_fault(text, 0.0) for text in args.faults]
    if args.flash is not None and (args.fast or faults):
        raise InputError(
            "--flash goes with neither --fast nor --fault; nothing was started; leave them out"
        )
    try:  # only here: the other commands need no pseudo terminal, which Windows has not
        from host_tools.board import run_board
    except ImportError:
        raise ControllerError(
            "a virtual board needs Linux or macOS; nothing was started; `lsev sim run` goes here"
        ) from None
    return run_board(
        args.vehicle, args.board, args.link, args.fast, args.seconds, faults, args.flash
    )


def add_command(commands: Commands) -> None:
    """Add `lsev board`."""
    board = commands.add_parser(
        "board",
        help="start a virtual board with a serial port",
        description="Start a virtual board: firmware/main.py in MicroPython, its pins wired to a\n"
        "simulated car that stands parked with the key off. What is typed where it runs is\n"
        f"done to the car; cut is its supply:\n{WORDS}.",
        epilog=_EXAMPLES,
    )
    board.add_argument(
        "--vehicle",
        metavar="NAME",
        default="four_wheel_60v_agm",
        help="a preset (default: %(default)s)",
    )
    board.add_argument(
        "--board",
        choices=board_names(),
        default="esp32_s3",
        help="whose pins and dividers (default: %(default)s)",
    )
    board.add_argument("--link", type=Path, metavar="PATH", help="symlink to make to its port")
    board.add_argument("--fast", action="store_true", help="as fast as it goes, not in real time")
    board.add_argument(
        "--seconds", type=duration_s, metavar="N", help="stop after N simulated seconds"
    )
    add_fault(board, "from the start")
    board.add_argument(
        "--flash",
        type=Path,
        metavar="IMAGE",
        help="run what is in this flash, made blank if it is not there, and let mpremote in;\n"
        "the car stands still, in real time, and nothing that is typed is listened to",
    )
    board.set_defaults(run=run)
