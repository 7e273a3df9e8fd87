"""Provision: says how MicroPython comes onto a bare chip, and gives a board its vehicle and keys.

The keys are made here and written to a file before the board gets them: a board whose keys
nobody has is locked for ever.
"""

import argparse
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from host_tools.arguments import Commands, InputError, add_port
from host_tools.board_files import BoardError
from host_tools.bundle import MICROPYTHON_MIN
from host_tools.files import check_free
from host_tools.fit import chip_of, numbers
from host_tools.flash_steps import Tools, at_prompt, stop_program
from host_tools.link import LinkError
from host_tools.ports import choose_port
from host_tools.session import Opener, open_session, unlocked
from host_tools.slots import FlashError
from service.identity import is_number, is_vin

_KEY_BYTES = 16
_PROVISION_S = 15.0
# The board's codes for a level that this session has not, and for keys that are not its own.
_NOT_ALLOWED = (33, 35, 36, 37)


@dataclass(frozen=True)
class Image:
    """Which MicroPython image a board takes, and where in its flash."""

    chip: str
    name: str
    offset: str


# The ROM of an ESP32 looks for the loader at 0x1000, that of an S3 at 0 (esptool's own table).
IMAGES = {
    "esp32": Image("esp32", "ESP32_GENERIC", "0x1000"),
    "esp32_s3": Image("esp32s3", "ESP32_GENERIC_S3", "0x0"),
}


def instructions(board: str, port: str) -> list[str]:
    """Return the lines that tell how MicroPython comes onto a board."""
    image = IMAGES[board]
    line = f"esptool --chip {image.chip} --port {port}"
    return [
        f"MicroPython for {board}: any version from {MICROPYTHON_MIN} on, a file"
        f" {image.name}-DATE-VERSION.bin from",
        f"  https://micropython.org/download/{image.name}/",
        "1. hold BOOT, press and let go of RESET, let go of BOOT",
        "2. see that it is the chip that the image is for:",
        f"  {line} flash-id",
        "3. erase; this removes parameters, odometer, fault history and keys as well:",
        f"  {line} erase-flash",
        "4. write the image; esptool refuses an image of another chip:",
        f"  {line} write-flash {image.offset} {image.name}-DATE-VERSION.bin",
        "5. press RESET, then:",
        f"  lsev flash --port {port} --board {board} --vehicle NAME",
        f"  lsev provision --port {port} --id NUMBER --vin VIN --key-file KEYS.txt",
    ]


def run(
    args: argparse.Namespace, opener: Opener = open_session, tools: Tools | None = None
) -> int:
    """Give the board its vehicle; without --id say what it is and what it needs."""
    if args.id is None:
        if args.vin or args.key_file or args.key:
            raise InputError(
                "--vin, --key-file and --key belong to --id; nothing was changed; give --id too"
            )
        return _explain(args, tools or Tools())
    if not is_number(args.id):
        raise InputError("--id has 1 to 20 letters, digits, - _ or dots; nothing was changed")
    if args.vin is None or not is_vin(args.vin):
        raise InputError("--vin has 17 of A-Z and 0-9, no I O Q; nothing was changed")
    if args.key_file is None:
        raise InputError("--key-file says where the new keys go; nothing was changed")
    check_free(args.key_file)
    with opener(args.port) as link:
        link.command("id")  # a board that does not answer gets no file of keys
        keys = _new_keys(args.key_file, args.id)
        line = f"provision id={args.id} vin={args.vin} k1={keys[0]} k2={keys[1]}"
        try:
            said = unlocked(link, args.key, lambda: link.command(line, timeout_s=_PROVISION_S))
            link.command("lock")
        except BaseException as error:
            if _is_refused(error):
                args.key_file.unlink()
                raise
            print(f"whether the board took the keys is not known: keep {args.key_file}")
            raise
    print("\n".join(said))
    print(f"keys: {args.key_file}, for you alone; without them nobody changes this board again")
    return 0


def _is_refused(error: BaseException) -> bool:
    """Return whether the board has surely not taken the keys: who asked may not give any."""
    return isinstance(error, InputError) or (
        isinstance(error, LinkError) and error.code in _NOT_ALLOWED
    )


def _new_keys(path: Path, number: str) -> tuple[str, str]:
    """Make two keys and write them where only this user reads them; OSError when it is there."""
    keys = (secrets.token_hex(_KEY_BYTES), secrets.token_hex(_KEY_BYTES))
    text = f"# lsev keys of {number}: workshop, factory\nk1={keys[0]}\nk2={keys[1]}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:  # half a file of keys would stand in the way of the next try
        path.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from None
    return keys


def _explain(args: argparse.Namespace, tools: Tools) -> int:
    """Look at the chip and its MicroPython where one answers; else tell all the steps."""
    port = choose_port(args.port)
    try:
        with at_prompt(tools, port, stop_program(tools, port)) as files:
            about = files.about()
    except BoardError:
        print(f"{port}: no MicroPython answers")
        for board in [args.board] if args.board else IMAGES:
            print("\n".join(["", *instructions(board, port)]))
        return 0
    chip = chip_of(about.machine)
    print(f"{port}: MicroPython {about.micropython} on {about.machine or 'an unknown chip'}")
    fitting = [name for name, image in IMAGES.items() if image.chip.upper() == chip]
    if args.board and chip and args.board not in fitting:
        raise FlashError(
            f"the chip is {chip}, and {args.board} has another; nothing was changed; it can be:"
            f" {', '.join(fitting) or 'no board of this firmware'}"
        )
    board = args.board or (fitting[0] if fitting else "")
    if numbers(about.micropython) < numbers(MICROPYTHON_MIN):
        print(f"that is older than {MICROPYTHON_MIN}, which the firmware needs")
        for name in [board] if board else IMAGES:
            print("\n".join(instructions(name, port)))
        return 0
    print(f"that will do; next: lsev flash --port {port} --board {board or 'NAME'} --vehicle NAME")
    print(f"then: lsev provision --port {port} --id NUMBER --vin VIN --key-file KEYS.txt")
    return 0


_EXAMPLES = """\
examples:
  lsev provision                         what the chip is, and how MicroPython comes onto it
  lsev provision --id LSEV-0007 --vin LLSEV4W60AGM00037 --key-file keys_0007.txt
  lsev provision --id LSEV-0008 --vin LLSEV4W60AGM00038 --key-file new.txt --key old.txt

A board that has keys wants its factory key for new ones. The keys are made here; the file is
written first and never over another one. Keep it where only you can read it.
exit status: 0 done or explained, 1 the board refused, 2 bad input or no port
"""


def add_command(commands: Commands) -> None:
    """Add `lsev provision`."""
    parser = commands.add_parser(
        "provision",
        help="prepare a bare board, and give it its vehicle and keys",
        description="Say how MicroPython comes onto a bare board; with --id, --vin and\n"
        "--key-file give a flashed board its vehicle and keys.",
        epilog=_EXAMPLES,
    )
    add_port(parser)
    parser.add_argument("--board", choices=sorted(IMAGES), help="the board (default: by its chip)")
    parser.add_argument("--id", metavar="NUMBER", help="the vehicle's number")
    parser.add_argument("--vin", metavar="VIN", help="its identification number, 17 characters")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="where the new keys go")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the present keys, if it has any")
    parser.set_defaults(run=run)
