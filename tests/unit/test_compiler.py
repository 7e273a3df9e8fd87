"""Compiler: a traceback on the board calls a module by its last name, so each has its own."""

from host_tools.compiler import FIRMWARE_DIR, PACKAGES, compile_text


def test_every_module_has_a_last_name_of_its_own_for_tracebacks() -> None:
    files = [path for name in PACKAGES for path in (FIRMWARE_DIR / name).rglob("[!_]*.py")]
    assert len({path.stem for path in files}) == len(files) > 90


def test_the_bytecode_has_the_last_name_and_not_the_path() -> None:
    code = compile_text("vcu/loop.py", "X = 1\n")
    assert b"loop" in code
    assert b"vcu" not in code
