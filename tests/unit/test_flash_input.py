"""Flash input: what does not fit together is refused before, with what to do about it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.bundle import BundleError
from host_tools.cli import main, make_parser
from host_tools.flash_command import run
from host_tools.link import LinkError
from host_tools.slots import FlashError
from host_tools.versions_command import run_versions
from tests.unit.flashing import AT_PROMPT, NEW, OLD, Bench, losing
from tests.unit.folder_board import VEHICLE, flashed, make_bundle

LOCKED = LinkError(33, "locked", "needs level 1, service; nothing changed; `unlock` it first")


@pytest.fixture
def bench(own_folder: Path) -> Bench:
    return Bench(flashed(own_folder / "flash", OLD))


@pytest.mark.parametrize(
    ("option", "name"), [("--board", "esp32"), ("--vehicle", "four_wheel_72v_lfp")]
)
def test_another_board_or_vehicle_than_the_bundle_s_is_refused_before_a_port_is_opened(
    bench, option, name
) -> None:
    with pytest.raises(BundleError) as refusal:
        bench.flash(NEW, option, name)
    said = str(refusal.value)
    assert f"bundle.zip is for esp32_s3, {VEHICLE}, and {option} says {name}" in said
    assert "nothing was changed" in said and f"leave {option} out" in said
    assert bench.console.told == [] and bench.board.resets == 0


def test_the_board_and_the_vehicle_of_the_bundle_may_be_named(bench) -> None:
    assert bench.flash(NEW, "--board", "esp32_s3", "--vehicle", VEHICLE) == 0


@pytest.mark.parametrize(("option", "one"), [("--board", "esp32_s3"), ("--vehicle", VEHICLE)])
def test_a_board_or_vehicle_that_is_none_is_told_before_a_program_is_stopped(
    capsys, option, one
) -> None:
    assert main(["flash", "--yes", "--port", "./nowhere", option, "nonsense"]) == 2
    said = capsys.readouterr().err
    assert f"there is no {option} nonsense; nothing was changed" in said and one in said


def test_a_board_that_does_not_say_what_it_is_gets_the_names_there_are(bench, capsys) -> None:
    (bench.board.root / "board.py").write_bytes(b"")
    (bench.board.root / "a" / "manifest.json").unlink()
    bench.console.answers["id"] = AT_PROMPT
    assert run(make_parser().parse_args(["flash", "--yes", "--port", "P"]), bench.tools) == 1
    out = capsys.readouterr().out
    assert "give --board and --vehicle; boards: esp32, esp32_s3; vehicles: four_wheel" in out


def test_a_board_flashed_as_another_by_mistake_is_told_the_way_out_which_works(
    bench, capsys
) -> None:
    bench.console.answers["id"] = AT_PROMPT  # its pins are wrong: it does not start
    (bench.board.root / "records").mkdir()
    (bench.board.root / "records" / "odometer").write_bytes(b"12 km")
    other = make_bundle("1.0.0", board="esp32")
    about = replace(bench.board.about(), machine="linux")  # a chip that does not say its name
    bench.board._about = about
    assert bench.flash(other, "--force", "--root") == 1
    out = capsys.readouterr().out
    assert "this is a board 'esp32_s3'" in out and "keeps running" not in out
    told = re.search(r"`mpremote fs rm -r (.*?)`", out)[1].split()
    for name in told:
        path = bench.board.root / name.removeprefix(":/")
        for file in sorted(path.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        path.rmdir() if path.is_dir() else path.unlink()
    bench.console.answers["id"] = bench.identity
    assert bench.flash(other, "--force") == 0
    assert bench.board.read("/board.py") == other.files["board.py"]
    assert bench.board.read("/records/odometer") == b"12 km"


@pytest.mark.parametrize(
    ("path", "is_folder"),
    [("a", False), ("b", False), ("records", False), ("slot", True), ("slot.new", True)],
)
def test_what_has_a_name_of_ours_and_is_none_is_told_with_how_to_remove_it(
    own_folder, capsys, path, is_folder
) -> None:
    bench = Bench(flashed(own_folder / "flash"))
    thing = bench.board.root / path
    thing.mkdir() if is_folder else thing.write_bytes(b"x")
    bench.console.answers["id"] = AT_PROMPT
    assert bench.flash(NEW) == 1
    out = capsys.readouterr().out
    assert f"/{path} on the board is a {'folder' if is_folder else 'file'}, where" in out
    assert f"nothing was changed; remove it with `mpremote fs rm -r :/{path}`" in out
    with pytest.raises(FlashError, match="on the board is a"):
        run_versions(make_parser().parse_args(["versions", "--port", "P"]), bench.tools)
    assert thing.exists() and bench.board.operations == 0


def test_a_name_with_a_line_end_is_shown_as_one_line_and_does_not_keep_a_board_from_an_update(
    bench, capsys
) -> None:
    (bench.board.root / "a\nb.txt").write_bytes(b"x")
    (bench.board.root / "b").mkdir(exist_ok=True)
    (bench.board.root / "b" / "c\nd.py").write_bytes(b"x")
    assert bench.flash(NEW) == 0
    (bench.board.root / "b" / "c\nd.py").write_bytes(b"x")
    capsys.readouterr()
    args = make_parser().parse_args(["versions", "--port", "P"])
    run_versions(args, bench.tools)
    assert "slot b: 'c\\nd.py' is not of version 2.0.0" in capsys.readouterr().out


def test_the_key_of_a_locked_board_can_be_named_so_that_it_gets_its_parameters_back(
    bench, capsys
) -> None:
    losing(bench)
    Path("keys.txt").write_text("k1=" + "11" * 16)
    refusals = [LOCKED]

    def begin(line):
        if refusals:
            raise refusals.pop()
        return []

    nonce = "ab" * 16
    bench.console.answers |= {
        "restore": begin, "unlock": [f"nonce {nonce} id LSEV-0007"], "auth": [], "lock": [],
    }  # fmt: skip
    assert bench.flash(NEW, "--key", "keys.txt") == 0
    assert "parameters: 2 given back" in capsys.readouterr().out
    assert any(line.startswith("auth ") for line in bench.console.told)


@pytest.fixture
def my_car(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only vehicle's file, with a speed cap above the law in line 2."""
    presets = own_folder / "vehicles"
    presets.mkdir()
    for module in ("sim.vehicle", "host_tools.bundle"):
        monkeypatch.setattr(f"{module}.VEHICLES_DIR", presets)
    path = presets / f"{VEHICLE}.py"
    path.write_text('PARAMETERS = {\n    "speed_cap_kmh": 99,\n}\n', encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":2:5: speed_cap_kmh = 99 is outside 40 to 56 km/h; nothing was changed"),
        ('PARAMETERS = {"sped_cap_kmh": 45}\n', ":1:15: no parameter is called 'sped_cap_kmh'"),
        ("this is (not python", ":1:9: "),
    ],
)
def test_a_broken_vehicle_file_gets_into_no_bundle_and_is_told_by_line_and_column(
    bench, my_car: Path, capsys, text: str, told: str
) -> None:
    my_car.write_text(text or my_car.read_text())
    for words in (["--save-bundle", "x.zip"], ["--port", "P", "--yes"]):
        assert main(["flash", "--board", "esp32_s3", "--vehicle", VEHICLE, *words]) == 2
        assert f"lsev: {my_car.name}{told}" in capsys.readouterr().err
        assert not Path("x.zip").exists()
    args = make_parser().parse_args(["flash", "--yes", "--port", "P"])  # for what the board says
    before = bench.board.tree("")
    assert run(args, bench.tools) == 1
    assert f"FAIL: {my_car.name}{told}" in capsys.readouterr().out
    assert bench.board.tree("") == before


def test_a_board_s_file_that_is_no_python_gets_into_no_bundle(
    own_folder: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_folder / "mine").mkdir()
    (own_folder / "mine" / "board.py").write_text('NAME = "mine"\nKEY = \n', encoding="utf-8")
    monkeypatch.setattr("host_tools.bundle.BOARDS_DIR", own_folder)
    words = ["--board", "mine", "--vehicle", VEHICLE, "--save-bundle", "x.zip"]
    assert main(["flash", *words]) == 2
    assert "lsev: board.py:2:7: " in capsys.readouterr().err and not Path("x.zip").exists()


@pytest.mark.parametrize(("how", "status"), [("active", 1), ("stored", 0)])
def test_a_car_that_refuses_its_parameters_is_no_pass(
    bench, capsys, how: str, status: int
) -> None:
    said = f"92 P0610 parameters_conflict STOP {how} 1x at 0..0 s; heals"
    bench.console.answers["faults"] = lambda _: [said] if bench.starts() == "2.0.0" else []
    assert bench.flash(NEW) == status
    out = capsys.readouterr().out
    stands = how == "active"
    assert ("PASS" in out) != stands
    assert ("FAIL: version 2.0.0 in slot b runs, but the car does not drive" in out) == stands
    assert ("(P0610); parameters: the same 2 as before; mend" in out) == stands
