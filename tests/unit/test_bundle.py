"""Bundle: the same bytes each time, and nothing that is damaged passes for one."""

import json
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.bundle import (
    MANIFEST,
    Bundle,
    BundleError,
    build,
    parse_manifest,
    read_bundle,
    total_of,
    version_of,
    write_bundle,
)
from host_tools.compiler import FIRMWARE_DIR, PACKAGES

HEAD = ("version", "board", "vehicle", "micropython_min")
BOARD, VEHICLE = "esp32_s3", "four_wheel_60v_agm"


@pytest.fixture(scope="module")
def built() -> Bundle:
    return build(BOARD, VEHICLE)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A bundle of four files, in a file."""
    files = {
        "main.mpy": b"M\x06" + bytes(50),
        "vcu/loop.mpy": b"M\x06loop",
        "board.py": b"A = 1\n",
        "vehicle.py": b"B = 1\n",
    }
    path = tmp_path / "small.zip"
    write_bundle(Bundle("1.2.3", BOARD, VEHICLE, "1.26.0", files), path)
    return path


def test_a_bundle_has_every_module_of_the_firmware_precompiled(built: Bundle) -> None:
    folder = FIRMWARE_DIR
    sources = [p for part in PACKAGES for p in (folder / part).rglob("*.py")]
    modules = {p.relative_to(folder).with_suffix(".mpy").as_posix() for p in sources}
    assert set(built.files) == modules | {"main.mpy", "board.py", "vehicle.py"}
    assert all(data[:2] == b"M\x06" for name, data in built.files.items() if name in modules)
    assert len(modules) > 90


def test_the_same_input_makes_the_same_bytes_in_another_place(
    built: Bundle, copied_firmware
) -> None:
    copy = copied_firmware("main.py", 'VERSION = "', 'VERSION = "')
    again = build(BOARD, VEHICLE, copy)
    assert (again.total, again.manifest) == (built.total, built.manifest)


def test_another_byte_of_a_source_makes_another_sum(built: Bundle, copied_firmware) -> None:
    copy = copied_firmware("main.py", '"records"', '"recordz"')
    assert build(BOARD, VEHICLE, copy).total != built.total


def test_the_manifest_states_what_the_selector_checks(built: Bundle) -> None:
    values = json.loads(built.manifest)
    assert values["version"] == version_of(FIRMWARE_DIR)
    assert (values["board"], values["vehicle"]) == (BOARD, VEHICLE)
    head = [values[key] for key in HEAD]
    assert values["total"] == total_of(head, map(tuple, values["files"]))
    assert len(built.manifest) < 32768  # what the selector reads of it at most


def test_the_vehicle_says_its_name(built: Bundle) -> None:
    assert built.files["vehicle.py"].endswith(b'NAME = "four_wheel_60v_agm"\n')


def test_what_does_not_compile_is_named(copied_firmware) -> None:
    copy = copied_firmware("vcu/loop.py", '"""', 'def (\n"""')
    with pytest.raises(
        BundleError, match=r"^vcu/loop\.py does not compile: .*nothing was changed"
    ):
        build(BOARD, VEHICLE, copy)


def test_an_unknown_board_or_vehicle_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BundleError, match="esp32_s3"):
        build("esp32_c3", VEHICLE)
    with pytest.raises(BundleError, match="four_wheel_60v_agm"):
        build(BOARD, "tractor")


def test_a_bundle_comes_out_of_its_file_as_it_went_in(small: Path) -> None:
    found = read_bundle(small)
    assert (found.version, found.board, len(found.files)) == ("1.2.3", BOARD, 4)
    first = small.read_bytes()
    write_bundle(found, small)
    assert small.read_bytes() == first


def test_a_bundle_cut_off_anywhere_is_refused_and_says_what_to_do(small: Path) -> None:
    data = small.read_bytes()
    for size in range(0, len(data), 7):
        small.write_bytes(data[:size])
        with pytest.raises(BundleError, match=r"no whole bundle.*nothing was changed.*again"):
            read_bundle(small)


def test_no_flipped_bit_of_a_bundle_changes_what_would_be_installed(small: Path) -> None:
    data = small.read_bytes()
    whole = read_bundle(small)
    refused = 0
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << (at % 8)
        small.write_bytes(flipped)
        try:
            found = read_bundle(small)
        except BundleError:
            refused += 1
            continue
        assert found == whole  # a date or a mark of the zip file, that nobody reads
    assert refused > len(data) // 2


def test_a_flipped_bit_in_any_file_of_the_real_bundle_is_refused(
    built: Bundle, tmp_path: Path
) -> None:
    path = tmp_path / "flipped.zip"
    for name, data in built.files.items():
        at = len(data) // 2
        wrong = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
        with zipfile.ZipFile(path, "w") as archive:  # whose own sums are right
            for other, kept in built.files.items():
                archive.writestr(other, wrong if other == name else kept)
            archive.writestr(MANIFEST, built.manifest)
        with pytest.raises(BundleError, match=r"no whole bundle.*nothing was changed, the board"):
            read_bundle(path)


def test_a_file_that_does_not_fit_its_manifest_is_refused(small: Path) -> None:
    whole = read_bundle(small)
    with zipfile.ZipFile(small, "w") as archive:
        for name, data in {**whole.files, "board.py": b"A = 2\n"}.items():
            archive.writestr(name, data)
        archive.writestr(MANIFEST, whole.manifest)
    with pytest.raises(BundleError, match="does not fit its manifest"):
        read_bundle(small)


@pytest.mark.parametrize("name", ["main.mpy", "board.py", "vehicle.py"])
def test_a_bundle_that_could_not_start_is_refused_when_it_is_read(small: Path, name: str) -> None:
    whole = read_bundle(small)
    write_bundle(replace(whole, files={k: d for k, d in whole.files.items() if k != name}), small)
    with pytest.raises(BundleError, match=f"it has no {name}.*nothing was changed"):
        read_bundle(small)


@pytest.mark.parametrize("data", [b"", b"M", b"M\x06\x00", bytes(50)])
def test_a_bundle_whose_main_is_no_bytecode_is_refused(small: Path, data: bytes) -> None:
    whole = read_bundle(small)
    write_bundle(replace(whole, files={**whole.files, "main.mpy": data}), small)
    with pytest.raises(BundleError, match=r"main\.mpy is no bytecode.*nothing was changed"):
        read_bundle(small)


@pytest.mark.parametrize("name", ["we\nird.py", "fö.py", "a b.py", "x'.py", "a.py\n", "vcu/-x"])
def test_a_bundle_with_a_name_that_is_no_plain_word_is_refused(small: Path, name: str) -> None:
    whole = read_bundle(small)
    write_bundle(replace(whole, files={**whole.files, name: b"x"}), small)
    with pytest.raises(BundleError, match="other than letters and digits"):
        read_bundle(small)


@pytest.mark.parametrize("name", ["../slot", "/slot", "vcu/../../slot", "vcu//x", ".hidden"])
def test_a_manifest_that_reaches_outside_its_slot_is_refused(name: str) -> None:
    rows = [(name, 1, "00")]
    values = dict(zip(HEAD, ("1", "b", "v", "1.26.0"), strict=True))
    total = total_of(values.values(), rows)
    data = json.dumps({**values, "files": rows, "total": total}).encode()
    with pytest.raises(BundleError, match="outside"):
        parse_manifest(data)


@pytest.mark.parametrize("key", HEAD)
def test_the_sum_covers_what_the_manifest_says_of_itself(small: Path, key: str) -> None:
    values = json.loads(read_bundle(small).manifest)
    parse_manifest(json.dumps(values).encode())
    values[key] += "0"
    with pytest.raises(BundleError, match="does not fit its own sum"):
        parse_manifest(json.dumps(values).encode())


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"files": 3}', b"\xff", b"[" * 100000])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        parse_manifest(data)


def test_micropython_itself_reads_what_was_compiled(
    built: Bundle, tmp_path: Path, interpreter: str
) -> None:
    (tmp_path / "pedal.mpy").write_bytes(built.files["vcu/fixmath.mpy"])
    done = subprocess.run(
        [interpreter, "-c", "import pedal; print(pedal.div_round(7, 2))"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "4\n", done.stderr
