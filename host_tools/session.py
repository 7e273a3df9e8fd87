"""Session: opens the link to a board, asks the person, unlocks with a key where one is needed."""

import getpass
import hashlib
import hmac
import os
import re
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from host_tools import texts
from host_tools.answers import Commander
from host_tools.arguments import InputError
from host_tools.link import LinkError, open_link

# The board's error code for a level that this session does not have.
_LOCKED = 33
_LEVELS = {1: "service", 2: "factory"}
_NONCE = re.compile(r"\b([0-9A-Fa-f]{32})\b")
_ID = re.compile(r"\bid ([\w.-]+)")
_LEVEL = re.compile(r"level (\d)")
_KEY_LINE = re.compile(r"(?:k([12])\s*[=: ]\s*)?([0-9A-Fa-f]{32,128})")


Opener = Callable[[str | None], AbstractContextManager[Commander]]
Answer = TypeVar("Answer")


@contextmanager
def open_session(name: str | None) -> Generator[Commander]:
    """Open the named port, or the one there is, and close it again; LinkError, PortError.

    What was unlocked is locked before: else whoever has the cable next is let in for minutes.
    """
    with open_link(name) as link:
        tell_time(link)
        try:
            yield link
        finally:
            lock_again(link)


def lock_again(link: Commander) -> None:
    """Have a board that this session has unlocked lock itself; one that is gone does it later."""
    if link.is_unlocked:
        with suppress(LinkError):
            link.command("lock")


def tell_time(link: Commander) -> None:
    """Tell the board what time it is, for its fault history; one that refuses goes without.

    A board that the last tool told to restart may hear this and then go: it is told once more.
    """
    for is_last in (False, True):
        try:
            link.command(f"time {int(time.time())}")
            return
        except LinkError as error:
            if error.code is not None:
                return
            if is_last or error.slug != "broke-off":
                raise


def ask(question: str, lang: str) -> bool:
    """Return whether the person agrees; an empty answer or the end of input does not.

    It is asked before anything is changed: who stops it there with Ctrl-C is told so.
    """
    try:
        answer = input(question + " ")
    except EOFError:
        return False
    except KeyboardInterrupt:
        print("\n" + texts.ui("nothing_changed", lang))
        raise
    return answer.strip().lower() in texts.ui("yes_words", lang).split()


def check_agreed(is_agreed: bool) -> None:
    """Raise InputError where a person must agree, has not, and cannot be asked."""
    if not is_agreed and not sys.stdin.isatty():
        raise InputError(
            "there is no terminal to ask at; nothing was changed; give --yes if it shall be done"
        )


def unlocked(link: Commander, key_file: Path | None, action: Callable[[], Answer]) -> Answer:
    """Do action; where the board says that it is locked, unlock with the key and do it again.

    The board refuses before it changes anything, so that doing it again is safe.
    """
    level = 0
    while True:
        try:
            return action()
        except LinkError as error:
            wanted = _LEVEL.search(str(error))
            if error.code != _LOCKED or wanted is None or int(wanted[1]) <= level:
                raise
            level = int(wanted[1])
        unlock(link, level, find_key(level, key_file))


def unlock(link: Commander, level: int, key: bytes) -> None:
    """Answer the board's challenge for a level; LinkError, 35 for a wrong key."""
    said = "\n".join(link.command(f"unlock {level}"))
    nonce, number = _NONCE.search(said), _ID.search(said)
    if nonce is None or number is None:
        text = f"its challenge was not understood ({said!r}); nothing changed; take a newer lsev"
        raise LinkError(_LOCKED, "locked", text)
    link.command(f"auth {response(key, number[1], level, nonce[1])}")
    link.is_unlocked = True


def response(key: bytes, number: str, level: int, nonce: str) -> str:
    """Return the answer to a challenge as 32 hex digits: half of an HMAC-SHA256."""
    message = f"lsev1|{number}|{level}|{nonce}"
    return hmac.new(key, message.encode(), hashlib.sha256).digest()[:16].hex()


def find_key(level: int, key_file: Path | None) -> bytes:
    """Return the key of a level, from the file or from the person; InputError, OSError."""
    named = key_file or (Path(os.environ["LSEV_KEY"]) if os.environ.get("LSEV_KEY") else None)
    if named is not None:
        return _key_in(named.read_text(encoding="utf-8", errors="replace"), level, str(named))
    if not sys.stdin.isatty():
        raise InputError(
            f"the board wants the {_LEVELS.get(level, level)} key (level {level}); nothing was"
            " changed; give it with --key FILE or in the file that LSEV_KEY names"
        )
    typed = getpass.getpass(f"{_LEVELS.get(level, level)} key of this vehicle (hex): ")
    return _key_in(typed, level, "what was typed")


def _key_in(text: str, level: int, where: str) -> bytes:
    """Return the key of a level out of lines `HEX`, `k1=HEX` or `k2=HEX`."""
    for line in text.splitlines():
        match = _KEY_LINE.fullmatch(line.strip())
        if match and match[1] in (None, str(level)) and len(match[2]) % 2 == 0:
            return bytes.fromhex(match[2])
    raise InputError(
        f"{where} has no key of level {level}; nothing was changed; it is a line of hex digits,"
        f" or k{level}=HEX"
    )
