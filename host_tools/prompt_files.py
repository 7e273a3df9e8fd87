"""Prompt files: the files of a board at MicroPython's prompt, by way of mpremote's transport.

Every path is written out, because where `mpremote cp -r` puts a folder depends on whether its
target is there. What is written in place may be torn by a cut; replace() is not.
"""

import ast
import errno
import os
import struct
import time
from binascii import b2a_base64
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mpremote import transport_serial  # pyright: ignore[reportMissingTypeStubs]
from mpremote.transport import (  # pyright: ignore[reportMissingTypeStubs]
    TransportError,
    TransportExecError,
)

from host_tools.board_files import About, BoardError, Entry, Progress
from host_tools.ports import open_port

# What goes to the prompt at once is text that a board must have room for beside its bytes.
_CHUNK_BYTES = 3072
_BASE64 = "from binascii import a2b_base64"
# A chip that erases a block is silent for 0.4 s; a pulled cable for ever.
_SILENCE_S = 10.0
# A board that the opening of the port has reset does not hear the first Ctrl-C.
_TRIES = 3
_FIRST_CHARS = 70

_TREE = """\
import os,hashlib
from binascii import hexlify
b=bytearray(1024);m=memoryview(b)
def t(p):
 try:l=sorted(os.ilistdir(p or '/'))
 except OSError:return
 for e in l:
  q=p+'/'+e[0]
  if e[1]&0x4000:
   print('d',0,'-',repr(q));t(q)
  else:
   h=hashlib.sha256();n=0
   with open(q,'rb') as f:
    while 1:
     k=f.readinto(b)
     if not k:break
     h.update(m[:k]);n+=k
   print('f',n,hexlify(h.digest()).decode(),repr(q))
t(%r)"""
# littlefs writes a directory into two blocks in turns, and a new one is in one of them only:
# rot there takes it, and a directory that is gone keeps all the rest from being mounted. So a
# small file, which lies in its directory, is written in the folder p until both blocks have it.
# A long directory is a chain of such pairs, by name: 400 bytes of a block have ten names.
SETTLE = """\
import os
n=os.statvfs(p)[0];d=bytes(min(120,n//8-8))
for f in sorted(os.listdir(p))[::max(1,n//400)]:
 f=p+'/'+f+'~'
 for _ in range(n//len(d)+2):
  with open(f,'wb') as o:o.write(d)
 os.remove(f)
 print(end='.')"""
_ABOUT = """\
import sys,os
from binascii import hexlify
i=sys.implementation
try:from machine import unique_id as u;u=hexlify(u()).decode()
except Exception:u=''
v=os.statvfs('/')
n='.'.join(str(k) for k in i.version[:3])
print(repr((n,getattr(i,'_machine',''),getattr(i,'_mpy',0)&255,u,v[0],v[3])))"""


# mpremote prints what it heard when it does not reach the prompt; here the error tells it.
_transport: Any = transport_serial
_transport.print = str


class PromptFiles:
    """The file system behind an entered raw REPL."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def about(self) -> About:
        """Return what MicroPython says of itself and of its flash."""
        said = self._do(
            "ask the board", lambda t: ast.literal_eval(t.exec(_ABOUT).decode().strip())
        )
        return About(*said)

    def tree(self, folder: str) -> dict[str, Entry]:
        """Return all below a folder by path, each file hashed by the board from its flash."""
        # A name may have any character in it, a line end too: its repr has none.
        return self._do(
            f"read {folder or '/'}",
            lambda t: _entries(t.exec(_TREE % folder.rstrip("/")).decode()),
        )

    def read(self, path: str) -> bytes:
        """Return a file's bytes."""
        return bytes(self._do(f"read {path}", lambda t: t.fs_readfile(path, _CHUNK_BYTES)))

    def write(self, path: str, data: bytes, progress: Progress | None = None) -> None:
        """Write a file in place."""
        # A with statement a time: no file stays open for a collection to write to.
        for at in range(0, max(1, len(data)), _CHUNK_BYTES):
            text = b2a_base64(data[at : at + _CHUNK_BYTES], newline=False).decode()
            mode = "ab" if at else "wb"
            code = f"with open({path!r},{mode!r}) as f:\n f.write(a2b_base64('{text}'))"
            self._do(f"write {path}", lambda t, code=code: t.exec(f"{_BASE64}\n{code}"))
            if progress is not None:
                progress(min(at + _CHUNK_BYTES, len(data)), len(data))

    def replace(self, path: str, data: bytes) -> None:
        """Write a file beside path, read it back and rename it over."""
        self.write(path + ".new", data)
        if self.read(path + ".new") != data:
            raise BoardError(f"{path}.new reads back other than it was written")
        self._do(
            f"rename {path}.new",
            lambda t: t.exec(f"import os\nos.rename({path + '.new'!r},{path!r})"),
        )

    def make_folder(self, path: str) -> None:
        """Make a folder."""
        self._do(f"make {path}", lambda t: t.fs_mkdir(path))

    def remove(self, path: str, is_folder: bool = False) -> None:
        """Remove a file or an empty folder."""
        self._do(f"remove {path}", lambda t: (t.fs_rmdir if is_folder else t.fs_rmfile)(path))

    def settle(self, folder: str) -> None:
        """Have a folder in both of its blocks of flash."""
        self._do(f"settle {folder}", lambda t: t.exec(f"p={folder!r}\n{SETTLE}"))

    def reset(self) -> None:
        """Start the board anew."""
        self._do("restart", lambda t: t.exec_raw_no_follow("import machine\nmachine.reset()"))

    def _do(self, what: str, action: Callable[[Any], Any]) -> Any:
        try:
            return action(self._transport)
        except TransportExecError as error:
            raise BoardError(f"could not {what}: {_last_line(error)}", _number_in(error)) from None
        except OSError as error:
            raise BoardError(f"could not {what}: {error}", error.errno or 0) from None
        except (TransportError, struct.error, ValueError, SyntaxError, IndexError) as error:
            raise BoardError(f"could not {what}: {str(error)[:_FIRST_CHARS]}") from None


def _entries(text: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for line in text.splitlines():
        kind, size, sha, path = line.split(" ", 3)
        found[ast.literal_eval(path)] = Entry(kind == "d", int(size), sha)
    return found


def _last_line(error: Any) -> str:
    return (str(error.error_output).strip().splitlines() or ["no reason given"])[-1]


def _number_in(error: Any) -> int:
    """Return the errno of a traceback: MicroPython writes `OSError: 28` or `[Errno 28] ENOSPC`."""
    line = _last_line(error)
    return errno.ENOSPC if "ENOSPC" in line or line.endswith(": 28") else 0


@contextmanager
def open_prompt(name: str) -> Generator[PromptFiles]:
    """Stop the program of the board at a port and be at its prompt; BoardError, PortError.

    A firmware that drives does not let itself be stopped: it answers Ctrl-C only when parked.
    """
    open_port(name).close()  # which says who holds the port, and what to do
    transport = _entered(name)
    try:
        yield PromptFiles(transport)
    finally:
        with suppress(OSError, TransportError):
            if transport.in_raw_repl:
                transport.exit_raw_repl()
        with suppress(OSError):
            transport.close()


def _entered(name: str) -> Any:
    # mpremote knows a pseudo terminal by its own name only, and then waits instead of polling.
    device = os.path.realpath(name) if Path(name).is_symlink() else name
    for left in reversed(range(_TRIES)):
        transport: Any = None
        try:
            transport = transport_serial.SerialTransport(device, timeout=_SILENCE_S)
            transport.enter_raw_repl()
            return transport
        except (TransportError, OSError) as error:
            if transport is not None:
                with suppress(OSError):
                    transport.close()
            if not left:
                raise BoardError(
                    f"{name}: no MicroPython prompt ({error}); stop the car, key off, press the"
                    " board's reset; a board without MicroPython: `lsev provision`"
                ) from None
            time.sleep(0.5)
    raise AssertionError
