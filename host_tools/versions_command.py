"""Versions: shows what is in the two slots of a board, and goes back to the other one.

Both stop the program of a parked board for a moment, and start it again.
"""

import argparse
import json
from pathlib import Path

from host_tools.arguments import Commands, add_key, add_port, add_yes
from host_tools.board_files import BoardError
from host_tools.fit import check_vehicle
from host_tools.flash_restore import look_after, wanted_dump
from host_tools.flash_screen import plain
from host_tools.flash_start import Chosen, wait_for_start
from host_tools.flash_steps import Running, Tools, at_prompt, back_up, stop_program
from host_tools.install import choose_other, other_slot
from host_tools.ports import choose_port
from host_tools.session import ask, check_agreed
from host_tools.slots import FlashError, State, inspect


def run_versions(args: argparse.Namespace, tools: Tools | None = None) -> int:
    """Show the slots; 1 when no slot has a whole version."""
    tools = tools or Tools()
    port = choose_port(args.port)
    try:
        stopped = stop_program(tools, port)
        with at_prompt(tools, port, stopped) as files:
            state = inspect(files)
    except BoardError as error:
        raise FlashError(f"{error}; nothing was changed; check the cable and try again") from None
    print(json.dumps(_object(state)) if args.json else "\n".join(state.describe()))
    return 0 if state.kept is not None else 1


def _object(state: State) -> dict[str, object]:
    return {
        "micropython": state.about.micropython,
        "machine": state.about.machine,
        "chosen": vars(state.record) if state.record is not None else None,
        "slots": [
            {
                "slot": slot.name,
                "whole": slot.is_whole,
                "trouble": slot.trouble,
                "version": slot.manifest.version if slot.manifest else None,
                "sum": slot.manifest.total if slot.manifest else None,
                "board": slot.manifest.board if slot.manifest else None,
                "vehicle": slot.manifest.vehicle if slot.manifest else None,
            }
            for slot in state.slots.values()
        ],
    }


def run_rollback(args: argparse.Namespace, tools: Tools | None = None) -> int:
    """Choose the other slot, start it and see it run; FlashError keeps what was chosen."""
    tools = tools or Tools()
    check_agreed(args.yes)
    port = choose_port(args.port)
    try:
        before = stop_program(tools, port)
        with at_prompt(tools, port, before) as files:
            state = inspect(files)
            print("\n".join(state.describe()))
            slot, manifest = other_slot(state)
            preset = files.read(f"/{slot}/vehicle.py")
            other = check_vehicle(manifest.vehicle, preset, files, state, before, args.force)
            if other:
                print(other)
            if not args.yes and not ask("go back? [y/N]", "en"):
                print("nothing was changed")
                return 1
            number = plain(before.identity.get("unique_id") or state.about.unique_id)
            path = Path(f"lsev_backup_{number}_{tools.now():%Y%m%d_%H%M%S}.zip")
            print(back_up(files, state, before, path))
            choose_other(files, state)
    except BoardError as error:
        raise FlashError(
            f"{error}; the choice of the slot is as before or as wished, never half; look with"
            " `lsev versions`, check the cable and try again"
        ) from None
    chosen = Chosen(state.about.unique_id, slot, manifest.version, manifest.total)
    _see_it_run(tools, port, chosen, before, bool(other), args.key)
    print(f"PASS: {chosen} runs, on trial for 30 s")
    return 0


def _see_it_run(
    tools: Tools, port: str, chosen: Chosen, before: Running, is_other: bool, key: Path | None
) -> None:
    """Wait for the start, and tell what became of the parameters; FlashError."""
    after = wait_for_start(tools, port, chosen, before.dump)
    if is_other:  # what was set for another car must not come back to this one
        before = Running(before.identity)
    # An older version may not be able to read what a newer one has written.
    dump = wanted_dump(None, before, after)
    for line in look_after(tools, port, chosen, dump, before, after, key):
        print(line)


_VERSIONS_EXAMPLES = """\
examples:
  lsev versions
  lsev versions --port COM7 --json

The board must be parked: its program is stopped for a moment and started again.
exit status: 0 shown, 1 no whole version or the board refused, 2 no port
"""
_ROLLBACK_EXAMPLES = """\
examples:
  lsev rollback
  lsev rollback --port /dev/ttyACM0 --yes

The board must be parked. Parameters, odometer and faults stay, and a backup file of them is
written first; where the other version cannot read the parameters, they are given back to it.
The version that is left stays in its slot: a second rollback goes back to it. A version for
another vehicle has another cap and charge: it wants --force. Without a terminal to ask at, it
wants --yes.
exit status: 0 the other version runs and drives, 1 it does not, or the answer was no, 2 no port,
or --yes is missing
"""


def add_command(commands: Commands) -> None:
    """Add `lsev versions` and `lsev rollback`."""
    versions = commands.add_parser(
        "versions",
        help="show the firmware versions on a board",
        description="Show MicroPython, the two slots of a board and which one starts.",
        epilog=_VERSIONS_EXAMPLES,
    )
    versions.add_argument("--json", action="store_true", help="print one JSON object")
    versions.set_defaults(run=run_versions)
    rollback = commands.add_parser(
        "rollback",
        help="go back to the version in the other slot",
        description="Choose the other slot of a board, start it and see it run.",
        epilog=_ROLLBACK_EXAMPLES,
    )
    add_yes(rollback)
    add_key(rollback)
    rollback.add_argument("--force", action="store_true", help="also to another vehicle")
    rollback.set_defaults(run=run_rollback)
    for parser in (versions, rollback):
        add_port(parser)
