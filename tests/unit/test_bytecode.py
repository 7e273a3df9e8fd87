"""The bytecode that the virtual board runs is that of the sources as they are now."""

import os

import pytest

from sim import bytecode
from sim.controller import ControllerError


@pytest.fixture
def firmware(tmp_path, monkeypatch):
    monkeypatch.setattr(bytecode, "_BUILD_DIR", tmp_path / "build")
    folder = tmp_path / "firmware"
    (folder / "vcu").mkdir(parents=True)
    (folder / "vcu" / "pedal.py").write_text("A = 1\n")
    (folder / "vcu" / "speed.py").write_text("B = 2\n")
    return folder


def test_an_edited_module_and_no_other_is_compiled_anew(firmware):
    folder = bytecode.compiled(firmware)
    pedal = folder / "vcu" / "pedal.mpy"
    speed = folder / "vcu" / "speed.mpy"
    before = pedal.read_bytes()
    kept = speed.stat()
    source = firmware / "vcu" / "pedal.py"
    changed_ns = source.stat().st_mtime_ns
    source.write_text("A = 3\n")
    os.utime(source, ns=(changed_ns - 5_000_000_000, changed_ns - 5_000_000_000))  # an older one
    assert bytecode.compiled(firmware) == folder
    assert pedal.read_bytes() != before
    assert (speed.stat().st_ino, speed.stat().st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)
    assert sorted(path.name for path in (folder / "vcu").iterdir()) == ["pedal.mpy", "speed.mpy"]


def test_a_module_that_is_gone_cannot_be_imported_any_more(firmware):
    folder = bytecode.compiled(firmware)
    (firmware / "vcu" / "speed.py").unlink()
    bytecode.compiled(firmware)
    assert [path.name for path in (folder / "vcu").iterdir()] == ["pedal.mpy"]


def test_a_module_that_does_not_compile_is_named(firmware):
    (firmware / "vcu" / "speed.py").write_text("B = = 2\n")
    with pytest.raises(ControllerError, match=r"speed\.py.*line 1"):
        bytecode.compiled(firmware)


def test_where_nothing_can_be_kept_the_sources_are_run(firmware, tmp_path):
    (tmp_path / "build").write_text("")
    assert bytecode.compiled(firmware) == firmware
