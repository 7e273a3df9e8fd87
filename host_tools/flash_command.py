"""Flash: puts the firmware onto a board or updates it; the version before stays until it runs.

The new version goes into the slot that is not used. Until all of it has been read back, and the
board has started it, a pulled cable or a lost supply leaves the board as it was.
"""

import argparse
from pathlib import Path

from host_tools.arguments import PORT_HELP, Commands, add_key, add_yes
from host_tools.board_files import BoardError
from host_tools.bundle import Bundle, BundleError, board_names, build, read_bundle, write_bundle
from host_tools.endings import Ended
from host_tools.files import check_free
from host_tools.fit import build_for, check_fit, check_vehicle
from host_tools.flash_bench import bench_ports, flash_all
from host_tools.flash_restore import check_key, look_after, read_backup, wanted_dump
from host_tools.flash_screen import Screen, Work, plain
from host_tools.flash_start import Chosen, wait_for_start
from host_tools.flash_steps import Running, Tools, at_prompt, back_up, stop_program
from host_tools.install import install
from host_tools.ports import choose_port
from host_tools.session import ask, check_agreed
from host_tools.slots import FlashError, State, differing_root_files, inspect
from sim.vehicle import vehicle_names


def run(args: argparse.Namespace, tools: Tools | None = None) -> int:
    """Flash the board or all of them; 0 all passed, 1 one failed."""
    tools = tools or Tools()
    # What is wrong with the input is told before a port is opened.
    bundle = read_bundle(args.bundle) if args.bundle else None
    args.dump = read_backup(args.restore) if args.restore else None
    _check_names(args, bundle)
    if args.save_bundle:
        return _save(args)
    check_agreed(args.yes)
    if bundle is None and args.board and args.vehicle:
        bundle = build(args.board, args.vehicle)
    ports = [choose_port(args.port)] if args.all is None else bench_ports(args.all)
    for port in ports:
        if report := _report_of(args, port):
            check_free(report)
    if args.all is not None:
        _agree_to_all(args, ports)
        return flash_all(ports, lambda work, own: flash(work, args, bundle, own), tools)
    screen = Screen()
    work = Work(ports[0], screen.tell, screen.show)
    return 0 if flash(work, args, bundle, tools) else 1


def _check_names(args: argparse.Namespace, bundle: Bundle | None) -> None:
    """Raise BundleError for a board or vehicle that is none, or not the bundle's."""
    its = ("", "") if bundle is None else (bundle.board, bundle.vehicle)
    for option, name, names, there in (
        ("--board", args.board, board_names(), its[0]),
        ("--vehicle", args.vehicle, vehicle_names(), its[1]),
    ):
        if name and name not in names:
            raise BundleError(
                f"there is no {option} {name}; nothing was changed; there are: {', '.join(names)}"
            )
        if name and bundle is not None and name != there:
            raise BundleError(
                f"{args.bundle} is for {bundle.board}, {bundle.vehicle}, and {option} says {name}:"
                f" a bundle is installed as it is; nothing was changed; leave {option} out, or"
                " leave --bundle out to build for what you name"
            )


def _save(args: argparse.Namespace) -> int:
    if not args.board or not args.vehicle:
        raise BundleError("--save-bundle needs --board and --vehicle; nothing was written")
    bundle = build(args.board, args.vehicle)
    write_bundle(bundle, args.save_bundle)
    print(f"{args.save_bundle}: version {bundle.version}, sum {bundle.total}")
    return 0


def flash(work: Work, args: argparse.Namespace, bundle: Bundle | None, tools: Tools) -> bool:
    """Do all steps with one board, write its report and return whether it passed."""
    stamp = f"{tools.now():%Y%m%d_%H%M%S}"
    started = tools.monotonic()
    try:
        _steps(work, args, bundle, tools, stamp)
        verdict, passed = "PASS", True
    except OSError as error:  # the port, or the file of the backup: nothing is done without it
        if not work.is_one_of_many:
            if error.errno is not None and error.filename is None:  # whoever listened is gone
                end = f"FAIL: stopped by a lost output; {work.kept}"
                _report(work, args, tools, started, stamp, end)
            raise
        verdict, passed = f"FAIL: {error}; {work.kept}", False
    except (FlashError, BundleError) as error:
        verdict, passed = f"FAIL: {error}", False
    except (KeyboardInterrupt, Ended) as error:
        who = "Ctrl-C" if isinstance(error, KeyboardInterrupt) else "a signal"
        _report(work, args, tools, started, stamp, f"FAIL: stopped by {who}; {work.kept}")
        raise
    except BoardError as error:  # install() makes a FlashError of it: this was before
        verdict = f"FAIL: {error}; nothing was changed on the board; check the cable, try again"
        passed = False
    _report(work, args, tools, started, stamp, verdict)
    return passed


def _report(
    work: Work, args: argparse.Namespace, tools: Tools, started: float, stamp: str, verdict: str
) -> None:
    """Write all that was said into the report, and tell how it ended."""
    path = _report_of(args, work.port) or Path(f"lsev_flash_{work.number}_{stamp}.txt")
    seconds = tools.monotonic() - started
    work.end(verdict, f"lsev flash {work.port} {stamp}, {seconds:.1f} s", path)


def _report_of(args: argparse.Namespace, port: str) -> Path | None:
    """Return the file that --report names, for each of many ports one of its own."""
    path: Path | None = args.report
    return path.with_stem(f"{path.stem}_{plain(port)}") if path and args.all is not None else path


def _steps(
    work: Work, args: argparse.Namespace, bundle: Bundle | None, tools: Tools, stamp: str
) -> None:
    if args.dump:
        check_key(tools, work.port, args.dump, args.key)
    before = stop_program(tools, work.port)
    with at_prompt(tools, work.port, before) as files:
        state = inspect(files)
        work.kept = f"nothing was changed; {state.stays}"
        _describe(work, state, before)
        bundle = bundle or build_for(args.board, args.vehicle, state, before)
        check_fit(bundle, state, before, args.force)
        preset = bundle.files["vehicle.py"]
        other = check_vehicle(bundle.vehicle, preset, files, state, before, args.force)
        for line in _plan(bundle, state, args.root):
            work.say(line)
        if other:
            work.say(other)
        _agree(args, bundle, state)
        work.say(back_up(files, state, before, Path(f"lsev_backup_{work.number}_{stamp}.zip")))
        work.kept = f"{state.keeps}; `lsev flash` begins anew, `lsev versions` shows what is there"
        slot = install(files, bundle, state, work.progress, args.root)
        work.say(f"slot {slot}: all of {len(bundle.files)} files read back, and chosen")
    chosen = Chosen(state.about.unique_id, slot, bundle.version, bundle.total)
    work.kept = f"all of {chosen} is there and chosen, on trial; `lsev versions` shows it"
    work.show("waiting for the self-test")
    after = wait_for_start(tools, work.port, chosen, before.dump)
    work.say(f"{chosen} runs and has passed its self-test")
    work.say("it confirms itself after 30 s without an error; until then leave the supply on")
    work.show("looking at the parameters")
    if other:  # what was set for another car must not come back to this one
        before = Running(before.identity)
    dump = wanted_dump(args.dump, before, after)
    for line in look_after(tools, work.port, chosen, dump, before, after, args.key):
        work.say(line)


def _describe(work: Work, state: State, before: Running) -> None:
    identity = before.identity
    number = identity.get("unique_id") or state.about.unique_id
    if number:
        work.name(number)
    if identity:
        what = (identity.get(word, "?") for word in ("version", "board", "vehicle"))
        work.say("runs: version {}, {}, {}".format(*what))
    for line in state.describe():
        work.say(line)


def _plan(bundle: Bundle, state: State, renews_root: bool) -> list[str]:
    said = [f"bundle: version {bundle.version} for {bundle.board}, {bundle.vehicle}"]
    said.append(f"sum {bundle.total}")
    differing = ", ".join(differing_root_files(state, bundle)) if state.is_ours else ""
    if differing:
        how = "put anew" if renews_root else "left as they are; --root puts them anew"
        said.append(f"other than this lsev's: {differing}: {how}")
    return said


def _agree_to_all(args: argparse.Namespace, ports: list[str]) -> None:
    """Show the ports and ask once, before the program of any board is stopped; FlashError."""
    if args.yes:
        return
    print("\n".join(ports))
    if not ask(f"stop and flash what is at these ports ({len(ports)})? [y/N]", "en"):
        raise FlashError("nothing was changed, as you wished; every board runs on")


def _agree(args: argparse.Namespace, bundle: Bundle, state: State) -> None:
    if args.yes or args.all is not None:  # of many boards was asked before the first one
        return
    if not ask(f"install version {bundle.version} in slot {state.idle}? [y/N]", "en"):
        raise FlashError(f"nothing was changed, as you wished; {state.stays}")


_EXAMPLES = """\
examples:
  lsev flash                             update the only board there is to this version
  lsev flash --board esp32_s3 --vehicle four_wheel_60v_agm   a board's first time
  lsev flash --board esp32_s3 --vehicle four_wheel_60v_agm --save-bundle v1.zip
  lsev flash --port COM7 --bundle v1.zip       the same bytes in another place
  lsev flash --all                       every port that may be a board, at the same time
  lsev flash --all COM7 COM9             these ports

The board must be parked. Its records (parameters, odometer, faults) stay on it and are compared;
a backup file of them is written first. Where the new version cannot read the parameters, those
of before are given back; --restore does so for a board that was erased or replaced. A report
file says what was done.
It asks before it writes, with --all once for all ports; without a terminal it wants --yes.
exit status: 0 PASS, 1 FAIL, or the answer was no, 2 bad input, --yes is missing, or no port
"""


def add_command(commands: Commands) -> None:
    """Add `lsev flash`."""
    parser = commands.add_parser(
        "flash",
        help="put the firmware onto a board, or update it",
        description="Build the firmware, write it into the slot that is not used, read all of it\n"
        "back, choose it, and see it start.",
        epilog=_EXAMPLES,
    )
    ports = parser.add_mutually_exclusive_group()
    ports.add_argument("--port", metavar="PORT", help=PORT_HELP)
    ports.add_argument(
        "--all", nargs="*", metavar="PORT", help="the boards of these ports, or of all, at once"
    )
    parser.add_argument("--board", metavar="NAME", help="the board (default: what it says)")
    parser.add_argument("--vehicle", metavar="NAME", help="the preset (default: what it has)")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="install this, do not build")
    parser.add_argument(
        "--save-bundle", type=Path, metavar="FILE", help="only build, and write it to FILE"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="a new file for the report")
    parser.add_argument(
        "--restore", type=Path, metavar="FILE", help="give it the parameters of a backup or dump"
    )
    add_yes(parser)
    add_key(parser)
    parser.add_argument(
        "--force", action="store_true", help="also an older version or another vehicle"
    )
    parser.add_argument(
        "--root", action="store_true", help="also boot.py and the selector, for one damaged"
    )
    parser.set_defaults(run=run)
